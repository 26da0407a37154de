/*-------------------------------------------------------------------------
 * src/json_walk.c
 *
 * Decides where a path leads in a document and how two JSON values compare.
 * The functions of jsonb_util.c would do, but most of them allocate, and
 * these run for every row. Must not allocate, throw, or recurse deeper than
 * a path has names or the shallower of two compared values has levels.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"

#include "json_walk.h"

/*
 * ---- Views
 */

static JsonView
view_container(const JsonbContainer *container)
{
	JsonView	v = {JSON_VIEW_ARRAY, 0, (const char *) container};

	if (JsonContainerIsObject(container))
		v.type = JSON_VIEW_OBJECT;
	return v;
}

/* The entry whose data begins "offset" behind "base" (as fillJsonbValue). */
static JsonView
view_entry(const JsonbContainer *container, uint32 i, const char *base, uint32 offset)
{
	JEntry		entry = container->children[i];
	JsonView	v = {JSON_VIEW_NULL, 0, NULL};

	if (JBE_ISSTRING(entry))
	{
		v.type = JSON_VIEW_STRING;
		v.data = base + offset;
		v.len = getJsonbLength(container, i);
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

/* The value of a whole jsonb, which keeps a scalar in an array of its own. */
JsonView
json_view_root(const JsonbContainer *container)
{
	if (JsonContainerIsScalar(container))
		return view_entry(container, 0, (const char *) &container->children[1], 0);
	return view_container(container);
}

JsonView
json_view_element(JsonView array, uint32 position)
{
	const JsonbContainer *container = (const JsonbContainer *) array.data;
	uint32		count = JsonContainerSize(container);
	JsonView	missing = {JSON_VIEW_MISSING, 0, NULL};

	if (position >= count)
		return missing;
	return view_entry(container, position, (const char *) &container->children[count],
					  getJsonbOffset(container, position));
}

/* The order in which jsonb keeps the keys of an object. */
static int
compare_keys(const char *a, uint32 a_len, const char *b, uint32 b_len)
{
	if (a_len != b_len)
		return a_len < b_len ? -1 : 1;
	return memcmp(a, b, a_len);
}

JsonView
json_view_member(JsonView object, const char *key, uint32 len)
{
	const JsonbContainer *container = (const JsonbContainer *) object.data;
	uint32		count = JsonContainerSize(container);
	const char *base = (const char *) &container->children[count * 2];
	uint32		low = 0;
	uint32		high = count;
	JsonView	missing = {JSON_VIEW_MISSING, 0, NULL};

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;
		int			cmp = compare_keys(base + getJsonbOffset(container, middle),
									   getJsonbLength(container, middle),
									   key, len);

		if (cmp == 0)
			return view_entry(container, middle + count, base,
							  getJsonbOffset(container, middle + count));
		if (cmp < 0)
			low = middle + 1;
		else
			high = middle;
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
	it->offset = count > 0 ? getJsonbOffset(container, it->next) : 0;
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

/* Fewer members first; then the first different key or value decides. */
static int
compare_objects(JsonView a, JsonView b)
{
	const JsonbContainer *ca = (const JsonbContainer *) a.data;
	const JsonbContainer *cb = (const JsonbContainer *) b.data;
	uint32		count = JsonContainerSize(ca);
	JsonViewIterator ia,
				ib;
	JsonView	va,
				vb;

	if (count != JsonContainerSize(cb))
		return count < JsonContainerSize(cb) ? -1 : 1;
	json_view_iterate(&ia, a);
	json_view_iterate(&ib, b);
	for (uint32 i = 0; i < count; i++)
	{
		int			cmp = compare_strings(ia.base + getJsonbOffset(ca, i), getJsonbLength(ca, i),
										  ib.base + getJsonbOffset(cb, i), getJsonbLength(cb, i));

		if (cmp != 0)
			return cmp;
		json_view_next(&ia, &va);
		json_view_next(&ib, &vb);
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

/*
 * A total order: types by rank, numbers by value, strings by bytes. Two
 * values are equal if it returns 0. Recursion ends with the shallower value,
 * which in all uses is part of a filter, whose depth is bounded.
 */
int
json_view_compare(JsonView a, JsonView b)
{
	if (a.type != b.type)
		return a.type < b.type ? -1 : 1;
	switch (a.type)
	{
		case JSON_VIEW_NUMBER:
			/* Neither is toasted, so this does not allocate. */
			return DatumGetInt32(DirectFunctionCall2(numeric_cmp,
													 PointerGetDatum(a.data),
													 PointerGetDatum(b.data)));
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

/*
 * ---- Paths
 */

/*
 * Goes on from a value on the way that is neither a scalar nor nothing. In an
 * array every object is tried, and besides the element that the next name
 * counts. An object there is so reached in two ways, and each further name
 * that is a number can double the number of ways: a path may hold only
 * FILTER_MAX_POSITIONS of them.
 */
static bool
walk_array(JsonView array, WalkPath path, JsonWalkVisitor visit, void *arg)
{
	JsonViewIterator it;
	JsonView	element;
	WalkPath	rest = {path.base, path.names + 1, path.len - 1};

	CHECK_FOR_INTERRUPTS();
	json_view_iterate(&it, array);
	while (json_view_next(&it, &element))
		if (element.type == JSON_VIEW_OBJECT && json_walk(element, path, visit, arg))
			return true;
	if (path.names->position < 0)
		return false;
	element = json_view_element(array, path.names->position);
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

/*
 * Visits the values that the path leads to from here, until a visit returns
 * true; returns whether one did. An array that stands for a document (an
 * element of an array, seen by $elemMatch) is an object keyed by position.
 */
bool
json_walk(JsonView value, WalkPath path, JsonWalkVisitor visit, void *arg)
{
	const WalkName *name = path.names;
	JsonView	missing = {JSON_VIEW_MISSING, 0, NULL};

	if (path.len == 0)
		return visit(arg, value, false);
	if (value.type == JSON_VIEW_OBJECT)
		value = json_view_member(value, path.base + name->at, name->len);
	else if (value.type == JSON_VIEW_ARRAY && name->position >= 0)
		value = json_view_element(value, name->position);
	else
		value = missing;

	path.names++;
	path.len--;
	if (path.len == 0)
		return visit(arg, value, true);
	if (value.type == JSON_VIEW_OBJECT)
		return json_walk(value, path, visit, arg);
	if (value.type == JSON_VIEW_ARRAY)
		return walk_array(value, path, visit, arg);
	return visit(arg, missing, true);
}
