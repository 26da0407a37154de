-- metrics(): what each number counts, whose Spaces are shown to whom, and that a
-- damaged Space is told and keeps the others from nothing.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
DROP ROLE IF EXISTS regress_cirro_owner, regress_cirro_monitor;
CREATE ROLE regress_cirro_owner;
CREATE ROLE regress_cirro_monitor;
SELECT cirro.create_space('meter', 'regress_cirro_owner');
SELECT cirro.create_space('meter_b');
SELECT cirro.create_space('meter_c', 'regress_cirro_owner');
GRANT USAGE ON SCHEMA meter, meter_c TO regress_cirro_monitor;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET search_path = meter;
SET cirro.clock = '2030-01-01 12:00+00';
\pset format unaligned
\pset fieldsep ' | '
\pset footer off
\pset tuples_only on
\pset null -

CREATE VIEW pg_temp.gigs AS SELECT m.space, m.open_gigs, m.seats, m.accepted, m.pending, m.due_gigs,
	m.late_seconds, m.failed_gigs, m.exhausted_gigs FROM cirro.metrics() m WHERE m.space ~ '^meter';
CREATE VIEW pg_temp.told AS SELECT m.open_notifications, m.dead_notifications, m.oldest_notification_seconds
	FROM cirro.metrics() m WHERE m.space = 'meter';
CREATE VIEW pg_temp.totals AS SELECT m.invitations_total, m.waves_total, m.events_total
	FROM cirro.metrics() m WHERE m.space = 'meter';

-- An empty Space has nothing to do and is not late.
\x on
SELECT * FROM cirro.metrics() WHERE space = 'meter';
\x off

-- Three gigs: of five seats and no more, of at least two, by hand.
INSERT INTO worker (id, profile) SELECT w, '{"n": 1}' FROM generate_series(1, 30) w;
INSERT INTO worker (id) SELECT w FROM generate_series(31, 40) w;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, seats_min, invitation_mode, invitation_multiplier, answer_within, filter_query) VALUES
	(1, 'a', 'u', '2030-01-02 12:00+00', '2030-01-03 12:00+00', 5, NULL, 'auto', 2, NULL, '{"n": 1}'),
	(2, 'b', 'u', '2030-01-02 12:00+00', '2030-01-03 12:00+00', NULL, 2, 'auto', 1, NULL, '{"n": 2}'),
	(3, 'c', 'u', '2030-01-01 13:00+00', '2030-01-01 14:00+00', 3, NULL, 'manual', NULL, '10 minutes', '{}');
-- Due at once: the first waves of the two.
SELECT * FROM pg_temp.gigs;
SET cirro.clock = '2030-01-01 12:01:30+00';
SELECT * FROM pg_temp.gigs;
CALL cirro.run_waves('meter');
-- Nobody matches the second, which is not late.
SELECT * FROM pg_temp.gigs;
SELECT * FROM pg_temp.totals;
SELECT count(status) FROM (SELECT (accept(id)).status FROM invitation WHERE gig_id = 1 ORDER BY id LIMIT 2) a;
SELECT outcome FROM invite(3, '{11,12,13}');
SELECT outcome FROM invite(3, '{14}', '2030-01-01 12:30+00');
SELECT * FROM pg_temp.gigs WHERE space = 'meter';
SELECT * FROM pg_temp.totals;

-- What counts as expired by the clock is not pending, though nobody has come to
-- write it; that is what is late.
SET cirro.clock = '2030-01-01 12:12+00';
SELECT count(*) FROM invitation WHERE gig_id = 3 AND status = 'pending';
SELECT * FROM pg_temp.gigs WHERE space = 'meter';
-- While a Space is paused it is late, too, and says that it is paused.
INSERT INTO setting (paused) VALUES (true) ON CONFLICT (only_row) DO UPDATE SET paused = excluded.paused;
CALL cirro.run_waves('meter');
SELECT m.space, m.paused, m.due_gigs, m.late_seconds FROM cirro.metrics() m WHERE m.space ~ '^meter';
UPDATE setting SET paused = NULL;
CALL cirro.run_waves('meter');
SELECT * FROM pg_temp.gigs WHERE space = 'meter';

-- Who is no more exhausted: of whom nothing is wanted, and who has found somebody.
UPDATE gig SET invitation_mode = 'manual' WHERE id = 2;
SELECT exhausted_gigs FROM pg_temp.gigs WHERE space = 'meter';
UPDATE gig SET invitation_mode = 'auto' WHERE id = 2;
SELECT exhausted_gigs FROM pg_temp.gigs WHERE space = 'meter';
UPDATE worker SET profile = '{"n": 2}' WHERE id IN (39, 40);
SET cirro.clock = '2030-01-01 12:30+00';
CALL cirro.run_waves('meter');
SELECT exhausted_gigs, pending FROM pg_temp.gigs WHERE space = 'meter';

