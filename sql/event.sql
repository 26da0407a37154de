-- Events: what happens is one row each, whoever hears of it; which consumer hears
-- of which kind; the kinds that are told of a gig as a whole, once each, through
-- every door.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
SELECT cirro.create_space('event');
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET search_path = event;
SET cirro.clock = '2030-01-01 12:00+00';
\pset format unaligned
\pset fieldsep ' | '
\pset footer off
\pset tuples_only on
\pset null -

-- What a command says: ok, or SQLSTATE, message, what it is about, DETAIL and HINT.
CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text; tab text; col text; con text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, tab = TABLE_NAME,
		col = COLUMN_NAME, con = CONSTRAINT_NAME;
	RETURN concat_ws(E'\n', state || ' ' || message, concat_ws(' ', tab, nullif(col, ''), nullif(con, '')),
		'DETAIL: ' || nullif(detail, ''), 'HINT: ' || nullif(hint, ''));
END $$;

-- A gig of tomorrow, manual, with columns as given.
CREATE FUNCTION pg_temp.gig(gig_id bigint, columns jsonb DEFAULT '{}') RETURNS void LANGUAGE sql AS $$
	INSERT INTO gig SELECT n.* FROM jsonb_populate_record(NULL::gig, jsonb_build_object('id', gig_id,
		'title', 'Gig', 'url', 'https://gig', 'start_at', '2030-01-02 12:00+00', 'end_at', '2030-01-03 12:00+00',
		'invitation_mode', 'manual', 'filter_query', '{}'::jsonb) || columns) n $$;

-- What has happened since the last look, and to whom it is told.
CREATE FUNCTION pg_temp.news() RETURNS TABLE (kind text, gig_id bigint, worker_id bigint, previous text, status text, payload text, told text)
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT e.kind, e.gig_id, e.worker_id, e.previous, e.status, left(e.payload::text, 60),
		(SELECT string_agg(n.consumer, ',' ORDER BY n.consumer COLLATE "C") FROM notification n WHERE n.event_id = e.id)
	FROM event e ORDER BY e.id;
	DELETE FROM event;
	DELETE FROM notification;
END $$;

-- The same of gigs alone.
CREATE FUNCTION pg_temp.gig_news() RETURNS TABLE (kind text, gig_id bigint, payload text, told text) LANGUAGE sql AS
	$$ SELECT n.kind, n.gig_id, n.payload, n.told FROM pg_temp.news() n WHERE n.kind LIKE 'gig.%' $$;

INSERT INTO worker (id) SELECT generate_series(1, 20);

--
-- Consumers and kinds
--
SELECT name, kinds FROM consumer;
SELECT unnest(cirro.event_kinds());
INSERT INTO consumer (name, kinds, created_at) VALUES ('all', NULL, NULL), ('none', '{}', NULL), ('created', '{invitation.created}', NULL),
	('gigs', '{gig.deleted,gig.filled,gig.filled}', NULL);
