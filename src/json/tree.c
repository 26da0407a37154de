/*-------------------------------------------------------------------------
 * src/json/tree.c
 *
 * Reads JSON text into a tree. Decides what is JSON, that no key comes twice
 * in an object, and the limits of the text. Must not know what the values
 * mean, nor use anything of the server. Where it is described what is wrong is
 * json/tree_error.c, where a tree is written json/tree_write.c.
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/tree.h"

static bool read_value(JsonTreeReader *r, JsonTree *tree, int depth);

static bool
not_json(JsonTreeReader *r, const JsonTree *at, const char *hint)
{
	return json_tree_bad_text(r, at, "the text is not JSON", hint);
}

static void *
allocate(JsonTreeReader *r, size_t size)
{
	void	   *p = r->alloc(r->alloc_arg, size);

	if (p == NULL)
	{
		memset(&r->error, 0, sizeof(r->error));
		r->error.is_limit = true;
		strcpy(r->error.problem, "out of memory");
		strcpy(r->error.place, "$");
	}
	return p;
}

static void
skip_blanks(JsonTreeReader *r)
{
	while (r->pos < r->end &&
		   (*r->pos == ' ' || *r->pos == '\t' || *r->pos == '\n' || *r->pos == '\r'))
		r->pos++;
}

static bool
next_is(JsonTreeReader *r, char c)
{
	skip_blanks(r);
	if (r->pos >= r->end || *r->pos != c)
		return false;
	r->pos++;
	return true;
}

static bool
read_word(JsonTreeReader *r, JsonTree *tree, const char *word, JsonTreeType type)
{
	size_t		len = strlen(word);

	if ((size_t) (r->end - r->pos) < len || memcmp(r->pos, word, len) != 0)
		return not_json(r, tree, "A value is an object, an array, a string in double quotes, a number, true, false or null.");
	r->pos += len;
	tree->type = type;
	return true;
}

static size_t
skip_digits(JsonTreeReader *r)
{
	const char *start = r->pos;

	while (r->pos < r->end && *r->pos >= '0' && *r->pos <= '9')
		r->pos++;
	return r->pos - start;
}

/*
 * Reads a number. Its digits are those of the mantissa without the point;
 * "point" counts how many of them stand before it once the exponent is
 * applied, and may be negative or beyond their end.
 */
static bool
read_number(JsonTreeReader *r, JsonTree *tree)
{
	const char *start = r->pos;
	const char *int_part;
	const char *frac_part = "";
	size_t		int_len;
	size_t		frac_len = 0;
	long		exponent = 0;
	long		first,
				last,
				point;
	bool		negative;
	char	   *out;
	char	   *o;

#define DIGIT(i) ((i) < (long) int_len ? int_part[i] : frac_part[(i) - (long) int_len])

	negative = *r->pos == '-';
	if (negative)
		r->pos++;
	int_part = r->pos;
	int_len = skip_digits(r);
	if (int_len == 0 || (int_len > 1 && *int_part == '0'))
		return not_json(r, tree, "A number has digits before the point and no leading zeros.");
	if (r->pos < r->end && *r->pos == '.')
	{
		r->pos++;
		frac_part = r->pos;
		frac_len = skip_digits(r);
		if (frac_len == 0)
			return not_json(r, tree, "A number has digits behind its point.");
	}
	if (r->pos < r->end && (*r->pos == 'e' || *r->pos == 'E'))
	{
		const char *digits;
		bool		minus;

		r->pos++;
		minus = r->pos < r->end && *r->pos == '-';
		if (minus || (r->pos < r->end && *r->pos == '+'))
			r->pos++;
		digits = r->pos;
		if (skip_digits(r) == 0)
			return not_json(r, tree, "An exponent has digits.");
		/* Anything this large passes the limit below, unless it is zero. */
		for (; digits < r->pos && exponent < 100000000; digits++)
			exponent = exponent * 10 + (*digits - '0');
		if (minus)
			exponent = -exponent;
	}

	tree->type = JSON_TREE_NUMBER;
	first = 0;
	last = (long) (int_len + frac_len);
	point = (long) int_len + exponent;
	while (first < last && DIGIT(first) == '0')
		first++;
	while (last > first && DIGIT(last - 1) == '0')
		last--;
	if (first == last)
	{
		tree->text = "0";
		tree->text_len = 1;
		return true;
	}
	if (point - first > JSON_TREE_MAX_DIGITS || last - point > JSON_TREE_MAX_DIGITS)
	{
		/* To be shown as it was written. */
		tree->text = start;
		tree->text_len = (uint32_t) (r->pos - start);
		return json_tree_limit(r, tree, "Compare with a smaller or shorter number.",
							   "a number has more than %d digits before or behind its point",
							   JSON_TREE_MAX_DIGITS);
	}

	out = o = allocate(r, (size_t) ((point > first ? point - first : 0) +
									(last > point ? last - point : 0)) +
					   3);		/* sign, leading zero, point */
	if (out == NULL)
		return false;
	if (negative)
		*o++ = '-';
	if (point <= first)
		*o++ = '0';
	for (long i = first; i < point; i++)
		*o++ = i < last ? DIGIT(i) : '0';
	if (point < last)
	{
		*o++ = '.';
		for (long i = point; i < last; i++)
			*o++ = i < first ? '0' : DIGIT(i);
	}
	tree->text = out;
	tree->text_len = (uint32_t) (o - out);
	return true;
#undef DIGIT
}

