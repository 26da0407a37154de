#!/bin/sh
# test/bench/report.sh: measures how long cirro.report() takes and how long its
# pages are, for a Space with many gigs and invitations and for its largest gig,
# and says which of cirro's bars are met.
#
# Data are in report_load.sql: what a Space of that size holds after two months,
# with an event of each change and a notification of each event. The table is in
# report_report.sql. Prints Markdown, and on the standard error how far it is. Must
# not touch the PostgreSQL of this computer (test/lib.sh), nor leave anything behind:
# a private copy of PostgreSQL, a throwaway cluster on a socket in a temporary
# folder. A bar that is not met is a result, not a failure.
#
# INVITATIONS=1000000    of which the first gig has a tenth
# GIGS=2000
# ROUNDS=5               how often each page is made; the median counts
#                        (INVITATIONS=50000 ROUNDS=1: a few seconds)
# SHARED_BUFFERS=1GB
# PG_CONFIG, PG_MAJOR     which PostgreSQL (test/setup.sh)
# SCRATCH=/tmp     where the temporary folder is made: on the disk to measure
# KEEP=1           keep the temporary folder and its server, and say where
set -eu
. "$(dirname "$0")/server.sh"

invitations=${INVITATIONS:-1000000}
gigs=${GIGS:-2000}
rounds=${ROUNDS:-5}
whole_numbers "sizes" "$invitations" "$gigs" "$rounds"

# As PostgreSQL is by default, with workers in parallel: who reads a page waits for it.
bench_server <<END
max_parallel_workers_per_gather = 2
shared_buffers = '${SHARED_BUFFERS:-1GB}'
END
say "a Space of $gigs gigs and $invitations invitations"
db -v gigs="$gigs" -v invitations="$invitations" -f test/bench/report_load.sql >/dev/null
db -c 'VACUUM (ANALYZE)' -c CHECKPOINT

round=0
while [ $((round += 1)) -le "$rounds" ]; do
	say "round $round of $rounds"
	db -c "CALL bench.measure('of the Space', NULL)" -c "CALL bench.measure('of its largest gig', 1)" \
		-c "CALL bench.measure('of another gig', 2)"
done

say "done"
db -f test/bench/report_report.sql
