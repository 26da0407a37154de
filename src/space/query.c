/*-------------------------------------------------------------------------
 * src/space/query.c
 *
 * Parameters and results of queries, with their types and their number checked:
 * a query and the code around it are two texts that nothing else keeps together.
 * Must not know any query, nor decide when one is planned (space/plan_cache.c).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "space/query.h"
#include "space/shard.h"

/* ----------------------------------------------------------- parameters -- */

void
arg_datum(QueryArgs *args, Oid type, Datum value, bool isnull)
{
	const SpaceQuery *query = args->query;

	if (args->nargs == query->nargs || query->argtypes[args->nargs] != type)
		elog(ERROR, "parameter %d is not of type %u in: %s",
			 args->nargs + 1, type, query->text);
	args->values[args->nargs] = value;
	args->nulls[args->nargs++] = isnull;
}

void
arg_null(QueryArgs *args)
{
	arg_datum(args, args->query->argtypes[Min(args->nargs, SPACE_QUERY_MAX_ARGS - 1)],
			  (Datum) 0, true);
}

void
arg_bool(QueryArgs *args, bool value)
{
	arg_datum(args, BOOLOID, BoolGetDatum(value), false);
}

void
arg_int32(QueryArgs *args, int32 value)
{
	arg_datum(args, INT4OID, Int32GetDatum(value), false);
}

void
arg_int64(QueryArgs *args, int64 value)
{
	arg_datum(args, INT8OID, Int64GetDatum(value), false);
}

void
arg_timestamptz(QueryArgs *args, TimestampTz value)
{
	arg_datum(args, TIMESTAMPTZOID, TimestampTzGetDatum(value), false);
}

void
arg_interval(QueryArgs *args, const Interval *value)
{
	arg_datum(args, INTERVALOID, IntervalPGetDatum(value), value == NULL);
}

void
arg_text(QueryArgs *args, const char *value)
{
	arg_datum(args, TEXTOID, value == NULL ? (Datum) 0 : CStringGetTextDatum(value),
			  value == NULL);
}

void
arg_transaction(QueryArgs *args, FullTransactionId value)
{
	arg_datum(args, INT8OID, Int64GetDatum((int64) U64FromFullTransactionId(value)),
			  !FullTransactionIdIsValid(value));
}

/* An array of elements of a fixed size, all of which are there. */
static void
arg_array(QueryArgs *args, Oid type, Oid element, const void *values, int n, Size size)
{
	Size		data = mul_size(n, size);
	Size		header = ARR_OVERHEAD_NONULLS(1);
	ArrayType  *array;

	if (n == 0)
		array = construct_empty_array(element);
	else
	{
		array = palloc0(add_size(header, data));
		SET_VARSIZE(array, header + data);
		array->ndim = 1;
		array->elemtype = element;
		ARR_DIMS(array)[0] = n;
		ARR_LBOUND(array)[0] = 1;
		memcpy(ARR_DATA_PTR(array), values, data);
	}
	arg_datum(args, type, PointerGetDatum(array), false);
}

void
arg_bool_array(QueryArgs *args, const bool *values, int n)
{
	arg_array(args, BOOLARRAYOID, BOOLOID, values, n, sizeof(bool));
}

void
arg_int32_array(QueryArgs *args, const int32 *values, int n)
{
	arg_array(args, INT4ARRAYOID, INT4OID, values, n, sizeof(int32));
}

void
arg_int64_array(QueryArgs *args, const int64 *values, int n)
{
	arg_array(args, INT8ARRAYOID, INT8OID, values, n, sizeof(int64));
}

void
arg_timestamptz_array(QueryArgs *args, const TimestampTz *values, int n)
{
	arg_array(args, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID, values, n, sizeof(TimestampTz));
}

static void
check_count(const QueryArgs *args)
{
	if (args->nargs != args->query->nargs)
		elog(ERROR, "%d parameters, not %d, in: %s",
			 args->nargs, args->query->nargs, args->query->text);
}

static ParamListInfo
make_params(const QueryArgs *args)
{
	ParamListInfo params;

	check_count(args);
	if (args->nargs == 0)
		return NULL;
	params = makeParamList(args->nargs);
	for (int i = 0; i < args->nargs; i++)
	{
		params->params[i].value = args->values[i];
		params->params[i].isnull = args->nulls[i];
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = args->query->argtypes[i];
	}
	return params;
}

