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
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "cirro.h"
#include "gig/state.h"
#include "space/plan_cache.h"

static const CirroQuery read_state = {
	"SELECT accepted::int, capacity::int, expires_rest::bool, closes_at::timestamptz, "
	"  answer_within::interval "
	"FROM gig_state WHERE gig_id = $1",
	1, {INT8OID}, PLAN_BY_KEY
};

/*
 * What becomes of a row of which "delta" seats are taken, where "opened" tells
 * whether invitations were opened and "gained" whether seats were, "send" is
 * the next send or NULL, "freed" whether waves may invite someone again, "now" the
 * time. A freed seat makes a wave due at the
 * later of now and the last due time + frequency. next_event_at may be early,
 * never late; it stays as it is where it can, for the sake of HOT.
 */
#define CHANGED(delta, now, send, opened, gained, freed) \
	"  accepted = accepted + " delta ", " \
	"  next_wave_at = CASE " \
	"    WHEN NOT auto OR accepted + " delta " >= target THEN NULL " \
	"    WHEN next_wave_at IS NOT NULL THEN next_wave_at " \
	"    ELSE greatest(" now ", cirro.add_interval(last_due_at, frequency)) END, " \
	"  next_event_at = least(next_event_at, " send ", " \
	"    CASE WHEN " opened " THEN cirro.add_interval(" now ", answer_within) END, " \
	"    CASE " \
	"      WHEN " gained " AND expires_rest AND accepted + " delta " >= capacity THEN " now " " \
	"      WHEN auto AND accepted + " delta " < target AND next_wave_at IS NULL " \
	"      THEN greatest(" now ", cirro.add_interval(last_due_at, frequency)) END), " \
	"  released = CASE WHEN " freed " THEN pg_catalog.pg_current_xact_id() ELSE released END "

static const CirroQuery change_state = {
	"UPDATE gig_state SET " CHANGED("$2", "$3", "$4", "$5", "$6", "$7")
	"WHERE gig_id = $1 "
	"RETURNING accepted::int, capacity::int, expires_rest::bool, closes_at::timestamptz, "
	"  answer_within::interval",
	7, {INT8OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, BOOLOID, BOOLOID}, PLAN_BY_KEY
};

static const CirroQuery lock_states = {
	"SELECT accepted::int, capacity::int, expires_rest::bool, closes_at::timestamptz, "
	"  answer_within::interval, gig_id::bigint, "
	"  (next_wave_at IS NULL) = (auto AND accepted < target) "
	"FROM gig_state WHERE gig_id = ANY ($1) ORDER BY gig_id FOR NO KEY UPDATE",
	1, {INT8ARRAYOID}, PLAN_BY_KEY
};

/* Of rows that are locked: it waits for none, and so may join. */
static const CirroQuery change_states = {
	"UPDATE gig_state SET "
	CHANGED("u.delta", "$3", "nullif(u.send, 'infinity')", "u.opened", "u.gained", "u.freed")
	"FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($4), "
	"  pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7)) "
	"  u (id, delta, send, opened, gained, freed) "
	"WHERE gig_id = u.id",
	7, {INT8ARRAYOID, INT4ARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZARRAYOID, BOOLARRAYOID,
	BOOLARRAYOID, BOOLARRAYOID}, PLAN_BY_KEY
};

/*
 * Whose time to answer had passed before has expired by that, tick or no tick;
 * a wave would invite the others again.
 */
