-- time: days on which clocks change, months, times without an end or before
-- Christ, a tick that is late, and a clock that is set back. Whatever the time
-- zone of who asks: what is due when does not depend on it.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
SELECT cirro.create_space('time');
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET search_path = time;
\pset format unaligned
\pset fieldsep ' | '
\pset footer off
\pset tuples_only on
\pset null -

-- What a command says: ok, or SQLSTATE, message and DETAIL.
CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(E'\n', state || ' ' || message, 'DETAIL: ' || nullif(detail, ''));
END $$;
CREATE FUNCTION pg_temp.gig(id bigint, end_at timestamptz, frequency interval, answer_within interval DEFAULT NULL, start_at timestamptz DEFAULT NULL) RETURNS void LANGUAGE sql
SET search_path = time AS $$
	INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query, invitation_frequency, answer_within, invitation_multiplier)
	VALUES ($1, 'g' || $1, 'u', coalesce($5, least($2, 'epoch')::timestamptz), $2, 9, '{}', $3, $4, 0.1) $$;
-- Ticks, each in a time zone of its own, from "at" on until "until". A row for each
-- wave.
CREATE PROCEDURE pg_temp.tick(at timestamptz, until timestamptz, step interval) LANGUAGE plpgsql AS $$
DECLARE
	zones text[] := '{Europe/Berlin,America/New_York,Asia/Kathmandu,Pacific/Apia,UTC,Australia/Lord_Howe}';
	n int := 0;
