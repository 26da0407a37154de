-- cell.sql: makes a Space a cell, one of several that together are one, by the Space's
-- owner, who may create a schema; a second time it brings the functions up to date:
--     psql -d DATABASE -v space=trees -v cell=3 -f cell.sql
--
-- Decides which seats of a shared gig this cell has: what it got from its peers, less
-- what it gave them. Peers are the other cells and the front, which is number 0. Must not
-- decide who needs a seat (the front does), nor give one away that is taken.
--
-- Each peer has two totals of a gig, which only grow: "given" where a seat comes from,
-- "got" where it goes to. What is given and not got yet is in flight and nobody's. A
-- repetition says a total that is there already, and changes nothing; no number can come
-- twice. Locks are taken in cirro's order: the gig's row, then gig_state.
--
-- Ids are this cell's if they leave its number as the rest of a division by 64: an id
-- says where it lives. Shared gigs have the ids of the front.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS cells;
COMMENT ON SCHEMA cells IS 'this Space is a cell of a larger one';
-- That of the functions: unqualified names are the Space's.
SET LOCAL search_path = :"space", pg_temp;

CREATE OR REPLACE FUNCTION cells.number() RETURNS int LANGUAGE sql IMMUTABLE RETURN :cell;
COMMENT ON FUNCTION cells.number() IS 'which cell this is';

DO $$
BEGIN
	IF cells.number() NOT BETWEEN 1 AND 63 THEN
		RAISE EXCEPTION USING ERRCODE = '22023',
			MESSAGE = format('there can be no cell %s', cells.number()),
			HINT = 'Cells are 1 to 63.';
	END IF;
	IF EXISTS (SELECT FROM worker w WHERE w.id % 64 <> cells.number())
		OR EXISTS (SELECT FROM invitation i WHERE i.id % 64 <> cells.number()) THEN
		RAISE EXCEPTION USING ERRCODE = '55000',
			MESSAGE = format('Space "%s" has ids that are not of cell %s', current_schema(), cells.number()),
			DETAIL = 'The id of a worker or invitation, divided by 64, leaves the number of its cell.',
			HINT = 'Make a Space, and bring the workers in once it is a cell.';
	END IF;
END $$;

-- From the next id on that is free and this cell's.
SELECT format('ALTER TABLE %I ALTER id SET INCREMENT BY 64 SET START WITH %s RESTART WITH %s', t.name, cells.number(),
	(coalesce(t.last, 0) / 64 + CASE WHEN coalesce(t.last, 0) % 64 < cells.number() THEN 0 ELSE 1 END) * 64 + cells.number())
FROM (SELECT 'worker', max(w.id) FROM worker w
	UNION ALL SELECT 'invitation', max(i.id) FROM invitation i
	UNION ALL SELECT 'gig', max(g.id) FROM gig g) t (name, last) \gexec

