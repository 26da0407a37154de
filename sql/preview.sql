-- When nobody matches: preview() counts and shows whom a filter finds,
-- explain_invitation() tells every gate between a worker and a gig.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
DROP ROLE IF EXISTS regress_cirro_app, regress_cirro_site;
CREATE ROLE regress_cirro_app;
CREATE ROLE regress_cirro_site;
SELECT cirro.create_space('preview');
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET search_path = preview;
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

INSERT INTO worker (id, ref, profile, active, lot) VALUES (1, 'ada', '{"lang": ["de", "en"], "hours": 20}', true, 50), (2, 'bob', '{"lang": ["en"], "hours": 5}', true, 40),
	(3, 'cem', '{"lang": ["de"]}', true, 30), (4, 'dan', '{"lang": ["de"], "hours": 12}', true, 20), (5, 'eve', '{"lang": ["de"], "hours": 12}', false, 10), (6, NULL, '{"lang": "de", "hours": 12}', true, -5);

-- preview: by lot, or by sort with what is missing last and ties by lot.
\pset tuples_only off
SELECT * FROM preview('{"lang": "de"}');
\pset tuples_only on
SELECT matching, worker_id FROM preview('{"lang": "de"}', '{"hours": -1}');
SELECT matching, worker_id FROM preview('{"lang": "de"}', '{"hours": 1}', 3);
SELECT matching, worker_id FROM preview('{}', max => 1);
-- Parameters of the types that drivers send.
PREPARE by_text(text, text) AS SELECT matching, worker_id FROM preview($1, $2, 2);
PREPARE by_varchar(varchar, varchar) AS SELECT matching, worker_id FROM preview($1, $2, 2);
PREPARE by_json(json, json) AS SELECT matching, worker_id FROM preview($1, $2, 2);
PREPARE by_jsonb(jsonb, jsonb) AS SELECT matching, worker_id FROM preview($1, $2, 2);
EXECUTE by_text('{"lang": "de"}', '{"hours": -1, "name": 1}');
EXECUTE by_varchar('{"lang": "de"}', '{"hours": -1, "name": 1}');
EXECUTE by_json('{"lang": "de"}', '{"hours": -1, "name": 1}');
EXECUTE by_jsonb('{"lang": "de"}', '[{"hours": -1}, {"name": 1}]');
SET plan_cache_mode = force_generic_plan;
EXECUTE by_text('{"lang": "de"}', NULL);
EXECUTE by_jsonb('{"lang": "de"}', '{"hours": 1}');
RESET plan_cache_mode;
-- Nobody, or nobody to show, is a row as well.
SELECT * FROM preview('{"lang": "it"}');
SELECT * FROM preview('{"lang": "de"}', max => 0);
-- That of a gig, and literals that need quoting.
INSERT INTO gig (id, title, url, start_at, end_at, seats_max, filter_query, sort_query, invitation_mode)
	VALUES (1, 'It''s', 'https://gig', '2030-01-02', '2030-01-03', 1, '{"lang": {"$regex": "^[d'']e$"}, "a\\b''c": null}', '[{"ho\\ur''s": 1}, {"hours": -1}]', 'manual');
SELECT p.matching, p.worker_id FROM gig g, preview(g.filter_query, g.sort_query) p WHERE g.id = 1;
DELETE FROM gig;
SELECT c, pg_temp.try(c) FROM unnest(ARRAY['SELECT * FROM preview(NULL)', 'SELECT * FROM preview(''{}'', max => NULL)', 'SELECT * FROM preview(''{}'', max => -1)',
	'SELECT * FROM preview(''{"a": {"$near": 1}}'')', 'SELECT * FROM preview(''{}'', ''{"a": 2}'')', 'SELECT * FROM preview(''{}'', NULL, 2147483647)']) WITH ORDINALITY u (c, n) ORDER BY n;
