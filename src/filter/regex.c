/*-------------------------------------------------------------------------
 * src/filter/regex.c
 *
 * Regular expressions of filters, run by PostgreSQL's engine. Decides which
 * patterns are fit to be stored: they compile, and hold no back-reference,
 * the one construct whose search takes exponential time; everything else the
 * engine runs as an automaton, unless the pattern's literals have settled it
 * (filter/regex_literal.c). Searching must not raise an error on any document;
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
#include "filter/regex_literal.h"

/* A longer string matches no regular expression. */
#define MAX_SUBJECT		(1024 * 1024)

/*
 * Compiled patterns of this backend, the latest used first. The engine's own
 * cache would raise an error where a pattern that compiled when it was stored
 * does not now (the stack is nearly used up, say).
 */
#define CACHE_SIZE		32

/* Strings for which literals are looked for in vain until it is given up, and for how many. */
#define CREDIT			64
#define PAUSE			4096

typedef struct CachedRegex
{
	MemoryContext context;		/* holds the pattern and, from 16 on, re */
	char	   *pattern;
	uint32		len;
	int			options;
	RegexLiterals literals;
	int			credit;			/* of the literals: see literals_reject() */
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
 * ---- The cache
 */

/*
 * Every encoding of a server uses bytes of ASCII for ASCII alone (those that
 * do not, as Shift JIS, are for clients only). Of its other bytes UTF-8 alone
 * tells where a character begins.
 */
static RegexLetters
letters(void)
{
	if (GetDatabaseEncoding() == PG_UTF8)
		return REGEX_LETTERS_UTF8;
	return pg_database_encoding_max_length() == 1 ? REGEX_LETTERS_BYTE : REGEX_LETTERS_ASCII;
}

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
	regex_literals_read(&entry->literals, pattern.data, pattern.len, options, letters());
	entry->credit = CREDIT;
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

/*
 * Of literals that a string needs but that do not suffice. They are looked for
 * as long as they reject one string of eight or so; if they do not, the engine
 * gets the strings at once for a while.
 */
static bool
literals_reject(CachedRegex *regex, JsonView subject)
{
	if (regex->credit < 0)
	{
		if (++regex->credit == 0)
			regex->credit = CREDIT;
		return false;
	}
	if (!regex_literals_occur(&regex->literals, subject.data, subject.len))
	{
		regex->credit = Min(regex->credit + 8, CREDIT);
		return true;
	}
	if (--regex->credit == 0)
		regex->credit = -PAUSE;
	return false;
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
	if (regex->literals.complete)
		return regex_literals_occur(&regex->literals, subject.data, subject.len);
	if (regex->literals.worthwhile && literals_reject(regex, subject))
		return false;
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
	return regex_literals_beginning(pattern.data, pattern.len, options, letters(), text, all);
}
