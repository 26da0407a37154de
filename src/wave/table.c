/*-------------------------------------------------------------------------
 * src/wave/table.c
 *
 * Decides where in a table (wave/table.h) bytes go. At most half of the slots
 * are used, so that searches for what is not there end soon.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "wave/table.h"

static void
make_slots(ByteTable *table, uint32 size)
{
	table->size = size;
	table->slots = MemoryContextAllocHuge(table->slots == NULL ? CurrentMemoryContext :
										  GetMemoryChunkContext(table->slots),
										  (size_t) size * sizeof(ByteSlot));
	memset(table->slots, 0, (size_t) size * sizeof(ByteSlot));
}

void
byte_table_init(ByteTable *table)
{
	table->slots = NULL;
	table->used = 0;
	make_slots(table, 64);
}

static ByteSlot *
free_slot(ByteTable *table, uint32 hash)
{
	uint32		i = hash & (table->size - 1);

	while (table->slots[i].used)
		i = (i + 1) & (table->size - 1);
	return &table->slots[i];
}

static void
grow(ByteTable *table)
{
	ByteSlot   *old = table->slots;
	uint32		old_size = table->size;

	make_slots(table, old_size * 2);
	for (uint32 i = 0; i < old_size; i++)
		if (old[i].used)
			*free_slot(table, old[i].hash) = old[i];
	pfree(old);
}

int32 *
byte_table_enter(ByteTable *table, const char *data, int len, int32 value)
{
	const int32 *found = byte_table_find(table, data, len);
	ByteSlot   *slot;

	Assert(len <= PROFILE_KEY_MAX);
	if (found != NULL)
		return unconstify(int32 *, found);
	if (table->used * 2 >= table->size)
		grow(table);
	table->used++;
	slot = free_slot(table, hash_bytes((const unsigned char *) data, len));
	slot->hash = hash_bytes((const unsigned char *) data, len);
	slot->used = true;
	slot->value = value;
	slot->len = len;
	memcpy(slot->data, data, len);
	return &slot->value;
}
