/*-------------------------------------------------------------------------
 * src/report/gig_page.c
 *
 * The page of a gig: seats over time, waves, answers and how fast they come, and
 * how many more seats the pending ones may fill. Decides what each figure counts,
 * and by which rule that last one is guessed. Reads as the caller; of workers it
 * reads nothing.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "cirro.h"
#include "report/chart.h"
#include "report/gig_page.h"
#include "report/html.h"
#include "space/query.h"

/* Waves on a page, the latest; in the text of the query, too. */
#define MOST_WAVES		60

/* Changes of seats in the table below their chart, evenly chosen. */
#define MOST_CHANGES	24

/* How much the Space's other gigs count against this one, in invitations. */
#define PRIOR_WEIGHT	10

static const SpaceQuery gig_query = {
	"SELECT left(g.title, 600)::text,"
	"   cirro.gig_phase(g.start_at, g.end_at, g.archive_at, g.archived_at, g.cancelled_at)::text,"
	"   (g.cancelled_at IS NOT NULL)::bool, g.created_at::timestamptz, g.start_at::timestamptz,"
	"   g.end_at::timestamptz, s.closes_at::timestamptz, s.target::int, s.capacity::int, s.accepted::int,"
	"   s.auto::bool, s.waves::int, (s.failures > 0)::bool, s.exhausted::bool,"
	"   (s.slept_in IS NOT NULL)::bool, s.awaits_room::bool, s.next_wave_at::timestamptz"
	" FROM gig g JOIN gig_state s ON s.gig_id = g.id WHERE g.id = $1",
	1, {INT8OID}
};

/* Each invitation once, by what it is now. Who was seated at once was not asked. */
static const SpaceQuery answers_query = {
	"SELECT count(*) FILTER (WHERE o.status = 'accepted')::bigint,"
	"   count(*) FILTER (WHERE o.status = 'accepted' AND o.responded_at <= o.invited_at)::bigint,"
	"   count(*) FILTER (WHERE o.status = 'left')::bigint,"
	"   count(*) FILTER (WHERE o.status = 'rejected')::bigint,"
	"   count(*) FILTER (WHERE o.status = 'pending')::bigint,"
	"   count(*) FILTER (WHERE o.status = 'waiting')::bigint,"
	"   count(*) FILTER (WHERE o.status = 'scheduled')::bigint,"
	"   count(*) FILTER (WHERE o.status = 'expired' AND o.reason = 'no_answer')::bigint,"
	"   count(*) FILTER (WHERE o.status = 'expired' AND o.reason = 'gig_ended')::bigint,"
	"   count(*) FILTER (WHERE o.status = 'expired' AND o.reason = 'seats_filled')::bigint,"
	"   count(*) FILTER (WHERE o.status = 'expired')::bigint"
	" FROM (SELECT CASE WHEN e.reason IS NULL THEN i.status ELSE 'expired' END AS status,"
	"     coalesce(e.reason, i.reason) AS reason, i.responded_at, i.invited_at"
	"   FROM invitation i JOIN gig_state s ON s.gig_id = i.gig_id"
	"   CROSS JOIN LATERAL (SELECT cirro.expired_reason(i.status, i.invited_at, s.closes_at, s.answer_within,"
	"     s.expires_rest AND s.accepted >= s.capacity) AS reason) e"
	"   WHERE i.gig_id = $1) o",
	1, {INT8OID}
};

/*
 * Of the Space's other gigs: asked, and answered or given the time to; not those that
 * were taken back before it was over.
 */
static const SpaceQuery rate_query = {
	"SELECT count(*) FILTER (WHERE i.status IN ('accepted', 'left'))::bigint, count(*)::bigint"
	" FROM invitation i WHERE i.gig_id <> $1"
	" AND (i.status IN ('left', 'rejected')"
	"   OR (i.status = 'accepted' AND i.responded_at > i.invited_at)"
	"   OR (i.status = 'expired' AND i.reason IN ('no_answer', 'gig_ended')))",
	1, {INT8OID}
};

/*
 * Whoever has left gave a first answer that the invitation does not tell any more.
 * Who was seated at once (auto_accept) gave none.
 */
#define SPEEDS	8

static const struct
{
	const char *name;
	const char *mark;
}			speeds[SPEEDS] =
{
	{"within a minute", "1 min"},
	{"within 5 minutes", "5 min"},
	{"within 15 minutes", "15 min"},
	{"within an hour", "1 h"},
	{"within 4 hours", "4 h"},
	{"within a day", "1 d"},
	{"within 3 days", "3 d"},
	{"later", "later"}
};