-- Exact up to 10,000; above it, the planner's estimate, but never less.
BEGIN;
INSERT INTO worker (id, profile) SELECT i, '{"lang": "xx"}' FROM generate_series(1000, 10999) i;
SELECT matching, exact, worker_id IS NULL FROM preview('{"lang": "xx"}', max => 0);
INSERT INTO worker (id, profile) SELECT i, '{"lang": "xx"}' FROM generate_series(11000, 20999) i;
SELECT matching >= 10001, exact, worker_id IS NULL FROM preview('{"lang": "xx"}', max => 0);
ANALYZE worker;
SELECT matching BETWEEN 15000 AND 25000, exact FROM preview('{}', max => 0);
SELECT matching, exact FROM preview('{"lang": "en"}', max => 0);
ROLLBACK;
-- In a read-only transaction, and with a temporary table in the way.
BEGIN READ ONLY;
SELECT matching FROM preview('{"lang": "de"}', max => 0);
ROLLBACK;
CREATE TEMP TABLE worker (active boolean, profile jsonb);
SELECT matching FROM preview('{"lang": "de"}', max => 0);
DROP TABLE pg_temp.worker;

-- explain_invitation: every gate of a wave.
INSERT INTO gig (id, title, url, start_at, end_at, seats_min, seats_max, filter_query, invitation_multiplier, invitation_frequency)
	VALUES (1, 'Auto', 'https://gig', '2030-01-02', '2030-01-03', 1, 2, '{"lang": "de", "$or": [{"hours": {"$gte": 10}}, {"car": true}]}', 2, '1 hour');
\pset tuples_only off
SELECT * FROM explain_invitation(1, 1);
SELECT * FROM explain_invitation(2, 1);
\pset tuples_only on
CREATE FUNCTION pg_temp.explain(worker_id bigint, gig_id bigint) RETURNS TABLE (gate text, passed boolean, detail text) LANGUAGE sql AS $$
	SELECT * FROM preview.explain_invitation(worker_id, gig_id) WHERE passed IS NOT true $$;
-- Only what is in the way: inactive; not matching, none of the $or.
SELECT * FROM pg_temp.explain(5, 1);
SELECT * FROM pg_temp.explain(3, 1);
-- A wave has run.
CALL cirro.run_waves('preview');
SELECT worker_id, status FROM invitation ORDER BY worker_id;
SELECT * FROM (SELECT w.id FROM worker w WHERE NOT EXISTS (SELECT FROM invitation i WHERE i.worker_id = w.id) AND w.active AND w.profile OPERATOR(cirro.@@) '{"lang": "de", "hours": {"$exists": true}}') w,
	LATERAL (SELECT gate, passed, detail FROM pg_temp.explain(w.id, 1)) e;
