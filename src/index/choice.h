/*-------------------------------------------------------------------------
 * src/index/choice.h
 *
 * Which parts of a filter a search of the index fetches.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_INDEX_CHOICE_H
#define CIRRO_INDEX_CHOICE_H

#include "index/entry.h"

/*
 * Decides by the fractions in a tree, and numbers what is to be fetched from
 * 0. Returns how many; 0 if no part narrows the search, or too many would.
 */
extern int	index_entry_choose(IndexEntry *root);

/* What it costs to come by a document, in microseconds. */
typedef struct DocumentCost
{
	double		pages;			/* of the table, a document */
	double		all_pages;
	double		detoast;		/* to have it at hand */
} DocumentCost;

/*
 * Is the whole table read sooner than what a search finds? Decides as above, but
 * numbers nothing.
 */
extern bool index_entry_better_scanned(IndexEntry *root, DocumentCost cost);

#endif							/* CIRRO_INDEX_CHOICE_H */