/* ------------------------------------------------------------ execution -- */

/*
 * In the caller's memory context, which stays: SPI leaves its own behind, where all that
 * is allocated next would be kept as long as the connection.
 */
static uint64
execute(Oid space, Oid relation, const QueryArgs *args, SPIExecuteOptions *options)
{
	MemoryContext caller = CurrentMemoryContext;

	options->params = make_params(args);
	plan_cache_execute(space, relation, args->query, options);
	MemoryContextSwitchTo(caller);
	if (options->params != NULL)
		pfree(options->params);
	return SPI_processed;
}

static uint64
run(Oid space, Oid relation, const QueryArgs *args, DestReceiver *receiver)
{
	SPIExecuteOptions options = {.dest = receiver};

	return execute(space, relation, args, &options);
}

uint64
query_run(Oid space, const QueryArgs *args)
{
	return run(space, InvalidOid, args, NULL);
}

uint64
query_run_over(TriggerData *trigdata, Oid space, const QueryArgs *args)
{
	return run(space, RelationGetRelid(trigdata->tg_relation), args, NULL);
}

uint64
query_run_once(const QueryArgs *args, bool read_only)
{
	SPIExecuteOptions options = {.params = make_params(args), .read_only = read_only};
	MemoryContext caller = CurrentMemoryContext;
	PlanKind	kind = args->query->kind;
	int			level = kind == PLAN_USUAL ? 0 : plan_cache_steer(kind);
	int			result = SPI_execute_extended(shard_query_text_on_path(args->query->text),
											  &options);

	MemoryContextSwitchTo(caller);
	if (level > 0)
		AtEOXact_GUC(true, level);
	if (result < 0)
		elog(ERROR, "SPI_execute_extended failed: %s: %s",
			 SPI_result_code_string(result), args->query->text);
	return SPI_processed;
}

void
query_run_into(Oid space, const QueryArgs *args, DestReceiver *receiver)
{
	(void) run(space, InvalidOid, args, receiver);
}

uint64
query_run_seen(Oid space, const QueryArgs *args)
{
	SPIExecuteOptions options = {.read_only = true};

	return execute(space, InvalidOid, args, &options);
}

uint64
query_run_latest(Oid space, const QueryArgs *args)
{
	uint64		rows;

	PushActiveSnapshot(GetLatestSnapshot());
	rows = query_run_seen(space, args);
	PopActiveSnapshot();
	return rows;
}

double
query_estimate(Oid space, const QueryArgs *args)
{
	return plan_cache_estimate(space, args->query, make_params(args));
}

void
query_free(void)
{
	SPI_freetuptable(SPI_tuptable);
}

/* Rows of a cursor that are fetched at once. */
#define ROWS_AT_ONCE	1000

static void
open_cursor(QueryCursor *cursor, Oid space, Oid relation, const QueryArgs *args)
{
	MemoryContext caller = CurrentMemoryContext;

	memset(cursor, 0, sizeof(*cursor));
	cursor->at_once = ROWS_AT_ONCE;
	cursor->portal = plan_cache_open(space, relation, args->query, make_params(args));
	MemoryContextSwitchTo(caller);
	/* A trigger or function of the Space may say CLOSE ALL. */
	PinPortal(cursor->portal);
}

void
query_open(QueryCursor *cursor, Oid space, const QueryArgs *args)
{
	open_cursor(cursor, space, InvalidOid, args);
}

void
query_open_over(QueryCursor *cursor, TriggerData *trigdata, Oid space, const QueryArgs *args)
{
	open_cursor(cursor, space, RelationGetRelid(trigdata->tg_relation), args);
}

bool
query_next(QueryCursor *cursor, ResultRow *row)
{
	if (cursor->next == cursor->nrows)
	{
		MemoryContext caller = CurrentMemoryContext;

		SPI_freetuptable(cursor->rows);
		cursor->rows = NULL;
		cursor->nrows = cursor->next = 0;
		if (cursor->is_over)
			return false;
		SPI_cursor_fetch(cursor->portal, true, cursor->at_once);
		MemoryContextSwitchTo(caller);
		cursor->rows = SPI_tuptable;
		cursor->nrows = SPI_processed;
		cursor->is_over = cursor->nrows < (uint64) cursor->at_once;
		if (cursor->nrows == 0)
			return false;
	}
	memset(row, 0, sizeof(*row));
	row->desc = cursor->rows->tupdesc;
	row->tuple = cursor->rows->vals[cursor->next++];
	return true;
}

