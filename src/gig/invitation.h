/*-------------------------------------------------------------------------
 * src/gig/invitation.h
 *
 * An invitation's statuses and columns, and what a statement did to many.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_GIG_INVITATION_H
#define CIRRO_GIG_INVITATION_H

#include "postgres.h"
#include "commands/trigger.h"

#include "gig/state.h"
#include "gig/trigger.h"

typedef enum Status
{
	SCHEDULED,
	PENDING,
	ACCEPTED,
	REJECTED,
	EXPIRED,
	LEFT
} Status;

#define NSTATUSES	(LEFT + 1)

enum
{
	ID, GIG_ID, WORKER_ID, STATUS, REASON, ORIGIN, WAVE_ID, SEND_AT,
	INVITED_AT, RESPONDED_AT, TIMES_INVITED, REVISION, SILENT, SILENCED,
	CREATED_AT, NCOLUMNS
};

extern const char *const invitation_statuses[NSTATUSES];
extern const TriggerColumn invitation_columns[NCOLUMNS];

/* The status that a text names; raises 23514 for a text that is none. */
extern Status invitation_status(Datum name);

/* Is this the value of a text column? */
extern bool text_is(Datum value, const char *text);

/* What the consumers are told of one row. */
typedef struct InvitationNews
{
	bool		is_new;			/* invitation.created, else updated */
	int64		gig_id;
	int64		worker_id;
	int64		id;
	int32		revision;
	int			status;			/* a Status, or -1: none to speak of */
	int			previous;		/* likewise */
} InvitationNews;

/* What one statement did: "changes" per gig in ascending order of its id. */
typedef struct InvitationChanges
{
	GigChange  *changes;
	size_t		nchanges;
	size_t		allocated;
	int64		nnews;			/* rows to tell of */
	InvitationNews news;		/* the last of them */
	int64		ndeleted;
	bool		of_one_worker;	/* those deleted */
	int64		worker_id;		/* this one */
} InvitationChanges;

/*
 * Reads the transition tables of an AFTER STATEMENT trigger. Memory is the
 * caller's current context. Raises 42703 or 42804 if the table has another
 * shape.
 */
extern void invitation_changes(TriggerData *trigdata, InvitationChanges *result);

#endif							/* CIRRO_GIG_INVITATION_H */
