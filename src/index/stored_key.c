/*-------------------------------------------------------------------------
 * src/index/stored_key.c
 *
 * Decides how keys of stored filters are written, and which of them a document
 * asks for: all that it has, as a filter could require it. What a filter
 * requires is decided by index/cover.c. The two agree, or matches are lost: a
 * document that meets what a key says has to ask for that key, however many
 * keys it has. It may ask for more.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "storage/shmem.h"

#include "index/stored_key.h"

#define PAIR_SHAPE		(1 + 2 * sizeof(uint32))
#define PAIR_LEN		(PAIR_SHAPE + sizeof(uint64))

/*
 * A document asks for so many pairs of one shape, and of all, by themselves; what
 * is more it asks for by the shape, and finds all pairs of that.
 */
#define MAX_PAIRS_SHAPE	1000
#define MAX_PAIRS		4000

/* With more keys than this it asks for all filters' keys of a kind. */
#define MAX_POINTS		100000

/* They are stored: where one changes, all keys are to be made anew. */
StaticAssertDecl(PAIR_SHAPE == 9 && PAIR_LEN == 17 && STORED_KEY_MAX == 64, "keys are stored");

/*
 * ---- One key
 */

void
stored_key_always(StoredKey *key)
{
	key->len = 1;
	key->data[0] = STORED_ALWAYS;
}

void
stored_key_of(StoredKey *key, StoredKeyKind kind, const char *profile_key, int len)
{
	Assert(len <= PROFILE_KEY_MAX);
	key->len = 1 + len;
	key->data[0] = kind;
	memcpy(key->data + 1, profile_key, len);
}

static uint64
hash_of(const char *data, int len)
{
	return hash_bytes_extended((const unsigned char *) data, len, 0);
}

/* Of the path and tag of a key. */
static uint32
shape_hash(const char *key, int len)
{
	return (uint32) hash_of(key, profile_key_tag_len(key, len));
}

static void
make_pair_shape(StoredKey *key, uint32 a, uint32 b)
{
	uint32		least = pg_hton32(Min(a, b));
	uint32		most = pg_hton32(Max(a, b));

	key->len = PAIR_SHAPE;
	key->data[0] = STORED_PAIR;
	memcpy(key->data + 1, &least, sizeof(least));
	memcpy(key->data + 1 + sizeof(least), &most, sizeof(most));
}

/* Behind its shape. */
static void
append_pair(StoredKey *key, uint64 a, uint64 b)
{
	uint64		hash = pg_hton64(hash_combine64(Min(a, b), Max(a, b)));

	key->len = PAIR_LEN;
	memcpy(key->data + PAIR_SHAPE, &hash, sizeof(hash));
}

void
stored_key_pair(StoredKey *key, const char *a, int a_len, const char *b, int b_len)
{
	Assert(profile_key_compare(a, a_len, b, b_len) != 0);
	make_pair_shape(key, shape_hash(a, a_len), shape_hash(b, b_len));
	append_pair(key, hash_of(a, a_len), hash_of(b, b_len));
}

int
stored_key_compare(const void *a, const void *b)
{
	const StoredKey *x = a;
	const StoredKey *y = b;

	return profile_key_compare(x->data, x->len, y->data, y->len);
}

/* The first of "keys" from "low" on, before "end", that is not less. */
static int
search(const StoredKey *keys, int low, int end, const char *data, int len)
{
	while (low < end)
	{
		int			middle = low + (end - low) / 2;

		if (profile_key_compare(keys[middle].data, keys[middle].len, data, len) < 0)
			low = middle + 1;
		else
			end = middle;
	}
	return low;
}

bool
stored_key_is_in(const StoredKey *key, const StoredKey *keys, int nkeys)
{
	int			i = search(keys, 0, nkeys, key->data, key->len);

	return i < nkeys && stored_key_compare(&keys[i], key) == 0;
}

int
stored_key_shape_len(const StoredKey *key)
{
	switch (key->data[0])
	{
		case STORED_PAIR:
			return PAIR_SHAPE;
		case STORED_TAG:
			return key->len;
		case STORED_LOWER:
		case STORED_UPPER:
			return 1 + profile_key_tag_len(key->data + 1, key->len - 1);
		default:
			return 0;
	}
}

