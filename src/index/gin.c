/*-------------------------------------------------------------------------
 * src/index/gin.c
 *
 * The support functions of the GIN operator class cirro.profile_ops, which
 * finds documents by jsonb @@ filter_query. They hand on between GIN and the
 * files that decide: which keys a document has (index/profile_key.c), which a
 * filter asks for (index/extract.c), which of those to fetch
 * (index/choice.c). An answer is true only where all that is known makes it
 * certain; all else is rechecked.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/gin.h"
#include "fmgr.h"
#include "storage/shmem.h"
#include "utils/jsonb.h"

#include "compat.h"
#include "filter/io.h"
#include "index/choice.h"
#include "index/estimate.h"
#include "index/extract.h"
#include "index/gin.h"
#include "index/memory.h"

PG_FUNCTION_INFO_V1(profile_ops_extract_value);
PG_FUNCTION_INFO_V1(profile_ops_extract_query);
PG_FUNCTION_INFO_V1(profile_ops_compare_partial);
PG_FUNCTION_INFO_V1(profile_ops_consistent);
PG_FUNCTION_INFO_V1(profile_ops_triconsistent);

/*
 * A search as a whole. GIN, before it begins, finds out by what it asks
 * profile_ops_triconsistent() which entries it has to go through and which it
 * need only look up beside those; see may_be_skipped().
 */
typedef struct SearchPlan
{
	const IndexEntry *root;
	bool		has_ranges;		/* that GIN puts into bitmaps */
	bool		planning;		/* GIN still does that */
	int			asked;			/* ... and has asked so often */
	bool		skips;			/* "looked_up" means something: */
	bool	   *looked_up;		/* for each entry, not gone through */
	GinTernaryValue *found;		/* room */
} SearchPlan;

/* What GIN keeps for us with each entry of a search. */
typedef struct Search
{
	const IndexEntry *entry;
	SearchPlan *plan;
} Search;

/* extract_value(jsonb, internal) returns internal: the keys of a document */
Datum
profile_ops_extract_value(PG_FUNCTION_ARGS)
{
	Jsonb	   *document = PG_GETARG_JSONB_P(0);
	int32	   *nentries = (int32 *) PG_GETARG_POINTER(1);
	ProfileKeyList list;
	Datum	   *entries;
	char	   *room;

	profile_keys_init(&list);
	profile_keys_extract(&list, &document->root);
	*nentries = list.nkeys;
	if (list.nkeys == 0)
		PG_RETURN_POINTER(NULL);
	entries = MemoryContextAllocHuge(CurrentMemoryContext, mul_size(list.nkeys, sizeof(Datum)));
	room = MemoryContextAllocHuge(CurrentMemoryContext,
								  mul_size(list.nkeys, INTALIGN(VARHDRSZ + PROFILE_KEY_MAX)));
	for (int i = 0; i < list.nkeys; i++)
	{
		int			len = list.keys[i].len;

		SET_VARSIZE(room, VARHDRSZ + len);
		memcpy(VARDATA(room), profile_keys_get(&list, i), len);
		entries[i] = PointerGetDatum(room);
		room += INTALIGN(VARHDRSZ + len);
	}
	PG_RETURN_POINTER(entries);
}

static void
add_entries(const IndexEntry *e, SearchPlan *plan, Search *searches,
			Datum *entries, bool *partial, Pointer *extra)
{
	for (; e != NULL; e = e->next)
	{
		if (e->entry >= 0)
		{
			entries[e->entry] = profile_key_datum(e->low.data, e->low.len);
			partial[e->entry] = e->kind != ENTRY_KEY;
			plan->has_ranges |= partial[e->entry];
			searches[e->entry].entry = e;
			searches[e->entry].plan = plan;
			extra[e->entry] = (Pointer) &searches[e->entry];
		}
		add_entries(e->many, plan, searches, entries, partial, extra);
		add_entries(e->first, plan, searches, entries, partial, extra);
	}
}

/*
 * extract_query(jsonb, internal, int2, internal, internal, internal, internal)
 * returns internal: what to search for. The first argument is the filter; GIN
 * declares it with the type that is indexed.
 */
