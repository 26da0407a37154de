-- Which keys a stored filter gets, that a document finds by them what it matches,
-- and an index of class filter_ops. That no match is lost is for
-- test/fuzz/stored_differential.sql to find out.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
CREATE SCHEMA stored;
SET search_path = stored;
RESET client_min_messages;
SET max_parallel_workers_per_gather = 0;

SELECT opcname, opcdefault, amvalidate(oid) FROM pg_opclass WHERE opcname = 'filter_ops';

-- The operator is the other one with its sides exchanged.
SELECT o.oprname, c.oprname AS commutator, p.proname, p.proleakproof, p.provolatile, p.proparallel
FROM pg_operator o JOIN pg_operator c ON c.oid = o.oprcom JOIN pg_proc p ON p.oid = o.oprcode
WHERE o.oprcode IN ('cirro.matches(jsonb, cirro.filter_query)'::regprocedure, 'cirro.matched_by(cirro.filter_query, jsonb)'::regprocedure)
ORDER BY 1;
SELECT '{"a": {"$gt": 1}}' OPERATOR(cirro.~@@) '{"a": 2}'::jsonb AS yes, '{"a": {"$gt": 1}}' OPERATOR(cirro.~@@) '{"a": 1}'::jsonb AS no,
	NULL OPERATOR(cirro.~@@) '{"a": 1}'::jsonb AS no_filter, '{}' OPERATOR(cirro.~@@) NULL::jsonb AS no_document,
	cirro.matched_by('{"a": [1]}', '{"a": [1]}') AS call;

-- What one condition requires.
SELECT filter, unnest(cirro.stored_keys(filter::cirro.filter_query)) AS key FROM unnest(ARRAY[
	-- A value.
	'{"a": 1}', '{"a": "x"}', '{"a": ""}', '{"a": true}', '{"a": {"$eq": 1.0}}', '{"a.b": 1}', '{"": {"$eq": {"": 1}}}',
	'{"a": {"$in": [2, 1, 2.0, "x", true]}}', '{"a": {"$size": 2}}', '{"a": [1, 2]}', '{"a": []}', '{"a": {"b": 1}}', '{"a": {}}',
	'{"a": {"$all": [1, 2]}}', '{"a": {"$all": [1]}}',
	-- A bound; of two the lower one.
	'{"a": {"$gt": 5}}', '{"a": {"$gte": -0.5}}', '{"a": {"$lt": 5}}', '{"a": {"$lte": "x"}}', '{"a": {"$gt": 5, "$lt": 9}}', '{"a": {"$gt": false}}',
	'{"a": {"$lte": ""}}', '{"a": {"$regex": "^ab"}}', '{"a": {"$regex": "^(ab|ac)$"}}',
	-- A type, or that there is something.
	'{"a": {"$exists": true}}', '{"a": {"$type": "string"}}', '{"a": {"$type": "null"}}', '{"a": {"$type": ["number", "array"]}}',
	'{"a": {"$gte": ""}}', '{"a": {"$gt": []}}', '{"a": {"$gt": {}}}', '{"a": {"$regex": "b"}}', '{"a": {"$mod": [2, 1]}}',
	'{"a": {"$elemMatch": {"b": {"$ne": 1}}}}', '{"a": {"$elemMatch": {"$mod": [2, 1]}}}',
	-- Nothing.
	'{}', '{"a": null}', '{"a": {"$ne": 1}}', '{"a": {"$exists": false}}', '{"a": {"$nin": [1]}}', '{"$nor": [{"a": 1}]}', '{"a": {"$not": {"$gt": 1}}}',
	'{"a": {"$in": [1, null]}}', '{"a.0": 1}', '{"a": {"$gte": null}}', '{"$or": [{"a": 1}, {"b": {"$ne": 1}}]}']) WITH ORDINALITY u (filter, n)
ORDER BY n;
-- Nothing can match: no key.
SELECT cirro.stored_keys(filter::cirro.filter_query) FROM unnest(ARRAY['{"a": {"$in": []}}', '{"a": {"$gt": null}}', '{"a": {"$all": []}}',
	'{"b": 1, "a": {"$in": []}}', '{"$or": [{"a": {"$in": []}}, {"a": {"$lt": null}}]}', '{"a": {"$elemMatch": {"b": {"$in": []}}}}']) filter;
