/*-------------------------------------------------------------------------
 * src/gig/invitation_trigger.c
 *
 * The law of invitations: which status may follow which, and who gets a seat.
 *
 * invitation_check, BEFORE ROW, looks at the row alone and takes no lock: it
 * refuses what no gig could allow and fills in the columns that cirro keeps.
 * The AFTER STATEMENT triggers write the events, then lock gig_state,
 * gig by gig in ascending order, count, and only then decide whether the
 * statement stands: gig_state is the last lock, so of two accepts for one
 * seat the later sees what the earlier did. Once it is locked, other rows
 * are taken with SKIP LOCKED only.
 *
 * Must not read gig or worker: what a decision needs is in gig_state. Only of
 * deleted invitations it asks whether the worker is there.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "cirro.h"
#include "gig/event.h"
#include "gig/invitation.h"
#include "gig/invitation_change.h"
#include "gig/invitation_trigger.h"
#include "gig/state.h"
#include "gig/trigger.h"
#include "space/query.h"
#include "space/shard.h"

PG_FUNCTION_INFO_V1(invitation_check);
PG_FUNCTION_INFO_V1(invitation_inserted);
PG_FUNCTION_INFO_V1(invitation_updated);
PG_FUNCTION_INFO_V1(invitation_deleted);

/* What may follow a status: a bit per status. */
static const int successors[NSTATUSES] = {
	[SCHEDULED] = 1 << PENDING | 1 << EXPIRED,
	[PENDING] = 1 << ACCEPTED | 1 << WAITING | 1 << REJECTED | 1 << EXPIRED,
	[WAITING] = 1 << ACCEPTED | 1 << REJECTED | 1 << EXPIRED | 1 << PENDING,
	[ACCEPTED] = 1 << LEFT | 1 << PENDING,
	[REJECTED] = 1 << PENDING,
	[EXPIRED] = 1 << PENDING | 1 << SCHEDULED,
	[LEFT] = 1 << PENDING,
};

static const char *const status_hints[NSTATUSES] = {
	[SCHEDULED] = "It is sent at send_at; until then it can be withdrawn by expire().",
	[PENDING] = "It can be answered by accept() or reject(), or withdrawn by expire().",
	[WAITING] = "It gets the next seat that is free; until then it can be declined by reject(), or withdrawn by expire().",
	[ACCEPTED] = "The seat can be given up by leave(), or offered to the worker anew by reset().",
	[REJECTED] = "Use reset() to invite the worker again.",
	[EXPIRED] = "Use reset() or invite() to invite the worker again.",
	[LEFT] = "Use reset() to invite the worker again.",
};

/* ------------------------------------------------------------------ row -- */

/* The status of a row; raises 23502 or 23514 if it has none. */
static InvitationStatus
row_status(const TriggerRow *row)
{
	if (row_isnull(row, STATUS))
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("the status of an invitation cannot be null"),
				 errhint("It is one of " INVITATION_STATUSES_LISTED "."),
				 invitation_errcolumn(row->rel, STATUS, NULL)));
	return invitation_status(row->rel, row_value(row, STATUS));
}

/*
 * Why a row that is not pending cannot be answered: the gig's state decides
 * between the codes, so that an answer gets the same error whether the tick
 * was there first or not.
 */
static void
refuse_answer(TriggerData *trigdata, const TriggerRow *old, InvitationStatus from,
			  InvitationStatus to)
{
	int64		id = DatumGetInt64(row_value(old, ID));
	int64		gig_id = DatumGetInt64(row_value(old, GIG_ID));
	char	   *reason = NULL;

	if (!row_isnull(old, REASON))
		reason = TextDatumGetCString(row_value(old, REASON));
	if (from == EXPIRED && to != REJECTED)
	{
		SpaceScope	scope;
		GigState	state;
		Oid			space = trigger_enter(trigdata, "invitation", &scope);

		if (gig_state_read(space, gig_id, &state))
		{
			if (cirro_gate_now() >= state.closes_at)
				gig_state_refuse_closed(space, gig_id, &state);
			if (to == ACCEPTED && gig_state_is_full(&state) &&
				invitation_expired_by_seats(from, row_value(old, REASON), reason == NULL))
				gig_state_refuse_filled(space, gig_id, &state);
		}
		trigger_leave(&scope);
	}
	ereport(ERROR,
			(errcode(ERRCODE_CIRRO_NO_LONGER_PENDING),
			 errmsg("invitation %lld is %s and cannot become %s",
					(long long) id, invitation_statuses[from], invitation_statuses[to]),
			 reason == NULL ? 0 : errdetail("The reason is \"%s\".", reason),
			 errhint("%s", status_hints[from]),
			 invitation_errcolumn(old->rel, STATUS, NULL)));
}

