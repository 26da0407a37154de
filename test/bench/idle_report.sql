-- test/bench/idle_report.sql: what was measured, as Markdown (psql -At).
--
-- Decides how the figures read, and the bars. Must not measure anything.
CREATE TEMP VIEW median AS
SELECT what, spaces, percentile_cont(0.5) WITHIN GROUP (ORDER BY figure) AS figure FROM bench.sample GROUP BY what, spaces;

SELECT format(E'## Idle Spaces\n\n%s, shared_buffers %s, no fsync, no autovacuum; medians of %s.\n',
	substring(version() FROM '^\S+ \S+'), current_setting('shared_buffers'), (SELECT max(round) FROM bench.sample));
SELECT E'| idle Spaces | first look of a session, ms | later looks, ms | a look every |\n|---|---|---|---|';
SELECT format('| %s | %s (%s) | %s (%s) | %s s |', f.spaces, round(f.figure), round(fb.figure), round(l.figure), round(lb.figure),
	round(i.figure::numeric, 1))
FROM median f JOIN median fb USING (spaces) JOIN median l USING (spaces) JOIN median lb USING (spaces) JOIN median i USING (spaces)
WHERE f.what = 'first' AND fb.what = 'first, busy' AND l.what = 'later' AND lb.what = 'later, busy' AND i.what = 'interval'
ORDER BY f.spaces;
SELECT E'\nIn brackets the time that a processor was busy.';
SELECT E'\n| bar | figure | |\n|---|---|---|';
SELECT format('| %s | %s | %s |', bar, round(figure::numeric), CASE WHEN figure IS NULL THEN 'not measured' WHEN is_met THEN 'met' ELSE '**NOT met**' END)
FROM (
	SELECT 1 AS n, '5,000 idle Spaces, first look: at most 1500 ms' AS bar, m.figure, m.figure <= 1500 AS is_met
	FROM (VALUES (1)) one LEFT JOIN median m ON m.what = 'first' AND m.spaces = 5000
	UNION ALL
	SELECT 2, '200 idle Spaces, a look keeps a processor busy: at most 500 ms', m.figure, m.figure <= 500
	FROM (VALUES (1)) one LEFT JOIN median m ON m.what = 'later, busy' AND m.spaces = 200
) bars ORDER BY n;
