/*-------------------------------------------------------------------------
 * src/index/extract.c
 *
 * Decides what each condition of a filter asks of the keys of a document.
 * Where keys cannot tell (null, which missing equals; positions in a path;
 * arrays in arrays; patterns behind their first letters; remainders) it says so: a wrong
 * "necessary" would lose matches, a wrong "exact" would make some up. What is
 * worth fetching is decided elsewhere (index/choice.c).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/qunique.h"
#include "miscadmin.h"

#include "filter/parse.h"
#include "filter/regex.h"
#include "index/extract.h"
#include "json/path.h"

/* Of an array or object that is asked for as a whole, this many are enough. */
#define MAX_PARTS		16

/* Larger lists are one search over the keys between its ends. */
#define SET_MIN		33

extern IndexEntry *index_entry_extract(const FilterQuery *query);

/* Where conditions stand. */
typedef struct Place
{
	bool		reachable;		/* keys are made of what is here */
	bool		in_value;		/* elements of an array are at hand */
	int			depth;			/* names in the path */
	size_t		path_len;
	size_t		begin;			/* of the names behind the array whose element
								 * is at hand */
	char		path[JSON_PATH_MAX_BYTES];
} Place;

static IndexEntry *extract(const FilterQuery *query, const FilterNode *node, const Place *place);

/* Goes on to a member. */
static void
append_name(Place *place, const char *name, uint32 len)
{
	size_t		start = place->path_len + (place->depth > 0);

	/* Paths of $elemMatch in each other may be longer than those of keys. */
	if (place->depth == JSON_PATH_MAX_NAMES || start + len > JSON_PATH_MAX_BYTES)
	{
		place->reachable = false;
		return;
	}
	if (place->depth > 0)
		place->path[place->path_len] = '.';
	memcpy(place->path + start, name, len);
	place->path_len = start + len;
	place->depth++;
}

/*
 * ---- Leaves. Each makes the entry of a condition whose path is in "at".
 */

static IndexEntry *
make_leaf(IndexEntryKind kind, const FilterNode *node, const ProfileKey *at,
		  bool exact)
{
	IndexEntry *entry = index_entry_make(kind, node);

	entry->has_path = true;
	entry->low = *at;
	entry->exact = exact && at->data[0] != (char) PROFILE_KEY_HASHED;
	return entry;
}

/* Keys do not tell, but the path is known. */
static IndexEntry *
make_unknown(const FilterNode *node, const ProfileKey *at)
{
	IndexEntry *entry = index_entry_make(ENTRY_UNKNOWN, node);

	entry->has_path = true;
	entry->low = *at;
	return entry;
}

/* All keys of the path that have a tag from one to another. */
static IndexEntry *
make_tags(const FilterNode *node, const ProfileKey *at,
		  ProfileTag from, ProfileTag to, bool exact)
{
	IndexEntry *entry = make_leaf(ENTRY_RANGE, node, at, exact);

	profile_key_tag(&entry->low, from);
	entry->high = *at;
	profile_key_tag(&entry->high, to);
	entry->high_begins = true;
	return entry;
}

static IndexEntry *
make_array(const FilterNode *node, const ProfileKey *at,
		   ProfileTag tag, uint32 length, bool exact)
{
	IndexEntry *entry = make_leaf(ENTRY_KEY, node, at, exact);

	profile_key_length(&entry->low, tag, length);
	return entry;
}

/* An object, or in an array whatever. */
static IndexEntry *
make_object(const FilterNode *node, const ProfileKey *at, bool exact)
{
	IndexEntry *entry = make_leaf(ENTRY_KEY, node, at, exact);

	profile_key_tag(&entry->low, PROFILE_TAG_OBJECT);
	entry->next = make_tags(node, at, PROFILE_TAG_ARRAY, PROFILE_TAG_ARRAY, false);
	return index_entry_combine(ENTRY_OR, entry);
}

static IndexEntry *make_member(const FilterNode *node, const Place *place, JsonView value);

/*
 * Equal to an object: then the document has the keys of its members. Only
 * names without a dot are part of a path.
 */
