-- test/bench/regex_report.sql: what regex.sh found, in Markdown.
\pset format unaligned
\pset tuples_only on

SELECT E'## Regular expressions\n\nMedians in ms of the processor''s time, of ' || count(*) || E' runs; rows found of '
	|| (SELECT count(*) FROM profile_bench) || E'.\n'
FROM bench.sample WHERE number = 1 AND variant = 'cirro' AND contender = 'cirro';
SELECT E'| | pattern | rows | floor | `~` | before | cirro | cirro / floor | cirro / before |\n|---|---|---|---|---|---|---|---|---|';
WITH figure AS (
	SELECT number, contender, variant, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS ms
	FROM bench.sample GROUP BY 1, 2, 3
)
SELECT format('| %s | `%s` | %s | %s | %s | %s | %s | %s | %s |', title,
	replace(CASE WHEN options <> '' THEN '(?' || options || ')' ELSE '' END
		|| CASE WHEN length(pattern) > 60 THEN left(pattern, 60) || '…' ELSE pattern END, '|', '\|'), rows,
	round(f.ms), round(s.ms), coalesce(round(b.ms)::text, '–'), round(c.ms), round((c.ms / f.ms)::numeric, 2),
	coalesce(round((c.ms / b.ms)::numeric, 2)::text, '–'))
FROM bench.pattern AS p
	JOIN figure AS f ON f.number = p.number AND f.contender = 'floor'
	JOIN figure AS s ON s.number = p.number AND s.contender = 'sql'
	JOIN figure AS c ON c.number = p.number AND c.contender = 'cirro' AND c.variant = 'cirro'
	LEFT JOIN figure AS b ON b.number = p.number AND b.contender = 'cirro' AND b.variant = 'before'
ORDER BY p.number;
