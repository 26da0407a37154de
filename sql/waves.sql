--
-- waves: who is invited, when, and what a tick does besides
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
CREATE ROLE regress_cirro_owner;
CREATE ROLE regress_cirro_app;
CREATE ROLE regress_cirro_other;
SELECT cirro.create_space('cirro_waves', 'regress_cirro_owner');
GRANT USAGE ON SCHEMA cirro_waves TO regress_cirro_app, regress_cirro_other;
GRANT SELECT, INSERT ON cirro_waves.invitation TO regress_cirro_app;
SET search_path = cirro_waves;
SET timezone = 'UTC';
SET datestyle = 'ISO';
-- Core tells of its caches at DEBUG1 when they grow: it is to be done with that.
DO $$
DECLARE
	name text;
BEGIN
	FOR name IN SELECT t.oid::regtype FROM pg_type t JOIN pg_opclass c ON c.opcintype = t.oid
		WHERE c.opcdefault AND c.opcmethod = 403 AND t.typtype IN ('b', 'r', 'm') AND t.oid < 16384 ORDER BY t.oid LOOP
		EXECUTE format('SELECT FROM (SELECT NULL::%1$s AS a) a JOIN (SELECT NULL::%1$s AS a) b USING (a) GROUP BY a ORDER BY a', name);
	END LOOP;
END $$;
RESET client_min_messages;
SET cirro.clock = '2030-01-01 12:00+00';

CREATE FUNCTION cirro_waves.clear() RETURNS void LANGUAGE sql AS $$
	DELETE FROM cirro_waves.gig;
	DELETE FROM cirro_waves.wave;
	DELETE FROM cirro_waves.event;
	DELETE FROM cirro_waves.notification;
$$;
CREATE VIEW cirro_waves.waves AS
	SELECT gig_id, number, to_char(run_at, 'HH24:MI:SS') AS run_at, target, accepted,
		wanted, invited, matched, held_back, outcome, repeats, error
	FROM wave ORDER BY gig_id, number, id;
CREATE VIEW cirro_waves.next AS
	SELECT gig_id, to_char(last_due_at, 'DD HH24:MI:SS') AS last_due,
		to_char(next_wave_at, 'DD HH24:MI:SS') AS next_wave,
		to_char(next_event_at, 'DD HH24:MI:SS') AS next_event, waves, failures, announced
	FROM gig_state ORDER BY gig_id;

INSERT INTO worker (id, profile, lot)
SELECT i, jsonb_build_object('even', i % 2 = 0, 'rating', i % 10), (i - 100) * 20000000
FROM generate_series(1, 200) i;

-- the multiplier; pending invitations are not subtracted
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, invitation_frequency, filter_query)
VALUES (1, 'a', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 3, 2.5, '2 minutes', '{"even": true}');
CALL cirro.run_waves('cirro_waves');
SELECT * FROM waves;
SELECT * FROM next;
SELECT count(*), bool_and(w.profile @> '{"even": true}'), min(i.status), min(i.origin),
	min(i.times_invited), bool_and(i.wave_id = (SELECT id FROM wave))
FROM invitation i JOIN worker w ON w.id = i.worker_id;

-- the cadence: two minutes under a tick that is a little late every minute
SET cirro.clock = '2030-01-01 12:00:10+00'; CALL cirro.run_waves('cirro_waves');
SET cirro.clock = '2030-01-01 12:01:03+00'; CALL cirro.run_waves('cirro_waves');
SET cirro.clock = '2030-01-01 12:02:02+00'; CALL cirro.run_waves('cirro_waves');
SET cirro.clock = '2030-01-01 12:03:05+00'; CALL cirro.run_waves('cirro_waves');
SET cirro.clock = '2030-01-01 12:04:01+00'; CALL cirro.run_waves('cirro_waves');
SELECT * FROM waves;
SELECT * FROM next;

-- after downtime one wave catches up, and the cadence starts anew
SET cirro.clock = '2030-01-01 13:10:07+00'; CALL cirro.run_waves('cirro_waves');
SET cirro.clock = '2030-01-01 13:10:20+00'; CALL cirro.run_waves('cirro_waves');
SELECT number, run_at FROM waves WHERE number > 3;
SELECT * FROM next;

-- target reached: waves stop, the others stay pending
UPDATE invitation SET status = 'accepted' WHERE id IN (SELECT id FROM invitation ORDER BY id LIMIT 3);
SET cirro.clock = '2030-01-01 13:12:07+00'; CALL cirro.run_waves('cirro_waves');
SELECT max(number) FROM waves;
SELECT * FROM next;
SELECT run_wave(1);
-- a seat comes free
UPDATE invitation SET status = 'left' WHERE id = (SELECT min(id) FROM invitation);
CALL cirro.run_waves('cirro_waves');
SELECT number, accepted, wanted, invited FROM waves WHERE number > 4;
SELECT * FROM check_consistency();

