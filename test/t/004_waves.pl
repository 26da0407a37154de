# Waves under pressure: several procedures at once over many gigs invite nobody
# twice and nobody beyond what is wanted; a cancel and a SIGKILL in the middle
# leave whole gigs only, and the next call finishes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use Traffic;

my $gigs = 200;
my $node = PostgreSQL::Test::Cluster->new('waves');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nrestart_after_crash = on\nautovacuum = off");
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]) }

# 200 gigs, each for one of twenty cities, with 3 to 6 seats, asking for twice
# as many workers; 3,000 workers.
sql(<<"SQL");
CREATE EXTENSION cirro;
SELECT cirro.create_space('trees');
SET search_path = trees;
INSERT INTO worker (profile)
SELECT jsonb_build_object('city', n % 20, 'n', n) FROM generate_series(1, 3000) n;
INSERT INTO gig (title, url, start_at, end_at, seats_max, invitation_multiplier, filter_query)
SELECT 'g' || n, 'u', now() + '1 h', now() + '1 day', 3 + n % 4, 2, jsonb_build_object('city', n % 20)
FROM generate_series(1, $gigs) n;
-- Some have been there before: expired because the seats were filled.
INSERT INTO invitation (gig_id, worker_id) SELECT g.id, w.id FROM gig g JOIN worker w
	ON w.profile->'city' = g.filter_query->'city' WHERE g.id % 10 = 0;
UPDATE invitation SET status = 'expired', reason = 'seats_filled';
DELETE FROM event;
DELETE FROM notification;
-- Waves alone are done before anybody can look for the backend to kill.
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.01); RETURN NULL; END';
CREATE TRIGGER slow AFTER INSERT ON wave FOR EACH ROW EXECUTE FUNCTION slow();
VACUUM ANALYZE;
SQL

# What must hold at any moment, in one snapshot. A row says what is wrong.
my $wrong = <<'SQL';
SET search_path = trees;
SELECT 'wave ' || w.id, w.invited, count(i.id) FROM wave w LEFT JOIN invitation i ON i.wave_id = w.id
GROUP BY w.id HAVING w.invited <> count(i.id) OR w.invited > w.wanted
UNION ALL
SELECT 'invitation ' || i.id, i.wave_id, NULL FROM invitation i LEFT JOIN wave w ON w.id = i.wave_id
WHERE i.status = 'pending' AND w.id IS NULL
UNION ALL
SELECT 'told ' || i.id, count(n.id), NULL FROM invitation i LEFT JOIN event e ON e.invitation_id = i.id
LEFT JOIN notification n ON n.event_id = e.id WHERE i.status = 'pending' GROUP BY i.id HAVING count(n.id) <> 1
UNION ALL
SELECT 'told of nothing ' || n.id, e.invitation_id, NULL FROM notification n LEFT JOIN event e ON e.id = n.event_id
LEFT JOIN invitation i ON i.id = e.invitation_id AND i.status = 'pending' WHERE i.id IS NULL
UNION ALL
SELECT 'waves of ' || s.gig_id, s.waves, count(w.id) FROM gig_state s LEFT JOIN wave w ON w.gig_id = s.gig_id
GROUP BY s.gig_id HAVING s.waves <> count(w.id) OR count(w.id) > 1
UNION ALL
SELECT what, gig_id, NULL FROM check_consistency()
SQL

# Who is left from an earlier round; the waves are due again.
sub again
{
	sql(q{SET search_path = trees;
		DELETE FROM invitation WHERE origin = 'wave' AND times_invited = 1; DELETE FROM wave;
		UPDATE invitation SET status = 'expired', reason = 'seats_filled' WHERE status = 'pending';
		DELETE FROM event;
		DELETE FROM notification;
		UPDATE gig_state SET waves = 0, next_wave_at = now(), next_event_at = now(), last_due_at = NULL,
			slept_in = NULL, awaits_room = false});
}

sub all_done
{
	my ($what) = @_;
	is(sql($wrong), '', "$what: nothing is wrong");
	is(sql(q{SELECT count(*), sum(invited) = sum(2 * (3 + gig_id % 4)), bool_and(invited = wanted), count(*) FILTER (WHERE error IS NOT NULL)
		FROM trees.wave}), "$gigs|t|t|0", "$what: each gig has had its wave, of as many as wanted");
}

# How far it is would be told after five seconds.
sub call { return psql_start($node, $_[0], "SET client_min_messages = warning;\nCALL cirro.run_waves()") }

# Waits until some waves, not all, are committed, and returns how many.
sub amid
{
	my $n = 0;
	for (1 .. 1000)
	{
		$n = sql('SELECT count(*) FROM trees.wave');
		last if $n >= 10;
		usleep 2_000;
	}
	return $n;
}

# Five at once.
my @calls = map { call("c$_") } 1 .. 5;
is(join('', map { (psql_finish($_))[1] } @calls), '', 'five at once: no messages');
all_done('five at once');

# Cancelled.
again();
my $call = call('cancelled');
my $n = amid();
is(sql(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'cancelled' AND state = 'active'}),
	't', 'cancelled');
like((psql_finish($call))[1], qr/canceling statement due to user request/, 'it says so');
my $done = sql('SELECT count(*) FROM trees.wave');
cmp_ok($done, '<', $gigs, "in the middle ($n seen, $done done)");
is(sql($wrong), '', 'cancelled: whole gigs only');
sql('CALL cirro.run_waves()');
all_done('after the cancel');

# Terminated, with another one at work that goes on.
again();
$call = call('terminated');
my $other = call('other');
amid();
sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'terminated'});
psql_finish($call);
is((psql_finish($other))[1], '', 'the other is not disturbed');
is(sql($wrong), '', 'terminated: whole gigs only');
sql('CALL cirro.run_waves()');
all_done('after the termination');

# Killed: the server restarts by itself.
again();
$call = call('killed');
amid();
my $pid = sql(q{SELECT pid FROM pg_stat_activity WHERE application_name = 'killed' AND state = 'active'});
like($pid, qr/^\d+$/, 'at work');
kill 'KILL', $pid;
like((psql_finish($call))[1], qr/server closed the connection|terminating connection/, 'killed');
wait_for_server($node) or BAIL_OUT('no server');
$done = sql('SELECT count(*) FROM trees.wave');
cmp_ok($done, '<', $gigs, "in the middle ($done done)");
is(sql($wrong), '', 'killed: whole gigs only');
sql('CALL cirro.run_waves()');
all_done('after the kill');

$node->stop;
done_testing();