static IndexEntry *
make_equal_object(const FilterNode *node, const Place *place, JsonView object)
{
	IndexEntry *entries = NULL;
	JsonViewIterator it;
	JsonView	name;
	JsonView	value;
	ProfileKey	at;

	check_stack_depth();
	json_view_iterate(&it, object);
	for (int i = 0; i < MAX_PARTS && json_view_next_member(&it, &name, &value); i++)
	{
		Place		member = *place;
		IndexEntry *entry;

		CHECK_FOR_INTERRUPTS();
		if (memchr(name.data, '.', name.len) != NULL)
			continue;
		append_name(&member, name.data, name.len);
		if (!member.reachable)
			continue;
		entry = make_member(node, &member, value);
		entry->next = entries;
		entries = entry;
	}
	if (entries != NULL)
	{
		entries = index_entry_combine(ENTRY_AND, entries);
		index_entry_inexact(entries);
		return entries;
	}
	profile_key_path(&at, place->path, place->path_len);
	return make_object(node, &at, false);
}

/* Equal to an array with these elements: then the document has their keys. */
static IndexEntry *
make_equal_array(const FilterNode *node, const Place *place, JsonView array)
{
	uint32		length = json_view_count(array);
	IndexEntry *entries;
	JsonViewIterator it;
	JsonView	value;
	ProfileKey	at;

	check_stack_depth();
	profile_key_path(&at, place->path, place->path_len);
	entries = make_array(node, &at, PROFILE_TAG_ARRAY, length, length == 0);
	json_view_iterate(&it, array);
	for (int i = 0; i < MAX_PARTS && json_view_next(&it, &value); i++)
	{
		IndexEntry *entry;

		CHECK_FOR_INTERRUPTS();
		if (value.type == JSON_VIEW_ARRAY)
			entry = make_array(node, &at, PROFILE_TAG_INNER, json_view_count(value), false);
		else
			entry = make_member(node, place, value);
		entry->next = entries;
		entries = entry;
	}
	entries = index_entry_combine(ENTRY_AND, entries);
	if (length > 0)
		index_entry_inexact(entries);
	return entries;
}

/* A part of a value that is asked for as a whole. */
static IndexEntry *
make_member(const FilterNode *node, const Place *place, JsonView value)
{
	IndexEntry *entry;
	ProfileKey	at;

	if (value.type == JSON_VIEW_OBJECT)
		return make_equal_object(node, place, value);
	if (value.type == JSON_VIEW_ARRAY)
		return make_equal_array(node, place, value);
	profile_key_path(&at, place->path, place->path_len);
	entry = make_leaf(ENTRY_KEY, node, &at, false);
	profile_key_scalar(&entry->low, value);
	return entry;
}

/* Equal to a value of the filter. */
static IndexEntry *
make_equal(const FilterQuery *query, const FilterNode *node, const Place *place,
		   const ProfileKey *at, JsonView value)
{
	IndexEntry *entry;
	uint32		length;

	switch (value.type)
	{
		case JSON_VIEW_MISSING:
		case JSON_VIEW_NULL:
			entry = make_unknown(node, at);
			entry->one_value = place->in_value;
			return entry;
		case JSON_VIEW_OBJECT:
			return make_equal_object(node, place, value);
		case JSON_VIEW_ARRAY:
			/* Empty ones are all alike. */
			length = json_view_count(value);
			entry = make_array(node, at, PROFILE_TAG_INNER, length, length == 0);
			if (!place->in_value)
			{
				entry->next = make_equal_array(node, place, value);
				entry = index_entry_combine(ENTRY_OR, entry);
			}
			return entry;
		default:
			entry = make_leaf(ENTRY_KEY, node, at, true);
			profile_key_scalar(&entry->low, value);
			if (entry->low.cut)
				entry->exact = false;
			return entry;
	}
}

static int
compare_keys(const void *a, const void *b)
{
	const ProfileKey *x = a;
	const ProfileKey *y = b;

	return profile_key_compare(x->data, x->len, y->data, y->len);
}

