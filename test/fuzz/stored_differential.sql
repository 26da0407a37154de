-- Finds stored filters by random documents, once by evaluating every filter and
-- once by an index of class filter_ops: the answers have to be the same.
--
--     psql -X -v documents=60 -v seed=0.25 -f test/fuzz/stored_differential.sql
--
-- "documents" is how many each of its seven stages asks, of some 2,500 to 5,000
-- filters each; "seed", between 0 and 1, repeats a run (random if not given; the
-- first line says it, and so does an error). The stages differ in the state of the
-- index and in the way to it: entries waiting in the pending list, after updates and
-- deletes, flushed, after VACUUM, built over what is there, with bitmaps that do not fit
-- memory, by the operator the other way round, and by documents of so many values that
-- the search is another. Any difference is an error of this script, and so are random
-- cases that would show nothing: documents that match all or nothing, keys of a kind
-- that no filter has, or keys that leave all filters to the recheck. Uses the schema
-- cirro_stored_differential of the current database, which must have the extension;
-- leaves nothing behind.
\set ON_ERROR_STOP on
\if :{?seed}
\else
SELECT round(random()::numeric, 6) AS seed \gset
\endif
\echo seed :seed
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS cirro_stored_differential CASCADE;
CREATE SCHEMA cirro_stored_differential;
SET search_path = cirro_stored_differential, cirro, pg_catalog;
SET cirro_differential.seed = :'seed';
SET max_parallel_workers_per_gather = 0;
SET jit = off;

DO $$ BEGIN
	IF NOT (SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'filter_ops') THEN
		RAISE EXCEPTION 'amvalidate finds fault with filter_ops';
	END IF;
END $$;

\ir random_filter.sql

--
-- The tables
--

-- With wide rows there are many pages, so that a small bitmap cannot do with
-- single rows.
CREATE TABLE saved (id serial PRIMARY KEY, filter filter_query, pad text);
ALTER TABLE saved ALTER COLUMN pad SET STORAGE plain, SET (autovacuum_enabled = off);
CREATE TABLE document (id serial PRIMARY KEY, stage text, body jsonb, n bigint, hash numeric);
CREATE TABLE counts (stage text, pairs bigint, matches bigint, candidates bigint);

CREATE FUNCTION add_filters(count int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. count LOOP
		INSERT INTO saved (filter, pad) VALUES (CASE WHEN i % 50 > 0 THEN stored_filter() END, repeat('x', 3800));
	END LOOP;
END $$;

CREATE FUNCTION add_documents(count int, its_stage text, wide boolean DEFAULT false) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. count LOOP
		INSERT INTO document (stage, body) VALUES (its_stage, CASE WHEN wide OR i % 20 = 0 THEN wide_document(wide) ELSE document() END);
	END LOOP;
END $$;

-- Says which filters evaluation and index tell otherwise.
CREATE FUNCTION fail(d document) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	by_scan int[];
	by_index int[];
	wrong text;
BEGIN
	SET enable_seqscan = on;
	SET enable_bitmapscan = off;
	EXECUTE format('SELECT coalesce(array_agg(id), ''{}'') FROM saved WHERE filter ~@@ %L::jsonb', d.body) INTO by_scan;
	SET enable_bitmapscan = on;
	SET enable_seqscan = off;
	EXECUTE format('SELECT coalesce(array_agg(id), ''{}'') FROM saved WHERE filter ~@@ %L::jsonb', d.body) INTO by_index;
	SELECT string_agg(format('%s: %s, keys: %s', CASE WHEN id = ANY (by_scan) THEN 'lost' ELSE 'made up' END, filter,
			stored_keys(filter)), E'\n')
	INTO wrong
	FROM (SELECT * FROM saved WHERE (id = ANY (by_scan)) <> (id = ANY (by_index)) ORDER BY length(filter::text) LIMIT 3) w;
	RAISE EXCEPTION 'seed %, stage %: % filters by scan, % by index', current_setting('cirro_differential.seed'), d.stage,
		cardinality(by_scan), cardinality(by_index)
		USING DETAIL = left(d.body::text, 5000) || E'\n' || coalesce(wrong, 'not when asked again');
END $$;

CREATE FUNCTION ask_by_scan(its_stage text) RETURNS void LANGUAGE plpgsql
SET enable_bitmapscan = off SET enable_material = off AS $$
BEGIN
	UPDATE document d SET n = s.n, hash = s.hash
	FROM (SELECT d.id, count(s.id) AS n, coalesce(sum(hashint4(s.id)::bigint), 0) AS hash
		  FROM document d LEFT JOIN saved s ON s.filter ~@@ d.body WHERE d.stage = its_stage GROUP BY d.id) s
	WHERE d.id = s.id;
	INSERT INTO counts SELECT its_stage, count(*) * (SELECT count(filter) FROM saved), sum(n) FROM document WHERE stage = its_stage;
END $$;

-- By a join, where one search after the other has another document, and each for
-- itself; "condition" is either operator.
CREATE FUNCTION ask_by_index(its_stage text, condition text) RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off SET enable_material = off AS $$
DECLARE
	d document;
	wrong document;
	plan text := '';
	line text;
	n bigint;
	hash numeric;
	fetched bigint := 0;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) SELECT count(*) FROM document d LEFT JOIN saved s ON ' || condition LOOP
		plan := plan || line || E'\n';
	END LOOP;
	IF plan !~ 'Bitmap Index Scan on saved_filter' THEN
		RAISE EXCEPTION 'the join does not use the index: %', plan;
	END IF;
	FOR wrong IN EXECUTE 'SELECT d.* FROM document d WHERE d.stage = $1 AND (d.n, d.hash) IS DISTINCT FROM
			(SELECT (count(s.id), coalesce(sum(hashint4(s.id)::bigint), 0)) FROM saved s WHERE ' || condition || ')' USING its_stage
	LOOP
		PERFORM fail(wrong);
	END LOOP;
	FOR d IN SELECT * FROM document WHERE stage = its_stage ORDER BY id LIMIT 20 LOOP
		FOR line IN EXECUTE format('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT FROM saved s WHERE '
				|| replace(condition, 'd.body', '%L::jsonb'), d.body) LOOP
			fetched := fetched + coalesce(substring(line FROM 'Bitmap Index Scan on saved_filter.*rows=([0-9]+)')::bigint, 0);
		END LOOP;
		EXECUTE format('SELECT count(*), coalesce(sum(hashint4(id)::bigint), 0) FROM saved s WHERE '
			|| replace(condition, 'd.body', '%L::jsonb'), d.body) INTO n, hash;
		IF (n, hash) IS DISTINCT FROM (d.n, d.hash) THEN
			PERFORM fail(d);
		END IF;
	END LOOP;
	UPDATE counts c SET candidates = fetched WHERE c.stage = its_stage;
