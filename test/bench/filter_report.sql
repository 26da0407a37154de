-- test/bench/filter_report.sql: what was measured, as Markdown (psql -At).
--
-- Decides how the figures read: medians, ratios, geometric means, and the bars
-- that cirro is held to. Must not measure anything. A ratio below 1 is in favour
-- of cirro. Numbers that decide are compared before they are rounded.

CREATE TEMP VIEW median AS
SELECT part, filter, asked, name, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS ms
FROM bench.sample JOIN bench.contender ON number = contender
GROUP BY part, filter, asked, name;

CREATE TEMP VIEW figure AS
SELECT part, filter, asked, served, title,
	max(ms) FILTER (WHERE name = 'floor') AS floor,
	max(ms) FILTER (WHERE name = 'cirro') AS cirro,
	max(ms) FILTER (WHERE name = 'jsquery') AS jsquery,
	max(ms) FILTER (WHERE name = 'jsonpath') AS jsonpath,
	max(ms) FILTER (WHERE name = 'sql') AS sql,
	min(ms) FILTER (WHERE name IN ('jsquery', 'jsonpath', 'sql')) AS best,
	min(ms) FILTER (WHERE name IN ('jsquery', 'jsonpath')) AS better
FROM median JOIN bench.filter ON number = filter
GROUP BY part, filter, asked, served, title;

-- A ratio; milliseconds; and those with a star where the planner chose a scan.
CREATE FUNCTION pg_temp.fig(double precision, digits int DEFAULT 2) RETURNS text
LANGUAGE sql AS $$ SELECT coalesce(round($1::numeric, digits)::text, '–') $$;

CREATE FUNCTION pg_temp.ms(double precision) RETURNS text
LANGUAGE sql AS $$ SELECT pg_temp.fig($1, CASE WHEN $1 < 10 THEN 2 WHEN $1 < 100 THEN 1 ELSE 0 END) $$;

CREATE FUNCTION pg_temp.ms(f int, who text, ms double precision) RETURNS text
LANGUAGE sql AS $$
	SELECT pg_temp.ms(ms) || CASE WHEN ms IS NOT NULL AND EXISTS (
		SELECT FROM bench.plan JOIN bench.contender ON number = contender
		WHERE part = 'index' AND filter = f AND name = who AND node = 'scan') THEN '*' ELSE '' END
$$;

CREATE FUNCTION pg_temp.fact(text) RETURNS text
LANGUAGE sql AS $$ SELECT coalesce((SELECT value FROM bench.fact WHERE name = $1), '–') $$;

CREATE FUNCTION pg_temp.cost(what text, who text, unit double precision, digits int) RETURNS text
LANGUAGE sql AS $$
	SELECT pg_temp.fig(percentile_cont(0.5) WITHIN GROUP (ORDER BY c.ms) / unit, digits)
	FROM bench.cost AS c JOIN bench.contender ON number = contender
	WHERE c.what = cost.what AND name = who
$$;

SELECT format(E'## Filters over %s profiles\n\n%s, jsquery %s; %s bytes of jsonb a profile, %s the table. shared_buffers %s, work_mem %s,\n'
	|| E'maintenance_work_mem %s, no parallel workers, no JIT, no fsync, no autovacuum. Medians in ms, %s round(s), everything in\n'
	|| E'memory, the contenders in turns; their answers are the same.\n',
	(SELECT count(*) FROM profile_bench), substring(version() FROM '^\S+ \S+'),
	(SELECT extversion FROM pg_extension WHERE extname = 'jsquery'),
	(SELECT round(avg(pg_column_size(profile))) FROM profile_bench), pg_size_pretty(pg_table_size('profile_bench')),
	current_setting('shared_buffers'), current_setting('work_mem'), current_setting('maintenance_work_mem'),
	(SELECT max(round) FROM bench.sample));

SELECT E'### Without an index\n\nThe floor is `SELECT sum(pg_column_size(profile))`.\n';
SELECT '| | filter | rows | asked | floor | cirro | jsquery | jsonpath | SQL | cirro / floor | cirro / best other |'
	|| E'\n|---|---|---|---|---|---|---|---|---|---|---|';
SELECT format('| %s | %s | %s | `%s` | %s | %s | %s | %s | %s | %s | %s |', filter, title, rows, asked,
	pg_temp.ms(floor), pg_temp.ms(cirro), pg_temp.ms(jsquery), pg_temp.ms(jsonpath), pg_temp.ms(sql),
	pg_temp.fig(cirro / floor), pg_temp.fig(cirro / best))
FROM figure JOIN (SELECT DISTINCT filter, rows FROM bench.plan WHERE part = 'scan') AS p USING (filter)
WHERE part = 'scan' ORDER BY filter, asked;

SELECT E'\n### With an index each\n\nThe planner chooses; * where it chose a scan. ' || pg_temp.fact('cirro index') || E'\n';
SELECT '| | filter | rows | asked | cirro | jsquery | jsonpath | SQL | cirro / jsquery | cirro / jsonpath | cirro / better |'
	|| E'\n|---|---|---|---|---|---|---|---|---|---|---|';
SELECT format('| %s | %s | %s | `%s` | %s | %s | %s | %s | %s | %s | %s |', filter, title, rows, asked,
	pg_temp.ms(filter, 'cirro', cirro), pg_temp.ms(filter, 'jsquery', jsquery),
	pg_temp.ms(filter, 'jsonpath', jsonpath), pg_temp.ms(filter, 'sql', sql),
	pg_temp.fig(cirro / jsquery), pg_temp.fig(cirro / jsonpath), pg_temp.fig(cirro / better))
