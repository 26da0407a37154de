/*-------------------------------------------------------------------------
 * src/wave/run_waves.c
 *
 * The wave procedure: when it looks at the Spaces, which of them and which gigs
 * have their turn, in what order, and where transactions end. Must not work as
 * its caller: all that runs code of a Space runs as the Space's owner, in a
 * security-restricted operation that is over before the next commit, so that
 * nothing which an owner has put into a Space is ever run by somebody else.
 * That holds for the caller's own Spaces too.
 *
 * Every gig gets a transaction of its own: two in one would hold gig_state of
 * the first while the second waits for other rows, against the lock order
 * (gig/state.h), and a cancel would undo more than the gig at hand.
 *
 * Between two looks of a long call the session holds back nothing: a transaction
 * without snapshot, transaction id or lock, in which no catalogue is read.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "replication/syncrep.h"
#include "tcop/pquery.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "cirro.h"
#include "compat.h"
#include "isolate.h"
#include "space/ddl.h"
#include "space/list.h"
#include "space/shard.h"
#include "wave/active.h"
#include "wave/batch.h"
#include "wave/due.h"
#include "wave/during.h"
#include "wave/eligible.h"
#include "wave/look.h"
#include "wave/retention.h"
#include "wave/trouble.h"
#include "wave/turn.h"

PG_FUNCTION_INFO_V1(run_waves);

/* Spaces take turns of so many gigs: a big one does not starve the others. */
#define GIGS_PER_TURN 100

/* After as many turns that waited for a lock in vain the Space has to wait. */
#define MAX_LOCKED 3

/* As many at most when all are done in one transaction. */
#define GIGS_WITHOUT_COMMIT 100

/* From the beginning of a look of a long call to that of the next, at least. */
#define LOOK_INTERVAL USECS_PER_SEC

/* No Space has others wait for longer while it looks which gigs to wake, or wakes them. */
#define MAX_WAKING (30 * USECS_PER_SEC)

/* Idle Spaces that are looked at in one transaction. */
#define PEEKS_PER_COMMIT 100

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
	/* Of the call. */
	bool		atomic;
	const char *name;			/* of the one Space, or NULL */
	TimestampTz until;			/* the last look begins by then */
	TimestampTz deadline;		/* no gig's turn begins later */
	int			limit;			/* of gigs that may still be done */

	/* The Space that is being cleaned, of which a look does a part. */
	bool		is_cleaning;
	Retention	retention;
	SpaceInfo	cleaned;

	/* Of a look. */
	MemoryContext context;		/* what outlives a commit */
	int64		looked;			/* how long looking at the Spaces took */
	List	   *agendas;
	int			peeks;			/* since the last commit */
	bool		is_unflushed;	/* a commit may not be on disk yet */
	int			due;
	int			done;
	TimestampTz began;
	TimestampTz reported_at;
} Run;

/* Is the progress of a run in pg_stat_activity? */
static bool is_shown = false;

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
 * The same of a gig among many: the disk is waited for once, at the end. Whoever
 * hears of an invitation by a transaction that is on disk, hears of one that is.
 */
static void
commit_turn(Run *run)
{
	if (!run->atomic && synchronous_commit > SYNCHRONOUS_COMMIT_OFF)
	{
		(void) set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
		run->is_unflushed = true;
	}
	commit(run);
}

/* What was committed is on disk now, and where else synchronous_commit wants it. */
static void
flush(Run *run)
{
	if (!run->is_unflushed)
		return;
	run->is_unflushed = false;
	XLogFlush(XactLastCommitEnd);
	HOLD_INTERRUPTS();
	SyncRepWaitForLSN(XactLastCommitEnd, true);
	RESUME_INTERRUPTS();
}

/* It may have been dropped since, or while the catalogues were read. */
static bool
is_there(const SpaceInfo *info)
{
	return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(info->invitation));
}

/* Says that a Space is left out, unless this call has said so of it. */
static void
skip(const SpaceInfo *info, int sqlerrcode, const char *detail, const char *hint)
{
	if (trouble_is_new(info->space, sqlerrcode))
		ereport(WARNING,
				(errcode(sqlerrcode),
				 errmsg("skipping Space \"%s\"", info->name),
				 errdetail_internal("%s", detail),
				 hint != NULL ? errhint("%s", hint) : 0));
}

