#!/bin/sh
# test/demo/stop.sh: stops the demo's server and removes its folder.
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
if [ -e "$demo/data/postmaster.pid" ]; then
	cd "$demo"
	as_server "$bindir/pg_ctl" -D "$demo/data" -m fast -w stop >/dev/null ||
		as_server "$bindir/pg_ctl" -D "$demo/data" -m immediate -w stop >/dev/null || :
	cd /
fi
rm -rf "$demo"
[ "${1:-}" = -q ] || echo "The demo is stopped, its folder $demo removed."
