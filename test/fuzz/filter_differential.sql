-- Asks random filters of random documents, once by reading every document and
-- once by an index of class profile_ops: the answers have to be the same.
--
--     psql -X -v filters=1000 -v seed=0.25 -f test/fuzz/filter_differential.sql
--
-- "filters" is how many each of its seven stages asks; "seed", between 0 and 1,
-- repeats a run (random if not given; the first line says it, and so does an
-- error). The stages differ in the state of the index and in what the search
-- goes by: entries waiting in the pending list, after updates and deletes,
-- flushed, after VACUUM, with statistics, with bitmaps that do not fit memory,
-- and with the filters coming from a join. Any difference is an error of this
-- script, and so are random cases that would show nothing: filters that match
-- all or nothing, or a search that leaves everything to the recheck. Uses the
-- schema cirro_differential of the current database, which must have the
-- extension; leaves nothing behind.
\set ON_ERROR_STOP on
\if :{?seed}
\else
SELECT round(random()::numeric, 6) AS seed \gset
\endif
\echo seed :seed
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS cirro_differential CASCADE;
CREATE SCHEMA cirro_differential;
SET search_path = cirro_differential, cirro, pg_catalog;
SET cirro_differential.seed = :'seed';
SET max_parallel_workers_per_gather = 0;
SET jit = off;

DO $$ BEGIN
	IF NOT (SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'profile_ops') THEN
		RAISE EXCEPTION 'amvalidate finds fault with profile_ops';
	END IF;
END $$;

--
-- Random JSON. Few names and values, so that matches are frequent, and all that
-- an index could get wrong: see the pools.
--

