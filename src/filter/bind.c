/*-------------------------------------------------------------------------
 * src/filter/bind.c
 *
 * Decides what in a filter depends on time, and what that is at a moment: makes
 * of such a filter one that does not, which filter/parse.c reads as any other. So
 * nothing behind the parser ever hears of time. Must not decide what else is a
 * filter.
 *
 * Conditions on time are {"$now": "-30 days"} as the operand of $gt, $gte, $lt or
 * $lte, which becomes text; and the members "$gig.open_for" and "$gig.starts_in",
 * which hold or do not. What holds is left out, and an object with one that does not
 * becomes {"$nor": [{}]}. Whatever becomes of them, no other condition gets another path,
 * and no filter becomes longer than the one that was checked when it was written.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>
#include <string.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/memutils.h"

#include "clock.h"
#include "compat.h"
#include "filter/bind.h"
#include "filter/io.h"
#include "filter/parse.h"
#include "json/glue.h"

PG_FUNCTION_INFO_V1(filter_query_bind);
PG_FUNCTION_INFO_V1(filter_query_bind_gig);
PG_FUNCTION_INFO_V1(filter_query_weaken);
PG_FUNCTION_INFO_V1(filter_text_now);

/* Longer intervals are none that anybody means, and stay far from overflowing. */
#define MAX_YEARS	10000

/* The longest text of a {"$now": ...}, for checks; within the years that text orders. */
#define FIRST_NOW	"0001-01-01T00:00"
#define LAST_NOW	"9999-12-31T23:59"
#define NOW_DAY		(sizeof("9999-12-31") - 1)
#define NOW_MINUTE	(sizeof(LAST_NOW) - 1)

static const char HINT_NOW[] =
	"Write {\"field\": {\"$gte\": {\"$now\": \"-30 days\"}}}: it stands right under $gt, $gte, $lt or $lte.";
static const char HINT_GIG[] =
	"Write {\"$gig.open_for\": {\"$gte\": \"30 minutes\"}} or {\"$gig.starts_in\": {\"$lt\": \"2 days\"}}, with any of $gt, $gte, $lt, $lte: it stands on top or in the lists of $and, $or, $nor.";
static const char HINT_INTERVAL[] =
	"An interval is text, such as \"-30 days\", \"90 minutes\", \"1 day 12 hours\", \"P1M\".";

typedef enum BindMode
{
	BIND_CHECK,					/* the longest that can become of it */
	BIND_WEAK,
	BIND_MOMENT,
	BIND_NOW					/* that alone, leave the gig */
} BindMode;

typedef struct Binder
{
	JsonTreeReader *reader;
	BindMode	mode;
	const FilterMoment *moment;
	TimestampTz changes_at;
	bool		depends;		/* there was something */
	bool		failed;
	void		(*report) (void *arg, const JsonTreeError *error);
	void	   *report_arg;
} Binder;

/* What became of a condition. */
typedef enum Truth
{
	TRUTH_OPEN,					/* it is to be asked */
	TRUTH_ALWAYS,
	TRUTH_NEVER
} Truth;

static void bind_filter(Binder *b, JsonTree *object, bool negated, bool in_element);
static Truth bind_operators(Binder *b, JsonTree *object, bool negated);

/*
 * ---- Does it depend on time?
 */

static bool
contains(const char *text, size_t len, const char *what)
{
	size_t		n = strlen(what);
	const char *end = text + len;

	while ((size_t) (end - text) >= n && (text = memchr(text, *what, end - text)) != NULL)
	{
		if ((size_t) (end - text) < n)
			return false;
		if (memcmp(text, what, n) == 0)
			return true;
		text++;
	}
	return false;
}

/* In text a dollar may be written in another way. */
bool
filter_may_depend_on_time(const char *text, size_t len)
{
	return contains(text, len, "$now") || contains(text, len, "$gig.") ||
		contains(text, len, "\\u");
}

bool
filter_jsonb_may_depend_on_time(Datum filter)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(filter);
	const char *data = VARDATA_ANY(value);
	size_t		len = VARSIZE_ANY_EXHDR(value);
	bool		result = contains(data, len, "$now") || contains(data, len, "$gig.");

	if ((Pointer) value != DatumGetPointer(filter))
		pfree(value);
	return result;
}

