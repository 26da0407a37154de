# A Space moves by pg_dump: dumped by its owner, who is no superuser, it comes
# back in another database with every row equal, and life goes on there;
# nothing is counted or told again while it is restored. Likewise a whole
# database, and a Space's schema without its data.
use strict;
use warnings;
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

# As the owner, with the tick being the superuser's.
sub owner_sql { my ($query, $db) = @_; return sql("SET ROLE gardener; $query", $db // 'postgres') }

sql(q{CREATE ROLE gardener LOGIN});
sql(q{GRANT CREATE ON DATABASE postgres TO gardener});
sql(q{CREATE EXTENSION cirro});
owner_sql(q{SELECT cirro.create_space('trees', ref_type => 'uuid')});
owner_sql(q{
SET search_path = trees;
ALTER TABLE worker ADD COLUMN phone text;
CREATE INDEX ON worker USING gin (profile);
UPDATE setting SET consumers = '{default,audit}', default_multiplier = 3, max_pending = 4;
INSERT INTO worker (profile, ref, phone)
SELECT jsonb_build_object('n', n, 'name', 'O''Neill \ ' || n, 'tags', jsonb_build_array('a', n % 3)), gen_random_uuid(), n
FROM generate_series(1, 60) n;
INSERT INTO gig (ref, title, url, start_at, end_at, archive_at, total_seats, seats_min, seats_max, filter_query,
	sort_query, answer_within, notification_payload)
VALUES (gen_random_uuid(), E'full\tof "signs"', 'u', now() + '1 h', now() + '2 h', now() + '3 h', 2, NULL, 2,
		'{"$or": [{"n": {"$gt": 5, "$lte": 30.5}}, {"name": {"$regex": "neill .*7$", "$options": "i"}}, {"tags": {"$size": 0}}]}',
		'{"n": -1, "name": 1}', '1 day', '{"k": null}'),
	(NULL, 'open', 'u', now() - interval '1 h', now() + '2 h', NULL, 5, 3, NULL, '{}', NULL, NULL, NULL),
	(NULL, 'manual', 'u', now() + '1 h', now() + '2 h', NULL, NULL, NULL, 4, '{"n": 1}', NULL, NULL, NULL),
	(NULL, 'ended', 'u', now() - interval '1 h', now() + '1 s', NULL, 1, NULL, NULL, '{}', NULL, NULL, NULL);
UPDATE gig SET invitation_mode = 'manual' WHERE title = 'manual';
});
sql('CALL cirro.run_waves()');
owner_sql(q{
SET search_path = trees;
SELECT accept(id) FROM (SELECT id FROM invitation WHERE gig_id = 1 ORDER BY id LIMIT 2) i;
SELECT accept(id) FROM (SELECT id FROM invitation WHERE gig_id = 2 ORDER BY id LIMIT 2) i;
SELECT reject(id, 'no time') FROM (SELECT id FROM invitation WHERE gig_id = 2 AND status = 'pending' ORDER BY id LIMIT 2) i;
SELECT leave(id, 'ill') FROM (SELECT id FROM invitation WHERE gig_id = 2 AND status = 'accepted' LIMIT 1) i;
SELECT invite(3, '{1,2,3}', now() + '30 min');
SELECT invite(3, '{4,5}', auto_accept => true);
SELECT attempt_invitations(1), attempt_invitations(60, '{2,99}', 1);
SELECT confirm_notifications(ARRAY(SELECT id FROM claim_notifications(7)));
SELECT fail_notifications('{8}', 'timeout');
UPDATE worker SET active = false WHERE id = 50;
DELETE FROM worker WHERE id = 59;
DELETE FROM gig_state WHERE false;
});
# Past its end: a restore must not mind.
sleep 1;
sql('CALL cirro.run_waves()');

my @tables = qw(setting worker gig gig_state invitation wave attempt notification);

# Every row of every table, and the sequences.
sub contents
{
	my ($db) = @_;
	return join "\n", map { "$_: " . sql("SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM trees.$_ t", $db) } @tables;
}

sub shape
{
	my ($db) = @_;
	return sql(q{
SELECT c.relname, t.tgname, t.tgenabled, pg_get_triggerdef(t.oid) FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = 'trees'::regnamespace AND NOT t.tgisinternal ORDER BY 1, 2;
SELECT indexdef FROM pg_indexes WHERE schemaname = 'trees' ORDER BY 1;
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'trees'::regnamespace ORDER BY 1, 2;
SELECT proname, md5(pg_get_functiondef(oid)) FROM pg_proc WHERE pronamespace = 'trees'::regnamespace ORDER BY 1, 2;
SELECT relname, relowner::regrole, relacl FROM pg_class WHERE relnamespace = 'trees'::regnamespace AND relkind <> 'i' ORDER BY 1;
SELECT viewname, md5(definition) FROM pg_views WHERE schemaname = 'trees' ORDER BY 1}, $db);
}

# Life goes on in database $db: ids, waves, answers, notifications.
sub life_goes_on
{
	my ($db, $what) = @_;
	my $told = sql('SELECT count(*) FROM trees.notification', $db);

	is(sql('SELECT * FROM trees.check_consistency()', $db), '', "$what: consistent");
	is(owner_sql(q{INSERT INTO trees.worker (profile) VALUES ('{"n": 7}') RETURNING id}, $db), '61', "$what: ids go on");
	is(owner_sql(q{SELECT status FROM trees.accept((SELECT id FROM trees.invitation
		WHERE gig_id = 2 AND status = 'pending' LIMIT 1))}, $db), 'accepted', "$what: a worker accepts");
	is(sql("SELECT count(*) - $told FROM trees.notification", $db), '2', "$what: which both consumers hear of");
	is(owner_sql(q{SELECT outcome FROM trees.try_accept((SELECT id FROM trees.invitation
		WHERE gig_id = 1 AND status = 'expired' LIMIT 1))}, $db), 'filled', "$what: what is filled stays filled");
	owner_sql(q{SELECT trees.leave(id) FROM trees.invitation WHERE gig_id = 1 AND status = 'accepted'}, $db);
	owner_sql('CALL cirro.run_waves()', $db);
	is(sql(q{SELECT outcome, invited > 0 FROM trees.wave WHERE gig_id = 1 ORDER BY number DESC LIMIT 1}, $db),
		'invited|t', "$what: waves run");
	cmp_ok(sql('SELECT count(*) FROM trees.claim_notifications(1000)', $db), '>', 5, "$what: notifications are handed out");
	is(sql('SELECT * FROM trees.check_consistency()', $db), '', "$what: still consistent");
}

my $contents = contents('postgres');
my $shape = shape('postgres');
is(sql('SELECT * FROM trees.check_consistency()'), '', 'consistent to begin with');
unlike($contents, qr/: 0\|/, 'no table is empty');

my %forms = (
	plain => sub { $node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $_[0], @as_owner, '-f', "$dir/plain" ], 'restored by psql') },
	custom => sub { $node->command_ok([ 'pg_restore', '-e', '-d', $_[0], @as_owner, "$dir/custom" ], 'restored by pg_restore') });