-- A gig whose turn fails comes again later; until then it is failed, and not late.
CREATE FUNCTION pg_temp.veto() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no' USING ERRCODE = '22000'; END$$;
CREATE TRIGGER veto BEFORE INSERT ON invitation FOR EACH ROW WHEN (new.gig_id = 1) EXECUTE FUNCTION pg_temp.veto();
SET cirro.clock = '2030-01-01 12:40+00';
SET client_min_messages = error;
CALL cirro.run_waves('meter');
SET client_min_messages = warning;
SELECT due_gigs, late_seconds, failed_gigs FROM pg_temp.gigs WHERE space = 'meter';
DROP TRIGGER veto ON invitation;
SET cirro.clock = '2030-01-01 12:50+00';
CALL cirro.run_waves('meter');
SELECT due_gigs, late_seconds, failed_gigs FROM pg_temp.gigs WHERE space = 'meter';

-- What is over counts no more, whether the tick has seen it or not: then it is late.
SET cirro.clock = '2030-01-01 14:01+00';
SELECT open_gigs, seats, accepted, due_gigs >= 1, late_seconds >= 60 FROM pg_temp.gigs WHERE space = 'meter';
CALL cirro.run_waves('meter');
SELECT open_gigs, seats, accepted, due_gigs, late_seconds FROM pg_temp.gigs WHERE space = 'meter';

-- Notifications: all consumers' together; as old as the event that one has waited
-- longest to hear of. Whoever is no consumer any more is not waited for.
DELETE FROM notification;
INSERT INTO consumer (name, kinds) VALUES ('audit', '{gig.archived}');
SELECT * FROM pg_temp.told;
SET cirro.clock = '2030-01-01 14:05+00';
SELECT count(*) FROM invite(1, '{31,32,33}');
SET cirro.clock = '2030-01-01 14:10+00';
UPDATE gig SET archived_at = cirro.now() WHERE id = 3;
CALL cirro.run_waves('meter');
SELECT n.consumer, count(*) FROM notification n GROUP BY n.consumer ORDER BY n.consumer;
SELECT * FROM pg_temp.told;
UPDATE notification SET due_at = now() + '1 day' WHERE consumer = 'default';
SELECT * FROM pg_temp.told;
-- What was put off on purpose is open, and not late before its time.
UPDATE notification SET put_off = true WHERE consumer = 'default';
SELECT * FROM pg_temp.told;
UPDATE notification SET due_at = now() WHERE consumer = 'default';
SELECT * FROM pg_temp.told;
UPDATE notification SET put_off = false WHERE consumer = 'default';
UPDATE notification SET outcome = 'delivered', delivered_at = now()
	WHERE id IN (SELECT id FROM notification WHERE consumer = 'default' ORDER BY id LIMIT 1);
UPDATE notification SET outcome = 'dead', delivered_at = now()
	WHERE id IN (SELECT id FROM notification WHERE consumer = 'default' AND outcome IS NULL ORDER BY id LIMIT 2);
SELECT * FROM pg_temp.told;
UPDATE notification SET outcome = 'suppressed', delivered_at = now() WHERE consumer = 'default' AND outcome IS NULL;
SELECT * FROM pg_temp.told;
DELETE FROM consumer WHERE name = 'audit';
SELECT * FROM pg_temp.told;
-- The one that lives again is as old as ever.
SET cirro.clock = '2030-01-01 14:15+00';
UPDATE notification SET outcome = NULL, attempts = 0, due_at = now() WHERE outcome = 'dead';
SELECT * FROM pg_temp.told;
-- A clock that was set back leaves floors ahead of it: they hide nothing.
BEGIN;
INSERT INTO notification_floor (consumer, due_at) SELECT c.name, clock_timestamp() + interval '1 day' FROM consumer c;
SELECT * FROM pg_temp.told;
ROLLBACK;
-- Dead ones are found by the index that claims have anyway.
SET enable_seqscan = off; SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM notification l WHERE l.outcome = 'dead';
EXPLAIN (COSTS OFF) SELECT l.id FROM notification l WHERE l.claim = 1;
RESET enable_seqscan; RESET enable_bitmapscan;

