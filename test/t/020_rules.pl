# A Space with all the rules of docs/rules.md at once, with seconds in the place of
# days: a cap, rest after a refusal and after silence, pauses and holidays, quiet hours,
# no two gigs at once, nobody twice under a label, tiers, and who was asked least
# recently first. Eight clients answer, change profiles and make gigs, and two ticks a
# second compete. No invitation of a wave or of an attempt breaks a rule, nothing ends in
# a deadlock, and explain_invitation says what is in the way of a worker.
#
# SOAK_SECONDS=600 SOAK_SEED=42 make soak
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Whether a worker had not answered when the rule was asked is known to some
# milliseconds only: what is told of silence has to be read by somebody.
plan skip_all => 'for make soak alone' unless $ENV{SOAK_SECONDS};
my $seconds = $ENV{SOAK_SECONDS};
my $seed = $ENV{SOAK_SEED} // int(rand(1_000_000_000));
sub report { return $ENV{SOAK_SECONDS} ? diag(@_) : note(@_) }
report "SOAK_SEED=$seed";

my $node = PostgreSQL::Test::Cluster->new('rules');
$node->init;
$node->append_conf('postgresql.conf', q{
deadlock_timeout = '100ms'
track_commit_timestamp = on
fsync = off
jit = off
timezone = UTC
log_statement = none
log_min_messages = error
log_min_error_statement = error
});
$node->start;
sub sql { return $node->safe_psql('postgres', $_[0]) }

# --------------------------------------------------- the rules of the manual --

my $manual = slurp_file("$FindBin::RealBin/../../docs/rules.md");
my %rule;
$rule{$1} //= $& while $manual =~ /^CREATE FUNCTION trees\.(\w+)\(.*?^(?:END )?\$\$;\n/msg;
my ($trigger) = $manual =~ /^(CREATE TRIGGER check_free .*?;\n)/ms;
my @rules = qw(two_a_week rested there awake free_then new_to_label);
is(join(' ', grep { !defined $rule{$_} } @rules, 'check_free'), '', 'the manual has these rules');
# Days are too long here: a week is 5 s, the others 3 s.
is($rule{two_a_week} =~ s/interval '7 days'/interval '5 s'/g, 1, 'a cap of a week');
is($rule{rested} =~ s/interval '3 days'/interval '3 s'/g, 2, 'and rests');

my $house = '$2';
$house = "trees.$_(\$1, $house)" for @rules;
sql('CREATE EXTENSION cirro; SELECT cirro.create_space($$trees$$)');
sql(slurp_file("$FindBin::RealBin/lib/rules.sql"));
sql(join "\n", map({ $rule{$_} } @rules, 'check_free'), $trigger,
	"CREATE FUNCTION trees.house_rules(gig_id bigint, worker_ids bigint[]) RETURNS bigint[] LANGUAGE sql STABLE AS \$\$ SELECT $house \$\$;");

# ------------------------------------------------------------- the clients --

my $dir = PostgreSQL::Test::Utils::tempdir();
append_to_file("$dir/act.sql", <<'SQL');
\set a random(0, 1000000000)
\set b random(0, 1000000000)
\set c random(0, 1000000000)
SELECT soak.act(:a, :b, :c);
\sleep 10 ms
SQL
append_to_file("$dir/tick.sql", <<'SQL');
\set way random(1, 3)
SELECT set_config('cirro.wave_search', (ARRAY['auto', 'single', 'batch'])[:way], false);
CALL cirro.run_waves();
\sleep 1 s
SQL

local $ENV{PGOPTIONS} = '-c client_min_messages=warning';
my @common = ('pgbench', '-n', '-T', $seconds, '--failures-detailed');
my ($out, $err, $tick_out, $tick_err) = ('', '', '', '');
my $tick = IPC::Run::start([ @common, '-c', 2, "--random-seed=" . ($seed + 1), '-f', "$dir/tick.sql", $node->connstr('postgres') ],
	'>', \$tick_out, '2>', \$tick_err);
my $ran = IPC::Run::run([ @common, '-c', 8, '-j', 2, "--random-seed=$seed", '-f', "$dir/act.sql", $node->connstr('postgres') ],
	'>', \$out, '2>', \$err);
my $ticked = $tick->finish;

