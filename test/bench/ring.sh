#!/bin/sh
# test/bench/ring.sh: measures what a call costs that goes through the front of a ring
# (examples/ring), beside the same call at the back end, and says whether cirro's bar is
# met.
#
# Decides the order: in each round every kind of call is made in blocks by one client,
# through the front and at the back end in turns; each call is timed by itself. Front
# and back end are two databases of one server, so the network is none: what is measured
# is PL/Proxy, a second process, and the way through a socket. The Space is made by
# ring_load.sql, the table by ring_report.sql. Prints Markdown, and on the standard error
# how far it is. Must not touch the PostgreSQL of this computer (test/lib.sh), nor leave
# anything behind: a private copy of PostgreSQL, a throwaway cluster on a socket in a
# temporary folder. A bar that is not met is a result, not a failure.
#
# CALLS=1000       calls of a block, of which the first tenth is not counted
# ROUNDS=7         how often each block (CALLS=200 ROUNDS=2: seconds)
# PG_CONFIG, PG_MAJOR     which PostgreSQL (test/setup.sh)
# SCRATCH=/tmp     where the temporary folder is made
# KEEP=1           keep the temporary folder and its server, and say where
set -eu
. "$(dirname "$0")/server.sh"

calls=${CALLS:-1000} rounds=${ROUNDS:-7}
whole_numbers "CALLS and ROUNDS" "$calls" "$rounds"

# Nothing here is to survive: the disk is the same for both.
bench_server plproxy servers <<END
shared_buffers = '512MB'
fsync = off
END

say "making a Space with $((calls * rounds * 2)) invitations, and its front"
db -v invitations=$((calls * rounds * 2)) -f test/bench/ring_load.sql >/dev/null
quietly "$bindir/psql" -X -q -v ON_ERROR_STOP=1 -h "$work/socket" -U postgres -d bench -f examples/ring/back_end.sql
quietly "$bindir/createdb" -h "$work/socket" -U postgres front
quietly "$bindir/psql" -X -q -v ON_ERROR_STOP=1 -h "$work/socket" -U postgres -d front -f examples/ring/front.sql \
	-c "INSERT INTO ring.back_end VALUES ('a', 'host=$work/socket dbname=bench')" -c "INSERT INTO ring.space VALUES ('crowd', 'a')"
quietly env PATH="$bindir:$PATH" PGHOST="$work/socket" PGUSER=postgres PGDATABASE=front examples/ring/dispatch

# n is the number of the call, from the first of the block on.
cat >"$work/accept.sql" <<'END'
\set n :n + 1
SELECT * FROM crowd.accept(:n);
END
cat >"$work/try_accept.sql" <<'END'
SELECT * FROM crowd.try_accept(1);
END
cat >"$work/worker_id.sql" <<'END'
SELECT crowd.worker_id('w7');
END
cat >"$work/worker_invitation.sql" <<'END'
\set n :n + 1
SELECT * FROM crowd.worker_invitation WHERE worker_id = :n;
END
# An accept of a gig that is filled, seen to by the caller.
cat >"$work/refused.sql" <<'END'
DO $$ BEGIN PERFORM crowd.accept(1000000000); EXCEPTION WHEN SQLSTATE 'UG003' THEN END $$;
END

# block KIND DATABASE FIRST
block()
{
	quietly "$bindir/pgbench" -n -M prepared -h "$work/socket" -U postgres -f "$work/$1.sql" -D n="$3" \
		-t "$calls" -l --log-prefix="$work/socket/log" "$2"
	# client, number, microseconds, …
	awk -v OFS='\t' -v kind="$1" -v place="$2" -v from=$((calls / 10)) '$2 > from { print kind, place, $3 }' "$work"/socket/log.* >>"$work/samples"
	rm -f "$work"/socket/log.*
}

: >"$work/samples"
first=0
for round in $(seq "$rounds"); do
	say "round $round of $rounds"
	if [ $((round % 2)) = 1 ]; then order='front bench'; else order='bench front'; fi
	for place in $order; do
		for kind in accept try_accept worker_id worker_invitation refused; do block "$kind" "$place" "$first"; done
		first=$((first + calls))
	done
done

say "done"
db -c "\\copy bench.sample FROM '$work/samples'"
db -f test/bench/ring_report.sql
