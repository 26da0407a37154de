/*-------------------------------------------------------------------------
 * src/index/extract.h
 *
 * From a filter to the tree of index/entry.h.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_INDEX_EXTRACT_H
#define CIRRO_INDEX_EXTRACT_H

#include "index/entry.h"

/* The tree, allocated in the current context; it points into the filter. */
extern IndexEntry *index_entry_extract(const FilterQuery *query);

#endif							/* CIRRO_INDEX_EXTRACT_H */
