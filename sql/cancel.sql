-- Cancelling a gig: it has ended from then on, each pending and accepted worker is told
-- once, and nobody hears anything else. And the end of its record: archived, kept for
-- setting.keep_gigs, removed.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
SELECT cirro.create_space('cancel');
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET search_path = cancel;
SET cirro.clock = '2030-01-01 12:00+00';
\pset format unaligned
\pset fieldsep ' | '
\pset footer off
\pset tuples_only on
\pset null -

-- What a command says: ok, or SQLSTATE, message, column, DETAIL and HINT.
CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; col text; detail text; hint text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, col = COLUMN_NAME,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', state || ' ' || message || coalesce(' [' || nullif(col, '') || ']', ''),
		'DETAIL: ' || nullif(detail, ''), 'HINT: ' || nullif(hint, ''));
END $$;
CREATE FUNCTION pg_temp.short(command text) RETURNS text LANGUAGE sql AS $$
	SELECT split_part(pg_temp.try(command), E'\n', 1) $$;

-- Who was told what, and of what nobody was told.
CREATE VIEW told AS
SELECT e.gig_id, e.kind, e.worker_id, e.previous, e.status, count(n.id) AS notifications
FROM event e LEFT JOIN notification n ON n.event_id = e.id
GROUP BY e.id ORDER BY e.id;

INSERT INTO worker (id, ref) SELECT n, 'w' || n FROM generate_series(1, 9) n;
CREATE FUNCTION pg_temp.gig(gig bigint, changes jsonb DEFAULT '{}') RETURNS void LANGUAGE sql AS $$
	INSERT INTO gig SELECT (jsonb_populate_record(NULL::gig, jsonb_build_object('id', gig.gig, 'ref', 'g' || gig.gig, 'title', 'Gig', 'url', 'https://gig',
		'start_at', '2030-01-02 12:00+00', 'end_at', '2030-01-03 12:00+00', 'total_seats', 3, 'filter_query', '{}'::jsonb) || gig.changes)).* $$;
