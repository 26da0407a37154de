/*-------------------------------------------------------------------------
 * src/gig/cancel.h
 *
 * What it means for workers and invitations that a gig is cancelled.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_GIG_CANCEL_H
#define CIRRO_GIG_CANCEL_H

#include "postgres.h"
#include "commands/trigger.h"

/*
 * For an AFTER UPDATE STATEMENT trigger of gig that has entered "space": of the
 * gigs that the statement has cancelled every pending and accepted worker is told,
 * and what is pending or scheduled expires without another word. Locks these gigs
 * FOR UPDATE, then all of their invitations, each in ascending order; where it
 * has to, gig_state. To be called before gig_state is. Raises 40001 if a snapshot
 * hides invitations that are to expire.
 */
extern void gig_cancel_invitations(TriggerData *trigdata, Oid space);

#endif							/* CIRRO_GIG_CANCEL_H */
