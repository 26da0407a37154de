-- Filters that explain themselves: validate() says what is wrong with a text,
-- lint() what is doubtful in a filter, explain_match() why a document matches.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
RESET client_min_messages;
\pset format unaligned
\pset fieldsep ' | '
\pset footer off
\pset tuples_only on
\pset null -

-- As a user sees them.
\x on
SELECT * FROM cirro.validate('{"skills": {"$in": ["climbing", {"$gt": 1}]}, "hours": {"$gte": 10, "$near": 5}}');
SELECT * FROM cirro.lint('{"languages": ["de", "en"], "hours": {"$gte": 10, "$lt": 5}}');
SELECT * FROM cirro.explain_match('{"languages": ["en"], "hours": 12}', '{"languages": "de", "hours": {"$gte": 10}}');
\x off

-- validate: none is good news.
SELECT count(*) FROM (SELECT FROM cirro.validate('{}') UNION ALL SELECT FROM cirro.validate('{"a": 1, "$or": [{"b": {"$gt": 5}}, {"c": null}]}')) v;
SELECT * FROM cirro.validate(NULL);
-- The text.
SELECT filter, v.* FROM unnest(ARRAY['', '   ', '{"a":1', '{"a" 1}', '{a:1}', '{"a":1,}', '{"a":01}', '{"a":nul}', '{"a":"x', '{"a":"\q"}', E'{"a":"\t"}',
	'{"a":"\u12"}', '{"a":"\ud800"}', '{"a":"\u0000"}', '{"\u0000":1}', '{} {}', '{"a":{"b":1,"c":2,"b":3}}', '[]', 'null', '"{}"', '{"a":1e400000}'])
	WITH ORDINALITY u (filter, n), cirro.validate(filter) v ORDER BY n;
-- Every error, wherever it stands, in the order of the canonical text.
SELECT filter, v.* FROM unnest(ARRAY['{"b":{"$x":1},"a":{"$y":1,"$gt":5,"$z":{}},"c":1}', '{"$or":[{"a":{"$x":1}},5,{"b":{"$elemMatch":{"c":{"$in":1},"d":{"$y":2},"e":1}}}],"$foo":1}',
	'{"a":{"$regex":"(","$options":"q"}}', '{"a":{"$regex":"[z-a]"},"b":{"$regex":"(a)\\1"},"c":{"$options":"i"}}', '{"a":{"$all":[{"$elemMatch":{"$x":1}},{"$elemMatch":{"$y":1}}]}}',
	'{"a":{"$in":[1,null,{"$gt":1}]},"b":{"$type":["string","int"]},"c":{"$not":{"$size":-1,"$mod":[0,1]}}}', '{"a":{"$gt":1,"b":2,"c":3}}',
	'{"a":{"$elemMatch":5},"b.0.0.0.0.0.0.0.0.0":1,"c.0.0.0.0.0.0.0.0":1}'])
	WITH ORDINALITY u (filter, n), cirro.validate(filter) WITH ORDINALITY v (path, message, hint, m) ORDER BY n, m;
