/*-------------------------------------------------------------------------
 * src/index/stored_cost.c
 *
 * Decides what the planner is told of a search for filters by a document, so that
 * it expects what the search costs. It takes it that a search of GIN comes to what
 * matches, and prices each entry that extract_query names as a search of its own,
 * all alike (gincostestimate, cost_bitmap_heap_scan). But the entries of a document are
 * many and cheap, and most of what they lead to does not match: so it is given as
 * many as cost together what the rest of the candidates do.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/gin.h"
#include "catalog/pg_am.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"

#include "index/stored_cost.h"

/* COST of the functions of @@ and ~@@. */
#define MATCH_COST			10

/* More make no difference to anything. */
#define MAX_ENTRIES			100000

/* What gincostestimate() reckons with: of a partial match, and without statistics. */
#define PARTIAL_ENTRIES		100
#define ENTRY_PAGES_SHARE	0.9
#define ENTRIES_A_PAGE		100

/* What it takes to come to so many rows by their places, as the planner has it. */
static double
cost_of_rows(const RelOptInfo *table, double rows)
{
	double		all_pages = Max(table->pages, 1);
	double		pages = Min(2 * all_pages * rows / (2 * all_pages + rows), all_pages);
	double		page_cost = random_page_cost -
		(random_page_cost - seq_page_cost) * sqrt(pages / all_pages);

	return pages * page_cost + rows * (cpu_tuple_cost + MATCH_COST * cpu_operator_cost);
}

static const IndexOptInfo *
find_index(const RelOptInfo *table, Oid filter_type)
{
	ListCell   *lc;

	foreach(lc, table->indexlist)
	{
		const IndexOptInfo *index = lfirst_node(IndexOptInfo, lc);

		for (int i = 0; i < index->nkeycolumns && index->relam == GIN_AM_OID; i++)
			if (index->opcintype[i] == filter_type && !index->hypothetical)
				return index;
	}
	return NULL;
}

int32
stored_search_entries(const RelOptInfo *table, Oid filter_type,
					  double candidates, double matching)
{
	const IndexOptInfo *index = find_index(table, filter_type);
	double		cost = cost_of_rows(table, candidates * table->tuples) -
		cost_of_rows(table, matching * table->tuples);
	Relation	relation;
	GinStatsData stats;
	double		pages;
	double		entry_pages;
	double		entries;
	double		entry_cost;
	double		read;

	if (index == NULL || cost <= 0)
		return 1;
	/* The planner has locked it. */
	relation = index_open(index->indexoid, NoLock);
	ginGetStats(relation, &stats);
	index_close(relation, NoLock);
	pages = Max(index->pages, 1);
	entry_pages = Max(floor(pages * ENTRY_PAGES_SHARE), 1);
	entries = entry_pages * ENTRIES_A_PAGE;
	if (stats.nTotalPages > 0 && stats.nEntries > 0)
	{
		entry_pages = stats.nEntryPages * pages / stats.nTotalPages;
		entries = stats.nEntries * pages / stats.nTotalPages;
	}

	entry_cost = Max(rint(pow(entry_pages, 0.15)) * random_page_cost, 0.001);
	/* Entries of partial matches, besides, are taken to read a part of the index. */
	read = Min(cost / entry_cost * PARTIAL_ENTRIES / entries, 1) * pages * random_page_cost;
	return 1 + (int32) Min(Max(cost - read, 0) / entry_cost, MAX_ENTRIES);
}
