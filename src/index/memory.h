/*-------------------------------------------------------------------------
 * src/index/memory.h
 *
 * What the planner found of a filter, or of a document, for the search that may
 * follow.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_INDEX_MEMORY_H
#define CIRRO_INDEX_MEMORY_H

#include "index/entry.h"
#include "utils/jsonb.h"

/*
 * Keeps the estimates of a tree, unless it is very large, and whether a scan is
 * better than a search.
 */
extern void index_entry_remember(const FilterQuery *query, IndexEntry *root, bool better_scanned);

/* Forgets them: the filter is planned for a table without statistics. */
extern void index_entry_forget(const FilterQuery *query);

/*
 * Sets them in a tree of the same filter. False if there are none; then nothing
 * is set.
 */
extern bool index_entry_recall(const FilterQuery *query, IndexEntry *root, bool *better_scanned);

/*
 * Of a document, by which filters are searched: as how many entries the search is to
 * be priced (index/stored_cost.h). 1 where nothing was kept.
 */
extern void document_entries_remember(const Jsonb *document, int32 entries);
extern int32 document_entries_recall(const Jsonb *document);

#endif							/* CIRRO_INDEX_MEMORY_H */