static bool
is_range(const JsonTree *m)
{
	return json_tree_key_is(m, "$gt") || json_tree_key_is(m, "$gte") ||
		json_tree_key_is(m, "$lt") || json_tree_key_is(m, "$lte");
}

static bool
is_logical(const JsonTree *m)
{
	return json_tree_key_is(m, "$and") || json_tree_key_is(m, "$or") || json_tree_key_is(m, "$nor");
}

static bool
is_gig_key(const JsonTree *m)
{
	return m->key_len >= 5 && memcmp(m->key, "$gig.", 5) == 0;
}

FilterGigField
filter_gig_field(const JsonTree *member)
{
	return json_tree_key_is(member, "$gig.open_for") ? FILTER_GIG_OPEN_FOR :
		json_tree_key_is(member, "$gig.starts_in") ? FILTER_GIG_STARTS_IN : FILTER_GIG_NONE;
}

FilterMoment
filter_moment(TimestampTz at)
{
	FilterMoment moment = {at, at, DT_NOEND};

	return moment;
}

/*
 * ---- Errors
 */

/* An error was described: tells of it where that is wanted, or ends the binding. */
static void
fail(Binder *b)
{
	if (b->report != NULL)
		b->report(b->report_arg, &b->reader->error);
	else
		b->failed = true;
}

/*
 * ---- Intervals
 */

/* Does a text with these words name a unit shorter than a day, or none? */
static bool
names_short_unit(const char *text)
{
	bool		names_unit = false;

	if (*text == 'p')
		return strchr(text, 't') != NULL || strchr(text, ':') != NULL;
	if (strchr(text, ':') != NULL)
		return true;
	for (const char *c = text; *c != '\0';)
	{
		char		word[TOKMAXLEN + 1];
		size_t		n = 0;
		int			unit;

		if (*c < 'a' || *c > 'z')
		{
			c++;
			continue;
		}
		for (; *c >= 'a' && *c <= 'z'; c++)
			if (n < TOKMAXLEN)
				word[n++] = *c;
		word[n] = '\0';
		if (DecodeUnits(0, word, &unit) != UNITS)
			continue;
		names_unit = true;
		if (unit == DTK_HOUR || unit == DTK_MINUTE || unit == DTK_SECOND ||
			unit == DTK_MILLISEC || unit == DTK_MICROSEC)
			return true;
	}
	/* "1-2" are a year and two months, "5" are seconds. */
	return !names_unit && (*text == '\0' || strchr(text + 1, '-') == NULL);
}

/*
 * Reads an interval as interval_in does, but without throwing, and without the
 * setting IntervalStyle, by which a sign would mean one thing in a wave and another
 * where somebody asks why.
 */
static bool
decode_interval(char *text, Interval *interval)
{
	char		workbuf[256];
	char	   *field[MAXDATEFIELDS];
	int			ftype[MAXDATEFIELDS];
	int			nf;
	int			dtype;
	int			dterr;
	int			style = IntervalStyle;
	struct pg_itm_in itm;

	memset(&itm, 0, sizeof(itm));
	IntervalStyle = INTSTYLE_POSTGRES;
	dterr = ParseDateTime(text, workbuf, sizeof(workbuf), field, ftype, MAXDATEFIELDS, &nf);
	if (dterr == 0)
		dterr = DecodeInterval(field, ftype, nf, INTERVAL_FULL_RANGE, &dtype, &itm);
	if (dterr == DTERR_BAD_FORMAT)
		dterr = DecodeISO8601Interval(text, &dtype, &itm);
	IntervalStyle = style;
	return dterr == 0 && dtype == DTK_DELTA && itmin2interval(&itm, interval) == 0;
}

/* About how many years, either way. */
static double
years(const Interval *interval)
{
	double		days = interval->day + (double) interval->time / USECS_PER_DAY;

	return fabs(interval->month / (double) MONTHS_PER_YEAR) + fabs(days) / DAYS_PER_YEAR;
}

/*
 * Reads an interval; "by_day" says whether its text names days or longer units
 * only. False, with the error described, if it is none.
 */
