/*-------------------------------------------------------------------------
 * src/filter/match.c
 *
 * The operators @@ and ~@@ and the functions matches() and matched_by(): a filter
 * against a jsonb, or against a row by its column "profile". What matches is decided by
 * filter/eval.c, what the planner makes of it by filter/support.c.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/typcache.h"

#include "compat.h"
#include "filter/eval.h"
#include "filter/io.h"
#include "filter/match.h"
#include "filter/order.h"

PG_FUNCTION_INFO_V1(filter_matches_jsonb);
PG_FUNCTION_INFO_V1(filter_matched_by_jsonb);
PG_FUNCTION_INFO_V1(filter_matches_record);

#if defined(__GNUC__) || defined(__clang__)
#define prefetch(address)	__builtin_prefetch((const void *) (address))
#else
#define prefetch(address)	((void) (address))
#endif

#define CACHE_LINE		64
#define PREFETCH_OWN	(4 * CACHE_LINE)
#define PREFETCH_NEXT	(16 * CACHE_LINE)
#define ROW_HEAD		(2 * CACHE_LINE)	/* of a row, before its profile */

/* Longer values that are compressed are not compared with the one before. */
#define MAX_STORED		8192

/* A call site with a constant filter, or one with documents that are toasted. */
typedef struct MatchCall
{
	FilterQuery *query;			/* prepared; NULL if it may change */
	uintptr_t	last;			/* where the last document was */
	int			in_turn;		/* how many were in turn lately, up to 3 */
	char	   *stored;			/* the bytes of the last one, as it is toasted */
	Size		stored_size;
	Size		stored_room;
	Jsonb	   *document;		/* itself, if it came twice */
} MatchCall;

/*
 * To wait for main memory takes longer than all else here. So the document's
 * list of entries is asked for at once, and in a scan the next row: rows fill
 * a page from its end, so it comes next to the one that ends where this one
 * begins, and it is mostly as long. Where it is longer than what can be on its
 * way at one time, its beginning counts. Nothing is read or changed: any
 * address will do.
 */
static inline void
prefetch_rows(const void *document, uint32 size, MatchCall *call)
{
	uintptr_t	at = (uintptr_t) document;
	uint32		end = size + ROW_HEAD;
	uint32		skip = size > PREFETCH_NEXT ? size - PREFETCH_NEXT : 0;

	for (uint32 ahead = CACHE_LINE; ahead <= PREFETCH_OWN; ahead += CACHE_LINE)
		prefetch(at + ahead);
	if (call == NULL)
		return;
	/* A scan has rows in turn, and now and then goes on to another page. */
	if (call->last - at < 2 * (uintptr_t) end)
		call->in_turn = Min(call->in_turn + 1, 3);
	else
		call->in_turn = Max(call->in_turn - 1, 0);
	call->last = at;
	if (call->in_turn > 1)
		for (uint32 back = skip + CACHE_LINE; back < end; back += CACHE_LINE)
			prefetch(at - back);
}

/*
 * A document that is looked for in many filters comes over and over, toasted as it is
 * in its row: to detoast it takes far longer than to evaluate a filter. So one that
 * comes a second time is kept until another comes. NULL if it is not kept. The same
 * pointer to a toast table is the same value: that is not removed as long as somebody
 * may read it, nor is its number given again before all others.
 */
static Jsonb *
kept_document(FmgrInfo *call_site, struct varlena *stored)
{
	MatchCall  *call = call_site->fn_extra;
	Size		size = VARSIZE_ANY(stored);
	MemoryContext old;

	if (size > MAX_STORED || (VARATT_IS_EXTERNAL(stored) && !VARATT_IS_EXTERNAL_ONDISK(stored)))
		return NULL;
	old = MemoryContextSwitchTo(call_site->fn_mcxt);
	if (call == NULL)
		call = call_site->fn_extra = palloc0(sizeof(MatchCall));
	if (call->stored_size == size && memcmp(call->stored, stored, size) == 0)
	{
		if (call->document == NULL)
			call->document = DatumGetJsonbP(PointerGetDatum(stored));
	}
	else
	{
		if (call->document != NULL)
			pfree(call->document);
		call->document = NULL;
		call->stored_size = 0;
		if (call->stored_room < size)
		{
			if (call->stored != NULL)
				pfree(call->stored);
			call->stored_room = 0;
			call->stored = palloc(size);
			call->stored_room = size;
		}
		memcpy(call->stored, stored, size);
		call->stored_size = size;
	}
	MemoryContextSwitchTo(old);
	return call->document;
}

static bool
matches_toasted(FmgrInfo *call_site, Datum datum, const FilterQuery *query)
{
	Jsonb	   *document = NULL;
	bool		result;

	if (call_site != NULL)
		document = kept_document(call_site, (struct varlena *) DatumGetPointer(datum));
	if (document != NULL)
		return filter_matches(query, &document->root);
	document = DatumGetJsonbP(datum);
	result = filter_matches(query, &document->root);
	pfree(document);
	return result;
}

/*
 * "call" is NULL where the filter may change from call to call. Then the call site
 * may keep the document, unless it is NULL.
 */
static bool
matches(FmgrInfo *call_site, Datum datum, const FilterQuery *query, MatchCall *call)
{
	struct varlena *stored = (struct varlena *) DatumGetPointer(datum);

	if (likely(VARATT_IS_4B_U(stored)))
	{
		prefetch_rows(stored, VARSIZE(stored), call);
		return filter_matches(query, &((Jsonb *) stored)->root);
	}
	if (VARATT_IS_SHORT(stored) && !VARATT_IS_EXTERNAL(stored))
	{
		/* Of the two headers only the document's own is missing here. */
		uint64		aligned[VARATT_SHORT_MAX / sizeof(uint64) + 1];

		prefetch_rows(stored, VARSIZE_SHORT(stored), call);
		memcpy(aligned, VARDATA_SHORT(stored), VARSIZE_SHORT(stored) - VARHDRSZ_SHORT);
		return filter_matches(query, (const JsonbContainer *) aligned);
	}
	return matches_toasted(call_site, datum, query);
}