/*
 * ---- The keys of a document
 */

/* The keys of a document with one path and tag, which are neighbours. */
typedef struct Group
{
	int			first;
	int			end;
	int			tag_len;
	bool		new_path;		/* it is the first of its path */
} Group;

/* A key of the document as pairs have it. */
typedef struct HashedKey
{
	uint32		shape;
	uint64		hash;
} HashedKey;

typedef struct Maker
{
	DocumentKeys *keys;
	int			max_points;
	int			max_ranges;
	const ProfileKeyList *list;
	Group	   *groups;
	int			ngroups;
	const StoredKey *shapes;	/* NULL: all but pairs */
	int			nshapes;
	int			shape;			/* where a search for the next one begins */
	int			npairs;
} Maker;

static StoredKey *
add_point(Maker *maker)
{
	DocumentKeys *keys = maker->keys;

	if (keys->npoints == maker->max_points)
	{
		maker->max_points *= 2;
		keys->points = repalloc_huge(keys->points,
									 mul_size(maker->max_points, sizeof(StoredKey)));
	}
	return &keys->points[keys->npoints++];
}

/* Its ends are the caller's to make. */
static void
add_range(Maker *maker, StoredKey **low, StoredKey **high)
{
	DocumentKeys *keys = maker->keys;

	if (keys->nranges == maker->max_ranges)
	{
		Size		size;

		maker->max_ranges *= 2;
		size = mul_size(maker->max_ranges, sizeof(StoredKey));
		keys->low = repalloc_huge(keys->low, size);
		keys->high = repalloc_huge(keys->high, size);
	}
	*low = &keys->low[keys->nranges];
	*high = &keys->high[keys->nranges++];
}

/* Behind all keys of a shape. */
static void
fill_up(StoredKey *key)
{
	memset(key->data + key->len, 0xFF, STORED_KEY_MAX - key->len);
	key->len = STORED_KEY_MAX;
}

/* All keys that begin so. */
static void
add_all(Maker *maker, const char *beginning, int len)
{
	StoredKey  *low;
	StoredKey  *high;

	add_range(maker, &low, &high);
	low->len = len;
	memcpy(low->data, beginning, len);
	*high = *low;
	fill_up(high);
}

/* ... of a kind, if the document has too much to ask for. */
static bool
add_all_of_kind(Maker *maker, StoredKeyKind kind, int nkeys)
{
	char		beginning = kind;

	if (nkeys <= MAX_POINTS)
		return false;
	add_all(maker, &beginning, 1);
	return true;
}

/* Are there filters with keys of this shape? To be asked in ascending order. */
static bool
is_used(Maker *maker, const char *shape, int len)
{
	if (maker->shapes == NULL)
		return true;
	maker->shape = search(maker->shapes, maker->shape, maker->nshapes, shape, len);
	return maker->shape < maker->nshapes &&
		profile_key_compare(maker->shapes[maker->shape].data, maker->shapes[maker->shape].len,
							shape, len) == 0;
}

static void
make_groups(Maker *maker)
{
	const ProfileKeyList *list = maker->list;

	maker->groups = MemoryContextAllocHuge(CurrentMemoryContext,
										   mul_size(list->nkeys + 1, sizeof(Group)));
	maker->ngroups = 0;
	for (int i = 0; i < list->nkeys; i++)
	{
		const char *key = profile_keys_get(list, i);
		int			len = list->keys[i].len;
		bool		new_path = true;

		if (maker->ngroups > 0)
		{
			Group	   *last = &maker->groups[maker->ngroups - 1];
			const char *before = profile_keys_get(list, last->first);

			if (len >= last->tag_len && memcmp(key, before, last->tag_len) == 0)
			{
				last->end = i + 1;
				continue;
			}
			new_path = len < last->tag_len || memcmp(key, before, last->tag_len - 1) != 0;
		}
		maker->groups[maker->ngroups++] = (Group)
		{
			i, i + 1, profile_key_tag_len(key, len), new_path
		};
	}
}

