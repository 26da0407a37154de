/*-------------------------------------------------------------------------
 * src/report/chart.c
 *
 * Charts in SVG. Decides scales, where things stand, and how much of a time is
 * written. Colours and sizes of letters are classes, which the page's style
 * (page.c) fills in. Must not know what it draws.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "pgtime.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "report/chart.h"
#include "report/html.h"

void
chart_open(Chart *chart, StringInfo page, const char *id, bool wide,
		   const char *title, const char *description)
{
	memset(chart, 0, sizeof(*chart));
	chart->page = page;
	chart->width = wide ? 720 : 460;
	chart->height = wide ? 300 : 240;
	chart->left = wide ? 58 : 50;
	chart->right = chart->width - 14;
	chart->top = wide ? 48 : 20;
	chart->bottom = chart->height - 34;
	html(page, "<svg class=\"chart %s\" id=\"%s\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
		 "aria-labelledby=\"%s-t %s-d\"><title id=\"%s-t\">%s</title><desc id=\"%s-d\">%s</desc>\n",
		 wide ? "wide" : "half", id, chart->width, chart->height, id, id, id, title, id, description);
}

void
chart_close(Chart *chart)
{
	html(chart->page, "</svg>\n");
}

static double
y_of(const Chart *chart, double value)
{
	value = Min(Max(value, 0), chart->most);
	return chart->bottom - (chart->bottom - chart->top) * value / chart->most;
}

static double
x_of(const Chart *chart, TimestampTz at)
{
	double		span = (double) chart->to - (double) chart->from;
	double		share = ((double) at - (double) chart->from) / span;

	return chart->left + (chart->right - chart->left) * Min(Max(share, 0), 1);
}

/* 1, 2 or 5 times a power of ten: about five of them in "most", and none below 1. */
static double
value_step(double most)
{
	double		power = pow(10, floor(log10(Max(most / 5, 1))));
	double		share = most / 5 / power;

	return power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
}

void
chart_values(Chart *chart, double most)
{
	double		step = value_step(most);

	chart->most = Max(ceil(most / step) * step, 1);
	for (double value = 0; value <= chart->most; value += step)
	{
		double		y = y_of(chart, value);

		html(chart->page, "<path class=\"%s\" d=\"M%.1f %.1fH%.1f\"/>"
			 "<text class=\"end\" x=\"%.1f\" y=\"%.1f\">",
			 value == 0 ? "axis" : "grid", chart->left, y, chart->right, chart->left - 8, y + 4);
		/* More digits would stick out of the chart. */
		if (chart->most < 1e6 || value == 0)
			html_count(chart->page, (int64) value);
		else
			html(chart->page, "%.1f&#8239;M", value / 1e6);
		html(chart->page, "</text>\n");
	}
}

/* Distances between marks, in seconds: of the clock up to a day, then whole days. */
static const int64 time_steps[] = {
	1, 5, 15, 60, 5 * 60, 15 * 60, 30 * 60, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600,
	86400, 2 * 86400, 7 * 86400, 14 * 86400, INT64CONST(28) * 86400, INT64CONST(91) * 86400,
	INT64CONST(182) * 86400, INT64CONST(364) * 86400
};

/* A moment at a mark, no longer than it has to be. */
static void
put_mark(const Chart *chart, TimestampTz at, int64 step)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			offset;

	if (timestamp2tm(at, &offset, &tm, &fsec, NULL, NULL) != 0)
		return;
	if (step < 60)
		html(chart->page, "%d%d:%d%d:%d%d", tm.tm_hour / 10, tm.tm_hour % 10,
			 tm.tm_min / 10, tm.tm_min % 10, tm.tm_sec / 10, tm.tm_sec % 10);
	else if (step < 86400 && (tm.tm_hour != 0 || tm.tm_min != 0))
		html(chart->page, "%d%d:%d%d", tm.tm_hour / 10, tm.tm_hour % 10, tm.tm_min / 10, tm.tm_min % 10);
	else if (step < 182 * 86400)
		html(chart->page, "%d&#8239;%s", tm.tm_mday, months[tm.tm_mon - 1]);
	else
		html(chart->page, "%s %d", months[tm.tm_mon - 1], tm.tm_year);
}