static const SpaceQuery speed_query = {
	"SELECT t.speed::int, count(*)::bigint, count(*) FILTER (WHERE t.status = 'accepted')::bigint"
	" FROM (SELECT d.took, d.status,"
	"     CASE WHEN d.took < interval '1 minute' THEN 0 WHEN d.took < interval '5 minutes' THEN 1"
	"       WHEN d.took < interval '15 minutes' THEN 2 WHEN d.took < interval '1 hour' THEN 3"
	"       WHEN d.took < interval '4 hours' THEN 4 WHEN d.took < interval '1 day' THEN 5"
	"       WHEN d.took < interval '3 days' THEN 6 ELSE 7 END AS speed"
	"   FROM (SELECT i.status, i.responded_at - i.invited_at AS took FROM invitation i"
	"     WHERE i.gig_id = $1 AND i.status IN ('accepted', 'rejected')"
	"     AND isfinite(i.responded_at) AND isfinite(i.invited_at) AND i.responded_at > i.invited_at) d) t"
	" GROUP BY 1",
	1, {INT8OID}
};

/* One of the Space's own for intervals would come before core's polymorphic one. */
static const SpaceQuery quantiles_query = {
	"SELECT (pg_catalog.percentile_disc(float8 '0.5') WITHIN GROUP (ORDER BY d.took))::interval,"
	"   (pg_catalog.percentile_disc(float8 '0.9') WITHIN GROUP (ORDER BY d.took))::interval"
	" FROM (SELECT i.responded_at - i.invited_at AS took FROM invitation i"
	"   WHERE i.gig_id = $1 AND i.status IN ('accepted', 'rejected')"
	"   AND isfinite(i.responded_at) AND isfinite(i.invited_at) AND i.responded_at > i.invited_at) d",
	1, {INT8OID}
};

/* Pending ones that have waited for longer than $3. */
static const SpaceQuery silent_query = {
	"SELECT count(*)::bigint FROM invitation i JOIN gig_state s ON s.gig_id = i.gig_id"
	" WHERE i.gig_id = $1 AND i.status = 'pending' AND $2 - i.invited_at > $3"
	" AND cirro.expired_reason(i.status, i.invited_at, s.closes_at, s.answer_within,"
	"   s.expires_rest AND s.accepted >= s.capacity) IS NULL"
	" AND isfinite(i.invited_at)",
	3, {INT8OID, TIMESTAMPTZOID, INTERVALOID}
};

/*
 * How the number of accepted invitations changed, in at most 400 steps of equal
 * length from the first change, or $3, up to $2. Of an accepted invitation whose
 * accept no event tells (they are kept for a time, and a history that was loaded has
 * none) the answer's own time counts. Without the right to read events that is all.
 */
#define CHANGES_INTO_STEPS \
	" span AS (SELECT least($3, min(c.at)) AS since FROM change c WHERE c.at <= $2)" \
	" SELECT min(c.at)::timestamptz, (sum(c.delta))::bigint, p.since::timestamptz" \
	" FROM change c CROSS JOIN span p" \
	" WHERE c.at >= p.since AND c.at <= $2" \
	" GROUP BY p.since, date_bin(greatest(($2 - p.since) / float8 '400', interval '1 second'), c.at, p.since)" \
	" ORDER BY 1"

#define ACCEPTED_SINCE \
	"SELECT coalesce(i.responded_at, i.created_at) AS at, bigint '1' AS delta" \
	" FROM invitation i WHERE i.gig_id = $1 AND i.status = 'accepted'" \
	" AND isfinite(coalesce(i.responded_at, i.created_at))"

static const SpaceQuery changes_query = {
	"WITH told AS MATERIALIZED ("
	"   SELECT e.invitation_id, e.at, e.status = 'accepted' AS accepts FROM event e"
	"   WHERE e.gig_id = $1 AND e.kind IN ('invitation.created', 'invitation.updated')"
	"   AND (e.status = 'accepted') <> coalesce(e.previous = 'accepted', false) AND isfinite(e.at)),"
	" change AS MATERIALIZED ("
	"   SELECT t.at, CASE WHEN t.accepts THEN bigint '1' ELSE bigint '-1' END AS delta FROM told t"
	"   UNION ALL " ACCEPTED_SINCE
	"   AND NOT EXISTS (SELECT FROM told t WHERE t.invitation_id = i.id AND t.accepts)),"
	CHANGES_INTO_STEPS,
	3, {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID}
};

