/*-------------------------------------------------------------------------
 * src/json/path.c
 *
 * Decides what the names of a dotted path are, which of them count in arrays,
 * and how long a path may be. Where it leads is decided by json/walk.c. Must
 * not use anything of the server.
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "json/path.h"

/*
 * What a name counts in an array, or -1: digits without leading zeros, as an
 * array would count.
 */
static int32_t
position_of(const char *text, uint32_t len)
{
	int32_t		position = 0;

	/* Nine digits are more than any array has, and fit. */
	if (len == 0 || len > 9 || (len > 1 && *text == '0'))
		return -1;
	for (uint32_t i = 0; i < len; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return -1;
		position = position * 10 + (text[i] - '0');
	}
	return position;
}

bool
json_path_read(JsonTreeReader *reader, const JsonTree *member, uint32_t around,
			   JsonPathNames *path)
{
	const char *text = member->key;
	const char *end = text + member->key_len;
	uint32_t	n = 1;
	JsonPathName *names;

	if (member->key_len > JSON_PATH_MAX_BYTES)
		return json_tree_limit(reader, member, "Use shorter names.",
							   "a path is longer than %d bytes", JSON_PATH_MAX_BYTES);
	for (const char *c = text; c < end; c++)
		n += *c == '.';
	if (n > JSON_PATH_MAX_NAMES)
		return json_tree_limit(reader, member, "Use fewer levels.",
							   "a path has more than %d names", JSON_PATH_MAX_NAMES);
	names = reader->alloc(reader->alloc_arg, n * sizeof(JsonPathName));
	if (names == NULL)
		return json_tree_limit(reader, member, "", "out of memory");

	path->names = names;
	path->len = n;
	path->npositions = 0;
	for (uint32_t i = 0; i < n; i++)
	{
		const char *dot = memchr(text, '.', end - text);

		names[i].text = text;
		names[i].len = (uint32_t) ((dot != NULL ? dot : end) - text);
		names[i].position = position_of(text, names[i].len);
		path->npositions += names[i].position >= 0;
		text += names[i].len + 1;
	}
	if (around + path->npositions > JSON_PATH_MAX_POSITIONS)
		return json_tree_limit(reader, member, "Use fewer array positions.",
							   "a path has more than %d names that are numbers",
							   JSON_PATH_MAX_POSITIONS);
	return true;
}
