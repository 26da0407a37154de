-- What upgrade_spaces makes of a Space: it writes nothing where nothing differs from
-- what create_space would make, mends each kind of difference, and leaves alone what is
-- the owner's. Two Spaces, for the first of a call shows what the others are to be.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
CREATE ROLE regress_cirro_upgrade;

SELECT cirro.create_space('upgrade_a'), cirro.create_space('upgrade_b');

-- Every row of the catalogues that is of these Spaces, and when it was written.
CREATE FUNCTION pg_temp.written() RETURNS SETOF text LANGUAGE sql AS $$
	WITH space AS (SELECT n.oid FROM pg_namespace n WHERE n.nspname ~ '^upgrade_'),
	object AS (
		SELECT p.tableoid, p.oid, p.xmin FROM pg_proc p, space s WHERE p.pronamespace = s.oid
		UNION ALL SELECT c.tableoid, c.oid, c.xmin FROM pg_class c, space s WHERE c.relnamespace = s.oid AND c.relkind = 'v'
		UNION ALL SELECT t.tableoid, t.oid, t.xmin FROM pg_trigger t, pg_class c, space s WHERE c.relnamespace = s.oid AND t.tgrelid = c.oid
		UNION ALL SELECT r.tableoid, r.oid, r.xmin FROM pg_rewrite r, pg_class c, space s WHERE c.relnamespace = s.oid AND r.ev_class = c.oid)
	SELECT o::text FROM object o
	UNION ALL SELECT ROW('comment', d.classoid, d.objoid, d.objsubid, d.xmin)::text FROM pg_description d, object o WHERE d.classoid = o.tableoid AND d.objoid = o.oid
$$;

-- What there is in the words of PostgreSQL's own functions.
CREATE FUNCTION pg_temp.content(space name) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws('; ', pg_get_functiondef(p.oid), p.proleakproof, obj_description(p.oid, 'pg_proc'))
	FROM pg_proc p WHERE p.pronamespace = space::text::regnamespace
	UNION ALL
	SELECT concat_ws('; ', c.relname, c.reloptions, pg_get_viewdef(c.oid), obj_description(c.oid, 'pg_class'))
	FROM pg_class c WHERE c.relnamespace = space::text::regnamespace AND c.relkind = 'v'
	UNION ALL
	SELECT concat_ws('; ', pg_get_triggerdef(t.oid), t.tgenabled)
	FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = space::text::regnamespace AND NOT t.tgisinternal
$$;

CREATE FUNCTION pg_temp.differences(one text[], other text[]) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM unnest(one) a FULL JOIN unnest(other) b ON a = b WHERE a IS NULL OR b IS NULL
$$;

-- Nothing differs: nothing is written, for one or for all.
CREATE TEMP TABLE before AS SELECT array_agg(w) AS written FROM pg_temp.written() w;
SELECT cardinality(written) > 100 AS is_much FROM before;
CALL cirro.upgrade_spaces('upgrade_a');
CALL cirro.upgrade_spaces();
SET search_path = upgrade_a, public;
CALL cirro.upgrade_spaces('upgrade_a');
RESET search_path;
-- Nor after what owners may do.
ALTER TABLE upgrade_b.worker ADD name text;
CREATE FUNCTION upgrade_b.helper(a int) RETURNS int LANGUAGE sql RETURN 1;
CREATE FUNCTION upgrade_b.accept(a text) RETURNS int LANGUAGE sql RETURN 2;
REVOKE ALL ON FUNCTION upgrade_b.reject(bigint, text) FROM PUBLIC;
REVOKE ALL ON upgrade_b.worker_gig FROM PUBLIC;
ALTER TABLE upgrade_b.gig DISABLE TRIGGER cirro_check;
CREATE TRIGGER of_mine BEFORE TRUNCATE ON upgrade_b.wave FOR EACH STATEMENT EXECUTE FUNCTION cirro.refuse_truncate();
UPDATE before SET written = (SELECT array_agg(w) FROM pg_temp.written() w);
CALL cirro.upgrade_spaces('upgrade_b');
CALL cirro.upgrade_spaces();
SELECT pg_temp.differences(written, (SELECT array_agg(w) FROM pg_temp.written() w)) FROM before;
DROP TRIGGER of_mine ON upgrade_b.wave;
ALTER TABLE upgrade_b.gig ENABLE TRIGGER cirro_check;

