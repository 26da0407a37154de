-- Attempts: a worker tries for gigs. One row per distinct id in the order given,
-- with the first outcome that applies; a match is invited at once, and the
-- attempt is stored.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
SELECT cirro.create_space('attempt');
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET search_path = attempt;
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

-- A gig of tomorrow.
CREATE FUNCTION pg_temp.gig(id bigint, seats_max int DEFAULT NULL, total_seats int DEFAULT NULL, filter jsonb DEFAULT '{}', mode text DEFAULT 'manual') RETURNS SETOF void LANGUAGE sql AS $$
	INSERT INTO gig (id, ref, title, url, start_at, end_at, seats_max, total_seats, filter_query, invitation_mode)
	VALUES (id, 'g' || id, 'Gig ' || id, 'https://gig/' || id, '2030-01-02 12:00+00', '2030-01-03 12:00+00', seats_max, total_seats, filter, mode) $$;

INSERT INTO worker (id, profile) VALUES (1, '{"lang": "de"}'), (2, '{"lang": "fr"}'), (3, '{}'), (4, '{}');
SELECT pg_temp.gig(g, total_seats => 2, filter => '{"lang": "de"}') FROM generate_series(1, 12) g ORDER BY g;
UPDATE gig SET invitation_mode = 'auto' WHERE id IN (8, 10);
UPDATE gig SET filter_query = '{"lang": "fr"}' WHERE id IN (7, 2);
ALTER TABLE invitation ALTER id RESTART 100;

-- Each outcome. Of worker 1 the invitation to gig 1 is accepted, 2 pending, 3
-- scheduled, 4 rejected, 5 left, 6 expired; 7 does not match, 8 and 9 are full
-- (auto and manual), 10 and 11 are new, 12 has ended; 99 is unknown.
INSERT INTO invitation (id, gig_id, worker_id, status, send_at) VALUES (1, 1, 1, 'accepted', NULL), (2, 2, 1, 'pending', NULL),
	(3, 3, 1, 'scheduled', '2030-01-01 18:00+00'), (4, 4, 1, 'pending', NULL), (5, 5, 1, 'accepted', NULL), (6, 6, 1, 'pending', NULL),
	(81, 8, 3, 'accepted', NULL), (82, 8, 4, 'accepted', NULL), (91, 9, 3, 'accepted', NULL), (92, 9, 4, 'accepted', NULL);
UPDATE invitation SET status = CASE gig_id WHEN 4 THEN 'rejected' WHEN 5 THEN 'left' ELSE 'expired' END WHERE id IN (4, 5, 6);
UPDATE gig SET start_at = '2030-01-01 10:00+00', end_at = '2030-01-01 12:30+00' WHERE id = 12;
SET cirro.clock = '2030-01-01 12:30+00';
DELETE FROM event;
SELECT * FROM attempt_invitations(1, '{12,11,99,10,9,8,7,6,5,4,3,2,1,11,99,NULL}');
SELECT id, gig_id, status, origin, times_invited FROM invitation WHERE worker_id = 1 AND gig_id IN (6, 10, 11) ORDER BY gig_id;
SELECT kind, gig_id, previous, status FROM event ORDER BY id;
SELECT id, worker_id, gig_ids, max_amount, created_at, outcomes FROM attempt ORDER BY id;

-- Without gig_ids: every open gig, in the order of their ids; what does not
-- match is left out and not counted, for it is not looked at.
SELECT * FROM attempt_invitations(2);
SELECT * FROM attempt_invitations(3);
SELECT id, worker_id, gig_ids, max_amount, outcomes->'no_match' AS no_match, jsonb_array_length(outcomes->'outcomes') AS outcomes FROM attempt ORDER BY id;

-- max_amount: the rest is limit_reached; what is not to be invited takes none.
SELECT pg_temp.gig(g, total_seats => 1) FROM generate_series(21, 24) g ORDER BY g;
SELECT gig_id, outcome FROM attempt_invitations(1, '{7,24,23,99,22,21,1}', 2);
SELECT gig_id, outcome FROM attempt_invitations(2, '{24,21,3}', 0);
SELECT gig_id, outcome FROM attempt_invitations(3, NULL, 1);
SELECT gig_id, outcome FROM attempt_invitations(4, '{24,23,22,21}', NULL);
SELECT pg_temp.try('SELECT * FROM attempt_invitations(1, NULL, -1)');

-- Nobody knows the worker; odd arrays; nothing to try.
SELECT pg_temp.try('SELECT * FROM attempt_invitations(99)');
SELECT pg_temp.try('SELECT * FROM attempt_invitations(NULL)');
SELECT * FROM attempt_invitations(1, '{}');
SELECT gig_id, outcome FROM attempt_invitations(1, '{{1,NULL},{2,1}}');
SELECT outcome, count(*) FROM attempt_invitations(1, (SELECT array_agg(n) FROM generate_series(1000, 20000) n)) GROUP BY outcome;

