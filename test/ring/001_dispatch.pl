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

my $cron = -e "@{[PostgreSQL::Test::Utils::run_command([ 'pg_config', '--pkglibdir' ])]}/pg_cron.so";
my $front = ring_front();
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
	$err =~ s/^LOCATION:.*\n//mg;
	return $code ? $err : "no error: $out";
}

for my $node ($front, @node{qw(a b)})
{
	$node->safe_psql($node->name, q{CREATE ROLE gardener LOGIN PASSWORD 'opens gardener'; CREATE ROLE site LOGIN PASSWORD 'opens site'; CREATE ROLE stranger LOGIN});
}
$node{b}->safe_psql('b', q{CREATE ROLE only_there LOGIN});
unlink $node{b}->data_dir . '/pg_hba.conf';
$node{b}->append_conf('pg_hba.conf', "local all site,gardener scram-sha-256\nlocal all all trust");
$node{b}->reload;

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

done_testing();