/* Is the Space idle for certain? That is all that most cost. */
static bool
is_idle(const SpaceInfo *info)
{
	DueWork		work = {.info = info, .now = cirro_now()};
	ErrorData  *error;

	/* What may be wrong comes up again when the Space is asked. */
	(void) run_isolated(wave_due_peek, &work, &error);
	return work.is_idle;
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

/* The same of a look for gigs to wake. A WaveLookReport. */
static void
report_look(void *arg, int64 done, int64 workers)
{
	Run		   *run = arg;
	TimestampTz now = GetCurrentTimestamp();
	char		text[NAMEDATALEN];

	if (now - run->reported_at < PROGRESS_INTERVAL)
		return;
	run->reported_at = now;
	snprintf(text, sizeof(text), "cirro: changed worker %lld of %lld",
			 (long long) done, (long long) workers);
	is_shown = true;
	pgstat_report_appname(text);
	ereport(NOTICE,
			(errmsg("looking which gigs changed workers wake"),
			 errdetail("%lld of %lld workers so far.", (long long) done, (long long) workers)));
}

static void
report_progress(Run *run)
{
	report_pass(run, 0);
}

static void
hide_progress(void)
{
	if (is_shown)
		pgstat_report_appname(application_name);
	is_shown = false;
}

/* Must the call end before statement_timeout ends it? */
static bool
is_too_late(const Run *run)
{
	return run->deadline != DT_NOEND && GetCurrentTimestamp() >= run->deadline;
}

/* Says that work in a Space failed, and leaves it alone if that was a lock. */
static void
skip_failed(const SpaceInfo *info, const ErrorData *error)
{
	skip(info, error->sqlerrcode, error_summary(error), NULL);
	if (error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
		trouble_rest(info->space);
}

/* Asks a Space what there is to do. Is it one to be worked in? */
static bool
ask(Run *run, SpaceInfo *info, DueWork *work)
{
	IsolatedResult result;
	ErrorData  *error;

	result = run_isolated(wave_due_read, work, &error);
	if (result == ISOLATED_FAILED)
		skip_failed(info, error);
	else if (work->ddl_version != 0 &&
			 (work->ddl_version < CIRRO_DDL_VERSION_MIN ||
			  work->ddl_version > CIRRO_DDL_VERSION))
		skip(info, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			 psprintf("Its tables are of version %d; this library serves %d to %d.",
					  work->ddl_version, CIRRO_DDL_VERSION_MIN, CIRRO_DDL_VERSION),
			 work->ddl_version < CIRRO_DDL_VERSION_MIN ?
			 psprintf("CALL cirro.upgrade_spaces(%s).", quote_literal_cstr(info->name)) :
			 "Install the version of cirro that made them.");
	else if (work->paused)
	{
		if (run->name != NULL && trouble_is_new(info->space, ERRCODE_SUCCESSFUL_COMPLETION))
			ereport(NOTICE,
					(errmsg("Space \"%s\" is paused", info->name)));
	}
	else
		return result == ISOLATED_DONE;
	return false;
}

/*
 * Runs a step of a look, and ends its transaction. "may_differ": it has failed, but
 * another might not.
 */
static bool
take_step(Run *run, const SpaceInfo *info, IsolatedWork step, WaveLook *wake, bool *may_differ)
{
	IsolatedResult result;
	ErrorData  *error;

	SPI_connect();
	result = run_isolated(step, wake, &error);
	*may_differ = result == ISOLATED_FAILED && !error_is_transient(error) &&
		!error_is_lack_of_resources(error);
	if (*may_differ && trouble_is_new(info->space, error->sqlerrcode))
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("waking gigs of Space \"%s\" failed", info->name),
				 errdetail_internal("%s", error_summary(error))));
	else if (result == ISOLATED_FAILED && !*may_differ)
		skip_failed(info, error);
	SPI_finish();
	commit(run);
	return result == ISOLATED_DONE;
}

/*
 * Until when a search for gigs to wake may go on, or their waking: if statement_timeout
 * ended the call in it, so it would the next, and no Space had waves any more.
 */
