/*-------------------------------------------------------------------------
 * src/space/scope.h
 *
 * A Space seen from C: its schema, its owner, and how to work inside it.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_SPACE_SCOPE_H
#define CIRRO_SPACE_SCOPE_H

#include "postgres.h"
#include "nodes/pg_list.h"
#include "storage/lockdefs.h"
#include "utils/relcache.h"

typedef struct SpaceScope
{
	Oid			userid;
	int			sec_context;
	int			guc_nestlevel;
	bool		is_restricted;
	int			temporary;		/* objects in the session's temporary schema */
} SpaceScope;

/*
 * Works as "owner" with the schema "space" (and nothing else but pg_catalog)
 * on the search path, until space_leave; what the code in between did to
 * settings is undone there. "sec_flags" are added to the security context:
 * SECURITY_LOCAL_USERID_CHANGE always, SECURITY_NOFORCE_RLS for triggers,
 * SECURITY_RESTRICTED_OPERATION when the caller is not the owner's own
 * statement. An error in between undoes all of it with its (sub)transaction.
 * So queries name the tables of a Space without a schema. Raises 42501 if
 * "owner" may not use the schema; from space_leave if temporary objects were
 * made in a restricted operation.
 */
extern void space_enter(SpaceScope *scope, Oid space, Oid owner, int sec_flags);
extern void space_leave(SpaceScope *scope);

/*
 * Sees to it that the names of tables mean those of the Space that space_enter
 * has entered: it may be renamed at any time, and triggers may change the path.
 * Raises 40001 if another schema has its name.
 */
extern void space_set_path(Oid space);

/*
 * The same for whoever makes what keeps the path that there is: a path of the caller
 * that leads to the Space may have more behind it, and pg_temp before it one day.
 */
extern void space_set_whole_path(Oid space);

/*
 * Locks a table of the Space until the end of the transaction, so that it
 * cannot change hands; false if it is not there, or not "owner"'s. space_hold
 * does so with several, and raises 40001.
 */
extern bool space_holds(Oid space, const char *table, Oid owner);
extern void space_hold(Oid space, Oid owner, const char *const *tables, int ntables);

/*
 * Until space_leave no lock is waited for longer than two seconds: whoever
 * works in many Spaces must not be held up by a lock in one. Raises 55P03
 * where the wait ends.
 */
extern void space_limit_waits(void);

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
 * the Space is gone. "hurried": with waits limited.
 */
extern bool space_lock(Oid space, LOCKMODE mode, bool hurried);

/*
 * Enters a Space of somebody else: in a security-restricted operation, with all
 * of its tables held; as space_enter_turn if "hurried", and only then ever false.
 */
extern bool space_visit(SpaceScope *scope, Oid space, Oid owner, bool hurried);

/* The objects of a schema that are rows of "catalog"; all of them if that is InvalidOid. */
extern List *space_objects(Oid schema, Oid catalog);

#endif							/* CIRRO_SPACE_SCOPE_H */
