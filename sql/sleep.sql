--
-- sleep: gigs that waves can do nothing for, and what wakes them. Two sessions at
-- once: test/isolation; which Spaces are taken for idle: sql/seconds.sql
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
SELECT cirro.create_space('sleep');
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET search_path = sleep;
SET cirro.clock = '2030-01-01 12:00+00';
\pset format unaligned
\pset fieldsep ' | '
\pset footer off
\pset tuples_only on
\pset null -

-- Asleep and why; when the next wave is; waves, and how many more of the last kind;
-- how many are invited, and what is inconsistent.
CREATE FUNCTION pg_temp.state(gig bigint) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(', ', coalesce('asleep: ' || s.asleep, 'awake'), coalesce('next ' || to_char(s.next_wave_at, 'HH24:MI'), 'no next'),
		s.waves || ' waves', (SELECT concat('last ', v.outcome, nullif(' +' || v.repeats, ' +0'))
			FROM wave v WHERE v.gig_id = s.gig_id ORDER BY v.number DESC, v.id DESC LIMIT 1),
		(SELECT count(*) FROM invitation i WHERE i.gig_id = s.gig_id) || ' invited',
		(SELECT string_agg(concat(c.gig_id, c.what, c.stored, c.derived), '!') FROM check_consistency() c))
	FROM gig_status s WHERE s.gig_id = $1 $$;
-- What a command does to a gig, and then it has not been.
CREATE FUNCTION pg_temp.try(gig bigint, command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RAISE SQLSTATE 'PT001' USING MESSAGE = pg_temp.state(gig);
EXCEPTION WHEN SQLSTATE 'PT001' THEN
	RETURN concat(command, ': ', SQLERRM);
END $$;
\set at 'SET cirro.clock ='
\set tick 'CALL cirro.run_waves(\'sleep\');'

INSERT INTO worker (id, profile, active, lot) SELECT n, jsonb_build_object('k', CASE WHEN n IN (1, 2, 3, 7) THEN 1 ELSE 2 END), n <> 7, n
FROM generate_series(1, 7) n;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
VALUES (1, 'g', 'u', '2030-01-02', '2030-01-03', 3, 10, '{"k": 1}');
-- Others that sleep: so it is never cheaper to wake all than to ask a few workers.
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query)
SELECT n, 'g', 'u', '2030-01-02', '2030-01-03', 1, '{"never": true}' FROM generate_series(101, 130) n;

--
-- Who is invited by now, and nobody else to invite
--
:tick
SELECT pg_temp.state(1);
:at '2030-01-01 12:05+00';
:tick
SELECT pg_temp.state(1);
SELECT asleep, count(*) FROM gig_status GROUP BY 1;
-- No wave is run for it, and nothing is told again.
:at '2030-01-01 12:10+00';
:tick
:at '2030-01-01 13:00+00';
:tick
SELECT pg_temp.state(1);
SELECT kind, count(*) FROM event WHERE gig_id = 1 AND kind LIKE 'gig.%' GROUP BY 1;
SELECT count(*), min(place) = (SELECT min(searched_on) FROM gig_state) AS here, min(unwoken) AS unwoken FROM look;

-- What wakes nobody: a change that does not match, of somebody who is invited, of what
-- is nothing to waves, and of somebody who is gone.
UPDATE worker SET profile = '{"k": 3}' WHERE id = 4;
UPDATE worker SET profile = '{"k": 1, "x": 1}' WHERE id = 1;
UPDATE worker SET ref = 'five' WHERE id = 5;
UPDATE worker SET active = false WHERE id = 2;
UPDATE worker SET active = true WHERE id = 2;
INSERT INTO worker (id, profile, active) VALUES (8, '{"k": 1}', false);
DELETE FROM worker WHERE id = 6;
:tick
SELECT pg_temp.state(1);
SELECT seen FROM look \gset
:tick
SELECT seen = :'seen' AS unchanged FROM look;

