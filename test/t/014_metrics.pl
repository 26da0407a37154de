# What examples/monitoring/ says, done: the exporter of Debian connects as the role
# that role.sql makes and is asked over HTTP; what it tells is what metrics() says, and
# a scheduler that stopped shows as seconds that grow. That role gets at nothing else.
# metrics() on a standby, and beside a Space that is locked. The alerts are asked
# of promtool. Programs that are not installed are unpacked from their packages, not
# installed, since these would start services; where they cannot be had, what is left
# out is said.
use strict;
use warnings;
use Cwd;
use FindBin;
use HTTP::Tiny;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

$ENV{PGUSER} = 'postgres';
my $example = "$FindBin::RealBin/../../examples/monitoring";

# Where the program is; undef if it cannot be had.
sub program
{
	my ($name, $package) = @_;
	my ($found) = grep { -x $_ } map { "$_/$name" } split /:/, $ENV{PATH};
	return $found if defined $found;

	my $folder = PostgreSQL::Test::Utils::tempdir;
	my $home = getcwd;
	my $log = '';
	chdir $folder;
	my $done = eval {
		IPC::Run::run([ 'apt-get', '-q', 'download', $package ], '>&', \$log, IPC::Run::timeout(120))
			&& IPC::Run::run([ 'dpkg-deb', '-x', glob('*.deb'), '.' ], '>&', \$log);
	};
	chdir $home;
	return "$folder/usr/bin/$name" if $done && -x "$folder/usr/bin/$name";
	diag("skipped: no $name, and no package $package to be had");
	note($log);
	return undef;
}

my $node = PostgreSQL::Test::Cluster->new('metrics');
$node->init(allows_streaming => 1, extra => [ '-U', 'postgres' ]);
$node->append_conf('postgresql.conf', "fsync = off\nmax_prepared_transactions = 1\n");
$node->start;

sub sql { my ($query, @rest) = @_; return $node->safe_psql('postgres', $query, @rest) }
my @monitor = (extra_params => [ '-U', 'prometheus' ]);

# The columns that are numbers.
my @gauges = qw(paused open_gigs seats accepted pending due_gigs late_seconds failed_gigs exhausted_gigs
	open_notifications dead_notifications oldest_notification_seconds);
my @counters = qw(invitations_total waves_total events_total);

sql(q{
	CREATE EXTENSION cirro; CREATE ROLE gardener; CREATE ROLE keeper;
	SELECT cirro.create_space('trees', 'gardener'), cirro.create_space('it''s "odd"'), cirro.create_space('birds', 'keeper');
	INSERT INTO trees.worker (profile) SELECT '{"n": 1}' FROM generate_series(1, 20);
	INSERT INTO trees.gig (id, title, url, start_at, end_at, total_seats, filter_query) VALUES
		(1, 'a', 'u', now() + '1 h', now() + '2 h', 5, '{"n": 1}'), (2, 'b', 'u', now() + '1 h', now() + '2 h', 3, '{"n": 2}'),
		(3, 'c', 'u', now() + '1 h', now() + '2 h', 3, '{"n": 1}');
	CREATE FUNCTION veto() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$;
	CREATE TRIGGER veto BEFORE INSERT ON trees.invitation FOR EACH ROW WHEN (new.gig_id = 3) EXECUTE FUNCTION veto();
	UPDATE birds.setting SET paused = true;
	CALL cirro.run_waves();
	SELECT trees.accept(id) FROM trees.invitation ORDER BY id LIMIT 2;
	UPDATE trees.notification SET outcome = 'dead', delivered_at = now()
		WHERE id IN (SELECT id FROM trees.notification ORDER BY id DESC LIMIT 3)});

# role.sql, more than once, and with another name.
my @role = ('psql', '-X', '-q', '-d', $node->connstr('postgres'), '-f', "$example/role.sql");
command_ok([@role], 'the role is made');
command_ok([@role], 'and made again');
command_ok([ @role, '-v', 'role=an other' ], 'under another name');
is(sql(q{SELECT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolinherit FROM pg_roles WHERE rolname = 'prometheus'}),
	't|f|f|f|f|f|f', 'it may log in, and that is all');
is(sql(q{SELECT count(*) FROM pg_auth_members WHERE member = 'prometheus'::regrole}), '0', 'a member of nothing');
is(sql(q{SELECT n.nspname, a.privilege_type FROM pg_namespace n, aclexplode(n.nspacl) a WHERE a.grantee = 'prometheus'::regrole ORDER BY 1}),
	"birds|USAGE\ncirro|USAGE\nit's \"odd\"|USAGE\ntrees|USAGE", 'rights on schemas');
