/*-------------------------------------------------------------------------
 * src/index/profile_stats.c
 *
 * Decides what ANALYZE keeps of a column of documents. The function
 * cirro.profile_stats gives a jsonb the type cirro.profile_sample, whose
 * typanalyze function is here, so that
 *
 *     CREATE STATISTICS s ON (cirro.profile_stats(profile)) FROM worker
 *
 * makes ANALYZE count the keys (index/profile_key.h) of a sample of the rows. Kept
 * are the most common keys with the fraction of documents that have them, per
 * path and per path and tag what is true of all their keys, and a histogram of
 * the numbers and strings of each path that are not common. What a filter
 * makes of that is decided by index/estimate.c.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "commands/vacuum.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "compat.h"
#include "index/profile_stats.h"
#include "index/scatter.h"

PG_FUNCTION_INFO_V1(profile_stats);
PG_FUNCTION_INFO_V1(profile_stats_typanalyze);

/*
 * Kinds of slots, of the range for private use (pg_statistic.h).
 *
 * COMMON: keys in their order; the fraction of each, then the number of
 * documents.
 * PREFIX: paths, and paths with tags, in their order; four numbers each, see
 * ProfileTagStats. BOUNDS: the histograms of all paths, one behind the other.
 */
#define KIND_COMMON		20811
#define KIND_PREFIX		20812
#define KIND_BOUNDS		20813
#define PREFIX_NUMBERS	4

#define COMMON_PER_TARGET	20	/* keys, times the statistics target */
#define MAX_PREFIXES		1000
#define MAX_BOUNDS			101 /* of one path and tag */

/*
 * Rows are looked at in an order that scatters them, until these many keys are
 * counted: a fair sample, however large the documents.
 */
#define MAX_COUNTED			300000	/* different ones, about 30 MB */
#define MAX_SEEN			5000000

typedef struct KeyBytes
{
	uint8		len;
	char		data[PROFILE_KEY_MAX];
} KeyBytes;

typedef struct CountedKey
{
	KeyBytes	key;
	int			count;			/* rows */
	bool		common;
	int			ntotal;			/* of a prefix with a tag: keys, */
	int			nrest;			/* those that are not common, */
	int			nrest_keys;		/* different ones */
} CountedKey;

