/*-------------------------------------------------------------------------
 * src/index/filter_estimate.h
 *
 * How many filters match a document, and how many pairs of the two match.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_INDEX_FILTER_ESTIMATE_H
#define CIRRO_INDEX_FILTER_ESTIMATE_H

#include "postgres.h"
#include "access/htup.h"

#include "index/filter_stats.h"
#include "utils/jsonb.h"

/* The filters that match a document, as a fraction of those that are not null. */
extern double filter_stats_matching(const FilterStats *stats, const JsonbContainer *document);

/*
 * Those that a search of an index comes to (class filter_ops), which have all to be
 * asked; as a fraction of all rows. Below 0 if it is not known.
 */
extern double filter_stats_candidates(const FilterStats *stats, const JsonbContainer *document);

/* A column of filters and one of documents. */
typedef struct FilterPairs FilterPairs;

/*
 * From rows of pg_statistic: of the filters, with a sample, and of the documents
 * (profile_stats), or NULL if of those nothing is known. NULL if there is no
 * sample. Lives until it is asked for others.
 */
extern const FilterPairs *filter_pairs_estimate(HeapTuple filters, Oid filter_type,
												HeapTuple documents);

/* Of all pairs those that match: nulls counted, whose rows match nothing. */
extern double filter_pairs_matching(const FilterPairs *pairs);

/* Of the filters those that match any of so many documents, and the reverse. */
extern double filter_pairs_any_document(const FilterPairs *pairs, double documents);
extern double filter_pairs_any_filter(const FilterPairs *pairs, double filters);

#endif							/* CIRRO_INDEX_FILTER_ESTIMATE_H */
