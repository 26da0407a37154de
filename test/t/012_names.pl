# Columns of the application's own may have any name: each table of a Space gets
# a column for each word of the sources that a query could mean something else
# by (variables, parameters, aliases, computed names, columns of other tables),
# and the suite's main files must print what they print without. The words are
# read from the sources, so that those of tomorrow are among them; the files' own
# queries have to qualify their names just as cirro's. A column that
# takes the place of something else makes it ambiguous, or is of the wrong type:
# a point, which has no "=" and no "<", and NULL.
use strict;
use warnings;
use File::Compare;
use FindBin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $sources = "$FindBin::RealBin/../..";
my @files = qw(attempt cancel clock consistency error event gig_life invitation manual metrics notification
	plans preview report seats sleep time view waves);

# All words of the DDL of a Space; of the C sources those of strings that stand
# in one statement with SQL.
my %words;
my $ddl = slurp_file("$sources/install/space.sql");
$ddl =~ s/--.*//g;
$ddl =~ s/^COMMENT ON .*?';$//gms;
$words{$_} = 1 for $ddl =~ /[a-z_][a-z0-9_]*/g;
my $star = qr/(?:SELECT|RETURNING|,)\s+\*/;
my @whole = $ddl =~ /$star.*/g;
for (map { slurp_file($_) } glob "$sources/src/*.[ch] $sources/src/*/*.[ch]")
{
	s{/\*.*?\*/}{}gs;
	s{\b(?:ereport|elog)\(.*?\);}{}gs;
	for my $statement (split /;|^#/m)
	{
		my $text = join ' ', $statement =~ /"((?:[^"\\]|\\.)*)"/g;
		next unless $text =~ /\b(?:SELECT|UPDATE|INSERT|DELETE|WHERE|CASE|AND|OR)\b/;
		$words{$_} = 1 for $text =~ /[a-z_][a-z0-9_]*/g;
		push @whole, $text if $text =~ $star;
	}
}
ok($words{$_}, "$_ is one of the words") for qw(now uid c happened fn);
cmp_ok(scalar keys %words, '<', 1500, 'a table has room for all: ' . keys %words);
is_deeply(\@whole, [], 'rows are read whole by their alias alone');
my @tables = $ddl =~ /^CREATE TABLE (\w+)/gm;

# A constraint that refuses a row tells all of it.
sub without_rows { my ($text) = @_; $text =~ s/Failing row contains .*//g; return $text }

my $node = PostgreSQL::Test::Cluster->new('names');
$node->init;
$node->append_conf('postgresql.conf', 'log_statement = none');
$node->start;

$node->safe_psql('postgres', "CREATE DATABASE names TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'");
$node->safe_psql('names', q{
	CREATE TABLE public.word (word name);
	GRANT SELECT ON public.word TO PUBLIC;
	INSERT INTO public.word SELECT unnest(string_to_array('} . join(' ', sort keys %words) . q{', ' '))::name;
	-- Once the last view of a Space is made.
	CREATE FUNCTION public.add_columns() RETURNS event_trigger LANGUAGE plpgsql
	SET search_path = pg_catalog AS $$
	DECLARE
		command text;
	BEGIN
		FOR command IN
			SELECT format('ALTER TABLE %s %s', t.oid::regclass, string_agg(format('ADD COLUMN %I point', w.word), ', '))
			FROM pg_class t CROSS JOIN public.word w
			WHERE t.relname = ANY (string_to_array('} . join(' ', @tables) . q{', ' '))
			AND t.relnamespace IN (SELECT v.relnamespace FROM pg_event_trigger_ddl_commands() d
				JOIN pg_class v ON v.oid = d.objid AND v.relname = 'gig_status')
			AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname = w.word)
			GROUP BY t.oid
		LOOP
			EXECUTE command;
		END LOOP;
	END $$;
	CREATE EVENT TRIGGER add_columns ON ddl_command_end WHEN TAG IN ('CREATE VIEW')
		EXECUTE FUNCTION public.add_columns()});

# Functions and views are made again, after the columns.
$node->safe_psql('names', q{
	CREATE EXTENSION cirro;
	SELECT cirro.create_space('again');
	-- What JSON would not bring back as it is, and a domain that wants a value.
	CREATE DOMAIN must AS text NOT NULL DEFAULT 'x';
	ALTER TABLE again.wave ADD own_domain must, ADD own_filter cirro.filter_query DEFAULT '{"a": 1}',
		ADD own_json json DEFAULT '[ 1 ]', ADD own_double int GENERATED ALWAYS AS (2 * wanted) STORED;
	INSERT INTO again.gig (title, url, start_at, end_at, total_seats, filter_query)
	VALUES ('a', 'u', 'tomorrow', 'infinity', 1, '{}');
	DROP VIEW again.worker_invitation, again.worker_gig, again.gig_status;
	CALL cirro.upgrade_spaces('again')});
is($node->safe_psql('names', q{SELECT count(*) FROM again.gig_status, again.worker_gig, again.worker_invitation, again.check_consistency()}),
	'0', 'a Space is upgraded');
is($node->safe_psql('names', q{SELECT own_domain, own_filter, own_json, own_double FROM again.run_wave(1)}),
	'x|{"a": 1}|[ 1 ]|20', 'run_wave returns own columns as they are');

for my $file (@files)
{
	# As pg_regress calls it.
	local %ENV = (%ENV, PGTZ => 'PST8PDT', PGDATESTYLE => 'Postgres, MDY');
	IPC::Run::run [ 'psql', '-X', '-a', '-q', '-d', $node->connstr('names') ],
		'<', "$sources/sql/$file.sql", '>&', \my $printed;
	my @results = map { "$PostgreSQL::Test::Utils::tmp_check/$file.$_" } qw(expected printed);
	append_to_file($results[0], without_rows(slurp_file("$sources/expected/$file.out")));
	append_to_file($results[1], without_rows($printed));
	ok(!compare(@results), "sql/$file.sql") or diag `diff -U3 @results`;
}
$node->stop;
done_testing();
