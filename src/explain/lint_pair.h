/*-------------------------------------------------------------------------
 * src/explain/lint_pair.h
 *
 * Conditions that stand side by side, for the rules about several of them.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_EXPLAIN_LINT_PAIR_H
#define CIRRO_EXPLAIN_LINT_PAIR_H

#include "explain/lint_report.h"

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

/* Reports what is wrong between the conditions of a set. */
extern void lint_pairs(Lint *lint, const LintSet *set);

/* ... between the filters in the list of an $or. */
extern void lint_or(Lint *lint, const JsonTree *list);

/* Does an operator ask for an order? */
static inline bool
lint_is_range(const char *op)
{
	return strcmp(op, "$gt") == 0 || strcmp(op, "$gte") == 0 ||
		strcmp(op, "$lt") == 0 || strcmp(op, "$lte") == 0;
}

#endif							/* CIRRO_EXPLAIN_LINT_PAIR_H */
