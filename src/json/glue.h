/*-------------------------------------------------------------------------
 * src/json/glue.h
 *
 * What filter_query and sort_query share at the border to the server: how
 * text is read, errors of their parsers are reported, their binary format,
 * and how paths are stored.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_JSON_GLUE_H
#define CIRRO_JSON_GLUE_H

#include "postgres.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/nodes.h"

#include "compat.h"
#include "json/path.h"

/* Reports what a parser found; returns "value" from here if errors are soft. */
#define json_glue_error(escontext, value, type_name, error) \
	ereturn(escontext, value, \
			(errcode((error)->is_limit ? ERRCODE_PROGRAM_LIMIT_EXCEEDED : \
					 ERRCODE_INVALID_TEXT_REPRESENTATION), \
			 errmsg("invalid input for type %s: %s", type_name, (error)->problem), \
			 (error)->detail[0] ? errdetail("%s", (error)->detail) : 0, \
			 (error)->hint[0] ? errhint("%s", (error)->hint) : 0))

/*
 * Makes a value of text in the server's encoding, in the current context; an
 * error is soft, and the result 0, if "escontext" asks for that.
 */
typedef Datum (*JsonGlueRead) (const char *text, size_t len, Node *escontext);

extern Datum json_glue_in(FunctionCallInfo fcinfo, JsonGlueRead read);
extern void json_glue_start(JsonTreeReader *reader, MemoryContext context);
extern char *json_glue_recv(StringInfo buf, const char *type_name);
extern Datum json_glue_send(const char *text, int len);
extern void json_glue_align(StringInfo buf);
extern uint32 json_glue_put_path(StringInfo buf, const JsonPathName *names, uint32 count);

#endif							/* CIRRO_JSON_GLUE_H */
