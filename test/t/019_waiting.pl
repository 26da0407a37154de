# Random histories of gigs whose seats are wanted by more than there are: eight
# sessions accept, wait, leave, decline, delete, activate and change seats, by the
# functions and by statements, with rows written directly and not, while the tick
# runs. Never are more accepted than seats; whoever is given a seat is the first of
# those who wait, but for rows that somebody holds; in the end nobody who is active
# waits beside a free seat, and gig_state is right.
#
# HISTORIES=10000 HISTORIES_SEED=42 PROVE_TESTS=test/t/019_waiting.pl SUITES=tap make test
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $histories = $ENV{HISTORIES} // 240;
my $seed = $ENV{HISTORIES_SEED} // int(rand(1_000_000_000));
my $sessions = 8;
note "HISTORIES_SEED=$seed";

my $node = PostgreSQL::Test::Cluster->new('waiting');
$node->init;
$node->append_conf('postgresql.conf', "deadlock_timeout = '100ms'\nfsync = off\nlog_min_messages = error\nlog_min_error_statement = panic\n");
$node->start;
sub sql { return $node->safe_psql('postgres', $_[0]) }

# Some gigs at a time, so that sessions meet: about 40 steps each.
my $steps = 40;
sql(qq{
	CREATE EXTENSION cirro;
	SELECT cirro.create_space('trees');
	INSERT INTO trees.worker (id) SELECT generate_series(1, 24);
	INSERT INTO trees.gig (id, title, url, start_at, end_at, total_seats, seats_max, invitation_mode, filter_query)
	SELECT n, 'g', 'u', now() + '1 day', now() + '2 days', CASE WHEN n % 2 = 0 THEN 2 END, CASE WHEN n % 2 = 1 THEN 2 END,
		'manual', '{}' FROM generate_series(1, $histories + 8) n;
	CREATE SCHEMA history;
	CREATE SEQUENCE history.step;
	CREATE TABLE history.bad (what text);
	CREATE TABLE history.log (op text, sqlstate text);
	CREATE FUNCTION history.note_oversold() RETURNS trigger LANGUAGE plpgsql AS \$\$
	BEGIN
		INSERT INTO history.bad VALUES (format('gig %s has %s of %s', NEW.gig_id, NEW.accepted, NEW.capacity));
		RETURN NULL;
	END \$\$;
	CREATE TRIGGER note AFTER UPDATE ON trees.gig_state
		FOR EACH ROW WHEN (NEW.accepted > OLD.accepted AND NEW.accepted > NEW.capacity)
		EXECUTE FUNCTION history.note_oversold();
	-- Nobody who holds a row of who waits lets go of it while gig_state is held here:
	-- so whom this can lock could be locked before. Who accepts by himself is no promotion.
	CREATE FUNCTION history.note_order() RETURNS trigger LANGUAGE plpgsql AS \$\$
	DECLARE
		first bigint;
	BEGIN
		IF pg_trigger_depth() = 1 THEN
			RETURN NULL;
		END IF;
		SELECT i.id INTO first FROM trees.invitation i JOIN trees.worker w ON w.id = i.worker_id AND w.active
		WHERE i.gig_id = NEW.gig_id AND i.status = 'waiting' AND (i.waiting_since, i.id) < (OLD.waiting_since, OLD.id)
		ORDER BY i.waiting_since, i.id LIMIT 1 FOR NO KEY UPDATE OF i SKIP LOCKED FOR KEY SHARE OF w SKIP LOCKED;
		IF FOUND THEN
			INSERT INTO history.bad VALUES (format('gig %s: %s had the seat before %s', NEW.gig_id, NEW.id, first));
		END IF;
		RETURN NULL;
	END \$\$;
	CREATE TRIGGER note AFTER UPDATE ON trees.invitation
		FOR EACH ROW WHEN (OLD.status = 'waiting' AND NEW.status = 'accepted')
		EXECUTE FUNCTION history.note_order();
	CREATE FUNCTION history.act(a int, b int) RETURNS void LANGUAGE plpgsql AS \$\$
	#variable_conflict use_variable
	DECLARE
		ops CONSTANT text[] := '{wait,wait,wait,wait,plain wait,accept,accept,leave,leave,leave,plain leave,decline,reset,expire,delete,delete worker,worker,inactive,active,active,seats,invite,invite,invite}';
		what CONSTANT text := ops[1 + a % cardinality(ops)];
		gig CONSTANT bigint := 1 + nextval('history.step') / $steps + b % 8;
		person CONSTANT bigint := 1 + a / 100 % 24;
		wanted CONSTANT text := CASE WHEN what IN ('leave', 'plain leave', 'reset') THEN 'accepted'
			WHEN what IN ('accept', 'plain wait') THEN 'pending' WHEN what = 'wait' AND b % 3 > 0 THEN 'pending'
			WHEN what = 'wait' THEN 'expired' ELSE 'waiting' END;
		inv bigint;
	BEGIN
		SELECT i.id INTO inv FROM trees.invitation i WHERE i.gig_id = gig AND i.status = wanted ORDER BY (i.worker_id + b) % 24 LIMIT 1;
		CASE what
			WHEN 'wait' THEN PERFORM trees.try_accept(inv, true);
			WHEN 'plain wait' THEN UPDATE trees.invitation SET status = 'waiting' WHERE id = inv AND status = 'pending';
			WHEN 'accept' THEN PERFORM trees.accept(inv) WHERE inv IS NOT NULL;
			WHEN 'leave' THEN PERFORM trees.leave(inv) WHERE inv IS NOT NULL;
			WHEN 'plain leave' THEN UPDATE trees.invitation SET status = 'left' WHERE id = inv AND status = 'accepted';
			WHEN 'decline' THEN PERFORM trees.reject(inv) WHERE inv IS NOT NULL;
			WHEN 'reset' THEN PERFORM trees.reset(inv) WHERE inv IS NOT NULL;
			WHEN 'expire' THEN UPDATE trees.invitation SET status = 'expired' WHERE id = inv AND status = 'waiting';
			WHEN 'delete' THEN DELETE FROM trees.invitation WHERE id = inv;
			WHEN 'delete worker' THEN DELETE FROM trees.worker WHERE id = person AND b % 4 = 0;
			WHEN 'worker' THEN INSERT INTO trees.worker (id) SELECT n FROM generate_series(1, 24) n
				WHERE NOT EXISTS (SELECT FROM trees.worker w WHERE w.id = n) LIMIT 1 ON CONFLICT DO NOTHING;
			WHEN 'inactive' THEN UPDATE trees.worker SET active = false WHERE id = person;
			WHEN 'active' THEN UPDATE trees.worker SET active = true WHERE id = person;
			WHEN 'seats' THEN UPDATE trees.gig SET total_seats = CASE WHEN total_seats IS NOT NULL THEN 1 + b % 4 END,
				seats_max = CASE WHEN seats_max IS NOT NULL THEN 1 + b % 4 END WHERE id = gig;
			WHEN 'invite' THEN PERFORM trees.invite(gig, ARRAY[person, 25 - person, 1 + b / 10 % 24]);
		END CASE;
		INSERT INTO history.log VALUES (what, 'ok');
	EXCEPTION
		WHEN serialization_failure OR deadlock_detected THEN
			RAISE;
		WHEN OTHERS THEN
			INSERT INTO history.log VALUES (what, SQLSTATE);
	END \$\$;
});

