-- test/demo/load.sql: turns lines of JSON into workers.
--
-- Decides what becomes of a line: its member "ref" is the application's own id
-- (without it, the number of the line), the rest is the profile. Must not fail
-- because of a bad line: empty ones, broken JSON, what is no object and a ref
-- seen before are left out and counted.

CREATE FUNCTION pg_temp.object_in(line text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	RETURN CASE jsonb_typeof(line::jsonb) WHEN 'object' THEN line::jsonb END;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
	RETURN NULL;
END
$$;

CREATE TEMP TABLE parsed AS
	SELECT line_no, pg_temp.object_in(line) AS document FROM raw
	WHERE btrim(line, E' \t\r') <> '';

-- The worker's place in the queue is random: the same one at every run.
SELECT FROM setseed(0.5);

INSERT INTO crowd.worker (ref, profile)
SELECT ref, profile FROM (
	SELECT DISTINCT ON (ref) line_no, ref, document - 'ref' AS profile
	FROM parsed, coalesce(document ->> 'ref', line_no::text) AS ref
	WHERE document IS NOT NULL AND octet_length(document::text) < 1000000
	ORDER BY ref, line_no) AS worker
ORDER BY line_no;

ANALYZE crowd.worker;

SELECT format('%s workers%s', loaded, CASE WHEN given > loaded THEN format(
		' (%s of %s lines left out: no JSON object, too long, or a ref seen before)', given - loaded, given) END)
FROM (SELECT count(*) FROM crowd.worker) AS w (loaded),
	(SELECT count(*) FROM parsed) AS p (given);