BEGIN
	WHILE at <= until LOOP
		n := n + 1;
		PERFORM set_config('timezone', zones[n % 6 + 1], false), set_config('cirro.clock', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS+00'), false);
		CALL cirro.run_waves('time');
		at := at + step;
	END LOOP;
	SET timezone = 'UTC';
END $$;
CREATE FUNCTION pg_temp.waves(id bigint) RETURNS text LANGUAGE sql SET search_path = time AS $$
	SELECT string_agg(to_char(run_at AT TIME ZONE 'UTC', 'MM-DD HH24:MI'), ', ' ORDER BY number) FROM wave WHERE gig_id = $1 $$;
SET client_min_messages = warning;

INSERT INTO worker (id, lot) SELECT n, n FROM generate_series(1, 200) n;
ALTER TABLE gig ALTER id RESTART 1000;
UPDATE setting SET keep_waves = '100 years', keep_notifications = '100 years', keep_events = '100 years';

--
-- Days on which clocks change: in Berlin on 2030-03-31 and 2030-10-27 at 01:00
-- UTC, in New York on 03-10 and 11-03, on Lord Howe Island by half an hour.
--

SET cirro.clock = '2030-03-29 12:00+00';
SELECT pg_temp.gig(1, '2030-04-04', '1 day');
SELECT pg_temp.gig(2, '2030-04-04', '24:00');
SELECT pg_temp.gig(3, '2030-04-04', '1 day 01:00', '2 days');
CALL pg_temp.tick('2030-03-29 12:00+00', '2030-04-03 00:00+00', '30 min');
SELECT id, pg_temp.waves(id) FROM gig ORDER BY id;
SELECT next_wave_at FROM gig_state ORDER BY gig_id;
-- Each time to answer is 48 hours.
SELECT DISTINCT i.status, i.reason, e.at - i.invited_at FROM invitation i JOIN event e ON e.invitation_id = i.id AND e.status = 'expired' WHERE i.gig_id = 3;
SELECT count(*) FROM invitation WHERE gig_id = 3 AND status = 'pending' AND invited_at <= cirro.now() - interval '48:00';
DELETE FROM invitation;
-- In autumn, and where it is half an hour.
SET cirro.clock = '2030-10-25 12:00+00';
SELECT pg_temp.gig(4, '2030-11-06', '1 day');
CALL pg_temp.tick('2030-10-25 12:00+00', '2030-11-05 12:00+00', '1 hour');
SELECT pg_temp.waves(4);
-- The hour that comes twice: an end in it is one point in time, in any zone.
SET timezone = 'Europe/Berlin';
SET cirro.clock = '2031-10-26 00:20+00';
SELECT pg_temp.gig(5, '2031-10-26 02:30 CEST', '1 day');
SELECT cirro.now(), g.end_at, s.phase FROM gig g JOIN gig_status s ON s.gig_id = g.id WHERE g.id = 5;
SELECT outcome FROM invite(5, '{1}');
SET cirro.clock = '2031-10-26 00:40+00';
SELECT cirro.now(), phase FROM gig_status WHERE gig_id = 5;
SET timezone = 'America/New_York';
SELECT outcome FROM invite(5, '{2}');
SELECT status FROM worker_invitation WHERE gig_id = 5;
-- And the one that never comes is read as the server reads it.
SET timezone = 'Europe/Berlin';
SET cirro.clock = '2032-03-28 00:00+00';
SELECT pg_temp.gig(6, '2032-03-28 02:30', '1 day');
SET timezone = 'UTC';
SELECT end_at FROM gig WHERE id = 6;

--
-- Months and odd intervals
--

SELECT cirro.add_interval(t, '1 mon'), cirro.add_interval(t, '1 mon -29 days'), cirro.add_interval(t, '-1 mon 31 days')
	FROM unnest('{2030-01-31 23:30+00,2030-02-28 23:30+00,2032-01-31 00:00+00,2032-02-29 00:00+00}'::timestamptz[]) t;
-- The same wherever it is February already.
SET timezone = 'Asia/Tokyo';
SELECT cirro.add_interval('2030-01-31 23:30+00', '1 mon') = '2030-02-28 23:30+00';
SET timezone = 'UTC';
SET cirro.clock = '2033-01-31 12:00+00';
UPDATE setting SET default_frequency = '1 mon', default_answer_within = '1 mon';
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query, invitation_multiplier) VALUES (10, 'm', 'u', '2033-01-01', '2034-01-01', 9, '{}', 0.1);
SELECT invitation_frequency, answer_within FROM gig WHERE id = 10;
CALL pg_temp.tick('2033-01-31 12:00+00', '2033-06-30 12:00+00', '12 hours');
SELECT pg_temp.waves(10);
SELECT to_char(i.invited_at, 'MM-DD HH24:MI') AS invited, to_char(e.at, 'MM-DD HH24:MI') AS expired FROM invitation i JOIN event e ON e.invitation_id = i.id AND e.status = 'expired' WHERE i.gig_id = 10 ORDER BY 1;
UPDATE setting SET default_frequency = NULL, default_answer_within = NULL;
-- No time at all, or one that goes back.
SELECT v, c, pg_temp.try(format('INSERT INTO gig (title, url, start_at, end_at, total_seats, filter_query, %I) VALUES (''x'', ''u'', ''2040-01-01'', ''2040-01-02'', 1, ''{}'', %L)', c, v))
	FROM unnest('{0,-1 day,1 mon -30 days,1 mon -31 days,-1 mon 30 days}'::text[]) WITH ORDINALITY u (v, n), unnest('{invitation_frequency,answer_within}'::text[]) c ORDER BY n, c;
SELECT c, split_part(pg_temp.try(format('UPDATE setting SET %I = %L', c, '-1 us')), E'\n', 1) FROM unnest('{default_frequency,default_answer_within,keep_events,keep_notifications,keep_waves,keep_attempts,keep_gigs}'::text[]) c;
-- As short and as long as can be.
SET cirro.clock = '2034-02-01 12:00+00';
SELECT pg_temp.gig(11, '2034-03-01', '1 us', '1 us');
SELECT pg_temp.gig(12, '2034-03-01', '178000000 years', '178000000 years');
SELECT pg_temp.gig(13, '2034-03-01', '1 mon -29 days', '1 mon -29 days');
CALL pg_temp.tick('2034-02-01 12:00+00', '2034-02-01 12:02+00', '1 min');
SELECT g.id, pg_temp.waves(g.id), s.next_wave_at, s.next_event_at FROM gig g JOIN gig_state s ON s.gig_id = g.id WHERE g.id BETWEEN 11 AND 13 ORDER BY g.id;
SELECT gig_id, status, count(*) FROM invitation WHERE gig_id BETWEEN 11 AND 13 GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(*) FROM check_consistency();
UPDATE setting SET keep_waves = '178000000 years', keep_attempts = '0', keep_notifications = '178000000 years', keep_events = '178000000 years';
CALL pg_temp.tick('2034-02-02', '2034-02-02', '1 day');
SELECT count(*) > 0 FROM wave;
UPDATE setting SET keep_waves = '100 years', keep_attempts = NULL, keep_notifications = '100 years', keep_events = '100 years';
DELETE FROM invitation;

