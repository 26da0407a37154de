-- intruder: roles of few rights, and what they might plant, alter or take away to
-- get at another role's Space, its rights, or the memory of the server.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
DROP ROLE IF EXISTS regress_cirro_owner, regress_cirro_app, regress_cirro_mallory;
CREATE ROLE regress_cirro_owner;
CREATE ROLE regress_cirro_app;
CREATE ROLE regress_cirro_mallory;
DO $$BEGIN
	EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_cirro_mallory', current_database());
END$$;
CREATE SCHEMA lair AUTHORIZATION regress_cirro_mallory;
\pset format unaligned
\pset tuples_only on
\pset null -

-- What a command says: ok, or SQLSTATE, message and DETAIL.
CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(E'\n', state || ' ' || message, 'DETAIL: ' || nullif(detail, ''));
END $$;

--
-- What there is to attack
--

SELECT cirro.create_space('fort', 'regress_cirro_owner');
-- Nothing runs with other rights than its caller's,
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace IN ('cirro'::regnamespace, 'fort'::regnamespace) AND p.prosecdef;
SELECT count(*) FROM pg_class WHERE relnamespace = 'fort'::regnamespace AND relkind = 'v' AND NOT coalesce('security_invoker=true' = ANY (reloptions), false);
-- nor on a search path that is the caller's, unless its body was parsed when it was
-- made, or names no object at all.
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
	WHERE p.pronamespace IN ('cirro'::regnamespace, 'fort'::regnamespace) AND l.lanname NOT IN ('c', 'internal')
	AND p.prosqlbody IS NULL AND NOT coalesce('search_path=fort, pg_temp' = ANY (p.proconfig), false) ORDER BY 1;
-- What may be evaluated below row policies,
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace IN ('cirro'::regnamespace, 'fort'::regnamespace) AND p.proleakproof ORDER BY p.oid::regprocedure::text COLLATE "C";
-- and what everybody may do with a Space, besides executing its functions.
SELECT c.relname, string_agg(DISTINCT a.privilege_type, ',') FROM pg_class c, aclexplode(c.relacl) a
	WHERE c.relnamespace = 'fort'::regnamespace AND a.grantee = 0 GROUP BY 1 ORDER BY c.relname COLLATE "C";
SELECT count(*) FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = 'fort' AND a.grantee <> n.nspowner;
SELECT n.nspname, a.privilege_type FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = 'cirro' AND a.grantee <> n.nspowner;

--
-- The memory of the server
--

-- A row type that becomes another one between two rows.
SET ROLE regress_cirro_mallory;
CREATE TYPE lair.chameleon AS (profile jsonb);
CREATE FUNCTION lair.next(turn int, other text, value text) RETURNS lair.chameleon LANGUAGE plpgsql AS $$
DECLARE
	result lair.chameleon;
BEGIN
	IF turn = 1 THEN
		EXECUTE $q$SELECT '{"a": 1}'::jsonb$q$ INTO result;
	ELSE
		IF turn = 2 THEN
			EXECUTE other;
		END IF;
		EXECUTE 'SELECT ' || value INTO result;
	END IF;
	RETURN result;
END $$;
SELECT pg_temp.try(format($$SELECT lair.next(n, %L, '81985529216486895::bigint') OPERATOR(cirro.@@) '{"a": 1}' FROM generate_series(1, 3) n$$,
	'ALTER TYPE lair.chameleon ALTER ATTRIBUTE profile TYPE bigint'));
ALTER TYPE lair.chameleon ALTER ATTRIBUTE profile TYPE jsonb;
SELECT pg_temp.try(format($$SELECT lair.next(n, %L, '81985529216486895::bigint, ''{}''::jsonb') OPERATOR(cirro.@@) '{"a": 1}' FROM generate_series(1, 3) n$$,
	'ALTER TYPE lair.chameleon RENAME ATTRIBUTE profile TO x; ALTER TYPE lair.chameleon ALTER ATTRIBUTE x TYPE bigint, ADD ATTRIBUTE profile jsonb'));
