/*-------------------------------------------------------------------------
 * src/gig/check.c
 *
 * What a gig's row may be: what it must look like, what may change in which
 * phase, and when it may go. Looks at the row, the clock and the Space's settings
 * and takes no lock beyond the row's own; guards cirro's columns only: the
 * application's own stay writable for ever.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "cirro.h"
#include "compat.h"
#include "filter/bind.h"
#include "gig/check.h"
#include "gig/trigger.h"
#include "sort/query.h"
#include "space/query.h"

PG_FUNCTION_INFO_V1(gig_check);
PG_FUNCTION_INFO_V1(gig_delete_check);

enum
{
	ID, REF, TITLE, DESCRIPTION, URL, START_AT, END_AT, ARCHIVE_AT, ARCHIVED_AT,
	CANCELLED_AT, TOTAL_SEATS, SEATS_MIN, SEATS_MAX, SEATS_GRANTED, INVITATION_MODE,
	INVITATION_MULTIPLIER, INVITATION_FREQUENCY, PENDING_MAX, ANSWER_WITHIN, FILTER_QUERY,
	SORT_QUERY, NOTIFICATION_PAYLOAD, CREATED_AT, NCOLUMNS
};

static const TriggerColumn columns[NCOLUMNS] = {
	[ID] = {"id", INT8OID},
	[REF] = {"ref", InvalidOid},
	[TITLE] = {"title", TEXTOID},
	[DESCRIPTION] = {"description", TEXTOID},
	[URL] = {"url", TEXTOID},
	[START_AT] = {"start_at", TIMESTAMPTZOID},
	[END_AT] = {"end_at", TIMESTAMPTZOID},
	[ARCHIVE_AT] = {"archive_at", TIMESTAMPTZOID},
	[ARCHIVED_AT] = {"archived_at", TIMESTAMPTZOID},
	[CANCELLED_AT] = {"cancelled_at", TIMESTAMPTZOID},
	[TOTAL_SEATS] = {"total_seats", INT4OID},
	[SEATS_MIN] = {"seats_min", INT4OID},
	[SEATS_MAX] = {"seats_max", INT4OID},
	[SEATS_GRANTED] = {"seats_granted", INT4OID},
	[INVITATION_MODE] = {"invitation_mode", TEXTOID},
	[INVITATION_MULTIPLIER] = {"invitation_multiplier", NUMERICOID},
	[INVITATION_FREQUENCY] = {"invitation_frequency", INTERVALOID},
	[PENDING_MAX] = {"pending_max", INT4OID},
	[ANSWER_WITHIN] = {"answer_within", INTERVALOID},
	[FILTER_QUERY] = {"filter_query", JSONBOID},
	[SORT_QUERY] = {"sort_query", JSONBOID},
	[NOTIFICATION_PAYLOAD] = {"notification_payload", JSONBOID},
	[CREATED_AT] = {"created_at", TIMESTAMPTZOID},
};

StaticAssertDecl(NCOLUMNS <= TRIGGER_MAX_COLUMNS, "too many columns for a TriggerRow");

static inline int64
gig_id(const TriggerRow *row)
{
	return DatumGetInt64(row_value(row, ID));
}

static inline TimestampTz
row_time(const TriggerRow *row, int col)
{
	return DatumGetTimestampTz(row_value(row, col));
}

/* When the gig ends, or has ended: end_at, or by being cancelled before it. */
static TimestampTz
ends_at(const TriggerRow *row)
{
	return row_isnull(row, CANCELLED_AT) ? row_time(row, END_AT)
		: Min(row_time(row, END_AT), row_time(row, CANCELLED_AT));
}

/* The last moment at which a gig that ends at "end_at" can have been created. */
static inline TimestampTz
latest_creation(TimestampTz end_at)
{
	return TIMESTAMP_NOT_FINITE(end_at) ? end_at : end_at - 1;
}

/* ------------------------------------------------------------- defaults -- */

