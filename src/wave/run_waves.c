/*-------------------------------------------------------------------------
 * src/wave/run_waves.c
 *
 * The wave procedure: which Spaces and gigs have their turn in a call, in
 * what order, and where transactions end. Must not work as its caller: all
 * that touches a table of a Space runs as the Space's owner, in a
 * security-restricted operation that is over before the next commit, so that
 * nothing which an owner has put into a Space is ever run by somebody else.
 * That holds for the caller's own Spaces too.
 *
 * Every gig gets a transaction of its own: two in one would hold gig_state of
 * the first while the second waits for other rows, against the lock order
 * (gig/state.h), and a cancel would undo more than the gig at hand.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/pquery.h"
#include "utils/array.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "cirro.h"
#include "isolate.h"
#include "space/ddl.h"
#include "space/list.h"
#include "space/query.h"
#include "space/scope.h"
#include "wave/active.h"
#include "wave/batch.h"
#include "wave/retention.h"
#include "wave/turn.h"

PG_FUNCTION_INFO_V1(run_waves);

/* Spaces take turns of so many gigs: a big one does not starve the others. */
#define GIGS_PER_TURN 100

/* After as many turns that waited for a lock in vain the Space has to wait. */
#define MAX_LOCKED 3

/* As many at most when all are done in one transaction. */
#define GIGS_WITHOUT_COMMIT 100

#define PROGRESS_INTERVAL (5 * USECS_PER_SEC)

/* What there is to do in a Space. */
typedef struct Agenda
{
	const SpaceInfo *info;
	int64	   *gigs;			/* in the order in which they became due */
	int			locked;			/* turns in a row that waited in vain */
	int			due;
	int			next;
	bool		clean;			/* may old rows have to go? */
	WaveBatch  *batch;			/* of the gigs up to the next pass, or NULL */
	MemoryContext batch_context;
	int			next_pass;		/* due if this is the next gig; -1: never */
} Agenda;

typedef struct Run
{
	bool		atomic;
	MemoryContext context;		/* what outlives a commit */
	List	   *agendas;
	int			due;
	int			done;
	int			limit;
	TimestampTz began;
	TimestampTz reported_at;
} Run;

/* Is the progress of a run in pg_stat_activity? */
static bool is_shown = false;

/* What a look into a Space is asked, and answers. */
typedef struct Look
{
	const SpaceInfo *info;
	TimestampTz now;
	int			limit;
	bool		paused;
	int			ddl_version;	/* 0: this library's */
	bool		clean;
	ArrayType  *gigs;
} Look;

/*
 * Ends the transaction of a gig and begins the next. Waves recheck what they
 * waited for, which takes READ COMMITTED, whatever the caller's default.
 */
static void
commit(Run *run)
{
	if (run->atomic)
		return;
	SPI_commit();
	XactIsoLevel = XACT_READ_COMMITTED;
	EnsurePortalSnapshotExists();
	MemoryContextSwitchTo(run->context);
}

/*
 * All that an idle Space costs: one probe of gig_state's index. Planned each
 * time, because thousands of Spaces should not each keep a plan for it.
 */
static const SpaceQuery look_query = {
	"SELECT coalesce(t.paused, false)::bool,"
	"   coalesce(t.ddl_version, 0)::int,"
	"   coalesce(t.only_row AND coalesce(t.cleaned_at, '-infinity')"
	"     <= $1 - interval '1 hour', false)::bool,"
	"   ARRAY(SELECT s.gig_id::bigint FROM gig_state s WHERE s.next_event_at <= $1"
	"     ORDER BY s.next_event_at, s.gig_id LIMIT $2)"
	" FROM (VALUES (1)) AS one LEFT JOIN setting t ON true LIMIT 1",
	2, {TIMESTAMPTZOID, INT4OID}
};

/* It may have been dropped since, or while the catalogues were read. */
static bool
is_there(const SpaceInfo *info)
{
	return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(info->invitation));
}

static bool
look_into(void *arg)
{
	Look	   *look = arg;
	SpaceScope	scope;
	QueryArgs	args = {&look_query};
	ResultRow	row;
	/* No more than is read: a transaction block holds them for all Spaces. */
	static const char *const tables[] = {"setting", "gig_state"};

	if (!space_enter_turn(&scope, look->info->space, look->info->owner))
		return false;
	space_hold(look->info->space, look->info->owner, tables, lengthof(tables));
	arg_timestamptz(&args, look->now);
	arg_int32(&args, look->limit);
	query_run_once(&args, true);
	row = result_row(0);
	look->paused = result_bool(&row);
	look->ddl_version = result_int32(&row);
	look->clean = result_bool(&row);
	look->gigs = DatumGetArrayTypeP(result_datum(&row, INT8ARRAYOID));
	result_end(&row);
	if (array_contains_nulls(look->gigs))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("gig_state.gig_id must not be null"),
				 errdetail("The table lacks its primary key."),
				 errhint("Restore the constraints that create_space made.")));
	space_leave(&scope);
	return true;
}

