/*-------------------------------------------------------------------------
 * src/index/selfuncs.c
 *
 * Selectivity of jsonb @@ filter_query and filter_query ~@@ jsonb for the
 * planner. Decides where statistics come from, and whether they may be used; what
 * they say is decided by index/estimate.c and index/filter_estimate.c. Must not
 * trust an argument to be a filter or a document because an operator says so.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

#include "compat.h"
#include "filter/io.h"
#include "index/choice.h"
#include "index/estimate.h"
#include "index/extract.h"
#include "index/filter_estimate.h"
#include "index/filter_stats.h"
#include "index/memory.h"
#include "index/stored_cost.h"

PG_FUNCTION_INFO_V1(filter_matches_sel);
PG_FUNCTION_INFO_V1(filter_matches_joinsel);

/* In microseconds, see index/choice.c. */
#define DETOAST_COST		3.0
#define DETOAST_BYTE_COST	0.003

/* A type in the schema of this function: ours, whatever is called likewise. */
static Oid
type_beside(Oid function, const char *name)
{
	return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name),
						   ObjectIdGetDatum(get_func_namespace(function)));
}

/* profile_stats(document), as CREATE STATISTICS knows it; NULL if there is none. */
static Node *
stats_expression(Oid function, Node *document)
{
	Oid			argument = JSONBOID;
	oidvector  *arguments = buildoidvector(&argument, 1);
	Oid			stats_function;

	stats_function = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
									 CStringGetDatum("profile_stats"),
									 PointerGetDatum(arguments),
									 ObjectIdGetDatum(get_func_namespace(function)));
	pfree(arguments);
	if (!OidIsValid(stats_function))
		return NULL;
	return (Node *) makeFuncExpr(stats_function, type_beside(function, "profile_sample"),
								 list_make1(document), InvalidOid, InvalidOid,
								 COERCE_EXPLICIT_CALL);
}

/* Long documents are compressed, and then mostly apart from their row. */
static DocumentCost
document_cost(const VariableStatData *variable)
{
	DocumentCost cost = {0.1, 1, 0};
	const RelOptInfo *rel = variable->rel;

	if (rel != NULL && rel->tuples >= 1 && rel->pages > 0)
	{
		cost.pages = rel->pages / rel->tuples;
		cost.all_pages = rel->pages;
	}
	if (HeapTupleIsValid(variable->statsTuple))
	{
		int32		width = ((Form_pg_statistic) GETSTRUCT(variable->statsTuple))->stawidth;

		if (width > TOAST_TUPLE_THRESHOLD)
			cost.detoast = DETOAST_COST + width * DETOAST_BYTE_COST;
	}
	return cost;
}

/*
 * A call of an operator, and what each side of it is: of whatever operator, for
 * anybody may make one and say that these functions estimate it.
 */
typedef struct Match
{
	PlannerInfo *root;
	Oid			function;		/* of ours, that estimates */
	Oid			operator;
	Oid			filter_type;
	Node	   *document;		/* as it stands there: with the cast of a column */
	Node	   *filter;			/* that is of a domain */
} Match;

static bool
match_init(Match *match, PlannerInfo *root, Oid function, Oid operator, List *args)
{
	if (list_length(args) != 2)
		return false;
	match->root = root;
	match->function = function;
	match->operator = operator;
	match->filter_type = type_beside(function, "filter_query");
	match->document = linitial(args);
	match->filter = lsecond(args);
	if (exprType(match->document) == match->filter_type)
	{
		match->document = lsecond(args);
		match->filter = linitial(args);
	}
	return exprType(match->document) == JSONBOID && exprType(match->filter) == match->filter_type;
}

/* A value that is known now, of this type; else NULL. */
static Const *
constant_of(const Match *match, Node *node, Oid type)
{
	Node	   *value = estimate_expression_value(match->root, node);

	return IsA(value, Const) && ((Const *) value)->consttype == type ? (Const *) value : NULL;
}

/*
 * May this user see what statistics tell? A match tells no more of a row than
 * that it matches, and is leakproof, but an operator of somebody else may not be.
 */
static bool
may_see(const Match *match, VariableStatData *variable)
{
	return HeapTupleIsValid(variable->statsTuple) &&
		statistic_proc_security_check(variable, get_opcode(match->operator));
}

/* What ANALYZE has found of profile_stats(document); true if it may be used. */
static bool
examine_documents(const Match *match, int relation, VariableStatData *sample)
{
	Node	   *expression = stats_expression(match->function, match->document);

	memset(sample, 0, sizeof(*sample));
	if (expression == NULL)
		return false;
	examine_variable(match->root, expression, relation, sample);
	return may_see(match, sample);
}

/*
 * ---- A column of documents and a filter
 */

static double
documents_matching(const Match *match, int relation, FilterQuery *query)
{
	IndexEntry *tree = index_entry_extract(query);
	VariableStatData variable;
	VariableStatData sample;
	ProfileStats *stats = NULL;
	double		selectivity;

	examine_variable(match->root, match->document, relation, &variable);
	if (variable.rel == NULL)
	{
		ReleaseVariableStats(variable);
		return DEFAULT_MATCHING_SEL;
	}
	if (examine_documents(match, relation, &sample))
		stats = profile_stats_load(sample.statsTuple);
	selectivity = index_entry_estimate(tree, query, stats);
	if (stats != NULL)
	{
		index_entry_remember(query, tree,
							 index_entry_better_scanned(tree, document_cost(&variable)));
		profile_stats_free(stats);
	}
	else
		index_entry_forget(query);
	ReleaseVariableStats(sample);
	ReleaseVariableStats(variable);
	return selectivity;
}