SELECT cirro.stored_keys(NULL) IS NULL AS none;

-- Of several conditions: one that all must meet, each of those of which one does.
SELECT filter, unnest(cirro.stored_keys(filter::cirro.filter_query)) AS key FROM unnest(ARRAY[
	'{"a": 1, "b": {"$gt": 2}}', '{"b": {"$gt": 2}, "c": {"$exists": true}}', '{"a": true, "b": "x"}', '{"a": {"$size": 1}, "b": "x"}',
	'{"a": {"$in": [1, 2, 3]}, "b": 5}', '{"a": {"$ne": 1}, "b": {"$exists": true}}', '{"$and": [{"a": {"$ne": 1}}, {"$nor": [{"b": 2}]}]}',
	'{"$or": [{"a": 1, "b": {"$gt": 2}}, {"c": 3}]}', '{"$or": [{"a": 1}, {"a": {"$gt": 5}}, {"a": {"$type": "string"}}]}',
	'{"$or": [{"a": 1}, {"a": 1}]}', '{"$or": [{"a": 1}, {"b": {"$in": []}}]}', '{"c": 1, "$or": [{"a": 1}, {"b": {"$ne": 1}}]}',
	'{"a": {"$elemMatch": {"b": 1, "c": 2}}}', '{"a": {"$elemMatch": {"$gt": 1, "$lt": 5}}}', '{"a": {"$elemMatch": {"$eq": "x"}}}',
	'{"a": {"$elemMatch": {"b": {"$elemMatch": {"$eq": 1}}}}}', '{"$and": [{"$or": [{"a": 1}, {"b": 1}]}, {"$or": [{"a": 1}, {"b": 1}, {"c": 1}]}]}'
	]) WITH ORDINALITY u (filter, n)
ORDER BY n;

-- Not more than 64 keys: of the values of one path and type that type, or another
-- condition, or nothing.
CREATE FUNCTION list(first int, last int, prefix text DEFAULT '') RETURNS jsonb LANGUAGE sql RETURN
	(SELECT jsonb_agg(CASE prefix WHEN '' THEN to_jsonb(i) ELSE to_jsonb(prefix || i) END) FROM generate_series(first, last) i);
CREATE FUNCTION keys(filter jsonb) RETURNS text LANGUAGE sql RETURN
	(SELECT cardinality(k) || ': ' || k[1] || CASE WHEN cardinality(k) > 1 THEN ' to ' || k[cardinality(k)] ELSE '' END
	 FROM cirro.stored_keys(filter) k);
SELECT keys(jsonb_build_object('a', jsonb_build_object('$in', list(1, 32)))) AS in_32, keys(jsonb_build_object('a', jsonb_build_object('$in', list(1, 64)))) AS in_64,
	keys(jsonb_build_object('a', jsonb_build_object('$in', list(1, 65)))) AS in_65, keys(jsonb_build_object('a', jsonb_build_object('$in', list(1, 1000)))) AS in_1000;
SELECT keys(jsonb_build_object('a', jsonb_build_object('$in', list(1, 500) || list(1, 500, 'x') || 'true'))) AS two_types,
	keys(jsonb_build_object('a', jsonb_build_object('$in', list(1, 1000)), 'b', jsonb_build_object('$gt', 1))) AS another,
	keys(jsonb_build_object('$or', (SELECT jsonb_agg(jsonb_build_object('a', i)) FROM generate_series(1, 300) i))) AS or_300,
	keys(jsonb_build_object('$or', (SELECT jsonb_agg(jsonb_build_object('a' || i % 20, i)) FROM generate_series(1, 300) i))) AS or_of_20_paths,
	keys(jsonb_build_object('$or', (SELECT jsonb_agg(jsonb_build_object('a' || i, i)) FROM generate_series(1, 64) i))) AS or_of_64_paths,
	keys(jsonb_build_object('$or', (SELECT jsonb_agg(jsonb_build_object('a' || i, i)) FROM generate_series(1, 65) i))) AS or_of_65_paths;

