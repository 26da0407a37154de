/*-------------------------------------------------------------------------
 * src/gig/key_match.c
 *
 * Searches gig_key: which shapes there are, which keys of those a document has
 * (index/stored_key.c), and which of the filters that have one of them it really
 * matches. Must not decide what a filter requires, and must not find a gig that was
 * not asked for by the filter itself: keys only propose.
 *
 * All of it is seen by one snapshot: a filter that changes between a look at the
 * shapes and one at the keys could have a key of a shape that was not seen, and would
 * be found neither as it was nor as it is.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "gig/key.h"
#include "gig/key_match.h"
#include "index/stored_key.h"
#include "space/list.h"
#include "space/query.h"
#include "space/row_writer.h"
#include "space/scope.h"
#include "space/shard.h"

PG_FUNCTION_INFO_V1(matching_gigs);

static const char *const tables[] = {"gig_key", "gig_filter"};

/* 07 is STORED_SHAPE. */
static const SpaceQuery read_shapes = {
	"SELECT s.key::bytea FROM gig_key s "
	"WHERE s.key >= pg_catalog.decode('07', 'hex') AND s.key < pg_catalog.decode('08', 'hex') ORDER BY s.key",
	0, {0}, PLAN_BY_KEY
};

/* A long filter is not beside its keys (gig/key.c). */
#define MATCHES(key) \
	"$1 OPERATOR(cirro.@@) coalesce(" key ".filter::cirro.filter_query, " \
	"(SELECT x.filter::cirro.filter_query FROM gig_filter x WHERE x.gig_id = " key ".gig_id))"

static const SpaceQuery find_gigs = {
	"SELECT k.gig_id::bigint FROM gig_key k WHERE k.key = ANY ($2) AND " MATCHES("k") " "
	"UNION ALL "
	"SELECT k.gig_id::bigint FROM unnest($3, $4) r (low, high) "
	"CROSS JOIN LATERAL (SELECT i.gig_id, i.filter FROM gig_key i "
	"  WHERE i.key >= r.low AND i.key <= r.high OFFSET 0) k "
	"WHERE " MATCHES("k"),
	4, {JSONBOID, BYTEAARRAYOID, BYTEAARRAYOID, BYTEAARRAYOID}, PLAN_BY_KEY
};

/* The shapes in ascending order, none twice. */
static StoredKey *
shapes_in_use(Oid space, int *n)
{
	QueryArgs	args = {&read_shapes};
	uint64		nrows = query_run_seen(space, &args);
	StoredKey  *shapes = palloc(mul_size(nrows + 1, sizeof(StoredKey)));

	*n = 0;
	for (uint64 i = 0; i < nrows; i++)
	{
		ResultRow	row = result_row(i);
		bytea	   *key = DatumGetByteaPP(result_datum(&row, BYTEAOID));
		StoredKey  *shape = &shapes[*n];

		result_end(&row);
		if (VARSIZE_ANY_EXHDR(key) > STORED_KEY_MAX)
			continue;
		shape->len = VARSIZE_ANY_EXHDR(key) - 1;
		memcpy(shape->data, VARDATA_ANY(key) + 1, shape->len);
		if (*n == 0 || stored_key_compare(shape - 1, shape) != 0)
			(*n)++;
	}
	query_free();
	return shapes;
}

/* Those that each key has found come in this order already. */
#define ST_SORT sort_ids
#define ST_ELEMENT_TYPE int64
#define ST_COMPARE(a, b) (*(a) < *(b) ? -1 : *(a) > *(b))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

static void
search(Oid space, Jsonb *document, MemoryContext result, int64 **ids, int *n)
{
	DocumentKeys keys;
	QueryArgs	args = {&find_gigs};
	int			nshapes;
	StoredKey  *shapes = shapes_in_use(space, &nshapes);
	uint64		nrows;

	document_keys_make(&keys, &document->root, shapes, nshapes);
	arg_datum(&args, JSONBOID, JsonbPGetDatum(document), false);
	gig_key_arg(&args, keys.points, keys.npoints);
	gig_key_arg(&args, keys.low, keys.nranges);
	gig_key_arg(&args, keys.high, keys.nranges);
	nrows = query_run_seen(space, &args);
	*ids = MemoryContextAllocHuge(result, (nrows + 1) * sizeof(int64));
	for (uint64 i = 0; i < nrows; i++)
	{
		ResultRow	row = result_row(i);

		(*ids)[i] = result_int64(&row);
		result_end(&row);
	}
	query_free();
	sort_ids(*ids, nrows);
	*n = 0;
	for (uint64 i = 0; i < nrows; i++)
		if (*n == 0 || (*ids)[i] != (*ids)[*n - 1])
			(*ids)[(*n)++] = (*ids)[i];
}

/* By the active snapshot. */
static int64 *
match(Oid space, Jsonb *document, int *n)
{
	MemoryContext result = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(result, "cirro search of gigs",
												  ALLOCSET_DEFAULT_SIZES);
	int64	   *ids;

	MemoryContextSwitchTo(scratch);
	search(space, document, result, &ids, n);
	MemoryContextSwitchTo(result);
	MemoryContextDelete(scratch);
	return ids;
}

int64 *
gig_key_match(Oid space, Jsonb *document, int *n)
{
	int64	   *ids;

	row_writer_push_snapshot();
	ids = match(space, document, n);
	PopActiveSnapshot();
	return ids;
}

/*
 * cirro.matching_gigs(space name, profile jsonb) returns bigint[]
 *
 * The gigs that a profile matches, of those whose end the tick has not seen yet, in
 * ascending order; with the rights of the caller, by the snapshot of its statement.
 */
Datum
matching_gigs(PG_FUNCTION_ARGS)
{
	Oid			space = space_get_to_ask(NameStr(*PG_GETARG_NAME(0)), tables, lengthof(tables));
	Jsonb	   *profile = PG_GETARG_JSONB_P(1);
	MemoryContext caller = CurrentMemoryContext;
	SpaceScope	scope;
	int64	   *ids;
	int			n;
	Datum	   *elements;
	Datum		result;

	if (shard_call(fcinfo, space, NULL, &result))
		return result;
	SPI_connect();
	space_enter(&scope, space, GetUserId(), 0);
	ids = match(space, profile, &n);
	space_leave(&scope);
	MemoryContextSwitchTo(caller);
	elements = palloc(mul_size(n + 1, sizeof(Datum)));
	for (int i = 0; i < n; i++)
		elements[i] = Int64GetDatum(ids[i]);
	SPI_finish();
	PG_RETURN_ARRAYTYPE_P(construct_array(elements, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
										  TYPALIGN_DOUBLE));
}
