--
-- seconds: run_waves and schedule_waves with during; which Spaces are taken
-- for idle. By the real clock: test/t/013_seconds.pl
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
RESET client_min_messages;
CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE, SQLERRM, detail, hint);
END $$;
CREATE ROLE regress_seconds;
GRANT CREATE ON DATABASE :DBNAME TO regress_seconds;
SET ROLE regress_seconds;
SET client_min_messages = warning;
SELECT cirro.create_space('seconds');
RESET client_min_messages;
RESET ROLE;

-- how long
SELECT n, pg_temp.try(c) FROM unnest('{
	"CALL cirro.run_waves(''seconds'', during => ''-1 s'')",
	"CALL cirro.run_waves(''seconds'', during => ''-1 month 1 day'')",
	"CALL cirro.run_waves(''seconds'', during => ''1 day 1 us'')",
	"CALL cirro.run_waves(''seconds'', during => ''178000000 years'')",
	"CALL cirro.run_waves(''nowhere'', during => ''-1 s'')",
	"SELECT cirro.schedule_waves(during => ''-1 s'')",
	"SELECT cirro.schedule_waves(''seconds'', ''* * * * *'', ''25 hours'')"}'::text[]) WITH ORDINALITY u (c, n) ORDER BY n;
CALL cirro.run_waves('seconds', during => NULL);
CALL cirro.run_waves('seconds', during => '0');
CALL cirro.run_waves('seconds', during => '1 day -24 hours');
BEGIN;
CALL cirro.run_waves('seconds', during => '1 day');
ROLLBACK;

-- max_gigs is of the whole call
SELECT clock_timestamp() AS began \gset
CALL cirro.run_waves('seconds', max_gigs => 0, during => '1 day');
INSERT INTO seconds.gig (title, url, start_at, end_at, total_seats, filter_query)
SELECT 'g', 'u', now() + '1 h', now() + '2 h', 1, '{}' FROM generate_series(1, 3);
CALL cirro.run_waves('seconds', max_gigs => 2, during => '1 day');
SELECT count(*) FROM seconds.wave;
SELECT clock_timestamp() - :'began' < '1 minute' AS in_time;


-- A Space is idle, or asked: the index of what is due is believed if it is sound.
-- The owner has no other Space, and it was cleaned a moment ago.
DELETE FROM seconds.gig;
SET cirro.clock = '2030-01-01 12:00+00';
INSERT INTO seconds.gig (id, title, url, start_at, end_at, total_seats, filter_query)
VALUES (100, 'g', 'u', '2030-01-01 13:00+00', '2030-01-01 14:00+00', 1, '{}');
-- The gig is not asleep: that would be another reason to ask.
\set see 'UPDATE seconds.gig_state SET next_wave_at = cirro.now(), next_event_at = cirro.now(), slept_in = NULL; UPDATE seconds.setting SET cleaned_at = cirro.now(); DELETE FROM seconds.wave; SET ROLE regress_seconds; CALL cirro.run_waves(); RESET ROLE; SELECT count(*) AS waves FROM seconds.wave;'
:see
UPDATE seconds.setting SET paused = true;
:see
UPDATE seconds.setting SET paused = NULL;
:see
DROP INDEX seconds.gig_state_next_event_at_idx;
:see
CREATE INDEX gig_state_next_event_at_idx ON seconds.gig_state (closes_at);
:see
DROP INDEX seconds.gig_state_next_event_at_idx;
CREATE INDEX gig_state_next_event_at_idx ON seconds.gig_state (closes_at, next_event_at);
:see
DROP INDEX seconds.gig_state_next_event_at_idx;
CREATE INDEX gig_state_next_event_at_idx ON seconds.gig_state (next_event_at) WHERE next_event_at IS NULL;
:see
DROP INDEX seconds.gig_state_next_event_at_idx;
CREATE INDEX gig_state_next_event_at_idx ON seconds.gig_state (next_event_at) WHERE closes_at IS NOT NULL AND waves < 0;
:see
DROP INDEX seconds.gig_state_next_event_at_idx;
CREATE INDEX gig_state_next_event_at_idx ON seconds.gig_state (next_event_at) WHERE archives_at IS NOT NULL;
:see
DROP INDEX seconds.gig_state_next_event_at_idx;
CREATE INDEX gig_state_next_event_at_idx ON seconds.gig_state ((gig_id % 2), next_event_at);
:see
DROP INDEX seconds.gig_state_next_event_at_idx;
CREATE INDEX gig_state_next_event_at_idx ON seconds.gig_state USING brin (next_event_at);
:see
DROP INDEX seconds.gig_state_next_event_at_idx;
-- the order of an operator class of somebody's own
CREATE FUNCTION seconds.compare(a timestamptz, b timestamptz) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
$$BEGIN RAISE NOTICE 'compare as %', current_user; RETURN timestamptz_cmp(b, a); END$$;
CREATE OPERATOR CLASS seconds.odd FOR TYPE timestamptz USING btree AS
	OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 seconds.compare(timestamptz, timestamptz);
