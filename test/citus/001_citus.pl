# A Space whose schema Citus has distributed (docs/scaling.md), on a coordinator and two
# nodes: all calls give what they give in a Space that is not, from whichever node; waves
# run where the rows are; a Space that has gigs is distributed; one is moved from node to
# node and back under answers, claims and ticks, and nothing is lost, told twice or
# oversold; drop_space leaves nothing behind. Where there is no Citus, or none that this
# server can load, all of it is skipped.
#
# CITUS_SECONDS=60 SUITES=citus make test
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $seconds = $ENV{CITUS_SECONDS} // 4;	# of traffic before, between and after the moves

chomp(my $sharedir = `pg_config --sharedir`);
plan skip_all => 'this PostgreSQL has no Citus' if !-e "$sharedir/extension/citus.control";

my @nodes;
for my $name (qw(coordinator first second))
{
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => 'logical');
	$node->append_conf('postgresql.conf', qq{
shared_preload_libraries = 'citus'
citus.enable_unsafe_triggers = on
citus.node_conninfo = 'sslmode=prefer'
citus.local_hostname = '@{[ $node->host ]}'
citus.enable_statistics_collection = off
citus.defer_shard_delete_interval = -1	# a move cleans up itself, and fails where the daemon is at it
max_prepared_transactions = 50
max_connections = 60
max_locks_per_transaction = 256
fsync = off
jit = off
});
	if (!$node->start(fail_ok => 1))
	{
		plan skip_all => 'the library of Citus cannot be loaded' if $name eq 'coordinator';
		BAIL_OUT("node \"$name\" does not start");
	}
	push @nodes, $node;
}
my ($coordinator) = @nodes;

sub sql { return $coordinator->safe_psql('postgres', $_[0]) }

# Without a word about what Citus does.
sub quietly { return sql("SET client_min_messages = error; $_[0]") }

$_->safe_psql('postgres', 'CREATE EXTENSION citus') for @nodes;
quietly(sprintf q{SELECT citus_set_coordinator_host('%s', %d)}, $coordinator->host, $coordinator->port);
quietly(sprintf q{SELECT citus_add_node('%s', %d)}, $_->host, $_->port) for @nodes[ 1, 2 ];
sql('CREATE EXTENSION cirro');
sql('CREATE ROLE app LOGIN');
note 'PostgreSQL ' . sql('SHOW server_version') . ', ' . sql(q{SELECT substring(citus_version() FROM '^\S+ \S+')});

# What Citus does not bring to the nodes by itself.
sub finish
{
	my ($space) = @_;
	quietly("CALL cirro.upgrade_spaces('$space')");
	quietly("GRANT SELECT ON $space.worker_invitation, $space.worker_gig, $space.gig_status TO PUBLIC");
}

sub distribute
{
	my ($space) = @_;
	quietly("SELECT citus_schema_distribute('$space')");
	finish($space);
}

# The node with the rows of a Space.
sub place_of
{
	my ($space) = @_;
	my $port = sql("SELECT nodeport FROM citus_shards WHERE table_name = '$space.worker'::regclass");
	return (grep { $_->port == $port } @nodes)[0];
}

# Those without.
sub others
{
	my ($space) = @_;
	my $port = place_of($space)->port;
	return grep { $_->port != $port } @nodes;
}

# ------------------------------------------------------------------- a life --

