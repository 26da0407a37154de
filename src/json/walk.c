/*-------------------------------------------------------------------------
 * src/json/walk.c
 *
 * Decides where a path leads in a document and how two JSON values compare.
 * The functions of jsonb_util.c would do, but most of them allocate, and
 * these run for every row. Must not allocate, throw but for a cancel, or
 * recurse deeper than a path has names or the shallower of two compared values
 * has levels.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"

#include "compat.h"
#include "json/walk.h"

/*
 * ---- Views
 */

static inline JsonView
view_container(const JsonbContainer *container)
{
	JsonView	v = {JSON_VIEW_ARRAY, 0, (const char *) container};

	if (JsonContainerIsObject(container))
		v.type = JSON_VIEW_OBJECT;
	return v;
}

/*
 * Most entries hold the length of their data, each 32nd or so its end instead,
 * counted from the start of all data. getJsonbOffset and getJsonbLength find
 * out anew for each entry; here what is known of its neighbours is used.
 */
static inline uint32
entry_length(JEntry entry, uint32 offset)
{
	return JBE_HAS_OFF(entry) ? JBE_OFFLENFLD(entry) - offset : JBE_OFFLENFLD(entry);
}

/* Where the data of entry "i" begins; that of "known", not behind it, is known. */
static inline uint32
entry_offset(const JsonbContainer *container, uint32 i, uint32 known, uint32 known_offset)
{
	uint32		offset = 0;

	while (i > known)
	{
		JEntry		entry = container->children[--i];

		offset += JBE_OFFLENFLD(entry);
		if (JBE_HAS_OFF(entry))
			return offset;
	}
	return known_offset + offset;
}

/* The entry whose data begins "offset" behind "base" (as fillJsonbValue). */
static inline JsonView
view_entry(const JsonbContainer *container, uint32 i, const char *base, uint32 offset)
{
	JEntry		entry = container->children[i];
	JsonView	v = {JSON_VIEW_NULL, 0, NULL};

	if (JBE_ISSTRING(entry))
	{
		v.type = JSON_VIEW_STRING;
		v.data = base + offset;
		v.len = entry_length(entry, offset);
	}
	else if (JBE_ISNUMERIC(entry))
	{
		v.type = JSON_VIEW_NUMBER;
		v.data = base + INTALIGN(offset);
	}
	else if (JBE_ISBOOL_TRUE(entry))
		v.type = JSON_VIEW_TRUE;
	else if (JBE_ISBOOL_FALSE(entry))
		v.type = JSON_VIEW_FALSE;
	else if (JBE_ISCONTAINER(entry))
		v = view_container((const JsonbContainer *) (base + INTALIGN(offset)));
	return v;
}

JsonView
json_view_root(const JsonbContainer *container)
{
	if (JsonContainerIsScalar(container))
		return view_entry(container, 0, (const char *) &container->children[1], 0);
	return view_container(container);
}

static JsonView
view_element(JsonView array, uint32 position)
{
	const JsonbContainer *container = (const JsonbContainer *) array.data;
	uint32		count = JsonContainerSize(container);
	JsonView	missing = {JSON_VIEW_MISSING, 0, NULL};

	if (position >= count)
		return missing;
	return view_entry(container, position, (const char *) &container->children[count],
					  entry_offset(container, position, 0, 0));
}

/* Halving a longer list of keys costs less than passing over it. */
#define KEYS_TO_PASS	64

/*
 * Leaves of the keys at "low" to before "high" at most KEYS_TO_PASS, so that
 * the wanted one is among them if it is there at all. Returns the new "low".
 */
static pg_noinline uint32
narrow_keys(const JsonbContainer *container, uint32 *high, const char *base,
			const char *key, uint32 len)
{
	uint32		low = 0;

	while (*high - low > KEYS_TO_PASS)
	{
		uint32		middle = low + (*high - low) / 2;
		uint32		offset = entry_offset(container, middle, 0, 0);
		uint32		middle_len = entry_length(container->children[middle], offset);

		if (middle_len < len ||
			(middle_len == len && memcmp(base + offset, key, len) <= 0))
			low = middle;
		else
			*high = middle;
	}
	return low;
}

/*
 * Keys are sorted by length, then by bytes. Passing over the lengths of the
 * shorter ones finds the place of the key, and of its value besides.
 */
