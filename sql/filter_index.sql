-- What an index of class profile_ops holds, what it is searched for, and that
-- every way of asking uses it. That its answers are right is for
-- test/fuzz/filter_differential.sql to find out.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
CREATE SCHEMA filter_index;
SET search_path = filter_index;
RESET client_min_messages;
SET max_parallel_workers_per_gather = 0;

SELECT opcname, amvalidate(oid) FROM pg_opclass WHERE opcname = 'profile_ops';

-- Keys of a document: of each path its values, once each; arrays with their
-- length, what is in arrays in them not; that there are several values.
SELECT unnest(cirro.index_keys('{"a": 1, "b": "x", "c": true, "d": null, "e": {}, "f": [], "g": [[], [1]], "": {"": 0}}')) AS key;
SELECT unnest(cirro.index_keys('{"a": [1, 1.0, "x", {"b": 2, "c": [3, 4]}, {"b": 2}, [{"b": 5}]]}')) AS key;
-- Names that no path leads to have none; nor has what is no object.
SELECT unnest(cirro.index_keys('{"a.b": 1, "a": {"b.c": 2, "0": 3}}')) AS key;
SELECT cirro.index_keys('[{"a": 1}]') AS list, cirro.index_keys('5') AS scalar, cirro.index_keys('{}') AS empty;
-- Long paths, texts and numbers are cut, texts at a whole character.
SELECT unnest(cirro.index_keys(jsonb_build_object(repeat('p', 24), 1, repeat('p', 25), 2, 's52', repeat('s', 50), 's53', repeat('s', 51),
	'é', repeat('é', 40), 'n48', repeat('1234', 12)::numeric, 'n49', (repeat('1234', 12) || '5')::numeric,
	'-49', ('-' || repeat('1234', 12) || '5')::numeric))) AS key;
-- Deep ones end where paths of filters do.
SELECT array_length(cirro.index_keys((repeat('{"a":', n) || '1' || repeat('}', n))::jsonb), 1) AS keys
FROM unnest(ARRAY[63, 64, 65, 500]) n;

-- What is searched for, of each operator.
SELECT filter, cirro.index_search(filter::cirro.filter_query) AS search FROM unnest(ARRAY[
	'{}', '{"a": 1}', '{"a": 1.50}', '{"a": "x"}', '{"a": true}', '{"a": null}', '{"a": []}', '{"a": [1]}', '{"a": {}}', '{"a": {"b": 1}}',
	'{"a.b.c": 1}', '{"a.0": 1}', '{"a.01": 1}', '{"": 1}', '{"a": 1, "b": 2}',
	'{"a": {"$ne": 1}}', '{"a": {"$gt": 1}}', '{"a": {"$gte": 1}}', '{"a": {"$lt": 1}}', '{"a": {"$lte": "x"}}', '{"a": {"$gt": false}}',
	'{"a": {"$gt": null}}', '{"a": {"$gte": null}}', '{"a": {"$gt": [1]}}', '{"a": {"$lt": {"b": 1}}}',
	'{"a": {"$gt": 1, "$lt": 5}}', '{"a": {"$gte": 1, "$lt": "x"}}', '{"a": {"$gt": 5, "$lt": 1}}',
	'{"$and": [{"a": {"$gt": 1}}, {"b": {"$lt": 3}}, {"a": {"$lte": 5}}, {"a": {"$gt": 2}}]}',
	'{"a": {"$in": []}}', '{"a": {"$in": [1]}}', '{"a": {"$in": [1, "x", true]}}', '{"a": {"$in": [1, null]}}', '{"a": {"$in": [1, [2], {}]}}',
	'{"a": {"$nin": []}}', '{"a": {"$nin": [1]}}', '{"a": {"$all": []}}', '{"a": {"$all": [1, 2]}}',
	'{"a": {"$all": [{"$elemMatch": {"b": 1}}, {"$elemMatch": {"c": 2}}]}}',
	'{"a": {"$exists": true}}', '{"a": {"$exists": false}}', '{"a": {"$type": "number"}}', '{"a": {"$type": "array"}}',
	'{"a": {"$type": ["null", "object"]}}', '{"a": {"$size": 0}}', '{"a": {"$size": 2}}', '{"a": {"$mod": [2, 1]}}', '{"a": {"$regex": "x"}}',
	'{"a": {"$not": {"$gt": 1}}}', '{"$or": [{"a": 1}, {"b": 2}]}', '{"$or": [{"a": 1}, {"b": null}]}', '{"$nor": [{"a": 1}]}',
	'{"$or": [{}, {"a": 1}]}', '{"a": 1, "$or": [{"b": 1}, {"c": 1, "d": 1}]}',
	'{"a": {"$elemMatch": {"b": 1, "c": 2}}}', '{"a": {"$elemMatch": {"b": {"$gt": 1, "$lt": 5}}}}', '{"a": {"$elemMatch": {"$gt": 1, "$lt": 5}}}',
	'{"a": {"$elemMatch": {"$size": 1}}}', '{"a": {"$elemMatch": {"$in": []}}}', '{"a": {"$elemMatch": {}}}', '{"a": {"$elemMatch": {"0": 1}}}',
	'{"a": {"$elemMatch": {"b": {"$elemMatch": {"c": 1}}}}}', '{"a": {"$elemMatch": {"$elemMatch": {"$gt": 1}}}}']) filter;
