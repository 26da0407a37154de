-- test/bench/ring_report.sql: what ring.sh found, in Markdown; which bar is met is
-- decided here.
\pset format unaligned
\pset tuples_only on

CREATE VIEW bench.found AS
SELECT k.what, k.n, k.has_bar,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY s.us) FILTER (WHERE s.place = 'bench') / 1000 AS direct,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY s.us) FILTER (WHERE s.place = 'front') / 1000 AS through,
	percentile_cont(0.1) WITHIN GROUP (ORDER BY s.us) FILTER (WHERE s.place = 'bench') / 1000 AS direct_10,
	percentile_cont(0.1) WITHIN GROUP (ORDER BY s.us) FILTER (WHERE s.place = 'front') / 1000 AS through_10
FROM bench.sample s
JOIN (VALUES ('accept', '`accept`, a seat taken', 1, true), ('try_accept', '`try_accept`, accepted already', 2, true),
	('worker_id', '`worker_id`', 3, true), ('worker_invitation', 'the view `worker_invitation` of a worker', 4, false),
	('refused', 'an `accept` that is an error', 5, false)) k (kind, what, n, has_bar) USING (kind)
GROUP BY k.what, k.n, k.has_bar;

SELECT E'## A call through the front\n\nms of a call, one client: the median (the quickest tenth took no longer than).\n\n'
	|| E'| call | at the back end | through the front | more |\n|---|---|---|---|';
SELECT format('| %s | %s (%s) | %s (%s) | %s |', what, round(direct::numeric, 3), round(direct_10::numeric, 3),
	round(through::numeric, 3), round(through_10::numeric, 3), round((through - direct)::numeric, 3))
FROM bench.found ORDER BY n;

SELECT E'\n## Bars\n\n| bar | found | met |\n|---|---|---|';
SELECT format('| %s: at most 0.2 ms more | %s | %s |', what, round((through - direct)::numeric, 3),
	CASE WHEN through - direct <= 0.2 THEN 'yes' ELSE '**no**' END) FROM bench.found WHERE has_bar ORDER BY n;