/* Is the argument of this number a constant in the call? */
static bool
is_constant(const FmgrInfo *call_site, int number)
{
	Node	   *expr = call_site == NULL ? NULL : call_site->fn_expr;
	List	   *args = NIL;

	if (expr != NULL && IsA(expr, OpExpr))
		args = ((OpExpr *) expr)->args;
	else if (expr != NULL && IsA(expr, FuncExpr))
		args = ((FuncExpr *) expr)->args;
	return list_length(args) == 2 && IsA(list_nth(args, number), Const);
}

/*
 * A constant filter is prepared once for each call site. A parameter may
 * change while the call site lives on (PL/pgSQL evaluates expressions so).
 */
static inline Datum
match_arguments(FunctionCallInfo fcinfo, int document, int filter)
{
	FmgrInfo   *call_site = fcinfo->flinfo;
	FilterQuery *query;
	bool		result;
	MatchCall  *call = call_site == NULL ? NULL : call_site->fn_extra;

	if (call != NULL && call->query != NULL)
		PG_RETURN_BOOL(matches(NULL, PG_GETARG_DATUM(document), call->query, call));
	query = PG_GETARG_FILTER_QUERY(filter);
	if (call == NULL && is_constant(call_site, filter))
	{
		MemoryContext old = MemoryContextSwitchTo(call_site->fn_mcxt);

		call = palloc0(sizeof(MatchCall));
		call->query = filter_query_reordered(query);
		call_site->fn_extra = call;
		MemoryContextSwitchTo(old);
		result = matches(NULL, PG_GETARG_DATUM(document), call->query, call);
	}
	else
		result = matches(call_site, PG_GETARG_DATUM(document), query, NULL);
	PG_FREE_IF_COPY(query, filter);
	PG_RETURN_BOOL(result);
}

/* matches(jsonb, filter_query) returns boolean */
Datum
filter_matches_jsonb(PG_FUNCTION_ARGS)
{
	return match_arguments(fcinfo, 0, 1);
}

/* matched_by(filter_query, jsonb) returns boolean */
Datum
filter_matched_by_jsonb(PG_FUNCTION_ARGS)
{
	return match_arguments(fcinfo, 1, 0);
}

AttrNumber
filter_profile_column(TupleDesc row)
{
	for (int i = 0; i < row->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(row, i);

		if (!column->attisdropped && strcmp(NameStr(column->attname), "profile") == 0)
			return column->attnum;
	}
	return InvalidAttrNumber;
}

/*
 * Where the profile is in rows of the type last seen by a call site. A type may
 * be altered from one call to the next, so it is only where to look first.
 */
typedef struct RowCache
{
	Oid			type;
	int32		typmod;
	AttrNumber	column;
} RowCache;

static bool
is_profile(TupleDesc row, AttrNumber column)
{
	Form_pg_attribute attribute;

	if (column == InvalidAttrNumber || column > row->natts)
		return false;
	attribute = TupleDescAttr(row, column - 1);
	return !attribute->attisdropped && attribute->atttypid == JSONBOID &&
		strcmp(NameStr(attribute->attname), "profile") == 0;
}

static AttrNumber
find_profile(TupleDesc row)
{
	AttrNumber	column = filter_profile_column(row);

	if (column == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the row has no column \"profile\""),
				 errdetail("A filter query against a row of type %s reads its column \"profile\".",
						   format_type_be(row->tdtypeid)),
				 errhint("Use a row with a jsonb column \"profile\", or ask a jsonb value itself.")));
	if (TupleDescAttr(row, column - 1)->atttypid != JSONBOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the column \"profile\" of the row is not of type jsonb"),
				 errdetail("It is of type %s.",
						   format_type_be(TupleDescAttr(row, column - 1)->atttypid)),
				 errhint("Cast it and ask the jsonb value itself.")));
	return column;
}

/*
 * matches(record, filter_query) returns boolean
 *
 * Mostly the planner has put the column in the place of the row before this
 * could run (filter/support.c).
 */
Datum
filter_matches_record(PG_FUNCTION_ARGS)
{
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(0);
	RowCache   *cache = fcinfo->flinfo->fn_extra;
	Oid			type = HeapTupleHeaderGetTypeId(row);
	int32		typmod = HeapTupleHeaderGetTypMod(row);
	TupleDesc	desc;
	HeapTupleData tuple;
	Datum		profile;
	bool		isnull;
	FilterQuery *query;
	bool		result;

	desc = lookup_rowtype_tupdesc(type, typmod);
	if (cache == NULL)
		cache = fcinfo->flinfo->fn_extra =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(RowCache));
	if (cache->type != type || cache->typmod != typmod || !is_profile(desc, cache->column))
	{
		cache->type = InvalidOid;
		cache->column = find_profile(desc);
		cache->typmod = typmod;
		cache->type = type;
	}
	memset(&tuple, 0, sizeof(tuple));
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	tuple.t_data = row;
	profile = heap_getattr(&tuple, cache->column, desc, &isnull);
	ReleaseTupleDesc(desc);
	if (isnull)
		PG_RETURN_NULL();
	query = PG_GETARG_FILTER_QUERY(1);
	result = matches(NULL, profile, query, NULL);
	PG_FREE_IF_COPY(query, 1);
	PG_RETURN_BOOL(result);
}
