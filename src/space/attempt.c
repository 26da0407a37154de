/*-------------------------------------------------------------------------
 * src/space/attempt.c
 *
 * Stores a call of attempt_invitations in the Space's table attempt. Must not
 * decide its outcomes: the Space's own function does.
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
#include "space/scope.h"
#include "space/list.h"

PG_FUNCTION_INFO_V1(record_attempt);

static const CirroQuery insert_query = {
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
	Datum		values[4];
	char		nulls[] = "    ";
	Datum		id;
	bool		isnull;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(4))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("space, worker_id and outcomes cannot be null"),
				 errdetail("Only gig_ids and max_amount may be left open."),
				 errhint("Call attempt_invitations() of the Space, which stores its attempts.")));

	info = space_get(NameStr(*PG_GETARG_NAME(0)));
	space_check_invite(info);

	for (int i = 0; i < 4; i++)
	{
		values[i] = PG_GETARG_DATUM(i + 1);
		if (PG_ARGISNULL(i + 1))
			nulls[i] = 'n';
	}

	SPI_connect();
	space_visit(&scope, info->space, info->owner, false);
	cirro_execute(info->space, &insert_query, values, nulls);
	id = Int64GetDatum(DatumGetInt64(cirro_result(0, 1, &isnull)));
	space_leave(&scope);
	SPI_finish();

	PG_RETURN_DATUM(id);
}
