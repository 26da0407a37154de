/*-------------------------------------------------------------------------
 * src/json/tree_write.c
 *
 * Decides the canonical text of a tree: that of jsonb, but for numbers, which
 * json/tree.c has brought into one form. Must not use anything of the server.
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "json/tree.h"

typedef struct Writer
{
	char	   *buf;			/* NULL: only count */
	size_t		len;
} Writer;

static void
put(Writer *w, const char *text, size_t len)
{
	if (w->buf != NULL)
		memcpy(w->buf + w->len, text, len);
	w->len += len;
}

/* Escapes like jsonb, so that both texts of a value agree. */
static void
put_string(Writer *w, const char *text, uint32_t len)
{
	static const char escapes[] = "\b\f\n\r\t\"\\";
	static const char letters[] = "bfnrt\"\\";

	put(w, "\"", 1);
	for (uint32_t i = 0; i < len; i++)
	{
		const char *escape = text[i] != '\0' ? strchr(escapes, text[i]) : NULL;
		char		code[8];

		if (escape != NULL)
		{
			put(w, "\\", 1);
			put(w, &letters[escape - escapes], 1);
		}
		else if ((unsigned char) text[i] < ' ')
		{
			snprintf(code, sizeof(code), "\\u%04x", (unsigned char) text[i]);
			put(w, code, 6);
		}
		else
			put(w, &text[i], 1);
	}
	put(w, "\"", 1);
}

static void
put_tree(Writer *w, JsonTree *tree)
{
	size_t		start = w->len;

	switch (tree->type)
	{
		case JSON_TREE_NULL:
			put(w, "null", 4);
			break;
		case JSON_TREE_FALSE:
			put(w, "false", 5);
			break;
		case JSON_TREE_TRUE:
			put(w, "true", 4);
			break;
		case JSON_TREE_NUMBER:
			put(w, tree->text, tree->text_len);
			break;
		case JSON_TREE_STRING:
			put_string(w, tree->text, tree->text_len);
			break;
		case JSON_TREE_ARRAY:
		case JSON_TREE_OBJECT:
			put(w, tree->type == JSON_TREE_ARRAY ? "[" : "{", 1);
			for (JsonTree *c = tree->child; c != NULL; c = c->next)
			{
				if (c->key != NULL)
				{
					put_string(w, c->key, c->key_len);
					put(w, ": ", 2);
				}
				put_tree(w, c);
				if (c->next != NULL)
					put(w, ", ", 2);
			}
			put(w, tree->type == JSON_TREE_ARRAY ? "]" : "}", 1);
			break;
	}
	tree->written_at = (uint32_t) start;
	tree->written_len = (uint32_t) (w->len - start);
}

/*
 * Writes a tree as text in the style of jsonb, without a terminator, and
 * notes in each value where its text is. Returns the length. With a NULL
 * buffer it does all but write.
 */
size_t
json_tree_write(JsonTree *tree, char *buf)
{
	Writer		w = {buf, 0};

	put_tree(&w, tree);
	return w.len;
}
