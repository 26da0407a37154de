/*-------------------------------------------------------------------------
 * src/gig/trigger.c
 *
 * How cirro's triggers are called and reach their rows. It knows no rule of a
 * gig or an invitation.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "compat.h"
#include "gig/trigger.h"
#include "space/shard.h"

TriggerData *
trigger_data(FunctionCallInfo fcinfo, const char *function,
			 int timing_level, int events)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function cirro.%s was not called by a trigger", function),
				 errhint("Only the triggers of a Space call it; create_space makes them.")));

	if ((trigdata->tg_event & (TRIGGER_EVENT_ROW | TRIGGER_EVENT_TIMINGMASK)) != timing_level ||
		(events & TRIGGER_ON(trigdata->tg_event & TRIGGER_EVENT_OPMASK)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function cirro.%s was called by a trigger of another kind", function),
				 errdetail("Trigger \"%s\" on table \"%s\" has another timing, level or event.",
						   trigdata->tg_trigger->tgname,
						   RelationGetRelationName(trigdata->tg_relation)),
				 errhint("Only the triggers that create_space makes call it."),
				 errtable(trigdata->tg_relation)));
	return trigdata;
}

static int
find_column(Relation rel, const TriggerColumn *column, int expected)
{
	TupleDesc	desc = RelationGetDescr(rel);
	int			found = 0;

	/* In a Space that create_space made it is where space.sql has it. */
	if (expected <= desc->natts &&
		!TupleDescAttr(desc, expected - 1)->attisdropped &&
		strcmp(NameStr(TupleDescAttr(desc, expected - 1)->attname), column->name) == 0)
		found = expected;

	for (int i = 1; found == 0 && i <= desc->natts; i++)
		if (!TupleDescAttr(desc, i - 1)->attisdropped &&
			strcmp(NameStr(TupleDescAttr(desc, i - 1)->attname), column->name) == 0)
			found = i;

	if (found == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" has no column \"%s\"",
						RelationGetRelationName(rel), column->name),
				 errdetail("A trigger function of cirro is attached to a table of another shape."),
				 errhint("Drop the trigger, or give the table the columns that create_space makes."),
				 errtable(rel)));
	if (OidIsValid(column->type) &&
		TupleDescAttr(desc, found - 1)->atttypid != column->type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table \"%s\" is of type %s, not %s",
						column->name, RelationGetRelationName(rel),
						format_type_be(TupleDescAttr(desc, found - 1)->atttypid),
						format_type_be(column->type)),
				 errdetail("A trigger function of cirro is attached to a table of another shape."),
				 errhint("Drop the trigger, or give the table the columns that create_space makes."),
				 errtable(rel)));
	return found;
}

/* The numbers of columns; raises 42703 or 42804 if the table has another shape. */
static void
find_columns(Relation rel, const TriggerColumn *columns, int ncolumns, int *attnum)
{
	for (int i = 0; i < ncolumns; i++)
		attnum[i] = find_column(rel, &columns[i], i + 1);
}

void
trigger_row_init(TriggerRow *row, Relation rel, HeapTuple tuple,
				 const TriggerColumn *columns, int ncolumns)
{
	int			natts = RelationGetDescr(rel)->natts;

	Assert(ncolumns <= TRIGGER_MAX_COLUMNS);
	row->rel = rel;
	row->desc = RelationGetDescr(rel);
	row->tuple = tuple;
	row->any_changed = false;
	find_columns(rel, columns, ncolumns, row->attnum);
	row->values = palloc(natts * sizeof(Datum));
	row->nulls = palloc(natts * sizeof(bool));
	row->changed = palloc0(natts * sizeof(bool));
	heap_deform_tuple(tuple, row->desc, row->values, row->nulls);
}

void
trigger_row_set(TriggerRow *row, int col, Datum value)
{
	row_value(row, col) = value;
	row_isnull(row, col) = false;
	row->changed[row->attnum[col] - 1] = true;
	row->any_changed = true;
}

void
trigger_row_set_null(TriggerRow *row, int col)
{
	if (row_isnull(row, col))
		return;
	row_value(row, col) = (Datum) 0;
	row_isnull(row, col) = true;
	row->changed[row->attnum[col] - 1] = true;
	row->any_changed = true;
}