void
chart_times(Chart *chart, TimestampTz from, TimestampTz to)
{
	double		seconds;
	int64		step;
	int			i = 0;
	struct pg_tm tm;
	fsec_t		fsec;
	int			offset = 0;
	int64		first;

	chart->from = from;
	chart->to = Max(to, from + USECS_PER_SEC);
	seconds = ((double) chart->to - (double) chart->from) / USECS_PER_SEC;
	while (i < (int) lengthof(time_steps) - 1 && seconds / time_steps[i] > 6)
		i++;
	step = time_steps[i];
	while (seconds / step > 6)
		step *= 2;

	/* Round in the session's time zone, as its offset is at the left. */
	if (timestamp2tm(from, &offset, &tm, &fsec, NULL, NULL) != 0)
		return;
	first = (from / USECS_PER_SEC - offset) / step * step + offset;
	for (int64 at = first; at <= chart->to / USECS_PER_SEC; at += step)
	{
		TimestampTz mark = at * USECS_PER_SEC;
		double		x;

		if (mark < chart->from)
			continue;
		x = x_of(chart, mark);
		html(chart->page, "<path class=\"axis\" d=\"M%.1f %.1fv5\"/>", x, chart->bottom);
		/* One that would stick out is left to its neighbours. */
		if (x < chart->left + 16 || x > chart->right - 16)
			continue;
		html(chart->page, "<text class=\"mid%s\" x=\"%.1f\" y=\"%.1f\">",
			 (at - first) / step % 2 != 0 ? " minor" : "", x, chart->bottom + 22);
		put_mark(chart, mark, step);
		html(chart->page, "</text>\n");
	}
}

void
chart_columns(Chart *chart, int ncolumns)
{
	chart->ncolumns = Max(ncolumns, 1);
}

static double
column_width(const Chart *chart)
{
	return (chart->right - chart->left) / Max(chart->ncolumns, 6);
}

void
chart_mark(Chart *chart, int column, const char *mark, bool minor)
{
	html(chart->page, "<text class=\"mid%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", minor ? " minor" : "",
		 chart->left + column_width(chart) * (column + 0.5), chart->bottom + 22, mark);
}

void
chart_column(Chart *chart, int column, double value, bool outline)
{
	double		width = column_width(chart);
	double		gap = Min(width * 0.15, 6);
	double		y = y_of(chart, value);

	/* A little is not nothing. */
	if (value > 0)
		y = Min(y, chart->bottom - 1.5);
	else
		return;
	html(chart->page, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
		 outline ? "outline" : "column", chart->left + width * column + gap, y,
		 width - 2 * gap, chart->bottom - y);
}

void
chart_level(Chart *chart, double value, const char *words, bool dashed)
{
	double		y = y_of(chart, value);

	html(chart->page, "<path class=\"level%s\" d=\"M%.1f %.1fH%.1f\"/>"
		 "<text class=\"words\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
		 dashed ? " dashed" : "", chart->left, y, chart->right, chart->left + 8, y - 6, words);
}

void
chart_moment(Chart *chart, TimestampTz at, const char *words)
{
	double		x;

	if (at < chart->from || at > chart->to)
		return;
	x = x_of(chart, at);
	html(chart->page, "<path class=\"moment\" d=\"M%.1f %.1fV%.1f\"/>"
		 "<text class=\"words %s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
		 x, chart->top - 36, chart->bottom, x > (chart->left + chart->right) / 2 ? "end" : "",
		 x > (chart->left + chart->right) / 2 ? x - 6 : x + 6, chart->top - 26, words);
}

void
chart_steps(Chart *chart, const TimestampTz *times, const int64 *values, int n,
			int64 start, TimestampTz until)
{
	StringInfoData path;
	double		y = y_of(chart, start);

	initStringInfo(&path);
	appendStringInfo(&path, "M%.1f %.1f", chart->left, y);
	for (int i = 0; i < n; i++)
	{
		double		next = y_of(chart, values[i]);

		if (next == y)
			continue;
		y = next;
		appendStringInfo(&path, "H%.1fV%.1f", x_of(chart, times[i]), y);
	}
	appendStringInfo(&path, "H%.1f", x_of(chart, until));
	html(chart->page, "<path class=\"area\" d=\"%sV%.1fH%.1fZ\"/><path class=\"steps\" d=\"%s\"/>\n",
		 path.data, chart->bottom, chart->left, path.data);
	pfree(path.data);
}

void
chart_bar(StringInfo page, double part, double whole, double goal)
{
	double		share = whole > 0 ? 100 * Min(Max(part / whole, 0), 1) : 0;

	html(page, "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" "
		 "aria-hidden=\"true\"><rect class=\"track\" width=\"100\" height=\"10\"/>");
	if (part > 0)
		html(page, "<rect class=\"column\" width=\"%.1f\" height=\"10\"/>", Max(share, 1));
	if (goal > 0 && goal < whole)
		html(page, "<path class=\"notch\" d=\"M%.1f 0v10\"/>", 100 * goal / whole);
	html(page, "</svg>");
}
