/*-------------------------------------------------------------------------
 * src/gig/guard.c
 *
 * The small triggers: what a worker must look like, and what is refused
 * outright. They look at the row alone; only worker_deleting and worker_activated
 * lock others.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "cirro.h"
#include "gig/state.h"
#include "gig/trigger.h"
#include "space/query.h"

PG_FUNCTION_INFO_V1(worker_check);
PG_FUNCTION_INFO_V1(worker_deleting);
PG_FUNCTION_INFO_V1(worker_activated);
PG_FUNCTION_INFO_V1(notification_check);
PG_FUNCTION_INFO_V1(setting_guard);
PG_FUNCTION_INFO_V1(refuse_truncate);

/* Largest profile, in bytes of its jsonb. */
#define MAX_PROFILE_SIZE (1024 * 1024)

enum
{
	ID, REF, PROFILE, ACTIVE, LOT, CREATED_AT, UPDATED_AT, CHANGED_IN, NCOLUMNS
};

static const TriggerColumn columns[NCOLUMNS] = {
	[ID] = {"id", INT8OID},
	[REF] = {"ref", InvalidOid},
	[PROFILE] = {"profile", JSONBOID},
	[ACTIVE] = {"active", BOOLOID},
	[LOT] = {"lot", INT4OID},
	[CREATED_AT] = {"created_at", TIMESTAMPTZOID},
	[UPDATED_AT] = {"updated_at", TIMESTAMPTZOID},
	[CHANGED_IN] = {"changed_in", INT8OID},
};

static void
check_profile(const TriggerRow *row)
{
	Size		size = toast_raw_datum_size(row_value(row, PROFILE)) - VARHDRSZ;
	Jsonb	   *profile;

	if (size > MAX_PROFILE_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the profile of worker %lld is too large",
						(long long) DatumGetInt64(row_value(row, ID))),
				 errdetail("It has %zu bytes; at most %d are allowed.",
						   size, MAX_PROFILE_SIZE),
				 errhint("Keep in the profile what filter queries ask about."),
				 trigger_errcolumn(row->rel, columns[PROFILE].name, NULL)));

	profile = DatumGetJsonbP(row_value(row, PROFILE));
	if (!JB_ROOT_IS_OBJECT(profile))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("the profile of worker %lld is not an object",
						(long long) DatumGetInt64(row_value(row, ID))),
				 JB_ROOT_IS_SCALAR(profile) ? errdetail("It is a scalar.")
				 : errdetail("It is an array."),
				 errhint("Give a JSON object such as {\"languages\": [\"de\"]}."),
				 trigger_errcolumn(row->rel, columns[PROFILE].name, "worker_profile_check")));
}

/*
 * Whom waves have to look at anew: this transaction. It is in the row for whoever
 * sees the row, and what they saw before tells them whether they have.
 */
static void
mark_changed(TriggerData *trigdata, TriggerRow *row)
{
	static const int looked_at[] = {ID, PROFILE, ACTIVE, LOT};
	TriggerRow	old;

	if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
	{
		bool		differs = false;

		trigger_row_init(&old, trigdata->tg_relation, trigdata->tg_trigtuple,
						 columns, NCOLUMNS);
		for (int i = 0; i < (int) lengthof(looked_at); i++)
			differs |= trigger_row_differs(&old, row, looked_at[i]);
		if (!differs)
		{
			trigger_row_copy(row, &old, CHANGED_IN);
			return;
		}
	}
	trigger_row_set(row, CHANGED_IN,
					Int64GetDatum((int64) U64FromFullTransactionId(GetTopFullTransactionId())));
}

/*
 * worker, BEFORE INSERT OR UPDATE, row; also of rows that are replicated, of which
 * it only keeps changed_in. What is not given, or given as NULL, is the default;
 * updated_at and changed_in are kept. Errors: 23514, 54000.
 */
