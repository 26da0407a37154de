# Histories of those who wait: eight clients at once answer, wait, leave, are reset,
# invited, deleted, erased, made inactive and active, while seats are raised and lowered,
# gigs end and ticks come by; in every level of isolation, with savepoints and rollbacks.
# At every moment no gig has more accepted than seats, gig_state counts what is there,
# and beside a free seat for which somebody waits a tick is due; seats are given in the
# order of waiting, but for rows that were locked. At the end, after ticks, nobody waits
# beside a free seat, what else was open at seats_max has expired, and what was told is
# so. Where each transaction is one call or one single-row statement under READ
# COMMITTED there is no deadlock.
#
# Each history is made of its own seed; only the clients' race is not repeated:
#   SOAK_SEED=42 HISTORIES=1 make soak
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IO::Select;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Wire;

my $clients = 8;
my $seconds = $ENV{SOAK_SECONDS} // 25;
my $most = $ENV{HISTORIES};
my $seed = $ENV{SOAK_SEED} // int(rand(1_000_000_000));
sub report { return $ENV{SOAK_SECONDS} || $most ? diag(@_) : note(@_) }
report "SOAK_SEED=$seed";

my $node = PostgreSQL::Test::Cluster->new('waiting');
$node->init;
$node->append_conf('postgresql.conf', q{
deadlock_timeout = '10ms'
statement_timeout = '30s'
track_commit_timestamp = on
fsync = off
jit = off
log_statement = none
log_min_messages = fatal
log_min_error_statement = panic
client_min_messages = error
});
$node->start;
$node->safe_psql('postgres', slurp_file("$FindBin::RealBin/lib/waiting.sql"));

sub upto { return int(rand($_[0])) }
sub chance { return rand() < $_[0] }
sub pick { return $_[ rand @_ ] }

# ------------------------------------------------------------ a history --

# What a client may hear because somebody was faster; or for what it asks.
my %expected = (
	'*' => { map { ($_ => 1) } qw(UG002 UG003 UG004 UG010 UG011 UG012 UG013) },
	insert => { 23503 => 1, 23505 => 1 },
	'end' => { UG020 => 1, UG022 => 1, 23514 => 1 },
	delete => { UG021 => 1 },
	seats => { UG020 => 1, UG022 => 1 },
	# A gig that ends before send_at.
	invite => { 22023 => 1 },
	erase => { 25000 => 1 });

sub invitation
{
	my ($gig, $worker) = @_;
	return "(SELECT i.id FROM trees.invitation i WHERE i.gig_id = $gig->{id} AND i.worker_id = $worker)";
}

# The seats of a gig, as columns.
sub seats
{
	my ($gig, $n) = @_;
	return { max => [ 'NULL', 'NULL', $n ], total => [ 'NULL', $n, 'NULL' ], both => [ 'NULL', $n, $n + 1 ],
		min => [ $n, 'NULL', 'NULL' ] }->{ $gig->{kind} };
}

sub capacity
{
	my ($gig, $n) = @_;
	return { max => $n, total => $n, both => $n + 1, min => 'NULL' }->{ $gig->{kind} };
}

