/*-------------------------------------------------------------------------
 * src/gig/state.c
 *
 * gig_state decides an accept. A query that joins it to another table would
 * oversell: after waiting for a lock only the locked row is read again. So
 * every statement here is keyed by gig_id and reads gig_state alone, and the
 * row holds capacity and closing time itself. Must not lock anything else
 * before it, and afterwards only with SKIP LOCKED (see gig/state.h).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "common/int.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "cirro.h"
#include "gig/event.h"
#include "gig/state.h"
#include "gig/waiting.h"
#include "space/query.h"
#include "space/row_writer.h"
#include "space/shard.h"

PG_FUNCTION_INFO_V1(cirro_answer_by);

/* As read_columns reads them. */
#define STATE_COLUMNS \
	"s.accepted::int, s.target::int, s.capacity::int, s.expires_rest::bool, " \
	"s.closes_at::timestamptz, s.answer_within::interval, s.waiting::int"

static const SpaceQuery read_state = {
	"SELECT " STATE_COLUMNS ", s.awaits_room::bool FROM gig_state s WHERE s.gig_id = $1",
	1, {INT8OID}, PLAN_BY_KEY
};

/* As read_result reads them. */
static const SpaceQuery lock_states = {
	"SELECT " STATE_COLUMNS ", s.gig_id::bigint, s.auto::bool, s.frequency::interval, "
	"  s.starts_at::timestamptz, s.archives_at::timestamptz, s.last_due_at::timestamptz, "
	"  s.next_wave_at::timestamptz, s.next_event_at::timestamptz, s.released::bigint, "
	"  s.slept_in::bigint, s.awaits_room::bool "
	"FROM gig_state s WHERE s.gig_id = ANY ($1) ORDER BY s.gig_id FOR NO KEY UPDATE",
	1, {INT8ARRAYOID}, PLAN_BY_KEY
};

/* Of rows that are locked: it waits for none, and so may join. $6 is NO_TIME. */
static const SpaceQuery change_states = {
	"UPDATE gig_state s SET accepted = u.accepted, "
	"  next_wave_at = nullif(u.next_wave_at, $6), "
	"  next_event_at = nullif(u.next_event_at, $6), released = nullif(u.released, 0), "
	"  slept_in = nullif(u.slept_in, 0), awaits_room = u.awaits_room, waiting = u.waiting "
	"FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), "
	"  pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($7), pg_catalog.unnest($8), "
	"  pg_catalog.unnest($9)) "
	"  u (id, accepted, next_wave_at, next_event_at, released, slept_in, awaits_room, waiting) "
	"WHERE s.gig_id = u.id",
	9, {INT8ARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, INT8ARRAYOID,
	TIMESTAMPTZOID, INT8ARRAYOID, BOOLARRAYOID, INT4ARRAYOID},
	PLAN_BY_KEY
};

static const SpaceQuery finish_state = {
	"UPDATE gig_state s SET last_due_at = coalesce($2, s.last_due_at), "
	"  last_wave_at = coalesce($3, s.last_wave_at), next_wave_at = $4, next_event_at = $5, "
	"  waves = $6, failures = $7, announced = $8, exhausted = $9, released = $10, "
	"  searched = coalesce($11, s.searched), searched_on = coalesce($12, s.searched_on), "
	"  slept_in = $13, awaits_room = $14 "
	"WHERE s.gig_id = $1",
	14, {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, INT4OID,
	INT4OID, BOOLOID, INT8OID, INT8OID, INT8OID, INT8OID, BOOLOID}, PLAN_BY_KEY
};

/* What is open of a gig. */
static const SpaceQuery open_query = {
	"SELECT count(*) > 0, min(i.send_at) FILTER (WHERE i.status = 'scheduled'), "
	"  min(cirro.answer_by(i.invited_at, $2)) FILTER (WHERE i.status = 'pending') "
	"FROM invitation i WHERE i.gig_id = $1 AND i.status IN ('pending', 'scheduled')",
	2, {INT8OID, INTERVALOID}, PLAN_BY_KEY
};

/*
 * See may_write_again. FOR KEY SHARE would do, but where somebody has changed the row
 * before he locked it to cancel, it goes on to his version and waits, SKIP LOCKED or not.
 */
static const SpaceQuery keep_keys = {
	"SELECT FROM gig g, worker w WHERE g.id = $1 AND w.id = $2 FOR SHARE SKIP LOCKED",
	2, {INT8OID, INT8OID}, PLAN_BY_KEY
};

/* Of a row that is locked. */
static const SpaceQuery look_now = {
	"UPDATE gig_state s SET next_event_at = least(s.next_event_at, $2) WHERE s.gig_id = $1",
	2, {INT8OID, TIMESTAMPTZOID}, PLAN_BY_KEY
};

/* The same row by row. */
enum
{
	STATE_GIG_ID, STATE_ACCEPTED, STATE_TARGET, STATE_CAPACITY, STATE_EXPIRES_REST, STATE_CLOSES_AT,
	STATE_ANSWER_WITHIN, STATE_AUTO, STATE_FREQUENCY, STATE_STARTS_AT, STATE_ARCHIVES_AT,
	STATE_LAST_DUE_AT, STATE_NEXT_WAVE_AT, STATE_NEXT_EVENT_AT, STATE_RELEASED, STATE_LAST_WAVE_AT,
	STATE_WAVES, STATE_FAILURES, STATE_ANNOUNCED, STATE_EXHAUSTED, STATE_SEARCHED,
	STATE_SEARCHED_ON, STATE_SLEPT_IN, STATE_AWAITS_ROOM, STATE_WAITING, NSTATE_COLUMNS
};

