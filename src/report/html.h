/*-------------------------------------------------------------------------
 * src/report/html.h
 *
 * Writing HTML: text that cannot be anything but text.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_REPORT_HTML_H
#define CIRRO_REPORT_HTML_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"

/*
 * Appends markup. "format" is a literal of ours, in ASCII, and goes out as it is;
 * of printf's conversions it may hold %s, %d, %lld, %.0f, %.1f, %.2f and %%. Each
 * %s is escaped, in text and in quoted attributes alike: & < > " ' become
 * references; so does all that is not ASCII, so that the page reads the same in
 * every encoding it may be saved in; characters that HTML forbids become U+FFFD,
 * as do bytes that are no character; tabs and ends of lines become blanks; those
 * that turn the direction of what follows are left out. NULL is written as
 * nothing. Raises 54000 if a page becomes too long, and answers to interrupts.
 */
extern void html(StringInfo page, const char *format,...) pg_attribute_printf(2, 3);

/* A text of others as %s would write it, but no more than "most" characters of it. */
extern void html_cut(StringInfo page, const char *text, int most);

/*
 * A moment, to the minute, in the session's time zone, within an element time
 * where that can hold it; a dash for an infinite one.
 */
extern void html_time(StringInfo page, TimestampTz at);

/* The same without an element, for where only text can stand. */
extern void html_time_text(StringInfo page, TimestampTz at);

/* How long: "45 s", "12 min", "3 h 5 min", "2 d 4 h". Below zero is nothing. */
extern void html_span(StringInfo page, double seconds);

/* A count, with a narrow space between thousands. */
extern void html_count(StringInfo page, int64 count);

#endif							/* CIRRO_REPORT_HTML_H */