Datum
profile_ops_extract_query(PG_FUNCTION_ARGS)
{
	FilterQuery *query = PG_GETARG_FILTER_QUERY(0);
	int32	   *nentries = (int32 *) PG_GETARG_POINTER(1);
	bool	  **partial = (bool **) PG_GETARG_POINTER(3);
	Pointer   **extra = (Pointer **) PG_GETARG_POINTER(4);
	int32	   *mode = (int32 *) PG_GETARG_POINTER(6);
	IndexEntry *root = index_entry_extract(query);
	bool		better_scanned = false;
	SearchPlan *plan;
	Datum	   *entries;

	*nentries = 0;
	if (root->kind == ENTRY_NEVER)
		PG_RETURN_POINTER(NULL);
	if (!index_entry_recall(query, root, &better_scanned))
		index_entry_estimate(root, query, NULL);
	*nentries = index_entry_choose(root);
	if (gin_asked_by_planner(fcinfo) && better_scanned)
		*nentries = 0;
	if (*nentries == 0)
	{
		*mode = GIN_SEARCH_MODE_ALL;
		PG_RETURN_POINTER(NULL);
	}
	entries = palloc(*nentries * sizeof(Datum));
	*partial = palloc(*nentries * sizeof(bool));
	*extra = palloc(*nentries * sizeof(Pointer));
	plan = palloc0(sizeof(SearchPlan));
	plan->root = root;
	plan->looked_up = palloc0(*nentries * sizeof(bool));
	plan->found = palloc(*nentries * sizeof(GinTernaryValue));
	add_entries(root, plan, palloc(*nentries * sizeof(Search)), entries, *partial, *extra);
	plan->planning = plan->has_ranges && *nentries > 1;
	PG_RETURN_POINTER(entries);
}

/* compare_partial(profile_key, profile_key, int2, internal) returns integer */
Datum
profile_ops_compare_partial(PG_FUNCTION_ARGS)
{
	struct varlena *key = PG_GETARG_VARLENA_PP(1);
	const Search *search = (const Search *) PG_GETARG_POINTER(3);

	PG_RETURN_INT32(index_entry_compare(search->entry, VARDATA_ANY(key),
										VARSIZE_ANY_EXHDR(key)));
}

/*
 * Does the filter hold for a document of whose keys this much is known? False
 * and true are as certain as what is given.
 */
static GinTernaryValue
evaluate(const IndexEntry *e, const GinTernaryValue *found)
{
	GinTernaryValue result;

	switch (e->kind)
	{
		case ENTRY_BETWEEN:
			if (e->entry < 0)
				break;
			result = found[e->entry];
			if (result == GIN_TRUE)
				return e->exact ? GIN_TRUE : GIN_MAYBE;
			for (const IndexEntry *m = e->many; m != NULL && result == GIN_FALSE; m = m->next)
				if (found[m->entry] != GIN_FALSE)
					result = GIN_MAYBE;
			return result;
		case ENTRY_KEY:
		case ENTRY_RANGE:
		case ENTRY_SET:
			if (e->entry < 0)
				return GIN_MAYBE;
			result = found[e->entry];
			return result == GIN_TRUE && !e->exact ? GIN_MAYBE : result;
		case ENTRY_ELEM:
			result = evaluate(e->first, found);
			return result == GIN_TRUE ? GIN_MAYBE : result;
		case ENTRY_OR:
			result = GIN_FALSE;
			for (const IndexEntry *c = e->first; c != NULL; c = c->next)
			{
				GinTernaryValue child = evaluate(c, found);

				if (child == GIN_TRUE)
					return GIN_TRUE;
				if (child == GIN_MAYBE)
					result = GIN_MAYBE;
			}
			return result;
		case ENTRY_AND:
			break;
		case ENTRY_ALWAYS:
		case ENTRY_NEVER:
		case ENTRY_NOT:
		case ENTRY_UNKNOWN:
			return GIN_MAYBE;
	}

	result = GIN_TRUE;
	for (const IndexEntry *c = e->first; c != NULL; c = c->next)
	{
		GinTernaryValue child = evaluate(c, found);

		if (child == GIN_FALSE)
			return GIN_FALSE;
		if (child == GIN_MAYBE)
			result = GIN_MAYBE;
	}
	return result;
}

