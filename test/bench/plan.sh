#!/bin/sh
# test/bench/plan.sh: measures one database of the plan in docs/scaling.md: hundreds of
# Spaces, each with workers and open gigs, in one database, and ticks over all of them.
#
# Decides the order: Spaces are made and filled; the first tick has every gig's first
# wave; ticks follow until all gigs have invited whom they could, and sleep; then looks
# with nothing to do, of a new session and later, and ticks with workers changed in some
# Spaces. How it is made and measured is in plan_measure.sql. Prints Markdown, and on the
# standard error how far it is. Must not touch the PostgreSQL of this computer
# (test/lib.sh), nor leave anything behind. A figure is a result, not a bar.
#
# SPACES=250       how many Spaces
# N=10000          workers in each
# GIGS=1000        open gigs in each, each of which 8 workers match, more or less
# CHANGED=50       Spaces in which a worker changes
# ROUNDS=5         how often such a tick is measured
# SHARED_BUFFERS=4GB
# PG_CONFIG, PG_MAJOR     which PostgreSQL (test/setup.sh)
# SCRATCH=/tmp     where the temporary folder is made
# KEEP=1           keep the temporary folder and its server, and say where
set -eu
. "$(dirname "$0")/server.sh"

spaces=${SPACES:-250} n=${N:-10000} gigs=${GIGS:-1000} changed=${CHANGED:-50} rounds=${ROUNDS:-5}
whole_numbers "SPACES, N, GIGS, CHANGED and ROUNDS" "$spaces" "$n" "$gigs" "$changed" "$rounds"
[ "$changed" -le "$spaces" ] || die "CHANGED is at most SPACES"

# Nothing here is to survive.
bench_server <<END
shared_buffers = '${SHARED_BUFFERS:-4GB}'
maintenance_work_mem = '512MB'
fsync = off
wal_level = minimal
max_wal_senders = 0
END

say "making $n profiles"
db -v n="$n" -f test/bench/filter_load.sql
db -c 'ALTER TABLE profile_bench RENAME TO profile_kept' -c 'CREATE TABLE profile_bench AS TABLE profile_kept'
db -f test/bench/waves_load.sql -c "SELECT cirro.drop_space('crowd')" >/dev/null
db -f test/bench/plan_measure.sql
say "making $spaces Spaces"
db -c "CALL plan.make($spaces)"
say "filling them with $n workers and $gigs gigs"
db -c "CALL plan.fill($spaces, $gigs)"
db -c VACUUM -c ANALYZE
say "first waves"
db -c "CALL plan.tick('first waves of all', 1)"
db -c VACUUM -c ANALYZE
say "until all are asleep"
db -c "CALL plan.tick_until_asleep($spaces)"
db -c VACUUM -c ANALYZE
say "nothing to do, and workers who change"
for round in $(seq "$rounds"); do
	db -c "CALL plan.tick('nothing to do: a new session', $round)" -c "CALL plan.tick('nothing to do: later', $round)" \
		-c "CALL plan.change($changed, $round)" -c "CALL plan.tick('a worker changed in $changed Spaces', $round)" \
		-c "CALL plan.tick('after that', $round)"
done
say "done"
db -c 'SELECT plan.report()'
