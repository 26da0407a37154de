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
# test/setup.sh deb        also what make deb needs to build Debian's package
# test/setup.sh autopkgtest   that as well, and what make deb-test runs
# test/setup.sh clients    also the tools of the suite clients, as far as they
#                          can be had: that one of them cannot is no failure
# test/setup.sh servers    also what connects several servers: PL/Proxy, as far as it
#                          can be had
# test/setup.sh demo       also what the demo's site runs on, as far as it can be
#                          had without asking for a password
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

jsquery='' sqlsmith='' clients='' servers='' deb='' autopkgtest='' demo_too=''
for also in "$@"; do
	case $also in
		jsquery) jsquery=yes ;;
		sqlsmith) sqlsmith=yes ;;
		clients) clients=yes ;;
		servers) servers=yes ;;
		deb) deb=yes ;;
		autopkgtest) deb=yes autopkgtest=yes ;;
		demo) demo_too=yes ;;
		*) die "test/setup.sh knows no $also" ;;
	esac
done

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
	[ -z "$sqlsmith" ] || command -v sqlsmith >/dev/null || want sqlsmith
	[ -z "$sqlsmith" ] || command -v clang >/dev/null || want clang
}

package_is_there()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# What debian/control.in says, and what checks a package.
deb_wanted()
{
	for package in build-essential debhelper postgresql-all postgresql-server-dev-all lintian; do
		package_is_there "$package" || want "$package"
	done
	[ -z "$autopkgtest" ] || package_is_there autopkgtest || want autopkgtest
}

wished=
wish()				# wish PACKAGE... unless the test before it succeeded
{
	wished="$wished $*"
}

clients_wished()
{
	ruby_with active_record pg >/dev/null || wish ruby-activerecord ruby-pg
	python_with psycopg2 >/dev/null || wish python3-psycopg2
	python_with psycopg >/dev/null || wish python3-psycopg
	python_with sqlalchemy >/dev/null || wish python3-sqlalchemy
	python_with django >/dev/null || wish python3-django
	command -v javac >/dev/null || wish default-jdk-headless
	[ -e /usr/share/java/postgresql.jar ] || wish libpostgresql-jdbc-java
	command -v go >/dev/null || wish golang-go
	[ -d /usr/share/gocode/src/github.com/lib/pq ] || wish golang-github-lib-pq-dev
	command -v pgbouncer >/dev/null || wish pgbouncer
	{ command -v node && command -v npm; } >/dev/null || wish npm
	command -v chromium >/dev/null || wish chromium
}

demo_wished()
{
	command -v apt-get >/dev/null || return 0
	[ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || return 0
	command -v node >/dev/null || wish nodejs
	command -v npm >/dev/null || [ -e /usr/share/nodejs/pg ] || wish node-pg
}

server_wanted()		# server_wanted MAJOR
{
	[ -x "/usr/lib/postgresql/$1/bin/postgres" ] || want "postgresql-$1"
	{ [ -e "/usr/lib/postgresql/$1/lib/pgxs/src/makefiles/pgxs.mk" ] &&
		[ -e "/usr/include/postgresql/$1/server/postgres.h" ]; } || want "postgresql-server-dev-$1"
	# Since 18 the compiler of expressions is a package of its own.
	[ "$1" -lt 18 ] || [ -e "/usr/lib/postgresql/$1/lib/llvmjit.so" ] || want "postgresql-$1-jit"
	[ -e "/usr/share/postgresql/$1/extension/pg_cron.control" ] || want "postgresql-$1-cron"
	[ -z "$clients" ] || [ -e "/usr/share/postgresql/$1/extension/pgaudit.control" ] || wish "postgresql-$1-pgaudit"
	[ -z "$servers" ] || [ -e "/usr/share/postgresql/$1/extension/plproxy.control" ] || wish "postgresql-$1-plproxy"
	[ -z "$jsquery" ] || [ -e "/usr/share/postgresql/$1/extension/jsquery.control" ] || want "postgresql-$1-jsquery"
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

# not_wished WHY: goes on without the tools that were only wished for.
not_wished()
{
	echo "Doing without$wished: $1"
	exit 0
}

tools_wanted
if [ -n "$clients" ]; then clients_wished; fi
if [ -n "$deb" ]; then
	command -v dpkg-query >/dev/null || die "Debian's package is built on Debian or a relative of it"
	deb_wanted
fi
if [ -n "$demo_too" ]; then demo_wished; fi
if [ -n "${PG_CONFIG:-}" ]; then
	[ -e "$("$PG_CONFIG" --pgxs)" ] || die "$PG_CONFIG belongs to a PostgreSQL without its development files (PGXS)"
	major=
else
	major=${PG_MAJOR:-$(debian_major)}
	if [ -n "$major" ]; then server_wanted "$major"; fi
fi
complete=
if [ -z "$wanted" ] && [ -n "${PG_CONFIG:-}$major" ]; then complete=yes; fi
if [ -n "$complete" ] && [ -z "$wished" ]; then exit 0; fi

if ! command -v apt-get >/dev/null; then
	if [ -z "$wanted" ] && [ -z "$complete" ] && command -v pg_config >/dev/null; then complete=yes; fi
	if [ -n "$complete" ] && [ -z "$wished" ]; then exit 0; fi
	[ -z "$complete" ] || not_wished "this is no Debian"
	die "this is no Debian, so please install by hand:${wanted:+$wanted,} PostgreSQL 15 or later with its server headers, and pg_cron for the demo (or say PG_CONFIG=/path/to/pg_config)"
fi
if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
	[ -z "$complete" ] || not_wished "installing them needs root, and there is no sudo"
	die "needs root (there is no sudo) to install:${wanted:- PostgreSQL}"
fi
if [ -n "$complete" ] && ! as_root true; then not_wished "installing them needs root"; fi

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

# install PACKAGE...
install()
{
	echo "Installing: $*"
	apt install --no-install-recommends "$@"
}

# The lists of packages are words on purpose.
# shellcheck disable=SC2086
if [ -n "$wanted" ]; then
	install $wanted ||
		failed "apt-get could not install:$wanted$([ -n "$updated" ] || echo " (nor update its lists)")"
fi
# shellcheck disable=SC2086
if [ -n "$wished" ] && ! install $wished; then
	for package in $wished; do
		install "$package" || echo "Doing without $package: apt-get could not install it"
	done
fi
