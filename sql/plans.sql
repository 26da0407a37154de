-- Plans that a session keeps: they are made anew when a table of the Space
-- changes its shape between two calls, and a statement over many gigs settles
-- with each of them.
-- A slow run of waves tells how far it is.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
SELECT cirro.create_space('plans');
SET search_path = plans;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET cirro.clock = '2030-01-01 12:00+00';
\pset format unaligned
\pset fieldsep ' | '
\pset footer off
\pset tuples_only on
\pset null -

INSERT INTO worker (id) SELECT generate_series(1, 60);
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
SELECT g, 'Gig', 'https://gig', '2030-01-02', '2030-01-03', 40, 0.02, '{}' FROM generate_series(1, 3) g ORDER BY g;
SELECT count(*) FROM gig g, LATERAL invite(g.id, ARRAY(SELECT id FROM worker WHERE id <= 20));

-- All that keeps plans, once: triggers, waves, attempts, claims.
CREATE TEMP SEQUENCE turn;
CREATE FUNCTION pg_temp.all_of_it() RETURNS SETOF text LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
	t int := nextval('turn');
BEGIN
	RETURN NEXT (SELECT 'accept ' || status FROM accept((SELECT id FROM invitation WHERE gig_id = 1 AND worker_id = t)));
	RETURN NEXT (SELECT 'try_accept ' || outcome FROM try_accept((SELECT id FROM invitation WHERE gig_id = 2 AND worker_id = t)));
	RETURN NEXT (SELECT 'reject ' || status FROM reject((SELECT id FROM invitation WHERE gig_id = 3 AND worker_id = t)));
	RETURN NEXT (SELECT 'wave ' || invited FROM run_wave(3));
	RETURN NEXT (SELECT 'attempt ' || count(*) FROM attempt_invitations(60 - t));
	RETURN NEXT (SELECT 'claimed ' || confirm_notifications(max(claim)) FROM claim_notifications(5));
	UPDATE gig SET seats_max = 40 + t;
	RETURN NEXT (SELECT 'wrong ' || count(*) FROM check_consistency());
END $$;
-- A plan is kept for good after five calls.
SELECT DISTINCT pg_temp.all_of_it() AS said FROM generate_series(1, 7) ORDER BY said;

-- Columns of the application come and go, with a default and without.
ALTER TABLE invitation ADD COLUMN note text NOT NULL DEFAULT 'none';
ALTER TABLE gig_state ADD COLUMN note text;
ALTER TABLE event ADD COLUMN note text DEFAULT 'none';
ALTER TABLE gig ADD COLUMN note text DEFAULT 'none';
ALTER TABLE worker ADD COLUMN note text DEFAULT 'none';
SELECT pg_temp.all_of_it();
CREATE INDEX ON invitation (status);
CREATE INDEX ON gig_state (accepted);
CREATE INDEX ON event (at);
CREATE INDEX ON worker (created_at);
SELECT pg_temp.all_of_it();
ALTER TABLE invitation DROP COLUMN note;
ALTER TABLE gig_state DROP COLUMN note;
ALTER TABLE event DROP COLUMN note;
ALTER TABLE gig DROP COLUMN note;
ALTER TABLE worker DROP COLUMN note;
SELECT pg_temp.all_of_it();
ALTER TABLE invitation ADD COLUMN own_note int, ADD COLUMN own_grade int DEFAULT 7;
DROP INDEX invitation_status_idx;
SELECT pg_temp.all_of_it();
SELECT status, own_note, own_grade FROM invitation WHERE gig_id = 1 AND worker_id = 11;

-- One statement, many gigs: invitations to all, with a time to answer and
-- without, seats taken and freed at once.
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, seats_max, answer_within, invitation_mode, filter_query)
SELECT g, 'Gig', 'https://gig', '2030-01-02', '2030-01-03', CASE WHEN g % 3 > 0 THEN 2 END, CASE WHEN g % 3 = 0 THEN 2 END,
	CASE WHEN g % 2 = 0 THEN interval '1 hour' END, CASE WHEN g % 4 = 0 THEN 'auto' ELSE 'manual' END, '{"never": 1}'
