/*-------------------------------------------------------------------------
 * src/gig/invitation_change.c
 *
 * What a statement did to invitations, gig by gig, and which change of status is an
 * event, from its transition tables. They are read as they are: most
 * statements change one row, and a query over them would cost an executor each
 * to say so. Must not read a table, nor decide whether the statement stands.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/rel.h"

#include "gig/invitation.h"
#include "gig/invitation_change.h"

/* Of a column that is not null in any Space. */
static Datum
known(TriggerRows *rows, int column)
{
	bool		isnull;
	Datum		result = trigger_rows_value(rows, column, &isnull);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("column \"%s\" of an invitation cannot be null",
						invitation_columns[column].name),
				 errhint("Give the column the NOT NULL that create_space makes."),
				 invitation_errcolumn(rows->rel, column, NULL)));
	return result;
}

/* An InvitationStatus, or -1 for a null: a table of another shape may have one. */
static int
status_of(TriggerRows *rows)
{
	bool		isnull;
	Datum		result = trigger_rows_value(rows, STATUS, &isnull);

	return isnull ? -1 : (int) invitation_status(rows->rel, result);
}

static TimestampTz
time_or_never(TriggerRows *rows, int column)
{
	bool		isnull;
	Datum		result = trigger_rows_value(rows, column, &isnull);

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
merge_changes(InvitationChanges *done)
{
	size_t		last = 0;

	if (done->nchanges < 2)
		return;
	qsort(done->changes, done->nchanges, sizeof(GigChange), compare_gigs);
	for (size_t i = 1; i < done->nchanges; i++)
	{
		const GigChange *from = &done->changes[i];
		GigChange  *to = &done->changes[last];

		if (from->gig_id != to->gig_id)
		{
			done->changes[++last] = *from;
			continue;
		}
		to->delta += from->delta;
		to->gained += from->gained;
		to->opened += from->opened;
		to->left += from->left;
		to->answered += from->answered;
		to->oldest_answered = Min(to->oldest_answered, from->oldest_answered);
		to->next_send_at = Min(to->next_send_at, from->next_send_at);
		to->last_send_at = Max(to->last_send_at, from->last_send_at);
		to->released += from->released;
		to->closed += from->closed;
		to->queued += from->queued;
		to->unqueued += from->unqueued;
	}
	done->nchanges = last + 1;
}

/* Would a wave invite the worker again? */
static bool
is_reopenable(TriggerRows *rows)
{
	bool		isnull;
	Datum		reason = trigger_rows_value(rows, REASON, &isnull);

	return invitation_expired_by_seats(status_of(rows), reason, isnull);
}

static GigChange *
change_of(InvitationChanges *done, int64 gig_id)
{
	GigChange  *change;

	/* Rows of a gig come together more often than not. */
	if (done->nchanges > 0 && done->changes[done->nchanges - 1].gig_id == gig_id)
		return &done->changes[done->nchanges - 1];

	if (done->nchanges == done->changes_allocated)
	{
		merge_changes(done);
		if (done->nchanges > done->changes_allocated / 2)
		{
			done->changes_allocated *= 2;
			done->changes = repalloc_huge(done->changes,
										  mul_size(done->changes_allocated, sizeof(GigChange)));
		}
	}
	change = &done->changes[done->nchanges++];
	memset(change, 0, sizeof(GigChange));
	change->gig_id = gig_id;
	change->oldest_answered = DT_NOEND;
	change->next_send_at = DT_NOEND;
	change->last_send_at = DT_NOBEGIN;
	return change;
}

/* An invitation was opened, that is, became pending or scheduled or was put off. */
static void
opened(GigChange *change, TriggerRows *new, int status)
{
	TimestampTz send_at;

	change->opened++;
	change->worker_id = DatumGetInt64(known(new, WORKER_ID));
	if (status != SCHEDULED)
		return;
	send_at = time_or_never(new, SEND_AT);
	change->next_send_at = Min(change->next_send_at, send_at);
	change->last_send_at = Max(change->last_send_at, send_at);
}

/*
 * That a row has come or its status has changed is news. An invitation that was
 * never sent concerns nobody yet; sending it is its creation.
 */
static void
add_news(InvitationChanges *done, int status, bool is_new, int previous)
{
	TriggerRows *new = &done->new;
	InvitationEvent *news;

	if (status == SCHEDULED || DatumGetInt32(known(new, TIMES_INVITED)) <= 0)
		return;
	if (done->nnews == done->news_allocated)
	{
		done->news_allocated = Min(done->news_allocated * 4, INVITATION_NEWS_MAX);
		done->news = repalloc(done->news, done->news_allocated * sizeof(InvitationEvent));
	}
	news = &done->news[done->nnews++];
	news->id = DatumGetInt64(known(new, ID));
	news->gig_id = DatumGetInt64(known(new, GIG_ID));
	news->worker_id = DatumGetInt64(known(new, WORKER_ID));
	news->revision = DatumGetInt32(known(new, REVISION));
	news->is_new = is_new;
	news->silent = DatumGetBool(known(new, SILENCED));
	news->status = status < 0 ? NULL : invitation_statuses[status];
	news->previous = previous < 0 || previous == SCHEDULED ? NULL : invitation_statuses[previous];
}

static void
inserted(InvitationChanges *done)
{
	TriggerRows *new = &done->new;
	int			status = status_of(new);
	GigChange  *change = change_of(done, DatumGetInt64(known(new, GIG_ID)));

	if (status == ACCEPTED)
	{
		change->delta++;
		change->gained++;
	}
	if (status == PENDING || status == SCHEDULED)
		opened(change, new, status);
	add_news(done, status, true, -1);
}

static void
updated(InvitationChanges *done)
{
	TriggerRows *old = &done->old;
	TriggerRows *new = &done->new;
	int			from = status_of(old);
	int			to = status_of(new);
	bool		put_off = to == SCHEDULED && from == to &&
		time_or_never(old, SEND_AT) != time_or_never(new, SEND_AT);
	bool		released = is_reopenable(new) && !is_reopenable(old);
	GigChange  *change;

	if (from == to && !put_off && !released)
		return;

	change = change_of(done, DatumGetInt64(known(new, GIG_ID)));
	change->released += released;
	if (to == PENDING || to == SCHEDULED)
		opened(change, new, to);
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
	if (from == PENDING)
		change->closed++;
	if (to == WAITING)
	{
		change->queued++;
		change->worker_id = DatumGetInt64(known(new, WORKER_ID));
	}
	if (from == WAITING)
		change->unqueued++;
	/* That has no time of its own. */
	if ((from == EXPIRED && (to == REJECTED || to == WAITING)) ||
		(from == WAITING && to == REJECTED))
		change->answered++;
	if (from == PENDING && (to == ACCEPTED || to == REJECTED || to == WAITING))
	{
		change->answered++;
		change->oldest_answered = Min(change->oldest_answered,
									  time_or_never(old, INVITED_AT));
	}
	add_news(done, to, DatumGetInt32(known(old, TIMES_INVITED)) == 0, from);
}

static void
deleted(InvitationChanges *done)
{
	TriggerRows *old = &done->old;
	GigChange  *change = change_of(done, DatumGetInt64(known(old, GIG_ID)));
	int64		worker_id = DatumGetInt64(known(old, WORKER_ID));

	if (status_of(old) == ACCEPTED)
		change->delta--;
	if (status_of(old) == PENDING)
		change->closed++;
	if (status_of(old) == WAITING)
		change->unqueued++;
	change->released++;

	done->of_one_worker = done->ndeleted == 0 ||
		(done->of_one_worker && done->worker_id == worker_id);
	done->worker_id = worker_id;
	done->ndeleted++;
}

static void
allocate(InvitationChanges *done)
{
	done->changes_allocated = 4;
	done->changes = palloc(done->changes_allocated * sizeof(GigChange));
	done->news_allocated = 4;
	done->news = palloc(done->news_allocated * sizeof(InvitationEvent));
}

void
invitation_changes_begin(InvitationChanges *done, TriggerData *trigdata)
{
	TriggerEvent event = trigdata->tg_event;

	memset(done, 0, sizeof(*done));
	done->rel = trigdata->tg_relation;
	done->has_old = !TRIGGER_FIRED_BY_INSERT(event);
	done->has_new = !TRIGGER_FIRED_BY_DELETE(event);
	if (done->has_old)
		trigger_rows_begin(&done->old, trigdata->tg_oldtable, done->rel,
						   invitation_columns, NCOLUMNS);
	if (done->has_new)
		trigger_rows_begin(&done->new, trigdata->tg_newtable, done->rel,
						   invitation_columns, NCOLUMNS);

	allocate(done);
}

void
invitation_changes_of_row(InvitationChanges *done, Relation rel, TupleTableSlot *old,
						  TupleTableSlot *new)
{
	memset(done, 0, sizeof(*done));
	done->rel = rel;
	done->has_old = done->has_new = true;
	trigger_rows_of_slot(&done->old, old, rel, invitation_columns, NCOLUMNS);
	trigger_rows_of_slot(&done->new, new, rel, invitation_columns, NCOLUMNS);
	allocate(done);
	updated(done);
}

/* The next row, in both of its versions. */
static bool
next_row(InvitationChanges *done)
{
	bool		more = done->has_old ? trigger_rows_next(&done->old)
		: trigger_rows_next(&done->new);

	/* The executor puts the two versions of a row at the same place. */
	if (done->has_old && done->has_new &&
		(trigger_rows_next(&done->new) != more ||
		 (more && DatumGetInt64(known(&done->old, ID)) != DatumGetInt64(known(&done->new, ID)))))
		elog(ERROR, "the transition tables of \"%s\" do not go together",
			 RelationGetRelationName(done->rel));
	return more;
}

bool
invitation_changes_read(InvitationChanges *done)
{
	done->nnews = 0;
	while (next_row(done))
	{
		CHECK_FOR_INTERRUPTS();
		if (!done->has_old)
			inserted(done);
		else if (!done->has_new)
			deleted(done);
		else
			updated(done);
		if (done->nnews == INVITATION_NEWS_MAX)
			return true;
	}

	if (done->has_old)
		trigger_rows_end(&done->old);
	if (done->has_new)
		trigger_rows_end(&done->new);
	merge_changes(done);
	return false;
}
