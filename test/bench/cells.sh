#!/bin/sh
# test/bench/cells.sh: measures what cells cost (examples/cells): an accept whose seat is
# in its cell, at the front, in another cell, or nowhere; and a tick of the mover over
# gigs of which all, few or none need anything.
#
# Decides the order. The front and four cells are five databases of one server, so the
# network is none, and the disk is left out: what is measured is the work. The Spaces are
# made and the calls timed by cells_measure.sql. Prints Markdown, and on the standard
# error how far it is. Must not touch the PostgreSQL of this computer (test/lib.sh), nor
# leave anything behind: a private copy of PostgreSQL, a throwaway cluster on a socket in
# a temporary folder.
#
# CALLS=1000       accepts of each kind
# GIGS="1000 10000"   shared gigs, for the ticks (CALLS=100 GIGS=200: seconds)
# PG_CONFIG, PG_MAJOR     which PostgreSQL (test/setup.sh)
# SCRATCH=/tmp     where the temporary folder is made
# KEEP=1           keep the temporary folder and its server, and say where
set -eu
. "$(dirname "$0")/server.sh"

calls=${CALLS:-1000} gigs=${GIGS:-1000 10000}
# The list is words on purpose.
# shellcheck disable=SC2086
whole_numbers "CALLS and GIGS" "$calls" $gigs

bench_server plproxy servers <<END
shared_buffers = '512MB'
fsync = off
END

in_database()		# in_database NAME FILE-OR-OPTION...
{
	name=$1
	shift
	quietly "$bindir/psql" -X -q -v ON_ERROR_STOP=1 -h "$work/socket" -U postgres -d "$name" "$@"
}

say "making a front and four cells"
db -c "SELECT cirro.create_space('trees')" >/dev/null
in_database bench -v space=trees -f examples/cells/front.sql
for cell in 1 2 3 4; do
	quietly "$bindir/createdb" -h "$work/socket" -U postgres "cell$cell"
	in_database "cell$cell" -c 'CREATE EXTENSION cirro' -c "SELECT cirro.create_space('trees')"
	in_database "cell$cell" -v space=trees -v cell="$cell" -f examples/cells/cell.sql
	in_database "cell$cell" -c "INSERT INTO trees.worker (profile) SELECT '{}' FROM generate_series(1, $calls)"
done
db -c "INSERT INTO cells.cell (number, connect) SELECT n, format('host=$work/socket dbname=%s', CASE n WHEN 0 THEN 'bench' ELSE 'cell' || n END)
	FROM generate_series(0, 4) n"
say "measuring"
db -v calls="$calls" -v gigs="{$(echo "$gigs" | tr ' ' ',')}" -f test/bench/cells_measure.sql
say "done"
