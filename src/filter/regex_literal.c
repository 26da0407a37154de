/*-------------------------------------------------------------------------
 * src/filter/regex_literal.c
 *
 * Reads the literals of a regular expression, so that most strings are decided
 * without the engine. Decides which strings cannot be found, and, where the
 * pattern is nothing but a few literals, which are. Must not take any string
 * for decided on which the engine would say otherwise: what it does not
 * understand it holds for "anything", or for nothing at all. Allocates nothing
 * and raises no error.
 *
 * A pattern is read as a set of strings, each of them free, or tied to the
 * start or the end of the string that is searched: "^(a|b)c?$" is "ac", "bc",
 * "a" and "b", all tied to both. The set of a sequence is the product of those
 * of its parts, that of alternatives their union. A part that has no such set
 * ("." or "x*"), or one too large, ends the product; of these pieces, each of
 * which occurs in every string that is found, the one is kept that says most.
 * Conditions on places, as \y and lookaheads, are left out: then what has the
 * literals need not be found.
 *
 * The syntax is that of PostgreSQL's advanced regular expressions. Patterns
 * compile, so no error needs to be seen here; embedded options and "***" are
 * gone from their beginnings (filter/parse.c).
 *-------------------------------------------------------------------------
 */
#include <limits.h>
#include <string.h>

#include "filter/op.h"
#include "filter/regex_literal.h"

/* Deeper groups are not read; every level takes some kilobytes of the stack. */
#define MAX_DEPTH		8

/* No upper bound of a quantifier; the highest is 255. */
#define UNBOUNDED		INT_MAX

/*
 * What a part of a pattern says: the set of strings that it stands for or, if
 * not "complete", strings of which one is in every string it stands for.
 */
typedef struct Part
{
	bool		complete;
	RegexLiteralSet set;
} Part;

typedef struct Reader
{
	const char *at;
	const char *end;
	int			options;
	RegexLetters letters;
	int			depth;			/* of groups */
	bool		failed;			/* the pattern is not understood: nothing is known */
	bool		conditional;	/* a condition was left out */
	RegexLiteralSet first;		/* what the top's alternatives begin with */
} Reader;

/*
 * ---- Sets
 */

/* The set of the empty string, which occurs everywhere. */
static void
set_to_empty_string(RegexLiteralSet *set)
{
	set->n = 1;
	set->used = 0;
	set->literals[0] = (RegexLiteral) {0};
}

/*
 * Adds what two literals give one after the other; nothing if one of them is
 * tied to where the other is. False if there is no room.
 */
static bool
add_product(RegexLiteralSet *set, const RegexLiteralSet *a, int i, const RegexLiteralSet *b, int j)
{
	const RegexLiteral *left = &a->literals[i];
	const RegexLiteral *right = &b->literals[j];
	RegexLiteral *new = &set->literals[set->n];
	char	   *text = set->text + set->used;

	if ((left->at_end && right->len > 0) || (right->at_start && left->len > 0))
		return true;
	if (set->n == REGEX_MAX_LITERALS ||
		set->used + left->len + right->len > REGEX_MAX_LITERAL_BYTES)
		return false;
	new->at = set->used;
	new->len = left->len + right->len;
	new->at_start = left->at_start || right->at_start;
	new->at_end = left->at_end || right->at_end;
	memcpy(text, a->text + left->at, left->len);
	memcpy(text + left->len, b->text + right->at, right->len);
	for (int k = 0; k < set->n; k++)
	{
		const RegexLiteral *old = &set->literals[k];

		if (old->len == new->len && old->at_start == new->at_start &&
			old->at_end == new->at_end && memcmp(set->text + old->at, text, new->len) == 0)
			return true;
	}
	set->used += new->len;
	set->n++;
	return true;
}

/* Puts the other behind each of its strings. False, and nothing done, if there is no room. */
static bool
multiply(RegexLiteralSet *set, const RegexLiteralSet *other)
{
	RegexLiteralSet product;

	product.n = product.used = 0;
	for (int i = 0; i < set->n; i++)
		for (int j = 0; j < other->n; j++)
			if (!add_product(&product, set, i, other, j))
				return false;
	*set = product;
	return true;
}

