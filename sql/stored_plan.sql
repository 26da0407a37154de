-- Stored filters and documents: how many match, by estimate, and which plans
-- come of it, in both directions.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
CREATE SCHEMA stored_plan;
SET search_path = stored_plan;
RESET client_min_messages;
SET max_parallel_workers_per_gather = 0;

-- Homes, and what people look for, without chance: of 20 searches 16 ask three
-- things, and one each everything, a negation, a range alone, one of two.
CREATE FUNCTION home(i int) RETURNS jsonb LANGUAGE sql IMMUTABLE SET jit = off AS $$
	SELECT jsonb_build_object('city', 'City ' || floor(sqrt((i * 7919::bigint) % 10000))::int / 5, 'kind', (ARRAY['flat', 'house', 'room'])[1 + i % 3],
		'price', 300 + (i * 7907::bigint) % 4021, 'rooms', 1 + i * 31 % 7, 'balcony', i % 4 = 0,
		'tags', ARRAY['tag ' || i % 11, 'tag ' || i * 17 % 101], 'free', (date '2024-01-01' + i * 97 % 700)::text)
$$;
CREATE FUNCTION wish(i int) RETURNS text LANGUAGE sql IMMUTABLE SET jit = off AS $$
	SELECT CASE i % 20 WHEN 0 THEN '{}' WHEN 1 THEN format('{"kind": {"$ne": "%s"}}', (ARRAY['flat', 'house', 'room'])[1 + i / 20 % 3])
	WHEN 2 THEN format('{"price": {"$lt": %s}}', 300 + i * 31 % 2000)
	WHEN 3 THEN format('{"$or": [{"tags": "tag %s"}, {"city": "City %s"}]}', i % 101, i % 13)
	ELSE format('{"city": "City %s", "price": {"$gte": %s, "$lte": %s}, "tags": "tag %s"}', (i * 7907::bigint) % 20,
		300 + i * 7 % 2000, 1000 + i * 11 % 3000, i * 13 % 101) END
$$;
CREATE TABLE home AS SELECT i AS id, home(i) AS data FROM generate_series(1, 4000) i;
CREATE TABLE search AS SELECT i AS id, wish(i)::cirro.filter_query AS filter FROM generate_series(1, 20000) i;
CREATE TABLE strict AS SELECT id, filter FROM search WHERE id % 20 > 3;

-- The expected rows of a query.
CREATE FUNCTION expected(query text) RETURNS float LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN plan #>> '{0,Plan,Plan Rows}';
END $$;

-- "ok" if they are no further off than a factor, or than so many rows.
CREATE FUNCTION check_rows(query text, factor float, few float DEFAULT 0) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n float := expected(query);
	actual float;
BEGIN
	EXECUTE 'SELECT count(*) FROM (' || query || ') q' INTO actual;
	IF n <= actual * factor AND n >= actual / factor OR abs(n - actual) <= few THEN
		RETURN 'ok';
	END IF;
	RETURN format('%s expected, %s are', n, actual);
END $$;

-- The filters of a table that match a document, asked in both ways.
CREATE FUNCTION check_filters(tab regclass, document text, factor float, few float DEFAULT 0) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	one text := check_rows(format('SELECT FROM %s WHERE filter OPERATOR(cirro.~@@) %L', tab, document), factor, few);
	other text := check_rows(format('SELECT FROM %s WHERE %L::jsonb OPERATOR(cirro.@@) filter', tab, document), factor, few);
BEGIN
	RETURN CASE WHEN one = other THEN one ELSE format('%s; %s', one, other) END;
END $$;

-- Without statistics: some, not all, and nothing is like NULL.
SELECT d AS document, expected(format('SELECT FROM search WHERE filter OPERATOR(cirro.~@@) %L', d)) BETWEEN 1 AND 19999 AS sane
FROM unnest(ARRAY[home(1)::text, '{}', '[]', '5']) d;
SELECT expected('SELECT FROM search WHERE filter OPERATOR(cirro.~@@) NULL') AS nobody;
SELECT expected('SELECT FROM search s JOIN home h ON h.data OPERATOR(cirro.@@) s.filter') BETWEEN 1 AND 4000 * 20000 - 1 AS sane;