static const SpaceQuery changes_without_events_query = {
	"WITH change AS MATERIALIZED (" ACCEPTED_SINCE ")," CHANGES_INTO_STEPS,
	3, {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID}
};

static const SpaceQuery waves_query = {
	"SELECT l.number::int, l.run_at::timestamptz, l.target::int, l.accepted::int, l.wanted::int,"
	"   l.invited::int, l.matched::int, l.held_back::int, left(l.outcome, 40)::text, l.repeats::int, l.waves::bigint"
	" FROM (SELECT v.number, v.run_at, v.target, v.accepted, v.wanted, v.invited, v.matched,"
	"     v.held_back, v.outcome, v.repeats, v.id, count(*) OVER () AS waves"
	"   FROM wave v WHERE v.gig_id = $1 ORDER BY v.number DESC, v.id DESC LIMIT 60) l"
	" ORDER BY l.number, l.id",
	1, {INT8OID}
};

typedef struct Gig
{
	int64		id;
	char	   *title;
	char	   *phase;
	bool		cancelled;
	TimestampTz created_at;
	TimestampTz start_at;
	TimestampTz end_at;
	TimestampTz closes_at;
	int32		target;
	int32		capacity;		/* -1: none */
	int32		accepted;
	bool		is_auto;
	int32		waves;
	bool		failed;
	bool		exhausted;
	bool		is_asleep;		/* until somebody comes or changes */
	bool		awaits_room;	/* asleep, until there is room below pending_max */
	TimestampTz next_wave_at;	/* DT_NOEND: none */
	bool		is_open;
} Gig;

typedef struct Answers
{
	int64		accepted;
	int64		seated;			/* of these, without being asked */
	int64		left;
	int64		rejected;
	int64		pending;
	int64		waiting;
	int64		scheduled;
	int64		no_answer;
	int64		gig_ended;
	int64		seats_filled;
	int64		expired;		/* in all */
} Answers;

/* How long answers took; quantiles are of those that there are. */
typedef struct Speed
{
	int64		answers[SPEEDS];
	int64		accepts[SPEEDS];
	int64		total;
	Interval	half;			/* half of them took no longer */
	Interval	most;			/* nine in ten */
} Speed;

typedef struct Wave
{
	int32		number;
	TimestampTz run_at;
	int32		target;
	int32		accepted;
	int32		wanted;
	int32		invited;
	int32		matched;		/* -1: more than it looked at */
	int32		held_back;		/* -1: nobody asked */
	char	   *outcome;
	int32		repeats;
} Wave;

static void
read_gig(Gig *gig, int64 id, TimestampTz now)
{
	QueryArgs	args = {&gig_query};
	ResultRow	row;

	arg_int64(&args, id);
	if (query_run_once(&args, true) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_CIRRO_UNKNOWN_GIG),
				 errmsg("gig %lld does not exist", (long long) id),
				 errdetail("There is no such row, or this role may not see it."),
				 errhint("Ids are those of table gig of this Space.")));
	row = result_row(0);
	gig->id = id;
	gig->title = TextDatumGetCString(result_datum(&row, TEXTOID));
	gig->phase = TextDatumGetCString(result_datum(&row, TEXTOID));
	gig->cancelled = result_bool(&row);
	gig->created_at = result_timestamptz(&row);
	gig->start_at = result_timestamptz(&row);
	gig->end_at = result_timestamptz(&row);
	gig->closes_at = result_timestamptz(&row);
	gig->target = result_int32(&row);
	gig->capacity = result_null(&row) ? -1 : result_int32(&row);
	gig->accepted = result_int32(&row);
	gig->is_auto = result_bool(&row);
	gig->waves = result_int32(&row);
	gig->failed = result_bool(&row);
	gig->exhausted = result_bool(&row);
	gig->is_asleep = result_bool(&row);
	gig->awaits_room = result_bool(&row);
	gig->next_wave_at = result_null(&row) ? DT_NOEND : result_timestamptz(&row);
	result_end(&row);
	gig->is_open = now < gig->closes_at;
	query_free();
}

static void
read_answers(Answers *answers, int64 gig_id)
{
	QueryArgs	args = {&answers_query};
	ResultRow	row;

	arg_int64(&args, gig_id);
	query_run_once(&args, true);
	row = result_row(0);
	answers->accepted = result_int64(&row);
	answers->seated = result_int64(&row);
	answers->left = result_int64(&row);
	answers->rejected = result_int64(&row);
	answers->pending = result_int64(&row);
	answers->waiting = result_int64(&row);
	answers->scheduled = result_int64(&row);
	answers->no_answer = result_int64(&row);
	answers->gig_ended = result_int64(&row);
	answers->seats_filled = result_int64(&row);
	answers->expired = result_int64(&row);
	result_end(&row);
	query_free();
}