static bool
read_interval(JsonTreeReader *reader, const JsonTree *value, Interval *interval, bool *by_day)
{
	char		text[MAXDATELEN + 1];

	if (value->type != JSON_TREE_STRING)
		return json_tree_fail(reader, value, HINT_INTERVAL, "an interval is needed");
	if (value->text_len > MAXDATELEN || memchr(value->text, '\0', value->text_len) != NULL)
		return json_tree_fail(reader, value, HINT_INTERVAL, "this is no interval");
	memcpy(text, value->text, value->text_len);
	text[value->text_len] = '\0';
	if (!decode_interval(text, interval))
		return json_tree_fail(reader, value, HINT_INTERVAL, "this is no interval");
	if (years(interval) > MAX_YEARS)
		return json_tree_limit(reader, value, "Use a shorter one.",
							   "an interval is longer than %d years", MAX_YEARS);
	for (char *c = text; *c != '\0'; c++)
		*c = pg_ascii_tolower((unsigned char) *c);
	*by_day = interval->time == 0 && !names_short_unit(text + strspn(text, " \t\r\n@"));
	return true;
}

Interval
filter_gig_interval(const JsonTree *bound)
{
	JsonTreeReader reader;
	Interval	interval;
	bool		by_day;

	json_glue_start(&reader, CurrentMemoryContext);
	if (!read_interval(&reader, bound, &interval, &by_day))
		elog(ERROR, "an interval of a filter was not checked: %s", reader.error.problem);
	return interval;
}

/*
 * ---- What becomes of conditions
 */

static TimestampTz
next_multiple(TimestampTz at, int64 unit)
{
	TimestampTz start = at / unit * unit;

	return start > at ? start : start + unit;
}

static void
note_change(Binder *b, TimestampTz at)
{
	if (at > b->moment->at && at < b->changes_at)
		b->changes_at = at;
}

