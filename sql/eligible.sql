--
-- eligible: a Space's own rule for waves and attempts, setting.eligible
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
CREATE ROLE regress_eligible_owner;
CREATE ROLE regress_eligible_app;
CREATE ROLE regress_eligible_other;
SELECT cirro.create_space('eligible', 'regress_eligible_owner');
GRANT USAGE ON SCHEMA eligible TO regress_eligible_app;
GRANT USAGE, CREATE ON SCHEMA eligible TO regress_eligible_other;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA eligible TO regress_eligible_app;
REVOKE INSERT, UPDATE ON eligible.setting FROM regress_eligible_app;
SET search_path = eligible;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET jit = off;
RESET client_min_messages;
SET cirro.clock = '2030-01-01 12:00+00';

INSERT INTO worker (id, profile, lot)
SELECT i, jsonb_build_object('n', i, 'half', i % 2), i * 1000000 FROM generate_series(1, 2000) i;

-- What the function was asked. Written as the owner, in the transaction of the wave.
CREATE TABLE asked (id int GENERATED ALWAYS AS IDENTITY, gig_id bigint, worker_ids bigint[], role name);
ALTER TABLE asked OWNER TO regress_eligible_owner;
-- of whom it lets pass
CREATE TABLE allowed (worker_id bigint PRIMARY KEY);
ALTER TABLE allowed OWNER TO regress_eligible_owner;
SET ROLE regress_eligible_owner;
CREATE FUNCTION may_invite(gig_id bigint, worker_ids bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO asked (gig_id, worker_ids, role) VALUES (may_invite.gig_id, may_invite.worker_ids, current_user);
	RETURN ARRAY(SELECT a.worker_id FROM allowed a WHERE a.worker_id = ANY (may_invite.worker_ids) ORDER BY a.worker_id DESC);
END $$;
RESET ROLE;
CREATE VIEW waves AS
	SELECT v.gig_id, v.number, v.wanted, v.invited, v.matched, v.held_back, v.outcome, v.repeats, v.error
	FROM wave v ORDER BY v.gig_id, v.number, v.id;
CREATE VIEW calls AS
	SELECT a.gig_id, array_agg(cardinality(a.worker_ids) ORDER BY a.id) AS lots, sum(cardinality(a.worker_ids)) AS asked,
		(SELECT count(DISTINCT w) FROM asked b, unnest(b.worker_ids) w WHERE b.gig_id = a.gig_id) AS workers, min(a.role) AS role
	FROM asked a GROUP BY a.gig_id ORDER BY a.gig_id;
CREATE FUNCTION clear() RETURNS void LANGUAGE sql AS $$
	DELETE FROM eligible.gig;
	DELETE FROM eligible.wave;
	DELETE FROM eligible.event;
	DELETE FROM eligible.asked;
	DELETE FROM eligible.allowed;
	DELETE FROM eligible.attempt;
$$;
-- Whom a wave invites without a rule, in its order.
CREATE FUNCTION in_order(gig bigint, number int) RETURNS TABLE (worker_id bigint, place bigint) LANGUAGE sql AS $$
	SELECT w.id, row_number() OVER (ORDER BY w.lot < s.start, w.lot, w.id)
	FROM eligible.worker w, (SELECT (((hashint8extended(gig, number) & 4294967295) + 2147483648) % 4294967296 - 2147483648)::int AS start) s
	WHERE w.active
$$;

\set VERBOSITY terse
UPDATE setting SET eligible = '';
\set VERBOSITY default
UPDATE setting SET eligible = 'may_invite';

-- In lots, each twice as large as the last, in the order of the wave, until there are enough
INSERT INTO allowed SELECT i FROM generate_series(1, 2000, 7) i;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
VALUES (1, 'a', 'u', '2030-01-02', '2030-01-03', 2, 5, '{}');
CALL cirro.run_waves('eligible');
SELECT * FROM waves;
SELECT * FROM calls;
SELECT count(*) AS first FROM invitation i
WHERE i.worker_id IN (SELECT o.worker_id FROM in_order(1, 1) o JOIN allowed USING (worker_id) ORDER BY o.place LIMIT 10);
SELECT bool_and(o.worker_id = a.worker_id) AS in_order
FROM (SELECT w, row_number() OVER (ORDER BY a.id, u.ord) FROM asked a, unnest(a.worker_ids) WITH ORDINALITY u (w, ord)) a (worker_id, place)
JOIN in_order(1, 1) o USING (place);
-- The next wave goes on with others; nothing is remembered, and the gig does not sleep
SELECT searched, slept_in FROM gig_state;
UPDATE allowed SET worker_id = -worker_id WHERE worker_id > 20;
SET cirro.clock = '2030-01-01 12:05+00'; CALL cirro.run_waves('eligible');
SET cirro.clock = '2030-01-01 12:10+00'; CALL cirro.run_waves('eligible');
SET cirro.clock = '2030-01-01 12:15+00'; CALL cirro.run_waves('eligible');
SELECT * FROM waves;
-- At most 1,000, if 20 times as many as wanted are fewer
SELECT number, sum, workers FROM (
	SELECT dense_rank() OVER (ORDER BY a.xmin::text::bigint) AS number, sum(cardinality(a.worker_ids)) AS sum,
		(SELECT count(DISTINCT w) FROM asked b, unnest(b.worker_ids) w WHERE b.xmin = a.xmin) AS workers
	FROM asked a GROUP BY a.xmin) s;
SELECT searched, slept_in, to_char(next_wave_at, 'HH24:MI') FROM gig_state;
SELECT * FROM check_consistency();
-- Who may be invited later is, by the cadence
UPDATE allowed SET worker_id = -worker_id WHERE worker_id < 0;
SET cirro.clock = '2030-01-01 12:20+00'; CALL cirro.run_waves('eligible');
SELECT * FROM waves WHERE invited > 0;
SELECT clear() \gset

-- 20 times as many as wanted, if these are more
SET cirro.clock = '2030-01-01 12:00+00';
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
VALUES (2, 'b', 'u', '2030-01-02', '2030-01-03', 60, 1, '{}');
CALL cirro.run_waves('eligible');
SELECT * FROM calls;
SELECT * FROM waves;
SELECT clear() \gset

-- Each way of looking for workers finds the same: by sort_query, by index, by lot, by a pass over all
INSERT INTO allowed SELECT i FROM generate_series(1, 2000, 3) i;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query, sort_query)
SELECT i, 'c', 'u', '2030-01-02', '2030-01-03', 1, 4, q.filter::jsonb, q.sort::jsonb
FROM (VALUES (11, '{}', NULL), (12, '{"half": 1}', NULL), (13, '{}', '{"n": -1}'), (14, '{"n": {"$lt": 40}}', '{"n": 1}'),
	(15, '{"n": {"$in": [1, 4, 5, 6, 7]}}', NULL), (16, '{"n": {"$lt": 1500, "$gt": 1490}}', NULL)) q (i, filter, sort);
