#!/usr/bin/perl
#
# test/docs/faults.pl: whether run.pl and links.pl see what is wrong with a page.
#
# Decides which faults they must see: a page each, and some without a fault that
# must pass. Exit code 1 if one is taken for the other.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);

my $here = dirname(abs_path($0));
my $dir = tempdir('faultsXXXX', DIR => $here, CLEANUP => 1);
my $f = '```';
my %pages = (
	'good' => "${f}sql\nSELECT 1 AS one;\n$f\n\n$f\n one\n-----\n   1\n$f\n",
	'good_error' => "${f}sql\nSELECT 1/0;\n$f\n$f\nERROR:  division by zero\n$f\n",
	'good_session' => "${f}sql\nSET cirro.clock = '2030-01-01';\n$f\n${f}sql\nSELECT cirro.now();\n$f\n$f\n          now\n"
	  . "------------------------\n 2030-01-01 00:00:00+00\n$f\n",
	'good_space' => "<!-- docs: space trees -->\n${f}sql\nSELECT ref FROM trees.worker WHERE id = 1;\n$f\n$f\n ref\n-----\n ada\n$f\n",
	'good_skip' => "${f}sql\nSELECT 1;\n$f\n<!-- docs: skip no such server -->\n${f}sql\nSELECT nonsense;\n$f\n$f\nwhatever\n$f\n",
	'good_hidden' => "<!-- docs: run\nCREATE TABLE t (a int);\n-->\n${f}sql\nSELECT * FROM t;\n$f\n",
	'good_from' => "<!-- docs: from test/docs/space.sql -->\n${f}text\nCREATE EXTENSION IF NOT EXISTS cirro;\n…\n"
	  . "SELECT FROM :\"space\".accept(1) \\g /dev/null\n$f\n",
	'good_list' => "- item\n\n  ${f}sql\n  SELECT 1 AS one;\n  $f\n  $f\n   one\n  -----\n     1\n  $f\n",
	'other_output' => "${f}sql\nSELECT 1 AS one;\n$f\n$f\n one\n-----\n   2\n$f\n",
	'less_output' => "${f}sql\nSELECT 1 AS one;\nSELECT 2 AS two;\n$f\n$f\n one\n-----\n   1\n$f\n",
	'more_output' => "${f}sql\nSELECT 1 AS one;\n$f\n$f\n one\n-----\n   1\n\n two\n-----\n   2\n$f\n",
	'error' => "${f}sql\nSELECT 1/0;\n$f\n",
	'error_in_the_middle' => "${f}sql\nSELECT 1;\nSELECT 1/0;\nSELECT 2;\n$f\n",
	'no_error' => "${f}sql\nSELECT 1;\n$f\n$f\nERROR:  division by zero\n$f\n",
	'notice' => "${f}sql\nDO 'BEGIN RAISE NOTICE \$\$psst\$\$; END';\nSELECT 1 AS one;\n$f\n$f\n one\n-----\n   1\n$f\n",
	'hidden_error' => "<!-- docs: run\nSELECT 1/0;\n-->\n${f}sql\nSELECT 1;\n$f\n",
	'no_end' => "${f}sql\nSELECT 1\n$f\n${f}sql\nSELECT 2;\n$f\n",
	'open_quote' => "${f}sql\nSELECT 'a;\n$f\n${f}sql\nSELECT 2;\n$f\n",
	'quits' => "${f}sql\nSELECT 1;\n\\q\n$f\n${f}sql\nSELECT 2;\n$f\n",
	'bad_command' => "${f}sql\nSELECT 1;\n\\nonsense\n$f\n",
	'bad_copy' => "${f}sql\nCREATE TABLE t (a int);\n\\copy t FROM nonsense.csv\n$f\n",
	'bad_include' => "${f}sql\nSELECT 1;\n\\i nonsense.sql\n$f\n",
	'all_skipped' => "<!-- docs: skip no reason -->\n${f}sql\nSELECT 1;\n$f\n",
	'typing_error' => "<!-- docs: spaec trees -->\n${f}sql\nSELECT 1;\n$f\n",
	'no_reason' => "<!-- docs: skip -->\n${f}sql\nSELECT 1;\n$f\n",
	'no_fence' => "<!-- docs: skip that -->\n\nNothing.\n\n${f}sql\nSELECT 1;\n$f\n",
	'no_file' => "<!-- docs: from test/docs/nonsense.sql -->\n${f}text\nSELECT 1;\n$f\n",
	'not_in_file' => "<!-- docs: from test/docs/space.sql -->\n${f}text\nSELECT nonsense;\n$f\n",
	'not_in_order' => "<!-- docs: from test/docs/space.sql -->\n${f}text\nSELECT FROM :\"space\".accept(1) \\g /dev/null\n"
	  . "CREATE EXTENSION IF NOT EXISTS cirro;\n$f\n",
	'open_fence' => "${f}sql\nSELECT 1;\n");
