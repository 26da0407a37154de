-- test/bench/invite_load.sql: what invite.sh measures: a Space, tables without
-- triggers beside it, and the calls and statements that write into both.
--
-- Statistics are made once, of a few gigs that have invited many: they know each of
-- these, and take any other gig to have invited nobody.
\set QUIET on
SET client_min_messages = warning;
SELECT cirro.create_space('space') \g /dev/null
CREATE SCHEMA bench;
\ir bare_tables.sql

CREATE TABLE bench.run (what text, rows int, round int, contender text, ms numeric);

-- "count" manual gigs of tomorrow, from id "first" on, that want "size".
CREATE FUNCTION bench.make_gigs(first bigint, count int, size int) RETURNS void
LANGUAGE sql AS $$
	INSERT INTO space.gig (id, title, url, start_at, end_at, total_seats, invitation_mode, filter_query)
	SELECT first + i, 'Gig', 'https://gig', now() + interval '1 day', now() + interval '10 days', 5, 'manual',
		jsonb_build_object('size', size)
	FROM generate_series(0, count - 1) i;
$$;

-- What a call made, written by the bare statements into the tables beside.
CREATE PROCEDURE bench.insert_bare(gig bigint, worker bigint)
LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO hand.invitation (gig_id, worker_id, origin, invited_at, times_invited)
		SELECT i.gig_id, i.worker_id, i.origin, i.invited_at, i.times_invited
		FROM space.invitation i WHERE i.gig_id = gig OR i.worker_id = worker ORDER BY i.worker_id;
	INSERT INTO hand.notification (consumer, kind, gig_id, worker_id, invitation_id, revision, status)
		SELECT 'default', 'invitation.created', i.gig_id, i.worker_id, i.id, 1, 'pending'
		FROM hand.invitation i WHERE i.gig_id = gig OR i.worker_id = worker ORDER BY i.id;
END $$;

CREATE FUNCTION bench.note(what text, size int, round int, contender text, start timestamptz) RETURNS void
LANGUAGE sql AS $$
	INSERT INTO bench.run VALUES (what, size, round, contender, 1000 * extract(epoch FROM clock_timestamp() - start));
$$;

-- One size of one round: the call, then the same rows by the bare statements.
CREATE PROCEDURE bench.measure_one(what text, size int, round int)
LANGUAGE plpgsql AS $$
DECLARE
	start timestamptz;
	gig bigint;
	worker bigint;
	ids bigint[];
	made bigint;
	claimed bigint;
	low bigint;
	high bigint;
BEGIN
	CASE what WHEN 'invite' THEN
		gig := 1000000 + 1000000 * round + size;
		PERFORM bench.make_gigs(gig, 1, 0);
		ids := ARRAY(SELECT generate_series(1, size));
		COMMIT;
		start := clock_timestamp();
		SELECT count(*) FILTER (WHERE outcome = 'invited') INTO made FROM space.invite(gig, ids);
	WHEN 'attempt' THEN
		worker := 1000000 + 1000000 * round + size;
		INSERT INTO space.worker (id, profile) VALUES (worker, jsonb_build_object('size', size));
		ids := ARRAY(SELECT id FROM space.gig WHERE filter_query = jsonb_build_object('size', size) ORDER BY id);
		COMMIT;
		start := clock_timestamp();
		SELECT count(*) FILTER (WHERE outcome = 'invited') INTO made FROM space.attempt_invitations(worker, ids);
	ELSE
		start := clock_timestamp();
		SELECT max(claim), count(*) INTO claimed, made FROM space.claim_notifications(size);
		PERFORM bench.note('claim', size, round, 'cirro', start);
		COMMIT;
		SELECT min(n.id), max(n.id) INTO low, high FROM (SELECT h.id FROM hand.notification h
			WHERE h.outcome IS NULL ORDER BY h.id LIMIT size) n;
		COMMIT;
		start := clock_timestamp();
		UPDATE hand.notification n SET attempts = n.attempts + 1, claimed_until = clock_timestamp() + interval '1 minute'
			WHERE n.id BETWEEN low AND high AND n.outcome IS NULL;
		PERFORM bench.note('claim', size, round, 'bare', start);
		COMMIT;
		start := clock_timestamp();
		PERFORM space.confirm_notifications(claimed);
		PERFORM bench.note('confirm', size, round, 'cirro', start);
		COMMIT;
		start := clock_timestamp();
		UPDATE hand.notification n SET outcome = 'delivered', delivered_at = now(), claimed_until = NULL
			WHERE n.id BETWEEN low AND high AND n.outcome IS NULL;
		PERFORM bench.note('confirm', size, round, 'bare', start);
	END CASE;
	IF made <> size THEN
		RAISE EXCEPTION '% of % rows', made, size;
	END IF;
	IF what <> 'claim' THEN
		PERFORM bench.note(what, size, round, 'cirro', start);
		COMMIT;
		start := clock_timestamp();
		CALL bench.insert_bare(gig, worker);
		PERFORM bench.note(what, size, round, 'bare', start);
	END IF;
	COMMIT;
END $$;

CREATE PROCEDURE bench.measure(what text, sizes int[], rounds int)
LANGUAGE plpgsql AS $$
BEGIN
	-- Small calls, whose plans are kept.
	FOR n IN 1 .. 20 LOOP
		PERFORM FROM space.invite(n, ARRAY[n]);
		PERFORM FROM space.attempt_invitations(100 + n, ARRAY[n + 1]);
		PERFORM space.confirm_notifications(max(claim)) FROM space.claim_notifications(1);
		COMMIT;
	END LOOP;
	FOR round IN 1 .. rounds LOOP
		FOR i IN 1 .. cardinality(sizes) LOOP
			CALL bench.measure_one(what, sizes[i], round);
		END LOOP;
	END LOOP;
END $$;

INSERT INTO space.worker (id, profile)
	SELECT i, '{}' FROM generate_series(1, (SELECT max(n) FROM unnest(ARRAY[:sizes]) n)) i;
SELECT bench.make_gigs(1, 1000, 0) \g /dev/null
SELECT bench.make_gigs(1000000 + n, n, n) FROM unnest(ARRAY[:sizes]) n \g /dev/null
INSERT INTO space.invitation (gig_id, worker_id)
	SELECT g, w.id FROM generate_series(21, 30) g, space.worker w WHERE w.id > 200;
INSERT INTO hand.invitation (id, gig_id, worker_id, origin, invited_at, times_invited)
	SELECT i.id, i.gig_id, i.worker_id, i.origin, i.invited_at, i.times_invited FROM space.invitation i;
INSERT INTO hand.notification (consumer, kind, gig_id, worker_id, invitation_id, revision, status)
	SELECT n.consumer, e.kind, e.gig_id, e.worker_id, e.invitation_id, e.revision, e.status
	FROM space.notification n JOIN space.event e ON e.id = n.event_id ORDER BY n.id;
SELECT setval(pg_get_serial_sequence('hand.' || t, 'id'), 1000000) FROM unnest('{invitation,notification}'::text[]) t \g /dev/null
VACUUM ANALYZE;
