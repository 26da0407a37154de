-- Errors: each SQLSTATE of class UG with all that the user is told; trigger
-- functions in the wrong place; huge and odd arguments. Never a crash, never
-- half of the work.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
SELECT cirro.create_space('error');
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET search_path = error;
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

-- Class UG.
INSERT INTO worker (id) SELECT generate_series(1, 9);
INSERT INTO gig (id, title, url, start_at, end_at, seats_max, filter_query, invitation_mode)
VALUES (1, 'One', 'https://gig/1', '2030-01-02', '2030-01-03', 1, '{}', 'auto'), (2, 'Two', 'https://gig/2', '2029-01-02', '2030-01-03', 1, '{}', 'manual'),
	(3, 'Three', 'https://gig/3', '2029-01-02', '2030-01-03', 2, '{}', 'manual'), (4, 'Four', 'https://gig/4', '2029-01-02', '2030-01-01 13:00+00', 2, '{}', 'manual'),
	(5, 'Five', 'https://gig/5', '2029-01-02', '2030-01-03', 2, '{}', 'manual');
INSERT INTO invitation (id, gig_id, worker_id) VALUES (1, 2, 1), (2, 2, 2), (3, 3, 1), (4, 3, 2), (5, 4, 1);
UPDATE invitation SET status = 'accepted' WHERE id = 1;
UPDATE invitation SET status = 'rejected' WHERE id = 3;
SET cirro.clock = '2030-01-01 13:00+00';
SELECT archived_at FROM archive(5);
SELECT code, pg_temp.try(command) FROM (VALUES
	('UG001 unknown Space', 'SELECT cirro.drop_space(''nowhere'')'),
	('UG002 unknown gig', 'SELECT run_wave(99)'),
	('UG003 unknown invitation', 'SELECT leave(99)'),
	('UG004 unknown worker', 'SELECT * FROM attempt_invitations(99)'),
	('UG010 gig not open', 'SELECT accept(5)'),
	('UG011 gig filled', 'SELECT accept(2)'),
	('UG012 no longer pending', 'SELECT accept(3)'),
	('UG013 invalid transition', 'SELECT leave(4)'),
	('UG020 frozen attribute', 'UPDATE gig SET title = ''x'' WHERE id = 3'),
	('UG021 gig started', 'DELETE FROM gig WHERE id = 3'),
	('UG022 gig archived', 'UPDATE gig SET seats_max = 3 WHERE id = 5')) v (code, command) ORDER BY code;
UPDATE setting SET paused = true;
SELECT pg_temp.try('SELECT run_wave(1)');
UPDATE setting SET paused = NULL;
SET cirro.active = off;
SELECT pg_temp.try('SELECT run_wave(1)');
RESET cirro.active;
-- pg_cron is not in this database; what is missing depends on the server.
SELECT left(pg_temp.try('SELECT cirro.schedule_waves()'), 5), left(pg_temp.try('SELECT cirro.schedule_waves(''error'')'), 5);
SELECT pg_temp.try('SELECT cirro.raise_unknown(NULL, NULL)');
SELECT pg_temp.try('SELECT cirro.raise_unknown(''other'', 9223372036854775807)');
SELECT pg_temp.try('SELECT cirro.raise_unwritten(NULL, true)');
SELECT pg_temp.try('SELECT cirro.raise_unwritten(9223372036854775807, NULL)');

