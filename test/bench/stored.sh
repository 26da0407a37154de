#!/bin/sh
# test/bench/stored.sh: measures searches for stored filters, beside the evaluation of
# all of them, and ticks over gigs that are asleep, and says which of cirro's bars are
# met.
#
# Decides the order: gigs with filters of each kind, in growing numbers, asked by keys,
# and in a table of somebody's own by an index; attempts that find nothing; the largest
# number put to sleep; worst cases; a worker who is awaited; gigs without room for
# invitations; and, if BEFORE names a commit, gigs written and filled beside the library
# and the Spaces of that commit, in turns. Filters and documents are made by
# stored_load.sql, stored_measure.sql and stored_fill.sql measure, stored_report.sql
# judges. Prints Markdown, and on the standard error how far it is. Must not touch the
# PostgreSQL of this computer (test/lib.sh), nor leave anything behind. A bar that is not
# met is a result, not a failure; that a search or a tick loses a match is a failure.
#
# N=100000         how many workers
# SIZES="10000 100000 1000000"   gigs, and filters of a table, in ascending order
# KINDS="mix waves three"        of which kinds; those of the last are put to sleep
# DOCUMENTS=200    how many documents ask
# CHANGED=1000     workers changed beside the gigs that are asleep
# WORST=100000     gigs of the worst cases
# ASLEEP=100000    gigs asleep beside a new worker, and without room
# INSERTS=20000    gigs written, and keys
# FILL=100000      gigs filled
# ROUNDS=3         how often everything is measured; what is loaded, once
# BEFORE=commit    the library to write and fill gigs beside: one of before filters had keys
#                  (N=20000 SIZES="1000 10000" WORST=10000 ASLEEP=5000 FILL=5000 INSERTS=5000 CHANGED=100 ROUNDS=1: a minute)
# SHARED_BUFFERS=4GB
# PG_CONFIG, PG_MAJOR     which PostgreSQL (test/setup.sh)
# SCRATCH=/tmp     where the temporary folder is made
# KEEP=1           keep the temporary folder and its server, and say where
set -eu
. "$(dirname "$0")/server.sh"

n=${N:-100000} sizes=${SIZES:-10000 100000 1000000} kinds=${KINDS:-mix waves three} docs=${DOCUMENTS:-200}
changed=${CHANGED:-1000} worst=${WORST:-100000} asleep=${ASLEEP:-100000} fill=${FILL:-100000} inserts=${INSERTS:-20000}
rounds=${ROUNDS:-3}
# shellcheck disable=SC2086
whole_numbers "N, SIZES, DOCUMENTS, CHANGED, WORST, ASLEEP, FILL, INSERTS and ROUNDS" "$n" $sizes "$docs" "$changed" "$worst" \
	"$asleep" "$fill" "$inserts" "$rounds"
for kind in $kinds; do
	case $kind in mix|waves|three) ;; *) die "KINDS are mix, waves and three, not $kind" ;; esac
done

# Nothing here is to survive.
bench_server <<END
shared_buffers = '${SHARED_BUFFERS:-4GB}'
maintenance_work_mem = '1GB'
fsync = off
wal_level = minimal
max_wal_senders = 0
END
vacuum='VACUUM ANALYZE crowd.gig, crowd.gig_state, crowd.gig_filter, crowd.gig_key'

say "making $n workers"
db -v n="$n" -f test/bench/filter_load.sql
db -f test/bench/waves_load.sql
db -v docs="$docs" -f test/bench/stored_load.sql
db -f test/bench/stored_measure.sql

