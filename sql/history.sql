-- History comes in by its owner, who is no superuser: gigs and invitations with the
-- times that they had, past their triggers, in one transaction; rebuild_state() makes
-- the rest. The recipe is that of docs/operations.md.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
CREATE ROLE regress_cirro_history;
SELECT cirro.create_space('history', 'regress_cirro_history');
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET cirro.clock = '2030-01-01 12:00+00';
SET ROLE regress_cirro_history;
SET search_path = history;
\pset format unaligned
\pset fieldsep ' | '
\pset footer off
\pset tuples_only on
\pset null -
\set VERBOSITY default

CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text; col text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, col = COLUMN_NAME;
	RETURN concat_ws(E'\n', state || ' ' || message,
		'DETAIL: ' || nullif(detail, ''), 'HINT: ' || nullif(hint, ''), 'COLUMN: ' || nullif(col, ''));
END $$;

-- What the old system knew: 1,000 gigs of the years before, ten workers invited to each.
CREATE TEMP TABLE old_gig AS
SELECT 'g' || n AS ref, 'Gig ' || n AS title, 'https://old/' || n AS url, t AS start_at, t + interval '8 hours' AS end_at,
	t - interval '30 days' AS created_at, CASE WHEN n <= 500 THEN t + interval '2 days' END AS archived_at,
	4 AS seats, '{"n": {"$gte": 0}}'::jsonb AS filter
FROM generate_series(1, 1000) n CROSS JOIN LATERAL (SELECT timestamptz '2027-01-01 08:00+00' + n * interval '1 day') s (t);
CREATE TEMP TABLE old_invitation AS
SELECT o.ref AS gig, 'w' || row_number() OVER (ORDER BY o.start_at, w) % 121 AS worker,
	CASE WHEN w < 3 THEN 'accepted' WHEN w < 6 THEN 'rejected' WHEN w < 8 THEN 'left' WHEN w = 8 THEN 'expired' ELSE 'pending' END AS status,
	CASE WHEN w = 4 THEN 'too far' WHEN w = 8 THEN 'seats_filled' END AS reason,
	o.start_at - interval '3 days' AS invited_at, CASE WHEN w < 8 THEN o.start_at - interval '2 days' END AS responded_at
FROM old_gig o, generate_series(0, 9) w;
INSERT INTO worker (ref, profile) SELECT 'w' || n, jsonb_build_object('n', n) FROM generate_series(0, 120) n;

-- The recipe, word by word but for the name of the Space.
BEGIN;
ALTER TABLE history.gig DISABLE TRIGGER USER;
ALTER TABLE history.invitation DISABLE TRIGGER USER;

INSERT INTO history.gig (ref, title, url, start_at, end_at, created_at, archived_at, total_seats, filter_query,
    invitation_frequency, invitation_multiplier)
SELECT o.ref, o.title, o.url, o.start_at, o.end_at, o.created_at, o.archived_at, o.seats, o.filter, '5 minutes', 10
FROM old_gig o;

INSERT INTO history.invitation (gig_id, worker_id, status, reason, origin, invited_at, responded_at, created_at)
SELECT g.id, w.id, o.status, o.reason, 'wave', o.invited_at, o.responded_at, o.invited_at
FROM old_invitation o JOIN history.gig g ON g.ref = o.gig JOIN history.worker w ON w.ref = o.worker;

SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE history.gig ENABLE TRIGGER USER;
ALTER TABLE history.invitation ENABLE TRIGGER USER;
SELECT history.rebuild_state();
COMMIT;

SELECT * FROM check_consistency();
SELECT rebuild_state();
SELECT count(*) FROM event;
SELECT count(*) FROM notification;
SELECT phase, count(*), sum(accepted), sum(pending), sum(rejected), sum(expired), sum(departed), sum(vacancies)
FROM gig_status GROUP BY phase ORDER BY phase;
-- with the times that they had; what was open is not any more
SELECT status, reason, count(*), min(invited_at), max(responded_at), min(times_invited), max(times_invited), bool_or(silent) FROM invitation GROUP BY 1, 2 ORDER BY 1, 2;
SELECT announced, count(*), count(next_event_at) FROM gig_state GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM gig_filter;
SELECT count(*), min(why_not), max(why_not) FROM worker_invitation WHERE NOT can_accept;
CALL cirro.run_waves('history');
SELECT count(*) FROM event;
SELECT count(*) FROM notification;
SELECT count(*) FROM wave;
SELECT * FROM check_consistency();
-- what is over stays over; an archive_at that comes is announced
SELECT pg_temp.try(format('SELECT accept(%s)', min(id))) FROM invitation WHERE gig_id = 1 AND status = 'expired';
SELECT pg_temp.try(format('UPDATE gig SET title = %L WHERE ref = %L', 'x', 'g1000'));
SELECT phase FROM gig_status WHERE gig_ref = 'g1000';
SELECT title, archived_at IS NOT NULL FROM archive(gig_id('g1000'));
CALL cirro.run_waves('history');
SELECT kind, gig_id = gig_id('g1000') FROM event ORDER BY id;
DELETE FROM notification;
DELETE FROM event;