-- What ANALYZE keeps: what it keeps of any type, and a sample.
ANALYZE;
CREATE FUNCTION slots(tab regclass, col text) RETURNS TABLE (kind smallint, numbers float4[], filters int, bytes text) LANGUAGE sql AS $$
	SELECT k.kind, CASE WHEN k.kind = 20814 THEN k.numbers END, cardinality(k.filters::text::text[]),
		CASE WHEN sum(pg_column_size(k.filters)) OVER () < 200000 THEN 'bounded' END
	FROM pg_statistic s JOIN pg_attribute a ON a.attrelid = s.starelid AND a.attnum = s.staattnum,
		LATERAL (VALUES (s.stakind1, s.stanumbers1, s.stavalues1), (s.stakind2, s.stanumbers2, s.stavalues2),
			(s.stakind3, s.stanumbers3, s.stavalues3)) k (kind, numbers, filters)
	WHERE s.starelid = tab AND a.attname = col AND k.kind <> 0
	ORDER BY 1
$$;
SELECT kind, numbers, CASE WHEN kind = 20814 THEN filters END AS filters, bytes FROM slots('search', 'filter');
SELECT null_frac, n_distinct <> 0 AS n_distinct, most_common_vals::text::text[] @> '{"{}"}' AS common FROM pg_stats
WHERE schemaname = 'stored_plan' AND tablename = 'search' AND attname = 'filter';
SELECT count(*) AS empty, expected('SELECT FROM search WHERE filter OPERATOR(cirro.=) ''{}''') BETWEEN 800 AND 1200 AS expected
FROM search WHERE filter OPERATOR(cirro.=) '{}';

-- One document. Every filter alike: none of the sample matches, but its conditions
-- tell how many others do.
SELECT d AS i, check_filters('search', home(d)::text, 1.7) FROM unnest(ARRAY[1, 2, 3, 17, 100, 2001]) d;
SELECT d AS document, check_filters('search', d, 1.7) FROM unnest(ARRAY['{}', '{"kind": "flat"}', '{"price": 400}', '{"price": 5000}', '[]', '5',
	'{"tags": "tag 7"}']) d;
SELECT check_filters('strict', home(d)::text, 6, 5) AS ok, count(*) FROM generate_series(1, 100) d GROUP BY 1;
SELECT d AS document, check_filters('strict', d, 1, 3) FROM unnest(ARRAY['{}', '5', '{"kind": "flat"}', '{"price": 400, "city": "City 5"}']) d;

-- A parameter of a plan of its own counts as what it is.
PREPARE ask(jsonb) AS SELECT FROM search WHERE filter OPERATOR(cirro.~@@) $1;
SET plan_cache_mode = force_custom_plan;
CREATE FUNCTION expected_of_ask(document text) RETURNS float LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE format('EXPLAIN (FORMAT json) EXECUTE ask(%L)', document) INTO plan;
	RETURN plan #>> '{0,Plan,Plan Rows}';
END $$;
SELECT expected_of_ask('{}') = expected('SELECT FROM search WHERE filter OPERATOR(cirro.~@@) ''{}''') AS custom;
SET plan_cache_mode = force_generic_plan;
SELECT expected_of_ask('{}') = expected_of_ask('{"price": 400}') AS generic, expected_of_ask('{}') BETWEEN 200 AND 6000 AS sane;
RESET plan_cache_mode;

-- Joins: of nothing but the filters, then of the documents as well.
SELECT expected('SELECT FROM strict s JOIN home h ON h.data OPERATOR(cirro.@@) s.filter') BETWEEN 1 AND 1000000 AS filters_known;
CREATE STATISTICS home_data ON (cirro.profile_stats(data)) FROM home;
ANALYZE home;
CREATE FUNCTION check_join(filters regclass, condition text, factor float) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	one text := check_rows(format('SELECT FROM %s s JOIN home h ON h.data OPERATOR(cirro.@@) s.filter WHERE %s', filters, condition), factor);
	other text := check_rows(format('SELECT FROM home h JOIN %s s ON s.filter OPERATOR(cirro.~@@) h.data WHERE %s', filters, condition), factor);