SET cirro.clock = '2030-01-01 14:00+00';
SELECT e.detail FROM worker w, pg_temp.explain(w.id, 1) e WHERE NOT EXISTS (SELECT FROM invitation i WHERE i.worker_id = w.id) AND e.gate = 'wave';
CALL cirro.run_waves('preview');
INSERT INTO worker (id, profile, lot) VALUES (7, '{"lang": "de", "hours": 40}', 0);
SELECT * FROM pg_temp.explain(7, 1);
DELETE FROM worker WHERE id = 7;
-- Invited in every way and state.
DELETE FROM invitation;
UPDATE gig SET filter_query = '{}';
INSERT INTO invitation (id, gig_id, worker_id) VALUES (101, 1, 1), (102, 1, 2), (103, 1, 3);
SELECT outcome FROM attempt_invitations(4, '{1}');
SELECT outcome FROM invite(1, '{6}', '2030-01-01 18:00+00');
SELECT w, e.* FROM unnest('{1,4,6}'::int[]) w, pg_temp.explain(w, 1) e;
SELECT status FROM reject(101, 'no time');
SELECT status FROM expire(102);
SELECT w, e.* FROM unnest('{1,2}'::int[]) w, pg_temp.explain(w, 1) e;
UPDATE gig SET answer_within = '1 hour';
SET cirro.clock = '2030-01-01 15:30+00';
SELECT * FROM pg_temp.explain(3, 1);
SET cirro.clock = '2030-01-01 14:00+00';
SELECT status FROM accept(103);
SELECT * FROM pg_temp.explain(3, 1);
SELECT status FROM leave(103, 'ill');
SELECT * FROM pg_temp.explain(3, 1);
-- Seats, and who is invited again once there are some.
SELECT status FROM reset(101);
SELECT status FROM accept(101);
UPDATE gig SET seats_max = 1;
SELECT * FROM pg_temp.explain(4, 1);
UPDATE gig SET seats_max = 3, seats_min = 2, sort_query = '{"hours": -1}';
SELECT * FROM explain_invitation(4, 1) WHERE gate NOT IN ('running', 'mode', 'open', 'active');
-- How many may be pending.
UPDATE gig SET pending_max = 1, answer_within = NULL;
SELECT * FROM explain_invitation(4, 1) WHERE gate = 'pending_max';
SELECT status FROM reset(102);
SELECT * FROM explain_invitation(4, 1) WHERE gate = 'pending_max';
UPDATE setting SET max_pending = 1;
SELECT * FROM explain_invitation(2, 1) WHERE gate IN ('pending_max', 'max_pending');
SELECT * FROM explain_invitation(4, 1) WHERE gate IN ('pending_max', 'max_pending');
UPDATE setting SET max_pending = NULL;
UPDATE gig SET pending_max = NULL;
-- Waves that do not run.
UPDATE setting SET paused = true;
SELECT * FROM pg_temp.explain(4, 1);
UPDATE setting SET paused = false;
SET cirro.active = off;
SELECT * FROM pg_temp.explain(4, 1);
RESET cirro.active;
UPDATE gig SET invitation_mode = 'manual';
SELECT * FROM pg_temp.explain(4, 1);
UPDATE gig SET invitation_mode = 'auto';
-- One that failed.
ALTER TABLE invitation ADD CONSTRAINT nobody CHECK (worker_id <> 4) NOT VALID;
CALL cirro.run_waves('preview');
SELECT * FROM pg_temp.explain(4, 1);
ALTER TABLE invitation DROP CONSTRAINT nobody;
-- Phases.
SET cirro.clock = '2030-01-02 12:00+00';
SELECT * FROM explain_invitation(4, 1) WHERE gate = 'open';
SET cirro.clock = '2030-01-03 00:00+00';
SELECT * FROM pg_temp.explain(4, 1);
SELECT archived_at FROM archive(1);
SELECT * FROM pg_temp.explain(4, 1);
SET cirro.clock = '2030-01-01 14:00+00';
-- A filter without conditions; one with many; what is found is cut.
INSERT INTO gig (id, title, url, start_at, end_at, seats_max, filter_query) VALUES (2, 'All', 'https://gig', '2030-01-02', '2030-01-03', 1, '{}'),
	(3, 'Nor', 'https://gig', '2030-01-02', '2030-01-03', 1, '{"$nor": [{"hours": {"$lt": 15}}, {"car": null, "lang": "fr"}], "name": {"$not": {"$regex": "^x"}}}');
SELECT gate, passed, detail FROM explain_invitation(1, 2);
SELECT gate, passed, detail FROM explain_invitation(1, 3) WHERE gate IN ('filter', 'condition');
SELECT gate, passed, detail FROM explain_invitation(4, 3) WHERE gate IN ('filter', 'condition');
UPDATE worker SET profile = jsonb_build_object('name', repeat('x', 100000)) WHERE id = 2;
SELECT gate, passed, length(detail) FROM explain_invitation(2, 3) WHERE gate IN ('filter', 'condition') AND NOT passed;
-- Nothing else than what is there.
SELECT c, pg_temp.try(c) FROM unnest('{"SELECT * FROM explain_invitation(99, 1)","SELECT * FROM explain_invitation(1, 99)","SELECT * FROM explain_invitation(NULL, 1)","SELECT * FROM explain_invitation(1, NULL)"}'::text[]) WITH ORDINALITY u (c, n) ORDER BY n;
BEGIN;
SET LOCAL session_replication_role = replica;
DELETE FROM gig_state WHERE gig_id = 2;
SELECT * FROM explain_invitation(1, 2);
ROLLBACK;

