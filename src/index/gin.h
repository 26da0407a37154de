/*-------------------------------------------------------------------------
 * src/index/gin.h
 *
 * What both GIN operator classes know of GIN.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_INDEX_GIN_H
#define CIRRO_INDEX_GIN_H

#include "postgres.h"
#include "fmgr.h"

/*
 * Is it the planner that asks what to search for? It does so to tell what a search
 * would cost, but has no way to be told of ranges and rows to recheck. It calls a
 * function that it looked up on the spot; a search has a context of its own for its
 * keys. Where this is wrong a search is slower than it could be.
 */
static inline bool
gin_asked_by_planner(FunctionCallInfo fcinfo)
{
	return fcinfo->flinfo->fn_mcxt == CurrentMemoryContext;
}

#endif							/* CIRRO_INDEX_GIN_H */
