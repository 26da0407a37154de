-- A life of gigs and invitations with all that cirro writes, by function, by
-- UPDATE, by waves, one row and many, and with what it refuses.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET search_path = trees, public;
SET timezone = 'UTC';
SET cirro.clock = '2030-01-01 12:00+00';
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, seats_max, invitation_mode, invitation_multiplier, pending_max,
	answer_within, filter_query, sort_query, notification_payload)
VALUES (1, 'plain', 'u', '2030-01-02 12:00+00', '2030-01-03 12:00+00', 3, NULL, 'auto', 5, NULL, NULL, '{}', NULL, '{"a": 1}'),
	(2, 'filled', 'u', '2030-01-02 12:00+00', '2030-01-03 12:00+00', NULL, 2, 'auto', 4, NULL, NULL, '{"k": 1}', NULL, NULL),
	(3, 'manual', 'u', '2030-01-02 12:00+00', '2030-01-03 12:00+00', 100, NULL, 'manual', 1, NULL, NULL, '{}', NULL, NULL),
	(4, 'answer', 'u', '2030-01-01 13:00+00', '2030-01-01 15:00+00', 2, NULL, 'auto', 3, NULL, '1 hour', '{"n": {"$gt": 50}}', NULL, NULL),
	(5, 'nobody', 'u', '2030-01-02 12:00+00', '2030-01-03 12:00+00', 1, NULL, 'auto', 2, NULL, NULL, '{"n": {"$gt": 199, "$lt": 0}}', NULL, NULL),
	(6, 'sorted', 'u', '2030-01-02 12:00+00', '2030-01-03 12:00+00', 50, NULL, 'auto', 2, 90, NULL, '{}', '{"n": -1}', NULL),
	(7, 'delete', 'u', '2030-01-02 12:00+00', '2030-01-03 12:00+00', 1, NULL, 'manual', 1, NULL, NULL, '{}', NULL, NULL);
INSERT INTO gig (id, title, url, start_at, end_at, seats_min, invitation_mode, filter_query)
VALUES (8, 'unlimited', 'u', '2030-01-02 12:00+00', '2030-01-03 12:00+00', 1, 'manual', '{}');
ALTER TABLE gig ALTER id RESTART 100;

-- Waves: by one pass, each by itself, and one alone.
SET cirro.wave_search = batch;
CALL cirro.run_waves();
SELECT gig_id, number, invited, matched, outcome FROM wave ORDER BY id;
SET cirro.wave_search = single;
SET cirro.clock = '2030-01-01 12:05:01+00';
CALL cirro.run_waves();
SELECT gig_id, invited, outcome, wanted FROM run_wave(1);
SELECT gig_id, invited, outcome, repeats FROM run_wave(5);
SELECT gig_id, invited, outcome, repeats FROM run_wave(3);
SELECT try('SELECT run_wave(99)');

-- By hand, more than are written at a time; some again, some at a set time.
SELECT * FROM invite(3, ARRAY(SELECT generate_series(1, 140)));
SELECT * FROM invite(3, ARRAY[1, 2, 141, 142, NULL, 999]);
SELECT * FROM invite(3, ARRAY[150, 151, 152], '2030-01-01 12:10+00');
SELECT * FROM invite(7, ARRAY[1, 2, 3]);
SELECT * FROM invite(8, ARRAY[1, 2, 3, 4]);
INSERT INTO invitation (gig_id, worker_id) VALUES (8, 10), (8, 11);
INSERT INTO invitation (gig_id, worker_id, status, silent) VALUES (8, 12, 'accepted', true), (3, 160, 'accepted', false);
SELECT try('INSERT INTO invitation (gig_id, worker_id) VALUES (8, 10)');
SELECT try('INSERT INTO invitation (gig_id, worker_id) VALUES (8, 9999)');
SELECT try('INSERT INTO invitation (gig_id, worker_id, status) VALUES (8, 20, ''odd'')');
SELECT try('INSERT INTO invitation (gig_id, worker_id, status) VALUES (8, 20, ''scheduled'')');
SELECT try('INSERT INTO invitation (gig_id, worker_id, status, send_at) VALUES (8, 20, ''scheduled'', ''2031-01-01'')');
INSERT INTO invitation (gig_id, worker_id) VALUES (8, 10) ON CONFLICT DO NOTHING;
INSERT INTO invitation (gig_id, worker_id) VALUES (8, 10);
\echo :SQLSTATE