static IndexEntry *
make_in(const FilterQuery *query, const FilterNode *node, const Place *place, const ProfileKey *at)
{
	const FilterValue *values = filter_node_values(query, node);
	IndexEntry *entries = NULL;
	IndexEntry *set = NULL;

	for (uint32 i = 0; i < node->number; i++)
	{
		JsonView	value = filter_value_view(query, &values[i]);
		IndexEntry *entry;

		CHECK_FOR_INTERRUPTS();
		entry = make_equal(query, node, place, at, value);
		if (entry->kind == ENTRY_UNKNOWN)
			return entry;
		if (value.type != JSON_VIEW_OBJECT && value.type != JSON_VIEW_ARRAY &&
			node->number >= SET_MIN)
		{
			if (set == NULL)
			{
				set = entry;
				set->kind = ENTRY_SET;
				set->set = palloc(node->number * sizeof(ProfileKey));
				set->next = entries;
				entries = set;
			}
			set->set[set->nset++] = entry->low;
			set->exact = set->exact && entry->exact;
			if (entry != set)
				pfree(entry);
			continue;
		}
		entry->next = entries;
		entries = entry;
	}
	if (set != NULL)
	{
		qsort(set->set, set->nset, sizeof(ProfileKey), compare_keys);
		set->nset = qunique(set->set, set->nset, sizeof(ProfileKey), compare_keys);
		set->low = set->set[0];
	}
	return index_entry_combine(ENTRY_OR, entries);
}

/*
 * The arrays of several elements from the element at hand, or the document, to
 * the value: where there is none, one value meets whatever is asked of it.
 */
static IndexEntry *
make_many(const FilterNode *node, const Place *place)
{
	IndexEntry *entries = NULL;

	for (size_t len = place->begin; len <= place->path_len; len++)
	{
		IndexEntry *entry;
		ProfileKey	at;

		if (len < place->path_len && place->path[len] != '.')
			continue;
		profile_key_path(&at, place->path, len);
		entry = make_tags(node, &at, PROFILE_TAG_ARRAY, PROFILE_TAG_ARRAY, false);
		entry->low = at;
		profile_key_length(&entry->low, PROFILE_TAG_ARRAY, 2);
		entry->next = entries;
		entries = entry;
	}
	return entries;
}

static IndexEntry *
make_order(const FilterQuery *query, const FilterNode *node, const Place *place,
		   const ProfileKey *at)
{
	JsonView	value = filter_value_view(query, filter_node_values(query, node));
	bool		from_below = node->op == FILTER_GT || node->op == FILTER_GTE;
	bool		open = node->op == FILTER_GT || node->op == FILTER_LT;
	IndexEntry *entry;
	ProfileKey	end = *at;
	bool		cut;

	switch (value.type)
	{
		case JSON_VIEW_MISSING:
		case JSON_VIEW_NULL:
			/* What may equal null has become an equality. */
			return index_entry_make(ENTRY_NEVER, NULL);
		case JSON_VIEW_OBJECT:
			return make_object(node, at, false);
		case JSON_VIEW_ARRAY:
			return make_tags(node, at, PROFILE_TAG_ARRAY, PROFILE_TAG_INNER, false);
		default:
			break;
	}
	profile_key_scalar(&end, value);
	cut = end.cut;
	profile_key_uncut(&end);
	entry = make_tags(node, at, end.data[at->len], end.data[at->len], !cut);
	if (!place->in_value)
		entry->many = make_many(node, place);
	if (from_below)
	{
		entry->low = end;
		entry->low_open = open && !cut;
	}
	else
	{
		entry->high = end;
		entry->high_open = open && !cut;
		entry->high_begins = cut;
	}
	return entry;
}

/* The strings that begin like a pattern that is tied to the beginning. */
static IndexEntry *
make_regex(const FilterQuery *query, const FilterNode *node, const ProfileKey *at)
{
	JsonView	pattern = filter_value_view(query, filter_node_values(query, node));
	char		text[FILTER_MAX_PATTERN];
	JsonView	beginning = {JSON_VIEW_STRING, 0, text};
	IndexEntry *entry;
	bool		all;

	beginning.len = filter_regex_beginning(pattern, node->number, text, &all);
	if (beginning.len == 0)
		return make_unknown(node, at);
	entry = make_leaf(ENTRY_RANGE, node, at, all);
	profile_key_scalar(&entry->low, beginning);
	if (entry->low.cut)
		entry->exact = false;
	profile_key_uncut(&entry->low);
	entry->high = entry->low;
	entry->high_begins = true;
	return entry;
}

