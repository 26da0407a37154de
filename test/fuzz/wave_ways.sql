-- Has waves look for workers in each of their ways, in the same random state:
-- they have to invite the same workers.
--
--     psql -X -v rounds=20 -v seed=0.25 -f test/fuzz/wave_ways.sql
--
-- A round makes random workers, gigs, many of them with filters that depend on time,
-- and invitations, and copies them to one Space for each way: one pass over the workers; one with so little memory that
-- it takes several; as cirro chooses; a search for each gig, left to the planner;
-- by the index on profiles alone; by the index on lots alone; by reading all; one
-- that forgets before each run what it has searched; and two that write nothing
-- directly.
-- Then waves run at the same time by the clock, and workers answer, profiles and
-- gigs change in between. After each run invitations, waves, notifications and
-- states of gigs are compared. In every other round one more way takes part, in
-- which no gig may sleep: each is woken before each run, and searches among all. It
-- has more waves, so those gigs have orders that tell all workers apart, and are due
-- at each run; then invitations and notifications are compared, of some of the other
-- ways. "seed", between 0 and 1, repeats a run (random if not given; the first line
-- says it, and so does an error). Any difference is an error of this script, and so
-- is a test that would show nothing. Uses schemas cirro_ways… of the current
-- database, which must have the extension; leaves nothing behind. The user must be
-- superuser.
\set ON_ERROR_STOP on
\if :{?rounds}
\else
\set rounds 20
\endif
\if :{?seed}
\else
SELECT round(random()::numeric, 6) AS seed \gset
\endif
\echo seed :seed
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS cirro_ways CASCADE;
CREATE SCHEMA cirro_ways;
SET search_path = cirro_ways, pg_catalog;
SET cirro_ways.seed = :'seed';
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SET timezone = 'UTC';

-- An index that is not to be used is not there.
CREATE TABLE way (
	space name PRIMARY KEY,
	wave_search text NOT NULL,
	wave_memory text NOT NULL,
	profile_idx boolean NOT NULL,
	lot_idx boolean NOT NULL,
	seqscan text NOT NULL,
	forgets boolean NOT NULL DEFAULT false,
	direct text NOT NULL DEFAULT 'on',
	sleeps boolean NOT NULL DEFAULT true
);
INSERT INTO way VALUES
	('cirro_ways_pass', 'batch', '64MB', true, true, 'on'),
	('cirro_ways_passes', 'batch', '64kB', true, true, 'on'),
	('cirro_ways_auto', 'auto', '64MB', true, true, 'on'),
	('cirro_ways_single', 'single', '64MB', true, true, 'on'),
	('cirro_ways_profile', 'single', '64MB', true, false, 'off'),
	('cirro_ways_lot', 'single', '64MB', false, true, 'off'),
	('cirro_ways_read', 'single', '64MB', false, false, 'on');
INSERT INTO way VALUES ('cirro_ways_forget', 'auto', '64MB', true, true, 'on', true, 'on'),
	('cirro_ways_statements', 'auto', '64MB', true, true, 'on', false, 'off'),
	('cirro_ways_statements_pass', 'batch', '64MB', true, true, 'on', false, 'off');
INSERT INTO way VALUES ('cirro_ways_wake', 'auto', '64MB', true, true, 'on', true, 'on', false);

DO $$
DECLARE
	it way;
