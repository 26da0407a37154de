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
DELETE FROM notification;
SELECT * FROM invite(1, '{7,6,5,4,3,2,1,99}');
SELECT id, worker_id, status, origin, times_invited, send_at FROM invitation WHERE worker_id IN (6, 7) ORDER BY id;
SELECT kind, worker_id, previous, status FROM notification ORDER BY id;
-- Again: the same ids are invited already. An id counts once, at its first place.
SELECT * FROM invite(1, '{7,8,7,6,8,99,99,9}');

-- A future send_at is kept as scheduled; nobody hears of it before it is sent.
DELETE FROM notification;
SELECT * FROM invite(1, '{10,1,6,11}', '2030-01-01 18:00+00');
UPDATE invitation SET status = 'expired' WHERE id = 6;
SELECT * FROM invite(1, '{6}', send_at => '2030-01-01 18:00+00');
SELECT id, worker_id, status, origin, times_invited, invited_at, send_at FROM invitation WHERE worker_id IN (6, 10, 11) ORDER BY worker_id;
SELECT kind, worker_id, previous, status FROM notification ORDER BY id;
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
SELECT kind, worker_id, previous, status FROM notification WHERE kind LIKE 'invitation.%' AND worker_id IN (3, 6, 10, 11) ORDER BY worker_id, id;

-- auto_accept takes seats, in the order given; then it is filled for all.
SET cirro.clock = '2030-01-01 12:00+00';
SELECT pg_temp.gig(2, total_seats => 3), pg_temp.gig(3, seats_max => 2);
INSERT INTO invitation (id, gig_id, worker_id) VALUES (21, 2, 1), (22, 2, 2), (31, 3, 1);
UPDATE invitation SET status = 'expired' WHERE id IN (21);
DELETE FROM notification;
SELECT * FROM invite(2, '{5,1,2,99,6,7}', auto_accept => true);
SELECT worker_id, status, times_invited, responded_at FROM invitation WHERE gig_id = 2 ORDER BY worker_id;
SELECT * FROM invite(2, '{8,1,2}');
SELECT * FROM invite(3, '{4,3,2,1}', auto_accept => true);
SELECT worker_id, status, reason FROM invitation WHERE gig_id = 3 ORDER BY worker_id;
SELECT kind, gig_id, worker_id, status FROM notification ORDER BY gig_id, worker_id, id;
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
DELETE FROM notification;
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
SELECT count(*) FROM notification WHERE worker_id = 17;
SELECT * FROM check_consistency();

SET client_min_messages = warning;
SELECT cirro.drop_space('manual');