/* profile_stats(jsonb) returns profile_sample: the same value */
Datum
profile_stats(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/*
 * ---- ANALYZE
 */

static HTAB *
make_table(const char *name)
{
	HASHCTL		control = {.keysize = sizeof(KeyBytes),.entrysize = sizeof(CountedKey),
	.hcxt = CurrentMemoryContext};

	return hash_create(name, 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static CountedKey *
look_up(HTAB *table, const char *key, int len, HASHACTION action)
{
	KeyBytes	bytes;
	CountedKey *counted;
	bool		found;

	memset(&bytes, 0, sizeof(bytes));
	bytes.len = len;
	memcpy(bytes.data, key, len);
	counted = hash_search(table, &bytes, action, &found);
	if (!found && counted != NULL)
		memset((char *) counted + sizeof(KeyBytes), 0, sizeof(CountedKey) - sizeof(KeyBytes));
	return counted;
}

/*
 * Counts the keys of a row, and once each what they begin with. One row alone
 * may have any number of them.
 */
static void
count_row(HTAB *keys, HTAB *prefixes, const ProfileKeyList *list)
{
	for (int i = 0; i < list->nkeys && hash_get_num_entries(keys) < MAX_COUNTED; i++)
	{
		const char *key = profile_keys_get(list, i);
		int			len = list->keys[i].len;
		int			tag_len = profile_key_tag_len(key, len);

		look_up(keys, key, len, HASH_ENTER)->count++;
		for (int n = tag_len - 1; n <= tag_len; n++)
			if (i == 0 || list->keys[i - 1].len < n ||
				memcmp(profile_keys_get(list, i - 1), key, n) != 0)
				look_up(prefixes, key, n, HASH_ENTER)->count++;
	}
}

static CountedKey **
list_table(HTAB *table)
{
	CountedKey **list = palloc((hash_get_num_entries(table) + 1) * sizeof(CountedKey *));
	HASH_SEQ_STATUS scan;
	CountedKey *counted;
	int			n = 0;

	hash_seq_init(&scan, table);
	while ((counted = hash_seq_search(&scan)) != NULL)
		list[n++] = counted;
	return list;
}

static int
compare_bytes(const void *a, const void *b)
{
	const CountedKey *x = *(CountedKey *const *) a;
	const CountedKey *y = *(CountedKey *const *) b;

	return profile_key_compare(x->key.data, x->key.len, y->key.data, y->key.len);
}

/* The more common first; of equally common ones always the same. */
static int
compare_counts(const void *a, const void *b)
{
	const CountedKey *x = *(CountedKey *const *) a;
	const CountedKey *y = *(CountedKey *const *) b;

	return x->count != y->count ? y->count - x->count : compare_bytes(a, b);
}

static bool
has_histogram(const CountedKey *prefix)
{
	char		tag;

	/* Only one with a tag has any. */
	if (prefix->nrest_keys < 2)
		return false;
	tag = prefix->key.data[prefix->key.len - 1];
	return tag == PROFILE_TAG_NUMBER || tag == PROFILE_TAG_STRING;
}

/* Takes over values and numbers into the next free slot. */
static void
put_slot(VacAttrStats *stats, int slot, int kind, Oid key_type,
		 Datum *values, int nvalues, float4 *numbers, int nnumbers)
{
	stats->stakind[slot] = kind;
	stats->stavalues[slot] = values;
	stats->numvalues[slot] = nvalues;
	stats->stanumbers[slot] = numbers;
	stats->numnumbers[slot] = nnumbers;
	stats->statypid[slot] = key_type;
	stats->statyplen[slot] = -1;
	stats->statypbyval[slot] = false;
	stats->statypalign[slot] = TYPALIGN_INT;
}

/*
 * The histograms of the prefixes, behind each other. "keys" and "prefixes" are
 * in the order of their bytes.
 */
static int
make_bounds(CountedKey **keys, int nkeys, CountedKey **prefixes, int nprefixes,
			int max_bounds, Datum *bounds)
{
	double		all = 0;
	int			n = 0;
	int			k = 0;

	for (int p = 0; p < nprefixes; p++)
		if (has_histogram(prefixes[p]))
			all += prefixes[p]->nrest;
	for (int p = 0; p < nprefixes; p++)
	{
		const KeyBytes *prefix = &prefixes[p]->key;
		int			wanted;
		int			made = 0;
		double		passed = 0;

		if (!has_histogram(prefixes[p]))
			continue;
		wanted = (int) Min(MAX_BOUNDS, prefixes[p]->nrest_keys);
		wanted = (int) Max(2, Min(wanted, max_bounds * prefixes[p]->nrest / all));
		while (k < nkeys && profile_key_compare(keys[k]->key.data, keys[k]->key.len,
												prefix->data, prefix->len) < 0)
			k++;
		for (; k < nkeys && keys[k]->key.len >= prefix->len &&
			 memcmp(keys[k]->key.data, prefix->data, prefix->len) == 0; k++)
		{
			if (keys[k]->common)
				continue;
			passed += keys[k]->count;
			/* The first key, the last, and those at equal distances. */
			if (made == 0 || passed >= prefixes[p]->nrest * (double) made / (wanted - 1) - 0.5)
			{
				bounds[n++] = profile_key_datum(keys[k]->key.data, keys[k]->key.len);
				made++;
			}
		}
	}
	return n;
}

/* Of a domain anywhere it is the base type that ours is beside. */
static Oid
key_type_beside(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(getBaseType(type)));
	Oid			schema;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	schema = ((Form_pg_type) GETSTRUCT(tuple))->typnamespace;
	ReleaseSysCache(tuple);
	return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
						   CStringGetDatum("profile_key"), ObjectIdGetDatum(schema));
}

/*
 * Makes the slots of what has been counted in "rows" documents. There are
 * always some: who reads them cannot do without values.
 */
static void
make_slots(VacAttrStats *stats, HTAB *key_table, HTAB *prefix_table, int rows)
{
	Oid			key_type = key_type_beside(stats->attrtypid);
	int			nkeys = hash_get_num_entries(key_table);
	int			nprefixes = hash_get_num_entries(prefix_table);
	CountedKey **keys = list_table(key_table);
	CountedKey **prefixes = list_table(prefix_table);
	int			max_common = cirro_stats_target(stats) * COMMON_PER_TARGET;
	MemoryContext old;
	Datum	   *values;
	float4	   *numbers;
	int			n = 0;

	if (!OidIsValid(key_type))
		return;
	if (nkeys == 0)
	{
		/* A key that no document has stands for all of them. */
		look_up(key_table, "", 0, HASH_ENTER);
		look_up(prefix_table, "", 0, HASH_ENTER);
		make_slots(stats, key_table, prefix_table, rows);
		return;
	}

	qsort(keys, nkeys, sizeof(CountedKey *), compare_counts);
	for (int i = 0; i < Min(nkeys, max_common); i++)
		keys[i]->common = i == 0 || keys[i]->count > 1 || nkeys <= max_common;
	qsort(keys, nkeys, sizeof(CountedKey *), compare_bytes);
	for (int i = 0; i < nkeys; i++)
	{
		int			tag_len = profile_key_tag_len(keys[i]->key.data, keys[i]->key.len);
		CountedKey *prefix = look_up(prefix_table, keys[i]->key.data, tag_len, HASH_FIND);

		prefix->ntotal += keys[i]->count;
		if (!keys[i]->common)
		{
			prefix->nrest += keys[i]->count;
			prefix->nrest_keys++;
		}
	}
	qsort(prefixes, nprefixes, sizeof(CountedKey *), compare_counts);
	nprefixes = Min(nprefixes, MAX_PREFIXES);
	qsort(prefixes, nprefixes, sizeof(CountedKey *), compare_bytes);

	old = MemoryContextSwitchTo(stats->anl_context);
	values = palloc(Min(nkeys, max_common) * sizeof(Datum));
	numbers = palloc((Min(nkeys, max_common) + 1) * sizeof(float4));
	for (int i = 0; i < nkeys; i++)
		if (keys[i]->common)
		{
			values[n] = profile_key_datum(keys[i]->key.data, keys[i]->key.len);
			numbers[n++] = (double) keys[i]->count / Max(rows, 1);
		}
	numbers[n] = rows;
	put_slot(stats, 0, KIND_COMMON, key_type, values, n, numbers, n + 1);

	values = palloc(nprefixes * sizeof(Datum));
	numbers = palloc(nprefixes * PREFIX_NUMBERS * sizeof(float4));
	for (int i = 0; i < nprefixes; i++)
	{
		const CountedKey *prefix = prefixes[i];
		float4	   *its = &numbers[i * PREFIX_NUMBERS];

		values[i] = profile_key_datum(prefix->key.data, prefix->key.len);
		its[0] = (double) prefix->count / Max(rows, 1);
		its[1] = (double) prefix->ntotal / Max(rows, 1);
		its[2] = (double) prefix->nrest / Max(rows, 1);
		its[3] = prefix->nrest_keys;
	}
	put_slot(stats, 1, KIND_PREFIX, key_type, values, nprefixes,
			 numbers, nprefixes * PREFIX_NUMBERS);

	values = palloc((max_common + 3 * nprefixes) * sizeof(Datum));
	n = make_bounds(keys, nkeys, prefixes, nprefixes, max_common, values);
	if (n > 0)
		put_slot(stats, 2, KIND_BOUNDS, key_type, values, n, NULL, 0);
	MemoryContextSwitchTo(old);
}

static void
compute_stats(VacAttrStatsP stats, AnalyzeAttrFetchFunc fetch, int samplerows, double totalrows)
{
	HTAB	   *keys = make_table("cirro keys");
	HTAB	   *prefixes = make_table("cirro prefixes");
	MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext, "cirro row",
													  ALLOCSET_DEFAULT_SIZES);
	int			step = scattering_step(samplerows);
	int			row = 0;
	int			rows = 0;
	int			nulls = 0;
	int64		seen = 0;
	double		width = 0;

	while (rows < samplerows && hash_get_num_entries(keys) < MAX_COUNTED && seen < MAX_SEEN)
	{
		MemoryContext old;
		Datum		value;
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		value = fetch(stats, row, &isnull);
		row = (row + (int64) step) % samplerows;
		rows++;
		if (isnull)
		{
			nulls++;
			continue;
		}
		old = MemoryContextSwitchTo(row_context);
		{
			ProfileKeyList list;

			width += VARSIZE_ANY(DatumGetPointer(value));
			profile_keys_init(&list);
			profile_keys_extract(&list, &DatumGetJsonbP(value)->root);
			MemoryContextSwitchTo(old);
			count_row(keys, prefixes, &list);
			seen += list.nkeys;
		}
		MemoryContextReset(row_context);
	}
	if (rows > 0)
	{
		stats->stats_valid = true;
		stats->stanullfrac = (double) nulls / rows;
		stats->stawidth = rows > nulls ? width / (rows - nulls) : 0;
		stats->stadistinct = 0;
		make_slots(stats, keys, prefixes, rows - nulls);
	}
	MemoryContextDelete(row_context);
	hash_destroy(keys);
	hash_destroy(prefixes);
}