SET cirro.wave_search = 'single';
BEGIN;
SET LOCAL client_min_messages = error;
CALL cirro.run_waves('eligible');
SELECT * FROM waves;
SELECT count(*), count(*) FILTER (WHERE i.worker_id % 3 = 1) AS allowed FROM invitation i;
SELECT i.gig_id, array_agg(i.worker_id ORDER BY i.worker_id) FROM invitation i WHERE i.gig_id IN (13, 14, 15, 16) GROUP BY 1 ORDER BY 1;
SELECT array_agg(i.gig_id || ' ' || i.worker_id ORDER BY i.gig_id, i.worker_id) AS found FROM invitation i \gset
ROLLBACK;
SET cirro.wave_search = 'batch';
CALL cirro.run_waves('eligible');
SELECT array_agg(i.gig_id || ' ' || i.worker_id ORDER BY i.gig_id, i.worker_id) = :'found'::text[] AS same FROM invitation i;
SELECT * FROM waves;
-- What a pass proposes does not suffice: the wave searches itself, and asks about nobody twice
SELECT clear() \gset
INSERT INTO allowed SELECT o.worker_id FROM in_order(21, 1) o WHERE o.place IN (5, 130, 131, 300);
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
VALUES (21, 'd', 'u', '2030-01-02', '2030-01-03', 1, 4, '{}');
CALL cirro.run_waves('eligible');
SELECT * FROM waves;
SELECT gig_id, asked, workers FROM calls;
RESET cirro.wave_search;
SELECT clear() \gset

-- With max_pending: first who has room, then who is eligible
UPDATE setting SET max_pending = 1;
INSERT INTO allowed SELECT generate_series(1, 6);
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
SELECT i, 'e', 'u', '2030-01-02', '2030-01-03', 1, 4, '{"n": {"$lt": 9}}' FROM generate_series(31, 33) i;
CALL cirro.run_waves('eligible');
SELECT * FROM waves;
SELECT gig_id, asked FROM calls;
SELECT max(n) AS pending, count(*) AS workers FROM (SELECT count(*) FROM invitation i GROUP BY i.worker_id) p (n);
UPDATE setting SET max_pending = NULL;
SELECT clear() \gset

