/*-------------------------------------------------------------------------
 * src/gig/key.c
 *
 * Keeps gig_key: of each gig in gig_filter the cover of its filter (index/cover.h),
 * chosen by what is known of the workers' profiles when the filter is written; it
 * stays a cover, whatever workers become. Must not decide what a cover is, nor who is
 * found (gig/key_match.c), nor when a gig has no filter any more.
 *
 * Shapes. A profile has hundreds of pairs of keys; whoever searches asks only for
 * those whose shape some filter uses, and so has to know the shapes. Each has a row
 * under a key of its own, with the gig that brought it, and
 *
 *     whoever sees a gig's key, by whatever snapshot, sees a row of its shape.
 *
 * For a key is written after its shape was seen, or after a row of the shape was
 * written by this same transaction.
 *
 * - Seen: it was written by a transaction that had ended before this one looked, and
 *   this one ends later. A snapshot that shows this one as committed shows that one,
 *   too, here and, as commits are replayed in their order, on a replica; and nobody
 *   removes the row, with the gig or without. This one's own snapshot shows it in any
 *   case, be it that of the statement or, in REPEATABLE READ, of the transaction:
 *   it is by that snapshot that the shape was looked for.
 * - Written: then earlier than the key. Commit makes both visible at once; and what
 *   rolls back to a savepoint before the row of the shape was written takes back all
 *   that came later, the key included.
 *
 * Two that bring the same shape at once do not see each other's row and write one
 * each, under the same key, but with different gigs: neither waits, and neither fails.
 * A search looks at shapes and keys by one snapshot (gig/key_match.c).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "compat.h"
#include "filter/io.h"
#include "gig/key.h"
#include "gig/worker_stats.h"
#include "index/cover.h"
#include "space/list.h"
#include "space/query.h"
#include "space/scope.h"
#include "space/shard.h"

PG_FUNCTION_INFO_V1(write_gig_keys);
PG_FUNCTION_INFO_V1(gig_keys_cover);
PG_FUNCTION_INFO_V1(gig_key_shape);

static const char *const tables[] = {"gig_key", "gig_filter"};

/* Gigs that are dealt with at a time. */
#define GIGS_AT_ONCE	500

/*
 * A search reads all shapes, so there are no more (but for those that came at once);
 * then filters do with keys that have none, or that others have brought.
 */
#define MAX_SHAPES		1000

/*
 * Bytes of a filter that stands beside its keys, where it has to go into a page of the
 * index with two others, and of all its copies. What is longer is read from gig_filter,
 * which costs a search less than the filter itself.
 */
#define MAX_BESIDE		2000
#define MAX_COPIED		8192

/* The owner may have given the column another type. */
static const SpaceQuery read_filters = {
	"SELECT f.gig_id::bigint, f.filter::cirro.filter_query FROM gig_filter f WHERE f.gig_id = ANY ($1)",
	1, {INT8ARRAYOID}, PLAN_BY_KEY
};

/*
 * Those of shapes stay: 07 is STORED_SHAPE. Not by an order of keys: a plan that was
 * made while there were few would read them all in it.
 */
static const SpaceQuery delete_keys = {
	"DELETE FROM gig_key k WHERE k.gig_id = ANY ($1) AND pg_catalog.substr(k.key, 1, 1) "
	"  < pg_catalog.decode('07', 'hex')",
	1, {INT8ARRAYOID}, PLAN_BY_KEY
};

static const SpaceQuery insert_keys = {
	"INSERT INTO gig_key (key, gig_id, filter) "
	"SELECT u.key, u.gig_id, f.filter "
	"FROM unnest($1, $2, $3) u (key, gig_id, is_copied) "
	"LEFT JOIN LATERAL (SELECT x.filter FROM gig_filter x "
	"  WHERE u.is_copied AND x.gig_id = u.gig_id OFFSET 0) f ON true",
	3, {BYTEAARRAYOID, INT8ARRAYOID, BOOLARRAYOID}, PLAN_BY_KEY
};

static const SpaceQuery find_shapes = {
	"SELECT s.key::bytea FROM gig_key s WHERE s.key = ANY ($1)",
	1, {BYTEAARRAYOID}, PLAN_BY_KEY
};

static const SpaceQuery all_shapes = {
	"SELECT s.key::bytea FROM gig_key s "
	"WHERE s.key >= pg_catalog.decode('07', 'hex') AND s.key < pg_catalog.decode('08', 'hex')",
	0, {0}, PLAN_BY_KEY
};