my %why = (
	'other_output' => 'another output', 'less_output' => 'another output', 'more_output' => 'another output',
	'error' => 'an error', 'error_in_the_middle' => 'an error', 'no_error' => 'another output',
	'notice' => 'another output', 'hidden_error' => 'an error', 'no_end' => 'does not end with ;',
	'open_quote' => 'an open quote', 'quits' => 'the session ended', 'bad_command' => 'an error',
	'bad_copy' => 'an error', 'bad_include' => 'an error',
	'all_skipped' => 'none of its 1 fences', 'typing_error' => 'unknown comment', 'no_reason' => 'unknown comment',
	'no_fence' => 'no fence follows', 'no_file' => 'there is no test/docs/nonsense.sql',
	'not_in_file' => 'do not stand', 'not_in_order' => 'do not stand', 'open_fence' => 'the fence has no end');
my %links = (
	'link_good' => "# A `b`: c, d_e\n\n[x](#a-b-c-d_e) [y](link_good.md#one-1) [web](https://example.org/nonsense)\n\n## One\n\n## One\n",
	'link_file' => "[x](nonsense.md)\n",
	'link_anchor' => "# One\n\n[x](#two)\n",
	'link_anchor_there' => "[x](link_good.md#two)\n",
	'link_named' => "[x][nowhere]\n",
	'link_path' => "[x](link_good.md) `test/t/nonsense.pl`\n",
	'link_target' => "[x](link_good.md) `make nonsense`\n",
	'link_image' => "<img src=\"nonsense.svg\">\n",
	'link_none' => "Nothing.\n");

for (keys %pages, keys %links)
{
	open my $out, '>', "$dir/$_.md" or die "$dir: $!\n";
	print $out $pages{$_} // $links{$_};
	close $out or die "$dir: $!\n";
}

my $wrong = 0;
my $said = `$here/run.pl @{[ map { "$dir/$_.md" } sort keys %pages ]} 2>&1`;
wrong('run.pl ends as if all were well') if $? == 0;
for (sort keys %pages)
{
	my $passed = $said =~ /^ok: \S*\/\Q$_\E\.md: /m;
	my $failed = $said =~ /^failed: \S*\/\Q$_\E\.md$/m;
	wrong("run.pl takes page $_ for " . ($passed ? 'good' : 'bad')) if /^good/ ? !$passed || $failed : $passed || !$failed;
	wrong("run.pl does not say of page $_ that $why{$_}") if !/^good/ && $said !~ /^\S*\/\Q$_\E\.md:\d+: .*\Q$why{$_}\E/m;
}
wrong('run.pl tells of no skipped block') unless $said =~ /^skipped: \S*good_skip\.md:\d+: no such server$/m;
for (sort keys %links)
{
	my $out = `$here/links.pl $dir/$_.md 2>&1`;
	wrong("links.pl takes page $_ for " . ($? ? "bad:\n$out" : 'good')) if /good/ ? $? : !$?;
	wrong("links.pl says of page $_:\n$out") if !/good/ && $out !~ /nonsense|#two|\[nowhere\]|^0 links/;
}
print $said if $wrong;
print scalar(keys %pages) + scalar(keys %links), " pages\n";
exit($wrong ? 1 : 0);

sub wrong
{
	print "$_[0]\n";
	$wrong++;
}