--
-- Times without an end, and before Christ
--

SET cirro.clock = '2035-01-01 12:00+00';
SELECT s, e, pg_temp.try(format('INSERT INTO gig (title, url, start_at, end_at, total_seats, filter_query) VALUES (''x'', ''u'', %L, %L, 1, ''{}'')', s, e))
	FROM unnest('{-infinity,4713-11-24 00:00:00+00 BC,0001-12-31 BC,294276-12-31,infinity}'::text[]) WITH ORDINALITY a (s, n),
	unnest('{-infinity,0001-12-31 BC,294276-12-31 23:59:59.999999+00,infinity}'::text[]) WITH ORDINALITY b (e, m) ORDER BY n, m;
-- Every column that holds a time, in an INSERT and in an UPDATE.
SELECT c, v, pg_temp.try(format('INSERT INTO gig (title, url, start_at, end_at, total_seats, filter_query, %I) VALUES (''y'', ''u'', ''2036-01-01'', ''2036-01-02'', 1, ''{}'', %L)', c, v))
	FROM unnest('{created_at,archive_at,archived_at}'::text[]) c, unnest('{-infinity,4000-01-01 BC,2300-01-01,infinity}'::text[]) WITH ORDINALITY u (v, n) ORDER BY c, n;
SELECT s.phase, count(*) FROM gig g JOIN gig_status s ON s.gig_id = g.id WHERE g.title = 'y' GROUP BY 1 ORDER BY 1;
SELECT c, v, pg_temp.try(format('UPDATE gig SET %I = %L WHERE id = (SELECT max(id) FROM gig)', c, v))
	FROM unnest('{start_at,end_at,archive_at,archived_at,created_at}'::text[]) WITH ORDINALITY a (c, m), unnest('{-infinity,4000-01-01 BC,infinity}'::text[]) WITH ORDINALITY u (v, n) ORDER BY m, n;
SELECT outcome FROM invite((SELECT max(id) FROM gig), '{1}', '-infinity');
SELECT pg_temp.try('SELECT outcome FROM invite((SELECT max(id) FROM gig), ''{2}'', ''4000-01-01 BC'')');
SELECT pg_temp.gig(20, 'infinity', '1 day', '1 day', '-infinity');
SELECT v, pg_temp.try(format('INSERT INTO invitation (id, gig_id, worker_id, status, send_at, invited_at, responded_at) VALUES (%s, 20, %1$s, ''scheduled'', %2$L, %2$L, %2$L)', 100 + n, v))
	FROM unnest('{-infinity,4000-01-01 BC,infinity}'::text[]) WITH ORDINALITY u (v, n);
