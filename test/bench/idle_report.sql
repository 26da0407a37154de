-- test/bench/idle_report.sql: what was measured, as Markdown (psql -At).
--
-- Decides how the figures read, and the bars. Must not measure anything.
CREATE TEMP VIEW median AS
SELECT what, spaces, percentile_cont(0.5) WITHIN GROUP (ORDER BY figure) AS figure FROM bench.sample GROUP BY what, spaces;

SELECT format(E'## Idle Spaces\n\n%s, shared_buffers %s, no fsync, no autovacuum; medians of %s.\n',
	substring(version() FROM '^\S+ \S+'), current_setting('shared_buffers'), (SELECT max(round) FROM bench.sample));
SELECT E'| idle Spaces | first look of a session, ms | later looks, ms | a look every |\n|---|---|---|---|';
SELECT format('| %s | %s | %s | %s s |', a.spaces, round(a.figure * 1000), round(b.figure * 1000), round(c.figure::numeric, 1))
FROM median a JOIN median b USING (spaces) JOIN median c USING (spaces)
WHERE a.what = 'look 1' AND b.what = 'look 3' AND c.what = 'interval' ORDER BY a.spaces;
SELECT E'\n| bar | figure | |\n|---|---|---|';
SELECT format('| %s | %s | %s |', bar, round(figure::numeric, 3), CASE WHEN figure IS NULL THEN 'not measured' WHEN is_met THEN 'met' ELSE '**NOT met**' END)
FROM (
	SELECT 1 AS n, '5,000 idle Spaces, first look: at most 1.5 s' AS bar, m.figure, m.figure <= 1.5 AS is_met
	FROM (VALUES (1)) one LEFT JOIN median m ON m.what = 'look 1' AND m.spaces = 5000
	UNION ALL
	SELECT 2, '200 idle Spaces, a look: at most 0.5 s', m.figure, m.figure <= 0.5
	FROM (VALUES (1)) one LEFT JOIN median m ON m.what = 'look 3' AND m.spaces = 200
) bars ORDER BY n;
