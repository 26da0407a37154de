/*-------------------------------------------------------------------------
 * src/filter/io.h
 *
 * Ways to a filter_query.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_FILTER_IO_H
#define CIRRO_FILTER_IO_H

#include "postgres.h"
#include "fmgr.h"
#include "utils/jsonb.h"

#include "filter/query.h"

/*
 * The value behind a Datum, detoasted: itself, or a copy in the current context.
 * Raises an error if its format is that of another version of this library.
 */
extern FilterQuery *filter_query_from_datum(Datum datum);
#define DatumGetFilterQuery(datum)	filter_query_from_datum(datum)
#define PG_GETARG_FILTER_QUERY(n)	filter_query_from_datum(PG_GETARG_DATUM(n))

/*
 * A filter of text in the server's encoding, in the current context. Raises an
 * error if it is none.
 */
extern FilterQuery *filter_query_from_text(const char *text, size_t len);

/* The filter as jsonb, in the current context. */
extern Jsonb *filter_query_to_jsonb(const FilterQuery *query);

/* Equal filters have equal hashes; none is 0. */
extern uint64 filter_query_hash64(const FilterQuery *query);

#endif							/* CIRRO_FILTER_IO_H */
