-- Notifications: which change becomes which kind, for each consumer; handing
-- them out, confirming, failing; what the payload holds and whether it is still
-- valid. Leases run by the wall clock, so the tests end them by hand.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
SELECT cirro.create_space('notification');
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET search_path = notification;
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
INSERT INTO gig (id, ref, title, description, url, start_at, end_at, archive_at, seats_max, filter_query, invitation_mode, notification_payload)
VALUES (1, 'g1', 'One', 'first', 'https://gig/1', '2030-01-02 12:00+00', '2030-01-03 12:00+00', '2030-01-04 12:00+00', 2, '{}', 'manual', '{"colour": "green"}'),
	(2, NULL, 'Two', NULL, 'https://gig/2', '2030-01-02 12:00+00', '2030-01-03 12:00+00', NULL, 9, '{}', 'manual', NULL);
-- All that is not finished, and whether it is due.
CREATE TEMP VIEW open AS SELECT n.id, n.consumer, n.claim, n.attempts, n.due_at <= clock_timestamp() AS due, e.kind, e.gig_id, e.worker_id, e.previous, e.status
	FROM notification n LEFT JOIN event e ON e.id = n.event_id WHERE n.outcome IS NULL ORDER BY n.id;
-- Ends all leases and waits.
CREATE FUNCTION pg_temp.lapse() RETURNS SETOF void LANGUAGE sql AS $$
	UPDATE notification SET due_at = clock_timestamp() WHERE outcome IS NULL AND due_at > clock_timestamp() $$;
-- Nothing is open, nothing has happened yet.
CREATE PROCEDURE pg_temp.forget() LANGUAGE sql AS $$
	DELETE FROM notification; DELETE FROM event; ALTER TABLE notification ALTER id RESTART; ALTER TABLE event ALTER id RESTART $$;

-- One row per consumer and change; a scheduled invitation is nothing yet, and
-- sending it is its creation; expired by the seats, too. Who is no consumer
-- hears of nothing.
INSERT INTO consumer (name) VALUES ('audit');
INSERT INTO invitation (id, gig_id, worker_id, status, send_at) VALUES (11, 1, 1, 'pending', NULL), (12, 1, 2, 'accepted', NULL),
	(13, 1, 3, 'scheduled', '2030-01-01 18:00+00'), (14, 1, 4, 'scheduled', '2030-01-01 18:00+00');
UPDATE invitation SET status = 'pending' WHERE id = 13;
SELECT status FROM accept(11);
DELETE FROM notification WHERE event_id IN (SELECT id FROM event WHERE kind = 'gig.filled');
CREATE TEMP TABLE gone AS TABLE consumer;
DELETE FROM consumer;
SELECT status FROM leave(11);
INSERT INTO consumer SELECT * FROM gone WHERE name = 'default';
SELECT status FROM reset(11);
INSERT INTO consumer SELECT * FROM gone WHERE name = 'audit';
TABLE pg_temp.open;

-- Claimed oldest first, by one consumer; none twice within its lease; one number
-- for all of a call, and none is drawn where nothing is due.
SELECT claim, id, kind, gig_id, worker_id, invitation_id, attempts FROM claim_notifications(2);
SELECT claim, id, kind, gig_id, worker_id, invitation_id, attempts FROM claim_notifications(max => 2, consumer => 'audit');
SELECT claim, id FROM claim_notifications();
SELECT id FROM claim_notifications();
SELECT last_value FROM notification_claim_seq;
SELECT DISTINCT due_at BETWEEN now() + interval '10 s' AND now() + interval '1 minute' AS by_the_wall FROM notification WHERE claim IS NOT NULL;
-- A lease that ends comes again, under another number.
SELECT pg_temp.lapse();
SELECT claim, id, attempts FROM claim_notifications(lease => '0.2 s');
SELECT id FROM claim_notifications();
SELECT FROM pg_sleep(0.3);
SELECT claim, id, attempts FROM claim_notifications(10, '2 hours');
-- What is due first comes first, whatever its id.
INSERT INTO consumer (name) VALUES ('late');
INSERT INTO notification (id, consumer, event_id, due_at) VALUES (1001, 'late', 1, now() - interval '1 s'), (1002, 'late', 1, now() - interval '2 s'), (1003, 'late', 1, now() + interval '1 hour');
SELECT id FROM claim_notifications(1, consumer => 'late');
SELECT id FROM claim_notifications(1, consumer => 'late');
SELECT id FROM claim_notifications(1, consumer => 'late');
DELETE FROM consumer WHERE name = 'late';
DELETE FROM notification WHERE id > 1000;

