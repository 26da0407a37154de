-- test/bench/report_report.sql: what report.sh found, in Markdown; which bars are
-- met is decided here.
\pset format unaligned
\pset tuples_only on

SELECT format(E'## Pages\n\nA Space of %s gigs, %s invitations, %s events, %s notifications; the largest gig has %s invitations.\n',
	(SELECT count(*) FROM space.gig), (SELECT count(*) FROM space.invitation), (SELECT count(*) FROM space.event),
	(SELECT count(*) FROM space.notification), (SELECT count(*) FROM space.invitation WHERE gig_id = 1));
SELECT E'| page | median, ms | longest, ms | bytes |\n|---|---|---|---|';
SELECT format('| %s | %s | %s | %s |', page, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)), round(max(ms)), max(bytes))
FROM bench.run GROUP BY page ORDER BY max(bytes) DESC;

SELECT E'\n## Bars\n\n| bar | found | met |\n|---|---|---|';
SELECT format('| each page within 2 seconds | %s ms | %s |', round(max(m.ms)), CASE WHEN max(m.ms) <= 2000 THEN 'yes' ELSE '**no**' END)
FROM (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS ms FROM bench.run GROUP BY page) m;
SELECT format('| and at most 2 MB long | %s bytes | %s |', max(bytes), CASE WHEN max(bytes) <= 2 * 1024 * 1024 THEN 'yes' ELSE '**no**' END)
FROM bench.run;