-- Limits are rows, too; behind one of the whole filter nothing more is said.
SELECT what, count(*), (array_agg(v.path || ': ' || v.message ORDER BY m DESC))[1] FROM (VALUES
	(1, 'text', repeat('x', 300000)),
	(2, 'text', '{"a":"' || repeat('x', 300000) || '"}'),
	(3, 'text, written out', '{"a":[' || repeat('1e999,', 300) || '1]}'),
	(5, 'levels', '{"a":' || repeat('[', 200) || repeat(']', 200) || '}'),
	(8, 'list', '{"a":{"$in":[' || repeat('1,', 10000) || '1]}}'),
	(9, 'list', '{"$or":[' || repeat('1,', 10000) || '1]}'),
	(11, 'conditions', '{"$or":[' || repeat('{"a":1},', 1000) || '{"a":1}]}'),
	(11.1, 'parts', '{"$or":[' || repeat('{},', 9999) || '{}]}'),
	(12, 'conditions', '{"a":{"$all":[' || repeat('1,', 2000) || '1]},"b":{"$x":1}}'),
	(13, 'conditions', '{"$and":[{"$or":[' || repeat('{"a":{"$x":1}},', 2000) || '{}]},{"a":{"$y":1}}],"zzzzz":{"$x":1}}'),
	(14, 'path', '{"' || repeat('x', 1025) || '":1}'),
	(16, 'names', '{"' || repeat('x.', 64) || 'x":1}'),
	(25, 'pattern', '{"a":{"$regex":"' || repeat('x', 1001) || '"}}'),
	(27, 'patterns', '{"$or":[' || repeat('{"a":{"$regex":"x"}},', 30) || '{"a":{"$regex":"x"}}]}'),
	(28, 'patterns', '{"$or":[' || repeat('{"a":{"$regex":"("}},', 30) || '{"a":{"$regex":"x"}}]}')
) f (n, what, filter), cirro.validate(filter) WITH ORDINALITY v (path, message, hint, m) WHERE what <> 'levels' GROUP BY n, what ORDER BY n;
SELECT left(path, 24), message FROM cirro.validate(repeat('[', 100000));
SELECT length(message), length(path) FROM cirro.validate('{"' || repeat('ä', 500) || '":{"$' || repeat('ß', 500) || '":1}}');
-- It says of a text what the type says.
SELECT filter FROM unnest(ARRAY['{"a":1}', '{"a":{"$gt":null}}', '{"a.$b":1}', '{"":{"$all":[]}}', '{"a":{"$regex":"","$options":""}}']) filter WHERE EXISTS (SELECT FROM cirro.validate(filter)) OR filter::cirro.filter_query IS NULL;

-- lint: what is clean.
SELECT filter, l.* FROM unnest(ARRAY['{}', '{"a":1,"b":"x","c":null,"d":true,"e":[]}', '{"a":{"$eq":[1,2]},"b":{"$eq":{"c":1}},"d":{"$not":{"$eq":[1]}}}', '{"a":{"$gte":1,"$lt":9,"$ne":5}}',
	'{"a":{"$in":[1,2,null]},"b":{"$in":["1","2"]},"c":{"$nin":["x"]}}', '{"a":{"$in":[[1],[2]]}}', '{"a":{"$exists":true},"b":{"$exists":false}}', '{"a":{"$exists":true,"$ne":5}}',
	'{"a":{"$exists":true,"$in":[null]}}', '{"a":{"$exists":false,"$eq":null}}', '{"a":{"$gte":"2024-01-01","$lt":"2025"}}', '{"a":{"$gte":5,"$lte":5}}', '{"a":{"$all":[1,2,2]}}',
	'{"a":{"$regex":"climb"},"b":{"$regex":"^x"},"h":{"$regex":".*?a|.*"},"i":{"$regex":".*|b"},"c":{"$regex":"^x$","$options":"i"},"d":{"$regex":"^(a|b)$"},"e":{"$regex":"a\\.*"},"f":{"$regex":"^\\d$"},"g":{"$regex":".* # all","$options":"x"}}',
	'{"a":{"$regex":"\\yx\\m\\M[\\b]\\\\b"},"b":{"$regex":"[]\\b][^]\\B][[:alpha:]\\b]"},"c":{"$regex":"é"},"d":{"$regex":"^[éÉ]cole","$options":"i"},"e":{"$regex":"(?i)x – 漢 × y"}}',
	'{"a":{"$type":["string","null"]},"b":{"$type":"array","$eq":1}}', '{"a":{"$size":262144}}', '{"a":{"$mod":[4,-3]}}', '{"$or":[{"a":{"$gt":5}},{"a":{"$lt":3}}]}', '{"$or":[{"a":{"$ne":1}},{"b":{"$ne":2}}]}',
	'{"$nor":[{"a":1},{"a":2}]}', '{"$and":[{}]}', '{"a":{"$gt":5},"$or":[{"a":{"$lt":3}}]}', '{"a":{"$elemMatch":{"b":1,"c":2}},"d":{"$elemMatch":{"$gte":1,"$lte":1}}}', '{"a b":1,"a.0":1,"US$":1,"a[":1}'])
	WITH ORDINALITY u (filter, n), cirro.lint(filter::cirro.filter_query) l ORDER BY n;
