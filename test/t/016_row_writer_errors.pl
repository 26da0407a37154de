# Errors in the middle of rows written directly, in one session and over and over:
# checks and unique indexes of the application, a lock that is not waited for, a
# statement that takes too long, the rest of a subtransaction taken back. The next
# call works, and nothing is kept: no memory, no lock, no pinned buffer. An extension
# that checks rights (pgaudit) is asked: its statements are run.
#
# ERRORS=100000 make installcheck-tap PROVE_TESTS=test/t/016_row_writer_errors.pl
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{ERRORS} // 2000;
my $few = int($rounds / 10);

$ENV{PGUSER} = 'postgres';
my $node = PostgreSQL::Test::Cluster->new('row_writer_errors');
$node->init(extra => [ '-U', 'postgres' ]);
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nmax_prepared_transactions = 2\nlog_statement = none\nlog_min_error_statement = panic");
$node->start;

my $setup = <<'SQL';
CREATE EXTENSION cirro;
SELECT cirro.create_space('trees') \g /dev/null
SET search_path = trees;
ALTER TABLE event ADD CONSTRAINT app CHECK (current_setting('app.check', true) IS DISTINCT FROM kind);
ALTER TABLE gig_state ADD CONSTRAINT app CHECK (current_setting('app.check', true) IS DISTINCT FROM 'gig_state');
ALTER TABLE wave ADD CONSTRAINT app CHECK (current_setting('app.check', true) IS DISTINCT FROM 'wave');
ALTER TABLE notification ADD once text;
CREATE UNIQUE INDEX once ON notification (once);
CREATE INDEX ON event ((lower(kind) || status)) WHERE length(kind) > 1;
CREATE INDEX ON event USING gin (payload);
CREATE INDEX ON event USING brin (at);
INSERT INTO worker (profile) SELECT jsonb_build_object('n', n) FROM generate_series(1, 50) n;
INSERT INTO gig (title, url, start_at, end_at, total_seats, invitation_mode, invitation_multiplier, filter_query)
SELECT 'Gig', 'u', now() + '1 day', now() + '2 days', 50, 'manual', 1, '{}' FROM generate_series(1, 3);
INSERT INTO invitation (gig_id, worker_id) SELECT 1, id FROM worker;
INSERT INTO invitation (gig_id, worker_id) VALUES (2, 1), (3, 1);
SQL

sub left
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql('postgres', $sql, stdout => \$out, stderr => \$err, on_error_stop => 0);
	return ($out, $err);
}

my ($made, $wrong) = left("SET client_min_messages = warning; $setup");
is($wrong, '', 'a Space with checks and indexes of the application');

# Holds the row of gig_state of gig 2, and the invitation to gig 3.
left(q{BEGIN; UPDATE trees.gig_state SET accepted = accepted WHERE gig_id = 2; SELECT FROM trees.invitation WHERE gig_id = 3 FOR UPDATE; PREPARE TRANSACTION 'holds'});

my ($said, $told) = left(<<"SQL");
SET client_min_messages = debug1;
SET search_path = trees;
CREATE PROCEDURE work(first int, last int) LANGUAGE plpgsql AS \$\$
DECLARE
	inv bigint;
	seen text;
