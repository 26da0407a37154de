#!/bin/sh
# test/bench/invite.sh: measures calls that write many invitations or notifications at
# once against the bare INSERT or UPDATE of the same rows, and says which of
# cirro's bars are met.
#
# Decides the order: invite() on gigs that are new to the statistics, attempts of
# new workers, claims; each size in turn with its bare statement, all in one
# session that has made many small calls before, so that plans kept from those
# count. Data and statements are in invite_load.sql, the table in
# invite_report.sql. Prints Markdown, and on the standard error how far it is. Must
# not touch the PostgreSQL of this computer (test/lib.sh), nor leave anything
# behind: a private copy of PostgreSQL, a throwaway cluster on a socket in a
# temporary folder. A bar that is not met is a result, not a failure.
#
# SIZES='2500 10000 100000'   how many rows a call writes
# ROUNDS=5         how often everything is measured (medians count)
# SHARED_BUFFERS=1GB
# PG_CONFIG, PG_MAJOR     which PostgreSQL (test/setup.sh)
# SCRATCH=/tmp     where the temporary folder is made
# KEEP=1           keep the temporary folder and its server, and say where
set -eu
. "$(dirname "$0")/server.sh"

sizes=${SIZES:-2500 10000 100000}
rounds=${ROUNDS:-5}
# shellcheck disable=SC2086
whole_numbers "SIZES and ROUNDS" $sizes "$rounds"
list=$(echo "$sizes" | tr -s ' ' ',')

# Nothing here is to survive.
bench_server <<END
shared_buffers = '${SHARED_BUFFERS:-1GB}'
fsync = off
wal_level = minimal
max_wal_senders = 0
END

say "making workers and gigs"
db -v sizes="$list" -f test/bench/invite_load.sql
for what in invite attempt claim; do
	say "$what, $rounds rounds of $list"
	db -c "CALL bench.measure('$what', '{$list}', $rounds)"
done
say "done"
db -f test/bench/invite_report.sql