-- exhausted: the rows of 100 workers, then nobody: no wave more, unless it is asked
-- for; repeats are one row
UPDATE gig SET invitation_multiplier = 1000 WHERE id = 1;
SET cirro.clock = '2030-01-01 13:14:07+00'; CALL cirro.run_waves('cirro_waves');
SET cirro.clock = '2030-01-01 13:16:07+00'; CALL cirro.run_waves('cirro_waves');
SET cirro.clock = '2030-01-01 13:18:07+00'; CALL cirro.run_waves('cirro_waves');
SET cirro.clock = '2030-01-01 13:20:07+00'; CALL cirro.run_waves('cirro_waves');
SELECT outcome FROM run_wave(1);
SELECT outcome FROM run_wave(1);
SELECT number, run_at, wanted, invited, matched, outcome, repeats FROM waves WHERE number > 5;
SELECT count(*), count(DISTINCT worker_id) FROM invitation;
-- somebody new matches
UPDATE worker SET profile = '{"even": true}' WHERE id = 1;
SET cirro.clock = '2030-01-01 13:22:07+00'; CALL cirro.run_waves('cirro_waves');
SELECT number, invited, matched, outcome FROM waves WHERE number > 9;
SELECT count(*) FROM event WHERE kind = 'invitation.created';
SELECT clear() \gset

-- seats_min, seats_max: invites until the first, fills to the second, and
-- takes those back whom only the seats stopped
INSERT INTO gig (id, title, url, start_at, end_at, seats_min, seats_max, invitation_multiplier, filter_query)
VALUES (2, 'b', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 1, 2, 4, '{"even": true, "rating": 2}');
CALL cirro.run_waves('cirro_waves');
UPDATE invitation SET status = 'accepted' WHERE id = (SELECT min(id) FROM invitation WHERE gig_id = 2);
SELECT * FROM next;
UPDATE invitation SET status = 'accepted' WHERE id = (SELECT min(id) + 1 FROM invitation WHERE gig_id = 2);
SELECT status, reason, count(*) FROM invitation GROUP BY 1, 2 ORDER BY 1;
UPDATE invitation SET status = 'left' WHERE status = 'accepted';
CALL cirro.run_waves('cirro_waves');
SELECT number, run_at, wanted, invited, outcome FROM waves;
SELECT * FROM next;
SET cirro.clock = '2030-01-01 13:40:00+00'; CALL cirro.run_waves('cirro_waves');
SET cirro.clock = '2030-01-01 13:50:00+00'; CALL cirro.run_waves('cirro_waves');
SET cirro.clock = '2030-01-01 14:00:00+00'; CALL cirro.run_waves('cirro_waves');
SET cirro.clock = '2030-01-01 14:10:00+00'; CALL cirro.run_waves('cirro_waves');
SET cirro.clock = '2030-01-01 14:20:00+00'; CALL cirro.run_waves('cirro_waves');
SET cirro.clock = '2030-01-01 14:30:00+00'; CALL cirro.run_waves('cirro_waves');
SELECT number, wanted, invited, matched, outcome FROM waves;
SELECT status, reason, times_invited, count(*) FROM invitation GROUP BY 1, 2, 3 ORDER BY 1, 3;
SELECT kind, status, previous, count(*) FROM event WHERE gig_id = 2 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT clear() \gset

-- pending_max, and answer_within that makes room again
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, pending_max, answer_within, invitation_frequency, filter_query)
VALUES (3, 'c', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 2, 5, '7 minutes', '5 minutes', '{}');
CALL cirro.run_waves('cirro_waves');
SET cirro.clock = '2030-01-01 14:35:00+00'; CALL cirro.run_waves('cirro_waves');
SELECT number, wanted, invited, outcome FROM waves;
SELECT * FROM next;
SET cirro.clock = '2030-01-01 14:37:00+00'; CALL cirro.run_waves('cirro_waves');
SELECT status, reason, count(*) FROM invitation GROUP BY 1, 2 ORDER BY 1;
SET cirro.clock = '2030-01-01 14:40:00+00'; CALL cirro.run_waves('cirro_waves');
SELECT number, wanted, invited, outcome FROM waves;
SELECT * FROM check_consistency();
SELECT clear() \gset

-- order: sort_query first, missing values last
INSERT INTO worker (id, profile) VALUES (900, '{"even": false}');
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query, sort_query)
VALUES (4, 'd', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 25, 1, '{"even": false}', '{"rating": -1}');
CALL cirro.run_waves('cirro_waves');
SELECT w.profile -> 'rating' AS rating, count(*)
FROM invitation i JOIN worker w ON w.id = i.worker_id GROUP BY 1 ORDER BY 1;
DELETE FROM gig;
DELETE FROM worker WHERE id = 900;

-- order: by lot, turned by gig and wave
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
SELECT 50 + i, 'e', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 8, 1, '{}' FROM generate_series(1, 20) i;
CALL cirro.run_waves('cirro_waves');
SET cirro.clock = '2030-01-01 14:45:00+00'; CALL cirro.run_waves('cirro_waves');
WITH expected AS (
	SELECT v.gig_id, v.number, w.id,
		row_number() OVER (PARTITION BY v.gig_id, v.number ORDER BY
			w.lot < (((hashint8extended(v.gig_id, v.number) & 4294967295) + 2147483648) % 4294967296 - 2147483648)::int,
			w.lot, w.id) AS place
	FROM wave v CROSS JOIN worker w
	WHERE NOT EXISTS (SELECT FROM invitation i JOIN wave e ON e.id = i.wave_id
		WHERE i.gig_id = v.gig_id AND i.worker_id = w.id AND e.number < v.number))
