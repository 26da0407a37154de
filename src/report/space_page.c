/*-------------------------------------------------------------------------
 * src/report/space_page.c
 *
 * The page of a Space: how much there is to do, each gig, when people accept,
 * what is delivered. Decides what each figure counts. Reads a table at most twice,
 * by aggregates, as the caller; of workers it reads nothing.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/datetime.h"

#include "report/chart.h"
#include "report/html.h"
#include "report/space_page.h"
#include "space/query.h"

/* Gigs and consumers on a page; MOST_GIGS is in the text of the query, too. */
#define MOST_GIGS		500
#define MOST_CONSUMERS	50

#define DAYS	30
#define SPAN	(DAYS * USECS_PER_DAY)

static const SpaceQuery paused_query = {
	"SELECT coalesce((SELECT t.paused FROM setting t LIMIT 1), false)::bool", 0
};

/*
 * Open gigs first, those that start soonest before the others, then what is over, the
 * latest first. Each row bears the sums over all gigs.
 */
static const SpaceQuery gigs_query = {
	"WITH pending AS ("
	"   SELECT i.gig_id, count(*) AS pending FROM invitation i JOIN gig_state s ON s.gig_id = i.gig_id"
	"   WHERE i.status = 'pending' AND s.closes_at > $1"
	"   AND cirro.expired_reason(i.status, i.invited_at, s.closes_at, s.answer_within,"
	"     s.expires_rest AND s.accepted >= s.capacity) IS NULL"
	"   GROUP BY i.gig_id),"
	" each AS MATERIALIZED ("
	"   SELECT g.id, s.closes_at > $1 AS is_open, s.starts_at, s.closes_at, s.target, s.capacity,"
	"     s.accepted, s.auto, s.failures, s.exhausted, s.waves, s.next_wave_at, s.next_event_at,"
	"     s.slept_in IS NOT NULL AS is_asleep, s.awaits_room, s.waiting,"
	"     coalesce(p.pending, bigint '0') AS pending"
	"   FROM gig g JOIN gig_state s ON s.gig_id = g.id LEFT JOIN pending p ON p.gig_id = g.id),"
	" sums AS (SELECT count(*) AS gigs, count(*) FILTER (WHERE e.is_open) AS open,"
	"     coalesce(sum(e.target) FILTER (WHERE e.is_open), bigint '0') AS seats,"
	"     coalesce(sum(least(e.accepted, e.target)) FILTER (WHERE e.is_open), bigint '0') AS filled,"
	"     coalesce(sum(e.accepted) FILTER (WHERE e.is_open), bigint '0') AS accepted,"
	"     coalesce((sum(e.pending))::bigint, bigint '0') AS pending,"
	"     coalesce(sum(e.waiting) FILTER (WHERE e.is_open), bigint '0') AS waiting,"
	"     count(*) FILTER (WHERE e.next_event_at <= $1) AS due,"
	"     min(e.next_event_at) FILTER (WHERE e.next_event_at <= $1) AS due_since"
	"   FROM each e),"
	" shown AS (SELECT e.* FROM each e"
	"   ORDER BY e.is_open DESC, CASE WHEN e.is_open THEN e.starts_at END, e.closes_at DESC, e.id DESC"
	"   LIMIT 500)"
	" SELECT u.gigs::bigint, u.open::bigint, u.seats::bigint, u.filled::bigint, u.accepted::bigint,"
	"   u.pending::bigint, u.waiting::bigint, u.due::bigint, u.due_since::timestamptz,"
	"   h.id::bigint, left(g.title, 200)::text,"
	"   cirro.gig_phase(g.start_at, g.end_at, g.archive_at, g.archived_at, g.cancelled_at)::text,"
	"   (g.cancelled_at IS NOT NULL)::bool, h.starts_at::timestamptz, h.accepted::int, h.target::int,"
	"   h.capacity::int, h.pending::bigint, h.is_open::bool, h.auto::bool, (h.failures > 0)::bool,"
	"   h.exhausted::bool, h.is_asleep::bool, h.awaits_room::bool, h.next_wave_at::timestamptz"
	" FROM sums u LEFT JOIN shown h ON true LEFT JOIN gig g ON g.id = h.id"
	" ORDER BY h.is_open DESC, CASE WHEN h.is_open THEN h.starts_at END, h.closes_at DESC, h.id DESC",
	1, {TIMESTAMPTZOID}
};