-- A second import, in which ids are given, with gigs that are open: they work as any
-- other. Of the open ones: 2001 has a seat left, 2002 is full (its pending expire as
-- they would have), 2003 has started, 2004 is cancelled, 2005 is shared.
BEGIN;
ALTER TABLE gig DISABLE TRIGGER USER;
ALTER TABLE invitation DISABLE TRIGGER USER;
INSERT INTO gig (id, title, url, start_at, end_at, created_at, cancelled_at, archive_at, seats_max, seats_granted, filter_query, sort_query, invitation_frequency, invitation_multiplier, answer_within) VALUES
	(2001, 'a', 'u', '2030-01-02', '2030-01-03', '2029-12-01', NULL, '2030-01-04', 3, NULL, '{"n": {"$gte": 100}}', '{"n": -1}', '1 hour', 2, '2 days'),
	(2002, 'b', 'u', '2030-01-02', '2030-01-03', '2029-12-01', NULL, NULL, 1, NULL, '{}', NULL, '1 hour', 2, NULL),
	(2003, 'c', 'u', '2029-12-31', '2030-01-03', '2029-12-01', NULL, NULL, 5, NULL, '{"n": 1000}', '[{"n": -1}]', '1 hour', 2, NULL),
	(2004, 'd', 'u', '2029-12-31', '2030-01-03', '2029-12-01', '2029-12-30', '2030-01-04', 5, NULL, '{}', NULL, '1 hour', 2, NULL),
	(2005, 'e', 'u', '2030-01-02', '2030-01-03', '2029-12-01', NULL, NULL, 9, 1, '{}', NULL, '1 hour', 2, NULL);
INSERT INTO invitation (id, gig_id, worker_id, status, invited_at, responded_at, created_at, send_at, times_invited) VALUES
	(20001, 2001, 1, 'accepted', '2029-12-30', '2029-12-31', '2029-12-30', NULL, 1),
	(20002, 2001, 2, 'pending', '2029-12-31', NULL, '2029-12-31', NULL, 2),	-- too late
	(20003, 2001, 3, 'pending', '2029-12-31', NULL, '2029-12-31', NULL, 1),
	(20004, 2001, 4, 'scheduled', NULL, NULL, '2029-12-31', '2030-01-01 18:00+00', 0),
	(20005, 2002, 1, 'accepted', '2029-12-31', '2029-12-31', '2029-12-31', NULL, 1),
	(20006, 2002, 2, 'pending', '2029-12-31', NULL, '2029-12-31', NULL, 1),
	(20007, 2004, 2, 'accepted', '2029-12-31', '2029-12-31', '2029-12-31', NULL, 1),
	(20008, 2004, 3, 'pending', '2029-12-31', NULL, '2029-12-31', NULL, 1),
	(20009, 2005, 3, 'accepted', '2029-12-31', '2029-12-31', '2029-12-31', NULL, 1),
	(20010, 2005, 4, 'pending', '2029-12-31', NULL, '2029-12-31', NULL, 1);
UPDATE invitation SET invited_at = '2029-12-30' WHERE id = 20002;
SELECT setval(pg_get_serial_sequence('gig', 'id'), (SELECT max(id) FROM gig)),
	setval(pg_get_serial_sequence('invitation', 'id'), (SELECT max(id) FROM invitation));
