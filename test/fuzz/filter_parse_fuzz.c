/*-------------------------------------------------------------------------
 * test/fuzz/filter_parse_fuzz.c
 *
 * Fuzzes what reads JSON text, the parser of filter_query and what sort_query
 * has in common with it, and the reader of a regular expression's literals, on
 * their own, without a server: plain C, guided by the branches taken.
 * test/run.sh builds and runs it (suite parser), with -fsanitize=fuzzer for new
 * inputs, or with -DREPLAY for those in files.
 *
 * What is accepted must be written as text that reads back as the same text,
 * and its nodes must make a tree. What is refused is also refused, with at
 * least one error told, where parsing goes on behind errors. An allocation
 * that fails, whichever it is, is an error like any other. Literals are read of
 * patterns that compile or do not, and looked for in the pattern.
 *-------------------------------------------------------------------------
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter/parse.h"
#include "filter/regex_literal.h"

/* Every allocation, to be freed at the end of a run. */
static void *chunks[100000];
static int	nchunks;
static int	allowed;			/* allocations until they fail; -1: never */

static void *
allocate(void *arg, size_t size)
{
	(void) arg;
	if (allowed == 0)
		return NULL;
	if (allowed > 0)
		allowed--;
	assert(nchunks < 100000);
	return chunks[nchunks++] = malloc(size);
}

static bool
check_pattern(void *arg, const char *pattern, size_t len, int options,
			  char *wrong, size_t wrong_size)
{
	RegexLiterals literals;
	char		beginning[REGEX_MAX_LITERAL_BYTES];
	char	   *copy = malloc(len + 1);	/* that ends where it says, for the sanitizer */
	uint32_t	common;
	bool		all;

	(void) arg;
	assert(copy != NULL);
	memmove(copy + 1, pattern, len);
	for (RegexLetters letters = REGEX_LETTERS_ASCII; letters <= REGEX_LETTERS_UTF8; letters++)
	{
		regex_literals_read(&literals, copy + 1, len, options, letters);
		regex_literals_occur(&literals, copy + 1, len);
		common = regex_literals_beginning(copy + 1, len, options, letters, beginning, &all);
		assert(common <= REGEX_MAX_LITERAL_BYTES);
		assert(!all || (literals.complete && regex_literals_occur(&literals, beginning, common)));
	}
	free(copy);
	/* Touch all of it. */
	for (size_t i = 0; i < len; i++)
		if (pattern[i] == '!')
		{
			strncpy(wrong, "no", wrong_size);
			return false;
		}
	return true;
}

static void
check_subtree(const FilterParser *p, uint32_t node)
{
	uint32_t	end = node + p->nodes[node].nnodes;

	assert(end > node && end <= p->nnodes && p->nnodes <= p->max_nodes);
	for (uint32_t i = 0; i < p->nodes[node].path_len; i++)
		for (uint32_t c = 0; c < p->nodes[node].path[i].len; c++)
			assert(p->nodes[node].path[i].text[c] != '.');
	for (uint32_t child = node + 1; child < end; child += p->nodes[child].nnodes)
		check_subtree(p, child);
}

static int	nreports;

static void
report(void *arg, const JsonTreeError *error)
{
	(void) arg;
	assert(error->problem[0] != '\0' && error->place[0] != '\0');
	nreports++;
}

static void
start(FilterParser *p)
{
	memset(p, 0, sizeof(*p));
	p->reader.alloc = allocate;
	p->reader.utf8 = true;
	p->check_pattern = check_pattern;
}

static bool
parse(FilterParser *p, const char *text, size_t len)
{
	start(p);
	return filter_parse(p, text, len);
}

/* What was refused is described, in whole strings. */
static void
check_error(const JsonTreeError *e)
{
	assert(e->problem[0] != '\0');
	assert(memchr(e->problem, '\0', sizeof(e->problem)) != NULL);
	assert(memchr(e->place, '\0', sizeof(e->place)) != NULL);
	assert(memchr(e->found, '\0', sizeof(e->found)) != NULL);
	assert(memchr(e->detail, '\0', sizeof(e->detail)) != NULL);
	assert(memchr(e->hint, '\0', sizeof(e->hint)) != NULL);
}