/* By days ago, as the session's time zone counts them, and hour of the day. */
static const SpaceQuery accepts_query = {
	"SELECT (date($1) - date(e.at))::int, extract(hour FROM e.at)::int, count(*)::bigint"
	" FROM event e WHERE e.status = 'accepted' AND e.kind IN ('invitation.created', 'invitation.updated')"
	"   AND e.at >= $2 AND e.at <= $1"
	" GROUP BY 1, 2",
	2, {TIMESTAMPTZOID, TIMESTAMPTZOID}
};

/*
 * The lowest id of the open notifications is the oldest. What is addressed to no
 * consumer any more is on its way out, but it is there.
 */
static const SpaceQuery deliveries_query = {
	"SELECT left(coalesce(c.name, n.consumer), 200)::text, coalesce(n.open, bigint '0')::bigint,"
	"   coalesce(n.repeated, bigint '0')::bigint, coalesce(n.delivered, bigint '0')::bigint,"
	"   coalesce(n.suppressed, bigint '0')::bigint, coalesce(n.dead, bigint '0')::bigint,"
	"   (sum(n.open) OVER ())::bigint, (sum(n.dead) OVER ())::bigint, e.at::timestamptz"
	" FROM consumer c FULL JOIN (SELECT l.consumer,"
	"     count(*) FILTER (WHERE l.outcome IS NULL) AS open,"
	"     count(*) FILTER (WHERE l.outcome IS NULL AND l.error IS NOT NULL) AS repeated,"
	"     count(*) FILTER (WHERE l.outcome = 'delivered') AS delivered,"
	"     count(*) FILTER (WHERE l.outcome = 'suppressed') AS suppressed,"
	"     count(*) FILTER (WHERE l.outcome = 'dead') AS dead,"
	"     min(l.id) FILTER (WHERE l.outcome IS NULL) AS first"
	"   FROM notification l GROUP BY l.consumer) n ON n.consumer = c.name"
	" LEFT JOIN notification m ON m.id = n.first"
	" LEFT JOIN event e ON e.id = m.event_id"
	" ORDER BY 1 LIMIT 51",
	0
};

/* What there is to do and how late it is: the sums of all gigs, and of consumers. */
typedef struct Sums
{
	int64		gigs;
	int64		open;
	int64		seats;
	int64		filled;			/* of these seats */
	int64		accepted;
	int64		pending;
	int64		waiting;
	int64		due;
	TimestampTz due_since;
	bool		paused;
	int64		open_notifications;
	int64		dead_notifications;
} Sums;

/* A row of gigs_query, or of deliveries_query. */
typedef struct Gig
{
	int64		id;				/* 0 with no title: there is no gig at all */
	char	   *title;
	char	   *phase;
	bool		cancelled;
	TimestampTz starts_at;
	int32		accepted;
	int32		target;
	int32		capacity;		/* -1: none */
	int64		pending;
	bool		is_open;
	bool		is_auto;
	bool		failed;
	bool		exhausted;
	bool		is_asleep;		/* until somebody comes or changes */
	bool		awaits_room;	/* asleep, until there is room below pending_max */
	TimestampTz next_wave_at;	/* DT_NOEND: none */
} Gig;

typedef struct Delivery
{
	char	   *consumer;
	int64		open;
	int64		repeated;
	int64		delivered;
	int64		suppressed;
	int64		dead;
	bool		knows_age;
	double		age;			/* of the oldest open one, in seconds */
} Delivery;

static void
read_sums(Sums *sums, ResultRow *row)
{
	sums->gigs = result_int64(row);
	sums->open = result_int64(row);
	sums->seats = result_int64(row);
	sums->filled = result_int64(row);
	sums->accepted = result_int64(row);
	sums->pending = result_int64(row);
	sums->waiting = result_int64(row);
	sums->due = result_int64(row);
	sums->due_since = result_null(row) ? DT_NOEND : result_timestamptz(row);
}

