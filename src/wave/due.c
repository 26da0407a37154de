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

#include "access/detoast.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "nodes/tidbitmap.h"
#include "storage/lmgr.h"
#include "storage/shmem.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "cirro.h"
#include "compat.h"
#include "gig/state.h"
#include "space/query.h"
#include "space/scope.h"
#include "space/shard.h"
#include "wave/due.h"
#include "wave/seen.h"

/* ----------------------------------------------------------------- peek -- */

/*
 * Locks a table or an index of the Space, unless that would take a wait, and
 * returns its OID; InvalidOid if it is not there, not the owner's, not of this
 * access method, or has children.
 */
static Oid
hold(const SpaceInfo *info, const char *name, char relkind, Oid access_method)
{
	Oid			relation = shard_relation(info->space, name);
	HeapTuple	tuple;
	Form_pg_class class;
	bool		is_sound;

	if (!OidIsValid(relation) || !ConditionalLockRelationOid(relation, AccessShareLock))
		return InvalidOid;
	/* What is true with the lock stays true. */
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	class = (Form_pg_class) GETSTRUCT(tuple);
	is_sound = shard_relation(info->space, name) == relation && class->relowner == info->owner &&
		class->relkind == relkind && class->relam == access_method &&
		class->relpersistence == RELPERSISTENCE_PERMANENT && !class->relhassubclass;
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

/* What the row of setting says. */
typedef struct Setting
{
	bool		paused;
	int			ddl_version;	/* 0: this library's */
	bool		is_only;		/* and not one that has been tampered with */
	bool		is_clean;		/* nobody need clean the Space */
} Setting;

/* Reads the row of setting; false if there is no telling. */
static bool
read_setting(Oid relid, TimestampTz now, Setting *setting)
{
	Relation	relation = table_open(relid, NoLock);
	TupleDesc	desc = RelationGetDescr(relation);
	AttrNumber	paused = find_column(desc, "paused", BOOLOID);
	AttrNumber	version = find_column(desc, "ddl_version", INT4OID);
	AttrNumber	only_row = find_column(desc, "only_row", BOOLOID);
	AttrNumber	cleaned = find_column(desc, "cleaned_at", TIMESTAMPTZOID);
	bool		known = false;

	if (paused != InvalidAttrNumber && version != InvalidAttrNumber &&
		only_row != InvalidAttrNumber && cleaned != InvalidAttrNumber)
	{
		TupleTableSlot *slot = table_slot_create(relation, NULL);
		TableScanDesc scan = table_beginscan(relation, GetActiveSnapshot(), 0, NULL);

		if (table_scan_getnextslot(scan, ForwardScanDirection, slot))
		{
			bool		isnull;
			Datum		value = slot_getattr(slot, paused, &isnull);

			known = true;
			setting->paused = !isnull && DatumGetBool(value);
			value = slot_getattr(slot, version, &isnull);
			setting->ddl_version = isnull ? 0 : DatumGetInt32(value);
			value = slot_getattr(slot, only_row, &isnull);
			setting->is_only = !isnull && DatumGetBool(value);
			value = slot_getattr(slot, cleaned, &isnull);
			setting->is_clean = !isnull && DatumGetTimestampTz(value) > now - USECS_PER_HOUR;
		}
		ExecDropSingleTupleTableSlot(slot);
		table_endscan(scan);
	}
	table_close(relation, NoLock);
	return known;
}

/*
 * Does the index leave out none but those without a value in that column, or those
 * for which the column "flag" (if that is one) does not hold?
 */
static bool
covers_all(HeapTuple index_tuple, AttrNumber column, AttrNumber flag)
{
	bool		isnull;
	Datum		predicate = SysCacheGetAttr(INDEXRELID, index_tuple,
											Anum_pg_index_indpred, &isnull);
	NullTest   *test;

	if (isnull)
		return true;
	/* As it is stored: to simplify it would be to run functions that it calls. */
	test = stringToNode(TextDatumGetCString(predicate));
	if (flag != InvalidAttrNumber)
		return IsA(test, Var) && ((Var *) test)->varattno == flag;
	return IsA(test, NullTest) && test->nulltesttype == IS_NOT_NULL &&
		IsA(test->arg, Var) && ((Var *) test->arg)->varattno == column;
}

/* The number of a column of that type, or 0. */
static AttrNumber
number_of_column(Oid table, const char *name, Oid type)
{
	HeapTuple	attribute = SearchSysCacheAttName(table, name);
	AttrNumber	number = InvalidAttrNumber;

	if (!HeapTupleIsValid(attribute))
		return InvalidAttrNumber;
	if (((Form_pg_attribute) GETSTRUCT(attribute))->atttypid == type)
		number = ((Form_pg_attribute) GETSTRUCT(attribute))->attnum;
	ReleaseSysCache(attribute);
	return number;
}

/*
 * Is it a complete index of core's on that column of the table first of all, of the
 * rows for which "flag" holds (NULL: of all)?
 */
static bool
is_sound(Oid index, Oid table, const char *column, Oid type, Oid opclass, const char *flag)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	AttrNumber	number = number_of_column(table, column, type);
	AttrNumber	flag_number = flag == NULL ? InvalidAttrNumber :
		number_of_column(table, flag, BOOLOID);
	Form_pg_index form;
	bool		isnull;
	Datum		classes;
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_index) GETSTRUCT(tuple);
	classes = SysCacheGetAttr(INDEXRELID, tuple, Anum_pg_index_indclass, &isnull);
	result = form->indrelid == table && form->indislive && form->indisready &&
		form->indisvalid && !form->indcheckxmin &&
		number != InvalidAttrNumber && form->indkey.values[0] == number &&
		((oidvector *) DatumGetPointer(classes))->values[0] == opclass &&
		(flag == NULL || flag_number != InvalidAttrNumber) &&
		covers_all(tuple, number, flag_number);
	ReleaseSysCache(tuple);
	return result;
}

