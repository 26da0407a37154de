/*-------------------------------------------------------------------------
 * src/json/path.h
 *
 * Dotted paths as people write them ("address.0.city"), in the keys of filters
 * and sort orders. Plain C like json/tree.h. How they are stored and walked is
 * in json/walk.h.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_JSON_PATH_H
#define CIRRO_JSON_PATH_H

#include "json/tree.h"

#define JSON_PATH_MAX_BYTES		1024
#define JSON_PATH_MAX_NAMES		64
#define JSON_PATH_MAX_POSITIONS	8	/* names that are numbers, see json/walk.c */

/* A name in a path; "position" is what it counts in an array, or -1. */
typedef struct JsonPathName
{
	const char *text;			/* in the key; not terminated */
	uint32_t	len;
	int32_t		position;
} JsonPathName;

/* Without names: the value at hand. */
typedef struct JsonPathNames
{
	const JsonPathName *names;
	uint32_t	len;
	uint32_t	npositions;		/* names that are numbers */
} JsonPathNames;

/*
 * Reads the key of a member as a path, with names from the reader's allocator.
 * "around" counts the positions of the paths that it continues. Returns false
 * with reader->error set if it passes a limit.
 */
extern bool json_path_read(JsonTreeReader *reader, const JsonTree *member,
						   uint32_t around, JsonPathNames *path);

#endif							/* CIRRO_JSON_PATH_H */
