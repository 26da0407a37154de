/*-------------------------------------------------------------------------
 * src/index/cover.c
 *
 * Decides which keys a stored filter gets: what each document that matches
 * certainly has, of that what is rarest. What a condition requires is known from
 * index/extract.c, and which keys a document asks for decides
 * index/stored_key.c. A cover may cover too much, never too little.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/qunique.h"
#include "miscadmin.h"

#include "index/cover.h"
#include "index/estimate.h"
#include "index/extract.h"

/* More than any sum of fractions: nothing can be required. */
#define IMPOSSIBLE		1e9

/* Without statistics: of the documents, those with a key that has few values. */
#define DEFAULT_FEW		0.3
#define DEFAULT_LENGTH	0.05

/*
 * To write one more key has to save so much of the documents; and to have pairs
 * at all, which cost each document of their paths a search, this.
 */
#define KEY_GAIN		0.0005
#define PAIR_GAIN		0.00001

/* Of a conjunction so many conditions are put together, and these many tried. */
#define MAX_PAIRED		32
#define MAX_TRIED		4

/* A key, and which fraction of the documents ask for it. */
typedef struct Choice
{
	double		fraction;
	StoredKey	key;
} Choice;

typedef struct Cover
{
	const ProfileStats *stats;
	bool		pairs;
	CoverMayUse may_use;
	void	   *arg;
	Choice	   *choices;
	int			n;
	int			max;
} Cover;

/*
 * ---- What leaves require, as keys
 */

/* Makes the shortest bytes behind all that begin like these; false if none are. */
static bool
make_successor(ProfileKey *key, int from)
{
	while (key->len > from && (unsigned char) key->data[key->len - 1] == 0xFF)
		key->len--;
	if (key->len == from)
		return false;
	key->data[key->len - 1]++;
	return true;
}

/* Is there a value at this end of a range, not just a tag? */
static bool
has_bound(const IndexEntry *e, StoredKeyKind kind)
{
	const ProfileKey *end = kind == STORED_LOWER ? &e->low : &e->high;

	if (kind == STORED_UPPER && !e->high_begins)
		return true;
	return end->len > profile_key_tag_len(end->data, end->len);
}

/* What a value in the range is not below, or not above. */
static bool
make_bound(const IndexEntry *e, StoredKeyKind kind, StoredKey *key)
{
	ProfileKey	end = kind == STORED_LOWER ? e->low : e->high;

	if (!has_bound(e, kind))
		return false;
	/* Of a bound that is cut, no more is left of what it begins (stored_key.c). */
	if (kind == STORED_UPPER && e->high_begins && e->node->op == FILTER_REGEX &&
		!make_successor(&end, profile_key_tag_len(end.data, end.len)))
		return false;
	stored_key_of(key, kind, end.data, end.len);
	return true;
}

/* The type that a value has that meets the condition, or 0. */
static ProfileTag
required_tag(const IndexEntry *e)
{
	if (!e->has_path)
		return 0;
	if (e->kind == ENTRY_ELEM)
		return PROFILE_TAG_ARRAY;
	if (e->kind == ENTRY_UNKNOWN && e->node->op == FILTER_REGEX)
		return PROFILE_TAG_STRING;
	if (e->kind == ENTRY_UNKNOWN && e->node->op == FILTER_MOD)
		return PROFILE_TAG_NUMBER;
	return 0;
}

/* The path of an entry, from one of its tags to another: a condition of that kind. */
static void
make_tags_entry(IndexEntry *entry, const ProfileKey *key, ProfileTag from, ProfileTag to)
{
	memset(entry, 0, sizeof(IndexEntry));
	entry->kind = ENTRY_RANGE;
	entry->low = *key;
	entry->low.len = profile_key_path_len(key->data, key->len);
	entry->high = entry->low;
	profile_key_tag(&entry->low, from);
	profile_key_tag(&entry->high, to);
	entry->high_begins = true;
}

static ProfileTag
tag_of(const ProfileKey *key)
{
	return (unsigned char) key->data[profile_key_tag_len(key->data, key->len) - 1];
}