my $dir = PostgreSQL::Test::Utils::tempdir();
PostgreSQL::Test::Utils::append_to_file("$dir/act.sql", <<'SQL');
\set a random(0, 1000000000)
\set b random(0, 1000000000)
SELECT history.act(:a, :b);
SQL
PostgreSQL::Test::Utils::append_to_file("$dir/tick.sql", "CALL cirro.run_waves();\n\\sleep 50 ms\n");

# Rows written directly or by statements; READ COMMITTED, where nothing fails, and the others.
my %share = ('' => 0.4, '-c cirro.direct_writes=off' => 0.3,
	'-c default_transaction_isolation=repeatable\ read' => 0.15, '-c default_transaction_isolation=serializable' => 0.15);
my $round = 0;
for my $options (sort keys %share)
{
	my $each = int($histories * $share{$options} * $steps / $sessions) || 1;
	my ($out, $err, $tick_out, $tick_err) = ('', '', '', '');
	local $ENV{PGOPTIONS} = "-c client_min_messages=warning $options";
	my @common = ('pgbench', '-n', '--failures-detailed', '--random-seed=' . ($seed + $round++));
	my $tick = IPC::Run::start([ @common, '-T', 3600, '-f', "$dir/tick.sql", $node->connstr('postgres') ],
		'>', \$tick_out, '2>', \$tick_err);
	my $ran = IPC::Run::run([ @common, '--max-tries=1', '-c', $sessions, '-j', 2, '-t', $each, '-f', "$dir/act.sql", $node->connstr('postgres') ],
		'>', \$out, '2>', \$err);
	$tick->kill_kill;
	ok($ran, "$options: $sessions sessions take $each steps each (HISTORIES_SEED=$seed)") or diag $err;
	my %failed = map { $_ => $out =~ /^number of $_ failures: (\d+)/m } 'serialization', 'deadlock';
	is($failed{deadlock}, 0, "$options: no deadlock");
	is($failed{serialization}, 0, "$options: no serialization failure") unless $options =~ /isolation/;
	is(sql('SELECT DISTINCT what FROM history.bad LIMIT 20'), '', "$options: never oversold, first come first served");
	is(sql('SELECT * FROM trees.check_consistency() LIMIT 20'), '', "$options: gig_state is right");
}
is(sql("SELECT DISTINCT op, sqlstate FROM history.log WHERE sqlstate NOT IN ('ok', 'UG003', 'UG010', 'UG011', 'UG012', 'UG013')"), '',
	'nothing else was refused');
is(sql('SELECT count(DISTINCT op) FROM history.log'), 15, 'everything was done');
sql('CALL cirro.run_waves()');
is(sql(q{SELECT i.id FROM trees.invitation i JOIN trees.gig_state s USING (gig_id) JOIN trees.worker w ON w.id = i.worker_id
	WHERE i.status = 'waiting' AND w.active AND s.accepted < s.capacity}), '', 'nobody who is active waits beside a free seat');
my ($promoted, $still) = split /\|/, sql(q{SELECT (SELECT count(*) FROM trees.event WHERE previous = 'waiting' AND status = 'accepted'),
	(SELECT count(*) FROM trees.invitation WHERE status = 'waiting')});
note "$promoted seats were given to who waited, $still wait";
cmp_ok($promoted, '>', $histories / 2, 'many seats were given to who waited');
is(sql(q{SELECT e.kind || ' of gig ' || e.gig_id FROM (
		SELECT id, gig_id, kind, lag(kind, 1, 'gig.reopened') OVER (PARTITION BY gig_id ORDER BY id) AS previous
		FROM trees.event WHERE kind IN ('gig.filled', 'gig.reopened')) e WHERE e.kind = e.previous LIMIT 20}), '',
	'gigs are filled and have seats again in turns');
is(sql('SELECT * FROM trees.check_consistency() LIMIT 20'), '', 'gig_state is right');

$node->stop;
done_testing();
