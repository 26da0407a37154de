-- test/bench/stored_report.sql: what stored.sh found, in Markdown (psql -At); which bars
-- are met is decided here.
--
-- Must not measure anything.

-- Figures are medians of the rounds.
CREATE TEMP VIEW median AS
SELECT what, kind, size, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS ms, max(n) AS n, max(candidates) AS candidates
FROM bench.sample GROUP BY what, kind, size;

CREATE FUNCTION pg_temp.ms(its_what text, its_kind text, its_size bigint) RETURNS double precision LANGUAGE sql AS $$
	SELECT m.ms FROM median m WHERE m.what = its_what AND m.kind = its_kind AND m.size = its_size
$$;

-- Three digits, or as many as are before the point.
CREATE FUNCTION pg_temp.show(figure double precision) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN figure = 0 THEN '0' ELSE
		coalesce(round(figure::numeric, greatest(0, 2 - floor(log(greatest(abs(figure), 0.001)))::int))::text, '–') END
$$;

SELECT format(E'## Stored filters\n\n%s, %s workers, shared_buffers %s, no fsync, no autovacuum; medians of %s rounds, each the mean of %s documents (evaluation: of 20).\n',
	substring(version() FROM '^\S+ \S+'), f.value, current_setting('shared_buffers'), (SELECT max(s.round) FROM bench.sample s WHERE s.what = 'keys, usual'),
	(SELECT count(*) FROM bench.document d WHERE d.what = 'usual'))
FROM bench.fact f WHERE f.name = 'workers';
SELECT E'### One document, all filters\n\nms a document.\n\n'
	|| E'| filters | of them | match | evaluation | by keys | times faster | candidates a match | a table: evaluation | by `filter_ops` | times faster | candidates a match | index, MB | built, s | planner scans, % |\n'
	|| '|---|---|---|---|---|---|---|---|---|---|---|---|---|---|';
SELECT format('| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |', k.kind, k.size, pg_temp.show(k.n),
	pg_temp.show(p.ms), pg_temp.show(k.ms), pg_temp.show(p.ms / k.ms), pg_temp.show(k.candidates / nullif(k.n, 0)),
	pg_temp.show(t.ms), pg_temp.show(i.ms), pg_temp.show(t.ms / i.ms), pg_temp.show(i.candidates / nullif(i.n, 0)),
	pg_temp.show(b.n / 1048576), pg_temp.show(b.ms / 1000), pg_temp.show(s.ms))
FROM median k
	LEFT JOIN median p ON p.what = 'plain, usual' AND p.kind = k.kind AND p.size = k.size
	LEFT JOIN median t ON t.what = 'index, plain, usual' AND t.kind = k.kind AND t.size = k.size
	LEFT JOIN median i ON i.what = 'index, usual' AND i.kind = k.kind AND i.size = k.size
	LEFT JOIN median b ON b.what = 'index built' AND b.kind = k.kind AND b.size = k.size
	LEFT JOIN median s ON s.what = 'planner scans, usual' AND s.kind = k.kind AND s.size = k.size
WHERE k.what = 'keys, usual' ORDER BY array_position('{three,waves,mix}', k.kind), k.size;

SELECT E'\n### Worst cases\n\nms a document.\n\n'
	|| E'| documents | filters | of them | match | evaluation | by keys | times evaluation | a table: evaluation | by `filter_ops` | times evaluation |\n'
	|| '|---|---|---|---|---|---|---|---|---|---|';
SELECT format('| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |', d.name, k.kind, k.size, pg_temp.show(k.n),
	pg_temp.show(p.ms), pg_temp.show(k.ms), pg_temp.show(k.ms / p.ms), pg_temp.show(t.ms), pg_temp.show(i.ms), pg_temp.show(i.ms / t.ms))
