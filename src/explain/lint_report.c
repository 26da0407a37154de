/*-------------------------------------------------------------------------
 * src/explain/lint_report.c
 *
 * Keeps what cirro.lint() found, and decides how a message shows a value. Must
 * not know the rules (explain/lint.c, explain/lint_pair.c).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "explain/lint_report.h"
#include "filter/bind.h"

void
lint_report(Lint *lint, const JsonTree *at, const char *hint, const char *message,...)
{
	LintRow    *row;
	StringInfoData text;
	char		path[512];
	va_list		args;

	if (lint->nrows == lint->max_rows)
	{
		lint->max_rows = Max(16, lint->max_rows * 2);
		lint->rows = lint->rows == NULL ? palloc(lint->max_rows * sizeof(LintRow)) :
			repalloc(lint->rows, lint->max_rows * sizeof(LintRow));
	}
	initStringInfo(&text);
	for (;;)
	{
		int			needed;

		va_start(args, message);
		needed = appendStringInfoVA(&text, message, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&text, needed);
	}
	json_tree_path(path, sizeof(path), at);
	row = &lint->rows[lint->nrows];
	row->position = at->written_at;
	row->number = lint->nrows++;
	row->path = pstrdup(path);
	row->message = text.data;
	row->hint = hint;
}

const char *
lint_show(const JsonTree *value)
{
	char		buf[JSON_TREE_SHOW];

	switch (value->type)
	{
		case JSON_TREE_NULL:
			return "null";
		case JSON_TREE_FALSE:
			return "false";
		case JSON_TREE_TRUE:
			return "true";
		case JSON_TREE_NUMBER:
			return pstrdup(json_tree_show(buf, value->text, value->text_len));
		case JSON_TREE_STRING:
			if (filter_is_now(value))
				return psprintf("{\"$now\": \"%s\"}",
								json_tree_show(buf, value->child->text, value->child->text_len));
			return psprintf("\"%s\"", json_tree_show(buf, value->text, value->text_len));
		case JSON_TREE_ARRAY:
			return value->nchildren == 0 ? "[]" : "[...]";
		case JSON_TREE_OBJECT:
			return value->nchildren == 0 ? "{}" : "{...}";
	}
	return "";
}

bool
lint_same_value(const Lint *lint, const JsonTree *a, const JsonTree *b)
{
	return a->written_len == b->written_len &&
		memcmp(lint->text + a->written_at, lint->text + b->written_at, a->written_len) == 0;
}
