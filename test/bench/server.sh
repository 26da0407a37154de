# test/bench/server.sh: what the benchmarks share; sourced, never run.
#
# Decides where a benchmark happens: a private copy of PostgreSQL with the
# extension in it, and a throwaway cluster on a socket, in a temporary folder
# that goes with the script. Must not touch the PostgreSQL of this computer.
. "$(dirname "$0")/../lib.sh"

work=
running=
bindir=

whole_numbers()		# whole_numbers WHAT VALUE...
{
	what=$1
	shift
	for number in "$@"; do
		case $number in ''|*[!0-9]*|0*) die "$what are whole numbers, not $number" ;; esac
	done
}

cleanup()
{
	trap '' INT TERM HUP
	if [ -z "$work" ]; then :
	elif [ -n "${KEEP:-}" ]; then
		echo "Kept: $bindir/psql -h $work/socket -U postgres -d bench" >&2
		echo "It ends with $bindir/pg_ctl -D $work/data stop, and the folder is $work" >&2
	else
		if [ -n "$running" ]; then
			as_server "$bindir/pg_ctl" -D "$work/data" -m immediate -w stop >/dev/null 2>&1 || :
		fi
		rm -rf "$work"
	fi
}

say()
{
	printf '%s  %s\n' "$(date +%H:%M:%S)" "$*" >&2
}

quietly()
{
	as_server env HOME="$work" "$@" >"$work/log" 2>&1 </dev/null || { cat "$work/log" >&2; return 1; }
}

# psql on the benchmark's database, as its superuser; $options go to the server.
db()
{
	as_server env HOME="$work" PGOPTIONS="-c client_min_messages=warning ${options:-}" PGCLIENTENCODING=UTF8 \
		"$bindir/psql" -X -q -At -v ON_ERROR_STOP=1 -v SHOW_CONTEXT=never \
		-h "$work/socket" -U postgres -d bench "$@"
}

# bench_server [EXTENSION [WHAT]]: builds and starts, with settings from the standard
# input; database bench has the extension. EXTENSION is what else it needs, WHAT its
# name in test/setup.sh if that is another.
bench_server()
{
	settings=$(cat)
	unset PGOPTIONS PGSERVICE PGPASSWORD PGPORT PGDATABASE
	"$top/test/setup.sh" ${1:+"${2:-$1}"} >&2
	original=$(find_pg_config)
	[ -z "${1:-}" ] || [ -e "$("$original" --sharedir)/extension/$1.control" ] ||
		die "the benchmark needs $1 in that PostgreSQL"

	umask 022
	work=$(mktemp -d "$scratch/cirro-bench.XXXXXX")
	trap cleanup EXIT
	trap 'exit 130' INT TERM HUP
	mkdir "$work/socket"
	: >"$work/log"
	own_tree "$work/cirro"
	own_server "$original" "$work/server"
	if [ "$(id -u)" = 0 ]; then chown -R "$(server_user):" "$work"; fi
	cd "$work/cirro"

	say "building the extension for $("$pg_config" --version), starting a server"
	quietly make -s -j "$(nproc 2>/dev/null || echo 2)" PG_CONFIG="$pg_config" with_llvm=no
	quietly make -s install PG_CONFIG="$pg_config" with_llvm=no
	quietly "$bindir/initdb" -D "$work/data" -U postgres -A trust -E UTF8 --no-locale -N
	# Nothing is to run beside what is measured.
	cat >>"$work/data/postgresql.conf" <<-END
		listen_addresses = ''
		unix_socket_directories = '$work/socket'
		max_parallel_workers_per_gather = 0
		max_parallel_maintenance_workers = 0
		jit = off
		autovacuum = off
		max_wal_size = 8GB
		checkpoint_timeout = 1d
		$settings
	END
	running=yes
	quietly "$bindir/pg_ctl" -D "$work/data" -l "$work/server.log" -w start ||
		{ cat "$work/server.log" >&2; die "no server"; }
	quietly "$bindir/createdb" -h "$work/socket" -U postgres bench
	db -c 'CREATE EXTENSION cirro'
}
