# A busy Space (traffic.sql) for the tests of crashes and of concurrency, and
# how servers and backends are killed. Must not judge: the tests do.
package Traffic;

use strict;
use warnings;
use Exporter 'import';
use FindBin;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(usleep);

our @EXPORT = qw(traffic_begin traffic_wrong traffic_tick psql_start psql_finish kill_server wait_for_server);

# Makes the Space and its watch.
sub traffic_begin
{
	my ($node) = @_;
	return $node->safe_psql('postgres', slurp_file("$FindBin::RealBin/lib/traffic.sql"));
}

# What is wrong, a line each, in one snapshot.
sub traffic_wrong
{
	my ($node, $arguments) = @_;
	return $node->safe_psql('postgres', 'SELECT * FROM traffic.wrong(' . ($arguments // '') . ') LIMIT 20');
}

# When the traffic is over: runs a tick, and returns what it leaves open though
# nobody can accept it, or waiting beside a free seat.
sub traffic_tick
{
	my ($node) = @_;

	$node->safe_psql('postgres', 'UPDATE trees.setting SET paused = false, max_pending = NULL, eligible = NULL');
	$node->safe_psql('postgres', 'SELECT trees.rebuild_state()');
	my $before = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
	$node->safe_psql('postgres', 'CALL cirro.run_waves()');
	return $node->safe_psql('postgres', qq{
		SELECT i.* FROM trees.invitation i JOIN trees.gig_state s USING (gig_id)
		JOIN trees.worker w ON w.id = i.worker_id
		WHERE (i.status IN ('pending', 'scheduled')
			AND (s.closes_at <= '$before' OR (s.expires_rest AND s.accepted >= s.capacity)))
		OR (i.status = 'waiting' AND (s.closes_at <= '$before' OR (w.active AND s.accepted < s.capacity)))});
}

# Starts a psql at work on a text, by way of files: a pipe would hold it up.
sub psql_start
{
	my ($node, $name, $text) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . "/psql";

	append_to_file("$file.sql", $text);
	return {
		file => $file,
		handle => IPC::Run::start(
			[ 'psql', '-XqAt', '-d', $node->connstr('postgres') . " application_name='$name'", '-f', "$file.sql" ],
			'<', '/dev/null', '>', "$file.out", '2>', "$file.err")
	};
}

# Waits for its end; returns its output and messages.
sub psql_finish
{
	my ($psql) = @_;

	$psql->{handle}->finish;
	my @said = map { slurp_file("$psql->{file}.$_") } 'out', 'err';
	unlink map { "$psql->{file}.$_" } 'sql', 'out', 'err';
	return @said;
}

# The state of each process, and its parent.
sub processes
{
	my %process;

	for my $file (glob '/proc/[0-9]*/stat')
	{
		open my $fh, '<', $file or next;
		my $stat = <$fh> // '';
		$process{$1} = { state => $2, parent => $3 } if $stat =~ /^(\d+) \(.*\) (\S) (\d+)/s;
	}
	return \%process;
}

# Kills the whole server as a power failure would, but for what the kernel has:
# the postmaster is stopped first, so that nobody is told or forked meanwhile.
sub kill_server
{
	my ($node) = @_;
	my $postmaster = $node->{_pid};

	kill 'STOP', $postmaster;
	my $process = processes();
	my @pids = (grep({ $process->{$_}{parent} == $postmaster } keys %$process), $postmaster);
	kill 'KILL', @pids;
	$node->kill9;

	# Until they are gone, or dead and nobody asks for them.
	do
	{
		usleep 10_000;
		$process = processes();
	} while (grep { exists $process->{$_} && $process->{$_}{state} ne 'Z' } @pids);
	unlink $node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock'
		if exists $process->{$postmaster};
}

# poll_query_until writes to psql, which may be gone by then: a broken pipe.
sub wait_for_server
{
	my ($node) = @_;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my ($out, $err);
		return 1 if IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT NOT pg_is_in_recovery()' ],
			'<', \undef, '>', \$out, '2>', \$err) && $out eq "t\n";
		usleep 100_000;
	}
	return 0;
}

1;