static TimestampTz
waking_deadline(void)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz end = wave_deadline();

	return now + (end == DT_NOEND ? MAX_WAKING : Min((end - now) / 2, MAX_WAKING));
}

/*
 * Wakes the gigs that are asleep and that somebody concerns who was added or changed.
 * What is broken off is looked at again: only the last step says that it is done. In a
 * transaction block that is never said.
 */
static void
wake_gigs(Run *run, const SpaceInfo *info)
{
	WaveLook	wake = {
		.space = info->space,
		.owner = info->owner,
		.now = cirro_now(),
		.until = waking_deadline(),
		.context = AllocSetContextCreate(run->context, "cirro look", ALLOCSET_DEFAULT_SIZES),
		.report = report_look,
		.report_arg = run
	};
	TimestampTz end;
	bool		may_differ;
	bool		sound = take_step(run, info, wave_look_find, &wake, &may_differ);

	/* Better to wake too many than that none is ever woken. */
	if (may_differ)
	{
		wake.all = true;
		sound = take_step(run, info, wave_look_find, &wake, &may_differ);
	}
	end = waking_deadline();
	while (sound && wake.next < wake.ngigs && !is_too_late(run) &&
		   (wake.next == 0 || GetCurrentTimestamp() < end) &&
		   (!run->atomic || wake.next < GIGS_WITHOUT_COMMIT))
	{
		CHECK_FOR_INTERRUPTS();
		sound = take_step(run, info, wave_look_wake, &wake, &may_differ) ||
			(may_differ && wave_look_pass_over(&wake));
	}
	if (sound && wake.next == wake.ngigs && !run->atomic)
		take_step(run, info, wave_look_advance, &wake, &may_differ);
	if (wake.ngigs > 0)
		ereport(DEBUG1,
				(errmsg_internal("woke %d gigs of %d in Space \"%s\"",
								 wake.woken, wake.ngigs, info->name)));
	MemoryContextDelete(wake.context);
}

/* Puts a Space on the agenda. The caller is connected to SPI. */
static void
enter_agenda(Run *run, SpaceInfo *info, const DueWork *work)
{
	MemoryContext context;
	Agenda	   *agenda;

	if (!work->clean && work->ngigs == 0)
		return;
	context = MemoryContextSwitchTo(run->context);
	agenda = palloc0(sizeof(Agenda));
	agenda->info = info;
	agenda->clean = work->clean;
	agenda->due = work->ngigs;
	agenda->gigs = palloc(mul_size(sizeof(int64), agenda->due));
	memcpy(agenda->gigs, work->gigs, sizeof(int64) * agenda->due);
	run->agendas = lappend(run->agendas, agenda);
	run->due += agenda->due;
	MemoryContextSwitchTo(context);
}

/* Puts a Space on the agenda, if it is one to be worked in, and wakes its gigs before. */
static void
visit(Run *run, SpaceInfo *info)
{
	DueWork		work = {.info = info, .now = cirro_now(), .limit = run->limit};
	bool		sound;
	bool		may_wake;

	SPI_connect();
	if (run->name == NULL)
		space_examine(info);
	if (info->defect != NULL)
	{
		/* One that is being dropped lacks its tables, too. */
		if (is_there(info))
			skip(info, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, info->defect, NULL);
		SPI_finish();
		return;
	}
	sound = ask(run, info, &work);
	may_wake = sound && work.may_wake;
	if (sound && !may_wake)
		enter_agenda(run, info, &work);
	SPI_finish();
	if (!may_wake)
		return;

	commit(run);
	wake_gigs(run, info);
	if (!is_there(info))
		return;
	SPI_connect();
	/* They are due from when they were woken on. */
	work.now = cirro_now();
	/* Without a commit the snapshot is still that of before. */
	if (run->atomic)
	{
		CommandCounterIncrement();
		PushActiveSnapshot(GetTransactionSnapshot());
	}
	if (ask(run, info, &work))
		enter_agenda(run, info, &work);
	if (run->atomic)
		PopActiveSnapshot();
	SPI_finish();
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

	while (agenda->next < stop && run->done < run->limit && !is_too_late(run))
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
		commit_turn(run);
		run->done++;
		agenda->locked = outcome == GIG_LOCKED ? agenda->locked + 1 : 0;
		if (outcome == GIG_LACKS_RESOURCES || agenda->locked >= MAX_LOCKED)
		{
			int			sqlerrcode = outcome == GIG_LOCKED ? ERRCODE_LOCK_NOT_AVAILABLE :
				ERRCODE_INSUFFICIENT_RESOURCES;

			if (trouble_is_new(agenda->info->space, sqlerrcode))
				ereport(WARNING,
						(errcode(sqlerrcode),
						 errmsg("leaving Space \"%s\" until the next call, or for a minute",
								agenda->info->name),
						 outcome == GIG_LOCKED ?
						 errdetail("Another transaction holds locks that %d gigs in a row waited for.",
								   MAX_LOCKED) :
						 errdetail("A gig failed for lack of resources.")));
			trouble_rest(agenda->info->space);
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
	} while (more && run->done < run->limit && !is_too_late(run));
}

