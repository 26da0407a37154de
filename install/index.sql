-- install/index.sql
--
-- Finding documents by an index, and estimating how many there are.

--
-- Keys of an index
--

CREATE TYPE cirro.profile_key;

CREATE FUNCTION cirro.profile_key_in(cstring) RETURNS cirro.profile_key
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'profile_key_in';
COMMENT ON FUNCTION cirro.profile_key_in(cstring) IS 'I/O: none are accepted';

CREATE FUNCTION cirro.profile_key_out(cirro.profile_key) RETURNS cstring
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'profile_key_out';
COMMENT ON FUNCTION cirro.profile_key_out(cirro.profile_key) IS 'I/O';

CREATE TYPE cirro.profile_key (
	INPUT = cirro.profile_key_in,
	OUTPUT = cirro.profile_key_out,
	INTERNALLENGTH = variable,
	ALIGNMENT = int4,
	STORAGE = extended
);
COMMENT ON TYPE cirro.profile_key IS 'what an index holds of a document for each path and value';

CREATE FUNCTION cirro.profile_key_cmp(cirro.profile_key, cirro.profile_key) RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'profile_key_cmp';
COMMENT ON FUNCTION cirro.profile_key_cmp(cirro.profile_key, cirro.profile_key) IS 'less-equal-greater';

--
-- GIN
--

