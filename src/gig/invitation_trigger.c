/*-------------------------------------------------------------------------
 * src/gig/invitation_trigger.c
 *
 * The law of invitations: which status may follow which, and who gets a seat.
 *
 * invitation_check, BEFORE ROW, looks at the row alone and takes no lock: it
 * refuses what no gig could allow and fills in the columns that cirro keeps.
 * The AFTER STATEMENT triggers write the notifications, then lock gig_state,
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
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "cirro.h"
#include "gig/invitation.h"
#include "gig/state.h"
#include "gig/trigger.h"
#include "space/query.h"

PG_FUNCTION_INFO_V1(invitation_check);
PG_FUNCTION_INFO_V1(invitation_inserted);
PG_FUNCTION_INFO_V1(invitation_updated);
PG_FUNCTION_INFO_V1(invitation_deleted);

const char *const invitation_statuses[NSTATUSES] = {
	"scheduled", "pending", "accepted", "rejected", "expired", "left"
};

/* What may follow a status: a bit per status (spec: a state machine). */
static const int successors[] = {
	[SCHEDULED] = 1 << PENDING | 1 << EXPIRED,
	[PENDING] = 1 << ACCEPTED | 1 << REJECTED | 1 << EXPIRED,
	[ACCEPTED] = 1 << LEFT | 1 << PENDING,
	[REJECTED] = 1 << PENDING,
	[EXPIRED] = 1 << PENDING | 1 << SCHEDULED,
	[LEFT] = 1 << PENDING,
};

static const char *const status_hints[] = {
	[SCHEDULED] = "It is sent at send_at; until then it can be withdrawn by expire().",
	[PENDING] = "It can be answered by accept() or reject(), or withdrawn by expire().",
	[ACCEPTED] = "The seat can be given up by leave(), or offered to the worker anew by reset().",
	[REJECTED] = "Use reset() to invite the worker again.",
	[EXPIRED] = "Use reset() or invite() to invite the worker again.",
	[LEFT] = "Use reset() to invite the worker again.",
};

const TriggerColumn invitation_columns[NCOLUMNS] = {
	[ID] = {"id", INT8OID},
	[GIG_ID] = {"gig_id", INT8OID},
	[WORKER_ID] = {"worker_id", INT8OID},
	[STATUS] = {"status", TEXTOID},
	[REASON] = {"reason", TEXTOID},
	[ORIGIN] = {"origin", TEXTOID},
	[WAVE_ID] = {"wave_id", INT8OID},
	[SEND_AT] = {"send_at", TIMESTAMPTZOID},
	[INVITED_AT] = {"invited_at", TIMESTAMPTZOID},
	[RESPONDED_AT] = {"responded_at", TIMESTAMPTZOID},
	[TIMES_INVITED] = {"times_invited", INT4OID},
	[REVISION] = {"revision", INT4OID},
	[SILENT] = {"silent", BOOLOID},
	[SILENCED] = {"silenced", BOOLOID},
	[CREATED_AT] = {"created_at", TIMESTAMPTZOID},
};

/* ------------------------------------------------------------------ row -- */

bool
text_is(Datum value, const char *text)
{
	const struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);

	return VARSIZE_ANY_EXHDR(packed) == strlen(text) &&
		memcmp(VARDATA_ANY(packed), text, VARSIZE_ANY_EXHDR(packed)) == 0;
}

Status
invitation_status(Datum name)
{
	for (int i = 0; i < NSTATUSES; i++)
		if (text_is(name, invitation_statuses[i]))
			return (Status) i;

	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("\"%s\" is not a status of an invitation",
					TextDatumGetCString(name)),
			 errdetail("Every invitation is in one of six states."),
			 errhint("It is one of scheduled, pending, accepted, rejected, expired, left.")));
}

/* The status of a row; raises 23502 or 23514 if it has none. */
static Status
row_status(const TriggerRow *row)
{
	if (row_isnull(row, STATUS))
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("the status of an invitation cannot be null"),
				 errdetail("Every invitation is in one of six states."),
				 errhint("It is one of scheduled, pending, accepted, rejected, expired, left.")));
	return invitation_status(row_value(row, STATUS));
}

/*
 * Why a row that is not pending cannot be answered: the gig's state decides
 * between the codes, so that an answer gets the same error whether the tick
 * was there first or not.
 */
