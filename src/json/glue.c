/*-------------------------------------------------------------------------
 * src/json/glue.c
 *
 * What filter_query and sort_query share between their parsers, which know
 * nothing of the server, and the server. Must not know either type.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "json/glue.h"
#include "json/walk.h"

static void *
allocate(void *context, size_t size)
{
	return MemoryContextAlloc((MemoryContext) context, size);
}

/*
 * Prepares a reader that allocates in the context. The parsers' recursion is
 * bounded, but what they need of the stack must be left.
 */
void
json_glue_start(JsonTreeReader *reader, MemoryContext context)
{
	check_stack_depth();
	memset(reader, 0, sizeof(*reader));
	reader->alloc = allocate;
	reader->alloc_arg = context;
	reader->utf8 = GetDatabaseEncoding() == PG_UTF8;
}

/* Reads the binary format; the encoding of the text is checked on the way. */
char *
json_glue_recv(StringInfo buf, const char *type_name)
{
	int			version = pq_getmsgbyte(buf);
	int			len;

	if (version != JSON_BINARY_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unknown binary format of type %s", type_name),
				 errdetail("Its version is %d.", version),
				 errhint("Send a byte with the number %d and the text.",
						 JSON_BINARY_VERSION)));
	return pq_getmsgtext(buf, buf->len - buf->cursor, &len);
}

Datum
json_glue_send(const char *text, int len)
{
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, JSON_BINARY_VERSION);
	pq_sendtext(&buf, text, len);
	return PointerGetDatum(pq_endtypsend(&buf));
}

void
json_glue_align(StringInfo buf)
{
	while (buf->len % sizeof(int32) != 0)
		appendStringInfoChar(buf, '\0');
}

/* Appends a path as JsonWalkNames and the names they point to; returns where. */
uint32
json_glue_put_path(StringInfo buf, const JsonPathName *names, uint32 count)
{
	uint32		at;

	json_glue_align(buf);
	at = buf->len;
	for (uint32 i = 0; i < count; i++)
	{
		JsonWalkName name = {0, names[i].len, names[i].position};

		appendBinaryStringInfo(buf, (char *) &name, sizeof(name));
	}
	for (uint32 i = 0; i < count; i++)
	{
		((JsonWalkName *) (buf->data + at))[i].at = buf->len;
		appendBinaryStringInfo(buf, names[i].text, names[i].len);
	}
	return at;
}
