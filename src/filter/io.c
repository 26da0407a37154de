/*-------------------------------------------------------------------------
 * src/filter/io.c
 *
 * The type cirro.filter_query: in, out, recv, send, equality, and the stored
 * form, which is made here alone. What is a filter is decided by
 * filter/parse.c; there is no way into the type but through its text.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "lib/qunique.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "filter/io.h"
#include "filter/parse.h"
#include "filter/regex.h"
#include "json/glue.h"

PG_FUNCTION_INFO_V1(filter_query_in);
PG_FUNCTION_INFO_V1(filter_query_out);
PG_FUNCTION_INFO_V1(filter_query_recv);
PG_FUNCTION_INFO_V1(filter_query_send);
PG_FUNCTION_INFO_V1(filter_query_eq);
PG_FUNCTION_INFO_V1(filter_query_ne);
PG_FUNCTION_INFO_V1(filter_query_hash);
PG_FUNCTION_INFO_V1(filter_query_hash_extended);

/*
 * ---- The stored form
 */

/*
 * Stores the jsonb that a part of the canonical text stands for, and returns
 * where. jsonb has the documents' format: operands are compared in place.
 */
static uint32
put_jsonb(StringInfo buf, const char *canonical, const JsonTree *tree)
{
	char	   *text = pnstrdup(canonical + tree->written_at, tree->written_len);
	Jsonb	   *jb = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	uint32		at;

	json_glue_align(buf);
	at = buf->len;
	appendBinaryStringInfo(buf, VARDATA(jb), VARSIZE(jb) - VARHDRSZ);
	pfree(text);
	pfree(jb);
	return at;
}

static FilterValue
value_of_view(StringInfo buf, JsonView view)
{
	FilterValue value = {view.type, 0, view.len};

	if (view.data != NULL)
		value.at = view.data - buf->data;
	return value;
}

static uint32
put_values(StringInfo buf, const FilterValue *values, uint32 count)
{
	uint32		at;

	json_glue_align(buf);
	at = buf->len;
	appendBinaryStringInfo(buf, (const char *) values, count * sizeof(FilterValue));
	return at;
}

static int
compare_values(const void *a, const void *b, void *base)
{
	return json_view_compare(filter_value_view(base, a), filter_value_view(base, b));
}

/* The list of $in: its elements sorted, none twice. */
static void
put_list(StringInfo buf, FilterNode *node, const char *canonical, const JsonTree *list)
{
	uint32		at = put_jsonb(buf, canonical, list);
	FilterValue *values = palloc((list->nchildren + 1) * sizeof(FilterValue));
	uint32		count = 0;
	JsonViewIterator it;
	JsonView	view;

	json_view_iterate(&it, json_view_root((JsonbContainer *) (buf->data + at)));
	while (json_view_next(&it, &view))
		values[count++] = value_of_view(buf, view);
	qsort_arg(values, count, sizeof(FilterValue), compare_values, buf->data);
	count = qunique_arg(values, count, sizeof(FilterValue), compare_values, buf->data);
	node->number = count;
	node->operand = put_values(buf, values, count);
	pfree(values);
}

static void
put_operand(StringInfo buf, FilterNode *node, const char *canonical,
			const FilterParseNode *parsed)
{
	FilterValue value;

	switch (parsed->op)
	{
		case FILTER_EQ:
		case FILTER_GT:
		case FILTER_GTE:
		case FILTER_LT:
		case FILTER_LTE:
			{
				uint32		at = put_jsonb(buf, canonical, parsed->operand);

				value = value_of_view(buf, json_view_root((JsonbContainer *) (buf->data + at)));
				node->operand = put_values(buf, &value, 1);
				break;
			}
		case FILTER_IN:
			put_list(buf, node, canonical, parsed->operand);
			break;
		case FILTER_REGEX:
			value.type = JSON_VIEW_STRING;
			value.at = buf->len;
			value.len = parsed->pattern_len;
			appendBinaryStringInfo(buf, parsed->pattern, parsed->pattern_len);
			node->operand = put_values(buf, &value, 1);
			break;
		case FILTER_MOD:
			json_glue_align(buf);
			node->operand = buf->len;
			appendBinaryStringInfo(buf, (char *) &parsed->divisor, sizeof(int64));
			appendBinaryStringInfo(buf, (char *) &parsed->remainder, sizeof(int64));
			break;
		default:
			break;
	}
}

/*
 * The stored form of a parsed filter, allocated in the current context. Sizes
 * cannot overflow: the text is at most JSON_TREE_MAX_TEXT long, and none of its
 * bytes takes 100 here.
 */
