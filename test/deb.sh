#!/bin/sh
# test/deb.sh: builds Debian's package of cirro for the PostgreSQL that this
# release of Debian has, and runs lintian on it.
#
# Installs what building needs (test/setup.sh deb); builds, with the regression
# tests, in a temporary folder as the user that runs servers, and leaves the
# packages in build/. Must not write anywhere else in the checkout.
#
# DEB_BUILD_OPTIONS=nocheck   without the tests
# BUILD=folder                where the packages are left (build/)
# SCRATCH=/tmp, KEEP=1        where the temporary folder is made; keep it
set -eu
. "$(dirname "$0")/lib.sh"

"$top/test/setup.sh" deb

build=${BUILD:-$top/build}
umask 022
work=$(mktemp -d "$scratch/cirro-deb.XXXXXX")
chmod 755 "$work"
cleanup()
{
	if [ -n "${KEEP:-}" ]; then echo "Kept: $work"; else rm -rf "$work"; fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

own_tree "$work/cirro"
if [ "$(id -u)" = 0 ]; then chown "$(server_user):" "$work"; fi
cd "$work/cirro"

# quietly COMMAND...: shows what it says only if it fails
quietly()
{
	as_server env HOME="$work" LC_ALL=C.UTF-8 TMPDIR="$work" \
		DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-}" "$@" >>"$work/log" 2>&1 ||
		{ tail -n 200 "$work/log" >&2; die "$1 failed (the end of its log is above)"; }
}
: >"$work/log"
if [ "$(id -u)" = 0 ]; then chown "$(server_user):" "$work/log"; fi

echo "Building the package ..."
quietly pg_buildext updatecontrol
quietly dpkg-buildpackage -us -uc
# One source for several releases: whichever version of Debian's policy it names,
# some of them know a newer one.
echo "lintian:"
as_server env HOME="$work" TMPDIR="$work" LC_ALL=C.UTF-8 lintian --display-info --fail-on error,warning,info \
	--suppress-tags out-of-date-standards-version ../*.changes ||
	die "lintian is not content"
echo "ok"

mkdir -p "$build"
for file in ../*.deb ../*.dsc ../*.tar.* ../*.changes ../*.buildinfo; do
	cp "$file" "$build/"
done
for file in ../*.deb; do
	case $file in *-dbgsym_*) ;; *) echo "Built: $build/$(basename "$file")" ;; esac
done
