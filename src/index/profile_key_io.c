/*-------------------------------------------------------------------------
 * src/index/profile_key_io.c
 *
 * The type cirro.profile_key, of which an index on profiles consists, and how
 * it is shown. Only GIN makes such values; whatever bytes come, they are
 * compared and shown, not trusted.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "compat.h"
#include "index/profile_key_io.h"
#include "json/number.h"

PG_FUNCTION_INFO_V1(profile_key_in);
PG_FUNCTION_INFO_V1(profile_key_out);
PG_FUNCTION_INFO_V1(profile_key_cmp);
PG_FUNCTION_INFO_V1(index_keys);

/* profile_key_in(cstring) returns profile_key: never */
Datum
profile_key_in(PG_FUNCTION_ARGS)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot accept a value of type profile_key"),
			 errdetail("Keys are made of documents by an index."),
			 errhint("cirro.index_keys(jsonb) shows the keys of a document.")));
	PG_RETURN_VOID();
}

/* Appends a string in quotes, up to its last whole character. */
static void
show_string(StringInfo buf, const char *text, int len)
{
	int			whole = len > 0 ? pg_mbcliplen(text, len, len) : 0;
	char	   *copy = pnstrdup(text, whole);

	if (pg_verify_mbstr(GetDatabaseEncoding(), copy, whole, true))
		escape_json(buf, copy);
	else
		appendStringInfoString(buf, "(not text)");
	pfree(copy);
}

void
profile_key_show_path(StringInfo buf, const char *key, int len)
{
	int			path_len = profile_key_path_len(key, len);

	if (len > 0 && key[0] == (char) PROFILE_KEY_HASHED)
		appendStringInfoString(buf, "(long path)");
	else if (len > 0)
		show_string(buf, key + 1, path_len - 1);
}

void
profile_key_show_value(StringInfo buf, const char *key, int len)
{
	int			tag_len = profile_key_tag_len(key, len);
	const char *value = key + tag_len;
	bool		cut = profile_key_is_cut(key, len);

	if (tag_len == profile_key_path_len(key, len))
		return;
	len = profile_key_value_len(key, len);
	switch (key[tag_len - 1])
	{
		case PROFILE_TAG_NULL:
			appendStringInfoString(buf, "null");
			break;
		case PROFILE_TAG_NUMBER:
			if (len > 0)
				appendStringInfo(buf, "%.15g", json_number_value(value, len));
			else
				appendStringInfoString(buf, "number");
			break;
		case PROFILE_TAG_STRING:
			if (len > 0)
				show_string(buf, value, len);
			else
				appendStringInfoString(buf, "string");
			break;
		case PROFILE_TAG_OBJECT:
			appendStringInfoString(buf, "object");
			break;
		case PROFILE_TAG_ARRAY:
		case PROFILE_TAG_INNER:
			appendStringInfoString(buf, key[tag_len - 1] == PROFILE_TAG_ARRAY ?
								   "array" : "array in an array");
			if (len == 4)
				appendStringInfo(buf, " of %u", ((unsigned) (unsigned char) value[0] << 24) |
								 ((unsigned char) value[1] << 16) |
								 ((unsigned char) value[2] << 8) | (unsigned char) value[3]);
			break;
		case PROFILE_TAG_BOOL:
			appendStringInfoString(buf, len == 0 ? "boolean" : *value ? "true" : "false");
			break;
		case PROFILE_TAG_PAIR:
			appendStringInfoString(buf, len == 0 ? "an object without pairs" :
								   "a pair in an object");
			break;
		default:
			appendStringInfoString(buf, "(unknown)");
			break;
	}
	if (cut)
		appendStringInfoString(buf, " ...");
}

static char *
show(const char *key, int len)
{
	StringInfoData buf;

	initStringInfo(&buf);
	profile_key_show_path(&buf, key, len);
	appendStringInfoString(&buf, ": ");
	profile_key_show_value(&buf, key, len);
	return buf.data;
}

Datum
profile_key_out(PG_FUNCTION_ARGS)
{
	struct varlena *key = PG_GETARG_VARLENA_PP(0);

	PG_RETURN_CSTRING(show(VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)));
}

/* profile_key_cmp(profile_key, profile_key) returns integer */
Datum
profile_key_cmp(PG_FUNCTION_ARGS)
{
	struct varlena *a = PG_GETARG_VARLENA_PP(0);
	struct varlena *b = PG_GETARG_VARLENA_PP(1);
	int			cmp = profile_key_compare(VARDATA_ANY(a), VARSIZE_ANY_EXHDR(a),
										  VARDATA_ANY(b), VARSIZE_ANY_EXHDR(b));

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	PG_RETURN_INT32(cmp);
}

/* index_keys(jsonb) returns text[]: what an index holds of a document */
Datum
index_keys(PG_FUNCTION_ARGS)
{
	Jsonb	   *document = PG_GETARG_JSONB_P(0);
	ProfileKeyList list;
	Datum	   *texts;

	profile_keys_init(&list);
	profile_keys_extract(&list, &document->root);
	texts = palloc((list.nkeys + 1) * sizeof(Datum));
	for (int i = 0; i < list.nkeys; i++)
	{
		char	   *text = show(profile_keys_get(&list, i), list.keys[i].len);

		texts[i] = CStringGetTextDatum(text);
		pfree(text);
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(texts, list.nkeys, TEXTOID, -1, false, TYPALIGN_INT));
}