/* Are these tags all that there are, so that the path alone says it? */
static bool
is_presence(const IndexEntry *e)
{
	return tag_of(&e->low) == PROFILE_TAG_NULL && tag_of(&e->high) == PROFILE_TAG_BOOL;
}

/*
 * ---- A cover. Each of these functions adds keys, and returns the sum of their
 * fractions; or none, if it is IMPOSSIBLE.
 */

static double cover(Cover *c, const IndexEntry *e);

static double
fraction_of(const Cover *c, const IndexEntry *e)
{
	if (c->stats == NULL && e->kind == ENTRY_KEY)
	{
		ProfileTag	tag = tag_of(&e->low);

		if (tag == PROFILE_TAG_ARRAY || tag == PROFILE_TAG_INNER)
			return DEFAULT_LENGTH;
		if (tag != PROFILE_TAG_NUMBER && tag != PROFILE_TAG_STRING &&
			(tag != PROFILE_TAG_PAIR ||
			 e->low.len == profile_key_tag_len(e->low.data, e->low.len)))
			return DEFAULT_FEW;
	}
	return index_entry_fraction(e, c->stats);
}

static bool
may_use(const Cover *c, const StoredKey *key)
{
	int			len = stored_key_shape_len(key);

	return len == 0 || c->may_use == NULL || c->may_use(c->arg, key->data, len);
}

static double
add(Cover *c, const StoredKey *key, double fraction)
{
	if (!may_use(c, key))
		return IMPOSSIBLE;
	if (c->n == c->max)
	{
		c->max *= 2;
		c->choices = repalloc(c->choices, c->max * sizeof(Choice));
	}
	c->choices[c->n].fraction = fraction;
	c->choices[c->n++].key = *key;
	return fraction;
}

static double
sum_of(const Cover *c, int first)
{
	double		sum = 0;

	for (int i = first; i < c->n; i++)
		sum += c->choices[i].fraction;
	return sum;
}

/* Any key of the path of a key, of one tag after another. */
static double
cover_tags(Cover *c, const ProfileKey *path, ProfileTag from, ProfileTag to)
{
	int			first = c->n;
	IndexEntry	entry;
	StoredKey	key;

	make_tags_entry(&entry, path, from, to);
	if (is_presence(&entry))
	{
		stored_key_of(&key, STORED_TAG, entry.low.data, entry.low.len - 1);
		return add(c, &key, fraction_of(c, &entry));
	}
	for (ProfileTag tag = from; tag <= to; tag++)
	{
		make_tags_entry(&entry, path, tag, tag);
		stored_key_of(&key, STORED_TAG, entry.low.data, entry.low.len);
		if (add(c, &key, fraction_of(c, &entry)) == IMPOSSIBLE)
		{
			c->n = first;
			return IMPOSSIBLE;
		}
	}
	return sum_of(c, first);
}

/* The rarer it is, and the fewer keys. */
static bool
is_better(double fraction, int n, double than_fraction, int than_n)
{
	return fraction != IMPOSSIBLE &&
		fraction + n * KEY_GAIN < than_fraction + than_n * KEY_GAIN;
}

/*
 * Of two covers, the second of which begins at "second", the better one remains.
 * Returns what the fraction of that is.
 */
static double
keep_better(Cover *c, int first, double fraction, int second, double second_fraction)
{
	int			n = c->n - second;

	if (is_better(second_fraction, n, fraction, second - first))
	{
		memmove(&c->choices[first], &c->choices[second], n * sizeof(Choice));
		c->n = first + n;
		return second_fraction;
	}
	c->n = second;
	return fraction;
}

static double
cover_bound(Cover *c, const IndexEntry *e, StoredKeyKind kind)
{
	IndexEntry	half = *e;
	StoredKey	key;

	if (!make_bound(e, kind, &key))
		return IMPOSSIBLE;
	if (kind == STORED_LOWER)
	{
		half.high = e->low;
		half.high.len = profile_key_tag_len(e->low.data, e->low.len);
		half.high_open = false;
		half.high_begins = true;
	}
	else
	{
		half.low.len = profile_key_tag_len(e->low.data, e->low.len);
		half.low_open = false;
	}
	return add(c, &key, fraction_of(c, &half));
}

