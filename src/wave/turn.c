/*-------------------------------------------------------------------------
 * src/wave/turn.c
 *
 * One gig's turn: claims the gig, has the wave run that is due, finishes what
 * has expired, sends what was scheduled, announces, and decides when to look
 * at the gig again. Must not commit, and must not touch another gig.
 *
 * The wave comes first: its insert may have to wait, which must not happen
 * with gig_state locked. Every later step takes existing invitations with
 * SKIP LOCKED; what is locked is left for the next tick.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "cirro.h"
#include "gig/state.h"
#include "wave/turn.h"
#include "isolate.h"
#include "space/plan_cache.h"
#include "space/scope.h"
#include "wave/wave.h"

static const CirroQuery claim_query = {
	"SELECT FROM gig g WHERE g.id = $1 FOR NO KEY UPDATE SKIP LOCKED",
	1, {INT8OID}, PLAN_BY_KEY
};

/*
 * A statement of its own after the claim: what another wave of this gig has
 * just committed must be seen.
 */
static const CirroQuery read_query = {
	"SELECT s.accepted::int, s.target::int,"
	"   (s.expires_rest AND s.accepted >= s.capacity)::bool,"
	"   s.auto::bool, s.frequency::interval, s.answer_within::interval,"
	"   s.starts_at::timestamptz, s.closes_at::timestamptz,"
	"   coalesce(s.archives_at, 'infinity')::timestamptz,"
	"   coalesce(s.next_wave_at, 'infinity')::timestamptz,"
	"   s.waves::int, s.failures::int, s.announced::int,"
	"   least(ceil(greatest(s.target - s.accepted, 0)::numeric"
	"     * least(g.invitation_multiplier, " WAVE_MAX_WANTED ")), " WAVE_MAX_WANTED ")::int,"
	"   coalesce(g.pending_max, 0)::int, g.filter_query::jsonb, g.sort_query::json,"
	"   coalesce(t.paused, false)::bool, t.max_pending IS NOT NULL,"
	"   EXISTS (SELECT FROM invitation i"
	"     WHERE i.gig_id = $1 AND i.status = 'scheduled' AND i.send_at <= $2),"
	"   CASE WHEN " STATE_SEARCHED("$3") " THEN s.searched END::xid8,"
	"   pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())"
	" FROM gig g JOIN gig_state s ON s.gig_id = g.id LEFT JOIN setting t ON true"
	" WHERE g.id = $1",
	3, {INT8OID, TIMESTAMPTZOID, INT8OID}, PLAN_BY_KEY
};

static const CirroQuery expire_unanswered_query = {
	"UPDATE invitation i SET status = 'expired', reason = '" GIG_NO_ANSWER "'"
	" WHERE i.id = ANY (ARRAY("
	"   SELECT l.id FROM invitation l WHERE l.gig_id = $1 AND l.status = 'pending'"
	"   AND cirro.add_interval(l.invited_at, $2) <= $3"
	"   ORDER BY l.id FOR NO KEY UPDATE SKIP LOCKED))"
	" AND i.status = 'pending'",
	3, {INT8OID, INTERVALOID, TIMESTAMPTZOID}, PLAN_BY_KEY
};

#define SEND_DUE(is_active) \
	" WHERE i.id = ANY (ARRAY(" \
	"   SELECT l.id FROM invitation l JOIN worker w ON w.id = l.worker_id" \
	"   WHERE l.gig_id = $1 AND l.status = 'scheduled' AND l.send_at <= $2" \
	"   AND " is_active \
	"   ORDER BY l.id FOR NO KEY UPDATE OF l SKIP LOCKED))" \
	" AND i.status = 'scheduled'"

static const CirroQuery send_query = {
	"UPDATE invitation i SET status = 'pending'" SEND_DUE("w.active"),
	2, {INT8OID, TIMESTAMPTZOID}, PLAN_BY_KEY
};

static const CirroQuery drop_inactive_query = {
	"UPDATE invitation i SET status = 'expired', reason = 'worker_inactive'"
	SEND_DUE("NOT w.active"),
	2, {INT8OID, TIMESTAMPTZOID}, PLAN_BY_KEY
};

