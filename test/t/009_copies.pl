# A Space is copied with the server that it is in. A standby gives the same
# answers, from index and table, while waves there are a no-op; promoted, it
# goes on. A subscriber of the Space's tables is never told twice, and takes
# over. After pg_upgrade everything is as before. All of them go on in the same
# way.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Copies;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('first');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', "fsync = off");
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]) }

# --------------------------------------------------------------- standby --

# From before the Space, so that all of it comes by WAL; a second one from when
# it is there.
$node->backup('early');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'early', has_streaming => 1);
$standby->start;
space_begin($node);
$node->backup('late');
my $basebackup = PostgreSQL::Test::Cluster->new('basebackup');
$basebackup->init_from_backup($node, 'late', has_streaming => 1);
$basebackup->start;

# What the index holds unsorted, and what vacuum removed, comes by WAL as well.
sql(q{ALTER INDEX trees.worker_profile_idx SET (fastupdate = on);
	UPDATE trees.worker SET profile = profile || '{"late": true}' WHERE id % 6 = 0; VACUUM ANALYZE trees.worker;
	UPDATE trees.worker SET profile = profile || '{"later": 1}' WHERE id % 10 = 0});
my $rows = space_rows($node);
my $answers = space_answers($node, 'postgres', what => 'first');

for my $copy ($standby, $basebackup)
{
	my $what = $copy->name;
	$node->wait_for_catchup($copy, 'replay', $node->lsn('insert'));
	is(space_rows($copy), $rows, "$what: every row is equal");
	same_text(space_answers($copy, 'postgres', what => $what), $answers, "$what: so are the answers");
	is($copy->safe_psql('postgres', 'SELECT * FROM trees.check_consistency()'), '', "$what: consistent");
	like($copy->safe_psql('postgres', q{SELECT cirro.report('trees')}), qr{</html>$}, "$what: has a report");
	for my $call (q{CALL cirro.run_waves(during => '1 hour')}, q{CALL cirro.run_waves('trees')})
	{
		my ($code, $out, $err) = $copy->psql('postgres', $call);
		is($code, 0, "$what: $call succeeds");
		like($err, qr/NOTICE:.*standby/, "$what: and says that it does nothing");
	}
	for my $call ('SELECT trees.accept(1)', 'SELECT trees.run_wave(2)', 'SELECT * FROM trees.claim_notifications()')
	{
		my ($code, $out, $err) = $copy->psql('postgres', "\\set VERBOSITY verbose\n$call");
		is($code, 3, "$what: $call does not");
		like($err, qr/ERROR:  25006/, "$what: as it writes");
	}
}

# ------------------------------------------------------------ subscriber --

# As docs/operations.md says of a database with nothing but copies: the schema by
# pg_dump, waves off, one publication. 018_sleep_copies has the other way.
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init(allows_streaming => 'logical');
$subscriber->append_conf('postgresql.conf', "fsync = off");
$subscriber->start;
my $dump = PostgreSQL::Test::Utils::tempdir() . '/schema';
$subscriber->safe_psql('postgres', q{CREATE ROLE gardener LOGIN; CREATE ROLE visitor; CREATE EXTENSION cirro; ALTER DATABASE postgres SET cirro.active = off;
	GRANT CREATE ON DATABASE postgres TO gardener});
$node->command_ok([ 'pg_dump', '-s', '-n', 'trees', '-f', $dump, 'postgres' ], 'dumped, the schema alone');
$subscriber->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-f', $dump ], 'restored in the subscriber');
sql('CREATE PUBLICATION trees FOR TABLES IN SCHEMA trees');
my $connection = $node->connstr('postgres') . ' application_name=trees';
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION trees CONNECTION \$\$$connection\$\$ PUBLICATION trees");

sub caught_up
{
	$subscriber->poll_query_until('postgres', q{SELECT bool_and(srsubstate IN ('r', 's')) FROM pg_subscription_rel})
		or BAIL_OUT('the subscription does not come to an end');
	$node->wait_for_catchup('trees');
	return;
}
caught_up();
is(space_rows($subscriber), $rows, 'subscriber: every row is equal');
same_text(space_answers($subscriber, 'postgres', what => 'subscriber'), $answers, 'subscriber: so are the answers');

# Life goes on at the publisher; nothing here counts or tells a second time.
sql(q{SET search_path = trees;
	INSERT INTO gig (title, url, start_at, end_at, seats_max, filter_query)
		VALUES ('copied', 'u', now() + '2 h', now() + '3 h', 2, '{}'), ('gone', 'u', now() + '2 h', now() + '3 h', 2, '{"n": 3}');
	INSERT INTO worker (profile) SELECT jsonb_build_object('n', 100 + n) FROM generate_series(1, 5) n;
	UPDATE worker SET profile = profile || '{"moved": true}' WHERE id = 12});
sql('CALL cirro.run_waves()');
sql(q{SET search_path = trees;
	SELECT accept(id) FROM (SELECT i.id FROM invitation i JOIN gig g ON g.id = gig_id WHERE title = 'copied' ORDER BY id LIMIT 2) i;
	DELETE FROM gig WHERE title = 'gone'; DELETE FROM worker WHERE id = 58;
	SELECT confirm_notifications(max(claim)) FROM claim_notifications(5);
	UPDATE setting SET max_attempts = 3});