CREATE FUNCTION pick(VARIADIC choices text[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN choices[1 + floor(random() * cardinality(choices))::int];
END $$;

-- Equal by value in other notations, either side of zero, and numbers of more
-- digits than a key holds (48, or 52 before the hash), alike for as long.
CREATE FUNCTION number() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n text;
BEGIN
	IF random() < 0.8 THEN
		RETURN pick('0', '1', '2', '3', '4', '5', '6', '7', '9', '1.0', '1e0', '10e-1', '3.00', '-1', '-1.0', '-3', '-5');
	END IF;
	IF random() < 0.5 THEN
		RETURN pick('0.0', '0.5', '0.50', '-0.5', '1.5', '2.5', '9999', '10000', '10001', '1e4', '-10000', '-9999', '1e20',
			'100000000000000000000', '1e-5', '-1e-5', '123.456', '1e300', '-1e300', '9007199254740993', '3.14159');
	END IF;
	n := pick('', '', '-') || pick('', '0.', '0.0000', '12') || repeat('1234', 11 + floor(random() * 3)::int)
		|| pick('', '', '', '1', '1233', '1234', '1235', '12340001', '12340002', '12340000', '12341234', '123412340001', '123412349');
	RETURN n || CASE WHEN n ~ '\.' THEN pick('', '0', '00') ELSE pick('', '', '.0', '.5', '.50', '.00000001') END;
END $$;

-- Around the length where keys are cut, whatever the path, some in the middle
-- of a character; alike at the beginning.
CREATE FUNCTION string() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	s text;
BEGIN
	IF random() < 0.75 THEN
		RETURN '"' || pick('', 'a', 'b', 'c', 'ab', 'abc', 'B', 'x', '1', '5', 'é', 'ab\n', '2024-01-05', '2024-02-05',
			'2024-02-06', '2024-12-31', '2024-01-05T10', '2024-01-05T10:15', '2024-01-05T10:45Z', '2024-01-05 10:15',
			'2024-01-05T1', '2024-01-05T11:00') || '"';
	END IF;
	s := CASE floor(random() * 4)::int
		WHEN 0 THEN pick('', 's') || repeat('é', 17 + floor(random() * 12)::int)
		WHEN 1 THEN pick('', 's', 'ss') || repeat('€', 11 + floor(random() * 9)::int)
		WHEN 2 THEN repeat('s', 2000)
		ELSE repeat('s', pick('35', '36', '43', '44', '45', '46', '50', '51', '52', '53', '54')::int) END;
	RETURN '"' || s || pick('', '', 'a', 'b', 'é', 'ss') || '"';
END $$;

CREATE FUNCTION scalar(kind text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN CASE
		WHEN kind = 'n' AND random() < 0.9 THEN number()
		WHEN kind = 's' AND random() < 0.9 THEN string()
		ELSE CASE floor(random() * 8)::int
			WHEN 0 THEN 'true'
			WHEN 1 THEN 'false'
			WHEN 2 THEN 'null'
			WHEN 3 THEN string()
			WHEN 4 THEN string()
			ELSE number() END END;
END $$;

CREATE FUNCTION member(depth int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'null'; END $$;

-- "kind" says what values are mostly: n numbers, s strings, o objects in arrays.
CREATE FUNCTION value(kind text, depth int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r float := random();
	parts text[] := '{}';
BEGIN
	IF depth <= 0 OR r < (CASE kind WHEN 'o' THEN 0.1 ELSE 0.45 END) THEN
		RETURN CASE WHEN random() < 0.06 THEN pick('[]', '{}', 'null', '[[]]', '[null]', '[{}]', '""') ELSE scalar(kind) END;
	END IF;
	IF r < 0.85 THEN
		FOR i IN 1 .. floor(random() * 4)::int LOOP
			parts := parts || CASE
				WHEN kind = 'o' AND random() < 0.85 THEN member(depth - 1)
				WHEN random() < 0.75 THEN scalar(kind)
				ELSE value(kind, depth - 1) END;
		END LOOP;
		RETURN '[' || array_to_string(parts, ',') || ']';
	END IF;
	RETURN member(depth - 1);
END $$;

-- Of members with a name each; a filter may not have the same twice.
CREATE FUNCTION object(members text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	member text;
	name text;
	names text[] := '{}';
	parts text[] := '{}';
BEGIN
	FOREACH member IN ARRAY members LOOP
		name := substring(member FROM '^"[^"]*"');
		CONTINUE WHEN name = ANY (names);
		names := names || name;
		parts := parts || member;
	END LOOP;
	RETURN '{' || array_to_string(parts, ',') || '}';
END $$;

CREATE OR REPLACE FUNCTION member(depth int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	parts text[] := '{}';
	name text;
BEGIN
	FOR i IN 1 .. floor(random() * 4)::int LOOP
		name := pick('b', 'b', 'c', 'c', 'a', '', '0', '1', 'x.y', 'b.c', '01');
		parts := parts || ('"' || name || '":' || value(CASE name WHEN 'b' THEN 'n' WHEN 'c' THEN 's' ELSE '' END, depth - 1));
	END LOOP;
	RETURN object(parts);
END $$;

CREATE FUNCTION document() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	parts text[] := '{}';
	name text;
	deep text;
BEGIN
	IF random() < 0.02 THEN
		RETURN pick('{}', '[]', '5', '"a"', 'null', '[{"n":1,"a":{"b":2}}]', '[[1]]', '{"n":[]}', '{"a":{}}');
	END IF;
	FOREACH name IN ARRAY ARRAY['n', 's', 'o', 'a', 'b', 'p', '', '0', 'x.y', 'a name that is longer than the key keeps',
			'a name that is longer than the key keeps!'] LOOP
		CONTINUE WHEN random() < CASE WHEN name IN ('n', 's', 'o', 'a') THEN 0.2 ELSE 0.65 END;
		parts := parts || ('"' || name || '":' || value(CASE WHEN name IN ('n', 's', 'o') THEN name ELSE pick('n', 's', '') END, 3));
	END LOOP;
	IF random() < 0.02 THEN
		deep := number();
		FOR i IN 1 .. pick('3', '30', '62', '63', '64', '65', '80')::int LOOP
			deep := '{"d":' || deep || '}';
		END LOOP;
		parts := parts || ('"d":' || deep);
	END IF;
	RETURN ('{' || array_to_string(parts, ',') || '}')::jsonb;
END $$;

--
-- Random filters
--

CREATE FUNCTION list(kind text, long boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	parts text[] := '{}';
BEGIN
	FOR i IN 1 .. CASE WHEN long THEN 33 + floor(random() * 60)::int ELSE floor(random() * 5)::int END LOOP
		parts := parts || CASE
			WHEN NOT long AND random() < 0.15 THEN value(kind, 2)
			WHEN long AND random() < 0.01 THEN value(kind, 2)
			-- Mostly what no document has, before, between and behind what one has.
			WHEN long AND random() < 0.1 THEN CASE kind WHEN 's' THEN string() ELSE number() END
			WHEN long THEN CASE kind WHEN 's' THEN '"' || pick('', 'a', 'b', 's', 'x') || floor(random() * 100) || '-"'
				ELSE (floor(random() * 100) - 50)::text || '.25' END
			ELSE scalar(kind) END;
	END LOOP;
	RETURN '[' || array_to_string(parts, ',') || ']';
END $$;

CREATE FUNCTION filter(depth int, above text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN '{}'; END $$;
CREATE FUNCTION operators(kind text, depth int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN '{}'; END $$;

CREATE FUNCTION one_operator(kind text, depth int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	o text;
	parts text[] := '{}';
BEGIN
	o := CASE WHEN random() < 0.45 THEN pick('eq', 'in', 'gt', 'gte', 'lt', 'lte')
		ELSE pick('ne', 'nin', 'exists', 'type', 'all', 'size', 'elemMatch', 'elemMatch', 'mod', 'regex', 'not') END;
	IF depth <= 0 AND o IN ('not', 'elemMatch') THEN
		o := 'eq';
	END IF;
	RETURN '"$' || o || '":' || CASE
		WHEN o IN ('eq', 'ne') THEN CASE WHEN random() < 0.8 THEN scalar(kind) ELSE value(kind, 2) END
		WHEN o IN ('gt', 'gte', 'lt', 'lte') THEN CASE WHEN random() < 0.9 THEN scalar(kind) ELSE value(kind, 2) END
		WHEN o IN ('in', 'nin') THEN list(kind, random() < 0.15)
		WHEN o = 'exists' THEN pick('true', 'false', '0', '1')
		WHEN o = 'type' THEN pick('"number"', '"string"', '"object"', '"array"', '"bool"', '"null"', '2', '3', '4', '8', '10',
			'["array","null"]', '["object","string"]', '[8,"number"]', '["string","number","bool","null"]')
		WHEN o = 'size' THEN pick('0', '1', '1', '2', '3', '4294967296')
		WHEN o = 'mod' THEN pick('[2,0]', '[2,1]', '[3,-1]', '[-1,0]', '[4.5,1]')
		WHEN o = 'regex' THEN pick('"^a"', '"b"', '"^s"', '"(?i)^b$"', '"é"', '"^$"', '"5"', '"^2024-0"',
			'"^2024-01-05T1"', '"^2024-01-05T10:1"', '"^2024-01-05.10"', '"^ab"', '"^ab?"', '"^(ab|a)"', '"^a|^ab"', '"^(ab|ac)$"', '"^s{40,}"', '"^ab+c?"', '"^(é|s)é"', '"^[éè]"', '"(?m)^b"', '"^[ab]b"', '"^ab*c"', '"^a$"', '"^b|^a"', '"^(a)"', '"^sssss"',
			'"^' || repeat('s', 52) || '"')
		WHEN o = 'not' THEN operators(kind, depth - 1)
		-- Elements that are arrays themselves.
		WHEN o = 'elemMatch' AND random() < 0.15 THEN
			object(ARRAY['"$' || pick('size":1', 'size":0', 'size":2', 'type":"array"', 'type":["array"]', 'in":[[1],[]]', 'eq":[1]', 'gt":[]',
				'lte":[5]', 'exists":1', 'elemMatch":{"$gt":1}'), '"$' || pick('ne":1', 'ne":[1]', 'nin":[[],null]', 'exists":true')])
		WHEN o = 'elemMatch' AND (kind <> 'o' AND random() < 0.8 OR random() < 0.2) THEN operators(kind, depth - 1)
		-- Two values together, in either order.
		WHEN o = 'elemMatch' AND random() < 0.5 THEN object(ARRAY['"b":' || scalar('n'), '"c":' || scalar('s')]
			|| CASE WHEN random() < 0.3 THEN ARRAY['"' || pick('a', '') || '":' || scalar('')] END)
		WHEN o = 'elemMatch' THEN filter(depth - 1, 'o')
		ELSE CASE WHEN depth > 0 AND random() < 0.3
			THEN '[{"$elemMatch":' || filter(depth - 1, 'o') || '},{"$elemMatch":' || operators(kind, 0) || '}]'
			ELSE list(kind, false) END END;
END $$;

CREATE OR REPLACE FUNCTION operators(kind text, depth int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r float := random();
	low text;
BEGIN
	-- Both ends of a range, in either order.
	IF r < 0.3 THEN
		low := scalar(kind);
		RETURN object(ARRAY['"$' || pick('gt', 'gte') || '":' || low,
			'"$' || pick('lt', 'lte') || '":' || CASE WHEN random() < 0.9 THEN scalar(kind) ELSE low END]
			|| CASE WHEN random() < 0.2 THEN ARRAY['"$' || pick('ne', 'lt', 'gt', 'lte') || '":' || scalar(kind)] END);
	END IF;
	RETURN object(one_operator(kind, depth) || CASE WHEN r > 0.8 THEN ARRAY[one_operator(kind, depth)] ELSE '{}' END);
END $$;

CREATE FUNCTION condition(depth int, above text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	path text;
	kind text;
BEGIN
	path := CASE
		WHEN above = 'o' THEN pick('b', 'b', 'b', 'c', 'c', 'c', 'a', '', '0', '1', 'b.c', 'x.y', '01', 'b.0', 'b.b', 'a.c')
		WHEN random() < 0.7 THEN pick('n', 'n', 'n', 's', 's', 's', 'o', 'o', 'o.b', 'o.b', 'o.c', 'o.c', 'a')
		ELSE pick('a.b', 'a.c', 'b', 'b.b', 'p', 'p.c', 'a.b.c', 'a.0', 'a.1', 'a.0.b', 'n.0', 'n.1', 'o.0', 'o.0.b', 'o.1.c', 'o.1',
			'o.01', '', '.b', '.', 'a.', '0', '0.b', 'x.y', 'x', 'o.b.c', 'n.b', 'zz', 'a name that is longer than the key keeps',
			'a name that is longer than the key keeps!', 'a name that is longer than the key keeps.b',
			'd.d.d.d', 'd' || repeat('.d', 62), 'd' || repeat('.d', 63)) END;
	kind := CASE WHEN path ~ '(^|\.)(n|b)$' THEN 'n' WHEN path ~ '(^|\.)(s|c)$' THEN 's' WHEN path = 'o' THEN 'o' ELSE '' END;
	IF random() < 0.2 THEN
		RETURN '"' || path || '":' || CASE WHEN random() < 0.85 THEN scalar(kind) ELSE value(kind, 2) END;
	END IF;
	RETURN '"' || path || '":' || operators(kind, depth);
END $$;

CREATE OR REPLACE FUNCTION filter(depth int, above text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	parts text[] := '{}';
	filters text[];
BEGIN
	IF random() < 0.01 THEN
		RETURN '{}';
	END IF;
	FOR i IN 1 .. CASE WHEN random() < 0.7 THEN 1 ELSE 2 + floor(random() * 2)::int END LOOP
		IF depth > 0 AND random() < 0.25 THEN
			filters := '{}';
			FOR j IN 1 .. 1 + floor(random() * 3)::int LOOP
				filters := filters || filter(depth - 1, above);
			END LOOP;
			parts := parts || ('"$' || pick('and', 'or', 'or', 'nor') || '":[' || array_to_string(filters, ',') || ']');
		ELSE
			parts := parts || condition(depth, above);
		END IF;
	END LOOP;
	RETURN object(parts);
END $$;

--
-- The tables
--

-- With wide rows there are many pages, so that a small bitmap cannot do with
-- single rows.
CREATE TABLE worker (id serial PRIMARY KEY, profile jsonb, pad text);
ALTER TABLE worker ALTER COLUMN pad SET STORAGE plain, ALTER COLUMN profile SET STORAGE external,
	SET (autovacuum_enabled = off);
CREATE TABLE asked (id serial, stage text, filter filter_query, n bigint, hash bigint);
CREATE TABLE counts (stage text, filters int DEFAULT 0, telling int DEFAULT 0, indexed int DEFAULT 0, narrowed int DEFAULT 0,
	sure int DEFAULT 0);

CREATE FUNCTION add_documents(count int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. count LOOP
		INSERT INTO worker (profile, pad) VALUES (CASE WHEN i % 50 > 0 THEN document() END, repeat('x', 3800));
	END LOOP;
END $$;

CREATE FUNCTION add_filters(count int, its_stage text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. count LOOP
		INSERT INTO asked (stage, filter) VALUES (its_stage, filter(2, '')::filter_query);
	END LOOP;
END $$;

CREATE FUNCTION fail(what text, filter filter_query) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'seed %: % for filter %', current_setting('cirro_differential.seed'), what, filter
		USING DETAIL = 'The index was searched for ' || index_search(filter);
END $$;

-- Says in which documents scan and index differ.
CREATE FUNCTION fail_with_documents(f filter_query) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	by_scan int[];
	by_index int[];
	wrong text;
BEGIN
	SET enable_seqscan = on;
	SET enable_bitmapscan = off;
	EXECUTE format('SELECT coalesce(array_agg(id), ''{}'') FROM worker WHERE profile @@ %L::filter_query', f) INTO by_scan;
	SET enable_bitmapscan = on;
	SET enable_seqscan = off;
	EXECUTE format('SELECT coalesce(array_agg(id), ''{}'') FROM worker WHERE profile @@ %L::filter_query', f) INTO by_index;
	SELECT string_agg(format('%s in document %s: %s', CASE WHEN id = ANY (by_scan) THEN 'lost' ELSE 'made up' END, id,
			left(profile::text, 3000)), E'\n')
	INTO wrong
	FROM (SELECT * FROM worker WHERE (id = ANY (by_scan)) <> (id = ANY (by_index)) ORDER BY length(profile::text) LIMIT 3) w;
	PERFORM fail(format('%s matches by scan, %s by index', cardinality(by_scan), cardinality(by_index)) || E'\n'
		|| coalesce(wrong, 'not when asked again'), f);
END $$;

-- What reading every document gives for the filters of a stage.
CREATE FUNCTION ask_by_scan(its_stage text) RETURNS void LANGUAGE plpgsql
SET enable_bitmapscan = off SET enable_material = off AS $$
BEGIN
	UPDATE asked a SET n = s.n, hash = s.hash
	FROM (SELECT a.id, count(w.id) AS n, coalesce(sum(hashint4(w.id)::bigint), 0) AS hash
		  FROM asked a LEFT JOIN worker w ON w.profile @@ a.filter WHERE a.stage = its_stage GROUP BY a.id) s
	WHERE a.id = s.id;
END $$;

-- The same by the index, each filter planned for itself; and what it did.
CREATE FUNCTION ask_by_index(its_stage text) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
	a asked;
	n bigint;
	hash bigint;
	line text;
	search text;
	documents bigint := (SELECT count(profile) FROM worker);
	c counts;
BEGIN
	c := (its_stage, 0, 0, 0, 0, 0);
	FOR a IN SELECT * FROM asked WHERE stage = its_stage ORDER BY id LOOP
		c.filters := c.filters + 1;
		c.telling := c.telling + (a.n > 0 AND a.n < documents)::int;
		FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT FROM worker WHERE profile @@ %L::filter_query', a.filter) LOOP
			c.indexed := c.indexed + (line LIKE '%Bitmap Index Scan on worker_profile%')::int;
		END LOOP;
		search := index_search(a.filter);
		c.narrowed := c.narrowed + (search <> 'all, recheck')::int;
		c.sure := c.sure + (search !~ 'recheck')::int;
		EXECUTE format('SELECT count(*), coalesce(sum(hashint4(id)::bigint), 0) FROM worker WHERE profile @@ %L::filter_query', a.filter)
		INTO n, hash;
		IF (n, hash) <> (a.n, a.hash) THEN
			PERFORM fail_with_documents(a.filter);
		END IF;
	END LOOP;
	INSERT INTO counts SELECT c.*;
END $$;

-- And in a join, where one search after the other has another filter.
CREATE FUNCTION ask_by_join(its_stage text) RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off SET enable_material = off AS $$
DECLARE
	wrong asked;
	plan text := '';
	line text;
BEGIN
	FOR line IN EXPLAIN (COSTS OFF) SELECT count(*) FROM asked a LEFT JOIN worker w ON w.profile @@ a.filter LOOP
		plan := plan || line || E'\n';
	END LOOP;
	IF plan !~ 'Bitmap Index Scan on worker_profile' THEN
		RAISE EXCEPTION 'the join does not use the index: %', plan;
	END IF;
	FOR wrong IN
		SELECT * FROM asked a WHERE a.stage = its_stage AND (a.n, a.hash) <>
			(SELECT count(w.id), coalesce(sum(hashint4(w.id)::bigint), 0) FROM worker w WHERE w.profile @@ a.filter)
	LOOP
		PERFORM fail_with_documents(wrong.filter);
	END LOOP;
END $$;

--
-- The stages
--

\o /dev/null
SELECT setseed(:seed);
CREATE INDEX worker_profile ON worker USING gin (profile profile_ops) WITH (fastupdate = on, gin_pending_list_limit = 100000);

-- All in the pending list.
SELECT add_documents(1800);
SELECT add_filters(:filters, 'pending');
SELECT ask_by_scan('pending');
SELECT ask_by_index('pending');

-- Flushed half-way through updates and deletes.
UPDATE worker SET profile = document() WHERE id % 4 = 0;
SELECT gin_clean_pending_list('worker_profile') > 0 AS flushed \gset
\if :flushed
\else
\warn 'there was nothing in the pending list'
SELECT 1/0;
\endif
DELETE FROM worker WHERE id % 9 = 0;
UPDATE worker SET profile = profile || '{"n": [2, 9]}' WHERE id % 13 = 0 AND jsonb_typeof(profile) = 'object';
SELECT add_documents(800);
SELECT add_filters(:filters, 'updated');
SELECT ask_by_scan('updated');
SELECT ask_by_index('updated');

VACUUM worker;
SELECT add_filters(:filters, 'vacuumed');
SELECT ask_by_scan('vacuumed');
SELECT ask_by_index('vacuumed');

-- Built over all that is there, without a pending list.
DROP INDEX worker_profile;
CREATE INDEX worker_profile ON worker USING gin (profile profile_ops) WITH (fastupdate = off);
UPDATE worker SET profile = document() WHERE id % 7 = 0;
SELECT add_documents(400);
SELECT add_filters(:filters, 'built');
SELECT ask_by_scan('built');
SELECT ask_by_index('built');

-- With statistics other entries are searched for.
CREATE STATISTICS worker_profile_stats ON (profile_stats(profile)) FROM worker;
ANALYZE worker;
SELECT add_filters(:filters, 'statistics');
SELECT ask_by_scan('statistics');
SELECT ask_by_index('statistics');

SET work_mem = '64kB';
DO $$
DECLARE
	line text;
	plan text := '';
BEGIN
	SET LOCAL enable_seqscan = off;
	FOR line IN EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT FROM worker WHERE profile @@ '{"n": {"$gte": -1}}'::filter_query LOOP
		plan := plan || line || E'\n';
	END LOOP;
	IF plan !~ 'lossy=' THEN
		RAISE EXCEPTION 'the bitmaps fit into memory: %', plan;
	END IF;
END $$;
SELECT add_filters(:filters, 'lossy');
SELECT ask_by_scan('lossy');
SELECT ask_by_index('lossy');
RESET work_mem;

SELECT add_filters(:filters, 'join');
SELECT ask_by_scan('join');
SELECT ask_by_join('join');
SET work_mem = '64kB';
SELECT ask_by_join('lossy');
RESET work_mem;

SELECT format('%s filters of %s documents, no difference; %s%% match some and not all, %s%% are planned with the index, '
	'%s%% narrow its search, %s%% need no recheck', sum(filters), (SELECT max(id) FROM worker),
	100 * sum(telling) / sum(filters), 100 * sum(indexed) / sum(filters), 100 * sum(narrowed) / sum(filters),
	100 * sum(sure) / sum(filters)) AS result,
	sum(telling) < 0.5 * sum(filters) OR sum(indexed) < 0.95 * sum(filters) OR sum(narrowed) < 0.4 * sum(filters)
	OR sum(sure) < 0.1 * sum(filters) AS weak
FROM counts \gset
\o
\echo :result
\if :weak
\warn 'these filters show too little'
SELECT 1/0;
\endif
DROP SCHEMA cirro_differential CASCADE;
