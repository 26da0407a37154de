/*-------------------------------------------------------------------------
 * src/filter/support.c
 *
 * Planner support: brings every way of asking for a match into one form,
 * column OPERATOR(cirro.@@) filter or its commutator, so that all of them plan alike. Must not
 * change the nodes it is given, and must not raise errors: what it cannot
 * bring into that form is left to run as it is.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "filter/match.h"

PG_FUNCTION_INFO_V1(filter_matches_support);

/* The operator that stands beside the function, or InvalidOid. */
static Oid
match_operator(Oid function, const char *name, Oid left_type, Oid right_type)
{
	return GetSysCacheOid4(OPERNAMENSP, Anum_pg_operator_oid,
						   CStringGetDatum(name),
						   ObjectIdGetDatum(left_type),
						   ObjectIdGetDatum(right_type),
						   ObjectIdGetDatum(get_func_namespace(function)));
}

/* The number of the jsonb column "profile" in rows of a named type, or 0. */
static AttrNumber
profile_of_type(Oid type)
{
	TupleDesc	desc = lookup_rowtype_tupdesc_noerror(type, -1, true);
	AttrNumber	column;

	if (desc == NULL)
		return InvalidAttrNumber;
	column = filter_profile_column(desc);
	if (column != InvalidAttrNumber && TupleDescAttr(desc, column - 1)->atttypid != JSONBOID)
		column = InvalidAttrNumber;
	ReleaseTupleDesc(desc);
	return column;
}

/* The same for a subquery, whose rows have no named type. */
static AttrNumber
profile_of_subquery(PlannerInfo *root, Var *row)
{
	RangeTblEntry *rte;
	ListCell   *lc;

	for (Index level = row->varlevelsup; level > 0 && root != NULL; level--)
		root = root->parent_root;
	if (root == NULL || row->varno > (int) list_length(root->parse->rtable))
		return InvalidAttrNumber;
	rte = rt_fetch(row->varno, root->parse->rtable);
	if (rte->rtekind != RTE_SUBQUERY || rte->subquery == NULL)
		return InvalidAttrNumber;
	foreach(lc, rte->subquery->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);

		/* Names come from the alias, where there is one with columns. */
		if (!entry->resjunk && entry->resno <= list_length(rte->eref->colnames) &&
			strcmp(strVal(list_nth(rte->eref->colnames, entry->resno - 1)), "profile") == 0)
			return exprType((Node *) entry->expr) == JSONBOID ? entry->resno : InvalidAttrNumber;
	}
	return InvalidAttrNumber;
}

/* The profile of a whole row, or NULL if that cannot be told. */
static Expr *
profile_of_row(PlannerInfo *root, Node *row)
{
	if (IsA(row, Var))
	{
		Var		   *var = (Var *) row;
		AttrNumber	column;

		if (var->varattno != InvalidAttrNumber)
			return NULL;
		column = var->vartype == RECORDOID ? profile_of_subquery(root, var) :
			profile_of_type(var->vartype);
		if (column == InvalidAttrNumber)
			return NULL;
		/* All else, such as what may make it null, is the row's. */
		var = copyObject(var);
		var->varattno = column;
		var->varnosyn = 0;
		var->varattnosyn = 0;
		var->vartype = JSONBOID;
		var->vartypmod = -1;
		var->varcollid = InvalidOid;
		return (Expr *) var;
	}
	if (IsA(row, RowExpr))
	{
		RowExpr    *expr = (RowExpr *) row;
		AttrNumber	column = InvalidAttrNumber;
		Node	   *profile;

		if (expr->row_typeid != RECORDOID)
			column = profile_of_type(expr->row_typeid);
		else
		{
			ListCell   *lc;

			foreach(lc, expr->colnames)
				if (strcmp(strVal(lfirst(lc)), "profile") == 0)
				{
					column = foreach_current_index(lc) + 1;
					break;
				}
		}
		if (column == InvalidAttrNumber || column > list_length(expr->args))
			return NULL;
		profile = list_nth(expr->args, column - 1);
		return exprType(profile) == JSONBOID ? (Expr *) profile : NULL;
	}
	/* A child's row as its parent's: columns keep their names. */
	if (IsA(row, ConvertRowtypeExpr))
		return profile_of_row(root, (Node *) ((ConvertRowtypeExpr *) row)->arg);
	return NULL;
}

/* Support function of both matches(), and of matched_by(). */
Datum
filter_matches_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	const char *name = "@@";
	Expr	   *left;
	Expr	   *right;
	Oid			operator;
	Expr	   *match;
	FuncExpr   *call;
	PlannerInfo *root;

	if (!IsA(request, SupportRequestSimplify))
		PG_RETURN_POINTER(NULL);
	call = ((SupportRequestSimplify *) request)->fcall;
	root = ((SupportRequestSimplify *) request)->root;
	if (list_length(call->args) != 2)
		PG_RETURN_POINTER(NULL);
	left = linitial(call->args);
	right = lsecond(call->args);
	if (exprType((Node *) right) == JSONBOID)
		name = "~@@";
	else if (exprType((Node *) left) != JSONBOID)
		left = profile_of_row(root, (Node *) left);
	if (left == NULL)
		PG_RETURN_POINTER(NULL);
	operator = match_operator(call->funcid, name, exprType((Node *) left),
							  exprType((Node *) right));
	if (!OidIsValid(operator))
		PG_RETURN_POINTER(NULL);
	match = make_opclause(operator, BOOLOID, false, left, right,
						  InvalidOid, call->inputcollid);
	set_opfuncid((OpExpr *) match);
	PG_RETURN_POINTER(match);
}