SELECT count(*), count(*) FILTER (WHERE e.place <= 8) AS in_order, count(DISTINCT i.worker_id) > 100 AS fair
FROM invitation i JOIN wave v ON v.id = i.wave_id
JOIN expected e ON e.gig_id = v.gig_id AND e.number = v.number AND e.id = i.worker_id;
SELECT clear() \gset

-- setting.max_pending
UPDATE setting SET max_pending = 2;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
SELECT 100 + i, 'f', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 12, 1, '{"rating": 3}' FROM generate_series(1, 4) i;
CALL cirro.run_waves('cirro_waves');
SELECT * FROM waves;
SELECT max(n), sum(n) FROM (SELECT count(*) AS n FROM invitation GROUP BY worker_id) x;
-- What has expired by the clock leaves room, though no tick has seen it.
SELECT clear() \gset
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_mode, answer_within, filter_query)
SELECT 104 + i, 'f', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 400, 'manual', '10 minutes', '{}' FROM generate_series(1, 2) i;
SELECT count(*) FROM generate_series(105, 106) g, LATERAL invite(g, ARRAY(SELECT id FROM worker)) i;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
VALUES (107, 'f', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 12, 1, '{"rating": 3}');
SELECT outcome, invited, held_back > 12 AS others_held_back FROM run_wave(107);
SET cirro.clock = '2030-01-01 14:55:00+00';
SELECT outcome, invited, held_back FROM run_wave(107);
SELECT count(*) AS stored_pending FROM invitation WHERE gig_id = 105 AND status = 'pending';
SET cirro.clock = '2030-01-01 14:45:00+00';
UPDATE setting SET max_pending = NULL;
SELECT clear() \gset

-- manual, paused, inactive
UPDATE worker SET active = false WHERE profile @> '{"rating": 5}';
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_mode, filter_query)
VALUES (200, 'g', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 2, 'manual', '{"rating": {"$in": [4, 5]}}');
CALL cirro.run_waves('cirro_waves');
SELECT * FROM waves;
SELECT * FROM next;
UPDATE setting SET paused = true;
UPDATE gig SET invitation_mode = 'auto';
CALL cirro.run_waves('cirro_waves');
CALL cirro.run_waves();
SELECT run_wave(200);
UPDATE setting SET paused = false;
SET cirro.active = off;
CALL cirro.run_waves('cirro_waves');
SELECT run_wave(200);
RESET cirro.active;
SELECT * FROM waves;
CALL cirro.run_waves('cirro_waves');
SELECT invited FROM waves;
SELECT count(*) FROM invitation i JOIN worker w ON w.id = i.worker_id WHERE NOT w.active;
UPDATE gig SET invitation_mode = 'manual';
SELECT gig_id, number, invited, outcome FROM run_wave(200);
SELECT * FROM next;
SELECT run_wave(12345);
SELECT run_wave(NULL);
SELECT clear() \gset

-- scheduled invitations
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_mode, filter_query)
VALUES (300, 'h', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 2, 'manual', '{}');
INSERT INTO invitation (gig_id, worker_id, status, send_at)
SELECT 300, i, 'scheduled', '2030-01-01 15:00+00'::timestamptz + i * interval '1 minute' FROM generate_series(1, 5) i;
SELECT next_event FROM next;
SET cirro.clock = '2030-01-01 15:02:00+00'; CALL cirro.run_waves('cirro_waves');
SELECT next_event FROM next;
UPDATE worker SET active = false WHERE id = 3;
SET cirro.clock = '2030-01-01 15:04:30+00'; CALL cirro.run_waves('cirro_waves');
SELECT worker_id, status, reason, to_char(invited_at, 'HH24:MI:SS') FROM invitation ORDER BY 1;
SELECT kind, worker_id FROM event WHERE gig_id = 300 ORDER BY id;

-- announcements, once each, for every consumer
INSERT INTO consumer (name) VALUES ('mail'), ('push');
DELETE FROM consumer WHERE name = 'default';
UPDATE gig SET archive_at = '2030-01-01 21:00+00', end_at = '2030-01-01 20:00+00';
SET cirro.clock = '2030-01-01 18:00:30+00'; CALL cirro.run_waves('cirro_waves');
SET cirro.clock = '2030-01-01 18:01:00+00'; CALL cirro.run_waves('cirro_waves');
SELECT * FROM next;
SET cirro.clock = '2030-01-01 20:00:00+00'; CALL cirro.run_waves('cirro_waves');
SET cirro.clock = '2030-01-01 20:01:00+00'; CALL cirro.run_waves('cirro_waves');
SELECT status, reason, count(*) FROM invitation GROUP BY 1, 2 ORDER BY 2;
SELECT run_wave(300);
SET cirro.clock = '2030-01-01 21:00:00+00'; CALL cirro.run_waves('cirro_waves');
SET cirro.clock = '2030-01-01 21:01:00+00'; CALL cirro.run_waves('cirro_waves');
SELECT e.kind, n.consumer, e.worker_id FROM event e JOIN notification n ON n.event_id = e.id WHERE e.gig_id = 300 AND e.kind LIKE 'gig.%' ORDER BY n.id;
SELECT * FROM next;
SELECT * FROM check_consistency();
DELETE FROM consumer;
INSERT INTO consumer (name) VALUES ('default');

