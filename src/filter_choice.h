/*-------------------------------------------------------------------------
 * src/filter_choice.h
 *
 * Which parts of a filter a search of the index fetches.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_FILTER_CHOICE_H
#define CIRRO_FILTER_CHOICE_H

#include "filter_extract.h"

/* Entries that one search may have; a filter that needs more has none. */
#define FILTER_MAX_ENTRIES	4096

/*
 * Decides by the fractions in a tree, and numbers what is to be fetched from
 * 0. Returns how many; 0 if no part narrows the search.
 */
extern int	filter_choose(FilterEntry *root);

/*
 * The estimates of a filter that was planned lately in this backend, kept for
 * the search that follows. recall returns false if there are none.
 */
extern void filter_remember(const FilterQuery *query, const FilterEntry *root);
extern bool filter_recall(const FilterQuery *query, FilterEntry *root);

#endif							/* CIRRO_FILTER_CHOICE_H */
