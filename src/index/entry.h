/*-------------------------------------------------------------------------
 * src/index/entry.h
 *
 * For those who make the tree of index/extract.h.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_INDEX_ENTRY_H
#define CIRRO_INDEX_ENTRY_H

#include "index/extract.h"

/* An entry without keys yet; one around others. In the current context. */
extern FilterEntry *filter_entry_make(EntryKind kind, const FilterNode *node);
extern FilterEntry *filter_entry_inner(EntryKind kind, FilterEntry *first);

/*
 * AND or OR of a list of entries, simplified: nested ones of the same kind
 * dissolved, constants taken out, ranges on one path joined. Takes the list
 * over.
 */
extern FilterEntry *filter_entry_combine(EntryKind kind, FilterEntry *entries);

/* What is necessary stays so; it is not sufficient. */
extern void filter_entry_inexact(FilterEntry *entry);

#endif							/* CIRRO_INDEX_ENTRY_H */
