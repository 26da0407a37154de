/*-------------------------------------------------------------------------
 * src/space.c
 *
 * Making, dropping and upgrading Spaces. What a Space consists of is decided
 * by install/space.sql; this file runs that text as the owner of the Space.
 * Must not run anything of an existing schema as the caller.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "cirro.h"
#include "compat.h"
#include "isolate.h"
#include "space.h"
#include "space_list.h"

PG_FUNCTION_INFO_V1(create_space);
PG_FUNCTION_INFO_V1(drop_space);
PG_FUNCTION_INFO_V1(upgrade_spaces);
PG_FUNCTION_INFO_V1(spaces);
PG_FUNCTION_INFO_V1(raise_unknown);

/* Stands for the type of the application's ids in space.sql. */
#define REF_TYPE "@ref_type@"

/* What space.sql makes, for checking that names are free and for dropping. */
static const char *const space_tables[] = {
	"notification", "attempt", "wave", "invitation", "gig_state", "gig",
	"worker", "setting"
};
static const char *const space_views[] = {
	"worker_invitation", "worker_gig", "gig_status"
};

/* Arguments tell a function from overloads that are not cirro's. */
static const struct
{
	const char *name;
	const char *arguments;
}			space_functions[] = {
	{"accept", "(bigint)"},
	{"reject", "(bigint, text)"},
	{"leave", "(bigint, text)"},
	{"expire", "(bigint, text)"},
	{"reset", "(bigint, boolean)"},
	{"try_accept", "(bigint)"},
	{"invite", "(bigint, bigint[], timestamptz, boolean)"},
	{"attempt_invitations", "(bigint, bigint[], int)"},
	{"archive", "(bigint, timestamptz)"},
	{"run_wave", "(bigint)"},
	{"worker_id", "(" REF_TYPE ")"},
	{"gig_id", "(" REF_TYPE ")"},
	{"claim_notifications", "(int, interval, text)"},
	{"confirm_notifications", "(bigint[], text)"},
	{"fail_notifications", "(bigint[], text, interval)"},
	{"check_consistency", "()"},
	{"rebuild_state", "()"},
};

/* Raises 42501 unless the caller may become "owner". */
static void
check_owner(Oid owner, const char *space)
{
	if (!cirro_may_become(GetUserId(), owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for Space \"%s\"", space),
				 errdetail("Its owner would be role \"%s\".", GetUserNameFromId(owner, false)),
				 errhint("Name a role that you are a member of.")));
}

/* ------------------------------------------------------------- run text -- */

/*
 * Runs the commands of a text, one by one, so that an error shows the command
 * that failed and not all of them; the caller is connected to SPI.
 */
static void
run(const char *text)
{
	ListCell   *cell;

	foreach(cell, raw_parser(text, RAW_PARSE_DEFAULT))
	{
		RawStmt    *statement = lfirst_node(RawStmt, cell);
		const char *start = text + statement->stmt_location;
		char	   *command = statement->stmt_len > 0 ?
			pnstrdup(start, statement->stmt_len) : pstrdup(start);
		int			result = SPI_execute(command, false, 0);

		if (result < 0)
			elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
	}
}

/* One part of space.sql, with the type of the application's ids filled in. */
static char *
space_ddl(const char *part, const char *ref_type)
{
	static const char placeholder[] = REF_TYPE;
	char	   *query = psprintf("SELECT cirro.%s()", part);
	const char *text;
	StringInfoData ddl;

	if (SPI_execute(query, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read the DDL of a Space");
	text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);

	initStringInfo(&ddl);
	for (;;)
	{
		const char *found = strstr(text, placeholder);

		if (found == NULL)
			break;
		appendBinaryStringInfo(&ddl, text, found - text);
		appendStringInfoString(&ddl, ref_type);
		text = found + strlen(placeholder);
	}
	appendStringInfoString(&ddl, text);
	return ddl.data;
}

/* --------------------------------------------------------------- create -- */

static void
check_names_free(const char *name, Oid space)
{
	SpaceInfo  *info = space_find(name);

	if (info != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("Space \"%s\" already exists", name),
				 errdetail("It belongs to role \"%s\".", GetUserNameFromId(info->owner, false)),
				 errhint("Use another name, or drop it by cirro.drop_space().")));

	for (int i = 0; i < (int) (lengthof(space_tables) + lengthof(space_views)); i++)
	{
		const char *relation = i < (int) lengthof(space_tables) ? space_tables[i]
			: space_views[i - lengthof(space_tables)];

		if (OidIsValid(get_relname_relid(relation, space)))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_TABLE),
					 errmsg("schema \"%s\" has a relation \"%s\" already", name, relation),
					 errdetail("A Space has a table or view of that name."),
					 errhint("Rename it, or make the Space in another schema.")));
	}
	for (int i = 0; i < (int) lengthof(space_functions); i++)
	{
		CatCList   *list = SearchSysCacheList1(PROCNAMEARGSNSP,
											   CStringGetDatum(space_functions[i].name));
		bool		found = false;

		for (int j = 0; j < list->n_members; j++)
			found |= ((Form_pg_proc) GETSTRUCT(&list->members[j]->tuple))->pronamespace == space;
		ReleaseSysCacheList(list);
		if (found)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_FUNCTION),
					 errmsg("schema \"%s\" has a function \"%s\" already",
							name, space_functions[i].name),
					 errdetail("A Space has a function of that name."),
					 errhint("Rename it, or make the Space in another schema.")));
	}
}