/* False if there is no room: then only the empty string is in it. */
static bool
unite(RegexLiteralSet *set, const RegexLiteralSet *other)
{
	RegexLiteralSet empty;

	set_to_empty_string(&empty);
	for (int i = 0; i < other->n; i++)
		if (!add_product(set, other, i, &empty, 0))
		{
			*set = empty;
			return false;
		}
	return true;
}

/* How much it says that one of them occurs; 0: nothing worth a search. */
static int
worth(const RegexLiteralSet *set)
{
	int			least = INT_MAX;	/* without any, no string is found */

	for (int i = 0; i < set->n; i++)
	{
		const RegexLiteral *literal = &set->literals[i];
		int			worth = literal->len;

		if (literal->at_start && literal->at_end)
			worth += 4;
		else if (worth > 0 && (literal->at_start || literal->at_end))
			worth += 2;
		/* One of several letters is in most strings. */
		else if (worth == 1 && set->n > 1)
			worth = 0;
		if (worth < least)
			least = worth;
	}
	return least;
}

static void
keep_better(RegexLiteralSet *best, const RegexLiteralSet *set)
{
	if (worth(set) > worth(best))
		*best = *set;
}

/*
 * ---- Atoms
 */

static void part_read(Reader *r, Part *part);

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static bool
looking_at(const Reader *r, const char *text)
{
	size_t		len = strlen(text);

	return (size_t) (r->end - r->at) >= len && memcmp(r->at, text, len) == 0;
}

static void
advance(Reader *r, int bytes)
{
	r->at += r->end - r->at < bytes ? r->end - r->at : bytes;
}

static void
skip_blanks(Reader *r)
{
	if ((r->options & FILTER_REGEX_X) == 0)
		return;
	while (r->at < r->end && (is_blank(*r->at) || *r->at == '#'))
	{
		if (*r->at == '#')
			while (r->at < r->end && *r->at != '\n')
				r->at++;
		else
			r->at++;
	}
}

/* What may stand between any two symbols and means nothing. */
static void
skip_comments(Reader *r)
{
	skip_blanks(r);
	while (looking_at(r, "(?#"))
	{
		while (r->at < r->end && *r->at != ')')
			r->at++;
		advance(r, 1);
		skip_blanks(r);
	}
}

static void
set_to_anything(Part *part)
{
	part->complete = false;
	set_to_empty_string(&part->set);
}

static void
set_to_text(Reader *r, Part *part, const char *text, int len)
{
	part->complete = true;
	set_to_empty_string(&part->set);
	part->set.used = part->set.literals[0].len = len;
	for (int i = 0; i < len; i++)
		part->set.text[i] = (r->options & FILTER_REGEX_I) != 0 ? lower(text[i]) : text[i];
}

/* A character as it stands, of however many bytes. */
static void
read_character(Reader *r, Part *part)
{
	const char *start = r->at++;

	if ((*start & 0x80) != 0 && r->letters == REGEX_LETTERS_ASCII)
	{
		set_to_anything(part);
		return;
	}
	if ((*start & 0x80) != 0 && r->letters == REGEX_LETTERS_UTF8)
		while (r->at < r->end && (*r->at & 0xC0) == 0x80)
			r->at++;
	set_to_text(r, part, start, r->at - start);
}

/* The character with a number, of as many digits as there are up to a limit. */
static void
read_numbered(Reader *r, Part *part, int max_digits)
{
	uint32_t	number = 0;
	char		c;

	for (int i = 0; i < max_digits && r->at < r->end; i++, r->at++)
	{
		c = lower(*r->at);
		if (is_digit(c))
			number = number * 16 + (c - '0');
		else if (c >= 'a' && c <= 'f')
			number = number * 16 + (c - 'a' + 10);
		else
			break;
	}
	if (number >= 0x80)
	{
		set_to_anything(part);
		return;
	}
	c = (char) number;
	set_to_text(r, part, &c, 1);
}

static void
set_to_tied(Part *part, bool at_start)
{
	part->complete = true;
	set_to_empty_string(&part->set);
	part->set.literals[0].at_start = at_start;
	part->set.literals[0].at_end = !at_start;
}

