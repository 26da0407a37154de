/*-------------------------------------------------------------------------
 * src/index/show.c
 *
 * Shows what a search of the index makes of a filter, and what an index over filters
 * holds of one, for people who wonder why it is slow and for tests. It decides
 * nothing.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "compat.h"
#include "filter/io.h"
#include "index/choice.h"
#include "index/cover.h"
#include "index/estimate.h"
#include "index/extract.h"
#include "index/memory.h"
#include "index/profile_key_io.h"

PG_FUNCTION_INFO_V1(index_search);
PG_FUNCTION_INFO_V1(stored_keys);

static void show(StringInfo buf, const IndexEntry *e);

static void
show_children(StringInfo buf, const IndexEntry *e, const char *between)
{
	for (const IndexEntry *c = e->first; c != NULL; c = c->next)
	{
		bool		nested = c->kind == ENTRY_AND || c->kind == ENTRY_OR || c->kind == ENTRY_ELEM;

		if (c != e->first)
			appendStringInfoString(buf, between);
		if (nested)
			appendStringInfoChar(buf, '(');
		show(buf, c);
		if (nested)
			appendStringInfoChar(buf, ')');
	}
}

static void
show_range(StringInfo buf, const IndexEntry *e)
{
	int			low_len = profile_key_tag_len(e->low.data, e->low.len);
	int			high_len = profile_key_tag_len(e->high.data, e->high.len);

	if (e->low.len == low_len && e->high.len == high_len)
	{
		appendStringInfoString(buf, " is ");
		if (e->low.data[low_len - 1] == e->high.data[high_len - 1])
			profile_key_show_value(buf, e->low.data, e->low.len);
		else
			appendStringInfoString(buf, e->low.data[low_len - 1] == PROFILE_TAG_ARRAY ?
								   "array" : "there");
		return;
	}
	if (e->low.len > low_len)
	{
		appendStringInfoString(buf, e->low_open ? " > " : " >= ");
		profile_key_show_value(buf, e->low.data, e->low.len);
	}
	if (e->high.len > high_len)
	{
		appendStringInfoString(buf, e->high_open ? " < " : " <= ");
		profile_key_show_value(buf, e->high.data, e->high.len);
	}
}

static void
show_keys(StringInfo buf, const IndexEntry *e)
{
	profile_key_show_path(buf, e->low.data, e->low.len);
	switch (e->kind)
	{
		case ENTRY_SET:
			appendStringInfo(buf, " in %d values", e->nset);
			break;
		case ENTRY_KEY:
			appendStringInfoString(buf, " is ");
			profile_key_show_value(buf, e->low.data, e->low.len);
			break;
		default:
			show_range(buf, e);
			break;
	}
	if (!e->exact)
		appendStringInfoString(buf, " (recheck)");
}

static void
show(StringInfo buf, const IndexEntry *e)
{
	switch (e->kind)
	{
		case ENTRY_ALWAYS:
			appendStringInfoString(buf, "all");
			break;
		case ENTRY_NEVER:
			appendStringInfoString(buf, "none");
			break;
		case ENTRY_AND:
			show_children(buf, e, " AND ");
			break;
		case ENTRY_OR:
			show_children(buf, e, " OR ");
			break;
		case ENTRY_ELEM:
			show_children(buf, e, "");
			break;
		case ENTRY_BETWEEN:
			if (e->entry < 0)
			{
				show_children(buf, e, " AND ");
				break;
			}
			show_keys(buf, e);
			if (e->many != NULL)
				appendStringInfoString(buf, " or in an array of several");
			break;
		case ENTRY_KEY:
		case ENTRY_RANGE:
		case ENTRY_SET:
			if (e->entry < 0)
				appendStringInfoString(buf, "recheck ");
			show_keys(buf, e);
			break;
		case ENTRY_NOT:
		case ENTRY_UNKNOWN:
			appendStringInfoString(buf, "recheck");
			break;
	}
}

/*
 * index_search(filter_query) returns text
 *
 * What is fetched, and what is left to the recheck, by the statistics with
 * which this session planned the filter last, else by defaults.
 */
Datum
index_search(PG_FUNCTION_ARGS)
{
	FilterQuery *query = PG_GETARG_FILTER_QUERY(0);
	IndexEntry *root = index_entry_extract(query);
	StringInfoData buf;
	bool		better_scanned;

	initStringInfo(&buf);
	if (!index_entry_recall(query, root, &better_scanned))
		index_entry_estimate(root, query, NULL);
	if (index_entry_choose(root) == 0 && root->kind != ENTRY_NEVER)
		appendStringInfoString(&buf, "all, recheck");
	else
		show(&buf, root);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(buf.data, buf.len));
}

/* A key of a filter as a condition. Of a pair nothing is left that could be shown. */
static void
show_stored_key(StringInfo buf, const StoredKey *key)
{
	const char *data = key->data + 1;
	int			len = key->len - 1;

	switch ((StoredKeyKind) key->data[0])
	{
		case STORED_ALWAYS:
			appendStringInfoString(buf, "any document");
			return;
		case STORED_PAIR:
		case STORED_SHAPE:
			appendStringInfoString(buf, "(hashed)");
			return;
		default:
			break;
	}
	profile_key_show_path(buf, data, len);
	appendStringInfoString(buf, key->data[0] == STORED_LOWER ? " >= " :
						   key->data[0] == STORED_UPPER ? " <= " : " is ");
	if (len == profile_key_path_len(data, len))
		appendStringInfoString(buf, "there");
	/* The empty string has no bytes, and looks like any. */
	else if (key->data[0] != STORED_TAG && len == profile_key_tag_len(data, len) &&
			 data[len - 1] == PROFILE_TAG_STRING)
		appendStringInfoString(buf, "\"\"");
	else
		profile_key_show_value(buf, data, len);
}

/* stored_keys(filter_query) returns text[] */
Datum
stored_keys(PG_FUNCTION_ARGS)
{
	FilterQuery *query = PG_GETARG_FILTER_QUERY(0);
	StoredKey  *keys;
	int			n = filter_cover(query, NULL, false, NULL, NULL, &keys);
	Datum	   *texts = palloc((n + 1) * sizeof(Datum));

	for (int i = 0; i < n; i++)
	{
		StringInfoData buf;

		initStringInfo(&buf);
		show_stored_key(&buf, &keys[i]);
		texts[i] = CStringGetTextDatum(buf.data);
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(texts, n, TEXTOID, -1, false, TYPALIGN_INT));
}
