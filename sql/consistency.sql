-- gig_state is derived: check_consistency() tells of every kind of damage, and
-- rebuild_state() mends it. The damage is done with triggers switched off.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
SELECT cirro.create_space('consistency');
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET search_path = consistency;
SET cirro.clock = '2030-01-01 12:00+00';
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

INSERT INTO worker (id) SELECT generate_series(1, 9);
ALTER TABLE invitation ALTER id RESTART 100;
INSERT INTO gig (id, title, url, start_at, end_at, archive_at, seats_min, total_seats, seats_max, filter_query, invitation_mode, invitation_frequency, answer_within)
VALUES (1, 'One', 'https://gig/1', '2030-01-02', '2030-01-03', NULL, 2, 3, 4, '{}', 'auto', '1 hour', '2 hours'),
	(2, 'Two', 'https://gig/2', '2030-01-02', '2030-01-03', '2030-01-04', NULL, 3, NULL, '{}', 'manual', NULL, NULL),
	(3, 'Three', 'https://gig/3', '2030-01-02', '2030-01-03', NULL, NULL, NULL, 1, '{}', 'auto', NULL, NULL);
INSERT INTO invitation (id, gig_id, worker_id, status, send_at) VALUES (1, 1, 1, 'accepted', NULL), (2, 1, 2, 'pending', NULL), (3, 1, 3, 'scheduled', '2030-01-01 18:00+00'),
	(4, 2, 1, 'accepted', NULL), (5, 2, 2, 'accepted', NULL), (6, 3, 1, 'accepted', NULL);
SELECT * FROM check_consistency();
SELECT rebuild_state();

-- A day equals 24 hours, yet is not as long on every day of the year.
BEGIN;
UPDATE gig SET invitation_frequency = '24:00', answer_within = '24:00' WHERE id = 1;
UPDATE gig SET invitation_frequency = '1 day', answer_within = '1 day' WHERE id = 1;
SELECT frequency, answer_within FROM gig_state WHERE gig_id = 1;
SELECT * FROM check_consistency();
ROLLBACK;

-- Each kind of damage: what it is called, what is stored, what should be; how
-- many gigs were mended; what is left to complain of.
CREATE FUNCTION pg_temp.damage(command text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		SET LOCAL session_replication_role = replica;
		EXECUTE command;
		SET LOCAL session_replication_role = origin;
		RETURN NEXT command;
		RETURN QUERY SELECT concat_ws(' ', '  gig', gig_id, what || ':', coalesce(stored, 'NULL'), '<>', coalesce(derived, 'NULL')) FROM check_consistency();
		RETURN NEXT '  mended ' || rebuild_state();
		RETURN QUERY SELECT concat_ws(' ', '  left: gig', gig_id, what, stored, derived) FROM check_consistency();
		RAISE EXCEPTION USING ERRCODE = 'XX999';
	EXCEPTION WHEN SQLSTATE 'XX999' THEN
		NULL;
	END;
END $$;
SELECT pg_temp.damage(c) FROM unnest(ARRAY[
	'UPDATE gig_state SET accepted = accepted + 1',
	'UPDATE gig_state SET accepted = 0 WHERE gig_id = 3',
	'INSERT INTO invitation (gig_id, worker_id, status) VALUES (2, 9, ''accepted'')',
	'UPDATE invitation SET status = ''left'' WHERE id = 6',
	'DELETE FROM invitation WHERE id = 1',
	'DELETE FROM gig_state WHERE gig_id IN (1, 3)',
	'DELETE FROM gig_state',
	'DELETE FROM gig WHERE id = 2',
	'INSERT INTO gig_state (gig_id, target, expires_rest, auto, frequency, starts_at, closes_at) VALUES (77, 1, false, true, ''1 hour'', now(), now())',
	'UPDATE gig_state SET target = 9 WHERE gig_id = 1',
	'UPDATE gig_state SET capacity = NULL WHERE gig_id = 1',
	'UPDATE gig_state SET expires_rest = NOT expires_rest WHERE gig_id = 2',
	'UPDATE gig_state SET auto = NOT auto WHERE gig_id = 2',
	'UPDATE gig_state SET frequency = ''1 second'' WHERE gig_id = 1',
	'UPDATE gig_state SET answer_within = NULL WHERE gig_id = 1',
	'UPDATE gig_state SET starts_at = ''2000-01-01'' WHERE gig_id = 1',
	'UPDATE gig_state SET closes_at = ''infinity'' WHERE gig_id = 1',
	'UPDATE gig_state SET archives_at = NULL WHERE gig_id = 2',
	'UPDATE gig_state SET next_wave_at = NULL WHERE gig_id = 1',
	'UPDATE gig_state SET next_wave_at = now() WHERE gig_id = 3',
	'UPDATE gig_state SET next_event_at = NULL WHERE gig_id = 1',
	'UPDATE gig_state SET next_event_at = ''2030-01-02 00:00:00.000001+00'' WHERE gig_id = 2',
	'DELETE FROM gig_filter WHERE gig_id = 1',
	'UPDATE gig_filter SET filter = ''{"a": 1}'' WHERE gig_id = 2',
	'UPDATE gig_filter SET sort = ''{"a": 1}'' WHERE gig_id = 3',
	'UPDATE gig SET sort_query = ''{"a": 1}'' WHERE id = 3',
	'UPDATE gig SET filter_query = ''{"a": 1}'', sort_query = ''[{"b": 1}, {"a": -1}]'' WHERE id = 1',
	'INSERT INTO gig_filter VALUES (77, ''{}'')',
	'UPDATE gig_state SET announced = 2 WHERE gig_id = 1',
	'UPDATE gig SET end_at = ''2030-01-01 11:00+00'', start_at = ''2030-01-01 10:00+00'', created_at = ''2029-01-01'' WHERE id = 1; UPDATE gig_state SET announced = 2, starts_at = ''2030-01-01 10:00+00'', closes_at = ''2030-01-01 11:00+00'' WHERE gig_id = 1',
	'UPDATE gig SET seats_granted = 2 WHERE id = 1',
	'UPDATE gig SET seats_granted = 5 WHERE id = 1',
	'UPDATE gig SET seats_min = 3, seats_max = 9, end_at = ''2030-01-05'', invitation_mode = ''manual'' WHERE id = 1']) WITH ORDINALITY u (c, n) ORDER BY n;

-- An earlier next event is no damage: the tick looks, and finds nothing.
UPDATE gig_state SET next_event_at = '2030-01-01 00:00+00';
SELECT * FROM check_consistency();
-- What a rebuild does not know of stays: waves, announcements.
UPDATE gig_state SET waves = 7, last_due_at = '2030-01-01 11:00+00', announced = 1, target = 9 WHERE gig_id = 1;
SELECT rebuild_state();
SELECT waves, last_due_at, announced, target FROM gig_state WHERE gig_id = 1;
-- Without gig_state nothing is decided, and it is said why.
SET session_replication_role = replica;
DELETE FROM gig_state WHERE gig_id = 1;
RESET session_replication_role;
SELECT pg_temp.try('SELECT accept(2)');
SELECT pg_temp.try('INSERT INTO invitation (gig_id, worker_id) VALUES (1, 9)');
SELECT pg_temp.try('SELECT run_wave(1)');
SELECT rebuild_state();
SELECT status FROM accept(2);
SELECT accepted FROM gig_state WHERE gig_id = 1;
-- Healthy again after the tick.
CALL cirro.run_waves('consistency');
SELECT * FROM check_consistency();
SET cirro.clock = '2030-01-02 12:00+00';
CALL cirro.run_waves('consistency');
SELECT * FROM check_consistency();
SET cirro.clock = '2030-01-05 12:00+00';
CALL cirro.run_waves('consistency');
SELECT * FROM check_consistency();
SELECT rebuild_state();
SELECT count(*) FROM gig_filter;

-- A history that is loaded past the triggers, and a worker who is erased; in full
-- in history.sql and erase.sql.
BEGIN;
ALTER TABLE gig DISABLE TRIGGER USER;
ALTER TABLE invitation DISABLE TRIGGER USER;
INSERT INTO gig (id, title, url, start_at, end_at, created_at, total_seats, filter_query, invitation_frequency, invitation_multiplier)
VALUES (50, 'Past', 'https://gig/50', '2029-01-02', '2029-01-03', '2029-01-01', 1, '{}', '1 hour', 10);
INSERT INTO invitation (id, gig_id, worker_id, status, reason) VALUES (501, 50, 7, 'accepted', 'words'), (502, 50, 8, 'pending', NULL);
ALTER TABLE gig ENABLE TRIGGER USER;
ALTER TABLE invitation ENABLE TRIGGER USER;
SELECT rebuild_state();
COMMIT;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query) VALUES (51, 'Open', 'https://gig/51', '2030-01-06', '2030-01-07', 1, '{}');
SELECT a.gig_id, a.outcome FROM attempt_invitations(7) a;
SELECT w.id, w.profile, w.active FROM erase_worker(7) w;
SELECT i.gig_id, i.worker_id, i.status, i.reason FROM invitation i WHERE i.gig_id >= 50 ORDER BY 1, 2;
SELECT * FROM check_consistency();

