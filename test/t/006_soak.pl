# Random traffic on a few gigs: clients do everything that the API and plain
# statements offer, while waves run, gigs start and end, and a Space comes and
# goes beside. Where each transaction is one call or one single-row statement,
# under READ COMMITTED, none ends in a deadlock or with an error that a caller
# could not expect; with several calls and statements of many rows there are
# deadlocks, under REPEATABLE READ and SERIALIZABLE serialization failures, and
# nothing else. At every moment no gig is oversold, gig_state is right, and each
# change of an invitation has its notifications.
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
	several => <<'SQL',
\set a random(0, 1000000000)
\set b random(0, 1000000000)
\set c random(0, 1000000000)
BEGIN;
SELECT traffic.act(:a, :b, :c);
SELECT traffic.act(:b, :c, :a);
SELECT traffic.act(:c, :a, :b);
COMMIT;
SQL
	waves => <<'SQL',
\set way random(1, 3)
SELECT set_config('cirro.wave_search', (ARRAY['auto', 'single', 'batch'])[:way], false);
CALL cirro.run_waves();
SQL
	one_space => "CALL cirro.run_waves('trees', 3);\n",
	look => "INSERT INTO traffic.bad SELECT * FROM traffic.wrong(clock_timestamp() - interval '1 s', 9) EXCEPT TABLE traffic.bad;\n",
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

# Clients at work for some seconds; returns what pgbench counts of them.
sub soak
{
	my ($what, $options, $script, $for) = @_;
	my @common = ('pgbench', '-n', '-T', $for, '--random-seed=' . ($seed + $round++), '--failures-detailed');
	local $ENV{PGOPTIONS} = "-c client_min_messages=warning $options";
	my ($out, $err, $operator_out, $operator_err) = ('', '', '', '');
	my $operator = IPC::Run::start([ @common, '--rate=1', '-f', "$dir/operator.sql", $node->connstr('postgres') ],
		'>', \$operator_out, '2>', \$operator_err);
	my $ran = IPC::Run::run([ @common, '-c', $clients, '-j', 2, '-f', "$dir/$script.sql\@80", '-f', "$dir/waves.sql\@4",
			'-f', "$dir/one_space.sql\@1", '-f', "$dir/look.sql\@1", $node->connstr('postgres') ],
		'>', \$out, '2>', \$err);
	my $operated = $operator->finish;

	ok($ran, "$what: $clients clients go on to the end (SOAK_SEED=$seed)") or diag $err;
	ok($operated, "$what: and so does an operator") or diag $operator_err;
	# On a slow machine waves may lose patience with who holds a lock.
	is("$err$operator_err" =~ s/^pgbench: setting random seed to \d+\n//mgr
			=~ s/^WARNING: .*\nDETAIL:  (canceling statement due to lock timeout|Another transaction holds locks).*\n//mgr,
		'', "$what: no warnings");
	return map { $_ => $out =~ /^number of $_: (\d+)/m } 'transactions actually processed',
		'serialization failures', 'deadlock failures';
}

sub judge
{
	my ($what) = @_;
	is(sql('SELECT * FROM traffic.unexpected()'), '', "$what: no unexpected error (SOAK_SEED=$seed)");
	is(sql("SELECT * FROM trees.wave WHERE outcome = 'failed'"), '', "$what: no wave failed");
	sql('SELECT trees.rebuild_state()');
	is(traffic_wrong($node), '', "$what: nothing is wrong (SOAK_SEED=$seed)");
}

for my $part (
	[ 'read committed', '', 'act', 0.4 ],
	[ 'several at once', '-c traffic.wild=on', 'several', 0.2 ],
	[ 'repeatable read', '-c default_transaction_isolation=repeatable\ read', 'act', 0.2 ],
	[ 'serializable', '-c default_transaction_isolation=serializable', 'act', 0.2 ])
{
	my ($what, $options, $script, $share) = @$part;
	my %count = soak($what, $options, $script, int($seconds * $share) || 1);

	report "$what: " . join ', ', map { "$_ $count{$_}" } sort keys %count;
	cmp_ok($count{'transactions actually processed'}, '>', 20, "$what: there was traffic");
	is($count{'deadlock failures'}, 0, "$what: no deadlock (SOAK_SEED=$seed)") if $what eq 'read committed';
	is($count{'serialization failures'}, 0, "$what: no serialization failure (SOAK_SEED=$seed)") if $options !~ /isolation/;
	judge($what);
}

# What has ended, or is filled, is finished by the tick.
is(traffic_tick($node), '', 'nothing is left open where nobody can accept');
is(sql("SELECT phase FROM trees.gig_status WHERE gig_id = 7"), 'started', 'a gig has started meanwhile');
is(sql("SELECT count(*) > 0 FROM trees.gig_status WHERE phase IN ('ended', 'archived')"), 't', 'others have ended');
is(sql('SELECT string_agg(op, $$, $$) FROM traffic.mix WHERE op NOT IN (SELECT op FROM traffic.log)'), '',
	'everything was done');
report sql("SELECT op, string_agg(sqlstate || ' ' || n, ', ' ORDER BY n DESC) FROM (
	SELECT op, sqlstate, count(*) n FROM traffic.log GROUP BY 1, 2) c GROUP BY 1 ORDER BY 1");
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'nothing in the log');

$node->stop;
done_testing();
