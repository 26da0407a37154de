-- A gig's life: its phase by the clock, what may change in which phase, what a
-- gig must look like, archiving and deleting. Plain INSERT, UPDATE, DELETE and
-- COPY obey; the application's own columns are nobody's business.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
SELECT cirro.create_space('gig_life');
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET search_path = gig_life;
SET cirro.clock = '2030-01-01 12:00+00';
\pset format unaligned
\pset fieldsep ' | '
\pset footer off
\pset tuples_only on
\pset null -

-- What a command says: ok, or SQLSTATE, message, DETAIL and HINT.
CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', state || ' ' || message,
		'DETAIL: ' || nullif(detail, ''), 'HINT: ' || nullif(hint, ''));
END $$;
-- The first line of it.
CREATE FUNCTION pg_temp.short(command text) RETURNS text LANGUAGE sql AS $$
	SELECT split_part(pg_temp.try(command), E'\n', 1) $$;

INSERT INTO worker (id) SELECT generate_series(1, 5);

-- What is not given, or given as NULL, is the default.
INSERT INTO gig (title, url, start_at, end_at, total_seats, filter_query, invitation_mode, invitation_multiplier, invitation_frequency, created_at)
VALUES ('Gig', 'https://gig', '2030-01-02', '2030-01-03', 1, '{}', NULL, NULL, NULL, NULL);
SELECT g.id, g.ref, g.description, g.archive_at, g.archived_at, g.invitation_mode, g.invitation_multiplier, g.invitation_frequency, g.pending_max,
	g.answer_within, g.sort_query, g.notification_payload, g.created_at, f.filter, f.sort FROM gig g JOIN gig_filter f ON f.gig_id = g.id;
-- JSON's null is no order, either: some ORMs write it for what is not given.
UPDATE gig g SET sort_query = 'null' WHERE g.id = 1 RETURNING g.sort_query IS NULL;
UPDATE setting SET default_frequency = '1 hour', default_multiplier = 2.5, default_pending_max = 7, default_answer_within = '1 day';
INSERT INTO gig (title, url, start_at, end_at, total_seats, filter_query) VALUES ('Gig', 'https://gig', '2030-01-02', '2030-01-03', 1, '{"a":1}');
INSERT INTO gig (title, url, start_at, end_at, total_seats, filter_query, invitation_mode, invitation_multiplier, invitation_frequency, pending_max, answer_within)
VALUES ('Gig', 'https://gig', '2030-01-02', '2030-01-03', 1, '{}', 'manual', 3, '1 minute', 8, '2 days');
SELECT id, invitation_mode, invitation_multiplier, invitation_frequency, pending_max, answer_within FROM gig ORDER BY id;
UPDATE gig SET invitation_mode = NULL, invitation_multiplier = NULL, invitation_frequency = NULL, pending_max = NULL, answer_within = NULL WHERE id = 3;
SELECT id, invitation_mode, invitation_multiplier, invitation_frequency, pending_max, answer_within FROM gig WHERE id = 3;
-- A gig made before the Space had a default keeps having none.
UPDATE gig SET description = 'x' WHERE id = 1 RETURNING pending_max, answer_within;
-- There is one row of settings, for ever; its values are sound.
SELECT pg_temp.try('DELETE FROM setting');
SELECT pg_temp.short('INSERT INTO setting DEFAULT VALUES');
SELECT s, pg_temp.short('UPDATE setting SET ' || s) FROM unnest($${only_row = false,default_frequency = '0',default_multiplier = 0,default_multiplier = 'NaN',
	default_pending_max = 0,default_answer_within = '-1 s',max_pending = 0,max_attempts = 0,keep_waves = '-1 s',keep_events = '-1 s',keep_gigs = '-1 s'}$$::text[]) WITH ORDINALITY u (s, n) ORDER BY n;
-- Without the row, as after a schema-only load, all is at its default.
BEGIN;
SET LOCAL session_replication_role = replica;
DELETE FROM setting;
SET LOCAL session_replication_role = origin;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query) VALUES (4, 'Gig', 'https://gig', '2030-01-02', '2030-01-03', 1, '{}')
RETURNING invitation_mode, invitation_multiplier, invitation_frequency, pending_max, answer_within;
SELECT w.outcome FROM invite(4, '{1}') w;
SELECT n.consumer, e.kind FROM event e JOIN notification n ON n.event_id = e.id;
SELECT id, attempts FROM claim_notifications();
SELECT version, paused FROM cirro.spaces() WHERE space = 'gig_life';
ROLLBACK;
UPDATE setting SET default_frequency = NULL, default_multiplier = NULL, default_pending_max = NULL, default_answer_within = NULL;
DELETE FROM gig;