void
query_close(QueryCursor *cursor)
{
	SPI_freetuptable(cursor->rows);
	UnpinPortal(cursor->portal);
	SPI_cursor_close(cursor->portal);
}

/* -------------------------------------------------------------- results -- */

ResultRow
result_row(uint64 number)
{
	ResultRow	row = {0};

	if (SPI_tuptable == NULL || number >= SPI_tuptable->numvals)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("a row that cirro wrote or looked for is not there"),
				 errdetail("A trigger or a rule on a table of the Space suppressed or changed it."),
				 errhint("Triggers of your own must let cirro's rows pass.")));
	row.desc = SPI_tuptable->tupdesc;
	row.tuple = SPI_tuptable->vals[number];
	return row;
}

ResultRow
result_slot(TupleTableSlot *slot)
{
	ResultRow	row = {.desc = slot->tts_tupleDescriptor, .slot = slot};

	return row;
}

static Datum
read_column(ResultRow *row, Oid type, bool *isnull)
{
	int			column = ++row->column;
	Oid			found = column <= row->desc->natts ?
		TupleDescAttr(row->desc, column - 1)->atttypid : InvalidOid;

	if (!OidIsValid(found))
		elog(ERROR, "a row of %d columns has no column %d", row->desc->natts, column);
	if (found != type && OidIsValid(type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of a table of the Space has another type",
						NameStr(TupleDescAttr(row->desc, column - 1)->attname)),
				 errdetail("It is %s, not %s.", format_type_be(found), format_type_be(type)),
				 errhint("Restore the columns that create_space made.")));
	return row->slot != NULL ? slot_getattr(row->slot, column, isnull) :
		SPI_getbinval(row->tuple, row->desc, column, isnull);
}

/* The same, of a column that has a value. */
static Datum
read_value(ResultRow *row, Oid type)
{
	bool		isnull;
	Datum		value = read_column(row, type, &isnull);

	/* The owner may have dropped a constraint since the Space was looked at. */
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("\"%s\" of a table of the Space must not be null",
						NameStr(TupleDescAttr(row->desc, row->column - 1)->attname)),
				 errdetail("A table of the Space lacks a constraint."),
				 errhint("Restore the constraints that create_space made.")));
	return value;
}

bool
result_bool(ResultRow *row)
{
	return DatumGetBool(read_value(row, BOOLOID));
}

int32
result_int32(ResultRow *row)
{
	return DatumGetInt32(read_value(row, INT4OID));
}

int64
result_int64(ResultRow *row)
{
	return DatumGetInt64(read_value(row, INT8OID));
}

TimestampTz
result_timestamptz(ResultRow *row)
{
	return DatumGetTimestampTz(read_value(row, TIMESTAMPTZOID));
}

FullTransactionId
result_transaction(ResultRow *row)
{
	return FullTransactionIdFromU64((uint64) result_int64(row));
}

const Interval *
result_interval(ResultRow *row)
{
	return DatumGetIntervalP(read_value(row, INTERVALOID));
}

Datum
result_datum(ResultRow *row, Oid type)
{
	return read_value(row, type);
}

bool
result_null(ResultRow *row)
{
	ResultRow	next = *row;
	bool		isnull;

	(void) read_column(&next, InvalidOid, &isnull);
	if (isnull)
		row->column = next.column;
	return isnull;
}

void
arg_result(QueryArgs *args, ResultRow *row)
{
	Oid			type = args->query->argtypes[Min(args->nargs, SPACE_QUERY_MAX_ARGS - 1)];
	bool		isnull;
	Datum		value = read_column(row, type, &isnull);

	arg_datum(args, type, value, isnull);
}

void
result_end(const ResultRow *row)
{
	if (row->column != row->desc->natts)
		elog(ERROR, "%d of %d columns were read", row->column, row->desc->natts);
}