-- Patterns that are tied to a beginning; times, of which the hour is kept.
SELECT cirro.index_search(filter::cirro.filter_query) FROM unnest(ARRAY[
	'{"a": {"$regex": "^ab"}}', '{"a": {"$regex": "^ab$"}}', '{"a": {"$regex": "^ab*c"}}', '{"a": {"$regex": "^ab|c"}}',
	'{"a": {"$regex": "^ab", "$options": "i"}}', '{"a": {"$regex": "^\\.a"}}', '{"a": {"$regex": "^2024-11-19T22:5"}}',
	'{"a": "2024-11-19T22:57:13Z"}', '{"a": {"$gte": "2024-11-19", "$lt": "2024-11-19T22:57"}}', '{"a": {"$gt": "2024-11-19T2"}}']) filter;
-- What alternatives and repetitions begin with in common.
SELECT pattern, options, cirro.index_search(jsonb_build_object('a', jsonb_build_object('$regex', pattern, '$options', options))::text::cirro.filter_query) FROM (VALUES
	('^(ab|ac)d$', ''), ('^(abc|ab)', ''), ('^ab|^abc', ''), ('^ab|^c', ''), ('^ab\d|^ac', ''), ('^(ab|c)?', ''), ('(^ab|^abc\y)', ''), ('^a{3}b?', ''), ('^ab+c', ''),
	('^ab?c', ''), ('^(?:ab)+$', ''), ('^ab{0}', ''), ('^a(?=c)b', ''), ('\Aab', ''), ('^ab\Z', ''), ('^ab', 'm'), ('\Aab', 'm'), ('^a b # c', 'x'), ('^ab', 's'),
	('^\x61[b]', ''), ('^é', ''), ('^(éa|éb)', ''), ('^a[éè]', ''), ('x^ab', ''), ('x*^ab', ''), ('^(a{200}){4}', '')) AS v (pattern, options);
SELECT unnest(cirro.index_keys('{"t": ["2024-11-19T22:57:13Z", "2024-11-19 22:58", "2024-11-19T2", "2024-11-19x22:57"]}'));
-- Of an object in an array each two scalar members are a key, too, if there are
-- no more than four; an array among them, or more, is a key as well.
SELECT unnest(cirro.index_keys('{"a": [{"x": 1, "y": 2, "z": 3, "n": null, "o": {}}]}'));
SELECT unnest(cirro.index_keys('{"a": [{"x": 1, "y": [2]}]}'));
SELECT cirro.index_keys('{"a": [{"v": 1, "w": 2, "x": 3, "y": 4}]}') || ARRAY['"a": an object without pairs']
	<@ cirro.index_keys('{"a": [{"v": 1, "w": 2, "x": 3, "y": 4, "z": 5}]}') AS as_with_four;