static double
cover_range(Cover *c, const IndexEntry *e)
{
	int			first = c->n;
	int			second;
	double		fraction;

	if (!has_bound(e, STORED_LOWER) && !has_bound(e, STORED_UPPER))
		return cover_tags(c, &e->low, tag_of(&e->low), tag_of(&e->high));
	fraction = cover_bound(c, e, STORED_LOWER);
	second = c->n;
	fraction = keep_better(c, first, fraction, second, cover_bound(c, e, STORED_UPPER));
	if (fraction == IMPOSSIBLE)
		fraction = cover_tags(c, &e->low, tag_of(&e->low), tag_of(&e->low));
	return fraction;
}

static double
cover_set(Cover *c, const IndexEntry *e)
{
	int			first = c->n;
	double		fraction;
	ProfileTag	tag = 0;

	if (e->nset <= COVER_MAX_KEYS)
	{
		fraction = fraction_of(c, e);
		for (int i = 0; i < e->nset; i++)
		{
			StoredKey	key;

			stored_key_of(&key, STORED_POINT, e->set[i].data, e->set[i].len);
			add(c, &key, fraction / e->nset);
		}
		return fraction;
	}
	/* They are in the order of their tags. */
	for (int i = 0; i < e->nset; i++)
	{
		if (tag_of(&e->set[i]) == tag)
			continue;
		tag = tag_of(&e->set[i]);
		if (cover_tags(c, &e->set[i], tag, tag) == IMPOSSIBLE)
		{
			c->n = first;
			return IMPOSSIBLE;
		}
	}
	return sum_of(c, first);
}

static int
compare_choices(const void *a, const void *b)
{
	return stored_key_compare(&((const Choice *) a)->key, &((const Choice *) b)->key);
}

/* The length of what other points of its path and tag have, too; else 0. */
static int
point_tag_len(const Choice *choice)
{
	if (choice->key.data[0] != STORED_POINT)
		return 0;
	return 1 + profile_key_tag_len(choice->key.data + 1, choice->key.len - 1);
}

/*
 * There are too many keys from "first" on: of the path and tag that has most, the
 * tag says enough. False if that does not help.
 */
static bool
coarsen(Cover *c, int first)
{
	Choice	   *choices = &c->choices[first];
	int			n = c->n - first;

	qsort(choices, n, sizeof(Choice), compare_choices);
	n = qunique(choices, n, sizeof(Choice), compare_choices);
	c->n = first + n;
	while (n > COVER_MAX_KEYS)
	{
		int			best = 0;
		int			best_n = 0;
		ProfileKey	key;

		CHECK_FOR_INTERRUPTS();
		for (int i = 0, end; i < n; i = end)
		{
			int			len = point_tag_len(&choices[i]);

			end = i + 1;
			while (len > 0 && end < n && choices[end].key.len >= len &&
				   memcmp(choices[end].key.data, choices[i].key.data, len) == 0)
				end++;
			if (len > 0 && end - i > best_n)
			{
				best = i;
				best_n = end - i;
			}
		}
		if (best_n < 2)
			return false;
		key.len = choices[best].key.len - 1;
		memcpy(key.data, choices[best].key.data + 1, key.len);
		memmove(&choices[best], &choices[best + best_n], (n - best - best_n) * sizeof(Choice));
		c->n -= best_n;
		if (cover_tags(c, &key, tag_of(&key), tag_of(&key)) == IMPOSSIBLE)
			return false;
		choices = &c->choices[first];
		qsort(choices, c->n - first, sizeof(Choice), compare_choices);
		n = qunique(choices, c->n - first, sizeof(Choice), compare_choices);
		c->n = first + n;
	}
	return true;
}

static double
cover_or(Cover *c, const IndexEntry *e)
{
	int			first = c->n;

	for (const IndexEntry *child = e->first; child != NULL; child = child->next)
		if (cover(c, child) == IMPOSSIBLE ||
			(c->n - first > COVER_MAX_KEYS && !coarsen(c, first)))
		{
			c->n = first;
			return IMPOSSIBLE;
		}
	return sum_of(c, first);
}

/*
 * ---- Pairs. Two conditions of a conjunction that each require one of some keys
 * require a pair of these, if none is a key of both: that one alone would meet them.
 */

