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
static bool parse_operators(FilterParser *p, JsonPathNames path, const JsonTree *object);

static const char HINT_OPERATORS[] =
	"Known operators: $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $type, "
	"$all, $size, $elemMatch, $regex, $options, $mod, $not; on top and in their "
	"lists $and, $or, $nor.";

#define HINT_TIME \
	"What depends on time has no place in a filter_query: gig.filter_query, preview(), lint(), validate() and explain_match() take it, and bind() makes a filter_query of it."

static bool
is_logical(const JsonTree *m)
{
	return json_tree_key_is(m, "$and") || json_tree_key_is(m, "$or") || json_tree_key_is(m, "$nor");
}

static bool
is_field_operator(const JsonTree *m)
{
	static const char *const keys[] = {
		"$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$type",
		"$all", "$size", "$elemMatch", "$regex", "$options", "$mod", "$not"
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_tree_key_is(m, keys[i]))
			return true;
	return false;
}

/* For an operator that does not exist; some are how JSON writes values of BSON. */
static const char *
hint_unknown(const JsonTree *m)
{
	static const struct
	{
		const char *key;
		const char *hint;
	}			values[] = {
		{"$now", HINT_TIME},
		{"$gig.open_for", HINT_TIME},
		{"$gig.starts_in", HINT_TIME},
		{"$date", "JSON has no dates. Compare with ISO 8601 text, written as the profiles have it: {\"a\": {\"$gte\": \"2024-12-31\"}}."},
		{"$oid", "Write the text itself: {\"a\": \"...\"}."},
		{"$uuid", "Write the text itself: {\"a\": \"...\"}."},
		{"$numberInt", "Write the number itself: {\"a\": 1}."},
		{"$numberLong", "Write the number itself: {\"a\": 1}."},
		{"$numberDouble", "Write the number itself: {\"a\": 1.5}."},
		{"$numberDecimal", "Write the number itself: {\"a\": 1.5}."},
		{"$regularExpression", "Write {\"a\": {\"$regex\": \"pattern\", \"$options\": \"i\"}}."}
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (json_tree_key_is(m, values[i].key))
			return values[i].hint;
	return HINT_OPERATORS;
}

#define HINT_LOGICAL_SIZE	80

/* How $and, $or or $nor is written. */
static const char *
hint_logical(char *buf, const char *start, const JsonTree *m)
{
	snprintf(buf, HINT_LOGICAL_SIZE, "%s {\"%.*s\": [{\"field\": value}, ...]}.",
			 start, (int) m->key_len, m->key);
	return buf;
}

bool
filter_is_operators(const JsonTree *tree)
{
	const JsonTree *m = NULL;

	if (tree->type == JSON_TREE_OBJECT)
		for (m = tree->child; m != NULL && !filter_is_operator_key(m); m = m->next)
			;
	return m != NULL;
}

/*
 * ---- Nodes
 */

/* Starts a node; end_node closes it once its children are there. */
static uint32_t
begin_node(FilterParser *p, FilterOp op, JsonPathNames path)
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

static const JsonPathNames no_path = {NULL, 0, 0};

/* No value of the filter makes more than two nodes. */
static bool
has_room(const FilterParser *p)
{
	return p->nnodes + 2 <= FILTER_MAX_NODES;
}

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
	p->stopped = p->nconditions > FILTER_MAX_CONDITIONS || p->nregexes > FILTER_MAX_REGEXES ||
		!has_room(p);
	return !p->stopped;
}

/* A condition without children, negated or not. */
static FilterParseNode *
add_condition(FilterParser *p, FilterOp op, JsonPathNames path, bool negated)
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

/* Asked before a value makes its nodes; counts it if it is a condition. */
static bool
check_limits(FilterParser *p, const JsonTree *at, bool is_condition)
{
	p->nconditions += is_condition;
	if (p->nconditions > FILTER_MAX_CONDITIONS)
		return json_tree_limit(&p->reader, at,
							   "Use $in for many values of one field, or several filters.",
							   "a filter has more than %d conditions", FILTER_MAX_CONDITIONS);
	if (!has_room(p))
		return json_tree_limit(&p->reader, at,
							   "Leave out empty filters and needless nesting, or use several filters.",
							   "a filter has more than %d parts", FILTER_MAX_NODES);
	return true;
}

/*
 * ---- Operands
 */