SELECT cirro.index_keys('{"a": {"x": 1, "y": 2}}') AS not_in_an_array;
SELECT cirro.index_search(filter::cirro.filter_query) FROM unnest(ARRAY[
	'{"a": {"$elemMatch": {"x": 1, "y": null}}}', '{"a": {"$elemMatch": {"x": 1, "y": [2]}}}', '{"a": {"$elemMatch": {"x": 1, "y.z": 2}}}',
	'{"a": {"$elemMatch": {"x": 1, "$or": [{"y": 2}, {"z": 3}]}}}', '{"a": {"$elemMatch": {"x": 1, "y": {"$gt": 2}}}}']) filter;
-- A long list is one search; long paths, texts and numbers need a recheck.
SELECT cirro.index_search(jsonb_build_object('a', jsonb_build_object('$in', (SELECT jsonb_agg(i) FROM generate_series(1, n) i)))::cirro.filter_query)
FROM unnest(ARRAY[2, 33, 10000]) n;
SELECT cirro.index_search(jsonb_build_object(repeat('p', 25), 1)::cirro.filter_query) AS path,
	cirro.index_search(jsonb_build_object('a', jsonb_build_object('$lt', repeat('s', 60)))::cirro.filter_query) AS text,
	cirro.index_search(jsonb_build_object('a', jsonb_build_object('$gte', repeat('1234', 13)::numeric))::cirro.filter_query) AS number;
-- Of more entries than a search may have, none.
SELECT cirro.index_search(jsonb_build_object('$or', (SELECT jsonb_agg(jsonb_build_object('a', jsonb_build_object('$in',
	(SELECT jsonb_agg(i * 100 + k) FROM generate_series(1, 32) k)))) FROM generate_series(1, 300) i))::cirro.filter_query);

-- All four ways of asking use the index.
CREATE TABLE worker (id int PRIMARY KEY, profile jsonb, active boolean);
INSERT INTO worker SELECT i, jsonb_build_object('city', 'City ' || i % 100, 'rating', i % 50 / 10.0, 'tags', jsonb_build_array(i % 7, i % 3)), i % 2 = 0
FROM generate_series(1, 5000) i;
INSERT INTO worker VALUES (0, NULL, true);
CREATE INDEX worker_profile ON worker USING gin (profile cirro.profile_ops);
CREATE STATISTICS worker_stats ON (cirro.profile_stats(profile)) FROM worker;
VACUUM ANALYZE worker;
EXPLAIN (COSTS OFF) SELECT * FROM worker w WHERE w.profile OPERATOR(cirro.@@) '{"city": "City 7"}';
EXPLAIN (COSTS OFF) SELECT * FROM worker w WHERE w OPERATOR(cirro.@@) '{"city": "City 7"}';
EXPLAIN (COSTS OFF) SELECT * FROM worker w WHERE cirro.matches(w.profile, '{"city": "City 7"}');
EXPLAIN (COSTS OFF) SELECT * FROM worker w WHERE cirro.matches(w, '{"city": "City 7"}');
SELECT count(*) FROM worker w WHERE w OPERATOR(cirro.@@) '{"city": "City 7"}';
-- And a search of everything, which is not the planner's choice.
SET enable_seqscan = off;
SELECT count(*) FROM worker w WHERE w OPERATOR(cirro.@@) '{}';
SELECT count(*) FROM worker w WHERE w OPERATOR(cirro.@@) '{"city": {"$ne": "City 7"}}';
SELECT count(*) FROM worker w WHERE w OPERATOR(cirro.@@) '{"city": {"$in": []}}';
SELECT count(*) FROM worker w WHERE w OPERATOR(cirro.@@) NULL;
SELECT count(*) FROM worker w WHERE w OPERATOR(cirro.@@) '{"city": "City 7"}' AND w OPERATOR(cirro.@@) '{"tags": {"$gt": 1, "$lt": 3}}';
SELECT count(*) FROM worker w WHERE w OPERATOR(cirro.@@) '{"city": "City 7"}' OR w OPERATOR(cirro.@@) '{"city": "City 8"}';
RESET enable_seqscan;

-- So does a role that sees part of the rows: the match comes before the policy.
CREATE ROLE regress_cirro_index;
GRANT USAGE ON SCHEMA filter_index TO regress_cirro_index;
GRANT SELECT ON worker TO regress_cirro_index;
ALTER TABLE worker ENABLE ROW LEVEL SECURITY;
CREATE POLICY active ON worker USING (active);
SET ROLE regress_cirro_index;
EXPLAIN (COSTS OFF) SELECT * FROM worker w WHERE w OPERATOR(cirro.@@) '{"city": "City 8"}';
SELECT count(*) FROM worker w WHERE w OPERATOR(cirro.@@) '{"city": "City 8"}';
RESET ROLE;
ALTER TABLE worker DISABLE ROW LEVEL SECURITY;

