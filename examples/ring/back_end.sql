-- back_end.sql: what a database of a ring needs beside cirro, by its superuser:
--     psql -d back_end -f back_end.sql
--
-- Decides how the front writes rows of worker and gig, what it is told of Spaces, and
-- how who writes past the front is refused once a Space has moved. Must not change what
-- a Space does while it lives here, nor let anybody do what his rights do not allow:
-- all but the fence runs as whoever calls.
\set ON_ERROR_STOP on
BEGIN;
CREATE EXTENSION IF NOT EXISTS cirro;
CREATE SCHEMA ring;
COMMENT ON SCHEMA ring IS 'what the front of the ring needs here';
GRANT USAGE ON SCHEMA ring TO PUBLIC;
\ir describe.sql

-- Rows of one table of a Space, as one JSON object or an array of them; only the columns
-- that are named are written. A row is known by its id, or else its ref: if there is
-- one, it is updated, if not, it is inserted; so that a call can be repeated whose answer
-- was lost. Returns the rows as they are then, without those that a trigger of the
-- Space's owner has kept as they were. Names of columns are quoted, and it is the
-- server that says which there are; types and rules are those of an INSERT of JSON.
CREATE FUNCTION ring.put(base anyelement, rows jsonb) RETURNS SETOF anyelement
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	type CONSTANT regtype := pg_typeof(base);
	relation CONSTANT regclass := (SELECT t.typrelid FROM pg_type t WHERE t.oid = type);
	changes jsonb;
	names name[];
	key name;
	written int;
BEGIN
	FOR changes IN SELECT jsonb_array_elements(CASE jsonb_typeof(rows) WHEN 'array' THEN rows ELSE jsonb_build_array(rows) END)
	LOOP
		names := ARRAY(SELECT k FROM jsonb_object_keys(changes) k ORDER BY k);
		key := CASE WHEN changes ->> 'id' IS NOT NULL THEN 'id' WHEN changes ->> 'ref' IS NOT NULL THEN 'ref' END;
		-- Twice: somebody else may insert between the UPDATE and the INSERT.
		FOR attempt IN 1..2 LOOP
			IF key IS NOT NULL THEN
				RETURN QUERY EXECUTE CASE WHEN cardinality(names) = 1
					THEN format('SELECT t.* FROM %s t, jsonb_populate_record(NULL::%s, $1) r WHERE t.%3$I = r.%3$I', relation, type, key)
					ELSE format('UPDATE %s t SET %s FROM jsonb_populate_record(NULL::%s, $1) r WHERE t.%4$I = r.%4$I RETURNING t.*',
						relation, (SELECT string_agg(format('%1$I = r.%1$I', n), ', ') FROM unnest(names) n WHERE n <> key), type, key)
					END USING changes;
				GET DIAGNOSTICS written = ROW_COUNT;
				EXIT WHEN written > 0;
			END IF;
			RETURN QUERY EXECUTE CASE WHEN cardinality(names) = 0
				THEN format('INSERT INTO %s AS t DEFAULT VALUES RETURNING t.*', relation)
				ELSE format('INSERT INTO %s AS t (%s) SELECT %s FROM jsonb_populate_record(NULL::%s, $1) r %s RETURNING t.*',
					relation, (SELECT string_agg(format('%I', n), ', ') FROM unnest(names) n),
					(SELECT string_agg(format('r.%I', n), ', ') FROM unnest(names) n), type,
					(SELECT format('ON CONFLICT (%I) DO NOTHING', key) WHERE key IS NOT NULL))
				END USING changes;
			GET DIAGNOSTICS written = ROW_COUNT;
			EXIT WHEN written > 0 OR key IS NULL;
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON FUNCTION ring.put(anyelement, jsonb) IS 'inserts or updates rows of the table whose row type is given, by id or ref; may be repeated';

