-- The type filter_query: text, binary format, casts, equality.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
RESET client_min_messages;

-- Canonical text.
SELECT t AS given, t::cirro.filter_query AS canonical
FROM (VALUES ('{}'), (' { "bb" : 1 , "a" : 2 } '), ('{"a":{"$lt":5,"$gt":1.50}}'), ('{"a":1e3,"b":-0.0,"c":0.00120,"d":1E-3}'),
             ('{"a":[true,false,null,"x",{},[]]}'), ('{"a":"\u00e9\ud83d\ude00\/\u0001\b\t"}'),
             ('{"$or":[{"a":1},{"b":{"$in":[3,1,2,2]}}]}'),
             ('{"a":{"$options":"i","$regex":"(?s)^x"}}')) v (t);

-- It reads back equal, by every way.
CREATE TEMP TABLE f AS SELECT id, t, t::cirro.filter_query AS q
FROM (VALUES (1, '{}'), (2, '{"a": {"$mod": [4, 1.0]}, "b": null}'), (3, '{"$nor": [{"a.0.b": {"$size": 2}}]}'),
             (4, '{"a": {"$all": [1, [2, "x"]]}}'), (5, '{"a": {"$elemMatch": {"$gt": 1, "$lt": 1e20}}}')) v (id, t);
SELECT id, q::text::cirro.filter_query OPERATOR(cirro.=) q AS text, q::varchar::cirro.filter_query OPERATOR(cirro.=) q AS varchar,
       q::json::cirro.filter_query OPERATOR(cirro.=) q AS json, q::jsonb::cirro.filter_query OPERATOR(cirro.=) q AS jsonb,
       t::jsonb::cirro.filter_query OPERATOR(cirro.=) q AS from_jsonb
FROM f ORDER BY id;

-- The binary format: a version and the text.
SELECT cirro.filter_query_send('{"a": 1}');

-- Casts in assignments, generated columns, function results.
CREATE TEMP TABLE g (filter_query jsonb, filter cirro.filter_query GENERATED ALWAYS AS (filter_query::cirro.filter_query) STORED, plain cirro.filter_query);
INSERT INTO g (filter_query, plain) VALUES ('{"b": 1.0, "a": 2}', '{"b": 1, "a": 2}'), (NULL, NULL);
INSERT INTO g (plain) SELECT '{"c": 1}'::text UNION ALL SELECT '{"c": 2}'::varchar;
INSERT INTO g (plain) SELECT '{"c": 3}'::json;
INSERT INTO g (plain) SELECT '{"c": 4}'::jsonb;
SELECT filter, plain, filter OPERATOR(cirro.=) plain AS same FROM g;
INSERT INTO g (filter_query) VALUES ('{"a": {"$foo": 1}}');
UPDATE g SET filter_query = '{"a": 1}' WHERE filter_query IS NOT NULL RETURNING filter;

-- ... and wherever a filter is asked for.
SELECT lint.message AS lint, m.matched, left(cirro.index_search(p.t), 30) AS by_text, cirro.index_search(p.v) = cirro.index_search(p.t) AS by_varchar,
       cirro.index_search(p.j) = cirro.index_search(p.t) AS by_json, cirro.index_search(p.b) = cirro.index_search(p.t) AS by_jsonb
FROM (SELECT q AS t, q::varchar AS v, q::json AS j, q::jsonb AS b FROM (VALUES ('{"a": {"$gt": 1, "$lt": 0}}'::text)) v (q)) p,
     cirro.lint(p.t) lint, cirro.explain_match('{"a": 1}', p.t) m;
SELECT (SELECT count(*) FROM cirro.lint(v::varchar)), (SELECT count(*) FROM cirro.lint(v::json)), (SELECT count(*) FROM cirro.lint(v::jsonb)),
       (SELECT count(*) FROM cirro.explain_match('{"a": 1}', v::varchar)), (SELECT count(*) FROM cirro.explain_match('{"a": 1}', v::json)),
       (SELECT count(*) FROM cirro.explain_match('{"a": 1}', v::jsonb)) FROM (VALUES ('{"a": {"$gt": 1, "$lt": 0}}'::text)) v (v);
