/*-------------------------------------------------------------------------
 * src/wave/heap.h
 *
 * The first candidates of a wave, of many that come in any order.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_HEAP_H
#define CIRRO_WAVE_HEAP_H

#include "postgres.h"
#include "storage/itemptr.h"

/*
 * A worker's place in the order of a wave: by sort key, if the gig has a
 * sort_query, then by lot from the wave's start on, then by id. And in its table:
 * the version that was seen.
 */
typedef struct Candidate
{
	char	   *key;			/* of the sort_query, or NULL */
	uint32		key_len;
	uint32		turn;			/* lot, counted from the start of the wave */
	int64		id;
	ItemPointerData place;
	TransactionId xmin;
} Candidate;

/* Keeps the first "limit" of them; the last of these is on top. */
typedef struct WaveHeap
{
	int			limit;
	int			size;
	int			allocated;
	Candidate  *candidates;
	int64		key_space;		/* bytes that their keys take */
	uint32		last_turn;		/* of the one on top */
	bool		overflown;		/* some were not kept */
} WaveHeap;

/* Lots are compared from a start on; see wave/match.c. */
static inline uint32
wave_lot_turn(int32 lot, int32 start)
{
	return (uint32) lot - (uint32) start;
}

/* Is there still room for it, or does it come before one that is kept? */
extern bool wave_heap_accepts(const WaveHeap *heap, const Candidate *candidate);

/* Of candidates without keys this one is too late, by its turn alone. */
static inline bool
wave_heap_refuses_turn(const WaveHeap *heap, uint32 turn)
{
	return heap->size == heap->limit && turn > heap->last_turn;
}

/* Keeps it; its key is copied into the current memory context. */
extern void wave_heap_keep(WaveHeap *heap, const Candidate *candidate);

/* Frees what it keeps. */
extern void wave_heap_forget(WaveHeap *heap);

/*
 * Puts ids, places and xmins in order; the heap is no heap after that. Of the
 * three, "places" and "xmins" may be NULL.
 */
extern void wave_heap_finish(WaveHeap *heap, int64 *ids, ItemPointer places,
							 TransactionId *xmins);

#endif							/* CIRRO_WAVE_HEAP_H */