static const RowTable state_rows = {
	.name = "gig_state",
	.operation = CMD_UPDATE,
	.ncolumns = NSTATE_COLUMNS,
	.columns = {
		[STATE_GIG_ID] = {"gig_id", INT8OID, true},
		[STATE_ACCEPTED] = {"accepted", INT4OID},
		[STATE_TARGET] = {"target", INT4OID, true},
		[STATE_CAPACITY] = {"capacity", INT4OID, true},
		[STATE_EXPIRES_REST] = {"expires_rest", BOOLOID, true},
		[STATE_CLOSES_AT] = {"closes_at", TIMESTAMPTZOID, true},
		[STATE_ANSWER_WITHIN] = {"answer_within", INTERVALOID, true},
		[STATE_AUTO] = {"auto", BOOLOID, true},
		[STATE_FREQUENCY] = {"frequency", INTERVALOID, true},
		[STATE_STARTS_AT] = {"starts_at", TIMESTAMPTZOID, true},
		[STATE_ARCHIVES_AT] = {"archives_at", TIMESTAMPTZOID, true},
		[STATE_LAST_DUE_AT] = {"last_due_at", TIMESTAMPTZOID},
		[STATE_NEXT_WAVE_AT] = {"next_wave_at", TIMESTAMPTZOID},
		[STATE_NEXT_EVENT_AT] = {"next_event_at", TIMESTAMPTZOID},
		[STATE_RELEASED] = {"released", INT8OID},
		[STATE_LAST_WAVE_AT] = {"last_wave_at", TIMESTAMPTZOID},
		[STATE_WAVES] = {"waves", INT4OID},
		[STATE_FAILURES] = {"failures", INT4OID},
		[STATE_ANNOUNCED] = {"announced", INT2OID},
		[STATE_EXHAUSTED] = {"exhausted", BOOLOID},
		[STATE_SEARCHED] = {"searched", INT8OID},
		[STATE_SEARCHED_ON] = {"searched_on", INT8OID},
		[STATE_SLEPT_IN] = {"slept_in", INT8OID},
		[STATE_AWAITS_ROOM] = {"awaits_room", BOOLOID},
		[STATE_WAITING] = {"waiting", INT4OID}
	}
};

/* A row while it is changed. NO_TIME and 0 are NULL. */
typedef struct StateRow
{
	int64		gig_id;
	GigState	state;
	GigStateVersion version;
	bool		automatic;
	Interval	frequency;
	TimestampTz starts_at;
	TimestampTz archives_at;
	TimestampTz last_due_at;
	TimestampTz next_wave_at;
	TimestampTz next_event_at;
	int64		released;
	int64		slept_in;
	bool		awaits_room;
	bool		is_there;
} StateRow;

/*
 * For the reason that is true of each; a wave would invite some again. Who waits does
 * so until the gig closes.
 */
static const SpaceQuery expire_rest = {
	"UPDATE invitation i SET status = 'expired', reason = cirro.expired_reason(i.status, i.invited_at, "
	"    (SELECT s.closes_at::timestamptz FROM gig_state s WHERE s.gig_id = $1), "
	"    (SELECT s.answer_within::interval FROM gig_state s WHERE s.gig_id = $1), true) "
	"WHERE i.id = ANY (ARRAY("
	"  SELECT l.id FROM invitation l "
	"  WHERE l.gig_id = $1 AND l.status IN ('pending', 'scheduled', 'waiting') "
	"  AND (l.status <> 'waiting' OR cirro.expired_reason(l.status, NULL, "
	"    (SELECT s.closes_at::timestamptz FROM gig_state s WHERE s.gig_id = $1), NULL, true) IS NOT NULL) "
	"  ORDER BY l.id FOR NO KEY UPDATE SKIP LOCKED))",
	1, {INT8OID}, PLAN_BY_KEY
};

/* To be raised when other documents match a filter than did before. */
#define MATCHING_VERSION	1

int64
gig_state_place(Oid space)
{
	/* A dump restores "worker" under another OID, pg_upgrade in another system. */
	uint64		place[] = {
		MATCHING_VERSION, GetSystemIdentifier(), MyDatabaseId, shard_relation(space, "worker")
	};

	return (int64) hash_bytes_extended((const unsigned char *) place, sizeof(place), 0);
}

static void
read_columns(ResultRow *row, GigState *state)
{
	const Interval *answer_within;

	state->accepted = result_int32(row);
	state->target = result_int32(row);
	state->capacity = result_null(row) ? -1 : result_int32(row);
	state->expires_rest = result_bool(row);
	state->closes_at = result_timestamptz(row);
	answer_within = result_null(row) ? NULL : result_interval(row);
	state->has_answer_within = answer_within != NULL;
	if (answer_within != NULL)
		state->answer_within = *answer_within;
	state->waiting = result_int32(row);
}

/* By the caller's snapshot, or by what is committed now. */
static bool
read_unlocked(Oid space, int64 gig_id, bool latest, GigState *state, bool *awaits_room)
{
	QueryArgs	args = {&read_state};
	ResultRow	row;
	bool		found;

	arg_int64(&args, gig_id);
	found = (latest ? query_run_latest(space, &args) : query_run(space, &args)) > 0;
	if (found)
	{
		row = result_row(0);
		read_columns(&row, state);
		*awaits_room = result_bool(&row);
		result_end(&row);
	}
	query_free();
	return found;
}

bool
gig_state_read(Oid space, int64 gig_id, GigState *state)
{
	bool		awaits_room;

	return read_unlocked(space, gig_id, false, state, &awaits_room);
}

TimestampTz
gig_answer_by(TimestampTz invited_at, const Interval *answer_within)
{
	return answer_within == NULL ? DT_NOEND : cirro_add_interval(invited_at, answer_within);
}

const char *
gig_expired_reason(TimestampTz answer_by, TimestampTz closes_at, bool filled, TimestampTz now)
{
	if (!TIMESTAMP_IS_NOEND(answer_by) && answer_by <= Min(now, closes_at))
		return GIG_NO_ANSWER;
	if (closes_at <= now)
		return GIG_ENDED;
	return filled ? GIG_SEATS_FILLED : NULL;
}

