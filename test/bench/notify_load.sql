-- test/bench/notify_load.sql: what notify.sh measures: a Space, what fills it, what
-- a claimer calls, and where the times go.
\set QUIET on
SET client_min_messages = warning;
SELECT cirro.create_space('space');
CREATE SCHEMA bench;
INSERT INTO space.gig (id, title, url, start_at, end_at, total_seats, filter_query, invitation_mode)
	VALUES (1, 'Gig', 'https://gig', now() + '1 day', now() + '10 days', 1, '{}', 'manual');
INSERT INTO space.worker (id) SELECT generate_series(1, 1000);
INSERT INTO space.invitation (id, gig_id, worker_id) SELECT w, 1, w FROM generate_series(1, 1000) w;

-- Whom a notification was handed to; the key tells if it was twice.
CREATE TABLE bench.handed_out (id bigint PRIMARY KEY);
CREATE TABLE bench.claim (claim bigint, rows int, started timestamptz, ms float8);
CREATE TABLE bench.run (snapshot text, round int, first_ms float8, last_ms float8, per_second float8);

-- As many events and notifications as if so many invitations had been changed; and
-- some for another consumer, to warm up with.
INSERT INTO space.consumer (name) VALUES ('warm_up');
CREATE PROCEDURE bench.fill(n int, warm_up int)
LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	TRUNCATE space.event, space.notification, space.notification_floor, bench.handed_out, bench.claim RESTART IDENTITY;
	INSERT INTO space.event (kind, gig_id, worker_id, invitation_id, revision, status)
		SELECT 'invitation.updated', 1, 1 + i % 1000, 1 + i % 1000, 1, 'pending' FROM generate_series(1, n) i;
	INSERT INTO space.notification (consumer, event_id) SELECT 'warm_up', 1 + i % n FROM generate_series(1, warm_up) i;
	INSERT INTO space.notification (consumer, event_id) SELECT 'default', id FROM space.event ORDER BY id;
END $$;

-- One claim of 100, timed where it happens; its number.
CREATE FUNCTION bench.claim() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz := clock_timestamp();
	ended timestamptz;
	ids bigint[];
	claim bigint;
BEGIN
	SELECT array_agg(c.id), max(c.claim) INTO ids, claim FROM space.claim_notifications(100) c;
	ended := clock_timestamp();
	IF ids IS NOT NULL THEN
		INSERT INTO bench.claim VALUES (claim, cardinality(ids), started, 1000 * extract(epoch FROM ended - started));
		INSERT INTO bench.handed_out SELECT unnest(ids);
	END IF;
	RETURN coalesce(claim, 0);
END $$;

-- Medians of the first and the last tenth of the claims, and the pace of all.
CREATE PROCEDURE bench.keep(snapshot text, round int)
LANGUAGE sql AS $$
	INSERT INTO bench.run
	SELECT snapshot, round,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE tenth = 1),
		percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE tenth = 10),
		sum(rows) / extract(epoch FROM max(started) - min(started))
	FROM (SELECT *, ntile(10) OVER (ORDER BY started) AS tenth FROM bench.claim) c;
$$;

-- As if there were no floors: none is stored.
CREATE FUNCTION bench.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE PROCEDURE bench.keep_no_floor()
LANGUAGE sql AS $$
	CREATE TRIGGER no_floor BEFORE INSERT ON space.notification_floor FOR EACH ROW EXECUTE FUNCTION bench.refuse();
$$;
