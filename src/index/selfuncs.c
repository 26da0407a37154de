/*-------------------------------------------------------------------------
 * src/index/selfuncs.c
 *
 * Restriction selectivity of jsonb @@ filter_query for the planner. Decides
 * where statistics come from, and whether they may be used; what they say is
 * decided by index/estimate.c. Must not trust the constant to be a filter
 * because an operator says so.
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
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

#include "compat.h"
#include "filter/io.h"
#include "index/choice.h"
#include "index/estimate.h"
#include "index/extract.h"
#include "index/memory.h"

PG_FUNCTION_INFO_V1(filter_matches_sel);

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
 * matches_sel(internal, oid, internal, integer) returns double precision
 *
 * Sums up what ANALYZE has found of profile_stats(document), if there are
 * such statistics and this user may see them (a match tells no more of a row
 * than that it matches, and is leakproof, but an operator of somebody else
 * may not be).
 */
Datum
filter_matches_sel(PG_FUNCTION_ARGS)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	Oid			operator = PG_GETARG_OID(1);
	List	   *args = (List *) PG_GETARG_POINTER(2);
	int			relation = PG_GETARG_INT32(3);
	VariableStatData variable;
	VariableStatData sample;
	Node	   *other;
	bool		on_left;
	Const	   *constant;
	FilterQuery *query;
	IndexEntry *tree;
	Node	   *expression;
	ProfileStats *stats = NULL;
	double		selectivity;

	if (!get_restriction_variable(root, args, relation, &variable, &other, &on_left))
		PG_RETURN_FLOAT8(DEFAULT_MATCHING_SEL);
	if (!on_left || !IsA(other, Const) ||
		((Const *) other)->consttype != type_beside(fcinfo->flinfo->fn_oid, "filter_query"))
	{
		ReleaseVariableStats(variable);
		PG_RETURN_FLOAT8(DEFAULT_MATCHING_SEL);
	}
	constant = (Const *) other;
	if (constant->constisnull)
	{
		ReleaseVariableStats(variable);
		PG_RETURN_FLOAT8(0.0);
	}

	query = DatumGetFilterQuery(constant->constvalue);
	tree = index_entry_extract(query);
	memset(&sample, 0, sizeof(sample));
	/* As it stands there, with the cast of a column that is of a domain. */
	expression = exprType(linitial(args)) == JSONBOID ?
		stats_expression(fcinfo->flinfo->fn_oid, linitial(args)) : NULL;
	if (expression != NULL)
	{
		examine_variable(root, expression, relation, &sample);
		if (HeapTupleIsValid(sample.statsTuple) &&
			statistic_proc_security_check(&sample, get_opcode(operator)))
			stats = profile_stats_load(sample.statsTuple);
	}
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
	CLAMP_PROBABILITY(selectivity);
	PG_RETURN_FLOAT8((float8) selectivity);
}
