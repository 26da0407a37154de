-- Notifications: which change becomes which kind, for each consumer; handing
-- them out, confirming, failing; what the payload holds and whether it is still
-- valid. Leases run by the wall clock, so the tests move claimed_until itself.
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
-- All that is not finished, and whether it is out on a lease.
CREATE TEMP VIEW open AS SELECT id, consumer, kind, gig_id, worker_id, previous, status, attempts, claimed_until IS NOT NULL AS leased
	FROM notification WHERE outcome IS NULL ORDER BY id;
-- Ends all leases and waits.
CREATE FUNCTION pg_temp.lapse() RETURNS SETOF void LANGUAGE sql AS $$
	UPDATE notification SET claimed_until = now() - interval '1 s' WHERE claimed_until IS NOT NULL;
	UPDATE notification SET not_before = now() - interval '1 s' WHERE not_before IS NOT NULL $$;

-- One row per consumer and change; a scheduled invitation is nothing yet, and
-- sending it is its creation; expired by the seats, too.
UPDATE setting SET consumers = '{default,audit}';
INSERT INTO invitation (id, gig_id, worker_id, status, send_at) VALUES (11, 1, 1, 'pending', NULL), (12, 1, 2, 'accepted', NULL),
	(13, 1, 3, 'scheduled', '2030-01-01 18:00+00'), (14, 1, 4, 'scheduled', '2030-01-01 18:00+00');
UPDATE invitation SET status = 'pending' WHERE id = 13;
SELECT status FROM accept(11);
UPDATE setting SET consumers = '{}';
SELECT status FROM leave(11);
UPDATE setting SET consumers = NULL;
SELECT status FROM reset(11);
SELECT * FROM pg_temp.open;

-- Claimed oldest first, by one consumer; none twice within its lease.
SELECT id, kind, gig_id, worker_id, invitation_id, attempts FROM claim_notifications(2);
SELECT id, kind, gig_id, worker_id, invitation_id, attempts FROM claim_notifications(max => 2, consumer => 'audit');
SELECT id FROM claim_notifications(consumer => 'nobody');
SELECT id FROM claim_notifications();
SELECT id FROM claim_notifications();
SELECT DISTINCT claimed_until BETWEEN now() AND clock_timestamp() + interval '1 minute' AS by_the_wall FROM notification WHERE claimed_until IS NOT NULL;
-- A lease that ends comes again.
SELECT pg_temp.lapse();
SELECT id, attempts FROM claim_notifications(lease => '0.2 s');
SELECT id FROM claim_notifications();
SELECT FROM pg_sleep(0.3);
SELECT id, attempts FROM claim_notifications();

-- Confirmed ones are done; how many, is returned.
SELECT confirm_notifications('{2,4}'), confirm_notifications('{2,NULL,9999}'), confirm_notifications('{}');
SELECT confirm_notifications('{6}', 'suppressed');
SELECT id, outcome, delivered_at, claimed_until, attempts FROM notification WHERE outcome IS NOT NULL ORDER BY id;
-- Failed ones come again later, and are dead after max_attempts.
SELECT fail_notifications('{8,10}', 'timeout'), fail_notifications('{2,9999}', 'late');
SELECT id, error, outcome, claimed_until, not_before BETWEEN now() + interval '59 s' AND clock_timestamp() + interval '1 minute' AS retry FROM notification WHERE error IS NOT NULL ORDER BY id;
SELECT id FROM claim_notifications();
SELECT pg_temp.lapse();
SELECT id, attempts FROM claim_notifications();
UPDATE setting SET max_attempts = 5;
SELECT fail_notifications('{8}', 'timeout again', '0');
SELECT id, attempts, outcome, delivered_at FROM notification WHERE error IS NOT NULL ORDER BY id;
SELECT id, attempts FROM claim_notifications();
UPDATE setting SET max_attempts = 4;
SELECT fail_notifications('{10}', 'last');
SELECT id, attempts, error, outcome, delivered_at FROM notification WHERE error IS NOT NULL ORDER BY id;
-- Unconfirmed, and with the default of 10.
UPDATE setting SET max_attempts = NULL;
SELECT pg_temp.lapse();
SELECT id FROM claim_notifications();
-- A subscriber of its own.
SELECT array_agg(id ORDER BY id) FROM claim_notifications(consumer => 'audit');