-- A gig whose filter is gone fails, and is not taken for one that nobody matches.
DELETE FROM gig_filter WHERE gig_id = 51;
SELECT v.outcome, v.error FROM run_wave(51) v;
SELECT count(*) FROM event WHERE kind = 'gig.exhausted' AND gig_id = 51;
SELECT rebuild_state();
SELECT v.outcome FROM run_wave(51) v;

-- What is no order is said of the gig that has it.
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query, sort_query)
SELECT 52 + n, 'Sorted', 'https://gig/52', '2030-01-06', '2030-01-07', 1, '{}', s
FROM unnest('{"[{\"a\": 1.0}]","{\"a\": -1}","[{\"b\": 1}, {\"a\": 1}]",[],"{}"}'::jsonb[]) WITH ORDINALITY u (s, n);
SELECT * FROM check_consistency();
ALTER TABLE gig DISABLE TRIGGER USER;
UPDATE gig SET sort_query = '[1]' WHERE id = 55;
UPDATE gig SET sort_query = '1' WHERE id = 56;
UPDATE gig SET sort_query = '{"a": 1}' WHERE id = 54;
UPDATE gig SET sort_query = NULL WHERE id = 53;
ALTER TABLE gig ENABLE TRIGGER USER;
SELECT * FROM check_consistency();
SELECT pg_temp.try('SELECT rebuild_state()');
UPDATE gig SET sort_query = NULL WHERE id IN (55, 56);
SELECT rebuild_state();
SELECT gig_id, sort FROM gig_filter WHERE gig_id > 52 ORDER BY 1;

-- The invitations of all gigs are read once, not once for each gig.
CREATE FUNCTION pg_temp.scans() RETURNS bigint LANGUAGE sql AS $$
	SELECT seq_scan + idx_scan FROM pg_stat_xact_user_tables WHERE relid = 'consistency.invitation'::regclass $$;
BEGIN;
SELECT pg_temp.scans() AS before \gset
SELECT count(*) FROM check_consistency();
SELECT pg_temp.scans() - :before;
COMMIT;

SET client_min_messages = warning;
SELECT cirro.drop_space('consistency');
