# A call that goes on (run_waves' during), by the real clock: it sees within a
# second or two what was created, scheduled, paused, and which Spaces there are; between
# two looks it holds nothing back; it ends when it is told to. Two of them side by side
# do nothing twice.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use Traffic;

$ENV{PGUSER} = 'postgres';
my $node = PostgreSQL::Test::Cluster->new('seconds');
$node->init(extra => [ '-U', 'postgres' ]);
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off");
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]) }

# Makes a gig that nobody fills, and returns its id.
sub gig
{
	my ($space, %with) = @_;
	my %column = (title => "'g'", url => "'u'", start_at => "now() + '1 h'", end_at => "now() + '1 day'",
		total_seats => 1, invitation_multiplier => 1, filter_query => "'{}'", %with);
	my @names = sort keys %column;
	return sql("INSERT INTO $space.gig (" . join(', ', @names) . ') VALUES (' . join(', ', @column{@names}) . ') RETURNING id');
}

# Within how many seconds of the gig's creation was its first wave? At most 5 are waited for.
sub first_wave
{
	my ($space, $id) = @_;
	my $began = time;
	my $took = '';

	while ($took eq '' && time < $began + 5)
	{
		usleep 100_000;
		$took = sql("SELECT extract(epoch FROM min(w.run_at) - g.created_at) FROM $space.gig g
			JOIN $space.wave w ON w.gig_id = g.id WHERE g.id = $id GROUP BY g.id");
	}
	return $took eq '' ? 1000 : $took;
}

sub pid { return sql("SELECT pid FROM pg_stat_activity WHERE application_name = '$_[0]' AND state = 'active'") }

# What a session takes at the moment, in bytes, as the server's log says.
sub memory
{
	my ($pid) = @_;
	my $from = -s $node->logfile;

	sql("SELECT pg_log_backend_memory_contexts($pid)");
	for (1 .. 50)
	{
		return $1 if slurp_file($node->logfile, $from) =~ /\[$pid\].*Grand total: (\d+) bytes/;
		usleep 100_000;
	}
	return 0;
}

# A function that tells what a session holds while it waits; nothing if it does not.
sql(<<'SQL');
CREATE EXTENSION cirro;
SELECT cirro.create_space(name) FROM unnest('{trees,steady,broken,dropped,held}'::name[]) name;
INSERT INTO trees.worker (profile) SELECT jsonb_build_object('n', n) FROM generate_series(1, 200) n;
INSERT INTO steady.worker (profile) SELECT '{}' FROM generate_series(1, 100) n;
INSERT INTO held.worker (profile) SELECT '{}' FROM generate_series(1, 5);
INSERT INTO broken.worker DEFAULT VALUES;
CREATE TYPE waits AS (at timestamptz, waiting boolean, xid xid, xmin xid);
CREATE FUNCTION state(session int) RETURNS waits LANGUAGE sql AS $$
	SELECT xact_start, wait_event IN ('Extension', 'CirroWaves'), backend_xid, backend_xmin
	FROM pg_stat_get_activity(session)
$$;
CREATE FUNCTION held(session int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before waits;
	after waits;
	locks text;
BEGIN
	PERFORM pg_stat_clear_snapshot();
	before := state(session);
	SELECT string_agg(concat_ws(' ', locktype, mode, relation::regclass), ', ') INTO locks FROM pg_locks WHERE pid = session;
	PERFORM pg_stat_clear_snapshot();
	after := state(session);
	IF NOT before.waiting OR after IS DISTINCT FROM before THEN
		RETURN NULL;
	END IF;
	RETURN concat_ws(', ', locks, 'xid ' || after.xid, 'xmin ' || after.xmin);
END $$;
CREATE TABLE dead AS SELECT generate_series(1, 10000) AS n;
SQL
gig('broken');
sql('ALTER TABLE broken.wave DROP COLUMN took');

# All that runs beside.
my $call = psql_start($node, 'call', q{CALL cirro.run_waves(during => '10 minutes')});
my $other = psql_start($node, 'other', q{CALL cirro.run_waves(during => '25 seconds')});
my $limited = psql_start($node, 'limited', q{SET statement_timeout = '5s';
	SELECT clock_timestamp() AS began \gset
	CALL cirro.run_waves('held', during => '1 minute');
	SELECT round(extract(epoch FROM clock_timestamp() - :'began')::numeric, 1)});
ok($node->poll_query_until('postgres', q{SELECT count(*) = 3 FROM pg_stat_activity
	WHERE application_name IN ('call', 'other', 'limited') AND wait_event IN ('Extension', 'CirroWaves')}), 'they wait');
my $pid = pid('call');

# What was created meanwhile, and how often it comes again.
my $often = gig('steady', invitation_frequency => "'3 seconds'", total_seats => 2);
cmp_ok(first_wave('steady', $often), '<', 2, 'a gig created while the call waits has its first wave within 2 seconds');
sql(q{SELECT cirro.create_space('later'); INSERT INTO later.worker DEFAULT VALUES});
cmp_ok(first_wave('later', gig('later')), '<', 2, 'in a Space created meanwhile, too');
my $at = gig('trees', invitation_mode => "'manual'");
sql("INSERT INTO trees.invitation (gig_id, worker_id, status, send_at) VALUES ($at, 1, 'scheduled', clock_timestamp() + '1.5 s')");
ok($node->poll_query_until('postgres', "SELECT status = 'pending' FROM trees.invitation WHERE gig_id = $at"), 'it sends what is scheduled');
cmp_ok(sql("SELECT extract(epoch FROM invited_at - send_at) FROM trees.invitation WHERE gig_id = $at"), '<', 2, 'within 2 seconds');

# What it holds between the looks.
my %seen;
for (1 .. 40)
{
	$seen{sql("SELECT coalesce(held($pid), 'nothing seen')")}++;
	usleep 50_000;
}
cmp_ok(delete $seen{'virtualxid ExclusiveLock'} // 0, '>=', 10, 'it waits in a transaction');
delete $seen{'nothing seen'};
is(join('; ', sort keys %seen), '', 'and holds neither snapshot, nor transaction id, nor lock');
sql('DELETE FROM dead');
usleep 1_500_000;
sql('VACUUM dead');
is(sql(q{SELECT pg_relation_size('dead')}), 0, 'VACUUM removes what was deleted since the call began');

# Paused, and again.
sql('UPDATE trees.setting SET paused = true');
usleep 1_500_000;
my $paused = gig('trees');
usleep 2_500_000;
is(sql("SELECT count(*) FROM trees.wave WHERE gig_id = $paused"), 0, 'a Space that is paused meanwhile has no waves');
sql('UPDATE trees.setting SET paused = false');
my $unpaused = time;
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM trees.wave WHERE gig_id = $paused"), 'and has again when it goes on');
cmp_ok(time - $unpaused, '<', 2.5, 'at the next look');
sql(q{SELECT cirro.drop_space('dropped')});

my $gaps = sql("SELECT string_agg(round(extract(epoch FROM w.gap)::numeric, 1)::text, ' ')
	FROM (SELECT run_at - lag(run_at) OVER (ORDER BY run_at) AS gap FROM steady.wave) w");
note("gaps: $gaps");
is(scalar(grep { $_ < 1.8 || $_ > 4.2 } split ' ', $gaps), 0, 'a frequency of 3 seconds gives gaps of 3 seconds');
cmp_ok(scalar(split ' ', $gaps), '>=', 3, 'several of them');

# A lock in one Space does not hold up the others for long.
my $lock = psql_start($node, 'lock', q{BEGIN; LOCK TABLE held.gig_state; SELECT pg_sleep(6)});
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'lock' AND wait_event = 'PgSleep'});
usleep 3_500_000;
cmp_ok(first_wave('trees', gig('trees')), '<', 2, 'a Space that is locked is left alone');
psql_finish($lock);

# Two of them did nothing twice.
my ($said, $warned) = psql_finish($other);
for my $space ('trees', 'steady')
{
	is(sql("SELECT count(*) FROM (SELECT FROM $space.wave GROUP BY gig_id, number HAVING count(*) > 1) w"), 0, "$space: no wave is doubled by two calls at once");
	is(sql("SELECT sum(invited) = (SELECT count(*) FROM $space.invitation WHERE origin = 'wave') FROM $space.wave"), 't', 'nor an invitation');
	is(sql("SELECT count(*) FROM $space.check_consistency()"), 0, 'all is consistent');
}
is(scalar(() = $warned =~ /skipping Space "broken"/g), 1, 'a Space with a defect is said once');
is(scalar(() = $warned =~ /"dropped"/g), 0, 'one that was dropped is not');
# By now nobody else does its work, and of each kind it has done some.
first_wave('trees', gig('trees'));
my $memory = memory($pid);
first_wave('trees', gig('trees')) for 1 .. 6;
cmp_ok(abs(memory($pid) - $memory), '<', 200_000, 'the session does not grow') or diag("from $memory");

# A lot that is to be removed does not hold up others; each removal waits a little.
sql(q{INSERT INTO later.attempt (worker_id, outcomes, created_at) SELECT 1, '[]', '2000-01-01' FROM generate_series(1, 30000);
	CREATE FUNCTION later.slow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END$$;
	CREATE TRIGGER slow AFTER DELETE ON later.attempt EXECUTE FUNCTION later.slow();
	UPDATE later.setting SET cleaned_at = NULL});
$node->poll_query_until('postgres', q{SELECT count(*) < 30000 FROM later.attempt});
cmp_ok(first_wave('trees', gig('trees')), '<', 2.5, 'much that is to be removed keeps nobody waiting');
cmp_ok(sql('SELECT count(*) FROM later.attempt'), '>', 0, 'it is not over by then');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM later.attempt}), 'and goes on in later looks');

