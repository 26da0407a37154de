-- The keys of gigs' filters: written and removed with every change of a gig, found by
-- whom they match and by nobody else, and only as many shapes of them as searches can
-- bear. cirro.matching_gigs() is held against the evaluation of every filter.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
SELECT cirro.create_space('gig_key');
CREATE ROLE regress_cirro_reader;
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET search_path = gig_key;
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

-- Gigs of tomorrow.
CREATE FUNCTION pg_temp.add(first bigint, filters jsonb[], cancelled_at timestamptz DEFAULT NULL) RETURNS SETOF void LANGUAGE sql AS $$
	INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query, cancelled_at)
	SELECT first + n - 1, 'Gig', 'https://gig/', '2030-01-02 12:00+00', '2030-01-03 12:00+00', 1, f, cancelled_at
	FROM unnest(filters) WITH ORDINALITY u (f, n) ORDER BY n $$;

-- The keys of a gig: of which kind each is, and whether the filter stands beside it.
CREATE VIEW keys AS
	SELECT k.gig_id, (ARRAY['always', 'point', 'pair', 'tag', 'lower', 'upper', 'shape'])[get_byte(k.key, 0)] AS kind,
		count(*) AS n, count(k.filter) AS filters
	FROM gig_key k GROUP BY k.gig_id, get_byte(k.key, 0) ORDER BY k.gig_id, get_byte(k.key, 0);

-- Profiles that ask; what they find by keys and not by evaluation, or the other way.
CREATE TABLE asking AS SELECT u.p AS profile FROM unnest(ARRAY[
	'{}', '{"lang": "de"}', '{"lang": "fr", "age": 20}', '{"lang": ["de", "fr"], "age": 40}', '{"lang": "de", "age": 30, "city": "Bonn"}',
	'{"city": "Bonn", "tags": ["a", "b", "c"]}', '{"tags": ["a"], "pets": [{"kind": "cat", "age": 3}, {"kind": "dog", "age": 9}]}',
	'{"lang": "es", "age": -5.5, "city": null}', '{"name": "Bernadette", "age": "30"}', '{"n": 999, "t": {"u": {"v": 1}}}', '[]', '1']::jsonb[]) u (p);
CREATE VIEW differences AS
	WITH asked AS MATERIALIZED (SELECT a.profile, cirro.matching_gigs('gig_key', a.profile) AS found FROM asking a)
	SELECT a.profile, 'lost' AS what, f.gig_id FROM asked a JOIN gig_filter f ON a.profile OPERATOR(cirro.@@) f.filter
	WHERE f.gig_id <> ALL (a.found)
	UNION ALL
	SELECT a.profile, 'wrong', m.id FROM asked a, unnest(a.found) m (id)
	WHERE NOT EXISTS (SELECT FROM gig_filter f WHERE f.gig_id = m.id AND a.profile OPERATOR(cirro.@@) f.filter);

-- Every kind of filter, all at once.
SELECT pg_temp.add(1, ARRAY['{}', '{"lang": "de"}', '{"lang": "de", "age": {"$gte": 30}}', '{"lang": "de", "city": "Bonn"}',
	'{"age": {"$lt": 30}}', '{"age": {"$gte": 18, "$lt": 25}}', '{"$or": [{"lang": "fr"}, {"city": "Bonn", "age": 30}]}',
	'{"lang": {"$in": ["es", "it", "fr"]}}', '{"lang": {"$ne": "de"}}', '{"tags": {"$all": ["a", "b"]}}',
	'{"pets": {"$elemMatch": {"kind": "cat", "age": {"$lt": 5}}}}', '{"city": {"$exists": true}}', '{"name": {"$regex": "^Bern"}}',
	'{"lang": {"$in": []}}', '{"$nor": [{"lang": "de"}, {"age": {"$gt": 5}}]}', '{"t.u.v": 1}', '{"n": {"$type": "number"}}',
	'{"city": null}', '{"lang": "de", "$or": [{"age": 30}, {"age": 40}]}']::jsonb[]);
TABLE keys;
SELECT a.profile, cirro.matching_gigs('gig_key', a.profile) FROM asking a;
TABLE differences;
SELECT * FROM check_consistency();

