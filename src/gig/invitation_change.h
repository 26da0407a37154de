/*-------------------------------------------------------------------------
 * src/gig/invitation_change.h
 *
 * What a statement did to invitations: to the seats of each gig, and what
 * events it made.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_GIG_INVITATION_CHANGE_H
#define CIRRO_GIG_INVITATION_CHANGE_H

#include "postgres.h"
#include "commands/trigger.h"

#include "gig/event.h"
#include "gig/state.h"
#include "gig/trigger.h"

/* So many are read at a time. */
#define INVITATION_NEWS_MAX 10000

typedef struct InvitationChanges
{
	/* Once all is read: one per gig, in ascending order of its id. */
	GigChange  *changes;
	size_t		nchanges;
	int64		ndeleted;
	bool		of_one_worker;	/* those deleted */
	int64		worker_id;		/* this one */

	/* Of what was read last, in the order of the statement. */
	InvitationEvent *news;
	int			nnews;

	/* How far it is read. */
	Relation	rel;
	bool		has_old;
	bool		has_new;
	TriggerRows old;
	TriggerRows new;
	size_t		changes_allocated;
	int			news_allocated;
} InvitationChanges;

/*
 * Begins with the transition tables of an AFTER STATEMENT trigger. Memory is the
 * caller's current context, and does not grow with the number of rows, but with
 * that of gigs. Raises 42703 or 42804 if the table has another shape.
 */
extern void invitation_changes_begin(InvitationChanges *done, TriggerData *trigdata);

/* All of it, of one row that was updated; it is read already. */
extern void invitation_changes_of_row(InvitationChanges *done, Relation rel,
									  TupleTableSlot *old, TupleTableSlot *new);

/*
 * Reads on: to the end, which gives false, or until there is news of
 * INVITATION_NEWS_MAX rows. The news of the call before is gone.
 */
extern bool invitation_changes_read(InvitationChanges *done);

#endif							/* CIRRO_GIG_INVITATION_CHANGE_H */
