/*-------------------------------------------------------------------------
 * src/space/raise_unknown.c
 *
 * What the functions of a Space say of an id that is not there.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "cirro.h"

PG_FUNCTION_INFO_V1(raise_unknown);

/*
 * raise_unknown(kind text, id bigint): what the functions of a Space say when
 * a gig, an invitation or a worker is not there, or not for this role to see.
 */
Datum
raise_unknown(PG_FUNCTION_ARGS)
{
	char	   *kind = PG_ARGISNULL(0) ? "object" : text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			code = ERRCODE_CIRRO_UNKNOWN_INVITATION;

	if (strcmp(kind, "gig") == 0)
		code = ERRCODE_CIRRO_UNKNOWN_GIG;
	else if (strcmp(kind, "worker") == 0)
		code = ERRCODE_CIRRO_UNKNOWN_WORKER;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(code),
				 errmsg("%s NULL does not exist", kind),
				 errdetail("The id is null."),
				 errhint("Give the id of a row of table %s.", kind)));
	ereport(ERROR,
			(errcode(code),
			 errmsg("%s %lld does not exist", kind, (long long) PG_GETARG_INT64(1)),
			 errdetail("There is no such row, or this role may not see it."),
			 errhint("Ids are those of table %s of this Space.", kind)));
	PG_RETURN_VOID();
}
