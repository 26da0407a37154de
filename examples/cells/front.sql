-- front.sql: the front of cells, in a database of its own with a Space of the same name
-- that has no workers, by a superuser who owns that Space; a second time it brings the
-- functions up to date:
--     psql -d front -v space=trees -f front.sql
--
-- Decides which cell is to have how many of the seats of a shared gig, which is a row of
-- this Space's gig, and passes answers to the cell of their invitation. The seats that
-- nobody is looked for yet are here: the front is cell 0. Must not count on what it knows
-- of the cells: a seat moves by release() where it is and receive() where it goes, each a
-- transaction of its own there (PL/Proxy), and both refuse what does not hold any more.
-- So any number of sessions may move seats at once, and be killed.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS plproxy;
CREATE SCHEMA IF NOT EXISTS cells;
COMMENT ON SCHEMA cells IS 'cells that together are one Space: the front';
-- That of the functions: unqualified names are the Space's.
SET LOCAL search_path = :"space", pg_temp;
ALTER TABLE gig ALTER id SET INCREMENT BY 64 SET START WITH 64;
SELECT format('ALTER TABLE gig ALTER id RESTART WITH %s', (coalesce(max(g.id), 0) / 64 + 1) * 64) FROM gig g \gexec

CREATE TABLE IF NOT EXISTS cells.cell (
	number int PRIMARY KEY CHECK (number BETWEEN 0 AND 63),
	connect text NOT NULL,
	serves boolean NOT NULL DEFAULT true,
	error text,
	failed_at timestamptz
);
COMMENT ON TABLE cells.cell IS 'the cells; number 0 is this database';
COMMENT ON COLUMN cells.cell.connect IS 'a libpq connection string without a password, which belongs in a password file of this server''s user';
COMMENT ON COLUMN cells.cell.serves IS 'false: answers for it are refused, though seats move';
COMMENT ON COLUMN cells.cell.error IS 'why it could not be reached the last time; NULL: it could';

CREATE TABLE IF NOT EXISTS cells.seats (
	gig_id bigint NOT NULL REFERENCES gig ON DELETE CASCADE,
	peer int NOT NULL,
	given bigint NOT NULL DEFAULT 0,
	got bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (gig_id, peer)
);
COMMENT ON TABLE cells.seats IS 'the seats that went from here to a cell and back, in all; the others of a gig are here';
COMMENT ON COLUMN cells.seats.peer IS 'the cell';
COMMENT ON COLUMN cells.seats.given IS 'how many the front has ever given it';
COMMENT ON COLUMN cells.seats.got IS 'how many the front has ever got from it';

CREATE TABLE IF NOT EXISTS cells.change (
	gig_id bigint NOT NULL REFERENCES gig ON DELETE CASCADE,
	revision bigint NOT NULL,
	PRIMARY KEY (gig_id, revision)
);
COMMENT ON TABLE cells.change IS 'gigs that have changed, until every cell has heard of it';

CREATE TABLE IF NOT EXISTS cells.copy (
	gig_id bigint NOT NULL REFERENCES gig ON DELETE CASCADE,
	cell int NOT NULL REFERENCES cells.cell ON DELETE CASCADE,
	revision bigint NOT NULL,
	error text,
	retry_at timestamptz,
	PRIMARY KEY (gig_id, cell)
);
COMMENT ON TABLE cells.copy IS 'which revision of a gig each cell has';
COMMENT ON COLUMN cells.copy.error IS 'why the cell refused a later one';

-- What was last heard. No foreign keys: who moves seats shall not wait for who changes a gig.
CREATE TABLE IF NOT EXISTS cells.known (
	gig_id bigint NOT NULL,
	cell int NOT NULL,
	granted bigint NOT NULL,
	owed bigint NOT NULL,
	accepted int NOT NULL,
	waiting bigint NOT NULL,
	waiting_since timestamptz,
	exhausted boolean NOT NULL,
	busy boolean NOT NULL,
	open boolean NOT NULL,
	last_wave_at timestamptz,
	peers int[] NOT NULL,
	given bigint[] NOT NULL,
	got bigint[] NOT NULL,
	agrees boolean NOT NULL,
	PRIMARY KEY (gig_id, cell)
);
COMMENT ON TABLE cells.known IS 'how it stood with each gig in each cell when the front last looked';