CALL pg_temp.tick('2035-01-01 12:00+00', '2035-01-01 12:00+00', '1 min');
SELECT id, status, send_at, invited_at, responded_at FROM invitation WHERE id BETWEEN 101 AND 103 ORDER BY id;
SELECT phase, next_wave_at FROM gig_status WHERE gig_id = 20;
SELECT next_event_at FROM gig_state WHERE gig_id = 20;
SELECT worker_id, status FROM worker_invitation WHERE gig_id = 20 AND invitation_id BETWEEN 101 AND 103 ORDER BY 1;
SELECT count(*) FROM explain_invitation(101, 20);
SELECT pg_temp.try('SELECT claim_notifications(1, ''178000000 years'')'), pg_temp.try('SELECT fail_notifications(1, NULL, ''x'', ''infinity'')');
SELECT count(*) > 0 FROM claim_notifications(1000);
SELECT * FROM check_consistency();
-- Waves at both ends of time.
SELECT set_config('cirro.clock', '4713-11-24 00:00+00 BC', false);
SELECT pg_temp.gig(21, '4713-12-24 BC', '1 day', '1 day', '-infinity');
CALL cirro.run_waves('time');
SELECT gig_id, run_at FROM wave WHERE gig_id = 21;
SELECT set_config('cirro.clock', '294276-12-30 00:00+00', false);
SELECT pg_temp.gig(22, '294276-12-31', '1 day', '1 day', '-infinity');
CALL cirro.run_waves('time');
SELECT gig_id, run_at FROM wave WHERE gig_id = 22;
SELECT gig_id, next_wave_at, next_event_at FROM gig_state WHERE gig_id IN (21, 22) ORDER BY 1;
SELECT phase FROM gig_status WHERE gig_id IN (21, 22) ORDER BY gig_id;
DELETE FROM invitation;
DELETE FROM notification;
DELETE FROM event;
ALTER TABLE gig DISABLE TRIGGER cirro_delete_check;
DELETE FROM gig;
ALTER TABLE gig ENABLE TRIGGER cirro_delete_check;
DELETE FROM wave;

--
-- A tick that is late
--

-- Six hours: one wave, and the cadence begins anew. What was scheduled is sent
-- once, what was not answered in time expires, and all that has happened to a
-- gig is told, in its order.
SET cirro.clock = '2036-01-01 12:00+00';
INSERT INTO gig (id, title, url, start_at, end_at, archive_at, total_seats, filter_query, invitation_frequency, answer_within, invitation_multiplier)
	VALUES (30, 'late', 'u', '2036-01-01 13:00+00', '2036-01-02', NULL, 9, '{}', '5 min', '1 hour', 0.1),
		(31, 'over', 'u', '2036-01-01 13:00+00', '2036-01-01 14:00+00', '2036-01-01 15:00+00', 9, '{}', '5 min', NULL, 0.1);
CALL cirro.run_waves('time');
SELECT outcome FROM invite(30, '{7}', '2036-01-01 14:00+00');
CALL pg_temp.tick('2036-01-01 18:00+00', '2036-01-01 18:10+00', '1 min');
SELECT pg_temp.waves(30), pg_temp.waves(31);
SELECT status, reason, count(*), min(invited_at), max(times_invited) FROM invitation WHERE gig_id = 30 GROUP BY 1, 2 ORDER BY min(id);
SELECT kind, gig_id, status, at FROM event WHERE invitation_id IS NULL OR gig_id = 31 ORDER BY id;
-- A little late is no reason to begin anew: the next one keeps to the cadence.
CALL pg_temp.tick('2036-01-01 18:12+00', '2036-01-01 18:12+00', '1 min');
SELECT pg_temp.waves(30), (SELECT next_wave_at FROM gig_state WHERE gig_id = 30);

--
-- A clock that is set back, as on a standby that is promoted and whose clock is
-- behind: nothing is done twice, and what is due in the future waits for it.
--