DROP TYPE lair.chameleon CASCADE;
CREATE TYPE lair.chameleon AS (profile jsonb);
CREATE FUNCTION lair.next(turn int) RETURNS lair.chameleon LANGUAGE plpgsql AS $$
DECLARE
	result lair.chameleon;
BEGIN
	IF turn = 2 THEN
		ALTER TYPE lair.chameleon DROP ATTRIBUTE profile, ADD ATTRIBUTE y bigint;
	END IF;
	EXECUTE CASE turn WHEN 1 THEN $q$SELECT '{"a": 1}'::jsonb$q$ ELSE 'SELECT 5::bigint' END INTO result;
	RETURN result;
END $$;
SELECT pg_temp.try($$SELECT lair.next(n) OPERATOR(cirro.@@) '{"a": 1}' FROM generate_series(1, 3) n$$);
DROP TYPE lair.chameleon CASCADE;

-- A profile that is none: rows of a table, of a function, of a subquery, and a
-- row whose type is known to nobody.
CREATE DOMAIN lair.any_json AS jsonb;
CREATE TABLE lair.as_text (gone int, profile text);
CREATE TABLE lair.as_domain (profile lair.any_json);
CREATE TABLE lair.as_json (profile json);
CREATE TABLE lair.as_array (profile jsonb[]);
CREATE TABLE lair.as_number (profile bigint);
CREATE TABLE lair.as_row (profile lair.as_text);
CREATE TABLE lair.no_profile (profil jsonb);
CREATE TABLE lair.dropped (profile jsonb, x int);
CREATE TABLE lair.generated (source text, x int, profile jsonb GENERATED ALWAYS AS (('{"a": ' || x::text || '}')::jsonb) STORED);
CREATE VIEW lair.as_view AS SELECT 1 AS profil, '{"a": 1}'::jsonb AS profile;
INSERT INTO lair.as_text VALUES (1, '{"a": 1}');
ALTER TABLE lair.as_text DROP gone;
INSERT INTO lair.as_domain VALUES ('{"a": 1}');
INSERT INTO lair.as_json VALUES ('{"a": 1}');
INSERT INTO lair.as_array VALUES (ARRAY['{"a": 1}'::jsonb]);
INSERT INTO lair.as_number VALUES (81985529216486895);
INSERT INTO lair.as_row VALUES (ROW('x'));
INSERT INTO lair.no_profile VALUES ('{"a": 1}');
INSERT INTO lair.dropped VALUES ('{"a": 1}', 1);
ALTER TABLE lair.dropped DROP profile;
INSERT INTO lair.generated (source, x) VALUES ('x', 1), ('y', 2);
CREATE FUNCTION lair.hide(record) RETURNS record LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
SELECT t, pg_temp.try(format($$SELECT FROM lair.%I w WHERE w OPERATOR(cirro.@@) '{"a": 1}'$$, t)),
	pg_temp.try(format($$SELECT FROM lair.%I w WHERE lair.hide(w) OPERATOR(cirro.@@) '{"a": 1}'$$, t)) =
	pg_temp.try(format($$SELECT FROM lair.%I w WHERE cirro.matches(w, '{"a": 1}')$$, t)) AS always
	FROM unnest('{as_text,as_domain,as_json,as_array,as_number,as_row,no_profile,dropped,generated,as_view}'::text[]) WITH ORDINALITY u (t, n) ORDER BY n;
SELECT source FROM lair.generated w WHERE lair.hide(w) OPERATOR(cirro.@@) '{"a": 1}';
SELECT pg_temp.try($$SELECT ROW(1, '{"a": 1}'::jsonb) OPERATOR(cirro.@@) '{"a": 1}'$$);
RESET ROLE;

