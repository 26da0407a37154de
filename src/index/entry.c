/*-------------------------------------------------------------------------
 * src/index/entry.c
 *
 * The tree that a filter becomes (index/entry.h): how entries are put
 * together, and which keys are of an entry. What an entry says of a condition
 * is decided by index/extract.c.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "index/entry.h"

IndexEntry *
index_entry_make(IndexEntryKind kind, const FilterNode *node)
{
	IndexEntry *entry = palloc0(sizeof(IndexEntry));

	entry->kind = kind;
	entry->node = node;
	entry->entry = -1;
	return entry;
}

IndexEntry *
index_entry_inner(IndexEntryKind kind, IndexEntry *first)
{
	IndexEntry *entry = index_entry_make(kind, NULL);

	entry->first = first;
	return entry;
}

static bool
same_tag(const IndexEntry *a, const IndexEntry *b)
{
	int			len = profile_key_tag_len(a->low.data, a->low.len);

	return profile_key_tag_len(b->low.data, b->low.len) == len &&
		memcmp(a->low.data, b->low.data, len) == 0;
}

/* A range of numbers or strings with a value at one end alone. */
static bool
is_half_range(const IndexEntry *entry, bool lower)
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

static IndexEntry *
make_between(IndexEntry *lower, IndexEntry *upper)
{
	IndexEntry *entry = index_entry_make(ENTRY_BETWEEN, NULL);

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
	entry->many = lower->many;
	lower->many = upper->many = NULL;
	return entry;
}

/* Puts each lower bound together with an upper bound of the same path. */
static void
join_ranges(IndexEntry **first)
{
	for (IndexEntry **link = first; *link != NULL; link = &(*link)->next)
	{
		IndexEntry *a = *link;
		bool		a_is_lower = is_half_range(a, true);

		CHECK_FOR_INTERRUPTS();
		if (!a_is_lower && !is_half_range(a, false))
			continue;
		for (IndexEntry **other = &a->next; *other != NULL; other = &(*other)->next)
		{
			IndexEntry *b = *other;
			IndexEntry *rest;

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

IndexEntry *
index_entry_combine(IndexEntryKind kind, IndexEntry *entries)
{
	IndexEntryKind neutral = kind == ENTRY_AND ? ENTRY_ALWAYS : ENTRY_NEVER;
	IndexEntryKind decisive = kind == ENTRY_AND ? ENTRY_NEVER : ENTRY_ALWAYS;
	IndexEntry *first = NULL;
	IndexEntry **link = &first;
	IndexEntry *next;

	for (IndexEntry *e = entries; e != NULL; e = next)
	{
		next = e->next;
		if (e->kind == decisive)
			return index_entry_make(decisive, NULL);
		if (e->kind == neutral)
			continue;
		*link = e->kind == kind ? e->first : e;
		if (e->kind != kind)
			e->next = NULL;
		while (*link != NULL)
			link = &(*link)->next;
	}
	if (first == NULL)
		return index_entry_make(neutral, NULL);
	if (kind == ENTRY_AND)
		join_ranges(&first);
	return first->next == NULL ? first : index_entry_inner(kind, first);
}

void
index_entry_inexact(IndexEntry *entry)
{
	entry->exact = false;
	for (IndexEntry *c = entry->first; c != NULL; c = c->next)
		index_entry_inexact(c);
}

int
index_entry_compare(const IndexEntry *entry, const char *key, int len)
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
