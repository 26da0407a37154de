-- Finds the gigs of a Space by random profiles, once by evaluating the filter of every
-- gig and once by the keys of the filters (gig_key): the answers have to be the same.
--
--     psql -X -v documents=60 -v seed=0.25 -f test/fuzz/gig_key_differential.sql
--
-- "documents" is how many each of its six stages asks, of some 1,500 to 3,000 gigs
-- each; "seed", between 0 and 1, repeats a run (random if not given; the first line says
-- it, and so does an error). The stages differ in what the keys were chosen by: nothing,
-- statistics of the workers' profiles, after filters have changed and gigs have gone,
-- with so many kinds of pairs that there may be no more, made anew by rebuild_state(),
-- and by profiles of so many values that not all their pairs are asked for. Any
-- difference is an error of this script, and so is what check_consistency() says of the
-- keys, and random cases that would show nothing: keys of a kind that no filter has, or
-- profiles that match all or nothing. Uses the schemas cirro_key_differential and
-- cirro_key_space of the current database, which must have the extension; leaves nothing
-- behind. The user must be superuser.
\set ON_ERROR_STOP on
\if :{?seed}
\else
SELECT round(random()::numeric, 6) AS seed \gset
\endif
\echo seed :seed
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS cirro_key_differential, cirro_key_space CASCADE;
CREATE SCHEMA cirro_key_differential;
SET search_path = cirro_key_differential, cirro, pg_catalog;
SET cirro_differential.seed = :'seed';
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SELECT cirro.create_space('cirro_key_space') \g /dev/null

\ir random_filter.sql

CREATE TABLE document (id serial PRIMARY KEY, stage text, body jsonb);
CREATE TABLE counts (stage text, pairs bigint, matches bigint);

