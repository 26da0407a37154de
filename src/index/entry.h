/*-------------------------------------------------------------------------
 * src/index/entry.h
 *
 * A filter as a tree of what can be known of it from the keys of a document
 * (index/profile_key.h). The index searches by it, estimates count by it.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_INDEX_ENTRY_H
#define CIRRO_INDEX_ENTRY_H

#include "postgres.h"

#include "filter/query.h"
#include "index/profile_key.h"

typedef enum FilterEntryKind
{
	ENTRY_ALWAYS,
	ENTRY_NEVER,
	ENTRY_AND,
	ENTRY_OR,
	ENTRY_NOT,
	ENTRY_ELEM,					/* an element of an array meets the child */
	ENTRY_BETWEEN,				/* both children, ranges on one path */
	ENTRY_KEY,					/* the document has this key */
	ENTRY_RANGE,				/* ... a key from low to high */
	ENTRY_SET,					/* ... one of these keys, which are sorted */
	ENTRY_UNKNOWN				/* keys do not tell */
} FilterEntryKind;

/*
 * A leaf (KEY, RANGE, SET) is necessary for its condition: without a key of
 * it the condition does not hold. If "exact" it is sufficient, too.
 *
 * BETWEEN is a lower and an upper bound, its children, that different values
 * of an array may meet; and at the same time the range from the one to the
 * other, which one value meets, unless the document has a key of "many": an
 * array of several elements on the way.
 */
typedef struct FilterEntry FilterEntry;
struct FilterEntry
{
	FilterEntryKind kind;
	bool		exact;
	bool		has_path;		/* low begins with the key of its path */
	bool		one_value;		/* it is about an element, which is never missing */
	bool		implied;		/* by its siblings: nothing new to an estimate */
	const FilterNode *node;		/* the condition; NULL for inner nodes */
	FilterEntry *first;			/* child */
	FilterEntry *next;			/* sibling */

	ProfileKey	low;			/* the key, or where the range begins */
	ProfileKey	high;			/* where it ends */
	bool		low_open;		/* low itself is not in it */
	bool		high_open;
	bool		high_begins;	/* all that begin with high are in it */
	ProfileKey *set;
	int			nset;
	FilterEntry *many;			/* BETWEEN: RANGEs; NULL if one value decides */

	/* For the one who reads the tree. */
	double		fraction;		/* of the documents that have such a key */
	double		selectivity;	/* of those that meet the condition */
	bool		wanted;			/* is it worth a search of the index? */
	int			entry;			/* number of its entry in that search, or -1 */
};

/* An entry without keys yet; one around others. In the current context. */
extern FilterEntry *filter_entry_make(FilterEntryKind kind, const FilterNode *node);
extern FilterEntry *filter_entry_inner(FilterEntryKind kind, FilterEntry *first);

/*
 * AND or OR of a list of entries, simplified: nested ones of the same kind
 * dissolved, constants taken out, in an AND a lower and an upper bound of one
 * path joined. Takes the list over.
 */
extern FilterEntry *filter_entry_combine(FilterEntryKind kind, FilterEntry *entries);

/* Nothing in it is exact any more: others that do not meet it have its keys, too. */
extern void filter_entry_inexact(FilterEntry *entry);

/*
 * Where a key is to those of an entry. 0: it is one of them, 1: it is behind
 * all of them, -1: neither.
 */
extern int	filter_entry_compare(const FilterEntry *entry, const char *key, int len);

/* Has it keys of its own to search for? */
static inline bool
filter_entry_has_keys(const FilterEntry *entry)
{
	return entry->kind == ENTRY_KEY || entry->kind == ENTRY_RANGE ||
		entry->kind == ENTRY_SET || entry->kind == ENTRY_BETWEEN;
}

#endif							/* CIRRO_INDEX_ENTRY_H */
