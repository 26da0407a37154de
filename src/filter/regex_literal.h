/*-------------------------------------------------------------------------
 * src/filter/regex_literal.h
 *
 * Literals that a regular expression asks for; "options" are bits of
 * FILTER_REGEX_I and so on. Plain C like json/tree.h.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_FILTER_REGEX_LITERAL_H
#define CIRRO_FILTER_REGEX_LITERAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter/parse.h"

/* Of a pattern that asks for more, less is known. */
#define REGEX_MAX_LITERALS		32
#define REGEX_MAX_LITERAL_BYTES	FILTER_MAX_PATTERN	/* of all together */

/*
 * Which bytes beyond ASCII are letters that can be looked for: where they are
 * not, one may be found that is the end of one character and the start of the
 * next.
 */
typedef enum RegexLetters
{
	REGEX_LETTERS_ASCII,		/* none: an EUC encoding, say */
	REGEX_LETTERS_BYTE,			/* each */
	REGEX_LETTERS_UTF8			/* each sequence of UTF-8 */
} RegexLetters;

typedef struct RegexLiteral
{
	uint16_t	at;				/* in text */
	uint16_t	len;
	bool		at_start;		/* of the string */
	bool		at_end;
} RegexLiteral;

typedef struct RegexLiteralSet
{
	int			n;
	int			used;			/* bytes of text */
	RegexLiteral literals[REGEX_MAX_LITERALS];
	char		text[REGEX_MAX_LITERAL_BYTES];
} RegexLiteralSet;

/* What regex_literals_occur() goes by. */
typedef struct RegexLiterals
{
	bool		worthwhile;		/* asking is of use */
	bool		complete;		/* a string with one of them is found */
	bool		ignore_case;	/* they are in lower case */
	int			ntied;			/* the first ones, tied to the start or the end */
	int			shortest;		/* of the others */
	int			common_at;		/* where all others have the same byte; -1: nowhere */
	char		common;
	char		common_upper;	/* the same, but for a letter whose case is ignored */
	uint8_t		with_byte[256]; /* the first of the others that begins so; n: none */
	RegexLiteralSet set;
} RegexLiterals;

/*
 * Of a pattern that compiles: the literals of which one at least occurs in
 * every string in which it is found.
 */
extern void regex_literals_read(RegexLiterals *literals, const char *pattern, size_t len,
								int options, RegexLetters letters);

/* Does one of them occur? */
extern bool regex_literals_occur(const RegexLiterals *literals, const char *string, size_t len);

/*
 * What every string begins with that the pattern finds; its length, 0 if that
 * cannot be told. "text" has room for REGEX_MAX_LITERAL_BYTES. *all says whether
 * any string that begins so is found.
 */
extern uint32_t regex_literals_beginning(const char *pattern, size_t len, int options,
										 RegexLetters letters, char *text, bool *all);

#endif							/* CIRRO_FILTER_REGEX_LITERAL_H */