-- A long filter stands beside no key, one with many keys beside none of them; nor is
-- more of a filter written than a page of the index holds.
SELECT pg_temp.add(31, ARRAY[
	jsonb_build_object('lang', 'de', 'city', jsonb_build_object('$nin', (SELECT jsonb_agg('town ' || i) FROM generate_series(1, 5000) i))),
	jsonb_build_object('city', jsonb_build_object('$in', (SELECT jsonb_agg('town ' || i) FROM generate_series(1, 60) i) || '"Bonn"')),
	jsonb_build_object('city', jsonb_build_object('$in', (SELECT jsonb_agg('town ' || i) FROM generate_series(1, 1000) i) || '"Bonn"')),
	jsonb_build_object('lang', 'de', 'title', repeat('x', 1700)),
	jsonb_build_object('lang', 'de', 'title', repeat('x', 100000))]);
SELECT * FROM keys WHERE gig_id > 30;
TABLE differences;
SELECT cirro.matching_gigs('gig_key', '{"city": "Bonn"}'), cirro.matching_gigs('gig_key', '{"city": "town 7", "lang": "de"}');
SELECT * FROM check_consistency();
DELETE FROM gig WHERE id > 30;

-- Nothing is written where neither query changes.
CREATE VIEW written AS SELECT gig_id, xmin::text AS by, key FROM gig_key WHERE get_byte(key, 0) < 7;
CREATE TABLE before AS TABLE written;
UPDATE gig SET title = 'Another', total_seats = 2, end_at = end_at + interval '1 hour', invitation_mode = 'manual';
SELECT count(*) FROM written w FULL JOIN before b USING (gig_id, by, key) WHERE w.gig_id IS NULL OR b.gig_id IS NULL;
UPDATE gig SET sort_query = '{"age": 1}' WHERE id = 4;
SELECT * FROM check_consistency();
-- Another filter, of one gig and of many.
UPDATE gig SET filter_query = '{"lang": "es", "age": {"$lt": 0}}' WHERE id = 4;
SELECT * FROM keys WHERE gig_id = 4;
SELECT cirro.matching_gigs('gig_key', '{"lang": "es", "age": -5.5}');
UPDATE gig SET filter_query = jsonb_build_object('n', id, 'lang', jsonb_build_object('$exists', true)) WHERE id > 10;
SELECT cirro.matching_gigs('gig_key', jsonb_build_object('n', n, 'lang', 'x')) FROM generate_series(10, 13) n;
UPDATE gig SET filter_query = '{"lang": {"$in": []}}' WHERE id = 11;
SELECT * FROM keys WHERE gig_id IN (11, 12);
TABLE differences;
SELECT * FROM check_consistency();

-- A gig that comes as part of a conflict, or from a file.
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query)
VALUES (2, 'x', 'https://gig/', '2030-01-02', '2030-01-03', 1, '{"n": 999}'), (41, 'x', 'https://gig/', '2030-01-02', '2030-01-03', 1, '{"n": 999}')
ON CONFLICT (id) DO UPDATE SET filter_query = excluded.filter_query;
COPY gig (id, title, url, start_at, end_at, total_seats, filter_query) FROM stdin;
42	Gig	https://gig/	2030-01-02	2030-01-03	1	{"n": 999}
43	Gig	https://gig/	2030-01-02	2030-01-03	1	{"n": 1000}
\.
SELECT cirro.matching_gigs('gig_key', '{"n": 999}');
TABLE differences;
SELECT * FROM check_consistency();

-- Away with the gig: cancelled, also from the beginning; over, once the tick has seen
-- it; deleted. What is over and changes gets none again.
SELECT pg_temp.add(51, ARRAY['{"gone": 1}', '{"gone": 1}', '{"gone": 1}', '{"gone": 1}']::jsonb[]);
SELECT pg_temp.add(55, ARRAY['{"gone": 1}']::jsonb[], '2030-01-01 11:00+00');
SELECT cirro.matching_gigs('gig_key', '{"gone": 1}');
SELECT id FROM cancel(51);
SELECT cirro.matching_gigs('gig_key', '{"gone": 1}');
DELETE FROM gig WHERE id = 52;
SELECT cirro.matching_gigs('gig_key', '{"gone": 1}');
BEGIN;
SAVEPOINT s;
DELETE FROM gig WHERE id = 53;
SELECT cirro.matching_gigs('gig_key', '{"gone": 1}');
ROLLBACK TO s;
SELECT cirro.matching_gigs('gig_key', '{"gone": 1}');
COMMIT;
UPDATE gig SET start_at = '2030-01-01 13:00+00', end_at = '2030-01-01 14:00+00' WHERE id = 54;
SET cirro.clock = '2030-01-01 15:00+00';
SELECT cirro.matching_gigs('gig_key', '{"gone": 1}');
CALL cirro.run_waves('gig_key');
SELECT cirro.matching_gigs('gig_key', '{"gone": 1}');
SELECT pg_temp.try('UPDATE gig SET filter_query = ''{"gone": 1, "age": 7}'' WHERE id = 54');
SELECT cirro.matching_gigs('gig_key', '{"gone": 1, "age": 7}');
SELECT * FROM check_consistency();