-- a gig that nobody looked at until it was over
INSERT INTO gig (id, title, url, start_at, end_at, archive_at, total_seats, filter_query)
VALUES (301, 'i', 'u', '2030-01-01 21:10+00', '2030-01-01 21:20+00', '2030-01-01 21:30+00', 2, '{}');
SET cirro.clock = '2030-01-01 21:40:00+00'; CALL cirro.run_waves('cirro_waves');
SELECT kind FROM event WHERE gig_id = 301 ORDER BY id;
SELECT count(*) FROM wave WHERE gig_id = 301;
SELECT * FROM next WHERE gig_id = 301;
SELECT * FROM check_consistency();

-- a gig that fails does not stop the others; it is recorded, and put off
SET cirro.clock = '2030-01-01 11:00:00+00';
SELECT clear() \gset
CREATE FUNCTION cirro_waves.fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.gig_id = 400 THEN
		RAISE 'no luck with gig %', NEW.gig_id USING ERRCODE = 'query_canceled';
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON invitation FOR EACH ROW EXECUTE FUNCTION fail();
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query, created_at)
SELECT i, 'j', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 2, '{}', '2030-01-01 10:00+00'
FROM generate_series(400, 401) i;
CALL cirro.run_waves('cirro_waves');
SELECT gig_id, number, wanted, invited, outcome, repeats, error FROM waves WHERE gig_id >= 400;
SELECT gig_id, next_wave, next_event, waves, failures FROM next WHERE gig_id >= 400;
SET cirro.clock = '2030-01-01 11:05:00+00'; CALL cirro.run_waves('cirro_waves');
SET cirro.clock = '2030-01-01 11:15:00+00'; CALL cirro.run_waves('cirro_waves');
SELECT gig_id, number, wanted, invited, outcome, repeats, error FROM waves WHERE gig_id = 400;
SELECT gig_id, next_wave, next_event, waves, failures FROM next WHERE gig_id = 400;
SELECT * FROM check_consistency();
SELECT run_wave(400);
DROP TRIGGER fail ON invitation;
SET cirro.clock = '2030-01-01 11:35:00+00'; CALL cirro.run_waves('cirro_waves');
SELECT gig_id, number, wanted, invited, outcome, repeats, error FROM waves WHERE gig_id = 400;
SELECT gig_id, next_wave, next_event, waves, failures FROM next WHERE gig_id = 400;
SELECT clear() \gset

-- what else is due for it is done nevertheless
CREATE FUNCTION cirro_waves.fail_sending() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE 'cannot send';
END $$;
CREATE TRIGGER fail BEFORE UPDATE ON invitation FOR EACH ROW
	WHEN (OLD.status = 'scheduled') EXECUTE FUNCTION fail_sending();
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
VALUES (410, 'j', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 2, 1, '{}');
INSERT INTO invitation (gig_id, worker_id, status, send_at) VALUES (410, 1, 'scheduled', '2030-01-01 11:36+00');
SET cirro.clock = '2030-01-01 11:36:00+00'; CALL cirro.run_waves('cirro_waves');
SELECT number, invited, outcome, repeats, error FROM waves WHERE gig_id = 410;
SELECT * FROM next WHERE gig_id = 410;
SELECT status, count(*) FROM invitation WHERE gig_id = 410 GROUP BY 1 ORDER BY 1;
SET cirro.clock = '2030-01-01 11:37:00+00'; CALL cirro.run_waves('cirro_waves');
SELECT count(*) FROM waves WHERE gig_id = 410;
DROP TRIGGER fail ON invitation;
SET cirro.clock = '2030-01-01 11:41:00+00'; CALL cirro.run_waves('cirro_waves');
SELECT number, invited, outcome, repeats, error FROM waves WHERE gig_id = 410;
SELECT status, count(*) FROM invitation WHERE gig_id = 410 GROUP BY 1 ORDER BY 1;
SELECT clear() \gset

-- even if it cannot be recorded
CREATE FUNCTION cirro_waves.fail_too() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE 'no luck with table %', TG_TABLE_NAME;
END $$;
CREATE TRIGGER fail BEFORE INSERT ON wave FOR EACH ROW WHEN (NEW.gig_id = 402) EXECUTE FUNCTION fail_too();
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query)
SELECT i, 'k', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 2, '{}' FROM generate_series(402, 403) i;
CALL cirro.run_waves('cirro_waves');
SELECT gig_id, count(*) FROM invitation WHERE gig_id >= 400 GROUP BY 1;
DROP TRIGGER fail ON wave;
SELECT clear() \gset

-- odd frequencies do not stop the clock
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_frequency, filter_query)
VALUES (500, 'l', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 2, '100000000 years', '{}'),
	(501, 'l', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 2, '1 mon -29 days', '{}');
SET cirro.clock = '2029-02-05 12:00+00';
UPDATE gig_state SET next_wave_at = '2029-02-05 12:00+00', next_event_at = '2029-02-05 12:00+00' WHERE gig_id >= 500;
CALL cirro.run_waves('cirro_waves');
SELECT gig_id, last_due_at, next_wave_at FROM gig_state WHERE gig_id >= 500 ORDER BY 1;
SELECT clear() \gset
SET cirro.clock = '2030-01-01 11:35:00+00';

