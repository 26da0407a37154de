/*-------------------------------------------------------------------------
 * src/filter/parse.c
 *
 * Decides what is a filter: reads JSON as MongoDB's query language and turns
 * it into conditions. Whatever the evaluator could stumble over is refused
 * here, with the place, the fact and what is allowed. Must not use anything
 * of the server; what needs it (numbers, regular expressions) is left to the
 * caller.
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "filter/parse.h"

static bool parse_filter(FilterParser *p, const JsonTree *object);
static bool parse_operators(FilterParser *p, FilterPath path, const JsonTree *object);

static const char HINT_OPERATORS[] =
	"Known operators: $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $type, "
	"$all, $size, $elemMatch, $regex, $options, $mod, $not; on top and in their "
	"lists $and, $or, $nor.";

/* One key with a dollar is enough: plain keys beside it are then refused. */
bool
filter_is_operators(const JsonTree *tree)
{
	const JsonTree *m = NULL;

	if (tree->type == JSON_TREE_OBJECT)
		for (m = tree->child; m != NULL && !filter_is_operator_key(m); m = m->next)
			;
	return m != NULL;
}

const JsonTree *
filter_find_member(const JsonTree *object, const char *key)
{
	const JsonTree *m;

	for (m = object->child; m != NULL && !json_tree_key_is(m, key); m = m->next)
		;
	return m;
}

/*
 * ---- Nodes
 */

/* Starts a node; end_node closes it once its children are there. */
static uint32_t
begin_node(FilterParser *p, FilterOp op, FilterPath path)
{
	FilterParseNode *node = &p->nodes[p->nnodes];

	memset(node, 0, sizeof(*node));
	node->op = op;
	node->path = path.names;
	node->path_len = path.len;
	return p->nnodes++;
}

static void
end_node(FilterParser *p, uint32_t node)
{
	p->nodes[node].nnodes = p->nnodes - node;
}

static const FilterPath no_path = {NULL, 0, 0};

/*
 * After an error: tells of it where that is wanted. Returns whether to go on
 * with the next condition.
 */
static bool
go_on(FilterParser *p)
{
	if (p->report == NULL || p->stopped)
		return false;
	p->report(p->report_arg, &p->reader.error);
	p->failed = true;
	p->stopped = p->nconditions > FILTER_MAX_CONDITIONS || p->nregexes > FILTER_MAX_REGEXES;
	return !p->stopped;
}

/* A condition without children, negated or not. */
FilterParseNode *
filter_add_condition(FilterParser *p, FilterOp op, FilterPath path, bool negated)
{
	uint32_t	not_node = 0;
	uint32_t	node;

	if (negated)
		not_node = begin_node(p, FILTER_NOT, no_path);
	node = begin_node(p, op, path);
	end_node(p, node);
	if (negated)
		end_node(p, not_node);
	return &p->nodes[node];
}

static bool
count_condition(FilterParser *p, const JsonTree *at)
{
	if (++p->nconditions > FILTER_MAX_CONDITIONS)
		return json_tree_limit(&p->reader, at,
							   "Use $in for many values of one field, or several filters.",
							   "a filter has more than %d conditions", FILTER_MAX_CONDITIONS);
	return true;
}

/*
 * ---- Operands
 */

/* The array that an operator needs. */
bool
filter_check_list(FilterParser *p, const JsonTree *list, const char *needs, bool may_be_empty)
{
	char		show[JSON_TREE_SHOW];

	json_tree_show(show, list->key, list->key_len);
	if (list->type != JSON_TREE_ARRAY || (list->nchildren == 0 && !may_be_empty))
		return json_tree_fail(&p->reader, list, needs, "%s needs %s array", show,
							  may_be_empty ? "an" : "a non-empty");
	if (list->nchildren > FILTER_MAX_LIST)
		return json_tree_limit(&p->reader, list, "Divide the list among several filters.",
							   "the list of %s has more than %d elements", show,
							   FILTER_MAX_LIST);
	return true;
}

/* A value to compare with: operators have no meaning inside. */
static bool
check_value(FilterParser *p, const JsonTree *value)
{
	char		show[JSON_TREE_SHOW];

	for (const JsonTree *c = value->child; c != NULL; c = c->next)
	{
		if (c->key != NULL && filter_is_operator_key(c))
			return json_tree_fail(&p->reader, c,
								  "Operators stand right under a field: {\"a\": {\"$gt\": 1}}, or under a dotted path into an object: {\"a.b\": {\"$gt\": 1}}.",
								  "operator \"%s\" inside a value",
								  json_tree_show(show, c->key, c->key_len));
		if (!check_value(p, c))
			return false;
	}
	return true;
}

