#!/usr/bin/perl
#
# test/docs/links.pl: whether what the Markdown of this repository points at is
# there.
#
# Decides what a link of a page is: inline and reference links, images, src,
# href and srcset of HTML; an anchor is a heading's, by GitHub's rules, or an id.
# Beside links, code spans: one that is a path below a folder of the repository
# names a file, `make x` a target. Must not look beyond the repository: addresses
# on the web are not asked.
#
#   test/docs/links.pl            all *.md
#   test/docs/links.pl FILE...    these
#
# Prints each that leads nowhere. Exit code 1 if there was one, or none to check.

use strict;
use warnings;
use utf8;
use open qw(:std :utf8);
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Find;

my $top = dirname(dirname(dirname(abs_path($0))));
my @files = map { abs_path($_) || die "there is no $_\n" } @ARGV;
chdir $top or die "$top: $!\n";
@files = map { s/^\Q$top\E\///r } @files;
unless (@files)
{
	find({ no_chdir => 1, wanted => sub {
		$File::Find::prune = 1 if /\/(?:\.git|node_modules|tmp_check|results|output_iso)$/;
		push @files, s/^\.\///r if /\.md$/ && -f;
	} }, '.');
	@files = sort @files;
}

my %folder = map { s/\/$//r => 1 } glob('*/');
my %target = map { $_ => 1 } qw(all install uninstall clean distclean installcheck check dist);
for my $line (split /\n/, slurp('Makefile'))
{
	$target{$_} = 1 for $line =~ /^([\w\$ ().-]+?)\s*::?(?!=)/ ? split ' ', $1 : ();
	$target{$_} = 1 for $line =~ /^ALONE\s*=\s*(.*)/ ? split ' ', $1 : ();
}
# One for each of these.
$target{"bench-$_"} = 1 for map { m{(\w+)\.sh$} } grep { !/server/ } glob 'test/bench/*.sh';
my (%anchors, $links, $spans, $bad);
$links = $spans = $bad = 0;

for my $file (@files)
{
	my ($text) = prose($file);
	my %named = map { lc $_->[0] => $_->[1] } map { [ /^\s{0,3}\[([^\]]+)\]:\s+<?(\S+?)>?(?:\s|$)/ ? ($1, $2) : () ] }
	  grep { /^\s{0,3}\[[^\]^]+\]:\s/ } @$text;
	my $dir = dirname($file);

	for my $i (keys @$text)
	{
		my $line = $text->[$i];
		my $at = "$file:" . ($i + 1);
		while ($line =~ /(?<!`)(`+)(?!`)\s?(.+?)\s?(?<!`)\1(?!`)/g) { span($at, $dir, $2); }
		my $plain = $line =~ s/(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)/code/gr;
		for my $to ($plain =~ /\]\(\s*<?([^\s()<>]+(?:\([^\s()]*\)[^\s()<>]*)*)>?(?:\s+"[^"]*")?\s*\)/g) { link_to($at, $file, $to); }
		for my $set ($plain =~ /\bsrcset="([^"]+)"/g) { link_to($at, $file, (split ' ', $_)[0]) for split /,/, $set; }
		for my $to ($plain =~ /\b(?:href|src)="([^"]+)"/g) { link_to($at, $file, $to); }
		if ($plain =~ /^\s{0,3}\[([^\]^]+)\]:\s+<?(\S+?)>?(?:\s|$)/) { link_to($at, $file, $2); }
		else
		{
			for my $name ($plain =~ /\]\[([^\]]+)\]/g)
			{
				fault($at, "no link is called [$name]") unless $named{ lc $name };
			}
		}
	}
}
print "$links links and $spans paths and targets in ", scalar @files, " pages, $bad lead nowhere\n";
exit($bad || !$links ? 1 : 0);

sub fault
{
	print "$_[0]: $_[1]\n";
	$bad++;
}

sub link_to
{
	my ($at, $file, $to) = @_;
	return if $to =~ /^(?:https?|mailto):/;
	$links++;
	return fault($at, "$to: no relative path") if $to =~ /^(?:\/|[a-z]+:)/;
	my ($path, $anchor) = $to =~ /^([^#]*)(?:#(.*))?$/;
	$path =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
	my $there = $path eq '' ? $file : normal(dirname($file) . "/$path");
	return fault($at, "$to: outside of the repository") unless defined $there;
	return fault($at, "$to: there is no $there") unless -e $there;
	return unless defined $anchor;
	return fault($at, "$to: an anchor in what is no Markdown") unless $there =~ /\.md$/;
	fault($at, "$to: $there has no heading #$anchor") unless anchors($there)->{$anchor};
}

sub span
{
	my ($at, $dir, $code) = @_;
	if ($code =~ /^(?:sudo )?make ((?:[a-z][\w-]*)(?: [a-z][\w-]*)*)$/)
	{
		for (split ' ', $1)
		{
			$spans++;
			fault($at, "`$code`: the Makefile has no target $_") unless $target{$_};
		}
	}
	elsif ($code =~ /^([\w.-]+)\/[\w.*\/-]*$/ && $folder{$1})
	{
		# A name in capitals stands for any: test/t/NNN_name.pl
		return if $code =~ /(?:^|[\/_.-])[A-Z]{4,}(?:[\/_.-]|$)/ && !-e $code || $code =~ /NNN|NAME/;
		$spans++;
		my @there = glob($code);
		fault($at, "`$code`: there is no such file") unless grep { -e $_ || -e "$dir/$_" } @there;
	}
}

# A path without . and ..; undef if it leads out.
sub normal
{
	my @out;
	for (split /\//, $_[0])
	{
		next if $_ eq '.' || $_ eq '';
		if ($_ eq '..') { return unless @out; pop @out; }
		else { push @out, $_; }
	}
	return join('/', @out) || '.';
}

# The lines of a page, those in fences and comments emptied, and its headings.
sub prose
{
	my ($file) = @_;
	my (@lines, @headings, $fence, $comment);
	for (split /\n/, slurp($file), -1)
	{
		if ($fence)
		{
			undef $fence if /^\s*\Q$fence\E[`~]*\s*$/;
			push @lines, '';
			next;
		}
		if (/^\s*(`{3,}|~{3,})/) { $fence = $1; push @lines, ''; next; }
		my $line = $_;
		if ($comment) { $line =~ s/^.*?-->// ? ($comment = 0) : ($line = ''); }
		$line =~ s/<!--.*?-->//g;
		if ($line =~ s/<!--.*//) { $comment = 1; }
		push @headings, $1 if $line =~ /^\s{0,3}#{1,6}\s+(.*?)(?:\s+#+)?\s*$/;
		push @lines, $line;
	}
	return (\@lines, \@headings);
}

sub anchors
{
	my ($file) = @_;
	return $anchors{$file} ||= do
	{
		my ($lines, $headings) = prose($file);
		my (%seen, %is);
		for my $heading (@$headings)
		{
			my $slug = $heading;
			$slug =~ s/!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])/$1/g;
			$slug =~ s/<[^>]+>//g unless $slug =~ /`/;
			$slug =~ s/(?<!\w)([*_]{1,3})(\S(?:.*?\S)?)\1(?!\w)/$2/g;
			$slug = lc $slug;
			$slug =~ s/[^\p{L}\p{M}\p{N}\p{Pc} -]//g;
			$slug =~ s/ /-/g;
			my $n = $seen{$slug}++;
			$is{ $n ? "$slug-$n" : $slug } = 1;
		}
		for (@$lines) { $is{$_} = 1 for /\b(?:id|name)="([^"]+)"/g; }
		\%is;
	};
}

sub slurp
{
	my ($file) = @_;
	open my $in, '<', $file or die "$file: $!\n";
	local $/;
	return <$in> // '';
}
