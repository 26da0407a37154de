/*-------------------------------------------------------------------------
 * src/index/choice.c
 *
 * Decides what a search of the index fetches: of a conjunction what is rare,
 * and of the rest what costs less to fetch than to recheck. Whatever it
 * decides, the answers are the same: what is not fetched is left to the
 * recheck.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "index/choice.h"

/* Entries that one search may have; a filter that needs more has none. */
#define MAX_ENTRIES		4096

/*
 * What one document costs, in microseconds (measured with the table of
 * test/bench/filter.sh): a range is put into a bitmap whole; a list of one key
 * is read from end to end, beside a rarer one faster, or a place in it is
 * looked up for each of the other's; a row is fetched and rechecked.
 */
#define COST_RANGE		0.4
#define COST_LIST		0.12
#define COST_BESIDE		0.006
#define COST_LOOKUP		2.0
#define COST_ROW		1.0

/*
 * And when search and scan are compared: pages in turn or here and there, a
 * match in a scan, and a row that a search comes to.
 */
#define COST_NEXT_PAGE	1.2
#define COST_ANY_PAGE	0.9
#define COST_MATCH		0.06
#define COST_VISIT		0.2

/* Bytes of work_mem that a page takes in a bitmap, about (tidbitmap.c). */
#define BITMAP_PAGE		64

/* What fetching an entry would cost and leave over. */
typedef struct Fetch
{
	bool		possible;
	double		cost;
	double		kept;			/* fraction of the documents */
} Fetch;

static Fetch choose(IndexEntry *e);

static void
drop(IndexEntry *e)
{
	CHECK_FOR_INTERRUPTS();
	e->wanted = false;
	for (IndexEntry *m = e->many; m != NULL; m = m->next)
		m->wanted = false;
	for (IndexEntry *c = e->first; c != NULL; c = c->next)
		drop(c);
}

static Fetch
fetch_keys(IndexEntry *e)
{
	Fetch		fetch = {true, 0, e->fraction};

	e->wanted = true;
	fetch.cost = e->fraction * (e->kind == ENTRY_KEY ? COST_LIST : COST_RANGE);
	return fetch;
}

/* All children, or it narrows nothing. */
static Fetch
choose_or(IndexEntry *e)
{
	Fetch		fetch = {true, 0, 1};

	e->wanted = true;
	for (IndexEntry *c = e->first; c != NULL; c = c->next)
	{
		Fetch		child = choose(c);

		fetch.possible = fetch.possible && child.possible;
		fetch.cost += child.cost;
		fetch.kept *= 1 - child.kept;
	}
	fetch.kept = 1 - fetch.kept;
	return fetch;
}

/* What goes without saying beside a pair of members: each of them. */
static void
forbid_keys(const IndexEntry *e, Fetch *children)
{
	int			i = 0;

	for (const IndexEntry *c = e->first; c != NULL; c = c->next, i++)
		if (c->kind == ENTRY_KEY)
			children[i].possible = false;
}

/*
 * The child that leaves least for its cost, then others while they pay: by
 * the rows that need no recheck because of them.
 */
static Fetch
choose_and(IndexEntry *e)
{
	Fetch		fetch = {false, 0, 1};
	int			nchildren = 0;
	int			i;
	Fetch	   *children;

	for (IndexEntry *c = e->first; c != NULL; c = c->next)
		nchildren++;
	children = palloc(nchildren * sizeof(Fetch));
	i = 0;
	for (IndexEntry *c = e->first; c != NULL; c = c->next)
		children[i++] = choose(c);

	for (;;)
	{
		int			best = -1;
		double		best_saving = 0;

		CHECK_FOR_INTERRUPTS();
		i = 0;
		for (IndexEntry *c = e->first; c != NULL; c = c->next, i++)
		{
			double		saving;

			if (!children[i].possible)
				continue;
			if (fetch.possible && c->kind == ENTRY_KEY)
				children[i].cost = Min(c->fraction * COST_BESIDE, fetch.kept * COST_LOOKUP);
			saving = fetch.kept * (1 - children[i].kept) * COST_ROW - children[i].cost;
			if (best < 0 ? saving > 0 || !fetch.possible : saving > best_saving)
			{
				best = i;
				best_saving = saving;
			}
		}
		if (best < 0)
			break;
		fetch.possible = true;
		fetch.cost += children[best].cost;
		fetch.kept *= children[best].kept;
		/* Done with: neither to be taken again nor to be dropped. */
		children[best].possible = false;
		children[best].cost = -1;
		i = 0;
		for (IndexEntry *c = e->first; c != NULL; c = c->next, i++)
			if (i == best && c->implied)
				forbid_keys(e, children);
	}
	i = 0;
	for (IndexEntry *c = e->first; c != NULL; c = c->next, i++)
		if (children[i].cost >= 0)
			drop(c);
	pfree(children);
	e->wanted = fetch.possible;
	return fetch;
}

