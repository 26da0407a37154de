# A Space of a ring moves from one back end to another while it works: to and fro, with
# four clients and a deliverer at the front, and ticks each second at both back ends.
# No call fails, no answer or event is lost or told twice, no id is given twice. Who
# writes past the front is refused. Killed after any of its steps a move leaves the
# Space whole at one side, and goes on when it is run again, or takes itself back.
#
# How long calls stood still is measured and printed. That it is less than a second is
# for test/bench/move.sh to say: here others are at work, and 5 seconds are the bound.
#
# RING_SECONDS=600: moves to and fro for so long, killed at random, the server of one
# back end now and then with it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Open3 qw(open3);
use IPC::Run;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Ring;
use Test::More;
use Time::HiRes qw(sleep time);

my $mover = "$Ring::examples/move_space";
my $dir = PostgreSQL::Test::Utils::tempdir();
my $seconds = $ENV{RING_SECONDS} // 0;
my $seed = $ENV{RING_SEED} // int rand 1e9;
srand $seed;
note "RING_SEED=$seed";

# ------------------------------------------------------------------ the ring --

my $front = ring_front('front', 'jit = off');
my %node = (front => $front, map { $_ => ring_back_end($front, $_, 'jit = off') } 'a', 'b');
sub sql { my ($where, $query) = @_; return $node{$where}->safe_psql($where, $query) }

