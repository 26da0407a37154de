-- setup.sql: what sender.js needs in a Space: its consumer, its role with the
-- rights that it needs and no others, and a trigger that wakes it. As a
-- superuser, or as the Space's owner if the role is there; twice is once.
--
--   psql -d DATABASE -v space=trees -f setup.sql
--   psql -d DATABASE -v space=trees -v role=NAME -f setup.sql
\set ON_ERROR_STOP on
\if :{?role} \else \set role webhook \endif

INSERT INTO :"space".consumer (name) VALUES ('webhook') ON CONFLICT DO NOTHING;

SELECT format('CREATE ROLE %I LOGIN', :'role')
	WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = :'role') \gexec
GRANT USAGE ON SCHEMA :"space" TO :"role";
GRANT SELECT (id, consumer, event_id, due_at, claim, attempts, put_off, outcome),
	UPDATE (due_at, claim, attempts, put_off, outcome, delivered_at, error)
	ON :"space".notification TO :"role";
GRANT SELECT ON :"space".event TO :"role";
GRANT SELECT (id, ref, title, url, start_at, end_at, notification_payload) ON :"space".gig TO :"role";
GRANT SELECT (id, revision, status, reason, origin, invited_at) ON :"space".invitation TO :"role";
GRANT SELECT (id, ref) ON :"space".worker TO :"role";

-- Transactions that NOTIFY commit one after the other: leave this out where many
-- people answer at once, and have the sender ask more often (POLL_SECONDS).
CREATE OR REPLACE FUNCTION :"space".wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_notify(TG_TABLE_SCHEMA, ''); RETURN NULL; END $$;
CREATE OR REPLACE TRIGGER wake AFTER INSERT ON :"space".notification
	FOR EACH STATEMENT EXECUTE FUNCTION :"space".wake();
