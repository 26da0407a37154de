/*-------------------------------------------------------------------------
 * src/index/filter_stats.c
 *
 * Decides what ANALYZE keeps of a column of filters: what it keeps of any type
 * that has equality, and a random sample of the filters. How many match a
 * document, nothing that could be counted of them tells; filters themselves do. How
 * many a search of an index comes to, tell the keys that they have there.
 * What the planner makes of all that is decided by index/filter_estimate.c.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "commands/vacuum.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "compat.h"
#include "filter/io.h"
#include "index/cover.h"
#include "index/filter_stats.h"
#include "index/scatter.h"

PG_FUNCTION_INFO_V1(filter_query_typanalyze);

/*
 * Kinds of slots, of the range for private use (pg_statistic.h), next to those of
 * index/profile_stats.c.
 *
 * SAMPLE: the filters, in no order; how many they are, and how many were left out
 * as too large. KEYS: different ones of theirs, by their bytes; how many filters
 * have each, then of how many filters these are all.
 */
#define KIND_SAMPLE			20814
#define KIND_KEYS			20815

/*
 * The planner reads all of the sample, each time. A filter of three conditions
 * takes 300 bytes or so.
 */
#define MAX_FILTERS			300
#define MAX_FILTER_BYTES	4096
#define MAX_SAMPLE_BYTES	(128 * 1024)
#define MAX_KEYS			1000

/* What std_typanalyze() has set up. */
typedef struct StandardAnalyze
{
	AnalyzeAttrComputeStatsFunc compute_stats;
	void	   *extra_data;
} StandardAnalyze;

/* Into the first slot that is free, of which there are some. */
static void
put_slot(VacAttrStats *stats, int kind, Oid type, Datum *values, int nvalues,
		 float4 *numbers, int nnumbers)
{
	int			slot = 0;

	while (slot < STATISTIC_NUM_SLOTS && stats->stakind[slot] != 0)
		slot++;
	if (slot == STATISTIC_NUM_SLOTS)
		return;
	stats->stakind[slot] = kind;
	stats->stanumbers[slot] = numbers;
	stats->numnumbers[slot] = nnumbers;
	stats->stavalues[slot] = values;
	stats->numvalues[slot] = nvalues;
	/* bytea is laid out as a filter is. */
	stats->statypid[slot] = type;
	stats->statyplen[slot] = -1;
	stats->statypbyval[slot] = false;
	stats->statypalign[slot] = TYPALIGN_INT;
}

static void
put_sample(VacAttrStats *stats, Datum *filters, int nfilters, int nlarge)
{
	float4	   *numbers = MemoryContextAlloc(stats->anl_context, 2 * sizeof(float4));

	numbers[0] = nfilters;
	numbers[1] = nlarge;
	/* Of a domain over it, too. */
	put_slot(stats, KIND_SAMPLE, getBaseType(stats->attrtypid), filters, nfilters, numbers, 2);
}

