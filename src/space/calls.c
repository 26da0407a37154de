/*-------------------------------------------------------------------------
 * src/space/calls.c
 *
 * What the functions of a Space call, since PL/pgSQL cannot do it or their caller
 * may not: locking rows as the owner, writing and storing an attempt, raising the error of an
 * id that is not there, or whose row could not be written. Must not decide
 * anything: the functions of the Space do, by what they read.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "cirro.h"
#include "compat.h"
#include "space/list.h"
#include "space/query.h"
#include "space/scope.h"
#include "space/shard.h"

PG_FUNCTION_INFO_V1(lock_rows);
PG_FUNCTION_INFO_V1(record_attempt);
PG_FUNCTION_INFO_V1(write_attempt);
PG_FUNCTION_INFO_V1(raise_unknown);
PG_FUNCTION_INFO_V1(raise_unwritten);

/* gig and worker as a foreign key's check locks them. */
static const struct
{
	const char *kind;
	SpaceQuery	query;
}			locks[] =
{
	{"gig", {
		"SELECT FROM gig g WHERE g.id = ANY ($1) ORDER BY g.id FOR KEY SHARE",
		1, {INT8ARRAYOID}, PLAN_BY_KEY
	}},
	{"worker", {
		"SELECT FROM worker w WHERE w.id = ANY ($1) ORDER BY w.id FOR KEY SHARE",
		1, {INT8ARRAYOID}, PLAN_BY_KEY
	}},
	{"gig_state", {
		"SELECT FROM gig_state s WHERE s.gig_id = ANY ($1) ORDER BY s.gig_id FOR NO KEY UPDATE",
		1, {INT8ARRAYOID}, PLAN_BY_KEY
	}},
};

/*
 * cirro.lock_rows(space name, kind text, ids bigint[]) returns int
 *
 * Locks the rows of table "kind" that are there, in ascending order of id, as
 * the owner: for whoever may insert invitations. Returns how many: a row that
 * was deleted while this waited for it is not locked, nor one that takes its
 * id later. NULL for ids: none.
 */
Datum
lock_rows(PG_FUNCTION_ARGS)
{
	SpaceInfo  *info;
	SpaceScope	scope;
	char	   *kind;
	Datum		ids;
	Datum		result;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("space and kind must not be null"),
				 errdetail("Only the ids may be null: then nothing is locked."),
				 errhint("The functions of a Space call it.")));
	if (PG_ARGISNULL(2))
		PG_RETURN_INT32(0);

	info = space_get(NameStr(*PG_GETARG_NAME(0)));
	if (shard_call(fcinfo, info->space, NULL, &result))
		return result;
	space_check_invite(info);
	kind = text_to_cstring(PG_GETARG_TEXT_PP(1));
	ids = PG_GETARG_DATUM(2);

	for (int i = 0; i < (int) lengthof(locks); i++)
		if (strcmp(kind, locks[i].kind) == 0)
		{
			QueryArgs	args = {&locks[i].query};
			int			locked;

			arg_datum(&args, INT8ARRAYOID, ids, false);
			SPI_connect();
			space_visit(&scope, info->space, info->owner, false);
			locked = (int) query_run(info->space, &args);
			space_leave(&scope);
			SPI_finish();
			PG_RETURN_INT32(locked);
		}

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is not a kind of row", kind),
			 errhint("It is gig, worker or gig_state.")));
}

static const SpaceQuery insert_attempt = {
	"INSERT INTO attempt AS a (worker_id, gig_ids, max_amount, outcomes)"
	" VALUES ($1, $2, $3, $4) RETURNING a.id::bigint",
	4, {INT8OID, INT8ARRAYOID, INT4OID, JSONBOID}
};

/*
 * cirro.record_attempt(space name, worker_id bigint, gig_ids bigint[],
 * max_amount int, outcomes jsonb) returns bigint, the attempt's id
 *
 * Writes as the owner, for whoever may insert invitations. NULL for gig_ids
 * and max_amount is meant and stored.
 */
Datum
record_attempt(PG_FUNCTION_ARGS)
{
	SpaceInfo  *info;
	SpaceScope	scope;
	QueryArgs	args = {&insert_attempt};
	ResultRow	row;
	Datum		result;
	int64		id;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(4))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("space, worker_id and outcomes cannot be null"),
				 errdetail("Only gig_ids and max_amount may be left open."),
				 errhint("Call attempt_invitations() of the Space, which stores its attempts.")));

	info = space_get(NameStr(*PG_GETARG_NAME(0)));
	if (shard_call(fcinfo, info->space, NULL, &result))
		return result;
	space_check_invite(info);

	for (int i = 0; i < insert_attempt.nargs; i++)
		arg_datum(&args, insert_attempt.argtypes[i], PG_GETARG_DATUM(i + 1),
				  PG_ARGISNULL(i + 1));

	SPI_connect();
	space_visit(&scope, info->space, info->owner, false);
	query_run(info->space, &args);
	row = result_row(0);
	id = result_int64(&row);
	result_end(&row);
	space_leave(&scope);
	SPI_finish();

	PG_RETURN_INT64(id);
}

