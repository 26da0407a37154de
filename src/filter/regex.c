/*-------------------------------------------------------------------------
 * src/filter/regex.c
 *
 * Regular expressions of filters, run by PostgreSQL's engine. Decides which
 * patterns are fit to be stored: they compile, and hold no back-reference,
 * the one construct whose search takes exponential time; everything else the
 * engine runs as an automaton, unless a look at the letters at the pattern's
 * beginning has settled it. Searching must not raise an error on any document;
 * it can be cancelled at any time.
 *
 * Letters have the meaning of collation "C": the classes and option "i" know
 * those of ASCII only. The engine takes them from a collation, and none that
 * knows more serves: those of libc and ICU change with the system's libraries,
 * the builtin ones are there from PostgreSQL 17 on, and their Unicode changes
 * with the server's major version. A filter's answer is stored, in statistics
 * and in who was invited, and must not change when the system is upgraded or
 * the Space moves to another server. cirro.lint() tells where it matters.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "regex/regex.h"
#include "utils/memutils.h"

#include "filter/op.h"
#include "filter/regex.h"

/* A longer string matches no regular expression. */
#define MAX_SUBJECT		(1024 * 1024)

/*
 * What a pattern begins with: every string in which it is found holds this
 * text, at its start if "at_start". If "complete", the converse is true too
 * ("at_end": of strings that end with it).
 */
typedef struct Literal
{
	char	   *text;			/* with the pattern */
	uint32		len;			/* 0: nothing is known */
	bool		at_start;
	bool		at_end;
	bool		complete;
} Literal;

/*
 * Compiled patterns of this backend, the latest used first. The engine's own
 * cache would raise an error where a pattern that compiled when it was stored
 * does not now (the stack is nearly used up, say).
 */
#define CACHE_SIZE		32

typedef struct CachedRegex
{
	MemoryContext context;		/* holds the pattern and, from 16 on, re */
	char	   *pattern;
	uint32		len;
	int			options;
	Literal		literal;
	regex_t		re;
} CachedRegex;

static CachedRegex *cache[CACHE_SIZE];
static int	ncached = 0;

/*
 * $regex knows line breaks by two options, the engine by two flags that it
 * reads the other way round for "s".
 */
static int
engine_flags(int options)
{
	int			flags = REG_ADVANCED | REG_NOSUB;

	if ((options & FILTER_REGEX_I) != 0)
		flags |= REG_ICASE;
	if ((options & FILTER_REGEX_X) != 0)
		flags |= REG_EXPANDED;
	if ((options & FILTER_REGEX_M) != 0)
		flags |= REG_NLANCH;
	if ((options & FILTER_REGEX_S) == 0)
		flags |= REG_NLSTOP;
	return flags;
}

static int
compile(regex_t *re, const char *pattern, size_t len, int options)
{
	pg_wchar   *wide = palloc((len + 1) * sizeof(pg_wchar));
	int			wide_len = pg_mb2wchar_with_len(pattern, wide, (int) len);
	int			result;

	result = pg_regcomp(re, wide, wide_len, engine_flags(options), C_COLLATION_OID);
	pfree(wide);
	/* A cancel looks like a failure on some releases: let it be one. */
	if (result != REG_OKAY)
		CHECK_FOR_INTERRUPTS();
	return result;
}

bool
filter_regex_check(void *arg, const char *pattern, size_t len, int options,
				   char *wrong, size_t wrong_size)
{
	regex_t		re;
	int			result = compile(&re, pattern, len, options);
	bool		has_backref;

	if (result != REG_OKAY)
	{
		pg_regerror(result, &re, wrong, wrong_size);
		return false;
	}
	has_backref = (re.re_info & REG_UBACKREF) != 0;
	pg_regfree(&re);
	if (has_backref)
		strlcpy(wrong, "it has a back-reference", wrong_size);
	return !has_backref;
}

/*
 * ---- Letters at the beginning
 */

/* Fewer than the engine takes literally, but in every position. */
static bool
is_literal(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		strchr(" _-@/:,;=!\"#%&'<>~`", c) != NULL;
}

/*
 * Reads what a pattern begins with. ASCII only: in every encoding of a server
 * these bytes are part of no other character. Alternatives anywhere and
 * options that change the meaning of letters or anchors are left to the engine.
 */
