-- test/bench/cells_measure.sql: the gigs, calls and ticks of cells.sh, at the front of its
-- cells, and what was found, in Markdown. Variables: calls, gigs.
\pset format unaligned
\pset tuples_only on
CREATE EXTENSION dblink;
CREATE SCHEMA bench;
CREATE TABLE bench.call (kind text, ms float8);
CREATE TABLE bench.tick (n int GENERATED ALWAYS AS IDENTITY, gigs int, what text, seats bigint, ms float8);

CREATE FUNCTION bench.gigs(n int, seats_min int, total_seats int) RETURNS bigint[] LANGUAGE sql AS $$
	WITH made AS (
		INSERT INTO trees.gig (title, url, start_at, end_at, seats_min, total_seats, filter_query, invitation_mode)
		SELECT 'g', 'u', now() + interval '1 day', now() + interval '2 days', seats_min, total_seats, '{}', 'manual' FROM generate_series(1, n)
		RETURNING id)
	SELECT array_agg(id) FROM made
$$;
-- A cell invites all its workers.
CREATE FUNCTION bench.invite(gig bigint, cell int DEFAULT 1) RETURNS bigint[] LANGUAGE sql AS $$
	SELECT array_agg(id) FROM dblink((SELECT connect FROM cells.cell WHERE number = invite.cell), format(
		'SELECT invitation_id FROM trees.invite(%s, ARRAY(SELECT id FROM trees.worker))', gig)) d (id bigint)
$$;
CREATE PROCEDURE bench.accept(kind text, ids bigint[]) LANGUAGE plpgsql AS $$
DECLARE
	i bigint;
	began timestamptz;
BEGIN
	FOREACH i IN ARRAY ids LOOP
		began := clock_timestamp();
		PERFORM cells.try_accept(i);
		COMMIT;
		INSERT INTO bench.call VALUES (kind, extract(epoch FROM clock_timestamp() - began) * 1000);
	END LOOP;
END $$;
CREATE PROCEDURE bench.tick(gigs int, what text) LANGUAGE plpgsql AS $$
DECLARE
	began CONSTANT timestamptz := clock_timestamp();
	before CONSTANT bigint := (SELECT sum(given + got) FROM cells.seats);
	calls CONSTANT bigint := (SELECT count(*) FROM cells.seats);
BEGIN
	CALL cells.move();
	INSERT INTO bench.tick (gigs, what, seats, ms) VALUES (gigs, what,
		coalesce((SELECT sum(given + got) FROM cells.seats) - coalesce(before, 0), 0), extract(epoch FROM clock_timestamp() - began) * 1000);
	COMMIT;
END $$;

SELECT bench.gigs(1, NULL, :calls * 4) AS own, bench.gigs(1, 4, :calls * 4) AS pool, bench.gigs(1, NULL, :calls * 4) AS other, bench.gigs(1, NULL, 4) AS filled \gset
CALL cells.move();
CALL cells.move();
SELECT bench.invite((:'own'::bigint[])[1]) AS own_ids, bench.invite((:'pool'::bigint[])[1]) AS pool_ids, bench.invite((:'other'::bigint[])[1]) AS other_ids,
	bench.invite((:'filled'::bigint[])[1]) AS filled_ids \gset
-- All of a gig's seats in cell 1 go to cell 2; of another, four are taken, one of
-- them in cell 2: a cell that has given all there are asks nobody.
SELECT cells.at_receive(2, (:'other'::bigint[])[1], 1, cells.at_release(1, (:'other'::bigint[])[1], 2, :calls, false)) \g /dev/null
CALL bench.accept('warm', (bench.invite((:'filled'::bigint[])[1], 2))[1:1]);
CALL bench.accept('warm', (:'filled_ids'::bigint[])[1:3]);
CALL cells.move();
CALL bench.accept('own', (:'own_ids'::bigint[])[1:100]);
DELETE FROM bench.call;
CALL bench.accept('own', (:'own_ids'::bigint[])[101:]);
CALL bench.accept('pool', (:'pool_ids'::bigint[])[2:]);
CALL bench.accept('other', :'other_ids');
CALL bench.accept('filled', (:'filled_ids'::bigint[])[5:]);

SELECT E'## An accept through the front\n\nms of a call, one client: the median (the quickest tenth took no longer than).\n\n| its seat is | ms |\n|---|---|';
SELECT format('| %s | %s (%s) |', k.what, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY c.ms)::numeric, 2),
	round(percentile_cont(0.1) WITHIN GROUP (ORDER BY c.ms)::numeric, 2))
FROM bench.call c JOIN (VALUES ('own', 'in its cell', 1), ('pool', 'at the front', 2), ('other', 'in another cell', 3), ('filled', 'nowhere: filled, after asking every cell twice', 4)) k (kind, what, n) USING (kind)
GROUP BY k.what, k.n ORDER BY k.n;

-- Ticks: each size beside the gigs that are there.
CREATE PROCEDURE bench.ticks(n int) LANGUAGE plpgsql AS $$
DECLARE
	ids CONSTANT bigint[] := bench.gigs(n, NULL, 8);
	horizons text[] := ARRAY(SELECT cells.at_horizon(c) FROM generate_series(1, 4) c);
	began timestamptz;
BEGIN
	COMMIT;
	CALL bench.tick(n, 'all are new: the cells are told, two seats go to each');
	CALL bench.tick(n, 'all have changed since the last');
	CALL bench.tick(n, 'nothing has changed: the first of a call, which reads all');
	horizons := ARRAY(SELECT cells.hear(c, NULL) FROM generate_series(1, 4) c);
	COMMIT;
	FOR i IN 1 .. 5 LOOP
		began := clock_timestamp();
		horizons := ARRAY(SELECT cells.hear(c, horizons[c]) FROM generate_series(1, 4) c);
		COMMIT;
		INSERT INTO bench.tick (gigs, what, seats, ms) VALUES (n, 'nothing has changed: the others', 0, extract(epoch FROM clock_timestamp() - began) * 1000);
		COMMIT;
	END LOOP;
	UPDATE trees.gig g SET total_seats = 9 WHERE id = ANY (ids[1:10]);
	COMMIT;
	CALL bench.tick(n, 'ten have a seat more: the first of a call');
	CALL cells.move();
END $$;
SELECT format('CALL bench.ticks(%s)', n) FROM unnest(:'gigs'::int[]) n \gexec
SELECT E'\n## A tick of the mover\n\n| gigs | | seats moved | ms | seats a second |\n|---|---|---|---|---|';
SELECT format('| %s | %s | %s | %s | %s |', gigs, what, max(seats), round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric, 1),
	CASE WHEN max(seats) > 0 THEN round(max(seats) / (min(ms) / 1000)::numeric) END)
FROM bench.tick GROUP BY gigs, what ORDER BY min(n);
SELECT format(E'\n%s gigs in all. A transfer moves any number of seats of a gig: here two.', count(*)) FROM trees.gig;