-- Those to be invited again are asked about, too
INSERT INTO allowed VALUES (1), (2), (3), (4), (5);
INSERT INTO gig (id, title, url, start_at, end_at, seats_max, invitation_multiplier, filter_query)
VALUES (41, 'f', 'u', '2030-01-02', '2030-01-03', 1, 10, '{"n": {"$lt": 5}}');
CALL cirro.run_waves('eligible');
SELECT status FROM accept((SELECT i.id FROM invitation i WHERE i.worker_id = 1));
SELECT i.worker_id, i.status, i.reason FROM invitation i ORDER BY 1;
DELETE FROM allowed WHERE worker_id = 3;
SELECT status FROM leave((SELECT i.id FROM invitation i WHERE i.worker_id = 1));
SET cirro.clock = '2030-01-01 12:05+00'; CALL cirro.run_waves('eligible');
SELECT i.worker_id, i.status, i.times_invited FROM invitation i ORDER BY 1;
SELECT * FROM waves;
SELECT clear() \gset
SET cirro.clock = '2030-01-01 12:00+00';

-- Tiers: the rule is asked about those for whom the gig is open by now
INSERT INTO allowed VALUES (1), (2), (3), (4), (5);
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
VALUES (45, 'f', 'u', '2030-01-02', '2030-01-03', 1, 10,
	'{"n": {"$lt": 7}, "$or": [{"half": 1}, {"$gig.open_for": {"$gte": "30 minutes"}}]}');
CALL cirro.run_waves('eligible');
SET cirro.clock = '2030-01-01 12:30+00'; CALL cirro.run_waves('eligible');
SELECT array_agg(w ORDER BY w) AS asked FROM asked a, unnest(a.worker_ids) w GROUP BY a.id ORDER BY a.id;
SELECT i.worker_id, i.invited_at FROM invitation i ORDER BY i.invited_at, i.worker_id;
SELECT clear() \gset
SET cirro.clock = '2030-01-01 12:00+00';

-- Attempts: behind no_match, before filled; invite() does not ask
INSERT INTO allowed VALUES (1);
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_mode, filter_query)
SELECT i, 'g', 'u', '2030-01-02', '2030-01-03', 1, 'manual', CASE i WHEN 52 THEN '{"n": 0}'::jsonb ELSE '{}' END FROM generate_series(51, 54) i;
SELECT outcome FROM invite(53, '{9}', auto_accept => true);
SELECT gig_id, outcome FROM attempt_invitations(2, '{51,52,53,99}');
SELECT gig_id, worker_ids, role FROM asked ORDER BY id;
SELECT gig_id, outcome FROM attempt_invitations(2);
SELECT gig_id, outcome FROM attempt_invitations(1, '{51,52,53,54}', 1);
SELECT gig_id, outcome FROM attempt_invitations(1);
SELECT a.worker_id, a.outcomes FROM attempt a ORDER BY a.id LIMIT 2;
SELECT outcome FROM invite(51, '{2}');
SELECT gig_id, outcome FROM attempt_invitations(2, '{51}');
-- by whoever may invite; the function works as the owner
DELETE FROM asked;
SET ROLE regress_eligible_app;
SELECT gig_id, outcome FROM attempt_invitations(1, '{54,52}');
SELECT gig_id, outcome FROM attempt_invitations(3, '{54}');
RESET ROLE;
SELECT gig_id, worker_ids, role FROM asked ORDER BY id;
SELECT cirro.eligible_gigs('eligible', 1, '{51,NULL,54}'), cirro.eligible_gigs('eligible', 2, '{51,54}'), cirro.eligible_gigs('eligible', 2, NULL) IS NULL AS nothing;
SELECT cirro.eligible_gigs('eligible', NULL, '{51}');
SELECT cirro.eligible_gigs('no_space', 1, '{51}');
SET ROLE regress_eligible_other;
SELECT cirro.eligible_gigs('eligible', 1, '{51}');
RESET ROLE;
UPDATE setting SET eligible = NULL;
SELECT cirro.eligible_gigs('eligible', 1, '{51}') IS NULL AS no_rule;
SELECT gig_id, outcome FROM attempt_invitations(3, '{54}');
UPDATE setting SET eligible = 'may_invite';

