# Gigs that sleep while everything changes: writers with long transactions in every
# level of isolation, prepared ones and others that are rolled back, mass updates,
# answers, invitations deleted, gigs changed, gig_state held, several ticks at once,
# and now and then kill -9 of the server. After each round, when all is committed and
# ticks have come by, every worker whom a plain query finds for a gig is invited there,
# and check_consistency() is empty. Most gigs ask for so few workers that no other
# change makes good what was lost.
#
# make soak SOAK_SECONDS=600 SOAK_SEED=42
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use Traffic;

my $seconds = $ENV{SOAK_SECONDS} // 18;
my $seed = $ENV{SOAK_SEED} // int(rand(1_000_000_000));
sub report { return $ENV{SOAK_SECONDS} ? diag(@_) : note(@_) }
report "SOAK_SEED=$seed";
srand($seed);
my $can_kill = -r '/proc/self/stat';

my $node = PostgreSQL::Test::Cluster->new('sleep');
$node->init;
$node->append_conf('postgresql.conf', q{
fsync = off
deadlock_timeout = '100ms'
max_prepared_transactions = 20
max_connections = 40
restart_after_crash = on
log_statement = none
log_min_messages = fatal
log_min_error_statement = panic
jit = off
});
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub upto { return int(rand($_[0])) }
sub pick { return $_[ rand @_ ] }

# -------------------------------------------------------------- the Space --

