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

#include "filter/query.h"
#include "json/tree.h"

/*
 * The canonical text of a filter and its tree, in which written_at and
 * written_len say where in the text each value is. The tree is allocated in
 * the context and points into the text, which belongs to the filter.
 */
extern JsonTree *explain_tree(const FilterQuery *query, MemoryContext context,
							  const char **text);

#endif							/* CIRRO_EXPLAIN_TREE_H */