-- Statistics of a domain keep keys of our type, whatever is called likewise
-- beside the domain.
SET ROLE regress_cirro_mallory;
CREATE TYPE lair.profile_key AS (a bigint);
CREATE DOMAIN lair.sample AS cirro.profile_sample;
CREATE TABLE lair.sampled (x lair.sample);
INSERT INTO lair.sampled SELECT format('{"a": %s}', n)::cirro.profile_sample FROM generate_series(1, 100) n;
ANALYZE lair.sampled;
RESET ROLE;
SELECT DISTINCT pg_typeof(stavalues1), stavalues1 IS NOT NULL FROM pg_statistic WHERE starelid = 'lair.sampled'::regclass;
SELECT count(stavalues1::text) FROM pg_statistic WHERE starelid = 'lair.sampled'::regclass;

-- A Space that has lost its keys: more rows of a gig and a worker than there
-- are gigs and workers.
SELECT cirro.create_space('many', 'regress_cirro_mallory');
SET ROLE regress_cirro_mallory;
ALTER TABLE many.gig DROP CONSTRAINT gig_pkey CASCADE;
ALTER TABLE many.worker DROP CONSTRAINT worker_pkey CASCADE;
ALTER TABLE many.gig_state DROP CONSTRAINT gig_state_pkey CASCADE;
INSERT INTO many.worker (id, profile) SELECT n % 3, '{"a": 1}' FROM generate_series(1, 9) n;
INSERT INTO many.gig (id, title, url, start_at, end_at, total_seats, filter_query)
	SELECT n, 'g', 'u', now() + '1 h', now() + '1 day', 1, '{"a": 1}' FROM generate_series(1, 3) n;
-- Of gig 1 alone, which is not the less due once.
ALTER TABLE many.gig DISABLE TRIGGER USER;
INSERT INTO many.gig (id, title, url, start_at, end_at, created_at, total_seats, filter_query, invitation_mode, invitation_multiplier, invitation_frequency)
	SELECT 1, 'g', 'u', now() + '1 h', now() + '1 day', now(), 1, '{"a": 1}', 'auto', 10, '5 min' FROM generate_series(1, 3000);
ALTER TABLE many.gig ENABLE TRIGGER USER;
ANALYZE many.worker;
RESET ROLE;
SET cirro.wave_search = batch;
CALL cirro.run_waves('many');
SET ROLE regress_cirro_mallory;
INSERT INTO many.gig_state SELECT s.* FROM many.gig_state s, generate_series(1, 5);
UPDATE many.gig_state SET next_wave_at = now(), next_event_at = now();
RESET ROLE;
CALL cirro.run_waves('many');
RESET cirro.wave_search;
SELECT min(invited), max(invited), count(*) > 3 FROM many.wave;
SET ROLE regress_cirro_mallory;
SELECT count(*), count(DISTINCT (gig_id, worker_id)) FROM many.invitation;
UPDATE many.invitation SET status = 'accepted' WHERE id IN (SELECT id FROM many.invitation ORDER BY id LIMIT 1);
RESET ROLE;
DROP SCHEMA many CASCADE;

--
-- Rights
--

GRANT SELECT, INSERT, UPDATE, DELETE ON fort.worker, fort.gig, fort.invitation TO regress_cirro_mallory;
SET ROLE regress_cirro_owner;
INSERT INTO fort.worker (id, profile) SELECT n, jsonb_build_object('a', n, 'secret', 'of ' || n) FROM generate_series(1, 3) n;
INSERT INTO fort.gig (id, title, url, start_at, end_at, total_seats, filter_query)
	VALUES (1, 'g', 'u', now() + '1 h', now() + '1 day', 3, '{"a": {"$lt": 3}}'), (2, 'h', 'u', now() + '1 h', now() + '1 day', 3, '{"a": 3}');