static const CirroQuery announce_query = {
	"INSERT INTO notification (consumer, kind, gig_id)"
	" SELECT c.name, n.kind, $1"
	" FROM (VALUES (1, 'gig.started'), (2, 'gig.ended'), (3, 'gig.archived'))"
	"     AS n (rank, kind)"
	"   CROSS JOIN pg_catalog.unnest(coalesce((SELECT t.consumers FROM setting t), '{default}'))"
	"     AS c (name)"
	" WHERE n.rank > $2 AND n.rank <= $3"
	" ORDER BY n.rank",
	3, {INT8OID, INT4OID, INT4OID}, PLAN_BY_KEY
};

/*
 * A statement of its own after gig_state is locked: whoever scheduled an
 * invitation meanwhile has either been seen by it, or will lower
 * next_event_at after it.
 */
static const CirroQuery update_state_query = {
	"UPDATE gig_state s SET"
	"   last_due_at = coalesce($3, s.last_due_at),"
	"   next_wave_at = n.wave_at,"
	"   last_wave_at = coalesce($5, s.last_wave_at),"
	"   waves = $6, failures = $7, announced = $8,"
	"   searched = coalesce($10, s.searched), searched_on = coalesce($11, s.searched_on),"
	"   released = CASE WHEN s.released < $12 THEN s.released END,"
	"   next_event_at = coalesce(least($9, CASE WHEN $9 IS NOT NULL AND n.wave_at > $2"
	"       THEN n.wave_at END), least("
	"     CASE WHEN n.wave_at < n.closes_at AND n.closes_at > $2 THEN n.wave_at END,"
	"     CASE WHEN n.over AND EXISTS (SELECT FROM invitation i"
	"         WHERE i.gig_id = $1 AND i.status IN ('pending', 'scheduled'))"
	"       THEN $2 END,"
	"     (SELECT min(i.send_at) FROM invitation i"
	"       WHERE i.gig_id = $1 AND i.status = 'scheduled'),"
	"     CASE WHEN n.answer_within IS NOT NULL"
	"       THEN (SELECT min(cirro.add_interval(i.invited_at, n.answer_within))"
	"         FROM invitation i WHERE i.gig_id = $1 AND i.status = 'pending') END,"
	"     CASE WHEN $8 < 1 THEN n.starts_at END,"
	"     CASE WHEN $8 < 2 THEN n.closes_at END,"
	"     CASE WHEN $8 < 3 THEN n.archives_at END))"
	" FROM (SELECT l.gig_id, l.answer_within, l.starts_at, l.closes_at, l.archives_at,"
	"     l.closes_at <= $2 OR (l.expires_rest AND l.accepted >= l.capacity) AS over,"
	"     CASE WHEN l.auto AND l.accepted < l.target THEN coalesce($4, l.next_wave_at) END AS wave_at"
	"   FROM gig_state l WHERE l.gig_id = $1) n"
	" WHERE s.gig_id = n.gig_id",
	12, {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
	INT4OID, INT4OID, INT4OID, TIMESTAMPTZOID, XID8OID, INT8OID, XID8OID}, PLAN_BY_KEY
};

/* ---------------------------------------------------------------- steps -- */

/* The owner may have dropped a constraint since the Space was looked at. */
static void
raise_null(const char *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("the \"%s\" of a gig must not be null", column),
				 errdetail("A table of the Space lacks a constraint."),
			 errhint("Restore the constraints that create_space made.")));
}