-- A stored filter is what counts: a change of filter or profile counts at once.
SELECT pg_temp.gig(31, seats_max => 1, filter => '{"lang": "it"}');
SELECT outcome FROM attempt_invitations(4, '{31}');
UPDATE worker SET profile = '{"lang": "it"}' WHERE id = 4;
SELECT outcome FROM attempt_invitations(4, '{31}');
-- At an explicit seats_max it is filled; then a seat comes free again.
SELECT status FROM accept((SELECT id FROM invitation WHERE gig_id = 31));
UPDATE gig SET filter_query = '{}' WHERE id = 31;
SELECT outcome FROM attempt_invitations(1, '{31}');
SELECT status FROM leave((SELECT id FROM invitation WHERE gig_id = 31));
SELECT outcome FROM attempt_invitations(1, '{31}');
-- One whose time to answer has passed is reopened.
UPDATE gig SET answer_within = '1 hour' WHERE id = 31;
SET cirro.clock = '2030-01-01 13:30+00';
SELECT outcome FROM attempt_invitations(1, '{31}');
SELECT status, invited_at, times_invited FROM invitation WHERE gig_id = 31 AND worker_id = 1;
-- Nobody who is not active is invited, whatever matches.
UPDATE worker SET active = false WHERE id = 3;
SELECT count(*) FILTER (WHERE outcome IN ('invited', 'reopened')) FROM attempt_invitations(3, '{31}');
SELECT count(*) FROM invitation WHERE gig_id = 31 AND worker_id = 3;
SELECT * FROM check_consistency();

-- A trigger of the Space's owner may keep rows out: they are vetoed, take nothing of
-- max_amount, and spoil no other.
SET cirro.clock = '2030-01-01 12:00+00';
SET test.kept = '';
CREATE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RETURN CASE WHEN NEW.gig_id = ANY (string_to_array(current_setting('test.kept'), ',')::bigint[]) THEN NULL ELSE NEW END;
END $$;
CREATE TRIGGER keep_out BEFORE INSERT OR UPDATE ON invitation FOR EACH ROW EXECUTE FUNCTION keep_out();
INSERT INTO worker (id, profile) VALUES (5, '{"lang": "es"}'), (6, '{"lang": "es"}');
SELECT pg_temp.gig(g, total_seats => 2, filter => '{"lang": "es"}') FROM generate_series(41, 46) g ORDER BY g;
INSERT INTO invitation (id, gig_id, worker_id) VALUES (411, 41, 5), (412, 42, 5);
UPDATE invitation SET status = 'expired' WHERE worker_id = 5;
DELETE FROM event;
SET test.kept = '41,43,45';
SELECT * FROM attempt_invitations(5, '{41,42,43,44,99,7,43}');
SELECT gig_id, outcome FROM attempt_invitations(5, '{41,43,45,46}', 1);
SELECT gig_id, outcome FROM attempt_invitations(6, '{45,44,43,42,46,41}', 2);
SELECT gig_id, outcome FROM attempt_invitations(6) WHERE gig_id > 40;
SELECT pg_temp.gig(g, total_seats => 2, filter => '{"lang": "la"}') FROM generate_series(101, 400) g ORDER BY g;
INSERT INTO worker (id, profile) VALUES (7, '{"lang": "la"}');
SELECT set_config('test.kept', string_agg(g::text, ','), false) IS NOT NULL FROM generate_series(101, 400) g WHERE g NOT IN (199, 301, 302);
SELECT outcome, count(*), min(gig_id), max(gig_id) FROM attempt_invitations(7, ARRAY(SELECT generate_series(101, 400)), 2) GROUP BY outcome ORDER BY outcome;
SELECT gig_id FROM invitation WHERE worker_id = 7 ORDER BY gig_id;
SELECT gig_id, worker_id, status, times_invited FROM invitation WHERE gig_id > 40 AND worker_id < 7 ORDER BY worker_id, gig_id;
SELECT kind, gig_id, worker_id FROM event WHERE worker_id < 7 ORDER BY worker_id, gig_id;
SELECT outcomes->'outcomes'->0 FROM attempt WHERE worker_id = 5 ORDER BY id LIMIT 1;
DROP TRIGGER keep_out ON invitation;
DROP FUNCTION keep_out();
SELECT * FROM check_consistency();

-- Such a trigger runs as it would for a statement of the caller: he may be another role in
-- it, and what it sets stays.
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('role', 'none', true), set_config('test.seen', concat(current_setting('test.seen'), NEW.gig_id, ' '), false);
	RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON invitation FOR EACH ROW EXECUTE FUNCTION note();
SET test.seen = '';
UPDATE invitation SET status = 'expired' WHERE worker_id = 6 AND gig_id = 42;
SELECT pg_temp.gig(47, total_seats => 2, filter => '{"lang": "es"}');
SELECT gig_id, outcome FROM attempt_invitations(6, '{42,47}');
SELECT current_setting('test.seen');
DROP TRIGGER note ON invitation;
DROP FUNCTION note();
-- What it calls does no more for a caller than he may do himself.
CREATE ROLE regress_cirro_attempt;
SET ROLE regress_cirro_attempt;
SELECT pg_temp.try($$SELECT cirro.write_attempt('attempt', 1, '{1}', NULL)$$);
RESET ROLE;
GRANT USAGE ON SCHEMA attempt TO regress_cirro_attempt;
SET ROLE regress_cirro_attempt;
SELECT pg_temp.try($$SELECT cirro.write_attempt('attempt', 1, '{1}', NULL)$$);
RESET ROLE;
GRANT INSERT, SELECT ON attempt.invitation TO regress_cirro_attempt;
SET ROLE regress_cirro_attempt;
SELECT pg_temp.try($$SELECT cirro.write_attempt('attempt', 1, '{1}', NULL)$$);
RESET ROLE;
SELECT pg_temp.try($$SELECT cirro.write_attempt('nowhere', 1, '{1}', NULL)$$);
SELECT cirro.write_attempt('attempt', NULL, NULL, NULL), cirro.write_attempt(NULL, 1, '{1}', '{}');
SELECT pg_temp.try($$SELECT cirro.write_attempt('attempt', NULL, '{{47},{NULL}}', '{}')$$);
DROP OWNED BY regress_cirro_attempt;
DROP ROLE regress_cirro_attempt;
SELECT * FROM check_consistency();

SET client_min_messages = warning;
SELECT cirro.drop_space('attempt');
