-- back_end.sql: what a database of a ring needs beside cirro, by its superuser:
--     psql -d back_end -f back_end.sql
--
-- Decides how the front writes rows of worker and gig, what it is told of Spaces, and
-- how who writes past the front is refused once a Space has moved. Must not change what
-- a Space does while it lives here, nor let anybody do what his rights do not allow:
-- all but the fence runs as whoever calls.
\set ON_ERROR_STOP on
BEGIN;
CREATE EXTENSION IF NOT EXISTS cirro;
CREATE SCHEMA ring;
COMMENT ON SCHEMA ring IS 'what the front of the ring needs here';
GRANT USAGE ON SCHEMA ring TO PUBLIC;
\ir describe.sql

-- Rows of one table of a Space, as one JSON object or an array of them; only the columns
-- that are named are written. A row is known by its id, or else its ref: if there is
-- one, it is updated, if not, it is inserted; so that a call can be repeated whose answer
-- was lost. Returns the rows as they are then, without those that a trigger of the
-- Space's owner has kept as they were. Names of columns are quoted, and it is the
-- server that says which there are; types and rules are those of an INSERT of JSON.
CREATE FUNCTION ring.put(base anyelement, rows jsonb) RETURNS SETOF anyelement
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	type CONSTANT regtype := pg_typeof(base);
	relation CONSTANT regclass := (SELECT t.typrelid FROM pg_type t WHERE t.oid = type);
	changes jsonb;
	names name[];
	key name;
	written int;
BEGIN
	FOR changes IN SELECT jsonb_array_elements(CASE jsonb_typeof(rows) WHEN 'array' THEN rows ELSE jsonb_build_array(rows) END)
	LOOP
		names := ARRAY(SELECT k FROM jsonb_object_keys(changes) k ORDER BY k);
		key := CASE WHEN changes ->> 'id' IS NOT NULL THEN 'id' WHEN changes ->> 'ref' IS NOT NULL THEN 'ref' END;
		-- Twice: somebody else may insert between the UPDATE and the INSERT.
		FOR attempt IN 1..2 LOOP
			IF key IS NOT NULL THEN
				RETURN QUERY EXECUTE CASE WHEN cardinality(names) = 1
					THEN format('SELECT t.* FROM %s t, jsonb_populate_record(NULL::%s, $1) r WHERE t.%3$I = r.%3$I', relation, type, key)
					ELSE format('UPDATE %s t SET %s FROM jsonb_populate_record(NULL::%s, $1) r WHERE t.%4$I = r.%4$I RETURNING t.*',
						relation, (SELECT string_agg(format('%1$I = r.%1$I', n), ', ') FROM unnest(names) n WHERE n <> key), type, key)
					END USING changes;
				GET DIAGNOSTICS written = ROW_COUNT;
				EXIT WHEN written > 0;
			END IF;
			RETURN QUERY EXECUTE CASE WHEN cardinality(names) = 0
				THEN format('INSERT INTO %s AS t DEFAULT VALUES RETURNING t.*', relation)
				ELSE format('INSERT INTO %s AS t (%s) SELECT %s FROM jsonb_populate_record(NULL::%s, $1) r %s RETURNING t.*',
					relation, (SELECT string_agg(format('%I', n), ', ') FROM unnest(names) n),
					(SELECT string_agg(format('r.%I', n), ', ') FROM unnest(names) n), type,
					(SELECT format('ON CONFLICT (%I) DO NOTHING', key) WHERE key IS NOT NULL))
				END USING changes;
			GET DIAGNOSTICS written = ROW_COUNT;
			EXIT WHEN written > 0 OR key IS NULL;
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON FUNCTION ring.put(anyelement, jsonb) IS 'inserts or updates rows of the table whose row type is given, by id or ref; may be repeated';

CREATE FUNCTION ring.remove(base anyelement, ids bigint[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	removed bigint;
BEGIN
	EXECUTE format('DELETE FROM %s t WHERE t.id = ANY ($1)',
		(SELECT t.typrelid::regclass FROM pg_type t WHERE t.oid = pg_typeof(base))) USING ids;
	GET DIAGNOSTICS removed = ROW_COUNT;
	RETURN removed;
END
$$;
COMMENT ON FUNCTION ring.remove(anyelement, bigint[]) IS 'deletes rows by id from the table whose row type is given, and says how many';

-- As JSON, and asked when it is called: a later cirro may tell more, and nothing here
-- depends on what is the extension's.
CREATE FUNCTION ring.metrics_now() RETURNS TABLE (space name, numbers jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT m.space, to_jsonb(m) - 'space' FROM cirro.metrics() m;
END
$$;
COMMENT ON FUNCTION ring.metrics_now() IS 'cirro.metrics(), as JSON';
CREATE VIEW ring.metrics AS SELECT m.space, m.numbers FROM ring.metrics_now() m;
COMMENT ON VIEW ring.metrics IS 'what the front''s ring.spaces reads of this back end';
GRANT SELECT ON ring.metrics TO PUBLIC;

-- The fence
COMMIT;