/* Puts a Space on the agenda, if it is one to be worked in. */
static void
visit(Run *run, const SpaceInfo *info, bool named)
{
	Look		look = {0};
	IsolatedResult result;
	ErrorData  *error;

	if (!is_there(info))
		return;
	if (info->defect != NULL)
	{
		ereport(WARNING,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("skipping Space \"%s\"", info->name),
				 errdetail_internal("%s", info->defect)));
		return;
	}

	look.info = info;
	look.now = cirro_now();
	look.limit = run->limit;

	SPI_connect();
	result = run_isolated(look_into, &look, &error);
	if (result == ISOLATED_FAILED)
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("skipping Space \"%s\"", info->name),
				 errdetail_internal("%s", error_summary(error))));
	else if (look.ddl_version != 0 &&
			 (look.ddl_version < CIRRO_DDL_VERSION_MIN ||
			  look.ddl_version > CIRRO_DDL_VERSION))
		ereport(WARNING,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("skipping Space \"%s\"", info->name),
				 errdetail("Its tables are of version %d; this library serves %d to %d.",
						   look.ddl_version, CIRRO_DDL_VERSION_MIN, CIRRO_DDL_VERSION),
				 look.ddl_version < CIRRO_DDL_VERSION_MIN ?
				 errhint("CALL cirro.upgrade_spaces(%s).", quote_literal_cstr(info->name)) :
				 errhint("Install the version of cirro that made them.")));
	else if (look.paused)
	{
		if (named)
			ereport(NOTICE,
					(errmsg("Space \"%s\" is paused", info->name)));
	}
	else if (result == ISOLATED_DONE && (look.clean || ARR_NDIM(look.gigs) > 0))
	{
		MemoryContext context = MemoryContextSwitchTo(run->context);
		Agenda	   *agenda = palloc0(sizeof(Agenda));

		agenda->info = info;
		agenda->clean = look.clean;
		agenda->due = ArrayGetNItems(ARR_NDIM(look.gigs), ARR_DIMS(look.gigs));
		agenda->gigs = palloc(mul_size(sizeof(int64), agenda->due));
		memcpy(agenda->gigs, ARR_DATA_PTR(look.gigs), sizeof(int64) * agenda->due);
		run->agendas = lappend(run->agendas, agenda);
		run->due += agenda->due;
		MemoryContextSwitchTo(context);
	}
	SPI_finish();
}

/*
 * Tells the caller where a long run is, and onlookers in pg_stat_activity: there
 * alone, so that the setting application_name is what it was. A WaveBatchReport.
 */
static void
report_pass(void *arg, int64 workers)
{
	Run		   *run = arg;
	TimestampTz now = GetCurrentTimestamp();
	int			due = Min(run->due, run->limit);
	char		text[NAMEDATALEN];

	if (now - run->reported_at < PROGRESS_INTERVAL)
		return;
	run->reported_at = now;
	snprintf(text, sizeof(text), workers > 0 ? "cirro: %d of %d gigs, worker %lld" : "cirro: %d of %d gigs",
			 run->done, due, (long long) workers);
	is_shown = true;
	pgstat_report_appname(text);
	ereport(NOTICE,
			(errmsg("%d of %d due gigs done", run->done, due),
			 workers > 0 ?
			 errdetail("Looking for the workers of those that come next; %lld workers so far.",
					   (long long) workers) :
			 errdetail("%.0f gigs a second.",
					   run->done / ((now - run->began) / (double) USECS_PER_SEC))));
}

static void
report_progress(Run *run)
{
	report_pass(run, 0);
}

