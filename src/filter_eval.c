/*-------------------------------------------------------------------------
 * src/filter_eval.c
 *
 * Decides whether a document matches a filter. Runs for every row, so it
 * must not allocate (regular expressions and $mod apart, which give back
 * what they take), and it is total: whatever the document, it answers and
 * raises no error; only a cancel ends it early.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "filter_query.h"

typedef struct Condition
{
	const FilterQuery *query;
	const FilterNode *node;
} Condition;

static bool
is_in(const FilterQuery *query, const FilterNode *node, JsonView value)
{
	const FilterValue *values = filter_node_values(query, node);
	uint32		low = 0;
	uint32		high = node->number;

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;
		int			cmp = json_view_compare(filter_value_view(query, &values[middle]), value);

		if (cmp == 0)
			return true;
		if (cmp < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* Values of another type do not compare; null neither precedes nor follows. */
static bool
is_in_order(const FilterQuery *query, const FilterNode *node, JsonView value)
{
	JsonView	operand = filter_value_view(query, filter_node_values(query, node));
	int			cmp;

	if (JsonViewRank(value.type) != JsonViewRank(operand.type))
		return false;
	cmp = json_view_compare(value, operand);
	switch (node->op)
	{
		case FILTER_GT:
			return cmp > 0;
		case FILTER_GTE:
			return cmp >= 0;
		case FILTER_LT:
			return cmp < 0;
		default:
			return cmp <= 0;
	}
}

/* A number beyond 64 bits has no remainder that could be asked for. */
static bool
has_remainder(const FilterQuery *query, const FilterNode *node, JsonView value)
{
	int64		operands[2];
	Datum		whole;
	Datum		min;
	Datum		max;
	bool		fits;
	bool		result = false;

	memcpy(operands, (const char *) query + node->operand, sizeof(operands));
	whole = DirectFunctionCall2(numeric_trunc, PointerGetDatum(value.data), Int32GetDatum(0));
	min = NumericGetDatum(int64_to_numeric(PG_INT64_MIN));
	max = NumericGetDatum(int64_to_numeric(PG_INT64_MAX));
	fits = DatumGetBool(DirectFunctionCall2(numeric_ge, whole, min)) &&
		DatumGetBool(DirectFunctionCall2(numeric_le, whole, max));
	if (fits)
	{
		int64		number = DatumGetInt64(DirectFunctionCall1(numeric_int8, whole));

		/* The smallest number divided by -1 would overflow. */
		result = (operands[0] == -1 ? 0 : number % operands[0]) == operands[1];
	}
	pfree(DatumGetPointer(whole));
	pfree(DatumGetPointer(min));
	pfree(DatumGetPointer(max));
	return result;
}

/* Some element meets the child; elements that are arrays are not opened. */
static bool
has_element(const FilterQuery *query, const FilterNode *node, JsonView array)
{
	JsonViewIterator it;
	JsonView	element;

	json_view_iterate(&it, array);
	while (json_view_next(&it, &element))
	{
		if (node->op == FILTER_ELEM_OBJECT &&
			element.type != JSON_VIEW_OBJECT && element.type != JSON_VIEW_ARRAY)
			continue;
		if (filter_node_matches(query, node + 1, element))
			return true;
	}
	return false;
}

/* One condition, one value, as it is. */
static bool
value_meets(const FilterQuery *query, const FilterNode *node, JsonView value)
{
	/* Nothing is like null, where equality is asked for. */
	if (value.type == JSON_VIEW_MISSING)
	{
		if (node->op != FILTER_EQ && node->op != FILTER_IN)
			return false;
		value.type = JSON_VIEW_NULL;
	}

	switch ((FilterOp) node->op)
	{
		case FILTER_EQ:
			return json_view_compare(value,
									 filter_value_view(query, filter_node_values(query, node))) == 0;
		case FILTER_IN:
			return is_in(query, node, value);
		case FILTER_GT:
		case FILTER_GTE:
		case FILTER_LT:
		case FILTER_LTE:
			return is_in_order(query, node, value);
		case FILTER_EXISTS:
			return true;
		case FILTER_TYPE:
			return (node->number & (1 << (JsonViewRank(value.type) - 1))) != 0;
		case FILTER_SIZE:
			return value.type == JSON_VIEW_ARRAY && json_view_count(value) == node->number;
		case FILTER_MOD:
			return value.type == JSON_VIEW_NUMBER && has_remainder(query, node, value);
		case FILTER_REGEX:
			return value.type == JSON_VIEW_STRING &&
				filter_regex_matches(filter_value_view(query, filter_node_values(query, node)),
									 node->number, value);
		case FILTER_ELEM_VALUE:
		case FILTER_ELEM_OBJECT:
			return value.type == JSON_VIEW_ARRAY && has_element(query, node, value);
		case FILTER_AND:
		case FILTER_OR:
		case FILTER_NOT:
			break;
	}
	return false;
}

/*
 * A value at the end of a path: an array meets a condition as a whole or by
 * one of its elements, but for conditions on arrays themselves.
 */
static bool
visit_value(void *arg, JsonView value, bool open)
{
	const Condition *c = arg;
	JsonViewIterator it;
	JsonView	element;

	if (value_meets(c->query, c->node, value))
		return true;
	if (!open || value.type != JSON_VIEW_ARRAY || c->node->op == FILTER_SIZE ||
		c->node->op == FILTER_ELEM_VALUE || c->node->op == FILTER_ELEM_OBJECT)
		return false;
	json_view_iterate(&it, value);
	while (json_view_next(&it, &element))
		if (value_meets(c->query, c->node, element))
			return true;
	return false;
}

/*
 * The one place that walks conditions. Recursion is bounded by the depth of
 * the filter.
 */
bool
filter_node_matches(const FilterQuery *query, const FilterNode *node, JsonView document)
{
	const FilterNode *end = node + node->nnodes;
	const FilterNode *child = node + 1;
	Condition	condition = {query, node};

	CHECK_FOR_INTERRUPTS();
	switch ((FilterOp) node->op)
	{
		case FILTER_AND:
			for (; child < end; child += child->nnodes)
				if (!filter_node_matches(query, child, document))
					return false;
			return true;
		case FILTER_OR:
			for (; child < end; child += child->nnodes)
				if (filter_node_matches(query, child, document))
					return true;
			return false;
		case FILTER_NOT:
			return !filter_node_matches(query, child, document);
		default:
			return json_walk(document, filter_node_path(query, node), visit_value, &condition);
	}
}

bool
filter_matches(const FilterQuery *query, const JsonbContainer *document)
{
	return filter_node_matches(query, query->nodes, json_view_root(document));
}
