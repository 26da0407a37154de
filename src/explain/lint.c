/*-------------------------------------------------------------------------
 * src/explain/lint.c
 *
 * cirro.lint(): decides what is legal in a filter but probably not what was
 * meant. Here are the rules for one condition, in explain/lint_pair.c those
 * for several. Whatever is reported can be written in another way that is not;
 * must not report what people write on purpose.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "clock.h"
#include "compat.h"
#include "explain/lint_pair.h"
#include "explain/lint_report.h"
#include "explain/tree.h"
#include "filter/bind.h"
#include "filter/parse.h"

PG_FUNCTION_INFO_V1(filter_lint);

/* Four bytes are the least that an element takes of a profile of 1 MB. */
#define MAX_PROFILE_ELEMENTS	262144

static void lint_filter(Lint *lint, const JsonTree *object);
static void lint_operators(Lint *lint, LintSet *set, const JsonTree *field,
						   const JsonTree *object);

/*
 * ---- What texts look like
 */

static bool
is_digits(const char *text, uint32 len)
{
	for (uint32 i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return len > 0;
}

/* A string that a number could be meant by: 12, -1.5. */
static bool
is_number_text(const JsonTree *value)
{
	const char *text = value->text;
	uint32		len = value->text_len;
	uint32		whole;

	if (value->type != JSON_TREE_STRING)
		return false;
	if (len > 0 && *text == '-')
	{
		text++;
		len--;
	}
	whole = json_tree_whole_len(text, len);
	return is_digits(text, whole) &&
		(whole == len || is_digits(text + whole + 1, len - whole - 1));
}

/* A string that begins like a date: 2024-12-31. */
static bool
is_date_text(const JsonTree *value)
{
	return value->type == JSON_TREE_STRING && value->text_len >= 10 &&
		is_digits(value->text, 4) && value->text[4] == '-' &&
		is_digits(value->text + 5, 2) && value->text[7] == '-' &&
		is_digits(value->text + 8, 2);
}

static void
add_condition(LintSet *set, const JsonTree *field, const char *op, const JsonTree *operand)
{
	LintCondition *c;

	if (set->count == set->max_count)
	{
		set->max_count = Max(8, set->max_count * 2);
		set->conditions = set->conditions == NULL ?
			palloc(set->max_count * sizeof(LintCondition)) :
			repalloc(set->conditions, set->max_count * sizeof(LintCondition));
	}
	c = &set->conditions[set->count++];
	c->path = field != NULL ? field->key : NULL;
	c->path_len = field != NULL ? field->key_len : 0;
	c->op = op;
	c->operand = operand;
}

static void
finish_set(Lint *lint, LintSet *set)
{
	lint_pairs(lint, set);
	if (set->conditions != NULL)
		pfree(set->conditions);
}

/*
 * ---- Rules, each for one kind of operator
 */

/* A path: names that no profile has, and notations of other languages. */
static void
lint_path(Lint *lint, const JsonTree *field)
{
	const char *name = field->key;
	const char *end = name + field->key_len;

	for (;;)
	{
		const char *dot = memchr(name, '.', end - name);
		const char *stop = dot != NULL ? dot : end;
		char		show[JSON_TREE_SHOW];
		const char *wrong = NULL;
		const char *hint = NULL;

		if (name == stop)
		{
			wrong = "has an empty name";
			hint = "Write one dot between two names.";
		}
		else if (*name == ' ' || stop[-1] == ' ')
		{
			wrong = "has a blank before or behind a name";
			hint = "Blanks belong to the name: leave them out.";
		}
		else if (*name == '$')
		{
			wrong = "has a name that begins with a dollar";
			hint = "An operator stands in an object under the field: {\"a\": {\"$gt\": 1}}.";
		}
		else if (stop[-1] == ']' && memchr(name, '[', stop - name) != NULL)
		{
			wrong = "has brackets in a name";
			hint = "Write a position in an array with a dot: {\"a.0\": value}; {\"a\": value} looks into every element.";
		}
		if (wrong != NULL)
		{
			lint_report(lint, field, hint, "the path \"%s\" %s",
						json_tree_show(show, field->key, field->key_len), wrong);
			return;
		}
		if (dot == NULL)
			return;
		name = dot + 1;
	}
}

/* Equality without an operator: what is meant by an array or an object? */
static void
lint_equality(Lint *lint, const JsonTree *value)
{
	if (value->type == JSON_TREE_ARRAY && value->nchildren > 0)
		lint_report(lint, value,
					"For any of its values write {\"$in\": [...]}, for all of them {\"$all\": [...]}; {\"$eq\": [...]} says that the whole array is meant.",
					"compares with a whole array: the same elements in the same order");
	else if (value->type == JSON_TREE_OBJECT)
		lint_report(lint, value,
					"For single members write dotted paths: {\"a.b\": value}; {\"$eq\": {...}} says that the whole object is meant.",
					value->nchildren == 0 ? "compares with an empty object" :
					"compares with a whole object: these members and no others");
}

static void
lint_ne(Lint *lint, const JsonTree *value)
{
	if (value->type == JSON_TREE_ARRAY && value->nchildren > 0)
		lint_report(lint, value,
					"For none of its values write {\"$nin\": [...]}; {\"$not\": {\"$eq\": [...]}} says that the whole array is meant.",
					"$ne compares with a whole array: an array with some of its values is let through");
}

/* Is the other limit a string that is no number, as a date is? */
static bool
has_text_limit(const JsonTree *object)
{
	for (const JsonTree *m = object->child; m != NULL; m = m->next)
		if (m->type == JSON_TREE_STRING && !is_number_text(m) &&
			(strncmp(m->key, "$gt", 3) == 0 || strncmp(m->key, "$lt", 3) == 0))
			return true;
	return false;
}

static void
lint_range(Lint *lint, const char *op, const JsonTree *value)
{
	bool		is_gt = strcmp(op, "$gt") == 0;
	bool		is_lt = strcmp(op, "$lt") == 0;

	if (value->type == JSON_TREE_NULL && (is_gt || is_lt))
		lint_report(lint, value,
					"For a field that is there write {\"$exists\": true}, for one that is not null {\"$ne\": null}.",
					"%s null can never hold", op);
	else if (value->type == JSON_TREE_NULL)
		lint_report(lint, value,
					"For a field that is null or missing write {\"$eq\": null}, for one that is there {\"$exists\": true}.",
					"%s null means equality with null, and holds where the field is missing", op);
	else if ((value->type == JSON_TREE_TRUE && is_gt) || (value->type == JSON_TREE_FALSE && is_lt))
		lint_report(lint, value, "false comes before true, and nothing else compares with them: use equality.",
					"%s %s can never hold", op, lint_show(value));
	else if (value->type == JSON_TREE_ARRAY)
		lint_report(lint, value,
					"Compare with one value to look at the elements; for a least length ask for a position: {\"a.2\": {\"$exists\": true}}.",
					"%s with an array compares whole arrays", op);
	else if (value->type == JSON_TREE_OBJECT)
		lint_report(lint, value, "For a member of it write a dotted path: {\"a.b\": {\"$gt\": value}}.",
					"%s with an object compares whole objects", op);
	else if (is_number_text(value) && !has_text_limit(value->parent))
		lint_report(lint, value, "To compare with numbers write the number without quotes.",
					"%s compares with the string %s: numbers do not match, and strings compare byte by byte",
					op, lint_show(value));
}

/* $in, $nin, $all. */
static void
lint_list(Lint *lint, const char *op, const JsonTree *list)
{
	bool		has_number = false;

	if (list->nchildren == 0)
	{
		if (strcmp(op, "$nin") == 0)
			lint_report(lint, list, "Leave it out, or fill the list.",
						"an empty $nin always holds");
		else
			lint_report(lint, list, "Leave the condition out to match everything, or fill the list.",
						"an empty %s can never hold", op);
		return;
	}
	if (list->nchildren == 1 && list->child->type == JSON_TREE_ARRAY && list->child->nchildren > 0)
		lint_report(lint, list->child,
					"To ask for the values in it, write them straight into the list.",
					"the list of %s has an array as its one value, which is compared as a whole", op);

	for (const JsonTree *c = list->child; c != NULL; c = c->next)
		has_number |= c->type == JSON_TREE_NUMBER;
	for (const JsonTree *c = list->child; has_number && c != NULL; c = c->next)
		if (is_number_text(c) || is_date_text(c))
		{
			lint_report(lint, c, "Strings and numbers never match each other: write all values as the profiles have them.",
						"the string %s stands among numbers", lint_show(c));
			return;
		}
}

static void
lint_size(Lint *lint, const JsonTree *size)
{
	JsonTree	limit = {.type = JSON_TREE_NUMBER, .text = CppAsString2(MAX_PROFILE_ELEMENTS)};

	limit.text_len = strlen(limit.text);
	if (json_tree_compare_numbers(size, &limit) > 0)
		lint_report(lint, size, "Ask for a smaller size.",
					"$size %s can never hold for a profile: 1 MB has room for %d elements at most",
					lint_show(size), MAX_PROFILE_ELEMENTS);
}

/* What stands before the point of a number, without its sign. */
static JsonTree
whole_part(const JsonTree *number)
{
	JsonTree	whole = {.type = JSON_TREE_NUMBER};
	bool		negative = number->text[0] == '-';

	whole.text = number->text + negative;
	whole.text_len = json_tree_whole_len(whole.text, number->text_len - negative);
	return whole;
}

/* The remainder is smaller than the divisor. */
static void
lint_mod(Lint *lint, const JsonTree *operand)
{
	const JsonTree *divisor = operand->child;
	const JsonTree *remainder = divisor->next;
	JsonTree	d = whole_part(divisor);
	JsonTree	r = whole_part(remainder);

	if (json_tree_compare_numbers(&r, &d) >= 0)
		lint_report(lint, remainder, "Write [divisor, remainder]: the remainder is smaller than the divisor.",
					"$mod can never hold: a division by %s leaves no remainder %s",
					lint_show(divisor), lint_show(remainder));
}

/* The order of two intervals, by how long they are about. */
static int
compare_intervals(const Interval *a, const Interval *b)
{
	return DatumGetInt32(DirectFunctionCall2(interval_cmp, IntervalPGetDatum(a),
											 IntervalPGetDatum(b)));
}

/* A range of time since the gig was created, or until it starts. */
static void
lint_gig(Lint *lint, const JsonTree *field)
{
	bool		is_open_for = filter_gig_field(field) == FILTER_GIG_OPEN_FOR;
	Interval	zero = {0};

	for (const JsonTree *m = field->child; m != NULL; m = m->next)
	{
		Interval	bound = filter_gig_interval(m);
		bool		is_lower = strncmp(m->key, "$gt", 3) == 0;
		bool		is_strict = m->key_len == 3;
		int			cmp = compare_intervals(&bound, &zero);

		if (is_open_for && is_lower && (cmp < 0 || (cmp == 0 && !is_strict)))
			lint_report(lint, m, "Leave it out.",
						"every gig is open for %.*s %s from its creation on",
						(int) m->key_len, m->key, lint_show(m));
		else if (is_open_for && !is_lower && (cmp < 0 || (cmp == 0 && is_strict)))
			lint_report(lint, m, "Give a longer interval, or $gte for those who come later.",
						"a tier that never opens: no gig is open for %.*s %s",
						(int) m->key_len, m->key, lint_show(m));
		for (const JsonTree *o = field->child; o != m; o = o->next)
		{
			Interval	other = filter_gig_interval(o);
			bool		other_is_lower = strncmp(o->key, "$gt", 3) == 0;
			bool		strict = is_strict || o->key_len == 3;

			cmp = compare_intervals(&other, &bound);
			if (!other_is_lower)
				cmp = -cmp;
			if (other_is_lower != is_lower && (cmp > 0 || (cmp == 0 && strict)))
				lint_report(lint, m, "Correct one of them: the later end comes second.",
							"a tier that never opens: %.*s %s and %.*s %s can never hold together",
							(int) o->key_len, o->key, lint_show(o),
							(int) m->key_len, m->key, lint_show(m));
		}
	}
}

/* Is a pattern ^...$ of plain characters? */
static bool
is_one_string(const char *pattern, uint32 len)
{
	if (len < 2 || pattern[0] != '^' || pattern[len - 1] != '$')
		return false;
	for (uint32 i = 1; i < len - 1; i++)
	{
		/* An escaped sign stands for itself, an escaped letter does not. */
		if (pattern[i] == '\\')
		{
			i++;
			if (i == len - 1 || strchr(".^$*+?()[]{}|\\/-", pattern[i]) == NULL)
				return false;
		}
		else if (strchr(".^$*+?()[]{}|", pattern[i]) != NULL)
			return false;
	}
	return true;
}

/* ... begin with ".*", and with nothing that goes with it? */
static bool
starts_with_anything(const char *pattern, uint32 len)
{
	return len > 2 && pattern[0] == '.' && pattern[1] == '*' && strchr("?|", pattern[2]) == NULL;
}

/* ... end with ".*" that is no escaped point and no branch of its own? */
static bool
ends_with_anything(const char *pattern, uint32 len)
{
	uint32		backslashes = 0;

	if (len < 3 || pattern[len - 2] != '.' || pattern[len - 1] != '*' || pattern[len - 3] == '|')
		return false;
	while (backslashes + 2 < len && pattern[len - 3 - backslashes] == '\\')
		backslashes++;
	return backslashes % 2 == 0;
}

/* From "[" on, what is behind the "]" that ends it. */
static const char *
skip_brackets(const char *c, const char *end)
{
	c++;
	if (c < end && *c == '^')
		c++;
	/* Right at the start it is one of the characters. */
	if (c < end && *c == ']')
		c++;
	while (c < end && *c != ']')
	{
		if (*c == '\\')
			c++;
		else if (*c == '[' && c + 1 < end && strchr(".:=", c[1]) != NULL)
		{
			char		kind = c[1];

			for (c += 2; c + 1 < end && (c[0] != kind || c[1] != ']'); c++)
				;
			c++;
		}
		c++;
	}
	return c + 1;
}

/*
 * A letter beyond ASCII that has a small and a capital form? By blocks of
 * Unicode: of letters the server knows no more without a locale. In other
 * encodings than UTF8 every character beyond ASCII counts.
 */
static bool
is_cased_letter(const char *c)
{
	static const struct
	{
		pg_wchar	first;
		pg_wchar	last;
	}			blocks[] = {
		{0x00C0, 0x024F},		/* Latin */
		{0x0370, 0x03FF},		/* Greek */
		{0x0400, 0x058F},		/* Cyrillic, Armenian */
		{0x10A0, 0x10FF},		/* Georgian */
		{0x1E00, 0x1FFF}		/* Latin, Greek */
	};
	pg_wchar	letter;

	if (!IS_HIGHBIT_SET(*c))
		return false;
	if (GetDatabaseEncoding() != PG_UTF8)
		return true;
	letter = utf8_to_unicode((const unsigned char *) c);
	/* The signs of multiplication and division stand among the letters. */
	for (size_t i = 0; i < lengthof(blocks) && letter != 0x00D7 && letter != 0x00F7; i++)
		if (letter >= blocks[i].first && letter <= blocks[i].last)
			return true;
	return false;
}

/*
 * What other engines read in another way. Who writes such a thing between
 * brackets means it: "[\b]" is a backspace everywhere.
 */
static void
lint_other_engines(Lint *lint, const JsonTree *operand, const char *pattern, const char *end,
				   bool ignores_case)
{
	char		edge = '\0';
	bool		cased_letter = false;

	for (const char *c = pattern; c < end;)
	{
		if (*c == '[')
			c = skip_brackets(c, end);
		else if (*c == '\\' && c + 1 < end && !IS_HIGHBIT_SET(c[1]))
		{
			if (c[1] == 'b' || c[1] == 'B')
				edge = c[1];
			c += 2;
		}
		else
		{
			cased_letter |= is_cased_letter(c);
			c += pg_mblen(c);
		}
	}
	if (edge != '\0')
		lint_report(lint, operand,
					"For the edge of a word write \\y, for its start \\m, for its end \\M, for no edge \\Y; each backslash twice in JSON.",
					edge == 'b' ? "\\b in a pattern is a backspace" : "\\B in a pattern is a backslash");
	if (ignores_case && cased_letter)
		lint_report(lint, operand, "Write both letters in brackets, the small one and the capital.",
					"option i knows the letters of ASCII only: others match as they are written");
}

static void
lint_regex(Lint *lint, const JsonTree *operand, const JsonTree *options)
{
	const char *pattern = operand->text;
	const char *end = pattern + operand->text_len;
	bool		ignores_case = false;
	bool		lines = false;
	bool		expanded = false;

	for (uint32 i = 0; options != NULL && i < options->text_len; i++)
	{
		ignores_case |= options->text[i] == 'i';
		lines |= options->text[i] == 'm';
		expanded |= options->text[i] == 'x';
	}
	/* Options at its front: nothing else may stand behind (? and a letter. */
	while (end - pattern >= 3 && pattern[0] == '(' && pattern[1] == '?' &&
		   pattern[2] >= 'a' && pattern[2] <= 'z')
	{
		for (pattern += 2; *pattern != ')'; pattern++)
		{
			ignores_case |= *pattern == 'i';
			lines |= *pattern == 'm';
			expanded |= *pattern == 'x';
		}
		pattern++;
	}
	lint_other_engines(lint, operand, pattern, end, ignores_case);
	if (expanded)
		return;

	if (pattern == end || (end - pattern == 2 && memcmp(pattern, ".*", 2) == 0))
		lint_report(lint, operand, "Write {\"$type\": \"string\"}.",
					"the pattern is found in every string");
	else if (!ignores_case && !lines && is_one_string(pattern, end - pattern))
		lint_report(lint, operand, "Write equality, {\"a\": \"text\"}: it means the same and is faster.",
					"the pattern is found in one string only");
	else if (starts_with_anything(pattern, end - pattern))
		lint_report(lint, operand, "Leave it out: a pattern is searched everywhere in a string, unless ^ and $ hold it.",
					"\".*\" at the start of a pattern adds nothing");
	else if (ends_with_anything(pattern, end - pattern))
		lint_report(lint, operand, "Leave it out: a pattern is searched everywhere in a string, unless ^ and $ hold it.",
					"\".*\" at the end of a pattern adds nothing");
}

static void
lint_elem_match(Lint *lint, const JsonTree *operand)
{
	LintSet		set = {.single = true};

	if (filter_elem_is_filter(operand))
	{
		lint_filter(lint, operand);
		return;
	}
	lint_operators(lint, &set, NULL, operand);
	finish_set(lint, &set);
}

/*
 * ---- The walk
 */

static void
lint_operator(Lint *lint, LintSet *set, const JsonTree *field, const JsonTree *object,
			  const JsonTree *m)
{
	char	   *op = pnstrdup(m->key, m->key_len);

	if (strcmp(op, "$ne") == 0)
		lint_ne(lint, m);
	else if (lint_is_range(op))
		lint_range(lint, op, m);
	else if (strcmp(op, "$in") == 0 || strcmp(op, "$nin") == 0)
		lint_list(lint, op, m);
	else if (strcmp(op, "$all") == 0)
	{
		if (m->child == NULL || !filter_is_operators(m->child))
			lint_list(lint, op, m);
		else
			for (const JsonTree *c = m->child; c != NULL; c = c->next)
				lint_elem_match(lint, c->child);
	}
	else if (strcmp(op, "$size") == 0)
		lint_size(lint, m);
	else if (strcmp(op, "$mod") == 0)
		lint_mod(lint, m);
	else if (strcmp(op, "$regex") == 0)
		lint_regex(lint, m, json_tree_member(object, "$options"));
	else if (strcmp(op, "$elemMatch") == 0)
		lint_elem_match(lint, m);
	else if (strcmp(op, "$not") == 0)
	{
		LintSet		negated = {.single = set->single};

		lint_operators(lint, &negated, field, m);
		finish_set(lint, &negated);
	}
	add_condition(set, field, op, m);
}

static void
lint_operators(Lint *lint, LintSet *set, const JsonTree *field, const JsonTree *object)
{
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	for (const JsonTree *m = object->child; m != NULL; m = m->next)
		lint_operator(lint, set, field, object, m);
}

static void lint_members(Lint *lint, LintSet *set, const JsonTree *object);

static void
lint_logical(Lint *lint, LintSet *set, const JsonTree *m)
{
	if (json_tree_key_is(m, "$and"))
	{
		/* All of them have to hold, together with what stands around. */
		for (const JsonTree *c = m->child; c != NULL; c = c->next)
			lint_members(lint, set, c);
		return;
	}
	for (const JsonTree *c = m->child; c != NULL; c = c->next)
		if (c->nchildren > 0)
			lint_filter(lint, c);
		else if (json_tree_key_is(m, "$or"))
			lint_report(lint, c, "Leave it out, or the whole $or.",
						"an empty filter makes the $or always hold");
		else
			lint_report(lint, c, "Leave it out.",
						"an empty filter matches everything: the $nor can never hold");
	if (json_tree_key_is(m, "$or"))
		lint_or(lint, m);
}

static void
lint_members(Lint *lint, LintSet *set, const JsonTree *object)
{
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	for (const JsonTree *m = object->child; m != NULL; m = m->next)
	{
		if (filter_gig_field(m) != FILTER_GIG_NONE)
		{
			lint_gig(lint, m);
			continue;
		}
		if (filter_is_operator_key(m))
		{
			lint_logical(lint, set, m);
			continue;
		}
		lint_path(lint, m);
		if (filter_is_operators(m))
			lint_operators(lint, set, m, m);
		else
		{
			lint_equality(lint, m);
			add_condition(set, m, "$eq", m);
		}
	}
}

static void
lint_filter(Lint *lint, const JsonTree *object)
{
	LintSet		set = {.single = false};

	lint_members(lint, &set, object);
	finish_set(lint, &set);
}

static int
compare_rows(const void *a, const void *b)
{
	const LintRow *x = a;
	const LintRow *y = b;

	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* lint(filter filter_text) returns setof (path, message, hint) */
Datum
filter_lint(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext context;
	MemoryContext old;
	Lint		lint = {0};
	FilterMoment moment = filter_moment(cirro_now());

	/* The other way to a descriptor leaves memory with the query, for each call. */
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	context = AllocSetContextCreate(CurrentMemoryContext, "cirro lint", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);

	lint_filter(&lint, explain_tree(PG_GETARG_TEXT_PP(0), &moment, &lint.text));
	if (lint.nrows > 1)
		qsort(lint.rows, lint.nrows, sizeof(LintRow), compare_rows);
	for (uint32 i = 0; i < lint.nrows; i++)
	{
		Datum		values[3] = {
			CStringGetTextDatum(lint.rows[i].path),
			CStringGetTextDatum(lint.rows[i].message),
			CStringGetTextDatum(lint.rows[i].hint)
		};
		bool		nulls[3] = {false};

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}