/* The text of {"$now": interval}, "len" bytes of it. */
static const char *
now_text(Binder *b, const Interval *interval, size_t len)
{
	TimestampTz at = cirro_add_interval(b->moment->at, interval);
	struct pg_tm tm;
	fsec_t		fsec;
	char	   *text;

	if (TIMESTAMP_IS_NOBEGIN(at))
		return FIRST_NOW;
	if (TIMESTAMP_IS_NOEND(at))
		return LAST_NOW;
	if (timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
		elog(ERROR, "timestamp out of range");
	if (tm.tm_year < 1)
		return FIRST_NOW;
	if (tm.tm_year > 9999)
		return LAST_NOW;
	text = psprintf("%04d-%02d-%02dT%02d:%02d", tm.tm_year, tm.tm_mon, tm.tm_mday,
					tm.tm_hour, tm.tm_min);
	/* Whole days move no time of day, seconds do. */
	note_change(b, b->moment->at +
				(next_multiple(at, len == NOW_DAY ? USECS_PER_DAY : USECS_PER_MINUTE) - at));
	return text;
}

/* What a condition weakened is: so that nothing is excluded, below a negation or not. */
static Truth
weakened(bool negated)
{
	return negated ? TRUTH_NEVER : TRUTH_ALWAYS;
}

/* {"$gte": {"$now": ...}}; "operand" is the operator's. */
static Truth
bind_now(Binder *b, JsonTree *operand, bool negated)
{
	const JsonTree *now = json_tree_member(operand, "$now");
	Interval	interval;
	bool		by_day = false;
	bool		fine = true;

	b->depends = true;
	if (operand->nchildren != 1)
		fine = json_tree_fail(b->reader, operand, HINT_NOW, "\"$now\" stands beside another key");
	else
		fine = read_interval(b->reader, now, &interval, &by_day);
	if (!fine)
	{
		fail(b);
		if (b->failed)
			return TRUTH_OPEN;
	}
	if (b->mode == BIND_WEAK)
		return weakened(negated);
	operand->type = JSON_TREE_STRING;
	operand->nchildren = 0;
	operand->text_len = by_day && b->mode != BIND_CHECK ? NOW_DAY : NOW_MINUTE;
	operand->text = b->mode == BIND_CHECK ? LAST_NOW :
		now_text(b, &interval, operand->text_len);
	return TRUTH_OPEN;
}

/*
 * When a condition on the gig begins or ceases to hold: "holds_from" says which, "at" is
 * the first moment of it.
 */
static TimestampTz
turning_point(FilterGigField field, const JsonTree *bound, const Interval *interval,
			  const FilterMoment *moment, bool *holds_from)
{
	bool		is_lower = json_tree_key_is(bound, "$gt") || json_tree_key_is(bound, "$gte");
	bool		is_strict = json_tree_key_is(bound, "$gt") || json_tree_key_is(bound, "$lt");
	bool		is_open_for = field == FILTER_GIG_OPEN_FOR;
	Interval	before = {
		.month = -interval->month, .day = -interval->day, .time = -interval->time
	};
	TimestampTz at = is_open_for ? cirro_add_interval(moment->created_at, interval) :
		cirro_add_interval(moment->start_at, &before);

	/* The one grows with time, the other shrinks. */
	*holds_from = is_lower == is_open_for;
	/* At the moment of equality itself the strict ones do not hold. */
	if (*holds_from == is_strict && !TIMESTAMP_NOT_FINITE(at))
		at++;
	return at;
}

/* Does it hold at a moment? "turns_at" is as above. */
static bool
holds(TimestampTz turns_at, bool holds_from, const FilterMoment *moment)
{
	return (moment->at >= turns_at) == holds_from;
}

bool
filter_gig_holds(FilterGigField field, const JsonTree *bound, const FilterMoment *moment)
{
	Interval	interval = filter_gig_interval(bound);
	bool		holds_from;
	TimestampTz turns_at = turning_point(field, bound, &interval, moment, &holds_from);

	return holds(turns_at, holds_from, moment);
}

char *
filter_gig_found(FilterGigField field, const FilterMoment *moment)
{
	bool		is_open_for = field == FILTER_GIG_OPEN_FOR;
	TimestampTz from = is_open_for ? moment->created_at : moment->at;
	TimestampTz until = is_open_for ? moment->at : moment->start_at;
	Interval	found;
	char		text[MAXDATELEN + 1];
	struct pg_itm itm;

	if (TIMESTAMP_IS_NOEND(until) || TIMESTAMP_IS_NOBEGIN(from))
		return pstrdup("infinity");
	if (TIMESTAMP_IS_NOBEGIN(until) || TIMESTAMP_IS_NOEND(from))
		return pstrdup("-infinity");
	memset(&found, 0, sizeof(found));
	found.day = (int32) ((until - from) / USECS_PER_DAY);
	found.time = (until - from) % USECS_PER_DAY;
	interval2itm(found, &itm);
	EncodeInterval(&itm, INTSTYLE_POSTGRES, text);
	return pstrdup(text);
}

/* {"$gig.open_for": {"$gte": ...}} */
static Truth
bind_gig(Binder *b, FilterGigField field, const JsonTree *member, bool negated)
{
	char		show[JSON_TREE_SHOW];
	Truth		result = TRUTH_ALWAYS;

	b->depends = true;
	if (member->type != JSON_TREE_OBJECT || member->child == NULL)
	{
		json_tree_fail(b->reader, member, HINT_GIG, "\"%.*s\" needs a range of intervals",
					   (int) member->key_len, member->key);
		fail(b);
		return TRUTH_OPEN;
	}
	for (const JsonTree *m = member->child; m != NULL; m = m->next)
	{
		Interval	interval;
		bool		by_day;
		bool		holds_from;
		TimestampTz turns_at;

		if (!is_range(m))
		{
			json_tree_fail(b->reader, m, HINT_GIG, "\"%s\" has no place under \"%.*s\"",
						   json_tree_show(show, m->key, m->key_len),
						   (int) member->key_len, member->key);
			fail(b);
			continue;
		}
		if (!read_interval(b->reader, m, &interval, &by_day))
		{
			fail(b);
			continue;
		}
		if (b->mode != BIND_MOMENT)
			continue;
		turns_at = turning_point(field, m, &interval, b->moment, &holds_from);
		note_change(b, turns_at);
		if (!holds(turns_at, holds_from, b->moment))
			result = TRUTH_NEVER;
	}
	switch (b->mode)
	{
		case BIND_CHECK:
			return TRUTH_ALWAYS;
		case BIND_WEAK:
			return weakened(negated);
		case BIND_MOMENT:
			return result;
		case BIND_NOW:
			break;
	}
	return TRUTH_OPEN;
}

/*
 * ---- The walk
 */

static Truth
opposite(Truth truth)
{
	return truth == TRUTH_OPEN ? TRUTH_OPEN :
		truth == TRUTH_ALWAYS ? TRUTH_NEVER : TRUTH_ALWAYS;
}

/* The list of $all, if it is of $elemMatch. */
static Truth
bind_all(Binder *b, JsonTree *list, bool negated)
{
	Truth		result = TRUTH_OPEN;
	JsonTree  **link = &list->child;

	if (list->child == NULL)
		return TRUTH_OPEN;
	while (*link != NULL)
	{
		JsonTree   *c = *link;
		Truth		truth = filter_is_operators(c) ? bind_operators(b, c, negated) : TRUTH_OPEN;

		if (truth == TRUTH_NEVER)
			result = TRUTH_NEVER;
		if (truth == TRUTH_ALWAYS)
		{
			*link = c->next;
			list->nchildren--;
		}
		else
			link = &c->next;
	}
	return list->child == NULL ? TRUTH_ALWAYS : result;
}

static Truth
bind_operator(Binder *b, JsonTree *m, bool negated)
{
	if (is_range(m))
		return m->type == JSON_TREE_OBJECT && json_tree_member(m, "$now") != NULL ?
			bind_now(b, m, negated) : TRUTH_OPEN;
	if (json_tree_key_is(m, "$not") && filter_is_operators(m))
		return opposite(bind_operators(b, m, !negated));
	if (json_tree_key_is(m, "$all") && m->type == JSON_TREE_ARRAY)
		return bind_all(b, m, negated);
	if (json_tree_key_is(m, "$elemMatch") && m->type == JSON_TREE_OBJECT)
	{
		if (!filter_elem_is_filter(m))
			return bind_operators(b, m, negated);
		bind_filter(b, m, negated, true);
	}
	return TRUTH_OPEN;
}

/* {"$gt": ..., "$lt": ...}: what always holds goes. */
static Truth
bind_operators(Binder *b, JsonTree *object, bool negated)
{
	bool		never = false;
	JsonTree  **link = &object->child;

	while (*link != NULL && !b->failed)
	{
		JsonTree   *m = *link;
		Truth		truth = bind_operator(b, m, negated);

		never |= truth == TRUTH_NEVER;
		if (truth == TRUTH_ALWAYS)
		{
			*link = m->next;
			object->nchildren--;
		}
		else
			link = &m->next;
	}
	return never ? TRUTH_NEVER : object->child == NULL ? TRUTH_ALWAYS : TRUTH_OPEN;
}

static JsonTree *
make_tree(Binder *b, JsonTreeType type, const JsonTree *parent)
{
	JsonTree   *tree = b->reader->alloc(b->reader->alloc_arg, sizeof(JsonTree));

	memset(tree, 0, sizeof(JsonTree));
	tree->type = type;
	tree->parent = parent;
	return tree;
}

/* "$nor": [{}], which never holds. */
static JsonTree *
make_never(Binder *b, const JsonTree *object)
{
	JsonTree   *nor = make_tree(b, JSON_TREE_ARRAY, object);

	nor->key = "$nor";
	nor->key_len = 4;
	nor->child = make_tree(b, JSON_TREE_OBJECT, nor);
	nor->nchildren = 1;
	return nor;
}

/* A member of a filter. */
static Truth
bind_member(Binder *b, JsonTree *m, bool negated, bool in_element)
{
	FilterGigField field = filter_gig_field(m);

	if (field != FILTER_GIG_NONE)
		return in_element ? TRUTH_OPEN : bind_gig(b, field, m, negated);
	if (is_logical(m) && m->type == JSON_TREE_ARRAY)
	{
		for (JsonTree *c = m->child; c != NULL && !b->failed; c = c->next)
			if (c->type == JSON_TREE_OBJECT)
				bind_filter(b, c, negated != json_tree_key_is(m, "$nor"), in_element);
		return TRUTH_OPEN;
	}
	if (!filter_is_operator_key(m) && filter_is_operators(m))
		return bind_operators(b, m, negated);
	return TRUTH_OPEN;
}

/*
 * A filter, which becomes another in its place: {} if it always holds. "in_element": it is
 * about an element of an array, which no gig is.
 */
static void
bind_filter(Binder *b, JsonTree *object, bool negated, bool in_element)
{
	JsonTree  **link = &object->child;
	bool		never = false;
	bool		asked_gig = false;

	while (*link != NULL && !b->failed)
	{
		JsonTree   *m = *link;
		bool		is_gig = filter_gig_field(m) != FILTER_GIG_NONE;
		Truth		truth = bind_member(b, m, negated, in_element);

		never |= truth == TRUTH_NEVER;
		asked_gig |= is_gig;
		/* One with an error that was reported is open: the parser shall not see it. */
		if (truth == TRUTH_ALWAYS ||
			(truth == TRUTH_OPEN && is_gig && b->report != NULL && !in_element))
		{
			*link = m->next;
			object->nchildren--;
		}
		else
			link = &m->next;
	}
	if (never)
	{
		object->child = make_never(b, object);
		object->nchildren = 1;
	}
	else if (b->mode == BIND_CHECK && asked_gig && !in_element &&
			 json_tree_member(object, "$nor") == NULL)
	{
		/* What it becomes when it does not hold must not pass a limit then. */
		*link = make_never(b, object);
		object->nchildren++;
	}
}

/* Whatever of time is left stands where it has no place. */
static void
check_rest(Binder *b, JsonTree *tree)
{
	char		show[JSON_TREE_SHOW];
	JsonTree  **link = &tree->child;

	/* What a {"$now": ...} was before it became text. */
	if (tree->type == JSON_TREE_STRING)
		return;
	while (*link != NULL && !b->failed)
	{
		JsonTree   *c = *link;
		bool		is_now = c->key != NULL && json_tree_key_is(c, "$now");

		if (!is_now && (c->key == NULL || !is_gig_key(c)))
		{
			check_rest(b, c);
			link = &c->next;
			continue;
		}
		b->depends = true;
		if (is_now)
			json_tree_fail(b->reader, c, HINT_NOW, "\"$now\" has no place here");
		else if (filter_gig_field(c) != FILTER_GIG_NONE)
			json_tree_fail(b->reader, c, HINT_GIG, "\"%.*s\" has no place here",
						   (int) c->key_len, c->key);
		else
			json_tree_fail(b->reader, c, HINT_GIG, "unknown condition \"%s\" on the gig",
						   json_tree_show(show, c->key, c->key_len));
		fail(b);
		/* The parser shall not tell of it once more. */
		*link = c->next;
		tree->nchildren--;
	}
}

static bool
bind_tree(Binder *b, JsonTree *tree)
{
	b->changes_at = DT_NOEND;
	if (tree->type != JSON_TREE_OBJECT)
		return true;			/* which the parser tells */
	bind_filter(b, tree, false, false);
	if (!b->failed && b->mode != BIND_NOW)
		check_rest(b, tree);
	return !b->failed;
}

bool
filter_bind_check(JsonTreeReader *reader, JsonTree *tree,
				  void (*report) (void *arg, const JsonTreeError *error), void *report_arg)
{
	Binder		binder = {
		.reader = reader, .mode = BIND_CHECK, .report = report, .report_arg = report_arg
	};

	return bind_tree(&binder, tree);
}

void
filter_bind_now(JsonTreeReader *reader, JsonTree *tree, const FilterMoment *moment)
{
	Binder		binder = {.reader = reader, .mode = BIND_NOW, .moment = moment};

	bind_tree(&binder, tree);
}

/*
 * ---- Filters
 */

/*
 * The text that a filter becomes, in the current context; the text itself if it does
 * not depend on time, or is no JSON, which the parser tells.
 */
static const char *
bind_text(Binder *b, const char *text, size_t *len)
{
	JsonTreeReader reader;
	JsonTree   *tree;
	char	   *result;

	json_glue_start(&reader, CurrentMemoryContext);
	reader.sort_keys = true;
	b->reader = &reader;
	tree = json_tree_read(&reader, text, *len);
	if (tree == NULL)
		return text;
	if (!bind_tree(b, tree))
		json_glue_error(NULL, NULL, "filter_query", &reader.error);
	if (!b->depends)
		return text;
	*len = json_tree_write(tree, NULL);
	result = palloc(*len + 1);
	json_tree_write(tree, result);
	return result;
}

static FilterQuery *
bind_query(Binder *b, const char *text, size_t len)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cirro bind",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	FilterQuery *query;

	text = bind_text(b, text, &len);
	MemoryContextSwitchTo(old);
	query = filter_query_from_text(text, len);
	MemoryContextDelete(context);
	return query;
}

