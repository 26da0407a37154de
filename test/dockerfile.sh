#!/bin/sh
# test/dockerfile.sh: runs the commands of Dockerfile one by one on this computer,
# for want of a container engine, then its server with docs/install.md's
# settings, and waits for a wave by pg_cron.
#
# For a throwaway Debian, as root: it installs packages, and files that it removes
# again. What it cannot show is what the official image has that Debian has not.
#
# PG_MAJOR=15   the PostgreSQL of this Debian
set -eu
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || die "test/dockerfile.sh wants to be root of a throwaway Debian"

export DEBIAN_FRONTEND=noninteractive
if [ -z "${PG_MAJOR:-}" ]; then "$top/test/setup.sh"; fi
export PG_MAJOR="${PG_MAJOR:-$(debian_major)}"
export PATH="$PATH:/usr/lib/postgresql/$PG_MAJOR/bin"
work=$(mktemp -d "$scratch/cirro-dockerfile.XXXXXX")
cleanup()
{
	if [ -e "$work/data/postmaster.pid" ]; then as_server "/usr/lib/postgresql/$PG_MAJOR/bin/pg_ctl" -D "$work/data" -m immediate stop >/dev/null; fi
	if [ -e /usr/src/cirro/Makefile ]; then
		make -s -C /usr/src/cirro uninstall PG_CONFIG="/usr/lib/postgresql/$PG_MAJOR/bin/pg_config" >/dev/null
	fi
	rm -rf "$work" /usr/src/cirro /opt/cirro
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

# One instruction a line; the server is to run with the last one.
cd "$top"
sed -e ':more' -e '/\\$/{N;s/\\\n[ 	]*//;b more' -e '}' -e '/^#/d' -e '/^$/d' Dockerfile >"$work/instructions"
while read -r instruction arguments; do
	echo "== $instruction $arguments"
	case "$instruction $arguments" in
		'ARG '*|'FROM '*) ;;
		'RUN '*) sh -c "$arguments" </dev/null >"$work/log" 2>&1 || { tail -n 40 "$work/log"; die "this failed"; } ;;
		'COPY --from=build '*) from=${arguments#--from=build }; cp -R "${from% *}." "${from#* }" ;;
		'COPY . '*) own_tree "${arguments#. }"; chown -R root: "${arguments#. }" ;;
		'CMD '*) server=$(echo "$arguments" | sed -e 's/^\[//' -e 's/\]$//' -e 's/,/ /g') ;;
		*) die "test/dockerfile.sh knows no $instruction" ;;
	esac
done <"$work/instructions"

# As the image's entry point does.
cd /
chown postgres: "$work"
as_server "/usr/lib/postgresql/$PG_MAJOR/bin/initdb" -D "$work/data" -U postgres --auth=trust -E UTF8 --no-locale >/dev/null
eval "set -- $server"
shift
as_server "/usr/lib/postgresql/$PG_MAJOR/bin/pg_ctl" -D "$work/data" -l "$work/server.log" -w start \
	-o "$* -c cron.database_name=postgres -c unix_socket_directories='$work' -c port=54399" >/dev/null || { cat "$work/server.log"; die "no server"; }
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$work" -p 54399 -U postgres postgres "$@"; }
sql -c 'CREATE EXTENSION pg_cron' -c 'CREATE EXTENSION cirro' -c "SELECT cirro.create_space('trees')" \
	-c 'INSERT INTO trees.worker DEFAULT VALUES' \
	-c "INSERT INTO trees.gig (title, url, start_at, end_at, total_seats, filter_query)
		VALUES ('Plant trees', 'https://example.org/', now() + interval '3 days', now() + interval '4 days', 1, '{}')" \
	-c 'SELECT cirro.schedule_waves()' >/dev/null
waits=0
until [ "$(sql -c 'SELECT count(*) FROM trees.invitation')" = 1 ]; do
	waits=$((waits + 1))
	[ "$waits" -lt 90 ] || { sql -c 'TABLE cron.job_run_details'; die "pg_cron runs no waves"; }
	sleep 1
done
echo "ok: the commands of Dockerfile run, and its server runs waves by pg_cron"
