/*-------------------------------------------------------------------------
 * src/report/page.h
 *
 * What all pages have: head, style, tiles, cards, foot; and what they may read.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_REPORT_PAGE_H
#define CIRRO_REPORT_PAGE_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"

/* One report while it is made. The Space has been entered. */
typedef struct Report
{
	StringInfo	page;
	const char *name;
	Oid			reader;			/* who asks */
	TimestampTz now;
	bool		reads_event;	/* whether the caller may */
	bool		reads_notification;
	bool		reads_wave;
} Report;

/* How many characters of a title are shown where it is one of many, and alone. */
#define SHORT_TITLE	120
#define LONG_TITLE	500

/*
 * All up to the heading. "title" is a text of the Space's, or its name. page_close ends it
 * with how the page was made, below what the caller has put into the footer.
 */
extern void page_open(Report *report, const char *kind, const char *title, bool of_space);
extern void page_close(Report *report);

/* A small sign beside a heading or in a cell: a word of ours. "strong": needs a look. */
extern void page_badge(Report *report, const char *word, bool strong);

/*
 * The tiles, 4, 5 or 6 in a row where there is room: a number, its name, and a word
 * on it, which may be NULL. "strong": needs a look.
 */
extern void page_tiles_open(Report *report, int columns);
extern void page_tile(Report *report, const char *name, int64 number, const char *word,
					  bool strong);
/* The word on a tile of invitations that are pending: how many more wait for a seat. */
extern const char *page_waiting_note(int64 waiting);
extern void page_tiles_close(Report *report);

/*
 * A card, 2, 3, 4 or 6 sixths of the page wide where there is room, with a heading of
 * its own and a sentence below it, NULL for none.
 */
extern void page_card_open(Report *report, const char *id, int width, const char *heading,
						   const char *sentence);
extern void page_card_close(Report *report);

/* Says in a card why it is empty. */
extern void page_nothing(Report *report, const char *why);

/*
 * A table that scrolls, by keyboard too, where it is wider than its card; up to its
 * head. "kind" is a class: "gigs" is one whose rows become blocks on a phone. The
 * caption is for screen readers alone unless it is "seen".
 */
extern void page_table_open(Report *report, const char *kind, const char *caption, bool seen);
extern void page_table_close(Report *report);

/* The figures of a chart as a table that can be opened, up to its rows. */
extern void page_figures_open(Report *report, const char *caption, const char *const *columns,
							  int ncolumns);
extern void page_figures_close(Report *report);

#endif							/* CIRRO_REPORT_PAGE_H */
