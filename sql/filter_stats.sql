-- How many documents the planner expects a filter to match.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
CREATE SCHEMA filter_stats;
SET search_path = filter_stats;
RESET client_min_messages;
SET max_parallel_workers_per_gather = 0;

-- The expected rows of a scan of a table.
CREATE FUNCTION expected(tab regclass, filter text) RETURNS float LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE format('EXPLAIN (FORMAT json) SELECT FROM %s WHERE profile OPERATOR(cirro.@@) %L', tab, filter) INTO plan;
	RETURN plan #>> '{0,Plan,Plan Rows}';
END $$;

-- "ok" if they are no further off than a factor; of what is true of less than
-- one in a thousand, if no more than that is expected.
CREATE FUNCTION check_rows(tab regclass, filter text, factor float) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n float := expected(tab, filter);
	actual float;
	of_all float;
BEGIN
	EXECUTE format('SELECT count(*) FILTER (WHERE profile OPERATOR(cirro.@@) %L), count(*) FROM %s', filter, tab)
	INTO actual, of_all;
	IF actual < of_all / 1000 AND n <= greatest(of_all / 1000, 1) OR
		actual >= of_all / 1000 AND n <= actual * factor AND n >= actual / factor THEN
		RETURN 'ok';
	END IF;
	RETURN format('%s expected, %s are', n, actual);
END $$;

-- 20,000 people, without chance: a common city and rare ones, numbers that are
-- few, many and all different, dates, texts, lists, lists of objects.
CREATE FUNCTION person(i int) RETURNS jsonb LANGUAGE sql IMMUTABLE SET jit = off AS $$
	SELECT jsonb_strip_nulls(jsonb_build_object(
		'id', i,
		'email', format('person%s@example.%s', i, CASE WHEN i % 4 = 0 THEN 'com' ELSE 'org' END),
		'city', 'City ' || floor(sqrt((i * 7919::bigint) % 10000))::int / 10,
		'active', i % 10 <> 3,
		'rating', (i * 31 % 51) / 10.0,
		'salary', 20000 + (i * 7907::bigint) % 80021,
		'born', (date '1950-01-01' + ((i * 6367::bigint) % 20000)::int)::text,
		'skills', (SELECT jsonb_agg('skill ' || (i * k % (7 + 13 * k))) FROM generate_series(1, i % 5) k),
		'languages', (SELECT jsonb_agg(jsonb_build_object('code', (ARRAY['en', 'de', 'fr', 'es', 'it', 'pl'])[1 + (i + k * k) % 6],
														  'level', 1 + (i / 7 + 3 * k) % 5)) FROM generate_series(1, i % 4) k),
		'address', CASE WHEN i % 5 > 0 THEN jsonb_build_object('zip', 10000 + i * 17 % 900, 'country', CASE WHEN i % 20 = 1 THEN 'AT' ELSE 'DE' END) END,
		'nick', CASE WHEN i % 3 = 0 THEN 'nick' || i % 100 END,
		'mixed', CASE i % 4 WHEN 0 THEN to_jsonb(i % 50) WHEN 1 THEN to_jsonb('m' || i % 50) WHEN 2 THEN '[1, 2, 3]' ELSE '{"a": 1}' END))
		|| CASE WHEN i % 8 = 0 THEN '{"left": null}' WHEN i % 8 < 4 THEN '{"left": "2024-05-01"}' ELSE '{}' END::jsonb
		|| CASE WHEN i % 2000 = 7 THEN '{"rare": true}' ELSE '{}' END::jsonb
$$;
CREATE TABLE person AS SELECT person(i) AS profile FROM generate_series(1, 20000) i;
ANALYZE person;

-- Without statistics of the documents: some, not all.
SELECT filter, expected('person', filter) BETWEEN 1 AND 19999 AS sane
FROM unnest(ARRAY['{"city": "City 5"}', '{"salary": {"$gt": 30000}}', '{"salary": {"$gt": 30000, "$lt": 40000}}',
	'{"skills": {"$in": ["skill 1", "skill 2"]}}', '{"nick": {"$exists": true}}', '{"nick": null}', '{"city": {"$ne": "City 5"}}',
	'{"city": {"$regex": "5"}}', '{"languages": {"$elemMatch": {"code": "de", "level": 5}}}', '{"$or": [{"a": 1}, {"b": 2}]}',
	'{"skills": {"$size": 2}}', '{"mixed": {"$type": "array"}}', '{"id": {"$mod": [7, 1]}}', '{"a.0": 1}']) filter
