#!/usr/bin/perl
#
# test/docs/run.pl: runs the SQL that the manual's pages show, and compares what
# they say it answers.
#
# Decides what of a page is run and what counts as shown. Every page has a
# database of its own, made and dropped here, in the server that psql's
# environment (PGHOST, PGPORT, PGUSER) reaches as a superuser. Must not change a
# page, unless told by --write, nor leave a database or role behind.
#
#   test/docs/run.pl                      README.md, docs/*.md, examples/*/README.md
#   test/docs/run.pl docs/recipes.md      one page
#   test/docs/run.pl -v docs/recipes.md   and shows what each block answered
#   test/docs/run.pl --write PAGE...      puts the answers in the place of outputs
#                                         that differ: read the diff afterwards
#   KEEP=1                                keeps the databases (docs_PAGE)
#
# In Markdown:
#   ```sql                    is run, in one psql session for the page. A fence ```
#                             without a language right behind it is the output:
#                             psql's, aligned, without footers, trailing blanks
#                             and repeated empty lines aside, NOTICEs and errors
#                             included. Where the page leaves out LINE and its
#                             caret, they are not compared. Without an output the
#                             block must raise no error.
#   <!-- docs: space NAME --> makes the Space of test/docs/space.sql here
#   <!-- docs: run            is run unseen, until a line -->
#   <!-- docs: skip REASON --> before a fence: it is not run; told and counted
#   <!-- docs: from FILE -->  before a fence of any language: its lines stand in
#                             that file, one behind the other (a line of … or ...
#                             alone leaves some out); SQL is run as well
#
# Prints a line a page that has any, "ok: " or "failed: ", and one a block that
# is skipped. Exit code 1 if anything failed, or nothing ran.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname basename);
use File::Temp qw(tempdir);
use POSIX ();