is(sql(q{SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a WHERE a.grantee = 'prometheus'::regrole}), '0', 'and on no table');
is(sql('SELECT space, open_gigs, seats, failed_gigs, exhausted_gigs, dead_notifications FROM cirro.metrics()', @monitor),
	"birds|0|0|0|0|0\nit's \"odd\"|0|0|0|0|0\ntrees|3|11|1|1|3", 'it sees every Space');
for my $table (qw(worker gig invitation wave attempt event notification))
{
	my ($code, $out, $err) = $node->psql('postgres', "SELECT * FROM trees.$table", @monitor);
	like($err, qr/permission denied for table $table/, "but not $table");
}
for my $call ('SELECT trees.accept(1)', q{SELECT * FROM trees.claim_notifications()}, 'DELETE FROM trees.consumer', 'CREATE TABLE trees.mine ()',
	q{UPDATE trees.setting SET paused = true}, 'SELECT pg_ls_waldir()')
{
	my ($code, $out, $err) = $node->psql('postgres', "SET default_transaction_read_only = off; $call", @monitor);
	like($err, qr/permission denied/, "nor $call");
}

# A lock on one Space makes the others wait for two seconds, no longer.
sql(q{BEGIN; LOCK TABLE trees.notification; PREPARE TRANSACTION 'lock'});
my $began = time;
my $seen = sql('SELECT space, defect FROM cirro.metrics()', @monitor);
cmp_ok(time - $began, '<', 8, 'a locked Space is not waited for');
is($seen, "birds|\nit's \"odd\"|\ntrees|canceling statement due to lock timeout", 'it is the one without numbers');
sql(q{ROLLBACK PREPARED 'lock'});
# No owner can spin that out.
sql(q{CREATE ROLE hinderer; SELECT cirro.create_space(('locked' || n)::name, 'hinderer') FROM generate_series(1, 10) n});
sql('BEGIN; ' . join('', map { "LOCK TABLE locked$_.setting; " } 1 .. 10) . q{PREPARE TRANSACTION 'lock'});
sql('GRANT USAGE ON SCHEMA ' . join(', ', map { "locked$_" } 1 .. 10) . ' TO prometheus');
$began = time;
is(sql('SELECT count(*), count(defect) FROM cirro.metrics()', @monitor), '13|10', 'nor are many of one owner');
cmp_ok(time - $began, '<', 8, 'each for so long');
sql(q{ROLLBACK PREPARED 'lock'});
sql("SELECT cirro.drop_space('locked$_')") for 1 .. 10;