/* cirro.answer_by(invited_at timestamptz, answer_within interval) returns timestamptz */
Datum
cirro_answer_by(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(gig_answer_by(PG_GETARG_TIMESTAMPTZ(0), PG_GETARG_INTERVAL_P(1)));
}

bool
gig_state_wants_wave(const GigState *state, TimestampTz now)
{
	return state->accepted < state->target && now < state->closes_at;
}

bool
gig_state_is_full(const GigState *state)
{
	return state->capacity >= 0 && state->accepted >= state->capacity;
}

/* The wall clock: the lock may have been long in coming. */
static bool
tells_seats(TimestampTz closes_at, bool was_filled, bool is_filled)
{
	return was_filled != is_filled && cirro_gate_now() < closes_at;
}

void
gig_state_tell_seats(Oid space, int64 gig_id, TimestampTz closes_at,
					 bool was_filled, bool is_filled)
{
	if (tells_seats(closes_at, was_filled, is_filled))
		event_of_gigs(space, &gig_id, 1, is_filled ? "gig.filled" : "gig.reopened");
}

static bool
is_filled(const GigState *state, int64 accepted)
{
	return accepted >= (state->capacity >= 0 ? state->capacity : state->target);
}

bool
gig_state_is_filled(const GigState *state)
{
	return is_filled(state, state->accepted);
}

/* In an ereport: the column of invitation that the error is about. */
static int
errinvitation(Oid space, const char *column)
{
	char	   *schema = OidIsValid(space) ? get_namespace_name(space) : NULL;

	if (schema == NULL)
		return 0;
	err_generic_string(PG_DIAG_SCHEMA_NAME, schema);
	err_generic_string(PG_DIAG_TABLE_NAME, "invitation");
	err_generic_string(PG_DIAG_COLUMN_NAME, column);
	return 0;
}

void
gig_state_refuse_closed(Oid space, int64 gig_id, const GigState *state)
{
	ereport(ERROR,
			(errcode(ERRCODE_CIRRO_NOT_OPEN),
			 errmsg("gig %lld is not open", (long long) gig_id),
			 errdetail("It ended at %s.", timestamptz_to_str(state->closes_at)),
			 errhint("Nobody is invited to, accepts or leaves a gig that has ended."),
			 errinvitation(space, "status")));
}

void
gig_state_refuse_filled(Oid space, int64 gig_id, const GigState *state)
{
	ereport(ERROR,
			(errcode(ERRCODE_CIRRO_FILLED),
			 errmsg("gig %lld is filled", (long long) gig_id),
			 errdetail_plural("It has %d seat.", "It has %d seats.",
							  state->capacity, state->capacity),
			 errhint("Wait until a worker leaves, or raise the seats of the gig."),
			 errinvitation(space, "status")));
}

void
gig_state_refuse_missing(Oid space, int64 gig_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("gig %lld has no row in gig_state", (long long) gig_id),
			 errdetail("The triggers of the gig were disabled, or its state was not restored."),
			 errhint("Call rebuild_state() in the Space."),
			 errinvitation(space, "gig_id")));
}

void
gig_state_expire_rest(Oid space, int64 gig_id)
{
	QueryArgs	args = {&expire_rest};

	arg_int64(&args, gig_id);
	query_run(space, &args);
}

/* Refuses what came too late for the gig's seats or its time. */
static void
check_change(Oid space, const GigChange *change, const GigState *state)
{
	/* The wall clock: the lock may have been long in coming. */
	TimestampTz now = cirro_gate_now();
	bool		closed = now >= state->closes_at;
	bool		lapsed = change->answered > 0 && state->has_answer_within &&
		gig_answer_by(change->oldest_answered, &state->answer_within) <= now;

	if (closed && (change->gained > 0 || change->opened > 0 || change->left > 0 ||
				   change->queued > 0))
		gig_state_refuse_closed(space, change->gig_id, state);

	if (!TIMESTAMP_IS_NOBEGIN(change->last_send_at) &&
		change->last_send_at >= state->closes_at)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("send_at is not before the end of gig %lld", (long long) change->gig_id),
				 errdetail("The gig ends at %s, the invitations would be sent at %s.",
						   pstrdup(timestamptz_to_str(state->closes_at)),
						   pstrdup(timestamptz_to_str(change->last_send_at))),
				 errhint("Give an earlier send_at, or none."),
				 errinvitation(space, "send_at")));

	if (change->answered > 0 && (closed || lapsed))
		ereport(ERROR,
				(errcode(ERRCODE_CIRRO_NO_LONGER_PENDING),
				 errmsg("an invitation to gig %lld is no longer pending",
						(long long) change->gig_id),
				 closed ? errdetail("The gig ended at %s.", timestamptz_to_str(state->closes_at))
				 : errdetail("The time to answer has passed."),
				 closed ? errhint("Nobody is invited to a gig that has ended.")
				 : errhint("Use reset() or invite() to invite the worker again."),
				 errinvitation(space, "status")));

	if (change->gained > 0 && state->capacity >= 0 &&
		state->accepted > state->capacity)
		gig_state_refuse_filled(space, change->gig_id, state);
	if (change->opened > 0 && state->expires_rest && gig_state_is_full(state) &&
		change->gained == 0)
		gig_state_refuse_filled(space, change->gig_id, state);
}

/* A gig without a row in gig_state. */
static void
check_absence(Oid space, const GigChange *change)
{
	/* It is being deleted, and the seats with it. */
	if (change->gained == 0 && change->opened == 0 && change->left == 0 && change->queued == 0)
		return;
	gig_state_refuse_missing(space, change->gig_id);
}

static bool
concerns_waiting(const GigChange *change)
{
	return change->queued > 0 || change->unqueued > 0 || change->woken > 0;
}

static bool
leaves_state(const GigChange *change)
{
	return change->delta == 0 && change->gained == 0 && change->opened == 0 &&
		change->released == 0 && !concerns_waiting(change);
}