static int
compare_shapes(const void *a, const void *b)
{
	const HashedKey *x = a;
	const HashedKey *y = b;

	return x->shape < y->shape ? -1 : x->shape > y->shape;
}

/* The first of "keys" whose shape is not less. */
static int
search_hashed(const HashedKey *keys, int nkeys, uint32 shape)
{
	int			low = 0;
	int			end = nkeys;

	while (low < end)
	{
		int			middle = low + (end - low) / 2;

		if (keys[middle].shape < shape)
			low = middle + 1;
		else
			end = middle;
	}
	return low;
}

static int
end_of_shape(const HashedKey *keys, int nkeys, int first)
{
	int			end = first;

	while (end < nkeys && keys[end].shape == keys[first].shape)
		end++;
	return end;
}

/* The pairs of one shape: a key of the one run with one of the other. */
static void
add_pairs(Maker *maker, const StoredKey *shape, const HashedKey *a, int na,
		  const HashedKey *b, int nb)
{
	int64		count = a == b ? (int64) na * (na - 1) / 2 : (int64) na * nb;
	int			first = maker->keys->npoints;
	int			n;

	if (count > MAX_PAIRS_SHAPE || count > MAX_PAIRS - maker->npairs)
	{
		add_all(maker, shape->data, PAIR_SHAPE);
		return;
	}
	maker->npairs += count;
	for (int i = 0; i < na; i++)
		for (int j = a == b ? i + 1 : 0; j < nb; j++)
		{
			StoredKey  *key = add_point(maker);

			memcpy(key->data, shape->data, PAIR_SHAPE);
			append_pair(key, a[i].hash, b[j].hash);
		}
	if (count <= 1)
		return;
	/* Shapes come in their order. */
	qsort(&maker->keys->points[first], count, sizeof(StoredKey), stored_key_compare);
	n = first;
	for (int i = first; i < maker->keys->npoints; i++)
		if (n == first ||
			stored_key_compare(&maker->keys->points[n - 1], &maker->keys->points[i]) != 0)
			maker->keys->points[n++] = maker->keys->points[i];
	maker->keys->npoints = n;
}

static void
make_pairs(Maker *maker)
{
	const ProfileKeyList *list = maker->list;
	const char	kind = STORED_PAIR;
	HashedKey  *hashed;
	int			nhashed = 0;

	if (maker->shapes == NULL)
		return;
	maker->shape = search(maker->shapes, 0, maker->nshapes, &kind, 1);
	if (maker->shape == maker->nshapes || maker->shapes[maker->shape].data[0] != kind)
		return;
	hashed = MemoryContextAllocHuge(CurrentMemoryContext,
									mul_size(list->nkeys + 1, sizeof(HashedKey)));
	for (int g = 0; g < maker->ngroups; g++)
	{
		const Group *group = &maker->groups[g];
		uint32		shape = shape_hash(profile_keys_get(list, group->first),
									   list->keys[group->first].len);

		CHECK_FOR_INTERRUPTS();
		for (int i = group->first; i < group->end; i++)
		{
			hashed[nhashed].shape = shape;
			hashed[nhashed++].hash = hash_of(profile_keys_get(list, i), list->keys[i].len);
		}
	}
	qsort(hashed, nhashed, sizeof(HashedKey), compare_shapes);

	for (int a = 0, a_end; a < nhashed; a = a_end)
	{
		StoredKey	least;

		CHECK_FOR_INTERRUPTS();
		a_end = end_of_shape(hashed, nhashed, a);
		make_pair_shape(&least, hashed[a].shape, hashed[a].shape);
		/* All shapes of which this is the first half; the second is not less. */
		maker->shape = search(maker->shapes, maker->shape, maker->nshapes,
							  least.data, PAIR_SHAPE);
		for (int s = maker->shape; s < maker->nshapes; s++)
		{
			const StoredKey *shape = &maker->shapes[s];
			uint32		other;
			int			b;

			if (shape->len != PAIR_SHAPE ||
				memcmp(shape->data, least.data, 1 + sizeof(uint32)) != 0)
				break;
			memcpy(&other, shape->data + 1 + sizeof(uint32), sizeof(other));
			other = pg_ntoh32(other);
			b = search_hashed(hashed, nhashed, other);
			if (b < nhashed && hashed[b].shape == other)
				add_pairs(maker, shape, &hashed[a], a_end - a,
						  &hashed[b], end_of_shape(hashed, nhashed, b) - b);
		}
	}
	pfree(hashed);
}

