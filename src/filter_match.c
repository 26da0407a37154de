/*-------------------------------------------------------------------------
 * src/filter_match.c
 *
 * The operator @@ and the functions matches(): a filter against a jsonb, or
 * against a row by its column "profile". What matches is decided by
 * filter_eval.c, what the planner makes of it by filter_support.c.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/typcache.h"

#include "filter_query.h"
#include "filter_match.h"

PG_FUNCTION_INFO_V1(filter_matches_jsonb);
PG_FUNCTION_INFO_V1(filter_matches_record);

/* matches(jsonb, filter_query) returns boolean */
Datum
filter_matches_jsonb(PG_FUNCTION_ARGS)
{
	Jsonb	   *document = PG_GETARG_JSONB_P(0);
	FilterQuery *query = PG_GETARG_FILTER_QUERY(1);
	bool		result = filter_matches(query, &document->root);

	PG_FREE_IF_COPY(document, 0);
	PG_FREE_IF_COPY(query, 1);
	PG_RETURN_BOOL(result);
}

/* The number of the column "profile", or 0. */
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

/* Where the profile is in rows of the type last seen by a call site. */
typedef struct RowCache
{
	Oid			type;
	int32		typmod;
	AttrNumber	column;
} RowCache;

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
 * could run (filter_support.c).
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

	desc = lookup_rowtype_tupdesc(type, typmod);
	if (cache == NULL)
		cache = fcinfo->flinfo->fn_extra =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(RowCache));
	if (cache->type != type || cache->typmod != typmod || cache->column > desc->natts)
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
	return DirectFunctionCall2(filter_matches_jsonb, profile, PG_GETARG_DATUM(1));
}