/*
 * A path in dotted notation. A name is a position if it is how an array would
 * count: digits without leading zeros.
 */
bool
filter_parse_path(JsonTreeReader *reader, const JsonTree *member, FilterPath *path)
{
	const char *text = member->key;
	const char *end = text + member->key_len;
	uint32_t	n = 1;
	uint32_t	npositions = 0;
	FilterName *names;

	if (member->key_len > FILTER_MAX_PATH)
		return json_tree_limit(reader, member, "Use shorter names.",
							   "a path is longer than %d bytes", FILTER_MAX_PATH);
	for (const char *c = text; c < end; c++)
		n += *c == '.';
	if (n > FILTER_MAX_SEGMENTS)
		return json_tree_limit(reader, member, "Use fewer levels.",
							   "a path has more than %d names", FILTER_MAX_SEGMENTS);
	names = reader->alloc(reader->alloc_arg, n * sizeof(FilterName));
	if (names == NULL)
		return json_tree_limit(reader, member, "", "out of memory");

	for (uint32_t i = 0; i < n; i++)
	{
		const char *dot = memchr(text, '.', end - text);
		uint32_t	len = (uint32_t) ((dot != NULL ? dot : end) - text);
		int32_t		position = 0;

		/* Nine digits are more than any array has, and fit. */
		if (len == 0 || len > 9 || (len > 1 && *text == '0'))
			position = -1;
		for (uint32_t d = 0; position >= 0 && d < len; d++)
			position = text[d] >= '0' && text[d] <= '9' ?
				position * 10 + (text[d] - '0') : -1;
		npositions += position >= 0;
		names[i].text = text;
		names[i].len = len;
		names[i].position = position;
		text += len + 1;
	}
	path->names = names;
	path->len = n;
	path->npositions = npositions;
	return true;
}

/*
 * ---- Operators, each with the member of the filter that asks for it; those
 * whose operand is more than a value to compare with are in filter/operand.c
 */

static bool
parse_comparison(FilterParser *p, FilterOp op, bool negated, FilterPath path, const JsonTree *operand)
{
	FilterParseNode *node;

	if (!check_value(p, operand))
		return false;
	if (operand->type == JSON_TREE_NULL && (op == FILTER_GTE || op == FILTER_LTE))
		op = FILTER_EQ;
	node = filter_add_condition(p, op, path, negated);
	node->operand = operand;
	return true;
}

static bool
parse_in(FilterParser *p, bool negated, FilterPath path, const JsonTree *list)
{
	FilterParseNode *node;

	if (!filter_check_list(p, list, "Write {\"$in\": [value, ...]}.", true))
		return false;
	if (!check_value(p, list))
		return false;
	node = filter_add_condition(p, FILTER_IN, path, negated);
	node->operand = list;
	return true;
}

static bool
parse_elem_match(FilterParser *p, FilterPath path, const JsonTree *operand)
{
	bool		is_filter;
	uint32_t	node;

	if (operand->type != JSON_TREE_OBJECT)
		return json_tree_fail(&p->reader, operand,
							  "Write {\"$elemMatch\": {\"field\": value}} or {\"$elemMatch\": {\"$gt\": value}}.",
							  "$elemMatch needs an object");
	is_filter = !filter_is_operators(operand) ||
		filter_find_member(operand, "$and") != NULL ||
		filter_find_member(operand, "$or") != NULL ||
		filter_find_member(operand, "$nor") != NULL;

	node = begin_node(p, is_filter ? FILTER_ELEM_OBJECT : FILTER_ELEM_VALUE, path);
	p->npositions += path.npositions;
	if (!(is_filter ? parse_filter(p, operand) : parse_operators(p, no_path, operand)))
		return false;
	p->npositions -= path.npositions;
	end_node(p, node);
	return true;
}

