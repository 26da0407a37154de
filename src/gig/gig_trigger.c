/*-------------------------------------------------------------------------
 * src/gig/gig_trigger.c
 *
 * Brings gig_state, gig_filter and gig_key in line with gig after each statement, and tells
 * workers of a gig that is deleted. Must not judge a change: gig/check.c does.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "cirro.h"
#include "gig/cancel.h"
#include "gig/check.h"
#include "gig/event.h"
#include "gig/key.h"
#include "gig/state.h"
#include "gig/trigger.h"
#include "space/query.h"

PG_FUNCTION_INFO_V1(gig_inserted);
PG_FUNCTION_INFO_V1(gig_updated);
PG_FUNCTION_INFO_V1(gig_deleting);
PG_FUNCTION_INFO_V1(gig_deleted);

/* What gig_state knows of a row of gig: install/engine.sql says how. */
#define TARGET(row) \
	"cirro.gig_target(" row ".seats_min, " row ".total_seats, " row ".seats_max, " \
	row ".seats_granted)"
#define CAPACITY(row) \
	"cirro.gig_capacity(" row ".total_seats, " row ".seats_max, " row ".seats_granted)"
#define EXPIRES_REST(row) \
	"cirro.gig_expires_rest(" row ".seats_max, " row ".seats_granted)"
#define CLOSES_AT(row) \
	"cirro.gig_closes_at(" row ".end_at, " row ".archived_at, " row ".cancelled_at)"
#define ARCHIVES_AT(row) \
	"cirro.gig_archives_at(" row ".archive_at, " row ".archived_at)"

/* Of a gig that is new: there is none where no seat is granted. */
#define FIRST_WAVE(row, now) \
	"CASE WHEN " row ".invitation_mode = 'auto' AND " TARGET(row) " > 0 THEN " now " END"

static const SpaceQuery make_state = {
	"INSERT INTO gig_state (gig_id, target, capacity, expires_rest, auto, frequency, "
	"  answer_within, starts_at, closes_at, archives_at, next_wave_at, next_event_at, announced) "
	"SELECT n.id, " TARGET("n") ", " CAPACITY("n") ", "
	"  " EXPIRES_REST("n") ", n.invitation_mode = 'auto', n.invitation_frequency, "
	"  n.answer_within, n.start_at, " CLOSES_AT("n") ", " ARCHIVES_AT("n") ", "
	"  " FIRST_WAVE("n", "$1") ", least(n.start_at, " FIRST_WAVE("n", "$1") "), "
	"  CASE WHEN n.cancelled_at IS NULL THEN 0 ELSE 2 END "
	"FROM new_rows n ORDER BY n.id",
	1, {TIMESTAMPTZOID}
};

/*
 * The gigs of which gig_state has to know something new. Raised seats, another
 * filter or a change to auto make a wave due at once, which searches anew; whatever
 * it is wakes a gig that is asleep. A day and 24 hours are equal, but not the same.
 */
static const SpaceQuery changed_gigs = {
	"SELECT n.id::bigint, " TARGET("n") ", " CAPACITY("n") ", " EXPIRES_REST("n") ", "
	"  (n.invitation_mode = 'auto')::bool, n.invitation_frequency::interval, "
	"  n.answer_within::interval, n.start_at::timestamptz, "
	"  " CLOSES_AT("n") ", " ARCHIVES_AT("n") ", "
	"  " TARGET("n") " > " TARGET("o")
	"  OR coalesce(" CAPACITY("n") ", 2147483647) > coalesce(" CAPACITY("o") ", 2147483647) "
	"  OR n.filter_query <> o.filter_query "
	"  OR n.invitation_mode <> o.invitation_mode, "
	"  coalesce(" CAPACITY("o") ", " TARGET("o") "), (n.cancelled_at IS NOT NULL)::bool, "
	"  (n.filter_query, n.sort_query) IS DISTINCT FROM (o.filter_query, o.sort_query), "
	"  n.filter_query::jsonb, n.sort_query::jsonb "
	"FROM new_rows n JOIN old_rows o ON o.id = n.id "
	"WHERE (n.seats_min, n.total_seats, n.seats_max, n.seats_granted, n.invitation_mode, "
	"    n.invitation_frequency::text, n.invitation_multiplier, n.pending_max, n.answer_within::text, "
	"    n.start_at, n.end_at, n.archive_at, n.archived_at, n.cancelled_at, n.filter_query, n.sort_query) "
	"  IS DISTINCT FROM "
	"  (o.seats_min, o.total_seats, o.seats_max, o.seats_granted, o.invitation_mode, "
	"    o.invitation_frequency::text, o.invitation_multiplier, o.pending_max, o.answer_within::text, "
	"    o.start_at, o.end_at, o.archive_at, o.archived_at, o.cancelled_at, o.filter_query, o.sort_query) "
	"ORDER BY n.id",
	0, {0}, PLAN_OF_ROWS
};