/* -------------------------------------------------------------- reading -- */

/* Raises 22004 for a null that no Space has. */
static Datum
state_value(RowWriter *rows, int column)
{
	bool		isnull;
	Datum		value = row_writer_value(rows, column, &isnull);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("\"%s\" of a table of the Space must not be null",
						state_rows.columns[column].name),
				 errdetail("A table of the Space lacks a constraint."),
				 errhint("Restore the constraints that create_space made.")));
	return value;
}

static Datum
state_value_or(RowWriter *rows, int column, Datum otherwise)
{
	bool		isnull;
	Datum		value = row_writer_value(rows, column, &isnull);

	return isnull ? otherwise : value;
}

static void
read_row(RowWriter *rows, StateRow *row)
{
	GigState   *state = &row->state;
	Datum		answer_within = state_value_or(rows, STATE_ANSWER_WITHIN, (Datum) 0);
	Datum		none = TimestampTzGetDatum(NO_TIME);

	row->gig_id = DatumGetInt64(state_value(rows, STATE_GIG_ID));
	state->accepted = DatumGetInt32(state_value(rows, STATE_ACCEPTED));
	state->target = DatumGetInt32(state_value(rows, STATE_TARGET));
	state->capacity = DatumGetInt32(state_value_or(rows, STATE_CAPACITY, Int32GetDatum(-1)));
	state->expires_rest = DatumGetBool(state_value(rows, STATE_EXPIRES_REST));
	state->closes_at = DatumGetTimestampTz(state_value(rows, STATE_CLOSES_AT));
	state->has_answer_within = answer_within != (Datum) 0;
	if (state->has_answer_within)
		state->answer_within = *DatumGetIntervalP(answer_within);
	state->waiting = DatumGetInt32(state_value(rows, STATE_WAITING));
	row->automatic = DatumGetBool(state_value(rows, STATE_AUTO));
	row->frequency = *DatumGetIntervalP(state_value(rows, STATE_FREQUENCY));
	row->starts_at = DatumGetTimestampTz(state_value(rows, STATE_STARTS_AT));
	row->archives_at = DatumGetTimestampTz(state_value_or(rows, STATE_ARCHIVES_AT, none));
	row->last_due_at = DatumGetTimestampTz(state_value_or(rows, STATE_LAST_DUE_AT, none));
	row->next_wave_at = DatumGetTimestampTz(state_value_or(rows, STATE_NEXT_WAVE_AT, none));
	row->next_event_at = DatumGetTimestampTz(state_value_or(rows, STATE_NEXT_EVENT_AT, none));
	row->released = DatumGetInt64(state_value_or(rows, STATE_RELEASED, Int64GetDatum(0)));
	row->slept_in = DatumGetInt64(state_value_or(rows, STATE_SLEPT_IN, Int64GetDatum(0)));
	row->awaits_room = DatumGetBool(state_value(rows, STATE_AWAITS_ROOM));
	row->version.place = *row_writer_place(rows);
	row->version.xmin = row_writer_xmin(rows);
	row->is_there = true;
}

static TimestampTz
time_or_none(ResultRow *row)
{
	return result_null(row) ? NO_TIME : result_timestamptz(row);
}

/* The same of a row of lock_states. */
static void
read_result(uint64 number, StateRow *row)
{
	ResultRow	result = result_row(number);

	read_columns(&result, &row->state);
	row->gig_id = result_int64(&result);
	row->automatic = result_bool(&result);
	row->frequency = *result_interval(&result);
	row->starts_at = result_timestamptz(&result);
	row->archives_at = time_or_none(&result);
	row->last_due_at = time_or_none(&result);
	row->next_wave_at = time_or_none(&result);
	row->next_event_at = time_or_none(&result);
	row->released = result_null(&result) ? 0 : result_int64(&result);
	row->slept_in = result_null(&result) ? 0 : result_int64(&result);
	row->awaits_room = result_bool(&result);
	result_end(&result);
	ItemPointerSetInvalid(&row->version.place);
	row->is_there = true;
}

/* False if there is none. */
static bool
lock_row(Oid space, int64 gig_id, StateRow *row)
{
	RowWriter  *rows;
	QueryArgs	args = {&lock_states};

	row->is_there = false;
	row_writer_push_snapshot();
	rows = row_writer_begin(space, &state_rows);
	if (rows != NULL)
	{
		if (row_writer_find(rows, gig_id) &&
			row_writer_lock(rows, false, false) != ROW_GONE)
			read_row(rows, row);
		row_writer_end(rows);
	}
	PopActiveSnapshot();
	if (rows != NULL)
		return row->is_there;

	arg_int64_array(&args, &gig_id, 1);
	if (query_run(space, &args) > 0)
		read_result(0, row);
	query_free();
	return row->is_there;
}

bool
gig_state_lock(Oid space, int64 gig_id, GigState *state)
{
	StateRow	row;

	if (!lock_row(space, gig_id, &row))
		return false;
	*state = row.state;
	return true;
}

/* ------------------------------------------------------------- changing -- */

static TimestampTz
earlier(TimestampTz a, TimestampTz b)
{
	return a == NO_TIME ? b : Min(a, b);
}

/*
 * Does a gig that is asleep go on sleeping? Whom its last wave could not invite, none
 * can yet: a worker who comes or changes wakes it in another way (wave/look.c).
 */
static bool
stays_asleep(const StateRow *row, const GigChange *change)
{
	return change->released == 0 &&
		(row->slept_in != 0 || (row->awaits_room && change->closed == 0));
}

/*
 * What becomes of a row. A freed seat makes a wave due at the later of now and the
 * last due time + frequency; what was scheduled and found no seat is looked at anew.
 * next_event_at may be early, never late; it stays as it is where it can, for the
 * sake of HOT.
 */
