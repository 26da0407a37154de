-- test/bench/invite_report.sql: what invite.sh found, in Markdown; which bars are
-- met is decided here.
\pset format unaligned
\pset tuples_only on
\pset fieldsep ' | '

-- The two of a round ran one after the other: their ratio says more than that of
-- the medians on a computer that is busy with other things as well.
CREATE VIEW bench.cost AS
SELECT what, rows, percentile_cont(0.5) WITHIN GROUP (ORDER BY c.ms)::numeric AS cirro,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY b.ms)::numeric AS bare,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY c.ms / b.ms)::numeric AS ratio
FROM bench.run c JOIN bench.run b USING (what, rows, round)
WHERE c.contender = 'cirro' AND b.contender = 'bare' GROUP BY what, rows;

SELECT E'## Many rows in one call\n\nMilliseconds and their ratio, medians of ' || max(round) || E' rounds.\n\n'
	|| E'| call | rows | cirro | bare statements | ratio |\n|---|---|---|---|---|'
FROM bench.run;
SELECT format('| %s | %s | %s | %s | %s |', what, rows, round(cirro, 1), round(bare, 1), round(ratio, 2))
FROM bench.cost ORDER BY array_position('{invite,attempt,claim,confirm}', what), rows;

SELECT E'\n## Bars\n\n| bar | found | met |\n|---|---|---|';
SELECT format('| %s, %s rows: at most 3 times the bare INSERT | %s | %s |', what, rows, round(ratio, 2),
	CASE WHEN ratio <= 3 THEN 'yes' ELSE '**no**' END)
FROM bench.cost WHERE what IN ('invite', 'attempt') AND rows >= 10000 ORDER BY what DESC, rows;
SELECT format('| %s: %s rows take at most %s times what %s take | %s | %s |', l.what, l.rows, 2 * l.rows / s.rows, s.rows,
	round(l.cirro / s.cirro, 1), CASE WHEN l.cirro / s.cirro <= 2.0 * l.rows / s.rows THEN 'yes' ELSE '**no**' END)
FROM bench.cost l JOIN bench.cost s ON s.what = l.what
	AND s.rows = (SELECT max(rows) FROM bench.cost WHERE what = l.what AND rows < l.rows)
WHERE l.rows = (SELECT max(rows) FROM bench.cost)
ORDER BY array_position('{invite,attempt,claim,confirm}', l.what);
