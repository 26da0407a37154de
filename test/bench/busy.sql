-- test/bench/busy.sql: for how long this session has kept a processor busy, in ms; what
-- else runs on the machine counts less in it than in the time by the clock. Linux alone
-- tells, and counts when a process sleeps.
CREATE SCHEMA IF NOT EXISTS bench;
CREATE FUNCTION bench.busy() RETURNS double precision LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(0.001);
	RETURN split_part(pg_read_file('/proc/' || pg_backend_pid() || '/schedstat'), ' ', 1)::double precision / 1e6;
END $$;
