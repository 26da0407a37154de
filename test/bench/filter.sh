#!/bin/sh
# test/bench/filter.sh: measures filters against jsquery, against jsonpath and
# against SQL written by hand, and says which of cirro's bars are met.
#
# Decides the order: profiles are made, everybody scans them, everybody gets an
# index on the same table, statistics are gathered, everybody asks again, rows
# are inserted. What is asked is in filter_cases.sql, how it is measured in
# filter_measure.sql. Prints Markdown, and on the standard error how far it is.
# Must not touch the PostgreSQL of this computer (test/lib.sh), nor leave
# anything behind: a private copy of PostgreSQL, a throwaway cluster on a socket
# in a temporary folder. A bar that is not met is a result, not a failure; that
# the contenders disagree on what matches is a failure.
#
# N=1000000        how many profiles; needs about 6 GB in SCRATCH
# ROUNDS=7         how often everything is measured (N=20000 ROUNDS=1: a minute)
# INSERTS=20000    rows of the insert test (at most a fifth of N)
# HINTS=1          jsquery with hints for its index where they help it
# SHARED_BUFFERS=2GB, WORK_MEM=4MB, MAINTENANCE_WORK_MEM=512MB
# PG_CONFIG, PG_MAJOR     which PostgreSQL (test/setup.sh)
# SCRATCH=/tmp     where the temporary folder is made
# KEEP=1           keep the temporary folder and its server, and say where
set -eu
. "$(dirname "$0")/server.sh"

n=${N:-1000000}
rounds=${ROUNDS:-7}
inserts=${INSERTS:-20000}
whole_numbers "N, ROUNDS and INSERTS" "$n" "$rounds" "$inserts"
if [ $((inserts * 5)) -gt "$n" ]; then inserts=$((n / 5)); fi

# Nothing here is to survive.
bench_server jsquery <<END
shared_buffers = '${SHARED_BUFFERS:-2GB}'
work_mem = '${WORK_MEM:-4MB}'
maintenance_work_mem = '${MAINTENANCE_WORK_MEM:-512MB}'
fsync = off
wal_level = minimal
max_wal_senders = 0
END

say "making $n profiles"
db -c 'CREATE EXTENSION jsquery' -c 'CREATE SCHEMA bench'
db -v n="$n" -f test/bench/filter_load.sql
db -f test/bench/filter_cases.sql -f test/bench/filter_measure.sql

say "comparing the answers, then $rounds rounds of scans"
db -c "CALL bench.agree('scan')" -c "CALL bench.measure('scan', $rounds, true)"

for contender in jsquery jsonpath cirro; do
	say "building the index for $contender"
	db -v contender="$contender" <<-'END'
		SELECT number, bench.index_on(number, 'profile_bench') IS NOT NULL AS has
		FROM bench.contender WHERE name = :'contender' \gset
		\if :has
			CALL bench.timed('build', :number, bench.index_on(:number, 'profile_bench'));
			INSERT INTO bench.fact VALUES ('size ' || :'contender',
				round(pg_relation_size('profile_bench_' || :'contender') / 1048576.0)::text);
		\endif
	END
done

say "gathering statistics"
db <<-'END'
	CALL bench.timed('analyze', 0, 'ANALYZE profile_bench');
	SELECT EXISTS (SELECT FROM pg_proc WHERE proname = 'profile_stats' AND pronamespace = 'cirro'::regnamespace) AS has \gset
	\if :has
		CREATE STATISTICS profile_bench_stats ON (cirro.profile_stats(profile)) FROM profile_bench;
		CALL bench.timed('analyze', 1, 'ANALYZE profile_bench');
	\endif
	INSERT INTO bench.fact SELECT 'cirro statistics', CASE WHEN :'has' THEN 'With `cirro.profile_stats`.'
		ELSE '**cirro has no statistics here:** there is no function `cirro.profile_stats`.' END;
	INSERT INTO bench.fact SELECT 'cirro index', CASE WHEN bench.index_on(1, '') IS NOT NULL THEN ''
		ELSE '**cirro has no index here:** there is no operator class `cirro.profile_ops`.' END;
END

say "comparing the answers, then $rounds rounds with indexes"
db -c 'UPDATE bench.filter SET sql = coalesce(sql_indexed, sql)'
if [ -n "${HINTS:-}" ]; then
	db -c 'UPDATE bench.filter SET jsquery = coalesce(jsquery_hinted, jsquery)'
fi
db -c CHECKPOINT -c "CALL bench.agree('index')" -c "CALL bench.measure('index', $rounds, false)"

say "inserting $inserts rows, three times for each index"
db -c "INSERT INTO bench.fact VALUES ('insert rows', '$inserts')" -c "CALL bench.insert($inserts, 3)"

say "done"
db -f test/bench/filter_report.sql
