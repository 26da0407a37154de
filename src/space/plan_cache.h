/*-------------------------------------------------------------------------
 * src/space/plan_cache.h
 *
 * The plans of queries over the tables of Spaces, kept for the session.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_SPACE_PLAN_CACHE_H
#define CIRRO_SPACE_PLAN_CACHE_H

#include "postgres.h"
#include "executor/spi.h"

/* When a query is planned, and how. */
typedef enum PlanKind
{
	PLAN_USUAL,
	PLAN_EACH_TIME,				/* for the values of each call */
	PLAN_BY_KEY,				/* once, and never to read a whole table */
	PLAN_OF_ROWS				/* once, and never to compare each row with each */
} PlanKind;

#define SPACE_QUERY_MAX_ARGS	16

/* A query's text and its parameters' types; define it static const. */
typedef struct SpaceQuery
{
	const char *text;
	int			nargs;
	Oid			argtypes[SPACE_QUERY_MAX_ARGS];
	PlanKind	kind;
} SpaceQuery;

/*
 * Executes a query in the Space that space_enter has entered. "relation" is the
 * table whose transition tables it reads, which are shaped like it, or
 * InvalidOid. Raises on any failure; otherwise as SPI_execute_plan_extended.
 */
extern void plan_cache_execute(Oid space, Oid relation, const SpaceQuery *query,
							   const SPIExecuteOptions *options);

/*
 * Has the planner make plans of that kind until AtEOXact_GUC(true, level), with the
 * level returned.
 */
extern int	plan_cache_steer(PlanKind kind);

/* Opens a cursor of such a query, in the context of SPI. */
extern Portal plan_cache_open(Oid space, Oid relation, const SpaceQuery *query,
							  ParamListInfo params);

/* How many rows the planner expects of a query that is planned each time. */
extern double plan_cache_estimate(Oid space, const SpaceQuery *query, ParamListInfo params);

#endif							/* CIRRO_SPACE_PLAN_CACHE_H */