-- Answers to those of gig and worker.
CREATE FUNCTION pg_temp.of(g bigint, w bigint) RETURNS bigint LANGUAGE sql AS 'SELECT i.id FROM trees.invitation i WHERE i.gig_id = g AND i.worker_id = w';
CREATE FUNCTION pg_temp.nth(g bigint, n int) RETURNS bigint LANGUAGE sql AS
	'SELECT i.id FROM trees.invitation i WHERE i.gig_id = g AND i.status = ''pending'' ORDER BY i.id OFFSET n LIMIT 1';
SELECT accept(pg_temp.of(3, 1));
SELECT accept(pg_temp.of(3, 2));
SELECT reject(pg_temp.of(3, 3), 'busy');
SELECT leave(pg_temp.of(3, 1), 'ill');
SELECT expire(pg_temp.of(3, 4));
SELECT reset(pg_temp.of(3, 3));
SELECT reset(pg_temp.of(3, 2), true);
SELECT * FROM try_accept(pg_temp.of(3, 5));
SELECT * FROM try_accept(pg_temp.of(3, 150));
UPDATE invitation SET status = 'accepted' WHERE id = pg_temp.of(3, 6) RETURNING *;
UPDATE invitation SET status = 'accepted', silent = true WHERE id = pg_temp.of(3, 7) RETURNING *;
UPDATE invitation SET status = 'rejected', reason = 'no' WHERE id = pg_temp.of(3, 8);
UPDATE invitation SET reason = 'only that' WHERE id = pg_temp.of(3, 9);
UPDATE invitation SET status = status WHERE id = pg_temp.of(3, 9);
UPDATE invitation SET status = 'accepted' WHERE gig_id = 3 AND worker_id BETWEEN 10 AND 100;
UPDATE invitation SET status = 'left' WHERE gig_id = 3 AND status = 'accepted' AND worker_id % 2 = 0;
UPDATE invitation SET status = 'rejected', silent = worker_id % 2 = 0 WHERE status = 'pending' AND worker_id BETWEEN 120 AND 130;
SELECT try(format('UPDATE invitation SET status = NULL WHERE id = %L', pg_temp.of(3, 9)));
SELECT try(format('UPDATE invitation SET status = ''odd'' WHERE id = %L', pg_temp.of(3, 9)));
SELECT try('SELECT accept(999999)');
SELECT try('SELECT accept(NULL)');
SELECT try(format('SELECT accept(%L)', pg_temp.of(3, 8)));
SELECT try(format('SELECT leave(%L)', pg_temp.of(3, 8)));
SELECT accept(pg_temp.of(3, 8));
\echo :SQLSTATE
SELECT try(format('UPDATE invitation SET status = ''scheduled'' WHERE id = %L', pg_temp.of(3, 8)));

-- Seats filled, reopened, filled by lowering.
SELECT accept(pg_temp.nth(2, 0));
SELECT accept(pg_temp.nth(2, 0));
SELECT status, reason, count(*) FROM invitation WHERE gig_id = 2 GROUP BY 1, 2 ORDER BY 1, 2;
SELECT try(format('SELECT accept(%L)', (SELECT min(id) FROM invitation WHERE gig_id = 2 AND status = 'expired')));
SELECT * FROM try_accept((SELECT min(id) FROM invitation WHERE gig_id = 2 AND status = 'expired'));
SELECT leave((SELECT min(id) FROM invitation WHERE gig_id = 2 AND status = 'accepted'));
SET cirro.clock = '2030-01-01 12:10:02.75+00';
SET cirro.wave_search = batch;
CALL cirro.run_waves();
UPDATE gig SET seats_max = 1 WHERE id = 2;
SELECT accept(pg_temp.nth(1, 0));
SELECT accept(pg_temp.nth(1, 0));
SELECT accept(pg_temp.nth(1, 0));
SELECT accept(pg_temp.nth(1, 0));
\echo :SQLSTATE
SELECT try(format('UPDATE invitation SET status = ''accepted'' WHERE id = %L', pg_temp.nth(1, 1)));
UPDATE invitation SET status = 'left' WHERE gig_id = 1 AND status = 'accepted';
UPDATE gig SET total_seats = 6, title = 'more' WHERE id = 1;

