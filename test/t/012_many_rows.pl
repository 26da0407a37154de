# Calls and statements over many rows do so much as there are rows, where the
# statistics know nothing of them and plans are kept from small calls: no node
# of any plan, those of the triggers included, looks at more than a few rows for
# each. What a loop over both sides looks at would be their square.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $many = 2000;
my $node = PostgreSQL::Test::Cluster->new('many');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\njit = off");
$node->start;

my ($ret) = $node->psql('postgres', q{LOAD 'auto_explain'});
plan skip_all => 'auto_explain is not there' if $ret != 0;

# A few gigs that have invited everybody: the statistics know of each, and take any
# other to have invited nobody. Then others.
$node->safe_psql('postgres', qq{
CREATE EXTENSION cirro;
SELECT cirro.create_space('trees');
SET search_path = trees;
INSERT INTO worker (id) SELECT generate_series(1, $many);
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_mode, filter_query)
SELECT g, 'g', 'u', now() + '1 day', now() + '2 days', 5, 'manual', '{}' FROM generate_series(1, $many) g;
INSERT INTO invitation (gig_id, worker_id) SELECT g, w FROM generate_series(1, 5) g, generate_series(1, $many) w;
ANALYZE;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_mode, filter_query)
SELECT g, 'g', 'u', now() + '1 day', now() + '2 days', 5, 'manual', '{}' FROM generate_series(100001, 100003) g;
INSERT INTO worker (id) VALUES (100001);
INSERT INTO gig (id, title, url, start_at, end_at, seats_max, invitation_mode, filter_query)
SELECT 300000 + g, 'g', 'u', now() + '1 day', now() + '2 days', 1, 'manual', '{}' FROM generate_series(-7, $many) g;
});

# What each of them says. Small ones first, in the same session.
my @steps = (
	['invite', "SELECT count(*) FROM invite(100001, ARRAY(SELECT generate_series(1, $many)))"],
	['invite those who are invited', "SELECT count(*) FROM invite(100001, ARRAY(SELECT generate_series(1, $many)))"],
	['invite for later', "SELECT count(*) FROM invite(100002, ARRAY(SELECT generate_series(1, $many)), now() + '1 hour')"],
	['an UPDATE of many invitations', "WITH u AS (UPDATE invitation SET status = 'expired' WHERE gig_id = 100001 RETURNING 1) SELECT count(*) FROM u"],
	['invite those who were', "SELECT count(*) FROM invite(100001, ARRAY(SELECT generate_series(1, $many)))"],
	['attempt_invitations', "SELECT count(*) FROM attempt_invitations(100001, ARRAY(SELECT generate_series(1, $many)))"],
	['claim_notifications', "SELECT count(*) FROM claim_notifications($many)"],
	['confirm_notifications', "SELECT confirm_notifications(max(claim), array_agg(id)) FROM notification WHERE claim = (SELECT max(claim) FROM notification)"],
	['claim_notifications again', "SELECT count(*) FROM claim_notifications($many)"],
	['fail_notifications', "SELECT fail_notifications(max(claim), NULL, 'x') FROM notification"],
	['as many invited to a gig each', "WITH i AS (INSERT INTO invitation (gig_id, worker_id) SELECT 300000 + g, w FROM generate_series(1, $many) g, generate_series(1, 2) w RETURNING 1) SELECT count(*) FROM i"],
	['accepts that fill each of these', "WITH u AS (UPDATE invitation SET status = 'accepted' WHERE gig_id > 300000 AND worker_id = 1 RETURNING 1) SELECT count(*) FROM u"],
	['leaves that open each again', "WITH u AS (UPDATE invitation SET status = 'left' WHERE gig_id > 300000 AND status = 'accepted' RETURNING 1) SELECT count(*) FROM u"],
	['an UPDATE of the titles of many gigs', "WITH u AS (UPDATE gig SET title = 'x' WHERE id <= $many RETURNING 1) SELECT count(*) FROM u"],
	['an UPDATE of many gigs', "WITH u AS (UPDATE gig SET total_seats = 6 WHERE id <= $many RETURNING 1) SELECT count(*) FROM u"],
	['cancel of a gig with many invitations', "SELECT count(i.id) FROM cancel(100001) g, invitation i WHERE i.gig_id = g.id"],
	['an UPDATE that cancels many gigs', "WITH u AS (UPDATE gig SET cancelled_at = now() WHERE id BETWEEN 6 AND 5 + $many RETURNING 1) SELECT count(*) + 5 FROM u"],
);
my $warm = join("\n", map { qq{
	SELECT count(*) FROM invite(100003, ARRAY[$_]);
	UPDATE invitation SET status = 'expired' WHERE gig_id = 100003 AND worker_id <= 2 AND status = 'pending';
	SELECT count(*) FROM invite(100003, ARRAY[1, 2]);
	SELECT count(*) FROM attempt_invitations(100001, ARRAY[100000 + $_]);
	INSERT INTO invitation (gig_id, worker_id) VALUES (300001 - $_, 1), (300001 - $_, 2);
	UPDATE invitation SET status = 'accepted' WHERE gig_id = 300001 - $_ AND worker_id = 1;
	UPDATE invitation SET status = 'left' WHERE gig_id = 300001 - $_ AND worker_id = 1;
	SELECT confirm_notifications(max(claim)) FROM claim_notifications(1);
	SELECT fail_notifications(max(claim), array_agg(id), 'x') FROM claim_notifications(1);
	UPDATE gig SET total_seats = total_seats + 1 WHERE id BETWEEN 100002 AND 100003;
	INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_mode, filter_query)
	VALUES (200000 + $_, 'g', 'u', now() + '1 day', now() + '2 days', 5, 'manual', '{}');
	SELECT count(*) FROM invite(200000 + $_, ARRAY[1, 2]);
	SELECT cancelled_at FROM cancel(200000 + $_);} } 1 .. 7);
my $offset = -s $node->logfile;
my $out = $node->safe_psql('postgres', qq{
LOAD 'auto_explain';
SET search_path = trees;
DO 'BEGIN END';
} . $warm . "\n\\o\n" . join("\n", map { qq{
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_nested_statements = on;
SET auto_explain.log_analyze = on;
SET auto_explain.log_timing = off;
$_->[1];
SET auto_explain.log_min_duration = -1;
DO 'BEGIN RAISE LOG ''end of step''; END';} } @steps));
my @said = grep { /^\d+$/ } split /\n/, $out;
my $log = slurp_file($node->logfile, $offset);
my @logs = split /LOG:  end of step/, $log;
is(scalar(@logs), @steps + 1, 'all was done');

for my $i (0 .. $#steps)
{
	my ($worst, $loops, $where) = (0, 1, '');
	for my $line (split /\n/, $logs[$i])
	{
		my $looked;
		if ($line =~ /\(actual rows=([\d.]+) loops=(\d+)\)/)
		{
			$loops = $2;
			$looked = $1 * $2;
		}
		$looked = $1 * $loops if $line =~ /Rows Removed by .*: (\d+)/;
		($worst, $where) = ($looked, $line) if defined $looked && $looked > $worst;
	}
	ok($worst >= $many, "$steps[$i][0]: its plans are seen");
	cmp_ok($worst, '<=', 20 * $many, "$steps[$i][0]: no more than a few looks for each row") or diag($where);
}
is($said[-1], $many, 'and all rows were written');

done_testing();
