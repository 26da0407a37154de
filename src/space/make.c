/*-------------------------------------------------------------------------
 * src/space/make.c
 *
 * Making and dropping Spaces, as their owner. Must not run anything of an
 * existing schema as the caller.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "space/ddl.h"
#include "space/list.h"
#include "space/query.h"
#include "space/scope.h"
#include "space/shard.h"

PG_FUNCTION_INFO_V1(create_space);
PG_FUNCTION_INFO_V1(drop_space);

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

/* --------------------------------------------------------------- create -- */

static void
check_names_free(const char *name, Oid space)
{
	SpaceInfo  *info = space_find(name);
	ListCell   *cell;

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
	foreach(cell, space_objects(space, ProcedureRelationId))
	{
		char	   *function = get_func_name(lfirst_oid(cell));

		for (int i = 0; function != NULL && i < (int) lengthof(space_functions); i++)
			if (strcmp(function, space_functions[i].name) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_FUNCTION),
						 errmsg("schema \"%s\" has a function \"%s\" already", name, function),
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
				 errhint("Give a name, such as cirro.create_space('trees').")));
	name = NameStr(*PG_GETARG_NAME(0));

	if (ref_type != TEXTOID && ref_type != UUIDOID && ref_type != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ref_type cannot be %s",
						format_type_extended(ref_type, -1, FORMAT_TYPE_ALLOW_INVALID)),
				 errdetail("It is the type of the application's own ids of workers and gigs."),
				 errhint("Use text, uuid or bigint.")));
	if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(owner)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role with OID %u does not exist", owner),
				 errdetail("It was given as the owner of Space \"%s\".", name),
				 errhint("Give the name of a role.")));
	check_owner(owner, name);
	if (name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("the name of a Space cannot be empty"),
				 errhint("Give a name, such as cirro.create_space('trees').")));
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
		int			level = NewGUCNestLevel();

		shard_make_local();
		space_run(psprintf("CREATE SCHEMA %s AUTHORIZATION %s", quote_identifier(name),
						   quote_identifier(GetUserNameFromId(owner, false))));
		AtEOXact_GUC(true, level);
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
	space_set_whole_path(space);
	space_run(space_ddl("space_tables", format_type_be(ref_type)));
	space_run(space_ddl("space_code", format_type_be(ref_type)));
	space_run(psprintf("INSERT INTO setting (made_schema, ddl_version) VALUES (%s, %d)",
					   made_schema ? "true" : "false", CIRRO_DDL_VERSION));
	space_run("INSERT INTO consumer (name) VALUES ('default')");
	space_leave(&scope);

	SPI_finish();
	PG_RETURN_VOID();
}

/* ----------------------------------------------------------------- drop -- */

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
	space_run(command.data);
}

static void
drop_functions(const char *schema, const char *ref_type)
{
	for (int i = 0; i < (int) lengthof(space_functions); i++)
		space_run(psprintf("DROP FUNCTION IF EXISTS %s.%s%s RESTRICT", quote_identifier(schema),
						   quote_identifier(space_functions[i].name),
						   space_arguments(&space_functions[i], ref_type)));
}

/* Without the row the schema stays. */
static const SpaceQuery made_schema_query = {
	"SELECT coalesce(bool_and(t.made_schema), false)::bool FROM setting t"
};

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
	QueryArgs	args = {&made_schema_query};
	ResultRow	row;
	bool		made_schema;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the name of a Space cannot be null"),
				 errhint("cirro.spaces() lists the Spaces of this database.")));
	name = NameStr(*PG_GETARG_NAME(0));
	info = space_get_tables(name);
	space = info->space;
	space_check_run(info);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	/* Whoever was first has dropped it: UG001. */
	if (!space_lock(space, AccessExclusiveLock, false))
		(void) space_get_tables(name);
	space_enter(&scope, space, info->owner,
				info->owner == GetUserId() ? 0 : SECURITY_RESTRICTED_OPERATION);
	space_hold(space, info->owner, space_tables, SPACE_TABLES);

	query_run_once(&args, true);
	row = result_row(0);
	made_schema = result_bool(&row);
	result_end(&row);
	drop_relations("VIEW", name, space_views, lengthof(space_views));
	drop_functions(name, space_ref_type(info));
	drop_relations("TABLE", name, space_tables, lengthof(space_tables));
	CommandCounterIncrement();

	if (made_schema && space_objects(space, InvalidOid) == NIL)
		space_run(psprintf("DROP SCHEMA %s RESTRICT", quote_identifier(name)));
	else
		ereport(NOTICE,
				(errmsg("schema \"%s\" is kept", name),
				 made_schema ? errdetail("Other objects are in it.")
				 : errdetail("It was there before the Space.")));
	space_leave(&scope);
	SPI_finish();
	PG_RETURN_VOID();
}