SELECT count(*) FROM cirro.lint(NULL);
-- What is not.
CREATE FUNCTION pg_temp.lint(VARIADIC filters text[]) RETURNS TABLE (filter text, path text, message text, hint text) LANGUAGE sql AS $$
	SELECT f, l.path, l.message, l.hint FROM unnest(filters) WITH ORDINALITY u (f, n), cirro.lint(f::cirro.filter_query) WITH ORDINALITY l (path, message, hint, m) ORDER BY n, m $$;
-- ... Whole values where one of them may be meant.
SELECT * FROM pg_temp.lint('{"a":[1,2]}', '{"a":{"b":1}}', '{"a":{}}', '{"a":{"$ne":[1,2]}}', '{"a":{"$in":[["x","y"]]}}', '{"a":{"$all":[["x","y"]]}}', '{"a":{"$gt":[5]}}', '{"a":{"$lte":{"b":5}}}', '{"a":{"$elemMatch":{"b":[1,2]}}}');
-- ... What always or never holds.
SELECT * FROM pg_temp.lint('{"a":{"$in":[]}}', '{"a":{"$all":[]}}', '{"a":{"$nin":[]}}', '{"a":{"$gt":null}}', '{"a":{"$lt":null}}', '{"a":{"$gte":null}}', '{"a":{"$gt":true}}', '{"a":{"$lt":false}}', '{"a":{"$size":262145}}', '{"a":{"$size":1e300}}',
	'{"a":{"$mod":[4,4]}}', '{"a":{"$mod":[-2,3.9]}}', '{"$or":[{"a":1},{}]}', '{"$nor":[{"a":1},{}]}', '{"$or":[{"a":{"$ne":1}},{"b":1},{"a":{"$ne":2}}]}');
-- ... What contradicts what.
SELECT * FROM pg_temp.lint('{"a":{"$gt":5,"$lt":3}}', '{"a":{"$gt":5,"$lt":5}}', '{"a":{"$gte":5,"$lt":5}}', '{"a":{"$lte":-1.5,"$gt":-1.25}}', '{"a":{"$gte":10,"$lte":9.99}}', '{"a":{"$gte":1,"$lt":"9"}}', '{"a":{"$gte":"b","$lt":"a"}}', '{"a":{"$gte":"aa","$lte":"a"}}',
	'{"$and":[{"a":1},{"a":2}]}', '{"$and":[{"a":1},{"a":null}]}', '{"$and":[{"a":true},{"a":false}]}', '{"a":5,"$and":[{"a":{"$gt":5}}]}', '{"a":5,"$and":[{"a":{"$lt":5}},{"a":{"$lte":5}}]}', '{"a":{"$eq":5,"$ne":5}}', '{"a":{"$eq":[5],"$nin":[1,[5]]}}', '{"a":{"$exists":false,"$gt":5}}', '{"a":{"$exists":false,"$in":[1,2]}}',
	'{"$and":[{"a":{"$exists":true}},{"a":{"$exists":0}}]}', '{"a":{"$type":"string","$gt":5}}', '{"a":{"$type":["number","bool"],"$eq":"x"}}', '{"a":{"$elemMatch":{"$gt":5,"$lt":3}}}', '{"a":{"$all":[{"$elemMatch":{"$eq":1,"$gt":2}}]}}', '{"a":{"$elemMatch":{"b":{"$gt":5,"$lt":3}}}}', '{"a":{"$not":{"$gt":5,"$lt":3}}}', '{"$or":[{"a":{"$gt":5,"$lt":3}}]}');
