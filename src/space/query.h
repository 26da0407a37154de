/*-------------------------------------------------------------------------
 * src/space/query.h
 *
 * Asking a Space: a query, its parameters one by one, its rows column by
 * column, each with its type. Callers have entered the Space (space/scope.h), if
 * it is one that they ask, and are connected to SPI.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_SPACE_QUERY_H
#define CIRRO_SPACE_QUERY_H

#include "postgres.h"
#include "access/transam.h"
#include "commands/trigger.h"
#include "utils/timestamp.h"

#include "space/plan_cache.h"

/*
 * The parameters of a query in their order: begin with {&query}, then one call
 * below for each. A type that is not the query's, one too many or one too few is an
 * error. What is passed by reference must stay until the query has run.
 */
typedef struct QueryArgs
{
	const SpaceQuery *query;
	int			nargs;
	Datum		values[SPACE_QUERY_MAX_ARGS];
	bool		nulls[SPACE_QUERY_MAX_ARGS];
} QueryArgs;

extern void arg_null(QueryArgs *args);
extern void arg_bool(QueryArgs *args, bool value);
extern void arg_int32(QueryArgs *args, int32 value);
extern void arg_int64(QueryArgs *args, int64 value);
extern void arg_timestamptz(QueryArgs *args, TimestampTz value);
/* NULL pointers and invalid transaction ids, which are bigint in SQL, are nulls. */
extern void arg_interval(QueryArgs *args, const Interval *value);
extern void arg_text(QueryArgs *args, const char *value);
extern void arg_transaction(QueryArgs *args, FullTransactionId value);
/* An array of these, none of them null. */
extern void arg_bool_array(QueryArgs *args, const bool *values, int n);
extern void arg_int32_array(QueryArgs *args, const int32 *values, int n);
extern void arg_int64_array(QueryArgs *args, const int64 *values, int n);
extern void arg_timestamptz_array(QueryArgs *args, const TimestampTz *values, int n);
/* Of any other type. */
extern void arg_datum(QueryArgs *args, Oid type, Datum value, bool isnull);

/*
 * Runs it through a plan that is kept for the session. Returns the number of
 * rows; they can be read until SPI_finish, query_free or the next call. Raises
 * on any failure.
 */
extern uint64 query_run(Oid space, const QueryArgs *args);

/*
 * The same for a query over the transition tables of a trigger, which are
 * shaped like the trigger's table: each table has plans of its own.
 */
extern uint64 query_run_over(TriggerData *trigdata, Oid space, const QueryArgs *args);

/*
 * A query whose plan is not kept, over whatever the search path holds: for what
 * thousands of Spaces are asked, each once, and for tables that are no Space's.
 * Its plan is of the query's kind all the same.
 * With "read_only" it changes nothing, and sees what the caller's snapshot does.
 */
extern uint64 query_run_once(const QueryArgs *args, bool read_only);

/* The same as query_run for a SELECT whose rows go to a receiver as they come. */
extern void query_run_into(Oid space, const QueryArgs *args, DestReceiver *receiver);

/* The same as query_run for a SELECT that sees what the active snapshot does. */
extern uint64 query_run_seen(Oid space, const QueryArgs *args);

/*
 * The same as query_run for a SELECT that sees all that is committed by now, whatever
 * snapshot the transaction goes by.
 */
extern uint64 query_run_latest(Oid space, const QueryArgs *args);

/* How many rows the planner expects of a query that is planned each time. */
extern double query_estimate(Oid space, const QueryArgs *args);

/* Frees the rows of the last run. */
extern void query_free(void);

/*
 * A row, read column by column in the order of the query. 22004 is raised for a
 * null that is not asked for, 42804 for another type: an owner may have changed a
 * table since the Space was looked at.
 */
typedef struct ResultRow
{
	TupleDesc	desc;
	HeapTuple	tuple;
	TupleTableSlot *slot;		/* in place of the tuple */
	int			column;			/* the one read last */
} ResultRow;

/*
 * Row "number", from 0, of the last run; 39P01 if there is none: a trigger of the
 * Space may have kept it from being. Or the row that a receiver is given.
 */
extern ResultRow result_row(uint64 number);
extern ResultRow result_slot(TupleTableSlot *slot);

extern bool result_bool(ResultRow *row);
extern int32 result_int32(ResultRow *row);
extern int64 result_int64(ResultRow *row);
extern TimestampTz result_timestamptz(ResultRow *row);
extern FullTransactionId result_transaction(ResultRow *row);
/* In the memory of the row. InvalidOid: a type of cirro's own, which has no fixed one. */
extern const Interval *result_interval(ResultRow *row);
extern Datum result_datum(ResultRow *row, Oid type);

/* Is the next column null? Then it is read by that. */
extern bool result_null(ResultRow *row);

/* The next column, null or not, as the next parameter of a query. */
extern void arg_result(QueryArgs *args, ResultRow *row);

/* All columns were read. */
extern void result_end(const ResultRow *row);

/*
 * A query of which few rows are in memory at a time. Other queries, and functions of
 * a Space, may be run between the rows. A row stays until the next is asked for;
 * after the last one it is false. Only an error closes it but query_close.
 */
typedef struct QueryCursor
{
	Portal		portal;
	SPITupleTable *rows;		/* those at hand */
	uint64		nrows;
	uint64		next;
	long		at_once;		/* so many are fetched next; the caller may change it */
	bool		is_over;		/* there were fewer */
} QueryCursor;

/* Over the tables of the Space. */
extern void query_open(QueryCursor *cursor, Oid space, const QueryArgs *args);

/* Over the transition tables of a trigger. */
extern void query_open_over(QueryCursor *cursor, TriggerData *trigdata, Oid space,
							const QueryArgs *args);
extern bool query_next(QueryCursor *cursor, ResultRow *row);
extern void query_close(QueryCursor *cursor);

#endif							/* CIRRO_SPACE_QUERY_H */