/* Going on behind errors finds at least one where there is one. */
static void
check_reports(const char *text, size_t len, bool accepted)
{
	FilterParser p;

	start(&p);
	p.report = report;
	nreports = 0;
	assert(filter_parse(&p, text, len) == accepted);
	assert((nreports == 0) == accepted);
	assert(p.nnodes <= p.max_nodes || p.nodes == NULL);
}

static void
check_filter(const char *data, size_t size)
{
	FilterParser first;
	FilterParser second;
	char	   *text;
	char	   *again;
	size_t		len;
	bool		accepted = parse(&first, data, size);

	if (accepted)
	{
		check_subtree(&first, 0);
		assert(first.nodes[0].nnodes == first.nnodes);
		len = json_tree_write(first.tree, NULL);
		text = allocate(NULL, len);
		again = allocate(NULL, len);
		assert(json_tree_write(first.tree, text) == len);
		assert(parse(&second, text, len));
		assert(json_tree_write(second.tree, NULL) == len);
		json_tree_write(second.tree, again);
		assert(memcmp(text, again, len) == 0);
		assert(first.nnodes == second.nnodes);
	}
	else
		check_error(&first.reader.error);
	check_reports(data, size, accepted);
}

/* As sort_query reads it: keys in their order, each a path; other encodings. */
static void
check_sort(const char *data, size_t size, bool utf8)
{
	JsonTreeReader first = {.alloc = allocate, .utf8 = utf8};
	JsonTreeReader second = first;
	JsonTree   *tree = json_tree_read(&first, data, size);
	JsonTree   *again;
	char	   *text;
	size_t		len;

	if (tree == NULL)
	{
		check_error(&first.error);
		return;
	}
	len = json_tree_write(tree, NULL);
	text = allocate(NULL, len);
	assert(json_tree_write(tree, text) == len);
	again = json_tree_read(&second, text, len);
	assert(again != NULL && again->nchildren == tree->nchildren);
	assert(json_tree_write(again, NULL) == len);
	for (const JsonTree *m = tree->child; m != NULL; m = m->next)
	{
		JsonPathNames path;
		char		place[64];

		json_tree_path(place, sizeof(place), m);
		if (m->key == NULL)
			continue;
		if (!json_path_read(&first, m, 0, &path))
			check_error(&first.error);
		else
			assert(path.len >= 1 && path.len <= JSON_PATH_MAX_NAMES);
	}
}

/* Each allocation may be the one that fails. */
static void
check_memory(const char *data, size_t size)
{
	FilterParser p;

	allowed = size > 0 ? (unsigned char) data[size - 1] % 32 : 0;
	if (!parse(&p, data, size))
		check_error(&p.reader.error);
	allowed = size > 0 ? (unsigned char) data[size - 1] % 32 : 0;
	start(&p);
	p.report = report;
	nreports = 0;
	assert(filter_parse(&p, data, size) == (nreports == 0));
	allowed = -1;
}

int			LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	allowed = -1;
	check_filter((const char *) data, size);
	check_sort((const char *) data, size, true);
	check_sort((const char *) data, size, false);
	check_memory((const char *) data, size);
	while (nchunks > 0)
		free(chunks[--nchunks]);
	return 0;
}

#ifdef REPLAY
int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
	{
		FILE	   *file = fopen(argv[i], "rb");
		unsigned char *data;
		long		size;

		assert(file != NULL && fseek(file, 0, SEEK_END) == 0);
		size = ftell(file);
		rewind(file);
		/* Exactly as large, so that a byte too far is seen. */
		data = malloc(size > 0 ? size : 1);
		assert(fread(data, 1, size, file) == (size_t) size);
		fclose(file);
		LLVMFuzzerTestOneInput(data, size);
		free(data);
	}
	printf("%d inputs\n", argc - 1);
	return 0;
}
#endif
