-- erase_worker(): nothing of who a worker was is left in any column of any table of
-- the Space; what is left is that somebody was there: ids, times, counts.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
SELECT cirro.create_space('erase');
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET search_path = erase;
\pset format unaligned
\pset fieldsep ' | '
\pset footer off
\pset tuples_only on
\pset null -

CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', state || ' ' || message,
		'DETAIL: ' || nullif(detail, ''), 'HINT: ' || nullif(hint, ''));
END $$;

-- Where in the Space a word stands: every column of every table and view of it, and
-- how many rows.
CREATE FUNCTION pg_temp.traces(word text) RETURNS TABLE (place text, n bigint) LANGUAGE plpgsql AS $$
DECLARE
	col record;
BEGIN
	FOR col IN
		SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relnamespace = 'erase'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
		AND a.attnum > 0 AND NOT a.attisdropped
		ORDER BY c.relname COLLATE "C", a.attnum
	LOOP
		EXECUTE format('SELECT count(*) FROM erase.%I t WHERE strpos(lower(t.%I::text), lower($1)) > 0', col.relname, col.attname)
			INTO n USING word;
		IF n > 0 THEN
			place := col.relname || '.' || col.attname;
			RETURN NEXT;
		END IF;
	END LOOP;
END $$;

-- Two workers live the same life, with words of their own in every place that has any:
-- profile and ref, reasons, attempts, payloads, errors of deliveries.
SET cirro.clock = '2029-12-01 12:00+00';
INSERT INTO consumer (name) VALUES ('mail');
INSERT INTO worker (id, ref, profile) VALUES
	(777001, 'ref-adalove', '{"name": "Adalove", "tel": {"home": "adalove-5"}, "tags": ["adalove"], "k-adalove": 1}'),
	(777002, 'ref-bobbins', '{"name": "Bobbins", "tel": {"home": "bobbins-5"}, "tags": ["bobbins"], "k-bobbins": 1}');
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query, invitation_mode)
SELECT n, 'Gig ' || n, 'u', CASE WHEN n <= 10 THEN timestamptz '2029-12-10' ELSE '2030-01-10' END,
	CASE WHEN n <= 10 THEN timestamptz '2029-12-11' ELSE '2030-01-11' END, 2, '{}', 'manual'