typedef struct Points
{
	const IndexEntry *entry;
	int			n;
	double		fraction;
} Points;

/* How many keys it is one of; 0 if it is not, or they are too many. */
static int
count_points(const IndexEntry *e)
{
	int			n = 0;

	if (e->kind == ENTRY_KEY)
		return 1;
	if (e->kind == ENTRY_SET)
		return e->nset <= COVER_MAX_KEYS ? e->nset : 0;
	if (e->kind != ENTRY_OR)
		return 0;
	for (const IndexEntry *child = e->first; child != NULL; child = child->next)
	{
		int			some = child->kind == ENTRY_OR ? 0 : count_points(child);

		if (some == 0 || n + some > COVER_MAX_KEYS)
			return 0;
		n += some;
	}
	return n;
}

static int
list_points(const IndexEntry *e, const ProfileKey **points)
{
	int			n = 0;

	if (e->kind == ENTRY_KEY)
		points[n++] = &e->low;
	for (int i = 0; e->kind == ENTRY_SET && i < e->nset; i++)
		points[n++] = &e->set[i];
	for (const IndexEntry *child = e->first; child != NULL; child = child->next)
		n += list_points(child, points + n);
	return n;
}

/* The first conditions of a conjunction, and of an element, that require points. */
static int
gather(const IndexEntry *e, Points *points, int n)
{
	for (; e != NULL && n < MAX_PAIRED; e = e->next)
	{
		int			some = count_points(e);

		if (some > 0)
			points[n++] = (Points)
		{
			e, some, 0
		};
		else if (e->kind == ENTRY_AND || e->kind == ENTRY_ELEM)
			n = gather(e->first, points, n);
	}
	return n;
}

static double
points_fraction(const Cover *c, const IndexEntry *e)
{
	double		sum = 0;

	if (e->kind != ENTRY_OR)
		return fraction_of(c, e);
	for (const IndexEntry *child = e->first; child != NULL; child = child->next)
		sum += fraction_of(c, child);
	return sum;
}

/* Makes all pairs of two; false if there are too many, or some are none. */
static bool
make_pairs(const Points *x, const Points *y, StoredKey *pairs)
{
	const ProfileKey *a[COVER_MAX_KEYS];
	const ProfileKey *b[COVER_MAX_KEYS];
	int			n = 0;

	if (x->n * y->n > COVER_MAX_KEYS)
		return false;
	list_points(x->entry, a);
	list_points(y->entry, b);
	for (int i = 0; i < x->n; i++)
		for (int j = 0; j < y->n; j++)
		{
			if (profile_key_compare(a[i]->data, a[i]->len, b[j]->data, b[j]->len) == 0)
				return false;
			stored_key_pair(&pairs[n++], a[i]->data, a[i]->len, b[j]->data, b[j]->len);
		}
	return true;
}

/* Pairs of the two rarest that can be had, if they are better than a cover there is. */
static double
cover_pairs(Cover *c, const IndexEntry *e, double fraction, int n)
{
	Points		points[MAX_PAIRED];
	int			npoints = gather(e->first, points, 0);
	int			ntried = 0;

	for (int i = 0; i < npoints; i++)
	{
		Points		this = points[i];
		int			at = Min(ntried, MAX_TRIED);

		this.fraction = points_fraction(c, this.entry);
		while (at > 0 && points[at - 1].fraction > this.fraction)
			at--;
		if (at == MAX_TRIED)
			continue;
		ntried = Min(ntried + 1, MAX_TRIED);
		memmove(&points[at + 1], &points[at], (ntried - 1 - at) * sizeof(Points));
		points[at] = this;
	}
	for (int j = 1; j < ntried; j++)
		for (int i = 0; i < j; i++)
		{
			StoredKey	pairs[COVER_MAX_KEYS];
			int			npairs = points[i].n * points[j].n;
			double		product = points[i].fraction * points[j].fraction;
			bool		usable;

			if (!is_better(product + PAIR_GAIN, npairs, fraction, n) ||
				!make_pairs(&points[i], &points[j], pairs))
				continue;
			usable = true;
			for (int k = 0; k < npairs && usable; k++)
				usable = may_use(c, &pairs[k]);
			if (!usable)
				continue;
			for (int k = 0; k < npairs; k++)
				add(c, &pairs[k], product / npairs);
			return product;
		}
	return IMPOSSIBLE;
}

