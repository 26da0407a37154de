/*-------------------------------------------------------------------------
 * src/explain/lint_pair.c
 *
 * Decides which conditions on one path contradict each other, or say what
 * another says already. An operator may be met by one element of an array
 * and the next operator by another, so most contradictions are none for
 * arrays; the messages must stay true for those.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "explain/lint_pair.h"
#include "filter/parse.h"

static bool
is_scalar(const JsonTree *value)
{
	return value->type != JSON_TREE_ARRAY && value->type != JSON_TREE_OBJECT;
}

/* false and true are one type. */
static JsonTreeType
type_of(const JsonTree *value)
{
	return value->type == JSON_TREE_TRUE ? JSON_TREE_FALSE : value->type;
}

/* The order of two scalars of one type. */
static int
compare(const JsonTree *a, const JsonTree *b)
{
	int			cmp;

	if (a->type == JSON_TREE_NUMBER)
		return json_tree_compare_numbers(a, b);
	if (a->type != JSON_TREE_STRING)
		return (int) a->type - (int) b->type;
	cmp = memcmp(a->text, b->text, Min(a->text_len, b->text_len));
	if (cmp != 0)
		return cmp;
	return a->text_len == b->text_len ? 0 : a->text_len < b->text_len ? -1 : 1;
}

static bool
is_lower(const LintCondition *c)
{
	return strncmp(c->op, "$gt", 3) == 0;
}

static bool
is_strict(const LintCondition *c)
{
	return strcmp(c->op, "$gt") == 0 || strcmp(c->op, "$lt") == 0;
}

static bool
is_eq(const LintCondition *c)
{
	return strcmp(c->op, "$eq") == 0;
}

/* Asks for a value in order with a scalar, or equal to one. */
static bool
is_comparison(const LintCondition *c)
{
	if (is_eq(c))
		return is_scalar(c->operand);
	return lint_is_range(c->op) && is_scalar(c->operand) &&
		c->operand->type != JSON_TREE_NULL;
}

static bool
has_null(const JsonTree *list)
{
	const JsonTree *c;

	for (c = list->child; c != NULL && c->type != JSON_TREE_NULL; c = c->next)
		;
	return c != NULL;
}

/* Can a condition hold only where there is a value? */
static bool
needs_value(const LintCondition *c)
{
	if (is_eq(c) || lint_is_range(c->op))
		return c->operand->type != JSON_TREE_NULL;
	if (strcmp(c->op, "$in") == 0)
		return !has_null(c->operand);
	if (strcmp(c->op, "$all") == 0)
		return c->operand->child != NULL && !has_null(c->operand);
	return strcmp(c->op, "$type") == 0 || strcmp(c->op, "$size") == 0 ||
		strcmp(c->op, "$mod") == 0 || strcmp(c->op, "$regex") == 0 ||
		strcmp(c->op, "$elemMatch") == 0;
}

/* Does one name or code of $type stand for the type of a scalar? */
static bool
names_type(const JsonTree *name, const JsonTree *value)
{
	static const uint32 bits[] = {
		[JSON_TREE_NULL] = FILTER_TYPE_NULL,
		[JSON_TREE_FALSE] = FILTER_TYPE_BOOL,
		[JSON_TREE_TRUE] = FILTER_TYPE_BOOL,
		[JSON_TREE_NUMBER] = FILTER_TYPE_NUMBER,
		[JSON_TREE_STRING] = FILTER_TYPE_STRING
	};
	uint32		bit = filter_type_bit(name);

	/* What is an array as a whole may hold any element. */
	return bit == FILTER_TYPE_ARRAY || bit == bits[value->type];
}

static bool
excludes_type(const LintCondition *type, const JsonTree *value)
{
	if (type->operand->type != JSON_TREE_ARRAY)
		return !names_type(type->operand, value);
	for (const JsonTree *c = type->operand->child; c != NULL; c = c->next)
		if (names_type(c, value))
			return false;
	return true;
}

static char *
show(const LintCondition *c)
{
	return psprintf("%s %s", c->op, lint_show(c->operand));
}

static void
report_never(Lint *lint, const LintCondition *a, const LintCondition *b)
{
	lint_report(lint, b->operand, "Correct one of them, or leave both out.",
				"%s and %s can never hold together", show(a), show(b));
}

/* No one value meets both. */
static void
report_contradiction(Lint *lint, bool single, const LintCondition *a, const LintCondition *b)
{
	if (single)
		lint_report(lint, b->operand, "$elemMatch asks for one element that meets all: correct one of them.",
					"no element meets both %s and %s", show(a), show(b));
	else
		lint_report(lint, b->operand, "Correct one of them, or write {\"$or\": [...]} if either will do; in an array each may be met by another element.",
					"no single value meets both %s and %s: this can hold only for several values, as in an array",
					show(a), show(b));
}

static void
report_needless(Lint *lint, const LintCondition *needless, const LintCondition *other)
{
	lint_report(lint, needless->operand, "Leave it out.",
				"%s adds nothing to %s", show(needless), show(other));
}