-- A shape has a row as long as nobody undoes what brought it; gigs come and go.
CREATE VIEW shapes AS SELECT count(*) AS rows, count(DISTINCT key) AS shapes FROM gig_key WHERE get_byte(key, 0) = 7;
CREATE TABLE shapes_before AS TABLE shapes;
SELECT pg_temp.add(60 + n, ARRAY['{"one": 1, "other": 2}']::jsonb[]) FROM generate_series(1, 5) n;
SELECT s.rows - b.rows, s.shapes - b.shapes FROM shapes s, shapes_before b;
DELETE FROM gig WHERE id > 60;
SELECT s.rows - b.rows, s.shapes - b.shapes FROM shapes s, shapes_before b;
SELECT pg_temp.add(61, ARRAY['{"one": 3, "other": 4}', '{"one": 5, "other": 6}']::jsonb[]);
SELECT s.rows - b.rows, s.shapes - b.shapes FROM shapes s, shapes_before b;
BEGIN;
SAVEPOINT s;
SELECT pg_temp.add(63, ARRAY['{"three": 1, "four": 2}']::jsonb[]);
ROLLBACK TO s;
SELECT pg_temp.add(64, ARRAY['{"three": 1, "four": 2}']::jsonb[]);
SAVEPOINT t;
SELECT pg_temp.add(65, ARRAY['{"three": 1, "four": 2}']::jsonb[]);
ROLLBACK TO t;
COMMIT;
SELECT s.rows - b.rows, s.shapes - b.shapes FROM shapes s, shapes_before b;
SELECT cirro.matching_gigs('gig_key', '{"one": 5, "other": 6, "three": 1, "four": 2}');
SELECT * FROM check_consistency();

-- A thousand shapes, and no more, whether they come together or one by one. Then filters
-- do with keys that need none, or with those that others have brought.
SELECT pg_temp.add(1001, (SELECT array_agg(jsonb_build_object('p' || i, i, 'q' || i, i)) FROM generate_series(1, 1500) i));
SELECT s.rows = s.shapes, s.shapes BETWEEN 1000 AND 1001 FROM shapes s;
SELECT kind, count(*) BETWEEN 490 AND 1010 FROM keys WHERE gig_id > 1000 GROUP BY kind HAVING count(*) > 1 ORDER BY kind;
SELECT pg_temp.add(3000 + n, ARRAY[jsonb_build_object('r' || n, n, 's' || n, n), jsonb_build_object('t' || n, jsonb_build_object('$gt', n))]) FROM generate_series(1, 6, 2) n;
SELECT pg_temp.add(3011, ARRAY['{"one": 7, "other": 8, "more": 9}']::jsonb[]);
SELECT s.rows = s.shapes, s.shapes BETWEEN 1000 AND 1001 FROM shapes s;
SELECT kind, sum(n) FROM keys WHERE gig_id > 3000 GROUP BY kind ORDER BY kind COLLATE "C";
SELECT cirro.matching_gigs('gig_key', jsonb_build_object('p' || i, i, 'q' || i, i, 't1', 5, 'one', 7, 'other', 8, 'more', 9)) FROM unnest('{1,1000,1500}'::int[]) i;
SELECT count(*) FROM generate_series(1, 1500) i WHERE cirro.matching_gigs('gig_key', jsonb_build_object('p' || i, i, 'q' || i, i)) && ARRAY[1000 + i]::bigint[];
TABLE differences;
SELECT * FROM check_consistency();
DELETE FROM gig WHERE id > 60;

