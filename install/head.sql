-- install/head.sql
--
-- What CREATE EXTENSION runs first. The parts follow in this order: filter.sql
-- (types and operators), index.sql (index on profiles, statistics), explain.sql
-- (filters that explain themselves), engine.sql (triggers, Spaces), waves.sql,
-- report.sql.

\echo Use "CREATE EXTENSION cirro" to load this file. \quit

-- Whoever owns the schema can put functions and operators beside ours, and
-- rename it; so one that is there already has to belong to a superuser.
DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_namespace n
			   JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) n.nspowner
			   WHERE n.nspname OPERATOR(pg_catalog.=) 'cirro' AND NOT r.rolsuper) THEN
		RAISE EXCEPTION USING ERRCODE = '42501',
			MESSAGE = 'schema "cirro" belongs to a role that is no superuser',
			DETAIL = 'That role could change what cirro does for others.',
			HINT = 'Drop or rename the schema; CREATE EXTENSION makes its own.';
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
			   WHERE n.nspname OPERATOR(pg_catalog.=) 'cirro' AND a.grantee OPERATOR(pg_catalog.<>) n.nspowner
			   AND a.privilege_type OPERATOR(pg_catalog.=) 'CREATE') THEN
		RAISE EXCEPTION USING ERRCODE = '42501',
			MESSAGE = 'others may create objects in schema "cirro"',
			DETAIL = 'They could change what cirro does for others.',
			HINT = 'Drop or rename the schema; CREATE EXTENSION makes its own.';
	END IF;
END $$;

-- Everybody may use the types and call the functions: what a role may do to a
-- Space is decided by its rights on the tables of that Space.
GRANT USAGE ON SCHEMA cirro TO PUBLIC;