FilterQuery *
filter_bind(const char *text, size_t len, const FilterMoment *moment, TimestampTz *changes_at)
{
	Binder		binder = {.mode = BIND_MOMENT, .moment = moment};
	FilterQuery *query = bind_query(&binder, text, len);

	if (changes_at != NULL)
		*changes_at = binder.changes_at;
	return query;
}

/* Raises an error for what is no filter at whatever moment. */
static void
check_query(const char *text, size_t len)
{
	Binder		check = {.mode = BIND_CHECK};

	pfree(bind_query(&check, text, len));
}

FilterQuery *
filter_weaken(const char *text, size_t len)
{
	Binder		check = {.mode = BIND_CHECK};
	Binder		weak = {.mode = BIND_WEAK};
	FilterQuery *query = bind_query(&check, text, len);

	if (!check.depends)
		return query;
	pfree(query);
	return bind_query(&weak, text, len);
}

FilterQuery *
filter_bind_jsonb(Jsonb *filter, const FilterMoment *moment, TimestampTz *changes_at)
{
	StringInfoData text;
	FilterQuery *query;

	initStringInfo(&text);
	JsonbToCString(&text, &filter->root, VARSIZE(filter));
	query = filter_bind(text.data, text.len, moment, changes_at);
	pfree(text.data);
	return query;
}

