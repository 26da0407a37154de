#!/bin/sh
# test/bench/waves.sh: measures waves against bare inserts of the rows that they
# make and against a loop written by hand, and says which of cirro's bars are met.
#
# Decides the order: profiles become workers; many due gigs, single gigs, growth,
# idle gigs, an exhausted gig. The workers and gigs are made by waves_load.sql, how
# they are measured is in waves_measure.sql. Prints Markdown, and on the standard
# error how far it is. Must not touch the PostgreSQL of this computer
# (test/lib.sh), nor leave anything behind: a private copy of PostgreSQL, a
# throwaway cluster on a socket in a temporary folder. A bar that is not met is a
# result, not a failure.
#
# N=1000000        how many workers (3000000 for the end of the growth table)
# GIGS=10000       how many due gigs
# HAND=500         gigs of the loop written by hand; its cost is scaled
# ROUNDS=3         how often everything is measured (N=20000 GIGS=200: a minute)
# OPEN=100000      gigs that are not due (0: leave it out)
# SHARED_BUFFERS=2GB
# PG_CONFIG, PG_MAJOR     which PostgreSQL (test/setup.sh)
# SCRATCH=/tmp     where the temporary folder is made
# KEEP=1           keep the temporary folder and its server, and say where
set -eu
. "$(dirname "$0")/server.sh"

n=${N:-1000000} gigs=${GIGS:-10000} rounds=${ROUNDS:-3}
hand=${HAND:-500}
open=${OPEN:-$((gigs * 10))}
whole_numbers "N, GIGS, ROUNDS and HAND" "$n" "$gigs" "$rounds" "$hand"
[ "$hand" -le "$gigs" ] || hand=$gigs

# Nothing here is to survive.
bench_server <<END
shared_buffers = '${SHARED_BUFFERS:-2GB}'
maintenance_work_mem = '512MB'
fsync = off
wal_level = minimal
max_wal_senders = 0
END

say "making $n workers"
db -v n="$n" -f test/bench/filter_load.sql
db -f test/bench/waves_load.sql -f test/bench/waves_measure.sql

say "$gigs due gigs, $rounds rounds of waves and floors"
db -c "SELECT bench.make_gigs($gigs, 0.004)" -c 'VACUUM ANALYZE crowd.gig, crowd.gig_state' >/dev/null
for round in $(seq "$rounds"); do
	db -c 'CALL bench.clear(false)' -c 'VACUUM crowd.gig_state' -c CHECKPOINT
	db -c "CALL bench.run('waves', $gigs, $round)"
	db -c 'CALL bench.remember_told()' -c 'VACUUM ANALYZE crowd.invitation, bench.told' -c "CALL bench.run_floor($round, false)" \
		-c 'CREATE INDEX ON bench.told (invitation_id)' -c 'ANALYZE bench.told' -c "CALL bench.run_floor($round, true)"
done

say "the loop written by hand, $hand gigs"
db -c "CALL bench.run_hand(1, $hand, 'cirro')" -c "CALL bench.run_hand(2, $hand, 'cirro')"
db -c 'CREATE INDEX jsonpath_idx ON crowd.worker USING gin (profile jsonb_path_ops)' \
	-c "CALL bench.run_hand(1, $hand, 'jsonpath')" -c "CALL bench.run_hand(2, $hand, 'jsonpath')" -c 'DROP INDEX crowd.jsonpath_idx'
db -c 'DROP SCHEMA floor CASCADE'

say "growth"
for count in 1 10 100 1000; do
	[ "$count" -lt "$gigs" ] || continue
	for round in $(seq "$rounds"); do
		db -c 'CALL bench.clear()' -c "SELECT bench.make_gigs($count, 0.004)" -c 'VACUUM ANALYZE crowd.gig, crowd.gig_state' \
			-c "CALL bench.run('growth', $count, $round)" >/dev/null
	done
done

say "single gigs"
for round in $(seq "$rounds"); do
	# A new process maps each page of shared memory when it first reads it.
	for part in '0.01' 1 50; do
		db -c "CALL bench.run_one('$part %, new session', $part / 100.0, NULL, $round, 1)"
	done
	db -c 'SELECT count(*) FROM crowd.worker WHERE profile IS NULL' \
		-c "CALL bench.run_one('0.01 %', 0.0001, NULL, $round)" -c "CALL bench.run_one('1 %', 0.01, NULL, $round)" \
		-c "CALL bench.run_one('50 %', 0.5, NULL, $round)" \
		-c "CALL bench.run_one('1 %, sort_query', 0.01, '{\"rating\": -1}', $round)" >/dev/null
done

if [ "$open" -gt 0 ]; then
	say "$open open gigs that are not due"
	db -c 'CALL bench.clear()' -c "SELECT bench.make_gigs($open, 0.004, false)" -c 'VACUUM ANALYZE crowd.gig_state' >/dev/null
	for round in $(seq 5); do db -c "CALL bench.run('idle', $open, $round)"; done
fi

say "an exhausted gig"
db -c 'CALL bench.clear()' -c "SELECT bench.make_gigs(1, 0.5)" -c "UPDATE crowd.gig SET filter_query = '{\"hourly_rate\": {\"\$lt\": 33.8}}'" \
	-c 'SET session_replication_role = replica' \
	-c "INSERT INTO crowd.invitation (gig_id, worker_id, status, reason, times_invited, invited_at) SELECT 1, w.id, 'rejected', NULL, 1, now() FROM crowd.worker w WHERE w.profile OPERATOR(cirro.@@) '{\"hourly_rate\": {\"\$lt\": 33.8}}'" \
	-c 'VACUUM ANALYZE crowd.invitation' >/dev/null
due='UPDATE crowd.gig_state SET slept_in = NULL, awaits_room = false, next_wave_at = now(), next_event_at = now()'
for round in $(seq 3); do
	db -c "$due, searched = NULL" -c "CALL bench.run('exhausted, first', 1, $round)"
	db -c "$due" -c "CALL bench.run('exhausted', 1, $round)"
	db -c "UPDATE crowd.worker SET profile = profile || '{\"round\": $round}' WHERE id % greatest($n / 1000, 1) = $round" -c "$due" \
		-c "CALL bench.run('exhausted, 1,000 workers changed', 1, $round)"
done

say "done"
db -v gigs="$gigs" -f test/bench/waves_report.sql
