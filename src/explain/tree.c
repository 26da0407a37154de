/*-------------------------------------------------------------------------
 * src/explain/tree.c
 *
 * Reads the text of a stored filter again. Its text was canonical when it was
 * stored, so it can neither fail nor be written in another way.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "explain/tree.h"
#include "json/glue.h"

JsonTree *
explain_tree(const FilterQuery *query, MemoryContext context, const char **text)
{
	JsonTreeReader reader;
	JsonTree   *tree;

	json_glue_start(&reader, context);
	reader.sort_keys = true;
	*text = (const char *) query + query->text;
	tree = json_tree_read(&reader, *text, query->text_len);
	if (tree == NULL || tree->written_len != query->text_len)
		elog(ERROR, "the text of a stored filter is not canonical: %s", reader.error.problem);
	return tree;
}