static int
read_hex4(JsonTreeReader *r)
{
	int			code = 0;

	for (int i = 0; i < 4; i++, r->pos++)
	{
		char		c = r->pos < r->end ? *r->pos : '\0';

		if (c >= '0' && c <= '9')
			code = code * 16 + (c - '0');
		else if (c >= 'a' && c <= 'f')
			code = code * 16 + (c - 'a') + 10;
		else if (c >= 'A' && c <= 'F')
			code = code * 16 + (c - 'A') + 10;
		else
			return -1;
	}
	return code;
}

/* Reads what follows \u and appends the character; never longer than its escape. */
static bool
read_unicode(JsonTreeReader *r, const JsonTree *at, char **out)
{
	char	   *o = *out;
	int			code = read_hex4(r);

	if (code < 0)
		return not_json(r, at, "\\u is followed by four hexadecimal digits.");
	if (code == 0)
		return json_tree_bad_text(r, at, "\\u0000 cannot be stored", "Leave the null character out.");
	if (code >= 0xD800 && code <= 0xDBFF)
	{
		int			low = -1;

		if (r->end - r->pos >= 2 && r->pos[0] == '\\' && r->pos[1] == 'u')
		{
			r->pos += 2;
			low = read_hex4(r);
		}
		if (low < 0xDC00 || low > 0xDFFF)
			return not_json(r, at, "A high surrogate is followed by a low one.");
		code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
	}
	else if (code >= 0xDC00 && code <= 0xDFFF)
		return not_json(r, at, "A low surrogate follows a high one.");

	if (code < 0x80)
		*o++ = (char) code;
	else if (!r->utf8)
		return json_tree_bad_text(r, at, "\\u stands for a character beyond ASCII",
								  "Write the character itself: the encoding of this database is not UTF8.");
	else if (code < 0x800)
	{
		*o++ = (char) (0xC0 | (code >> 6));
		*o++ = (char) (0x80 | (code & 0x3F));
	}
	else if (code < 0x10000)
	{
		*o++ = (char) (0xE0 | (code >> 12));
		*o++ = (char) (0x80 | ((code >> 6) & 0x3F));
		*o++ = (char) (0x80 | (code & 0x3F));
	}
	else
	{
		*o++ = (char) (0xF0 | (code >> 18));
		*o++ = (char) (0x80 | ((code >> 12) & 0x3F));
		*o++ = (char) (0x80 | ((code >> 6) & 0x3F));
		*o++ = (char) (0x80 | (code & 0x3F));
	}
	*out = o;
	return true;
}