# One call a line. What is in a line of its own with \gset is an id for the next.
my $life = <<'END';
INSERT INTO S.gig (id, ref, title, url, start_at, end_at, total_seats, filter_query) VALUES (1, 'g1', 'T', 'u', now() + '3 days', now() + '4 days', 2, '{"a": 1}');
INSERT INTO S.gig (id, ref, title, url, start_at, end_at, seats_max, filter_query) VALUES (2, 'g2', 'T', 'u', now() + '3 days', now() + '4 days', 1, '{"h": {"$lte": 5}}'), (3, 'g3', 'T', 'u', now() + '3 days', now() + '4 days', 3, '{}');
INSERT INTO S.gig (id, title, url, start_at, end_at, total_seats, filter_query) VALUES (9, 'T', 'u', now(), now() + '4 days', 0, '{}');
INSERT INTO S.gig (id, title, url, start_at, end_at, total_seats, filter_query) VALUES (9, 'T', 'u', now(), now() + '4 days', 1, '{"a": {"$no": 1}}');
SELECT gig_id, next_wave_at IS NOT NULL, accepted, target, capacity FROM S.gig_state ORDER BY 1;
SELECT number, invited, outcome FROM S.run_wave(1);
SELECT number, invited, outcome FROM S.run_wave(99);
SELECT worker_id, status, origin FROM S.invitation ORDER BY worker_id;
SELECT worker_id, outcome, invitation_id IS NULL FROM S.invite(2, ARRAY[1, 2, 3, 999]);
SELECT worker_id, outcome, invitation_id IS NULL FROM S.invite(2, ARRAY[4, 5], now() + '1 hour');
SELECT worker_id, outcome, invitation_id IS NULL FROM S.invite(2, ARRAY[4, 5], now() + '10 days');
SELECT worker_id, outcome, invitation_id IS NULL FROM S.invite(1, ARRAY[2], NULL, true);
SELECT worker_id, outcome FROM S.invite(99, ARRAY[2]);
SELECT worker_id, outcome FROM S.invite(1, NULL);
SELECT id FROM S.invitation WHERE gig_id = 1 AND worker_id = 1 \gset
SELECT status, revision FROM S.accept(:id);
SELECT status, revision FROM S.accept(:id);
SELECT id FROM S.invitation WHERE gig_id = 1 AND worker_id = 4 \gset
SELECT status FROM S.accept(:id);
SELECT status FROM S.accept(-5);
SELECT id FROM S.invitation WHERE gig_id = 2 AND worker_id = 2 \gset
SELECT status FROM S.accept(:id);
SELECT id FROM S.invitation WHERE gig_id = 2 AND worker_id = 3 \gset
SELECT status FROM S.reject(:id);
SELECT id FROM S.invitation WHERE gig_id = 1 AND worker_id = 7 \gset
SELECT status, reason FROM S.reject(:id, 'no');
SELECT status FROM S.accept(:id);
SELECT id FROM S.invitation WHERE gig_id = 1 AND worker_id = 10 \gset
SELECT * FROM S.try_accept(:id, true);
SELECT place, can_wait, why_not FROM S.worker_invitation WHERE invitation_id = :id;
SELECT id FROM S.invitation WHERE gig_id = 1 AND worker_id = 1 \gset
SELECT status, reason FROM S.leave(:id, 'ill');
SELECT id FROM S.invitation WHERE gig_id = 1 AND worker_id = 4 \gset
SELECT * FROM S.try_accept(:id);
SELECT id FROM S.invitation WHERE gig_id = 1 AND worker_id = 13 \gset
SELECT status, reason FROM S.expire(:id);
SELECT status, times_invited FROM S.reset(:id);
SELECT id FROM S.invitation WHERE gig_id = 1 AND worker_id = 2 \gset
SELECT status FROM S.reset(:id, true);
UPDATE S.invitation SET status = 'expired', reason = 'by hand' WHERE gig_id = 1 AND worker_id = 16;
UPDATE S.invitation SET status = 'accepted' WHERE gig_id = 1;
UPDATE S.invitation SET worker_id = 17 WHERE gig_id = 1 AND worker_id = 16;
SELECT worker_id, status, reason, revision FROM S.invitation WHERE gig_id = 1 ORDER BY worker_id;
SELECT gig_id, outcome, invitation_id IS NULL FROM S.attempt_invitations(3);
SELECT gig_id, outcome, invitation_id IS NULL FROM S.attempt_invitations(16, ARRAY[1, 2, 77], 5);
SELECT gig_id, outcome FROM S.attempt_invitations(16, NULL, 0);
SELECT gig_id, outcome FROM S.attempt_invitations(-1);
SELECT worker_id, outcomes #> '{outcomes,0,outcome}' FROM S.attempt ORDER BY id;
SELECT matching, exact, count(*), min(worker_id) FROM S.preview('{"a": 1}', NULL, 20) GROUP BY 1, 2;
SELECT * FROM S.preview('{"a": 1}', '{"h": -1}', 3);
SELECT S.worker_id('w7'), S.gig_id('g2'), S.gig_id('nobody');
SELECT gate, passed FROM S.explain_invitation(16, 3);
SELECT gate, passed FROM S.explain_invitation(16, 99);
SELECT kind, gig_id, worker_id, attempts, payload->>'space', payload->'worker'->>'ref', still_valid FROM S.claim_notifications(5) ORDER BY kind, worker_id;
SELECT max(claim) AS claim FROM S.notification \gset
SELECT S.confirm_notifications(:claim, ARRAY[-1]::bigint[]), S.confirm_notifications(:claim), S.confirm_notifications(:claim);
SELECT count(*) FROM S.claim_notifications(7, '1 hour');
SELECT max(claim) AS claim FROM S.notification \gset
SELECT S.fail_notifications(:claim, NULL, NULL, now() + '1 minute');
SELECT S.fail_notifications(:claim, NULL, 'timeout', now());
SELECT count(*), min(attempts), max(attempts) FROM S.claim_notifications(100, '1 hour');
SELECT * FROM S.claim_notifications(consumer => 'nobody');
SELECT * FROM S.claim_notifications(0);
SELECT worker_id, gig_id, status, why_not, place FROM S.worker_invitation ORDER BY 1, 2;
SELECT gig_id, phase, accepted, pending, waiting, vacancies FROM S.gig_status ORDER BY 1;
SELECT worker_id, worker_ref, gig_id, gig_ref, phase FROM S.worker_gig ORDER BY 1, 3;
UPDATE S.worker SET active = false WHERE id = 10;
UPDATE S.worker SET active = true, profile = profile || '{"b": 1}' WHERE id = 10;
UPDATE S.worker SET profile = '[]' WHERE id = 10;
UPDATE S.gig SET total_seats = 5 WHERE id = 1;
UPDATE S.gig SET filter_query = '{"a": 2}', title = 'New' WHERE id = 3;
SELECT id IS NOT NULL, active, profile FROM S.erase_worker(10);
SELECT S.erase_worker(-1);
SELECT (S.cancel(2)).cancelled_at IS NOT NULL;
SELECT (S.archive(2)).archived_at IS NOT NULL;
SELECT (S.archive(1)).archived_at IS NOT NULL;
SELECT status FROM S.invitation WHERE gig_id = 2 ORDER BY worker_id;
SELECT * FROM S.check_consistency();
SELECT length(cirro.report('S')) > 1000, length(cirro.report('S', 1)) > 1000;
SELECT open_gigs, seats, accepted, pending, waiting, due_gigs, open_notifications, defect FROM cirro.metrics() WHERE space = 'S';
SELECT version, paused, defect FROM cirro.spaces() WHERE space = 'S';
SELECT kind, gig_id, worker_id, revision, status, previous FROM S.event ORDER BY id;
END

