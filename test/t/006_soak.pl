# Random traffic on a few gigs: clients do everything that the API and plain
# single-row statements offer, while waves run, gigs start and end, and a Space
# comes and goes beside. Each transaction is one call or one statement, so under
# READ COMMITTED none may end in a deadlock or with an error that a caller could
# not expect; REPEATABLE READ and SERIALIZABLE may add serialization failures
# and deadlocks, nothing else. At every moment no gig is oversold, gig_state is
# right, and each change of an invitation has its notifications.
#
# make soak SOAK_SECONDS=600 SOAK_SEED=42
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Traffic;

my $seconds = $ENV{SOAK_SECONDS} // 24;
my $seed = $ENV{SOAK_SEED} // int(rand(1_000_000_000));
# Who asks for a soak wants to see what it did.
sub report { return $ENV{SOAK_SECONDS} ? diag(@_) : note(@_) }
report "SOAK_SEED=$seed";

my $node = PostgreSQL::Test::Cluster->new('soak');
$node->init;
$node->append_conf('postgresql.conf', q{
deadlock_timeout = '100ms'
fsync = off
log_statement = none
log_min_messages = error
log_min_error_statement = error
});
$node->start;
traffic_begin($node);

sub sql { return $node->safe_psql('postgres', $_[0]) }

# Nothing in the API goes without traffic.
is(sql(q{SELECT string_agg(DISTINCT proname, ', ') FROM pg_proc WHERE pronamespace = 'trees'::regnamespace
	AND (SELECT prosrc FROM pg_proc WHERE oid = 'traffic.act'::regproc) !~ ('trees\.' || proname || '\(')}), '',
	'every function of a Space is called');

my $dir = PostgreSQL::Test::Utils::tempdir();
my %script = (
	act => <<'SQL',
\set a random(0, 1000000000)
\set b random(0, 1000000000)
\set c random(0, 1000000000)
SELECT traffic.act(:a, :b, :c);
SQL
	waves => "CALL cirro.run_waves();\n",
	one_space => "CALL cirro.run_waves('trees', 3);\n",
	look => "INSERT INTO traffic.bad SELECT traffic.wrong(clock_timestamp() - interval '1 s', 9);\n",
	# By one client: DDL of one Space at a time, as anywhere.
	operator => <<'SQL',
SET client_min_messages = warning;
SELECT cirro.create_space('passing');
INSERT INTO passing.worker (profile) SELECT '{}' FROM generate_series(1, 10);
INSERT INTO passing.gig (title, url, start_at, end_at, total_seats, filter_query)
VALUES ('g', 'u', now() + '1 h', now() + '1 day', 3, '{}');
CALL cirro.upgrade_spaces();
\sleep 100 ms
SELECT cirro.drop_space('passing');
SQL
);
PostgreSQL::Test::Utils::append_to_file("$dir/$_.sql", $script{$_}) for keys %script;

my $clients = 8;
my $round = 0;

# Clients at work for some seconds; returns what pgbench reports of them.
sub soak
{
	my ($level, $for) = @_;
	my @common = ('pgbench', '-n', '-T', $for, '--random-seed=' . ($seed + $round++), '--failures-detailed');
	local $ENV{PGOPTIONS} = '-c client_min_messages=warning -c default_transaction_isolation=' . $level =~ s/ /\\ /r;
	my ($out, $err, $operator_out, $operator_err) = ('', '', '', '');
	my $operator = IPC::Run::start([ @common, '--rate=1', '-f', "$dir/operator.sql", $node->connstr('postgres') ],
		'>', \$operator_out, '2>', \$operator_err);
	my $ran = IPC::Run::run([ @common, '-c', $clients, '-j', 2, '-f', "$dir/act.sql\@80", '-f', "$dir/waves.sql\@4",
			'-f', "$dir/one_space.sql\@1", '-f', "$dir/look.sql\@1", $node->connstr('postgres') ],
		'>', \$out, '2>', \$err);

	my $operated = $operator->finish;
	ok($ran, "$level: $clients clients go on to the end (SOAK_SEED=$seed)") or diag $err;
	ok($operated, "$level: and so does an operator") or diag $operator_err;
	is("$err$operator_err" =~ s/^pgbench: setting random seed to \d+\n//mgr, '', "$level: no warnings");
	return map { $_ => $out =~ /^number of $_: (\d+)/m } 'transactions actually processed',
		'failed transactions', 'serialization failures', 'deadlock failures';
}

sub judge
{
	my ($level) = @_;
	is(sql('SELECT * FROM traffic.unexpected()'), '', "$level: no unexpected error (SOAK_SEED=$seed)");
	is(sql("SELECT * FROM trees.wave WHERE outcome = 'failed'"), '', "$level: no wave failed");
	sql('SELECT trees.rebuild_state()');
	is(traffic_wrong($node), '', "$level: nothing is wrong (SOAK_SEED=$seed)");
}

my %share = ('read committed' => 0.5, 'repeatable read' => 0.25, 'serializable' => 0.25);
for my $level ('read committed', 'repeatable read', 'serializable')
{
	my %count = soak($level, int($seconds * $share{$level}) || 1);

	report "$level: " . join ', ', map { "$_ $count{$_}" } sort keys %count;
	cmp_ok($count{'transactions actually processed'}, '>', 100, "$level: there was traffic");
	is($count{'failed transactions'}, 0, "$level: no deadlock, no serialization failure (SOAK_SEED=$seed)")
		if $level eq 'read committed';
	judge($level);
}

# What has ended, or is filled, is finished by the tick.
is(traffic_tick($node), '', 'nothing is left open where nobody can accept');
is(sql("SELECT phase, accepted > 0 FROM trees.gig_status WHERE gig_id = 7"), 'started|t', 'a gig has started meanwhile');
is(sql("SELECT count(*) > 0 FROM trees.gig_status WHERE phase IN ('ended', 'archived')"), 't', 'others have ended');
is(sql('SELECT string_agg(op, $$, $$) FROM traffic.mix WHERE op NOT IN (SELECT op FROM traffic.log)'), '',
	'everything was done');
report sql("SELECT op, string_agg(sqlstate || ' ' || n, ', ' ORDER BY n DESC) FROM (
	SELECT op, sqlstate, count(*) n FROM traffic.log GROUP BY 1, 2) c GROUP BY 1 ORDER BY 1");
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'nothing in the log');

$node->stop;
done_testing();