CREATE DOMAIN pg_temp.short AS varchar(20);
SELECT cirro.matches('{"a": 1}'::jsonb, '{"a": 1}'::pg_temp.short) AS t, cirro.matches('{"a": 1}'::jsonb, format('{"a": %s}', 2)) AS f;

-- Equality and hashing.
SELECT '{"a": 1, "b": 2}'::cirro.filter_query OPERATOR(cirro.=) '{"b": 2.0, "a": 1e0}' AS t,
       '{"a": 1}'::cirro.filter_query OPERATOR(cirro.<>) '{"a": 2}' AS t,
       '{"a": 1}'::cirro.filter_query OPERATOR(cirro.=) '{"a": {"$eq": 1}}' AS f;
SELECT q, count(*) FROM (SELECT plain AS q FROM g UNION ALL SELECT filter FROM g) u
WHERE q IS NOT NULL GROUP BY q ORDER BY q::text COLLATE "C";
SELECT cirro.filter_query_hash('{"a": 1, "b": 2}') = cirro.filter_query_hash('{"b": 2, "a": 1}') AS t,
       cirro.filter_query_hash_extended('{"a": 1}', 0) = cirro.filter_query_hash_extended('{"a": 1.0}', 0) AS t,
       cirro.filter_query_hash_extended('{"a": 1}', 1) = cirro.filter_query_hash_extended('{"a": 1}', 2) AS f;
CREATE INDEX ON g USING hash (plain);
CREATE TEMP TABLE large (filter cirro.filter_query);
INSERT INTO large SELECT jsonb_build_object('id', jsonb_build_object('$in', jsonb_agg(i)))
FROM generate_series(1, 10000) i;
SELECT pg_column_size(filter) < 262144 AS stored, '{"id": 9999}'::jsonb OPERATOR(cirro.@@) filter AS t,
       '{"id": 10001}'::jsonb OPERATOR(cirro.@@) filter AS f, filter::text::cirro.filter_query OPERATOR(cirro.=) filter AS t
FROM large;

-- NULL in, NULL out.
SELECT NULL::jsonb OPERATOR(cirro.@@) '{}' AS a, '{}'::jsonb OPERATOR(cirro.@@) NULL AS b,
       NULL::cirro.filter_query AS c, cirro.matches(NULL::jsonb, '{}') AS d;

-- The stored form, which must not change unless its version does: how long it
-- is of each kind of node, and that another version is refused by whatever
-- reads it.
BEGIN;
CREATE CAST (cirro.filter_query AS bytea) WITHOUT FUNCTION;
CREATE CAST (bytea AS cirro.filter_query) WITHOUT FUNCTION;
CREATE CAST (cirro.sort_query AS bytea) WITHOUT FUNCTION;
CREATE CAST (bytea AS cirro.sort_query) WITHOUT FUNCTION;
SELECT q, octet_length(q::cirro.filter_query::bytea) AS bytes FROM (VALUES
	('{}'), ('{"a": 1}'), ('{"a.b.0": "text"}'), ('{"a": {"$gt": 1, "$lt": 2}}'), ('{"a": {"$in": [1, "b", null]}}'),
	('{"a": {"$not": {"$mod": [4, 0]}}}'), ('{"a": {"$regex": "^b", "$options": "i"}}'),
	('{"$or": [{"a": {"$exists": true}}, {"b": {"$elemMatch": {"c": {"$size": 2}}}}]}')) v (q);
SELECT q, octet_length(q::cirro.sort_query::bytea) AS bytes FROM (VALUES ('{}'), ('{"a": 1}'), ('{"a.b": 1, "c": -1}')) v (q);
CREATE TEMP TABLE other AS
SELECT set_byte(set_byte('{"a": 1}'::cirro.filter_query::bytea, 0, 9), 1, 9)::cirro.filter_query AS filter,
       set_byte(set_byte('{"a": 1}'::cirro.sort_query::bytea, 0, 9), 1, 9)::cirro.sort_query AS sort;
\set ON_ERROR_ROLLBACK on
SELECT '{"a": 1}'::jsonb OPERATOR(cirro.@@) filter FROM other;
SELECT filter FROM other;
SELECT cirro.index_search(filter) FROM other;
SELECT cirro.lint(filter) FROM other;
SELECT sort FROM other;
SELECT cirro.sort_key('{"a": 1}', sort) FROM other;
\set ON_ERROR_ROLLBACK off
ROLLBACK;
