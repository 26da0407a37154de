# Copies of a Space whose gigs sleep begin anew: a dump in the same server and in
# another, a standby that is promoted, a server recovered to a point in the past, a
# subscriber. Who was added or changed in the original after its last look, or had
# changed and was not committed, is invited in the copy, and so is who changes there,
# where transactions have other ids, or ids that others had elsewhere.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use Traffic;

my $node = PostgreSQL::Test::Cluster->new('original');
$node->init(allows_streaming => 'logical', has_archiving => 1);
$node->append_conf('postgresql.conf', "fsync = off\njit = off\nmax_prepared_transactions = 5\nlog_min_messages = error");
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]) }

# Far more transactions than any copy has had by then.
sql('DO $$ BEGIN FOR n IN 1 .. 20000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$');

# Each gig asks for one number; the last for anybody, of whom two may be pending.
sql(q{
CREATE EXTENSION cirro;
SELECT cirro.create_space('trees');
UPDATE trees.setting SET default_frequency = '10 ms', default_multiplier = 1000;
INSERT INTO trees.worker (profile) SELECT jsonb_build_object('n', n % 20) FROM generate_series(1, 100) n;
CREATE TABLE go_on ();
INSERT INTO trees.gig (id, title, url, start_at, end_at, total_seats, filter_query)
SELECT n, 'g', 'u', now() + '1 h', now() + '1 day', 50, jsonb_build_object('n', n) FROM generate_series(0, 100) n;
INSERT INTO trees.gig (id, title, url, start_at, end_at, total_seats, pending_max, filter_query)
VALUES (1000, 'g', 'u', now() + '1 h', now() + '1 day', 50, 2, '{}');
CREATE VIEW trees.missed AS
SELECT g.id AS gig_id, w.id AS worker_id FROM trees.gig g JOIN trees.worker w ON w.active AND w.profile ->> 'n' = coalesce(g.filter_query ->> 'n', w.profile ->> 'n')
WHERE NOT EXISTS (SELECT FROM trees.invitation i WHERE i.gig_id = g.id AND i.worker_id = w.id)
AND coalesce(g.pending_max > (SELECT count(*) FROM trees.invitation i WHERE i.gig_id = g.id AND i.status = 'pending'), true);
});

# Ticks, until nobody is missed and all are asleep; returns who and which are not.
sub settle
{
	my ($where, $db) = @_;
	my $left = 'none';

	for (1 .. 50)
	{
		$where->safe_psql($db // 'postgres', 'CALL cirro.run_waves()');
		$left = $where->safe_psql($db // 'postgres', q{SELECT 'missed', gig_id, worker_id FROM trees.missed
			UNION ALL SELECT 'awake', gig_id, NULL FROM trees.gig_state WHERE slept_in IS NULL AND NOT awaits_room LIMIT 10});
		last if $left eq '';
		usleep 20_000;
	}
	return $left;
}

# Somebody new, and somebody who changes, for each of some gigs that are asleep.
my $next = 20;
sub change
{
	my ($where, $db) = @_;
	my $n = $next++;

	$where->safe_psql($db // 'postgres', qq{INSERT INTO trees.worker (profile) VALUES ('{"n": $n}');
		UPDATE trees.worker SET profile = '{"n": $n}' WHERE id = $n});
	return $n;
}

# What holds of every copy: the gigs sleep, somebody is missed; ticks invite him, and
# whoever changes from then on.
sub begins_anew
{
	my ($where, $what, $db) = @_;
	my $ask = sub { return $where->safe_psql($db // 'postgres', $_[0]) };

	cmp_ok($ask->('SELECT count(*) FROM trees.gig_state WHERE slept_in IS NOT NULL'), '>', 30, "$what: gigs are asleep");
	cmp_ok($ask->('SELECT count(*) FROM trees.missed'), '>', 0, "$what: somebody is missed");
	is(settle($where, $db), '', "$what: ticks invite everyone, and all sleep");
	for (1 .. 3)
	{
		my $n = change($where, $db);
		is($ask->("SELECT count(*) FROM trees.missed WHERE gig_id = $n"), '2', "$what: two more are missed");
		is(settle($where, $db), '', "$what: and invited");
	}
	is($ask->('SELECT * FROM trees.check_consistency()'), '', "$what: consistent");
	return;
}

is(settle($node), '', 'original: everyone is invited, and all sleep');
change($node);
is(settle($node), '', 'original: those who change, too');

# A standby that has all of it, and a copy to recover from.
$node->backup('asleep');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'asleep', has_streaming => 1);
$standby->append_conf('postgresql.conf', 'archive_mode = off');
$standby->start;

# A subscriber, as docs/operations.md says.
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init(allows_streaming => 'logical');
$subscriber->append_conf('postgresql.conf', "fsync = off\njit = off\nlog_min_messages = fatal");
$subscriber->start;
my $dir = PostgreSQL::Test::Utils::tempdir();
$subscriber->safe_psql('postgres', 'CREATE EXTENSION cirro');
$node->command_ok([ 'pg_dump', '-s', '-n', 'trees', '-f', "$dir/schema", 'postgres' ], 'dumped, the schema alone');
$subscriber->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-f', "$dir/schema" ], 'restored in the subscriber');
my $setting = sql('SELECT to_jsonb(s) FROM trees.setting s');
$subscriber->safe_psql('postgres', "INSERT INTO trees.setting SELECT * FROM jsonb_populate_record(NULL::trees.setting, \$\$$setting\$\$); UPDATE trees.setting SET paused = true");
sql(sql(q{SELECT format('CREATE PUBLICATION trees FOR TABLE %s', string_agg(format('trees.%I', tablename), ', '))
	FROM pg_tables WHERE schemaname = 'trees' AND tablename <> 'setting'}));
my $connection = $node->connstr('postgres') . ' application_name=trees';
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION trees CONNECTION \$\$$connection\$\$ PUBLICATION trees");
$subscriber->poll_query_until('postgres', q{SELECT bool_and(srsubstate IN ('r', 's')) FROM pg_subscription_rel})
	or BAIL_OUT('the subscription does not come to an end');

# ------------------------------------------------- what the copies are of --

# One transaction is open all the time, one is prepared; a look has passed them; then
# somebody is added that no look sees.
my $open = psql_start($node, 'open', q{BEGIN; INSERT INTO trees.worker (profile) VALUES ('{"n": 99}'), ('{"n": 1}');
	DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM go_on) LOOP PERFORM pg_sleep(0.05); END LOOP; END $$; COMMIT;});
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'open' AND wait_event = 'PgSleep'})
	or BAIL_OUT('no transaction is open');