$node->wait_for_catchup('trees');
$rows = space_rows($node);
is(space_rows($subscriber), $rows, 'subscriber: and every later one');
is($subscriber->safe_psql('postgres', 'SELECT * FROM trees.check_consistency()'), '', 'subscriber: consistent');
$subscriber->safe_psql('postgres', 'CALL cirro.run_waves()');
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM trees.claim_notifications()'), '0', 'subscriber: nothing is handed out');
is(space_rows($subscriber), $rows, 'subscriber: waves are a no-op with cirro.active off');

# The ids that the publisher has given go over by hand.
my $ids = sql(q{SELECT format('SELECT setval(%L, %s);', format('%I.%I', schemaname, sequencename), last_value + 1000000)
	FROM pg_sequences WHERE schemaname = 'trees' AND last_value IS NOT NULL});

# The standbys have all of it, too.
$answers = space_answers($node, 'postgres', what => 'first');
$node->wait_for_catchup($_, 'replay', $node->lsn('insert')) for $standby, $basebackup;

# -------------------------------------------------- others take its place --

$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION trees');
my $catalogue = catalogue($node, 'postgres', 'trees');
my $extension = catalogue($node, 'postgres', 'cirro');
my $last_ids = space_ids($node);
$node->stop;

$standby->promote;
is(space_rows($standby), $rows, 'promoted: every row is equal');
my $whom = space_lives_on($standby, 'postgres', 'promoted');
$standby->stop;
$basebackup->promote;
is(space_lives_on($basebackup, 'postgres', 'basebackup'), $whom, 'basebackup: the waves invite the same workers');
$basebackup->stop;

$subscriber->safe_psql('postgres', "ALTER DATABASE postgres RESET cirro.active; $ids");
same_text(catalogue($subscriber, 'postgres', 'trees'), $catalogue, 'subscriber: the Space is the same');
is(space_lives_on($subscriber, 'postgres', 'subscriber'), $whom, 'subscriber: the waves invite the same workers');
cmp_ok($subscriber->safe_psql('postgres', 'SELECT min(last_value) FROM pg_sequences'), '>', 1000000, 'subscriber: no id is given twice');
$subscriber->stop;

# ------------------------------------------------------------ pg_upgrade --

my $bindir = $node->config_data('--bindir');
my $upgraded = PostgreSQL::Test::Cluster->new('upgraded');
$upgraded->init(allows_streaming => 'logical');
$upgraded->append_conf('postgresql.conf', "fsync = off");
chdir $PostgreSQL::Test::Utils::tmp_check or die;
$upgraded->command_ok([ 'pg_upgrade', '--no-sync', '-d', $node->data_dir, '-D', $upgraded->data_dir, '-b', $bindir, '-B', $bindir,
	'-s', $upgraded->host, '-p', $node->port, '-P', $upgraded->port ], 'upgraded by pg_upgrade');
$upgraded->start;
is(space_rows($upgraded), $rows, 'upgraded: every row is equal');
is(space_ids($upgraded), $last_ids, 'upgraded: and every sequence');
same_text(catalogue($upgraded, 'postgres', 'trees'), $catalogue, 'upgraded: the Space is the same');
same_text(catalogue($upgraded, 'postgres', 'cirro'), $extension, 'upgraded: so is the extension');
same_text(space_answers($upgraded, 'postgres', what => 'upgraded'), $answers, 'upgraded: and the answers');
is($upgraded->safe_psql('postgres', q{SET enable_seqscan = off;
	SELECT count(*), bool_and(filter OPERATOR(cirro.=) format('{"price": {"$gt": %s}}', id % 5)::cirro.filter_query)
	FROM garden.item WHERE data OPERATOR(cirro.@@) '{"price": {"$gt": 96}}'}), '9|t', 'upgraded: and those of other tables');
is(space_lives_on($upgraded, 'postgres', 'upgraded'), $whom, 'upgraded: the waves invite the same workers');

# What pg_upgrade refuses to take to another version is in no table: columns of
# system types whose values are OIDs or depend on them, in any depth.
is($upgraded->safe_psql('postgres', q{
	WITH RECURSIVE forbidden AS (
		SELECT oid FROM pg_type WHERE oid < 16384 AND (typname ~ '^_?(reg|oid|aclitem|xid|cid|tid|pg_|refcursor|sql_)'
			OR typrelid <> 0 OR typtype = 'c') AND typname !~ '^_?(regclass|regrole|regtype)$'
		UNION
		SELECT t.oid FROM forbidden f CROSS JOIN LATERAL (
			SELECT oid FROM pg_type WHERE typbasetype = f.oid OR typelem = f.oid
			UNION ALL SELECT c.reltype FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
				WHERE a.atttypid = f.oid AND a.attnum > 0 AND NOT a.attisdropped AND c.oid >= 16384 AND c.reltype <> 0
			UNION ALL SELECT rngtypid FROM pg_range WHERE rngsubtype = f.oid) t)
	SELECT a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
	WHERE c.relnamespace IN ('trees'::regnamespace, 'cirro'::regnamespace) AND c.relkind IN ('r', 'm', 'i', 'p') AND a.attnum > 0
	AND a.atttypid IN (SELECT oid FROM forbidden)}), '', 'no column has a type that pg_upgrade refuses');
$upgraded->stop;

done_testing();