SET cirro.clock = '2036-01-01 12:30+00';
SELECT count(*) FROM invitation;
CALL pg_temp.tick('2036-01-01 12:30+00', '2036-01-01 18:11+00', '17 min');
SELECT pg_temp.waves(30);
SELECT count(*) FROM invitation;
-- Answers go by the clock that there is; the order of times is not presumed.
SET cirro.clock = '2036-01-01 12:30+00';
SELECT status, invited_at > responded_at AS earlier FROM accept((SELECT min(id) FROM invitation WHERE status = 'pending'));
SELECT outcome FROM invite(30, '{8}');
UPDATE gig SET title = 'back', seats_max = 10 WHERE id = 30;
UPDATE gig SET invitation_frequency = '10 min' WHERE id = 30;
SELECT outcome FROM attempt_invitations(9, '{30}');
SELECT (run_wave(30)).invited;
SELECT worker_id, status FROM worker_invitation WHERE worker_id = 8;
SELECT * FROM check_consistency();
-- It goes on where it was.
CALL pg_temp.tick('2036-01-01 18:13+00', '2036-01-01 18:40+00', '1 min');
SELECT pg_temp.waves(30);
-- Gigs that had ended by the clock that was ahead are open again. Waves may have
-- no reason to look at them: it is said, and mended.
SET cirro.clock = '2036-01-03 00:00+00';
CALL cirro.run_waves('time');
SELECT kind FROM event WHERE gig_id = 30 AND invitation_id IS NULL ORDER BY id;
SET cirro.clock = '2036-01-01 19:00+00';
SELECT phase FROM gig_status WHERE gig_id = 30;
SELECT * FROM check_consistency();
SELECT rebuild_state();
SELECT * FROM check_consistency();
CALL pg_temp.tick('2036-01-01 19:00+00', '2036-01-01 19:30+00', '1 min');
SELECT pg_temp.waves(30);
SELECT count(*) FROM invitation WHERE gig_id = 30 AND status = 'pending';
CALL pg_temp.tick('2036-01-02 00:00+00', '2036-01-02 00:00+00', '1 min');
SELECT count(*) FROM invitation WHERE gig_id = 30 AND status = 'pending';
SELECT kind FROM event WHERE gig_id = 30 AND invitation_id IS NULL ORDER BY id;
SELECT * FROM check_consistency();

--
-- The time to answer ends by the clock, tick or no tick: for still_valid, and for
-- the limits on pending invitations as explain_invitation has them.
--
SET cirro.clock = '2037-01-01 12:00+00';
SELECT pg_temp.gig(40, '2037-01-03 12:00+00', '1 hour', '1 hour', '2037-01-02 12:00+00');
SELECT pg_temp.gig(41, '2037-01-03 12:00+00', '1 hour', NULL, '2037-01-02 12:00+00');
UPDATE gig SET pending_max = 1 WHERE id = 40;
UPDATE setting SET max_pending = 1;
DELETE FROM notification;
SELECT outcome FROM invite(40, '{1}');
SET cirro.clock = '2037-01-01 12:59:59.999999+00';
SELECT kind, still_valid FROM claim_notifications();
SELECT passed, detail FROM explain_invitation(2, 40) WHERE gate = 'pending_max';
SELECT passed, detail FROM explain_invitation(1, 41) WHERE gate = 'max_pending';
UPDATE notification SET due_at = clock_timestamp();
SET cirro.clock = '2037-01-01 13:00+00';
SELECT kind, still_valid FROM claim_notifications();
SELECT passed, detail FROM explain_invitation(2, 40) WHERE gate = 'pending_max';
SELECT passed, detail FROM explain_invitation(1, 41) WHERE gate = 'max_pending';
-- That it has ended stays worth telling, and what was answered in time is as it was.
SELECT status, reason FROM expire((SELECT id FROM invitation WHERE gig_id = 40 AND worker_id = 1));
SELECT outcome FROM invite(40, '{3}');
SELECT status FROM accept((SELECT id FROM invitation WHERE gig_id = 40 AND worker_id = 3));
SET cirro.clock = '2037-01-01 15:00+00';
UPDATE notification SET due_at = clock_timestamp();
SELECT worker_id, kind, payload -> 'invitation' ->> 'status' AS status, still_valid FROM claim_notifications();
-- Without a time to answer they end with the gig.
SELECT outcome FROM invite(41, '{1}');
SELECT passed, detail FROM explain_invitation(1, 40) WHERE gate = 'max_pending';
SET cirro.clock = '2037-01-03 12:00+00';
SELECT passed, detail FROM explain_invitation(1, 40) WHERE gate = 'max_pending';
SELECT gig_id, phase, capacity, accepted, vacancies FROM gig_status WHERE gig_id IN (40, 41) ORDER BY gig_id;

RESET cirro.clock;
RESET search_path;
SET client_min_messages = warning;
SELECT cirro.drop_space('time');
