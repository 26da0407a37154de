-- test/bench/stored_load.sql: the filters that are stored, and the documents that ask
-- which of them they match.
--
-- Decides what they are like, after waves_load.sql, whose workers are the crowd from
-- which they are drawn; the same at every run. A kind of filters is a word:
--
-- three    two equalities and a range, drawn from the profile of somebody in the crowd,
--          as searches are that people store: who speaks French in Bergen, rating
--          3.2 or better
-- waves    three conditions as in waves_load.sql: one of ten countries, one of
--          three broad conditions, and a limit that lets 0.4 % of the crowd pass
-- mix      of twenty one is {}, one is negations alone, two are ranges alone, two are
--          lists and ORs, the others are of kind three
-- shared   all the best conjunct in common, and a range of their own
--
-- Must not measure.

CREATE TABLE bench.fact (name text PRIMARY KEY, value text NOT NULL);
INSERT INTO bench.fact SELECT 'workers', count(*) FROM crowd.worker;
SELECT setval(pg_get_serial_sequence('crowd.worker', 'id'), f.value::bigint) FROM bench.fact f \g /dev/null

-- The profile of somebody in the crowd, whom filter i draws in its turn q.
CREATE FUNCTION bench.somebody(i bigint, q bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
	drawn bigint := 1 + floor(bench.dice(i, q) * (SELECT f.value::bigint FROM bench.fact f WHERE f.name = 'workers'));
BEGIN
	RETURN (SELECT w.profile FROM crowd.worker w WHERE w.id = drawn);
END $$;

-- What the profile has at a path; of an array the element that "at" says, from 0 to 1.
CREATE FUNCTION bench.taste(profile jsonb, path text, at double precision) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE path
		WHEN 'skills' THEN profile #> ARRAY['skills', floor(at * jsonb_array_length(profile -> 'skills'))::text]
		WHEN 'languages.code' THEN profile #> ARRAY['languages', floor(at * jsonb_array_length(profile -> 'languages'))::text, 'code']
		WHEN 'devices.os' THEN profile #> ARRAY['devices', floor(at * jsonb_array_length(profile -> 'devices'))::text, 'os']
		ELSE profile -> path END
$$;

CREATE FUNCTION bench.three(i bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
	p jsonb := bench.somebody(i, 10);
	names text[] := '{country,city,skills,languages.code,devices.os,hours_per_week}';
	a int := 1 + floor(bench.dice(i, 11) * 4);
	b int := 1 + floor(bench.dice(i, 12) * 6);
	filter jsonb;
	x double precision := bench.dice(i, 15);
BEGIN
	IF a = b AND names[a] = 'skills' AND jsonb_array_length(p -> 'skills') > 1 THEN
		filter := jsonb_build_object('skills', jsonb_build_object('$all', jsonb_build_array(p #> '{skills,0}', p #> '{skills,1}')));
	ELSE
		IF a = b THEN b := b + 1; END IF;
		filter := jsonb_build_object(names[a], bench.taste(p, names[a], bench.dice(i, 13)),
			names[b], bench.taste(p, names[b], bench.dice(i, 14)));
	END IF;
	CASE floor(bench.dice(i, 16) * 5)
		WHEN 0 THEN
			RETURN filter || jsonb_build_object('hourly_rate', jsonb_build_object('$lte', (p -> 'hourly_rate')::numeric + round(40 * x)));
		WHEN 1 THEN
			RETURN filter || jsonb_build_object('rating', jsonb_build_object('$gte', (p -> 'rating')::numeric - round((2 * x)::numeric, 1)));
		WHEN 2 THEN
			RETURN filter || jsonb_build_object('birth_year', jsonb_build_object('$gte', (p -> 'birth_year')::int - round(20 * x)));
		WHEN 3 THEN
			RETURN filter || jsonb_build_object('birth_year', jsonb_build_object('$lte', (p -> 'birth_year')::int + round(20 * x)));
		ELSE
			RETURN filter || jsonb_build_object('joined_at',
				jsonb_build_object('$gte', to_char((p ->> 'joined_at')::date - round(2000 * x)::int, 'YYYY-MM-DD')));
	END CASE;
END $$;

CREATE FUNCTION bench.mix(i bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
	p jsonb;
	q jsonb;
	x double precision := bench.dice(i, 20);
BEGIN
	CASE i % 20
		WHEN 0 THEN
			RETURN '{}';
		WHEN 1 THEN
			p := bench.somebody(i, 21);
			CASE i / 20 % 3
				WHEN 0 THEN
					RETURN jsonb_build_object('country', jsonb_build_object('$ne', p -> 'country'));
				WHEN 1 THEN
					RETURN jsonb_build_object('skills', jsonb_build_object('$nin', p -> 'skills'), 'remote', '{"$ne": true}'::jsonb);
				ELSE
					RETURN jsonb_build_object('hourly_rate', jsonb_build_object('$not', jsonb_build_object('$gt', round(20 + 100 * x))));
			END CASE;
		WHEN 2 THEN
			RETURN jsonb_build_object(
				'hourly_rate', jsonb_build_object('$gte', round((9 + 140 * power(0.65 * x, 2.5))::numeric, 1),
					'$lt', round((9 + 140 * power(0.65 * x + 0.35, 2.5))::numeric, 1)),
				'rating', jsonb_build_object('$gte', round((1 + 4 * sqrt(0.5 * bench.dice(i, 22)))::numeric, 1)));
		WHEN 3 THEN
			RETURN jsonb_build_object('birth_year', jsonb_build_object('$lte', 2006 - floor(46 * power(x, 1.3))),
				'hours_per_week', jsonb_build_object('$gt', 2 + 2 * floor(20 * power(bench.dice(i, 22), 1.2))));
		WHEN 4 THEN
			p := bench.somebody(i, 21);
			q := bench.somebody(i, 22);
			RETURN jsonb_build_object(
				'country', jsonb_build_object('$in', jsonb_build_array(p -> 'country', q -> 'country', 'DE', 'FR', 'ES')),
				'rating', jsonb_build_object('$gte', q -> 'rating'));
		WHEN 5 THEN
			p := bench.somebody(i, 21);
			q := bench.somebody(i, 22);
			RETURN jsonb_build_object('$or', jsonb_build_array(
				jsonb_build_object('skills', p #> '{skills,0}', 'verified', true),
				jsonb_build_object('languages.code', q #> '{languages,0,code}', 'city', q -> 'city')));
		ELSE
			RETURN bench.three(i);
	END CASE;
END $$;

CREATE FUNCTION bench.make_filter(kind text, i bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
	CASE kind
		WHEN 'three' THEN RETURN bench.three(i);
		WHEN 'waves' THEN RETURN bench.filter(i, 0.004);
		WHEN 'mix' THEN RETURN bench.mix(i);
		WHEN 'shared' THEN RETURN jsonb_build_object('country', 'LI', 'verified', true, 'hourly_rate',
			jsonb_build_object('$gte', round((9 + 140 * power(bench.dice(i, 30), 2.5))::numeric, 1)));
	END CASE;
END $$;

-- The open gigs from "first" to "last", not due before tomorrow; a transaction for
-- some thousands, as no table of a statement's rows should be larger.
CREATE PROCEDURE bench.add_gigs(kind text, first bigint, last bigint, frequency interval DEFAULT '1 day')
LANGUAGE plpgsql AS $$
BEGIN
	FOR part IN first .. last BY 20000 LOOP
		INSERT INTO crowd.gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, invitation_frequency, filter_query)
		SELECT i, 'gig ' || i, 'https://example.org/' || i, now() + interval '10 days', now() + interval '20 days', 5, 10,
			frequency, bench.make_filter(kind, i)
		FROM generate_series(part, least(part + 19999, last)) AS i;
		UPDATE crowd.gig_state SET next_wave_at = now() + interval '1 day', next_event_at = now() + interval '1 day'
		WHERE gig_id BETWEEN part AND part + 19999;
		COMMIT;
	END LOOP;
END $$;

-- The same profile, with nothing in it that anybody looks for.
CREATE FUNCTION bench.unwanted(profile jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
	SELECT regexp_replace(profile::text, '": "', '": "no ', 'g')::jsonb
		|| jsonb_build_object('skills', (SELECT jsonb_agg('no ' || s) FROM jsonb_array_elements_text(profile -> 'skills') s))
$$;

-- What is asked: profiles of the crowd; such that no filter wants; some with 1,000
-- leaves, in one array (as many of all skills that there are as go in) or each a member;
-- one that has what the filters of kind "shared" share.
CREATE TABLE bench.document (what text, id bigint, profile jsonb, PRIMARY KEY (what, id));
INSERT INTO bench.document
SELECT 'usual', row_number() OVER (ORDER BY w.id), w.profile
FROM crowd.worker w, (SELECT count(*) AS workers FROM crowd.worker) c
WHERE w.id % greatest(c.workers / :docs, 1) = 0 LIMIT :docs;
INSERT INTO bench.document SELECT 'unwanted', d.id, bench.unwanted(d.profile) FROM bench.document d WHERE d.what = 'usual';
INSERT INTO bench.document
SELECT 'array of 1,000', d.id, jsonb_set(d.profile, '{skills}', (
	SELECT jsonb_agg(s.skill) FROM (
		(SELECT DISTINCT jsonb_array_elements_text(w.profile -> 'skills') AS skill FROM crowd.worker w WHERE w.id <= 20000)
		UNION ALL SELECT 'skill ' || i FROM generate_series(1, 1000) i LIMIT 980) s))
FROM bench.document d WHERE d.what = 'usual' AND d.id <= 10;
INSERT INTO bench.document
SELECT '1,000 members', d.id, d.profile || (SELECT jsonb_object_agg('member ' || i, i) FROM generate_series(1, 976) i)
FROM bench.document d WHERE d.what = 'usual' AND d.id <= 10;
INSERT INTO bench.document
SELECT 'shared', d.id, d.profile || '{"country": "LI", "verified": true}'
FROM bench.document d WHERE d.what = 'usual' AND d.id <= 10;
VACUUM ANALYZE bench.document;

-- Not as they are stored: who reads a compressed value often decompresses it often.
CREATE VIEW bench.asked AS SELECT d.what, d.id, d.profile || '{}' AS profile FROM bench.document d;
