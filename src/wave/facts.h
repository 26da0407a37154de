/*-------------------------------------------------------------------------
 * src/wave/facts.h
 *
 * What a turn goes by.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_FACTS_H
#define CIRRO_WAVE_FACTS_H

#include "wave/wave.h"

/* Below, the caller is connected to SPI and has the Space entered. */

/*
 * Locks the gig's row for the turn. False if it is gone, or, unless that is to be
 * waited for, locked by somebody else.
 */
extern bool wave_claim(const GigTurn *turn, bool wait);

/*
 * For those who hold the gig row: reads what the gig's rows say, by a snapshot taken
 * now: what another wave of this gig has just committed is seen. False if the gig or
 * its state is gone.
 */
extern bool wave_turn_read(GigTurn *turn);

/*
 * Is an invitation due that was scheduled, as of turn->now? Later than
 * wave_turn_read, so that who schedules meanwhile is either seen or has changed the
 * version of gig_state.
 */
extern bool wave_turn_sends(GigTurn *turn);

#endif							/* CIRRO_WAVE_FACTS_H */