static void
check_schema_owner(const char *name, Oid space, Oid owner)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(space));
	Oid			schema_owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for schema %u", space);
	schema_owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	if (schema_owner != owner)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("schema \"%s\" does not belong to role \"%s\"",
						name, GetUserNameFromId(owner, false)),
				 errdetail("It belongs to role \"%s\".",
						   GetUserNameFromId(schema_owner, false)),
				 errhint("Name that role as the owner of the Space, or use another schema.")));
}

/*
 * Warns if somebody else may create in the schema: what calls in a Space's
 * functions mean, and so what its users run, could be changed by that role.
 */
static void
warn_of_creators(const char *name, Oid space, Oid owner)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(space));
	Datum		acl;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for schema %u", space);
	acl = SysCacheGetAttr(NAMESPACEOID, tuple, Anum_pg_namespace_nspacl, &isnull);
	if (!isnull)
	{
		Acl		   *items = DatumGetAclP(acl);

		for (int i = 0; i < ACL_NUM(items); i++)
		{
			AclItem    *item = &ACL_DAT(items)[i];

			if (item->ai_grantee == owner ||
				(ACLITEM_GET_PRIVS(*item) & ACL_CREATE) == 0)
				continue;
			ereport(WARNING,
					(errmsg("others may create objects in schema \"%s\"", name),
					 errdetail("%s has the right CREATE.",
							   item->ai_grantee == ACL_ID_PUBLIC ? "PUBLIC" :
							   psprintf("Role \"%s\"", GetUserNameFromId(item->ai_grantee, false))),
					 errhint("REVOKE CREATE ON SCHEMA %s, unless that role is to be trusted like the owner.",
							 quote_identifier(name))));
		}
	}
	ReleaseSysCache(tuple);
}

/*
 * create_space(space name, owner regrole, ref_type regtype)
 *
 * Errors: 22004, 22023 arguments; 42501 rights; 42710, 42P07,
 * 42723 names that are taken. Everything is made by "owner".
 */
Datum
create_space(PG_FUNCTION_ARGS)
{
	char	   *name;
	Oid			owner = PG_ARGISNULL(1) ? GetUserId() : PG_GETARG_OID(1);
	Oid			ref_type = PG_ARGISNULL(2) ? TEXTOID : PG_GETARG_OID(2);
	Oid			space;
	bool		made_schema;
	SpaceScope	scope;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the name of a Space cannot be null"),
				 errdetail("create_space was called with space => NULL."),
				 errhint("Give a name, such as cirro.create_space('trees').")));
	name = NameStr(*PG_GETARG_NAME(0));

	if (ref_type != TEXTOID && ref_type != UUIDOID && ref_type != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ref_type cannot be %s", format_type_be(ref_type)),
				 errdetail("It is the type of the application's own ids of workers and gigs."),
				 errhint("Use text, uuid or bigint.")));
	if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(owner)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role with OID %u does not exist", owner),
				 errdetail("It was given as the owner of Space \"%s\".", name),
				 errhint("Give the name of a role.")));
	check_owner(owner, name);
	/* On a search_path "$user" is the schema of the user. */
	if (strcmp(name, "cirro") == 0 || strcmp(name, "$user") == 0 || strcmp(name, "information_schema") == 0 ||
		strncmp(name, "pg_", 3) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("\"%s\" cannot be a Space", name),
				 errdetail("Schema cirro and system schemas hold no Space."),
				 errhint("Use another name.")));

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");

	space = get_namespace_oid(name, true);
	made_schema = !OidIsValid(space);
	if (made_schema)
	{
		run(psprintf("CREATE SCHEMA %s AUTHORIZATION %s", quote_identifier(name),
					 quote_identifier(GetUserNameFromId(owner, false))));
		CommandCounterIncrement();
		space = get_namespace_oid(name, false);
	}
	else
	{
		check_schema_owner(name, space, owner);
		check_names_free(name, space);
		warn_of_creators(name, space, owner);
	}

	space_enter(&scope, space, owner,
				owner == GetUserId() ? 0 : SECURITY_RESTRICTED_OPERATION);
	run(space_ddl("space_tables", format_type_be(ref_type)));
	run(space_ddl("space_code", format_type_be(ref_type)));
	run(psprintf("INSERT INTO setting (made_schema, ddl_version) VALUES (%s, %d)",
				 made_schema ? "true" : "false", CIRRO_DDL_VERSION));
	space_leave(&scope);

	SPI_finish();
	PG_RETURN_VOID();
}

