/*-------------------------------------------------------------------------
 * src/wave/trouble.c
 *
 * Remembers for a call of run_waves which Spaces have given trouble: a call that
 * looks each second says of each what is wrong once, and does not wait for the same
 * lock again at each look. Must not decide what trouble is.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "wave/trouble.h"

#define REST	USECS_PER_MINUTE

typedef struct TroubleKey
{
	Oid			space;
	int			sqlerrcode;		/* 0: any, of which it rests */
} TroubleKey;

typedef struct Trouble
{
	TroubleKey	key;
	TimestampTz rests_until;
} Trouble;

/* Of the call at hand; NULL outside of one. */
static HTAB *troubles = NULL;

HTAB *
trouble_begin(MemoryContext context)
{
	HTAB	   *previous = troubles;
	HASHCTL		control = {
		.keysize = sizeof(TroubleKey),
		.entrysize = sizeof(Trouble),
		.hcxt = context
	};

	troubles = hash_create("cirro troubles", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return previous;
}

void
trouble_end(HTAB *previous)
{
	troubles = previous;
}

bool
trouble_is_new(Oid space, int sqlerrcode)
{
	TroubleKey	key = {space, sqlerrcode};
	bool		found = false;

	if (troubles != NULL)
		(void) hash_search(troubles, &key, HASH_ENTER, &found);
	return !found;
}

void
trouble_rest(Oid space)
{
	TroubleKey	key = {space, 0};
	Trouble    *trouble = hash_search(troubles, &key, HASH_ENTER, NULL);

	trouble->rests_until = GetCurrentTimestamp() + REST;
}

bool
trouble_rests(Oid space)
{
	TroubleKey	key = {space, 0};
	Trouble    *trouble = hash_search(troubles, &key, HASH_FIND, NULL);

	return trouble != NULL && GetCurrentTimestamp() < trouble->rests_until;
}