RESET ROLE;
-- Rights on the tables are of no use to who may not use the schema.
SET ROLE regress_cirro_mallory;
SELECT c, pg_temp.try(c) FROM unnest('{"SELECT fort.run_wave(1)","SELECT cirro.run_wave(''fort'', 1)","SELECT cirro.record_attempt(''fort'', 1, NULL, NULL, ''{}'')","SELECT cirro.lock_rows(''fort'', ''gig'', ''{1}'')",
	"CALL cirro.run_waves(''fort'')","CALL cirro.upgrade_spaces(''fort'')","SELECT cirro.drop_space(''fort'')","SELECT cirro.schedule_waves(''fort'')"}'::text[]) WITH ORDINALITY u (c, n) ORDER BY n;
SELECT count(*) FROM fort.invitation;
SELECT space, version, paused FROM cirro.spaces() WHERE space = 'fort';
RESET ROLE;
SELECT count(*) FROM fort.attempt;
GRANT USAGE ON SCHEMA fort TO regress_cirro_mallory;
SET ROLE regress_cirro_mallory;
SELECT pg_temp.try('SELECT cirro.run_wave(''fort'', 1)');
RESET ROLE;
SELECT count(*) FROM fort.invitation;

-- Temporary tables in the place of a Space's, where its owner may no longer use
-- the schema: their triggers would run as the owner.
ALTER SCHEMA fort OWNER TO regress_cirro_mallory;
SET ROLE regress_cirro_mallory;
REVOKE ALL ON SCHEMA fort FROM regress_cirro_owner;
CREATE TABLE lair.ran_as (who name);
GRANT USAGE ON SCHEMA lair TO PUBLIC;
GRANT ALL ON lair.ran_as TO PUBLIC;
CREATE FUNCTION lair.spy() RETURNS trigger LANGUAGE plpgsql AS
	$$BEGIN INSERT INTO lair.ran_as VALUES (current_user); RETURN NEW; END$$;
CREATE TEMP TABLE invitation AS TABLE fort.invitation;
CREATE TEMP TABLE gig_state AS TABLE fort.gig_state;
CREATE TEMP TABLE setting AS TABLE fort.setting;
CREATE TEMP TABLE gig AS TABLE fort.gig;
CREATE TEMP TABLE worker AS TABLE fort.worker;
CREATE TEMP TABLE attempt (id bigint GENERATED ALWAYS AS IDENTITY, worker_id bigint, gig_ids bigint[], max_amount int, outcomes jsonb);
CREATE TEMP TABLE event (id bigint, kind text, gig_id bigint, worker_id bigint, invitation_id bigint, revision int, status text, previous text);
CREATE TEMP TABLE consumer (name text, kinds text[]);
CREATE TEMP TABLE notification (consumer text, event_id bigint);
CREATE TRIGGER spy BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION lair.spy();
CREATE TRIGGER spy BEFORE INSERT ON notification FOR EACH ROW EXECUTE FUNCTION lair.spy();
CREATE TRIGGER spy BEFORE INSERT ON attempt FOR EACH ROW EXECUTE FUNCTION lair.spy();
GRANT ALL ON invitation, gig_state, setting, gig, worker, attempt, event, consumer, notification TO PUBLIC;
SELECT pg_temp.try('INSERT INTO fort.invitation (gig_id, worker_id) VALUES (2, 3)');
SELECT pg_temp.try('SELECT cirro.record_attempt(''fort'', 1, NULL, NULL, ''{}'')');
SELECT pg_temp.try('SELECT cirro.run_wave(''fort'', 1)');
SELECT pg_temp.try('SELECT cirro.lock_rows(''fort'', ''gig'', ''{1}'')');
SELECT * FROM lair.ran_as;
DROP TABLE pg_temp.invitation, pg_temp.gig_state, pg_temp.setting, pg_temp.gig, pg_temp.worker, pg_temp.attempt, pg_temp.event, pg_temp.consumer, pg_temp.notification;
RESET ROLE;
-- Nor where the caller's search path is the Space, which has the temporary
-- schema in front of it.
GRANT USAGE ON SCHEMA fort TO regress_cirro_owner;
SET ROLE regress_cirro_mallory;
SET search_path = fort;
CREATE TEMP TABLE event (id bigint, kind text, gig_id bigint, worker_id bigint, invitation_id bigint, revision int, status text, previous text);
CREATE TEMP TABLE consumer (name text, kinds text[]);
CREATE TEMP TABLE notification (consumer text, event_id bigint);
CREATE TRIGGER spy BEFORE INSERT ON pg_temp.event FOR EACH ROW EXECUTE FUNCTION lair.spy();
CREATE TRIGGER spy BEFORE INSERT ON pg_temp.notification FOR EACH ROW EXECUTE FUNCTION lair.spy();
GRANT ALL ON pg_temp.event, pg_temp.consumer, pg_temp.notification TO PUBLIC;
INSERT INTO fort.invitation (gig_id, worker_id) VALUES (2, 3);
SELECT * FROM lair.ran_as;
DROP TABLE pg_temp.event, pg_temp.consumer, pg_temp.notification;
RESET search_path;
DELETE FROM fort.invitation WHERE worker_id = 3;
REVOKE ALL ON SCHEMA fort FROM regress_cirro_owner;
RESET ROLE;
-- The superuser's procedure says what is wrong.
SET client_min_messages = notice;
CALL cirro.run_waves('fort');
SET client_min_messages = warning;
ALTER SCHEMA fort OWNER TO regress_cirro_owner;
GRANT USAGE ON SCHEMA fort TO regress_cirro_owner, regress_cirro_mallory;