/* Either every element is an $elemMatch or none is. */
static bool
parse_all(FilterParser *p, FilterPath path, const JsonTree *list)
{
	static const char hint[] =
		"Write {\"$all\": [value, ...]} or {\"$all\": [{\"$elemMatch\": {...}}, ...]}.";
	const JsonTree *c;
	bool		elem_match;
	uint32_t	node;

	if (!filter_check_list(p, list, hint, true))
		return false;
	elem_match = list->child != NULL && filter_is_operators(list->child);
	node = begin_node(p, list->child == NULL ? FILTER_OR : FILTER_AND, no_path);
	for (c = list->child; c != NULL; c = c->next)
	{
		if (!count_condition(p, c))
			return false;
		if (!elem_match)
		{
			if (filter_is_operators(c) && filter_find_member(c, "$elemMatch") != NULL)
				return json_tree_fail(&p->reader, c, hint, "$all mixes values and $elemMatch");
			if (!parse_comparison(p, FILTER_EQ, false, path, c))
				return false;
			continue;
		}
		if (!filter_is_operators(c))
			return json_tree_fail(&p->reader, c, hint, "$all mixes values and $elemMatch");
		if (c->nchildren != 1 || !json_tree_key_is(c->child, "$elemMatch"))
			return json_tree_fail(&p->reader, c, hint,
								  "the list of $all has an operator other than $elemMatch");
		if (!parse_elem_match(p, path, c->child))
			return false;
	}
	end_node(p, node);
	return true;
}

static bool
parse_not(FilterParser *p, FilterPath path, const JsonTree *operand)
{
	uint32_t	node;

	if (!filter_is_operators(operand))
		return json_tree_fail(&p->reader, operand, "Write {\"$not\": {\"$gt\": value}}.",
							  "$not needs an object of operators");
	node = begin_node(p, FILTER_NOT, no_path);
	if (!parse_operators(p, path, operand))
		return false;
	end_node(p, node);
	return true;
}

static bool
parse_operator(FilterParser *p, FilterPath path, const JsonTree *m, const JsonTree *object)
{
	static const struct
	{
		const char *key;
		FilterOp	op;
		bool		negated;
	}			comparisons[] = {
		{"$eq", FILTER_EQ, false},
		{"$ne", FILTER_EQ, true},
		{"$gt", FILTER_GT, false},
		{"$gte", FILTER_GTE, false},
		{"$lt", FILTER_LT, false},
		{"$lte", FILTER_LTE, false}
	};
	char		show[JSON_TREE_SHOW];

	for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++)
		if (json_tree_key_is(m, comparisons[i].key))
			return parse_comparison(p, comparisons[i].op, comparisons[i].negated, path, m);
	if (json_tree_key_is(m, "$in"))
		return parse_in(p, false, path, m);
	if (json_tree_key_is(m, "$nin"))
		return parse_in(p, true, path, m);
	if (json_tree_key_is(m, "$exists"))
		return filter_parse_exists(p, path, m);
	if (json_tree_key_is(m, "$type"))
		return filter_parse_type(p, path, m);
	if (json_tree_key_is(m, "$all"))
		return parse_all(p, path, m);
	if (json_tree_key_is(m, "$size"))
		return filter_parse_size(p, path, m);
	if (json_tree_key_is(m, "$elemMatch"))
		return parse_elem_match(p, path, m);
	if (json_tree_key_is(m, "$mod"))
		return filter_parse_mod(p, path, m);
	if (json_tree_key_is(m, "$not"))
		return parse_not(p, path, m);
	if (json_tree_key_is(m, "$regex"))
		return filter_parse_regex(p, path, m, filter_find_member(object, "$options"));
	if (json_tree_key_is(m, "$options"))
	{
		if (filter_find_member(object, "$regex") == NULL)
			return json_tree_fail(&p->reader, m, "Write {\"$regex\": \"pattern\", \"$options\": \"i\"}.",
								  "$options without $regex");
		return true;
	}
	if (json_tree_key_is(m, "$and") || json_tree_key_is(m, "$or") || json_tree_key_is(m, "$nor"))
		return json_tree_fail(&p->reader, m,
							  "Write it on top: {\"$or\": [{\"field\": value}, ...]}.",
							  "%.*s has no place under a field", (int) m->key_len, m->key);
	if (filter_is_operator_key(m))
		return json_tree_fail(&p->reader, m, HINT_OPERATORS, "unknown operator \"%s\"",
							  json_tree_show(show, m->key, m->key_len));
	return json_tree_fail(&p->reader, m,
						  "To look inside an object, write a dotted path; to compare with an object, leave the operators out.",
						  "operators and the plain key \"%s\" in one object",
						  json_tree_show(show, m->key, m->key_len));
}

/* {"$gt": 1, "$lt": 5}: all of them under one path. */
static bool
parse_operators(FilterParser *p, FilterPath path, const JsonTree *object)
{
	uint32_t	node = begin_node(p, FILTER_AND, no_path);

	for (const JsonTree *m = object->child; m != NULL; m = m->next)
		if ((!count_condition(p, m) || !parse_operator(p, path, m, object)) && !go_on(p))
			return false;
	end_node(p, node);
	return true;
}

