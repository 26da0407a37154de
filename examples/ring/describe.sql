-- describe.sql: what a Space has, as rows that can be compared; read by front.sql
-- and back_end.sql, never by itself.
--
-- Decides what of a Space is to be had at the front of a ring. The same function says
-- at a back end what there is, and at the front what there is of it already. Must not
-- decide what to do about a difference: that is ring.dispatch().
CREATE FUNCTION ring.describe(space name, dispatchers boolean DEFAULT false)
RETURNS TABLE (kind text, name text, place int, detail jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	WITH schema AS (
		SELECT n.oid, n.nspname, n.nspowner, n.nspacl
		FROM pg_catalog.pg_namespace n WHERE n.nspname = describe.space),
	relation AS (
		SELECT c.oid, c.relname, c.relowner, c.relacl
		FROM schema s JOIN pg_catalog.pg_class c ON c.relnamespace = s.oid
		WHERE c.relkind = ANY (CASE WHEN describe.dispatchers THEN '{f}' ELSE '{r,p,v,m}' END::"char"[])
			AND NOT c.relispartition),
	col AS (
		SELECT r.oid, r.relname, a.attname, a.attnum, a.attacl,
			pg_catalog.format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attcollation <> t.typcollation
				THEN pg_catalog.format(' COLLATE %I.%I', cn.nspname, co.collname) ELSE '' END AS type
		FROM relation r
		JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
		JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
		LEFT JOIN (pg_catalog.pg_collation co JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace)
			ON co.oid = a.attcollation),
	-- What can be asked with a SELECT: no triggers, and of the rest a dispatcher cannot
	-- have arguments of any number or type, nor a result that each call names itself.
	callable AS (
		SELECT p.oid, p.proname, p.proowner, p.proacl, p.proisstrict, p.prosrc, p.proconfig,
			pg_catalog.format('%I(%s)', p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)) AS signature,
			-- A default is asked by the front, as whoever calls: a value, nothing that runs.
			CASE WHEN p.proargdefaults::text ~ '\{(?!CONST )' THEN pg_catalog.pg_get_function_identity_arguments(p.oid)
				ELSE pg_catalog.pg_get_function_arguments(p.oid) END AS arguments,
			pg_catalog.pg_get_function_result(p.oid) AS result,
			p.prokind = 'f' AND p.provariadic = 0
				AND NOT (p.proargdefaults::text ~ '\{(?!CONST )' AND coalesce(p.proargmodes && '{o,b}', false))
				AND NOT EXISTS (SELECT FROM pg_catalog.unnest(p.proargtypes) a (type)
					JOIN pg_catalog.pg_type t ON t.oid = a.type WHERE t.typtype = 'p')
				AND (rt.typtype <> 'p' OR rt.typname = 'void' OR rt.typname = 'record' AND p.proargmodes IS NOT NULL) AS takes_part,
			EXISTS (SELECT FROM pg_catalog.unnest(p.proargtypes) a (type)
				JOIN pg_catalog.pg_type t ON t.oid = a.type
				LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
				WHERE coalesce(e.typcategory, t.typcategory) IN ('C', 'D', 'R', 'T')) AS has_times
		FROM schema s JOIN pg_catalog.pg_proc p ON p.pronamespace = s.oid
		JOIN pg_catalog.pg_type rt ON rt.oid = p.prorettype
		JOIN pg_catalog.pg_language l ON l.oid = p.prolang
		WHERE rt.typname NOT IN ('trigger', 'event_trigger')
			AND (NOT describe.dispatchers OR l.lanname = 'plproxy')
			AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
				WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e')),
	granted AS (
		SELECT 'SCHEMA' AS what, pg_catalog.quote_ident(s.nspname) AS object, a.privilege_type AS privilege, a.grantee
		FROM schema s, pg_catalog.aclexplode(coalesce(s.nspacl, pg_catalog.acldefault('n', s.nspowner))) a
		UNION ALL
		SELECT 'TABLE', pg_catalog.quote_ident(r.relname), a.privilege_type, a.grantee
		FROM relation r, pg_catalog.aclexplode(coalesce(r.relacl, pg_catalog.acldefault('r', r.relowner))) a
		UNION ALL
		SELECT 'TABLE', pg_catalog.quote_ident(c.relname), pg_catalog.format('%s (%I)', a.privilege_type, c.attname), a.grantee
		FROM col c, pg_catalog.aclexplode(c.attacl) a
		UNION ALL
		SELECT 'FUNCTION', f.signature, a.privilege_type, a.grantee
		FROM callable f, pg_catalog.aclexplode(coalesce(f.proacl, pg_catalog.acldefault('f', f.proowner))) a
		WHERE f.takes_part)
	SELECT 'schema', pg_catalog.quote_ident(s.nspname), 0,
		pg_catalog.jsonb_build_object('comment', pg_catalog.obj_description(s.oid, 'pg_namespace'))
	FROM schema s
	UNION ALL
	SELECT 'table', pg_catalog.quote_ident(r.relname), 0,
		pg_catalog.jsonb_build_object('bare', r.relname, 'comment', pg_catalog.obj_description(r.oid, 'pg_class'))
	FROM relation r
	UNION ALL
	SELECT 'column', pg_catalog.format('%I.%I', c.relname, c.attname), c.attnum,
		pg_catalog.jsonb_build_object('table', pg_catalog.quote_ident(c.relname), 'column', pg_catalog.quote_ident(c.attname),
			'bare', c.attname, 'type', c.type, 'comment', pg_catalog.col_description(c.oid, c.attnum))
	FROM col c
	UNION ALL
	SELECT CASE WHEN f.takes_part THEN 'function' ELSE 'left out' END, f.signature, 0,
		pg_catalog.jsonb_build_object('name', pg_catalog.quote_ident(f.proname), 'arguments', f.arguments, 'result', f.result,
			'strict', f.proisstrict, 'comment', pg_catalog.obj_description(f.oid, 'pg_proc'))
		|| CASE WHEN describe.dispatchers THEN pg_catalog.jsonb_build_object('source', f.prosrc, 'settings', coalesce(f.proconfig, '{}'))
			ELSE pg_catalog.jsonb_build_object('has_times', f.has_times) END
	FROM callable f
	UNION ALL
	SELECT DISTINCT 'right', pg_catalog.format('%s ON %s %s TO %s', g.privilege, g.what, g.object, r.role), 0,
		pg_catalog.jsonb_build_object('privilege', g.privilege, 'what', g.what, 'object', g.object, 'role', r.role)
	FROM granted g
	CROSS JOIN LATERAL (SELECT CASE g.grantee WHEN 0 THEN 'PUBLIC'
		ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END) r (role)
	WHERE g.privilege ~ '^(USAGE|EXECUTE|SELECT)( |$)'
	UNION ALL
	-- Who may read, and so needs a way in of his own: at a back end by rights, at the front by mappings.
	SELECT 'reader', pg_catalog.quote_ident(r.rolname), 0, pg_catalog.jsonb_build_object('bare', r.rolname)
	FROM schema s JOIN pg_catalog.pg_roles r ON r.rolcanlogin AND pg_catalog.has_schema_privilege(r.oid, s.oid, 'USAGE')
	WHERE NOT describe.dispatchers
	UNION ALL
	SELECT 'reader', pg_catalog.quote_ident(m.usename), 0, pg_catalog.jsonb_build_object('bare', m.usename)
	FROM pg_catalog.pg_user_mappings m WHERE describe.dispatchers AND m.srvname = describe.space AND m.umuser <> 0;
END;
COMMENT ON FUNCTION ring.describe(name, boolean) IS 'the tables, columns, functions and rights of a Space; with true those that the front has of it';
