-- test/bench/spaces_report.sql: what was measured, as Markdown (psql -At).
--
-- Decides how the figures read. Must not measure anything.
CREATE TEMP VIEW median AS
SELECT variant, what, spaces, percentile_cont(0.5) WITHIN GROUP (ORDER BY figure) AS figure, percentile_cont(0.5) WITHIN GROUP (ORDER BY busy) AS busy
FROM bench.sample GROUP BY variant, what, spaces;

CREATE FUNCTION pg_temp.number(figure double precision) RETURNS text LANGUAGE sql AS $$
	SELECT to_char(round(figure::numeric, CASE WHEN figure < 10 THEN 1 ELSE 0 END), CASE WHEN figure < 10 THEN 'FM0.0' ELSE 'FM999,999,999' END)
$$;
CREATE FUNCTION pg_temp.shown(of_variant text, of_what text, of_spaces int) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce((SELECT pg_temp.number(m.figure) || coalesce(' (' || pg_temp.number(m.busy) || ')', '')
		FROM median m WHERE (m.variant, m.what, m.spaces) = (of_variant, of_what, of_spaces)), '')
$$;

SELECT format(E'## Many Spaces in one database\n\n%s, shared_buffers %s, no fsync, no autovacuum; medians of %s, upgrades and dumps once.\n',
	substring(version() FROM '^\S+ \S+'), current_setting('shared_buffers'), (SELECT max(round) FROM bench.sample));
SELECT E'| Spaces | library | create one, ms | drop one, ms | first worker_id of a session, ms | of another Space then, ms | first claim_notifications, ms | of another Space then, ms | first tick, ms | later ticks, ms | upgrade, nothing differs, s | upgrade, a comment differs, s |\n|---|---|---|---|---|---|---|---|---|---|---|---|';
SELECT format('| %s |', concat_ws(' | ', c.spaces, c.variant, pg_temp.shown(c.variant, 'create', c.spaces), pg_temp.shown(c.variant, 'drop', c.spaces),
	pg_temp.shown(c.variant, 'first worker_id', c.spaces), pg_temp.shown(c.variant, 'next worker_id', c.spaces),
	pg_temp.shown(c.variant, 'first claim_notifications', c.spaces), pg_temp.shown(c.variant, 'next claim_notifications', c.spaces),
	pg_temp.shown(c.variant, 'first tick', c.spaces), pg_temp.shown(c.variant, 'later tick', c.spaces),
	pg_temp.shown(c.variant, 'nothing differs', c.spaces), pg_temp.shown(c.variant, 'a comment differs', c.spaces)))
FROM (SELECT DISTINCT variant, spaces FROM median) c ORDER BY c.spaces, c.variant;
SELECT E'\nIn brackets the time that a processor was busy.';
SELECT E'\n| Spaces | catalogues, MB | a session that has looked up every function, MB | pg_dump of all, s | locks | max_locks_per_transaction for it | pg_dump of one, s | locks |\n|---|---|---|---|---|---|---|---|';
SELECT format('| %s |', concat_ws(' | ', c.spaces, pg_temp.shown('cirro', 'catalogues', c.spaces), pg_temp.shown('cirro', 'memory', c.spaces),
	pg_temp.shown('cirro', 'dump', c.spaces), pg_temp.shown('cirro', 'dump, locks', c.spaces),
	ceil(c.figure / (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)),
	pg_temp.shown('cirro', 'dump of one', c.spaces), pg_temp.shown('cirro', 'dump of one, locks', c.spaces)))
FROM median c WHERE c.what = 'dump, locks' ORDER BY c.spaces;
SELECT format(E'\nThe lock table has room for max_locks_per_transaction × (max_connections + max_prepared_transactions) locks, and some more; max_connections is %s here.',
	current_setting('max_connections'));