-- ... What adds nothing.
SELECT * FROM pg_temp.lint('{"a":{"$exists":true,"$gt":5}}', '{"a":{"$exists":1,"$regex":"x"}}', '{"a":{"$gt":5,"$gte":3}}', '{"a":{"$lt":5,"$lte":5}}', '{"$and":[{"a":{"$lt":5}},{"a":{"$lt":9}}]}', '{"a":{"$regex":".*x"}}', '{"a":{"$regex":"(?s)^x.*"}}', '{"a":{"$regex":".*"}}', '{"a":{"$regex":""}}', '{"a":{"$regex":"^abc$"}}', '{"a":{"$regex":"^a\\.b\\\\c$"}}');
-- ... What other engines read in another way.
SELECT * FROM pg_temp.lint('{"a":{"$regex":"\\bclimb\\b"}}', '{"a":{"$regex":"x\\B"}}', '{"a":{"$regex":"[[.].]x]\\\\\\b","$options":"x"}}', '{"a":{"$regex":"école","$options":"i"}}', '{"a":{"$not":{"$regex":"(?i)[a]Ж\\b"}}}');
SELECT '{"a":"climb"}'::jsonb OPERATOR(cirro.@@) '{"a":{"$regex":"\\bclimb"}}' AS f, '{"a":"a climb"}'::jsonb OPERATOR(cirro.@@) '{"a":{"$regex":"\\yclimb"}}' AS t,
	'{"a":"a\\b"}'::jsonb OPERATOR(cirro.@@) '{"a":{"$regex":"a\\Bb"}}' AS t, '{"a":"ÉCOLE"}'::jsonb OPERATOR(cirro.@@) '{"a":{"$regex":"école","$options":"i"}}' AS f,
	'{"a":"ÉCOLE"}'::jsonb OPERATOR(cirro.@@) '{"a":{"$regex":"[éÉ]cole","$options":"i"}}' AS t, '{"a":"é"}'::jsonb OPERATOR(cirro.@@) '{"a":{"$regex":"\\w"}}' AS f;
-- ... Types, and paths.
SELECT * FROM pg_temp.lint('{"a":{"$in":[1,"2",3]}}', '{"a":{"$nin":["2024-12-31",5]}}', '{"a":{"$all":[1,"-1.5"]}}', '{"age":{"$gte":"18","$lt":65}}', '{" a":1}', '{"a. b":1}', '{"a ":1}', '{"":1}', '{"a..b":1}', '{".a":1}', '{"a.":1}', '{"a.$gt":1}', '{"a[0].b":1}');
-- ... In the order of the canonical text, however deep.
SELECT path, message FROM cirro.lint('{"bb":[1],"a":{"$nin":[],"$in":[]},"$or":[{"c":[1]},{"$and":[{"d":[2]},{"e":{"$not":{"$elemMatch":{"f":{"$gt":null}}}}}]}]}');
-- Large filters.
SELECT count(*), max(length(message)) FROM cirro.lint((SELECT '{"$and":[' || string_agg(format('{"a":%s}', i), ',') || ']}' FROM generate_series(1, 499) i)::cirro.filter_query);
SELECT count(*), max(length(message)) FROM cirro.lint((SELECT '{"a":{"$in":[' || repeat('1,', 9998) || '"1","' || repeat('1', 100) || '"]}}')::cirro.filter_query);
SELECT count(*) FROM cirro.lint((repeat('{"$or":[', 99) || '{"a":[1]}' || repeat(']}', 99))::cirro.filter_query);
SELECT count(*) FROM cirro.lint(('{"a":' || repeat('{"$elemMatch":{"a":', 90) || '[1]' || repeat('}}', 90) || '}')::cirro.filter_query);

-- What it says of two operators is true: of every pair of them, on many documents.
CREATE TEMP TABLE operator AS SELECT o, v FROM unnest('{$eq,$ne,$gt,$gte,$lt,$lte}'::text[]) o, unnest('{1,2.5,"\"a\"","null",true,"[1]"}'::text[]) v
	UNION ALL VALUES ('$exists', 'true'), ('$exists', '0'), ('$type', '"number"'), ('$type', '["bool", "null"]'), ('$type', '"array"'), ('$in', '[1, null]'), ('$in', '["a"]'), ('$in', '[]'), ('$nin', '[1, "a"]'), ('$nin', '[]'),
	('$all', '[1, 2.5]'), ('$all', '[null]'), ('$size', '2'), ('$mod', '[2, 1]'), ('$mod', '[2, 2]'), ('$regex', '".*a"'), ('$regex', '"^a$"'), ('$elemMatch', '{"$gt": 1}'), ('$elemMatch', '{"$gt": 1, "$lt": 1}');
