#!/usr/bin/perl
#
# test/docs/complete.pl: whether the reference names every object, and nothing
# that is not there.
#
# Decides how the reference pages are read. What there is says complete.sql, in a
# database of its own in the server that psql's environment reaches; of errors,
# the sources. Must not look at what the pages say of a thing, but for what is
# known better: signatures, types, defaults, which tables a trigger is on, and what
# an operator's examples match.
#
#   test/docs/complete.pl        exit code 1 and a line for each fault
#
# How the pages are read: a heading ### names a function, table or view; a line
# that is one code span, `cirro.f(a int) → text`, is the function's signature. A
# table tells by its first column's heading what its rows are: column (of the
# heading's table or function), `status` (values of the heading's column),
# internal (functions that others do not call), operator, operator class, type,
# cast, setting, kind, constraint, index, statistics, sequence, trigger, code, key
# (of a notification's payload). Its rows name things in code, several in one cell
# if the rest is true of each. Other tables are prose, but for that of limits, whose
# numbers are those of the sources. In all of the manual, code that says cirro.x,
# trees.x or table.column names what there is.
#
# At the end every line that names something is taken away by itself, and each
# time there has to be a fault: so no row is there for nothing, nor unseen.

use strict;
use warnings;
use utf8;
use open qw(:std :utf8);
use Cwd qw(abs_path);
use File::Basename qw(dirname);

my $here = dirname(abs_path($0));
chdir dirname(dirname($here)) or die;
my %pages = map { $_ => [ split /\n/, slurp("docs/$_"), -1 ] }
  qw(reference-cirro.md reference-space.md errors.md filters.md);
my %kinds = map { $_ => 1 } (
	'column', 'internal', 'operator', 'operator class', 'type', 'cast', 'setting', 'kind', 'constraint', 'index',
	'statistics', 'sequence', 'trigger', 'code', 'key');

my $psql = 'psql -X -q';
my $database = 'docs_complete';
$ENV{PGCLIENTENCODING} = 'UTF8';
delete @ENV{qw(PGOPTIONS PGDATABASE)};
my @examples = examples();
my @facts = (catalogue(), codes());
my %count;
$count{ $_->[0] }++ for @facts;
die "the catalogue is empty\n" unless @facts > 300;

my ($entries, $places) = read_pages();
my @faults = (compare($entries), limits(), mentions(), changes());
print "$_\n" for @faults;
exit 1 if @faults;
print join(', ', map { "$count{$_} of kind $_" } sort keys %count), "\n";

# Without any one of its lines the reference is incomplete.
my $unseen = 0;
for (@$places)
{
	my ($page, $i) = @$_;
	local $pages{$page}[$i] = '';
	next if compare((read_pages())[0]);
	print "docs/$page:", $i + 1, ": nobody would notice if this line were gone\n";
	$unseen++;
}
print scalar @$places, " lines of the reference, each noticed when it is gone\n" unless $unseen;
exit($unseen ? 1 : 0);

