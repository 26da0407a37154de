/*-------------------------------------------------------------------------
 * src/wave/due.c
 *
 * What there is to do in a Space: the question that every look asks of every
 * Space. Must not decide what comes of the answer.
 *
 * Nearly all Spaces are idle at a look, and a new session knows nothing of any of
 * them yet: a plan for the question, and what the planner wants to know of the
 * tables, would be most of a tick's work. So it is first put to the row of setting
 * and to the index of gig_state directly. Whatever is not as create_space made
 * it, and every Space with something to do, is asked by the query, as its owner.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "nodes/tidbitmap.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "cirro.h"
#include "compat.h"
#include "space/query.h"
#include "space/scope.h"
#include "wave/due.h"

/* ----------------------------------------------------------------- peek -- */

/*
 * Locks a table or an index of the Space, unless that would take a wait, and
 * returns its OID; InvalidOid if it is not there, not the owner's, or not of
 * this access method.
 */
static Oid
hold(const SpaceInfo *info, const char *name, char relkind, Oid access_method)
{
	Oid			relation = get_relname_relid(name, info->space);
	HeapTuple	tuple;
	Form_pg_class class;
	bool		is_sound;

	if (!OidIsValid(relation) || !ConditionalLockRelationOid(relation, AccessShareLock))
		return InvalidOid;
	/* What is true with the lock stays true. */
	tuple = SearchSysCache2(RELNAMENSP, CStringGetDatum(name), ObjectIdGetDatum(info->space));
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	class = (Form_pg_class) GETSTRUCT(tuple);
	is_sound = class->oid == relation && class->relowner == info->owner &&
		class->relkind == relkind && class->relam == access_method &&
		class->relpersistence == RELPERSISTENCE_PERMANENT;
	ReleaseSysCache(tuple);
	return is_sound ? relation : InvalidOid;
}

/* The number of the column in the row's shape, or 0. */
static AttrNumber
find_column(TupleDesc desc, const char *name, Oid type)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (!column->attisdropped && column->atttypid == type &&
			strcmp(NameStr(column->attname), name) == 0)
			return column->attnum;
	}
	return InvalidAttrNumber;
}

/*
 * Reads the row of setting: is the Space paused, and need nobody clean it? False
 * if there is no telling.
 */
static bool
peek_setting(Oid setting, TimestampTz now, bool *paused, bool *is_clean)
{
	Relation	relation = table_open(setting, NoLock);
	TupleDesc	desc = RelationGetDescr(relation);
	AttrNumber	paused_column = find_column(desc, "paused", BOOLOID);
	AttrNumber	cleaned_column = find_column(desc, "cleaned_at", TIMESTAMPTZOID);
	bool		known = false;

	if (paused_column != InvalidAttrNumber && cleaned_column != InvalidAttrNumber)
	{
		TupleTableSlot *slot = table_slot_create(relation, NULL);
		TableScanDesc scan = table_beginscan(relation, GetActiveSnapshot(), 0, NULL);

		if (table_scan_getnextslot(scan, ForwardScanDirection, slot))
		{
			bool		isnull;
			Datum		value = slot_getattr(slot, paused_column, &isnull);

			known = true;
			*paused = !isnull && DatumGetBool(value);
			value = slot_getattr(slot, cleaned_column, &isnull);
			*is_clean = !isnull && DatumGetTimestampTz(value) > now - USECS_PER_HOUR;
		}
		ExecDropSingleTupleTableSlot(slot);
		table_endscan(scan);
	}
	table_close(relation, NoLock);
	return known;
}

/* Does the index leave out none but those without a value in that column? */
static bool
covers_all(HeapTuple index_tuple, AttrNumber column)
{
	bool		isnull;
	Datum		predicate = SysCacheGetAttr(INDEXRELID, index_tuple,
											Anum_pg_index_indpred, &isnull);
	NullTest   *test;

	if (isnull)
		return true;
	/* As it is stored: to simplify it would be to run functions that it calls. */
	test = stringToNode(TextDatumGetCString(predicate));
	return IsA(test, NullTest) && test->nulltesttype == IS_NOT_NULL &&
		IsA(test->arg, Var) && ((Var *) test->arg)->varattno == column;
}

/* Is it a complete index of core's on that column of the table first of all? */
static bool
is_sound(Oid index, Oid table, const char *column)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	Form_pg_index form;
	HeapTuple	attribute;
	bool		isnull;
	Datum		classes;
	bool		result = false;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_index) GETSTRUCT(tuple);
	attribute = SearchSysCacheAttName(table, column);
	if (HeapTupleIsValid(attribute))
	{
		Form_pg_attribute found = (Form_pg_attribute) GETSTRUCT(attribute);

		classes = SysCacheGetAttr(INDEXRELID, tuple, Anum_pg_index_indclass, &isnull);
		result = form->indrelid == table && form->indislive && form->indisready &&
			form->indisvalid && !form->indcheckxmin &&
			found->atttypid == TIMESTAMPTZOID && form->indkey.values[0] == found->attnum &&
			((oidvector *) DatumGetPointer(classes))->values[0] == TIMESTAMPTZ_BTREE_OPS_OID &&
			covers_all(tuple, found->attnum);
		ReleaseSysCache(attribute);
	}
	ReleaseSysCache(tuple);
	return result;
}

