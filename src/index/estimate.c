/*-------------------------------------------------------------------------
 * src/index/estimate.c
 *
 * Decides which fraction of the documents meets a filter, from statistics of
 * their keys (index/profile_stats.c) or, without, by a constant for each kind of
 * condition. Conditions count as independent, but for two bounds of one path and
 * two members of one element. Must not know where statistics come from, nor
 * whether the caller may see them.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/selfuncs.h"

#include "filter/regex.h"
#include "index/estimate.h"
#include "json/number.h"

/* Where nothing is known; those that core has no name for are our guesses. */
#define DEFAULT_PRESENT		0.5
#define DEFAULT_NULL		0.1
#define DEFAULT_REGEX		0.05
#define DEFAULT_MANY		0.005

/* Of arrays or objects that could be equal, those that are; and in order. */
#define CONTAINER_EQ		0.01
#define CONTAINER_ORDER		DEFAULT_INEQ_SEL

/* Of strings that are alike but for a letter, those with a certain one. */
#define BEGINNING_SHARE		0.2

typedef struct Estimate
{
	const FilterQuery *query;
	const ProfileStats *stats;	/* may be NULL */
} Estimate;

static double estimate(const Estimate *x, IndexEntry *e);

static char
tag_of(const ProfileKey *key)
{
	return key->data[profile_key_tag_len(key->data, key->len) - 1];
}

/* A key without a value: all with its tag are alike. */
static bool
has_tag_alone(const ProfileKey *key)
{
	return key->len == profile_key_tag_len(key->data, key->len);
}

/*
 * ---- Ranges
 */

/*
 * A date, or what there is of one, in months: "2024", "2024-02-29",
 * "2024-02-29T12:30Z". False if it is none, or not up to the day.
 */
static bool
date_value(const char *text, int len, bool to_the_day, double *months)
{
	/* Its digits, what stands before them, and how many months one counts. */
	static const struct
	{
		int			digits;
		char		before;
		int			first;
		double		share;
	}			fields[] = {
		{4, 0, 0, 12}, {2, '-', 1, 1}, {2, '-', 1, 1.0 / 31}, {2, 'T', 0, 1.0 / 31 / 24}
	};
	int			at = 0;

	*months = 0;
	for (int f = 0; f < lengthof(fields); f++)
	{
		int			number = 0;

		if (at >= len)
			return f > (to_the_day ? 2 : 0);
		if (fields[f].before != 0 && text[at] != fields[f].before &&
			!(fields[f].before == 'T' && text[at] == ' '))
			return f > 2;
		at += fields[f].before != 0;
		for (int i = 0; i < fields[f].digits; i++, at++)
		{
			int			digit = at < len ? text[at] - '0' : 0;

			if (digit < 0 || digit > 9)
				return f > 2;
			number = number * 10 + digit;
		}
		*months += Max(number - fields[f].first, 0) * fields[f].share;
	}
	return true;
}

/*
 * Where a string is between two others: dates by the calendar, others by their
 * first bytes that differ; of a base that the bytes suggest, as strings of
 * digits and letters do not use all.
 */
static double
string_position(const char *value, int len, const char *low, int low_len,
				const char *high, int high_len)
{
	int			common = 0;
	int			floor = 255;
	int			ceiling = 0;
	double		v = 0;
	double		l = 0;
	double		h = 0;
	double		scale = 1;

	if (date_value(low, low_len, true, &l) && date_value(high, high_len, true, &h) &&
		date_value(value, len, false, &v))
		return h > l ? (v - l) / (h - l) : 0.5;
	v = l = h = 0;
	while (common < low_len && common < high_len && low[common] == high[common])
		common++;
	for (int i = common; i < common + 8; i++)
	{
		int			bytes[3] = {i < len ? (unsigned char) value[i] : -1,
			i < low_len ? (unsigned char) low[i] : -1,
		i < high_len ? (unsigned char) high[i] : -1};

		for (int b = 0; b < 3; b++)
			if (bytes[b] >= 0)
			{
				floor = Min(floor, bytes[b]);
				ceiling = Max(ceiling, bytes[b]);
			}
	}
	if (floor >= '0' && ceiling <= '9')
	{
		floor = '0';
		ceiling = '9';
	}
	for (int i = common; i < common + 8; i++)
	{
		scale /= ceiling - floor + 2;
		v += (i < len ? (unsigned char) value[i] - floor + 1 : 0) * scale;
		l += (i < low_len ? (unsigned char) low[i] - floor + 1 : 0) * scale;
		h += (i < high_len ? (unsigned char) high[i] - floor + 1 : 0) * scale;
	}
	return h > l ? (v - l) / (h - l) : 0.5;
}