SELECT name, kinds, created_at FROM consumer WHERE name <> 'default' ORDER BY name COLLATE "C";
SELECT pg_temp.gig(1, '{"total_seats": 1}');
SELECT outcome FROM invite(1, '{1,2}');
SELECT status FROM accept((SELECT id FROM invitation WHERE gig_id = 1 AND worker_id = 1));
SELECT * FROM pg_temp.news();
-- A consumer's kinds count from now on; one without kinds to hear of is told nothing.
UPDATE consumer SET kinds = '{gig.reopened}' WHERE name = 'none';
DELETE FROM consumer WHERE name IN ('default', 'all');
SELECT status FROM leave((SELECT id FROM invitation WHERE gig_id = 1 AND worker_id = 1));
SELECT * FROM pg_temp.news();
-- What is silent has happened, and nobody is told.
UPDATE consumer SET kinds = NULL WHERE name = 'created';
UPDATE invitation SET status = 'rejected', silent = true WHERE gig_id = 1 AND worker_id = 2;
UPDATE invitation SET status = 'pending', silent = worker_id = 1 WHERE gig_id = 1;
SELECT * FROM pg_temp.news();
-- Without any consumer there is the history all the same.
DELETE FROM consumer;
UPDATE invitation SET status = 'expired' WHERE gig_id = 1;
SELECT outcome FROM invite(1, '{3}');
SELECT * FROM pg_temp.news();
-- A new name is another consumer.
INSERT INTO consumer (name) VALUES ('b'), ('a');
SELECT outcome FROM invite(1, '{4,5}');
UPDATE consumer SET name = 'c' WHERE name = 'b';
SELECT outcome FROM invite(1, '{6}');
SELECT * FROM pg_temp.news();
-- What no consumer can be.
SELECT pg_temp.try($$INSERT INTO consumer (name) VALUES (NULL)$$);
SELECT pg_temp.try($$INSERT INTO consumer (name) VALUES ('')$$);
SELECT pg_temp.try($$UPDATE consumer SET name = repeat('ä', 128) WHERE name = 'a'$$);
SELECT pg_temp.try($$INSERT INTO consumer (name) VALUES ('a')$$);
SELECT pg_temp.try($$INSERT INTO consumer (name, kinds) VALUES ('x', '{gig.ended,gig.vanished}')$$);
SELECT length(pg_temp.try(format('INSERT INTO consumer (name, kinds) VALUES (%L, %L)', 'x', ARRAY[repeat('€', 100000)]))) < 1000 AS short;
SELECT pg_temp.try($$UPDATE consumer SET kinds = '{gig.ended,NULL}' WHERE name = 'a'$$);
SELECT split_part(pg_temp.try(format('UPDATE consumer SET kinds = %L WHERE name = ''a''', k)), E'\n', 3)
FROM unnest(ARRAY['{""}', '{GIG.ENDED}', '{gig.ende}', '{gig.ended2}', '{{gig.ended,x}}', '{{gig.ended},{gig.started}}']) k;
SELECT name, kinds FROM consumer ORDER BY name COLLATE "C";
-- Without the trigger the constraints hold.
BEGIN;
ALTER TABLE consumer DISABLE TRIGGER cirro_check;
SELECT split_part(pg_temp.try(c), E'\n', 1) FROM unnest(ARRAY[$$INSERT INTO consumer VALUES ('')$$, $$INSERT INTO consumer VALUES (repeat('x', 256))$$,
	$$INSERT INTO consumer VALUES ('x', '{x}')$$, $$INSERT INTO consumer VALUES ('x', '{NULL}')$$, $$INSERT INTO event (kind, gig_id) VALUES ('x', 1)$$,
	$$INSERT INTO event (kind, gig_id) VALUES ('gig.cancelled', 1)$$]) c;
ROLLBACK;
DELETE FROM consumer;
INSERT INTO consumer (name) VALUES ('default');

--
-- gig.filled and gig.reopened
--