/* The best of what each child requires, or two together. */
static double
cover_and(Cover *c, const IndexEntry *e)
{
	int			first = c->n;
	double		fraction = IMPOSSIBLE;
	int			second;

	for (const IndexEntry *child = e->first; child != NULL; child = child->next)
	{
		second = c->n;
		fraction = keep_better(c, first, fraction, second, cover(c, child));
	}
	if (c->pairs && e->kind == ENTRY_AND)
	{
		second = c->n;
		fraction = keep_better(c, first, fraction, second,
							   cover_pairs(c, e, fraction, second - first));
	}
	return fraction;
}

/* Recursion is bounded by the depth of the filter. */
static double
cover(Cover *c, const IndexEntry *e)
{
	int			first = c->n;
	double		fraction = IMPOSSIBLE;
	StoredKey	key;

	CHECK_FOR_INTERRUPTS();
	switch (e->kind)
	{
		case ENTRY_NEVER:
			return 0;
		case ENTRY_AND:
		case ENTRY_BETWEEN:
			return cover_and(c, e);
		case ENTRY_OR:
			return cover_or(c, e);
		case ENTRY_KEY:
			stored_key_of(&key, STORED_POINT, e->low.data, e->low.len);
			return add(c, &key, fraction_of(c, e));
		case ENTRY_RANGE:
			return cover_range(c, e);
		case ENTRY_SET:
			return cover_set(c, e);
		case ENTRY_ELEM:
			fraction = cover(c, e->first);
			break;
		case ENTRY_ALWAYS:
		case ENTRY_NOT:
		case ENTRY_UNKNOWN:
			break;
	}
	if (required_tag(e) != 0)
	{
		int			second = c->n;

		fraction = keep_better(c, first, fraction, second,
							   cover_tags(c, &e->low, required_tag(e), required_tag(e)));
	}
	return fraction;
}

/* Takes out what a document with another of the keys asks for, too: of a path with a tag. */
static int
drop_implied(StoredKey *keys, int n)
{
	int			kept = 0;

	for (int i = 0; i < n; i++)
	{
		const char *data = keys[i].data + 1;
		int			len = keys[i].len - 1;
		bool		implied = false;

		if (keys[i].data[0] != STORED_ALWAYS && keys[i].data[0] != STORED_PAIR)
			for (int tag = 0; tag <= 1; tag++)
			{
				int			begin = tag ? profile_key_tag_len(data, len) :
					profile_key_path_len(data, len);
				StoredKey	key;

				stored_key_of(&key, STORED_TAG, data, begin);
				/* The rest of them is where it was. */
				implied = implied || ((keys[i].data[0] != STORED_TAG || begin < len) &&
									  (stored_key_is_in(&key, keys, kept) ||
									   stored_key_is_in(&key, &keys[i], n - i)));
			}
		if (!implied)
			keys[kept++] = keys[i];
	}
	return kept;
}

int
filter_cover(const FilterQuery *query, const ProfileStats *stats, bool pairs,
			 CoverMayUse may_use, void *arg, StoredKey **keys)
{
	Cover		c = {stats, pairs, may_use, arg,.max = 8};
	double		fraction;

	c.choices = palloc(c.max * sizeof(Choice));
	fraction = cover(&c, index_entry_extract(query));
	/* A key that all documents ask for costs less than several. */
	if (fraction == IMPOSSIBLE || (stats != NULL && fraction >= 1))
	{
		c.n = 1;
		stored_key_always(&c.choices[0].key);
	}
	*keys = palloc(Max(c.n, 1) * sizeof(StoredKey));
	for (int i = 0; i < c.n; i++)
		(*keys)[i] = c.choices[i].key;
	pfree(c.choices);
	if (c.n <= 1)
		return c.n;
	qsort(*keys, c.n, sizeof(StoredKey), stored_key_compare);
	return drop_implied(*keys, qunique(*keys, c.n, sizeof(StoredKey), stored_key_compare));
}

