/*-------------------------------------------------------------------------
 * src/json/tree.h
 *
 * JSON text as a tree, for the parsers of filter_query and sort_query. Plain
 * C: no server header, no palloc, no ereport, so that it can be tested and
 * fuzzed on its own. Memory comes from the caller's allocator and is never
 * given back here; errors are described, not thrown.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_JSON_TREE_H
#define CIRRO_JSON_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Limits of the text itself; those of a path are in json/path.h. */
#define JSON_TREE_MAX_TEXT		(256 * 1024)	/* bytes, read or written */
#define JSON_TREE_MAX_DEPTH		200	/* arrays and objects in each other */
#define JSON_TREE_MAX_DIGITS	1000	/* on either side of the point */

typedef enum JsonTreeType
{
	JSON_TREE_NULL,
	JSON_TREE_FALSE,
	JSON_TREE_TRUE,
	JSON_TREE_NUMBER,
	JSON_TREE_STRING,
	JSON_TREE_ARRAY,
	JSON_TREE_OBJECT
} JsonTreeType;

/*
 * One value. A string's text is unescaped; a number's is its plain decimal
 * notation (no exponent, no needless zeros), so equal numbers have equal
 * texts. Neither is terminated.
 */
typedef struct JsonTree JsonTree;
struct JsonTree
{
	JsonTreeType type;
	uint32_t	nchildren;
	const char *text;			/* of a string or a number */
	uint32_t	text_len;
	uint32_t	key_len;
	const char *key;			/* as a member of an object */
	JsonTree   *child;			/* first element or member */
	JsonTree   *next;			/* in the same array or object */
	const JsonTree *parent;
	uint32_t	index;			/* as an element of an array */
	uint32_t	written_at;		/* where json_tree_write put it */
	uint32_t	written_len;
};

/*
 * What is wrong: "problem" for the message, "detail" and "hint" whole
 * sentences; "place" and "found" are what the detail says. All are valid in
 * the encoding of the text.
 */
typedef struct JsonTreeError
{
	bool		is_limit;		/* a limit was passed: 54000, not 22P02 */
	char		problem[256];
	char		place[409];		/* a path from the root: $.a.$in[2] */
	char		found[128];		/* or how far the reader came; may be empty */
	char		detail[560];
	char		hint[384];
} JsonTreeError;

typedef struct JsonTreeReader
{
	/* Given by the caller. */
	void	   *(*alloc) (void *arg, size_t size);	/* may return NULL */
	void	   *alloc_arg;
	bool		utf8;			/* else only ASCII may be written \uXXXX */
	bool		sort_keys;		/* in jsonb's order; else as they come */
	JsonTreeError error;

	/* Where the reader stands. */
	const char *text;
	const char *pos;
	const char *end;
	uint32_t	nvalues;
} JsonTreeReader;

extern JsonTree *json_tree_read(JsonTreeReader *reader, const char *text, size_t len);
extern size_t json_tree_write(JsonTree *tree, char *buf);

/*
 * Describe an error at a value, as "At $.a.$in[2]: found null.", or a limit
 * that it passes, as "At $.a.$in.", and return false. The formats are those
 * of snprintf.
 */
extern bool json_tree_fail(JsonTreeReader *reader, const JsonTree *at,
						   const char *hint, const char *problem,...)
			__attribute__((format(printf, 4, 5)));
extern bool json_tree_limit(JsonTreeReader *reader, const JsonTree *at,
							const char *hint, const char *problem,...)
			__attribute__((format(printf, 4, 5)));

/* The path from the root to a value, cut where it gets too long. */
extern void json_tree_path(char *buf, size_t size, const JsonTree *at);

/* An error in the text itself; says where the reader stands. */
extern bool json_tree_bad_text(JsonTreeReader *reader, const JsonTree *at,
							   const char *problem, const char *hint);

/* A key or string to be shown in a message: whole characters, 60 bytes at most. */
extern const char *json_tree_show(char *buf, const char *text, size_t len);
#define JSON_TREE_SHOW	64

/* The member of an object with this key, or NULL. */
extern const JsonTree *json_tree_member(const JsonTree *object, const char *key);

/* The order of two numbers: less than, equal to or greater than 0. */
extern int	json_tree_compare_numbers(const JsonTree *a, const JsonTree *b);

/* How much of a number's text stands before its point. */
extern uint32_t json_tree_whole_len(const char *number, uint32_t len);

static inline bool
json_tree_key_is(const JsonTree *member, const char *key)
{
	const char *k = member->key;
	uint32_t	i;

	for (i = 0; i < member->key_len; i++)
		if (key[i] == '\0' || key[i] != k[i])
			return false;
	return key[i] == '\0';
}

#endif							/* CIRRO_JSON_TREE_H */