/* The array that an operator needs. */
static bool
check_list(FilterParser *p, const JsonTree *list, const char *needs, bool may_be_empty)
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
								  is_field_operator(c) || is_logical(c) ?
								  "Operators stand right under a field: {\"a\": {\"$gt\": 1}}, or under a dotted path into an object: {\"a.b\": {\"$gt\": 1}}." :
								  hint_unknown(c),
								  "operator \"%s\" inside a value",
								  json_tree_show(show, c->key, c->key_len));
		if (!check_value(p, c))
			return false;
	}
	return true;
}

/*
 * ---- Operators that compare with values; like all below, each with the member
 * of the filter that asks for it
 */

static bool
parse_comparison(FilterParser *p, FilterOp op, bool negated, JsonPathNames path,
				 const JsonTree *operand)
{
	FilterParseNode *node;

	if (!check_value(p, operand))
		return false;
	if (operand->type == JSON_TREE_NULL && (op == FILTER_GTE || op == FILTER_LTE))
		op = FILTER_EQ;
	node = add_condition(p, op, path, negated);
	node->operand = operand;
	return true;
}

static bool
parse_in(FilterParser *p, bool negated, JsonPathNames path, const JsonTree *list)
{
	FilterParseNode *node;

	if (!check_list(p, list, "Write {\"$in\": [value, ...]}.", true))
		return false;
	if (!check_value(p, list))
		return false;
	node = add_condition(p, FILTER_IN, path, negated);
	node->operand = list;
	return true;
}

/*
 * ---- Operators whose operand has a form of its own
 */

static const char HINT_TYPES[] =
	"Known types: \"string\" (2), \"object\" (3), \"array\" (4), \"bool\" (8), "
	"\"null\" (10), \"number\".";
static const char HINT_MOD[] =
	"Write [divisor, remainder]: two numbers within 64 bits, the divisor not 0.";

/*
 * The digits of a number before its point, as a 64-bit integer. False if they
 * do not fit.
 */
