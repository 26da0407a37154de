/*-------------------------------------------------------------------------
 * src/space/floor.h
 *
 * Since when the transactions run that may be writing a table of a Space.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_SPACE_FLOOR_H
#define CIRRO_SPACE_FLOOR_H

#include "postgres.h"
#include "datatype/timestamp.h"

/*
 * The earliest start of the transactions, other sessions' and prepared ones,
 * that hold a lock on "relation" to write it; "none" where there are none. What
 * one wrote that is not among them is seen by every snapshot taken after this
 * call, and none has written anything before it began. False if the start of one
 * of them cannot be known: it is prepared, does without track_activities, or has
 * ended meanwhile.
 */
extern bool writers_since(Oid relation, TimestampTz none, TimestampTz *since);

#endif							/* CIRRO_SPACE_FLOOR_H */
