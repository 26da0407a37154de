/*-------------------------------------------------------------------------
 * src/filter/match.h
 *
 * What matching by row and planning it have to agree on.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_FILTER_MATCH_H
#define CIRRO_FILTER_MATCH_H

#include "access/tupdesc.h"

extern AttrNumber filter_profile_column(TupleDesc row);

#endif							/* CIRRO_FILTER_MATCH_H */
