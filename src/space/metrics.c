/*-------------------------------------------------------------------------
 * src/space/metrics.c
 *
 * What a monitoring system asks of every Space: how much there is to do, how
 * late it is, what went wrong. Decides what each number counts. Must not read
 * more than what is open, nor show anything of a Space but numbers to a caller
 * who may not read more.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/tableam.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_sequence.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "common/int.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "isolate.h"
#include "space/list.h"
#include "space/query.h"
#include "space/scope.h"
#include "space/shard.h"

PG_FUNCTION_INFO_V1(metrics);

/* The result's columns. */
typedef enum Column
{
	SPACE, PAUSED, OPEN_GIGS, SEATS, ACCEPTED, PENDING, WAITING, DUE_GIGS, LATE_SECONDS,
	FAILED_GIGS, EXHAUSTED_GIGS, OPEN_NOTIFICATIONS, DEAD_NOTIFICATIONS,
	OLDEST_NOTIFICATION_SECONDS, INVITATIONS_TOTAL, WAVES_TOTAL, EVENTS_TOTAL,
	DEFECT, NCOLUMNS
} Column;

/* What a look into a Space is asked, and answers. */
typedef struct Look
{
	const SpaceInfo *info;
	TimestampTz now;
	bool		done;			/* else the Space is gone */
	bool		was_locked;		/* for longer than one waits */
	Datum		values[NCOLUMNS];
} Look;

/*
 * Open gigs have something to come, their end if nothing else, so they are in the
 * index on next_event_at. Of notifications those below the floor are finished, and
 * the lowest id of the open ones is the oldest; what a consumer has put off on purpose
 * is not late before its time. The index on claim has the dead ones.
 */
static const SpaceQuery metrics_query = {
	"SELECT coalesce((SELECT t.paused FROM setting t LIMIT 1), false)::bool,"
	"   g.open_gigs::bigint, g.seats::bigint, g.accepted::bigint, p.pending::bigint,"
	"   g.waiting::bigint,"
	"   g.due_gigs::bigint, g.due_since::timestamptz, g.failed_gigs::bigint, g.exhausted_gigs::bigint,"
	"   o.open::bigint, d.dead::bigint, o.oldest::timestamptz"
	" FROM (SELECT count(*) FILTER (WHERE s.closes_at > $1) AS open_gigs,"
	"     coalesce(sum(coalesce(s.capacity, s.target)) FILTER (WHERE s.closes_at > $1), 0) AS seats,"
	"     coalesce(sum(s.accepted) FILTER (WHERE s.closes_at > $1), 0) AS accepted,"
	"     coalesce(sum(s.waiting) FILTER (WHERE s.closes_at > $1), 0) AS waiting,"
	"     count(*) FILTER (WHERE s.next_event_at <= $1) AS due_gigs,"
	"     min(s.next_event_at) FILTER (WHERE s.next_event_at <= $1) AS due_since,"
	"     count(*) FILTER (WHERE s.failures > 0) AS failed_gigs,"
	"     count(*) FILTER (WHERE s.exhausted AND s.auto AND s.accepted < s.target"
	"       AND s.closes_at > $1) AS exhausted_gigs"
	"   FROM gig_state s WHERE s.next_event_at IS NOT NULL) g"
	" CROSS JOIN (SELECT count(*) AS pending"
	"   FROM gig_state s JOIN invitation i ON i.gig_id = s.gig_id"
	"   WHERE s.next_event_at IS NOT NULL AND s.closes_at > $1 AND i.status = 'pending'"
	"     AND cirro.expired_reason(i.status, i.invited_at, s.closes_at, s.answer_within,"
	"       s.expires_rest AND s.accepted >= s.capacity) IS NULL) p"
	" CROSS JOIN (SELECT coalesce(sum(n.open), 0) AS open, min(e.at) AS oldest"
	"   FROM consumer c CROSS JOIN LATERAL ("
	"     SELECT count(*) AS open, min(l.id) FILTER"
	"         (WHERE NOT l.put_off OR l.due_at <= pg_catalog.clock_timestamp()) AS first"
	"       FROM notification l"
	"     WHERE l.consumer = c.name AND l.outcome IS NULL AND l.due_at >= coalesce("
	"       (SELECT max(f.due_at) FROM notification_floor f"
	"         WHERE f.consumer = c.name AND f.due_at <= pg_catalog.clock_timestamp()), '-infinity')) n"
	"   LEFT JOIN notification m ON m.id = n.first"
	"   LEFT JOIN event e ON e.id = m.event_id) o"
	" CROSS JOIN (SELECT count(*) AS dead FROM notification l WHERE l.outcome = 'dead') d",
	1, {TIMESTAMPTZOID}
};

/* From then until now; 0 without a then, infinite if that is. */
static float8
seconds_since(ResultRow *row, TimestampTz now)
{
	TimestampTz then;

	if (result_null(row))
		return 0;
	then = result_timestamptz(row);
	if (TIMESTAMP_NOT_FINITE(then))
		return TIMESTAMP_IS_NOBEGIN(then) ? get_float8_infinity() : 0;
	return Max((float8) now - (float8) then, 0) / USECS_PER_SEC;
}

/*
 * How many ids a sequence has given if "last" was the last: from its least number on,
 * which is a node's own where Citus has several, in its steps, which are wide in cells.
 */
static int64
steps_to(Oid sequence, int64 last)
{
	HeapTuple	tuple = SearchSysCache1(SEQRELID, ObjectIdGetDatum(sequence));
	Form_pg_sequence form;
	int64		steps;

	if (!HeapTupleIsValid(tuple))
		return 0;
	form = (Form_pg_sequence) GETSTRUCT(tuple);
	if (form->seqincrement < 0 || pg_sub_s64_overflow(last, form->seqmin, &steps) ||
		pg_add_s64_overflow(steps / form->seqincrement, 1, &steps))
		steps = 0;
	ReleaseSysCache(tuple);
	return steps;
}

