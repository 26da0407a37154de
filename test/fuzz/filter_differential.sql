-- Asks random filters of random documents, once by reading every document and
-- once by an index of class profile_ops: the answers have to be the same.
--
--     psql -X -v filters=1000 -v seed=0.25 -f test/fuzz/filter_differential.sql
--
-- "filters" is how many each of its seven stages asks; "seed", between 0 and 1,
-- repeats a run (random if not given; the first line says it, and so does an
-- error). The stages differ in the state of the index and in what the search
-- goes by: entries waiting in the pending list, after updates and deletes,
-- flushed, after VACUUM, with statistics, with bitmaps that do not fit memory,
-- and with the filters coming from a join. Any difference is an error of this
-- script, and so are random cases that would show nothing: filters that match
-- all or nothing, or a search that leaves everything to the recheck. Uses the
-- schema cirro_differential of the current database, which must have the
-- extension; leaves nothing behind.
\set ON_ERROR_STOP on
\if :{?seed}
\else
SELECT round(random()::numeric, 6) AS seed \gset
\endif
\echo seed :seed
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS cirro_differential CASCADE;
CREATE SCHEMA cirro_differential;
SET search_path = cirro_differential, cirro, pg_catalog;
SET cirro_differential.seed = :'seed';
SET max_parallel_workers_per_gather = 0;
SET jit = off;

DO $$ BEGIN
	IF NOT (SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'profile_ops') THEN
		RAISE EXCEPTION 'amvalidate finds fault with profile_ops';
	END IF;
END $$;

\ir random_filter.sql

--
-- The tables
--

-- With wide rows there are many pages, so that a small bitmap cannot do with
-- single rows.
CREATE TABLE worker (id serial PRIMARY KEY, profile jsonb, pad text);
ALTER TABLE worker ALTER COLUMN pad SET STORAGE plain, ALTER COLUMN profile SET STORAGE external,
	SET (autovacuum_enabled = off);
CREATE TABLE asked (id serial, stage text, filter filter_query, n bigint, hash bigint);
CREATE TABLE counts (stage text, filters int DEFAULT 0, telling int DEFAULT 0, indexed int DEFAULT 0, narrowed int DEFAULT 0,
	sure int DEFAULT 0);