# What only the owner may do.
my $owner = <<'END';
DELETE FROM S.gig WHERE id = 2;
DELETE FROM S.worker WHERE id = 4;
UPDATE S.gig_state SET accepted = 7 WHERE gig_id = 1;
SELECT what, stored FROM S.check_consistency() WHERE gig_id = 1 ORDER BY 1;
SELECT S.rebuild_state();
SELECT * FROM S.check_consistency();
SELECT count(*), max(kind) FROM S.event WHERE kind = 'gig.deleted';
TRUNCATE S.gig;
DELETE FROM S.setting;
UPDATE S.setting SET max_pending = 1, paused = true;
SELECT number FROM S.run_wave(3);
SELECT count(*) FROM S.claim_notifications();
END

# Runs the calls; each with the SQLSTATE that it ended with.
sub live
{
	my ($node, $space, $role, $calls) = @_;
	my $script = join '', map { /\\gset/ ? "$_\n" : "$_\n\\echo :SQLSTATE\n" } split /\n/, $calls =~ s/\bS\b/$space/gr;
	my ($code, $out, $err) = $node->psql('postgres', $script, extra_params => [ '-U', $role ], on_error_stop => 0);

	diag $err if $out !~ /\S/;
	return $out =~ s/\b\Q$space\E\b/S/gr;
}

# A life as the application, then what the owner does.
sub whole_life
{
	my ($node, $space) = @_;
	my $user = sql('SELECT current_user');

	sql(qq{
INSERT INTO $space.worker (id, ref, profile) SELECT i, 'w' || i, jsonb_build_object('a', i % 3, 'h', i) FROM generate_series(1, 30) i;
GRANT USAGE ON SCHEMA $space TO app;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA $space TO app;
GRANT DELETE ON $space.attempt TO app;
});
	return live($node, $space, 'app', $life) . live($node, $space, $user, $owner);
}

quietly(q{SELECT cirro.create_space('plain')});
my $expected = whole_life($coordinator, 'plain');
like($expected, qr/UG011.*UG003.*UG012/s, 'a life in a Space has its errors') or diag $expected;
unlike($expected, qr/XX000|42501/, 'and no other') or diag $expected;