sql(q{BEGIN; INSERT INTO trees.worker (profile) VALUES ('{"n": 98}'), ('{"n": 2}'); PREPARE TRANSACTION 'later'});
change($node);
is(settle($node), '', 'original: a look has passed what is not committed');
sql(q{UPDATE trees.invitation SET status = 'rejected' WHERE id = (SELECT min(id) FROM trees.invitation WHERE gig_id = 1000 AND status = 'pending')});
change($node);
sql(q{SELECT pg_create_restore_point('unseen')});
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
$node->wait_for_catchup('trees');

# ---------------------------------------------------------------- copies --

# In the same server, where ids are the same; and in another, where all are lower than
# those that came with the dump. What is not committed is not in a dump.
$node->command_ok([ 'pg_dump', '-F', 'c', '-n', 'trees', '-f', "$dir/dump", 'postgres' ], 'dumped');
sql('CREATE DATABASE copy');
$node->safe_psql('copy', 'CREATE EXTENSION cirro');
$node->command_ok([ 'pg_restore', '-e', '-d', 'copy', "$dir/dump" ], 'restored in the same server');
my $another = PostgreSQL::Test::Cluster->new('another');
$another->init;
$another->append_conf('postgresql.conf', "fsync = off\njit = off");
$another->start;
$another->safe_psql('postgres', 'CREATE EXTENSION cirro');
$another->command_ok([ 'pg_restore', '-e', '-d', 'postgres', "$dir/dump" ], 'restored in another');
begins_anew($node, 'dump', 'copy');
begins_anew($another, 'dump elsewhere', 'postgres');
$another->stop;

# The standby is promoted while the original is still there.
$standby->promote;
begins_anew($standby, 'standby', 'postgres');
$standby->safe_psql('postgres', q{COMMIT PREPARED 'later'});
cmp_ok($standby->safe_psql('postgres', 'SELECT count(*) FROM trees.missed'), '>=', 2, 'standby: what was prepared is committed');
is(settle($standby), '', 'standby: and seen');
$standby->stop;

# What the subscriber was told of came past its gigs' triggers.
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION trees');
my $ids = sql(q{SELECT string_agg(format('SELECT setval(%L, %s);', format('%I.%I', schemaname, sequencename), last_value + 1000), ' ')
	FROM pg_sequences WHERE schemaname = 'trees' AND last_value IS NOT NULL});
$subscriber->safe_psql('postgres', "UPDATE trees.setting SET paused = false; $ids");
begins_anew($subscriber, 'subscriber', 'postgres');
$subscriber->stop;

# The original goes on, and looks; then it is recovered to when it had not.
is(settle($node), '', 'original: the next look sees everyone');
for (1 .. 5) { change($node); settle($node) }
sql('INSERT INTO go_on DEFAULT VALUES');
psql_finish($open);
sql(q{COMMIT PREPARED 'later'});
is(settle($node), '', 'original: what was open is seen, too');
is(sql(q{SELECT count(*) FROM trees.invitation WHERE gig_id IN (98, 99)}), '2', 'original: and invited');
sql('SELECT pg_switch_wal()');

my $past = PostgreSQL::Test::Cluster->new('past');
$past->init_from_backup($node, 'asleep', has_restoring => 1, standby => 0);
$past->append_conf('postgresql.conf', "recovery_target_name = 'unseen'\nrecovery_target_action = 'promote'\nrecovery_target_timeline = 'current'\narchive_mode = off");
$past->start;
$past->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or BAIL_OUT('it is not recovered');
begins_anew($past, 'recovered', 'postgres');
$past->safe_psql('postgres', q{COMMIT PREPARED 'later'});
is(settle($past), '', 'recovered: what was prepared is seen');
is($past->safe_psql('postgres', q{SELECT count(*) FROM trees.invitation WHERE gig_id IN (98, 99)}), '1', 'recovered: what was open is not there');
$past->stop;

$node->stop;
done_testing();
