/*-------------------------------------------------------------------------
 * src/space/lock_rows.c
 *
 * Locks rows of a Space in the order of gig/state.h, for functions of the Space
 * that write several rows. Must not decide anything: what the rows say is
 * read by the caller, afterwards.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "cirro.h"
#include "space/plan_cache.h"
#include "space/space.h"
#include "space/list.h"

PG_FUNCTION_INFO_V1(lock_rows);

/* gig and worker as a foreign key's check locks them. */
static const struct
{
	const char *kind;
	CirroQuery	query;
}			locks[] =
{
	{"gig", {
		"SELECT FROM gig WHERE id = ANY ($1) ORDER BY id FOR KEY SHARE",
		1, {INT8ARRAYOID}, PLAN_BY_KEY
	}},
	{"worker", {
		"SELECT FROM worker WHERE id = ANY ($1) ORDER BY id FOR KEY SHARE",
		1, {INT8ARRAYOID}, PLAN_BY_KEY
	}},
	{"gig_state", {
		"SELECT FROM gig_state WHERE gig_id = ANY ($1) ORDER BY gig_id FOR NO KEY UPDATE",
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

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("space and kind must not be null"),
				 errdetail("Only the ids may be null: then nothing is locked."),
				 errhint("The functions of a Space call it.")));
	if (PG_ARGISNULL(2))
		PG_RETURN_INT32(0);

	info = space_get(NameStr(*PG_GETARG_NAME(0)));
	space_check_invite(info);
	kind = text_to_cstring(PG_GETARG_TEXT_PP(1));
	ids = PG_GETARG_DATUM(2);

	for (int i = 0; i < (int) lengthof(locks); i++)
		if (strcmp(kind, locks[i].kind) == 0)
		{
			int			locked;

			SPI_connect();
			space_visit(&scope, info->space, info->owner, false);
			locked = (int) cirro_execute(info->space, &locks[i].query, &ids, NULL);
			space_leave(&scope);
			SPI_finish();
			PG_RETURN_INT32(locked);
		}

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is not a kind of row", kind),
			 errdetail("Rows of three tables are locked by it."),
			 errhint("It is gig, worker or gig_state.")));
}
