/*-------------------------------------------------------------------------
 * src/space/scope.c
 *
 * Working inside a Space: as its owner, on its search path, and back. Decides
 * that it is still that owner's Space. Must not read a table of a Space.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "cirro.h"
#include "compat.h"
#include "space/ddl.h"
#include "space/scope.h"
#include "space/shard.h"

/* Is it what names mean? */
static bool
path_leads_to(Oid space)
{
	List	   *path = fetch_search_path(true);

	/* The temporary schema would be in front if the path did not name it. */
	bool		leads = list_length(path) >= 2 &&
		linitial_oid(path) == PG_CATALOG_NAMESPACE && lsecond_oid(path) == space;

	list_free(path);
	return leads;
}

/*
 * A schema is on a search path by its name, and only if the user may use it:
 * what stands in the place of a Space that was renamed, or is closed to its
 * owner, belongs to somebody else.
 */
void
space_set_whole_path(Oid space)
{
	char	   *name = get_namespace_name(space);
	char	   *path;

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CIRRO_UNKNOWN_SPACE),
				 errmsg("Space with OID %u does not exist", space),
				 errdetail("Its schema was dropped meanwhile."),
				 errhint("SELECT * FROM cirro.spaces() lists the Spaces.")));

	/* Quoted or not, it means the schema of the current user. */
	if (strcmp(name, "$user") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("\"$user\" cannot be a Space"),
				 errdetail("In a search path it stands for another schema."),
				 errhint("Rename the schema.")));

	path = psprintf("%s, pg_temp", quote_identifier(name));
	(void) set_config_option("search_path", path, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	pfree(path);
	if (!path_leads_to(space))
	{
		if (cirro_schema_aclcheck(space, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied for schema \"%s\"", name),
					 errdetail("Role \"%s\" owns the tables of the Space.",
							   GetUserNameFromId(GetUserId(), false)),
					 errhint("GRANT USAGE ON that schema to its owner.")));
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("Space \"%s\" was renamed while it was worked in", name),
				 errdetail("Another schema may bear its name by now."),
				 errhint("Repeat the call.")));
	}
	pfree(name);
}

void
space_set_path(Oid space)
{
	if (!path_leads_to(space))
		space_set_whole_path(space);
}

List *
space_objects(Oid schema, Oid catalog)
{
	Relation	depends = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *objects = NIL;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(NamespaceRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(schema));
	scan = systable_beginscan(depends, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend object = (Form_pg_depend) GETSTRUCT(tuple);

		if (object->classid == catalog || !OidIsValid(catalog))
			objects = lappend_oid(objects, object->objid);
	}
	systable_endscan(scan);
	table_close(depends, AccessShareLock);
	return objects;
}

/* What there is in the session's temporary schema. */
static int
temporary_objects(void)
{
	Oid			schema;
	Oid			toast_schema;
	List	   *objects;
	int			count;

	GetTempNamespaceState(&schema, &toast_schema);
	objects = OidIsValid(schema) ? space_objects(schema, InvalidOid) : NIL;
	count = list_length(objects);
	list_free(objects);
	return count;
}

void
space_enter(SpaceScope *scope, Oid space, Oid owner, int sec_flags)
{
	GetUserIdAndSecContext(&scope->userid, &scope->sec_context);
	scope->is_restricted = (sec_flags & SECURITY_RESTRICTED_OPERATION) != 0;
	scope->temporary = scope->is_restricted ? temporary_objects() : 0;
	scope->guc_nestlevel = NewGUCNestLevel();
	SetUserIdAndSecContext(owner, scope->sec_context |
						   SECURITY_LOCAL_USERID_CHANGE | sec_flags);

	space_set_path(space);
}

bool
space_holds(Oid space, const char *table, Oid owner)
{
	Oid			relation = get_relname_relid(table, space);
	HeapTuple	tuple;
	bool		holds;

	if (!OidIsValid(relation))
		return false;
	/* What is true with the lock stays true. */
	LockRelationOid(relation, AccessShareLock);
	tuple = SearchSysCache2(RELNAMENSP, CStringGetDatum(table), ObjectIdGetDatum(space));
	holds = HeapTupleIsValid(tuple) &&
		((Form_pg_class) GETSTRUCT(tuple))->oid == relation &&
		((Form_pg_class) GETSTRUCT(tuple))->relowner == owner;
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return holds;
}

void
space_hold(Oid space, Oid owner, const char *const *tables, int ntables)
{
	for (int i = 0; i < ntables; i++)
		if (!space_holds(space, tables[i], owner))
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("table \"%s\" of a Space has changed hands", tables[i]),
					 errdetail("It belongs to role \"%s\" no more, in whose name this was begun.",
							   GetUserNameFromId(owner, true)),
					 errhint("Repeat the call, once all tables of the Space have one owner.")));
}

void
space_limit_waits(void)
{
	/* Longer than a deadlock takes to be found by default. */
	if (LockTimeout == 0 || LockTimeout > 2000)
		(void) set_config_option("lock_timeout", "2s", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}

bool
space_lock(Oid space, LOCKMODE mode, bool hurried)
{
	Oid			setting = get_relname_relid("setting", space);
	int			level;
	bool		stays;

	if (!OidIsValid(setting))
		return false;
	level = NewGUCNestLevel();
	if (hurried)
		space_limit_waits();
	LockRelationOid(setting, mode);
	stays = shard_stay(space);
	AtEOXact_GUC(false, level);
	/* Who held the lock may have dropped it. */
	return stays && get_relname_relid("setting", space) == setting;
}

bool
space_enter_turn(SpaceScope *scope, Oid space, Oid owner)
{
	if (!space_lock(space, AccessShareLock, true))
		return false;
	space_enter(scope, space, owner,
				SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	space_limit_waits();
	return true;
}

bool
space_visit(SpaceScope *scope, Oid space, Oid owner, bool hurried)
{
	if (!hurried)
	{
		/* If it is gone, space_hold will say so. */
		(void) space_lock(space, AccessShareLock, false);
		space_enter(scope, space, owner, SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	}
	else if (!space_enter_turn(scope, space, owner))
		return false;
	space_hold(space, owner, space_tables, SPACE_TABLES);
	return true;
}

/*
 * A restricted operation can make no temporary table, but a function, say, which
 * the caller may call later: sessions are not shared.
 */
void
space_leave(SpaceScope *scope)
{
	if (scope->is_restricted && temporary_objects() != scope->temporary)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("a Space left something in the temporary schema of the session"),
				 errdetail("Role \"%s\" owns the Space; the session is not its own.",
						   GetUserNameFromId(GetUserId(), true)),
				 errhint("Triggers on its tables must not make temporary objects.")));
	AtEOXact_GUC(false, scope->guc_nestlevel);
	SetUserIdAndSecContext(scope->userid, scope->sec_context);
}
