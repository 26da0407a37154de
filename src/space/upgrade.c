/*-------------------------------------------------------------------------
 * src/space/upgrade.c
 *
 * Brings Spaces to the DDL of this version, each as its owner. Must not run
 * inside an extension script.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "isolate.h"
#include "space/ddl.h"
#include "space/list.h"
#include "space/query.h"
#include "space/scope.h"
#include "space/shard.h"

PG_FUNCTION_INFO_V1(upgrade_spaces);

/* The types that worker.ref may have. */
#define REF_TYPES	3

/*
 * What the upgrades of one call have in common. The first Space of a type of ids
 * shows what the DDL makes of one; those that look alike are left as they are.
 */
typedef struct Upgrades
{
	MemoryContext context;		/* outlives their transactions */
	bool		hurried;		/* there are many */
	const char *ref_types[REF_TYPES];
	char	   *sound[REF_TYPES];	/* describe()s such a Space; NULL: none was seen */
} Upgrades;

typedef struct Upgrade
{
	Upgrades   *all;
	const SpaceInfo *info;
} Upgrade;

static const SpaceQuery version_query = {
	"SELECT coalesce(min(t.ddl_version), 0)::int FROM setting t"
};

static const SpaceQuery stamping_query = {
	"SELECT FROM pg_trigger t WHERE t.tgrelid = 'worker'::regclass"
	" AND t.tgname = 'cirro_check' AND t.tgenabled = 'O'"
};

/*
 * All that an upgrade may change but the version, and nothing that tells one Space from
 * another: types and tables are named as the search path has it. What the DDL has made
 * must look alike whatever was there before, or one owner decided about others' Spaces.
 * $1 is the schema, $2 the owner, $3 the functions with their arguments, $4 the views, $5
 * the tables. Functions are found by what depends on the schema, not by their names, which
 * each Space has. Casts make operands of the very types that operators of pg_catalog take.
 */
static const SpaceQuery description_query = {
	"SELECT array(SELECT ROW(p.proname, oidvectortypes(p.proargtypes),"
	"   pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), p.prokind, p.prolang,"
	"   p.proowner = $2, p.procost, p.prorows, p.prosupport::oid, p.prosecdef, p.proleakproof,"
	"   p.proisstrict, p.provolatile, p.proparallel, p.protrftypes, p.probin, p.prosqlbody, p.prosrc,"
	"   pg_catalog.array_replace(p.proconfig, 'search_path=' || current_setting('search_path'::text),"
	"     'search_path'::text),"
	"   (SELECT s.description FROM pg_description s WHERE s.objoid = p.oid"
	"    AND s.classoid = 'pg_proc'::regclass::oid AND s.objsubid = 0))::text"
	"  FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid"
	"  WHERE d.refclassid = 'pg_namespace'::regclass::oid AND d.refobjid = $1"
	"  AND d.classid = 'pg_proc'::regclass::oid"
	"  AND p.proname::text || '(' || oidvectortypes(p.proargtypes) || ')' = ANY ($3)"
	" UNION ALL"
	"  SELECT ROW(c.relname, c.relkind, c.relowner = $2, c.reloptions, pg_get_viewdef(c.oid),"
	"   (SELECT s.description FROM pg_description s WHERE s.objoid = c.oid"
	"    AND s.classoid = 'pg_class'::regclass::oid AND s.objsubid = 0),"
	"   array(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid ORDER BY a.attnum))::text"
	"  FROM pg_class c WHERE c.relnamespace = $1 AND c.relname = ANY ($4)"
	" UNION ALL"
	/* As space_run_again() looks for them; and whether restore_stamping() has something to do. */
	"  SELECT ROW(c.relname, t.tgname,"
	"   c.relname = 'worker' AND t.tgname = 'cirro_check' AND t.tgenabled = 'O')::text"
	"  FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid"
	"  WHERE c.relnamespace = $1 AND c.relname = ANY ($5) AND NOT t.tgisinternal"
	"  AND starts_with(lower(t.tgname::text), 'cirro_'::text)"
	" ORDER BY 1)::text",
	5, {OIDOID, OIDOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID}
};