static void
set_to_condition(Reader *r, Part *part)
{
	r->conditional = true;
	part->complete = true;
	set_to_empty_string(&part->set);
}

/* Behind a backslash. False if it is a condition on the place. */
static bool
read_escape(Reader *r, Part *part)
{
	static const char letters[] = "abBefnrtv";
	static const char means[] = "\a\b\\\033\f\n\r\t\v";
	const char *letter;
	char		c;

	if (r->at == r->end)
	{
		r->failed = true;
		return true;
	}
	c = *r->at;
	if (!is_digit(c) && !(lower(c) >= 'a' && lower(c) <= 'z'))
	{
		read_character(r, part);
		return true;
	}
	r->at++;
	if ((letter = strchr(letters, c)) != NULL)
	{
		set_to_text(r, part, means + (letter - letters), 1);
		return true;
	}
	switch (c)
	{
		case 'd':
		case 'D':
		case 's':
		case 'S':
		case 'w':
		case 'W':
			set_to_anything(part);
			return true;
		case 'x':
			read_numbered(r, part, 255);
			return true;
		case 'u':
			read_numbered(r, part, 4);
			return true;
		case 'U':
			read_numbered(r, part, 8);
			return true;
		case 'A':
		case 'Z':
			set_to_tied(part, c == 'A');
			return false;
		case 'm':
		case 'M':
		case 'y':
		case 'Y':
			set_to_condition(r, part);
			return false;
		default:
			/* \c, octal numbers. */
			r->failed = true;
			return true;
	}
}

/*
 * Behind "[". A set of a few characters, each as it stands, is that; all else
 * in brackets is anything.
 */
static void
read_bracket(Reader *r, Part *part)
{
	bool		plain = true;
	Part		one;

	part->complete = true;
	part->set.n = part->set.used = 0;
	if (r->at < r->end && *r->at == '^')
	{
		plain = false;
		r->at++;
	}
	for (const char *first = r->at; r->at < r->end && (*r->at != ']' || r->at == first);)
	{
		if (looking_at(r, "[.") || looking_at(r, "[=") || looking_at(r, "[:"))
		{
			const char	end[] = {r->at[1], ']', '\0'};

			plain = false;
			for (r->at += 2; r->at < r->end && !looking_at(r, end);)
				r->at++;
			advance(r, 2);
		}
		else if (*r->at == '\\')
		{
			plain = false;
			/* \c takes any character, "]" too. */
			advance(r, looking_at(r, "\\c") ? 3 : 2);
		}
		else
		{
			if (*r->at == '-' && r->at != first && !looking_at(r, "-]"))
				plain = false;
			read_character(r, &one);
			plain = plain && one.complete && unite(&part->set, &one.set);
		}
	}
	if (r->at == r->end)
		r->failed = true;
	advance(r, 1);
	if (!plain)
		set_to_anything(part);
}

/* Behind "(", the part between the parentheses. False if it is a condition on the place. */
static bool
read_group(Reader *r, Part *part)
{
	bool		condition = false;

	if (looking_at(r, "?"))
	{
		condition = !looking_at(r, "?:");
		if (looking_at(r, "?<=") || looking_at(r, "?<!"))
			r->at += 3;
		else if (!condition || looking_at(r, "?=") || looking_at(r, "?!"))
			r->at += 2;
		else
			r->failed = true;
	}
	if (r->failed || r->depth == MAX_DEPTH)
	{
		r->failed = true;
		return true;
	}
	r->depth++;
	part_read(r, part);
	r->depth--;
	if (r->at == r->end)
		r->failed = true;
	advance(r, 1);
	if (condition)
		set_to_condition(r, part);
	return !condition;
}

/* Whatever a quantifier may follow, or a condition, which none follows: false. */
static bool
read_atom(Reader *r, Part *part)
{
	switch (*r->at)
	{
		case '^':
		case '$':
			if ((r->options & FILTER_REGEX_M) != 0)
				set_to_condition(r, part);
			else
				set_to_tied(part, *r->at == '^');
			r->at++;
			return false;
		case '.':
			r->at++;
			set_to_anything(part);
			return true;
		case '[':
			r->at++;
			read_bracket(r, part);
			return true;
		case '\\':
			r->at++;
			return read_escape(r, part);
		case '(':
			r->at++;
			return read_group(r, part);
		case '*':
		case '+':
		case '?':
			r->failed = true;
			return true;
		default:
			read_character(r, part);
			return true;
	}
}

