-- test/bench/session_load.sql: gigs of three kinds, and what a session can be made
-- to know before their waves.
--
-- Decides what the gigs look for, after waves_load.sql. Must not measure.

CREATE EXTENSION pageinspect SCHEMA bench;
CREATE TABLE bench.sample (way text, before text, kind text, wave int, ms double precision, elapsed double precision, faults bigint);
CREATE TABLE bench.gig (id bigint PRIMARY KEY, kind text, used boolean NOT NULL DEFAULT false);

-- Open gigs that are not due, a third of them of each kind.
CREATE PROCEDURE bench.make(count int) LANGUAGE plpgsql AS $$
DECLARE
	languages text[] := '{tl,ms,zu,ha,yo,am,sw,th}';
BEGIN
	PERFORM bench.make_gigs(count, 0.01, false);
	INSERT INTO bench.gig SELECT id, (ARRAY['0.01 %', '1 %', '50 %'])[1 + id % 3] FROM crowd.gig;
	UPDATE crowd.gig g SET filter_query = jsonb_build_object('languages.code', languages[1 + g.id / 3 % 8], 'country', 'US',
		'verified', true, 'hourly_rate', '{"$gt": 100}'::jsonb)
	FROM bench.gig b WHERE b.id = g.id AND b.kind = '0.01 %';
	UPDATE crowd.gig g SET filter_query = jsonb_build_object('hourly_rate', jsonb_build_object('$lt', 33 + g.id % 17 / 10.0))
	FROM bench.gig b WHERE b.id = g.id AND b.kind = '50 %';
	UPDATE crowd.gig SET invitation_frequency = '1 day';
	UPDATE crowd.gig_state SET next_wave_at = now() + interval '1 day', next_event_at = now() + interval '1 day';
END $$;

-- A Space with three workers, and gigs that want them.
CREATE PROCEDURE bench.make_few(count int) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cirro.create_space('few');
	INSERT INTO few.worker (profile) SELECT '{"a": 1}' FROM generate_series(1, 3);
	INSERT INTO few.gig (id, title, url, start_at, end_at, total_seats, filter_query, invitation_frequency)
	SELECT i, 'gig', 'https://example.org', now() + interval '10 days', now() + interval '20 days', 1, '{"a": 1}', '1 day' FROM generate_series(1, count) AS i;
	UPDATE few.gig_state SET next_wave_at = now() + interval '1 day', next_event_at = now() + interval '1 day';
	INSERT INTO bench.gig SELECT -g.id, 'few' FROM few.gig g;
END $$;

-- As many gigs of that kind that have had no wave; for run_waves they are due.
CREATE FUNCTION bench.take(its_kind text, count int, due boolean) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
DECLARE
	ids bigint[] := ARRAY(SELECT g.id FROM bench.gig g WHERE g.kind = its_kind AND NOT g.used ORDER BY abs(g.id) LIMIT count);
BEGIN
	UPDATE bench.gig SET used = true WHERE id = ANY (ids);
	IF due AND its_kind = 'few' THEN
		UPDATE few.gig_state SET slept_in = NULL, awaits_room = false, next_wave_at = now(), next_event_at = now() WHERE -gig_id = ANY (ids);
	ELSIF due THEN
		UPDATE crowd.gig_state SET slept_in = NULL, awaits_room = false, next_wave_at = now(), next_event_at = now() WHERE gig_id = ANY (ids);
	END IF;
	RETURN QUERY SELECT abs(id) FROM unnest(ids) AS id;
END $$;

-- Reads every page of the Space's tables and indexes, and of the catalogues.
CREATE FUNCTION bench.map() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(bench.get_raw_page(c.oid::regclass::text, 'main', b::int))
	FROM pg_class c, generate_series(0, pg_relation_size(c.oid) / current_setting('block_size')::int - 1) b
	WHERE c.relnamespace IN ('crowd'::regnamespace, 'pg_catalog'::regnamespace) AND c.relkind IN ('r', 'i')
$$;
