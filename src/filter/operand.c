/*-------------------------------------------------------------------------
 * src/filter/operand.c
 *
 * Decides what may be asked with $exists, $type, $size, $mod and $regex:
 * the part of the parser (filter/parse.c) for operators whose operand has a
 * form of its own. Must not use anything of the server.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "filter/parse.h"

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
	return memchr(number->text, '.', number->text_len) == NULL;
}

bool
filter_parse_exists(FilterParser *p, FilterPath path, const JsonTree *operand)
{
	bool		absent;

	if (operand->type != JSON_TREE_TRUE && operand->type != JSON_TREE_FALSE &&
		operand->type != JSON_TREE_NUMBER)
		return json_tree_fail(&p->reader, operand,
							  "Write {\"$exists\": true} or {\"$exists\": false}.",
							  "$exists needs true, false or a number");
	absent = operand->type == JSON_TREE_FALSE ||
		(operand->type == JSON_TREE_NUMBER && operand->text[0] == '0' && operand->text_len == 1);
	filter_add_condition(p, FILTER_EXISTS, path, absent);
	return true;
}

/* Adds one type to the bits of $type. */
static bool
parse_type_name(FilterParser *p, const JsonTree *type, uint32_t *bits)
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

	if (type->type != JSON_TREE_STRING && type->type != JSON_TREE_NUMBER)
		return json_tree_fail(&p->reader, type, HINT_TYPES,
							  "$type needs the name or code of a type, or a list of them");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
	{
		const char *name = type->type == JSON_TREE_STRING ? types[i].name : types[i].code;

		if (strlen(name) == type->text_len && memcmp(name, type->text, type->text_len) == 0)
		{
			*bits |= types[i].bit;
			return true;
		}
	}
	return json_tree_fail(&p->reader, type, HINT_TYPES, "$type does not know this type");
}

bool
filter_parse_type(FilterParser *p, FilterPath path, const JsonTree *operand)
{
	uint32_t	bits = 0;

	if (operand->type == JSON_TREE_ARRAY)
	{
		if (!filter_check_list(p, operand, HINT_TYPES, false))
			return false;
		for (const JsonTree *c = operand->child; c != NULL; c = c->next)
			if (!parse_type_name(p, c, &bits))
				return false;
	}
	else if (!parse_type_name(p, operand, &bits))
		return false;
	filter_add_condition(p, FILTER_TYPE, path, false)->number = bits;
	return true;
}

bool
filter_parse_size(FilterParser *p, FilterPath path, const JsonTree *operand)
{
	int64_t		size;

	if (operand->type != JSON_TREE_NUMBER || !is_whole(operand) || operand->text[0] == '-')
		return json_tree_fail(&p->reader, operand,
							  "Write the exact length of the array; for a range, ask for positions: {\"a.2\": {\"$exists\": true}}.",
							  "$size needs a whole number, 0 or more");
	/* No array is as long as the largest number stands for. */
	if (!whole_part(operand, &size) || size > UINT32_MAX)
		size = UINT32_MAX;
	filter_add_condition(p, FILTER_SIZE, path, false)->number = (uint32_t) size;
	return true;
}

bool
filter_parse_mod(FilterParser *p, FilterPath path, const JsonTree *operand)
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
	node = filter_add_condition(p, FILTER_MOD, path, false);
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
bool
filter_parse_regex(FilterParser *p, FilterPath path, const JsonTree *operand, const JsonTree *letters)
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
	node = filter_add_condition(p, FILTER_REGEX, path, false);
	node->number = options;
	node->pattern = pattern;
	node->pattern_len = len;
	return true;
}