quietly(q{SET citus.enable_schema_based_sharding = on; SELECT cirro.create_space('oak')});
is(sql(q{SELECT count(*) FROM citus_schemas}), 0, 'create_space makes a Space that is not distributed');
for my $i (0 .. 2)
{
	my $space = (qw(oak elm ash))[$i];
	quietly("SELECT cirro.create_space('$space')") if $space ne 'oak';
	distribute($space);
	my $node = $i == 0 ? $coordinator : $i == 1 ? place_of($space) : (others($space))[1];
	is(whole_life($node, $space), $expected,
		'all calls give what they give in a plain Space, ' .
			($i == 0 ? 'from the coordinator' : $i == 1 ? 'from the node with the rows' : 'from another node'));
}

# ------------------------------------------------------------------- waves --

sub tick { $_->safe_psql('postgres', 'CALL cirro.run_waves()') for @nodes }

# Ticks until something holds, which has to come true.
sub wait_for
{
	my ($what, $query) = @_;
	my $end = time() + $PostgreSQL::Test::Utils::timeout_default;
	while (sql($query) ne 't')
	{
		if (time() > $end) { fail($what); return }
		usleep(100_000);
		tick();
	}
	pass($what);
}

quietly(q{SELECT cirro.create_space('yew')});
distribute('yew');
sql(q{
INSERT INTO yew.worker (profile) SELECT jsonb_build_object('a', i % 3) FROM generate_series(1, 300) i;
INSERT INTO yew.gig (id, title, url, start_at, end_at, total_seats, filter_query, invitation_frequency)
	SELECT i, 'T', 'u', now() + '3 days', now() + '4 days', 2, jsonb_build_object('a', i % 3), '1 second' FROM generate_series(1, 30) i;
INSERT INTO yew.gig (id, title, url, start_at, end_at, total_seats, filter_query, invitation_frequency)
	VALUES (99, 'T', 'u', now() + '3 days', now() + '4 days', 2, '{"a": 7}', '1 second');
});
my ($elsewhere) = grep { $_ != $coordinator } others('yew');
for my $node ($coordinator, $elsewhere)
{
	my ($code, $out, $err) = $node->psql('postgres', q{CALL cirro.run_waves('yew')});
	like($err, qr/the rows of Space "yew" are on another node/, 'a node without the rows says so');
}
is(sql('SELECT count(*) FROM yew.wave'), 0, 'and runs no wave');
my ($code, $out, $err) = place_of('yew')->psql('postgres', q{CALL cirro.run_waves('yew')});
is("$code$err", '0', 'the node with the rows runs waves');
is(sql(q{SELECT count(*), min(invited), max(invited) FROM yew.wave WHERE outcome = 'invited'}), '30|20|20',
	'which invite');
wait_for('a gig that finds nobody sleeps', q{SELECT asleep IS NOT DISTINCT FROM 'exhausted' FROM yew.gig_status WHERE gig_id = 99});
sql(q{INSERT INTO yew.worker (profile) VALUES ('{"a": 7}')});
wait_for('and wakes for who is added', 'SELECT count(*) = 1 FROM yew.invitation WHERE gig_id = 99');
is(sql('SELECT * FROM yew.check_consistency()'), '', 'nothing disagrees');

# ---------------------------------------------------- a Space that has gigs --

quietly(q{SELECT cirro.create_space('fir')});
sql(q{
INSERT INTO fir.worker (profile) SELECT jsonb_build_object('a', i % 3) FROM generate_series(1, 300) i;
INSERT INTO fir.gig (title, url, start_at, end_at, total_seats, filter_query)
	SELECT 'T', 'u', now() + '3 days', now() + '4 days', 2, jsonb_build_object('a', i % 3) FROM generate_series(1, 10) i;
CALL cirro.run_waves('fir');
SELECT fir.accept(i.id) FROM fir.invitation i WHERE i.gig_id = 1 ORDER BY i.id LIMIT 1;
});
my $before = sql('SELECT gig_id, accepted, pending FROM fir.gig_status ORDER BY 1');
($code, $out, $err) = $coordinator->psql('postgres', q{SELECT citus_schema_distribute('fir')});
isnt($code, 0, 'a Space that has gigs is not distributed with its triggers on');
quietly(q{
BEGIN;
ALTER TABLE fir.worker DISABLE TRIGGER USER;
ALTER TABLE fir.gig DISABLE TRIGGER USER;
ALTER TABLE fir.invitation DISABLE TRIGGER USER;
SELECT citus_schema_distribute('fir');
ALTER TABLE fir.worker ENABLE TRIGGER USER;
ALTER TABLE fir.worker ENABLE ALWAYS TRIGGER cirro_check;
ALTER TABLE fir.gig ENABLE TRIGGER USER;
ALTER TABLE fir.invitation ENABLE TRIGGER USER;
COMMIT});
finish('fir');
is(sql('SELECT gig_id, accepted, pending FROM fir.gig_status ORDER BY 1'), $before, 'it is with them off');
is(sql('SELECT * FROM fir.check_consistency()'), '', 'nothing disagrees');
is(sql(q{SELECT defect IS NULL FROM cirro.spaces() WHERE space = 'fir'}), 't', 'it is sound');
is(place_of('fir')->safe_psql('postgres',
		q{SELECT defect IS NULL FROM cirro.spaces() WHERE space = 'fir'}), 't', 'on its node as well');
