-- install/report.sql
--
-- Pictures: a Space, or a gig, as a page of HTML. No SECURITY DEFINER: it shows
-- what its caller may read.

CREATE FUNCTION cirro.report(space name, gig_id bigint DEFAULT NULL) RETURNS text
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'report';
COMMENT ON FUNCTION cirro.report(name, bigint) IS
	'a page of HTML with pictures, complete in itself: of a Space, or of one of its gigs; it shows what the caller may read';
