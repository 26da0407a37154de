/*-------------------------------------------------------------------------
 * src/wave_predicate.c
 *
 * Decides which documents of a chunk may match a filter, for many filters at
 * once. A document is walked once: each of its keys (profile_key.h) sets the
 * bit of the conditions that it meets. Filters then combine words of bits.
 * What keys do not tell is taken to hold: whoever asks has to have the filter
 * evaluated on what is left.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "filter_extract.h"
#include "wave_predicate.h"

typedef struct KeyBytes
{
	uint8		len;
	char		data[PROFILE_KEY_MAX];
} KeyBytes;

/* A different condition: its number is that of its words. */
typedef struct Predicate
{
	const FilterEntry *entry;
	int			next;			/* with the same hash; -1 at the end */
} Predicate;

typedef struct PredicateHash
{
	uint64		hash;
	int			first;
} PredicateHash;

/* What a key of a document, or any key of a path, may meet. */
typedef struct Meets
{
	int			predicate;
	int			next;			/* -1 at the end */
} Meets;

typedef struct KeyMeets
{
	KeyBytes	key;
	int			first;
} KeyMeets;

typedef enum ProgramKind
{
	PROGRAM_ALL,
	PROGRAM_NONE,
	PROGRAM_AND,
	PROGRAM_OR,
	PROGRAM_PREDICATE
} ProgramKind;

struct PredicateProgram
{
	ProgramKind kind;
	int			predicate;
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
	HTAB	   *by_key;			/* KeyMeets */
	HTAB	   *by_path;		/* KeyMeets, of ranges */
	uint64	   *words;			/* CHUNK_WORDS of each predicate */
	ProfileKeyList keys;
};

static HTAB *
make_table(const char *name, Size keysize, Size entrysize)
{
	HASHCTL		control = {.keysize = keysize,.entrysize = entrysize,
	.hcxt = CurrentMemoryContext};

	return hash_create(name, 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

PredicateSet *
predicates_make(void)
{
	PredicateSet *set = palloc0(sizeof(PredicateSet));

	set->context = CurrentMemoryContext;
	set->max_predicates = set->max_meets = 256;
	set->predicates = palloc(set->max_predicates * sizeof(Predicate));
	set->meets = palloc(set->max_meets * sizeof(Meets));
	set->by_hash = make_table("cirro predicates", sizeof(uint64), sizeof(PredicateHash));
	set->by_key = make_table("cirro keys", sizeof(KeyBytes), sizeof(KeyMeets));
	set->by_path = make_table("cirro paths", sizeof(KeyBytes), sizeof(KeyMeets));
	profile_keys_init(&set->keys);
	return set;
}

/*
 * ---- Predicates
 */

static void
make_key(KeyBytes *bytes, const char *key, int len)
{
	memset(bytes, 0, sizeof(KeyBytes));
	bytes->len = len;
	memcpy(bytes->data, key, len);
}

static void
add_meets(PredicateSet *set, HTAB *table, const char *key, int len, int predicate)
{
	KeyBytes	bytes;
	KeyMeets   *meets;
	bool		found;

	make_key(&bytes, key, len);
	meets = hash_search(table, &bytes, HASH_ENTER, &found);
	if (!found)
		meets->first = -1;
	if (set->nmeets == set->max_meets)
	{
		set->max_meets *= 2;
		set->meets = repalloc_huge(set->meets, set->max_meets * sizeof(Meets));
	}
	set->meets[set->nmeets].predicate = predicate;
	set->meets[set->nmeets].next = meets->first;
	meets->first = set->nmeets++;
}

static bool
same_key(const ProfileKey *a, const ProfileKey *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static bool
same_entry(const FilterEntry *a, const FilterEntry *b)
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
hash_entry(const FilterEntry *e)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) e->low.data, e->low.len, e->kind);

	hash = hash_bytes_extended((const unsigned char *) e->high.data, e->high.len, hash);
	for (int i = 0; i < e->nset; i++)
		hash = hash_bytes_extended((const unsigned char *) e->set[i].data, e->set[i].len, hash);
	return hash;
}

/* A leaf alone, without what it was made of. */
static const FilterEntry *
copy_entry(const FilterEntry *e)
{
	FilterEntry *copy = memcpy(palloc(sizeof(FilterEntry)), e, sizeof(FilterEntry));

	copy->node = NULL;
	copy->first = copy->next = copy->many = NULL;
	if (e->nset > 0)
		copy->set = memcpy(palloc(e->nset * sizeof(ProfileKey)), e->set,
						   e->nset * sizeof(ProfileKey));
	return copy;
}

/* The number of the predicate that a leaf is. */
static int
find_predicate(PredicateSet *set, const FilterEntry *e)
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
										set->max_predicates * sizeof(Predicate));
	}
	number = set->npredicates++;
	e = set->predicates[number].entry = copy_entry(e);
	set->predicates[number].next = entry->first;
	entry->first = number;
	if (e->kind == ENTRY_KEY)
		add_meets(set, set->by_key, e->low.data, e->low.len, number);
	else if (e->kind == ENTRY_SET)
		for (int i = 0; i < e->nset; i++)
			add_meets(set, set->by_key, e->set[i].data, e->set[i].len, number);
	else
		add_meets(set, set->by_path, e->low.data,
				  profile_key_path_len(e->low.data, e->low.len), number);
	return number;
}

