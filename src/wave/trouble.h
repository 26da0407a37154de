/*-------------------------------------------------------------------------
 * src/wave/trouble.h
 *
 * Which Spaces have given trouble in a call of run_waves.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_TROUBLE_H
#define CIRRO_WAVE_TROUBLE_H

#include "postgres.h"
#include "utils/hsearch.h"

/*
 * Begins to remember, in that memory, and returns what was remembered before: calls may
 * be nested. The caller gives that to trouble_end, in an error too.
 */
extern HTAB *trouble_begin(MemoryContext context);
extern void trouble_end(HTAB *previous);

/* Is it the first of its kind in this Space? Then a message is due. */
extern bool trouble_is_new(Oid space, int sqlerrcode);

/* Leaves the Space alone for a minute; or asks whether that is still to be. */
extern void trouble_rest(Oid space);
extern bool trouble_rests(Oid space);

#endif							/* CIRRO_WAVE_TROUBLE_H */
