/*-------------------------------------------------------------------------
 * src/report/html.c
 *
 * Writing HTML. Decides how a character of others is written so that it is
 * seen, and does nothing. Everything on a page goes through here; must not
 * know what a page is about.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/timestamp.h"

#include "report/html.h"

/* A page that somebody is to read; the longest that tests make is far shorter. */
#define MOST_BYTES	(64 * 1024 * 1024)

#define REPLACEMENT	0xFFFD

static bool
is_forbidden(pg_wchar c)
{
	return c < 0x20 || (c >= 0x7F && c < 0xA0) ||
		(c >= 0xD800 && c <= 0xDFFF) || (c >= 0xFDD0 && c <= 0xFDEF) ||
		(c & 0xFFFE) == 0xFFFE || c > 0x10FFFF;
}

/* Embeddings, overrides and isolates: they reach beyond the text that holds them. */
static bool
turns_direction(pg_wchar c)
{
	return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

static void
put_character(StringInfo page, pg_wchar c)
{
	switch (c)
	{
		case '&':
			appendStringInfoString(page, "&amp;");
			return;
		case '<':
			appendStringInfoString(page, "&lt;");
			return;
		case '>':
			appendStringInfoString(page, "&gt;");
			return;
		case '"':
			appendStringInfoString(page, "&quot;");
			return;
		case '\'':
			appendStringInfoString(page, "&#39;");
			return;
		default:
			break;
	}
	if (turns_direction(c))
		return;
	/* There are no lines in what is written here. */
	if (c == '\t' || c == '\n' || c == '\r')
		c = ' ';
	if (is_forbidden(c))
		c = REPLACEMENT;
	if (c < 0x80)
		appendStringInfoChar(page, (char) c);
	else
		appendStringInfo(page, "&#%u;", (unsigned) c);
}

/*
 * The next character of a text in UTF-8 whose "left" bytes may be anything, and
 * how many bytes it has.
 */
static pg_wchar
next_character(const unsigned char *text, int left, int *length)
{
	*length = pg_utf_mblen(text);
	if (*length <= left && pg_utf8_islegal(text, *length))
		return utf8_to_unicode(text);
	*length = 1;
	return REPLACEMENT;
}

/*
 * What the database's encoding makes of a text, in UTF-8. A byte that stands for
 * nothing there becomes an invalid one, which it is here as well.
 */
static char *
to_utf8(const char *text, int length)
{
	int			encoding = GetDatabaseEncoding();
	Oid			proc;
	unsigned char *from = (unsigned char *) unconstify(char *, text);
	StringInfoData utf8;
	Size		room = ((Size) length + 2) * MAX_CONVERSION_GROWTH;
	unsigned char *part;

	initStringInfo(&utf8);
	proc = encoding == PG_UTF8 || encoding == PG_SQL_ASCII ? InvalidOid :
		FindDefaultConversionProc(encoding, PG_UTF8);
	if (!OidIsValid(proc))
	{
		appendBinaryStringInfo(&utf8, text, length);
		return utf8.data;
	}
	part = palloc(room);
	while (length > 0)
	{
		int			done = pg_do_encoding_conversion_buf(proc, encoding, PG_UTF8, from, length,
														 part, room, true);

		appendStringInfoString(&utf8, (char *) part);
		if (done < length)
		{
			appendStringInfoChar(&utf8, '\xFF');
			done += Min(pg_mblen((char *) from + done), length - done);
		}
		from += done;
		length -= done;
	}
	pfree(part);
	return utf8.data;
}

/* Writes at most "most" characters, and a sign that there are more. */
static void
put_text(StringInfo page, const char *text, int most)
{
	char	   *utf8;
	int			left;
	const unsigned char *at;

	if (text == NULL)
		return;

	/* What is cut off anyway need not be converted: a character has 4 bytes at most. */
	left = strlen(text);
	if (most < (left - 1) / 4)
		left = pg_mbcliplen(text, left, (most + 1) * 4);
	utf8 = to_utf8(text, left);
	left = strlen(utf8);
	at = (const unsigned char *) utf8;
	for (int n = 0; left > 0; n++)
	{
		int			length;
		pg_wchar	c;

		if (n == most)
		{
			appendStringInfoString(page, "&#8230;");
			break;
		}
		c = next_character(at, left, &length);
		put_character(page, c);
		at += length;
		left -= length;
	}
	pfree(utf8);
}

void
html_cut(StringInfo page, const char *text, int most)
{
	put_text(page, text, most);
}

void
html(StringInfo page, const char *format,...)
{
	va_list		args;

	CHECK_FOR_INTERRUPTS();
	if (page->len > MOST_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the report is too long"),
				 errdetail("It has more than %d bytes.", MOST_BYTES)));

	va_start(args, format);
	for (const char *at = format; *at != '\0';)
	{
		size_t		literal = strcspn(at, "%");

		appendBinaryStringInfo(page, at, literal);
		at += literal;
		if (*at == '\0')
			break;
		if (strncmp(at, "%s", 2) == 0)
			put_text(page, va_arg(args, const char *), INT_MAX);
		else if (strncmp(at, "%d", 2) == 0)
			appendStringInfo(page, "%d", va_arg(args, int));
		else if (strncmp(at, "%%", 2) == 0)
			appendStringInfoChar(page, '%');
		else if (strncmp(at, "%lld", 4) == 0)
		{
			appendStringInfo(page, "%lld", va_arg(args, long long));
			at += 2;
		}
		else if (strncmp(at, "%.", 2) == 0 && at[2] >= '0' && at[2] <= '2' && at[3] == 'f')
		{
			appendStringInfo(page, "%.*f", at[2] - '0', va_arg(args, double));
			at += 2;
		}
		else
			elog(ERROR, "no such conversion: %s", at);
		at += 2;
	}
	va_end(args);
}

