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

#include "json/glue.h"
#include "json/walk.h"

/* Version of the binary format: a byte with this number, then the text. */
#define BINARY_VERSION	1

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

/* The latest text that a call site has read, and its value. */
typedef struct LastInput
{
	char	   *text;			/* NULL: none yet */
	struct varlena *value;
} LastInput;

static struct varlena *
copy_value(const void *value)
{
	return memcpy(palloc(VARSIZE(value)), value, VARSIZE(value));
}

static void
remember(LastInput *last, MemoryContext context, const char *text, Datum value)
{
	MemoryContext old = MemoryContextSwitchTo(context);

	if (last->text != NULL)
	{
		pfree(last->text);
		pfree(last->value);
		last->text = NULL;
	}
	last->value = copy_value(DatumGetPointer(value));
	last->text = pstrdup(text);
	MemoryContextSwitchTo(old);
}

/*
 * An input function. Casts from text and JSON call it, in a generic plan for
 * every row with the same parameter; reading takes many times as long as a
 * match. So a call site that calls again keeps its latest text and value.
 */
Datum
json_glue_in(FunctionCallInfo fcinfo, JsonGlueRead read)
{
	const char *text = PG_GETARG_CSTRING(0);
	FmgrInfo   *site = fcinfo->flinfo;
	LastInput  *last = site == NULL ? NULL : site->fn_extra;
	Datum		value;

	if (last != NULL && last->text != NULL && strcmp(last->text, text) == 0)
		return PointerGetDatum(copy_value(last->value));
	value = read(text, strlen(text), fcinfo->context);
	if (DatumGetPointer(value) == NULL || site == NULL)
		return value;
	if (last == NULL)
		site->fn_extra = MemoryContextAllocZero(site->fn_mcxt, sizeof(LastInput));
	else
		remember(last, site->fn_mcxt, text, value);
	return value;
}

/* Reads the binary format; the encoding of the text is checked on the way. */
char *
json_glue_recv(StringInfo buf, const char *type_name)
{
	int			version = pq_getmsgbyte(buf);
	int			len;

	if (version != BINARY_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unknown binary format of type %s", type_name),
				 errdetail("Its version is %d.", version),
				 errhint("Send a byte with the number %d and the text.",
						 BINARY_VERSION)));
	return pq_getmsgtext(buf, buf->len - buf->cursor, &len);
}

Datum
json_glue_send(const char *text, int len)
{
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, BINARY_VERSION);
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
