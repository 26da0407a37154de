/*-------------------------------------------------------------------------
 * src/index/stored_key.h
 *
 * Keys of filters that are stored, by which a document finds those that it
 * matches; and which of them a document asks for. A key is a byte for its kind
 * and what a document has to have, in the form of its own keys
 * (index/profile_key.h); compared by memcmp.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_INDEX_STORED_KEY_H
#define CIRRO_INDEX_STORED_KEY_H

#include "postgres.h"

#include "index/profile_key.h"

/* They are stored: none is ever changed or used again. */
typedef enum StoredKeyKind
{
	STORED_ALWAYS = 1,			/* any document; no more than this byte */
	STORED_POINT = 2,			/* one that has this key */
	STORED_PAIR = 3,			/* ... these two, which differ: a hash of the path
								 * and tag of each, and one of the two keys */
	STORED_TAG = 4,				/* ... any key of this path, or path and tag */
	STORED_LOWER = 5,			/* ... one of this path and tag that is not below */
	STORED_UPPER = 6,			/* ... not above, but for what the bound begins */
	STORED_SHAPE = 7			/* no filter's: there are keys that begin so */
} StoredKeyKind;

#define STORED_KEY_MAX		(1 + PROFILE_KEY_MAX)

typedef struct StoredKey
{
	int			len;
	char		data[STORED_KEY_MAX];
} StoredKey;

/*
 * One for each key of a document, or for a leaf of a filter. Bounds come without
 * the hash of a value that is cut.
 */
extern void stored_key_always(StoredKey *key);
extern void stored_key_of(StoredKey *key, StoredKeyKind kind, const char *profile_key, int len);
/* The two may come in either order, and must differ. */
extern void stored_key_pair(StoredKey *key, const char *a, int a_len, const char *b, int b_len);

/* For qsort: by their bytes. */
extern int	stored_key_compare(const void *a, const void *b);
/* Is it among these, which are in ascending order? */
extern bool stored_key_is_in(const StoredKey *key, const StoredKey *keys, int nkeys);

/*
 * The shape of a key, its first bytes: its kind and what precedes its value. Length
 * 0 if documents ask for keys of its kind unasked (points, and what is always there).
 * Behind a byte STORED_SHAPE that is a key of its own.
 */
extern int	stored_key_shape_len(const StoredKey *key);

/* What a document asks for. All points and ranges are in ascending order, none twice. */
typedef struct DocumentKeys
{
	int			npoints;
	StoredKey  *points;			/* with STORED_ALWAYS, the first */
	int			nranges;
	StoredKey  *low;			/* both ends are in it */
	StoredKey  *high;
} DocumentKeys;

/*
 * Without shapes (NULL) those of every shape but pairs; else those of the shapes given,
 * which are in ascending order (without the byte STORED_SHAPE). In the current context.
 * Takes time and room in proportion to the keys of the document, and no more than
 * some thousand pairs.
 */
extern void document_keys_make(DocumentKeys *keys, const JsonbContainer *document,
							   const StoredKey *shapes, int nshapes);

#endif							/* CIRRO_INDEX_STORED_KEY_H */
