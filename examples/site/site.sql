-- examples/site/site.sql: the role that the site connects as, and the row
-- policies that show it one worker at a time.
--
-- Decides what a worker sees and does through the site: himself, what he was
-- invited to, and his answers to it. Run as a superuser, or as the owner of the
-- Space if he may make roles; again is no harm:
--     psql -d shop -v space=trees -v role=site -f site.sql
-- Must not change what any other role sees.

\set ON_ERROR_STOP on
\if :{?space} \else \set space trees \endif
\if :{?role} \else \set role site \endif

-- A request that waits too long is told to come again.
SELECT format('CREATE ROLE %I LOGIN', :'role'),
	format('ALTER ROLE %I SET statement_timeout = ''5s''', :'role'),
	format('ALTER ROLE %I SET lock_timeout = ''3s''', :'role'),
	format('ALTER ROLE %I SET idle_in_transaction_session_timeout = ''10s''', :'role')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec

-- The type of worker.ref is the Space's own: text, uuid or bigint.
SELECT format_type(a.atttypid, a.atttypmod) AS ref_type
FROM pg_attribute a WHERE a.attrelid = format('%I.worker', :'space')::regclass AND a.attname = 'ref' \gset

BEGIN;

-- The least that worker_invitation, gig_status and the answers need: no profile,
-- no filter. Never INSERT, DELETE or TRIGGER.
GRANT USAGE ON SCHEMA :"space" TO :"role";
GRANT SELECT (id, ref) ON :"space".worker TO :"role";
GRANT SELECT (id, ref, title, description, url, start_at, end_at, archive_at, archived_at, cancelled_at)
	ON :"space".gig TO :"role";
GRANT SELECT, UPDATE (status, reason) ON :"space".invitation TO :"role";
GRANT SELECT ON :"space".worker_invitation, :"space".gig_status TO :"role";

-- Where no policies are in force yet, one for everybody keeps other roles' rows
-- in sight. Where there are, they stay as they are.
SELECT format('CREATE POLICY everyone ON %s USING (true)', c.oid::regclass),
	format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', c.oid::regclass)
FROM pg_class c
WHERE c.oid IN (format('%I.worker', :'space')::regclass, format('%I.gig', :'space')::regclass,
		format('%I.invitation', :'space')::regclass)
	AND NOT c.relrowsecurity \gexec

DROP POLICY IF EXISTS site_rows ON :"space".worker;
DROP POLICY IF EXISTS site_rows ON :"space".gig;
DROP POLICY IF EXISTS site_rows ON :"space".invitation;
DROP POLICY IF EXISTS site_own ON :"space".worker;
DROP POLICY IF EXISTS site_own ON :"space".gig;
DROP POLICY IF EXISTS site_own ON :"space".invitation;
DROP POLICY IF EXISTS site_answer ON :"space".invitation;

-- A role sees what any permissive policy allows and every restrictive one does.
CREATE POLICY site_rows ON :"space".worker TO :"role" USING (true);
CREATE POLICY site_rows ON :"space".gig TO :"role" USING (true);
CREATE POLICY site_rows ON :"space".invitation TO :"role" USING (true);

-- The site says in each transaction who asks. Nobody, if it does not: the
-- setting is then NULL, or empty where an earlier transaction has used it.
CREATE POLICY site_own ON :"space".worker AS RESTRICTIVE TO :"role"
	USING (ref = nullif(current_setting('app.worker', true), ''):::ref_type);

-- One value, not IN: so the index of a worker's invitations finds them. What is
-- not sent yet is not shown.
CREATE POLICY site_own ON :"space".invitation AS RESTRICTIVE TO :"role"
	USING (worker_id = (SELECT w.id FROM :"space".worker w
			WHERE w.ref = nullif(current_setting('app.worker', true), ''):::ref_type)
		AND status <> 'scheduled' AND times_invited > 0);

-- A worker answers; to reset or expire an invitation is the organisers' right.
CREATE POLICY site_answer ON :"space".invitation AS RESTRICTIVE FOR UPDATE TO :"role"
	USING (true) WITH CHECK (status IN ('accepted', 'rejected', 'left'));

CREATE POLICY site_own ON :"space".gig AS RESTRICTIVE TO :"role"
	USING (EXISTS (SELECT FROM :"space".invitation i WHERE i.gig_id = gig.id));

COMMIT;
