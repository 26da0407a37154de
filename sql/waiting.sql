-- Who waits for a seat: how one comes to wait, who gets a seat that comes free, what
-- ends it, what a Space and its workers are shown; and every change of status of an
-- invitation through every door.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
SELECT cirro.create_space('waiting');
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET search_path = waiting;
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

-- A manual gig of so many seats, with workers 1 to n invited as gig * 100 + worker; the
-- first of them have the seats.
CREATE FUNCTION pg_temp.gig(gig bigint, n int, total int, max int DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO gig (id, title, url, start_at, end_at, total_seats, seats_max, invitation_mode, filter_query)
	VALUES (gig, 'Gig', 'https://gig', '2030-01-02 12:00+00', '2030-01-03 12:00+00', total, max, 'manual', '{}');
	INSERT INTO invitation (id, gig_id, worker_id) SELECT gig * 100 + w, gig, w FROM generate_series(1, n) w;
	PERFORM accept(gig * 100 + w) FROM generate_series(1, coalesce(max, total)) w;
END $$;

-- How a gig stands: seats, who waits, each invitation, what was told since it was asked last.
CREATE FUNCTION pg_temp.stands(gig bigint, OUT seats text, OUT invitations text, OUT told text) LANGUAGE plpgsql AS $$
BEGIN
	SELECT s.accepted || '/' || coalesce(s.capacity::text, 'any') || ', ' || s.waiting || ' wait' INTO seats
	FROM gig_state s WHERE s.gig_id = gig;
	SELECT string_agg(i.worker_id || ' ' || i.status || coalesce(' (' || i.reason || ')', ''), ', ' ORDER BY i.worker_id)
	INTO invitations FROM invitation i WHERE i.gig_id = gig;
	WITH gone AS (DELETE FROM event e WHERE e.gig_id = gig RETURNING e.*)
	SELECT string_agg(CASE WHEN g.invitation_id IS NULL THEN g.kind
		ELSE g.worker_id || ' ' || coalesce(g.previous || '>', '') || g.status END, ', ' ORDER BY g.id)
	INTO told FROM gone g;
END $$;

INSERT INTO worker (id) SELECT generate_series(1, 60);

-- How one comes to wait: where the seats are filled, pending or expired for that reason.
SELECT pg_temp.gig(1, 6, 1), pg_temp.gig(2, 6, NULL, 1);
DELETE FROM event;
SELECT * FROM try_accept(102);
SELECT * FROM try_accept(102, or_wait => true);
SET cirro.clock = '2030-01-01 12:30+00';
SELECT * FROM try_accept(102, true);
SELECT * FROM try_accept(102);
SELECT * FROM try_accept(103, true);
SELECT * FROM try_accept(101, true);
SELECT * FROM try_accept(202, true);
SELECT * FROM try_accept(203, NULL);
SELECT * FROM try_accept(203, true);
SELECT * FROM try_accept(1, true);
SELECT * FROM try_accept(NULL, true);
SELECT reject(104) IS NOT NULL, expire(105, 'withdrawn') IS NOT NULL;
SELECT * FROM try_accept(104, true);
SELECT * FROM try_accept(105, true);
SELECT pg_temp.try('SELECT accept(102)');
SELECT * FROM pg_temp.stands(1);
SELECT * FROM pg_temp.stands(2);
SELECT id, status, invited_at, responded_at, waiting_since, times_invited, revision FROM invitation WHERE status = 'waiting' ORDER BY id;
-- The row keeps its place, whatever is written to it.
UPDATE invitation SET status = 'waiting', waiting_since = '2000-01-01' WHERE id = 103 RETURNING waiting_since;
UPDATE invitation SET waiting_since = '2000-01-01' WHERE id IN (103, 106) RETURNING id, waiting_since;
SELECT pg_temp.try($$INSERT INTO invitation (gig_id, worker_id, status) VALUES (1, 7, 'waiting')$$);
SELECT * FROM check_consistency();

-- Who gets a seat: who has waited longest; who came at the same time, by the id. A seat
-- that goes on so is neither free nor filled anew.
SELECT (leave(101)).status;
SELECT * FROM pg_temp.stands(1);
SELECT id, status, responded_at, waiting_since FROM invitation WHERE id = 102;
SELECT (leave(201)).status;
SELECT * FROM pg_temp.stands(2);
DELETE FROM invitation WHERE id = 202;
SELECT * FROM pg_temp.stands(2);
-- Nobody waits any more.
SELECT (leave(102)).status;
SELECT (leave(103)).status;
SELECT * FROM pg_temp.stands(1);
-- Where a seat is free, waiting is taking it.
SELECT * FROM try_accept(106, true);
SELECT * FROM pg_temp.stands(1);
-- Also what has expired for want of one.
SELECT (leave(203)).status;
SELECT * FROM try_accept(205);
SELECT * FROM try_accept(205, true);
SELECT * FROM pg_temp.stands(2);

-- An inactive worker keeps his place and is passed over. He gets the seat that is
-- free when he is active again.
SELECT pg_temp.gig(3, 6, 2);
UPDATE invitation SET status = 'waiting' WHERE id IN (303, 304, 305);
UPDATE worker SET active = false WHERE id IN (3, 4);
DELETE FROM event;
SELECT (leave(301)).status;
SELECT * FROM pg_temp.stands(3);
SELECT (leave(302)).status;
SELECT * FROM pg_temp.stands(3);
SELECT * FROM check_consistency();
UPDATE worker SET active = true WHERE id = 4;
SELECT * FROM pg_temp.stands(3);
UPDATE worker SET active = true WHERE id = 3;
SELECT * FROM pg_temp.stands(3);

-- Many at once: seats of one gig, seats of several, all that is taken back.
SELECT pg_temp.gig(4, 9, 4), pg_temp.gig(5, 9, 3);
UPDATE invitation SET status = 'waiting' WHERE gig_id IN (4, 5) AND worker_id >= 6;
DELETE FROM event;
UPDATE invitation SET status = 'left' WHERE gig_id IN (4, 5) AND worker_id IN (1, 2);
SELECT * FROM pg_temp.stands(4);
SELECT * FROM pg_temp.stands(5);
DELETE FROM worker WHERE id IN (3, 6);
SELECT * FROM pg_temp.stands(4);
SELECT * FROM pg_temp.stands(5);
INSERT INTO worker (id) VALUES (3), (6);
SELECT pg_temp.try($$UPDATE invitation SET status = 'accepted' WHERE gig_id = 5 AND worker_id IN (4, 5)$$);
-- One leaves and one begins to wait, in one statement.
UPDATE invitation SET status = CASE worker_id WHEN 7 THEN 'left' ELSE 'waiting' END WHERE gig_id = 5 AND worker_id IN (4, 7);
SELECT * FROM pg_temp.stands(5);
SELECT * FROM check_consistency();

-- Seats raised, to any number or without limit; lowered, nobody is put out.
SELECT pg_temp.gig(6, 9, 1);
UPDATE invitation SET status = 'waiting' WHERE gig_id = 6 AND worker_id > 3;
DELETE FROM event;
UPDATE gig SET total_seats = 3 WHERE id = 6;
SELECT * FROM pg_temp.stands(6);
UPDATE gig SET total_seats = 2 WHERE id = 6;
SELECT (leave(601)).status;
SELECT * FROM pg_temp.stands(6);
UPDATE gig SET total_seats = 4, seats_granted = 3 WHERE id = 6;
SELECT * FROM pg_temp.stands(6);
UPDATE gig SET seats_min = 1, total_seats = NULL, seats_granted = NULL WHERE id = 6;
SELECT * FROM pg_temp.stands(6);
-- With an explicit seats_max the rest expires when those who wait have been given theirs.
SELECT pg_temp.gig(7, 5, 5, 5);
SELECT (leave(704)).status, (leave(705)).status, (reset(704)).status, (reset(705)).status;
UPDATE gig SET total_seats = 3 WHERE id = 7;
UPDATE worker SET active = false WHERE id = 4;
UPDATE invitation SET status = 'waiting' WHERE id = 704;
DELETE FROM event;
UPDATE gig SET seats_max = 4 WHERE id = 7;
SELECT * FROM pg_temp.stands(7);
UPDATE worker SET active = true WHERE id = 4;
SELECT * FROM pg_temp.stands(7);
-- The seat that reset() frees goes on as well, and what it opened has expired.
SELECT (try_accept(705, true)).outcome;
SELECT status, reason, times_invited FROM reset(701);
SELECT * FROM pg_temp.stands(7);
SELECT * FROM check_consistency();

-- It is an answer, not an open invitation: it has no time to answer, and does not
-- count where pending ones do; and it comes in time or not at all.
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, pending_max, answer_within, invitation_mode, filter_query)
VALUES (8, 'Gig', 'https://gig', '2030-01-02 12:00+00', '2030-01-03 12:00+00', 1, 3, '1 hour', 'manual', '{}');
INSERT INTO invitation (id, gig_id, worker_id) SELECT 800 + w, 8, w FROM generate_series(1, 4) w;
SELECT outcome FROM try_accept(801), try_accept(802, true) t(outcome2, s);
SET cirro.clock = '2030-01-01 13:30+00';
SELECT * FROM try_accept(803, true);
SELECT pg_temp.try($$UPDATE invitation SET status = 'waiting' WHERE id = 804$$);
SELECT worker_id, status, reason, answer_by, can_accept, why_not, can_wait, waiting_since, place FROM worker_invitation WHERE gig_id = 8 ORDER BY worker_id;
SELECT pending, waiting, expired, vacancies FROM gig_status WHERE gig_id = 8;
CALL cirro.run_waves('waiting');
SELECT * FROM pg_temp.stands(8);
SELECT next_event_at FROM gig_state WHERE gig_id = 8;
UPDATE setting SET max_pending = 1;
INSERT INTO worker (id, profile) VALUES (70, '{"only": 70}');
INSERT INTO invitation (id, gig_id, worker_id) VALUES (870, 8, 70);
SELECT outcome FROM try_accept(870, true);
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query)
VALUES (9, 'Gig', 'https://gig', '2030-01-02 12:00+00', '2030-01-03 12:00+00', 1, '{"only": 70}');
SELECT outcome, invited FROM run_wave(9);
UPDATE setting SET max_pending = NULL;
-- No wave, no hand and no attempt invites who waits.
SELECT * FROM invite(8, '{2,70}');
SELECT * FROM invite(8, '{2}', auto_accept => true);
SELECT * FROM attempt_invitations(70, '{8}');
UPDATE gig SET invitation_mode = 'auto', total_seats = 2, filter_query = '{"only": 70}' WHERE id = 8;
UPDATE gig SET total_seats = 1, seats_min = 1 WHERE id = 8;
SELECT * FROM pg_temp.stands(8);
SELECT gate, passed, detail FROM explain_invitation(70, 8) WHERE gate = 'invitation';
UPDATE invitation SET status = 'pending' WHERE id = 870;
SELECT outcome FROM try_accept(870, true);
SELECT gate, passed, detail FROM explain_invitation(70, 8) WHERE gate = 'invitation';
-- What the Space sends of it.
SELECT kind, worker_id, payload -> 'invitation' ->> 'status' AS status, payload -> 'invitation' ->> 'previous' AS previous,
	payload -> 'invitation' ->> 'answer_by' AS answer_by, still_valid
