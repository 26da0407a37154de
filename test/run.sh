#!/bin/sh
# test/run.sh: builds cirro as a packager would, runs all its tests and says in
# the last line how many passed.
#
# Decides the order of the tests and what counts as one. Everything happens in
# one temporary folder: a copy of the sources, a private copy of PostgreSQL
# with the extension in it, and throwaway clusters on sockets of their own.
# Must not touch the PostgreSQL of this computer, nor leave anything behind.
#
# SUITES="…"       which ones: pairs layers style package exports warnings regress jit
#                  statements isolation tap conformance parser mutation differential ways
#                  docs clients ring cells citus; without a word, all of these, but not smith
# PROVE_TESTS=…    which of test/t/ (all)
# SEED=0.25        repeats the differential test, or that of the ways, that said so
# FUZZ_SECONDS=600 parser and smith look for new inputs so long
# SANITIZE=1       the library under AddressSanitizer and UndefinedBehaviorSanitizer
# PG_CONFIG=path, PG_MAJOR=15   which PostgreSQL (test/setup.sh)
# CC=clang         what to build with, in place of PostgreSQL's own compiler
# SCRATCH=/tmp     where the temporary folder is made
# KEEP=1           keep the temporary folder and say where it is
set -eu
. "$(dirname "$0")/lib.sh"

suites=${SUITES:-pairs layers style package exports warnings regress jit statements isolation tap conformance parser mutation differential ways docs clients ring cells citus}
fuzz_seconds=${FUZZ_SECONDS:-}
limit=${LIMIT:-1200}		# seconds, for each suite
if [ -n "${FUZZ_SECONDS:-}" ]; then limit=20000; fi
passed=0 failed=0 skipped=0
work=
running=
# With a terminal, Ctrl-C reaches what runs below timeout; without, timeout ends
# all of it.
foreground=
if [ -t 0 ]; then foreground=--foreground; fi

cleanup()
{
	trap '' INT TERM HUP
	if [ -n "$running" ]; then
		as_server "$bindir/pg_ctl" -D "$work/data" -m immediate -w stop >/dev/null 2>&1 || :
	fi
	if [ -z "$work" ]; then :
	elif [ -n "${KEEP:-}" ]; then
		echo "Kept: $work"
	else
		stop_strays
		rm -rf "$work"
	fi
}

# A suite that was killed may have left a cluster in the temporary folder.
stop_strays()
{
	find "$work" -name postmaster.pid 2>/dev/null | while read -r pidfile; do
		as_server "$bindir/pg_ctl" -D "$(dirname "$pidfile")" -m immediate -w stop >/dev/null 2>&1 || :
	done
}

section()
{
	printf '\n== %s\n' "$*"
}

# count PASSED FAILED
count()
{
	passed=$((passed + $1))
	failed=$((failed + $2))
	[ "$2" = 0 ] || remember
}

# What is said once more at the end, where it is found: which suite, and those
# lines of the last command's output that say what was wrong.
remember()
{
	echo "failed: $suite"
	grep -a -E '^(not ok|failed: |stopped after )|[.]{3} FAILED|^# |Wstat: ' "$work/out" 2>/dev/null | tail -n 15 | cut -c 1-200
} >>"$work/failures"

skip()
{
	echo "skipped: $*"
	skipped=$((skipped + 1))
}

# limited COMMAND...: in the sources' copy as the server's user, output to the
# screen and to $work/out, with the exit code of the command.
limited()
{
	{
		code=0
		# shellcheck disable=SC2086
		as_server env HOME="$work" TMPDIR="$work/tmp" timeout $foreground -k 10 "$limit" "$@" 2>&1 || code=$?
		echo "$code" >"$work/code"
	} | tee "$work/out"
	code=$(cat "$work/code")
	if [ "$code" = 124 ]; then echo "stopped after $limit seconds"; fi
	return "$code"
}

