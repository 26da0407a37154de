-- The clock: cirro.now() is the later of the starts of statement and transaction,
-- unless the setting cirro.clock holds a time; who may set it, and to what. Every
-- timestamp that cirro writes comes from it.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
DROP ROLE IF EXISTS regress_cirro_clock;
CREATE ROLE regress_cirro_clock;
SELECT cirro.create_space('clock');
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET search_path = clock;
\pset format unaligned
\pset fieldsep ' | '
\pset footer off
\pset tuples_only on
\pset null -

-- What a command says: ok, or SQLSTATE, message, DETAIL and HINT.
CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', state || ' ' || message,
		'DETAIL: ' || nullif(detail, ''), 'HINT: ' || nullif(hint, ''));
END $$;

-- Without the setting: goes on from statement to statement, also within a
-- transaction, and stands still within one statement.
SHOW cirro.clock;
SELECT cirro.now() = now() AND cirro.now() = statement_timestamp();
BEGIN;
SELECT FROM pg_sleep(0.01);
SELECT cirro.now() = statement_timestamp() AND cirro.now() > now();
SELECT count(DISTINCT cirro.now()) FROM generate_series(1, 3), LATERAL (SELECT pg_sleep(0.002) OFFSET 0) s;
COMMIT;
-- In a function whose transaction began later than the statement: never before it.
CREATE PROCEDURE pg_temp.later() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(0.01);
	COMMIT;
	RAISE INFO '% %', cirro.now() >= now(), cirro.now() > statement_timestamp();
END $$;
CALL pg_temp.later();
SELECT provolatile, proparallel FROM pg_proc WHERE oid = 'cirro.now()'::regprocedure;

-- With it. A time without zone is of the session's.
SET cirro.clock = '2030-01-01 12:00+00';
SELECT cirro.now();
SET cirro.clock = '2030-06-01 12:00:00.123456 Europe/Berlin';
SELECT cirro.now();
SET timezone = 'America/New_York';
SELECT cirro.now();
SET cirro.clock = '2030-01-01 12:00';
SELECT cirro.now();
SET timezone = 'UTC';
SELECT cirro.now();
SET cirro.clock = '2030-01-02';
SELECT cirro.now();
BEGIN;
SET LOCAL cirro.clock = '2031-01-01';
SELECT cirro.now();
SAVEPOINT s;
SET LOCAL cirro.clock = '2032-01-01';
ROLLBACK TO s;
SELECT cirro.now();
COMMIT;
SELECT cirro.now();
SET cirro.clock = '';
SELECT cirro.now() = statement_timestamp();
RESET cirro.clock;
SELECT set_config('cirro.clock', '4713-11-24 00:00+00 BC', false), cirro.now();
SELECT set_config('cirro.clock', '294276-12-31 23:59:59.999999+00', false), cirro.now();
RESET cirro.clock;

-- The setting keeps what it meant when it was set, as text that means the same
-- everywhere: in parallel workers, which read it under another TimeZone or at
-- another "now", and wherever it is given back.
CREATE TABLE many AS SELECT i FROM generate_series(1, 1000) i;
ANALYZE many;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
EXPLAIN (COSTS OFF) SELECT min(cirro.now()) FROM many;
SET timezone = 'America/New_York';
SET cirro.clock = '2030-01-01 12:00';
SHOW cirro.clock;
SET timezone = 'Asia/Tokyo';
SELECT cirro.now() = '2030-01-01 17:00+00' AS t;
SELECT min(cirro.now()) = cirro.now() AS same, max(cirro.now()) = cirro.now() AS same FROM many;
SET cirro.clock = 'now';
SELECT set_config('clock.first', cirro.now()::text, false) <> '' AS t;
SELECT FROM pg_sleep(0.01);
SELECT cirro.now() = current_setting('clock.first')::timestamptz AS t, cirro.now() < statement_timestamp() AS t;
SELECT min(cirro.now()) = cirro.now() AS same, max(cirro.now()) = cirro.now() AS same FROM many;
SELECT current_setting('cirro.clock') ~ '^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00$' AS t;
SET cirro.clock = 'tomorrow';
SELECT cirro.now() = 'tomorrow'::timestamptz AS t;
SELECT min(cirro.now()) = cirro.now() AS same, max(cirro.now()) = cirro.now() AS same FROM many;
SET timezone = 'UTC';
DROP TABLE many;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
RESET parallel_leader_participation;
-- What it shows it takes, whatever the style of dates.
SET datestyle = 'SQL, DMY';
SELECT given, set_config('cirro.clock', given, false) AS shown, set_config('cirro.clock', current_setting('cirro.clock'), false) = current_setting('cirro.clock') AS same
FROM unnest('{02/03/2030 04:05:06.7,0044-03-15 12:00:00+00 BC,0044-03-15 12:00:00+00,12345-06-07 08:09:10.000001-15:59:59,4713-11-24 00:00+00 BC,294276-12-31 23:59:59.999999+00,20300101T120000Z,2030-06-01 12:00 Europe/Berlin}'::text[]) given;
SET datestyle = 'ISO';
RESET cirro.clock;
SELECT current_setting('cirro.clock') = '' AND cirro.now() = statement_timestamp();
-- Given by a function and by SET LOCAL.
CREATE FUNCTION pg_temp.in_tokyo() RETURNS text LANGUAGE sql SET timezone = 'Asia/Tokyo' SET cirro.clock = '2030-01-01 12:00'
	AS $$ SELECT current_setting('cirro.clock') $$;
