# The owner of a Space plants code wherever PostgreSQL lets an owner put some, and
# waits for the superuser's tick: triggers, also deferred ones, defaults, checks,
# row policies, generated columns, domains, casts, expression indexes, functions,
# aggregates and operators of well-known names, tables below and above a Space's,
# a view in place of a table. Nothing of it ever runs as anybody but the owner, no
# setting and nothing else of it survives in the session, what makes a gig fail
# is said, and the Spaces of others go on.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Whoever runs this: the superuser is asked for by name.
$ENV{PGUSER} = 'postgres';
my $node = PostgreSQL::Test::Cluster->new('hostile');
$node->init(extra => [ '-U', 'postgres' ]);
$node->append_conf('postgresql.conf', "fsync = off");
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]) }

# With a session of one's own: who has SET ROLE may always go back.
sub sql_as { return $node->safe_psql('postgres', $_[1], extra_params => [ '-U', $_[0] ]) }

# Sequences count across rollbacks who ran the planted code.
sql(<<'SQL');
CREATE ROLE mallory LOGIN;
CREATE ROLE alice LOGIN;
GRANT CREATE ON DATABASE postgres TO mallory, alice;
GRANT CREATE ON SCHEMA public TO mallory;
CREATE EXTENSION cirro;
SQL
sql_as('alice', "SELECT cirro.create_space('good')");
sql_as('mallory', <<'SQL');
CREATE SCHEMA plan;
CREATE SEQUENCE plan.as_mallory;
CREATE SEQUENCE plan.as_other;
CREATE TABLE plan.armed ();
CREATE FUNCTION plan.strike() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	attack text;
BEGIN
	IF NOT EXISTS (SELECT FROM plan.armed) THEN
		RETURN 'waits';
	END IF;
	IF current_user OPERATOR(pg_catalog.=) 'mallory'::pg_catalog.name THEN
		PERFORM pg_catalog.nextval('plan.as_mallory'::pg_catalog.regclass);
	ELSE
		PERFORM pg_catalog.nextval('plan.as_other'::pg_catalog.regclass);
	END IF;
	-- All of it once in a scope that undoes it; to count is enough for the rest.
	IF pg_catalog.current_setting('plan.struck', true) OPERATOR(pg_catalog.=) pg_catalog.pg_current_xact_id()::pg_catalog.text THEN
		RETURN 'struck';
	END IF;
	FOREACH attack IN ARRAY ARRAY['ALTER ROLE mallory SUPERUSER', 'GRANT postgres TO mallory', 'SET ROLE postgres', 'RESET ROLE',
		'SET LOCAL ROLE postgres', 'SELECT pg_catalog.set_config(''role'', ''postgres'', false)', 'SET ROLE NONE',
		'SET SESSION AUTHORIZATION DEFAULT', 'SET SESSION AUTHORIZATION postgres', 'RESET ALL', 'DISCARD ALL', 'DISCARD TEMP',
		'SET cirro.clock = ''2040-01-01''', 'SELECT pg_catalog.set_config(''cirro.clock'', ''2040-01-01'', false)',
		'SET statement_timeout = ''5min''', 'SET LOCAL cirro.active = off', 'SET default_transaction_read_only = on',
		'SET cirro.wave_memory = 64', 'SELECT pg_catalog.set_config(''cirro.wave_search'', ''single'', false)',
		'SET search_path = names, public', 'SET row_security = off', 'SET session_replication_role = replica',
		'SET client_min_messages = panic', 'SET application_name = ''mallory''', 'SET DateStyle = german', 'SET TimeZone = ''Asia/Tokyo''',
		'SET IntervalStyle = iso_8601', 'SET standard_conforming_strings = off', 'SET transform_null_equals = on',
		'SET array_nulls = off', 'SET bytea_output = escape', 'SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE',
		'SET CONSTRAINTS ALL DEFERRED', 'SET plan.armed = yes',
		'CREATE TEMP TABLE gig (id bigint)', 'CREATE TEMP TABLE t AS SELECT 1', 'CREATE TEMP VIEW gig AS SELECT 1 AS id',
		'CREATE TEMP SEQUENCE s',
		'DECLARE c CURSOR WITH HOLD FOR SELECT plan.strike()', 'CLOSE ALL', 'PREPARE p AS SELECT plan.strike()',
		'DEALLOCATE ALL', 'LISTEN mallory', 'UNLISTEN *', 'COMMIT', 'ROLLBACK', 'SAVEPOINT s', 'ABORT', 'PREPARE TRANSACTION ''x''',
		'LOCK TABLE pg_catalog.pg_class', 'ALTER SYSTEM SET fsync = off', 'COPY (SELECT 1) TO PROGRAM ''touch /tmp/x''',
		'CREATE EXTENSION cirro', 'CREATE FUNCTION cirro.f() RETURNS int LANGUAGE sql AS ''SELECT 1''',
		'CREATE FUNCTION plan.c() RETURNS trigger LANGUAGE c AS ''$libdir/cirro'', ''gig_check''',
		'SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())', 'SELECT pg_catalog.pg_cancel_backend(pg_catalog.pg_backend_pid())',
		'UPDATE good.gig SET title = ''x''', 'SELECT good.accept(1)', 'SELECT cirro.run_wave(''good'', 1)', 'CALL cirro.run_waves(''good'')',
		'SELECT cirro.drop_space(''good'')', 'SELECT cirro.lock_rows(''good'', ''gig'', ''{1}'')',
		'SELECT * FROM kept', 'EXECUTE kept_statement', 'SELECT * FROM kept_table',
		'ALTER ROLE mallory SUPERUSER'] LOOP
		BEGIN
			EXECUTE attack;
		EXCEPTION WHEN OTHERS THEN NULL;
		END;
	END LOOP;
	PERFORM pg_catalog.set_config('plan.struck', pg_catalog.pg_current_xact_id()::pg_catalog.text, false);
	RETURN 'struck';