WHERE expected('person', filter) NOT BETWEEN 1 AND 19999;
SELECT expected('person', '{}') AS everybody, expected('person', '{"a": {"$in": []}}') AS nobody;

CREATE STATISTICS person_profile ON (cirro.profile_stats(profile)) FROM person;
ANALYZE person;

-- One condition: a factor of three.
SELECT filter, check_rows('person', filter, 3) FROM unnest(ARRAY[
	-- equality: common, rare, not there
	'{"city": "City 9"}', '{"city": "City 0"}', '{"city": "City 99"}', '{"active": true}', '{"active": false}', '{"rating": 4.5}',
	'{"rating": 4.50}', '{"id": 17}', '{"salary": 20000}', '{"email": "person5@example.org"}', '{"born": "1970-01-01"}',
	'{"rare": true}', '{"nobody": 1}', '{"address.country": "AT"}', '{"address.zip": 10017}', '{"mixed": 4}', '{"mixed": "m5"}',
	'{"languages.code": "de"}', '{"languages.level": 5}',
	-- lists
	'{"city": {"$in": ["City 9", "City 8", "City 1"]}}', '{"city": {"$in": []}}', '{"city": {"$nin": ["City 9", "City 8"]}}',
	'{"id": {"$in": [1, 2, 3]}}', '{"skills": {"$in": ["skill 1", "skill 2", "skill 3"]}}', '{"skills": {"$all": ["skill 1"]}}',
	-- ranges
	'{"rating": {"$gte": 4}}', '{"rating": {"$lt": 1}}', '{"rating": {"$gte": 2, "$lte": 3}}', '{"salary": {"$gt": 90000}}',
	'{"salary": {"$lt": 30000}}', '{"salary": {"$lt": 20100}}', '{"salary": {"$gte": 50000, "$lt": 60000}}', '{"salary": {"$gt": 1e6}}',
	'{"salary": {"$gte": 0}}', '{"born": {"$lt": "1960"}}', '{"born": {"$gte": "1970-01-01", "$lt": "1971-01-01"}}',
	'{"born": {"$gte": "1970-03-01", "$lte": "1970-03-31"}}', '{"born": {"$gt": "2001"}}', '{"id": {"$gt": 10000, "$lte": 10100}}',
	'{"email": {"$lt": "person2"}}', '{"active": {"$gt": false}}', '{"active": {"$lt": true}}',
	-- presence, null, types, sizes
	'{"nick": {"$exists": true}}', '{"nick": {"$exists": false}}', '{"rare": {"$exists": true}}', '{"address.zip": {"$exists": true}}',
	'{"left": null}', '{"left": {"$ne": null}}', '{"left": {"$type": "null"}}', '{"nick": null}', '{"left": {"$in": [null, "2024-05-01"]}}',
	'{"id": null}', '{"mixed": {"$type": "number"}}', '{"mixed": {"$type": "string"}}', '{"mixed": {"$type": ["array", "object"]}}',
	'{"mixed": {"$type": "bool"}}', '{"skills": {"$size": 2}}', '{"skills": {"$size": 9}}', '{"languages": {"$size": 3}}',
	-- negation, patterns, remainders
	'{"city": {"$ne": "City 9"}}', '{"active": {"$ne": true}}', '{"rating": {"$not": {"$gte": 4}}}', '{"city": {"$regex": "9$"}}',
	'{"email": {"$regex": "com$"}}', '{"email": {"$regex": "nothing"}}', '{"nick": {"$regex": "^nick1"}}', '{"id": {"$mod": [7, 1]}}',
	-- arrays
	'{"skills": "skill 1"}', '{"skills": "skill 40"}', '{"skills": {"$ne": "skill 1"}}', '{"skills": {"$elemMatch": {"$eq": "skill 1"}}}',
	'{"languages": {"$elemMatch": {"code": "de"}}}', '{"languages": {"$elemMatch": {"level": {"$gte": 4}}}}',
	'{"languages": {"$elemMatch": {"code": {"$ne": "de"}}}}', '{"languages": {"$elemMatch": {}}}', '{"rating": {"$elemMatch": {"$gt": 1}}}'
	]) filter WHERE check_rows('person', filter, 3) <> 'ok';

