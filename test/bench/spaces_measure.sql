-- test/bench/spaces_measure.sql: how many Spaces are made, and what is measured of them.
--
-- Must not judge: that is spaces_report.sql's. Times are in milliseconds, but for what
-- is asked of all Spaces, which is in seconds.
CREATE SCHEMA bench;
CREATE TABLE bench.sample (what text, spaces int, round int, figure double precision);
CREATE TABLE bench.is_over (yes boolean);

CREATE FUNCTION bench.since(began timestamptz) RETURNS double precision LANGUAGE sql AS $$
	SELECT extract(epoch FROM clock_timestamp() - began) * 1000
$$;

-- Spaces with one worker and a gig that is done with it.
CREATE PROCEDURE bench.make(first int, last int) LANGUAGE plpgsql AS $$
BEGIN
	FOR n IN first .. last LOOP
		PERFORM cirro.create_space('space' || n);
		EXECUTE format('INSERT INTO space%s.worker DEFAULT VALUES', n);
		EXECUTE format('INSERT INTO space%s.gig (title, url, start_at, end_at, total_seats, filter_query, invitation_frequency)
			VALUES (''g'', ''u'', now() + interval ''30 days'', now() + interval ''60 days'', 1, ''{}'', ''1 day'')', n);
		COMMIT;
	END LOOP;
END $$;

-- Ten more, and away with them: the first of a session is another matter.
CREATE PROCEDURE bench.measure_making(spaces int, round int) LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz;
BEGIN
	FOR n IN 0 .. 10 LOOP
		began := clock_timestamp();
		PERFORM cirro.create_space('one_more' || n);
		COMMIT;
		IF n > 0 THEN
			INSERT INTO bench.sample VALUES ('create', spaces, round, bench.since(began));
		END IF;
		COMMIT;
	END LOOP;
	FOR n IN 0 .. 10 LOOP
		began := clock_timestamp();
		PERFORM cirro.drop_space('one_more' || n);
		COMMIT;
		IF n > 0 THEN
			INSERT INTO bench.sample VALUES ('drop', spaces, round, bench.since(began));
		END IF;
		COMMIT;
	END LOOP;
END $$;

-- The first call of a function in the session, which is a new one, and a later one in
-- another Space; a session has made a call of cirro's before, and so loaded the library.
CREATE PROCEDURE bench.measure_call(call text, spaces int, round int) LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz;
	arguments text := CASE call WHEN 'worker_id' THEN '''nobody''' ELSE '1' END;
BEGIN
	PERFORM cirro.now();
	FOR n IN 1 .. 2 LOOP
		began := clock_timestamp();
		EXECUTE format('SELECT FROM space%s.%I(%s)', n, call, arguments);
		INSERT INTO bench.sample VALUES (CASE n WHEN 1 THEN 'first ' ELSE 'next ' END || call, spaces, round, bench.since(began));
	END LOOP;
END $$;

CREATE PROCEDURE bench.measure_tick(spaces int, round int) LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz;
BEGIN
	FOR n IN 0 .. 1 LOOP
		began := clock_timestamp();
		FOR look IN 1 .. CASE n WHEN 0 THEN 1 ELSE 10 END LOOP
			CALL cirro.run_waves();
		END LOOP;
		INSERT INTO bench.sample VALUES (CASE n WHEN 0 THEN 'first tick' ELSE 'later tick' END, spaces, round,
			bench.since(began) / CASE n WHEN 0 THEN 1 ELSE 10 END);
		COMMIT;
	END LOOP;
END $$;

-- What another version of cirro would bring: the comment of a function is another, each time.
CREATE PROCEDURE bench.change_ddl() LANGUAGE plpgsql AS $$
DECLARE
	was text := pg_get_functiondef('cirro.space_code()'::regprocedure);
BEGIN
	EXECUTE regexp_replace(was, 'the worker takes +', '\& ');
	ASSERT pg_get_functiondef('cirro.space_code()'::regprocedure) <> was;
END $$;

CREATE PROCEDURE bench.measure_upgrade(what text, spaces int) LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz := clock_timestamp();
BEGIN
	CALL cirro.upgrade_spaces();
	INSERT INTO bench.sample VALUES (what, spaces, 1, bench.since(began) / 1000);
END $$;

-- What the catalogues take, in MB.
CREATE PROCEDURE bench.measure_size(spaces int) LANGUAGE sql AS $$
	INSERT INTO bench.sample
	SELECT 'catalogues', spaces, 1, sum(pg_total_relation_size(c.oid)) / 1e6
	FROM pg_class c WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r'
$$;

-- The most locks that pg_dump has held until it is over.
CREATE PROCEDURE bench.count_locks(what text, spaces int) LANGUAGE plpgsql AS $$
DECLARE
	most bigint := 0;
BEGIN
	WHILE NOT EXISTS (SELECT FROM bench.is_over) LOOP
		most := greatest(most, (SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
			WHERE a.application_name = 'pg_dump' AND NOT l.fastpath));
		COMMIT;
		PERFORM pg_sleep(0.2);
	END LOOP;
	INSERT INTO bench.sample VALUES (what || ', locks', spaces, 1, most);
END $$;