-- rights
SET ROLE regress_cirro_other;
CALL cirro.run_waves('cirro_waves');
CALL cirro.run_waves();
SELECT cirro.run_wave('cirro_waves', 1);
SELECT cirro.record_attempt('cirro_waves', 1, NULL, NULL, '[]');
RESET ROLE;
CALL cirro.run_waves('cirro_no_such_space');
CALL cirro.run_waves('public');
CALL cirro.run_waves('cirro_waves', -1);
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_mode, filter_query)
VALUES (600, 'm', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 2, 'manual', '{}');
SET ROLE regress_cirro_app;
SELECT to_jsonb(cirro.run_wave('cirro_waves', 600)) ->> 'invited' AS invited;
SELECT cirro.record_attempt('cirro_waves', 1, '{600,NULL}', NULL, '[]') > 0 AS recorded;
CALL cirro.run_waves('cirro_waves');
RESET ROLE;
SELECT worker_id, gig_ids, max_amount, outcomes, created_at FROM attempt;
SELECT clear() \gset

-- max_gigs; inside a transaction block
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
SELECT 700 + i, 'n', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 1, 1, '{}' FROM generate_series(1, 120) i;
CALL cirro.run_waves('cirro_waves', 0);
CALL cirro.run_waves('cirro_waves', 3);
SELECT count(*) FROM waves WHERE gig_id > 700;
BEGIN;
CALL cirro.run_waves('cirro_waves');
SELECT count(*) FROM waves WHERE gig_id > 700;
ROLLBACK;
SELECT count(*) FROM waves WHERE gig_id > 700;
CALL cirro.run_waves('cirro_waves');
SELECT count(*), max(invited) FROM waves WHERE gig_id > 700;
SELECT clear() \gset

-- nothing of an owner's is ever run as the caller: deferred triggers would be
CREATE TABLE cirro_waves.trace (who name, what text);
ALTER TABLE trace OWNER TO regress_cirro_owner;
CREATE FUNCTION cirro_waves.spy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO cirro_waves.trace VALUES (current_user, TG_ARGV[0]);
	PERFORM set_config('DateStyle', 'German', false);
	PERFORM set_config('work_mem', '64kB', false);
	RETURN NULL;
END $$;
CREATE TRIGGER spy_now AFTER INSERT ON invitation FOR EACH STATEMENT EXECUTE FUNCTION spy('at once');
CREATE CONSTRAINT TRIGGER spy_later AFTER INSERT ON invitation
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION spy('at commit');
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query)
VALUES (900, 'o', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 1, '{}');
CALL cirro.run_waves('cirro_waves');
SELECT * FROM cirro_waves.trace;
SELECT outcome, error FROM waves WHERE gig_id = 900;
SELECT run_wave(900);
DROP TRIGGER spy_later ON invitation;
SET cirro.clock = '2030-01-01 11:40:00+00'; CALL cirro.run_waves('cirro_waves');
SELECT * FROM trace;
SHOW DateStyle;
SHOW work_mem;
SELECT outcome, invited, error FROM waves WHERE gig_id = 900;
DROP TRIGGER spy_now ON invitation;

-- what is no sound Space is left alone
ALTER TABLE attempt RENAME TO elsewhere;
CREATE VIEW cirro_waves.attempt AS SELECT * FROM elsewhere;
CALL cirro.run_waves('cirro_waves');
DROP VIEW attempt;
ALTER TABLE elsewhere RENAME TO attempt;
ALTER TABLE wave ALTER took TYPE text;
ALTER TABLE invitation DISABLE TRIGGER cirro_check;
CALL cirro.run_waves('cirro_waves');
ALTER TABLE invitation ENABLE TRIGGER cirro_check;
CALL cirro.run_waves('cirro_waves');
ALTER TABLE cirro_waves.wave ALTER took TYPE interval USING took::interval;
ALTER TABLE setting OWNER TO regress_cirro_other;
CALL cirro.run_waves('cirro_waves');
ALTER TABLE setting OWNER TO regress_cirro_owner;
UPDATE setting SET ddl_version = 1000;
CALL cirro.run_waves('cirro_waves');
UPDATE setting SET ddl_version = NULL;

