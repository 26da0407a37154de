/*-------------------------------------------------------------------------
 * src/json/tree_error.c
 *
 * Decides how an error in a JSON text is described: where it is, as a path
 * from the root, and what was found there. Must not use anything of the
 * server.
 *-------------------------------------------------------------------------
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "json/tree.h"

const char *
json_tree_show(char *buf, const char *text, size_t len)
{
	size_t		n = len < 60 ? len : 60;

	/* Cut behind an ASCII byte: right in every server encoding. */
	if (n < len)
		while (n > 0 && (text[n - 1] & 0x80) != 0)
			n--;
	for (size_t i = 0; i < n; i++)
		buf[i] = (unsigned char) text[i] < ' ' ? ' ' : text[i];
	memcpy(buf + n, n < len ? "..." : "", n < len ? 4 : 1);
	return buf;
}

/* Appends to a string in a buffer, all or nothing. */
static bool
append(char *buf, size_t size, const char *text)
{
	size_t		used = strlen(buf);

	if (strlen(text) >= size - used)
		return false;
	strcpy(buf + used, text);
	return true;
}

/*
 * Appends the path from the root to a value. Returns false where it had to
 * break off, and says so by an ellipsis.
 */
static bool
append_path(char *buf, size_t size, const JsonTree *at)
{
	char		show[JSON_TREE_SHOW];
	char		step[JSON_TREE_SHOW + 16];

	if (at->parent == NULL)
		return append(buf, size, "$");
	if (!append_path(buf, size, at->parent))
		return false;
	if (at->key != NULL)
		snprintf(step, sizeof(step), ".%s", json_tree_show(show, at->key, at->key_len));
	else
		snprintf(step, sizeof(step), "[%u]", at->index);
	if (append(buf, size - 4, step))
		return true;
	append(buf, size, " ...");
	return false;
}

static const char *
describe(char *buf, size_t size, const JsonTree *tree)
{
	char		show[JSON_TREE_SHOW];

	switch (tree->type)
	{
		case JSON_TREE_NULL:
			return "null";
		case JSON_TREE_FALSE:
			return "false";
		case JSON_TREE_TRUE:
			return "true";
		case JSON_TREE_NUMBER:
			snprintf(buf, size, "the number %s",
					 json_tree_show(show, tree->text, tree->text_len));
			return buf;
		case JSON_TREE_STRING:
			snprintf(buf, size, "the string \"%s\"",
					 json_tree_show(show, tree->text, tree->text_len));
			return buf;
		case JSON_TREE_ARRAY:
			return tree->nchildren == 0 ? "an empty array" : "an array";
		case JSON_TREE_OBJECT:
			return tree->nchildren == 0 ? "an empty object" : "an object";
	}
	return "";
}

void
json_tree_path(char *buf, size_t size, const JsonTree *at)
{
	buf[0] = '\0';
	append_path(buf, size, at);
}

/* The detail is made of place and fact. */
static void
set_detail(JsonTreeError *e)
{
	snprintf(e->detail, sizeof(e->detail), "At %s%s%s.", e->place,
			 e->found[0] != '\0' ? ": " : "", e->found);
}

static void
set_error(JsonTreeReader *r, const JsonTree *at, const char *hint, bool is_limit)
{
	JsonTreeError *e = &r->error;
	char		found[JSON_TREE_SHOW + 16];

	e->is_limit = is_limit;
	snprintf(e->hint, sizeof(e->hint), "%s", hint);
	json_tree_path(e->place, sizeof(e->place), at);
	e->found[0] = '\0';
	/* What passes a limit may not have been read to its end. */
	if (!is_limit)
		snprintf(e->found, sizeof(e->found), "found %s", describe(found, sizeof(found), at));
	set_detail(e);
}

bool
json_tree_fail(JsonTreeReader *r, const JsonTree *at, const char *hint,
			   const char *problem,...)
{
	va_list		args;

	va_start(args, problem);
	vsnprintf(r->error.problem, sizeof(r->error.problem), problem, args);
	va_end(args);
	set_error(r, at, hint, false);
	return false;
}

bool
json_tree_limit(JsonTreeReader *r, const JsonTree *at, const char *hint,
				const char *problem,...)
{
	va_list		args;

	va_start(args, problem);
	vsnprintf(r->error.problem, sizeof(r->error.problem), problem, args);
	va_end(args);
	set_error(r, at, hint, true);
	return false;
}

/* An error in the text itself: says where the reader stands. */
bool
json_tree_bad_text(JsonTreeReader *r, const JsonTree *at, const char *what,
				   const char *hint)
{
	JsonTreeError *e = &r->error;

	e->is_limit = false;
	snprintf(e->problem, sizeof(e->problem), "%s", what);
	snprintf(e->hint, sizeof(e->hint), "%s", hint);
	json_tree_path(e->place, sizeof(e->place), at);
	if (r->pos >= r->end)
		snprintf(e->found, sizeof(e->found), "the text ends too early");
	else
		snprintf(e->found, sizeof(e->found), "byte %zu of the text",
				 (size_t) (r->pos - r->text) + 1);
	set_detail(e);
	return false;
}
