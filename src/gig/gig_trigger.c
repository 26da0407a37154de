/*-------------------------------------------------------------------------
 * src/gig/gig_trigger.c
 *
 * Brings gig_state in line with gig after each statement, and tells workers of
 * a gig that is deleted. Must not judge a change: gig/check.c does.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "cirro.h"
#include "gig/check.h"
#include "gig/state.h"
#include "gig/trigger.h"
#include "space/plan_cache.h"

PG_FUNCTION_INFO_V1(gig_inserted);
PG_FUNCTION_INFO_V1(gig_updated);
PG_FUNCTION_INFO_V1(gig_deleting);
PG_FUNCTION_INFO_V1(gig_deleted);

static const CirroQuery make_state = {
	"INSERT INTO gig_state (gig_id, target, capacity, expires_rest, auto, frequency, "
	"  answer_within, starts_at, closes_at, archives_at, next_wave_at, next_event_at) "
	"SELECT id, coalesce(seats_min, total_seats, seats_max), coalesce(seats_max, total_seats), "
	"  seats_max IS NOT NULL, invitation_mode = 'auto', invitation_frequency, "
	"  answer_within, start_at, least(end_at, archived_at), coalesce(archived_at, archive_at), "
	"  CASE WHEN invitation_mode = 'auto' THEN $1 END, "
	"  least(start_at, CASE WHEN invitation_mode = 'auto' THEN $1 END) "
	"FROM new_rows ORDER BY id",
	1, {TIMESTAMPTZOID}
};

/*
 * The gigs of which gig_state has to know something new. Raised seats, another
 * filter or a change to auto make a wave due at once, which searches anew. A day and 24 hours are
 * equal, but not the same.
 */
static const CirroQuery changed_gigs = {
	"SELECT n.id::bigint, coalesce(n.seats_min, n.total_seats, n.seats_max)::int, "
	"  coalesce(n.seats_max, n.total_seats)::int, n.seats_max IS NOT NULL, "
	"  (n.invitation_mode = 'auto')::bool, n.invitation_frequency::interval, "
	"  n.answer_within::interval, n.start_at::timestamptz, "
	"  least(n.end_at, n.archived_at)::timestamptz, "
	"  coalesce(n.archived_at, n.archive_at)::timestamptz, "
	"  coalesce(n.seats_min, n.total_seats, n.seats_max) > "
	"    coalesce(o.seats_min, o.total_seats, o.seats_max) "
	"  OR coalesce(n.seats_max, n.total_seats, 2147483647) > "
	"    coalesce(o.seats_max, o.total_seats, 2147483647) "
	"  OR n.filter_query <> o.filter_query "
	"  OR n.invitation_mode <> o.invitation_mode "
	"FROM new_rows n JOIN old_rows o ON o.id = n.id "
	"WHERE (n.seats_min, n.total_seats, n.seats_max, n.invitation_mode, n.invitation_frequency::text, "
	"    n.answer_within::text, n.start_at, n.end_at, n.archive_at, n.archived_at, n.filter_query) "
	"  IS DISTINCT FROM "
	"  (o.seats_min, o.total_seats, o.seats_max, o.invitation_mode, o.invitation_frequency::text, "
	"    o.answer_within::text, o.start_at, o.end_at, o.archive_at, o.archived_at, o.filter_query) "
	"ORDER BY n.id"
};