static Datum
names_array(const char *const *names, int nnames)
{
	Datum	   *values = palloc(nnames * sizeof(Datum));

	for (int i = 0; i < nnames; i++)
		values[i] = CStringGetTextDatum(names[i]);
	return PointerGetDatum(construct_array(values, nnames, TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
signatures_array(const char *ref_type)
{
	const char *signatures[SPACE_FUNCTIONS];

	for (int i = 0; i < SPACE_FUNCTIONS; i++)
		signatures[i] = psprintf("%s%s", space_functions[i].name,
								 space_arguments(&space_functions[i], ref_type));
	return names_array(signatures, SPACE_FUNCTIONS);
}

/* What there is of a Space, in the current memory context. */
static char *
describe(const SpaceInfo *info, const char *ref_type)
{
	QueryArgs	args = {&description_query};
	ResultRow	row;
	char	   *description;

	arg_datum(&args, OIDOID, ObjectIdGetDatum(info->space), false);
	arg_datum(&args, OIDOID, ObjectIdGetDatum(info->owner), false);
	arg_datum(&args, TEXTARRAYOID, signatures_array(ref_type), false);
	arg_datum(&args, TEXTARRAYOID, names_array(space_views, SPACE_VIEWS), false);
	arg_datum(&args, TEXTARRAYOID, names_array(space_tables, SPACE_TABLES), false);
	query_run_once(&args, false);
	row = result_row(0);
	description = TextDatumGetCString(result_datum(&row, TEXTOID));
	result_end(&row);
	return description;
}

/* Where "all" keeps the description of a sound Space. */
static char **
sound_description(Upgrades *all, const char *ref_type)
{
	int			i = 0;

	while (i < REF_TYPES - 1 && all->ref_types[i] != NULL &&
		   strcmp(all->ref_types[i], ref_type) != 0)
		i++;
	if (all->ref_types[i] == NULL)
		all->ref_types[i] = MemoryContextStrdup(all->context, ref_type);
	return &all->sound[i];
}

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

static int
read_version(void)
{
	QueryArgs	args = {&version_query};
	ResultRow	row;
	int			version;

	query_run_once(&args, true);
	row = result_row(0);
	version = result_int32(&row);
	result_end(&row);
	return version;
}

/*
 * Brings one Space to this version's DDL, as its owner: triggers that it lacks,
 * functions and views. Later versions run their steps for tables here, from the
 * Space's version on. Asks to be undone if it has changed nothing, unless Citus has
 * taken it to other nodes, which may lack what is here.
 */
static bool
upgrade_space(void *arg)
{
	const Upgrade *upgrade = arg;
	const SpaceInfo *info = upgrade->info;
	SpaceScope	scope;
	const char *ref_type;
	int			version;
	char	  **sound;
	bool		is_distributed;
	char	   *before;
	char	   *after;

	/* Two at once would update the same catalogue rows. */
	if (!space_lock(info->space, ShareUpdateExclusiveLock, upgrade->all->hurried))
		return false;
	space_enter(&scope, info->space, info->owner, SECURITY_RESTRICTED_OPERATION);
	space_set_whole_path(info->space);
	if (upgrade->all->hurried)
		space_limit_waits();
	space_hold(info->space, info->owner, space_tables, SPACE_TABLES);
	version = read_version();
	if (version > CIRRO_DDL_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("Space \"%s\" is of a later version than cirro", info->name),
				 errdetail("Its DDL has version %d, the library knows %d.",
						   version, CIRRO_DDL_VERSION),
				 errhint("Install that version of cirro, then ALTER EXTENSION cirro UPDATE.")));

	ref_type = space_ref_type(info);
	sound = sound_description(upgrade->all, ref_type);
	/* What is missing on another node is not seen here. */
	is_distributed = OidIsValid(shard_place(info->space));
	before = describe(info, ref_type);
	if (version == CIRRO_DDL_VERSION && !is_distributed && *sound != NULL &&
		strcmp(before, *sound) == 0)
	{
		space_leave(&scope);
		return false;
	}
	space_run_again(space_ddl("space_tables", ref_type), space_ddl("space_code", ref_type),
					info->space);
	restore_stamping();
	space_run(psprintf("UPDATE setting t SET ddl_version = %d "
					   "WHERE t.ddl_version IS DISTINCT FROM %d", CIRRO_DDL_VERSION, CIRRO_DDL_VERSION));
	after = describe(info, ref_type);
	if (*sound != NULL)
		pfree(*sound);
	*sound = MemoryContextStrdup(upgrade->all->context, after);
	space_leave(&scope);
	return version != CIRRO_DDL_VERSION || is_distributed || strcmp(before, after) != 0;
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
	Upgrades	all = {.hurried = PG_ARGISNULL(0)};
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
	all.context =
		AllocSetContextCreate(PortalContext != NULL ? PortalContext : CurrentMemoryContext,
							  "cirro upgrade_spaces", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(all.context);
	if (PG_ARGISNULL(0))
		spaces = space_list_unexamined();
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
		Upgrade		upgrade = {&all, info};
		ErrorData  *error;

		CHECK_FOR_INTERRUPTS();
		if (!space_may_run(info))
			continue;
		if (PG_ARGISNULL(0))
			space_examine(info);
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

	MemoryContextDelete(all.context);
	SPI_finish();
	PG_RETURN_VOID();
}
