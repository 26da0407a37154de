# A session that answers and runs waves for long keeps no memory: the totals of
# its memory contexts after a few hundred calls and after all of them.
#
# MEMORY_CALLS=100000 make installcheck-tap PROVE_TESTS=test/t/007_memory.pl
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $calls = $ENV{MEMORY_CALLS} // 3000;
my $few = int($calls / 10);

my $node = PostgreSQL::Test::Cluster->new('memory');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nsynchronous_commit = off\n");
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

done_testing();