-- A partial index, and one on a part of the document.
DROP INDEX worker_profile;
CREATE INDEX worker_active ON worker USING gin (profile cirro.profile_ops) WITH (fastupdate = off) WHERE active;
EXPLAIN (COSTS OFF) SELECT * FROM worker w WHERE w OPERATOR(cirro.@@) '{"city": "City 8"}' AND active;
SELECT count(*) FROM worker w WHERE w OPERATOR(cirro.@@) '{"city": "City 8"}' AND active;
CREATE TABLE form (id int, data jsonb);
INSERT INTO form SELECT id, jsonb_build_object('x', profile, 'y', 1) FROM worker;
CREATE INDEX form_x ON form USING gin ((data -> 'x') cirro.profile_ops);
CREATE STATISTICS form_stats ON (cirro.profile_stats(data -> 'x')) FROM form;
VACUUM ANALYZE form;
EXPLAIN (COSTS OFF) SELECT * FROM form WHERE data -> 'x' OPERATOR(cirro.@@) '{"city": "City 7"}';
SELECT count(*) FROM form WHERE data -> 'x' OPERATOR(cirro.@@) '{"city": "City 7"}';

-- Whatever is in a document, it goes into the index and is found: texts that
-- are longer than an entry may be, large and deep documents.
CREATE TABLE odd (id int, profile jsonb);
CREATE INDEX odd_profile ON odd USING gin (profile cirro.profile_ops) WITH (fastupdate = off);
INSERT INTO odd SELECT i, jsonb_build_object('text', (SELECT string_agg(md5((i * 1000 + k)::text), '') FROM generate_series(1, 100) k))
FROM generate_series(1, 100) i;
INSERT INTO odd SELECT 1000, jsonb_build_object('list', (SELECT jsonb_agg(i) FROM generate_series(1, 100000) i));
INSERT INTO odd SELECT 1001, jsonb_build_object('list', (SELECT jsonb_agg(jsonb_build_object('n', i, 's', 'text ' || i)) FROM generate_series(1, 30000) i));
INSERT INTO odd SELECT 1002, jsonb_object_agg('name ' || i, repeat('x', i % 100)) FROM generate_series(1, 20000) i;
INSERT INTO odd SELECT 1003, (repeat('{"a":', 1500) || '1' || repeat('}', 1500))::jsonb;
INSERT INTO odd SELECT 1004, (repeat('{"a":[', 1500) || '1' || repeat(']}', 1500))::jsonb;
INSERT INTO odd SELECT 1005, jsonb_build_object('text', repeat('é', 600000));
SELECT id, pg_column_size(profile::text) > 500000 AS large FROM odd WHERE id >= 1000 ORDER BY id;
SET enable_seqscan = off;
SELECT id FROM odd WHERE profile OPERATOR(cirro.@@) jsonb_build_object('text',
	(SELECT string_agg(md5((42 * 1000 + k)::text), '') FROM generate_series(1, 100) k))::cirro.filter_query;
SELECT id FROM odd WHERE profile OPERATOR(cirro.@@) '{"list": 99999}';
SELECT id FROM odd WHERE profile OPERATOR(cirro.@@) '{"list": {"$elemMatch": {"n": 29999, "s": "text 29999"}}}';
SELECT id FROM odd WHERE profile OPERATOR(cirro.@@) '{"list": {"$elemMatch": {"n": 29999, "s": "text 2"}}}';
SELECT id FROM odd WHERE profile OPERATOR(cirro.@@) '{"name 19999": {"$gt": "xx"}}';
SELECT id FROM odd WHERE profile OPERATOR(cirro.@@) '{"a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a": {"$type": "object"}}' ORDER BY 1;
SELECT id FROM odd WHERE profile OPERATOR(cirro.@@) '{"text": {"$gt": "é", "$lt": "éééé"}}';
SELECT id FROM odd WHERE profile OPERATOR(cirro.@@) jsonb_build_object('text', jsonb_build_object('$gt', repeat('é', 50000)))::cirro.filter_query;
REINDEX INDEX odd_profile;
SELECT id FROM odd WHERE profile OPERATOR(cirro.@@) '{"list": 99999}';
RESET enable_seqscan;
-- ANALYZE looks into them, too.
CREATE STATISTICS odd_stats ON (cirro.profile_stats(profile)) FROM odd;
ANALYZE odd;
SELECT count(*) FROM odd WHERE profile OPERATOR(cirro.@@) '{"list": {"$gt": 5}}';