-- explain_invitation has its gate; run_wave asks, too
UPDATE gig SET invitation_mode = 'auto';
SELECT gate, passed, detail FROM explain_invitation(4, 54) WHERE gate IN ('eligible', 'wave');
SELECT gate, passed, detail FROM explain_invitation(1, 53) WHERE gate IN ('eligible', 'wave');
SELECT wanted, invited, matched, outcome FROM run_wave(54);
INSERT INTO allowed VALUES (4);
SELECT wanted, invited, matched, outcome FROM run_wave(54);
GRANT SELECT ON ALL TABLES IN SCHEMA eligible TO regress_eligible_other;
SET ROLE regress_eligible_other;
SELECT gate, passed, detail FROM explain_invitation(1, 51) WHERE gate = 'eligible';
RESET ROLE;
SELECT clear() \gset

-- Whatever the function answers, no more than was asked counts
CREATE PROCEDURE wave(id bigint) LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
	VALUES (wave.id, 'h', 'u', '2030-01-02', '2030-01-03', 1, 3, '{"n": {"$lte": 5}}');
END $$;
CREATE VIEW result AS SELECT v.gig_id, v.outcome, v.invited, v.error,
	(SELECT array_agg(i.worker_id ORDER BY i.worker_id) FROM invitation i WHERE i.gig_id = v.gig_id) AS workers