/* Casts: the owner may have altered a column since the Space was looked at. */
bool
gig_read(GigWork *work)
{
	Datum		values[3] = {
		Int64GetDatum(work->gig_id), TimestampTzGetDatum(work->now),
		Int64GetDatum(gig_state_place(work->space))
	};
	bool		isnull;
	Datum		value;

	if (cirro_execute(work->space, &read_query, values, NULL) == 0)
		return false;

	work->accepted = DatumGetInt32(cirro_result(0, 1, &isnull));
	work->target = DatumGetInt32(cirro_result(0, 2, &isnull));
	value = cirro_result(0, 3, &isnull);
	work->full = !isnull && DatumGetBool(value);
	work->automatic = DatumGetBool(cirro_result(0, 4, &isnull));
	value = cirro_result(0, 5, &isnull);
	if (isnull)
		raise_null("frequency");
	work->frequency = DatumGetIntervalP(value);
	value = cirro_result(0, 6, &isnull);
	work->answer_within = isnull ? NULL : DatumGetIntervalP(value);
	work->starts_at = DatumGetTimestampTz(cirro_result(0, 7, &isnull));
	work->closes_at = DatumGetTimestampTz(cirro_result(0, 8, &isnull));
	work->archives_at = DatumGetTimestampTz(cirro_result(0, 9, &isnull));
	work->next_wave_at = DatumGetTimestampTz(cirro_result(0, 10, &isnull));
	work->waves = DatumGetInt32(cirro_result(0, 11, &isnull));
	work->failures = DatumGetInt32(cirro_result(0, 12, &isnull));
	work->announced = DatumGetInt32(cirro_result(0, 13, &isnull));
	work->wanted = DatumGetInt32(cirro_result(0, 14, &isnull));
	work->pending_max = DatumGetInt32(cirro_result(0, 15, &isnull));
	work->filter = cirro_result(0, 16, &isnull);
	if (isnull)
		raise_null("filter_query");
	value = cirro_result(0, 17, &isnull);
	work->sort = isnull ? (Datum) 0 : value;
	work->paused = DatumGetBool(cirro_result(0, 18, &isnull));
	work->limits_workers = DatumGetBool(cirro_result(0, 19, &isnull));
	work->sends = DatumGetBool(cirro_result(0, 20, &isnull));
	value = cirro_result(0, 21, &isnull);
	work->searched = isnull ? InvalidFullTransactionId : DatumGetFullTransactionId(value);
	work->horizon = DatumGetFullTransactionId(cirro_result(0, 22, &isnull));
	return true;
}

bool
gig_is_open(const GigWork *work)
{
	return work->now < work->closes_at;
}

/*
 * What expires does so by the clock already; here the rows learn of it. An
 * answer that came due before the gig closed was not given, whenever this
 * runs.
 */
static bool
finish_expired(void *arg)
{
	GigWork    *work = arg;
	Datum		values[3] = {Int64GetDatum(work->gig_id)};

	if (work->answer_within != NULL)
	{
		values[1] = IntervalPGetDatum(work->answer_within);
		values[2] = TimestampTzGetDatum(Min(work->now, work->closes_at));
		cirro_execute(work->space, &expire_unanswered_query, values, NULL);
	}
	if (!gig_is_open(work))
		gig_state_expire_rest(work->space, work->gig_id, GIG_ENDED);
	else if (work->full)
		gig_state_expire_rest(work->space, work->gig_id, GIG_SEATS_FILLED);
	return true;
}

static bool
send_scheduled(void *arg)
{
	GigWork    *work = arg;
	Datum		values[2] = {
		Int64GetDatum(work->gig_id), TimestampTzGetDatum(work->now)
	};

	cirro_execute(work->space, &drop_inactive_query, values, NULL);
	cirro_execute(work->space, &send_query, values, NULL);
	return true;
}

/* What has happened to the gig by now, as gig_state.announced counts it. */
static int
news(const GigWork *work)
{
	return work->now >= work->archives_at ? 3 :
		work->now >= work->closes_at ? 2 :
		work->now >= work->starts_at ? 1 : 0;
}

static bool
announce(void *arg)
{
	GigWork    *work = arg;
	Datum		values[3] = {
		Int64GetDatum(work->gig_id),
		Int32GetDatum(work->announced),
		Int32GetDatum(news(work))
	};

	cirro_execute(work->space, &announce_query, values, NULL);
	work->announced = news(work);
	return true;
}

/*
 * Runs one step. An error becomes the turn's, if it is the first, unless the
 * gig closed or filled up while the step was under way: then there was
 * nothing left for it to do. One that would not come again is thrown on, and
 * the whole turn left for the next tick.
 */