FROM (SELECT c.* FROM claim_notifications(1000) c) n WHERE invitation_id = 870 AND payload -> 'invitation' ->> 'status' = 'waiting';
SELECT substring(cirro.report('waiting', 8) FROM '\d+ more waits? for a seat'),
	cirro.report('waiting', 8) ~ 'Waiting for a seat</th><td class="n">1<', cirro.report('waiting') ~ '>1 more waits for a seat<',
	cirro.report('waiting', 1) ~ 'for a seat';
SELECT open_gigs, seats, accepted, pending, waiting FROM cirro.metrics() WHERE space = 'waiting';
SELECT count(*), sum(waiting) FROM gig_state WHERE waiting > 0;

-- What ends it. Its worker declines, the Space withdraws it or asks anew.
SELECT pg_temp.gig(10, 9, 1);
UPDATE invitation SET status = 'waiting' WHERE gig_id = 10 AND worker_id > 1;
SELECT status, reason, waiting_since, responded_at FROM reject(1002, 'too late');
SELECT status, reason, waiting_since FROM expire(1003);
SELECT status, reason, waiting_since FROM expire(1004, 'not you');
SELECT status, reason, waiting_since, invited_at, times_invited FROM reset(1005);
SELECT pg_temp.try('SELECT leave(1006)');
SELECT * FROM pg_temp.stands(10);
-- Erased.
SELECT active FROM erase_worker(6);
SELECT * FROM pg_temp.stands(10);
SELECT active FROM erase_worker(1);
SELECT * FROM pg_temp.stands(10);
SELECT * FROM check_consistency();
UPDATE worker SET active = true WHERE id IN (1, 6);
-- Cancelled: who waits is told that alone.
SELECT cancelled_at FROM cancel(10);
SELECT string_agg(kind || ' ' || worker_id, ', ' ORDER BY id) FROM event WHERE gig_id = 10 AND kind = 'gig.cancelled';
SELECT * FROM pg_temp.stands(10);
SELECT outcome, status FROM try_accept(1008, true);
SELECT pg_temp.try('SELECT reject(1008)');
-- Deleted.
SELECT pg_temp.gig(11, 3, 1);
UPDATE invitation SET status = 'waiting' WHERE gig_id = 11 AND worker_id = 2;
DELETE FROM event;
DELETE FROM gig WHERE id = 11;
SELECT kind, worker_id, status, payload -> 'invitation' ->> 'status' AS told FROM event ORDER BY id;
-- What expired with the rest before it was sent: that he waits is the first that he hears of it.
INSERT INTO gig (id, title, url, start_at, end_at, seats_max, invitation_mode, filter_query)
VALUES (13, 'Gig', 'https://gig', '2030-01-02 12:00+00', '2030-01-03 12:00+00', 1, 'manual', '{}');
SELECT outcome FROM invite(13, ARRAY[2], '2030-01-02 08:00+00');
SELECT outcome FROM invite(13, ARRAY[1], NULL, true);
DELETE FROM event;
SELECT outcome, status FROM try_accept((SELECT id FROM invitation WHERE gig_id = 13 AND worker_id = 2), true);
SELECT (leave((SELECT id FROM invitation WHERE gig_id = 13 AND worker_id = 1))).status;
SELECT kind, worker_id, status, previous FROM event ORDER BY id;
SELECT status, times_invited, invited_at FROM invitation WHERE gig_id = 13 AND worker_id = 2;
-- Ended, by the clock and then by the tick.
SELECT pg_temp.gig(12, 4, 1);
UPDATE invitation SET status = 'waiting' WHERE gig_id = 12 AND worker_id IN (2, 3);
SET cirro.clock = '2030-01-03 12:00+00';
SELECT worker_id, status, reason, can_accept, why_not, can_wait, place FROM worker_invitation WHERE gig_id = 12 ORDER BY worker_id;
SELECT pending, waiting, expired, vacancies FROM gig_status WHERE gig_id = 12;
SELECT outcome, status FROM try_accept(1202, true);
SELECT outcome, status FROM try_accept(1204, true);
SELECT pg_temp.try($$UPDATE invitation SET status = 'waiting' WHERE id = 1204$$);
SELECT pg_temp.try('SELECT reject(1202)');
SELECT pg_temp.try('SELECT reset(1202)');
DELETE FROM worker WHERE id = 1;
SELECT * FROM pg_temp.stands(12);
CALL cirro.run_waves('waiting');
SELECT * FROM pg_temp.stands(12);
SELECT * FROM check_consistency();
SELECT sum(waiting) FROM gig_state;
INSERT INTO worker (id) VALUES (1);

