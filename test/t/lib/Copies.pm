# A Space with something of everything in it (copies.sql), and what has to be
# true of each copy of it, whichever way it came about: the same rows, the same
# catalogue, the same answers, and a life that goes on in the same way. Must
# not make the copies: the tests do.
package Copies;

use strict;
use warnings;
use Exporter 'import';
use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(space_begin space_rows space_ids space_news space_answers space_lives_on catalogue same_text);

# Owned by a role that is no superuser, as Spaces mostly are.
sub owner_sql { my ($node, $query, $db) = @_; return $node->safe_psql($db // 'postgres', "SET ROLE gardener; $query") }

# Makes the Space trees, and the table garden.item beside it, in database
# postgres, with this version of cirro or another one; everything of both
# belongs to gardener.
sub space_begin
{
	my ($node, $version) = @_;
	my $of = defined $version ? qq{VERSION "$version"} : '';

	$node->safe_psql('postgres', qq{
		CREATE ROLE gardener LOGIN; CREATE ROLE visitor;
		GRANT CREATE ON DATABASE postgres TO gardener; CREATE EXTENSION cirro $of});
	for my $part (split /^-- tick$/m, slurp_file("$FindBin::RealBin/lib/copies.sql"))
	{
		owner_sql($node, $part);
		# As a scheduler would; what ends within the second, has.
		sleep 1;
		$node->safe_psql('postgres', 'CALL cirro.run_waves()');
	}
	is($node->safe_psql('postgres', 'SELECT * FROM trees.check_consistency()'), '', 'consistent to begin with');
	unlike(space_rows($node), qr/: 0\|/, 'no table is empty');
	return;
}

# Every row of every table, but for worker.changed_in: each server has its own.
sub space_rows
{
	my ($node, $db) = @_;
	return join "\n", map {
		my $rows = $_ eq 'worker' ? 'SELECT id, ref, profile, active, lot, created_at, updated_at, phone FROM trees.worker' : "SELECT * FROM trees.$_";
		"$_: " . $node->safe_psql($db // 'postgres', "SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM ($rows) t")
	} qw(setting worker gig gig_filter gig_key gig_state look invitation wave attempt event consumer notification notification_floor);
}

# Where the sequences stand.
sub space_ids
{
	my ($node, $db) = @_;
	return $node->safe_psql($db // 'postgres',
		q{SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'trees' ORDER BY 1});
}

# What consumers would be told now, by events that receivers know; and what would
# come when all leases and waits are over: nothing is lost.
sub space_news
{
	my ($node, $db) = @_;
	my $claims = q{SELECT c.name, n.id, n.kind, n.attempts, n.payload->>'event_id'
		FROM trees.consumer c CROSS JOIN LATERAL trees.claim_notifications(1000, '1 hour', c.name) n ORDER BY 1, 2;};
	return $node->safe_psql($db // 'postgres', "BEGIN; $claims
		UPDATE trees.notification SET due_at = now() WHERE outcome IS NULL; $claims $claims ROLLBACK");
}

# Filters of every kind that the index serves, and some that it only helps.
my @filters = ('{}', '{"n": {"$gt": 5, "$lte": 30.5}}', '{"tags": "a", "n": {"$in": [1, 2, 3, 60]}}', '{"name": {"$regex": "^O.Neill .* 1"}}',
	'{"tags": {"$all": ["a", 2]}}', '{"tags": {"$size": 2}}', '{"left": {"$exists": true}}', '{"left": null}', '{"n": {"$mod": [7, 3]}}',
	'{"at.lat": {"$gte": 10.25}, "at.city": {"$ne": "Köln"}}', '{"jobs": {"$elemMatch": {"title": "cook", "years": {"$gte": 3}}}}',
	'{"jobs.title": "cook", "$nor": [{"n": 4}, {"n": 8}]}', '{"since": {"$gte": "2021-03-01", "$lt": "2022-01-01"}}',
	'{"$or": [{"big": 12345678901234567890.5}, {"at.city": "Köln"}, {"name": {"$type": "number"}}]}');

# Who matches which filter, asked of the index and of the table, and what the
# views show. Sees to it that the index is used where it is asked. Makes
# nothing: it may be a standby.
sub space_answers
{
	my ($node, $db, %options) = @_;
	my %found;
	$db //= 'postgres';

	for my $asked ('index', 'table')
	{
		my $set = 'SET enable_indexscan = off; SET ' . ($asked eq 'index' ? 'enable_seqscan' : 'enable_bitmapscan') . ' = off;';
		my @queries = map {
			"SELECT coalesce(string_agg(id::text, ',' ORDER BY id), 'none') FROM trees.worker WHERE profile OPERATOR(cirro.@@) '$_';"
		} @filters;
		my $plans = $node->safe_psql($db, join ' ', $set, map { "EXPLAIN (COSTS OFF) $_" } @queries);
		my $used = () = $plans =~ /Bitmap Index Scan on worker_profile_idx/g;
		is($used, $asked eq 'index' ? scalar(@filters) : 0, "$options{what}: the $asked is asked");
		$found{$asked} = $node->safe_psql($db, join ' ', $set, @queries);
	}
	is($found{table}, $found{index}, "$options{what}: index and table say the same");
	return $found{index} . $node->safe_psql($db, q{
		SELECT worker_id, gig_id, status, reason, phase, can_accept, why_not FROM trees.worker_invitation ORDER BY invitation_id;
		SELECT * FROM trees.worker_gig ORDER BY 1, 2, 3, 4;
		SELECT * FROM trees.gig_status ORDER BY 1;
		SELECT g.id, p.* FROM trees.gig g, trees.preview(g.filter_query, g.sort_query) p ORDER BY 1, p.worker_id});
}

# Life goes on: new ids, waves, answers, notifications. Returns whom the waves
# have invited, which is the same in every copy.
sub space_lives_on
{
	my ($node, $db, $what) = @_;
	$db //= 'postgres';
	my $sql = sub { $node->safe_psql($db, $_[0]) };
	my $owner = sub { owner_sql($node, $_[0], $db) };
	my $told = $sql->('SELECT count(*) FROM trees.notification');
	my $waves = $sql->('SELECT max(id) FROM trees.wave');

	is($sql->('SELECT * FROM trees.check_consistency()'), '', "$what: consistent");
	is($owner->(q{SELECT status FROM trees.accept((SELECT id FROM trees.invitation
		WHERE gig_id = 2 AND status = 'pending' ORDER BY worker_id LIMIT 1))}), 'accepted', "$what: a worker accepts");
	is($sql->("SELECT count(*) - $told FROM trees.notification"), '2', "$what: which both consumers hear of");
	is($owner->(q{SELECT outcome FROM trees.try_accept((SELECT id FROM trees.invitation
		WHERE gig_id = 1 AND status = 'expired' LIMIT 1))}), 'filled', "$what: what is filled stays filled");
	for my $wrong ("UPDATE trees.gig SET title = 'x' WHERE id = 2", 'DELETE FROM trees.gig WHERE id = 2', 'DELETE FROM trees.setting',
		'TRUNCATE trees.wave', q{INSERT INTO trees.worker (profile) VALUES ('[]')},
		q{UPDATE trees.invitation SET status = 'accepted' WHERE status = 'rejected'},
		q{UPDATE trees.gig SET filter_query = '{"n": {"$near": 1}}' WHERE id = 1})
	{
		is(($node->psql($db, $wrong))[0], 3, "$what: refused: $wrong");
	}

	# Two seats come free; their wave, and one of the open gig, come before their time.
	$owner->(q{SELECT trees.leave(id) FROM trees.invitation WHERE gig_id = 1 AND status = 'accepted'});
	$owner->('CALL cirro.run_waves(); SELECT trees.run_wave(1), trees.run_wave(2)');
	is($sql->("SELECT string_agg(DISTINCT gig_id || ' ' || outcome, ', ') FROM trees.wave WHERE id > $waves AND gig_id <= 2"),
		'1 invited, 2 invited', "$what: waves run");
	is($sql->(qq{SELECT count(*) FROM trees.invitation i JOIN trees.worker w ON w.id = i.worker_id JOIN trees.gig g ON g.id = i.gig_id
		WHERE i.wave_id > $waves AND NOT (w.active AND w.profile OPERATOR(cirro.\@\@) g.filter_query)}), '0',
		"$what: and invite none but active workers who match");
	my $whom = $sql->("SELECT gig_id, worker_id, times_invited FROM trees.invitation WHERE wave_id > $waves ORDER BY 1, 2");

	# Names and defaults.
	my $id = $owner->(q{INSERT INTO trees.worker (profile) VALUES ('{"n": 7}') RETURNING id});
	cmp_ok($id, '>', 60, "$what: ids go on");
	is($owner->(q{INSERT INTO trees.gig (title, url, start_at, end_at, total_seats, filter_query)
		VALUES ('new', 'u', now() + '1 h', now() + '2 h', 1, '{"n": 7}')
		RETURNING id > 5, invitation_multiplier, invitation_frequency, invitation_mode, filter_query}), 't|3|00:05:00|auto|{"n": 7}',
		"$what: a gig gets the defaults of its Space");
	$owner->('CALL cirro.run_waves()');
	is($sql->(q{SELECT string_agg(i.worker_id::text, ',' ORDER BY 1) FROM trees.invitation i JOIN trees.gig g ON g.id = i.gig_id
		WHERE g.title = 'new'}), "7,$id", "$what: its wave finds old workers and new ones");
	cmp_ok($sql->('SELECT count(*) FROM trees.claim_notifications(1000)'), '>', 5, "$what: notifications are handed out");
	is($sql->('SELECT * FROM trees.check_consistency()'), '', "$what: still consistent");
	return $whom;
}

# Everything that the catalogues have on a schema, in words: two schemas made
# in different ways are alike if these texts are.
sub catalogue
{
	my ($node, $db, $schema) = @_;
	return $node->safe_psql($db // 'postgres',
		"SET search_path = pg_catalog; SET cirro.catalogue = '$schema';" . slurp_file("$FindBin::RealBin/lib/catalogue.sql"));
}

# is() for long texts: shows the lines that differ.
sub same_text
{
	my ($got, $expected, $what) = @_;
	my %got = map { $_ => 1 } split /\n/, $got;
	my %expected = map { $_ => 1 } split /\n/, $expected;

	# The same lines in another order are shown whole.
	return is($got, $expected, $what) if $got eq $expected || join("\n", sort keys %got) eq join("\n", sort keys %expected);
	fail($what);
	diag("not expected: $_") for grep { !$expected{$_} } sort keys %got;
	diag("missing: $_") for grep { !$got{$_} } sort keys %expected;
	return 0;
}

1;
