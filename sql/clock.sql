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
SELECT invitation_id, status, created_at FROM notification ORDER BY id;
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
SELECT bool_and(claimed_until BETWEEN clock_timestamp() AND clock_timestamp() + interval '1 minute') FROM notification;

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
