#!/bin/sh
# test/bench/notify.sh: measures whether claims of notifications stay fast while
# vacuum cannot remove what is finished, since a long transaction elsewhere holds
# a snapshot, and says which of cirro's bars are met.
#
# Decides the order: in each round the same notifications are handed out and
# confirmed by as many claimers once beside such a transaction and once without,
# in turns. Data and statements are in notify_load.sql, the table in
# notify_report.sql. Prints Markdown, and on the standard error how far it is. Must
# not touch the PostgreSQL of this computer (test/lib.sh), nor leave anything behind:
# a private copy of PostgreSQL, a throwaway cluster on a socket in a temporary
# folder. A bar that is not met is a result, not a failure; that a notification is
# handed out twice or left over is one.
#
# NOTIFICATIONS=100000   outstanding
# CLAIMERS=8             how many at a time, who claim 100 each
# ROUNDS=3               how often with and without
#                        (NOTIFICATIONS=20000 ROUNDS=1: a few seconds)
# FLOOR=off              no floor is kept: what claims would cost without
# SHARED_BUFFERS=1GB
# PG_CONFIG, PG_MAJOR     which PostgreSQL (test/setup.sh)
# SCRATCH=/tmp     where the temporary folder is made: on the disk to measure
# KEEP=1           keep the temporary folder and its server, and say where
set -eu
. "$(dirname "$0")/server.sh"

notifications=${NOTIFICATIONS:-100000}
claimers=${CLAIMERS:-8}
rounds=${ROUNDS:-3}
whole_numbers "sizes" "$notifications" "$claimers" "$rounds"
case ${FLOOR:-on} in on|off) ;; *) die "FLOOR is on or off, not $FLOOR" ;; esac

# Durable as PostgreSQL is by default.
bench_server <<END
shared_buffers = '${SHARED_BUFFERS:-1GB}'
END
db -f test/bench/notify_load.sql >/dev/null
[ "${FLOOR:-on}" = on ] || db -c 'CALL bench.keep_no_floor()'

# Each session compiles and plans on something else first.
cat >"$work/claim.sql" <<'END'
\set n :n + 1
\if :n <= 10
SELECT space.confirm_notifications(max(claim)) FROM space.claim_notifications(100, '1 minute', 'warm_up') HAVING count(*) > 0;
\else
SELECT bench.claim() AS claim \gset
SELECT space.confirm_notifications(:claim);
\endif
END

# drained SNAPSHOT ROUND: hands out all of them; SNAPSHOT is yes or no.
drained()
{
	db -c "CALL bench.fill($notifications, $claimers * 1000)" -c 'VACUUM (ANALYZE)' -c CHECKPOINT
	holder=
	if [ "$1" = yes ]; then
		db -c 'BEGIN ISOLATION LEVEL REPEATABLE READ' -c 'SELECT count(*) FROM space.gig' \
			-c "SET application_name = 'holder'" -c 'SELECT pg_sleep(86400)' >/dev/null 2>&1 &
		holder=$!
		until [ "$(db -c "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holder' AND state = 'active'")" = 1 ]; do
			kill -0 "$holder" || die "nobody holds a snapshot"
			sleep 0.1
		done
	fi
	# More calls than needed: nobody has done his share before all is drained.
	quietly "$bindir/pgbench" -n -M prepared -h "$work/socket" -U postgres -f "$work/claim.sql" \
		-c "$claimers" -j 2 -D n=0 -t $((notifications / 100 / claimers * 3 / 2 + 30)) bench
	if grep -q 'aborted\|^number of failed.*[1-9] (' "$work/log"; then cat "$work/log" >&2; die "a claimer failed"; fi
	if [ -n "$holder" ]; then
		[ "$(db -c "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'holder' AND backend_xmin IS NOT NULL")" = 1 ] ||
			die "the snapshot was not held to the end"
		wait "$holder" 2>/dev/null || :
	fi
	[ "$(db -c "SELECT count(*) FROM space.notification WHERE outcome IS NULL AND consumer = 'default'")" = 0 ] || die "notifications were left over"
	[ "$(db -c 'SELECT count(*) FROM bench.handed_out')" = "$notifications" ] || die "the log of claims has another count"
	db -c "CALL bench.keep('$1', $2)"
}

round=0
while [ $((round += 1)) -le "$rounds" ]; do
	say "round $round of $rounds"
	if [ $((round % 2)) = 1 ]; then order='yes no'; else order='no yes'; fi
	for snapshot in $order; do
		drained "$snapshot" "$round"
	done
done

say "done"
db -f test/bench/notify_report.sql
