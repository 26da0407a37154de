-- install/explain.sql
--
-- Filters that explain themselves: what is wrong with one, what is doubtful in
-- one, and why a document matches or does not. All of them read their arguments
-- only, and the clock for what depends on time.

CREATE FUNCTION cirro.validate(filter cirro.filter_text)
RETURNS TABLE (path text, message text, hint text)
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 100 ROWS 1 AS 'MODULE_PATHNAME', 'filter_validate';
COMMENT ON FUNCTION cirro.validate(cirro.filter_text) IS
	'what keeps a text from being a filter, one row per error; none if it is one; never raises';

CREATE FUNCTION cirro.lint(filter cirro.filter_text)
RETURNS TABLE (path text, message text, hint text)
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 100 ROWS 1 AS 'MODULE_PATHNAME', 'filter_lint';
COMMENT ON FUNCTION cirro.lint(cirro.filter_text) IS
	'what is legal in a filter but probably not what was meant; no rows for a clean one';

CREATE FUNCTION cirro.explain_match(profile jsonb, filter cirro.filter_text,
	moment timestamptz DEFAULT NULL, gig_created_at timestamptz DEFAULT NULL,
	gig_start_at timestamptz DEFAULT NULL)
RETURNS TABLE (path text, operator text, wanted jsonb, found jsonb, matched boolean, at text, decides boolean)
LANGUAGE c STABLE PARALLEL SAFE COST 200 ROWS 5 AS 'MODULE_PATHNAME', 'filter_explain_match';
COMMENT ON FUNCTION cirro.explain_match(jsonb, cirro.filter_text, timestamptz, timestamptz, timestamptz) IS
	'one row per condition of the filter, bound as bind() does: what it wanted, what the document has there (an array where the path leads to several values, NULL where to none), whether it holds, where it stands, and whether the result comes from it';
