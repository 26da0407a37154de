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

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "cirro.h"
#include "gig/event.h"
#include "gig/state.h"
#include "space/query.h"

PG_FUNCTION_INFO_V1(cirro_answer_by);

/* As read_columns reads them. */
#define STATE_COLUMNS \
	"s.accepted::int, s.target::int, s.capacity::int, s.expires_rest::bool, " \
	"s.closes_at::timestamptz, s.answer_within::interval"

static const SpaceQuery read_state = {
	"SELECT " STATE_COLUMNS " FROM gig_state s WHERE s.gig_id = $1",
	1, {INT8OID}, PLAN_BY_KEY
};

static const SpaceQuery lock_state = {
	"SELECT " STATE_COLUMNS " FROM gig_state s WHERE s.gig_id = $1 FOR NO KEY UPDATE",
	1, {INT8OID}, PLAN_BY_KEY
};

/*
 * What becomes of a row of which "delta" seats are taken, where "opened" tells
 * whether invitations were opened and "gained" whether seats were, "send" is
 * the next send or NULL, "freed" whether waves may invite someone again, "now" the
 * time. A freed seat makes a wave due at the later of now and the last due time +
 * frequency; what was scheduled and found no seat is looked at anew.
 * next_event_at may be early, never late; it stays as it is where it can, for the
 * sake of HOT.
 */
#define CHANGED(delta, now, send, opened, gained, freed) \
	"  accepted = s.accepted + " delta ", " \
	"  next_wave_at = CASE " \
	"    WHEN NOT s.auto OR s.accepted + " delta " >= s.target THEN NULL " \
	"    WHEN s.next_wave_at IS NOT NULL THEN s.next_wave_at " \
	"    ELSE greatest(" now ", cirro.add_interval(s.last_due_at, s.frequency)) END, " \
	"  next_event_at = least(s.next_event_at, " send ", " \
	"    CASE WHEN " opened " THEN cirro.answer_by(" now ", s.answer_within) END, " \
	"    CASE " \
	"      WHEN " gained " AND s.expires_rest AND s.accepted + " delta " >= s.capacity THEN " now " " \
	"      WHEN s.accepted >= s.capacity AND s.accepted + " delta " < s.capacity THEN " now " " \
	"      WHEN s.auto AND s.accepted + " delta " < s.target AND s.next_wave_at IS NULL " \
	"      THEN greatest(" now ", cirro.add_interval(s.last_due_at, s.frequency)) END), " \
	"  released = CASE WHEN " freed " THEN " THIS_TRANSACTION " ELSE s.released END "

static const SpaceQuery change_state = {
	"UPDATE gig_state s SET " CHANGED("$2", "$3", "$4", "$5", "$6", "$7")
	"WHERE s.gig_id = $1 "
	"RETURNING " STATE_COLUMNS,
	7, {INT8OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, BOOLOID, BOOLOID}, PLAN_BY_KEY
};

static const SpaceQuery lock_states = {
	"SELECT " STATE_COLUMNS ", s.gig_id::bigint, "
	"  (s.next_wave_at IS NULL) = (s.auto AND s.accepted < s.target) "
	"FROM gig_state s WHERE s.gig_id = ANY ($1) ORDER BY s.gig_id FOR NO KEY UPDATE",
	1, {INT8ARRAYOID}, PLAN_BY_KEY
};

/* Of rows that are locked: it waits for none, and so may join. */
static const SpaceQuery change_states = {
	"UPDATE gig_state s SET "
	CHANGED("u.delta", "$3", "nullif(u.send, 'infinity')", "u.opened", "u.gained", "u.freed")
	"FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($4), "
	"  pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7)) "
	"  u (id, delta, send, opened, gained, freed) "
	"WHERE s.gig_id = u.id",
	7, {INT8ARRAYOID, INT4ARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZARRAYOID, BOOLARRAYOID,
	BOOLARRAYOID, BOOLARRAYOID}, PLAN_BY_KEY
};

