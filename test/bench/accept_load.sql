-- test/bench/accept_load.sql: what accept.sh measures: a Space, tables without
-- triggers beside it, the statement written by hand, and what fills both.
--
-- The tables in schema hand are those of bare_tables.sql. The statement takes the
-- seat with a guard on the one row that counts it, so that two of them cannot both
-- take the last; a division by zero undoes it whole where there is no seat or the
-- invitation is not pending.
\set QUIET on
SET client_min_messages = warning;
SELECT cirro.create_space('space');
CREATE SCHEMA bench;
\ir bare_tables.sql
ALTER TABLE hand.notification ALTER created_at SET DEFAULT now();

-- What a pgbench script runs, with :id for the invitation.
CREATE TABLE bench.contender (name text PRIMARY KEY, script text NOT NULL);
INSERT INTO bench.contender VALUES
('cirro', 'SELECT id, status FROM space.accept(:id);'),
('hand', $$WITH answered AS (
	UPDATE hand.invitation SET status = 'accepted', responded_at = now(), revision = revision + 1
	WHERE id = :id AND status = 'pending' RETURNING id, gig_id, worker_id, revision, status
), seat AS (
	UPDATE hand.gig_state s SET accepted = s.accepted + 1 FROM answered a
	WHERE s.gig_id = a.gig_id AND s.accepted < s.capacity AND now() < s.closes_at
	RETURNING a.id, a.status
), told AS (
	INSERT INTO hand.notification (consumer, kind, gig_id, worker_id, invitation_id, revision, status, previous)
	SELECT 'default', 'invitation.updated', a.gig_id, a.worker_id, a.id, a.revision, a.status, 'pending'
	FROM answered a
)
SELECT max(id) AS id, max(status) AS status, 1 / count(*) FROM seat;$$);

/*
 * "n" pending invitations over "gigs" gigs, one after the other to another
 * gig, each gig with seats for all of them but "short".
 */
CREATE PROCEDURE bench.fill(n int, gigs int, short int DEFAULT 0)
LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	TRUNCATE space.worker, space.gig, space.gig_filter, space.gig_key, space.gig_state, space.invitation, space.event, space.notification,
		hand.gig_state, hand.invitation, hand.notification RESTART IDENTITY CASCADE;
	INSERT INTO space.worker (id, profile)
		SELECT i, '{}' FROM generate_series(1, (n + gigs - 1) / gigs) i;
	INSERT INTO space.gig (id, title, url, start_at, end_at, total_seats, invitation_mode,
			invitation_multiplier, invitation_frequency, filter_query, created_at)
		SELECT i, 'Gig', 'https://gig', now() + '1 day', now() + '10 days', (n + gigs - 1) / gigs - short,
			'manual', 10, '5 min', '{}', now()
		FROM generate_series(1, gigs) i;
	INSERT INTO space.gig_filter (gig_id, filter) SELECT id, filter_query FROM space.gig;
	INSERT INTO space.gig_state (gig_id, target, capacity, expires_rest, auto, frequency,
			starts_at, closes_at, next_event_at)
		SELECT id, total_seats, total_seats, false, false, invitation_frequency, start_at, end_at, start_at
		FROM space.gig;
	INSERT INTO space.invitation (id, gig_id, worker_id, invited_at, times_invited, created_at)
		SELECT i, 1 + i % gigs, 1 + i / gigs, now(), 1, now() FROM generate_series(0, n - 1) i;
	INSERT INTO hand.gig_state (gig_id, target, capacity, expires_rest, auto, frequency,
			starts_at, closes_at, next_event_at)
		SELECT gig_id, target, capacity, expires_rest, auto, frequency, starts_at, closes_at, next_event_at
		FROM space.gig_state;
	INSERT INTO hand.invitation (id, gig_id, worker_id, invited_at, times_invited, created_at)
		SELECT id, gig_id, worker_id, invited_at, times_invited, created_at FROM space.invitation;
END $$;

-- What is promised, looked at afterwards.
CREATE FUNCTION bench.broken() RETURNS bigint
LANGUAGE sql AS $$
	SELECT count(*) FROM (
		SELECT s.gig_id FROM space.gig_state s LEFT JOIN space.invitation i ON i.gig_id = s.gig_id AND i.status = 'accepted'
		GROUP BY s.gig_id HAVING count(i.id) <> s.accepted OR s.accepted > s.capacity
		UNION ALL
		SELECT s.gig_id FROM hand.gig_state s LEFT JOIN hand.invitation i ON i.gig_id = s.gig_id AND i.status = 'accepted'
		GROUP BY s.gig_id HAVING count(i.id) <> s.accepted OR s.accepted > s.capacity
	) wrong;
