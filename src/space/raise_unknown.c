/*-------------------------------------------------------------------------
 * src/space/raise_unknown.c
 *
 * What the functions of a Space say of an id that is not there, or whose row
 * could not be written. Must not look for it: who calls knows, with the rights
 * and the row policies of the role.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "cirro.h"
#include "compat.h"

PG_FUNCTION_INFO_V1(raise_unknown);
PG_FUNCTION_INFO_V1(raise_unwritten);

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
			 errmsg("a trigger kept invitation %lld as it is", (long long) id),
			 errdetail("A trigger of the Space's owner suppressed the change, or a row policy hides the row from it."),
			 errhint("Ask whoever owns the triggers and policies of table invitation.")));
}