sub file_sql
{
	my ($connect, $file, @options) = @_;
	my ($out, $err);

	IPC::Run::run([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', @options, '-d', $connect, '-f', $file ], '<', \undef, '>', \$out, '2>', \$err)
		or BAIL_OUT("$file: $err");
	return;
}
sql($_, "CREATE ROLE gardener LOGIN; CREATE ROLE visitor LOGIN; GRANT CREATE ON DATABASE $_ TO gardener") for 'a', 'b';
file_sql($node{a}->connstr('a'), "$FindBin::RealBin/lib/moving.sql", '-v', 'workers=1500', '-v', 'gigs=40', '-v', 'multiplier=4');
sql('a', 'CALL cirro.run_waves()');
sql('front', q{SELECT ring.set_place('trees', 'a')});
is((dispatch($front, 'trees'))[0], 0, 'the front has what the Space has');

# ------------------------------------------------------------------ the crowd --

# Those who work at the Space are processes with a psql each, and write down in a file
# what they were told. They end when this is gone.
my $working = "$dir/working";
my @crowd;

sub worker
{
	my ($name, $where, $life) = @_;
	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		open my $file, '>>', "$dir/$name" or die;
		$file->autoflush(1);
		my $n = 0;
		# Again where the server has ended.
		while (-e $working)
		{
			my $psql = open3(my $in, my $out, undef, 'psql', '-XqAt', '-v', 'VERBOSITY=verbose', '-d', $node{$where}->connstr($where) . " application_name=$name");
			$in->autoflush(1);
			local $SIG{PIPE} = 'IGNORE';
			# Of PL/Proxy, when a connection was lost.
			print $in "SET client_min_messages = warning;\n";
			my $ask = sub {
				my ($query) = @_;
				my $began = time;
				$n++;
				print $in "$query;\n\\echo done-$n :SQLSTATE\n";
				my @lines;
				while (1)
				{
					my $line = <$out> // die 'psql is gone';
					chomp $line;
					if ($line =~ /^done-$n (\S*)$/)
					{
						my $state = $1;
						die "connection is lost: @lines" if $state !~ /^\w{5}$/;
						printf $file "%.3f %.3f %s %s\n", $began, time, $state, join '; ', @lines;
						return ($state, $began, @lines);
					}
					push @lines, $line;
				}
			};
			eval { while (-e $working) { $life->($ask, $file) } };
			printf $file "%.3f %.3f XXXXX %s\n", time, time, $@ =~ s/\n/ /gr if $@;
			close $in;
			close $out;
			waitpid $psql, 0;
			sleep 0.2;
		}
		POSIX::_exit(0);
	}
	push @crowd, $pid;
	return;
}

sub crowd_begins
{
	append_to_file($working, '');
	for my $number (1 .. 4)
	{
		my $n = int(rand 1e9) * 1000;
		worker("client$number", 'front', sub { my ($ask) = @_; $ask->('SELECT * FROM trees.turn(' . $n++ . ')'); sleep 0.02 + rand 0.06 });
	}

	# Now and then it dies before it reports, or fails.
	my $lease = 3;
	worker('deliverer', 'front', sub {
		my ($ask, $file) = @_;
		my ($state, $began, @rows) = $ask->("SELECT claim, id, attempts, kind, invitation_id, payload->>'event_id', payload->'invitation'->>'status' FROM trees.claim_notifications(30, '$lease s')");
		return sleep 0.1 if $state ne '00000' || !@rows;
		my ($claim) = split /\|/, $rows[0];
		sleep 0.1;
		my $dice = rand;
		return if $dice < 0.1;
		if ($dice < 0.3)
		{
			my @ids = map { (split /\|/)[1] } @rows[0 .. $#rows / 2];
			($state, $began, my $count) = $ask->("SELECT 'failed', trees.fail_notifications($claim, '{" . join(',', @ids) . "}', 'no luck', now()), '$claim', '@ids'");
			return;
		}
		($state, $began, my $count) = $ask->("SELECT 'confirmed', trees.confirm_notifications($claim), '$claim'");
		return;
	});
	for my $name ('a', 'b')
	{
		worker("ticks-$name", $name, sub { my ($ask) = @_; $ask->('CALL cirro.run_waves()'); sleep 1 });
	}
	return;
}

sub crowd_ends
{
	unlink $working;
	waitpid $_, 0 for @crowd;
	@crowd = ();
	return;
}

# [began, ended, sqlstate, what was said]
sub said { my ($name) = @_; return map { [ split / /, $_, 4 ] } split /\n/, -e "$dir/$name" ? slurp_file("$dir/$name") : '' }

END { unlink $working if defined $working; kill 'TERM', @crowd if @crowd }

# ------------------------------------------------------------------- the moves --

# Exit code, or "killed", and what it said.
sub move_space
{
	my ($stop, @arguments) = @_;
	local %ENV = (%ENV, PGHOST => $node{front}->host, PGPORT => $node{front}->port, PGDATABASE => 'front', $stop ? (CIRRO_MOVE_STOP => $stop) : ());
	my $pid = open3(my $in, my $out, undef, $^X, $mover, @arguments);
	close $in;
	my $text = join '', <$out>;
	waitpid $pid, 0;
	note $text;
	return ($? & 127 ? 'killed' : $? >> 8, $text);
}

# The script alone, or its psqls with it.
sub killed_at_any_time
{
	my ($target) = @_;
	my $pid = fork // die;

	if ($pid == 0)
	{
		setpgrp;
		open STDOUT, '>', "$dir/killed";
		open STDERR, '>&', \*STDOUT;
		exec 'env', 'PGHOST=' . $node{front}->host, 'PGPORT=' . $node{front}->port, 'PGDATABASE=front', $^X, $mover, 'trees', $target;
	}
	sleep rand 6;
	kill 'KILL', rand() < 0.5 ? $pid : -$pid;
	waitpid $pid, 0;
	note 'killed: ', slurp_file("$dir/killed");
	return;
}

sub home { return sql('front', q{SELECT back_end FROM ring.space WHERE space = 'trees'}) }
sub other { my ($name) = @_; return $name eq 'a' ? 'b' : 'a' }

# Nothing of a move is left anywhere, nor of the Space where it is not.
sub tidy
{
	my ($what) = @_;
	my $home = home();
	my $left = sql('front', 'SELECT count(*) FROM ring.move');

	for my $name ('a', 'b')
	{
		$left .= ' ' . sql($name, q{SELECT concat_ws(',', (SELECT count(*) FROM ring.beat), (SELECT count(*) FROM ring.arriving), (SELECT count(*) FROM ring.departed),
			(SELECT count(*) FROM pg_replication_slots), (SELECT count(*) FROM pg_publication), (SELECT count(*) FROM pg_subscription),
			(SELECT count(*) FROM pg_replication_origin), (SELECT count(*) FROM pg_namespace WHERE nspname = 'trees'))});
	}
	is($left, $home eq 'a' ? '0 0,0,0,0,0,0,0,1 0,0,0,0,0,0,0,0' : '0 0,0,0,0,0,0,0,0 0,0,0,0,0,0,0,1', "$what: nothing is left of the move");
	return;
}

my @tables = qw(worker gig gig_filter gig_key gig_state invitation wave attempt event consumer notification badge odd_old odd_new);
sub counts { my ($where) = @_; return join ' ', map { sql($where, "SELECT count(*) FROM trees.$_") } @tables }

# How long the longest call took that was under way at that time.
sub longest
{
	my ($since, $until) = @_;
	my $longest = 0;

	for my $name (map { "client$_" } 1 .. 4)
	{
		for my $call (said($name))
		{
			my $took = $call->[1] - $call->[0];
			$longest = $took if $call->[1] >= $since && $call->[0] <= $until && $took > $longest;
		}
	}
	return $longest;
}

my @stood_still;
sub move_and_measure
{
	my ($target) = @_;
	my $began = time;
	my ($code, $text) = move_space('', 'trees', $target);

	is($code, 0, "moved to $target");
	my ($still) = $text =~ /calls stood still for ([\d.]+) s/;
	sleep 0.5;
	my $longest = longest($began, time);
	note sprintf 'to %s in %.1f s; calls stood still for %s s; the longest call of a client took %.3f s', $target, time - $began, $still // '?', $longest;
	push @stood_still, $still // 999;
	cmp_ok($still // 999, '<', 5, "to $target: calls stood still for a moment");
	return;
}

# ------------------------------------------------------------------- refusals --

sub refused
{
	my ($what, $words, @arguments) = @_;
	my ($code, $text) = move_space('', @arguments);

	is($code, $code || 1, "refused: $what");
	like($text, $words, "$what: and told why");
	return;
}

sub refused_while
{
	my ($what, $where, $before, $after, $words) = @_;

	sql($where, $before);
	refused($what, $words, 'trees', 'b');
	sql($where, $after);
	return;
}
refused('no such Space', qr/the ring has no such Space/, 'woods', 'b');
refused('no such back end', qr/ring.back_end has no "nowhere"/, 'trees', 'nowhere');
refused('nothing to take back', qr/does not move/, '--abort', 'trees');
refused('no arguments', qr/usage/);
sql('front', q{INSERT INTO ring.back_end SELECT 'a_again', connect FROM ring.back_end WHERE name = 'a'});
refused('the same database by another name', qr/a_again is the database in which the Space lives/, 'trees', 'a_again');
sql('front', q{DELETE FROM ring.back_end WHERE name = 'a_again'});
is((move_space('', 'trees', 'a'))[0], 0, 'where it lives already: nothing to do');
refused_while('a schema of that name', 'b', 'CREATE SCHEMA trees; CREATE TABLE trees.mine (i int)', 'DROP TABLE trees.mine; DROP SCHEMA trees', qr/b: a schema "trees" is there/);
refused_while('no replica identity', 'a', 'CREATE TABLE trees.plain (i int)', 'DROP TABLE trees.plain', qr/table plain has no replica identity/);
refused_while('a replica identity that is none', 'a', 'CREATE TABLE trees.late (i int PRIMARY KEY DEFERRABLE)', 'DROP TABLE trees.late', qr/table late has no replica identity/);
refused_while('unlogged', 'a', 'CREATE UNLOGGED TABLE trees.light (i int PRIMARY KEY)', 'DROP TABLE trees.light', qr/table light is unlogged/);
refused_while('a view elsewhere', 'a', 'CREATE VIEW public.report AS SELECT * FROM trees.badge', 'DROP VIEW public.report', qr/report depends on the Space/);
refused_while('a key elsewhere', 'a', 'CREATE TABLE public.pay (worker_id bigint REFERENCES trees.worker)', 'DROP TABLE public.pay', qr/pay_worker_id_fkey.* depends on the Space/);
refused_while('a trigger for all that arrives', 'a', 'CREATE TRIGGER mine BEFORE UPDATE ON trees.badge FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
	ALTER TABLE trees.badge ENABLE ALWAYS TRIGGER mine', 'DROP TRIGGER mine ON trees.badge', qr/trigger mine of table badge/);
refused_while('a role is missing', 'b', 'DROP ROLE visitor', 'CREATE ROLE visitor LOGIN', qr/role "visitor" is missing/);
refused_while('a prepared transaction', 'a', q{BEGIN; UPDATE trees.badge SET note = ''; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'forgotten'}, q{ROLLBACK PREPARED 'forgotten'}, qr/transaction 'forgotten' is prepared/);
refused_while('another version of cirro', 'b', q{UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'cirro'},
	q{UPDATE pg_extension SET extversion = (SELECT default_version FROM pg_available_extensions WHERE name = 'cirro') WHERE extname = 'cirro'}, qr/cirro is 0.9 here/);
like(sql('b', q{SELECT ring.cannot_arrive('trees', ring.facts('trees') || '{"server": 10}')}), qr/PostgreSQL is \d+ here and 10 at the source/, 'refused: another PostgreSQL');
$node{a}->append_conf('postgresql.conf', 'wal_level = replica');
$node{a}->restart;
refused('wal_level', qr/wal_level is replica here/, 'trees', 'b');
$node{a}->append_conf('postgresql.conf', 'wal_level = logical');
$node{a}->restart;
tidy('refused');

# -------------------------------------------------------- to and fro at work --

crowd_begins();
$node{front}->poll_query_until('front', q{SELECT count(DISTINCT application_name) = 5 FROM pg_stat_activity WHERE application_name ~ '^(client|deliverer)'});
move_and_measure('b');
tidy('to b');
move_and_measure('a');
tidy('and back');

# Two at once: one moves it, the other says so.
{
	my $pid = fork // die;
	if ($pid == 0)
	{
		open STDOUT, '>', '/dev/null';
		exec 'env', 'PGHOST=' . $node{front}->host, 'PGPORT=' . $node{front}->port, 'PGDATABASE=front', $^X, $mover, 'trees', 'b';
	}
	$node{front}->poll_query_until('front', 'SELECT count(*) = 1 FROM ring.move');
	my ($code, $text) = move_space('', 'trees', 'b');
	like($text, qr/another move_space is at it|lives at b/, 'a second mover is told');
	waitpid $pid, 0;
	is($?, 0, 'and the first goes on');
	is(home(), 'b', 'it has moved');
	is((dispatch($front, '--check', 'trees'))[0], 0, 'the front has still what the Space has');
}

# A call that does not end keeps nobody else waiting; then it is let through.
{
	my $open = $node{front}->background_psql('front');
	$open->query_safe('BEGIN');
	$open->query_safe('SELECT * FROM trees.turn(1)');
	my $began = time;
	my ($code, $text) = move_space('', '--patience', '3', 'trees', 'a');
	isnt($code, 0, 'a transaction that stays open at the front: given up in the end');
	like($text, qr/given up.*calls are under way at the front: session \d+/s, 'and told who it is');
	cmp_ok(longest($began, time), '<', 5, 'nobody waited for it all the time');
	$open->query_safe('COMMIT');
	$open->quit;
	my $writer = $node{b}->background_psql('b');
	$writer->query_safe('BEGIN');
	$writer->query_safe(q{UPDATE trees.badge SET note = 'late' WHERE id = (SELECT min(id) FROM trees.badge)});
	($code, $text) = move_space('', '--patience', '3', 'trees', 'a');
	like($text, qr/given up.*transactions are under way at b: session \d+/s, 'the same for a transaction that writes past the front');
	$writer->query_safe('COMMIT');
	$writer->quit;
	($code) = move_space('', '--abort', 'trees');
	is($code, 0, 'taken back');
	tidy('taken back');
}

# A target that lags behind is not moved to: here its worker waits for somebody's row.
{
	my ($from, $to) = (home(), other(home()));
	is((move_space('copy', 'trees', $to))[0], 'killed', 'killed after: copy');
	my $id = sql($from, 'SELECT max(id) + 2 FROM trees.badge');
	my $holder = $node{$to}->background_psql($to);
	$holder->query_safe('BEGIN');
	$holder->query_safe("INSERT INTO trees.badge (id, note) OVERRIDING SYSTEM VALUE VALUES ($id, 'in the way')");
	$node{$from}->poll_query_until($from, "SELECT count(*) = 1 FROM trees.badge WHERE id = $id") or BAIL_OUT('no badges are made');
	my ($code, $text) = move_space('', '--patience', '3', 'trees', $to);
	isnt($code, 0, 'a target that is behind: given up in the end');
	like($text, qr/given up.*$to is behind/s, 'and told why');
	is(home(), $from, 'where it was');
	$holder->query_safe('ROLLBACK');
	$holder->quit;
	is((move_space('', '--abort', 'trees'))[0], 0, 'taken back');
}

# --------------------------------------------------------- killed at each step --

# The Space works, wherever it is: the clients' next turns come to an end. Between the
# fence and the directory they are refused.
sub turns { return scalar grep { $_->[2] eq '00000' } map { said("client$_") } 1 .. 4 }

my @refusals;
sub works
{
	my ($what) = @_;
	my $before = turns();

	for (1 .. 600)
	{
		return pass("$what: the Space works") if turns() > $before + 8;
		sleep 0.1;
	}
	return fail("$what: the Space works");
}

my $away = home();
my @steps = ('note', 'publish', 'slot', 'restore', 'subscribe', 'copy', 'analyze', 'hold', 'fence', 'catch up', 'ids', 'commit', 'open', 'direct', 'unsubscribe', 'drop');
my $there = other($away);
for my $step (@steps)
{
	my $began = time;
	my ($code) = move_space($step, 'trees', $there);
	is($code, 'killed', "killed after: $step");
	if ($step =~ /^(commit|open)$/)
	{
		my ($state, $out, $err) = $node{front}->psql('front', "\\set VERBOSITY verbose\nSELECT * FROM trees.turn(49)");
		like($err, qr/ERROR:  2200H|ERROR:  25006:.*Space "trees" has moved to back end "$there".*HINT:.*front of the ring/s, "$step: calls are refused, and told why") if $state;
		push @refusals, [ $began, undef ];
		is((move_space('', '--abort', 'trees'))[0] > 0, 1, "$step: it is too late to take it back");
	}
	else
	{
		works($step);
		$refusals[$_][1] //= time for 0 .. $#refusals;
	}
	is(home(), (grep { $_ eq $step } 'direct', 'unsubscribe', 'drop') ? $there : $away, "$step: whole at one side");

	# Nobody writes past the front any more.
	if ($step eq 'direct')
	{
		my $counts = counts($away);
		my $id = sql($away, q{SELECT min(id) FROM trees.invitation WHERE status = 'pending'});
		for my $write ("SELECT trees.accept($id)", 'SELECT trees.run_wave(1)', q{INSERT INTO trees.worker (profile) VALUES ('{}')}, q{UPDATE trees.gig SET title = 'x'},
			'DELETE FROM trees.badge', 'TRUNCATE trees.badge', q{COPY trees.badge (note) FROM PROGRAM 'echo x'}, q{UPDATE trees.setting SET paused = false},
			q{INSERT INTO trees.odd_new VALUES ('2031-01-01', 1)}, q{INSERT INTO trees."Odd ""one" VALUES ('2031-01-01', 1)},
			q{SET session_replication_role = replica; DELETE FROM trees.notification}, 'SELECT trees.rebuild_state()', q{SELECT nextval('trees.ticket')},
			q{SELECT nextval('trees.untouched')})
		{
			my ($state, $out, $err) = $node{$away}->psql($away, "\\set VERBOSITY verbose\n$write");
			like($err, $write =~ /run_wave/ ? qr/ERROR:  (25006|UG030)/ : $write =~ /nextval/ ? qr/ERROR:  2200H/ : qr/ERROR:  25006/, "past the front: $write");
		}
		is(counts($away), $counts, 'past the front: nothing has changed');
		is(sql($away, 'SELECT count(*) FROM trees.claim_notifications()'), '0', 'past the front: nothing is handed out');
		is(sql($away, "SELECT status FROM trees.worker_invitation WHERE invitation_id = $id"), 'pending', 'past the front: it can be read, as it was');
		isnt((move_space('', 'trees', $away))[0], 0, 'it does not move back before its remainder is gone');
	}
}
is((move_space('', 'trees', $there))[0], 0, 'run once more, it comes to its end');
tidy('killed at each step');
$refusals[$_][1] //= time for 0 .. $#refusals;

# Taken back from where it was killed.
for my $step ('note', 'slot', 'subscribe', 'ids')
{
	is((move_space($step, 'trees', $away))[0], 'killed', "killed after: $step, then taken back");
	is((move_space('', '--abort', 'trees'))[0], 0, "$step: taken back");
	is(home(), $there, "$step: where it was");
	works("$step, taken back");
	tidy("$step, taken back");
}

# It was altered meanwhile, or its copy was: no move by mistake.
is((move_space('copy', 'trees', $away))[0], 'killed', 'killed after: copy');
sql($there, 'ALTER TABLE trees.badge ADD COLUMN more text');
is((move_space('', 'trees', $away))[0], 0, 'altered meanwhile: copied anew');
is(sql($away, 'SELECT count(*) FROM trees.badge WHERE more IS NULL') > 0, 1, 'altered meanwhile: the column has come');

# In the long form to and fro, killed at any time.
my $end = time + $seconds;
while (time < $end)
{
	my ($from, $to) = (home(), other(home()));
	if (rand() < 0.7)
	{
		my $began = time;
		if (rand() < 0.5) { move_space($steps[rand @steps], 'trees', $to) } else { killed_at_any_time($to) }
		if (rand() < 0.3)
		{
			my $name = rand() < 0.5 ? 'a' : 'b';
			push @refusals, [ $began - 60, undef ];
			$node{$name}->stop('immediate');
			$node{$name}->start;
			note "the server of $name was ended at once";
		}
		push @refusals, [ $began - 60, undef ];
		if (home() eq $from && rand() < 0.3 && (move_space('', '--abort', 'trees'))[0] == 0) { $to = $from }
	}
	else { move_and_measure($to) }
	is((move_space('', 'trees', $to))[0], 0, 'at its end') if $to ne $from;
	is(home(), $to, "it is at $to");
	tidy('to and fro');
	$refusals[$_][1] //= time + 5 for 0 .. $#refusals;
}

# ------------------------------------------------------------------ what is so --

my $home = home();
sleep 2;
crowd_ends();
$node{$home}->poll_query_until($home, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name ~ '^(client|deliverer)' AND state <> 'idle'});
is(sql($home, 'SELECT * FROM trees.check_consistency()'), '', 'consistent');
is(sql($home, 'SELECT * FROM trees.wrong LIMIT 10'), '', 'nothing is oversold, lost, or told twice');

# A client's errors, but for those of the moments that are documented.
my @errors;
for my $name ((map { "client$_" } 1 .. 4), 'deliverer', 'ticks-a', 'ticks-b')
{
	for my $call (said($name))
	{
		my ($began, $ended, $state, $text) = @$call;
		next if $state eq '00000' && ($name !~ /ticks/ || ($text // '') eq '');
		# A tick that is at it when the fence goes up says so; the next finds the Space paused.
		next if $name =~ /ticks/ && ($text // '') =~ /^WARNING:  25006: [^;]*; DETAIL:  [^;]*; LOCATION:[^;]*$/;
		next if $state =~ /^(25006|2200H)$/ && grep { $ended >= $_->[0] && $began <= $_->[1] } @refusals;
		next if $seconds && grep { $ended >= $_->[0] && $began <= $_->[1] } @refusals;
		push @errors, "$name: @$call";
	}
}
is(join("\n", @errors[0 .. ($#errors < 9 ? $#errors : 9)]), '', 'no call failed, and ticks were quiet');

# What they were told is so.
my (%told, @claims);
for my $name (map { "client$_" } 1 .. 4)
{
	for my $call (said($name))
	{
		next if $call->[2] ne '00000';
		my ($kind, $id, $revision) = split /\|/, $call->[3];
		push @{ $told{$kind} }, [ $id, $revision ];
	}
}
note join ', ', map { scalar(@{ $told{$_} }) . " $_" } sort keys %told;
for my $kind ('accepted', 'rejected', 'left')
{
	my $rows = join ', ', map { "($_->[0]::bigint, $_->[1])" } @{ $told{$kind} };
	is(sql($home, "SELECT count(*), min(t.id) FROM (VALUES $rows) t (id, revision) LEFT JOIN
		(SELECT invitation_id, revision, count(*) FROM trees.event WHERE status = '$kind' GROUP BY 1, 2) e ON (e.invitation_id, e.revision) = (t.id, t.revision)
		WHERE e.count IS DISTINCT FROM 1"), '0|', "whoever has $kind, has it still");
}
for my $table ('worker', 'gig', 'badge', 'ticket')
{
	my @ids = map { $_->[0] } @{ $told{$table} };
	my %ids = map { $_ => 1 } @ids;
	is(scalar keys %ids, scalar @ids, "no id of $table was given twice");
	next if $table eq 'ticket';
	is(sql($home, "SELECT count(*) FROM trees.$table WHERE id IN (" . join(',', @ids) . ')'), scalar @ids, "each $table is there");
}
my (%held, %of_claim, @twice);
my ($handed, $confirmed) = (0, 0);
for my $call (said('deliverer'))
{
	my ($began, $ended, $state, $text) = @$call;
	next if $state ne '00000' || !defined $text || $text eq '';
	if ($text =~ /^(failed|confirmed)\|(\d+)\|(\d+)(?:\|(.*))?/)
	{
		my ($what, $count, $claim, $ids) = ($1, $2, $3, $4);
		for my $id (@{ $of_claim{$claim} })
		{
			next if $held{$id}{claim} != $claim || defined $ids && $ids !~ /\b$id\b/;
			$held{$id} = { claim => 0, until => $what eq 'failed' ? 0 : 9e9 };
			$confirmed++ if $what eq 'confirmed';
		}
		next;
	}
	for my $row (split /; /, $text)
	{
		my ($claim, $id, $attempts, $kind, $invitation, $event, $status) = split /\|/, $row;
		$handed++;
		push @twice, $row if exists $held{$id} && $held{$id}{until} > $ended;
		$held{$id} = { claim => $claim, until => $began + 3 };
		push @{ $of_claim{$claim} }, $id;
		push @claims, [ $id, $invitation, $status ] if $kind =~ /^invitation/;
	}
}
note "$handed handed out, $confirmed confirmed";
cmp_ok($handed, '>', 100, 'many events were handed out');
is("@twice[0 .. ($#twice < 4 ? $#twice : 4)]", '', 'none twice within its lease, or after it was confirmed');
is(sql($home, "SELECT count(*) FROM (VALUES " . join(', ', map { "($_->[0]::bigint, $_->[1]::bigint, '$_->[2]')" } @claims) . ") t (id, invitation_id, status)
	LEFT JOIN (SELECT n.id, e.invitation_id, e.status FROM trees.notification n JOIN trees.event e ON e.id = n.event_id) e USING (id, invitation_id, status)
	WHERE e.id IS NULL"), '0', 'each with its answer');
my @confirmed = grep { $held{$_}{until} > 1e9 && $held{$_}{claim} == 0 } keys %held;
is(sql($home, "SELECT count(*) FROM trees.notification WHERE id IN (" . join(',', @confirmed, 0) . ") AND outcome IS DISTINCT FROM 'delivered'"), '0', 'what is confirmed stays so');

# Whoever is new is invited: what slept elsewhere wakes here.
sub settle { for (1 .. 40) { sql($home, 'CALL cirro.run_waves()'); last if sql($home, q{SELECT count(*) FROM trees.gig_state WHERE slept_in IS NOT NULL}) > 5; sleep 0.3 } return }
sql($home, q{INSERT INTO trees.gig (title, url, start_at, end_at, total_seats, filter_query)
	SELECT 'sleeper', 'u', now() + '1 day', now() + '2 days', 3, jsonb_build_object('m', n) FROM generate_series(1, 10) n});
settle();
cmp_ok(sql($home, q{SELECT count(*) FROM trees.gig_state WHERE slept_in IS NOT NULL}), '>', 5, 'gigs are asleep');
is((move_space('', 'trees', other($home)))[0], 0, 'moved in their sleep');
$home = home();
sql($home, q{INSERT INTO trees.worker (profile) SELECT jsonb_build_object('m', n) FROM generate_series(1, 10) n});
my $missed;
for (1 .. 40)
{
	sql($home, 'CALL cirro.run_waves()');
	$missed = sql($home, q{SELECT count(*) FROM trees.worker w WHERE w.profile ? 'm' AND NOT EXISTS (SELECT FROM trees.invitation i WHERE i.worker_id = w.id)});
	last if $missed eq '0';
	sleep 0.3;
}
is($missed, '0', 'they wake for who is new');
is(sql($home, 'SELECT * FROM trees.check_consistency()'), '', 'consistent');
is(sql($home, q{SELECT default_frequency, default_multiplier, keep_waves, paused FROM trees.setting}), '00:00:03|4|1 year 2 mons|', 'the settings have come along');
is(sql($home, q{SELECT count(*) FROM trees."Odd ""one"}), '60', 'so have the owner\'s tables');
cmp_ok(sql($home, 'SELECT sum(count) FROM trees.crowd'), '>=', 1500, 'and what is computed from them');
is(sql($home, q{SELECT has_table_privilege('visitor', 'trees.busy', 'SELECT'), relowner::regrole FROM pg_class WHERE oid = 'trees.badge'::regclass}), 't|gardener', 'and rights');

# Into another database of the same server, under a name that has to be quoted.
my $odd = q{Wood's "x"};
sql($home, 'CREATE DATABASE second');
file_sql($node{$home}->connstr('second'), "$Ring::examples/back_end.sql");
sql($home, q{SELECT cirro.create_space('Wood''s "x"'); INSERT INTO "Wood's ""x""".worker (profile) VALUES ('{}'), ('{}')});
sql('front', qq{INSERT INTO ring.back_end (name, connect) VALUES ('c', \$\$@{[ $node{$home}->connstr('second') ]}\$\$);
	SELECT ring.set_place('Wood''s "x"', '$home')});
is((move_space('', $odd, 'c'))[0], 0, 'into a database of the same server');
is($node{$home}->safe_psql('second', q{SELECT count(*), max(id) FROM "Wood's ""x""".worker; SELECT defect FROM cirro.spaces()}), "2|2\n", 'it is there');
is(sql($home, q{SELECT string_agg(space, ',') FROM cirro.spaces()}), 'trees', 'and here no more');
note 'calls stood still for '. join(', ', @stood_still) . ' s';
done_testing();