/*
 * ---- A column of filters and a document
 */

static double
filters_matching(const Match *match, int relation, Jsonb *document)
{
	VariableStatData variable;
	double		selectivity = DEFAULT_MATCHING_SEL;

	document_entries_remember(document, 1);
	examine_variable(match->root, match->filter, relation, &variable);
	if (may_see(match, &variable))
	{
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cirro filters",
													  ALLOCSET_DEFAULT_SIZES);
		MemoryContext old = MemoryContextSwitchTo(context);
		FilterStats *stats = filter_stats_load(variable.statsTuple, match->filter_type);

		if (stats != NULL)
		{
			double		candidates = filter_stats_candidates(stats, &document->root);

			selectivity = filter_stats_matching(stats, &document->root) * (1 - stats->nulls);
			if (variable.rel != NULL && candidates > selectivity)
				document_entries_remember(document,
										  stored_search_entries(variable.rel, match->filter_type,
																candidates, selectivity));
		}
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
	}
	ReleaseVariableStats(variable);
	return selectivity;
}

/*
 * ---- A column of each
 */

/* Where a join looks for the first match of a row alone: the rows among which. */
static double
rows_looked_at(const VariableStatData *variable)
{
	return Max(variable->rel->rows, 1);
}

/*
 * Of pairs, or (join->jointype) of rows that have a match on the other side: the
 * inner one, which is on the right of a join.
 */
static double
pairs_matching(const Match *match, const SpecialJoinInfo *join)
{
	VariableStatData filters;
	VariableStatData documents;
	VariableStatData sample;
	const FilterPairs *pairs = NULL;
	double		selectivity = DEFAULT_MATCHING_SEL;

	examine_variable(match->root, match->filter, 0, &filters);
	examine_variable(match->root, match->document, 0, &documents);
	if (may_see(match, &filters))
	{
		bool		known = examine_documents(match, 0, &sample);

		pairs = filter_pairs_estimate(filters.statsTuple, match->filter_type,
									  known ? sample.statsTuple : NULL);
		ReleaseVariableStats(sample);
	}
	if (pairs != NULL)
	{
		bool		one_is_enough = join != NULL &&
			(join->jointype == JOIN_SEMI || join->jointype == JOIN_ANTI);

		if (one_is_enough && documents.rel != NULL &&
			bms_is_subset(documents.rel->relids, join->syn_righthand))
			selectivity = filter_pairs_any_document(pairs, rows_looked_at(&documents));
		else if (one_is_enough && filters.rel != NULL &&
				 bms_is_subset(filters.rel->relids, join->syn_righthand))
			selectivity = filter_pairs_any_filter(pairs, rows_looked_at(&filters));
		else
			selectivity = filter_pairs_matching(pairs);
	}
	ReleaseVariableStats(documents);
	ReleaseVariableStats(filters);
	return selectivity;
}

/*
 * matches_sel(internal, oid, internal, integer) returns double precision
 *
 * Of @@ and ~@@. Where neither side is known now, as in the search of an index
 * for each row of another table, it is an average of what may come.
 */
Datum
filter_matches_sel(PG_FUNCTION_ARGS)
{
	int			relation = PG_GETARG_INT32(3);
	Match		match;
	Const	   *filter;
	Const	   *document;
	double		selectivity;

	if (!match_init(&match, (PlannerInfo *) PG_GETARG_POINTER(0), fcinfo->flinfo->fn_oid,
					PG_GETARG_OID(1), (List *) PG_GETARG_POINTER(2)))
		PG_RETURN_FLOAT8(DEFAULT_MATCHING_SEL);
	filter = constant_of(&match, match.filter, match.filter_type);
	document = constant_of(&match, match.document, JSONBOID);
	if ((filter != NULL && filter->constisnull) || (document != NULL && document->constisnull))
		PG_RETURN_FLOAT8(0.0);
	if (filter != NULL)
		selectivity = documents_matching(&match, relation,
										 DatumGetFilterQuery(filter->constvalue));
	else if (document != NULL)
		selectivity = filters_matching(&match, relation, DatumGetJsonbP(document->constvalue));
	else
		selectivity = pairs_matching(&match, NULL);
	CLAMP_PROBABILITY(selectivity);
	PG_RETURN_FLOAT8((float8) selectivity);
}

/* matches_joinsel(internal, oid, internal, smallint, internal) returns double precision */
Datum
filter_matches_joinsel(PG_FUNCTION_ARGS)
{
	Match		match;
	double		selectivity;

	if (!match_init(&match, (PlannerInfo *) PG_GETARG_POINTER(0), fcinfo->flinfo->fn_oid,
					PG_GETARG_OID(1), (List *) PG_GETARG_POINTER(2)))
		PG_RETURN_FLOAT8(DEFAULT_MATCHING_SEL);
	selectivity = pairs_matching(&match, (const SpecialJoinInfo *) PG_GETARG_POINTER(4));
	CLAMP_PROBABILITY(selectivity);
	PG_RETURN_FLOAT8((float8) selectivity);
}
