-- test/bench/notify_report.sql: what notify.sh found, in Markdown; which bars are
-- met is decided here.
\pset format unaligned
\pset tuples_only on

-- The two of a round ran one after the other: their ratio says more than that of
-- the medians on a computer that is busy with other things as well.
CREATE VIEW bench.found AS
SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY y.last_ms / y.first_ms)::numeric, 2) AS with_snapshot,
	round(percentile_cont(0.5) WITHIN GROUP (ORDER BY n.last_ms / n.first_ms)::numeric, 2) AS without_snapshot,
	round(percentile_cont(0.5) WITHIN GROUP (ORDER BY y.per_second / n.per_second)::numeric, 2) AS pace
FROM bench.run y JOIN bench.run n USING (round) WHERE y.snapshot = 'yes' AND n.snapshot = 'no';

SELECT E'## Claims\n\nA claim of 100 in ms, medians of the first and the last tenth of a run; notifications claimed and confirmed per second.\n\n'
	|| E'| round | snapshot held | first | last | ratio | a second |\n|---|---|---|---|---|---|';
SELECT format('| %s | %s | %s | %s | %s | %s |', round, snapshot, round(first_ms::numeric, 2), round(last_ms::numeric, 2),
	round((last_ms / first_ms)::numeric, 2), round(per_second))
FROM bench.run ORDER BY round, snapshot;

SELECT E'\n## Bars\n\nMedians of the rounds.\n\n| bar | found | met |\n|---|---|---|';
SELECT format('| beside a snapshot, a claim at the end takes at most 1.3 times as long as at the start | %s (without: %s) | %s |',
	with_snapshot, without_snapshot, CASE WHEN with_snapshot <= 1.3 THEN 'yes' ELSE '**no**' END) FROM bench.found;
SELECT format('| throughput beside a snapshot: at least 0.8 of that without | %s | %s |',
	pace, CASE WHEN pace >= 0.8 THEN 'yes' ELSE '**no**' END) FROM bench.found;