-- What a gig must look like: each rule with all that the user is told.
CREATE FUNCTION pg_temp.gig(id bigint, changes jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN pg_temp.try(format('INSERT INTO gig (id, %s) VALUES (%s, %s)',
		(SELECT string_agg(quote_ident(key), ', ' ORDER BY key) FROM jsonb_each_text(row || changes)), id,
		(SELECT string_agg(quote_nullable(value), ', ' ORDER BY key) FROM jsonb_each_text(row || changes))))
	FROM (SELECT jsonb_build_object('title', 'Gig', 'url', 'https://gig', 'start_at', '2030-01-02 12:00+00', 'end_at', '2030-01-03 12:00+00',
		'total_seats', 1, 'filter_query', '{}') AS row) r;
END $$;
SELECT rule || ': ' || pg_temp.gig(1, rule::jsonb) FROM (VALUES
	(1, '{"title": null}'), (2, '{"title": ""}'), (3, '{"url": null}'), (4, '{"url": ""}'),
	(5, '{"start_at": null}'), (6, '{"end_at": null}'), (7, '{"filter_query": null}'),
	(8, '{"end_at": "2030-01-02 12:00+00"}'), (9, '{"end_at": "2030-01-02 11:59:59.999999+00"}'),
	(10, '{"start_at": "2029-01-01", "end_at": "2030-01-01 12:00+00"}'),
	(11, '{"archive_at": "2030-01-03 11:59:59.999999+00"}'),
	(12, '{"invitation_mode": "other"}'), (13, '{"invitation_multiplier": 0}'), (14, '{"invitation_multiplier": "NaN"}'),
	(15, '{"invitation_multiplier": "Infinity"}'), (16, '{"invitation_frequency": "0"}'), (17, '{"invitation_frequency": "1 day -24:00:00.000001"}'),
	(18, '{"pending_max": 0}'), (19, '{"answer_within": "-1 s"}'), (20, '{"filter_query": {"a": {"$foo": 1}}}'), (21, '{"filter_query": [1]}'),
	(22, '{"sort_query": {"a": 2}}'), (23, '{"start_at": "infinity", "end_at": "infinity"}'), (24, '{"seats_granted": -1}'),
	(25, '{"sort_query": {"rating": -1, "joined_at": 1}}'), (26, '{"sort_query": "\"rating\""}')) v (n, rule) ORDER BY n;
-- The rules are constraints of the table as well, so that a dump is sound.
SELECT conname, convalidated FROM pg_constraint WHERE conrelid = 'gig'::regclass AND contype = 'c' ORDER BY conname COLLATE "C";

-- What just passes.
SELECT rule || ': ' || pg_temp.gig(n, rule::jsonb) FROM (VALUES
	(1, '{"end_at": "2030-01-02 12:00:00.000001+00"}'), (2, '{"archive_at": "2030-01-03 12:00+00"}'),
	(3, '{"start_at": "2029-01-01", "end_at": "2030-01-01 12:00:00.000001+00"}'), (4, '{"start_at": "2030-01-01 12:00+00"}'),
	(5, '{"start_at": "-infinity", "end_at": "infinity", "archive_at": "infinity"}'), (6, '{"invitation_multiplier": 0.001}'),
	(7, '{"pending_max": 2147483647, "answer_within": "178000000 years", "invitation_frequency": "00:00:00.000001"}')) v (n, rule) ORDER BY n;
SELECT gig_id, phase FROM gig_status ORDER BY gig_id;
SET cirro.clock = '2030-01-01 12:00:00.000001+00';
SELECT gig_id, phase FROM gig_status ORDER BY gig_id;
DELETE FROM gig WHERE start_at > cirro.now();
SELECT id FROM gig ORDER BY id;
SET cirro.clock = '2030-01-01 12:00+00';

-- The clock decides the phase; no tick has run.
SELECT pg_temp.gig(10, '{"archive_at": "2030-01-04 12:00+00"}');
CREATE FUNCTION pg_temp.phases(gig bigint) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	clock text;
BEGIN
	FOREACH clock IN ARRAY '{2030-01-02 11:59:59.999999,2030-01-02 12:00,2030-01-03 11:59:59.999999,2030-01-03 12:00,2030-01-04 11:59:59.999999,2030-01-04 12:00}'::text[] LOOP
		PERFORM set_config('cirro.clock', clock || '+00', true);
		RETURN QUERY SELECT concat_ws(' ', clock, phase) FROM gig_status WHERE gig_id = gig;
	END LOOP;
END $$;
BEGIN;
SELECT * FROM pg_temp.phases(10);
ROLLBACK;

-- What may change in which phase. Each cell: the same value, another value.
ALTER TABLE gig ADD note text;
SELECT pg_temp.gig(11, '{"ref": "eleven", "description": "d", "archive_at": "2030-01-04 12:00+00", "seats_min": 1, "seats_max": 3, "total_seats": 2, "pending_max": 5,
	"answer_within": "1 hour", "sort_query": {"a": 1}, "notification_payload": {"a": 1}}');
CREATE FUNCTION pg_temp.change(col text, value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	same text := pg_temp.short(format('UPDATE gig SET %1$I = %1$I WHERE id = 11', col));
	other text := split_part(pg_temp.short(format('UPDATE gig SET %I = %L WHERE id = 11', col, value)), ' ', 1);
BEGIN
	RETURN same || ', ' || other;
END $$;
CREATE TEMP TABLE changes (n int GENERATED ALWAYS AS IDENTITY, col text, value text);
INSERT INTO changes (col, value) VALUES ('id', '99'), ('ref', 'other'), ('title', 'Other'), ('description', 'other'), ('description', NULL), ('url', 'other'),
	('start_at', '2030-01-02 11:00+00'), ('end_at', '2030-01-03 13:00+00'), ('archive_at', '2030-01-05'), ('archive_at', NULL), ('total_seats', '3'), ('seats_min', '2'),
	('seats_max', '4'), ('seats_granted', '0'), ('invitation_mode', 'manual'), ('invitation_multiplier', '3'), ('invitation_frequency', '1 hour'), ('pending_max', '6'),
	('answer_within', '2 hours'), ('filter_query', '{"b": 1}'), ('sort_query', '{"b": 1}'), ('sort_query', '{"b": 1, "a": 1}'), ('notification_payload', '{"b": 1}'), ('created_at', '2000-01-01'), ('note', 'x');
CREATE FUNCTION pg_temp.table_at(clock text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	c record;
	said text;
BEGIN
	PERFORM set_config('cirro.clock', clock, true);
	FOR c IN SELECT * FROM changes ORDER BY n LOOP
		BEGIN
			said := pg_temp.change(c.col, c.value);
			RAISE EXCEPTION USING ERRCODE = 'XX999';
		EXCEPTION WHEN SQLSTATE 'XX999' THEN
			RETURN NEXT format('%s %s: %s', c.col, coalesce(c.value, 'NULL'), said);
		END;
	END LOOP;
END $$;
-- Created:
BEGIN;
SELECT * FROM pg_temp.table_at('2030-01-02 11:59:59.999999+00');
ROLLBACK;
-- Started:
BEGIN;
SELECT * FROM pg_temp.table_at('2030-01-02 12:00+00');
ROLLBACK;
-- Ended:
BEGIN;
SELECT * FROM pg_temp.table_at('2030-01-03 12:00+00');
ROLLBACK;
-- Archived:
BEGIN;
SELECT * FROM pg_temp.table_at('2030-01-04 12:00+00');
ROLLBACK;
-- What is said then.
SELECT pg_temp.try('UPDATE gig SET id = 99 WHERE id = 11');
SET cirro.clock = '2030-01-02 12:00+00';
SELECT pg_temp.try($$UPDATE gig SET title = 'Other' WHERE id = 11$$);
SET cirro.clock = '2030-01-03 12:00+00';
SELECT pg_temp.try($$UPDATE gig SET total_seats = 3 WHERE id = 11$$);
SET cirro.clock = '2030-01-04 12:00+00';
SELECT pg_temp.try($$UPDATE gig SET archive_at = NULL WHERE id = 11$$);
-- One row that may not change spoils the statement.
SET cirro.clock = '2030-01-01 12:00+00';
SELECT pg_temp.try($$UPDATE gig SET url = 'other' WHERE id IN (5, 11)$$);
SELECT url FROM gig WHERE id = 11;
-- Equal is the same, however it is written.
SET cirro.clock = '2030-01-02 12:00+00';
UPDATE gig SET start_at = '2030-01-02 14:00+02', invitation_multiplier = 10.00 WHERE id = 11;

-- A gig that starts at once or earlier is started, and frozen, from birth.
SET cirro.clock = '2030-01-01 12:00+00';
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query) VALUES (12, 'Gig', 'https://gig', '2030-01-01', '2030-01-03', 2, '{}');
SELECT phase FROM gig_status WHERE gig_id = 12;
SELECT pg_temp.short($$UPDATE gig SET title = 'Other' WHERE id = 12$$);
SELECT pg_temp.try('DELETE FROM gig WHERE id = 12');

-- end_at set to now ends it early: who was accepted stays, all others are out.
SELECT w.outcome FROM invite(12, '{1}', auto_accept => true) w;
SELECT w.outcome FROM invite(12, '{2}') w;
SET cirro.clock = '2030-01-02 12:00+00';
UPDATE gig SET end_at = '2030-01-02 12:00+00' WHERE id = 12;
SELECT phase FROM gig_status WHERE gig_id = 12;
SELECT worker_id, status, reason, phase, can_accept, why_not FROM worker_invitation WHERE gig_id = 12 ORDER BY worker_id;
SELECT w.outcome FROM invite(12, '{3}') w;
SELECT pg_temp.short($$UPDATE gig SET end_at = '2030-01-05' WHERE id = 12$$);
SELECT pg_temp.short($$UPDATE gig SET archive_at = '2030-01-02 11:59+00' WHERE id = 12$$);
UPDATE gig SET archive_at = '2030-01-02 12:00+00' WHERE id = 12;
SELECT phase FROM gig_status WHERE gig_id = 12;

-- archive(): not before the start; now, if no later time is given.
SET cirro.clock = '2030-01-02 11:59:59.999999+00';
SELECT w.outcome FROM invite(11, '{1,2}') w;
SELECT pg_temp.try('SELECT archive(11)');
SELECT pg_temp.short($$SELECT archive(11, '2030-01-05')$$);
SELECT pg_temp.try($$UPDATE gig SET archived_at = '2030-01-01' WHERE id = 11$$);
SET cirro.clock = '2030-01-02 12:00+00';
BEGIN;
-- At exactly start_at it ends one microsecond later, yet is closed at once.
SELECT archived_at, end_at, archive_at FROM archive(11);
SELECT phase FROM gig_status WHERE gig_id = 11;
SELECT pg_temp.short(format('SELECT accept(%s)', id)) FROM invitation WHERE gig_id = 11 AND worker_id = 1;
SELECT worker_id, status, reason, phase, can_accept, why_not FROM worker_invitation WHERE gig_id = 11 ORDER BY worker_id;
SELECT w.outcome FROM invite(11, '{3}') w;
SELECT * FROM check_consistency();
ROLLBACK;
SET cirro.clock = '2030-01-02 13:00+00';
BEGIN;
SELECT archived_at, end_at, archive_at FROM archive(11);
SELECT worker_id, status, reason, phase, can_accept, why_not FROM worker_invitation WHERE gig_id = 11 ORDER BY worker_id;
SET LOCAL cirro.clock = '2030-01-02 13:00:01+00';
SELECT pg_temp.short('SELECT archive(11)');
SELECT pg_temp.short('SELECT archive(11, ''2031-01-01'')');
SELECT pg_temp.try('UPDATE gig SET archived_at = NULL WHERE id = 11');
UPDATE gig SET note = 'mine' WHERE id = 11;
ROLLBACK;
BEGIN;
SELECT archived_at, end_at, archive_at FROM archive(11, '2030-01-01');
ROLLBACK;
BEGIN;
SELECT archived_at, end_at, archive_at FROM archive(11, '2030-01-02 18:00+00');
SELECT phase FROM gig_status WHERE gig_id = 11;
SET LOCAL cirro.clock = '2030-01-02 18:00+00';
SELECT phase FROM gig_status WHERE gig_id = 11;
ROLLBACK;
BEGIN;
SELECT archived_at, end_at, archive_at FROM archive(11, 'infinity');
SELECT archived_at, end_at, archive_at FROM archive(11, '-infinity');
ROLLBACK;
BEGIN;
-- By plain UPDATE it is the same; the time is now, not in the future.
UPDATE gig SET archived_at = '2030-01-01' WHERE id = 11 RETURNING archived_at, end_at;
ROLLBACK;
SELECT pg_temp.try($$UPDATE gig SET archived_at = '2031-01-01' WHERE id = 11$$);
SET cirro.clock = '2030-01-03 18:00+00';
BEGIN;
SELECT archived_at, end_at, archive_at FROM archive(11);
ROLLBACK;
SELECT archived_at, end_at, archive_at FROM archive(11, '2030-01-05');
SELECT pg_temp.try('SELECT archive(999)');
SELECT pg_temp.try('SELECT archive(NULL)');

-- DELETE only before the start; invitations go with it, and the pending and
-- the accepted are told.
SET cirro.clock = '2030-01-01 12:00+00';
DELETE FROM event;
SELECT pg_temp.gig(20, '{"ref": "twenty", "total_seats": 5, "notification_payload": {"a": 1}}'), pg_temp.gig(21);
SELECT w.worker_id, w.outcome FROM invite(20, '{1,2,3,4}') w;
SELECT w.worker_id, w.outcome FROM invite(20, '{5}', '2030-01-01 18:00+00') w;
SELECT a.status FROM invitation i, accept(i.id) a WHERE i.gig_id = 20 AND i.worker_id = 2;
SELECT a.status FROM invitation i, reject(i.id) a WHERE i.gig_id = 20 AND i.worker_id = 3;
SELECT a.status FROM invitation i, expire(i.id) a WHERE i.gig_id = 20 AND i.worker_id = 4;
DELETE FROM event;
DELETE FROM gig WHERE id IN (20, 21);
SELECT kind, gig_id, worker_id, status FROM event ORDER BY id;
SELECT count(*) FROM invitation WHERE gig_id = 20;
SELECT count(*) FROM gig_state WHERE gig_id IN (20, 21);
SELECT pg_temp.gig(20);
SET cirro.clock = '2030-01-02 12:00+00';
SELECT pg_temp.try('DELETE FROM gig WHERE id = 20');
SELECT pg_temp.short('DELETE FROM gig WHERE id IN (20, 5)');

-- TRUNCATE would leave seats and states behind.
SELECT pg_temp.try('TRUNCATE gig CASCADE');
SELECT t, pg_temp.short(format('TRUNCATE %I', t)) FROM unnest('{attempt,consumer,event,gig_filter,gig_key,gig_state,invitation,look,notification,notification_floor,setting,wave}'::text[]) t ORDER BY t COLLATE "C";
SELECT pg_temp.short('TRUNCATE worker CASCADE');

-- Many rows at once, COPY and upserts obey as well.
SET cirro.clock = '2030-01-01 12:00+00';
SELECT pg_temp.short($$INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query)
	SELECT 30 + n, 'Gig', 'https://gig', '2030-01-02', '2030-01-02'::timestamptz + n * interval '1 day', 1, '{}' FROM generate_series(2, 0, -1) n$$);
INSERT INTO gig (id, ref, title, url, start_at, end_at, seats_max, filter_query) SELECT 30 + n, n, 'Gig', 'https://gig', '2030-01-02', '2030-01-03', n, '{}' FROM generate_series(1, 3) n;
COPY gig (id, ref, title, url, start_at, end_at, total_seats, filter_query, invitation_mode) FROM stdin;
34	4	Copied	https://gig	2030-01-02	2030-01-03	4	{"a": 1}	\N
35	5	Copied	https://gig	2030-01-02	2030-01-03	5	{}	manual
\.
COPY gig (id, title, url, start_at, end_at, total_seats, filter_query) FROM stdin;
36	Copied	https://gig	2030-01-02	2030-01-03	4	{}
37		https://gig	2030-01-02	2030-01-03	4	{}
\.
SELECT g.id, g.ref, g.title, g.invitation_mode, s.target, s.capacity, s.expires_rest, s.auto, s.next_wave_at, s.next_event_at
FROM gig g JOIN gig_state s ON s.gig_id = g.id WHERE g.id >= 30 ORDER BY g.id;
ALTER TABLE gig ALTER id RESTART 1000;
INSERT INTO gig (ref, title, url, start_at, end_at, total_seats, filter_query) VALUES ('5', 'Upserted', 'https://gig', '2030-01-02', '2030-01-03', 6, '{}'),
	('six', 'New', 'https://gig', '2030-01-02', '2030-01-03', 6, '{}')
	ON CONFLICT (ref) DO UPDATE SET title = excluded.title, total_seats = excluded.total_seats;
SELECT g.title, s.target, s.capacity FROM gig g JOIN gig_state s ON s.gig_id = g.id WHERE g.ref IN ('5', 'six') ORDER BY g.ref;
SET cirro.clock = '2030-01-02 12:00+00';
INSERT INTO gig (ref, title, url, start_at, end_at, total_seats, filter_query) VALUES ('5', 'Upserted', 'https://gig', '2030-01-02', '2030-01-03', 7, '{}')
	ON CONFLICT (ref) DO UPDATE SET title = excluded.title, total_seats = excluded.total_seats RETURNING total_seats;
SELECT pg_temp.short($$INSERT INTO gig (ref, title, url, start_at, end_at, total_seats, filter_query) VALUES ('5', 'Again', 'https://gig', '2030-01-02', '2030-01-03', 7, '{}')
	ON CONFLICT (ref) DO UPDATE SET title = excluded.title$$);
INSERT INTO gig (ref, title, url, start_at, end_at, total_seats, filter_query) VALUES ('5', 'Again', 'https://gig', '2030-01-02', '2030-01-03', 7, '{}')
	ON CONFLICT DO NOTHING RETURNING id;

-- What is there already is no new gig: an upsert with the values that it has
-- succeeds in every phase, whether created_at is given or not.
SET cirro.clock = '2030-01-01 12:00:00.000001+00';
SELECT pg_temp.gig(50, '{"start_at": "2030-01-02 12:00:00.123456+00", "end_at": "2030-01-03 12:00:00.654321+00", "archive_at": "2030-01-04 12:00:00.000999+00", "description": "d",
	"total_seats": 3, "pending_max": 5, "answer_within": "1 hour", "sort_query": {"a": 1}, "notification_payload": {"a": 1}}');
CREATE FUNCTION pg_temp.columns(without text[] DEFAULT '{}') RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(quote_ident(attname) ORDER BY attnum) FROM pg_attribute
	WHERE attrelid = 'gig'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attname <> ALL (without) $$;
CREATE FUNCTION pg_temp.upsert(columns text[], condition text DEFAULT 'true', action text DEFAULT NULL, from_table text DEFAULT 'gig') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN pg_temp.try(format('INSERT INTO gig (%s) SELECT %1$s FROM %s WHERE %s ON CONFLICT (id) %s', array_to_string(columns, ', '), from_table, condition,
		coalesce(action, 'DO UPDATE SET ' || (SELECT string_agg(format('%s = excluded.%1$s', c), ', ') FROM unnest(columns) c))));
END $$;
-- As an ORM of JavaScript writes a row back: all columns, times in milliseconds.
CREATE FUNCTION pg_temp.orm(condition text, cut text DEFAULT 'milliseconds') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN pg_temp.try(format('UPDATE gig SET %s WHERE %s', (SELECT string_agg(format(CASE WHEN c = ANY ('{start_at,end_at,archive_at,archived_at,created_at}') THEN '%s = date_trunc(%L, %1$s)' ELSE '%s = %1$s' END, c, cut), ', ')
		FROM unnest(pg_temp.columns()) c), condition));
END $$;
CREATE TEMP TABLE written AS SELECT * FROM gig WHERE id = 50;
CREATE FUNCTION pg_temp.write_back(gig_id bigint) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN NEXT concat_ws(', ', (SELECT s.phase FROM gig_status s WHERE s.gig_id = write_back.gig_id),
		pg_temp.upsert(pg_temp.columns(), 'id = ' || gig_id), pg_temp.upsert(pg_temp.columns('{created_at}'), 'id = ' || gig_id),
		pg_temp.upsert(pg_temp.columns('{created_at}'), 'id = ' || gig_id, 'DO NOTHING'),
		pg_temp.upsert(pg_temp.columns('{created_at}'), 'id = ' || gig_id, 'DO UPDATE SET note = ''upserted'''), pg_temp.orm('id = ' || gig_id));
	RETURN QUERY SELECT 'changed: ' || g.id FROM gig g JOIN written w ON w.id = g.id WHERE to_jsonb(g.*) - 'note' <> to_jsonb(w.*) - 'note';
END $$;
SELECT pg_temp.write_back(50);
SET cirro.clock = '2030-01-02 12:00:00.123456+00';
SELECT pg_temp.write_back(50);
SET cirro.clock = '2030-01-03 12:00:00.654321+00';
SELECT pg_temp.write_back(50);
SET cirro.clock = '2030-01-04 12:00:00.000999+00';
SELECT pg_temp.write_back(50);
-- Times of milliseconds in an upsert.
CREATE TEMP TABLE proposed AS SELECT (jsonb_populate_record(g.*, jsonb_build_object('start_at', date_trunc('milliseconds', g.start_at), 'end_at', date_trunc('milliseconds', g.end_at),
	'archive_at', date_trunc('milliseconds', g.archive_at), 'created_at', date_trunc('milliseconds', g.created_at)))).* FROM gig g WHERE g.id = 50;
SELECT pg_temp.upsert(pg_temp.columns(), from_table => 'proposed');
SELECT g.end_at, g.created_at, p.end_at, p.created_at FROM gig g JOIN proposed p USING (id);
DROP TABLE proposed;
-- Archived by hand as well; begun before 2000, and without beginning and end.
SET cirro.clock = '2030-01-02 12:00:00.123456+00';
SELECT pg_temp.gig(51, '{"start_at": "1999-01-02 12:00:00.123456+00", "end_at": "2030-01-05", "seats_min": 1, "total_seats": null}'),
	pg_temp.gig(52, '{"start_at": "-infinity", "end_at": "infinity", "archive_at": "infinity"}');
INSERT INTO written SELECT * FROM gig WHERE id IN (51, 52);
SELECT pg_temp.write_back(id) FROM generate_series(51, 52) id;
SELECT archived_at, end_at FROM archive(51);
DELETE FROM written WHERE id = 51;
INSERT INTO written SELECT * FROM gig WHERE id = 51;
SET cirro.clock = '2030-01-05 12:00+00';
SELECT pg_temp.write_back(51);
-- Several at once, of which one is new: it alone must end in the future, and is
-- told of.
SELECT pg_temp.orm('id IN (5, 50, 51)');
SELECT to_jsonb(g.*) - 'note' = to_jsonb(w.*) - 'note' AS same FROM gig g JOIN written w USING (id) ORDER BY id;
CREATE TEMP TABLE proposed AS SELECT * FROM gig WHERE id IN (5, 50, 51);
CREATE TEMP TABLE new_one AS SELECT * FROM gig WHERE id = 51;
UPDATE new_one SET id = 53, title = 'New', archived_at = NULL, end_at = '2030-01-05 12:00:00.000001+00';
INSERT INTO proposed SELECT * FROM new_one;
SELECT pg_temp.upsert(pg_temp.columns('{created_at}'), action => 'DO NOTHING', from_table => 'proposed');
SELECT id, created_at FROM gig WHERE id IN (50, 51, 53) ORDER BY id;
UPDATE proposed SET id = 54, end_at = '2030-01-05 12:00:00+00' WHERE id = 53;
SELECT pg_temp.upsert(pg_temp.columns('{created_at}'), action => 'DO NOTHING', from_table => 'proposed');
SELECT pg_temp.short($$MERGE INTO gig USING proposed p ON p.id = gig.id WHEN MATCHED THEN UPDATE SET title = p.title
	WHEN NOT MATCHED THEN INSERT (id, title, url, start_at, end_at, total_seats, filter_query) VALUES (p.id, p.title, p.url, p.start_at, p.end_at, 1, '{}')$$);
COPY gig (id, title, url, start_at, end_at, total_seats, filter_query) FROM stdin;
54	Copied	https://gig	2030-01-01	2030-01-05 12:00+00	4	{}
\.
SELECT count(*) FROM gig WHERE id = 54;
-- Another time is a change, however near.
SET cirro.clock = '2030-01-02 12:00:00.123456+00';
SELECT pg_temp.orm('id = 50', 'second');
SELECT c, pg_temp.short(format('UPDATE gig SET start_at = %L WHERE id = 50', c)) FROM unnest('{2030-01-02 12:00:00.122+00,2030-01-02 12:00:00.124+00,2030-01-02 12:00:00.1234+00,2030-01-02 12:00:00.123455+00}'::text[]) c;
SELECT pg_temp.short($$UPDATE gig SET start_at = '1999-01-02 12:00:00.124+00' WHERE id = 52$$);
-- While it may change as well: the stored one stays.
SET cirro.clock = '2030-01-01 12:00+00';
UPDATE gig SET start_at = '2030-01-02 12:00:00.123+00', end_at = '2030-01-03 12:00:00.654+00', archive_at = '2030-01-04 12:00:00.001+00' WHERE id = 50 RETURNING start_at, end_at, archive_at;
DROP TABLE written, proposed, new_one;
SET cirro.clock = '2030-01-02 12:00+00';

-- Restored as it was: archived, ended by hand, long ago. It is closed.
INSERT INTO gig (id, title, url, start_at, end_at, archived_at, total_seats, filter_query, created_at)
VALUES (40, 'Old', 'https://gig', '2029-01-01', '2029-01-02', '2029-01-03', 1, '{}', '2028-01-01'),
	(41, 'Odd', 'https://gig', '2029-01-01', '2031-01-02', '2029-01-03', 1, '{}', '2028-01-01');
SELECT gig_id, phase FROM gig_status WHERE gig_id IN (40, 41) ORDER BY gig_id;
SELECT pg_temp.short($$INSERT INTO invitation (gig_id, worker_id) VALUES (40, 1)$$);
SELECT pg_temp.short($$INSERT INTO invitation (gig_id, worker_id) VALUES (41, 1)$$);

-- A worker: defaults, the profile an object of at most 1 MB, updated_at.
INSERT INTO worker (id, ref, profile, active, lot, created_at) VALUES (100, NULL, NULL, NULL, NULL, NULL) RETURNING profile, active, lot IS NOT NULL, created_at, updated_at;
SELECT pg_temp.try(format($$INSERT INTO worker (id, profile) VALUES (101, '%s')$$, p)) FROM unnest('{"[1]",1,null}'::text[]) WITH ORDINALITY u (p, n) WHERE p IS NOT NULL ORDER BY n;
SELECT pg_temp.try($$UPDATE worker SET profile = 'null' WHERE id = 100$$);
SELECT pg_temp.try($$UPDATE worker SET profile = jsonb_build_object('a', repeat('x', 1024 * 1024)) WHERE id = 100$$);
SELECT pg_temp.try($$UPDATE worker SET profile = jsonb_build_object('a', repeat('x', 1024 * 1024 - 100)) WHERE id = 100$$);
UPDATE worker SET profile = NULL, updated_at = '2000-01-01' WHERE id = 100 RETURNING profile, updated_at;
SELECT pg_temp.short('INSERT INTO worker (id, ref) VALUES (102, 1), (103, 1)');
SELECT * FROM check_consistency();

-- The compiled queries: there until the tick has seen the end, and as they are
-- written, whichever statement does it.
SET cirro.clock = '2030-01-01 12:00+00';
SELECT pg_temp.gig(60, '{"filter_query": {"b": {"$gt": 1.0}}, "sort_query": [{"b": -1}, {"a": 1}], "archive_at": "2030-01-04"}'), pg_temp.gig(61, '{}'), pg_temp.gig(62, '{"archive_at": "2030-01-03 12:00+00"}');
CREATE VIEW filters AS SELECT gig_id, filter, sort FROM gig_filter WHERE gig_id BETWEEN 60 AND 69 ORDER BY gig_id;
SELECT * FROM filters;
UPDATE gig SET filter_query = CASE id WHEN 60 THEN filter_query ELSE jsonb_build_object('id', id) END, sort_query = CASE id WHEN 60 THEN '{"c": 1}'::jsonb END WHERE id BETWEEN 60 AND 69;
SELECT * FROM filters;
SELECT pg_temp.short($$UPDATE gig SET filter_query = CASE id WHEN 61 THEN '{"$x": 1}' ELSE filter_query END, sort_query = NULL WHERE id BETWEEN 60 AND 69$$);
SELECT pg_temp.short($$UPDATE gig SET id = 63 WHERE id = 61$$);
SELECT * FROM filters;
BEGIN;
UPDATE gig SET filter_query = '{"gone": 1}' WHERE id = 60;
ROLLBACK;
DELETE FROM gig WHERE id = 61;
SELECT pg_temp.gig(61, '{"start_at": "2029-01-01", "filter_query": {"again": true}}');
SELECT * FROM filters;
SELECT what, stored, derived FROM check_consistency() WHERE gig_id BETWEEN 60 AND 69;
-- Ended by the clock, by hand; archived in the same look; and again, of which
-- nothing comes.
SET cirro.clock = '2030-01-01 12:30+00';
UPDATE gig SET end_at = cirro.now() WHERE id = 61;
SELECT * FROM filters;
CALL cirro.run_waves('gig_life');
SELECT * FROM filters;
SET cirro.clock = '2030-01-03 12:00+00';
SELECT gig_id, outcome FROM attempt_invitations(1, '{60,61,62}');
CALL cirro.run_waves('gig_life');
SELECT * FROM filters;
SELECT gig_id, announced FROM gig_state WHERE gig_id BETWEEN 60 AND 69 ORDER BY 1;
UPDATE gig SET archive_at = NULL WHERE id = 60;
SELECT archived_at FROM archive(61);
CALL cirro.run_waves('gig_life');
SELECT * FROM filters;
SELECT what, stored, derived FROM check_consistency() WHERE gig_id BETWEEN 60 AND 69;
-- What is over is still explained.
SELECT gate, passed FROM explain_invitation(1, 60);
DROP VIEW filters;

SET client_min_messages = warning;
SELECT cirro.drop_space('gig_life');
