# Regular expressions of filters in databases of other encodings than UTF-8: the
# same answers as by ~, also where the end of one character and the start of the
# next are the bytes of a third.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('encoding');
$node->init(extra => [ '-E', 'UTF8', '--no-locale' ]);
$node->append_conf('postgresql.conf', "fsync = off\n");
$node->start;

# Twice the first letter has the second's bytes in its middle, where an encoding
# is not one of single bytes.
my %letters = (
	UTF8 => [ "\x{3042}", "\x{25B3}" ],
	EUC_JP => [ "\x{3042}", "\x{25B3}" ],
	EUC_KR => [ "\x{AC00}", "\x{201C}" ],
	LATIN1 => [ "\x{E9}", "\x{C3}" ],
	SQL_ASCII => [ "\x{E9}", "\x{C3}" ],
);

for my $encoding (sort keys %letters)
{
	my ($a, $b) = map { my $c = $_; utf8::encode($c); $c } @{ $letters{$encoding} };

	$node->safe_psql('postgres', qq{CREATE DATABASE "db_$encoding" ENCODING $encoding TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'});
	is($node->safe_psql("db_$encoding", qq{
		SET client_encoding = @{[ $encoding eq 'SQL_ASCII' ? 'SQL_ASCII' : 'UTF8' ]};
		CREATE EXTENSION cirro;
		WITH RECURSIVE string AS (
			SELECT '' AS s, 0 AS n UNION ALL
			SELECT s || c, n + 1 FROM string, unnest(ARRAY['$a', '$b', 'x', 'X']) AS c WHERE n < 4
		), asked AS (
			SELECT s ~ ('(?' || o || 'p)' || p) COLLATE "C" AS engine,
				jsonb_build_object('a', s) OPERATOR(cirro.@@)
					jsonb_build_object('a', jsonb_build_object('\$regex', p, '\$options', o))::text::cirro.filter_query AS filter
			FROM string, unnest(ARRAY['', 'i']) AS o, unnest(ARRAY['$b', '$a', '^$b', '$b\$', '$a$b', '($a|x)$b', '$b?x', 'x$b*x', '[$b]x', '($b){2}',
				'^[$a$b]\$', '$b+\$', '\\$b', 'x.$b', '$b\\y', '(?:$b|X)(?!x)']) AS p
		)
		SELECT bool_or(engine), bool_and(engine), bool_and(engine = filter) FROM asked}), 't|f|t', "$encoding: filters answer as ~ does");
}
is($node->safe_psql('db_EUC_JP', qq{
	SET client_encoding = UTF8;
	SELECT convert_to('\xe3\x81\x82\xe3\x81\x82', 'EUC_JP'), convert_to('\xe2\x96\xb3', 'EUC_JP')}), '\xa4a2a4a2|\xa2a4',
	'the bytes of one letter are in the middle of two others');

$node->stop;
done_testing();
