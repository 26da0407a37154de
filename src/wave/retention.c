/*-------------------------------------------------------------------------
 * src/wave/retention.c
 *
 * Removes finished notifications, events, waves, attempts and archived gigs that
 * are past the times that the table setting gives, and what is left of consumers
 * that are gone. Must not remove a notification that a consumer is still to be
 * told, however old, nor its event.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "cirro.h"
#include "isolate.h"
#include "space/floor.h"
#include "space/query.h"
#include "space/scope.h"
#include "space/shard.h"
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
	"   cirro.add_interval($1, - coalesce(t.keep_events, interval '90 days')),"
	"   cirro.add_interval($1, - coalesce(t.keep_waves, interval '90 days')),"
	"   cirro.add_interval($1, - coalesce(t.keep_attempts, interval '90 days')),"
	"   (t.keep_gigs IS NULL)::bool",
	1, {TIMESTAMPTZOID}
};

/* In this order: an event goes after the last notification of it. */
enum
{
	NOTIFICATIONS, EVENTS, WAVES, ATTEMPTS, NTABLES
};

StaticAssertDecl(NTABLES == lengthof(((Retention *) NULL)->cutoff),
				 "each table has a time of its own");

/* Batches go up the ids, so that each row is looked at once an hour. */
#define REMOVE(table, condition) \
	"WITH old AS (" \
	"   SELECT l.id FROM " table " l WHERE l.id > $1 AND " condition \
	"   ORDER BY l.id LIMIT " BATCH " FOR UPDATE SKIP LOCKED)," \
	" removed AS (DELETE FROM " table " r USING old WHERE r.id = old.id)" \
	" SELECT max(old.id)::bigint FROM old"

static const SpaceQuery remove_queries[NTABLES] = {
	[NOTIFICATIONS] = {
		REMOVE("notification",
			   "(CASE WHEN l.outcome IS NULL"
			   "  THEN l.consumer <> ALL (ARRAY(SELECT c.name FROM consumer c))"
			   "  ELSE coalesce(l.delivered_at, l.due_at) < $2 END)"),
		2, {INT8OID, TIMESTAMPTZOID}
	},
	/* The oldest come first, about: where none of a batch is old, none behind it is. */
	[EVENTS] = {
		"WITH first AS MATERIALIZED ("
		"   SELECT l.id, l.at < $2 AS is_old FROM event l WHERE l.id > $1 AND l.id < $3"
		"   ORDER BY l.id LIMIT " BATCH "),"
		" old AS ("
		"   SELECT l.id FROM event l"
		"   WHERE l.id = ANY (ARRAY(SELECT first.id FROM first WHERE first.is_old))"
		"   ORDER BY l.id FOR UPDATE SKIP LOCKED),"
		" removed AS (DELETE FROM event r USING old WHERE r.id = old.id)"
		" SELECT CASE WHEN bool_or(first.is_old) THEN max(first.id) END::bigint FROM first",
		3, {INT8OID, TIMESTAMPTZOID, INT8OID}
	},
	[WAVES] = {
		REMOVE("wave", "l.run_at < $2"),
		2, {INT8OID, TIMESTAMPTZOID}
	},
	[ATTEMPTS] = {
		REMOVE("attempt", "l.created_at < $2"),
		2, {INT8OID, TIMESTAMPTZOID}
	}
};

/* The highest floor of each consumer counts, if nothing is open below it. */
static const SpaceQuery floors_query = {
	"DELETE FROM notification_floor f"
	" WHERE f.due_at < (SELECT max(h.due_at) FROM notification_floor h WHERE h.consumer = f.consumer)"
	" OR NOT EXISTS (SELECT FROM consumer c WHERE c.name = f.consumer)"
	" OR EXISTS (SELECT FROM notification n WHERE n.consumer = f.consumer"
	"     AND n.outcome IS NULL AND n.due_at < f.due_at)",
	0, {0}, PLAN_BY_KEY
};

static const SpaceQuery last_event_query = {
	"SELECT coalesce(max(e.id), 0)::bigint FROM event e",
	0, {0}, PLAN_BY_KEY
};

static const SpaceQuery first_event_query = {
	"SELECT least(min(n.event_id), $1 + 1) FROM notification n",
	1, {INT8OID}
};

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
		retention->gigs_done = result_bool(&row);
		result_end(&row);
	}
	space_leave(&scope);
	return claimed;
}

/*
 * Removes a batch from one of the tables, or goes on to the next if there is none
 * left.
 */
static void
remove_batch(Retention *retention)
{
	Oid			space = retention->info->space;
	QueryArgs	args = {&remove_queries[retention->step]};
	ResultRow	row;
	int64		last;

	arg_int64(&args, retention->last_id);
	arg_timestamptz(&args, retention->cutoff[retention->step]);
	if (retention->step == EVENTS)
		arg_int64(&args, retention->event_id);
	query_run(space, &args);
	row = result_row(0);
	last = result_null(&row) ? PG_INT64_MIN : result_int64(&row);
	result_end(&row);
	if (last == PG_INT64_MIN)
		retention->step++;
	retention->last_id = last;
}

