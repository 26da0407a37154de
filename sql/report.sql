-- report(): what its pages hold, whom they show it to, and that no text of others
-- is anything but text in them. How they look is seen by test/clients/report.js.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
DROP ROLE IF EXISTS regress_cirro_owner, regress_cirro_reader;
CREATE ROLE regress_cirro_owner;
CREATE ROLE regress_cirro_reader;
SELECT cirro.create_space('pictures', 'regress_cirro_owner');
SET timezone = 'UTC';
SET datestyle = 'German';
SET intervalstyle = 'sql_standard';
SET search_path = pictures;
SET cirro.clock = '2030-05-01 08:00+00';
\pset format unaligned
\pset tuples_only on
\pset null -

-- A page without its tags: what can be read on it, a line a block.
CREATE FUNCTION pg_temp.words(page text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT btrim(regexp_replace(l, '\s+', ' ', 'g')) FROM regexp_split_to_table(
		regexp_replace(regexp_replace(regexp_replace(regexp_replace($1, '<style>.*</style>', ''),
			'</(tr|p|h1|h2|dd|desc|title|svg|summary|caption|div)>', '|', 'g'), '</t[dh]>|<text[^>]*>|<dd>', ' ', 'g'), '<[^>]*>', '', 'g'), '\|') l
	WHERE btrim(l, E' \n') !~ '^$|^\d+(:00|&nbsp;\w+ \d+)\s0$' $$;

-- An empty Space: nothing to show is said, not drawn.
SELECT pg_temp.words(cirro.report('pictures'));

INSERT INTO worker (id, profile) SELECT w, jsonb_build_object('n', w % 2) FROM generate_series(1, 40) w;
INSERT INTO gig (id, title, url, start_at, end_at, seats_min, seats_max, invitation_multiplier, invitation_frequency, filter_query) VALUES
	(1, 'One', 'u', '2030-05-03 08:00+00', '2030-05-03 10:00+00', 3, 5, 4, '1 hour', '{"n": 1}'),
	(2, 'Two', 'u', '2030-05-02 08:00+00', '2030-05-02 10:00+00', 2, NULL, 1, '1 hour', '{"n": 2}'),
	(3, 'Three', 'u', '2030-05-04 08:00+00', '2030-05-04 10:00+00', 2, 2, 1, '1 hour', '{}');
UPDATE gig SET invitation_mode = 'manual' WHERE id = 3;
-- One gig, before anything has happened.
SELECT pg_temp.words(cirro.report('pictures', 3));

CALL cirro.run_waves('pictures');
SET cirro.clock = '2030-05-01 08:10+00';
SELECT count((accept(id)).status) FROM (SELECT id FROM invitation WHERE gig_id = 1 ORDER BY id LIMIT 2) i;
SELECT count((reject(id)).status) FROM (SELECT id FROM invitation WHERE gig_id = 1 AND status = 'pending' ORDER BY id LIMIT 1) i;
SET cirro.clock = '2030-05-01 21:30+00';
SELECT (leave(id)).status FROM (SELECT id FROM invitation WHERE gig_id = 1 AND status = 'accepted' ORDER BY id LIMIT 1) i;
SELECT count((accept(id)).status) FROM (SELECT id FROM invitation WHERE gig_id = 1 AND status = 'pending' ORDER BY id LIMIT 1) i;
-- Seated without being asked: an accept, but no answer.
SELECT outcome FROM invite(3, '{2}', auto_accept => true);
SELECT pg_temp.words(cirro.report('pictures'));
SELECT pg_temp.words(cirro.report('pictures', 1));
-- Why there is no next wave.
SELECT w FROM pg_temp.words(cirro.report('pictures', 2)) w WHERE w ~ '^created';
BEGIN;
UPDATE gig SET pending_max = 8 WHERE id = 1;
SELECT outcome FROM run_wave(1);
SELECT w FROM pg_temp.words(cirro.report('pictures', 1)) w WHERE w ~ '^created';
SELECT w FROM pg_temp.words(cirro.report('pictures')) w WHERE w ~ '^[0-9]+ of .* 8 |^0 of 2 or more';
ROLLBACK;
-- Times are the session's; nothing else of its settings is in the page.
SET timezone = 'Asia/Kathmandu';
SELECT regexp_count(p, '<time datetime="2030-05-03T13:45\+05:45">2030-05-03 13:45</time>') > 0, p ~ 'time zone <bdi>Asia/Kathmandu'
FROM cirro.report('pictures', 1) p;
SET timezone = 'UTC';

-- The steps end where the gig stands, whatever events are left; without them the
-- answers' own times count.
CREATE FUNCTION pg_temp.steps(gig bigint) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT w FROM pg_temp.words(substring(cirro.report('pictures', gig) FROM 'id="seats-h".*?</details>')) w WHERE w ~ '^2030' $$;
SELECT pg_temp.steps(1);
BEGIN;
DELETE FROM event WHERE status = 'accepted';
SELECT pg_temp.steps(1);
DELETE FROM event;
SELECT pg_temp.steps(1);
SELECT count(*) FROM pg_temp.words(cirro.report('pictures')) w WHERE w = 'Nobody has accepted in these days.';
ROLLBACK;

-- A clock at the end of time, and times without an end, are no error.
SET cirro.clock = '4713-01-02 00:00+00 BC';
SELECT length(cirro.report('pictures')) > 1000, length(cirro.report('pictures', 1)) > 1000;
SET cirro.clock = '294276-12-31 00:00+00';
SELECT length(cirro.report('pictures')) > 1000, length(cirro.report('pictures', 1)) > 1000;
SET cirro.clock = '2030-05-01 21:30+00';
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE gig SET created_at = '-infinity', end_at = 'infinity' WHERE id = 1;
UPDATE gig_state SET closes_at = 'infinity' WHERE gig_id = 1;
UPDATE event SET at = CASE WHEN id % 2 = 0 THEN 'infinity' ELSE '-infinity' END::timestamptz;
UPDATE invitation SET invited_at = '-infinity', responded_at = 'infinity' WHERE gig_id = 1;
SELECT length(cirro.report('pictures')) > 1000, length(cirro.report('pictures', 1)) > 1000;
UPDATE gig_state SET target = 2147483647, capacity = 2147483647, accepted = -2147483648;
SELECT array_agg(m[1]) FROM regexp_matches(cirro.report('pictures', 1), 'class="end" x="50.0" y="[0-9.]+">([^<]*)<', 'g') m;
UPDATE invitation SET invited_at = '4000-01-01 00:00+00 BC', responded_at = '200000-12-31 00:00+00' WHERE gig_id = 1;
SELECT length(cirro.report('pictures')) > 1000, length(cirro.report('pictures', 1)) > 1000;
ROLLBACK;

-- Nothing of a text gets through: the tags are ours alone.
CREATE FUNCTION pg_temp.tags(page text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(DISTINCT m[1], ' ' ORDER BY m[1]) FROM regexp_matches($1, '<\s*/?\s*([^\s>/]+)', 'g') m $$;
SELECT pg_temp.tags(cirro.report('pictures')) AS space, pg_temp.tags(cirro.report('pictures', 1)) AS gig \gset clean_
UPDATE gig SET title = t.title FROM (VALUES
	(1, E'</title></bdi></svg><script>alert(1)</script>\x01\x7f"''\t\n&lt;' || U&'\FDD0\+10FFFF\202E\0085é'),
	(2, repeat('<b onclick="x">', 1000))) t (id, title) WHERE gig.id = t.id;
INSERT INTO consumer (name) VALUES ('"><img src=x onerror=alert(1)>');
SELECT pg_temp.tags(cirro.report('pictures')) = :'clean_space', pg_temp.tags(cirro.report('pictures', 1)) = :'clean_gig';
SELECT substring(cirro.report('pictures', 1) FROM '<h1>.*?</h1>');
SELECT length(substring(cirro.report('pictures') FROM '<bdi>(&lt;b.*?)</bdi>'));
SELECT cirro.report('pictures', 1) !~ '[^\n\x20-\x7e]', cirro.report('pictures') !~ '[^\n\x20-\x7e]';
-- So is the name of a Space.
SELECT cirro.create_space('<i>"pic''&');
SELECT count(*) FROM regexp_matches(cirro.report('<i>"pic''&'), '&lt;i&gt;&quot;pic&#39;&amp;', 'g');
SELECT pg_temp.tags(cirro.report('<i>"pic''&')) ~ '\mi\M';
SELECT cirro.drop_space('<i>"pic''&');

-- More gigs than a page holds are counted, not shown.
BEGIN;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_mode, filter_query)
	SELECT g, 'many', 'u', '2030-06-01', '2030-06-02', 1, 'manual', '{}' FROM generate_series(1001, 1600) g;
SELECT count(*) FROM regexp_matches(cirro.report('pictures'), 'data-label="Gig"', 'g');
SELECT w FROM pg_temp.words(cirro.report('pictures')) w WHERE w ~ 'gigs, |more gigs';
ROLLBACK;

-- Whoever may read gig and invitation has a page; what else may not be read is said.
SET ROLE regress_cirro_reader;
SELECT cirro.report('pictures');
RESET ROLE;
GRANT USAGE ON SCHEMA pictures TO regress_cirro_reader;
SET ROLE regress_cirro_reader;
SELECT cirro.report('pictures');
RESET ROLE;
GRANT SELECT ON gig, invitation TO regress_cirro_reader;
SET ROLE regress_cirro_reader;
SELECT w FROM pg_temp.words(cirro.report('pictures')) w WHERE w ~ 'may not|role|Notifications';
SELECT w FROM pg_temp.words(cirro.report('pictures', 1)) w WHERE w ~ 'may not|role';
SELECT pg_temp.steps(1);
RESET ROLE;
-- Row policies decide what is counted; what a gig's own row says is no secret.
ALTER TABLE gig ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitation ENABLE ROW LEVEL SECURITY;
CREATE POLICY partly ON gig FOR SELECT TO regress_cirro_reader USING (id = 1);
CREATE POLICY partly ON invitation FOR SELECT TO regress_cirro_reader USING (worker_id % 2 = 1 AND status <> 'accepted');
SET ROLE regress_cirro_reader;
SELECT w FROM pg_temp.words(cirro.report('pictures')) w WHERE w ~ 'gigs,|^(\d+ )?(One|Two|Three|Open gigs)';
SELECT w FROM pg_temp.words(cirro.report('pictures', 1)) w WHERE w ~ 'does not see';
SELECT cirro.report('pictures', 2);
RESET ROLE;

-- What there is not.
SELECT cirro.report(NULL);
SELECT cirro.report('nowhere');
SELECT cirro.report('pictures', 99);
SELECT cirro.report('pg_catalog');
SELECT length(cirro.report('pictures', NULL)) > 1000;
-- It writes nothing, keeps no setting and sees one moment.
BEGIN READ ONLY;
SELECT length(cirro.report('pictures')) > 1000;
SHOW jit;
SHOW search_path;
ROLLBACK;
SELECT provolatile, proparallel, prosecdef FROM pg_proc WHERE oid = 'cirro.report(name, bigint)'::regprocedure;

SET client_min_messages = warning;
DROP SCHEMA pictures CASCADE;
DROP ROLE regress_cirro_owner, regress_cirro_reader;