-- Reports are for a claim: all of it, or some; how many is returned. What was
-- handed out again is left alone, and so is what another claim holds.
SELECT confirm_notifications(1), confirm_notifications(3), confirm_notifications(4), confirm_notifications(99), confirm_notifications(-1);
SELECT fail_notifications(4, error => 'late'), fail_notifications(4), fail_notifications(4, '{1,3}', 'late'), fail_notifications(4, '{1,3}');
SELECT count(*) FROM open WHERE claim = 5;
SELECT confirm_notifications(5, (SELECT array_agg(id) FROM (SELECT id FROM open WHERE claim = 5 LIMIT 2) o)) AS two, confirm_notifications(5, '{NULL,9999}') AS none, confirm_notifications(5, '{}') AS none;
SELECT confirm_notifications(5, '{}', 'suppressed') AS none, confirm_notifications(5, (SELECT array_agg(id) FROM (SELECT id FROM open WHERE claim = 5 LIMIT 1) o), 'suppressed') AS one;
SELECT id, outcome, delivered_at, claim, attempts FROM notification WHERE outcome IS NOT NULL ORDER BY id;
-- Twice is once.
SELECT confirm_notifications(5, (SELECT array_agg(id) FROM notification WHERE outcome IS NOT NULL)) AS none;
SELECT confirm_notifications(5, NULL, 'suppressed') > 0 AS the_rest, confirm_notifications(5) AS none;
SELECT * FROM open WHERE consumer = 'default';

-- Failed ones come again later, and are dead after max_attempts.
CALL pg_temp.forget();
INSERT INTO event (kind, gig_id) SELECT 'gig.started', 1 FROM generate_series(1, 3);
INSERT INTO notification (consumer, event_id) SELECT 'default', id FROM event ORDER BY id;
UPDATE setting SET max_attempts = 2;
SELECT claim AS c FROM claim_notifications() LIMIT 1 \gset
SELECT fail_notifications(:c, '{1}', 'timeout');
SELECT claim, attempts, error, outcome, due_at BETWEEN now() + interval '30 s' AND now() + interval '1 minute' AS in_a_minute FROM notification WHERE id = 1;
SELECT fail_notifications(:c, '{1}', 'again') AS none, confirm_notifications(:c, '{1}') AS none;
SELECT fail_notifications(:c, '{2}', '', now() + interval '2 hours');
SELECT claim, attempts, error, outcome, due_at BETWEEN now() + interval '119 min' AND now() + interval '2 hours' AS in_two_hours FROM notification WHERE id = 2;
-- In the past means now.
SELECT fail_notifications(:c, '{3}', 'soon', '2000-01-01');
SELECT claim, id, attempts FROM claim_notifications();
SELECT max(claim) AS c FROM notification \gset
SELECT fail_notifications(:c, error => 'last');
SELECT claim, id, attempts, error, outcome, delivered_at FROM notification WHERE outcome IS NOT NULL;
-- Dead is dead, for its claims too.
SELECT confirm_notifications(:c) AS none, confirm_notifications(:c, '{3}') AS none, fail_notifications(:c, '{3}', 'x') AS none, fail_notifications(:c, '{3}') AS none;
SELECT pg_temp.lapse();
SELECT id FROM claim_notifications();
-- Late reports of a claim, before and after another one has made it dead.
SELECT max(claim) AS c FROM notification WHERE outcome IS NULL \gset
SELECT confirm_notifications(:c, '{3}') AS none, fail_notifications(:c, '{1}', 'dead now') AS one, confirm_notifications(:c, '{1}') AS none;
SELECT id, attempts, error, outcome FROM notification ORDER BY id;

