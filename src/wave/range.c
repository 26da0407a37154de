/*-------------------------------------------------------------------------
 * src/wave/range.c
 *
 * Decides which documents of a chunk have a key in which range of a path. The
 * ends of all ranges are sorted once; of each key it is found out between which
 * two it is. So the chunk's keys can be sorted by counting, a range is what is
 * between two places in them, and bits of whole blocks are there already.
 * Must not know what the bits are for.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/shmem.h"

#include "wave/range.h"

/* Keys of a block, at least, and blocks, at most. */
#define MIN_BLOCK		16
#define MAX_BLOCKS		256
#define MAX_LEVELS		9

StaticAssertDecl(1 << (MAX_LEVELS - 1) == MAX_BLOCKS,
				 "all blocks together have a level of their own");

/* Keys of a path in a chunk that there is room for at first. */
#define MIN_KEYS		64

/* Where in the order of keys an end is: next to the key that it is of. */
typedef enum CutPlace
{
	CUT_BEFORE,
	CUT_AFTER,
	CUT_AFTER_ALL				/* that begin with it */
} CutPlace;

typedef struct Cut
{
	const char *data;
	int			len;
	CutPlace	place;
	int			range;
	bool		is_low;
} Cut;

typedef struct Range
{
	int			predicate;
	int			low;			/* numbers of cuts */
	int			high;
} Range;

typedef struct RangeKey
{
	int			rank;			/* cuts that are not behind it */
	int			row;
} RangeKey;

struct RangePath
{
	Range	   *ranges;
	int			nranges;
	int			max_ranges;
	Cut		   *cuts;			/* two for each range; in order, once prepared */
	int			ncuts;			/* different ones then */
	bool		prepared;

	/* The chunk at hand. */
	RangeKey   *keys;			/* NULL: none yet */
	int			nkeys;
	int			max_keys;
};

/* There may be thousands of paths: what is large is here, once. */
struct RangeScratch
{
	int		   *before;			/* each cut: keys before it */
	int			max_before;
	int		   *rows;			/* of the keys, in their order */
	int			max_rows;
	uint64	   *blocks;			/* bits of 1, 2, 4, … blocks from each on */
};

RangePath *
wave_range_make(void)
{
	RangePath  *path = palloc0(sizeof(RangePath));

	path->max_ranges = 4;
	path->ranges = palloc(path->max_ranges * sizeof(Range));
	path->cuts = palloc(2 * path->max_ranges * sizeof(Cut));
	return path;
}

RangeScratch *
wave_range_make_scratch(void)
{
	RangeScratch *scratch = palloc(sizeof(RangeScratch));

	scratch->max_before = scratch->max_rows = CHUNK_ROWS;
	scratch->before = palloc(scratch->max_before * sizeof(int));
	scratch->rows = palloc(scratch->max_rows * sizeof(int));
	scratch->blocks = palloc(MAX_LEVELS * MAX_BLOCKS * CHUNK_WORDS * sizeof(uint64));
	return scratch;
}

void
wave_range_add(RangePath *path, const IndexEntry *range, int predicate)
{
	int			number = path->nranges++;
	Cut		   *cut;

	Assert(!path->prepared);
	if (path->nranges > path->max_ranges)
	{
		path->max_ranges *= 2;
		path->ranges = repalloc_huge(path->ranges, mul_size(path->max_ranges, sizeof(Range)));
		path->cuts = repalloc_huge(path->cuts, mul_size(path->max_ranges, 2 * sizeof(Cut)));
	}
	path->ranges[number].predicate = predicate;
	cut = &path->cuts[path->ncuts++];
	cut->data = range->low.data;
	cut->len = range->low.len;
	cut->place = range->low_open ? CUT_AFTER : CUT_BEFORE;
	cut->range = number;
	cut->is_low = true;
	cut = &path->cuts[path->ncuts++];
	cut->data = range->high.data;
	cut->len = range->high.len;
	cut->place = range->high_open ? CUT_BEFORE :
		range->high_begins ? CUT_AFTER_ALL : CUT_AFTER;
	cut->range = number;
	cut->is_low = false;
}

static int
compare_cuts(const void *a, const void *b)
{
	const Cut  *x = a;
	const Cut  *y = b;
	int			cmp = memcmp(x->data, y->data, Min(x->len, y->len));

	if (cmp != 0)
		return cmp;
	if (x->len == y->len)
		return (int) x->place - (int) y->place;
	if (x->len < y->len)
		return x->place == CUT_AFTER_ALL ? 1 : -1;
	return y->place == CUT_AFTER_ALL ? -1 : 1;
}

static bool
is_before(const char *key, int len, const Cut *cut)
{
	int			cmp = memcmp(key, cut->data, Min(len, cut->len));

	if (cmp != 0)
		return cmp < 0;
	if (len == cut->len)
		return cut->place != CUT_BEFORE;
	return len < cut->len || cut->place == CUT_AFTER_ALL;
}