/* ----------------------------------------------------------------- seats -- */

static void
put_change(Report *report, TimestampTz at, int64 accepted)
{
	html(report->page, "<tr><th scope=\"row\">");
	html_time(report->page, at);
	html(report->page, "</th><td class=\"n\">");
	html_count(report->page, accepted);
	html(report->page, "</td></tr>\n");
}

static void
put_seats(Report *report, const Gig *gig, const Answers *answers)
{
	StringInfo	page = report->page;
	QueryArgs	args = {report->reads_event ? &changes_query : &changes_without_events_query};
	TimestampTz until = Min(report->now, gig->closes_at);
	TimestampTz since = TIMESTAMP_NOT_FINITE(gig->created_at) ? until :
		Min(gig->created_at, until);
	TimestampTz *times;
	int64	   *values;
	int64		start = answers->accepted;
	int64		most;
	int			n;
	Chart		chart;
	static const char *const columns[] = {"Time", "Accepted"};

	page_card_open(report, "seats", 4, "Seats over time", NULL);
	if (TIMESTAMP_NOT_FINITE(until))
	{
		page_nothing(report, "There is no time up to now.");
		page_card_close(report);
		return;
	}
	arg_int64(&args, gig->id);
	arg_timestamptz(&args, until);
	arg_timestamptz(&args, since);
	n = (int) query_run_once(&args, true);
	times = palloc(Max(n, 1) * sizeof(TimestampTz));
	values = palloc(Max(n, 1) * sizeof(int64));
	for (int i = 0; i < n; i++)
	{
		ResultRow	row = result_row(i);

		times[i] = result_timestamptz(&row);
		values[i] = result_int64(&row);
		since = result_timestamptz(&row);
		result_end(&row);
		start -= values[i];
	}
	query_free();

	/* What is accepted now is known; what was before follows from the changes. */
	start = Max(start, 0);
	most = Max(start, Max(gig->target, gig->capacity));
	for (int i = 0; i < n; i++)
	{
		values[i] += i == 0 ? start : values[i - 1];
		most = Max(most, values[i]);
	}

	html(page, "<p class=\"lead\">");
	html_count(page, answers->accepted);
	html(page, " accepted, ");
	html_count(page, gig->target);
	html(page, " wanted");
	if (gig->capacity < 0)
		html(page, ", no limit");
	else if (gig->capacity != gig->target)
	{
		html(page, ", ");
		html_count(page, gig->capacity);
		html(page, " at most");
	}
	html(page, ".");
	if (answers->accepted != gig->accepted)
	{
		html(page, " In all ");
		html_count(page, gig->accepted);
		html(page, " have accepted: this role does not see all of the invitations.");
	}
	html(page, "</p>\n");

	chart_open(&chart, page, "seats-over-time", true, "Seats over time",
			   psprintf("A line that steps up with each accept and down when somebody leaves. "
						"%lld accepted now; the target is %d. The table below has the figures.",
						(long long) answers->accepted, gig->target));
	chart_values(&chart, most);
	chart_times(&chart, since, until);
	chart_steps(&chart, times, values, n, start, until);
	if (gig->capacity == gig->target)
		chart_level(&chart, gig->target, "target and capacity", false);
	else
	{
		chart_level(&chart, gig->target, "target", true);
		if (gig->capacity >= 0)
			chart_level(&chart, gig->capacity, "capacity", false);
	}
	chart_moment(&chart, gig->start_at, "start");
	chart_close(&chart);

	page_figures_open(report, n > MOST_CHANGES ? "Accepted invitations, at some of the changes" :
					  "Accepted invitations after each change", columns, lengthof(columns));
	put_change(report, since, start);
	for (int i = 0; i < Min(n, MOST_CHANGES); i++)
	{
		int			which = n <= MOST_CHANGES ? i : (int) ((int64) (i + 1) * n / MOST_CHANGES) - 1;

		put_change(report, times[which], values[which]);
	}
	page_figures_close(report);
	page_card_close(report);
}

/* ----------------------------------------------------------------- waves -- */

