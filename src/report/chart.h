/*-------------------------------------------------------------------------
 * src/report/chart.h
 *
 * Charts in SVG: columns, steps, levels, bars.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_REPORT_CHART_H
#define CIRRO_REPORT_CHART_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"

/* A chart while it is written; only chart.c looks inside. */
typedef struct Chart
{
	StringInfo	page;
	double		width;			/* of all, in the SVG's own units */
	double		height;
	double		left;			/* of the area between the axes */
	double		right;
	double		top;
	double		bottom;
	double		most;			/* value at the top */
	TimestampTz from;			/* time at the left, and at the right */
	TimestampTz to;
	int			ncolumns;
} Chart;

/*
 * Begins a chart. "id" is a word of ours, no other chart's on the page. Title and
 * description are what a screen reader says. "wide": for a place of double width.
 */
extern void chart_open(Chart *chart, StringInfo page, const char *id, bool wide,
					   const char *title, const char *description);
extern void chart_close(Chart *chart);

/* The scale of values, from 0 to at least "most", with its lines. Comes first. */
extern void chart_values(Chart *chart, double most);

/* The scale of time, or of "ncolumns" columns; the latter has no marks of its own. */
extern void chart_times(Chart *chart, TimestampTz from, TimestampTz to);
extern void chart_columns(Chart *chart, int ncolumns);

/* A word below a column; one that is "minor" is left out where there is little room. */
extern void chart_mark(Chart *chart, int column, const char *mark, bool minor);

/*
 * A column, with what is said of it where it is pointed at. "outline": only its
 * contour, for what might have been.
 */
extern void chart_column(Chart *chart, int column, double value, bool outline);

/* A line across at a value, with words on it. "dashed": the weaker of two. */
extern void chart_level(Chart *chart, double value, const char *words, bool dashed);

/* A line upright at a moment, if that is within the chart. */
extern void chart_moment(Chart *chart, TimestampTz at, const char *words);

/*
 * From "start" on, values that hold from a moment to the next, and the last until
 * "until"; times in ascending order.
 */
extern void chart_steps(Chart *chart, const TimestampTz *times, const int64 *values, int n,
						int64 start, TimestampTz until);

/*
 * A bar for a cell of a table, which says the same in words: "part" of "whole", with
 * a notch at "goal" if that is above 0.
 */
extern void chart_bar(StringInfo page, double part, double whole, double goal);

#endif							/* CIRRO_REPORT_CHART_H */