-- a gig that has invited all it could looks at changed workers alone: what it goes
-- by is void elsewhere, and after rebuild_state(). It is due, and not asleep, here:
-- what wakes it is for sql/sleep.sql.
SELECT clear();
\set due 'next_wave_at = cirro.now(), next_event_at = cirro.now(), slept_in = NULL, awaits_room = false'
CREATE FUNCTION cirro_waves.unseen_change(who bigint, new_profile jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	ALTER TABLE worker DISABLE TRIGGER cirro_check;
	UPDATE worker AS w SET profile = unseen_change.new_profile WHERE w.id = unseen_change.who;
	ALTER TABLE worker ENABLE ALWAYS TRIGGER cirro_check;
END $$;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
VALUES (930, 'all', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 3, 2, '{"wanted": true}');
INSERT INTO worker (id, profile) VALUES (301, '{"wanted": true}'), (302, '{}'), (303, '{}'), (304, '{}');
CALL cirro.run_waves('cirro_waves');
SELECT searched IS NOT NULL AS remembers FROM gig_state;
SELECT unseen_change(302, '{"wanted": true}');
UPDATE gig_state SET :due;
CALL cirro.run_waves('cirro_waves');
SELECT gig_id, invited, outcome FROM waves;
UPDATE gig_state SET :due, searched_on = searched_on + 1;
CALL cirro.run_waves('cirro_waves');
SELECT gig_id, invited, outcome FROM waves;
SELECT unseen_change(303, '{"wanted": true}');
SELECT rebuild_state();
UPDATE gig_state SET :due;
CALL cirro.run_waves('cirro_waves');
SELECT gig_id, invited, outcome FROM waves;
-- rows that are replicated count as changed here; a change that no wave looks at does not
SET session_replication_role = replica;
UPDATE worker SET profile = '{"wanted": true}', changed_in = '3' WHERE id = 304;
RESET session_replication_role;
BEGIN;
UPDATE worker SET ref = 'x', changed_in = '3' WHERE id = 1;
UPDATE worker SET lot = lot + 1, changed_in = '3' WHERE id = 2;
SELECT id, changed_in = pg_current_xact_id()::text::bigint AS now, changed_in > '3' AS not_as_given FROM worker WHERE id IN (1, 2, 304) ORDER BY id;
COMMIT;
UPDATE gig_state SET :due;
CALL cirro.run_waves('cirro_waves');
SELECT gig_id, invited, outcome FROM waves;
-- what a dump brings from where there were more transactions
ALTER TABLE worker DISABLE TRIGGER cirro_check;
UPDATE worker SET profile = '{"wanted": true}', changed_in = '9000000000' WHERE id = 3;
ALTER TABLE worker ENABLE ALWAYS TRIGGER cirro_check;
UPDATE gig_state SET :due, released = '9000000000';
CALL cirro.run_waves('cirro_waves');
SELECT outcome, invited FROM waves ORDER BY run_at DESC, number DESC LIMIT 1;
SELECT released IS NULL AS forgotten, searched IS NOT NULL AS remembers FROM gig_state;
UPDATE gig_state SET :due;
SELECT count(*) AS seen_as_changed FROM worker w, gig_state s WHERE w.changed_in >= s.searched;
SET jit = off;
SET client_min_messages = debug1;
CALL cirro.run_waves('cirro_waves');
-- one pass is for those that have to look at all again
SET cirro.wave_search = batch;
UPDATE gig_state SET :due;
CALL cirro.run_waves('cirro_waves');
UPDATE gig SET filter_query = '{"wanted": true, "rating": 11}';
CALL cirro.run_waves('cirro_waves');
RESET cirro.wave_search;
RESET client_min_messages;
RESET jit;
-- ALWAYS is lost where all triggers were off; upgrade_spaces() gives it back
ALTER TABLE worker DISABLE TRIGGER ALL;
ALTER TABLE worker ENABLE TRIGGER ALL;
CALL cirro.upgrade_spaces('cirro_waves');
SELECT tgenabled FROM pg_trigger WHERE tgrelid = 'worker'::regclass AND tgname = 'cirro_check';
DELETE FROM worker WHERE id > 300;
SELECT clear();

-- gigs that had invited all they could share a pass over the changed workers, and
-- each takes those who have changed since it looked itself; a search is planned only
-- where there is something to look for
DELETE FROM gig;
SELECT clear();
CREATE FUNCTION due() RETURNS void LANGUAGE sql AS $$
	UPDATE cirro_waves.gig_state SET next_wave_at = cirro.now(), next_event_at = cirro.now(), slept_in = NULL, awaits_room = false
	WHERE next_wave_at IS NOT NULL OR slept_in IS NOT NULL OR awaits_room $$;
-- what other databases do must not be seen: their transactions make a gig look at more
CREATE FUNCTION settle(last bigint) RETURNS void LANGUAGE sql AS $$
	UPDATE cirro_waves.gig_state SET searched = pg_current_xact_id()::text::bigint, released = NULL WHERE searched IS NOT NULL AND gig_id <= last $$;
CREATE VIEW invited AS
SELECT i.gig_id, string_agg(i.worker_id || ' ' || i.status || ' ' || i.times_invited, ', ' ORDER BY i.wave_id, i.id) AS workers
FROM invitation i GROUP BY 1 ORDER BY 1;
INSERT INTO worker (id, profile, lot) SELECT n, '{"pass": 1}', n FROM generate_series(401, 403) n;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query, sort_query)
SELECT n, 'p', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 1, 4, '{"pass": {"$gt": 0}}', CASE WHEN n = 942 THEN '{"pass": -1}'::jsonb END
FROM generate_series(941, 944) n;
SET cirro.wave_search = batch;
SET jit = off;
CALL cirro.run_waves('cirro_waves');
SELECT gig_id, invited, matched, outcome FROM waves;
SELECT settle(944);
-- 941 looks first, and later at fewer
INSERT INTO worker (id, profile, lot) VALUES (404, '{"pass": 2}', 404);
UPDATE gig_state SET :due WHERE gig_id = 941;
CALL cirro.run_waves('cirro_waves');
SELECT settle(941);
INSERT INTO worker (id, profile, lot) VALUES (405, '{"pass": 5}', 405), (406, '{"pass": 6}', 300), (407, '{"pass": 0}', 407);
UPDATE worker SET active = false WHERE id = 403;
UPDATE gig SET pending_max = 2 WHERE id = 944;
SELECT due();
SET client_min_messages = debug1;
CALL cirro.run_waves('cirro_waves');
RESET client_min_messages;
SELECT gig_id, number, wanted, invited, matched, outcome FROM waves WHERE number > 1;
TABLE invited;
SELECT settle(943);
-- 944 has not looked since, and takes one who matches now, unseen by those that have
SELECT unseen_change(407, '{"pass": 7}');
UPDATE worker SET profile = '{"pass": 8}' WHERE id = 402;
UPDATE gig SET pending_max = NULL WHERE id = 944;
SELECT due();
CALL cirro.run_waves('cirro_waves');
TABLE invited;
-- nobody has changed: no pass, no search
SELECT settle(944);
SELECT due();
SET client_min_messages = debug1;
CALL cirro.run_waves('cirro_waves');
RESET client_min_messages;
SELECT gig_id, number, invited, matched, outcome, repeats FROM waves WHERE number > 2;
-- the changed who are invited already do not stand in the way of others
DELETE FROM gig WHERE id > 942;
DELETE FROM worker WHERE id > 400;
INSERT INTO worker (id, profile, lot) SELECT n, '{"pass": 9}', n FROM generate_series(411, 1610) n;
SET session_replication_role = replica;
INSERT INTO invitation (gig_id, worker_id, status, times_invited)
SELECT g, n, 'rejected', 1 FROM generate_series(941, 942) g, generate_series(411, 1610) n WHERE g = 942 OR n < 600;
RESET session_replication_role;
SELECT settle(942);
UPDATE worker SET profile = '{"pass": 9, "again": true}' WHERE id BETWEEN 411 AND 1610;
INSERT INTO worker (id, profile, lot) VALUES (1701, '{"pass": 9}', 2000000000);
UPDATE gig SET invitation_multiplier = 2;
SELECT due();
SET client_min_messages = debug1;
CALL cirro.run_waves('cirro_waves');
RESET client_min_messages;
SELECT gig_id, wanted, invited, matched FROM waves WHERE number = (SELECT max(number) FROM waves);
SELECT gig_id, worker_id FROM invitation WHERE worker_id = 1701 ORDER BY 1;
-- one whose seats were filled, and who has changed, is opened again
SET session_replication_role = replica;
UPDATE invitation SET status = 'expired', reason = 'seats_filled' WHERE worker_id = 411;
RESET session_replication_role;
SELECT settle(942);
UPDATE worker SET profile = '{"pass": 9}' WHERE id = 411;
SELECT due();
CALL cirro.run_waves('cirro_waves');
SELECT gig_id, status, times_invited FROM invitation WHERE worker_id = 411 ORDER BY 1;
-- one that has not looked for long does not have the others look at many
DELETE FROM gig;
DELETE FROM wave;
DELETE FROM worker WHERE id > 400;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
SELECT n, 'p', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 1, 4, '{"pass": 99}' FROM generate_series(931, 940) n;
CALL cirro.run_waves('cirro_waves');
RESET cirro.wave_search;
SELECT settle(940);
INSERT INTO worker (id) SELECT generate_series(10001, 18500);
SELECT settle(939);
INSERT INTO worker (id, profile) VALUES (401, '{"pass": 99}');
SELECT due();
SET client_min_messages = debug1;
CALL cirro.run_waves('cirro_waves');
RESET client_min_messages;
SELECT gig_id, invited, matched, outcome FROM waves WHERE number > 1;
SET cirro.wave_search = batch;
DELETE FROM gig;
DELETE FROM wave;
DELETE FROM worker WHERE id > 400;

