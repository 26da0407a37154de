/*-------------------------------------------------------------------------
 * src/json_glue.h
 *
 * What filter_query and sort_query share at the border to the server: how
 * errors of their parsers are reported, and their binary format.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_JSON_GLUE_H
#define CIRRO_JSON_GLUE_H

#include "postgres.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/memutils.h"

#include "compat.h"
#include "json_tree.h"

/* Version of the binary format: a byte with this number, then the text. */
#define JSON_BINARY_VERSION		1

/* Reports what a parser found and returns "value" if errors are soft. */
#define json_glue_error(escontext, value, type_name, error) \
	ereturn(escontext, value, \
			(errcode((error)->is_limit ? ERRCODE_PROGRAM_LIMIT_EXCEEDED : \
					 ERRCODE_INVALID_TEXT_REPRESENTATION), \
			 errmsg("invalid input for type %s: %s", type_name, (error)->problem), \
			 (error)->detail[0] ? errdetail("%s", (error)->detail) : 0, \
			 (error)->hint[0] ? errhint("%s", (error)->hint) : 0))

/* JsonTreeReader.alloc; the argument is a memory context. */
static inline void *
json_glue_alloc(void *context, size_t size)
{
	return MemoryContextAlloc((MemoryContext) context, size);
}

/* Reads the binary format; the encoding of the text is checked on the way. */
static inline char *
json_glue_recv(StringInfo buf, const char *type_name)
{
	int			version = pq_getmsgbyte(buf);
	int			len;

	if (version != JSON_BINARY_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unknown binary format of type %s", type_name),
				 errdetail("Its version is %d.", version),
				 errhint("Version %d is a byte with that number and the text.",
						 JSON_BINARY_VERSION)));
	return pq_getmsgtext(buf, buf->len - buf->cursor, &len);
}

static inline Datum
json_glue_send(const char *text, int len)
{
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, JSON_BINARY_VERSION);
	pq_sendtext(&buf, text, len);
	return PointerGetDatum(pq_endtypsend(&buf));
}

#endif							/* CIRRO_JSON_GLUE_H */