/* The type of the application's ids in a Space. */
static const char *
space_ref_type(const SpaceInfo *info)
{
	Oid			relid = get_relname_relid("worker", info->space);
	Oid			type = get_atttype(relid, get_attnum(relid, "ref"));

	if (type != TEXTOID && type != UUIDOID && type != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("Space \"%s\" has no usable column worker.ref", info->name),
				 errdetail("It must be of type text, uuid or bigint."),
				 errhint("Restore the column as create_space made it.")));
	return format_type_be(type);
}

/* ----------------------------------------------------------------- drop -- */

/* Whether any object depends on the schema. */
static bool
schema_in_use(Oid space)
{
	Relation	depends = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	bool		used;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(NamespaceRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(space));
	scan = systable_beginscan(depends, DependReferenceIndexId, true, NULL, 2, keys);
	used = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(depends, AccessShareLock);
	return used;
}

/* Drops relations of the Space, all at once: they depend on one another. */
static void
drop_relations(const char *kind, const char *schema,
			   const char *const *names, int count)
{
	StringInfoData command;

	initStringInfo(&command);
	appendStringInfo(&command, "DROP %s IF EXISTS ", kind);
	for (int i = 0; i < count; i++)
		appendStringInfo(&command, "%s%s.%s", i > 0 ? ", " : "",
						 quote_identifier(schema), quote_identifier(names[i]));
	appendStringInfoString(&command, " RESTRICT");
	run(command.data);
}

static void
drop_functions(const char *schema, const char *ref_type)
{
	for (int i = 0; i < (int) lengthof(space_functions); i++)
	{
		const char *arguments = space_functions[i].arguments;

		if (strcmp(arguments, "(" REF_TYPE ")") == 0)
			arguments = psprintf("(%s)", ref_type);
		run(psprintf("DROP FUNCTION IF EXISTS %s.%s%s RESTRICT", quote_identifier(schema),
					 quote_identifier(space_functions[i].name), arguments));
	}
}

/*
 * drop_space(space name)
 *
 * Errors: 22004, UG001, 42501; 2BP01 if other objects depend on the Space. The schema
 * goes as well if create_space made it and nothing else is in it.
 */
Datum
drop_space(PG_FUNCTION_ARGS)
{
	char	   *name;
	SpaceInfo  *info;
	Oid			space;
	SpaceScope	scope;
	bool		made_schema = false;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the name of a Space cannot be null"),
				 errdetail("drop_space was called with space => NULL."),
				 errhint("cirro.spaces() lists the Spaces of this database.")));
	name = NameStr(*PG_GETARG_NAME(0));
	info = space_get(name);
	space = info->space;
	space_check_run(info);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	space_enter(&scope, space, info->owner,
				info->owner == GetUserId() ? 0 : SECURITY_RESTRICTED_OPERATION);

	if (SPI_execute("SELECT made_schema::bool FROM setting", true, 1) == SPI_OK_SELECT &&
		SPI_processed == 1)
	{
		bool		isnull;

		made_schema = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0],
												 SPI_tuptable->tupdesc, 1, &isnull)) && !isnull;
	}
	drop_relations("VIEW", name, space_views, lengthof(space_views));
	drop_functions(name, space_ref_type(info));
	drop_relations("TABLE", name, space_tables, lengthof(space_tables));
	CommandCounterIncrement();

	if (made_schema && !schema_in_use(space))
		run(psprintf("DROP SCHEMA %s RESTRICT", quote_identifier(name)));
	else
		ereport(NOTICE,
				(errmsg("schema \"%s\" is kept", name),
				 made_schema ? errdetail("Other objects are in it.")
				 : errdetail("It was there before the Space.")));
	space_leave(&scope);
	SPI_finish();
	PG_RETURN_VOID();
}