/* In the order of from_setting. */
static const SpaceQuery read_defaults = {
	"SELECT coalesce(s.default_multiplier, 10)::numeric, "
	"  coalesce(s.default_frequency, interval '5 minutes')::interval, "
	"  s.default_pending_max::int, s.default_answer_within::interval "
	"FROM (VALUES (1)) one LEFT JOIN setting s ON true LIMIT 1"
};

/*
 * Now; but a row that is proposed to an INSERT … ON CONFLICT may be that of a gig
 * which has ended, and must pass for a gig. Of those that really come in
 * gig_check_inserted asks more.
 */
static TimestampTz
default_created_at(const TriggerRow *row)
{
	TimestampTz now = cirro_now();
	TimestampTz latest;

	if (row_isnull(row, END_AT))
		return now;
	latest = latest_creation(row_time(row, END_AT));
	return IS_VALID_TIMESTAMP(latest) ? Min(now, latest) : now;
}

static const int from_setting[] = {
	INVITATION_MULTIPLIER, INVITATION_FREQUENCY, PENDING_MAX, ANSWER_WITHIN
};

/* What some write for a value that is not there. */
static bool
is_json_null(Datum value)
{
	JsonbValue	scalar;

	return JsonbExtractScalar(&DatumGetJsonbP(value)->root, &scalar) && scalar.type == jbvNull;
}

/*
 * What is not given, or given as NULL, is the Space's default. "old" is the
 * row before an UPDATE: what was NULL then and still is was not given.
 */
static void
fill_defaults(TriggerData *trigdata, const TriggerRow *old, TriggerRow *row)
{
	bool		wanted[lengthof(from_setting)];
	bool		needed = false;

	/* The column's default is no other than now. */
	if (row_isnull(row, CREATED_AT) ||
		(old == NULL && row_time(row, CREATED_AT) == cirro_now()))
		trigger_row_set(row, CREATED_AT, TimestampTzGetDatum(default_created_at(row)));
	if (row_isnull(row, INVITATION_MODE))
		trigger_row_set(row, INVITATION_MODE, CStringGetTextDatum("auto"));
	if (!row_isnull(row, SORT_QUERY) && is_json_null(row_value(row, SORT_QUERY)))
		trigger_row_set_null(row, SORT_QUERY);

	for (int i = 0; i < (int) lengthof(from_setting); i++)
	{
		wanted[i] = row_isnull(row, from_setting[i]) &&
			(old == NULL || !row_isnull(old, from_setting[i]));
		needed |= wanted[i];
	}
	if (needed)
	{
		SpaceScope	scope;
		Oid			space = trigger_enter(trigdata, "gig", &scope);
		QueryArgs	args = {&read_defaults};
		ResultRow	defaults;

		query_run(space, &args);
		defaults = result_row(0);
		for (int i = 0; i < (int) lengthof(from_setting); i++)
		{
			int			col = from_setting[i];
			Form_pg_attribute att = TupleDescAttr(row->desc, row->attnum[col] - 1);
			Datum		value;

			if (result_null(&defaults))
				continue;
			value = result_datum(&defaults, columns[col].type);
			/* It must outlive the end of SPI. */
			if (wanted[i])
				trigger_row_set(row, col, SPI_datumTransfer(value, att->attbyval, att->attlen));
		}
		result_end(&defaults);
		trigger_leave(&scope);
	}
}

/* ----------------------------------------------------------- validation -- */

/*
 * Refuses a row for a value of column "col", as the table's own constraint, if it
 * has one of that name, would after the trigger.
 */
#define REFUSE(row, col, constraint, ...) \
	ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION), __VA_ARGS__, \
					errcolumn(row, col, constraint)))

static int
errcolumn(const TriggerRow *row, int col, const char *constraint)
{
	return trigger_errcolumn(row->rel, columns[col].name, constraint);
}