/* The fraction of a histogram below a key of its path and tag. */
static double
histogram_position(const ProfileStats *stats, const ProfileTagStats *tag,
				   const ProfileKey *key)
{
	int			tag_len = profile_key_tag_len(key->data, key->len);
	int			below = 0;
	const char *low;
	const char *high;
	int			low_len;
	int			high_len;
	double		position;

	if (key->len == tag_len)
		return 0;
	while (below < tag->nbounds)
	{
		profile_stats_bound(stats, tag->first_bound + below, &low, &low_len);
		if (profile_key_compare(low, low_len, key->data, key->len) > 0)
			break;
		below++;
	}
	if (below == 0)
		return 0;
	if (below == tag->nbounds)
		return 1;
	profile_stats_bound(stats, tag->first_bound + below - 1, &low, &low_len);
	profile_stats_bound(stats, tag->first_bound + below, &high, &high_len);
	if (tag_of(key) == PROFILE_TAG_NUMBER)
	{
		double		l = json_number_value(low + tag_len, low_len - tag_len);
		double		h = json_number_value(high + tag_len, high_len - tag_len);
		double		v = json_number_value(key->data + tag_len, key->len - tag_len);

		position = h > l ? (v - l) / (h - l) : 0.5;
	}
	else
		position = string_position(key->data + tag_len, key->len - tag_len,
								   low + tag_len, low_len - tag_len,
								   high + tag_len, high_len - tag_len);
	if (isnan(position))
		position = 0.5;
	return (below - 1 + Min(Max(position, 0), 1)) / (tag->nbounds - 1);
}

/*
 * The least that a histogram tells of strings with some beginning: where it
 * knows of strings that differ in the last letter of it alone, some part of
 * what is between two bounds.
 */
static double
beginning_share(const ProfileStats *stats, const ProfileTagStats *tag, const ProfileKey *low)
{
	const char *bound;
	int			len;

	for (int i = 0; i < tag->nbounds; i++)
	{
		profile_stats_bound(stats, tag->first_bound + i, &bound, &len);
		if (len >= low->len && memcmp(bound, low->data, low->len - 1) == 0)
			return BEGINNING_SHARE / (tag->nbounds - 1);
	}
	return 0;
}

/* At least one of the keys that are "total" a document, of which "some" do. */
static double
of_several(double some, double total, double present)
{
	double		each;

	if (present <= 0 || total <= 0)
		return 0;
	if (total <= present * 1.01)
		return Min(some, present);
	each = Min(some / total, 1);
	return present * (1 - pow(1 - each, total / present));
}

/* Documents with a key between two of one path and tag. */
static double
range_fraction(const ProfileStats *stats, const IndexEntry *e)
{
	int			tag_len = profile_key_tag_len(e->low.data, e->low.len);
	bool		to_the_end = e->high_begins && e->high.len == tag_len;
	ProfileKey	high = e->high;
	ProfileTagStats tag;
	double		common = 0;
	double		rest = 0;
	const char *key;
	int			len;
	double		fraction;

	if (!profile_stats_tag(stats, e->low.data, tag_len, &tag))
		return 0.5 / profile_stats_rows(stats);
	/* Behind most strings that begin so. */
	if (e->high_begins && high.len < PROFILE_KEY_MAX)
		high.data[high.len++] = '\x7F';
	for (int i = profile_stats_search(stats, e->low.data, e->low.len);
		 profile_stats_common(stats, i, &key, &len, &fraction); i++)
	{
		int			cmp = index_entry_compare(e, key, len);

		if (cmp > 0)
			break;
		if (cmp == 0)
			common += fraction;
	}
	if (tag.nbounds >= 2)
	{
		rest = (to_the_end ? 1 : histogram_position(stats, &tag, &high)) -
			histogram_position(stats, &tag, &e->low);
		if (e->high_begins && e->high.len == e->low.len && !to_the_end)
			rest = Max(rest, beginning_share(stats, &tag, &e->low));
	}
	else if (e->low.len == tag_len && to_the_end)
		rest = 1;
	else if (tag.distinct > 0)
		rest = DEFAULT_INEQ_SEL;
	/* A range between two bounds is not empty for all we know. */
	rest = tag.rest * Max(rest, 0) + 0.5 / profile_stats_rows(stats);
	return of_several(common + rest, tag.total, tag.present);
}