-- Bitmaps of ranges that do not fit into work_mem lose no rows: on each page the
-- first row has both ends of a range, the second something else.
CREATE TABLE wide (profile jsonb, pad text);
ALTER TABLE wide ALTER COLUMN pad SET STORAGE plain;
INSERT INTO wide SELECT CASE WHEN i % 2 = 0 THEN '{"s": "x"}' WHEN i % 3 = 0 THEN '{"n": [2, 7]}' ELSE '{"n": [9, 7, 1]}' END::jsonb, repeat('x', 3900)
FROM generate_series(1, 4000) i;
CREATE INDEX wide_profile ON wide USING gin (profile cirro.profile_ops);
CREATE STATISTICS wide_stats ON (cirro.profile_stats(profile)) FROM wide;
VACUUM ANALYZE wide;
SET work_mem = '64kB';
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM wide WHERE profile OPERATOR(cirro.@@) '{"$or": [{"n": {"$gt": 1, "$lte": 8}}, {"s": "x"}]}';
SELECT cirro.index_search('{"$or": [{"n": {"$gt": 1, "$lte": 8}}, {"s": "x"}]}');
SELECT count(*) FROM wide WHERE profile OPERATOR(cirro.@@) '{"$or": [{"n": {"$gt": 1, "$lte": 8}}, {"s": "x"}]}';
RESET enable_seqscan;
RESET work_mem;

-- Only an index makes keys.
SELECT 'x'::cirro.profile_key;

-- The estimate is meant for @@; an operator on other types, which needs a
-- superuser to have it, gets a constant.
CREATE FUNCTION other(jsonb, text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN false; END';
CREATE FUNCTION other(text, cirro.filter_query) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN false; END';
CREATE FUNCTION other(int, int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN false; END';
CREATE FUNCTION other(cirro.filter_query, jsonb) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN false; END';
CREATE FUNCTION other(jsonb) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN false; END';
CREATE OPERATOR @~ (FUNCTION = other, LEFTARG = jsonb, RIGHTARG = text, RESTRICT = cirro.matches_sel);
CREATE OPERATOR @~ (FUNCTION = other, LEFTARG = text, RIGHTARG = cirro.filter_query, RESTRICT = cirro.matches_sel);
CREATE OPERATOR @~ (FUNCTION = other, LEFTARG = int, RIGHTARG = int, RESTRICT = cirro.matches_sel);
CREATE OPERATOR @~ (FUNCTION = other, LEFTARG = cirro.filter_query, RIGHTARG = jsonb, RESTRICT = cirro.matches_sel);
CREATE OPERATOR @~ (FUNCTION = other, RIGHTARG = jsonb, RESTRICT = cirro.matches_sel);
EXPLAIN (COSTS OFF) SELECT FROM worker WHERE profile @~ '{"a": 1}'::text;
EXPLAIN (COSTS OFF) SELECT FROM worker WHERE profile::text @~ '{"a": 1}'::cirro.filter_query;
EXPLAIN (COSTS OFF) SELECT FROM worker WHERE id @~ 5;
EXPLAIN (COSTS OFF) SELECT FROM worker WHERE '{"a": 1}'::cirro.filter_query @~ profile;
EXPLAIN (COSTS OFF) SELECT FROM worker WHERE @~ profile;
EXPLAIN (COSTS OFF) SELECT FROM worker a, worker b WHERE a.profile OPERATOR(cirro.@@) (b.profile ->> 'filter')::cirro.filter_query AND a.id = 1 AND b.id = 2;

SET client_min_messages = warning;
DROP SCHEMA filter_index CASCADE;
DROP ROLE regress_cirro_index;
