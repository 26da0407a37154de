
--
-- filter_query
--

CREATE TYPE cirro.filter_query;

CREATE FUNCTION cirro.filter_query_in(cstring) RETURNS cirro.filter_query
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'filter_query_in';
COMMENT ON FUNCTION cirro.filter_query_in(cstring) IS 'I/O';

CREATE FUNCTION cirro.filter_query_out(cirro.filter_query) RETURNS cstring
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'filter_query_out';
COMMENT ON FUNCTION cirro.filter_query_out(cirro.filter_query) IS 'I/O';

CREATE FUNCTION cirro.filter_query_recv(internal) RETURNS cirro.filter_query
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'filter_query_recv';
COMMENT ON FUNCTION cirro.filter_query_recv(internal) IS 'I/O';

CREATE FUNCTION cirro.filter_query_send(cirro.filter_query) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'filter_query_send';
COMMENT ON FUNCTION cirro.filter_query_send(cirro.filter_query) IS 'I/O';

CREATE FUNCTION cirro.filter_query_typanalyze(internal) RETURNS boolean
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'filter_query_typanalyze';
COMMENT ON FUNCTION cirro.filter_query_typanalyze(internal) IS 'ANALYZE of filters';

CREATE TYPE cirro.filter_query (
	INPUT = cirro.filter_query_in,
	OUTPUT = cirro.filter_query_out,
	RECEIVE = cirro.filter_query_recv,
	SEND = cirro.filter_query_send,
	ANALYZE = cirro.filter_query_typanalyze,
	INTERNALLENGTH = variable,
	ALIGNMENT = int4,
	STORAGE = extended
);
COMMENT ON TYPE cirro.filter_query IS 'a condition on a JSON document, in MongoDB''s query language';

-- Casts go through the text, so that each way in is checked alike. All of these
-- functions are immutable, and so are the casts: a generated column may use them.
-- Those to a filter are implicit, so that a parameter of a driver's type serves
-- as one. That makes nothing else ambiguous: only operators and functions of this
-- schema take a filter, and none of them takes text or JSON in its place.
CREATE CAST (text AS cirro.filter_query) WITH INOUT AS IMPLICIT;
CREATE CAST (varchar AS cirro.filter_query) WITH INOUT AS IMPLICIT;
CREATE CAST (json AS cirro.filter_query) WITH INOUT AS IMPLICIT;
CREATE CAST (jsonb AS cirro.filter_query) WITH INOUT AS IMPLICIT;
CREATE CAST (cirro.filter_query AS text) WITH INOUT AS ASSIGNMENT;
CREATE CAST (cirro.filter_query AS json) WITH INOUT AS ASSIGNMENT;
CREATE CAST (cirro.filter_query AS jsonb) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (text AS cirro.filter_query) IS 'filter from text; a bad one is refused with 22P02';
COMMENT ON CAST (varchar AS cirro.filter_query) IS 'filter from varchar; a bad one is refused with 22P02';
COMMENT ON CAST (json AS cirro.filter_query) IS 'filter from json; a bad one is refused with 22P02';
COMMENT ON CAST (jsonb AS cirro.filter_query) IS 'filter from jsonb; a bad one is refused with 22P02';
COMMENT ON CAST (cirro.filter_query AS text) IS 'filter as text, in its canonical form';
COMMENT ON CAST (cirro.filter_query AS json) IS 'filter as json, in its canonical form';
COMMENT ON CAST (cirro.filter_query AS jsonb) IS 'filter as jsonb, in its canonical form';

--
-- filter_text: what a function takes that understands time as well
--

CREATE TYPE cirro.filter_text;

CREATE FUNCTION cirro.filter_text_in(cstring) RETURNS cirro.filter_text
LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'textin';
COMMENT ON FUNCTION cirro.filter_text_in(cstring) IS 'I/O';

CREATE FUNCTION cirro.filter_text_out(cirro.filter_text) RETURNS cstring
LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'textout';
COMMENT ON FUNCTION cirro.filter_text_out(cirro.filter_text) IS 'I/O';

CREATE FUNCTION cirro.filter_text_recv(internal) RETURNS cirro.filter_text
LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'textrecv';
COMMENT ON FUNCTION cirro.filter_text_recv(internal) IS 'I/O';