static void
make_points(Maker *maker)
{
	const ProfileKeyList *list = maker->list;

	if (add_all_of_kind(maker, STORED_POINT, list->nkeys))
		return;
	for (int i = 0; i < list->nkeys; i++)
		stored_key_of(add_point(maker), STORED_POINT, profile_keys_get(list, i),
					  list->keys[i].len);
}

/* Any key of a path, or of a path and tag. */
static void
make_tags(Maker *maker)
{
	if (add_all_of_kind(maker, STORED_TAG, maker->ngroups))
		return;
	for (int g = 0; g < maker->ngroups; g++)
	{
		const Group *group = &maker->groups[g];
		StoredKey	key;

		stored_key_of(&key, STORED_TAG, profile_keys_get(maker->list, group->first),
					  group->tag_len);
		for (int len = group->new_path ? key.len - 1 : key.len; len <= key.len; len++)
			if (is_used(maker, key.data, len))
			{
				StoredKey  *point = add_point(maker);

				*point = key;
				point->len = len;
			}
	}
}

static bool
has_order(char tag)
{
	return tag == PROFILE_TAG_NUMBER || tag == PROFILE_TAG_STRING || tag == PROFILE_TAG_BOOL;
}

/*
 * Bounds that the greatest key is not below, or the least one not above. That is
 * without its hash: so is a bound of which no more is left than there is of the
 * key before it.
 */
static void
make_bounds(Maker *maker, StoredKeyKind kind)
{
	if (add_all_of_kind(maker, kind, maker->ngroups))
		return;
	for (int g = 0; g < maker->ngroups; g++)
	{
		const Group *group = &maker->groups[g];
		int			end = kind == STORED_LOWER ? group->end - 1 : group->first;
		const char *key = profile_keys_get(maker->list, end);
		int			len = maker->list->keys[end].len;
		StoredKey	shape;
		StoredKey  *low;
		StoredKey  *high;

		if (!has_order(key[group->tag_len - 1]))
			continue;
		stored_key_of(&shape, kind, key, group->tag_len);
		if (!is_used(maker, shape.data, shape.len))
			continue;
		add_range(maker, &low, &high);
		if (kind == STORED_LOWER)
		{
			*low = shape;
			stored_key_of(high, kind, key, len);
		}
		else
		{
			stored_key_of(low, kind, key, group->tag_len + profile_key_value_len(key, len));
			*high = shape;
			fill_up(high);
		}
	}
}

void
document_keys_make(DocumentKeys *keys, const JsonbContainer *document,
				   const StoredKey *shapes, int nshapes)
{
	ProfileKeyList list;
	Maker		maker = {keys,.shapes = shapes,.nshapes = nshapes,.list = &list};

	profile_keys_init(&list);
	profile_keys_extract(&list, document);
	make_groups(&maker);
	keys->npoints = keys->nranges = 0;
	maker.max_points = 64;
	maker.max_ranges = 64;
	keys->points = palloc(maker.max_points * sizeof(StoredKey));
	keys->low = palloc(maker.max_ranges * sizeof(StoredKey));
	keys->high = palloc(maker.max_ranges * sizeof(StoredKey));

	/* By kind, in the order of their bytes. */
	stored_key_always(add_point(&maker));
	make_points(&maker);
	make_pairs(&maker);
	make_tags(&maker);
	CHECK_FOR_INTERRUPTS();
	make_bounds(&maker, STORED_LOWER);
	make_bounds(&maker, STORED_UPPER);
	pfree(maker.groups);
	pfree(list.keys);
	pfree(list.data);
}