BEGIN
	RETURN CASE WHEN one = other THEN one ELSE format('%s; %s', one, other) END;
END $$;
SELECT check_join('search', 'h.id <= 200', 1.3), check_join('search', 's.id <= 400', 1.3), check_join('strict', 'h.id <= 200', 2),
	check_join('strict', 's.id <= 2000', 2);
-- Those that have a match at all, and those that have none.
SELECT check_rows('SELECT FROM home h WHERE EXISTS (SELECT FROM strict s WHERE h.data OPERATOR(cirro.@@) s.filter AND s.id <= 100)', 2) AS homes,
	check_rows('SELECT FROM home h WHERE NOT EXISTS (SELECT FROM strict s WHERE h.data OPERATOR(cirro.@@) s.filter AND s.id <= 1000)', 2) AS no_homes,
	check_rows('SELECT FROM strict s WHERE EXISTS (SELECT FROM home h WHERE h.data OPERATOR(cirro.@@) s.filter AND h.id <= 100)', 2) AS searches,
	check_rows('SELECT FROM strict s WHERE NOT EXISTS (SELECT FROM home h WHERE s.filter OPERATOR(cirro.~@@) h.data AND h.id <= 500)', 2) AS no_searches,
	check_rows('SELECT FROM search s WHERE EXISTS (SELECT FROM home h WHERE s.filter OPERATOR(cirro.~@@) h.data AND h.id <= 30)', 2) AS mixed;
SELECT check_rows('SELECT FROM strict s LEFT JOIN home h ON h.data OPERATOR(cirro.@@) s.filter WHERE s.id <= 1000', 2) AS all_searches;

-- Rows without a filter, or without a document, match nothing.
CREATE TABLE half AS SELECT id, CASE WHEN id % 2 = 0 THEN filter END AS filter FROM search;
CREATE TABLE half_home AS SELECT id, CASE WHEN id % 4 = 1 THEN data END AS data FROM home;
CREATE STATISTICS half_home_data ON (cirro.profile_stats(data)) FROM half_home;
ANALYZE half, half_home;
SELECT d AS document, check_filters('half', d, 1.5) FROM unnest(ARRAY['{}', '{"price": 400}']) d;
SELECT check_rows('SELECT FROM half s JOIN half_home h ON h.data OPERATOR(cirro.@@) s.filter WHERE h.id <= 400', 1.5) AS pairs,
	check_rows('SELECT FROM half s WHERE EXISTS (SELECT FROM half_home h WHERE h.data OPERATOR(cirro.@@) s.filter AND h.id <= 400)', 1.5) AS searches;
CREATE TABLE none (filter cirro.filter_query);
ANALYZE none;
SELECT expected('SELECT FROM none WHERE filter OPERATOR(cirro.~@@) ''{}''') > 0 AS empty;
INSERT INTO none SELECT NULL FROM generate_series(1, 1000);
ANALYZE none;
SELECT kind FROM slots('none', 'filter');
SELECT expected('SELECT FROM none WHERE filter OPERATOR(cirro.~@@) ''{}''') BETWEEN 1 AND 999 AS nulls;

-- Filters that are compressed, apart from their rows, or too large for the sample.
CREATE TABLE large (id int, filter cirro.filter_query);
ALTER TABLE large ALTER filter SET STORAGE external;
INSERT INTO large SELECT i, format('{"$or": [{"price": {"$lt": %s}}, {"title": "%s"}]}', i % 100, repeat('x', CASE WHEN i % 4 = 0 THEN 5000 ELSE 1000 END))::cirro.filter_query
FROM generate_series(1, 400) i;
ALTER TABLE large ALTER filter SET STORAGE extended;
INSERT INTO large SELECT i, format('{"$or": [{"price": {"$lt": %s}}, {"title": "%s"}]}', i % 100, repeat('x', 1000))::cirro.filter_query
FROM generate_series(401, 600) i;
ANALYZE large;
SELECT kind, numbers[1] BETWEEN 40 AND 100 AS kept, numbers[2] BETWEEN 10 AND 25 AS too_large, bytes FROM slots('large', 'filter') WHERE kind = 20814;
SELECT d AS document, check_filters('large', d, 1.4) FROM unnest(ARRAY['{"price": 10}', '{"price": 50}', '{"price": -5}']) d;
DELETE FROM large WHERE id % 4 <> 0 OR id > 400;
ANALYZE large;
SELECT kind, numbers, filters FROM slots('large', 'filter') WHERE kind = 20814;
SELECT expected('SELECT FROM large WHERE filter OPERATOR(cirro.~@@) ''{"price": -5}''') BETWEEN 1 AND 99 AS sane,
	expected('SELECT FROM large s JOIN home h ON h.data OPERATOR(cirro.@@) s.filter') BETWEEN 1 AND 100 * 3999 AS sane,
	expected('SELECT FROM large s WHERE EXISTS (SELECT FROM home h WHERE h.data OPERATOR(cirro.@@) s.filter)') BETWEEN 1 AND 100 AS sane;