-- Values and paths that a key does not hold.
SELECT unnest(cirro.stored_keys(filter::cirro.filter_query)) FROM (VALUES (1, '{"t": "2024-11-19T22:57:13Z"}'::text), (2, '{"t": {"$gt": "2024-11-19T22:57:13Z"}}'),
	(3, '{"t": {"$lt": "2024-11-19T22:57:13Z"}}'), (4, jsonb_build_object('s', repeat('s', 60))::text), (5, jsonb_build_object('s', jsonb_build_object('$lte', repeat('s', 60)))::text),
	(6, jsonb_build_object('n', repeat('1234', 13)::numeric)::text), (7, jsonb_build_object(repeat('p', 25), 1)::text),
	(8, jsonb_build_object(repeat('p', 25), jsonb_build_object('$gt', 1))::text), (9, jsonb_build_object(repeat('p', 25), jsonb_build_object('$exists', true))::text)) v (n, filter)
ORDER BY n;

--
-- An index
--

CREATE TABLE saved (id int PRIMARY KEY, filter cirro.filter_query) WITH (autovacuum_enabled = off);
CREATE INDEX saved_filter ON saved USING gin (filter) WITH (fastupdate = on);
CREATE TABLE unkept (id int, filter cirro.filter_query) WITH (autovacuum_enabled = off);
CREATE INDEX unkept_filter ON unkept USING gin (filter cirro.filter_ops) WITH (fastupdate = off);
CREATE VIEW saved_twice AS SELECT s.id, s.filter FROM saved s;
-- Says in which rows the ways differ: the two indexes, and without.
CREATE FUNCTION found(document jsonb) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
	by_scan int[];
	by_index int[];
	by_other int[];
BEGIN
	SET LOCAL enable_seqscan = on;
	SET LOCAL enable_bitmapscan = off;
	SELECT array_agg(s.id ORDER BY s.id) INTO by_scan FROM saved s WHERE s.filter OPERATOR(cirro.~@@) document;
	SET LOCAL enable_bitmapscan = on;
	SET LOCAL enable_seqscan = off;
	SELECT array_agg(s.id ORDER BY s.id) INTO by_index FROM saved s WHERE s.filter OPERATOR(cirro.~@@) document;
	SELECT array_agg(s.id ORDER BY s.id) INTO by_other FROM unkept s WHERE document OPERATOR(cirro.@@) s.filter;
	IF by_scan IS DISTINCT FROM by_index OR by_scan IS DISTINCT FROM by_other THEN
		RAISE EXCEPTION 'by scan %, by index %, without pending list %', by_scan, by_index, by_other;
	END IF;
	RETURN by_scan;
END $$;
INSERT INTO saved SELECT n, f::cirro.filter_query FROM (VALUES (1, '{}'), (2, NULL), (3, '{"a": {"$in": []}}'), (4, '{"a": {"$ne": 1}}'), (5, '{"a": 1}'),
	(6, '{"a": {"$gte": 1}}'), (7, '{"a": {"$lte": 1}}'), (8, '{"a": {"$gt": 1, "$lt": 3}}'), (9, '{"a": "x"}'), (10, '{"a": {"$in": [1, 2]}}'),
	(11, '{"$or": [{"a": 2}, {"b": "x"}]}'), (12, '{"a": null}'), (13, '{"a": {"$exists": true}}'), (14, '{"a": {"$type": "array"}}'),
	(15, '{"a": {"$elemMatch": {"b": 1, "c": 2}}}'), (16, '{"a": {"$regex": "^x"}}'), (17, '{"a": {"$regex": "x"}}'), (18, '{"a": {"$mod": [2, 0]}}'),
	(19, '{"a.b": {"$lt": 2}}'), (20, '{"a": true}'), (21, '{"a": {"$gt": false}}'), (22, '{"a": {"$lt": true}}'), (23, '{"a": []}'), (24, '{"a": [1, 2]}'),
	(25, '{"a": {"$size": 2}}'), (26, '{"$nor": [{"a": 1}, {"b": "x"}]}'), (27, '{"a": {"$all": [1, 2]}}'), (28, '{"a": {}}'), (29, '{"a": {"$lte": ""}}'),
	(30, '{"a.0": 1}'), (31, '{"a": {"$elemMatch": {"$gt": 1, "$lt": 3}}}'), (32, '{"a": {"$not": {"$elemMatch": {"$gt": 5}}}}')) v (n, f);
