/*-------------------------------------------------------------------------
 * src/explain/validate.c
 *
 * cirro.validate(): what is wrong with a text that should be a filter, as
 * rows instead of an error. What is a filter is decided by filter/parse.c
 * alone; must not raise an error for any text.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "filter/bind.h"
#include "filter/parse.h"
#include "filter/regex.h"
#include "json/glue.h"

PG_FUNCTION_INFO_V1(filter_validate);

static void
put_row(ReturnSetInfo *rsinfo, const char *path, const char *message, const char *hint)
{
	Datum		values[3] = {
		CStringGetTextDatum(path),
		CStringGetTextDatum(message)
	};
	bool		nulls[3] = {false, false, hint[0] == '\0'};

	if (!nulls[2])
		values[2] = CStringGetTextDatum(hint);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* For FilterParser.report. */
static void
report(void *arg, const JsonTreeError *error)
{
	CHECK_FOR_INTERRUPTS();
	put_row(arg, error->place,
			error->found[0] == '\0' ? error->problem :
			psprintf("%s (%s)", error->problem, error->found),
			error->hint);
}

/*
 * Of a text that depends on time: tells what is wrong with that, and returns the text
 * that the parser is to read then; NULL if it is no JSON.
 */
static const char *
check_time(FilterParser *parser, const char *text, size_t *len)
{
	JsonTreeReader *reader = &parser->reader;
	JsonTree   *tree;
	char	   *result;

	reader->sort_keys = true;
	tree = json_tree_read(reader, text, *len);
	if (tree == NULL)
		return NULL;
	filter_bind_check(reader, tree, parser->report, parser->report_arg);
	*len = json_tree_write(tree, NULL);
	result = palloc(*len + 1);
	json_tree_write(tree, result);
	return result;
}

/* validate(filter filter_text) returns setof (path, message, hint) */
Datum
filter_validate(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext context;
	MemoryContext old;
	FilterParser parser;
	text	   *input;
	const char *chars;
	size_t		len;

	/* The other way to a descriptor leaves memory with the query, for each call. */
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (PG_ARGISNULL(0))
	{
		put_row(rsinfo, "$", "a filter cannot be null", "Write {} to match everything.");
		return (Datum) 0;
	}
	context = AllocSetContextCreate(CurrentMemoryContext, "cirro validate",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	input = PG_GETARG_TEXT_PP(0);
	memset(&parser, 0, sizeof(parser));
	json_glue_start(&parser.reader, context);
	parser.check_pattern = filter_regex_check;
	parser.report = report;
	parser.report_arg = rsinfo;
	chars = VARDATA_ANY(input);
	len = VARSIZE_ANY_EXHDR(input);
	if (filter_may_depend_on_time(chars, len))
	{
		const char *bound = check_time(&parser, chars, &len);

		if (bound != NULL)
			chars = bound;
	}
	filter_parse(&parser, chars, len);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}