-- setting.max_pending: gigs share a pass, and who has no room left when the wave
-- asks is passed over
SELECT clear();
UPDATE setting SET max_pending = 1;
INSERT INTO worker (id, profile, lot) SELECT n, '{"pass": 1}', n FROM generate_series(401, 410) n;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
SELECT n, 'p', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 1, 3, '{"pass": 1}' FROM generate_series(945, 949) n;
CREATE TABLE alone AS SELECT 0::bigint AS gig_id, ''::text AS workers LIMIT 0;
SET client_min_messages = debug1;
CALL cirro.run_waves('cirro_waves');
RESET client_min_messages;
SELECT gig_id, wanted, invited, matched, held_back, outcome FROM waves;
SELECT max(n) AS pending_at_most FROM (SELECT count(*) FROM invitation WHERE status = 'pending' GROUP BY worker_id) AS p (n);
INSERT INTO alone TABLE invited;
DELETE FROM gig;
DELETE FROM wave;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
SELECT n, 'p', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 1, 3, '{"pass": 1}' FROM generate_series(945, 949) n;
SET cirro.wave_search = single;
CALL cirro.run_waves('cirro_waves');
SELECT gig_id, wanted, invited, matched, held_back, outcome FROM waves;
SELECT count(*) AS the_same FROM alone JOIN invited USING (gig_id, workers);
-- too few of those proposed have room, and there are others: the wave looks itself
DELETE FROM gig;
DELETE FROM wave;
DELETE FROM alone;
INSERT INTO worker (id, profile, lot) SELECT n, '{"pass": 1}', (n - 850) * 10000000 FROM generate_series(701, 990) n;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
SELECT n, 'p', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 1, CASE WHEN n = 951 THEN 280 ELSE 15 END, '{"pass": 1}'
FROM generate_series(951, 953) n;
CALL cirro.run_waves('cirro_waves');
SELECT gig_id, wanted, invited, matched, held_back, outcome FROM waves;
INSERT INTO alone TABLE invited;
DELETE FROM gig;
DELETE FROM wave;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
SELECT n, 'p', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 1, CASE WHEN n = 951 THEN 280 ELSE 15 END, '{"pass": 1}'
FROM generate_series(951, 953) n;
SET cirro.wave_search = batch;
SET client_min_messages = debug1;
CALL cirro.run_waves('cirro_waves');
RESET client_min_messages;
SELECT gig_id, wanted, invited, matched, held_back, outcome FROM waves;
SELECT count(*) AS the_same FROM alone JOIN invited USING (gig_id, workers);
UPDATE setting SET max_pending = NULL;
RESET cirro.wave_search;
RESET jit;
DELETE FROM gig;
DELETE FROM worker WHERE id > 400;

