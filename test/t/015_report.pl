# report() in databases of every kind of encoding, with what each of them holds that
# is no character elsewhere: the page is ASCII, says the same, and is no error.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('report');
$node->init;
$node->start;

# Encoding of the database, bytes of a title, and how they are written.
my @titles = (
	[ 'UTF8', 'c3a9e282ac f09f8cb3', '&#233;&#8364;&#127795;' ],
	[ 'LATIN1', 'e9', '&#233;' ],
	[ 'LATIN1', '80', '&#65533;' ],
	[ 'LATIN9', 'a4', '&#8364;' ],
	[ 'WIN1252', '80', '&#8364;' ],
	# 0x81 stands for nothing there.
	[ 'WIN1252', '41 81 42', 'A&#65533;B' ],
	[ 'EUC_JP', 'a4a2', '&#12354;' ],
	# Within its rows, but no character of them.
	[ 'EUC_JP', '41 a9a1 42', qr/^A(?:&#65533;)+B$/ ],
	[ 'SQL_ASCII', 'c3a9', '&#233;' ],
	[ 'SQL_ASCII', '41 ff fe c3 42 eda080 43 f4908080 44', qr/^A(?:&#65533;)+B(?:&#65533;)+C(?:&#65533;)+D$/ ],
);

my %made;
for my $title (@titles)
{
	my ($encoding, $bytes, $expected) = @$title;
	my $db = lc $encoding;

	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0 ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C'"),
		$node->safe_psql($db, "CREATE EXTENSION cirro; SELECT cirro.create_space('trees')")
		if !$made{$db}++;
	$bytes =~ s/ //g;
	$node->safe_psql($db, "SET client_encoding = '$encoding';
		INSERT INTO trees.gig (title, url, start_at, end_at, total_seats, filter_query)
		VALUES (convert_from(decode('3c$bytes', 'hex'), '$encoding'), 'u', now() + '1 day', now() + '2 days', 1, '{}')");
	my $id = $node->safe_psql($db, 'SELECT max(id) FROM trees.gig');
	for my $client ('UTF8', $encoding)
	{
		my $page = $node->safe_psql($db, "SET client_encoding = '$client'; SELECT cirro.report('trees', $id)");
		my ($shown) = $page =~ m{<h1><bdi>&lt;(.*?)</bdi></h1>};

		if (ref $expected) { like($shown, $expected, "$encoding $bytes, read as $client"); }
		else { is($shown, $expected, "$encoding $bytes, read as $client"); }
		unlike($page, qr/[^\n\x20-\x7e]/, 'and all of it is ASCII');
	}
	like($node->safe_psql($db, "SELECT cirro.report('trees')"), qr{</html>$}, 'and the page of the Space is whole');
}
$node->stop;

done_testing();
