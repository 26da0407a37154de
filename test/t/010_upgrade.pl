# An extension that was updated is the same as one made anew, and so are its
# Spaces once upgrade_spaces has run: the catalogues are compared, and life goes
# on. From the version released last by install/next.sql (while there is none,
# from this one), and from an older one, made here by taking from this one what
# an older one might lack. Writes scripts into the folder that PostgreSQL has
# for them, and takes them away again: skipped where it may not.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Copies;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('fresh');
my $sources = "$FindBin::RealBin/../..";
my $folder = $node->config_data('--sharedir') . '/extension';
plan skip_all => "no right to write to $folder" unless -w $folder;
my @written;
END { unlink @written if @written }

sub script
{
	my ($name, $text) = @_;
	push @written, "$folder/cirro--$name.sql";
	open my $file, '>', $written[-1] or die "$written[-1]: $!";
	print $file $text;
	close $file or die;
	return;
}

# Takes something from a text, which must have it.
sub without
{
	my ($text, @patterns) = @_;
	for (@patterns) { $text =~ s/$_//sm or die "the script has no $_" }
	return $text;
}

my $this = slurp_file("$folder/cirro--1.0.sql");
my ($released) = sort glob "$sources/test/upgrade/cirro--*.sql";
# Without validate(), which check_consistency() asks.
my ($explain) = slurp_file("$sources/install/explain.sql") =~ /^(CREATE FUNCTION cirro\.lint\(.*)/ms;

# An older version: fewer functions and comments, another text of two
# functions; and in a Space fewer triggers, functions, rights and comments,
# another function, another view.
my $old = without($this, quotemeta $explain, q{^COMMENT ON FUNCTION cirro\.now\(\)[^\n]*\n},
	q{^CREATE TRIGGER cirro_truncate BEFORE TRUNCATE ON wave[^\n]*\n}, q{^CREATE TRIGGER cirro_check BEFORE INSERT OR UPDATE ON worker.*?;\n}, q{^ALTER TABLE worker ENABLE ALWAYS[^\n]*\n},
	q{^CREATE TRIGGER "Cirro_deleting" AFTER DELETE ON worker.*?;\n}, q{^CREATE OR REPLACE FUNCTION explain_invitation.*?^END \$\$;\n},
	q{^COMMENT ON FUNCTION explain_invitation[^\n]*\n}, q{^COMMENT ON FUNCTION leave[^\n]*\n},
	q{^CREATE OR REPLACE VIEW worker_invitation.*?times_invited > 0;\n}, q{^COMMENT ON VIEW worker_invitation[^\n]*\n}, q{^GRANT SELECT ON worker_invitation[^\n]*\n});
$old =~ s/(FUNCTION reject\(.*?)\n\tRETURN result;/$1\n\tRETURN NULL;/s or die;
$old =~ s{,\n\tcirro\.gig_phase\([^)]*\) AS phase\nFROM invitation i\nJOIN worker w}{\nFROM invitation i\nJOIN worker w} or die;
my ($comment) = $this =~ /^(COMMENT ON FUNCTION cirro\.now\(\)[^\n]*\n)/m;
my @ddl = $this =~ /^(CREATE FUNCTION cirro\.space_(?:tables|code)\(\).*?\$space_ddl\$;\n)/gms;
is(scalar(@ddl), 2, 'the DDL of Spaces is found');
s/^CREATE/CREATE OR REPLACE/ for @ddl;

script('old', $old);
script('old--1.0', join "\n", $explain, $comment, @ddl);
script('last', $released ? slurp_file($released) : $this);
script('last--next', slurp_file("$sources/install/next.sql"));
script('next', $this);
script('1.0--next', slurp_file("$sources/install/next.sql"));
script('1.0--greedy', 'CALL cirro.upgrade_spaces();');

# space_begin wants a server of its own.
my %node = (fresh => $node);
$node{$_} = PostgreSQL::Test::Cluster->new($_) for qw(old last);
for (sort keys %node)
{
	$node{$_}->init;
	$node{$_}->append_conf('postgresql.conf', "fsync = off");
	$node{$_}->start;
}

sub both { my ($from) = @_; return join "\n", map { catalogue($from, 'postgres', $_) } qw(cirro trees) }

space_begin($node{fresh}, '1.0');
my $fresh = both($node{fresh});
cmp_ok(scalar(split /\n/, $fresh), '>', 1000, 'there is much to compare');

for my $version ('old', 'last')
{
	my $from = $node{$version};
	my $sql = sub { $from->safe_psql('postgres', $_[0]) };

	space_begin($from, $version);
	isnt(both($from), $fresh, "$version: differs") if $version eq 'old';
	my $rows = space_rows($from);
	$sql->('ALTER EXTENSION cirro UPDATE TO "' . ($version eq 'old' ? '1.0' : 'next') . '"');
	same_text(catalogue($from, 'postgres', 'cirro'), catalogue($node{fresh}, 'postgres', 'cirro'), "$version: the extension is as if made anew");
	is($sql->('SELECT * FROM trees.check_consistency()'), '', "$version: the Space works before it is upgraded");
	is(space_rows($from), $rows, "$version: nothing of it has changed");
	$sql->('CALL cirro.upgrade_spaces()');
	same_text(both($from), $fresh, "$version: so is the Space then");
	is(space_rows($from), $rows, "$version: with every row as it was");
	$sql->('CALL cirro.upgrade_spaces()');
	same_text(both($from), $fresh, "$version: doing so again changes nothing");
	space_answers($from, 'postgres', what => $version);
	space_lives_on($from, 'postgres', $version);
}

# One made anew in the next version is the same, too.
$node{fresh}->safe_psql('postgres', 'CREATE DATABASE next');
$node{fresh}->safe_psql('next', 'CREATE EXTENSION cirro VERSION "next"');
same_text(catalogue($node{fresh}, 'next', 'cirro'), catalogue($node{last}, 'postgres', 'cirro'), 'next: updated and made anew are alike');

# Spaces are never made members of the extension.
my ($code, $out, $err) = $node{old}->psql('postgres', 'ALTER EXTENSION cirro UPDATE TO "greedy"');
is($code, 3, 'upgrade_spaces in a script is refused');
like($err, qr/Spaces cannot be upgraded inside an extension script/, 'and says so');

$_->stop for values %node;
done_testing();
