# Whose a Space is may change at any time, and what it is called: while a run is
# under way, or a turn. What was begun in one owner's name is not done to what
# belongs to another by then. And no owner can keep a superuser from listing,
# upgrading or dumping the Spaces of others.
use strict;
use warnings;
use IPC::Run qw(start);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

# Whoever runs this: the superuser is asked for by name.
$ENV{PGUSER} = 'postgres';
my $node = PostgreSQL::Test::Cluster->new('owner');
$node->init(extra => [ '-U', 'postgres' ]);
$node->append_conf('postgresql.conf', "fsync = off");
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub sql_as { return $node->safe_psql('postgres', $_[1], extra_params => [ '-U', $_[0] ]) }

# A call that goes on in the background; returns its handle and what it says.
sub begin
{
	my ($user, $query) = @_;
	my ($in, $out, $err) = ('', '', '');
	my $handle = start([ 'psql', '-X', '-q', '-At', '-d', $node->connstr('postgres'), '-U', $user, '-c', $query ],
		'<', \$in, '>', \$out, '2>', \$err);
	return { handle => $handle, out => \$out, err => \$err };
}

sub finish
{
	my ($call) = @_;
	$call->{handle}->finish;
	return ${ $call->{err} };
}

# Who ran mallory's code is counted by sequences, across rollbacks.
sql(<<'SQL');
CREATE ROLE mallory LOGIN;
CREATE ROLE alice LOGIN;
GRANT CREATE ON DATABASE postgres TO mallory, alice;
CREATE EXTENSION cirro;
CREATE SCHEMA stage;
GRANT USAGE ON SCHEMA stage TO PUBLIC;
CREATE TABLE stage.waiting ();
CREATE TABLE stage.go ();
GRANT SELECT, INSERT ON stage.waiting, stage.go TO PUBLIC;
-- A trigger of alice that takes its time.
CREATE FUNCTION stage.wait() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_lock_shared(7);
	FOR i IN 1 .. 2000 LOOP
		EXIT WHEN EXISTS (SELECT FROM stage.go);
		PERFORM pg_sleep(0.05);
	END LOOP;
	PERFORM pg_advisory_unlock_shared(7);
	RETURN NULL;
END $$;
SQL
sql_as('mallory', <<'SQL');
CREATE SCHEMA plan;
GRANT USAGE ON SCHEMA plan TO PUBLIC;
CREATE SEQUENCE plan.as_other;
CREATE SEQUENCE plan.as_mallory;
GRANT ALL ON SEQUENCE plan.as_other, plan.as_mallory TO PUBLIC;
CREATE FUNCTION plan.strike() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval(CASE current_user WHEN 'mallory' THEN 'plan.as_mallory' ELSE 'plan.as_other' END::regclass);
	RETURN NEW;
END $$;
SQL

sub struck { return sql("SELECT is_called FROM plan.as_$_[0]") }

sub wait_for_trigger
{
	return $node->poll_query_until('postgres',
		q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND granted});
}

# Gigs without a worker, but one that makes the trigger wait.
sub fill
{
	my ($owner, $space, $gigs) = @_;
	sql_as($owner, qq{
		INSERT INTO $space.gig (title, url, start_at, end_at, total_seats, filter_query)
		SELECT 'g', 'u', now() + '1 h', now() + '1 day', 1, '{}' FROM generate_series(1, $gigs)});
}

my @tables = qw(setting worker gig gig_filter gig_key gig_state look invitation wave attempt event consumer notification notification_floor);