static void
check_given(const TriggerRow *row)
{
	static const int required[] = {
		TITLE, URL, START_AT, END_AT, INVITATION_MULTIPLIER, INVITATION_FREQUENCY, FILTER_QUERY
	};

	for (int i = 0; i < (int) lengthof(required); i++)
	{
		int			col = required[i];

		if (row_isnull(row, col))
			ereport(ERROR,
					(errcode(ERRCODE_NOT_NULL_VIOLATION),
					 errmsg("a gig needs \"%s\"", columns[col].name),
					 col == FILTER_QUERY ? errhint("'{}' matches every worker.") : 0,
					 errcolumn(row, col, NULL)));
		if ((col == TITLE || col == URL) &&
			VARSIZE_ANY_EXHDR(DatumGetTextPP(row_value(row, col))) == 0)
			REFUSE(row, col, col == TITLE ? "gig_title_check" : "gig_url_check",
				   errmsg("the \"%s\" of a gig cannot be empty", columns[col].name));
	}
}

pg_noreturn static void
refuse_end(Relation rel, TimestampTz created_at, TimestampTz end_at)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("a gig must end after its creation"),
			 errdetail("It is created at %s and ends at %s.",
					   pstrdup(timestamptz_to_str(created_at)),
					   pstrdup(timestamptz_to_str(end_at))),
			 errhint("Set end_at in the future."),
			 trigger_errcolumn(rel, columns[END_AT].name, "gig_end_at_check")));
}

static void
check_times(const TriggerRow *row)
{
	TimestampTz start_at = row_time(row, START_AT);
	TimestampTz end_at = row_time(row, END_AT);
	TimestampTz created_at = row_time(row, CREATED_AT);

	if (end_at <= start_at)
		REFUSE(row, END_AT, "gig_end_at_check",
			   errmsg("a gig must end after it starts"),
			   errdetail("It starts at %s and ends at %s.",
						 pstrdup(timestamptz_to_str(start_at)),
						 pstrdup(timestamptz_to_str(end_at))));
	if (end_at <= created_at)
		refuse_end(row->rel, created_at, end_at);
	if (!row_isnull(row, ARCHIVE_AT) && row_time(row, ARCHIVE_AT) < ends_at(row))
		REFUSE(row, ARCHIVE_AT, "gig_archive_at_check",
			   errmsg("a gig cannot be archived before it ends"),
			   errdetail("It ends at %s and is to be archived at %s.",
						 pstrdup(timestamptz_to_str(ends_at(row))),
						 pstrdup(timestamptz_to_str(row_time(row, ARCHIVE_AT)))),
			   errhint("Set archive_at to end_at or later, or call archive()."));
}

static void
check_seats(const TriggerRow *row)
{
	static const int seats[] = {SEATS_MIN, TOTAL_SEATS, SEATS_MAX};
	int			last = -1;

	for (int i = 0; i < (int) lengthof(seats); i++)
	{
		int			col = seats[i];
		int32		value = DatumGetInt32(row_value(row, col));

		if (row_isnull(row, col))
			continue;
		if (value < 1)
			REFUSE(row, col, "gig_seats_check",
				   errmsg("\"%s\" must be at least 1", columns[col].name),
				   errdetail("It is %d.", value));
		if (last >= 0 && DatumGetInt32(row_value(row, last)) > value)
			REFUSE(row, col, "gig_seats_check",
				   errmsg("\"%s\" cannot exceed \"%s\"",
						  columns[last].name, columns[col].name),
				   errdetail("They are %d and %d.",
							 DatumGetInt32(row_value(row, last)), value),
				   errhint("Keep seats_min <= total_seats <= seats_max."));
		last = col;
	}
	if (!row_isnull(row, SEATS_GRANTED) && DatumGetInt32(row_value(row, SEATS_GRANTED)) < 0)
		REFUSE(row, SEATS_GRANTED, "gig_seats_granted_check",
			   errmsg("\"seats_granted\" cannot be negative"),
			   errdetail("It is %d.", DatumGetInt32(row_value(row, SEATS_GRANTED))),
			   errhint("Leave it out where all seats are this Space's."));
	if (last < 0)
		REFUSE(row, TOTAL_SEATS, "gig_seats_check",
			   errmsg("a gig needs a number of seats"),
			   errhint("Give total_seats, or seats_min, or seats_max."));
}