static IndexEntry *
make_type(const FilterNode *node, const ProfileKey *at)
{
	static const struct
	{
		uint32		bit;
		ProfileTag	from;
		ProfileTag	to;
	}			types[] = {
		{FILTER_TYPE_NULL, PROFILE_TAG_NULL, PROFILE_TAG_NULL},
		{FILTER_TYPE_NUMBER, PROFILE_TAG_NUMBER, PROFILE_TAG_NUMBER},
		{FILTER_TYPE_STRING, PROFILE_TAG_STRING, PROFILE_TAG_STRING},
		{FILTER_TYPE_ARRAY, PROFILE_TAG_ARRAY, PROFILE_TAG_INNER},
		{FILTER_TYPE_BOOL, PROFILE_TAG_BOOL, PROFILE_TAG_BOOL}
	};
	IndexEntry *entries = NULL;

	for (int i = 0; i < lengthof(types); i++)
		if ((node->number & types[i].bit) != 0)
		{
			IndexEntry *entry = make_tags(node, at, types[i].from, types[i].to, true);

			entry->next = entries;
			entries = entry;
		}
	if ((node->number & FILTER_TYPE_OBJECT) != 0)
	{
		IndexEntry *entry = make_object(node, at, true);

		entry->next = entries;
		entries = entry;
	}
	return index_entry_combine(ENTRY_OR, entries);
}

/*
 * ---- The walk over the filter
 */

/* Where the conditions below a node stand, or the values of a leaf. */
static void
go_down(const FilterQuery *query, const FilterNode *node, const Place *from, Place *to)
{
	JsonWalkPath path = filter_node_path(query, node);

	*to = *from;
	for (uint32 i = 0; i < path.len && to->reachable; i++)
	{
		const JsonWalkName *name = &path.names[i];

		append_name(to, path.base + name->at, name->len);
		/* It may be an element that it counts: no path tells. */
		if (name->position >= 0)
			to->reachable = false;
	}
}

static IndexEntry *
extract_leaf(const FilterQuery *query, const FilterNode *node, const Place *above)
{
	Place		place;
	ProfileKey	at;

	go_down(query, node, above, &place);
	if (!place.reachable)
		return index_entry_make(ENTRY_UNKNOWN, node);
	profile_key_path(&at, place.path, place.path_len);

	switch ((FilterOp) node->op)
	{
		case FILTER_EQ:
			return make_equal(query, node, &place, &at,
							  filter_value_view(query, filter_node_values(query, node)));
		case FILTER_IN:
			return make_in(query, node, &place, &at);
		case FILTER_GT:
		case FILTER_GTE:
		case FILTER_LT:
		case FILTER_LTE:
			return make_order(query, node, &place, &at);
		case FILTER_EXISTS:
			return make_tags(node, &at, PROFILE_TAG_NULL, PROFILE_TAG_BOOL, true);
		case FILTER_TYPE:
			return make_type(node, &at);
		case FILTER_SIZE:
			return make_array(node, &at,
							  place.in_value ? PROFILE_TAG_INNER : PROFILE_TAG_ARRAY,
							  node->number, true);
		case FILTER_REGEX:
			return make_regex(query, node, &at);
		default:
			return make_unknown(node, &at);
	}
}

/* A member of an element of an array equals a scalar, but null. */
static bool
is_equal_member(const FilterQuery *query, const IndexEntry *e)
{
	const FilterValue *operand;

	if (e->kind != ENTRY_KEY || e->node->op != FILTER_EQ || e->node->path_len != 1)
		return false;
	operand = filter_node_values(query, e->node);
	return operand->type != JSON_VIEW_NULL && operand->type != JSON_VIEW_OBJECT &&
		operand->type != JSON_VIEW_ARRAY;
}

/*
 * Where an element has to equal two values, the document has the key of that
 * pair, or some element is none of which pairs are made.
 */
