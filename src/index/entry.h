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

typedef enum IndexEntryKind
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
} IndexEntryKind;

/*
 * A leaf (KEY, RANGE, SET) is necessary for its condition: without a key of
 * it the condition does not hold. If "exact" it is sufficient, too.
 *
 * BETWEEN is a lower and an upper bound, its children, that different values
 * of an array may meet; and at the same time the range from the one to the
 * other, which one value meets, unless the document has a key of "many": an
 * array of several elements on the way.
 */
typedef struct IndexEntry IndexEntry;
struct IndexEntry
{
	IndexEntryKind kind;
	bool		exact;
	bool		has_path;		/* low begins with the key of its path */
	bool		one_value;		/* it is about an element, which is never missing */
	bool		implied;		/* by its siblings: nothing new to an estimate */
	const FilterNode *node;		/* the condition; NULL for inner nodes */
	IndexEntry *first;			/* child */
	IndexEntry *next;			/* sibling */

	ProfileKey	low;			/* the key, or where the range begins */
	ProfileKey	high;			/* where it ends */
	bool		low_open;		/* low itself is not in it */
	bool		high_open;
	bool		high_begins;	/* all that begin with high are in it */
	ProfileKey *set;
	int			nset;
	IndexEntry *many;			/* BETWEEN: RANGEs; NULL if one value decides */

	/* For the one who reads the tree. */
	double		fraction;		/* of the documents that have such a key */
	double		selectivity;	/* of those that meet the condition */
	bool		wanted;			/* is it worth a search of the index? */
	int			entry;			/* number of its entry in that search, or -1 */
};

/* An entry without keys yet; one around others. In the current context. */
extern IndexEntry *index_entry_make(IndexEntryKind kind, const FilterNode *node);
extern IndexEntry *index_entry_inner(IndexEntryKind kind, IndexEntry *first);

/*
 * AND or OR of a list of entries, simplified: nested ones of the same kind
 * dissolved, constants taken out, in an AND a lower and an upper bound of one
 * path joined. Takes the list over.
 */
extern IndexEntry *index_entry_combine(IndexEntryKind kind, IndexEntry *entries);

/* Nothing in it is exact any more: others that do not meet it have its keys, too. */
extern void index_entry_inexact(IndexEntry *entry);

/*
 * Where a key is to those of an entry. 0: it is one of them, 1: it is behind
 * all of them, -1: neither.
 */
extern int	index_entry_compare(const IndexEntry *entry, const char *key, int len);

/* Has it keys of its own to search for? */
static inline bool
index_entry_has_keys(const IndexEntry *entry)
{
	return entry->kind == ENTRY_KEY || entry->kind == ENTRY_RANGE ||
		entry->kind == ENTRY_SET || entry->kind == ENTRY_BETWEEN;
}

#endif							/* CIRRO_INDEX_ENTRY_H */
