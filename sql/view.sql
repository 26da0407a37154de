-- What a Space shows: worker_invitation, worker_gig and gig_status, as of now,
-- tick or no tick; worker_id() and gig_id() look up the application's own ids.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
SELECT cirro.create_space('view');
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET search_path = view;
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

INSERT INTO worker (id, ref) SELECT w, 'w' || w FROM generate_series(1, 9) w;
INSERT INTO gig (id, ref, title, description, url, start_at, end_at, archive_at, seats_min, seats_max, filter_query, invitation_mode, invitation_frequency, answer_within)
VALUES (1, 'g1', 'One', 'first', 'https://gig/1', '2030-01-02 12:00+00', '2030-01-03 12:00+00', '2030-01-04 12:00+00', 1, 3, '{}', 'auto', '1 hour', '2 hours'),
	(2, 'g2', 'Two', NULL, 'https://gig/2', '2030-01-02 12:00+00', '2030-01-03 12:00+00', NULL, 1, 2, '{}', 'manual', NULL, NULL);
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query, invitation_mode)
VALUES (3, 'Three', 'https://gig/3', '2030-01-02 12:00+00', '2030-01-03 12:00+00', 1, '{}', 'manual');

-- Of gig 1: worker 1 accepted, 2 pending, 3 rejected, 4 expired, 5 left, 6 and 7
-- scheduled, of which 7 was withdrawn before it was sent: nobody saw it.
INSERT INTO invitation (id, gig_id, worker_id, status, send_at) VALUES (1, 1, 1, 'accepted', NULL), (2, 1, 2, 'pending', NULL), (3, 1, 3, 'pending', NULL),
	(4, 1, 4, 'pending', NULL), (6, 1, 6, 'scheduled', '2030-01-01 18:00+00'), (7, 1, 7, 'scheduled', '2030-01-01 18:00+00');
UPDATE invitation SET status = CASE worker_id WHEN 3 THEN 'rejected' ELSE 'expired' END, reason = 'because' WHERE id IN (3, 4);
INSERT INTO invitation (id, gig_id, worker_id, status) VALUES (5, 1, 5, 'accepted');
SELECT status FROM leave(5);
SELECT status FROM expire(7);

-- All columns.
\pset tuples_only off
SELECT * FROM worker_invitation ORDER BY worker_id;
SELECT * FROM worker_gig ORDER BY worker_id;
SELECT * FROM gig_status ORDER BY gig_id;
\pset tuples_only on

-- The time to answer passes: pending counts as expired, by the clock.
SET cirro.clock = '2030-01-01 14:00+00';
SELECT worker_id, status, reason, can_accept, why_not FROM worker_invitation ORDER BY worker_id;
SELECT accepted, pending, scheduled, rejected, expired, departed, vacancies FROM gig_status WHERE gig_id = 1;

-- Full at seats_max, with rows that another transaction held back: no view
-- shows them as open.
SET cirro.clock = '2030-01-01 12:00+00';
INSERT INTO invitation (id, gig_id, worker_id) VALUES (21, 2, 1), (22, 2, 2), (23, 2, 3);
UPDATE invitation SET status = 'accepted' WHERE id IN (21, 22);
SET session_replication_role = replica;
UPDATE invitation SET status = 'pending', reason = NULL WHERE id = 23;
RESET session_replication_role;
SELECT worker_id, status, reason, can_accept, why_not FROM worker_invitation WHERE gig_id = 2 ORDER BY worker_id;
SELECT accepted, pending, expired, vacancies FROM gig_status WHERE gig_id = 2;
SELECT * FROM try_accept(23);
SELECT status, reason FROM invitation WHERE id = 23;
SELECT pg_temp.try('SELECT accept(23)');

-- Full without seats_max: pending, but it cannot be accepted now.
INSERT INTO invitation (id, gig_id, worker_id) VALUES (31, 3, 1), (32, 3, 2);
SELECT status FROM accept(31);
SELECT worker_id, status, reason, can_accept, why_not FROM worker_invitation WHERE gig_id = 3 ORDER BY worker_id;
SELECT accepted, pending, vacancies FROM gig_status WHERE gig_id = 3;
SELECT status FROM leave(31);
SELECT worker_id, status, reason, can_accept, why_not FROM worker_invitation WHERE gig_id = 3 ORDER BY worker_id;