for my $form (sort keys %forms)
{
	my $db = "to_$form";
	$node->command_ok([ 'pg_dump', '-n', 'trees', '-F', substr($form, 0, 1), '-f', "$dir/$form", @as_owner, 'postgres' ], "dumped, $form");
	sql("CREATE DATABASE $db");
	sql("GRANT CREATE ON DATABASE $db TO gardener");
	sql('CREATE EXTENSION cirro', $db);
	$forms{$form}->($db);
	is(contents($db), $contents, "$form: every row is equal");
	is(shape($db), $shape, "$form: and all the rest");
	life_goes_on($db, $form);
}

# Parallel, data after the schema with triggers in place: nothing counts twice.
sql('CREATE DATABASE to_parallel');
sql('GRANT CREATE ON DATABASE to_parallel TO gardener');
sql('CREATE EXTENSION cirro', 'to_parallel');
$node->command_ok([ 'pg_restore', '-e', '-j', 4, '-d', 'to_parallel', @as_owner, "$dir/custom" ], 'restored in parallel');
is(contents('to_parallel'), $contents, 'parallel: every row is equal');

# The whole database, by the superuser.
$node->command_ok([ 'pg_dump', '-F', 'c', '-f', "$dir/all", 'postgres' ], 'dumped, the whole database');
sql('CREATE DATABASE to_all');
$node->command_ok([ 'pg_restore', '-e', '-d', 'to_all', "$dir/all" ], 'restored');
is(contents('to_all'), $contents, 'all: every row is equal');
is(shape('to_all'), $shape, 'all: and all the rest');
life_goes_on('to_all', 'all');

# The schema alone: a Space without its setting row has all defaults.
sql('CREATE DATABASE to_schema');
sql('GRANT CREATE ON DATABASE to_schema TO gardener');
sql('CREATE EXTENSION cirro', 'to_schema');
$node->command_ok([ 'pg_dump', '-n', 'trees', '-s', '-F', 'c', '-f', "$dir/schema", @as_owner, 'postgres' ], 'dumped, the schema alone');
$node->command_ok([ 'pg_restore', '-e', '-d', 'to_schema', @as_owner, "$dir/schema" ], 'restored');
is(sql('SELECT count(*) FROM trees.setting', 'to_schema'), '0', 'schema: there is no setting');
is(sql('SELECT space, owner, version, paused FROM cirro.spaces()', 'to_schema'), 'trees|gardener|1|f', 'schema: it is a Space');
owner_sql(q{INSERT INTO trees.worker (profile) SELECT '{}' FROM generate_series(1, 20)}, 'to_schema');
is(owner_sql(q{INSERT INTO trees.gig (title, url, start_at, end_at, total_seats, filter_query)
	VALUES ('g', 'u', now() + '1 h', now() + '2 h', 1, '{}')
	RETURNING invitation_multiplier, invitation_frequency, pending_max, answer_within}, 'to_schema'), '10|00:05:00||',
	'schema: a gig gets the defaults');
owner_sql('CALL cirro.run_waves()', 'to_schema');
is(sql('SELECT count(*) FROM trees.claim_notifications()', 'to_schema'), '10', 'schema: waves and notifications');

$node->stop;
done_testing();
