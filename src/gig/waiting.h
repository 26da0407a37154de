/*-------------------------------------------------------------------------
 * src/gig/waiting.h
 *
 * Those who wait for a seat of a gig: who is next, and giving it to him. Callers
 * have entered the Space, are connected to SPI and hold gig_state of the gig.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_GIG_WAITING_H
#define CIRRO_GIG_WAITING_H

#include "postgres.h"
#include "utils/timestamp.h"

/* A place in the queue of a gig. */
typedef struct WaitingPlace
{
	TimestampTz since;
	int64		invitation_id;
} WaitingPlace;

/* Before all of them. */
#define WAITING_NOBODY	{DT_NOBEGIN, PG_INT64_MIN}

/*
 * Makes the first "seats" invitations behind "place" accepted that wait, whose worker
 * is active and that nobody holds locked, and moves "place" to the last of them.
 * Returns how many there were. Those that a trigger of the Space's owner keeps from
 * it, also by an error, go on waiting.
 */
extern int64 waiting_seat(Oid space, int64 gig_id, int64 seats, WaitingPlace *place);

/*
 * Is the statement whose trigger runs the one by which waiting_seat gives seats of
 * this gig? It is part of a larger one, which settles what it means for the gig.
 */
extern bool waiting_is_seating(int64 gig_id);

/*
 * Does an active worker wait, or one who may be active when another transaction has
 * ended? The rows of the others are locked FOR SHARE, without waiting for any.
 */
extern bool waiting_any(Oid space, int64 gig_id);

#endif							/* CIRRO_GIG_WAITING_H */