/* All keys of a path with one tag after another. */
static double
tags_fraction(const ProfileStats *stats, const IndexEntry *e)
{
	int			path_len = profile_key_path_len(e->low.data, e->low.len);
	ProfileKey	prefix = e->low;
	double		none = 1;
	double		any;

	/* Not the sum: a value has one type, but an array has several values. */
	prefix.len = path_len;
	any = profile_stats_present(stats, prefix.data, prefix.len);
	if (tag_of(&e->low) == PROFILE_TAG_NULL && tag_of(&e->high) >= PROFILE_TAG_BOOL)
		return any;
	for (int tag = tag_of(&e->low); tag <= tag_of(&e->high); tag++)
	{
		prefix.len = path_len;
		profile_key_tag(&prefix, tag);
		none *= 1 - profile_stats_present(stats, prefix.data, prefix.len);
	}
	return Min(1 - none, any);
}

/*
 * ---- Leaves
 */

static double
default_fraction(const IndexEntry *e)
{
	if (e->kind == ENTRY_KEY)
		return DEFAULT_EQ_SEL;
	if (e->kind == ENTRY_SET)
		return Min(e->nset * DEFAULT_EQ_SEL, DEFAULT_PRESENT);
	if (e->kind == ENTRY_BETWEEN)
		return DEFAULT_RANGE_INEQ_SEL;
	/* From a tag on to a tag: presence; else one end is a value. */
	return has_tag_alone(&e->low) && has_tag_alone(&e->high) ?
		DEFAULT_PRESENT : DEFAULT_INEQ_SEL;
}

static double
keys_fraction(const Estimate *x, const IndexEntry *e)
{
	double		none = 1;
	double		sum = 0;

	if (x->stats == NULL)
		return default_fraction(e);
	switch (e->kind)
	{
		case ENTRY_KEY:
			if (has_tag_alone(&e->low) && tag_of(&e->low) != PROFILE_TAG_PAIR)
				return profile_stats_present(x->stats, e->low.data, e->low.len);
			return profile_stats_key(x->stats, e->low.data, e->low.len);
		case ENTRY_SET:
			for (int i = 0; i < e->nset; i++)
			{
				double		one = profile_stats_key(x->stats, e->set[i].data, e->set[i].len);

				none *= 1 - one;
				sum += one;
			}
			return Min(sum, 1 - none);
		default:
			if (tag_of(&e->low) != tag_of(&e->high) ||
				(e->kind == ENTRY_RANGE && default_fraction(e) == DEFAULT_PRESENT))
				return tags_fraction(x->stats, e);
			return range_fraction(x->stats, e);
	}
}

/* A condition on arrays and objects narrows what their keys tell. */
static double
container_factor(const IndexEntry *e)
{
	char		tag = tag_of(&e->low);

	if (e->node == NULL || e->exact)
		return 1;
	if (tag != PROFILE_TAG_OBJECT && tag != PROFILE_TAG_ARRAY && tag != PROFILE_TAG_INNER)
		return 1;
	switch (e->node->op)
	{
		case FILTER_EQ:
		case FILTER_IN:
			return CONTAINER_EQ;
		case FILTER_GT:
		case FILTER_GTE:
		case FILTER_LT:
		case FILTER_LTE:
			return CONTAINER_ORDER;
		default:
			return 1;
	}
}