static void
read_gig(Gig *gig, ResultRow *row)
{
	gig->id = result_int64(row);
	gig->title = TextDatumGetCString(result_datum(row, TEXTOID));
	gig->phase = TextDatumGetCString(result_datum(row, TEXTOID));
	gig->cancelled = result_bool(row);
	gig->starts_at = result_timestamptz(row);
	gig->accepted = result_int32(row);
	gig->target = result_int32(row);
	gig->capacity = result_null(row) ? -1 : result_int32(row);
	gig->pending = result_int64(row);
	gig->is_open = result_bool(row);
	gig->is_auto = result_bool(row);
	gig->failed = result_bool(row);
	gig->exhausted = result_bool(row);
	gig->is_asleep = result_bool(row);
	gig->awaits_room = result_bool(row);
	gig->next_wave_at = result_null(row) ? DT_NOEND : result_timestamptz(row);
	result_end(row);
}

/* ------------------------------------------------------------------ gigs -- */

static void
put_next_wave(Report *report, const Gig *gig)
{
	StringInfo	page = report->page;

	if (!gig->is_open)
		html(page, "<span class=\"quiet\">over</span>");
	else if (!gig->is_auto)
		html(page, "<span class=\"quiet\">by hand</span>");
	else if (gig->accepted >= gig->target)
		html(page, "<span class=\"quiet\">none needed</span>");
	else if (gig->is_asleep || gig->awaits_room)
		html(page, "<span class=\"quiet\">asleep</span>");
	else if (gig->next_wave_at <= report->now)
		html(page, "due now");
	else
		html_time(page, gig->next_wave_at);
	if (gig->is_open && gig->failed)
	{
		html(page, " ");
		page_badge(report, "last wave failed", true);
	}
	else if (gig->is_open && gig->awaits_room)
	{
		html(page, " ");
		page_badge(report, "pending_max reached", false);
	}
	else if (gig->is_open && gig->is_auto && gig->exhausted && gig->accepted < gig->target)
	{
		html(page, " ");
		page_badge(report, "nobody found", true);
	}
}

static void
put_gig(Report *report, const Gig *gig)
{
	StringInfo	page = report->page;
	int32		whole = Max(gig->capacity, gig->target);

	html(page, "<tr><td class=\"n\" data-label=\"Gig\">%lld</td><th scope=\"row\" class=\"title\"><bdi>",
		 (long long) gig->id);
	html_cut(page, gig->title, SHORT_TITLE);
	html(page, "</bdi></th><td data-label=\"Phase\">");
	page_badge(report, gig->cancelled && !gig->is_open ? "cancelled" : gig->phase, false);
	html(page, "</td><td class=\"when\" data-label=\"Starts\">");
	html_time(page, gig->starts_at);
	html(page, "</td><td class=\"fill\">");
	chart_bar(page, gig->accepted, whole, gig->target);
	html(page, "</td><td class=\"n\" data-label=\"Accepted\">");
	html_count(page, gig->accepted);
	html(page, " of ");
	html_count(page, gig->target);
	if (gig->capacity < 0)
		html(page, " or more");
	else if (gig->capacity != gig->target)
	{
		html(page, "&#8211;");
		html_count(page, gig->capacity);
	}
	html(page, "</td><td class=\"n\" data-label=\"Pending\">");
	html_count(page, gig->pending);
	html(page, "</td><td data-label=\"Next wave\">");
	put_next_wave(report, gig);
	html(page, "</td></tr>\n");
}

static void
put_gigs(Report *report, const Sums *sums, const Gig *gigs, int n)
{
	StringInfo	page = report->page;

	page_card_open(report, "gigs", 6, "Gigs",
				   "Open ones first, in the order in which they start. The notch in a bar is the target.");
	if (n == 0)
		page_nothing(report, "There is no gig that this role can see.");
	else
	{
		page_table_open(report, "gigs", "Gigs and how full they are", false);
		html(page, "<thead><tr><th scope=\"col\" class=\"n\">Gig</th><th scope=\"col\">Title</th>"
			 "<th scope=\"col\">Phase</th><th scope=\"col\">Starts</th><th scope=\"col\">Seats</th>"
			 "<th scope=\"col\" class=\"n\">Accepted</th><th scope=\"col\" class=\"n\">Pending</th>"
			 "<th scope=\"col\">Next wave</th></tr></thead>\n<tbody>\n");
		for (int i = 0; i < n; i++)
			put_gig(report, &gigs[i]);
		page_table_close(report);
	}
	if (sums->gigs > n)
	{
		html(page, "<p class=\"lead\">");
		html_count(page, sums->gigs - n);
		html(page, " more gigs are not on this page, which holds %d; the figures above count them. ", n);
		html(page, "<code>SELECT cirro.report(%s, 123)</code> is the page of gig 123.</p>\n",
			 quote_literal_cstr(report->name));
	}
	page_card_close(report);
}