-- Accept and leave, one by one: each time the line is crossed, and only then.
SELECT pg_temp.gig(10, '{"total_seats": 2}');
SELECT outcome FROM invite(10, '{1,2,3}');
SELECT status FROM accept((SELECT id FROM invitation WHERE gig_id = 10 AND worker_id = 1));
SELECT * FROM pg_temp.gig_news();
SELECT status FROM accept((SELECT id FROM invitation WHERE gig_id = 10 AND worker_id = 2));
SELECT * FROM pg_temp.gig_news();
SELECT pg_temp.try($$SELECT accept((SELECT id FROM invitation WHERE gig_id = 10 AND worker_id = 3))$$) LIKE 'UG011%';
SELECT status FROM accept((SELECT id FROM invitation WHERE gig_id = 10 AND worker_id = 2));
SELECT * FROM pg_temp.gig_news();
SELECT status FROM leave((SELECT id FROM invitation WHERE gig_id = 10 AND worker_id = 2));
SELECT status FROM leave((SELECT id FROM invitation WHERE gig_id = 10 AND worker_id = 1));
SELECT * FROM pg_temp.gig_news();
-- With seats_max it comes before the others are told that they are out.
SELECT pg_temp.gig(11, '{"seats_max": 1}');
SELECT outcome FROM invite(11, '{1,2}');
SELECT status FROM accept((SELECT id FROM invitation WHERE gig_id = 11 AND worker_id = 2));
SELECT kind, worker_id, status FROM pg_temp.news();
SELECT status FROM reset((SELECT id FROM invitation WHERE gig_id = 11 AND worker_id = 2));
SELECT kind, worker_id, status FROM pg_temp.news();
-- Many at once, of one gig and of several; in one statement to and fro is nothing.
SELECT pg_temp.gig(n, '{"seats_min": 2}') FROM generate_series(12, 14) n;
SELECT count(*) FROM generate_series(12, 14) n, invite(n, '{1,2,3}');
UPDATE invitation SET status = 'accepted' WHERE gig_id IN (12, 13) AND worker_id <= 2 OR gig_id = 14 AND worker_id = 1;
SELECT * FROM pg_temp.gig_news();
UPDATE invitation SET status = CASE WHEN status = 'pending' THEN 'accepted' ELSE 'left' END
WHERE gig_id = 12 AND worker_id IN (2, 3) OR gig_id IN (13, 14) AND worker_id = 1;
SELECT * FROM pg_temp.gig_news();
UPDATE invitation SET status = 'accepted' WHERE gig_id = 14 AND status = 'pending' OR gig_id = 13 AND worker_id = 3;
SELECT * FROM pg_temp.gig_news();
-- Where there is no capacity the target counts, and more than that is no news.
UPDATE invitation SET status = 'pending' WHERE gig_id = 12 AND worker_id = 2;
SELECT status FROM accept((SELECT id FROM invitation WHERE gig_id = 12 AND worker_id = 2));
SELECT status FROM leave((SELECT id FROM invitation WHERE gig_id = 12 AND worker_id = 2));
SELECT * FROM pg_temp.gig_news();
-- Where there is one, what is between target and capacity is no news.
SELECT pg_temp.gig(15, '{"seats_min": 1, "seats_max": 2}');
INSERT INTO invitation (gig_id, worker_id, status) VALUES (15, 1, 'accepted');
SELECT * FROM pg_temp.gig_news();
INSERT INTO invitation (gig_id, worker_id, status) VALUES (15, 2, 'accepted');
SELECT * FROM pg_temp.gig_news();
-- Deleting a worker or an invitation frees seats, too.
DELETE FROM worker WHERE id = 2;
SELECT * FROM pg_temp.gig_news();
DELETE FROM invitation WHERE gig_id IN (12, 13);
SELECT * FROM pg_temp.gig_news();
-- Invited and accepted in one call.
SELECT outcome FROM invite(15, '{3}', auto_accept => true);
SELECT * FROM pg_temp.gig_news();
-- The seats of the gig: lowered, raised, granted, of several gigs at once.
SELECT pg_temp.gig(n, '{"seats_max": 3}') FROM generate_series(16, 17) n;
INSERT INTO invitation (gig_id, worker_id, status) SELECT g, w, 'accepted' FROM generate_series(16, 17) g, generate_series(4, 5) w;
INSERT INTO invitation (gig_id, worker_id) VALUES (16, 6), (17, 6);
SELECT kind, gig_id FROM pg_temp.gig_news();
UPDATE gig SET seats_max = 2 WHERE id IN (16, 17);
SELECT kind, gig_id, worker_id, status FROM pg_temp.news();
UPDATE gig SET seats_max = 1 WHERE id = 16;
SELECT * FROM pg_temp.news();
UPDATE gig SET seats_max = 4 WHERE id IN (16, 17);
SELECT * FROM pg_temp.gig_news();
UPDATE gig SET seats_granted = 2 WHERE id = 16;
UPDATE gig SET seats_granted = 1 WHERE id = 16;
SELECT * FROM pg_temp.gig_news();
UPDATE gig SET seats_granted = 3 WHERE id = 16;
UPDATE gig SET seats_granted = NULL WHERE id = 16;
SELECT * FROM pg_temp.gig_news();
-- With and without a capacity.
UPDATE gig SET seats_min = 2, seats_max = NULL WHERE id = 16;
UPDATE gig SET seats_min = 2, seats_max = 3 WHERE id = 16;
SELECT * FROM pg_temp.gig_news();
-- Not once it is over, nor while the gig is deleted.
SELECT pg_temp.gig(18, '{"total_seats": 2, "start_at": "2030-01-01 11:00+00", "end_at": "2030-01-01 13:00+00", "created_at": "2030-01-01 10:00+00"}');
INSERT INTO invitation (gig_id, worker_id, status) VALUES (18, 7, 'accepted'), (18, 8, 'accepted');
SELECT * FROM pg_temp.gig_news();
SET cirro.clock = '2030-01-01 13:00+00';
DELETE FROM worker WHERE id = 7;
DELETE FROM invitation WHERE gig_id = 18;
SELECT * FROM pg_temp.gig_news();
INSERT INTO invitation (gig_id, worker_id, status) SELECT 17, w, 'accepted' FROM generate_series(9, 10) w;
SELECT * FROM pg_temp.gig_news();
DELETE FROM gig WHERE id = 17;
SELECT kind, gig_id, worker_id, payload FROM pg_temp.news();
DELETE FROM gig WHERE id BETWEEN 10 AND 16;
SELECT kind, count(*) FROM pg_temp.news() GROUP BY 1;

