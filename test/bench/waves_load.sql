-- test/bench/waves_load.sql: a Space "crowd" with the workers and gigs that waves
-- are measured on.
--
-- Decides what they are like: the profiles of filter_load.sql become workers;
-- make_gigs makes gigs with filters of three conditions that match a given part
-- of them. The same at every run, for each answer is a hash. Must not measure.

SELECT cirro.create_space('crowd') \g /dev/null

-- As pg_restore would: rows first.
DROP INDEX crowd.worker_lot_idx, crowd.worker_profile_idx, crowd.worker_changed_in_idx;
ALTER TABLE crowd.worker DISABLE TRIGGER cirro_check;
INSERT INTO crowd.worker (id, profile, lot) SELECT id, profile, hashint8(id + 17) FROM profile_bench ORDER BY id;
ALTER TABLE crowd.worker ENABLE TRIGGER cirro_check;
DROP TABLE profile_bench;
CREATE INDEX worker_lot_idx ON crowd.worker (lot, id) WHERE active;
CREATE INDEX worker_changed_in_idx ON crowd.worker (changed_in) WHERE active;
CREATE INDEX worker_profile_idx ON crowd.worker USING gin (profile cirro.profile_ops) WITH (gin_pending_list_limit = 512);
VACUUM (FREEZE, ANALYZE) crowd.worker;

CREATE SCHEMA IF NOT EXISTS bench;

-- A number from 0 to 1 that gig i throws for question q.
CREATE FUNCTION bench.dice(i bigint, q bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
	SELECT (hashint8extended(i, q + 5000) & 1048575) / 1048576.0
$$;

-- A filter of three conditions that "part" of all profiles match: one of the
-- more frequent countries, one of three further conditions, and a limit of
-- hourly_rate for the rest of the way, a fifth more or less. filter_load.sql says
-- how often each is. Hardly two filters are the same.
CREATE FUNCTION bench.filter(i bigint, part double precision) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	names text[] := '{US,IN,BR,GB,DE,FR,CA,NG,PL,ES}';
	k int := CASE WHEN part > 0.02 THEN 1 ELSE 1 + floor(bench.dice(i, 1) * 10)::int END;
	rest double precision := part * (0.8 + 0.4 * bench.dice(i, 2)) / (power(k / 204.0, 1 / 3.5) - power((k - 1) / 204.0, 1 / 3.5));
	filter jsonb := jsonb_build_object('country', names[k]);
BEGIN
	CASE i % 3
		WHEN 0 THEN
			filter := filter || '{"verified": true}';
			rest := rest / 0.7;
		WHEN 1 THEN
			filter := filter || '{"rating": {"$gte": 3.0}}';
			rest := rest / (1 - power(1.95 / 4, 2));
		ELSE
			filter := filter || '{"hours_per_week": {"$gte": 10}}';
			rest := rest / (1 - power(4 / 20.0, 1 / 1.2));
	END CASE;
	RETURN filter || jsonb_build_object('hourly_rate', jsonb_build_object('$lt',
		round((9 + 140 * power(least(rest, 1), 2.5))::numeric, 4)));
END $$;

-- "count" open gigs that want 50 workers each; due, or not for a day.
CREATE FUNCTION bench.make_gigs(count int, part double precision, due boolean DEFAULT true, sort jsonb DEFAULT NULL)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO crowd.gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query, sort_query)
	SELECT i, 'gig ' || i, 'https://example.org/' || i, now() + interval '10 days', now() + interval '20 days', 5, 10,
		bench.filter(i, part), sort
	FROM generate_series(1, count) AS i;
	IF NOT due THEN
		UPDATE crowd.gig_state SET next_wave_at = now() + interval '1 day', next_event_at = now() + interval '1 day';
	END IF;
END $$;

-- As if there had never been a gig, but for the workers. No table is as large as
-- what it takes to make one.
CREATE PROCEDURE bench.clear(gigs boolean DEFAULT true) LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	TRUNCATE crowd.invitation, crowd.event, crowd.notification, crowd.wave, crowd.attempt;
	IF gigs THEN
		TRUNCATE crowd.gig_state, crowd.gig_filter, crowd.gig_key;
		TRUNCATE crowd.gig, crowd.invitation;
	ELSE
		UPDATE crowd.gig_state SET accepted = 0, waves = 0, failures = 0, last_due_at = NULL, last_wave_at = NULL,
			exhausted = false, searched = NULL, slept_in = NULL, awaits_room = false, next_wave_at = now(), next_event_at = now();
	END IF;
END $$;
