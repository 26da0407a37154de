-- Roles: who owns a Space, who uses it, and who has no business there. An
-- application role needs USAGE on the schema and rights on worker, gig and
-- invitation alone; row policies on them hold in functions and views.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
DROP ROLE IF EXISTS regress_cirro_owner, regress_cirro_app, regress_cirro_worker, regress_cirro_courier, regress_cirro_stranger;
CREATE ROLE regress_cirro_owner;
CREATE ROLE regress_cirro_app;
CREATE ROLE regress_cirro_worker;
CREATE ROLE regress_cirro_stranger;
SELECT cirro.create_space('role', 'regress_cirro_owner');
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET search_path = role;
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

-- A stranger gets nowhere, with the schema or without.
SET ROLE regress_cirro_stranger;
SELECT c, pg_temp.try(c) FROM unnest('{"SELECT * FROM role.worker_invitation","SELECT role.accept(1)","SELECT cirro.drop_space(''role'')","CALL cirro.run_waves(''role'')","CALL cirro.upgrade_spaces(''role'')"}'::text[])
	WITH ORDINALITY u (c, n) ORDER BY n;
-- All of its own Spaces: none, which is said once, in a block too. A job that
-- runs none for ever is refused.
CALL cirro.run_waves();
BEGIN;
CALL cirro.run_waves();
COMMIT;
SELECT pg_temp.try('SELECT cirro.schedule_waves()');
CALL cirro.upgrade_spaces();
SELECT space, owner, version, paused FROM cirro.spaces() WHERE space = 'role';
RESET ROLE;
GRANT USAGE ON SCHEMA role TO regress_cirro_stranger, regress_cirro_app, regress_cirro_worker;
SET ROLE regress_cirro_stranger;
SELECT c, pg_temp.try(c) FROM unnest('{"SELECT * FROM worker_invitation","SELECT * FROM worker_gig","SELECT * FROM gig_status","SELECT * FROM worker","SELECT * FROM notification","SELECT * FROM attempt","SELECT accept(1)",
	"SELECT * FROM try_accept(1)","SELECT * FROM invite(1, ''{1}'')","SELECT * FROM attempt_invitations(1)","SELECT archive(1)","SELECT run_wave(1)","SELECT worker_id(''x'')","SELECT * FROM claim_notifications()",
	"SELECT confirm_notifications(1)","SELECT rebuild_state()","UPDATE setting SET paused = true","DELETE FROM gig_state","UPDATE gig_state SET accepted = 0",
	"SELECT cirro.record_attempt(''role'', 1, NULL, NULL, ''{}'')","SELECT cirro.run_wave(''role'', 1)"}'::text[]) WITH ORDINALITY u (c, n) ORDER BY n;
SET cirro.clock = '2031-01-01';
SET cirro.active = off;
RESET ROLE;

-- The owner does all of it.
SET ROLE regress_cirro_owner;
INSERT INTO worker (id, ref, profile) SELECT w, 'w' || w, '{}' FROM generate_series(1, 5) w;
ALTER TABLE worker ALTER id RESTART 100;
SELECT space, version, paused FROM cirro.spaces() WHERE space = 'role';
CALL cirro.run_waves('role');
CALL cirro.run_waves();
CALL cirro.upgrade_spaces();
RESET ROLE;
-- So does who may become it.
GRANT regress_cirro_owner TO regress_cirro_app;
SET ROLE regress_cirro_app;
CALL cirro.run_waves();
RESET ROLE;
REVOKE regress_cirro_owner FROM regress_cirro_app;

-- An application role's whole work.
GRANT SELECT, INSERT, UPDATE, DELETE ON worker, gig, invitation TO regress_cirro_app;
SET ROLE regress_cirro_app;
INSERT INTO worker (ref) VALUES ('app');
UPDATE worker SET profile = '{"lang": "de"}' WHERE ref = 'w1';
INSERT INTO gig (id, ref, title, url, start_at, end_at, seats_max, filter_query) VALUES (1, 'g1', 'One', 'https://gig/1', '2030-01-02', '2030-01-03', 2, '{"lang": "de"}'),
	(2, 'g2', 'Two', 'https://gig/2', '2029-01-02', '2030-01-03', 1, '{}'), (3, 'g3', 'Three', 'https://gig/3', '2030-01-02', '2030-01-03', 5, '{}');