CREATE TEMP TABLE document AS WITH v AS (SELECT v::jsonb v FROM unnest('{1,2.5,3,0,"\"a\"","\"b\"","null",true,false,"{}","[1]"}'::text[]) v)
	SELECT '{}'::jsonb d UNION ALL SELECT jsonb_build_object('a', v) FROM v UNION ALL SELECT jsonb_build_object('a', jsonb_build_array(x.v, y.v)) FROM v x, v y;
CREATE TEMP TABLE doubt AS SELECT p.f, l.path, l.message,
	CASE WHEN l.message LIKE '%adds nothing to%' THEN format('{"a": {"%s": %s}}', CASE WHEN l.path = '$.a.' || x.o THEN y.o ELSE x.o END, CASE WHEN l.path = '$.a.' || x.o THEN y.v ELSE x.v END)::cirro.filter_query END AS without
	FROM operator x JOIN operator y ON x.o < y.o, LATERAL (SELECT format('{"a": {"%s": %s, "%s": %s}}', x.o, x.v, y.o, y.v)::cirro.filter_query f) p, cirro.lint(p.f) l;
SELECT count(*) > 300 FROM doubt;
SELECT f, message, d FROM doubt, document WHERE (message LIKE '%never hold%' OR message LIKE '%no element%') AND cirro.matches(d, f);
SELECT f, message, d FROM doubt, document WHERE message LIKE '%no single value%' AND jsonb_typeof(d->'a') IS DISTINCT FROM 'array' AND cirro.matches(d, f);
SELECT f, message, d FROM doubt, document WHERE without IS NOT NULL AND cirro.matches(d, f) <> cirro.matches(d, without);

-- explain_match: every operator, as it was written.
SELECT path, operator, wanted, found, matched FROM cirro.explain_match('{"n":5,"s":"Bob","z":null,"t":["x",1],"o":{"p":[{"q":1},{"q":[2,3]},{}]}}',
	'{"n":5,"s":{"$ne":"Bob"},"z":null,"m":{"$exists":false},"t":{"$all":["x",1],"$size":2,"$type":"array","$nin":[7]},"o.p.q":{"$gt":2,"$lt":2,"$in":[3]},"o.p":{"$elemMatch":{"q":1}},"o":{"p":1},
	"n.x":{"$eq":null},"s.0":{"$gte":1,"$lte":null},"t.1":{"$mod":[2,1]},"t.0":{"$regex":"X","$options":"i"},"t.2":{"$not":{"$gt":1,"$regex":"a"}},"":{"$exists":0}}');
-- What the result comes from: of an $or that fails all, of one that holds those that do, of $nor the other way round.
SELECT at, matched, decides FROM cirro.explain_match('{"a":1,"b":2}', '{"$or":[{"a":1,"b":3},{"b":{"$gt":5}}]}');
SELECT at, matched, decides FROM cirro.explain_match('{"a":1,"b":2}', '{"$or":[{"a":1,"b":2},{"b":{"$gt":5}}],"c":null}');
SELECT at, matched, decides FROM cirro.explain_match('{"a":1,"b":2}', '{"$nor":[{"a":1,"b":2},{"b":{"$gt":5}}],"a":1}');
SELECT at, matched, decides FROM cirro.explain_match('{"a":1,"b":2}', '{"$nor":[{"a":1,"b":3},{"b":{"$gt":5}}],"a":1}');
SELECT at, matched, decides FROM cirro.explain_match('{"a":1}', '{"$and":[{"a":1},{"$or":[{"a":2},{"$and":[{"a":3},{"a":1}]}]}],"$or":[{},{"b":5}]}');
-- No condition, no row; NULL in, none out.
SELECT count(*) FROM cirro.explain_match('{"a":1}', '{}');
SELECT count(*) FROM (SELECT FROM cirro.explain_match(NULL, '{"a":1}') UNION ALL SELECT FROM cirro.explain_match('{}', NULL)) e;
-- What is found: one value, of every type; several; none. Documents need not be objects.
SELECT path, found, jsonb_typeof(found) FROM cirro.explain_match('{"a":null,"b":true,"c":false,"d":"x","e":-1.50,"f":[],"g":{},"h":[[1,{"i":"j"}],2],"k":[{"l":null},{"l":false},{"l":{"i":[1]}},{"l":"s"},{"l":3},{"l":[]},5,{}]}',
	'{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"h.0":1,"h.0.1.i":1,"k.l":1,"k.0.l":1,"k.6":1,"x":1,"a.x":1,"k.x":1}');