static IsolatedResult
run_step(GigWork *work, IsolatedWork step)
{
	ErrorData  *error;
	IsolatedResult result = run_isolated(step, work, &error);

	if (result != ISOLATED_FAILED)
		return result;
	if (error_is_transient(error))
		ReThrowError(error);
	if ((error->sqlerrcode == ERRCODE_CIRRO_NOT_OPEN ||
		 error->sqlerrcode == ERRCODE_CIRRO_FILLED) && must_stop(work))
		return ISOLATED_GIVEN_UP;
	if (work->error == NULL)
		work->error = error;
	return result;
}

/* The wave that is due. */
static void
run_due_wave(GigWork *work)
{
	IsolatedResult result = run_step(work, run_one_wave);

	work->waved = result != ISOLATED_GIVEN_UP;
	work->wave_failed = result == ISOLATED_FAILED;
	work->state_locked = result == ISOLATED_DONE;
	if (result != ISOLATED_DONE)
	{
		work->wave_id = 0;
		work->searched_now = InvalidFullTransactionId;
	}
}

/* -------------------------------------------------------------- cadence -- */

/* About how many microseconds an interval lasts, which may be any number. */
static double
span(const Interval *interval)
{
	return ((double) interval->month * DAYS_PER_MONTH + interval->day) * USECS_PER_DAY +
		interval->time;
}

static TimestampTz
after(TimestampTz time, double delay)
{
	return time + delay >= END_TIMESTAMP ? DT_NOEND : time + (int64) delay;
}

/* The first time after "time" that is later by the gig's frequency. */
static TimestampTz
next_due(const GigWork *work, TimestampTz time)
{
	TimestampTz next = cirro_add_interval(time, work->frequency);

	/* '1 month -29 days' is positive, and yet not every February. */
	return next > time ? next : after(time, Max(span(work->frequency), 1));
}

/* When the wave counts as due: a late one starts the cadence anew. */
static TimestampTz
due_time(const GigWork *work)
{
	double		grace = Max(span(work->frequency) / 2, USECS_PER_MINUTE);

	return work->now > after(work->next_wave_at, grace) ? work->now : work->next_wave_at;
}

/*
 * What fails is tried again after the gig's frequency, then after twice that,
 * and so on, but hourly at the least (or at its frequency, if that is longer).
 */
static TimestampTz
retry_at(const GigWork *work)
{
	double		frequency = span(work->frequency);
	double		delay = ldexp(frequency, Min(work->failures, 100));

	delay = Min(delay, Max(frequency, USECS_PER_HOUR));
	return after(work->now, Max(delay, USECS_PER_SEC));
}

void
gig_update_state(GigWork *work, TimestampTz due)
{
	TimestampTz retry = work->error != NULL ? retry_at(work) : 0;
	bool		ran = work->waved && (work->wave_id != 0 || work->wave_failed);
	bool		awaits_wave = !work->waved && work->automatic &&
		gig_is_open(work) && work->accepted < work->target;
	Datum		values[12] = {
		Int64GetDatum(work->gig_id),
		TimestampTzGetDatum(work->now),
		TimestampTzGetDatum(due),
		TimestampTzGetDatum(work->wave_failed ? retry : next_due(work, due)),
		TimestampTzGetDatum(work->now),
		Int32GetDatum(work->waves + (ran ? 1 : 0)),
		Int32GetDatum(work->error != NULL ? work->failures + 1 :
					  awaits_wave ? work->failures : 0),
		Int32GetDatum(work->announced),
		TimestampTzGetDatum(retry),
		FullTransactionIdGetDatum(work->searched_now),
		Int64GetDatum(gig_state_place(work->space)),
		0
	};
	char		nulls[] = "            ";

	if (!work->waved)
		nulls[2] = nulls[3] = 'n';
	if (!ran)
		nulls[4] = 'n';
	if (work->error == NULL)
		nulls[8] = 'n';
	if (!FullTransactionIdIsValid(work->searched_now))
		nulls[9] = nulls[10] = 'n';

	/* Locks gig_state before the statement whose snapshot decides. */
	if (!work->state_locked)
		(void) must_stop(work);
	/* What was released later than that was not released here. */
	values[11] = FullTransactionIdGetDatum(ReadNextFullTransactionId());
	cirro_execute(work->space, &update_state_query, values, nulls);
}

