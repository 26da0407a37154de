-- security: roles that must not become others through cirro, and tables that
-- are not what a Space's tables are.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
CREATE ROLE regress_cirro_owner;
CREATE ROLE regress_cirro_app;
SELECT cirro.create_space('cirro_security', 'regress_cirro_owner');
GRANT USAGE ON SCHEMA cirro_security TO regress_cirro_app;
GRANT ALL ON cirro_security.worker, cirro_security.gig, cirro_security.invitation TO regress_cirro_app;
SET ROLE regress_cirro_owner;
INSERT INTO cirro_security.worker SELECT FROM generate_series(1, 3);
INSERT INTO cirro_security.gig (title, url, start_at, end_at, filter_query, total_seats)
	VALUES ('t', 'u', '2100-01-01', '2100-01-02', '{}', 1);

-- who may create triggers attaches one that reads a temporary view of its own
SET ROLE regress_cirro_app;
CREATE TEMP TABLE loot (who text);
GRANT ALL ON loot TO PUBLIC;
CREATE FUNCTION pg_temp.spy() RETURNS bigint LANGUAGE plpgsql AS
	$$BEGIN INSERT INTO pg_temp.loot VALUES (current_user); RETURN 1; END$$;
CREATE TEMP VIEW new_rows AS SELECT pg_temp.spy() AS id, 1::bigint AS gig_id, 1::bigint AS worker_id,
	1 AS revision, 1 AS times_invited, false AS silenced, 'pending'::text AS status, now() AS send_at;
GRANT SELECT ON new_rows TO PUBLIC;
CREATE TRIGGER aaa AFTER INSERT ON cirro_security.invitation
	FOR EACH STATEMENT EXECUTE FUNCTION cirro.invitation_inserted();
INSERT INTO cirro_security.invitation (gig_id, worker_id) VALUES (1, 1);
SELECT * FROM loot;
RESET ROLE;
DROP TRIGGER aaa ON cirro_security.invitation;

-- one of cirro's that is made anew as another kind is refused by an answer as well
BEGIN;
INSERT INTO cirro_security.invitation (id, gig_id, worker_id) VALUES (1001, 1, 2);
DROP TRIGGER cirro_updated ON cirro_security.invitation;
CREATE TRIGGER cirro_updated AFTER UPDATE ON cirro_security.invitation REFERENCING OLD TABLE AS old_rows
	FOR EACH STATEMENT EXECUTE FUNCTION cirro.invitation_updated();
SELECT status FROM cirro_security.accept(1001);
ROLLBACK;

-- who may not answer gets no lock by asking
BEGIN;
REVOKE ALL ON cirro_security.invitation FROM regress_cirro_app;
SET LOCAL ROLE regress_cirro_app;
SELECT cirro.answer_row('cirro_security', 1, 'accepted', NULL) IS NULL AS refused;
SELECT count(*) FROM pg_locks l WHERE l.relation = 'cirro_security.invitation'::regclass AND l.mode = 'RowExclusiveLock';
ROLLBACK;

-- or to a table outside of any Space, with temporary tables in place of a Space's
CREATE SCHEMA cirro_elsewhere;
CREATE TABLE cirro_elsewhere.other (id bigint);
GRANT USAGE ON SCHEMA cirro_elsewhere TO regress_cirro_app;
GRANT ALL ON cirro_elsewhere.other TO regress_cirro_app;
SET ROLE regress_cirro_app;
CREATE TEMP TABLE gig_state (gig_id bigint);
CREATE TRIGGER aaa AFTER DELETE ON cirro_elsewhere.other REFERENCING OLD TABLE AS old_rows
	FOR EACH STATEMENT EXECUTE FUNCTION cirro.gig_deleted();
DELETE FROM cirro_elsewhere.other;
RESET ROLE;
DROP SCHEMA cirro_elsewhere CASCADE;

