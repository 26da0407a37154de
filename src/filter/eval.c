/*-------------------------------------------------------------------------
 * src/filter/eval.c
 *
 * Decides whether a document matches a filter. Runs for every row, so it
 * must not allocate (regular expressions and $mod apart, which give back
 * what they take but for a bounded cache), and it is total: whatever the
 * document, it answers and raises no error; only a cancel ends it early.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "filter/eval.h"
#include "filter/regex.h"

/*
 * A document that conditions are asked about: a whole one, or an element of an
 * array for those under $elemMatch. It remembers where the first name of a
 * path led last: conditions on one field, or below it, often come together.
 */
typedef struct Scope
{
	const FilterQuery *query;
	JsonView	document;
	const JsonWalkName *name;	/* NULL if none was looked up yet */
	JsonView	value;
} Scope;

/* A type's bit stands where its JsonViewType says. */
#define TYPE_BIT(type)	(1 << (JsonViewRank(type) - 1))
StaticAssertDecl(FILTER_TYPE_NULL == TYPE_BIT(JSON_VIEW_NULL) &&
				 FILTER_TYPE_NUMBER == TYPE_BIT(JSON_VIEW_NUMBER) &&
				 FILTER_TYPE_STRING == TYPE_BIT(JSON_VIEW_STRING) &&
				 FILTER_TYPE_OBJECT == TYPE_BIT(JSON_VIEW_OBJECT) &&
				 FILTER_TYPE_ARRAY == TYPE_BIT(JSON_VIEW_ARRAY) &&
				 FILTER_TYPE_BOOL == TYPE_BIT(JSON_VIEW_TRUE),
				 "$type is decided by one bit");

static bool decide(Scope *scope, const FilterNode *node);

static inline JsonView
operand_of(const FilterQuery *query, const FilterNode *node)
{
	return filter_value_view(query, filter_node_values(query, node));
}

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
	JsonView	operand = operand_of(query, node);
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

/* Kept for the life of the backend. */
static Numeric min_int64 = NULL;
static Numeric max_int64 = NULL;

static void
make_int64_limits(void)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	min_int64 = int64_to_numeric(PG_INT64_MIN);
	max_int64 = int64_to_numeric(PG_INT64_MAX);
	MemoryContextSwitchTo(old);
}

/* A number beyond 64 bits has no remainder that could be asked for. */
static bool
has_remainder(const FilterQuery *query, const FilterNode *node, JsonView value)
{
	int64		operands[2];
	Datum		whole;
	bool		result = false;

	if (min_int64 == NULL || max_int64 == NULL)
		make_int64_limits();
	memcpy(operands, (const char *) query + node->operand, sizeof(operands));
	whole = DirectFunctionCall2(numeric_trunc, PointerGetDatum(value.data), Int32GetDatum(0));
	if (DatumGetBool(DirectFunctionCall2(numeric_ge, whole, NumericGetDatum(min_int64))) &&
		DatumGetBool(DirectFunctionCall2(numeric_le, whole, NumericGetDatum(max_int64))))
	{
		int64		number = DatumGetInt64(DirectFunctionCall1(numeric_int8, whole));

		/* The smallest number divided by -1 would overflow. */
		result = (operands[0] == -1 ? 0 : number % operands[0]) == operands[1];
	}
	pfree(DatumGetPointer(whole));
	return result;
}

/* Some element meets the child; elements that are arrays are not opened. */
static bool
has_element(const FilterQuery *query, const FilterNode *node, JsonView array)
{
	Scope		scope = {query};
	JsonViewIterator it;

	json_view_iterate(&it, array);
	while (json_view_next(&it, &scope.document))
	{
		CHECK_FOR_INTERRUPTS();
		if (node->op == FILTER_ELEM_OBJECT &&
			scope.document.type != JSON_VIEW_OBJECT && scope.document.type != JSON_VIEW_ARRAY)
			continue;
		scope.name = NULL;
		if (decide(&scope, node + 1))
			return true;
	}
	return false;
}

/* One condition, one value, as it is. */
static inline bool
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
			return json_view_equal(value, operand_of(query, node));
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
			return (node->number & TYPE_BIT(value.type)) != 0;
		case FILTER_SIZE:
			return value.type == JSON_VIEW_ARRAY && json_view_count(value) == node->number;
		case FILTER_MOD:
			return value.type == JSON_VIEW_NUMBER && has_remainder(query, node, value);
		case FILTER_REGEX:
			return value.type == JSON_VIEW_STRING &&
				filter_regex_matches(operand_of(query, node), node->number, value);
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

static pg_noinline bool
some_element_meets(const FilterQuery *query, const FilterNode *node, JsonView array)
{
	JsonViewIterator it;
	JsonView	element;

	if (node->op == FILTER_EQ)
		return json_view_has_element(array, operand_of(query, node));
	json_view_iterate(&it, array);
	while (json_view_next(&it, &element))
	{
		CHECK_FOR_INTERRUPTS();
		if (value_meets(query, node, element))
			return true;
	}
	return false;
}

/*
 * A value at the end of a path: an array meets a condition as a whole or by
 * one of its elements, but for conditions on arrays themselves.
 */
static inline bool
end_meets(const FilterQuery *query, const FilterNode *node, JsonView value, bool open)
{
	if (value_meets(query, node, value))
		return true;
	if (!open || value.type != JSON_VIEW_ARRAY || node->op == FILTER_SIZE ||
		node->op == FILTER_ELEM_VALUE || node->op == FILTER_ELEM_OBJECT)
		return false;
	return some_element_meets(query, node, value);
}