-- A new worker, long after the last wave: at once.
:at '2030-01-01 13:02+00';
INSERT INTO worker (id, profile) VALUES (9, '{"k": 1}');
SELECT pg_temp.state(1);
:tick
SELECT pg_temp.state(1);
:at '2030-01-01 13:07+00';
:tick
SELECT pg_temp.state(1);
-- Soon after it: a frequency after the last.
:at '2030-01-01 13:08+00';
INSERT INTO worker (id, profile) VALUES (10, '{"k": 1}');
:tick
SELECT pg_temp.state(1);
:at '2030-01-01 13:11+00';
:tick
SELECT pg_temp.state(1);
:at '2030-01-01 13:12+00';
:tick
SELECT pg_temp.state(1);
:at '2030-01-01 13:17+00';
:tick
-- One who matches now, one who is active now.
UPDATE worker SET profile = '{"k": 1}' WHERE id = 5;
:at '2030-01-01 13:22+00';
:tick
SELECT pg_temp.state(1);
:at '2030-01-01 13:27+00';
:tick
UPDATE worker SET active = true WHERE id = 7;
:at '2030-01-01 13:32+00';
:tick
SELECT pg_temp.state(1);
:at '2030-01-01 13:37+00';
:tick
SELECT pg_temp.state(1);
SELECT kind, count(*) FROM event WHERE gig_id = 1 AND kind LIKE 'gig.%' GROUP BY 1;
SELECT number, outcome, invited, repeats FROM wave WHERE gig_id = 1 ORDER BY number;
SELECT DISTINCT waves FROM gig_state WHERE gig_id > 100;

--
-- What is changed about the gig and its invitations
--
SELECT pg_temp.try(1, c) FROM unnest(ARRAY[
	$$UPDATE gig SET total_seats = 4 WHERE id = 1$$,
	$$UPDATE gig SET total_seats = 2 WHERE id = 1$$,
	$$UPDATE gig SET filter_query = '{}' WHERE id = 1$$,
	$$UPDATE gig SET sort_query = '{"k": 1}' WHERE id = 1$$,
	$$UPDATE gig SET invitation_multiplier = 1 WHERE id = 1$$,
	$$UPDATE gig SET invitation_frequency = '1 hour' WHERE id = 1$$,
	$$UPDATE gig SET pending_max = 1 WHERE id = 1$$,
	$$UPDATE gig SET answer_within = '1 hour' WHERE id = 1$$,
	$$UPDATE gig SET start_at = start_at + '1 hour' WHERE id = 1$$,
	$$UPDATE gig SET end_at = end_at + '1 hour' WHERE id = 1$$,
	$$UPDATE gig SET seats_granted = 1 WHERE id = 1$$,
	$$UPDATE gig SET invitation_mode = 'manual' WHERE id = 1$$,
	$$UPDATE gig SET cancelled_at = cirro.now() WHERE id = 1$$,
	$$UPDATE gig SET title = 'h' WHERE id = 1$$,
	$$DELETE FROM invitation WHERE gig_id = 1 AND worker_id = 1$$,
	$$DELETE FROM worker WHERE id = 1$$]) WITH ORDINALITY u (c, n) ORDER BY n;
-- Whoever says no, or yes while there are seats, leaves nobody to be invited.
SELECT pg_temp.try(1, c) FROM unnest(ARRAY[
	$$SELECT accept(id) FROM invitation WHERE worker_id = 1$$,
	$$SELECT reject(id) FROM invitation WHERE worker_id = 1$$,
	$$SELECT expire(id) FROM invitation WHERE worker_id = 1$$,
	$$SELECT reset(id) FROM invitation WHERE worker_id = 1$$,
	$$SELECT accept(id), leave(id) FROM invitation WHERE worker_id = 1$$,
	$$SELECT invite(1, '{4}')$$,
	$$SELECT attempt_invitations(4, '{1}')$$,
	$$SELECT erase_worker(1)$$]) WITH ORDINALITY u (c, n) ORDER BY n;
-- Whom only the seats stopped is invited again.
SELECT pg_temp.try(1, 'UPDATE invitation SET status = ''expired'', reason = ''seats_filled'' WHERE worker_id = 1');
-- A gig that is filled is not asleep; a seat that comes free makes a wave due.
SELECT pg_temp.try(1, 'SELECT count((accept(id)).status) FROM (SELECT id FROM invitation ORDER BY id LIMIT 3) i');
SELECT count((accept(id)).status) FROM (SELECT id FROM invitation WHERE gig_id = 1 ORDER BY id LIMIT 3) i;
:at '2030-01-01 14:00+00';
:tick
SELECT (leave(min(id))).status FROM invitation WHERE gig_id = 1;
SELECT pg_temp.state(1);
:tick
SELECT pg_temp.state(1);