static void
change_row(StateRow *row, const GigChange *change)
{
	GigState   *state = &row->state;
	TimestampTz now = cirro_now();
	int32		before = state->accepted;
	bool		was_asleep = row->slept_in != 0 || row->awaits_room;
	bool		had_wave = row->next_wave_at != NO_TIME && !was_asleep;
	bool		wants_wave;
	TimestampTz wave_at = now;

	if (pg_add_s32_overflow(before, (int32) change->delta, &state->accepted) ||
		pg_add_s32_overflow(state->waiting, (int32) (change->queued - change->unqueued),
							&state->waiting))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("integer out of range")));
	wants_wave = row->automatic && state->accepted < state->target;
	if (!wants_wave || !stays_asleep(row, change))
	{
		row->slept_in = 0;
		row->awaits_room = false;
	}
	else
		had_wave = true;
	if (row->last_due_at != NO_TIME)
		wave_at = Max(now, cirro_add_interval(row->last_due_at, &row->frequency));

	if (!TIMESTAMP_IS_NOEND(change->next_send_at))
		row->next_event_at = earlier(row->next_event_at, change->next_send_at);
	if (change->opened > 0 && state->has_answer_within)
		row->next_event_at = earlier(row->next_event_at, gig_answer_by(now, &state->answer_within));
	if (state->capacity >= 0 &&
		((change->gained > 0 && state->expires_rest && state->accepted >= state->capacity) ||
		 (before >= state->capacity && state->accepted < state->capacity)))
		row->next_event_at = earlier(row->next_event_at, now);
	else if (wants_wave && !had_wave)
		row->next_event_at = earlier(row->next_event_at, wave_at);

	if (!wants_wave)
		row->next_wave_at = NO_TIME;
	else if (!had_wave)
		row->next_wave_at = wave_at;
	if (change->released > 0)
		row->released = (int64) U64FromFullTransactionId(GetTopFullTransactionId());
}

static bool
is_changed(const StateRow *a, const StateRow *b)
{
	return a->state.accepted != b->state.accepted || a->next_wave_at != b->next_wave_at ||
		a->next_event_at != b->next_event_at || a->released != b->released ||
		a->slept_in != b->slept_in || a->awaits_room != b->awaits_room ||
		a->state.waiting != b->state.waiting;
}

/* How rows are written that stay as they are. */
typedef enum WriteMode
{
	WRITE_ALWAYS,
	WRITE_TIMES,				/* if a time to send or to answer was looked at */
	WRITE_CHANGED
} WriteMode;

static bool
has_to_be_written(const StateRow *before, const StateRow *row, const GigChange *change,
				  WriteMode mode)
{
	if (concerns_waiting(change))
		return true;
	switch (mode)
	{
		case WRITE_ALWAYS:
			return true;
		case WRITE_TIMES:
			/* gig_state_finish relies on it. */
			if (!TIMESTAMP_IS_NOEND(change->next_send_at) ||
				(change->opened > 0 && row->state.has_answer_within))
				return true;
			break;
		case WRITE_CHANGED:
			break;
	}
	return is_changed(before, row);
}

static void
set_time(RowWriter *rows, int column, TimestampTz at)
{
	row_writer_set(rows, column, TimestampTzGetDatum(at), at == NO_TIME);
}

static void
set_transaction(RowWriter *rows, int column, int64 transaction)
{
	row_writer_set(rows, column, Int64GetDatum(transaction), transaction == 0);
}

/* Locks the row of a gig and changes it. */
static void
write_row(RowWriter *rows, const GigChange *change, WriteMode mode, StateRow *row)
{
	RowResult	result = row_writer_find(rows, change->gig_id) ? ROW_CHANGED : ROW_GONE;

	while (result == ROW_CHANGED)
	{
		StateRow	before;

		read_row(rows, row);
		before = *row;
		change_row(row, change);
		if (!has_to_be_written(&before, row, change, mode))
		{
			result = row_writer_lock(rows, false, false);
			continue;
		}
		row_writer_set(rows, STATE_ACCEPTED, Int32GetDatum(row->state.accepted), false);
		set_time(rows, STATE_NEXT_WAVE_AT, row->next_wave_at);
		set_time(rows, STATE_NEXT_EVENT_AT, row->next_event_at);
		set_transaction(rows, STATE_RELEASED, row->released);
		set_transaction(rows, STATE_SLEPT_IN, row->slept_in);
		row_writer_set(rows, STATE_AWAITS_ROOM, BoolGetDatum(row->awaits_room), false);
		row_writer_set(rows, STATE_WAITING, Int32GetDatum(row->state.waiting), false);
		result = row_writer_update(rows);
	}
	row->is_there = result == ROW_DONE;
}

/*
 * Locks the rows of the gigs in the order of "changes", changes them, and says in
 * "states" what they are then. False if statements have to.
 */
static bool
write_rows(Oid space, const GigChange *changes, int n, WriteMode mode, StateRow *states)
{
	RowWriter  *rows;

	row_writer_push_snapshot();
	rows = row_writer_begin(space, &state_rows);
	if (rows != NULL)
	{
		for (int i = 0; i < n; i++)
		{
			CHECK_FOR_INTERRUPTS();
			write_row(rows, &changes[i], mode, &states[i]);
		}
		row_writer_end(rows);
	}
	PopActiveSnapshot();
	return rows != NULL;
}