ALTER TABLE gig ENABLE TRIGGER USER;
ALTER TABLE invitation ENABLE TRIGGER USER;
SELECT rebuild_state();
COMMIT;
SELECT * FROM check_consistency();
SELECT count(*) FROM event;
SELECT id, status, reason, invited_at, revision FROM invitation WHERE id > 20000 ORDER BY id;
SELECT gig_id, accepted, target, capacity, expires_rest, announced, next_wave_at, next_event_at FROM gig_state WHERE gig_id > 2000 ORDER BY 1;
SELECT * FROM gig_filter ORDER BY 1;
CALL cirro.run_waves('history');
SELECT gig_id, number, outcome, invited FROM wave ORDER BY gig_id;
SELECT i.gig_id, w.ref, i.status, i.origin FROM invitation i JOIN worker w ON w.id = i.worker_id WHERE i.id > 20010 AND i.gig_id < 2003 ORDER BY 1, 2;
-- the seats of 2001 are filled by an accept, freed by a leave, filled again
SELECT status FROM accept(20003);
SELECT status FROM accept((SELECT min(id) FROM invitation WHERE gig_id = 2001 AND id > 20010));
SELECT pg_temp.try('SELECT accept(20010)');
SELECT status FROM leave(20001);
SELECT accepted, target FROM gig_state WHERE gig_id = 2001;
RESET ROLE;
SET cirro.clock = '2030-01-01 18:00+00';
SET ROLE regress_cirro_history;
CALL cirro.run_waves('history');
SELECT e.kind, e.gig_id, e.invitation_id, e.status, e.previous FROM event e WHERE e.gig_id IN (2001, 2004) ORDER BY e.id;
-- new rows go on after those that were loaded
INSERT INTO gig (title, url, start_at, end_at, total_seats, filter_query) VALUES ('f', 'u', '2030-01-02', '2030-01-03', 1, '{"n": 0}') RETURNING id;
SELECT * FROM check_consistency();
RESET ROLE;
SET cirro.clock = '2030-01-05 00:00+00';
SET ROLE regress_cirro_history;
CALL cirro.run_waves('history');
SELECT kind, gig_id FROM event WHERE kind LIKE 'gig.%' AND at = '2030-01-05 00:00+00' ORDER BY gig_id, id;
SELECT * FROM check_consistency();

-- What is wrong with a gig is said by name, and nothing is kept.
CREATE PROCEDURE pg_temp.load(columns text, gig text, invitation text DEFAULT NULL, enable boolean DEFAULT true) LANGUAGE plpgsql AS $$
BEGIN
	ALTER TABLE gig DISABLE TRIGGER USER;
	ALTER TABLE invitation DISABLE TRIGGER USER;
	EXECUTE format('INSERT INTO gig (id, title, url, start_at, end_at, created_at, total_seats, %s) VALUES (3000, ''a'', ''u'', ''2029-01-01'', ''2029-01-03'', ''2028-12-01'', 3, %s)', columns, gig);
	IF invitation IS NOT NULL THEN
		EXECUTE format('INSERT INTO invitation (gig_id, worker_id, status) VALUES (3000, %s)', invitation);
	END IF;
	IF enable THEN
		ALTER TABLE gig ENABLE TRIGGER USER;
		ALTER TABLE invitation ENABLE TRIGGER USER;
	END IF;
	PERFORM rebuild_state();
END $$;
SELECT pg_temp.try(format('CALL pg_temp.load(%L, %L)', c, v)) FROM (VALUES
	(1, 'filter_query, invitation_frequency, invitation_multiplier', $$'{"a": {"$near": 1}}', '1 h', 1$$),
	(2, 'filter_query, invitation_frequency, invitation_multiplier', $$'[]', '1 h', 1$$),
	(3, 'filter_query, sort_query, invitation_frequency, invitation_multiplier', $$'{}', '{"a": 1, "b": -1}', '1 h', 1$$),
	(4, 'filter_query, sort_query, invitation_frequency, invitation_multiplier', $$'{}', '{"a": 2}', '1 h', 1$$),
	(5, 'filter_query, invitation_frequency', $$'{}', '1 h'$$),
	(6, 'filter_query, invitation_multiplier', $$'{}', 1$$),
	(7, 'filter_query, invitation_frequency, invitation_multiplier', $$NULL, '1 h', 1$$),
	(8, 'filter_query, invitation_frequency, invitation_multiplier', $$'{}', '0 h', 1$$)) t (n, c, v) ORDER BY n;
