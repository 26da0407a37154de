/*-------------------------------------------------------------------------
 * src/explain/lint.h
 *
 * Between the two halves of cirro.lint(): explain/lint.c looks at each
 * condition, explain/lint_pair.c at conditions that stand side by side.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_EXPLAIN_LINT_H
#define CIRRO_EXPLAIN_LINT_H

#include "postgres.h"

#include "filter/parse.h"

typedef struct LintRow
{
	uint32		position;		/* in the canonical text */
	uint32		number;			/* in the order of being found */
	char	   *path;
	char	   *message;
	const char *hint;
} LintRow;

typedef struct Lint
{
	const char *text;			/* canonical; JsonTree.written_at counts in it */
	LintRow    *rows;
	uint32		nrows;
	uint32		max_rows;
} Lint;

/* One operator under a path. */
typedef struct LintCondition
{
	const char *path;			/* NULL: the element that $elemMatch tries */
	uint32		path_len;
	const char *op;				/* such as "$gt"; "$eq" if it is not written */
	const JsonTree *operand;
} LintCondition;

/* Conditions that all have to hold. */
typedef struct LintSet
{
	LintCondition *conditions;
	uint32		count;
	uint32		max_count;
	bool		single;			/* for one value, so that arrays are no way out */
} LintSet;

extern void lint_report(Lint *lint, const JsonTree *at, const char *hint,
						const char *message,...) pg_attribute_printf(4, 5);
extern char *lint_show(const JsonTree *value);
extern bool lint_same_value(const Lint *lint, const JsonTree *a, const JsonTree *b);
extern int	lint_compare_numbers(const JsonTree *a, const JsonTree *b);
extern void lint_pairs(Lint *lint, const LintSet *set);
extern void lint_or(Lint *lint, const JsonTree *list);

static inline bool
lint_is_range(const char *op)
{
	return strcmp(op, "$gt") == 0 || strcmp(op, "$gte") == 0 ||
		strcmp(op, "$lt") == 0 || strcmp(op, "$lte") == 0;
}

static inline bool
lint_is_scalar(const JsonTree *value)
{
	return value->type != JSON_TREE_ARRAY && value->type != JSON_TREE_OBJECT;
}

#endif							/* CIRRO_EXPLAIN_LINT_H */