static void
put_waves(Report *report, const Gig *gig)
{
	StringInfo	page = report->page;
	QueryArgs	args = {&waves_query};
	Wave	   *waves;
	int64		total = 0;
	int32		most = 1;
	int			n;
	Chart		chart;

	page_card_open(report, "waves", 3, "Waves",
				   report->reads_wave ?
				   "How many were invited by each wave; the outline is how many it wanted." : NULL);
	if (!report->reads_wave)
	{
		page_nothing(report, "This role may not read the table wave.");
		page_card_close(report);
		return;
	}
	arg_int64(&args, gig->id);
	n = (int) query_run_once(&args, true);
	waves = palloc0(Max(n, 1) * sizeof(Wave));
	for (int i = 0; i < n; i++)
	{
		Wave	   *wave = &waves[i];
		ResultRow	row = result_row(i);

		wave->number = result_int32(&row);
		wave->run_at = result_timestamptz(&row);
		wave->target = result_int32(&row);
		wave->accepted = result_int32(&row);
		wave->wanted = result_int32(&row);
		wave->invited = result_int32(&row);
		wave->matched = result_null(&row) ? -1 : result_int32(&row);
		wave->held_back = result_null(&row) ? -1 : result_int32(&row);
		wave->outcome = TextDatumGetCString(result_datum(&row, TEXTOID));
		wave->repeats = result_int32(&row);
		total = result_int64(&row);
		result_end(&row);
		most = Max(most, Max(wave->invited, wave->wanted));
	}
	query_free();

	if (n == 0)
		page_nothing(report, gig->waves > 0 ? "The rows of its waves were removed when their time was over." :
					 gig->is_auto ? "No wave has run yet." : "Its invitations are sent by hand.");
	else
	{
		chart_open(&chart, page, "waves-by-size", false, "Waves by size",
				   "Columns: how many workers each wave invited. Outlines: how many it wanted to invite. "
				   "The table below has the figures.");
		chart_values(&chart, most);
		chart_columns(&chart, n);
		for (int i = 0; i < n; i++)
		{
			chart_column(&chart, i, waves[i].invited, false);
			chart_column(&chart, i, waves[i].wanted, true);
			if (n <= 12 || i % ((n + 5) / 6) == 0)
				chart_mark(&chart, i, psprintf("%d", waves[i].number), n <= 12 && n > 6 && i % 2 != 0);
		}
		chart_close(&chart);
		html(page, "<details><summary>The figures as a table</summary>\n");
		page_table_open(report, "waves", "Waves. Found are those who could have been invited, "
						"where it looked at all.", true);
		html(page, "<thead><tr><th scope=\"col\">Wave</th><th scope=\"col\">Time</th><th scope=\"col\" class=\"n\">Accepted before"
			 "</th><th scope=\"col\" class=\"n\">Wanted</th><th scope=\"col\" class=\"n\">Invited</th>"
			 "<th scope=\"col\" class=\"n\">Found</th><th scope=\"col\">Outcome</th></tr></thead>\n<tbody>\n");
		for (int i = 0; i < n; i++)
		{
			const Wave *wave = &waves[i];

			html(page, "<tr><th scope=\"row\">%d</th><td class=\"when\">", wave->number);
			html_time(page, wave->run_at);
			html(page, "</td><td class=\"n\">%d of %d</td><td class=\"n\">%d</td><td class=\"n\">%d</td><td class=\"n\">",
				 wave->accepted, wave->target, wave->wanted, wave->invited);
			if (wave->matched >= 0)
				html(page, "%d", wave->matched);
			else
				html(page, "enough");
			html(page, "</td><td>%s", wave->outcome);
			if (wave->repeats > 0)
				html(page, ", and %d more like it", wave->repeats);
			if (wave->held_back > 0)
				html(page, "; %d held back", wave->held_back);
			html(page, "</td></tr>\n");
		}
		page_table_close(report);
		html(page, "</details>\n");
		if (total > n)
			html(page, "<p class=\"lead\">These are the latest %d of %lld.</p>\n", n, (long long) total);
	}
	page_card_close(report);
}

/* --------------------------------------------------------------- answers -- */

static void
put_answer(Report *report, const char *name, int64 count, int64 total)
{
	StringInfo	page = report->page;

	html(page, "<tr><th scope=\"row\">%s</th><td class=\"n\">", name);
	html_count(page, count);
	html(page, "</td><td class=\"n\">%.0f&#8239;%%</td><td class=\"fill\">",
		 total > 0 ? 100.0 * count / total : 0.0);
	chart_bar(page, count, total, 0);
	html(page, "</td></tr>\n");
}