SELECT d, e.path, e.found, e.matched FROM unnest('{5,"\"x\"",null,"[{\"a\": 1}]"}'::jsonb[]) d, cirro.explain_match(d, '{"a":1,"0.a":1}') e;
-- No more than 1,000 values or 1 MB of them, but the first whatever its size.
SELECT jsonb_array_length(found), found->31, found->32, found->33, found->999, matched FROM cirro.explain_match((SELECT jsonb_build_object('a', jsonb_agg(jsonb_build_object('b', CASE i % 3 WHEN 0 THEN to_jsonb(i) WHEN 1 THEN to_jsonb(i::text) ELSE jsonb_build_object('i', i) END))) FROM generate_series(0, 4999) i), '{"a.b":4998}');
SELECT jsonb_array_length(found) FROM cirro.explain_match((SELECT jsonb_build_object('a', jsonb_agg(jsonb_build_object('b', repeat('x', 100000)))) FROM generate_series(1, 50) i), '{"a.b":1}');
SELECT length(found::text) FROM cirro.explain_match((SELECT jsonb_build_object('a', repeat('x', 3000000))), '{"a":1}');
SELECT count(found) FROM cirro.explain_match((SELECT jsonb_build_object('a', jsonb_agg(jsonb_build_object('0', jsonb_build_array(jsonb_build_object('0', i))))) FROM generate_series(1, 1000) i), '{"a.0.0.0.0.0.0.0.0":5}');
-- Filters and documents at their limits.
SELECT matched, at FROM cirro.explain_match('{"a":1}', ('{"a":' || repeat('[', 199) || repeat(']', 199) || '}')::cirro.filter_query);
SELECT count(*), bool_and(matched), bool_and(decides) FROM cirro.explain_match('{"a":1}', (repeat('{"$or":[', 99) || '{"a":1}' || repeat(']}', 99))::cirro.filter_query);
SELECT count(*), count(*) FILTER (WHERE matched) FROM cirro.explain_match('{"a":7}', (SELECT '{"$or":[' || string_agg(format('{"a":%s}', i), ',') || ']}' FROM generate_series(1, 499) i)::cirro.filter_query);
SELECT count(*) FROM cirro.explain_match('{"a":7}', ('{"' || repeat('x.', 63) || '\"\\":{"$ne":1},"a":{"$in":[' || repeat('1,', 9999) || '1]}}')::cirro.filter_query);
SELECT matched, length(found::text) FROM cirro.explain_match(('{"a":[{"b":' || repeat('[', 3000) || repeat(']', 3000) || '},{"b":2}]}')::jsonb, '{"a.b":2}');
-- One answer with matches(), whatever stands side by side.
SELECT f, d FROM unnest('{"{\"a\":1,\"b\":{\"$gt\":1,\"$lt\":3}}","{\"a.b\":{\"$in\":[1,null]},\"c\":{\"$not\":{\"$size\":2}}}","{\"a\":{\"$elemMatch\":{\"b\":1}},\"c\":{\"$exists\":false}}"}'::cirro.filter_query[]) f,
	unnest('{"{\"a\":1,\"b\":2}","{\"a\":[{\"b\":1}]}","{\"a\":{\"b\":[1]},\"c\":[1,2]}","{}","{\"a\":[1],\"b\":[0,9]}"}'::jsonb[]) d
	WHERE cirro.matches(d, f) <> (SELECT bool_and(matched) FROM cirro.explain_match(d, f));

-- Anybody may ask; the functions are what they say they are.
SELECT p.oid::regprocedure, p.provolatile, p.proisstrict, p.proparallel, p.prorows, p.procost, obj_description(p.oid, 'pg_proc') IS NOT NULL FROM pg_proc p
	WHERE p.pronamespace = 'cirro'::regnamespace AND p.proname IN ('validate', 'lint', 'explain_match') ORDER BY p.proname;