-- Put off on purpose: no attempt counts, and the claim may still report.
SELECT fail_notifications(:c, retry_at => now() + interval '1 hour') AS one, fail_notifications(:c, '{2}', NULL, now() + interval '3 hours') AS one;
SELECT claim = :c AS held, attempts, put_off, error, outcome, due_at BETWEEN now() + interval '179 min' AND now() + interval '3 hours' AS in_three_hours FROM notification WHERE id = 2;
-- Then a failure counts, once,
BEGIN;
SELECT fail_notifications(:c, '{2}', 'after all');
SELECT claim, attempts, put_off, error, outcome FROM notification WHERE id = 2;
ROLLBACK;
-- and a delivery is one.
BEGIN;
SELECT confirm_notifications(:c);
SELECT attempts, outcome FROM notification WHERE id = 2;
ROLLBACK;
SELECT pg_temp.lapse();
SELECT id, attempts FROM claim_notifications();
SELECT fail_notifications(:c) AS none;
-- Put off for ever, it is never dead.
SELECT DISTINCT fail_notifications(c.claim, retry_at => '2000-01-01') AS put_off FROM generate_series(1, 30), LATERAL (SELECT max(claim) AS claim FROM notification) c;
SELECT id, attempts FROM claim_notifications();

-- A dead one lives again, as if it were new: now at the earliest, and no claim's.
UPDATE notification SET outcome = NULL, attempts = 0, due_at = now() - interval '1 year' WHERE outcome = 'dead';
SELECT id, claim, attempts, delivered_at, error, due_at BETWEEN now() - interval '1 minute' AND now() AS due FROM notification WHERE id IN (1, 3) ORDER BY id;
SELECT id, attempts FROM claim_notifications(1);
SELECT confirm_notifications(max(claim)) FROM notification;
UPDATE notification SET outcome = NULL WHERE outcome = 'delivered';
SELECT claim, delivered_at, due_at > now() AS due_at_the_end_of_its_lease FROM notification WHERE id = 3;
UPDATE setting SET max_attempts = NULL;
-- Made due earlier, or another consumer's.
UPDATE notification SET due_at = '2000-01-01';
SELECT count(*) FROM notification WHERE due_at >= now() - interval '1 minute';
UPDATE notification SET consumer = 'audit';
SELECT count(*) FROM claim_notifications(consumer => 'audit');
-- Without an event there is nothing to be told.
UPDATE notification SET due_at = '2000-01-01', consumer = 'default';
DELETE FROM event;
SELECT id, kind, still_valid FROM claim_notifications();

-- The floor follows the oldest open one, and stops at the clock.
CALL pg_temp.forget();
DELETE FROM notification_floor;
INSERT INTO event (kind, gig_id) SELECT 'gig.started', 1 FROM generate_series(1, 3);
INSERT INTO notification (consumer, event_id, due_at) SELECT 'default', id, now() - interval '1 hour' + id * interval '1 s' FROM event ORDER BY id;
CREATE TEMP VIEW floor AS SELECT f.consumer, (SELECT min(n.due_at) FROM notification n WHERE n.consumer = f.consumer AND n.outcome IS NULL) = f.due_at AS at_the_first, f.due_at <= clock_timestamp() AS past
	FROM notification_floor f WHERE f.due_at = (SELECT max(g.due_at) FROM notification_floor g WHERE g.consumer = f.consumer) ORDER BY 1;
SELECT cirro.raise_floor('notification', 'default');
TABLE floor;
SELECT cirro.raise_floor('notification', 'default');
SELECT count(*) FROM notification_floor;
SELECT confirm_notifications(c.claim) FROM claim_notifications(1) c;
SELECT cirro.raise_floor('notification', 'default');
TABLE floor;
SELECT confirm_notifications(claim, array_agg(c.id)) FROM claim_notifications() c GROUP BY claim;
SELECT cirro.raise_floor('notification', 'default');
TABLE floor;
SELECT max(due_at) BETWEEN now() - interval '1 minute' AND now() AS now FROM notification_floor;
-- Nothing in a transaction that keeps its snapshot.
DELETE FROM notification_floor;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT cirro.raise_floor('notification', 'default');
TABLE floor;
COMMIT;
-- Claims raise it by themselves, one of 16 or so, and each for its own consumer.
INSERT INTO notification (consumer, event_id) SELECT c, 1 FROM generate_series(1, 200), unnest('{default,audit}'::text[]) c;
DO $$BEGIN
	FOR i IN 1 .. 200 LOOP
		PERFORM FROM claim_notifications(1);
		PERFORM FROM claim_notifications(1, consumer => 'audit');
	END LOOP;
