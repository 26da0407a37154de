# A session that answers and runs waves for long keeps no memory: the totals of
# its memory contexts after a few hundred calls and after all of them. And a pass
# over the workers takes no more at its peak than it may.
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

# One pass over the workers for all gigs stays within cirro.wave_memory, 64 MB,
# and what a chunk takes, here with more than 200 MB of each: profiles, sort keys
# of all who are wanted, filters. Compared is what the process took at its peak.
SKIP:
{
	skip 'no /proc', 3 unless -r '/proc/self/status';
	my $peak = q{SELECT 'peak: ' || substring(pg_read_file('/proc/self/status') from 'VmHWM:\s*(\d+) kB')};
	my $gigs = q{INSERT INTO gig (title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query, sort_query)
		SELECT 'Gig', 'u', now() + '1 day', now() + '2 days',};
	my %case = (
		'large profiles' => "
			INSERT INTO worker (profile)
			SELECT jsonb_build_object('n', n, 's', repeat('x', 300000)) FROM generate_series(1, 1000) n;
			$gigs 1, 1, jsonb_build_object('n', n), NULL FROM generate_series(1, 3) n",
		'long sort keys' => "
			INSERT INTO worker (profile)
			SELECT jsonb_build_object('n', n, 's', repeat('x', 1000)) FROM generate_series(1, 16000) n;
			$gigs 16000, 1, jsonb_build_object('n', jsonb_build_object('\$gt', n)), '{\"s\": 1}' FROM generate_series(1, 12) n",
		'large filters' => "
			INSERT INTO worker (profile) SELECT jsonb_build_object('n', n) FROM generate_series(1, 1000) n;
			$gigs 1, 1, jsonb_build_object('n', jsonb_build_object('\$in', (SELECT jsonb_agg(g * 100000 + e)
				FROM generate_series(1, 5000) e))), NULL FROM generate_series(1, 300) g");
	for my $what (sort keys %case)
	{
		my %kb;
		for my $search ('single', 'batch')
		{
			$node->safe_psql('postgres', "SET client_min_messages = warning;
				SELECT cirro.create_space('large'); SET search_path = large; $case{$what}");
			my $out = $node->safe_psql('postgres', "SET client_min_messages = warning;
				SET cirro.wave_search = $search; CALL cirro.run_waves('large'); $peak");
			($kb{$search}) = $out =~ /^peak: (\d+)$/m;
			$node->safe_psql('postgres', "SET client_min_messages = warning; SELECT cirro.drop_space('large')");
		}
		note "$what: single $kb{single} kB, batch $kb{batch} kB";
		cmp_ok($kb{batch} - $kb{single}, '<', 110_000, "a pass is bounded: $what");
	}
}

done_testing();
