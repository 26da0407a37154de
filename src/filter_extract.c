/*-------------------------------------------------------------------------
 * src/filter_extract.c
 *
 * Decides what each condition of a filter asks of the keys of a document.
 * Where keys cannot tell (null, which missing equals; positions in a path;
 * arrays in arrays; regular expressions; remainders) it says so: a wrong
 * "necessary" would lose matches, a wrong "exact" would make some up. What is
 * worth fetching is decided elsewhere (filter_choice.c).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/qunique.h"
#include "miscadmin.h"

#include "filter_extract.h"

/* Where conditions stand. */
typedef struct Place
{
	bool		reachable;		/* keys are made of what is here */
	bool		in_value;		/* elements of an array are at hand */
	int			depth;			/* names in the path */
	size_t		path_len;
	char		path[FILTER_MAX_PATH];
} Place;

static FilterEntry *extract(const FilterQuery *query, const FilterNode *node, const Place *place);

/*
 * ---- The tree
 */

static FilterEntry *
make_entry(EntryKind kind, const FilterNode *node)
{
	FilterEntry *entry = palloc0(sizeof(FilterEntry));

	entry->kind = kind;
	entry->node = node;
	entry->entry = -1;
	return entry;
}

static FilterEntry *
make_inner(EntryKind kind, FilterEntry *first)
{
	FilterEntry *entry = make_entry(kind, NULL);

	entry->first = first;
	return entry;
}

static bool
same_tag(const FilterEntry *a, const FilterEntry *b)
{
	int			len = profile_key_tag_len(a->low.data, a->low.len);

	return profile_key_tag_len(b->low.data, b->low.len) == len &&
		memcmp(a->low.data, b->low.data, len) == 0;
}

/* A range of numbers or strings with a value at one end alone. */
static bool
is_half_range(const FilterEntry *entry, bool lower)
{
	char		tag;

	if (entry->kind != ENTRY_RANGE)
		return false;
	tag = entry->low.data[profile_key_tag_len(entry->low.data, entry->low.len) - 1];
	if (tag != PROFILE_TAG_NUMBER && tag != PROFILE_TAG_STRING)
		return false;
	return lower ? entry->node->op == FILTER_GT || entry->node->op == FILTER_GTE :
		entry->node->op == FILTER_LT || entry->node->op == FILTER_LTE;
}

static FilterEntry *
make_between(FilterEntry *lower, FilterEntry *upper)
{
	FilterEntry *entry = make_entry(ENTRY_BETWEEN, NULL);
	FilterEntry *many;

	lower->next = upper;
	upper->next = NULL;
	entry->first = lower;
	entry->has_path = true;
	entry->exact = lower->exact && upper->exact;
	entry->low = lower->low;
	entry->low_open = lower->low_open;
	entry->high = upper->high;
	entry->high_open = upper->high_open;
	entry->high_begins = upper->high_begins;
	if (!lower->one_value)
	{
		many = entry->many = make_entry(ENTRY_KEY, NULL);
		many->low = lower->low;
		many->low.len = profile_key_path_len(many->low.data, many->low.len);
		many->low.cut = false;
		profile_key_tag(&many->low, PROFILE_TAG_MANY);
	}
	return entry;
}

/* Puts each lower bound together with an upper bound of the same path. */
static void
join_ranges(FilterEntry **first)
{
	for (FilterEntry **link = first; *link != NULL; link = &(*link)->next)
	{
		FilterEntry *a = *link;
		bool		a_is_lower = is_half_range(a, true);

		CHECK_FOR_INTERRUPTS();
		if (!a_is_lower && !is_half_range(a, false))
			continue;
		for (FilterEntry **other = &a->next; *other != NULL; other = &(*other)->next)
		{
			FilterEntry *b = *other;
			FilterEntry *rest;

			if (!is_half_range(b, !a_is_lower) || !same_tag(a, b))
				continue;
			*other = b->next;
			rest = a->next;
			*link = a_is_lower ? make_between(a, b) : make_between(b, a);
			(*link)->next = rest;
			break;
		}
	}
}

/*
 * AND or OR of entries, simplified: nested ones of the same kind dissolved,
 * constants taken out.
 */
static FilterEntry *
combine(EntryKind kind, FilterEntry *entries)
{
	EntryKind	neutral = kind == ENTRY_AND ? ENTRY_ALWAYS : ENTRY_NEVER;
	EntryKind	decisive = kind == ENTRY_AND ? ENTRY_NEVER : ENTRY_ALWAYS;
	FilterEntry *first = NULL;
	FilterEntry **link = &first;
	FilterEntry *next;

	for (FilterEntry *e = entries; e != NULL; e = next)
	{
		next = e->next;
		if (e->kind == decisive)
			return make_entry(decisive, NULL);
		if (e->kind == neutral)
			continue;
		*link = e->kind == kind ? e->first : e;
		if (e->kind != kind)
			e->next = NULL;
		while (*link != NULL)
			link = &(*link)->next;
	}
	if (first == NULL)
		return make_entry(neutral, NULL);
	if (kind == ENTRY_AND)
		join_ranges(&first);
	return first->next == NULL ? first : make_inner(kind, first);
}