END$$;
SELECT consumer, count(*) BETWEEN 1 AND 40 AS sometimes FROM notification_floor GROUP BY 1 ORDER BY 1;
-- A floor ahead of the clock is none: the clock was set back.
DELETE FROM notification_floor;
SELECT pg_temp.lapse();
INSERT INTO notification_floor VALUES ('default', now() + interval '1 hour'), ('default', now() - interval '1 hour'), ('audit', now() + interval '1 hour');
SELECT count(*) FROM claim_notifications(1000);
SELECT consumer, due_at < now() AS past FROM notification_floor ORDER BY 1;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM claim_notifications(1000, consumer => 'audit');
COMMIT;
-- One that has something below it, which cannot be, is found when old rows are removed.
INSERT INTO consumer (name) VALUES ('forged');
INSERT INTO notification (consumer, event_id, due_at) VALUES ('forged', 1, now() - interval '1 hour');
INSERT INTO notification_floor VALUES ('forged', now() - interval '1 min'), ('forged', now() - interval '2 hours');
SELECT count(*) FROM claim_notifications(consumer => 'forged');
UPDATE setting SET cleaned_at = NULL;
CALL cirro.run_waves('notification');
SELECT count(*) FROM notification_floor WHERE consumer = 'forged';
SELECT count(*) FROM claim_notifications(consumer => 'forged');
DELETE FROM consumer WHERE name = 'forged';
-- And rebuild_state() removes all of them.
SELECT rebuild_state();
SELECT count(*) FROM notification_floor;

-- Claims read an index, in order, and no more than they hand out; of a table that
-- was never analyzed, and of one that was when it held nothing, or other things.
-- Reports look up ids, or the rows of their claim.
CALL pg_temp.forget();
CREATE TEMP VIEW read AS SELECT seq_scan AS whole_table, idx_tup_fetch AS rows FROM pg_stat_xact_user_tables WHERE relid = 'notification'::regclass;
INSERT INTO event (kind, gig_id) SELECT 'gig.started', 1 FROM generate_series(1, 20000);
INSERT INTO notification (consumer, event_id) SELECT 'default', id FROM event ORDER BY id;
CREATE PROCEDURE pg_temp.costs() LANGUAGE plpgsql AS $$
DECLARE
	last bigint;
	ids bigint[];
	before record;
	after record;
	command text;
BEGIN
	SELECT max(c.claim), array_agg(c.id) INTO last, ids FROM claim_notifications(10) c;
	FOREACH command IN ARRAY ARRAY['SELECT FROM claim_notifications(10)', 'SELECT FROM claim_notifications(10, consumer => ''audit'')',
		'SELECT confirm_notifications($1, $2[1:2])',
		'SELECT fail_notifications($1, $2[3:4], ''x'')',
		'SELECT fail_notifications($1)', 'SELECT confirm_notifications($1)'] LOOP
		SELECT * INTO before FROM read;
		EXECUTE command USING last, ids;
		SELECT * INTO after FROM read;
		RAISE NOTICE '%: % rows%', substring(command FROM 'SELECT (?:FROM )?(.*?)\('), after.rows - before.rows,
			CASE WHEN after.whole_table > before.whole_table THEN ', or all' ELSE '' END;
	END LOOP;
