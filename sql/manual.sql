-- Manual invitations: the Space says who is invited, and when. One row per
-- distinct id in the order given, with the first outcome that applies; one bad
-- id never spoils the rest.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
SELECT cirro.create_space('manual');
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET search_path = manual;
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

INSERT INTO worker (id, profile) SELECT w, '{}' FROM generate_series(1, 20) w;
SELECT pg_temp.gig(1, total_seats => 5);

-- Each outcome. Worker 1 is accepted, 2 pending, 3 scheduled, 4 rejected, 5
-- left, 6 expired, 7 new; 99 is unknown.
INSERT INTO invitation (id, gig_id, worker_id, status, send_at) VALUES (1, 1, 1, 'accepted', NULL), (2, 1, 2, 'pending', NULL),
	(3, 1, 3, 'scheduled', '2030-01-01 18:00+00'), (4, 1, 4, 'pending', NULL), (5, 1, 5, 'accepted', NULL), (6, 1, 6, 'pending', NULL);
UPDATE invitation SET status = CASE worker_id WHEN 4 THEN 'rejected' WHEN 5 THEN 'left' ELSE 'expired' END WHERE worker_id IN (4, 5, 6);
ALTER TABLE invitation ALTER id RESTART 100;
DELETE FROM event;
SELECT * FROM invite(1, '{7,6,5,4,3,2,1,99}');
SELECT id, worker_id, status, origin, times_invited, send_at FROM invitation WHERE worker_id IN (6, 7) ORDER BY id;
SELECT kind, worker_id, previous, status FROM event ORDER BY id;
-- Again: the same ids are invited already. An id counts once, at its first place.
SELECT * FROM invite(1, '{7,8,7,6,8,99,99,9}');

-- A future send_at is kept as scheduled; nobody hears of it before it is sent.
DELETE FROM event;
SELECT * FROM invite(1, '{10,1,6,11}', '2030-01-01 18:00+00');
UPDATE invitation SET status = 'expired' WHERE id = 6;
SELECT * FROM invite(1, '{6}', send_at => '2030-01-01 18:00+00');
SELECT id, worker_id, status, origin, times_invited, invited_at, send_at FROM invitation WHERE worker_id IN (6, 10, 11) ORDER BY worker_id;
SELECT kind, worker_id, previous, status FROM event ORDER BY id;
-- now is not the future.
SELECT * FROM invite(1, '{12}', '2030-01-01 12:00+00');
SELECT * FROM invite(1, '{13}', NULL, NULL);
-- A time at which nobody could accept any more is an error, not an invitation.
SELECT pg_temp.try($$SELECT * FROM invite(1, '{14}', '2030-01-03 12:00+00')$$);
-- The tick sends.
SET cirro.clock = '2030-01-01 17:59:59+00';
CALL cirro.run_waves('manual');
SELECT worker_id, status FROM invitation WHERE worker_id IN (3, 6, 10, 11) ORDER BY worker_id;
SET cirro.clock = '2030-01-01 18:00+00';
CALL cirro.run_waves('manual');
SELECT worker_id, status, invited_at, times_invited FROM invitation WHERE worker_id IN (3, 6, 10, 11) ORDER BY worker_id;
SELECT kind, worker_id, previous, status FROM event WHERE kind LIKE 'invitation.%' AND worker_id IN (3, 6, 10, 11) ORDER BY worker_id, id;

-- auto_accept takes seats, in the order given; then it is filled for all.
SET cirro.clock = '2030-01-01 12:00+00';
SELECT pg_temp.gig(2, total_seats => 3), pg_temp.gig(3, seats_max => 2);
INSERT INTO invitation (id, gig_id, worker_id) VALUES (21, 2, 1), (22, 2, 2), (31, 3, 1);
UPDATE invitation SET status = 'expired' WHERE id IN (21);
DELETE FROM event;
SELECT * FROM invite(2, '{5,1,2,99,6,7}', auto_accept => true);
SELECT worker_id, status, times_invited, responded_at FROM invitation WHERE gig_id = 2 ORDER BY worker_id;
SELECT * FROM invite(2, '{8,1,2}');
SELECT * FROM invite(3, '{4,3,2,1}', auto_accept => true);
SELECT worker_id, status, reason FROM invitation WHERE gig_id = 3 ORDER BY worker_id;
SELECT e.kind, e.gig_id, e.worker_id, e.status FROM event e JOIN notification n ON n.event_id = e.id ORDER BY e.gig_id, e.worker_id, e.id;
-- Nobody is invited to a gig that is full, but those who are in it are told so first.
SELECT outcome FROM invite(3, '{1,4,5}');
SELECT outcome FROM invite(3, '{6}', '2030-01-01 18:00+00');

