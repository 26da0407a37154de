--
-- turn: what a turn goes by is the same whether rows are read one by one or by
-- statements; the latter wherever a table is not as create_space made it.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
SELECT cirro.create_space('turn') \g /dev/null
RESET client_min_messages;
SET search_path = turn;
SET timezone = 'UTC';
SET cirro.clock = '2030-01-01 12:00+00';
INSERT INTO worker (id, profile, lot) SELECT n, jsonb_build_object('n', n), n FROM generate_series(1, 20) n;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, seats_max, invitation_multiplier, pending_max, answer_within, invitation_frequency, filter_query, sort_query)
VALUES (1, 'plain', 'u', '2030-01-02', '2030-01-03', 2, NULL, NULL, NULL, NULL, NULL, '{}', NULL),
	(2, 'sorted', 'u', '2030-01-02', '2030-01-03', 2, 4, 1.3, NULL, '1 hour', '1 day', '{"n": {"$gt": 5}}', '{"n": -1}'),
	(3, 'few pending', 'u', '2030-01-02', '2030-01-03', 3, NULL, 2.5, 4, '1 mon', '2 hours', '{"n": {"$lt": 15}}', '{"n": 1}'),
	(4, 'many', 'u', '2030-01-02', '2030-01-03', 9, NULL, 1000000, NULL, NULL, NULL, '{}', NULL),
	(5, 'nobody', 'u', '2030-01-02', '2030-01-03', 1, NULL, NULL, NULL, NULL, NULL, '{"n": 0}', NULL);
INSERT INTO invitation (gig_id, worker_id, send_at) SELECT g, 20, '2030-01-01 13:00+00' FROM generate_series(1, 3) g;

-- What waves and a later tick make of it, as one value.
CREATE FUNCTION pg_temp.outcome(direct bool) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('cirro.direct_writes', direct::text, true);
	PERFORM set_config('client_min_messages', 'error', true);
	PERFORM set_config('cirro.clock', '2030-01-01 12:00+00', true);
	CALL cirro.run_waves('turn');
	PERFORM run_wave(g.id) FROM gig g ORDER BY g.id;
	PERFORM set_config('cirro.clock', '2030-01-01 14:30+00', true);
	CALL cirro.run_waves('turn');
	SELECT md5(string_agg(row, E'\n' ORDER BY row)) || ' ' || count(*) INTO result FROM (
		SELECT concat_ws('|', 'wave', v.gig_id, v.number, v.target, v.accepted, v.wanted, v.invited, v.matched, v.held_back, v.outcome, v.error) AS row FROM wave v
		UNION ALL SELECT concat_ws('|', 'invitation', i.gig_id, i.worker_id, i.status, i.reason, i.origin, i.send_at, i.invited_at) FROM invitation i
		UNION ALL SELECT concat_ws('|', 'state', s.gig_id, s.accepted, s.next_wave_at, s.next_event_at, s.waves, s.failures, s.announced, s.exhausted, s.searched IS NULL, s.slept_in IS NULL, s.awaits_room) FROM gig_state s) rows;
	RAISE EXCEPTION USING MESSAGE = result, ERRCODE = 'ZZ000';
EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
	RETURN result;
END $$;
CREATE FUNCTION pg_temp.same() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	directly text := pg_temp.outcome(true);
BEGIN
	RETURN concat_ws(' ', split_part(directly, ' ', 2), 'rows,',
		CASE WHEN directly = pg_temp.outcome(false) THEN 'the same' ELSE 'OTHERS' END);
END $$;
SELECT pg_temp.same();

-- each changed table by itself
SELECT pg_temp.outcome(true) AS plain \gset
CREATE FUNCTION pg_temp.try(changes text, plain text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE changes;
	result := CASE WHEN pg_temp.outcome(true) = plain THEN 'as before, ' ELSE 'otherwise, ' END || pg_temp.same();
	RAISE EXCEPTION USING MESSAGE = result, ERRCODE = 'ZZ001';
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
	RETURN result;
WHEN OTHERS THEN
	RETURN concat_ws(' ', SQLSTATE, SQLERRM);
END $$;
SELECT n, pg_temp.try(changes, :'plain') AS outcome FROM unnest(ARRAY[
	'ALTER TABLE gig_filter ALTER filter TYPE text',
	'ALTER TABLE gig_filter ALTER filter TYPE jsonb USING filter::text::jsonb',
	'ALTER TABLE gig_filter DROP CONSTRAINT gig_filter_pkey',
	'ALTER TABLE gig_state DROP CONSTRAINT gig_state_pkey',
	'ALTER TABLE setting DROP CONSTRAINT setting_pkey',
	'ALTER TABLE setting DISABLE TRIGGER USER; DELETE FROM setting',
	'UPDATE setting SET max_pending = 1',
	'UPDATE setting SET paused = true',
	'ALTER TABLE gig_state ENABLE ROW LEVEL SECURITY',
	'CREATE TABLE child () INHERITS (gig_state)',
	'DROP INDEX gig_state_next_event_at_idx'
	]) WITH ORDINALITY AS u (changes, n) ORDER BY n;

-- Of the gigs that are due at one time the first by id come first, and no more than asked for.
UPDATE gig_state SET next_wave_at = CASE WHEN gig_id IN (2, 4) THEN cirro.now() - interval '1 min' ELSE cirro.now() END,
	next_event_at = CASE WHEN gig_id IN (2, 4) THEN cirro.now() - interval '1 min' ELSE cirro.now() END;
CALL cirro.run_waves('turn', max_gigs => 1);
SELECT gig_id FROM wave ORDER BY id;
CALL cirro.run_waves('turn', max_gigs => 2);
SELECT gig_id FROM wave ORDER BY id;
CALL cirro.run_waves('turn', max_gigs => 0);
CALL cirro.run_waves('turn');
SELECT gig_id FROM wave ORDER BY id;

SET client_min_messages = warning;
DROP SCHEMA turn CASCADE;
