-- The evaluator's short cuts. Every answer is compared with one found in
-- another way, so each list of differences is empty.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
RESET client_min_messages;

-- A filter against a document, with the filter as a constant, which is put in
-- order before use, and as a value like any other.
CREATE FUNCTION pg_temp.as_constant(doc jsonb, filter text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
	result boolean;
BEGIN
	EXECUTE format('SELECT d OPERATOR(cirro.@@) %L::cirro.filter_query FROM (VALUES ($1)) v (d)', filter)
		INTO result USING doc;
	RETURN result;
END $$;

-- 1. Objects with many keys: the empty one, many of one length, prefixes.
CREATE TEMP TABLE object AS
SELECT n, jsonb_object_agg(key, value) AS doc
FROM unnest(ARRAY[0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 34, 47, 63, 64, 65, 66,
		96, 97, 127, 128, 129, 130, 200, 1000, 1500]) AS n,
	LATERAL (SELECT CASE i % 4
				WHEN 0 THEN left('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', i / 4)
				WHEN 1 THEN 'k' || lpad(i::text, 5, '0')
				WHEN 2 THEN md5(i::text)
				ELSE i::text END AS key,
			CASE i % 5
				WHEN 0 THEN to_jsonb(i)
				WHEN 1 THEN to_jsonb('v' || i)
				WHEN 2 THEN to_jsonb(i % 2 = 0)
				WHEN 3 THEN jsonb_build_object('x', i)
				ELSE jsonb_build_array(i, i + 1) END AS value
		FROM generate_series(0, n - 1) AS i) AS member
GROUP BY n;

SELECT count(*) AS objects, max(n) AS largest, bool_or(doc ? '') AS empty_key FROM object;

-- Every key has its value, and not another.
SELECT count(*) AS members,
	count(*) FILTER (WHERE NOT doc OPERATOR(cirro.@@) jsonb_build_object(key, value)::text::cirro.filter_query) AS not_found,
	count(*) FILTER (WHERE doc OPERATOR(cirro.@@) jsonb_build_object(key, 'other')::text::cirro.filter_query) AS wrong
FROM object, jsonb_each(doc);

-- Keys that may be there, beside those that are.
SELECT count(*) AS asked, count(*) FILTER (WHERE doc ? key) AS present,
	count(*) FILTER (WHERE doc OPERATOR(cirro.@@)
		jsonb_build_object(key, '{"$exists": true}'::jsonb)::text::cirro.filter_query <> (doc ? key)) AS wrong
FROM object, LATERAL (
	SELECT left('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', i) AS key FROM generate_series(0, 45) AS i
	UNION SELECT 'k' || lpad(i::text, 5, '0') FROM generate_series(0, 1510, 7) AS i
	UNION SELECT 'j99999' UNION SELECT 'l00000' UNION SELECT repeat('z', 100)
	UNION SELECT md5(i::text) FROM generate_series(0, 1510, 7) AS i) AS k;

-- Values behind them, in arrays: the offset of each element is right.
SELECT count(*) AS elements,
	count(*) FILTER (WHERE NOT doc OPERATOR(cirro.@@)
		jsonb_build_object('a.' || i - 1, e)::text::cirro.filter_query) AS not_found
FROM (SELECT jsonb_build_object('a', jsonb_agg(CASE i % 3 WHEN 0 THEN to_jsonb(i)
			WHEN 1 THEN to_jsonb('e' || i) ELSE jsonb_build_array(i) END ORDER BY i)) AS doc
	FROM generate_series(1, 140) AS i) AS d,
	LATERAL jsonb_array_elements(doc->'a') WITH ORDINALITY AS e (e, i);

-- 2. The same profile in every form that a table can keep it in.
CREATE TEMP TABLE stored (id int, short jsonb, plain jsonb, compressed jsonb, external jsonb,
	profile jsonb);
ALTER TABLE stored ALTER short SET STORAGE MAIN, ALTER plain SET STORAGE PLAIN,
	ALTER compressed SET STORAGE EXTENDED, ALTER external SET STORAGE EXTERNAL,
	ALTER profile SET STORAGE EXTERNAL;
INSERT INTO stored
SELECT i, doc, doc || '{"pad": "..............................................................................................................."}',
	doc || jsonb_build_object('pad', repeat('pad ', 2000)),
	doc || jsonb_build_object('pad', repeat('pad ', 2000)),
	doc || jsonb_build_object('pad', repeat('pad ', 2000))
FROM generate_series(1, 40) AS i,
	LATERAL (SELECT jsonb_build_object('n', i, 's', repeat('x', i % 7), 'a', jsonb_build_array(i % 3, i % 5)) AS doc) AS d;

SELECT max(pg_column_size(short)) < 127 AS short, min(pg_column_size(plain)) > 127 AS plain,
	bool_and(pg_column_compression(compressed) IS NOT NULL) AS compressed,
	bool_and(pg_column_compression(external) IS NULL AND pg_column_size(external) > 8000) AS external
FROM stored;

SELECT filter, count(*) FILTER (WHERE short OPERATOR(cirro.@@) filter::cirro.filter_query) AS matches,
	count(*) FILTER (WHERE short OPERATOR(cirro.@@) filter::cirro.filter_query <> coalesce(short @@ answer, false)) AS short,
	count(*) FILTER (WHERE plain OPERATOR(cirro.@@) filter::cirro.filter_query <> coalesce(short @@ answer, false)) AS plain,
	count(*) FILTER (WHERE compressed OPERATOR(cirro.@@) filter::cirro.filter_query <> coalesce(short @@ answer, false)) AS compressed,
	count(*) FILTER (WHERE external OPERATOR(cirro.@@) filter::cirro.filter_query <> coalesce(short @@ answer, false)) AS external,
	count(*) FILTER (WHERE cirro.matches(stored, filter::cirro.filter_query) <> coalesce(short @@ answer, false)) AS as_row
FROM (VALUES ('{"n": {"$gt": 30}}', '$.n > 30'::jsonpath),
		('{"s": "xxx", "a": 1}', '$.s == "xxx" && $.a == 1'),
		('{"a": {"$in": [0, 4]}}', '$.a == 0 || $.a == 4'),
		('{"$nor": [{"n": {"$gte": 10}}, {"s": ""}]}', '!($.n >= 10 || $.s == "")')) AS f (filter, answer),
	stored
GROUP BY filter ORDER BY filter;

-- With the filter as constants, in a scan.
SELECT (SELECT count(*) FROM stored WHERE short OPERATOR(cirro.@@) '{"n": {"$gt": 5, "$lte": 30}, "a": 2}') =
		(SELECT count(*) FROM stored WHERE short @@ '$.n > 5 && $.n <= 30 && $.a == 2'::jsonpath) AS short,
	(SELECT count(*) FROM stored WHERE compressed OPERATOR(cirro.@@) '{"n": {"$gt": 5, "$lte": 30}, "a": 2}') =
		(SELECT count(*) FROM stored WHERE short @@ '$.n > 5 && $.n <= 30 && $.a == 2'::jsonpath) AS compressed,
	(SELECT count(*) FROM stored WHERE external OPERATOR(cirro.@@) '{"n": {"$gt": 5, "$lte": 30}, "a": 2}') =
		(SELECT count(*) FROM stored WHERE short @@ '$.n > 5 && $.n <= 30 && $.a == 2'::jsonpath) AS external;

-- 3. Paths and conditions as jsonpath sees them, over arrays and objects in
-- all places, scalars as documents too.
CREATE TEMP TABLE doc AS
SELECT row_number() OVER (ORDER BY a, b) AS id, jsonb_strip_nulls(jsonb_build_object('a', a, 'b', b)) AS doc
FROM unnest(ARRAY[NULL, '3', '5', '3.0', '"x"', '"y"', 'true', '[]', '{}', '[2, 9]', '[[3]]', '["x", 3]', '{"b": 3}',
		'{"b": [1, 9], "c": "x"}', '{"b": {"c": 3}}', '{"b": [{"c": 1}, {"c": 9}], "c": 3}', '{"": 3, "b": ""}',
		'[{"b": 1, "c": 5}, {"b": 9}]', '[{"b": [2, 9]}, 3, [{"b": 3}]]', '[{"b": [[3]], "c": [2, 9]}]',
		'[{"b": {"c": [2, 9]}}, {"b": [{"c": 3}, {"c": "x"}]}]', '[[{"b": {"c": 3}}]]']::jsonb[]) AS a,
	unnest(ARRAY[NULL, '3', '[1, "x", true]', '{"c": 4}', '[{"c": 2}, {"c": 8}]']::jsonb[]) AS b
UNION ALL
SELECT 1000, '3' UNION ALL SELECT 1001, '"x"' UNION ALL SELECT 1002, 'true' UNION ALL SELECT 1003, 'null';

CREATE TEMP TABLE condition AS
SELECT row_number() OVER (ORDER BY path, op, value) AS id, path, op,
	CASE WHEN op = 'exists' THEN '{"$exists": true}' ELSE format('{"$%s": %s}', op, value) END AS operator,
	(CASE WHEN op = 'exists' THEN format('exists(%s)', names) ELSE
		format('%s %s %s', names, sign, value) END)::jsonpath AS answer
FROM (VALUES ('a'), ('b'), ('a.b'), ('a.c'), ('a.b.c'), ('b.c'), ('a.')) AS p (path),
	LATERAL (SELECT '$' || string_agg('."' || name || '"', '') AS names FROM string_to_table(path, '.') AS name) AS n,
	(VALUES ('eq', '=='), ('gt', '>'), ('gte', '>='), ('lt', '<'), ('lte', '<='), ('exists', '')) AS o (op, sign),
	(VALUES ('3'), ('4.5'), ('"x"'), ('""'), ('true')) AS v (value)
WHERE (op <> 'exists' OR value = '3') AND (op = 'eq' OR value <> 'true');

-- What each of the conditions says of each document.
ALTER TABLE doc ADD answers boolean[];
UPDATE doc SET answers = ARRAY(SELECT coalesce(doc @@ answer, false) FROM condition ORDER BY id);

SELECT count(*) AS cases, count(*) FILTER (WHERE answers[c.id]) AS matches,
	count(*) FILTER (WHERE answers[c.id] <>
		(doc OPERATOR(cirro.@@) jsonb_build_object(path, operator::jsonb)::text::cirro.filter_query)) AS wrong
FROM condition AS c, doc;

-- Two conditions on one path, the second negated or not.
SELECT count(*) AS cases, count(*) FILTER (WHERE answers[x] AND (answers[y] <> negated)) AS matches,
	count(*) FILTER (WHERE (answers[x] AND (answers[y] <> negated)) <> (doc OPERATOR(cirro.@@) filter)) AS wrong
FROM (SELECT x.id AS x, y.id AS y, negated,
		format(CASE WHEN negated THEN '{"%s": {%s, "$not": {%s}}}' ELSE '{"%s": {%s, %s}}' END,
			x.path, trim(x.operator, '{}'), trim(y.operator, '{}'))::cirro.filter_query AS filter
	FROM condition AS x JOIN condition AS y ON y.path = x.path, unnest(ARRAY[false, true]) AS negated
	WHERE (negated OR y.op > x.op) AND (x.id + y.id) % 4 = 0 OFFSET 0) AS f, doc;

-- Conditions on any paths in $and, $or and $nor, nested and not; put in order
-- as constants, they answer the same.
CREATE TEMP TABLE tree AS
SELECT n, pick, format(form, filters[1], filters[2], filters[3], filters[4]) AS filter
FROM (VALUES (1, '{"$and": [%s, %s, %s, %s]}'),
		(2, '{"$or": [%s, %s, %s, %s]}'),
		(3, '{"$nor": [%s, %s, %s, %s]}'),
		(4, '{"$and": [%s, {"$or": [%s, {"$nor": [%s, %s]}]}]}'),
		(5, '{"$or": [%s, {"$and": [%s, {"$nor": [{"$and": [%s, %s]}]}]}]}'),
		(6, '{"$nor": [{"$nor": [{"$and": [%s, %s]}]}, {"$nor": [%s, %s]}]}')) AS f (n, form),
	generate_series(1, 40) AS i,
	LATERAL (SELECT ARRAY[1 + (i * 7919 + n * 10472) % 154, 1 + (i * 6007 + n * 50021) % 154,
		1 + (i * 3001 + n * 7001) % 154, 1 + (i * 1009 + n * 9001) % 154] AS pick) AS p,
	LATERAL (SELECT array_agg(jsonb_build_object(path, operator::jsonb) ORDER BY o) AS filters
		FROM unnest(pick) WITH ORDINALITY AS u (id, o) JOIN condition USING (id)) AS c;

SELECT n, count(*) AS cases, count(*) FILTER (WHERE answer) AS matches,
	count(*) FILTER (WHERE answer <> (doc OPERATOR(cirro.@@) filter::cirro.filter_query)) AS wrong,
	count(*) FILTER (WHERE id % 10 = 0 AND answer <> pg_temp.as_constant(doc, filter)) AS wrong_constant
FROM (SELECT n, id, doc, filter, CASE n
			WHEN 1 THEN x AND y AND z AND v
			WHEN 2 THEN x OR y OR z OR v
			WHEN 3 THEN NOT (x OR y OR z OR v)
			WHEN 4 THEN x AND (y OR NOT (z OR v))
			WHEN 5 THEN x OR (y AND NOT (z AND v))
			ELSE NOT (NOT (x AND y) OR NOT (z OR v)) END AS answer
		FROM tree, doc, LATERAL (SELECT answers[pick[1]] AS x, answers[pick[2]] AS y,
			answers[pick[3]] AS z, answers[pick[4]] AS v) AS a) AS t
GROUP BY n ORDER BY n;

-- More conditions on one path than one walk decides.
SELECT n, count(*) FILTER (WHERE answer) AS matches,
	count(*) FILTER (WHERE doc OPERATOR(cirro.@@) filter::cirro.filter_query <> answer) AS wrong,
	count(*) FILTER (WHERE pg_temp.as_constant(doc, filter) <> answer) AS wrong_constant
FROM unnest(ARRAY[2, 31, 32, 33, 64, 65, 100]) AS n,
	LATERAL (SELECT jsonb_build_object('a', jsonb_agg(jsonb_build_object('b', i))) AS doc, k
		FROM generate_series(0, 100) AS k, generate_series(1, k) AS i
		WHERE k IN (0, 1, 2, 30, 31, 32, 33, 34, 63, 64, 65, 66, 99, 100) GROUP BY k) AS d,
	LATERAL (SELECT jsonb_build_object('$and', jsonb_agg(jsonb_build_object('a.b', i)))::text AS filter, k >= n AS answer
		FROM generate_series(1, n) AS i
		UNION ALL
		SELECT jsonb_build_object('$nor', jsonb_agg(jsonb_build_object('a.b', i + 50)))::text, k <= 50
		FROM generate_series(1, n) AS i
		UNION ALL
		SELECT jsonb_build_object('$or', jsonb_agg(jsonb_build_object('a.b', jsonb_build_object('$ne', i))))::text, k < n
		FROM generate_series(1, n) AS i) AS f
GROUP BY n ORDER BY n;

-- 4. What has no jsonpath: elements picked by position, arrays in arrays and
-- as documents.
SELECT doc, filter, doc::jsonb OPERATOR(cirro.@@) filter::cirro.filter_query AS matches,
	pg_temp.as_constant(doc::jsonb, filter) = (doc::jsonb OPERATOR(cirro.@@) filter::cirro.filter_query) AS same
FROM (VALUES
	('{"a": [2, 9]}', '{"a": {"$gt": 3, "$lt": 5}}'),
	('{"a": [2, 9]}', '{"a": {"$elemMatch": {"$gt": 3, "$lt": 5}}}'),
	('{"a": [{"b": 2}, {"b": 9}]}', '{"a.b": {"$gt": 3, "$lt": 5}}'),
	('{"a": [{"b": 2}, {"b": 9}]}', '{"a": {"$elemMatch": {"b": {"$gt": 3, "$lt": 5}}}}'),
	('{"a": [{"b": 2, "c": 1}, {"b": 9}]}', '{"a": {"$elemMatch": {"b": 2, "c": {"$exists": true}}}}'),
	('{"a": [{"b": 2}, {"b": 9, "c": 1}]}', '{"a": {"$elemMatch": {"b": 2, "c": {"$exists": true}}}}'),
	('{"a": [7, [8]]}', '{"a.1": {"$gt": 7, "$lt": 9}}'),
	('{"a": [7, 8]}', '{"a.1": {"$gt": 7, "$lt": 9}}'),
	('{"a": [{"1": 2}, 9]}', '{"a.1": {"$gt": 3, "$lt": 5}}'),
	('{"a": [[{"b": 2}, {"b": 9}]]}', '{"a.0.b": {"$gt": 3, "$lt": 5}}'),
	('[7, 8]', '{"0": 7, "1": {"$gte": 8, "$lt": 9}}'),
	('[{"a": 1}]', '{"a": 1}'),
	('[{"a": 1}]', '{"0.a": {"$gte": 1, "$lte": 1}}'),
	('5', '{"a": {"$exists": false}, "a.b": {"$ne": 1, "$not": {"$gt": 1}}}'),
	('"a"', '{"a": null}'),
	('{"a": {"b": null}}', '{"a.b": {"$gte": null, "$exists": true}}'),
	('{"a": {}}', '{"a.b": {"$gte": null, "$exists": true}}')) AS v (doc, filter);

-- 5. A parameter may change where a constant may not.
CREATE FUNCTION pg_temp.changing(filters text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text := '';
	filter cirro.filter_query;
	doc jsonb := '{"a": 1}';
BEGIN
	FOR i IN 1 .. 8 LOOP
		filter := filters[1 + i % 2];
		result := result || CASE WHEN doc OPERATOR(cirro.@@) filter THEN 'T' ELSE 'F' END;
	END LOOP;
	RETURN result;
END $$;
SELECT pg_temp.changing('{"{\"a\": 1}", "{\"a\": 2}"}');
SET plan_cache_mode = force_generic_plan;
PREPARE generic (cirro.filter_query) AS SELECT '{"a": 1}'::jsonb OPERATOR(cirro.@@) $1;
EXECUTE generic ('{"a": 1}');
EXECUTE generic ('{"a": 2}');
RESET plan_cache_mode;

-- 6. Patterns whose first letters are looked at before the engine is asked,
-- against all strings of up to three out of six characters.
WITH RECURSIVE string AS (
	SELECT '' AS s UNION ALL
	SELECT s || c FROM string, unnest(ARRAY['a', 'b', '.', E'\n', ' ', 'ä']) AS c WHERE length(s) < 3
), pattern AS (
	SELECT p FROM unnest(ARRAY['', '^', '$', '^$', 'a', '^a', 'a$', '^a$', 'ab', '^ab', 'ab$', '^ab$', 'aab', 'aba',
		'ab*', 'ab+', 'ab?', 'ab{0}', 'ab{2}', 'ab{1,}', '^ab*$', '^b?$', 'a*', 'ab*?a', 'a\.', '^\.', '\.$', 'a\.b', 'a\.*b',
		'a.b', '.', 'a|b', '^a|b$', 'ab|', 'a(b|a)', 'a[b.]', 'ab(?!a)', '(?:ab)', 'a\y', '\ma', 'ab\M', 'ab\Z', '\Aab',
		'a b', 'a$b', 'a^b', 'a\n', E'a\n', 'a\x62', 'ä', 'aä', 'aä*', 'a\s', 'a\S', 'a ', ' ', 'a()', 'a[[:alpha:]]',
		'abababab', 'a\\', 'b\*', 'a-b', 'a{', '^a.*b$', '^ab.', 'bb.$']) AS p
), option AS (
	SELECT * FROM (VALUES ('', 'p'), ('s', 's'), ('m', 'n'), ('i', 'pi'), ('ms', 'w'), ('x', 'px')) AS o (ours, theirs)
)
SELECT ours, count(*) AS cases, count(*) FILTER (WHERE answer) AS matches,
	count(*) FILTER (WHERE jsonb_build_object('a', s) OPERATOR(cirro.@@) filter <> answer) AS wrong
FROM pattern, option,
	LATERAL (SELECT jsonb_build_object('a', jsonb_build_object('$regex', p, '$options', ours))::text::cirro.filter_query AS filter OFFSET 0) AS f,
	string, LATERAL (SELECT s ~ ('(?' || theirs || ')' || p) COLLATE "C" AS answer OFFSET 0) AS a
GROUP BY ours ORDER BY ours;

-- 7. The same for what a pattern's literals may be read wrongly from: how often
-- the last character comes, what is in brackets, escapes, comments and blanks,
-- anchors in the middle, conditions, and where a set of literals is too large.
WITH RECURSIVE string AS (
	SELECT '' AS s UNION ALL
	SELECT s || c FROM string, unnest(ARRAY['a', 'B', ']', E'\n', '#', 'é']) AS c WHERE length(s) < CASE WHEN c IN ('a', 'B', ']') THEN 3 ELSE 2 END
), pattern AS (
	SELECT p FROM unnest(ARRAY['(a|B)(a|])', '^(a|B)(a|])$', '(^a|B$)', '^a$|^B$', '^a|B', 'a|', '|a', '(|a)B', 'a(|B)]', '()', '^()$',
		'a{0}B', '(aB){0}', '(aB){1}', '(aB){0}]', '(a|B){2}', '(a|B){2}$', '^(a|B){2,}$', 'a{2}', 'a{1,2}B', 'a{2}?', 'a+?B', 'a??B', 'a*?B$',
		'aB+]', 'a+B+', '(aB)+', '(aB)?]', '(a.B|]a)', '(a.B|)', '(.a|B.)$', '((a|B)|(]|-))a', '(((((((((a)))))))))', 'a((((((((((B))))))))))',
		'[a]', '[aB]]', '[]a]', '[^]a]', '[^a]B', '[a-b]B', '[-a]B', '[a-]B', '[[:alpha:]]B', '[[.].]]a', '[[=a=]]B', '[[.a.]]', '[a[]B',
		'[\]]a', '[\\]a', '[\s]a', '[a\n]B', '[\x61]B', '[é]', '[aé]a', '[^é]', 'é+a', 'aé*', 'aé?B', 'é{2}', '(é|a)+', '[\c]]a', '[^\c]]a',
		'\x61B', '\x61', '\u0061', '\U00000061', '\u00e9', '\xe9a', '\n', '\r|a', '\a|B', '\0?a', '\141', '\ca?B', '\Ba', '\B?a', '\éa', '\]', '\#',
		'a^B', 'a$B', '(a$|B)(]|)', '^^a', 'a$$', '(^)*a', '(^a)*B', '(^a)+', '(^|B)a', 'a($|B)', '(^a|B)+a', '(a$)?', '(^)a', '(a^)?B', 'a$|^B', '^$|a',
		'\Aa', 'a\Z', '\Aa\Z', '(\A|B)a', 'a(\Z|])', '\ya', 'a\y', '\ma', 'a\M', 'a\Y', 'a\YB', '[[:<:]]a', 'a[[:>:]]', '\y', '\m|a',
		'a(?=B)', 'a(?!B)', '(?<=a)B', '(?<!a)B', '(?=a)', '(?!a)B', '(?=a|B)a', '(?!)', '(?=)', '(?=^)a', 'a(?=$)', '(a(?=B)|B)',
		'a(?#B)', 'a(?#B)*B', '(?#)a', 'a(?#*', '(?#(a)B', 'a(?#x){2}', 'a(?#|B)]', '(?:a(?#))B', '(?:a|B)*]', '(?:aB)+?$',
		'a B', 'a #B', E'a#B\nB', 'a *', 'a {2}', 'a{ 2 }', E'a\t+', '\ a', '\#a', '[ a]', '[#]a', '( a | B )', 'a (?#B) B', E' a # ]\n|B', 'a{ B',
		'a{', 'a{B', '{', '{a', 'a}', '}', ']', 'a]', 'a\{', 'aB.', '.aB', 'a.B', 'a\dB', 'a\D', '\wB', '\W', '\sa', 'a.*]B', '^a.*B$', '^aB|^a]', '^(aB|a)',
		'(a|B|]|-|é){2}', '(a|B|]|-|é){3}', '^(a|B|]|-|é){2}$', '([aB][aB][aB][aB][aB][aB]|])', '(aaaaaaaaaaaaaaaaaaaa){60}',
		'[aB][aB][aB][aB][aB]', '[aB][aB][aB]', '[aB][aB]+[aB]', 'AbB', 'Ab', '\x41', '[A]b', 'A+b', 'É', '[É]']) AS p
), option AS (
	SELECT * FROM (VALUES ('', 'p'), ('im', 'ni'), ('x', 'px'), ('isx', 'six')) AS o (ours, theirs)
), answer AS (
	SELECT ours, p, s, s ~ ('(?' || theirs || ')' || p) COLLATE "C" AS theirs,
		jsonb_build_object('a', s) OPERATOR(cirro.@@) filter AS ours_is
	FROM pattern, option,
		LATERAL (SELECT jsonb_build_object('a', jsonb_build_object('$regex', p, '$options', ours))::text::cirro.filter_query AS filter OFFSET 0) AS f,
		string
)
SELECT ours, count(*) AS cases, count(*) FILTER (WHERE theirs) AS matches, count(*) FILTER (WHERE ours_is <> theirs) AS wrong,
	array_agg(DISTINCT p) FILTER (WHERE ours_is <> theirs) AS wrongly
FROM answer GROUP BY ours ORDER BY ours;
-- Literals that reject nothing are left alone for a while; that changes no answer.
SELECT count(*) AS strings, count(*) FILTER (WHERE s ~ 'ab\d+$') AS matches,
	count(*) FILTER (WHERE jsonb_build_object('a', s) OPERATOR(cirro.@@) '{"a": {"$regex": "ab\\d+$"}}' <> (s ~ 'ab\d+$')) AS wrong
FROM generate_series(1, 12000) AS i,
	LATERAL (SELECT CASE WHEN i % 1000 < 900 THEN 'ab' ELSE 'a' END || i || CASE WHEN i % 3 = 0 THEN 'x' ELSE '' END AS s OFFSET 0) AS l;