void
trigger_row_copy(TriggerRow *row, const TriggerRow *from, int col)
{
	if (row_isnull(from, col))
		trigger_row_set_null(row, col);
	else
		trigger_row_set(row, col, row_value(from, col));
}

/* An UPDATE that leaves a long value alone leaves the pointer to it. */
static bool
is_same_toast(Form_pg_attribute att, Datum a, Datum b)
{
	struct varlena *x = (struct varlena *) DatumGetPointer(a);
	struct varlena *y = (struct varlena *) DatumGetPointer(b);

	return att->attlen == -1 && VARATT_IS_EXTERNAL_ONDISK(x) && VARATT_IS_EXTERNAL_ONDISK(y) &&
		memcmp(x, y, VARSIZE_EXTERNAL(x)) == 0;
}

bool
trigger_row_differs(const TriggerRow *a, const TriggerRow *b, int col)
{
	Form_pg_attribute att = TupleDescAttr(a->desc, a->attnum[col] - 1);
	TypeCacheEntry *type;

	if (row_isnull(a, col) || row_isnull(b, col))
		return row_isnull(a, col) != row_isnull(b, col);
	if (is_same_toast(att, row_value(a, col), row_value(b, col)) ||
		datum_image_eq(row_value(a, col), row_value(b, col),
					   att->attbyval, att->attlen))
		return false;

	type = lookup_type_cache(att->atttypid, TYPECACHE_EQ_OPR_FINFO);
	if (!OidIsValid(type->eq_opr_finfo.fn_oid))
		return true;			/* json */
	return !DatumGetBool(FunctionCall2Coll(&type->eq_opr_finfo, att->attcollation,
										   row_value(a, col), row_value(b, col)));
}

HeapTuple
trigger_row_tuple(TriggerRow *row)
{
	if (!row->any_changed)
		return row->tuple;
	return heap_modify_tuple(row->tuple, row->desc,
							 row->values, row->nulls, row->changed);
}

/* Has "cut" lost digits of "at", and nothing but those beyond milliseconds? */
static bool
is_cut(TimestampTz cut, TimestampTz at)
{
	int64		rest = at % 1000;

	/* Before 2000 "rest" is negative; infinity has one, too. */
	if (rest == 0 || TIMESTAMP_NOT_FINITE(at))
		return false;
	return cut == at - (rest < 0 ? rest + 1000 : rest);
}

void
trigger_row_keep_times(TriggerRow *row, const TriggerRow *stored,
					   const TriggerColumn *columns, int ncolumns)
{
	for (int col = 0; col < ncolumns; col++)
		if (columns[col].type == TIMESTAMPTZOID &&
			!row_isnull(row, col) && !row_isnull(stored, col) &&
			is_cut(DatumGetTimestampTz(row_value(row, col)),
				   DatumGetTimestampTz(row_value(stored, col))))
			trigger_row_copy(row, stored, col);
}

void
trigger_rows_begin(TriggerRows *rows, Tuplestorestate *store, Relation rel,
				   const TriggerColumn *columns, int ncolumns)
{
	Assert(ncolumns <= TRIGGER_MAX_COLUMNS);
	rows->rel = rel;
	rows->store = store;
	/* A place of our own: other triggers of the statement read it as well. */
	rows->pointer = tuplestore_alloc_read_pointer(store, EXEC_FLAG_REWIND);
	tuplestore_select_read_pointer(store, rows->pointer);
	tuplestore_rescan(store);
	rows->slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsMinimalTuple);
	find_columns(rel, columns, ncolumns, rows->attnum);
}

void
trigger_rows_of_slot(TriggerRows *rows, TupleTableSlot *slot, Relation rel,
					 const TriggerColumn *columns, int ncolumns)
{
	Assert(ncolumns <= TRIGGER_MAX_COLUMNS);
	rows->rel = rel;
	rows->store = NULL;
	rows->slot = slot;
	find_columns(rel, columns, ncolumns, rows->attnum);
}

bool
trigger_rows_next(TriggerRows *rows)
{
	tuplestore_select_read_pointer(rows->store, rows->pointer);
	return tuplestore_gettupleslot(rows->store, true, false, rows->slot);
}

void
trigger_rows_end(TriggerRows *rows)
{
	ExecDropSingleTupleTableSlot(rows->slot);
}