/* $1 to $11 as above, $12 now; the tick finds the exact next event. */
static const CirroQuery change_state = {
	"UPDATE gig_state SET target = $2, capacity = $3, expires_rest = $4, auto = $5, "
	"  frequency = $6, answer_within = $7, starts_at = $8, closes_at = $9, archives_at = $10, "
	"  next_wave_at = CASE "
	"    WHEN NOT $5 OR accepted >= $2 THEN NULL "
	"    WHEN $11 THEN $12 "
	"    WHEN next_wave_at IS NOT NULL AND (frequency = $6 OR last_due_at IS NULL) THEN next_wave_at "
	"    ELSE greatest($12, cirro.add_interval(last_due_at, $6)) END, "
	"  searched = CASE WHEN NOT $11 THEN searched END, "
	"  next_event_at = least(next_event_at, $12) "
	"WHERE gig_id = $1 "
	"RETURNING expires_rest AND accepted >= capacity",
	12, {INT8OID, INT4OID, INT4OID, BOOLOID, BOOLOID, INTERVALOID, INTERVALOID,
	TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, TIMESTAMPTZOID}
};
#define STATE_ARGS 12

static const CirroQuery delete_state = {
	"DELETE FROM gig_state WHERE gig_id IN (SELECT id FROM old_rows)"
};

/*
 * AFTER INSERT, statement; NEW TABLE new_rows. Every gig gets its state; the
 * first wave is due at once, also before the gig starts. Errors: 23514.
 */
Datum
gig_inserted(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_data(fcinfo, "gig_inserted", TRIGGER_EVENT_AFTER,
										 TRIGGER_ON(TRIGGER_EVENT_INSERT));
	SpaceScope	scope;
	Oid			space = trigger_enter(trigdata, "gig", &scope);
	Datum		now = TimestampTzGetDatum(cirro_now());

	gig_check_inserted(trigdata);
	cirro_execute_over(trigdata, space, &make_state, &now, NULL);
	trigger_leave(&scope);
	return PointerGetDatum(NULL);
}

/*
 * AFTER UPDATE, statement; OLD TABLE old_rows, NEW TABLE new_rows. Locks the
 * gig_state rows in ascending order. Lowering seats evicts nobody, but when
 * it reaches an explicit seats_max the other invitations expire.
 */
Datum
gig_updated(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_data(fcinfo, "gig_updated", TRIGGER_EVENT_AFTER,
										 TRIGGER_ON(TRIGGER_EVENT_UPDATE));
	SpaceScope	scope;
	Oid			space = trigger_enter(trigdata, "gig", &scope);
	uint64		ngigs = cirro_execute_over(trigdata, space, &changed_gigs, NULL, NULL);
	SPITupleTable *gigs = SPI_tuptable;

	for (uint64 i = 0; i < ngigs; i++)
	{
		Datum		values[STATE_ARGS];
		char		nulls[STATE_ARGS];
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		for (int arg = 0; arg < STATE_ARGS - 1; arg++)
		{
			values[arg] = SPI_getbinval(gigs->vals[i], gigs->tupdesc, arg + 1, &isnull);
			nulls[arg] = isnull ? 'n' : ' ';
		}
		values[STATE_ARGS - 1] = TimestampTzGetDatum(cirro_now());
		nulls[STATE_ARGS - 1] = ' ';

		if (cirro_execute(space, &change_state, values, nulls) > 0 &&
			DatumGetBool(cirro_result(0, 1, &isnull)) && !isnull)
			gig_state_expire_rest(space, DatumGetInt64(values[0]), GIG_SEATS_FILLED);
	}
	trigger_leave(&scope);
	return PointerGetDatum(NULL);
}

/* What a notification tells of a gig that is gone. */
enum
{
	ID, REF, TITLE, URL, NOTIFICATION_PAYLOAD, NCOLUMNS
};

static const TriggerColumn columns[NCOLUMNS] = {
	[ID] = {"id", INT8OID},
	[REF] = {"ref", InvalidOid},
	[TITLE] = {"title", TEXTOID},
	[URL] = {"url", TEXTOID},
	[NOTIFICATION_PAYLOAD] = {"notification_payload", JSONBOID},
};