/*
 * $1 to $11 as above, $12 how many seats made the gig filled before, $13 whether it is
 * cancelled, which is told as it happens, $14 now; the tick finds the exact next event.
 */
static const SpaceQuery change_state = {
	"UPDATE gig_state s SET target = $2, capacity = $3, expires_rest = $4, auto = $5, "
	"  frequency = $6, answer_within = $7, starts_at = $8, closes_at = $9, archives_at = $10, "
	"  next_wave_at = CASE "
	"    WHEN NOT $5 OR s.accepted >= $2 THEN NULL "
	"    WHEN $11 THEN $14 "
	"    WHEN s.next_wave_at IS NOT NULL AND s.slept_in IS NULL AND (s.frequency = $6 OR s.last_due_at IS NULL) "
	"    THEN s.next_wave_at "
	"    ELSE greatest($14, cirro.add_interval(s.last_due_at, $6)) END, "
	"  searched = CASE WHEN NOT $11 THEN s.searched END, slept_in = NULL, awaits_room = false, "
	"  announced = CASE WHEN $13 THEN greatest(s.announced, 2) ELSE s.announced END, "
	"  next_event_at = least(s.next_event_at, $14) "
	"WHERE s.gig_id = $1 "
	"RETURNING s.closes_at, s.accepted >= $12, s.accepted >= coalesce(s.capacity, s.target), "
	"  coalesce(s.expires_rest AND s.accepted >= s.capacity, false), s.waiting > 0",
	14, {INT8OID, INT4OID, INT4OID, BOOLOID, BOOLOID, INTERVALOID, INTERVALOID,
	TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, INT4OID, BOOLOID,
	TIMESTAMPTZOID}
};

static const SpaceQuery make_filter = {
	"INSERT INTO gig_filter (gig_id, filter, sort) "
	"SELECT n.id, cirro.weaken(n.filter_query::jsonb), n.sort_query::cirro.sort_query "
	"FROM new_rows n WHERE n.cancelled_at IS NULL ORDER BY n.id"
};

static const SpaceQuery change_filter = {
	"UPDATE gig_filter f SET filter = cirro.weaken($2), sort = $3::cirro.sort_query "
	"WHERE f.gig_id = $1",
	3, {INT8OID, JSONBOID, JSONBOID}, PLAN_BY_KEY
};

static const SpaceQuery delete_filter = {
	"DELETE FROM gig_filter f WHERE f.gig_id IN (SELECT o.id FROM old_rows o)"
};

static const SpaceQuery delete_state = {
	"DELETE FROM gig_state s WHERE s.gig_id IN (SELECT o.id FROM old_rows o)"
};

/*
 * Gigs whose keys are to be kept: a statement may change any number, and it is cheaper
 * for many at a time.
 */
#define KEYS_AT_ONCE	1000

typedef struct KeyedGigs
{
	Oid			space;
	bool		are_new;
	bool		are_gone;
	int			n;
	int64		gigs[KEYS_AT_ONCE];
} KeyedGigs;

