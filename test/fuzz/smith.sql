-- test/fuzz/smith.sql: a Space for sqlsmith to ask about, in a database of its
-- own, and a role that owns both; must not hold more than random joins can bear.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
DO $$ BEGIN
	IF to_regrole('cirro_smith') IS NULL THEN
		CREATE ROLE cirro_smith LOGIN;
	END IF;
	EXECUTE format('GRANT CREATE ON DATABASE %I TO cirro_smith', current_database());
END $$;
-- For test/fuzz/smith_log.pl, and so that no join fills the disk.
ALTER ROLE cirro_smith SET log_error_verbosity = verbose;
ALTER ROLE cirro_smith SET temp_file_limit = '200MB';
SELECT cirro.create_space('trees', 'cirro_smith') \g /dev/null
SET search_path = trees;
INSERT INTO worker (ref, profile, active)
SELECT 'ref' || n, jsonb_build_object('n', n, 's', 'x' || n % 7, 'a', jsonb_build_array(n % 3, jsonb_build_object('b', n))), n % 9 > 0
FROM generate_series(1, 30) n;
INSERT INTO gig (ref, title, url, start_at, end_at, total_seats, filter_query, sort_query, answer_within)
SELECT 'ref' || n, 'Gig', 'u', now() + '1 h'::interval * (n % 3 - 1), now() + '1 day', n,
	jsonb_build_object('n', jsonb_build_object('$lt', 10 * n), 's', '{"$regex": "^x[1-5]"}'::jsonb),
	CASE WHEN n % 2 = 0 THEN '{"n": -1}'::jsonb END, CASE WHEN n % 2 = 0 THEN '1 h'::interval END
FROM generate_series(1, 6) n;
CALL cirro.run_waves();
SELECT accept(id) FROM invitation WHERE id % 5 = 0 AND status = 'pending' ORDER BY id LIMIT 1 \g /dev/null
ANALYZE;
-- Values of the types for it to pick from.
CREATE TABLE odd (filter cirro.filter_query, sort cirro.sort_query, document jsonb, ids bigint[], space name, at timestamptz);
INSERT INTO odd VALUES ('{"$or": [{"a.0": {"$elemMatch": {"b": 1}}}, {"s": {"$not": {"$regex": "(?i)x+$"}}}]}', '{"n": -1, "a.b": 1}',
	'[[{"b": 1}]]', '{1,NULL,1,-5}', 'trees', 'infinity'), ('{}', '{}', '{"n": 1e500}', '{{1,2},{3,4}}', 'none', '-infinity'),
	(NULL, NULL, NULL, NULL, NULL, NULL);
ALTER TABLE odd OWNER TO cirro_smith;