UPDATE gig SET title = 'Uno', seats_max = 3 WHERE ref = 'g1';
SELECT worker_id, outcome FROM invite(gig_id('g1'), ARRAY[worker_id('w1'), worker_id('w2'), worker_id('w3')]);
SELECT outcome FROM invite(1, '{4}', '2030-01-01 18:00+00');
SELECT outcome FROM invite(2, '{5}', auto_accept => true);
SELECT status FROM accept(1);
SELECT status FROM reject(2, 'no');
SELECT * FROM try_accept(3);
SELECT status FROM leave(1);
SELECT status FROM reset(1);
SELECT status FROM expire(1);
SELECT outcome FROM attempt_invitations(1, '{1,2,3}');
SELECT archived_at, end_at FROM archive(2);
SELECT worker_id, status, can_accept, why_not FROM worker_invitation ORDER BY gig_id, worker_id;
SELECT worker_id, gig_id FROM worker_gig ORDER BY gig_id, worker_id;
SELECT gig_id, phase, accepted, pending, scheduled FROM gig_status ORDER BY gig_id;
DELETE FROM gig WHERE id = 3;
DELETE FROM worker WHERE ref = 'app';
SELECT * FROM check_consistency();
-- What is not its own.
SELECT c, pg_temp.try(c) FROM unnest('{"SELECT * FROM claim_notifications()","SELECT * FROM attempt","UPDATE setting SET paused = true","UPDATE gig_state SET accepted = 0","INSERT INTO wave DEFAULT VALUES",
	"SELECT rebuild_state()","CALL cirro.run_waves(''role'')","SELECT cirro.drop_space(''role'')","TRUNCATE worker CASCADE"}'::text[]) WITH ORDINALITY u (c, n) ORDER BY n;
RESET ROLE;
SELECT worker_id, gig_ids FROM attempt;

-- A worker who answers for itself needs to read, and UPDATE (status).
REVOKE ALL ON worker, gig, invitation FROM regress_cirro_app;
GRANT SELECT ON worker, gig, invitation TO regress_cirro_worker;
GRANT UPDATE (status) ON invitation TO regress_cirro_worker;
SET ROLE regress_cirro_worker;
SELECT status FROM accept(1);
SELECT status FROM leave(1);
SELECT * FROM try_accept(3);
UPDATE invitation SET status = 'left' WHERE id = 3;
SELECT c, pg_temp.try(c) FROM unnest('{"SELECT reject(3, ''why'')","SELECT reset(3, true)","SELECT * FROM invite(1, ''{5}'')","UPDATE invitation SET silent = true","DELETE FROM invitation"}'::text[]) WITH ORDINALITY u (c, n) ORDER BY n;
SELECT status FROM reset(3);
RESET ROLE;

-- A deliverer of notifications reads what they are made of, and writes none but
-- these; the floor is raised for it, as the owner.
CREATE ROLE regress_cirro_courier;
GRANT USAGE ON SCHEMA role TO regress_cirro_courier;
GRANT SELECT ON event, gig, worker, invitation TO regress_cirro_courier;
GRANT SELECT, UPDATE ON notification TO regress_cirro_courier;
DELETE FROM notification;
UPDATE consumer SET kinds = NULL;
INSERT INTO event (kind, gig_id, worker_id) SELECT 'gig.cancelled', 1, 1 FROM generate_series(1, 8);
INSERT INTO notification (consumer, event_id) SELECT 'default', id FROM event ORDER BY id DESC LIMIT 8;
SET ROLE regress_cirro_courier;
SELECT attempts, kind, payload->'worker'->>'ref' AS worker, payload->'gig'->>'title' AS gig FROM claim_notifications(2);
SELECT confirm_notifications(max(claim)), fail_notifications(max(claim), NULL, 'late') FROM notification;
SELECT fail_notifications(max(claim), NULL, 'timeout') FROM claim_notifications(1);
SELECT fail_notifications(max(claim)) FROM claim_notifications(1);
SELECT cirro.raise_floor('role', 'default');
SELECT count(*) FROM notification_floor;
SELECT c, pg_temp.try(c) FROM unnest('{"INSERT INTO notification (consumer, event_id) VALUES (''default'', 1)","DELETE FROM notification","INSERT INTO notification_floor VALUES (''default'', now())","DELETE FROM notification_floor","UPDATE consumer SET kinds = NULL",
	"INSERT INTO event (kind, gig_id) VALUES (''gig.ended'', 1)","UPDATE event SET payload = NULL","SELECT setval(''notification_claim_seq'', 1)","SELECT rebuild_state()"}'::text[]) WITH ORDINALITY u (c, n) ORDER BY n;
