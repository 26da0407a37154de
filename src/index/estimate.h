/*-------------------------------------------------------------------------
 * src/index/estimate.h
 *
 * How many documents a filter matches.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_INDEX_ESTIMATE_H
#define CIRRO_INDEX_ESTIMATE_H

#include "index/entry.h"
#include "index/profile_stats.h"

/*
 * Sets the fractions and selectivities of a tree, of the documents, and returns
 * the selectivity of the filter, of all rows; from the statistics, or by
 * defaults where they are NULL.
 */
extern double index_entry_estimate(IndexEntry *root, const FilterQuery *query,
								   const ProfileStats *stats);

/* Of the documents, those that have a key of this one (KEY, RANGE, SET); likewise. */
extern double index_entry_fraction(const IndexEntry *entry, const ProfileStats *stats);

#endif							/* CIRRO_INDEX_ESTIMATE_H */