static void
refuse_answer(TriggerData *trigdata, const TriggerRow *old, Status from, Status to)
{
	int64		id = DatumGetInt64(row_value(old, ID));
	int64		gig_id = DatumGetInt64(row_value(old, GIG_ID));
	char	   *reason = NULL;

	if (!row_isnull(old, REASON))
		reason = TextDatumGetCString(row_value(old, REASON));
	if (from == EXPIRED && to == ACCEPTED)
	{
		SpaceScope	scope;
		GigState	state;
		Oid			space = trigger_enter(trigdata, "invitation", &scope);

		if (gig_state_read(space, gig_id, &state))
		{
			if (cirro_gate_now() >= state.closes_at)
				gig_state_refuse_closed(gig_id, &state);
			if (reason != NULL && strcmp(reason, GIG_SEATS_FILLED) == 0 &&
				gig_state_is_full(&state))
				gig_state_refuse_filled(gig_id, &state);
		}
		trigger_leave(&scope);
	}
	ereport(ERROR,
			(errcode(ERRCODE_CIRRO_NO_LONGER_PENDING),
			 errmsg("invitation %lld is %s and cannot become %s",
					(long long) id, invitation_statuses[from], invitation_statuses[to]),
			 reason == NULL ? errdetail("It is no longer pending.")
			 : errdetail("It is no longer pending; the reason is \"%s\".", reason),
			 errhint("%s", status_hints[from])));
}

/* Did it expire because the seats were filled? Then the worker may still decline. */
static bool
can_decline(const TriggerRow *old, Status from)
{
	return from == EXPIRED && !row_isnull(old, REASON) &&
		text_is(row_value(old, REASON), GIG_SEATS_FILLED);
}

static void
check_transition(TriggerData *trigdata, const TriggerRow *old, Status from, Status to)
{
	if (successors[from] & (1 << to))
		return;
	if (to == REJECTED && can_decline(old, from))
		return;

	if ((to == ACCEPTED && from != SCHEDULED) || (to == REJECTED && from == EXPIRED))
		refuse_answer(trigdata, old, from, to);

	ereport(ERROR,
			(errcode(ERRCODE_CIRRO_INVALID_TRANSITION),
			 errmsg("invitation %lld is %s and cannot become %s",
					(long long) DatumGetInt64(row_value(old, ID)),
					invitation_statuses[from], invitation_statuses[to]),
			 errdetail("This change of status is not allowed."),
			 errhint("%s", status_hints[from])));
}

/* Columns that say which invitation this is. */
static void
check_identity(const TriggerRow *old, const TriggerRow *new)
{
	static const int identity[] = {ID, GIG_ID, WORKER_ID, CREATED_AT};

	for (int i = 0; i < (int) lengthof(identity); i++)
		if (row_differs(old, new, identity[i]))
			ereport(ERROR,
					(errcode(ERRCODE_CIRRO_FROZEN),
					 errmsg("column \"%s\" of an invitation cannot change",
							invitation_columns[identity[i]].name),
					 errdetail("There is one invitation per gig and worker, for ever."),
					 errhint("Invite the other worker by invite().")));
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
		TimestampTz now = cirro_gate_now();

		if (row_status(old) == PENDING && state.has_answer_within &&
			!row_isnull(old, INVITED_AT) &&
			gig_answer_by(DatumGetTimestampTz(row_value(old, INVITED_AT)),
						  &state.answer_within) <= Min(now, state.closes_at))
			reason = GIG_NO_ANSWER;
		else if (now >= state.closes_at)
			reason = GIG_ENDED;
		else if (state.expires_rest && gig_state_is_full(&state))
			reason = GIG_SEATS_FILLED;
	}
	trigger_leave(&scope);
	if (reason != NULL)
		row_set(row, REASON, CStringGetTextDatum(reason));
}

/* The worker is invited, now. */
static void
mark_invited(TriggerRow *row, int times_before)
{
	row_set(row, INVITED_AT, TimestampTzGetDatum(cirro_now()));
	row_set(row, TIMES_INVITED, Int32GetDatum(times_before + 1));
}