RESET ROLE;
-- Less is not enough; without the right to read events nothing is claimed.
REVOKE SELECT ON event FROM regress_cirro_courier;
SET ROLE regress_cirro_courier;
SELECT pg_temp.try('SELECT FROM claim_notifications(1)');
RESET ROLE;
GRANT SELECT ON event TO regress_cirro_courier;
REVOKE UPDATE ON notification FROM regress_cirro_courier;
SET ROLE regress_cirro_courier;
SELECT c, pg_temp.try(c) FROM unnest('{"SELECT FROM claim_notifications(1)","SELECT confirm_notifications(1)","SELECT fail_notifications(1)","SELECT cirro.raise_floor(''role'', ''default'')"}'::text[]) WITH ORDINALITY u (c, n) ORDER BY n;
RESET ROLE;
-- Nor is all of the table needed.
GRANT UPDATE (claim, due_at, attempts, put_off) ON notification TO regress_cirro_courier;
SET ROLE regress_cirro_courier;
SELECT pg_temp.try('SELECT FROM claim_notifications(1)'), pg_temp.try('SELECT cirro.raise_floor(''role'', ''default'')');
RESET ROLE;
-- The floor counts what row policies hide, from the owner too.
GRANT UPDATE ON notification TO regress_cirro_courier;
DELETE FROM notification_floor;
ALTER TABLE notification ENABLE ROW LEVEL SECURITY;
ALTER TABLE notification FORCE ROW LEVEL SECURITY;
CREATE POLICY even ON notification TO regress_cirro_courier USING (event_id % 2 = 0);
SET ROLE regress_cirro_courier;
SELECT count(*) FROM claim_notifications();
SELECT cirro.raise_floor('role', 'default');
SELECT count(*) FROM claim_notifications();
RESET ROLE;
SELECT count(*) > 0 AS hidden, min(n.due_at) >= (SELECT max(f.due_at) FROM notification_floor f) AS above_the_floor
	FROM notification n WHERE n.outcome IS NULL AND n.due_at <= clock_timestamp();
DROP POLICY even ON notification;
ALTER TABLE notification NO FORCE ROW LEVEL SECURITY;
ALTER TABLE notification DISABLE ROW LEVEL SECURITY;
DELETE FROM event WHERE kind = 'gig.cancelled';
DELETE FROM notification;
DROP OWNED BY regress_cirro_courier;
DROP ROLE regress_cirro_courier;

-- Row policies: whoever may see and do what on the tables may see and do that
-- in functions and views; the triggers read and write as the owner, so seats,
-- notifications and expiries of others still come right.
ALTER TABLE worker ENABLE ROW LEVEL SECURITY;
ALTER TABLE gig ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitation ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON worker TO regress_cirro_worker USING (id = current_setting('my.worker')::bigint);
CREATE POLICY visible ON gig TO regress_cirro_worker USING (title <> 'Secret');
CREATE POLICY own ON invitation TO regress_cirro_worker USING (worker_id = current_setting('my.worker')::bigint);
DELETE FROM invitation;
DELETE FROM event;
ALTER TABLE invitation ALTER id RESTART 100;
INSERT INTO gig (id, ref, title, url, start_at, end_at, seats_max, filter_query) VALUES (10, 'ten', 'Open', 'https://gig', '2030-01-02', '2030-01-03', 1, '{}'),
	(11, 'eleven', 'Secret', 'https://gig', '2030-01-02', '2030-01-03', 1, '{}');