-- Taken back, wholly or in part; in two phases.
BEGIN; SELECT status FROM accept(pg_temp.nth(1, 0)); SELECT outcome FROM run_wave(6); ROLLBACK;
BEGIN; SELECT status FROM accept(pg_temp.nth(1, 0));
SAVEPOINT s; SELECT status FROM accept(pg_temp.nth(1, 0)); SELECT status FROM accept(999999); ROLLBACK TO s;
SELECT status FROM reject(pg_temp.nth(1, 0)); COMMIT;
BEGIN; SELECT status FROM accept(pg_temp.nth(1, 0)); SELECT outcome FROM run_wave(6); PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p';

-- A limit for each worker, by one pass and by itself.
UPDATE setting SET max_pending = 3;
SET cirro.clock = '2030-01-01 12:20+00';
CALL cirro.run_waves();
SET cirro.wave_search = single;
SET cirro.clock = '2030-01-01 12:30+00';
CALL cirro.run_waves();
UPDATE setting SET max_pending = NULL;
-- A rule of the Space's own, likewise, and for attempts.
CREATE FUNCTION trees.may_even(gig_id bigint, worker_ids bigint[]) RETURNS bigint[] LANGUAGE sql STABLE AS
	'SELECT array_agg(w) FROM unnest(worker_ids) w WHERE w % 2 = 0';
UPDATE setting SET eligible = 'may_even';
SET cirro.clock = '2030-01-01 12:40+00';
CALL cirro.run_waves();
SET cirro.wave_search = batch;
SET cirro.clock = '2030-01-01 12:50+00';
CALL cirro.run_waves();
SET cirro.wave_search = single;
SELECT invitation_id, gig_id, outcome FROM attempt_invitations(197, max_amount => 2) ORDER BY 2;
UPDATE setting SET eligible = NULL;
DROP FUNCTION trees.may_even;
SELECT invitation_id, gig_id, outcome FROM attempt_invitations(199, max_amount => 2) ORDER BY 2;
SELECT invitation_id, gig_id, outcome FROM attempt_invitations(198, ARRAY[1, 2, 3, 99]) ORDER BY 2;

-- Workers who go.
UPDATE worker SET active = false WHERE id = 20;
SELECT profile, active FROM erase_worker(21);
DELETE FROM worker WHERE id = 22;

-- Time passes: too late to answer, started, ended, archived; cancelled, deleted.
SET cirro.clock = '2030-01-01 13:30+00';
SELECT accept((SELECT min(id) FROM invitation WHERE gig_id = 4 AND status = 'pending'));
\echo :SQLSTATE
SELECT reject((SELECT max(id) FROM invitation WHERE gig_id = 4 AND status = 'pending'));
\echo :SQLSTATE
CALL cirro.run_waves();
DELETE FROM gig WHERE id = 7;
SELECT id FROM cancel(8);
SET cirro.clock = '2030-01-01 15:30+00';
SELECT try(format('SELECT accept(%L)', (SELECT min(id) FROM invitation WHERE gig_id = 4 AND status = 'pending')));
SELECT try('SELECT * FROM invite(4, ARRAY[1])');
SELECT try('SELECT * FROM run_wave(4)');
CALL cirro.run_waves();
SELECT id FROM archive(4);
SET cirro.clock = '2030-01-03 12:30+00';
CALL cirro.run_waves();
SELECT pg_stat_force_next_flush();
SELECT 1;
