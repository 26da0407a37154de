/*-------------------------------------------------------------------------
 * src/filter/order.c
 *
 * Decides in which order the conditions of a filter are best asked when it
 * will be asked of many documents: what is cheap or seldom holds first. Must
 * not change what matches; that the evaluator has neither errors nor effects
 * makes every order right.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "filter/order.h"

typedef struct Child
{
	const FilterNode *node;
	uint32		cost;
} Child;

/* Logical nodes with one child stand for that child. */
static const FilterNode *
unwrap(const FilterNode *node)
{
	while ((node->op == FILTER_AND || node->op == FILTER_OR) &&
		   node->nnodes > 1 && node[1].nnodes == node->nnodes - 1)
		node++;
	return node;
}

/* A guess: only the order of costs matters, and that roughly. */
static uint32
cost_of_condition(const FilterQuery *query, const FilterNode *node)
{
	uint32		cost = 3 * node->path_len;

	switch ((FilterOp) node->op)
	{
		case FILTER_AND:
		case FILTER_OR:
			return 0;
		case FILTER_EQ:
			/* Every other document has either boolean. */
			if (filter_node_values(query, node)->type < JSON_VIEW_FALSE)
				return cost + 1;
			return cost + 3;
		case FILTER_MOD:
		case FILTER_ELEM_VALUE:
		case FILTER_ELEM_OBJECT:
			return cost + 10;
		case FILTER_REGEX:
			return cost + 30;
		default:
			return cost + 2;
	}
}

static uint32
cost_of(const FilterQuery *query, const FilterNode *node)
{
	uint32		cost = 0;

	for (uint32 i = 0; i < node->nnodes; i++)
		cost += cost_of_condition(query, &node[i]);
	return cost;
}

/* Equal costs leave the order as it was: conditions on one path stay together. */
static int
compare_children(const void *a, const void *b)
{
	const Child *ca = a;
	const Child *cb = b;

	if (ca->cost != cb->cost)
		return ca->cost < cb->cost ? -1 : 1;
	return ca->node < cb->node ? -1 : ca->node > cb->node;
}

/* The children, and in the place of those with the same operator theirs. */
static uint32
collect(const FilterQuery *query, const FilterNode *node, Child *children)
{
	const FilterNode *end = node + node->nnodes;
	uint32		count = 0;

	for (const FilterNode *child = node + 1; child < end; child += child->nnodes)
	{
		const FilterNode *inner = unwrap(child);

		if (inner->op == node->op)
			count += collect(query, inner, children + count);
		else
		{
			children[count].node = inner;
			children[count++].cost = cost_of(query, inner);
		}
	}
	return count;
}

/* Appends the subtree. */
static void
put(FilterQuery *to, const FilterQuery *from, const FilterNode *node)
{
	uint32		at = to->nnodes++;

	node = unwrap(node);
	to->nodes[at] = *node;
	if (node->op == FILTER_AND || node->op == FILTER_OR)
	{
		Child	   *children = palloc(node->nnodes * sizeof(Child));
		uint32		count = collect(from, node, children);

		qsort(children, count, sizeof(Child), compare_children);
		for (uint32 i = 0; i < count; i++)
			put(to, from, children[i].node);
		pfree(children);
	}
	else if (node->nnodes > 1)
		put(to, from, node + 1);
	to->nodes[at].nnodes = to->nnodes - at;
}

FilterQuery *
filter_query_reordered(const FilterQuery *query)
{
	FilterQuery *copy = memcpy(palloc(VARSIZE(query)), query, VARSIZE(query));

	copy->nnodes = 0;
	put(copy, query, query->nodes);
	return copy;
}
