/*-------------------------------------------------------------------------
 * src/gig/invitation_write.h
 *
 * Invitations written row by row, with all that their triggers do.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_GIG_INVITATION_WRITE_H
#define CIRRO_GIG_INVITATION_WRITE_H

#include "postgres.h"

/*
 * Invites workers to a gig, by a wave, as an INSERT would. Ids are in ascending
 * order; the caller holds the rows of the gig and of the workers, has entered the
 * Space, and writes gig_state anew in this transaction: here it is locked, and
 * changed where it has to. False, and nothing is done, if a statement has to.
 *
 * Raises 23505 if somebody else has invited one of them meanwhile, and what the
 * triggers of invitation do.
 */
extern bool invitation_write(Oid space, int64 gig_id, int64 wave_id,
							 const int64 *workers, int n);

#endif							/* CIRRO_GIG_INVITATION_WRITE_H */