# What the pages name: what => name => the cells that are held against the
# catalogue. Also which lines do.
sub read_pages
{
	my (%entries, @places);

	for my $page (sort keys %pages)
	{
		my $schema = $page =~ /space/ ? 'trees' : 'cirro';
		my ($section, $heading, $table, @columns, $fence) = ('', '');
		my $lines = $pages{$page};

		for my $i (keys @$lines)
		{
			my $line = $lines->[$i];
			my $add = sub {
				my ($what, $name, @cells) = @_;
				push @{ $entries{$what}{$name} }, { at => "docs/$page:" . ($i + 1), cells => \@cells };
				push @places, [ $page, $i ] unless @places && $places[-1][0] eq $page && $places[-1][1] == $i;
			};

			if ($fence) { undef $fence if $line =~ /^\s*$fence\s*$/; next; }
			if ($line =~ /^\s*(`{3,})/) { $fence = $1; next; }
			if ($line =~ /^## (.*)/) { ($section, $heading) = ($1, ''); }
			elsif ($line =~ /^### `?(\w+)`?$/)
			{
				$heading = $1;
				if ($schema eq 'trees' && $section eq 'Tables') { $add->('table', $heading); }
				elsif ($schema eq 'trees' && $section eq 'Views') { $add->('view', $heading); }
			}
			elsif ($line =~ /^### /) { $heading = ''; }
			elsif ($line =~ /^`((?:cirro|trees)\.(\w+)\(.*)`$/)
			{
				$add->('function', "$schema.$2", $1, $heading);
			}

			if ($line !~ /^\|/) { undef $table; next; }
			my @cells = map { s/^\s+|\s+$//gr } split /(?<!\\)\|/, $line =~ s/^\|//r =~ s/\|\s*$//r;
			if (!defined $table)
			{
				$table = $page eq 'filters.md' ? ($cells[0] eq 'operator' ? 'word' : '') : $kinds{ $cells[0] } ? $cells[0]
				  : $cells[0] =~ /^`(\w+)`$/ ? "value $1" : '';
				@columns = @cells;
				next;
			}
			next if $table eq '' || $line =~ /^\|[-:| ]+$/;
			my %cell = map { $columns[$_] => $cells[$_] // '' } keys @columns;
			for my $name ($cells[0] =~ /`([^`]+)`/g)
			{
				if ($table eq 'column') { $add->('column', "$schema.$heading.$name", $cell{type} // '', $cell{default} // ''); }
				elsif ($table =~ /^value (.*)/) { $add->('value', "$heading.$1.$name"); }
				elsif ($table eq 'internal') { $add->('function', "cirro.$name", undef, undef); }
				elsif ($table eq 'word') { $add->('word', $name) if $name =~ /^\$\w+$/; }
				else { $add->($table, $name, @cells[ 1 .. $#cells ]); }
			}
			push @{ $entries{fault}{"a row of a table of $table without a name"} }, { at => "docs/$page:" . ($i + 1) }
			  if $cells[0] !~ /`/ && $table ne 'word';
		}
	}
	return (\%entries, \@places);
}

sub compare
{
	my ($entries) = @_;
	my (@faults, %known);

	for my $fact (@facts)
	{
		my ($what, $name, @about) = @$fact;
		my $there = $entries->{$what}{$name};
		$known{$what}{$name} = 1;
		if (!$there) { push @faults, "no page of the reference has the $what $name"; next; }
		for my $entry (@$there)
		{
			my ($at, @cells) = ($entry->{at}, @{ $entry->{cells} });
			if ($what eq 'column')
			{
				push @faults, "$at: $name is of type $about[0], not $cells[0]" if $cells[0] ne $about[0];
				next if $name !~ /^trees\.\w+\.\w+$/ || !exists $about[1];
				my $default = $about[1] // '';
				my @code = names($cells[1]);
				push @faults, "$at: the default of $name is $default, not $cells[1]"
				  if $default eq '' ? @code
				  : $default eq 'some' ? $cells[1] eq ''
				  : $default eq 'identity' ? $cells[1] !~ /identity/
				  : !grep { $_ eq $default } @code;
			}
			elsif ($what eq 'setting')
			{
				push @faults, "$at: the default of $name is '$about[0]', not $cells[0]"
				  if $about[0] eq '' ? $cells[0] ne 'empty' : $cells[0] ne "`$about[0]`";
				push @faults, "$at: $name is for $about[1]" if $cells[1] !~ /$about[1]/;
			}
			elsif ($what eq 'cast') { push @faults, "$at: $name is $about[0]" if $cells[0] ne $about[0]; }
			elsif ($what eq 'operator class')
			{
				my $is = join ' ', $about[0], 'for', $about[1] . ($about[2] ? ', default' : '');
				push @faults, "$at: $name is $is" if $cells[0] ne $is;
			}
			elsif ($what =~ /^(?:constraint|index|trigger)$/)
			{
				push @faults, "$at: $name is on $about[0]" if join(' ', sort(names($cells[0]))) ne $about[0];
			}
		}
		if ($what eq 'function')
		{
			my @shown = grep { defined $_->{cells}[0] } @$there;
			push @faults, "$there->[0]{at}: $name has a signature, and is internal" if @shown && @shown != @$there;
			push @faults, "$there->[0]{at}: $name is $about[0]" if @shown && !grep { $_->{cells}[0] eq $about[0] } @shown;
		}
		elsif ($what ne 'word' && @$there > 1)
		{
			push @faults, "$there->[1]{at}: $name once more, as in $there->[0]{at}";
		}
	}
	for my $what (sort keys %$entries)
	{
		for my $name (sort keys %{ $entries->{$what} })
		{
			my $there = $entries->{$what}{$name};
			my $at = $there->[0]{at};
			if ($what eq 'fault') { push @faults, "$at: $name"; }
			elsif (!$known{$what}{$name}) { push @faults, "$at: there is no $what $name"; }
			elsif ($what eq 'function')
			{
				my %is = map { $_->[2] => 1 } grep { $_->[0] eq 'function' && $_->[1] eq $name } @facts;
				for (grep { defined $_->{cells}[0] } @$there)
				{
					push @faults, "$_->{at}: there is no $_->{cells}[0]" unless $is{ $_->{cells}[0] };
					push @faults, "$_->{at}: not below its own heading" if $name !~ /\.\Q$_->{cells}[1]\E$/;
				}
			}
		}
	}
	return @faults;
}

# The code spans of some cells.
sub names
{
	return map { defined $_ ? /`([^`]+)`/g : () } @_;
}

# What there is, from the catalogue; in the same database, whether the examples are
# right.
sub catalogue
{
	system("$psql -d postgres -c 'DROP DATABASE IF EXISTS $database' -c \"CREATE DATABASE $database TEMPLATE template0 ENCODING 'UTF8'\" 2>/dev/null") == 0
	  or die "cannot make the database $database\n";
	my @there = ask("-f $here/complete.sql");
	my @wrong = map { my ($at, $sql, $want) = @$_; my ($is) = ask('-At -c ' . quoted($sql)); $is eq $want ? () : "$at: $sql is $is" } @examples;
	system("$psql -d postgres -c 'DROP DATABASE $database WITH (FORCE)'");
	die map { "$_\n" } @wrong if @wrong;
	print scalar @examples, " examples of operators are right\n";
	return map { [ split /\t/, $_, -1 ] } @there;
}

sub ask
{
	my ($what) = @_;
	open my $out, '-|:encoding(UTF-8)', "$psql -d $database $what" or die "psql: $!\n";
	chomp(my @lines = <$out>);
	close $out or die "psql $what failed\n";
	return @lines;
}

sub quoted
{
	return "'" . $_[0] =~ s/'/'\\''/gr . "'";
}

# The operators' examples in filters.md: a filter, and documents that match it and
# that do not, as a question and its answer.
sub examples
{
	my ($inside, @examples);
	my $lines = $pages{'filters.md'};
	for my $i (keys @$lines)
	{
		$inside = $lines->[$i] =~ /^\| operator \|/ || $inside && $lines->[$i] =~ /^\|/;
		next if !$inside || $lines->[$i] !~ /`\{/;
		my @cells = map { [/`([^`]+)`/g] } split /(?<!\\)\|/, $lines->[$i] =~ s/^\|//r;
		for my $filter (@{ $cells[1] })
		{
			for my $want ([ 't', $cells[2] ], [ 'f', $cells[3] ])
			{
				push @examples, map { [ "docs/filters.md:" . ($i + 1), "SELECT cirro.matches(\$\$$_\$\$::jsonb, \$\$$filter\$\$)", $want->[0] ] } @{ $want->[1] };
			}
		}
	}
	die "no examples of operators in filters.md\n" if @examples < 40;
	return @examples;
}

# Names in code spans of the whole manual that are those of nothing: of schemas
# cirro and trees, but for what the pages' own examples make there, and columns of
# the tables.
sub mentions
{
	# In a payload an invitation has one more.
	my %is = ('invitation.previous' => 1);
	my @faults;
	for (@facts)
	{
		my ($what, $name) = @$_;
		if ($what eq 'function') { $is{$name} = 1; }
		elsif ($what eq 'column') { $is{$name} = 1 if $name =~ s/^trees\.(\w+\.\w+)$/$1/; }
		elsif ($what eq 'kind' || $what eq 'setting') { $is{$name} = 1; }
		elsif ($what eq 'type' || $what eq 'operator class') { $is{"cirro.$name"} = 1; }
		elsif ($what =~ /^(?:table|view|index|constraint|sequence|statistics)$/) { $is{"trees.$name"} = 1; }
	}
	for my $page ('README.md', 'SECURITY.md', glob('docs/*.md'), glob('examples/*/README.md'))
	{
		my $text = slurp($page);
		my ($fence, %made) = ('');
		$made{$1} = 1 while $text =~ /\b(?:CREATE|ALTER)\b[^;]*?\b((?:cirro|trees)\.\w+)/gs;
		my $n = 0;
		for my $line (split /\n/, $text)
		{
			$n++;
			if ($line =~ /^\s*(`{3,})/) { $fence = $fence ? '' : $1; next; }
			next if $fence;
			for my $span ($line =~ /`([^`]+)`/g)
			{
				my @names = $span =~ /(?<![\w.:\/-])((?:cirro|trees)\.[a-z_]+)\b(?![.\/])/g;
				push @names, $span if $span =~ /^(\w+)\.\w+$/ && ($is{"trees.$1"} || $is{"$1.id"}) && $1 !~ /^(?:cirro|trees)$/;
				push @faults, map { "$page:$n: there is no $_" } grep { !$is{$_} && !$made{$_} } @names;
			}
		}
	}
	return @faults;
}

# What is wrong with the table of limits: the numbers of the sources that its rows
# do not have, and rows without a number of the sources.
sub limits
{
	my @limits = (
		[ 'profile', 'src/gig/guard.c', 'MAX_PROFILE_SIZE' ],
		[ 'filter or sort query', 'src/json/tree.h', 'JSON_TREE_MAX_TEXT', 'JSON_TREE_MAX_DEPTH' ],
		[ 'conditions in a filter', 'src/filter/parse.h', 'FILTER_MAX_CONDITIONS' ],
		[ 'parts of a filter', 'src/filter/parse.h', 'FILTER_MAX_NODES' ],
		[ 'list of', 'src/filter/parse.h', 'FILTER_MAX_LIST' ],
		[ 'path', 'src/json/path.h', 'JSON_PATH_MAX_BYTES', 'JSON_PATH_MAX_NAMES', 'JSON_PATH_MAX_POSITIONS' ],
		[ 'interval in a filter', 'src/filter/bind.c', 'MAX_YEARS' ],
		[ 'regular expression', 'src/filter/parse.h', 'FILTER_MAX_PATTERN', 'FILTER_MAX_REGEXES' ],
		[ 'string that a regular expression', 'src/filter/regex.c', 'MAX_SUBJECT' ],
		[ 'digits of a number', 'src/json/tree.h', 'JSON_TREE_MAX_DIGITS' ],
		[ 'keys of a sort query', 'src/sort/query.c', 'MAX_KEYS' ],
		[ 'value of a sort query', 'src/sort/key.c', 'SORT_MAX_VALUE' ],
		[ 'workers counted exactly', 'install/space.sql', qr/countable CONSTANT bigint := (\d+)/ ],
		[ 'values that `explain_match`', 'src/explain/explain.c', 'MAX_FOUND', 'MAX_FOUND_BYTES' ],
		[ 'workers per wave', 'src/wave/facts.c', 'MAX_WANTED' ],
		[ 'gigs per call', 'src/wave/run_waves.c', 'GIGS_WITHOUT_COMMIT' ],
		[ 'gigs on a report', 'src/report/space_page.c', 'MOST_GIGS' ],
		[ 'report', 'src/report/html.c', 'MOST_BYTES' ],
		[ 'name of a consumer', 'src/gig/consumer.c', 'MAX_NAME_LENGTH' ],
		[ 'number of a claim', 'install/space.sql', qr/CREATE SEQUENCE notification_claim_seq MAXVALUE (\d+)/ ],
		[ 'error text in', 'src/isolate.h', 'ERROR_SUMMARY_LENGTH' ],
		[ '`during`', 'src/wave/during.c', qr/(USECS_PER_DAY)/ ]);
	my ($inside, %rows, @faults);
	for (@{ $pages{'errors.md'} })
	{
		$inside = 1 if /^## Limits/;
		$rows{$1} = $2 if $inside && /^\| (.*?) \| (.*) \|$/ && $1 ne 'what';
	}
	for (@limits)
	{
		my ($what, $file, @names) = @$_;
		my ($row) = grep { index($_, $what) == 0 && (length $_ == length $what || substr($_, length $what) =~ /^\W/) } sort keys %rows;
		if (!defined $row) { push @faults, "docs/errors.md has no limit of: $what"; next; }
		my $says = delete $rows{$row};
		for my $name (@names)
		{
			my ($value) = slurp($file) =~ (ref $name ? $name : qr/#define\s+$name\s+\(?([\d *]+)/);
			die "$file has no $name\n" unless defined $value;
			$value = 'a day' if $value eq 'USECS_PER_DAY';
			$value = eval $value if $value =~ /^[\d *]+$/;
			1 while $value =~ s/^(\d+)(\d{3})/$1,$2/;
			push @faults, "docs/errors.md: the limit of $what is $value, not $says" unless $says =~ /(?<![\d,])\Q$value\E(?![\d,]*\d)/;
		}
	}
	push @faults, map { "docs/errors.md: which limit is this? $_" } sort keys %rows;
	return @faults;
}

# What may become of an invitation: the table of concepts.md has the changes that
# sql/waiting.sql tries through every door, and no other.
sub changes
{
	my ($inside, %told, %tried, @faults);
	for (split /\n/, slurp('docs/concepts.md'))
	{
		$inside = /^\| from \| to \| by \|/ || $inside && /^\|/;
		next unless $inside && /^\| (no row|`\w+`(?: for `\w+`)?) \| `(\w+)` \|/;
		my ($from, $to) = ($1, $2);
		$told{ ($from eq 'no row' ? 'none' : $from =~ /`(\w+)`$/ ? $1 : '') . " to $to" } = 1;
		$told{"seats_filled to $to"} = 1 if $from eq '`expired`';
	}
	my ($law) = slurp('sql/waiting.sql') =~ /^INSERT INTO law VALUES\n(.*?);$/ms;
	while (($law // '') =~ /\('(\w+)', '\{([\w,]+)\}'\)/g)
	{
		my ($from, $to) = ($1, $2);
		$tried{"$from to $_"} = 1 for split /,/, $to;
	}
	die "no changes of status in sql/waiting.sql\n" if keys %tried < 20;
	push @faults, map { "docs/concepts.md: no change from $_ in the table" } grep { !$told{$_} } sort keys %tried;
	push @faults, map { "docs/concepts.md: there is no change from $_" } grep { !$tried{$_} } sort keys %told;
	return @faults;
}

# SQLSTATEs that cirro raises, by its sources: class UG, and others by their name
# in PostgreSQL's errcodes.h. What only compares is none.
sub codes
{
	my $include = `pg_config --includedir-server`;
	chomp $include;
	my (%code, %raised);
	for my $file ("$include/utils/errcodes.h", 'src/cirro.h')
	{
		for (split /\n/, slurp($file))
		{
			next unless /#define\s+ERRCODE_(\w+)\s+MAKE_SQLSTATE\(([^)]*)\)/;
			my ($name, $letters) = ($1, $2);
			$code{$name} = join '', $letters =~ /'(.)'/g;
			$raised{ $code{$name} } = 1 if $file eq 'src/cirro.h';
		}
	}
	die "no codes of errors in $include/utils/errcodes.h\n" unless keys %code > 200;
	for my $file (glob('src/*.[ch] src/*/*.[ch]'))
	{
		my $text = slurp($file) =~ s/ERRCODE_TO_CATEGORY\(ERRCODE_\w+\)|[=!]= ERRCODE_(?!TO_CATEGORY)\w+//gr;
		for ($text =~ /\bERRCODE_(\w+)/g)
		{
			next if /^(?:TO_CATEGORY|SUCCESSFUL_COMPLETION)$/;
			$raised{ $code{$_} // die "$file: ERRCODE_$_?\n" } = 1;
		}
	}
	for my $file (glob('install/*.sql')) { $raised{$_} = 1 for slurp($file) =~ /ERRCODE = '(\w{5})'/g; }
	return map { [ 'code', $_ ] } sort keys %raised;
}

sub slurp
{
	my ($file) = @_;
	open my $in, '<:encoding(UTF-8)', $file or die "$file: $!\n";
	local $/;
	return <$in> // '';
}
