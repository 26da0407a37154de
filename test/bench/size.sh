#!/bin/sh
# test/bench/size.sh: measures what a worker, a gig, an invitation and an empty Space
# take on disk, and how much WAL an invitation and an accept write.
#
# Decides the order: an empty Space, workers (of waves_load.sql), open gigs, one tick that
# invites 50 for each, an accept of a tenth of them just after a checkpoint, when pages
# are written as a whole, and of another tenth. Prints Markdown, and on the standard
# error how far it is. Must not touch the PostgreSQL of this computer (test/lib.sh), nor
# leave anything behind.
#
# N=1000000        how many workers
# GIGS=10000       open gigs
# SHARED_BUFFERS=2GB
# PG_CONFIG, PG_MAJOR     which PostgreSQL (test/setup.sh)
# SCRATCH=/tmp     where the temporary folder is made
# KEEP=1           keep the temporary folder and its server, and say where
set -eu
. "$(dirname "$0")/server.sh"

n=${N:-1000000} gigs=${GIGS:-10000}
whole_numbers "N and GIGS" "$n" "$gigs"

# Nothing here is to survive; WAL is counted as a server writes it that has a standby.
bench_server <<END
shared_buffers = '${SHARED_BUFFERS:-2GB}'
maintenance_work_mem = '512MB'
fsync = off
wal_level = replica
END

say "an empty Space"
db -f test/bench/size_measure.sql -c "SELECT cirro.create_space('empty')" -c "SELECT size.keep_space('empty')" \
	-c "SELECT cirro.drop_space('empty')" >/dev/null
say "making $n workers, $gigs gigs"
db -v n="$n" -f test/bench/filter_load.sql
db -f test/bench/waves_load.sql
db -c "SELECT bench.make_gigs($gigs, 0.004)" -c 'VACUUM ANALYZE' -c "SELECT size.keep('gigs', '$gigs')" >/dev/null
say "a tick"
db -c CHECKPOINT -c 'SELECT 1 FROM crowd.gig LIMIT 1' -c "SELECT size.wal_from()" >/dev/null
db -c "CALL cirro.run_waves('crowd')"
db -c "SELECT size.wal_to('an invitation')" -c 'VACUUM ANALYZE' -c "SELECT size.keep('invitations', (SELECT count(*) FROM crowd.invitation)::text)" \
	-c "SELECT size.keep_table(t) FROM unnest('{invitation,event,notification}'::text[]) t" >/dev/null
say "accepts"
db -c CHECKPOINT -c "SELECT size.wal_from()" -c 'CALL size.accept(0)' -c "SELECT size.wal_to('an accept after a checkpoint')" >/dev/null
db -c "SELECT size.wal_from()" -c 'CALL size.accept(1)' -c "SELECT size.wal_to('an accept later')" >/dev/null
say "done"
db -c 'SELECT size.report()'