for kind in $kinds; do
	db -c 'CALL bench.clear()'
	size=0
	for next in $sizes; do
		say "$kind: $next gigs"
		db -c "CALL bench.add_gigs('$kind', $size + 1, $next)" -c "$vacuum"
		size=$next
		db -c 'CALL bench.save()' -c 'ANALYZE bench.saved' -c "CALL bench.index_saved('$kind', $size)" -c 'VACUUM bench.saved'
		for round in $(seq "$rounds"); do
			db -c "CALL bench.match('$kind', $size, 'usual', $round)"
			db -c "CALL bench.match_saved('$kind', $size, 'usual', $round)"
			# {} matches everybody.
			[ "$kind" = mix ] || db -c "CALL bench.attempt('$kind', $size, $round)"
		done
		# What an attempt has left.
		db -c 'VACUUM crowd.worker, crowd.attempt'
	done
	say "$kind: documents of 1,000 leaves"
	for round in $(seq "$rounds"); do
		for documents in 'array of 1,000' '1,000 members'; do
			db -c "CALL bench.match('$kind', $size, '$documents', $round)"
			db -c "CALL bench.match_saved('$kind', $size, '$documents', $round)"
		done
	done
	db -c 'DROP TABLE bench.saved'
done

# No gig that is woken is due before the measuring is over. The first look wakes all.
say "$size gigs asleep, nothing changed"
db -c "CALL bench.invite_changed($changed)" -c 'VACUUM ANALYZE crowd.invitation'
db -c 'CALL bench.put_to_sleep(now())' -c 'VACUUM ANALYZE crowd.gig_state' -c "CALL bench.tick('wake all', $size, 1)" \
	-c 'CALL bench.put_to_sleep(now())' -c 'VACUUM ANALYZE crowd.gig_state' -c "CALL bench.tick('warm', $size, 1)"
for round in $(seq "$rounds"); do
	db -c "CALL bench.tick('asleep, new session', $size, $round)" -c "CALL bench.tick('asleep', $size, $round)"
done
for round in $(seq "$rounds"); do
	say "$size gigs asleep, $changed workers changed, round $round"
	db -c "CALL bench.change($round)" -c "CALL bench.tick('changed', $size, $round)" -c 'CALL bench.check_woken()'
	db -c 'CALL bench.put_to_sleep(now())' -c 'VACUUM crowd.worker, crowd.gig_state' -c "CALL bench.tick('warm', $size, $round)"
done

say "$worst gigs with their best conjunct in common"
db -c 'CALL bench.clear()' -c "CALL bench.add_gigs('shared', 1, $worst)" -c "$vacuum" -c 'CALL bench.save()' -c 'ANALYZE bench.saved' \
	-c "CALL bench.index_saved('shared', $worst)" -c 'VACUUM bench.saved'
for round in $(seq "$rounds"); do
	db -c "CALL bench.match('shared', $worst, 'shared', $round)" -c "CALL bench.match_saved('shared', $worst, 'shared', $round)"
done

keyed=$((asleep - 100))
[ "$inserts" -ge "$keyed" ] || keyed=$inserts
say "keys of $keyed gigs among $asleep"
db -c 'CALL bench.clear()' -c "CALL bench.add_gigs('three', 1, $asleep - 100, '5 min')"
for round in $(seq $((rounds * 3))); do
	db -c 'VACUUM ANALYZE crowd.gig_key' -c CHECKPOINT -c "CALL bench.write_keys($keyed, $round)"
done

say "a worker comes whom 100 of $asleep gigs await"
db -c "CALL bench.add_wanting($asleep - 99)" -c "$vacuum" \
	-c "CALL cirro.run_waves('crowd')" -c "CALL bench.put_to_sleep(now() - interval '1 hour')" -c 'VACUUM ANALYZE crowd.gig_state'
# The first look, which would wake all, has been.
for round in $(seq $((rounds * 3))); do
	db -c "CALL bench.put_to_sleep(now() - interval '1 hour')" -c 'VACUUM crowd.gig_state, crowd.invitation, crowd.worker'
	db -c "CALL cirro.run_waves('crowd', during => '1 day')" 2>/dev/null &
	ticks=$!
	sleep 3
	db -c "CALL bench.arrive($asleep, $round)"
	db -c "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL cirro.run_waves%during%'" >/dev/null
	wait "$ticks" || :
