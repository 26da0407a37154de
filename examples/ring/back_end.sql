-- back_end.sql: what a database of a ring needs beside cirro, by its superuser:
--     psql -d back_end -f back_end.sql
--
-- Decides how who writes past the front is refused once a Space has moved. Must not
-- change what a Space does while it lives here.
\set ON_ERROR_STOP on
BEGIN;
CREATE EXTENSION IF NOT EXISTS cirro;
CREATE SCHEMA ring;
COMMENT ON SCHEMA ring IS 'what the front of the ring needs here';
COMMIT;
