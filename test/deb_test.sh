#!/bin/sh
# test/deb_test.sh: builds Debian's package of cirro, installs it on this
# computer, uses it, and removes it.
#
# For a throwaway Debian, such as that of make test-debian: refuses where the
# package is installed already, and touches no cluster but one of its own with
# Debian's settings, in which the waves run as docs/install.md sets pg_cron up.
# autopkgtest runs the package's own tests. As root or by sudo.
set -eu
. "$(dirname "$0")/lib.sh"

as_root()
{
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

apt()
{
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 ||
		{ cat "$log" >&2; die "apt-get $1 failed"; }
}

passed=0
ok()				# ok WHAT-IS-SO COMMAND...
{
	so=$1
	shift
	"$@" || die "not so: $so"
	echo "ok: $so"
	passed=$((passed + 1))
}

[ -z "$(dpkg-query -W -f '${db:Status-Abbrev}' 'postgresql-*-cirro' 2>/dev/null)" ] ||
	die "postgresql-…-cirro is installed: this test removes it, so it wants a Debian without"

log=$(mktemp)
build=$(mktemp -d "$scratch/cirro-debs.XXXXXX")
chmod 755 "$build"
cluster=
cleanup()
{
	# shellcheck disable=SC2086
	[ -z "$cluster" ] || as_root pg_dropcluster --stop $cluster
	rm -rf "$log" "$build"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

"$top/test/setup.sh" autopkgtest
BUILD=$build "$top/test/deb.sh"
deb=$(ls "$build"/postgresql-*-cirro_*.deb)
major=$(basename "$deb" | sed 's/^postgresql-\([0-9]*\)-.*/\1/')
package=postgresql-$major-cirro
[ -e "/usr/share/postgresql/$major/extension/pg_cron.control" ] || apt install --no-install-recommends "postgresql-$major-cron"

apt install --no-install-recommends "$deb"
as_root pg_createcluster --locale C.UTF-8 "$major" cirro_deb --start >"$log"
cluster="$major cirro_deb"

settings()			# settings NAME VALUE...: in the cluster's postgresql.conf, and a restart
{
	while [ $# -gt 0 ]; do
		as_root pg_conftool "$major" cirro_deb set "$1" "$2"
		shift 2
	done
	as_root pg_ctlcluster "$major" cirro_deb restart
}

sql()				# sql COMMAND...: as the superuser, by Debian's rules of who is let in
{
	for command in "$@"; do set -- "$@" -c "$command"; shift; done
	(cd / && as_root runuser -u postgres -- psql -X -q -A -t -v ON_ERROR_STOP=1 --cluster "$major/cirro_deb" -d app "$@" 2>&1)
}

gig="INSERT INTO trees.gig (title, url, start_at, end_at, total_seats, filter_query)
	VALUES ('Plant trees', 'https://example.org/', now() + interval '3 days', now() + interval '4 days', 1, '{\"hours\": {\"\$gte\": 10}}')"
invitations() { sql 'SELECT count(*) FROM trees.invitation'; }

(cd / && as_root runuser -u postgres -- createdb --cluster "$major/cirro_deb" app)
sql 'CREATE EXTENSION cirro' "SELECT cirro.create_space('trees')" \
	"INSERT INTO trees.worker (profile) VALUES ('{\"hours\": 20}'), ('{\"hours\": 5}')" "$gig" 'CALL cirro.run_waves()' >/dev/null
ok 'a wave invites' [ "$(invitations)" = 1 ]

# pg_cron, as it comes: Debian's rules do not let it in, which schedule_waves says.
settings shared_preload_libraries pg_cron cron.database_name app
sql 'CREATE EXTENSION pg_cron'
said=$(sql 'SELECT cirro.schedule_waves()')
tells_host() { case $said in *'pg_cron will connect to host "localhost" as role "postgres"'*) ;; *) echo "$said"; return 1 ;; esac; }
ok 'without background workers schedule_waves() tells that pg_cron has to be let in' tells_host
waits=0
runs() { sql "SELECT count(*) FROM cron.job_run_details WHERE $1"; }
until [ "$(runs "status = 'failed' AND return_message = 'connection failed'")" -ge 1 ]; do
	waits=$((waits + 1))
	[ "$waits" -lt 90 ] || { sql 'TABLE cron.job_run_details'; die "pg_cron does not fail as docs/install.md says"; }
	sleep 1
done
ok "with Debian's rules it is not" true

settings cron.use_background_workers on
sql "$gig"
until [ "$(invitations)" = 2 ]; do
	waits=$((waits + 1))
	[ "$waits" -lt 180 ] || { sql 'TABLE cron.job_run_details'; die "pg_cron runs no waves"; }
	sleep 1
done
ok 'with background workers it runs the waves' true
sql 'SELECT cirro.unschedule_waves()' >/dev/null

# Its own tests, against what is installed. The exit code is also that of apt-get
# update, afterwards, which has nothing to do with them.
as_root autopkgtest --no-built-binaries "$build"/*.changes -- null >"$log" 2>&1 || :
for test in installcheck isolation; do
	if ! grep -Eq "^$test +PASS" "$log"; then tail -n 400 "$log"; fi
	ok "autopkgtest: $test" grep -Eq "^$test +PASS" "$log"
done

files() { find /usr /etc /var/lib/postgresql /var/lib/dpkg -xdev -name '*cirro*' ! -path '*cirro_deb*' -prune 2>/dev/null; }
apt remove "$package"
ok 'removed: tables can still be read' [ "$(invitations)" = 2 ]
runs_waves() { sql 'CALL cirro.run_waves()' >"$log"; }
cannot() { ! "$@"; }
ok 'but waves need the library' cannot runs_waves
apt install --no-install-recommends "$deb"
ok 'installed again, what the Space held is there' [ "$(invitations)" = 2 ]
apt purge "$package"
ok 'purged: no trace is left' [ -z "$(files)" ]
echo "$passed passed, 0 failed"