-- The filter is not applied, and an auto gig is open to it as well.
SELECT pg_temp.gig(4, total_seats => 2, filter => '{"a": 1}', mode => 'auto');
SELECT outcome FROM invite(4, '{1,2}');

-- Not there: the gig. Nobody: an empty array. No array: an error. Ids may be
-- null, repeated, in any shape of array.
SELECT pg_temp.try($$SELECT * FROM invite(99, '{1}')$$);
SELECT pg_temp.try($$SELECT * FROM invite(NULL, '{1}')$$);
SELECT pg_temp.try($$SELECT * FROM invite(1, NULL)$$);
SELECT * FROM invite(4, '{}');
SELECT worker_id, outcome FROM invite(4, '{NULL,3,NULL,-1,9223372036854775807}');
SELECT worker_id, outcome FROM invite(4, '{{4,NULL},{5,4}}');
SELECT worker_id, outcome FROM invite(4, '[7:8]={6,7}');
SELECT outcome, count(*) FROM invite(1, (SELECT array_agg(n) FROM generate_series(1000, 50000) n)) GROUP BY outcome;

-- A closed gig: not_open, once the worker is known.
SET cirro.clock = '2030-01-03 12:00+00';
SELECT outcome FROM invite(4, '{99,1,15}');
SELECT outcome FROM invite(4, '{15}', '2030-01-03 18:00+00');
SELECT outcome FROM invite(4, '{15}', auto_accept => true);
SET cirro.clock = '2030-01-01 12:00+00';

-- Time to answer that has passed makes an invitation expired: it is reopened.
UPDATE gig SET answer_within = '1 hour' WHERE id = 4;
SET cirro.clock = '2030-01-01 13:00+00';
DELETE FROM event;
SELECT outcome FROM invite(4, '{1}');
SELECT outcome FROM invite(4, '{2}', '2030-01-01 18:00+00');
SELECT outcome FROM invite(4, '{3}', auto_accept => true);
SELECT worker_id, status, reason, invited_at, times_invited FROM invitation WHERE gig_id = 4 AND worker_id <= 3 ORDER BY worker_id;

-- Nobody who is not active is invited.
UPDATE worker SET active = false WHERE id = 16;
SELECT outcome FROM invite(4, '{16}');
SELECT count(*) FROM invitation WHERE worker_id = 16;
-- Nor is what was scheduled for one sent.
SELECT outcome FROM invite(4, '{17}', '2030-01-01 18:00+00');
UPDATE worker SET active = false WHERE id = 17;
SET cirro.clock = '2030-01-01 18:00+00';
CALL cirro.run_waves('manual');
SELECT status, reason, times_invited FROM invitation WHERE worker_id = 17;
SELECT count(*) FROM event WHERE worker_id = 17;
SELECT * FROM check_consistency();