FROM (VALUES ('shared', 'have what all filters share'), ('array of 1,000', 'an array of 980'), ('1,000 members', '976 members more')) AS d (what, name)
	JOIN median k ON k.what = 'keys, ' || d.what
	LEFT JOIN median p ON p.what = 'plain, ' || d.what AND p.kind = k.kind AND p.size = k.size
	LEFT JOIN median t ON t.what = 'index, plain, ' || d.what AND t.kind = k.kind AND t.size = k.size
	LEFT JOIN median i ON i.what = 'index, ' || d.what AND i.kind = k.kind AND i.size = k.size
ORDER BY d.what = 'shared' DESC, d.what, k.kind;

SELECT E'\n### Attempts that find nothing\n\n| filters | open gigs | ms |\n|---|---|---|';
SELECT format('| %s | %s | %s |', kind, size, pg_temp.show(ms)) FROM median WHERE what = 'attempt' ORDER BY kind, size;

SELECT E'\n### Asleep\n\n| a tick | gigs | ms | awake then |\n|---|---|---|---|';
SELECT format('| %s | %s | %s | %s |', t.name, m.size, pg_temp.show(m.ms), m.n)
FROM (VALUES (1, 'wake all', 'elsewhere: wakes all'), (2, 'asleep, new session', 'nothing changed, the first of a session'),
	(3, 'asleep', 'nothing changed'), (4, 'changed', (SELECT count(*) FROM bench.changed) || ' workers changed, '
		|| (SELECT f.value FROM bench.fact f WHERE f.name = 'invitations of the changed') || ' times invited'),
	(5, 'no room', 'finds no room under `pending_max`'), (6, 'awaits room, new session', 'nothing answered, the first of a session'),
	(7, 'awaits room', 'nothing answered')) AS t (n, what, name)
	JOIN median m USING (what) ORDER BY t.n;
SELECT format(E'\nA worker whom 100 of %s gigs await: %s s until the last has invited him, ticks every second (%s).', max(size),
	pg_temp.show(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) / 1000), string_agg(pg_temp.show(ms / 1000), ', ' ORDER BY round))
FROM bench.sample WHERE what = 'arrival';

SELECT to_regclass('bench.filled_before') IS NOT NULL AS has_before \gset
CREATE TEMP TABLE filled (what text, size bigint, before double precision, ms double precision, more double precision);
\if :has_before
	INSERT INTO filled
	SELECT what, n.size, percentile_cont(0.5) WITHIN GROUP (ORDER BY b.ms), percentile_cont(0.5) WITHIN GROUP (ORDER BY n.ms),
		percentile_cont(0.5) WITHIN GROUP (ORDER BY n.ms - b.ms)
	FROM bench.filled n JOIN bench.filled_before b USING (what, round) GROUP BY what, n.size;
	SELECT E'\n### Gigs written and filled, before and now\n\nms, in turns.\n\n| | gigs | before | now | times | rounds |\n|---|---|---|---|---|---|';
	SELECT format('| %s | %s | %s | %s | %s | %s |', t.name, f.size, pg_temp.show(f.before), pg_temp.show(f.ms), pg_temp.show(f.ms / f.before),
		(SELECT count(*) FROM bench.filled x WHERE x.what = f.what))
	FROM (VALUES (1, 'written, three', 'written, filters of kind three'), (2, 'written, few', 'written, filters that a dozen workers match'),
		(3, 'first waves', 'their first waves'), (4, 'nobody left', 'a frequency later: nobody is left'),
		(5, 'again', 'another frequency later')) AS t (n, what, name)
		JOIN filled f USING (what) ORDER BY t.n;
\endif

SELECT E'\n### Bars\n\n| bar | figure | to reach | aim | |\n|---|---|---|---|---|';
SELECT format('| %s | %s | %s | %s | %s |', bar, pg_temp.show(figure), reach, aim,
	CASE WHEN figure IS NULL THEN 'not measured' WHEN figure <= aim THEN 'aim met' WHEN figure <= reach THEN 'met' ELSE '**NOT met**' END)
