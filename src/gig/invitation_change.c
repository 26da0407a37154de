/*-------------------------------------------------------------------------
 * src/gig/invitation_change.c
 *
 * What a statement did to invitations, gig by gig, from its transition
 * tables. They are read as they are: most statements change one row, and a
 * query over them would cost an executor each to say so. Must not read a
 * table, nor decide whether the statement stands.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "gig/invitation.h"

/* A transition table, row by row. */
typedef struct Rows
{
	Tuplestorestate *store;
	TupleTableSlot *slot;
	int			attnum[NCOLUMNS];
} Rows;

static void
rows_begin(Rows *rows, Tuplestorestate *store, Relation rel)
{
	/* A place of our own: other triggers of the statement read it as well. */
	int			pointer = tuplestore_alloc_read_pointer(store, EXEC_FLAG_REWIND);

	tuplestore_select_read_pointer(store, pointer);
	tuplestore_rescan(store);
	rows->store = store;
	rows->slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsMinimalTuple);
	trigger_find_columns(rel, invitation_columns, NCOLUMNS, rows->attnum);
}

static bool
rows_next(Rows *rows)
{
	return tuplestore_gettupleslot(rows->store, true, false, rows->slot);
}

static void
rows_end(Rows *rows)
{
	ExecDropSingleTupleTableSlot(rows->slot);
}

static Datum
value(Rows *rows, int column, bool *isnull)
{
	return slot_getattr(rows->slot, rows->attnum[column], isnull);
}

/* Of a column that is not null in any Space. */
static Datum
known(Rows *rows, int column)
{
	bool		isnull;
	Datum		result = value(rows, column, &isnull);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("column \"%s\" of an invitation cannot be null",
						invitation_columns[column].name),
				 errdetail("A trigger of its gig counts by it."),
				 errhint("Give the column the NOT NULL that create_space makes.")));
	return result;
}

/* A Status, or -1 for a null: a table of another shape may have one. */
static int
status_of(Rows *rows)
{
	bool		isnull;
	Datum		result = value(rows, STATUS, &isnull);

	return isnull ? -1 : (int) invitation_status(result);
}

static TimestampTz
time_or_never(Rows *rows, int column)
{
	bool		isnull;
	Datum		result = value(rows, column, &isnull);

	return isnull ? DT_NOEND : DatumGetTimestampTz(result);
}

static int
compare_gigs(const void *a, const void *b)
{
	int64		left = ((const GigChange *) a)->gig_id;
	int64		right = ((const GigChange *) b)->gig_id;

	return left < right ? -1 : left > right;
}

/* Sorts the changes, and makes one of those of a gig. */
static void
merge_changes(InvitationChanges *result)
{
	size_t		last = 0;

	if (result->nchanges < 2)
		return;
	qsort(result->changes, result->nchanges, sizeof(GigChange), compare_gigs);
	for (size_t i = 1; i < result->nchanges; i++)
	{
		const GigChange *from = &result->changes[i];
		GigChange  *to = &result->changes[last];

		if (from->gig_id != to->gig_id)
		{
			result->changes[++last] = *from;
			continue;
		}
		to->delta += from->delta;
		to->gained += from->gained;
		to->opened += from->opened;
		to->left += from->left;
		to->answered += from->answered;
		to->oldest_answered = Min(to->oldest_answered, from->oldest_answered);
		to->next_send_at = Min(to->next_send_at, from->next_send_at);
		to->released += from->released;
	}
	result->nchanges = last + 1;
}

/* Would a wave invite the worker again? */
static bool
is_reopenable(Rows *rows)
{
	bool		isnull;
	Datum		reason;

	if (status_of(rows) != EXPIRED)
		return false;
	reason = value(rows, REASON, &isnull);
	return !isnull && text_is(reason, GIG_SEATS_FILLED);
}

static GigChange *
change_of(InvitationChanges *result, int64 gig_id)
{
	GigChange  *change;

	/* Rows of a gig come together more often than not. */
	if (result->nchanges > 0 &&
		result->changes[result->nchanges - 1].gig_id == gig_id)
		return &result->changes[result->nchanges - 1];

	if (result->nchanges == result->allocated)
	{
		merge_changes(result);
		if (result->nchanges > result->allocated / 2)
		{
			result->allocated *= 2;
			result->changes = repalloc_huge(result->changes,
											result->allocated * sizeof(GigChange));
		}
	}
	change = &result->changes[result->nchanges++];
	memset(change, 0, sizeof(GigChange));
	change->gig_id = gig_id;
	change->oldest_answered = DT_NOEND;
	change->next_send_at = DT_NOEND;
	return change;
}