-- A trigger of the Space's owner may keep rows out, for example against overlaps:
-- they are vetoed, and nobody else suffers from it.
SET cirro.clock = '2030-01-01 12:00+00';
SET test.kept = '';
SET test.status = 'any';
CREATE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.worker_id = ANY (string_to_array(current_setting('test.kept'), ',')::bigint[])
		AND current_setting('test.status') IN ('any', NEW.status) THEN
		RETURN NULL;
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER keep_out BEFORE INSERT OR UPDATE ON invitation FOR EACH ROW EXECUTE FUNCTION keep_out();
SELECT pg_temp.gig(g, total_seats => 3) FROM generate_series(30, 34) g;
INSERT INTO invitation (id, gig_id, worker_id) VALUES (3004, 30, 4), (3005, 30, 5), (3006, 30, 6);
UPDATE invitation SET status = 'expired' WHERE id IN (3004, 3005);
DELETE FROM event;
SET test.kept = '2,4,6';
SELECT * FROM invite(30, '{1,2,3,4,5,2,99,6}');
SELECT worker_id, status, times_invited FROM invitation WHERE gig_id = 30 ORDER BY worker_id;
SELECT kind, worker_id, previous, status FROM event ORDER BY id;
SELECT worker_id, outcome FROM invite(30, '{2,7}', '2030-01-01 18:00+00');
SELECT worker_id, outcome FROM invite(30, '{2}');
SELECT worker_id, outcome FROM invite(30, '{4,2}', auto_accept => true);
-- Without it they are invited as any other.
SET test.kept = '';
SELECT worker_id, outcome FROM invite(30, '{2,4}');
-- Who is kept out takes no seat of those who come after; a full gig is filled.
SET test.kept = '1,2,3,4,5';
SELECT worker_id, outcome FROM invite(31, '{1,2,6,3,4,7,5,8,9,1}', auto_accept => true);
SELECT worker_id, outcome FROM invite(31, '{1,6,9}');
SELECT accepted FROM gig_status WHERE gig_id = 31;
-- Kept from being accepted only, or from being opened again only.
INSERT INTO invitation (id, gig_id, worker_id) VALUES (3206, 32, 6), (3207, 32, 7);
UPDATE invitation SET status = 'expired' WHERE gig_id = 32;
SET test.kept = '6,8';
SET test.status = 'accepted';
SELECT worker_id, outcome FROM invite(32, '{6,7,8,9}', auto_accept => true);
SELECT worker_id, status, times_invited FROM invitation WHERE gig_id = 32 ORDER BY worker_id;
SET test.status = 'pending';
SELECT worker_id, outcome FROM invite(32, '{6,8,10}');
SELECT worker_id, outcome FROM invite(32, '{6,8}', '2030-01-01 18:00+00');
-- Whose time to answer has passed cannot be invited anew either.
SET test.status = 'any';
SET test.kept = '';
UPDATE gig SET answer_within = '1 hour' WHERE id = 33;
SELECT worker_id, outcome FROM invite(33, '{1,2}');
SET test.kept = '1';
SET cirro.clock = '2030-01-01 13:00+00';
SELECT worker_id, outcome FROM invite(33, '{1,2,3}');
SELECT worker_id, status, times_invited FROM invitation WHERE gig_id = 33 ORDER BY worker_id;
-- Every second one of many.
SELECT set_config('test.kept', string_agg(w::text, ','), false) IS NOT NULL FROM generate_series(101, 600, 2) w;
SET client_min_messages = warning;
INSERT INTO worker (id) SELECT generate_series(101, 600);
SELECT outcome, count(*) FROM invite(34, ARRAY(SELECT generate_series(101, 600))) GROUP BY outcome ORDER BY outcome;
SELECT count(*), count(*) FILTER (WHERE worker_id % 2 = 1) FROM invitation WHERE gig_id = 34;
-- Of many the first who is let in gets the last seat, whoever was kept out before
-- and however many come after.
SELECT pg_temp.gig(35, total_seats => 2), pg_temp.gig(36, seats_max => 2);
ALTER TABLE invitation ALTER id RESTART 10000;
INSERT INTO invitation (gig_id, worker_id) SELECT 36, w FROM generate_series(401, 600) w;
UPDATE invitation SET status = 'expired' WHERE gig_id = 36;
SELECT set_config('test.kept', string_agg(w::text, ','), false) IS NOT NULL FROM generate_series(101, 600) w WHERE w NOT IN (103, 307, 390, 591, 592);
SELECT outcome, count(*), min(worker_id), max(worker_id) FROM invite(35, ARRAY(SELECT generate_series(101, 600)), auto_accept => true) GROUP BY outcome ORDER BY outcome;
SELECT outcome, count(*), min(worker_id), max(worker_id) FROM invite(36, ARRAY(SELECT generate_series(310, 600)), auto_accept => true) GROUP BY outcome ORDER BY outcome;
SELECT gig_id, worker_id FROM invitation WHERE gig_id IN (35, 36) AND status = 'accepted' ORDER BY gig_id, worker_id;
DROP TRIGGER keep_out ON invitation;
DROP FUNCTION keep_out();
SELECT * FROM check_consistency();

SET client_min_messages = warning;
SELECT cirro.drop_space('manual');