/* The same by statements: all are locked, in one query; then those that change. */
static void
change_rows(Oid space, const GigChange *changes, int n, WriteMode mode, StateRow *states)
{
	QueryArgs	lock = {&lock_states};
	QueryArgs	update = {&change_states};
	int64	   *ids = palloc(n * sizeof(int64));
	int32	   *accepted = palloc(n * sizeof(int32));
	TimestampTz *next_wave_at = palloc(n * sizeof(TimestampTz));
	TimestampTz *next_event_at = palloc(n * sizeof(TimestampTz));
	int64	   *released = palloc(n * sizeof(int64));
	int64	   *slept_in = palloc(n * sizeof(int64));
	bool	   *awaits_room = palloc(n * sizeof(bool));
	int32	   *waiting = palloc(n * sizeof(int32));
	int			nchanged = 0;
	uint64		nlocked;
	uint64		next = 0;

	for (int i = 0; i < n; i++)
		ids[i] = changes[i].gig_id;
	arg_int64_array(&lock, ids, n);
	nlocked = query_run(space, &lock);

	for (int i = 0; i < n; i++)
	{
		StateRow   *row = &states[i];
		StateRow	before;

		row->is_there = false;
		if (next == nlocked)
			continue;
		read_result(next, row);
		row->is_there = row->gig_id == changes[i].gig_id;
		if (!row->is_there)
			continue;
		next++;
		before = *row;
		change_row(row, &changes[i]);
		if (!has_to_be_written(&before, row, &changes[i], mode))
			continue;
		ids[nchanged] = row->gig_id;
		accepted[nchanged] = row->state.accepted;
		next_wave_at[nchanged] = row->next_wave_at;
		next_event_at[nchanged] = row->next_event_at;
		released[nchanged] = row->released;
		slept_in[nchanged] = row->slept_in;
		awaits_room[nchanged] = row->awaits_room;
		waiting[nchanged] = row->state.waiting;
		nchanged++;
	}
	query_free();

	if (nchanged == 0)
		return;
	arg_int64_array(&update, ids, nchanged);
	arg_int32_array(&update, accepted, nchanged);
	arg_timestamptz_array(&update, next_wave_at, nchanged);
	arg_timestamptz_array(&update, next_event_at, nchanged);
	arg_int64_array(&update, released, nchanged);
	arg_timestamptz(&update, NO_TIME);
	arg_int64_array(&update, slept_in, nchanged);
	arg_bool_array(&update, awaits_room, nchanged);
	arg_int32_array(&update, waiting, nchanged);
	query_run(space, &update);
}

/* -------------------------------------------------------------- waiting -- */

/* How many of those who wait there is a seat for: none, once the gig is closed. */
static int64
seats_for_waiting(const GigState *state)
{
	if (state->waiting <= 0 || gig_state_is_full(state) || cirro_gate_now() >= state->closes_at)
		return 0;
	return state->capacity < 0 ? state->waiting :
		Min(state->waiting, state->capacity - state->accepted);
}

static void
leave_to_tick(Oid space, int64 gig_id)
{
	QueryArgs	args = {&look_now};

	arg_int64(&args, gig_id);
	arg_timestamptz(&args, cirro_now());
	query_run(space, &args);
}

/*
 * Once a transaction has written an invitation, writing it again checks its foreign
 * keys, equal or not, and so would wait for who cancels or deletes the gig, or deletes or
 * erases the worker, while gig_state is locked that they wait for. May the invitation
 * that a statement has made waiting, or open, be given a seat, or expire with the rest?
 * Of a statement that has made several, at least their gig is looked at.
 */
static bool
may_write_again(Oid space, const GigChange *change)
{
	QueryArgs	args = {&keep_keys};

	if (change->queued == 0 && change->opened == 0)
		return true;
	arg_int64(&args, change->gig_id);
	arg_int64(&args, change->worker_id);
	return query_run(space, &args) > 0;
}

/*
 * Those whose rows are locked go back to their place: the tick comes for them. So it
 * does for those whom a trigger of the Space's owner keeps from their seats.
 */
void
gig_state_seat(Oid space, int64 gig_id, GigState *state)
{
	WaitingPlace place = WAITING_NOBODY;
	int64		seats = seats_for_waiting(state);

	if (seats == 0)
		return;
	while (seats > 0 && waiting_seat(space, gig_id, seats, &place) > 0)
	{
		CHECK_FOR_INTERRUPTS();
		/* It is locked: this reads what was counted. */
		if (!gig_state_lock(space, gig_id, state))
			return;
		seats = seats_for_waiting(state);
	}
	if (seats > 0 && waiting_any(space, gig_id))
		leave_to_tick(space, gig_id);
}

/* May seats be free for those who wait, after a change, that were not before? */
static bool
may_free_seats(const GigChange *change)
{
	return change->delta < 0 || concerns_waiting(change);
}

/* --------------------------------------------------------------- apply -- */

/* None of "changes" leaves the state as it is for certain. */
static void
apply(Oid space, const GigChange *changes, int n, WriteMode mode)
{
	StateRow   *states = palloc(n * sizeof(StateRow));
	int64	   *full = palloc(n * sizeof(int64));
	int64	   *filled = palloc(n * sizeof(int64));
	int64	   *reopened = palloc(n * sizeof(int64));
	int			nfull = 0;
	int			nfilled = 0;
	int			nreopened = 0;

	if (!write_rows(space, changes, n, mode, states))
		change_rows(space, changes, n, mode, states);

	for (int i = 0; i < n; i++)
	{
		const GigChange *change = &changes[i];
		GigState   *state = &states[i].state;
		bool		filled_before;
		bool		filled_now;
		int32		accepted;

		if (!states[i].is_there)
		{
			check_absence(space, change);
			continue;
		}
		if (waiting_is_seating(change->gig_id))
		{
			/* Whoever gives the seats settles all else. */
			if (state->capacity >= 0 && state->accepted > state->capacity)
				gig_state_refuse_filled(space, change->gig_id, state);
			continue;
		}
		check_change(space, change, state);
		filled_before = is_filled(state, state->accepted - change->delta);
		accepted = state->accepted;
		if (may_free_seats(change) && seats_for_waiting(state) > 0)
		{
			if (change->queued == 0 || may_write_again(space, change))
				gig_state_seat(space, change->gig_id, state);
			else
				leave_to_tick(space, change->gig_id);
		}
		filled_now = is_filled(state, state->accepted);
		if (tells_seats(state->closes_at, filled_before, filled_now))
		{
			if (filled_now)
				filled[nfilled++] = change->gig_id;
			else
				reopened[nreopened++] = change->gig_id;
		}
		if ((change->gained > 0 || state->accepted > accepted) &&
			state->expires_rest && gig_state_is_full(state) &&
			(state->accepted == accepted || change->opened == 0 ||
			 may_write_again(space, change)))
			full[nfull++] = change->gig_id;
	}
	event_of_gigs(space, filled, nfilled, "gig.filled");
	event_of_gigs(space, reopened, nreopened, "gig.reopened");
	for (int i = 0; i < nfull; i++)
		gig_state_expire_rest(space, full[i]);
}

