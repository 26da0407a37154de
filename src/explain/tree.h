/*-------------------------------------------------------------------------
 * src/explain/tree.h
 *
 * A stored filter as its author wrote it: for what explains filters, which
 * has to speak of operators that the stored nodes no longer show.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_EXPLAIN_TREE_H
#define CIRRO_EXPLAIN_TREE_H

#include "postgres.h"

#include "filter/bind.h"
#include "json/tree.h"

/*
 * The canonical text of a filter and its tree, in which written_at and
 * written_len say where in the text each value is. In the place of each {"$now": ...}
 * is what it is at that moment (filter_is_now); conditions on the gig are members of
 * the tree. Both are allocated in the current context. Raises an error if it is no
 * filter.
 */
extern JsonTree *explain_tree(const text *filter, const FilterMoment *moment,
							  const char **text);

#endif							/* CIRRO_EXPLAIN_TREE_H */
