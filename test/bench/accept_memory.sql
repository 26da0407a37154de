-- test/bench/accept_memory.sql: what a session has allocated after a tenth of
-- :n accepts and after all of them, and the same for waves.
CREATE PROCEDURE bench.accept_some(first int, last int)
LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN first .. last LOOP
		PERFORM space.accept(i);
		COMMIT;
	END LOOP;
END $$;
CREATE PROCEDURE bench.wave_some(n int)
LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. n LOOP
		PERFORM space.run_wave(1 + i % (SELECT count(*)::int FROM space.gig));
		COMMIT;
	END LOOP;
END $$;
CREATE PROCEDURE bench.remember(what text)
LANGUAGE sql AS $$
	INSERT INTO bench.fact SELECT what, sum(total_bytes) FROM pg_backend_memory_contexts;
$$;
SET synchronous_commit = off;
CALL bench.accept_some(0, :n / 10 - 1);
CALL bench.remember('accepts early');
CALL bench.accept_some(:n / 10, :n - 1);
CALL bench.remember('accepts late');
UPDATE space.gig SET total_seats = total_seats + 5, filter_query = '{"nobody": true}', invitation_mode = 'auto';
CALL bench.wave_some(:n / 10);
CALL bench.remember('waves early');
CALL bench.wave_some(:n - :n / 10);
CALL bench.remember('waves late');
INSERT INTO bench.fact VALUES ('memory calls', :n);
