# A session that works for long keeps no memory: the totals of its memory contexts
# after a tenth of the calls and after all of them; nor does it keep the plans of
# every Space. A query over many rows keeps none from row to row: the totals, while
# it runs, after a tenth of the rows and at the last. A statement over many gigs
# keeps none of each: the peaks of the process with a tenth of them and with all. And
# a pass over the workers takes no more at its peak than it may.
#
# MEMORY_CALLS=100000 MEMORY_GIGS=100000 MEMORY_SPACES=2000 make installcheck-tap PROVE_TESTS=test/t/007_memory.pl
use strict;
use warnings;
use List::Util qw(min);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $calls = $ENV{MEMORY_CALLS} // 3000;
my $few = int($calls / 10);
my $rows = $ENV{MEMORY_ROWS} // 1_000_000;
my $gigs = $ENV{MEMORY_GIGS} // 10_000;
my $spaces = $ENV{MEMORY_SPACES} // 80;

my $node = PostgreSQL::Test::Cluster->new('memory');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nsynchronous_commit = off\nshared_buffers = 16MB\n");
$node->start;

my $said = $node->safe_psql('postgres', <<"SQL");
SET client_min_messages = warning;
CREATE EXTENSION cirro;
SELECT cirro.create_space('trees') \\g /dev/null
SET search_path = trees;
INSERT INTO worker (profile) SELECT jsonb_build_object('n', n) FROM generate_series(1, $calls) n;
INSERT INTO gig (title, url, start_at, end_at, total_seats, invitation_mode, filter_query)
SELECT 'Gig', 'u', now() + '1 day', now() + '2 days', $calls + 5, 'manual', '{}' FROM generate_series(1, 10);
INSERT INTO invitation (gig_id, worker_id) SELECT 1 + id % 10, id FROM worker;
CREATE PROCEDURE answer(first int, last int) LANGUAGE plpgsql AS \$\$
BEGIN
	FOR i IN first .. last LOOP
		PERFORM accept(i);
		COMMIT;
	END LOOP;
END \$\$;
CREATE PROCEDURE look(first int, last int) LANGUAGE plpgsql AS \$\$
BEGIN
	FOR i IN first .. last LOOP
		PERFORM run_wave(1 + i % 10);
		PERFORM attempt_invitations(i, max_amount => 0);
		COMMIT;
	END LOOP;
END \$\$;
CREATE TABLE total (what text, bytes bigint);
PREPARE remember AS INSERT INTO total SELECT \$1, sum(total_bytes) FROM pg_backend_memory_contexts;

CALL answer(1, $few);
EXECUTE remember('answers, few');
CALL answer($few + 1, $calls);
EXECUTE remember('answers, all');
UPDATE gig SET filter_query = '{"nobody": 1}', invitation_mode = 'auto';
CALL look(1, $few);
EXECUTE remember('waves, few');
CALL look($few + 1, $calls);
EXECUTE remember('waves, all');
SELECT a.what || ': ' || a.bytes || ' ' || b.bytes FROM total a JOIN total b
ON b.what = replace(a.what, 'few', 'all') WHERE a.what LIKE '% few' ORDER BY 1;
SELECT 'accepted: ' || sum(accepted) FROM gig_state;
SQL

note $said;
for my $what ('answers', 'waves')
{
	my ($few_bytes, $all_bytes) = $said =~ /^$what, few: (\d+) (\d+)$/m;
	cmp_ok($all_bytes - $few_bytes, '<=', 65536, "no memory is kept by $calls $what");
}
like($said, qr/^accepted: $calls$/m, 'all of them were answers');

# Every other call of a Space, what it refuses included; each is committed. So many
# first that all plans are made before the first total.
$said = $node->safe_psql('postgres', <<"SQL");
SET client_min_messages = warning;
SELECT cirro.create_space('bees') \\g /dev/null
SET search_path = bees;
INSERT INTO consumer (name, kinds) VALUES ('some', '{gig.filled,gig.reopened}');
INSERT INTO worker (ref, profile) SELECT 'w' || n, jsonb_build_object('n', n, 's', 'x' || n) FROM generate_series(1, 20) n;
INSERT INTO gig (ref, title, url, start_at, end_at, total_seats, filter_query, sort_query)
SELECT 'g' || n, 'Gig', 'u', now() + '1 day', now() + '2 days', n, '{"s": {"\$regex": "^x1?[1-9]"}}', '{"n": -1}' FROM generate_series(1, 5) n;
CREATE PROCEDURE work(first int, last int) LANGUAGE plpgsql AS \$\$
DECLARE
	g int;
	w int;
	inv bigint;