BEGIN
	FOR it IN SELECT * FROM way LOOP
		IF to_regnamespace(it.space) IS NOT NULL THEN
			EXECUTE format('DROP SCHEMA %I CASCADE', it.space);
		END IF;
		PERFORM cirro.create_space(it.space);
		IF NOT it.profile_idx THEN
			EXECUTE format('DROP INDEX %I.worker_profile_idx', it.space);
		END IF;
		IF NOT it.lot_idx THEN
			EXECUTE format('DROP INDEX %I.worker_lot_idx', it.space);
		END IF;
		-- Rules: half of the workers, or so few that waves give up; and two invitations
		EXECUTE format($q$
			CREATE FUNCTION %1$I.may_half(gig_id bigint, worker_ids bigint[]) RETURNS bigint[] LANGUAGE sql STABLE
				AS 'SELECT array_agg(w ORDER BY w) FROM unnest(worker_ids) w WHERE hashint8extended(w, gig_id) & 1 = 0';
			CREATE FUNCTION %1$I.may_few(gig_id bigint, worker_ids bigint[]) RETURNS bigint[] LANGUAGE sql STABLE
				AS 'SELECT array_agg(w ORDER BY w) FROM unnest(worker_ids) w WHERE hashint8extended(w, gig_id) & 255 = 0';
			CREATE FUNCTION %1$I.may_twice(gig_id bigint, worker_ids bigint[]) RETURNS bigint[] LANGUAGE sql STABLE
				AS 'SELECT array_agg(w) FROM unnest(worker_ids) w WHERE 2 > (SELECT count(*) FROM %1$I.invitation i
					WHERE i.worker_id = w AND i.invited_at > cirro.now() - interval ''10 minutes'')'$q$, it.space);
	END LOOP;
END $$;

--
-- Random states
--

