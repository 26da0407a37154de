-- test/bench/stored_measure.sql: how searches for stored filters, attempts and ticks
-- over gigs that are asleep are measured.
--
-- Decides what is done within a sample and what around it. Each search is held against
-- the evaluation of all filters, and each tick against what it has to bring about: a
-- difference is an error, for figures of what is wrong are worth nothing. Must not
-- judge: that is stored_report.sql's.

-- A figure of "what" with filters of a kind, "size" of them; n says how many rows, and
-- candidates how many filters were looked at, each for one document on average.
CREATE TABLE bench.sample (what text NOT NULL, kind text NOT NULL, size bigint NOT NULL, round int NOT NULL,
	ms double precision NOT NULL, n double precision, candidates double precision);

CREATE FUNCTION bench.since(began timestamptz) RETURNS double precision LANGUAGE sql AS $$
	SELECT extract(epoch FROM clock_timestamp() - began) * 1000
$$;

-- Entries of an index that this transaction has read.
CREATE FUNCTION bench.entries_read(index regclass) RETURNS bigint LANGUAGE sql AS $$
	SELECT pg_stat_get_xact_tuples_returned(index)
$$;

-- Who is found by keys, and by evaluation, of which some twenty documents are enough:
-- it takes as long for each. Candidates are the entries that are read; a few are of shapes.
CREATE PROCEDURE bench.match(its_kind text, size bigint, documents text, round int) LANGUAGE plpgsql AS $$
DECLARE
	d record;
	began timestamptz;
	found bigint[];
	matches bigint := 0;
	checked bigint := 0;	-- matches of those that are evaluated
	others bigint := 0;
	ms double precision;
	read bigint;
	count int := (SELECT count(*) FROM bench.document x WHERE x.what = documents);
	step int := greatest(count / 20, 1);
	evaluated int := 0;
BEGIN
	-- The first search of a session reads statistics, and maps shared memory.
	FOR d IN SELECT x.profile FROM bench.asked x WHERE x.what = documents ORDER BY x.id LIMIT 20 LOOP
		PERFORM cirro.matching_gigs('crowd', d.profile);
	END LOOP;
	COMMIT;

	ms := 0;
	read := -bench.entries_read('crowd.gig_key_pkey');
	FOR d IN SELECT x.id, x.profile FROM bench.asked x WHERE x.what = documents ORDER BY x.id LOOP
		began := clock_timestamp();
		found := cirro.matching_gigs('crowd', d.profile);
		ms := ms + bench.since(began);
		matches := matches + cardinality(found);
		IF d.id % step = 0 THEN checked := checked + cardinality(found); END IF;
	END LOOP;
	read := read + bench.entries_read('crowd.gig_key_pkey');
	INSERT INTO bench.sample VALUES ('keys, ' || documents, its_kind, size, round, ms / count, matches::float8 / count, read::float8 / count);
	COMMIT;

	ms := 0;
	FOR d IN SELECT x.profile FROM bench.asked x WHERE x.what = documents AND x.id % step = 0 ORDER BY x.id LOOP
		began := clock_timestamp();
		others := others + (SELECT count(*) FROM crowd.gig_filter f WHERE d.profile OPERATOR(cirro.@@) f.filter);
		ms := ms + bench.since(began);
		evaluated := evaluated + 1;
	END LOOP;
	INSERT INTO bench.sample VALUES ('plain, ' || documents, its_kind, size, round, ms / evaluated);
	IF others <> checked THEN
		RAISE 'of % filters of kind "%" % match by keys, % by evaluation', size, its_kind, checked, others;
	END IF;
END $$;

-- The same filters in a table of somebody's own. A figure has the time that planning
-- takes in it; which plan is taken is another figure.
CREATE PROCEDURE bench.save() LANGUAGE plpgsql AS $$
BEGIN
	DROP TABLE IF EXISTS bench.saved;
	CREATE TABLE bench.saved (id bigint PRIMARY KEY, filter cirro.filter_query NOT NULL);
	INSERT INTO bench.saved SELECT f.gig_id, f.filter FROM crowd.gig_filter f ORDER BY f.gig_id;
END $$;