sql(q{INSERT INTO fir.gig (title, url, start_at, end_at, total_seats, filter_query) VALUES ('T', 'u', now() + '3 days', now() + '4 days', 2, '{}')});
wait_for('its waves run', 'SELECT count(DISTINCT gig_id) = 11 FROM fir.invitation');

# -------------------------------------------------------------------- moves --

my $slots = 60;
quietly(q{SELECT cirro.create_space('larch')});
distribute('larch');
sql(qq{
INSERT INTO larch.worker (profile) SELECT jsonb_build_object('a', i % 10) FROM generate_series(1, 3000) i;
INSERT INTO larch.gig (id, title, url, start_at, end_at, total_seats, filter_query, invitation_frequency)
	SELECT i, 'T', 'u', now() + '3 days', now() + '4 days', 20, jsonb_build_object('a', i % 10), '1 second'
	FROM generate_series(1, $slots) i;
CREATE TABLE public.answer (invitation_id bigint PRIMARY KEY);
CREATE TABLE public.told (notification_id bigint PRIMARY KEY, at timestamptz DEFAULT clock_timestamp());
});
tick();

my $dir = PostgreSQL::Test::Utils::tempdir;
my %script = (
	answer => qq{
DO \$\$
DECLARE
	found bigint;
BEGIN
	SELECT i.id INTO found FROM larch.invitation i
	WHERE i.gig_id = 1 + (random() * @{[ $slots - 1 ]})::int AND i.status = 'pending' ORDER BY i.id LIMIT 1 OFFSET (random() * 5)::int;
	IF found IS NOT NULL AND (SELECT outcome FROM larch.try_accept(found)) = 'accepted' THEN
		INSERT INTO public.answer VALUES (found);
	END IF;
END \$\$;
},
	claim => q{
DO $$
DECLARE
	claims bigint[];
BEGIN
	WITH c AS (SELECT * FROM larch.claim_notifications(50, '1 hour')),
	t AS (INSERT INTO public.told SELECT id FROM c)
	SELECT array_agg(DISTINCT claim) INTO claims FROM c;
	IF claims IS NOT NULL THEN
		PERFORM larch.confirm_notifications(claims[1]);
	ELSE
		PERFORM pg_sleep(0.05);
	END IF;
END $$;
},
	tick => 'CALL cirro.run_waves(during => \'1 second\');',
);
PostgreSQL::Test::Utils::append_to_file("$dir/$_.sql", $script{$_}) for keys %script;

# Clients that go on until they are interrupted; each logs what each call took.
my $last = 0;
sub clients
{
	my ($node, $name, $n) = @_;
	my $log = "$dir/" . ++$last . "_$name";
	my ($in, $out, $err) = ('', '', '');
	my $harness = IPC::Run::start(
		[ 'pgbench', '-n', '-c', $n, '-T', 86400, '-f', "$dir/$name.sql", '-l', "--log-prefix=$log",
			'-h', $node->host, '-p', $node->port, 'postgres' ],
		\$in, \$out, \$err);
	return { harness => $harness, name => $name, out => \$out, err => \$err, log => $log };
}

my @running = (clients($coordinator, 'answer', 4), clients($coordinator, 'claim', 1),
	map { clients($_, 'tick', 1) } @nodes);