/* Sorts the cuts, once there are no more to come. */
static void
prepare(RangePath *path)
{
	int			n = 0;

	qsort(path->cuts, path->ncuts, sizeof(Cut), compare_cuts);
	for (int i = 0; i < path->ncuts; i++)
	{
		Cut			cut = path->cuts[i];

		if (n == 0 || compare_cuts(&path->cuts[n - 1], &cut) != 0)
			path->cuts[n++] = cut;
		if (cut.is_low)
			path->ranges[cut.range].low = n - 1;
		else
			path->ranges[cut.range].high = n - 1;
	}
	path->ncuts = n;
	path->prepared = true;
}

void
wave_range_key(RangePath *path, const char *key, int len, int row)
{
	int			low = 0;
	int			high;

	if (!path->prepared)
		prepare(path);
	high = path->ncuts;
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (is_before(key, len, &path->cuts[middle]))
			high = middle;
		else
			low = middle + 1;
	}
	/* Before or behind all of them it is in no range. */
	if (low == 0 || low == path->ncuts)
		return;
	if (path->keys == NULL)
	{
		path->max_keys = MIN_KEYS;
		path->keys = palloc(path->max_keys * sizeof(RangeKey));
	}
	else if (path->nkeys == path->max_keys)
	{
		path->max_keys *= 2;
		path->keys = repalloc_huge(path->keys, mul_size(path->max_keys, sizeof(RangeKey)));
	}
	path->keys[path->nkeys].rank = low;
	path->keys[path->nkeys].row = row;
	path->nkeys++;
}

/* Room for so many numbers. */
static void
enlarge(int **numbers, int *max, int n)
{
	if (n <= *max)
		return;
	*max = n;
	*numbers = repalloc_huge(*numbers, mul_size(n, sizeof(int)));
}

static void
sort_keys(const RangePath *path, RangeScratch *scratch)
{
	int		   *before;
	int			sum = 0;

	enlarge(&scratch->before, &scratch->max_before, path->ncuts + 1);
	enlarge(&scratch->rows, &scratch->max_rows, path->nkeys);
	before = scratch->before;
	memset(before, 0, (path->ncuts + 1) * sizeof(int));
	for (int i = 0; i < path->nkeys; i++)
		before[path->keys[i].rank]++;
	for (int c = 0; c <= path->ncuts; c++)
	{
		int			here = before[c];

		before[c] = sum;
		sum += here;
	}
	/* Afterwards before[c] has counted those of rank c as well, as it should. */
	for (int i = 0; i < path->nkeys; i++)
		scratch->rows[before[path->keys[i].rank]++] = path->keys[i].row;
}

static inline void
set_bit(uint64 *words, int row)
{
	words[row / 64] |= UINT64CONST(1) << (row % 64);
}

static inline void
add_words(uint64 *words, const uint64 *more)
{
	for (int w = 0; w < CHUNK_WORDS; w++)
		words[w] |= more[w];
}

#define BLOCK_BITS(scratch, level, block) \
	(&(scratch)->blocks[((level) * MAX_BLOCKS + (block)) * CHUNK_WORDS])

/* The bits of 2^level blocks from each one on. */
static void
make_blocks(RangeScratch *scratch, int nkeys, int size)
{
	int			nblocks = nkeys / size;

	memset(scratch->blocks, 0, nblocks * CHUNK_WORDS * sizeof(uint64));
	for (int i = 0; i < nblocks * size; i++)
		set_bit(BLOCK_BITS(scratch, 0, i / size), scratch->rows[i]);
	for (int level = 1; (1 << level) <= nblocks; level++)
		for (int b = 0; b + (1 << level) <= nblocks; b++)
		{
			uint64	   *words = BLOCK_BITS(scratch, level, b);

			memcpy(words, BLOCK_BITS(scratch, level - 1, b), CHUNK_WORDS * sizeof(uint64));
			add_words(words, BLOCK_BITS(scratch, level - 1, b + (1 << (level - 1))));
		}
}

void
wave_range_finish(RangePath *path, RangeScratch *scratch, uint64 *words)
{
	int			size = MIN_BLOCK;

	if (path->nkeys == 0)
		return;
	sort_keys(path, scratch);
	while (path->nkeys / size > MAX_BLOCKS)
		size *= 2;
	make_blocks(scratch, path->nkeys, size);

	for (int r = 0; r < path->nranges; r++)
	{
		Range	   *range = &path->ranges[r];
		uint64	   *its = &words[(size_t) range->predicate * CHUNK_WORDS];
		int			i = scratch->before[range->low];
		int			end = scratch->before[range->high];
		int			first = (i + size - 1) / size;
		int			n = end / size - first;

		if (n > 0)
		{
			int			level = 0;

			while ((2 << level) <= n)
				level++;
			add_words(its, BLOCK_BITS(scratch, level, first));
			add_words(its, BLOCK_BITS(scratch, level, first + n - (1 << level)));
			for (; i < first * size; i++)
				set_bit(its, scratch->rows[i]);
			i = (first + n) * size;
		}
		for (; i < end; i++)
			set_bit(its, scratch->rows[i]);
	}
	path->keys = NULL;
	path->nkeys = 0;
}