-- A wave that is asked for: it sleeps on, or has found somebody.
SELECT outcome, invited FROM run_wave(1);
SELECT pg_temp.state(1);
INSERT INTO worker (id, profile) VALUES (11, '{"k": 1}');
SELECT outcome, invited FROM run_wave(1);
SELECT pg_temp.state(1);
:at '2030-01-01 14:05+00';
:tick
SELECT pg_temp.state(1);
-- One of a gig whose waves are called for leaves it as it is.
UPDATE gig SET invitation_mode = 'manual' WHERE id = 130;
SELECT outcome FROM run_wave(130);
SELECT pg_temp.state(130);
UPDATE gig SET invitation_mode = 'auto' WHERE id = 130;
:tick
-- Attempts ask it as they ask any other.
INSERT INTO worker (id, profile) VALUES (12, '{"k": 1}');
SELECT gig_id, outcome FROM attempt_invitations(12);
:at '2030-01-01 14:10+00';
:tick
SELECT pg_temp.state(1);
-- Who expired since the seats were filled, and changes; not who did not answer.
SET session_replication_role = replica;
UPDATE invitation SET status = 'expired', reason = CASE worker_id WHEN 11 THEN 'seats_filled' ELSE 'no_answer' END
WHERE gig_id = 1 AND worker_id IN (11, 12);
RESET session_replication_role;
UPDATE worker SET profile = '{"k": 1, "x": 2}' WHERE id = 12;
:tick
SELECT pg_temp.state(1);
UPDATE worker SET profile = '{"k": 1, "x": 2}' WHERE id = 11;
:tick
SELECT pg_temp.state(1);
SELECT worker_id, status, reason, times_invited FROM invitation WHERE gig_id = 1 AND worker_id IN (11, 12) ORDER BY 1;
:at '2030-01-01 14:15+00';
:tick

--
-- pending_max
--
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, pending_max, answer_within, filter_query)
VALUES (2, 'g', 'u', '2030-01-02', '2030-01-03', 3, 2, '2 hours', '{"p": 1}');
INSERT INTO worker (id, profile, lot) SELECT n, '{"p": 1}', n FROM generate_series(21, 26) n;
:tick
SELECT pg_temp.state(2);
:at '2030-01-01 14:20+00';
:tick
SELECT pg_temp.state(2);
:at '2030-01-01 15:00+00';
:tick
SELECT pg_temp.state(2);
-- A worker does not wake it.
INSERT INTO worker (id, profile, lot) VALUES (27, '{"p": 1}', 27);
:tick
SELECT pg_temp.state(2);
-- An answer does, and whatever else makes room.
SELECT min(id) AS pending FROM invitation WHERE gig_id = 2 \gset
SELECT min(worker_id) AS worker FROM invitation WHERE id = :pending \gset
SELECT pg_temp.try(2, c) FROM unnest(ARRAY[
	$$SELECT accept(min(id)) FROM invitation WHERE gig_id = 2$$,
	$$SELECT reject(min(id), 'no') FROM invitation WHERE gig_id = 2$$,
	$$SELECT expire(min(id)) FROM invitation WHERE gig_id = 2$$,
	$$SELECT reset(min(id)) FROM invitation WHERE gig_id = 2$$,
	$$UPDATE invitation SET status = 'expired', reason = 'seats_filled' WHERE gig_id = 2$$,
	$$DELETE FROM invitation WHERE gig_id = 2 AND worker_id % 2 = 0$$,
	$$SELECT invite(2, '{1,2}')$$]) WITH ORDINALITY u (c, n) ORDER BY n;
SELECT pg_temp.try(2, format(c, :'worker')) NOT LIKE '%asleep%' AS awake, c FROM unnest(ARRAY[
	$$SELECT erase_worker(%s)$$,
	$$DELETE FROM worker WHERE id = %s$$,
	$$UPDATE worker SET active = false WHERE id = %s$$,
	$$UPDATE gig SET pending_max = 3 WHERE id = 2$$,
	$$UPDATE gig SET pending_max = NULL WHERE id = 2$$,
	$$UPDATE gig SET pending_max = 1 WHERE id = 2$$,
	$$UPDATE gig SET answer_within = '1 hour' WHERE id = 2$$]) WITH ORDINALITY u (c, n) ORDER BY n;