END $$;
CREATE FUNCTION plan.strike_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM plan.strike();
	RETURN NEW;
END $$;
CREATE FUNCTION plan.lead_astray() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM plan.strike();
	SET search_path = names, public, pg_catalog;
	RETURN NEW;
END $$;
CREATE FUNCTION plan.strike_true(anyelement) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RETURN plan.strike() IS NOT NULL;
END $$;
CREATE FUNCTION plan.strike_int(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM plan.strike();
	RETURN $1;
END $$;
CREATE FUNCTION plan.strike_text(text, text) RETURNS text LANGUAGE sql AS 'SELECT plan.strike()';
CREATE DOMAIN plan.struck AS bigint CHECK (plan.strike_true(VALUE));
CREATE TYPE plan.fake AS (x jsonb);
CREATE FUNCTION plan.fake_filter(plan.fake) RETURNS cirro.filter_query LANGUAGE plpgsql AS $$
BEGIN
	PERFORM plan.strike();
	RETURN ($1).x;
END $$;
CREATE CAST (plan.fake AS cirro.filter_query) WITH FUNCTION plan.fake_filter(plan.fake) AS IMPLICIT;
CREATE FUNCTION plan.to_fake(cirro.filter_query) RETURNS plan.fake LANGUAGE sql IMMUTABLE AS 'SELECT ROW($1::jsonb)::plan.fake';
CREATE CAST (cirro.filter_query AS plan.fake) WITH FUNCTION plan.to_fake(cirro.filter_query) AS ASSIGNMENT;
SQL

# The planted Spaces; each has three workers and a gig that is due.
sub plant
{
	my ($space, $code) = @_;
	sql_as('mallory', "SELECT cirro.create_space('$space'); SET search_path = $space, pg_catalog; $code");
	fill($space, 'mallory');
}

sub fill
{
	my ($space, $owner) = @_;
	sql_as($owner, qq{
		INSERT INTO $space.worker (profile) SELECT '{"a": 1}' FROM generate_series(1, 3);
		INSERT INTO $space.gig (title, url, start_at, end_at, total_seats, filter_query)
		VALUES ('g', 'u', now() + '1 h', now() + '1 day', 1, '{"a": 1}')});
}

plant('deferred', 'CREATE CONSTRAINT TRIGGER t AFTER INSERT ON invitation DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION plan.strike_trigger()');
plant('late_state', 'CREATE CONSTRAINT TRIGGER t AFTER UPDATE ON gig_state DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION plan.strike_trigger()');
plant('triggers', 'CREATE TRIGGER a BEFORE INSERT ON invitation FOR EACH ROW EXECUTE FUNCTION plan.strike_trigger();
	CREATE TRIGGER z AFTER INSERT ON event FOR EACH ROW EXECUTE FUNCTION plan.strike_trigger();
	CREATE TRIGGER z AFTER INSERT ON notification FOR EACH ROW EXECUTE FUNCTION plan.strike_trigger();
	CREATE TRIGGER z AFTER UPDATE ON gig_state FOR EACH ROW EXECUTE FUNCTION plan.strike_trigger();
	CREATE TRIGGER z AFTER INSERT ON wave FOR EACH STATEMENT EXECUTE FUNCTION plan.strike_trigger()');
plant('own_rule', q{CREATE FUNCTION may(gig_id bigint, worker_ids bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS
	'BEGIN PERFORM plan.strike(); SET search_path = names, public, pg_catalog; RETURN worker_ids; END';
	UPDATE setting SET eligible = 'may'});
plant('columns', q{ALTER TABLE invitation ADD COLUMN x text DEFAULT plan.strike();
	ALTER TABLE event ADD CHECK (plan.strike_true(kind));
	ALTER TABLE notification ADD CHECK (plan.strike_true(consumer));
	ALTER TABLE wave ADD COLUMN x text DEFAULT plan.strike();
	CREATE INDEX ON invitation (plan.strike_int(gig_id));
	CREATE INDEX ON gig_state (plan.strike_int(accepted))});
plant('policies', q{ALTER TABLE worker ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
	CREATE POLICY p ON worker USING (plan.strike_true(id));
	ALTER TABLE gig ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
	CREATE POLICY p ON gig USING (plan.strike_true(id));
	ALTER TABLE invitation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
	CREATE POLICY p ON invitation USING (plan.strike_true(id)) WITH CHECK (plan.strike_true(id));
	ALTER TABLE gig_state ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
	CREATE POLICY p ON gig_state USING (plan.strike_true(gig_id))});
plant('astray', 'CREATE TRIGGER z AFTER INSERT ON invitation FOR EACH ROW EXECUTE FUNCTION plan.lead_astray();
	CREATE TRIGGER z BEFORE UPDATE ON gig_state FOR EACH ROW EXECUTE FUNCTION plan.lead_astray()');

# What a session would keep makes the gig fail; types are refused by core.
my %kept = (
	leaves_function => 'CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql AS \'SELECT plan.strike()\'',
	leaves_operator => 'CREATE OPERATOR pg_temp.&&& (LEFTARG = text, RIGHTARG = text, FUNCTION = plan.strike_text)',
	leaves_domain => 'CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (plan.strike_true(VALUE))',
	leaves_enum => 'CREATE TYPE pg_temp.jsonb AS ENUM (\'x\')');
plant($_, "CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS \$\$BEGIN $kept{$_}; RETURN NULL; END\$\$;
	CREATE TRIGGER z AFTER INSERT ON invitation FOR EACH STATEMENT EXECUTE FUNCTION leave()") for sort keys %kept;
# Every timeout that a role may set. None but transaction_timeout (since 17) starts
# at once, and its timer goes with the setting.
plant('timed', q{CREATE FUNCTION hurry() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
		PERFORM set_config(name, '1s', false) FROM pg_settings WHERE name LIKE '%timeout%' AND context = 'user';
		RETURN NULL; END$$;
	CREATE TRIGGER z AFTER INSERT ON invitation FOR EACH STATEMENT EXECUTE FUNCTION hurry()});
plant('read_only', 'CREATE FUNCTION no_more() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN SET TRANSACTION READ ONLY; RETURN NULL; END$$;
	CREATE TRIGGER z AFTER INSERT ON invitation FOR EACH STATEMENT EXECUTE FUNCTION no_more()');
plant('generated', 'ALTER TABLE invitation ADD COLUMN x bigint GENERATED ALWAYS AS (plan.strike_int(worker_id)) STORED;
	ALTER TABLE event ADD COLUMN x bigint GENERATED ALWAYS AS (plan.strike_int(gig_id)) STORED;
	ALTER TABLE wave ADD COLUMN x plan.struck DEFAULT 1; ALTER TABLE notification ADD COLUMN y plan.struck DEFAULT 2;
	CREATE UNIQUE INDEX ON notification ((plan.strike_int(id))) WHERE plan.strike_int(event_id) > 0;
	CREATE STATISTICS st ON (plan.strike_int(gig_id)), worker_id FROM invitation');
plant('casts', 'ALTER TABLE gig_filter ALTER filter TYPE plan.fake USING plan.to_fake(filter);
	ALTER TABLE gig_key ALTER filter TYPE plan.fake USING plan.to_fake(filter)');
plant('below', 'CREATE TABLE kid () INHERITS (invitation); CREATE TABLE kid_state () INHERITS (gig_state);
	CREATE TRIGGER k BEFORE UPDATE ON kid_state FOR EACH ROW EXECUTE FUNCTION plan.strike_trigger();
	ALTER TABLE kid ADD CHECK (plan.strike_true(id))');
sql_as('mallory', "INSERT INTO below.kid_state SELECT * FROM below.gig_state");
plant('above', q{CREATE TABLE top (LIKE attempt INCLUDING ALL) PARTITION BY RANGE (id);
	ALTER TABLE top ALTER id DROP IDENTITY; ALTER TABLE attempt ALTER id DROP IDENTITY;
	CREATE TRIGGER up AFTER INSERT ON top FOR EACH ROW EXECUTE FUNCTION plan.strike_trigger();
	ALTER TABLE top ATTACH PARTITION attempt DEFAULT});

# The names that queries use, with types that fit better than pg_catalog's.
my $names = join "\n", map { my $schema = $_; qq{
	CREATE FUNCTION $schema.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT plan.strike(); SELECT pg_catalog.now()';
	CREATE FUNCTION $schema.count(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT plan.strike(); SELECT 1::bigint';
	CREATE FUNCTION $schema.ceil(numeric) RETURNS numeric LANGUAGE sql AS 'SELECT plan.strike(); SELECT 1::numeric';
	CREATE FUNCTION $schema.nextval(text) RETURNS bigint LANGUAGE sql AS 'SELECT plan.strike(); SELECT 1::bigint';
	CREATE FUNCTION $schema.pg_get_serial_sequence(varchar, varchar) RETURNS text LANGUAGE sql AS 'SELECT plan.strike()';
	CREATE FUNCTION $schema.unnest(bigint[]) RETURNS SETOF bigint LANGUAGE sql AS 'SELECT plan.strike(); SELECT 1::bigint';
	CREATE FUNCTION $schema.hashint8extended(bigint, int) RETURNS bigint LANGUAGE sql AS 'SELECT plan.strike(); SELECT 1::bigint';
	CREATE FUNCTION $schema.eq(text, varchar) RETURNS boolean LANGUAGE sql AS 'SELECT plan.strike() IS NULL';
	CREATE OPERATOR $schema.= (LEFTARG = text, RIGHTARG = varchar, FUNCTION = $schema.eq);
	CREATE FUNCTION $schema.le(bigint, int) RETURNS boolean LANGUAGE sql AS 'SELECT plan.strike() IS NULL';
	CREATE OPERATOR $schema.< (LEFTARG = bigint, RIGHTARG = int, FUNCTION = $schema.le);
	CREATE FUNCTION $schema.matches(jsonb, cirro.filter_query) RETURNS boolean LANGUAGE sql AS 'SELECT plan.strike() IS NOT NULL';
	CREATE OPERATOR $schema.@@ (LEFTARG = jsonb, RIGHTARG = cirro.filter_query, FUNCTION = $schema.matches);
	CREATE FUNCTION $schema.add(bigint, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT plan.strike(); SELECT 1::bigint';
	CREATE AGGREGATE $schema.max(bigint) (SFUNC = $schema.add, STYPE = bigint, INITCOND = '0');
	CREATE AGGREGATE $schema.min(bigint) (SFUNC = $schema.add, STYPE = bigint, INITCOND = '0');
	CREATE FUNCTION $schema.text_of(cirro.filter_query) RETURNS text LANGUAGE sql AS 'SELECT plan.strike()';
	CREATE FUNCTION $schema.longer(interval, interval) RETURNS interval LANGUAGE sql AS 'SELECT plan.strike(); SELECT \$2';
	CREATE FUNCTION $schema.longest(interval, float8) RETURNS interval LANGUAGE sql AS 'SELECT plan.strike(); SELECT \$1';
	CREATE AGGREGATE $schema.percentile_disc(float8 ORDER BY interval) (SFUNC = $schema.longer, STYPE = interval, FINALFUNC = $schema.longest);
	CREATE DOMAIN $schema.int4 AS text CHECK (plan.strike_true(VALUE));
} } qw(names public);
plant('names', $names);
plant('jsonb_type', 'CREATE TYPE jsonb AS (x int); CREATE TYPE bigint AS (x int)');
# What the planner works out before a row is read.
plant('constants', q{CREATE INDEX ON gig (plan.strike_int(1)); CREATE INDEX ON gig_state (plan.strike_int(2));
	CREATE INDEX ON invitation (id) WHERE plan.strike_int(3) = bigint '3'; CREATE INDEX ON event (id) WHERE plan.strike_int(4) = bigint '4';
	CREATE INDEX ON notification (plan.strike_int(5))});
plant('moments', q{SELECT 1});
sql_as('mallory', q{SET search_path = moments;
	CREATE TYPE moment AS (x timestamptz);
	CREATE FUNCTION to_moment(timestamptz) RETURNS moment LANGUAGE sql IMMUTABLE AS 'SELECT ROW($1)::moments.moment';
	CREATE FUNCTION of_moment(moment) RETURNS timestamptz LANGUAGE sql AS 'SELECT plan.strike(); SELECT ($1).x';
	CREATE CAST (timestamptz AS moment) WITH FUNCTION to_moment(timestamptz) AS ASSIGNMENT;
	CREATE CAST (moment AS timestamptz) WITH FUNCTION of_moment(moment) AS IMPLICIT;
	ALTER TABLE gig ALTER created_at DROP DEFAULT, DROP CONSTRAINT gig_end_at_check;
	ALTER TABLE gig ALTER created_at TYPE moment USING to_moment(created_at)});
plant('gone', q{SELECT 1});
sql_as('mallory', q{SET search_path = gone;
	ALTER TABLE setting RENAME TO setting_; CREATE VIEW setting AS SELECT s.*, plan.strike() AS x FROM setting_ s;
	ALTER TABLE worker RENAME TO worker_; CREATE VIEW worker AS SELECT w.*, plan.strike() AS x FROM worker_ w});
plant('rules', q{SELECT 1});
sql_as('mallory', q{SET search_path = rules;
	CREATE RULE r AS ON INSERT TO invitation DO ALSO SELECT plan.strike();
	CREATE RULE r AS ON UPDATE TO setting DO ALSO SELECT plan.strike()});
# Due last, after all of these.
fill('good', 'alice');
sql_as('mallory', 'INSERT INTO plan.armed DEFAULT VALUES');

sub others { return sql('SELECT is_called FROM plan.as_other') }
sub is_super { return sql("SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'") }
is(is_super(), 'f', 'mallory is no superuser');

# All there is in a session: who it is, every setting, and what it has made or
# listens to.
my $show = q{SELECT 'user ' || current_user || ' ' || session_user UNION ALL
	SELECT 'set ' || name || ' ' || coalesce(setting, '') FROM pg_settings UNION ALL
	SELECT 'set plan.armed ' || coalesce(current_setting('plan.armed', true), '') UNION ALL
	SELECT 'cursor ' || name FROM pg_cursors WHERE is_holdable UNION ALL
	SELECT 'prepared ' || name FROM pg_prepared_statements UNION ALL
	SELECT 'listens to ' || c FROM pg_listening_channels() c UNION ALL
	SELECT 'temporary ' || pg_describe_object(classid, objid, objsubid) FROM pg_depend
		WHERE refclassid = 'pg_namespace'::regclass AND refobjid = pg_my_temp_schema() UNION ALL
	SELECT 'type ' || x::text || pg_typeof('x'::text) || pg_typeof('{}'::jsonb) FROM (SELECT 1 AS x) x ORDER BY 1};
my $begin = q{LOAD 'cirro';
LOAD 'plpgsql';
SET TimeZone = 'Europe/Berlin';
CREATE TEMP TABLE kept_table (x int);
DECLARE kept CURSOR WITH HOLD FOR SELECT 1;
PREPARE kept_statement AS SELECT 1;
LISTEN kept_channel;
};
my ($code, $out, $err) = $node->psql('postgres', "$begin$show;\nCALL cirro.run_waves();\n$show;\n", on_error_stop => 0);
my @shown = split /\n/, $out;
my @before = splice @shown, 0, @shown / 2;
is_deeply(\@shown, \@before, 'user, settings and session are as before');
cmp_ok(@before, '>', 300, 'these are many');
is(others(), 'f', 'nothing planted ran as the superuser');
is(is_super(), 'f', 'mallory is still no superuser');
cmp_ok(sql('SELECT last_value FROM plan.as_mallory'), '>', 20, 'though much of it ran, as mallory');
like($err, qr/WARNING:  skipping Space "gone"/, 'what is no Space any more is passed over');

is(sql("SELECT outcome, invited FROM good.wave"), 'invited|3', 'the Space of alice has had its wave');
like(sql('SELECT error FROM rules.wave'), qr/rules/, 'rules: it is said why the gig fails');
for my $space (qw(deferred late_state))
{
	my $got = sql("SELECT outcome || ': ' || error FROM $space.wave");
	like($space eq 'late_state' ? "$got$err" : $got, qr/deferred/, "$space: it is said why the gig fails: $got");
	is(sql("SELECT count(*) FROM $space.invitation"), '0', "$space: nobody is invited");
}
is(sql("SELECT count(*) FROM read_only.invitation"), '0', 'read_only: its gig fails');
for my $space (sort keys %kept)
{
	like(sql("SELECT outcome || ': ' || error FROM $space.wave"), qr/^failed: .*temporary schema/, "$space: it is said why the gig fails");
	is(sql("SELECT count(*) FROM $space.invitation"), '0', "$space: nobody is invited");
}
for my $space (qw(triggers columns policies generated casts above names jsonb_type timed))
{
	is(sql("SELECT outcome, invited, error FROM $space.wave"), 'invited|3|', "$space: its own business, it has its wave");
}

sql('UPDATE timed.gig SET total_seats = 2; DELETE FROM timed.invitation');
($code, $out, $err) = $node->psql('postgres', q{BEGIN; CALL cirro.run_waves('timed'); SELECT pg_sleep(1.3); COMMIT;
	SELECT 'alive', count(*) FROM timed.invitation});
like($out, qr/alive\|3/, 'no timeout that an owner has set outlives the work in the Space');

# All the other ways in which a superuser comes by. Of answers there are quantiles.
sql_as('mallory', "UPDATE names.invitation SET status = 'rejected'");
for my $space (qw(deferred late_state triggers own_rule astray columns policies generated casts below above names constants moments jsonb_type gone rules read_only), sort keys %kept)
{
	$node->psql('postgres', $_) for (
		"CALL cirro.run_waves('$space')",
		"BEGIN; CALL cirro.run_waves('$space'); COMMIT",
		"SELECT cirro.run_wave('$space', 1)",
		"BEGIN; SELECT cirro.run_wave('$space', 1); SET CONSTRAINTS ALL IMMEDIATE; COMMIT",
		"SELECT cirro.record_attempt('$space', 1, NULL, NULL, '[]')",
		"SELECT cirro.lock_rows('$space', 'gig', '{1}'), cirro.lock_rows('$space', 'gig_state', '{1}')",
		"SELECT cirro.eligible_gigs('$space', 1, '{1}')",
		"SELECT length(cirro.report('$space'))",
		"SELECT length(cirro.report('$space', 1))",
		"CALL cirro.upgrade_spaces('$space')");
}
$node->psql('postgres', $_) for ('SELECT * FROM cirro.spaces()', 'CALL cirro.upgrade_spaces()', 'CALL cirro.run_waves()');
is(others(), 'f', 'nor by any other call');
is(is_super(), 'f', 'and mallory is no superuser');
is(sql("SELECT outcome, invited FROM good.wave"), 'invited|3', 'the Space of alice is at peace');

$node->stop;
done_testing();