-- The place in the queue: as of now, without those who are not active, and whatever
-- a row policy hides of the others.
SET cirro.clock = '2030-02-01 12:00+00';
DELETE FROM event;
INSERT INTO gig (id, title, url, start_at, end_at, created_at, total_seats, invitation_mode, filter_query)
SELECT n, 'Gig', 'https://gig', '2030-03-02 12:00+00', '2030-03-03 12:00+00', '2030-01-01', 1, 'manual', '{}' FROM generate_series(20, 30) n;
INSERT INTO invitation (id, gig_id, worker_id) SELECT g * 100 + w, g, w FROM generate_series(20, 30) g, generate_series(1, 6) w;
SELECT count(accept(g * 100 + 1)) FROM generate_series(20, 30) g;
SET cirro.clock = '2030-02-01 12:10+00';
UPDATE invitation SET status = 'waiting' WHERE id IN (2005, 2006);
SET cirro.clock = '2030-02-01 12:20+00';
UPDATE invitation SET status = 'waiting' WHERE id IN (2002, 2003);
UPDATE worker SET active = false WHERE id = 6;
SELECT worker_id, waiting_since, place FROM worker_invitation WHERE gig_id = 20 AND status = 'waiting' ORDER BY worker_id;
CREATE ROLE regress_cirro_waiting;
GRANT USAGE ON SCHEMA waiting TO regress_cirro_waiting;
GRANT SELECT ON worker, gig, invitation TO regress_cirro_waiting;
GRANT UPDATE (status) ON invitation TO regress_cirro_waiting;
ALTER TABLE invitation ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON invitation TO regress_cirro_waiting USING (worker_id IN (1, 3));
SET ROLE regress_cirro_waiting;
SELECT worker_id, status, waiting_since, place FROM worker_invitation WHERE gig_id = 20 ORDER BY worker_id;
SELECT waiting FROM gig_status WHERE gig_id = 20;
SELECT outcome FROM try_accept(2103, true);
SELECT status FROM leave(2001);
SELECT worker_id, status, place FROM worker_invitation WHERE gig_id = 20 ORDER BY worker_id;
RESET ROLE;
SELECT regexp_replace(pg_temp.try($$SELECT cirro.waiting_place('worker'::regclass, 1, now(), 1)$$), 'OID \d+', 'OID N');
SELECT cirro.waiting_place('gig_state'::regclass, 20, 'infinity', 1), cirro.waiting_place('gig_state'::regclass, 0, now(), 1), cirro.waiting_place(NULL, 20, now(), 1);
REVOKE SELECT ON gig_state FROM PUBLIC;
SET ROLE regress_cirro_waiting;
SELECT pg_temp.try($$SELECT cirro.waiting_place('gig_state'::regclass, 20, now(), 1)$$);
RESET ROLE;
GRANT SELECT ON gig_state TO PUBLIC;
ALTER TABLE invitation DISABLE ROW LEVEL SECURITY;
DROP POLICY own ON invitation;
SELECT pg_temp.try($$SELECT cirro.waiting_place(0, 1, now(), 1)$$);
UPDATE worker SET active = true;