static void
check_insert(TriggerRow *row)
{
	Status		status;

	if (row_isnull(row, STATUS))
		row_set(row, STATUS, CStringGetTextDatum("pending"));
	if (row_isnull(row, ORIGIN))
		row_set(row, ORIGIN, CStringGetTextDatum("manual"));
	if (row_isnull(row, CREATED_AT))
		row_set(row, CREATED_AT, TimestampTzGetDatum(cirro_now()));

	status = row_status(row);
	if (status != SCHEDULED && status != PENDING && status != ACCEPTED)
		ereport(ERROR,
				(errcode(ERRCODE_CIRRO_INVALID_TRANSITION),
				 errmsg("an invitation cannot begin as %s", invitation_statuses[status]),
				 errdetail("No invitation of worker %lld to gig %lld exists.",
						   (long long) DatumGetInt64(row_value(row, WORKER_ID)),
						   (long long) DatumGetInt64(row_value(row, GIG_ID))),
				 errhint("It begins as scheduled, pending or accepted.")));

	row_set_null(row, INVITED_AT);
	row_set_null(row, RESPONDED_AT);
	row_set(row, TIMES_INVITED, Int32GetDatum(0));
	row_set(row, REVISION, Int32GetDatum(1));
	if (status != SCHEDULED)
		mark_invited(row, 0);
	if (status == ACCEPTED)
		row_set(row, RESPONDED_AT, TimestampTzGetDatum(cirro_now()));
}

static void
check_update(TriggerData *trigdata, TriggerRow *old, TriggerRow *row)
{
	Status		from = row_status(old);
	Status		to = row_status(row);
	int32		revision = DatumGetInt32(row_value(old, REVISION));

	check_identity(old, row);
	row_copy(row, old, INVITED_AT);
	row_copy(row, old, RESPONDED_AT);
	row_copy(row, old, TIMES_INVITED);
	row_copy(row, old, REVISION);
	if (from == to)
	{
		row_copy(row, old, ORIGIN);
		row_copy(row, old, WAVE_ID);
		/* The same answer again; an UPDATE of the reason alone corrects it. */
		if (bms_is_member(row->attnum[STATUS] - FirstLowInvalidHeapAttributeNumber,
						  trigdata->tg_updatedcols))
			row_copy(row, old, REASON);
		return;
	}

	check_transition(trigdata, old, from, to);
	row_set(row, REVISION, Int32GetDatum(revision == PG_INT32_MAX ? 1 : revision + 1));
	switch (to)
	{
		case PENDING:
			mark_invited(row, DatumGetInt32(row_value(old, TIMES_INVITED)));
			/* FALLTHROUGH */
		case SCHEDULED:
			row_set_null(row, RESPONDED_AT);
			if (!row_differs(old, row, REASON))
				row_set_null(row, REASON);
			break;
		case EXPIRED:
			if (row_isnull(row, REASON))
				fill_reason(trigdata, old, row);
			break;
		case REJECTED:
			/* Why it expired is not why the worker declined. */
			if (from == EXPIRED && !row_differs(old, row, REASON))
				row_set_null(row, REASON);
			/* FALLTHROUGH */
		default:
			row_set(row, RESPONDED_AT, TimestampTzGetDatum(cirro_now()));
	}
	if (to != PENDING && to != SCHEDULED)
	{
		row_copy(row, old, ORIGIN);
		row_copy(row, old, WAVE_ID);
	}
}

/*
 * BEFORE INSERT OR UPDATE, row. Errors: UG010 to UG013, UG020, 23514.
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
	bool		silent;

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
		check_update(trigdata, &old, &row);
		changes_status = row_differs(&old, &row, REVISION);
		if (!changes_status)
			row_copy(&row, &old, SILENCED);
	}

	if (row_status(&row) == SCHEDULED && row_isnull(&row, SEND_AT))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("a scheduled invitation needs send_at"),
				 errdetail("No time is given for the invitation of worker %lld to gig %lld.",
						   (long long) DatumGetInt64(row_value(&row, WORKER_ID)),
						   (long long) DatumGetInt64(row_value(&row, GIG_ID))),
				 errhint("Set send_at, or status \"pending\" to invite at once.")));

	/* Whoever tells of this change looks at "silenced". */
	silent = !row_isnull(&row, SILENT) && DatumGetBool(row_value(&row, SILENT));
	if (changes_status)
		row_set(&row, SILENCED, BoolGetDatum(silent));
	row_set(&row, SILENT, BoolGetDatum(false));

	return PointerGetDatum(row_tuple(&row));
}

/* ------------------------------------------------------------ statement -- */