static void
put_answers(Report *report, const Answers *a)
{
	StringInfo	page = report->page;
	int64		total = a->accepted + a->left + a->rejected + a->pending + a->waiting +
		a->scheduled + a->expired;

	page_card_open(report, "answers", 6, "Answers", "Each invitation once, as it is now.");
	if (total == 0)
		page_nothing(report, "Nobody was invited yet.");
	else
	{
		page_table_open(report, "answers", "Invitations by answer", false);
		html(page, "<thead><tr><th scope=\"col\">Answer</th><th scope=\"col\" class=\"n\">Invitations</th>"
			 "<th scope=\"col\" class=\"n\">Share</th><th scope=\"col\"><span class=\"unseen\">Share as a bar</span>"
			 "</th></tr></thead>\n<tbody>\n");
		put_answer(report, "Accepted", a->accepted, total);
		put_answer(report, "Left again", a->left, total);
		put_answer(report, "Rejected", a->rejected, total);
		put_answer(report, "Pending", a->pending, total);
		if (a->waiting > 0)
			put_answer(report, "Waiting for a seat", a->waiting, total);
		if (a->scheduled > 0)
			put_answer(report, "Not sent yet", a->scheduled, total);
		put_answer(report, "No answer in time", a->no_answer + a->gig_ended, total);
		put_answer(report, "Seats were filled", a->seats_filled, total);
		if (a->expired > a->no_answer + a->gig_ended + a->seats_filled)
			put_answer(report, "Expired otherwise",
					   a->expired - a->no_answer - a->gig_ended - a->seats_filled, total);
		page_table_close(report);
	}
	page_card_close(report);
}

static void
read_speed(Speed *speed, int64 gig_id)
{
	QueryArgs	args = {&speed_query};
	QueryArgs	quantiles_args = {&quantiles_query};
	ResultRow	row;
	uint64		nrows;

	memset(speed, 0, sizeof(*speed));
	arg_int64(&args, gig_id);
	nrows = query_run_once(&args, true);
	for (uint64 i = 0; i < nrows; i++)
	{
		int32		which;

		row = result_row(i);
		which = result_int32(&row);
		if (which < 0 || which >= SPEEDS)
			elog(ERROR, "no such speed: %d", which);
		speed->answers[which] = result_int64(&row);
		speed->accepts[which] = result_int64(&row);
		result_end(&row);
		speed->total += speed->answers[which];
	}
	query_free();
	if (speed->total == 0)
		return;
	arg_int64(&quantiles_args, gig_id);
	query_run_once(&quantiles_args, true);
	row = result_row(0);
	speed->half = *result_interval(&row);
	speed->most = *result_interval(&row);
	result_end(&row);
	query_free();
}

static double
seconds_of(const Interval *span)
{
	return (double) span->time / USECS_PER_SEC + span->day * (double) SECS_PER_DAY;
}

static void
put_speed(Report *report, const Speed *speed)
{
	StringInfo	page = report->page;
	int64		most = 0;
	Chart		chart;

	for (int i = 0; i < SPEEDS; i++)
		most = Max(most, speed->answers[i]);
	page_card_open(report, "speed", 3, "How fast answers come", NULL);
	if (most == 0)
		page_nothing(report, "Nobody has answered yet.");
	else
	{
		static const char *const columns[] = {"After the invitation", "Answers", "Of these accepted"};

		html(page, "<p class=\"lead\">Half of them within ");
		html_span(page, seconds_of(&speed->half));
		html(page, ". Filled: accepted; outline: all answers.</p>\n");
		chart_open(&chart, page, "speed-of-answers", false, "How fast answers come",
				   "Columns: how many answers came within a minute, five minutes and so on of the invitation, "
				   "each answer in the first column that holds it. The table below has the figures.");
		chart_values(&chart, most);
		chart_columns(&chart, SPEEDS);
		for (int i = 0; i < SPEEDS; i++)
		{
			chart_column(&chart, i, speed->accepts[i], false);
			chart_column(&chart, i, speed->answers[i], true);
			chart_mark(&chart, i, speeds[i].mark, i % 2 == 0);
		}
		chart_close(&chart);
		page_figures_open(report, "How fast answers come", columns, lengthof(columns));
		for (int i = 0; i < SPEEDS; i++)
		{
			html(page, "<tr><th scope=\"row\">%s</th><td class=\"n\">", speeds[i].name);
			html_count(page, speed->answers[i]);
			html(page, "</td><td class=\"n\">");
			html_count(page, speed->accepts[i]);
			html(page, "</td></tr>\n");
		}
		page_figures_close(report);
	}
	page_card_close(report);
}

