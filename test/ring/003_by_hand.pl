# A Space moves by hand, by the very statements of docs/scaling.md, after a copy by those
# of docs/operations.md, from one database of a server to another. Nothing is lost, ids
# go on, and waves work in one place alone.
use strict;
use warnings;
use FindBin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

# The code of a section, block by block.
sub blocks
{
	my ($page, $title, $language) = @_;
	my ($section) = slurp_file("$FindBin::RealBin/../../docs/$page") =~ /^#+ \Q$title\E\n(.*?)(?=^#+ |\z)/ms or die "$page has no $title";
	return $section =~ /^```$language\n(.*?)^```/msg;
}

my $node = PostgreSQL::Test::Cluster->new('server');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', "fsync = off\njit = off");
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE shop; CREATE DATABASE copy');
$node->safe_psql('shop', q{CREATE EXTENSION cirro; SELECT cirro.create_space('trees');
	INSERT INTO trees.worker (profile) SELECT jsonb_build_object('n', n) FROM generate_series(1, 50) n;
	INSERT INTO trees.gig (title, url, start_at, end_at, total_seats, filter_query)
	SELECT 'g', 'u', now() + '1 day', now() + '2 days', 2, '{}' FROM generate_series(1, 5)});
$node->safe_psql('shop', 'CALL cirro.run_waves()');

# All but the subscription, whose address is the reader's.
my ($recipe) = blocks('operations.md', 'Logical replication', 'sh');
$recipe =~ s/^psql -d copy -c "CREATE SUBSCRIPTION.*\n//m or die;
{
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGOPTIONS => '-c client_min_messages=warning');
	command_ok([ 'sh', '-ec', $recipe ], 'the schema is copied');
}
$node->safe_psql('shop', q{SELECT pg_create_logical_replication_slot('trees', 'pgoutput')});
$node->safe_psql('copy', 'CREATE SUBSCRIPTION trees CONNECTION $$' . $node->connstr('shop') . '$$ PUBLICATION trees WITH (create_slot = false)');
$node->poll_query_until('copy', q{SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate <> 'r'}) or BAIL_OUT('it is not copied');
is($node->safe_psql('copy', 'SELECT paused FROM trees.setting'), 't', 'the copy is paused');
$node->safe_psql('copy', 'CALL cirro.run_waves()');
$node->safe_psql('shop', q{SELECT trees.accept(3); UPDATE trees.worker SET profile = '{"n": 0}' WHERE id = 7});

# Each block is a session's, and "gexec" is psql's.
my @blocks = blocks('scaling.md', 'By hand', 'sql');
is(scalar @blocks, 3, 'the page has three blocks');
my $source = $node->background_psql('shop', on_error_stop => 1);
my $said = $source->query_safe($blocks[0]);
my ($lsn) = $said =~ m{^([0-9A-F]+/[0-9A-F]+)$}m;
my @ids = $said =~ /^(SELECT setval.*)$/mg;
ok(defined $lsn && @ids >= 6, 'the source says where it stands');
my ($query) = $blocks[1] =~ s/0\/3000148/$lsn/r;
$node->poll_query_until('shop', $query) or BAIL_OUT('the target does not catch up');
my $answer = '';
my $late = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('shop'), '-c', 'SELECT status FROM trees.accept(4)' ], '>&', \$answer);
$node->poll_query_until('shop', 'SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)') or BAIL_OUT('a call does not wait');
isnt(($node->psql('shop', q{SET lock_timeout = '100 ms'; INSERT INTO trees.worker (profile) VALUES ('{}')}))[0], 0, 'nobody writes meanwhile');
$source->query_safe($blocks[2]);
$node->safe_psql('copy', "@ids UPDATE trees.setting SET paused = false");
$late->finish;
like($answer, qr/Space trees has moved/, 'who has waited is refused');
isnt(($node->psql('shop', 'SELECT trees.accept(4)'))[0], 0, 'nor does anybody afterwards');
$source->quit;
$node->safe_psql('copy', 'DROP SUBSCRIPTION trees');
$node->safe_psql('shop', 'DROP PUBLICATION trees; SET client_min_messages = warning; DROP SCHEMA trees CASCADE');

is($node->safe_psql('copy', 'SELECT status FROM trees.invitation WHERE id = 3'), 'accepted', 'no answer is lost');
is($node->safe_psql('copy', q{SELECT count(*) FROM trees.worker WHERE profile = '{"n": 0}'}), '1', 'and no change');
is($node->safe_psql('copy', q{INSERT INTO trees.worker (profile) VALUES ('{}') RETURNING id}), '51', 'ids go on');
is($node->safe_psql('copy', 'SELECT status FROM trees.accept(4)'), 'accepted', 'answers, too');
cmp_ok($node->safe_psql('copy', 'SELECT count(*) FROM trees.claim_notifications(1000)'), '>', 50, 'and what is to be told');
is($node->safe_psql('copy', 'SELECT * FROM trees.check_consistency()'), '', 'consistent');
is($node->safe_psql('shop', 'SELECT count(*) FROM cirro.spaces()'), '0', 'nothing is left');
$node->stop;
done_testing();