SELECT (reject(:pending)).status;
SELECT pg_temp.state(2);
:tick
SELECT pg_temp.state(2);
:at '2030-01-01 15:05+00';
:tick
SELECT pg_temp.state(2);
-- The time to answer of the other one is over: 16:15.
SELECT to_char(next_event_at, 'HH24:MI') FROM gig_state WHERE gig_id = 2;
:at '2030-01-01 16:15+00';
SELECT pg_temp.state(2);
SELECT gate, passed, detail FROM explain_invitation(27, 2) WHERE gate IN ('pending_max', 'wave');
:tick
SELECT pg_temp.state(2);
:tick
SELECT pg_temp.state(2);
-- More are pending than may be: one that is answered leaves no room.
SELECT outcome FROM invite(2, '{4,5}');
:at '2030-01-01 16:20+00';
:tick
SELECT (reject(max(id))).status FROM invitation WHERE gig_id = 2;
SELECT pg_temp.state(2);
:at '2030-01-01 16:25+00';
:tick
SELECT pg_temp.state(2);
-- Nobody is left, which is another reason to sleep.
SELECT count((reject(id)).status) FROM invitation WHERE gig_id = 2 AND status = 'pending';
UPDATE worker SET active = false WHERE profile ? 'p';
:at '2030-01-01 16:30+00';
:tick
SELECT pg_temp.state(2);
UPDATE worker SET active = true WHERE id IN (25, 26);
:at '2030-01-01 16:35+00';
:tick
SELECT pg_temp.state(2);

--
-- explain_invitation()
--
INSERT INTO worker (id, profile) VALUES (13, '{"k": 1}');
SELECT gate, passed, detail FROM explain_invitation(13, 1) WHERE gate IN ('invitation', 'wave');
:at '2030-01-01 16:40+00';
:tick
SELECT gate, passed, detail FROM explain_invitation(13, 1) WHERE gate IN ('invitation', 'wave');
:at '2030-01-01 16:45+00';
:tick
SELECT pg_temp.state(1), pg_temp.state(2);

--
-- Who keeps the cadence: under max_pending, and where somebody was kept out
--
UPDATE setting SET max_pending = 100;
INSERT INTO worker (id, profile) VALUES (14, '{"k": 1}');
:at '2030-01-01 16:50+00';
:tick
:at '2030-01-01 16:55+00';
:tick
:at '2030-01-01 17:00+00';
:tick
SELECT pg_temp.state(1);
UPDATE gig SET pending_max = 4 WHERE id = 1;
:at '2030-01-01 17:05+00';
:tick
SELECT pg_temp.state(1);
UPDATE gig SET pending_max = NULL WHERE id = 1;
UPDATE setting SET max_pending = NULL;
:at '2030-01-01 17:10+00';
:tick
SELECT pg_temp.state(1);
CREATE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
CREATE TRIGGER keep_out BEFORE INSERT ON invitation FOR EACH ROW EXECUTE FUNCTION keep_out();
INSERT INTO worker (id, profile) VALUES (15, '{"k": 1}');
SET client_min_messages = error;
:at '2030-01-01 17:15+00';
:tick
:at '2030-01-01 17:20+00';
:tick
RESET client_min_messages;
SELECT pg_temp.state(1);
DROP TRIGGER keep_out ON invitation;
:at '2030-01-01 17:25+00';
:tick
:at '2030-01-01 17:30+00';
:tick
SELECT pg_temp.state(1);

