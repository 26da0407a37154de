-- front.sql: the front of a ring, in a database of its own, by its superuser:
--     psql -d front -f front.sql
--
-- Decides where a Space lives (ring.space), that calls wait while it moves (each takes
-- the Space's lock in shared mode until its transaction ends, and only then asks where
-- to), and what of a Space is to be had here: all that its back end has, made from the
-- catalogue there. Holds no Space and no data of one, and must not decide anything about
-- gigs, invitations or rights: the back end does, for whoever calls is the same there.
\set ON_ERROR_STOP on
BEGIN;
CREATE EXTENSION IF NOT EXISTS cirro;
CREATE EXTENSION IF NOT EXISTS plproxy;
CREATE EXTENSION IF NOT EXISTS postgres_fdw;
CREATE SCHEMA ring;
COMMENT ON SCHEMA ring IS 'Spaces on several servers behind this one';
-- Dispatchers ask ring.route() as whoever calls them.
GRANT USAGE ON SCHEMA ring TO PUBLIC;
\ir describe.sql

CREATE TABLE ring.back_end (
	name text PRIMARY KEY CHECK (octet_length(name) BETWEEN 1 AND 50),
	connect text NOT NULL
		CONSTRAINT back_end_connect_check CHECK (connect ~ $r$^(\s*\w+\s*=\s*('([^'\\]|\\.)*'|([^\s'\\]|\\.)+)(?=\s|$))+\s*$$r$),
		-- Whoever calls is the same there, and everybody may read where to.
		CONSTRAINT back_end_connect_user_check CHECK (connect !~* '(user|password)\s*=')
);
COMMENT ON TABLE ring.back_end IS 'the databases that hold Spaces';
COMMENT ON COLUMN ring.back_end.connect IS 'a libpq connection string without a role, which is the caller''s, and without a password, which belongs in a password file of the front''s server user';

CREATE TABLE ring.space (
	space name PRIMARY KEY CHECK (space NOT IN ('ring', 'cirro', 'information_schema') AND space !~ '^pg_'),
	back_end text NOT NULL REFERENCES ring.back_end
);
COMMENT ON TABLE ring.space IS 'the directory: where each Space lives';

