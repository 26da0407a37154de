/*-------------------------------------------------------------------------
 * src/space/spaces.c
 *
 * Lists the Spaces of the database. Must not work in a Space that the caller
 * may not run.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "compat.h"
#include "isolate.h"
#include "space/ddl.h"
#include "space/list.h"
#include "space/query.h"
#include "space/scope.h"

PG_FUNCTION_INFO_V1(spaces);

/* What spaces() asks inside a Space. */
typedef struct Status
{
	const SpaceInfo *info;
	int			version;
	bool		paused;
} Status;

/* Without the row, as after a schema-only load: the defaults. */
static const SpaceQuery status_query = {
	"SELECT coalesce(s.ddl_version, $1)::int, coalesce(s.paused, false)::bool "
	"FROM (VALUES (1)) one LEFT JOIN setting s ON true LIMIT 1",
	1, {INT4OID}
};

static bool
read_status(void *arg)
{
	Status	   *status = arg;
	SpaceScope	scope;
	QueryArgs	args = {&status_query};
	ResultRow	row;
	static const char *const tables[] = {"setting"};

	space_enter(&scope, status->info->space, status->info->owner,
				SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	space_limit_waits();
	space_hold(status->info->space, status->info->owner, tables, lengthof(tables));
	arg_int32(&args, CIRRO_DDL_VERSION);
	query_run_once(&args, true);
	row = result_row(0);
	status->version = result_int32(&row);
	status->paused = result_bool(&row);
	result_end(&row);
	space_leave(&scope);
	return true;
}

/*
 * spaces() returns setof (space, owner, version, paused, defect): every Space
 * of the database; version and paused are NULL where the caller may not run it.
 * An error in a Space is its defect: no owner can keep the others from being
 * listed.
 */
Datum
spaces(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, space_list())
	{
		SpaceInfo  *info = lfirst(cell);
		NameData	name;
		Datum		values[5] = {0};
		bool		nulls[5] = {false, false, true, true, true};

		CHECK_FOR_INTERRUPTS();
		/* What is read of a Space hangs off a connection of its own. */
		if (SPI_connect() != SPI_OK_CONNECT)
			elog(ERROR, "SPI_connect failed");
		namestrcpy(&name, info->name);
		values[0] = NameGetDatum(&name);
		values[1] = ObjectIdGetDatum(info->owner);
		if (info->defect != NULL)
		{
			values[4] = CStringGetTextDatum(info->defect);
			nulls[4] = false;
		}
		else if (space_may_run(info))
		{
			Status		status = {.info = info};
			ErrorData  *error;

			if (run_isolated(read_status, &status, &error) == ISOLATED_FAILED)
			{
				values[4] = CStringGetTextDatum(error_summary(error));
				nulls[4] = false;
			}
			else
			{
				values[2] = Int32GetDatum(status.version);
				values[3] = BoolGetDatum(status.paused);
				nulls[2] = nulls[3] = false;
			}
		}
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		SPI_finish();
	}
	return (Datum) 0;
}