# The end.
($said, $warned) = psql_finish($limited);
like($warned, qr/NOTICE:  the call ends after 4.5 seconds/, 'statement_timeout cuts it, and it says so');
unlike($warned, qr/ERROR/, 'without an error');
cmp_ok($said, '>=', 3.4, 'not at once');
cmp_ok($said, '<', 5, 'but in time');
my $cancelled = time;
sql("SELECT pg_cancel_backend($pid)");
(undef, $warned) = psql_finish($call);
cmp_ok(time - $cancelled, '<', 1, 'a cancel ends it within a second');
like($warned, qr/canceling statement due to user request/, 'and it says so');
unlike($warned, qr/due gigs done/, 'a look that is quickly over is not reported');

# Inside of a transaction block, of a procedure, and of a named Space that goes.
my ($code, $out, $err) = $node->psql('postgres', q{BEGIN; CALL cirro.run_waves(during => '1 hour'); COMMIT;});
like($err, qr/during is ignored/, 'a transaction block ignores it');
sql('ALTER DATABASE postgres SET cirro.active = off');
($code, $out, $err) = $node->psql('postgres', q{CALL cirro.run_waves(during => '1 hour')});
like($err, qr/switched off/, 'nothing is waited for where waves are switched off');
sql('ALTER DATABASE postgres RESET cirro.active');
$call = psql_start($node, 'nested', q{DO $$ BEGIN CALL cirro.run_waves('later', during => '1 hour'); END $$});
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity
	WHERE application_name = 'nested' AND wait_event IN ('Extension', 'CirroWaves')}), 'a DO waits, too');
is(sql('SELECT held(' . pid('nested') . ')'), 'virtualxid ExclusiveLock', 'without holding anything');
sql(q{SELECT cirro.drop_space('later')});
(undef, $warned) = psql_finish($call);
like($warned, qr/ERROR:  Space "later" does not exist/, 'the call ends with its Space');

$node->stop;
done_testing();