static bool
whole_part(const JsonTree *number, int64_t *result)
{
	const char *c = number->text;
	const char *end = c + number->text_len;
	bool		negative = *c == '-';
	uint64_t	limit = negative ? (uint64_t) INT64_MAX + 1 : (uint64_t) INT64_MAX;
	uint64_t	value = 0;

	for (c += negative; c < end && *c != '.'; c++)
	{
		unsigned	digit = *c - '0';

		if (value > (limit - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (negative && value > 0)
		*result = -(int64_t) (value - 1) - 1;
	else
		*result = (int64_t) value;
	return true;
}

static bool
is_whole(const JsonTree *number)
{
	return json_tree_whole_len(number->text, number->text_len) == number->text_len;
}

bool
filter_exists_is_absent(const JsonTree *operand)
{
	return operand->type == JSON_TREE_FALSE ||
		(operand->type == JSON_TREE_NUMBER && operand->text[0] == '0' && operand->text_len == 1);
}

static bool
parse_exists(FilterParser *p, JsonPathNames path, const JsonTree *operand)
{
	if (operand->type != JSON_TREE_TRUE && operand->type != JSON_TREE_FALSE &&
		operand->type != JSON_TREE_NUMBER)
		return json_tree_fail(&p->reader, operand,
							  "Write {\"$exists\": true} or {\"$exists\": false}.",
							  "$exists needs true, false or a number");
	add_condition(p, FILTER_EXISTS, path, filter_exists_is_absent(operand));
	return true;
}

uint32_t
filter_type_bit(const JsonTree *type)
{
	static const struct
	{
		const char *name;
		const char *code;
		uint32_t	bit;
	}			types[] = {
		{"string", "2", FILTER_TYPE_STRING},
		{"number", "", FILTER_TYPE_NUMBER},
		{"object", "3", FILTER_TYPE_OBJECT},
		{"array", "4", FILTER_TYPE_ARRAY},
		{"bool", "8", FILTER_TYPE_BOOL},
		{"null", "10", FILTER_TYPE_NULL}
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
	{
		const char *name = type->type == JSON_TREE_STRING ? types[i].name : types[i].code;

		if (strlen(name) == type->text_len && memcmp(name, type->text, type->text_len) == 0)
			return types[i].bit;
	}
	return 0;
}

/* Adds one type to the bits of $type. */
static bool
parse_type_name(FilterParser *p, const JsonTree *type, uint32_t *bits)
{
	uint32_t	bit;

	if (type->type != JSON_TREE_STRING && type->type != JSON_TREE_NUMBER)
		return json_tree_fail(&p->reader, type, HINT_TYPES,
							  "$type needs the name or code of a type, or a list of them");
	bit = filter_type_bit(type);
	if (bit == 0)
		return json_tree_fail(&p->reader, type, HINT_TYPES, "$type does not know this type");
	*bits |= bit;
	return true;
}

static bool
parse_type(FilterParser *p, JsonPathNames path, const JsonTree *operand)
{
	uint32_t	bits = 0;

	if (operand->type == JSON_TREE_ARRAY)
	{
		if (!check_list(p, operand, HINT_TYPES, false))
			return false;
		for (const JsonTree *c = operand->child; c != NULL; c = c->next)
			if (!parse_type_name(p, c, &bits))
				return false;
	}
	else if (!parse_type_name(p, operand, &bits))
		return false;
	add_condition(p, FILTER_TYPE, path, false)->number = bits;
	return true;
}

static bool
parse_size(FilterParser *p, JsonPathNames path, const JsonTree *operand)
{
	int64_t		size;

	if (operand->type != JSON_TREE_NUMBER || !is_whole(operand) || operand->text[0] == '-')
		return json_tree_fail(&p->reader, operand,
							  "Write the exact length of the array; for a range, ask for positions: {\"a.2\": {\"$exists\": true}}.",
							  "$size needs a whole number, 0 or more");
	/* No array is as long as the largest number stands for. */
	if (!whole_part(operand, &size) || size > UINT32_MAX)
		size = UINT32_MAX;
	add_condition(p, FILTER_SIZE, path, false)->number = (uint32_t) size;
	return true;
}

static bool
parse_mod(FilterParser *p, JsonPathNames path, const JsonTree *operand)
{
	int64_t		numbers[2];
	int			i = 0;
	FilterParseNode *node;

	if (operand->type != JSON_TREE_ARRAY || operand->nchildren != 2)
		return json_tree_fail(&p->reader, operand, HINT_MOD, "$mod needs an array of two numbers");
	for (const JsonTree *c = operand->child; c != NULL; c = c->next, i++)
	{
		if (c->type != JSON_TREE_NUMBER)
			return json_tree_fail(&p->reader, c, HINT_MOD, "$mod needs an array of two numbers");
		if (!whole_part(c, &numbers[i]))
			return json_tree_fail(&p->reader, c, HINT_MOD, "a number of $mod does not fit 64 bits");
	}
	if (numbers[0] == 0)
		return json_tree_fail(&p->reader, operand->child, HINT_MOD, "the divisor of $mod is 0");
	node = add_condition(p, FILTER_MOD, path, false);
	node->divisor = numbers[0];
	node->remainder = numbers[1];
	return true;
}

static int
regex_option(char letter)
{
	switch (letter)
	{
		case 'i':
			return FILTER_REGEX_I;
		case 'm':
			return FILTER_REGEX_M;
		case 's':
			return FILTER_REGEX_S;
		case 'x':
			return FILTER_REGEX_X;
		default:
			return 0;
	}
}

/*
 * Takes the embedded options off the front of a pattern, every group of them:
 * what is left must not begin with anything PostgreSQL would take for its own
 * options, which mean other things.
 */
static bool
strip_embedded_options(FilterParser *p, const JsonTree *operand,
					   const char **pattern, uint32_t *len, uint32_t *options)
{
	static const char hint[] =
		"A pattern may begin with (? and letters of imsx and ), such as \"(?i)\".";
	const char *c = *pattern;
	const char *end = c + *len;

	for (;;)
	{
		const char *start = c;

		if (end - c >= 3 && memcmp(c, "***", 3) == 0)
			return json_tree_fail(&p->reader, operand, hint, "a pattern begins with \"***\"");
		if (end - c < 3 || c[0] != '(' || c[1] != '?' ||
			!((c[2] >= 'a' && c[2] <= 'z') || (c[2] >= 'A' && c[2] <= 'Z')))
			break;
		for (c += 2; c < end && regex_option(*c) != 0; c++)
			*options |= regex_option(*c);
		if (c >= end || *c != ')')
			return json_tree_fail(&p->reader, operand, hint,
								  "a pattern begins with an option that is not known: \"%.*s\"",
								  (int) (c < end && (*c & 0x80) == 0 ? c + 1 - start : c - start),
								  start);
		c++;
	}
	*pattern = c;
	*len = (uint32_t) (end - c);
	return true;
}

/* $regex, and the $options beside it if there are any. */
static bool
parse_regex(FilterParser *p, JsonPathNames path, const JsonTree *operand, const JsonTree *letters)
{
	const char *pattern = operand->text;
	uint32_t	len = operand->text_len;
	uint32_t	options = 0;
	char		wrong[128];
	FilterParseNode *node;

	if (operand->type != JSON_TREE_STRING)
		return json_tree_fail(&p->reader, operand, "Write {\"$regex\": \"pattern\", \"$options\": \"i\"}.",
							  "$regex needs a string");
	if (letters != NULL)
	{
		if (letters->type != JSON_TREE_STRING)
			return json_tree_fail(&p->reader, letters, "Known options: i, m, s, x.",
								  "$options needs a string");
		for (uint32_t i = 0; i < letters->text_len; i++)
		{
			if (regex_option(letters->text[i]) == 0)
				return json_tree_fail(&p->reader, letters, "Known options: i, m, s, x.",
									  "$options has a letter that is not known");
			options |= regex_option(letters->text[i]);
		}
	}
	if (len > FILTER_MAX_PATTERN)
		return json_tree_limit(&p->reader, operand, "Use a shorter pattern, or several.",
							   "a regular expression is longer than %d bytes",
							   FILTER_MAX_PATTERN);
	if (++p->nregexes > FILTER_MAX_REGEXES)
		return json_tree_limit(&p->reader, operand, "Join patterns with \"|\".",
							   "a filter has more than %d regular expressions",
							   FILTER_MAX_REGEXES);
	if (!strip_embedded_options(p, operand, &pattern, &len, &options))
		return false;
	if (!p->check_pattern(p->check_arg, pattern, len, options, wrong, sizeof(wrong)))
		return json_tree_fail(&p->reader, operand,
							  "Use a regular expression of PostgreSQL without back-references.",
							  "a regular expression cannot be used: %s", wrong);
	node = add_condition(p, FILTER_REGEX, path, false);
	node->number = options;
	node->pattern = pattern;
	node->pattern_len = len;
	return true;
}

/*
 * ---- Operators around others
 */

bool
filter_elem_is_filter(const JsonTree *operand)
{
	return !filter_is_operators(operand) || json_tree_member(operand, "$and") != NULL ||
		json_tree_member(operand, "$or") != NULL || json_tree_member(operand, "$nor") != NULL;
}

static bool
parse_elem_match(FilterParser *p, JsonPathNames path, const JsonTree *operand)
{
	bool		is_filter;
	uint32_t	node;

	if (operand->type != JSON_TREE_OBJECT)
		return json_tree_fail(&p->reader, operand,
							  "Write {\"$elemMatch\": {\"field\": value}} or {\"$elemMatch\": {\"$gt\": value}}.",
							  "$elemMatch needs an object");
	is_filter = filter_elem_is_filter(operand);
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
parse_all(FilterParser *p, JsonPathNames path, const JsonTree *list)
{
	static const char hint[] =
		"Write {\"$all\": [value, ...]} or {\"$all\": [{\"$elemMatch\": {...}}, ...]}.";
	const JsonTree *c;
	bool		elem_match;
	uint32_t	node;

	if (!check_list(p, list, hint, true))
		return false;
	elem_match = list->child != NULL && filter_is_operators(list->child);
	node = begin_node(p, list->child == NULL ? FILTER_OR : FILTER_AND, no_path);
	for (c = list->child; c != NULL; c = c->next)
	{
		if (!check_limits(p, c, true))
			return false;
		if (!elem_match)
		{
			if (filter_is_operators(c) && json_tree_member(c, "$elemMatch") != NULL)
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
parse_not(FilterParser *p, JsonPathNames path, const JsonTree *operand)
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
parse_operator(FilterParser *p, JsonPathNames path, const JsonTree *m, const JsonTree *object)
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
	char		hint[HINT_LOGICAL_SIZE];
	char		show[JSON_TREE_SHOW];

	for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++)
		if (json_tree_key_is(m, comparisons[i].key))
			return parse_comparison(p, comparisons[i].op, comparisons[i].negated, path, m);
	if (json_tree_key_is(m, "$in"))
		return parse_in(p, false, path, m);
	if (json_tree_key_is(m, "$nin"))
		return parse_in(p, true, path, m);
	if (json_tree_key_is(m, "$exists"))
		return parse_exists(p, path, m);
	if (json_tree_key_is(m, "$type"))
		return parse_type(p, path, m);
	if (json_tree_key_is(m, "$all"))
		return parse_all(p, path, m);
	if (json_tree_key_is(m, "$size"))
		return parse_size(p, path, m);
	if (json_tree_key_is(m, "$elemMatch"))
		return parse_elem_match(p, path, m);
	if (json_tree_key_is(m, "$mod"))
		return parse_mod(p, path, m);
	if (json_tree_key_is(m, "$not"))
		return parse_not(p, path, m);
	if (json_tree_key_is(m, "$regex"))
		return parse_regex(p, path, m, json_tree_member(object, "$options"));
	if (json_tree_key_is(m, "$options"))
	{
		if (json_tree_member(object, "$regex") == NULL)
			return json_tree_fail(&p->reader, m, "Write {\"$regex\": \"pattern\", \"$options\": \"i\"}.",
								  "$options without $regex");
		return true;
	}
	if (is_logical(m))
		return json_tree_fail(&p->reader, m, hint_logical(hint, "Write it on top:", m),
							  "%.*s has no place under a field", (int) m->key_len, m->key);
	if (filter_is_operator_key(m))
		return json_tree_fail(&p->reader, m, hint_unknown(m), "unknown operator \"%s\"",
							  json_tree_show(show, m->key, m->key_len));
	return json_tree_fail(&p->reader, m,
						  "To look inside an object, write a dotted path; to compare with an object, leave the operators out.",
						  "operators and the plain key \"%s\" in one object",
						  json_tree_show(show, m->key, m->key_len));
}

/* {"$gt": 1, "$lt": 5}: all of them under one path. */
static bool
parse_operators(FilterParser *p, JsonPathNames path, const JsonTree *object)
{
	uint32_t	node = begin_node(p, FILTER_AND, no_path);

	for (const JsonTree *m = object->child; m != NULL; m = m->next)
	{
		/* Of $all the values count, of $not what is in it. */
		bool		is_condition = !json_tree_key_is(m, "$not") && !json_tree_key_is(m, "$options") &&
			!(json_tree_key_is(m, "$all") && m->child != NULL);

		if ((!check_limits(p, m, is_condition) || !parse_operator(p, path, m, object)) && !go_on(p))
			return false;
	}
	end_node(p, node);
	return true;
}

/* One of the filters in the list of $and and the like. */
static bool
parse_branch(FilterParser *p, const JsonTree *m, const JsonTree *branch)
{
	char		hint[HINT_LOGICAL_SIZE];

	if (!check_limits(p, branch, false))
		return false;
	if (branch->type != JSON_TREE_OBJECT)
		return json_tree_fail(&p->reader, branch, hint_logical(hint, "Write", m),
							  "the list of %.*s has an element that is no object",
							  (int) m->key_len, m->key);
	return parse_filter(p, branch);
}

/* $and, $or, $nor. */
static bool
parse_logical(FilterParser *p, const JsonTree *m)
{
	char		show[JSON_TREE_SHOW];
	char		hint[HINT_LOGICAL_SIZE];
	bool		is_nor = json_tree_key_is(m, "$nor");
	uint32_t	not_node = 0;
	uint32_t	node;

	if (is_field_operator(m))
		return json_tree_fail(&p->reader, m,
							  "Here only $and, $or and $nor may stand; other operators stand under a field: {\"field\": {\"$gt\": 1}}.",
							  "operator \"%s\" without a field",
							  json_tree_show(show, m->key, m->key_len));
	if (!is_logical(m))
		return json_tree_fail(&p->reader, m, hint_unknown(m), "unknown operator \"%s\"",
							  json_tree_show(show, m->key, m->key_len));
	if (!check_list(p, m, hint_logical(hint, "Write", m), false))
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
	JsonPathNames path;

	bool		is_equality = !filter_is_operator_key(m) && !filter_is_operators(m);

	if (!check_limits(p, m, is_equality))
		return false;
	if (filter_is_operator_key(m))
		return parse_logical(p, m);
	if (!json_path_read(&p->reader, m, p->npositions, &path))
		return false;
	return is_equality ? parse_comparison(p, FILTER_EQ, false, path, m) :
		parse_operators(p, path, m);
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

	/* See has_room(). */
	p->max_nodes = r->nvalues < FILTER_MAX_NODES / 2 ? 2 * r->nvalues : FILTER_MAX_NODES;
	p->nodes = r->alloc(r->alloc_arg, p->max_nodes * sizeof(FilterParseNode));
	if (p->nodes == NULL)
	{
		json_tree_limit(r, p->tree, "", "out of memory");
		go_on(p);
		return false;
	}
	return parse_filter(p, p->tree) && !p->failed;
}
