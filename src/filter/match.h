/*-------------------------------------------------------------------------
 * src/filter/match.h
 *
 * What matching by row and planning it have to agree on.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_FILTER_MATCH_H
#define CIRRO_FILTER_MATCH_H

#include "postgres.h"
#include "access/tupdesc.h"

/* The number of the column "profile", whatever its type, or 0. */
extern AttrNumber filter_profile_column(TupleDesc row);

#endif							/* CIRRO_FILTER_MATCH_H */