INSERT INTO unkept SELECT * FROM saved;
SELECT document, found(document::jsonb) FROM unnest(ARRAY['{}', '5', 'null', '[1]', '[{"a": 1}]', '{"a": 1}', '{"a": 1.00}', '{"a": 2}', '{"a": 0}', '{"a": null}',
	'{"a": "x"}', '{"a": "xy"}', '{"a": "yx"}', '{"a": ""}', '{"a": true}', '{"a": false}', '{"a": [true, false]}', '{"a": []}', '{"a": [[]]}', '{"a": [1, 2]}', '{"a": [[1, 2]]}',
	'{"a": [0, 4]}', '{"a": [1, "x", null]}', '{"a": {}}', '{"a": {"b": 1}}', '{"a": [{"b": 1, "c": 2}]}', '{"a": [{"b": 1}, {"c": 2}]}', '{"b": "x"}', '{"a": [7, {"b": [3, 1]}]}',
	'{"a": 1e300}', '{"a": -1e300}']) document;

-- The same value may meet two conditions: one key, not two of them.
DELETE FROM saved;
DELETE FROM unkept;
INSERT INTO saved SELECT n, f::cirro.filter_query FROM (VALUES (1, '{"$and": [{"a": 1}, {"a": 1.0}]}'), (2, '{"$and": [{"a": {"$in": [1, 2]}}, {"a": {"$in": [2, 3]}}]}'),
	(3, '{"$and": [{"t": "2024-11-19T22:57"}, {"t": "2024-11-19T22:58"}]}'), (4, '{"t": {"$all": ["2024-11-19T22:57", "2024-11-19T22:57"]}}'),
	(5, '{"$and": [{"a": {"$gt": 1}}, {"a": {"$gt": 0}}, {"a": {"$lt": 3}}, {"a": {"$lt": 4}}]}'), (6, '{"$and": [{"a": 2}, {"a": {"$gte": 2}}]}')) v (n, f);
INSERT INTO unkept SELECT * FROM saved;
SELECT document, found(document::jsonb) FROM unnest(ARRAY['{"a": 1}', '{"a": 2}', '{"a": [1, 3]}', '{"a": [0, 5]}', '{"t": "2024-11-19T22:57"}', '{"t": ["2024-11-19T22:58", "2024-11-19T22:57"]}']) document;

-- Where keys are cut, on both sides of the cut.
DELETE FROM saved;
DELETE FROM unkept;
INSERT INTO saved SELECT 100 * o.n + v.n, jsonb_build_object(v.path, jsonb_build_object(o.op, v.value)) FROM (VALUES (1, '$eq'), (2, '$gt'), (3, '$gte'), (4, '$lt'), (5, '$lte')) o (n, op),
	(VALUES (1, 's', to_jsonb(repeat('s', 60))), (2, 's', to_jsonb(repeat('s', 60) || 'a')), (3, 's', to_jsonb(repeat('s', 52))), (4, 's', to_jsonb(repeat('s', 52) || E'\u00ff')),
		(5, 's', to_jsonb('2024-11-19T22'::text)), (6, 's', to_jsonb('2024-11-19T22:57'::text)), (7, 's', to_jsonb('2024-11-19T23:01'::text)),
		(8, 'n', to_jsonb(repeat('1234', 12)::numeric)), (9, 'n', to_jsonb(repeat('1234', 13)::numeric)), (10, 'n', to_jsonb((repeat('1234', 13) || '.5')::numeric)),
		(11, 'n', to_jsonb(-repeat('1234', 13)::numeric)), (12, 'n', to_jsonb(-(repeat('1234', 13) || '.5')::numeric)), (13, repeat('p', 30), to_jsonb(1))) v (n, path, value);