/*
 * Which events nobody is to be told of any more: those before the first that has a
 * notification, and not after the last that there is now. One that is not to be seen
 * yet and has a lower id was given that before the look at the locks, and is as young
 * as its transaction.
 */
static void
begin_events(Retention *retention)
{
	Oid			space = retention->info->space;
	QueryArgs	args = {&first_event_query};
	TimestampTz since;
	ResultRow	row;

	query_run(space, &(QueryArgs) {&last_event_query});
	row = result_row(0);
	arg_int64(&args, result_int64(&row));
	result_end(&row);
	if (!writers_since(shard_relation(space, "notification"), DT_NOEND, &since))
		since = DT_NOBEGIN;
	retention->cutoff[EVENTS] = Min(retention->cutoff[EVENTS], since);
	query_run(space, &args);
	row = result_row(0);
	retention->event_id = result_int64(&row);
	result_end(&row);
}

static bool
step(void *arg)
{
	Retention  *retention = arg;
	Oid			space = retention->info->space;
	SpaceScope	scope;

	if (!space_visit(&scope, space, retention->info->owner, true))
		return false;
	remove_batch(retention);
	if (retention->step == EVENTS && retention->event_id == PG_INT64_MIN)
	{
		query_run(space, &(QueryArgs) {&floors_query});
		begin_events(retention);
	}
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

/* ----------------------------------------------------------------- gigs -- */

/* Once gig.archived was announced. Its events and waves have times of their own. */
static const SpaceQuery find_gig = {
	"SELECT g.id::bigint FROM gig g"
	" WHERE g.id > $1"
	" AND cirro.add_interval(cirro.gig_archives_at(g.archive_at, g.archived_at),"
	"   (SELECT t.keep_gigs::interval FROM setting t)) < $2"
	" AND NOT EXISTS (SELECT FROM gig_state s WHERE s.gig_id = g.id AND s.announced < 3)"
	" ORDER BY g.id LIMIT 1 FOR UPDATE SKIP LOCKED",
	2, {INT8OID, TIMESTAMPTZOID}, PLAN_BY_KEY
};

static const SpaceQuery remove_gig = {
	"DELETE FROM gig g WHERE g.id = $1",
	1, {INT8OID}, PLAN_BY_KEY
};

/* The next gig; the triggers see to its invitations. */
static bool
remove_next_gig(void *arg)
{
	Retention  *retention = arg;
	Oid			space = retention->info->space;
	QueryArgs	find = {&find_gig};
	QueryArgs	remove = {&remove_gig};
	SpaceScope	scope;

	if (!space_visit(&scope, space, retention->info->owner, true))
	{
		retention->gigs_done = true;
		return false;
	}
	arg_int64(&find, retention->last_id);
	arg_timestamptz(&find, cirro_now());
	if (query_run(space, &find) == 0)
		retention->gigs_done = true;
	else
	{
		ResultRow	row = result_row(0);

		/* If it fails, the next time begins behind it. */
		retention->last_id = result_int64(&row);
		result_end(&row);
		arg_int64(&remove, retention->last_id);
		query_run(space, &remove);
	}
	space_leave(&scope);
	return true;
}

/*
 * A gig that cannot be removed, because a table of the application refers to it or
 * somebody has locked it, does not keep the others from going.
 */
static bool
step_gigs(Retention *retention)
{
	int64		before = retention->last_id;
	ErrorData  *error;

	SPI_connect();
	(void) run_isolated(remove_next_gig, retention, &error);
	if (error != NULL)
	{
		if (retention->last_id == before || error_is_lack_of_resources(error))
			retention->gigs_done = true;
		if (!error_is_transient(error) && retention->failures++ == 0)
			snprintf(retention->failure, sizeof(retention->failure), "Gig " INT64_FORMAT ": %s",
					 retention->last_id, error_summary(error));
	}
	SPI_finish();

	if (retention->gigs_done && retention->failures > 0)
		ereport(WARNING,
				(errmsg_plural("%d gig of Space \"%s\" could not be removed",
							   "%d gigs of Space \"%s\" could not be removed",
							   retention->failures, retention->failures, retention->info->name),
				 errdetail_internal("%s", retention->failure)));
	return !retention->gigs_done;
}

bool
retention_begin(Retention *retention, const SpaceInfo *info)
{
	memset(retention, 0, sizeof(*retention));
	retention->info = info;
	retention->last_id = PG_INT64_MIN;
	retention->event_id = PG_INT64_MIN;
	return run(retention, claim);
}

bool
retention_step(Retention *retention)
{
	if (retention->step == NTABLES)
		return step_gigs(retention);
	return run(retention, step) && (retention->step < NTABLES || !retention->gigs_done);
}