-- Triggers of the owner's. Who is kept from the seat, by silence or by an error, goes
-- on waiting and the next gets it: nobody's leaving fails for it.
CREATE FUNCTION waiting.picky() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.status = 'accepted' AND OLD.status = 'waiting' THEN
		CASE NEW.worker_id
			WHEN 2 THEN RAISE EXCEPTION 'worker 2 is busy';
			WHEN 3 THEN RETURN NULL;
			WHEN 5 THEN NEW.status := 'rejected';
			ELSE NULL;
		END CASE;
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER picky BEFORE UPDATE ON invitation FOR EACH ROW EXECUTE FUNCTION waiting.picky();
UPDATE invitation SET status = 'waiting' WHERE gig_id IN (22, 23) AND worker_id > 1;
DELETE FROM event;
SELECT (leave(2201)).status;
SELECT * FROM pg_temp.stands(22);
SELECT (leave(2204)).status;
SELECT * FROM pg_temp.stands(22);
SELECT (leave(2206)).status;
SELECT * FROM pg_temp.stands(22);
-- He is tried again by the tick.
SELECT * FROM check_consistency();
SELECT next_event_at FROM gig_state WHERE gig_id = 22;
UPDATE gig SET total_seats = 3 WHERE id = 23;
SELECT * FROM pg_temp.stands(23);
DROP TRIGGER picky ON invitation;
CALL cirro.run_waves('waiting');
SELECT * FROM pg_temp.stands(22);
SELECT next_event_at FROM gig_state WHERE gig_id = 22;
-- Who takes a seat gives up his other places: what a trigger writes to other gigs, or to
-- this one, is counted like any statement.
CREATE FUNCTION waiting.one_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE waiting.invitation SET status = 'rejected', reason = 'has another' WHERE worker_id = NEW.worker_id AND id <> NEW.id
		AND status IN ('pending', 'waiting') AND gig_id BETWEEN 24 AND 26;
	UPDATE waiting.invitation SET status = 'left' WHERE worker_id = NEW.worker_id AND id <> NEW.id
		AND status = 'accepted' AND gig_id BETWEEN 24 AND 26;
	UPDATE waiting.invitation SET status = 'expired', reason = 'told' WHERE gig_id = NEW.gig_id AND status = 'pending';
	RETURN NULL;