-- What the payload holds. The id of an event stays with it.
DELETE FROM notification;
ALTER TABLE notification ALTER id RESTART 100;
SELECT status FROM reject(11, 'too far');
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
DELETE FROM notification;
ALTER TABLE notification ALTER id RESTART 200;
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
SELECT kind, gig_id, worker_id, created_at FROM notification WHERE gig_id = 3 ORDER BY id;
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
SELECT pg_temp.try('SELECT * FROM claim_notifications(' || a || ')') FROM unnest('{0,-1,"NULL","1, ''0''","1, ''-1 s''","1, NULL","1, ''1 s'', NULL"}'::text[]) WITH ORDINALITY u (a, n) ORDER BY n;
SELECT pg_temp.try('SELECT confirm_notifications(' || a || ')') FROM unnest('{"NULL","''{}'', ''dead''","''{}'', NULL"}'::text[]) WITH ORDINALITY u (a, n) ORDER BY n;
SELECT pg_temp.try('SELECT fail_notifications(' || a || ')') FROM unnest('{"NULL, ''x''","''{}'', ''x'', NULL","''{}'', ''x'', ''-1 s''"}'::text[]) WITH ORDINALITY u (a, n) ORDER BY n;
SELECT pg_temp.try('SELECT fail_notifications(ARRAY[[NULL, 1], [2, NULL]]::bigint[], NULL)');
SELECT pg_temp.try($$INSERT INTO notification (consumer, kind, gig_id) VALUES ('x', 'other', 1)$$);
SELECT split_part(pg_temp.try($$UPDATE notification SET outcome = 'other'$$), E'\n', 1);
-- A statement of any size tells each consumer of each row once: by id, ten
-- thousand rows at a time.
INSERT INTO worker (id) SELECT generate_series(100001, 125000);
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query, invitation_mode) VALUES (5, 'Many', 'https://gig/5', '2030-01-02', '2030-01-03', 100000, '{}', 'manual');
UPDATE setting SET consumers = '{b,a}';
DELETE FROM notification;
CREATE TEMP VIEW told AS SELECT kind, previous, status, revision, count(*), count(DISTINCT (consumer, invitation_id)) AS once, count(DISTINCT consumer) AS consumers FROM notification
	WHERE gig_id = 5 AND revision = (SELECT max(revision) FROM notification) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
-- In ascending order of the invitation and the consumer within a batch, and how many batches.
CREATE TEMP VIEW batches AS SELECT count(*) FILTER (WHERE (invitation_id, consumer) < (last_id, last_consumer)) + 1 AS batches FROM (
	SELECT invitation_id, consumer, lag(invitation_id) OVER w AS last_id, lag(consumer) OVER w AS last_consumer FROM notification
	WHERE gig_id = 5 AND revision = (SELECT max(revision) FROM notification) WINDOW w AS (ORDER BY id)) n;
INSERT INTO invitation (id, gig_id, worker_id, status, send_at) SELECT w, 5, w, CASE WHEN w % 5 = 0 THEN 'scheduled' ELSE 'pending' END, '2030-01-02' FROM generate_series(125000, 100001, -1) w;
TABLE told;
TABLE batches;
UPDATE invitation SET status = CASE id % 4 WHEN 0 THEN 'expired' WHEN 1 THEN status WHEN 2 THEN 'pending' ELSE 'expired' END, silent = id % 8 = 3 WHERE gig_id = 5;
TABLE told;
SELECT batches BETWEEN 1 AND 2 FROM batches;
SELECT count(*), count(DISTINCT n.invitation_id) FROM notification n JOIN invitation i ON i.id = n.invitation_id AND i.revision = n.revision AND i.status = n.status AND i.worker_id = n.worker_id WHERE n.gig_id = 5 AND n.revision = 2;
DELETE FROM invitation WHERE gig_id = 5;
SELECT * FROM check_consistency();
DELETE FROM notification;
UPDATE setting SET consumers = NULL;

-- In a session that has not used cirro yet, as a consumer's first statement.
DELETE FROM notification;
SELECT outcome FROM invite(2, '{1}');
\c -
SELECT worker_id, kind FROM notification.claim_notifications();

SET client_min_messages = warning;
SELECT cirro.drop_space('notification');