$$;

CREATE TABLE bench.run (durable text, place text, clients int, round int, contender text, tps numeric, us numeric);
CREATE TABLE bench.size (round int, relation text, bytes bigint);
CREATE TABLE bench.fact (name text PRIMARY KEY, value text);

-- Whom a notification was handed to; the key tells if it was twice.
CREATE TABLE bench.claimed (id bigint PRIMARY KEY);

-- Sizes after a round, of every table and index that accepts or claims write.
ALTER TABLE bench.size ADD what text;
CREATE PROCEDURE bench.weigh(what text, round int)
LANGUAGE sql AS $$
	INSERT INTO bench.size (what, round, relation, bytes)
	SELECT what, round, c.relname, pg_relation_size(c.oid)
	FROM pg_class c LEFT JOIN pg_index x ON x.indexrelid = c.oid
	WHERE c.relnamespace = 'space'::regnamespace AND c.relkind IN ('r', 'i')
	AND coalesce(x.indrelid, c.oid)::regclass::text LIKE ANY (CASE WHEN what = 'accepts'
		THEN ARRAY['space.gig_state', 'space.invitation', 'space.event', 'space.notification']
		ELSE ARRAY['space.notification'] END);
$$;

-- As many notifications to be claimed, as accepts would have left them.
CREATE PROCEDURE bench.tell(n int)
LANGUAGE sql AS $$
	WITH happened AS (
		INSERT INTO space.event (kind, gig_id, worker_id, invitation_id, revision, status, previous)
		SELECT 'invitation.updated', i.gig_id, i.worker_id, i.id, 1, 'accepted', 'pending'
		FROM space.invitation i ORDER BY i.id LIMIT n RETURNING id)
	INSERT INTO space.notification (consumer, event_id) SELECT 'default', h.id FROM happened h ORDER BY h.id;
$$;

/*
 * attempt_invitations of workers whom no gig wants, and of some whom a
 * hundredth of the gigs want, against the inserts of the same rows into tables
 * without triggers. The generic plans count: twenty calls in one session.
 */
CREATE TABLE bench.attempt (what text, ms numeric);
CREATE PROCEDURE bench.attempts(rounds int)
LANGUAGE plpgsql AS $$
DECLARE
	gigs int := (SELECT count(*) FROM space.gig);
	start timestamptz;
	made int;
	workers int := greatest(20, rounds);
BEGIN
	INSERT INTO space.worker (id, profile)
		SELECT 1000000 + i, jsonb_build_object('age', 20 + i % 50, 'city', CASE WHEN i > workers THEN 'Ghent' ELSE 'Basel' END,
			'languages', '["de", "en"]'::jsonb, 'skills', '{"mowing": 3}'::jsonb)
		FROM generate_series(1, 2 * workers) i;
	UPDATE space.gig SET filter_query = jsonb_build_object('city', CASE WHEN id % 100 = 0 THEN 'Ghent' ELSE 'Rome' END,
		'age', '{"$gte": 18}'::jsonb, 'languages', 'de');
	DELETE FROM space.invitation;
	TRUNCATE hand.invitation, hand.notification;
	ANALYZE space.gig, space.gig_state, space.worker, space.invitation;
	COMMIT;
	FOR i IN 1 .. workers LOOP
		start := clock_timestamp();
		SELECT count(*) INTO made FROM space.attempt_invitations(1000000 + i);
		INSERT INTO bench.attempt VALUES ('none', 1000 * extract(epoch FROM clock_timestamp() - start));
		COMMIT;
		start := clock_timestamp();
		SELECT count(*) INTO made FROM space.attempt_invitations(1000000 + workers + i);
		INSERT INTO bench.attempt VALUES ('some', 1000 * extract(epoch FROM clock_timestamp() - start));
		COMMIT;
		start := clock_timestamp();
		INSERT INTO hand.invitation (gig_id, worker_id, origin, invited_at, times_invited)
			SELECT gig_id, worker_id, origin, invited_at, times_invited
			FROM space.invitation WHERE worker_id = 1000000 + workers + i ORDER BY gig_id;
		INSERT INTO hand.notification (consumer, kind, gig_id, worker_id, invitation_id, revision, status)
			SELECT 'default', 'invitation.created', gig_id, worker_id, id, 1, 'pending'
			FROM space.invitation WHERE worker_id = 1000000 + workers + i;
		INSERT INTO bench.attempt VALUES ('floor', 1000 * extract(epoch FROM clock_timestamp() - start));
		COMMIT;
	END LOOP;
	INSERT INTO bench.fact VALUES ('attempt rows', made), ('attempt gigs', gigs);
END $$;