-- Several conditions: a factor of ten.
SELECT filter, check_rows('person', filter, 10) FROM unnest(ARRAY[
	'{"city": "City 9", "active": true}', '{"city": "City 9", "rating": {"$gte": 4}, "active": true}',
	'{"$or": [{"city": "City 9"}, {"city": "City 1"}]}', '{"$or": [{"rare": true}, {"rating": 5}]}',
	'{"$nor": [{"city": "City 9"}, {"active": false}]}', '{"$and": [{"salary": {"$gte": 30000}}, {"salary": {"$lt": 31000}}]}',
	'{"languages": {"$elemMatch": {"code": "de", "level": 5}}}', '{"languages": {"$elemMatch": {"code": "de", "level": {"$gte": 3}}}}',
	'{"languages": {"$all": [{"$elemMatch": {"code": "de"}}, {"$elemMatch": {"level": 2}}]}}',
	'{"skills": {"$all": ["skill 1", "skill 2"]}}', '{"address.country": "AT", "left": null}', '{"mixed": {"$gt": 10, "$lt": 20}}',
	'{"nick": {"$exists": true}, "skills": {"$size": 2}}', '{"skills": {"$gt": "skill 1", "$lt": "skill 2"}}',
	'{"languages": {"$elemMatch": {"level": {"$gt": 1, "$lt": 3}}}}', '{"born": {"$gte": "1970", "$lt": "1980"}, "rating": {"$gt": 3}}'
	]) filter WHERE check_rows('person', filter, 10) <> 'ok';

-- What is expected decides the plan: the index for the few, the scan for the many.
CREATE INDEX person_profile_index ON person USING gin (profile cirro.profile_ops);
VACUUM ANALYZE person;
EXPLAIN (COSTS OFF) SELECT * FROM person WHERE profile OPERATOR(cirro.@@) '{"rare": true}';
EXPLAIN (COSTS OFF) SELECT * FROM person WHERE profile OPERATOR(cirro.@@) '{"active": true}';
-- And what the index is searched for, of several conditions.
SELECT cirro.index_search('{"rare": true, "active": true}');
SELECT expected('person', '{"rare": true, "active": true}') < 20 AS few;
SELECT cirro.index_search('{"rare": true, "active": true}');

-- The column may be of a domain, and the filter a parameter.
CREATE DOMAIN document AS jsonb;
CREATE TABLE of_domain AS SELECT profile::document FROM person;
CREATE STATISTICS of_domain_profile ON (cirro.profile_stats(profile)) FROM of_domain;
ANALYZE of_domain;
SELECT check_rows('of_domain', '{"city": "City 9"}', 3);
PREPARE ask(cirro.filter_query) AS SELECT FROM person WHERE profile OPERATOR(cirro.@@) $1;
SET plan_cache_mode = force_custom_plan;
CREATE FUNCTION expected_of_ask() RETURNS float LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) EXECUTE ask(''{"active": true}'')' INTO plan;
	RETURN plan #>> '{0,Plan,Plan Rows}';
END $$;
SELECT expected_of_ask() BETWEEN 17000 AND 19000 AS ok;
RESET plan_cache_mode;

-- Rows without a profile match nothing; the others are estimated among themselves.
CREATE TABLE half AS SELECT CASE WHEN i % 2 = 0 THEN person(i) END AS profile FROM generate_series(1, 20000) i;
CREATE STATISTICS half_profile ON (cirro.profile_stats(profile)) FROM half;
ANALYZE half;
SELECT filter, check_rows('half', filter, 1.5) FROM unnest(ARRAY['{}', '{"active": true}', '{"nobody": null}', '{"city": {"$ne": "x"}}',
	'{"id": {"$exists": true}, "city": {"$exists": true}, "rating": {"$exists": true}}', '{"rating": {"$gte": 2.5}}']) filter;