/* For the reason that is true of each; a wave would invite some again. */
static const SpaceQuery expire_rest = {
	"UPDATE invitation i SET status = 'expired', reason = cirro.expired_reason(i.status, i.invited_at, "
	"    (SELECT s.closes_at::timestamptz FROM gig_state s WHERE s.gig_id = $1), "
	"    (SELECT s.answer_within::interval FROM gig_state s WHERE s.gig_id = $1), true) "
	"WHERE i.id = ANY (ARRAY("
	"  SELECT l.id FROM invitation l "
	"  WHERE l.gig_id = $1 AND l.status IN ('pending', 'scheduled') "
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
		MATCHING_VERSION, GetSystemIdentifier(), MyDatabaseId, get_relname_relid("worker", space)
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
}

/* Runs a query for the row of one gig. */
static bool
read_one(Oid space, const SpaceQuery *query, int64 gig_id, GigState *state)
{
	QueryArgs	args = {query};
	ResultRow	row;
	bool		found;

	arg_int64(&args, gig_id);
	found = query_run(space, &args) > 0;
	if (found)
	{
		row = result_row(0);
		read_columns(&row, state);
		result_end(&row);
	}
	query_free();
	return found;
}

bool
gig_state_read(Oid space, int64 gig_id, GigState *state)
{
	return read_one(space, &read_state, gig_id, state);
}

