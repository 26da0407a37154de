-- test/bench/session_report.sql: what was measured, as Markdown (psql -At).
--
-- Decides how the figures read. Must not measure anything.

CREATE TEMP VIEW median AS
SELECT way, before, kind, wave, round((percentile_cont(0.5) WITHIN GROUP (ORDER BY ms))::numeric, 1) AS ms,
	round(percentile_cont(0.5) WITHIN GROUP (ORDER BY faults)::numeric) AS faults
FROM bench.sample GROUP BY way, before, kind, wave;

SELECT format(E'## Waves of a new session, %s workers\n\n%s, shared_buffers %s, huge pages %s; ms of a processor, medians, and minor page faults.',
	(SELECT count(*) FROM crowd.worker), substring(version() FROM '^\S+ \S+'), current_setting('shared_buffers'), current_setting('huge_pages'));
SELECT format(E'\n| `%s`: the session has | %s |\n|---|%s', way, string_agg(kind || ', wave ' || wave, ' | ' ORDER BY kind, wave), repeat('---|', count(*)::int))
	|| (SELECT string_agg(line, '' ORDER BY n) FROM (
		SELECT array_position('{nothing,library,few,workers,pages,few and pages}', before) AS n,
			format(E'\n| %s | %s |', CASE before WHEN 'library' THEN 'loaded the library' WHEN 'few' THEN 'run a wave of a small Space'
				WHEN 'workers' THEN 'read the workers' WHEN 'pages' THEN 'read all pages' WHEN 'few and pages' THEN 'done both' ELSE 'done nothing' END,
				string_agg(format('%s (%s)', ms, faults), ' | ' ORDER BY kind, wave)) AS line
		FROM median m WHERE m.way = w.way GROUP BY before) lines)
FROM (SELECT DISTINCT way, kind, wave FROM median) w GROUP BY way ORDER BY way;