CREATE FUNCTION add_gigs(count int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO cirro_key_space.gig (title, url, start_at, end_at, total_seats, filter_query)
	SELECT 'g', 'u', cirro.now() + interval '1 hour', cirro.now() + interval '1 day', 1, stored_filter()::jsonb FROM generate_series(1, count);
$$;

CREATE FUNCTION add_workers(count int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	profile jsonb;
BEGIN
	FOR i IN 1 .. count LOOP
		profile := document();
		CONTINUE WHEN jsonb_typeof(profile) <> 'object';
		INSERT INTO cirro_key_space.worker (profile) VALUES (profile);
	END LOOP;
END $$;

CREATE FUNCTION add_documents(count int, its_stage text, very_wide boolean DEFAULT false) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. count LOOP
		INSERT INTO document (stage, body) VALUES (its_stage, CASE WHEN very_wide OR i % 10 = 0 THEN wide_document(very_wide) ELSE document() END);
	END LOOP;
END $$;

-- Of 100 paths one value each, or more pairs than are asked for altogether, or for one
-- shape.
CREATE FUNCTION add_values(its_stage text, every int) RETURNS void LANGUAGE sql AS $$
	UPDATE document d SET body = d.body || '{"n": 1}' || (SELECT jsonb_object_agg('p' || p,
			(SELECT jsonb_agg(v + p % 2) FROM generate_series(1, CASE d.id % 5 WHEN 0 THEN 1 WHEN 1 THEN 4 ELSE 40 END) v)) FROM generate_series(1, 100) p)
	WHERE d.stage = its_stage AND d.id % 5 < 3 AND d.id % every = 0 AND jsonb_typeof(d.body) = 'object';
$$;

CREATE FUNCTION ask(its_stage text) RETURNS void LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE
	d document;
	by_scan bigint[];
	by_keys bigint[];
	wrong text;
	pairs bigint := 0;
	matches bigint := 0;
BEGIN
	FOR wrong IN SELECT c::text FROM cirro_key_space.check_consistency() c LOOP
		RAISE EXCEPTION 'seed %, stage %: %', current_setting('cirro_differential.seed'), its_stage, wrong;
	END LOOP;
	FOR d IN SELECT * FROM document WHERE stage = its_stage ORDER BY id LOOP
		SELECT coalesce(array_agg(f.gig_id ORDER BY f.gig_id), '{}') INTO by_scan FROM cirro_key_space.gig_filter f WHERE f.filter ~@@ d.body;
		by_keys := cirro.matching_gigs('cirro_key_space', d.body);
		IF by_scan IS DISTINCT FROM by_keys THEN
			SELECT string_agg(format('%s: %s, keys: %s', CASE WHEN w.gig_id = ANY (by_scan) THEN 'lost' ELSE 'made up' END, w.filter,
				(SELECT array_agg(k.key) FROM cirro_key_space.gig_key k WHERE k.gig_id = w.gig_id)), E'\n')
			INTO wrong
			FROM (SELECT f.* FROM cirro_key_space.gig_filter f WHERE (f.gig_id = ANY (by_scan)) <> (f.gig_id = ANY (by_keys))
				  ORDER BY length(f.filter::text) LIMIT 3) w;
			RAISE EXCEPTION 'seed %, stage %: % gigs by scan, % by keys', current_setting('cirro_differential.seed'), d.stage,
				cardinality(by_scan), cardinality(by_keys)
				USING DETAIL = left(d.body::text, 5000) || E'\n' || coalesce(wrong, 'twice, or in another order');
		END IF;
		pairs := pairs + (SELECT count(*) FROM cirro_key_space.gig_filter);
		matches := matches + cardinality(by_scan);
	END LOOP;
	INSERT INTO counts VALUES (its_stage, pairs, matches);
END $$;

--
-- The stages
--

\o /dev/null
SELECT setseed(:seed);
SELECT add_gigs(800);
SELECT add_documents(:documents, 'defaults');
SELECT ask('defaults');

SELECT add_workers(800);
ANALYZE cirro_key_space.worker;
SELECT add_gigs(800);
SELECT add_documents(:documents, 'statistics');
SELECT ask('statistics');

UPDATE cirro_key_space.gig SET filter_query = stored_filter()::jsonb WHERE id % 4 = 0;
DELETE FROM cirro_key_space.gig WHERE id % 9 = 0;
SELECT add_documents(:documents, 'updated');
SELECT ask('updated');

-- Of 100 paths each two.
INSERT INTO cirro_key_space.gig (title, url, start_at, end_at, total_seats, filter_query)
SELECT 'g', 'u', cirro.now() + interval '1 hour', cirro.now() + interval '1 day', 1,
	jsonb_build_object('p' || i % 100, 1, 'p' || i / 100 % 100, 1 + i % 2, 'n', '{"$gte": 0}'::jsonb)
FROM generate_series(1, 2000) i;
SELECT add_gigs(300);
SELECT add_documents(:documents, 'shapes');
SELECT add_values('shapes', 1);
SELECT ask('shapes');

SELECT * FROM cirro_key_space.rebuild_state();
SELECT add_documents(:documents, 'rebuilt');
SELECT ask('rebuilt');
SELECT add_documents(:documents / 2, 'wide', true);
SELECT add_values('wide', 2);
SELECT ask('wide');

-- What there was to go wrong.
SELECT format('%s pairs of gigs and profiles, no difference; %s%% match; %s%% of the keys are values, %s%% pairs, %s%% types, %s%% lower bounds, '
	'%s%% upper ones, %s%% for any document; %s shapes of pairs', pairs, round(100 * matches / pairs), 100 * k.points / k.keys, 100 * k.both / k.keys,
	100 * k.tags / k.keys, 100 * k.lower / k.keys, 100 * k.upper / k.keys, 100 * k.always / k.keys, k.shapes) AS result,
	matches < 0.03 * pairs OR matches > 0.5 * pairs OR k.points * 5 < k.keys OR k.both * 10 < k.keys OR k.tags * 100 < k.keys
	OR k.lower * 100 < k.keys OR k.upper * 100 < k.keys OR k.shapes < 500 AS weak
FROM (SELECT count(*) FILTER (WHERE kind < 7) AS keys, count(*) FILTER (WHERE kind = 1) AS always, count(*) FILTER (WHERE kind = 2) AS points,
		count(*) FILTER (WHERE kind = 3) AS both, count(*) FILTER (WHERE kind = 4) AS tags, count(*) FILTER (WHERE kind = 5) AS lower,
		count(*) FILTER (WHERE kind = 6) AS upper, count(*) FILTER (WHERE kind = 7 AND get_byte(key, 1) = 3) AS shapes
	  FROM (SELECT key, get_byte(key, 0) AS kind FROM cirro_key_space.gig_key) k) k,
	(SELECT sum(pairs) AS pairs, sum(matches) AS matches FROM counts) c \gset
\o
\echo :result
\if :weak
\warn 'these filters show too little'
SELECT 1/0;
\endif
SELECT cirro.drop_space('cirro_key_space') \g /dev/null
DROP SCHEMA cirro_key_differential CASCADE;
