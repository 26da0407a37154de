#!/bin/sh
# test/setup.sh: installs what building and testing need, on Debian and its
# relatives, as root or by sudo.
#
# Decides what is missing by looking for the files themselves; with nothing
# missing it asks for no rights, no network and no time. Installs packages of
# the distribution only, starts no server and changes no setting: a PostgreSQL
# that it installs has no cluster yet (pg_createcluster makes one).
#
# test/setup.sh jsquery    also what only the benchmark needs: jsquery
# test/setup.sh sqlsmith   also what only make fuzz needs: sqlsmith and clang
#
# PG_CONFIG=path   use that PostgreSQL and install none
# PG_MAJOR=15      the major version to use; else the newest installed, else
#                  the distribution's own
set -eu
. "$(dirname "$0")/lib.sh"

as_root()
{
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

also=${1:-}
case $also in ''|jsquery|sqlsmith) ;; *) die "test/setup.sh knows no $also" ;; esac

wanted=
want()				# want PACKAGE... unless the test before it succeeded
{
	wanted="$wanted $*"
}

tools_wanted()
{
	command -v make >/dev/null || want make
	command -v "${CC:-gcc}" >/dev/null || want gcc
	[ -e /usr/include/stdio.h ] || want libc6-dev
	command -v prove >/dev/null || want perl
	perl -MIPC::Run -MTest::More -e 1 2>/dev/null || want libipc-run-perl
	[ "$also" != sqlsmith ] || command -v sqlsmith >/dev/null || want sqlsmith
	[ "$also" != sqlsmith ] || command -v clang >/dev/null || want clang
}

server_wanted()		# server_wanted MAJOR
{
	[ -x "/usr/lib/postgresql/$1/bin/postgres" ] || want "postgresql-$1"
	{ [ -e "/usr/lib/postgresql/$1/lib/pgxs/src/makefiles/pgxs.mk" ] &&
		[ -e "/usr/include/postgresql/$1/server/postgres.h" ]; } || want "postgresql-server-dev-$1"
	# Since 18 the compiler of expressions is a package of its own.
	[ "$1" -lt 18 ] || [ -e "/usr/lib/postgresql/$1/lib/llvmjit.so" ] || want "postgresql-$1-jit"
	[ -e "/usr/share/postgresql/$1/extension/pg_cron.control" ] || want "postgresql-$1-cron"
	[ "$also" != jsquery ] || [ -e "/usr/share/postgresql/$1/extension/$also.control" ] || want "postgresql-$1-$also"
}

# apt COMMAND...: quiet while all is well
apt()
{
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1
}

failed()
{
	tail -n 40 "$log" >&2
	die "$1 (the log is above)"
}

tools_wanted
if [ -n "${PG_CONFIG:-}" ]; then
	[ -e "$("$PG_CONFIG" --pgxs)" ] || die "$PG_CONFIG belongs to a PostgreSQL without its development files (PGXS)"
	major=
else
	major=${PG_MAJOR:-$(debian_major)}
	if [ -n "$major" ]; then server_wanted "$major"; fi
fi
if [ -z "$wanted" ] && [ -n "${PG_CONFIG:-}$major" ]; then exit 0; fi

if ! command -v apt-get >/dev/null; then
	if [ -z "$wanted" ] && command -v pg_config >/dev/null; then exit 0; fi
	die "this is no Debian, so please install by hand:${wanted:+$wanted,} PostgreSQL 15 or later with its server headers, and pg_cron for the demo (or say PG_CONFIG=/path/to/pg_config)"
fi
if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
	die "needs root (there is no sudo) to install:${wanted:- PostgreSQL}"
fi

log=$(mktemp)
hold=/etc/postgresql-common/createcluster.d/cirro-setup.conf
held=
cleanup()
{
	rm -f "$log"
	if [ -n "$held" ]; then as_root rm -f "$hold"; fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

echo "Asking the distribution for its packages ..."
updated=yes
apt update || updated=
if [ -z "$major" ] && [ -z "${PG_CONFIG:-}" ]; then
	major=$(apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | head -n 1)
	[ -n "$major" ] || failed "the distribution's package postgresql cannot be found"
	server_wanted "$major"
fi

# Debian's package would create and start a cluster: a drop-in file, there only
# while the installation runs, asks it not to.
case $wanted in *"postgresql-$major "*|*"postgresql-$major")
	if [ ! -e "/usr/lib/postgresql/$major/bin/postgres" ] && [ ! -e "$hold" ]; then
		held=yes
		as_root mkdir -p "$(dirname "$hold")"
		echo 'create_main_cluster = false' | as_root tee "$hold" >/dev/null
	fi
esac

echo "Installing:$wanted"
# The list of packages is words on purpose.
# shellcheck disable=SC2086
apt install --no-install-recommends $wanted ||
	failed "apt-get could not install:$wanted$([ -n "$updated" ] || echo " (nor update its lists)")"
