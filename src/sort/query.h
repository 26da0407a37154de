/*-------------------------------------------------------------------------
 * src/sort/query.h
 *
 * cirro.sort_query as it is stored. Only sort/query.c makes such values:
 * readers may trust every offset.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_SORT_QUERY_H
#define CIRRO_SORT_QUERY_H

#include "postgres.h"
#include "fmgr.h"
#include "utils/jsonb.h"

/* Raised when the meaning of stored bytes changes. */
#define SORT_QUERY_VERSION	1

typedef struct SortPath
{
	uint32		path;			/* offset of its JsonWalkNames */
	uint16		path_len;
	int16		direction;		/* 1 or -1 */
} SortPath;

StaticAssertDecl(sizeof(SortPath) == 8 && offsetof(SortPath, path_len) == 4 &&
				 offsetof(SortPath, direction) == 6,
				 "SortPath is stored");

typedef struct SortQuery
{
	int32		vl_len_;		/* varlena header, do not touch directly */
	uint16		version;		/* SORT_QUERY_VERSION */
	uint16		nkeys;
	uint32		text;			/* offset of the canonical text, which decides */
	uint32		text_len;		/* equality; not terminated */
	SortPath	keys[FLEXIBLE_ARRAY_MEMBER];
} SortQuery;

StaticAssertDecl(offsetof(SortQuery, version) == 4 && offsetof(SortQuery, nkeys) == 6 &&
				 offsetof(SortQuery, text) == 8 && offsetof(SortQuery, text_len) == 12 &&
				 offsetof(SortQuery, keys) == 16,
				 "SortQuery is stored");

/*
 * The value behind a Datum, detoasted: itself, or a copy in the current context;
 * the second always a copy. Raise an error if its format is that of another
 * version of this library.
 */
extern SortQuery *sort_query_from_datum(Datum datum);
extern SortQuery *sort_query_copy_from_datum(Datum datum);
#define DatumGetSortQueryCopy(datum)	sort_query_copy_from_datum(datum)
#define PG_GETARG_SORT_QUERY(n)			sort_query_from_datum(PG_GETARG_DATUM(n))

/*
 * What the cast from jsonb makes of it, in the current context. Raises an error if
 * it is no sort_query, or one that has lost its order.
 */
extern SortQuery *sort_query_read_jsonb(const Jsonb *jsonb);

#endif							/* CIRRO_SORT_QUERY_H */