BEGIN
	FOR i IN first .. last LOOP
		g := 1 + floor(random() * 5)::int;
		w := 1 + floor(random() * 20)::int;
		BEGIN
			inv := (SELECT id FROM invitation WHERE gig_id = g AND worker_id = w);
			CASE floor(random() * 16)::int
				WHEN 0 THEN PERFORM invite(g, ARRAY[w, w, 999, NULL]);
				WHEN 1 THEN PERFORM reject(inv, 'busy');
				WHEN 2 THEN PERFORM reset(inv, true);
				WHEN 3 THEN PERFORM try_accept(inv);
				WHEN 4 THEN PERFORM leave(inv);
				WHEN 5 THEN PERFORM expire(inv);
				WHEN 6 THEN PERFORM attempt_invitations(w, ARRAY[g, 999], 1);
				WHEN 7 THEN PERFORM confirm_notifications(max(c.claim)) FROM claim_notifications(3, '1 ms') c HAVING count(*) > 0;
				WHEN 8 THEN PERFORM fail_notifications(c.claim, ARRAY[c.id], 'no', now()), cirro.raise_floor('trees', 'default') FROM claim_notifications(1) c;
				WHEN 9 THEN PERFORM preview(('{"n": ' || w || '}')::cirro.filter_query, '{"n": 1}');
				WHEN 10 THEN PERFORM explain_invitation(w, g);
				WHEN 11 THEN PERFORM FROM check_consistency(), gig_status, worker_invitation;
				WHEN 12 THEN UPDATE worker SET profile = profile || jsonb_build_object('i', i) WHERE id = w;
				WHEN 13 THEN UPDATE gig SET total_seats = 1 + i % 7, filter_query = jsonb_build_object('n', w) WHERE id = g;
				WHEN 14 THEN INSERT INTO gig (title, url, start_at, end_at, total_seats, filter_query) VALUES ('x', 'u', now() + '1 h', now() + '2 h', 1, '{"a": {"\$bad": 1}}');
				ELSE PERFORM run_wave(g), cirro.validate('{"a": {"\$bad": ' || i || '}}'), cirro.lint('{"a": 1, "a.b": 2}');
			END CASE;
		EXCEPTION WHEN OTHERS THEN NULL;
		END;
		COMMIT;
		IF i % 1000 = 0 THEN
			DELETE FROM event; DELETE FROM notification; DELETE FROM wave; DELETE FROM attempt; COMMIT;
		END IF;
	END LOOP;
END \$\$;
CREATE TABLE total (what text, bytes bigint);
PREPARE remember AS INSERT INTO total SELECT \$1, sum(total_bytes) FROM pg_backend_memory_contexts;
SELECT setseed(0.5) \\g /dev/null
SELECT count(*) FROM attempt_invitations(1, NULL, 1) \\g /dev/null
CALL work(1, 5000);
EXECUTE remember('few');
CALL work(5001, 5000 + $calls / 2);
EXECUTE remember('half');
CALL work(5001 + $calls / 2, 5000 + $calls);
EXECUTE remember('all');
SELECT string_agg(bytes::text, ' ' ORDER BY bytes) FROM total;
SELECT 'invitations: ' || string_agg(status || ' ' || n, ', ' ORDER BY status) FROM (SELECT status, count(*) n FROM invitation GROUP BY 1) s;
SQL
note "after 5000 calls and $calls more: $said";
# A table of the server's own may double once meanwhile; what is kept from call to
# call grows in both halves.
my ($few_bytes, $half_bytes, $all_bytes) = $said =~ /^(\d+) (\d+) (\d+)$/m;
cmp_ok(min($half_bytes - $few_bytes, $all_bytes - $half_bytes), '<=', 65536, "no memory is kept by $calls other calls");
like($said, qr/^invitations: .*,.*,/m, 'they did something');