static bool
is_positive(Datum interval)
{
	Interval	zero = {0};

	return DatumGetBool(DirectFunctionCall2(interval_gt, interval,
											IntervalPGetDatum(&zero)));
}

static void
check_waves(const TriggerRow *row)
{
	static const struct
	{
		int			col;
		const char *constraint;
	}			intervals[] =
	{
		{INVITATION_FREQUENCY, "gig_invitation_frequency_check"},
		{ANSWER_WITHIN, "gig_answer_within_check"},
	};
	Numeric		multiplier = DatumGetNumeric(row_value(row, INVITATION_MULTIPLIER));
	text	   *mode = DatumGetTextPP(row_value(row, INVITATION_MODE));
	char	   *mode_name = text_to_cstring(mode);

	if (strcmp(mode_name, "auto") != 0 && strcmp(mode_name, "manual") != 0)
		REFUSE(row, INVITATION_MODE, "gig_invitation_mode_check",
			   errmsg("\"%s\" is not an invitation mode", mode_name),
			   errhint("It is \"auto\" or \"manual\"."));
	if (numeric_is_nan(multiplier) || numeric_is_inf(multiplier) ||
		!DatumGetBool(DirectFunctionCall2(numeric_gt, NumericGetDatum(multiplier),
										  NumericGetDatum(int64_to_numeric(0)))))
		REFUSE(row, INVITATION_MULTIPLIER, "gig_invitation_multiplier_check",
			   errmsg("\"invitation_multiplier\" must be greater than 0"),
			   errdetail("It is %s.",
						 DatumGetCString(DirectFunctionCall1(numeric_out,
															 NumericGetDatum(multiplier)))),
			   errhint("A wave invites this many workers for each free seat."));
	for (int i = 0; i < (int) lengthof(intervals); i++)
	{
		int			col = intervals[i].col;

		if (!row_isnull(row, col) && !is_positive(row_value(row, col)))
			REFUSE(row, col, intervals[i].constraint,
				   errmsg("\"%s\" must be greater than 0", columns[col].name),
				   errdetail("It is %s.",
							 DatumGetCString(DirectFunctionCall1(interval_out,
																 row_value(row, col)))));
	}
	if (!row_isnull(row, PENDING_MAX) && DatumGetInt32(row_value(row, PENDING_MAX)) < 1)
		REFUSE(row, PENDING_MAX, "gig_pending_max_check",
			   errmsg("\"pending_max\" must be at least 1"),
			   errdetail("It is %d.", DatumGetInt32(row_value(row, PENDING_MAX))),
			   errhint("Leave it out for no limit."));
}

/* The query that is being read, for errors to name its column. */
typedef struct QueryColumn
{
	const TriggerRow *row;
	int			col;
} QueryColumn;

static void
name_query_column(void *arg)
{
	const QueryColumn *query = arg;
	int			code = geterrcode();

	if (code == ERRCODE_INVALID_TEXT_REPRESENTATION || code == ERRCODE_PROGRAM_LIMIT_EXCEEDED)
		errcolumn(query->row, query->col, NULL);
}

/*
 * Refuses a filter or an order that is none, of a new row or one that changes it;
 * "old" may be NULL. gig_filter will hold what they are compiled to.
 */
static void
check_queries(const TriggerRow *old, const TriggerRow *row)
{
	static const int queries[] = {FILTER_QUERY, SORT_QUERY};
	QueryColumn query = {.row = row};
	ErrorContextCallback callback = {
		.previous = error_context_stack,
		.callback = name_query_column,
		.arg = &query
	};

	error_context_stack = &callback;
	for (int i = 0; i < (int) lengthof(queries); i++)
	{
		Jsonb	   *jsonb;

		query.col = queries[i];
		if (row_isnull(row, query.col) ||
			(old != NULL && !trigger_row_differs(old, row, query.col)))
			continue;
		jsonb = DatumGetJsonbP(row_value(row, query.col));
		if (query.col == SORT_QUERY)
		{
			pfree(sort_query_read_jsonb(jsonb));
			continue;
		}
		pfree(filter_weaken_jsonb(jsonb));
	}
	error_context_stack = callback.previous;
}

