/*-------------------------------------------------------------------------
 * src/wave/table.h
 *
 * A table from short strings of bytes to a number each, for what is looked up
 * many times a document. Grows, forgets nothing.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_TABLE_H
#define CIRRO_WAVE_TABLE_H

#include "postgres.h"

#include "common/hashfn.h"

#include "index/profile_key.h"

typedef struct ByteSlot
{
	uint32		hash;
	int32		value;
	bool		used;
	uint8		len;
	char		data[PROFILE_KEY_MAX];
} ByteSlot;

typedef struct ByteTable
{
	ByteSlot   *slots;
	uint32		size;			/* a power of two */
	uint32		used;
} ByteTable;

/* In the current memory context. */
extern void byte_table_init(ByteTable *table);

/* The number of these bytes, of at most PROFILE_KEY_MAX; it is "value" at first. */
extern int32 *byte_table_enter(ByteTable *table, const char *data, int len, int32 value);

/* NULL if they are not there. */
static inline const int32 *
byte_table_find(const ByteTable *table, const char *data, int len)
{
	uint32		hash = hash_bytes((const unsigned char *) data, len);

	for (uint32 i = hash & (table->size - 1);; i = (i + 1) & (table->size - 1))
	{
		const ByteSlot *slot = &table->slots[i];

		if (!slot->used)
			return NULL;
		if (slot->hash == hash && slot->len == len && memcmp(slot->data, data, len) == 0)
			return &slot->value;
	}
}

#endif							/* CIRRO_WAVE_TABLE_H */