static IndexEntry *
make_pairs(const FilterQuery *query, const FilterNode *node, const ProfileKey *at,
		   IndexEntry *child)
{
	IndexEntry *pairs = NULL;
	int			n = 0;

	if (child->kind != ENTRY_AND)
		return child;
	for (IndexEntry *a = child->first; a != NULL; a = a->next)
	{
		if (!is_equal_member(query, a) || ++n > PROFILE_KEY_PAIRED)
			continue;
		for (IndexEntry *b = child->first; b != a; b = b->next)
		{
			IndexEntry *pair;
			ProfileKey	members[2];

			if (!is_equal_member(query, b))
				continue;
			for (int i = 0; i < 2; i++)
			{
				const FilterNode *of = i == 0 ? a->node : b->node;
				JsonWalkPath path = filter_node_path(query, of);

				profile_key_member(&members[i], path.base + path.names->at, path.names->len,
								   filter_value_view(query, filter_node_values(query, of)));
			}
			pair = make_leaf(ENTRY_KEY, node, at, false);
			profile_key_pair(&pair->low, &members[0], &members[1]);
			pair->next = make_leaf(ENTRY_KEY, node, at, false);
			profile_key_tag(&pair->next->low, PROFILE_TAG_PAIR);
			pair = index_entry_combine(ENTRY_OR, pair);
			pair->implied = true;
			pair->next = pairs;
			pairs = pair;
		}
	}
	if (pairs == NULL)
		return child;
	child->next = pairs;
	return index_entry_combine(ENTRY_AND, child);
}

static IndexEntry *
extract_elem(const FilterQuery *query, const FilterNode *node, const Place *above)
{
	Place		place;
	ProfileKey	at;
	IndexEntry *entry;

	go_down(query, node, above, &place);
	/* Elements of arrays in arrays have no keys. */
	if (above->in_value || !place.reachable)
		return index_entry_make(ENTRY_UNKNOWN, node);
	place.in_value = node->op == FILTER_ELEM_VALUE;
	place.begin = place.path_len + 1;
	entry = extract(query, node + 1, &place);
	if (entry->kind == ENTRY_NEVER)
		return entry;
	index_entry_inexact(entry);
	profile_key_path(&at, place.path, place.path_len);
	if (node->op == FILTER_ELEM_OBJECT)
		entry = make_pairs(query, node, &at, entry);
	entry = index_entry_inner(ENTRY_ELEM, entry);
	entry->node = node;
	entry->has_path = true;
	entry->low = at;
	return entry;
}

/* Recursion is bounded by the depth of the filter. */
static IndexEntry *
extract(const FilterQuery *query, const FilterNode *node, const Place *place)
{
	const FilterNode *end = node + node->nnodes;
	IndexEntry *first = NULL;
	IndexEntry **link = &first;

	CHECK_FOR_INTERRUPTS();
	check_stack_depth();
	switch ((FilterOp) node->op)
	{
		case FILTER_AND:
		case FILTER_OR:
			for (const FilterNode *child = node + 1; child < end; child += child->nnodes)
			{
				*link = extract(query, child, place);
				link = &(*link)->next;
			}
			return index_entry_combine(node->op == FILTER_AND ? ENTRY_AND : ENTRY_OR, first);
		case FILTER_NOT:
			first = extract(query, node + 1, place);
			if (first->kind == ENTRY_ALWAYS || first->kind == ENTRY_NEVER)
				return index_entry_make(first->kind == ENTRY_ALWAYS ? ENTRY_NEVER : ENTRY_ALWAYS,
										NULL);
			return index_entry_inner(ENTRY_NOT, first);
		case FILTER_ELEM_VALUE:
		case FILTER_ELEM_OBJECT:
			return extract_elem(query, node, place);
		default:
			return extract_leaf(query, node, place);
	}
}

IndexEntry *
index_entry_extract(const FilterQuery *query)
{
	Place		place;

	place.reachable = true;
	place.in_value = false;
	place.depth = 0;
	place.path_len = 0;
	place.begin = 0;
	return extract(query, query->nodes, &place);
}