ok($ran, "eight clients go on to the end (SOAK_SEED=$seed)") or diag $err;
ok($ticked, 'and so do two ticks') or diag $tick_err;
is("$err$tick_err" =~ s/^pgbench: setting random seed to \d+\n//mgr, '', 'no warnings');
is(join(' ', map { $_ =~ /^number of (?:serialization|deadlock) failures: (\d+)/mg } $out, $tick_out), '0 0 0 0', 'no deadlock');

# ------------------------------------- what is in the way of a hundred pairs --

# While caps and rests last. In one statement, so that the time is the same.
my $pairs = sql(q{
	SELECT count(*), count(*) FILTER (WHERE 'eligible' = ANY (r.gates)), count(DISTINCT r.rules),
		string_agg(format('worker %s, gig %s: %s, not %s', p.worker, p.gig, x.gates, r.gates), '; ') FILTER (WHERE x.gates <> r.gates),
		string_agg(format('worker %s, gig %s: %s, not %s', p.worker, p.gig, y.rules, r.rules), '; ') FILTER (WHERE y.rules <> r.rules),
		(SELECT string_agg(DISTINCT u, ', ' ORDER BY u) FROM unnest(string_to_array(string_agg(nullif(array_to_string(r.rules, ','), ''), ','), ',')) u)
	FROM (SELECT w.worker_id AS worker, g.gig_id AS gig FROM (SELECT * FROM soak.gig ORDER BY gig_id DESC LIMIT 60) g, soak.worker w ORDER BY random() LIMIT 100) p
	CROSS JOIN LATERAL (SELECT * FROM soak.refusing(p.worker, p.gig)) r
	CROSS JOIN LATERAL (SELECT array(SELECT e.gate FROM trees.explain_invitation(p.worker, p.gig) e
		WHERE NOT e.passed AND e.gate <> 'condition' ORDER BY 1) AS gates) x
	CROSS JOIN LATERAL (SELECT array(SELECT u.name FROM (VALUES
		('awake', trees.awake(p.gig, ARRAY[p.worker])), ('free_then', trees.free_then(p.gig, ARRAY[p.worker])),
		('new_to_label', trees.new_to_label(p.gig, ARRAY[p.worker])), ('rested', trees.rested(p.gig, ARRAY[p.worker])),
		('there', trees.there(p.gig, ARRAY[p.worker])), ('two_a_week', trees.two_a_week(p.gig, ARRAY[p.worker]))) u (name, is_let)
		WHERE u.is_let IS NULL ORDER BY 1) AS rules) y});
my ($asked, $refused, $sets, $other_gates, $other_rules, $met) = split /\|/, $pairs;
is($asked, 100, 'a hundred pairs');
is($other_gates, '', 'explain_invitation names the gates that are in the way');
is($other_rules, '', 'and each rule, asked alone, those that are its own');
cmp_ok($refused, '>', 20, 'many are refused by a rule');
cmp_ok($sets, '>', 5, 'by different rules');
report "rules that refuse: $met";

# ----------------------------------------------------- what has come of it --

is(sql('SELECT * FROM soak.unexpected()'), '', 'no unexpected error');
is(sql("SELECT DISTINCT error FROM trees.wave WHERE outcome = 'failed'"), '', 'no wave failed');
cmp_ok(sql('SELECT soak.look_back()'), '>', 5 * $seconds, 'waves invited');
is(sql('SELECT * FROM soak.broken() LIMIT 20'), '', "no invitation breaks a rule (SOAK_SEED=$seed)");
is(sql(q{SELECT i.worker_id, i.gig_id, o.gig_id FROM trees.invitation i JOIN trees.invitation o ON o.worker_id = i.worker_id AND o.gig_id > i.gig_id
	JOIN trees.gig g ON g.id = i.gig_id JOIN trees.gig h ON h.id = o.gig_id
	WHERE 'accepted' = ALL (ARRAY[i.status, o.status]) AND g.cancelled_at IS NULL AND h.cancelled_at IS NULL
	AND g.start_at < h.end_at AND h.start_at < g.end_at LIMIT 20}), '', 'nobody works in two places at once');
is(sql('SELECT * FROM trees.check_consistency() LIMIT 20'), '', 'gig_state is right');
report sql(q{SELECT string_agg(format('%s by %s', n, by), ', ') FROM (SELECT by, count(*) AS n FROM soak.happened WHERE status = 'pending' GROUP BY 1) c})
  . ' invited, ' . sql(q{SELECT count(*) FROM trees.event WHERE previous = 'waiting' AND status = 'accepted'}) . ' seats given to who waited';
report sql("SELECT string_agg(format('%s %s %s', op, sqlstate, n), ', ' ORDER BY op, n DESC) FROM (SELECT op, sqlstate, count(*) AS n FROM soak.log GROUP BY 1, 2) c");

# ------------------------------------------- who was asked least recently --

# Of those who may be invited, when all is quiet and has been for some seconds.
sql(q{UPDATE trees.worker w SET profile = jsonb_set(w.profile, '{last_invited}', to_jsonb(i.day))
	FROM (SELECT i.worker_id, to_char(max(i.invited_at), 'YYYY-MM-DD"T"HH24:MI:SS') AS day FROM trees.invitation i GROUP BY 1) i
	WHERE w.id = i.worker_id});
my $gig = sql(q{SELECT pg_sleep(5); SELECT soak.new_gig(1, 13, 'wave', NULL, NULL)}) =~ s/^\s+//r;
sql(qq{UPDATE trees.gig SET sort_query = '{"last_invited": 1}', invitation_multiplier = 5 WHERE id = $gig;
	CREATE TABLE soak.free AS SELECT w.id, w.profile ->> 'last_invited' AS last FROM trees.worker w
	CROSS JOIN LATERAL soak.refusing(w.id, $gig) r WHERE r.gates = '{}'});
my ($wanted, $invited) = split /\|/, sql("SELECT wanted, invited FROM trees.run_wave($gig)");
is($invited, $wanted, 'a wave for everybody finds enough of them');
is(sql(qq{SELECT count(*), count(f.id) FROM trees.invitation i LEFT JOIN soak.free f ON f.id = i.worker_id WHERE i.gig_id = $gig}),
	"$invited|$invited", 'all of whom may be invited');
cmp_ok(sql('SELECT count(*) FROM soak.free'), '>', $wanted, 'who are not all that may');
is(sql(qq{SELECT f.* FROM soak.free f WHERE NOT EXISTS (SELECT FROM trees.invitation i WHERE i.gig_id = $gig AND i.worker_id = f.id)
	AND f.last < (SELECT max(x.last) FROM soak.free x JOIN trees.invitation i ON i.gig_id = $gig AND i.worker_id = x.id) LIMIT 20}), '',
	'and nobody is left out who was invited before them');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'nothing in the log');

$node->stop;
done_testing();