int
trigger_errcolumn(Relation rel, const char *column, const char *constraint)
{
	errtablecolname(rel, column);
	/* errtableconstraint() would name the table a second time. */
	if (constraint != NULL)
		err_generic_string(PG_DIAG_CONSTRAINT_NAME, constraint);
	return 0;
}

/* The tables of the Space that "rel" is in are there, of one owner, and stay so. */
static void
hold_tables(Relation rel)
{
	static const char *const names[] = {
		"setting", "gig", "gig_filter", "gig_key", "gig_state", "invitation", "event", "consumer",
		"notification", "worker"
	};

	for (int i = 0; i < (int) lengthof(names); i++)
		if (!space_holds(RelationGetNamespace(rel), names[i], rel->rd_rel->relowner))
			ereport(ERROR,
					(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
					 errmsg("table \"%s\" is not in a Space", RelationGetRelationName(rel)),
					 errdetail("Its schema has no table \"%s\" of the same owner.", names[i]),
					 errhint("Only the triggers that create_space makes call functions of cirro."),
					 errtable(rel)));
}

/*
 * Who may create triggers on a table can attach cirro's functions to it, and
 * they work as its owner: every name that their queries use must mean a table
 * of that owner or a transition table, never what else the search path has to
 * offer, such as a temporary view of the caller. And rows of another table of
 * that owner are no gigs and invitations.
 */
static void
check_tables(TriggerData *trigdata, const char *table)
{
	Relation	rel = trigdata->tg_relation;
	Trigger    *trigger = trigdata->tg_trigger;

	if (TRIGGER_FIRED_FOR_ROW(trigdata->tg_event))
	{
		if (trigger->tgnewtable != NULL || trigger->tgoldtable != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
					 errmsg("trigger \"%s\" on table \"%s\" has transition tables",
							trigger->tgname, RelationGetRelationName(rel)),
					 errdetail("They could stand in the place of a table of the Space."),
					 errhint("Only the triggers that create_space makes call functions of cirro."),
					 errtable(rel)));
	}
	else
	{
		bool		needs_new = !TRIGGER_FIRED_BY_DELETE(trigdata->tg_event);
		bool		needs_old = !TRIGGER_FIRED_BY_INSERT(trigdata->tg_event);

		if ((needs_new && (trigger->tgnewtable == NULL ||
						   strcmp(trigger->tgnewtable, "new_rows") != 0)) ||
			(needs_old && (trigger->tgoldtable == NULL ||
						   strcmp(trigger->tgoldtable, "old_rows") != 0)))
			ereport(ERROR,
					(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
					 errmsg("trigger \"%s\" on table \"%s\" lacks its transition tables",
							trigger->tgname, RelationGetRelationName(rel)),
					 errdetail("They are called old_rows and new_rows."),
					 errhint("Only the triggers that create_space makes call functions of cirro."),
					 errtable(rel)));
	}

	hold_tables(rel);
	if (strcmp(RelationGetRelationName(rel), table) != 0 &&
		shard_relation(RelationGetNamespace(rel), table) != RelationGetRelid(rel))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" belongs to table \"%s\", not to \"%s\"",
						trigger->tgname, table, RelationGetRelationName(rel)),
				 errhint("Only the triggers that create_space makes call functions of cirro."),
				 errtable(rel)));
}

Oid
trigger_enter(TriggerData *trigdata, const char *table, SpaceScope *scope)
{
	Relation	rel = trigdata->tg_relation;
	int			result;

	check_tables(trigdata, table);
	if ((result = SPI_connect()) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed: %s", SPI_result_code_string(result));
	if ((result = SPI_register_trigger_data(trigdata)) < 0)
		elog(ERROR, "SPI_register_trigger_data failed: %s",
			 SPI_result_code_string(result));
	space_enter(scope, RelationGetNamespace(rel), rel->rd_rel->relowner,
				SECURITY_NOFORCE_RLS);
	return RelationGetNamespace(rel);
}

Oid
trigger_enter_untriggered(Relation rel, SpaceScope *scope)
{
	int			result;

	hold_tables(rel);
	if ((result = SPI_connect()) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed: %s", SPI_result_code_string(result));
	space_enter(scope, RelationGetNamespace(rel), rel->rd_rel->relowner,
				SECURITY_NOFORCE_RLS);
	return RelationGetNamespace(rel);
}

void
trigger_leave(SpaceScope *scope)
{
	space_leave(scope);
	SPI_finish();
}