-- The rarest condition by what ANALYZE has found of the workers, once it has: of many
-- names and one country the name, of many countries and one name the country.
SELECT pg_temp.add(71, ARRAY['{"country": "c", "name": {"$gt": "n"}}']::jsonb[]);
INSERT INTO worker (profile) SELECT jsonb_build_object('country', 'c', 'name', 'n' || n) FROM generate_series(1, 1000) n;
ANALYZE worker;
SELECT pg_temp.add(72, ARRAY['{"country": "c", "name": {"$gt": "n9"}}']::jsonb[]);
UPDATE worker SET profile = jsonb_build_object('country', 'c' || id, 'name', 'nobody');
ANALYZE worker;
SELECT pg_temp.add(73, ARRAY['{"country": "c", "name": {"$gt": "n9"}}']::jsonb[]);
DROP STATISTICS worker_profile_stats;
SELECT pg_temp.add(74, ARRAY['{"country": "c", "name": {"$gt": "n9"}}']::jsonb[]);
-- Not those of another table.
CREATE STATISTICS worker_profile_stats ON (cirro.profile_stats(profile)) FROM asking;
ANALYZE asking;
SELECT pg_temp.add(75, ARRAY['{"country": "c", "name": {"$gt": "n9"}}']::jsonb[]);
DROP STATISTICS worker_profile_stats;
CREATE STATISTICS worker_profile_stats ON (cirro.profile_stats(profile)) FROM worker;
SELECT gig_id, kind FROM keys WHERE gig_id BETWEEN 71 AND 75 AND kind <> 'shape';
SELECT * FROM check_consistency();
DELETE FROM gig WHERE id > 60;