/* Of the strings of a path, those that a regular expression finds. */
static double
regex_selectivity(const Estimate *x, const IndexEntry *e)
{
	JsonView	pattern = filter_value_view(x->query, filter_node_values(x->query, e->node));
	ProfileKey	prefix = e->low;
	ProfileTagStats tag;
	double		common = 0;
	double		fraction;
	int			tried = 0;
	int			found = 0;
	JsonView	string = {JSON_VIEW_STRING, 0, NULL};
	const char *key;
	int			len;

	prefix.len = profile_key_path_len(prefix.data, prefix.len);
	profile_key_tag(&prefix, PROFILE_TAG_STRING);
	if (!profile_stats_tag(x->stats, prefix.data, prefix.len, &tag))
		return 0.5 / profile_stats_rows(x->stats);
	for (int i = profile_stats_search(x->stats, prefix.data, prefix.len);
		 profile_stats_common(x->stats, i, &key, &len, &fraction) && len >= prefix.len &&
		 memcmp(key, prefix.data, prefix.len) == 0; i++)
	{
		string.data = key + prefix.len;
		string.len = len - prefix.len;
		if (!profile_key_is_cut(key, len) &&
			filter_regex_matches(pattern, e->node->number, string))
			common += fraction;
	}
	for (int i = 0; i < tag.nbounds; i++)
	{
		profile_stats_bound(x->stats, tag.first_bound + i, &key, &len);
		if (profile_key_is_cut(key, len))
			continue;
		string.data = key + prefix.len;
		string.len = len - prefix.len;
		tried++;
		found += filter_regex_matches(pattern, e->node->number, string);
	}
	/* None of a hundred is not none at all. */
	if (tried > 0)
		common += tag.rest * Max(found, 0.1) / tried;
	else
		common += tag.rest * DEFAULT_REGEX;
	return of_several(common, tag.total, tag.present);
}

/* The documents that have none of the scalars in a list, null apart. */
static double
none_of_list(const Estimate *x, const IndexEntry *e)
{
	const FilterValue *values = filter_node_values(x->query, e->node);
	double		none = 1;

	for (uint32 i = 0; i < e->node->number; i++)
	{
		JsonView	value = filter_value_view(x->query, &values[i]);
		ProfileKey	key = e->low;

		if (value.type == JSON_VIEW_NULL || value.type == JSON_VIEW_OBJECT ||
			value.type == JSON_VIEW_ARRAY)
			continue;
		profile_key_scalar(&key, value);
		none *= 1 - profile_stats_key(x->stats, key.data, key.len);
	}
	return none;
}

/* What only the document tells. */
static double
unknown_selectivity(const Estimate *x, const IndexEntry *e)
{
	ProfileKey	key = e->low;
	double		present;
	double		is_null;
	double		others;
	int64		divisor;

	switch (e->node->op)
	{
		case FILTER_EQ:
		case FILTER_IN:
			if (x->stats == NULL || !e->has_path)
				break;
			/* One of the values is null: missing, or there and null. */
			present = profile_stats_present(x->stats, key.data, key.len);
			profile_key_tag(&key, PROFILE_TAG_NULL);
			is_null = profile_stats_present(x->stats, key.data, key.len);
			others = 1;
			if (e->node->op == FILTER_IN)
				others = none_of_list(x, e);
			/* An element is never missing. */
			if (!e->one_value)
				is_null += Max(1 - present, 0);
			return 1 - (1 - Min(is_null, 1)) * others;
		case FILTER_REGEX:
			if (x->stats == NULL || !e->has_path)
				return DEFAULT_REGEX;
			return regex_selectivity(x, e);
		case FILTER_MOD:
			memcpy(&divisor, (const char *) x->query + e->node->operand, sizeof(divisor));
			present = 1;
			if (x->stats != NULL && e->has_path)
			{
				profile_key_tag(&key, PROFILE_TAG_NUMBER);
				present = profile_stats_present(x->stats, key.data, key.len);
			}
			return present / fabs((double) divisor);
		case FILTER_GT:
		case FILTER_GTE:
		case FILTER_LT:
		case FILTER_LTE:
			return DEFAULT_INEQ_SEL;
		case FILTER_EXISTS:
		case FILTER_TYPE:
			return DEFAULT_PRESENT;
		default:
			return DEFAULT_EQ_SEL;
	}
	return e->node->op == FILTER_EQ ? DEFAULT_EQ_SEL : DEFAULT_NULL;
}

/*
 * ---- The tree
 */

/* How many keys of its path and tag a document has that has any. */
static double
keys_each(const Estimate *x, const IndexEntry *e)
{
	int			tag_len = profile_key_tag_len(e->low.data, e->low.len);
	ProfileTagStats tag;
	double		most = 1;

	if (index_entry_has_keys(e) &&
		profile_stats_tag(x->stats, e->low.data, tag_len, &tag) && tag.present > 0)
		return Max(tag.total / tag.present, 1);
	for (const IndexEntry *c = e->first; c != NULL; c = c->next)
		most = Max(most, keys_each(x, c));
	return most;
}