-- The right to create triggers on one table of an owner is none to others.
CREATE TABLE fort.beside (LIKE fort.invitation INCLUDING DEFAULTS);
ALTER TABLE fort.beside OWNER TO regress_cirro_owner;
GRANT ALL ON fort.beside TO regress_cirro_mallory;
SET ROLE regress_cirro_mallory;
CREATE TRIGGER t AFTER INSERT ON fort.beside REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cirro.invitation_inserted();
CREATE TRIGGER u AFTER DELETE ON fort.beside REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cirro.gig_deleted();
SELECT pg_temp.try('INSERT INTO fort.beside (id, gig_id, worker_id, times_invited) VALUES (2, 2, 2, 1)');
RESET ROLE;
DROP TRIGGER t ON fort.beside;
SET ROLE regress_cirro_mallory;
INSERT INTO fort.beside (id, gig_id, worker_id, times_invited) VALUES (2, 2, 2, 1);
SELECT pg_temp.try('DELETE FROM fort.beside');
RESET ROLE;
SELECT count(*) FROM fort.gig_state;
DROP TABLE fort.beside;
-- Nor can a trigger's transition table stand in the place of a table.
GRANT TRIGGER ON fort.gig TO regress_cirro_mallory;
SET ROLE regress_cirro_mallory;
CREATE TRIGGER "A" AFTER DELETE ON fort.gig REFERENCING OLD TABLE AS setting FOR EACH ROW EXECUTE FUNCTION cirro.gig_deleting();
SELECT pg_temp.try('DELETE FROM fort.gig WHERE id = 2');
RESET ROLE;
DROP TRIGGER "A" ON fort.gig;
REVOKE TRIGGER ON fort.gig FROM regress_cirro_mallory;

--
-- What a filter tells
--

