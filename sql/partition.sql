-- Tables of a Space cannot be partitioned: core has no keys for it, and a Space whose
-- owner does so all the same is damaged; waves skip it and calls refuse, with the reason.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
CREATE ROLE regress_cirro_partition;
SET timezone = 'UTC';
SET cirro.clock = '2030-01-01 12:00+00';
\pset format unaligned
\pset fieldsep ' | '
\pset footer off
\pset tuples_only on
SELECT cirro.create_space('partition', 'regress_cirro_partition');
SET ROLE regress_cirro_partition;
SET search_path = partition;

CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', state || ' ' || message, 'DETAIL: ' || nullif(detail, ''), 'HINT: ' || nullif(hint, ''));
END $$;

-- By whatever columns: a key that does not hold them is refused.
SELECT t, by, pg_temp.try(format('CREATE TABLE parts (LIKE partition.%I INCLUDING INDEXES) PARTITION BY %s', t, by)) ~ '^0A000 unique constraint on partitioned table must include all partitioning columns'
FROM (VALUES ('invitation', 'HASH (id)'), ('invitation', 'HASH (gig_id)'), ('invitation', 'HASH (worker_id)'), ('invitation', 'HASH (gig_id, worker_id)'), ('invitation', 'RANGE (id, gig_id)'),
	('worker', 'HASH (id)'), ('worker', 'HASH (ref)'), ('gig', 'HASH (id)'), ('gig', 'HASH (ref)')) v (t, by);

INSERT INTO worker (id) VALUES (1), (2), (3);
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query, invitation_multiplier) VALUES (1, 'Gig', 'https://gig', '2030-01-02', '2030-01-03', 2, '{}', 1);
SELECT outcome FROM invite(1, '{1}');

-- An owner puts another table in the place of one, with the triggers that are cirro's.
CREATE PROCEDURE pg_temp.partition(name text, by text) LANGUAGE plpgsql AS $$
DECLARE
	triggers text[] := ARRAY(SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE t.tgrelid = name::regclass AND NOT t.tgisinternal ORDER BY t.tgname);
	command text;
BEGIN
	EXECUTE format('ALTER TABLE %I RENAME TO whole', name);
	EXECUTE format('CREATE TABLE partition.%I (LIKE whole INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING CONSTRAINTS) PARTITION BY HASH (%s)', name, by);
	EXECUTE format('CREATE TABLE part_0 PARTITION OF %I FOR VALUES WITH (MODULUS 2, REMAINDER 0)', name);
	EXECUTE format('CREATE TABLE part_1 PARTITION OF %I FOR VALUES WITH (MODULUS 2, REMAINDER 1)', name);
	EXECUTE format('INSERT INTO %I OVERRIDING SYSTEM VALUE SELECT * FROM whole', name);
	FOREACH command IN ARRAY triggers LOOP
		EXECUTE command;
	END LOOP;
END $$;

BEGIN;
CALL pg_temp.partition('worker', 'id');
SELECT defect FROM cirro.spaces() WHERE space = 'partition';
SET client_min_messages = error;
CALL cirro.run_waves();
SELECT count(*) FROM invitation;
SELECT pg_temp.try('CALL cirro.run_waves(''partition'')');
SELECT pg_temp.try('SELECT run_wave(1)');
SELECT pg_temp.try('SELECT invite(1, ''{2}'')');
SELECT pg_temp.try('SELECT accept(1)');
SELECT pg_temp.try('SELECT attempt_invitations(2)');
SELECT pg_temp.try('SELECT claim_notifications()');
SELECT pg_temp.try('CALL cirro.upgrade_spaces(''partition'')');
SELECT pg_temp.try('SELECT cirro.drop_space(''partition'')');
ROLLBACK;

BEGIN;
CALL pg_temp.partition('invitation', 'gig_id');
SELECT defect FROM cirro.spaces() WHERE space = 'partition';
SELECT pg_temp.try('SELECT accept(1)');
SELECT pg_temp.try('SELECT run_wave(1)');
ROLLBACK;

BEGIN;
CALL pg_temp.partition('event', 'id');
SELECT defect FROM cirro.spaces() WHERE space = 'partition';
ROLLBACK;

-- What is asked with the rights of whoever asks.
BEGIN;
CALL pg_temp.partition('gig_key', 'gig_id');
SELECT pg_temp.try('SELECT cirro.matching_gigs(''partition'', ''{}'')');
ROLLBACK;

-- The tick says so.
CALL pg_temp.partition('worker', 'id');
SET client_min_messages = warning;
CALL cirro.run_waves('partition');
CALL cirro.upgrade_spaces();
DROP TABLE worker;
ALTER TABLE whole RENAME TO worker;
-- As it was, it is sound.
CALL cirro.run_waves('partition');
SELECT worker_id > 0, status FROM invitation ORDER BY id;

RESET ROLE;
SELECT cirro.drop_space('partition');
DROP OWNED BY regress_cirro_partition;
DROP ROLE regress_cirro_partition;