static void
add_news(InvitationChanges *result, Rows *new, int status, bool is_new, int previous)
{
	InvitationNews *news = &result->news;

	if (DatumGetInt32(known(new, TIMES_INVITED)) <= 0 ||
		DatumGetBool(known(new, SILENCED)))
		return;
	news->is_new = is_new;
	news->gig_id = DatumGetInt64(known(new, GIG_ID));
	news->worker_id = DatumGetInt64(known(new, WORKER_ID));
	news->id = DatumGetInt64(known(new, ID));
	news->revision = DatumGetInt32(known(new, REVISION));
	news->status = status;
	news->previous = previous;
	result->nnews++;
}

static void
inserted(InvitationChanges *result, Rows *new)
{
	int			status = status_of(new);
	GigChange  *change = change_of(result, DatumGetInt64(known(new, GIG_ID)));

	if (status == ACCEPTED)
	{
		change->delta++;
		change->gained++;
	}
	if (status == PENDING || status == SCHEDULED)
		change->opened++;
	if (status == SCHEDULED)
		change->next_send_at = Min(change->next_send_at, time_or_never(new, SEND_AT));
	add_news(result, new, status, true, -1);
}

static void
updated(InvitationChanges *result, Rows *old, Rows *new)
{
	int			from = status_of(old);
	int			to = status_of(new);
	bool		put_off = to == SCHEDULED && from == to &&
		time_or_never(old, SEND_AT) != time_or_never(new, SEND_AT);
	bool		released = is_reopenable(new) && !is_reopenable(old);
	GigChange  *change;

	if (from == to && !put_off && !released)
		return;

	change = change_of(result, DatumGetInt64(known(new, GIG_ID)));
	change->released += released;
	if (to == PENDING || to == SCHEDULED)
		change->opened++;
	if (to == SCHEDULED)
		change->next_send_at = Min(change->next_send_at, time_or_never(new, SEND_AT));
	if (from == to)
		return;

	if (to == ACCEPTED)
	{
		change->delta++;
		change->gained++;
	}
	if (from == ACCEPTED)
	{
		change->delta--;
		if (to == LEFT)
			change->left++;
	}
	if (from == EXPIRED && to == REJECTED)
		change->answered++;		/* declined; that has no time of its own */
	if (from == PENDING && (to == ACCEPTED || to == REJECTED))
	{
		change->answered++;
		change->oldest_answered = Min(change->oldest_answered,
									  time_or_never(old, INVITED_AT));
	}

	/*
	 * An invitation that was never sent concerns nobody yet; sending it is its
	 * creation.
	 */
	if (to != SCHEDULED)
		add_news(result, new, to, DatumGetInt32(known(old, TIMES_INVITED)) == 0,
				 from == SCHEDULED ? -1 : from);
}

static void
deleted(InvitationChanges *result, Rows *old)
{
	GigChange  *change = change_of(result, DatumGetInt64(known(old, GIG_ID)));
	int64		worker_id = DatumGetInt64(known(old, WORKER_ID));

	if (status_of(old) == ACCEPTED)
		change->delta--;
	change->released++;

	result->of_one_worker = result->ndeleted == 0 ||
		(result->of_one_worker && result->worker_id == worker_id);
	result->worker_id = worker_id;
	result->ndeleted++;
}

void
invitation_changes(TriggerData *trigdata, InvitationChanges *result)
{
	TriggerEvent event = trigdata->tg_event;
	Rows		old;
	Rows		new;
	bool		has_old = !TRIGGER_FIRED_BY_INSERT(event);
	bool		has_new = !TRIGGER_FIRED_BY_DELETE(event);

	memset(result, 0, sizeof(*result));
	result->allocated = 4;
	result->changes = palloc(result->allocated * sizeof(GigChange));

	if (has_old)
		rows_begin(&old, trigdata->tg_oldtable, trigdata->tg_relation);
	if (has_new)
		rows_begin(&new, trigdata->tg_newtable, trigdata->tg_relation);
	for (;;)
	{
		bool		more = has_old ? rows_next(&old) : rows_next(&new);

		CHECK_FOR_INTERRUPTS();
		if (has_old && has_new)
		{
			/* The executor puts the two versions of a row at the same place. */
			if (rows_next(&new) != more ||
				(more && DatumGetInt64(known(&old, ID)) != DatumGetInt64(known(&new, ID))))
				elog(ERROR, "the transition tables of \"%s\" do not go together",
					 RelationGetRelationName(trigdata->tg_relation));
		}
		if (!more)
			break;
		if (!has_old)
			inserted(result, &new);
		else if (!has_new)
			deleted(result, &old);
		else
			updated(result, &old, &new);
	}
	if (has_old)
		rows_end(&old);
	if (has_new)
		rows_end(&new);
	merge_changes(result);
}
