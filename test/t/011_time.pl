# The real clock. What begins before the end of a gig and gets its turn after it
# comes too late: plain statements, calls and waves alike. And a standby whose
# clock is behind takes over: nothing is done twice, and waves keep to their
# cadence by the clock that there is.
use strict;
use warnings;
use IPC::Run qw(start);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('ahead');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "fsync = off\ntimezone = 'America/New_York'");
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]) }

# An owner's triggers that wait until the gig that they are about has ended,
# before cirro looks, or after.
sql(<<'SQL');
CREATE EXTENSION cirro;
SELECT cirro.create_space('trees');
SET search_path = trees;
CREATE TABLE planned_end (at timestamptz);
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql SET search_path = trees AS $$
BEGIN
	PERFORM pg_sleep(greatest(0, extract(epoch FROM (SELECT at FROM planned_end) - clock_timestamp()) + 0.05));
	RETURN NEW;
END $$;
ALTER TABLE invitation ALTER id RESTART 1000;
INSERT INTO worker (id) SELECT generate_series(1, 5);
SQL

# Gigs that end in three seconds, one for each statement, with a pending
# invitation, an accepted one and one that is scheduled; all statements begin
# before that and take longer. Checks the SQLSTATE of each, or what it says.
sub late
{
	my ($how, $trigger, @cases) = @_;
	my $n = @cases;
	sql(qq{SET client_min_messages = warning; SET search_path = trees;
		DROP TRIGGER IF EXISTS a_wait ON invitation; DROP TRIGGER IF EXISTS a_wait ON gig;
		ALTER TABLE gig DISABLE TRIGGER USER; DELETE FROM gig; DELETE FROM gig_state; DELETE FROM gig_filter; DELETE FROM gig_key; ALTER TABLE gig ENABLE TRIGGER USER;
		DELETE FROM planned_end; INSERT INTO planned_end VALUES (now() + '3 s');
		INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query) SELECT g, 'ends', 'u', now() + '1 s', now() + '3 s', 5, '{}' FROM generate_series(1, $n) g;
		INSERT INTO invitation (id, gig_id, worker_id, status, send_at) SELECT 10 * g + w, g, w, (ARRAY['pending', 'accepted', 'scheduled'])[w], now() + '1 s'
		FROM generate_series(1, $n) g, generate_series(1, 3) w;
		CREATE TRIGGER a_wait $trigger FOR EACH ROW EXECUTE FUNCTION wait();});
	my @running;
	for my $gig (1 .. $n)
	{
		my ($in, $out, $err) = ('', '', '');
		(my $query = $cases[$gig - 1][1]) =~ s/\$(\d?)/$1 eq '' ? $gig : 10 * $gig + $1/ge;
		my $handle = start([ 'psql', '-X', '-q', '-At', '-v', 'VERBOSITY=sqlstate', '-d', $node->connstr('postgres'),
			'-c', "SELECT now() < at FROM trees.planned_end", '-c', 'SET search_path = trees', '-c', $query ], '<', \$in, '>', \$out, '2>', \$err);
		push @running, [ $handle, \$out, \$err ];
	}
	for my $gig (1 .. $n)
	{
		my ($handle, $out, $err) = @{ $running[ $gig - 1 ] };
		$handle->finish;
		my ($code) = $$err =~ /ERROR:\s+(\w+)/;
		is($$out . ($code // ''), "t\n" . $cases[$gig - 1][2], "$cases[$gig - 1][0] that waits $how");
	}
	is(sql('SELECT now() >= at FROM trees.planned_end'), 't', 'and ends when the gig has ended');
}

my @answers = ([ 'an invitation', 'INSERT INTO invitation (gig_id, worker_id) VALUES ($, 4)', 'UG010' ],
	[ 'an accept', 'SELECT accept($1)', 'UG010' ], [ 'a leave', 'SELECT leave($2)', 'UG010' ], [ 'a reject', 'SELECT reject($1)', 'UG012' ],
	[ 'try_accept', 'SELECT outcome FROM try_accept($1)', "not_open\n" ]);
my $invitations = q{SELECT string_agg(DISTINCT worker_id || ' ' || status || coalesce(' ' || reason, ''), ',' ORDER BY worker_id || ' ' || status || coalesce(' ' || reason, '')) FROM trees.invitation};
# invite() looks again, and says of each worker that the gig is not open.
late('before its row is judged', 'BEFORE INSERT OR UPDATE ON invitation', @answers,
	[ 'invite()', q{SELECT string_agg(outcome, ',') FROM invite($, '{4,5}')}, "not_open,not_open\n" ]);
is(sql($invitations), '1 pending,2 accepted,3 scheduled', 'nothing has changed');
late('after its row was judged', 'AFTER INSERT OR UPDATE ON invitation', @answers);
is(sql($invitations), '1 pending,2 accepted,3 scheduled', 'nothing has changed');
# A wave: nobody is invited, and the next tick writes down the end.
late('after it has invited', 'AFTER INSERT ON invitation', [ 'a wave', 'CALL cirro.run_waves()', '' ]);
is(sql('SELECT count(*) FROM trees.invitation WHERE worker_id > 3'), '0', 'it has invited nobody');
sql('CALL cirro.run_waves()');
is(sql($invitations), '1 expired gig_ended,2 accepted,3 expired gig_ended', 'the next tick ends what is open');
late('after it has invited', 'AFTER INSERT ON invitation', [ 'run_wave()', 'SELECT run_wave($)', 'UG010' ]);
# What would have put the end off came too late, too; what was judged in time stands.
late('before its row is judged', 'BEFORE UPDATE ON gig', [ 'a later end', "UPDATE gig SET end_at = now() + '1 h' WHERE id = \$", 'UG020' ],
	[ 'a title', "UPDATE gig SET title = 'x' WHERE id = \$", 'UG020' ]);
late('after its row was judged', 'AFTER UPDATE ON gig', [ 'a later end', "UPDATE gig SET end_at = end_at + '1 h' WHERE id = \$", '' ]);
is(sql('SELECT count(*) FROM trees.gig WHERE end_at > now()'), '1', 'was in time');
is(sql('SELECT count(*) FROM trees.check_consistency()'), '0', 'and all is consistent');

#
# Two servers, and a standby whose clock is an hour behind, in another time zone.
#
sql(q{SELECT cirro.drop_space('trees'); SELECT cirro.create_space('trees')});
sql(q{SET search_path = trees; INSERT INTO worker (id) SELECT generate_series(1, 20)});
my $start = sql(q{SELECT date_trunc('hour', now())});
$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('behind');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->append_conf('postgresql.conf', "timezone = 'Asia/Kathmandu'");
$standby->start;

sub at { my ($offset) = @_; return "SET cirro.clock = '" . sql("SELECT timestamptz '$start' + interval '$offset'") . "'; SET search_path = trees; " }
# On the primary, times are an hour ahead.
sql(at('1:00') . q{INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, invitation_frequency, filter_query, answer_within)
	VALUES (1, 'g', 'u', cirro.now() + '20 min', cirro.now() + '3 h', 2, 1, '10 min', '{}', '30 min')});