# On a standby, as the same role.
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('metrics_standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
my $still = 'SET cirro.clock = \'2100-01-01 00:00+00\'; SELECT space, open_gigs, seats, accepted, pending, due_gigs, late_seconds, '
	. 'failed_gigs, open_notifications, dead_notifications, oldest_notification_seconds, defect FROM cirro.metrics()';
is($standby->safe_psql('postgres', $still), sql($still), 'a standby says the same');
like(sql($still), qr/^trees\|0\|0\|0\|0\|3\|\d{10}/m, 'at the time that the clock says');
my $ids = q{SELECT invitations_total, events_total FROM cirro.metrics() WHERE space = 'trees'};
is($standby->safe_psql('postgres', $ids, @monitor), sql($ids, @monitor), 'whoever asks');
$standby->stop;

# The alerts.
SKIP:
{
	my $promtool = program('promtool', 'prometheus') or skip 'no promtool', 2;

	command_ok([ $promtool, 'check', 'rules', "$example/alerts.yaml" ], 'the alerts are rules');
	command_ok([ $promtool, 'test', 'rules', "$example/alerts_test.yaml" ], 'that fire when they should');
}

SKIP:
{
	my $exporter = program('prometheus-postgres-exporter', 'prometheus-postgres-exporter') or skip 'no exporter', 1;
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $log = '';
	my $dsn = 'user=prometheus host=' . $node->host . ' port=' . $node->port . ' dbname=postgres';
	my $process = IPC::Run::start([ $exporter, "--web.listen-address=127.0.0.1:$port", "--extend.query-path=$example/queries.yaml",
		'--disable-default-metrics', '--disable-settings-metrics' ], '<', \undef, '>&', \$log, init => sub { $ENV{DATA_SOURCE_NAME} = $dsn });

	# What it says: name{space} => value, of cirro alone.
	my $scrape = sub {
		my $until = time + 30;
		my $answer;

		while (time < $until)
		{
			$answer = HTTP::Tiny->new(timeout => 20)->get("http://127.0.0.1:$port/metrics");
			last if $answer->{success} && $answer->{content} =~ /^pg_up(\{.*\})? 1$/m;
			sleep 0.2;
		}
		my %told;
		for (split /\n/, $answer->{content})
		{
			my ($name, $space, $value) = /^cirro_(\w+)\{.*space="((?:[^"\\]|\\.)*)"\} (\S+)$/ or next;
			$told{$space =~ s/\\(.)/$1/gr}{$name} = $value;
		}
		$told{''} = $answer->{content};
		return \%told;
	};

	my $before = time;
	my $told = $scrape->();
	like($told->{''}, qr/^pg_exporter_last_scrape_error(\{.*\})? 0$/m, 'scraped without an error') or diag($log);
	is(join(',', sort grep { $_ ne '' } keys %$told), "birds,it's \"odd\",trees", 'each Space is told of');
	for my $space (grep { $_ ne '' } sort keys %$told)
	{
		my %of = %{ $told->{$space} };
		my $columns = join ', ', 'paused::int', @gauges[ 1 .. $#gauges ], @counters;
		my %is;
		@is{ @gauges, @counters } = split /\|/, sql("SELECT $columns FROM cirro.metrics() WHERE space = " . q{'} . ($space =~ s/'/''/gr) . q{'});
		is(delete $of{space_damaged}, '0', "$space is not damaged");
		is(join(',', sort keys %of), join(',', sort @gauges, @counters), "$space has all numbers");
		for my $name (sort keys %of)
		{
			# Seconds have passed since.
			$name =~ /_seconds$/ ? ok($of{$name} <= $is{$name} && $of{$name} >= $is{$name} - (time - $before), "$space: $name, $of{$name}, was less than $is{$name}")
				: cmp_ok($of{$name}, '==', $is{$name}, "$space: $name");
		}
	}
	is($told->{birds}{paused}, '1', 'one is paused');
	like($told->{''}, qr/^# TYPE cirro_$_ counter$/m, "$_ is a counter") for @counters;
	like($told->{''}, qr/^# TYPE cirro_$_ gauge$/m, "$_ is a gauge") for @gauges;

	# Nobody calls run_waves(): a gig becomes due, and later and later.
	sql(q{INSERT INTO trees.gig (id, title, url, start_at, end_at, total_seats, filter_query) VALUES (4, 'd', 'u', now() + '1 h', now() + '2 h', 5, '{"n": 1}')});
	my $made = time;
	$told = $scrape->();
	cmp_ok($told->{trees}{due_gigs}, '>=', 1, 'a gig is due');
	cmp_ok($told->{trees}{late_seconds}, '<', time - $made + 5, 'and not late yet');
	my ($first, $first_age) = @{ $told->{trees} }{qw(late_seconds oldest_notification_seconds)};
	sleep 2.5;
	$told = $scrape->();
	cmp_ok($told->{trees}{late_seconds}, '>=', $first + 2, 'a scheduler that stopped shows as seconds that grow');
	cmp_ok($told->{trees}{oldest_notification_seconds}, '>=', $first_age + 2, 'and so does a consumer');
	my $waves = $told->{trees}{waves_total};
	sql('CALL cirro.run_waves()');
	$told = $scrape->();
	is($told->{trees}{late_seconds}, '0', 'a scheduler that works ends that');
	is($told->{trees}{due_gigs}, '0', 'nothing is left to do');
	is($told->{trees}{waves_total}, $waves + 1, 'a wave more');

	# A damaged Space has no numbers; the others have.
	sql('ALTER TABLE trees.notification RENAME COLUMN outcome TO outcome_of_old');
	$told = $scrape->();
	is_deeply($told->{trees}, { space_damaged => 1 }, 'a damaged Space is told as that');
	is($told->{birds}{space_damaged} . $told->{birds}{open_gigs}, '00', 'the others as they are');
	like($told->{''}, qr/^pg_exporter_last_scrape_error(\{.*\})? 0$/m, 'that is no error');

	$process->signal('TERM');
	eval { $process->finish };
	$process->kill_kill if $process->pumpable;
	unlike($log, qr/(?:level|msg)="?(?:error|ERROR)(?!.*name=wal)|Error (?:running|scraping)/, 'nor has the exporter met another') or diag($log);
}

$node->stop;
done_testing();