static bool
is_sound_due(Oid index, Oid table)
{
	return is_sound(index, table, "next_event_at", TIMESTAMPTZOID, TIMESTAMPTZ_BTREE_OPS_OID, NULL);
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

/* ----------------------------------------------------------------- sleep -- */

/*
 * Is there a row whose first column in the index is from "from" on, but below "until"?
 * From the end, where the latest are: at the beginning may stand those of many rows that
 * were, which somebody's snapshot keeps.
 */
static bool
has_row_between(Oid table, Oid index, int64 from, int64 until)
{
	Relation	heap = table_open(table, NoLock);
	Relation	relation = index_open(index, NoLock);
	TupleTableSlot *slot = table_slot_create(heap, NULL);
	IndexScanDesc scan = cirro_index_beginscan(heap, relation, GetActiveSnapshot(), 2);
	ScanKeyData keys[2];
	bool		any;

	ScanKeyInit(&keys[0], 1, BTGreaterEqualStrategyNumber, F_INT8GE, Int64GetDatum(from));
	ScanKeyInit(&keys[1], 1, BTLessStrategyNumber, F_INT8LT, Int64GetDatum(until));
	index_rescan(scan, keys, 2, NULL, 0);
	any = index_getnext_slot(scan, BackwardScanDirection, slot);
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(relation, NoLock);
	table_close(heap, NoLock);
	return any;
}

/* Is there a row of a transaction that the snapshot did not see? */
static bool
has_unseen(Oid table, Oid index, const SeenSnapshot *seen)
{
	int64		next = (int64) U64FromFullTransactionId(ReadNextFullTransactionId());

	for (int i = 0; i < seen->nxip; i++)
		if (has_row_between(table, index, seen->xip[i], seen->xip[i] + 1))
			return true;
	return has_row_between(table, index, seen->xmax, next);
}

/* What the row of look has seen; false if there is no telling, or gigs are to be woken. */
static bool
read_look(Oid space, Oid relid, SeenSnapshot *seen)
{
	Relation	relation = table_open(relid, NoLock);
	TupleDesc	desc = RelationGetDescr(relation);
	AttrNumber	place = find_column(desc, "place", INT8OID);
	AttrNumber	snapshot = find_column(desc, "seen", TEXTOID);
	AttrNumber	unwoken = find_column(desc, "unwoken", INT8ARRAYOID);
	bool		known = false;

	if (place != InvalidAttrNumber && snapshot != InvalidAttrNumber && unwoken != InvalidAttrNumber)
	{
		TupleTableSlot *slot = table_slot_create(relation, NULL);
		TableScanDesc scan = table_beginscan(relation, GetActiveSnapshot(), 0, NULL);

		if (table_scan_getnextslot(scan, ForwardScanDirection, slot))
		{
			bool		nulls[3];
			Datum		where = slot_getattr(slot, place, &nulls[0]);
			Datum		what = slot_getattr(slot, snapshot, &nulls[1]);
			Datum		rest = slot_getattr(slot, unwoken, &nulls[2]);

			/* Any owner may have written anything; what is large is not even read. */
			known = !nulls[0] && !nulls[1] && !nulls[2] &&
				DatumGetInt64(where) == gig_state_place(space) &&
				toast_raw_datum_size(rest) == sizeof(ArrayType) &&
				toast_raw_datum_size(what) <= SEEN_MAX_LENGTH + VARHDRSZ &&
				seen_parse(TextDatumGetCString(what), seen);
		}
		ExecDropSingleTupleTableSlot(slot);
		table_endscan(scan);
	}
	table_close(relation, NoLock);
	return known;
}

/*
 * May there be a gig asleep that has to be woken (wave/look.c)? The tables setting and
 * gig_state are held. "has_work": then a look that is the first is worth it as well,
 * so that the next need not begin with waking all.
 */
static bool
may_wake(const SpaceInfo *info, Oid state, bool has_work)
{
	Oid			index = hold(info, "gig_state_slept_in_idx", RELKIND_INDEX, BTREE_AM_OID);
	Oid			look = hold(info, "look", RELKIND_RELATION, HEAP_TABLE_AM_OID);
	Oid			worker;
	Oid			changed;
	SeenSnapshot seen;
	bool		is_asleep;

	if (!OidIsValid(look) || !OidIsValid(index) ||
		!is_sound(index, state, "slept_in", INT8OID, INT8_BTREE_OPS_OID, NULL))
		return true;
	is_asleep = has_row_between(state, index, PG_INT64_MIN, PG_INT64_MAX);
	if (!is_asleep && !has_work)
		return false;
	if (!read_look(info->space, look, &seen))
		return true;
	if (!is_asleep)
		return false;
	worker = hold(info, "worker", RELKIND_RELATION, HEAP_TABLE_AM_OID);
	changed = hold(info, "worker_changed_in_idx", RELKIND_INDEX, BTREE_AM_OID);
	return !OidIsValid(worker) || !OidIsValid(changed) ||
		!is_sound(changed, worker, "changed_in", INT8OID, INT8_BTREE_OPS_OID, "active") ||
		has_unseen(state, index, &seen) || has_unseen(worker, changed, &seen);
}

/* Is there for certain nothing due in a Space, or is it paused? */
static bool
is_idle(const DueWork *work)
{
	const SpaceInfo *info = work->info;
	Oid			relid;
	Setting		setting;
	Oid			state;
	Oid			index;

	/* The table setting before any other: see space_lock. */
	relid = hold(info, "setting", RELKIND_RELATION, HEAP_TABLE_AM_OID);
	if (!OidIsValid(relid) || !read_setting(relid, work->now, &setting))
		return false;
	if (setting.paused || !setting.is_clean)
		return setting.paused;
	state = hold(info, "gig_state", RELKIND_RELATION, HEAP_TABLE_AM_OID);
	index = hold(info, "gig_state_next_event_at_idx", RELKIND_INDEX, BTREE_AM_OID);
	return OidIsValid(state) && OidIsValid(index) && is_sound_due(index, state) &&
		!has_row(state, index, work->now) && !may_wake(info, state, false);
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

typedef struct DueGig
{
	TimestampTz at;
	int64		id;
} DueGig;

static int
compare_due(const void *a, const void *b)
{
	const DueGig *left = a;
	const DueGig *right = b;

	if (left->at != right->at)
		return left->at < right->at ? -1 : 1;
	return left->id < right->id ? -1 : left->id > right->id;
}

static void
refuse_null_id(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("gig_state.gig_id must not be null"),
			 errdetail("The table lacks its primary key."),
			 errhint("Restore the constraints that create_space made.")));
}

