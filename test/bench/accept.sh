#!/bin/sh
# test/bench/accept.sh: measures accepts against the smallest statement written
# by hand that keeps the same promise, attempts, and the claiming of
# notifications, and says which of cirro's bars are met.
#
# Decides the order: accepts of many gigs and of one, with durable commits and
# without, cirro and the statement in turn on the same server; then attempts,
# notifications, growth and memory. Data and statements are in accept_load.sql,
# the table in accept_report.sql. Prints Markdown, and on the standard error how
# far it is. Must not touch the PostgreSQL of this computer (test/lib.sh), nor
# leave anything behind: a private copy of PostgreSQL, a throwaway cluster on a
# socket in a temporary folder. A bar that is not met is a result, not a
# failure; that a seat is sold twice or a notification handed out twice is one.
#
# ACCEPTS=1000000  accepts of each of two rounds after which growth is measured
# BATCH=20000      accepts of each measured run
# ROUNDS=5         how often every run is made (medians count)
# CLIENTS='8 32'   how many at a time
# GIGS=1000        how many gigs, where it is not one
# OPEN_GIGS=10000  gigs that a worker attempts
# NOTIFICATIONS=100000   outstanding, for 8 claimers
# WAVES=100000     waves and accepts in one session, whose memory is compared
# ONLY=            one or more of: accepts attempts notifications growth memory
#                  (BATCH=2000 ROUNDS=1 ACCEPTS=5000 NOTIFICATIONS=5000 WAVES=1000: a minute)
# SHARED_BUFFERS=1GB
# PG_CONFIG, PG_MAJOR     which PostgreSQL (test/setup.sh)
# SCRATCH=/tmp     where the temporary folder is made: on the disk to measure
# KEEP=1           keep the temporary folder and its server, and say where
set -eu
. "$(dirname "$0")/server.sh"

accepts=${ACCEPTS:-1000000}
batch=${BATCH:-20000}
rounds=${ROUNDS:-5}
clients=${CLIENTS:-8 32}
gigs=${GIGS:-1000}
open_gigs=${OPEN_GIGS:-10000}
notifications=${NOTIFICATIONS:-100000}
waves=${WAVES:-100000}
only=${ONLY:-accepts attempts notifications growth memory}
# shellcheck disable=SC2086
whole_numbers "sizes" "$accepts" "$batch" "$rounds" "$gigs" "$open_gigs" "$notifications" "$waves" $clients

# asked PART: is it to be measured?
asked()
{
	case " $only " in *" $1 "*) return 0 ;; *) return 1 ;; esac
}

# bench SCRIPT CLIENTS EACH [OPTION...]: runs it in pgbench, prints transactions
# per second. An error in a transaction ends the benchmark.
bench()
{
	script=$1; at_once=$2; each=$3
	shift 3
	as_server env HOME="$work" "$bindir/pgbench" -n -M prepared -h "$work/socket" -U postgres \
		-f "$work/$script.sql" -c "$at_once" -j 2 -t "$each" -D clients="$at_once" -D i=-1 "$@" bench \
		>"$work/log" 2>&1 </dev/null || { cat "$work/log" >&2; return 1; }
	if grep -q 'aborted\|^number of failed.*[1-9] (' "$work/log"; then cat "$work/log" >&2; return 1; fi
	sed -n 's/^tps = \([0-9.]*\) .*/\1/p' "$work/log"
}

check_promise()
{
	[ "$(db -c 'SELECT bench.broken()')" = 0 ] || die "accepted, counted and seats disagree"
}

# Durable as PostgreSQL is by default.
bench_server <<END
shared_buffers = '${SHARED_BUFFERS:-1GB}'
END
db -f test/bench/accept_load.sql >/dev/null
for contender in cirro hand; do
	{
		echo '\set i :i + 1'
		echo '\set id :client_id + :i * :clients'
		db -c "SELECT script FROM bench.contender WHERE name = '$contender'"
	} >"$work/$contender.sql"
done

# ---------------------------------------------------------------- accepts --

# Processor time of the server's processes that have ended, in ticks: sessions count
# once pgbench has closed them.
spent()
{
	sleep 0.2
	sed 's/.*) //' "/proc/$(head -1 "$work/data/postmaster.pid")/stat" | awk '{ print $14 + $15 }'
}