BEGIN
	SET lock_timeout = '1ms';
	FOR i IN first .. last LOOP
		inv := 1 + i % 50;
		BEGIN
			CASE i % 9
				WHEN 0 THEN PERFORM set_config('app.check', 'invitation.updated', true); PERFORM accept(inv);
				WHEN 1 THEN PERFORM set_config('app.check', 'gig_state', true); PERFORM accept(inv);
				WHEN 2 THEN PERFORM set_config('app.check', 'wave', true); PERFORM run_wave(3);
				WHEN 3 THEN PERFORM set_config('app.check', 'invitation.created', true); PERFORM run_wave(3);
				WHEN 4 THEN ALTER TABLE notification ALTER once SET DEFAULT 'x'; PERFORM accept(inv); UPDATE invitation SET status = 'pending' WHERE id = inv; PERFORM accept(inv + 1);
				WHEN 5 THEN PERFORM accept((SELECT i.id FROM invitation i WHERE i.gig_id = 2));
				WHEN 6 THEN PERFORM accept((SELECT i.id FROM invitation i WHERE i.gig_id = 3));
				WHEN 7 THEN PERFORM run_wave(3), accept(inv), accept(0);
				WHEN 8 THEN UPDATE invitation SET status = 'accepted' WHERE gig_id = 1 AND status = 'pending'; RAISE division_by_zero;
			END CASE;
			RAISE EXCEPTION 'nothing was wrong with %', i % 9;
		EXCEPTION WHEN OTHERS THEN
			INSERT INTO public.seen VALUES (i % 9, SQLSTATE, regexp_replace(SQLERRM, '[0-9]+', 'N', 'g'), 1)
			ON CONFLICT (kind, state, message) DO UPDATE SET times = public.seen.times + 1;
		END;
		-- The next call works.
		PERFORM accept(inv);
		PERFORM reset(inv);
		COMMIT;
		IF i % 500 = 0 THEN
			DELETE FROM event; DELETE FROM notification; COMMIT;
		END IF;
	END LOOP;
