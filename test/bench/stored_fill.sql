-- test/bench/stored_fill.sql: how gigs are written, and invite all whom they can.
--
-- Decides what is done in each of two databases, the other one of an older library and
-- its Spaces; so it may use nothing that is new. Filters are made beforehand: to make
-- one takes as long as to write a gig. Must not judge.

CREATE TABLE bench.filled (what text NOT NULL, size bigint NOT NULL, round int NOT NULL, ms double precision NOT NULL, n bigint);

CREATE TABLE bench.wanted (kind text, id bigint, filter jsonb, PRIMARY KEY (kind, id));
INSERT INTO bench.wanted SELECT 'three', i, bench.make_filter('three', i) FROM generate_series(1, :inserts) AS i;
-- About a dozen workers match each.
INSERT INTO bench.wanted
SELECT 'few', i, bench.filter(i, 3.0 / f.value::bigint) FROM bench.fact f, generate_series(1, :fill) AS i WHERE f.name = 'workers';
VACUUM ANALYZE bench.wanted;

CREATE PROCEDURE bench.write_gigs(its_kind text, round int) LANGUAGE plpgsql AS $$
DECLARE
	size bigint := (SELECT count(*) FROM bench.wanted w WHERE w.kind = its_kind);
	began timestamptz := clock_timestamp();
BEGIN
	FOR part IN 1 .. size BY 20000 LOOP
		INSERT INTO crowd.gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, invitation_frequency, filter_query)
		SELECT w.id, 'gig', 'https://example.org/', now() + interval '10 days', now() + interval '20 days', 5, 10, '5 min', w.filter
		FROM bench.wanted w WHERE w.kind = its_kind AND w.id BETWEEN part AND part + 19999 ORDER BY w.id;
		COMMIT;
	END LOOP;
	INSERT INTO bench.filled SELECT 'written, ' || its_kind, size, round, extract(epoch FROM clock_timestamp() - began) * 1000, size;
END $$;

-- A tick as it is so many frequencies later.
CREATE PROCEDURE bench.later_tick(its_name text, round int, frequencies int) LANGUAGE plpgsql AS $$
DECLARE
	invited bigint := (SELECT count(*) FROM crowd.invitation);
	began timestamptz;
	ms double precision;
BEGIN
	IF frequencies > 0 THEN
		PERFORM set_config('cirro.clock', (now() + frequencies * interval '5 min 30 s')::text, false);
		COMMIT;
	END IF;
	began := clock_timestamp();
	CALL cirro.run_waves('crowd');
	ms := extract(epoch FROM clock_timestamp() - began) * 1000;
	INSERT INTO bench.filled SELECT its_name, (SELECT count(*) FROM crowd.gig), round, ms, count(*) - invited FROM crowd.invitation;
END $$;
