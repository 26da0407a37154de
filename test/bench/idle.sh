#!/bin/sh
# test/bench/idle.sh: measures what Spaces cost in which nothing is due, and how
# often a call that goes on looks at them.
#
# Decides the numbers of Spaces and what is measured of each: the first look of a
# new session, a later one, and the looks of a call of twenty seconds. Each Space has
# had a gig, whose wave is over. Prints Markdown, and on the standard error how far it
# is. Must not touch the PostgreSQL of this computer (test/lib.sh), nor leave anything
# behind: a private copy of PostgreSQL, a throwaway cluster on a socket in a temporary
# folder. A bar that is not met is a result, not a failure.
#
# SPACES="200 1000 5000"   how many, in ascending order (5000: some minutes)
# ROUNDS=3         how often everything is measured
# SHARED_BUFFERS=2GB
# PG_CONFIG, PG_MAJOR     which PostgreSQL (test/setup.sh)
# SCRATCH=/tmp     where the temporary folder is made
# KEEP=1           keep the temporary folder and its server, and say where
set -eu
. "$(dirname "$0")/server.sh"

spaces=${SPACES:-200 1000 5000} rounds=${ROUNDS:-3}
whole_numbers "SPACES and ROUNDS" $spaces "$rounds"

# Nothing here is to survive.
bench_server <<END
shared_buffers = '${SHARED_BUFFERS:-2GB}'
fsync = off
wal_level = minimal
max_wal_senders = 0
END
db -f test/bench/idle_measure.sql

made=0
for count in $spaces; do
	say "making $count Spaces"
	# A session remembers each table that it has made.
	for first in $(seq $((made + 1)) 50 "$count"); do
		last=$((first + 49 < count ? first + 49 : count))
		db -c "CALL bench.make($first, $last)"
	done
	made=$count
	# Waves, and the hourly cleaning.
	db -c 'CALL cirro.run_waves()'
	db -c VACUUM
	say "looking at $count Spaces"
	for round in $(seq "$rounds"); do
		db -c "CALL bench.measure_looks($count, $round)"
		db -c "CALL cirro.run_waves(during => '20 seconds')" &
		db -c "CALL bench.count_looks($count, $round)"
		wait
	done
done

say "done"
db -f test/bench/idle_report.sql
