/*-------------------------------------------------------------------------
 * src/wave/invite.h
 *
 * Inviting the workers that a wave has found, row by row.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_INVITE_H
#define CIRRO_WAVE_INVITE_H

#include "postgres.h"
#include "storage/itemptr.h"

/* Workers whom a wave has found. */
typedef struct Proposals
{
	int			count;
	const int64 *ids;
	/* Where a pass has seen each match, and as written by whom; or NULL. */
	const ItemPointerData *places;
	const TransactionId *xmins;
} Proposals;

/*
 * Invites those of them who are active, match the gig's filter, of type
 * cirro.filter_query, and are locked by nobody else, in ascending order of their ids.
 * For the rest see gig/invitation_write.h. Returns how many; -1, with nothing done but
 * workers locked, if statements have to.
 */
extern int	wave_invite(Oid space, int64 gig_id, int64 wave_id, Datum filter,
						const Proposals *proposals);

#endif							/* CIRRO_WAVE_INVITE_H */