/* Two that compare. Returns whether there was something to tell. */
static bool
check_comparisons(Lint *lint, bool single, const LintCondition *a, const LintCondition *b)
{
	int			cmp;
	bool		contradict;

	if (type_of(a->operand) != type_of(b->operand))
	{
		report_contradiction(lint, single, a, b);
		return true;
	}
	cmp = compare(a->operand, b->operand);
	if (is_eq(a) || is_eq(b))
	{
		const LintCondition *eq = is_eq(a) ? a : b;
		const LintCondition *other = is_eq(a) ? b : a;

		if (eq != a)
			cmp = -cmp;
		if (is_eq(other))
			contradict = cmp != 0;
		else if (is_lower(other))
			contradict = cmp < 0 || (cmp == 0 && is_strict(other));
		else
			contradict = cmp > 0 || (cmp == 0 && is_strict(other));
	}
	else if (is_lower(a) == is_lower(b))
	{
		/* The wider of two limits on one side; of equal ones that which includes it. */
		bool		a_is_wider = cmp == 0 ? !is_strict(a) : is_lower(a) ? cmp < 0 : cmp > 0;

		report_needless(lint, a_is_wider ? a : b, a_is_wider ? b : a);
		return true;
	}
	else
	{
		if (!is_lower(a))
			cmp = -cmp;
		contradict = cmp > 0 || (cmp == 0 && (is_strict(a) || is_strict(b)));
	}
	if (contradict)
		report_contradiction(lint, single, a, b);
	return contradict;
}

/* A condition, and one that is the opposite of another. */
static bool
check_negation(Lint *lint, const LintCondition *a, const LintCondition *b)
{
	if (strcmp(b->op, "$ne") == 0)
	{
		if (lint_same_value(lint, a->operand, b->operand))
		{
			report_never(lint, a, b);
			return true;
		}
	}
	else
		for (const JsonTree *c = b->operand->child; c != NULL; c = c->next)
			if (lint_same_value(lint, a->operand, c))
			{
				report_never(lint, a, b);
				return true;
			}
	return false;
}

static bool
is_negation(const LintCondition *c)
{
	return strcmp(c->op, "$ne") == 0 || strcmp(c->op, "$nin") == 0;
}

static bool
check_pair(Lint *lint, bool single, const LintCondition *a, const LintCondition *b)
{
	bool		a_exists = strcmp(a->op, "$exists") == 0;
	bool		b_exists = strcmp(b->op, "$exists") == 0;

	if (is_comparison(a) && is_comparison(b))
		return check_comparisons(lint, single, a, b);
	if (is_eq(a) && is_negation(b))
		return check_negation(lint, a, b);
	if (is_eq(b) && is_negation(a))
		return check_negation(lint, b, a);
	if (a_exists && b_exists)
	{
		if (filter_exists_is_absent(a->operand) == filter_exists_is_absent(b->operand))
			return false;
		report_never(lint, a, b);
		return true;
	}
	if (a_exists || b_exists)
	{
		const LintCondition *exists = a_exists ? a : b;
		const LintCondition *other = a_exists ? b : a;

		if (!needs_value(other))
			return false;
		if (filter_exists_is_absent(exists->operand))
			report_never(lint, a, b);
		else
			report_needless(lint, exists, other);
		return true;
	}
	if (strcmp(a->op, "$type") == 0 && is_comparison(b) && excludes_type(a, b->operand))
	{
		report_contradiction(lint, single, a, b);
		return true;
	}
	if (strcmp(b->op, "$type") == 0 && is_comparison(a) && excludes_type(b, a->operand))
	{
		report_contradiction(lint, single, a, b);
		return true;
	}
	return false;
}

static bool
same_path(const LintCondition *a, const LintCondition *b)
{
	if (a->path == NULL || b->path == NULL)
		return a->path == b->path;
	return a->path_len == b->path_len && memcmp(a->path, b->path, a->path_len) == 0;
}

/*
 * Each condition with those before it. At most FILTER_MAX_CONDITIONS of them,
 * and of what one is told of nothing more is said.
 */
void
lint_pairs(Lint *lint, const LintSet *set)
{
	for (uint32 j = 1; j < set->count; j++)
	{
		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < j; i++)
			if (same_path(&set->conditions[i], &set->conditions[j]) &&
				check_pair(lint, set->single, &set->conditions[i], &set->conditions[j]))
				break;
	}
}

/* {"field": {"$ne": scalar}} and nothing else: the field, or NULL. */
static const JsonTree *
only_ne(const JsonTree *branch)
{
	const JsonTree *field = branch->child;

	if (branch->nchildren != 1 || !filter_is_operators(field) || field->nchildren != 1 ||
		!json_tree_key_is(field->child, "$ne") || !is_scalar(field->child))
		return NULL;
	return field;
}

/* The list of $or: "not this or not that" is met by nearly everything. */
void
lint_or(Lint *lint, const JsonTree *list)
{
	const JsonTree *first = NULL;

	for (const JsonTree *c = list->child; c != NULL; c = c->next)
	{
		const JsonTree *field = only_ne(c);

		if (field == NULL)
			continue;
		if (first != NULL && first->key_len == field->key_len &&
			memcmp(first->key, field->key, field->key_len) == 0 &&
			!lint_same_value(lint, first->child, field->child))
		{
			lint_report(lint, field->child, "For a field that is none of them write {\"$nin\": [value, ...]}.",
						"$ne %s or $ne %s holds for everything but an array with both",
						lint_show(first->child), lint_show(field->child));
			return;
		}
		first = field;
	}
}