# Each returns what it is, for what to expect of it, and statements.
my %op = (
	wait => sub { [ undef, "SELECT t.outcome, t.status FROM trees.try_accept($_[2], true) t" ] },
	try_accept => sub { [ undef, "SELECT t.outcome, t.status FROM trees.try_accept($_[2]) t" ] },
	accept => sub { [ undef, "SELECT a.id, a.status FROM trees.accept($_[2]) a" ] },
	leave => sub { [ undef, "SELECT a.id, a.status FROM trees.leave($_[2]) a" ] },
	reject => sub { [ undef, "SELECT a.id, a.status FROM trees.reject($_[2], 'no') a" ] },
	expire => sub { [ undef, "SELECT a.id, a.status FROM trees.expire($_[2]) a" ] },
	reset => sub { [ undef, "SELECT a.id, a.status FROM trees.reset($_[2]) a" ] },
	update => sub {
		[ undef, "UPDATE trees.invitation SET status = '" . pick(qw(waiting waiting waiting accepted rejected left expired pending))
			  . "' WHERE gig_id = $_[0]{id} AND worker_id = $_[1]" ];
	},
	reason => sub { [ undef, "UPDATE trees.invitation SET reason = 'x' WHERE gig_id = $_[0]{id} AND worker_id = $_[1]" ] },
	upsert => sub {
		[ 'insert', "INSERT INTO trees.invitation (gig_id, worker_id, status) VALUES ($_[0]{id}, $_[1], '" . pick(qw(pending accepted))
			  . "') ON CONFLICT (gig_id, worker_id) DO UPDATE SET status = '" . pick(qw(waiting waiting pending left)) . "'" ];
	},
	remove => sub { [ undef, "DELETE FROM trees.invitation WHERE gig_id = $_[0]{id} AND worker_id = $_[1]" ] },
	fire => sub { [ undef, "DELETE FROM trees.worker WHERE id = $_[1]" ] },
	hire => sub { [ undef, "INSERT INTO trees.worker (id) VALUES ($_[1]) ON CONFLICT DO NOTHING" ] },
	erase => sub { [ 'erase', "SELECT FROM trees.erase_worker($_[1])" ] },
	active => sub { [ undef, 'UPDATE trees.worker SET active = ' . pick(("true") x 4, "false", "NOT active") . " WHERE id = $_[1]" ] },
	profile => sub { [ undef, "UPDATE trees.worker SET profile = '{\"n\": " . upto(9) . "}' WHERE id = $_[1]" ] },
	invite => sub {
		[ 'invite', "SELECT FROM trees.invite($_[0]{id}, ARRAY[$_[1], " . pick(@{ $_[3]{workers} }) . ']'
			  . pick('', ', auto_accept => true', ", now() + '20 ms'") . ')' ];
	},
	attempt => sub { [ undef, "SELECT FROM trees.attempt_invitations($_[1])" ] },
	seats => sub {
		my ($gig) = @_;
		my ($min, $total, $max) = @{ seats($gig, $gig->{is_changed} ? 1 + upto($gig->{top}) : $gig->{n}) };
		[ 'seats', "UPDATE trees.gig SET seats_min = $min, total_seats = $total, seats_max = $max WHERE id = $gig->{id}" ];
	},
	granted => sub {
		my ($gig) = @_;
		[ 'seats', 'UPDATE trees.gig SET seats_granted = '
			  . ($gig->{is_changed} && $gig->{kind} ne 'min' ? pick('NULL', 0 .. $gig->{top}) : 'NULL') . " WHERE id = $gig->{id}" ];
	},
	mode => sub { [ 'seats', "UPDATE trees.gig SET invitation_mode = '" . pick('manual', 'auto') . "' WHERE id = $_[0]{id}" ] },
	end => sub {
		[ 'end', pick("UPDATE trees.gig SET end_at = cirro.now() WHERE id = $_[0]{id} AND start_at < cirro.now()",
				"SELECT FROM trees.cancel($_[0]{id})", "SELECT FROM trees.archive($_[0]{id})") ];
	},
	delete => sub { [ 'delete', "DELETE FROM trees.gig WHERE id = $_[0]{id}" ] },
	tick => sub { [ undef, 'CALL cirro.run_waves()' ] },
	wave => sub { [ undef, "SELECT FROM trees.run_wave($_[0]{id})" ] },
	# Rows, in no order.
	many => sub {
		[ undef, pick("UPDATE trees.invitation SET status = 'waiting' WHERE gig_id = $_[0]{id} AND status = 'pending'",
				"UPDATE trees.invitation SET status = 'waiting' WHERE worker_id = $_[1] AND (status = 'pending' OR reason = 'seats_filled')",
				"UPDATE trees.invitation SET status = 'left' WHERE gig_id = $_[0]{id} AND status = 'accepted'",
				"UPDATE trees.invitation SET status = 'left' WHERE worker_id = $_[1] AND status = 'accepted'",
				"UPDATE trees.invitation SET status = CASE status WHEN 'accepted' THEN 'left' WHEN 'pending' THEN 'waiting' ELSE status END WHERE gig_id = $_[0]{id}",
				"DELETE FROM trees.invitation WHERE gig_id = $_[0]{id} AND status IN ('accepted', 'waiting') AND worker_id % 2 = 0",
				"UPDATE trees.worker SET active = NOT active",
				"DELETE FROM trees.worker WHERE id % 3 = 0") ];
	});
