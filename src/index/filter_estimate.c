/*-------------------------------------------------------------------------
 * src/index/filter_estimate.c
 *
 * Decides how many filters match a document, and how many pairs of a filter and a
 * document match, from a sample of the filters (index/filter_stats.c) and from
 * statistics of the documents (index/profile_stats.c). Must not know where these
 * come from, nor whether the caller may see them.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/selfuncs.h"

#include "filter/eval.h"
#include "index/estimate.h"
#include "index/extract.h"
#include "index/filter_estimate.h"
#include "index/profile_stats.h"
#include "index/stored_key.h"

/*
 * ---- One document
 */

/*
 * A condition without its operands: filters that are made by one form differ in
 * these alone. How often it holds tells of filters that are not in the sample.
 */
typedef struct Shape
{
	uint64		hash;
	int			conditions;
	int			met;
} Shape;

/* So many say themselves how many others there are. */
#define MANY_MATCHING		10

static uint64
shape_of(const FilterQuery *query, const FilterNode *condition)
{
	uint64		hash = 0;

	for (uint32 i = 0; i < condition->nnodes; i++)
	{
		const FilterNode *node = &condition[i];
		JsonWalkPath path = filter_node_path(query, node);

		hash = hash_combine64(hash, node->op);
		hash = hash_combine64(hash, path.len);
		for (uint32 n = 0; n < path.len; n++)
			hash = hash_bytes_extended((const unsigned char *) path.base + path.names[n].at,
									   path.names[n].len, hash);
	}
	return hash;
}

/* What has to hold all at once. Returns how many they are. */
static int
list_conditions(const FilterNode *node, const FilterNode **list)
{
	int			n = 0;

	if (node->op != FILTER_AND)
	{
		list[0] = node;
		return 1;
	}
	for (const FilterNode *child = node + 1; child < node + node->nnodes; child += child->nnodes)
		n += list_conditions(child, list + n);
	return n;
}

static Shape *
look_up(HTAB *shapes, uint64 hash)
{
	bool		found;
	Shape	   *shape = hash_search(shapes, &hash, HASH_ENTER, &found);

	if (!found)
		shape->conditions = shape->met = 0;
	return shape;
}

/*
 * Of a sample so small a few that match may be good luck, and none bad luck. How many
 * should, if each condition of a filter held as often as all of its shape do, and
 * independently? Counts that chance explains are told by that, others as they are.
 */
