/*-------------------------------------------------------------------------
 * src/explain/lint_report.h
 *
 * What cirro.lint() has found so far.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_EXPLAIN_LINT_REPORT_H
#define CIRRO_EXPLAIN_LINT_REPORT_H

#include "postgres.h"

#include "json/tree.h"

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

/* Adds a row, in the current context; "hint" is kept as it is. */
extern void lint_report(Lint *lint, const JsonTree *at, const char *hint,
						const char *message,...) pg_attribute_printf(4, 5);

/* A value as a message shows it: a constant, or in the current context. */
extern const char *lint_show(const JsonTree *value);

/* Equal values have equal canonical texts. */
extern bool lint_same_value(const Lint *lint, const JsonTree *a, const JsonTree *b);

#endif							/* CIRRO_EXPLAIN_LINT_REPORT_H */