/*
 * ---- Whether there is a cover already
 */

typedef struct Given
{
	const StoredKey *keys;
	int			n;
	bool		pairs;			/* there are some */
} Given;

static bool
has(const Given *given, StoredKeyKind kind, const char *data, int len)
{
	StoredKey	key;

	stored_key_of(&key, kind, data, len);
	return stored_key_is_in(&key, given->keys, given->n);
}

static bool
has_path(const Given *given, const ProfileKey *key)
{
	return has(given, STORED_TAG, key->data, profile_key_path_len(key->data, key->len));
}

static bool
has_tag(const Given *given, const ProfileKey *key)
{
	return has_path(given, key) ||
		has(given, STORED_TAG, key->data, profile_key_tag_len(key->data, key->len));
}

static bool
has_tags(const Given *given, const ProfileKey *path, ProfileTag from, ProfileTag to)
{
	for (ProfileTag tag = from; tag <= to; tag++)
	{
		ProfileKey	key = *path;

		key.len = profile_key_path_len(key.data, key.len);
		profile_key_tag(&key, tag);
		if (!has_tag(given, &key))
			return false;
	}
	return true;
}

static bool
has_point(const Given *given, const ProfileKey *key)
{
	return has(given, STORED_POINT, key->data, key->len) || has_tag(given, key);
}

static bool
has_range(const Given *given, const IndexEntry *e)
{
	StoredKey	key;

	if (make_bound(e, STORED_LOWER, &key) && stored_key_is_in(&key, given->keys, given->n))
		return true;
	if (make_bound(e, STORED_UPPER, &key) && stored_key_is_in(&key, given->keys, given->n))
		return true;
	return has_path(given, &e->low) ||
		has_tags(given, &e->low, tag_of(&e->low), tag_of(&e->high));
}

static bool
has_pairs(const Given *given, const IndexEntry *e)
{
	Points		points[MAX_PAIRED];
	int			npoints = gather(e->first, points, 0);

	for (int i = 0; i < npoints; i++)
		for (int j = 0; j < i; j++)
		{
			StoredKey	pairs[COVER_MAX_KEYS];
			int			npairs = points[i].n * points[j].n;
			bool		all = make_pairs(&points[i], &points[j], pairs);

			CHECK_FOR_INTERRUPTS();
			for (int k = 0; k < npairs && all; k++)
				all = stored_key_is_in(&pairs[k], given->keys, given->n);
			if (all)
				return true;
		}
	return false;
}

static bool
is_covered(const Given *given, const IndexEntry *e)
{
	CHECK_FOR_INTERRUPTS();
	switch (e->kind)
	{
		case ENTRY_NEVER:
			return true;
		case ENTRY_AND:
		case ENTRY_BETWEEN:
			for (const IndexEntry *child = e->first; child != NULL; child = child->next)
				if (is_covered(given, child))
					return true;
			return e->kind == ENTRY_AND && given->pairs && has_pairs(given, e);
		case ENTRY_OR:
			for (const IndexEntry *child = e->first; child != NULL; child = child->next)
				if (!is_covered(given, child))
					return false;
			return true;
		case ENTRY_KEY:
			return has_point(given, &e->low);
		case ENTRY_RANGE:
			return has_range(given, e);
		case ENTRY_SET:
			for (int i = 0; i < e->nset; i++)
				if (!has_point(given, &e->set[i]))
					return false;
			return true;
		case ENTRY_ELEM:
			if (is_covered(given, e->first))
				return true;
			break;
		case ENTRY_ALWAYS:
		case ENTRY_NOT:
		case ENTRY_UNKNOWN:
			break;
	}
	return required_tag(e) != 0 && has_tags(given, &e->low, required_tag(e), required_tag(e));
}

bool
filter_is_covered(const FilterQuery *query, const StoredKey *keys, int nkeys)
{
	Given		given = {keys, nkeys};
	StoredKey	always;

	stored_key_always(&always);
	if (stored_key_is_in(&always, keys, nkeys))
		return true;
	for (int i = 0; i < nkeys; i++)
		given.pairs |= keys[i].data[0] == STORED_PAIR;
	return is_covered(&given, index_entry_extract(query));
}
