# A Space moves by pg_dump, in every format: dumped by its owner, who is no
# superuser, it comes back in another database with every row, right, trigger
# and sequence equal, gives the same answers, and life goes on there; nothing is
# counted or told again while it is restored. Likewise a whole database, a Space
# under another owner, and a Space's schema without its data.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Copies;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('dump');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off");
$node->start;
my $dir = PostgreSQL::Test::Utils::tempdir();
my @as_owner = ('-U', 'gardener');

sub sql { my ($query, $db) = @_; return $node->safe_psql($db // 'postgres', $query) }

sub new_database
{
	my ($db) = @_;
	sql("CREATE DATABASE $db");
	sql("GRANT CREATE ON DATABASE $db TO gardener");
	sql('CREATE EXTENSION cirro', $db);
	return;
}

space_begin($node);
my $news = space_news($node);
is(sql(q{SELECT count(*) FILTER (WHERE outcome IS NULL AND claim IS NULL AND attempts = 0) > 5, count(*) FILTER (WHERE outcome = 'delivered'),
	count(*) FILTER (WHERE outcome = 'dead'), count(*) FILTER (WHERE outcome IS NULL AND claim IS NOT NULL),
	count(*) FILTER (WHERE put_off), count(*) FILTER (WHERE outcome IS NULL AND error = 'timeout'),
	(SELECT count(*) > 0 FROM trees.notification_floor) FROM trees.notification}), 't|7|2|3|1|1|t', 'notifications in every state, and floors');
my $rows = space_rows($node);
my $ids = space_ids($node);
my $answers = space_answers($node, 'postgres', what => 'source');
my $catalogue = catalogue($node, 'postgres', 'trees');
my $items = sql('SELECT md5(string_agg(t::text, E\'\n\' ORDER BY id)) FROM garden.item t');
my $whom;

# The same in every respect, to begin with and afterwards.
sub same
{
	my ($db, $what) = @_;
	is(space_rows($node, $db), $rows, "$what: every row is equal");
	is(space_ids($node, $db), $ids, "$what: and every sequence");
	same_text(catalogue($node, $db, 'trees'), $catalogue, "$what: and everything in the catalogues");
	is(space_news($node, $db), $news, "$what: consumers are told the same, of the same events");
	same_text(space_answers($node, $db, what => $what), $answers, "$what: so are the answers");
	my $now = space_lives_on($node, $db, $what);
	$whom //= $now;
	is($now, $whom, "$what: the waves invite the same workers");
	return;
}

# One Space alone, by its owner.
my %restore = (
	plain => sub { [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $_[0], @as_owner, '-f', "$dir/plain" ] },
	custom => sub { [ 'pg_restore', '-e', '-d', $_[0], @as_owner, "$dir/custom" ] },
	directory => sub { [ 'pg_restore', '-e', '-j', 4, '-d', $_[0], @as_owner, "$dir/directory" ] });
for my $form (sort keys %restore)
{
	new_database("to_$form");
	$node->command_ok([ 'pg_dump', '-n', 'trees', '-F', substr($form, 0, 1), ($form eq 'directory' ? ('-j', 3) : ()),
		'-f', "$dir/$form", @as_owner, 'postgres' ], "dumped, $form");
	$node->command_ok($restore{$form}->("to_$form"), 'restored');
	same("to_$form", $form);
}

# Over a Space that has moved on since.
$node->command_ok([ 'pg_restore', '-e', '-c', '--if-exists', '-d', 'to_custom', @as_owner, "$dir/custom" ], 'restored again');
same('to_custom', 'again');

# Parallel from one file: the rows of all tables come in no order.
new_database('to_parallel');
$node->command_ok([ 'pg_restore', '-e', '-j', 4, '-d', 'to_parallel', @as_owner, "$dir/custom" ], 'restored in parallel');
is(space_rows($node, 'to_parallel'), $rows, 'parallel: every row is equal');
is(sql('SELECT * FROM trees.check_consistency()', 'to_parallel'), '', 'parallel: consistent');

# To another owner, who works there as the first one does here.
sql('CREATE ROLE heir LOGIN');
new_database('to_heir');
sql('GRANT CREATE ON DATABASE to_heir TO heir', 'to_heir');
$node->command_ok([ 'pg_restore', '-e', '--no-owner', '--no-privileges', '-d', 'to_heir', '-U', 'heir', "$dir/custom" ], 'restored by another role');
is(space_rows($node, 'to_heir'), $rows, 'heir: every row is equal');
is(sql('SELECT space, owner, version, paused, defect FROM cirro.spaces()', 'to_heir'), 'trees|heir|1|f|', 'heir: it is a sound Space');
sql(q{SET ROLE heir; SELECT trees.leave(id) FROM trees.invitation WHERE gig_id = 1 AND status = 'accepted';
	CALL cirro.run_waves(); SELECT trees.run_wave(1)}, 'to_heir');
is(sql('SELECT invited > 0 FROM trees.wave WHERE gig_id = 1 ORDER BY number DESC LIMIT 1', 'to_heir'), 't', 'heir: waves run');
is(($node->psql('to_heir', 'SET ROLE gardener; SELECT count(*) FROM trees.worker'))[0], 3, 'heir: nothing is left to the old owner');

# The whole database, by the superuser.
$node->command_ok([ 'pg_dump', '-F', 'd', '-j', 3, '-f', "$dir/all", 'postgres' ], 'dumped, the whole database');
sql('CREATE DATABASE to_all');
$node->command_ok([ 'pg_restore', '-e', '-j', 4, '-d', 'to_all', "$dir/all" ], 'restored');
same_text(catalogue($node, 'to_all', 'cirro'), catalogue($node, 'postgres', 'cirro'), 'all: the extension is the same');
same_text(catalogue($node, 'to_all', 'garden'), catalogue($node, 'postgres', 'garden'), 'all: and what is beside the Space');
is(sql('SELECT md5(string_agg(t::text, E\'\n\' ORDER BY id)) FROM garden.item t', 'to_all'), $items, 'all: with its rows');
same('to_all', 'all');

# The schema alone: a Space without its setting row has all defaults.
new_database('to_schema');
$node->command_ok([ 'pg_dump', '-n', 'trees', '-s', '-F', 'c', '-f', "$dir/schema", @as_owner, 'postgres' ], 'dumped, the schema alone');
$node->command_ok([ 'pg_restore', '-e', '-d', 'to_schema', @as_owner, "$dir/schema" ], 'restored');
same_text(catalogue($node, 'to_schema', 'trees'), $catalogue, 'schema: it is the same');
is(sql('SELECT count(*) FROM trees.setting', 'to_schema'), '0', 'schema: there is no setting');
is(sql('SELECT space, owner, version, paused FROM cirro.spaces()', 'to_schema'), 'trees|gardener|1|f', 'schema: it is a Space');
sql(q{SET ROLE gardener; INSERT INTO trees.worker (profile) SELECT '{}' FROM generate_series(1, 20)}, 'to_schema');
is(sql(q{SET ROLE gardener; INSERT INTO trees.gig (title, url, start_at, end_at, total_seats, filter_query)
	VALUES ('g', 'u', now() + '1 h', now() + '2 h', 1, '{}')
	RETURNING invitation_multiplier, invitation_frequency, pending_max, answer_within}, 'to_schema'), '10|00:05:00||',
	'schema: a gig gets the defaults');
is(($node->psql('to_schema', 'SELECT FROM trees.claim_notifications()'))[0], 3, 'schema: nor a consumer');
sql(q{SET ROLE gardener; INSERT INTO trees.consumer (name) VALUES ('default')}, 'to_schema');
sql('SET ROLE gardener; CALL cirro.run_waves()', 'to_schema');
is(sql('SELECT count(*) FROM trees.claim_notifications()', 'to_schema'), '10', 'schema: waves and notifications');

# And the source itself is where the copies were.
is(space_rows($node), $rows, 'source: untouched');
is(space_lives_on($node, 'postgres', 'source'), $whom, 'source: its waves invite the same workers as the copies\'');

$node->stop;
done_testing();
