-- Every way of asking for a match plans as the condition on the column.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
CREATE SCHEMA filter_plan;
SET search_path = filter_plan;
RESET client_min_messages;

CREATE TABLE worker (id bigint, gone int, profile jsonb, active boolean);
ALTER TABLE worker DROP COLUMN gone;
INSERT INTO worker
SELECT i, jsonb_build_object('rating', i % 5), i % 2 = 0 FROM generate_series(1, 100) i;
INSERT INTO worker VALUES (101, NULL, true);
CREATE TABLE gig (id bigint, filter cirro.filter_query);
INSERT INTO gig VALUES (1, '{"rating": 4}'), (2, '{}'), (3, NULL);

-- The four forms, on a table.
EXPLAIN (COSTS OFF) SELECT * FROM worker w WHERE w.profile OPERATOR(cirro.@@) '{"rating": 4}';
EXPLAIN (COSTS OFF) SELECT * FROM worker w WHERE w OPERATOR(cirro.@@) '{"rating": 4}';
EXPLAIN (COSTS OFF) SELECT * FROM worker w WHERE cirro.matches(w.profile, '{"rating": 4}');
EXPLAIN (COSTS OFF) SELECT * FROM worker w WHERE cirro.matches(w, '{"rating": 4}');

-- An index on the expression is found, whichever form it was made with.
CREATE INDEX worker_four ON worker (id) WHERE cirro.matches(profile, '{"rating": 4}');
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM worker w WHERE w OPERATOR(cirro.@@) '{"rating": 4}';
EXPLAIN (COSTS OFF) SELECT id FROM worker w WHERE w.profile OPERATOR(cirro.@@) '{"rating": 4}';
RESET enable_seqscan;
DROP INDEX worker_four;

-- Views and subqueries: pulled up, not pulled up, with renamed columns.
CREATE VIEW active AS SELECT id, profile FROM worker WHERE active;
CREATE VIEW few AS SELECT profile, id FROM worker ORDER BY id LIMIT 10;
CREATE VIEW renamed AS SELECT id AS profile_id, profile - 'x' AS profile FROM worker;
EXPLAIN (COSTS OFF) SELECT * FROM active a WHERE a OPERATOR(cirro.@@) '{"rating": 4}';
EXPLAIN (COSTS OFF) SELECT * FROM few f WHERE f OPERATOR(cirro.@@) '{"rating": 4}';
EXPLAIN (COSTS OFF) SELECT * FROM renamed r WHERE r OPERATOR(cirro.@@) '{"rating": 4}';
EXPLAIN (COSTS OFF)
SELECT * FROM (SELECT id, profile FROM worker) s WHERE s OPERATOR(cirro.@@) '{"rating": 4}';
EXPLAIN (COSTS OFF)
SELECT * FROM (SELECT id, profile FROM worker OFFSET 0) s WHERE s OPERATOR(cirro.@@) '{"rating": 4}';
EXPLAIN (COSTS OFF)
SELECT * FROM (SELECT id, profile FROM worker OFFSET 0) s (id, p) WHERE cirro.matches(s.p, '{"rating": 4}');

-- Joins, outer joins, sublinks with outer references.
EXPLAIN (COSTS OFF)
SELECT * FROM gig g JOIN worker w ON w OPERATOR(cirro.@@) g.filter WHERE g.id = 1;
EXPLAIN (COSTS OFF)
SELECT * FROM gig g LEFT JOIN worker w ON w OPERATOR(cirro.@@) '{"rating": 4}';
EXPLAIN (COSTS OFF)
SELECT * FROM gig g WHERE EXISTS (SELECT FROM worker w WHERE w OPERATOR(cirro.@@) g.filter);
EXPLAIN (COSTS OFF)
SELECT (SELECT count(*) FROM gig g WHERE w OPERATOR(cirro.@@) g.filter) FROM worker w;
EXPLAIN (COSTS OFF, VERBOSE)
SELECT (SELECT count(*) FROM gig g WHERE s OPERATOR(cirro.@@) g.filter)
FROM (SELECT profile, id FROM worker OFFSET 0) s;

-- Partitions and inheritance.
CREATE TABLE part (id bigint, profile jsonb) PARTITION BY RANGE (id);
CREATE TABLE part1 (profile jsonb, id bigint);
ALTER TABLE part ATTACH PARTITION part1 FOR VALUES FROM (0) TO (50);
CREATE TABLE part2 PARTITION OF part FOR VALUES FROM (50) TO (1000);
INSERT INTO part SELECT id, profile FROM worker;
EXPLAIN (COSTS OFF) SELECT * FROM part p WHERE p OPERATOR(cirro.@@) '{"rating": 4}';
EXPLAIN (COSTS OFF) SELECT * FROM part1 p WHERE (p::part) OPERATOR(cirro.@@) '{"rating": 4}';

-- Prepared statements, with plans made for any parameter.
SET plan_cache_mode = force_generic_plan;
PREPARE ask(cirro.filter_query) AS SELECT count(*) FROM worker w WHERE w OPERATOR(cirro.@@) $1;
EXPLAIN (COSTS OFF) EXECUTE ask('{"rating": 4}');
EXECUTE ask('{"rating": 4}');
EXECUTE ask('{"rating": {"$gte": 3}}');
EXECUTE ask(NULL);
RESET plan_cache_mode;