CREATE FUNCTION add_documents(count int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. count LOOP
		INSERT INTO worker (profile, pad) VALUES (CASE WHEN i % 50 > 0 THEN document() END, repeat('x', 3800));
	END LOOP;
END $$;

CREATE FUNCTION add_filters(count int, its_stage text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. count LOOP
		INSERT INTO asked (stage, filter) VALUES (its_stage, filter(2, '')::filter_query);
	END LOOP;
END $$;

CREATE FUNCTION fail(what text, filter filter_query) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'seed %: % for filter %', current_setting('cirro_differential.seed'), what, filter
		USING DETAIL = 'The index was searched for ' || index_search(filter);
END $$;

-- Says in which documents scan and index differ.
CREATE FUNCTION fail_with_documents(f filter_query) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	by_scan int[];
	by_index int[];
	wrong text;
BEGIN
	SET enable_seqscan = on;
	SET enable_bitmapscan = off;
	EXECUTE format('SELECT coalesce(array_agg(id), ''{}'') FROM worker WHERE profile @@ %L::filter_query', f) INTO by_scan;
	SET enable_bitmapscan = on;
	SET enable_seqscan = off;
	EXECUTE format('SELECT coalesce(array_agg(id), ''{}'') FROM worker WHERE profile @@ %L::filter_query', f) INTO by_index;
	SELECT string_agg(format('%s in document %s: %s', CASE WHEN id = ANY (by_scan) THEN 'lost' ELSE 'made up' END, id,
			left(profile::text, 3000)), E'\n')
	INTO wrong
	FROM (SELECT * FROM worker WHERE (id = ANY (by_scan)) <> (id = ANY (by_index)) ORDER BY length(profile::text) LIMIT 3) w;
	PERFORM fail(format('%s matches by scan, %s by index', cardinality(by_scan), cardinality(by_index)) || E'\n'
		|| coalesce(wrong, 'not when asked again'), f);
END $$;

-- What reading every document gives for the filters of a stage.
CREATE FUNCTION ask_by_scan(its_stage text) RETURNS void LANGUAGE plpgsql
SET enable_bitmapscan = off SET enable_material = off AS $$
BEGIN
	UPDATE asked a SET n = s.n, hash = s.hash
	FROM (SELECT a.id, count(w.id) AS n, coalesce(sum(hashint4(w.id)::bigint), 0) AS hash
		  FROM asked a LEFT JOIN worker w ON w.profile @@ a.filter WHERE a.stage = its_stage GROUP BY a.id) s
	WHERE a.id = s.id;
END $$;

-- The same by the index, each filter planned for itself; and what it did.
CREATE FUNCTION ask_by_index(its_stage text) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
	a asked;
	n bigint;
	hash bigint;
	line text;
	search text;
	documents bigint := (SELECT count(profile) FROM worker);
	c counts;
BEGIN
	c := (its_stage, 0, 0, 0, 0, 0);
	FOR a IN SELECT * FROM asked WHERE stage = its_stage ORDER BY id LOOP
		c.filters := c.filters + 1;
		c.telling := c.telling + (a.n > 0 AND a.n < documents)::int;
		FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT FROM worker WHERE profile @@ %L::filter_query', a.filter) LOOP
			c.indexed := c.indexed + (line LIKE '%Bitmap Index Scan on worker_profile%')::int;
		END LOOP;
		search := index_search(a.filter);
		c.narrowed := c.narrowed + (search <> 'all, recheck')::int;
		c.sure := c.sure + (search !~ 'recheck')::int;
		EXECUTE format('SELECT count(*), coalesce(sum(hashint4(id)::bigint), 0) FROM worker WHERE profile @@ %L::filter_query', a.filter)
		INTO n, hash;
		IF (n, hash) <> (a.n, a.hash) THEN
			PERFORM fail_with_documents(a.filter);
		END IF;
	END LOOP;
	INSERT INTO counts SELECT c.*;
END $$;

-- And in a join, where one search after the other has another filter.
CREATE FUNCTION ask_by_join(its_stage text) RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off SET enable_material = off AS $$
DECLARE
	wrong asked;
	plan text := '';
	line text;
BEGIN
	FOR line IN EXPLAIN (COSTS OFF) SELECT count(*) FROM asked a LEFT JOIN worker w ON w.profile @@ a.filter LOOP
		plan := plan || line || E'\n';
	END LOOP;
	IF plan !~ 'Bitmap Index Scan on worker_profile' THEN
		RAISE EXCEPTION 'the join does not use the index: %', plan;
	END IF;
	FOR wrong IN
		SELECT * FROM asked a WHERE a.stage = its_stage AND (a.n, a.hash) <>
			(SELECT count(w.id), coalesce(sum(hashint4(w.id)::bigint), 0) FROM worker w WHERE w.profile @@ a.filter)
	LOOP
		PERFORM fail_with_documents(wrong.filter);
	END LOOP;
END $$;

--
-- The stages
--

\o /dev/null
SELECT setseed(:seed);
CREATE INDEX worker_profile ON worker USING gin (profile profile_ops) WITH (fastupdate = on, gin_pending_list_limit = 100000);

-- All in the pending list.
SELECT add_documents(1800);
SELECT add_filters(:filters, 'pending');
SELECT ask_by_scan('pending');
SELECT ask_by_index('pending');

-- Flushed half-way through updates and deletes.
UPDATE worker SET profile = document() WHERE id % 4 = 0;
SELECT gin_clean_pending_list('worker_profile') > 0 AS flushed \gset
\if :flushed
\else
\warn 'there was nothing in the pending list'
SELECT 1/0;
\endif
DELETE FROM worker WHERE id % 9 = 0;
UPDATE worker SET profile = profile || '{"n": [2, 9]}' WHERE id % 13 = 0 AND jsonb_typeof(profile) = 'object';
SELECT add_documents(800);
SELECT add_filters(:filters, 'updated');
SELECT ask_by_scan('updated');
SELECT ask_by_index('updated');

VACUUM worker;
SELECT add_filters(:filters, 'vacuumed');
SELECT ask_by_scan('vacuumed');
SELECT ask_by_index('vacuumed');

-- Built over all that is there, without a pending list.
DROP INDEX worker_profile;
CREATE INDEX worker_profile ON worker USING gin (profile profile_ops) WITH (fastupdate = off);
UPDATE worker SET profile = document() WHERE id % 7 = 0;
SELECT add_documents(400);
SELECT add_filters(:filters, 'built');
SELECT ask_by_scan('built');
SELECT ask_by_index('built');

-- With statistics other entries are searched for.
CREATE STATISTICS worker_profile_stats ON (profile_stats(profile)) FROM worker;
ANALYZE worker;
SELECT add_filters(:filters, 'statistics');
SELECT ask_by_scan('statistics');
SELECT ask_by_index('statistics');

SET work_mem = '64kB';
DO $$
DECLARE
	line text;
	plan text := '';
BEGIN
	SET LOCAL enable_seqscan = off;
	FOR line IN EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT FROM worker WHERE profile @@ '{"n": {"$gte": -1}}'::filter_query LOOP
		plan := plan || line || E'\n';
	END LOOP;
	IF plan !~ 'lossy=' THEN
		RAISE EXCEPTION 'the bitmaps fit into memory: %', plan;
	END IF;
END $$;
SELECT add_filters(:filters, 'lossy');
SELECT ask_by_scan('lossy');
SELECT ask_by_index('lossy');
RESET work_mem;

SELECT add_filters(:filters, 'join');
SELECT ask_by_scan('join');
SELECT ask_by_join('join');
SET work_mem = '64kB';
SELECT ask_by_join('lossy');
RESET work_mem;

SELECT format('%s filters of %s documents, no difference; %s%% match some and not all, %s%% are planned with the index, '
	'%s%% narrow its search, %s%% need no recheck', sum(filters), (SELECT max(id) FROM worker),
	100 * sum(telling) / sum(filters), 100 * sum(indexed) / sum(filters), 100 * sum(narrowed) / sum(filters),
	100 * sum(sure) / sum(filters)) AS result,
	sum(telling) < 0.5 * sum(filters) OR sum(indexed) < 0.95 * sum(filters) OR sum(narrowed) < 0.4 * sum(filters)
	OR sum(sure) < 0.1 * sum(filters) AS weak
FROM counts \gset
\o
\echo :result
\if :weak
\warn 'these filters show too little'
SELECT 1/0;
\endif
DROP SCHEMA cirro_differential CASCADE;
