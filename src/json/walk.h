/*-------------------------------------------------------------------------
 * src/json/walk.h
 *
 * Reading a jsonb value in place: views of its parts, their order, and the
 * values that a dotted path leads to. Nothing here allocates, or throws but for a cancel.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_JSON_WALK_H
#define CIRRO_JSON_WALK_H

#include "postgres.h"
#include "utils/jsonb.h"

/* In the order of sorting. The codes are stored in filters. */
typedef enum JsonViewType
{
	JSON_VIEW_MISSING = 0,		/* no value at all */
	JSON_VIEW_NULL = 1,
	JSON_VIEW_NUMBER = 2,		/* data: a Numeric */
	JSON_VIEW_STRING = 3,		/* data and len: its bytes */
	JSON_VIEW_OBJECT = 4,		/* data: a JsonbContainer */
	JSON_VIEW_ARRAY = 5,		/* data: a JsonbContainer */
	JSON_VIEW_FALSE = 6,
	JSON_VIEW_TRUE = 7
} JsonViewType;

typedef struct JsonView
{
	JsonViewType type;
	uint32		len;
	const char *data;
} JsonView;

/* false and true are one type, two values. */
#define JsonViewRank(type)	((type) == JSON_VIEW_TRUE ? JSON_VIEW_FALSE : (type))

/* Where a walk through an array or object is. */
typedef struct JsonViewIterator
{
	const JsonbContainer *container;
	const char *base;
	uint32		next;
	uint32		end;
	uint32		offset;			/* of the next value, behind "base" */
	uint32		name_offset;	/* of the next name */
} JsonViewIterator;

/*
 * A name in a stored path: "at" counts from the start of the value that it is
 * stored in; "position" is what the name counts in an array, or -1.
 */
typedef struct JsonWalkName
{
	uint32		at;
	uint32		len;
	int32		position;
} JsonWalkName;

StaticAssertDecl(sizeof(JsonWalkName) == 12 && offsetof(JsonWalkName, len) == 4 &&
				 offsetof(JsonWalkName, position) == 8,
				 "JsonWalkName is stored");

typedef struct JsonWalkPath
{
	const char *base;			/* the start of the stored value */
	const JsonWalkName *names;
	uint32		len;
} JsonWalkPath;

/*
 * Called with each value that a path leads to, missing ones included. "open"
 * says whether, if it is an array, its elements count as well. Returns true
 * to end the walk.
 */
typedef bool (*JsonWalkVisitor) (void *arg, JsonView value, bool open);

/* The value of a whole jsonb, which keeps a scalar in an array of its own. */
extern JsonView json_view_root(const JsonbContainer *container);

/*
 * Walk the elements of an array, or the members of an object: each value, or
 * of an object each value with its name, but not now the one, now the other.
 */
extern void json_view_iterate(JsonViewIterator *it, JsonView container);
extern bool json_view_next(JsonViewIterator *it, JsonView *value);
extern bool json_view_next_member(JsonViewIterator *it, JsonView *name, JsonView *value);

/*
 * A total order: types by rank, numbers by value, strings by bytes. Two
 * values are equal if it returns 0, which can often be told without knowing
 * the order. Recursion ends with the shallower value, which in all uses is
 * part of a filter, whose depth is bounded.
 */
extern int	json_view_compare(JsonView a, JsonView b);
extern bool json_view_equal(JsonView a, JsonView b);

/* Is an element of the array equal to the value? */
extern bool json_view_has_element(JsonView array, JsonView value);

/*
 * Where the first name of a path leads in a document: to one value or none.
 * An array that stands for a document (an element of an array, seen by
 * $elemMatch) is an object keyed by position.
 */
extern JsonView json_walk_step(JsonView document, const char *base, const JsonWalkName *name);

/*
 * Visit the values that a path leads to, until a visit returns true; return
 * whether one did: in a document, or from where its first name has led, with
 * the names that are left.
 */
extern bool json_walk_on(JsonView value, JsonWalkPath rest, JsonWalkVisitor visit, void *arg);
extern bool json_walk(JsonView document, JsonWalkPath path, JsonWalkVisitor visit, void *arg);

static inline uint32
json_view_count(JsonView container)
{
	return JsonContainerSize((const JsonbContainer *) container.data);
}

#endif							/* CIRRO_JSON_WALK_H */
