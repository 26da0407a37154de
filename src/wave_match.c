/*-------------------------------------------------------------------------
 * src/wave_match.c
 *
 * Finds the workers that a wave can invite, and decides their order. It locks
 * what it finds but changes nothing, and must not wait for a lock.
 *
 * The filter goes into each query as a constant (a plan for every search), so
 * that the planner can choose: an index on profiles, or the index on lots
 * read from the wave's start until enough are found. The latter is why the
 * fair order is two searches, from the start up and from below up to it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "gig_state.h"
#include "plan_cache.h"
#include "wave_match.h"

/* $1 gig, $2 filter, $3 start of the lots, $4 max_pending */
#define MATCHES \
	" w.active AND w.profile OPERATOR(cirro.@@) $2::cirro.filter_query"
/*
 * OFFSET 0 keeps it a probe of the key's index. As a join it would be planned by
 * how many the gig was thought to have invited, which is what waves change: with
 * none, each worker found was compared with each invitation.
 */
#define NEVER_INVITED \
	" AND NOT EXISTS (SELECT FROM invitation i" \
	"   WHERE i.gig_id = $1 AND i.worker_id = w.id OFFSET 0)"
#define NOT_HELD_BACK \
	" AND ($4 IS NULL OR (SELECT count(*) FROM invitation p" \
	"   WHERE p.worker_id = w.id AND p.status = 'pending') < $4)"
#define FOUND_WORKERS " FOR KEY SHARE OF w SKIP LOCKED"

static const CirroQuery from_start_query = {
	"SELECT w.id::bigint FROM worker w WHERE" MATCHES " AND w.lot >= $3"
	NEVER_INVITED NOT_HELD_BACK
	" ORDER BY w.lot, w.id LIMIT $5" FOUND_WORKERS,
	5, {INT8OID, JSONBOID, INT4OID, INT4OID, INT8OID}, PLAN_EACH_TIME
};

static const CirroQuery up_to_start_query = {
	"SELECT w.id::bigint FROM worker w WHERE" MATCHES " AND w.lot < $3"
	NEVER_INVITED NOT_HELD_BACK
	" ORDER BY w.lot, w.id LIMIT $5" FOUND_WORKERS,
	5, {INT8OID, JSONBOID, INT4OID, INT4OID, INT8OID}, PLAN_EACH_TIME
};

static const CirroQuery sorted_query = {
	"SELECT w.id::bigint FROM worker w WHERE" MATCHES
	NEVER_INVITED NOT_HELD_BACK
	" ORDER BY cirro.sort_key(w.profile, $6::cirro.sort_query),"
	"   w.lot < $3, w.lot, w.id LIMIT $5" FOUND_WORKERS,
	6, {INT8OID, JSONBOID, INT4OID, INT4OID, INT8OID, JSONOID}, PLAN_EACH_TIME
};

static const CirroQuery reopenable_query = {
	"SELECT i.id::bigint FROM invitation i JOIN worker w ON w.id = i.worker_id WHERE" MATCHES
	" AND i.gig_id = $1 AND i.status = 'expired' AND i.reason = '" GIG_SEATS_FILLED "'"
	NOT_HELD_BACK
	" ORDER BY CASE WHEN $6::json IS NOT NULL"
	"     THEN cirro.sort_key(w.profile, $6::cirro.sort_query) END,"
	"   w.lot < $3, w.lot, w.id LIMIT $5"
	" FOR NO KEY UPDATE OF i SKIP LOCKED",
	6, {INT8OID, JSONBOID, INT4OID, INT4OID, INT8OID, JSONOID}, PLAN_EACH_TIME
};

static const CirroQuery held_back_query = {
	"SELECT count(*) FROM worker w WHERE" MATCHES
	" AND NOT EXISTS (SELECT FROM invitation i"
	"   WHERE i.gig_id = $1 AND i.worker_id = w.id"
	"     AND (i.status <> 'expired' OR i.reason IS DISTINCT FROM '" GIG_SEATS_FILLED "'))"
	" AND (SELECT count(*) FROM invitation p"
	"   WHERE p.worker_id = w.id AND p.status = 'pending') >= $3",
	3, {INT8OID, JSONBOID, INT4OID}, PLAN_EACH_TIME
};

int32
wave_lot_start(int64 gig_id, int number)
{
	uint64		hash = DatumGetUInt64(DirectFunctionCall2(hashint8extended,
														  Int64GetDatum(gig_id),
														  Int64GetDatum(number)));

	return (int32) (uint32) hash;
}

/* Runs one of the searches above; ids are appended behind the "found" first. */
static int
collect(const CandidateSearch *search, const CirroQuery *query,
		int limit, Datum *ids, int found)
{
	Datum		values[6] = {
		Int64GetDatum(search->gig_id),
		search->filter,
		Int32GetDatum(wave_lot_start(search->gig_id, search->number)),
		Int32GetDatum(search->max_pending),
		Int64GetDatum(limit - found),
		search->sort
	};
	char		nulls[] = "      ";
	uint64		rows;
	bool		isnull;

	if (search->max_pending == 0)
		nulls[3] = 'n';
	if (!search->has_sort)
		nulls[5] = 'n';

	rows = cirro_execute(search->space, query, values, nulls);
	for (uint64 row = 0; row < rows; row++)
		ids[found++] = Int64GetDatum(DatumGetInt64(cirro_result(row, 1, &isnull)));
	SPI_freetuptable(SPI_tuptable);
	return found;
}

int
find_candidates(const CandidateSearch *search, int limit, Datum *ids)
{
	int			found;

	if (search->has_sort)
		return collect(search, &sorted_query, limit, ids, 0);

	found = collect(search, &from_start_query, limit, ids, 0);
	if (found < limit)
		found = collect(search, &up_to_start_query, limit, ids, found);
	return found;
}

int
find_reopenable(const CandidateSearch *search, int limit, Datum *ids)
{
	return collect(search, &reopenable_query, limit, ids, 0);
}

int64
count_held_back(const CandidateSearch *search)
{
	Datum		values[3] = {
		Int64GetDatum(search->gig_id),
		search->filter,
		Int32GetDatum(search->max_pending)
	};
	bool		isnull;

	cirro_execute(search->space, &held_back_query, values, NULL);
	return DatumGetInt64(cirro_result(0, 1, &isnull));
}
