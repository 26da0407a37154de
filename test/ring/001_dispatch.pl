# A front and its back ends: a day in a Space's life through the front says and does the
# same as at a back end, to the SQLSTATE; what the front has of a Space is what the back
# end has of it, and follows by one call; rights are the back end's, names may have
# anything in them, and where a Space lives is asked anew by each call. All Spaces can be
# seen in one view, also when a back end is away, and each has its waves by pg_cron.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Ring;
use Test::More;

my $front = ring_front();
my $cron = -e $front->config_data('--pkglibdir') . '/pg_cron.so';
my %node = (a => ring_back_end($front, 'a', $cron ? "shared_preload_libraries = 'pg_cron'\ncron.database_name = 'a'\ncron.use_background_workers = on" : ''));

# The other lets nobody in without a password, but its superuser; passwords are in a file.
my $passwords = PostgreSQL::Test::Utils::tempdir() . '/passwords';
append_to_file($passwords, "*:*:*:site:opens site\n*:*:*:gardener:opens gardener\n");
chmod 0600, $passwords;
$node{b} = ring_back_end($front, 'b', '', "passfile=$passwords connect_timeout=10");

sub front { return $front->safe_psql('front', $_[0], timeout => 120) }
sub at { my ($name, $query) = @_; return $node{$name}->safe_psql($name, $query) }
# The message alone, with its SQLSTATE.
sub refusal
{
	my ($node, $database, $query, $user) = @_;
	my ($code, $out, $err) = $node->psql($database, $query,
		extra_params => [ '-U', $user // 'postgres', '-v', 'VERBOSITY=verbose', '-v', 'SHOW_CONTEXT=never' ]);
	$err =~ s/^psql:<stdin>:\d+: |^LOCATION:.*\n?//mg;
	return $code ? $err : "no error: $out";
}

for my $node ($front, @node{qw(a b)})
{
	$node->safe_psql($node->name, q{CREATE ROLE gardener LOGIN PASSWORD 'opens gardener'; CREATE ROLE site LOGIN PASSWORD 'opens site'; CREATE ROLE stranger LOGIN});
}
# Whom b knows by other habits.
$node{b}->safe_psql('b', q{CREATE ROLE only_there LOGIN; ALTER ROLE site SET datestyle = 'SQL, DMY'; ALTER ROLE site SET intervalstyle = 'iso_8601'});
unlink $node{b}->data_dir . '/pg_hba.conf';
$node{b}->append_conf('pg_hba.conf', "local all site,gardener scram-sha-256\nlocal all all trust");
$node{b}->reload;

# One job for each back end; what it has done is looked at in the end.
SKIP:
{
	skip 'pg_cron is not installed', 1 if !$cron;
	at('a', 'CREATE EXTENSION pg_cron');
	# A scheduler that began beside that may never hear of a job.
	$node{a}->restart;
	at('a', q{SELECT cirro.create_space('meadow'); INSERT INTO meadow.worker DEFAULT VALUES;
		INSERT INTO meadow.gig (title, url, start_at, end_at, total_seats, filter_query)
		VALUES ('g', 'u', now() + '1 day', now() + '2 days', 1, '{}')});
	like(at('a', 'SELECT cirro.schedule_waves()'), qr/^\d+$/, 'a back end has its job');
}

# --------------------------------------------------------------- a day --

# "trees" at b, asked through the front; and another of that name in a database that is
# in no ring.
$node{a}->safe_psql('postgres', 'CREATE DATABASE twin');
$node{a}->safe_psql('twin', 'CREATE EXTENSION cirro');
my @sides = ([ $front, 'front', 'true', $node{b}, 'b' ], [ $node{a}, 'twin', 'false', $node{a}, 'twin' ]);
for (@sides)
{
	my ($node, $database) = @$_[3, 4];
	$node->safe_psql($database, q{SELECT cirro.create_space('trees', 'gardener');
		UPDATE trees.setting SET uid = '00000000-0000-4000-8000-000000000000', default_frequency = '1 minute';
		UPDATE trees.consumer SET created_at = '2030-05-01';
		GRANT USAGE ON SCHEMA trees TO site;
		GRANT SELECT ON trees.worker, trees.gig TO site;
		GRANT SELECT, UPDATE (status, reason) ON trees.invitation TO site;
		CREATE TABLE trees.own (m text, n int); ALTER TABLE trees.own OWNER TO gardener;
		CREATE FUNCTION trees.say() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF NEW.gig_id = 3 AND NEW.status = 'accepted' THEN
				RAISE NOTICE 'worker % accepts', NEW.worker_id USING DETAIL = 'gig 3', HINT = 'none';
				RAISE WARNING SQLSTATE '01U01' USING MESSAGE = 'so it is';
				IF NEW.worker_id = 100 THEN RETURN NULL; END IF;
			END IF;
			RETURN NEW;
		END $$;
		CREATE TRIGGER say BEFORE UPDATE ON trees.invitation FOR EACH ROW EXECUTE FUNCTION trees.say()});
}
front(q{INSERT INTO ring.space VALUES ('trees', 'b')});
my ($code, $out) = dispatch($front);
is($code, 0, 'dispatch runs') or diag $out;
like($out, qr/^CREATE FUNCTION trees\.accept\(invitation_id bigint\) RETURNS trees\.invitation LANGUAGE plproxy/m, 'and says what it has made');
is_deeply([ dispatch($front) ], [ 0, '' ], 'the second time it has nothing to do');
is_deeply([ dispatch($front, '--check') ], [ 0, '' ], 'and nothing to tell');

# The day's file as sessions, each a list of what is run before it, and its script: the
# statements of this side, each after the number of its line.
sub sessions
{
	my ($is_front) = @_;
	my (@sessions, $branch);
	my $n = 0;

	for (split /^/m, slurp_file("$FindBin::RealBin/lib/day.sql"))
	{
		$n++;
		if (/^-- (at .*|tick|pause|unpause)$/) { push @sessions, [ $1, '' ] }
		elsif (!@sessions || /^--/) { }
		elsif (/^\\if :front$/) { $branch = 'true'; $sessions[-1][1] .= "\\echo -- $n\n" }
		elsif (/^\\else$/) { $branch = 'false' }
		elsif (/^\\endif$/) { undef $branch }
		elsif (defined $branch) { $sessions[-1][1] .= $_ if $branch eq $is_front }
		else { $sessions[-1][1] .= "\\echo -- $n\n$_" }
	}
	return @sessions;
}

# One session, all that it says. What PL/Proxy adds to it is taken away; it passes on
# neither the place of an error nor its names of objects.
sub live
{
	my ($node, $database, $script) = @_;
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => $database, PGTZ => 'UTC');
	my $out = '';
	IPC::Run::run [ 'psql', '-X', '-q', '-v', 'VERBOSITY=verbose', '-v', 'SHOW_CONTEXT=never', '-f', '-' ], '<', \$script, '>&', \$out;
	$out =~ s/^psql:<stdin>:\d+: //mg;
	$out =~ s/^(?:NOTICE:  00000: PL\/Proxy: dropping stale conn|(?:LOCATION|SCHEMA NAME|TABLE NAME|COLUMN NAME|CONSTRAINT NAME|DATATYPE NAME|QUERY|LINE \d+): .*| +\^)\n//mg;
	$out =~ s/^(ERROR|NOTICE|WARNING)(:  \w{5}: )trees\.\w+\(\d+\): \[b\] REMOTE \1: /$1$2/mg;
	$out =~ s/^(DETAIL|HINT)(:  )Remote (?:detail|hint): /$1$2/mg;
	$out =~ s/permission denied for foreign table/permission denied for table/g;
	return $out;
}

# Every row of every table and view of "trees", but for what no two Spaces have in common:
# transactions, and times of the wall clock.
sub rows
{
	my ($node, $database) = @_;
	my $queries = $node->safe_psql($database, q{
		SELECT format('SELECT %L; SELECT t FROM (SELECT %s FROM trees.%I) t ORDER BY t::text COLLATE "C";', c.relname || ':',
			string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), c.relname)
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace = 'trees'::regnamespace AND c.relkind IN ('r', 'v', 'f') AND c.relname NOT IN ('look', 'notification_floor')
		AND (c.relname, a.attname) NOT IN (('worker', 'changed_in'), ('notification', 'due_at'), ('notification', 'delivered_at'), ('wave', 'took'),
			('gig_state', 'searched'), ('gig_state', 'searched_on'), ('gig_state', 'released'), ('gig_state', 'slept_in'))
		GROUP BY c.relname ORDER BY c.relname});
	return $node->safe_psql($database, $queries);
}