/*
 * How many ids the sequence of a table has given here, 0 without one. Core's
 * pg_sequence_last_value would lock it until the end of the whole transaction.
 */
static int64
ids_given(Oid space, const char *table)
{
	Oid			relid = shard_id_sequence(space, table);
	Relation	sequence;
	TableScanDesc scan;
	TupleTableSlot *slot;
	int64		given = 0;

	if (!OidIsValid(relid))
		return 0;
	sequence = relation_open(relid, AccessShareLock);
	slot = table_slot_create(sequence, NULL);
	scan = table_beginscan(sequence, GetActiveSnapshot(), 0, NULL);
	if (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;

		if (DatumGetBool(slot_getattr(slot, SEQ_COL_CALLED, &isnull)))
			given = steps_to(relid, DatumGetInt64(slot_getattr(slot, SEQ_COL_LASTVAL, &isnull)));
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	relation_close(sequence, AccessShareLock);
	return given;
}

/*
 * Fills in the numbers. An IsolatedWork that is never kept: undone, it gives back
 * its locks, of which a transaction could not hold those of thousands of Spaces.
 */
static bool
look_into(void *arg)
{
	Look	   *look = arg;
	SpaceScope	scope;
	QueryArgs	args = {&metrics_query};
	ResultRow	row;
	static const char *const tables[] = {
		"setting", "gig_state", "invitation", "consumer", "notification",
		"notification_floor", "wave", "event"
	};
	static const char *const counted[] = {"invitation", "wave", "event"};

	if (!space_enter_turn(&scope, look->info->space, look->info->owner))
		return false;
	space_hold(look->info->space, look->info->owner, tables, lengthof(tables));
	/* The query is as cheap as it can be, whatever the planner expects. */
	(void) set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	arg_timestamptz(&args, look->now);
	query_run_once(&args, true);
	row = result_row(0);
	for (Column column = PAUSED; column < INVITATIONS_TOTAL; column++)
	{
		if (column == PAUSED)
			look->values[column] = BoolGetDatum(result_bool(&row));
		else if (column == LATE_SECONDS || column == OLDEST_NOTIFICATION_SECONDS)
			look->values[column] = Float8GetDatum(seconds_since(&row, look->now));
		else
			look->values[column] = Int64GetDatum(result_int64(&row));
	}
	result_end(&row);
	for (int i = 0; i < (int) lengthof(counted); i++)
		look->values[INVITATIONS_TOTAL + i] =
			Int64GetDatum(ids_given(look->info->space, counted[i]));
	space_leave(&scope);
	look->done = true;
	return false;
}

/*
 * Whose tables are missing is shown to those who could mend it. False, too, for
 * a Space that was dropped since it was listed.
 */
static bool
may_read(const SpaceInfo *info)
{
	Oid			state = get_relname_relid("gig_state", info->space);

	if (!SearchSysCacheExists1(NAMESPACEOID, ObjectIdGetDatum(info->space)))
		return false;
	if (!OidIsValid(state))
		return space_may_run(info);
	return cirro_schema_aclcheck(info->space, GetUserId(), ACL_USAGE) == ACLCHECK_OK &&
		pg_class_aclcheck(state, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

/*
 * Looks into a Space; what is wrong with it, or NULL. An owner who has kept us waiting
 * for a lock is not waited for again: else one with many Spaces could take all the time
 * that the caller has.
 */
static const char *
look_hurried(Look *look, bool no_waits)
{
	int			level = NewGUCNestLevel();
	IsolatedResult result;
	ErrorData  *error;

	if (no_waits)
		(void) set_config_option("lock_timeout", "1ms", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	result = run_isolated(look_into, look, &error);
	AtEOXact_GUC(false, level);
	if (result != ISOLATED_FAILED)
		return NULL;
	look->was_locked = error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
	return error_summary(error);
}

/*
 * metrics() returns a row for every Space whose gig_state the caller may read,
 * computed as the Space's owner. Where that fails, "defect" says why and the
 * numbers are NULL: no owner can keep the others from being seen.
 */
Datum
metrics(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz now = cirro_now();
	List	   *hinderers = NIL;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, space_list_unexamined())
	{
		SpaceInfo  *info = lfirst(cell);
		Look		look = {.info = info, .now = now};
		NameData	name;
		const char *defect;
		bool		nulls[NCOLUMNS] = {false};

		CHECK_FOR_INTERRUPTS();
		if (!may_read(info))
			continue;
		space_examine(info);
		defect = info->defect;
		/* What is read of a Space hangs off a connection of its own. */
		if (SPI_connect() != SPI_OK_CONNECT)
			elog(ERROR, "SPI_connect failed");
		if (defect == NULL)
			defect = look_hurried(&look, list_member_oid(hinderers, info->owner));
		if (defect != NULL || look.done)
		{
			namestrcpy(&name, info->name);
			look.values[SPACE] = NameGetDatum(&name);
			for (Column column = PAUSED; column < DEFECT; column++)
				nulls[column] = defect != NULL;
			nulls[DEFECT] = defect == NULL;
			if (defect != NULL)
				look.values[DEFECT] = CStringGetTextDatum(defect);
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, look.values, nulls);
		}
		SPI_finish();
		if (look.was_locked)
			hinderers = list_append_unique_oid(hinderers, info->owner);
	}
	return (Datum) 0;
}
