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