/*
 * Goes on with the Space that is being cleaned, if there is one, by a step at least;
 * no longer than until then.
 */
static void
clean_until(Run *run, TimestampTz end)
{
	while (run->is_cleaning && !is_too_late(run))
	{
		CHECK_FOR_INTERRUPTS();
		run->is_cleaning = retention_step(&run->retention);
		commit(run);
		report_progress(run);
		if (GetCurrentTimestamp() >= end)
			break;
	}
}

/*
 * Removes old rows; in a long call for about as long as may be between two looks, so
 * that much to remove does not keep gigs waiting. What is left comes in the next look.
 */
static void
clean(Run *run)
{
	TimestampTz end = run->until > run->began ?
		GetCurrentTimestamp() + Max(LOOK_INTERVAL, run->looked) : DT_NOEND;
	ListCell   *lc;

	clean_until(run, end);
	foreach(lc, run->agendas)
	{
		Agenda	   *agenda = lfirst(lc);

		if (run->is_cleaning || GetCurrentTimestamp() >= end)
			break;
		if (!agenda->clean || !is_there(agenda->info))
			continue;
		run->cleaned = *agenda->info;
		run->cleaned.name = MemoryContextStrdup(MemoryContextGetParent(run->context),
												agenda->info->name);
		run->is_cleaning = retention_begin(&run->retention, &run->cleaned);
		commit(run);
		clean_until(run, end);
	}
}

/*
 * The Spaces to look at, or the one: NULL name, those that the caller may run,
 * and others. Raises if there is no Space of that name, or the caller may not run it.
 */
static List *
find_spaces(const Run *run)
{
	SpaceInfo  *info;

	if (run->name == NULL)
		return space_list_unexamined();
	/* One with a defect is skipped, as it is when all are run. */
	info = space_find(run->name);
	if (info == NULL)
		info = space_get(run->name);
	space_check_run(info);
	return list_make1(info);
}

/* Looks at the Spaces and does what is due. The last transaction is committed. */
static void
look(Run *run, List *spaces)
{
	ListCell   *lc;

	run->agendas = NIL;
	run->due = run->done = run->peeks = 0;
	run->reported_at = GetCurrentTimestamp();
	commit(run);
	foreach(lc, spaces)
	{
		SpaceInfo  *info = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (run->name == NULL && !space_may_run(info))
			continue;
		if (trouble_rests(info->space))
			continue;
		if (shard_is_elsewhere(info->space))
		{
			if (run->name != NULL && trouble_is_new(info->space, ERRCODE_SUCCESSFUL_COMPLETION))
				ereport(NOTICE,
						(errmsg("the rows of Space \"%s\" are on another node", info->name),
						 errhint("CALL cirro.run_waves() on each node of Citus.")));
			continue;
		}
		if (run->name == NULL && is_idle(info))
		{
			if (++run->peeks % PEEKS_PER_COMMIT != 0)
				continue;
		}
		else if (is_there(info))
			visit(run, info);
		commit(run);
	}
	run->looked = Max(GetCurrentTimestamp() - run->began, 0);

	work_gigs(run);
	flush(run);
	if (!run->atomic)
		clean(run);
	hide_progress();
	run->limit -= run->done;
}

/*
 * Waits for the time of the next look; false if there is none. Looking may take
 * half of the time, so that thousands of Spaces do not keep a core busy; what is due may
 * take all of it. The next transaction has begun.
 */