/* ----------------------------------------------------------------- turn -- */

/* The error as the table wave keeps it. */
static const char *
describe_error(const ErrorData *error)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, error_summary(error));
	if (error->detail != NULL)
		appendStringInfo(&text, " (%.*s)",
						 pg_mbcliplen(error->detail, strlen(error->detail), ERROR_SUMMARY_LENGTH),
						 error->detail);
	if (error->message_id != NULL &&
		strstr(error->message_id, "deferred trigger") != NULL)
		appendStringInfoString(&text, " (constraints and triggers of a Space's tables cannot be deferred while waves write to them)");
	if (text.len > ERROR_SUMMARY_LENGTH)
		text.data[pg_mbcliplen(text.data, text.len, ERROR_SUMMARY_LENGTH)] = '\0';
	return text.data;
}

/*
 * The turn. With work->error set by an earlier turn that could not be kept,
 * nothing is done but that it is recorded.
 */
static bool
take_turn(void *arg)
{
	GigWork    *work = arg;
	Datum		id = Int64GetDatum(work->gig_id);
	TimestampTz due = 0;
	SpaceScope	scope;

	if (!space_visit(&scope, work->space, work->owner, true))
		return false;

	work->claimed = cirro_execute(work->space, &claim_query, &id, NULL) > 0 &&
		gig_read(work) && !work->paused;
	if (work->claimed)
	{
		bool		wave_is_due = work->automatic && gig_is_open(work) &&
			work->accepted < work->target && work->next_wave_at <= work->now;

		if (wave_is_due)
			due = due_time(work);
		if (work->error != NULL)
			work->waved = work->wave_failed = wave_is_due;
		else
		{
			if (wave_is_due)
				run_due_wave(work);
			run_step(work, finish_expired);
			if (work->sends && gig_is_open(work) && !work->full)
				run_step(work, send_scheduled);
			if (news(work) > work->announced)
				run_step(work, announce);
		}
		if (work->error != NULL)
			write_wave(work, "failed", work->wave_failed ? work->wanted : 0, 0, -1, -1,
					   describe_error(work->error));
		gig_update_state(work, due);
	}

	space_leave(&scope);
	return true;
}

GigOutcome
work_gig(Oid space, const char *name, Oid owner, int64 gig_id,
		 const struct BatchedGig *found)
{
	GigWork		work = {0};
	GigOutcome	outcome;
	ErrorData  *failure;

	work.space = space;
	work.owner = owner;
	work.gig_id = gig_id;
	work.found = found;
	work.began = GetCurrentTimestamp();
	work.now = cirro_now();

	/* All memory of the turn hangs off this connection. */
	SPI_connect();
	if (run_isolated(take_turn, &work, &failure) != ISOLATED_FAILED)
		outcome = work.error != NULL ? GIG_FAILED :
			work.claimed ? GIG_DONE : GIG_SKIPPED;
	else if (failure->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
		outcome = GIG_LOCKED;
	else if (error_is_transient(failure))
		outcome = GIG_SKIPPED;
	else
	{
		ErrorData  *second;

		outcome = GIG_FAILED;
		work.error = failure;
		work.waved = work.state_locked = false;
		work.wave_id = 0;
		work.searched_now = InvalidFullTransactionId;
		if (run_isolated(take_turn, &work, &second) == ISOLATED_FAILED)
			ereport(WARNING,
					(errcode(failure->sqlerrcode),
					 errmsg("gig " INT64_FORMAT " of Space \"%s\" failed, and that could not be recorded",
							gig_id, name),
					 errdetail("It failed with: %s. Recording it failed with: %s.",
							   error_summary(failure), error_summary(second))));
	}
	if (outcome == GIG_FAILED && error_is_lack_of_resources(work.error))
		outcome = GIG_LACKS_RESOURCES;
	SPI_finish();
	return outcome;
}
