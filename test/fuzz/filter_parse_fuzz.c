/*-------------------------------------------------------------------------
 * test/fuzz/filter_parse_fuzz.c
 *
 * Fuzzes the parser of filter_query on its own, without a server:
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -Isrc -o /tmp/fuzz \
 *         test/fuzz/filter_parse_fuzz.c src/filter_parse.c \
 *         src/filter_operand.c src/json_tree*.c
 *     /tmp/fuzz -max_len=400
 *
 * What is accepted must be written as text that reads back as the same text,
 * and its nodes must make a tree. What is refused is also refused, with at
 * least one error told, where parsing goes on behind errors.
 *-------------------------------------------------------------------------
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "filter_parse.h"

/* Every allocation, to be freed at the end of a run. */
static void *chunks[100000];
static int	nchunks;

static void *
allocate(void *arg, size_t size)
{
	(void) arg;
	assert(nchunks < 100000);
	return chunks[nchunks++] = malloc(size);
}

static bool
check_pattern(void *arg, const char *pattern, size_t len, int options,
			  char *wrong, size_t wrong_size)
{
	(void) arg;
	(void) options;
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

static bool
parse(FilterParser *p, const char *text, size_t len)
{
	memset(p, 0, sizeof(*p));
	p->reader.alloc = allocate;
	p->reader.utf8 = true;
	p->check_pattern = check_pattern;
	return filter_parse(p, text, len);
}

/* Going on behind errors finds at least one where there is one. */
static void
check_reports(const char *text, size_t len, bool accepted)
{
	FilterParser p;

	memset(&p, 0, sizeof(p));
	p.reader.alloc = allocate;
	p.reader.utf8 = true;
	p.check_pattern = check_pattern;
	p.report = report;
	nreports = 0;
	assert(filter_parse(&p, text, len) == accepted);
	assert((nreports == 0) == accepted);
	assert(p.nnodes <= p.max_nodes || p.nodes == NULL);
}

int			LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	FilterParser first;
	FilterParser second;
	char	   *text;
	char	   *again;
	size_t		len;

	if (parse(&first, (const char *) data, size))
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
		assert(first.reader.error.problem[0] != '\0');
	check_reports((const char *) data, size, first.tree != NULL && first.nodes != NULL &&
				  first.reader.error.problem[0] == '\0');
	while (nchunks > 0)
		free(chunks[--nchunks]);
	return 0;
}