-- What the error is about, as core's errors say it, so that a form can mark its
-- field: column and constraint of the table of the Space.
CREATE FUNCTION pg_temp.fields(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; s text; t text; c text; n text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, s = SCHEMA_NAME, t = TABLE_NAME,
		c = COLUMN_NAME, n = CONSTRAINT_NAME;
	RETURN concat_ws(' ', state, '"' || message || '"', concat_ws('.', nullif(s, ''), nullif(t, ''), nullif(c, '')), nullif(n, ''));
END $$;
CREATE FUNCTION pg_temp.gig(changes jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.fields(format('INSERT INTO gig (%s) VALUES (%s)', string_agg(quote_ident(key), ', ' ORDER BY key), string_agg(quote_nullable(value), ', ' ORDER BY key)))
	FROM jsonb_each_text('{"id": 60, "title": "x", "url": "x", "start_at": "2030-01-02", "end_at": "2030-01-03", "total_seats": 2, "filter_query": "{}"}' || changes) $$;
SELECT rule, pg_temp.gig(rule::jsonb) FROM unnest(ARRAY['{"title": null}', '{"title": ""}', '{"url": null}', '{"url": ""}', '{"start_at": null}', '{"end_at": null}',
	'{"filter_query": null}', '{"end_at": "2030-01-02"}', '{"start_at": "2029-01-02", "end_at": "2029-01-03"}', '{"start_at": "2028-01-02", "end_at": "2029-01-03", "created_at": "2029-01-03"}',
	'{"archive_at": "2030-01-02"}', '{"archived_at": "2031-01-01"}', '{"total_seats": 0}', '{"seats_min": 3}', '{"seats_max": 1}', '{"total_seats": null}',
	'{"invitation_mode": "x"}', '{"invitation_multiplier": 0}', '{"invitation_frequency": "0"}', '{"answer_within": "-1 s"}', '{"pending_max": 0}',
	'{"seats_granted": -1}', '{"filter_query": {"a": {"$x": 1}}}', '{"filter_query": [1]}', '{"sort_query": {"a": 2}}', '{"sort_query": {"a": 1, "b": 1}}']) WITH ORDINALITY u (rule, n) ORDER BY n;
INSERT INTO invitation (id, gig_id, worker_id, status, send_at) VALUES (6, 1, 6, 'pending', NULL), (7, 3, 7, 'scheduled', '2030-01-02');
BEGIN;
UPDATE gig SET answer_within = '1 us' WHERE id = 3;
SELECT c, pg_temp.fields(c) FROM unnest(ARRAY['UPDATE gig SET id = 99 WHERE id = 1', 'UPDATE gig SET created_at = ''2000-01-01'' WHERE id = 1', 'UPDATE gig SET start_at = NULL WHERE id = 1',
	'UPDATE gig SET start_at = ''2028-01-01'' WHERE id = 3', 'UPDATE gig SET seats_max = 9 WHERE id = 4', 'UPDATE gig SET seats_granted = 1 WHERE id = 4', 'UPDATE gig SET filter_query = ''{"$x": 1}'' WHERE id = 1',
	'UPDATE gig SET sort_query = jsonb_build_object(repeat(''x'', 1025), 1) WHERE id = 1', 'UPDATE gig SET filter_query = jsonb_build_object(''a'', repeat(''x'', 300000)) WHERE id = 1',
	'SELECT repeat(''x'', 5)::cirro.filter_query', 'UPDATE gig SET pending_max = 9 WHERE id = 5',
	'UPDATE gig SET archived_at = ''2000-01-01'' WHERE id = 1', 'SELECT archive(1)', 'UPDATE gig SET archived_at = ''2031-01-01'' WHERE id = 3', 'DELETE FROM gig WHERE id = 3',
	'INSERT INTO invitation (id, gig_id, worker_id, status) VALUES (8, 1, 8, ''x'')', 'INSERT INTO invitation (id, gig_id, worker_id, status) VALUES (8, 1, 8, ''left'')',
	'INSERT INTO invitation (id, gig_id, worker_id, status) VALUES (8, 1, 8, ''scheduled'')', 'INSERT INTO invitation (id, gig_id, worker_id, status, send_at) VALUES (8, 1, 8, ''scheduled'', ''2031-01-01'')',
	'INSERT INTO invitation (id, gig_id, worker_id) VALUES (8, 4, 8)', 'INSERT INTO invitation (id, gig_id, worker_id, status) VALUES (8, 2, 8, ''accepted'')',
	'UPDATE invitation SET status = ''x'' WHERE id = 6', 'UPDATE invitation SET status = NULL WHERE id = 6', 'UPDATE invitation SET gig_id = 3 WHERE id = 6',
	'UPDATE invitation SET send_at = ''2031-01-01'' WHERE id = 7', 'UPDATE invitation SET send_at = NULL WHERE id = 7', 'UPDATE invitation SET status = ''left'' WHERE id = 6',
	'UPDATE invitation SET status = ''accepted'' WHERE id IN (2, 6)', 'SELECT accept(2)', 'SELECT accept(3)', 'SELECT accept(4)', 'SELECT accept(5)', 'SELECT leave(4)',
	'UPDATE invitation SET status = ''accepted'' WHERE id IN (4, 6)',
	'INSERT INTO worker (id, profile) VALUES (10, ''[]'')', 'UPDATE worker SET profile = jsonb_build_object(''a'', repeat(''x'', 1024 * 1024)) WHERE id = 1', 'DELETE FROM setting', 'TRUNCATE notification']) WITH ORDINALITY u (c, n) ORDER BY n;
-- Where the error is not about a row of a table there is none to name.
SELECT c, pg_temp.fields(c) FROM unnest('{SELECT run_wave(4),SELECT accept(99)}'::text[]) c;
DELETE FROM gig_state;
SELECT pg_temp.fields('INSERT INTO invitation (id, gig_id, worker_id) VALUES (8, 1, 8)');
ROLLBACK;
DELETE FROM invitation WHERE id IN (6, 7);

-- An error undoes the statement whole.
SELECT pg_temp.try($$UPDATE invitation SET status = CASE id WHEN 4 THEN 'accepted' ELSE 'left' END WHERE id IN (3, 4)$$);
SELECT id, status FROM invitation ORDER BY id;

-- Trigger functions are of no use elsewhere: called directly,
SELECT p.proname, pg_temp.try(format('SELECT cirro.%I()', p.proname)) FROM pg_proc p
	WHERE p.pronamespace = 'cirro'::regnamespace AND p.prorettype = 'trigger'::regtype ORDER BY p.proname COLLATE "C";
-- attached to a table of another shape, by every timing, level and event,
CREATE SCHEMA errors;
SET search_path = errors;
CREATE FUNCTION pg_temp.attach(table_name text, command text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	f text; timing text; level text; event text; said text;
	answers text[];
BEGIN
	FOR f IN SELECT proname FROM pg_proc WHERE pronamespace = 'cirro'::regnamespace AND prorettype = 'trigger'::regtype ORDER BY proname COLLATE "C" LOOP
		answers := '{}';
		FOREACH event IN ARRAY '{INSERT,UPDATE,DELETE,TRUNCATE}'::text[] LOOP
			FOREACH timing IN ARRAY '{BEFORE,AFTER}'::text[] LOOP
				FOREACH level IN ARRAY '{ROW,STATEMENT}'::text[] LOOP
					CONTINUE WHEN level = 'ROW' AND event = 'TRUNCATE';
					said := pg_temp.try(format('CREATE TRIGGER t %s %s ON %I FOR EACH %s EXECUTE FUNCTION cirro.%I()', timing, event, table_name, level, f));
					IF said = 'ok' THEN
						said := left(pg_temp.try(CASE event WHEN 'INSERT' THEN command WHEN 'UPDATE' THEN format('UPDATE %I SET id = id', table_name)
							WHEN 'DELETE' THEN format('DELETE FROM %I', table_name) ELSE format('TRUNCATE %I', table_name) END), 5);
						EXECUTE format('DROP TRIGGER t ON %I', table_name);
					END IF;
					answers := answers || said;
				END LOOP;
			END LOOP;
		END LOOP;
		RETURN NEXT f || ': ' || (SELECT string_agg(DISTINCT a, ' ' ORDER BY a) FROM unnest(answers) a);
	END LOOP;
END $$;
CREATE TABLE plain (id int);
INSERT INTO plain VALUES (1);
SELECT pg_temp.attach('plain', 'INSERT INTO plain VALUES (2)');
CREATE TRIGGER t BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION cirro.gig_check();
SELECT pg_temp.try('INSERT INTO plain VALUES (3)');
CREATE OR REPLACE TRIGGER t AFTER INSERT ON plain FOR EACH ROW EXECUTE FUNCTION cirro.gig_check();
SELECT pg_temp.try('INSERT INTO plain VALUES (3)');
CREATE OR REPLACE TRIGGER t AFTER INSERT ON plain FOR EACH STATEMENT EXECUTE FUNCTION cirro.invitation_inserted();
SELECT pg_temp.try('INSERT INTO plain VALUES (3)');
CREATE OR REPLACE TRIGGER t AFTER INSERT ON plain REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cirro.invitation_inserted();
SELECT pg_temp.try('INSERT INTO plain VALUES (3)');
-- of the same shape but other types,
CREATE TABLE other (id text, gig_id text, worker_id text, status int, reason text, origin text, wave_id text, send_at text, invited_at text, responded_at text,
	times_invited text, revision text, silent text, silenced text, created_at text, ref text, title int, description int, url int, start_at text, end_at text, archive_at text,
	archived_at text, total_seats text, seats_min text, seats_max text, invitation_mode int, invitation_multiplier text, invitation_frequency text, pending_max text,
	answer_within text, filter_query text, sort_query text, notification_payload text, profile text, active text, lot text, updated_at text);
INSERT INTO other (id) VALUES ('x');
SELECT pg_temp.attach('other', 'INSERT INTO other (id) VALUES (''y'')');
CREATE TRIGGER t BEFORE INSERT ON other FOR EACH ROW EXECUTE FUNCTION cirro.invitation_check();
SELECT pg_temp.try('INSERT INTO other (id) VALUES (''y'')');
-- and of the right shape, in another order, with dropped columns, and no Space around it.
CREATE TABLE twin (gone int, LIKE error.invitation INCLUDING DEFAULTS);
ALTER TABLE twin DROP gone, DROP created_at;
ALTER TABLE twin ADD created_at timestamptz;
CREATE TRIGGER t BEFORE INSERT OR UPDATE ON twin FOR EACH ROW EXECUTE FUNCTION cirro.invitation_check();
INSERT INTO twin (id, gig_id, worker_id) VALUES (1, 1, 1) RETURNING status, times_invited, created_at;
SELECT pg_temp.try($$UPDATE twin SET status = 'left'$$);
SELECT pg_temp.try($$UPDATE twin SET status = 'expired'$$);
ALTER TABLE twin ALTER id DROP NOT NULL, ALTER gig_id DROP NOT NULL, ALTER worker_id DROP NOT NULL;
INSERT INTO twin (id, gig_id, worker_id) VALUES (NULL, NULL, NULL) RETURNING id, status;
SELECT pg_temp.try($$UPDATE twin SET status = 'left' WHERE id IS NULL$$);
SELECT pg_temp.try($$UPDATE twin SET revision = NULL, times_invited = NULL, silenced = NULL$$);
CREATE TRIGGER u AFTER INSERT ON twin REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cirro.invitation_inserted();
SELECT pg_temp.try('INSERT INTO twin (id, gig_id, worker_id) VALUES (2, 1, 1)');
CREATE TABLE twin_gig (LIKE error.gig);
CREATE TRIGGER t BEFORE INSERT OR UPDATE ON twin_gig FOR EACH ROW EXECUTE FUNCTION cirro.gig_check();
SELECT pg_temp.try('INSERT INTO twin_gig DEFAULT VALUES');
SELECT pg_temp.try($$INSERT INTO twin_gig (id, title, url, start_at, end_at, total_seats, filter_query) VALUES (1, 'x', 'x', '2031-01-01', '2032-01-01', 1, '{}')$$);
SELECT pg_temp.try($$INSERT INTO twin_gig (id, title, url, start_at, end_at, total_seats, filter_query, invitation_multiplier, invitation_frequency, pending_max, answer_within)
	VALUES (1, 'x', 'x', '2031-01-01', '2032-01-01', 1, '{}', 1, '1 s', 1, '1 s')$$);
SELECT pg_temp.try('UPDATE twin_gig SET id = NULL, title = NULL');
CREATE TABLE twin_worker (LIKE error.worker);
ALTER TABLE twin_worker ALTER id DROP NOT NULL;
CREATE TRIGGER t BEFORE INSERT OR UPDATE ON twin_worker FOR EACH ROW EXECUTE FUNCTION cirro.worker_check();
INSERT INTO twin_worker DEFAULT VALUES RETURNING id, profile, active;
SELECT pg_temp.try($$INSERT INTO twin_worker (profile) VALUES ('[]')$$);
-- Nor do other tables of those names around it help.
ALTER TABLE twin RENAME TO invitation;
ALTER TABLE twin_gig RENAME TO gig;
ALTER TABLE twin_worker RENAME TO worker;
CREATE TABLE event (id int);
CREATE TABLE consumer (name int);
CREATE TABLE notification (id int);
CREATE TABLE setting (default_multiplier text, default_frequency text, default_pending_max text, default_answer_within text);
INSERT INTO setting VALUES ('x', 'y', 'z', 'w');
CREATE TABLE gig_filter (gig_id text);
CREATE TABLE gig_key (gig_id text);
CREATE TABLE gig_state (gig_id text, accepted text, capacity text, target text, auto text, expires_rest text, closes_at text, answer_within text,
	frequency text, next_wave_at text, next_event_at text, last_due_at text, slept_in text, awaits_room text, waiting text);
INSERT INTO gig_state VALUES ('1', 'x');
SELECT split_part(pg_temp.try($$UPDATE invitation SET status = 'expired' WHERE id = 1$$), ' ', 1);
SELECT split_part(pg_temp.try('INSERT INTO invitation (id, gig_id, worker_id) VALUES (2, 1, 1)'), ' ', 1);
SELECT split_part(pg_temp.try($$INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query) VALUES (1, 'x', 'x', '2031-01-01', '2032-01-01', 1, '{}')$$), ' ', 1);
DROP TABLE event, consumer, notification;
CREATE TABLE event (id text, kind int, gig_id text, worker_id text, invitation_id text, revision text, status int, previous int, payload text);
CREATE TABLE consumer (name int[], kinds text);
CREATE TABLE notification (consumer int, event_id text);
SELECT split_part(pg_temp.try('INSERT INTO invitation (id, gig_id, worker_id) VALUES (2, 1, 1)'), ' ', 1);
CREATE TRIGGER v AFTER UPDATE ON invitation REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cirro.invitation_updated();
SELECT split_part(pg_temp.try($$UPDATE invitation SET status = 'accepted' WHERE id = 1$$), ' ', 1);
-- Nor in a Space on a table beside it: its rows are no invitations.
CREATE TABLE beside (LIKE invitation INCLUDING DEFAULTS);
CREATE TRIGGER t AFTER INSERT ON beside REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cirro.invitation_inserted();
SELECT pg_temp.try('INSERT INTO beside (id, gig_id, worker_id) VALUES (2, 1, 1)');
-- On partitions and foreign keys' cascades it is as on any table.
CREATE VIEW some_view AS SELECT * FROM plain;
SELECT pg_temp.try('CREATE TRIGGER t INSTEAD OF INSERT ON some_view FOR EACH ROW EXECUTE FUNCTION cirro.gig_check(); INSERT INTO some_view VALUES (1)');
CREATE TABLE parts (LIKE error.invitation) PARTITION BY LIST (gig_id);
CREATE TABLE part PARTITION OF parts DEFAULT;
CREATE TRIGGER t BEFORE INSERT OR UPDATE ON parts FOR EACH ROW EXECUTE FUNCTION cirro.invitation_check();
INSERT INTO parts (id, gig_id, worker_id) VALUES (1, 1, 1) RETURNING status, times_invited;
SET search_path = error;
SET client_min_messages = warning;
DROP SCHEMA errors CASCADE;
RESET client_min_messages;

-- A Space whose owner took constraints away, and rows that triggers never saw.
BEGIN;
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN SELECT attrelid::regclass AS rel, attname FROM pg_attribute a WHERE attrelid IN ('gig'::regclass, 'invitation'::regclass, 'worker'::regclass, 'gig_state'::regclass)
		AND attnum > 0 AND attnotnull AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY (i.indkey)) LOOP
		EXECUTE format('ALTER TABLE %s ALTER %I DROP NOT NULL', c.rel, c.attname);
	END LOOP;
	FOR c IN SELECT conrelid::regclass AS rel, conname FROM pg_constraint WHERE conrelid IN ('gig'::regclass, 'invitation'::regclass, 'worker'::regclass) AND contype = 'c' LOOP
		EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.rel, c.conname);
	END LOOP;
	SET LOCAL session_replication_role = replica;
	FOR c IN SELECT attrelid::regclass AS rel, attname FROM pg_attribute WHERE attrelid IN ('gig'::regclass, 'invitation'::regclass, 'worker'::regclass, 'gig_state'::regclass)
		AND attnum > 0 AND NOT attnotnull AND attgenerated = '' AND attname NOT IN ('gig_id', 'worker_id') LOOP
		EXECUTE format('UPDATE %s SET %I = NULL', c.rel, c.attname);
	END LOOP;
	SET LOCAL session_replication_role = origin;