#
# A Space of a superuser is handed over while a run is between two of its turns.
#
sql(q{SELECT cirro.create_space('a_handed')});
fill('postgres', 'a_handed', 150);
sql_as('alice', q{SELECT cirro.create_space('b_slow')});
fill('alice', 'b_slow', 1);
sql_as('alice', q{CREATE TRIGGER t AFTER INSERT ON b_slow.wave FOR EACH ROW EXECUTE FUNCTION stage.wait()});
my $run = begin('postgres', 'CALL cirro.run_waves()');
ok(wait_for_trigger(), 'the run has left the first Space after 100 gigs, and waits in the second');
is(sql('SELECT count(*) FROM a_handed.wave'), '100', 'so it is');
sql(join '', map { "ALTER TABLE a_handed.$_ OWNER TO mallory;" } @tables);
sql('ALTER SCHEMA a_handed OWNER TO mallory');
sql_as('mallory', join '', map { "CREATE TRIGGER z BEFORE INSERT OR UPDATE ON a_handed.$_ FOR EACH ROW EXECUTE FUNCTION plan.strike();
	GRANT ALL ON a_handed.$_ TO postgres;" } @tables);
sql('INSERT INTO stage.go DEFAULT VALUES');
unlike(finish($run), qr/ERROR|FATAL/, 'the run goes on');
is(struck('other'), 'f', 'but not in the name of the former owner');
is(sql('SELECT count(*) FROM a_handed.wave'), '100', 'what was left is left to the next');
is(sql('SELECT count(*) FROM b_slow.wave'), '1', 'the others have their turns');
sql('CALL cirro.run_waves()');
is(sql('SELECT count(*), count(error) FROM a_handed.wave'), '150|0', 'which does it as the new owner');
is(struck('mallory'), 't', 'whose triggers run');
is(struck('other'), 'f', 'as nobody else');

# One table of all is enough.
sql_as('mallory', 'UPDATE a_handed.gig_state SET next_wave_at = now(), next_event_at = now(), slept_in = NULL');
sql('DELETE FROM stage.go');
sql_as('alice', 'UPDATE b_slow.gig_state SET next_wave_at = now(), next_event_at = now(), slept_in = NULL, failures = 0;
	INSERT INTO b_slow.worker DEFAULT VALUES');
$run = begin('postgres', 'CALL cirro.run_waves()');
ok(wait_for_trigger(), 'again it waits in the second');
my $n = sql('SELECT sum(repeats) FROM a_handed.wave');
sql('ALTER TABLE a_handed.notification OWNER TO alice');
sql('INSERT INTO stage.go DEFAULT VALUES');
finish($run);
is(sql('SELECT sum(repeats) FROM a_handed.wave'), $n, 'one table that has changed hands ends the turns');
like(sql(q{SELECT defect FROM cirro.spaces() WHERE space = 'a_handed'}), qr/different owners/, 'it is said what is wrong');
sql('DROP SCHEMA a_handed CASCADE');

#
# A Space is renamed in the middle of a turn, and mallory has a schema of its name.
#
sql('DELETE FROM stage.go');
sql_as('alice', q{SELECT cirro.create_space('moving')});
sql_as('alice', q{INSERT INTO moving.worker DEFAULT VALUES;
	CREATE TRIGGER t AFTER INSERT ON moving.invitation FOR EACH ROW EXECUTE FUNCTION stage.wait()});
fill('alice', 'moving', 1);
for my $call ([ 'postgres', q{CALL cirro.run_waves('moving')}, 'a wave' ],
	[ 'alice', q{INSERT INTO moving.invitation (gig_id, worker_id) VALUES (1, 2)}, 'a trigger' ])
{
	my ($user, $query, $what) = @$call;
	$run = begin($user, $query);
	ok(wait_for_trigger(), "$what waits");
	sql_as('alice', 'ALTER SCHEMA moving RENAME TO moved');
	sql_as('mallory', q{SELECT cirro.create_space('moving'); GRANT ALL ON SCHEMA moving TO PUBLIC});
	sql_as('mallory', join '', map { "CREATE TRIGGER z BEFORE INSERT OR UPDATE ON moving.$_ FOR EACH STATEMENT EXECUTE FUNCTION plan.strike();
		GRANT ALL ON moving.$_ TO PUBLIC;" } @tables);
	sql('INSERT INTO stage.go DEFAULT VALUES');
	is(finish($run), '', "$what goes on");
	is(struck('other'), 'f', "$what: nothing of mallory's ran as alice");
	is(sql('SELECT count(*) FROM moving.wave'), '0', "$what: nothing was written there");
	sql('DELETE FROM stage.go; DROP SCHEMA moving CASCADE');
	sql_as('alice', q{ALTER SCHEMA moved RENAME TO moving; INSERT INTO moving.worker (id) VALUES (2) ON CONFLICT DO NOTHING});
}
is(sql('SELECT count(*) FROM moving.invitation'), '2', 'it was done where it belongs');
is(sql('SELECT count(*) FROM moving.notification'), '2', 'with its notifications');
is(sql('SELECT outcome, invited FROM moving.wave'), 'invited|1', 'and its wave');

#
# Nobody is kept waiting by a lock, or drowned in a message.
#
sql_as('mallory', q{SELECT cirro.create_space('noisy')});
sql_as('mallory', q{INSERT INTO noisy.worker DEFAULT VALUES;
	CREATE FUNCTION noisy.shout() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION USING MESSAGE = repeat('äx', 1000000), DETAIL = repeat('öy', 1000000); END$$;
	CREATE TRIGGER z BEFORE INSERT ON noisy.invitation FOR EACH ROW EXECUTE FUNCTION noisy.shout()});
fill('mallory', 'noisy', 1);
my ($code, $out, $err) = $node->psql('postgres', 'CALL cirro.run_waves()');
is(sql('SELECT outcome, octet_length(error) BETWEEN 990 AND 1000 FROM noisy.wave'), 'failed|t', 'a long message is cut');
sql_as('mallory', q{CREATE TRIGGER z BEFORE INSERT ON noisy.wave FOR EACH ROW EXECUTE FUNCTION noisy.shout();
	UPDATE noisy.gig_state SET next_wave_at = now(), next_event_at = now(), failures = 0});
sql_as('mallory', q{UPDATE noisy.gig SET url = 'v'});
sql_as('mallory', q{DELETE FROM noisy.wave});
($code, $out, $err) = $node->psql('postgres', 'CALL cirro.run_waves()');
like($err, qr/WARNING:  gig 1 of Space "noisy" failed, and that could not be recorded/, 'what cannot be recorded is a warning');
cmp_ok(length($err), '<', 6000, 'of a length that can be read');

my $lock = begin('mallory', 'BEGIN; LOCK TABLE noisy.setting, noisy.gig_status; SELECT pg_advisory_lock(8); SELECT pg_sleep(60)');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 8 AND granted}), 'mallory holds a lock');
my $others = q{SELECT space FROM cirro.spaces() WHERE space <> 'noisy' AND defect IS NULL};
($code, $out, $err) = $node->psql('postgres', "SET statement_timeout = '30s'; $others");
is($out, "b_slow\nmoving", 'the others are listed');
($code, $out, $err) = $node->psql('postgres', 'CALL cirro.upgrade_spaces()', timeout => 120);
like($err, qr/WARNING:  Space "noisy" is skipped/, 'the others are upgraded');
like(sql(q{SELECT defect FROM cirro.spaces() WHERE space = 'noisy'}), qr/lock timeout/, 'and what keeps it from being read is its defect');
sql(q{SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 8});
finish($lock);

#
# What its owner dumps of a Space is its own.
#
sql_as('alice', q{INSERT INTO moving.worker (id, profile) VALUES (3, '{"secret": "of alice"}')});
sql_as('mallory', q{INSERT INTO noisy.worker (id, profile) VALUES (3, '{"mine": "mallory"}')});
my ($dump, $said) = run_command([ 'pg_dump', '-d', $node->connstr('postgres'), '-U', 'mallory', '-n', 'noisy' ]);
is($said, '', 'mallory dumps a Space');
like($dump, qr/"mine": "mallory"/, 'with what is in it');
unlike($dump, qr/of alice|moving|b_slow|stage/, 'and nothing of others');
is(join(' ', sort keys %{ { map { $_ => 1 } $dump =~ /^CREATE (?:OR REPLACE )?(?:SCHEMA|TABLE|VIEW|FUNCTION|PROCEDURE|TYPE|SEQUENCE|STATISTICS) (\w+)/mg } }),
	'noisy', 'nor a part of the extension');
my ($refused) = (run_command([ 'pg_dump', '-d', $node->connstr('postgres'), '-U', 'mallory', '-n', 'moving' ]))[1];
like($refused, qr/permission denied/, 'what is not mallory\'s cannot be dumped');

#
# A schema cirro that others may create in is no place for the extension.
#
sql('CREATE DATABASE open');
$node->safe_psql('open', 'CREATE SCHEMA cirro; GRANT CREATE ON SCHEMA cirro TO mallory');
($code, $out, $err) = $node->psql('open', 'CREATE EXTENSION cirro');
like($err, qr/others may create objects in schema "cirro"/, 'refused');
$node->safe_psql('open', 'REVOKE CREATE ON SCHEMA cirro FROM mallory; CREATE EXTENSION cirro');
is($node->safe_psql('open', 'SELECT count(*) FROM cirro.spaces()'), '0', 'accepted once it is closed');

$node->stop;
done_testing();
