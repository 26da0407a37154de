/*-------------------------------------------------------------------------
 * src/gig/cancel.c
 *
 * Cancelling seen from the invitations: who is told, and what expires. That a gig
 * may be cancelled has been decided before (gig/check.c), and gig_state learns of
 * it afterwards (gig/gig_trigger.c).
 *
 * Whoever makes an invitation holds its gig FOR KEY SHARE until the end of the
 * transaction; whoever changes one holds the invitation. So with the gigs locked FOR
 * UPDATE and then all their invitations, what is seen is all there will be: each
 * worker is told once, and nothing stays open.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "cirro.h"
#include "gig/cancel.h"
#include "gig/event.h"
#include "gig/key.h"
#include "gig/state.h"
#include "gig/trigger.h"
#include "space/query.h"

enum
{
	ID, CANCELLED_AT, NCOLUMNS
};

static const TriggerColumn columns[NCOLUMNS] = {
	[ID] = {"id", INT8OID},
	[CANCELLED_AT] = {"cancelled_at", TIMESTAMPTZOID},
};

/* Only their number is brought back, of whatever many rows. */
static const SpaceQuery lock_gigs = {
	"SELECT count(*) FROM (SELECT FROM gig l WHERE l.id = ANY ($1) ORDER BY l.id FOR UPDATE) g",
	1, {INT8ARRAYOID}, PLAN_BY_KEY
};

static const SpaceQuery lock_invitations = {
	"SELECT count(*) FROM (SELECT FROM invitation l WHERE l.gig_id = ANY ($1) "
	"  ORDER BY l.id FOR UPDATE) i",
	1, {INT8ARRAYOID}, PLAN_BY_KEY
};

static const SpaceQuery count_invitations = {
	"SELECT count(*) FROM invitation i WHERE i.gig_id = ANY ($1)",
	1, {INT8ARRAYOID}, PLAN_BY_KEY
};

/* What had expired by the clock when the gig was cancelled expires for that reason. */
static const SpaceQuery expire_lapsed = {
	"UPDATE invitation i SET status = 'expired', reason = o.reason "
	"FROM (SELECT l.id, cirro.expired_reason(l.status, l.invited_at, s.closes_at, s.answer_within, "
	"    s.expires_rest AND s.accepted >= s.capacity) AS reason "
	"  FROM invitation l JOIN gig_state s ON s.gig_id = l.gig_id "
	"  WHERE l.gig_id = $1 AND l.status IN ('pending', 'scheduled', 'waiting') OFFSET 0) o "
	"WHERE i.id = o.id AND o.reason IS NOT NULL",
	1, {INT8OID}, PLAN_BY_KEY
};

static const SpaceQuery expire_open = {
	"UPDATE invitation i SET status = 'expired', reason = '" GIG_CANCELLED "', silent = true "
	"WHERE i.gig_id = $1 AND i.status IN ('pending', 'scheduled', 'waiting')",
	1, {INT8OID}, PLAN_BY_KEY
};

static const SpaceQuery delete_filters = {
	"DELETE FROM gig_filter f WHERE f.gig_id = ANY ($1)",
	1, {INT8ARRAYOID}, PLAN_BY_KEY
};

typedef struct GigIds
{
	int64	   *ids;
	int			n;
	int			allocated;
} GigIds;

static int
compare_ids(const void *a, const void *b)
{
	int64		left = *(const int64 *) a;
	int64		right = *(const int64 *) b;

	return left < right ? -1 : left > right;
}

/* The gigs that the statement has cancelled, in ascending order. */
static void
find_cancelled(TriggerData *trigdata, GigIds *cancelled)
{
	TriggerRows old;
	TriggerRows new;

	memset(cancelled, 0, sizeof(*cancelled));
	trigger_rows_begin(&old, trigdata->tg_oldtable, trigdata->tg_relation, columns, NCOLUMNS);
	trigger_rows_begin(&new, trigdata->tg_newtable, trigdata->tg_relation, columns, NCOLUMNS);
	/* The executor puts the two versions of a row at the same place. */
	while (trigger_rows_next(&old) && trigger_rows_next(&new))
	{
		bool		was_open;
		bool		is_open;
		bool		isnull;
		int64		id = DatumGetInt64(trigger_rows_value(&new, ID, &isnull));

		CHECK_FOR_INTERRUPTS();
		(void) trigger_rows_value(&old, CANCELLED_AT, &was_open);
		(void) trigger_rows_value(&new, CANCELLED_AT, &is_open);
		if (isnull || !was_open || is_open)
			continue;
		if (cancelled->n == cancelled->allocated)
		{
			cancelled->allocated = Max(cancelled->allocated * 2, 16);
			cancelled->ids = cancelled->ids == NULL ?
				palloc(cancelled->allocated * sizeof(int64)) :
				repalloc_huge(cancelled->ids, cancelled->allocated * sizeof(int64));
		}
		cancelled->ids[cancelled->n++] = id;
	}
	trigger_rows_end(&old);
	trigger_rows_end(&new);
	if (cancelled->n > 1)
		qsort(cancelled->ids, cancelled->n, sizeof(int64), compare_ids);
}

static void
run_over_gigs(Oid space, const SpaceQuery *query, const GigIds *gigs)
{
	QueryArgs	args = {query};

	arg_int64_array(&args, gigs->ids, gigs->n);
	query_run(space, &args);
	query_free();
}

static void
run_of_gig(Oid space, const SpaceQuery *query, int64 gig_id)
{
	QueryArgs	args = {query};

	arg_int64(&args, gig_id);
	query_run(space, &args);
}

static int64
count_seen(const GigIds *gigs, Snapshot snapshot)
{
	QueryArgs	args = {&count_invitations};
	ResultRow	row;
	int64		count;

	PushActiveSnapshot(snapshot);
	arg_int64_array(&args, gigs->ids, gigs->n);
	query_run_once(&args, true);
	row = result_row(0);
	count = result_int64(&row);
	result_end(&row);
	query_free();
	PopActiveSnapshot();
	return count;
}

/*
 * A transaction of one snapshot sees changes of the rows that it locks as errors,
 * but of rows that have come since it sees nothing.
 */
static void
refuse_hidden(const GigIds *gigs)
{
	if (IsolationUsesXactSnapshot() &&
		count_seen(gigs, GetLatestSnapshot()) > count_seen(gigs, GetTransactionSnapshot()))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update"),
				 errdetail("A worker was invited to a gig that this transaction cancels.")));
}

void
gig_cancel_invitations(TriggerData *trigdata, Oid space)
{
	GigIds		cancelled;
	MemoryContext scratch;

	find_cancelled(trigdata, &cancelled);
	if (cancelled.n == 0)
		return;

	run_over_gigs(space, &lock_gigs, &cancelled);
	refuse_hidden(&cancelled);
	run_over_gigs(space, &lock_invitations, &cancelled);
	run_over_gigs(space, &delete_filters, &cancelled);
	gig_key_forget(space, cancelled.ids, cancelled.n);

	scratch = AllocSetContextCreate(CurrentMemoryContext, "cirro cancelled gig",
									ALLOCSET_SMALL_SIZES);
	for (int i = 0; i < cancelled.n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(scratch);
		int64		gig_id = cancelled.ids[i];

		CHECK_FOR_INTERRUPTS();
		run_of_gig(space, &expire_lapsed, gig_id);
		event_of_workers(space, gig_id, "gig.cancelled", (Datum) 0);
		run_of_gig(space, &expire_open, gig_id);
		MemoryContextSwitchTo(old);
		MemoryContextReset(scratch);
	}
	MemoryContextDelete(scratch);
	pfree(cancelled.ids);
}