--
-- A Space that rests, and one that is mended
--
UPDATE setting SET paused = true;
INSERT INTO worker (id, profile) VALUES (16, '{"k": 1}');
:at '2030-01-01 17:35+00';
:tick
SELECT pg_temp.state(1);
UPDATE setting SET paused = NULL;
:tick
SELECT pg_temp.state(1);
:at '2030-01-01 17:40+00';
:tick
SELECT pg_temp.state(1);
SELECT rebuild_state();
SELECT pg_temp.state(1);
SELECT asleep, count(*) FROM gig_status GROUP BY 1;
:tick
SELECT asleep, count(*) FROM gig_status GROUP BY 1 ORDER BY 1;
-- A worker who was changed past the triggers, and then it was mended.
ALTER TABLE worker DISABLE TRIGGER ALL;
INSERT INTO worker (id, profile) VALUES (17, '{"k": 1}');
ALTER TABLE worker ENABLE TRIGGER ALL;
ALTER TABLE worker ENABLE ALWAYS TRIGGER cirro_check;
:at '2030-01-01 17:45+00';
:tick
SELECT rebuild_state();
:tick
SELECT pg_temp.state(1);
:at '2030-01-01 17:50+00';
:tick
-- gig_state is as it should be, or it is told and mended.
CREATE FUNCTION pg_temp.damage(command text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN NEXT command;
	RETURN QUERY SELECT concat_ws(' ', '  gig', gig_id, what || ':', stored, '<>', derived) FROM check_consistency();
	PERFORM rebuild_state();
	RETURN QUERY SELECT concat_ws(' ', '  STILL', gig_id, what || ':', stored, '<>', derived) FROM check_consistency();
	RAISE SQLSTATE 'PT001';
EXCEPTION WHEN SQLSTATE 'PT001' THEN
	NULL;
END $$;
SELECT pg_temp.damage('UPDATE gig_state SET next_wave_at = cirro.now() WHERE gig_id = 1');
SELECT pg_temp.damage('UPDATE gig_state SET slept_in = NULL WHERE gig_id = 1');
SELECT pg_temp.damage('UPDATE gig_state SET auto = false WHERE gig_id = 1');
SELECT pg_temp.damage('UPDATE gig_state SET accepted = 3 WHERE gig_id = 1');
SELECT pg_temp.damage('UPDATE gig_state SET slept_in = NULL, awaits_room = true WHERE gig_id = 1');
SELECT pg_temp.damage('UPDATE gig SET invitation_mode = ''manual'' WHERE id = 1; UPDATE gig_state SET slept_in = 1, awaits_room = true WHERE gig_id = 1');
SELECT pg_temp.state(2);
SELECT pg_temp.damage('SET LOCAL session_replication_role = replica; DELETE FROM invitation WHERE gig_id = 2 AND worker_id = 25; SET LOCAL session_replication_role = origin');

--
-- The row of look is damaged: nobody is lost
--
CREATE FUNCTION pg_temp.look() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', l.place = s.searched_on, pg_visible_in_snapshot(pg_current_xact_id(), l.seen::pg_snapshot), l.unwoken), ',')
	FROM look l, gig_state s WHERE s.gig_id = 1 $$;
UPDATE look SET seen = 'x';
INSERT INTO worker (id, profile) VALUES (31, '{"k": 1}');
:at '2030-01-01 17:55+00';
:tick
SELECT pg_temp.state(1), pg_temp.look();
:at '2030-01-01 18:00+00';
:tick
UPDATE look SET seen = '';
INSERT INTO worker (id, profile) VALUES (32, '{"k": 1}');
:at '2030-01-01 18:05+00';
:tick
SELECT pg_temp.state(1), pg_temp.look();
:at '2030-01-01 18:10+00';
:tick
UPDATE look SET seen = '10:20:15,12';
INSERT INTO worker (id, profile) VALUES (33, '{"k": 1}');
:at '2030-01-01 18:15+00';
:tick
SELECT pg_temp.state(1), pg_temp.look();
:at '2030-01-01 18:20+00';
:tick
UPDATE look SET seen = '1:9000000000:';
INSERT INTO worker (id, profile) VALUES (34, '{"k": 1}');
:at '2030-01-01 18:25+00';
:tick
SELECT pg_temp.state(1), pg_temp.look();
:at '2030-01-01 18:30+00';
:tick
UPDATE look SET seen = '1:9223372036854775807:5';
INSERT INTO worker (id, profile) VALUES (35, '{"k": 1}');
:at '2030-01-01 18:35+00';
:tick
SELECT pg_temp.state(1), pg_temp.look();
:at '2030-01-01 18:40+00';
:tick
UPDATE look SET place = place + 1;
INSERT INTO worker (id, profile) VALUES (36, '{"k": 1}');
:at '2030-01-01 18:45+00';
:tick
SELECT pg_temp.state(1), pg_temp.look();
:at '2030-01-01 18:50+00';
:tick
UPDATE look SET unwoken = '{NULL}';
INSERT INTO worker (id, profile) VALUES (37, '{"k": 1}');
:at '2030-01-01 18:55+00';
:tick
SELECT pg_temp.state(1), pg_temp.look();
:at '2030-01-01 19:00+00';
:tick
UPDATE look SET unwoken = '{1000,1001}';
INSERT INTO worker (id, profile) VALUES (38, '{"k": 1}');
:at '2030-01-01 19:05+00';
:tick
SELECT pg_temp.state(1), pg_temp.look();
:at '2030-01-01 19:10+00';
:tick
UPDATE look SET unwoken = '{{1000},{1}}';
INSERT INTO worker (id, profile) VALUES (39, '{"k": 1}');
:at '2030-01-01 19:15+00';
:tick
SELECT pg_temp.state(1), pg_temp.look();
:at '2030-01-01 19:20+00';
:tick
UPDATE look SET unwoken = '{101,1}';
:tick
SELECT pg_temp.state(1), pg_temp.look();
DELETE FROM look;
INSERT INTO worker (id, profile) VALUES (40, '{"k": 1}');
:at '2030-01-01 19:25+00';
:tick
SELECT pg_temp.state(1), pg_temp.look();
:at '2030-01-01 19:30+00';
:tick
TRUNCATE look;
SELECT pg_temp.state(1);
-- Without its constraints, too.
ALTER TABLE look ALTER place DROP NOT NULL, ALTER seen DROP NOT NULL, ALTER unwoken DROP NOT NULL;
UPDATE look SET place = NULL, seen = NULL, unwoken = NULL;
INSERT INTO worker (id, profile) VALUES (41, '{"k": 1}');
:at '2030-01-01 19:32+00';
:tick
SELECT pg_temp.state(1), pg_temp.look();
ALTER TABLE look ALTER place SET NOT NULL, ALTER seen SET NOT NULL, ALTER unwoken SET NOT NULL;
:at '2030-01-01 19:35+00';
:tick
:at '2030-01-01 19:40+00';
:tick
SELECT pg_temp.state(1);

--
-- Something is broken: who can be woken is
--
-- A gig that an owner's trigger keeps asleep keeps no other from waking.
CREATE FUNCTION keep_asleep() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'gig % sleeps on', NEW.gig_id; END$$;
CREATE TRIGGER keep_asleep BEFORE UPDATE ON gig_state FOR EACH ROW
WHEN (NEW.gig_id IN (101, 103) AND OLD.slept_in IS NOT NULL AND NEW.slept_in IS NULL) EXECUTE FUNCTION keep_asleep();
INSERT INTO worker (id, profile) VALUES (42, '{"k": 1, "never": true}');
:at '2030-01-01 19:45+00';
:tick
SELECT pg_temp.state(1), pg_temp.look();
SELECT asleep, count(*) FROM gig_status WHERE gig_id BETWEEN 101 AND 130 GROUP BY 1 ORDER BY 1;
:tick
SELECT pg_temp.look();
DROP TRIGGER keep_asleep ON gig_state;
:tick
SELECT pg_temp.look();
SELECT count(*) FROM invitation WHERE gig_id BETWEEN 101 AND 130;
DELETE FROM worker WHERE id = 42;
:at '2030-01-01 19:50+00';
:tick
:at '2030-01-01 19:55+00';
:tick
-- If it cannot be told whom a change concerns, all are woken.
ALTER TABLE worker ALTER profile DROP NOT NULL, DISABLE TRIGGER cirro_check;
INSERT INTO worker (id, profile, changed_in) VALUES (43, NULL, pg_current_xact_id()::text::bigint);
ALTER TABLE worker ENABLE ALWAYS TRIGGER cirro_check;
INSERT INTO worker (id, profile) VALUES (44, '{"k": 1}');
:at '2030-01-01 20:00+00';
:tick
SELECT pg_temp.state(1), pg_temp.look();
:tick
DELETE FROM worker WHERE id = 43;
ALTER TABLE worker ALTER profile SET NOT NULL;
:at '2030-01-01 20:05+00';
:tick
SELECT pg_temp.state(1), pg_temp.look();

--
-- In a transaction block: what it has done is undone with it, and done again
--
INSERT INTO worker (id, profile) VALUES (51, '{"k": 1}');
SELECT seen FROM look \gset
SET client_min_messages = error;
BEGIN;
:at '2030-01-01 20:40+00';
:tick
SELECT pg_temp.state(1);
ROLLBACK;
SELECT pg_temp.state(1);
SELECT seen = :'seen' AS unchanged FROM look;
BEGIN;
INSERT INTO worker (id, profile) VALUES (52, '{"k": 1}');
:at '2030-01-01 20:40+00';
:tick
SELECT pg_temp.state(1);
:at '2030-01-01 20:45+00';
:tick
SELECT pg_temp.state(1);
INSERT INTO worker (id, profile) VALUES (53, '{"k": 1}');
:at '2030-01-01 20:50+00';
:tick
SELECT pg_temp.state(1);
SELECT seen = :'seen' AS unchanged FROM look;
COMMIT;
RESET client_min_messages;
:at '2030-01-01 20:55+00';
:tick
SELECT pg_temp.state(1);

--
-- So many changes that to wake all costs less
--
:at '2030-01-01 21:00+00';
:tick
SELECT pg_temp.state(1);
SELECT asleep, count(*) FROM gig_status GROUP BY 1 ORDER BY 1;
SELECT pg_temp.state(1), pg_temp.state(101), pg_temp.state(130);
INSERT INTO worker (id, profile) SELECT n, '{}' FROM generate_series(1001, 1300) n;
:at '2030-01-01 21:01+00';
:tick
SELECT pg_temp.state(1), pg_temp.state(101), pg_temp.state(130);
-- Or that asking takes longer than was supposed, if nobody matches.
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query)
SELECT n, 'g', 'u', '2030-01-02', '2030-01-03', 1, '{"s": {"$regex": "(a[ab]?){3}c"}}' FROM generate_series(201, 240) n;
:tick
:tick
SELECT DISTINCT pg_temp.state(id) FROM gig WHERE id > 200;
INSERT INTO worker (id, profile) SELECT n, jsonb_build_object('s', repeat('a', 3000)) FROM generate_series(1401, 1420) n;
:at '2030-01-01 21:06+00';
:tick
SELECT DISTINCT pg_temp.state(id) FROM gig WHERE id > 200;

