/*-------------------------------------------------------------------------
 * src/wave/range.h
 *
 * Many ranges of one path, against the keys of a chunk of documents: what it
 * takes hardly depends on how many ranges there are.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_RANGE_H
#define CIRRO_WAVE_RANGE_H

#include "postgres.h"

#include "index/entry.h"

/* Documents are taken in chunks; a bit of these words stands for each. */
#define CHUNK_ROWS		1024
#define CHUNK_WORDS		(CHUNK_ROWS / 64)

StaticAssertDecl(CHUNK_ROWS % 64 == 0, "each word of a chunk is full");

typedef struct RangePath RangePath;

/* What one path after the other needs at the end of a chunk. */
typedef struct RangeScratch RangeScratch;

/* In the current memory context, where they stay. */
extern RangePath *wave_range_make(void);
extern RangeScratch *wave_range_make_scratch(void);

/* Adds a range. The entry must stay. */
extern void wave_range_add(RangePath *path, const IndexEntry *range, int predicate);

/*
 * A key of document "row" of the chunk. It is kept in the current memory context
 * of the first of the chunk.
 */
extern void wave_range_key(RangePath *path, const char *key, int len, int row);

/*
 * Sets, for each range, the bits of the documents that have a key in it:
 * CHUNK_WORDS words for each predicate. Then forgets the keys, which the caller
 * frees with their context.
 */
extern void wave_range_finish(RangePath *path, RangeScratch *scratch, uint64 *words);

#endif							/* CIRRO_WAVE_RANGE_H */
