/*-------------------------------------------------------------------------
 * src/clock.c
 *
 * What time it is. Every decision and every timestamp of cirro comes from
 * here; leases of notifications alone use the wall clock. Must not read
 * tables, and the setting's check hook must never throw.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"

PG_FUNCTION_INFO_V1(cirro_sql_now);
PG_FUNCTION_INFO_V1(cirro_sql_gate_now);
PG_FUNCTION_INFO_V1(cirro_sql_add_interval);

static char *clock_setting = NULL;

/* What the text of the setting means; NULL while it is empty. */
static TimestampTz *clock_value = NULL;

/*
 * Parses a timestamp without throwing. Special values are not a time that
 * anything could be decided by, infinity included.
 */
static bool
parse_clock(const char *text, TimestampTz *result)
{
	char		workbuf[MAXDATELEN + MAXDATEFIELDS];
	char	   *field[MAXDATEFIELDS];
	int			ftype[MAXDATEFIELDS];
	int			nf;
	int			dtype;
	int			tz = 0;
	struct pg_tm tm;
	fsec_t		fsec;

	if (ParseDateTime(text, workbuf, sizeof(workbuf),
					  field, ftype, MAXDATEFIELDS, &nf) != 0)
		return false;
	if (cirro_decode_datetime(field, ftype, nf, &dtype, &tm, &fsec, &tz) != 0)
		return false;
	return dtype == DTK_DATE && tm2timestamp(&tm, fsec, &tz, result) == 0;
}

/*
 * The value's ISO 8601 text in UTC, which means the same in every session: for
 * parallel workers, which parse the text again under a TimeZone of their own
 * and at a "now" of their own. In the memory of settings; NULL if there is none.
 */
static char *
canonical_text(TimestampTz value)
{
	char		text[MAXDATELEN + 1];
	struct pg_tm tm;
	fsec_t		fsec;
	char	   *result;

	if (timestamp2tm(value, NULL, &tm, &fsec, NULL, NULL) != 0)
		return NULL;
	tm.tm_isdst = 0;
	EncodeDateTime(&tm, fsec, true, 0, NULL, USE_ISO_DATES, text);
	result = guc_malloc(LOG, strlen(text) + 1);
	return result == NULL ? NULL : strcpy(result, text);
}

/* The setting keeps the canonical text in the place of what was given. */
static bool
check_clock(char **newval, void **extra, GucSource source)
{
	TimestampTz value;
	TimestampTz *stored;
	char	   *text;

	if (*newval == NULL || **newval == '\0')
		return true;
	if (!parse_clock(*newval, &value))
	{
		GUC_check_errdetail("\"%s\" is not a point in time.", *newval);
		GUC_check_errhint("Give a timestamp with time zone, such as '2030-01-01 12:00+00', or an empty string for the real clock.");
		return false;
	}
	text = canonical_text(value);
	stored = guc_malloc(LOG, sizeof(TimestampTz));
	if (text == NULL || stored == NULL)
		return false;
	guc_free(*newval);
	*newval = text;
	*stored = value;
	*extra = stored;
	return true;
}

static void
assign_clock(const char *newval, void *extra)
{
	clock_value = (TimestampTz *) extra;
}

void
cirro_clock_init(void)
{
	DefineCustomStringVariable("cirro.clock",
							   "The time that cirro takes for now.",
							   "For tests and simulations. Empty: the real clock.",
							   &clock_setting,
							   "",
							   PGC_SUSET,
							   0,
							   check_clock, assign_clock, NULL);
}

TimestampTz
cirro_now(void)
{
	if (clock_value != NULL)
		return *clock_value;
	return Max(GetCurrentStatementStartTimestamp(),
			   GetCurrentTransactionStartTimestamp());
}

TimestampTz
cirro_gate_now(void)
{
	if (clock_value != NULL)
		return *clock_value;
	return Max(GetCurrentTimestamp(), cirro_now());
}

/*
 * "at" + "span", saturating: beyond the range of timestamps it is infinity,
 * with the sign of the overflow. Months and days are those of UTC: when a wave
 * or a deadline is due must not depend on the time zone of who asks. Never
 * raises.
 */
TimestampTz
cirro_add_interval(TimestampTz at, const Interval *span)
{
	/* Stay a leap year away from the ends: a month is not always as long. */
	const double margin = 366.0 * USECS_PER_DAY;
	double		parts[3];
	double		sum = (double) at;

	if (TIMESTAMP_NOT_FINITE(at))
		return at;

	parts[0] = span->month * (DAYS_PER_YEAR / MONTHS_PER_YEAR) * USECS_PER_DAY;
	parts[1] = span->day * (double) USECS_PER_DAY;
	parts[2] = (double) span->time;
	for (int i = 0; i < 3; i++)
	{
		sum += parts[i];
		if (sum >= (double) END_TIMESTAMP - margin)
			return DT_NOEND;
		if (sum <= (double) MIN_TIMESTAMP + margin)
			return DT_NOBEGIN;
	}
	return DatumGetTimestampTz(DirectFunctionCall2(timestamp_pl_interval,
												   TimestampTzGetDatum(at),
												   PointerGetDatum(span)));
}

/* cirro.add_interval(timestamptz, interval) returns timestamptz */
Datum
cirro_sql_add_interval(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(cirro_add_interval(PG_GETARG_TIMESTAMPTZ(0),
											 PG_GETARG_INTERVAL_P(1)));
}

/* cirro.gate_now() returns timestamptz: for gates that may have waited */
Datum
cirro_sql_gate_now(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(cirro_gate_now());
}

/* cirro.now() returns timestamptz */
Datum
cirro_sql_now(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(cirro_now());
}