INSERT INTO invitation (id, gig_id, worker_id) VALUES (1, 10, 1), (2, 10, 2), (3, 11, 1), (4, 11, 2);
SET my.worker = 1;
SET ROLE regress_cirro_worker;
SELECT worker_id, gig_id, status, can_accept FROM worker_invitation ORDER BY gig_id, worker_id;
SELECT gig_id, pending FROM gig_status WHERE gig_id >= 10 ORDER BY gig_id;
SELECT worker_id('w1'), worker_id('w2'), gig_id('ten'), gig_id('eleven');
SELECT pg_temp.try('SELECT accept(2)');
SELECT * FROM try_accept(2);
SELECT status FROM accept(1);
SELECT worker_id, gig_id FROM worker_gig;
RESET ROLE;
-- The other one is out, and told so.
SELECT id, status, reason FROM invitation ORDER BY id;
SELECT invitation_id, kind, status FROM event WHERE gig_id = 10 ORDER BY id;
-- With rights to write, within the policies.
GRANT INSERT, UPDATE ON invitation, gig, worker TO regress_cirro_worker;
UPDATE gig SET seats_max = 5 WHERE id = 10;
SET ROLE regress_cirro_worker;
SELECT worker_id, outcome FROM invite(10, '{1,2,3}');
SELECT pg_temp.try($$SELECT * FROM invite(11, '{1}')$$);
SELECT pg_temp.try('SELECT * FROM attempt_invitations(2)');
SELECT gig_id, outcome FROM attempt_invitations(1, '{10,11}');
SELECT pg_temp.try('INSERT INTO invitation (gig_id, worker_id) VALUES (10, 3)');
SELECT pg_temp.try('SELECT archive(11)');
RESET ROLE;
-- What may be seen but not changed is there, and not written.
CREATE POLICY keep ON invitation AS RESTRICTIVE FOR UPDATE TO regress_cirro_worker USING (false);
SET ROLE regress_cirro_worker;
SELECT id, status FROM invitation;
SELECT pg_temp.try('SELECT leave(1)');
SELECT * FROM try_accept(3);
RESET ROLE;
UPDATE invitation SET status = 'expired' WHERE id = 3;
UPDATE gig SET title = 'Open' WHERE id = 11;
SET ROLE regress_cirro_worker;
SELECT worker_id, outcome FROM invite(11, '{1}');
SELECT gig_id, outcome FROM attempt_invitations(1, '{11}');
RESET ROLE;
DROP POLICY keep ON invitation;
UPDATE gig SET title = 'Secret' WHERE id = 11;
-- Forced upon the owner, too, they do not bind the triggers.
ALTER TABLE invitation FORCE ROW LEVEL SECURITY;
ALTER TABLE gig FORCE ROW LEVEL SECURITY;
ALTER TABLE worker FORCE ROW LEVEL SECURITY;
ALTER TABLE gig_state ENABLE ROW LEVEL SECURITY;
ALTER TABLE gig_state FORCE ROW LEVEL SECURITY;
ALTER TABLE notification ENABLE ROW LEVEL SECURITY;
ALTER TABLE notification FORCE ROW LEVEL SECURITY;
INSERT INTO invitation (id, gig_id, worker_id) VALUES (5, 10, 3);
UPDATE invitation SET status = 'pending' WHERE id = 2;
UPDATE gig SET seats_max = 2 WHERE id = 10;
SET my.worker = 2;
SET ROLE regress_cirro_worker;
SELECT status FROM accept(2);
RESET ROLE;
SELECT g.accepted, (SELECT array_agg(i.worker_id || ' ' || i.status ORDER BY i.id) FROM invitation i WHERE i.gig_id = 10) FROM gig_state g WHERE gig_id = 10;
ALTER TABLE gig_state DISABLE ROW LEVEL SECURITY;
ALTER TABLE notification DISABLE ROW LEVEL SECURITY;
SELECT * FROM check_consistency();

SET client_min_messages = warning;
RESET search_path;
SELECT cirro.drop_space('role');
DROP ROLE regress_cirro_owner, regress_cirro_app, regress_cirro_worker, regress_cirro_stranger;