/* profile_stats_typanalyze(internal) returns boolean */
Datum
profile_stats_typanalyze(PG_FUNCTION_ARGS)
{
	VacAttrStats *stats = (VacAttrStats *) PG_GETARG_POINTER(0);

	if (cirro_stats_target(stats) < 0)
		cirro_stats_target(stats) = default_statistics_target;
	stats->compute_stats = compute_stats;
	stats->minrows = 300 * cirro_stats_target(stats);
	PG_RETURN_BOOL(true);
}

/*
 * ---- Reading them
 */

struct ProfileStats
{
	AttStatsSlot common;
	AttStatsSlot prefix;
	AttStatsSlot bounds;
	double		nulls;
	double		rows;
	double		least;			/* fraction of the least common key */
};

ProfileStats *
profile_stats_load(HeapTuple tuple)
{
	ProfileStats *stats = palloc0(sizeof(ProfileStats));
	int			flags = ATTSTATSSLOT_VALUES | ATTSTATSSLOT_NUMBERS;

	if (!get_attstatsslot(&stats->common, tuple, KIND_COMMON, InvalidOid, flags) ||
		!get_attstatsslot(&stats->prefix, tuple, KIND_PREFIX, InvalidOid, flags) ||
		get_typlen(stats->common.valuetype) != -1 ||
		get_typlen(stats->prefix.valuetype) != -1 ||
		stats->common.nnumbers != stats->common.nvalues + 1 ||
		stats->prefix.nnumbers != stats->prefix.nvalues * PREFIX_NUMBERS)
	{
		profile_stats_free(stats);
		return NULL;
	}
	if (get_attstatsslot(&stats->bounds, tuple, KIND_BOUNDS, InvalidOid, ATTSTATSSLOT_VALUES) &&
		get_typlen(stats->bounds.valuetype) != -1)
	{
		profile_stats_free(stats);
		return NULL;
	}
	stats->nulls = ((Form_pg_statistic) GETSTRUCT(tuple))->stanullfrac;
	stats->rows = Max(stats->common.numbers[stats->common.nvalues], 1);
	stats->least = 1;
	for (int i = 0; i < stats->common.nvalues; i++)
		stats->least = Min(stats->least, stats->common.numbers[i]);
	return stats;
}

