#!/usr/bin/perl
# test/layers.pl: who includes whom in src/.
#
# Decides from the text of the sources alone whether the rule of CONTRIBUTING.md
# holds, and says of each line that breaks it where it is and why. Before it
# looks at them it proves on a made-up tree that it finds every kind of fault.
# Must not compile anything, nor need more of Perl than its core.
use strict;
use warnings;

# What each room may include besides itself. The ground is every file directly
# in src/ but cirro.c, the roof, which may include all.
my %may = (
	ground => [],
	json => [qw(ground)],
	filter => [qw(ground json)],
	sort => [qw(ground json filter)],
	index => [qw(ground json filter)],
	explain => [qw(ground json filter sort index)],
	space => [qw(ground)],
	gig => [qw(ground json filter sort index space)],
	wave => [qw(ground json filter sort index explain space gig)],
	report => [qw(ground space)],
);

# The one file that may ask for PostgreSQL's version.
my $versions = 'compat.h';
my $roof = 'cirro.c';

# The room of a file, as its path below src/ says.
sub room
{
	my ($file) = @_;
	return $file eq $roof ? 'roof' : $file =~ m{^(.*)/} ? $1 : 'ground';
}

# A header and the source of the same name are one module; so are the sources
# tree_x.c beside tree.h and tree.c, unless they have headers of their own.
sub module
{
	my ($file) = @_;
	return $file =~ s/\.[ch]$//r;
}

# A source without its comments, lines where they were.
sub code
{
	my ($text) = @_;
	$text =~ s{("(?:\\.|[^"\\\n])*")|(/\*.*?\*/)}{ defined $1 ? $1 : $2 =~ s/[^\n]//gr }gse;
	return $text;
}