-- A match may be evaluated below a policy or a barrier; what could tell of rows
-- that a role may not see is not.
CREATE VIEW lair.barrier WITH (security_barrier) AS SELECT id, profile FROM fort.worker WHERE id = 1;
GRANT SELECT ON lair.barrier TO regress_cirro_mallory;
ALTER TABLE fort.worker ENABLE ROW LEVEL SECURITY;
CREATE POLICY first_only ON fort.worker TO regress_cirro_mallory USING (id = 1);
SET ROLE regress_cirro_mallory;
CREATE FUNCTION lair.tell(jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE COST 0.0001 AS $$BEGIN RAISE WARNING 'told %', $1; RETURN $1; END$$;
CREATE FUNCTION lair.tell_filter(jsonb) RETURNS cirro.filter_query LANGUAGE plpgsql IMMUTABLE COST 0.0001 AS $$BEGIN RAISE WARNING 'told %', $1; RETURN '{}'; END$$;
CREATE FUNCTION lair.tell_match(jsonb, cirro.filter_query) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.0001 AS $$BEGIN RAISE WARNING 'told %', $1; RETURN true; END$$;
RESET ROLE;
CREATE OPERATOR lair.@@ (LEFTARG = jsonb, RIGHTARG = cirro.filter_query, FUNCTION = lair.tell_match, RESTRICT = cirro.matches_sel);
SET ROLE regress_cirro_mallory;
SELECT id FROM lair.barrier WHERE profile OPERATOR(cirro.@@) '{"a": {"$lt": 9}}';
SELECT id FROM lair.barrier WHERE lair.tell(profile) OPERATOR(cirro.@@) '{}';
SELECT id FROM lair.barrier WHERE profile OPERATOR(cirro.@@) lair.tell_filter(profile);
SELECT id FROM lair.barrier WHERE profile OPERATOR(lair.@@) '{}';
SELECT id FROM lair.barrier b WHERE b OPERATOR(cirro.@@) '{"a": {"$lt": 9}}';
SELECT id FROM fort.worker WHERE lair.tell(profile) OPERATOR(cirro.@@) '{}';
SELECT id FROM fort.worker WHERE profile OPERATOR(cirro.@@) lair.tell_filter(profile);
SELECT id FROM fort.worker w WHERE profile OPERATOR(lair.@@) '{}';
SELECT worker_id FROM fort.preview('{"a": {"$lt": 9}}');
RESET ROLE;
-- An operator of somebody else's is not told what statistics know of rows that
-- its user may not see.
INSERT INTO fort.worker (id, profile) SELECT n, '{"b": 1}' FROM generate_series(1001, 2000) n;
ANALYZE fort.worker;
CREATE FUNCTION pg_temp.estimate(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;
CREATE POLICY all_rows ON fort.worker TO regress_cirro_mallory USING (id > 0);
SET ROLE regress_cirro_mallory;
SELECT pg_temp.estimate($$SELECT FROM fort.worker WHERE profile OPERATOR(lair.@@) '{"b": 1}'$$) = pg_temp.estimate($$SELECT FROM fort.worker WHERE profile OPERATOR(lair.@@) '{"never": 1}'$$) AS untold;
RESET ROLE;
-- It is where they may be seen.
SELECT pg_temp.estimate($$SELECT FROM fort.worker WHERE profile OPERATOR(lair.@@) '{"b": 1}'$$) = pg_temp.estimate($$SELECT FROM fort.worker WHERE profile OPERATOR(lair.@@) '{"never": 1}'$$) AS untold;

--
-- Names
--

-- Whatever can be planted in a schema before a Space is made there is no part of
-- its tables, views and defaults.
CREATE SCHEMA planted AUTHORIZATION regress_cirro_owner;
GRANT ALL ON SCHEMA planted TO regress_cirro_mallory;
SET ROLE regress_cirro_mallory;
DO $$
DECLARE
	operator text;
	function text;
	lefts text;
	rights text;
	types text[] := '{smallint,integer,bigint,numeric,double precision,text,character varying,timestamp with time zone,interval,jsonb,text[],bigint[]}';
BEGIN
	FOREACH lefts IN ARRAY types LOOP
		FOREACH rights IN ARRAY types LOOP
			EXECUTE format('CREATE FUNCTION planted.op(%s, %s) RETURNS boolean LANGUAGE sql AS ''INSERT INTO lair.ran_as VALUES (current_user); SELECT true''', lefts, rights);
			FOREACH operator IN ARRAY '{=,<>,<,>,<=,>=,+,-,*,||,->,->>,<@,@>,&&}'::text[] LOOP
				EXECUTE format('CREATE OPERATOR planted.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = planted.op)', operator, lefts, rights);
			END LOOP;
			FOREACH function IN ARRAY '{jsonb_build_object,array_position,encode,left}'::text[] LOOP
				EXECUTE format('CREATE FUNCTION planted.%I(%s, %s) RETURNS boolean LANGUAGE sql AS ''INSERT INTO lair.ran_as VALUES (current_user); SELECT true''', function, lefts, rights);
			END LOOP;
		END LOOP;
		CONTINUE WHEN lefts LIKE '%[]';
		FOREACH function IN ARRAY '{jsonb_typeof,ceil,unnest,count,min,max,nextval,to_jsonb,hashint8extended,sha256,sum,date,isfinite}'::text[] LOOP
			EXECUTE format('CREATE FUNCTION planted.%I(%s) RETURNS boolean LANGUAGE sql AS ''INSERT INTO lair.ran_as VALUES (current_user); SELECT true''', function, lefts);
			EXECUTE format('CREATE FUNCTION planted.%I(%s[]) RETURNS boolean LANGUAGE sql AS ''INSERT INTO lair.ran_as VALUES (current_user); SELECT true''', function, lefts);
		END LOOP;
		EXECUTE format('CREATE DOMAIN planted.%I AS text', lefts);
	END LOOP;
	FOREACH function IN ARRAY '{random,gen_random_uuid,now,count,current_schema,clock_timestamp}'::text[] LOOP
		EXECUTE format('CREATE FUNCTION planted.%I() RETURNS bigint LANGUAGE sql AS ''INSERT INTO lair.ran_as VALUES (current_user); SELECT 1::bigint''', function);
	END LOOP;
	CREATE DOMAIN planted.int8 AS text;
	CREATE DOMAIN planted.timestamptz AS text;
END $$;
RESET ROLE;
SELECT cirro.create_space('planted', 'regress_cirro_owner');
SELECT pg_describe_object(d.classid, d.objid, d.objsubid), pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)
	FROM pg_depend d WHERE (d.refclassid = 'pg_proc'::regclass AND d.refobjid IN (SELECT oid FROM pg_proc WHERE pronamespace = 'planted'::regnamespace AND proowner = 'regress_cirro_mallory'::regrole)
		OR d.refclassid = 'pg_operator'::regclass AND d.refobjid IN (SELECT oid FROM pg_operator WHERE oprnamespace = 'planted'::regnamespace)
		OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (SELECT oid FROM pg_type WHERE typnamespace = 'planted'::regnamespace AND typowner = 'regress_cirro_mallory'::regrole))
	AND d.classid NOT IN ('pg_operator'::regclass, 'pg_type'::regclass) AND NOT (d.classid = 'pg_proc'::regclass AND d.objid IN (SELECT oid FROM pg_proc WHERE proowner = 'regress_cirro_mallory'::regrole)) ORDER BY 1, 2;
-- Nor does any of it run where cirro works as the owner: triggers and waves.
TRUNCATE lair.ran_as;
SET ROLE regress_cirro_owner;
INSERT INTO planted.worker (id, profile) SELECT n, '{"a": 1}' FROM generate_series(1, 3) n;
UPDATE planted.setting SET max_pending = 5;
DELETE FROM planted.consumer;
INSERT INTO planted.consumer (name) VALUES ('a'), ('b');
INSERT INTO planted.gig (id, ref, title, url, start_at, end_at, total_seats, filter_query, answer_within, pending_max)
	SELECT n, n, 'g', 'u', now() + '1 h', now() + '1 day', 2, '{"a": 1}', '1 h', 9 FROM generate_series(1, 3) n;
UPDATE planted.gig SET seats_max = 3, invitation_frequency = '1 min' WHERE id = 1;
RESET ROLE;
SELECT to_jsonb(cirro.run_wave('planted', 1)) ->> 'invited';
SET cirro.wave_search = batch;
CALL cirro.run_waves('planted');
RESET cirro.wave_search;
SELECT cirro.lock_rows('planted', 'worker', '{1}'), cirro.record_attempt('planted', 1, '{1}', 1, '{}');
SET ROLE regress_cirro_owner;
UPDATE planted.invitation SET status = 'accepted' WHERE gig_id = 1;
UPDATE planted.invitation SET status = 'left' WHERE gig_id = 1;
DELETE FROM planted.gig WHERE id = 2;
DELETE FROM planted.worker WHERE id = 3;
RESET ROLE;
SELECT length(cirro.report('planted')) > 1000, length(cirro.report('planted', 1)) > 1000;
SELECT min(error), count(*) FROM planted.wave;
SET cirro.clock = '2100-01-01';
CALL cirro.run_waves('planted');
RESET cirro.clock;
SELECT owner, version, paused, defect FROM cirro.spaces() WHERE space = 'planted';
CALL cirro.upgrade_spaces('planted');
SELECT count(*) FROM planted.notification;
SELECT DISTINCT who FROM lair.ran_as;
SELECT cirro.drop_space('planted');
DROP SCHEMA planted CASCADE;

-- A trigger that closes the cursor which the trigger of gig reads from.
SELECT cirro.create_space('closing');
INSERT INTO closing.gig (title, url, start_at, end_at, total_seats, filter_query)
SELECT 'g', 'u', now() + '1 h', now() + '1 day', 1, '{}' FROM generate_series(1, 2);
CREATE FUNCTION closing.planted() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN EXECUTE 'CLOSE ALL'; RETURN NEW; END$$;
CREATE TRIGGER planted BEFORE UPDATE ON closing.gig_state FOR EACH ROW EXECUTE FUNCTION closing.planted();
SELECT left(pg_temp.try('UPDATE closing.gig SET total_seats = 2'), 25);
CREATE OR REPLACE FUNCTION closing.planted() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN EXECUTE 'CLOSE ALL'; RETURN NEW; EXCEPTION WHEN invalid_cursor_state THEN RETURN NEW; END$$;
UPDATE closing.gig SET total_seats = 2;
SELECT count(*) FROM closing.gig_state WHERE capacity = 2;
SELECT cirro.drop_space('closing');
DROP SCHEMA closing CASCADE;

-- Waves in Spaces of names that want quoting.
CREATE FUNCTION pg_temp.waves(space name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM cirro.create_space(space, 'regress_cirro_owner');
	EXECUTE format('INSERT INTO %1$I.worker (id) VALUES (1), (2);
		INSERT INTO %1$I.gig (id, title, url, start_at, end_at, total_seats, filter_query)
		SELECT n, ''g'', ''u'', now() + ''1 h'', now() + ''1 day'', 1, ''{}'' FROM generate_series(1, 2) n', space);
	EXECUTE format('SELECT invited FROM %I.run_wave(1)', space) INTO result;
	CALL cirro.run_waves(space);
	EXECUTE format('SELECT $1 || '' '' || count(*) || '' '' || count(DISTINCT consumer) || '' '' || (SELECT string_agg(DISTINCT payload ->> ''space'', '','') FROM %1$I.claim_notifications()) FROM %1$I.notification', space)
		INTO result USING result;
	PERFORM cirro.drop_space(space);
	RETURN result;
END $$;
SET client_min_messages = error;
SELECT pg_temp.waves(n) = '2 4 1 ' || n, n FROM unnest(ARRAY['x"; DROP SCHEMA fort CASCADE; --', 'x''; SELECT 1; --', 'back\slash\', ' space ', 'a.b', '$$', '$1', 'pg', 'PG_X', E'tab\there', 'fort '])
	WITH ORDINALITY u (n, i) ORDER BY i;
SET client_min_messages = warning;
SELECT pg_temp.try('SELECT cirro.create_space(E''pg_x\u0301'')');

DROP SCHEMA fort, lair CASCADE;
DROP OWNED BY regress_cirro_owner, regress_cirro_app, regress_cirro_mallory;
DROP ROLE regress_cirro_owner, regress_cirro_app, regress_cirro_mallory;