static inline bool
same_name(const char *base, const JsonWalkName *a, const JsonWalkName *b)
{
	return a == b ||
		(a->len == b->len && memcmp(base + a->at, base + b->at, a->len) == 0);
}

/* Where the first name of the node's path leads. */
static inline JsonView
first_step(Scope *scope, const FilterNode *node)
{
	JsonWalkPath path = filter_node_path(scope->query, node);

	if (scope->name == NULL || !same_name(path.base, scope->name, path.names))
	{
		scope->value = json_walk_step(scope->document, path.base, path.names);
		scope->name = path.names;
	}
	return scope->value;
}

static inline JsonWalkPath
rest_of_path(const FilterQuery *query, const FilterNode *node)
{
	JsonWalkPath path = filter_node_path(query, node);

	path.names++;
	path.len--;
	return path;
}

/*
 * ---- Conditions on one path
 */

#define MAX_RUN		32

/*
 * Siblings on one path of several names, each a condition or the NOT of one,
 * that one walk decides. Bit i stands for the ith of them. A condition that is
 * met stays so, whatever else the walk leads to.
 */
typedef struct Run
{
	const FilterQuery *query;
	const FilterNode *conditions[MAX_RUN];
	uint32		count;
	uint32		all;
	uint32		met;
	uint32		decisive;		/* decide the parent if met; the others, if not */
} Run;

static bool
same_path(const FilterQuery *query, const FilterNode *a, const FilterNode *b)
{
	JsonWalkPath pa = filter_node_path(query, a);
	JsonWalkPath pb = filter_node_path(query, b);

	if (pa.names == pb.names)
		return true;
	if (pa.len != pb.len)
		return false;
	for (uint32 i = 0; i < pa.len; i++)
		if (!same_name(pa.base, &pa.names[i], &pb.names[i]))
			return false;
	return true;
}

/* The condition of a node, if one walk can decide it among others. */
static inline const FilterNode *
condition_in_run(const FilterNode *node)
{
	if (node->op == FILTER_NOT)
		node++;
	return node->path_len > 1 ? node : NULL;
}

static bool
visit_run(void *arg, JsonView value, bool open)
{
	Run		   *run = arg;

	for (uint32 i = 0; i < run->count; i++)
		if ((run->met & (1U << i)) == 0 &&
			end_meets(run->query, run->conditions[i], value, open))
			run->met |= 1U << i;
	return (run->met & run->decisive) != 0 || run->met == run->all;
}

/*
 * Decides the run that begins at *child, and moves *child behind it. Returns
 * whether one of it is "wanted".
 */
static pg_noinline bool
run_holds(Scope *scope, const FilterNode **child, const FilterNode *end, bool wanted)
{
	const FilterQuery *query = scope->query;
	const FilterNode *first = condition_in_run(*child);
	Run			run;

	run.query = query;
	run.count = run.met = run.decisive = 0;
	while (*child < end && run.count < MAX_RUN)
	{
		const FilterNode *condition = condition_in_run(*child);

		if (condition == NULL || !same_path(query, first, condition))
			break;
		if (((*child)->op != FILTER_NOT) == wanted)
			run.decisive |= 1U << run.count;
		run.conditions[run.count++] = condition;
		*child += (*child)->nnodes;
	}
	run.all = run.count == MAX_RUN ? PG_UINT32_MAX : (1U << run.count) - 1;
	json_walk_on(first_step(scope, first), rest_of_path(query, first), visit_run, &run);
	return (~(run.met ^ run.decisive) & run.all) != 0;
}

/*
 * ---- The tree
 */

/* Is one of the children "wanted"? */
static bool
some_child(Scope *scope, const FilterNode *node, bool wanted)
{
	const FilterNode *child = node + 1;
	const FilterNode *end = node + node->nnodes;

	while (child < end)
	{
		if (condition_in_run(child) != NULL)
		{
			if (run_holds(scope, &child, end, wanted))
				return true;
		}
		else
		{
			if (decide(scope, child) == wanted)
				return true;
			child += child->nnodes;
		}
	}
	return false;
}

typedef struct Condition
{
	const FilterQuery *query;
	const FilterNode *node;
} Condition;

static bool
visit_condition(void *arg, JsonView value, bool open)
{
	const Condition *c = arg;

	return end_meets(c->query, c->node, value, open);
}

/* Recursion is bounded by the depth of the filter. */
static bool
decide(Scope *scope, const FilterNode *node)
{
	const FilterQuery *query = scope->query;

	switch ((FilterOp) node->op)
	{
		case FILTER_AND:
			return !some_child(scope, node, false);
		case FILTER_OR:
			return some_child(scope, node, true);
		case FILTER_NOT:
			return !decide(scope, node + 1);
		default:
			break;
	}
	if (node->path_len == 1)
		return end_meets(query, node, first_step(scope, node), true);
	if (node->path_len == 0)
		return value_meets(query, node, scope->document);
	else
	{
		Condition	condition = {query, node};

		return json_walk_on(first_step(scope, node), rest_of_path(query, node),
							visit_condition, &condition);
	}
}

bool
filter_matches(const FilterQuery *query, const JsonbContainer *document)
{
	Scope		scope = {query, json_view_root(document)};

	return decide(&scope, query->nodes);
}

bool
filter_condition_holds(const FilterQuery *query, const FilterNode *node,
					   const JsonbContainer *document)
{
	Scope		scope = {query, json_view_root(document)};

	return decide(&scope, node);
}
