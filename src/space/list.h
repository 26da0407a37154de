/*-------------------------------------------------------------------------
 * src/space/list.h
 *
 * Which Spaces there are.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_SPACE_LIST_H
#define CIRRO_SPACE_LIST_H

#include "postgres.h"
#include "nodes/pg_list.h"

typedef struct SpaceInfo
{
	Oid			space;			/* its schema */
	char	   *name;
	Oid			owner;			/* of its tables */
	Oid			invitation;		/* its table invitation */
	char	   *defect;			/* why it must not be worked in, or NULL */
	bool		has_tables;		/* sound ones: at most triggers are amiss */
} SpaceInfo;

/*
 * All Spaces of the database by name, those with a defect included. All of
 * this file reads catalogues only, so it is safe before space_enter; results
 * are in the current memory context.
 */
extern List *space_list(void);

/*
 * The same without a word of defects, which take longer to find than all the
 * rest: space_examine does so for a Space that is to be worked in.
 */
extern List *space_list_unexamined(void);
extern void space_examine(SpaceInfo *info);

/* The Space of that name, or NULL if there is none; it may have a defect. */
extern SpaceInfo *space_find(const char *name);

/*
 * The same for a Space that is to be used now: raises UG001 if there is none,
 * and 55000 if it has a defect.
 */
extern SpaceInfo *space_get(const char *name);

/* The same for one to be upgraded or dropped: its triggers do not matter. */
extern SpaceInfo *space_get_tables(const char *name);

/* Whether the current user is the Space's owner or may become it. */
extern bool space_may_run(const SpaceInfo *info);

/* Raises 42501 unless the current user may run the Space. */
extern void space_check_run(const SpaceInfo *info);

/*
 * Whether the current user may run any of "spaces", or those to come, as a
 * superuser may. If not, says so at that level with 42501; at ERROR it does
 * not return then.
 */
extern bool space_check_run_any(const List *spaces, int elevel);

/*
 * The schema of a Space of which some tables are to be read or written with the rights of
 * the current user. Raises UG001 if there is none; 42501 unless the user may use it; and
 * 55000 where one of the tables could do anything with these rights: if it is a view, or
 * columns that the engine uses are of other types, with operators and casts of their own.
 */
extern Oid	space_get_to_ask(const char *name, const char *const *names, int ntables);

/* Raises 42501 unless the current user may reach its invitations and insert some. */
extern void space_check_invite(const SpaceInfo *info);

#endif							/* CIRRO_SPACE_LIST_H */