INSERT INTO seconds.gig (id, title, url, start_at, end_at, total_seats, invitation_mode, filter_query)
VALUES (101, 'g', 'u', '2030-01-01 13:00+00', '2030-01-01 14:00+00', 1, 'manual', '{}');
SET client_min_messages = warning;
CREATE INDEX gig_state_next_event_at_idx ON seconds.gig_state (next_event_at seconds.odd);
:see
SET ROLE regress_seconds;
CALL cirro.run_waves();
RESET ROLE;
RESET client_min_messages;
DROP INDEX seconds.gig_state_next_event_at_idx;
DROP OPERATOR FAMILY seconds.odd USING btree;
DROP FUNCTION seconds.compare;
CREATE UNIQUE INDEX gig_state_next_event_at_idx ON seconds.gig_state (next_event_at DESC, gig_id) INCLUDE (waves);
:see

-- So it is with a gig that sleeps: what finds those asleep, and the workers who have
-- changed, is believed if it is sound.
\set wake 'INSERT INTO seconds.worker DEFAULT VALUES; SET ROLE regress_seconds; CALL cirro.run_waves(); RESET ROLE; SELECT slept_in IS NULL AS awake FROM seconds.gig_state WHERE gig_id = 100;'
\set sleep 'DO $$BEGIN FOR n IN 1..2 LOOP PERFORM seconds.run_wave(100); END LOOP; END$$; UPDATE seconds.setting SET cleaned_at = cirro.now(); SET ROLE regress_seconds; CALL cirro.run_waves(); RESET ROLE;'
UPDATE seconds.gig_state SET next_event_at = starts_at;
:sleep
:wake
:sleep
DROP INDEX seconds.worker_changed_in_idx;
:wake
:sleep
CREATE INDEX worker_changed_in_idx ON seconds.worker (lot) WHERE active;
:wake
:sleep
DROP INDEX seconds.worker_changed_in_idx;
CREATE INDEX worker_changed_in_idx ON seconds.worker (lot, changed_in) WHERE active;
:wake
:sleep
DROP INDEX seconds.worker_changed_in_idx;
CREATE INDEX worker_changed_in_idx ON seconds.worker (changed_in) WHERE NOT active;
:wake
:sleep
DROP INDEX seconds.worker_changed_in_idx;
CREATE INDEX worker_changed_in_idx ON seconds.worker (changed_in) WHERE active AND lot IS NULL;
:wake
:sleep
DROP INDEX seconds.worker_changed_in_idx;
CREATE INDEX worker_changed_in_idx ON seconds.worker (changed_in) WHERE lot IS NULL;
:wake
:sleep
DROP INDEX seconds.worker_changed_in_idx;
CREATE INDEX worker_changed_in_idx ON seconds.worker ((changed_in % 2), changed_in) WHERE active;
:wake
:sleep
DROP INDEX seconds.worker_changed_in_idx;
CREATE INDEX worker_changed_in_idx ON seconds.worker (changed_in DESC, lot) INCLUDE (ref) WHERE active;
:wake
:sleep
DROP INDEX seconds.gig_state_slept_in_idx;
:wake
:sleep
CREATE INDEX gig_state_slept_in_idx ON seconds.gig_state (searched) WHERE slept_in IS NOT NULL;
:wake
:sleep
DROP INDEX seconds.gig_state_slept_in_idx;
CREATE INDEX gig_state_slept_in_idx ON seconds.gig_state (failures, slept_in);
:wake
:sleep
DROP INDEX seconds.gig_state_slept_in_idx;
CREATE INDEX gig_state_slept_in_idx ON seconds.gig_state (slept_in) WHERE slept_in IS NULL;
:wake
:sleep
DROP INDEX seconds.gig_state_slept_in_idx;
CREATE INDEX gig_state_slept_in_idx ON seconds.gig_state (slept_in) WHERE awaits_room;
:wake
:sleep
DROP INDEX seconds.gig_state_slept_in_idx;
CREATE INDEX gig_state_slept_in_idx ON seconds.gig_state USING brin (slept_in);
:wake
:sleep
DROP INDEX seconds.gig_state_slept_in_idx;
CREATE INDEX gig_state_slept_in_idx ON seconds.gig_state (slept_in DESC) INCLUDE (waves);
:wake
:sleep

-- A defect of an idle Space is told once there is something to do, or hourly.
ALTER TABLE seconds.attempt DROP COLUMN outcomes CASCADE;
SET ROLE regress_seconds;
CALL cirro.run_waves();
RESET ROLE;
:see
UPDATE seconds.gig_state SET next_event_at = NULL;
SET cirro.clock = '2030-01-01 12:59+00';
SET ROLE regress_seconds;
CALL cirro.run_waves();
RESET ROLE;
SET cirro.clock = '2030-01-01 13:00+00';
SET ROLE regress_seconds;
CALL cirro.run_waves();
CALL cirro.run_waves('seconds', during => '0');
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA seconds CASCADE;
REVOKE CREATE ON DATABASE :DBNAME FROM regress_seconds;
DROP ROLE regress_seconds;
