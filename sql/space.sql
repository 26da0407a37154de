-- Spaces: made, listed, upgraded, dropped; in new and in existing schemas, of any
-- name; whose they are; and that two of them do not touch each other.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
DROP ROLE IF EXISTS regress_cirro_maker, regress_cirro_group, regress_cirro_other;
CREATE ROLE regress_cirro_maker;
CREATE ROLE regress_cirro_group;
CREATE ROLE regress_cirro_other;
GRANT regress_cirro_group TO regress_cirro_maker;
DO $$BEGIN
	EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_cirro_maker, regress_cirro_group, regress_cirro_other', current_database());
END$$;
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
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
-- What is in a schema, by kind.
CREATE FUNCTION pg_temp.content(space name) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws('; ',
		(SELECT string_agg(relkind::text || ' ' || relname, ', ' ORDER BY relkind, relname COLLATE "C") FROM pg_class
		 WHERE relnamespace = n.oid AND relkind IN ('r', 'v')),
		(SELECT string_agg(proname, ', ' ORDER BY proname COLLATE "C") FROM pg_proc WHERE pronamespace = n.oid))
	FROM pg_namespace n WHERE nspname = space $$;

-- A new schema. Nothing in it is a member of the extension, written in C, or an
-- enum.
SELECT cirro.create_space('trees');
SELECT * FROM cirro.spaces() WHERE space = 'trees' AND owner = current_user::regrole AND version = 1 AND NOT paused;
SELECT pg_temp.content('trees');
SELECT count(*) FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'cirro' AND d.deptype = 'e'
	JOIN pg_class c ON c.oid = d.objid AND d.classid = 'pg_class'::regclass WHERE c.relnamespace = 'trees'::regnamespace;
SELECT DISTINCT l.lanname, p.prosecdef FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'trees'::regnamespace;
SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
	WHERE c.relnamespace = 'trees'::regnamespace AND t.typtype = 'e';
-- Every table, column, index, view and function says what it is for, here and in schema cirro.
SELECT pg_describe_object(d.classid, d.objid, 0) FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
	WHERE e.extname = 'cirro' AND d.deptype = 'e' AND obj_description(d.objid, d.classid::regclass::name) IS NULL
	-- Arrays of its types are members of an extension since PostgreSQL 17.
	AND pg_describe_object(d.classid, d.objid, 0) NOT LIKE '%[]' ORDER BY 1;
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'trees'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL;
SELECT c.oid::regclass FROM pg_class c LEFT JOIN pg_constraint k ON k.conindid = c.oid AND k.contype IN ('p', 'u')
	WHERE c.relnamespace = 'trees'::regnamespace AND c.relkind IN ('r', 'v', 'i') AND k.oid IS NULL AND obj_description(c.oid, 'pg_class') IS NULL;
SELECT a.attrelid::regclass, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
	WHERE c.relnamespace = 'trees'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND col_description(a.attrelid, a.attnum) IS NULL;
SELECT s.stxname FROM pg_statistic_ext s WHERE s.stxnamespace = 'trees'::regnamespace AND obj_description(s.oid, 'pg_statistic_ext') IS NULL;
-- Ids may be given; the Space works.
INSERT INTO trees.worker (id, ref, profile) VALUES (7, 'ann', '{"a": 1}');
INSERT INTO trees.gig (ref, title, url, start_at, end_at, total_seats, filter_query) VALUES ('one', 'Gig', 'https://gig', '2030-01-02', '2030-01-03', 1, '{"a": 1}');
SELECT outcome FROM trees.invite(trees.gig_id('one'), ARRAY[trees.worker_id('ann')]);
SELECT status FROM trees.accept(1);

