-- test/bench/idle_measure.sql: how idle Spaces are made and looked at.
--
-- Must not judge: that is idle_report.sql's.
\ir busy.sql
CREATE TABLE bench.sample (what text, spaces int, round int, figure double precision);

-- Spaces with one worker and a gig that is done with it.
CREATE PROCEDURE bench.make(first int, last int) LANGUAGE plpgsql AS $$
BEGIN
	FOR n IN first .. last LOOP
		PERFORM cirro.create_space('idle' || n);
		EXECUTE format('INSERT INTO idle%s.worker DEFAULT VALUES', n);
		EXECUTE format('INSERT INTO idle%s.gig (title, url, start_at, end_at, total_seats, filter_query, invitation_frequency)
			VALUES (''g'', ''u'', now() + interval ''30 days'', now() + interval ''60 days'', 1, ''{}'', ''1 day'')', n);
		COMMIT;
	END LOOP;
END $$;

-- Looks of the session, which is a new one: the first, and ten more.
CREATE PROCEDURE bench.measure_looks(spaces int, round int) LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz;
	busy double precision;
BEGIN
	FOR n IN 0 .. 1 LOOP
		busy := bench.busy();
		began := clock_timestamp();
		FOR look IN 1 .. CASE n WHEN 0 THEN 1 ELSE 10 END LOOP
			CALL cirro.run_waves();
		END LOOP;
		INSERT INTO bench.sample VALUES
			(CASE n WHEN 0 THEN 'first' ELSE 'later' END, spaces, round,
				extract(epoch FROM clock_timestamp() - began) * 1000 / CASE n WHEN 0 THEN 1 ELSE 10 END),
			(CASE n WHEN 0 THEN 'first, busy' ELSE 'later, busy' END, spaces, round,
				(bench.busy() - busy) / CASE n WHEN 0 THEN 1 ELSE 10 END);
		COMMIT;
	END LOOP;
END $$;

-- Between two looks of the other session, from the first on that was seen.
CREATE PROCEDURE bench.count_looks(spaces int, round int) LANGUAGE plpgsql AS $$
DECLARE
	looks timestamptz[] := '{}';
	began timestamptz := clock_timestamp();
BEGIN
	WHILE clock_timestamp() < began + interval '18 seconds' LOOP
		PERFORM pg_sleep(0.05);
		PERFORM pg_stat_clear_snapshot();
		looks := looks || ARRAY(SELECT xact_start FROM pg_stat_activity WHERE wait_event IN ('Extension', 'CirroWaves')
			AND NOT xact_start = ANY (looks));
	END LOOP;
	INSERT INTO bench.sample VALUES ('interval', spaces, round,
		extract(epoch FROM looks[cardinality(looks)] - looks[1]) / (cardinality(looks) - 1));
END $$;