static void
keep_keys(KeyedGigs *keyed)
{
	if (keyed->are_gone)
		gig_key_forget(keyed->space, keyed->gigs, keyed->n);
	else
		gig_key_write(keyed->space, keyed->gigs, keyed->n, keyed->are_new);
	keyed->n = 0;
}

static void
add_keyed(KeyedGigs *keyed, int64 gig_id)
{
	keyed->gigs[keyed->n++] = gig_id;
	if (keyed->n == KEYS_AT_ONCE)
		keep_keys(keyed);
}

static const TriggerColumn id_column[] = {{"id", INT8OID}};

/* Of all rows of a transition table. */
static void
keep_keys_of(KeyedGigs *keyed, TriggerData *trigdata, Tuplestorestate *store)
{
	TriggerRows rows;

	keyed->n = 0;
	trigger_rows_begin(&rows, store, trigdata->tg_relation, id_column, lengthof(id_column));
	while (trigger_rows_next(&rows))
	{
		bool		isnull;
		int64		gig_id = DatumGetInt64(trigger_rows_value(&rows, 0, &isnull));

		if (!isnull)
			add_keyed(keyed, gig_id);
	}
	trigger_rows_end(&rows);
	keep_keys(keyed);
}

/*
 * AFTER INSERT, statement; NEW TABLE new_rows. Every gig gets its state, its compiled
 * filter and that one's keys; the first wave is due at once, also before the gig
 * starts. Errors: 23514.
 */
Datum
gig_inserted(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_data(fcinfo, "gig_inserted", TRIGGER_EVENT_AFTER,
										 TRIGGER_ON(TRIGGER_EVENT_INSERT));
	SpaceScope	scope;
	Oid			space = trigger_enter(trigdata, "gig", &scope);
	QueryArgs	args = {&make_state};
	QueryArgs	filter = {&make_filter};
	KeyedGigs	keyed = {.space = space,.are_new = true};

	gig_check_inserted(trigdata);
	query_run_over(trigdata, space, &filter);
	keep_keys_of(&keyed, trigdata, trigdata->tg_newtable);
	arg_timestamptz(&args, cirro_now());
	query_run_over(trigdata, space, &args);
	trigger_leave(&scope);
	return PointerGetDatum(NULL);
}

/* Brings what is kept of a gig in line with a row of changed_gigs, or notes its keys. */
static void
change_gig(Oid space, ResultRow *gig, void *keyed)
{
	QueryArgs	args = {&change_state};
	QueryArgs	filter = {&change_filter};
	bool		filter_differs;
	ResultRow	row;
	int64		gig_id;
	TimestampTz closes_at;
	bool		was_filled;
	bool		is_filled;
	bool		is_full;
	bool		is_waited_for;

	while (args.nargs < args.query->nargs - 1)
		arg_result(&args, gig);
	gig_id = DatumGetInt64(args.values[0]);
	filter_differs = result_bool(gig);
	arg_int64(&filter, gig_id);
	arg_result(&filter, gig);
	arg_result(&filter, gig);
	result_end(gig);
	if (filter_differs && query_run(space, &filter) > 0)
		add_keyed(keyed, gig_id);

	arg_timestamptz(&args, cirro_now());
	if (query_run(space, &args) == 0)
		return;
	row = result_row(0);
	closes_at = result_timestamptz(&row);
	was_filled = result_bool(&row);
	is_filled = result_bool(&row);
	is_full = result_bool(&row);
	is_waited_for = result_bool(&row);
	result_end(&row);
	query_free();
	if (is_waited_for)
	{
		GigState	state;

		if (!gig_state_lock(space, gig_id, &state))
			return;
		gig_state_seat(space, gig_id, &state);
		is_filled = gig_state_is_filled(&state);
		is_full = state.expires_rest && gig_state_is_full(&state);
	}
	gig_state_tell_seats(space, gig_id, closes_at, was_filled, is_filled);
	if (is_full)
		gig_state_expire_rest(space, gig_id);
}

