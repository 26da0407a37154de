/*-------------------------------------------------------------------------
 * src/filter/parse.h
 *
 * A filter as its parser leaves it: a flat tree of conditions whose operands
 * are still JSON. Plain C like json/tree.h. filter/io.c turns it into the
 * stored form of filter/query.h.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_FILTER_PARSE_H
#define CIRRO_FILTER_PARSE_H

#include "json/path.h"
#include "json/tree.h"

#define FILTER_MAX_LIST			10000	/* elements of an operator's list */
#define FILTER_MAX_CONDITIONS	1000	/* operators and plain equalities */
#define FILTER_MAX_PATTERN		1000	/* bytes of a regular expression */
#define FILTER_MAX_REGEXES		16	/* PostgreSQL caches 32 of them */

/*
 * What a node asks. Operators without a code of their own are written with
 * others: $ne is NOT EQ, $nin NOT IN, $nor NOT OR, $all AND of EQ,
 * {"$exists": false} NOT EXISTS; $gte and $lte null are EQ null.
 * The codes are stored: never change them, only add.
 */
typedef enum FilterOp
{
	FILTER_AND = 1,				/* every child */
	FILTER_OR = 2,				/* any child; without children: never */
	FILTER_NOT = 3,				/* not its one child */
	FILTER_EQ = 10,
	FILTER_GT = 11,
	FILTER_GTE = 12,
	FILTER_LT = 13,
	FILTER_LTE = 14,
	FILTER_IN = 15,
	FILTER_EXISTS = 20,
	FILTER_TYPE = 21,
	FILTER_SIZE = 22,
	FILTER_MOD = 23,
	FILTER_REGEX = 24,
	FILTER_ELEM_VALUE = 30,		/* an element meets the child */
	FILTER_ELEM_OBJECT = 31		/* an object or array among them does */
} FilterOp;

/* Bits of FILTER_TYPE. */
#define FILTER_TYPE_NULL	0x01
#define FILTER_TYPE_NUMBER	0x02
#define FILTER_TYPE_STRING	0x04
#define FILTER_TYPE_OBJECT	0x08
#define FILTER_TYPE_ARRAY	0x10
#define FILTER_TYPE_BOOL	0x20

/* Options of FILTER_REGEX. */
#define FILTER_REGEX_I		0x01	/* ignore case */
#define FILTER_REGEX_M		0x02	/* ^ and $ match at lines */
#define FILTER_REGEX_S		0x04	/* . matches a line break */
#define FILTER_REGEX_X		0x08	/* blanks and comments in the pattern */

/*
 * Nodes come in preorder: the first child of node i is i + 1, its next
 * sibling i + nodes[i].nnodes. A path without names is the value at hand.
 */
typedef struct FilterParseNode
{
	FilterOp	op;
	uint32_t	nnodes;			/* of this subtree, itself included */
	const JsonPathName *path;
	uint32_t	path_len;
	const JsonTree *operand;	/* EQ to LTE: value; IN: array of values */
	uint32_t	number;			/* TYPE: bits; SIZE: length; REGEX: options */
	int64_t		divisor;		/* MOD */
	int64_t		remainder;
	const char *pattern;		/* REGEX: without embedded options */
	uint32_t	pattern_len;
} FilterParseNode;

/*
 * The caller fills in "reader" as for json_tree_read and check_pattern, which
 * says whether a pattern can be compiled; if not, it writes what is wrong.
 */
typedef struct FilterParser
{
	JsonTreeReader reader;
	bool		(*check_pattern) (void *arg, const char *pattern, size_t len,
								  int options, char *wrong, size_t wrong_size);
	void	   *check_arg;

	/*
	 * If given, it is told of each error, parsing goes on behind the condition
	 * that has it, and only then fails; else the first error ends it. An error
	 * in the text itself, or a limit of the whole filter, ends it either way.
	 */
	void		(*report) (void *arg, const JsonTreeError *error);
	void	   *report_arg;

	/* The result. */
	JsonTree   *tree;
	FilterParseNode *nodes;
	uint32_t	nnodes;

	uint32_t	max_nodes;
	uint32_t	nconditions;
	uint32_t	nregexes;
	uint32_t	npositions;		/* in the paths of the $elemMatch around */
	bool		failed;			/* an error was reported */
	bool		stopped;		/* ... behind which parsing does not go on */
} FilterParser;

extern bool filter_parse(FilterParser *parser, const char *text, size_t len);
extern bool filter_is_operators(const JsonTree *tree);

static inline bool
filter_is_operator_key(const JsonTree *member)
{
	return member->key_len > 0 && member->key[0] == '$';
}

#endif							/* CIRRO_FILTER_PARSE_H */