static JsonView
view_member(JsonView object, const char *key, uint32 len)
{
	const JsonbContainer *container = (const JsonbContainer *) object.data;
	uint32		count = JsonContainerSize(container);
	const char *base = (const char *) &container->children[count * 2];
	uint32		i = 0;
	uint32		end = count;
	uint32		offset = 0;
	JsonView	missing = {JSON_VIEW_MISSING, 0, NULL};

	if (unlikely(count > KEYS_TO_PASS))
	{
		i = narrow_keys(container, &end, base, key, len);
		offset = entry_offset(container, i, 0, 0);
	}
	for (; i < end; i++)
	{
		uint32		key_len = entry_length(container->children[i], offset);

		if (key_len > len)
			break;
		/* Most keys of that length begin with another letter. */
		if (key_len == len &&
			(len == 0 || (base[offset] == key[0] && memcmp(base + offset, key, len) == 0)))
			return view_entry(container, i + count, base,
							  entry_offset(container, i + count, i + 1, offset + len));
		offset += key_len;
	}
	return missing;
}

void
json_view_iterate(JsonViewIterator *it, JsonView view)
{
	const JsonbContainer *container = (const JsonbContainer *) view.data;
	uint32		count = JsonContainerSize(container);

	it->container = container;
	it->next = view.type == JSON_VIEW_OBJECT ? count : 0;
	it->end = it->next + count;
	it->base = (const char *) &container->children[it->end];
	it->offset = entry_offset(container, it->next, 0, 0);
	it->name_offset = 0;
}

bool
json_view_next(JsonViewIterator *it, JsonView *value)
{
	if (it->next >= it->end)
		return false;
	*value = view_entry(it->container, it->next, it->base, it->offset);
	JBE_ADVANCE_OFFSET(it->offset, it->container->children[it->next]);
	it->next++;
	return true;
}

bool
json_view_next_member(JsonViewIterator *it, JsonView *name, JsonView *value)
{
	JEntry		entry;

	if (it->next >= it->end)
		return false;
	/* All names come before the values. */
	entry = it->container->children[it->next - JsonContainerSize(it->container)];
	name->type = JSON_VIEW_STRING;
	name->data = it->base + it->name_offset;
	name->len = entry_length(entry, it->name_offset);
	it->name_offset += name->len;
	return json_view_next(it, value);
}

/*
 * ---- Order
 */

static int
compare_strings(const char *a, uint32 a_len, const char *b, uint32 b_len)
{
	int			cmp = memcmp(a, b, Min(a_len, b_len));

	if (cmp != 0)
		return cmp;
	return a_len == b_len ? 0 : a_len < b_len ? -1 : 1;
}

/* Neither is toasted, so this does not allocate. */
static int
compare_numbers(const char *a, const char *b)
{
	if (VARSIZE_ANY(a) == VARSIZE_ANY(b) && memcmp(a, b, VARSIZE_ANY(a)) == 0)
		return 0;
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp,
											 PointerGetDatum(a), PointerGetDatum(b)));
}

/* Fewer members first; then the first different key or value decides. */
static int
compare_objects(JsonView a, JsonView b)
{
	uint32		a_count = json_view_count(a);
	uint32		b_count = json_view_count(b);
	JsonViewIterator ia,
				ib;
	JsonView	na,
				nb;
	JsonView	va,
				vb;

	if (a_count != b_count)
		return a_count < b_count ? -1 : 1;
	json_view_iterate(&ia, a);
	json_view_iterate(&ib, b);
	while (json_view_next_member(&ia, &na, &va) && json_view_next_member(&ib, &nb, &vb))
	{
		int			cmp = compare_strings(na.data, na.len, nb.data, nb.len);

		if (cmp == 0)
			cmp = json_view_compare(va, vb);
		if (cmp != 0)
			return cmp;
	}
	return 0;
}

static int
compare_arrays(JsonView a, JsonView b)
{
	JsonViewIterator ia,
				ib;
	JsonView	va,
				vb;

	json_view_iterate(&ia, a);
	json_view_iterate(&ib, b);
	for (;;)
	{
		bool		more_a = json_view_next(&ia, &va);
		bool		more_b = json_view_next(&ib, &vb);
		int			cmp;

		if (!more_a || !more_b)
			return (int) more_a - (int) more_b;
		cmp = json_view_compare(va, vb);
		if (cmp != 0)
			return cmp;
	}
}