-- Patterns, lists, and conditions of all kinds: the estimate of a join is made of each.
CREATE TABLE kinds (filter cirro.filter_query);
INSERT INTO kinds SELECT f::cirro.filter_query FROM unnest(ARRAY['{"city": {"$regex": "5$"}}', '{"city": {"$regex": "^City 1"}}',
	'{"rooms": {"$in": [1, 2, 3]}}', '{"tags": {"$size": 2}}', '{"free": {"$exists": false}}', '{"balcony": {"$not": {"$eq": true}}}',
	'{"rooms": {"$mod": [2, 0]}}', '{"tags": {"$all": ["tag 1", "tag 2"]}}', '{"tags": {"$elemMatch": {"$eq": "tag 3"}}}', '{"city": {"$in": []}}',
	'{"free": {"$gte": "2025"}}', '{"kind": {"$type": "string"}}', '{"$nor": [{"kind": "flat"}, {"rooms": 1}]}', '{"nobody": null}']) f;
ANALYZE kinds;
SELECT check_rows('SELECT FROM kinds s JOIN home h ON h.data OPERATOR(cirro.@@) s.filter', 1.3) AS pairs,
	check_filters('kinds', home(5)::text, 1.01), check_filters('kinds', '{"rooms": 2}', 1.01);

-- A domain, an expression, a view, a subquery.
CREATE DOMAIN wish AS cirro.filter_query;
CREATE DOMAIN description AS jsonb;
CREATE TABLE of_domain AS SELECT id, filter::wish FROM search;
CREATE TABLE home_of_domain AS SELECT id, data::description FROM home;
CREATE STATISTICS home_of_domain_data ON (cirro.profile_stats(data)) FROM home_of_domain;
ANALYZE of_domain, home_of_domain;
SELECT check_filters('of_domain', '{"price": 400}', 1.5),
	check_rows('SELECT FROM of_domain s JOIN home_of_domain h ON h.data OPERATOR(cirro.@@) s.filter WHERE h.id <= 200', 1.5);
CREATE TABLE as_text AS SELECT id, filter::text AS written FROM search;
CREATE STATISTICS as_text_filter ON (written::cirro.filter_query) FROM as_text;
ANALYZE as_text;
SELECT check_rows('SELECT FROM as_text WHERE written::cirro.filter_query OPERATOR(cirro.~@@) ''{"price": 400}''', 1.5);
CREATE VIEW cheap AS SELECT id, data AS d FROM home WHERE data OPERATOR(cirro.@@) '{"price": {"$lt": 1000}}';
SELECT check_rows('SELECT FROM search s JOIN cheap c ON s.filter OPERATOR(cirro.~@@) c.d WHERE s.id <= 400', 2),
	check_rows('SELECT FROM (SELECT id, filter FROM search ORDER BY id DESC OFFSET 0) s WHERE s.filter OPERATOR(cirro.~@@) ''{"price": 400}''', 1.5);

-- Both in one table, or of more than one table.
CREATE TABLE pair AS SELECT s.id, s.filter, h.data FROM search s JOIN home h USING (id);
ANALYZE pair;
SELECT expected('SELECT FROM pair WHERE data OPERATOR(cirro.@@) filter') BETWEEN 1 AND 3999 AS sane,
	expected('SELECT FROM pair p JOIN home h ON p.data || h.data OPERATOR(cirro.@@) p.filter') > 1 AS sane,
	expected('SELECT FROM pair p JOIN home h ON p.data || h.data OPERATOR(cirro.@@) ''{}''') > 1 AS sane;