CREATE TABLE IF NOT EXISTS cells.due (
	gig_id bigint PRIMARY KEY,
	at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS due_at_idx ON cells.due (at);
COMMENT ON INDEX cells.due_at_idx IS 'finds what is due';
COMMENT ON TABLE cells.due IS 'gigs to look at: something has changed, or time alone changes something';

-- ------------------------------------------------------------------- gigs --

-- As late as a clock can tell, so that what comes after a restore counts as later; later
-- than what a cell has heard, though the clock was set back.
CREATE OR REPLACE FUNCTION cells.gig_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - 'seats_granted') = (to_jsonb(OLD) - 'seats_granted') THEN
		RETURN NULL;
	END IF;
	INSERT INTO cells.change (gig_id, revision)
	VALUES (NEW.id, greatest((extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
		(SELECT max(c.revision) + 1 FROM cells.change c WHERE c.gig_id = NEW.id),
		(SELECT max(c.revision) + 1 FROM cells.copy c WHERE c.gig_id = NEW.id)));
	RETURN NULL;
END $$;
COMMENT ON FUNCTION cells.gig_changed() IS 'has every cell hear of a gig that is new or changed';

-- No worker is here, so no seat is to be given here.
CREATE OR REPLACE FUNCTION cells.gig_check() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	IF TG_OP = 'DELETE' THEN
		IF OLD.start_at > cirro.now() THEN
			RAISE EXCEPTION USING ERRCODE = '0A000',
				MESSAGE = format('gig %s is shared and cannot be deleted', OLD.id),
				HINT = format('Cancel it: cancel(%s).', OLD.id);
		END IF;
		RETURN OLD;
	END IF;
	NEW.seats_granted := 0;
	RETURN NEW;
END $$;
COMMENT ON FUNCTION cells.gig_check() IS 'a gig of the front gives no seat itself, and is not deleted before its start';

CREATE OR REPLACE TRIGGER cells_check BEFORE INSERT OR UPDATE OR DELETE ON gig
	FOR EACH ROW EXECUTE FUNCTION cells.gig_check();
CREATE OR REPLACE TRIGGER cells_changed AFTER INSERT OR UPDATE ON gig
	FOR EACH ROW EXECUTE FUNCTION cells.gig_changed();

-- A cell that was restored may have forgotten gigs; to the others this is nothing new.
CREATE OR REPLACE FUNCTION cells.cell_added() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	IF NEW.number = 0 OR (TG_OP = 'UPDATE' AND (NEW.serves OR NOT OLD.serves)) THEN
		RETURN NULL;
	END IF;
	DELETE FROM cells.copy k WHERE k.cell = NEW.number;
	INSERT INTO cells.change (gig_id, revision)
	SELECT g.id, coalesce((SELECT max(k.revision) FROM cells.copy k WHERE k.gig_id = g.id),
		(extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
	FROM gig g WHERE cirro.gig_closes_at(g.end_at, g.archived_at, g.cancelled_at) > cirro.now()
	ON CONFLICT DO NOTHING;
	RETURN NULL;
END $$;
COMMENT ON FUNCTION cells.cell_added() IS 'a cell that is new, or put out of service, hears of every gig that is open';

CREATE OR REPLACE TRIGGER cell_added AFTER INSERT OR UPDATE OF serves ON cells.cell
	FOR EACH ROW EXECUTE FUNCTION cells.cell_added();

-- --------------------------------------------------------- calls of a cell --

-- What a database has set for its sessions does not count. A look that is older than the
-- lock would give a seat twice; of what a cell cancels (57014) PL/Proxy 2.10 may never
-- hear; and who holds a row there is not waited for without end.
CREATE OR REPLACE FUNCTION cells.connect_of(cell int) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN (SELECT $o$options='-c default_transaction_isolation=read\\ committed -c statement_timeout=0 -c lock_timeout=5s' $o$ || c.connect
		FROM cells.cell c WHERE c.number = connect_of.cell);
END $$;
COMMENT ON FUNCTION cells.connect_of(int) IS 'how to reach a cell, and with which settings unless its "connect" has options of its own';

CREATE OR REPLACE FUNCTION cells.at_horizon(cell int) RETURNS text LANGUAGE plproxy AS $$
	CONNECT cells.connect_of(cell);
	SELECT cells.horizon(cell);
$$;
CREATE OR REPLACE FUNCTION cells.at_put(cell int, gig jsonb, revision bigint) RETURNS text LANGUAGE plproxy AS $$
	CONNECT cells.connect_of(cell);
	SELECT cells.put(gig, revision)::text FROM cells.here(cell);
$$;
CREATE OR REPLACE FUNCTION cells.at_release(cell int, gig_id bigint, peer int, total bigint, forced boolean) RETURNS bigint LANGUAGE plproxy AS $$
	CONNECT cells.connect_of(cell);
	SELECT cells.release(gig_id, peer, total, forced) FROM cells.here(cell);
$$;
CREATE OR REPLACE FUNCTION cells.at_receive(cell int, gig_id bigint, peer int, total bigint) RETURNS bigint LANGUAGE plproxy AS $$
	CONNECT cells.connect_of(cell);
	SELECT cells.receive(gig_id, peer, total) FROM cells.here(cell);
$$;
CREATE OR REPLACE FUNCTION cells.at_close(cell int, gig_id bigint) RETURNS int LANGUAGE plproxy AS $$
	CONNECT cells.connect_of(cell);
	SELECT cells.close(gig_id) FROM cells.here(cell);
$$;
CREATE OR REPLACE FUNCTION cells.at_look(cell int, gig_ids bigint[], since text)
RETURNS TABLE (gig_id bigint, granted bigint, owed bigint, accepted int, waiting bigint, waiting_since timestamptz, exhausted boolean,
	busy boolean, open boolean, last_wave_at timestamptz, peers int[], given bigint[], got bigint[], agrees boolean) LANGUAGE plproxy AS $$
	CONNECT cells.connect_of(cell);
	SELECT l.gig_id, l.granted, l.owed, l.accepted, l.waiting, l.waiting_since, l.exhausted, l.busy, l.open, l.last_wave_at, l.peers, l.given,
			l.got, l.agrees
		FROM cells.look(gig_ids, since) l;
$$;
CREATE OR REPLACE FUNCTION cells.at_owe(cell int, gig_id bigint, seats bigint) RETURNS text LANGUAGE plproxy AS $$
	CONNECT cells.connect_of(cell);
	SELECT cells.owe(gig_id, seats)::text FROM cells.here(cell);
$$;
COMMENT ON FUNCTION cells.at_owe(int, bigint, bigint) IS 'owe() of a cell';
COMMENT ON FUNCTION cells.at_horizon(int) IS 'horizon() of a cell';
COMMENT ON FUNCTION cells.at_put(int, jsonb, bigint) IS 'put() of a cell';
COMMENT ON FUNCTION cells.at_release(int, bigint, int, bigint, boolean) IS 'release() of a cell, or of the front';
COMMENT ON FUNCTION cells.at_receive(int, bigint, int, bigint) IS 'receive() of a cell, or of the front';
COMMENT ON FUNCTION cells.at_close(int, bigint) IS 'close() of a cell';
COMMENT ON FUNCTION cells.at_look(int, bigint[], text) IS 'look() of a cell';

-- ------------------------------------------------------- the front as cell --

CREATE OR REPLACE FUNCTION cells.here(cell int) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	IF here.cell <> 0 THEN
		RAISE EXCEPTION USING ERRCODE = '55000',
			MESSAGE = format('this is the front, not cell %s', here.cell),
			HINT = 'Correct "connect" in cells.cell.';
	END IF;
	RETURN true;
END $$;
COMMENT ON FUNCTION cells.here(int) IS 'refuses to be taken for another cell';

-- Called through PL/Proxy as well, so that what is given is committed before it is
-- received. The gig's row is only read: its writer may be the session that waits for
-- this. Seats lowered meanwhile are taken back as if it had come later.
CREATE OR REPLACE FUNCTION cells.pool(gig_id bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
	RETURN (SELECT coalesce(g.seats_max, g.total_seats, 2147483647)
			- (SELECT coalesce(sum(p.given - p.got), 0) FROM cells.seats p WHERE p.gig_id = g.id)::bigint
		FROM gig g WHERE g.id = pool.gig_id);
END $$;
COMMENT ON FUNCTION cells.pool(bigint) IS 'the seats of a gig that no cell has; negative: seats were lowered, and so many more are out';

CREATE OR REPLACE FUNCTION cells.release(gig_id bigint, peer int, total bigint, forced boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
<<fn>>
DECLARE
	given bigint;
	seats bigint;
BEGIN
	PERFORM pg_advisory_xact_lock(hashtextextended('cells.seats', release.gig_id));
	IF NOT EXISTS (SELECT FROM gig g WHERE g.id = release.gig_id) THEN
		RETURN 0;
	END IF;
	fn.given := coalesce((SELECT p.given FROM cells.seats p
		WHERE p.gig_id = release.gig_id AND p.peer = release.peer), 0);
	fn.seats := release.total - fn.given;
	IF NOT release.forced THEN
		fn.seats := least(fn.seats, cells.pool(release.gig_id));
	END IF;
	IF fn.seats <= 0 THEN
		RETURN fn.given;
	END IF;
	INSERT INTO cells.seats AS p (gig_id, peer, given) VALUES (release.gig_id, release.peer, fn.seats)
	ON CONFLICT ON CONSTRAINT seats_pkey DO UPDATE SET given = p.given + excluded.given;
	RETURN fn.given + fn.seats;
END $$;
COMMENT ON FUNCTION cells.release(bigint, int, bigint, boolean) IS 'gives a cell seats that no cell has until it has been given "total" of this gig in all, and says how many it has';

CREATE OR REPLACE FUNCTION cells.receive(gig_id bigint, peer int, total bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(hashtextextended('cells.seats', receive.gig_id));
	IF NOT EXISTS (SELECT FROM gig g WHERE g.id = receive.gig_id) THEN
		RETURN 0;
	END IF;
	INSERT INTO cells.seats AS p (gig_id, peer, got) VALUES (receive.gig_id, receive.peer, receive.total)
	ON CONFLICT ON CONSTRAINT seats_pkey DO UPDATE SET got = greatest(p.got, excluded.got);
	RETURN (SELECT p.got FROM cells.seats p WHERE p.gig_id = receive.gig_id AND p.peer = receive.peer);
END $$;
COMMENT ON FUNCTION cells.receive(bigint, int, bigint) IS 'takes in what a cell has given back: "total" of this gig in all; says how many the front has got';

-- ------------------------------------------------------------ what is known --

CREATE OR REPLACE FUNCTION cells.flights(gig_id bigint, looks cells.known[])
RETURNS TABLE (source int, target int, given bigint, got bigint)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
	RETURN QUERY
	WITH total (cell, peer, given, got) AS (
		SELECT k.cell, u.peer, u.given, u.got
		FROM unnest(flights.looks) k CROSS JOIN LATERAL unnest(k.peers, k.given, k.got) u (peer, given, got)
		UNION ALL
		SELECT 0, s.peer, s.given, s.got FROM cells.seats s WHERE s.gig_id = flights.gig_id)
	SELECT coalesce(f.cell, t.peer), coalesce(f.peer, t.cell), coalesce(f.given, 0), coalesce(t.got, 0)
	FROM total f FULL JOIN total t ON t.cell = f.peer AND t.peer = f.cell
	WHERE coalesce(f.given, 0) <> coalesce(t.got, 0);
END $$;
COMMENT ON FUNCTION cells.flights(bigint, cells.known[]) IS 'where totals differ: seats in flight. "got" is larger where the source was restored from a backup, or was asked before the target';

-- What a cell says of gigs, all that are open or some, changed or not.
CREATE OR REPLACE FUNCTION cells.ask(cell int, gig_ids bigint[], since text) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	WITH heard AS (
		INSERT INTO cells.known AS k (gig_id, cell, granted, owed, accepted, waiting, waiting_since, exhausted, busy, open, last_wave_at,
			peers, given, got, agrees)
		SELECT l.gig_id, ask.cell, l.granted, l.owed, l.accepted, l.waiting, l.waiting_since, l.exhausted, l.busy, l.open, l.last_wave_at,
			l.peers, l.given, l.got, l.agrees
		FROM cells.at_look(ask.cell, ask.gig_ids, ask.since) l
		ORDER BY l.gig_id
		ON CONFLICT ON CONSTRAINT known_pkey DO UPDATE SET granted = excluded.granted, owed = excluded.owed, accepted = excluded.accepted,
			waiting = excluded.waiting, waiting_since = excluded.waiting_since, exhausted = excluded.exhausted,
			busy = excluded.busy, open = excluded.open, last_wave_at = excluded.last_wave_at,
			peers = excluded.peers, given = excluded.given, got = excluded.got, agrees = excluded.agrees
		WHERE (k.granted, k.owed, k.accepted, k.waiting, k.waiting_since, k.exhausted, k.busy, k.open, k.last_wave_at, k.peers, k.given, k.got, k.agrees)
			IS DISTINCT FROM (excluded.granted, excluded.owed, excluded.accepted, excluded.waiting, excluded.waiting_since, excluded.exhausted,
			excluded.busy, excluded.open, excluded.last_wave_at, excluded.peers, excluded.given, excluded.got, excluded.agrees)
		RETURNING k.gig_id)
	INSERT INTO cells.due AS d (gig_id, at) SELECT h.gig_id, cirro.now() FROM heard h ORDER BY h.gig_id
	ON CONFLICT ON CONSTRAINT due_pkey DO UPDATE SET at = least(d.at, excluded.at);
END $$;
COMMENT ON FUNCTION cells.ask(int, bigint[], text) IS 'has the front know what a cell says of these gigs, or all; what has changed is due';

-- ---------------------------------------------------------------- the mover --

-- So many for each of the cells in turn: "most" pieces, all alike but for one seat.
CREATE OR REPLACE FUNCTION cells.split(seats bigint, targets int[]) RETURNS TABLE (target int, n bigint)
LANGUAGE sql IMMUTABLE AS $$
	SELECT t.cell, split.seats / cardinality(split.targets)
		+ CASE WHEN t.place <= split.seats % cardinality(split.targets) THEN 1 ELSE 0 END
	FROM unnest(split.targets) WITH ORDINALITY t (cell, place);
$$;
COMMENT ON FUNCTION cells.split(bigint, int[]) IS 'seats for each of some cells, as evenly as can be';

-- In this order: lowered seats come back; who waits gets a seat; free seats that nobody
-- is wanted for go to the front, and where too few are free, come from there; what a
-- cell has found nobody for goes to those that still find somebody. Where none does,
-- each cell is to have a seat, to look with; where they are too few for that, one goes
-- on to another cell each time that a wave could have come.
CREATE OR REPLACE FUNCTION cells.plan(gig_id bigint, looks cells.known[], OUT sources int[], OUT targets int[], OUT seats bigint[],
	OUT debtors int[], OUT debts bigint[], OUT closes boolean, OUT again_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
<<fn>>
DECLARE
	g record;
	c record;
	t record;
	pool bigint;
	out bigint;			-- seats that are not here
	held bigint;		-- of these, by cells that cannot be asked
	taken bigint;
	free bigint;
	n bigint;
	spare bigint[] := array_fill(0::bigint, ARRAY[64], ARRAY[0]);	-- negative: wanted there
	known cells.known[];	-- of cells that can be asked
	looking int[];
	all_up boolean;
	is_full boolean;
BEGIN
	sources := '{}';
	targets := '{}';
	seats := '{}';
	debtors := '{}';
	debts := '{}';
	closes := false;
	SELECT coalesce(w.seats_min, w.total_seats, w.seats_max) AS target, w.seats_max IS NOT NULL AS expires, w.invitation_frequency AS frequency
		INTO fn.g FROM gig w WHERE w.id = plan.gig_id;
	SELECT array_agg(k), coalesce(sum(k.accepted + greatest(0, least(k.waiting, k.granted - k.owed - k.accepted))), 0), coalesce(sum(k.granted), 0)
		INTO fn.known, fn.taken, fn.held
	FROM unnest(plan.looks) k JOIN cells.cell x ON x.number = k.cell
	WHERE x.error IS NULL;
	IF fn.known IS NULL THEN
		RETURN;
	END IF;
	fn.all_up := NOT EXISTS (SELECT FROM cells.cell x WHERE x.error IS NOT NULL);
	fn.pool := cells.pool(plan.gig_id);
	fn.out := (SELECT coalesce(sum(s.given - s.got), 0) FROM cells.seats s WHERE s.gig_id = plan.gig_id);
	fn.is_full := fn.pool <= 0 AND fn.out = (SELECT sum(k.granted) FROM unnest(plan.looks) k)
		AND NOT EXISTS (SELECT FROM unnest(plan.looks) k WHERE k.accepted < k.granted);
	fn.held := fn.out - fn.held;
	fn.taken := fn.taken + greatest(fn.held, 0);
	fn.free := 0;
	FOR c IN SELECT k.* FROM unnest(fn.known) k LOOP
		fn.spare[fn.c.cell] := fn.c.granted - fn.c.owed - fn.c.accepted - fn.c.waiting;
		fn.free := fn.free + greatest(fn.spare[fn.c.cell], 0);
	END LOOP;

	-- Lowered seats: those that are free, and of those that are taken the next that come
	-- free, first where somebody waits for one.
	fn.n := greatest(- fn.pool, 0);
	FOR c IN SELECT k.cell, least(k.granted - k.accepted, fn.n) AS n FROM unnest(fn.known) k
		WHERE fn.n > 0 AND k.granted > k.accepted ORDER BY k.cell
	LOOP
		fn.c.n := least(fn.c.n, fn.n);
		EXIT WHEN fn.c.n = 0;
		sources := sources || fn.c.cell;
		targets := targets || 0;
		seats := seats || fn.c.n;
		fn.n := fn.n - fn.c.n;
	END LOOP;
	FOR c IN SELECT k.cell, k.owed, least(k.granted, k.accepted) AS n FROM unnest(fn.known) k
		ORDER BY k.waiting DESC, k.granted DESC, k.cell
	LOOP
		fn.c.n := least(fn.c.n, fn.n);
		-- What comes back now is no debt any more, but only once it has.
		IF fn.c.owed < fn.c.n OR (fn.c.owed > fn.c.n AND sources = '{}') THEN
			debtors := debtors || fn.c.cell;
			debts := debts || fn.c.n;
		END IF;
		fn.n := fn.n - fn.c.n;
	END LOOP;
	closes := fn.g.expires AND fn.is_full AND debtors = '{}' AND EXISTS (SELECT FROM unnest(fn.known) k WHERE k.open);
	IF fn.pool < 0 OR closes THEN
		RETURN;
	END IF;

	-- Cells where more have accepted than they have seats, after a restore; then who
	-- waits, those who have waited longest first.
	FOR c IN
		SELECT k.cell, k.accepted - k.granted AS n, 0 AS kind, NULL AS since FROM unnest(fn.known) k WHERE k.accepted > k.granted
		UNION ALL
		SELECT k.cell, - fn.spare[k.cell], 1, k.waiting_since FROM unnest(fn.known) k
		WHERE k.waiting > 0 AND fn.spare[k.cell] < 0 AND k.accepted <= k.granted
		ORDER BY 3, 4, 1
	LOOP
		FOR t IN
			SELECT 0 AS cell, fn.pool AS spare, 0 AS kind UNION ALL
			SELECT k.cell, fn.spare[k.cell], CASE WHEN k.exhausted THEN 1 ELSE 2 END FROM unnest(fn.known) k
			ORDER BY 3, 2 DESC, 1
		LOOP
			fn.n := least(fn.t.spare, fn.c.n);
			CONTINUE WHEN fn.n <= 0;
			sources := sources || fn.t.cell;
			targets := targets || fn.c.cell;
			seats := seats || fn.n;
			fn.c.n := fn.c.n - fn.n;
			fn.taken := fn.taken + fn.c.kind * fn.n;
			fn.spare[fn.c.cell] := fn.spare[fn.c.cell] + fn.n;
			IF fn.t.cell = 0 THEN
				fn.pool := fn.pool - fn.n;
			ELSE
				fn.spare[fn.t.cell] := fn.spare[fn.t.cell] - fn.n;
				fn.free := fn.free - fn.n;
			END IF;
		END LOOP;
	END LOOP;

	-- Free seats in the cells: as many as are wanted.
	fn.n := fn.free - greatest(fn.g.target - fn.taken, 0);
	IF fn.n > 0 THEN
		FOR c IN SELECT k.cell, least(fn.spare[k.cell], fn.n) AS n FROM unnest(fn.known) k WHERE fn.spare[k.cell] > 0
			ORDER BY k.exhausted DESC, fn.spare[k.cell] DESC, k.cell
		LOOP
			fn.c.n := least(fn.c.n, fn.n);
			EXIT WHEN fn.c.n <= 0;
			sources := sources || fn.c.cell;
			targets := targets || 0;
			seats := seats || fn.c.n;
			fn.spare[fn.c.cell] := fn.spare[fn.c.cell] - fn.c.n;
			fn.n := fn.n - fn.c.n;
		END LOOP;
	END IF;
	-- The cells that look for somebody, those with the fewest free seats first; which is
	-- the first of equal ones depends on the gig.
	fn.looking := ARRAY(SELECT k.cell FROM unnest(fn.known) k WHERE NOT k.exhausted
		ORDER BY fn.spare[k.cell], (k.cell + plan.gig_id / 64) % cardinality(fn.known), k.cell);
	fn.n := least(- fn.n, fn.pool);
	IF fn.n > 0 THEN
		FOR t IN SELECT s.target, s.n FROM cells.split(fn.n, CASE WHEN fn.looking <> '{}' THEN fn.looking
			ELSE ARRAY(SELECT k.cell FROM unnest(fn.known) k ORDER BY fn.spare[k.cell], (k.cell + plan.gig_id / 64) % cardinality(fn.known), k.cell) END) s
			WHERE s.n > 0
		LOOP
			sources := sources || 0;
			targets := targets || fn.t.target;
			seats := seats || fn.t.n;
			fn.pool := fn.pool - fn.t.n;
		END LOOP;
	END IF;

	-- Where nobody is left to be asked.
	IF fn.looking <> '{}' THEN
		FOR c IN SELECT k.cell, s.target, s.n FROM unnest(fn.known) k CROSS JOIN LATERAL cells.split(fn.spare[k.cell], fn.looking) s
			WHERE k.exhausted AND NOT k.busy AND fn.spare[k.cell] > 0 AND s.n > 0 ORDER BY k.cell, s.target
		LOOP
			sources := sources || fn.c.cell;
			targets := targets || fn.c.target;
			seats := seats || fn.c.n;
		END LOOP;
	ELSIF sources = '{}' THEN
		-- Nobody anywhere: a seat for each cell, to look with.
		FOR t IN SELECT k.cell FROM unnest(fn.known) k WHERE fn.spare[k.cell] = 0 ORDER BY k.last_wave_at NULLS FIRST, k.cell LOOP
			SELECT k.cell INTO fn.c FROM unnest(fn.known) k WHERE fn.spare[k.cell] > 1 ORDER BY fn.spare[k.cell] DESC, k.cell LIMIT 1;
			EXIT WHEN NOT FOUND;
			sources := sources || fn.c.cell;
			targets := targets || fn.t.cell;
			seats := seats || 1::bigint;
			fn.spare[fn.c.cell] := fn.spare[fn.c.cell] - 1;
			fn.spare[fn.t.cell] := 1;
		END LOOP;
		-- There are too few for that: one goes round.
		SELECT k.cell INTO fn.t FROM unnest(fn.known) k WHERE fn.spare[k.cell] = 0
			ORDER BY k.last_wave_at NULLS FIRST, k.cell LIMIT 1;
		SELECT k.cell INTO fn.c FROM unnest(fn.known) k WHERE fn.spare[k.cell] > 0 AND NOT k.busy
			ORDER BY k.last_wave_at, k.cell LIMIT 1;
		IF sources = '{}' AND fn.c.cell IS NOT NULL AND fn.t.cell IS NOT NULL THEN
			again_at := (SELECT max(k.last_wave_at) FROM unnest(fn.known) k) + fn.g.frequency;
			IF again_at <= cirro.now() THEN
				sources := ARRAY[fn.c.cell];
				targets := ARRAY[fn.t.cell];
				seats := '{1}';
				again_at := NULL;
			END IF;
		END IF;
	END IF;
END $$;
COMMENT ON FUNCTION cells.plan(bigint, cells.known[]) IS 'what is to be done for a gig, by how it stands in the cells: which seats go where, whether the rest expires, when to look again though nothing changes';

-- What is in flight comes first; what else is to be done is planned once that is heard of.
CREATE OR REPLACE FUNCTION cells.carry_out(gig_id bigint, looks cells.known[], OUT steps int, OUT again_at timestamptz)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
<<fn>>
DECLARE
	f record;
	p record;
	given bigint;
BEGIN
	steps := 0;
	IF NOT EXISTS (SELECT FROM gig g WHERE g.id = carry_out.gig_id
		AND cirro.gig_closes_at(g.end_at, g.archived_at, g.cancelled_at) > cirro.now()) THEN
		RETURN;
	END IF;
	FOR f IN
		SELECT x.source, x.target, x.given, x.got FROM cells.flights(carry_out.gig_id, carry_out.looks) x
		JOIN cells.cell s ON s.number = x.source
		JOIN cells.cell t ON t.number = x.target
		WHERE CASE WHEN x.given > x.got THEN t.error IS NULL ELSE s.error IS NULL END
		ORDER BY x.source, x.target
	LOOP
		IF fn.f.given > fn.f.got THEN
			PERFORM cells.at_receive(fn.f.target, carry_out.gig_id, fn.f.source, fn.f.given);
		ELSE
			-- It has forgotten; or was asked too early, and knows by now.
			PERFORM cells.at_release(fn.f.source, carry_out.gig_id, fn.f.target, fn.f.got, true);
		END IF;
		steps := steps + 1;
	END LOOP;
	IF steps > 0 THEN
		RETURN;
	END IF;
	SELECT * INTO fn.p FROM cells.plan(carry_out.gig_id, carry_out.looks);
	again_at := fn.p.again_at;
	FOR f IN SELECT d.cell, d.seats FROM unnest(fn.p.debtors, fn.p.debts) d (cell, seats) LOOP
		PERFORM cells.at_owe(fn.f.cell, carry_out.gig_id, fn.f.seats);
		steps := steps + 1;
	END LOOP;
	FOR f IN
		SELECT m.source, m.target, m.seats, coalesce(k.given, s.given, 0) AS given
		FROM unnest(fn.p.sources, fn.p.targets, fn.p.seats) m (source, target, seats)
		LEFT JOIN LATERAL (SELECT u.given FROM unnest(carry_out.looks) o CROSS JOIN LATERAL unnest(o.peers, o.given) u (peer, given)
			WHERE o.cell = m.source AND u.peer = m.target) k ON true
		LEFT JOIN cells.seats s ON s.gig_id = carry_out.gig_id AND m.source = 0 AND s.peer = m.target
	LOOP
		fn.given := cells.at_release(fn.f.source, carry_out.gig_id, fn.f.target, fn.f.given + fn.f.seats, false);
		IF fn.given > fn.f.given THEN
			PERFORM cells.at_receive(fn.f.target, carry_out.gig_id, fn.f.source, fn.given);
		END IF;
		steps := steps + 1;
	END LOOP;
	IF fn.p.closes THEN
		FOR f IN SELECT k.cell FROM unnest(carry_out.looks) k JOIN cells.cell c ON c.number = k.cell
			WHERE k.open AND c.error IS NULL ORDER BY k.cell
		LOOP
			PERFORM cells.at_close(fn.f.cell, carry_out.gig_id);
			steps := steps + 1;
		END LOOP;
		-- What somebody had locked is open still, and need not change.
		again_at := cirro.now() + interval '5 seconds';
	END IF;
END $$;
COMMENT ON FUNCTION cells.carry_out(bigint, cells.known[]) IS 'delivers what is in flight of a gig, or else moves seats and closes it as plan() says; how many steps that were, and when to look again though nothing changes';

-- In a transaction of its own: whoever hears of a change after this makes the gig due again.
CREATE OR REPLACE FUNCTION cells.carry_out_due(gig_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
<<fn>>
DECLARE
	again_at timestamptz;
BEGIN
	DELETE FROM cells.due d WHERE d.gig_id = carry_out_due.gig_id;
	fn.again_at := (SELECT o.again_at FROM cells.carry_out(carry_out_due.gig_id,
		ARRAY(SELECT k FROM cells.known k WHERE k.gig_id = carry_out_due.gig_id)) o);
	IF fn.again_at IS NOT NULL THEN
		INSERT INTO cells.due (gig_id, at) VALUES (carry_out_due.gig_id, fn.again_at) ON CONFLICT DO NOTHING;
	END IF;
END $$;
COMMENT ON FUNCTION cells.carry_out_due(bigint) IS 'carry_out() by what is known of a gig that is due, which it is not afterwards';

CREATE OR REPLACE FUNCTION cells.forget() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	DELETE FROM cells.known k WHERE NOT EXISTS (SELECT FROM gig g WHERE g.id = k.gig_id);
END $$;
COMMENT ON FUNCTION cells.forget() IS 'removes what is known of gigs that are gone';

CREATE OR REPLACE FUNCTION cells.put_gigs(cell int, stop_at timestamptz DEFAULT 'infinity') RETURNS int
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
<<fn>>
DECLARE
	g record;
	error text;
	put_off interval;
	puts int := 0;
BEGIN
	FOR g IN
		SELECT w.id, to_jsonb(w) AS row, c.revision, k.revision AS has
		FROM (SELECT h.gig_id, max(h.revision) AS revision FROM cells.change h GROUP BY h.gig_id) c
		JOIN gig w ON w.id = c.gig_id
		LEFT JOIN cells.copy k ON k.gig_id = c.gig_id AND k.cell = put_gigs.cell
		WHERE coalesce(k.revision < c.revision, true) AND coalesce(k.retry_at <= cirro.now(), true)
		ORDER BY w.id
	LOOP
		EXIT WHEN clock_timestamp() > put_gigs.stop_at;
		BEGIN
			PERFORM cells.at_put(put_gigs.cell, fn.g.row, fn.g.revision);
			fn.error := NULL;
			fn.puts := fn.puts + 1;
		EXCEPTION WHEN OTHERS THEN
			-- It is not the gig but the cell: the next tick tries again.
			EXIT WHEN left(SQLSTATE, 2) IN ('08', '53', '57', '58', 'XX') OR SQLSTATE = '55000';
			fn.error := SQLERRM;
			-- Somebody has it locked.
			fn.put_off := CASE WHEN left(SQLSTATE, 2) IN ('40', '55') THEN '10 seconds' ELSE '1 minute' END;
		END;
		INSERT INTO cells.copy AS k (gig_id, cell, revision, error, retry_at)
		VALUES (fn.g.id, put_gigs.cell, CASE WHEN fn.error IS NULL THEN fn.g.revision ELSE coalesce(fn.g.has, 0) END,
			fn.error, CASE WHEN fn.error IS NOT NULL THEN cirro.now() + fn.put_off END)
		ON CONFLICT ON CONSTRAINT copy_pkey DO UPDATE SET revision = excluded.revision, error = excluded.error, retry_at = excluded.retry_at;
		-- It may have more seats.
		INSERT INTO cells.due AS d (gig_id, at) VALUES (fn.g.id, cirro.now())
		ON CONFLICT ON CONSTRAINT due_pkey DO UPDATE SET at = least(d.at, excluded.at);
	END LOOP;
	RETURN fn.puts;
END $$;
COMMENT ON FUNCTION cells.put_gigs(int, timestamptz) IS 'tells a cell of gigs that are new or have changed, until a time; returns how many';

-- Whatever goes wrong with a cell is its own.
CREATE OR REPLACE FUNCTION cells.hear(cell int, since text) RETURNS text
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
<<fn>>
DECLARE
	horizon text;
BEGIN
	fn.horizon := cells.at_horizon(hear.cell);
	PERFORM cells.ask(hear.cell, NULL, hear.since);
	UPDATE cells.cell c SET error = NULL, failed_at = NULL WHERE c.number = hear.cell AND c.error IS NOT NULL;
	RETURN fn.horizon;
EXCEPTION WHEN OTHERS THEN
	UPDATE cells.cell c SET error = SQLERRM, failed_at = coalesce(c.failed_at, clock_timestamp()) WHERE c.number = hear.cell;
	RETURN NULL;
END $$;
COMMENT ON FUNCTION cells.hear(int, text) IS 'has the front know what has changed in a cell since a horizon (NULL: all), and returns the next; NULL if it cannot be asked';

-- Whoever fetched a seat from here may have been killed before a cell got it, and in no
-- cell has anything changed.
CREATE OR REPLACE FUNCTION cells.hear_front(since text) RETURNS text
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
<<fn>>
DECLARE
	horizon CONSTANT text := pg_snapshot_xmin(pg_current_snapshot());
BEGIN
	INSERT INTO cells.due AS d (gig_id, at)
	SELECT DISTINCT s.gig_id, cirro.now() FROM cells.seats s
	JOIN cells.known k ON k.gig_id = s.gig_id AND k.cell = s.peer
	WHERE (hear_front.since IS NULL OR age(s.xmin) <= age(hear_front.since::xid8::xid))
	AND s.given > coalesce(k.got[array_position(k.peers, 0)], 0)
	ON CONFLICT ON CONSTRAINT due_pkey DO UPDATE SET at = least(d.at, excluded.at);
	RETURN fn.horizon;
END $$;
COMMENT ON FUNCTION cells.hear_front(text) IS 'makes gigs due of which the front has given seats, since a horizon (NULL: ever), that their cell has not got; returns the next';

CREATE OR REPLACE PROCEDURE cells.move(during interval DEFAULT NULL) LANGUAGE plpgsql AS $$
<<fn>>
DECLARE
	until CONSTANT timestamptz := clock_timestamp() + coalesce(move.during, interval '0');
	horizons text[] := '{}';
	began timestamptz;
	stop_at timestamptz;
	c int;
	g bigint;
BEGIN
	IF NOT pg_try_advisory_lock(hashtextextended('cells.move', 0)) THEN
		RAISE NOTICE 'another session moves seats';
		RETURN;
	END IF;
	PERFORM cells.forget();
	LOOP
		fn.began := clock_timestamp();
		-- A cell is told first: it is to have the gig when seats are given out.
		FOR c IN SELECT x.number FROM cells.cell x WHERE x.number > 0 AND x.error IS NULL ORDER BY x.number LOOP
			BEGIN
				-- However much there is to be done: if it goes on anyway, it looks around meanwhile.
				fn.stop_at := CASE WHEN move.during IS NULL THEN 'infinity' ELSE clock_timestamp() + interval '1 second' END;
				PERFORM cells.put_gigs(fn.c, fn.stop_at);
			EXCEPTION WHEN OTHERS THEN
				NULL; -- hear() will say why
			END;
			COMMIT;
		END LOOP;
		DELETE FROM cells.change h WHERE NOT EXISTS (SELECT FROM cells.cell x
			LEFT JOIN cells.copy k ON k.cell = x.number AND k.gig_id = h.gig_id
			WHERE x.number > 0 AND coalesce(k.revision < h.revision, true));
		COMMIT;
		FOR c IN SELECT x.number FROM cells.cell x WHERE x.number > 0 ORDER BY x.number LOOP
			fn.horizons[fn.c] := cells.hear(fn.c, fn.horizons[fn.c]);
			COMMIT;
		END LOOP;
		fn.horizons[0] := cells.hear_front(fn.horizons[0]);
		COMMIT;
		fn.stop_at := CASE WHEN move.during IS NULL THEN 'infinity' ELSE clock_timestamp() + interval '1 second' END;
		FOR g IN SELECT d.gig_id FROM cells.due d WHERE d.at <= cirro.now() ORDER BY d.at, d.gig_id LOOP
			BEGIN
				PERFORM cells.carry_out_due(fn.g);
			EXCEPTION WHEN OTHERS THEN
				-- It stays due; if the mover goes on anyway, the others come first.
				UPDATE cells.due d SET at = cirro.now() + interval '5 seconds' WHERE d.gig_id = fn.g AND move.during IS NOT NULL;
			END;
			COMMIT;
			EXIT WHEN clock_timestamp() > fn.stop_at;
		END LOOP;
		EXIT WHEN clock_timestamp() + interval '1 second' > fn.until;
		PERFORM pg_sleep(greatest(0, 1 - extract(epoch FROM clock_timestamp() - fn.began)));
		COMMIT;
	END LOOP;
	PERFORM pg_advisory_unlock(hashtextextended('cells.move', 0));
END $$;
COMMENT ON PROCEDURE cells.move(interval) IS 'tells the cells of gigs that have changed, and moves seats to where they are wanted: once, or each second until a time is over';

-- Writes nothing here: any number may do so beside the mover.
CREATE OR REPLACE FUNCTION cells.looks(gig_id bigint, also int DEFAULT NULL) RETURNS cells.known[]
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
<<fn>>
DECLARE
	looks cells.known[] := '{}';
	c int;
BEGIN
	FOR c IN SELECT x.number FROM cells.cell x WHERE x.number > 0 AND (x.error IS NULL OR x.number = looks.also) ORDER BY x.number LOOP
		BEGIN
			fn.looks := fn.looks || ARRAY(SELECT (l.gig_id, c, l.granted, l.owed, l.accepted, l.waiting, l.waiting_since, l.exhausted, l.busy, l.open,
				l.last_wave_at, l.peers, l.given, l.got, l.agrees)::cells.known FROM cells.at_look(c, ARRAY[looks.gig_id], NULL) l);
		EXCEPTION WHEN OTHERS THEN
			NULL; -- its seats stay its own
		END;
	END LOOP;
	RETURN fn.looks;
END $$;
COMMENT ON FUNCTION cells.looks(bigint, int) IS 'how it stands with a gig now in each cell that can be asked, and in one that could not a moment ago';

CREATE OR REPLACE FUNCTION cells.settle(gig_id bigint) RETURNS int
LANGUAGE sql SET search_path FROM CURRENT AS $$
	SELECT o.steps FROM cells.carry_out(settle.gig_id, cells.looks(settle.gig_id)) o;
$$;
COMMENT ON FUNCTION cells.settle(bigint) IS 'does for a gig what move() would, at once; 0: nothing is left to be done';

-- ---------------------------------------------------------------- answers --

CREATE OR REPLACE FUNCTION cells.raise_moving(gig_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = '40001',
		MESSAGE = format('seats of gig %s keep moving', raise_moving.gig_id),
		DETAIL = 'Whether one is free could not be told.', HINT = 'Try again.';
END $$;
COMMENT ON FUNCTION cells.raise_moving(bigint) IS 'raises 40001';

-- First by what is known, then by asking everybody: nobody has a seat, and none is in
-- flight, where two looks in a row say the same.
CREATE OR REPLACE FUNCTION cells.fetch_seat(gig_id bigint, cell int) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
<<fn>>
DECLARE
	me record;
	source int;
	got bigint;
	given bigint;
	looks cells.known[];
	last_looks cells.known[];
	pool bigint;
	f record;
	is_moving boolean;
BEGIN
	SELECT l.* INTO fn.me FROM cells.at_look(fetch_seat.cell, ARRAY[fetch_seat.gig_id], NULL) l;
	IF NOT FOUND THEN
		RETURN false; -- not shared, or over
	ELSIF fn.me.accepted >= (SELECT coalesce(g.seats_max, g.total_seats) FROM gig g WHERE g.id = fetch_seat.gig_id) THEN
		RETURN false; -- seats were lowered, and the mover has not come by yet
	ELSIF fn.me.granted > fn.me.owed + fn.me.accepted + fn.me.waiting THEN
		RETURN true; -- somebody has left
	END IF;
	fn.looks := ARRAY(SELECT k FROM cells.known k JOIN cells.cell c ON c.number = k.cell
		WHERE k.gig_id = fetch_seat.gig_id AND c.error IS NULL);
	FOR tries IN 1 .. 20 LOOP
		fn.pool := cells.pool(fetch_seat.gig_id);
		FOR source IN
			SELECT 0 WHERE fn.pool > 0 UNION ALL
			(SELECT k.cell FROM unnest(fn.looks) k WHERE k.cell <> fetch_seat.cell AND k.granted > k.owed + k.accepted + k.waiting
			ORDER BY k.exhausted DESC, k.granted - k.owed - k.accepted - k.waiting DESC, k.cell)
		LOOP
			fn.got := coalesce((SELECT u.got FROM unnest(fn.me.peers, fn.me.got) u (peer, got) WHERE u.peer = fn.source), 0);
			BEGIN
				fn.given := cells.at_release(fn.source, fetch_seat.gig_id, fetch_seat.cell, fn.got + 1, false);
			EXCEPTION WHEN OTHERS THEN
				fn.given := 0; -- its seats stay its own
			END;
			IF fn.given > fn.got THEN
				PERFORM cells.at_receive(fetch_seat.cell, fetch_seat.gig_id, fn.source, fn.given);
				RETURN true;
			END IF;
		END LOOP;

		fn.last_looks := CASE WHEN tries > 1 THEN fn.looks END;
		fn.looks := cells.looks(fetch_seat.gig_id, fetch_seat.cell);
		fn.is_moving := false;
		FOR f IN SELECT x.* FROM cells.flights(fetch_seat.gig_id, fn.looks) x
			WHERE x.given > x.got AND x.target IN (SELECT k.cell FROM unnest(fn.looks) k UNION ALL SELECT 0)
		LOOP
			PERFORM cells.at_receive(fn.f.target, fetch_seat.gig_id, fn.f.source, fn.f.given);
			fn.is_moving := true;
		END LOOP;
		SELECT k.* INTO fn.me FROM unnest(fn.looks) k WHERE k.cell = fetch_seat.cell;
		IF fn.me.granted > fn.me.owed + fn.me.accepted + fn.me.waiting
			OR EXISTS (SELECT FROM cells.flights(fetch_seat.gig_id, fn.looks) x WHERE x.given > x.got AND x.target = fetch_seat.cell) THEN
			RETURN true;
		ELSIF NOT fn.is_moving AND cells.pool(fetch_seat.gig_id) <= 0
			AND NOT EXISTS (SELECT FROM unnest(fn.looks) k WHERE k.granted > k.owed + k.accepted + k.waiting)
			AND (SELECT array_agg((k.cell, k.granted, k.owed, k.accepted, k.given, k.got)::text) FROM unnest(fn.looks) k)
				= (SELECT array_agg((k.cell, k.granted, k.owed, k.accepted, k.given, k.got)::text) FROM unnest(fn.last_looks) k) THEN
			RETURN false;
		END IF;
	END LOOP;
	PERFORM cells.raise_moving(fetch_seat.gig_id);
END $$;
COMMENT ON FUNCTION cells.fetch_seat(bigint, int) IS 'brings a free seat of a gig into a cell; false: no cell has one, and none is in flight';

CREATE OR REPLACE FUNCTION cells.cell_of(invitation_id bigint) RETURNS int
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
<<fn>>
DECLARE
	c cells.cell;
BEGIN
	SELECT x.* INTO fn.c FROM cells.cell x WHERE x.number > 0 AND x.number = cell_of.invitation_id % 64;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'UG003',
			MESSAGE = format('invitation %s does not exist', coalesce(cell_of.invitation_id::text, 'NULL')),
			DETAIL = 'An id, divided by 64, leaves the number of its cell, and there is none of that number.';
	ELSIF NOT fn.c.serves THEN
		RAISE EXCEPTION USING ERRCODE = '57P03',
			MESSAGE = format('cell %s is out of service', fn.c.number),
			DETAIL = format('Invitation %s is there.', cell_of.invitation_id), HINT = 'Try again later.';
	END IF;
	RETURN fn.c.number;
END $$;
COMMENT ON FUNCTION cells.cell_of(bigint) IS 'the cell of an invitation; UG003, 57P03';

DO $$ BEGIN
	IF to_regtype('cells.answer') IS NULL THEN
		CREATE TYPE cells.answer AS (filled boolean, id bigint, gig_id bigint, worker_id bigint, status text, reason text);
		COMMENT ON TYPE cells.answer IS 'an invitation after an answer';
	END IF;
END $$;

CREATE OR REPLACE FUNCTION cells.at_accept(cell int, invitation_id bigint) RETURNS cells.answer LANGUAGE plproxy AS $$
	CONNECT cells.connect_of(cell);
	SELECT * FROM cells.accept(invitation_id);
$$;
CREATE OR REPLACE FUNCTION cells.at_try_accept(cell int, invitation_id bigint, or_wait boolean)
RETURNS TABLE (outcome text, status text, gig_id bigint) LANGUAGE plproxy AS $$
	CONNECT cells.connect_of(cell);
	SELECT t.outcome, t.status, t.gig_id FROM cells.try_accept(invitation_id, or_wait) t;
$$;
CREATE OR REPLACE FUNCTION cells.at_reject(cell int, invitation_id bigint, why text) RETURNS cells.answer LANGUAGE plproxy AS $$
	CONNECT cells.connect_of(cell);
	SELECT * FROM cells.reject(invitation_id, why);
$$;
CREATE OR REPLACE FUNCTION cells.at_leave(cell int, invitation_id bigint, why text) RETURNS cells.answer LANGUAGE plproxy AS $$
	CONNECT cells.connect_of(cell);
	SELECT * FROM cells.leave(invitation_id, why);
$$;
CREATE OR REPLACE FUNCTION cells.at_expire(cell int, invitation_id bigint, why text) RETURNS cells.answer LANGUAGE plproxy AS $$
	CONNECT cells.connect_of(cell);
	SELECT * FROM cells.expire(invitation_id, why);
$$;
CREATE OR REPLACE FUNCTION cells.at_reset(cell int, invitation_id bigint, silent boolean) RETURNS cells.answer LANGUAGE plproxy AS $$
	CONNECT cells.connect_of(cell);
	SELECT * FROM cells.reset(invitation_id, silent);
$$;
COMMENT ON FUNCTION cells.at_accept(int, bigint) IS 'accept() of a cell';
COMMENT ON FUNCTION cells.at_try_accept(int, bigint, boolean) IS 'try_accept() of a cell';
COMMENT ON FUNCTION cells.at_reject(int, bigint, text) IS 'reject() of a cell';
COMMENT ON FUNCTION cells.at_leave(int, bigint, text) IS 'leave() of a cell';
COMMENT ON FUNCTION cells.at_expire(int, bigint, text) IS 'expire() of a cell';
COMMENT ON FUNCTION cells.at_reset(int, bigint, boolean) IS 'reset() of a cell';

-- With the rights of whoever ran this script: a role that may call them needs no others.
CREATE OR REPLACE FUNCTION cells.accept(invitation_id bigint) RETURNS cells.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
<<fn>>
DECLARE
	cell CONSTANT int := cells.cell_of(accept.invitation_id);
	answer cells.answer;
BEGIN
	FOR tries IN 1 .. 20 LOOP
		fn.answer := cells.at_accept(fn.cell, accept.invitation_id);
		IF NOT fn.answer.filled THEN
			RETURN fn.answer;
		ELSIF NOT cells.fetch_seat(fn.answer.gig_id, fn.cell) THEN
			RAISE EXCEPTION USING ERRCODE = 'UG011',
				MESSAGE = format('gig %s is filled', fn.answer.gig_id),
				DETAIL = 'No cell has a seat of it.', HINT = 'Wait until a worker leaves, or raise the seats of the gig.';
		END IF;
	END LOOP;
	PERFORM cells.raise_moving(fn.answer.gig_id);
END $$;
COMMENT ON FUNCTION cells.accept(bigint) IS 'the worker takes a seat, of another cell if need be; the errors of accept() in a Space, UG011 only if no cell has one';

CREATE OR REPLACE FUNCTION cells.try_accept(invitation_id bigint, or_wait boolean DEFAULT false, OUT outcome text, OUT status text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
<<fn>>
DECLARE
	cell CONSTANT int := cells.cell_of(try_accept.invitation_id);
	answer record;
BEGIN
	FOR tries IN 1 .. 21 LOOP
		SELECT t.* INTO fn.answer FROM cells.at_try_accept(fn.cell, try_accept.invitation_id, false) t;
		EXIT WHEN fn.answer.outcome <> 'filled' OR fn.answer.status <> 'pending'
			OR NOT cells.fetch_seat(fn.answer.gig_id, fn.cell);
		IF tries > 20 THEN
			PERFORM cells.raise_moving(fn.answer.gig_id);
		END IF;
	END LOOP;
	IF try_accept.or_wait AND fn.answer.outcome IN ('filled', 'no_longer_pending') THEN
		SELECT t.* INTO fn.answer FROM cells.at_try_accept(fn.cell, try_accept.invitation_id, true) t;
	END IF;
	outcome := fn.answer.outcome;
	status := fn.answer.status;
END $$;
COMMENT ON FUNCTION cells.try_accept(bigint, boolean) IS 'accept(), with an outcome instead of an error; with or_wait, where no cell has a seat, the worker waits for the next that comes free';

CREATE OR REPLACE FUNCTION cells.reject(invitation_id bigint, reason text DEFAULT NULL) RETURNS cells.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	RETURN cells.at_reject(cells.cell_of(reject.invitation_id), reject.invitation_id, reject.reason);
END $$;
CREATE OR REPLACE FUNCTION cells.leave(invitation_id bigint, reason text DEFAULT NULL) RETURNS cells.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	RETURN cells.at_leave(cells.cell_of(leave.invitation_id), leave.invitation_id, leave.reason);
END $$;
CREATE OR REPLACE FUNCTION cells.expire(invitation_id bigint, reason text DEFAULT NULL) RETURNS cells.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	RETURN cells.at_expire(cells.cell_of(expire.invitation_id), expire.invitation_id, expire.reason);
END $$;
CREATE OR REPLACE FUNCTION cells.reset(invitation_id bigint, silent boolean DEFAULT false) RETURNS cells.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	RETURN cells.at_reset(cells.cell_of(reset.invitation_id), reset.invitation_id, reset.silent);
END $$;
COMMENT ON FUNCTION cells.reject(bigint, text) IS 'reject() in the cell of the invitation';
COMMENT ON FUNCTION cells.leave(bigint, text) IS 'leave() in the cell of the invitation: the seat is free there at once';
COMMENT ON FUNCTION cells.expire(bigint, text) IS 'expire() in the cell of the invitation';
COMMENT ON FUNCTION cells.reset(bigint, boolean) IS 'reset() in the cell of the invitation';

-- ------------------------------------------------------------------ sight --

CREATE OR REPLACE VIEW cells.gig_status AS
	SELECT g.id AS gig_id, g.ref AS gig_ref, g.title, coalesce(g.seats_min, g.total_seats, g.seats_max) AS target,
		coalesce(g.seats_max, g.total_seats) AS capacity, k.accepted, k.waiting,
		k.granted - k.accepted AS free, cells.pool(g.id) AS pool, o.out - k.granted AS elsewhere, k.exhausted
	FROM gig g
	CROSS JOIN LATERAL (SELECT coalesce(sum(x.accepted), 0)::bigint AS accepted, coalesce(sum(x.waiting), 0)::bigint AS waiting,
		coalesce(sum(x.granted), 0)::bigint AS granted, bool_and(x.exhausted) AS exhausted
		FROM cells.known x WHERE x.gig_id = g.id) k
	CROSS JOIN LATERAL (SELECT coalesce(sum(s.given - s.got), 0)::bigint AS out FROM cells.seats s WHERE s.gig_id = g.id) o;
COMMENT ON VIEW cells.gig_status IS 'gigs over all cells, as the mover has last heard';
COMMENT ON COLUMN cells.gig_status.free IS 'seats that cells have and nobody has taken';
COMMENT ON COLUMN cells.gig_status.pool IS 'seats that no cell has; negative: they were lowered, and so many have yet to come back';
COMMENT ON COLUMN cells.gig_status.elsewhere IS 'seats in flight, or that moved while the front looked';

-- Totals are compared after the target was asked and before the source is: a seat that
-- has come out of nothing is seen, one that moves meanwhile is not taken for that.
CREATE OR REPLACE FUNCTION cells.wrong(gig_id bigint) RETURNS TABLE (cell int, what text, detail text)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
<<fn>>
DECLARE
	targets CONSTANT cells.known[] := cells.looks(wrong.gig_id);
	front CONSTANT cells.seats[] := ARRAY(SELECT s FROM cells.seats s WHERE s.gig_id = wrong.gig_id);
	sources cells.known[];
BEGIN
	fn.sources := cells.looks(wrong.gig_id);
	RETURN QUERY
	WITH target AS (
		SELECT k.cell, u.peer, u.got FROM unnest(fn.targets) k CROSS JOIN LATERAL unnest(k.peers, k.got) u (peer, got)
		UNION ALL SELECT 0, s.peer, s.got FROM unnest(fn.front) s),
	source AS (
		SELECT k.cell, u.peer, u.given FROM unnest(fn.sources) k CROSS JOIN LATERAL unnest(k.peers, k.given) u (peer, given)
		UNION ALL SELECT 0, s.peer, s.given FROM cells.seats s WHERE s.gig_id = wrong.gig_id)
	SELECT t.cell, 'got more than was given', format('%s of cell %s, which has given %s', t.got, t.peer, coalesce(s.given, 0))
	FROM target t LEFT JOIN source s ON s.cell = t.peer AND s.peer = t.cell
	WHERE t.got > coalesce(s.given, 0)
		AND (t.peer = 0 OR t.peer IN (SELECT k.cell FROM unnest(fn.sources) k))
	UNION ALL
	SELECT k.cell, 'seats_granted is not what it got less what it gave', k.granted::text FROM unnest(fn.targets) k WHERE NOT k.agrees
	UNION ALL
	SELECT k.cell, 'more have accepted than it has seats', format('%s of %s', k.accepted, k.granted)
	FROM unnest(fn.targets) k WHERE k.accepted > k.granted
	UNION ALL
	SELECT c.number, 'cannot be asked', c.error FROM cells.cell c WHERE c.error IS NOT NULL
	UNION ALL
	SELECT c.number, 'says nothing of the gig', 'It does not have it, or it is over there.' FROM cells.cell c
	WHERE c.number > 0 AND c.error IS NULL AND NOT EXISTS (SELECT FROM unnest(fn.sources) k WHERE k.cell = c.number)
		AND NOT EXISTS (SELECT FROM cells.copy k WHERE k.gig_id = wrong.gig_id AND k.cell = c.number AND k.error IS NOT NULL)
		AND EXISTS (SELECT FROM gig g WHERE g.id = wrong.gig_id
			AND cirro.gig_closes_at(g.end_at, g.archived_at, g.cancelled_at) > cirro.now())
	UNION ALL
	SELECT k.cell, 'does not have the gig as it is here', k.error FROM cells.copy k
	WHERE k.gig_id = wrong.gig_id AND (k.error IS NOT NULL
		OR k.revision < (SELECT max(h.revision) FROM cells.change h WHERE h.gig_id = wrong.gig_id))
	ORDER BY 1, 2;
END $$;
COMMENT ON FUNCTION cells.wrong(bigint) IS 'what is wrong with a shared gig; nothing, when healthy. After a restore more may have accepted than a cell has seats';

REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA cells FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cells.accept(bigint), cells.try_accept(bigint, boolean), cells.reject(bigint, text), cells.leave(bigint, text),
	cells.expire(bigint, text), cells.reset(bigint, boolean) TO PUBLIC;
COMMIT;
