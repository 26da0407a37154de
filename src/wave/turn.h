/*-------------------------------------------------------------------------
 * src/wave/turn.h
 *
 * One gig's turn: what is due for it, its wave first of all.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_TURN_H
#define CIRRO_WAVE_TURN_H

#include "postgres.h"

#include "isolate.h"
#include "wave/wave.h"

/* What came of a gig's turn. */
typedef enum GigOutcome
{
	GIG_DONE,
	GIG_SKIPPED,				/* it is gone, paused, or another works on it */
	GIG_LOCKED,					/* waited for a lock in vain */
	GIG_FAILED,					/* recorded in the Space */
	GIG_LACKS_RESOURCES			/* failed as the Space's next gig will, too */
} GigOutcome;

/*
 * Does all that is due for a gig in the current transaction, in
 * subtransactions of its own; errors end up in the Space's table wave. What
 * could not even be recorded is a WARNING. The caller has no Space entered;
 * the rows touched stay locked until it commits. "found" may be NULL.
 */
extern GigOutcome wave_take_turn(Oid space, const char *name, Oid owner, int64 gig_id,
								 const BatchedGig *found);

extern bool wave_turn_is_open(const GigTurn *turn);

/*
 * Runs a step of the turn as run_isolated does, but that the gig closed or filled
 * up while it was at work is no failure: nothing was left for it to do, and it is
 * given up. If somebody has left since, it is tried again.
 */
extern IsolatedResult wave_turn_try(GigTurn *turn, IsolatedWork step, ErrorData **error);

/*
 * Writes what has become of the gig, and when to look at it again. "due" is
 * when the wave was due; it counts if turn->waved.
 */
extern void wave_turn_finish(GigTurn *turn, TimestampTz due);

#endif							/* CIRRO_WAVE_TURN_H */
