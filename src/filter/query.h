/*-------------------------------------------------------------------------
 * src/filter/query.h
 *
 * cirro.filter_query as it is stored. Only filter/io.c makes such values,
 * always from text that was validated: readers may trust every offset.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_FILTER_QUERY_H
#define CIRRO_FILTER_QUERY_H

#include "postgres.h"

#include "filter/op.h"
#include "json/walk.h"

/* Raised when the meaning of stored bytes changes. */
#define FILTER_QUERY_VERSION	1

/*
 * A node of the tree, see FilterOp. Nodes come in preorder: the first child
 * of a node follows it, its next sibling comes "nnodes" later. Offsets count
 * from the start of the FilterQuery, and are multiples of 4 but for those of
 * strings.
 */
typedef struct FilterNode
{
	uint16		op;
	uint16		path_len;		/* names of the path; 0: the value at hand */
	uint32		nnodes;			/* of this subtree, itself included */
	uint32		path;			/* offset of its JsonWalkNames */
	uint32		operand;		/* offset: EQ to LTE, REGEX: a FilterValue; IN:
								 * "number" of them, sorted; MOD: two int64,
								 * not aligned to 8 */
	uint32		number;			/* IN: values; SIZE: length; TYPE: bits;
								 * REGEX: options */
} FilterNode;

StaticAssertDecl(sizeof(FilterNode) == 20 && offsetof(FilterNode, path_len) == 2 &&
				 offsetof(FilterNode, nnodes) == 4 && offsetof(FilterNode, path) == 8 &&
				 offsetof(FilterNode, operand) == 12 && offsetof(FilterNode, number) == 16,
				 "FilterNode is stored");

/* A JsonView whose data is at an offset. */
typedef struct FilterValue
{
	uint32		type;			/* JsonViewType */
	uint32		at;
	uint32		len;
} FilterValue;

StaticAssertDecl(sizeof(FilterValue) == 12 && offsetof(FilterValue, at) == 4 &&
				 offsetof(FilterValue, len) == 8,
				 "FilterValue is stored");

typedef struct FilterQuery
{
	int32		vl_len_;		/* varlena header, do not touch directly */
	uint16		version;		/* FILTER_QUERY_VERSION */
	uint16		unused;			/* 0 */
	uint32		nnodes;
	uint32		text;			/* offset of the canonical text, which decides */
	uint32		text_len;		/* equality; not terminated */
	FilterNode	nodes[FLEXIBLE_ARRAY_MEMBER];
} FilterQuery;

StaticAssertDecl(offsetof(FilterQuery, version) == 4 && offsetof(FilterQuery, nnodes) == 8 &&
				 offsetof(FilterQuery, text) == 12 && offsetof(FilterQuery, text_len) == 16 &&
				 offsetof(FilterQuery, nodes) == 20,
				 "FilterQuery is stored");

static inline JsonView
filter_value_view(const FilterQuery *query, const FilterValue *value)
{
	JsonView	v = {(JsonViewType) value->type, value->len,
	(const char *) query + value->at};

	return v;
}

static inline JsonWalkPath
filter_node_path(const FilterQuery *query, const FilterNode *node)
{
	JsonWalkPath path = {(const char *) query,
		(const JsonWalkName *) ((const char *) query + node->path),
	node->path_len};

	return path;
}

static inline const FilterValue *
filter_node_values(const FilterQuery *query, const FilterNode *node)
{
	return (const FilterValue *) ((const char *) query + node->operand);
}

#endif							/* CIRRO_FILTER_QUERY_H */