FROM figure JOIN (SELECT DISTINCT filter, rows FROM bench.plan WHERE part = 'index') AS p USING (filter)
WHERE part = 'index' ORDER BY filter, asked;

SELECT E'\n### Estimated rows\n\n' || pg_temp.fact('cirro statistics') || E'\n';
SELECT E'| | filter | rows | cirro | off by a factor of | jsquery | jsonpath | SQL |\n|---|---|---|---|---|---|---|---|';
SELECT format('| %s | %s | %s | %s | %s | %s | %s | %s |', p.filter, title, rows, max(estimate) FILTER (WHERE name = 'cirro'),
	pg_temp.fig(max(greatest(estimate / greatest(rows, 1), rows / greatest(estimate, 1))) FILTER (WHERE name = 'cirro')),
	coalesce(max(estimate) FILTER (WHERE name = 'jsquery')::text, '–'),
	max(estimate) FILTER (WHERE name = 'jsonpath'), max(estimate) FILTER (WHERE name = 'sql'))
FROM bench.plan AS p JOIN bench.contender AS c ON c.number = contender JOIN bench.filter AS f ON f.number = p.filter
WHERE part = 'index' GROUP BY p.filter, title, rows ORDER BY p.filter;

SELECT E'\n### The indexes\n';
SELECT E'| | cirro | jsquery | jsonpath | none |\n|---|---|---|---|---|';
SELECT '| operator class | `profile_ops` | `jsonb_path_value_ops` | `jsonb_path_ops` | – |';
SELECT format('| size, MB | %s | %s | %s | – |', pg_temp.fact('size cirro'), pg_temp.fact('size jsquery'), pg_temp.fact('size jsonpath'));
SELECT format('| build, s | %s | %s | %s | – |', pg_temp.cost('build', 'cirro', 1000, 1), pg_temp.cost('build', 'jsquery', 1000, 1),
	pg_temp.cost('build', 'jsonpath', 1000, 1));
SELECT format('| insert %s rows, `fastupdate = off`, ms | %s | %s | %s | %s |', pg_temp.fact('insert rows'),
	pg_temp.cost('insert, fastupdate off', 'cirro', 1, 0), pg_temp.cost('insert, fastupdate off', 'jsquery', 1, 0),
	pg_temp.cost('insert, fastupdate off', 'jsonpath', 1, 0), pg_temp.cost('insert, fastupdate off', 'floor', 1, 0));
SELECT format('| insert %s rows, `fastupdate = on`, and flush, ms | %s | %s | %s | %s |', pg_temp.fact('insert rows'),
	pg_temp.cost('insert, fastupdate on', 'cirro', 1, 0), pg_temp.cost('insert, fastupdate on', 'jsquery', 1, 0),
	pg_temp.cost('insert, fastupdate on', 'jsonpath', 1, 0), pg_temp.cost('insert, fastupdate on', 'floor', 1, 0));
SELECT format(E'\n`ANALYZE` without statistics of cirro: %s s; with them: %s s.', pg_temp.cost('analyze', 'floor', 1000, 1),
	pg_temp.cost('analyze', 'cirro', 1000, 1));

SELECT E'\n### Bars\n';
WITH bar AS (
	SELECT 1 AS n, 'without an index: cirro / floor, geometric mean' AS what, exp(avg(ln(cirro / floor))) AS ratio, 1.6 AS bar
	FROM figure WHERE part = 'scan'
	UNION ALL
	SELECT 2, 'without an index: cirro / best other, worst', max(cirro / best), 1.05 FROM figure WHERE part = 'scan'
	UNION ALL
	SELECT 3, 'with an index, filters that one serves: cirro / jsquery, worst', max(cirro / jsquery), 1.05
	FROM figure WHERE part = 'index' AND served
	UNION ALL
	SELECT 4, 'with an index, filters that one serves: cirro / jsonpath, worst', max(cirro / jsonpath), 1.05
	FROM figure WHERE part = 'index' AND served
	UNION ALL
	SELECT 5, 'with an index, filters that one serves: cirro / better of the two, geometric mean', exp(avg(ln(cirro / better))), 0.6
	FROM figure WHERE part = 'index' AND served
	UNION ALL
	SELECT 6, 'with an index, the other filters: cirro / better of the two, worst', max(cirro / better), 1.05
	FROM figure WHERE part = 'index' AND NOT served
)
SELECT format('- %s: %s (%s, at most %s)', CASE WHEN ratio <= bar THEN 'met' ELSE '**NOT met**' END, what, pg_temp.fig(ratio), bar)
FROM bar ORDER BY n;
SELECT format('  - missed: %s filter %s, `%s`: %s times %s', CASE part WHEN 'scan' THEN 'without an index,' ELSE 'with an index,' END,
	filter, asked, pg_temp.fig(ratio), other)
FROM figure CROSS JOIN LATERAL (VALUES
	(part = 'scan', cirro / best, 'the best other'),
	(part = 'index' AND served, cirro / jsquery, 'jsquery'),
	(part = 'index' AND served, cirro / jsonpath, 'jsonpath'),
	(part = 'index' AND NOT served, cirro / better, 'the better of the two')) AS r (applies, ratio, other)
WHERE applies AND ratio > 1.05 ORDER BY part DESC, filter, asked, other;