-- The type of the application's own ids.
SELECT cirro.create_space('by_uuid', ref_type => 'uuid'), cirro.create_space('by_bigint', ref_type => 'bigint');
INSERT INTO by_uuid.worker (id, ref) VALUES (3, '00000000-0000-0000-0000-000000000007');
INSERT INTO by_bigint.worker (id, ref) VALUES (4, 9223372036854775807);
SELECT by_uuid.worker_id('00000000-0000-0000-0000-000000000007'), by_bigint.worker_id(9223372036854775807), by_bigint.gig_id(0);
SELECT DISTINCT table_schema, table_name, column_name, data_type FROM information_schema.columns
	WHERE table_schema IN ('by_uuid', 'by_bigint', 'trees') AND column_name IN ('ref', 'worker_ref', 'gig_ref') ORDER BY 1, 2, 3;
-- Notifications know them by that type as well, also those of a gig that is gone.
CREATE FUNCTION pg_temp.refs(space name, gig_ref text, worker_id bigint) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	claim text := format('SELECT kind || '' '' || (payload->''gig''->''ref'')::text || '' '' || (payload->''worker''->''ref'')::text FROM %I.claim_notifications() ORDER BY id', space);
BEGIN
	EXECUTE format('INSERT INTO %I.gig (id, ref, title, url, start_at, end_at, total_seats, filter_query) VALUES (1, %L, ''Gig'', ''https://gig'', ''2030-01-02'', ''2030-01-03'', 1, ''{}'')', space, gig_ref);
	EXECUTE format('SELECT %I.invite(1, %L)', space, ARRAY[worker_id]);
	RETURN QUERY EXECUTE claim;
	EXECUTE format('DELETE FROM %I.gig', space);
	RETURN QUERY EXECUTE claim;
END $$;
SELECT pg_temp.refs('by_uuid', '00000000-0000-0000-0000-000000000008', 3);
SELECT pg_temp.refs('by_bigint', '-5', 4);
SELECT pg_temp.try('INSERT INTO by_uuid.worker (ref) VALUES (''x'')');
SELECT t, pg_temp.try(format('SELECT cirro.create_space(''other'', ref_type => %L)', t)) FROM unnest('{integer,jsonb,varchar,text[],1}'::text[]) WITH ORDINALITY u (t, n) ORDER BY n;
SELECT cirro.drop_space('by_uuid'), cirro.drop_space('by_bigint');