/*
 * The gigs that have changed for who takes part in them, and in what; they are open
 * ($1 is now) before and after.
 */
#define CHANGED(column) \
	"CASE WHEN n." column " IS DISTINCT FROM o." column " THEN '" column "' END"

static const SpaceQuery described_anew = {
	"SELECT n.id::bigint, pg_catalog.jsonb_build_object('changed', pg_catalog.array_remove(ARRAY["
	CHANGED("title") ", " CHANGED("description") ", " CHANGED("url") ", "
	CHANGED("start_at") ", " CHANGED("end_at") "], NULL)) "
	"FROM new_rows n JOIN old_rows o ON o.id = n.id "
	"WHERE (n.title, n.description, n.url, n.start_at, n.end_at) "
	"  IS DISTINCT FROM (o.title, o.description, o.url, o.start_at, o.end_at) "
	"AND $1 < " CLOSES_AT("o") " AND $1 < " CLOSES_AT("n") " "
	"ORDER BY n.id",
	1, {TIMESTAMPTZOID}, PLAN_OF_ROWS
};

static void
tell_changed(Oid space, ResultRow *gig, void *arg)
{
	int64		gig_id = result_int64(gig);
	Datum		payload = result_datum(gig, JSONBOID);

	result_end(gig);
	event_of_gig(space, gig_id, "gig.changed", payload);
}

/* Has "settle" settle each of the rows of a query over the transition tables. */
static void
settle_each(TriggerData *trigdata, Oid space, const QueryArgs *args,
			void (*settle) (Oid space, ResultRow *gig, void *arg), void *arg)
{
	QueryCursor rows;
	ResultRow	gig;
	/* A statement may change any number: nothing is kept of each. */
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "cirro changed gig",
												  ALLOCSET_SMALL_SIZES);

	query_open_over(&rows, trigdata, space, args);
	while (query_next(&rows, &gig))
	{
		MemoryContext old = MemoryContextSwitchTo(scratch);

		CHECK_FOR_INTERRUPTS();
		settle(space, &gig, arg);
		MemoryContextSwitchTo(old);
		MemoryContextReset(scratch);
	}
	query_close(&rows);
	MemoryContextDelete(scratch);
}

/*
 * AFTER UPDATE, statement; OLD TABLE old_rows, NEW TABLE new_rows. Locks the
 * gig_state rows in ascending order, of what is cancelled gigs and invitations before.
 * Raised seats go to those who wait. Lowering seats evicts nobody, but when
 * it reaches an explicit seats_max the other invitations expire.
 */
Datum
gig_updated(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_data(fcinfo, "gig_updated", TRIGGER_EVENT_AFTER,
										 TRIGGER_ON(TRIGGER_EVENT_UPDATE));
	SpaceScope	scope;
	Oid			space = trigger_enter(trigdata, "gig", &scope);
	QueryArgs	described = {&described_anew};
	QueryArgs	changed = {&changed_gigs};
	KeyedGigs	keyed = {.space = space};

	gig_cancel_invitations(trigdata, space);
	arg_timestamptz(&described, cirro_gate_now());
	settle_each(trigdata, space, &described, tell_changed, NULL);
	settle_each(trigdata, space, &changed, change_gig, &keyed);
	keep_keys(&keyed);
	trigger_leave(&scope);
	return PointerGetDatum(NULL);
}

/* What an event tells of a gig that is gone, and whether there is one. */
enum
{
	ID, REF, TITLE, URL, START_AT, END_AT, ARCHIVE_AT, ARCHIVED_AT, NOTIFICATION_PAYLOAD, NCOLUMNS
};

static const TriggerColumn columns[NCOLUMNS] = {
	[ID] = {"id", INT8OID},
	[REF] = {"ref", InvalidOid},
	[TITLE] = {"title", TEXTOID},
	[URL] = {"url", TEXTOID},
	[START_AT] = {"start_at", TIMESTAMPTZOID},
	[END_AT] = {"end_at", TIMESTAMPTZOID},
	[ARCHIVE_AT] = {"archive_at", TIMESTAMPTZOID},
	[ARCHIVED_AT] = {"archived_at", TIMESTAMPTZOID},
	[NOTIFICATION_PAYLOAD] = {"notification_payload", JSONBOID},
};