/* Reads the gigs that are due by the index, which is sound; false if there is no telling. */
static bool
read_gigs(DueWork *work, Oid state, Oid index)
{
	Relation	heap = table_open(state, NoLock);
	Relation	relation = index_open(index, NoLock);
	AttrNumber	id = find_column(RelationGetDescr(heap), "gig_id", INT8OID);
	AttrNumber	at = find_column(RelationGetDescr(heap), "next_event_at", TIMESTAMPTZOID);
	ScanDirection direction = (relation->rd_indoption[0] & INDOPTION_DESC) != 0 ?
		BackwardScanDirection : ForwardScanDirection;
	bool		known = id != InvalidAttrNumber && at != InvalidAttrNumber;

	if (known)
	{
		TupleTableSlot *slot = table_slot_create(heap, NULL);
		IndexScanDesc scan = cirro_index_beginscan(heap, relation, GetActiveSnapshot(), 1);
		ScanKeyData key;
		int			max = 64;
		int			n = 0;
		DueGig	   *due = palloc(max * sizeof(DueGig));
		int64	   *gigs;

		ScanKeyInit(&key, 1, BTLessEqualStrategyNumber, F_TIMESTAMPTZ_LE,
					TimestampTzGetDatum(work->now));
		index_rescan(scan, &key, 1, NULL, 0);
		while (index_getnext_slot(scan, direction, slot))
		{
			bool		isnull;
			DueGig		gig;

			CHECK_FOR_INTERRUPTS();
			gig.at = DatumGetTimestampTz(slot_getattr(slot, at, &isnull));
			gig.id = DatumGetInt64(slot_getattr(slot, id, &isnull));
			if (isnull)
				refuse_null_id();
			/* Of those due at the same time the index has no order. */
			if (n >= work->limit && (n == 0 || gig.at != due[n - 1].at))
				break;
			if (n == max)
			{
				max *= 2;
				due = repalloc_huge(due, mul_size(max, sizeof(DueGig)));
			}
			due[n++] = gig;
		}
		index_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);

		qsort(due, n, sizeof(DueGig), compare_due);
		work->ngigs = Min(n, work->limit);
		work->gigs = gigs = MemoryContextAllocHuge(CurrentMemoryContext,
												   mul_size(Max(work->ngigs, 1), sizeof(int64)));
		for (int i = 0; i < work->ngigs; i++)
			gigs[i] = due[i].id;
		pfree(due);
	}
	index_close(relation, NoLock);
	table_close(heap, NoLock);
	return known;
}