# Filters, and the same in plain SQL: what each asks for, and of how many.
my @filters = (
	(map { [ qq({"n": $_}), "n = $_" ] } 0 .. 79),
	(map { [ qq({"m": {"\$gte": $_, "\$lt": ) . ($_ + 2) . '}}', "m >= $_ AND m < $_ + 2" ] } map { 3 * $_ } 0 .. 29),
	(map { my ($c, $d) = @$_; [ qq({"c": "c$c", "d": "d$d"}), "c = 'c$c' AND d = 'd$d'" ] } map { my $c = $_; map { [ $c, $_ ] } 0 .. 5 } 0 .. 5),
	(map { [ qq({"n": {"\$in": [$_, ) . (159 - $_) . ']}}', "n IN ($_, 159 - $_)" ] } 0 .. 9),
	(map { [ qq({"\$or": [{"n": $_}, {"c": "c1", "m": $_}]}), "n = $_ OR (c = 'c1' AND m = $_)" ] } 10 .. 19),
	(map { [ qq({"tags": {"\$all": ["t$_", "u"]}}), "tags ? 't$_' AND tags ? 'u'" ] } 0 .. 9),
	(map { [ qq({"m": {"\$gt": $_}}), "m > $_" ] } 90 .. 95),
	[ '{"d": {"$regex": "^d[01]$"}, "n": {"$mod": [50, 7]}}', "d ~ '^d[01]\$' AND n % 50 = 7" ],
	[ '{"c": {"$ne": "c0"}}', "c <> 'c0'" ], [ '{}', 'true' ]);
my $workers = 400;
my $gigs = 220;

# Of the first gigs there are as many as filters; the others have a pending_max, some
# of them a time to answer, or few seats.
sub profile
{
	return sprintf '{"n": %d, "m": %d, "c": "c%d", "d": "d%d", "tags": ["t%d"%s]}', upto(160), upto(100), upto(6), upto(6),
		upto(10), pick(', "u"', '');
}

sql(q{
CREATE EXTENSION cirro;
SELECT cirro.create_space('trees');
CREATE SCHEMA soak;
CREATE TABLE soak.filter (no int PRIMARY KEY, filter jsonb UNIQUE, condition text);
UPDATE trees.setting SET default_frequency = '100 ms', default_multiplier = 1000;
INSERT INTO soak.filter VALUES } . join(', ', map { "($_, \$\$$filters[$_][0]\$\$, \$\$$filters[$_][1]\$\$)" } 0 .. $#filters) . q{;
INSERT INTO trees.worker (id, profile) VALUES } . join(', ', map { "($_, '" . profile() . "')" } 1 .. $workers) . qq{;
INSERT INTO trees.gig (id, title, url, start_at, end_at, total_seats, filter_query)
SELECT n, 'g', 'u', now() + '1 h', now() + '1 day', 100, filter
FROM generate_series(1, $gigs) n JOIN soak.filter ON no = (n - 1) % (SELECT count(*) FROM soak.filter);
INSERT INTO trees.gig (id, title, url, start_at, end_at, seats_max, pending_max, answer_within, filter_query)
SELECT 1000 + n, 'g', 'u', now() + '1 h', now() + '1 day', CASE WHEN n % 6 = 1 THEN 3 ELSE 100 END, 1 + n % 4,
	CASE WHEN n % 6 = 2 THEN interval '700 ms' END, (SELECT filter FROM soak.filter WHERE condition = CASE n % 3 WHEN 0 THEN 'true' ELSE 'm > 90' END)
FROM generate_series(1, 30) n;
} . q{
-- The gigs' workers who are not invited though they could be, by a plain query.
CREATE FUNCTION soak.missed() RETURNS TABLE (gig_id bigint, worker_id bigint, condition text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
	g record;
BEGIN
	FOR g IN
		SELECT g.id, f.condition FROM trees.gig g JOIN trees.gig_state s ON s.gig_id = g.id JOIN soak.filter f ON f.filter = g.filter_query
		WHERE g.invitation_mode = 'auto' AND s.accepted < s.target AND coalesce(g.pending_max > (
			SELECT count(*) FROM trees.invitation i WHERE i.gig_id = g.id AND i.status = 'pending'
			AND coalesce(i.invited_at + g.answer_within > now(), true)), true)
		ORDER BY 1
	LOOP
		RETURN QUERY EXECUTE format($q$
			SELECT %s::bigint, w.id, %L FROM trees.worker w CROSS JOIN LATERAL jsonb_to_record(w.profile) p (n int, m int, c text, d text, tags jsonb)
			WHERE w.active AND (%s) AND NOT EXISTS (SELECT FROM trees.invitation i WHERE i.gig_id = %1$s AND i.worker_id = w.id
				AND (i.status <> 'expired' OR i.reason IS DISTINCT FROM 'seats_filled'))
			ORDER BY 2 LIMIT 3$q$, g.id, g.condition, g.condition);
	END LOOP;
END $$;
ANALYZE;
});

# ------------------------------------------------------------ the clients --

sub change
{
	my $id = 1 + upto($workers);
	my $profile = profile();
	return pick(
		(qq(UPDATE trees.worker SET profile = '$profile' WHERE id = $id;)) x 3,
		qq(UPDATE trees.worker SET profile = profile || '{"n": ) . upto(160) . qq(}' WHERE id = $id;),
		qq(UPDATE trees.worker SET profile = profile || '{"m": ) . upto(100) . qq(}' WHERE id = $id;),
		"UPDATE trees.worker SET active = NOT active WHERE id = $id;",
		"DELETE FROM trees.worker WHERE id = $id;",
		(qq(INSERT INTO trees.worker (id, profile) VALUES ($id, '$profile') ON CONFLICT (id) DO UPDATE SET profile = excluded.profile, active = true;)) x 2);
}

sub some_gig { return rand() < 0.5 ? 1001 + upto(30) : 1 + upto($gigs) }

sub answer
{
	my $gig = some_gig();
	my $one = "id = (SELECT id FROM trees.invitation WHERE gig_id = $gig AND status = 'pending' ORDER BY random() LIMIT 1)";
	return pick(
		("UPDATE trees.invitation SET status = 'rejected' WHERE $one;") x 3,
		"SELECT trees.reject(id) FROM trees.invitation WHERE $one;",
		"UPDATE trees.invitation SET status = 'accepted' WHERE $one;",
		"UPDATE trees.invitation SET status = 'expired' WHERE $one;",
		"UPDATE trees.invitation SET status = 'expired', reason = 'seats_filled' WHERE $one;",
		"DELETE FROM trees.invitation WHERE $one;",
		"UPDATE trees.invitation SET status = 'left' WHERE id = (SELECT id FROM trees.invitation WHERE gig_id = $gig AND status = 'accepted' LIMIT 1);");
}

sub another_gig
{
	my $gig = some_gig();
	return pick(
		"UPDATE trees.gig SET filter_query = (SELECT filter FROM soak.filter WHERE no = " . upto(scalar @filters) . ") WHERE id = " . (1 + upto($gigs)) . ';',
		"UPDATE trees.gig SET pending_max = pending_max % 4 + 1 WHERE id = $gig;",
		"UPDATE trees.gig SET answer_within = '1 h' WHERE id = $gig AND answer_within IS NULL;",
		"UPDATE trees.gig SET title = title || 'x' WHERE id = $gig;",
		"SELECT trees.run_wave($gig);");
}

sub nap { return sprintf 'SELECT pg_sleep(%.3f);', rand($_[0]) }

my $prepared = 0;

# A transaction of several of these, with pauses.
sub long
{
	my ($doing, $pause) = @_;
	my @text = ('BEGIN ISOLATION LEVEL ' . pick('READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE') . ';');

	push @text, pick('SELECT pg_current_xact_id();', 'SELECT count(*) FROM trees.gig_state;', '');
	for my $n (0 .. upto(4))
	{
		push @text, nap($pause), 'SAVEPOINT a;', $doing->(), pick('RELEASE a;', 'RELEASE a;', 'ROLLBACK TO a;'), $doing->();
	}
	push @text, nap($pause);
	my $name = 'p' . ++$prepared;
	return @text, pick(('COMMIT;') x 6, 'ROLLBACK;', "PREPARE TRANSACTION '$name';\n" . nap($pause) . "\nCOMMIT PREPARED '$name';");
}

my %client = (
	short => sub { return map { (rand() < 0.7 ? change() : answer(), nap(0.03)) } 1 .. 2000 },
	long => sub { return map { long(\&change, 0.6) } 1 .. 60 },
	brief => sub { return map { long(\&change, 0.05) } 1 .. 400 },
	answers => sub { return map { long(\&answer, 0.1) } 1 .. 200 },
	gigs => sub { return map { (another_gig(), nap(0.1)) } 1 .. 500 },
	mass => sub {
		return map { (nap(1.5), 'UPDATE trees.worker SET profile = profile || ' . qq('{"seen": $_}' WHERE id % 4 = ) . upto(4) . ';',
			change()) } 1 .. 100
	},
	holder => sub {
		return map { ('BEGIN;', 'SELECT FROM trees.gig_state WHERE gig_id % 20 = ' . upto(20) . ' ORDER BY gig_id FOR UPDATE SKIP LOCKED;',
			nap(0.5), 'COMMIT;', nap(0.3)) } 1 .. 200
	},
	tick => sub {
		return map { ('SET cirro.wave_search = ' . pick('auto', 'single', 'batch') . ';', 'CALL cirro.run_waves();', nap(0.05)) } 1 .. 2000
	},
	during => sub { return ("CALL cirro.run_waves('trees', during => '1 min');") x 10 },
	block => sub {
		return map { ('BEGIN ISOLATION LEVEL ' . pick('READ COMMITTED', 'REPEATABLE READ') . ';', "CALL cirro.run_waves('trees');", nap(0.2),
			pick('COMMIT;', 'ROLLBACK;'), nap(0.3)) } 1 .. 200
	},
	statements => sub {
		return ('SET cirro.direct_writes = off;', map { ('CALL cirro.run_waves();', nap(0.2), answer(), change()) } 1 .. 500)
	});
my @at_work = qw(short short long long brief answers answers gigs mass holder tick tick during block statements);

# ------------------------------------------------------------- the rounds --

# Ticks, until a plain query finds nobody who is missed; those who are at the end.
sub settle
{
	my $missed = 'none';

	for my $tick (1 .. 120)
	{
		sql('CALL cirro.run_waves()');
		$missed = sql('SELECT * FROM soak.missed() LIMIT 20');
		last if $missed eq '' && $tick > 2;
		usleep 100_000;
	}
	return $missed;
}

is(settle(), '', 'to begin with, everyone is invited');
my $ends = time + $seconds;
my ($round, $kills, $woken) = (0, 0, 0);
my %errors;

while (time < $ends || $round < 3)
{
	my $what = 'round ' . ++$round . " (SOAK_SEED=$seed)";
	my $is_killed = $can_kill && $round % 3 == 2;
	my $asleep = sql('SELECT count(*) FROM trees.gig_state WHERE slept_in IS NOT NULL OR awaits_room');
	cmp_ok($asleep, '>', 100, "$what: gigs are asleep");
	my $last = sql('SELECT coalesce(max(id), 0) FROM trees.invitation');

	my @clients = map { psql_start($node, "client $_", "SET client_min_messages = error;\n" . join("\n", $client{$_}->()) . "\n") } @at_work;
	usleep 1_500_000 + upto(2_000_000);
	if ($is_killed)
	{
		kill_server($node);
		$kills++;
	}
	else
	{
		sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'client %'});
	}
	for my $client (@clients)
	{
		my (undef, $err) = psql_finish($client);
		$errors{$1}++ while $err =~ /(?:ERROR|FATAL):  ([a-z ]+)/g;
	}
	if ($is_killed)
	{
		$node->start;
		wait_for_server($node) or BAIL_OUT('no server');
	}
	$node->safe_psql('postgres', "COMMIT PREPARED '$_'") for split /\n/, sql('SELECT gid FROM pg_prepared_xacts');

	$woken += sql("SELECT count(*) FROM trees.invitation WHERE id > $last AND origin = 'wave'");
	is(settle(), '', "$what: nobody is missed") or diag sql('SELECT * FROM trees.look') . "\n"
		. sql('SELECT s.* FROM trees.gig_state s WHERE s.gig_id IN (SELECT gig_id FROM soak.missed()) ORDER BY 1 LIMIT 5');
	is(sql('SELECT * FROM trees.check_consistency() LIMIT 10'), '', "$what: and all is consistent");
}
is(sql(q{SELECT gig_id, error FROM trees.wave WHERE outcome = 'failed' LIMIT 5}), '', 'no wave failed');
cmp_ok($woken, '>', 20 * $round, 'waves invited meanwhile');
report "$round rounds, $kills kills of the server, $woken invitations by waves in between";
report join ', ', map { "$_: $errors{$_}" } sort keys %errors;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP/, 'nothing in the log');

$node->stop;
done_testing();