static const CirroQuery expire_rest = {
	"UPDATE invitation SET status = 'expired', reason = CASE "
	"    WHEN status = 'pending' AND cirro.add_interval(invited_at, "
	"        (SELECT answer_within::interval FROM gig_state WHERE gig_id = $1)) "
	"      <= (SELECT least($3, closes_at::timestamptz) FROM gig_state WHERE gig_id = $1) "
	"    THEN '" GIG_NO_ANSWER "' ELSE $2 END "
	"WHERE id IN ("
	"  SELECT id FROM invitation "
	"  WHERE gig_id = $1 AND status IN ('pending', 'scheduled') "
	"  ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)",
	3, {INT8OID, TEXTOID, TIMESTAMPTZOID}, PLAN_BY_KEY
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
state_from_result(uint64 row, GigState *state)
{
	bool		isnull;
	Datum		value;

	state->accepted = DatumGetInt32(cirro_result(row, 1, &isnull));
	value = cirro_result(row, 2, &isnull);
	state->capacity = isnull ? -1 : DatumGetInt32(value);
	state->expires_rest = DatumGetBool(cirro_result(row, 3, &isnull));
	state->closes_at = DatumGetTimestampTz(cirro_result(row, 4, &isnull));
	value = cirro_result(row, 5, &isnull);
	state->has_answer_within = !isnull;
	if (!isnull)
		state->answer_within = *DatumGetIntervalP(value);
}

bool
gig_state_read(Oid space, int64 gig_id, GigState *state)
{
	Datum		value = Int64GetDatum(gig_id);

	if (cirro_execute(space, &read_state, &value, NULL) == 0)
		return false;
	state_from_result(0, state);
	return true;
}

bool
gig_state_is_full(const GigState *state)
{
	return state->capacity >= 0 && state->accepted >= state->capacity;
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
gig_state_expire_rest(Oid space, int64 gig_id, const char *reason)
{
	Datum		values[3];

	values[0] = Int64GetDatum(gig_id);
	values[1] = CStringGetTextDatum(reason);
	values[2] = TimestampTzGetDatum(cirro_now());
	cirro_execute(space, &expire_rest, values, NULL);
}

/* Refuses what came too late for the gig's seats or its time. */
static void
check_change(Oid space, const GigChange *change, const GigState *state)
{
	/* The wall clock: the lock may have been long in coming. */
	TimestampTz now = cirro_gate_now();
	bool		closed = now >= state->closes_at;
	bool		lapsed = change->answered > 0 && state->has_answer_within &&
		cirro_add_interval(change->oldest_answered, &state->answer_within) <= now;

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

	if (change->answered > 0 &&
		(closed || lapsed ||
		 (change->gained == 0 && state->expires_rest && gig_state_is_full(state))))
		ereport(ERROR,
				(errcode(ERRCODE_CIRRO_NO_LONGER_PENDING),
				 errmsg("an invitation to gig %lld is no longer pending",
						(long long) change->gig_id),
				 closed ? errdetail("The gig ended at %s.", timestamptz_to_str(state->closes_at))
				 : lapsed ? errdetail("The time to answer has passed.")
				 : errdetail("The seats are filled."),
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
	if (change->gained == 0 && change->opened == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("gig %lld has no row in gig_state", (long long) change->gig_id),
			 errdetail("The triggers of the gig were disabled, or its state was not restored."),
			 errhint("Call rebuild_state() in the Space."),
			 errinvitation(space, "gig_id")));
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
	GigState	state;
	Datum		values[7];
	char		nulls[] = "       ";

	if (leaves_state(change))
	{
		/* A worker said no: that changes nothing, if it came in time. */
		if (change->answered > 0 &&
			gig_state_read(space, change->gig_id, &state))
			check_change(space, change, &state);
		return;
	}

	values[0] = Int64GetDatum(change->gig_id);
	values[1] = Int32GetDatum((int32) change->delta);
	values[2] = TimestampTzGetDatum(cirro_now());
	values[3] = TimestampTzGetDatum(change->next_send_at);
	if (TIMESTAMP_IS_NOEND(change->next_send_at))
		nulls[3] = 'n';
	values[4] = BoolGetDatum(change->opened > 0);
	values[5] = BoolGetDatum(change->gained > 0);
	values[6] = BoolGetDatum(change->released > 0);

	if (cirro_execute(space, &change_state, values, nulls) == 0)
	{
		check_absence(space, change);
		return;
	}
	state_from_result(0, &state);
	check_change(space, change, &state);

	if (change->gained > 0 && state.expires_rest && gig_state_is_full(&state))
		gig_state_expire_rest(space, change->gig_id, GIG_SEATS_FILLED);
}

static Datum
array_of(Datum *elements, int n, Oid type, int16 len, char align)
{
	return PointerGetDatum(construct_array(elements, n, type, len, true, align));
}

/*
 * Many gigs: all are locked, in one query, then looked at; those that do not
 * stay as they are are changed, in another. None of "changes" leaves the state
 * as it is for certain.
 */
static void
apply_many(Oid space, const GigChange *changes, int n)
{
	Datum	   *ids = palloc(n * sizeof(Datum));
	Datum	   *deltas = palloc(n * sizeof(Datum));
	Datum	   *sends = palloc(n * sizeof(Datum));
	Datum	   *opened = palloc(n * sizeof(Datum));
	Datum	   *gained = palloc(n * sizeof(Datum));
	Datum	   *released = palloc(n * sizeof(Datum));
	int64	   *filled = palloc(n * sizeof(int64));
	int			nfilled = 0;
	int			nchanged = 0;
	uint64		nlocked;
	uint64		row = 0;
	Datum		values[7];

	for (int i = 0; i < n; i++)
		ids[i] = Int64GetDatum(changes[i].gig_id);
	values[0] = array_of(ids, n, INT8OID, sizeof(int64), TYPALIGN_DOUBLE);
	nlocked = cirro_execute(space, &lock_states, values, NULL);

	for (int i = 0; i < n; i++)
	{
		const GigChange *change = &changes[i];
		GigState	state;
		bool		wave_is_off;
		bool		isnull;

		if (row == nlocked ||
			DatumGetInt64(cirro_result(row, 6, &isnull)) != change->gig_id)
		{
			check_absence(space, change);
			continue;
		}
		wave_is_off = DatumGetBool(cirro_result(row, 7, &isnull));
		state_from_result(row++, &state);
		state.accepted += (int32) change->delta;
		check_change(space, change, &state);

		if (change->gained > 0 && state.expires_rest && gig_state_is_full(&state))
			filled[nfilled++] = change->gig_id;
		if (change->delta == 0 && change->gained == 0 && change->released == 0 && !wave_is_off &&
			TIMESTAMP_IS_NOEND(change->next_send_at) &&
			!(change->opened > 0 && state.has_answer_within))
			continue;
		ids[nchanged] = Int64GetDatum(change->gig_id);
		deltas[nchanged] = Int32GetDatum((int32) change->delta);
		sends[nchanged] = TimestampTzGetDatum(change->next_send_at);
		opened[nchanged] = BoolGetDatum(change->opened > 0);
		gained[nchanged] = BoolGetDatum(change->gained > 0);
		released[nchanged] = BoolGetDatum(change->released > 0);
		nchanged++;
	}

	if (nchanged > 0)
	{
		values[0] = array_of(ids, nchanged, INT8OID, sizeof(int64), TYPALIGN_DOUBLE);
		values[1] = array_of(deltas, nchanged, INT4OID, sizeof(int32), TYPALIGN_INT);
		values[2] = TimestampTzGetDatum(cirro_now());
		values[3] = array_of(sends, nchanged, TIMESTAMPTZOID, sizeof(TimestampTz), TYPALIGN_DOUBLE);
		values[4] = array_of(opened, nchanged, BOOLOID, sizeof(bool), TYPALIGN_CHAR);
		values[5] = array_of(gained, nchanged, BOOLOID, sizeof(bool), TYPALIGN_CHAR);
		values[6] = array_of(released, nchanged, BOOLOID, sizeof(bool), TYPALIGN_CHAR);
		cirro_execute(space, &change_states, values, NULL);
	}
	for (int i = 0; i < nfilled; i++)
		gig_state_expire_rest(space, filled[i], GIG_SEATS_FILLED);
}

void
gig_state_apply(Oid space, const GigChange *changes, size_t n)
{
	/* So many at a time that their arrays stay small. */
	const int	most = 10000;
	GigChange  *many;
	int			nmany = 0;

	if (n == 1)
	{
		apply_one(space, changes);
		return;
	}

	many = palloc(Min(n, most) * sizeof(GigChange));
	for (size_t i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (leaves_state(&changes[i]))
			apply_one(space, &changes[i]);
		else
			many[nmany++] = changes[i];
		if (nmany == most || (i == n - 1 && nmany > 0))
		{
			apply_many(space, many, nmany);
			nmany = 0;
		}
	}
	pfree(many);
}