static void
check_row(const TriggerRow *old, const TriggerRow *row)
{
	check_given(row);
	check_times(row);
	check_seats(row);
	check_waves(row);
	check_queries(old, row);
}

/* ---------------------------------------------------------------- phase -- */

static bool
is_archived(const TriggerRow *row, TimestampTz now)
{
	return !row_isnull(row, ARCHIVED_AT) ||
		(!row_isnull(row, ARCHIVE_AT) && row_time(row, ARCHIVE_AT) <= now);
}

/* Since when, of one that is archived. */
static TimestampTz
archives_at(const TriggerRow *row)
{
	return row_time(row, row_isnull(row, ARCHIVED_AT) ? ARCHIVE_AT : ARCHIVED_AT);
}

/* What is archived or cancelled is so already. */
static void
check_past(const TriggerRow *row, int col, TimestampTz now)
{
	if (!row_isnull(row, col) && row_time(row, col) > now)
		REFUSE(row, col, NULL,
			   errmsg("\"%s\" cannot be in the future", columns[col].name),
			   errdetail("It is %s.", timestamptz_to_str(row_time(row, col))),
			   col == ARCHIVED_AT ? errhint("Set \"archive_at\" to archive a gig later.")
			   : errhint("Set \"end_at\" to end a gig later."));
}

/*
 * Archiving by hand: the gig must have started or be cancelled, and ends now if
 * it has not ended yet.
 */
static void
archive_now(const TriggerRow *old, TriggerRow *row, TimestampTz now)
{
	if (row_time(old, START_AT) > now && row_isnull(row, CANCELLED_AT))
		ereport(ERROR,
				(errcode(ERRCODE_CIRRO_INVALID_TRANSITION),
				 errmsg("gig %lld has not started and cannot be archived",
						(long long) gig_id(old)),
				 errdetail("It starts at %s.",
						   timestamptz_to_str(row_time(old, START_AT))),
				 errhint("Cancel it first: cancel(%lld), or delete it.", (long long) gig_id(old)),
				 errcolumn(row, ARCHIVED_AT, NULL)));
	check_past(row, ARCHIVED_AT, now);

	trigger_row_set(row, ARCHIVED_AT, TimestampTzGetDatum(now));
	if (row_time(old, END_AT) > now && row_isnull(row, CANCELLED_AT))
	{
		TimestampTz end_at = Max(row_time(row, START_AT), row_time(row, CREATED_AT)) + 1;

		trigger_row_set(row, END_AT, TimestampTzGetDatum(Max(now, end_at)));
	}
}