sql(at('1:00') . 'CALL cirro.run_waves()');
sql(at('1:10') . 'CALL cirro.run_waves()');
sql(at('1:12') . 'SELECT accept(1)');
$node->wait_for_catchup($standby);
$node->stop('immediate');
$standby->promote;
$node = $standby;
my $waves = q{SELECT string_agg(to_char(run_at - timestamptz '} . $start . q{', 'HH24:MI'), ' ' ORDER BY number) FROM trees.wave};
is($standby->safe_psql('postgres', $waves), '01:00 01:10', 'the promoted server knows of two waves');
for my $offset (qw(0:12 0:20 0:45 1:00 1:15)) { sql(at($offset) . 'CALL cirro.run_waves()') }
is(sql($waves), '01:00 01:10', 'none is repeated by a clock that is behind');
is(sql('SELECT count(*), count(DISTINCT worker_id), sum(times_invited) FROM trees.invitation'), '4|4|4', 'nobody is invited twice');
is(sql(at('0:15') . 'SELECT status FROM accept(2)'), 'accepted', 'answers are taken');
is(sql(at('0:16') . 'SELECT status FROM leave(2)'), 'left', 'and seats given up');
is(sql(at('0:16') . 'SELECT count(*) FROM check_consistency()'), '0', 'all is consistent');
sql(at("1:$_") . 'CALL cirro.run_waves()') for 16 .. 45;
is(sql($waves), '01:00 01:10 01:20 01:30 01:40', 'when its clock is there, waves go on in their cadence');
is(sql(q{SELECT count(*) FROM trees.event WHERE kind = 'gig.started'}), '1', 'and what has happened is told once');
is(sql(at('1:45') . q{SELECT count(*) FROM (SELECT worker_id FROM trees.invitation GROUP BY 1 HAVING count(*) > 1) d}), '0', 'one invitation each');

$node->stop;
done_testing();
