/*-------------------------------------------------------------------------
 * src/index/stored_cost.h
 *
 * What the planner has to be told of a search for filters, for it to expect
 * what that costs.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_INDEX_STORED_COST_H
#define CIRRO_INDEX_STORED_COST_H

#include "postgres.h"
#include "nodes/pathnodes.h"

/*
 * How many entries of an index of the table (class filter_ops) the search has to seem
 * to have, which comes to "candidates" and finds what matches, both as fractions of
 * the table.
 */
extern int32 stored_search_entries(const RelOptInfo *table, Oid filter_type,
								   double candidates, double matching);

#endif							/* CIRRO_INDEX_STORED_COST_H */
