#!/bin/sh
# test/bench/session.sh: measures the first waves of a new session, and what it is
# that makes them take longer than later ones.
#
# Decides what a session has done before: nothing, loaded the library, run a wave
# of a small Space (which brings the server's own caches, the plans of PL/pgSQL and
# memory), read the workers, read all pages of shared memory that the Space is in,
# or both of these. Gigs of three kinds, and of a Space with three workers alone.
# Counts the processor's time, so that others may work beside it. The gigs are made
# by session_load.sql. Prints Markdown, and on the standard error how far it is. Must
# not touch the PostgreSQL of this computer (test/lib.sh), nor leave anything behind:
# a private copy of PostgreSQL, a throwaway cluster on a socket in a temporary folder.
#
# N=1000000        how many workers (N=20000 ROUNDS=1: a minute)
# ROUNDS=9         how often everything is measured
# WAVES=3          waves of a session
# SHARED_BUFFERS=2GB, HUGE_PAGES=off
# PG_CONFIG, PG_MAJOR     which PostgreSQL (test/setup.sh)
# SCRATCH=/tmp     where the temporary folder is made
# KEEP=1           keep the temporary folder and its server, and say where
set -eu
. "$(dirname "$0")/server.sh"

n=${N:-1000000} rounds=${ROUNDS:-9} waves=${WAVES:-3}
whole_numbers "N, ROUNDS and WAVES" "$n" "$rounds" "$waves"

# run KIND WAY BEFORE: a new session; its samples go to $work/samples.
run()
{
	space=crowd
	[ "$1" != few ] || space=few
	due=false
	[ "$2" != run_waves ] || due=true
	gigs=$(db -c "SELECT * FROM bench.take('$1', $waves, $due)")
	set -- "$1" "$2" "$3" 'SET client_min_messages = log'
	case $3 in
		library) set -- "$@" "LOAD 'cirro'" ;;
		workers) set -- "$@" 'SELECT count(*) FROM crowd.worker WHERE profile IS NULL' ;;
		pages) set -- "$@" 'SELECT bench.map()' ;;
		few*)
			small=$(db -c "SELECT * FROM bench.take('few', 1, $due)")
			if $due; then set -- "$@" "CALL cirro.run_waves('few')"
			else set -- "$@" "SELECT few.run_wave($small)"; fi
			[ "$3" = few ] || set -- "$@" 'SELECT bench.map()' ;;
	esac
	set -- "$@" 'SET log_statement_stats = on'
	for gig in $gigs; do
		if $due; then set -- "$@" "CALL cirro.run_waves('$space', 1)"
		else set -- "$@" "SELECT $space.run_wave($gig)"; fi
	done
	kind=$1 way=$2 before=$3
	shift 3
	for statement; do printf '%s;\n' "$statement"; done >"$work/session.sql"
	db -f - <"$work/session.sql" 2>&1 >/dev/null | awk -v OFS='\t' -v way="$way" -v before="$before" -v kind="$kind" '
		/s elapsed$/ { ms = ($2 + $5) * 1000; elapsed = $8 * 1000 }
		/page faults\/reclaims/ { split($2, f, "/"); print way, before, kind, ++wave, ms, elapsed, f[2] }' >>"$work/samples"
}

# Nothing here is to survive.
bench_server <<END
shared_buffers = '${SHARED_BUFFERS:-2GB}'
huge_pages = ${HUGE_PAGES:-off}
maintenance_work_mem = '512MB'
fsync = off
wal_level = minimal
max_wal_senders = 0
END

say "making $n workers"
db -v n="$n" -f test/bench/filter_load.sql
db -f test/bench/waves_load.sql -f test/bench/session_load.sql
db -c "CALL bench.make($((rounds * waves * 45)))" -c "CALL bench.make_few($((rounds * (waves * 4 + 12) + 10)))" -c 'VACUUM ANALYZE'

for round in $(seq "$rounds"); do
	say "round $round of $rounds"
	for way in run_wave run_waves; do
		for kind in '0.01 %' '1 %' '50 %'; do
			for before in nothing library few workers pages 'few and pages'; do run "$kind" $way "$before"; done
		done
		for before in nothing library; do run few $way $before; done
	done
done

say "done"
db -c "\\copy bench.sample FROM '$work/samples'"
db -f test/bench/session_report.sql