/*
 * A worker said no, or what was pending is not any more: that changes nothing, if it
 * came in time, unless the gig sleeps until there is room. It is asked by what is
 * committed now, when the invitation is locked: a wave that is about to put the gig to
 * sleep does not count it, or has locked it first and is over (wave_has_no_room).
 */
static bool
is_awaited(Oid space, const GigChange *change)
{
	GigState	state;
	bool		awaits_room;

	if ((change->answered == 0 && change->closed == 0) ||
		!read_unlocked(space, change->gig_id, true, &state, &awaits_room))
		return false;
	check_change(space, change, &state);
	return change->closed > 0 && awaits_room;
}

void
gig_state_apply(Oid space, const GigChange *changes, size_t n, bool is_written_later)
{
	/* So many at a time that their arrays stay small. */
	const int	most = 10000;
	MemoryContext scratch;
	GigChange  *many;
	int			nmany = 0;

	many = palloc(Min(n, most) * sizeof(GigChange));
	scratch = AllocSetContextCreate(CurrentMemoryContext, "cirro gig states",
									ALLOCSET_DEFAULT_SIZES);
	for (size_t i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!leaves_state(&changes[i]) || is_awaited(space, &changes[i]))
			many[nmany++] = changes[i];
		if (nmany == most || (i == n - 1 && nmany > 0))
		{
			MemoryContext old = MemoryContextSwitchTo(scratch);

			apply(space, many, nmany, is_written_later ? WRITE_CHANGED :
				  n == 1 ? WRITE_ALWAYS : WRITE_TIMES);
			MemoryContextSwitchTo(old);
			MemoryContextReset(scratch);
			nmany = 0;
		}
	}
	MemoryContextDelete(scratch);
	pfree(many);
}

/* --------------------------------------------------------------- a turn -- */

/* What is open of a gig: when the first is sent and the first has to be answered. */
typedef struct OpenInvitations
{
	bool		any;
	TimestampTz next_send;		/* NO_TIME: none */
	TimestampTz next_deadline;
} OpenInvitations;

static bool
is_over(const GigState *state, TimestampTz now)
{
	return state->closes_at <= now || (state->expires_rest && gig_state_is_full(state));
}

/*
 * Whoever has scheduled an invitation meanwhile has either been seen by this, or will
 * lower next_event_at after it: gig_state is locked.
 */
static void
read_open(Oid space, const StateRow *row, OpenInvitations *open)
{
	QueryArgs	args = {&open_query};
	ResultRow	result;

	arg_int64(&args, row->gig_id);
	arg_interval(&args, row->state.has_answer_within ? &row->state.answer_within : NULL);
	query_run(space, &args);
	result = result_row(0);
	open->any = result_bool(&result);
	open->next_send = time_or_none(&result);
	open->next_deadline = time_or_none(&result);
	result_end(&result);
	query_free();
}

/*
 * Seats that were free when those who wait were locked. What that fills is settled
 * here: the tick has no statement that would.
 */
static bool
seat_waiting(Oid space, StateRow *row)
{
	int64		gig_id = row->gig_id;
	int32		accepted = row->state.accepted;
	bool		was_filled = gig_state_is_filled(&row->state);
	const GigState *state = &row->state;

	if (seats_for_waiting(state) == 0)
		return true;
	gig_state_seat(space, gig_id, &row->state);
	if (!lock_row(space, gig_id, row))
		return false;
	gig_state_tell_seats(space, gig_id, state->closes_at, was_filled, gig_state_is_filled(state));
	if (state->accepted > accepted && state->expires_rest && gig_state_is_full(state))
		gig_state_expire_rest(space, gig_id);
	return true;
}

/* Does somebody wait whose time is over, or beside a seat that is free? */
static bool
is_waited_for(Oid space, const StateRow *row, TimestampTz now)
{
	if (row->state.waiting <= 0)
		return false;
	return row->state.closes_at <= now ||
		(seats_for_waiting(&row->state) > 0 && waiting_any(space, row->gig_id));
}

/* When the tick has to look at the gig again; NO_TIME: never. */
static TimestampTz
next_event(Oid space, const StateRow *row, const GigTurnEnd *end, const OpenInvitations *open)
{
	const GigState *state = &row->state;
	TimestampTz next = NO_TIME;
	bool		has_wave = row->next_wave_at != NO_TIME;

	if (end->retry_at != NO_TIME)
		return has_wave && row->next_wave_at > end->now ?
			Min(end->retry_at, row->next_wave_at) : end->retry_at;
	if (has_wave && row->next_wave_at < state->closes_at && state->closes_at > end->now)
		next = row->next_wave_at;
	if ((open->any && is_over(state, end->now)) || is_waited_for(space, row, end->now))
		next = earlier(next, end->now);
	if (open->next_send != NO_TIME && !gig_state_is_full(state))
		next = earlier(next, open->next_send);
	if (open->next_deadline != NO_TIME)
		next = earlier(next, open->next_deadline);
	if (end->announced < 1)
		next = earlier(next, row->starts_at);
	if (end->announced < 2 || state->closes_at > end->now)
		next = earlier(next, state->closes_at);
	if (end->announced < 3 && row->archives_at != NO_TIME)
		next = earlier(next, row->archives_at);
	return next;
}