Datum
worker_check(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_data(fcinfo, "worker_check",
										 TRIGGER_EVENT_BEFORE | TRIGGER_EVENT_ROW,
										 TRIGGER_ON(TRIGGER_EVENT_INSERT) |
										 TRIGGER_ON(TRIGGER_EVENT_UPDATE));
	bool		is_update = TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event);
	TriggerRow	row;

	trigger_row_init(&row, trigdata->tg_relation,
					 is_update ? trigdata->tg_newtuple : trigdata->tg_trigtuple,
					 columns, NCOLUMNS);

	if (SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA)
	{
		mark_changed(trigdata, &row);
		return PointerGetDatum(trigger_row_tuple(&row));
	}

	if (row_isnull(&row, PROFILE))
		trigger_row_set(&row, PROFILE, DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
	else
		check_profile(&row);
	if (row_isnull(&row, ACTIVE))
		trigger_row_set(&row, ACTIVE, BoolGetDatum(true));
	if (row_isnull(&row, LOT))
		trigger_row_set(&row, LOT, Int32GetDatum((int32) pg_prng_uint32(&pg_global_prng_state)));
	if (row_isnull(&row, CREATED_AT))
		trigger_row_set(&row, CREATED_AT, TimestampTzGetDatum(cirro_now()));
	if (is_update || row_isnull(&row, UPDATED_AT))
		trigger_row_set(&row, UPDATED_AT, TimestampTzGetDatum(cirro_now()));
	mark_changed(trigdata, &row);

	return PointerGetDatum(trigger_row_tuple(&row));
}

static const SpaceQuery lock_invitations = {
	"SELECT FROM invitation i WHERE i.worker_id = $1 ORDER BY i.id FOR UPDATE",
	1, {INT8OID}
};

/*
 * worker, AFTER DELETE, row, ahead of the foreign key's cascade, which would
 * lock the invitations in no particular order.
 */
Datum
worker_deleting(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_data(fcinfo, "worker_deleting",
										 TRIGGER_EVENT_AFTER | TRIGGER_EVENT_ROW,
										 TRIGGER_ON(TRIGGER_EVENT_DELETE));
	QueryArgs	args = {&lock_invitations};
	TriggerRow	old;
	SpaceScope	scope;
	Oid			space;

	trigger_row_init(&old, trigdata->tg_relation, trigdata->tg_trigtuple,
					 columns, NCOLUMNS);
	space = trigger_enter(trigdata, "worker", &scope);
	arg_datum(&args, INT8OID, row_value(&old, ID), row_isnull(&old, ID));
	query_run(space, &args);
	trigger_leave(&scope);
	return PointerGetDatum(NULL);
}

/* By the index of the worker: coalesce() keeps out that of what is open. */
static const SpaceQuery waiting_query = {
	"SELECT i.gig_id::bigint FROM invitation i "
	"WHERE i.worker_id = $1 AND coalesce(i.status, '') = 'waiting' ORDER BY i.gig_id",
	1, {INT8OID}, PLAN_BY_KEY
};

/*
 * worker, AFTER UPDATE, row, of who becomes active. Where he waits beside a free seat he
 * is given it. Locks gig_state of the gigs that he waits for in ascending order, and
 * changes it: whoever frees a seat meanwhile either sees that he is active, or is seen.
 * By what is committed now: what waits since an older snapshot raises 40001.
 */
Datum
worker_activated(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_data(fcinfo, "worker_activated",
										 TRIGGER_EVENT_AFTER | TRIGGER_EVENT_ROW,
										 TRIGGER_ON(TRIGGER_EVENT_UPDATE));
	QueryArgs	args = {&waiting_query};
	GigChange  *changes;
	TriggerRow	row;
	SpaceScope	scope;
	Oid			space;
	uint64		n;

	trigger_row_init(&row, trigdata->tg_relation, trigdata->tg_newtuple, columns, NCOLUMNS);
	space = trigger_enter(trigdata, "worker", &scope);
	arg_datum(&args, INT8OID, row_value(&row, ID), row_isnull(&row, ID));
	n = query_run_latest(space, &args);
	if (n > 0)
	{
		changes = palloc_extended(n * sizeof(GigChange), MCXT_ALLOC_HUGE);
		for (uint64 i = 0; i < n; i++)
		{
			ResultRow	gig = result_row(i);

			changes[i] = (GigChange) {
				.gig_id = result_int64(&gig),
				.woken = 1,
				.oldest_answered = DT_NOEND,
				.next_send_at = DT_NOEND,
				.last_send_at = DT_NOBEGIN
			};
			result_end(&gig);
		}
		query_free();
		gig_state_apply(space, changes, n, false);
	}
	trigger_leave(&scope);
	return PointerGetDatum(NULL);
}