CREATE FUNCTION ring.remove(base anyelement, ids bigint[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	removed bigint;
BEGIN
	EXECUTE format('DELETE FROM %s t WHERE t.id = ANY ($1)',
		(SELECT t.typrelid::regclass FROM pg_type t WHERE t.oid = pg_typeof(base))) USING ids;
	GET DIAGNOSTICS removed = ROW_COUNT;
	RETURN removed;
END
$$;
COMMENT ON FUNCTION ring.remove(anyelement, bigint[]) IS 'deletes rows by id from the table whose row type is given, and says how many';

-- As JSON, and asked when it is called: a later cirro may tell more, and nothing here
-- depends on what is the extension's.
CREATE FUNCTION ring.metrics_now() RETURNS TABLE (space name, numbers jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT m.space, to_jsonb(m) - 'space' FROM cirro.metrics() m;
END
$$;
COMMENT ON FUNCTION ring.metrics_now() IS 'cirro.metrics(), as JSON';
CREATE VIEW ring.metrics AS SELECT m.space, m.numbers FROM ring.metrics_now() m;
COMMENT ON VIEW ring.metrics IS 'what the front''s ring.spaces reads of this back end';
GRANT SELECT ON ring.metrics TO PUBLIC;

-- The fence
--
-- What a Space that moves needs (move_space): checks before, a marker that says how far
-- the target has come, the triggers that refuse writes where a Space has left, and the
-- remainders of a move by name, so that nothing else is ever dropped. All of it is called
-- by the superuser who moves, in the order in which it stands here.

CREATE TABLE ring.beat (
	space name PRIMARY KEY,
	token text NOT NULL
);
COMMENT ON TABLE ring.beat IS 'published with a Space that moves: who sees a token here has all that was committed before it';

CREATE TABLE ring.arriving (
	space name PRIMARY KEY,
	source text NOT NULL,
	schema oid NOT NULL,
	at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE ring.arriving IS 'copies of Spaces that are being made here: who begins anew may drop these schemas, and no other';

CREATE TABLE ring.departed (
	space name PRIMARY KEY,
	target text NOT NULL,
	schema oid NOT NULL,
	setting jsonb NOT NULL,
	sequences jsonb NOT NULL,
	at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE ring.departed IS 'Spaces that have left, until they are dropped: the row comes with the fence';
COMMENT ON COLUMN ring.departed.setting IS 'the row of setting, as it was before the Space was paused here';
COMMENT ON COLUMN ring.departed.sequences IS 'where the sequences stood';

-- Those that statements write first come first: who locks all of them meets few halfway.
CREATE FUNCTION ring.tables(space name) RETURNS TABLE (id oid, name name, partitioned boolean)
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.oid, c.relname, c.relkind = 'p' FROM pg_class c
	WHERE c.relnamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = tables.space) AND c.relkind IN ('r', 'p')
	ORDER BY array_position('{invitation,worker,gig,gig_state,gig_filter,gig_key,wave,attempt,event,notification}'::name[], c.relname), c.relname
$$;
COMMENT ON FUNCTION ring.tables(name) IS 'the tables in a Space''s schema, the owner''s included';

CREATE FUNCTION ring.outsiders(space name) RETURNS SETOF text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
	WITH here AS (SELECT n.oid FROM pg_namespace n WHERE n.nspname = outsiders.space),
	inside AS (
		SELECT 'pg_namespace'::regclass AS class, here.oid FROM here
		UNION ALL SELECT 'pg_class'::regclass, c.oid FROM pg_class c, here WHERE c.relnamespace = here.oid
		UNION ALL SELECT 'pg_type'::regclass, t.oid FROM pg_type t, here WHERE t.typnamespace = here.oid
		UNION ALL SELECT 'pg_proc'::regclass, p.oid FROM pg_proc p, here WHERE p.pronamespace = here.oid)
	SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid)
	FROM pg_depend d JOIN inside i ON i.class = d.refclassid AND i.oid = d.refobjid, here
	WHERE d.deptype NOT IN ('i', 'e', 'P', 'S')
	AND d.classid NOT IN ('pg_default_acl'::regclass, 'pg_publication_rel'::regclass, 'pg_publication_namespace'::regclass)
	AND coalesce(CASE d.classid
		WHEN 'pg_class'::regclass THEN (SELECT c.relnamespace FROM pg_class c WHERE c.oid = d.objid)
		WHEN 'pg_type'::regclass THEN (SELECT t.typnamespace FROM pg_type t WHERE t.oid = d.objid)
		WHEN 'pg_proc'::regclass THEN (SELECT p.pronamespace FROM pg_proc p WHERE p.oid = d.objid)
		WHEN 'pg_constraint'::regclass THEN (SELECT c.connamespace FROM pg_constraint c WHERE c.oid = d.objid)
		WHEN 'pg_rewrite'::regclass THEN (SELECT c.relnamespace FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE r.oid = d.objid)
		WHEN 'pg_attrdef'::regclass THEN (SELECT c.relnamespace FROM pg_attrdef a JOIN pg_class c ON c.oid = a.adrelid WHERE a.oid = d.objid)
		WHEN 'pg_policy'::regclass THEN (SELECT c.relnamespace FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE p.oid = d.objid)
		WHEN 'pg_trigger'::regclass THEN (SELECT CASE WHEN t.tgisinternal THEN here.oid ELSE c.relnamespace END
			FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.oid = d.objid)
		WHEN 'pg_statistic_ext'::regclass THEN (SELECT x.stxnamespace FROM pg_statistic_ext x WHERE x.oid = d.objid)
		WHEN 'pg_operator'::regclass THEN (SELECT o.oprnamespace FROM pg_operator o WHERE o.oid = d.objid)
		WHEN 'pg_opclass'::regclass THEN (SELECT o.opcnamespace FROM pg_opclass o WHERE o.oid = d.objid)
		WHEN 'pg_opfamily'::regclass THEN (SELECT o.opfnamespace FROM pg_opfamily o WHERE o.oid = d.objid)
		ELSE (SELECT n.oid FROM pg_namespace n WHERE quote_ident(n.nspname) = (pg_identify_object(d.classid, d.objid, d.objsubid)).schema)
		END, 0) <> here.oid
$$;
COMMENT ON FUNCTION ring.outsiders(name) IS 'what depends on a Space and would not move with it: in other schemas, or in none';

-- What the target has to know, and what has to be alike.
CREATE FUNCTION ring.facts(space name) RETURNS jsonb
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	ddl int;
BEGIN
	IF to_regclass(format('%I.setting', facts.space)) IS NOT NULL THEN
		EXECUTE format('SELECT s.ddl_version FROM %I.setting s', facts.space) INTO ddl;
	END IF;
	RETURN jsonb_build_object(
		'server', current_setting('server_version_num')::int / 10000,
		'encoding', (SELECT pg_encoding_to_char(d.encoding) FROM pg_database d WHERE d.datname = current_database()),
		'cirro', (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'cirro'),
		'ddl', ddl,
		'roles', (SELECT coalesce(jsonb_agg(DISTINCT r.rolname), '[]') FROM pg_shdepend s JOIN pg_authid r ON r.oid = s.refobjid
			WHERE s.dbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
			AND s.refclassid = 'pg_authid'::regclass
			AND (pg_identify_object(s.classid, s.objid, s.objsubid)).identity IS NOT NULL
			AND CASE s.classid
				WHEN 'pg_namespace'::regclass THEN (SELECT n.nspname FROM pg_namespace n WHERE n.oid = s.objid) = facts.space
				WHEN 'pg_policy'::regclass THEN (SELECT n.nspname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
					JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.oid = s.objid) = facts.space
				ELSE (pg_identify_object(s.classid, s.objid, s.objsubid)).schema = quote_ident(facts.space) END));
END
$$;
COMMENT ON FUNCTION ring.facts(name) IS 'versions, encoding and roles, for ring.cannot_arrive() of another back end';

CREATE FUNCTION ring.cannot_leave(space name) RETURNS SETOF text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('there is no Space "%s" here', cannot_leave.space)
	WHERE NOT EXISTS (SELECT FROM cirro.spaces() s WHERE s.space = cannot_leave.space)
	UNION ALL
	SELECT format('the Space has a defect: %s', s.defect) FROM cirro.spaces() s WHERE s.space = cannot_leave.space AND s.defect IS NOT NULL
	UNION ALL
	SELECT format('wal_level is %s here and has to be logical, which takes a restart', current_setting('wal_level'))
	WHERE current_setting('wal_level') <> 'logical'
	UNION ALL
	SELECT 'no replication slot is free: raise max_replication_slots, which takes a restart'
	WHERE (SELECT count(*) FROM pg_replication_slots) + 2 > current_setting('max_replication_slots')::int
	UNION ALL
	SELECT format('table %I has no replica identity: give it a primary key that is not deferrable, or REPLICA IDENTITY FULL', t.name)
	FROM ring.tables(cannot_leave.space) t JOIN pg_class c ON c.oid = t.id
	WHERE NOT t.partitioned AND (c.relreplident = 'n' OR c.relreplident IN ('d', 'i') AND NOT EXISTS (SELECT FROM pg_index i
		WHERE i.indrelid = t.id AND i.indisvalid AND i.indimmediate AND CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END))
	UNION ALL
	SELECT format('table %I is unlogged, and cannot be replicated: ALTER TABLE … SET LOGGED', t.name)
	FROM ring.tables(cannot_leave.space) t JOIN pg_class c ON c.oid = t.id WHERE c.relpersistence <> 'p'
	UNION ALL
	SELECT format('trigger %I of table %I is ENABLE ALWAYS or REPLICA, and would fire for each row that arrives', g.tgname, t.name)
	FROM ring.tables(cannot_leave.space) t JOIN pg_trigger g ON g.tgrelid = t.id
	WHERE g.tgenabled IN ('A', 'R') AND NOT g.tgisinternal AND (t.name, g.tgname) <> ('worker', 'cirro_check') AND g.tgname <> 'ring_fence'
	UNION ALL
	SELECT format('%s depends on the Space and would not move with it', o) FROM ring.outsiders(cannot_leave.space) o
	UNION ALL
	SELECT format('transaction %L is prepared: replication cannot begin before it ends', p.gid) FROM pg_prepared_xacts p
$$;
COMMENT ON FUNCTION ring.cannot_leave(name) IS 'why a Space cannot move from here; no row: it can';

CREATE FUNCTION ring.cannot_arrive(space name, facts jsonb) RETURNS SETOF text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
	WITH here AS (SELECT ring.facts(cannot_arrive.space) AS f)
	SELECT format('a schema "%s" is there, which is no remainder of a move', cannot_arrive.space) FROM pg_namespace n
	WHERE n.nspname = cannot_arrive.space AND NOT EXISTS (SELECT FROM ring.arriving a WHERE a.schema = n.oid AND a.space = n.nspname)
	UNION ALL
	SELECT format('cirro is %s here and %s at the source: install one version at both', coalesce(f ->> 'cirro', 'missing'), cannot_arrive.facts ->> 'cirro')
	FROM here WHERE f ->> 'cirro' IS DISTINCT FROM cannot_arrive.facts ->> 'cirro'
	UNION ALL
	-- Of another version the same shape may be told in other words.
	SELECT format('PostgreSQL is %s here and %s at the source', f ->> 'server', cannot_arrive.facts ->> 'server')
	FROM here WHERE f ->> 'server' <> cannot_arrive.facts ->> 'server'
	UNION ALL
	SELECT format('the encoding is %s here and %s at the source', f ->> 'encoding', cannot_arrive.facts ->> 'encoding')
	FROM here WHERE f ->> 'encoding' <> cannot_arrive.facts ->> 'encoding'
	UNION ALL
	SELECT format('role "%s" is missing: CREATE ROLE, as it is at the source', r) FROM jsonb_array_elements_text(cannot_arrive.facts -> 'roles') r
	WHERE NOT EXISTS (SELECT FROM pg_roles x WHERE x.rolname = r)
	UNION ALL
	SELECT 'cirro.active is off here' WHERE NOT cirro.is_active()
	UNION ALL
	SELECT format('%s is 0', s.name) FROM pg_settings s
	WHERE s.name IN ('max_logical_replication_workers', 'max_sync_workers_per_subscription', 'max_replication_slots') AND s.setting = '0'
$$;
COMMENT ON FUNCTION ring.cannot_arrive(name, jsonb) IS 'why a Space with these facts cannot move to here; no row: it can';

-- In words that no OID occurs in, so that source and copy can be compared: what is not
-- alike has been changed since it was copied, or was not copied.
CREATE FUNCTION ring.shape(space name) RETURNS SETOF text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
	WITH here AS (SELECT n.* FROM pg_namespace n WHERE n.nspname = shape.space),
	class AS (SELECT c.* FROM pg_class c JOIN here ON here.oid = c.relnamespace)
	SELECT concat_ws(' ', 'schema', nspowner::regrole) FROM here
	UNION ALL
	SELECT concat_ws(' ', c.relkind, c.relname, c.relowner::regrole, c.relpersistence, c.relreplident, c.relrowsecurity, c.relforcerowsecurity)
	FROM class c WHERE c.relkind NOT IN ('i', 'I')
	UNION ALL
	SELECT concat_ws(' ', 'column', c.relname, a.attname, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum),
		format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid))
	FROM class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
	WHERE c.relkind NOT IN ('i', 'I') AND a.attnum > 0 AND NOT a.attisdropped
	UNION ALL
	SELECT pg_get_indexdef(c.oid) FROM class c WHERE c.relkind IN ('i', 'I')
	UNION ALL
	SELECT concat_ws(' ', c.relname, s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcycle)
	FROM pg_sequence s JOIN class c ON c.oid = s.seqrelid
	UNION ALL
	SELECT concat_ws(' ', c.relname, o.conname, pg_get_constraintdef(o.oid)) FROM pg_constraint o JOIN class c ON c.oid = o.conrelid
	UNION ALL
	SELECT concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled) FROM pg_trigger t JOIN class c ON c.oid = t.tgrelid
	WHERE NOT t.tgisinternal AND t.tgname <> 'ring_fence'
	UNION ALL
	SELECT concat_ws(' ', c.relname, r.ev_enabled, pg_get_ruledef(r.oid)) FROM pg_rewrite r JOIN class c ON c.oid = r.ev_class
	UNION ALL
	SELECT concat_ws(' ', c.relname, p.polname, p.polcmd, p.polpermissive, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid),
		(SELECT string_agg(r::regrole::text, ',' ORDER BY r::regrole::text) FROM unnest(p.polroles) r))
	FROM pg_policy p JOIN class c ON c.oid = p.polrelid
	UNION ALL
	SELECT concat_ws(' ', 'function', p.proname, p.proowner::regrole, p.prokind, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
		p.prosecdef, p.proleakproof, p.proisstrict, p.provolatile, p.proconfig, p.prosrc, pg_get_function_sqlbody(p.oid))
	FROM pg_proc p JOIN here ON here.oid = p.pronamespace
	UNION ALL
	SELECT concat_ws(' ', 'type', t.typname, t.typowner::regrole, t.typtype, format_type(t.typbasetype, t.typtypmod), t.typdefault,
		(SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid))
	FROM pg_type t JOIN here ON here.oid = t.typnamespace
	UNION ALL
	SELECT concat_ws(' ', 'grant', a.name, x.privilege_type, CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END, x.is_grantable)
	FROM (SELECT 'schema' AS name, coalesce(nspacl, acldefault('n', nspowner)) AS acl FROM here
		UNION ALL SELECT relname, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)) FROM class
			WHERE relkind NOT IN ('i', 'I', 'c')
		UNION ALL SELECT c.relname || '.' || a.attname, a.attacl FROM class c JOIN pg_attribute a ON a.attrelid = c.oid
		UNION ALL SELECT p.proname || pg_get_function_identity_arguments(p.oid), coalesce(p.proacl, acldefault('f', p.proowner))
			FROM pg_proc p JOIN here ON here.oid = p.pronamespace) a, aclexplode(a.acl) x
