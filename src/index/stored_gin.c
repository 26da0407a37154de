/*-------------------------------------------------------------------------
 * src/index/stored_gin.c
 *
 * The support functions of the GIN operator class cirro.filter_ops, which
 * finds stored filters by filter_query ~@@ jsonb. They hand on between GIN and
 * the files that decide: what a filter requires (index/cover.c), and what a
 * document asks for (index/stored_key.c). A filter that has one of the keys asked for
 * is a candidate, no more: all are rechecked.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/gin.h"
#include "fmgr.h"
#include "utils/jsonb.h"

#include "compat.h"
#include "filter/io.h"
#include "index/cover.h"
#include "index/gin.h"
#include "index/memory.h"

PG_FUNCTION_INFO_V1(filter_ops_extract_value);
PG_FUNCTION_INFO_V1(filter_ops_extract_query);
PG_FUNCTION_INFO_V1(filter_ops_compare_partial);
PG_FUNCTION_INFO_V1(filter_ops_consistent);
PG_FUNCTION_INFO_V1(filter_ops_triconsistent);

/*
 * GIN looks at all entries of a search for each filter that it finds. With more than
 * these a document asks by one entry for all its keys of a kind: then GIN goes
 * through all keys of that kind in the index, each once, which costs no more than
 * evaluating the filters.
 */
#define MAX_ENTRIES		256

/* What one entry of a search asks for: keys from each "low" to its "high". */
typedef struct Search
{
	const StoredKey *low;		/* in ascending order */
	const StoredKey *high;
	int			n;
} Search;

/* What GIN is told of a search. */
typedef struct SearchEntries
{
	Datum	   *keys;
	bool	   *partial;
	Pointer    *extra;
	int			n;
} SearchEntries;

/* extract_value(filter_query, internal) returns internal: the keys of a filter */
Datum
filter_ops_extract_value(PG_FUNCTION_ARGS)
{
	FilterQuery *query = PG_GETARG_FILTER_QUERY(0);
	int32	   *nentries = (int32 *) PG_GETARG_POINTER(1);
	StoredKey  *keys;
	Datum	   *entries;

	*nentries = filter_cover(query, NULL, false, NULL, NULL, &keys);
	if (*nentries == 0)
		PG_RETURN_POINTER(NULL);
	entries = palloc(*nentries * sizeof(Datum));
	for (int i = 0; i < *nentries; i++)
		entries[i] = profile_key_datum(keys[i].data, keys[i].len);
	PG_RETURN_POINTER(entries);
}

/*
 * Without extra data of its own an entry is compared with all others, in case that
 * they are the same.
 */
static void
add_entry(SearchEntries *entries, const StoredKey *low, const StoredKey *high, int n)
{
	Search	   *search = palloc(sizeof(Search));

	search->low = low;
	search->high = high;
	search->n = n;
	entries->keys[entries->n] = profile_key_datum(low->data, low->len);
	entries->partial[entries->n] = n > 1 || low != high;
	entries->extra[entries->n++] = (Pointer) search;
}

/* All keys of a kind from one to another, by one entry or by one each. */
static int
add_kind(SearchEntries *entries, const StoredKey *low, const StoredKey *high, int first,
		 int end, bool together)
{
	int			n = 1;

	while (first + n < end && low[first + n].data[0] == low[first].data[0])
		n++;
	if (together)
		add_entry(entries, &low[first], &high[first], n);
	for (int i = first; !together && i < first + n; i++)
		add_entry(entries, &low[i], &high[i], 1);
	return first + n;
}

/*
 * extract_query(filter_query, internal, int2, internal, internal, internal,
 * internal) returns internal: what to search for. The first argument is the
 * document; GIN declares it with the type that is indexed.
 */