-- Until when a pending one can be answered: within its time, and while the gig is open.
SELECT gig_id, worker_id, status, answer_by FROM worker_invitation WHERE status IN ('pending', 'accepted') ORDER BY gig_id, worker_id;
BEGIN;
UPDATE gig SET answer_within = '7 days' WHERE id = 1;
SELECT gig_id, worker_id, status, answer_by FROM worker_invitation WHERE status IN ('pending', 'accepted') AND gig_id = 1 ORDER BY gig_id, worker_id;
SET LOCAL cirro.clock = '2030-01-03 12:00+00';
SELECT gig_id, worker_id, status, answer_by FROM worker_invitation WHERE status IN ('pending', 'accepted') OR answer_by IS NOT NULL ORDER BY gig_id, worker_id;
ROLLBACK;

-- can_accept says what accept would say: of all invitations, at several times.
CREATE FUNCTION pg_temp.agree(clock text) RETURNS TABLE (clock_ text, invitations bigint, can bigint, differs bigint) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('cirro.clock', clock, true);
	RETURN QUERY SELECT clock, count(*), count(*) FILTER (WHERE v.can_accept), count(*) FILTER (WHERE v.can_accept <> (v.said = 'ok' AND v.status <> 'accepted'))
	FROM (SELECT w.*, pg_temp.try(format('DO $d$BEGIN PERFORM accept(%s); RAISE ''undo'' USING ERRCODE = ''XX999''; END$d$', invitation_id)) AS answer
		FROM worker_invitation w) x,
		LATERAL (SELECT x.can_accept, x.status, CASE WHEN x.answer LIKE 'XX999%' THEN 'ok' END AS said) v;
END $$;
BEGIN;
SELECT a.* FROM unnest('{2030-01-01 12:00+00,2030-01-01 14:00+00,2030-01-02 12:00+00,2030-01-03 11:59:59+00,2030-01-03 12:00+00,2030-01-05 12:00+00}'::text[])
	WITH ORDINALITY u (clock, n), pg_temp.agree(u.clock) a ORDER BY n;
ROLLBACK;

-- Started, ended, archived: worker_gig keeps its gigs, nothing else is open, and
-- there is no vacancy.
SET cirro.clock = '2030-01-02 12:00+00';
SELECT gig_id, phase, vacancies FROM gig_status ORDER BY gig_id;
SELECT worker_id, worker_ref, invitation_id, gig_id, gig_ref, title, phase FROM worker_gig ORDER BY gig_id, worker_id;
SET cirro.clock = '2030-01-03 12:00+00';
SELECT worker_id, gig_id, title, phase FROM worker_gig ORDER BY gig_id, worker_id;
SELECT worker_id, status, reason, phase, can_accept, why_not FROM worker_invitation WHERE gig_id = 1 ORDER BY worker_id;
SELECT gig_id, phase, accepted, pending, scheduled, rejected, expired, departed, vacancies, next_wave_at FROM gig_status ORDER BY gig_id;
SET cirro.clock = '2030-01-04 12:00+00';
SELECT worker_id, gig_id, title, phase FROM worker_gig ORDER BY gig_id, worker_id;

-- Waves are told of: number, last, next.
SET cirro.clock = '2030-01-01 12:00+00';
CALL cirro.run_waves('view');
SELECT gig_id, target, accepted, waves, last_wave_at, next_wave_at FROM gig_status ORDER BY gig_id;
SELECT status FROM leave(1);
SELECT next_wave_at FROM gig_status WHERE gig_id = 1;
CALL cirro.run_waves('view');
SET cirro.clock = '2030-01-01 13:30+00';
SELECT waves, last_wave_at, next_wave_at FROM gig_status WHERE gig_id = 1;

-- Look-ups.
SELECT worker_id('w3'), worker_id('nobody'), worker_id(NULL), gig_id('g2'), gig_id('none'), gig_id(NULL);

SET client_min_messages = warning;
SELECT cirro.drop_space('view');
