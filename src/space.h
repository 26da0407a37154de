/*-------------------------------------------------------------------------
 * src/space.h
 *
 * A Space seen from C: its schema, its owner, and how to work inside it.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_SPACE_H
#define CIRRO_SPACE_H

#include "postgres.h"
#include "storage/lockdefs.h"
#include "utils/relcache.h"

/* The DDL version that this library writes, and the oldest that it serves. */
#define CIRRO_DDL_VERSION		1
#define CIRRO_DDL_VERSION_MIN	1

typedef struct SpaceScope
{
	Oid			userid;
	int			sec_context;
	int			guc_nestlevel;
} SpaceScope;

/*
 * Works as "owner" with the schema "space" (and nothing else but pg_catalog)
 * on the search path, until space_leave; what the code in between did to
 * settings is undone there. "sec_flags" are added to the security context:
 * SECURITY_LOCAL_USERID_CHANGE always, SECURITY_NOFORCE_RLS for triggers,
 * SECURITY_RESTRICTED_OPERATION when the caller is not the owner's own
 * statement. An error in between undoes all of it with its (sub)transaction.
 * So queries name the tables of a Space without a schema.
 */
extern void space_enter(SpaceScope *scope, Oid space, Oid owner, int sec_flags);
extern void space_leave(SpaceScope *scope);

/*
 * space_enter for whoever works in many Spaces: in a security-restricted
 * operation, having locked the Space as below, and waiting for no lock longer
 * than two seconds, after which 55P03 is raised. False, and nothing to leave,
 * if the Space was dropped meanwhile.
 */
extern bool space_enter_turn(SpaceScope *scope, Oid space, Oid owner);

/*
 * Locks the table setting in "mode" until the end of the transaction: work in
 * the Space against drop_space, which would deadlock if each went over the
 * tables in an order of its own. So it comes before any other table. False if
 * the Space is gone.
 */
extern bool space_lock(Oid space, LOCKMODE mode);

#endif							/* CIRRO_SPACE_H */