static GinTernaryValue
evaluate_search(FunctionCallInfo fcinfo)
{
	const GinTernaryValue *found = (const GinTernaryValue *) PG_GETARG_POINTER(0);
	int32		nentries = PG_GETARG_INT32(3);
	Pointer    *extra = (Pointer *) PG_GETARG_POINTER(4);

	/* Without entries all documents come, to be rechecked. */
	if (nentries == 0)
		return GIN_MAYBE;
	return evaluate(((const Search *) extra[0])->plan->root, found);
}

/*
 * GIN is about to begin: it asks what holds if the first, the first two, ...
 * of its entries were not found, the rarest first, until that is false. It will
 * go through those, and look the others up.
 */
static void
watch_planning(SearchPlan *plan, const GinTernaryValue *found, int nentries,
			   GinTernaryValue answer)
{
	bool		as_expected = true;

	for (int i = 0; i < nentries; i++)
		as_expected = as_expected && found[i] != GIN_TRUE;
	plan->asked++;
	if (answer != GIN_FALSE && as_expected && plan->asked < nentries - 1)
		return;
	plan->planning = false;
	/* Were it to ask something else, any could be looked up. */
	plan->skips = answer == GIN_FALSE || !as_expected;
	for (int i = 0; i < nentries; i++)
		plan->looked_up[i] = !as_expected || found[i] == GIN_MAYBE;
}

/*
 * Of a range that did not fit into work_mem GIN knows pages alone, and asks
 * whether such a page may have a match, before it looks at single rows. But
 * then it looks at those only that are after the row it has come to by another
 * entry, and rows before it are lost that have one of the entries that are
 * looked up (keyGetItem() in ginget.c; docs/gin-lossy-partial-match.md shows it
 * with core's own operator classes). So a page that could have one of these is
 * a match.
 */
static bool
may_be_skipped(const SearchPlan *plan, const GinTernaryValue *found, int nentries)
{
	bool		page_alone = false;

	if (!plan->skips)
		return false;
	for (int i = 0; i < nentries; i++)
	{
		page_alone = page_alone || (found[i] == GIN_MAYBE && !plan->looked_up[i]);
		plan->found[i] = found[i] == GIN_FALSE && plan->looked_up[i] ? GIN_MAYBE : found[i];
	}
	return page_alone && evaluate(plan->root, plan->found) != GIN_FALSE;
}

/*
 * consistent(internal, int2, jsonb, int4, internal, internal, internal,
 * internal) returns boolean
 */
Datum
profile_ops_consistent(PG_FUNCTION_ARGS)
{
	bool	   *recheck = (bool *) PG_GETARG_POINTER(5);
	GinTernaryValue result;

	/* A boolean is a GinTernaryValue that is never maybe. */
	StaticAssertStmt(sizeof(bool) == sizeof(GinTernaryValue) &&
					 GIN_FALSE == false && GIN_TRUE == true, "as in jsonb_gin.c");
	result = evaluate_search(fcinfo);
	*recheck = result == GIN_MAYBE;
	PG_RETURN_BOOL(result != GIN_FALSE);
}

/*
 * triconsistent(internal, int2, jsonb, int4, internal, internal, internal)
 * returns "char"
 */
Datum
profile_ops_triconsistent(PG_FUNCTION_ARGS)
{
	const GinTernaryValue *found = (const GinTernaryValue *) PG_GETARG_POINTER(0);
	int32		nentries = PG_GETARG_INT32(3);
	Pointer    *extra = (Pointer *) PG_GETARG_POINTER(4);
	GinTernaryValue result = evaluate_search(fcinfo);
	SearchPlan *plan;

	if (nentries == 0)
		PG_RETURN_GIN_TERNARY_VALUE(result);
	plan = ((const Search *) extra[0])->plan;
	if (plan->planning)
		watch_planning(plan, found, nentries, result);
	else if (result == GIN_FALSE && may_be_skipped(plan, found, nentries))
		result = GIN_MAYBE;
	PG_RETURN_GIN_TERNARY_VALUE(result);
}
