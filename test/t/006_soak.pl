# Random traffic on a few gigs: six clients answer, invite, attempt, change seats
# and profiles, delete, claim and run waves as they like. Each transaction is
# one call or one single-row statement, so none may end in a deadlock or with
# an error that a caller could not expect; no gig is ever oversold, and
# gig_state is right at every moment.
#
# SOAK_SECONDS=600 SOAK_SEED=42 make installcheck-tap PROVE_TESTS=test/t/006_soak.pl
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{SOAK_SECONDS} // 20;
my $seed = $ENV{SOAK_SEED} // int(rand(1_000_000_000));
note "SOAK_SEED=$seed";

my $node = PostgreSQL::Test::Cluster->new('soak');
$node->init;
$node->append_conf('postgresql.conf', q{
deadlock_timeout = '100ms'
fsync = off
log_min_messages = error
});
$node->start;

# Gigs 1 to 3 keep their seats, those of 4 and 5 move between 3 and 6, gig 6
# comes and goes. The answers of a call are counted by SQLSTATE.
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION cirro;
SELECT cirro.create_space('trees');
SET search_path = trees;
UPDATE setting SET default_frequency = '1 s', default_multiplier = 2, consumers = '{default,audit}';
INSERT INTO worker (id, profile)
SELECT n, jsonb_build_object('n', n, 'even', n % 2 = 0) FROM generate_series(1, 60) n;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, seats_max, seats_min, answer_within,
	pending_max, filter_query)
VALUES (1, 'max', 'u', now() + '1 h', now() + '1 day', NULL, 5, NULL, NULL, NULL, '{}'),
	(2, 'total', 'u', now() + '1 h', now() + '1 day', 5, NULL, NULL, '2 s', 12, '{"even": true}'),
	(3, 'both', 'u', now() - interval '1 h', now() + '1 day', 4, 6, 2, '1 s', NULL, '{"n": {"$lt": 40}}'),
	(4, 'moving', 'u', now() + '1 h', now() + '1 day', NULL, 4, NULL, NULL, NULL, '{"n": {"$gt": 10}}'),
	(5, 'moving', 'u', now() + '1 h', now() + '1 day', 4, NULL, NULL, NULL, NULL, '{}');
CREATE SCHEMA soak;
CREATE TABLE soak.count (op text, sqlstate text, message text);

CREATE FUNCTION soak.act(op int, a int, b int, c int) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	gig int := 1 + a % 6;
	person int := 1 + b % 60;
	inv bigint := (SELECT id FROM trees.invitation WHERE gig_id = 1 + a % 6
		ORDER BY status = (ARRAY['pending', 'accepted', 'expired', 'rejected', 'pending'])[1 + c % 5] DESC,
			(worker_id + b) % 61 LIMIT 1);
	name text;
BEGIN
	name := CASE
		WHEN op <= 18 THEN 'accept' WHEN op <= 30 THEN 'try_accept' WHEN op <= 36 THEN 'reject'
		WHEN op <= 44 THEN 'leave' WHEN op <= 52 THEN 'reset' WHEN op <= 54 THEN 'expire'
		WHEN op <= 64 THEN 'invite' WHEN op <= 72 THEN 'attempt' WHEN op <= 75 THEN 'attempt some'
		WHEN op <= 79 THEN 'seats' WHEN op <= 82 THEN 'profile' WHEN op <= 84 THEN 'insert'
		WHEN op <= 86 THEN 'delete worker' WHEN op <= 88 THEN 'worker' WHEN op <= 89 THEN 'delete invitation'
		WHEN op <= 91 THEN 'delete gig' WHEN op <= 93 THEN 'gig' WHEN op <= 96 THEN 'claim'
		WHEN op <= 97 THEN 'confirm' WHEN op <= 98 THEN 'run_wave' WHEN op <= 99 THEN 'filter' ELSE 'invite later' END;
	CASE name
		WHEN 'accept' THEN PERFORM trees.accept(inv);
		WHEN 'try_accept' THEN PERFORM trees.try_accept(inv);
		WHEN 'reject' THEN PERFORM trees.reject(inv);
		WHEN 'leave' THEN PERFORM trees.leave(inv);
		WHEN 'reset' THEN PERFORM trees.reset(inv, c % 2 = 0);
		WHEN 'expire' THEN PERFORM trees.expire(inv);
		WHEN 'invite' THEN PERFORM trees.invite(gig, ARRAY[person, 1 + c % 60, 1 + (b + c) % 60, 61 - person],
			auto_accept => c % 7 = 0);
		WHEN 'invite later' THEN PERFORM trees.invite(gig, ARRAY[person, 61 - person, 1 + c % 60],
			clock_timestamp() + '0.5 s');
		WHEN 'attempt' THEN PERFORM trees.attempt_invitations(person);
		WHEN 'attempt some' THEN PERFORM trees.attempt_invitations(person, ARRAY[6, gig, 1, 5, 3], 1 + c % 3);
		WHEN 'seats' THEN UPDATE trees.gig SET total_seats = CASE WHEN id = 5 THEN 3 + c % 4 END,
			seats_max = CASE WHEN id = 4 THEN 3 + c % 4 END WHERE id = 4 + b % 2;
		WHEN 'filter' THEN UPDATE trees.gig SET filter_query = jsonb_build_object('n',
			jsonb_build_object('$gt', c % 30)) WHERE id = 4 + b % 2;
		WHEN 'profile' THEN UPDATE trees.worker SET profile = jsonb_build_object('n', c % 60, 'even', c % 2 = 0),
			active = c % 5 > 0 WHERE id = person;
		WHEN 'insert' THEN INSERT INTO trees.invitation (gig_id, worker_id, status)
			VALUES (gig, person, CASE c % 2 WHEN 0 THEN 'pending' ELSE 'accepted' END) ON CONFLICT DO NOTHING;
		WHEN 'delete worker' THEN DELETE FROM trees.worker WHERE id = person;
		WHEN 'worker' THEN INSERT INTO trees.worker (id, profile)
			SELECT n, jsonb_build_object('n', n, 'even', n % 2 = 0) FROM generate_series(1, 60) n
			WHERE NOT EXISTS (SELECT FROM trees.worker WHERE id = n) LIMIT 1 ON CONFLICT DO NOTHING;
		WHEN 'delete invitation' THEN DELETE FROM trees.invitation WHERE id = inv;
		WHEN 'delete gig' THEN DELETE FROM trees.gig WHERE id = 6;
		WHEN 'gig' THEN INSERT INTO trees.gig (id, title, url, start_at, end_at, seats_max, filter_query)
			VALUES (6, 'passing', 'u', now() + '1 h', now() + '1 day', 3, '{}') ON CONFLICT DO NOTHING;
		WHEN 'claim' THEN PERFORM trees.claim_notifications(20, '0.5 s');
		WHEN 'confirm' THEN PERFORM trees.confirm_notifications(ARRAY(SELECT id FROM trees.notification
			WHERE claimed_until IS NOT NULL LIMIT 20));
		WHEN 'run_wave' THEN PERFORM trees.run_wave(gig);
	END CASE;
	INSERT INTO soak.count VALUES (name, 'ok');
