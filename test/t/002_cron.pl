# pg_cron: schedule_waves() makes one job that fills a gig at the next full
# minute; scheduling again replaces it. A job of the superuser's works in a Space as
# its owner, whose triggers cannot tell otherwise. From another database the error's hint
# is the statement to run where pg_cron lives, and it works.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Whoever runs this: the superuser is asked for by name.
$ENV{PGUSER} = 'postgres';
my $node = PostgreSQL::Test::Cluster->new('cron');
my $libdir = $node->config_data('--pkglibdir');
plan skip_all => "pg_cron is not installed in $libdir" if !-e "$libdir/pg_cron.so";

$node->init(extra => [ '-U', 'postgres' ]);
# Background workers, so that no job needs a way to log in.
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'pg_cron'
cron.database_name = 'postgres'
cron.use_background_workers = on
max_worker_processes = 20
fsync = off
});
$node->start;

sub sql { my ($query, $db) = @_; return $node->safe_psql($db // 'postgres', $query) }
my $jobs = q{SELECT jobname, schedule, command, database FROM cron.job ORDER BY jobname};

# Without the extension: the hint says what is missing.
sql('CREATE EXTENSION cirro');
my ($code, $out, $err) = $node->psql('postgres', 'SELECT cirro.schedule_waves()', extra_params => [ '-v', 'VERBOSITY=verbose' ]);
like($err, qr/UG031.*HINT:  Run: CREATE EXTENSION pg_cron;/s, 'the extension pg_cron is missing');
sql('CREATE EXTENSION pg_cron');

# A job of all Spaces before there is any: a superuser may run those to come,
# others none.
sql('CREATE ROLE mallory LOGIN; GRANT CREATE ON DATABASE postgres TO mallory; GRANT USAGE ON SCHEMA cron TO mallory');
sql('SELECT cirro.schedule_waves()');
is(sql($jobs), q{cirro waves: postgres|* * * * *|CALL cirro.run_waves(during => '58 seconds')|postgres}, 'a superuser schedules before the first Space');
is(sql('SELECT cirro.unschedule_waves()'), 't', 'unscheduled');
my @mallory = (extra_params => [ '-U', 'mallory', '-v', 'VERBOSITY=verbose' ]);
($code, $out, $err) = $node->psql('postgres', 'SELECT cirro.schedule_waves()', @mallory);
like($err, qr/42501.*may run no Space.*HINT:  Make one/s, 'a role without a Space cannot');
($code, $out, $err) = $node->psql('postgres', 'CALL cirro.run_waves()', @mallory);
is($code, 0, 'its waves are no error');
like($err, qr/WARNING:  42501: role "mallory" may run no Space of this database/, 'but a warning');

# In another database: the hint is a statement.
sql('CREATE DATABASE elsewhere');
sql(q{CREATE EXTENSION cirro; SELECT cirro.create_space('it''s "odd"');}, 'elsewhere');
sql(q{INSERT INTO "it's ""odd""".worker (profile) SELECT '{}' FROM generate_series(1, 5);
	INSERT INTO "it's ""odd""".gig (title, url, start_at, end_at, total_seats, filter_query)
	VALUES ('g', 'u', now() + '1 h', now() + '2 h', 1, '{}')}, 'elsewhere');
my %hints;
for my $call (q{schedule_waves('it''s "odd"')}, q{schedule_waves()}, q{unschedule_waves()})
{
	($code, $out, $err) = $node->psql('elsewhere', "SELECT cirro.$call", extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	like($err, qr/UG031/, "$call: pg_cron lives in another database");
	($hints{$call}) = $err =~ /HINT:  Run there: (.*;)$/m;
}
sql($hints{q{schedule_waves('it''s "odd"')}});
sql($hints{q{schedule_waves()}});
sql($hints{q{schedule_waves()}});
is(sql($jobs), join("\n",
	q{cirro waves: elsewhere|* * * * *|CALL cirro.run_waves(during => '58 seconds')|elsewhere},
	q{cirro waves: elsewhere, it's "odd"|* * * * *|CALL cirro.run_waves('it''s "odd"')|elsewhere}),
	'the statements of the hints make the jobs');
sql($hints{q{unschedule_waves()}});
is(sql('SELECT count(*) FROM cron.job'), '1', 'and remove them');

# At home.
sql(q{SELECT cirro.create_space('trees')});
sql(q{INSERT INTO trees.worker (profile) SELECT '{}' FROM generate_series(1, 20);
	INSERT INTO trees.gig (title, url, start_at, end_at, total_seats, filter_query)
	VALUES ('g', 'u', now() + '1 h', now() + '2 h', 1, '{}')});
my $id = sql(q{SELECT cirro.schedule_waves('trees', '0 0 1 1 *')});
is(sql(q{SELECT cirro.schedule_waves('trees')}), $id, 'scheduled twice, the job is replaced');
is(sql(q{SELECT cirro.schedule_waves() <> } . $id), 't', 'the job for all Spaces is another');
is(sql(q{SELECT schedule FROM cron.job WHERE jobid = } . $id), '* * * * *', 'every minute');
is(sql(q{SELECT command FROM cron.job WHERE jobname = 'cirro waves: postgres'}), q{CALL cirro.run_waves(during => '58 seconds')},
	'which goes on until the next');
sql(q{SELECT cirro.schedule_waves(during => '0')});
is(sql(q{SELECT command FROM cron.job WHERE jobname = 'cirro waves: postgres'}), q{CALL cirro.run_waves(during => '0 seconds')},
	'or not, if so said');
is(sql('SELECT cirro.unschedule_waves()'), 't', 'unscheduled');
is(sql('SELECT cirro.unschedule_waves()'), 'f', 'there is none any more');

($code, $out, $err) = $node->psql('postgres', 'SELECT cirro.schedule_waves()', @mallory);
like($err, qr/42501.*may run no Space.*HINT:  SET ROLE/s, 'nor where there are Spaces of others');

# A Space of somebody else's, whose triggers tell as whom they run.
$node->safe_psql('postgres', q{SELECT cirro.create_space('hers');
	CREATE TABLE hers.ran_as (who name, caller name, roles text);
	CREATE FUNCTION hers.tell() RETURNS trigger LANGUAGE plpgsql AS $$
	DECLARE
		role text := 'refused';
	BEGIN
		BEGIN
			SET ROLE postgres;
			role := current_user;
		EXCEPTION WHEN OTHERS THEN NULL;
		END;
		INSERT INTO hers.ran_as VALUES (current_user, session_user, role);
		RETURN NULL;
	END $$;
	CREATE TRIGGER z AFTER INSERT ON hers.invitation FOR EACH STATEMENT EXECUTE FUNCTION hers.tell();
	INSERT INTO hers.worker DEFAULT VALUES;
	INSERT INTO hers.gig (title, url, start_at, end_at, total_seats, filter_query)
	VALUES ('g', 'u', now() + '1 h', now() + '2 h', 1, '{}')}, extra_params => [ '-U', 'mallory' ]);
ok($node->safe_psql('postgres', 'SELECT cirro.schedule_waves(); SELECT cirro.unschedule_waves()', @mallory),
	'its owner may have a job of all that it may run');
sql(q{SELECT cirro.schedule_waves('hers')});

# What only cron.job_run_details would tell.
sql(q{CREATE ROLE depot; SELECT cirro.create_space('depot', 'depot'); GRANT USAGE ON SCHEMA cron TO depot});
my $of_depot = q{SET ROLE depot; SELECT cirro.schedule_waves('depot', '0 0 1 1 *')};
($code, $out, $err) = $node->psql('postgres', $of_depot, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
like($err, qr/WARNING:  28000: role "depot" may not log in.*HINT:  Remove.* as a role with LOGIN that may become "depot"\./s,
	'a role that cannot log in is told so');
sql('ALTER ROLE depot LOGIN');
($code, $out, $err) = $node->psql('postgres', $of_depot);
is($err, '', 'one that can is not, when background workers run the jobs');
sql(q{DROP SCHEMA depot CASCADE; DELETE FROM cron.job WHERE username = 'depot'});

# One of whose gigs asks for seconds, for which one of its Space's own job goes on.
sql(q{SELECT cirro.create_space('quick');
	INSERT INTO quick.worker (profile) SELECT '{}' FROM generate_series(1, 200);
	INSERT INTO quick.gig (title, url, start_at, end_at, total_seats, invitation_multiplier, invitation_frequency, filter_query)
	VALUES ('g', 'u', now() + '1 h', now() + '2 h', 1, 1, '3 seconds', '{}');
	SELECT cirro.schedule_waves('quick', during => '58 seconds')});

# The tick.
ok($node->poll_query_until('postgres', 'SELECT count(*) = 10 FROM trees.invitation'), 'a tick runs the wave')
	or diag sql('SELECT * FROM cron.job_run_details');
ok($node->poll_query_until('elsewhere', q{SELECT count(*) = 5 FROM "it's ""odd""".invitation}), 'in the other database, too');
ok($node->poll_query_until('postgres', q{SELECT count(*) >= 3 FROM cron.job_run_details WHERE status = 'succeeded'}),
	'the jobs succeed') or diag sql('SELECT * FROM cron.job_run_details');
is(sql('SELECT DISTINCT who, caller, roles FROM hers.ran_as'), 'mallory|postgres|refused', 'as its owner, whoever has scheduled it');
is(sql(q{SELECT cirro.unschedule_waves('trees')}), 't', 'unscheduled');

# A minute passes over: the next call goes on where the last one ends. The seconds
# between them, in which nobody looks, are no gap.
my $began = sql(q{SELECT min(run_at) FROM quick.wave});
ok($node->poll_query_until('postgres', "SELECT max(run_at) > '$began'::timestamptz + interval '69 seconds' FROM quick.wave"),
	'waves go on in the next minute') or diag sql('SELECT * FROM cron.job_run_details');
my $gaps = sql(q{SELECT string_agg(round(extract(epoch FROM w.gap)::numeric, 1)::text, ' ')
	FROM (SELECT run_at - lag(run_at) OVER (ORDER BY run_at) AS gap FROM quick.wave) w});
note("gaps: $gaps");
is(scalar(grep { $_ > 6.5 } split ' ', $gaps), 0, 'without a gap');
is(sql(q{SELECT max(number) = count(*) AND count(*) = count(DISTINCT number) AND sum(invited) = (SELECT count(*) FROM quick.invitation)
	AND abs(extract(epoch FROM max(run_at) - min(run_at)) / 3 - (count(*) - 1)) < 2 FROM quick.wave}), 't', 'nor a doubled wave');
is(sql(q{SELECT count(*) >= 2 FROM cron.job_run_details WHERE command LIKE '%quick%' AND status IN ('succeeded', 'running')}), 't',
	'by two calls');
sql(q{SELECT cron.unschedule(jobid) FROM cron.job});

# Without background workers pg_cron has to log in. A job keeps the host that it
# was made with.
sub host_told
{
	my ($call) = @_;
	my (undef, undef, $said) = $node->psql('postgres', $call);
	like($said, qr/HINT:.*"connection failed".*cron\.use_background_workers = on/, 'and what happens if it is not let in');
	return $said =~ /NOTICE:  pg_cron will connect to host "(.*)" as role "postgres"/ ? $1 : $said;
}
$node->append_conf('postgresql.conf', "cron.use_background_workers = off\n");
$node->restart;
is(host_told(q{SELECT cirro.schedule_waves('trees', '0 0 1 1 *')}), 'localhost', 'told where pg_cron will connect');
is(sql(q{SET client_min_messages = warning; SELECT cirro.schedule_waves('trees', '0 0 1 1 *') > 0}), 't',
	'it is scheduled as well where nobody wants to be told');
$node->append_conf('postgresql.conf', "cron.host = '/nowhere'\n");
$node->restart;
is(host_told(q{SELECT cirro.schedule_waves('trees', '0 0 1 1 *')}), 'localhost', 'a job that is replaced keeps its host');
is(host_told(q{SELECT cirro.unschedule_waves('trees'); SELECT cirro.schedule_waves('trees', '0 0 1 1 *')}), '/nowhere',
	'a new one has that of the setting');
sql(q{SELECT cron.unschedule(jobid) FROM cron.job});

$node->stop;
done_testing();
