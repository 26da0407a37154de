/*-------------------------------------------------------------------------
 * src/space_scope.c
 *
 * Working inside a Space: as its owner, on its search path, and back. Must
 * not read a table of a Space.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "cirro.h"
#include "space.h"

void
space_enter(SpaceScope *scope, Oid space, Oid owner, int sec_flags)
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

	GetUserIdAndSecContext(&scope->userid, &scope->sec_context);
	scope->guc_nestlevel = NewGUCNestLevel();
	SetUserIdAndSecContext(owner, scope->sec_context |
						   SECURITY_LOCAL_USERID_CHANGE | sec_flags);

	path = psprintf("%s, pg_temp", quote_identifier(name));
	/* The Space's own functions are there already: nothing to look up anew. */
	if (strcmp(namespace_search_path, path) != 0)
		(void) set_config_option("search_path", path, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	pfree(path);
	pfree(name);
}

static void
limit_waits(void)
{
	/* Longer than a deadlock takes to be found by default. */
	if (LockTimeout == 0 || LockTimeout > 2000)
		(void) set_config_option("lock_timeout", "2s", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}

bool
space_lock(Oid space, LOCKMODE mode)
{
	Oid			setting = get_relname_relid("setting", space);

	if (!OidIsValid(setting))
		return false;
	LockRelationOid(setting, mode);
	/* Who held the lock may have dropped it. */
	return get_relname_relid("setting", space) == setting;
}

bool
space_enter_turn(SpaceScope *scope, Oid space, Oid owner)
{
	int			level = NewGUCNestLevel();
	bool		locked;

	limit_waits();
	locked = space_lock(space, AccessShareLock);
	AtEOXact_GUC(false, level);
	if (!locked)
		return false;

	space_enter(scope, space, owner,
				SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	limit_waits();
	return true;
}

void
space_leave(SpaceScope *scope)
{
	AtEOXact_GUC(false, scope->guc_nestlevel);
	SetUserIdAndSecContext(scope->userid, scope->sec_context);
}
