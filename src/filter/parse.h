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

#include "filter/op.h"
#include "json/path.h"
#include "json/tree.h"

#define FILTER_MAX_LIST			10000	/* elements of an operator's list */
#define FILTER_MAX_CONDITIONS	1000	/* operators and plain equalities; of $all each
									 * value. What joins or negates conditions
									 * is none, nor is an object in a list */
#define FILTER_MAX_NODES		10000	/* of the tree, all that included */
#define FILTER_MAX_PATTERN		1000	/* bytes of a regular expression */
#define FILTER_MAX_REGEXES		16	/* PostgreSQL caches 32 of them */

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

/*
 * Parses a filter. Returns false if it is none, with reader.error set to the
 * last error found. Recursion is bounded by JSON_TREE_MAX_DEPTH.
 */
extern bool filter_parse(FilterParser *parser, const char *text, size_t len);

/* Is it an object of operators? One is enough: plain keys beside it are refused. */
extern bool filter_is_operators(const JsonTree *tree);

/*
 * For those who read the tree again: does $elemMatch ask for an object that
 * meets a filter, rather than for any value that meets operators; does $exists
 * ask for absence; and the bit of a type's name or code, 0 for what is neither.
 */
extern bool filter_elem_is_filter(const JsonTree *operand);
extern bool filter_exists_is_absent(const JsonTree *operand);
extern uint32_t filter_type_bit(const JsonTree *type);

static inline bool
filter_is_operator_key(const JsonTree *member)
{
	return member->key_len > 0 && member->key[0] == '$';
}

#endif							/* CIRRO_FILTER_PARSE_H */
