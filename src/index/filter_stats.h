/*-------------------------------------------------------------------------
 * src/index/filter_stats.h
 *
 * Statistics of a column of filters: a random sample of them, and the keys that
 * it has in an index (index/cover.h).
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_INDEX_FILTER_STATS_H
#define CIRRO_INDEX_FILTER_STATS_H

#include "postgres.h"
#include "access/htup.h"

#include "filter/query.h"
#include "index/stored_key.h"

typedef struct FilterStats
{
	double		nulls;			/* fraction of the rows */
	double		large;			/* of the filters: too large for the sample */
	int			nfilters;
	const FilterQuery **filters;
	double		nkeyed;			/* of these so many have the keys: */
	int			nkeys;			/* 0 if they are not known */
	StoredKey  *keys;
	float4	   *counts;			/* filters that have each */
} FilterStats;

/*
 * From a row of pg_statistic, in the current context; NULL if it holds none. The
 * type is cirro.filter_query, whose values alone are trusted.
 */
extern FilterStats *filter_stats_load(HeapTuple tuple, Oid filter_type);

#endif							/* CIRRO_INDEX_FILTER_STATS_H */