-- Documents that have no key in common, or none at all; no documents; no rows.
CREATE TABLE odd (profile jsonb);
CREATE STATISTICS odd_profile ON (cirro.profile_stats(profile)) FROM odd;
ANALYZE odd;
SELECT expected('odd', '{"id": 5}') > 0 AS rows;
INSERT INTO odd SELECT jsonb_build_object('id', i) FROM generate_series(1, 5000) i;
ANALYZE odd;
SELECT filter, check_rows('odd', filter, 1.5) FROM unnest(ARRAY['{"id": 5}', '{"id": {"$lt": 1000}}', '{"id": null}', '{}']) filter;
UPDATE odd SET profile = jsonb_build_object('name' || (profile ->> 'id'), 1);
ANALYZE odd;
SELECT filter, check_rows('odd', filter, 1.5) FROM unnest(ARRAY['{"name5": 1}', '{"name5": {"$lt": 1000}}', '{"id": null}', '{}']) filter;
UPDATE odd SET profile = '{}';
ANALYZE odd;
SELECT filter, check_rows('odd', filter, 1.5) FROM unnest(ARRAY['{"id": 5}', '{"id": {"$lt": 1000}}', '{"id": null}', '{}']) filter;
UPDATE odd SET profile = '[{"id": 5}]';
ANALYZE odd;
SELECT filter, check_rows('odd', filter, 1.5) FROM unnest(ARRAY['{"id": 5}', '{"id": null}', '{}']) filter;
UPDATE odd SET profile = NULL;
ANALYZE odd;
SELECT filter, check_rows('odd', filter, 1.5) FROM unnest(ARRAY['{"id": 5}', '{"id": {"$ne": 5}}', '{"id": null}', '{}']) filter;

-- Very large and very small numbers, long texts: no error, something sane.
TRUNCATE odd;
INSERT INTO odd SELECT jsonb_build_object('n', ('1e' || i - 500)::numeric, 's', repeat('s', i % 90) || i, 'l', repeat('x', 100) || i)
FROM generate_series(1, 1000) i;
ALTER STATISTICS odd_profile SET STATISTICS 10;
ANALYZE odd;
SELECT filter, check_rows('odd', filter, 3) FROM unnest(ARRAY['{"n": {"$lt": 1e-400}}', '{"n": {"$gt": 1e400}}', '{"n": {"$gte": -1}}',
	'{"s": {"$gt": "ss"}}', '{"l": {"$gt": "x"}}', '{"l": {"$gt": "y"}}', '{"n": {"$gt": 1, "$lt": 1e300}}']) filter;

-- What is known of one table is not taken for another that has no statistics.
CREATE TABLE bare AS SELECT * FROM person;
CREATE INDEX ON bare USING gin (profile cirro.profile_ops);
EXPLAIN (COSTS OFF) SELECT FROM person WHERE profile OPERATOR(cirro.@@) '{"active": true}';
EXPLAIN (COSTS OFF) SELECT FROM bare WHERE profile OPERATOR(cirro.@@) '{"active": true}';

-- Who may not read the table learns nothing by a function that leaks.
CREATE ROLE regress_cirro_stats;
GRANT USAGE, CREATE ON SCHEMA filter_stats TO regress_cirro_stats;
SET ROLE regress_cirro_stats;
CREATE FUNCTION leak(jsonb, cirro.filter_query) RETURNS boolean LANGUAGE plpgsql COST 1e-9 AS 'BEGIN RETURN true; END';
RESET ROLE;
CREATE OPERATOR ^^ (FUNCTION = leak, LEFTARG = jsonb, RIGHTARG = cirro.filter_query, RESTRICT = cirro.matches_sel);
CREATE VIEW some_persons WITH (security_barrier) AS SELECT * FROM person WHERE profile OPERATOR(cirro.@@) '{"active": true}';
GRANT SELECT ON some_persons TO regress_cirro_stats;
SET ROLE regress_cirro_stats;
CREATE FUNCTION expected_leak(filter text) RETURNS float LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE format('EXPLAIN (FORMAT json) SELECT FROM some_persons WHERE profile ^^ %L::cirro.filter_query', filter) INTO plan;
	RETURN plan #>> '{0,Plan,Plan Rows}';
END $$;
SELECT expected_leak('{"city": "City 9"}') = expected_leak('{"city": "City 0"}') AS the_same;
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA filter_stats CASCADE;
DROP ROLE regress_cirro_stats;
