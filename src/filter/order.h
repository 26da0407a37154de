/*-------------------------------------------------------------------------
 * src/filter/order.h
 *
 * A filter as it is best asked of many documents.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_FILTER_ORDER_H
#define CIRRO_FILTER_ORDER_H

#include "postgres.h"

#include "filter/query.h"

/*
 * A copy of the filter, in the current context, that gives the same answers
 * sooner. It may have fewer nodes; all that they point to stays in its place.
 */
extern FilterQuery *filter_query_reordered(const FilterQuery *query);

#endif							/* CIRRO_FILTER_ORDER_H */
