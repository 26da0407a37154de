-- The type sort_query and the keys that sort by it.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
RESET client_min_messages;

-- Text: canonical, but the order of keys counts.
SELECT '{ "rating":-1 ,"joined_at":1.0}'::cirro.sort_query, '{}'::cirro.sort_query;
SELECT '{"b": 1, "a": -1}'::cirro.sort_query OPERATOR(cirro.=) '{"a": -1, "b": 1}' AS f,
       '{"b": 1, "a": -1}'::cirro.sort_query OPERATOR(cirro.=) '{"b":1,"a":-1}' AS t,
       '{"b": 1, "a": -1}'::cirro.sort_query OPERATOR(cirro.<>) '{"a": -1, "b": 1}' AS t,
       cirro.sort_query_hash('{"b": 1}') = cirro.sort_query_hash(' {"b":1.0}') AS t,
       cirro.sort_query_hash_extended('{"b": 1}', 5) = cirro.sort_query_hash_extended('{"b":1}', 5) AS t;
SELECT cirro.sort_query_send('{"a": 1}');
CREATE TEMP TABLE s (sort_query json, sort cirro.sort_query GENERATED ALWAYS AS (sort_query::cirro.sort_query) STORED, plain cirro.sort_query);
INSERT INTO s (sort_query, plain) SELECT '{"b": 1, "a": 1}', '{"b": 1, "a": 1}'::text;
INSERT INTO s (plain) SELECT '{"b": 1}'::varchar;
INSERT INTO s (plain) SELECT '{"b": -1}'::json;
SELECT sort, plain, sort::json::text, sort::text, sort OPERATOR(cirro.=) plain AS same FROM s;

-- An array says the same, and has an order in jsonb too.
SELECT '[{"rating": -1}, {"joined_at": 1.0}]'::cirro.sort_query,
       '[{"b": 1}, {"a": -1}]'::cirro.sort_query OPERATOR(cirro.=) '{"b": 1, "a": -1}' AS t,
       '[{"b": 1}, {"a": -1}]'::cirro.sort_query OPERATOR(cirro.=) '[{"a": -1}, {"b": 1}]' AS f,
       '[]'::cirro.sort_query OPERATOR(cirro.=) '{}' AS t,
       '[{"b": 1}]'::cirro.sort_query::text AS one;
SELECT sort, sort::jsonb, sort::jsonb::cirro.sort_query OPERATOR(cirro.=) sort AS same
FROM (VALUES ('{}'::cirro.sort_query), ('{"b": -1}'), ('{"b": -1, "a.\"1": 1}')) v (sort);
TRUNCATE s;
INSERT INTO s (plain) SELECT '{"b": -1}'::jsonb UNION ALL SELECT '[{"b": 1}, {"a": 1}]';
SELECT plain FROM s;
INSERT INTO s (plain) SELECT '{"b": 1, "a": 1}'::jsonb;
-- The hint says what was given, in an order to be chosen, where there is room.
INSERT INTO s (plain) SELECT '{"bb": -1, "a\"\u0041\n": 1, "ccc": "x", "": [1, null]}'::jsonb;
INSERT INTO s (plain) SELECT jsonb_object_agg(k, 1) FROM (VALUES ('a'), (repeat('x', 327))) v (k);
INSERT INTO s (plain) SELECT jsonb_object_agg(k, 1) FROM (VALUES ('a'), (repeat('x', 328))) v (k);
INSERT INTO s (plain) SELECT jsonb_object_agg(k, 1) FROM (VALUES ('a'), (repeat('x', 5000))) v (k);
INSERT INTO s (plain) SELECT jsonb_object_agg('k' || i, 1) FROM generate_series(1, 16) i;
INSERT INTO s (plain) SELECT jsonb_object_agg('k' || i, 1) FROM generate_series(1, 17) i;

-- Refusals.
DO $$
DECLARE
	sort text;
	state text; detail text; hint text;
BEGIN
	FOREACH sort IN ARRAY ARRAY['', 'null', '{"a":2}', '{"a":"1"}', '{"a":true}', '{"a":1,"b":1,"a":-1}', '{"$or":1}', '{"a":{"$meta":"x"}}',
		'{"' || repeat('x', 1025) || '":1}', '{"' || repeat('x.', 64) || '":1}',
		'[1]', '[{}]', '[{"b":1},{"c":1,"d":1}]', '[[{"a":1}]]', '[{"a":1},{"a":-1}]', '[{"b":1},{"a":2}]', '[{"a":1},{"$or":1}]',
		'[' || repeat('{"a":1},', 16) || '{"b":1}]', '{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1,"q":1}']
	LOOP
		BEGIN
			PERFORM sort::cirro.sort_query;
			RAISE INFO 'accepted: %', sort;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			RAISE INFO USING MESSAGE = state || ' ' || SQLERRM || ' / ' || detail || ' / ' || hint;
		END;
	END LOOP;
END $$;

-- Types by rank, missing and null last either way, arrays by an element.
CREATE TEMP TABLE d (id serial, p jsonb);
INSERT INTO d (p) VALUES ('{"a": 1}'), ('{"a": "x"}'), ('{"a": null}'), ('{}'), ('{"a": []}'), ('{"a": [9, -3]}'), ('{"a": true}'),
	('{"a": false}'), ('{"a": {"b": 1}}'), ('{"a": [[1]]}'), ('{"a": "xy"}'), ('{"a": -1e30}'), ('{"a": 1e20}'), ('{"a": 0.5}'),
	('{"a": [null, 7]}'), ('{"a": ""}'), ('{"a": 0}'), ('{"a": -0.5}'), ('{"a": 10000}'), ('{"a": 9999.9999}'), ('{"a": "é"}');