CREATE TABLE ring.move (
	space name PRIMARY KEY REFERENCES ring.space,
	source text NOT NULL REFERENCES ring.back_end,
	target text NOT NULL REFERENCES ring.back_end,
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
-- answer is refused by the back end's fence.) Arguments and results are sent as text, so
-- both ends have to write times and intervals in one style.
CREATE FUNCTION ring.route(space name) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_at text;
BEGIN
	PERFORM pg_advisory_xact_lock_shared(ring.lock_of(route.space));
	SELECT b.connect INTO found_at
	FROM ring.space s JOIN ring.back_end b ON b.name = s.back_end
	WHERE s.space = route.space;
	IF route.space IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = 'space must not be NULL',
			HINT = 'ring.space lists the Spaces of this ring.';
	ELSIF found_at IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'UG001',
			MESSAGE = format('Space "%s" does not exist', route.space),
			DETAIL = 'The ring''s directory has none of that name.',
			HINT = 'ring.space lists the Spaces of this ring.';
	END IF;
	RETURN CASE WHEN found_at ~ '\moptions\s*=' THEN found_at
		ELSE found_at || ' options=''-c DateStyle=ISO -c IntervalStyle=postgres''' END;
END
$$;
COMMENT ON FUNCTION ring.route(name) IS 'the connection string of a Space''s back end; waits while the Space moves';

-- Foreign servers ----------------------------------------------------------

CREATE FUNCTION ring.options_of(connect text) RETURNS TABLE (key text, value text)
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
	SELECT m[1], regexp_replace(CASE WHEN m[2] LIKE '''%' THEN substr(m[2], 2, length(m[2]) - 2) ELSE m[2] END, '\\(.)', '\1', 'g')
	FROM regexp_matches(connect, $r$(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)+)$r$, 'g') m
$$;
COMMENT ON FUNCTION ring.options_of(text) IS 'the parameters of a connection string';

-- A foreign server of that name leads there from the next transaction on. Its tables
-- are to be read: what is written must wait while the Space moves, so it goes by calls.
CREATE FUNCTION ring.point(server name, connect text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	exists CONSTANT boolean := EXISTS (SELECT FROM pg_foreign_server f WHERE f.srvname = server);
	options text;
BEGIN
	SELECT string_agg(CASE
			WHEN n.key IS NULL THEN format('DROP %I', o.option_name)
			WHEN NOT exists THEN format('%I %L', n.key, n.value)
			ELSE format('%s %I %L', CASE WHEN o.option_name IS NULL THEN 'ADD' ELSE 'SET' END, n.key, n.value) END, ', ')
	INTO options
	FROM (SELECT * FROM ring.options_of(connect)
		UNION ALL VALUES ('updatable', 'false'), ('extensions', 'cirro'), ('fetch_size', '1000')) n
	FULL JOIN (SELECT p.* FROM pg_foreign_server f, pg_options_to_table(f.srvoptions) p WHERE f.srvname = server) o
		ON o.option_name = n.key
	WHERE n.value IS DISTINCT FROM o.option_value;
	IF NOT exists THEN
		EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER postgres_fdw OPTIONS (%s)', server, options);
	ELSIF options IS NOT NULL THEN
		EXECUTE format('ALTER SERVER %I OPTIONS (%s)', server, options);
	END IF;
END
$$;
COMMENT ON FUNCTION ring.point(name, text) IS 'makes a foreign server, or has it lead elsewhere';

CREATE FUNCTION ring.back_end_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	server CONSTANT name := 'back end ' || coalesce(NEW.name, OLD.name);
	space name;
BEGIN
	IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND NEW.name <> OLD.name THEN
		EXECUTE format('DROP FOREIGN TABLE ring.%I', 'metrics of ' || OLD.name);
		EXECUTE format('DROP SERVER %I CASCADE', 'back end ' || OLD.name);
		IF TG_OP = 'DELETE' THEN
			RETURN NULL;
		END IF;
	END IF;
	PERFORM ring.point(server, NEW.connect);
	FOR space IN SELECT s.space FROM ring.space s WHERE s.back_end = NEW.name LOOP
		PERFORM ring.point(space, NEW.connect);
	END LOOP;
	IF TG_OP = 'INSERT' OR NEW.name <> OLD.name THEN
		-- As who owns the view ring.spaces, and is to be the same there.
		EXECUTE format('CREATE USER MAPPING FOR %1$I SERVER %2$I OPTIONS (user %1$L, password_required ''false'')',
			(SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace n WHERE n.nspname = 'ring'), server);
		EXECUTE format('CREATE FOREIGN TABLE ring.%I (space name, numbers jsonb) SERVER %I OPTIONS (schema_name ''ring'', table_name ''metrics'')',
			'metrics of ' || NEW.name, server);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION ring.back_end_changed() IS 'foreign servers follow ring.back_end';
CREATE TRIGGER follow AFTER INSERT OR UPDATE OR DELETE ON ring.back_end
	FOR EACH ROW EXECUTE FUNCTION ring.back_end_changed();

CREATE FUNCTION ring.space_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d record;
BEGIN
	IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND NEW.space <> OLD.space THEN
		FOR d IN SELECT CASE kind WHEN 'function' THEN 'FUNCTION' ELSE 'FOREIGN TABLE' END AS what, r.name
			FROM ring.describe(OLD.space, true) r WHERE r.kind IN ('function', 'table') ORDER BY r.kind
		LOOP
			EXECUTE format('DROP %s %I.%s', d.what, OLD.space, d.name);
		END LOOP;
		EXECUTE format('DROP SERVER %I CASCADE', OLD.space);
		BEGIN
			EXECUTE format('DROP SCHEMA IF EXISTS %I', OLD.space);
		EXCEPTION WHEN dependent_objects_still_exist THEN
			RAISE NOTICE 'schema "%" stays: other objects are in it', OLD.space;
		END;
	END IF;
	IF TG_OP <> 'DELETE' THEN
		PERFORM ring.point(NEW.space, (SELECT b.connect FROM ring.back_end b WHERE b.name = NEW.back_end));
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION ring.space_changed() IS 'a Space''s foreign server follows ring.space; without a Space nothing of it stays';
CREATE TRIGGER follow AFTER INSERT OR UPDATE OR DELETE ON ring.space
	FOR EACH ROW EXECUTE FUNCTION ring.space_changed();

CREATE FUNCTION ring.set_place(space name, back_end text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO ring.space AS s (space, back_end) VALUES (set_place.space, set_place.back_end)
	ON CONFLICT ON CONSTRAINT space_pkey DO UPDATE SET back_end = excluded.back_end
$$;
COMMENT ON FUNCTION ring.set_place(name, text) IS 'says where a Space lives: calls go there, and reports, from the end of this transaction on';

-- Dispatchers ---------------------------------------------------------------

CREATE FUNCTION ring.described(space name)
RETURNS TABLE (kind text, name text, place int, detail jsonb)
LANGUAGE plproxy AS $$ CONNECT ring.route(space); TARGET ring.describe; $$;
COMMENT ON FUNCTION ring.described(name) IS 'ring.describe() of a Space at its back end';

CREATE FUNCTION ring.has_role(role text) RETURNS boolean
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
	SELECT role = 'PUBLIC' OR EXISTS (SELECT FROM pg_roles r WHERE quote_ident(r.rolname) = role AND NOT r.rolsuper)
$$;
COMMENT ON FUNCTION ring.has_role(text) IS 'whether rights can be given here to a role, by its quoted name: it exists, and is no superuser, who has all';

-- What the front should have of a Space: what the back end has, as far as types and roles
-- are here, and two calls to write for each of worker and gig, unless the Space
-- has functions of its own of that name.
CREATE FUNCTION ring.wanted(space name)
RETURNS TABLE (kind text, name text, place int, detail jsonb)
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
	WITH described AS MATERIALIZED (SELECT * FROM ring.described(space)),
	taken AS (
		SELECT * FROM described d
		WHERE CASE d.kind
			WHEN 'column' THEN to_regtype(d.detail ->> 'type') IS NOT NULL
			WHEN 'right' THEN ring.has_role(d.detail ->> 'role')
			WHEN 'reader' THEN EXISTS (SELECT FROM pg_roles r WHERE quote_ident(r.rolname) = d.name)
			ELSE true END),
	writer AS (
		SELECT w.name, w.name || w.arguments AS signature,
			jsonb_build_object('name', w.name, 'arguments', substr(w.arguments, 2, length(w.arguments) - 2), 'result', w.result, 'strict', true,
				'comment', w.comment, 'settings', '[]'::jsonb,
				'source', format('CONNECT ring.route(%L); SELECT %s;', space, w.query)) AS detail
		FROM (VALUES ('worker'), ('gig')) t (name)
		JOIN taken r ON r.kind = 'table' AND r.name = t.name
		CROSS JOIN LATERAL (VALUES
			('put_' || t.name || 's', '(rows jsonb)', format('SETOF %I.%I', space, t.name),
				format('%s FROM ring.put(NULL::%I.%I, $1)',
					(SELECT string_agg(format('"%s"', replace(c.detail ->> 'bare', '"', '""')), ', ' ORDER BY c.place)
						FROM taken c WHERE c.kind = 'column' AND c.detail ->> 'table' = t.name), space, t.name),
				format('inserts or updates rows of %s, an object or an array of them, by id or ref; only the columns named; may be repeated', t.name)),
			('delete_' || t.name || 's', '(ids bigint[])', 'bigint',
				format('ring.remove(NULL::%I.%I, $1)', space, t.name),
				format('deletes rows of %s by id, and says how many', t.name))) w (name, arguments, result, query, comment)
		WHERE NOT EXISTS (SELECT FROM taken f WHERE f.kind = 'function' AND f.name = w.name || w.arguments))
	SELECT t.kind, t.name, t.place,
		CASE t.kind WHEN 'function' THEN t.detail - 'has_times' || jsonb_build_object(
				'source', format('CONNECT ring.route(%L);', space),
				'settings', CASE WHEN (t.detail ->> 'has_times')::boolean THEN '["DateStyle=iso", "IntervalStyle=postgres"]'::jsonb ELSE '[]' END)
			ELSE t.detail END
	FROM taken t
	UNION ALL
	SELECT 'function', w.signature, 0, w.detail FROM writer w
	UNION ALL
	-- Whether he may write says the back end.
	SELECT 'right', format('EXECUTE ON FUNCTION %s TO PUBLIC', w.signature), 0,
		jsonb_build_object('privilege', 'EXECUTE', 'what', 'FUNCTION', 'object', w.signature, 'role', 'PUBLIC')
	FROM writer w
$$;
COMMENT ON FUNCTION ring.wanted(name) IS 'what the front should have of a Space';

-- The statements that make of what is here what should be; none if it is so. The text
-- of arguments, results and types is as the back end's catalogue writes it, quoted; every
-- name and literal beside it is quoted here.
CREATE FUNCTION ring.statements(space name)
RETURNS TABLE (step int, about text, statement text)
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
	WITH difference AS MATERIALIZED (
		SELECT kind, name, w.place, w.detail AS new, p.detail AS old
		FROM ring.wanted(space) w
		FULL JOIN ring.describe(space, true) p USING (kind, name)
		WHERE w.detail IS DISTINCT FROM p.detail AND kind <> 'left out'
			AND (kind <> 'right' OR ring.has_role(coalesce(w.detail, p.detail) ->> 'role'))),
	statement AS (
		SELECT s.*, d.name, d.kind, d.place FROM difference d
		CROSS JOIN LATERAL (VALUES
			(1, format('CREATE SCHEMA %s', d.name), d.kind = 'schema' AND d.old IS NULL),
			(2, format('COMMENT ON SCHEMA %s IS %L', d.name, d.new ->> 'comment'), d.kind = 'schema' AND d.old ->> 'comment' IS DISTINCT FROM d.new ->> 'comment'),
			(3, format('DROP FUNCTION %I.%s', space, d.name), d.kind = 'function' AND d.old IS NOT NULL),
			(4, format('DROP FOREIGN TABLE %I.%s', space, d.name), d.kind = 'table' AND d.new IS NULL),
			(5, format('ALTER FOREIGN TABLE %I.%s DROP COLUMN %s', space, d.old ->> 'table', d.old ->> 'column'),
				d.kind = 'column' AND d.new IS NULL
				AND NOT EXISTS (SELECT FROM difference t WHERE t.kind = 'table' AND t.name = d.old ->> 'table' AND t.new IS NULL)),
			(6, format('CREATE FOREIGN TABLE %I.%s (%s) SERVER %I OPTIONS (schema_name %L, table_name %L)', space, d.name,
				(SELECT string_agg(format('%s %s', c.new ->> 'column', c.new ->> 'type'), ', ' ORDER BY c.place)
					FROM difference c WHERE c.kind = 'column' AND c.new ->> 'table' = d.name),
				space, space, d.new ->> 'bare'), d.kind = 'table' AND d.old IS NULL),
			(7, format('COMMENT ON FOREIGN TABLE %I.%s IS %L', space, d.name, d.new ->> 'comment'),
				d.kind = 'table' AND d.new IS NOT NULL AND d.old ->> 'comment' IS DISTINCT FROM d.new ->> 'comment'),
			(8, format('ALTER FOREIGN TABLE %I.%s ADD COLUMN %s %s', space, d.new ->> 'table', d.new ->> 'column', d.new ->> 'type'),
				d.kind = 'column' AND d.old IS NULL
				AND NOT EXISTS (SELECT FROM difference t WHERE t.kind = 'table' AND t.name = d.new ->> 'table' AND t.old IS NULL)),
			(8, format('ALTER FOREIGN TABLE %I.%s ALTER COLUMN %s TYPE %s', space, d.new ->> 'table', d.new ->> 'column', d.new ->> 'type'),
				d.kind = 'column' AND d.old ->> 'type' <> d.new ->> 'type'),
			(9, format('COMMENT ON COLUMN %I.%s IS %L', space, d.name, d.new ->> 'comment'),
				d.kind = 'column' AND d.new IS NOT NULL AND d.old ->> 'comment' IS DISTINCT FROM d.new ->> 'comment'),
			(10, format('CREATE FUNCTION %I.%s(%s) RETURNS %s LANGUAGE plproxy%s%s AS %L', space, d.new ->> 'name', d.new ->> 'arguments',
				d.new ->> 'result', CASE WHEN (d.new ->> 'strict')::boolean THEN ' STRICT' ELSE '' END,
				(SELECT string_agg(' SET ' || c, '') FROM jsonb_array_elements_text(d.new -> 'settings') c),
				d.new ->> 'source'), d.kind = 'function' AND d.new IS NOT NULL),
			(11, format('REVOKE ALL ON FUNCTION %I.%s FROM PUBLIC', space, d.name), d.kind = 'function' AND d.new IS NOT NULL),
			(11, format('COMMENT ON FUNCTION %I.%s IS %L', space, d.name, d.new ->> 'comment'),
				d.kind = 'function' AND d.new ->> 'comment' IS NOT NULL),
			(12, format('CREATE USER MAPPING FOR %s SERVER %I OPTIONS (user %L, password_required ''false'')', d.name, space, d.new ->> 'bare'),
				d.kind = 'reader' AND d.old IS NULL),
			(12, format('DROP USER MAPPING FOR %s SERVER %I', d.name, space), d.kind = 'reader' AND d.new IS NULL),
			(13, format('GRANT %s ON %s %s%s TO %s', d.new ->> 'privilege', d.new ->> 'what',
					CASE d.new ->> 'what' WHEN 'SCHEMA' THEN '' ELSE quote_ident(space) || '.' END, d.new ->> 'object', d.new ->> 'role'),
				d.kind = 'right' AND d.old IS NULL),
			(13, format('REVOKE %s ON %s %s%s FROM %s', d.old ->> 'privilege', d.old ->> 'what',
					CASE d.old ->> 'what' WHEN 'SCHEMA' THEN '' ELSE quote_ident(space) || '.' END, d.old ->> 'object', d.old ->> 'role'),
				d.kind = 'right' AND d.new IS NULL)) s (step, statement, applies)
		WHERE s.applies)
	SELECT s.step, s.kind || ' ' || s.name, s.statement FROM statement s ORDER BY s.step, s.place, s.name
$$;
COMMENT ON FUNCTION ring.statements(name) IS 'the statements that dispatch() would run for a Space: what the front lacks of it, or has in another form, or too much';

-- In one transaction, and none for what is as it should be. A function of a type that is
-- not here is left out with a WARNING, and so is what no dispatcher can be made of.
CREATE FUNCTION ring.dispatch(space name) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	s record;
BEGIN
	-- The Space's lock before its row, as a move takes them.
	PERFORM ring.route(dispatch.space);
	PERFORM FROM ring.space d WHERE d.space = dispatch.space FOR UPDATE;
	-- Twice: what is made anew has lost its rights.
	FOR pass IN 1..2 LOOP
		FOR s IN SELECT * FROM ring.statements(dispatch.space) LOOP
			CONTINUE WHEN pass = 2 AND s.about NOT LIKE 'right %';
			BEGIN
				EXECUTE s.statement;
				RETURN NEXT s.statement;
			EXCEPTION WHEN undefined_object OR undefined_function THEN
				IF s.about NOT LIKE 'function %' AND s.about NOT LIKE 'right %' THEN
					RAISE;
				END IF;
				IF s.step = 10 THEN
					RAISE WARNING '% of Space "%" is left out', s.about, dispatch.space USING DETAIL = SQLERRM,
						HINT = 'What is of a type that the front lacks is called at the back end.';
				END IF;
			END;
		END LOOP;
	END LOOP;
	FOR s IN SELECT d.kind, d.name FROM ring.described(dispatch.space) d WHERE d.kind = 'left out' LOOP
		RAISE WARNING 'function % of Space "%" is left out', s.name, dispatch.space
			USING DETAIL = 'It is a procedure, or has VARIADIC or polymorphic arguments, or a result without columns.';
	END LOOP;
END
$$;
COMMENT ON FUNCTION ring.dispatch(name) IS 'makes here what the back end has of a Space, so that it can be called and read; returns the statements that were run';

-- What an application calls of schema cirro with a Space's name.
CREATE FUNCTION ring.report(space name, gig_id bigint DEFAULT NULL) RETURNS text
LANGUAGE plproxy AS $$ CONNECT ring.route(space); TARGET cirro.report; $$;
COMMENT ON FUNCTION ring.report(name, bigint) IS 'cirro.report() of a Space of the ring';

CREATE FUNCTION ring.matching_gigs(space name, profile jsonb) RETURNS bigint[]
LANGUAGE plproxy STRICT AS $$ CONNECT ring.route(space); TARGET cirro.matching_gigs; $$;
COMMENT ON FUNCTION ring.matching_gigs(name, jsonb) IS 'cirro.matching_gigs() in a Space of the ring';

-- All Spaces ------------------------------------------------------------------

-- A back end that does not answer is a row, and the others are told of.
CREATE FUNCTION ring.look() RETURNS TABLE (back_end text, space name, numbers jsonb, error text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	rows jsonb;
BEGIN
	FOR back_end IN SELECT b.name FROM ring.back_end b ORDER BY b.name LOOP
		BEGIN
			EXECUTE format('SELECT jsonb_agg(to_jsonb(m)) FROM ring.%I m', 'metrics of ' || back_end) INTO rows;
			error := NULL;
			RETURN QUERY SELECT look.back_end, r.space, r.numbers, NULL
				FROM jsonb_to_recordset(rows) r (space name, numbers jsonb);
		EXCEPTION WHEN OTHERS THEN
			space := NULL;
			numbers := NULL;
			error := SQLERRM;
			RETURN NEXT;
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION ring.look() IS 'what each back end says of its Spaces; a row with an error in place of one that does not answer';
REVOKE EXECUTE ON FUNCTION ring.look() FROM PUBLIC;

CREATE VIEW ring.spaces AS
WITH look AS MATERIALIZED (SELECT * FROM ring.look())
SELECT coalesce(d.space, l.space) AS space, coalesce(d.back_end, l.back_end) AS back_end,
	(l.numbers ->> 'paused')::boolean AS paused,
	(l.numbers ->> 'open_gigs')::bigint AS open_gigs,
	(l.numbers ->> 'seats')::bigint AS seats,
	(l.numbers ->> 'accepted')::bigint AS accepted,
	(l.numbers ->> 'pending')::bigint AS pending,
	(l.numbers ->> 'waiting')::bigint AS waiting,
	(l.numbers ->> 'due_gigs')::bigint AS due_gigs,
	(l.numbers ->> 'late_seconds')::float8 AS late_seconds,
	(l.numbers ->> 'failed_gigs')::bigint AS failed_gigs,
	(l.numbers ->> 'exhausted_gigs')::bigint AS exhausted_gigs,
	(l.numbers ->> 'open_notifications')::bigint AS open_notifications,
	(l.numbers ->> 'dead_notifications')::bigint AS dead_notifications,
	(l.numbers ->> 'oldest_notification_seconds')::float8 AS oldest_notification_seconds,
	CASE
		WHEN l.space IS NULL AND l.error IS NULL THEN coalesce(
			(SELECT l.error FROM look l WHERE l.back_end = d.back_end AND l.error IS NOT NULL), 'the back end has no Space of this name')
		WHEN l.error IS NOT NULL THEN l.error
		WHEN d.space IS NULL THEN coalesce(
			(SELECT 'moves from ' || m.source || ' to ' || m.target FROM ring.move m WHERE m.space = l.space), 'the directory does not have it')
		ELSE l.numbers ->> 'defect' END AS defect
FROM ring.space d
FULL JOIN look l ON l.space = d.space AND l.back_end = d.back_end;
COMMENT ON VIEW ring.spaces IS 'all Spaces of the ring with their numbers as of now; a defect tells what cannot be reached, and where directory and back ends differ';

-- Only what dispatchers call is for everybody.
REVOKE EXECUTE ON FUNCTION ring.point(name, text), ring.set_place(name, text), ring.dispatch(name),
	ring.statements(name), ring.wanted(name), ring.described(name) FROM PUBLIC;
COMMIT;