CREATE FUNCTION cirro.filter_text_send(cirro.filter_text) RETURNS bytea
LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'textsend';
COMMENT ON FUNCTION cirro.filter_text_send(cirro.filter_text) IS 'I/O';

CREATE TYPE cirro.filter_text (
	INPUT = cirro.filter_text_in,
	OUTPUT = cirro.filter_text_out,
	RECEIVE = cirro.filter_text_recv,
	SEND = cirro.filter_text_send,
	INTERNALLENGTH = variable,
	STORAGE = extended
);
COMMENT ON TYPE cirro.filter_text IS
	'any text that may be a filter, one that depends on time included; the functions that take it check it';

CREATE CAST (text AS cirro.filter_text) WITH INOUT AS IMPLICIT;
CREATE CAST (varchar AS cirro.filter_text) WITH INOUT AS IMPLICIT;
CREATE CAST (json AS cirro.filter_text) WITH INOUT AS IMPLICIT;
CREATE CAST (jsonb AS cirro.filter_text) WITH INOUT AS IMPLICIT;
CREATE CAST (cirro.filter_query AS cirro.filter_text) WITH INOUT AS IMPLICIT;
CREATE CAST (cirro.filter_text AS text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (text AS cirro.filter_text) IS 'text that may be a filter';
COMMENT ON CAST (varchar AS cirro.filter_text) IS 'varchar that may be a filter';
COMMENT ON CAST (json AS cirro.filter_text) IS 'json that may be a filter';
COMMENT ON CAST (jsonb AS cirro.filter_text) IS 'jsonb that may be a filter';
COMMENT ON CAST (cirro.filter_query AS cirro.filter_text) IS 'a filter as text that may be one';
COMMENT ON CAST (cirro.filter_text AS text) IS 'the text';

CREATE FUNCTION cirro.bind(filter jsonb, at timestamptz DEFAULT NULL,
	gig_created_at timestamptz DEFAULT NULL, gig_start_at timestamptz DEFAULT NULL)
RETURNS cirro.filter_query
LANGUAGE c STABLE PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'filter_query_bind';
COMMENT ON FUNCTION cirro.bind(jsonb, timestamptz, timestamptz, timestamptz) IS
	'a filter that depends on time as it is at that moment (NULL: now), for a gig created and starting then (NULL: open for no time, no start in sight)';

CREATE FUNCTION cirro.bind_gig(compiled cirro.filter_query, filter jsonb, at timestamptz,
	gig_created_at timestamptz, gig_start_at timestamptz)
RETURNS cirro.filter_query
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'filter_query_bind_gig';
COMMENT ON FUNCTION cirro.bind_gig(cirro.filter_query, jsonb, timestamptz, timestamptz, timestamptz) IS
	'the filter of a gig as it is at that moment: the compiled one, unless it depends on time';

CREATE FUNCTION cirro.weaken(filter jsonb) RETURNS cirro.filter_query
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'filter_query_weaken';
COMMENT ON FUNCTION cirro.weaken(jsonb) IS
	'a filter without its conditions on time: it matches whatever the filter matches at any moment';

CREATE FUNCTION cirro.filter_now(filter cirro.filter_text) RETURNS cirro.filter_query
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'filter_text_now';
COMMENT ON FUNCTION cirro.filter_now(cirro.filter_text) IS
	'a filter that may depend on time as it is now, for no gig; of text with the errors of filter_query';

CREATE FUNCTION cirro.filter_query_eq(cirro.filter_query, cirro.filter_query) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME', 'filter_query_eq';
COMMENT ON FUNCTION cirro.filter_query_eq(cirro.filter_query, cirro.filter_query) IS 'implementation of = operator';

CREATE FUNCTION cirro.filter_query_ne(cirro.filter_query, cirro.filter_query) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME', 'filter_query_ne';
COMMENT ON FUNCTION cirro.filter_query_ne(cirro.filter_query, cirro.filter_query) IS 'implementation of <> operator';

CREATE FUNCTION cirro.filter_query_hash(cirro.filter_query) RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'filter_query_hash';
COMMENT ON FUNCTION cirro.filter_query_hash(cirro.filter_query) IS 'hash';

CREATE FUNCTION cirro.filter_query_hash_extended(cirro.filter_query, bigint) RETURNS bigint
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'filter_query_hash_extended';
COMMENT ON FUNCTION cirro.filter_query_hash_extended(cirro.filter_query, bigint) IS 'hash';

CREATE OPERATOR cirro.= (
	FUNCTION = cirro.filter_query_eq,
	LEFTARG = cirro.filter_query,
	RIGHTARG = cirro.filter_query,
	COMMUTATOR = OPERATOR(cirro.=),
	NEGATOR = OPERATOR(cirro.<>),
	RESTRICT = eqsel,
	JOIN = eqjoinsel,
	HASHES
);
COMMENT ON OPERATOR cirro.= (cirro.filter_query, cirro.filter_query) IS 'the same filter';

CREATE OPERATOR cirro.<> (
	FUNCTION = cirro.filter_query_ne,
	LEFTARG = cirro.filter_query,
	RIGHTARG = cirro.filter_query,
	COMMUTATOR = OPERATOR(cirro.<>),
	NEGATOR = OPERATOR(cirro.=),
	RESTRICT = neqsel,
	JOIN = neqjoinsel
);
COMMENT ON OPERATOR cirro.<> (cirro.filter_query, cirro.filter_query) IS 'not the same filter';

CREATE OPERATOR CLASS cirro.filter_query_ops DEFAULT FOR TYPE cirro.filter_query USING hash AS
	OPERATOR 1 cirro.= (cirro.filter_query, cirro.filter_query),
	FUNCTION 1 cirro.filter_query_hash(cirro.filter_query),
	FUNCTION 2 cirro.filter_query_hash_extended(cirro.filter_query, bigint);
COMMENT ON OPERATOR CLASS cirro.filter_query_ops USING hash IS 'equality of filters';
COMMENT ON OPERATOR FAMILY cirro.filter_query_ops USING hash IS 'equality of filters';

--
-- Matching
--

CREATE FUNCTION cirro.matches_support(internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'filter_matches_support';
COMMENT ON FUNCTION cirro.matches_support(internal) IS 'planner support for matches';

-- Leakproof: no error or message depends on the document, whatever it is, and
-- a filter, once stored, has passed every check. So a match may run, and an index
-- be searched, below the policies and security barriers on a table of profiles. A
-- search that is cancelled tells no more than that it took long.
CREATE FUNCTION cirro.matches(profile jsonb, filter cirro.filter_query) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF COST 10
SUPPORT cirro.matches_support AS 'MODULE_PATHNAME', 'filter_matches_jsonb';
COMMENT ON FUNCTION cirro.matches(jsonb, cirro.filter_query) IS 'does the document match the filter?';

-- The same with its sides exchanged, for an index over filters (filter_ops).
CREATE FUNCTION cirro.matched_by(filter cirro.filter_query, profile jsonb) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF COST 10
SUPPORT cirro.matches_support AS 'MODULE_PATHNAME', 'filter_matched_by_jsonb';
COMMENT ON FUNCTION cirro.matched_by(cirro.filter_query, jsonb) IS 'is the filter matched by the document?';

-- Not leakproof: it raises an error for a row without a profile. Where the
-- planner can tell the column it uses the function above.
CREATE FUNCTION cirro.matches(worker record, filter cirro.filter_query) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10
SUPPORT cirro.matches_support AS 'MODULE_PATHNAME', 'filter_matches_record';
COMMENT ON FUNCTION cirro.matches(record, cirro.filter_query) IS 'does the profile of the row match the filter?';

CREATE FUNCTION cirro.matches_sel(internal, oid, internal, integer) RETURNS double precision
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'filter_matches_sel';
COMMENT ON FUNCTION cirro.matches_sel(internal, oid, internal, integer) IS 'restriction selectivity of @@ and ~@@';

CREATE FUNCTION cirro.matches_joinsel(internal, oid, internal, int2, internal) RETURNS double precision
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'filter_matches_joinsel';
COMMENT ON FUNCTION cirro.matches_joinsel(internal, oid, internal, int2, internal) IS 'join selectivity of @@ and ~@@';

CREATE OPERATOR cirro.@@ (
	FUNCTION = cirro.matches,
	LEFTARG = jsonb,
	RIGHTARG = cirro.filter_query,
	COMMUTATOR = OPERATOR(cirro.~@@),
	RESTRICT = cirro.matches_sel,
	JOIN = cirro.matches_joinsel
);
COMMENT ON OPERATOR cirro.@@ (jsonb, cirro.filter_query) IS 'does the document match the filter?';

CREATE OPERATOR cirro.~@@ (
	FUNCTION = cirro.matched_by,
	LEFTARG = cirro.filter_query,
	RIGHTARG = jsonb,
	COMMUTATOR = OPERATOR(cirro.@@),
	RESTRICT = cirro.matches_sel,
	JOIN = cirro.matches_joinsel
);
COMMENT ON OPERATOR cirro.~@@ (cirro.filter_query, jsonb) IS 'is the filter matched by the document?';

CREATE OPERATOR cirro.@@ (
	FUNCTION = cirro.matches,
	LEFTARG = record,
	RIGHTARG = cirro.filter_query,
	RESTRICT = matchingsel,
	JOIN = matchingjoinsel
);
COMMENT ON OPERATOR cirro.@@ (record, cirro.filter_query) IS 'does the profile of the row match the filter?';

--
-- sort_query
--

CREATE TYPE cirro.sort_query;

CREATE FUNCTION cirro.sort_query_in(cstring) RETURNS cirro.sort_query
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sort_query_in';
COMMENT ON FUNCTION cirro.sort_query_in(cstring) IS 'I/O';

CREATE FUNCTION cirro.sort_query_out(cirro.sort_query) RETURNS cstring
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sort_query_out';
COMMENT ON FUNCTION cirro.sort_query_out(cirro.sort_query) IS 'I/O';

CREATE FUNCTION cirro.sort_query_recv(internal) RETURNS cirro.sort_query
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sort_query_recv';
COMMENT ON FUNCTION cirro.sort_query_recv(internal) IS 'I/O';

CREATE FUNCTION cirro.sort_query_send(cirro.sort_query) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sort_query_send';
COMMENT ON FUNCTION cirro.sort_query_send(cirro.sort_query) IS 'I/O';

CREATE TYPE cirro.sort_query (
	INPUT = cirro.sort_query_in,
	OUTPUT = cirro.sort_query_out,
	RECEIVE = cirro.sort_query_recv,
	SEND = cirro.sort_query_send,
	INTERNALLENGTH = variable,
	ALIGNMENT = int4,
	STORAGE = extended
);
COMMENT ON TYPE cirro.sort_query IS 'an order of JSON documents';

-- Keys have no order in jsonb, elements do: there several keys are an array.
CREATE FUNCTION cirro.sort_query_from_jsonb(jsonb) RETURNS cirro.sort_query
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sort_query_from_jsonb';
COMMENT ON FUNCTION cirro.sort_query_from_jsonb(jsonb) IS 'sort query from jsonb; an object of several keys is refused';

CREATE FUNCTION cirro.sort_query_to_jsonb(sort cirro.sort_query) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN (
	SELECT CASE WHEN count(*) > 1 THEN jsonb_agg(jsonb_build_object(k.key, k.value) ORDER BY k.n)
		ELSE CAST(CAST(sort AS text) AS jsonb) END
	FROM json_each(CAST(CAST(sort AS text) AS json)) WITH ORDINALITY AS k (key, value, n));
COMMENT ON FUNCTION cirro.sort_query_to_jsonb(cirro.sort_query) IS 'sort query as jsonb, several keys as an array';

CREATE CAST (text AS cirro.sort_query) WITH INOUT AS IMPLICIT;
CREATE CAST (varchar AS cirro.sort_query) WITH INOUT AS IMPLICIT;
CREATE CAST (json AS cirro.sort_query) WITH INOUT AS IMPLICIT;
CREATE CAST (jsonb AS cirro.sort_query) WITH FUNCTION cirro.sort_query_from_jsonb(jsonb) AS IMPLICIT;
CREATE CAST (cirro.sort_query AS text) WITH INOUT AS ASSIGNMENT;
CREATE CAST (cirro.sort_query AS json) WITH INOUT AS ASSIGNMENT;
CREATE CAST (cirro.sort_query AS jsonb) WITH FUNCTION cirro.sort_query_to_jsonb(cirro.sort_query) AS ASSIGNMENT;
COMMENT ON CAST (text AS cirro.sort_query) IS 'sort query from text; a bad one is refused with 22P02';
COMMENT ON CAST (varchar AS cirro.sort_query) IS 'sort query from varchar; a bad one is refused with 22P02';
COMMENT ON CAST (json AS cirro.sort_query) IS 'sort query from json; a bad one is refused with 22P02';
COMMENT ON CAST (jsonb AS cirro.sort_query) IS 'sort query from jsonb; a bad one, or an object of several keys, is refused with 22P02';
COMMENT ON CAST (cirro.sort_query AS text) IS 'sort query as text, in its canonical form';
COMMENT ON CAST (cirro.sort_query AS json) IS 'sort query as json, in its canonical form';
COMMENT ON CAST (cirro.sort_query AS jsonb) IS 'sort query as jsonb, several keys as an array';

CREATE FUNCTION cirro.sort_query_eq(cirro.sort_query, cirro.sort_query) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME', 'sort_query_eq';
COMMENT ON FUNCTION cirro.sort_query_eq(cirro.sort_query, cirro.sort_query) IS 'implementation of = operator';

CREATE FUNCTION cirro.sort_query_ne(cirro.sort_query, cirro.sort_query) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME', 'sort_query_ne';
COMMENT ON FUNCTION cirro.sort_query_ne(cirro.sort_query, cirro.sort_query) IS 'implementation of <> operator';

CREATE FUNCTION cirro.sort_query_hash(cirro.sort_query) RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sort_query_hash';
COMMENT ON FUNCTION cirro.sort_query_hash(cirro.sort_query) IS 'hash';

CREATE FUNCTION cirro.sort_query_hash_extended(cirro.sort_query, bigint) RETURNS bigint
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'sort_query_hash_extended';
COMMENT ON FUNCTION cirro.sort_query_hash_extended(cirro.sort_query, bigint) IS 'hash';

CREATE OPERATOR cirro.= (
	FUNCTION = cirro.sort_query_eq,
	LEFTARG = cirro.sort_query,
	RIGHTARG = cirro.sort_query,
	COMMUTATOR = OPERATOR(cirro.=),
	NEGATOR = OPERATOR(cirro.<>),
	RESTRICT = eqsel,
	JOIN = eqjoinsel,
	HASHES
);
COMMENT ON OPERATOR cirro.= (cirro.sort_query, cirro.sort_query) IS 'the same order';

CREATE OPERATOR cirro.<> (
	FUNCTION = cirro.sort_query_ne,
	LEFTARG = cirro.sort_query,
	RIGHTARG = cirro.sort_query,
	COMMUTATOR = OPERATOR(cirro.<>),
	NEGATOR = OPERATOR(cirro.=),
	RESTRICT = neqsel,
	JOIN = neqjoinsel
);
COMMENT ON OPERATOR cirro.<> (cirro.sort_query, cirro.sort_query) IS 'not the same order';

CREATE OPERATOR CLASS cirro.sort_query_ops DEFAULT FOR TYPE cirro.sort_query USING hash AS
	OPERATOR 1 cirro.= (cirro.sort_query, cirro.sort_query),
	FUNCTION 1 cirro.sort_query_hash(cirro.sort_query),
	FUNCTION 2 cirro.sort_query_hash_extended(cirro.sort_query, bigint);
COMMENT ON OPERATOR CLASS cirro.sort_query_ops USING hash IS 'equality of sort queries';
COMMENT ON OPERATOR FAMILY cirro.sort_query_ops USING hash IS 'equality of sort queries';

CREATE FUNCTION cirro.sort_key(profile jsonb, sort cirro.sort_query) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'sort_key';
COMMENT ON FUNCTION cirro.sort_key(jsonb, cirro.sort_query) IS 'bytes whose order is the order of the documents';
