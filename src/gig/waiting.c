/*-------------------------------------------------------------------------
 * src/gig/waiting.c
 *
 * Those who wait for a seat: in which order they get one, and where in the queue
 * each is. Must not decide whether a seat is free, nor what a gig has come to
 * (gig/state.c), and must not wait for a lock: gig_state is held.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "gig/waiting.h"
#include "isolate.h"
#include "space/query.h"
#include "space/scope.h"
#include "space/shard.h"

PG_FUNCTION_INFO_V1(waiting_place);

/* Who is next, by the index of what is open. */
#define WAITING_OF_GIG \
	"FROM invitation l JOIN worker w ON w.id = l.worker_id " \
	"WHERE l.gig_id = $1 AND l.status = 'waiting' AND w.active "

static const SpaceQuery next_query = {
	"SELECT l.id::bigint, l.waiting_since::timestamptz " WAITING_OF_GIG
	"AND (l.waiting_since, l.id) > ($3, $4) "
	"ORDER BY l.waiting_since, l.id LIMIT $2 FOR NO KEY UPDATE OF l SKIP LOCKED",
	4, {INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID}, PLAN_BY_KEY
};

/*
 * A worker whose row somebody has locked may be about to become active, and has not seen
 * an invitation that waits since (gig/guard.c). Those who are locked here are seen by it.
 * NOT IN is a hash table: as an array each who waits would be compared with each.
 */
static const SpaceQuery any_query = {
	"WITH locked AS MATERIALIZED ("
	"  SELECT v.id FROM invitation o JOIN worker v ON v.id = o.worker_id "
	"  WHERE o.gig_id = $1 AND o.status = 'waiting' AND NOT v.active FOR SHARE OF v SKIP LOCKED) "
	"SELECT FROM invitation l JOIN worker w ON w.id = l.worker_id "
	"WHERE l.gig_id = $1 AND l.status = 'waiting' "
	"AND (w.active OR w.id NOT IN (SELECT k.id FROM locked k)) "
	"LIMIT 1",
	1, {INT8OID}, PLAN_BY_KEY
};

static const SpaceQuery place_query = {
	"SELECT count(*) + 1 " WAITING_OF_GIG "AND (l.waiting_since, l.id) < ($2, $3)",
	3, {INT8OID, TIMESTAMPTZOID, INT8OID}, PLAN_BY_KEY
};

static const SpaceQuery seat_query = {
	"UPDATE invitation i SET status = 'accepted' "
	"WHERE i.id = ANY ($1) AND coalesce(i.status, '') = 'waiting'",
	1, {INT8ARRAYOID}, PLAN_BY_KEY
};

/*
 * What is being done, if anything is: its trigger is called one level below whoever
 * does it. Triggers of the Space's owner may write to invitations from within, also
 * those of this gig, but are a level deeper.
 */
typedef struct Seating
{
	bool		is_seating;
	int64		gig_id;
	int			depth;
} Seating;

static Seating seating;

/* The work of try_to_seat. */
typedef struct Seats
{
	Oid			space;
	int64		gig_id;
	const int64 *ids;
	int			n;
} Seats;

static int
trigger_depth(void)
{
	return DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0));
}

bool
waiting_is_seating(int64 gig_id)
{
	return seating.is_seating && seating.gig_id == gig_id &&
		seating.depth + 1 == trigger_depth();
}

static bool
seat(void *arg)
{
	const Seats *what = arg;
	QueryArgs	args = {&seat_query};
	/* Perhaps a trigger does it, while a seat of another gig is given. */
	const Seating outer = seating;

	arg_int64_array(&args, what->ids, what->n);
	PG_TRY();
	{
		seating = (Seating) {true, what->gig_id, trigger_depth()};
		query_run(what->space, &args);
	}
	PG_FINALLY();
	{
		seating = outer;
	}
	PG_END_TRY();
	return true;
}

/*
 * False if a trigger of the Space's owner raises an error: nobody's leaving fails
 * because somebody else may not take the seat.
 */