static bool
wait_to_look(Run *run)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		wait = Max(run->began + LOOK_INTERVAL - now, run->looked);

	/* The system's clock may have been put back. */
	wait = Min(wait, LOOK_INTERVAL + run->looked);
	if (run->atomic || run->limit <= 0 || now + wait > run->until)
		return false;
	SPI_commit();
	XactIsoLevel = XACT_READ_COMMITTED;
	wave_wait(wait);
	run->began = now + wait;
	MemoryContextReset(run->context);
	/* The clock goes by transactions. */
	commit(run);
	return true;
}

/*
 * cirro.run_waves(space name DEFAULT NULL, max_gigs int DEFAULT NULL,
 *                 during interval DEFAULT NULL)
 *
 * Each due gig has one turn in a look, even if it fails or is due again by
 * the end: what another call works on is left to it.
 */
Datum
run_waves(PG_FUNCTION_ARGS)
{
	int64		during = PG_ARGISNULL(2) ? 0 : wave_during(PG_GETARG_INTERVAL_P(2));
	Run			run = {0};
	List	   *spaces;
	MemoryContext context;
	HTAB	   *previous;

	if (!PG_ARGISNULL(1) && PG_GETARG_INT32(1) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_gigs cannot be negative"),
				 errdetail("It is %d.", PG_GETARG_INT32(1)),
				 errhint("Leave it out for no limit.")));
	wave_eligible_refuse_waves();
	run.limit = PG_ARGISNULL(1) ? PG_INT32_MAX : PG_GETARG_INT32(1);
	run.atomic = !(fcinfo->context != NULL && IsA(fcinfo->context, CallContext) &&
				   !castNode(CallContext, fcinfo->context)->atomic);
	run.began = GetCurrentTimestamp();

	if (RecoveryInProgress())
	{
		ereport(NOTICE,
				(errmsg("waves do not run on a standby"),
				 errhint("CALL cirro.run_waves() on the primary.")));
		PG_RETURN_VOID();
	}

	SPI_connect_ext(run.atomic ? 0 : SPI_OPT_NONATOMIC);
	context = AllocSetContextCreate(CurrentMemoryContext, "cirro.run_waves",
									ALLOCSET_DEFAULT_SIZES);
	run.name = PG_ARGISNULL(0) ? NULL :
		MemoryContextStrdup(context, NameStr(*PG_GETARG_NAME(0)));
	run.context = AllocSetContextCreate(context, "cirro.run_waves look",
										ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(run.context);

	spaces = find_spaces(&run);
	if (run.name == NULL && !space_check_run_any(spaces, WARNING))
	{
		SPI_finish();
		PG_RETURN_VOID();
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
				 during > 0 ?
				 errmsg("waves in a transaction block are not committed as they go, and during is ignored") :
				 errmsg("waves in a transaction block are not committed as they go"),
				 errdetail("At most %d gigs are done, rows stay locked until the end of the transaction, and a ROLLBACK takes all of it back.",
						   GIGS_WITHOUT_COMMIT),
				 errhint("CALL cirro.run_waves() outside of a transaction block; where a driver opens one unasked, in autocommit mode.")));
	}

	run.until = run.began + during;
	run.deadline = during > 0 && !run.atomic ? wave_deadline() : DT_NOEND;
	if (run.deadline < run.until)
	{
		ereport(NOTICE,
				(errmsg("the call ends after %.1f seconds",
						Max(run.deadline - run.began, 0) / (double) USECS_PER_SEC),
				 errdetail("These are nine tenths of statement_timeout, less than what was asked for."),
				 errhint("Give a shorter during, or SET statement_timeout.")));
		run.until = run.deadline;
	}

	previous = trouble_begin(context);
	PG_TRY();
	{
		for (;;)
		{
			look(&run, spaces);
			if (!wait_to_look(&run))
				break;
			spaces = find_spaces(&run);
		}
		/* What was begun; the next call has to do the rest. */
		clean_until(&run, DT_NOEND);
	}
	PG_FINALLY();
	{
		hide_progress();
		trouble_end(previous);
	}
	PG_END_TRY();

	SPI_finish();
	PG_RETURN_VOID();
}