/* --------------------------------------------------------------- accepts -- */

static void
put_accepts(Report *report)
{
	StringInfo	page = report->page;
	QueryArgs	args = {&accepts_query};
	int64		by_day[DAYS] = {0};
	int64		by_hour[HOURS_PER_DAY] = {0};
	int64		most_day = 0;
	int64		most_hour = 0;
	int64		total = 0;
	Chart		chart;
	struct pg_tm tm;
	fsec_t		fsec;
	int			offset;
	int			today = 0;
	uint64		nrows;
	static const char *const day_columns[] = {"Day", "Accepted"};
	static const char *const hour_columns[] = {"Hour", "Accepted"};

	arg_timestamptz(&args, report->now);
	arg_timestamptz(&args, Max(report->now, MIN_TIMESTAMP + SPAN) - SPAN);
	nrows = query_run_once(&args, true);
	for (uint64 i = 0; i < nrows; i++)
	{
		ResultRow	row = result_row(i);
		int32		ago = result_int32(&row);
		int32		hour = result_int32(&row);
		int64		count = result_int64(&row);

		result_end(&row);
		if (ago < 0 || ago >= DAYS || hour < 0 || hour >= HOURS_PER_DAY)
			continue;
		total += count;
		by_day[ago] += count;
		by_hour[hour] += count;
		most_day = Max(most_day, by_day[ago]);
		most_hour = Max(most_hour, by_hour[hour]);
	}
	query_free();
	if (timestamp2tm(report->now, &offset, &tm, &fsec, NULL, NULL) == 0)
		today = date2j(tm.tm_year, tm.tm_mon, tm.tm_mday);

	page_card_open(report, "days", 3, "Accepts by day", "The last 30 days, today at the right.");
	if (total == 0)
		page_nothing(report, "Nobody has accepted in these days.");
	else
	{
		chart_open(&chart, page, "accepts-by-day", false, "Accepts by day",
				   "Columns: how many invitations were accepted on each of the last 30 days. "
				   "The table below has the figures.");
		chart_values(&chart, most_day);
		chart_columns(&chart, DAYS);
		for (int i = 0; i < DAYS; i++)
		{
			int			ago = DAYS - 1 - i;
			int			year,
						month,
						day;

			chart_column(&chart, i, by_day[ago], false);
			if (ago % 7 != 0)
				continue;
			j2date(today - ago, &year, &month, &day);
			chart_mark(&chart, i, psprintf("%d %s", day, months[month - 1]), ago % 14 != 0);
		}
		chart_close(&chart);
		page_figures_open(report, "Accepts by day", day_columns, lengthof(day_columns));
		for (int ago = 0; ago < DAYS; ago++)
		{
			int			year,
						month,
						day;

			j2date(today - ago, &year, &month, &day);
			html(page, "<tr><th scope=\"row\">%d&nbsp;%s %d</th><td class=\"n\">", day, months[month - 1], year);
			html_count(page, by_day[ago]);
			html(page, "</td></tr>\n");
		}
		page_figures_close(report);
	}
	page_card_close(report);

	page_card_open(report, "hours", 3, "Accepts by hour of the day", "Of the same 30 days together.");
	if (total == 0)
		page_nothing(report, "Nobody has accepted in these days.");
	else
	{
		chart_open(&chart, page, "accepts-by-hour", false, "Accepts by hour of the day",
				   "Columns: how many invitations were accepted in each hour of the day. "
				   "The table below has the figures.");
		chart_values(&chart, most_hour);
		chart_columns(&chart, HOURS_PER_DAY);
		for (int i = 0; i < HOURS_PER_DAY; i++)
		{
			chart_column(&chart, i, by_hour[i], false);
			if (i % 3 == 0)
				chart_mark(&chart, i, psprintf("%d:00", i), i % 6 != 0);
		}
		chart_close(&chart);
		page_figures_open(report, "Accepts by hour of the day", hour_columns, lengthof(hour_columns));
		for (int i = 0; i < HOURS_PER_DAY; i++)
		{
			html(page, "<tr><th scope=\"row\">%d:00</th><td class=\"n\">", i);
			html_count(page, by_hour[i]);
			html(page, "</td></tr>\n");
		}
		page_figures_close(report);
	}
	page_card_close(report);
}