FilterQuery *
filter_weaken_jsonb(Jsonb *filter)
{
	StringInfoData text;
	FilterQuery *query;

	initStringInfo(&text);
	JsonbToCString(&text, &filter->root, VARSIZE(filter));
	query = filter_jsonb_may_depend_on_time(PointerGetDatum(filter)) ?
		filter_weaken(text.data, text.len) : filter_query_from_text(text.data, text.len);
	pfree(text.data);
	return query;
}

/*
 * ---- SQL functions
 */

FilterMoment
filter_moment_of(FunctionCallInfo fcinfo, int first)
{
	FilterMoment moment = filter_moment(PG_ARGISNULL(first) ? cirro_now() :
										PG_GETARG_TIMESTAMPTZ(first));

	if (TIMESTAMP_NOT_FINITE(moment.at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("a filter cannot be bound to infinity"),
				 errdetail("What \"$now\" stands for would be no date."),
				 errhint("Give a point in time, or NULL for now.")));
	if (!PG_ARGISNULL(first + 1))
		moment.created_at = PG_GETARG_TIMESTAMPTZ(first + 1);
	if (!PG_ARGISNULL(first + 2))
		moment.start_at = PG_GETARG_TIMESTAMPTZ(first + 2);
	return moment;
}

/* Of what somebody gives, and nobody has checked. */
static FilterQuery *
bind_given(const char *text, size_t len, const FilterMoment *moment)
{
	if (!filter_may_depend_on_time(text, len))
		return filter_query_from_text(text, len);
	check_query(text, len);
	return filter_bind(text, len, moment, NULL);
}