# Every input has its expected output, and the other way round.
pairs()
{
	bad=0
	for pair in sql:sql:expected specs:spec:expected; do
		case $pair in
			sql:*) in=sql out=expected ext=sql ;;
			*) in=test/isolation/specs out=test/isolation/expected ext=spec ;;
		esac
		for file in "$in"/*."$ext"; do
			name=$(basename "$file" ".$ext")
			[ ! -e "$file" ] || [ -e "$out/$name.out" ] || { echo "$file has no $out/$name.out"; bad=1; }
		done
		for file in "$out"/*.out; do
			name=$(basename "$file" .out)
			[ ! -e "$file" ] || [ -e "$in/$name.$ext" ] || [ -e "$in/${name%_[0-9]}.$ext" ] ||
				{ echo "$file has no $in/$name.$ext"; bad=1; }
		done
	done
	count $((1 - bad)) $bad
	[ "$bad" = 1 ] || echo "ok: every test has its expected output"
}

# A program that is one test; 77 is its exit code where it cannot run.
program()			# program WHAT-IS-SO COMMAND...
{
	so=$1
	shift
	if limited "$@"; then
		count 1 0
		echo "ok: $so"
	elif [ "$code" = 77 ]; then
		skip "says $1"
	else
		count 0 1
	fi
}

# A second compiler's opinion, where there is one.
warnings()
{
	if ! clang=$(make -s print-clang PG_CONFIG="$pg_config"); then
		skip "no clang"
	elif limited make -s clang-warnings PG_CONFIG="$pg_config" CLANG="$clang"; then
		count 1 0
		echo "ok: none from $clang either"
	else
		count 0 1
	fi
}

# The tests in a folder that have their expected output; pg_regress stops at
# one that has not, and pairs has told of it.
with_output()		# with_output FOLDER EXTENSION FOLDER-OF-OUTPUT
{
	for file in "$1"/*."$2"; do
		name=$(basename "$file" ".$2")
		[ ! -e "$3/$name.out" ] || printf '%s ' "$name"
	done
}

# Reads the totals that pg_regress prints, in the form before and since
# PostgreSQL 16.
count_regress()
{
	totals=$(sed -n \
		-e 's/^[# ]*All \([0-9]*\) tests* passed.*/\1 0/p' \
		-e 's/^[# ]*\([0-9]*\) of \([0-9]*\) tests* failed.*/\2 \1/p' "$work/out" | tail -n 1)
	if [ -n "$totals" ]; then
		# shellcheck disable=SC2086
		set -- $totals
		count $(($1 - $2)) "$2"
	else
		count 0 1
	fi
}

regress()
{
	# shellcheck disable=SC2046
	regress_tests $(with_output sql sql expected)
}

