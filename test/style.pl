#!/usr/bin/perl
# test/style.pl: do the C sources look as pgindent would leave them?
#
# Decides by the text alone, line by line, so that it says the same everywhere:
# pgindent is in no package, pg-bsd-indent not in every Debian and older than
# what PostgreSQL uses, and clang-format knows no column for declared names and
# differs from version to version. It knows less than they do; what it says is
# wrong is. Before it looks at the sources it proves that it finds every kind of
# fault. Must not change a file.
use strict;
use warnings;

my $tab = 4;
my $longest = 100;		# columns; a line with a string may be longer

# The column after this text.
sub width
{
	my ($text) = @_;
	my $column = 0;
	$column = $_ eq "\t" ? $column + $tab - $column % $tab : $column + 1 for split //, $text;
	return $column;
}

# A source with comments, strings and characters blanked out, each "x" long.
sub blanked
{
	my ($text) = @_;
	$text =~ s{("(?:\\.|[^"\\\n])*")|('(?:\\.|[^'\\\n])+')|(/\*.*?\*/)}
		{ defined $1 ? '"' . 'x' x (length($1) - 2) . '"' : defined $2 ? 'x' x length($2) : $3 =~ s/[^\n\t]/ /gr }gse;
	return $text;
}

# check(name, text): what is wrong, a line each.
sub check
{
	my ($file, $text) = @_;
	my @wrong;
	my $say = sub { push @wrong, "$file:$_[0]: $_[1]" };
	my @lines = split /\n/, $text;
	my @code = split /\n/, blanked($text);
	my @open;				# columns where the text in open parentheses begins; -1: anywhere
	my $directive = 0;		# in a preprocessor line, or one that continues it

	$say->(1, 'the file opens with its name and what it decides')
		if $text !~ m{\A/\*-{73}\n \* \Q$file\E\n \*\n \* \w};
	$say->(scalar @lines, 'the file ends in one newline') if $text !~ /[^\n]\n\z/;
	for my $i (0 .. $#lines)
	{
		my ($line, $code, $n) = ($lines[$i], $code[$i] // '', $i + 1);
		my $before = $i > 0 ? $code[ $i - 1 ] // '' : '';

		$say->($n, 'blanks at its end') if $line =~ /\s$/;
		$say->($n, 'indented by blanks') if $line =~ /^\t* {4}/ || $line =~ /^\t* +\t/;
		$say->($n, "longer than $longest columns") if width($line) > $longest && $code !~ /"/;
		$say->($n, 'a second blank line') if $i > 0 && $line eq '' && $lines[ $i - 1 ] eq '';
		$say->($n, 'a // comment') if $code =~ m{//};

		my $continues = $directive && $before =~ /\\$/;
		$directive = $continues || $code =~ /^\s*#/;
		if ($directive)
		{
			@open = ();
			next;
		}

		$say->($n, 'a brace that does not begin the line')
			if $code =~ /^\s*(?:\}\s*)?(?:if|else|for|while|do|switch|foreach\w*|PG_\w+)\b.*\{\s*$/ ||
			$code =~ /^(?:typedef\s+)?(?:static\s+)?(?:struct|union|enum)\b[^=]*\{\s*$/ || $code =~ /^\w.*\)\s*\{\s*$/;
		$say->($n, 'a brace before else') if $code =~ /\}\s*else\b/;
		$say->($n, "no blank after \"$1\"") if $code =~ /\b(if|for|while|switch|return)\(/;
		$say->($n, 'a blank inside parentheses') if $code =~ /\( +\S/ || $code =~ /[^\s;] +\)/;
		$say->($n, 'no blank after a comma') if $code =~ /,[^\s".]/;
		$say->($n, 'a star belongs to the name') if $code =~ /\w\*+[ )]/ || $code =~ /^\s+(?:const |static |struct )*[A-Z]\w* \*+ \w+ ?[;=,]/;
		$say->($n, 'no blank after a cast') if $code =~ /\((?:const |struct |unsigned )*\w+ \*+\)[\w&("]/;

		# A function begins with its name, below its type.
		$say->($n, 'the name of a function begins its line')
			if $code =~ /^(?!typedef\b|extern\b|.*__attribute__)\w[\w\s*]*?[\s*]\w+\((?!.*[;=])/ &&
			do { my $j = $i; $j++ while $j < $#code && $code[$j] !~ /[;{}]/; ($code[$j] // '') =~ /^\{/ };

		# A declared name stands twelve columns behind the indentation, if its type is that short.
		if (!@open && $code =~ /^(\t*)((?:(?:const|static|volatile|unsigned|struct|enum|extern) )*[a-z_A-Z]\w*)([ \t]+)(\**)(\w+)(?:\[[^\]]*\])*(?: = .*|;|,$)/ &&
			$2 !~ /^(?:return|goto|else|typedef|case|break|continue)$/ && $2 !~ /^(?:extern )?typedef/)
		{
			my ($indent, $type, $gap, $stars) = ($1, $2, $3, $4);
			my $begin = width("$indent$type");
			my $column = width($indent) + 12 - length $stars;
			my $right = '';

			$column = $begin + 1 if $column <= $begin;
			if ($column == $begin + 1) { $right = ' ' }
			else
			{
				my $at = $begin;
				while ($at - $at % $tab + $tab <= $column) { $right .= "\t"; $at += $tab - $at % $tab }
				$right .= ' ' x ($column - $at);
				# One blank is no tab, where more of them follow.
				$right =~ s/^\t(?= )/ / if $begin % $tab == $tab - 1;
			}
			$say->($n, 'a declared name in another column') if $gap ne $right;
		}

		# What continues in parentheses stands below their first word.
		my ($indent) = $code =~ /^(\s*)/;
		$say->($n, 'not in line with the parenthesis above')
			if @open && $open[-1] >= 0 && $code =~ /\S/ && width($indent) != $open[-1];
		while ($code =~ /([(){}])/g)
		{
			if ($1 eq '(' || $1 eq '{')
			{
				my $inside = substr $code, 0, pos $code;
				push @open, $1 eq '(' && substr($code, pos $code) =~ /\S/ ? width($inside) : -1
					if $1 eq '(' || @open;
			}
			else
			{
				pop @open;
			}
		}
	}
	return @wrong;
}

# A sound source, then the same with one fault each.
my $sound = <<'END';
/*-------------------------------------------------------------------------
 * x
 *
 * A comment; if(this) is code, it is none.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#define TWICE(a) do { \
		(a)(1); (a)(2); \
	} while (0)

typedef struct Row
{
	char	   *name;			/* "quoted" // text */
	const char *const *names;
	int			count;
} Row;

static const int numbers[] = {
	1, 2
};

static bool first(const Row *row, int n);

/* Its contract. */
static char *
name_of(const Row *row,
		int n)
{
	char	   *text = (char *) row->name;
	MemoryContext context = NULL;

	for (; n > 0; n--)
		first(row, n * (n - 1));
	if (n < 0 &&
		row != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("a message that is long, as messages may be, because nobody could find it in the sources if it were broken", n)));
	else
	{
		do
		{
			n++;
		} while (n < 10);
	}
	return *text == '(' ? NULL : text;
}
END
my @faults = (
	[ " * x\n", " * y\n", 'the file opens with its name and what it decides' ],
	[ "\tint\t\t\tcount;", "\tint\t\t\tcount; ", 'blanks at its end' ],
	[ "\t\tfirst(row", "        first(row", 'indented by blanks' ],
	[ "\tint\t\t\tcount;", "\tint\t\t\tcount;\t\t\t/* " . 'x' x 90 . ' */', 'longer than 100 columns' ],
	[ "/* Its contract. */\n", "\n/* Its contract. */\n", 'a second blank line' ],
	[ "/* Its contract. */", "// Its contract.", 'a // comment' ],
	[ "\telse\n\t{\n", "\telse {\n", 'a brace that does not begin the line' ],
	[ "\t}\n\treturn", "\t} else\n\t\tn = 0;\n\treturn", 'a brace before else' ],
	[ "typedef struct Row\n{", "typedef struct Row {", 'a brace that does not begin the line' ],
	[ "\tif (n < 0 &&", "\tif(n < 0 &&", 'no blank after "if"', 'not in line with the parenthesis above' ],
	[ "first(row, n *", "first( row, n *", 'a blank inside parentheses' ],
	[ "(row, n *", "(row,n *", 'no blank after a comma' ],
	[ "first(const Row *row", "first(const Row* row", 'a star belongs to the name' ],
	[ "(char *) row", "(char *)row", 'no blank after a cast' ],
	[ "static char *\nname_of(const Row *row,\n\t\tint n)", "static char *name_of(const Row *row,\n\t\t\t\t\t int n)", 'the name of a function begins its line' ],
	[ "\tint\t\t\tcount;", "\tint count;", 'a declared name in another column' ],
	[ "\tchar\t   *name;", "\tchar\t\t*name;", 'a declared name in another column' ],
	[ "\t\trow != NULL", "\t\t\trow != NULL", 'not in line with the parenthesis above' ],
	[ "\t\t\t\t errmsg", "\t\t\t\terrmsg", 'not in line with the parenthesis above' ],
	[ "text;\n}\n", "text;\n}\n\n", 'the file ends in one newline' ],
);
my $failed = 0;

sub expect
{
	my ($text, @expected) = @_;
	my $said = join '; ', map { s/^x:\d+: //r } check('x', $text);
	my $expected = join '; ', @expected;

	return if $said eq $expected;
	print "test/style.pl itself fails: it should say \"$expected\", and says \"$said\"\n";
	$failed = 1;
}

expect($sound);
for my $fault (@faults)
{
	my ($right, $wrong, @expected) = @$fault;
	my $at = index $sound, $right;
	my $text = $sound;

	die "no \"$right\" in the sound source\n" if $at < 0;
	substr($text, $at, length $right) = $wrong;
	expect($text, @expected);
}

# The sources as they are.
my @files = @ARGV ? @ARGV : glob 'src/*.[ch] src/*/*.[ch] test/fuzz/*.[ch]';
die "no sources\n" if !@files;
my @wrong;
for my $file (@files)
{
	local $/;
	open my $handle, '<', $file or die "$file: $!\n";
	push @wrong, check($file, scalar <$handle>);
}
print map { "$_\n" } @wrong;
exit($failed || @wrong ? 1 : 0);
