/*-------------------------------------------------------------------------
 * src/index/profile_stats.h
 *
 * Statistics of a column of documents, as fractions of those that are not
 * null.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_INDEX_PROFILE_STATS_H
#define CIRRO_INDEX_PROFILE_STATS_H

#include "postgres.h"
#include "access/htup.h"

#include "index/profile_key.h"

typedef struct ProfileStats ProfileStats;

/* What is known of the keys of one path and tag. */
typedef struct ProfileTagStats
{
	double		present;		/* documents that have one */
	double		total;			/* keys a document, all documents counted */
	double		rest;			/* ... of those that are not common */
	double		distinct;		/* number of those */
	int			first_bound;	/* histogram of those, */
	int			nbounds;		/* with as many keys between any two bounds */
} ProfileTagStats;

/* From a row of pg_statistic; NULL if it holds none. Free it when done. */
extern ProfileStats *profile_stats_load(HeapTuple tuple);
extern void profile_stats_free(ProfileStats *stats);

/*
 * The documents that have a key; or one of a path, or of a path and tag: never
 * 0, for the sample may have missed some.
 */
extern double profile_stats_key(const ProfileStats *stats, const char *key, int len);
extern double profile_stats_present(const ProfileStats *stats, const char *prefix, int len);
/* Of a path and tag; false if nothing is known of it. */
extern bool profile_stats_tag(const ProfileStats *stats, const char *prefix, int len,
							  ProfileTagStats *result);

/*
 * Walk the common keys: the number of the first that is not less than some
 * bytes, and each by its number with its fraction (false behind the last); and
 * the bounds of histograms. They live as long as the statistics.
 */
extern int	profile_stats_search(const ProfileStats *stats, const char *key, int len);
extern bool profile_stats_common(const ProfileStats *stats, int i, const char **key,
								 int *len, double *fraction);
extern void profile_stats_bound(const ProfileStats *stats, int i, const char **key, int *len);

/* The null fraction of the column, and the documents that were looked at. */
extern double profile_stats_nulls(const ProfileStats *stats);
extern double profile_stats_rows(const ProfileStats *stats);

#endif							/* CIRRO_INDEX_PROFILE_STATS_H */