-- Names that need quoting, up to 63 bytes, and those that no Space can have.
CREATE FUNCTION pg_temp.works(space name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	status text;
BEGIN
	PERFORM cirro.create_space(space);
	EXECUTE format('INSERT INTO %1$I.worker (id) VALUES (1), (2);
		INSERT INTO %1$I.gig (id, title, url, start_at, end_at, seats_max, filter_query) VALUES (1, ''Gig'', ''https://gig'', ''2030-01-02'', ''2030-01-03'', 1, ''{}'')', space);
	EXECUTE format('SELECT string_agg(outcome, '','') FROM %I.invite(1, ''{1,2}'')', space) INTO status;
	EXECUTE format('SELECT $1 || '','' || status FROM %I.accept(1)', space) INTO status USING status;
	EXECUTE format('SELECT $1 || '','' || string_agg(status, '','' ORDER BY worker_id) FROM %I.worker_invitation', space) INTO status USING status;
	EXECUTE format('SELECT $1 || '','' || count(*) FROM %I.claim_notifications()', space) INTO status USING status;
	CALL cirro.upgrade_spaces(space);
	PERFORM cirro.drop_space(space);
	RETURN status || CASE WHEN to_regnamespace(quote_ident(space)) IS NULL THEN ' gone' ELSE ' left' END;
END $$;
SELECT n, pg_temp.works(n) FROM unnest(ARRAY['My "odd" Space', 'a$cirro$b', 'a''b', 'a,b', '1', 'select', 'ÄÖÜ ß', E'new\nline', '@ref_type@', '%s%I', '"', 'Cirro', 'pgx', repeat('x', 63), repeat('ü', 31)]) WITH ORDINALITY u (n, i) ORDER BY i;
SELECT n, pg_temp.try(format('SELECT cirro.create_space(%L)', n)) FROM unnest('{cirro,pg_toast,pg_mine,pg_catalog,information_schema,"",$user}'::text[]) WITH ORDINALITY u (n, i) ORDER BY i;
SELECT pg_temp.try('SELECT cirro.create_space(NULL)');
SELECT pg_temp.try('SELECT cirro.create_space(''other'', 4294967290)');
SELECT pg_temp.try('SELECT cirro.create_space(''trees'')');
-- NULL is the default.
SELECT cirro.create_space('other', NULL, NULL);
SELECT owner = current_user::regrole FROM cirro.spaces() WHERE space = 'other';
SELECT cirro.drop_space('other');

-- An existing schema, with objects of its own; it is kept when the Space goes.
CREATE SCHEMA mine;
CREATE TABLE mine.note (id int);
SELECT cirro.create_space('mine');
SELECT cirro.drop_space('mine');
SELECT pg_temp.content('mine');
-- Not where a name is taken; nothing is half done.
CREATE VIEW mine.gig AS SELECT 1 AS a;
SELECT pg_temp.try('SELECT cirro.create_space(''mine'')');
DROP VIEW mine.gig;
CREATE FUNCTION mine.accept(text) RETURNS int LANGUAGE sql RETURN 1;
SELECT pg_temp.try('SELECT cirro.create_space(''mine'')');
DROP FUNCTION mine.accept;
CREATE INDEX worker_lot_idx ON mine.note (id);
SELECT split_part(pg_temp.try('SELECT cirro.create_space(''mine'')'), E'\n', 1);
DROP INDEX mine.worker_lot_idx;
CREATE TYPE mine.wave AS (a int);
SELECT split_part(pg_temp.try('SELECT cirro.create_space(''mine'')'), ' ', 1);
DROP TYPE mine.wave;
SELECT pg_temp.content('mine');
DROP SCHEMA mine CASCADE;
-- A schema that create_space made is kept, too, while something else is in it.
SELECT cirro.create_space('mine');
CREATE TABLE mine.note (id int);
SELECT cirro.drop_space('mine');
SELECT pg_temp.content('mine');
DROP SCHEMA mine CASCADE;

-- Dropped only if nothing else depends on it.
CREATE VIEW public.of_trees AS SELECT id FROM trees.worker;
SELECT pg_temp.try('SELECT cirro.drop_space(''trees'')');
DROP VIEW public.of_trees;
CREATE TABLE public.of_trees (worker_id bigint REFERENCES trees.worker);
SELECT pg_temp.try('SELECT cirro.drop_space(''trees'')');
DROP TABLE public.of_trees;
SELECT count(*) FROM trees.invitation;
SELECT pg_temp.try('SELECT cirro.drop_space(''nowhere'')');
SELECT pg_temp.try('SELECT cirro.drop_space(''public'')');
SELECT pg_temp.try('SELECT cirro.drop_space(NULL)');
SELECT split_part(pg_temp.try('DROP EXTENSION cirro'), E'\n', 1);

-- The owner: the caller, or a role that it may become.
SET ROLE regress_cirro_maker;
SELECT cirro.create_space('own'), cirro.create_space('group', 'regress_cirro_group');
SELECT pg_temp.try('SELECT cirro.create_space(''others'', ''regress_cirro_other'')');
SELECT space, owner, version, paused FROM cirro.spaces() WHERE space IN ('trees', 'own', 'group') ORDER BY space;
SELECT DISTINCT relowner::regrole FROM pg_class WHERE relnamespace = '"group"'::regnamespace;
SELECT pg_temp.try('SELECT cirro.drop_space(''trees'')');
SELECT pg_temp.try('CALL cirro.upgrade_spaces(''trees'')');
SELECT pg_temp.try('CALL cirro.run_waves(''trees'')');
CALL cirro.upgrade_spaces();
SET ROLE regress_cirro_other;
SELECT pg_temp.try('SELECT cirro.drop_space(''own'')');
SELECT pg_temp.try('SELECT cirro.create_space(''own'')');
RESET ROLE;
CREATE SCHEMA theirs AUTHORIZATION regress_cirro_other;
SET ROLE regress_cirro_maker;
SELECT pg_temp.try('SELECT cirro.create_space(''theirs'')');
SELECT pg_temp.try('SELECT cirro.create_space(''theirs'', ''regress_cirro_other'')');
SELECT cirro.drop_space('own'), cirro.drop_space('group');
RESET ROLE;
SELECT cirro.create_space('theirs', 'regress_cirro_other');
SELECT pg_temp.try('SELECT cirro.create_space(''theirs'', ''regress_cirro_other'')');
SELECT cirro.drop_space('theirs');
DROP SCHEMA theirs;

-- upgrade_spaces: what is there stays, code is made anew, any number of times.
CALL cirro.upgrade_spaces('trees');
CALL cirro.upgrade_spaces();
BEGIN;
DROP FUNCTION trees.accept(bigint);
DROP VIEW trees.worker_gig;
DROP TRIGGER cirro_check ON trees.worker;
ALTER TABLE trees.gig ENABLE ALWAYS TRIGGER cirro_check;
REVOKE SELECT ON trees.gig_status FROM PUBLIC;
CALL cirro.upgrade_spaces('trees');
SELECT status FROM trees.accept(1);
SELECT gig_id FROM trees.worker_gig;
-- So are triggers that are missing; what the owner made of others, and of rights, stays.
SELECT tgrelid::regclass, tgenabled FROM pg_trigger WHERE tgname = 'cirro_check' AND tgrelid IN ('trees.worker'::regclass, 'trees.gig'::regclass) ORDER BY 1;
SELECT relname FROM pg_class WHERE relnamespace = 'trees'::regnamespace AND relkind = 'v' AND has_table_privilege('regress_cirro_other', oid, 'SELECT') ORDER BY 1;
ROLLBACK;
SELECT count(*), max(ddl_version) FROM trees.setting;
SELECT pg_temp.try('CALL cirro.upgrade_spaces(''nowhere'')');
UPDATE trees.setting SET ddl_version = 99;
SELECT pg_temp.try('CALL cirro.upgrade_spaces(''trees'')');
UPDATE trees.setting SET ddl_version = NULL;
CALL cirro.upgrade_spaces('trees');
SELECT ddl_version FROM trees.setting;
-- A renamed schema is a renamed Space, once it is upgraded.
ALTER SCHEMA trees RENAME TO "Old Trees";
SELECT status FROM "Old Trees".worker_invitation;
SELECT space FROM cirro.spaces() WHERE space IN ('trees', 'Old Trees');
UPDATE "Old Trees".invitation SET status = 'left' WHERE id = 1;
CALL cirro.upgrade_spaces('Old Trees');
SELECT status FROM "Old Trees".reset(1);
SELECT payload->>'space' FROM "Old Trees".claim_notifications(1);
ALTER SCHEMA "Old Trees" RENAME TO trees;
CALL cirro.upgrade_spaces('trees');

-- Without the triggers that keep gig_state no wave runs; they are made again, but
-- what is disabled stays so.
BEGIN;
DROP TRIGGER cirro_updated ON trees.gig;
DROP TRIGGER cirro_inserted ON trees.invitation;
SELECT defect FROM cirro.spaces() WHERE space = 'trees';
SELECT pg_temp.try('CALL cirro.run_waves(''trees'')');
CALL cirro.upgrade_spaces('trees');
SELECT defect FROM cirro.spaces() WHERE space = 'trees';
DROP TRIGGER cirro_updated ON trees.gig;
ALTER TABLE trees.gig DISABLE TRIGGER cirro_inserted;
CALL cirro.upgrade_spaces();
SELECT defect FROM cirro.spaces() WHERE space = 'trees';
ALTER TABLE trees.gig ENABLE TRIGGER cirro_inserted;
SELECT defect FROM cirro.spaces() WHERE space = 'trees';
DROP TRIGGER cirro_updated ON trees.gig;
SELECT pg_temp.try('SELECT trees.run_wave(1)');
SELECT cirro.drop_space('trees');
ROLLBACK;

-- A damaged Space is told of, and left alone.
BEGIN;
ALTER TABLE trees.wave DROP took;
SELECT space, version, paused, defect FROM cirro.spaces() WHERE space = 'trees';
SELECT pg_temp.try('SELECT cirro.drop_space(''trees'')');
CALL cirro.upgrade_spaces();
ROLLBACK;

-- Two Spaces with the same ids do not touch each other.
SELECT cirro.create_space('shrubs');
INSERT INTO shrubs.worker (id) VALUES (7);
INSERT INTO shrubs.gig (id, title, url, start_at, end_at, seats_max, filter_query) VALUES (1, 'Gig', 'https://gig', '2030-01-02', '2030-01-03', 1, '{}');
UPDATE shrubs.setting SET default_frequency = '1 hour';
UPDATE shrubs.consumer SET name = 'shrubs';
SET search_path = trees;
SELECT outcome FROM shrubs.invite(1, '{7}');
SELECT id, status FROM shrubs.accept(1);
SET search_path = shrubs;
SELECT id, status FROM trees.leave((SELECT id FROM trees.accept(1)));
SELECT 'trees', status FROM trees.invitation UNION ALL SELECT 'shrubs', status FROM shrubs.invitation;
SELECT 'trees', accepted FROM trees.gig_state UNION ALL SELECT 'shrubs', accepted FROM shrubs.gig_state;
SELECT n.consumer, e.kind FROM shrubs.event e JOIN shrubs.notification n ON n.event_id = e.id ORDER BY n.id;
SELECT DISTINCT consumer FROM trees.notification;
RESET search_path;
DELETE FROM shrubs.gig;
SELECT count(*) FROM trees.gig;
-- Neither does anything of the caller's search_path, nor a temporary table.
CREATE TEMP TABLE invitation (id bigint, status text);
CREATE TEMP TABLE gig_state (gig_id bigint);
SELECT status FROM trees.reset(1);
SELECT accepted, pending FROM trees.gig_status;
DROP TABLE invitation, gig_state;

-- The catalogue says what may be left out.
SELECT attname, attnotnull, pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
	WHERE a.attrelid = 'trees.gig'::regclass AND a.attnum > 0 AND (a.attname ~ '^invitation_' OR a.attname IN ('created_at', 'sort_query', 'filter_query', 'pending_max')) ORDER BY a.attnum;
-- Columns are of core's plain types, in every table that an application reads.
SELECT c.relname, a.attname, format_type(a.atttypid, NULL) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
	WHERE c.relnamespace = 'trees'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('gig_filter', 'gig_key') AND a.attnum > 0
	AND (a.atttypid::regtype <> ALL ('{bigint,integer,smallint,boolean,text,numeric,jsonb,interval,timestamptz,uuid,text[],bigint[]}'::regtype[]) OR a.attgenerated <> '');

-- Who else may create objects in the schema is worth a warning.
CREATE SCHEMA commons;
GRANT CREATE ON SCHEMA commons TO PUBLIC, regress_cirro_other;
SELECT cirro.create_space('commons');
SELECT cirro.drop_space('commons');
DROP SCHEMA commons;

-- An overload of the owner's own stays, and so does the schema.
CREATE FUNCTION shrubs.accept(text) RETURNS int LANGUAGE sql RETURN 1;
SELECT cirro.drop_space('shrubs');
SELECT shrubs.accept('x');
DROP SCHEMA shrubs CASCADE;

SET client_min_messages = warning;
SELECT cirro.drop_space('trees');
DO $$BEGIN
	EXECUTE format('REVOKE CREATE ON DATABASE %I FROM regress_cirro_maker, regress_cirro_group, regress_cirro_other', current_database());
END$$;
DROP ROLE regress_cirro_maker, regress_cirro_group, regress_cirro_other;
