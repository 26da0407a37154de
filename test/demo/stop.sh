#!/bin/sh
# test/demo/stop.sh: stops the demo's server and site, and removes its folder.
#
# Decides nothing; does nothing when there is no demo. Must not touch a folder
# that the demo did not make.
set -eu
. "$(dirname "$0")/../lib.sh"

[ -e "$demo/cirro-demo" ] || { [ "${1:-}" = -q ] || echo "There is no demo."; exit 0; }
owner=$(stat -c %U "$demo")
[ ! -L "$demo" ] && { [ "$owner" = "$(id -un)" ] || [ "$owner" = "$(server_user)" ]; } ||
	die "$demo belongs to $owner: not this user's demo"
bindir=$(cat "$demo/cirro-demo")

# Whether the site runs. Its number may be another process's by now.
site_runs()
{
	[ -s "$demo/site.pid" ] || return 1
	pid=$(cat "$demo/site.pid")
	{ tr '\0' ' ' <"/proc/$pid/cmdline" || ps -o args= -p "$pid"; } 2>/dev/null |
		grep -qF "$demo/cirro/examples/site/server.js"
}

tries=0
while site_runs && [ "$tries" -lt 40 ]; do
	case $tries in
		0) kill "$pid" || : ;;
		35) kill -9 "$pid" || : ;;
	esac
	sleep 0.2
	tries=$((tries + 1))
done
if [ -e "$demo/data/postmaster.pid" ]; then
	cd "$demo"
	as_server "$bindir/pg_ctl" -D "$demo/data" -m fast -w stop >/dev/null ||
		as_server "$bindir/pg_ctl" -D "$demo/data" -m immediate -w stop >/dev/null || :
	cd /
fi
rm -rf "$demo"
[ "${1:-}" = -q ] || echo "The demo is stopped, its folder $demo removed."