END $$;
BEGIN;
CALL pg_temp.costs();
ROLLBACK;
DELETE FROM notification;
ANALYZE notification;
INSERT INTO notification (consumer, event_id) SELECT 'default', id FROM event ORDER BY id;
BEGIN;
CALL pg_temp.costs();
ROLLBACK;
UPDATE notification SET outcome = 'delivered';
ANALYZE notification;
INSERT INTO notification (consumer, event_id) SELECT 'default', id FROM event ORDER BY id;
BEGIN;
CALL pg_temp.costs();
ROLLBACK;
DELETE FROM notification WHERE outcome IS NOT NULL;
VACUUM ANALYZE notification;
BEGIN;
CALL pg_temp.costs();
ROLLBACK;
-- Retention: finished ones, then events that nobody is to be told of any more; what
-- is left of consumers that are gone.
CALL pg_temp.forget();
INSERT INTO event (kind, gig_id, at) SELECT 'gig.started', 1, '2029-01-01' FROM generate_series(1, 2500);
INSERT INTO event (kind, gig_id, at) VALUES ('gig.started', 1, '2029-12-01'), ('gig.ended', 1, '2029-12-25');
INSERT INTO notification (consumer, event_id, outcome, delivered_at) SELECT 'default', i, 'delivered', '2029-01-01' FROM generate_series(1, 2500) i;
INSERT INTO notification (consumer, event_id) VALUES ('default', 2400), ('gone', 1), ('default', 2502);
INSERT INTO notification (consumer, event_id, outcome, delivered_at) VALUES ('audit', 2450, 'dead', '2029-12-30'), ('gone', 1, 'delivered', '2029-12-30');
INSERT INTO notification_floor VALUES ('gone', '2029-01-01');
UPDATE setting SET cleaned_at = NULL;
CALL cirro.run_waves('notification');
SELECT consumer, event_id, outcome FROM notification ORDER BY id;
SELECT min(id), max(id), count(*) FROM event;
SELECT count(*) FROM notification_floor WHERE consumer = 'gone';
DELETE FROM notification WHERE consumer = 'gone';
UPDATE setting SET cleaned_at = NULL;
CALL cirro.run_waves('notification');
SELECT min(id), max(id), count(*) FROM event;
SELECT confirm_notifications(c.claim) FROM claim_notifications(1) c;
UPDATE setting SET cleaned_at = NULL, keep_notifications = '0', keep_events = '10 days';
CALL cirro.run_waves('notification');
SELECT consumer, event_id, outcome FROM notification ORDER BY id;
SELECT min(id), max(id), count(*) FROM event;
DELETE FROM notification;
UPDATE setting SET cleaned_at = NULL, keep_events = '0';
CALL cirro.run_waves('notification');
SELECT count(*) FROM event;
UPDATE setting SET keep_notifications = NULL, keep_events = NULL;
DELETE FROM consumer WHERE name = 'audit';

-- What the payload holds. The id of an event stays with it.
SELECT status FROM leave(12);
SELECT status FROM reject(11);
UPDATE gig SET answer_within = '3 hours' WHERE id = 1;
CALL pg_temp.forget();
SELECT status FROM reset(11);
SELECT payload->'invitation' FROM claim_notifications();
UPDATE gig SET answer_within = NULL WHERE id = 1;
SELECT pg_temp.lapse();
SELECT payload->'invitation'->'answer_by' FROM claim_notifications();
CALL pg_temp.forget();
SELECT status FROM reject(11, 'too far');
SELECT pg_temp.lapse();
SELECT jsonb_pretty(payload - 'event_id') FROM claim_notifications();
SELECT pg_temp.lapse();
CREATE TEMP TABLE seen AS SELECT id, payload FROM claim_notifications();
SELECT pg_temp.lapse();
SELECT c.payload = s.payload AS same, c.payload->>'event_id' ~ '^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$' AS uuid, c.attempts FROM claim_notifications() c JOIN seen s USING (id);
-- Without ref, payload and reason.
DELETE FROM notification;
SELECT outcome FROM invite(2, '{5}');
SELECT payload - 'event_id' FROM claim_notifications();

-- still_valid until the invitation moves on or the gig closes.
DELETE FROM notification;
SELECT outcome FROM invite(2, '{6,7}');
SELECT worker_id, kind, still_valid FROM claim_notifications();
SELECT a.status FROM invitation i, accept(i.id) a WHERE i.gig_id = 2 AND i.worker_id = 6;
SELECT pg_temp.lapse();
SELECT worker_id, kind, payload->'invitation'->>'status' AS status, still_valid FROM claim_notifications();
-- A change back is another one.
SELECT a.status FROM invitation i, reset(i.id, true) a WHERE i.gig_id = 2 AND i.worker_id = 6;
SELECT pg_temp.lapse();
SELECT worker_id, kind, payload->'invitation'->>'status' AS status, still_valid FROM claim_notifications();
-- Deleted with its worker.
DELETE FROM worker WHERE id = 7;
SELECT pg_temp.lapse();
SELECT worker_id, kind, payload->'worker' AS worker, still_valid FROM claim_notifications() WHERE worker_id = 7;
DELETE FROM notification;
SELECT outcome FROM invite(2, '{8}');
SET cirro.clock = '2030-01-03 12:00+00';
SELECT worker_id, kind, still_valid FROM claim_notifications();
SET cirro.clock = '2030-01-01 12:00+00';