static void
check_transition(TriggerData *trigdata, const TriggerRow *old, InvitationStatus from,
				 InvitationStatus to)
{
	if (successors[from] & (1 << to))
		return;
	/* Who declines what there is no seat for is not invited by a wave again; who waits is next. */
	if ((to == REJECTED || to == WAITING) &&
		invitation_expired_by_seats(from, row_value(old, REASON), row_isnull(old, REASON)))
		return;

	if ((to == ACCEPTED && from != SCHEDULED) || (to == REJECTED && from == EXPIRED) ||
		(to == WAITING && from != SCHEDULED && from != ACCEPTED))
		refuse_answer(trigdata, old, from, to);

	ereport(ERROR,
			(errcode(ERRCODE_CIRRO_INVALID_TRANSITION),
			 errmsg("invitation %lld is %s and cannot become %s",
					(long long) DatumGetInt64(row_value(old, ID)),
					invitation_statuses[from], invitation_statuses[to]),
			 errhint("%s", status_hints[from]),
			 invitation_errcolumn(old->rel, STATUS, NULL)));
}

/* Columns that say which invitation this is. */
static void
check_identity(const TriggerRow *old, const TriggerRow *new)
{
	static const int identity[] = {ID, GIG_ID, WORKER_ID, CREATED_AT};

	for (int i = 0; i < (int) lengthof(identity); i++)
	{
		int			col = identity[i];
		bool		is_whose = col == GIG_ID || col == WORKER_ID;

		if (trigger_row_differs(old, new, col))
			ereport(ERROR,
					(errcode(ERRCODE_CIRRO_FROZEN),
					 errmsg("column \"%s\" of an invitation cannot change",
							invitation_columns[col].name),
					 is_whose ? errdetail("There is one invitation per gig and worker, for ever.") : 0,
					 is_whose ? errhint("Make the other invitation by invite().") : 0,
					 invitation_errcolumn(new->rel, col, NULL)));
	}
}

/*
 * Why an invitation expires where the statement does not say so: what is true
 * of its gig at this moment.
 */
static void
fill_reason(TriggerData *trigdata, const TriggerRow *old, TriggerRow *row)
{
	SpaceScope	scope;
	GigState	state;
	const char *reason = NULL;
	int64		gig_id = DatumGetInt64(row_value(row, GIG_ID));
	Oid			space = trigger_enter(trigdata, "invitation", &scope);

	if (gig_state_read(space, gig_id, &state))
	{
		InvitationStatus from = row_status(old);
		bool		has_deadline = from == PENDING && state.has_answer_within &&
			!row_isnull(old, INVITED_AT);
		TimestampTz answer_by = has_deadline ?
			gig_answer_by(DatumGetTimestampTz(row_value(old, INVITED_AT)), &state.answer_within) :
			DT_NOEND;

		reason = gig_expired_reason(answer_by, state.closes_at,
									from != WAITING && state.expires_rest &&
									gig_state_is_full(&state), cirro_gate_now());
	}
	trigger_leave(&scope);
	if (reason != NULL)
		trigger_row_set(row, REASON, CStringGetTextDatum(reason));
}

/* The worker is invited, now. */
static void
mark_invited(TriggerRow *row, int times_before)
{
	trigger_row_set(row, INVITED_AT, TimestampTzGetDatum(cirro_now()));
	trigger_row_set(row, TIMES_INVITED, Int32GetDatum(times_before + 1));
}

static void
check_insert(TriggerRow *row)
{
	InvitationStatus status;
	int64		id;

	if (row_isnull(row, ID) && shard_next_id(RelationGetNamespace(row->rel), "invitation", &id))
		trigger_row_set(row, ID, Int64GetDatum(id));
	if (row_isnull(row, STATUS))
		trigger_row_set(row, STATUS, CStringGetTextDatum("pending"));
	if (row_isnull(row, ORIGIN))
		trigger_row_set(row, ORIGIN, CStringGetTextDatum("manual"));
	if (row_isnull(row, CREATED_AT))
		trigger_row_set(row, CREATED_AT, TimestampTzGetDatum(cirro_now()));

	status = row_status(row);
	if (status != SCHEDULED && status != PENDING && status != ACCEPTED)
		ereport(ERROR,
				(errcode(ERRCODE_CIRRO_INVALID_TRANSITION),
				 errmsg("an invitation cannot begin as %s", invitation_statuses[status]),
				 errdetail("No invitation of worker %lld to gig %lld exists.",
						   (long long) DatumGetInt64(row_value(row, WORKER_ID)),
						   (long long) DatumGetInt64(row_value(row, GIG_ID))),
				 errhint("It begins as scheduled, pending or accepted."),
				 invitation_errcolumn(row->rel, STATUS, NULL)));

	trigger_row_set_null(row, INVITED_AT);
	trigger_row_set_null(row, RESPONDED_AT);
	trigger_row_set_null(row, WAITING_SINCE);
	trigger_row_set(row, TIMES_INVITED, Int32GetDatum(0));
	trigger_row_set(row, REVISION, Int32GetDatum(1));
	if (status != SCHEDULED)
		mark_invited(row, 0);
	if (status == ACCEPTED)
		trigger_row_set(row, RESPONDED_AT, TimestampTzGetDatum(cirro_now()));
}