# accepted CONTENDER DURABLE PLACE CLIENTS ROUND
accepted()
{
	each=$((batch / $4))
	if [ "$3" = 'one gig' ]; then spread=1; else spread=$gigs; fi
	db -c "CALL bench.fill($((each * $4)), $spread)" -c 'VACUUM (ANALYZE)' -c CHECKPOINT
	before=$(spent)
	tps=$(PGOPTIONS="-c synchronous_commit=$2" bench "$1" "$4" "$each")
	db -c "INSERT INTO bench.run VALUES ('$2', '$3', $4, $5, '$1', $tps, ($(spent) - $before) * 1e6 / $(getconf CLK_TCK) / $((each * $4)))"
	check_promise
}

if asked accepts; then
	round=0
	while [ $((round += 1)) -le "$rounds" ]; do
		say "accepts, round $round of $rounds"
		for durable in on off; do
			for place in 'many gigs' 'one gig'; do
				for at_once in $clients; do
					if [ $((round % 2)) = 1 ]; then order='cirro hand'; else order='hand cirro'; fi
					for contender in $order; do
						accepted "$contender" "$durable" "$place" "$at_once" "$round"
					done
				done
			done
		done
	done
fi

# --------------------------------------------------------------- attempts --

if asked attempts; then
	say "attempts against $open_gigs gigs"
	db -c "CALL bench.fill($open_gigs, $open_gigs)" -c "CALL bench.attempts($rounds)"
fi

# ---------------------------------------------------------- notifications --

cat >"$work/claim.sql" <<'END'
WITH claimed AS (
	SELECT id, claim FROM space.claim_notifications(100)
), noted AS (
	INSERT INTO bench.claimed SELECT id FROM claimed
)
SELECT coalesce(max(claim), 0) AS claim FROM claimed \gset
SELECT space.confirm_notifications(:claim);
END

if asked notifications; then
	db -c "CALL bench.fill($notifications, $gigs)"
	for round in 1 2; do
		say "claiming $notifications notifications, round $round of 2"
		db -c "CALL bench.tell($notifications)" -c VACUUM -c CHECKPOINT
		start=$(date +%s%N)
		# Some more calls than needed: claimers skip what others are about to lock.
		bench claim 8 $((notifications / 800 + 20)) >/dev/null
		took=$((($(date +%s%N) - start) / 1000000))
		[ "$(db -c "SELECT count(*) FROM space.notification WHERE outcome IS NULL")" = 0 ] || die "notifications were left over"
		[ "$(db -c "SELECT count(*) FROM bench.claimed")" = $((notifications * round)) ] || die "the log of claims has another count"
		# Weighed at its fullest; then the retention removes what is delivered.
		db -c "INSERT INTO bench.fact VALUES ('claimed $round', $notifications * 1000 / $took)" \
			-c "CALL bench.weigh('notifications', $round)" -c "UPDATE space.setting SET keep_notifications = '0', cleaned_at = NULL" \
			-c "CALL cirro.run_waves('space')" \
			-c "UPDATE space.setting SET keep_notifications = NULL" -c VACUUM
	done
fi

# ----------------------------------------------------------------- growth --

if asked growth; then
	pass=$((accepts < 100000 ? accepts : 100000))
	each=$((pass / 8))
	db -c "CALL bench.fill($pass, $gigs)" -c 'VACUUM (ANALYZE)'
	for round in 1 2; do
		say "accepting $accepts times, then VACUUM, round $round of 2"
		done=0
		while [ $done -lt "$accepts" ]; do
			PGOPTIONS='-c synchronous_commit=off' bench cirro 8 "$each" >/dev/null
			done=$((done + each * 8))
			check_promise
			# All seats are given back, the notifications are gone, as after a while.
			db -c "UPDATE space.invitation SET status = 'pending', silent = true WHERE status = 'accepted'" \
				-c "SET session_replication_role = replica; DELETE FROM space.notification; DELETE FROM space.event" -c VACUUM
		done
		db -c "CALL bench.weigh('accepts', $round)"
	done
fi

# ----------------------------------------------------------------- memory --

if asked memory; then
	say "$waves accepts, then $waves waves in one session"
	db -c "CALL bench.fill($waves, $gigs)"
	db -v n="$waves" -f test/bench/accept_memory.sql
fi

say "done"
db -f test/bench/accept_report.sql