/*
 * A gig brings a shape twice only if it was deleted and has come again, unseen by a
 * transaction of one snapshot: then that is a serialization failure.
 */
static const SpaceQuery insert_shapes = {
	"INSERT INTO gig_key (key, gig_id) SELECT u.key, u.gig_id FROM unnest($1, $2) u (key, gig_id) "
	"ON CONFLICT (key, gig_id) DO NOTHING",
	2, {BYTEAARRAYOID, INT8ARRAYOID}
};

/* Keys to be written. */
typedef struct NewKeys
{
	int			n;
	int			allocated;
	StoredKey  *keys;
	int64	   *gigs;
	bool	   *is_copied;		/* the filter, beside the key */
} NewKeys;

/* A shape that is used. */
typedef struct Shape
{
	StoredKey	key;			/* of its row; zeros behind */
	bool		is_there;
	int64		gig_id;			/* if not, one that uses it */
} Shape;

void
gig_key_arg(QueryArgs *args, const StoredKey *keys, int n)
{
	Datum	   *elements = palloc(mul_size(n, sizeof(Datum)));
	ArrayType  *array;

	for (int i = 0; i < n; i++)
		elements[i] = PointerGetDatum(cstring_to_text_with_len(keys[i].data, keys[i].len));
	array = construct_array(elements, n, BYTEAOID, -1, false, TYPALIGN_INT);
	arg_datum(args, BYTEAARRAYOID, PointerGetDatum(array), false);
}

/*
 * ---- Shapes
 */

