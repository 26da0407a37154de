-- What a filter must not be: each refusal with its place and what is allowed.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
RESET client_min_messages;

CREATE FUNCTION pg_temp.refusal(filter text, OUT state text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
	state := 'accepted';
	PERFORM filter::cirro.filter_query;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	message := replace(message, 'invalid input for type filter_query: ', '');
END $$;

\pset format unaligned
\pset fieldsep '\n    '
\pset tuples_only on

-- The text.
SELECT filter, r.* FROM (VALUES (1, ''), (2, '   '), (3, '{"a":1'), (4, '{"a" 1}'), (5, '{a:1}'), (6, '{"a":1,}'), (7, '{"a":[1 2]}'),
	(8, '{"a":01}'), (9, '{"a":1.}'), (10, '{"a":1e}'), (11, '{"a":nul}'), (12, '{"a":"x'), (13, '{"a":"\q"}'), (14, E'{"a":"\t"}'),
	(15, '{"a":"\u12"}'), (16, '{"a":"\ud800"}'), (17, '{"a":"\udc00"}'), (18, '{"a":"\u0000"}'), (19, '{} {}'), (20, '{"a":NaN}'),
	(21, '{"a":{"b":1,"c":2,"b":3}}'), (22, '{"a":"\'), (23, '{"a":-}')) v (n, filter), pg_temp.refusal(filter) r ORDER BY n;

-- The language.
SELECT filter, r.* FROM (VALUES (1, '[]'), (2, 'null'), (3, '{"skills":{"$in":["a","b",{"$gt":1}]}}'), (4, '{"a":{"$foo":1}}'),
	(5, '{"$foo":1}'), (6, '{"a":{"$gt":1,"b":1}}'), (7, '{"a":{"$or":[{"b":1}]}}'), (8, '{"$or":[]}'), (9, '{"$and":[{"a":1},5]}'),
	(10, '{"$nor":{}}'), (11, '{"$or":[{},{"a.b":{"$not":{"$near":1}}}]}'), (12, '{"a":{"$in":1}}'), (13, '{"a":{"$nin":null}}'),
	(14, '{"a":{"$all":5}}'), (15, '{"a":{"$all":[1,{"$elemMatch":{}}]}}'), (16, '{"a":{"$all":[{"$elemMatch":{}},1]}}'),
	(17, '{"a":{"$all":[{"$gt":1}]}}'), (18, '{"a":{"$elemMatch":1}}'), (19, '{"a":{"$elemMatch":{"$gt":1,"$or":[{"b":1}]}}}'),
	(20, '{"a":{"$exists":null}}'), (21, '{"a":{"$type":"int"}}'), (22, '{"a":{"$type":[]}}'), (23, '{"a":{"$type":["null",7]}}'),
	(24, '{"a":{"$type":true}}'), (25, '{"a":{"$size":1.5}}'), (26, '{"a":{"$size":"1"}}'), (27, '{"a":{"$mod":[4]}}'),
	(28, '{"a":{"$mod":[4,"1"]}}'), (29, '{"a":{"$mod":[1e30,0]}}'), (30, '{"a":{"$mod":[0.9,0]}}'), (31, '{"a":{"$not":"x"}}'),
	(32, '{"a":{"$regex":1}}'), (33, '{"a":{"$regex":"[z-a]"}}'), (34, '{"a":{"$regex":"(a)\\1"}}'), (35, '{"a":{"$regex":"(?ig)a"}}'),
	(36, '{"a":{"$regex":"***=a"}}'), (37, '{"a":{"$regex":"a","$options":"iq"}}'), (38, '{"a":{"$regex":"a","$options":1}}'),
	(39, '{"a":{"$options":"i"}}'), (40, '{"a":{"$eq":{"b":{"$gt":1}}}}'), (41, '{"a":{"b":{"$gt":1}}}'),
	(42, '{"$where":"true"}'), (42.1, '{"$expr":{"$gt":["$a","$b"]}}'), (42.2, '{"$or":[{"$text":{"$search":"x"}}]}'), (42.3, '{"a":{"$where":"true"}}'),
	(42.4, '{"$gt":1}'), (42.5, '{"$and":[]}'), (42.6, '{"$nor":[]}'), (42.7, '{"a":{"$and":[{"b":1}]}}'),
	(42.8, '{"a":{"$gte":{"$date":"2024-12-31T00:00:00Z"}}}'), (42.9, '{"a":{"$date":"2024-12-31"}}'), (42.91, '{"_id":{"$oid":"64b7"}}'),
	(42.92, '{"a":{"$in":[{"$numberLong":"5"}]}}'), (42.93, '{"a":{"$in":[{"$regularExpression":{"pattern":"x","options":""}}]}}'), (43, '{"' || repeat('long name ', 10) || '":{"$x":1}}'),
	(44, '{"a":{"$regex":"((((a{1,100}){1,100}){1,100}))"}}')) v (n, filter), pg_temp.refusal(filter) r ORDER BY n;

-- The limits, each with what is just allowed and what is not.
SELECT what, r.* FROM (VALUES
	(1, 'text', '{"a":"' || repeat('x', 262144 - 9) || '"}'),
	(2, 'text', '{"a":"' || repeat('x', 262144 - 8) || '"}'),
	(2.1, 'text', repeat(' ', 262143) || '{}'),
	(3, 'text, written out', '{"a":[' || repeat('1e999,', 300) || '1]}'),
	(4, 'levels', '{"a":' || repeat('[', 199) || repeat(']', 199) || '}'),
	(5, 'levels', '{"a":' || repeat('[', 200) || repeat(']', 200) || '}'),
	(6, 'levels', repeat('[', 100000)),
	(7, 'levels', repeat('{"$or":[', 100) || '{}' || repeat(']}', 100)),
	(8, 'list', '{"a":{"$in":[' || repeat('1,', 9999) || '1]}}'),
	(9, 'list', '{"a":{"$in":[' || repeat('1,', 10000) || '1]}}'),
	(10, 'conditions', '{"$or":[' || repeat('{"a":1},', 999) || '{"a":1}]}'),
	(11, 'conditions', '{"$or":[' || repeat('{"a":1},', 1000) || '{"a":1}]}'),
	(12, 'conditions', '{"a":{"$all":[' || repeat('1,', 999) || '1]}}'),
	(12.1, 'conditions', '{"a":{"$all":[' || repeat('1,', 999) || '1]},"b":1}'),
	(12.2, 'conditions', '{"$nor":[' || repeat('{"$or":[{"$and":[{"a":{"$not":{"$gte":1,"$lt":5}}}]}]},', 499) || '{"a":{"$regex":"x","$options":"i"},"b":1}]}'),
	(12.3, 'conditions', '{"$nor":[' || repeat('{"$or":[{"$and":[{"a":{"$not":{"$gte":1,"$lt":5}}}]}]},', 499) || '{"a":{"$regex":"x","$options":"i"},"b":1,"c":1}]}'),
	(12.4, 'conditions', '{"a":{"$elemMatch":{' || (SELECT string_agg('"' || i || '":1', ',') FROM generate_series(1, 999) i) || '}}}'),
	(12.5, 'conditions', '{"a":{"$elemMatch":{' || (SELECT string_agg('"' || i || '":1', ',') FROM generate_series(1, 1000) i) || '}}}'),
	(12.6, 'parts', '{"$or":[' || repeat('{},', 9995) || '{}]}'),
	(12.7, 'parts', '{"$or":[' || repeat('{},', 9999) || '{}]}'),
	(12.8, 'parts', '{"$and":[' || repeat('{"$nor":[{}]},', 3332) || '{}]}'),
	(12.9, 'parts', '{"$and":[' || repeat('{"$or":[' || repeat('{"$nor":[{}]},', 16) || '{}]},', 200) || '{}]}'),
	(13, 'path', '{"' || repeat('x', 1024) || '":1}'),
	(14, 'path', '{"' || repeat('x', 1025) || '":1}'),
	(15, 'names', '{"' || repeat('x.', 63) || 'x":1}'),
	(16, 'names', '{"' || repeat('x.', 64) || 'x":1}'),
	(17, 'positions', '{"a' || repeat('.0', 8) || '":1}'),
	(18, 'positions', '{"a' || repeat('.0', 9) || '":1}'),
	(18.1, 'positions', '{"a.1.b.2.3":{"$elemMatch":{"4.5.6.7":{"$elemMatch":{"8.x":1}}}}}'),
	(18.2, 'positions', '{"a.1.b.2.3":{"$elemMatch":{"4.5.6.7":{"$elemMatch":{"8.9":1}}}}}'),
	(19, 'digits', '{"a":1e999}'),
	(20, 'digits', '{"a":1e1000}'),
	(21, 'digits', '{"a":1e400000}'),
	(22, 'digits', '{"a":1e-99999999999999999999}'),
	(23, 'digits', '{"a":0e99999999999999999999}'),
	(24, 'pattern', '{"a":{"$regex":"' || repeat('x', 1000) || '"}}'),
	(25, 'pattern', '{"a":{"$regex":"' || repeat('x', 1001) || '"}}'),
	(26, 'patterns', '{"$or":[' || repeat('{"a":{"$regex":"x"}},', 15) || '{"a":{"$regex":"x"}}]}'),
	(27, 'patterns', '{"$or":[' || repeat('{"a":{"$regex":"x"}},', 16) || '{"a":{"$regex":"x"}}]}')
) v (n, what, filter), pg_temp.refusal(filter) r ORDER BY n;
\pset format aligned
\pset tuples_only off

-- As a user sees it.
SELECT '{"skills": {"$in": ["climbing", {"$gt": 1}]}}'::cirro.filter_query;
SELECT '{"a": {"$foo": 1}}'::jsonb::cirro.filter_query;