-- Worker 1 pending, 2 accepted, 3 rejected, 4 expired, 5 left, 6 scheduled.
CREATE FUNCTION pg_temp.filled(gig bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO invitation (gig_id, worker_id, status, send_at) SELECT filled.gig, n, CASE n WHEN 6 THEN 'scheduled' ELSE 'pending' END, '2030-01-01 18:00+00' FROM generate_series(1, 6) n;
	UPDATE invitation SET status = 'accepted' WHERE gig_id = filled.gig AND worker_id IN (2, 5);
	UPDATE invitation SET status = CASE worker_id WHEN 3 THEN 'rejected' WHEN 4 THEN 'expired' ELSE 'left' END WHERE gig_id = filled.gig AND worker_id IN (3, 4, 5);
	DELETE FROM notification; DELETE FROM event;
END $$;

-- By the function, before the start.
SELECT pg_temp.gig(1), pg_temp.filled(1);
SELECT id, start_at, end_at, archived_at, cancelled_at FROM cancel(1);
SELECT worker_id, status, reason, silent FROM invitation WHERE gig_id = 1 ORDER BY worker_id;
TABLE told;
SELECT gig_id, phase, accepted, pending, scheduled, rejected, expired, departed, vacancies, next_wave_at FROM gig_status;
SELECT worker_id, status, reason, phase, cancelled_at, answer_by, can_accept, why_not FROM worker_invitation ORDER BY worker_id;
SELECT worker_id, worker_ref, invitation_id, gig_id, gig_ref, phase, cancelled_at FROM worker_gig;
SELECT gate, passed, detail FROM explain_invitation(9, 1) WHERE gate = 'open';
SELECT count(*) FROM gig_filter;
SELECT * FROM check_consistency();
-- Nothing is possible any more but to archive it.
SELECT pg_temp.try(format(u.u, i.id)) FROM unnest('{SELECT accept(%s),SELECT reject(%s),SELECT reset(%s)}'::text[]) u, invitation i WHERE i.worker_id = 1;
SELECT pg_temp.try(format('SELECT leave(%s)', i.id)) FROM invitation i WHERE i.worker_id = 2;
SELECT t.outcome FROM invitation i, try_accept(i.id) t WHERE i.worker_id = 1;
SELECT w.outcome FROM invite(1, '{7}') w;
SELECT w.outcome FROM attempt_invitations(7, '{1}') w;
SELECT count(*) FROM attempt_invitations(7);
SELECT pg_temp.short('SELECT run_wave(1)');
SELECT pg_temp.short('INSERT INTO invitation (gig_id, worker_id) VALUES (1, 7)');
-- Twice is once: the same row, and nothing is written.
CREATE TEMP TABLE before AS SELECT xmin AS version, g.* FROM gig g WHERE id = 1;
SET cirro.clock = '2030-01-01 13:00+00';
SELECT cancelled_at FROM cancel(1);
SELECT b.version = g.xmin AS not_written FROM before b JOIN gig g USING (id);
UPDATE gig SET cancelled_at = now() - interval '1 hour' WHERE id = 1 RETURNING cancelled_at;
UPDATE gig SET cancelled_at = '2030-01-01 12:59+00', title = title WHERE id = 1 RETURNING cancelled_at;
SELECT count(*) FROM event;
DROP TABLE before;
-- The tick: nothing started, nothing ended.
SET cirro.clock = '2030-01-01 14:00+00';
CALL cirro.run_waves('cancel');
SET cirro.clock = '2030-01-02 12:00+00';
CALL cirro.run_waves('cancel');
SET cirro.clock = '2030-01-03 12:00+00';
CALL cirro.run_waves('cancel');
SELECT kind, count(*) FROM event GROUP BY 1 ORDER BY 1;
SELECT archived_at, end_at FROM archive(1);
SELECT cancelled_at FROM cancel(1);
CALL cirro.run_waves('cancel');
SELECT kind, count(*) FROM event GROUP BY 1 ORDER BY 1;
SELECT * FROM check_consistency();

-- In which phase; unknown ones.
SET cirro.clock = '2030-01-01 12:00+00';
SELECT pg_temp.gig(2, '{"end_at": "2030-01-05", "archive_at": "2030-01-06"}');
CREATE FUNCTION pg_temp.at(clock text, command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	PERFORM set_config('cirro.clock', clock, true);
	BEGIN
		said := pg_temp.try(command);
		IF said = 'ok' THEN
			said := concat_ws(', ', said, (SELECT s.phase FROM gig_status s WHERE s.gig_id = 2), (SELECT 'cancelled at ' || g.cancelled_at FROM gig g WHERE g.id = 2));
		END IF;
		RAISE EXCEPTION USING ERRCODE = 'XX999';
	EXCEPTION WHEN SQLSTATE 'XX999' THEN
		RETURN concat_ws(': ', clock, said);
	END;
END $$;
SELECT pg_temp.at(clock, command) FROM unnest('{SELECT cancel(2),UPDATE gig SET cancelled_at = ''2000-01-01'' WHERE id = 2}'::text[]) command,
	unnest('{2030-01-02 11:59:59.999999+00,2030-01-02 12:00+00,2030-01-04 23:59:59.999999+00,2030-01-05 00:00+00,2030-01-06 00:00+00}'::text[]) clock;
SET cirro.clock = '2030-01-01 12:00+00';
SELECT pg_temp.try(c) FROM unnest('{SELECT cancel(999),SELECT cancel(NULL),UPDATE gig SET cancelled_at = ''2030-01-01 12:00:00.000001+00'' WHERE id = 2,UPDATE gig SET cancelled_at = ''infinity'' WHERE id = 2}'::text[]) c;

-- It cannot be taken back, nor can anything else be changed, but the application's own.
ALTER TABLE gig ADD note text;
SELECT pg_temp.gig(3, '{"description": "d", "seats_min": 1, "seats_max": 5, "pending_max": 5, "answer_within": "1 hour", "sort_query": {"a": 1}, "notification_payload": {"a": 1}, "archive_at": "2030-01-04"}');
SELECT cancelled_at FROM cancel(3);
SET cirro.clock = '2030-01-01 12:30+00';
SELECT c, pg_temp.short(format('UPDATE gig SET %s WHERE id = 3', c)) FROM unnest($${cancelled_at = NULL,cancelled_at = '2030-01-01 12:31+00',title = 'x',description = NULL,url = 'x',ref = 'x',start_at = '2031-01-01',
	end_at = '2030-01-02 13:00+00',total_seats = 4,seats_min = NULL,seats_max = 6,seats_granted = 1,invitation_mode = 'manual',invitation_multiplier = 3,invitation_frequency = '1 hour',pending_max = 6,answer_within = NULL,
	"filter_query = '{\"b\": 1}'",sort_query = NULL,notification_payload = NULL,note = 'mine',cancelled_at = '-infinity',archive_at = NULL}$$::text[]) WITH ORDINALITY u (c, n) ORDER BY n;
SELECT pg_temp.try('UPDATE gig SET end_at = ''2030-01-02 13:00+00'' WHERE id = 3');
-- All of a row written back, as ORMs do.
UPDATE gig SET start_at = date_trunc('milliseconds', start_at), cancelled_at = date_trunc('milliseconds', cancelled_at), title = title, created_at = created_at WHERE id = 3 RETURNING cancelled_at;
INSERT INTO gig SELECT * FROM gig WHERE id = 3 ON CONFLICT (id) DO UPDATE SET title = excluded.title, cancelled_at = excluded.cancelled_at, end_at = excluded.end_at RETURNING cancelled_at;

-- A clock that is set back does not take it back.
BEGIN;
SET LOCAL cirro.clock = '2030-01-01 11:00+00';
SELECT pg_temp.short('UPDATE gig SET cancelled_at = NULL WHERE id = 3'), pg_temp.short('UPDATE gig SET title = ''x'' WHERE id = 3');
SELECT cancelled_at FROM cancel(3);
SELECT * FROM check_consistency();
ROLLBACK;

-- Archived before it would have started: now, or at a time to come.
BEGIN;
SELECT archived_at, archive_at, end_at FROM archive(3);
SELECT phase FROM gig_status WHERE gig_id = 3;
SELECT pg_temp.try('UPDATE gig SET note = note, title = ''x'' WHERE id = 3');
ROLLBACK;
BEGIN;
SELECT archived_at, archive_at, end_at FROM archive(3, '2030-01-01 18:00+00');
SELECT phase FROM gig_status WHERE gig_id = 3;
SET LOCAL cirro.clock = '2030-01-01 18:00+00';
SELECT phase FROM gig_status WHERE gig_id = 3;
CALL cirro.run_waves('cancel');
SELECT gig_id, kind FROM told WHERE gig_id = 3;
ROLLBACK;
SELECT pg_temp.try('UPDATE gig SET archive_at = ''2030-01-01 11:59+00'' WHERE id = 3');

-- By UPDATE, with other changes at once. What else was changed is not told of.
SELECT pg_temp.gig(10, '{"seats_max": 4, "total_seats": null}'), pg_temp.filled(10);
UPDATE gig SET cancelled_at = '2000-01-01', title = 'Cancelled', seats_max = 1, filter_query = '{"a": 1}' WHERE id = 10 RETURNING title, cancelled_at;
TABLE told;
SELECT worker_id, status, reason FROM invitation WHERE gig_id = 10 ORDER BY worker_id;
SELECT pg_temp.gig(11), pg_temp.filled(11);
UPDATE gig SET cancelled_at = now(), archived_at = now() WHERE id = 11 RETURNING cancelled_at, archived_at, end_at;
SELECT phase FROM gig_status WHERE gig_id = 11;
CALL cirro.run_waves('cancel');
TABLE told;
SELECT * FROM check_consistency();

-- Several at once, in an order of their own; upserts, MERGE. One that may not spoils all.
SELECT pg_temp.gig(n) FROM generate_series(20, 26) n;
SELECT count(pg_temp.filled(n)) FROM generate_series(26, 20, -1) n;
SELECT pg_temp.gig(51, '{"start_at": "2029-01-01", "end_at": "2030-01-01 13:00+00"}');
SET cirro.clock = '2030-01-01 13:00+00';
SELECT pg_temp.short('UPDATE gig SET cancelled_at = ''2030-01-01'' WHERE id IN (21, 22, 51)');
SELECT count(*) FROM event WHERE kind = 'gig.cancelled' AND gig_id IN (21, 22);
UPDATE gig g SET cancelled_at = '2030-01-01' FROM (VALUES (22), (21)) v (id) WHERE g.id = v.id;
INSERT INTO gig (ref, title, url, start_at, end_at, total_seats, filter_query, cancelled_at)
SELECT 'g' || n, 'Gig', 'https://gig', '2030-01-02 12:00+00', '2030-01-03 12:00+00', 3, '{}', '2030-01-01' FROM generate_series(24, 22, -1) n
ON CONFLICT (ref) DO UPDATE SET cancelled_at = excluded.cancelled_at;
MERGE INTO gig USING (VALUES (25), (26)) v (id) ON gig.id = v.id WHEN MATCHED AND v.id = 25 THEN UPDATE SET cancelled_at = '2030-01-01' WHEN MATCHED THEN UPDATE SET title = 'Merged';
SELECT gig_id, kind, string_agg(worker_id || ' ' || coalesce(previous || '-', '') || status || ' ' || notifications, ', ' ORDER BY worker_id) FROM told WHERE gig_id BETWEEN 20 AND 26 GROUP BY 1, 2 ORDER BY 1, 2;
SELECT gig_id, string_agg(worker_id || ' ' || status, ', ' ORDER BY worker_id) FROM invitation WHERE gig_id BETWEEN 20 AND 26 GROUP BY 1 ORDER BY 1;
SELECT id, cancelled_at FROM gig WHERE id BETWEEN 20 AND 26 ORDER BY id;
SELECT * FROM check_consistency();

-- What counted as expired by the clock was no longer pending: it expires as it would have.
SET cirro.clock = '2030-01-01 12:00+00';
SELECT pg_temp.gig(30, '{"answer_within": "1 hour"}');
INSERT INTO invitation (gig_id, worker_id) VALUES (30, 1);
SET cirro.clock = '2030-01-01 13:00+00';
INSERT INTO invitation (gig_id, worker_id) VALUES (30, 2);
DELETE FROM notification; DELETE FROM event;
SELECT (cancel(30)).cancelled_at;
TABLE told;
SELECT worker_id, status, reason FROM invitation WHERE gig_id = 30 ORDER BY worker_id;

-- Consumers hear of it who want to; what they are told.
INSERT INTO consumer (name, kinds) VALUES ('calendar', '{gig.cancelled}'), ('deaf', '{gig.started}');
SELECT pg_temp.gig(31), pg_temp.filled(31);
SELECT (cancel(31)).cancelled_at;
SELECT n.consumer, e.kind, count(*) FROM event e JOIN notification n ON n.event_id = e.id GROUP BY 1, 2 ORDER BY 1, 2;
DELETE FROM consumer WHERE name <> 'default';

-- Restored, or brought from elsewhere: it is cancelled, and nothing is announced.
DELETE FROM notification; DELETE FROM event;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query, created_at, cancelled_at) VALUES (40, 'Old', 'https://gig', '2030-01-02', '2030-01-03', 1, '{}', '2029-12-01', '2029-12-02');
SELECT phase FROM gig_status WHERE gig_id = 40;
SELECT pg_temp.short('INSERT INTO invitation (gig_id, worker_id) VALUES (40, 1)');
SELECT pg_temp.try($$INSERT INTO gig (title, url, start_at, end_at, total_seats, filter_query, cancelled_at) VALUES ('New', 'https://gig', '2030-01-02', '2030-01-03', 1, '{}', '2030-01-02')$$);
SELECT count(*) FROM gig_filter WHERE gig_id = 40;
SET cirro.clock = '2030-01-03 13:00+00';
CALL cirro.run_waves('cancel');
SELECT kind FROM told WHERE gig_id = 40;
SELECT * FROM check_consistency();

-- Deleted before it would have started, it is gone like any other.
SET cirro.clock = '2030-01-01 13:00+00';
SELECT pg_temp.gig(41), pg_temp.filled(41);
SELECT (cancel(41)).cancelled_at;
DELETE FROM gig WHERE id = 41;
SELECT kind, worker_id, notifications FROM told WHERE gig_id = 41 AND kind LIKE 'gig.%';

-- The right to UPDATE (cancelled_at) is enough.
CREATE ROLE regress_cirro_cancel;
GRANT USAGE ON SCHEMA cancel TO regress_cirro_cancel;
GRANT SELECT, UPDATE (cancelled_at) ON gig TO regress_cirro_cancel;
SELECT pg_temp.gig(42), pg_temp.filled(42);
BEGIN;
SET LOCAL ROLE regress_cirro_cancel;
SELECT cancelled_at FROM cancel(42);
ROLLBACK;
REVOKE UPDATE (cancelled_at) ON gig FROM regress_cirro_cancel;
SET ROLE regress_cirro_cancel;
SELECT pg_temp.short('SELECT cancel(42)');
RESET ROLE;
DROP OWNED BY regress_cirro_cancel;
DROP ROLE regress_cirro_cancel;

-- Kept for ever, by default: once it has started a gig cannot be deleted. The hint says
-- what can be done.
DELETE FROM gig WHERE start_at > cirro.now();
DELETE FROM notification; DELETE FROM event;
SELECT count(*) FROM gig;
SET cirro.clock = '2030-02-01 12:00+00';
SELECT pg_temp.gig(1, '{"start_at": "2030-02-02", "end_at": "2030-02-03", "archive_at": "2030-02-04"}'), pg_temp.filled(1),
	pg_temp.gig(2, '{"start_at": "2030-02-02", "end_at": "2030-02-03"}'), pg_temp.gig(3, '{"start_at": "2030-02-02", "end_at": "2030-02-03"}'),
	pg_temp.gig(4, '{"start_at": "2030-02-02", "end_at": "2030-02-03"}');
CALL cirro.run_waves('cancel');
SET cirro.clock = '2030-02-02 12:00+00';
SELECT (cancel(3)).cancelled_at;
SELECT pg_temp.try('DELETE FROM gig WHERE id = ' || id) FROM unnest('{1,3}'::int[]) id;
SET cirro.clock = '2030-02-03 12:00+00';
SELECT pg_temp.try('DELETE FROM gig WHERE id = 2');
SELECT (archive(3)).archived_at;
SET cirro.clock = '2030-02-04 12:00+00';
SELECT pg_temp.try('DELETE FROM gig WHERE id = ' || id) FROM unnest('{1,3}'::int[]) id;
CALL cirro.run_waves('cancel');
UPDATE setting SET keep_waves = '100 years', keep_events = '100 years', keep_notifications = '100 years';
SET cirro.clock = '2080-01-01';
SELECT pg_temp.short('DELETE FROM gig WHERE id = 1');
CALL cirro.run_waves('cancel');
SELECT id FROM gig WHERE id < 10 ORDER BY id;

-- Longer ago than setting.keep_gigs: not one that is not archived, not at that moment.
SET cirro.clock = '2030-02-04 12:00+00';
SELECT pg_temp.short('UPDATE setting SET keep_gigs = ''-1 s''');
UPDATE setting SET keep_gigs = '1 month', cleaned_at = NULL;
SELECT pg_temp.try('DELETE FROM gig WHERE id = ' || id) FROM unnest('{1,2,3}'::int[]) id;
SET cirro.clock = '2030-03-04 00:00+00';
SELECT pg_temp.short('DELETE FROM gig WHERE id = 1');
SELECT count(*) AS events FROM event \gset
SET cirro.clock = '2030-03-04 00:00:00.000001+00';
DELETE FROM gig WHERE id = 3 RETURNING id;
CALL cirro.run_waves('cancel');
SELECT id FROM gig WHERE id < 10 ORDER BY id;
-- All that is of it is gone, and nobody is told; its events and waves stay as long as
-- others do.
SELECT 'invitation' FROM invitation WHERE gig_id IN (1, 3) UNION ALL SELECT 'gig_state' FROM gig_state WHERE gig_id IN (1, 3) UNION ALL SELECT 'gig_filter' FROM gig_filter WHERE gig_id IN (1, 3)
	UNION ALL SELECT 'gig_key' FROM gig_key WHERE gig_id IN (1, 3) AND key < '\x07'
UNION ALL SELECT 'view' FROM worker_invitation WHERE gig_id IN (1, 3) UNION ALL SELECT 'view' FROM worker_gig WHERE gig_id IN (1, 3) UNION ALL SELECT 'view' FROM gig_status WHERE gig_id IN (1, 3);
SELECT count(*) - :events AS more, count(*) FILTER (WHERE gig_id IN (1, 3)) > 0 AS kept FROM event;
SELECT gig_id, outcome FROM wave WHERE gig_id < 10 ORDER BY gig_id, number;
SELECT count(*) AS open, count(c.payload) AS handed_out FROM notification n LEFT JOIN claim_notifications(1000) c ON c.id = n.id WHERE n.event_id IN (SELECT id FROM event WHERE gig_id IN (1, 3));
DELETE FROM notification; DELETE FROM event;
SELECT * FROM check_consistency();
-- One that has not started is deleted as ever, with events; also if it is archived.
SELECT pg_temp.gig(5, '{"start_at": "2030-04-01", "end_at": "2030-04-02"}'), pg_temp.filled(5);
SELECT (cancel(5)).cancelled_at, (archive(5)).archived_at;
DELETE FROM gig WHERE id = 5;
SELECT kind, worker_id FROM told WHERE kind <> 'invitation.updated';

-- The tick removes them hourly, whatever holds one of them back; of one that it has not
-- announced as archived the announcement comes first.
DELETE FROM notification; DELETE FROM event;
UPDATE setting SET keep_gigs = '0';
CREATE TABLE bill (gig_id bigint REFERENCES gig, title text);
INSERT INTO gig (id, title, url, start_at, end_at, archive_at, total_seats, filter_query, created_at, invitation_mode)
SELECT n, 'Gig', 'https://gig', '2030-03-01', '2030-03-02', '2030-03-03', 1000, '{}', '2030-02-01', 'manual' FROM generate_series(60, 64) n;
INSERT INTO bill VALUES (61, 'Bill'), (63, 'Bill');
CALL cirro.run_waves('cancel');
SELECT id FROM gig WHERE id BETWEEN 60 AND 64 ORDER BY id;
SET cirro.clock = '2030-03-04 01:00:00.000002+00';
CALL cirro.run_waves('cancel');
SELECT id FROM gig WHERE id BETWEEN 60 AND 64 ORDER BY id;
SELECT kind, count(*) FROM told WHERE gig_id BETWEEN 60 AND 64 GROUP BY 1 ORDER BY 1;
DELETE FROM bill WHERE gig_id = 61;
CALL cirro.run_waves('cancel');
SELECT id FROM gig WHERE id BETWEEN 60 AND 64 ORDER BY id;
SET cirro.clock = '2030-03-04 02:00:00.000002+00';
CALL cirro.run_waves('cancel');
SELECT id FROM gig WHERE id BETWEEN 60 AND 64 ORDER BY id;
DROP TABLE bill;
-- One with a thousand invitations.
SET cirro.clock = '2030-03-05 00:00+00';
INSERT INTO worker (id) SELECT generate_series(1001, 2000);
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query, invitation_mode) VALUES (70, 'Gig', 'https://gig', '2030-03-06', '2030-03-07', 500, '{}', 'manual');
INSERT INTO invitation (gig_id, worker_id, status) SELECT 70, 1000 + n, CASE WHEN n <= 500 THEN 'accepted' ELSE 'pending' END FROM generate_series(1, 1000) n;
SET cirro.clock = '2030-03-07 00:00+00';
CALL cirro.run_waves('cancel');
SELECT (archive(70)).archived_at;
DELETE FROM notification; DELETE FROM event;
SET cirro.clock = '2030-03-07 02:00+00';
CALL cirro.run_waves('cancel');
SELECT count(*) FROM gig WHERE id IN (63, 70);
SELECT count(*) FROM invitation WHERE gig_id = 70;
TABLE told;
SELECT * FROM check_consistency();
-- What cannot be reached in time is kept, and so is all once it is NULL again.
UPDATE setting SET keep_gigs = '178000000 years', cleaned_at = NULL;
SELECT pg_temp.gig(71, '{"start_at": "2030-03-01", "end_at": "2030-03-08", "archive_at": "2030-03-08"}');
SET cirro.clock = '2080-01-01';
CALL cirro.run_waves('cancel');
SELECT pg_temp.try('DELETE FROM gig WHERE id = 71');

-- What a trigger of the Space's owner keeps from changing is not passed off as done.
SET cirro.clock = '2030-04-01 00:00+00';
SELECT pg_temp.gig(80, '{"start_at": "2030-03-31", "end_at": "2030-04-08"}');
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER keep BEFORE UPDATE ON gig FOR EACH ROW EXECUTE FUNCTION keep();
SELECT pg_temp.try(c) FROM unnest('{SELECT cancel(80),SELECT archive(80),"SELECT archive(80, ''2031-01-01'')"}'::text[]) c;
CREATE OR REPLACE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
SELECT pg_temp.try('SELECT cancel(80)');
DROP FUNCTION keep() CASCADE;

-- It has ended for the statement that cancels it, too, which began before.
SET cirro.clock = '';
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query) VALUES (72, 'Gig', 'https://gig', now() + interval '1 hour', now() + interval '2 hours', 1, '{}');
CREATE FUNCTION pg_temp.phase_of_cancelled(gig bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cancel(gig);
	RETURN (SELECT s.phase FROM gig_status s WHERE s.gig_id = gig);
END $$;
SELECT pg_temp.phase_of_cancelled(72);

SET client_min_messages = warning;
DROP VIEW told;
SELECT cirro.drop_space('cancel');