/* Of one row, as most statements are: $1 to $7 are the notification's columns. */
static const CirroQuery notify_one = {
	"INSERT INTO notification (consumer, kind, gig_id, worker_id, invitation_id, "
	"  revision, status, previous) "
	"SELECT pg_catalog.unnest(coalesce((SELECT t.consumers FROM setting t), '{default}')), "
	"  $1, $2, $3, $4, $5, $6, $7 ORDER BY 1",
	7, {TEXTOID, INT8OID, INT8OID, INT8OID, INT4OID, TEXTOID, TEXTOID}
};

/* The same rules as in gig/invitation_change.c. */
static const CirroQuery notify_inserted = {
	"INSERT INTO notification (consumer, kind, gig_id, worker_id, invitation_id, revision, status) "
	"SELECT c.name, 'invitation.created', n.gig_id, n.worker_id, n.id, n.revision, n.status "
	"FROM new_rows n "
	"CROSS JOIN pg_catalog.unnest(coalesce((SELECT t.consumers FROM setting t), '{default}')) "
	"  c (name) "
	"WHERE n.times_invited > 0 AND NOT n.silenced ORDER BY n.id, c.name"
};

static const CirroQuery notify_updated = {
	"INSERT INTO notification (consumer, kind, gig_id, worker_id, invitation_id, "
	"  revision, status, previous) "
	"SELECT c.name, CASE WHEN o.times_invited = 0 THEN 'invitation.created' ELSE 'invitation.updated' END, "
	"  n.gig_id, n.worker_id, n.id, n.revision, n.status, nullif(o.status, 'scheduled') "
	"FROM new_rows n JOIN old_rows o ON o.id = n.id "
	"CROSS JOIN pg_catalog.unnest(coalesce((SELECT t.consumers FROM setting t), '{default}')) "
	"  c (name) "
	"WHERE n.status <> o.status AND n.status <> 'scheduled' "
	"  AND n.times_invited > 0 AND NOT n.silenced ORDER BY n.id, c.name",
	0, {0}, PLAN_OF_ROWS
};

static void
notify(TriggerData *trigdata, Oid space, const InvitationChanges *done)
{
	const InvitationNews *news = &done->news;
	Datum		values[7];
	char		nulls[] = "       ";

	if (done->nnews == 0)
		return;
	if (done->nnews > 1)
	{
		cirro_execute_over(trigdata, space,
						   TRIGGER_FIRED_BY_INSERT(trigdata->tg_event)
						   ? &notify_inserted : &notify_updated, NULL, NULL);
		return;
	}

	values[0] = CStringGetTextDatum(news->is_new ? "invitation.created"
									: "invitation.updated");
	values[1] = Int64GetDatum(news->gig_id);
	values[2] = Int64GetDatum(news->worker_id);
	values[3] = Int64GetDatum(news->id);
	values[4] = Int32GetDatum(news->revision);
	for (int i = 0; i < 2; i++)
	{
		int			status = i == 0 ? news->status : news->previous;

		values[5 + i] = (Datum) 0;
		if (status < 0)
			nulls[5 + i] = 'n';
		else
			values[5 + i] = CStringGetTextDatum(invitation_statuses[status]);
	}
	cirro_execute(space, &notify_one, values, nulls);
}

static const CirroQuery find_worker = {
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
	Datum		id = Int64GetDatum(done->worker_id);

	if (cirro_execute(space, &find_worker, &id, NULL) == 0)
		for (size_t i = 0; i < done->nchanges; i++)
			done->changes[i].released = 0;
}

/*
 * Settles with the gigs that a statement touched. Locks their gig_state rows
 * in ascending order of id and refuses the statement if a gig is closed, its
 * seats do not suffice, or an answer came after its time.
 */
static void
statement_trigger(TriggerData *trigdata)
{
	SpaceScope	scope;
	Oid			space = trigger_enter(trigdata, "invitation", &scope);
	InvitationChanges done;

	invitation_changes(trigdata, &done);
	if (done.of_one_worker)
		forget_worker(space, &done);
	/* Before gig_state is locked, so that it is held as shortly as can be. */
	notify(trigdata, space, &done);
	gig_state_apply(space, done.changes, done.nchanges);
	trigger_leave(&scope);
}

/*
 * AFTER INSERT, statement; NEW TABLE new_rows. Errors: UG010, UG011.
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
 * UG010, UG011, UG012.
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
