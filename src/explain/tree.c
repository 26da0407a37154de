/*-------------------------------------------------------------------------
 * src/explain/tree.c
 *
 * Reads the text of a filter once more, after it was checked: so it cannot fail.
 * Must not decide what is a filter.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "explain/tree.h"
#include "filter/io.h"
#include "json/glue.h"

JsonTree *
explain_tree(const text *filter, const FilterMoment *moment, const char **text)
{
	const char *given = VARDATA_ANY(filter);
	size_t		len = VARSIZE_ANY_EXHDR(filter);
	bool		may_depend = filter_may_depend_on_time(given, len);
	JsonTreeReader reader;
	JsonTree   *tree;
	char	   *canonical;

	pfree(may_depend ? filter_weaken(given, len) : filter_query_from_text(given, len));
	json_glue_start(&reader, CurrentMemoryContext);
	reader.sort_keys = true;
	tree = json_tree_read(&reader, given, len);
	if (tree == NULL)
		elog(ERROR, "a filter cannot be read again: %s", reader.error.problem);
	if (may_depend)
		filter_bind_now(&reader, tree, moment);
	canonical = palloc(json_tree_write(tree, NULL) + 1);
	canonical[json_tree_write(tree, canonical)] = '\0';
	*text = canonical;
	return tree;
}
