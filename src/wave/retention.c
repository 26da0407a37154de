/*-------------------------------------------------------------------------
 * src/wave/retention.c
 *
 * Removes finished notifications, waves and attempts that are past the times
 * that the table setting gives. Must not remove a notification that is still
 * to be delivered, however old.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/timestamp.h"

#include "cirro.h"
#include "isolate.h"
#include "space/query.h"
#include "space/scope.h"
#include "wave/retention.h"
#include "wave/trouble.h"

/* How many rows go at once. */
#define BATCH "1000"

/*
 * Of several procedures one cleans. Without a setting row there is nowhere to
 * write that, and nothing is removed.
 */
static const SpaceQuery claim_query = {
	"UPDATE setting t SET cleaned_at = $1"
	" WHERE t.only_row = ANY (ARRAY(SELECT l.only_row FROM setting l"
	"     WHERE l.cleaned_at IS NULL OR l.cleaned_at <= $1 - interval '1 hour'"
	"     FOR NO KEY UPDATE SKIP LOCKED))"
	" RETURNING"
	"   cirro.add_interval($1, - coalesce(t.keep_notifications, interval '7 days')),"
	"   cirro.add_interval($1, - coalesce(t.keep_waves, interval '90 days')),"
	"   cirro.add_interval($1, - coalesce(t.keep_attempts, interval '90 days'))",
	1, {TIMESTAMPTZOID}
};

/* Batches go up the ids, so that each row is looked at once an hour. */
#define REMOVE(table, condition) \
	"WITH old AS (" \
	"   SELECT l.id FROM " table " l WHERE l.id > $1 AND " condition \
	"   ORDER BY l.id LIMIT " BATCH " FOR UPDATE SKIP LOCKED)," \
	" removed AS (DELETE FROM " table " r USING old WHERE r.id = old.id)" \
	" SELECT max(old.id)::bigint FROM old"

static const SpaceQuery remove_queries[] = {
	{
		REMOVE("notification", "l.outcome IS NOT NULL AND coalesce(l.delivered_at, l.created_at) < $2"),
		2, {INT8OID, TIMESTAMPTZOID}
	},
	{
		REMOVE("wave", "l.run_at < $2"),
		2, {INT8OID, TIMESTAMPTZOID}
	},
	{
		REMOVE("attempt", "l.created_at < $2"),
		2, {INT8OID, TIMESTAMPTZOID}
	}
};

StaticAssertDecl(lengthof(remove_queries) == lengthof(((Retention *) NULL)->cutoff),
				 "each table has a time of its own");

static bool
claim(void *arg)
{
	Retention  *retention = arg;
	Oid			space = retention->info->space;
	QueryArgs	args = {&claim_query};
	SpaceScope	scope;
	bool		claimed;

	if (!space_visit(&scope, space, retention->info->owner, true))
		return false;
	arg_timestamptz(&args, cirro_now());
	claimed = query_run(space, &args) > 0;
	if (claimed)
	{
		ResultRow	row = result_row(0);

		for (int i = 0; i < lengthof(retention->cutoff); i++)
			retention->cutoff[i] = result_timestamptz(&row);
		result_end(&row);
	}
	space_leave(&scope);
	return claimed;
}

static bool
remove_batch(void *arg)
{
	Retention  *retention = arg;
	Oid			space = retention->info->space;
	QueryArgs	args = {&remove_queries[retention->table]};
	SpaceScope	scope;
	ResultRow	row;
	int64		last;

	if (!space_visit(&scope, space, retention->info->owner, true))
		return false;
	arg_int64(&args, retention->last_id);
	arg_timestamptz(&args, retention->cutoff[retention->table]);
	query_run(space, &args);
	row = result_row(0);
	last = result_null(&row) ? PG_INT64_MIN : result_int64(&row);
	result_end(&row);
	if (last == PG_INT64_MIN)
	{
		retention->table++;
		retention->last_id = PG_INT64_MIN;
	}
	else
		retention->last_id = last;
	space_leave(&scope);
	return true;
}

/* Runs one of the above; an error becomes a warning and counts as false. */
static bool
run(Retention *retention, IsolatedWork work)
{
	ErrorData  *error;
	bool		done;

	SPI_connect();
	done = run_isolated(work, retention, &error) == ISOLATED_DONE;
	if (error != NULL && trouble_is_new(retention->info->space, error->sqlerrcode))
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("old rows of Space \"%s\" could not be removed",
						retention->info->name),
				 errdetail_internal("%s", error_summary(error))));
	SPI_finish();
	return done;
}

bool
retention_begin(Retention *retention, const SpaceInfo *info)
{
	retention->info = info;
	retention->table = 0;
	retention->last_id = PG_INT64_MIN;
	return run(retention, claim);
}

bool
retention_step(Retention *retention)
{
	return run(retention, remove_batch) &&
		retention->table < lengthof(remove_queries);
}