/* Looks for the candidates of the gigs that come next, if that is worth it. */
static void
pass_over_workers(Run *run, Agenda *agenda)
{
	if (agenda->batch_context == NULL)
		agenda->batch_context = AllocSetContextCreate(run->context, "cirro wave batch",
													  ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(agenda->batch_context);
	agenda->batch = wave_batch(agenda->info->space, agenda->info->owner,
							   agenda->gigs + agenda->next,
							   Min(agenda->due - agenda->next, run->limit - run->done),
							   cirro_now(), agenda->batch_context, report_pass, run);
	agenda->next_pass = agenda->batch == NULL ? -1 : agenda->next + Max(agenda->batch->covered, 1);
	commit(run);
}

/* A Space's turn: some of its due gigs. */
static void
work_space(Run *run, Agenda *agenda)
{
	int			stop = Min(agenda->due, agenda->next + GIGS_PER_TURN);

	while (agenda->next < stop && run->done < run->limit)
	{
		GigOutcome	outcome;
		int64		gig_id;

		CHECK_FOR_INTERRUPTS();

		if (!is_there(agenda->info))
		{
			agenda->next = agenda->due;
			return;
		}

		if (agenda->next == agenda->next_pass)
			pass_over_workers(run, agenda);
		gig_id = agenda->gigs[agenda->next++];
		outcome = wave_take_turn(agenda->info->space, agenda->info->name, agenda->info->owner,
								 gig_id, wave_batch_find(agenda->batch, gig_id));
		commit(run);
		run->done++;
		agenda->locked = outcome == GIG_LOCKED ? agenda->locked + 1 : 0;
		if (outcome == GIG_LACKS_RESOURCES || agenda->locked >= MAX_LOCKED)
		{
			ereport(WARNING,
					(errcode(outcome == GIG_LOCKED ? ERRCODE_LOCK_NOT_AVAILABLE :
							 ERRCODE_INSUFFICIENT_RESOURCES),
					 errmsg("leaving Space \"%s\" until the next call",
							agenda->info->name),
					 outcome == GIG_LOCKED ?
					 errdetail("Another transaction holds locks that %d gigs in a row waited for.",
							   MAX_LOCKED) :
					 errdetail("A gig failed for lack of resources.")));
			agenda->next = agenda->due;
			return;
		}
		report_progress(run);
	}
}

/* Gives all Spaces turns, until none has a due gig left. */
static void
work_gigs(Run *run)
{
	bool		more;

	do
	{
		ListCell   *lc;

		more = false;
		foreach(lc, run->agendas)
		{
			Agenda	   *agenda = lfirst(lc);

			work_space(run, agenda);
			more |= agenda->next < agenda->due;
		}
	} while (more && run->done < run->limit);
}

static void
clean(Run *run)
{
	ListCell   *lc;

	foreach(lc, run->agendas)
	{
		Agenda	   *agenda = lfirst(lc);
		Retention	retention;
		bool		more;

		if (!agenda->clean || !is_there(agenda->info))
			continue;
		more = retention_begin(&retention, agenda->info);
		commit(run);
		while (more)
		{
			CHECK_FOR_INTERRUPTS();
			more = retention_step(&retention);
			commit(run);
			report_progress(run);
		}
	}
}

/*
 * cirro.run_waves(space name DEFAULT NULL, max_gigs int DEFAULT NULL)
 *
 * Each due gig has one turn in a call, even if it fails or is due again by
 * the end: what another call works on is left to it.
 */
Datum
run_waves(PG_FUNCTION_ARGS)
{
	const char *name = PG_ARGISNULL(0) ? NULL : NameStr(*PG_GETARG_NAME(0));
	Run			run = {0};
	List	   *spaces;
	ListCell   *lc;

	if (!PG_ARGISNULL(1) && PG_GETARG_INT32(1) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_gigs cannot be negative"),
				 errdetail("It is %d.", PG_GETARG_INT32(1)),
				 errhint("Leave it out for no limit.")));
	run.limit = PG_ARGISNULL(1) ? PG_INT32_MAX : PG_GETARG_INT32(1);
	run.atomic = !(fcinfo->context != NULL && IsA(fcinfo->context, CallContext) &&
				   !castNode(CallContext, fcinfo->context)->atomic);
	run.began = run.reported_at = GetCurrentTimestamp();

	if (RecoveryInProgress())
	{
		ereport(NOTICE,
				(errmsg("waves do not run on a standby"),
				 errhint("CALL cirro.run_waves() on the primary.")));
		PG_RETURN_VOID();
	}

	SPI_connect_ext(run.atomic ? 0 : SPI_OPT_NONATOMIC);
	run.context = AllocSetContextCreate(CurrentMemoryContext,
										"cirro.run_waves",
										ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(run.context);

	if (name != NULL)
	{
		SpaceInfo  *info = space_find(name);

		/* One with a defect is skipped, as it is when all are run. */
		if (info == NULL)
			info = space_get(name);
		space_check_run(info);
		spaces = list_make1(info);
	}
	else
	{
		spaces = space_list();
		if (!space_check_run_any(spaces, WARNING))
		{
			SPI_finish();
			PG_RETURN_VOID();
		}
	}

	if (!wave_active)
	{
		ereport(NOTICE,
				(errmsg("waves are switched off in this database"),
				 errdetail("The setting cirro.active is off."),
				 errhint("It is off in copies of production, which must not invite anybody.")));
		SPI_finish();
		PG_RETURN_VOID();
	}

	if (run.atomic)
	{
		run.limit = Min(run.limit, GIGS_WITHOUT_COMMIT);
		ereport(WARNING,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("waves in a transaction block are not committed as they go"),
				 errdetail("At most %d gigs are done, rows stay locked until the end of the transaction, and a ROLLBACK takes all of it back.",
						   GIGS_WITHOUT_COMMIT),
				 errhint("CALL cirro.run_waves() outside of a transaction block; where a driver opens one unasked, in autocommit mode.")));
	}

	commit(&run);
	foreach(lc, spaces)
	{
		SpaceInfo  *info = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (name == NULL && !space_may_run(info))
			continue;
		visit(&run, info, name != NULL);
		commit(&run);
	}

	PG_TRY();
	{
		work_gigs(&run);
		if (!run.atomic)
			clean(&run);
	}
	PG_FINALLY();
	{
		if (is_shown)
			pgstat_report_appname(application_name);
		is_shown = false;
	}
	PG_END_TRY();

	SPI_finish();
	PG_RETURN_VOID();
}