/*
 * ---- Sequences and alternatives
 */

static int
read_bound(Reader *r)
{
	int			bound = 0;

	skip_blanks(r);
	while (r->at < r->end && is_digit(*r->at) && bound < 1000)
		bound = bound * 10 + (*r->at++ - '0');
	skip_blanks(r);
	return bound;
}

/* How often the atom before it may come. */
static void
read_quantifier(Reader *r, int *min, int *max)
{
	*min = *max = 1;
	skip_comments(r);
	if (r->at == r->end)
		return;
	switch (*r->at)
	{
		case '*':
			*min = 0;
			*max = UNBOUNDED;
			break;
		case '+':
			*max = UNBOUNDED;
			break;
		case '?':
			*min = 0;
			break;
		case '{':
			{
				const char *brace = r->at++;

				skip_blanks(r);
				/* Without a number it is a character of its own. */
				if (r->at == r->end || !is_digit(*r->at))
				{
					r->at = brace;
					return;
				}
				*min = *max = read_bound(r);
				if (looking_at(r, ","))
				{
					r->at++;
					skip_blanks(r);
					*max = r->at < r->end && is_digit(*r->at) ? read_bound(r) : UNBOUNDED;
				}
				if (!looking_at(r, "}"))
				{
					r->failed = true;
					return;
				}
				break;
			}
		default:
			return;
	}
	r->at++;
	/* Shortest or longest, it is found in the same strings. */
	if (looking_at(r, "?"))
		r->at++;
}

/*
 * A sequence while it is read: "run" is the product since its beginning or the
 * last part that ended one, "best" the best that came before.
 */
typedef struct Sequence
{
	Reader	   *reader;
	bool		complete;		/* nothing ended a product yet */
	RegexLiteralSet run;
	RegexLiteralSet best;
} Sequence;

static void
end_run(Sequence *s)
{
	if (s->complete && s->reader->depth == 0)
		unite(&s->reader->first, &s->run);
	s->complete = false;
	keep_better(&s->best, &s->run);
	set_to_empty_string(&s->run);
}

static void
append(Sequence *s, const RegexLiteralSet *set)
{
	if (multiply(&s->run, set))
		return;
	end_run(s);
	s->run = *set;
}

static void
append_repeated(Sequence *s, Part *part, int min, int max)
{
	RegexLiteralSet power = part->set;
	bool		fits = true;

	if (max == 0)
		return;
	if (!part->complete)
	{
		end_run(s);
		if (min > 0)
			keep_better(&s->best, &part->set);
		return;
	}
	if (min == 0)
	{
		RegexLiteralSet empty;

		set_to_empty_string(&empty);
		if (max == 1 && unite(&power, &empty))
			append(s, &power);
		else
			end_run(s);
		return;
	}
	for (int i = 1; i < min && min == max && fits; i++)
		fits = multiply(&power, &part->set);
	if (min == max && fits)
	{
		append(s, &power);
		return;
	}
	/* Once at least: the first is behind what precedes, the last before what follows. */
	append(s, &part->set);
	end_run(s);
	append(s, &part->set);
}

static void
read_sequence(Reader *r, Part *part)
{
	Sequence	s;
	int			min = 1;
	int			max = 1;

	s.reader = r;
	s.complete = true;
	set_to_empty_string(&s.run);
	set_to_empty_string(&s.best);
	for (skip_comments(r); r->at < r->end && *r->at != '|' && *r->at != ')'; skip_comments(r))
	{
		if (read_atom(r, part))
			read_quantifier(r, &min, &max);
		else
			min = max = 1;
		if (r->failed)
			return;
		append_repeated(&s, part, min, max);
	}
	if (s.complete && r->depth == 0)
		unite(&r->first, &s.run);
	if (!s.complete)
		keep_better(&s.run, &s.best);
	part->complete = s.complete;
	part->set = s.run;
}