-- A deleted gig: what could not be looked up any more is stored.
CALL pg_temp.forget();
INSERT INTO invitation (id, gig_id, worker_id, status) VALUES (19, 1, 9, 'accepted');
SELECT outcome FROM invite(1, '{8}');
DELETE FROM notification;
UPDATE gig SET title = 'Was one' WHERE id = 1;
DELETE FROM gig WHERE id = 1;
SELECT kind, gig_id, worker_id, status FROM pg_temp.open;
SELECT worker_id, still_valid, payload - 'event_id' FROM claim_notifications() ORDER BY worker_id;

-- The tick announces each phase of a gig once, without a worker.
DELETE FROM notification;
INSERT INTO gig (id, title, url, start_at, end_at, archive_at, total_seats, filter_query, invitation_mode)
VALUES (3, 'Three', 'https://gig/3', '2030-01-02 12:00+00', '2030-01-03 12:00+00', '2030-01-04 12:00+00', 1, '{}', 'manual'),
	(4, 'Four', 'https://gig/4', '2030-01-02 12:00+00', '2030-01-05 12:00+00', NULL, 1, '{}', 'manual');
SELECT outcome FROM invite(4, '{1,2}');
DELETE FROM notification;
CALL cirro.run_waves('notification');
SELECT * FROM pg_temp.open;
SET cirro.clock = '2030-01-02 12:00+00';
CALL cirro.run_waves('notification');
CALL cirro.run_waves('notification');
SELECT kind, gig_id, worker_id FROM pg_temp.open WHERE gig_id > 2;
SELECT payload - 'event_id', still_valid FROM claim_notifications() WHERE gig_id = 3;
SET cirro.clock = '2030-01-03 12:00+00';
SELECT pg_temp.lapse();
SELECT kind, gig_id, still_valid FROM claim_notifications() WHERE gig_id > 2;
DELETE FROM notification;
SET cirro.clock = '2030-01-04 12:00+00';
CALL cirro.run_waves('notification');
SELECT kind, gig_id, worker_id, at FROM event WHERE gig_id = 3 ORDER BY id;
-- The pending who are out at the end are told, too.
SELECT archived_at, end_at FROM archive(4);
CALL cirro.run_waves('notification');
CALL cirro.run_waves('notification');
SELECT kind, gig_id, worker_id, previous, status FROM pg_temp.open WHERE gig_id = 4;
SET cirro.clock = '2030-01-01 12:00+00';

-- A paused Space and an inactive database hand out nothing; answers go on.
DELETE FROM notification;
SELECT outcome FROM invite(2, '{9}');
SELECT outcome FROM invite(2, '{4}', '2030-01-01 18:00+00');
UPDATE setting SET paused = true;
SELECT count(*) FROM claim_notifications();
SET cirro.clock = '2030-01-02 12:00+00';
CALL cirro.run_waves('notification');
UPDATE setting SET paused = false;
SET cirro.active = off;
CALL cirro.run_waves('notification');
RESET cirro.active;
UPDATE setting SET paused = true;
SELECT status FROM invitation WHERE gig_id = 2 AND worker_id = 4;
SET cirro.clock = '2030-01-01 12:00+00';
SELECT a.status FROM invitation i, accept(i.id) a WHERE i.gig_id = 2 AND i.worker_id = 9;
UPDATE setting SET paused = false;
SET cirro.active = off;
SELECT count(*) FROM claim_notifications();
SELECT a.status FROM invitation i, leave(i.id) a WHERE i.gig_id = 2 AND i.worker_id = 9;
RESET cirro.active;
SELECT kind, worker_id, previous, status, attempts FROM pg_temp.open;
SELECT count(*) FROM claim_notifications();