/* -------------------------------------------------------------- upgrade -- */

/*
 * Brings one Space to this version's DDL, as its owner. Later versions run
 * their steps here, from the Space's version on.
 */
static bool
upgrade_space(void *arg)
{
	const SpaceInfo *info = arg;
	SpaceScope	scope;
	int			version = CIRRO_DDL_VERSION;
	bool		isnull;

	space_enter(&scope, info->space, info->owner, SECURITY_RESTRICTED_OPERATION);
	if (SPI_execute("SELECT coalesce(min(ddl_version), 0)::int FROM setting", true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the version of a Space");
	version = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	if (version > CIRRO_DDL_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("Space \"%s\" is of a later version than cirro", info->name),
				 errdetail("Its DDL has version %d, the library knows %d.", version, CIRRO_DDL_VERSION),
				 errhint("Install that version of cirro, then ALTER EXTENSION cirro UPDATE.")));
	run(space_ddl("space_code", space_ref_type(info)));
	run(psprintf("UPDATE setting SET ddl_version = %d "
				 "WHERE ddl_version IS DISTINCT FROM %d", CIRRO_DDL_VERSION, CIRRO_DDL_VERSION));
	space_leave(&scope);
	return true;
}

/*
 * CALL upgrade_spaces(space name): one Space, or with NULL all that the caller
 * may run, each in a transaction of its own unless the call is inside one.
 * Idempotent; also what to call after ALTER SCHEMA … RENAME. Of many Spaces
 * one that fails is a WARNING and does not keep the others back. Errors: UG001,
 * 42501, 55000.
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
		SpaceInfo  *info = space_get(NameStr(*PG_GETARG_NAME(0)));

		space_check_run(info);
		spaces = list_make1(info);
	}
	MemoryContextSwitchTo(old);

	foreach(cell, spaces)
	{
		SpaceInfo  *info = lfirst(cell);
		ErrorData  *error;

		CHECK_FOR_INTERRUPTS();
		if (!space_may_run(info))
			continue;
		if (info->defect != NULL)
		{
			ereport(WARNING,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("Space \"%s\" is skipped", info->name),
					 errdetail("%s", info->defect)));
			continue;
		}
		if (run_isolated(upgrade_space, info, &error) == ISOLATED_FAILED)
		{
			if (!PG_ARGISNULL(0))
				ReThrowError(error);
			ereport(WARNING,
					(errcode(error->sqlerrcode),
					 errmsg("Space \"%s\" is skipped", info->name),
					 errdetail_internal("%s", error->message)));
		}
		if (!atomic)
			SPI_commit();
	}

	MemoryContextDelete(context);
	SPI_finish();
	PG_RETURN_VOID();
}

/* ----------------------------------------------------------------- list -- */

/* What spaces() asks inside a Space. */
typedef struct Status
{
	const SpaceInfo *info;
	Datum		values[2];
	bool		nulls[2];
} Status;

static bool
read_status(void *arg)
{
	Status	   *status = arg;
	SpaceScope	scope;

	space_enter(&scope, status->info->space, status->info->owner,
				SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	/* Without the row, as after a schema-only load: the defaults. */
	if (SPI_execute(psprintf("SELECT coalesce(s.ddl_version, %d)::int, coalesce(s.paused, false)::bool "
							 "FROM (VALUES (1)) one LEFT JOIN setting s ON true LIMIT 1",
							 CIRRO_DDL_VERSION),
					true, 1) == SPI_OK_SELECT && SPI_processed == 1)
		for (int i = 0; i < 2; i++)
			status->values[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
											  i + 1, &status->nulls[i]);
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
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	foreach(cell, space_list())
	{
		SpaceInfo  *info = lfirst(cell);
		NameData	name;
		Datum		values[5] = {0};
		bool		nulls[5] = {false, false, true, true, true};

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
			Status		status = {.info = info, .nulls = {true, true}};
			ErrorData  *error;

			if (run_isolated(read_status, &status, &error) == ISOLATED_FAILED)
			{
				values[4] = CStringGetTextDatum(error->message);
				nulls[4] = false;
			}
			else
				for (int i = 0; i < 2; i++)
				{
					values[2 + i] = status.values[i];
					nulls[2 + i] = status.nulls[i];
				}
		}
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	SPI_finish();
	return (Datum) 0;
}

/* -------------------------------------------------------------- unknown -- */

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