-- Parameters of the types that drivers send: no cast is needed, and the index is
-- used, both where the plan is made for the parameter and where for any.
CREATE TABLE many AS SELECT i AS id, jsonb_build_object('rating', i % 1000) AS profile FROM generate_series(1, 20000) i;
CREATE INDEX many_profile ON many USING gin (profile cirro.profile_ops);
CREATE STATISTICS many_stats ON cirro.profile_stats(profile) FROM many;
ANALYZE many;
PREPARE by_text(text) AS SELECT count(*) FROM many m WHERE m.profile OPERATOR(cirro.@@) $1;
PREPARE by_varchar(varchar(100)) AS SELECT count(*) FROM many m WHERE m OPERATOR(cirro.@@) $1;
PREPARE by_json(json) AS SELECT count(*) FROM many m WHERE cirro.matches(m.profile, $1);
PREPARE by_jsonb(jsonb) AS SELECT count(*) FROM many m WHERE cirro.matches(m, $1);
CREATE FUNCTION pg_temp.rows(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan #>> '{0,Plan,Plans,0,Plan Rows}';
END $$;
SET plan_cache_mode = force_custom_plan;
EXPLAIN (COSTS OFF) EXECUTE by_text('{"rating": 4}');
EXPLAIN (COSTS OFF) EXECUTE by_varchar('{"rating": 4}');
EXPLAIN (COSTS OFF) EXECUTE by_json('{"rating": 4}');
EXPLAIN (COSTS OFF) EXECUTE by_jsonb('{"rating": 4}');
SELECT call, pg_temp.rows(call || '(''{"rating": 4}'')') BETWEEN 15 AND 25 AS few,
	pg_temp.rows(call || '(''{"rating": {"$gte": 500}}'')') BETWEEN 9000 AND 11000 AS half
FROM unnest('{EXECUTE by_text,EXECUTE by_varchar,EXECUTE by_json,EXECUTE by_jsonb}'::text[]) call;
EXECUTE by_text('{"rating": 4}');
EXECUTE by_varchar('{"rating": 4}');
EXECUTE by_json('{"rating": 4}');
EXECUTE by_jsonb('{"rating": 4}');
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE by_text('{"rating": 4}');
EXPLAIN (COSTS OFF) EXECUTE by_varchar('{"rating": 4}');
EXPLAIN (COSTS OFF) EXECUTE by_json('{"rating": 4}');
EXPLAIN (COSTS OFF) EXECUTE by_jsonb('{"rating": 4}');
EXECUTE by_text('{"rating": 4}');
EXECUTE by_text('{"rating": {"$lt": 2}}');
EXECUTE by_text(NULL);
EXECUTE by_text('{"rating": {"$foo": 2}}');
EXECUTE by_varchar('{"rating": 4}');
EXECUTE by_json('{"rating": 4}');
EXECUTE by_jsonb('{"rating": 4}');
-- Without an index each row asks for the filter of the text: the call site keeps it,
-- and notices another one.
SELECT m.id, cirro.matches(m.profile, t.filter) AS matches
FROM many m, LATERAL (SELECT CASE WHEN m.id IN (3, 4, 7) THEN '{"rating": 4}' ELSE '{"rating": {"$gt": 4}}' END OFFSET 0) t (filter)
WHERE m.id < 8 ORDER BY 1;
RESET plan_cache_mode;

-- The casts to a filter change no expression without one, and make none ambiguous,
-- unless cirro is on the search_path: there what stands behind jsonb @@ is a filter.
CREATE FUNCTION pg_temp.type_of(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	type text;
BEGIN
	EXECUTE format('SELECT pg_typeof(%s)', expression) INTO type;
	RETURN type;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
CREATE TABLE expression (n int, e text, without text, with_cirro text);
INSERT INTO expression (n, e) SELECT ordinality, expression FROM unnest(ARRAY[
	$$jsonb '{"a": 1}' @@ '$.a == 1'$$, $$jsonb '{"a": 1}' @@ jsonpath '$.a == 1'$$, $$jsonb '{"a": 1}' @@ text '{"a": 1}'$$,
	$$jsonb '{"a": 1}' @@ jsonb '{"a": 1}'$$, $$jsonb '{"a": 1}' @? '$.a'$$,
	$$tsvector 'a b' @@ 'a'$$, $$tsvector 'a b' @@ tsquery 'a'$$, $$text 'a b' @@ text 'a'$$, $$text 'a b' @@ 'a'$$, $$'a b' @@ 'a'$$, $$tsvector 'a' @@ text 'a'$$,
	$$text '{}' || jsonb '{}'$$, $$jsonb '{}' || '{}'$$, $$jsonb '{}' || jsonb '{}'$$, $$text 'a' || varchar 'b'$$, $$'a' || 'b'$$, $$text '{}' || cirro.filter_query '{}'$$,
	$$text 'a' = 'b'$$, $$text 'a' = varchar 'b'$$, $$jsonb '{}' = '{}'$$, $$jsonb '{}' = jsonb '{}'$$, $$'a' = 'b'$$, $$json '{}' = json '{}'$$,
	$$text '{}' = cirro.filter_query '{}'$$, $$jsonb '{}' = cirro.filter_query '{}'$$, $$cirro.filter_query '{}' = '{}'$$, $$text '{}' < cirro.filter_query '{}'$$,
	$$coalesce(text 'a', varchar 'b')$$, $$coalesce(jsonb '{}', '{}')$$, $$coalesce(text '{}', cirro.filter_query '{}')$$, $$coalesce(jsonb '{}', cirro.filter_query '{}')$$,
	$$greatest(text 'a', 'b')$$, $$array[text 'a', varchar 'b']$$, $$array[jsonb '{}', '{}']$$, $$length('{}')$$, $$upper(text 'a')$$, $$to_jsonb(text '{}')$$,
	$$jsonb_typeof('{}')$$, $$cirro.matches('{"a": 1}', text '{"a": 1}')$$, $$cirro.matches('{"a": 1}', '{"a": 1}')$$,
	$$'{"a": 1}' OPERATOR(cirro.@@) '{"a": 1}'$$, $$text '{}' OPERATOR(cirro.=) text '{}'$$, $$text '{}' OPERATOR(cirro.@@) text '{}'$$]) WITH ORDINALITY u (expression, ordinality);
SET client_min_messages = warning;
UPDATE expression SET without = pg_temp.type_of(e);
SET search_path = filter_plan, cirro;
UPDATE expression SET with_cirro = pg_temp.type_of(e);
SET search_path = filter_plan;
RESET client_min_messages;
SELECT e, without, nullif(with_cirro, without) AS with_cirro FROM expression ORDER BY n;

-- Constants are computed.
EXPLAIN (COSTS OFF) SELECT * FROM worker WHERE '{"a": 1}'::jsonb OPERATOR(cirro.@@) '{"a": 2}';

-- All forms give the same rows; NULL profiles and filters give NULL.
SELECT count(*) FROM worker w WHERE w OPERATOR(cirro.@@) '{"rating": 4}';
SELECT count(*) FROM worker w WHERE w.profile OPERATOR(cirro.@@) '{"rating": 4}';
SELECT count(*) FROM active a WHERE a OPERATOR(cirro.@@) '{"rating": 4}';
SELECT count(*) FROM few f WHERE f OPERATOR(cirro.@@) '{"rating": 4}';
SELECT count(*) FROM part p WHERE p OPERATOR(cirro.@@) '{"rating": 4}';
SELECT count(*) FROM part1 p WHERE (p::part) OPERATOR(cirro.@@) '{"rating": 4}';
SELECT g.id, count(w.id) FROM gig g LEFT JOIN worker w ON w OPERATOR(cirro.@@) g.filter GROUP BY 1 ORDER BY 1;
SELECT w OPERATOR(cirro.@@) '{}' AS of_row, w.profile OPERATOR(cirro.@@) '{}' AS of_column
FROM worker w WHERE id = 101;
SELECT g.id, s OPERATOR(cirro.@@) '{}' AS matches
FROM gig g LEFT JOIN (SELECT id, profile FROM worker OFFSET 0) s ON s.id = g.id + 100 ORDER BY 1;
SELECT g.id, a OPERATOR(cirro.@@) '{}' AS matches
FROM gig g LEFT JOIN active a ON a.id = g.id + 99 ORDER BY 1;

-- Rows that the planner cannot look into are read when the query runs.
CREATE FUNCTION a_row() RETURNS worker LANGUAGE plpgsql AS
$$ DECLARE w worker; BEGIN SELECT * INTO w FROM worker WHERE id = 4; RETURN w; END $$;
SELECT a_row() OPERATOR(cirro.@@) '{"rating": 4}' AS from_function;
SELECT w OPERATOR(cirro.@@) '{"rating": 4}' AS from_variable FROM a_row() w;
SELECT ROW(1, '{}'::jsonb) OPERATOR(cirro.@@) '{}';
SELECT count(*) FROM gig g WHERE g OPERATOR(cirro.@@) '{}';
CREATE TABLE other (profile json);
INSERT INTO other VALUES ('{}');
SELECT o OPERATOR(cirro.@@) '{}' FROM other o;

-- A policy does not keep the match from an index, nor the match from being
-- tried first: the function is leakproof.
CREATE ROLE regress_cirro_plan;
GRANT USAGE ON SCHEMA filter_plan TO regress_cirro_plan;
GRANT SELECT ON worker TO regress_cirro_plan;
ALTER TABLE worker ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON worker USING (active);
CREATE INDEX worker_match ON worker (cirro.matches(profile, '{"rating": 4}'));
SET ROLE regress_cirro_plan;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM worker w WHERE w OPERATOR(cirro.@@) '{"rating": 4}';
SELECT count(*) FROM worker w WHERE w OPERATOR(cirro.@@) '{"rating": 4}';
RESET enable_seqscan;
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA filter_plan CASCADE;
DROP ROLE regress_cirro_plan;
