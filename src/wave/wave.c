/*-------------------------------------------------------------------------
 * src/wave/wave.c
 *
 * One wave of one gig: how many workers it wants, inviting them, and its row
 * in the table wave. Who they are is decided by wave/match.c, when waves run
 * by wave/turn.c. Must not count seats or write the workers' notifications: the
 * triggers of invitation do.
 *
 * Locks in the order of gig/state.h; the caller holds the gig row. Only the
 * insert may have to wait, for another insert of the same worker; so gig_state
 * must not be locked before it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "cirro.h"
#include "space/plan_cache.h"
#include "wave/wave.h"
#include "wave/batch.h"
#include "wave/match.h"

static const CirroQuery count_pending_query = {
	"SELECT count(*) FROM invitation i WHERE i.gig_id = $1 AND i.status = 'pending'"
	" AND ($2 IS NULL OR cirro.add_interval(i.invited_at, $2) > $3)",
	3, {INT8OID, INTERVALOID, TIMESTAMPTZOID}, PLAN_BY_KEY
};

/*
 * Two waves of a Space that read the number of a worker's pending invitations
 * at once would both find room for one more. The Space's one setting row is
 * their lock: it goes away with the transaction, shows up in pg_locks as what
 * it is, and clashes with no key of an application.
 */
static const CirroQuery limit_workers_query = {
	"SELECT t.max_pending::int FROM setting t FOR NO KEY UPDATE",
	0, {InvalidOid}
};

static const CirroQuery reserve_query = {
	"SELECT pg_catalog.nextval(pg_catalog.pg_get_serial_sequence('wave', 'id'))"
};

static const CirroQuery invite_query = {
	"INSERT INTO invitation (gig_id, worker_id, origin, wave_id)"
	" SELECT g.id, w.id, 'wave', $3"
	" FROM gig g, pg_catalog.unnest($2) AS found (id) JOIN worker w ON w.id = found.id"
	" WHERE g.id = $1 AND w.active AND w.profile OPERATOR(cirro.@@) g.filter"
	" ORDER BY w.id"
	" ON CONFLICT (gig_id, worker_id) DO NOTHING",
	3, {INT8OID, INT8ARRAYOID, INT8OID}, PLAN_BY_KEY
};

/*
 * The same for what a pass over the workers has found, which nobody has locked
 * yet.
 */
static const CirroQuery invite_found_query = {
	"INSERT INTO invitation (gig_id, worker_id, origin, wave_id)"
	" SELECT $1, found.id, 'wave', $3 FROM ("
	"   SELECT w.id FROM gig g, pg_catalog.unnest($2) AS proposed (id)"
	"     JOIN worker w ON w.id = proposed.id"
	"   WHERE g.id = $1 AND w.active AND w.profile OPERATOR(cirro.@@) g.filter"
	"   FOR KEY SHARE OF w SKIP LOCKED) AS found"
	" ORDER BY found.id"
	" ON CONFLICT (gig_id, worker_id) DO NOTHING",
	3, {INT8OID, INT8ARRAYOID, INT8OID}, PLAN_BY_KEY
};

static const CirroQuery reopen_query = {
	"UPDATE invitation i SET status = 'pending', reason = NULL, origin = 'wave', wave_id = $3"
	" FROM gig g, worker w"
	" WHERE g.id = $1 AND i.id = ANY ($2) AND w.id = i.worker_id"
	" AND i.status = 'expired'"
	" AND w.active AND w.profile OPERATOR(cirro.@@) g.filter",
	3, {INT8OID, INT8ARRAYOID, INT8OID}, PLAN_BY_KEY
};

static const CirroQuery lock_state_query = {
	"SELECT s.accepted::int, s.target::int, s.closes_at::timestamptz"
	" FROM gig_state s WHERE s.gig_id = $1 FOR NO KEY UPDATE",
	1, {INT8OID}, PLAN_BY_KEY
};

static const CirroQuery insert_wave_query = {
	"INSERT INTO wave (gig_id, number, run_at, target, accepted, wanted, invited,"
	"   matched, held_back, outcome, error, took, id)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
	13, {INT8OID, INT4OID, TIMESTAMPTZOID, INT4OID, INT4OID, INT4OID, INT4OID,
	INT4OID, INT4OID, TEXTOID, TEXTOID, INTERVALOID, INT8OID}, PLAN_BY_KEY
};