static Literal
read_literal(char *text, const char *pattern, size_t len, int options)
{
	Literal		literal = {text};
	size_t		i = 0;

	if ((options & ~FILTER_REGEX_S) != 0 || memchr(pattern, '|', len) != NULL)
		return literal;
	if (len > 0 && pattern[0] == '^')
	{
		literal.at_start = true;
		i++;
	}
	while (i < len)
	{
		/* A backslash before a letter or number has a meaning of its own. */
		if (i + 1 < len && pattern[i] == '\\' &&
			strchr(".*+?()[]{}^$\\/-@", pattern[i + 1]) != NULL)
			i++;
		else if (!is_literal(pattern[i]))
			break;
		text[literal.len++] = pattern[i++];
	}
	if (i == len)
		literal.complete = true;
	else if (i + 1 == len && pattern[i] == '$')
		literal.complete = literal.at_end = true;
	else if (literal.len > 0 && strchr("*+?{", pattern[i]) != NULL)
		literal.len--;			/* how often the last one comes is open */
	if (literal.len == 0)
		literal.complete = false;
	return literal;
}

static bool
has_literal(const Literal *literal, JsonView subject)
{
	const char *at = subject.data;
	const char *last;

	if (subject.len < literal->len)
		return false;
	last = subject.data + subject.len - literal->len;
	if (literal->at_start)
		return (!literal->at_end || at == last) && memcmp(at, literal->text, literal->len) == 0;
	if (literal->at_end)
		return memcmp(last, literal->text, literal->len) == 0;
	while (at <= last && (at = memchr(at, literal->text[0], last - at + 1)) != NULL)
	{
		if (memcmp(at, literal->text, literal->len) == 0)
			return true;
		at++;
	}
	return false;
}

/*
 * ---- The cache
 */

static void
forget(CachedRegex *entry)
{
	pg_regfree(&entry->re);
	MemoryContextDelete(entry->context);
}

/* The compiled pattern, valid until the next call; NULL if it fails now. */
static CachedRegex *
get_compiled(JsonView pattern, int options)
{
	CachedRegex *entry;
	MemoryContext context;
	MemoryContext old;
	int			result;
	int			i;

	for (i = 0; i < ncached; i++)
		if (cache[i]->len == pattern.len && cache[i]->options == options &&
			memcmp(cache[i]->pattern, pattern.data, pattern.len) == 0)
			break;
	if (i < ncached)
	{
		entry = cache[i];
		if (i > 0)
		{
			memmove(&cache[1], &cache[0], i * sizeof(cache[0]));
			cache[0] = entry;
		}
		return entry;
	}

	/* Child of the current context until nothing can fail any more. */
	context = AllocSetContextCreate(CurrentMemoryContext, "cirro regular expression",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	entry = palloc(sizeof(CachedRegex));
	entry->context = context;
	entry->pattern = palloc(pattern.len + 1);
	memcpy(entry->pattern, pattern.data, pattern.len);
	entry->len = pattern.len;
	entry->options = options;
	entry->literal = read_literal(palloc(pattern.len + 1), pattern.data, pattern.len, options);
	result = compile(&entry->re, pattern.data, pattern.len, options);
	MemoryContextSwitchTo(old);
	if (result != REG_OKAY)
	{
		MemoryContextDelete(context);
		return NULL;
	}
	MemoryContextSetParent(context, TopMemoryContext);

	if (ncached == CACHE_SIZE)
		forget(cache[--ncached]);
	memmove(&cache[1], &cache[0], ncached * sizeof(cache[0]));
	cache[0] = entry;
	ncached++;
	return entry;
}

bool
filter_regex_matches(JsonView pattern, int options, JsonView subject)
{
	CachedRegex *regex;
	pg_wchar	small[256];
	pg_wchar   *wide = small;
	int			wide_len;
	int			result;

	if (subject.len > MAX_SUBJECT)
		return false;
	regex = get_compiled(pattern, options);
	if (regex == NULL)
		return false;
	if (regex->literal.len > 0)
	{
		bool		has = has_literal(&regex->literal, subject);

		if (regex->literal.complete || !has)
			return has;
	}
	if (subject.len >= lengthof(small))
		wide = palloc((subject.len + 1) * sizeof(pg_wchar));
	wide_len = pg_mb2wchar_with_len(subject.data, wide, subject.len);
	result = pg_regexec(&regex->re, wide, wide_len, 0, NULL, 0, NULL, 0);
	if (wide != small)
		pfree(wide);
	if (result != REG_OKAY && result != REG_NOMATCH)
		CHECK_FOR_INTERRUPTS();
	return result == REG_OKAY;
}

uint32
filter_regex_beginning(JsonView pattern, int options, char *text, bool *all)
{
	Literal		literal = read_literal(text, pattern.data, pattern.len, options);

	*all = literal.complete && !literal.at_end;
	return literal.at_start ? literal.len : 0;
}