double
filter_stats_matching(const FilterStats *stats, const JsonbContainer *document)
{
	HASHCTL		control = {.keysize = sizeof(uint64),.entrysize = sizeof(Shape),
	.hcxt = CurrentMemoryContext};
	HTAB	   *shapes = hash_create("cirro shapes", 64, &control,
									 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	int			matching = 0;
	double		by_chance = 0;
	double		fraction = DEFAULT_MATCHING_SEL;

	for (int i = 0; i < stats->nfilters; i++)
	{
		const FilterQuery *query = stats->filters[i];
		const FilterNode **list = palloc(query->nnodes * sizeof(FilterNode *));
		int			n = list_conditions(query->nodes, list);
		bool		all = true;

		CHECK_FOR_INTERRUPTS();
		for (int c = 0; c < n; c++)
		{
			Shape	   *shape = look_up(shapes, shape_of(query, list[c]));
			bool		met = filter_condition_holds(query, list[c], document);

			shape->conditions++;
			shape->met += met;
			all = all && met;
		}
		matching += all;
		pfree(list);
	}
	for (int i = 0; i < stats->nfilters && matching < MANY_MATCHING; i++)
	{
		const FilterQuery *query = stats->filters[i];
		const FilterNode **list = palloc(query->nnodes * sizeof(FilterNode *));
		int			n = list_conditions(query->nodes, list);
		double		chance = 1;

		for (int c = 0; c < n; c++)
		{
			Shape	   *shape = look_up(shapes, shape_of(query, list[c]));

			/* None of a hundred is not none at all. */
			chance *= Max(shape->met, 0.1) / shape->conditions;
		}
		by_chance += chance;
		pfree(list);
	}
	hash_destroy(shapes);
	if (matching >= MANY_MATCHING || fabs(matching - by_chance) > 1 + 2 * sqrt(by_chance))
		by_chance = Max(matching, 0.5);
	if (stats->nfilters > 0)
		fraction = by_chance / stats->nfilters;
	return (1 - stats->large) * fraction + stats->large * DEFAULT_MATCHING_SEL;
}

/* Does a document with these keys ask for that one? */
static bool
is_asked_for(const DocumentKeys *wanted, const StoredKey *key)
{
	int			low = 0;
	int			end = wanted->nranges;

	if (stored_key_is_in(key, wanted->points, wanted->npoints))
		return true;
	/* The last range that begins at the key or before it. */
	while (low < end)
	{
		int			middle = low + (end - low) / 2;

		if (stored_key_compare(&wanted->low[middle], key) <= 0)
			low = middle + 1;
		else
			end = middle;
	}
	return low > 0 && stored_key_compare(key, &wanted->high[low - 1]) <= 0;
}

double
filter_stats_candidates(const FilterStats *stats, const JsonbContainer *document)
{
	DocumentKeys wanted;
	double		found = 0;

	if (stats->nkeys == 0)
		return -1;
	document_keys_make(&wanted, document, NULL, 0);
	/* A filter that has two of them counts twice: few have. */
	for (int i = 0; i < stats->nkeys; i++)
		if (is_asked_for(&wanted, &stats->keys[i]))
			found += stats->counts[i];
	/* None of a hundred is not none at all. */
	return Min(Max(found, 0.1) / stats->nkeyed, 1) * (1 - stats->nulls);
}

/*
 * ---- Pairs
 */

/*
 * To estimate a condition takes a microsecond or so, a pattern that has to be
 * tried on the strings of a histogram a hundred times that.
 */
#define MAX_WORK			3000
#define WORK_REGEX			50

struct FilterPairs
{
	uint64		hash;			/* of the statistics */
	double		filter_nulls;
	double		document_nulls;
	double		large;
	int			nfilters;
	float4		selectivity[FLEXIBLE_ARRAY_MEMBER]; /* of each, among documents */
};

/*
 * The planner asks for the same pair again and again: for each path in which a
 * join may be. The latest come first. Only what the caller may see is looked up.
 */
#define MEMORY_SIZE			8

static FilterPairs *memory[MEMORY_SIZE];
static int	nremembered = 0;

static uint64
hash_statistics(HeapTuple tuple, uint64 seed)
{
	return hash_bytes_extended((const unsigned char *) tuple->t_data + tuple->t_data->t_hoff,
							   tuple->t_len - tuple->t_data->t_hoff, seed);
}

static const FilterPairs *
recall(uint64 hash)
{
	for (int i = 0; i < nremembered; i++)
		if (memory[i]->hash == hash)
		{
			FilterPairs *it = memory[i];

			memmove(&memory[1], &memory[0], i * sizeof(memory[0]));
			return memory[0] = it;
		}
	return NULL;
}

static const FilterPairs *
remember(const FilterPairs *pairs)
{
	Size		size = offsetof(FilterPairs, selectivity) + pairs->nfilters * sizeof(float4);
	FilterPairs *copy = memcpy(MemoryContextAlloc(TopMemoryContext, size), pairs, size);

	if (nremembered == MEMORY_SIZE)
		pfree(memory[--nremembered]);
	memmove(&memory[1], &memory[0], nremembered * sizeof(memory[0]));
	nremembered++;
	return memory[0] = copy;
}

static int
work_for(const FilterQuery *query)
{
	int			work = 0;

	for (uint32 i = 0; i < query->nnodes; i++)
	{
		const FilterNode *node = &query->nodes[i];

		work += node->op == FILTER_REGEX ? WORK_REGEX :
			node->op == FILTER_IN ? 1 + (int) node->number / 10 : 1;
	}
	return work;
}

static FilterPairs *
estimate_pairs(const FilterStats *filters, const ProfileStats *documents)
{
	FilterPairs *pairs = palloc(offsetof(FilterPairs, selectivity) +
								filters->nfilters * sizeof(float4));
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cirro filter",
												  ALLOCSET_DEFAULT_SIZES);
	int			work = 0;

	pairs->filter_nulls = filters->nulls;
	pairs->document_nulls = documents == NULL ? 0 : profile_stats_nulls(documents);
	pairs->large = filters->large;
	pairs->nfilters = 0;
	for (int i = 0; i < filters->nfilters && work < MAX_WORK; i++)
	{
		const FilterQuery *query = filters->filters[i];
		MemoryContext old = MemoryContextSwitchTo(context);
		IndexEntry *tree = index_entry_extract(query);

		CHECK_FOR_INTERRUPTS();
		work += work_for(query);
		index_entry_estimate(tree, query, documents);
		pairs->selectivity[pairs->nfilters++] = tree->selectivity;
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
	return pairs;
}

const FilterPairs *
filter_pairs_estimate(HeapTuple filters, Oid filter_type, HeapTuple documents)
{
	uint64		hash = hash_statistics(filters, filter_type);
	const FilterPairs *result;
	MemoryContext context;
	MemoryContext old;
	FilterStats *filter_stats;

	if (documents != NULL)
		hash = hash_statistics(documents, hash);
	result = recall(hash);
	if (result != NULL)
		return result;

	context = AllocSetContextCreate(CurrentMemoryContext, "cirro pairs", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	filter_stats = filter_stats_load(filters, filter_type);
	if (filter_stats != NULL)
	{
		ProfileStats *document_stats = documents == NULL ? NULL : profile_stats_load(documents);
		FilterPairs *pairs = estimate_pairs(filter_stats, document_stats);

		pairs->hash = hash;
		result = remember(pairs);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return result;
}

double
filter_pairs_matching(const FilterPairs *pairs)
{
	double		sum = 0;
	double		each = DEFAULT_MATCHING_SEL;

	for (int i = 0; i < pairs->nfilters; i++)
		sum += pairs->selectivity[i];
	if (pairs->nfilters > 0)
		each = (1 - pairs->large) * sum / pairs->nfilters + pairs->large * DEFAULT_MATCHING_SEL;
	return each * (1 - pairs->filter_nulls) * (1 - pairs->document_nulls);
}

/* With all documents alike and independent, as estimates of conditions have it. */
static double
any_of(double selectivity, double rows)
{
	return 1 - pow(1 - Min(selectivity, 1), Max(rows, 0));
}

double
filter_pairs_any_document(const FilterPairs *pairs, double documents)
{
	double		sum = 0;
	double		each;

	documents *= 1 - pairs->document_nulls;
	each = any_of(DEFAULT_MATCHING_SEL, documents);
	for (int i = 0; i < pairs->nfilters; i++)
		sum += any_of(pairs->selectivity[i], documents);
	if (pairs->nfilters > 0)
		each = (1 - pairs->large) * sum / pairs->nfilters + pairs->large * each;
	return each * (1 - pairs->filter_nulls);
}

double
filter_pairs_any_filter(const FilterPairs *pairs, double filters)
{
	double		none = 1;

	filters *= 1 - pairs->filter_nulls;
	for (int i = 0; i < pairs->nfilters; i++)
		none *= 1 - any_of(pairs->selectivity[i], filters * (1 - pairs->large) / pairs->nfilters);
	none *= 1 - any_of(DEFAULT_MATCHING_SEL,
					   pairs->nfilters > 0 ? filters * pairs->large : filters);
	return (1 - none) * (1 - pairs->document_nulls);
}