/* In the session's time zone; false without a year of four digits. */
static bool
parts_of(TimestampTz at, struct pg_tm *tm, int *offset)
{
	fsec_t		fsec;

	return !TIMESTAMP_NOT_FINITE(at) && timestamp2tm(at, offset, tm, &fsec, NULL, NULL) == 0 &&
		tm->tm_year >= 1 && tm->tm_year <= 9999;
}

void
html_time_text(StringInfo page, TimestampTz at)
{
	struct pg_tm tm;
	int			offset;

	if (!parts_of(at, &tm, &offset))
		html(page, "&#8211;");
	else
		appendStringInfo(page, "%04d-%02d-%02d %02d:%02d",
						 tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min);
}

void
html_time(StringInfo page, TimestampTz at)
{
	struct pg_tm tm;
	int			offset;

	if (!parts_of(at, &tm, &offset))
	{
		html(page, "&#8211;");
		return;
	}
	/* East is negative here; zones of old had seconds, which HTML does not know. */
	appendStringInfo(page, "<time datetime=\"%04d-%02d-%02dT%02d:%02d%c%02d:%02d\">",
					 tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min,
					 offset > 0 ? '-' : '+', abs(offset) / SECS_PER_HOUR,
					 abs(offset) % SECS_PER_HOUR / SECS_PER_MINUTE);
	html_time_text(page, at);
	html(page, "</time>");
}

void
html_span(StringInfo page, double seconds)
{
	int64		s;

	if (isnan(seconds) || seconds < 0)
		seconds = 0;
	if (seconds > 1e12)
	{
		html(page, "&#8211;");
		return;
	}
	s = (int64) rint(seconds);
	if (s < SECS_PER_MINUTE)
		html(page, "%d&nbsp;s", (int) s);
	else if (s < SECS_PER_HOUR)
		html(page, "%d&nbsp;min", (int) (s / SECS_PER_MINUTE));
	else if (s < SECS_PER_DAY)
	{
		html(page, "%d&nbsp;h", (int) (s / SECS_PER_HOUR));
		if (s % SECS_PER_HOUR >= SECS_PER_MINUTE)
			html(page, "&nbsp;%d&nbsp;min", (int) (s % SECS_PER_HOUR / SECS_PER_MINUTE));
	}
	else
	{
		html(page, "%lld&nbsp;d", (long long) (s / SECS_PER_DAY));
		if (s % SECS_PER_DAY >= SECS_PER_HOUR)
			html(page, "&nbsp;%d&nbsp;h", (int) (s % SECS_PER_DAY / SECS_PER_HOUR));
	}
}

void
html_count(StringInfo page, int64 count)
{
	char		digits[32];
	int			n;

	n = snprintf(digits, sizeof(digits), "%lld", (long long) count);
	for (int i = 0; i < n; i++)
	{
		if (i > 0 && (n - i) % 3 == 0 && digits[i - 1] != '-')
			appendStringInfoString(page, "&#8239;");
		appendStringInfoChar(page, digits[i]);
	}
}