/* ------------------------------------------------------------ deliveries -- */

/* One more than are shown, if there are more; their sums are of all. */
static Delivery *
read_deliveries(Report *report, Sums *sums, int *found)
{
	QueryArgs	args = {&deliveries_query};
	Delivery   *deliveries;

	query_run_once(&args, true);
	*found = (int) SPI_processed;
	deliveries = palloc0(Max(*found, 1) * sizeof(Delivery));
	for (int i = 0; i < *found; i++)
	{
		Delivery   *d = &deliveries[i];
		ResultRow	row = result_row(i);

		d->consumer = TextDatumGetCString(result_datum(&row, TEXTOID));
		d->open = result_int64(&row);
		d->repeated = result_int64(&row);
		d->delivered = result_int64(&row);
		d->suppressed = result_int64(&row);
		d->dead = result_int64(&row);
		sums->open_notifications = result_null(&row) ? 0 : result_int64(&row);
		sums->dead_notifications = result_null(&row) ? 0 : result_int64(&row);
		d->knows_age = !result_null(&row);
		if (d->knows_age)
			d->age = ((double) report->now - (double) result_timestamptz(&row)) / USECS_PER_SEC;
		result_end(&row);
	}
	query_free();
	return deliveries;
}

static void
put_deliveries(Report *report, const Delivery *deliveries, int n)
{
	StringInfo	page = report->page;

	page_card_open(report, "deliveries", 6, "Deliveries",
				   "Notifications by who is to hear of them. Finished ones are kept for some days.");
	if (deliveries == NULL)
		page_nothing(report, "This role may not read the tables notification and event.");
	else if (n == 0)
		page_nothing(report, "There is no consumer.");
	else
	{
		page_table_open(report, "gigs", "Notifications by consumer", false);
		html(page, "<thead><tr><th scope=\"col\">Consumer</th><th scope=\"col\" class=\"n\">Open</th>"
			 "<th scope=\"col\" class=\"n\">Oldest open</th><th scope=\"col\" class=\"n\">Open after an error</th>"
			 "<th scope=\"col\" class=\"n\">Delivered</th><th scope=\"col\" class=\"n\">Suppressed</th>"
			 "<th scope=\"col\" class=\"n\">Dead</th></tr></thead>\n<tbody>\n");
		for (int i = 0; i < Min(n, MOST_CONSUMERS); i++)
		{
			const Delivery *d = &deliveries[i];

			html(page, "<tr><th scope=\"row\" class=\"title\"><bdi>");
			html_cut(page, d->consumer, SHORT_TITLE);
			html(page, "</bdi></th><td class=\"n\" data-label=\"Open\">");
			html_count(page, d->open);
			html(page, "</td><td class=\"n\" data-label=\"Oldest open\">");
			if (d->open > 0 && d->knows_age)
				html_span(page, d->age);
			else
				html(page, "&#8211;");
			html(page, "</td><td class=\"n\" data-label=\"Open after an error\">");
			html_count(page, d->repeated);
			html(page, "</td><td class=\"n\" data-label=\"Delivered\">");
			html_count(page, d->delivered);
			html(page, "</td><td class=\"n\" data-label=\"Suppressed\">");
			html_count(page, d->suppressed);
			html(page, "</td><td class=\"n\" data-label=\"Dead\">");
			html_count(page, d->dead);
			if (d->dead > 0)
			{
				html(page, " ");
				page_badge(report, "given up", true);
			}
			html(page, "</td></tr>\n");
		}
		page_table_close(report);
		if (n > MOST_CONSUMERS)
			html(page, "<p class=\"lead\">There are more consumers than the %d on this page.</p>\n", MOST_CONSUMERS);
	}
	page_card_close(report);
}

/* ------------------------------------------------------------------ page -- */