# Documents for each row in turn.
my $document = q{('[{"n": 1, "s": "abc"}, {"a": [{"b": 1, "c": "x"}, {"b": 2}], "n": 2.5}, {"a": 5, "n": null},
	{"s": "xyz é", "a": [[1, 2], "x"]}, {}, [1, {"n": 1}], "x"]'::jsonb -> i % 7)};
my %evaluated = (
	equality => qq{cirro.matches($document, '{"n": 1, "s": "abc"}')},
	regex => qq[cirro.matches($document, '{"s": {"\$regex": "(?i)^(a|x).*[cz]"}}')],
	many_regexes => qq[cirro.matches($document, ('{"s": {"\$regex": "(a|x)[' || i % 100 || 'a-c]+"}}')::cirro.filter_query)],
	elem_match => qq[cirro.matches($document, '{"a": {"\$elemMatch": {"b": {"\$gt": 1}, "c": {"\$exists": false}}}}')],
	lists => qq[cirro.matches($document, '{"\$or": [{"n": {"\$in": [1, 2, "x"]}}, {"a": {"\$all": ["x", [1, 2]]}}, {"a": {"\$size": 2}}]}')],
	numbers => qq[cirro.matches($document, '{"n": {"\$not": {"\$mod": [2, 1]}, "\$lt": 1e10}}')],
	a_row => qq{cirro.matches(ROW(i, $document)::pair, '{"n": 1}')},
	sort_key => qq{cirro.sort_key($document, '{"n": 1, "a.b": -1, "s": 1}')},
	in_and_out => qq[('{"n": {"\$gte": ' || i || '}}')::cirro.filter_query::text],
	sort_in_and_out => qq[('{"n": 1, "a' || i || '": -1}')::cirro.sort_query::text],
	equal_and_hash => q[cirro.filter_query_hash(('{"n": ' || i || '}')::cirro.filter_query)],
	refused => q[(SELECT count(*) FROM cirro.validate('{"n": {"$bad": ' || i || '}}'))],
	linted => q[(SELECT count(*) FROM cirro.lint(('{"n": {"$gt": 5, "$lt": ' || i % 9 || '}}')::cirro.filter_query))],
	explained => qq[(SELECT count(found) FROM cirro.explain_match($document, '{"a.b": {"\$gt": 1}, "s": {"\$regex": "b"}}'))],
	keys => qq{cirro.index_keys($document)},
	searches => q[cirro.index_search(('{"n": {"$gt": ' || i || '}, "s": {"$regex": "^a"}}')::cirro.filter_query)],
	statistics => qq{cirro.profile_stats($document)},
	by_index => q[(SELECT count(*) FROM bees.worker w WHERE w.profile OPERATOR(cirro.@@) ('{"n": ' || i % 20 || '}')::cirro.filter_query)],
	clock => q{cirro.add_interval(cirro.now(), interval '1 day' * i)});
# Those that do more than a look at a row.
my %slow = map { $_ => 10 } qw(many_regexes linted explained searches by_index keys refused);

# In a function of its own: a scan of the view would be read once and kept.
$node->safe_psql('postgres', q{
	CREATE TYPE pair AS (id int, profile jsonb);
	CREATE FUNCTION total() RETURNS bigint LANGUAGE plpgsql AS
		'BEGIN RETURN (SELECT sum(total_bytes) FROM pg_backend_memory_contexts); END'});
for my $what (sort keys %evaluated)
{
	my $n = int($rows / ($slow{$what} // 1));
	my $used = $node->safe_psql('postgres', qq{
		SET enable_seqscan = off; SET jit = off;
		SELECT string_agg(bytes::text, ' ' ORDER BY i) FROM (
			SELECT i, $evaluated{$what} IS NULL AS x,
				CASE WHEN i IN ($n / 20, $n / 10, $n) THEN total() END AS bytes
			FROM (SELECT generate_series(1, $n) AS i OFFSET 0) s OFFSET 0) s
		WHERE bytes IS NOT NULL AND x IS NOT NULL});
	my (undef, $tenth, $all) = split ' ', $used;
	cmp_ok($all - $tenth, '<=', 65536, "no memory is kept from row to row: $what, $n rows") or diag "$what: $used";
}

# What a process took at its peak, without shared memory.
my $peak = q{SELECT 'peak: ' || substring(f from 'VmHWM:\s*(\d+) kB')::int - substring(f from 'RssShmem:\s*(\d+) kB')::int
	FROM pg_read_file('/proc/self/status') f};
sub peak_of
{
	my ($sql) = @_;
	my $out = $node->safe_psql('postgres', "SET client_min_messages = warning; SET jit = off; SET work_mem = '64kB'; $sql; $peak");
	my ($kb) = $out =~ /^peak: (\d+)$/m;
	return $kb;
}

# More plans than are kept are freed, however many Spaces a session works in; core
# keeps those of foreign keys.
for (my $first = 1; $first <= $spaces; $first += 50)
{
	my $last = $first + 49 < $spaces ? $first + 49 : $spaces;
	$node->safe_psql('postgres', join('', "SET client_min_messages = warning;", map {
		"SELECT cirro.create_space('flock$_'); INSERT INTO flock$_.worker (profile) VALUES ('{}');
		INSERT INTO flock$_.gig (title, url, start_at, end_at, total_seats, filter_query)
		VALUES ('Gig', 'u', now() + '1 day', now() + '2 days', 1, '{}');" } $first .. $last));
}
my ($plans, $waves) = split ' ', $node->safe_psql('postgres', join('', "SET client_min_messages = warning;",
	(map { "CALL cirro.run_waves('flock$_');" } 1 .. $spaces),
	"SELECT count(*), (SELECT count(*) FROM flock$spaces.wave) FROM pg_backend_memory_contexts WHERE name = 'CachedPlanSource' AND ident NOT LIKE 'SELECT 1 FROM ONLY %'")) =~ tr/|/ /r;
note "$plans plans of $spaces Spaces";
cmp_ok($plans, '<=', 1100, "the plans of $spaces Spaces are not all kept");
is($waves, 1, 'each Space had a wave');

# Nor are those freed that are at work. A default that an owner calls immutable is
# evaluated while an INSERT is planned, and may ask for more plans than are kept.
$node->safe_psql('postgres', join('', "SET client_min_messages = warning;
	CREATE TABLE flock1.asked (n int);
	CREATE FUNCTION flock1.ask_all() RETURNS void LANGUAGE plpgsql AS \$\$ BEGIN ",
	(map { "PERFORM flock$_.run_wave(1); PERFORM flock$_.reset(id), flock$_.accept(id), flock$_.leave(id) FROM flock$_.invitation;
		PERFORM flock$_.invite(1, '{1}'); PERFORM flock$_.attempt_invitations(1);
		UPDATE flock$_.gig SET total_seats = 2; DELETE FROM flock$_.worker; DELETE FROM flock$_.gig;" } 2 .. $spaces),
	"INSERT INTO flock1.asked VALUES (1); END \$\$;
	CREATE FUNCTION flock1.ask() RETURNS int IMMUTABLE LANGUAGE plpgsql AS
		'BEGIN IF NOT EXISTS (SELECT FROM flock1.asked) THEN PERFORM flock1.ask_all(); END IF; RETURN 1; END';
	INSERT INTO flock1.asked VALUES (0);
	ALTER TABLE flock1.invitation ADD COLUMN n int DEFAULT flock1.ask();
	INSERT INTO flock1.worker (profile) VALUES ('{}');
	DELETE FROM flock1.asked;"));
is($node->safe_psql('postgres', "SELECT invited FROM flock1.run_wave(1)"), 1,
	'a wave while whose plans are made many others are');
is($node->safe_psql('postgres', "SELECT count(*) FROM flock1.asked"), 1, 'it did ask');

# Nor does an upgrade keep the DDL of each Space, or its functions compiled: 2 MB. What
# core caches of its tables it does.
SKIP:
{
	skip 'no /proc', 1 unless -r '/proc/self/status';
	my $one = peak_of("CALL cirro.upgrade_spaces('flock1')");
	my $all = peak_of("CALL cirro.upgrade_spaces()");

	note "upgrade of a Space $one kB, of $spaces $all kB";
	cmp_ok($all - $one, '<', $spaces * 500, "no memory is kept from Space to Space by upgrade_spaces");
}

# One statement over many gigs: less than 1 kB of each is kept until its end.
SKIP:
{
	skip 'no /proc', 10 unless -r '/proc/self/status';
	my $part = int($gigs / 10);

	$node->safe_psql('postgres', qq{
		SET client_min_messages = warning;
		SELECT cirro.create_space('herd');
		SET search_path = herd;
		INSERT INTO worker (profile) SELECT '{}' FROM generate_series(1, 3);
		INSERT INTO gig (title, url, start_at, end_at, seats_max, invitation_mode, filter_query)
		SELECT 'Gig', 'u', now() + '1 day', now() + '2 days', 2, 'manual', '{}' FROM generate_series(1, $gigs);
		INSERT INTO invitation (gig_id, worker_id) SELECT g, w FROM generate_series(1, $gigs) g, generate_series(1, 3) w});
	$node->safe_psql('postgres', 'VACUUM ANALYZE herd.gig, herd.gig_state, herd.invitation');
	for my $statement (
		["gigs are changed", "UPDATE gig SET end_at = end_at + '1 hour'", 'id'],
		["invitations are rejected", "UPDATE invitation SET status = 'rejected' WHERE worker_id = 1", 'gig_id'],
		["invitations are accepted", "UPDATE invitation SET status = 'accepted' WHERE worker_id = 2", 'gig_id'],
		["seats are lowered to those taken", "UPDATE gig SET seats_max = 1", 'id'],
		["the only seat is offered anew", "UPDATE invitation SET status = 'pending' WHERE worker_id = 2", 'gig_id'],
		["all seats are taken", "UPDATE invitation SET status = 'accepted' WHERE worker_id = 2", 'gig_id'])
	{
		my ($what, $sql, $id) = @$statement;
		my $where = ($sql =~ /WHERE/ ? ' AND' : ' WHERE') . " $id <= $part";
		my $few = peak_of("SET search_path = herd; BEGIN; $sql$where; ROLLBACK");
		my $all = peak_of("SET search_path = herd; $sql");

		note "$what: $part $few kB, $gigs $all kB";
		cmp_ok($all - $few, '<', $gigs, "no memory is kept from gig to gig: $what, $gigs gigs");
	}
	is($node->safe_psql('postgres', "SELECT count(*) FROM herd.invitation WHERE status = 'expired' AND reason = 'seats_filled'"),
		$gigs, 'the others have expired');

	# Whether the reason is one of cirro's is seen without reading it all.
	$node->safe_psql('postgres', "UPDATE herd.invitation SET reason = repeat('x', 100000) WHERE worker_id = 3 AND gig_id <= $part");
	my ($few, $all) = map { peak_of("BEGIN; UPDATE herd.invitation SET send_at = now() WHERE worker_id = 3 AND gig_id <= $_; ROLLBACK") } int($part / 10), $part;
	cmp_ok($all - $few, '<', $part * 10, "no memory is kept from row to row: $part long reasons");

	$node->safe_psql('postgres', "UPDATE herd.gig SET seats_max = 2; UPDATE herd.invitation SET status = 'pending' WHERE worker_id = 1");
	my $cancel = "UPDATE herd.gig SET cancelled_at = now()";
	($few, $all) = (peak_of("BEGIN; $cancel WHERE id <= $part; ROLLBACK"), peak_of($cancel));
	note "gigs are cancelled: $part $few kB, $gigs $all kB";
	cmp_ok($all - $few, '<', $gigs, "no memory is kept from gig to gig: gigs are cancelled, $gigs gigs");
	is($node->safe_psql('postgres', "SELECT string_agg(what || n, ', ' ORDER BY what) FROM (
		SELECT kind || ' ' || status || ' ' AS what, count(*) AS n FROM herd.event WHERE kind = 'gig.cancelled' GROUP BY 1) e"),
		"gig.cancelled accepted $gigs, gig.cancelled pending $gigs", 'those who took part are told');
}

# A look for gigs to wake keeps none of the gigs that each changed worker matches.
SKIP:
{
	skip 'no /proc', 2 unless -r '/proc/self/status';
	my @peaks = map {
		$node->safe_psql('postgres', "
			SET client_min_messages = warning;
			SELECT cirro.create_space('sleep$_');
			SET search_path = sleep$_;
			INSERT INTO gig (title, url, start_at, end_at, total_seats, filter_query)
			SELECT 'Gig', 'u', now() + '1 day', now() + '2 days', 1, '{}' FROM generate_series(1, 4000);
			CALL cirro.run_waves('sleep$_');
			CALL cirro.run_waves('sleep$_');
			INSERT INTO worker (profile) SELECT '{}' FROM generate_series(1, $_)");
		peak_of("CALL cirro.run_waves('sleep$_', 0)")
	} 10, 200;

	note "a look for 10 workers $peaks[0] kB, for 200 $peaks[1] kB";
	cmp_ok($peaks[1] - $peaks[0], '<', 200 * 8, "no memory is kept from worker to worker of a look");
	is($node->safe_psql('postgres', "SELECT count(slept_in) FROM sleep200.gig_state"), 0, 'all gigs are awake');
	$node->safe_psql('postgres', "SET client_min_messages = warning; DROP SCHEMA sleep10, sleep200 CASCADE");
}

# One pass over the workers for all gigs stays within cirro.wave_memory, 64 MB,
# and what a chunk takes, here with more than 200 MB of each: profiles, sort keys
# of all who are wanted, filters, keys of ranges, workers who have changed. Compared is what the process took at its peak.
SKIP:
{
	skip 'no /proc', 10 unless -r '/proc/self/status';
	my $make_gigs = q{INSERT INTO gig (title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query, sort_query)
		SELECT 'Gig', 'u', now() + '1 day', now() + '2 days',};
	my %case = (
		'large profiles' => "
			INSERT INTO worker (profile)
			SELECT jsonb_build_object('n', n, 's', repeat('x', 300000)) FROM generate_series(1, 1000) n;
			$make_gigs 1, 1, jsonb_build_object('n', n), NULL FROM generate_series(1, 3) n",
		'long sort keys' => "
			INSERT INTO worker (profile)
			SELECT jsonb_build_object('n', n, 's', repeat('x', 1000)) FROM generate_series(1, 16000) n;
			$make_gigs 16000, 1, jsonb_build_object('n', jsonb_build_object('\$gt', n)), '{\"s\": 1}' FROM generate_series(1, 12) n",
		'large filters' => "
			INSERT INTO worker (profile) SELECT jsonb_build_object('n', n) FROM generate_series(1, 1000) n;
			$make_gigs 1, 1, jsonb_build_object('n', jsonb_build_object('\$in', (SELECT jsonb_agg(g * 100000 + e)
				FROM generate_series(1, 5000) e))), NULL FROM generate_series(1, 300) g",
		# All gigs have looked, and then all workers change, whom each would keep.
		'many changed' => "
			INSERT INTO worker (profile) SELECT '{}' FROM generate_series(1, 1200);
			$make_gigs 1, 1, '{\"n\": 1}', NULL FROM generate_series(1, 3000);
			CALL cirro.run_waves('large');
			UPDATE worker SET profile = '{\"n\": 1}';
			UPDATE gig_state SET next_wave_at = now(), next_event_at = now(), slept_in = NULL",
		# One path after the other has the many values of a chunk.
		'many paths' => "
			DROP INDEX worker_profile_idx;
			INSERT INTO worker (profile) SELECT jsonb_build_object('f' || n,
				(SELECT jsonb_agg(e) FROM generate_series(1, 4100) e)) FROM generate_series(1, 1000) n;
			$make_gigs 1, 1, jsonb_build_object('f' || n, '{\"\$gt\": 0}'::jsonb), NULL FROM generate_series(1, 1000) n");
	for my $what (sort keys %case)
	{
		$node->safe_psql('postgres', "SET client_min_messages = warning;
			SELECT cirro.create_space('large'); SET search_path = large; $case{$what}");
		my $one = peak_of("SET cirro.wave_search = single; CALL cirro.run_waves('large', 1)");
		my $all = peak_of("SET cirro.wave_search = batch; SET cirro.wave_memory = '64MB'; CALL cirro.run_waves('large')");
		my ($number, $errors) = split ' ', $node->safe_psql('postgres', "SELECT count(DISTINCT gig_id), count(error) FROM large.wave") =~ tr/|/ /r;

		$node->safe_psql('postgres', "SET client_min_messages = warning; SELECT cirro.drop_space('large')");
		note "$what: a gig by itself $one kB, a pass for the others of $number $all kB";
		cmp_ok($all - $one, '<', 110_000, "a pass is bounded: $what");
		is($errors, 0, "every gig had its wave: $what");
	}
}

done_testing();