CREATE FUNCTION pick(VARIADIC choices text[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN choices[1 + floor(random() * cardinality(choices))::int];
END $$;

CREATE FUNCTION upto(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RETURN floor(random() * (n + 1));
END $$;

CREATE FUNCTION profile() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN jsonb_strip_nulls(jsonb_build_object(
		'city', CASE WHEN random() < 0.9 THEN pick('Ulm', 'Ulm', 'Ulm', 'Bonn', 'Bonn', 'Trier', 'Celle') END,
		'n', CASE WHEN random() < 0.9 THEN upto(99) END,
		'day', CASE WHEN random() < 0.7 THEN to_char(date '2024-01-01' + upto(300), 'YYYY-MM-DD') END,
		'tags', CASE WHEN random() < 0.8 THEN (SELECT jsonb_agg(pick('a', 'b', 'c', 'd', 'e', 'rare' || upto(20)))
			FROM generate_series(0, upto(3))) END,
		'at', CASE WHEN random() < 0.6 THEN jsonb_build_array(
			jsonb_build_object('code', pick('x', 'y', 'z'), 'level', upto(5)),
			jsonb_build_object('code', pick('x', 'y', 'z'), 'level', upto(5))) END,
		'ok', random() < 0.7));
END $$;

CREATE FUNCTION condition() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN CASE upto(21)
		WHEN 0 THEN format('{"city": "%s"}', pick('Ulm', 'Bonn', 'Trier', 'Celle', 'Nowhere'))
		WHEN 1 THEN format('{"n": {"$gte": %s}}', upto(99))
		WHEN 2 THEN format('{"n": {"$gt": %s, "$lt": %s}}', upto(60), 40 + upto(60))
		WHEN 3 THEN format('{"tags": "%s"}', pick('a', 'b', 'c', 'rare1', 'rare2', 'rare' || upto(20)))
		WHEN 4 THEN format('{"tags": {"$in": ["%s", "%s"]}}', pick('a', 'd', 'rare3'), 'rare' || upto(20))
		WHEN 5 THEN format('{"city": {"$nin": ["%s", "%s"]}}', pick('Ulm', 'Bonn'), pick('Trier', 'Celle'))
		WHEN 6 THEN format('{"city": {"$ne": "%s"}}', pick('Ulm', 'Bonn', 'Nowhere'))
		WHEN 7 THEN format('{"city": {"$regex": "%s"}}', pick('^U', 'l', '^B.*n$', 'e.?l', '^(Ulm|Celle)$'))
		WHEN 8 THEN format('{"day": {"$gte": "2024-%s"}}', lpad((1 + upto(11))::text, 2, '0'))
		WHEN 9 THEN format('{"at": {"$elemMatch": {"code": "%s", "level": {"$gte": %s}}}}', pick('x', 'y', 'z'), upto(5))
		WHEN 10 THEN format('{"at.level": %s}', upto(7))
		WHEN 11 THEN format('{"tags": {"$all": ["%s", "%s"]}}', pick('a', 'b'), pick('c', 'd', 'rare5'))
		WHEN 12 THEN format('{"%s": {"$exists": %s}}', pick('city', 'n', 'day', 'at', 'never'), pick('true', 'false'))
		WHEN 13 THEN format('{"n": {"$not": {"$lt": %s}}}', upto(99))
		WHEN 14 THEN format('{"ok": %s}', pick('true', 'false'))
		WHEN 15 THEN format('{"tags": {"$size": %s}}', upto(4))
		WHEN 16 THEN format('{"n": {"$mod": [%s, 1]}}', 2 + upto(20))
		WHEN 17 THEN format('{"day": {"%s": {"$now": "-6 years %s days"}}}', pick('$gte', '$lt', '$gt', '$lte'), upto(300))
		WHEN 18 THEN format('{"day": {"$not": {"%s": {"$now": "-6 years %s days 1 hour"}}}}', pick('$gte', '$lt'), upto(300))
		-- At the times of the ticks: a gig that sleeps is due when a tier opens, and a
		-- minute later, by its frequency, once more.
		WHEN 19 THEN format('{"$gig.open_for": {"%s": "%s minutes"}, "tags": "%s"}', pick('$gte', '$gte', '$gt', '$lt', '$lte'), 5 * upto(6), pick('a', 'b', 'c'))
		WHEN 20 THEN format('{"$gig.starts_in": {"%s": "%s minutes"}}', pick('$gt', '$lte', '$lt'), 60 - 5 * upto(6))
		ELSE pick('{}', '{"city": "Nowhere"}', '{"n": {"$in": []}}', '{"n": {"$gt": 1000}}', '{"city": null}')
	END;
END $$;

CREATE FUNCTION filter(depth int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN CASE WHEN depth = 0 OR random() < 0.4 THEN condition()
		ELSE format('{"%s": [%s, %s%s]}', pick('$and', '$and', '$and', '$or', '$or', '$nor'), filter(depth - 1),
			filter(depth - 1), CASE WHEN random() < 0.3 THEN ', ' || condition() ELSE '' END) END;
END $$;

CREATE FUNCTION sort() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN CASE WHEN random() < 0.6 THEN NULL
		ELSE pick('{"n": 1}', '{"n": -1}', '[{"city": 1}, {"n": -1}]', '{"ok": -1}', '[{"at.level": -1}, {"day": 1}]', '{"never": 1}')::jsonb END;
END $$;

-- Workers whom it does not tell apart there are none.
CREATE FUNCTION sort_all() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN pick('{"u": 1}', '[{"n": -1}, {"u": 1}]', '[{"city": 1}, {"u": -1}]', '[{"at.level": -1}, {"u": 1}]')::jsonb;
END $$;

-- Lots: anywhere; or few different ones, the ends among them.
CREATE FUNCTION lot(few boolean) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RETURN CASE WHEN few THEN pick('-2147483648', '2147483647', '-1', '0', '1', '1000000000')::int
		ELSE (random() * 4294967295 - 2147483648)::int END;
END $$;

-- In the first Space. What no wave could have left behind is there as well:
-- waves take things as they are.
CREATE PROCEDURE make_state(space name, is_sorted boolean) LANGUAGE plpgsql AS $$
DECLARE
	few boolean := random() < 0.3;
	workers int := CASE WHEN is_sorted THEN pick('300', '800', '1500') ELSE pick('40', '300', '800', '1500', '2500') END::int;
	gigs int := CASE WHEN is_sorted THEN pick('20', '40', '60') ELSE pick('2', '10', '30', '60') END::int;
	invited double precision := pick('0', '0.02', '0.3', '0.9')::double precision;
BEGIN
	PERFORM set_config('search_path', format('%I, cirro_ways, pg_catalog', space), true);
	UPDATE setting SET max_pending = CASE WHEN random() < 0.25 THEN 1 + cirro_ways.upto(3) END,
		eligible = CASE WHEN random() < 0.15 THEN cirro_ways.pick('may_half', 'may_few', 'may_twice') END;
	INSERT INTO worker (id, profile, active, lot)
	SELECT 3 * i, cirro_ways.profile() || jsonb_build_object('u', 3 * i), random() < 0.9, cirro_ways.lot(few) FROM generate_series(1, workers) AS i;
	INSERT INTO gig (id, title, url, start_at, end_at, seats_min, total_seats, seats_max, invitation_multiplier,
		invitation_frequency, pending_max, answer_within, filter_query, sort_query)
	SELECT 7 * i, 'g', 'u', cirro.now() + interval '1 hour', cirro.now() + interval '1 day', NULL,
		CASE WHEN i % 3 > 0 THEN 1 + s END, CASE WHEN i % 3 < 2 THEN 1 + s + i % 2 END,
		cirro_ways.pick('0.5', '1', '2', '5', '10', '100', CASE WHEN is_sorted THEN '100' ELSE '10' END)::numeric,
		cirro_ways.pick('1 minute', '5 minutes', CASE WHEN is_sorted THEN '5 minutes' ELSE '10 minutes' END)::interval,
		CASE WHEN random() < 0.2 THEN 1 + cirro_ways.upto(20) END,
		CASE WHEN random() < 0.2 THEN interval '8 minutes' END, cirro_ways.filter(2)::jsonb,
		CASE WHEN is_sorted THEN cirro_ways.sort_all() ELSE cirro_ways.sort() END
	FROM generate_series(1, gigs) AS i, LATERAL (SELECT i * 0 + cirro_ways.upto(9) AS s) AS seats;
	PERFORM set_config('session_replication_role', 'replica', true);
	INSERT INTO invitation (gig_id, worker_id, status, reason, invited_at, times_invited, created_at)
	SELECT g, w, s, CASE WHEN s = 'expired' THEN cirro_ways.pick('seats_filled', 'seats_filled', 'no_answer', 'x', NULL) END,
		cirro.now() - interval '1 minute' * cirro_ways.upto(10), 1, cirro.now()
	FROM (
		SELECT g.id AS g, w.id AS w,
			cirro_ways.pick('pending', 'rejected', 'expired', 'expired', 'left', 'pending') AS s
		FROM gig g JOIN worker w ON random() < invited AND g.id % 4 < 3 OFFSET 0) AS pairs;
	UPDATE invitation SET status = 'accepted'
	WHERE id = ANY (ARRAY(SELECT min(id) FROM invitation WHERE status = 'pending' GROUP BY gig_id HAVING gig_id % 5 = 0));
	PERFORM set_config('session_replication_role', 'origin', true);
	PERFORM rebuild_state();
	PERFORM set_config('search_path', 'cirro_ways, pg_catalog', true);
END $$;

CREATE PROCEDURE clear_state(space name) LANGUAGE plpgsql AS $$
DECLARE
	its_table name;
BEGIN
	PERFORM set_config('session_replication_role', 'replica', true);
	FOREACH its_table IN ARRAY '{notification,event,wave,attempt,invitation,look,gig_state,gig_key,gig_filter,gig,worker}'::name[] LOOP
		EXECUTE format('DELETE FROM %I.%I', space, its_table);
	END LOOP;
	PERFORM set_config('session_replication_role', 'origin', true);
END $$;

CREATE PROCEDURE copy_state(origin name, space name) LANGUAGE plpgsql AS $$
DECLARE
	its_table name;
	columns text;
BEGIN
	PERFORM set_config('session_replication_role', 'replica', true);
	EXECUTE format('UPDATE %I.setting SET (max_pending, eligible) = (SELECT max_pending, eligible FROM %I.setting)', space, origin);
	FOREACH its_table IN ARRAY '{worker,gig,gig_filter,gig_key,gig_state,invitation}'::name[] LOOP
		SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_attribute
		WHERE attrelid = format('%I.%I', origin, its_table)::regclass AND attnum > 0 AND attgenerated = '';
		EXECUTE format('INSERT INTO %I.%I (%s) SELECT %s FROM %I.%I', space, its_table, columns, columns, origin, its_table);
	END LOOP;
	EXECUTE format('SELECT setval(pg_get_serial_sequence(%L, ''id''), (SELECT coalesce(max(id), 1) FROM %I.invitation))',
		format('%I.invitation', space), space);
	PERFORM set_config('session_replication_role', 'origin', true);
END $$;

--
-- What happens between waves, in each Space alike: what is to happen to a row is
-- a hash of its ids. An answer may be refused, there as here.
--
CREATE PROCEDURE live(space name, salt bigint) LANGUAGE plpgsql AS $$
DECLARE
	i record;
	dice int;
	id_at_hand bigint;
BEGIN
	PERFORM set_config('search_path', format('%I, cirro_ways, pg_catalog', space), true);
	FOR i IN SELECT id, gig_id, worker_id, status FROM invitation WHERE status IN ('pending', 'accepted')
		ORDER BY gig_id, worker_id
	LOOP
		dice := (hashint8extended(i.gig_id * 100003 + i.worker_id, salt) & 1023)::int;
		BEGIN
			IF i.status = 'accepted' AND dice < 200 THEN
				UPDATE invitation SET status = 'left' WHERE id = i.id;
			ELSIF i.status = 'pending' AND dice < 60 THEN
				UPDATE invitation SET status = 'accepted' WHERE id = i.id AND status = 'pending';
			ELSIF i.status = 'pending' AND dice < 140 THEN
				UPDATE invitation SET status = 'rejected' WHERE id = i.id AND status = 'pending';
			ELSIF i.status = 'pending' AND dice < 180 THEN
				UPDATE invitation SET status = 'expired', reason = 'seats_filled' WHERE id = i.id AND status = 'pending';
			END IF;
		EXCEPTION WHEN SQLSTATE 'UG010' OR SQLSTATE 'UG011' OR SQLSTATE 'UG012' THEN
			NULL;
		END;
	END LOOP;
	DELETE FROM invitation WHERE hashint8extended(gig_id * 100003 + worker_id, salt + 4) & 63 = 0;
	DELETE FROM worker WHERE hashint8extended(id, salt + 5) & 63 = 0;
	INSERT INTO worker (id, profile, lot)
	SELECT 1000000 + 3 * id + salt, profile || jsonb_build_object('u', 1000000 + 3 * id + salt), lot + 1 FROM worker
	WHERE hashint8extended(id, salt + 6) & 31 = 0 AND lot < 2147483647 ON CONFLICT DO NOTHING;
	UPDATE worker SET active = NOT active WHERE hashint8extended(id, salt + 1) & 31 = 0;
	UPDATE worker AS w SET profile = o.profile || jsonb_build_object('u', w.id) FROM worker AS o
	WHERE hashint8extended(w.id, salt + 2) & 15 = 0 AND o.id = 3 * (1 + w.id % 40);
	UPDATE gig AS g SET filter_query = o.filter_query, sort_query = o.sort_query FROM gig AS o
	WHERE hashint8extended(g.id, salt + 3) & 15 = 0 AND o.id = 7 * (1 + g.id % 2);
	PERFORM set_config('search_path', 'cirro_ways, pg_catalog', true);
END $$;

-- The same of a few workers, and of nothing else.
CREATE PROCEDURE live_little(space name, salt bigint) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('search_path', format('%I, cirro_ways, pg_catalog', space), true);
	UPDATE worker SET active = NOT active WHERE hashint8extended(id, salt + 1) & 127 = 0;
	UPDATE worker AS w SET profile = o.profile || jsonb_build_object('u', w.id) FROM worker AS o
	WHERE hashint8extended(w.id, salt + 2) & 63 = 0 AND o.id = 3 * (1 + w.id % 40);
	PERFORM set_config('search_path', 'cirro_ways, pg_catalog', true);
END $$;

-- None is left asleep, or goes by what it has searched.
CREATE PROCEDURE wake(space name) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format($q$
		UPDATE %I.gig_state AS s SET slept_in = NULL, awaits_room = false, next_wave_at = w.at,
			next_event_at = least(s.next_event_at, w.at)
		FROM (SELECT a.gig_id, greatest(cirro.now(), a.last_due_at + a.frequency) AS at FROM %1$I.gig_state AS a
			WHERE a.slept_in IS NOT NULL OR a.awaits_room) AS w
		WHERE w.gig_id = s.gig_id$q$, space);
END $$;

--
-- Comparing
--

-- A row for each thing in a Space that waves have made, without its id; without the
-- waves themselves, and when they are due.
CREATE FUNCTION outcome(space name, with_waves boolean) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		SELECT row('invitation of gig', i.gig_id, 'worker', i.worker_id, i.status, i.reason, i.origin, i.invited_at,
			i.responded_at, i.times_invited, i.revision, 'wave', CASE WHEN %2$L::boolean THEN w.number END)::text
		FROM %1$I.invitation i LEFT JOIN %1$I.wave w ON w.id = i.wave_id
		UNION ALL
		SELECT row('wave of gig', gig_id, number, run_at, target, accepted, 'wanted', wanted, 'invited', invited,
			'matched', matched, 'held back', held_back, outcome, error, repeats)::text
		FROM %1$I.wave WHERE %2$L::boolean
		UNION ALL
		SELECT row('told of gig', e.gig_id, e.kind, e.worker_id, e.revision, e.status, e.previous, n.consumer)::text
		FROM %1$I.event e LEFT JOIN %1$I.notification n ON n.event_id = e.id
		UNION ALL
		SELECT row('state', to_jsonb(s) - '{searched,searched_on,released,slept_in}'::text[]
			- CASE WHEN NOT %2$L::boolean THEN '{awaits_room,waves,last_wave_at,last_due_at,next_wave_at,next_event_at}' ELSE '{}' END::text[],
			CASE WHEN %2$L::boolean THEN s.slept_in IS NOT NULL END)::text FROM %1$I.gig_state s
		UNION ALL
		SELECT row('inconsistent', c.*)::text FROM %1$I.check_consistency() c$q$, space, with_waves);
END $$;

CREATE FUNCTION compare(origin name, space name, what text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	difference text;
	filters text;
	with_waves boolean := (SELECT bool_and(w.sleeps) FROM way w WHERE w.space IN (origin, compare.space));
BEGIN
	SELECT string_agg(d, E'\n' ORDER BY d) INTO difference FROM (
		SELECT d FROM (
			(SELECT 'only ' || origin || ' ' || o AS d FROM outcome(origin, with_waves) o
				WHERE o NOT IN (SELECT * FROM outcome(space, with_waves)))
			UNION ALL
			(SELECT 'only ' || space || ' ' || o FROM outcome(space, with_waves) o
				WHERE o NOT IN (SELECT * FROM outcome(origin, with_waves)))) AS both_ways LIMIT 30) AS few;
	IF difference IS NULL THEN
		RETURN;
	END IF;
	EXECUTE format('SELECT string_agg(id || '' '' || filter_query || '' '' || coalesce(sort_query::text, ''''), E''\n'')
		FROM (SELECT * FROM %I.gig WHERE id = ANY ($1) LIMIT 5) g', origin) INTO filters
	USING (SELECT array_agg(m[1]::bigint) FROM regexp_matches(difference, 'gig",(\d+)', 'g') AS m);
	RAISE EXCEPTION E'seed %, %: % differs from %\n%\n%', current_setting('cirro_ways.seed'), what, space, origin,
		difference, filters;
END $$;

CREATE TABLE remembered (space name PRIMARY KEY, gigs bigint);

-- How many gigs can go by what they have searched.
CREATE PROCEDURE count_remembered(space name) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format($q$
		INSERT INTO remembered AS r SELECT %1$L, count(*) FROM %1$I.gig_state s
		WHERE s.searched > coalesce(s.released, 0) AND (s.next_wave_at <= cirro.now() OR s.slept_in IS NOT NULL)
		ON CONFLICT (space) DO UPDATE SET gigs = r.gigs + excluded.gigs$q$, space);
END $$;

-- Gigs that were asleep before a run: why, and how many of them invited somebody in it.
CREATE TABLE asleep (gig_id bigint, awaits_room boolean, invited bigint);

CREATE PROCEDURE count_asleep(space name, is_before boolean) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE CASE WHEN is_before THEN
		format('INSERT INTO asleep SELECT gig_id, awaits_room FROM %I.gig_state WHERE slept_in IS NOT NULL OR awaits_room', space)
	ELSE
		format('UPDATE asleep AS a SET invited = (SELECT count(*) FROM %I.invitation i JOIN %1$I.wave w ON w.id = i.wave_id
			WHERE i.gig_id = a.gig_id AND w.run_at = cirro.now()) WHERE a.invited IS NULL', space)
	END;
END $$;

CREATE TABLE tally (invited bigint, reopened bigint, exhausted bigint, sorted bigint, untouched bigint);

CREATE PROCEDURE count_round(space name) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format($q$
		INSERT INTO tally SELECT (SELECT sum(invited) FROM %1$I.wave),
			(SELECT count(*) FROM %1$I.invitation WHERE origin = 'wave' AND times_invited > 1),
			(SELECT count(*) FROM %1$I.wave WHERE outcome = 'exhausted'),
			(SELECT sum(invited) FROM %1$I.wave JOIN %1$I.gig g ON g.id = gig_id WHERE sort_query IS NOT NULL),
			(SELECT count(*) FROM %1$I.wave WHERE invited < wanted AND invited > 0)$q$, space);
END $$;

CREATE PROCEDURE run_rounds(rounds int) LANGUAGE plpgsql AS $$
DECLARE
	spaces name[];
	at_hand name;
	it way;
	salt bigint;
	clock timestamptz := '2030-01-01 12:00+00';
	analyzed boolean;
	is_sorted boolean;
BEGIN
	FOR round IN 1 .. rounds LOOP
		is_sorted := round % 2 = 0;
		spaces := (SELECT array_agg(space ORDER BY space) FROM way WHERE CASE WHEN is_sorted
			THEN space IN ('cirro_ways_auto', 'cirro_ways_profile', 'cirro_ways_lot', 'cirro_ways_statements_pass', 'cirro_ways_wake')
			ELSE sleeps END);
		clock := clock + interval '1 day';
		PERFORM set_config('cirro.clock', clock::text, false);
		FOREACH at_hand IN ARRAY spaces LOOP
			CALL clear_state(at_hand);
		END LOOP;
		CALL make_state(spaces[1], is_sorted);
		analyzed := random() < 0.7;
		FOREACH at_hand IN ARRAY spaces LOOP
			IF at_hand <> spaces[1] THEN
				CALL copy_state(spaces[1], at_hand);
			END IF;
			IF analyzed THEN
				EXECUTE format('ANALYZE %1$I.worker, %1$I.invitation', at_hand);
			END IF;
		END LOOP;
		COMMIT;
		FOR step IN 1 .. CASE WHEN is_sorted THEN 6 ELSE 4 END LOOP
			salt := upto(1000000);
			FOREACH at_hand IN ARRAY spaces LOOP
				SELECT * INTO it FROM way WHERE space = at_hand;
				IF is_sorted AND step IN (3, 4, 6) THEN
					CALL live_little(at_hand, salt);
				ELSIF step > 2 OR (step = 2 AND NOT is_sorted) THEN
					CALL live(at_hand, salt);
				END IF;
				IF NOT it.sleeps THEN
					CALL wake(at_hand);
				END IF;
				IF it.forgets THEN
					EXECUTE format('UPDATE %I.gig_state SET searched = NULL', at_hand);
				END IF;
				CALL count_remembered(at_hand);
				IF at_hand = spaces[1] THEN
					CALL count_asleep(at_hand, true);
				END IF;
				PERFORM set_config('cirro.wave_search', it.wave_search, false),
					set_config('cirro.wave_memory', it.wave_memory, false),
					set_config('enable_seqscan', it.seqscan, false),
					set_config('cirro.direct_writes', it.direct, false);
				COMMIT;
				CALL cirro.run_waves(at_hand);
				-- A gig may wake in this run, by an invitation that has expired.
				CALL cirro.run_waves(at_hand);
				IF at_hand = spaces[1] THEN
					CALL count_asleep(at_hand, false);
				END IF;
				PERFORM set_config('enable_seqscan', 'on', false), set_config('cirro.direct_writes', 'on', false);
				COMMIT;
			END LOOP;
			FOREACH at_hand IN ARRAY spaces[2:] LOOP
				PERFORM compare(spaces[1], at_hand, format('round %s, step %s', round, step));
			END LOOP;
			COMMIT;
			clock := clock + interval '5 minutes';
			PERFORM set_config('cirro.clock', clock::text, false);
		END LOOP;
		CALL count_round(spaces[1]);
		COMMIT;
	END LOOP;
END $$;

SELECT setseed(:'seed'::double precision) \g /dev/null
CALL run_rounds(:rounds);

-- Would it have shown anything?
SELECT pg_stat_force_next_flush() \g /dev/null
DO $$
DECLARE
	t record;
	used record;
BEGIN
	SELECT sum(invited) AS invited, sum(reopened) AS reopened, sum(exhausted) AS exhausted, sum(sorted) AS sorted,
		sum(untouched) AS few, count(*) AS rounds INTO t FROM tally;
	IF t.rounds >= 10 AND (least(t.invited, t.reopened, t.exhausted, t.sorted, t.few) IS NULL OR t.invited < 1000
		OR least(t.reopened, t.exhausted, t.sorted, t.few) < 20) THEN
		RAISE EXCEPTION 'seed %: these rounds show nothing: %', current_setting('cirro_ways.seed'), t;
	END IF;
	SELECT sum(idx_scan) FILTER (WHERE schemaname = 'cirro_ways_profile' AND indexrelname = 'worker_profile_idx') AS profile,
		sum(idx_scan) FILTER (WHERE schemaname = 'cirro_ways_lot' AND indexrelname = 'worker_lot_idx') AS lot
	INTO used FROM pg_stat_all_indexes;
	IF t.rounds >= 10 AND coalesce(least(used.profile, used.lot), 0) < 5 THEN
		RAISE EXCEPTION 'seed %: the indexes were not used: %', current_setting('cirro_ways.seed'), used;
	END IF;
	IF t.rounds >= 10 AND (SELECT seq_scan FROM pg_stat_all_tables WHERE relname = 'worker' AND schemaname = 'cirro_ways_passes')
		<= (SELECT seq_scan FROM pg_stat_all_tables WHERE relname = 'worker' AND schemaname = 'cirro_ways_pass') THEN
		RAISE EXCEPTION 'seed %: little memory makes no more passes', current_setting('cirro_ways.seed');
	END IF;
	IF t.rounds >= 10 AND ((SELECT max(r.gigs) FROM remembered r JOIN way USING (space) WHERE forgets) > 0
		OR (SELECT min(r.gigs) = 0 OR max(r.gigs) < 20 FROM remembered r JOIN way USING (space) WHERE NOT forgets)) THEN
		RAISE EXCEPTION 'seed %: nothing was remembered: %', current_setting('cirro_ways.seed'),
			(SELECT jsonb_object_agg(space, gigs) FROM remembered);
	END IF;
	SELECT count(*) AS asleep, count(*) FILTER (WHERE awaits_room) AS no_room,
		count(*) FILTER (WHERE NOT awaits_room AND invited > 0) AS woken,
		count(*) FILTER (WHERE awaits_room AND invited > 0) AS given_room INTO used FROM asleep;
	IF t.rounds >= 10 AND (used.asleep < 50 OR used.woken < 3) THEN
		RAISE EXCEPTION 'seed %: these rounds show nothing of sleep: %', current_setting('cirro_ways.seed'), used;
	END IF;
	PERFORM set_config('cirro_ways.tally', format('%s rounds: %s invited (%s by a sort_query), %s again; %s waves exhausted, %s of few; %s remembered; asleep before a run %s (%s without room), of which invited %s (%s)',
		t.rounds, t.invited, t.sorted, t.reopened, t.exhausted, t.few,
		(SELECT max(gigs) FROM remembered), used.asleep, used.no_room, used.woken + used.given_room, used.given_room), false);
END $$;
SELECT current_setting('cirro_ways.tally') || ': the same in all ways';

DO $$
DECLARE
	its_space name;
BEGIN
	FOR its_space IN SELECT space FROM way LOOP
		EXECUTE format('DROP SCHEMA %I CASCADE', its_space);
	END LOOP;
END $$;
DROP SCHEMA cirro_ways CASCADE;