static FilterQuery *
build(FilterParser *parser)
{
	StringInfoData buf;
	FilterQuery head;
	size_t		text_len = json_tree_write(parser->tree, NULL);
	char	   *canonical = palloc(text_len + 1);
	const JsonPathName *last_path = NULL;
	uint32		last_path_at = 0;

	json_tree_write(parser->tree, canonical);

	initStringInfo(&buf);
	memset(&head, 0, sizeof(head));
	head.version = FILTER_QUERY_VERSION;
	head.nnodes = parser->nnodes;
	head.text_len = text_len;
	head.text = offsetof(FilterQuery, nodes) + parser->nnodes * sizeof(FilterNode);
	enlargeStringInfo(&buf, head.text + text_len);
	appendBinaryStringInfo(&buf, (char *) &head, offsetof(FilterQuery, nodes));
	memset(buf.data + buf.len, 0, head.text - buf.len);
	buf.len = head.text;
	appendBinaryStringInfo(&buf, canonical, text_len);

	for (uint32 i = 0; i < parser->nnodes; i++)
	{
		const FilterParseNode *parsed = &parser->nodes[i];
		FilterNode	node;

		memset(&node, 0, sizeof(node));
		node.op = parsed->op;
		node.nnodes = parsed->nnodes;
		node.number = parsed->number;
		node.path_len = parsed->path_len;
		if (parsed->path_len > 0)
		{
			/* Operators of one field share its path. */
			if (parsed->path != last_path)
				last_path_at = json_glue_put_path(&buf, parsed->path, parsed->path_len);
			last_path = parsed->path;
			node.path = last_path_at;
		}
		put_operand(&buf, &node, canonical, parsed);
		((FilterQuery *) buf.data)->nodes[i] = node;
	}
	pfree(canonical);
	SET_VARSIZE(buf.data, buf.len);
	return (FilterQuery *) buf.data;
}

/*
 * Makes a filter_query of text in the server's encoding, or reports what is
 * wrong with it (softly, if the caller wants that).
 */
static Datum
from_text(const char *text, size_t len, Node *escontext)
{
	MemoryContext context;
	MemoryContext old;
	FilterParser parser;
	FilterQuery *query;

	context = AllocSetContextCreate(CurrentMemoryContext, "cirro filter",
									ALLOCSET_DEFAULT_SIZES);
	memset(&parser, 0, sizeof(parser));
	json_glue_start(&parser.reader, context);
	parser.check_pattern = filter_regex_check;

	old = MemoryContextSwitchTo(context);
	if (!filter_parse(&parser, text, len))
	{
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		json_glue_error(escontext, (Datum) 0, "filter_query", &parser.reader.error);
	}
	query = build(&parser);
	MemoryContextSwitchTo(old);
	query = memcpy(palloc(VARSIZE(query)), query, VARSIZE(query));
	MemoryContextDelete(context);
	return PointerGetDatum(query);
}

FilterQuery *
filter_query_from_text(const char *text, size_t len)
{
	return (FilterQuery *) DatumGetPointer(from_text(text, len, NULL));
}

FilterQuery *
filter_query_from_datum(Datum datum)
{
	FilterQuery *query = (FilterQuery *) PG_DETOAST_DATUM(datum);

	if (query->version != FILTER_QUERY_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a stored filter_query has format version %d", query->version),
				 errdetail("This library reads version %d.", FILTER_QUERY_VERSION),
				 errhint("Install the library of the version that wrote it.")));
	return query;
}

static const char *
text_of(const FilterQuery *query)
{
	return (const char *) query + query->text;
}

Jsonb *
filter_query_to_jsonb(const FilterQuery *query)
{
	char	   *text = pnstrdup(text_of(query), query->text_len);
	Jsonb	   *jb = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));

	pfree(text);
	return jb;
}

uint64
filter_query_hash64(const FilterQuery *query)
{
	return hash_bytes_extended((const unsigned char *) text_of(query), query->text_len, 0) | 1;
}

/*
 * ---- SQL functions
 */

Datum
filter_query_in(PG_FUNCTION_ARGS)
{
	return json_glue_in(fcinfo, from_text);
}

Datum
filter_query_out(PG_FUNCTION_ARGS)
{
	const FilterQuery *query = PG_GETARG_FILTER_QUERY(0);

	PG_RETURN_CSTRING(pnstrdup(text_of(query), query->text_len));
}

/* The binary format is a byte for its version and the text. */
Datum
filter_query_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	char	   *text = json_glue_recv(buf, "filter_query");

	return from_text(text, strlen(text), NULL);
}

Datum
filter_query_send(PG_FUNCTION_ARGS)
{
	const FilterQuery *query = PG_GETARG_FILTER_QUERY(0);

	return json_glue_send(text_of(query), query->text_len);
}

static bool
same_filter(const FilterQuery *a, const FilterQuery *b)
{
	return a->text_len == b->text_len &&
		memcmp(text_of(a), text_of(b), a->text_len) == 0;
}

/* Equal are filters with the same canonical text. */
Datum
filter_query_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(same_filter(PG_GETARG_FILTER_QUERY(0), PG_GETARG_FILTER_QUERY(1)));
}

Datum
filter_query_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!same_filter(PG_GETARG_FILTER_QUERY(0), PG_GETARG_FILTER_QUERY(1)));
}

Datum
filter_query_hash(PG_FUNCTION_ARGS)
{
	const FilterQuery *query = PG_GETARG_FILTER_QUERY(0);

	return hash_any((const unsigned char *) text_of(query), query->text_len);
}

Datum
filter_query_hash_extended(PG_FUNCTION_ARGS)
{
	const FilterQuery *query = PG_GETARG_FILTER_QUERY(0);

	return hash_any_extended((const unsigned char *) text_of(query), query->text_len,
							 PG_GETARG_INT64(1));
}
