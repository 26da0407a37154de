/*-------------------------------------------------------------------------
 * src/sort/query.c
 *
 * The type cirro.sort_query: what it may ask for, in, out, recv, send and
 * equality. The order of its keys counts, so only an array of keys may come
 * from jsonb. What order it stands for is decided by sort/key.c.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "compat.h"
#include "json/glue.h"
#include "json/path.h"
#include "sort/query.h"

PG_FUNCTION_INFO_V1(sort_query_in);
PG_FUNCTION_INFO_V1(sort_query_out);
PG_FUNCTION_INFO_V1(sort_query_recv);
PG_FUNCTION_INFO_V1(sort_query_send);
PG_FUNCTION_INFO_V1(sort_query_from_jsonb);
PG_FUNCTION_INFO_V1(sort_query_eq);
PG_FUNCTION_INFO_V1(sort_query_ne);
PG_FUNCTION_INFO_V1(sort_query_hash);
PG_FUNCTION_INFO_V1(sort_query_hash_extended);

#define MAX_KEYS	16			/* paths of a sort_query */

static const char HINT_SORT[] =
	"Write {\"field\": 1, \"other.field\": -1} or [{\"field\": 1}, {\"other.field\": -1}]: "
	"1 is ascending, -1 descending.";

static int16
direction_of(const JsonTree *member)
{
	if (member->type == JSON_TREE_NUMBER && member->text_len == 1 && member->text[0] == '1')
		return 1;
	if (member->type == JSON_TREE_NUMBER && member->text_len == 2 &&
		memcmp(member->text, "-1", 2) == 0)
		return -1;
	return 0;
}

/*
 * [{"a": 1}, {"b": -1}] as {"a": 1, "b": -1}: from here on they are the same.
 * The members keep their parents, so that errors name the place in the array.
 */
static bool
join_elements(JsonTreeReader *reader, JsonTree *tree)
{
	JsonTree  **next = &tree->child;

	for (JsonTree *c = tree->child, *following; c != NULL; c = following)
	{
		JsonTree   *m = c->child;

		following = c->next;
		if (c->type != JSON_TREE_OBJECT || c->nchildren != 1)
			return json_tree_fail(reader, c, HINT_SORT,
								  "an element of a sort query needs to be an object with one key");
		*next = m;
		next = &m->next;
		for (const JsonTree *earlier = tree->child; earlier != m; earlier = earlier->next)
			if (earlier->key_len == m->key_len && memcmp(earlier->key, m->key, m->key_len) == 0)
				return json_tree_fail(reader, m, "Write each key once.",
									  "the same key comes twice");
	}
	tree->type = JSON_TREE_OBJECT;
	return true;
}

/*
 * Fails for an object of several keys that comes from jsonb. The hint is the array
 * that says what was given, in jsonb's order, if there is room for it.
 */
static void
refuse_unordered(JsonTreeReader *reader, JsonTree *tree)
{
	static const char start[] = "Write an array, whose order counts: [";
	static const char rest[] = "].";
	char		hint[sizeof(reader->error.hint)];
	size_t		len = sizeof(start) - 1;

	memcpy(hint, start, len);
	for (JsonTree *m = tree->child; m != NULL; m = m->next)
	{
		JsonTree	one = {.type = JSON_TREE_OBJECT, .nchildren = 1};
		JsonTree	member = *m;
		const char *separator = m == tree->child ? "" : ", ";
		size_t		size;

		one.child = &member;
		member.next = NULL;
		size = json_tree_write(&one, NULL);
		if (len + strlen(separator) + size + sizeof(rest) > sizeof(hint))
		{
			json_tree_fail(reader, tree,
						   "Write an array, whose order counts: [{\"rating\": -1}, {\"joined_at\": 1}].",
						   "jsonb does not keep the order of several keys");
			return;
		}
		len += strlcpy(hint + len, separator, sizeof(hint) - len);
		json_tree_write(&one, hint + len);
		len += size;
	}
	memcpy(hint + len, rest, sizeof(rest));
	json_tree_fail(reader, tree, hint, "jsonb does not keep the order of several keys");
}

/*
 * The stored form of the text, allocated in the current context; NULL with
 * reader->error set if it is no sort_query. "ordered" says whether keys come
 * in the order that was meant.
 */
