/*-------------------------------------------------------------------------
 * src/space/row_writer.h
 *
 * Rows of a Space's tables, written past the executor where that is the same.
 * Callers have entered the Space, or are its caller with rights of their own, and
 * have pushed the snapshot by which rows are found.
 *
 * Whoever writes this way has the statement as the other way, and takes it where
 * row_writer_begin returns NULL.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_SPACE_ROW_WRITER_H
#define CIRRO_SPACE_ROW_WRITER_H

#include "postgres.h"
#include "executor/tuptable.h"
#include "nodes/nodes.h"
#include "storage/itemptr.h"
#include "utils/relcache.h"

#define ROW_MAX_COLUMNS		28
#define ROW_MAX_TRIGGERS	2
#define ROW_MAX_REFERENCES	2

/* How a column is used: its value is given or changed, or read only. */
typedef struct RowColumn
{
	const char *name;
	Oid			type;			/* InvalidOid: any */
	bool		read_only;
} RowColumn;

/* A trigger of cirro whose work the caller does: "function" is in schema cirro. */
typedef struct RowTrigger
{
	const char *name;
	const char *function;
	int16		type;			/* pg_trigger.tgtype */
	const char *old_table;		/* its transition tables, or NULL */
	const char *new_table;
} RowTrigger;

/* A foreign key to the id of "table", whose row the caller has locked. */
typedef struct RowReference
{
	int			column;
	const char *table;
} RowReference;

/*
 * A table and what is done with it: CMD_INSERT, CMD_UPDATE, or CMD_SELECT to read
 * or lock rows. Define it static const. The first column is the key, and the
 * table's identity where rows are inserted; the order of the others is the caller's.
 */
typedef struct RowTable
{
	const char *name;
	CmdType		operation;
	bool		locks;			/* of CMD_SELECT: rows are locked */
	int			ncolumns;
	RowColumn	columns[ROW_MAX_COLUMNS];
	int			ntriggers;
	RowTrigger	triggers[ROW_MAX_TRIGGERS];
	int			nreferences;
	RowReference references[ROW_MAX_REFERENCES];
	int			nunique;		/* columns that a row is told apart by: there has to */
	int			unique[2];		/* be a unique index of these, as for ON CONFLICT */
} RowTable;

typedef struct RowWriter RowWriter;

/* The setting cirro.direct_writes. */
extern void row_writer_init(void);

/*
 * Pushes the snapshot that a statement would have that begins now; the caller pops
 * it. What the command wrote that all this is part of is visible, as in a statement.
 */
extern void row_writer_push_snapshot(void);

/*
 * Opens the table as a statement would lock it; NULL if it has to be written by
 * one (see row_writer.c; DEBUG1 tells why). To be ended in the order of a stack,
 * with nothing in between that an application might have put there.
 */
extern RowWriter *row_writer_begin(Oid space, const RowTable *table);

/* Writes what is still to be written, closes it, and lets the next command see it. */
extern void row_writer_end(RowWriter *writer);

/* The table, for errors. */
extern Relation row_writer_relation(RowWriter *writer);

/* The next value of the key. */
extern int64 row_writer_next_id(RowWriter *writer);

/* What columns are where no value is given, the key apart. */
extern void row_writer_defaults(RowWriter *writer, Datum *values, bool *nulls);

/*
 * Inserts a row: its columns in the order of the RowTable, the defaults of all
 * others. It may be written as late as row_writer_end; until then what is passed by
 * reference has to stay. Raises 23502, 23505 and 23514 as INSERT does.
 */
extern void row_writer_put(RowWriter *writer, const Datum *values, const bool *nulls);

/*
 * Reads the row of a key, or that at a place if it is visible and still there; false
 * if there is none. The row stays until the next is read.
 */
extern bool row_writer_find(RowWriter *writer, int64 key);
extern bool row_writer_find_at(RowWriter *writer, ItemPointer place);

/* Reads all rows, one after the other, in no order: begin, then until false. */
extern void row_writer_scan(RowWriter *writer);
extern bool row_writer_scan_next(RowWriter *writer);

/* A column of the row that was read. */
extern Datum row_writer_value(RowWriter *writer, int column, bool *isnull);
extern Oid	row_writer_type(RowWriter *writer, int column);

/* Where it is, and the transaction that wrote it. */
extern ItemPointer row_writer_place(RowWriter *writer);
extern TransactionId row_writer_xmin(RowWriter *writer);

typedef enum RowResult
{
	ROW_DONE,
	ROW_CHANGED,				/* by somebody else: it is locked, and read anew */
	ROW_GONE,
	ROW_LOCKED					/* by somebody else, who is not waited for */
} RowResult;

/*
 * Locks the row that was read, FOR KEY SHARE or FOR NO KEY UPDATE, with SKIP LOCKED
 * or waiting.
 */
extern RowResult row_writer_lock(RowWriter *writer, bool key_share, bool skip_locked);

/*
 * Updates the row that was read by what row_writer_set has set since. After
 * ROW_CHANGED decide by the row as it is now, set, and call again.
 */
extern void row_writer_set(RowWriter *writer, int column, Datum value, bool isnull);
extern RowResult row_writer_update(RowWriter *writer);

/* The row that was read, and that which update has written, until the end. */
extern TupleTableSlot *row_writer_found(RowWriter *writer);
extern TupleTableSlot *row_writer_written(RowWriter *writer);

#endif							/* CIRRO_SPACE_ROW_WRITER_H */