--
-- gig.exhausted
--
SELECT pg_temp.gig(20, '{"total_seats": 2, "invitation_mode": "auto", "invitation_frequency": "1 min", "filter_query": {"a": 1}}');
CALL cirro.run_waves('event');
SELECT * FROM pg_temp.news();
-- Not again, until a wave has found somebody.
SET cirro.clock = '2030-01-01 13:01+00';
CALL cirro.run_waves('event');
SELECT outcome FROM run_wave(20);
SELECT outcome FROM invite(20, '{11}');
UPDATE gig SET invitation_multiplier = 3 WHERE id = 20;
SET cirro.clock = '2030-01-01 13:02+00';
CALL cirro.run_waves('event');
SELECT exhausted FROM gig_state WHERE gig_id = 20;
SELECT * FROM pg_temp.gig_news();
UPDATE worker SET profile = '{"a": 1}' WHERE id = 12;
SET cirro.clock = '2030-01-01 13:03+00';
CALL cirro.run_waves('event');
SELECT exhausted FROM gig_state WHERE gig_id = 20;
SELECT kind, worker_id FROM pg_temp.news();
SELECT outcome FROM run_wave(20);
SELECT outcome, repeats FROM wave WHERE gig_id = 20 ORDER BY number;
SELECT * FROM pg_temp.news();
-- A wave that pending_max leaves no room is none.
UPDATE worker SET profile = '{"a": 1}' WHERE id = 13;
UPDATE gig SET pending_max = 1 WHERE id = 20;
SELECT outcome FROM run_wave(20);
SELECT exhausted FROM gig_state WHERE gig_id = 20;
SELECT * FROM pg_temp.news();
DELETE FROM gig WHERE id = 20;
SELECT kind FROM pg_temp.news();

--
-- gig.changed
--
SELECT pg_temp.gig(30, '{"total_seats": 2, "description": "d", "start_at": "2030-01-01 18:00:00.123456+00"}');
-- The same again is no change, nor is anything else of the gig; the order is the table's.
UPDATE gig SET title = 'Gig', description = 'd', url = 'https://gig', start_at = start_at, end_at = '2030-01-03 13:00+01' WHERE id = 30;
UPDATE gig SET start_at = date_trunc('milliseconds', start_at) WHERE id = 30;
UPDATE gig SET pending_max = 3, notification_payload = '{}', ref = 'r', total_seats = 3, filter_query = '{"b": 1}', archive_at = '2030-02-01' WHERE id = 30;
SELECT * FROM pg_temp.news();
UPDATE gig SET end_at = end_at + interval '1 h' WHERE id = 30;
UPDATE gig SET title = 'New' WHERE id = 30;
UPDATE gig SET description = NULL, url = 'https://new', start_at = '2030-01-01 18:00+00' WHERE id = 30;
UPDATE gig SET end_at = end_at + interval '1 h', start_at = start_at + interval '1 h', url = 'u', description = 'x', title = 't' WHERE id = 30;
SELECT kind, gig_id, worker_id, payload FROM pg_temp.news();
SELECT pg_temp.gig(n, '{"total_seats": 2}') FROM generate_series(31, 33) n;
UPDATE gig SET title = CASE WHEN id = 32 THEN 'Gig' ELSE 'Other' END, end_at = end_at + (id - 31) * interval '1 h' WHERE id BETWEEN 31 AND 33;
SELECT kind, gig_id, payload FROM pg_temp.news();
-- While it runs the end may change, and is told; that it ended early is told by the end.
SET cirro.clock = '2030-01-02 13:00+00';
UPDATE gig SET end_at = end_at + interval '1 h' WHERE id = 31;
SELECT kind, gig_id, payload FROM pg_temp.news();
UPDATE gig SET end_at = cirro.now() WHERE id = 31;
SELECT id FROM archive(32);
SELECT * FROM pg_temp.news();
UPDATE gig SET archive_at = '2030-03-01' WHERE id = 31;
SELECT * FROM pg_temp.news();