CREATE TABLE IF NOT EXISTS cells.gig (
	gig_id bigint PRIMARY KEY REFERENCES gig ON DELETE CASCADE,
	revision bigint NOT NULL,
	granted bigint NOT NULL DEFAULT 0,
	owed bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE cells.gig IS 'the gigs of this Space that are shared';
COMMENT ON COLUMN cells.gig.revision IS 'which version of the front''s gig this is';
COMMENT ON COLUMN cells.gig.granted IS 'the seats of this cell: all that it got less all that it gave';
COMMENT ON COLUMN cells.gig.owed IS 'how many of these are to go to the front as soon as they are free, for the gig''s seats were lowered; gig.seats_granted are the others';

CREATE TABLE IF NOT EXISTS cells.seats (
	gig_id bigint NOT NULL REFERENCES cells.gig ON DELETE CASCADE,
	peer int NOT NULL CHECK (peer BETWEEN 0 AND 63),
	given bigint NOT NULL DEFAULT 0,
	got bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (gig_id, peer)
);
COMMENT ON TABLE cells.seats IS 'the seats that went to and fro, in all';
COMMENT ON COLUMN cells.seats.peer IS 'with which cell; 0: the front';
COMMENT ON COLUMN cells.seats.given IS 'how many this cell has ever given it';
COMMENT ON COLUMN cells.seats.got IS 'how many this cell has ever got from it';

-- A shared gig as the front has it. What cannot change any more stays: the front has
-- refused what came too late there, and this may only be later.
CREATE OR REPLACE FUNCTION cells.put(gig jsonb, revision bigint) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
<<fn>>
DECLARE
	n gig;
	o gig;
	now timestamptz;
BEGIN
	fn.n := jsonb_populate_record(NULL::gig, put.gig);
	fn.n.seats_granted := 0;
	IF NOT EXISTS (SELECT FROM gig g WHERE g.id = fn.n.id) THEN
		INSERT INTO gig (id, ref, title, description, url, start_at, end_at, archive_at, archived_at, cancelled_at, total_seats,
			seats_min, seats_max, seats_granted, invitation_mode, invitation_multiplier, invitation_frequency, pending_max,
			answer_within, filter_query, sort_query, notification_payload, created_at)
		VALUES (fn.n.id, fn.n.ref, fn.n.title, fn.n.description, fn.n.url, fn.n.start_at, fn.n.end_at, fn.n.archive_at,
			fn.n.archived_at, fn.n.cancelled_at, fn.n.total_seats, fn.n.seats_min, fn.n.seats_max, 0, fn.n.invitation_mode,
			fn.n.invitation_multiplier, fn.n.invitation_frequency, fn.n.pending_max, fn.n.answer_within, fn.n.filter_query,
			fn.n.sort_query, fn.n.notification_payload, fn.n.created_at)
		ON CONFLICT (id) DO NOTHING;
	END IF;
	SELECT g.* INTO fn.o FROM gig g WHERE g.id = fn.n.id FOR NO KEY UPDATE;
	INSERT INTO cells.gig (gig_id, revision) VALUES (fn.n.id, 0) ON CONFLICT DO NOTHING;
	UPDATE cells.gig c SET revision = put.revision WHERE c.gig_id = fn.n.id AND c.revision < put.revision;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	fn.now := cirro.gate_now();
	IF fn.o.archived_at IS NOT NULL OR fn.o.archive_at <= fn.now THEN
		RETURN;
	ELSIF least(fn.o.end_at, fn.o.cancelled_at) <= fn.now THEN
		UPDATE gig g SET archive_at = fn.n.archive_at, archived_at = fn.n.archived_at WHERE g.id = fn.n.id;
		RETURN;
	ELSIF fn.o.start_at <= fn.now THEN
		fn.n.title := fn.o.title;
		fn.n.description := fn.o.description;
		fn.n.url := fn.o.url;
		fn.n.start_at := fn.o.start_at;
	END IF;
	UPDATE gig g SET ref = fn.n.ref, title = fn.n.title, description = fn.n.description, url = fn.n.url, start_at = fn.n.start_at,
		end_at = fn.n.end_at, archive_at = fn.n.archive_at, archived_at = fn.n.archived_at, cancelled_at = fn.n.cancelled_at,
		total_seats = fn.n.total_seats, seats_min = fn.n.seats_min, seats_max = fn.n.seats_max,
		invitation_mode = fn.n.invitation_mode, invitation_multiplier = fn.n.invitation_multiplier,
		invitation_frequency = fn.n.invitation_frequency, pending_max = fn.n.pending_max, answer_within = fn.n.answer_within,
		filter_query = fn.n.filter_query, sort_query = fn.n.sort_query, notification_payload = fn.n.notification_payload
	WHERE g.id = fn.n.id;
END $$;
COMMENT ON FUNCTION cells.put(jsonb, bigint) IS 'makes or changes a shared gig as the front has it; an older revision than is here changes nothing';

-- Of rows that are locked: what a gig may give follows its totals, while it may change.
CREATE OR REPLACE FUNCTION cells.grant_seats(gig_id bigint, seats bigint) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	UPDATE cells.gig c SET granted = c.granted + grant_seats.seats WHERE c.gig_id = grant_seats.gig_id;
	UPDATE gig g SET seats_granted = least(greatest(c.granted - c.owed, 0), 2147483647)
	FROM cells.gig c
	WHERE g.id = grant_seats.gig_id AND c.gig_id = g.id
	AND cirro.gate_now() < cirro.gig_closes_at(g.end_at, g.archived_at, g.cancelled_at);
END $$;
COMMENT ON FUNCTION cells.grant_seats(bigint, bigint) IS 'so many seats more, or fewer, for this cell';

-- Workers who would take a free seat at once.
CREATE OR REPLACE FUNCTION cells.waiting(gig_id bigint, OUT workers bigint, OUT since timestamptz)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
	SELECT count(*), min(i.waiting_since) INTO waiting.workers, waiting.since
	FROM invitation i JOIN worker w ON w.id = i.worker_id
	WHERE i.gig_id = waiting.gig_id AND i.status = 'waiting' AND w.active;
END $$;
COMMENT ON FUNCTION cells.waiting(bigint) IS 'how many active workers wait for a seat of a gig, and since when';

CREATE OR REPLACE FUNCTION cells.owe(gig_id bigint, seats bigint) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	PERFORM FROM gig g WHERE g.id = owe.gig_id FOR NO KEY UPDATE;
	UPDATE cells.gig c SET owed = owe.seats WHERE c.gig_id = owe.gig_id;
	PERFORM cells.grant_seats(owe.gig_id, 0);
END $$;
COMMENT ON FUNCTION cells.owe(bigint, bigint) IS 'so many seats are to go to the front as soon as they are free';

CREATE OR REPLACE FUNCTION cells.release(gig_id bigint, peer int, total bigint, forced boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
<<fn>>
DECLARE
	given bigint;
	spare bigint;
	owed bigint;
	state record;
BEGIN
	PERFORM FROM gig g WHERE g.id = release.gig_id FOR NO KEY UPDATE;
	SELECT c.granted, c.owed INTO fn.spare, fn.owed FROM cells.gig c WHERE c.gig_id = release.gig_id;
	IF NOT FOUND THEN
		RETURN 0;
	END IF;
	fn.given := coalesce((SELECT p.given FROM cells.seats p
		WHERE p.gig_id = release.gig_id AND p.peer = release.peer), 0);
	IF fn.given >= release.total THEN
		RETURN fn.given;
	END IF;
	-- Nobody accepts from here on.
	SELECT s.accepted, s.waiting, s.closes_at INTO fn.state
	FROM gig_state s WHERE s.gig_id = release.gig_id FOR NO KEY UPDATE;
	IF release.forced THEN
		fn.spare := release.total - fn.given;
	ELSIF fn.state.closes_at > cirro.gate_now() THEN
		fn.spare := fn.spare - fn.state.accepted - CASE WHEN release.peer = 0 THEN 0 ELSE fn.owed END;
		IF fn.spare > 0 AND fn.state.waiting > 0 AND (fn.owed = 0 OR release.peer <> 0) THEN
			fn.spare := fn.spare - (SELECT w.workers FROM cells.waiting(release.gig_id) w);
		END IF;
		fn.spare := least(fn.spare, release.total - fn.given);
	ELSE
		fn.spare := 0;
	END IF;
	IF fn.spare <= 0 THEN
		RETURN fn.given;
	END IF;
	INSERT INTO cells.seats AS p (gig_id, peer, given) VALUES (release.gig_id, release.peer, fn.spare)
	ON CONFLICT ON CONSTRAINT seats_pkey DO UPDATE SET given = p.given + excluded.given;
	IF release.peer = 0 AND fn.owed > 0 THEN
		UPDATE cells.gig c SET owed = greatest(c.owed - fn.spare, 0) WHERE c.gig_id = release.gig_id;
	END IF;
	PERFORM cells.grant_seats(release.gig_id, - fn.spare);
	RETURN fn.given + fn.spare;
END $$;
COMMENT ON FUNCTION cells.release(bigint, int, bigint, boolean) IS 'gives a peer free seats until it has been given "total" of this gig in all, and says how many it has; a taken seat is not given, unless forced, and nobody loses one';

CREATE OR REPLACE FUNCTION cells.receive(gig_id bigint, peer int, total bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
<<fn>>
DECLARE
	got bigint;
BEGIN
	PERFORM FROM gig g WHERE g.id = receive.gig_id FOR NO KEY UPDATE;
	IF NOT EXISTS (SELECT FROM cells.gig c WHERE c.gig_id = receive.gig_id) THEN
		RETURN 0;
	END IF;
	fn.got := coalesce((SELECT p.got FROM cells.seats p
		WHERE p.gig_id = receive.gig_id AND p.peer = receive.peer), 0);
	IF fn.got >= receive.total THEN
		RETURN fn.got;
	END IF;
	INSERT INTO cells.seats AS p (gig_id, peer, got) VALUES (receive.gig_id, receive.peer, receive.total)
	ON CONFLICT ON CONSTRAINT seats_pkey DO UPDATE SET got = excluded.got;
	PERFORM cells.grant_seats(receive.gig_id, receive.total - fn.got);
	RETURN receive.total;
END $$;
COMMENT ON FUNCTION cells.receive(bigint, int, bigint) IS 'takes in what a peer has given: "total" of this gig in all; says how many it has got';

-- Only where this cell is full, too. What somebody has locked is left: the front calls
-- again.
CREATE OR REPLACE FUNCTION cells.close(gig_id bigint) RETURNS int
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
<<fn>>
DECLARE
	closed int;
BEGIN
	PERFORM FROM gig g WHERE g.id = close.gig_id FOR NO KEY UPDATE;
	PERFORM FROM gig_state s WHERE s.gig_id = close.gig_id AND s.accepted >= s.capacity
		AND s.closes_at > cirro.gate_now() FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RETURN 0;
	END IF;
	UPDATE invitation i SET status = 'expired', reason = 'seats_filled'
	WHERE i.id = ANY (ARRAY(SELECT o.id FROM invitation o
		WHERE o.gig_id = close.gig_id AND o.status IN ('pending', 'scheduled')
		ORDER BY o.id FOR NO KEY UPDATE SKIP LOCKED));
	GET DIAGNOSTICS fn.closed = ROW_COUNT;
	RETURN fn.closed;
END $$;
COMMENT ON FUNCTION cells.close(bigint) IS 'seats_max is reached over all cells: what is open expires (seats_filled); returns how many';

CREATE OR REPLACE FUNCTION cells.here(cell int) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	IF here.cell <> cells.number() THEN
		RAISE EXCEPTION USING ERRCODE = '55000',
			MESSAGE = format('this is cell %s, not %s', cells.number(), here.cell),
			HINT = 'Correct "connect" in the front''s table cells.cell.';
	END IF;
	RETURN true;
END $$;
COMMENT ON FUNCTION cells.here(int) IS 'refuses to be taken for another cell';

CREATE OR REPLACE FUNCTION cells.horizon(cell int) RETURNS text
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	PERFORM cells.here(horizon.cell);
	RETURN pg_snapshot_xmin(pg_current_snapshot());
END $$;
COMMENT ON FUNCTION cells.horizon(int) IS 'for look(): whatever is not to be seen yet will be newer than this; refuses to be taken for another cell';

CREATE OR REPLACE FUNCTION cells.look(gig_ids bigint[] DEFAULT NULL, since text DEFAULT NULL)
RETURNS TABLE (gig_id bigint, granted bigint, owed bigint, accepted int, waiting bigint, waiting_since timestamptz, exhausted boolean,
	busy boolean, open boolean, last_wave_at timestamptz, peers int[], given bigint[], got bigint[], agrees boolean)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
<<fn>>
DECLARE
	ids CONSTANT bigint[] := coalesce(look.gig_ids, ARRAY(
		SELECT c.gig_id FROM cells.gig c JOIN gig_state s ON s.gig_id = c.gig_id
		WHERE look.since IS NULL OR age(s.xmin) <= age(look.since::xid8::xid) OR age(c.xmin) <= age(look.since::xid8::xid)));
BEGIN
	RETURN QUERY
	SELECT c.gig_id, c.granted, c.owed, s.accepted, coalesce(w.workers, 0), w.since,
		-- The last wave found nobody; one is about to look again.
		s.auto AND s.exhausted, coalesce(s.next_wave_at <= cirro.now(), false),
		CASE WHEN s.accepted >= s.capacity THEN EXISTS (SELECT FROM invitation i
			WHERE i.gig_id = c.gig_id AND i.status IN ('pending', 'scheduled')) ELSE false END,
		s.last_wave_at, coalesce(p.peers, '{}'), coalesce(p.given, '{}'), coalesce(p.got, '{}'),
		c.granted = coalesce(p.granted, 0) AND g.seats_granted = greatest(c.granted - c.owed, 0)
	FROM unnest(fn.ids) u (gig_id)
	JOIN cells.gig c ON c.gig_id = u.gig_id
	JOIN gig_state s ON s.gig_id = c.gig_id
	JOIN gig g ON g.id = c.gig_id
	LEFT JOIN LATERAL (SELECT o.workers, o.since FROM cells.waiting(s.gig_id) o) w ON s.waiting > 0
	CROSS JOIN LATERAL (SELECT array_agg(t.peer ORDER BY t.peer) AS peers, array_agg(t.given ORDER BY t.peer) AS given,
		array_agg(t.got ORDER BY t.peer) AS got, sum(t.got - t.given) AS granted FROM cells.seats t WHERE t.gig_id = c.gig_id) p
	WHERE s.closes_at > cirro.now();
END $$;
COMMENT ON FUNCTION cells.look(bigint[], text) IS 'how it stands with shared gigs that are open: these, or all; only those that have changed since a horizon(), if it is given';

-- ---------------------------------------------------------------- answers --

-- What the front passes on: an answer, and of which gig. The front looks for a seat
-- elsewhere, so "filled" is no error here.
DO $$ BEGIN
	IF to_regtype('cells.answer') IS NULL THEN
		CREATE TYPE cells.answer AS (filled boolean, id bigint, gig_id bigint, worker_id bigint, status text, reason text);
		COMMENT ON TYPE cells.answer IS 'an invitation after an answer; filled: it is pending still, for want of a seat';
	END IF;
END $$;

CREATE OR REPLACE FUNCTION cells.accept(invitation_id bigint) RETURNS cells.answer
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	RETURN (SELECT (false, i.id, i.gig_id, i.worker_id, i.status, i.reason)::cells.answer FROM accept(accept.invitation_id) i);
EXCEPTION WHEN SQLSTATE 'UG011' THEN
	RETURN (SELECT (true, i.id, i.gig_id, i.worker_id, i.status, i.reason)::cells.answer
		FROM invitation i WHERE i.id = accept.invitation_id);
END $$;
COMMENT ON FUNCTION cells.accept(bigint) IS 'accept(), but that the gig is filled here is no error';

CREATE OR REPLACE FUNCTION cells.try_accept(invitation_id bigint, or_wait boolean,
	OUT outcome text, OUT status text, OUT gig_id bigint)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	SELECT t.outcome, t.status INTO try_accept.outcome, try_accept.status
	FROM try_accept(try_accept.invitation_id, try_accept.or_wait) t;
	try_accept.gig_id := (SELECT i.gig_id FROM invitation i WHERE i.id = try_accept.invitation_id);
END $$;
COMMENT ON FUNCTION cells.try_accept(bigint, boolean) IS 'try_accept(), and which gig it is';

CREATE OR REPLACE FUNCTION cells.reject(invitation_id bigint, reason text) RETURNS cells.answer
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	RETURN (SELECT (false, i.id, i.gig_id, i.worker_id, i.status, i.reason)::cells.answer FROM reject(reject.invitation_id, reject.reason) i);
END $$;
CREATE OR REPLACE FUNCTION cells.leave(invitation_id bigint, reason text) RETURNS cells.answer
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	RETURN (SELECT (false, i.id, i.gig_id, i.worker_id, i.status, i.reason)::cells.answer FROM leave(leave.invitation_id, leave.reason) i);
END $$;
CREATE OR REPLACE FUNCTION cells.expire(invitation_id bigint, reason text) RETURNS cells.answer
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	RETURN (SELECT (false, i.id, i.gig_id, i.worker_id, i.status, i.reason)::cells.answer FROM expire(expire.invitation_id, expire.reason) i);
END $$;
CREATE OR REPLACE FUNCTION cells.reset(invitation_id bigint, silent boolean) RETURNS cells.answer
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	RETURN (SELECT (false, i.id, i.gig_id, i.worker_id, i.status, i.reason)::cells.answer FROM reset(reset.invitation_id, reset.silent) i);
END $$;
COMMENT ON FUNCTION cells.reject(bigint, text) IS 'reject() of the Space';
COMMENT ON FUNCTION cells.leave(bigint, text) IS 'leave() of the Space';
COMMENT ON FUNCTION cells.expire(bigint, text) IS 'expire() of the Space';
COMMENT ON FUNCTION cells.reset(bigint, boolean) IS 'reset() of the Space';
COMMIT;