SELECT p FROM d ORDER BY cirro.sort_key(p, '{"a": 1}'), id;
SELECT p FROM d ORDER BY cirro.sort_key(p, '{"a": -1}'), id;

-- Paths through objects and arrays.
SELECT p FROM (VALUES ('{"a": {"b": 2}}'::jsonb), ('{"a": [{"b": 3}, {"b": 1}]}'), ('{"a": 5}'), ('{"a": [{"c": 1}]}')) v (p)
ORDER BY cirro.sort_key(p, '{"a.b": 1}'), p;
SELECT p FROM (VALUES ('{"a": [1, 9]}'::jsonb), ('{"a": [5, 2]}'), ('{"a": []}')) v (p)
ORDER BY cirro.sort_key(p, '{"a.1": -1}');

-- Against comparing the values themselves, at random.
SELECT setseed(0.42);
CREATE TEMP TABLE r AS
SELECT i AS id, n, t, jsonb_build_object('n', n, 't', t) AS p
FROM (SELECT i, CASE WHEN random() < 0.1 THEN NULL
                     ELSE ((random() - 0.5) * 10 ^ (floor(random() * 24) - 8))::numeric(40, 10)::numeric END AS n,
             CASE WHEN random() < 0.1 THEN NULL
                  ELSE substr(md5(random()::text), 1, floor(random() * 3)::int) END AS t
      FROM generate_series(1, 1000) i) x;
WITH o AS (
	SELECT row_number() OVER (ORDER BY t COLLATE "C" DESC NULLS LAST, n NULLS LAST, id) AS by_value,
	       row_number() OVER (ORDER BY cirro.sort_key(p, '{"t": -1, "n": 1}'), id) AS by_key,
	       row_number() OVER (ORDER BY n DESC NULLS LAST, t COLLATE "C" NULLS LAST, id) AS by_value2,
	       row_number() OVER (ORDER BY cirro.sort_key(p, '{"n": -1, "t": 1}'), id) AS by_key2
	FROM r)
SELECT count(*) AS rows, count(*) FILTER (WHERE by_value <> by_key OR by_value2 <> by_key2) AS wrong FROM o;
SELECT count(*) AS pairs,
       count(*) FILTER (WHERE sign(x.n - y.n) <> CASE WHEN kx < ky THEN -1 WHEN kx > ky THEN 1 ELSE 0 END) AS wrong
FROM (SELECT n, cirro.sort_key(p, '{"n": 1}') AS kx FROM r WHERE n IS NOT NULL AND id <= 300) x,
     (SELECT n, cirro.sort_key(p, '{"n": 1}') AS ky FROM r WHERE n IS NOT NULL AND id <= 300) y;

-- A key is bounded, whatever the document; what lies behind does not count.
SELECT length(cirro.sort_key(jsonb_build_object('a', repeat('x', 100000), 'b', 1), '{"a": 1, "b": 1}')) < 1100 AS t,
       cirro.sort_key(jsonb_build_object('a', repeat('x', 1100) || 'a'), '{"a": 1}') =
       cirro.sort_key(jsonb_build_object('a', repeat('x', 1100) || 'b'), '{"a": 1}') AS t,
       length(cirro.sort_key(('{"a":' || repeat('[', 5000) || repeat(']', 5000) || '}')::jsonb, '{"a": 1}')) = 1024 AS t,
       length(cirro.sort_key(jsonb_build_object('a', (repeat('7', 100000) || '.5')::numeric), '{"a": -1}')) = 1024 AS t;
SELECT cirro.sort_key(NULL, '{"a": 1}') IS NULL AS t, cirro.sort_key('{}', NULL) IS NULL AS t, cirro.sort_key('5', '{"a": 1}');

-- Parameters of any of these types, in plans for one parameter and for any.
PREPARE sort_text(text) AS SELECT p FROM d ORDER BY cirro.sort_key(p, $1), id LIMIT 2;
PREPARE sort_varchar(varchar) AS SELECT p FROM d ORDER BY cirro.sort_key(p, $1), id LIMIT 2;
PREPARE sort_json(json) AS SELECT p FROM d ORDER BY cirro.sort_key(p, $1), id LIMIT 2;
PREPARE sort_jsonb(jsonb) AS SELECT p FROM d ORDER BY cirro.sort_key(p, $1), id LIMIT 2;
SET plan_cache_mode = force_custom_plan;
EXECUTE sort_text('{"a": -1}');
EXECUTE sort_varchar('{"a": -1}');
EXECUTE sort_json('[{"a": -1}]');
EXECUTE sort_jsonb('[{"a": -1}, {"b": 1}]');
EXECUTE sort_jsonb('{"a": -1, "b": 1}');
SET plan_cache_mode = force_generic_plan;
EXECUTE sort_text('{"a": -1}');
EXECUTE sort_text('{"a": 1}');
EXECUTE sort_varchar('{"a": -1}');
EXECUTE sort_json('[{"a": -1}]');
EXECUTE sort_jsonb('[{"a": -1}, {"b": 1}]');
EXECUTE sort_jsonb('{"a": -1, "b": 1}');
RESET plan_cache_mode;