/* "ref" as in every other payload, a number where the application's ids are bigint. */
#define DESCRIBE_GIG(ref) \
	"SELECT pg_catalog.jsonb_build_object('gig', pg_catalog.jsonb_build_object(" \
	"    'id', $1, 'ref', " ref ", 'title', $3, 'url', $4, 'start_at', $5, 'end_at', $6), " \
	"  'notification_payload', $7)"
#define DESCRIBE_GIG_ARGS \
	7, {INT8OID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, JSONBOID}

static const SpaceQuery describe_gig = {DESCRIBE_GIG("$2"), DESCRIBE_GIG_ARGS};
static const SpaceQuery describe_gig_bigint = {
	DESCRIBE_GIG("$2::pg_catalog.int8"), DESCRIBE_GIG_ARGS
};

static const SpaceQuery lock_invitations = {
	"SELECT FROM invitation i WHERE i.gig_id = $1 ORDER BY i.id FOR UPDATE",
	1, {INT8OID}, PLAN_BY_KEY
};

/* Tells every pending, waiting or accepted worker, with what cannot be looked up later. */
static void
tell_deleted(Oid space, TriggerRow *old)
{
	QueryArgs	args = {&describe_gig};
	ResultRow	row;
	Datum		payload;

	if (TupleDescAttr(old->desc, old->attnum[REF] - 1)->atttypid == INT8OID)
		args.query = &describe_gig_bigint;
	/* Only ref is ever null in a Space, but elsewhere the trigger may be attached, too. */
	for (int i = ID; i < NCOLUMNS; i++)
	{
		if (i == REF)
			arg_text(&args, SPI_getvalue(old->tuple, old->desc, old->attnum[REF]));
		else if (i != ARCHIVE_AT && i != ARCHIVED_AT)
			arg_datum(&args, columns[i].type, row_value(old, i), row_isnull(old, i));
	}
	query_run(space, &args);
	row = result_row(0);
	payload = result_datum(&row, JSONBOID);
	result_end(&row);

	if (!row_isnull(old, ID))
		event_of_workers(space, DatumGetInt64(row_value(old, ID)), "gig.deleted", payload);
}

/* Was the gig archived longer ago than setting.keep_gigs? */
static bool
is_past_keeping(Oid space, const TriggerRow *old)
{
	int			col = row_isnull(old, ARCHIVED_AT) ? ARCHIVE_AT : ARCHIVED_AT;

	return !row_isnull(old, col) &&
		gig_kept_until(space, DatumGetTimestampTz(row_value(old, col))) < cirro_gate_now();
}

/*
 * AFTER DELETE, row, ahead of the foreign keys' cascades, which would lock the
 * invitations in no particular order. Nobody is told of a gig that was archived
 * longer ago than gigs are kept.
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

	trigger_row_init(&old, trigdata->tg_relation, trigdata->tg_trigtuple,
					 columns, NCOLUMNS);
	space = trigger_enter(trigdata, "gig", &scope);
	if (is_past_keeping(space, &old))
	{
		QueryArgs	args = {&lock_invitations};

		arg_datum(&args, INT8OID, row_value(&old, ID), row_isnull(&old, ID));
		query_run(space, &args);
	}
	else
		tell_deleted(space, &old);
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
	QueryArgs	state = {&delete_state};
	QueryArgs	filter = {&delete_filter};
	KeyedGigs	keyed = {.space = space,.are_gone = true};

	query_run_over(trigdata, space, &filter);
	keep_keys_of(&keyed, trigdata, trigdata->tg_oldtable);
	query_run_over(trigdata, space, &state);
	trigger_leave(&scope);
	return PointerGetDatum(NULL);
}
