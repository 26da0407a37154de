#!/bin/sh
# test/bench/move.sh: measures how long calls stand still while a Space of a ring
# moves, beside a dump of it that is restored, during which it would stand still.
#
# Decides the order: for each size a Space that four clients work at, moved to and fro
# by examples/ring/move_space; then pg_dump -n | psql of the same. The Space is that of
# test/ring/lib/moving.sql. Front and back ends are databases of one server, which has
# the WAL of both sides to read: two servers have less to do. Prints Markdown, and on
# the standard error how far it is. Must not touch the PostgreSQL of this computer
# (test/lib.sh), nor leave anything behind: a private copy of PostgreSQL, a throwaway
# cluster on a socket in a temporary folder, without fsync.
#
# SIZES='20000:29000 300000:435000'  workers and invitations (SIZES=2000:2900: a minute)
# ROUNDS=3         moves to and fro of each
# CLIENTS=4
# SHARED_BUFFERS=1GB
# PG_CONFIG, PG_MAJOR     which PostgreSQL (test/setup.sh)
# SCRATCH=/tmp     where the temporary folder is made
# KEEP=1           keep the temporary folder and its server, and say where
set -eu
. "$(dirname "$0")/server.sh"

sizes=${SIZES:-20000:29000 300000:435000} rounds=${ROUNDS:-3} clients=${CLIENTS:-4}
whole_numbers "ROUNDS and CLIENTS" "$rounds" "$clients"
for size in $sizes; do whole_numbers "SIZES" "${size%:*}" "${size#*:}"; done

connect() { printf "host=%s dbname=%s" "$work/socket" "$1"; }
in_db()				# in_db DATABASE ARGUMENTS OF PSQL
{
	database=$1
	shift
	db -d "$(connect "$database") user=postgres" "$@"
}

# The middle of the numbers, and the highest.
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
highest() { sort -n | tail -n 1; }

# pgbench's own log: client, number, microseconds, of which 20 ms are its rest.
clients_work()
{
	printf '%s\n' '\set n random(1, 1000000000)' 'SELECT * FROM trees.turn(:n) \gset' '\sleep 20 ms' >"$work/turn.sql"
	(cd "$work/calls" && as_server env HOME="$work" "$bindir/pgbench" -n -h "$work/socket" -U postgres -f "$work/turn.sql" \
		-c "$clients" -j 2 -T 86400 -l front >"$work/pgbench.log" 2>&1 </dev/null) &
	pgbench=$!
}

clients_end()
{
	in_db front -c "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'pgbench'" >/dev/null
	wait "$pgbench" || :
	# All but the end that was made to them.
	! grep 'ERROR' "$work/pgbench.log" >&2
}

bench_server <<END
shared_buffers = '${SHARED_BUFFERS:-1GB}'
fsync = off
wal_level = logical
END
[ -e "$("$pg_config" --sharedir)/extension/plproxy.control" ] || die "the benchmark needs PL/Proxy in that PostgreSQL"
mkdir "$work/calls"
if [ "$(id -u)" = 0 ]; then chown "$(server_user):" "$work/calls"; fi

echo '| workers | invitations | calls stood still, s (median; longest) | longest call of a client, s | the whole move, s | pg_dump \| psql, s |'
echo '|---|---|---|---|---|---|'
in_db bench -c 'CREATE ROLE gardener; CREATE ROLE visitor'
for size in $sizes; do
	workers=${size%:*} invitations=${size#*:}
	gigs=$((invitations / 144 + 1))
	for database in front a b c; do
		in_db bench -c "DROP DATABASE IF EXISTS $database" -c "CREATE DATABASE $database" -c "GRANT CREATE ON DATABASE $database TO gardener"
	done
	in_db front -f examples/ring/front.sql
	for database in a b; do
		in_db "$database" -f examples/ring/back_end.sql
		in_db front -v name="$database" -v connect="$(connect "$database")" -f - <<-'END'
			INSERT INTO ring.back_end (name, connect) VALUES (:'name', :'connect');
		END
	done
	say "making $workers workers, $invitations invitations"
	in_db a -v workers="$workers" -v gigs="$gigs" -v multiplier=24 -f test/ring/lib/moving.sql >/dev/null
	in_db a -c 'CALL cirro.run_waves()'
	# What comes while it moves is to come from the clients alone.
	in_db a -c "UPDATE trees.gig SET invitation_mode = 'manual'" -c 'VACUUM ANALYZE'
	in_db front -c "SELECT ring.set_place('trees', 'a')" >/dev/null
	quietly env PATH="$bindir:$PATH" PGHOST="$work/socket" PGUSER=postgres examples/ring/dispatch trees
	: >"$work/still"; : >"$work/whole"; : >"$work/call"
	rm -f "$work"/calls/*
	clients_work
	for round in $(seq "$rounds"); do
		for target in b a; do
			say "round $round of $rounds: to $target"
			quietly env PATH="$bindir:$PATH" PGHOST="$work/socket" PGUSER=postgres PGDATABASE=front examples/ring/move_space trees "$target"
			sed -n 's/.*calls stood still for \([0-9.]*\) s.*/\1/p' "$work/log" >>"$work/still"
			sed -n 's/^\[ *\([0-9.]*\)\].*lives at .*/\1/p' "$work/log" | tail -n 1 >>"$work/whole"
		done
	done
	clients_end
	cat "$work"/calls/* | awk '{ printf "%.3f\n", $3 / 1e6 - 0.02 }' | highest >"$work/call"
	say "the same by a dump"
	: >"$work/dump"
	for round in $(seq "$rounds"); do
		in_db bench -c 'DROP DATABASE c' -c 'CREATE DATABASE c'
		in_db c -c 'CREATE EXTENSION cirro'
		begun=$(date +%s.%N)
		as_server env HOME="$work" "$bindir/pg_dump" -d "$(connect a) user=postgres" -n trees | in_db c -f - >/dev/null
		echo "$(date +%s.%N) $begun" | awk '{ printf "%.2f\n", $1 - $2 }' >>"$work/dump"
	done
	rows=$(in_db a -c 'SELECT count(*) FROM trees.worker' -c 'SELECT count(*) FROM trees.invitation' | tr '\n' ' ')
	wrong=$(in_db a -c 'SELECT * FROM trees.check_consistency()' -c 'SELECT * FROM trees.wrong LIMIT 5')
	[ -z "$wrong" ] || die "after the moves: $wrong"
	# shellcheck disable=SC2086
	set -- $rows
	echo "| $1 | $2 | $(median <"$work/still"); $(highest <"$work/still") | $(cat "$work/call") | $(median <"$work/whole") | $(median <"$work/dump") |"
done
say "done"