END \$\$;
CREATE TABLE public.seen (kind int, state text, message text, times int, PRIMARY KEY (kind, state, message));
CREATE TABLE public.total (what text, bytes bigint);
PREPARE remember AS INSERT INTO public.total SELECT \$1, sum(total_bytes) FROM pg_backend_memory_contexts;
CALL work(1, $few);
EXECUTE remember('few');
CALL work($few + 1, $rounds);
EXECUTE remember('all');
\\echo == locks
SELECT locktype, relation::regclass, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype <> 'virtualxid' AND coalesce(relation::regclass::text, '') !~ '^pg_';
\\echo == memory
SELECT max(bytes) - min(bytes) FROM public.total;
\\echo == consistency
SELECT * FROM check_consistency();
\\echo == seen
SELECT kind || ': ' || state || ' ' || message FROM public.seen ORDER BY kind, state, message;
\\echo == times
SELECT sum(times) FROM public.seen;
\\echo == timeout
SET lock_timeout = 0;
SET statement_timeout = '50ms';
SELECT accept((SELECT id FROM invitation WHERE gig_id = 2));
\\echo :SQLSTATE
SELECT accept((SELECT id FROM invitation WHERE gig_id = 3));
\\echo :SQLSTATE
UPDATE invitation SET status = 'accepted' WHERE gig_id = 2;
\\echo :SQLSTATE
SET statement_timeout = 0;
SELECT status FROM accept(1);
SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND NOT granted;
SQL
my %part = $said =~ /^== ([^\n]*)\n?(.*?)(?=^== |\z)/msg;
s/\n\z// for values %part;
is($part{locks}, '', 'no lock is kept');
cmp_ok($part{memory}, '<=', 65536, "no memory is kept by $rounds errors");
is($part{consistency}, '', 'what was taken back is');
is($part{times}, $rounds, 'there was an error each time');
is($part{seen}, <<'SEEN' =~ s/\n\z//r, 'that which it had to be');
0: 23514 new row for relation "event" violates check constraint "app"
1: 23514 new row for relation "gig_state" violates check constraint "app"
2: 23514 new row for relation "wave" violates check constraint "app"
3: 23514 new row for relation "event" violates check constraint "app"
4: 23505 duplicate key value violates unique constraint "once"
5: 55P03 canceling statement due to lock timeout
6: 55P03 canceling statement due to lock timeout
7: UG003 invitation N does not exist
8: 22012 division_by_zero
SEEN
is($part{timeout}, "57014\n57014\n57014\naccepted\n0", 'a statement that takes too long leaves nothing, and the next works');
my %ways;
$ways{"$1: $2"}++ while $told =~ /DEBUG:  table "(\S+)" is left to statements: (.*)$/mg;
is_deeply(\%ways, {}, 'all of it directly') or diag explain \%ways;
left(q{ROLLBACK PREPARED 'holds'});
unlike(slurp_file($node->logfile), qr/WARNING|leak|still referenced|PANIC|TRAP|server process/, 'the server has nothing to warn of');

# Of what is written directly there is no statement below the call.
sub below
{
	my ($direct) = @_;
	return left(qq{SET client_min_messages = warning; SET cirro.direct_writes = $direct; INSERT INTO trees.gig (title, url, start_at, end_at, total_seats, invitation_mode, filter_query) VALUES ('Gig', 'u', now() + '1 day', now() + '2 days', 1, 'manual', '{}'); SELECT pg_stat_statements_reset() \\g /dev/null
		SELECT status FROM trees.accept((SELECT min(id) FROM trees.invitation WHERE gig_id = 1 AND status = 'pending')) \\g /dev/null
		UPDATE trees.invitation SET status = 'accepted' WHERE id = (SELECT min(id) FROM trees.invitation WHERE gig_id = 1 AND status = 'pending');
		SELECT invited FROM trees.run_wave((SELECT max(id) FROM trees.gig)) \\g /dev/null
		SELECT DISTINCT lower((regexp_match(query, '(INSERT INTO|UPDATE) +"?(event|notification|invitation|gig_state|wave)( |\$)', 'i'))[2]) AS t
		FROM pg_stat_statements WHERE NOT toplevel AND query ~* '(INSERT INTO|UPDATE) +"?(event|notification|invitation|gig_state|wave)( |\$)' ORDER BY 1});
}

SKIP:
{
	skip 'no pg_stat_statements', 2 unless -e $node->config_data('--pkglibdir') . '/pg_stat_statements.so';
	$node->append_conf('postgresql.conf', "shared_preload_libraries = pg_stat_statements\npg_stat_statements.track = all");
	$node->restart;
	left('CREATE EXTENSION pg_stat_statements; CREATE INDEX IF NOT EXISTS again ON trees.event (at)');
	is(join(' ', (below('off'))[0] =~ /^(\w+)$/mg), 'event gig_state invitation wave', 'by statements there are statements below the call');
	is((below('on'))[0], '', 'directly there are none');
}

# Whoever checks rights by a hook of its own is asked about each statement.
SKIP:
{
	skip 'no pgaudit', 4 unless -e $node->config_data('--pkglibdir') . '/pgaudit.so';
	$node->append_conf('postgresql.conf', "shared_preload_libraries = pgaudit");
	$node->restart;
	my $from = -s $node->logfile;
	my ($out, $err) = left(q{CREATE EXTENSION IF NOT EXISTS pgaudit; SET pgaudit.log = 'write'; SET pgaudit.log_relation = on; SET client_min_messages = debug1; SELECT status FROM trees.accept((SELECT max(id) FROM trees.invitation WHERE gig_id = 1 AND status = 'pending')); SELECT invited FROM trees.run_wave(3)});
	like($out, qr/accepted\n\d+/, 'with pgaudit: answers and waves');
	%ways = ();
	$ways{$2}{$1}++ while $err =~ /DEBUG:  table "(\S+)" is left to statements: (.*)$/mg;
	is_deeply([ keys %ways ], ['a module checks rights'], 'by statements') or diag explain \%ways;
	is_deeply([ grep { !$ways{'a module checks rights'}{$_} } qw(gig_state invitation) ], [], 'of all that is written');
	my $log = slurp_file($node->logfile, $from);
	is_deeply([ grep { $log !~ /AUDIT: .*,trees\.$_,/ } qw(gig_state invitation event notification wave) ], [], 'and logs them');
}

done_testing();
