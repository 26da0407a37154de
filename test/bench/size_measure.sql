-- test/bench/size_measure.sql: what is measured and reported (psql -At), for size.sh.
--
-- Its functions are of a Space that is made after them.
SET check_function_bodies = off;
CREATE SCHEMA size;
CREATE TABLE size.fact (name text PRIMARY KEY, value numeric NOT NULL);
CREATE TABLE size.wal (at pg_lsn NOT NULL);

CREATE FUNCTION size.keep(name text, value text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO size.fact VALUES (name, value::numeric)
$$;

CREATE FUNCTION size.keep_space(space text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO size.fact SELECT 'space', sum(pg_total_relation_size(c.oid))
	FROM pg_class c WHERE c.relnamespace = space::regnamespace AND c.relkind IN ('r', 'S')
$$;

-- What a row takes in these tables, their indexes and TOAST included, of the rows there are.
CREATE FUNCTION size.keep_table(named text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO size.fact SELECT named, pg_total_relation_size(('crowd.' || named)::regclass)
$$;

CREATE FUNCTION size.wal_from() RETURNS void LANGUAGE sql AS $$
	DELETE FROM size.wal;
	INSERT INTO size.wal VALUES (pg_current_wal_insert_lsn());
$$;

-- Divided by how many invitations there are, or a tenth of that for the accepts of one part.
CREATE FUNCTION size.wal_to(what text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO size.fact SELECT 'WAL of ' || what, (pg_current_wal_insert_lsn() - w.at)
		/ (SELECT count(*) FROM crowd.invitation i WHERE what !~ '^an accept' OR i.id % 10 = 0)
	FROM size.wal w
$$;

CREATE PROCEDURE size.accept(part int) LANGUAGE plpgsql AS $$
DECLARE
	invitation bigint;
BEGIN
	FOR invitation IN SELECT i.id FROM crowd.invitation i WHERE i.id % 10 = part LOOP
		PERFORM crowd.try_accept(invitation);
		COMMIT;
	END LOOP;
END $$;

CREATE FUNCTION size.report() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	workers numeric := (SELECT count(*) FROM crowd.worker);
	gigs numeric := (SELECT f.value FROM size.fact f WHERE f.name = 'gigs');
	invitations numeric := (SELECT f.value FROM size.fact f WHERE f.name = 'invitations');
BEGIN
	RETURN QUERY SELECT format(E'## What is on disk\n\n%s; %s workers, %s open gigs, %s invitations.\n',
		substring(version() FROM '^\S+ \S+'), workers, gigs, invitations);
	RETURN QUERY SELECT E'| what | table | indexes | in all, bytes |\n|---|---|---|---|';
	RETURN QUERY SELECT format('| %s | %s | %s | %s |', w.what, round(w.heap / w.rows), round(w.indexes / w.rows),
		round((w.heap + w.indexes) / w.rows))
	FROM (
		SELECT 'a worker' AS what, 1 AS place, workers AS rows, pg_table_size('crowd.worker')::numeric AS heap, pg_indexes_size('crowd.worker')::numeric AS indexes
		UNION ALL
		SELECT 'an open gig: gig, gig_filter, gig_key, gig_state', 2, gigs, sum(pg_table_size(t)), sum(pg_indexes_size(t))
		FROM unnest('{crowd.gig,crowd.gig_filter,crowd.gig_key,crowd.gig_state}'::regclass[]) t
	) w ORDER BY w.place;
	RETURN QUERY SELECT format('| %s | | | %s |', CASE f.name WHEN 'invitation' THEN 'an invitation' WHEN 'event' THEN 'its event'
		ELSE 'its notification, of each consumer' END, round(f.value / invitations))
	FROM size.fact f WHERE f.name IN ('invitation', 'event', 'notification') ORDER BY f.name = 'notification', f.name = 'event';
	RETURN QUERY SELECT format('| %s | | | %s |', CASE f.name WHEN 'space' THEN 'an empty Space' ELSE f.name END, round(f.value))
	FROM size.fact f WHERE f.name = 'space' OR f.name LIKE 'WAL%' ORDER BY f.name <> 'space', f.name DESC;
END $$;