static const CirroQuery repeat_wave_query = {
	"UPDATE wave v SET repeats = v.repeats + 1, run_at = $2, target = $3, accepted = $4,"
	"   wanted = $5, matched = $6, held_back = $7, took = $10"
	" WHERE v.id = (SELECT l.id FROM wave l WHERE l.gig_id = $1"
	"   ORDER BY l.number DESC, l.id DESC LIMIT 1)"
	" AND v.outcome = $8 AND v.error IS NOT DISTINCT FROM $9"
	" RETURNING v.id::bigint",
	10, {INT8OID, TIMESTAMPTZOID, INT4OID, INT4OID, INT4OID, INT4OID, INT4OID,
	TEXTOID, TEXTOID, INTERVALOID}, PLAN_BY_KEY
};

/* How long the turn has taken so far, as the value of an interval. */
static Datum
took(const GigWork *work)
{
	Interval   *result = palloc0(sizeof(Interval));

	result->time = GetCurrentTimestamp() - work->began;
	return IntervalPGetDatum(result);
}

static int64
reserve_wave_id(const GigWork *work)
{
	bool		isnull;

	cirro_execute(work->space, &reserve_query, NULL, NULL);
	return DatumGetInt64(cirro_result(0, 1, &isnull));
}

/*
 * A wave that came to the same bad end as the last one is counted in that
 * one's row.
 */
void
write_wave(GigWork *work, const char *outcome, int wanted, int invited,
		   int matched, int held_back, const char *error)
{
	Datum		values[13] = {
		Int64GetDatum(work->gig_id),
		Int32GetDatum(work->waves + 1),
		TimestampTzGetDatum(work->now),
		Int32GetDatum(work->target),
		Int32GetDatum(work->accepted),
		Int32GetDatum(wanted),
		Int32GetDatum(invited),
		Int32GetDatum(matched),
		Int32GetDatum(held_back),
		CStringGetTextDatum(outcome),
		error != NULL ? CStringGetTextDatum(error) : (Datum) 0,
		took(work)
	};
	char		nulls[] = "             ";
	bool		isnull;

	if (matched < 0)
		nulls[7] = 'n';
	if (held_back < 0)
		nulls[8] = 'n';
	if (error == NULL)
		nulls[10] = 'n';

	if (invited == 0)
	{
		Datum		again[10] = {
			values[0], values[2], values[3], values[4], values[5],
			values[7], values[8], values[9], values[10], values[11]
		};
		char		again_nulls[] = {
			' ', ' ', ' ', ' ', ' ',
			nulls[7], nulls[8], nulls[9], nulls[10], ' '
		};

		if (cirro_execute(work->space, &repeat_wave_query, again, again_nulls) > 0)
		{
			work->wave_id = DatumGetInt64(cirro_result(0, 1, &isnull));
			return;
		}
	}

	if (invited == 0 || work->wave_id == 0)
		work->wave_id = reserve_wave_id(work);
	values[12] = Int64GetDatum(work->wave_id);
	cirro_execute(work->space, &insert_wave_query, values, nulls);
}

/* Invites the workers found; returns how many rows that made or changed. */
static int
invite(const GigWork *work, const CirroQuery *query, Datum *ids, int count)
{
	Datum		values[3] = {
		Int64GetDatum(work->gig_id),
		PointerGetDatum(construct_array(ids, count, INT8OID, sizeof(int64),
										FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)),
		Int64GetDatum(work->wave_id)
	};

	if (count == 0)
		return 0;
	return cirro_execute(work->space, query, values, NULL);
}

/* How many of the wanted workers pending_max leaves room for. */
static int
heed_pending_max(const GigWork *work)
{
	Datum		values[3] = {
		Int64GetDatum(work->gig_id),
		IntervalPGetDatum(work->answer_within),
		TimestampTzGetDatum(work->now)
	};
	bool		isnull;
	int64		room;

	if (work->pending_max == 0)
		return work->wanted;
	cirro_execute(work->space, &count_pending_query, values,
				  work->answer_within == NULL ? " n " : NULL);
	room = work->pending_max - DatumGetInt64(cirro_result(0, 1, &isnull));
	return (int) Max(0, Min(work->wanted, room));
}