void
profile_stats_free(ProfileStats *stats)
{
	free_attstatsslot(&stats->common);
	free_attstatsslot(&stats->prefix);
	free_attstatsslot(&stats->bounds);
	pfree(stats);
}

static void
value_of_slot(const AttStatsSlot *slot, int i, const char **key, int *len)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(slot->values[i]);

	*key = VARDATA_ANY(value);
	*len = VARSIZE_ANY_EXHDR(value);
}

/* The first of a slot that is not less than the key. */
static int
search_slot(const AttStatsSlot *slot, const char *key, int len)
{
	int			low = 0;
	int			high = slot->nvalues;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		const char *it;
		int			it_len;

		value_of_slot(slot, middle, &it, &it_len);
		if (profile_key_compare(it, it_len, key, len) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Is that the key itself? */
static bool
is_in_slot(const AttStatsSlot *slot, int i, const char *key, int len)
{
	const char *it;
	int			it_len;

	if (i >= slot->nvalues)
		return false;
	value_of_slot(slot, i, &it, &it_len);
	return profile_key_compare(it, it_len, key, len) == 0;
}

int
profile_stats_search(const ProfileStats *stats, const char *key, int len)
{
	return search_slot(&stats->common, key, len);
}

bool
profile_stats_common(const ProfileStats *stats, int i, const char **key, int *len,
					 double *fraction)
{
	if (i >= stats->common.nvalues)
		return false;
	value_of_slot(&stats->common, i, key, len);
	*fraction = stats->common.numbers[i];
	return true;
}

void
profile_stats_bound(const ProfileStats *stats, int i, const char **key, int *len)
{
	value_of_slot(&stats->bounds, i, key, len);
}

double
profile_stats_present(const ProfileStats *stats, const char *prefix, int len)
{
	int			i = search_slot(&stats->prefix, prefix, len);

	/* One that did not occur may be rarer than one in the sample. */
	return is_in_slot(&stats->prefix, i, prefix, len) ?
		stats->prefix.numbers[i * PREFIX_NUMBERS] : 0.5 / stats->rows;
}

bool
profile_stats_tag(const ProfileStats *stats, const char *prefix, int len,
				  ProfileTagStats *result)
{
	int			i = search_slot(&stats->prefix, prefix, len);
	const float4 *numbers = &stats->prefix.numbers[i * PREFIX_NUMBERS];
	const char *key;
	int			key_len;

	if (!is_in_slot(&stats->prefix, i, prefix, len))
		return false;
	result->present = numbers[0];
	result->total = numbers[1];
	result->rest = numbers[2];
	result->distinct = numbers[3];
	result->first_bound = i = search_slot(&stats->bounds, prefix, len);
	for (; i < stats->bounds.nvalues; i++)
	{
		value_of_slot(&stats->bounds, i, &key, &key_len);
		if (key_len < len || memcmp(key, prefix, len) != 0)
			break;
	}
	result->nbounds = i - result->first_bound;
	return true;
}

double
profile_stats_key(const ProfileStats *stats, const char *key, int len)
{
	int			i = search_slot(&stats->common, key, len);
	ProfileTagStats tag;

	if (is_in_slot(&stats->common, i, key, len))
		return stats->common.numbers[i];
	/* All that are not common are alike, and rarer than those that are. */
	if (!profile_stats_tag(stats, key, profile_key_tag_len(key, len), &tag) || tag.distinct < 1)
		return 0.5 / stats->rows;
	return Min(tag.rest / tag.distinct, stats->least);
}

double
profile_stats_nulls(const ProfileStats *stats)
{
	return stats->nulls;
}

double
profile_stats_rows(const ProfileStats *stats)
{
	return stats->rows;
}