/*
 * Without a statement, where that would read the same: parsing and planning it takes
 * longer than all else in a Space that has little to do.
 */
static bool
read_directly(DueWork *work)
{
	const SpaceInfo *info = work->info;
	Oid			relid = hold(info, "setting", RELKIND_RELATION, HEAP_TABLE_AM_OID);
	Oid			state = hold(info, "gig_state", RELKIND_RELATION, HEAP_TABLE_AM_OID);
	Oid			index = hold(info, "gig_state_next_event_at_idx", RELKIND_INDEX, BTREE_AM_OID);
	Setting		setting;

	/* The owner's rights, or somebody who judges them by the statement. */
	if (!OidIsValid(relid) || !OidIsValid(state) || !OidIsValid(index) ||
		ExecutorCheckPerms_hook != NULL ||
		pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK ||
		pg_class_aclcheck(state, GetUserId(), ACL_SELECT) != ACLCHECK_OK ||
		!is_sound_due(index, state) ||
		!read_setting(relid, work->now, &setting) || !read_gigs(work, state, index))
		return false;
	work->paused = setting.paused;
	work->ddl_version = setting.ddl_version;
	work->clean = setting.is_only && !setting.is_clean;
	work->may_wake = may_wake(info, state, work->ngigs > 0);
	return true;
}

static void
read_by_statement(DueWork *work)
{
	QueryArgs	args = {&read_query};
	ResultRow	row;
	ArrayType  *gigs;

	arg_timestamptz(&args, work->now);
	arg_int32(&args, work->limit);
	query_run_once(&args, true);
	row = result_row(0);
	work->paused = result_bool(&row);
	work->ddl_version = result_int32(&row);
	work->clean = result_bool(&row);
	work->may_wake = true;
	gigs = DatumGetArrayTypeP(result_datum(&row, INT8ARRAYOID));
	result_end(&row);
	if (array_contains_nulls(gigs))
		refuse_null_id();
	work->ngigs = ArrayGetNItems(ARR_NDIM(gigs), ARR_DIMS(gigs));
	work->gigs = (const int64 *) ARR_DATA_PTR(gigs);
}

bool
wave_due_read(void *arg)
{
	DueWork    *work = arg;
	SpaceScope	scope;

	/* No more than is read: a transaction block holds them for all Spaces. */
	static const char *const tables[] = {"setting", "gig_state"};

	if (!space_enter_turn(&scope, work->info->space, work->info->owner))
		return false;
	space_hold(work->info->space, work->info->owner, tables, lengthof(tables));
	if (!read_directly(work))
		read_by_statement(work);
	space_leave(&scope);
	return true;
}