static void
check_update(TriggerData *trigdata, TriggerRow *old, TriggerRow *row)
{
	InvitationStatus from = row_status(old);
	InvitationStatus to = row_status(row);
	int32		revision = DatumGetInt32(row_value(old, REVISION));

	check_identity(old, row);
	trigger_row_copy(row, old, INVITED_AT);
	trigger_row_copy(row, old, RESPONDED_AT);
	trigger_row_copy(row, old, WAITING_SINCE);
	trigger_row_copy(row, old, TIMES_INVITED);
	trigger_row_copy(row, old, REVISION);
	if (from == to)
	{
		trigger_row_copy(row, old, ORIGIN);
		trigger_row_copy(row, old, WAVE_ID);
		/* The same answer again; an UPDATE of the reason alone corrects it. */
		if (bms_is_member(row->attnum[STATUS] - FirstLowInvalidHeapAttributeNumber,
						  trigdata->tg_updatedcols))
			trigger_row_copy(row, old, REASON);
		return;
	}

	check_transition(trigdata, old, from, to);
	trigger_row_set(row, REVISION, Int32GetDatum(revision == PG_INT32_MAX ? 1 : revision + 1));
	if (to == WAITING)
	{
		trigger_row_set(row, WAITING_SINCE, TimestampTzGetDatum(cirro_now()));
		/* It expired before it was sent. */
		if (DatumGetInt32(row_value(old, TIMES_INVITED)) == 0)
			mark_invited(row, 0);
	}
	else
		trigger_row_set_null(row, WAITING_SINCE);
	switch (to)
	{
		case PENDING:
			mark_invited(row, DatumGetInt32(row_value(old, TIMES_INVITED)));
			/* FALLTHROUGH */
		case SCHEDULED:
			trigger_row_set_null(row, RESPONDED_AT);
			if (!trigger_row_differs(old, row, REASON))
				trigger_row_set_null(row, REASON);
			break;
		case EXPIRED:
			if (row_isnull(row, REASON))
				fill_reason(trigdata, old, row);
			break;
		case REJECTED:
		case WAITING:
			/* Why it expired is not why the worker declined or waits. */
			if (from == EXPIRED && !trigger_row_differs(old, row, REASON))
				trigger_row_set_null(row, REASON);
			/* FALLTHROUGH */
		default:
			/* Who waits has answered, and is given a seat by whoever frees it. */
			if (from != WAITING || to != ACCEPTED)
				trigger_row_set(row, RESPONDED_AT, TimestampTzGetDatum(cirro_now()));
	}
	if (to != PENDING && to != SCHEDULED)
	{
		trigger_row_copy(row, old, ORIGIN);
		trigger_row_copy(row, old, WAVE_ID);
	}
}

/* Whoever writes a row does this last. */
static void
finish_row(TriggerRow *row, bool changes_status)
{
	bool		silent;

	if (row_status(row) == SCHEDULED && row_isnull(row, SEND_AT))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("a scheduled invitation needs send_at"),
				 errdetail("No time is given for the invitation of worker %lld to gig %lld.",
						   (long long) DatumGetInt64(row_value(row, WORKER_ID)),
						   (long long) DatumGetInt64(row_value(row, GIG_ID))),
				 errhint("Set send_at, or status \"pending\" to invite at once."),
				 invitation_errcolumn(row->rel, SEND_AT, "invitation_send_at_check")));

	/* Whoever tells of this change looks at "silenced". */
	silent = !row_isnull(row, SILENT) && DatumGetBool(row_value(row, SILENT));
	if (changes_status)
		trigger_row_set(row, SILENCED, BoolGetDatum(silent));
	trigger_row_set(row, SILENT, BoolGetDatum(false));
}

void
invitation_check_new(TriggerRow *row)
{
	check_insert(row);
	finish_row(row, true);
}