FROM generate_series(11, 22) g ORDER BY g;
CREATE TEMP TABLE before AS SELECT gig_id, xmin AS version FROM gig_state;
INSERT INTO invitation (gig_id, worker_id)
SELECT g, w FROM generate_series(11, 22) g, generate_series(1, 3) w ORDER BY w, g DESC;
-- A row of gig_state that stays as it is gets no new version.
SELECT s.gig_id, s.next_event_at FROM gig_state s JOIN before b USING (gig_id) WHERE s.xmin <> b.version AND gig_id > 10 ORDER BY 1;
SELECT count(*) FROM check_consistency();
-- Two of three in each gig; then the third, which no gig has a seat for.
UPDATE invitation SET status = 'accepted' WHERE gig_id > 10 AND worker_id < 3;
SELECT gig_id, array_agg(status ORDER BY worker_id) FROM invitation WHERE gig_id > 10 GROUP BY 1 ORDER BY 1;
SELECT gig_id, accepted, next_wave_at FROM gig_state WHERE gig_id > 10 ORDER BY 1;
UPDATE invitation SET status = 'accepted' WHERE gig_id > 10 AND worker_id = 3 AND status = 'pending';
-- One gives up the seat and another takes it, gig by gig, in one statement.
UPDATE invitation SET status = CASE worker_id WHEN 1 THEN 'left' ELSE 'accepted' END
WHERE gig_id > 10 AND (worker_id = 1 OR worker_id = 3 AND status = 'pending');
SELECT gig_id, array_agg(status ORDER BY worker_id) FROM invitation WHERE gig_id > 10 GROUP BY 1 ORDER BY 1;
SELECT gig_id, accepted, next_wave_at FROM gig_state WHERE gig_id > 10 ORDER BY 1;
DELETE FROM invitation WHERE gig_id > 10 AND worker_id > 1;
SELECT gig_id, accepted, next_wave_at FROM gig_state WHERE gig_id > 10 ORDER BY 1;
SELECT count(*) FROM check_consistency();
SELECT gig_id, kind, status, count(*) FROM event WHERE gig_id > 20 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- A plan by key reads no small table from end to end, which it would go on doing
-- when the table has grown; also when it is made anew because the search path is
-- another, of which nothing tells the cache.
VACUUM (FULL, ANALYZE) gig_state;
\c -
SET client_min_messages = warning;
SET search_path = plans;
SET cirro.clock = '2030-01-01 12:00+00';
CREATE FUNCTION scans() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT relname || ' ' || seq_scan FROM pg_stat_xact_user_tables
	WHERE schemaname = 'plans' AND relname = 'gig_state' $$;
BEGIN;
INSERT INTO invitation (gig_id, worker_id) VALUES (1, 60);
SELECT scans();
ROLLBACK;
SET search_path = plans, public;
BEGIN;
INSERT INTO invitation (gig_id, worker_id) VALUES (1, 60);
SELECT scans();
ROLLBACK;

-- So are due gigs found: by the index, also where ANALYZE saw them all due.
BEGIN;
SET LOCAL client_min_messages = error;
UPDATE setting SET cleaned_at = '2030-01-01 12:00+00';
UPDATE gig_state SET next_event_at = '2029-12-31';
ANALYZE gig_state;
UPDATE gig_state SET next_event_at = '2031-01-01';
CREATE TEMP TABLE before ON COMMIT DROP AS SELECT scans();
CALL cirro.run_waves('plans');
SELECT scans() EXCEPT TABLE before;
ROLLBACK;

-- An attempt at every open gig reads nothing of those that are over, nor of those that
-- do not match.
SET timezone = 'UTC';
SET search_path = plans;
INSERT INTO gig (id, title, url, start_at, end_at, archive_at, total_seats, filter_query)
SELECT g, 'Gig', 'https://gig', '2030-01-02', '2030-01-03', CASE WHEN g % 2 = 0 THEN timestamptz '2030-01-04' END, 5, '{}' FROM generate_series(1001, 1600) g;
SET cirro.clock = '2030-01-03 00:00+00';
CALL cirro.run_waves('plans');
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query)
SELECT g, 'Gig', 'https://gig', '2030-01-05', '2030-01-06', 5, CASE WHEN g % 100 = 0 THEN '{}'::jsonb ELSE '{"never": 1}' END FROM generate_series(4001, 4200) g;
CALL cirro.run_waves('plans');
SELECT count(*) AS filters, (SELECT count(*) FROM gig) AS gigs FROM gig_filter;
VACUUM ANALYZE gig, gig_filter, gig_key, gig_state;
CREATE VIEW reads AS SELECT relname::text AS what, seq_tup_read + coalesce(idx_tup_fetch, 0) AS rows FROM pg_stat_xact_user_tables
	WHERE schemaname = 'plans' AND relname IN ('gig', 'gig_filter', 'gig_key', 'gig_state')
	UNION ALL SELECT 'keys', pg_stat_get_xact_tuples_returned('gig_key_pkey'::regclass);