regress_tests()		# regress_tests NAME...
{
	if [ $# = 0 ]; then skip "no tests in sql/"; return; fi
	limited make -s installcheck PG_CONFIG="$pg_config" REGRESS="$*" || show_diffs regression.diffs
	count_regress
}

# The same answers when every expression is compiled: all tests but those that
# repeat the same statements by hundreds, which takes minutes; and those of filters
# once more inlined and optimised, for which others take minutes as well.
jit()
{
	if [ "$(as_server env PGOPTIONS='-c jit=on' psql -X -A -t -c 'SELECT pg_jit_available()')" != t ]; then
		skip "this PostgreSQL does not compile expressions"
		return
	fi
	compile='-c jit=on -c jit_above_cost=0'
	export PGOPTIONS="$compile -c jit_inline_above_cost=-1 -c jit_optimize_above_cost=-1"
	# shellcheck disable=SC2046
	regress_tests $(with_output sql sql expected | tr ' ' '\n' | grep -v -x -e erase -e history -e notification -e time -e upgrade -e waves)
	export PGOPTIONS="$compile -c jit_inline_above_cost=0 -c jit_optimize_above_cost=0"
	regress_tests filter_rules filter_index sort_query
	unset PGOPTIONS
}

isolation()
{
	# shellcheck disable=SC2046
	isolation_tests $(with_output test/isolation/specs spec test/isolation/expected)
}

isolation_tests()	# isolation_tests NAME...
{
	if [ $# = 0 ]; then skip "no tests in test/isolation/specs/"; return; fi
	limited make -s installcheck-isolation PG_CONFIG="$pg_config" SPECS="$*" || show_diffs output_iso/regression.diffs
	count_regress
}

# By statements it is all the same, but for the words of one error, and for a wave
# that sees what is committed while it waits. both_ways has both in it. An upgrade
# writes no rows.
statements()
{
	export PGOPTIONS='-c cirro.direct_writes=off'
	# shellcheck disable=SC2046
	regress_tests $(with_output sql sql expected | tr ' ' '\n' | grep -v -x -e upgrade)
	# shellcheck disable=SC2046
	isolation_tests $(with_output test/isolation/specs spec test/isolation/expected | tr ' ' '\n' |
		grep -v -x -e answer_rename -e both_ways -e wave_pass)
	unset PGOPTIONS
}

show_diffs()
{
	if [ -e "$1" ]; then
		echo "---- $1"
		head -n 400 "$1"
		echo "---- (its first 400 lines)"
	fi
}

tap()
{
	# The last by number takes long: begun first, it keeps nobody waiting at the end.
	# shellcheck disable=SC2046,SC2086
	tap_tests $(ls -r ${PROVE_TESTS:-test/t/*.pl} 2>/dev/null || echo test/t/none)
}

tap_tests()			# tap_tests FILE...
{
	if [ ! -e "$1" ]; then skip "no tests in $(dirname "$1")/"; return; fi
	if ! perl -MIPC::Run -MTest::More -e 1 2>/dev/null; then skip "Perl's IPC::Run is missing"; return; fi
	limited make -s installcheck-tap PG_CONFIG="$pg_config" PG_TEST_PORT_DIR="$work/ports" \
		PROVE_FLAGS="-j $jobs --timer" PROVE_TESTS="$*" || show_logs
	files=$#
	bad=$(sed -n 's/^test\/.*(Wstat: .*/x/p' "$work/out" | wc -l)
	if [ "$bad" = 0 ] && [ "$code" != 0 ]; then bad=$files; fi
	count $((files - bad)) "$bad"
}

# The end of what each failed file wrote.
show_logs()
{
	sed -n 's/^test\/.*\/\([^ ]*\)\.pl *(Wstat: .*/\1/p' "$work/out" | while read -r name; do
		for file in tmp_check/log/regress_log_"$name" tmp_check/log/"$name"_*.log; do
			[ -e "$file" ] || continue
			echo "---- the end of $file"
			tail -n 60 "$file"
		done
	done
}

# More than one server: clusters of their own, a front and its back ends.
servers()			# servers SUITE
{
	if ! has_extension plproxy; then skip "this PostgreSQL has no PL/Proxy"; return; fi
	tap_tests test/"$1"/*.pl
}

has_extension()
{
	[ -e "$("$pg_config" --sharedir)/extension/$1.control" ]
}

# Citus is not Debian's: only where somebody has put it.
citus()
{
	if ! has_extension citus; then skip "this PostgreSQL has no Citus"; return; fi
	tap_tests test/citus/*.pl
}

conformance()
{
	if [ ! -x test/conformance.sh ]; then skip "no test/conformance.sh"; return; fi
	if [ ! -d "$CONFORMANCE_DIR" ]; then skip "no folder ../shared/conformance beside the checkout"; return; fi
	program "the answers of other implementations" test/conformance.sh
}

# A script of test/fuzz on a database of its own: name, setting of its size.
fuzz()
{
	if [ ! -e "test/fuzz/$2.sql" ]; then skip "no test/fuzz/$2.sql"; return; fi
	if limited psql -X -q -At -d "cirro_$1" -c 'CREATE EXTENSION IF NOT EXISTS cirro' \
			-v "$3" ${SEED:+-v seed="$SEED"} -f "test/fuzz/$2.sql"; then
		count 1 0
	else
		count 0 1
	fi
}

# Inputs of the parser, on its own and under the sanitizers: those in files, and
# with FUZZ_SECONDS new ones.
parser()
{
	sources="test/fuzz/filter_parse_fuzz.c src/filter/parse.c src/filter/regex_literal.c src/json/path.c src/json/tree.c src/json/tree_error.c src/json/tree_write.c"
	flags="-g -O1 -fno-sanitize-recover=all -Isrc"
	# The lists are words on purpose.
	# shellcheck disable=SC2086
	if limited "${CC:-gcc}" $flags -DREPLAY -fsanitize=address,undefined -o "$work/tmp/replay" $sources &&
		limited "$work/tmp/replay" test/fuzz/corpus/*; then
		count 1 0
	else
		count 0 1
	fi
	[ -n "$fuzz_seconds" ] || return 0
	if ! clang=$(make -s print-clang PG_CONFIG="$pg_config"); then skip "no clang"; return; fi
	mkdir "$work/tmp/new"
	if [ "$(id -u)" = 0 ]; then chown "$(server_user):" "$work/tmp/new"; fi
	# shellcheck disable=SC2086
	if limited "$clang" $flags -fsanitize=fuzzer,address,undefined -o "$work/tmp/fuzz" $sources &&
		limited "$work/tmp/fuzz" -max_len=6000 -max_total_time="$fuzz_seconds" -dict=test/fuzz/filter.dict \
			-verbosity=0 -print_final_stats=1 -artifact_prefix="$work/tmp/crash-" "$work/tmp/new" test/fuzz/corpus; then
		count 1 0
	else
		count 0 1
		for file in "$work"/tmp/crash-*; do
			[ ! -e "$file" ] || { echo "---- $file, base64:"; base64 "$file"; }
		done
	fi
}

# Damaged filters: refused or sound, nothing else.
mutation() { fuzz mutation filter_mutation rounds="${MUTATIONS:-20000}"; }

# The same answers with an index as without, to random filters and of stored ones, and
# by the keys of gigs; to regular expressions the same as by their engine alone.
differential()
{
	fuzz differential filter_differential filters=1200
	fuzz differential stored_differential documents=60
	fuzz differential gig_key_differential documents=60
	fuzz differential regex_differential patterns=8000
}

# Waves invite the same workers, however they look for them.
ways() { fuzz ways wave_ways rounds=10; }

# A program of several tests, which it tells of in lines: "ok: ", "failed: " and
# "skipped: ".
tests()				# tests COMMAND...
{
	limited "$@" || :
	good=$(grep -c '^ok: ' "$work/out" || :)
	bad=$(grep -c '^failed: ' "$work/out" || :)
	if [ "$bad" = 0 ] && [ "$code" != 0 ]; then bad=1; fi
	count "$good" "$bad"
	skipped=$((skipped + $(grep -c '^skipped: ' "$work/out" || :)))
}

# The manual: its SQL runs, its links lead somewhere, its reference is complete.
docs()
{
	program "what is wrong with a page is seen" test/docs/faults.pl
	tests test/docs/run.pl
	program "every link of the manual leads somewhere" test/docs/links.pl
	program "the reference is complete, and names nothing else" test/docs/complete.pl
}

# The tools of applications, one test each.
clients() { tests test/clients/run.sh; }

# The library alone is instrumented; what that needs has to be in the server
# first. A finding ends the server process, and the tests see a crash. Not
# looked for are leaks, which a server process has by design at its end.
sanitized_server()
{
	runtime=$("${CC:-gcc}" -print-file-name=libasan.so)
	case $runtime in /*) ;; *) die "SANITIZE needs gcc and its libasan.so" ;; esac
	"${CC:-gcc}" -shared -fPIC -o "$work/asan_first.so" test/fuzz/asan_first.c -Wl,-z,initfirst -lasan
	chmod 755 "$work/asan_first.so"
	mv "$bindir/postgres" "$bindir/postgres.bare"
	cat >"$bindir/postgres" <<-END
		#!/bin/sh
		export LD_PRELOAD='$runtime $work/asan_first.so'
		export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:abort_on_error=1
		export UBSAN_OPTIONS=print_stacktrace=1:abort_on_error=1
		exec '$bindir/postgres.bare' "\$@"
	END
	chmod 755 "$bindir/postgres"
}

# What a sanitizer finds it writes to the log of the server.
findings()
{
	grep -a -A 40 'runtime error: \|ERROR: AddressSanitizer' "$work/server.log" tmp_check/log/*.log \
		2>/dev/null >"$work/out" || :
	if [ -s "$work/out" ]; then
		head -n 200 "$work/out"
		count 0 1
	else
		count 1 0
		echo "ok: nothing found"
	fi
}

# Random queries over a Space by sqlsmith, as its owner, and what the log says of
# them: that PostgreSQL refuses most is no fault, a crash or an internal error is.
smith()
{
	if ! command -v sqlsmith >/dev/null; then skip "no sqlsmith"; return; fi
	limited psql -X -q -At -d cirro_smith -f test/fuzz/smith.sql || { count 0 1; return; }
	before=$(wc -l <"$work/server.log")
	# Until its time is over; anything else is an end of the server.
	code=0
	# shellcheck disable=SC2016
	limited sh -c 'timeout "$@"; [ $? = 124 ]' sh "${fuzz_seconds:-60}" \
		sqlsmith --exclude-catalog ${FUZZ_SEED:+--seed="$FUZZ_SEED"} \
		--target="host=$PGHOST port=$PGPORT dbname=cirro_smith user=cirro_smith" >"$work/tmp/smith" 2>&1 || :
	if [ "$code" = 0 ] && tail -n +"$((before + 1))" "$work/server.log" | test/fuzz/smith_log.pl; then
		count 1 0
	else
		tail -n 5 "$work/tmp/smith"
		count 0 1
	fi
}

also=
case " $suites " in *" smith "*) also="$also sqlsmith" ;; esac
case " $suites " in *" clients "*) also="$also clients" ;; esac
case " $suites " in *" ring "*|*" cells "*) also="$also servers" ;; esac
# shellcheck disable=SC2086
"$top/test/setup.sh" $also
original=$(find_pg_config)
jobs=$(nproc 2>/dev/null || echo 2)

umask 022
work=$(mktemp -d "$scratch/cirro-test.XXXXXX")
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
mkdir "$work/tmp" "$work/socket" "$work/ports"
: >"$work/log"
: >"$work/failures"
own_tree "$work/cirro"
own_server "$original" "$work/server"
# Optional input beside the checkout keeps its place.
for folder in data conformance; do
	if [ -d "$top/../shared/$folder" ]; then
		mkdir -p "$work/shared"
		cp -R "$top/../shared/$folder" "$work/shared/"
		chmod -R u+w "$work/shared"
	fi
done
export CONFORMANCE_DIR="${CONFORMANCE_DIR:-$work/shared/conformance}"
if [ "$(id -u)" = 0 ]; then chown -R "$(server_user):" "$work"; fi
cd "$work/cirro"

section "build: $("$pg_config" --version), warnings are errors"
if [ -n "${SANITIZE:-}" ]; then
	section "with AddressSanitizer and UndefinedBehaviorSanitizer"
	build="with_llvm=no COPT=-fsanitize=address,undefined\ -fno-sanitize-recover=all\ -fno-omit-frame-pointer"
	sanitized_server
elif [ -n "${CC:-}" ]; then
	# Clang does not know all that PostgreSQL says to gcc.
	build="CC='$CC' COPT='-Werror -Wno-ignored-attributes -Wno-ignored-optimization-argument -Wno-unknown-warning-option'"
else
	build="COPT=-Werror"
fi
eval "limited make -s -j $jobs PG_CONFIG='$pg_config' $build" || die "the build failed"
eval "limited make -s install PG_CONFIG='$pg_config' $build" || die "the installation failed"
echo "ok"

cluster_up()
{
	[ -z "$running" ] || return 0
	as_server "$bindir/initdb" -D "$work/data" -U postgres -A trust -E UTF8 --no-locale -N >>"$work/log" 2>&1
	# Nothing here is to survive a power failure.
	cat >>"$work/data/postgresql.conf" <<-END
		listen_addresses = ''
		unix_socket_directories = '$work/socket'
		fsync = off
		max_prepared_transactions = 10
		log_line_prefix = '%m %b[%p] %q%a '
	END
	running=yes
	as_server "$bindir/pg_ctl" -D "$work/data" -l "$work/server.log" -w start >>"$work/log" 2>&1 ||
		{ cat "$work/log" "$work/server.log"; die "no server"; }
	export PGHOST="$work/socket" PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
	export PATH="$bindir:$PATH"
	unset PGOPTIONS PGSERVICE PGPASSWORD TEMP_CONFIG PGSSLMODE PGCLIENTENCODING PGTZ
}

for suite in $suites; do
	: >"$work/out"
	case $suite in
		pairs) section "pairs"; pairs ;;
		layers) section "layers: who includes whom in src/"; program "nobody includes upwards or sideways" test/layers.pl ;;
		style) section "style: pgindent's look"; program "as pgindent would have it" test/style.pl ;;
		package)
			section "package: META.json, versions, make dist"
			program "META.json is as the PGXN wants it, and everybody names one version" test/meta.pl
			program "what make dist packs builds, installs and uninstalls without git" test/dist_test.sh "$pg_config" ;;
		exports)
			section "exports: what the library shows"
			program "its SQL functions alone" test/exports.sh ./cirro.so install/cirro--1.0.sql ;;
		warnings) section "warnings of a second compiler"; warnings ;;
		regress) section "regress: sql/"; cluster_up; regress ;;
		jit) section "jit: sql/, compiled"; cluster_up; jit ;;
		statements) section "statements: sql/ and test/isolation/ without rows written directly"; cluster_up; statements ;;
		isolation) section "isolation: test/isolation/specs/"; cluster_up; isolation ;;
		tap) section "tap: test/t/"; tap ;;
		conformance) section "conformance: ../shared/conformance"; cluster_up; conformance ;;
		parser) section "parser: test/fuzz/corpus"; parser ;;
		smith) section "smith: sqlsmith"; cluster_up; as_server createdb cirro_smith; smith ;;
		mutation) section "mutation: test/fuzz/"; cluster_up; as_server createdb cirro_mutation; mutation ;;
		differential)
			section "differential: test/fuzz/"; cluster_up; as_server createdb cirro_differential; differential ;;
		ways)
			section "ways: test/fuzz/"; cluster_up; as_server createdb cirro_ways; ways ;;
		docs) section "docs: README.md docs/"; cluster_up; docs ;;
		clients) section "clients: test/clients/"; cluster_up; clients ;;
		ring) section "ring: test/ring/"; servers ring ;;
		cells) section "cells: test/cells/"; servers cells ;;
		citus) section "citus: test/citus/"; citus ;;
		*) die "there is no suite $suite" ;;
	esac
done

if [ -n "${SANITIZE:-}" ]; then
	suite=findings
	section "findings of the sanitizers"
	findings
fi

section "all"
cat "$work/failures"
if [ "$skipped" = 0 ]; then
	echo "$passed passed, $failed failed"
else
	echo "$passed passed, $failed failed, $skipped skipped"
fi
[ "$failed" = 0 ]