bool
gig_state_lock(Oid space, int64 gig_id, GigState *state)
{
	return read_one(space, &lock_state, gig_id, state);
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

/* Are as many accepted as a gig wants, where it takes no more or has no limit? */
static bool
is_filled(const GigState *state, int64 accepted)
{
	return accepted >= (state->capacity >= 0 ? state->capacity : state->target);
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

	if (closed && (change->gained > 0 || change->opened > 0 || change->left > 0))
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
	if (change->gained == 0 && change->opened == 0 && change->left == 0)
		return;
	gig_state_refuse_missing(space, change->gig_id);
}

static bool
leaves_state(const GigChange *change)
{
	return change->delta == 0 && change->gained == 0 && change->opened == 0 &&
		change->released == 0;
}

static void
apply_one(Oid space, const GigChange *change)
{
	QueryArgs	args = {&change_state};
	ResultRow	row;
	GigState	state;

	if (leaves_state(change))
	{
		/* A worker said no: that changes nothing, if it came in time. */
		if (change->answered > 0 &&
			gig_state_read(space, change->gig_id, &state))
			check_change(space, change, &state);
		return;
	}

	arg_int64(&args, change->gig_id);
	arg_int32(&args, (int32) change->delta);
	arg_timestamptz(&args, cirro_now());
	if (TIMESTAMP_IS_NOEND(change->next_send_at))
		arg_null(&args);
	else
		arg_timestamptz(&args, change->next_send_at);
	arg_bool(&args, change->opened > 0);
	arg_bool(&args, change->gained > 0);
	arg_bool(&args, change->released > 0);

	if (query_run(space, &args) == 0)
	{
		query_free();
		check_absence(space, change);
		return;
	}
	row = result_row(0);
	read_columns(&row, &state);
	result_end(&row);
	query_free();
	check_change(space, change, &state);

	gig_state_tell_seats(space, change->gig_id, state.closes_at,
						 is_filled(&state, state.accepted - change->delta),
						 is_filled(&state, state.accepted));
	if (change->gained > 0 && state.expires_rest && gig_state_is_full(&state))
		gig_state_expire_rest(space, change->gig_id);
}

/*
 * Many gigs: all are locked, in one query, then looked at; those that do not
 * stay as they are are changed, in another. None of "changes" leaves the state
 * as it is for certain.
 */
static void
apply_many(Oid space, const GigChange *changes, int n)
{
	QueryArgs	lock = {&lock_states};
	QueryArgs	update = {&change_states};
	int64	   *ids = palloc(n * sizeof(int64));
	int32	   *deltas = palloc(n * sizeof(int32));
	TimestampTz *sends = palloc(n * sizeof(TimestampTz));
	bool	   *opened = palloc(n * sizeof(bool));
	bool	   *gained = palloc(n * sizeof(bool));
	bool	   *released = palloc(n * sizeof(bool));
	int64	   *full = palloc(n * sizeof(int64));
	int64	   *filled = palloc(n * sizeof(int64));
	int64	   *reopened = palloc(n * sizeof(int64));
	int			nfull = 0;
	int			nfilled = 0;
	int			nreopened = 0;
	int			nchanged = 0;
	uint64		nlocked;
	uint64		next = 0;

	for (int i = 0; i < n; i++)
		ids[i] = changes[i].gig_id;
	arg_int64_array(&lock, ids, n);
	nlocked = query_run(space, &lock);

	for (int i = 0; i < n; i++)
	{
		const GigChange *change = &changes[i];
		GigState	state;
		ResultRow	row;
		int64		locked_id = -1;
		bool		wave_is_off = false;
		bool		filled_before;
		bool		filled_now;

		if (next < nlocked)
		{
			row = result_row(next);
			read_columns(&row, &state);
			locked_id = result_int64(&row);
			wave_is_off = result_bool(&row);
			result_end(&row);
		}
		if (next == nlocked || locked_id != change->gig_id)
		{
			check_absence(space, change);
			continue;
		}
		next++;
		state.accepted += (int32) change->delta;
		check_change(space, change, &state);

		filled_before = is_filled(&state, state.accepted - change->delta);
		filled_now = is_filled(&state, state.accepted);
		if (tells_seats(state.closes_at, filled_before, filled_now))
		{
			if (filled_now)
				filled[nfilled++] = change->gig_id;
			else
				reopened[nreopened++] = change->gig_id;
		}
		if (change->gained > 0 && state.expires_rest && gig_state_is_full(&state))
			full[nfull++] = change->gig_id;
		if (change->delta == 0 && change->gained == 0 && change->released == 0 && !wave_is_off &&
			TIMESTAMP_IS_NOEND(change->next_send_at) &&
			!(change->opened > 0 && state.has_answer_within))
			continue;
		ids[nchanged] = change->gig_id;
		deltas[nchanged] = (int32) change->delta;
		sends[nchanged] = change->next_send_at;
		opened[nchanged] = change->opened > 0;
		gained[nchanged] = change->gained > 0;
		released[nchanged] = change->released > 0;
		nchanged++;
	}
	query_free();

	if (nchanged > 0)
	{
		arg_int64_array(&update, ids, nchanged);
		arg_int32_array(&update, deltas, nchanged);
		arg_timestamptz(&update, cirro_now());
		arg_timestamptz_array(&update, sends, nchanged);
		arg_bool_array(&update, opened, nchanged);
		arg_bool_array(&update, gained, nchanged);
		arg_bool_array(&update, released, nchanged);
		query_run(space, &update);
	}
	event_of_gigs(space, filled, nfilled, "gig.filled");
	event_of_gigs(space, reopened, nreopened, "gig.reopened");
	for (int i = 0; i < nfull; i++)
		gig_state_expire_rest(space, full[i]);
}

void
gig_state_apply(Oid space, const GigChange *changes, size_t n)
{
	/* So many at a time that their arrays stay small. */
	const int	most = 10000;
	MemoryContext scratch;
	GigChange  *many;
	int			nmany = 0;

	if (n == 1)
	{
		apply_one(space, changes);
		return;
	}

	many = palloc(Min(n, most) * sizeof(GigChange));
	scratch = AllocSetContextCreate(CurrentMemoryContext, "cirro gig states",
									ALLOCSET_DEFAULT_SIZES);
	for (size_t i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (leaves_state(&changes[i]))
			apply_one(space, &changes[i]);
		else
			many[nmany++] = changes[i];
		if (nmany == most || (i == n - 1 && nmany > 0))
		{
			MemoryContext old = MemoryContextSwitchTo(scratch);

			apply_many(space, many, nmany);
			MemoryContextSwitchTo(old);
			MemoryContextReset(scratch);
			nmany = 0;
		}
	}
	MemoryContextDelete(scratch);
	pfree(many);
}