/* Reads a string, the opening quote included. */
static bool
read_string(JsonTreeReader *r, const JsonTree *at, const char **text, uint32_t *len)
{
	static const char escapes[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	const char *close = r->pos + 1;
	char	   *out;
	char	   *o;

	while (close < r->end && *close != '"')
		close += *close == '\\' ? 2 : 1;
	out = o = allocate(r, (size_t) (close - r->pos) + 1);
	if (out == NULL)
		return false;

	for (r->pos++; r->pos < r->end; )
	{
		char		c = *r->pos;
		const char *escape;

		if (c == '"')
		{
			r->pos++;
			*text = out;
			*len = (uint32_t) (o - out);
			return true;
		}
		if ((unsigned char) c < ' ')
			return not_json(r, at, "A control character in a string is written with a backslash.");
		r->pos++;
		if (c != '\\')
		{
			*o++ = c;
			continue;
		}
		if (r->pos >= r->end)
			break;
		c = *r->pos++;
		if (c == 'u')
		{
			if (!read_unicode(r, at, &o))
				return false;
		}
		else if (c != '\0' && (escape = strchr(escapes, c)) != NULL)
			*o++ = meanings[escape - escapes];
		else
		{
			r->pos--;
			return not_json(r, at, "A backslash is followed by one of \" \\ / b f n r t u.");
		}
	}
	return not_json(r, at, "A string ends with a double quote.");
}

/* The order of jsonb: shorter keys first. */
static int
compare_keys(const void *a, const void *b)
{
	const JsonTree *x = *(JsonTree *const *) a;
	const JsonTree *y = *(JsonTree *const *) b;

	if (x->key_len != y->key_len)
		return x->key_len < y->key_len ? -1 : 1;
	return memcmp(x->key, y->key, x->key_len);
}

/* Refuses keys that come twice, and sorts the members if that is asked for. */
static bool
order_members(JsonTreeReader *r, JsonTree *tree)
{
	JsonTree  **members;
	JsonTree   *m;
	uint32_t	n = 0;

	if (tree->nchildren < 2)
		return true;
	members = allocate(r, tree->nchildren * sizeof(JsonTree *));
	if (members == NULL)
		return false;
	for (m = tree->child; m != NULL; m = m->next)
		members[n++] = m;
	qsort(members, n, sizeof(JsonTree *), compare_keys);
	for (uint32_t i = 1; i < n; i++)
		if (compare_keys(&members[i - 1], &members[i]) == 0)
			return json_tree_fail(r, members[i],
								  "Write each key once; several conditions on one field go into one object.",
								  "the same key comes twice in an object");
	if (r->sort_keys)
	{
		for (uint32_t i = 0; i < n; i++)
			members[i]->next = i + 1 < n ? members[i + 1] : NULL;
		tree->child = members[0];
	}
	return true;
}

/* Reads the elements of an array or the members of an object, and the end. */
static bool
read_children(JsonTreeReader *r, JsonTree *tree, int depth)
{
	bool		is_object = tree->type == JSON_TREE_OBJECT;
	char		close = is_object ? '}' : ']';
	JsonTree  **link = &tree->child;

	if (depth > JSON_TREE_MAX_DEPTH)
		return json_tree_limit(r, tree, "Use fewer levels.",
							   "arrays and objects are nested more than %d levels deep",
							   JSON_TREE_MAX_DEPTH);
	r->pos++;
	if (next_is(r, close))
		return true;
	do
	{
		JsonTree   *child = allocate(r, sizeof(JsonTree));

		if (child == NULL)
			return false;
		memset(child, 0, sizeof(JsonTree));
		child->parent = tree;
		child->index = tree->nchildren;
		skip_blanks(r);
		if (is_object)
		{
			if (r->pos >= r->end || *r->pos != '"')
				return not_json(r, tree, "A key is a string in double quotes.");
			if (!read_string(r, tree, &child->key, &child->key_len))
				return false;
			if (!next_is(r, ':'))
				return not_json(r, child, "A key is followed by a colon and a value.");
			skip_blanks(r);
		}
		if (!read_value(r, child, depth))
			return false;
		*link = child;
		link = &child->next;
		tree->nchildren++;
	} while (next_is(r, ','));
	if (!next_is(r, close))
		return not_json(r, tree, is_object ?
						"Members of an object are divided by commas and end with \"}\"." :
						"Elements of an array are divided by commas and end with \"]\".");
	return !is_object || order_members(r, tree);
}

/* Reads the value that begins here, "depth" levels below the root. */
static bool
read_value(JsonTreeReader *r, JsonTree *tree, int depth)
{
	r->nvalues++;
	switch (r->pos < r->end ? *r->pos : '\0')
	{
		case '{':
			tree->type = JSON_TREE_OBJECT;
			return read_children(r, tree, depth + 1);
		case '[':
			tree->type = JSON_TREE_ARRAY;
			return read_children(r, tree, depth + 1);
		case '"':
			tree->type = JSON_TREE_STRING;
			return read_string(r, tree, &tree->text, &tree->text_len);
		case 't':
			return read_word(r, tree, "true", JSON_TREE_TRUE);
		case 'f':
			return read_word(r, tree, "false", JSON_TREE_FALSE);
		case '-':
		case '0':
		case '1':
		case '2':
		case '3':
		case '4':
		case '5':
		case '6':
		case '7':
		case '8':
		case '9':
			return read_number(r, tree);
		default:
			return read_word(r, tree, "null", JSON_TREE_NULL);
	}
}

/*
 * Reads a whole text. Returns its tree, or NULL with reader->error set. The
 * tree points into memory of the allocator and into the text; its values know
 * where they are in what json_tree_write would write.
 */
JsonTree *
json_tree_read(JsonTreeReader *r, const char *text, size_t len)
{
	JsonTree   *tree;

	r->text = r->pos = text;
	r->end = text + len;
	r->nvalues = 0;
	memset(&r->error, 0, sizeof(r->error));
	tree = allocate(r, sizeof(JsonTree));
	if (tree == NULL)
		return NULL;
	memset(tree, 0, sizeof(JsonTree));

	if (len > JSON_TREE_MAX_TEXT)
	{
		r->error.is_limit = true;
		snprintf(r->error.problem, sizeof(r->error.problem),
				 "the text is longer than %d bytes", JSON_TREE_MAX_TEXT);
		snprintf(r->error.place, sizeof(r->error.place), "$");
		snprintf(r->error.found, sizeof(r->error.found), "it has %zu bytes", len);
		snprintf(r->error.detail, sizeof(r->error.detail), "It has %zu bytes.", len);
		snprintf(r->error.hint, sizeof(r->error.hint), "Use a shorter text.");
		return NULL;
	}
	skip_blanks(r);
	if (!read_value(r, tree, 0))
		return NULL;
	skip_blanks(r);
	if (r->pos < r->end)
	{
		not_json(r, tree, "Nothing may follow the value.");
		return NULL;
	}
	/* Blanks and written-out numbers must not make a text that is refused. */
	if (json_tree_write(tree, NULL) > JSON_TREE_MAX_TEXT)
	{
		json_tree_limit(r, tree, "Use a shorter text.",
						"the text is longer than %d bytes when written out",
						JSON_TREE_MAX_TEXT);
		return NULL;
	}
	return tree;
}

/*
 * ---- Of what was read
 */

const JsonTree *
json_tree_member(const JsonTree *object, const char *key)
{
	const JsonTree *m;

	for (m = object->child; m != NULL && !json_tree_key_is(m, key); m = m->next)
		;
	return m;
}

uint32_t
json_tree_whole_len(const char *number, uint32_t len)
{
	const char *point = memchr(number, '.', len);

	return point != NULL ? (uint32_t) (point - number) : len;
}

/* The order of two numbers without a sign, which have no needless zeros. */
static int
compare_digits(const char *a, uint32_t a_len, const char *b, uint32_t b_len)
{
	uint32_t	a_whole = json_tree_whole_len(a, a_len);
	uint32_t	b_whole = json_tree_whole_len(b, b_len);
	int			cmp;

	if (a_whole != b_whole)
		return a_whole < b_whole ? -1 : 1;
	cmp = memcmp(a, b, a_len < b_len ? a_len : b_len);
	if (cmp != 0)
		return cmp;
	return a_len == b_len ? 0 : a_len < b_len ? -1 : 1;
}

int
json_tree_compare_numbers(const JsonTree *a, const JsonTree *b)
{
	bool		a_negative = a->text[0] == '-';
	bool		b_negative = b->text[0] == '-';

	if (a_negative != b_negative)
		return a_negative ? -1 : 1;
	if (a_negative)
		return compare_digits(b->text + 1, b->text_len - 1, a->text + 1, a->text_len - 1);
	return compare_digits(a->text, a->text_len, b->text, b->text_len);
}