static bool
try_to_seat(Seats *what)
{
	ErrorData  *error;

	if (run_isolated(seat, what, &error) != ISOLATED_FAILED)
		return true;
	if (error_is_transient(error) || error_is_lack_of_resources(error))
		ReThrowError(error);
	ereport(DEBUG1,
			(errmsg_internal("somebody who waits for a seat of gig " INT64_FORMAT " cannot take it: %s",
							 what->gig_id, error_summary(error))));
	FreeErrorData(error);
	return false;
}

int64
waiting_seat(Oid space, int64 gig_id, int64 seats, WaitingPlace *place)
{
	/* So many at a time that their array stays small. */
	const int64 most = 10000;
	QueryArgs	args = {&next_query};
	Seats		what = {space, gig_id};
	int64	   *ids;
	int64		n;

	arg_int64(&args, gig_id);
	arg_int64(&args, Min(seats, most));
	arg_timestamptz(&args, place->since);
	arg_int64(&args, place->invitation_id);
	n = (int64) query_run(space, &args);
	if (n == 0)
		return 0;
	ids = palloc(n * sizeof(int64));
	for (int64 i = 0; i < n; i++)
	{
		ResultRow	row = result_row(i);

		ids[i] = place->invitation_id = result_int64(&row);
		place->since = result_timestamptz(&row);
		result_end(&row);
	}
	query_free();

	what.ids = ids;
	what.n = (int) n;
	if (!try_to_seat(&what) && n > 1)
		for (what.n = 1; what.ids < ids + n; what.ids++)
		{
			CHECK_FOR_INTERRUPTS();
			(void) try_to_seat(&what);
		}
	pfree(ids);
	return n;
}

bool
waiting_any(Oid space, int64 gig_id)
{
	QueryArgs	args = {&any_query};

	arg_int64(&args, gig_id);
	return query_run(space, &args) > 0;
}

/* Of the tables that a place is read from. InvalidOid if they are not one owner's. */
static Oid
owner_of_tables(Oid space, Oid gig_state)
{
	static const char *const names[] = {"gig_state", "invitation", "worker"};
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(gig_state));
	Oid			owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
		ReleaseSysCache(tuple);
	}
	for (int i = 0; OidIsValid(owner) && i < (int) lengthof(names); i++)
		if (!space_holds(space, names[i], owner))
			owner = InvalidOid;
	return shard_relation(space, "gig_state") == gig_state ? owner : InvalidOid;
}

/*
 * cirro.waiting_place(gig_state oid, gig_id bigint, waiting_since timestamptz,
 * invitation_id bigint) returns bigint
 *
 * How many active workers wait in front of an invitation of the Space that has this
 * table, and one: for whoever may read the table, who may not see the others. NULL
 * where an argument is. Errors: 42501, 42704.
 */
Datum
waiting_place(PG_FUNCTION_ARGS)
{
	Oid			gig_state = PG_GETARG_OID(0);
	Oid			space = get_rel_namespace(gig_state);
	Oid			owner = owner_of_tables(space, gig_state);
	QueryArgs	args = {&place_query};
	SpaceScope	scope;
	ResultRow	row;
	int64		place;

	if (!OidIsValid(owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("relation with OID %u is not gig_state of a Space", gig_state),
				 errdetail("Its schema has no tables gig_state, invitation and worker of one owner."),
				 errhint("The view worker_invitation shows the place of an invitation.")));
	if (pg_class_aclcheck(gig_state, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table gig_state"),
				 errdetail("Who may read it may know how many workers wait."),
				 errhint("GRANT SELECT ON that table.")));

	arg_int64(&args, PG_GETARG_INT64(1));
	arg_timestamptz(&args, PG_GETARG_TIMESTAMPTZ(2));
	arg_int64(&args, PG_GETARG_INT64(3));
	SPI_connect();
	space_enter(&scope, space, owner, SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	query_run_seen(space, &args);
	row = result_row(0);
	place = result_int64(&row);
	result_end(&row);
	space_leave(&scope);
	SPI_finish();
	PG_RETURN_INT64(place);
}