sub same_text
{
	my ($got, $expected, $what) = @_;
	return pass($what) if $got eq $expected;
	my ($dir) = PostgreSQL::Test::Utils::tempdir();
	append_to_file("$dir/front", $got);
	append_to_file("$dir/direct", $expected);
	fail($what);
	diag join '', (split /^/m, `diff -u $dir/direct $dir/front`)[0 .. 60];
	return;
}

my @front_day = sessions('true');
my @direct_day = sessions('false');
my ($clock, $said) = ('', '');
for my $n (0 .. $#front_day)
{
	my $before = $front_day[$n][0];
	$clock = $1 if $before =~ /^at (.*)/;
	for (@sides)
	{
		my ($node, $database) = @$_[3, 4];
		$node->safe_psql($database, "ALTER DATABASE $database SET cirro.clock = '$clock'") if $before =~ /^at/;
		$node->safe_psql($database, q{CALL cirro.run_waves('trees')}) if $before eq 'tick';
		$node->safe_psql($database, "UPDATE trees.setting SET paused = @{[$before eq 'pause' ? 'true' : 'NULL']}") if $before =~ /pause/;
	}
	my $expected = live($node{a}, 'twin', $direct_day[$n][1]);
	same_text(live($front, 'front', $front_day[$n][1]), $expected, "the same is said, from \"$before\" at $clock on");
	$said .= $expected;
	if ($n == $#front_day || $front_day[$n + 1][0] =~ /^at/)
	{
		my $rows = rows($node{a}, 'twin');
		same_text(rows($node{b}, 'b'), $rows, "the same rows at the back end after $clock");
		same_text(rows($front, 'front'), $rows, 'and read at the front');
	}
}
# That the day is one.
ok($said =~ /^ERROR:  $_: /m, "$_ was met")
	for qw(UG002 UG003 UG004 UG005 UG010 UG011 UG012 UG013 UG014 UG020 UG021 UG022 UG030 22P02 22004 22007 22023 23502 23505 23514 42501 42703 42883);
ok($said =~ /^NOTICE:  00000: worker 7 accepts\nDETAIL:  gig 3\nHINT:  none\nWARNING:  01U01: so it is\n/m, 'NOTICE and WARNING came through');
for my $outcome (qw(invited accepted filled waiting not_found not_open no_match vetoed blocked scheduled already_invited already_accepted no_longer_pending))
{
	ok($said =~ /\b$outcome\b/, "so was $outcome");
}
$node{b}->safe_psql('b', 'ALTER DATABASE b RESET cirro.clock');

# ----------------------------------------------- catalogue and dispatchers --

# By the test's own words: name, arguments with defaults, result, comment.
sub functions
{
	my ($node, $database, $only) = @_;
	return $node->safe_psql($database, qq{SET search_path = '';
		SELECT p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), p.proisstrict, p.proretset,
			coalesce((SELECT string_agg(a.grantee::regrole::text, ',' ORDER BY 1) FROM pg_catalog.aclexplode(p.proacl) a WHERE a.privilege_type = 'EXECUTE' AND a.grantee <> 0
				AND a.grantee::regrole::text NOT IN ('postgres', 'gardener', 'only_there')), ''),
			has_function_privilege('stranger', p.oid, 'EXECUTE'), obj_description(p.oid, 'pg_proc')
		FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
		WHERE p.pronamespace = 'trees'::pg_catalog.regnamespace AND p.prorettype <> 'trigger'::pg_catalog.regtype AND ($only) ORDER BY 1, 2});
}
sub columns
{
	my ($node, $database) = @_;
	return $node->safe_psql($database, q{SET search_path = '';
		SELECT c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), pg_catalog.col_description(c.oid, a.attnum), pg_catalog.obj_description(c.oid, 'pg_class')
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace = 'trees'::pg_catalog.regnamespace AND c.relkind IN ('r', 'v', 'f') ORDER BY c.relname, a.attnum});
}
my $mine = q{proname !~ '^(put|delete)_(worker|gig)s$'};
sub is_taken
{
	my ($what) = @_;
	same_text(functions($front, 'front', $mine), functions($node{b}, 'b', 'true'), "$what: each function of the Space, as it is there");
	same_text(columns($front, 'front'), columns($node{b}, 'b'), "$what: each column");
	return;
}
is_taken('a new Space');
is(front(q{SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc WHERE pronamespace = 'trees'::regnamespace AND NOT (} . $mine . ')'),
	'delete_gigs delete_workers put_gigs put_workers', 'and four to write');

# Two sessions that are there while it changes, one of each kind of result.
my $session = $front->background_psql('front', on_error_stop => 0);
$session->set_query_timer_restart();
$session->query_safe('SET client_min_messages = error');
$session->query_safe('SELECT count(*) FROM trees.put_workers($${"ref": "ada"}$$); SELECT (trees.erase_worker(4)).id; SELECT count(*) FROM trees.gig_status');

# What a later cirro may bring, and what the owner may do.
at('b', q{SET ROLE gardener;
	ALTER TABLE trees.worker ADD COLUMN "rows" text DEFAULT 'x', ADD COLUMN "$1 "" '" int;
	ALTER TABLE trees.invitation ADD COLUMN score numeric(5, 2);
	COMMENT ON COLUMN trees.invitation.score IS 'it''s "new"';
	ALTER TABLE trees.own ALTER COLUMN n TYPE bigint, DROP COLUMN m;
	CREATE TABLE trees.badge (id int PRIMARY KEY, worker_id bigint);
	CREATE FUNCTION trees.accept(invitation_id bigint, score numeric, note text DEFAULT 'it''s {CONST "so"} {FUNCEXPR}') RETURNS trees.invitation LANGUAGE sql
		AS $$ UPDATE trees.invitation i SET score = $2 WHERE i.id = $1 RETURNING i.* $$;
	CREATE FUNCTION trees."odd ""one"(OUT a int, OUT "b "" c" text, "ring.route" text DEFAULT NULL) LANGUAGE sql AS $$ SELECT 1, $1 $$;
	CREATE FUNCTION trees.strict_set(worker_id bigint[]) RETURNS SETOF bigint STRICT STABLE LANGUAGE sql AS $$ SELECT unnest($1) $$;
	CREATE FUNCTION trees.nothing() RETURNS void LANGUAGE sql AS '';
	CREATE FUNCTION trees.who() RETURNS text LANGUAGE sql AS 'SELECT current_user::text';
	CREATE FUNCTION trees.when_is(at timestamptz DEFAULT now() + '1 h', b int DEFAULT 1) RETURNS timestamptz LANGUAGE sql AS 'SELECT $1';
	CREATE FUNCTION trees.any_number(VARIADIC n int[]) RETURNS int LANGUAGE sql AS 'SELECT $1[1]';
	CREATE PROCEDURE trees.proceed() LANGUAGE sql AS '';
	CREATE OR REPLACE FUNCTION trees.gig_id(ref text) RETURNS bigint STRICT LANGUAGE sql AS $$ SELECT g.id FROM trees.gig g WHERE g.ref = $1 $$;
	DROP FUNCTION trees.rebuild_state();
	REVOKE EXECUTE ON FUNCTION trees.cancel(bigint) FROM PUBLIC;
	GRANT EXECUTE ON FUNCTION trees.cancel(bigint) TO site, only_there;
	REVOKE SELECT ON trees.gig_key FROM PUBLIC;
	GRANT SELECT (id, kind) ON trees.event TO site});
($code, $out) = dispatch($front, '--check', 'trees');
is($code, 1, '--check sees it');
like($out, qr/^ALTER FOREIGN TABLE trees\.invitation ADD COLUMN score numeric\(5,2\)$/m, 'and says what is to be done');
is(front(q{SELECT count(*) FROM pg_proc WHERE pronamespace = 'trees'::regnamespace AND proname = 'who'}), '0', 'but does nothing');
($code, $out) = dispatch($front);
is($code, 0, 'dispatch takes it') or diag $out;
like($out, qr/WARNING:  function any_number\(VARIADIC n integer\[\]\) of Space "trees" is left out/, 'all but what PL/Proxy cannot do');
like($out, qr/WARNING:  function proceed\(\) of Space "trees" is left out/, 'nor a SELECT');
# The one difference: a default that has to be computed is the back end's affair.
same_text(functions($front, 'front', $mine), functions($node{b}, 'b', q{p.prokind = 'f' AND p.provariadic = 0}) =~
	s/^when_is\|\Kat [^|]*/at timestamp with time zone, b integer/mr, 'each function again');
same_text(columns($front, 'front'), columns($node{b}, 'b'), 'and each column');
is_deeply([ dispatch($front, '--check') ], [ 0, '' ], 'there is nothing left to do');

is($session->query_safe(q{SELECT ref, "rows", "$1 "" '" FROM trees.put_workers('{"ref": "ada", "rows": "y", "$1 \" ''": 5}')}), 'ada|y|5', 'the session goes on: a row with columns of odd names');
is($session->query_safe('SELECT score FROM trees.accept(1, 1.5)'), '1.50', 'a function of the owner, with a new column');
is($session->query_safe('SELECT (trees.erase_worker(4)).active'), 'f', 'and one of a row type that has changed');
is($session->query_safe(q{SELECT * FROM trees."odd ""one"('it''s')}), q{1|it's}, 'OUT arguments of odd names');
is($session->query_safe(q{SELECT * FROM trees.strict_set(ARRAY[3, NULL, 1]), trees.nothing()}), "3|\n|\n1|", 'a set with a NULL, and void');
is($session->query_safe(q{SELECT count(*) FROM trees.strict_set(NULL)}), '0', 'STRICT');
like(refusal($front, 'front', 'SELECT trees.when_is()'), qr/42883.*when_is\(\) does not exist/, 'a default that is computed is not known');
is(front(q{SELECT trees.when_is('2030-01-01', 1) = '2030-01-01'}), 't', 'given, it works');
is(front('SELECT count(*) FROM trees.badge'), '0', 'a table of the owner');

# ------------------------------------------------------------ roles, rights --

sub as_site { return $front->safe_psql('front', $_[0], extra_params => [ '-U', 'site' ]) }
is(as_site('SELECT trees.who()'), 'site', 'a role is the same at the back end, by the password in the file');
is(front('SET ROLE site; SELECT trees.who()'), 'site', 'also after SET ROLE');
is(as_site('SELECT count(id) > 0 FROM trees.event'), 't', 'reads a column that is granted');
like(refusal($front, 'front', 'SELECT payload FROM trees.event', 'site'), qr/42501/, 'and no other');
like(refusal($front, 'front', 'SELECT * FROM trees.gig_key', 'site'), qr/42501/, 'nor what is PUBLIC no more');
like(refusal($front, 'front', 'SELECT trees.cancel(1)', 'gardener'), qr/^no error/, 'the owner may call what is his');
like(refusal($front, 'front', 'SELECT trees.cancel(1)', 'site'), qr/42501: .*REMOTE ERROR: permission denied for table gig/, 'the back end decides');
like(refusal($front, 'front', $_, 'site'), qr/^ERROR:  42501: /, "site may not: $_")
	for 'SELECT * FROM ring.back_end', 'SELECT * FROM ring.space', 'SELECT * FROM ring.spaces', q{SELECT ring.set_place('trees', 'a')},
		q{SELECT ring.dispatch('trees')}, q{SELECT * FROM ring.statements('trees')}, q{SELECT * FROM ring.described('trees')},
		q{ALTER SERVER trees OPTIONS (SET host 'elsewhere')}, q{ALTER USER MAPPING FOR site SERVER trees OPTIONS (SET user 'postgres')},
		q{CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE plproxy AS $$ CONNECT 'dbname=front user=postgres'; $$},
		q{CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw};
like(as_site(q{SELECT ring.route('trees')}), qr/^host='\S+' port=\d+ dbname=b passfile=\S+ connect_timeout=10 options='/,
	'where a Space is may be asked: there is no secret in it');
for my $connect (q{host=x user=postgres}, q{host=x password='y'}, 'postgres://x', q{host='x}, '')
{
	like(refusal($front, 'front', "INSERT INTO ring.back_end VALUES ('c', \$c\$$connect\$c\$)"), qr/23514/, "no back end: $connect");
}
# A row policy that asks for whom the site works: by a function of the Space's own.
at('b', q{SET ROLE gardener; } . slurp_file("$FindBin::RealBin/lib/as_worker.sql") . q{
	ALTER TABLE trees.invitation ENABLE ROW LEVEL SECURITY;
	CREATE POLICY own ON trees.invitation TO site USING (worker_id = (SELECT w.id FROM trees.worker w WHERE w.ref = current_setting('app.worker', true)))});
dispatch($front);
is(as_site('SELECT count(*) FROM trees.worker_invitation'), '0', 'without a worker the site sees nothing');
is(as_site(q{SET app.worker = 'ada'; SELECT count(*) FROM trees.worker_invitation}), '0', 'for settings stay at the front');
is(as_site(q{SELECT status FROM trees.accept_as('ada', 1)}), 'accepted', 'an argument goes through');
like(refusal($front, 'front', q{SELECT trees.accept_as('bob', 1)}, 'site'), qr/^ERROR:  UG003/, "somebody else's does not exist");
is(front(q{SELECT count(*) > 1 FROM trees.invitations_of('ada')}), 't', 'and a list is one call');
# Nobody's objects come before the ring's.
front(q{CREATE SCHEMA mallory AUTHORIZATION site});
as_site(q{CREATE FUNCTION mallory.route(name) RETURNS text LANGUAGE sql AS $$ SELECT 'host=mallory' $$;
	CREATE FUNCTION mallory.hashtextextended(text, bigint) RETURNS bigint LANGUAGE sql AS $$ SELECT 1/0::bigint $$;
	CREATE FUNCTION mallory.pg_advisory_xact_lock_shared(bigint) RETURNS void LANGUAGE sql AS $$ SELECT 1/0 $$;
	CREATE FUNCTION mallory.eq(name, name) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
	CREATE OPERATOR mallory.= (FUNCTION = mallory.eq, LEFTARG = name, RIGHTARG = name)});
is(front(q{SET search_path = mallory, pg_catalog; SELECT trees.who()}), 'postgres', "a path of somebody else's changes nothing");

# ---------------------------------------------------------- hostile names --

my $odd = qq{it's "odd"\\\$\$; DROP TABLE ring.space; --\n\$1 -->};
my ($literal, $name) = ($odd, $odd);
$literal =~ s/'/''/g;
$name =~ s/"/""/g;
at('a', qq{SELECT cirro.create_space('$literal', ref_type => 'bigint')});
front("INSERT INTO ring.space VALUES ('$literal', 'a')");
($code, $out) = dispatch($front);
is($code, 0, 'a Space of an odd name') or diag $out;
like($out, qr/^-- \Qit's "odd"\E.*-->$/m, 'which ends no comment');
is_deeply([ dispatch($front, '--check') ], [ 0, '' ], 'is taken whole');
front(qq{SELECT * FROM "$name".put_workers('[{"ref": 7}, {}]')});
for my $strings (qw(on off))
{
	is(front(qq{SET standard_conforming_strings = $strings; SET backslash_quote = on; SELECT "$name".worker_id(7)}), '1', "and is asked, standard_conforming_strings $strings");
}
is(front(qq{SELECT count(*) FROM "$name".worker}), '2', 'and read');
like(refusal($front, 'front', qq{INSERT INTO "$name".worker DEFAULT VALUES}), qr/55000: foreign table "worker" does not allow inserts/, 'but not written past the calls');
for my $taken ('ring', 'cirro', 'pg_catalog', 'information_schema', 'back end a')
{
	like(refusal($front, 'front', "INSERT INTO ring.space VALUES ('$taken', 'a')"), qr/23514/, "$taken cannot be a Space of a ring");
}
front(qq{CREATE TABLE "$name".of_ours (); DELETE FROM ring.space WHERE space = '$literal'});
is(front(qq{SELECT string_agg(c.relname, ',') FROM pg_class c WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = '$literal')}), 'of_ours',
	'forgotten, nothing of it stays but what is not of the ring');

# One that looks like an option.
at('a', q{SELECT cirro.create_space('--check')});
front(q{INSERT INTO ring.space VALUES ('--check', 'a')});
is((dispatch($front))[0], 0, 'a Space named as an option');
is(front(q{SELECT count(*) FROM "--check".worker; DELETE FROM ring.space WHERE space = '--check'}), '0', 'is no option');

# --------------------------------------------------------------- the place --

# A copy at each back end, told apart by its worker.
for my $n (qw(a b))
{
	at($n, qq{SELECT cirro.create_space('copse'); INSERT INTO copse.worker (ref) VALUES ('$n'); GRANT USAGE ON SCHEMA copse TO site; GRANT SELECT ON copse.worker TO site;
		CREATE FUNCTION copse.here() RETURNS text LANGUAGE sql AS 'SELECT ref FROM copse.worker'});
}
front(q{SELECT ring.set_place('copse', 'a')});
dispatch($front, 'copse');
my $both = q{SELECT copse.here(), (SELECT ref FROM copse.worker)};
is($session->query_safe($both), 'a|a', 'a Space at a');
$session->query_safe('SET ROLE site');
is($session->query_safe($both), 'a|a', 'as somebody else');
front(q{BEGIN; SELECT ring.set_place('copse', 'b'); ROLLBACK});
is($session->query_safe($both), 'a|a', 'what is rolled back is not seen');
# As a move does it: calls wait, those that waited go to the new place.
my $mover = $front->background_psql('front');
$mover->query_safe(q{BEGIN; SELECT pg_advisory_xact_lock(ring.lock_of('copse'))});
my $went = '';
my $waiting = IPC::Run::start([ 'psql', '-X', '-q', '-At', '-d', $front->connstr('front'), '-c', 'SELECT copse.here()' ], '>&', \$went);
ok($front->poll_query_until('front', q{SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)}), 'a call waits while the Space moves');
is($session->query_safe('SELECT trees.who()'), 'site', 'those of other Spaces do not');
$mover->query_safe(q{SELECT ring.set_place('copse', 'b'); COMMIT});
$waiting->finish;
is($went, "b\n", 'then it goes where the Space is now');
is($session->query_safe($both), 'b|b', 'so do all, and reports');
front(q{UPDATE ring.back_end SET connect = connect || ' application_name=ring' WHERE name = 'b'});
is($session->query_safe($both), 'b|b', 'another connection string is taken as well');
is(front(q{SELECT srvoptions::text FROM pg_foreign_server WHERE srvname = 'copse'}) =~ /application_name=ring/, 1, 'by foreign servers, too');
like(refusal($front, 'front', q{SELECT ring.set_place('copse', 'nowhere')}), qr/23503/, 'there has to be a back end');
like(refusal($front, 'front', q{DELETE FROM ring.back_end WHERE name = 'b'}), qr/23503/, 'which stays while a Space is there');
$mover->quit;

# A call is a transaction of its own.
front(q{SELECT trees.put_workers('{"ref": "rolled back"}')});
front(q{BEGIN; SELECT * FROM trees.put_workers('{"ref": "back"}'); ROLLBACK});
is(front(q{SELECT count(*) FROM trees.worker WHERE ref = 'back'}), '1', 'ROLLBACK at the front does not take back what a call has done');
# One that is given up here is given up there.
my $holder = $node{b}->background_psql('b');
$holder->query_safe(q{BEGIN; SELECT FROM trees.worker WHERE ref = 'ada' FOR UPDATE});
like(refusal($front, 'front', q{SET statement_timeout = '500ms'; SELECT * FROM trees.put_workers('{"ref": "ada", "active": false}')}), qr/57014/, 'a call is cancelled');
ok($node{b}->poll_query_until('b', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE query LIKE '%ring.put%' AND state = 'active' AND pid <> pg_backend_pid()}),
	'and so is what it was waiting for at the back end');
$holder->quit;
is(front(q{SELECT active FROM trees.worker WHERE ref = 'ada'}), 't', 'which has not happened');

# --------------------------------------------------------------- all Spaces --

is(front(q{SELECT space, back_end, paused, pending, defect FROM ring.spaces WHERE space IN ('trees', 'copse') ORDER BY space, back_end}),
	"copse|a|f|0|the directory does not have it\ncopse|b|f|0|\ntrees|b|f|0|", 'the view of all Spaces');
my $gig = front(q{SELECT id FROM trees.put_gigs('{"title": "t", "url": "u", "start_at": "2099-01-01", "end_at": "2099-01-02", "total_seats": 1, "filter_query": {"hours": 40}}')});
is(front(q{SELECT ring.matching_gigs('trees', '{"hours": 40}'), ring.matching_gigs('trees', NULL)}), "{$gig}|", 'gigs that a profile matches');
like(front(q{SELECT ring.report('trees', 1)}), qr/^<!DOCTYPE html>.*Plant trees/s, 'a report');
like(refusal($front, 'front', q{SELECT ring.report('nowhere')}), qr/UG001: Space "nowhere" does not exist/, 'of one that there is not');
like(refusal($front, 'front', q{SELECT ring.report(NULL)}), qr/22004/, 'of none');
front(q{INSERT INTO ring.space VALUES ('lost', 'a')});
$node{b}->stop;
is(front(q{SELECT space, back_end, defect LIKE '%could not connect%' OR defect LIKE '%the database system%' OR defect LIKE '%server closed%' FROM ring.spaces WHERE space IN ('copse', 'trees') OR space IS NULL OR defect LIKE '%none%' ORDER BY space, back_end}),
	"copse|a|f\ncopse|b|t\ntrees|b|t\n|b|t", 'a back end that is down is told of, beside the others');
is(front(q{SELECT defect FROM ring.spaces WHERE space = 'lost'}), 'the back end has no Space of this name', 'and a Space that is not where it should be');
my $down = refusal($front, 'front', 'SELECT trees.who()');
like($down, qr/^ERROR:  XX000: PL\/Proxy function trees\.who\(0\): \[b\] PQconnect/, 'a call says that it could not be made') or diag $down;
$node{b}->start;
$session->query_safe('SELECT 1');
# At most once, and only within two seconds of the last call.
my @tries = map { scalar $session->query('SELECT trees.who()') } 1 .. 2;
is($tries[1], 'site', 'when it is back, sessions go on');
$session->quit;

SKIP:
{
	skip 'pg_cron is not installed', 1 if !$cron;
	ok($node{a}->poll_query_until('a', 'SELECT count(*) = 1 FROM meadow.invitation'), "the back end's job has run a wave")
		or diag at('a', 'SELECT * FROM cron.job_run_details');
}

done_testing();