Datum
filter_ops_extract_query(PG_FUNCTION_ARGS)
{
	Jsonb	   *document = PG_GETARG_JSONB_P(0);
	int32	   *nentries = (int32 *) PG_GETARG_POINTER(1);
	bool	  **partial = (bool **) PG_GETARG_POINTER(3);
	Pointer   **extra = (Pointer **) PG_GETARG_POINTER(4);
	SearchEntries entries = {NULL};
	DocumentKeys wanted;
	int			n;
	bool		together;

	/*
	 * Which does not look at them: how many there are is how it is told what they
	 * cost. Two at least, so that a search that was given them would be noticed.
	 */
	if (gin_asked_by_planner(fcinfo))
	{
		StoredKey	always;
		Datum		key;

		stored_key_always(&always);
		key = profile_key_datum(always.data, always.len);
		n = document_entries_recall(document);
		*nentries = Max(n, 2);
		*partial = palloc(*nentries * sizeof(bool));
		entries.keys = palloc(*nentries * sizeof(Datum));
		for (int i = 0; i < *nentries; i++)
		{
			entries.keys[i] = key;
			(*partial)[i] = n > 1;
		}
		PG_RETURN_POINTER(entries.keys);
	}
	document_keys_make(&wanted, &document->root, NULL, 0);
	n = wanted.npoints + wanted.nranges;
	together = n > MAX_ENTRIES;
	/* Points are of three kinds, ranges of five at most. */
	if (together)
		n = 8;
	entries.keys = palloc(n * sizeof(Datum));
	entries.partial = palloc(n * sizeof(bool));
	entries.extra = palloc(n * sizeof(Pointer));
	/* There are few tags in an index, whatever the document has. */
	for (int i = 0; i < wanted.npoints;)
		i = add_kind(&entries, wanted.points, wanted.points, i, wanted.npoints,
					 together || wanted.points[i].data[0] == STORED_TAG);
	for (int i = 0; i < wanted.nranges;)
		i = add_kind(&entries, wanted.low, wanted.high, i, wanted.nranges, together);
	*nentries = entries.n;
	*partial = entries.partial;
	*extra = entries.extra;
	PG_RETURN_POINTER(entries.keys);
}

/* compare_partial(profile_key, profile_key, int2, internal) returns integer */
Datum
filter_ops_compare_partial(PG_FUNCTION_ARGS)
{
	struct varlena *key = PG_GETARG_VARLENA_PP(1);
	const Search *search = (const Search *) PG_GETARG_POINTER(3);
	const char *data = VARDATA_ANY(key);
	int			len = VARSIZE_ANY_EXHDR(key);
	int			low = 0;
	int			end = search->n;

	/* The first that begins behind the key; it may be in the one before that. */
	while (low < end)
	{
		int			middle = low + (end - low) / 2;

		if (profile_key_compare(search->low[middle].data, search->low[middle].len,
								data, len) <= 0)
			low = middle + 1;
		else
			end = middle;
	}
	if (low == 0)
		PG_RETURN_INT32(-1);
	if (profile_key_compare(data, len, search->high[low - 1].data,
							search->high[low - 1].len) <= 0)
		PG_RETURN_INT32(0);
	PG_RETURN_INT32(low == search->n ? 1 : -1);
}

/*
 * Is, or may be, one of the entries there? GIN mostly asks where one is, and before
 * a search of several how they decide.
 */
static bool
some_entry(const GinTernaryValue *found, int32 nentries, const Pointer *extra)
{
	if (nentries > 0 && extra == NULL)
		elog(ERROR, "a search for filters got what is for the planner");
	for (int i = nentries - 1; i >= 0; i--)
		if (found[i] != GIN_FALSE)
			return true;
	return false;
}

/*
 * consistent(internal, int2, filter_query, int4, internal, internal, internal,
 * internal) returns boolean
 */
Datum
filter_ops_consistent(PG_FUNCTION_ARGS)
{
	bool	   *recheck = (bool *) PG_GETARG_POINTER(5);

	/* A boolean is a GinTernaryValue that is never maybe. */
	StaticAssertStmt(sizeof(bool) == sizeof(GinTernaryValue) &&
					 GIN_FALSE == false && GIN_TRUE == true, "as in jsonb_gin.c");
	*recheck = true;
	PG_RETURN_BOOL(some_entry((const GinTernaryValue *) PG_GETARG_POINTER(0),
							  PG_GETARG_INT32(3), (Pointer *) PG_GETARG_POINTER(4)));
}

/*
 * triconsistent(internal, int2, filter_query, int4, internal, internal, internal)
 * returns "char"
 */
Datum
filter_ops_triconsistent(PG_FUNCTION_ARGS)
{
	const GinTernaryValue *found = (const GinTernaryValue *) PG_GETARG_POINTER(0);
	Pointer    *extra = (Pointer *) PG_GETARG_POINTER(4);
	bool		some = some_entry(found, PG_GETARG_INT32(3), extra);

	PG_RETURN_GIN_TERNARY_VALUE(some ? GIN_MAYBE : GIN_FALSE);
}
