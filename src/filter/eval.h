/*-------------------------------------------------------------------------
 * src/filter/eval.h
 *
 * Whether a document matches a filter.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_FILTER_EVAL_H
#define CIRRO_FILTER_EVAL_H

#include "postgres.h"

#include "filter/query.h"

/*
 * Total: whatever the document, raises no error but for a cancel, or where
 * memory is used up.
 */
extern bool filter_matches(const FilterQuery *query, const JsonbContainer *document);

/* The same of one node, of those that are not about an element of an array. */
extern bool filter_condition_holds(const FilterQuery *query, const FilterNode *node,
								   const JsonbContainer *document);

#endif							/* CIRRO_FILTER_EVAL_H */
