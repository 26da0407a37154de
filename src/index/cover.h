/*-------------------------------------------------------------------------
 * src/index/cover.h
 *
 * What a filter requires of a document: a cover, keys of which each document
 * that matches has at least one.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_INDEX_COVER_H
#define CIRRO_INDEX_COVER_H

#include "filter/query.h"
#include "index/profile_stats.h"
#include "index/stored_key.h"

/* No filter has more keys. */
#define COVER_MAX_KEYS	64

/*
 * May keys of this shape be used (stored_key_shape_len)? Asked of what could be chosen,
 * perhaps more than once; what is chosen the keys tell.
 */
typedef bool (*CoverMayUse) (void *arg, const char *shape, int len);

/*
 * The cover that the fewest documents ask for, by statistics of theirs (NULL: by
 * constants), in ascending order, none twice; palloc'd. Pairs only if "pairs"; of shapes
 * only those that "may_use" allows (NULL: all). Returns how many: 0 if nothing can match,
 * one STORED_ALWAYS if nothing can be required.
 */
extern int	filter_cover(const FilterQuery *query, const ProfileStats *stats, bool pairs,
						 CoverMayUse may_use, void *arg, StoredKey **keys);

/*
 * Are these keys, in ascending order, a cover of the filter? Of any that filter_cover
 * could have made, whatever the statistics, that is certain.
 */
extern bool filter_is_covered(const FilterQuery *query, const StoredKey *keys, int nkeys);

#endif							/* CIRRO_INDEX_COVER_H */
