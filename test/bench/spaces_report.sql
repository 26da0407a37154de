-- test/bench/spaces_report.sql: what was measured, as Markdown (psql -At).
--
-- Decides how the figures read. Must not measure anything.
CREATE TABLE IF NOT EXISTS bench.sample_before (LIKE bench.sample);
CREATE TEMP VIEW median AS
SELECT variant, what, spaces, percentile_cont(0.5) WITHIN GROUP (ORDER BY figure) AS figure
FROM (SELECT 'before' AS variant, * FROM bench.sample_before UNION ALL SELECT 'cirro', * FROM bench.sample) s
GROUP BY variant, what, spaces;

CREATE FUNCTION pg_temp.shown(of_variant text, of_what text, of_spaces int) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN m.figure < 10 THEN round(m.figure::numeric, 1) ELSE round(m.figure::numeric) END::text
	FROM median m WHERE (m.variant, m.what, m.spaces) = (of_variant, of_what, of_spaces)
$$;

SELECT format(E'## Many Spaces in one database\n\n%s, shared_buffers %s, no fsync, no autovacuum; medians.\n',
	substring(version() FROM '^\S+ \S+'), current_setting('shared_buffers'));
SELECT E'| Spaces | | create one, ms | drop one, ms | first worker_id of a session, ms | of another Space then, ms | first claim_notifications, ms | of another Space then, ms | first tick, ms | later ticks, ms | upgrade, nothing differs, s | upgrade, a comment differs, s | catalogues, MB |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|';
SELECT format('| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |', c.spaces, c.variant, pg_temp.shown(c.variant, 'create', c.spaces),
	pg_temp.shown(c.variant, 'drop', c.spaces), pg_temp.shown(c.variant, 'first worker_id', c.spaces), pg_temp.shown(c.variant, 'next worker_id', c.spaces),
	pg_temp.shown(c.variant, 'first claim_notifications', c.spaces), pg_temp.shown(c.variant, 'next claim_notifications', c.spaces),
	pg_temp.shown(c.variant, 'first tick', c.spaces), pg_temp.shown(c.variant, 'later tick', c.spaces),
	pg_temp.shown(c.variant, 'nothing differs', c.spaces), pg_temp.shown(c.variant, 'a comment differs', c.spaces), pg_temp.shown(c.variant, 'catalogues', c.spaces))
FROM (SELECT DISTINCT variant, spaces FROM median) c ORDER BY c.spaces, c.variant;
SELECT E'\n| Spaces | pg_dump of all, s | locks | max_locks_per_transaction for it | pg_dump of one, s | locks |\n|---|---|---|---|---|---|';
SELECT format('| %s | %s | %s | %s | %s | %s |', d.spaces, pg_temp.shown('cirro', 'dump', d.spaces), pg_temp.shown('cirro', 'dump, locks', d.spaces),
	ceil(l.figure / (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)),
	pg_temp.shown('cirro', 'dump of one', d.spaces), pg_temp.shown('cirro', 'dump of one, locks', d.spaces))
FROM median d JOIN median l USING (variant, spaces) WHERE d.what = 'dump' AND l.what = 'dump, locks' ORDER BY d.spaces;
SELECT format(E'\nThe lock table has room for max_locks_per_transaction × (max_connections + max_prepared_transactions) locks and some more; max_connections is %s here.',
	current_setting('max_connections'));