-- or puts one in the place of a table that the Space lacks
BEGIN;
ALTER TABLE cirro_security.worker RENAME TO person;
SET LOCAL ROLE regress_cirro_app;
CREATE TEMP VIEW worker AS SELECT pg_temp.spy() AS id;
GRANT SELECT ON worker TO PUBLIC;
DELETE FROM cirro_security.invitation;
ROLLBACK;
BEGIN;
ALTER TABLE cirro_security.gig RENAME TO task;
SET LOCAL ROLE regress_cirro_app;
CREATE TEMP VIEW gig AS SELECT pg_temp.spy() AS id;
GRANT SELECT ON gig TO PUBLIC;
DELETE FROM cirro_security.invitation;
ROLLBACK;

-- who may create in the schema plants better matching functions and operators
GRANT CREATE ON SCHEMA cirro_security TO regress_cirro_app;
SET ROLE regress_cirro_app;
CREATE FUNCTION cirro_security.unnest(text[]) RETURNS SETOF text LANGUAGE plpgsql AS
	$$BEGIN INSERT INTO pg_temp.loot VALUES (current_user); RETURN NEXT 'default'; END$$;
CREATE FUNCTION cirro_security.times(int, numeric) RETURNS numeric LANGUAGE plpgsql AS
	$$BEGIN INSERT INTO pg_temp.loot VALUES (current_user); RETURN 1; END$$;
CREATE OPERATOR cirro_security.* (FUNCTION = cirro_security.times, LEFTARG = int, RIGHTARG = numeric);
INSERT INTO cirro_security.invitation (gig_id, worker_id) VALUES (1, 1);
SELECT invited FROM cirro_security.run_wave(1);
SELECT * FROM loot;
RESET ROLE;

-- nulls where a Space has none
CREATE TABLE cirro_security.lax (LIKE cirro_security.gig);
ALTER TABLE cirro_security.lax OWNER TO regress_cirro_owner;
DO $$
DECLARE
	name text;
BEGIN
	FOR name IN SELECT attname FROM pg_attribute
		WHERE attrelid = 'cirro_security.lax'::regclass AND attnum > 0 AND attnotnull LOOP
		EXECUTE format('ALTER TABLE cirro_security.lax ALTER %I DROP NOT NULL', name);
	END LOOP;
END$$;
ALTER TABLE cirro_security.gig RENAME TO true_gig;
ALTER TABLE cirro_security.lax RENAME TO gig;
INSERT INTO cirro_security.gig (id) VALUES (-1);
INSERT INTO cirro_security.gig (id, title, url, start_at, end_at, created_at, filter_query, total_seats)
	VALUES (-2, 't', 'u', '2100-01-01', '2100-01-02', '2000-01-01', '{}', 1);
CREATE TRIGGER cirro_check BEFORE UPDATE ON cirro_security.gig
	FOR EACH ROW EXECUTE FUNCTION cirro.gig_check();
CREATE TRIGGER cirro_deleting AFTER DELETE ON cirro_security.gig
	FOR EACH ROW EXECUTE FUNCTION cirro.gig_deleting();
UPDATE cirro_security.gig SET title = 'x' WHERE id = -2;
DELETE FROM cirro_security.gig;
DROP TABLE cirro_security.gig;
ALTER TABLE cirro_security.true_gig RENAME TO gig;

-- an owner's trigger keeps rows from being written
SET ROLE regress_cirro_owner;
CREATE FUNCTION cirro_security.nothing() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN RETURN NULL; END';
CREATE TRIGGER aaa BEFORE INSERT ON cirro_security.wave
	FOR EACH ROW EXECUTE FUNCTION cirro_security.nothing();
CREATE TRIGGER aaa BEFORE INSERT ON cirro_security.attempt
	FOR EACH ROW EXECUTE FUNCTION cirro_security.nothing();
RESET ROLE;
UPDATE cirro_security.gig SET total_seats = 2;
INSERT INTO cirro_security.worker DEFAULT VALUES;
\set VERBOSITY terse
SELECT * FROM cirro_security.run_wave(1);
SELECT * FROM cirro_security.attempt_invitations(1);
\set VERBOSITY default

-- a name that means another schema
SELECT cirro.create_space('$user');

DROP SCHEMA cirro_security CASCADE;
DROP TABLE loot CASCADE;
DROP OWNED BY regress_cirro_owner, regress_cirro_app;
DROP ROLE regress_cirro_owner, regress_cirro_app;