FROM generate_series(1, 29) n;
UPDATE gig SET seats_max = 2 WHERE id = 17;
CREATE FUNCTION pg_temp.live(worker bigint, word text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	gig bigint;
	inv bigint;
BEGIN
	FOREACH gig IN ARRAY '{1,2,3,4,11,12,14,15,16,18,19}'::bigint[] LOOP
		PERFORM invite(gig, ARRAY[worker]);
	END LOOP;
	PERFORM invite(13, ARRAY[worker], '2030-01-05');
	FOR inv, gig IN SELECT i.id, i.gig_id FROM invitation i WHERE i.worker_id = worker LOOP
		IF gig IN (2, 14) THEN
			PERFORM reject(inv, 'because ' || word || ' said so');
		ELSIF gig IN (4, 16) THEN
			PERFORM expire(inv, 'complaint about ' || word);
		ELSIF gig IN (1, 3, 11, 15, 19) THEN
			PERFORM accept(inv);
			IF gig IN (3, 15) THEN
				PERFORM leave(inv, 'health of ' || word);
			ELSIF gig = 19 THEN
				UPDATE invitation SET reason = 'note on ' || word WHERE id = inv;
			END IF;
		ELSIF gig = 18 THEN
			UPDATE invitation SET reason = 'hint for ' || word WHERE id = inv;
		END IF;
	END LOOP;
	PERFORM attempt_invitations(worker, '{17,20}');
END $$;
SELECT pg_temp.live(777001, 'Adalove'), pg_temp.live(777002, 'Bobbins');
-- gig 17 fills up without them; 18 and 19 are deleted
INSERT INTO worker (id, profile) SELECT n, '{}' FROM generate_series(1, 9) n;
SELECT outcome FROM invite(17, '{1,2}', NULL, true);
DELETE FROM gig WHERE id IN (18, 19);
-- a month later gigs 1 to 10 are over
SET cirro.clock = '2030-01-01 12:00+00';
SET client_min_messages = error;
CALL cirro.run_waves('erase');
RESET client_min_messages;
-- attempts hold what an application was told; errors what a provider said
UPDATE attempt SET outcomes = outcomes || jsonb_build_object('note', w.profile ->> 'name') FROM worker w WHERE w.id = worker_id;
UPDATE notification n SET error = 'no such number: ' || (w.profile #>> '{tel,home}'), attempts = 3,
	outcome = (ARRAY[NULL, 'dead', 'delivered', 'suppressed'])[n.id % 4 + 1],
	delivered_at = CASE WHEN n.id % 4 > 0 THEN cirro.now() END
FROM event e JOIN worker w ON w.id = e.worker_id WHERE e.id = n.event_id AND e.kind <> 'gig.deleted';
SELECT i.gig_id, i.status, i.reason FROM invitation i WHERE i.worker_id = 777001 ORDER BY 1;
SELECT kind, payload FROM event WHERE worker_id = 777001 AND payload IS NOT NULL ORDER BY id;
SELECT * FROM pg_temp.traces('adalove');

CREATE TEMP TABLE before AS SELECT g.gig_id, g.accepted, g.rejected, g.departed, g.expired, g.pending, g.scheduled FROM gig_status g;
CREATE TEMP TABLE bobbins AS SELECT * FROM pg_temp.traces('bobbins');
CREATE TEMP TABLE others AS SELECT n.* FROM notification n JOIN event e ON e.id = n.event_id WHERE e.worker_id IS DISTINCT FROM 777001;
CREATE TEMP TABLE last AS SELECT max(id) AS id FROM event;

SELECT id, ref, profile, active, created_at, updated_at FROM erase_worker(777001);

-- nothing is left of him, all of the other worker
SELECT * FROM pg_temp.traces('adalove');
SELECT count(*) FROM (TABLE bobbins EXCEPT SELECT * FROM pg_temp.traces('bobbins')) d;
SELECT count(*) FROM (TABLE others EXCEPT TABLE notification) d;
-- what is left: ids, times and counts
SELECT * FROM pg_temp.traces('777001');
SELECT i.gig_id, i.status, i.reason, i.invited_at IS NOT NULL, i.responded_at FROM invitation i WHERE i.worker_id = 777001 ORDER BY 1;
SELECT kind, payload -> 'invitation' FROM event WHERE worker_id = 777001 AND payload IS NOT NULL ORDER BY id;
SELECT outcome, count(*), count(error), count(delivered_at) FROM notification n JOIN event e ON e.id = n.event_id WHERE e.worker_id = 777001 GROUP BY 1 ORDER BY 1;
-- past gigs count what they counted; seats of open ones are free
SELECT b.gig_id, b.accepted || ' -> ' || g.accepted AS accepted, b.departed || ' -> ' || g.departed AS departed,
	b.pending || ' -> ' || g.pending AS pending, b.scheduled || ' -> ' || g.scheduled AS scheduled,
	b.expired || ' -> ' || g.expired AS expired, b.rejected || ' -> ' || g.rejected AS rejected
FROM before b JOIN gig_status g USING (gig_id)
WHERE (b.*) IS DISTINCT FROM (SELECT x FROM (SELECT g.gig_id, g.accepted, g.rejected, g.departed, g.expired, g.pending, g.scheduled) x) ORDER BY 1;
-- the history has the changes, consumers hear of the gig alone
SELECT e.kind, e.gig_id, e.worker_id, e.status, e.previous, (SELECT string_agg(n.consumer, ',' ORDER BY n.consumer) FROM notification n WHERE n.event_id = e.id) AS told
FROM event e WHERE e.id > (SELECT id FROM last) ORDER BY e.id;
SELECT * FROM check_consistency();
-- waves fill the seat anew, without him
UPDATE gig SET invitation_mode = 'auto' WHERE id = 11;
SET client_min_messages = error;
CALL cirro.run_waves('erase');
RESET client_min_messages;
SELECT count(*) > 0, count(*) FILTER (WHERE worker_id = 777001) FROM invitation WHERE gig_id = 11 AND origin = 'wave';
SELECT outcome FROM invite(20, '{777001}');
SELECT gig_id, outcome FROM attempt_invitations(777001);
SELECT * FROM pg_temp.traces('adalove');

-- twice is once: nothing is written but that the attempt of just now is gone
CREATE TEMP TABLE once AS
	SELECT 'worker' AS what, to_jsonb(w) AS row_ FROM worker w UNION ALL SELECT 'invitation', to_jsonb(i) FROM invitation i
	UNION ALL SELECT 'event', to_jsonb(e) FROM event e UNION ALL SELECT 'notification', to_jsonb(n) FROM notification n;
SET cirro.clock = '2030-01-01 13:00+00';
SELECT profile, updated_at FROM erase_worker(777001);
SELECT count(*) FROM (TABLE once EXCEPT
	(SELECT 'worker' AS what, to_jsonb(w) AS row_ FROM worker w UNION ALL SELECT 'invitation', to_jsonb(i) FROM invitation i
	UNION ALL SELECT 'event', to_jsonb(e) FROM event e UNION ALL SELECT 'notification', to_jsonb(n) FROM notification n)) d;
SELECT count(*) FROM attempt WHERE worker_id = 777001;

-- A worker of whom nothing is known, one without a profile, one that is gone, none.
SELECT id, profile, active FROM erase_worker(9);
SELECT pg_temp.try(c) FROM unnest(ARRAY['SELECT erase_worker(4711)', 'SELECT erase_worker(NULL)']) c;
-- A snapshot that does not see what others wrote would leave something behind.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pg_temp.try('SELECT erase_worker(777002)');
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT pg_temp.try('SELECT erase_worker(777002)');
ROLLBACK;

-- A trigger of the owner's that keeps a row as it is: nothing is half erased.
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER a_keep BEFORE UPDATE ON worker FOR EACH ROW EXECUTE FUNCTION keep();
SELECT pg_temp.try('SELECT erase_worker(777002)');
DROP TRIGGER a_keep ON worker;
CREATE TRIGGER a_keep BEFORE UPDATE ON invitation FOR EACH ROW EXECUTE FUNCTION keep();
SELECT pg_temp.try('SELECT erase_worker(777002)');
DROP TRIGGER a_keep ON invitation;
CREATE TRIGGER a_keep BEFORE UPDATE ON invitation FOR EACH ROW WHEN (OLD.status = 'pending') EXECUTE FUNCTION keep();
SELECT pg_temp.try('SELECT erase_worker(777002)');
DROP TRIGGER a_keep ON invitation;
SELECT count(*) FROM (TABLE bobbins EXCEPT SELECT * FROM pg_temp.traces('bobbins')) d;

-- Rights: what a role needs, and nothing that it lacks is passed over.
SET client_min_messages = warning;
CREATE ROLE regress_cirro_eraser;
RESET client_min_messages;
GRANT USAGE ON SCHEMA erase TO regress_cirro_eraser;
CREATE FUNCTION pg_temp.erase_as_role() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	BEGIN
		SET LOCAL ROLE regress_cirro_eraser;
		PERFORM erase.erase_worker(777002);
		RAISE EXCEPTION 'erased';
	EXCEPTION WHEN OTHERS THEN
		said := SQLSTATE || ' ' || SQLERRM;
	END;
	RETURN said;
END $$;
CREATE TEMP TABLE needed (n int, right_ text);
INSERT INTO needed VALUES (1, 'SELECT, UPDATE (profile, ref, active) ON worker'), (2, 'SELECT, UPDATE (status, reason, silent) ON invitation'),
	(3, 'SELECT, DELETE ON attempt'), (4, 'SELECT, UPDATE (payload) ON event'), (5, 'SELECT, UPDATE (error, outcome, delivered_at) ON notification');
DO $$ DECLARE r text; BEGIN FOR r IN SELECT right_ FROM needed LOOP EXECUTE format('GRANT %s TO regress_cirro_eraser', r); END LOOP; END $$;
SELECT pg_temp.erase_as_role();
CREATE FUNCTION pg_temp.without(right_ text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	EXECUTE format('REVOKE %s FROM regress_cirro_eraser', right_);
	said := pg_temp.erase_as_role();
	EXECUTE format('GRANT %s TO regress_cirro_eraser', right_);
	RETURN said;
END $$;
SELECT right_, pg_temp.without(right_) FROM needed ORDER BY n;
-- row policies that would hide something of him are an error, not less work
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
SELECT pg_temp.erase_as_role();
ALTER TABLE event DISABLE ROW LEVEL SECURITY;
SELECT pg_temp.erase_as_role();
SELECT count(*) FROM (TABLE bobbins EXCEPT SELECT * FROM pg_temp.traces('bobbins')) d;

-- Columns of the application's own are the application's.
ALTER TABLE worker ADD own text;
UPDATE worker SET own = 'Bobbins' WHERE id = 777002;
SELECT own FROM erase_worker(777002);
SELECT * FROM pg_temp.traces('bobbins');
SELECT * FROM check_consistency();

SET client_min_messages = warning;
DROP SCHEMA erase CASCADE;
DROP OWNED BY regress_cirro_eraser;
DROP ROLE regress_cirro_eraser;
