-- The role that the exporter connects as: it may call cirro.metrics() and read
-- what a Space shows to whoever may use its schema, nothing else, and writes
-- nothing. As a superuser, and again after each create_space:
--
--   psql -d DATABASE -f role.sql
--   psql -d DATABASE -v role=NAME -f role.sql
\set ON_ERROR_STOP on
\if :{?role}
\else
	-- Debian's exporter runs as this user, whom "peer" lets in without a password.
	\set role prometheus
\endif

SELECT format('CREATE ROLE %I LOGIN NOINHERIT CONNECTION LIMIT 5', :'role')
	WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = :'role') \gexec
ALTER ROLE :"role" SET default_transaction_read_only = on;
ALTER ROLE :"role" SET statement_timeout = '10s';
GRANT CONNECT ON DATABASE :"DBNAME" TO :"role";
GRANT USAGE ON SCHEMA cirro TO :"role";
SELECT format('GRANT USAGE ON SCHEMA %I TO %I', s.space, :'role')
	FROM cirro.spaces() s \gexec
