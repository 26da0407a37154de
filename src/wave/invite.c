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
take_all(Oid space, Datum filter, Proposal *proposals, int count, int *ntaken)
{
	const FilterQuery *query = DatumGetFilterQuery(filter);
	int64	   *taken = NULL;
	RowWriter  *workers;

	*ntaken = 0;
	row_writer_push_snapshot();
	workers = row_writer_begin(space, &worker_rows);
	if (workers != NULL)
	{
		taken = palloc_extended(mul_size(count, sizeof(int64)), MCXT_ALLOC_HUGE);
		for (int i = 0; i < count; i++)
		{
			CHECK_FOR_INTERRUPTS();
			if (take(workers, query, &proposals[i]))
				taken[(*ntaken)++] = proposals[i].id;
		}
		row_writer_end(workers);
	}
	PopActiveSnapshot();
	return taken;
}

int
wave_invite(Oid space, int64 gig_id, int64 wave_id, Datum filter, const Proposals *found)
{
	Proposal   *proposals = palloc_extended(mul_size(found->count, sizeof(Proposal)),
											MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	int64	   *taken;
	int			ntaken;

	for (int i = 0; i < found->count; i++)
	{
		proposals[i].id = found->ids[i];
		ItemPointerSetInvalid(&proposals[i].place);
		if (found->places != NULL)
		{
			proposals[i].place = found->places[i];
			proposals[i].xmin = found->xmins[i];
		}
	}
	qsort(proposals, found->count, sizeof(Proposal), compare_proposals);
	taken = take_all(space, filter, proposals, found->count, &ntaken);
	pfree(proposals);
	if (taken == NULL)
		return -1;
	if (ntaken > 0 && !invitation_write(space, gig_id, wave_id, taken, ntaken))
		ntaken = -1;
	pfree(taken);
	return ntaken;
}