EXCEPTION WHEN OTHERS THEN
	INSERT INTO soak.count VALUES (name, SQLSTATE, SQLERRM);
END $$;

-- In one snapshot; lowered seats evict nobody, so gigs 4 and 5 may hold 6.
CREATE FUNCTION soak.look() RETURNS void LANGUAGE sql AS $$
	INSERT INTO soak.count
	SELECT 'look', 'oversold', 'gig ' || gig_id || ': ' || accepted FROM trees.gig_state
	WHERE accepted > CASE gig_id WHEN 4 THEN 6 WHEN 5 THEN 6 ELSE capacity END
	UNION ALL
	SELECT 'look', 'inconsistent', c::text FROM trees.check_consistency() c
	UNION ALL
	SELECT 'look', 'over pending_max', 'wave of gig 2 ' || count(*) FROM trees.invitation
	WHERE wave_id IS NOT NULL AND NOT EXISTS (SELECT FROM trees.wave WHERE wave.id = wave_id) HAVING count(*) > 0
	UNION ALL
	SELECT 'look', 'ok', NULL;
$$;
SQL

my $dir = PostgreSQL::Test::Utils::tempdir();
PostgreSQL::Test::Utils::append_to_file("$dir/act.sql", <<'SQL');
\set op random(1, 100)
\set a random(0, 1000000)
\set b random(0, 1000000)
\set c random(0, 1000000)
SELECT soak.act(:op, :a, :b, :c);
SQL
PostgreSQL::Test::Utils::append_to_file("$dir/waves.sql", "CALL cirro.run_waves();\n");
PostgreSQL::Test::Utils::append_to_file("$dir/look.sql", "SELECT soak.look();\n");

$node->command_ok(
	[ 'pgbench', '-n', '-c', 6, '-j', 2, '-T', $seconds, "--random-seed=$seed",
		'-f', "$dir/act.sql\@40", '-f', "$dir/waves.sql\@2", '-f', "$dir/look.sql\@1", 'postgres' ],
	'six clients');

my $expected = join ',', map { "'$_'" } qw(ok UG002 UG003 UG004 UG010 UG011 UG012 UG013);
is($node->safe_psql('postgres', <<"SQL"), '', 'no deadlock, nothing oversold, no unexpected error');
SELECT op, sqlstate, count(*), min(message) FROM soak.count
WHERE sqlstate NOT IN ($expected)
-- the plain INSERT may meet a gig or worker that is being deleted
AND NOT (op = 'insert' AND sqlstate = '23503')
GROUP BY op, sqlstate ORDER BY op, sqlstate
SQL
is($node->safe_psql('postgres', "SELECT * FROM trees.check_consistency()"), '', 'consistent in the end');
is($node->safe_psql('postgres', "SELECT * FROM trees.wave WHERE outcome = 'failed'"), '', 'no wave failed');
is($node->safe_psql('postgres', <<'SQL'), '', 'each invitation was told of once, for each consumer');
SELECT invitation_id, revision, consumer, count(*) FROM trees.notification WHERE kind LIKE 'invitation.%'
GROUP BY 1, 2, 3 HAVING count(*) > 1
SQL
cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM soak.count WHERE op = 'look'"), '>', 3, 'looked at');
note $node->safe_psql('postgres',
	"SELECT op, sqlstate, count(*) FROM soak.count GROUP BY 1, 2 ORDER BY 1, 2");
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal|deadlock detected/, 'nothing in the log');

$node->stop;
done_testing();
