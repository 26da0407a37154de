-- test/bench/spaces_measure.sql: how many Spaces are made, and what is measured of them.
--
-- Must not judge: that is spaces_report.sql's. Times are in milliseconds, but for what
-- is asked of all Spaces, which is in seconds; "busy" is for how much of it a processor
-- was, by what Linux says.
\ir busy.sql
CREATE TABLE bench.sample (variant text, what text, spaces int, round int, figure double precision, busy double precision);
CREATE TABLE bench.is_over (yes boolean);

-- Runs a statement so many times, a transaction each, with the number of the time in the
-- place of "%s", and keeps what one has taken.
CREATE PROCEDURE bench.measure(variant text, what text, spaces int, round int, statement text, times int DEFAULT 1)
LANGUAGE plpgsql AS $$
DECLARE
	busy double precision := bench.busy();
	began timestamptz := clock_timestamp();
	ended timestamptz;
BEGIN
	FOR n IN 1 .. times LOOP
		EXECUTE format(statement, n);
		COMMIT;
	END LOOP;
	ended := clock_timestamp();
	INSERT INTO bench.sample VALUES (variant, what, spaces, round,
		extract(epoch FROM ended - began) * 1000 / times, (bench.busy() - busy) / times);
	COMMIT;
END $$;

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
CREATE PROCEDURE bench.measure_making(variant text, spaces int, round int) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cirro.create_space('one_more');
	COMMIT;
	CALL bench.measure(variant, 'create', spaces, round, 'SELECT cirro.create_space(''one_more%s'')', 10);
	PERFORM cirro.drop_space('one_more');
	COMMIT;
	CALL bench.measure(variant, 'drop', spaces, round, 'SELECT cirro.drop_space(''one_more%s'')', 10);
END $$;

-- The first call of a function in the session, which is a new one, and one of another
-- Space then; the library is loaded already.
CREATE PROCEDURE bench.measure_call(variant text, call text, spaces int, round int) LANGUAGE plpgsql AS $$
DECLARE
	arguments text := CASE call WHEN 'worker_id' THEN '''nobody''' ELSE '1' END;
BEGIN
	PERFORM cirro.now();
	CALL bench.measure(variant, 'first ' || call, spaces, round, format('SELECT FROM space1.%I(%s)', call, arguments));
	CALL bench.measure(variant, 'next ' || call, spaces, round, format('SELECT FROM space2.%I(%s)', call, arguments));
END $$;

-- Not by bench.measure: what EXECUTE runs is one transaction.
CREATE PROCEDURE bench.measure_tick(variant text, spaces int, round int) LANGUAGE plpgsql AS $$
DECLARE
	busy double precision;
	began timestamptz;
	ended timestamptz;
	times int;
BEGIN
	FOREACH times IN ARRAY '{1,10}'::int[] LOOP
		busy := bench.busy();
		began := clock_timestamp();
		FOR n IN 1 .. times LOOP
			CALL cirro.run_waves();
		END LOOP;
		ended := clock_timestamp();
		INSERT INTO bench.sample VALUES (variant, CASE times WHEN 1 THEN 'first tick' ELSE 'later tick' END, spaces, round,
			extract(epoch FROM ended - began) * 1000 / times, (bench.busy() - busy) / times);
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

CREATE PROCEDURE bench.measure_upgrade(variant text, what text, spaces int) LANGUAGE plpgsql AS $$
DECLARE
	busy double precision := bench.busy();
	began timestamptz := clock_timestamp();
BEGIN
	CALL cirro.upgrade_spaces();
	INSERT INTO bench.sample VALUES (variant, what, spaces, 1,
		extract(epoch FROM clock_timestamp() - began), (bench.busy() - busy) / 1000);
END $$;

-- What the catalogues take, in MB.
CREATE PROCEDURE bench.measure_size(spaces int) LANGUAGE sql AS $$
	INSERT INTO bench.sample
	SELECT 'cirro', 'catalogues', spaces, 1, sum(pg_total_relation_size(c.oid)) / 1e6
	FROM pg_class c WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r'
$$;

-- What a session, which is a new one, remembers of the catalogues once it has looked up
-- all functions of one Space, in MB.
CREATE PROCEDURE bench.measure_memory(spaces int) LANGUAGE plpgsql AS $$
DECLARE
	call text;
BEGIN
	FOR call IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'space1'::regnamespace LOOP
		PERFORM call::regprocedure;
	END LOOP;
	INSERT INTO bench.sample SELECT 'cirro', 'memory', spaces, 1, sum(total_bytes) / 1e6
	FROM pg_backend_memory_contexts WHERE 'CacheMemoryContext' IN (name, parent);
END $$;

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
	INSERT INTO bench.sample VALUES ('cirro', what || ', locks', spaces, 1, most);
END $$;
