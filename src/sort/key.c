/*-------------------------------------------------------------------------
 * src/sort/key.c
 *
 * Decides the order that a sort_query stands for, by turning a document into
 * bytes that memcmp puts in that order. Per path: the value's rank, then an
 * encoding of which none is the beginning of another; for a descending path
 * all bits are turned round. What is missing or null comes last either way.
 *
 * Like MongoDB, an array counts with its smallest element where the order is
 * ascending, with its largest where it is descending; an empty one is
 * missing. Unlike there, a null among other values does not count.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/jsonb.h"

#include "compat.h"
#include "json/number.h"
#include "json/walk.h"
#include "sort/key.h"

PG_FUNCTION_INFO_V1(sort_key);

#define SORT_MAX_VALUE	1024	/* bytes for a path, about */

/* Behind every rank, turned round or not. */
#define KEY_MISSING		((char) 0xFF)

typedef struct Candidates
{
	int			direction;
	StringInfo	best;			/* empty: none so far */
	StringInfo	next;
} Candidates;

static void encode(StringInfo buf, JsonView value);

/* jsonb strings hold no zero byte, so one can end them. */
static void
encode_string(StringInfo buf, const char *text, uint32 len)
{
	/* What lies behind SORT_MAX_VALUE is cut off anyway. */
	appendBinaryStringInfo(buf, text, Min(len, SORT_MAX_VALUE));
	appendStringInfoChar(buf, '\0');
}

/*
 * A number, ended by a group of no digits: two zero bytes, or the opposite
 * for a negative one.
 */
static void
encode_number(StringInfo buf, const char *number)
{
	int			sign;
	bool		cut;

	enlargeStringInfo(buf, JSON_NUMBER_HEAD + SORT_MAX_VALUE);
	buf->len += json_number_bytes(buf->data + buf->len, number,
								  SORT_MAX_VALUE / JSON_NUMBER_GROUP, &sign, &cut);
	if (sign != 0)
		for (int i = 0; i < JSON_NUMBER_GROUP; i++)
			appendStringInfoChar(buf, sign < 0 ? (char) 0xFF : 0);
}

/* Fewer members first; then the first different key or value decides. */
static void
encode_object(StringInfo buf, JsonView object)
{
	uint32		count = json_view_count(object);
	JsonViewIterator it;
	JsonView	name;
	JsonView	value;

	for (int shift = 24; shift >= 0; shift -= 8)
		appendStringInfoChar(buf, (count >> shift) & 0xFF);
	json_view_iterate(&it, object);
	while (buf->len < SORT_MAX_VALUE && json_view_next_member(&it, &name, &value))
	{
		encode_string(buf, name.data, name.len);
		encode(buf, value);
	}
}

static void
encode_array(StringInfo buf, JsonView array)
{
	JsonViewIterator it;
	JsonView	value;

	json_view_iterate(&it, array);
	while (buf->len < SORT_MAX_VALUE && json_view_next(&it, &value))
		encode(buf, value);
	appendStringInfoChar(buf, '\0');
}

/*
 * Appends a value. It stops soon behind SORT_MAX_VALUE bytes, and so within
 * that many levels.
 */
static void
encode(StringInfo buf, JsonView value)
{
	appendStringInfoChar(buf, JsonViewRank(value.type));
	switch (value.type)
	{
		case JSON_VIEW_NUMBER:
			encode_number(buf, value.data);
			break;
		case JSON_VIEW_STRING:
			encode_string(buf, value.data, value.len);
			break;
		case JSON_VIEW_OBJECT:
			encode_object(buf, value);
			break;
		case JSON_VIEW_ARRAY:
			encode_array(buf, value);
			break;
		case JSON_VIEW_FALSE:
		case JSON_VIEW_TRUE:
			appendStringInfoChar(buf, value.type == JSON_VIEW_TRUE);
			break;
		case JSON_VIEW_MISSING:
		case JSON_VIEW_NULL:
			break;
	}
}

/* Keeps the value if it comes before what was found so far. */
static void
consider(Candidates *c, JsonView value)
{
	StringInfo	swap;
	int			cmp;

	if (value.type == JSON_VIEW_MISSING || value.type == JSON_VIEW_NULL)
		return;
	resetStringInfo(c->next);
	encode(c->next, value);
	c->next->len = Min(c->next->len, SORT_MAX_VALUE);
	if (c->best->len > 0)
	{
		/* Of two different ones none is the beginning of the other. */
		cmp = memcmp(c->next->data, c->best->data, Min(c->next->len, c->best->len));
		if (c->direction * cmp >= 0)
			return;
	}
	swap = c->best;
	c->best = c->next;
	c->next = swap;
}

static bool
visit_value(void *arg, JsonView value, bool open)
{
	JsonViewIterator it;
	JsonView	element;

	if (!open || value.type != JSON_VIEW_ARRAY)
		consider(arg, value);
	else
	{
		json_view_iterate(&it, value);
		while (json_view_next(&it, &element))
		{
			CHECK_FOR_INTERRUPTS();
			consider(arg, element);
		}
	}
	return false;
}

void
sort_key_append(StringInfo buf, const SortQuery *query, const JsonbContainer *document)
{
	StringInfoData scratch[2];
	Candidates	c = {1, &scratch[0], &scratch[1]};

	initStringInfo(&scratch[0]);
	initStringInfo(&scratch[1]);
	for (int i = 0; i < query->nkeys; i++)
	{
		const SortPath *key = &query->keys[i];
		JsonWalkPath path = {(const char *) query,
			(const JsonWalkName *) ((const char *) query + key->path),
		key->path_len};

		c.direction = key->direction;
		resetStringInfo(c.best);
		json_walk(json_view_root(document), path, visit_value, &c);
		if (c.best->len == 0)
			appendStringInfoChar(buf, KEY_MISSING);
		for (int b = 0; b < c.best->len; b++)
			appendStringInfoChar(buf, key->direction > 0 ? c.best->data[b] : ~c.best->data[b]);
	}
	pfree(scratch[0].data);
	pfree(scratch[1].data);
}

/* sort_key(profile jsonb, sort sort_query) returns bytea */
Datum
sort_key(PG_FUNCTION_ARGS)
{
	Jsonb	   *document = PG_GETARG_JSONB_P(0);
	SortQuery  *query = PG_GETARG_SORT_QUERY(1);
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoSpaces(&buf, VARHDRSZ);
	sort_key_append(&buf, query, &document->root);
	SET_VARSIZE(buf.data, buf.len);
	PG_FREE_IF_COPY(document, 0);
	PG_FREE_IF_COPY(query, 1);
	PG_RETURN_BYTEA_P(buf.data);
}
