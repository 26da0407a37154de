-- front.sql: the front of a ring, in a database of its own, by its superuser:
--     psql -d front -f front.sql
--
-- Decides where a Space lives (ring.space) and that calls wait while it moves: each
-- takes the Space's lock in shared mode until its transaction ends, and only then asks
-- where to. Holds no Space and no data of one, and must not decide anything about
-- gigs or invitations: the back end does.
\set ON_ERROR_STOP on
BEGIN;
CREATE EXTENSION IF NOT EXISTS cirro;
CREATE EXTENSION IF NOT EXISTS plproxy;
CREATE EXTENSION IF NOT EXISTS postgres_fdw;
CREATE SCHEMA ring;
COMMENT ON SCHEMA ring IS 'Spaces on several servers behind this one';

CREATE TABLE ring.back_end (
	name text PRIMARY KEY,
	connect text NOT NULL
);
COMMENT ON TABLE ring.back_end IS 'the databases that hold Spaces';
COMMENT ON COLUMN ring.back_end.connect IS 'a libpq connection string without a password, which belongs in a password file of the front''s server user';

CREATE TABLE ring.space (
	space name PRIMARY KEY,
	back_end text NOT NULL REFERENCES ring.back_end
);
COMMENT ON TABLE ring.space IS 'the directory: where each Space lives';

CREATE TABLE ring.move (
	space name PRIMARY KEY REFERENCES ring.space,
	source text NOT NULL REFERENCES ring.back_end,
	target text NOT NULL REFERENCES ring.back_end,
	was_paused boolean,
	started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CHECK (source <> target)
);
COMMENT ON TABLE ring.move IS 'moves under way, or killed: move_space goes on with them';

CREATE FUNCTION ring.lock_of(space name) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN pg_catalog.hashtextextended('ring.space ' || space::text, 0);
COMMENT ON FUNCTION ring.lock_of(name) IS 'the advisory lock of a Space: calls hold it shared, a move exclusively';

-- Where the dispatchers connect to. The lock first: only what is read after it holds
-- until the call is over. (READ COMMITTED; in a transaction of REPEATABLE READ an old
-- answer is refused by the back end's fence.)
CREATE FUNCTION ring.route(space name) RETURNS text
LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_at text;
BEGIN
	PERFORM pg_advisory_xact_lock_shared(ring.lock_of(route.space));
	SELECT b.connect INTO found_at
	FROM ring.space s JOIN ring.back_end b ON b.name = s.back_end
	WHERE s.space = route.space;
	IF found_at IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'UG001',
			MESSAGE = format('Space "%s" does not exist', route.space),
			DETAIL = 'The ring''s directory has none of that name.',
			HINT = 'ring.space lists the Spaces of this ring.';
	END IF;
	RETURN found_at;
END
$$;
COMMENT ON FUNCTION ring.route(name) IS 'the connection string of a Space''s back end; waits while the Space moves';
COMMIT;
