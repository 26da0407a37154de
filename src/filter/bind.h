/*-------------------------------------------------------------------------
 * src/filter/bind.h
 *
 * Filters that depend on time, and what they are at a moment.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_FILTER_BIND_H
#define CIRRO_FILTER_BIND_H

#include "postgres.h"
#include "fmgr.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "filter/query.h"
#include "json/tree.h"

/* What a filter is bound to. "at" is finite. */
typedef struct FilterMoment
{
	TimestampTz at;
	TimestampTz created_at;		/* of the gig; that of none is "at" */
	TimestampTz start_at;		/* ... DT_NOEND */
} FilterMoment;

/* Those of no gig. */
extern FilterMoment filter_moment(TimestampTz at);

/*
 * That of an SQL function's three arguments from "first" on: the moment, when the gig
 * was created and when it starts, each possibly NULL. Raises 22008 for infinity.
 */
extern FilterMoment filter_moment_of(FunctionCallInfo fcinfo, int first);

/*
 * May a filter depend on time? Cheap; a "no" is certain. Where it may, the
 * functions below serve for every filter, else filter/io.h does.
 */
extern bool filter_may_depend_on_time(const char *text, size_t len);
extern bool filter_jsonb_may_depend_on_time(Datum filter);

/*
 * The filter as it is at that moment, in the current context. "changes_at" is
 * when it will be another, DT_NOEND: never, or NULL. Raises an error if it is no
 * filter then; what does not count at that moment is not looked at.
 */
extern FilterQuery *filter_bind(const char *text, size_t len, const FilterMoment *moment,
								TimestampTz *changes_at);

/*
 * The filter weakened: it matches whatever the filter may match at any moment.
 * Raises an error if that is none, at whatever moment.
 */
extern FilterQuery *filter_weaken(const char *text, size_t len);

/* The same of jsonb; NULL is not among them. */
extern FilterQuery *filter_bind_jsonb(Jsonb *filter, const FilterMoment *moment,
									  TimestampTz *changes_at);
extern FilterQuery *filter_weaken_jsonb(Jsonb *filter);

/*
 * Makes of a tree one that filter_parse takes if the filter is one, with conditions
 * in the places of those on time. Tells "report" of each error about these, whose
 * conditions are gone then; without it the first is described in the reader and the
 * result false. Paths to all other conditions stay what they are.
 */
extern bool filter_bind_check(JsonTreeReader *reader, JsonTree *tree,
							  void (*report) (void *arg, const JsonTreeError *error),
							  void *report_arg);

/*
 * Of the tree of a filter that was checked: puts text in the place of each
 * {"$now": ...}, whose child remains to tell where it comes from. Conditions on
 * the gig stay.
 */
extern void filter_bind_now(JsonTreeReader *reader, JsonTree *tree, const FilterMoment *moment);

static inline bool
filter_is_now(const JsonTree *operand)
{
	return operand->type == JSON_TREE_STRING && operand->child != NULL;
}

/* Conditions on the gig, as members of a filter. */
typedef enum FilterGigField
{
	FILTER_GIG_NONE,
	FILTER_GIG_OPEN_FOR,		/* since it was created */
	FILTER_GIG_STARTS_IN		/* until it starts */
} FilterGigField;

extern FilterGigField filter_gig_field(const JsonTree *member);

/* Of one with its operand, {"$gte": "1 day"}, checked: does it hold? And the interval. */
extern bool filter_gig_holds(FilterGigField field, const JsonTree *bound,
							 const FilterMoment *moment);
extern Interval filter_gig_interval(const JsonTree *bound);

/* How long it is open by then, or until it starts; as text, "infinity" for ever. */
extern char *filter_gig_found(FilterGigField field, const FilterMoment *moment);

#endif							/* CIRRO_FILTER_BIND_H */
