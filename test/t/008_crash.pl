# kill -9 in the middle of everything: at random moments the whole server, or
# one backend of it, which makes the server restart. After each recovery, in one
# snapshot: nobody is invited or told twice, nothing is oversold, each
# invitation has its notification and its wave, each wave its invitations,
# gig_state is right, and all that a client was told to be done is done. In the
# end waves go on by themselves, where pg_cron is installed.
#
# make crash CRASH_ROUNDS=200 CRASH_SEED=42
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use Traffic;

plan skip_all => 'no /proc' if !-r '/proc/self/stat';

my $rounds = $ENV{CRASH_ROUNDS} // 12;
my $seed = $ENV{CRASH_SEED} // int(rand(1_000_000_000));
sub report { return $ENV{CRASH_ROUNDS} ? diag(@_) : note(@_) }
report "CRASH_SEED=$seed";
srand($seed);

# What is acknowledged is in the hands of the kernel, which outlives a kill: no
# fsync. Small checkpoints, so that recovery begins anywhere.
my $node = PostgreSQL::Test::Cluster->new('crash');
my $has_cron = -e $node->config_data('--pkglibdir') . '/pg_cron.so';
$node->init;
$node->append_conf('postgresql.conf', q{
fsync = off
synchronous_commit = on
full_page_writes = on
max_wal_size = 32MB
checkpoint_timeout = 30s
restart_after_crash = on
log_statement = none
log_min_messages = error
log_min_error_statement = panic
});
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'pg_cron'
cron.database_name = 'postgres'
cron.use_background_workers = on
max_worker_processes = 20
}) if $has_cron;
$node->start;
traffic_begin($node);

sub sql { return $node->safe_psql('postgres', $_[0]) }

# Waves are under way at almost any time: they come often, always find somebody
# new (clients, below), and take a while.
sql(q{
UPDATE trees.gig SET invitation_frequency = '50 ms' WHERE end_at > now() + '1 h';
CREATE FUNCTION traffic.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.005); RETURN NULL; END';
CREATE TRIGGER slow AFTER INSERT ON trees.wave FOR EACH ROW EXECUTE FUNCTION traffic.slow();
});
sql('CREATE EXTENSION pg_cron') if $has_cron;
sql(q{SELECT cirro.schedule_waves('trees')}) if $has_cron;

# Clients that act, those that run waves, and one that brings new workers, over
# and over; more than they can do before the kill.
sub clients
{
	my $number = sub { return int(rand(1_000_000_000)) };
	my @started;

	for my $i (1 .. 3)
	{
		push @started, psql_start($node, "act$i", join '', map {
				'SELECT traffic.act(' . join(', ', $number->(), $number->(), $number->()) . ");\n" } 1 .. 6000);
	}
	for my $way ('single', 'batch')
	{
		push @started, psql_start($node, "waves $way",
			"SET client_min_messages = error;\nSET cirro.wave_search = $way;\n" . "CALL cirro.run_waves();\n" x 4000);
	}
	push @started, psql_start($node, 'workers', join '', map {
			"DELETE FROM trees.worker WHERE id = $_;\n" .
			"INSERT INTO trees.worker (id, profile) VALUES ($_, '{\"n\": $_}') ON CONFLICT DO NOTHING;\n"
		} map { 1 + int(rand(60)) } 1 .. 4000);
	return @started;
}

# A backend that is at work, or now and then any process, and its name.
sub victim
{
	my $condition = rand() < 0.2 ? 'true' : q{state = 'active'};

	for (1 .. 1000)
	{
		my @found = split /\n/, sql(qq{SELECT pid, coalesce(nullif(application_name, ''), backend_type)
			FROM pg_stat_activity WHERE $condition AND pid <> pg_backend_pid()});

		return split /\|/, $found[ rand @found ] if @found;
		usleep 5_000;
	}
	BAIL_OUT('nobody is at work');
}

my %done;

for my $round (1 .. $rounds)
{
	my $whole = rand() < 0.6;
	my $pause = 300_000 + int(rand(1_000_000));
	my @clients = clients();
	my $what = "round $round of CRASH_SEED=$seed";
	my $since = sql('SELECT clock_timestamp()');

	usleep $pause;
	if ($whole)
	{
		kill_server($node);
		$done{server}++;
	}
	else
	{
		my ($pid, $name) = victim();
		kill 'KILL', $pid;
		$done{ $name =~ s/\W?\d+//r }++;
	}
	my @said = map { (psql_finish($_))[0] } @clients;
	$node->start if $whole;
	wait_for_server($node) or BAIL_OUT('no server');

	# The log's number is printed once the server has said that it is committed.
	my @acknowledged = map { /^(\d+ \d* \d*)$/mg } @said;
	$done{acknowledged} += @acknowledged;
	my $values = join ',', map { "'$_'" } @acknowledged;
	is(sql(qq{SELECT a FROM unnest(ARRAY[$values]::text[]) a
		WHERE NOT EXISTS (SELECT FROM traffic.log l WHERE l.n = split_part(a, ' ', 1)::bigint)
		OR (split_part(a, ' ', 2) <> '' AND NOT EXISTS (SELECT FROM traffic.history h
			WHERE h.invitation_id = split_part(a, ' ', 2)::bigint AND h.revision = split_part(a, ' ', 3)::int))}),
		'', "$what: what was acknowledged is there");
	is(traffic_wrong($node, "'$since', 9"), '', "$what: nothing is wrong");
	is(sql('SELECT * FROM traffic.unexpected()'), '', "$what: no unexpected error");
}
report join ', ', map { "$_ $done{$_}" } sort keys %done;
report sql('SELECT $$acts $$ || count(*) || $$, waves $$ || (SELECT count(*) FROM traffic.wave) || $$, invitations $$
	|| (SELECT count(DISTINCT invitation_id) FROM traffic.history) FROM traffic.log');

# It all comes to rest.
sql(q{SELECT cirro.unschedule_waves('trees')}) if $has_cron;
is(traffic_tick($node), '', 'in the end nothing is left open where nobody can accept');
is(traffic_wrong($node), '', 'and nothing is wrong');

# After one more kill of the server nobody calls run_waves() but pg_cron.
SKIP:
{
	skip 'pg_cron is not installed', 2 if !$has_cron;
	sql(q{SELECT cirro.schedule_waves('trees')});
	kill_server($node);
	$node->start;
	sql(q{INSERT INTO trees.gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
		VALUES (50, 'last', 'u', now() + '1 h', now() + '1 day', 1, 7, '{}')});
	ok($node->poll_query_until('postgres', 'SELECT count(*) > 0 FROM trees.invitation WHERE gig_id = 50'),
		'waves go on by themselves') or diag sql('SELECT * FROM cron.job_run_details ORDER BY runid DESC LIMIT 5');
	is(traffic_wrong($node), '', 'and nothing is wrong');
}

$node->stop;
done_testing();
