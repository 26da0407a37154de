/*-------------------------------------------------------------------------
 * src/wave/predicate.c
 *
 * Decides which documents of a chunk may match a filter, for many filters at
 * once. A document is walked once: each of its keys (index/profile_key.h) sets the
 * bit of the conditions that it meets. Filters then combine words of bits.
 * What keys do not tell is taken to hold: whoever asks has to have the filter
 * evaluated on what is left.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "storage/shmem.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "index/extract.h"
#include "wave/predicate.h"

/*
 * A number for each of some keys, or beginnings of them. At most half of the
 * slots are used: most searches are for what is not there.
 */
typedef struct KeyBytes
{
	const char *data;			/* not copied: it has to stay */
	int			len;
} KeyBytes;

typedef struct KeyNumber
{
	KeyBytes	key;
	uint32		hash;
	int32		number;
	char		status;
} KeyNumber;

#define SH_PREFIX			keys
#define SH_ELEMENT_TYPE		KeyNumber
#define SH_KEY_TYPE			KeyBytes
#define SH_KEY				key
#define SH_HASH_KEY(tb, k)	hash_bytes((const unsigned char *) (k).data, (k).len)
#define SH_EQUAL(tb, a, b)	((a).len == (b).len && memcmp((a).data, (b).data, (a).len) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a)	(a)->hash
#define SH_FILLFACTOR		0.5
#define SH_SCOPE			static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* A different condition: its number is that of its words. */
typedef struct Predicate
{
	const IndexEntry *entry;
	int			next;			/* with the same hash; -1 at the end */
} Predicate;

typedef struct PredicateHash
{
	uint64		hash;
	int			first;
} PredicateHash;

/* What a key of a document meets. */
typedef struct Meets
{
	int			predicate;
	int			next;			/* -1 at the end */
} Meets;

typedef enum ProgramKind
{
	PROGRAM_ALL,
	PROGRAM_NONE,
	PROGRAM_AND,
	PROGRAM_OR,
	PROGRAM_PREDICATE,
	PROGRAM_AND_PREDICATES		/* up to MAX_FLAT of them */
} ProgramKind;

#define MAX_FLAT	6

struct PredicateProgram
{
	ProgramKind kind;
	bool		exact;			/* what it takes to hold does */
	int			predicate;
	int			nflat;
	int			flat[MAX_FLAT];
	PredicateProgram *first;
	PredicateProgram *next;
};

struct PredicateSet
{
	MemoryContext context;
	Predicate  *predicates;
	int			npredicates;
	int			max_predicates;
	HTAB	   *by_hash;		/* PredicateHash */
	Meets	   *meets;
	int			nmeets;
	int			max_meets;
	keys_hash  *by_key;			/* the first of its meets */
	keys_hash  *by_path;		/* the number of its ranges, by the path's key */
	keys_hash  *wanted;			/* ProfileKeyWants, by the path itself */
	bool		wants_hashed;	/* paths that are not kept */
	RangePath **paths;
	int			npaths;
	int			max_paths;
	RangeScratch *scratch;		/* NULL if there are no ranges */
	uint64	   *words;			/* CHUNK_WORDS of each predicate */
	ProfileKeyList keys;
};