FROM wave v ORDER BY v.gig_id, v.id;
SET ROLE regress_eligible_owner;
CREATE OR REPLACE FUNCTION may_invite(gig_id bigint, worker_ids bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
BEGIN
	CASE may_invite.gig_id
		WHEN 101 THEN RETURN NULL;
		WHEN 102 THEN RETURN '{}';
		WHEN 103 THEN RETURN '{NULL,3,NULL}';
		WHEN 104 THEN RETURN '{3,3,3,3}';
		WHEN 105 THEN RETURN '{7,8,9,-1,0}';
		WHEN 106 THEN RETURN '{{1,2},{3,4}}';
		WHEN 107 THEN RETURN ARRAY(SELECT generate_series(1000000, 3, -1));
		WHEN 108 THEN RETURN may_invite.worker_ids || may_invite.worker_ids;
		WHEN 109 THEN RETURN may_invite.gig_id / 0;
		WHEN 110 THEN RAISE 'no' USING DETAIL = 'Not today.', ERRCODE = 'UG011';
		WHEN 111 THEN RAISE 'again' USING ERRCODE = '40001';
		WHEN 112 THEN PERFORM set_config('search_path', 'pg_catalog', false), set_config('work_mem', '64kB', false); RETURN may_invite.worker_ids;
		WHEN 113 THEN EXECUTE 'CLOSE ALL'; RETURN may_invite.worker_ids;
		WHEN 114 THEN EXECUTE 'CREATE TEMP TABLE t ()';
		WHEN 115 THEN COMMIT;
		WHEN 116 THEN EXECUTE 'LOCK TABLE worker IN ACCESS EXCLUSIVE MODE'; PERFORM FROM gig_state FOR UPDATE; RETURN may_invite.worker_ids;
		WHEN 117 THEN EXECUTE 'SET ROLE regress_eligible_app';
		-- what would ask it in turn
		WHEN 121 THEN CALL cirro.run_waves('eligible');
		WHEN 122 THEN PERFORM eligible.run_wave(may_invite.gig_id);
		WHEN 123 THEN PERFORM FROM eligible.attempt_invitations(3, '{102}');
		WHEN 124 THEN PERFORM FROM eligible.explain_invitation(3, 102); RETURN may_invite.worker_ids;
		WHEN 118 THEN DELETE FROM worker WHERE id = ANY (may_invite.worker_ids[1:2]) ; RETURN '{1,2,3,4,5}';
	END CASE;
END $$;
RESET ROLE;
DO $$ BEGIN FOR i IN 101..117 LOOP CALL wave(i); END LOOP; END $$;
CALL cirro.run_waves('eligible');
SELECT * FROM result;
CALL wave(118);
CALL cirro.run_waves('eligible');
SELECT * FROM result WHERE gig_id = 118;
DO $$ BEGIN FOR i IN 121..124 LOOP CALL wave(i); END LOOP; END $$;
CALL cirro.run_waves('eligible');
SELECT * FROM result WHERE gig_id > 120;
SHOW search_path;
SHOW work_mem;
SELECT cirro.eligible_gigs('eligible', 5, '{101,102,103,107,108}');
SELECT gig_id, outcome FROM attempt_invitations(4, '{109}');
SELECT gate, passed, detail FROM explain_invitation(5, 109) WHERE gate = 'eligible';
SELECT run_wave(109);
SELECT failures, to_char(next_wave_at, 'HH24:MI') AS next_wave FROM gig_state WHERE gig_id = 109;
SELECT * FROM check_consistency();
SELECT clear() \gset
INSERT INTO worker (id, profile, lot) SELECT i, jsonb_build_object('n', i), i FROM generate_series(1, 5) i ON CONFLICT DO NOTHING;

-- What is to be called is looked up each time: dropped, another's, of another kind
CREATE OR REPLACE FUNCTION may_invite(gig_id bigint, worker_ids bigint[]) RETURNS bigint[] LANGUAGE sql AS 'SELECT worker_ids[2:3]';
CALL wave(201); CALL cirro.run_waves('eligible');
DROP FUNCTION may_invite;
CALL wave(202); CALL cirro.run_waves('eligible');
SET ROLE regress_eligible_other;
CREATE FUNCTION may_invite(gig_id bigint, worker_ids bigint[]) RETURNS bigint[] LANGUAGE sql AS 'SELECT worker_ids';
RESET ROLE;
CALL wave(203); CALL cirro.run_waves('eligible');
DROP FUNCTION may_invite;
SET ROLE regress_eligible_owner;
CREATE FUNCTION may_invite(gig_id bigint, worker_ids bigint[]) RETURNS SETOF bigint LANGUAGE sql AS 'SELECT unnest(worker_ids)';
CALL wave(204); CALL cirro.run_waves('eligible');
DROP FUNCTION may_invite;
CREATE FUNCTION may_invite(gig_id bigint, worker_ids bigint[]) RETURNS int[] LANGUAGE sql AS 'SELECT worker_ids::int[]';
CALL wave(205); CALL cirro.run_waves('eligible');
DROP FUNCTION may_invite;
CREATE FUNCTION may_invite(gig_id int, worker_ids bigint[]) RETURNS bigint[] LANGUAGE sql AS 'SELECT worker_ids';
CALL wave(206); CALL cirro.run_waves('eligible');
DROP FUNCTION may_invite;
CREATE PROCEDURE may_invite(gig_id bigint, worker_ids bigint[]) LANGUAGE sql AS 'SELECT 1';
CALL wave(207); CALL cirro.run_waves('eligible');
DROP PROCEDURE may_invite;
CREATE FUNCTION may_add(bigint[], bigint, bigint[]) RETURNS bigint[] LANGUAGE sql AS 'SELECT $3';
CREATE AGGREGATE may_invite(bigint, bigint[]) (sfunc = may_add, stype = bigint[]);
CALL wave(213); CALL cirro.run_waves('eligible');
DROP AGGREGATE may_invite(bigint, bigint[]);
-- SECURITY DEFINER, STRICT, a SET clause, defaults, VARIADIC: all of them can be called
CREATE FUNCTION may_invite(gig_id bigint DEFAULT 0, VARIADIC worker_ids bigint[] DEFAULT '{}') RETURNS bigint[] LANGUAGE sql STRICT
SECURITY DEFINER SET search_path = pg_catalog AS 'SELECT worker_ids[2:3]';
CALL wave(208); CALL cirro.run_waves('eligible');
ALTER FUNCTION may_invite(bigint, bigint[]) RENAME TO "May ""invite""";
UPDATE setting SET eligible = 'May "invite"';
CALL wave(209); CALL cirro.run_waves('eligible');
UPDATE setting SET eligible = 'eligible.may_invite';
CALL wave(210); CALL cirro.run_waves('eligible');
UPDATE setting SET eligible = repeat('x', 64);
CALL wave(211); CALL cirro.run_waves('eligible');
RESET ROLE;
SELECT gig_id, outcome, invited, error FROM result;
SELECT run_wave(210);
UPDATE setting SET eligible = NULL;
CALL wave(212); CALL cirro.run_waves('eligible');
SELECT * FROM result WHERE gig_id > 211;
SELECT * FROM check_consistency();

SET client_min_messages = warning;
RESET search_path;
DROP SCHEMA eligible CASCADE;
DROP ROLE regress_eligible_owner, regress_eligible_app, regress_eligible_other;