SELECT pg_temp.in_tokyo(), current_setting('cirro.clock') AS after;
BEGIN;
SET LOCAL cirro.clock = '2030-01-01 12:00 Asia/Tokyo';
SHOW cirro.clock;
COMMIT;
SHOW cirro.clock;

-- What is not a point in time.
SELECT pg_temp.try(format('SET cirro.clock = %L', t)) FROM unnest('{bad,2030-13-01,2030-02-30 12:00+00,12:00,infinity,-infinity,epoch x,1 day,294277-01-01}'::text[] || ARRAY[repeat('1', 10000)]) WITH ORDINALITY u (t, n)
	WHERE n < 10 ORDER BY n;
SELECT left(pg_temp.try(format('SET cirro.clock = %L', repeat('1', 10000))), 60);
SELECT pg_temp.try('SET cirro.clock = DEFAULT');
SELECT pg_temp.try('SET cirro.other = 1');
SELECT pg_temp.try('SET cirro.active = 7');

-- Superusers alone, or who was granted it.
SET ROLE regress_cirro_clock;
SELECT pg_temp.try('SET cirro.clock = ''2030-01-01''');
SELECT pg_temp.try('SET cirro.active = off');
SELECT pg_temp.try($$SELECT set_config('cirro.clock', '2030-01-01', false)$$);
SHOW cirro.clock;
RESET ROLE;
GRANT SET ON PARAMETER cirro.clock TO regress_cirro_clock;
SET ROLE regress_cirro_clock;
SET cirro.clock = '2030-01-01 12:00+00';
SELECT cirro.now();
SELECT pg_temp.try('SET cirro.active = off');
RESET ROLE;

-- Given by the database, and read before the library is loaded.
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET cirro.clock = ''2030-01-01 12:00 Asia/Tokyo''', current_database()); END $$;
\c -
SELECT cirro.now() = '2030-01-01 03:00+00', current_setting('cirro.clock');
SET cirro.clock = '2031-01-01 12:00+00';
RESET cirro.clock;
SHOW cirro.clock;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET cirro.clock', current_database()); END $$;

-- Nor is there a way in before the library is loaded.
REVOKE SET ON PARAMETER cirro.clock FROM regress_cirro_clock;
\c -
SET SESSION AUTHORIZATION regress_cirro_clock;
SET cirro.clock = '2040-01-01';
SELECT cirro.now() < '2040-01-01';
SHOW cirro.clock;
RESET SESSION AUTHORIZATION;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET search_path = clock;
SET cirro.clock = '2030-01-01 12:00+00';

-- Every timestamp that cirro writes, and every default.
INSERT INTO worker (id) VALUES (1), (2) RETURNING created_at, updated_at;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query) VALUES (1, 'Gig', 'https://gig', '2030-01-02', '2030-01-03', 2, '{}') RETURNING created_at;
SELECT outcome FROM invite(1, '{1}');
SELECT gig_id, outcome FROM attempt_invitations(2);
SET cirro.clock = '2030-01-01 13:00+00';
UPDATE worker SET active = true WHERE id = 1 RETURNING created_at, updated_at;
SELECT status, created_at, invited_at, responded_at FROM accept(1);
SET cirro.clock = '2030-01-01 14:00+00';
SELECT status, created_at, invited_at, responded_at FROM leave(1);
SELECT worker_id, created_at FROM attempt;
SELECT invitation_id, status, at FROM event ORDER BY id;
CALL cirro.run_waves('clock');
SELECT run_at FROM wave;
SET cirro.clock = '2030-01-02 12:00+00';
SELECT archived_at, end_at FROM archive(1);
-- The real one is used again, when it is not set.
RESET cirro.clock;
INSERT INTO worker (id) VALUES (3) RETURNING created_at = statement_timestamp(), updated_at = statement_timestamp();
-- Only leases go by the wall.
SET cirro.clock = '2040-01-01';
SELECT count(*) > 0 FROM claim_notifications();
SELECT bool_and(due_at BETWEEN clock_timestamp() AND clock_timestamp() + interval '1 minute') FROM notification WHERE claim IS NOT NULL;

-- Time plus an interval never fails: infinity where timestamps end.
SELECT cirro.add_interval('2030-01-31', '1 mon'), cirro.add_interval('2030-01-01', '178000000 years'), cirro.add_interval('2030-01-01', '-178000000 years'),
	cirro.add_interval('infinity', '-1 day'), cirro.add_interval('-infinity', '1 day'), cirro.add_interval(NULL, '1 day'), cirro.add_interval('2030-01-01', NULL);
-- A day has 24 hours wherever who asks may be, also when clocks change.
SET timezone = 'Europe/Berlin';
SELECT cirro.add_interval('2030-03-30 12:00+00', '1 day') = '2030-03-31 12:00+00' AS same;
SET timezone = 'America/New_York';
SELECT cirro.add_interval('2030-03-09 12:00+00', '1 day') = '2030-03-10 12:00+00' AS same;
RESET timezone;

SET client_min_messages = warning;
RESET cirro.clock;
DROP ROLE regress_cirro_clock;
RESET search_path;
SELECT cirro.drop_space('clock');