END $$;

--
-- The stages
--

\o /dev/null
SELECT setseed(:seed);
CREATE INDEX saved_filter ON saved USING gin (filter filter_ops) WITH (fastupdate = on, gin_pending_list_limit = 100000);

-- All in the pending list.
SELECT add_filters(2500);
SELECT add_documents(:documents, 'pending');
SELECT ask_by_scan('pending');
SELECT ask_by_index('pending', 's.filter ~@@ d.body');

-- Flushed half-way through updates and deletes.
UPDATE saved SET filter = stored_filter() WHERE id % 4 = 0;
SELECT gin_clean_pending_list('saved_filter') > 0 AS flushed \gset
\if :flushed
\else
\warn 'there was nothing in the pending list'
SELECT 1/0;
\endif
DELETE FROM saved WHERE id % 9 = 0;
UPDATE saved SET filter = '{"n": {"$gt": 2}}' WHERE id % 13 = 0;
SELECT add_filters(1500);
SELECT add_documents(:documents, 'updated');
SELECT ask_by_scan('updated');
SELECT ask_by_index('updated', 's.filter ~@@ d.body');

VACUUM saved;
SELECT add_documents(:documents, 'vacuumed');
SELECT ask_by_scan('vacuumed');
SELECT ask_by_index('vacuumed', 's.filter ~@@ d.body');

-- Built over all that is there, without a pending list.
DROP INDEX saved_filter;
CREATE INDEX saved_filter ON saved USING gin (filter) WITH (fastupdate = off);
UPDATE saved SET filter = stored_filter() WHERE id % 7 = 0;
SELECT add_filters(1500);
SELECT add_documents(:documents, 'built');
SELECT ask_by_scan('built');
SELECT ask_by_index('built', 's.filter ~@@ d.body');

SELECT add_documents(:documents, 'commuted');
SELECT ask_by_scan('commuted');
SELECT ask_by_index('commuted', 'd.body @@ s.filter');

SELECT add_documents(:documents / 2, 'wide', true);
SELECT ask_by_scan('wide');
SELECT ask_by_index('wide', 'matches(d.body, s.filter)');

SET work_mem = '64kB';
DO $$
DECLARE
	line text;
	plan text := '';
BEGIN
	SET LOCAL enable_seqscan = off;
	FOR line IN EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT FROM saved WHERE filter ~@@ '{"n": 2, "s": "a", "o": [{"b": 1}]}'::jsonb LOOP
		plan := plan || line || E'\n';
	END LOOP;
	IF plan !~ 'lossy=' THEN
		RAISE EXCEPTION 'the bitmaps fit into memory: %', plan;
	END IF;
END $$;
SELECT add_documents(:documents, 'lossy');
SELECT ask_by_scan('lossy');
SELECT ask_by_index('lossy', 'matched_by(s.filter, d.body)');
SELECT ask_by_index('wide', 'd.body @@ s.filter');
RESET work_mem;

-- What there was to go wrong.
SELECT format('%s pairs of filters and documents, no difference; %s%% match; of 100 filters %s have no keys, %s a value, %s a lower bound, '
	'%s an upper one, %s a type, %s what any document has; %s%% are candidates', pairs, round(100 * matches / pairs), never * 100 / filters,
	points * 100 / filters, lower * 100 / filters, upper * 100 / filters, tags * 100 / filters, always * 100 / filters,
	round(100 * candidates / (20 * 7 * filters))) AS result,
	matches < 0.03 * pairs OR matches > 0.5 * pairs OR never * 200 < filters OR points * 3 < filters OR lower * 50 < filters
	OR upper * 50 < filters OR tags * 50 < filters OR always * 2 > filters OR candidates > 0.7 * 20 * 7 * filters AS weak
FROM (SELECT count(*) AS filters, count(*) FILTER (WHERE k = '{}') AS never,
		count(*) FILTER (WHERE k = '{any document}') AS always,
		count(*) FILTER (WHERE k::text ~ '" is [^abnost]| is (\\"|any|true|false|null)' AND k <> '{any document}') AS points,
		count(*) FILTER (WHERE k::text ~ '" >= ') AS lower, count(*) FILTER (WHERE k::text ~ '" <= ') AS upper,
		count(*) FILTER (WHERE k::text ~ '" is (number|string|array|object|there)') AS tags
	  FROM (SELECT stored_keys(filter) AS k FROM saved WHERE filter IS NOT NULL) s) s,
	(SELECT sum(pairs) AS pairs, sum(matches) AS matches, sum(candidates) AS candidates FROM counts) c \gset
\o
\echo :result
\if :weak
\warn 'these filters show too little'
SELECT 1/0;
\endif
DROP SCHEMA cirro_stored_differential CASCADE;