static void
check_update(TriggerRow *old, TriggerRow *row)
{
	TimestampTz now = cirro_gate_now();
	bool		archived = is_archived(old, now);
	bool		cancelled = !row_isnull(old, CANCELLED_AT);
	bool		ended = cancelled || row_time(old, END_AT) <= now;
	bool		started = row_time(old, START_AT) <= now;
	const char *phase = cancelled ? "is cancelled" : ended ? "has ended" : "has started";

	/* To cancel it once more is no change. */
	if (cancelled && !row_isnull(row, CANCELLED_AT) && row_time(row, CANCELLED_AT) <= now)
		trigger_row_copy(row, old, CANCELLED_AT);

	for (int col = 0; col < NCOLUMNS; col++)
	{
		bool		frozen;

		if (!trigger_row_differs(old, row, col))
			continue;
		if (col == ID || col == CREATED_AT)
			ereport(ERROR,
					(errcode(ERRCODE_CIRRO_FROZEN),
					 errmsg("\"%s\" of gig %lld cannot change",
							columns[col].name, (long long) gig_id(old)),
					 errdetail("It says which gig this is."),
					 errcolumn(row, col, NULL)));
		if (archived)
			ereport(ERROR,
					(errcode(ERRCODE_CIRRO_GIG_ARCHIVED),
					 errmsg("gig %lld is archived and cannot change", (long long) gig_id(old)),
					 errdetail("\"%s\" would change.", columns[col].name),
					 errhint("Create another gig."),
					 errcolumn(row, col, NULL)));

		if (ended)
			frozen = col != ARCHIVE_AT && col != ARCHIVED_AT;
		else
			frozen = started && (col == TITLE || col == DESCRIPTION ||
								 col == URL || col == START_AT);
		if (frozen)
			ereport(ERROR,
					(errcode(ERRCODE_CIRRO_FROZEN),
					 errmsg("\"%s\" of gig %lld cannot change any more",
							columns[col].name, (long long) gig_id(old)),
					 errdetail("The gig %s.", phase),
					 cancelled ? errhint("A cancelled gig can only be archived.")
					 : ended ? errhint("An ended gig can only be archived.")
					 : errhint("title, description, url and start_at are frozen once a gig has started."),
					 errcolumn(row, col, NULL)));
	}
	if (!cancelled && !row_isnull(row, CANCELLED_AT))
	{
		check_past(row, CANCELLED_AT, now);
		trigger_row_set(row, CANCELLED_AT, TimestampTzGetDatum(now));
	}
	if (!archived && !row_isnull(row, ARCHIVED_AT))
		archive_now(old, row, now);
}

/*
 * BEFORE INSERT OR UPDATE, row. Errors: 22P02, 23502, 23514, 54000, UG013, UG020, UG022.
 */