/*
 * Is there a row up to that time? The index alone nearly always says no. If not, a
 * scan does, which marks entries of dead rows on its way: the planner would read a small
 * table without the index, and they would stay.
 */
static bool
has_row(Oid table, Oid index, TimestampTz until)
{
	Relation	relation = index_open(index, NoLock);
	TIDBitmap  *found = tbm_create(work_mem * (Size) 1024, NULL);
	IndexScanDesc scan;
	ScanKeyData key;
	bool		any;

	ScanKeyInit(&key, 1, BTLessEqualStrategyNumber, F_TIMESTAMPTZ_LE,
				TimestampTzGetDatum(until));
	scan = cirro_index_beginscan_bitmap(relation, GetActiveSnapshot(), 1);
	index_rescan(scan, &key, 1, NULL, 0);
	any = index_getbitmap(scan, found) > 0;
	index_endscan(scan);
	tbm_free(found);

	if (any)
	{
		Relation	heap = table_open(table, NoLock);
		TupleTableSlot *slot = table_slot_create(heap, NULL);

		scan = cirro_index_beginscan(heap, relation, GetActiveSnapshot(), 1);
		index_rescan(scan, &key, 1, NULL, 0);
		any = index_getnext_slot(scan, ForwardScanDirection, slot);
		index_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
		table_close(heap, NoLock);
	}
	index_close(relation, NoLock);
	return any;
}

/* Is there for certain nothing due in a Space, or is it paused? */
static bool
is_idle(const DueWork *work)
{
	const SpaceInfo *info = work->info;
	Oid			setting;
	Oid			state;
	Oid			index;
	bool		paused;
	bool		is_clean;

	/* The table setting before any other: see space_lock. */
	setting = hold(info, "setting", RELKIND_RELATION, HEAP_TABLE_AM_OID);
	if (!OidIsValid(setting) || !peek_setting(setting, work->now, &paused, &is_clean))
		return false;
	if (paused || !is_clean)
		return paused;
	state = hold(info, "gig_state", RELKIND_RELATION, HEAP_TABLE_AM_OID);
	index = hold(info, "gig_state_next_event_at_idx", RELKIND_INDEX, BTREE_AM_OID);
	return OidIsValid(state) && OidIsValid(index) &&
		is_sound(index, state, "next_event_at") && !has_row(state, index, work->now);
}

bool
wave_due_peek(void *arg)
{
	DueWork    *work = arg;

	work->is_idle = is_idle(work);
	return false;
}

/* ----------------------------------------------------------------- read -- */

/*
 * Planned each time: thousands of Spaces should not each keep a plan for it. By the
 * index, whatever statistics say: they may be of a time when all gigs were due.
 */
static const SpaceQuery read_query = {
	"SELECT coalesce(t.paused, false)::bool,"
	"   coalesce(t.ddl_version, 0)::int,"
	"   coalesce(t.only_row AND coalesce(t.cleaned_at, '-infinity')"
	"     <= $1 - interval '1 hour', false)::bool,"
	"   ARRAY(SELECT s.gig_id::bigint FROM gig_state s WHERE s.next_event_at <= $1"
	"     ORDER BY s.next_event_at, s.gig_id LIMIT $2)"
	" FROM (VALUES (1)) AS one LEFT JOIN setting t ON true LIMIT 1",
	2, {TIMESTAMPTZOID, INT4OID}, PLAN_BY_KEY
};

bool
wave_due_read(void *arg)
{
	DueWork    *work = arg;
	SpaceScope	scope;
	QueryArgs	args = {&read_query};
	ResultRow	row;
	ArrayType  *gigs;

	/* No more than is read: a transaction block holds them for all Spaces. */
	static const char *const tables[] = {"setting", "gig_state"};

	if (!space_enter_turn(&scope, work->info->space, work->info->owner))
		return false;
	space_hold(work->info->space, work->info->owner, tables, lengthof(tables));
	arg_timestamptz(&args, work->now);
	arg_int32(&args, work->limit);
	query_run_once(&args, true);
	row = result_row(0);
	work->paused = result_bool(&row);
	work->ddl_version = result_int32(&row);
	work->clean = result_bool(&row);
	gigs = DatumGetArrayTypeP(result_datum(&row, INT8ARRAYOID));
	result_end(&row);
	if (array_contains_nulls(gigs))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("gig_state.gig_id must not be null"),
				 errdetail("The table lacks its primary key."),
				 errhint("Restore the constraints that create_space made.")));
	work->ngigs = ArrayGetNItems(ARR_NDIM(gigs), ARR_DIMS(gigs));
	work->gigs = (const int64 *) ARR_DATA_PTR(gigs);
	space_leave(&scope);
	return true;
}