bool
invitation_check_answer(TriggerRow *old, TriggerRow *row)
{
	InvitationStatus from = row_status(old);
	InvitationStatus to = row_status(row);

	/* What is refused, and in which words, the gig's state decides. */
	if (!(from == PENDING && (to == ACCEPTED || to == REJECTED)) &&
		!(from == ACCEPTED && to == LEFT))
		return false;
	check_update(NULL, old, row);
	finish_row(row, true);
	return true;
}

/*
 * BEFORE INSERT OR UPDATE, row. Errors: UG010 to UG013, UG020, 23502, 23514.
 */
Datum
invitation_check(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_data(fcinfo, "invitation_check",
										 TRIGGER_EVENT_BEFORE | TRIGGER_EVENT_ROW,
										 TRIGGER_ON(TRIGGER_EVENT_INSERT) |
										 TRIGGER_ON(TRIGGER_EVENT_UPDATE));
	TriggerRow	row;
	bool		changes_status = true;

	if (TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
	{
		trigger_row_init(&row, trigdata->tg_relation, trigdata->tg_trigtuple,
						 invitation_columns, NCOLUMNS);
		check_insert(&row);
	}
	else
	{
		TriggerRow	old;

		trigger_row_init(&old, trigdata->tg_relation, trigdata->tg_trigtuple,
						 invitation_columns, NCOLUMNS);
		trigger_row_init(&row, trigdata->tg_relation, trigdata->tg_newtuple,
						 invitation_columns, NCOLUMNS);
		trigger_row_keep_times(&row, &old, invitation_columns, NCOLUMNS);
		check_update(trigdata, &old, &row);
		changes_status = trigger_row_differs(&old, &row, REVISION);
		if (!changes_status)
			trigger_row_copy(&row, &old, SILENCED);
	}

	finish_row(&row, changes_status);
	return PointerGetDatum(trigger_row_tuple(&row));
}

/* ------------------------------------------------------------ statement -- */

static const SpaceQuery find_worker = {
	"SELECT FROM worker w WHERE w.id = $1",
	1, {INT8OID}, PLAN_BY_KEY
};

/*
 * A worker takes his invitations along; no gig can invite him again, and none has
 * to be locked to know it.
 */
static void
forget_worker(Oid space, InvitationChanges *done)
{
	QueryArgs	args = {&find_worker};

	arg_int64(&args, done->worker_id);
	if (query_run(space, &args) == 0)
		for (size_t i = 0; i < done->nchanges; i++)
			done->changes[i].released = 0;
}

/*
 * Settles with the gigs that a statement touched. Locks their gig_state rows
 * in ascending order of id and refuses the statement if a gig is closed, its
 * seats do not suffice, or an answer came after its time. Seats that are free then
 * go to those who wait (gig/waiting.h).
 */
static void
statement_trigger(TriggerData *trigdata)
{
	SpaceScope	scope;
	Oid			space = trigger_enter(trigdata, "invitation", &scope);
	InvitationChanges done;
	bool		more;

	invitation_changes_begin(&done, trigdata);
	/* Before gig_state is locked, so that it is held as shortly as can be. */
	do
	{
		more = invitation_changes_read(&done);
		event_of_invitations(space, done.news, done.nnews);
	} while (more);
	if (done.of_one_worker)
		forget_worker(space, &done);
	gig_state_apply(space, done.changes, done.nchanges, false);
	trigger_leave(&scope);
}

/*
 * AFTER INSERT, statement; NEW TABLE new_rows. Errors: UG010, UG011, 22023, 55000.
 */
Datum
invitation_inserted(PG_FUNCTION_ARGS)
{
	statement_trigger(trigger_data(fcinfo, "invitation_inserted", TRIGGER_EVENT_AFTER,
								   TRIGGER_ON(TRIGGER_EVENT_INSERT)));
	return PointerGetDatum(NULL);
}

/*
 * AFTER UPDATE, statement; OLD TABLE old_rows, NEW TABLE new_rows. Errors:
 * UG010, UG011, UG012, 22023, 55000.
 */
Datum
invitation_updated(PG_FUNCTION_ARGS)
{
	statement_trigger(trigger_data(fcinfo, "invitation_updated", TRIGGER_EVENT_AFTER,
								   TRIGGER_ON(TRIGGER_EVENT_UPDATE)));
	return PointerGetDatum(NULL);
}

/*
 * AFTER DELETE, statement; OLD TABLE old_rows. Frees seats, and whoever is there
 * still may be invited again; the gig may be gone as well.
 */
Datum
invitation_deleted(PG_FUNCTION_ARGS)
{
	statement_trigger(trigger_data(fcinfo, "invitation_deleted", TRIGGER_EVENT_AFTER,
								   TRIGGER_ON(TRIGGER_EVENT_DELETE)));
	return PointerGetDatum(NULL);
}
