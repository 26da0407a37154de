#!/usr/bin/perl
# test/meta.pl: is META.json what the PGXN takes, and does everybody name the
# same version?
#
# Decides by the rules of the PGXN Meta Spec 1.0 (https://pgxn.org/spec/, in the
# strict reading of its JSON schema, pgxn/meta's schema/v1): which keys there
# must and may be, and what their values look like. Only perl's own modules.
# Must not change anything. Prints what is wrong; 1 is its exit code then.
use strict;
use warnings;
use JSON::PP;
use FindBin;

chdir "$FindBin::Bin/.." or die $!;
my $wrong = 0;

sub wrong
{
	print "$_[0]\n";
	$wrong = 1;
}

sub content
{
	my ($name) = @_;
	open my $file, '<:encoding(UTF-8)', $name or die "$name: $!\n";
	local $/;
	return scalar <$file>;
}

my $term = qr/^[^\/\\\s[:cntrl:]]{2,}\z/;
my $identifier = qr/(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)/;
my $semver = qr/(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-$identifier(?:\.$identifier)*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?/;
my $range = qr/^(?:0|(?:(?:[=!]=|[<>]=?)\s*)?$semver(?:,\s*(?:(?:[=!]=|[<>]=?)\s*)?$semver)*)\z/;
my $license = qr/^(?:agpl_3|apache_[12]_[01]|artistic_[12]|bsd|freebsd|gfdl_1_[23]|gpl_[123]|lgpl_2_1|lgpl_3_0|mit
	|mozilla_1_[01]|openssl|perl_5|postgresql|qpl_1_0|ssleay|sun|zlib|open_source|restricted|unrestricted|unknown)\z/x;

# What a value must be: a pattern of text, [rule] for a list of such without
# doubles, {key => rule} for an object, where "!" before a key says that it must
# be there and "*" stands for any other key.
my $text = qr/./s;
my $path = qr/^(?!\/)(?!.*(?:^|\/)\.\.(?:\/|\z)).{2,}\z/;
my %phase = map { $_ => { '*' => $range } } qw(requires recommends suggests conflicts);
my $one_or_more = sub { ref $_[0] eq 'ARRAY' ? [ $_[1] ] : $_[1] };
my %spec = (
	'!name' => $term,
	'!version' => qr/^$semver\z/,
	'!abstract' => $text,
	'!maintainer' => sub { $one_or_more->($_[0], $text) },
	'!license' => sub { ref $_[0] eq 'HASH' ? { '*' => qr/^\w+:/ } : $one_or_more->($_[0], $license) },
	'!provides' => { '*' => { '!file' => $path, '!version' => qr/^$semver\z/, abstract => $text, docfile => $path } },
	'!meta-spec' => { '!version' => qr/^1\.0\.\d+\z/, url => qr,^https?://pgxn\.org/meta/spec\.txt\z, },
	description => $text,
	generated_by => $text,
	tags => [qr/^[^\/\\[:cntrl:]]{2,255}\z/],
	no_index => { map { $_ => sub { $one_or_more->($_[0], $path) } } qw(file directory) },
	prereqs => { map { $_ => \%phase } qw(configure build test runtime develop) },
	release_status => qr/^(?:stable|testing|unstable)\z/,
	resources => {
		homepage => qr/^\w+:/,
		bugtracker => { web => qr/^\w+:/, mailto => qr/@/ },
		repository => { url => qr/^\w+:/, web => qr/^\w+:/, type => $text }
	});

sub check
{
	my ($where, $value, $rule) = @_;
	$rule = $rule->($value) if ref $rule eq 'CODE';
	if (ref $rule eq 'HASH')
	{
		return wrong("$where is no object") if ref $value ne 'HASH';
		wrong("$where is empty") if !%$value;
		for my $key (map { /^!(.*)/ ? $1 : () } sort keys %$rule)
		{
			wrong("$where has no $key") if !exists $value->{$key};
		}
		for my $key (sort keys %$value)
		{
			my $its = $rule->{"!$key"} // $rule->{$key} // $rule->{'*'};
			if ($its) { check("$where.$key", $value->{$key}, $its) }
			elsif ($key !~ /^x_./i) { wrong("$where.$key is no key of the specification") }
			wrong("$where.$key is no term") if $rule->{'*'} && $key !~ $term;
		}
	}
	elsif (ref $rule eq 'ARRAY')
	{
		return wrong("$where is no list") if ref $value ne 'ARRAY';
		wrong("$where is empty") if !@$value;
		my %seen;
		for (@$value)
		{
			check("$where\[]", $_, $rule->[0]);
			wrong("$where has \"$_\" twice") if $seen{$_}++;
		}
	}
	elsif (!defined $value || ref $value || $value !~ $rule)
	{
		wrong("$where is not as the specification says: " . JSON::PP->new->allow_nonref->encode($value));
	}
}

my $meta = eval { JSON::PP->new->decode(content('META.json')) };
if (!$meta) { print "META.json: $@"; exit 1 }
check('META.json', $meta, \%spec);
for my $extension (sort keys %{ $meta->{provides} })
{
	for my $key (qw(file docfile))
	{
		my $name = $meta->{provides}{$extension}{$key} // next;
		wrong("META.json: there is no $name, $key of $extension") if !-e $name;
	}
}

# One version: 1.2.3 of the distribution is 1.2 of the extension.
my ($extension) = content('cirro.control') =~ /^default_version = '(.*)'/m;
my ($changes) = content('CHANGELOG.md') =~ /^## ([\d.]+)/m;
my ($debian) = content('debian/changelog') =~ /^cirro \(([^)]*)\)/;
my ($script) = content('Makefile') =~ /^INSTALL_SQL = install\/cirro--(.*)\.sql$/m;
my ($short) = $meta->{version} =~ /^(\d+\.\d+)/;
my @versions = (
	[ 'META.json', $meta->{version}, $debian, 'debian/changelog' ],
	[ 'META.json', $meta->{version}, $meta->{provides}{cirro}{version}, 'META.json, provides.cirro' ],
	[ 'META.json', $short, $extension, 'cirro.control' ],
	[ 'META.json', $short, $script, 'Makefile, INSTALL_SQL' ],
	[ 'META.json', $short, $changes, 'CHANGELOG.md' ]);
for (@versions)
{
	my ($one, $is, $other, $where) = @$_;
	wrong("the version is $is in $one and " . ($other // 'missing') . " in $where") if ($other // '') ne $is;
}
exit $wrong;