-- Partitions: statistics of the whole, and of the part that a query is about.
CREATE TABLE parted (id int, land text, filter cirro.filter_query) PARTITION BY LIST (land);
CREATE TABLE parted_all PARTITION OF parted FOR VALUES IN ('all');
CREATE TABLE parted_none PARTITION OF parted FOR VALUES IN ('none');
INSERT INTO parted SELECT i, CASE WHEN i % 4 = 0 THEN 'all' ELSE 'none' END,
	CASE WHEN i % 4 = 0 THEN '{"price": {"$gt": 0}}' ELSE '{"price": {"$lt": 0}}' END::cirro.filter_query FROM generate_series(1, 2000) i;
ANALYZE parted;
SELECT check_filters('parted', home(7)::text, 1.3), check_filters('parted_all', home(7)::text, 1.1),
	check_rows('SELECT FROM parted WHERE land = ''all'' AND filter OPERATOR(cirro.~@@) ''{"price": 5}''', 1.3),
	check_rows('SELECT FROM parted s JOIN home h ON s.filter OPERATOR(cirro.~@@) h.data WHERE h.id <= 50', 1.3);
SELECT kind, numbers FROM slots('parted', 'filter') WHERE kind = 20814;

-- Indexes, in both directions: over the filters for few documents, over the
-- documents for few filters.
ALTER TABLE home ADD PRIMARY KEY (id);
ALTER TABLE search ADD PRIMARY KEY (id);
ALTER TABLE strict ADD PRIMARY KEY (id);
CREATE INDEX home_data_idx ON home USING gin (data cirro.profile_ops);
CREATE INDEX search_filter_idx ON search USING gin (filter cirro.filter_ops) WITH (fastupdate = off);
CREATE INDEX strict_filter_idx ON strict USING gin (filter cirro.filter_ops) WITH (fastupdate = off);
VACUUM ANALYZE home, search, strict;
EXPLAIN (COSTS OFF) SELECT id FROM strict WHERE filter OPERATOR(cirro.~@@) '{"city": "City 5"}';
EXPLAIN (COSTS OFF) SELECT id FROM strict WHERE '{"city": "City 5"}'::jsonb OPERATOR(cirro.@@) filter;
EXPLAIN (COSTS OFF) SELECT id FROM strict WHERE cirro.matches('{"city": "City 5"}'::jsonb, filter);
EXPLAIN (COSTS OFF) SELECT id FROM strict WHERE cirro.matched_by(filter, '{"city": "City 5"}');
EXPLAIN (COSTS OFF) SELECT s.id, h.id FROM home h JOIN strict s ON h.data OPERATOR(cirro.@@) s.filter WHERE h.id BETWEEN 11 AND 15;
EXPLAIN (COSTS OFF) SELECT s.id, h.id FROM home h JOIN strict s ON h.data OPERATOR(cirro.@@) s.filter WHERE s.id BETWEEN 111 AND 115;
EXPLAIN (COSTS OFF) SELECT s.id, h.id FROM home h JOIN strict s ON s.filter OPERATOR(cirro.~@@) h.data WHERE s.id BETWEEN 111 AND 115;
EXPLAIN (COSTS OFF) SELECT h.id FROM home h WHERE h.id BETWEEN 11 AND 15 AND EXISTS (SELECT FROM strict s WHERE h.data OPERATOR(cirro.@@) s.filter);
EXPLAIN (COSTS OFF) SELECT h.id, count(s.id) FROM home h LEFT JOIN strict s ON h.data OPERATOR(cirro.@@) s.filter WHERE h.id BETWEEN 11 AND 15 GROUP BY h.id;
PREPARE found(jsonb) AS SELECT id FROM strict WHERE filter OPERATOR(cirro.~@@) $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE found('{}');
RESET plan_cache_mode;
-- They find the same.
CREATE FUNCTION pairs(condition text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE 'SELECT count(*) FROM home h JOIN strict s ON h.data OPERATOR(cirro.@@) s.filter WHERE ' || condition INTO n;
	RETURN n;
END $$;
SET enable_seqscan = off;
SELECT pairs('h.id <= 100') = pairs('h.id <= 100 AND s.id > 0') AS same, pairs('h.id <= 100') > 0 AS some,
	pairs('h.id <= 100') = (SELECT count(*) FROM home h, strict s WHERE h.id <= 100 AND cirro.matches(h.data, s.filter::text::cirro.filter_query)) AS plain;
RESET enable_seqscan;

-- Where nearly all match, or nearly all have to be looked at, a scan is sooner.
CREATE TABLE whatever AS SELECT i AS id, '{}'::cirro.filter_query AS filter FROM generate_series(1, 20000) i;
CREATE INDEX ON whatever USING gin (filter cirro.filter_ops) WITH (fastupdate = off);
CREATE TABLE alike AS SELECT i AS id, i % 1000 AS owner, format('{"kind": "flat", "price": {"$gte": %s, "$lte": %s}}', 300 + i % 4000, 320 + i % 4000)::cirro.filter_query AS filter
FROM generate_series(1, 20000) i;
CREATE INDEX alike_filter_idx ON alike USING gin (filter cirro.filter_ops) WITH (fastupdate = off);
CREATE INDEX alike_owner_idx ON alike (owner);
VACUUM ANALYZE whatever, alike;
EXPLAIN (COSTS OFF) SELECT FROM whatever WHERE filter OPERATOR(cirro.~@@) '{"price": 400}';
EXPLAIN (COSTS OFF) SELECT FROM home h JOIN whatever s ON h.data OPERATOR(cirro.@@) s.filter WHERE h.id > 5;
EXPLAIN (COSTS OFF) SELECT FROM alike WHERE filter OPERATOR(cirro.~@@) '{"kind": "flat", "price": 400}';
EXPLAIN (COSTS OFF) SELECT FROM alike WHERE filter OPERATOR(cirro.~@@) '{"kind": "room", "price": 400}';
-- What is looked at in vain counts, so that an index that finds less is sooner.
EXPLAIN (COSTS OFF) SELECT FROM alike WHERE owner = 5 AND filter OPERATOR(cirro.~@@) '{"kind": "flat", "price": 400}';
EXPLAIN (COSTS OFF) SELECT FROM alike WHERE owner > 100 AND filter OPERATOR(cirro.~@@) '{"kind": "room", "price": 400}';

-- Indexes of a part, on an expression, on partitions; and without statistics.
CREATE TABLE on_off AS SELECT id, filter, id % 2 = 0 AS active FROM strict;
CREATE INDEX on_off_filter_idx ON on_off USING gin (filter cirro.filter_ops) WITH (fastupdate = off) WHERE active;
VACUUM ANALYZE on_off;
EXPLAIN (COSTS OFF) SELECT id FROM on_off WHERE active AND filter OPERATOR(cirro.~@@) '{"city": "City 5"}';
EXPLAIN (COSTS OFF) SELECT id FROM on_off WHERE filter OPERATOR(cirro.~@@) '{"city": "City 5"}';
DROP STATISTICS as_text_filter;
CREATE INDEX as_text_filter_idx ON as_text USING gin ((written::cirro.filter_query) cirro.filter_ops) WITH (fastupdate = off);
VACUUM ANALYZE as_text;
SELECT check_rows('SELECT FROM as_text WHERE written::cirro.filter_query OPERATOR(cirro.~@@) ''{"price": 400}''', 1.5);
EXPLAIN (COSTS OFF) SELECT h.id, t.id FROM home h JOIN as_text t ON t.written::cirro.filter_query OPERATOR(cirro.~@@) h.data WHERE h.id = 11;
CREATE INDEX parted_filter_idx ON parted USING gin (filter cirro.filter_ops) WITH (fastupdate = off);
VACUUM ANALYZE parted;
EXPLAIN (COSTS OFF) SELECT id FROM parted WHERE filter OPERATOR(cirro.~@@) '{"city": "City 5"}';
CREATE TABLE bare AS SELECT * FROM strict;
CREATE INDEX bare_filter_idx ON bare USING gin (filter cirro.filter_ops) WITH (fastupdate = off);
EXPLAIN (COSTS OFF) SELECT id FROM bare WHERE filter OPERATOR(cirro.~@@) '{"city": "City 5"}';
EXPLAIN (COSTS OFF) SELECT h.id, b.id FROM home h JOIN bare b ON h.data OPERATOR(cirro.@@) b.filter WHERE h.id BETWEEN 11 AND 15;

-- Who may not read a table learns nothing of its filters or documents by an operator
-- that leaks.
CREATE ROLE regress_cirro_stored;
GRANT USAGE, CREATE ON SCHEMA stored_plan TO regress_cirro_stored;
SET ROLE regress_cirro_stored;
CREATE FUNCTION leak(cirro.filter_query, jsonb) RETURNS boolean LANGUAGE plpgsql COST 1e-9 AS 'BEGIN RETURN true; END';
RESET ROLE;
CREATE OPERATOR ~^^ (FUNCTION = leak, LEFTARG = cirro.filter_query, RIGHTARG = jsonb, RESTRICT = cirro.matches_sel, JOIN = cirro.matches_joinsel);
CREATE VIEW some_searches WITH (security_barrier) AS SELECT * FROM search WHERE id % 20 = 2;
ALTER TABLE home ENABLE ROW LEVEL SECURITY;
CREATE POLICY even ON home USING (id % 2 = 0);
GRANT SELECT ON some_searches, home TO regress_cirro_stored;
CREATE TABLE own_search AS SELECT * FROM search WHERE id % 20 = 2;
ALTER TABLE own_search OWNER TO regress_cirro_stored;
ANALYZE own_search;
SET ROLE regress_cirro_stored;
SELECT expected('SELECT FROM some_searches WHERE filter ~^^ ''{}''') = expected('SELECT FROM some_searches WHERE filter ~^^ ''{"price": 350}''') AS the_same,
	expected('SELECT FROM own_search WHERE filter ~^^ ''{}''') < expected('SELECT FROM own_search WHERE filter ~^^ ''{"price": 350}''') AS not_the_same;
-- So it is below row policies; of filters that he may see and documents that he
-- may not all is supposed of the documents.
SELECT expected('SELECT FROM own_search s JOIN home h ON s.filter ~^^ h.data') / expected('SELECT FROM own_search s JOIN home h ON s.filter OPERATOR(cirro.~@@) h.data')
	NOT BETWEEN 0.9 AND 1.1 AS documents,
	round((expected('SELECT FROM some_searches s JOIN home h ON s.filter ~^^ h.data')
		/ expected('SELECT FROM some_searches s CROSS JOIN home h'))::numeric, 3) AS constant;
-- A match leaks nothing: its estimates are as good as the owner's.
SELECT expected('SELECT FROM some_searches WHERE filter OPERATOR(cirro.~@@) ''{}''') < expected('SELECT FROM some_searches WHERE filter OPERATOR(cirro.~@@) ''{"price": 350}''') AS not_the_same;
RESET ROLE;
-- An operator with our estimates for arguments that are not ours.
CREATE FUNCTION other(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR ~^^ (FUNCTION = other, LEFTARG = text, RIGHTARG = text, RESTRICT = cirro.matches_sel, JOIN = cirro.matches_joinsel);
CREATE FUNCTION other(cirro.filter_query, cirro.filter_query) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR ~^^ (FUNCTION = other, LEFTARG = cirro.filter_query, RIGHTARG = cirro.filter_query, RESTRICT = cirro.matches_sel, JOIN = cirro.matches_joinsel);
SELECT expected('SELECT FROM as_text WHERE written ~^^ ''{}''') > 0 AS text, expected('SELECT FROM search WHERE filter ~^^ ''{}''::cirro.filter_query') > 0 AS filters,
	expected('SELECT FROM search a JOIN strict b ON a.filter ~^^ b.filter') > 0 AS joined;

SET client_min_messages = warning;
DROP SCHEMA stored_plan CASCADE;
DROP ROLE regress_cirro_stored;