bool
must_stop(const GigWork *work)
{
	Datum		id = Int64GetDatum(work->gig_id);
	bool		isnull;

	if (cirro_execute(work->space, &lock_state_query, &id, NULL) == 0)
		return true;
	return DatumGetInt32(cirro_result(0, 1, &isnull)) >= DatumGetInt32(cirro_result(0, 2, &isnull)) ||
		cirro_gate_now() >= DatumGetTimestampTz(cirro_result(0, 3, &isnull));
}

/* Is what a pass has found still what this wave looks for? */
static bool
found_is_current(const GigWork *work)
{
	return work->found != NULL && work->found->number == work->waves + 1 &&
		!work->limits_workers &&
		work->found->filter_hash == wave_batch_hash(work->filter) &&
		work->found->sort_hash == wave_batch_hash(work->sort);
}

/* Invites the first of those that a pass has found; returns how many. */
static int
invite_found(GigWork *work, int wanted)
{
	int			count = Min(wanted, work->found->nids);
	Datum	   *ids = palloc(sizeof(Datum) * (count + 1));

	if (count == 0)
		return 0;
	for (int i = 0; i < count; i++)
		ids[i] = Int64GetDatum(work->found->ids[i]);
	work->wave_id = reserve_wave_id(work);
	return invite(work, &invite_found_query, ids, count);
}

/*
 * An IsolatedWork. The id of the wave's row comes first, because invitations
 * carry it; the row comes last, when it is known what it says.
 */
bool
run_one_wave(void *arg)
{
	GigWork    *work = arg;
	int			wanted = heed_pending_max(work);
	CandidateSearch search = {
		.space = work->space,
		.gig_id = work->gig_id,
		.number = work->waves + 1,
		.filter = work->filter,
		.sort = work->sort,
		.has_sort = work->sort != 0
	};
	Datum	   *fresh;
	Datum	   *again;
	int			nfresh = 0;
	int			nagain = 0;
	int			invited = 0;
	bool		searched = false;
	bool		everyone = false;	/* who could be invited was, or is now */
	FullTransactionId horizon = work->horizon;
	int			matched = -1;
	int			held_back = -1;

	if (wanted == 0)
		return !must_stop(work);

	if (work->limits_workers &&
		cirro_execute(work->space, &limit_workers_query, NULL, NULL) > 0)
	{
		bool		isnull;
		Datum		limit = cirro_result(0, 1, &isnull);

		search.max_pending = isnull ? 0 : DatumGetInt32(limit);
	}
	if (!work->limits_workers)
		search.since = work->searched;

	if (found_is_current(work))
	{
		invited = invite_found(work, wanted);
		searched = work->found->complete;
		everyone = searched && invited == work->found->nids;
		horizon = work->found->horizon;
	}

	fresh = palloc(sizeof(Datum) * wanted);
	if (invited < wanted && !searched)
	{
		ereport(DEBUG1,
				(errmsg_internal("looking for workers of gig " INT64_FORMAT " alone",
								 work->gig_id)));
		nfresh = find_candidates(&search, wanted - invited, fresh);
		everyone = search.complete;
		horizon = work->horizon;
	}
	again = palloc(sizeof(Datum) * wanted);
	if (invited + nfresh < wanted)
	{
		nagain = find_reopenable(&search, wanted - invited - nfresh, again);
		everyone &= search.complete;
		matched = invited + nfresh + nagain;
		if (search.max_pending > 0)
			held_back = (int) Min(count_held_back(&search), PG_INT32_MAX);
	}
	else
		everyone = false;

	if (nfresh + nagain > 0)
	{
		int			n;

		if (work->wave_id == 0)
			work->wave_id = reserve_wave_id(work);
		n = invite(work, &invite_query, fresh, nfresh) +
			invite(work, &reopen_query, again, nagain);
		everyone &= n == nfresh + nagain;
		invited += n;
	}
	if (everyone && !work->limits_workers)
		work->searched_now = horizon;

	if (must_stop(work))
		return false;

	if (invited > 0)
		write_wave(work, "invited", wanted, invited, matched, held_back, NULL);
	else
		write_wave(work, "exhausted", wanted, 0, Max(matched, 0), held_back, NULL);
	return true;
}