/* -------------------------------------------------------- to be expected -- */

/* Pending ones that have waited for longer than nine in ten answers took. */
static int64
count_silent(const Report *report, int64 gig_id, const Speed *speed)
{
	QueryArgs	args = {&silent_query};
	ResultRow	row;
	int64		silent;

	/* Of a few answers there are no nine in ten. */
	if (speed->total < 10)
		return 0;
	arg_int64(&args, gig_id);
	arg_timestamptz(&args, report->now);
	arg_interval(&args, &speed->most);
	query_run_once(&args, true);
	row = result_row(0);
	silent = result_int64(&row);
	result_end(&row);
	query_free();
	return silent;
}

static void
put_evidence(Report *report, const char *name, int64 accepted, int64 finished)
{
	StringInfo	page = report->page;

	html(page, "<tr><th scope=\"row\">%s</th><td class=\"n\">", name);
	html_count(page, accepted);
	html(page, "</td><td class=\"n\">");
	html_count(page, finished);
	html(page, "</td></tr>\n");
}

/*
 * Of n pending invitations each is accepted with a chance that itself is known only
 * so well: a beta distribution of the gig's own answers on top of PRIOR_WEIGHT
 * invitations that went as in the Space's other gigs. The number of accepts is then
 * beta-binomial; "low" and "high" are 1.28 of its standard deviations away, which
 * four in five of such numbers are within. Who has been silent for long counts as one
 * who does not answer: else only the quick ones would be evidence.
 */
static void
put_expected(Report *report, const Gig *gig, const Answers *a, const Speed *speed)
{
	StringInfo	page = report->page;
	QueryArgs	args = {&rate_query};
	ResultRow	row;
	int64		accepted = a->accepted - a->seated + a->left;
	int64		finished = accepted + a->rejected + a->no_answer + a->gig_ended;
	int64		silent;
	int64		others_accepted;
	int64		others_finished;
	int64		room = gig->capacity < 0 ? a->pending :
		Max((int64) gig->capacity - gig->accepted, 0);
	double		others;
	double		yes;
	double		no;
	double		n;
	double		mean;
	double		deviation;
	int64		low;
	int64		high;

	page_card_open(report, "expected", 2, "Seats to be expected", NULL);
	if (!gig->is_open || a->pending == 0)
	{
		page_nothing(report, gig->is_open ? "No invitation is pending." : "The gig is over.");
		page_card_close(report);
		return;
	}
	arg_int64(&args, gig->id);
	query_run_once(&args, true);
	row = result_row(0);
	others_accepted = result_int64(&row);
	others_finished = result_int64(&row);
	result_end(&row);
	query_free();
	silent = Min(count_silent(report, gig->id, speed), a->pending);

	others = (others_accepted + 1.0) / (others_finished + 2.0);
	yes = accepted + PRIOR_WEIGHT * others;
	no = finished + silent - accepted + PRIOR_WEIGHT * (1 - others);
	n = a->pending - silent;
	mean = n * yes / (yes + no);
	deviation = sqrt(n * yes * no * (yes + no + n) / ((yes + no) * (yes + no) * (yes + no + 1)));
	low = Min((int64) Max(rint(mean - 1.28 * deviation), 0), room);
	high = Min((int64) Min(rint(mean + 1.28 * deviation), n), room);

	html(page, "<p class=\"big\">");
	if (room == 0)
		html(page, "No seat is free");
	else if (low == high && low == room && gig->capacity >= 0)
	{
		html(page, "All ");
		html_count(page, room);
		html(page, " that are free, likely");
	}
	else if (high == 0)
		html(page, "Likely none");
	else
	{
		html(page, "About ");
		html_count(page, Min((int64) rint(mean), room));
		html(page, " more, likely ");
		html_count(page, low);
		html(page, " to ");
		html_count(page, high);
	}
	html(page, "</p>\n<p>");
	html_count(page, a->pending);
	html(page, " are pending. Each is accepted with a chance of %.0f&#8239;%%", 100 * yes / (yes + no));
	if (silent > 0)
	{
		html(page, ", but for ");
		html_count(page, silent);
		html(page, " who have been silent for longer than nine in ten answers took (");
		html_span(page, seconds_of(&speed->most));
		html(page, ")");
	}
	html(page, ".</p>\n");
	page_table_open(report, "evidence", "What the chance is made of", true);
	html(page, "<thead><tr><th scope=\"col\">Invitations</th><th scope=\"col\" class=\"n\">Accepted</th>"
		 "<th scope=\"col\" class=\"n\">Finished</th></tr></thead>\n<tbody>\n");
	put_evidence(report, "This gig", accepted, finished);
	if (silent > 0)
		put_evidence(report, "Silent for long", 0, silent);
	put_evidence(report, "The other gigs", others_accepted, others_finished);
	page_table_close(report);
	page_card_close(report);
}