END $$;
SELECT left(pg_temp.try(c), 5), c FROM unnest(ARRAY['SELECT accept(1)', 'SELECT reset(3)', 'SELECT leave(1)', 'SELECT expire(2)', 'SELECT reject(3)', 'SELECT * FROM try_accept(2)',
	'UPDATE invitation SET status = ''pending''', 'UPDATE invitation SET reason = ''x''', 'SELECT * FROM invite(1, ''{1,2}'')', 'SELECT * FROM attempt_invitations(1)',
	'SELECT archive(1)', 'SELECT archive(1, ''2031-01-01'')', 'UPDATE gig SET seats_max = 2', 'UPDATE gig SET title = ''x'', url = ''x'', start_at = ''2031-01-01'', end_at = ''2032-01-01'', filter_query = ''{}'', total_seats = 1',
	'UPDATE gig SET archived_at = now()', 'DELETE FROM gig', 'UPDATE worker SET active = true', 'DELETE FROM worker', 'INSERT INTO invitation (gig_id, worker_id) VALUES (1, 9)',
	'SELECT * FROM worker_invitation', 'SELECT * FROM gig_status', 'SELECT * FROM check_consistency()', 'SELECT rebuild_state()', 'SELECT * FROM claim_notifications()', 'SELECT run_wave(1)']) WITH ORDINALITY u (c, n) ORDER BY n;