/* Alternatives, up to the end or to the parenthesis that ends them. */
static void
part_read(Reader *r, Part *part)
{
	Part		sequence;

	part->complete = true;
	part->set.n = part->set.used = 0;
	for (;;)
	{
		read_sequence(r, &sequence);
		if (r->failed)
			return;
		if (!unite(&part->set, &sequence.set) || !sequence.complete)
			part->complete = false;
		if (r->at == r->end || *r->at != '|')
			return;
		r->at++;
	}
}

static void
read_pattern(Reader *r, Part *part, const char *pattern, size_t len, int options,
			 RegexLetters letters)
{
	r->at = pattern;
	r->end = pattern + len;
	r->options = options;
	r->letters = letters;
	r->depth = 0;
	r->failed = r->conditional = false;
	r->first.n = r->first.used = 0;
	part_read(r, part);
	if (r->failed || r->at != r->end)
	{
		set_to_empty_string(&r->first);
		set_to_anything(part);
	}
	if (r->conditional)
		part->complete = false;
}

/*
 * ---- Searching
 */

static uint8_t
first_byte(const RegexLiteralSet *set, const RegexLiteral *literal)
{
	return (uint8_t) set->text[literal->at];
}

/* Those that are tied first, the others by what they begin with. */
static bool
comes_before(const RegexLiteralSet *set, const RegexLiteral *a, const RegexLiteral *b)
{
	bool		a_tied = a->at_start || a->at_end;
	bool		b_tied = b->at_start || b->at_end;

	if (a_tied || b_tied)
		return a_tied && !b_tied;
	return a->len > 0 && b->len > 0 && first_byte(set, a) < first_byte(set, b);
}

/* How rare a byte is in texts, roughly; what begins a letter of UTF-8 is not. */
static int
rarity(char c)
{
	static const char frequent[] = "e atinosrhldcum01pgfw.y2b,v3456789k-ETAINOSRHLDCUMPGFWYBV@";
	const char *found = memchr(frequent, c, sizeof(frequent) - 1);

	if ((c & 0xC0) == 0xC0)
		return 0;
	return found == NULL ? (int) sizeof(frequent) : (int) (found - frequent);
}

/* The rarest byte that all free literals have in the same place. */
static void
find_common_byte(RegexLiterals *literals)
{
	const RegexLiteralSet *set = &literals->set;
	const char *text;

	literals->common_at = -1;
	if (literals->ntied == set->n)
		return;
	text = set->text + set->literals[literals->ntied].at;
	for (int at = 0; at < literals->shortest; at++)
	{
		bool		common = true;

		for (int i = literals->ntied + 1; i < set->n && common; i++)
			common = set->text[set->literals[i].at + at] == text[at];
		if (common && (literals->common_at < 0 || rarity(text[at]) > rarity(literals->common)))
		{
			literals->common_at = at;
			literals->common = literals->common_upper = text[at];
		}
	}
	if (literals->ignore_case && literals->common_at >= 0 &&
		literals->common >= 'a' && literals->common <= 'z')
		literals->common_upper -= 'a' - 'A';
}

void
regex_literals_read(RegexLiterals *literals, const char *pattern, size_t len, int options,
					RegexLetters letters)
{
	RegexLiteralSet *set = &literals->set;
	Reader		r;
	Part		part;

	read_pattern(&r, &part, pattern, len, options, letters);
	*set = part.set;
	literals->complete = part.complete;
	literals->worthwhile = part.complete || worth(set) > 0;
	literals->ignore_case = (options & FILTER_REGEX_I) != 0;

	for (int i = 1; i < set->n; i++)
	{
		RegexLiteral moved = set->literals[i];
		int			to = i;

		for (; to > 0 && comes_before(set, &moved, &set->literals[to - 1]); to--)
			set->literals[to] = set->literals[to - 1];
		set->literals[to] = moved;
	}

	literals->ntied = 0;
	while (literals->ntied < set->n && (set->literals[literals->ntied].at_start ||
										set->literals[literals->ntied].at_end))
		literals->ntied++;
	literals->shortest = INT_MAX;
	memset(literals->with_byte, set->n, sizeof(literals->with_byte));
	for (int i = set->n - 1; i >= literals->ntied; i--)
	{
		const RegexLiteral *literal = &set->literals[i];

		if (literal->len < literals->shortest)
			literals->shortest = literal->len;
		if (literal->len > 0)
			literals->with_byte[first_byte(set, literal)] = i;
	}
	if (literals->ignore_case)
		for (int c = 'A'; c <= 'Z'; c++)
			literals->with_byte[c] = literals->with_byte[(uint8_t) lower(c)];
	find_common_byte(literals);
}