CREATE PROCEDURE bench.index_saved(its_kind text, size bigint) LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz := clock_timestamp();
BEGIN
	CREATE INDEX saved_filter_idx ON bench.saved USING gin (filter cirro.filter_ops) WITH (fastupdate = off);
	INSERT INTO bench.sample VALUES ('index built', its_kind, size, 1, bench.since(began), pg_relation_size('bench.saved_filter_idx'));
END $$;

CREATE PROCEDURE bench.match_saved(its_kind text, size bigint, documents text, round int) LANGUAGE plpgsql AS $$
DECLARE
	d record;
	began timestamptz;
	found bigint;
	matches bigint := 0;
	checked bigint := 0;
	others bigint := 0;
	ms double precision;
	fetched double precision := 0;
	scans int := 0;
	plan jsonb;
	count int := (SELECT count(*) FROM bench.document x WHERE x.what = documents);
	step int := greatest(count / 20, 1);
	evaluated int := 0;
	query CONSTANT text := 'SELECT s.id FROM bench.saved s WHERE s.filter OPERATOR(cirro.~@@) $1';
BEGIN
	SET LOCAL enable_seqscan = off;
	FOR d IN SELECT x.profile FROM bench.asked x WHERE x.what = documents ORDER BY x.id LIMIT 20 LOOP
		EXECUTE format('SELECT count(*) FROM (%s) q', query) INTO found USING d.profile;
	END LOOP;
	ms := 0;
	FOR d IN SELECT x.id, x.profile FROM bench.asked x WHERE x.what = documents ORDER BY x.id LOOP
		began := clock_timestamp();
		EXECUTE format('SELECT count(*) FROM (%s) q', query) INTO found USING d.profile;
		ms := ms + bench.since(began);
		matches := matches + found;
		IF d.id % step = 0 THEN checked := checked + found; END IF;
	END LOOP;
	INSERT INTO bench.sample VALUES ('index, ' || documents, its_kind, size, round, ms / count, matches::float8 / count);

	SET LOCAL enable_seqscan = on;
	SET LOCAL enable_bitmapscan = off;
	ms := 0;
	FOR d IN SELECT x.profile FROM bench.asked x WHERE x.what = documents AND x.id % step = 0 ORDER BY x.id LOOP
		began := clock_timestamp();
		EXECUTE format('SELECT count(*) FROM (%s) q', query) INTO found USING d.profile;
		ms := ms + bench.since(began);
		others := others + found;
		evaluated := evaluated + 1;
	END LOOP;
	INSERT INTO bench.sample VALUES ('index, plain, ' || documents, its_kind, size, round, ms / evaluated);
	IF others <> checked THEN
		RAISE 'of % filters of kind "%" % match by the index, % by evaluation', size, its_kind, checked, others;
	END IF;

	-- What is fetched, and what the planner would have done.
	IF round = 1 THEN
		SET LOCAL enable_bitmapscan = on;
		FOR d IN SELECT x.profile FROM bench.asked x WHERE x.what = documents ORDER BY x.id LOOP
			EXECUTE 'EXPLAIN (FORMAT JSON) ' || replace(query, '$1', quote_literal(d.profile) || '::jsonb') INTO plan;
			scans := scans + (plan #>> '{0,Plan,Node Type}' = 'Seq Scan')::int;
		END LOOP;
		INSERT INTO bench.sample VALUES ('planner scans, ' || documents, its_kind, size, round, 100.0 * scans / count);
		SET LOCAL enable_seqscan = off;
		FOR d IN SELECT x.profile FROM bench.asked x WHERE x.what = documents ORDER BY x.id LOOP
			EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ' || replace(query, '$1', quote_literal(d.profile) || '::jsonb') INTO plan;
			IF plan #>> '{0,Plan,Node Type}' <> 'Bitmap Heap Scan' THEN
				RAISE 'no index can be used' USING DETAIL = plan::text;
			END IF;
			fetched := fetched + (plan #>> '{0,Plan,Actual Rows}')::float8
				+ coalesce((plan #>> '{0,Plan,Rows Removed by Index Recheck}')::float8, 0);
		END LOOP;
		fetched := fetched / count;
		UPDATE bench.sample s SET candidates = fetched
		WHERE s.what = 'index, ' || documents AND s.kind = its_kind AND s.size = match_saved.size AND s.round = 1;
	END IF;
END $$;

-- Workers whom no gig wants, each a transaction.
CREATE PROCEDURE bench.attempt(its_kind text, size bigint, round int) LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz;
	ids bigint[];
	w bigint;
	made bigint;
	ms double precision := 0;
BEGIN
	WITH added AS (
		INSERT INTO crowd.worker (profile) SELECT x.profile FROM bench.document x
		WHERE x.what = 'unwanted' AND x.id <= 25 ORDER BY x.id RETURNING id)
	SELECT array_agg(added.id) INTO ids FROM added;
	COMMIT;
	FOREACH w IN ARRAY ids LOOP
		began := clock_timestamp();
		SELECT count(*) INTO made FROM crowd.attempt_invitations(w);
		-- The first of a session make plans.
		IF w <> ALL (ids[:5]) THEN ms := ms + bench.since(began); END IF;
		IF made > 0 THEN RAISE 'somebody wants worker %', w; END IF;
		COMMIT;
	END LOOP;
	DELETE FROM crowd.worker x WHERE x.id = ANY (ids);
	INSERT INTO bench.sample VALUES ('attempt', its_kind, size, round, ms / (cardinality(ids) - 5), 0);
END $$;

-- What the keys are of what it takes to write gigs: they are written anew.
CREATE PROCEDURE bench.write_keys(gigs int, round int) LANGUAGE plpgsql AS $$
DECLARE
	ids bigint[] := (SELECT array_agg(i ORDER BY i) FROM generate_series(1, gigs) AS i);
	began timestamptz;
BEGIN
	DELETE FROM crowd.gig_key k WHERE k.gig_id = ANY (ids) AND k.key < '\x07';
	COMMIT;
	began := clock_timestamp();
	PERFORM cirro.write_gig_keys('crowd', ids);
	INSERT INTO bench.sample VALUES ('keys written', 'three', gigs, round, bench.since(began),
		(SELECT count(*) FROM crowd.gig_key k WHERE k.gig_id = ANY (ids) AND k.key < '\x07'));
END $$;

-- ----------------------------------------------------------------- ticks --

-- All gigs have invited everybody whom they could, and wait for nothing else, since that
-- time; by what the last look has written "searched" is of this place.
CREATE PROCEDURE bench.put_to_sleep(last_due timestamptz) LANGUAGE sql AS $$
	UPDATE crowd.gig_state SET exhausted = true, waves = 2, last_wave_at = last_due, last_due_at = last_due,
		next_wave_at = NULL, next_event_at = starts_at, released = NULL, awaits_room = false,
		searched = pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
		searched_on = (SELECT l.place FROM crowd.look l), slept_in = pg_current_xact_id()::text::bigint
	WHERE slept_in IS NULL OR last_due_at > last_due;
$$;

CREATE PROCEDURE bench.tick(what text, size bigint, round int) LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz := clock_timestamp();
	ms double precision;
BEGIN
	CALL cirro.run_waves('crowd');
	ms := bench.since(began);
	INSERT INTO bench.sample SELECT what, '', size, round, ms, count(*) FROM crowd.gig_state s
	WHERE s.slept_in IS NULL AND NOT s.awaits_room;
END $$;

-- Who is to change, and the gigs that are then to be woken.
CREATE TABLE bench.changed (id bigint PRIMARY KEY, is_invited boolean);
CREATE TABLE bench.expected (gig_id bigint PRIMARY KEY);

-- Gigs have invited those who are about to change, but for every hundredth of them.
CREATE PROCEDURE bench.invite_changed(count int) LANGUAGE plpgsql AS $$
DECLARE
	step int := greatest((SELECT f.value::int FROM bench.fact f WHERE f.name = 'workers') / count, 1);
BEGIN
	INSERT INTO bench.changed
	SELECT w.id, row_number() OVER (ORDER BY w.id) % 100 <> 0 AS is_invited
	FROM crowd.worker w WHERE w.id % step = 0 ORDER BY w.id LIMIT count;
	ANALYZE bench.changed;
	SET LOCAL session_replication_role = replica;
	INSERT INTO crowd.invitation (gig_id, worker_id, status, invited_at, responded_at, origin)
	SELECT m.gig_id, w.id, 'rejected', now(), now(), 'wave'
	FROM bench.changed c JOIN crowd.worker w USING (id), unnest(cirro.matching_gigs('crowd', w.profile)) AS m (gig_id)
	WHERE c.is_invited ORDER BY m.gig_id, w.id;
	INSERT INTO bench.fact SELECT 'invitations of the changed', count(*) FROM crowd.invitation;
	INSERT INTO bench.expected
	SELECT DISTINCT m.gig_id
	FROM bench.changed c JOIN crowd.worker w USING (id), unnest(cirro.matching_gigs('crowd', w.profile)) AS m (gig_id)
	WHERE NOT c.is_invited;
END $$;

CREATE PROCEDURE bench.change(round int) LANGUAGE sql AS $$
	UPDATE crowd.worker SET profile = profile || jsonb_build_object('round', round) WHERE id IN (SELECT c.id FROM bench.changed c)
$$;

-- Are those awake whom the changed have woken, and no others?
CREATE PROCEDURE bench.check_woken() LANGUAGE plpgsql AS $$
DECLARE
	missing bigint;
	others bigint;
BEGIN
	SELECT count(*) FILTER (WHERE s.gig_id IS NULL), count(*) FILTER (WHERE e.gig_id IS NULL) INTO missing, others
	FROM bench.expected e FULL JOIN (SELECT x.gig_id FROM crowd.gig_state x WHERE x.slept_in IS NULL) s USING (gig_id);
	IF missing > 0 OR others > 0 THEN
		RAISE '% gigs were not woken, % for nothing', missing, others;
	END IF;
END $$;

-- A hundred gigs for somebody who is yet to come.
CREATE PROCEDURE bench.add_wanting(first bigint) LANGUAGE sql AS $$
	INSERT INTO crowd.gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
	SELECT first + i, 'gig ' || i, 'https://example.org/' || i, now() + interval '10 days', now() + interval '20 days', 5, 10,
		jsonb_build_object('country', 'no AQ', 'skills', 'no ice', 'hourly_rate', jsonb_build_object('$gte', i % 9))
	FROM generate_series(0, 99) i;
$$;

-- Waits until the gigs have invited somebody new, while others run ticks.
CREATE PROCEDURE bench.arrive(size bigint, round int) LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz;
	w bigint;
	invited bigint;
BEGIN
	-- At any time between two ticks.
	PERFORM pg_sleep(bench.dice(round, 40));
	INSERT INTO crowd.worker (profile) SELECT x.profile || '{"country": "no AQ", "skills": ["no ice"]}' FROM bench.document x
	WHERE x.what = 'unwanted' AND x.id = 1 RETURNING id INTO w;
	COMMIT;
	began := clock_timestamp();
	LOOP
		SELECT count(*) INTO invited FROM crowd.invitation i WHERE i.worker_id = w;
		EXIT WHEN invited >= 100;
		IF bench.since(began) > 300000 THEN RAISE 'after five minutes % gigs have invited worker %', invited, w; END IF;
		COMMIT;
		PERFORM pg_sleep(0.01);
	END LOOP;
	INSERT INTO bench.sample VALUES ('arrival', '', size, round, bench.since(began), invited);
END $$;

-- As if a frequency had passed.
CREATE PROCEDURE bench.make_due() LANGUAGE sql AS $$
	UPDATE crowd.gig_state SET next_wave_at = now(), next_event_at = now() WHERE slept_in IS NULL AND NOT awaits_room
$$;

-- Are as many gigs as are said without room for invitations?
CREATE PROCEDURE bench.check_room(gigs bigint) LANGUAGE plpgsql AS $$
DECLARE
	waiting bigint := (SELECT count(*) FROM crowd.gig_state s WHERE s.awaits_room);
BEGIN
	IF waiting <> gigs THEN RAISE '% gigs wait for room, not %', waiting, gigs; END IF;
END $$;
