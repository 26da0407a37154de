/*-------------------------------------------------------------------------
 * src/wave/heap.c
 *
 * Decides which of two candidates a wave takes first, as the queries of
 * wave/match.c do, and keeps the first ones. Must not know where candidates
 * come from.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/shmem.h"
#include "utils/memutils.h"

#include "wave/heap.h"

static int
compare(const Candidate *a, const Candidate *b)
{
	if (a->key != NULL && b->key != NULL)
	{
		int			cmp = memcmp(a->key, b->key, Min(a->key_len, b->key_len));

		if (cmp != 0)
			return cmp;
		if (a->key_len != b->key_len)
			return a->key_len < b->key_len ? -1 : 1;
	}
	if (a->turn != b->turn)
		return a->turn < b->turn ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static int
compare_for_sort(const void *a, const void *b)
{
	return compare(a, b);
}

bool
wave_heap_accepts(const WaveHeap *heap, const Candidate *candidate)
{
	return heap->size < heap->limit || compare(candidate, &heap->candidates[0]) < 0;
}

static void
sift_down(WaveHeap *heap, int i)
{
	Candidate	it = heap->candidates[i];

	for (;;)
	{
		int			child = 2 * i + 1;

		if (child >= heap->size)
			break;
		if (child + 1 < heap->size &&
			compare(&heap->candidates[child + 1], &heap->candidates[child]) > 0)
			child++;
		if (compare(&heap->candidates[child], &it) <= 0)
			break;
		heap->candidates[i] = heap->candidates[child];
		i = child;
	}
	heap->candidates[i] = it;
}

static void
sift_up(WaveHeap *heap, int i)
{
	Candidate	it = heap->candidates[i];

	while (i > 0 && compare(&heap->candidates[(i - 1) / 2], &it) < 0)
	{
		heap->candidates[i] = heap->candidates[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap->candidates[i] = it;
}

void
wave_heap_keep(WaveHeap *heap, const Candidate *candidate)
{
	Candidate	kept = *candidate;

	if (kept.key != NULL)
	{
		kept.key = memcpy(palloc(kept.key_len), kept.key, kept.key_len);
		heap->key_space += GetMemoryChunkSpace(kept.key);
	}
	if (heap->size == heap->limit)
	{
		heap->overflown = true;
		if (heap->candidates[0].key != NULL)
		{
			heap->key_space -= GetMemoryChunkSpace(heap->candidates[0].key);
			pfree(heap->candidates[0].key);
		}
		heap->candidates[0] = kept;
		sift_down(heap, 0);
		heap->last_turn = heap->candidates[0].turn;
		return;
	}
	if (heap->size == heap->allocated)
	{
		heap->allocated = Min(heap->limit, Max(16, heap->allocated * 2));
		heap->candidates = heap->candidates == NULL ?
			palloc(mul_size(heap->allocated, sizeof(Candidate))) :
			repalloc_huge(heap->candidates, mul_size(heap->allocated, sizeof(Candidate)));
	}
	heap->candidates[heap->size] = kept;
	sift_up(heap, heap->size++);
	heap->last_turn = heap->candidates[0].turn;
}

void
wave_heap_forget(WaveHeap *heap)
{
	for (int i = 0; i < heap->size; i++)
		if (heap->candidates[i].key != NULL)
			pfree(heap->candidates[i].key);
	if (heap->candidates != NULL)
		pfree(heap->candidates);
	memset(heap, 0, sizeof(*heap));
}

void
wave_heap_finish(WaveHeap *heap, int64 *ids, ItemPointer places, TransactionId *xmins)
{
	qsort(heap->candidates, heap->size, sizeof(Candidate), compare_for_sort);
	for (int i = 0; i < heap->size; i++)
	{
		ids[i] = heap->candidates[i].id;
		if (places != NULL)
			places[i] = heap->candidates[i].place;
		if (xmins != NULL)
			xmins[i] = heap->candidates[i].xmin;
	}
}
