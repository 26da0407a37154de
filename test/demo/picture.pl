#!/usr/bin/perl
# test/demo/picture.pl [PAGE [PICTURE]]: makes docs/gig.svg, the one picture that is
# kept, of a gig's page as cirro.report() writes it; without a page of the largest
# gig of the demo that is up, at the hour to which its simulation went.
#
# Decides what a chart needs to stand alone: a name space, the page's colours for
# light and dark, a ground of its own, since who shows it may be light or dark
# whatever the reader's browser prefers, and the gig's title above. Must not draw
# anything itself.
use strict;
use warnings;
use File::Basename qw(dirname);

my $top = dirname(dirname(dirname(__FILE__)));
my ($page, $picture) = @ARGV;
$picture //= "$top/docs/gig.svg";

my $html;
if (defined $page)
{
	open my $in, '<', $page or die "$page: $!\n";
	$html = do { local $/; <$in> };
}
else
{
	my $psql = ($ENV{SCRATCH} // '/tmp') . '/cirro-demo-' . getpwuid($<) . '/psql';
	-x $psql or die "there is no demo: make demo, or name a page\n";
	$page = 'the demo';
	open my $answer, '-|', $psql, '-At', '-v', 'ON_ERROR_STOP=1', '-c',
		"SELECT set_config('cirro.clock', (SELECT (g.created_at + interval '3 hours')::text FROM crowd.gig g
			ORDER BY coalesce(g.seats_max, g.total_seats, g.seats_min) DESC LIMIT 1), false)", '-c',
		"SELECT cirro.report('crowd', (SELECT g.id FROM crowd.gig g
			ORDER BY coalesce(g.seats_max, g.total_seats, g.seats_min) DESC LIMIT 1))"
		or die "$psql: $!\n";
	$html = do { local $/; <$answer> };
	close $answer or die "$psql failed\n";
}
my ($title) = $html =~ m{<h1><bdi>(.*?)</bdi></h1>}s or die "$page: no heading\n";
my ($attributes, $chart) = $html =~ m{<svg class="chart wide" id="seats-over-time" ([^>]*)>(.*?)</svg>}s
	or die "$page: no chart of seats\n";
my ($width, $height) = $attributes =~ /viewBox="0 0 (\d+) (\d+)"/ or die "$page: a chart of another shape\n";
my ($style) = $html =~ m{<style>(.*?)</style>}s;
my ($light) = $style =~ /(:root\{color-scheme[^}]*\})/ or die "$page: no colours\n";
my ($dark) = $style =~ /(\@media \(prefers-color-scheme:dark\)\{:root\{[^}]*\}\})/ or die "$page: no dark colours\n";
my @rules = $style =~ /^(\.(?:chart (?:text|\.words)|end|grid|axis|moment|level|steps|area)[^\n]*)$/gm;

my $head = 34;
my $whole = $height + $head;
$attributes =~ s/viewBox="[^"]*"/viewBox="0 -$head $width $whole" width="$width" height="$whole"/;
open my $out, '>', $picture or die "$picture: $!\n";
print $out <<END;
<svg xmlns="http://www.w3.org/2000/svg" class="chart" $attributes>
<style>
$light
$dark
@{[ join "\n", @rules ]}
.chart{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
.ground{fill:var(--card);stroke:var(--line)}
.chart .heading{font-size:16px;font-weight:600;fill:var(--ink)}
</style>
<rect class="ground" x="0.5" y="-@{[ $head - 0.5 ]}" width="@{[ $width - 1 ]}" height="@{[ $height + $head - 1 ]}" rx="10"/>
<text class="heading" x="18" y="-6">$title: seats over time</text>
$chart</svg>
END
close $out or die "$picture: $!\n";
print "$picture has " . (-s $picture) . " bytes.\n";