--
-- The end
--
UPDATE gig SET end_at = '2030-01-02 12:00+00' WHERE id = 1;
:tick
:at '2030-01-01 21:15+00';
:tick
SELECT gig_id, asleep, next_wave_at FROM gig_status WHERE gig_id IN (1, 101) ORDER BY 1;
SELECT (cancel(101)).id;
SELECT gig_id, asleep, next_wave_at FROM gig_status WHERE gig_id IN (1, 101) ORDER BY 1;
:tick
:at '2030-01-02 12:01+00';
SELECT gig_id, asleep, next_wave_at FROM gig_status WHERE gig_id IN (1, 101) ORDER BY 1;
SELECT waves FROM gig_state WHERE gig_id = 1 \gset
:tick
SELECT kind, count(*) FROM event WHERE gig_id = 1 AND kind IN ('gig.started', 'gig.ended') GROUP BY 1 ORDER BY 1;
INSERT INTO worker (id, profile) VALUES (54, '{"k": 1}');
:tick
SELECT waves = :waves AS none_more FROM gig_state WHERE gig_id = 1;
:at '2030-01-03 00:00+00';
:tick
SELECT asleep, count(*) FROM gig_status GROUP BY 1;
SELECT count(*) FROM gig_state WHERE slept_in IS NOT NULL OR awaits_room;
SELECT * FROM check_consistency();

-- By the real clock, which goes on while a gig is woken: its wave comes in the same call.
:at '2030-01-02 00:00+00';
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
VALUES (3, 'g', 'u', '2999-01-02', '2999-01-03', 1, 10, '{"c": 1}');
UPDATE gig_state SET last_due_at = '2020-01-01', next_wave_at = '2020-01-01', next_event_at = '2020-01-01' WHERE gig_id = 3;
RESET cirro.clock;
:tick
UPDATE gig_state SET last_due_at = '2020-01-01' WHERE gig_id = 3;
SELECT asleep FROM gig_status WHERE gig_id = 3;
INSERT INTO worker (id, profile) VALUES (61, '{"c": 1}');
:tick
SELECT count(*) FROM invitation WHERE gig_id = 3;

SET client_min_messages = warning;
DROP SCHEMA sleep CASCADE;