BEGIN;
CREATE TEMP TABLE before ON COMMIT DROP AS SELECT * FROM reads;
SELECT count(*) FROM attempt_invitations(40);
SELECT what, r.rows - b.rows <= 40 AS few FROM reads r JOIN before b USING (what) ORDER BY what;
ROLLBACK;
-- Also once the plans are kept.
SELECT count(*) FROM generate_series(1, 7), LATERAL attempt_invitations(41, NULL, 0);
BEGIN;
CREATE TEMP TABLE before ON COMMIT DROP AS SELECT * FROM reads;
SELECT count(*) FROM attempt_invitations(42);
SELECT what, r.rows - b.rows <= 40 AS few FROM reads r JOIN before b USING (what) ORDER BY what;
ROLLBACK;

-- A look finds gigs that are asleep by their ids, also by a plan that was made when
-- ANALYZE had seen that nobody was, and also if all fell asleep in one transaction.
SET client_min_messages = error;
SELECT cirro.create_space('asleep');
SET search_path = asleep;
CREATE TEMP TABLE before (rows bigint);
SET cirro.clock = '2030-01-01 12:00+00';
INSERT INTO worker (id) VALUES (1);
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_mode, filter_query)
SELECT g, 'Gig', 'https://gig', '2030-01-05', '2030-01-06', 5, CASE WHEN g = 1 THEN 'auto' ELSE 'manual' END, '{"k": 1}' FROM generate_series(1, 600) g;
UPDATE setting SET cleaned_at = '2030-01-01 12:00+00';
CALL cirro.run_waves('asleep');
SELECT asleep, count(*) FROM gig_status GROUP BY 1 ORDER BY 1;
VACUUM ANALYZE gig_state;
CREATE VIEW reads AS SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) AS rows FROM pg_stat_xact_user_tables
	WHERE schemaname = 'asleep' AND relname = 'gig_state';
BEGIN;
UPDATE worker SET profile = '{"k": 1}';
CALL cirro.run_waves('asleep');
ROLLBACK;
BEGIN;
UPDATE gig SET invitation_mode = 'auto' WHERE id > 1;
UPDATE gig_state SET slept_in = pg_current_xact_id()::text::bigint, next_wave_at = NULL, next_event_at = '2030-01-05';
INSERT INTO before TABLE reads;
UPDATE worker SET profile = '{"k": 1}';
CALL cirro.run_waves('asleep');
SELECT count(*) AS awake FROM gig_state WHERE slept_in IS NULL;
SELECT r.rows - b.rows < 10 * 600 AS few FROM reads r, before b;
ROLLBACK;

-- A gig that has no room looks for nothing but its own invitations.
ALTER TABLE invitation DISABLE TRIGGER USER;
INSERT INTO worker (id) SELECT generate_series(2, 500);
INSERT INTO invitation (gig_id, worker_id, status, origin, revision) SELECT g, w, 'pending', 'manual', 1 FROM generate_series(1, 10) g, generate_series(1, 500) w;
ALTER TABLE invitation ENABLE TRIGGER USER;
UPDATE gig SET pending_max = 2 WHERE id = 10;
VACUUM ANALYZE invitation;
CREATE OR REPLACE VIEW reads AS SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) AS rows FROM pg_stat_xact_user_tables
	WHERE schemaname = 'asleep' AND relname = 'invitation';
BEGIN;
UPDATE gig SET invitation_mode = 'auto' WHERE id = 10;
INSERT INTO before TABLE reads;
CALL cirro.run_waves('asleep');
SELECT asleep FROM gig_status WHERE gig_id = 10;
SELECT r.rows - b.rows < 5 * 500 AS few FROM reads r, before b;
ROLLBACK;
DROP SCHEMA asleep CASCADE;

SET client_min_messages = warning;
RESET search_path;
DROP SCHEMA plans CASCADE;