my $here = dirname(abs_path($0));
my $top = dirname(dirname($here));
my $jobs = $ENV{JOBS} || 2;
my $seconds = 120;    # for a page
my ($verbose, $write, @pages);
for (@ARGV)
{
	if ($_ eq '-v') { $verbose = 1; }
	elsif ($_ eq '--write') { $write = 1; }
	else { push @pages, abs_path($_) || die "there is no $_\n"; }
}
chdir $top or die "$top: $!\n";
@pages = map { s/^\Q$top\E\///r } @pages;
@pages = ('README.md', glob('docs/*.md'), glob('examples/*/README.md')) unless @pages;

my $tmp = tempdir(CLEANUP => 1);
my $self = $$;    # the process of a page, in the names of its files
$ENV{PGOPTIONS} = join ' ', '-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=postgres -c lc_messages=C',
  '-c statement_timeout=60s', $ENV{PGOPTIONS} // ();
$ENV{PGAPPNAME} = 'docs';
$ENV{PGCLIENTENCODING} = 'UTF8';
delete $ENV{$_} for qw(PSQLRC PGDATABASE COLUMNS PAGER PSQL_PAGER PGTZ PGDATESTYLE);

exit(run(@pages) ? 0 : 1);

# Pages side by side, but not two that make the same role, for roles belong to
# the server and not to a database.
sub run
{
	my @waiting = map { { page => $_, roles => { map { $_ => 1 } roles_of(slurp($_)) } } } @_;
	my ($good, $bad, $blocks, $compared, $skips, %running) = (0, 0, 0, 0, 0);

	while (@waiting || %running)
	{
		my ($next) = grep { my $job = $waiting[$_]; !grep { shared($job, $_) } values %running } keys @waiting;
		if (defined $next && keys %running < $jobs)
		{
			my ($job) = splice @waiting, $next, 1;
			$job->{out} = "$tmp/" . $job->{page} =~ s/\W/_/gr;
			my $pid = fork() // die "fork: $!\n";
			if ($pid == 0)
			{
				open STDOUT, '>', $job->{out} or die;
				open STDERR, '>&', \*STDOUT or die;
				$self = $$;
				my $ok = eval { page($job) };
				print "$job->{page}: $@" if $@;
				close STDOUT;
				POSIX::_exit($ok ? 0 : 1);
			}
			$running{$pid} = $job;
			next;
		}
		my $job = delete $running{ wait() } or next;
		my $ok = $? == 0;
		my $said = slurp($job->{out});
		print $said;
		print "failed: $job->{page}\n" unless $ok;
		$bad++ unless $ok;
		$good++ if $ok && $said ne '';
		if ($said =~ /^(?:ok: )?\S+: (\d+) blocks run, (\d+) compared, (\d+) skipped$/m)
		{
			$blocks += $1;
			$compared += $2;
			$skips += $3;
		}
	}
	print "$blocks blocks of ", $good + $bad, " pages run, $compared compared, $skips skipped; $bad pages failed\n";
	print "failed: nothing was run\n" if $blocks == 0;
	return $bad == 0 && $blocks > 0;
}

# Whether two pages make a role of the same name.
sub shared
{
	my ($one, $other) = @_;
	return scalar grep { $other->{roles}{$_} } keys %{ $one->{roles} };
}

sub roles_of
{
	my ($text) = @_;
	return map { /^"(.*)"$/ ? $1 : lc } $text =~ /\bCREATE\s+(?:ROLE|USER|GROUP)\s+("[^"]+"|\w+)/gi;
}

# One page. Prints what is to be told; true if all is well.
sub page
{
	my ($job) = @_;
	my $page = $job->{page};
	my $text = slurp($page);
	my ($items, @faults) = items($text);
	my @run = grep { $_->{kind} ne 'skip' && $_->{kind} ne 'other' } @$items;
	my @blocks = grep { $_->{kind} eq 'sql' } @$items;
	my @skips = grep { $_->{kind} eq 'skip' } @$items;
	my $fences = () = $text =~ /^[ \t>]*[`~]{3,}[ \t]*sql\b/mg;
	my $found = grep { $_->{lang} eq 'sql' } grep { defined $_->{lang} } @$items;

	push @faults, [ 0, "$fences fences of SQL, but $found were found" ] if $fences != $found;
	push @faults, [ 0, "none of its $fences fences of SQL is run" ] if $fences && !@blocks;
	for my $item (@$items)
	{
		push @faults, [ $item->{line}, $_ ] for map { excerpt($_, $item->{text}) } @{ $item->{from} || [] };
		if ($item->{kind} eq 'sql' && $item->{text} !~ /(?:;|\\[a-z][^\n]*)(?:\s*--[^\n]*)*\s*$/)
		{
			push @faults, [ $item->{line}, 'the block does not end with ; (a sketch of grammar is ```text)' ];
		}
	}
	my $differ = @run ? answers($page, $job, \@run, \@faults) : 0;

	for (@skips) { print "skipped: $page:$_->{line}: $_->{reason}\n"; }
	for (sort { $a->[0] <=> $b->[0] } @faults) { print "$page:$_->[0]: $_->[1]\n"; }
	my $ok = !@faults && !$differ;
	return 1 if $ok && !grep { $_->{kind} ne 'other' || @{ $_->{from} } } @$items;
	printf "%s%s: %d blocks run, %d compared, %d skipped\n", $ok ? 'ok: ' : '', $page, scalar @blocks,
	  scalar(grep { defined $_->{expected} } @blocks), scalar @skips;
	return $ok;
}