/*
 * ---- Leaves. Each makes the entry of a condition whose path is in "at".
 */

static FilterEntry *
make_leaf(EntryKind kind, const FilterNode *node, const ProfileKey *at,
		  bool exact)
{
	FilterEntry *entry = make_entry(kind, node);

	entry->has_path = true;
	entry->low = *at;
	entry->exact = exact && at->data[0] != (char) PROFILE_KEY_HASHED;
	return entry;
}

/* All keys of the path that have a tag from one to another. */
static FilterEntry *
make_tags(const FilterNode *node, const ProfileKey *at,
		  ProfileTag from, ProfileTag to, bool exact)
{
	FilterEntry *entry = make_leaf(ENTRY_RANGE, node, at, exact);

	profile_key_tag(&entry->low, from);
	entry->high = *at;
	profile_key_tag(&entry->high, to);
	entry->high_begins = true;
	return entry;
}

static FilterEntry *
make_array(const FilterNode *node, const ProfileKey *at,
		   ProfileTag tag, uint32 length, bool exact)
{
	FilterEntry *entry = make_leaf(ENTRY_KEY, node, at, exact);

	profile_key_length(&entry->low, tag, length);
	return entry;
}

/* Equal to a value of the filter. */
static FilterEntry *
make_equal(const FilterQuery *query, const FilterNode *node, const Place *place,
		   const ProfileKey *at, JsonView value)
{
	FilterEntry *entry;
	uint32		length;

	switch (value.type)
	{
		case JSON_VIEW_MISSING:
		case JSON_VIEW_NULL:
			entry = make_entry(ENTRY_UNKNOWN, node);
			entry->has_path = true;
			entry->one_value = place->in_value;
			entry->low = *at;
			return entry;
		case JSON_VIEW_OBJECT:
			entry = make_leaf(ENTRY_KEY, node, at, false);
			profile_key_tag(&entry->low, PROFILE_TAG_OBJECT);
			return entry;
		case JSON_VIEW_ARRAY:
			/* Empty ones are all alike. */
			length = json_view_count(value);
			entry = make_array(node, at, PROFILE_TAG_INNER, length, length == 0);
			if (!place->in_value)
			{
				entry->next = make_array(node, at, PROFILE_TAG_ARRAY, length, length == 0);
				entry = combine(ENTRY_OR, entry);
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

static FilterEntry *
make_in(const FilterQuery *query, const FilterNode *node, const Place *place, const ProfileKey *at)
{
	const FilterValue *values = filter_node_values(query, node);
	FilterEntry *entries = NULL;
	FilterEntry *set = NULL;

	for (uint32 i = 0; i < node->number; i++)
	{
		FilterEntry *entry;

		CHECK_FOR_INTERRUPTS();
		entry = make_equal(query, node, place, at, filter_value_view(query, &values[i]));
		if (entry->kind == ENTRY_UNKNOWN)
			return entry;
		if (entry->kind == ENTRY_KEY && node->number >= FILTER_SET_MIN)
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
	return combine(ENTRY_OR, entries);
}

static FilterEntry *
make_order(const FilterQuery *query, const FilterNode *node, const Place *place,
		   const ProfileKey *at)
{
	JsonView	value = filter_value_view(query, filter_node_values(query, node));
	bool		from_below = node->op == FILTER_GT || node->op == FILTER_GTE;
	bool		open = node->op == FILTER_GT || node->op == FILTER_LT;
	FilterEntry *entry;
	ProfileKey	end = *at;
	bool		cut;

	switch (value.type)
	{
		case JSON_VIEW_MISSING:
		case JSON_VIEW_NULL:
			/* What may equal null has become an equality. */
			return make_entry(ENTRY_NEVER, NULL);
		case JSON_VIEW_OBJECT:
			return make_tags(node, at, PROFILE_TAG_OBJECT, PROFILE_TAG_OBJECT, false);
		case JSON_VIEW_ARRAY:
			return make_tags(node, at, PROFILE_TAG_ARRAY, PROFILE_TAG_INNER, false);
		default:
			break;
	}
	profile_key_scalar(&end, value);
	cut = end.cut;
	profile_key_uncut(&end);
	entry = make_tags(node, at, end.data[at->len], end.data[at->len], !cut);
	entry->one_value = place->in_value;
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

static FilterEntry *
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
		{FILTER_TYPE_OBJECT, PROFILE_TAG_OBJECT, PROFILE_TAG_OBJECT},
		{FILTER_TYPE_ARRAY, PROFILE_TAG_ARRAY, PROFILE_TAG_INNER},
		{FILTER_TYPE_BOOL, PROFILE_TAG_BOOL, PROFILE_TAG_BOOL}
	};
	FilterEntry *entries = NULL;

	for (int i = 0; i < lengthof(types); i++)
		if ((node->number & types[i].bit) != 0)
		{
			FilterEntry *entry = make_tags(node, at, types[i].from, types[i].to, true);

			entry->next = entries;
			entries = entry;
		}
	return combine(ENTRY_OR, entries);
}

/*
 * ---- The walk over the filter
 */

/* Where the conditions below a node stand, or the values of a leaf. */
static void
go_down(const FilterQuery *query, const FilterNode *node, const Place *from, Place *to)
{
	WalkPath	path = filter_node_path(query, node);

	*to = *from;
	for (uint32 i = 0; i < path.len && to->reachable; i++)
	{
		size_t		start = to->path_len + (to->depth > 0);

		/* Paths of $elemMatch in each other may be longer than those of keys. */
		if (path.names[i].position >= 0 || to->depth == FILTER_MAX_SEGMENTS ||
			start + path.names[i].len > FILTER_MAX_PATH)
			to->reachable = false;
		else
		{
			if (to->depth > 0)
				to->path[to->path_len] = '.';
			memcpy(to->path + start, path.base + path.names[i].at, path.names[i].len);
			to->path_len = start + path.names[i].len;
			to->depth++;
		}
	}
}

static FilterEntry *
extract_leaf(const FilterQuery *query, const FilterNode *node, const Place *above)
{
	Place		place;
	ProfileKey	at;
	FilterEntry *entry;

	go_down(query, node, above, &place);
	if (!place.reachable)
		return make_entry(ENTRY_UNKNOWN, node);
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
		default:
			entry = make_entry(ENTRY_UNKNOWN, node);
			entry->has_path = true;
			entry->low = at;
			return entry;
	}
}

/* Nothing in it is exact: other elements have their keys, too. */
static void
make_inexact(FilterEntry *entry)
{
	entry->exact = false;
	for (FilterEntry *c = entry->first; c != NULL; c = c->next)
		make_inexact(c);
}

static FilterEntry *
extract_elem(const FilterQuery *query, const FilterNode *node, const Place *above)
{
	Place		place;
	FilterEntry *entry;

	go_down(query, node, above, &place);
	/* Elements of arrays in arrays have no keys. */
	if (above->in_value || !place.reachable)
		return make_entry(ENTRY_UNKNOWN, node);
	place.in_value = node->op == FILTER_ELEM_VALUE;
	entry = extract(query, node + 1, &place);
	if (entry->kind == ENTRY_NEVER)
		return entry;
	make_inexact(entry);
	entry = make_inner(ENTRY_ELEM, entry);
	entry->node = node;
	entry->has_path = true;
	profile_key_path(&entry->low, place.path, place.path_len);
	return entry;
}

/* Recursion is bounded by the depth of the filter. */
static FilterEntry *
extract(const FilterQuery *query, const FilterNode *node, const Place *place)
{
	const FilterNode *end = node + node->nnodes;
	FilterEntry *first = NULL;
	FilterEntry **link = &first;

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
			return combine(node->op == FILTER_AND ? ENTRY_AND : ENTRY_OR, first);
		case FILTER_NOT:
			first = extract(query, node + 1, place);
			if (first->kind == ENTRY_ALWAYS || first->kind == ENTRY_NEVER)
				return make_entry(first->kind == ENTRY_ALWAYS ? ENTRY_NEVER : ENTRY_ALWAYS, NULL);
			return make_inner(ENTRY_NOT, first);
		case FILTER_ELEM_VALUE:
		case FILTER_ELEM_OBJECT:
			return extract_elem(query, node, place);
		default:
			return extract_leaf(query, node, place);
	}
}

/*
 * The tree of a filter, allocated in the current context; it points into the
 * filter.
 */
FilterEntry *
filter_extract(const FilterQuery *query)
{
	Place		place;

	place.reachable = true;
	place.in_value = false;
	place.depth = 0;
	place.path_len = 0;
	return extract(query, query->nodes, &place);
}

int
filter_entry_compare(const FilterEntry *entry, const char *key, int len)
{
	const ProfileKey *high = &entry->high;
	int			cmp;

	if (entry->kind == ENTRY_SET)
	{
		int			low = 0;
		int			end = entry->nset;

		while (low < end)
		{
			int			middle = low + (end - low) / 2;
			const ProfileKey *member = &entry->set[middle];

			cmp = profile_key_compare(member->data, member->len, key, len);
			if (cmp == 0)
				return 0;
			if (cmp < 0)
				low = middle + 1;
			else
				end = middle;
		}
		return low == entry->nset ? 1 : -1;
	}

	cmp = profile_key_compare(key, len, entry->low.data, entry->low.len);
	if (entry->kind == ENTRY_KEY)
		return cmp < 0 ? -1 : cmp > 0;
	if (cmp < 0 || (cmp == 0 && entry->low_open))
		return -1;
	cmp = profile_key_compare(key, entry->high_begins ? Min(len, high->len) : len,
							  high->data, high->len);
	return cmp > 0 || (cmp == 0 && entry->high_open) ? 1 : 0;
}