FROM (
	SELECT 10 + row_number() OVER () AS n, format('%s, %s filters, ms a document', kind, size) AS bar,
		pg_temp.ms('keys, usual', kind, size) AS figure, reach, aim
	FROM unnest('{three,waves}'::text[]) AS kind,
		(VALUES (10000, 0.3, 0.1), (100000, 1.5, 0.5), (1000000, 10, 2.5)) AS b (size, reach, aim)
	UNION ALL
	SELECT 20 + row_number() OVER (), format('mix, %s filters, ms a document', size), pg_temp.ms('keys, usual', 'mix', size), reach, aim
	FROM (VALUES (100000, 15, 6), (1000000, 140, 40)) AS b (size, reach, aim)
	UNION ALL
	SELECT 30 + row_number() OVER (), format('%s, candidates a match', kind), (SELECT m.candidates / nullif(m.n, 0) FROM median m
		WHERE m.what = 'keys, usual' AND m.kind = k.kind ORDER BY m.size DESC LIMIT 1), 2.5, 1.8
	FROM unnest('{three,waves}'::text[]) AS k (kind)
	UNION ALL
	SELECT 40 + row_number() OVER (), format('an attempt that finds nothing, %s open gigs (%s), ms', size, kind), pg_temp.ms('attempt', kind, size), reach, aim
	FROM unnest('{three,waves}'::text[]) AS kind, (VALUES (10000, 1.5, 0.5), (100000, 5, 1.2)) AS b (size, reach, aim)
	UNION ALL
	SELECT 50, 'keys of a gig, written alone, µs', (SELECT m.ms / m.size * 1000 FROM median m WHERE m.what = 'keys written'), 15, 6
	UNION ALL
	SELECT 51, 'a gig written with keys, less one written before, µs', (SELECT f.more / f.size * 1000 FROM filled f WHERE f.what = 'written, three'), 15, 6
	UNION ALL
	SELECT 60, 'worst case, times evaluation', (SELECT max(k.ms / p.ms) FROM median k JOIN median p ON p.kind = k.kind AND p.size = k.size
		AND p.what = replace(k.what, 'keys', 'plain') WHERE k.what LIKE 'keys, %' AND k.what <> 'keys, usual'), 3, 1.5
	UNION ALL
	SELECT 61, 'worst case of `filter_ops`, times evaluation', (SELECT max(k.ms / p.ms) FROM median k JOIN median p ON p.kind = k.kind AND p.size = k.size
		AND p.what = replace(k.what, 'index', 'index, plain') WHERE k.what LIKE 'index, %' AND k.what NOT LIKE 'index, plain%'
		AND k.what <> 'index, usual'), 3, 1.5
	UNION ALL
	SELECT 70 + row_number() OVER (), format('`filter_ops`, %s, 1000000 filters, ms a document', kind), pg_temp.ms('index, usual', kind, 1000000), 70, 25
	FROM unnest('{three,waves}'::text[]) AS kind
	UNION ALL
	SELECT 80, 'a tick over 1000000 gigs asleep, nothing changed, ms', pg_temp.ms('asleep', '', 1000000), 50, 10
	UNION ALL
	SELECT 81, 'the same, 1000 workers changed, s', CASE WHEN (SELECT count(*) FROM bench.changed) = 1000 THEN pg_temp.ms('changed', '', 1000000) / 1000 END, 10, 2.5
	UNION ALL
	SELECT 90, 'a tick over 100000 gigs at pending_max, nothing answered, ms', pg_temp.ms('awaits room', '', 100000), 50, 10
	UNION ALL
	SELECT 91, 'one worker beside 100000 gigs asleep, until 100 have invited him, s', pg_temp.ms('arrival', '', 100000) / 1000, 3, 2
	UNION ALL
	SELECT 92, '100000 gigs filled (first waves), times before', (SELECT f.ms / f.before FROM filled f WHERE f.what = 'first waves' AND f.size = 100000), 1.05, 1
) AS bars ORDER BY n;
