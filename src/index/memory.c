/*-------------------------------------------------------------------------
 * src/index/memory.c
 *
 * The functions of an operator class are not told which index they search, so
 * they know no statistics. The planner does, a moment before: its estimates are
 * kept here, in this backend, by the filter. A search that finds none (in a
 * parallel worker, of a generic plan) goes by the defaults of
 * index/estimate.c. Nothing here may change an answer: estimates of another
 * table, or of another filter with the same hash, cost time alone.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "index/memory.h"

#define MEMORY_SIZE		64		/* filters, the latest first */
#define MEMORY_LEAVES	1000	/* of one filter; one with more is forgotten */

typedef struct Remembered
{
	uint64		hash[2];
	bool		better_scanned;
	int			nleaves;
	float4		fractions[FLEXIBLE_ARRAY_MEMBER];
} Remembered;

static Remembered *memory[MEMORY_SIZE];
static int	nremembered = 0;

/* Counts the leaves, and copies their fractions from or to an array. */
static void
visit(IndexEntry *e, float4 *fractions, int *n, bool recall)
{
	for (; e != NULL; e = e->next)
	{
		if (index_entry_has_keys(e))
		{
			if (fractions != NULL && recall)
				e->fraction = fractions[*n];
			else if (fractions != NULL)
				fractions[*n] = e->fraction;
			(*n)++;
		}
		visit(e->many, fractions, n, recall);
		visit(e->first, fractions, n, recall);
	}
}

static int
find(const FilterQuery *query, uint64 *hash)
{
	const unsigned char *text = (const unsigned char *) query + query->text;

	hash[0] = hash_bytes_extended(text, query->text_len, 0);
	hash[1] = hash_bytes_extended(text, query->text_len, 1);
	for (int i = 0; i < nremembered; i++)
		if (memory[i]->hash[0] == hash[0] && memory[i]->hash[1] == hash[1])
			return i;
	return -1;
}

/* Puts one in front, in the place of the one at "i"; those before it move back. */
static void
move_to_front(Remembered *it, int i)
{
	memmove(&memory[1], &memory[0], i * sizeof(memory[0]));
	memory[0] = it;
}

void
index_entry_remember(const FilterQuery *query, IndexEntry *root, bool better_scanned)
{
	Remembered *it;
	int			n = 0;
	int			i;

	visit(root, NULL, &n, false);
	if (n > MEMORY_LEAVES)
		return;
	it = MemoryContextAlloc(TopMemoryContext,
							offsetof(Remembered, fractions) + n * sizeof(float4));
	it->better_scanned = better_scanned;
	it->nleaves = n;
	n = 0;
	visit(root, it->fractions, &n, false);

	i = find(query, it->hash);
	if (i < 0 && nremembered < MEMORY_SIZE)
		i = nremembered++;
	else
	{
		if (i < 0)
			i = MEMORY_SIZE - 1;
		pfree(memory[i]);
	}
	move_to_front(it, i);
}

void
index_entry_forget(const FilterQuery *query)
{
	uint64		hash[2];
	int			i = find(query, hash);

	if (i < 0)
		return;
	pfree(memory[i]);
	nremembered--;
	memmove(&memory[i], &memory[i + 1], (nremembered - i) * sizeof(memory[0]));
}

bool
index_entry_recall(const FilterQuery *query, IndexEntry *root, bool *better_scanned)
{
	uint64		hash[2];
	int			i = find(query, hash);
	int			n = 0;

	if (i < 0)
		return false;
	move_to_front(memory[i], i);
	visit(root, NULL, &n, true);
	if (n != memory[0]->nleaves)
		return false;
	n = 0;
	visit(root, memory[0]->fractions, &n, true);
	*better_scanned = memory[0]->better_scanned;
	return true;
}

/*
 * ---- Documents
 */

#define MEMORY_DOCUMENTS	16

typedef struct RememberedDocument
{
	uint64		hash;
	int32		entries;		/* 0: none is here yet */
} RememberedDocument;

static RememberedDocument documents[MEMORY_DOCUMENTS];
static int	next_document = 0;

static uint64
hash_document(const Jsonb *document)
{
	return hash_bytes_extended((const unsigned char *) VARDATA_ANY(document),
							   VARSIZE_ANY_EXHDR(document), 0);
}

static RememberedDocument *
find_document(uint64 hash)
{
	for (int i = 0; i < MEMORY_DOCUMENTS; i++)
		if (documents[i].hash == hash && documents[i].entries > 0)
			return &documents[i];
	return NULL;
}

void
document_entries_remember(const Jsonb *document, int32 entries)
{
	uint64		hash = hash_document(document);
	RememberedDocument *it = find_document(hash);

	if (it == NULL && entries == 1)
		return;
	if (it == NULL)
	{
		it = &documents[next_document];
		next_document = (next_document + 1) % MEMORY_DOCUMENTS;
	}
	it->hash = hash;
	it->entries = entries;
}

int32
document_entries_recall(const Jsonb *document)
{
	const RememberedDocument *it = find_document(hash_document(document));

	return it == NULL ? 1 : it->entries;
}