static inline bool
is_at(const RegexLiterals *literals, const RegexLiteral *literal, const char *at)
{
	const char *text = literals->set.text + literal->at;

	if (!literals->ignore_case)
		return memcmp(at, text, literal->len) == 0;
	for (int i = 0; i < literal->len; i++)
		if (lower(at[i]) != text[i])
			return false;
	return true;
}

/* Where a byte is next, from a place on; "last" is where it was found before. */
static inline const char *
next_byte(const char *last, const char *from, const char *end, char c)
{
	if (last != NULL && last >= from)
		return last;
	last = memchr(from, c, end - from);
	return last == NULL ? end : last;
}

/* Those that are free. */
static bool
occur_anywhere(const RegexLiterals *literals, const char *string, size_t len)
{
	const RegexLiteralSet *set = &literals->set;
	const char *end = string + len;
	const char *last = end - literals->shortest;
	const char *lower_at = NULL;
	const char *upper_at = NULL;

	for (const char *at = string; at <= last; at++)
	{
		int			first;

		if (literals->common_at >= 0)
		{
			const char *from = at + literals->common_at;
			const char *to = last + literals->common_at + 1;

			lower_at = next_byte(lower_at, from, to, literals->common);
			at = lower_at;
			if (literals->common_upper != literals->common)
			{
				upper_at = next_byte(upper_at, from, to, literals->common_upper);
				if (upper_at < at)
					at = upper_at;
			}
			if (at == to)
				return false;
			at -= literals->common_at;
		}
		first = literals->with_byte[(uint8_t) *at];
		for (int i = first; i < set->n; i++)
		{
			const RegexLiteral *literal = &set->literals[i];

			if (first_byte(set, literal) != first_byte(set, &set->literals[first]))
				break;
			if (literal->len <= end - at && is_at(literals, literal, at))
				return true;
		}
	}
	return false;
}

bool
regex_literals_occur(const RegexLiterals *literals, const char *string, size_t len)
{
	const RegexLiteralSet *set = &literals->set;

	for (int i = 0; i < literals->ntied; i++)
	{
		const RegexLiteral *literal = &set->literals[i];

		if (literal->at_start && literal->at_end ? literal->len != len : literal->len > len)
			continue;
		if (is_at(literals, literal, literal->at_start ? string : string + len - literal->len))
			return true;
	}
	if (literals->ntied == set->n || (size_t) literals->shortest > len)
		return false;
	return literals->shortest == 0 || occur_anywhere(literals, string, len);
}

uint32_t
regex_literals_beginning(const char *pattern, size_t len, int options, RegexLetters letters,
						 char *text, bool *all)
{
	Reader		r;
	Part		part;
	const RegexLiteral *literal = r.first.literals;
	uint32_t	common;

	read_pattern(&r, &part, pattern, len, options, letters);
	*all = false;
	if (r.first.n == 0 || (options & FILTER_REGEX_I) != 0)
		return 0;
	common = literal[0].len;
	memcpy(text, r.first.text, common);
	for (int i = 0; i < r.first.n; i++)
	{
		uint32_t	same = 0;

		if (!literal[i].at_start)
			return 0;
		while (same < common && same < literal[i].len &&
			   text[same] == r.first.text[literal[i].at + same])
			same++;
		common = same;
	}
	/* Not within a character. */
	while (letters == REGEX_LETTERS_UTF8 && common < literal[0].len && common > 0 &&
		   (r.first.text[common] & 0xC0) == 0x80)
		common--;
	for (int i = 0; i < r.first.n && part.complete; i++)
		*all |= literal[i].len == common && !literal[i].at_end;
	return common;
}
