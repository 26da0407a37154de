/*-------------------------------------------------------------------------
 * src/sort/key.h
 *
 * The order that a sort_query asks for, as bytes.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_SORT_KEY_H
#define CIRRO_SORT_KEY_H

#include "postgres.h"
#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#include "sort/query.h"

/*
 * Appends a byte string whose order by memcmp is the order that the query
 * asks for.
 */
extern void sort_key_append(StringInfo buf, const SortQuery *query,
							const JsonbContainer *document);

#endif							/* CIRRO_SORT_KEY_H */