my %weight = (wait => 40, try_accept => 6, accept => 6, leave => 40, reject => 6, expire => 3, reset => 8, update => 12, reason => 2, upsert => 5,
	remove => 4, fire => 2, hire => 2, erase => 1, active => 8, profile => 2, invite => 6, attempt => 2, seats => 10, granted => 2, mode => 2,
	end => 0.4, delete => 0.5, tick => 8, wave => 3, many => 0);
# Of all a little, or of some more. In brief ones few workers, of whom the most are not
# active, become so.
my @themes = map {
	my ($more, $is_brief) = @$_;
	{ ops => [ map { ($_) x (10 * $weight{$_} * ($more->{$_} // ($is_brief ? 0 : 1))) } sort keys %weight ], is_brief => $is_brief }
} ([ {} ]) x 3, ([ { wait => 1, leave => 1, tick => 6, wave => 1, seats => 1, invite => 1 }, 1 ]) x 2, [ { seats => 5, granted => 5, tick => 2 } ],
  [ { reset => 5, end => 4, delete => 4, erase => 5, fire => 3 } ];

sub one_op
{
	my ($h, $what) = @_;
	my ($gig, $worker) = (pick(@{ $h->{gigs} }), pick(@{ $h->{workers} }));
	my $invitation = invitation($gig, $worker);

	# Often of one who can.
	$invitation =~ s/AND i\.worker_id = (\d+)\)/sprintf "ORDER BY i.status = '%s' DESC, (i.worker_id + $1) %% 7 LIMIT 1)",
		{ leave => 'accepted', reset => 'accepted', wait => pick('pending', 'expired'), reject => pick('waiting', 'pending') }->{$what}/e
	  if $what =~ /^(?:leave|reset|wait|reject)$/ && chance(0.6);
	return $op{$what}->($gig, $worker, $invitation, $h);
}

# A list of steps, each what to expect and a statement. Some hold a row for a while.
sub transaction
{
	my ($h) = @_;
	my ($gig, $worker) = (pick(@{ $h->{gigs} }), pick(@{ $h->{workers} }));
	my $held = "gig_id = $gig->{id} AND worker_id = $worker FOR " . pick('NO KEY UPDATE', 'UPDATE', 'SHARE');

	if (chance(0.05))
	{
		return [ map { [ undef, $_ ] } 'BEGIN', pick("SELECT FROM trees.invitation WHERE $held", "SELECT FROM trees.worker WHERE id = $worker FOR UPDATE"),
			sprintf('SELECT pg_sleep(%.3f)', rand(0.02)), pick('COMMIT', 'ROLLBACK') ];
	}
	# Active, but not yet for others.
	if ($h->{is_brief} && chance(0.25))
	{
		return [ map { [ undef, $_ ] } $h->{is_tame} ? 'BEGIN' : ('BEGIN ISOLATION LEVEL ' . pick('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'),
				'SELECT count(*) FROM trees.gig_state', sprintf('SELECT pg_sleep(%.3f)', rand(0.03))),
			"UPDATE trees.worker SET active = true WHERE id = $worker", sprintf('SELECT pg_sleep(%.3f)', rand(0.03)), pick('COMMIT', 'COMMIT', 'ROLLBACK') ];
	}
	# One call, or one row, and then a rest or its end.
	if ($h->{is_tame})
	{
		my @one = (one_op($h, pick(@{ $h->{ops} })));
		return \@one if $one[0][1] =~ /^CALL/ || chance(0.7);
		return [ [ undef, 'BEGIN' ], @one, (chance(0.5) ? [ undef, sprintf('SELECT pg_sleep(%.3f)', rand(0.01)) ] : ()),
			[ undef, pick('COMMIT', 'COMMIT', 'ROLLBACK') ] ];
	}
	my @steps = ([ undef, 'BEGIN ISOLATION LEVEL ' . pick('READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE') ]);
	push @steps, [ undef, 'SELECT count(*) FROM trees.gig_state' ], [ undef, sprintf('SELECT pg_sleep(%.3f)', rand(0.01)) ] if chance(0.3);
	for (1 .. 1 + upto(3))
	{
		my $is_doubtful = chance(0.25);
		push @steps, [ undef, 'SAVEPOINT a' ] if $is_doubtful;
		push @steps, one_op($h, chance(0.08) ? 'many' : pick(@{ $h->{ops} }));
		push @steps, [ undef, pick('RELEASE a', 'ROLLBACK TO a') ] if $is_doubtful;
	}
	return [ @steps, [ undef, pick(('COMMIT') x 5, 'ROLLBACK') ] ];
}

# The parts that all clients share, and a script that makes them.
sub make_history
{
	my ($number) = @_;
	my $theme = pick(@themes);
	my $is_brief = $theme->{is_brief};
	my $h = { number => $number, ops => $theme->{ops}, is_brief => $is_brief, is_tame => chance(0.5), is_watched => ($number >> 3) & 1,
		direct => pick('on', 'on', 'on', 'off'), search => pick('auto', 'single', 'batch') };
	my @workers = map { 1000 * $number + $_ } 1 .. 3 + upto($is_brief ? 2 : 6);
	my @script;

	$h->{workers} = \@workers;
	push @script, "INSERT INTO trees.worker (id, profile, active) VALUES "
	  . join(', ', map { "($_, '{}', " . (chance($is_brief ? 0.8 : 0.15) ? 'false' : 'true') . ')' } @workers);
	for my $no (1 .. 1 + upto($is_brief ? 1 : 3))
	{
		my $gig = { id => 10 * $number + $no, kind => pick('max', 'max', 'max', 'total', 'total', 'both', 'min'), n => 1 + upto($is_brief ? 1 : 3),
			is_changed => chance(0.5), has_started => chance(0.5), ends => chance(0.2) };
		$gig->{top} = $gig->{is_changed} ? 4 : $gig->{n};
		push @{ $h->{gigs} }, $gig;
		push @script, sprintf("INSERT INTO trees.gig (id, title, url, start_at, end_at, seats_min, total_seats, seats_max, "
			. "answer_within, invitation_mode, invitation_frequency, invitation_multiplier, pending_max, filter_query) "
			. "VALUES (%d, 'g', 'u', now() + '%s h', now() + '%s', %s, %s, '%s', '10 ms', %d, %s, '{}')",
			$gig->{id}, $gig->{has_started} ? -1 : 1, $gig->{ends} && $gig->{has_started} ? 20 + upto(150) . ' ms' : '1 day',
			join(', ', @{ seats($gig, $gig->{n}) }), pick('NULL', 'NULL', 'NULL', "'20 ms'"), pick('manual', 'auto'), 1 + upto(3),
			pick('NULL', 'NULL', 2)),
		  "INSERT INTO soak.gig VALUES ($gig->{id}, " . capacity($gig, $gig->{top}) . ', ' . ($gig->{is_changed} ? 'true' : 'false') . ')';
		my @invited = grep { chance(0.9) } @workers;
		push @script, "INSERT INTO trees.invitation (id, gig_id, worker_id) VALUES "
		  . join(', ', map { my $id = 1_000_000_000_000 + 10_000 * $gig->{id} + $_ % 1000; "($id, $gig->{id}, $_)" } @invited) if @invited;
		# Most begin with the seats taken, and some who wait.
		next if chance(0.1);
		push @script, map { 'SELECT trees.try_accept(' . invitation($gig, $_) . ')' } splice @invited, 0, capacity($gig, $gig->{n}) eq 'NULL' ? 1
		  : capacity($gig, $gig->{n});
		push @script, map { 'SELECT trees.try_accept(' . invitation($gig, $_) . ', true)' } grep { chance(0.5) } @invited;
	}
	# Alike by the same clock, or not.
	$h->{script} = chance(0.5) ? [ join('; ', @script) ] : \@script;
	$h->{clients} = [ map { [ map { transaction($h) } 1 .. ($is_brief ? 1 + upto(2) : 3 + upto(4)) ] } 1 .. $clients ];
	return $h;
}

# ----------------------------------------------------------- its clients --

my ($user) = getpwuid $<;
sub client
{
	my $wire = Wire->connect($node, $ENV{PGUSER} // $user, 'postgres');
	return { wire => $wire, socket => $wire->socket };
}
my @clients = map { client() } 1 .. $clients;
my $checker = client();
my $control = client()->{wire};
my %outcomes;
my %refused;
my @wrong;

# What a client had for an answer; what it does next.
sub heard
{
	my ($h, $client, $answer) = @_;
	my ($what, $sql) = @{ $client->{step} };
	my $state = $answer->{state};

	push @{ $h->{log} }, sprintf('%.4f-%.4f client %d: %s -> %s', $client->{sent} - $h->{began}, time - $h->{began}, $client->{number}, $sql,
		defined $state ? "$state $answer->{message}" : join(', ', map { join('|', map { $_ // 'NULL' } @$_) } @{ $answer->{rows} }));
	if (defined $state)
	{
		$refused{$state}++;
		push @wrong, "$sql: $state: $answer->{message} $answer->{detail} $answer->{context}"
		  unless $expected{'*'}{$state} || (defined $what && $expected{$what}{$state}) || (!$h->{is_tame} && $state =~ /^(?:40001|40P01)$/);
		if ($client->{wire}{block} eq 'E')
		{
			# Back to where it was, or to nowhere.
			my $can_go_on = $state !~ /^40/ && $client->{has_savepoint};
			my @rest = $can_go_on ? @{ $client->{steps} } : ();
			shift @rest while @rest && $rest[0][1] !~ /^(?:RELEASE|ROLLBACK TO)/;
			$client->{steps} = [ $can_go_on && @rest ? ([ undef, 'ROLLBACK TO a' ], @rest) : [ undef, 'ROLLBACK' ] ];
		}
		return;
	}
	$client->{has_savepoint} = 1 if $sql =~ /^SAVEPOINT/;
	$client->{has_savepoint} = 0 if $sql =~ /^(?:RELEASE|BEGIN)/;
	if ($sql =~ /try_accept\(.*?(, true)?\) t$/)
	{
		my ($outcome, $status) = @{ $answer->{rows}[0] };
		my $waits = $1 ? ' or waits' : '';
		$outcomes{"$outcome$waits"}++;
		push @wrong, "$sql: $outcome, and is $status" if $outcome =~ /^(?:accepted|waiting)$/ && $status ne $outcome;
		push @wrong, "$sql: $outcome" if $outcome !~ ($waits ? qr/^(?:accepted|waiting|not_open|no_longer_pending|not_found)$/
			: qr/^(?:accepted|filled|not_open|no_longer_pending|not_found)$/);
	}
	# What a function returns is what the row is then, if it is the transaction's now.
	if ($client->{wire}{block} eq 'T' && $sql =~ /^SELECT a.id, a.status|^SELECT t.outcome.*(\(SELECT [^(]* i.worker_id = \d+\))/)
	{
		my ($id, $status) = ($1 // $answer->{rows}[0][0], $answer->{rows}[0][1]);
		unshift @{ $client->{steps} }, [ undef, "SELECT i.status FROM trees.invitation i WHERE i.id = $id", $status, $sql ]
		  if !defined $1 || $answer->{rows}[0][0] =~ /^(?:accepted|waiting)$/;
	}
	if (defined $client->{step}[2] && ($answer->{rows}[0][0] // '') ne $client->{step}[2])
	{
		push @wrong, "$client->{step}[3]: says $client->{step}[2], and is " . ($answer->{rows}[0][0] // 'nothing');
	}
}

sub play
{
	my ($h) = @_;
	my $select = IO::Select->new;
	my %by_socket;
	my $n = 0;
	my $is_over = 0;

	$h->{began} = time;
	for my $client (@clients)
	{
		$client->{number} = ++$n;
		$client->{todo} = [ [ [ undef, "SET cirro.direct_writes = $h->{direct}; SET cirro.wave_search = $h->{search}; SET soak.single = "
					. ($h->{is_tame} ? 'on' : 'off') ] ], @{ $h->{clients}[ $n - 1 ] } ];
		$client->{steps} = [];
		$client->{wakes} = 0;
	}
	$checker->{wakes} = 0;
	while (1)
	{
		my $now = time;
		my $next = $now + 60;

		for my $client (@clients)
		{
			next if $select->exists($client->{socket});
			$client->{steps} = shift @{ $client->{todo} } if !@{ $client->{steps} } && @{ $client->{todo} };
			next if !@{ $client->{steps} };
			if ($client->{wakes} > $now)
			{
				$next = $client->{wakes} if $client->{wakes} < $next;
				next;
			}
			$client->{step} = shift @{ $client->{steps} };
			$client->{sent} = $now;
			$client->{wire}->begin($client->{step}[1]);
			$select->add($client->{socket});
			$by_socket{ fileno $client->{socket} } = $client;
		}
		if (!$select->exists($checker->{socket}))
		{
			if ($is_over) { last if !$select->count; }
			elsif ($checker->{wakes} <= $now)
			{
				$checker->{wire}->begin('SELECT soak.moment()');
				$select->add($checker->{socket});
				$by_socket{ fileno $checker->{socket} } = $checker;
			}
			else { $next = $checker->{wakes} if $checker->{wakes} < $next; }
		}
		my @ready = $select->can_read($next - $now);
		die "no answer:\n" . join("\n", @{ $h->{log} }, $control->value('SELECT string_agg(a::text, chr(10)) FROM pg_stat_activity a')) . "\n"
		  if !@ready && $next - $now > 50;
		for my $socket (@ready)
		{
			my $client = $by_socket{ fileno $socket };
			my $answer = $client->{wire}->finish;
			$select->remove($socket);
			if ($client == $checker)
			{
				push @wrong, defined $answer->{state} ? "checker: $answer->{message}" : map { sprintf('at %.4f: %s', time - $h->{began}, $_->[0]) } @{ $answer->{rows} };
				$client->{wakes} = time + 0.004;
				next;
			}
			heard($h, $client, $answer);
			$client->{wakes} = chance(0.3) ? time + rand(0.004) : 0;
		}
		$is_over = !grep { $select->exists($_->{socket}) || @{ $_->{steps} } || @{ $_->{todo} } } @clients;
	}
}

# -------------------------------------------------------------- all of them --

my $began = time;
my ($played, $given, $failed, $tame) = (0, 0, 0, 0);
my $is_watched = 1;
$control->script("SET client_min_messages = error");

while ($most ? $played < $most : time < $began + $seconds)
{
	my $number = $seed + $played++;

	srand($number * 2_654_435_761 % 4_294_967_296);
	my $h = make_history($number);
	$tame++ if $h->{is_tame};
	if ($is_watched != $h->{is_watched})
	{
		$is_watched = $h->{is_watched};
		$control->value('SELECT soak.watch($1)', $is_watched ? 'true' : 'false');
	}
	for my $part (@{ $h->{script} })
	{
		my $answer = $control->script($part);
		die "$part: $answer->{state} $answer->{message}" if defined $answer->{state} && $answer->{state} ne 'UG010';
	}
	@wrong = ();
	play($h);
	# In time before any tick, and settled by some.
	push @wrong, map { "before the ticks: $_->[0]" } @{ $control->run('SELECT soak.wrong()')->{rows} };
	my $ticked = $control->value('SELECT clock_timestamp()');
	$control->script('CALL cirro.run_waves()') for 1 .. 3;
	push @wrong, map { "after the ticks: $_->[0]" } @{ $control->run('SELECT soak.wrong($1::timestamptz)', $ticked)->{rows} };
	if (@wrong)
	{
		splice @wrong, 20;
		diag join "\n", "history SOAK_SEED=$number" . ($h->{is_tame} ? ', tame' : '') . ($is_watched ? ', watched' : '') . ", direct_writes $h->{direct}", @wrong,
		  'It was:', @{ $h->{script} }, @{ $h->{log} },
		  map { join '|', map { $_ // '' } @$_ } @{ $control->run(q{SELECT i::text FROM trees.invitation i UNION ALL SELECT s::text FROM trees.gig_state s
			UNION ALL SELECT w::text FROM trees.worker w})->{rows} };
		last if ++$failed == 3;
	}
	$given += $control->value('SELECT soak.forget()');
	$control->script('VACUUM') if $played % 200 == 0;
}

is($failed, 0, "nothing is wrong in $played histories from SOAK_SEED=$seed on");
cmp_ok($played, '>=', $most // 20, 'there were histories');
cmp_ok($given, '>', $played, 'seats were given to those who waited');
cmp_ok($outcomes{'waiting or waits'} // 0, '>', $played, 'workers waited');
report sprintf '%d histories in %.0f s, %d of one call or row at a time; %d seats given', $played, time - $began, $tame, $given;
report 'try_accept: ' . join ', ', map { "$_: $outcomes{$_}" } sort keys %outcomes;
report 'refused: ' . join ', ', map { "$_: $refused{$_}" } sort keys %refused;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'nothing in the log');

$node->stop;
done_testing();