/* The keys of the first filters, all of each. */
static void
put_keys(VacAttrStats *stats, const Datum *filters, int nfilters)
{
	StoredKey  *all = palloc(MAX_KEYS * sizeof(StoredKey));
	int			nall = 0;
	int			nkeyed = 0;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cirro filter",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	Datum	   *values;
	float4	   *numbers;
	int			n = 0;

	for (; nkeyed < nfilters; nkeyed++)
	{
		StoredKey  *keys;
		int			nkeys;

		CHECK_FOR_INTERRUPTS();
		old = MemoryContextSwitchTo(context);
		nkeys = filter_cover((const FilterQuery *) DatumGetPointer(filters[nkeyed]), NULL, false,
							 NULL, NULL, &keys);
		MemoryContextSwitchTo(old);
		if (nall + nkeys > MAX_KEYS)
			break;
		if (nkeys > 0)
			memcpy(&all[nall], keys, nkeys * sizeof(StoredKey));
		nall += nkeys;
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
	if (nall == 0)
		return;
	qsort(all, nall, sizeof(StoredKey), stored_key_compare);

	old = MemoryContextSwitchTo(stats->anl_context);
	values = palloc(nall * sizeof(Datum));
	numbers = palloc((nall + 1) * sizeof(float4));
	for (int i = 0; i < nall; i++)
	{
		if (i == 0 || stored_key_compare(&all[i - 1], &all[i]) != 0)
		{
			numbers[n] = 0;
			values[n++] = profile_key_datum(all[i].data, all[i].len);
		}
		numbers[n - 1]++;
	}
	numbers[n] = nkeyed;
	MemoryContextSwitchTo(old);
	put_slot(stats, KIND_KEYS, BYTEAOID, values, n, numbers, n + 1);
	pfree(all);
}

static void
compute_stats(VacAttrStatsP stats, AnalyzeAttrFetchFunc fetch, int samplerows, double totalrows)
{
	StandardAnalyze *standard = stats->extra_data;
	Datum	   *filters;
	int			nfilters = 0;
	int			nlarge = 0;
	Size		bytes = 0;
	int			step = scattering_step(samplerows);
	int			row = 0;

	stats->extra_data = standard->extra_data;
	standard->compute_stats(stats, fetch, samplerows, totalrows);
	stats->extra_data = standard;
	if (!stats->stats_valid)
		return;

	filters = MemoryContextAlloc(stats->anl_context, MAX_FILTERS * sizeof(Datum));
	for (int i = 0; i < samplerows && nfilters < MAX_FILTERS; i++)
	{
		bool		isnull;
		Datum		value = fetch(stats, row, &isnull);
		Size		size;
		FilterQuery *query;
		MemoryContext old;

		CHECK_FOR_INTERRUPTS();
		row = (row + (int64) step) % samplerows;
		if (isnull)
			continue;
		size = toast_raw_datum_size(value);
		if (size > MAX_FILTER_BYTES)
		{
			nlarge++;
			continue;
		}
		if (bytes + size > MAX_SAMPLE_BYTES)
			break;
		bytes += size;
		query = DatumGetFilterQuery(value);
		old = MemoryContextSwitchTo(stats->anl_context);
		filters[nfilters++] = datumCopy(PointerGetDatum(query), false, -1);
		MemoryContextSwitchTo(old);
		if (PointerGetDatum(query) != value)
			pfree(query);
	}
	if (nfilters + nlarge > 0)
		put_sample(stats, filters, nfilters, nlarge);
	put_keys(stats, filters, nfilters);
}

/* filter_query_typanalyze(internal) returns boolean */
Datum
filter_query_typanalyze(PG_FUNCTION_ARGS)
{
	VacAttrStats *stats = (VacAttrStats *) PG_GETARG_POINTER(0);
	StandardAnalyze *standard;

	if (!std_typanalyze(stats))
		PG_RETURN_BOOL(false);
	standard = palloc(sizeof(StandardAnalyze));
	standard->compute_stats = stats->compute_stats;
	standard->extra_data = stats->extra_data;
	stats->compute_stats = compute_stats;
	stats->extra_data = standard;
	stats->minrows = Max(stats->minrows, MAX_FILTERS);
	PG_RETURN_BOOL(true);
}

/*
 * Statistics outlive the library that made them; filters of another format are
 * no reason to refuse to plan.
 */
static int
readable_filters(const AttStatsSlot *slot, const FilterQuery **filters)
{
	int			n = 0;

	for (int i = 0; i < slot->nvalues; i++)
	{
		FilterQuery *query = (FilterQuery *) PG_DETOAST_DATUM(slot->values[i]);

		if (query->version == FILTER_QUERY_VERSION)
			filters[n++] = query;
	}
	return n;
}

static void
load_keys(FilterStats *stats, HeapTuple tuple)
{
	AttStatsSlot slot;

	if (!get_attstatsslot(&slot, tuple, KIND_KEYS, InvalidOid,
						  ATTSTATSSLOT_VALUES | ATTSTATSSLOT_NUMBERS))
		return;
	if (slot.valuetype == BYTEAOID && slot.nnumbers == slot.nvalues + 1)
	{
		stats->nkeyed = slot.numbers[slot.nvalues];
		stats->counts = slot.numbers;
		stats->keys = palloc(Max(slot.nvalues, 1) * sizeof(StoredKey));
		for (int i = 0; i < slot.nvalues; i++)
		{
			struct varlena *value = (struct varlena *) DatumGetPointer(slot.values[i]);
			StoredKey  *key = &stats->keys[stats->nkeys++];

			key->len = Min(VARSIZE_ANY_EXHDR(value), STORED_KEY_MAX);
			memcpy(key->data, VARDATA_ANY(value), key->len);
		}
	}
	if (stats->nkeyed < 1)
		stats->nkeys = 0;
}

FilterStats *
filter_stats_load(HeapTuple tuple, Oid filter_type)
{
	FilterStats *stats;
	AttStatsSlot numbers;
	AttStatsSlot values;
	double		kept;
	double		large;

	if (!get_attstatsslot(&numbers, tuple, KIND_SAMPLE, InvalidOid, ATTSTATSSLOT_NUMBERS))
		return NULL;
	kept = numbers.nnumbers == 2 ? numbers.numbers[0] : 0;
	large = numbers.nnumbers == 2 ? numbers.numbers[1] : 0;
	free_attstatsslot(&numbers);
	if (kept + large < 1)
		return NULL;

	stats = palloc0(sizeof(FilterStats));
	stats->nulls = ((Form_pg_statistic) GETSTRUCT(tuple))->stanullfrac;
	stats->large = large / (kept + large);
	/* Without values a slot may not be asked for them. */
	if (kept < 1)
		return stats;
	if (!get_attstatsslot(&values, tuple, KIND_SAMPLE, InvalidOid, ATTSTATSSLOT_VALUES))
		return NULL;
	if (values.valuetype != filter_type)
	{
		free_attstatsslot(&values);
		return NULL;
	}
	/* They stay in the array that belongs to the slot, which is not freed. */
	stats->filters = palloc(Max(values.nvalues, 1) * sizeof(FilterQuery *));
	stats->nfilters = readable_filters(&values, stats->filters);
	load_keys(stats, tuple);
	return stats;
}