INSERT INTO unkept SELECT * FROM saved;
SELECT s.id, cardinality(found(jsonb_build_object(key, value))) FROM saved s, jsonb_each(s.filter::jsonb) e (key, op), jsonb_each(e.op) o (name, value)
WHERE s.id < 200 ORDER BY 1;
SELECT cardinality(found(jsonb_build_object('s', jsonb_build_array(repeat('s', 55), '2024-11-19T22:58'), 'n', jsonb_build_array(repeat('1234', 13)::numeric, 0))));

-- Rows come, change and go, in the pending list and beside it.
DELETE FROM saved;
DELETE FROM unkept;
INSERT INTO saved SELECT i, jsonb_build_object('city', 'city ' || i % 10, 'n', jsonb_build_object('$gt', i)) FROM generate_series(1, 300) i;
INSERT INTO unkept SELECT * FROM saved;
SELECT cardinality(found('{"city": "city 5", "n": 100}'));
SELECT gin_clean_pending_list('saved_filter') > 0 AS was_pending, gin_clean_pending_list('unkept_filter') AS nothing_was;
SELECT cardinality(found('{"city": "city 5", "n": 100}'));
UPDATE saved SET filter = '{"city": "elsewhere"}' WHERE id % 20 = 5;
UPDATE unkept SET filter = '{"city": "elsewhere"}' WHERE id % 20 = 5;
SELECT cardinality(found('{"city": "city 5", "n": 100}')), cardinality(found('{"city": ["elsewhere", "city 4"], "n": 100}'));
DELETE FROM saved WHERE id % 3 = 0;
DELETE FROM unkept WHERE id % 3 = 0;
VACUUM saved, unkept;
SELECT cardinality(found('{"city": "city 5", "n": 100}')), cardinality(found('{"city": ["elsewhere", "city 4"], "n": 100}'));
UPDATE saved SET filter = NULL WHERE id % 7 = 0;
UPDATE unkept SET filter = NULL WHERE id % 7 = 0;
INSERT INTO saved VALUES (1000, '{}');
INSERT INTO unkept VALUES (1000, '{}');
REINDEX TABLE unkept;
SELECT cardinality(found('{"city": "city 5", "n": 100}')), cardinality(found('{"city": ["elsewhere", "city 4"], "n": 100}')), found('5');

-- Every way of asking uses the index.
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT * FROM saved WHERE filter OPERATOR(cirro.~@@) '{"city": "city 5"}'::jsonb;
EXPLAIN (COSTS OFF) SELECT * FROM saved WHERE '{"city": "city 5"}'::jsonb OPERATOR(cirro.@@) filter;
EXPLAIN (COSTS OFF) SELECT * FROM saved WHERE cirro.matched_by(filter, '{"city": "city 5"}');
EXPLAIN (COSTS OFF) SELECT * FROM saved_twice WHERE cirro.matches('{"city": "city 5"}'::jsonb, filter);
CREATE TABLE worker (id int, profile jsonb);
INSERT INTO worker SELECT i, jsonb_build_object('city', 'city ' || i, 'n', 300) FROM generate_series(1, 20) i;
SET enable_seqscan = on;
EXPLAIN (COSTS OFF) SELECT w.id, s.id FROM worker w JOIN saved s ON w OPERATOR(cirro.@@) s.filter;
SET enable_seqscan = off;
SELECT w.id, count(s.id) FROM worker w LEFT JOIN saved s ON w OPERATOR(cirro.@@) s.filter AND s.id < 1000 GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM saved WHERE filter OPERATOR(cirro.~@@) '{"city": "city 5", "n": 300}'::jsonb AND filter OPERATOR(cirro.~@@) '{"city": ["city 5"], "n": 50}'::jsonb;
SELECT count(*) FROM saved WHERE filter OPERATOR(cirro.~@@) NULL::jsonb;
PREPARE ask(jsonb) AS SELECT count(*) FROM saved WHERE filter OPERATOR(cirro.~@@) $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE ask('{}');
EXECUTE ask('{"city": "city 5", "n": 300}');
RESET plan_cache_mode;
DEALLOCATE ask;
-- Below a policy, too: the operator is leakproof.
CREATE ROLE regress_cirro_stored;
GRANT USAGE ON SCHEMA stored TO regress_cirro_stored;
GRANT SELECT ON saved TO regress_cirro_stored;
ALTER TABLE saved ENABLE ROW LEVEL SECURITY;
CREATE POLICY even ON saved USING (id % 2 = 0);
SET ROLE regress_cirro_stored;
EXPLAIN (COSTS OFF) SELECT id FROM saved WHERE filter OPERATOR(cirro.~@@) '{"city": "city 8", "n": 30}'::jsonb;
SELECT id FROM saved WHERE filter OPERATOR(cirro.~@@) '{"city": "city 8", "n": 30}'::jsonb ORDER BY id;
RESET ROLE;
ALTER TABLE saved DISABLE ROW LEVEL SECURITY;
RESET enable_seqscan;