/*
 * The triggers of INSERT and UPDATE come one after the other, each in ascending order;
 * so all of gig_state is locked before them.
 */
static const SpaceQuery attempt_query = {
	"WITH made AS ("
	"   INSERT INTO invitation AS i (gig_id, worker_id, origin)"
	"   SELECT g.id, $1, 'attempt' FROM pg_catalog.unnest($2) AS g (id) ORDER BY g.id"
	"   ON CONFLICT (gig_id, worker_id) DO NOTHING RETURNING i.gig_id),"
	" opened AS ("
	"   UPDATE invitation AS i SET status = 'pending', origin = 'attempt'"
	"   WHERE i.id = ANY ($3) AND i.status = 'expired' RETURNING i.gig_id)"
	" SELECT coalesce(pg_catalog.cardinality(a.ids), 0)::bigint"
	" FROM (SELECT pg_catalog.array_agg(m.gig_id) AS ids"
	"   FROM (SELECT made.gig_id FROM made UNION ALL SELECT opened.gig_id FROM opened) m) a"
	" CROSS JOIN LATERAL cirro.lock_rows(pg_catalog.current_schema(), 'gig_state', a.ids) l",
	3, {INT8OID, INT8ARRAYOID, INT8ARRAYOID}, PLAN_BY_KEY
};

/*
 * cirro.write_attempt(space name, worker_id bigint, gig_ids bigint[],
 * invitation_ids bigint[]) returns bigint
 *
 * Invites the worker to the gigs, and makes those invitations of his pending that are
 * expired, with the rights of the caller, as one statement. Returns how many were
 * written: somebody may have been there before. Errors: UG001, 42501, the triggers'.
 */
Datum
write_attempt(PG_FUNCTION_ARGS)
{
	SpaceInfo  *info;
	int			level;
	QueryArgs	args = {&attempt_query};
	ResultRow	row;
	Datum		result;
	int64		written;

	if (PG_ARGISNULL(0))
		PG_RETURN_INT64(0);
	info = space_get(NameStr(*PG_GETARG_NAME(0)));
	if (shard_call(fcinfo, info->space, NULL, &result))
		return result;
	space_check_invite(info);
	for (int i = 0; i < attempt_query.nargs; i++)
		arg_datum(&args, attempt_query.argtypes[i], PG_GETARG_DATUM(i + 1), PG_ARGISNULL(i + 1));

	SPI_connect();
	/* The path alone: what an owner's triggers set is to stay set. */
	level = NewGUCNestLevel();
	space_set_path(info->space);
	query_run(info->space, &args);
	row = result_row(0);
	written = result_int64(&row);
	result_end(&row);
	AtEOXact_GUC(true, level);
	SPI_finish();
	PG_RETURN_INT64(written);
}

/* "id" is NULL for an id that is null. */
pg_noreturn static void
refuse_unknown(const char *kind, const int64 *id)
{
	int			code = ERRCODE_CIRRO_UNKNOWN_INVITATION;

	if (strcmp(kind, "gig") == 0)
		code = ERRCODE_CIRRO_UNKNOWN_GIG;
	else if (strcmp(kind, "worker") == 0)
		code = ERRCODE_CIRRO_UNKNOWN_WORKER;

	if (id == NULL)
		ereport(ERROR,
				(errcode(code),
				 errmsg("%s NULL does not exist", kind),
				 errdetail("The id is null."),
				 errhint("Give the id of a row of table %s.", kind)));
	ereport(ERROR,
			(errcode(code),
			 errmsg("%s %lld does not exist", kind, (long long) *id),
			 errdetail("There is no such row, or this role may not see it."),
			 errhint("Ids are those of table %s of this Space.", kind)));
}

/*
 * raise_unknown(kind text, id bigint): what the functions of a Space say when
 * a gig, an invitation or a worker is not there, or not for this role to see.
 * Errors: UG002, UG003, UG004.
 */
Datum
raise_unknown(PG_FUNCTION_ARGS)
{
	int64		id = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);

	refuse_unknown(PG_ARGISNULL(0) ? "object" : text_to_cstring(PG_GETARG_TEXT_PP(0)),
				   PG_ARGISNULL(1) ? NULL : &id);
}

/*
 * raise_unwritten(invitation_id bigint, is_there boolean): what they say when an
 * UPDATE of an invitation found no row to write, where a look at the table does
 * or does not. Errors: UG003, UG014.
 */
Datum
raise_unwritten(PG_FUNCTION_ARGS)
{
	int64		id = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || !PG_GETARG_BOOL(1))
		refuse_unknown("invitation", PG_ARGISNULL(0) ? NULL : &id);
	ereport(ERROR,
			(errcode(ERRCODE_CIRRO_VETOED),
			 errmsg("invitation %lld was kept from changing", (long long) id),
			 errdetail("A trigger of the Space's owner suppressed the change, or a row policy forbids it."),
			 errhint("Ask whoever owns the triggers and policies of table invitation.")));
}