--
-- Many rows
--
SET cirro.clock = '2030-01-01 12:00+00';
SELECT count(*) FROM (SELECT pg_temp.gig(n, '{"seats_max": 1}') FROM generate_series(1001, 1200) n) g;
INSERT INTO consumer (name, kinds) VALUES ('filled', '{gig.filled}');
INSERT INTO invitation (gig_id, worker_id) SELECT g, 14 FROM generate_series(1001, 1200) g;
UPDATE invitation SET status = 'accepted' WHERE gig_id > 1000;
UPDATE invitation SET status = 'left', silent = gig_id <= 1100 WHERE gig_id > 1000;
UPDATE gig SET title = 'x' WHERE id > 1000;
DELETE FROM gig WHERE id > 1000;
SELECT e.kind, e.status, count(*), count(DISTINCT e.gig_id) AS gigs, sum(n.n) AS told, bool_and(e.ordered) AS ordered
FROM (SELECT *, lag(gig_id, 1, 0::bigint) OVER (PARTITION BY kind, status ORDER BY id) < gig_id AS ordered FROM event) e
LEFT JOIN (SELECT event_id, count(*) AS n FROM notification GROUP BY 1) n ON n.event_id = e.id
GROUP BY 1, 2 ORDER BY min(e.id);

--
-- What else the command has written that an event is of
--
DELETE FROM consumer;
SELECT pg_temp.gig(2001, '{"total_seats": 2}');
SELECT outcome FROM invite(2001, '{1}');
DELETE FROM event;
INSERT INTO invitation (gig_id, worker_id, status, send_at) VALUES (2001, 3, 'scheduled', '2030-01-01 15:00+00');
WITH added AS (INSERT INTO consumer (name) VALUES ('new') RETURNING name)
UPDATE invitation SET status = 'accepted' WHERE gig_id = 2001 AND worker_id = 1;
SELECT * FROM pg_temp.news();
WITH changed AS (UPDATE gig_state SET failures = 1 WHERE gig_id = 2001 RETURNING gig_id)
UPDATE invitation SET send_at = '2030-01-01 14:00+00' WHERE gig_id = 2001 AND worker_id = 3;
SELECT accepted, failures, next_event_at FROM gig_state WHERE gig_id = 2001;
-- Not what a check writes to the row that is checked.
CREATE FUNCTION meddle() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
	IF current_setting('my.meddles', true) = 'yes' THEN
		PERFORM set_config('my.meddles', 'no', true);
		UPDATE event.gig_state SET failures = 2 WHERE gig_id = 2001;
		PERFORM set_config('my.meddles', 'yes', true);
	END IF;
END $$;
ALTER TABLE gig_state ADD CONSTRAINT meddles CHECK (query_to_xml('SELECT event.meddle()', true, true, '') IS NOT NULL);
SET my.meddles = 'yes';
\set VERBOSITY sqlstate
UPDATE invitation SET send_at = '2030-01-01 13:00+00' WHERE gig_id = 2001 AND worker_id = 3;
\set VERBOSITY default
SET my.meddles = 'no';
UPDATE invitation SET send_at = '2030-01-01 13:00+00' WHERE gig_id = 2001 AND worker_id = 3;
SELECT accepted, failures, next_event_at FROM gig_state WHERE gig_id = 2001;

SET client_min_messages = warning;
SELECT cirro.drop_space('event');
