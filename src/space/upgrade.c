/*-------------------------------------------------------------------------
 * src/space/upgrade.c
 *
 * Brings Spaces to the DDL of this version, each as its owner. Must not run
 * inside an extension script.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/extension.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/memutils.h"

#include "compat.h"
#include "isolate.h"
#include "space/ddl.h"
#include "space/list.h"
#include "space/query.h"
#include "space/scope.h"

PG_FUNCTION_INFO_V1(upgrade_spaces);

/* What an upgrade is told. */
typedef struct Upgrade
{
	const SpaceInfo *info;
	bool		hurried;		/* others come after it */
} Upgrade;

static const SpaceQuery version_query = {
	"SELECT coalesce(min(t.ddl_version), 0)::int FROM setting t"
};

static const SpaceQuery stamping_query = {
	"SELECT FROM pg_trigger t WHERE t.tgrelid = 'worker'::regclass"
	" AND t.tgname = 'cirro_check' AND t.tgenabled = 'O'"
};

/*
 * ENABLE TRIGGER ALL, which pg_restore may have done, makes of ENABLE ALWAYS what
 * rows that are replicated pass by.
 */
static void
restore_stamping(void)
{
	QueryArgs	args = {&stamping_query};

	if (query_run_once(&args, false) > 0)
		space_run("ALTER TABLE worker ENABLE ALWAYS TRIGGER cirro_check");
}

/*
 * Brings one Space to this version's DDL, as its owner: triggers that it lacks,
 * functions and views. Later versions run their steps for tables here, from the
 * Space's version on.
 */
static bool
upgrade_space(void *arg)
{
	const Upgrade *upgrade = arg;
	const SpaceInfo *info = upgrade->info;
	SpaceScope	scope;
	QueryArgs	args = {&version_query};
	ResultRow	row;
	int			version;

	/* Two at once would update the same catalogue rows. */
	if (!space_lock(info->space, ShareUpdateExclusiveLock, upgrade->hurried))
		return false;
	space_enter(&scope, info->space, info->owner, SECURITY_RESTRICTED_OPERATION);
	if (upgrade->hurried)
		space_limit_waits();
	space_hold(info->space, info->owner, space_tables, SPACE_TABLES);
	query_run_once(&args, true);
	row = result_row(0);
	version = result_int32(&row);
	result_end(&row);
	if (version > CIRRO_DDL_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("Space \"%s\" is of a later version than cirro", info->name),
				 errdetail("Its DDL has version %d, the library knows %d.", version, CIRRO_DDL_VERSION),
				 errhint("Install that version of cirro, then ALTER EXTENSION cirro UPDATE.")));
	space_run_again(space_ddl("space_tables", space_ref_type(info)),
					space_ddl("space_code", space_ref_type(info)), info->space);
	restore_stamping();
	space_run(psprintf("UPDATE setting t SET ddl_version = %d "
					   "WHERE t.ddl_version IS DISTINCT FROM %d", CIRRO_DDL_VERSION, CIRRO_DDL_VERSION));
	space_leave(&scope);
	return true;
}

/*
 * CALL upgrade_spaces(space name): one Space, or with NULL all that the caller
 * may run, each in a transaction of its own unless the call is inside one.
 * Idempotent; also what to call after ALTER SCHEMA … RENAME, or where a trigger is
 * missing. Of many Spaces one that fails is a WARNING and does not keep the others
 * back. Errors: UG001, 42501, 55000.
 */
Datum
upgrade_spaces(PG_FUNCTION_ARGS)
{
	bool		atomic = !(fcinfo->context != NULL && IsA(fcinfo->context, CallContext) &&
						   !castNode(CallContext, fcinfo->context)->atomic);
	MemoryContext context;
	MemoryContext old;
	List	   *spaces = NIL;
	ListCell   *cell;

	if (creating_extension)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("Spaces cannot be upgraded inside an extension script"),
				 errdetail("Their objects would become members of the extension."),
				 errhint("Call cirro.upgrade_spaces() after ALTER EXTENSION.")));

	if (SPI_connect_ext(atomic ? 0 : SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");

	/* The list has to outlive the transactions. */
	context = AllocSetContextCreate(PortalContext != NULL ? PortalContext : CurrentMemoryContext,
									"cirro upgrade_spaces", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	if (PG_ARGISNULL(0))
		spaces = space_list();
	else
	{
		SpaceInfo  *info = space_get_tables(NameStr(*PG_GETARG_NAME(0)));

		space_check_run(info);
		spaces = list_make1(info);
	}
	MemoryContextSwitchTo(old);

	foreach(cell, spaces)
	{
		SpaceInfo  *info = lfirst(cell);
		Upgrade		upgrade = {.info = info, .hurried = PG_ARGISNULL(0)};
		ErrorData  *error;

		CHECK_FOR_INTERRUPTS();
		if (!space_may_run(info))
			continue;
		if (!info->has_tables)
		{
			ereport(WARNING,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("Space \"%s\" is skipped", info->name),
					 errdetail("%s", info->defect)));
			continue;
		}
		/* What is made of a Space hangs off a connection of its own. */
		SPI_connect();
		if (run_isolated(upgrade_space, &upgrade, &error) == ISOLATED_FAILED)
		{
			if (!PG_ARGISNULL(0))
				ReThrowError(error);
			ereport(WARNING,
					(errcode(error->sqlerrcode),
					 errmsg("Space \"%s\" is skipped", info->name),
					 errdetail_internal("%s", error_summary(error))));
		}
		SPI_finish();
		if (!atomic)
			SPI_commit();
	}

	MemoryContextDelete(context);
	SPI_finish();
	PG_RETURN_VOID();
}