-- Damage, what is said of it, and what is left after it was mended.
CREATE FUNCTION pg_temp.damage(command text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		SET LOCAL session_replication_role = replica;
		EXECUTE command;
		SET LOCAL session_replication_role = origin;
		RETURN NEXT command;
		RETURN QUERY SELECT concat_ws(' ', '  gig', gig_id, what || ':', coalesce(stored, 'NULL'), '<>', coalesce(derived, 'NULL')) FROM check_consistency();
		RETURN NEXT '  mended ' || rebuild_state();
		RETURN QUERY SELECT concat_ws(' ', '  left: gig', gig_id, what, stored, derived) FROM check_consistency();
		RETURN QUERY SELECT concat_ws(' ', '  ', profile, d.what, gig_id) FROM differences d;
		RAISE EXCEPTION USING ERRCODE = 'XX999';
	EXCEPTION WHEN SQLSTATE 'XX999' THEN
		NULL;
	END;
END $$;
SELECT pg_temp.damage(c) FROM unnest(ARRAY[
	'DELETE FROM gig_key WHERE gig_id = 3',
	'DELETE FROM gig_key WHERE gig_id = 4 AND get_byte(key, 0) < 7',
	'DELETE FROM gig_key WHERE get_byte(key, 0) = 7',
	'DELETE FROM gig_key',
	'DELETE FROM gig_key WHERE gig_id = 8 AND key = (SELECT key FROM gig_key WHERE gig_id = 8 AND get_byte(key, 0) < 7 ORDER BY key LIMIT 1)',
	'UPDATE gig_key SET key = ''\x02ffff'' WHERE gig_id = 4 AND get_byte(key, 0) < 7',
	'UPDATE gig_key SET filter = ''{"a": 1}'' WHERE gig_id = 5 AND filter IS NOT NULL',
	'UPDATE gig_key SET filter = NULL WHERE gig_id = 5',
	'UPDATE gig_filter SET filter = ''{"lang": "de", "never": 1}'' WHERE gig_id = 6',
	'INSERT INTO gig_key VALUES (''\x01'', 5, ''{"age": {"$lt": 30}}'')',
	'INSERT INTO gig_key VALUES (''\x'', 5, ''{"age": {"$lt": 30}}''), (decode(repeat(''02'', 300), ''hex''), 5, NULL)',
	'INSERT INTO gig_key VALUES (''\x01'', 54, ''{}'')',
	'INSERT INTO gig_key VALUES (''\x01'', 9999, ''{}'')',
	'INSERT INTO gig_key VALUES (decode(''07'' || repeat(''05'', 200), ''hex''), 5), (''\x07'', 5), (''\x0805'', 5)',
	'DELETE FROM gig WHERE id = 7',
	'DELETE FROM gig_filter WHERE gig_id = 7']) WITH ORDINALITY u (c, n) ORDER BY n;
SELECT pg_temp.try('TRUNCATE gig_key');
-- What is no key has no shape, and covers nothing.
SELECT k, cirro.gig_key_shape(k), cirro.gig_keys_cover('{"lang": "de"}', ARRAY[k, NULL]), cirro.gig_keys_cover('{"lang": {"$in": []}}', ARRAY[k])
FROM unnest('{"","\\x01","\\x02","\\x03","\\x0300","\\x04","\\x05","\\x05ff","\\x05c8ffff","\\x050161","\\x05016102","\\x0501610280","\\x07","\\x08"}'::bytea[]) k;
SELECT cirro.gig_key_shape(decode(repeat('05', 1000), 'hex')), cirro.gig_keys_cover('{"lang": "de"}', ARRAY[decode(repeat('01', 1000), 'hex')]),
	cirro.gig_keys_cover('{}', '{{"\\x02","\\x01"},{NULL,"\\x03"}}');

-- Who may read gig_key and gig_filter may ask, and nobody else; of a Space, and not of
-- what looks like one.
GRANT USAGE ON SCHEMA gig_key TO regress_cirro_reader;
SET ROLE regress_cirro_reader;
SELECT cirro.matching_gigs('gig_key', '{"lang": "es", "age": -5.5}');
SELECT pg_temp.try($$SELECT cirro.write_gig_keys('gig_key', '{1}')$$);
RESET ROLE;
REVOKE SELECT ON gig_key FROM PUBLIC;
SET ROLE regress_cirro_reader;
SELECT pg_temp.try($$SELECT cirro.matching_gigs('gig_key', '{}')$$);
RESET ROLE;
GRANT SELECT ON gig_key TO PUBLIC;
REVOKE USAGE ON SCHEMA gig_key FROM regress_cirro_reader;
SET ROLE regress_cirro_reader;
SELECT pg_temp.try($$SELECT cirro.matching_gigs('gig_key', '{}')$$);
RESET ROLE;
SELECT pg_temp.try(c) FROM unnest(ARRAY[$$SELECT cirro.matching_gigs('nowhere', '{}')$$, $$SELECT cirro.matching_gigs('public', '{}')$$,
	$$SELECT cirro.write_gig_keys('nowhere', '{1}')$$, $$SELECT cirro.write_gig_keys('gig_key', '{1,NULL}')$$]) c;
SELECT cirro.matching_gigs(NULL, '{}'), cirro.matching_gigs('gig_key', NULL), cirro.write_gig_keys(NULL, NULL);
SELECT cirro.write_gig_keys('gig_key', '{1,2,9999,1}'), cirro.write_gig_keys('gig_key', '{}');
SELECT * FROM check_consistency();
BEGIN;
ALTER TABLE gig_key RENAME TO true_key;
CREATE VIEW gig_key AS SELECT key, gig_id, filter FROM true_key;
SELECT pg_temp.try($$SELECT cirro.matching_gigs('gig_key', '{}')$$);
ROLLBACK;
BEGIN;
DROP VIEW differences;
ALTER TABLE gig_filter ALTER filter TYPE text;
SELECT pg_temp.try($$SELECT cirro.matching_gigs('gig_key', '{}')$$);
ROLLBACK;
BEGIN;
DROP VIEW keys, written;
ALTER TABLE gig_key ALTER gig_id TYPE numeric;
SELECT pg_temp.try($$SELECT cirro.matching_gigs('gig_key', '{}')$$);
ROLLBACK;
-- The search path is nobody's but the Space's.
CREATE TEMP TABLE gig_key AS SELECT '\x01'::bytea AS key, 4711::bigint AS gig_id, '{}'::cirro.filter_query AS filter;
SELECT cirro.matching_gigs('gig_key', '{"lang": "es", "age": -5.5}');
DROP TABLE pg_temp.gig_key;

-- By the snapshot of the statement that asks.
WITH added AS (INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query)
	VALUES (81, 'x', 'https://gig/', '2030-01-02', '2030-01-03', 1, '{"lang": "xx"}') RETURNING id)
SELECT id, cirro.matching_gigs('gig_key', '{"lang": "xx"}') FROM added;
SELECT cirro.matching_gigs('gig_key', '{"lang": "xx"}');

SET client_min_messages = warning;
DROP VIEW keys, differences, written, shapes;
DROP TABLE asking, before, shapes_before;
SELECT cirro.drop_space('gig_key');
DROP ROLE regress_cirro_reader;