Datum
gig_check(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_data(fcinfo, "gig_check",
										 TRIGGER_EVENT_BEFORE | TRIGGER_EVENT_ROW,
										 TRIGGER_ON(TRIGGER_EVENT_INSERT) |
										 TRIGGER_ON(TRIGGER_EVENT_UPDATE));
	TriggerRow	row;

	if (TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
	{
		trigger_row_init(&row, trigdata->tg_relation, trigdata->tg_trigtuple,
						 columns, NCOLUMNS);
		fill_defaults(trigdata, NULL, &row);
		check_row(NULL, &row);
		check_past(&row, ARCHIVED_AT, cirro_gate_now());
		check_past(&row, CANCELLED_AT, cirro_gate_now());
	}
	else
	{
		TriggerRow	old;

		trigger_row_init(&old, trigdata->tg_relation, trigdata->tg_trigtuple,
						 columns, NCOLUMNS);
		trigger_row_init(&row, trigdata->tg_relation, trigdata->tg_newtuple,
						 columns, NCOLUMNS);
		trigger_row_keep_times(&row, &old, columns, NCOLUMNS);
		fill_defaults(trigdata, &old, &row);
		check_given(&row);
		check_update(&old, &row);
		check_row(&old, &row);
	}
	return PointerGetDatum(trigger_row_tuple(&row));
}

void
gig_check_inserted(TriggerData *trigdata)
{
	TimestampTz now = cirro_now();
	TriggerRows rows;

	trigger_rows_begin(&rows, trigdata->tg_newtable, trigdata->tg_relation,
					   columns, NCOLUMNS);
	while (trigger_rows_next(&rows))
	{
		bool		isnull[NCOLUMNS];
		Datum		end_at = trigger_rows_value(&rows, END_AT, &isnull[END_AT]);
		Datum		created_at = trigger_rows_value(&rows, CREATED_AT, &isnull[CREATED_AT]);

		CHECK_FOR_INTERRUPTS();
		/* One that was given may be long ago: the gig is not new then. */
		if (!isnull[END_AT] && !isnull[CREATED_AT] &&
			DatumGetTimestampTz(end_at) <= now &&
			DatumGetTimestampTz(created_at) >= latest_creation(DatumGetTimestampTz(end_at)))
			refuse_end(trigdata->tg_relation, now, DatumGetTimestampTz(end_at));

		(void) trigger_rows_value(&rows, TOTAL_SEATS, &isnull[TOTAL_SEATS]);
		(void) trigger_rows_value(&rows, SEATS_MAX, &isnull[SEATS_MAX]);
		(void) trigger_rows_value(&rows, SEATS_GRANTED, &isnull[SEATS_GRANTED]);
		if (isnull[TOTAL_SEATS] && isnull[SEATS_MAX] && isnull[SEATS_GRANTED])
		{
			Datum		title = trigger_rows_value(&rows, TITLE, &isnull[TITLE]);

			char	   *name = isnull[TITLE] ? pstrdup("") : TextDatumGetCString(title);

			ereport(NOTICE,
					(errmsg("gig \"%s\" has no upper limit of seats", name),
					 errdetail("Only seats_min is given: waves stop there, accepts do not."),
					 errhint("Give total_seats or seats_max for a limit.")));
			pfree(name);
		}
	}
	trigger_rows_end(&rows);
}

/* ------------------------------------------------------------- deletion -- */

static const SpaceQuery read_keep = {
	"SELECT cirro.add_interval($1, t.keep_gigs::interval) FROM setting t LIMIT 1",
	1, {TIMESTAMPTZOID}
};

TimestampTz
gig_kept_until(Oid space, TimestampTz archives_at)
{
	QueryArgs	args = {&read_keep};
	TimestampTz until = DT_NOEND;

	arg_timestamptz(&args, archives_at);
	if (query_run(space, &args) > 0)
	{
		ResultRow	row = result_row(0);

		if (!result_null(&row))
			until = result_timestamptz(&row);
		result_end(&row);
	}
	query_free();
	return until;
}

pg_noreturn static void
refuse_delete(const TriggerRow *old, TimestampTz now, TimestampTz kept_until)
{
	long long	id = gig_id(old);
	char	   *started = pstrdup(timestamptz_to_str(row_time(old, START_AT)));

	ereport(ERROR,
			(errcode(ERRCODE_CIRRO_GIG_STARTED),
			 errmsg("gig %lld has started and cannot be deleted", id),
			 is_archived(old, now) ?
			 errdetail("It started at %s and was archived at %s.", started,
					   timestamptz_to_str(archives_at(old))) :
			 errdetail("It started at %s.", started),
			 !is_archived(old, now) ?
			 (ends_at(old) <= now ? errhint("Archive it: archive(%lld).", id) :
			  errhint("Cancel it: cancel(%lld), or archive it: archive(%lld).", id, id)) :
			 TIMESTAMP_IS_NOEND(kept_until) ?
			 errhint("Archived gigs are kept for ever, unless setting.keep_gigs says how long.") :
			 errhint("By setting.keep_gigs it is kept until %s.", timestamptz_to_str(kept_until)),
			 errcolumn(old, START_AT, NULL)));
}

/*
 * BEFORE DELETE, row. Errors: UG021.
 */
Datum
gig_delete_check(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_data(fcinfo, "gig_delete_check",
										 TRIGGER_EVENT_BEFORE | TRIGGER_EVENT_ROW,
										 TRIGGER_ON(TRIGGER_EVENT_DELETE));
	TimestampTz now = cirro_gate_now();
	TimestampTz kept_until = DT_NOEND;
	TriggerRow	old;

	trigger_row_init(&old, trigdata->tg_relation, trigdata->tg_trigtuple,
					 columns, NCOLUMNS);
	if (row_time(&old, START_AT) > now)
		return PointerGetDatum(trigdata->tg_trigtuple);

	if (is_archived(&old, now))
	{
		SpaceScope	scope;
		Oid			space = trigger_enter(trigdata, "gig", &scope);

		kept_until = gig_kept_until(space, archives_at(&old));
		trigger_leave(&scope);
	}
	if (kept_until >= now)
		refuse_delete(&old, now, kept_until);
	return PointerGetDatum(trigdata->tg_trigtuple);
}