/*
 * bind(filter jsonb, at timestamptz, gig_created_at timestamptz, gig_start_at
 * timestamptz) returns filter_query
 */
Datum
filter_query_bind(PG_FUNCTION_ARGS)
{
	FilterMoment moment;
	Jsonb	   *filter;
	StringInfoData text;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	moment = filter_moment_of(fcinfo, 1);
	filter = PG_GETARG_JSONB_P(0);
	initStringInfo(&text);
	JsonbToCString(&text, &filter->root, VARSIZE(filter));
	PG_RETURN_POINTER(bind_given(text.data, text.len, &moment));
}

/*
 * bind_gig(compiled filter_query, filter jsonb, at timestamptz, gig_created_at
 * timestamptz, gig_start_at timestamptz) returns filter_query
 *
 * "compiled" is that of gig_filter, and the result unless it depends on time.
 */
Datum
filter_query_bind_gig(PG_FUNCTION_ARGS)
{
	FilterMoment moment;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (!filter_jsonb_may_depend_on_time(PG_GETARG_DATUM(1)))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	moment = filter_moment_of(fcinfo, 2);
	PG_RETURN_POINTER(filter_bind_jsonb(PG_GETARG_JSONB_P(1), &moment, NULL));
}

/* weaken(filter jsonb) returns filter_query */
Datum
filter_query_weaken(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(filter_weaken_jsonb(PG_GETARG_JSONB_P(0)));
}

/* filter_now(filter filter_text) returns filter_query */
Datum
filter_text_now(PG_FUNCTION_ARGS)
{
	text	   *filter = PG_GETARG_TEXT_PP(0);
	FilterMoment moment = filter_moment(cirro_now());
	const char *text = VARDATA_ANY(filter);
	size_t		len = VARSIZE_ANY_EXHDR(filter);

	PG_RETURN_POINTER(bind_given(text, len, &moment));
}