/* The invitations are locked in ascending order before the cascade does it. */
static const CirroQuery notify_deleted = {
	"INSERT INTO notification (consumer, kind, gig_id, worker_id, invitation_id, "
	"  revision, status, payload) "
	"SELECT c, 'gig.deleted', i.gig_id, i.worker_id, i.id, i.revision, i.status, "
	"  pg_catalog.jsonb_build_object('gig', $2, 'notification_payload', $3, 'invitation', "
	"    pg_catalog.jsonb_build_object('id', i.id, 'status', i.status, 'previous', NULL, "
	"      'reason', i.reason, 'origin', i.origin)) "
	"FROM (SELECT * FROM invitation WHERE gig_id = $1 ORDER BY id FOR UPDATE) i "
	"CROSS JOIN pg_catalog.unnest(coalesce((SELECT consumers FROM setting), '{default}')) c "
	"WHERE i.status IN ('pending', 'accepted') ORDER BY i.id, c",
	3, {INT8OID, JSONBOID, JSONBOID}
};

static const CirroQuery describe_gig = {
	"SELECT pg_catalog.jsonb_build_object('id', $1, 'ref', $2, 'title', $3, 'url', $4)",
	4, {INT8OID, TEXTOID, TEXTOID, TEXTOID}
};

/* Where the application's own ids are bigint: as in every other payload. */
static const CirroQuery describe_gig_bigint = {
	"SELECT pg_catalog.jsonb_build_object('id', $1, 'ref', $2::pg_catalog.int8, 'title', $3, 'url', $4)",
	4, {INT8OID, TEXTOID, TEXTOID, TEXTOID}
};

/*
 * AFTER DELETE, row, ahead of the foreign keys' cascades: every pending or
 * accepted worker is told, with what cannot be looked up later.
 */
Datum
gig_deleting(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_data(fcinfo, "gig_deleting",
										 TRIGGER_EVENT_AFTER | TRIGGER_EVENT_ROW,
										 TRIGGER_ON(TRIGGER_EVENT_DELETE));
	TriggerRow	old;
	SpaceScope	scope;
	Oid			space;
	Datum		values[4];
	char		nulls[] = "    ";
	bool		isnull;

	trigger_row_init(&old, trigdata->tg_relation, trigdata->tg_trigtuple,
					 columns, NCOLUMNS);
	space = trigger_enter(trigdata, "gig", &scope);

	values[0] = row_value(&old, ID);
	if (row_isnull(&old, REF))
		nulls[1] = 'n';
	else
	{
		char	   *ref = SPI_getvalue(trigdata->tg_trigtuple, old.desc, old.attnum[REF]);

		values[1] = CStringGetTextDatum(ref);
	}
	/* Never null in a Space, but elsewhere the trigger may be attached, too. */
	values[2] = row_value(&old, TITLE);
	if (row_isnull(&old, TITLE))
		nulls[2] = 'n';
	values[3] = row_value(&old, URL);
	if (row_isnull(&old, URL))
		nulls[3] = 'n';
	cirro_execute(space,
				  TupleDescAttr(old.desc, old.attnum[REF] - 1)->atttypid == INT8OID
				  ? &describe_gig_bigint : &describe_gig, values, nulls);

	values[1] = cirro_result(0, 1, &isnull);
	nulls[1] = ' ';
	values[2] = row_value(&old, NOTIFICATION_PAYLOAD);
	nulls[2] = row_isnull(&old, NOTIFICATION_PAYLOAD) ? 'n' : ' ';
	cirro_execute(space, &notify_deleted, values, nulls);

	trigger_leave(&scope);
	return PointerGetDatum(NULL);
}

/*
 * AFTER DELETE, statement; OLD TABLE old_rows.
 */
Datum
gig_deleted(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_data(fcinfo, "gig_deleted", TRIGGER_EVENT_AFTER,
										 TRIGGER_ON(TRIGGER_EVENT_DELETE));
	SpaceScope	scope;
	Oid			space = trigger_enter(trigdata, "gig", &scope);

	cirro_execute_over(trigdata, space, &delete_state, NULL, NULL);
	trigger_leave(&scope);
	return PointerGetDatum(NULL);
}