static const char HINT_LOGICAL[] = "Write {\"$or\": [{\"field\": value}, ...]}.";

/* One of the filters in the list of $and and the like. */
static bool
parse_branch(FilterParser *p, const JsonTree *m, const JsonTree *branch)
{
	if (!count_condition(p, branch))
		return false;
	if (branch->type != JSON_TREE_OBJECT)
		return json_tree_fail(&p->reader, branch, HINT_LOGICAL,
							  "the list of %.*s has an element that is no object",
							  (int) m->key_len, m->key);
	return parse_filter(p, branch);
}

/* $and, $or, $nor. */
static bool
parse_logical(FilterParser *p, const JsonTree *m)
{
	char		show[JSON_TREE_SHOW];
	bool		is_nor = json_tree_key_is(m, "$nor");
	uint32_t	not_node = 0;
	uint32_t	node;

	if (!json_tree_key_is(m, "$and") && !json_tree_key_is(m, "$or") && !is_nor)
		return json_tree_fail(&p->reader, m,
							  "Here only $and, $or and $nor may stand; other operators stand under a field: {\"field\": {\"$gt\": 1}}.",
							  "operator \"%s\" without a field",
							  json_tree_show(show, m->key, m->key_len));
	if (!filter_check_list(p, m, HINT_LOGICAL, false))
		return false;
	if (is_nor)
		not_node = begin_node(p, FILTER_NOT, no_path);
	node = begin_node(p, json_tree_key_is(m, "$and") ? FILTER_AND : FILTER_OR, no_path);
	for (const JsonTree *c = m->child; c != NULL; c = c->next)
		if (!parse_branch(p, m, c) && !go_on(p))
			return false;
	end_node(p, node);
	if (is_nor)
		end_node(p, not_node);
	return true;
}

/* {"field": condition}, or a logical operator with its filters. */
static bool
parse_member(FilterParser *p, const JsonTree *m)
{
	FilterPath	path;

	if (!count_condition(p, m))
		return false;
	if (filter_is_operator_key(m))
		return parse_logical(p, m);
	if (!filter_parse_path(&p->reader, m, &path))
		return false;
	if (p->npositions + path.npositions > FILTER_MAX_POSITIONS)
		return json_tree_limit(&p->reader, m, "Use fewer array positions.",
							   "a path has more than %d names that are numbers",
							   FILTER_MAX_POSITIONS);
	if (filter_is_operators(m))
		return parse_operators(p, path, m);
	return parse_comparison(p, FILTER_EQ, false, path, m);
}

/* A whole filter: on top, in the list of $and and the like, in $elemMatch. */
static bool
parse_filter(FilterParser *p, const JsonTree *object)
{
	uint32_t	node = begin_node(p, FILTER_AND, no_path);

	for (const JsonTree *m = object->child; m != NULL; m = m->next)
		if (!parse_member(p, m) && !go_on(p))
			return false;
	end_node(p, node);
	return true;
}

/*
 * Parses a filter. Returns false with parser->reader.error set, or once
 * parser->report has been told. Recursion is bounded by JSON_TREE_MAX_DEPTH.
 */
bool
filter_parse(FilterParser *p, const char *text, size_t len)
{
	JsonTreeReader *r = &p->reader;

	p->nnodes = p->nconditions = p->nregexes = p->npositions = 0;
	p->failed = p->stopped = false;
	r->sort_keys = true;
	p->tree = json_tree_read(r, text, len);
	if (p->tree != NULL && p->tree->type != JSON_TREE_OBJECT)
	{
		json_tree_fail(r, p->tree, "Write {\"field\": value} or {\"field\": {\"$gt\": value}}; {} matches everything.",
					   "a filter needs to be an object");
		p->tree = NULL;
	}
	if (p->tree == NULL)
	{
		go_on(p);
		return false;
	}

	/* No value of the filter makes more than three nodes. */
	p->max_nodes = r->nvalues < 3 * FILTER_MAX_CONDITIONS ?
		3 * r->nvalues : 9 * FILTER_MAX_CONDITIONS;
	p->nodes = r->alloc(r->alloc_arg, p->max_nodes * sizeof(FilterParseNode));
	if (p->nodes == NULL)
		return json_tree_limit(r, p->tree, "", "out of memory");
	return parse_filter(p, p->tree) && !p->failed;
}