static HTAB *
make_shapes(void)
{
	HASHCTL		control = {.keysize = sizeof(StoredKey),.entrysize = sizeof(Shape),
	.hcxt = CurrentMemoryContext};

	return hash_create("cirro shapes", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* "found" is false if it was added, and is there as far as is known. */
static Shape *
look_up(HTAB *shapes, const char *key, int len, HASHACTION action, bool *found)
{
	StoredKey	padded;

	memset(&padded, 0, sizeof(padded));
	padded.len = len;
	memcpy(padded.data, key, len);
	return hash_search(shapes, &padded, action, found);
}

/* That of a row begins with its kind. */
static Shape *
look_up_shape(HTAB *shapes, const char *shape, int len, HASHACTION action, bool *found)
{
	char		key[1 + STORED_KEY_MAX] = {STORED_SHAPE};

	memcpy(key + 1, shape, len);
	return look_up(shapes, key, len + 1, action, found);
}

/* CoverMayUse: those that are there, and others while they are few. */
static bool
may_use(void *arg, const char *shape, int len)
{
	HTAB	   *shapes = arg;

	return hash_get_num_entries(shapes) < MAX_SHAPES ||
		look_up_shape(shapes, shape, len, HASH_FIND, NULL) != NULL;
}

/* Adds those of some keys of a gig. */
static void
note_shapes(HTAB *shapes, const StoredKey *keys, int n, int64 gig_id)
{
	for (int i = 0; i < n; i++)
	{
		int			len = stored_key_shape_len(&keys[i]);
		bool		found;
		Shape	   *shape;

		if (len == 0)
			continue;
		shape = look_up_shape(shapes, keys[i].data, len, HASH_ENTER, &found);
		if (!found)
		{
			shape->is_there = false;
			shape->gig_id = gig_id;
		}
	}
}

/* Those that are not there. Arrays of their number, in the current context. */
static int
missing_shapes(HTAB *shapes, StoredKey **keys, int64 **gigs)
{
	HASH_SEQ_STATUS scan;
	Shape	   *shape;
	int			n = 0;

	*keys = palloc((hash_get_num_entries(shapes) + 1) * sizeof(StoredKey));
	*gigs = palloc((hash_get_num_entries(shapes) + 1) * sizeof(int64));
	hash_seq_init(&scan, shapes);
	while ((shape = hash_seq_search(&scan)) != NULL)
		if (!shape->is_there)
		{
			(*keys)[n] = shape->key;
			(*gigs)[n++] = shape->gig_id;
		}
	return n;
}

/* Looks which are there: of "only", or adding all of them. */
static void
read_shapes(Oid space, HTAB *shapes, const StoredKey *only, int n)
{
	QueryArgs	args = {only != NULL ? &find_shapes : &all_shapes};
	uint64		nrows;

	if (only != NULL)
		gig_key_arg(&args, only, n);
	nrows = query_run(space, &args);
	for (uint64 i = 0; i < nrows; i++)
	{
		ResultRow	row = result_row(i);
		bytea	   *key = DatumGetByteaPP(result_datum(&row, BYTEAOID));

		result_end(&row);
		/* Longer ones are nobody's. */
		if (VARSIZE_ANY_EXHDR(key) <= STORED_KEY_MAX)
			look_up(shapes, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key),
					HASH_ENTER, NULL)->is_there = true;
	}
	query_free();
}

/*
 * ---- Keys
 */

static void
add_keys(NewKeys *new, const StoredKey *keys, int n, int64 gig_id, bool is_copied)
{
	if (new->n + n > new->allocated)
	{
		new->allocated = Max(new->allocated * 2, GIGS_AT_ONCE + COVER_MAX_KEYS);
		new->keys = repalloc(new->keys, new->allocated * sizeof(StoredKey));
		new->gigs = repalloc(new->gigs, new->allocated * sizeof(int64));
		new->is_copied = repalloc(new->is_copied, new->allocated * sizeof(bool));
	}
	for (int i = 0; i < n; i++)
	{
		new->keys[new->n] = keys[i];
		new->gigs[new->n] = gig_id;
		new->is_copied[new->n++] = is_copied;
	}
}

/*
 * The covers of those of some gigs that have a filter. Adds their shapes to "shapes";
 * "is_limited": which has all that are there.
 */
static void
make_covers(Oid space, const int64 *gigs, int n, HTAB *shapes, bool is_limited, NewKeys *new)
{
	QueryArgs	args = {&read_filters};
	const ProfileStats *stats;
	uint64		nrows;
	MemoryContext scratch;

	new->n = 0;
	arg_int64_array(&args, gigs, n);
	nrows = query_run(space, &args);
	stats = worker_stats_get(space);
	scratch = AllocSetContextCreate(CurrentMemoryContext, "cirro cover", ALLOCSET_DEFAULT_SIZES);
	for (uint64 i = 0; i < nrows; i++)
	{
		ResultRow	row = result_row(i);
		int64		gig_id = result_int64(&row);
		MemoryContext old = MemoryContextSwitchTo(scratch);
		FilterQuery *filter = DatumGetFilterQuery(result_datum(&row, InvalidOid));
		StoredKey  *keys;
		int			nkeys;
		bool		is_copied;

		CHECK_FOR_INTERRUPTS();
		result_end(&row);
		nkeys = filter_cover(filter, stats, true, is_limited ? may_use : NULL, shapes, &keys);
		is_copied = VARSIZE(filter) <= MAX_BESIDE && nkeys * VARSIZE(filter) <= MAX_COPIED;
		MemoryContextSwitchTo(old);
		add_keys(new, keys, nkeys, gig_id, is_copied);
		note_shapes(shapes, keys, nkeys, gig_id);
		MemoryContextReset(scratch);
	}
	MemoryContextDelete(scratch);
	query_free();
}

/* Writes the keys of a few gigs that have none. */
static void
write_keys(Oid space, const int64 *gigs, int n)
{
	NewKeys		new = {0, 0, palloc(0), palloc(0), palloc(0)};
	HTAB	   *shapes = make_shapes();
	StoredKey  *missing;
	int64	   *brought_by;
	int			nmissing;
	QueryArgs	args = {&insert_keys};

	make_covers(space, gigs, n, shapes, false, &new);
	nmissing = missing_shapes(shapes, &missing, &brought_by);
	if (nmissing > 0)
	{
		read_shapes(space, shapes, missing, nmissing);
		nmissing = missing_shapes(shapes, &missing, &brought_by);
	}
	if (nmissing > 0)
	{
		read_shapes(space, shapes, NULL, 0);
		if (hash_get_num_entries(shapes) > MAX_SHAPES)
		{
			for (int i = 0; i < nmissing; i++)
				(void) hash_search(shapes, &missing[i], HASH_REMOVE, NULL);
			make_covers(space, gigs, n, shapes, true, &new);
			nmissing = missing_shapes(shapes, &missing, &brought_by);
		}
	}
	if (nmissing > 0)
	{
		QueryArgs	shape_args = {&insert_shapes};

		gig_key_arg(&shape_args, missing, nmissing);
		arg_int64_array(&shape_args, brought_by, nmissing);
		query_run(space, &shape_args);
	}
	if (new.n == 0)
		return;
	gig_key_arg(&args, new.keys, new.n);
	arg_int64_array(&args, new.gigs, new.n);
	arg_bool_array(&args, new.is_copied, new.n);
	query_run(space, &args);
}

void
gig_key_forget(Oid space, const int64 *gigs, int n)
{
	QueryArgs	args = {&delete_keys};

	if (n == 0)
		return;
	arg_int64_array(&args, gigs, n);
	query_run(space, &args);
}

void
gig_key_write(Oid space, const int64 *gigs, int n, bool is_new)
{
	MemoryContext scratch;

	if (n == 0)
		return;
	scratch = AllocSetContextCreate(CurrentMemoryContext, "cirro keys", ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < n; i += GIGS_AT_ONCE)
	{
		MemoryContext old = MemoryContextSwitchTo(scratch);
		int			count = Min(n - i, GIGS_AT_ONCE);

		if (!is_new)
			gig_key_forget(space, gigs + i, count);
		write_keys(space, gigs + i, count);
		MemoryContextSwitchTo(old);
		MemoryContextReset(scratch);
	}
	MemoryContextDelete(scratch);
}

/*
 * cirro.write_gig_keys(space name, gig_ids bigint[]) returns void
 *
 * The same, with the rights of the caller, who holds the gigs. NULL for ids: none.
 */
Datum
write_gig_keys(PG_FUNCTION_ARGS)
{
	Oid			space;
	SpaceScope	scope;
	ArrayType  *ids;
	Datum	   *elements;
	int64	   *gigs;
	int			n;
	Datum		result;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_VOID();
	space = space_get_to_ask(NameStr(*PG_GETARG_NAME(0)), tables, lengthof(tables));
	if (shard_call(fcinfo, space, NULL, &result))
		return result;
	ids = PG_GETARG_ARRAYTYPE_P(1);
	deconstruct_array(ids, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &elements, NULL, &n);
	gigs = palloc(n * sizeof(int64));
	for (int i = 0; i < n; i++)
		gigs[i] = DatumGetInt64(elements[i]);

	SPI_connect();
	space_enter(&scope, space, GetUserId(), 0);
	gig_key_write(space, gigs, n, false);
	space_leave(&scope);
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * ---- For check_consistency()
 */

/* Is it one that could be in gig_key? */
static bool
is_stored_key(const bytea *key)
{
	return VARSIZE_ANY_EXHDR(key) > 0 && VARSIZE_ANY_EXHDR(key) <= STORED_KEY_MAX;
}

/*
 * cirro.gig_keys_cover(filter filter_query, keys bytea[]) returns boolean
 *
 * Has each document that matches the filter one of the keys, whatever else is among
 * them?
 */
Datum
gig_keys_cover(PG_FUNCTION_ARGS)
{
	FilterQuery *filter = PG_GETARG_FILTER_QUERY(0);
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(1);
	Datum	   *elements;
	bool	   *nulls;
	int			nelements;
	StoredKey  *keys;
	int			n = 0;

	deconstruct_array(array, BYTEAOID, -1, false, TYPALIGN_INT, &elements, &nulls, &nelements);
	keys = palloc(mul_size(nelements + 1, sizeof(StoredKey)));
	for (int i = 0; i < nelements; i++)
	{
		const bytea *key = nulls[i] ? NULL : DatumGetByteaPP(elements[i]);

		if (key == NULL || !is_stored_key(key))
			continue;
		keys[n].len = VARSIZE_ANY_EXHDR(key);
		memcpy(keys[n++].data, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key));
	}
	qsort(keys, n, sizeof(StoredKey), stored_key_compare);
	PG_RETURN_BOOL(filter_is_covered(filter, keys, n));
}

/*
 * cirro.gig_key_shape(key bytea) returns bytea
 *
 * The key of the row that has to be there for searches to ask for this key; NULL if
 * they do so in any case, or it is no key of a filter.
 */
Datum
gig_key_shape(PG_FUNCTION_ARGS)
{
	const bytea *stored = PG_GETARG_BYTEA_PP(0);
	StoredKey	key = {0};
	int			len;
	char		shape[1 + STORED_KEY_MAX] = {STORED_SHAPE};

	if (!is_stored_key(stored))
		PG_RETURN_NULL();
	key.len = VARSIZE_ANY_EXHDR(stored);
	memcpy(key.data, VARDATA_ANY(stored), key.len);
	len = stored_key_shape_len(&key);
	/* Nobody knows what it is, if it is shorter than that. */
	if (len == 0 || len > key.len)
		PG_RETURN_NULL();
	memcpy(shape + 1, key.data, len);
	PG_RETURN_BYTEA_P(cstring_to_text_with_len(shape, len + 1));
}
