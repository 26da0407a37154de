-- test/bench/waves_report.sql: what was measured, as Markdown (psql -At).
--
-- Decides how the figures read, and the bars. Must not measure anything.

CREATE TEMP VIEW median AS
SELECT what, size, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS ms, max(rows) AS rows
FROM bench.sample GROUP BY what, size;

CREATE FUNCTION pg_temp.ms(its_what text, digits int DEFAULT 2, each boolean DEFAULT true) RETURNS numeric LANGUAGE sql AS $$
	SELECT round((ms / CASE WHEN each THEN size ELSE 1 END)::numeric, digits) FROM median WHERE what = its_what ORDER BY size DESC LIMIT 1
$$;

SELECT format(E'## Waves over %s workers\n\n%s, shared_buffers %s, no fsync, no autovacuum; medians.\n',
	(SELECT count(*) FROM crowd.worker), substring(version() FROM '^\S+ \S+'), current_setting('shared_buffers'));
SELECT E'### Many due gigs\n\nms a gig. Each floor makes the same rows. By hand: measured on as many gigs as said, so scaled.\n\n| | gigs | rows a gig | ms a gig |\n|---|---|---|---|';
SELECT format('| %s | %s | %s | %s |', CASE what WHEN 'waves' THEN 'run_waves' WHEN 'floor' THEN 'floor: two statements'
	WHEN 'floor each' THEN 'two statements and a commit for each gig' ELSE 'by ' || what END, size, round(rows::numeric / size, 1), round((ms / size)::numeric, 3))
FROM median WHERE what IN ('waves', 'floor', 'floor each') OR what LIKE 'hand%' ORDER BY what = 'waves' DESC, what;
SELECT E'\n### Growth\n\n| gigs | ms a gig |\n|---|---|';
SELECT format('| %s | %s |', size, round((ms / size)::numeric, 2)) FROM median WHERE what IN ('growth', 'waves') ORDER BY size;
SELECT E'\n### Single gigs\n\n| matches | invitations by then | ms |\n|---|---|---|';
SELECT format('| %s | %s | %s |', what, rows, round(ms::numeric, 1)) FROM median WHERE what LIKE '%wave %' ORDER BY what;
SELECT E'\n### Other\n\n| | ms |\n|---|---|';
SELECT format('| %s (%s) | %s |', CASE what WHEN 'idle' THEN 'a tick, nothing due, open gigs' WHEN 'spaces' THEN 'idle Spaces, new session'
	WHEN 'exhausted, first' THEN 'the first tick that finds nobody, invited'
	ELSE replace(what, 'exhausted', 'later ticks') END, CASE WHEN what LIKE 'exhausted%' THEN rows ELSE size END, round(ms::numeric, 1))
FROM median WHERE what IN ('idle', 'spaces') OR what LIKE 'exhausted%' ORDER BY what;
SELECT E'\n### Bars\n\n| bar | figure | |\n|---|---|---|';
SELECT format('| %s | %s | %s |', bar, round(figure::numeric, 2), CASE WHEN figure IS NULL THEN 'not measured' WHEN is_met THEN 'met' ELSE '**NOT met**' END)
FROM (
	SELECT 1 AS n, 'many due gigs, times the floor: at most 1.7' AS bar, figure, figure <= 1.7 AS is_met
	FROM (SELECT (SELECT ms FROM median WHERE what = 'waves') / (SELECT ms FROM median WHERE what = 'floor') AS figure) f
	UNION ALL
	SELECT 2, 'many due gigs, times faster than the best loop by hand: at least 8', figure, figure >= 8
	FROM (SELECT (SELECT min(ms / size) FROM median WHERE what LIKE 'hand%') / (SELECT ms / size FROM median WHERE what = 'waves') AS figure) f
	UNION ALL
	SELECT 3, 'one gig, ' || what || ': at most 20 ms', ms, ms <= 20 FROM median WHERE what LIKE '%wave %' AND what NOT SIMILAR TO '%(sort|session)%'
	UNION ALL
	SELECT 4, 'a tick with nothing due: at most 5 ms', ms, ms <= 5 FROM median WHERE what = 'idle'
) AS bars ORDER BY n, bar;