static SortQuery *
build(JsonTreeReader *reader, const char *text, size_t len, bool ordered)
{
	JsonTree   *tree = json_tree_read(reader, text, len);
	StringInfoData buf;
	SortQuery	head;
	int			i = 0;

	if (tree == NULL)
		return NULL;
	if (tree->type != JSON_TREE_OBJECT && tree->type != JSON_TREE_ARRAY)
	{
		json_tree_fail(reader, tree, HINT_SORT, "a sort query needs to be an object or an array");
		return NULL;
	}
	if (tree->nchildren > MAX_KEYS)
	{
		json_tree_limit(reader, tree, "Leave out the last ones.",
						"a sort query has more than %d keys", MAX_KEYS);
		return NULL;
	}
	if (tree->type == JSON_TREE_OBJECT && tree->nchildren > 1 && !ordered)
	{
		refuse_unordered(reader, tree);
		return NULL;
	}
	if (tree->type == JSON_TREE_ARRAY && !join_elements(reader, tree))
		return NULL;

	memset(&head, 0, sizeof(head));
	head.version = SORT_QUERY_VERSION;
	head.nkeys = tree->nchildren;
	head.text_len = json_tree_write(tree, NULL);
	head.text = offsetof(SortQuery, keys) + head.nkeys * sizeof(SortPath);
	initStringInfo(&buf);
	enlargeStringInfo(&buf, head.text + head.text_len);
	memcpy(buf.data, &head, offsetof(SortQuery, keys));
	json_tree_write(tree, buf.data + head.text);
	buf.len = head.text + head.text_len;

	for (const JsonTree *m = tree->child; m != NULL; m = m->next, i++)
	{
		JsonPathNames path;
		SortPath	key;

		key.direction = direction_of(m);
		if (key.direction == 0)
		{
			json_tree_fail(reader, m, HINT_SORT, "a sort direction needs to be 1 or -1");
			return NULL;
		}
		if (m->key_len > 0 && m->key[0] == '$')
		{
			json_tree_fail(reader, m, HINT_SORT, "a sort query has no operators");
			return NULL;
		}
		if (!json_path_read(reader, m, 0, &path))
			return NULL;
		key.path_len = path.len;
		key.path = json_glue_put_path(&buf, path.names, path.len);
		((SortQuery *) buf.data)->keys[i] = key;
	}
	SET_VARSIZE(buf.data, buf.len);
	return (SortQuery *) buf.data;
}

static Datum
read_query(const char *text, size_t len, bool ordered, Node *escontext)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cirro sort query",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	JsonTreeReader reader;
	SortQuery  *query;

	json_glue_start(&reader, context);
	query = build(&reader, text, len, ordered);
	MemoryContextSwitchTo(old);
	if (query != NULL)
		query = memcpy(palloc(VARSIZE(query)), query, VARSIZE(query));
	MemoryContextDelete(context);
	if (query == NULL)
		json_glue_error(escontext, (Datum) 0, "sort_query", &reader.error);
	return PointerGetDatum(query);
}

static Datum
from_text(const char *text, size_t len, Node *escontext)
{
	return read_query(text, len, true, escontext);
}

SortQuery *
sort_query_read_jsonb(const Jsonb *jsonb)
{
	StringInfoData text;

	initStringInfo(&text);
	JsonbToCString(&text, unconstify(JsonbContainer *, &jsonb->root), VARSIZE(jsonb));
	return (SortQuery *) DatumGetPointer(read_query(text.data, text.len, false, NULL));
}

static SortQuery *
check_version(SortQuery *query)
{
	if (query->version != SORT_QUERY_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a stored sort_query has format version %d", query->version),
				 errdetail("This library reads version %d.", SORT_QUERY_VERSION),
				 errhint("Install the library of the version that wrote it.")));
	return query;
}

SortQuery *
sort_query_from_datum(Datum datum)
{
	return check_version((SortQuery *) PG_DETOAST_DATUM(datum));
}

SortQuery *
sort_query_copy_from_datum(Datum datum)
{
	return check_version((SortQuery *) PG_DETOAST_DATUM_COPY(datum));
}

static const char *
text_of(const SortQuery *query)
{
	return (const char *) query + query->text;
}

/*
 * ---- SQL functions
 */

Datum
sort_query_in(PG_FUNCTION_ARGS)
{
	return json_glue_in(fcinfo, from_text);
}

Datum
sort_query_out(PG_FUNCTION_ARGS)
{
	SortQuery  *query = PG_GETARG_SORT_QUERY(0);

	PG_RETURN_CSTRING(pnstrdup(text_of(query), query->text_len));
}

Datum
sort_query_recv(PG_FUNCTION_ARGS)
{
	char	   *text = json_glue_recv((StringInfo) PG_GETARG_POINTER(0), "sort_query");

	return from_text(text, strlen(text), NULL);
}

Datum
sort_query_send(PG_FUNCTION_ARGS)
{
	SortQuery  *query = PG_GETARG_SORT_QUERY(0);

	return json_glue_send(text_of(query), query->text_len);
}

/* sort_query_from_jsonb(jsonb) returns sort_query: only what has an order there */
Datum
sort_query_from_jsonb(PG_FUNCTION_ARGS)
{
	return PointerGetDatum(sort_query_read_jsonb(PG_GETARG_JSONB_P(0)));
}

static bool
same_sort(const SortQuery *a, const SortQuery *b)
{
	return a->text_len == b->text_len &&
		memcmp(text_of(a), text_of(b), a->text_len) == 0;
}

Datum
sort_query_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(same_sort(PG_GETARG_SORT_QUERY(0), PG_GETARG_SORT_QUERY(1)));
}

Datum
sort_query_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!same_sort(PG_GETARG_SORT_QUERY(0), PG_GETARG_SORT_QUERY(1)));
}

Datum
sort_query_hash(PG_FUNCTION_ARGS)
{
	SortQuery  *query = PG_GETARG_SORT_QUERY(0);

	return hash_any((const unsigned char *) text_of(query), query->text_len);
}

Datum
sort_query_hash_extended(PG_FUNCTION_ARGS)
{
	SortQuery  *query = PG_GETARG_SORT_QUERY(0);

	return hash_any_extended((const unsigned char *) text_of(query), query->text_len,
							 PG_GETARG_INT64(1));
}
