/*-------------------------------------------------------------------------
 * src/gig/worker_stats.c
 *
 * Finds worker_profile_stats of a Space and keeps what it says for the session, of the
 * Space that was asked for last, until a catalogue says that it has changed. Must not
 * decide what it means (index/estimate.c), nor read a table of the Space: who writes a
 * gig may have no right to see workers, and learns of them no more than which
 * condition of its filter is rarest.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_statistic_ext_data.h"
#include "statistics/statistics.h"
#include "utils/array.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "gig/worker_stats.h"
#include "space/shard.h"

/* Of one Space: the last. */
static struct
{
	Oid			space;
	bool		is_valid;
	uint32		hash;			/* of the row that holds them, or would */
	MemoryContext context;
	ProfileStats *stats;
}			known;

/* It may be in use: it is only marked. */
static void
data_changed(Datum arg, int cacheid, uint32 hash)
{
	if (hash == 0 || hash == known.hash)
		known.is_valid = false;
}

/* Some statistics object was made, dropped or renamed, which is rare. */
static void
object_changed(Datum arg, int cacheid, uint32 hash)
{
	known.is_valid = false;
}

/* The statistics object of that name, if it is one of the workers. */
static Oid
find_object(Oid space)
{
	const char *name = shard_name(space, "worker", "worker_profile_stats");
	HeapTuple	tuple = SearchSysCache2(STATEXTNAMENSP, CStringGetDatum(name),
										ObjectIdGetDatum(space));
	Oid			object = InvalidOid;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	if (((Form_pg_statistic_ext) GETSTRUCT(tuple))->stxrelid == shard_relation(space, "worker"))
		object = ((Form_pg_statistic_ext) GETSTRUCT(tuple))->oid;
	ReleaseSysCache(tuple);
	return object;
}

/* What ANALYZE has made of its expressions, each of which it may have given up. */
static bool
has_expressions(Oid object)
{
	HeapTuple	tuple = SearchSysCache2(STATEXTDATASTXOID, ObjectIdGetDatum(object),
										BoolGetDatum(false));
	Datum		value;
	bool		isnull;
	bool		result = false;

	if (!HeapTupleIsValid(tuple))
		return false;
	value = SysCacheGetAttr(STATEXTDATASTXOID, tuple, Anum_pg_statistic_ext_data_stxdexpr, &isnull);
	if (!isnull)
	{
		ArrayType  *array = DatumGetArrayTypeP(value);

		result = ARR_NDIM(array) == 1 && ARR_DIMS(array)[0] > 0 && !array_contains_nulls(array);
		if ((Pointer) array != DatumGetPointer(value))
			pfree(array);
	}
	ReleaseSysCache(tuple);
	return result;
}

static void
load(Oid space)
{
	Oid			object;
	MemoryContext old;
	HeapTuple	tuple;

	if (known.context == NULL)
	{
		known.context = AllocSetContextCreate(CacheMemoryContext, "cirro worker statistics",
											  ALLOCSET_DEFAULT_SIZES);
		CacheRegisterSyscacheCallback(STATEXTDATASTXOID, data_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(STATEXTNAMENSP, object_changed, (Datum) 0);
	}
	known.space = InvalidOid;
	known.stats = NULL;
	MemoryContextReset(known.context);

	/* From here on a change is noticed. */
	known.is_valid = true;
	object = find_object(space);
	known.hash = GetSysCacheHashValue2(STATEXTDATASTXOID, ObjectIdGetDatum(object),
									   BoolGetDatum(false));
	if (OidIsValid(object) && has_expressions(object))
	{
		old = MemoryContextSwitchTo(known.context);
		tuple = statext_expressions_load(object, false, 0);
		if (HeapTupleIsValid(tuple))
		{
			known.stats = profile_stats_load(tuple);
			heap_freetuple(tuple);
		}
		MemoryContextSwitchTo(old);
	}
	known.space = space;
}

const ProfileStats *
worker_stats_get(Oid space)
{
	if (known.space != space || !known.is_valid)
		load(space);
	return known.stats;
}
