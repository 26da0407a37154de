/*-------------------------------------------------------------------------
 * src/gig/trigger.h
 *
 * What every trigger function of cirro does first: check how it was called,
 * find its columns by name and type, and reach its row or its rows. And how its
 * errors name what they are about.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_GIG_TRIGGER_H
#define CIRRO_GIG_TRIGGER_H

#include "postgres.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "utils/tuplestore.h"

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
	Relation	rel;
	TupleDesc	desc;
	HeapTuple	tuple;
	int			attnum[TRIGGER_MAX_COLUMNS];
	Datum	   *values;			/* by attnum - 1 */
	bool	   *nulls;
	bool	   *changed;
	bool		any_changed;
} TriggerRow;

/*
 * Deforms "tuple", finding the columns; raises 42703 or 42804 if the table
 * has another shape, so no Datum is ever misread. Memory is the caller's
 * current context.
 */
extern void trigger_row_init(TriggerRow *row, Relation rel, HeapTuple tuple,
							 const TriggerColumn *columns, int ncolumns);

#define row_isnull(row, col)	((row)->nulls[(row)->attnum[col] - 1])
#define row_value(row, col)		((row)->values[(row)->attnum[col] - 1])

extern void trigger_row_set(TriggerRow *row, int col, Datum value);
extern void trigger_row_set_null(TriggerRow *row, int col);
/* Copies a column from another row of the same table. */
extern void trigger_row_copy(TriggerRow *row, const TriggerRow *from, int col);
/* Whether a column of the two rows differs, by the type's own equality. */
extern bool trigger_row_differs(const TriggerRow *a, const TriggerRow *b, int col);
/* The tuple to return from the trigger. */
extern HeapTuple trigger_row_tuple(TriggerRow *row);

/*
 * Takes back what a clock of milliseconds did to a row that was read and
 * written: a timestamp of "columns" that is the stored one, cut to milliseconds,
 * is the stored one again.
 */
extern void trigger_row_keep_times(TriggerRow *row, const TriggerRow *stored,
								   const TriggerColumn *columns, int ncolumns);

/* A transition table, row by row. */
typedef struct TriggerRows
{
	Relation	rel;
	Tuplestorestate *store;
	int			pointer;		/* a read pointer of its own */
	TupleTableSlot *slot;
	int			attnum[TRIGGER_MAX_COLUMNS];
} TriggerRows;

/*
 * Begins at the first row of "store", a transition table of the trigger on
 * "rel", finding the columns; raises 42703 or 42804 if the table has another
 * shape. Memory is the caller's current context.
 */
extern void trigger_rows_begin(TriggerRows *rows, Tuplestorestate *store, Relation rel,
							   const TriggerColumn *columns, int ncolumns);
/* The row in "slot" alone, which is the caller's: neither next nor end. */
extern void trigger_rows_of_slot(TriggerRows *rows, TupleTableSlot *slot, Relation rel,
								 const TriggerColumn *columns, int ncolumns);
/* The next row, or false; values of the one before are gone. */
extern bool trigger_rows_next(TriggerRows *rows);
extern void trigger_rows_end(TriggerRows *rows);

static inline Datum
trigger_rows_value(TriggerRows *rows, int col, bool *isnull)
{
	return slot_getattr(rows->slot, rows->attnum[col], isnull);
}

/*
 * In an ereport: schema, table, column and constraint that the error is about,
 * as core's errors name them; "constraint" is the one that would refuse the row
 * as well, or NULL.
 */
extern int	trigger_errcolumn(Relation rel, const char *column, const char *constraint);

/*
 * Connects to SPI inside the Space of the trigger's table, as its owner. Raises
 * 39P01 if that is not "table", the schema is no Space of that owner, or the
 * transition tables are not those of the event.
 */
extern Oid	trigger_enter(TriggerData *trigdata, const char *table, SpaceScope *scope);
/* The same for whoever has written a row of "rel" past its trigger. */
extern Oid	trigger_enter_untriggered(Relation rel, SpaceScope *scope);
extern void trigger_leave(SpaceScope *scope);

#endif							/* CIRRO_GIG_TRIGGER_H */
