#!/bin/sh
# test/bench/regex.sh: measures regular expressions in filters against a scan and
# against PostgreSQL's operator ~ and, if BEFORE names a commit, against the
# library of that commit, in turns on the same tables.
#
# What is asked is in regex_cases.sql, how it is told in regex_report.sql. Each turn
# is a session of its own, for which the library of its variant is put in place.
# Prints Markdown, and on the standard error how far it is. Must not touch the
# PostgreSQL of this computer (test/lib.sh), nor leave anything behind: a private
# copy of PostgreSQL, a throwaway cluster on a socket in a temporary folder. That a
# filter and ~ disagree on what matches is a failure.
#
# N=100000         how many profiles (N=20000 ROUNDS=3: a minute)
# ROUNDS=9         turns of each library; medians count
# BEFORE=commit    the library to compare with
# PG_CONFIG, PG_MAJOR     which PostgreSQL (test/setup.sh)
# SCRATCH=/tmp     where the temporary folder is made
# KEEP=1           keep the temporary folder and its server, and say where
set -eu
. "$(dirname "$0")/server.sh"

n=${N:-100000}
rounds=${ROUNDS:-9}
whole_numbers "N and ROUNDS" "$n" "$rounds"

bench_server <<END
shared_buffers = '1GB'
fsync = off
END
library=$("$pg_config" --pkglibdir)/cirro.so
cp "$library" "$work/cirro.so"
variants=cirro
if [ -n "${BEFORE:-}" ]; then
	say "building the library of $BEFORE"
	mkdir "$work/then"
	git -C "$top" archive "$BEFORE" | tar -C "$work/then" -xf -
	if [ "$(id -u)" = 0 ]; then chown -R "$(server_user):" "$work/then"; fi
	quietly make -C "$work/then" -s -j "$(nproc 2>/dev/null || echo 2)" PG_CONFIG="$pg_config" with_llvm=no
	cp "$work/then/cirro.so" "$work/before.so"
	variants="before cirro"
fi

say "making $n profiles and as many texts"
db -c 'CREATE SCHEMA bench'
db -v n="$n" -f test/bench/filter_load.sql
db -f test/bench/regex_cases.sql
db -c 'CALL bench.agree()'

round=0
while [ $((round += 1)) -le "$rounds" ]; do
	say "round $round of $rounds"
	for variant in $variants; do
		# Not written into the file that a session has loaded.
		cp "$work/$variant.so" "$library.new"
		mv "$library.new" "$library"
		db -c "CALL bench.measure('$variant')"
	done
	# Who was first is last in the next round.
	case $variants in
		"before cirro") variants="cirro before" ;;
		"cirro before") variants="before cirro" ;;
	esac
done

say "done"
db -f test/bench/regex_report.sql