ROLLBACK;

-- Odd arguments: NULL everywhere,
SELECT p.proname, split_part(pg_temp.try(format('SELECT * FROM %I(%s)', p.proname, array_to_string(array_fill('NULL'::text, ARRAY[p.pronargs::int]), ', '))), E'\n', 1)
	FROM pg_proc p WHERE p.pronamespace = 'error'::regnamespace AND p.prokind = 'f' AND p.pronargs > 0 ORDER BY p.proname COLLATE "C";
SELECT p.proname, p.pronargs, split_part(pg_temp.try(format(CASE p.prokind WHEN 'p' THEN 'CALL ' ELSE 'SELECT ' END || 'cirro.%I(%s)', p.proname,
		(SELECT string_agg(format('NULL::%s', t::regtype), ', ' ORDER BY n) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u (t, n)))), E'\n', 1)
	FROM pg_proc p WHERE p.pronamespace = 'cirro'::regnamespace AND p.proname IN ('create_space', 'drop_space', 'record_attempt', 'run_wave',
		'raise_unknown', 'gig_phase', 'expired_reason', 'add_interval') ORDER BY p.proname COLLATE "C", p.pronargs;
-- an id that the application gave before identity came to it,
SELECT pg_temp.try('SELECT * FROM invite(3, ''{7}'')'), pg_temp.try('SELECT * FROM attempt_invitations(8, ''{3}'')');
ALTER TABLE invitation ALTER id RESTART 100;
ALTER TABLE worker ALTER id RESTART 100;
-- at the ends of their types, and beyond,
SELECT c, pg_temp.try(c) FROM unnest(ARRAY['SELECT accept(-1)', 'SELECT accept(9223372036854775807)', 'SELECT accept(9223372036854775808)', 'SELECT archive(1, ''infinity'')',
	'SELECT * FROM invite(1, ''{1}'', ''infinity'')', 'SELECT outcome FROM invite(1, ''{1}'', ''-infinity'')', 'SELECT * FROM attempt_invitations(6, ''{1}'', 1)', 'SELECT * FROM attempt_invitations(1, ''{1}'', 2147483647)',
	'SELECT * FROM attempt_invitations(1, NULL, -2147483648)', 'SELECT * FROM claim_notifications(2147483647, ''1000000 years'')', 'SELECT * FROM claim_notifications(-2147483648)',
	'SELECT fail_notifications(9223372036854775807, ''{1}'', ''x'', ''294276-12-31'')', 'SELECT fail_notifications(1, retry_at => ''-infinity'')', 'SELECT confirm_notifications(-9223372036854775808)', 'UPDATE invitation SET times_invited = 2147483647', 'SELECT reject(2, repeat(''x'', 1000000))',
	'INSERT INTO worker (id) VALUES (-9223372036854775808)', 'INSERT INTO worker (ref) VALUES (''''), (repeat(''x'', 2000))']) WITH ORDINALITY u (c, n) ORDER BY n;
-- and a great many.
SELECT count(*) FROM invite(1, (SELECT array_agg(n % 1000) FROM generate_series(1, 200000) n));
SELECT count(*) FROM attempt_invitations(3, (SELECT array_agg(n % 1000) FROM generate_series(1, 200000) n));
SELECT confirm_notifications(1, (SELECT array_agg(n) FROM generate_series(1000, 200000) n)), fail_notifications(1, (SELECT array_agg(NULL::bigint) FROM generate_series(1, 200000)));
SELECT * FROM check_consistency();

SET client_min_messages = warning;
SELECT cirro.drop_space('error');