enum
{
	NOTIFICATION_DUE_AT, NOTIFICATION_CLAIM, NOTIFICATION_PUT_OFF, NOTIFICATION_OUTCOME,
	NOTIFICATION_DELIVERED_AT, NOTIFICATION_NCOLUMNS
};

static const TriggerColumn notification_columns[NOTIFICATION_NCOLUMNS] = {
	[NOTIFICATION_DUE_AT] = {"due_at", TIMESTAMPTZOID},
	[NOTIFICATION_CLAIM] = {"claim", INT8OID},
	[NOTIFICATION_PUT_OFF] = {"put_off", BOOLOID},
	[NOTIFICATION_OUTCOME] = {"outcome", TEXTOID},
	[NOTIFICATION_DELIVERED_AT] = {"delivered_at", TIMESTAMPTZOID},
};

/*
 * notification, BEFORE UPDATE, row, of what is open and was finished, was due
 * later or was another consumer's. It is due from now on at the earliest, so that
 * it is above the floor (space/floor.c); what was finished is no claim's any more.
 */
Datum
notification_check(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_data(fcinfo, "notification_check",
										 TRIGGER_EVENT_BEFORE | TRIGGER_EVENT_ROW,
										 TRIGGER_ON(TRIGGER_EVENT_UPDATE));
	TimestampTz now = GetCurrentTimestamp();
	TriggerRow	row;
	TriggerRow	old;

	trigger_row_init(&row, trigdata->tg_relation, trigdata->tg_newtuple,
					 notification_columns, NOTIFICATION_NCOLUMNS);
	trigger_row_init(&old, trigdata->tg_relation, trigdata->tg_trigtuple,
					 notification_columns, NOTIFICATION_NCOLUMNS);

	if (!row_isnull(&row, NOTIFICATION_DUE_AT) &&
		DatumGetTimestampTz(row_value(&row, NOTIFICATION_DUE_AT)) < now)
		trigger_row_set(&row, NOTIFICATION_DUE_AT, TimestampTzGetDatum(now));
	if (row_isnull(&row, NOTIFICATION_OUTCOME) && !row_isnull(&old, NOTIFICATION_OUTCOME))
	{
		trigger_row_set_null(&row, NOTIFICATION_CLAIM);
		trigger_row_set(&row, NOTIFICATION_PUT_OFF, BoolGetDatum(false));
		trigger_row_set_null(&row, NOTIFICATION_DELIVERED_AT);
	}
	return PointerGetDatum(trigger_row_tuple(&row));
}

/*
 * setting, BEFORE DELETE, row. Errors: 0A000.
 */
Datum
setting_guard(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_data(fcinfo, "setting_guard",
										 TRIGGER_EVENT_BEFORE | TRIGGER_EVENT_ROW,
										 TRIGGER_ON(TRIGGER_EVENT_DELETE));

	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("the settings of a Space cannot be deleted"),
			 errdetail("A Space has exactly one row of settings."),
			 errhint("Set a column to NULL for its default."),
			 errtable(trigdata->tg_relation)));
	return PointerGetDatum(NULL);
}

/*
 * Any table of a Space, BEFORE TRUNCATE, statement. Errors: 0A000.
 */
Datum
refuse_truncate(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_data(fcinfo, "refuse_truncate", TRIGGER_EVENT_BEFORE,
										 TRIGGER_ON(TRIGGER_EVENT_TRUNCATE));

	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("table \"%s\" of a Space cannot be truncated",
					RelationGetRelationName(trigdata->tg_relation)),
			 errdetail("Seats, states and notifications would no longer agree."),
			 errhint("Use DELETE, or cirro.drop_space()."),
			 errtable(trigdata->tg_relation)));
	return PointerGetDatum(NULL);
}
