-- test/bench/accept_report.sql: what accept.sh found, in Markdown; which bars
-- are met is decided here.
\pset format unaligned
\pset tuples_only on
\pset fieldsep ' | '

-- The two of a round ran one after the other: their ratio says more than that of
-- the medians on a computer that is busy with other things as well.
CREATE VIEW bench.pace AS
SELECT durable, place, clients,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY c.tps)::numeric AS cirro,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY h.tps)::numeric AS hand,
	round(percentile_cont(0.5) WITHIN GROUP (ORDER BY c.tps / h.tps)::numeric, 2) AS ratio,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY c.us)::numeric AS cirro_us,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY h.us)::numeric AS hand_us,
	round(percentile_cont(0.5) WITHIN GROUP (ORDER BY c.us / h.us)::numeric, 2) AS times
FROM bench.run c JOIN bench.run h USING (durable, place, clients, round)
WHERE c.contender = 'cirro' AND h.contender = 'hand' GROUP BY 1, 2, 3;
CREATE VIEW bench.growth AS
SELECT a.what, a.relation, a.bytes AS first, b.bytes AS second,
	round(100.0 * (b.bytes - a.bytes) / nullif(a.bytes, 0), 1) AS percent
FROM bench.size a JOIN bench.size b USING (what, relation) WHERE a.round = 1 AND b.round = 2;
CREATE VIEW bench.tried AS
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE what = 'none')::numeric AS none,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE what = 'some')::numeric AS several,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE what = 'floor')::numeric AS floor
FROM bench.attempt;

SELECT E'## Accepts\n\nAccepts per second and their ratio, medians of ' || max(round) || E' rounds.\n\n'
	|| E'The server''s processor time, in microseconds an accept, has the work of the session, waits not counted.\n\n'
	|| E'| synchronous_commit | gigs | clients | cirro | by hand | ratio | CPU | by hand | times |\n|---|---|---|---|---|---|---|---|---|'
FROM bench.run HAVING count(*) > 0;
SELECT format('| %s | %s | %s | %s | %s | %s | %s | %s | %s |', durable, place, clients, round(cirro), round(hand), ratio,
	round(cirro_us), round(hand_us), times)
FROM bench.pace ORDER BY durable DESC, place, clients;

SELECT E'\n## Attempts\n\n' || format('`attempt_invitations` of a worker against %s gigs: %s ms when none matches, %s ms when %s do; the inserts alone take %s ms.',
	(SELECT value FROM bench.fact WHERE name = 'attempt gigs'), round(none, 1), round(several, 1),
	(SELECT value FROM bench.fact WHERE name = 'attempt rows'), round(floor, 1))
FROM bench.tried WHERE none IS NOT NULL;

SELECT E'\n## Notifications\n\n' || format('8 claimers, 100 at a time: %s and %s notifications a second, none twice.', a.value, b.value)
FROM bench.fact a, bench.fact b WHERE a.name = 'claimed 1' AND b.name = 'claimed 2';

SELECT E'\n## Growth\n\nAfter each of two rounds, VACUUM between. MB.\n\n| after | relation | first | second | growth |\n|---|---|---|---|---|'
FROM bench.size HAVING count(*) > 0;
SELECT format('| %s | %s | %s | %s | %s %% |', what, relation, round(first / 1048576.0, 1), round(second / 1048576.0, 1), percent)
FROM bench.growth ORDER BY what, relation;

SELECT E'\n## Memory\n\nBytes of all memory contexts of one session.\n\n| calls | after a tenth | after all |\n|---|---|---|'
FROM bench.fact WHERE name = 'memory calls';
SELECT format('| %s %s | %s | %s |', (SELECT value FROM bench.fact WHERE name = 'memory calls'), k.what, a.value, b.value)
FROM (VALUES ('accepts'), ('waves')) k (what)
JOIN bench.fact a ON a.name = k.what || ' early' JOIN bench.fact b ON b.name = k.what || ' late';

SELECT E'\n## Bars\n\n| bar | found | met |\n|---|---|---|';
SELECT format('| %s, %s clients, synchronous_commit %s: at least %s of the statement by hand | %s | %s |',
	place, clients, durable, b.bar, ratio, CASE WHEN ratio >= b.bar THEN 'yes' ELSE '**no**' END)
FROM bench.pace, LATERAL (SELECT CASE WHEN place = 'one gig' THEN 1.0 WHEN clients > 8 THEN 0.85
	WHEN durable = 'on' THEN 0.95 ELSE 0.9 END AS bar) b
ORDER BY durable DESC, place, clients;
SELECT format('| %s, %s clients, synchronous_commit %s: at most 1.1 of its processor time | %s | %s |',
	place, clients, durable, times, CASE WHEN times <= 1.1 THEN 'yes' ELSE '**no**' END)
FROM bench.pace WHERE place = 'many gigs' ORDER BY durable DESC, clients;
SELECT format('| attempt without a match: at most 20 ms | %s ms | %s |', round(none, 1), CASE WHEN none <= 20 THEN 'yes' ELSE '**no**' END)
FROM bench.tried WHERE none IS NOT NULL;
SELECT format('| attempt with matches: at most 20 ms and the inserts | %s ms, inserts %s ms | %s |',
	round(several, 1), round(floor, 1), CASE WHEN several <= 20 + floor THEN 'yes' ELSE '**no**' END)
FROM bench.tried WHERE none IS NOT NULL;
SELECT format('| accepts: a second round grows no table or index by more than 10 %% | %s %% | %s |',
	max(percent), CASE WHEN max(percent) <= 10 THEN 'yes' ELSE '**no**' END)
FROM bench.growth WHERE what = 'accepts' HAVING count(*) > 0;
SELECT format('| notifications: a second round grows the table by at most 10 %% | %s %% | %s |',
	percent, CASE WHEN percent <= 10 THEN 'yes' ELSE '**no**' END)
FROM bench.growth WHERE what = 'notifications' AND relation = 'notification';
SELECT format('| memory does not grow with %s | %s bytes | %s |', k.what, b.value::bigint - a.value::bigint,
	CASE WHEN b.value::bigint - a.value::bigint <= 65536 THEN 'yes' ELSE '**no**' END)
FROM (VALUES ('accepts'), ('waves')) k (what)
JOIN bench.fact a ON a.name = k.what || ' early' JOIN bench.fact b ON b.name = k.what || ' late';