CREATE FUNCTION cirro.profile_ops_extract_value(jsonb, internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'profile_ops_extract_value';
COMMENT ON FUNCTION cirro.profile_ops_extract_value(jsonb, internal) IS 'GIN support';

CREATE FUNCTION cirro.profile_ops_extract_query(jsonb, internal, int2, internal, internal, internal, internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'profile_ops_extract_query';
COMMENT ON FUNCTION cirro.profile_ops_extract_query(jsonb, internal, int2, internal, internal, internal, internal) IS 'GIN support';

CREATE FUNCTION cirro.profile_ops_consistent(internal, int2, jsonb, int4, internal, internal, internal, internal) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'profile_ops_consistent';
COMMENT ON FUNCTION cirro.profile_ops_consistent(internal, int2, jsonb, int4, internal, internal, internal, internal) IS 'GIN support';

CREATE FUNCTION cirro.profile_ops_triconsistent(internal, int2, jsonb, int4, internal, internal, internal) RETURNS "char"
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'profile_ops_triconsistent';
COMMENT ON FUNCTION cirro.profile_ops_triconsistent(internal, int2, jsonb, int4, internal, internal, internal) IS 'GIN support';

CREATE FUNCTION cirro.profile_ops_compare_partial(cirro.profile_key, cirro.profile_key, int2, internal) RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'profile_ops_compare_partial';
COMMENT ON FUNCTION cirro.profile_ops_compare_partial(cirro.profile_key, cirro.profile_key, int2, internal) IS 'GIN support';

CREATE OPERATOR CLASS cirro.profile_ops FOR TYPE jsonb USING gin AS
	OPERATOR 1 cirro.@@ (jsonb, cirro.filter_query),
	FUNCTION 1 cirro.profile_key_cmp(cirro.profile_key, cirro.profile_key),
	FUNCTION 2 cirro.profile_ops_extract_value(jsonb, internal),
	FUNCTION 3 cirro.profile_ops_extract_query(jsonb, internal, int2, internal, internal, internal, internal),
	FUNCTION 4 cirro.profile_ops_consistent(internal, int2, jsonb, int4, internal, internal, internal, internal),
	FUNCTION 5 cirro.profile_ops_compare_partial(cirro.profile_key, cirro.profile_key, int2, internal),
	FUNCTION 6 cirro.profile_ops_triconsistent(internal, int2, jsonb, int4, internal, internal, internal),
	STORAGE cirro.profile_key;
COMMENT ON OPERATOR CLASS cirro.profile_ops USING gin IS 'finds documents by filters';
COMMENT ON OPERATOR FAMILY cirro.profile_ops USING gin IS 'finds documents by filters';

CREATE FUNCTION cirro.index_keys(document jsonb) RETURNS text[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'index_keys';
COMMENT ON FUNCTION cirro.index_keys(jsonb) IS 'what an index of class profile_ops holds of the document, for people to read';

CREATE FUNCTION cirro.index_search(filter cirro.filter_query) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'index_search';
COMMENT ON FUNCTION cirro.index_search(cirro.filter_query) IS 'what a search of such an index fetches, and what it leaves to the recheck';

--
-- GIN over filters that are stored, by documents
--

CREATE FUNCTION cirro.filter_ops_extract_value(cirro.filter_query, internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'filter_ops_extract_value';
COMMENT ON FUNCTION cirro.filter_ops_extract_value(cirro.filter_query, internal) IS 'GIN support';

CREATE FUNCTION cirro.filter_ops_extract_query(cirro.filter_query, internal, int2, internal, internal, internal, internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'filter_ops_extract_query';
COMMENT ON FUNCTION cirro.filter_ops_extract_query(cirro.filter_query, internal, int2, internal, internal, internal, internal) IS 'GIN support';

CREATE FUNCTION cirro.filter_ops_consistent(internal, int2, cirro.filter_query, int4, internal, internal, internal, internal) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'filter_ops_consistent';
COMMENT ON FUNCTION cirro.filter_ops_consistent(internal, int2, cirro.filter_query, int4, internal, internal, internal, internal) IS 'GIN support';

CREATE FUNCTION cirro.filter_ops_triconsistent(internal, int2, cirro.filter_query, int4, internal, internal, internal) RETURNS "char"
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'filter_ops_triconsistent';
COMMENT ON FUNCTION cirro.filter_ops_triconsistent(internal, int2, cirro.filter_query, int4, internal, internal, internal) IS 'GIN support';

CREATE FUNCTION cirro.filter_ops_compare_partial(cirro.profile_key, cirro.profile_key, int2, internal) RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'filter_ops_compare_partial';
COMMENT ON FUNCTION cirro.filter_ops_compare_partial(cirro.profile_key, cirro.profile_key, int2, internal) IS 'GIN support';

CREATE OPERATOR CLASS cirro.filter_ops DEFAULT FOR TYPE cirro.filter_query USING gin AS
	OPERATOR 1 cirro.~@@ (cirro.filter_query, jsonb),
	FUNCTION 1 cirro.profile_key_cmp(cirro.profile_key, cirro.profile_key),
	FUNCTION 2 cirro.filter_ops_extract_value(cirro.filter_query, internal),
	FUNCTION 3 cirro.filter_ops_extract_query(cirro.filter_query, internal, int2, internal, internal, internal, internal),
	FUNCTION 4 cirro.filter_ops_consistent(internal, int2, cirro.filter_query, int4, internal, internal, internal, internal),
	FUNCTION 5 cirro.filter_ops_compare_partial(cirro.profile_key, cirro.profile_key, int2, internal),
	FUNCTION 6 cirro.filter_ops_triconsistent(internal, int2, cirro.filter_query, int4, internal, internal, internal),
	STORAGE cirro.profile_key;
COMMENT ON OPERATOR CLASS cirro.filter_ops USING gin IS 'finds stored filters by documents';
COMMENT ON OPERATOR FAMILY cirro.filter_ops USING gin IS 'finds stored filters by documents';

CREATE FUNCTION cirro.stored_keys(filter cirro.filter_query) RETURNS text[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'stored_keys';
COMMENT ON FUNCTION cirro.stored_keys(cirro.filter_query) IS 'what an index of class filter_ops holds of the filter, for people to read: each document that matches has one of these';

--
-- Statistics
--

CREATE TYPE cirro.profile_sample;

-- The functions of jsonb themselves: the type differs by its ANALYZE alone.
CREATE FUNCTION cirro.profile_sample_in(cstring) RETURNS cirro.profile_sample
LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'jsonb_in';
COMMENT ON FUNCTION cirro.profile_sample_in(cstring) IS 'I/O';

CREATE FUNCTION cirro.profile_sample_out(cirro.profile_sample) RETURNS cstring
LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'jsonb_out';
COMMENT ON FUNCTION cirro.profile_sample_out(cirro.profile_sample) IS 'I/O';

CREATE FUNCTION cirro.profile_stats_typanalyze(internal) RETURNS boolean
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'profile_stats_typanalyze';
COMMENT ON FUNCTION cirro.profile_stats_typanalyze(internal) IS 'ANALYZE of documents';

CREATE TYPE cirro.profile_sample (
	INPUT = cirro.profile_sample_in,
	OUTPUT = cirro.profile_sample_out,
	ANALYZE = cirro.profile_stats_typanalyze,
	INTERNALLENGTH = variable,
	ALIGNMENT = int4,
	STORAGE = extended
);
COMMENT ON TYPE cirro.profile_sample IS 'a document that ANALYZE looks into';

CREATE FUNCTION cirro.profile_stats(document jsonb) RETURNS cirro.profile_sample
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'profile_stats';
COMMENT ON FUNCTION cirro.profile_stats(jsonb) IS 'for CREATE STATISTICS: lets ANALYZE look into documents, so that the planner knows how many match a filter';
