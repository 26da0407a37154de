/*-------------------------------------------------------------------------
 * src/wave/invite.c
 *
 * Takes the workers that a wave has found and has them invited, row by row. Decides
 * which of them are still to be invited: those who are active and match, as they are
 * now, and whom nobody else holds. Must not choose among them, nor wait for one.
 *
 * A row is looked for where the pass saw it, which is trusted if it is the worker's
 * and visible now; else by the key. The filter is not asked again of a version that
 * the pass has asked, that is, of one at the same place written by the same
 * transaction: no second one is written there before the first is gone for all.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "filter/eval.h"
#include "filter/io.h"
#include "gig/invitation_write.h"
#include "space/row_writer.h"
#include "wave/invite.h"

enum
{
	WORKER_ID, WORKER_ACTIVE, WORKER_PROFILE, NWORKER_COLUMNS
};

static const RowTable worker_rows = {
	.name = "worker",
	.operation = CMD_SELECT,
	.locks = true,
	.ncolumns = NWORKER_COLUMNS,
	.columns = {
		[WORKER_ID] = {"id", INT8OID},
		[WORKER_ACTIVE] = {"active", BOOLOID},
		[WORKER_PROFILE] = {"profile", JSONBOID}
	}
};

/* A worker, and where the pass saw it. */
typedef struct Proposal
{
	int64		id;
	ItemPointerData place;
	TransactionId xmin;
} Proposal;

static int
compare_proposals(const void *a, const void *b)
{
	int64		left = ((const Proposal *) a)->id;
	int64		right = ((const Proposal *) b)->id;

	return left < right ? -1 : left > right;
}

/* Is the worker that was read to be invited? */
static bool
is_fit(RowWriter *workers, const FilterQuery *filter)
{
	bool		isnull;
	Datum		value = row_writer_value(workers, WORKER_ACTIVE, &isnull);
	Jsonb	   *profile;
	bool		matches;

	if (isnull || !DatumGetBool(value))
		return false;
	value = row_writer_value(workers, WORKER_PROFILE, &isnull);
	if (isnull)
		return false;
	profile = DatumGetJsonbP(value);
	matches = filter_matches(filter, &profile->root);
	if ((Pointer) profile != DatumGetPointer(value))
		pfree(profile);
	return matches;
}

static bool
is_as_seen(RowWriter *workers, Proposal *proposal)
{
	bool		isnull;

	return ItemPointerIsValid(&proposal->place) &&
		row_writer_find_at(workers, &proposal->place) &&
		DatumGetInt64(row_writer_value(workers, WORKER_ID, &isnull)) == proposal->id && !isnull &&
		row_writer_xmin(workers) == proposal->xmin;
}

/* Locks a worker as a foreign key's check does. False if he is not to be invited. */
static bool
take(RowWriter *workers, const FilterQuery *filter, Proposal *proposal)
{
	if (!is_as_seen(workers, proposal) &&
		(!row_writer_find(workers, proposal->id) || !is_fit(workers, filter)))
		return false;
	switch (row_writer_lock(workers, true, true))
	{
		case ROW_DONE:
			return true;
		case ROW_CHANGED:
			return is_fit(workers, filter);
		case ROW_GONE:
		case ROW_LOCKED:
			break;
	}
	return false;
}

/* Those who are taken, in order; NULL if statements have to. */
static int64 *
take_all(const GigTurn *turn, Proposal *proposals, int count, int *ntaken)
{
	const FilterQuery *filter = DatumGetFilterQuery(turn->gig.compiled);
	int64	   *taken = NULL;
	RowWriter  *workers;

	*ntaken = 0;
	PushActiveSnapshot(GetTransactionSnapshot());
	workers = row_writer_begin(turn->space, &worker_rows);
	if (workers != NULL)
	{
		taken = palloc_extended(mul_size(count, sizeof(int64)), MCXT_ALLOC_HUGE);
		for (int i = 0; i < count; i++)
		{
			CHECK_FOR_INTERRUPTS();
			if (take(workers, filter, &proposals[i]))
				taken[(*ntaken)++] = proposals[i].id;
		}
		row_writer_end(workers);
	}
	PopActiveSnapshot();
	return taken;
}

int
wave_invite(GigTurn *turn, const int64 *ids, const ItemPointerData *places,
			const TransactionId *xmins, int count)
{
	Proposal   *proposals;
	int64	   *taken;
	int			ntaken;

	/* Without its row in gig_filter nobody matches. */
	if (turn->by_statements || turn->gig.compiled == (Datum) 0)
		return -1;
	proposals = palloc_extended(mul_size(count, sizeof(Proposal)), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < count; i++)
	{
		proposals[i].id = ids[i];
		ItemPointerSetInvalid(&proposals[i].place);
		if (places != NULL)
		{
			proposals[i].place = places[i];
			proposals[i].xmin = xmins[i];
		}
	}
	qsort(proposals, count, sizeof(Proposal), compare_proposals);
	taken = take_all(turn, proposals, count, &ntaken);
	pfree(proposals);
	if (taken == NULL)
		return -1;
	turn->wrote_rows = true;
	if (ntaken > 0 &&
		!invitation_write(turn->space, turn->gig_id, turn->wave_id, taken, ntaken))
		ntaken = -1;
	pfree(taken);
	return ntaken;
}