-- Each kind of difference, in the first Space of a call, in a later one, and in one alone.
-- A statement that begins with a name changes the text by which a function or view is made.
CREATE FUNCTION pg_temp.change(space name, what text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	parts text[] := string_to_array(what, ' -> ');
BEGIN
	IF cardinality(parts) = 3 AND parts[1] ~ '\)$' THEN
		EXECUTE replace(pg_get_functiondef(format('%I.%s', space, parts[1])::regprocedure), parts[2], parts[3]);
	ELSIF cardinality(parts) = 3 THEN
		EXECUTE format('CREATE OR REPLACE VIEW %I.%I WITH (security_invoker = true) AS ', space, parts[1])
			|| replace(pg_get_viewdef(format('%I.%I', space, parts[1])::regclass), parts[2], parts[3]);
	ELSE
		EXECUTE format(what, space);
	END IF;
END $$;
CREATE FUNCTION pg_temp.mended(what text, ways int[] DEFAULT '{1,2,3}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n int;
	was text[];
	changed bigint;
	result text;
BEGIN
	FOREACH n IN ARRAY ways LOOP
		DECLARE
			space name := CASE n WHEN 1 THEN 'upgrade_a' ELSE 'upgrade_b' END;
		BEGIN
			was := ARRAY(SELECT pg_temp.content(space));
			PERFORM pg_temp.change(space, what);
			changed := pg_temp.differences(was, ARRAY(SELECT pg_temp.content(space)));
			IF changed = 0 THEN
				RETURN 'changes nothing';
			END IF;
			IF n = 3 THEN
				CALL cirro.upgrade_spaces(space);
			ELSE
				CALL cirro.upgrade_spaces();
			END IF;
			changed := pg_temp.differences(was, ARRAY(SELECT pg_temp.content(space)));
			result := concat_ws(' ', result, CASE changed WHEN 0 THEN 'mended' ELSE changed || ' LEFT' END);
			RAISE SQLSTATE 'RB000';
		EXCEPTION
			WHEN SQLSTATE 'RB000' THEN NULL;
		END;
	END LOOP;
	RETURN result;
END $$;
SELECT pg_temp.mended(what), what FROM unnest(ARRAY[
	'accept(bigint) -> RETURN fn.result -> RETURN NULL',
	'claim_notifications(int, interval, text) -> DEFAULT 100 -> DEFAULT 5',
	'CREATE OR REPLACE FUNCTION %I.gig_id(ref text) RETURNS bigint LANGUAGE sql RETURN 1',
	'ALTER FUNCTION %I.accept(bigint) SET work_mem = ''1MB''',
	'ALTER FUNCTION %I.accept(bigint) RESET ALL',
	'ALTER FUNCTION %I.accept(bigint) SET search_path = public',
	'ALTER FUNCTION %I.erase_worker(bigint) RESET row_security',
	'ALTER FUNCTION %I.accept(bigint) SECURITY DEFINER',
	'ALTER FUNCTION %I.accept(bigint) LEAKPROOF',
	'ALTER FUNCTION %I.accept(bigint) STRICT',
	'ALTER FUNCTION %I.accept(bigint) STABLE',
	'ALTER FUNCTION %I.check_consistency() VOLATILE',
	'ALTER FUNCTION %I.accept(bigint) PARALLEL SAFE',
	'ALTER FUNCTION %I.accept(bigint) COST 7',
	'ALTER FUNCTION %I.explain_invitation(bigint, bigint) ROWS 7',
	'ALTER FUNCTION %I.accept(bigint) SUPPORT generate_series_int4_support',
	'COMMENT ON FUNCTION %I.rebuild_state() IS NULL',
	'COMMENT ON FUNCTION %I.rebuild_state() IS ''my own''',
	'worker_gig -> ''accepted'' -> ''rejected''',
	'ALTER VIEW %I.gig_status RESET (security_invoker)',
	'ALTER VIEW %I.gig_status SET (security_barrier = true)',
	'COMMENT ON VIEW %I.gig_status IS ''my own''',
	'DROP VIEW %I.worker_gig',
	'ALTER TABLE %I.worker ENABLE TRIGGER cirro_check']) WITH ORDINALITY u (what, n) ORDER BY n;
-- So is every function, comment, view and trigger that is missing.
SELECT result, count(*) > 70 FROM (
	SELECT pg_temp.mended(format('DROP FUNCTION %%I.%I(%s)', p.proname, oidvectortypes(p.proargtypes)), '{3}')
	FROM pg_proc p WHERE p.pronamespace = 'upgrade_a'::regnamespace
	UNION ALL
	SELECT pg_temp.mended(format('COMMENT ON FUNCTION %%I.%I(%s) IS NULL', p.proname, oidvectortypes(p.proargtypes)), '{3}')
	FROM pg_proc p WHERE p.pronamespace = 'upgrade_a'::regnamespace
	UNION ALL
	SELECT pg_temp.mended(format('DROP VIEW %%I.%I', c.relname), '{3}')
	FROM pg_class c WHERE c.relnamespace = 'upgrade_a'::regnamespace AND c.relkind = 'v'
	UNION ALL
	SELECT pg_temp.mended(format('DROP TRIGGER %I ON %%I.%I', t.tgname, c.relname), '{3}')
	FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = 'upgrade_a'::regnamespace AND NOT t.tgisinternal
) m (result) GROUP BY result;

-- What is written is what differs: the Space that has it, and no other; whatever its ids.
SELECT cirro.create_space('upgrade_uuid', ref_type => 'uuid'), cirro.create_space('upgrade_bigint', ref_type => 'bigint');
SELECT cirro.create_space('upgrade_uuid2', ref_type => 'uuid');
UPDATE before SET written = (SELECT array_agg(w) FROM pg_temp.written() w);
UPDATE upgrade_uuid.setting SET ddl_version = NULL;
COMMENT ON VIEW upgrade_bigint.gig_status IS NULL;
CALL cirro.upgrade_spaces();
SELECT ddl_version = (SELECT ddl_version FROM upgrade_a.setting) FROM upgrade_uuid.setting;
SELECT n.nspname, n.nspname IN (SELECT p.pronamespace::regnamespace::name FROM pg_proc p WHERE NOT ROW(p.tableoid, p.oid, p.xmin)::text IN (SELECT unnest(written) FROM before)) AS is_written
	FROM pg_namespace n WHERE n.nspname ~ '^upgrade_' ORDER BY 1;

-- What the owner of the first Space keeps from being mended is mended in the others.
BEGIN;
CREATE FUNCTION upgrade_a.no_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER mine BEFORE UPDATE ON upgrade_a.setting FOR EACH ROW EXECUTE FUNCTION upgrade_a.no_change();
DROP TRIGGER cirro_truncate ON upgrade_a.wave;
CREATE TRIGGER cirro_truncate BEFORE TRUNCATE ON upgrade_a.wave FOR EACH STATEMENT EXECUTE FUNCTION upgrade_a.no_change();
DROP TRIGGER cirro_truncate ON upgrade_b.wave;
ALTER TABLE upgrade_a.setting DISABLE TRIGGER mine;
UPDATE upgrade_a.setting SET ddl_version = 0;
ALTER TABLE upgrade_a.setting ENABLE TRIGGER mine;
UPDATE upgrade_b.setting SET ddl_version = 0;
CALL cirro.upgrade_spaces();
SELECT a.ddl_version, b.ddl_version = (SELECT ddl_version FROM upgrade_uuid.setting) FROM upgrade_a.setting a, upgrade_b.setting b;
SELECT tgrelid::regclass, tgfoid::regproc FROM pg_trigger WHERE tgname = 'cirro_truncate' AND tgrelid IN ('upgrade_a.wave'::regclass, 'upgrade_b.wave'::regclass) ORDER BY 1;
ROLLBACK;

-- The owner's own of the same name is not cirro's, whatever its arguments or its kind.
BEGIN;
CREATE FUNCTION upgrade_a.worker_id() RETURNS int LANGUAGE sql RETURN 1;
COMMENT ON FUNCTION upgrade_a.worker_id() IS 'mine';
COMMENT ON FUNCTION upgrade_a.worker_id(text) IS NULL;
CALL cirro.upgrade_spaces('upgrade_a');
SELECT p.oid::regprocedure, obj_description(p.oid) FROM pg_proc p WHERE p.pronamespace = 'upgrade_a'::regnamespace AND p.proname = 'worker_id' ORDER BY p.pronargs;
DROP FUNCTION upgrade_a.cancel(bigint);
CREATE PROCEDURE upgrade_a.cancel(bigint) LANGUAGE sql AS '';
SELECT cirro.drop_space('upgrade_a');
ROLLBACK;

-- Who listens to DDL by event triggers hears of every function, whatever is done to it.
BEGIN;
CREATE TEMP TABLE heard (command text, type text);
CREATE FUNCTION pg_temp.hear_end() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO pg_temp.heard SELECT c.command_tag, c.object_type FROM pg_event_trigger_ddl_commands() c;
END $$;
CREATE FUNCTION pg_temp.hear_drop() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO pg_temp.heard SELECT tg_tag, d.object_type FROM pg_event_trigger_dropped_objects() d WHERE d.original;
END $$;
CREATE EVENT TRIGGER regress_cirro_end ON ddl_command_end EXECUTE FUNCTION pg_temp.hear_end();
CREATE EVENT TRIGGER regress_cirro_drop ON sql_drop EXECUTE FUNCTION pg_temp.hear_drop();
SELECT cirro.create_space('upgrade_heard');
SELECT cirro.drop_space('upgrade_heard');
SELECT command, count(*) FROM heard WHERE type = 'function' GROUP BY 1 ORDER BY 1;
ROLLBACK;

-- Whatever path the caller has, functions have their own, and pg_temp is last there.
ALTER SCHEMA upgrade_b RENAME TO "Upgrade B";
SET search_path = "Upgrade B", public;
CALL cirro.upgrade_spaces('Upgrade B');
CREATE SCHEMA upgrade_c;
SET search_path = upgrade_c, public;
SELECT cirro.create_space('upgrade_c');
RESET search_path;
SELECT DISTINCT p.pronamespace::regnamespace AS space, c AS path FROM pg_proc p, unnest(p.proconfig) c
	WHERE p.pronamespace IN ('"Upgrade B"'::regnamespace, 'upgrade_c'::regnamespace) AND c ~ 'search_path' ORDER BY 1;
-- The owner's own is as it was.
SELECT "Upgrade B".accept('x'), "Upgrade B".helper(1), has_function_privilege('regress_cirro_upgrade', '"Upgrade B".reject(bigint, text)', 'EXECUTE');

-- A function that is somebody else's by now cannot be mended, and is not dropped.
CREATE ROLE regress_cirro_upgrader;
GRANT USAGE ON SCHEMA cirro TO regress_cirro_upgrader;
DO $$BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_cirro_upgrader', current_database()); END$$;
SET ROLE regress_cirro_upgrader;
SELECT cirro.create_space('upgrade_mine');
RESET ROLE;
ALTER FUNCTION upgrade_mine.cancel(bigint) OWNER TO regress_cirro_upgrade;
SET ROLE regress_cirro_upgrader;
\set VERBOSITY terse
\set SHOW_CONTEXT never
CALL cirro.upgrade_spaces('upgrade_mine');
CALL cirro.upgrade_spaces();
RESET ROLE;
ALTER SCHEMA upgrade_mine OWNER TO regress_cirro_upgrade;
GRANT USAGE ON SCHEMA upgrade_mine TO regress_cirro_upgrader;
SET ROLE regress_cirro_upgrader;
SELECT cirro.drop_space('upgrade_mine');
RESET ROLE;
ALTER FUNCTION upgrade_mine.cancel(bigint) OWNER TO regress_cirro_upgrader;
ALTER SCHEMA upgrade_mine OWNER TO regress_cirro_upgrader;
SET ROLE regress_cirro_upgrader;
SELECT cirro.drop_space('upgrade_mine');
RESET ROLE;

DROP FUNCTION "Upgrade B".accept(text), "Upgrade B".helper(int);
SELECT cirro.drop_space('upgrade_a'), cirro.drop_space('Upgrade B'), cirro.drop_space('upgrade_c'), cirro.drop_space('upgrade_uuid'), cirro.drop_space('upgrade_uuid2'), cirro.drop_space('upgrade_bigint');
DROP SCHEMA upgrade_c;
DO $$BEGIN EXECUTE format('REVOKE CREATE ON DATABASE %I FROM regress_cirro_upgrader', current_database()); END$$;
REVOKE USAGE ON SCHEMA cirro FROM regress_cirro_upgrader;
DROP ROLE regress_cirro_upgrade, regress_cirro_upgrader;
