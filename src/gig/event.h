/*-------------------------------------------------------------------------
 * src/gig/event.h
 *
 * What has happened, and who is to hear of it. Callers have entered the Space
 * and are connected to SPI. Nothing here locks a row that is there, but where
 * it says so.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_GIG_EVENT_H
#define CIRRO_GIG_EVENT_H

#include "postgres.h"

/* Is a text of that length a kind of event? */
extern bool event_is_kind(const char *name, size_t length);

/* All kinds, with commas between, for a message; palloc'd. */
extern char *event_kinds_listed(void);

/* That an invitation has come, or its status has changed. */
typedef struct InvitationEvent
{
	int64		id;				/* the invitation's */
	int64		gig_id;
	int64		worker_id;
	int32		revision;
	bool		is_new;			/* invitation.created, else updated */
	bool		silent;			/* consumers do not hear of it */
	const char *status;			/* a constant; NULL: none to speak of */
	const char *previous;		/* likewise */
} InvitationEvent;

/* Writes "n" of these, and who is to hear of those that are not silent. */
extern void event_of_invitations(Oid space, const InvitationEvent *events, int n);

/*
 * Writes an event of a gig, and who is to hear of it. "payload" is a jsonb whose
 * keys go over those that a claim looks up, or 0 for none.
 */
extern void event_of_gig(Oid space, int64 gig_id, const char *kind, Datum payload);

/*
 * The same for many gigs, without a payload, of those that are there: invitations
 * give back seats while their gig is deleted.
 */
extern void event_of_gigs(Oid space, const int64 *gig_ids, int n, const char *kind);

/*
 * Writes an event of each worker who is pending, waits or has accepted, and who is to
 * hear of it. Locks all invitations of the gig in ascending order first, FOR
 * UPDATE. To a payload that is given each adds its "invitation".
 */
extern void event_of_workers(Oid space, int64 gig_id, const char *kind, Datum payload);

#endif							/* CIRRO_GIG_EVENT_H */