-- What makes no sense.
SELECT pg_temp.try('SELECT * FROM claim_notifications(' || a || ')') FROM unnest('{0,-1,"NULL","1, ''0''","1, ''-1 s''","1, ''1 mon -31 days''","1, ''170000000 years''","1, NULL","1, ''1 s'', NULL","1, ''1 s'', ''nobody''"}'::text[]) WITH ORDINALITY u (a, n) ORDER BY n;
SELECT length(pg_temp.try(c || quote_literal(repeat('€', 100000)) || ')')) < 1000 AS short
	FROM unnest(ARRAY['SELECT * FROM claim_notifications(1, NULL, ', 'SELECT * FROM claim_notifications(1, ''1 s'', ', 'SELECT confirm_notifications(1, NULL, ']) c;
SELECT pg_temp.try('SELECT confirm_notifications(' || a || ')') FROM unnest('{"NULL","1, ''{}'', ''dead''","1, NULL, NULL"}'::text[]) WITH ORDINALITY u (a, n) ORDER BY n;
SELECT pg_temp.try('SELECT fail_notifications(' || a || ')') FROM unnest('{"NULL","1, retry_at => ''infinity''","1, ''{}'', ''x'', ''-infinity''"}'::text[]) WITH ORDINALITY u (a, n) ORDER BY n;
SELECT pg_temp.try('SELECT fail_notifications(1, ARRAY[[NULL, 1], [2, NULL]]::bigint[])');
SELECT split_part(pg_temp.try($$INSERT INTO notification (consumer, event_id, due_at) VALUES ('default', 1, 'infinity')$$), E'\n', 1);
SELECT c, pg_temp.try(c) FROM unnest('{"SELECT cirro.raise_floor(''nowhere'', ''default'')","SELECT cirro.raise_floor(NULL, ''default'')","SELECT cirro.raise_floor(''notification'', NULL)"}'::text[]) WITH ORDINALITY u (c, n) ORDER BY n;
SELECT split_part(pg_temp.try($$UPDATE notification SET outcome = 'other'$$), E'\n', 1);
-- A statement of any size tells each consumer of each row once: in the order of the
-- invitations, ten thousand rows at a time.
INSERT INTO worker (id) SELECT generate_series(100001, 125000);
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query, invitation_mode) VALUES (5, 'Many', 'https://gig/5', '2030-01-02', '2030-01-03', 100000, '{}', 'manual');
UPDATE consumer SET name = 'b';
INSERT INTO consumer (name) VALUES ('a');
CALL pg_temp.forget();
CREATE TEMP VIEW told AS SELECT e.kind, e.previous, e.status, e.revision, count(DISTINCT e.id) AS events, count(n.id) AS told, count(DISTINCT (n.consumer, e.invitation_id)) AS once
	FROM event e LEFT JOIN notification n ON n.event_id = e.id WHERE e.gig_id = 5 AND e.revision = (SELECT max(revision) FROM event) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
CREATE TEMP VIEW batches AS SELECT count(*) + 1 AS batches FROM (
	SELECT e.id, e.invitation_id, n.consumer, lag(e.id) OVER w AS last_id, lag(e.invitation_id) OVER w AS last_invitation, lag(n.consumer) OVER w AS last_consumer
	FROM event e JOIN notification n ON n.event_id = e.id WHERE e.gig_id = 5 AND e.revision = (SELECT max(revision) FROM event) WINDOW w AS (ORDER BY n.id)) o
	WHERE (invitation_id, consumer) <= (last_invitation, last_consumer) OR id < last_id;
INSERT INTO invitation (id, gig_id, worker_id, status, send_at) SELECT w, 5, w, CASE WHEN w % 5 = 0 THEN 'scheduled' ELSE 'pending' END, '2030-01-02' FROM generate_series(125000, 100001, -1) w;
TABLE told;
TABLE batches;
UPDATE invitation SET status = CASE id % 4 WHEN 0 THEN 'expired' WHEN 1 THEN status WHEN 2 THEN 'pending' ELSE 'expired' END, silent = id % 8 = 3 WHERE gig_id = 5;
TABLE told;
DELETE FROM invitation WHERE gig_id = 5;
SELECT * FROM check_consistency() WHERE gig_id = 5;
DELETE FROM consumer WHERE name = 'a';
UPDATE consumer SET name = 'default';

-- In a session that has not used cirro yet, as a consumer's first statement.
DELETE FROM notification;
SELECT outcome FROM invite(2, '{1}');
\c -
SELECT worker_id, kind FROM notification.claim_notifications();

SET client_min_messages = warning;
SELECT cirro.drop_space('notification');
