#!/bin/sh
# test/bench/spaces.sh: measures what many Spaces in one database cost: making and
# dropping one, the first call of a session, the tick, upgrades, and pg_dump with the
# locks that it needs.
#
# Decides the numbers of Spaces and the order; spaces_measure.sql says how each thing is
# measured, spaces_report.sql how it is told. If BEFORE names a commit, the library of
# that commit works with the same Spaces, in turns. Prints Markdown, and on the standard
# error how far it is. Must not touch the PostgreSQL of this computer (test/lib.sh), nor
# leave anything behind: a private copy of PostgreSQL, a throwaway cluster on a socket in
# a temporary folder.
#
# SPACES="100 400 1000 5000"   how many, in ascending order (5000: half an hour and 8 GB of disk)
# ROUNDS=3         how often calls and ticks are measured; medians count
# BEFORE=commit    the library to compare with
# BEFORE_UP_TO=1000   no further: its upgrades are quadratic
# SHARED_BUFFERS=2GB
# PG_CONFIG, PG_MAJOR     which PostgreSQL (test/setup.sh)
# SCRATCH=/tmp     where the temporary folder is made
# KEEP=1           keep the temporary folder and its server, and say where
set -eu
. "$(dirname "$0")/server.sh"

spaces=${SPACES:-100 400 1000 5000} rounds=${ROUNDS:-3} before_up_to=${BEFORE_UP_TO:-1000}
# shellcheck disable=SC2086
whole_numbers "SPACES, ROUNDS and BEFORE_UP_TO" $spaces "$rounds" "$before_up_to"

# Nothing here is to survive; pg_dump shall not want for locks.
bench_server <<END
shared_buffers = '${SHARED_BUFFERS:-2GB}'
max_locks_per_transaction = 4096
fsync = off
wal_level = minimal
max_wal_senders = 0
END
db -f test/bench/spaces_measure.sql
library=$("$pg_config" --pkglibdir)/cirro.so
cp "$library" "$work/cirro.so"
if [ -n "${BEFORE:-}" ]; then
	say "building the library of $BEFORE"
	mkdir "$work/then"
	git -C "$top" archive "$BEFORE" | tar -C "$work/then" -xf -
	if [ "$(id -u)" = 0 ]; then chown -R "$(server_user):" "$work/then"; fi
	quietly make -C "$work/then" -s -j "$(nproc 2>/dev/null || echo 2)" PG_CONFIG="$pg_config" with_llvm=no
	cp "$work/then/cirro.so" "$work/before.so"
fi

# use VARIANT: its library, for the sessions that begin now.
use()
{
	# Not written into the file that a session has loaded.
	cp "$work/$1.so" "$library.new"
	mv "$library.new" "$library"
}

# measure_dump WHAT COUNT [ARGUMENT...]: by pg_dump, while its locks are counted.
measure_dump()
{
	what=$1 count=$2
	shift 2
	db -c "CALL bench.count_locks('$what', $count)" &
	began=$(date +%s.%N)
	quietly "$bindir/pg_dump" -h "$work/socket" -U postgres -f /dev/null "$@" bench
	ended=$(date +%s.%N)
	db -c "INSERT INTO bench.sample VALUES ('cirro', '$what', $count, 1, $ended - $began)" -c 'INSERT INTO bench.is_over VALUES (true)'
	wait
	db -c 'DELETE FROM bench.is_over'
}

made=0
for count in $spaces; do
	use cirro
	say "making $count Spaces"
	# A session remembers each table that it has made.
	for first in $(seq $((made + 1)) 50 "$count"); do
		last=$((first + 49 < count ? first + 49 : count))
		db -c "CALL bench.make($first, $last)"
	done
	made=$count
	db -c 'CALL cirro.run_waves()' -c 'VACUUM ANALYZE'
	variants=cirro
	[ -z "${BEFORE:-}" ] || [ "$count" -gt "$before_up_to" ] || variants="before cirro"
	round=0
	while [ $((round += 1)) -le "$rounds" ]; do
		say "$count Spaces, round $round of $rounds"
		for variant in $variants; do
			use "$variant"
			db -c "CALL bench.measure_making('$variant', $count, $round)"
			for call in worker_id claim_notifications; do
				db -c "CALL bench.measure_call('$variant', '$call', $count, $round)"
			done
			db -c "CALL bench.measure_tick('$variant', $count, $round)"
		done
	done
	for variant in $variants; do
		use "$variant"
		say "$variant: upgrading $count Spaces"
		db -c "CALL bench.measure_upgrade('$variant', 'nothing differs', $count)"
		db -c 'CALL bench.change_ddl()' -c "CALL bench.measure_upgrade('$variant', 'a comment differs', $count)"
		db -c VACUUM
	done
	db -c "CALL bench.measure_size($count)"
	db -c "CALL bench.measure_memory($count)"
	say "dumping $count Spaces"
	measure_dump 'dump' "$count"
	measure_dump 'dump of one' "$count" -n space1
done

say "done"
db -f test/bench/spaces_report.sql