static PredicateProgram *
make_program(PredicateSet *set, const FilterEntry *e)
{
	PredicateProgram *program = palloc0(sizeof(PredicateProgram));
	PredicateProgram **link = &program->first;

	switch (e->kind)
	{
		case ENTRY_KEY:
		case ENTRY_RANGE:
		case ENTRY_SET:
			program->kind = PROGRAM_PREDICATE;
			program->predicate = find_predicate(set, e);
			return program;
		case ENTRY_NEVER:
			program->kind = PROGRAM_NONE;
			return program;
		case ENTRY_ELEM:
			return make_program(set, e->first);
		case ENTRY_AND:
		case ENTRY_OR:
		case ENTRY_BETWEEN:
			/* Both bounds for themselves: whichever values meet them. */
			program->kind = e->kind == ENTRY_OR ? PROGRAM_OR : PROGRAM_AND;
			for (const FilterEntry *c = e->first; c != NULL; c = c->next)
			{
				/* A pair tells more than its members, but they are all there. */
				if (c->kind == ENTRY_UNKNOWN && e->kind == ENTRY_AND)
					continue;
				*link = make_program(set, c);
				link = &(*link)->next;
			}
			return program;
		default:
			program->kind = PROGRAM_ALL;
			return program;
	}
}

PredicateProgram *
predicates_add(PredicateSet *set, const FilterQuery *query)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "cirro filter",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	FilterEntry *tree = filter_extract(query);
	PredicateProgram *program;

	MemoryContextSwitchTo(set->context);
	program = make_program(set, tree);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return program;
}

/*
 * ---- Documents
 */

void
predicates_clear(PredicateSet *set)
{
	size_t		size = (size_t) (set->npredicates + 1) * CHUNK_WORDS * sizeof(uint64);

	if (set->words == NULL)
		set->words = MemoryContextAllocHuge(set->context, size);
	memset(set->words, 0, size);
}

static inline void
set_bit(PredicateSet *set, int predicate, int row)
{
	set->words[(size_t) predicate * CHUNK_WORDS + row / 64] |= UINT64CONST(1) << (row % 64);
}

void
predicates_document(PredicateSet *set, int row, const JsonbContainer *document)
{
	ProfileKeyList *keys = &set->keys;
	const char *path = NULL;
	int			path_len = 0;
	int			ranges = -1;

	profile_keys_extract(keys, document);
	for (int i = 0; i < keys->nkeys; i++)
	{
		const char *key = profile_keys_get(keys, i);
		int			len = keys->keys[i].len;
		KeyBytes	bytes;
		KeyMeets   *meets;

		make_key(&bytes, key, len);
		meets = hash_search(set->by_key, &bytes, HASH_FIND, NULL);
		if (meets != NULL)
			for (int m = meets->first; m >= 0; m = set->meets[m].next)
				set_bit(set, set->meets[m].predicate, row);

		/* Keys of one path are neighbours. */
		if (path == NULL || len < path_len || memcmp(key, path, path_len) != 0 ||
			profile_key_path_len(key, len) != path_len)
		{
			path = key;
			path_len = profile_key_path_len(key, len);
			make_key(&bytes, path, path_len);
			meets = hash_search(set->by_path, &bytes, HASH_FIND, NULL);
			ranges = meets == NULL ? -1 : meets->first;
		}
		for (int m = ranges; m >= 0; m = set->meets[m].next)
			if (filter_entry_compare(set->predicates[set->meets[m].predicate].entry, key, len) == 0)
				set_bit(set, set->meets[m].predicate, row);
	}
}

/* Recursion is bounded by the depth of the filter. */
void
predicates_evaluate(const PredicateSet *set, const PredicateProgram *program, uint64 *words)
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
		case PROGRAM_AND:
			memset(words, 0xFF, CHUNK_WORDS * sizeof(uint64));
			for (const PredicateProgram *c = program->first; c != NULL; c = c->next)
			{
				const uint64 *its = child;

				if (c->kind == PROGRAM_PREDICATE)
					its = &set->words[(size_t) c->predicate * CHUNK_WORDS];
				else
					predicates_evaluate(set, c, child);
				for (int w = 0; w < CHUNK_WORDS; w++)
					words[w] &= its[w];
			}
			break;
		case PROGRAM_OR:
			memset(words, 0, CHUNK_WORDS * sizeof(uint64));
			for (const PredicateProgram *c = program->first; c != NULL; c = c->next)
			{
				predicates_evaluate(set, c, child);
				for (int w = 0; w < CHUNK_WORDS; w++)
					words[w] |= child[w];
			}
			break;
	}
}
