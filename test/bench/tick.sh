#!/bin/sh
# test/bench/tick.sh: measures ticks that have much due and little to do, and those
# that have nothing due in a Space full of gigs.
#
# Decides the order: open gigs that are filled, while statistics are of a time when
# all were due; gigs that have invited all whom they could, with no worker changed and
# with some; the same under pending_max, and under the Space's max_pending. Workers
# and gigs are made by waves_load.sql, how they are measured and reported is in
# tick_measure.sql. Prints Markdown, and on the standard error how far it is. Must not
# touch the PostgreSQL of this computer (test/lib.sh), nor leave anything behind. A bar
# that is not met is a result, not a failure.
#
# N=100000         how many workers
# OPEN=100000      open gigs
# DUE=20000        of them due
# CHANGED=1000     workers changed
# ROUNDS=3         how often everything is measured (N=20000 OPEN=5000 DUE=1000: a minute)
# SHARED_BUFFERS=2GB
# PG_CONFIG, PG_MAJOR     which PostgreSQL (test/setup.sh)
# SCRATCH=/tmp     where the temporary folder is made
# KEEP=1           keep the temporary folder and its server, and say where
set -eu
. "$(dirname "$0")/server.sh"

n=${N:-100000} open=${OPEN:-100000} due=${DUE:-20000} changed=${CHANGED:-1000} rounds=${ROUNDS:-3}
whole_numbers "N, OPEN, DUE, CHANGED and ROUNDS" "$n" "$open" "$due" "$changed" "$rounds"
[ "$due" -le "$open" ] || die "DUE is at most OPEN"

# Nothing here is to survive.
bench_server <<END
shared_buffers = '${SHARED_BUFFERS:-2GB}'
maintenance_work_mem = '512MB'
fsync = off
wal_level = minimal
max_wal_senders = 0
END

say "making $n workers, $open gigs"
db -v n="$n" -f test/bench/filter_load.sql
db -f test/bench/waves_load.sql -f test/bench/tick_measure.sql
db -c "SELECT bench.make_gigs($open, 3.0 / $n, false)" -c 'VACUUM ANALYZE crowd.gig' >/dev/null

say "nothing due"
db -c 'CALL bench.fill()' -c 'VACUUM crowd.gig_state'
for round in $(seq "$rounds"); do
	db -c "CALL bench.tick('filled, new session', $open, $round)"
	db -c 'CALL cirro.run_waves($$crowd$$)' -c "CALL bench.tick('filled', $open, $round)"
done
db -c 'CALL bench.empty()' -c 'VACUUM ANALYZE crowd.gig_state'

say "first waves of $due gigs"
db -c "CALL bench.make_due($due)" -c "CALL bench.tick('first waves', $due, 1)" -c 'VACUUM ANALYZE'

for round in $(seq "$rounds"); do
	say "round $round: exhausted"
	db -c "CALL bench.make_due($due)" -c 'VACUUM crowd.gig_state, crowd.wave' -c "CALL bench.tick('exhausted', $due, $round)"
	db -c "CALL bench.change($changed, $round)" -c "CALL bench.make_due($due)" -c 'VACUUM crowd.gig_state, crowd.wave, crowd.worker' \
		-c "CALL bench.tick('changed', $due, $round)"
	say "round $round: at pending_max"
	db -c 'CALL bench.limit(1, NULL)' -c "CALL bench.make_due($due)" -c 'VACUUM crowd.gig_state, crowd.wave, crowd.gig' \
		-c "CALL bench.tick('pending_max', $due, $round)"
	say "round $round: under max_pending"
	db -c 'CALL bench.limit(NULL, 1000)' -c "CALL bench.make_due($due / 10)" -c 'VACUUM crowd.gig_state, crowd.wave, crowd.gig' \
		-c "CALL bench.tick('max_pending', $due / 10, $round)"
	db -c 'CALL bench.limit(NULL, NULL)' -c "CALL bench.make_due($due)" -c 'CALL cirro.run_waves($$crowd$$)' -c VACUUM
done

say "done"
db -c 'SELECT bench.report()'
