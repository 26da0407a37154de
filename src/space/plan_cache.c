/*-------------------------------------------------------------------------
 * src/space/plan_cache.c
 *
 * The one cache of SPI plans: prepares each query once per Space and session,
 * and keeps the plans that were used last. Queries are constant texts that name
 * tables without a schema; the search path decides what they mean (and is set
 * anew if a trigger, say, has changed it), and core replans them when it, the
 * role or the tables change. Must not build SQL, and must not outlive a Space:
 * plans of dropped schemas are freed.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "lib/ilist.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/portal.h"
#include "utils/syscache.h"

#include "compat.h"
#include "space/plan_cache.h"
#include "space/scope.h"
#include "space/shard.h"

/*
 * A Space at work has about twenty plans of 50 kB each. What one session keeps
 * of those of thousands of Spaces is bounded by this.
 */
#define MAX_PLANS	1000

typedef struct PlanKey
{
	const SpaceQuery *query;
	Oid			space;
	Oid			relation;
	Oid			place;			/* where its rows are (space/shard.h) */
} PlanKey;

typedef struct PlanEntry
{
	PlanKey		key;
	SPIPlanPtr	plan;
	dlist_node	node;			/* in recently_used */
} PlanEntry;

static HTAB *plans = NULL;
static dlist_head recently_used = DLIST_STATIC_INIT(recently_used);

/*
 * Plans that are being made or run, one in another: all must stay. What an owner
 * put into a default, say, may run when a query is planned, and ask others.
 */
static int	in_use = 0;

/* A schema was changed or dropped since the cache was last swept. */
static bool sweep_needed = false;

static void
namespace_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	sweep_needed = true;
}

static void
make_cache(void)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(PlanKey);
	ctl.entrysize = sizeof(PlanEntry);
	ctl.hcxt = CacheMemoryContext;
	plans = hash_create("cirro plans", 64, &ctl,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterSyscacheCallback(NAMESPACEOID, namespace_changed, (Datum) 0);
}

static void
forget_plan(PlanEntry *entry)
{
	SPI_freeplan(entry->plan);
	dlist_delete(&entry->node);
	hash_search(plans, &entry->key, HASH_REMOVE, NULL);
}

/* Frees the plans of Spaces that are gone, and those used longest ago. */
static void
shrink_cache(void)
{
	if (in_use > 0)
		return;
	if (sweep_needed)
	{
		dlist_mutable_iter iter;

		sweep_needed = false;
		dlist_foreach_modify(iter, &recently_used)
		{
			PlanEntry  *entry = dlist_container(PlanEntry, node, iter.cur);

			if (!SearchSysCacheExists1(NAMESPACEOID, ObjectIdGetDatum(entry->key.space)))
				forget_plan(entry);
		}
	}
	while (hash_get_num_entries(plans) > MAX_PLANS)
		forget_plan(dlist_tail_element(PlanEntry, node, &recently_used));
}