-- Rights: what the tables allow, and no more.
GRANT USAGE ON SCHEMA preview TO regress_cirro_app, regress_cirro_site;
SET ROLE regress_cirro_app;
SELECT c, pg_temp.try(c) FROM unnest('{"SELECT * FROM preview(''{}'')","SELECT * FROM explain_invitation(1, 2)"}'::text[]) WITH ORDINALITY u (c, n) ORDER BY n;
RESET ROLE;
GRANT SELECT ON worker TO regress_cirro_app;
SET ROLE regress_cirro_app;
SELECT matching FROM preview('{}', max => 0);
SELECT pg_temp.try('SELECT * FROM explain_invitation(1, 2)');
RESET ROLE;
GRANT SELECT ON gig, invitation TO regress_cirro_app, regress_cirro_site;
GRANT SELECT ON worker TO regress_cirro_site;
-- The numbers of waves are for those who may read the table wave.
CALL cirro.run_waves('preview');
SELECT DISTINCT e.detail FROM invitation i, explain_invitation(i.worker_id, 2) e WHERE i.gig_id = 2 AND e.gate = 'invitation';
SET ROLE regress_cirro_app;
SELECT DISTINCT e.detail FROM invitation i, explain_invitation(i.worker_id, 2) e WHERE i.gig_id = 2 AND e.gate = 'invitation';
RESET ROLE;
INSERT INTO worker (id, profile) VALUES (8, '{}');
SELECT detail FROM explain_invitation(8, 2) WHERE gate = 'wave';
SET ROLE regress_cirro_app;
SELECT detail FROM explain_invitation(8, 2) WHERE gate = 'wave';
RESET ROLE;
UPDATE setting SET max_pending = 1;
SET cirro.clock = '2030-01-01 14:10+00';
INSERT INTO invitation (gig_id, worker_id) VALUES (3, 8);
CALL cirro.run_waves('preview');
INSERT INTO worker (id, profile) VALUES (9, '{}');
SELECT detail FROM explain_invitation(9, 2) WHERE gate = 'wave';
UPDATE setting SET max_pending = NULL;
DELETE FROM worker WHERE id = 9;
-- Row policies hold: others are neither counted nor estimated nor shown.
ALTER TABLE worker ENABLE ROW LEVEL SECURITY;
ALTER TABLE gig ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitation ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON worker TO regress_cirro_site USING (ref = 'ada');
CREATE POLICY all_rows ON gig TO regress_cirro_site USING (title <> 'Nor');
CREATE POLICY none ON invitation TO regress_cirro_site USING (false);
INSERT INTO worker (id, profile) SELECT i, '{"lang": "de"}' FROM generate_series(1000, 21999) i;
ANALYZE worker;
SET ROLE regress_cirro_site;
SELECT matching, exact, worker_id, worker_ref FROM preview('{}');
SELECT matching, exact, worker_id, worker_ref FROM preview('{"lang": "it"}', '{"a": 1}');
SELECT gate, passed FROM explain_invitation(1, 2) WHERE gate <> 'wave';
SELECT pg_temp.try('SELECT * FROM explain_invitation(2, 2)');
SELECT pg_temp.try('SELECT * FROM explain_invitation(1, 3)');
RESET ROLE;

-- Spaces of any name and type of ids; made anew by an upgrade, and dropped.
SET client_min_messages = warning;
RESET search_path;
SELECT cirro.create_space('Pre "view', ref_type => 'uuid'), cirro.create_space('by_bigint', ref_type => 'bigint');
INSERT INTO "Pre ""view".worker (id, ref) VALUES (3, '00000000-0000-0000-0000-000000000007');
INSERT INTO by_bigint.worker (id, ref) VALUES (4, 9223372036854775807);
SELECT pg_typeof(worker_ref), worker_ref, worker_id FROM "Pre ""view".preview('{}');
SELECT pg_typeof(worker_ref), worker_ref, worker_id FROM by_bigint.preview('{}');
DROP FUNCTION by_bigint.preview, by_bigint.explain_invitation;
CALL cirro.upgrade_spaces('by_bigint');
CALL cirro.upgrade_spaces('Pre "view');
SELECT matching FROM by_bigint.preview('{}', max => 0);
SELECT cirro.drop_space('Pre "view'), cirro.drop_space('by_bigint'), cirro.drop_space('preview');
SELECT nspname FROM pg_namespace WHERE nspname IN ('preview', 'by_bigint', 'Pre "view');
DROP ROLE regress_cirro_app, regress_cirro_site;