# check(path below src/ => text, ...): what is wrong, a line each.
sub check
{
	my (%text) = @_;
	my (@wrong, %uses, %includes, %defined, %declared);

	for my $file (sort keys %text)
	{
		my $room = room($file);
		my $code = code($text{$file});
		my @lines = split /\n/, $code;

		push @wrong, "$file: the folder \"$room\" is none of the rooms"
			if $room ne 'roof' && !$may{$room};
		for my $i (0 .. $#lines)
		{
			my $at = "$file:" . ($i + 1);

			push @wrong, "$at: only $versions asks for PostgreSQL's version"
				if $lines[$i] =~ /\bPG_(?:VERSION_NUM|MAJORVERSION)/ && $file ne $versions;

			# A function of this source that others can call: its type stands
			# on the line before.
			my ($name) = $lines[$i] =~ /^(\w+)\((?!.*;\s*$)/;
			my $type = $i > 0 ? $lines[$i - 1] : '';
			$defined{$name}{$file} = 1
				if defined $name && $type =~ /^\w[\w\s*]*$/ && $type !~ /\bstatic\b/;

			my ($header) = $lines[$i] =~ /^\s*#\s*include\s*["<]([^">]+)[">]/ or next;
			my $beside = ($file =~ m{^(.*/)} ? $1 : '') . $header;
			if (exists $text{$header})
			{
				my $below = room($header);

				push @{ $includes{$file} }, $header;
				push @wrong, "$at: $room must not include $header"
					if $room ne 'roof' && $below ne $room && !grep { $_ eq $below } @{ $may{$room} };
				push @wrong, "$at: $header is no header" if $header !~ /\.h$/;
				$uses{ module($file) }{ module($header) } = $at
					if $below eq $room && module($file) ne module($header);
			}
			elsif ($header =~ /\.\./ || exists $text{$beside})
			{
				push @wrong, "$at: write \"$header\" with its room";
			}
		}
		next if $file !~ /\.h$/;
		# What stands before the first parenthesis is the name, but for attributes.
		while ($code =~ /\bextern\b((?:[^;({]|\b(?:pg_attribute_\w+|__attribute__)\s*\(+[^)]*\)+)*?)\b(\w+)\s*\((?!\s*\*)/g)
		{
			$declared{$2} = $file;
		}
	}

	for my $name (sort keys %declared)
	{
		my $file = $declared{$name};
		my $module = module($file);
		my @others = grep { module($_) ne $module && !(exists $text{"$module.c"} &&
			m{^\Q$module\E_\w+\.c$} && !exists $text{ module($_) . '.h' }) } sort keys %{ $defined{$name} };

		push @wrong, "$file: declares $name() of $others[0]" if @others;
	}

	# PostgreSQL 15 finds a function only if it is shown as compat.h says.
	for my $file (grep { code($text{$_}) =~ /^PG_(?:FUNCTION_INFO_V1|MODULE_MAGIC)\b/m } sort keys %text)
	{
		my @next = ($file);
		my %seen;

		while (defined(my $from = shift @next))
		{
			push @next, grep { !$seen{$_}++ } @{ $includes{$from} // [] };
		}
		push @wrong, "$file: its functions need $versions, or PostgreSQL 15 does not see them" if !$seen{$versions};
	}

	# Two modules of a room that need one another, by way of others too.
	my %seen;
	for my $from (sort keys %uses)
	{
		my %reached;
		my @next = ([$from]);

		while (my $way = shift @next)
		{
			for my $to (sort keys %{ $uses{ $way->[-1] } })
			{
				if ($to eq $from)
				{
					my $members = join ' ', sort @$way;

					push @wrong, "$from: a circle of includes, " . join(' -> ', @$way, $to) if !$seen{$members}++;
				}
				elsif (!$reached{$to}++)
				{
					push @next, [ @$way, $to ];
				}
			}
		}
	}
	return @wrong;
}

# A sound tree, then the same with one fault each: a line at the head of a file.
my %sound = <<'END' =~ /^== (\S+)\n(.*?)(?=^== |\z)/gms;
== cirro.c
#include "postgres.h"
#include "cirro.h"
#include "wave/tide.h"
PG_MODULE_MAGIC;
== cirro.h
#include "compat.h"
/* PG_VERSION_NUM is not for here. */
== compat.h
#if PG_VERSION_NUM < 160000
#endif
== json/tree.h
#include "cirro.h"
extern int *json_tree(const char *text,
	int length) pg_attribute_printf(1, 2);
extern void json_tree_write(void);
== json/tree.c
#include "json/tree.h"
static int
helper(void)
{
}

int *
json_tree(const char *text,
	int length)
{
}
== json/tree_write.c
#include "json/tree.h"
void
json_tree_write(void)
{
}
== gig/state.h
extern pg_noreturn void gig_state(void);
extern int (*gig_hook) (void);
== gig/state.c
#include "gig/state.h"
#include "json/tree.h"
static int
helper(void)
{
}

void
gig_state(void)
{
}
== gig/check.h
extern void gig_check(void);
== gig/check.c
#include "gig/state.h"
#include "gig/check.h"
#include "utils/state.h"
#include "cirro.h"
PG_FUNCTION_INFO_V1(gig_state);

void
gig_check(void)
{
	gig_state();
}
== wave/tide.h
#include "gig/state.h"
END
my @faults = (
	[ 'upwards', 'json/tree.c', "#include \"gig/state.h\"\n", 'json/tree.c:1: json must not include gig/state.h' ],
	[ 'upwards from the ground', 'cirro.h', "#include <json/tree.h>\n", 'cirro.h:1: ground must not include json/tree.h' ],
	[ 'sideways', 'space/list.c', "# include \"json/tree.h\"\n", 'space/list.c:1: space must not include json/tree.h' ],
	[ 'an unknown room', 'misc/tools.c', '', 'misc/tools.c: the folder "misc" is none of the rooms' ],
	[ 'a room in a room', 'gig/old/state.c', '', 'gig/old/state.c: the folder "gig/old" is none of the rooms' ],
	[ 'a version', 'wave/tide.c', "#if PG_VERSION_NUM >= 170000\n", "wave/tide.c:1: only compat.h asks for PostgreSQL's version" ],
	[ 'a function that is not shown', 'wave/tide.c', "PG_FUNCTION_INFO_V1(tide);\n", 'wave/tide.c: its functions need compat.h, or PostgreSQL 15 does not see them' ],
	[ 'without its room', 'gig/check.c', "#include \"state.h\"\n", 'gig/check.c:1: write "state.h" with its room' ],
	[ 'a source', 'gig/check.c', "#include \"gig/state.c\"\n", 'gig/check.c:1: gig/state.c is no header' ],
	[ 'a circle', 'gig/state.c', "#include \"gig/check.h\"\n", 'gig/check: a circle of includes, gig/check -> gig/state -> gig/check' ],
	[ 'a function of a module with a header', 'json/tree_write.h', '', 'json/tree.h: declares json_tree_write() of json/tree_write.c' ],
	[ 'somebody else\'s function', 'wave/tide.h', "extern void\n\tgig_check(void);\n", 'wave/tide.h: declares gig_check() of gig/check.c' ],
);
my $failed = 0;

sub expect
{
	my ($what, $expected, @wrong) = @_;

	return if "@wrong" eq $expected;
	print "test/layers.pl itself fails: $what\n", map { "    $_\n" } @wrong;
	$failed = 1;
}

expect('a sound tree', '', check(%sound));
for my $fault (@faults)
{
	my ($what, $file, $line, $expected) = @$fault;

	expect($what, $expected, check(%sound, $file => $line . ($sound{$file} // '')));
}

# The sources as they are.
my $top = shift @ARGV // 'src';
my %text;
for my $path (glob "$top/*.[ch] $top/*/*.[ch] $top/*/*/*.[ch]")
{
	local $/;
	open my $handle, '<', $path or die "$path: $!\n";
	$text{ $path =~ s{^\Q$top\E/}{}r } = <$handle>;
}
die "no sources in $top\n" if !%text;
my @wrong = check(%text);
print "$top/$_\n" for @wrong;
exit($failed || @wrong ? 1 : 0);