done

say "$asleep gigs with as many pending invitations as pending_max"
# That they have invited everybody was a pretence.
db -c 'UPDATE crowd.gig SET pending_max = 1' -c 'UPDATE crowd.gig_state SET searched = NULL' -c 'CALL bench.make_due()' -c VACUUM -c "CALL bench.tick('first invitation', $asleep, 1)" \
	-c 'CALL bench.make_due()' -c 'VACUUM ANALYZE' -c "CALL bench.tick('no room', $asleep, 1)" -c "CALL bench.check_room($asleep)" -c VACUUM
for round in $(seq "$rounds"); do
	db -c 'CALL bench.make_due()' -c "CALL bench.tick('awaits room, new session', $asleep, $round)" \
		-c "CALL bench.tick('awaits room', $asleep, $round)" -c "CALL bench.check_room($asleep)"
done

if [ -n "${BEFORE:-}" ]; then
	say "building the library of $BEFORE, with its own workers"
	library=$("$pg_config" --pkglibdir)/cirro.so
	cp "$library" "$work/cirro.so"
	mkdir "$work/then"
	git -C "$top" archive "$BEFORE" | tar -C "$work/then" -xf -
	if [ "$(id -u)" = 0 ]; then chown -R "$(server_user):" "$work/then"; fi
	quietly make -C "$work/then" -s -j "$(nproc 2>/dev/null || echo 2)" PG_CONFIG="$pg_config" with_llvm=no
	quietly make -C "$work/then" -s install PG_CONFIG="$pg_config" with_llvm=no
	cp "$library" "$work/before.so"
	quietly "$bindir/createdb" -h "$work/socket" -U postgres before
	db -d before -c 'CREATE EXTENSION cirro'
	db -d before -v n="$n" -f "$work/then/test/bench/filter_load.sql"
	db -d before -f "$work/then/test/bench/waves_load.sql"
	db -d before -v docs="$docs" -f test/bench/stored_load.sql
	db -c 'CALL bench.clear()'

	# in_turn COMMAND...: by each of the two, who was first last the next time.
	variants="before cirro"
	in_turn()
	{
		for variant in $variants; do
			# Not written into the file that a session has loaded.
			cp "$work/$variant.so" "$library.new"
			mv "$library.new" "$library"
			case $variant in before) database=before ;; cirro) database=bench ;; esac
			db -d "$database" "$@"
		done
	}
	in_turn -v inserts="$inserts" -v fill="$fill" -f test/bench/stored_fill.sql
	# The first of each is none to count.
	for round in $(seq 0 $((rounds * 3))); do
		say "$inserts gigs written, round $round"
		in_turn -c 'CALL bench.clear()' -c CHECKPOINT -c "CALL bench.write_gigs('three', $round)"
		case $variants in before*) variants="cirro before" ;; *) variants="before cirro" ;; esac
	done
	for round in $(seq "$rounds"); do
		say "$fill gigs filled, round $round"
		in_turn -c 'CALL bench.clear()' -c VACUUM -c CHECKPOINT -c "CALL bench.write_gigs('few', $round)" -c 'VACUUM ANALYZE' \
			-c "CALL bench.later_tick('first waves', $round, 0)" -c 'VACUUM ANALYZE' \
			-c "CALL bench.later_tick('nobody left', $round, 1)" -c 'VACUUM ANALYZE' -c "CALL bench.later_tick('again', $round, 2)"
		case $variants in before*) variants="cirro before" ;; *) variants="before cirro" ;; esac
	done
	in_turn -c 'DELETE FROM bench.filled WHERE round = 0'
	db -d before -c 'COPY bench.filled TO STDOUT' >"$work/before.tsv"
	db -c 'CREATE TABLE bench.filled_before (LIKE bench.filled)' -c 'COPY bench.filled_before FROM STDIN' <"$work/before.tsv"
fi

say "done"
db -f test/bench/stored_report.sql
