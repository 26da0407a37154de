/*-------------------------------------------------------------------------
 * src/space/plan_cache.h
 *
 * Cached SPI plans, one per Space and query.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_SPACE_PLAN_CACHE_H
#define CIRRO_SPACE_PLAN_CACHE_H

#include "postgres.h"
#include "commands/trigger.h"
#include "executor/spi.h"

/* When a query is planned, and how. */
typedef enum PlanKind
{
	PLAN_USUAL,
	PLAN_EACH_TIME,				/* for the values of each call */
	PLAN_BY_KEY,				/* once, and never to read a whole table */
	PLAN_OF_ROWS				/* once, and never to compare each row with each */
} PlanKind;

/* A query's text and its parameters' types; define it static const. */
typedef struct CirroQuery
{
	const char *text;
	int			nargs;
	Oid			argtypes[13];
	PlanKind	kind;
} CirroQuery;

/*
 * Runs a query in the Space that space_enter has entered, through a plan that
 * is kept for the session. "nulls" is as for SPI_execute_plan (NULL: no
 * nulls). Returns the number of rows; results are in SPI_tuptable until
 * SPI_finish or the next call. Raises on any failure. The caller is connected
 * to SPI.
 */
extern uint64 cirro_execute(Oid space, const CirroQuery *query,
							Datum *values, const char *nulls);

/*
 * How many rows the planner expects of a query that is planned each time; none of
 * its values is null.
 */
extern double cirro_estimate(Oid space, const CirroQuery *query, Datum *values);

/*
 * The same for a SELECT whose rows go to a receiver as they come, not into
 * memory.
 */
extern void cirro_execute_into(Oid space, const CirroQuery *query,
							   Datum *values, DestReceiver *receiver);

/*
 * The same for a query over the transition tables of a trigger, which are
 * shaped like the trigger's table: each table has plans of its own.
 */
extern uint64 cirro_execute_over(TriggerData *trigdata, Oid space, const CirroQuery *query,
								 Datum *values, const char *nulls);

/* The value of a column of row "row" of SPI_tuptable; 39P01 if there is none. */
extern Datum cirro_result(uint64 row, int column, bool *isnull);

#endif							/* CIRRO_SPACE_PLAN_CACHE_H */