-- Documents of many values ask otherwise, and find the same.
SELECT n, found(document) FROM (VALUES
	(1, '{"city": "city 8", "n": 30}'::jsonb || (SELECT jsonb_object_agg('k' || i, i) FROM generate_series(1, 1000) i)),
	(2, '{"n": 30}'::jsonb || jsonb_build_object('city', (SELECT jsonb_agg('city ' || i) FROM generate_series(8, 1008) i))),
	(3, jsonb_build_object('city', 'city 8', 'n', 30, 'k', (SELECT jsonb_agg(i) FROM generate_series(1, 150000) i))),
	(4, '{"city": "city 8", "n": 30}'::jsonb || (SELECT jsonb_object_agg('k' || i, i) FROM generate_series(1, 120000) i))) v (n, document)
ORDER BY n;
DELETE FROM saved;
DELETE FROM unkept;
INSERT INTO saved SELECT i, jsonb_build_object('k' || i % 2000, CASE i % 4 WHEN 0 THEN to_jsonb(i % 2000) WHEN 1 THEN jsonb_build_object('$gte', i % 1999)
	WHEN 2 THEN jsonb_build_object('$lte', i % 1999) ELSE '{"$type": "number"}' END) FROM generate_series(1, 4000) i;
INSERT INTO unkept SELECT * FROM saved;
SELECT cardinality(found((SELECT jsonb_object_agg('k' || i, i) FROM generate_series(1, 1000) i))) AS many,
	cardinality(found((SELECT jsonb_object_agg('k' || i, i) FROM generate_series(1, 60) i))) AS some;

-- A document that comes twice, stored apart from its row, is itself both times;
-- another one is another.
CREATE TABLE long (id int, body jsonb);
ALTER TABLE long ALTER COLUMN body SET STORAGE external;
INSERT INTO long SELECT i, jsonb_build_object('pad', repeat('x', 5000), 'k1', i) FROM generate_series(1, 3) i;
CREATE TABLE packed (id int, body jsonb);
ALTER TABLE packed ALTER COLUMN body SET STORAGE main;
INSERT INTO packed SELECT * FROM long;
SELECT l.id, count(*), bool_and((s.filter::jsonb ->> 'k1')::int = l.id) AS its_own FROM long l, LATERAL (SELECT f.filter
	FROM (SELECT jsonb_build_object('k1', 1 + i % 3)::cirro.filter_query AS filter FROM generate_series(1, 30) i) f WHERE f.filter OPERATOR(cirro.~@@) l.body OFFSET 0) s
GROUP BY 1 ORDER BY 1;
SELECT l.id, count(*), bool_and((s.filter::jsonb ->> 'k1')::int = l.id) AS its_own FROM packed l, LATERAL (SELECT f.filter
	FROM (SELECT jsonb_build_object('k1', 1 + i % 3)::cirro.filter_query AS filter FROM generate_series(1, 30) i) f WHERE l.body OPERATOR(cirro.@@) f.filter OFFSET 0) s
GROUP BY 1 ORDER BY 1;

SET client_min_messages = warning;
DROP SCHEMA stored CASCADE;
DROP ROLE regress_cirro_stored;
