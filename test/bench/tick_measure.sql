-- test/bench/tick_measure.sql: how ticks are brought about, measured and reported
-- (psql -At), for tick.sh.
\ir busy.sql
CREATE TABLE bench.sample (what text, gigs int, round int, ms double precision, busy double precision, invited bigint);

CREATE PROCEDURE bench.tick(what text, gigs int, round int) LANGUAGE plpgsql AS $$
DECLARE
	invited bigint := (SELECT count(*) FROM crowd.invitation);
	busy double precision := bench.busy();
	began timestamptz := clock_timestamp();
BEGIN
	CALL cirro.run_waves('crowd');
	INSERT INTO bench.sample VALUES (what, gigs, round, extract(epoch FROM clock_timestamp() - began) * 1000, bench.busy() - busy,
		(SELECT count(*) FROM crowd.invitation) - invited);
END $$;

CREATE PROCEDURE bench.make_due(gigs int) LANGUAGE sql AS $$
	UPDATE crowd.gig_state SET slept_in = NULL, awaits_room = false, next_wave_at = now(), next_event_at = now() WHERE gig_id <= gigs
$$;

-- As if all gigs had all their seats taken, which statistics do not know.
CREATE PROCEDURE bench.fill() LANGUAGE plpgsql AS $$
BEGIN
	UPDATE crowd.setting SET cleaned_at = now();
	UPDATE crowd.gig_state SET next_event_at = now();
	ANALYZE crowd.gig_state;
	UPDATE crowd.gig_state SET accepted = target, slept_in = NULL, awaits_room = false, next_wave_at = NULL, next_event_at = starts_at;
END $$;

CREATE PROCEDURE bench.empty() LANGUAGE sql AS $$
	UPDATE crowd.gig_state SET accepted = 0, slept_in = NULL, awaits_room = false, next_wave_at = now() + interval '1 day', next_event_at = now() + interval '1 day'
$$;

CREATE PROCEDURE bench.change(count int, round int) LANGUAGE sql AS $$
	UPDATE crowd.worker SET profile = profile || jsonb_build_object('round', round)
	WHERE id % greatest((SELECT count(*) FROM crowd.worker) / count, 1) = round
$$;

CREATE PROCEDURE bench.limit(of_gig int, of_worker int) LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	UPDATE crowd.gig SET pending_max = of_gig WHERE pending_max IS DISTINCT FROM of_gig;
	UPDATE crowd.setting SET max_pending = of_worker;
END $$;

CREATE FUNCTION bench.report() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT format(E'## Ticks with little to do\n\n%s, %s workers, %s open gigs, shared_buffers %s, no fsync, no autovacuum; medians of %s.\n',
		substring(version() FROM '^\S+ \S+'), (SELECT count(*) FROM crowd.worker), (SELECT count(*) FROM crowd.gig),
		current_setting('shared_buffers'), (SELECT max(round) FROM bench.sample));
	RETURN QUERY SELECT E'| a tick | due gigs | ms | ms of a processor | invited |\n|---|---|---|---|---|';
	RETURN QUERY SELECT format('| %s | %s | %s | %s | %s |', w.title, CASE WHEN w.what LIKE 'filled%' THEN 0 ELSE max(s.gigs) END,
		round(percentile_cont(0.5) WITHIN GROUP (ORDER BY s.ms)::numeric, CASE WHEN w.what LIKE 'filled%' THEN 1 ELSE 0 END),
		round(percentile_cont(0.5) WITHIN GROUP (ORDER BY s.busy)), max(s.invited))
	FROM (VALUES (1, 'filled', 'all gigs filled, statistics stale'), (2, 'filled, new session', 'the same, first of a session'),
		(3, 'first waves', 'first waves'), (4, 'exhausted', 'exhausted, no worker changed'),
		(5, 'changed', 'exhausted, some workers changed'), (6, 'pending_max', 'at `pending_max`'),
		(7, 'max_pending', 'exhausted, under `max_pending`')) AS w (n, what, title)
		JOIN bench.sample s USING (what) GROUP BY w.n, w.what, w.title ORDER BY w.n;
	RETURN QUERY SELECT E'\n| bar | figure | |\n|---|---|---|';
	RETURN QUERY SELECT format('| a tick over filled gigs: at most 10 ms | %s | %s |', round(ms::numeric, 1),
		CASE WHEN ms <= 10 THEN 'met' ELSE '**NOT met**' END)
	FROM (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY s.ms) AS ms FROM bench.sample s WHERE s.what = 'filled') AS m;
END $$;