my $home = place_of('larch')->port;
for my $part (1, 2)
{
	usleep(1_000_000 * $seconds);
	my ($target) = grep { $_ != $coordinator } others('larch');
	my $start = time();
	quietly(sprintf q{SELECT citus_schema_move('larch', '%s', %d, 'force_logical')}, $target->host, $target->port);
	note sprintf 'a move took %.1f s', time() - $start;
	is(place_of('larch')->port, $target->port, $part == 1 ? 'the Space has moved' : 'and back');
}
usleep(1_000_000 * $seconds);
is(place_of('larch')->port, $home, 'it is where it was');
my $gap = 0;
my $answers = 0;
for my $run (@running)
{
	ok($run->{harness}->pumpable, "$run->{name} went on to the end");
	$run->{harness}->signal('INT');
	$run->{harness}->finish;
	unlike(${ $run->{err} }, qr/WARNING|ERROR|FATAL|aborted/, 'without an error');
	next if $run->{name} ne 'answer';
	for my $file (glob "$run->{log}.*")
	{
		open my $log, '<', $file or die "$file: $!";
		while (<$log>)
		{
			my (undef, undef, $took) = split;
			$answers++;
			$gap = $took if $took > $gap;
		}
	}
}
diag sprintf 'Citus: %d calls while a Space was moved twice; the longest took %.0f ms', $answers, $gap / 1000;

is(sql(q{SELECT count(*) FROM public.answer a LEFT JOIN (SELECT id, status FROM larch.invitation) i ON i.id = a.invitation_id
	WHERE i.status IS DISTINCT FROM 'accepted'}), 0, 'no answer is lost');
is(sql(q{SELECT count(*) FROM public.answer}), sql(q{SELECT count(*) FROM larch.invitation WHERE status = 'accepted'}), 'nor added');
cmp_ok(sql(q{SELECT count(*) FROM public.answer}), '>', 0, 'there were some');
is(sql(q{SELECT count(*) FROM larch.gig_state WHERE accepted > capacity}), 0, 'nothing is oversold');
is(sql(q{SELECT count(*) FROM (SELECT FROM larch.event e WHERE e.invitation_id IS NOT NULL
	GROUP BY e.invitation_id, e.revision HAVING count(*) > 1) t}), 0, 'no event twice');
is(sql(q{SELECT count(*) FROM larch.invitation i LEFT JOIN larch.event e
	ON e.invitation_id = i.id AND e.revision = i.revision WHERE e.id IS NULL}), 0, 'none missing');
is(sql(q{SELECT count(*) - count(DISTINCT event_id) FROM larch.notification}), 0, 'each is told once');
is(sql(q{SELECT count(*) FROM larch.event e LEFT JOIN larch.notification n ON n.event_id = e.id WHERE n.id IS NULL}), 0, 'all are');
is(sql(q{SELECT count(*) FROM public.told t LEFT JOIN (SELECT id, outcome FROM larch.notification) n ON n.id = t.notification_id
	WHERE n.outcome IS DISTINCT FROM 'delivered'}), 0, 'what was handed out was confirmed');
is(sql('SELECT * FROM larch.check_consistency()'), '', 'nothing disagrees');

# Asleep on one node, a gig wakes on another.
sql(q{INSERT INTO larch.gig (id, title, url, start_at, end_at, total_seats, filter_query, invitation_frequency)
	VALUES (999, 'T', 'u', now() + '3 days', now() + '4 days', 2, '{"a": 77}', '1 second')});
wait_for('a gig sleeps', q{SELECT asleep IS NOT DISTINCT FROM 'exhausted' FROM larch.gig_status WHERE gig_id = 999});
my ($target) = grep { $_ != $coordinator } others('larch');
quietly(sprintf q{SELECT citus_schema_move('larch', '%s', %d, 'block_writes')}, $target->host, $target->port);
sql(q{INSERT INTO larch.worker (profile) VALUES ('{"a": 77}')});
wait_for('and wakes on another node for who is added there', q{SELECT count(*) = 1 FROM larch.invitation WHERE gig_id = 999});
is(sql('SELECT * FROM larch.check_consistency()'), '', 'nothing disagrees after a move that blocks writes');

# --------------------------------------------------------------------- drop --

# What a move has left on the other node.
quietly('CALL citus_cleanup_orphaned_resources()');
for my $space (qw(oak larch))
{
	quietly("SELECT cirro.drop_space('$space')");
	for my $node (@nodes)
	{
		is($node->safe_psql('postgres', "SELECT count(*) FROM pg_namespace WHERE nspname = '$space'"), 0,
			"drop_space leaves no schema \"$space\" on node " . $node->name);
	}
}
is(sql(q{SELECT count(*) FROM pg_dist_partition p LEFT JOIN pg_class c ON c.oid = p.logicalrelid WHERE c.oid IS NULL}), 0,
	'nor rows in the catalogues of Citus');

$_->stop('immediate') for reverse @nodes;
done_testing();
