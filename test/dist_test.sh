#!/bin/sh
# test/dist_test.sh: the zip that the PGXN takes builds and installs without
# git, as whoever unpacks it would do.
#
# A repository of its own, in the temporary folder, holds the sources as they
# stand, for make dist packs a commit. Removes build/: for a copy of the sources, as
# make test makes one. The argument is the pg_config to build with; 77 is the exit code where
# there is no git.
set -eu
export PG_CONFIG="${1:-pg_config}"
cd "$(dirname "$0")/.."
command -v git >/dev/null || { echo "there is no git"; exit 77; }

work=$(mktemp -d)
made=$PWD/build
trap 'rm -rf "$work" "$made"' EXIT
export GIT_DIR="$work/git" GIT_WORK_TREE="$PWD" GIT_CONFIG_GLOBAL=/dev/null
git init -q -b main
git add -A
git -c user.name=x -c user.email=x@example.org commit -q -m x
make -s dist >/dev/null

# Perl unpacks it, the modes of its files left aside: nothing may need them.
perl -MIO::Uncompress::Unzip=:all -MFile::Basename -MFile::Path=make_path -e '
	my ($zip, $to) = @ARGV;
	my $in = IO::Uncompress::Unzip->new($zip) or die $UnzipError;
	for (my $more = 1; $more > 0; $more = $in->nextStream)
	{
		my $name = $in->getHeaderInfo->{Name};
		die "$name is not below cirro-VERSION/\n" if $name !~ /^cirro-\d+\.\d+\.\d+\// || $name =~ /\.\./;
		next if $name =~ /\/$/;
		make_path(dirname("$to/$name"));
		open my $out, ">", "$to/$name" or die "$name: $!\n";
		my $part;
		print $out $part while $in->read($part) > 0;
		close $out or die $!;
	}' build/cirro-*.zip "$work"
unset GIT_DIR GIT_WORK_TREE
cd "$work"/cirro-*
perl test/meta.pl
[ ! -e .git ] && [ ! -e .ci ] || { echo "what is the repository's alone is in the zip"; exit 1; }

# All at once, from nothing.
make -s -j 8 COPT=-Werror with_llvm=no
make -s install DESTDIR="$work/root" with_llvm=no >/dev/null
for file in "$($PG_CONFIG --pkglibdir)/cirro.so" \
	"$($PG_CONFIG --sharedir)/extension/cirro.control" \
	"$($PG_CONFIG --sharedir)/extension/cirro--1.0.sql"; do
	[ -s "$work/root$file" ] || { echo "$file was not installed"; exit 1; }
done
make -s uninstall DESTDIR="$work/root" with_llvm=no >/dev/null
left=$(find "$work/root" -type f)
[ -z "$left" ] || { echo "make uninstall left: $left"; exit 1; }
make -s clean
[ -z "$(find . -name '*.o' -o -name '*.so' -o -name 'cirro--1.0.sql')" ] || { echo "make clean left objects"; exit 1; }