int
json_view_compare(JsonView a, JsonView b)
{
	if (a.type != b.type)
		return a.type < b.type ? -1 : 1;
	switch (a.type)
	{
		case JSON_VIEW_NUMBER:
			return compare_numbers(a.data, b.data);
		case JSON_VIEW_STRING:
			return compare_strings(a.data, a.len, b.data, b.len);
		case JSON_VIEW_OBJECT:
			return compare_objects(a, b);
		case JSON_VIEW_ARRAY:
			return compare_arrays(a, b);
		default:
			return 0;
	}
}

bool
json_view_equal(JsonView a, JsonView b)
{
	if (a.type != b.type)
		return false;
	if (a.type == JSON_VIEW_STRING)
		return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
	return json_view_compare(a, b) == 0;
}

/* Strings, the commonest, are passed over by their length. */
bool
json_view_has_element(JsonView array, JsonView value)
{
	JsonViewIterator it;
	JsonView	element;

	json_view_iterate(&it, array);
	while (it.next < it.end)
	{
		JEntry		entry = it.container->children[it.next];

		CHECK_FOR_INTERRUPTS();
		if (value.type == JSON_VIEW_STRING &&
			(!JBE_ISSTRING(entry) || entry_length(entry, it.offset) != value.len))
		{
			JBE_ADVANCE_OFFSET(it.offset, entry);
			it.next++;
		}
		else if (json_view_next(&it, &element) && json_view_equal(element, value))
			return true;
	}
	return false;
}

/*
 * ---- Paths
 */

/*
 * Goes on from a value on the way that is neither a scalar nor nothing. In an
 * array every object is tried, and besides the element that the next name
 * counts. An object there is so reached in two ways, and each further name
 * that is a number can double the number of ways: a path may hold only
 * JSON_PATH_MAX_POSITIONS of them.
 */
static bool
walk_array(JsonView array, JsonWalkPath path, JsonWalkVisitor visit, void *arg)
{
	JsonViewIterator it;
	JsonView	element;
	JsonWalkPath rest = {path.base, path.names + 1, path.len - 1};

	json_view_iterate(&it, array);
	while (json_view_next(&it, &element))
	{
		CHECK_FOR_INTERRUPTS();
		if (element.type == JSON_VIEW_OBJECT && json_walk(element, path, visit, arg))
			return true;
	}
	if (path.names->position < 0)
		return false;
	element = view_element(array, path.names->position);
	if (element.type == JSON_VIEW_MISSING)
		return false;
	if (rest.len == 0)
		return visit(arg, element, false);
	if (element.type == JSON_VIEW_ARRAY)
		return walk_array(element, rest, visit, arg);
	if (element.type == JSON_VIEW_OBJECT)
		return json_walk(element, rest, visit, arg);
	return false;
}

JsonView
json_walk_step(JsonView document, const char *base, const JsonWalkName *name)
{
	JsonView	missing = {JSON_VIEW_MISSING, 0, NULL};

	if (likely(document.type == JSON_VIEW_OBJECT))
		return view_member(document, base + name->at, name->len);
	if (document.type == JSON_VIEW_ARRAY && name->position >= 0)
		return view_element(document, name->position);
	return missing;
}

bool
json_walk_on(JsonView value, JsonWalkPath rest, JsonWalkVisitor visit, void *arg)
{
	JsonView	missing = {JSON_VIEW_MISSING, 0, NULL};

	if (rest.len == 0)
		return visit(arg, value, true);
	if (value.type == JSON_VIEW_OBJECT)
		return json_walk(value, rest, visit, arg);
	if (value.type == JSON_VIEW_ARRAY)
		return walk_array(value, rest, visit, arg);
	return visit(arg, missing, true);
}

bool
json_walk(JsonView document, JsonWalkPath path, JsonWalkVisitor visit, void *arg)
{
	JsonWalkPath rest = {path.base, path.names + 1, path.len - 1};

	if (path.len == 0)
		return visit(arg, document, false);
	return json_walk_on(json_walk_step(document, path.base, path.names), rest, visit, arg);
}