-- retention: hourly, finished rows only
DELETE FROM gig;
DELETE FROM notification;
DELETE FROM event;
DELETE FROM wave;
DELETE FROM attempt;
UPDATE setting SET cleaned_at = NULL, keep_waves = '1 day';
INSERT INTO event (id, at, kind, gig_id)
SELECT i, '2029-12-01', 'gig.started', i FROM generate_series(10001, 12503) i;
INSERT INTO notification (consumer, event_id, delivered_at, outcome)
SELECT 'default', i, '2029-12-01', 'delivered' FROM generate_series(10004, 12503) i;
INSERT INTO notification (consumer, event_id, delivered_at, outcome) VALUES
	('default', 10001, NULL, NULL),
	('default', 10002, '2029-12-31', 'suppressed'),
	('default', 10003, '2029-12-02', 'dead');
INSERT INTO wave (gig_id, number, run_at, target, accepted, wanted, invited, outcome, took) VALUES
	(1, 1, '2029-12-31 11:00', 1, 0, 1, 0, 'exhausted', '0'),
	(1, 2, '2029-12-31 12:00', 1, 0, 1, 0, 'exhausted', '0');
INSERT INTO attempt (worker_id, outcomes, created_at) VALUES (1, '[]', '2029-09-01'), (2, '[]', '2029-11-01');
CALL cirro.run_waves('cirro_waves');
SELECT event_id, outcome FROM notification ORDER BY id;
SELECT number FROM wave;
SELECT worker_id FROM attempt;
SELECT cleaned_at FROM setting;
SET cirro.clock = '2030-01-01 12:30:00+00'; CALL cirro.run_waves('cirro_waves');
SELECT number FROM wave;
SET cirro.clock = '2030-01-01 12:40:00+00'; CALL cirro.run_waves('cirro_waves');
SELECT number FROM wave;

-- without a setting row all defaults hold
ALTER TABLE setting DISABLE TRIGGER USER;
DELETE FROM setting;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query)
VALUES (950, 'p', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 1, '{}');
CALL cirro.run_waves('cirro_waves');
SELECT gig_id, wanted, invited, outcome FROM waves;

-- A wave inserts once, or it would wait for another's invitation with gig_state
-- locked: where a pass found too few who can be invited, all is searched anew.
SELECT clear();
DELETE FROM worker;
INSERT INTO worker (id) SELECT generate_series(1, 200);
CREATE TABLE insertion (gig_id bigint, wave_id bigint);
ALTER TABLE insertion OWNER TO regress_cirro_owner;
CREATE SEQUENCE turn;
ALTER SEQUENCE turn OWNER TO regress_cirro_owner;
CREATE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
	RETURN CASE WHEN nextval('cirro_waves.turn') % 2 = 0 THEN NEW END; END$$;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
	INSERT INTO cirro_waves.insertion SELECT DISTINCT n.gig_id, n.wave_id FROM n; RETURN NULL; END$$;
CREATE TRIGGER keep_out BEFORE INSERT ON invitation FOR EACH ROW EXECUTE FUNCTION keep_out();
CREATE TRIGGER note AFTER INSERT ON invitation REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION note();
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query)
SELECT n, 'p', 'u', '2030-01-01 18:00+00', '2030-01-02 00:00+00', 3, '{}' FROM generate_series(961, 970) n;
SET cirro.wave_search = batch;
SET client_min_messages = warning;
CALL cirro.run_waves('cirro_waves');
RESET client_min_messages;
RESET cirro.wave_search;
SELECT count(DISTINCT gig_id) AS gigs, count(*) AS insertions FROM insertion;
SELECT min(invited) > 0 AS invited FROM waves;

RESET cirro.clock;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA cirro_waves CASCADE;
DROP ROLE regress_cirro_owner, regress_cirro_app, regress_cirro_other;