/*
 * An element meets all conditions at once. What is known is how many
 * documents have an element that meets each: from that, what it is per
 * element.
 */
static double
elem_selectivity(const Estimate *x, IndexEntry *e)
{
	IndexEntry *child = e->first;
	double		whole = estimate(x, child);
	ProfileKey	array = e->low;
	double		present;
	double		each;
	double		one = 1;
	double		pair = 1;

	if (x->stats == NULL)
		return whole;
	/* Only arrays have elements, whatever they are. */
	profile_key_tag(&array, PROFILE_TAG_ARRAY);
	present = profile_stats_present(x->stats, array.data, array.len);
	if (present <= 0)
		return 0;
	if (child->kind != ENTRY_AND)
		return Min(whole, present);
	each = keys_each(x, child);
	for (IndexEntry *c = child->first; c != NULL; c = c->next)
		if (c->implied)
			pair = Min(pair, c->selectivity);
		else
			one *= 1 - pow(1 - Min(c->selectivity / present, 1), 1 / each);
	/* How often two values come together is known, not just supposed. */
	if (pair < 1 && child->first->next->next->next == NULL)
		return pair;
	return Min(pair, present * (1 - pow(1 - one, each)));
}

static double
between_selectivity(const Estimate *x, IndexEntry *e)
{
	double		apart = 1;
	double		many = 0;

	e->fraction = keys_fraction(x, e);
	for (IndexEntry *c = e->first; c != NULL; c = c->next)
		apart *= estimate(x, c);
	for (IndexEntry *m = e->many; m != NULL; m = m->next)
	{
		m->fraction = x->stats == NULL ? DEFAULT_MANY : range_fraction(x->stats, m);
		many += m->fraction;
	}
	/* Different values may meet the two bounds where there are several. */
	return Max(e->fraction, Min(apart, many));
}

/* Recursion is bounded by the depth of the filter. */
static double
estimate(const Estimate *x, IndexEntry *e)
{
	double		s = 1;

	CHECK_FOR_INTERRUPTS();
	switch (e->kind)
	{
		case ENTRY_ALWAYS:
			break;
		case ENTRY_NEVER:
			s = 0;
			break;
		case ENTRY_AND:
			for (IndexEntry *c = e->first; c != NULL; c = c->next)
			{
				double		one = estimate(x, c);

				if (!c->implied)
					s *= one;
			}
			break;
		case ENTRY_OR:
			for (IndexEntry *c = e->first; c != NULL; c = c->next)
				s *= 1 - estimate(x, c);
			s = 1 - s;
			break;
		case ENTRY_NOT:
			s = 1 - estimate(x, e->first);
			break;
		case ENTRY_ELEM:
			s = elem_selectivity(x, e);
			break;
		case ENTRY_BETWEEN:
			s = between_selectivity(x, e);
			break;
		case ENTRY_KEY:
		case ENTRY_RANGE:
		case ENTRY_SET:
			e->fraction = keys_fraction(x, e);
			CLAMP_PROBABILITY(e->fraction);
			s = e->fraction * container_factor(e);
			/* Of a pattern the beginning alone has keys. */
			if (e->node != NULL && e->node->op == FILTER_REGEX && !e->exact)
				s = Min(s, unknown_selectivity(x, e));
			break;
		case ENTRY_UNKNOWN:
			s = unknown_selectivity(x, e);
			break;
	}
	CLAMP_PROBABILITY(s);
	e->selectivity = s;
	return s;
}

double
index_entry_fraction(const IndexEntry *entry, const ProfileStats *stats)
{
	Estimate	x = {NULL, stats};
	double		fraction = keys_fraction(&x, entry);

	CLAMP_PROBABILITY(fraction);
	return fraction;
}

double
index_entry_estimate(IndexEntry *root, const FilterQuery *query, const ProfileStats *stats)
{
	Estimate	x = {query, stats};
	double		s = estimate(&x, root);

	/* The tree is about documents; a row without one matches nothing. */
	return stats == NULL ? s : s * (1 - profile_stats_nulls(stats));
}