# Takes a page apart: its blocks of SQL, hidden statements, Spaces to be made and
# fences with a directive, in their order; and faults in all that.
sub items
{
	my ($text) = @_;
	my @lines = split /\n/, $text, -1;
	my (@items, @faults, @from, $skip, $after);
	my $pending;    # the last block of SQL, while its output may still follow

	for (my $i = 0; $i < @lines; $i++)
	{
		my $line = $lines[$i];
		my $at = $i + 1;
		if ($line =~ /^(\s*)(`{3,}|~{3,})\s*([^`\s]*)/)
		{
			my ($indent, $fence, $lang) = ($1, $2, lc $3);
			my @body;
			my $end;
			for (my $j = $i + 1; $j < @lines; $j++)
			{
				if ($lines[$j] =~ /^\s*\Q$fence\E[`~]*\s*$/) { $end = $j; last; }
				push @body, $lines[$j] =~ s/^\Q$indent\E//r;
			}
			if (!defined $end) { push @faults, [ $at, 'the fence has no end' ]; last; }
			my $body = join '', map { "$_\n" } @body;
			if ($pending && $lang eq '' && !@from && !defined $skip)
			{
				$pending->{expected} = $body;
				@$pending{qw(from_line to_line indent)} = ($i + 1, $end, $indent);
				undef $pending;
			}
			else
			{
				undef $pending;
				my $item = { line => $at, text => $body, lang => $lang, from => [@from] };
				if (defined $skip) { $item->{kind} = 'skip'; $item->{reason} = $skip; }
				elsif ($lang eq 'sql') { $item->{kind} = 'sql'; $pending = $item; }
				else { $item->{kind} = 'other'; }
				# The output of what is skipped is skipped with it.
				$pending = { skipped => 1 } if defined $skip && $lang eq 'sql';
				push @items, $item;
			}
			(@from, $skip, $after) = ();
			$i = $end;
		}
		elsif ($line =~ /^\s*<!--\s*docs:\s*(.*)$/)
		{
			my $rest = $1;
			if ($rest =~ /^run\s*(.*)$/)
			{
				my @body = ($1);
				while ($body[-1] !~ /-->\s*$/ && ++$i < @lines) { push @body, $lines[$i]; }
				push @faults, [ $at, 'the comment has no end' ] if $body[-1] !~ /-->\s*$/;
				$body[-1] =~ s/-->\s*$//;
				push @items, { kind => 'run', line => $at, text => join "\n", @body, '' };
				undef $pending;
			}
			elsif ($rest =~ /^space\s+(\w+)\s*-->\s*$/)
			{
				push @items, { kind => 'space', line => $at, space => $1 };
				undef $pending;
			}
			elsif ($rest =~ /^skip\s+(\S.*?)\s*-->\s*$/) { $skip = $1; $after = $at; undef $pending; }
			elsif ($rest =~ /^from\s+(\S+)\s*-->\s*$/) { push @from, $1; $after = $at; undef $pending; }
			else { push @faults, [ $at, "unknown comment: docs: $rest" ]; }
		}
		elsif ($line =~ /\S/)
		{
			push @faults, [ $after, 'no fence follows this comment' ] if $after;
			(@from, $skip, $after) = ();
			undef $pending;
		}
	}
	push @faults, [ $after, 'no fence follows this comment' ] if $after;
	return (\@items, @faults);
}

# Runs the items in one session and tells of each block whose output is another
# than expected. Returns how many.
sub answers
{
	my ($page, $job, $run, $faults) = @_;
	my $database = 'docs_' . lc($page =~ s/\.md$//r =~ s/\W+/_/gr);
	my $mark = "== docs $self";
	my $input = '';
	my $own = grep { $_->{kind} =~ /sql|run/ && $_->{text} =~ /^\s*CREATE\s+EXTENSION\s+(?:IF\s+NOT\s+EXISTS\s+)?cirro\b/mi } @$run;

	my $before = join ',', map { "'" . s/'/''/gr . "'" } sort keys %{ $job->{roles} };
	maintain("DROP DATABASE IF EXISTS $database WITH (FORCE);", "CREATE DATABASE $database TEMPLATE template0 ENCODING 'UTF8';");
	maintain($before eq '' ? () : <<~"END");
		DO \$\$ DECLARE r text; BEGIN
		FOR r IN SELECT rolname FROM pg_roles WHERE rolname IN ($before) LOOP
			RAISE 'the role % is there before the page makes it', r;
		END LOOP; END \$\$;
		END

	$input .= "CREATE EXTENSION cirro;\n" unless $own;
	for my $n (0 .. $#$run)
	{
		my $item = $run->[$n];
		$input .= "\\echo '$mark begin $n'\n";
		$input .=
			$item->{kind} eq 'space'
		  ? "\\set space $item->{space}\n\\i $here/space.sql\n"
		  : $item->{text};
		$input .= "\\echo '$mark end $n'\n";
	}
	spew("$tmp/in$self", $input);

	my $pid = fork() // die "fork: $!\n";
	if ($pid == 0)
	{
		alarm $seconds;
		open STDIN, '<', "$tmp/in$self" or die;
		open STDOUT, '>', "$tmp/out$self" or die;
		open STDERR, '>&', \*STDOUT or die;
		exec 'psql', '-X', '-q', '-d', $database, '-P', 'footer=off', '-P', 'pager=off', '-P', 'linestyle=ascii',
		  '-P', 'columns=0', '-v', 'VERBOSITY=default', '-v', 'SHOW_CONTEXT=never', '-v', 'HIDE_TOAST_COMPRESSION=on';
	}
	waitpid $pid, 0;
	my $code = $?;
	my $output = slurp("$tmp/out$self");
	unless ($ENV{KEEP})
	{
		maintain("DROP DATABASE $database WITH (FORCE);",
			map { 'DROP ROLE IF EXISTS "' . s/"/""/gr . '";' } sort keys %{ $job->{roles} });
	}

	my ($differ, $rest, @changes) = (0, $output);
	for my $n (0 .. $#$run)
	{
		my $item = $run->[$n];
		if ($rest !~ s/^(.*?)^\Q$mark\E begin $n\n(.*?)^\Q$mark\E end $n\n//ms)
		{
			my $why = $code == 14 ? "no answer within $seconds seconds" : 'psql did not come to its end';
			push @$faults, [ $item->{line}, "$why: an open quote, or the session ended. It said:\n$rest" ];
			last;
		}
		my ($between, $shown) = ($1, $2);
		push @$faults, [ $item->{line}, "before it psql said:\n$between" ] if $between =~ /\S/ && $between =~ /ERROR|FATAL/;
		my $expected = $item->{kind} eq 'sql' ? $item->{expected} : undef;
		print indent("$page:$item->{line}", $shown) if $verbose;
		if (!defined $expected)
		{
			next unless $shown =~ /^(?:psql:\S* )?(?:ERROR|FATAL|PANIC):|^invalid command |^\\\w+: |^\S+: (?:No such file|Permission denied)/m;
			$differ++;
			print "$page:$item->{line}: an error\n", indent('block', $item->{text} // "space $item->{space}\n"),
			  indent('shown', $shown);
			next;
		}
		my ($want, $is) = map { plain($_) } $expected, $shown;
		if ($want !~ /^LINE \d+: /m)
		{
			$is =~ s/^LINE \d+: .*\n *\^\n//mg;
			$shown =~ s/^LINE \d+: .*\n *\^\n//mg;
		}
		next if $want eq $is;
		$differ++;
		push @changes, [ $item, plain($shown) ];
		print "$page:$item->{line}: another output\n", indent('block', $item->{text}), diff($want, $is);
	}
	if ($write && @changes)
	{
		my @lines = split /\n/, slurp($page), -1;
		for (reverse @changes)
		{
			my ($item, $is) = @$_;
			splice @lines, $item->{from_line}, $item->{to_line} - $item->{from_line},
			  map { length ? $item->{indent} . $_ : $_ } split /\n/, $is;
		}
		spew($page, join "\n", @lines);
		print "$page: ", scalar @changes, " outputs written\n";
	}
	return $differ;
}

# Output as it is compared: without trailing blanks, and empty lines at its ends
# and repeated.
sub plain
{
	my ($text) = @_;
	$text =~ s/[ \t]+$//mg;
	$text =~ s/\n{3,}/\n\n/g;
	$text =~ s/^\n+//;
	$text =~ s/\n*$/\n/;
	return $text eq "\n" ? '' : $text;
}

# Says so if a fence's lines do not stand in the file.
sub excerpt
{
	my ($file, $text) = @_;
	return "there is no $file" unless -f "$top/$file";
	my @have = map { s/^\s+|\s+$//gr } split /\n/, slurp("$top/$file");
	my @parts = ([]);
	for (map { s/^\s+|\s+$//gr } split /\n/, $text)
	{
		if (/^\W*(?:…|\.\.\.)\W*$/) { push @parts, []; }
		else { push @{ $parts[-1] }, $_; }
	}
	@parts = grep { grep { /\S/ } @$_ } @parts;
	return 'the excerpt is empty' unless @parts;
	my $from = 0;
  PART:
	for my $part (@parts)
	{
		for my $i ($from .. @have - @$part)
		{
			next if grep { $have[ $i + $_ ] ne $part->[$_] } 0 .. $#$part;
			$from = $i + @$part;
			next PART;
		}
		return "these lines do not stand in $file so:\n" . join '', map { "    $_\n" } @$part;
	}
	return;
}

# Statements for the server itself; one that fails ends the page.
sub maintain
{
	my @statements = @_ or return;
	spew("$tmp/sql$self", join "\n", @statements, '');
	my $said = `psql -X -q -d postgres -v ON_ERROR_STOP=1 -f $tmp/sql$self 2>&1`;
	die "$said\n" if $?;
}

sub indent
{
	my ($title, $text) = @_;
	return "  -- $title\n" . join '', map { "    $_\n" } split /\n/, $text;
}

sub diff
{
	my ($want, $is) = @_;
	spew("$tmp/want$self", $want);
	spew("$tmp/is$self", $is);
	my $diff = `diff -U 100 --label page --label shown $tmp/want$self $tmp/is$self`;
	return indent('diff', $diff);
}

sub slurp
{
	my ($file) = @_;
	open my $in, '<:raw', $file or die "$file: $!\n";
	local $/;
	return <$in> // '';
}

sub spew
{
	my ($file, $text) = @_;
	open my $out, '>:raw', $file or die "$file: $!\n";
	print $out $text;
	close $out or die "$file: $!\n";
}
