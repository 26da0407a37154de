/*-------------------------------------------------------------------------
 * src/wave/invite.h
 *
 * Inviting the workers that a wave has found, row by row.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_INVITE_H
#define CIRRO_WAVE_INVITE_H

#include "postgres.h"

#include "wave/wave.h"

/*
 * Invites those of "count" workers who are active, match the gig's filter and are
 * locked by nobody else, in ascending order of their ids, as the wave turn->wave_id.
 * "places" and "xmins" tell where and as written by whom a pass has seen each match, or
 * are NULL. Returns how many; -1, with nothing done, if statements have to.
 *
 * Raises 23505 if somebody else has invited one of them meanwhile: then undo the wave,
 * and repeat it by statements.
 */
extern int	wave_invite(GigTurn *turn, const int64 *ids, const ItemPointerData *places,
						const TransactionId *xmins, int count);

#endif							/* CIRRO_WAVE_INVITE_H */
