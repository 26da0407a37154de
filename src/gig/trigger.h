/*-------------------------------------------------------------------------
 * src/gig/trigger.h
 *
 * What every trigger function of cirro does first: check how it was called,
 * and find its columns by name and type.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_GIG_TRIGGER_H
#define CIRRO_GIG_TRIGGER_H

#include "postgres.h"
#include "commands/trigger.h"
#include "fmgr.h"

#include "space/scope.h"

/*
 * The trigger data, after checking that "function" was called as a trigger of
 * this timing and level for one of these events. "timing_level" is made of
 * TRIGGER_EVENT_BEFORE and TRIGGER_EVENT_ROW; "events" is a bit mask, made of
 * TRIGGER_ON. Raises 39P01.
 */
#define TRIGGER_ON(event) (1 << (event))
extern TriggerData *trigger_data(FunctionCallInfo fcinfo, const char *function,
								 int timing_level, int events);

/* A column that a trigger needs. List them in the order of space.sql. */
typedef struct TriggerColumn
{
	const char *name;
	Oid			type;			/* InvalidOid: any */
} TriggerColumn;

#define TRIGGER_MAX_COLUMNS 32

/*
 * A row while a BEFORE trigger works on it, addressed by position in the list
 * of TriggerColumns.
 */
typedef struct TriggerRow
{
	TupleDesc	desc;
	HeapTuple	tuple;
	int			attnum[TRIGGER_MAX_COLUMNS];
	Datum	   *values;			/* by attnum - 1 */
	bool	   *nulls;
	bool	   *changed;
	bool		any_changed;
} TriggerRow;

/* The numbers of columns; raises 42703 or 42804 if the table has another shape. */
extern void trigger_find_columns(Relation rel, const TriggerColumn *columns, int ncolumns,
								 int *attnum);

/*
 * Deforms "tuple", finding the columns; raises 42703 or 42804 if the table
 * has another shape, so no Datum is ever misread. Memory is the caller's
 * current context.
 */
extern void trigger_row_init(TriggerRow *row, Relation rel, HeapTuple tuple,
							 const TriggerColumn *columns, int ncolumns);

#define row_isnull(row, col)	((row)->nulls[(row)->attnum[col] - 1])
#define row_value(row, col)		((row)->values[(row)->attnum[col] - 1])

extern void row_set(TriggerRow *row, int col, Datum value);
extern void row_set_null(TriggerRow *row, int col);
/* Copies a column from another row of the same table. */
extern void row_copy(TriggerRow *row, const TriggerRow *from, int col);
/* Whether a column of the two rows differs, by the type's own equality. */
extern bool row_differs(const TriggerRow *a, const TriggerRow *b, int col);
/* The tuple to return from the trigger. */
extern HeapTuple row_tuple(TriggerRow *row);

/*
 * Connects to SPI inside the Space of the trigger's table, as its owner. Raises
 * 39P01 if that is not "table", the schema is no Space of that owner, or the
 * transition tables are not those of the event.
 */
extern Oid	trigger_enter(TriggerData *trigdata, const char *table, SpaceScope *scope);
extern void trigger_leave(SpaceScope *scope);

#endif							/* CIRRO_GIG_TRIGGER_H */