static void
set_for_now(const char *setting, const char *value)
{
	(void) set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * Will the next execution use the generic plan that there is? So it does unless
 * it is invalid, whatever made it so: as RevalidateCachedQuery and CheckCachedPlan
 * see it, or nearly, for what they let stand in this transaction, or for this
 * role, counts as invalid.
 */
static bool
generic_plan_stands(const CachedPlanSource *source)
{
	return source->is_valid && source->gplan != NULL && source->gplan->is_valid &&
		!source->gplan->dependsOnRole && !source->dependsOnRLS &&
		!TransactionIdIsValid(source->gplan->saved_xmin) &&
		cirro_search_path_matches(source->search_path);
}

/*
 * A plan made while a table is empty reads it all, and may be kept while it
 * grows by a row for each call; one made for a statement that changed two rows
 * compares each with each, and may be kept for one that changes thousands. So it
 * is made as if that cost a fortune. Then it must not look like one that is worth
 * compiling. A bitmap that has become too large to name rows makes each row of a
 * page be compared with each of the keys.
 */
int
plan_cache_steer(PlanKind kind)
{
	int			level = NewGUCNestLevel();

	if (kind == PLAN_BY_KEY)
	{
		set_for_now("enable_seqscan", "off");
		set_for_now("enable_bitmapscan", "off");
	}
	if (kind == PLAN_OF_ROWS)
		set_for_now("enable_nestloop", "off");
	if (kind != PLAN_USUAL)
		set_for_now("jit", "off");
	return level;
}

/* Makes the plan that is kept, unless there is one that stands. */
static void
plan_once(SPIPlanPtr plan, PlanKind kind)
{
	int			level;
	MemoryContext scratch;
	MemoryContext caller;
	CachedPlan *made;

	if (generic_plan_stands(linitial(SPI_plan_get_plan_sources(plan))))
		return;
	level = plan_cache_steer(kind);
	/* What the planner leaves behind, of each of twenty queries, would grow the process. */
	scratch = AllocSetContextCreate(CurrentMemoryContext, "cirro planning", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(scratch);
	made = SPI_plan_get_cached_plan(plan);
	if (made != NULL)
		ReleaseCachedPlan(made, CurrentResourceOwner);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
	AtEOXact_GUC(true, level);
}

static PlanEntry *
make_plan(const PlanKey *key)
{
	const SpaceQuery *query = key->query;
	int			options = query->kind == PLAN_EACH_TIME ? CURSOR_OPT_CUSTOM_PLAN :
		query->kind == PLAN_USUAL ? 0 : CURSOR_OPT_GENERIC_PLAN;
	SPIPlanPtr	plan = SPI_prepare_cursor(shard_query_text(key->space, query->text), query->nargs,
										  (Oid *) query->argtypes, options);
	PlanEntry  *entry;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s: %s",
			 SPI_result_code_string(SPI_result), query->text);
	entry = hash_search(plans, key, HASH_ENTER, NULL);
	entry->plan = plan;
	dlist_push_head(&recently_used, &entry->node);
	SPI_keepplan(plan);
	return entry;
}

/* The caller is in "in_use". */
static SPIPlanPtr
get_plan(Oid space, Oid relation, const SpaceQuery *query)
{
	PlanKey		key;
	PlanEntry  *entry;

	memset(&key, 0, sizeof(key));
	key.query = query;
	key.space = space;
	key.relation = relation;
	key.place = shard_place(space);
	entry = hash_search(plans, &key, HASH_FIND, NULL);
	if (entry != NULL)
		dlist_move_head(&recently_used, &entry->node);
	else
		entry = make_plan(&key);
	if (query->kind == PLAN_BY_KEY || query->kind == PLAN_OF_ROWS)
		plan_once(entry->plan, query->kind);
	return entry->plan;
}

/* Hands the plan of a query to "use", while which it stays. */
static void
use_plan(Oid space, Oid relation, const SpaceQuery *query,
		 void (*use) (SPIPlanPtr plan, void *arg), void *arg)
{
	space_set_path(space);
	if (plans == NULL)
		make_cache();
	shrink_cache();

	in_use++;
	PG_TRY();
	{
		use(get_plan(space, relation, query), arg);
	}
	PG_FINALLY();
	{
		in_use--;
	}
	PG_END_TRY();
}

typedef struct Execution
{
	const SpaceQuery *query;
	const SPIExecuteOptions *options;
} Execution;

static void
execute(SPIPlanPtr plan, void *arg)
{
	const Execution *execution = arg;
	int			level = 0;
	int			result;

	/* It runs once: compiling would take longer than anything it saves. */
	if (execution->query->kind == PLAN_EACH_TIME)
		level = plan_cache_steer(PLAN_EACH_TIME);
	result = SPI_execute_plan_extended(plan, execution->options);
	if (level > 0)
		AtEOXact_GUC(true, level);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan_extended failed: %s: %s",
			 SPI_result_code_string(result), execution->query->text);
}

void
plan_cache_execute(Oid space, Oid relation, const SpaceQuery *query,
				   const SPIExecuteOptions *options)
{
	Execution	execution = {query, options};

	use_plan(space, relation, query, execute, &execution);
}

typedef struct Opening
{
	PlanKind	kind;
	ParamListInfo params;
	Portal		portal;
} Opening;

static void
open_portal(SPIPlanPtr plan, void *arg)
{
	Opening    *opening = arg;
	int			level = 0;

	if (opening->kind == PLAN_EACH_TIME)
		level = plan_cache_steer(PLAN_EACH_TIME);
	opening->portal = SPI_cursor_open_with_paramlist(NULL, plan, opening->params, false);
	if (level > 0)
		AtEOXact_GUC(true, level);
}

/* The portal keeps what it needs of the plan, which may be freed before it. */
Portal
plan_cache_open(Oid space, Oid relation, const SpaceQuery *query, ParamListInfo params)
{
	Opening		opening = {query->kind, params, NULL};

	use_plan(space, relation, query, open_portal, &opening);
	return opening.portal;
}

typedef struct Estimate
{
	ParamListInfo params;
	double		rows;
} Estimate;

static void
estimate(SPIPlanPtr prepared, void *arg)
{
	Estimate   *result = arg;
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(prepared));
	CachedPlan *plan = GetCachedPlan(source, result->params, CurrentResourceOwner, NULL);

	result->rows = linitial_node(PlannedStmt, plan->stmt_list)->planTree->plan_rows;
	ReleaseCachedPlan(plan, CurrentResourceOwner);
}

double
plan_cache_estimate(Oid space, const SpaceQuery *query, ParamListInfo params)
{
	Estimate	result = {params, 0};

	Assert(query->kind == PLAN_EACH_TIME);
	use_plan(space, InvalidOid, query, estimate, &result);
	return result.rows;
}