/* The range between the bounds, or one bound or both for themselves. */
static Fetch
choose_between(IndexEntry *e)
{
	Fetch		apart = choose_and(e);
	Fetch		joined = fetch_keys(e);

	for (IndexEntry *m = e->many; m != NULL; m = m->next)
	{
		Fetch		many = fetch_keys(m);

		joined.cost += many.cost;
		joined.kept = 1 - (1 - joined.kept) * (1 - many.kept);
	}
	if (joined.cost + joined.kept * COST_ROW <= apart.cost + apart.kept * COST_ROW)
	{
		for (IndexEntry *c = e->first; c != NULL; c = c->next)
			drop(c);
		return joined;
	}
	for (IndexEntry *m = e->many; m != NULL; m = m->next)
		m->wanted = false;
	e->wanted = false;
	return apart;
}

/* Marks what is wanted below; recursion is bounded by the filter's depth. */
static Fetch
choose(IndexEntry *e)
{
	Fetch		impossible = {false, 0, 1};

	switch (e->kind)
	{
		case ENTRY_KEY:
		case ENTRY_RANGE:
		case ENTRY_SET:
			return fetch_keys(e);
		case ENTRY_BETWEEN:
			return choose_between(e);
		case ENTRY_AND:
			return choose_and(e);
		case ENTRY_OR:
			return choose_or(e);
		case ENTRY_ELEM:
			e->wanted = true;
			return choose(e->first);
		default:
			return impossible;
	}
}

static void
number(IndexEntry *e, int *entries)
{
	if (!e->wanted && e->kind != ENTRY_BETWEEN)
		return;
	if (index_entry_has_keys(e) && e->wanted)
		e->entry = (*entries)++;
	for (IndexEntry *m = e->many; m != NULL; m = m->next)
		if (m->wanted)
			m->entry = (*entries)++;
	for (IndexEntry *c = e->first; c != NULL; c = c->next)
		number(c, entries);
}

int
index_entry_choose(IndexEntry *root)
{
	int			entries = 0;

	if (!choose(root).possible)
		return 0;
	number(root, &entries);
	return entries <= MAX_ENTRIES ? entries : 0;
}

/* By what a search costs for each document of the table, and a scan. */
bool
index_entry_better_scanned(IndexEntry *root, DocumentCost cost)
{
	double		scan = cost.pages * COST_NEXT_PAGE + COST_MATCH + cost.detoast;
	Fetch		fetch = choose(root);
	double		pages;
	double		rechecked = 0;

	if (!fetch.possible)
		return true;
	/* Rows that are many share pages. */
	pages = cost.pages >= 1 ? fetch.kept * cost.pages :
		cost.pages * (1 - pow(1 - fetch.kept, 1 / Max(cost.pages, 0.001)));
	/* A bitmap that does not fit forgets, of half its pages or so, which rows. */
	if (pages / cost.pages * cost.all_pages * BITMAP_PAGE > work_mem * 1024.0)
		rechecked = (1 - fetch.kept) * 0.5;
	return fetch.cost + pages * COST_ANY_PAGE +
		(fetch.kept + rechecked) * (COST_VISIT + cost.detoast) > scan;
}