/* ------------------------------------------------------------------ page -- */

static void
put_facts(Report *report, const Gig *gig)
{
	StringInfo	page = report->page;

	html(page, "<p class=\"facts\">");
	page_badge(report, gig->cancelled && !gig->is_open ? "cancelled" : gig->phase, false);
	if (gig->is_open && gig->failed)
	{
		html(page, " ");
		page_badge(report, "last wave failed", true);
	}
	else if (gig->is_open && gig->is_auto && gig->exhausted && gig->accepted < gig->target)
	{
		html(page, " ");
		page_badge(report, "last wave found nobody", true);
	}
	html(page, " Gig %lld, from ", (long long) gig->id);
	html_time(page, gig->start_at);
	html(page, " to ");
	html_time(page, gig->end_at);
	if (!gig->is_open)
		html(page, ".");
	else if (!gig->is_auto)
		html(page, ". Invitations are sent by hand.");
	else if (gig->accepted >= gig->target)
		html(page, ". No further wave is needed.");
	else if (gig->awaits_room)
		html(page, ". It sleeps until there is room below its pending_max.");
	else if (gig->is_asleep)
		html(page, ". It sleeps until a worker whom it could invite is added or changes.");
	else if (gig->next_wave_at <= report->now)
		html(page, ". The next wave is due now.");
	else
	{
		html(page, ". Next wave: ");
		html_time(page, gig->next_wave_at);
		html(page, ".");
	}
	html(page, "</p>\n");
}

void
gig_page(Report *report, int64 gig_id)
{
	StringInfo	page = report->page;
	Gig			gig;
	Answers		answers;
	Speed		speed;
	int64		free_seats;

	read_gig(&gig, gig_id, report->now);
	read_answers(&answers, gig_id);
	read_speed(&speed, gig_id);
	free_seats = !gig.is_open ? 0 :
		Max((int64) Max(gig.capacity, gig.target) - gig.accepted, 0);

	page_open(report, "Report of a gig", gig.title, false);
	put_facts(report, &gig);
	page_tiles_open(report, gig.capacity >= 0 ? 6 : 5);
	page_tile(report, "Accepted", gig.accepted, NULL, false);
	page_tile(report, "Target", gig.target, gig.accepted >= gig.target ? "reached" : NULL, false);
	if (gig.capacity >= 0)
		page_tile(report, "Capacity", gig.capacity, gig.accepted >= gig.capacity ? "full" : NULL, false);
	page_tile(report, "Seats free", free_seats, gig.capacity < 0 ? "up to the target" : NULL, false);
	page_tile(report, "Pending", answers.pending, page_waiting_note(answers.waiting), false);
	page_tile(report, "Waves", gig.waves, NULL, false);
	page_tiles_close(report);

	html(page, "</header>\n<main id=\"main\">\n");
	put_seats(report, &gig, &answers);
	put_expected(report, &gig, &answers, &speed);
	put_waves(report, &gig);
	put_speed(report, &speed);
	put_answers(report, &answers);
	html(page, "</main>\n<footer>\n");
	html(page, "<p>Seats to be expected: <i>n</i> pending invitations, each accepted with the chance "
		 "<i>p</i> = (<i>a</i> + %d <i>q</i>) / (<i>f</i> + %d), where <i>a</i> of the gig's <i>f</i> finished invitations "
		 "were accepted (some have left since), and <i>q</i> = (<i>A</i> + 1) / (<i>F</i> + 2) is the same of the Space's "
		 "other gigs. Finished are invitations that were answered, or had no answer when their time or the gig was over; "
		 "not those that expired because the seats were filled, were taken back, or seated somebody at once. Who has been silent for longer than nine "
		 "in ten answers took is no more in <i>n</i>, but in <i>f</i>. The range holds four in five of the numbers that this "
		 "rule gives (a beta-binomial distribution).</p>\n"
		 "<p>Seats over time are read from the table event; of an accept that it does not hold any more, or never did, "
		 "from the invitation.</p>\n", PRIOR_WEIGHT, PRIOR_WEIGHT);
	page_close(report);
}