static void
put_tiles(Report *report, const Sums *sums)
{
	StringInfoData late;
	double		seconds = 0;

	page_tiles_open(report, report->reads_notification && report->reads_event ? 4 : 6);
	page_tile(report, "Open gigs", sums->open, NULL, false);
	page_tile(report, "Seats wanted", sums->seats, NULL, false);
	page_tile(report, "Accepted", sums->accepted, "in open gigs", false);
	page_tile(report, "Seats to fill", sums->seats - sums->filled, NULL, false);
	page_tile(report, "Pending invitations", sums->pending, page_waiting_note(sums->waiting), false);

	initStringInfo(&late);
	if (sums->due > 0)
	{
		/* Either may be at an end of time. */
		seconds = Max(((double) report->now - (double) sums->due_since) / USECS_PER_SEC, 0);
		if (seconds < SECS_PER_MINUTE)
			appendStringInfoString(&late, "just now");
		else if (seconds < SECS_PER_HOUR)
			appendStringInfo(&late, "for %.0f min", floor(seconds / SECS_PER_MINUTE));
		else if (seconds < 2 * SECS_PER_DAY)
			appendStringInfo(&late, "for %.0f h", floor(seconds / SECS_PER_HOUR));
		else
			appendStringInfo(&late, "for %.0f d", floor(seconds / SECS_PER_DAY));
	}
	/* pg_cron comes by each minute. */
	page_tile(report, "Gigs due", sums->due, late.len > 0 ? late.data : NULL,
			  seconds > 2 * SECS_PER_MINUTE);
	if (report->reads_notification && report->reads_event)
	{
		page_tile(report, "Notifications open", sums->open_notifications, NULL, false);
		page_tile(report, "Notifications dead", sums->dead_notifications, NULL,
				  sums->dead_notifications > 0);
	}
	page_tiles_close(report);
}

void
space_page(Report *report)
{
	StringInfo	page = report->page;
	QueryArgs	args = {&gigs_query};
	QueryArgs	no_args = {&paused_query};
	Sums		sums = {0};
	ResultRow	row;
	Gig		   *gigs;
	int			ngigs = 0;
	Delivery   *deliveries = NULL;
	int			ndeliveries = 0;
	uint64		nrows;

	query_run_once(&no_args, true);
	row = result_row(0);
	sums.paused = result_bool(&row);
	query_free();

	arg_timestamptz(&args, report->now);
	nrows = query_run_once(&args, true);
	gigs = palloc0(MOST_GIGS * sizeof(Gig));
	for (uint64 i = 0; i < nrows && ngigs < MOST_GIGS; i++)
	{
		row = result_row(i);
		read_sums(&sums, &row);
		/* No gig at all: the sums alone. */
		if (!result_null(&row))
			read_gig(&gigs[ngigs++], &row);
	}
	query_free();
	if (report->reads_notification && report->reads_event)
		deliveries = read_deliveries(report, &sums, &ndeliveries);

	page_open(report, "Report of a Space", report->name, true);
	html(page, "<p class=\"facts\">");
	html_count(page, sums.gigs);
	html(page, sums.gigs == 1 ? " gig, " : " gigs, ");
	html_count(page, sums.open);
	html(page, " of them open.");
	if (sums.paused)
	{
		html(page, " ");
		page_badge(report, "paused: no waves, no sends, no claims", true);
	}
	html(page, "</p>\n");
	put_tiles(report, &sums);
	html(page, "</header>\n<main id=\"main\">\n");
	put_gigs(report, &sums, gigs, ngigs);
	if (report->reads_event)
		put_accepts(report);
	else
	{
		page_card_open(report, "days", 6, "When people accept", NULL);
		page_nothing(report, "This role may not read the table event.");
		page_card_close(report);
	}
	put_deliveries(report, deliveries, ndeliveries);
	html(page, "</main>\n<footer>\n<p>Open gigs have not ended. Seats are the targets of open gigs: until so many "
		 "have accepted, waves run. Pending invitations can be answered now. A gig is due when the tick "
		 "(<code>cirro.run_waves</code>) has something to do for it, at the latest after a minute where it runs "
		 "each minute. Accepts are read from the table event, which keeps them for as long as the setting "
		 "keep_events says.</p>\n");
	page_close(report);
}