/* What was searched by a filter that depends on time is void once it is another. */
static int64
searched_on(Oid space, const GigTurnEnd *end)
{
	return gig_state_place(space) ^ (int64) end->bound_hash;
}

/* Writes the row, which is locked. False if a statement has to. */
static bool
write_end(Oid space, const StateRow *row, const GigTurnEnd *end)
{
	RowWriter  *rows;

	row_writer_push_snapshot();
	rows = row_writer_begin(space, &state_rows);
	if (rows != NULL)
	{
		if (row_writer_find(rows, row->gig_id))
		{
			if (end->waved)
				set_time(rows, STATE_LAST_DUE_AT, end->due);
			if (end->ran)
				set_time(rows, STATE_LAST_WAVE_AT, end->now);
			set_time(rows, STATE_NEXT_WAVE_AT, row->next_wave_at);
			set_time(rows, STATE_NEXT_EVENT_AT, row->next_event_at);
			row_writer_set(rows, STATE_WAVES, Int32GetDatum(end->waves), false);
			row_writer_set(rows, STATE_FAILURES, Int32GetDatum(end->failures), false);
			row_writer_set(rows, STATE_ANNOUNCED, Int16GetDatum(end->announced), false);
			row_writer_set(rows, STATE_EXHAUSTED, BoolGetDatum(end->exhausted), false);
			set_transaction(rows, STATE_RELEASED, row->released);
			set_transaction(rows, STATE_SLEPT_IN, row->slept_in);
			row_writer_set(rows, STATE_AWAITS_ROOM, BoolGetDatum(row->awaits_room), false);
			if (FullTransactionIdIsValid(end->searched))
			{
				int64		searched = (int64) U64FromFullTransactionId(end->searched);

				row_writer_set(rows, STATE_SEARCHED, Int64GetDatum(searched), false);
				row_writer_set(rows, STATE_SEARCHED_ON, Int64GetDatum(searched_on(space, end)),
							   false);
			}
			if (row_writer_update(rows) == ROW_CHANGED)
				elog(ERROR, "gig_state of gig " INT64_FORMAT " was changed under its lock",
					 row->gig_id);
		}
		row_writer_end(rows);
	}
	PopActiveSnapshot();
	return rows != NULL;
}

static void
arg_time(QueryArgs *args, TimestampTz at)
{
	if (at == NO_TIME)
		arg_null(args);
	else
		arg_timestamptz(args, at);
}

static void
update_end(Oid space, const StateRow *row, const GigTurnEnd *end)
{
	QueryArgs	args = {&finish_state};

	arg_int64(&args, row->gig_id);
	arg_time(&args, end->waved ? end->due : NO_TIME);
	arg_time(&args, end->ran ? end->now : NO_TIME);
	arg_time(&args, row->next_wave_at);
	arg_time(&args, row->next_event_at);
	arg_int32(&args, end->waves);
	arg_int32(&args, end->failures);
	arg_int32(&args, end->announced);
	arg_bool(&args, end->exhausted);
	if (row->released == 0)
		arg_null(&args);
	else
		arg_int64(&args, row->released);
	arg_transaction(&args, end->searched);
	if (FullTransactionIdIsValid(end->searched))
		arg_int64(&args, searched_on(space, end));
	else
		arg_null(&args);
	if (row->slept_in == 0)
		arg_null(&args);
	else
		arg_int64(&args, row->slept_in);
	arg_bool(&args, row->awaits_room);
	query_run(space, &args);
}

/*
 * Decides about sleep, when gig_state is locked: whoever changes a worker without
 * having been seen by the search is noticed by a look that sees this transaction
 * (wave/look.c), whoever lets somebody be invited again waits for the lock.
 */
static void
plan_wave(StateRow *row, const GigTurnEnd *end)
{
	bool		was_asleep = row->slept_in != 0 || row->awaits_room;
	bool		wants_wave = row->automatic && row->state.accepted < row->state.target;
	bool		is_open = row->state.closes_at > end->now;

	if (!wants_wave)
		row->next_wave_at = NO_TIME;
	else if (end->waved)
		row->next_wave_at = end->next_due;
	else if (was_asleep && !is_open)
		row->next_wave_at = end->now;

	if (end->waved || !wants_wave || !is_open)
	{
		row->slept_in = 0;
		row->awaits_room = false;
	}
	if (!end->waved || !wants_wave || !is_open)
		return;
	if (end->nobody_left && FullTransactionIdIsValid(end->searched) &&
		(uint64) row->released < U64FromFullTransactionId(end->searched))
		row->slept_in = (int64) U64FromFullTransactionId(GetTopFullTransactionId());
	row->awaits_room = end->awaits_room;
	if (row->awaits_room)
		row->next_wave_at = NO_TIME;
	else if (row->slept_in != 0)
		row->next_wave_at = end->changes_at == NO_TIME ? NO_TIME :
			Max(end->changes_at, end->next_due);
}

void
gig_state_finish(Oid space, int64 gig_id, const GigTurnEnd *end)
{
	StateRow	row;
	OpenInvitations open = {true, end->next_send, NO_TIME};

	if (!lock_row(space, gig_id, &row) ||
		(end->retry_at == NO_TIME && !seat_waiting(space, &row)))
		return;
	/* What was released later than that was not released here. */
	if ((uint64) row.released >= U64FromFullTransactionId(ReadNextFullTransactionId()))
		row.released = 0;
	plan_wave(&row, end);

	/* Nobody who schedules leaves the row as it was. */
	if (!end->knows_sends || row.state.has_answer_within || is_over(&row.state, end->now) ||
		!ItemPointerIsValid(&row.version.place) ||
		!ItemPointerEquals(&row.version.place, (ItemPointer) &end->version.place) ||
		row.version.xmin != end->version.xmin)
		read_open(space, &row, &open);
	row.next_event_at = next_event(space, &row, end, &open);
	if (!write_end(space, &row, end))
		update_end(space, &row, end);
}