PredicateSet *
wave_predicates_make(void)
{
	PredicateSet *set = palloc0(sizeof(PredicateSet));
	HASHCTL		control = {
		.keysize = sizeof(uint64),
		.entrysize = sizeof(PredicateHash),
		.hcxt = CurrentMemoryContext
	};

	set->context = CurrentMemoryContext;
	set->max_predicates = set->max_meets = 256;
	set->predicates = palloc(set->max_predicates * sizeof(Predicate));
	set->meets = palloc(set->max_meets * sizeof(Meets));
	set->max_paths = 16;
	set->paths = palloc(set->max_paths * sizeof(RangePath *));
	set->by_hash = hash_create("cirro predicates", 256, &control,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	set->by_key = keys_create(CurrentMemoryContext, 64, NULL);
	set->by_path = keys_create(CurrentMemoryContext, 64, NULL);
	set->wanted = keys_create(CurrentMemoryContext, 64, NULL);
	profile_keys_init(&set->keys);
	return set;
}

/* The number of a key; it is "number" at first. */
static int32 *
enter_key(keys_hash *keys, const char *data, int len, int32 number)
{
	bool		found;
	KeyNumber  *entry = keys_insert(keys, (KeyBytes) {data, len}, &found);

	if (!found)
		entry->number = number;
	return &entry->number;
}

/* NULL if it is not there. */
static inline const int32 *
find_key(keys_hash *keys, const char *data, int len)
{
	const KeyNumber *entry = keys_lookup(keys, (KeyBytes) {data, len});

	return entry == NULL ? NULL : &entry->number;
}

/*
 * ---- Predicates
 */

/* Keys that begin with the path of this one are to be found in documents. */
static void
want_path(PredicateSet *set, const char *key, int len)
{
	int			path_len = profile_key_path_len(key, len) - 1;

	if ((unsigned char) key[0] == PROFILE_KEY_HASHED)
	{
		set->wants_hashed = true;
		return;
	}
	*enter_key(set->wanted, key + 1, path_len, 0) |= PROFILE_KEYS_HERE;
	for (int i = 1; i < path_len; i++)
		if (key[1 + i] == '.')
			*enter_key(set->wanted, key + 1, i, 0) |= PROFILE_KEYS_BELOW;
}

static void
add_key(PredicateSet *set, const char *key, int len, int predicate)
{
	int32	   *first = enter_key(set->by_key, key, len, -1);

	want_path(set, key, len);
	if (set->nmeets == set->max_meets)
	{
		set->max_meets *= 2;
		set->meets = repalloc_huge(set->meets, mul_size(set->max_meets, sizeof(Meets)));
	}
	set->meets[set->nmeets].predicate = predicate;
	set->meets[set->nmeets].next = *first;
	*first = set->nmeets++;
}

static void
add_range(PredicateSet *set, const IndexEntry *e, int predicate)
{
	int32	   *number = enter_key(set->by_path, e->low.data,
								   profile_key_path_len(e->low.data, e->low.len), -1);

	want_path(set, e->low.data, e->low.len);
	if (*number < 0)
	{
		if (set->npaths == set->max_paths)
		{
			set->max_paths *= 2;
			set->paths = repalloc_huge(set->paths, mul_size(set->max_paths, sizeof(RangePath *)));
		}
		if (set->scratch == NULL)
			set->scratch = wave_range_make_scratch();
		*number = set->npaths;
		set->paths[set->npaths++] = wave_range_make();
	}
	wave_range_add(set->paths[*number], e, predicate);
}

static bool
same_key(const ProfileKey *a, const ProfileKey *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static bool
same_entry(const IndexEntry *a, const IndexEntry *b)
{
	if (a->kind != b->kind || a->nset != b->nset || !same_key(&a->low, &b->low))
		return false;
	if (a->kind == ENTRY_RANGE &&
		(!same_key(&a->high, &b->high) || a->low_open != b->low_open ||
		 a->high_open != b->high_open || a->high_begins != b->high_begins))
		return false;
	for (int i = 0; i < a->nset; i++)
		if (!same_key(&a->set[i], &b->set[i]))
			return false;
	return true;
}

static uint64
hash_entry(const IndexEntry *e)
{
	uint64		hash;

	hash = hash_bytes_extended((const unsigned char *) e->low.data, e->low.len, e->kind);
	hash = hash_bytes_extended((const unsigned char *) e->high.data, e->high.len, hash);
	for (int i = 0; i < e->nset; i++)
		hash = hash_bytes_extended((const unsigned char *) e->set[i].data, e->set[i].len, hash);
	return hash;
}

/* A leaf alone, without what it was made of. */
static const IndexEntry *
copy_entry(const IndexEntry *e)
{
	IndexEntry *copy = memcpy(palloc(sizeof(IndexEntry)), e, sizeof(IndexEntry));

	copy->node = NULL;
	copy->first = copy->next = copy->many = NULL;
	if (e->nset > 0)
		copy->set = memcpy(palloc(mul_size(e->nset, sizeof(ProfileKey))), e->set,
						   mul_size(e->nset, sizeof(ProfileKey)));
	return copy;
}

/* The number of the predicate that a leaf is. */
static int
find_predicate(PredicateSet *set, const IndexEntry *e)
{
	uint64		hash = hash_entry(e);
	PredicateHash *entry;
	bool		found;
	int			number;

	entry = hash_search(set->by_hash, &hash, HASH_ENTER, &found);
	if (!found)
		entry->first = -1;
	for (number = entry->first; number >= 0; number = set->predicates[number].next)
		if (same_entry(set->predicates[number].entry, e))
			return number;

	if (set->npredicates == set->max_predicates)
	{
		set->max_predicates *= 2;
		set->predicates = repalloc_huge(set->predicates,
										mul_size(set->max_predicates, sizeof(Predicate)));
	}
	number = set->npredicates++;
	e = set->predicates[number].entry = copy_entry(e);
	set->predicates[number].next = entry->first;
	entry->first = number;
	if (e->kind == ENTRY_KEY)
		add_key(set, e->low.data, e->low.len, number);
	else if (e->kind == ENTRY_SET)
		for (int i = 0; i < e->nset; i++)
			add_key(set, e->set[i].data, e->set[i].len, number);
	else
		add_range(set, e, number);
	return number;
}

static PredicateProgram *
make_program(PredicateSet *set, const IndexEntry *e)
{
	PredicateProgram *program = palloc0(sizeof(PredicateProgram));
	PredicateProgram **link = &program->first;

	switch (e->kind)
	{
		case ENTRY_KEY:
		case ENTRY_RANGE:
		case ENTRY_SET:
			program->kind = PROGRAM_PREDICATE;
			program->exact = e->exact;
			program->predicate = find_predicate(set, e);
			return program;
		case ENTRY_NEVER:
			program->kind = PROGRAM_NONE;
			program->exact = true;
			return program;
		case ENTRY_ELEM:
			program = make_program(set, e->first);
			program->exact = false;
			return program;
		case ENTRY_AND:
		case ENTRY_OR:
		case ENTRY_BETWEEN:
			/* Both bounds for themselves: whichever values meet them. */
			program->kind = e->kind == ENTRY_OR ? PROGRAM_OR : PROGRAM_AND;
			program->exact = true;
			for (const IndexEntry *c = e->first; c != NULL; c = c->next)
			{
				/* A pair tells more than its members, but they are all there. */
				if (c->kind == ENTRY_UNKNOWN && e->kind == ENTRY_AND)
				{
					program->exact = false;
					continue;
				}
				*link = make_program(set, c);
				program->exact &= (*link)->exact;
				link = &(*link)->next;
			}
			return program;
		default:
			program->kind = PROGRAM_ALL;
			program->exact = e->kind == ENTRY_ALWAYS;
			return program;
	}
}

/* Most filters are conditions that all have to hold: no tree for them. */
static void
flatten(PredicateProgram *program)
{
	if (program->kind != PROGRAM_AND)
		return;
	for (const PredicateProgram *c = program->first; c != NULL; c = c->next)
	{
		if (c->kind != PROGRAM_PREDICATE || program->nflat == MAX_FLAT)
			return;
		program->flat[program->nflat++] = c->predicate;
	}
	if (program->nflat > 0)
		program->kind = PROGRAM_AND_PREDICATES;
}

PredicateProgram *
wave_predicates_add(PredicateSet *set, const FilterQuery *query)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "cirro filter",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	IndexEntry *tree = index_entry_extract(query);
	PredicateProgram *program;

	MemoryContextSwitchTo(set->context);
	program = make_program(set, tree);
	flatten(program);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return program;
}

bool
wave_predicates_exact(const PredicateProgram *program)
{
	return program->exact;
}

/*
 * ---- Documents
 */

Size
wave_predicates_words(const PredicateSet *set)
{
	return mul_size((Size) set->npredicates + 1, CHUNK_WORDS * sizeof(uint64));
}

void
wave_predicates_clear(PredicateSet *set)
{
	Size		size = wave_predicates_words(set);

	if (set->words == NULL)
		set->words = MemoryContextAllocHuge(set->context, size);
	memset(set->words, 0, size);
}

static inline void
set_bit(PredicateSet *set, int predicate, int row)
{
	set->words[(size_t) predicate * CHUNK_WORDS + row / 64] |= UINT64CONST(1) << (row % 64);
}

/* A ProfileKeyWants. */
static int
wants(void *arg, const char *path, size_t len)
{
	const PredicateSet *set = arg;
	const int32 *found = NULL;

	if (len <= PROFILE_KEY_PATH)
		found = find_key(set->wanted, path, len);
	return (found == NULL ? 0 : *found) |
		(!set->wants_hashed ? 0 :
		 len <= PROFILE_KEY_PATH ? PROFILE_KEYS_BELOW : PROFILE_KEYS_HERE | PROFILE_KEYS_BELOW);
}

void
wave_predicates_document(PredicateSet *set, int row, const JsonbContainer *document)
{
	ProfileKeyList *keys = &set->keys;
	const char *path = NULL;
	int			path_len = 0;
	RangePath  *ranges = NULL;

	profile_keys_extract_some(keys, document, wants, set);
	for (int i = 0; i < keys->nkeys; i++)
	{
		const char *key = profile_keys_get(keys, i);
		int			len = keys->keys[i].len;
		const int32 *found = find_key(set->by_key, key, len);

		for (int m = found == NULL ? -1 : *found; m >= 0; m = set->meets[m].next)
			set_bit(set, set->meets[m].predicate, row);

		/* Keys of one path are often neighbours. */
		if (set->npaths == 0)
			continue;
		if (path == NULL || len < path_len || memcmp(key, path, path_len) != 0)
		{
			path = key;
			path_len = profile_key_path_len(key, len);
			found = find_key(set->by_path, path, path_len);
			ranges = found == NULL ? NULL : set->paths[*found];
		}
		if (ranges != NULL)
			wave_range_key(ranges, key, len, row);
	}
}

void
wave_predicates_finish(PredicateSet *set)
{
	for (int i = 0; i < set->npaths; i++)
		wave_range_finish(set->paths[i], set->scratch, set->words);
}

/* Recursion is bounded by the depth of the filter. */
void
wave_predicates_evaluate(const PredicateSet *set, const PredicateProgram *program, uint64 *words)
{
	uint64		child[CHUNK_WORDS];

	switch (program->kind)
	{
		case PROGRAM_ALL:
			memset(words, 0xFF, CHUNK_WORDS * sizeof(uint64));
			break;
		case PROGRAM_NONE:
			memset(words, 0, CHUNK_WORDS * sizeof(uint64));
			break;
		case PROGRAM_PREDICATE:
			memcpy(words, &set->words[(size_t) program->predicate * CHUNK_WORDS],
				   CHUNK_WORDS * sizeof(uint64));
			break;
		case PROGRAM_AND_PREDICATES:
			memcpy(words, &set->words[(size_t) program->flat[0] * CHUNK_WORDS],
				   CHUNK_WORDS * sizeof(uint64));
			for (int i = 1; i < program->nflat; i++)
			{
				const uint64 *its = &set->words[(size_t) program->flat[i] * CHUNK_WORDS];

				for (int w = 0; w < CHUNK_WORDS; w++)
					words[w] &= its[w];
			}
			break;
		case PROGRAM_AND:
			memset(words, 0xFF, CHUNK_WORDS * sizeof(uint64));
			for (const PredicateProgram *c = program->first; c != NULL; c = c->next)
			{
				const uint64 *its = child;

				if (c->kind == PROGRAM_PREDICATE)
					its = &set->words[(size_t) c->predicate * CHUNK_WORDS];
				else
					wave_predicates_evaluate(set, c, child);
				for (int w = 0; w < CHUNK_WORDS; w++)
					words[w] &= its[w];
			}
			break;
		case PROGRAM_OR:
			memset(words, 0, CHUNK_WORDS * sizeof(uint64));
			for (const PredicateProgram *c = program->first; c != NULL; c = c->next)
			{
				wave_predicates_evaluate(set, c, child);
				for (int w = 0; w < CHUNK_WORDS; w++)
					words[w] |= child[w];
			}
			break;
	}
}
