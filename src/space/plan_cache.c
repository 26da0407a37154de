/*-------------------------------------------------------------------------
 * src/space/plan_cache.c
 *
 * The one cache of SPI plans: prepares each query once per Space and session.
 * Queries are constant texts that name tables without a schema; the search
 * path decides what they mean (and is set anew if a trigger, say, has changed
 * it), and core replans them when it, the role or the tables change. Must not
 * build SQL, and must not outlive a Space: plans of dropped schemas are freed.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_namespace.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "space/plan_cache.h"
#include "space/space.h"

typedef struct PlanKey
{
	const CirroQuery *query;
	Oid			space;
	Oid			relation;		/* whose transition tables it reads, or 0 */
} PlanKey;

typedef struct PlanEntry
{
	PlanKey		key;
	SPIPlanPtr	plan;
	bool		planned;		/* if it is planned once */
} PlanEntry;

static HTAB *plans = NULL;

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
sweep_cache(void)
{
	HASH_SEQ_STATUS scan;
	PlanEntry  *entry;

	sweep_needed = false;
	hash_seq_init(&scan, plans);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (SearchSysCacheExists1(NAMESPACEOID, ObjectIdGetDatum(entry->key.space)))
			continue;
		if (entry->plan != NULL)
			SPI_freeplan(entry->plan);
		hash_search(plans, &entry->key, HASH_REMOVE, NULL);
	}
}

static void
set_for_now(const char *setting, const char *value)
{
	(void) set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * A plan made while a table is empty reads it all, and may be kept while it
 * grows by a row for each call; one made for a statement that changed two rows
 * compares each with each, and may be kept for one that changes thousands. So it
 * is made as if that cost a fortune. Then it must not look like one that is worth
 * compiling. A bitmap that has become too large to name rows makes each row of a
 * page be compared with each of the keys.
 */
static void
plan_once(PlanEntry *entry, PlanKind kind)
{
	int			level;
	CachedPlan *plan;

	if (entry->planned && SPI_plan_is_valid(entry->plan))
		return;
	level = NewGUCNestLevel();
	if (kind == PLAN_BY_KEY)
	{
		set_for_now("enable_seqscan", "off");
		set_for_now("enable_bitmapscan", "off");
	}
	else
		set_for_now("enable_nestloop", "off");
	set_for_now("jit", "off");
	plan = SPI_plan_get_cached_plan(entry->plan);
	if (plan != NULL)
		ReleaseCachedPlan(plan, CurrentResourceOwner);
	AtEOXact_GUC(true, level);
	entry->planned = true;
}

static SPIPlanPtr
get_plan(Oid space, Oid relation, const CirroQuery *query)
{
	PlanKey		key;
	PlanEntry  *entry;
	bool		found;

	space_set_path(space);
	if (plans == NULL)
		make_cache();
	if (sweep_needed)
		sweep_cache();

	memset(&key, 0, sizeof(key));
	key.query = query;
	key.space = space;
	key.relation = relation;
	entry = hash_search(plans, &key, HASH_FIND, &found);
	if (!found)
	{
		SPIPlanPtr	plan = SPI_prepare_cursor(query->text, query->nargs,
											  (Oid *) query->argtypes,
											  query->kind == PLAN_EACH_TIME ? CURSOR_OPT_CUSTOM_PLAN :
											  query->kind == PLAN_USUAL ? 0 : CURSOR_OPT_GENERIC_PLAN);

		if (plan == NULL)
			elog(ERROR, "SPI_prepare failed: %s: %s",
				 SPI_result_code_string(SPI_result), query->text);
		SPI_keepplan(plan);
		entry = hash_search(plans, &key, HASH_ENTER, &found);
		entry->plan = plan;
		entry->planned = false;
	}
	if (query->kind == PLAN_BY_KEY || query->kind == PLAN_OF_ROWS)
		plan_once(entry, query->kind);
	return entry->plan;
}

static uint64
execute(Oid space, Oid relation, const CirroQuery *query,
		Datum *values, const char *nulls)
{
	SPIPlanPtr	plan = get_plan(space, relation, query);
	int			level = 0;
	int			result;

	/* It runs once: compiling would take longer than anything it saves. */
	if (query->kind == PLAN_EACH_TIME)
	{
		level = NewGUCNestLevel();
		set_for_now("jit", "off");
	}
	result = SPI_execute_plan(plan, values, nulls, false, 0);
	if (level > 0)
		AtEOXact_GUC(true, level);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed: %s: %s",
			 SPI_result_code_string(result), query->text);
	return SPI_processed;
}

/* Parameters none of which is null. */
static ParamListInfo
make_params(const CirroQuery *query, const Datum *values)
{
	ParamListInfo params;

	if (query->nargs == 0)
		return NULL;
	params = makeParamList(query->nargs);
	for (int i = 0; i < query->nargs; i++)
	{
		params->params[i].value = values[i];
		params->params[i].isnull = false;
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = query->argtypes[i];
	}
	return params;
}

double
cirro_estimate(Oid space, const CirroQuery *query, Datum *values)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(get_plan(space, InvalidOid, query)));
	CachedPlan *plan = GetCachedPlan(source, make_params(query, values), CurrentResourceOwner, NULL);
	double		rows = linitial_node(PlannedStmt, plan->stmt_list)->planTree->plan_rows;

	ReleaseCachedPlan(plan, CurrentResourceOwner);
	return rows;
}

void
cirro_execute_into(Oid space, const CirroQuery *query, Datum *values,
				   DestReceiver *receiver)
{
	SPIExecuteOptions options = {
		.dest = receiver, .params = make_params(query, values)
	};
	int			result;

	result = SPI_execute_plan_extended(get_plan(space, InvalidOid, query), &options);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan_extended failed: %s: %s",
			 SPI_result_code_string(result), query->text);
}

uint64
cirro_execute(Oid space, const CirroQuery *query, Datum *values, const char *nulls)
{
	return execute(space, InvalidOid, query, values, nulls);
}

uint64
cirro_execute_over(TriggerData *trigdata, Oid space, const CirroQuery *query,
				   Datum *values, const char *nulls)
{
	return execute(space, RelationGetRelid(trigdata->tg_relation), query, values, nulls);
}

Datum
cirro_result(uint64 row, int column, bool *isnull)
{
	/* A trigger or a rule of the Space may have kept the row from being. */
	if (SPI_tuptable == NULL || row >= SPI_tuptable->numvals)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("a row that cirro wrote or looked for is not there"),
				 errdetail("A trigger or a rule on a table of the Space suppressed or changed it."),
				 errhint("Triggers of your own must let cirro's rows pass.")));
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
						 column, isnull);
}