END $$;
CREATE TRIGGER one_only AFTER UPDATE ON invitation FOR EACH ROW
	WHEN (NEW.status = 'accepted' AND OLD.status = 'waiting') EXECUTE FUNCTION waiting.one_only();
UPDATE invitation SET status = 'left' WHERE id = 2501;
UPDATE invitation SET status = 'accepted' WHERE id = 2502;
UPDATE invitation SET status = 'waiting' WHERE id IN (2402, 2602, 2503, 2603);
DELETE FROM event;
SELECT (leave(2401)).status;
SELECT * FROM pg_temp.stands(24);
SELECT * FROM pg_temp.stands(25);
SELECT * FROM pg_temp.stands(26);
SELECT * FROM check_consistency();
DROP TRIGGER one_only ON invitation;

-- An attempt of who had waited and was withdrawn; a wave invites beside who waits.
UPDATE invitation SET status = 'waiting' WHERE id = 2704;
SELECT outcome FROM attempt_invitations(4, '{27}');
SELECT status FROM expire(2704, 'seats_filled');
SELECT * FROM try_accept(2704, true);
SELECT * FROM pg_temp.stands(27);

-- check_consistency sees what is wrong, and rebuild_state mends it.
CREATE FUNCTION pg_temp.damage(command text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN QUERY SELECT concat_ws(' ', c.gig_id, c.what, c.stored, c.derived) FROM check_consistency() c;
	RETURN NEXT 'mended ' || rebuild_state();
	RETURN QUERY SELECT 'still ' || concat_ws(' ', c.gig_id, c.what, c.stored, c.derived) FROM check_consistency() c;
END $$;
SELECT pg_temp.damage('UPDATE gig_state SET waiting = 7 WHERE gig_id = 27');
SELECT pg_temp.damage('UPDATE gig_state SET waiting = 0 WHERE gig_id = 27');
SELECT * FROM pg_temp.stands(27);
-- A history that was loaded with the triggers off.
ALTER TABLE gig DISABLE TRIGGER USER;
ALTER TABLE invitation DISABLE TRIGGER USER;
INSERT INTO gig (id, title, url, start_at, end_at, created_at, total_seats, invitation_mode, invitation_multiplier, invitation_frequency, filter_query)
VALUES (40, 'Gig', 'https://gig', '2030-03-02 12:00+00', '2030-03-03 12:00+00', '2030-01-01', 2, 'manual', 1, '1 hour', '{}'),
	(41, 'Gig', 'https://gig', '2029-03-02 12:00+00', '2029-03-03 12:00+00', '2029-01-01', 1, 'manual', 1, '1 hour', '{}');
SELECT pg_temp.try($$INSERT INTO invitation (id, gig_id, worker_id, status) VALUES (4001, 40, 1, 'waiting')$$);
INSERT INTO invitation (id, gig_id, worker_id, status, waiting_since) VALUES (4001, 40, 1, 'accepted', NULL), (4002, 40, 2, 'waiting', '2030-01-01 00:02+00'),
	(4003, 40, 3, 'waiting', '2030-01-01 00:01+00'), (4101, 41, 1, 'waiting', '2029-02-01');
ALTER TABLE gig ENABLE TRIGGER USER;
ALTER TABLE invitation ENABLE TRIGGER USER;
SELECT rebuild_state();
SELECT * FROM check_consistency();
SELECT * FROM pg_temp.stands(40);
SELECT * FROM pg_temp.stands(41);
CALL cirro.run_waves('waiting');
SELECT * FROM pg_temp.stands(40);

-- Every change of status through every door. Workers are not active, so that who waits
-- does so beside free seats, and each change is a matter of the two statuses alone.
-- "seats_filled" is expired for that reason, "none" no row yet. The law is stated here
-- once more, and every door must obey it: an answer that is there already is no change,
-- a refusal changes nothing.
CREATE TEMP TABLE law (status text, may_become text[]);
INSERT INTO law VALUES
	('none', '{scheduled,pending,accepted}'),
	('scheduled', '{pending,expired}'),
	('pending', '{accepted,waiting,rejected,expired}'),
	('waiting', '{accepted,rejected,expired,pending}'),
	('accepted', '{left,pending}'),
	('rejected', '{pending}'),
	('expired', '{pending,scheduled}'),
	('seats_filled', '{pending,scheduled,waiting,rejected}'),
	('left', '{pending}');
UPDATE worker SET active = false WHERE id <= 2;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_mode, filter_query)
VALUES (50, 'Gig', 'https://gig', '2030-03-02 12:00+00', '2030-03-03 12:00+00', 9, 'manual', '{}');
INSERT INTO invitation (gig_id, worker_id, status) VALUES (50, 60, 'accepted');