SELECT pg_temp.try(format('CALL pg_temp.load(%L, %L, %L)', 'filter_query, invitation_frequency, invitation_multiplier', $$'{}', '1 h', 1$$, i))
FROM unnest('{"0, ''accepted''","1, ''asked''"}'::text[]) i;
SELECT count(*) FROM gig WHERE id = 3000;
SELECT tgname FROM pg_trigger WHERE tgrelid IN ('gig'::regclass, 'invitation'::regclass) AND NOT tgisinternal AND tgenabled = 'D';
-- rolled back half way nothing is left but ids
BEGIN;
ALTER TABLE gig DISABLE TRIGGER USER;
ALTER TABLE invitation DISABLE TRIGGER USER;
INSERT INTO gig (id, title, url, start_at, end_at, created_at, total_seats, filter_query) VALUES (3000, 'a', 'u', '2029-01-01', '2029-01-03', '2028-12-01', 3, '{}');
ROLLBACK;
SELECT count(*) FROM gig WHERE id = 3000;
SELECT tgname FROM pg_trigger WHERE tgrelid IN ('gig'::regclass, 'invitation'::regclass) AND NOT tgisinternal AND tgenabled = 'D';
-- a constraint of the application's own that is deferred is asked before
CREATE TABLE place (id int PRIMARY KEY);
ALTER TABLE gig ADD place int REFERENCES place DEFERRABLE INITIALLY DEFERRED;
BEGIN;
ALTER TABLE gig DISABLE TRIGGER USER;
INSERT INTO gig (id, title, url, start_at, end_at, created_at, total_seats, filter_query, place, invitation_frequency, invitation_multiplier) VALUES (3000, 'a', 'u', '2029-01-01', '2029-01-03', '2028-12-01', 3, '{}', 1, '1 h', 1);
INSERT INTO place VALUES (1);
SAVEPOINT s;
ALTER TABLE gig ENABLE TRIGGER USER;
ROLLBACK TO s;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE gig ENABLE TRIGGER USER;
SELECT rebuild_state();
ROLLBACK;
ALTER TABLE gig DROP place;

-- Triggers that were left disabled: no wave, and it is said which; rebuild_state() as well.
SELECT pg_temp.try(format('CALL pg_temp.load(%L, %L, NULL, false)', 'filter_query, invitation_frequency, invitation_multiplier', $$'{}', '1 h', 1$$));
ALTER TABLE gig DISABLE TRIGGER USER;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query) VALUES (3001, 'a', 'u', '2030-01-06', '2030-01-07', 3, '{}');
CALL cirro.run_waves('history');
SELECT space, defect FROM cirro.spaces() WHERE space = 'history';
SELECT pg_temp.try('SELECT rebuild_state()');
DELETE FROM gig WHERE id = 3001;
ALTER TABLE gig ENABLE TRIGGER USER;
ALTER TABLE invitation DISABLE TRIGGER cirro_updated;
CALL cirro.run_waves('history');
ALTER TABLE invitation ENABLE TRIGGER cirro_updated;
CALL cirro.run_waves('history');

-- A gig that was left without gig_state: what each says, until it is rebuilt.
BEGIN;
ALTER TABLE gig DISABLE TRIGGER USER;
ALTER TABLE invitation DISABLE TRIGGER USER;
INSERT INTO gig (id, title, url, start_at, end_at, created_at, total_seats, filter_query, invitation_frequency, invitation_multiplier) VALUES (4000, 'a', 'u', '2030-01-06', '2030-01-07', '2028-12-01', 3, '{}', '1 h', 1);
INSERT INTO invitation (id, gig_id, worker_id, status, invited_at) VALUES (40001, 4000, 1, 'pending', '2030-01-04'), (40002, 4000, 2, 'accepted', '2030-01-04');
ALTER TABLE gig ENABLE TRIGGER USER;
ALTER TABLE invitation ENABLE TRIGGER USER;
COMMIT;
CALL cirro.run_waves('history');
SELECT * FROM check_consistency();
SELECT pg_temp.try(c) FROM unnest(ARRAY['SELECT accept(40001)', 'SELECT leave(40002)', 'SELECT reset(40002)', 'SELECT run_wave(4000)',
	'INSERT INTO invitation (gig_id, worker_id) VALUES (4000, 3)', 'SELECT invite(4000, ''{3}'')', 'SELECT attempt_invitations(3, ''{4000}'')', 'SELECT erase_worker(2)']) c;
SELECT gig_id, outcome FROM attempt_invitations(3) WHERE gig_id = 4000;
SELECT i.status, a.outcome FROM invitation i, attempt_invitations(i.worker_id, '{4000}') a WHERE i.gig_id = 4000 ORDER BY i.id;
SELECT gate, passed, detail FROM explain_invitation(3, 4000) LIMIT 2;
SELECT count(*) FROM gig_status WHERE gig_id = 4000;
SELECT count(*) FROM worker_invitation WHERE gig_id = 4000;
SELECT rebuild_state();
SELECT * FROM check_consistency();
SELECT status FROM leave(40002);
SELECT status FROM accept(40001);
SELECT accepted FROM gig_state WHERE gig_id = 4000;

-- A gig whose triggers were disabled once more: its filter is said to differ.
ALTER TABLE gig DISABLE TRIGGER USER;
UPDATE gig SET filter_query = '{"$bad": 1}' WHERE id = 4000;
ALTER TABLE gig ENABLE TRIGGER USER;
SELECT * FROM check_consistency();
SELECT pg_temp.try('SELECT rebuild_state()');

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA history CASCADE;
DROP OWNED BY regress_cirro_history;
DROP ROLE regress_cirro_history;
