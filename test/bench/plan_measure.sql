-- test/bench/plan_measure.sql: how the Spaces of a plan are made, filled, ticked over and
-- reported (psql -At), for plan.sh. Workers and gigs are those of waves_load.sql, in each
-- Space the same.
\ir busy.sql
CREATE SCHEMA plan;
CREATE TABLE plan.sample (what text, round int, ms double precision, busy double precision, invited bigint);

-- Given ids are counted: sequences are read without reading invitations.
CREATE FUNCTION plan.invited() RETURNS bigint LANGUAGE sql AS $$
	SELECT coalesce(sum(s.last_value), 0) FROM pg_sequences s WHERE s.sequencename = 'invitation_id_seq'
$$;

CREATE PROCEDURE plan.keep(what text, round int, began timestamptz, busy double precision, invited bigint) LANGUAGE sql AS $$
	INSERT INTO plan.sample VALUES (what, round, extract(epoch FROM clock_timestamp() - began) * 1000, bench.busy() - busy, plan.invited() - invited)
$$;

CREATE PROCEDURE plan.make(spaces int) LANGUAGE plpgsql AS $$
DECLARE
	busy double precision := bench.busy();
	began timestamptz := clock_timestamp();
BEGIN
	FOR n IN 1 .. spaces LOOP
		PERFORM cirro.create_space(format('space%s', n)::name);
		COMMIT;
	END LOOP;
	CALL plan.keep('all Spaces made', 1, began, busy, plan.invited());
END $$;

-- As pg_restore would: rows first. A gig's second wave is due as soon as there is a tick.
CREATE PROCEDURE plan.fill(spaces int, gigs int) LANGUAGE plpgsql AS $$
DECLARE
	busy double precision := bench.busy();
	began timestamptz := clock_timestamp();
	workers bigint := (SELECT count(*) FROM profile_kept);
BEGIN
	FOR n IN 1 .. spaces LOOP
		PERFORM set_config('search_path', format('space%s', n), true);
		DROP INDEX worker_lot_idx, worker_profile_idx, worker_changed_in_idx;
		ALTER TABLE worker DISABLE TRIGGER cirro_check;
		INSERT INTO worker (id, profile, lot) SELECT p.id, p.profile, hashint8(p.id + n) FROM public.profile_kept p ORDER BY p.id;
		ALTER TABLE worker ENABLE ALWAYS TRIGGER cirro_check;
		CREATE INDEX worker_lot_idx ON worker (lot, id) WHERE active;
		CREATE INDEX worker_changed_in_idx ON worker (changed_in) WHERE active;
		CREATE INDEX worker_profile_idx ON worker USING gin (profile cirro.profile_ops) WITH (gin_pending_list_limit = 512);
		ANALYZE worker;
		INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, invitation_frequency, filter_query)
		SELECT i, 'gig ' || i, 'https://example.org/' || i, now() + interval '10 days', now() + interval '20 days', 5, 10,
			'1 second', bench.filter(i, 8.0 / workers)
		FROM generate_series(1, gigs) AS i;
		COMMIT;
	END LOOP;
	CALL plan.keep('all filled', 1, began, busy, plan.invited());
END $$;

CREATE PROCEDURE plan.tick(what text, round int) LANGUAGE plpgsql AS $$
DECLARE
	invited bigint := plan.invited();
	busy double precision := bench.busy();
	began timestamptz := clock_timestamp();
BEGIN
	CALL cirro.run_waves();
	CALL plan.keep(what, round, began, busy, invited);
END $$;

CREATE FUNCTION plan.awake(spaces int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	awake bigint := 0;
	here bigint;
BEGIN
	FOR n IN 1 .. spaces LOOP
		EXECUTE format('SELECT count(*) FROM space%s.gig_state s WHERE s.slept_in IS NULL AND s.accepted < s.target', n) INTO here;
		awake := awake + here;
	END LOOP;
	RETURN awake;
END $$;

CREATE PROCEDURE plan.tick_until_asleep(spaces int) LANGUAGE plpgsql AS $$
BEGIN
	FOR round IN 1 .. 20 LOOP
		PERFORM pg_sleep(2);
		CALL plan.tick('waves until all are asleep', round);
		COMMIT;
		EXIT WHEN plan.awake(spaces) = 0;
	END LOOP;
	IF plan.awake(spaces) > 0 THEN
		RAISE EXCEPTION '% gigs are awake after 20 ticks', plan.awake(spaces);
	END IF;
END $$;

-- One worker, in so many of the Spaces, becomes like somebody whom gigs have invited.
CREATE PROCEDURE plan.change(changed int, round int) LANGUAGE plpgsql AS $$
DECLARE
	spaces int := (SELECT count(*) FROM cirro.spaces());
BEGIN
	FOR n IN 1 .. changed LOOP
		EXECUTE format('UPDATE %1$I.worker SET profile = (SELECT p.profile FROM %1$I.invitation i JOIN public.profile_kept p ON p.id = i.worker_id
			WHERE i.id = $1) || jsonb_build_object(''round'', $2) WHERE id = $2', format('space%s', 1 + (n - 1) * spaces / changed))
			USING 97 * round, round;
	END LOOP;
END $$;

CREATE FUNCTION plan.report() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT format(E'## A database of Spaces\n\n%s; %s Spaces with %s workers and %s open gigs each, %s on disk; shared_buffers %s, no fsync, no autovacuum.\n',
		substring(version() FROM '^\S+ \S+'), count(*), (SELECT count(*) FROM space1.worker), (SELECT count(*) FROM space1.gig),
		pg_size_pretty(pg_database_size(current_database())), current_setting('shared_buffers')) FROM cirro.spaces();
	RETURN QUERY SELECT E'| what | times | ms, median | ms of a processor | invited |\n|---|---|---|---|---|';
	RETURN QUERY SELECT format('| %s | %s | %s | %s | %s |', s.what, count(*),
		round(percentile_cont(0.5) WITHIN GROUP (ORDER BY s.ms)), round(percentile_cont(0.5) WITHIN GROUP (ORDER BY s.busy)), sum(s.invited))
	FROM plan.sample s GROUP BY s.what ORDER BY array_position('{all Spaces made,all filled,first waves of all,waves until all are asleep,nothing to do: a new session,nothing to do: later}', s.what), s.what DESC;
END $$;