-- Brings the invitations of workers 1 and 2 to a status, by steps that are allowed.
CREATE FUNCTION pg_temp.bring(status text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF bring.status = 'none' THEN
		RETURN;
	END IF;
	INSERT INTO invitation (id, gig_id, worker_id, status, send_at) SELECT 5000 + w, 50, w,
		CASE WHEN bring.status IN ('scheduled', 'accepted') THEN bring.status ELSE 'pending' END,
		CASE bring.status WHEN 'scheduled' THEN timestamptz '2030-02-02' END FROM generate_series(1, 2) w;
	IF bring.status = 'left' THEN
		UPDATE invitation i SET status = 'accepted' WHERE i.id IN (5001, 5002);
	END IF;
	UPDATE invitation i SET status = CASE bring.status WHEN 'seats_filled' THEN 'expired' ELSE bring.status END,
		reason = CASE bring.status WHEN 'seats_filled' THEN 'seats_filled' END
	WHERE i.id IN (5001, 5002);
END $$;

CREATE FUNCTION pg_temp.step(door text, old_status text, new_status text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	assigns CONSTANT text := format('status = %L, send_at = timestamptz %L', new_status, '2030-02-02');
	row_there CONSTANT boolean := old_status <> 'none';
	said text;
	became text;
BEGIN
	PERFORM pg_temp.bring(old_status);
	IF door = 'function' AND (new_status = 'waiting' OR old_status = 'waiting') AND new_status <> 'accepted' THEN
		-- Where the seats are filled: lowering them puts nobody out.
		UPDATE gig g SET total_seats = 1 WHERE g.id = 50;
	END IF;
	IF door = 'function' AND (new_status = 'scheduled' OR old_status = 'none') THEN
		-- Nobody else is invited.
		UPDATE worker w SET active = true WHERE w.id = 1;
	END IF;
	BEGIN
		EXECUTE CASE door
			WHEN 'update' THEN format('UPDATE invitation SET %s WHERE id = 5001', assigns)
			WHEN 'update of many' THEN format('UPDATE invitation SET %s WHERE id IN (5001, 5002)', assigns)
			WHEN 'on conflict' THEN format('INSERT INTO invitation AS i (id, gig_id, worker_id, status, send_at) VALUES (5001, 50, 1, %L, %L)
				ON CONFLICT (gig_id, worker_id) DO UPDATE SET %s', CASE WHEN row_there THEN 'pending' ELSE new_status END, '2030-02-02', assigns)
			WHEN 'merge' THEN format('MERGE INTO invitation i USING (VALUES (50, 1)) v (g, w) ON i.gig_id = v.g AND i.worker_id = v.w
				WHEN MATCHED THEN UPDATE SET %s
				WHEN NOT MATCHED THEN INSERT (id, gig_id, worker_id, status, send_at) VALUES (5001, v.g, v.w, %L, %L)', assigns, new_status, '2030-02-02')
			WHEN 'copy' THEN format($c$COPY invitation (id, gig_id, worker_id, status, send_at) FROM PROGRAM 'echo 5001,50,1,%s,2030-02-02' (FORMAT csv)$c$, new_status)
			ELSE CASE new_status
				WHEN 'scheduled' THEN 'SELECT invite(50, ''{1}'', ''2030-02-02'')'
				WHEN 'pending' THEN CASE WHEN row_there THEN 'SELECT reset(5001)' ELSE 'SELECT invite(50, ''{1}'')' END
				WHEN 'waiting' THEN 'SELECT try_accept(5001, true)'
				WHEN 'accepted' THEN CASE WHEN row_there THEN 'SELECT accept(5001)' ELSE 'SELECT invite(50, ''{1}'', auto_accept => true)' END
				WHEN 'rejected' THEN 'SELECT reject(5001)'
				WHEN 'expired' THEN 'SELECT expire(5001)'
				ELSE 'SELECT leave(5001)' END
			END;
		said := 'ok';
	EXCEPTION WHEN OTHERS THEN
		said := SQLSTATE;
	END;
	SELECT string_agg(DISTINCT CASE WHEN i.status = 'expired' AND i.reason = 'seats_filled' THEN 'seats_filled' ELSE i.status END, '+')
	INTO became FROM invitation i WHERE i.gig_id = 50 AND i.worker_id IN (1, 2)
	AND (i.worker_id = 1 OR door = 'update of many');
	IF (SELECT count(*) FROM check_consistency() c WHERE c.gig_id = 50) > 0 THEN
		became := became || ' inconsistent';
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'ZZ000', MESSAGE = said || ' ' || coalesce(became, 'none');
EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
	RETURN SQLERRM;			-- all of it is undone
END $$;

CREATE TEMP TABLE steps AS
SELECT f.status AS old_status, f.n AS old_n, t.status AS new_status, t.n AS new_n, d.door,
	t.status = ANY (l.may_become) AS allowed,
	pg_temp.step(d.door, f.status, t.status) AS came_to
FROM unnest('{none,scheduled,pending,waiting,accepted,rejected,expired,seats_filled,left}'::text[]) WITH ORDINALITY f (status, n)
CROSS JOIN unnest('{scheduled,pending,waiting,accepted,rejected,expired,left}'::text[]) WITH ORDINALITY t (status, n)
CROSS JOIN unnest('{function,update,update of many,on conflict,merge,copy}'::text[]) d (door)
JOIN law l ON l.status = f.status
-- An UPDATE needs a row.
WHERE f.status <> 'none' OR d.door NOT IN ('update', 'update of many');

SELECT count(*), count(DISTINCT (old_status, new_status)), count(DISTINCT door) FROM steps;
-- Nothing but what is said here: the new status where that is allowed or there already,
-- else an error, or with a function an outcome, and the old status.
-- In the way of COPY, which only inserts, is a row that is there.
SELECT door, old_status, new_status, allowed, came_to FROM steps s
WHERE CASE WHEN door = 'copy' AND old_status <> 'none' THEN came_to IS DISTINCT FROM
		CASE WHEN new_status IN ('scheduled', 'pending', 'accepted') THEN '23505 ' ELSE 'UG013 ' END || old_status
	WHEN allowed THEN came_to IS DISTINCT FROM 'ok ' || new_status
	WHEN old_status = new_status OR (old_status = 'seats_filled' AND new_status = 'expired') THEN came_to IS DISTINCT FROM 'ok ' || old_status
	WHEN door = 'function' AND old_status = 'none' THEN came_to NOT IN ('UG003 none', 'ok none')
	WHEN door = 'function' AND new_status IN ('scheduled', 'waiting') THEN came_to IS DISTINCT FROM 'ok ' || old_status
	ELSE came_to !~ ('^UG01[23] ' || old_status || '$') END
ORDER BY door, old_n, new_n;
\pset tuples_only off
SELECT old_status AS "from", max(came_to) FILTER (WHERE new_status = 'scheduled') AS scheduled, max(came_to) FILTER (WHERE new_status = 'pending') AS pending,
	max(came_to) FILTER (WHERE new_status = 'waiting') AS waiting, max(came_to) FILTER (WHERE new_status = 'accepted') AS accepted,
	max(came_to) FILTER (WHERE new_status = 'rejected') AS rejected, max(came_to) FILTER (WHERE new_status = 'expired') AS expired,
	max(came_to) FILTER (WHERE new_status = 'left') AS "left"
FROM (SELECT s.old_status, s.old_n, s.new_status, split_part(s.came_to, ' ', 1) AS came_to FROM steps s WHERE s.door = 'merge') s
GROUP BY old_n, old_status ORDER BY old_n;
\pset tuples_only on
SELECT count(*) FROM invitation WHERE gig_id = 50;
SELECT * FROM check_consistency();

DROP OWNED BY regress_cirro_waiting;
DROP ROLE regress_cirro_waiting;
SET client_min_messages = warning;
DROP SCHEMA waiting CASCADE;