-- Times without an end, and a clock that goes back.
UPDATE gig_state SET next_event_at = '-infinity' WHERE gig_id = 1;
SELECT due_gigs, late_seconds FROM pg_temp.gigs WHERE space = 'meter';
UPDATE gig_state SET next_event_at = 'infinity' WHERE gig_id = 1;
SELECT open_gigs, due_gigs, late_seconds FROM pg_temp.gigs WHERE space = 'meter';
UPDATE gig_state SET next_event_at = cirro.now() WHERE gig_id = 1;
SET cirro.clock = '2030-01-01 14:00+00';
SELECT due_gigs, late_seconds FROM pg_temp.gigs WHERE space = 'meter';
SELECT * FROM pg_temp.told;

-- Who may use the schema and read gig_state sees the Space, and no more of it.
SET ROLE regress_cirro_monitor;
SELECT m.space, m.open_gigs, m.seats, m.invitations_total > 0, m.defect FROM cirro.metrics() m WHERE m.space ~ '^meter';
SELECT count(*) FROM meter.invitation;
SELECT count(*) FROM meter.notification;
RESET ROLE;
REVOKE USAGE ON SCHEMA meter_c FROM regress_cirro_monitor;
SET ROLE regress_cirro_monitor;
SELECT m.space FROM cirro.metrics() m WHERE m.space ~ '^meter';
RESET ROLE;
REVOKE SELECT ON meter.gig_state FROM PUBLIC;
SET ROLE regress_cirro_monitor;
SELECT count(*) FROM cirro.metrics() m WHERE m.space ~ '^meter';
RESET ROLE;
GRANT SELECT ON meter.gig_state TO regress_cirro_monitor;
SET ROLE regress_cirro_monitor;
SELECT m.space FROM cirro.metrics() m WHERE m.space ~ '^meter';
RESET ROLE;
SET ROLE regress_cirro_owner;
SELECT m.space FROM cirro.metrics() m WHERE m.space ~ '^meter';
RESET ROLE;

-- Policies do not hide from the owner what is counted; nobody's settings change.
ALTER TABLE meter.gig_state ENABLE ROW LEVEL SECURITY;
ALTER TABLE meter.gig_state FORCE ROW LEVEL SECURITY;
CREATE FUNCTION meter.ran() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'run as %', current_user; END $$;
CREATE POLICY ran ON meter.gig_state USING (meter.ran());
BEGIN TRANSACTION READ ONLY ISOLATION LEVEL SERIALIZABLE;
SET LOCAL ROLE regress_cirro_monitor;
SELECT m.space, m.open_gigs FROM cirro.metrics() m WHERE m.space ~ '^meter';
SELECT current_user, current_setting('search_path'), current_setting('jit') = (SELECT reset_val FROM pg_settings WHERE name = 'jit');
-- It holds nothing of a Space that it has looked into.
SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
	WHERE l.pid = pg_backend_pid() AND c.relnamespace = to_regnamespace('meter')::oid;
COMMIT;

-- A damaged Space says so, in place of its numbers; so does one that fails.
ALTER TABLE meter_b.notification RENAME COLUMN outcome TO outcome_of_old;
REVOKE USAGE ON SCHEMA meter_c FROM regress_cirro_owner;
SELECT m.space, m.paused, m.open_gigs, m.late_seconds, m.events_total, m.defect FROM cirro.metrics() m WHERE m.space ~ '^meter';
-- Where gig_state is gone, those see it who could mend it.
ALTER TABLE meter.gig_state RENAME TO gig_states;
SET ROLE regress_cirro_monitor;
SELECT count(*) FROM cirro.metrics() m WHERE m.space ~ '^meter';
SET ROLE regress_cirro_owner;
SELECT m.space, m.defect FROM cirro.metrics() m WHERE m.space = 'meter';
RESET ROLE;
ALTER TABLE meter.gig_states RENAME TO gig_state;
-- Ids of wide steps are counted by these; of numbers that cannot be counted from the least, none.
ALTER TABLE meter.wave ALTER COLUMN id SET INCREMENT BY 64 SET START WITH 3 RESTART WITH 3;
SELECT nextval('meter.wave_id_seq'), (SELECT waves_total FROM pg_temp.totals);
SELECT nextval('meter.wave_id_seq'), (SELECT waves_total FROM pg_temp.totals);
ALTER TABLE meter.wave ALTER COLUMN id SET MINVALUE -9223372036854775808;
SELECT nextval('meter.wave_id_seq'), (SELECT waves_total FROM pg_temp.totals);
-- A Space without its identities has given no ids.
ALTER TABLE meter.wave ALTER COLUMN id DROP IDENTITY;
SELECT waves_total, events_total > 0 FROM pg_temp.totals;

SET client_min_messages = error;
DROP SCHEMA meter, meter_b, meter_c CASCADE;
DROP ROLE regress_cirro_owner, regress_cirro_monitor;