$$;
COMMENT ON FUNCTION ring.shape(name) IS 'what a Space''s schema consists of, a row for each fact';

CREATE FUNCTION ring.shape_hash(space name) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
	SELECT encode(sha256(convert_to(coalesce(string_agg(s, E'\n' ORDER BY s COLLATE "C"), ''), 'UTF8')), 'hex') FROM ring.shape(shape_hash.space) s
$$;
COMMENT ON FUNCTION ring.shape_hash(name) IS 'one word for ring.shape()';

-- Not setting: the copy is paused while the Space works on, and setting is where that stands.
CREATE FUNCTION ring.publish(space name, publication name) RETURNS void
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO ring.beat VALUES (publish.space, 'begin') ON CONFLICT DO NOTHING;
	EXECUTE format('CREATE PUBLICATION %I FOR TABLE %s, ring.beat WHERE (space = %L)', publish.publication,
		(SELECT string_agg(format('ONLY %I.%I', publish.space, t.name), ', ') FROM ring.tables(publish.space) t
		 WHERE NOT t.partitioned AND t.name <> 'setting'), publish.space);
END
$$;
COMMENT ON FUNCTION ring.publish(name, name) IS 'makes the publication of a Space that moves: all tables but setting, and its beat';

CREATE FUNCTION ring.published(space name, publication name) RETURNS boolean
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM pg_publication p WHERE p.pubname = published.publication)
	AND NOT EXISTS (SELECT FROM ring.tables(published.space) t WHERE NOT t.partitioned AND t.name <> 'setting'
		AND NOT EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
			WHERE p.pubname = published.publication AND r.prrelid = t.id))
$$;
COMMENT ON FUNCTION ring.published(name, name) IS 'whether that publication has all tables of the Space';

-- The source's row of setting, through any columns that the owner has added.
CREATE FUNCTION ring.take_setting(space name, setting jsonb) RETURNS void
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	list text := (SELECT string_agg(format('%I', a.attname), ', ') FROM pg_attribute a
		WHERE a.attrelid = to_regclass(format('%I.setting', take_setting.space)) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '');
BEGIN
	EXECUTE format('INSERT INTO %1$I.setting (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$I.setting, $1)
		ON CONFLICT (only_row) DO UPDATE SET (%2$s) = (SELECT %2$s FROM jsonb_populate_record(NULL::%1$I.setting, $1))', take_setting.space, list)
	USING take_setting.setting;
END
$$;
COMMENT ON FUNCTION ring.take_setting(name, jsonb) IS 'writes the row of setting that another back end had';

CREATE FUNCTION ring.setting_of(space name) RETURNS jsonb
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	result jsonb;
BEGIN
	EXECUTE format('SELECT to_jsonb(s) FROM %I.setting s', setting_of.space) INTO STRICT result;
	RETURN result;
END
$$;
COMMENT ON FUNCTION ring.setting_of(name) IS 'the row of setting, for ring.take_setting() of another back end';

-- From here on the Space's callers wait. A wave or a client that writes past the front may
-- be in a transaction: wait for a moment only (statement_timeout), for who writes next
-- waits behind this. Autovacuum gives way once deadlock_timeout has passed.
CREATE FUNCTION ring.hold(space name) RETURNS void
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp SET deadlock_timeout = '50ms'
AS $$
BEGIN
	-- Who only reads goes on.
	EXECUTE (SELECT 'LOCK TABLE ' || string_agg(format('ONLY %I.%I', hold.space, t.name), ', ') || ' IN SHARE ROW EXCLUSIVE MODE'
		FROM ring.tables(hold.space) t);
END
$$;
COMMENT ON FUNCTION ring.hold(name) IS 'keeps everybody from writing to a Space until this transaction ends';

CREATE FUNCTION ring.fence() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = '25006',
		MESSAGE = format('Space "%s" has moved to back end "%s"', TG_TABLE_SCHEMA, TG_ARGV[0]),
		DETAIL = 'What is left of it here is as it was then, can be read, and will be dropped.',
		HINT = 'Write through the front of the ring, which knows where the Space lives.';
END
$$;
COMMENT ON FUNCTION ring.fence() IS 'trigger of each table of a Space that has moved, before each statement that writes';

-- In one transaction with ring.hold(), and nothing of it holds before that commits: then
-- the Space lives elsewhere. Ticks find it paused, and are quiet.
CREATE FUNCTION ring.depart(space name, target text) RETURNS ring.departed
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	result ring.departed;
	t record;
	state jsonb;
BEGIN
	result.space := depart.space;
	result.target := depart.target;
	result.schema := (SELECT n.oid FROM pg_namespace n WHERE n.nspname = depart.space);
	result.setting := ring.setting_of(depart.space);
	result.sequences := '[]';
	result.at := clock_timestamp();
	FOR t IN SELECT c.relname AS name, s.seqincrement < 0 AS down FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid
		WHERE c.relnamespace = result.schema LOOP
		-- No trigger refuses nextval(): what is at its end does. The lock is there before the
		-- number is read, and RESTART makes a file that goes with the transaction, if that fails.
		EXECUTE format('ALTER SEQUENCE %I.%I NO CYCLE', depart.space, t.name);
		EXECUTE format('SELECT jsonb_build_object(%L, %L, ''last'', s.last_value, ''called'', s.is_called) FROM %I.%I s', 'name', t.name, depart.space, t.name)
		INTO state;
		result.sequences := result.sequences || state;
		EXECUTE format('ALTER SEQUENCE %1$I.%2$I MINVALUE %3$s MAXVALUE %4$s START %5$s RESTART', depart.space, t.name,
			(state ->> 'last')::bigint - CASE WHEN t.down THEN 0 ELSE 1 END, (state ->> 'last')::bigint + CASE WHEN t.down THEN 1 ELSE 0 END, state ->> 'last');
		PERFORM setval(format('%I.%I', depart.space, t.name), (state ->> 'last')::bigint);
	END LOOP;
	INSERT INTO ring.departed SELECT result.*;
	EXECUTE format('UPDATE %I.setting SET paused = true', depart.space);
	FOR t IN SELECT * FROM ring.tables(depart.space) LOOP
		-- Also where triggers are off for replication.
		EXECUTE format('CREATE TRIGGER ring_fence BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I.%I
			FOR EACH STATEMENT EXECUTE FUNCTION ring.fence(%L)', depart.space, t.name, depart.target);
		EXECUTE format('ALTER TABLE ONLY %I.%I ENABLE ALWAYS TRIGGER ring_fence', depart.space, t.name);
	END LOOP;
	RETURN result;
END
$$;
COMMENT ON FUNCTION ring.depart(name, text) IS 'puts up the fence around a Space that ring.hold() holds';

CREATE FUNCTION ring.take_sequences(space name, sequences jsonb) RETURNS void
LANGUAGE sql STRICT SET search_path = pg_catalog, pg_temp
AS $$
	SELECT setval(format('%I.%I', take_sequences.space, s.name), s.last, s.called)
	FROM jsonb_to_recordset(take_sequences.sequences) s (name name, last bigint, called boolean)
$$;
COMMENT ON FUNCTION ring.take_sequences(name, jsonb) IS 'continues the ids of another back end';

-- Once: later on the row of setting and the ids are those of the Space that lives here.
CREATE FUNCTION ring.arrived(space name, setting jsonb) RETURNS void
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	DELETE FROM ring.arriving a WHERE a.space = arrived.space;
	IF FOUND THEN
		PERFORM ring.take_setting(arrived.space, arrived.setting);
	END IF;
END
$$;
COMMENT ON FUNCTION ring.arrived(name, jsonb) IS 'from here on the Space lives here: it is paused only if it was, and is nobody''s remainder any more';

-- Of a Space that has left, or of a copy that was not finished: the schema of that OID alone.
CREATE FUNCTION ring.clear(space name) RETURNS boolean
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	outsiders text;
	found_it boolean := EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = clear.space
		AND n.oid IN (SELECT a.schema FROM ring.arriving a WHERE a.space = clear.space
			UNION ALL SELECT d.schema FROM ring.departed d WHERE d.space = clear.space));
BEGIN
	IF found_it THEN
		outsiders := (SELECT string_agg(o, ', ') FROM ring.outsiders(clear.space) o);
		IF outsiders IS NOT NULL THEN
			RAISE EXCEPTION USING ERRCODE = '2BP01',
				MESSAGE = format('what has moved of Space "%s" cannot be dropped, because other objects depend on it', clear.space),
				DETAIL = outsiders || '.',
				HINT = 'Drop these, and call again.';
		END IF;
		-- Not drop_space(): what the owner has in the schema has moved as well.
		EXECUTE format('DROP SCHEMA %I CASCADE', clear.space);
	END IF;
	DELETE FROM ring.arriving a WHERE a.space = clear.space;
	DELETE FROM ring.departed d WHERE d.space = clear.space;
	DELETE FROM ring.beat b WHERE b.space = clear.space;
	RETURN found_it;
END
$$;
COMMENT ON FUNCTION ring.clear(name) IS 'drops what a move has left of a Space here, and nothing else';

CREATE FUNCTION ring.writers(space name) RETURNS SETOF text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
	SELECT DISTINCT coalesce(format('session %s of %s, in a transaction for %s s', a.pid, a.usename, round(extract(epoch FROM clock_timestamp() - a.xact_start))),
		'a prepared transaction (pg_prepared_xacts)')
	FROM pg_locks l JOIN ring.tables(writers.space) t ON l.relation = t.id LEFT JOIN pg_stat_activity a ON a.pid = l.pid
	WHERE l.granted AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
	AND l.mode NOT IN ('AccessShareLock', 'RowShareLock') AND l.pid IS DISTINCT FROM pg_backend_pid()
$$;
COMMENT ON FUNCTION ring.writers(name) IS 'who keeps ring.hold() waiting';

DO $$
DECLARE
	f regprocedure;
BEGIN
	FOR f IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'ring'::regnamespace AND p.proname IN ('tables', 'outsiders', 'facts', 'cannot_leave',
		'cannot_arrive', 'shape', 'shape_hash', 'publish', 'published', 'take_setting', 'setting_of', 'hold', 'fence', 'depart', 'take_sequences', 'arrived',
		'clear', 'writers')
	LOOP
		EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
	END LOOP;
END $$;
COMMIT;
