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
#include "utils/timestamp.h"

#include "cirro.h"
#include "gig/event.h"
#include "gig/key.h"
#include "gig/state.h"
#include "isolate.h"
#include "space/query.h"
#include "space/scope.h"
#include "wave/facts.h"
#include "wave/trouble.h"
#include "wave/turn.h"
#include "wave/wave.h"

static const SpaceQuery expire_unanswered_query = {
	"UPDATE invitation i SET status = 'expired', reason = '" GIG_NO_ANSWER "'"
	" WHERE i.id = ANY (ARRAY("
	"   SELECT l.id FROM invitation l WHERE l.gig_id = $1 AND l.status = 'pending'"
	"   AND cirro.answer_by(l.invited_at, $2) <= $3"
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

static const SpaceQuery send_query = {
	"UPDATE invitation i SET status = 'pending'" SEND_DUE("w.active"),
	2, {INT8OID, TIMESTAMPTZOID}, PLAN_BY_KEY
};

static const SpaceQuery drop_inactive_query = {
	"UPDATE invitation i SET status = 'expired', reason = 'worker_inactive'"
	SEND_DUE("NOT w.active"),
	2, {INT8OID, TIMESTAMPTZOID}, PLAN_BY_KEY
};

/* The gig is over: nothing looks for workers for it, or for it for workers. */
static const SpaceQuery forget_filter_query = {
	"DELETE FROM gig_filter f WHERE f.gig_id = $1",
	1, {INT8OID}, PLAN_BY_KEY
};

/* ---------------------------------------------------------------- steps -- */

bool
wave_turn_is_open(const GigTurn *turn)
{
	return turn->now < turn->gig.closes_at;
}

static bool
needs_wave(const GigTurn *turn)
{
	return turn->gig.automatic && wave_turn_is_open(turn) &&
		turn->gig.accepted < turn->gig.target;
}

/*
 * What expires does so by the clock already; here the rows learn of it. An
 * answer that came due before the gig closed was not given, whenever this
 * runs.
 */
static bool
finish_expired(void *arg)
{
	GigTurn    *turn = arg;
	const GigFacts *gig = &turn->gig;

	if (gig->answer_within != NULL)
	{
		QueryArgs	args = {&expire_unanswered_query};

		arg_int64(&args, turn->gig_id);
		arg_interval(&args, gig->answer_within);
		arg_timestamptz(&args, Min(turn->now, gig->closes_at));
		query_run(turn->space, &args);
	}
	if (!wave_turn_is_open(turn) || (gig->filled && gig->expires_rest))
		gig_state_expire_rest(turn->space, turn->gig_id);
	return true;
}

/*
 * Sends what is due, while there are seats: else it waits for one. Returns false
 * to be undone if they were filled meanwhile.
 */
static bool
send_scheduled(void *arg)
{
	static const SpaceQuery *const queries[] = {&drop_inactive_query, &send_query};
	GigTurn    *turn = arg;
	GigState	state;

	for (int i = 0; i < lengthof(queries); i++)
	{
		QueryArgs	args = {queries[i]};

		arg_int64(&args, turn->gig_id);
		arg_timestamptz(&args, turn->now);
		query_run(turn->space, &args);
	}
	return gig_state_lock(turn->space, turn->gig_id, &state) && !gig_state_is_full(&state);
}

/* What has happened to the gig by now, as gig_state.announced counts it. */
static int
news(const GigTurn *turn)
{
	return turn->now >= turn->gig.archives_at ? 3 :
		turn->now >= turn->gig.closes_at ? 2 :
		turn->now >= turn->gig.starts_at ? 1 : 0;
}

static bool
forget_filter(void *arg)
{
	GigTurn    *turn = arg;
	QueryArgs	args = {&forget_filter_query};

	arg_int64(&args, turn->gig_id);
	query_run(turn->space, &args);
	gig_key_forget(turn->space, &turn->gig_id, 1);
	return true;
}

static bool
announce(void *arg)
{
	static const char *const kinds[] = {NULL, "gig.started", "gig.ended", "gig.archived"};
	GigTurn    *turn = arg;

	for (int rank = turn->announced + 1; rank <= news(turn); rank++)
		event_of_gig(turn->space, turn->gig_id, kinds[rank], (Datum) 0);
	turn->announced = news(turn);
	return true;
}

/* A gig that fills up and has seats again, over and over, is left alone. */
#define MAX_TRIES	3

IsolatedResult
wave_turn_try(GigTurn *turn, IsolatedWork step, ErrorData **error)
{
	for (int tries = 1;; tries++)
	{
		IsolatedResult result;
		GigState	state;

		turn->wrote_rows = false;
		result = run_isolated(step, turn, error);
		/* Another has invited somebody at the same moment: a statement passes him over. */
		if (result == ISOLATED_FAILED && turn->wrote_rows &&
			(*error)->sqlerrcode == ERRCODE_UNIQUE_VIOLATION)
		{
			turn->by_statements = true;
			result = run_isolated(step, turn, error);
		}
		if (result != ISOLATED_FAILED ||
			((*error)->sqlerrcode != ERRCODE_CIRRO_NOT_OPEN &&
			 (*error)->sqlerrcode != ERRCODE_CIRRO_FILLED))
			return result;
		/* Without a lock: another try must not begin with gig_state. */
		if (!gig_state_read(turn->space, turn->gig_id, &state) ||
			!gig_state_wants_wave(&state, cirro_gate_now()))
			return ISOLATED_GIVEN_UP;
		if (tries == MAX_TRIES)
			return result;
	}
}

/*
 * Runs one step. An error becomes the turn's, if it is the first. One that would
 * not come again is thrown on, and the whole turn left for the next tick.
 */
static IsolatedResult
run_step(GigTurn *turn, IsolatedWork step)
{
	ErrorData  *error;
	IsolatedResult result = wave_turn_try(turn, step, &error);

	if (result != ISOLATED_FAILED)
		return result;
	if (error_is_transient(error))
		ReThrowError(error);
	if (turn->error == NULL)
		turn->error = error;
	return result;
}

/* The wave that is due. */
static void
run_due_wave(GigTurn *turn)
{
	IsolatedResult result = run_step(turn, wave_run);

	if (result == ISOLATED_GIVEN_UP && turn->fell_short)
	{
		turn->found = NULL;
		result = run_step(turn, wave_run);
	}
	turn->waved = result != ISOLATED_GIVEN_UP;
	turn->wave_failed = result == ISOLATED_FAILED;
	if (result != ISOLATED_DONE)
	{
		turn->wave_id = 0;
		turn->exhausted = turn->gig.exhausted;
		turn->searched = InvalidFullTransactionId;
		turn->no_room = false;
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
next_due(const GigTurn *turn, TimestampTz time)
{
	TimestampTz next = cirro_add_interval(time, turn->gig.frequency);

	/* '1 month -29 days' is positive, and yet not every February. */
	return next > time ? next : after(time, Max(span(turn->gig.frequency), 1));
}

/*
 * When the wave counts as due: a late one starts the cadence anew, and so does one
 * that is late by more than its frequency, or a row of waves would make up for it.
 */
static TimestampTz
due_time(const GigTurn *turn)
{
	double		frequency = span(turn->gig.frequency);
	double		grace = Min(Max(frequency / 2, USECS_PER_MINUTE), frequency);

	return turn->now > after(turn->gig.next_wave_at, grace) ? turn->now : turn->gig.next_wave_at;
}

/*
 * What fails is tried again after the gig's frequency, then after twice that,
 * and so on, but hourly at the least (or at its frequency, if that is longer).
 */
static TimestampTz
retry_at(const GigTurn *turn)
{
	double		frequency = span(turn->gig.frequency);
	double		delay = ldexp(frequency, Min(turn->gig.failures, 100));

	delay = Min(delay, Max(frequency, USECS_PER_HOUR));
	return after(turn->now, Max(delay, USECS_PER_SEC));
}

void
wave_turn_finish(GigTurn *turn, TimestampTz due)
{
	bool		ran = turn->waved && (turn->wave_id != 0 || turn->wave_failed);
	GigTurnEnd	end = {
		.now = turn->now,
		.waved = turn->waved,
		.due = due,
		.ran = ran,
		.waves = turn->gig.waves + (ran ? 1 : 0),
		.failures = turn->error != NULL ? turn->gig.failures + 1 :
			!turn->waved && needs_wave(turn) ? turn->gig.failures : 0,
		.announced = turn->announced,
		.exhausted = turn->exhausted,
		.retry_at = turn->error != NULL ? retry_at(turn) : NO_TIME,
		.searched = turn->searched,
		.bound_hash = turn->gig.bound_hash,
		.changes_at = turn->gig.changes_at,
		.nobody_left = turn->waved && !turn->wave_failed && turn->exhausted,
		.awaits_room = turn->waved && !turn->wave_failed && turn->no_room &&
			!turn->gig.limits_workers && wave_has_no_room(turn),
		.knows_sends = turn->gig.knows_sends && turn->gig.next_send > turn->now,
		.next_send = turn->gig.next_send,
		.version = turn->gig.version
	};

	if (turn->waved)
		end.next_due = turn->wave_failed ? end.retry_at : next_due(turn, due);
	gig_state_finish(turn->space, turn->gig_id, &end);
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
 * The turn. With turn->error set by an earlier turn that could not be kept,
 * nothing is done but that it is recorded.
 */
static bool
take_turn(void *arg)
{
	GigTurn    *turn = arg;
	TimestampTz due = 0;
	SpaceScope	scope;

	if (!space_visit(&scope, turn->space, turn->owner, true))
		return false;

	turn->claimed = wave_claim(turn, false) && wave_turn_read(turn) && !turn->gig.paused;
	if (turn->claimed)
	{
		const GigFacts *gig = &turn->gig;
		bool		wave_is_due = needs_wave(turn) && gig->next_wave_at <= turn->now;

		if (wave_is_due)
			due = due_time(turn);
		if (turn->error != NULL)
			turn->waved = turn->wave_failed = wave_is_due;
		else
		{
			if (wave_is_due)
				run_due_wave(turn);
			run_step(turn, finish_expired);
			if (wave_turn_is_open(turn) && !gig->filled && wave_turn_sends(turn))
				run_step(turn, send_scheduled);
			if (news(turn) > turn->announced)
				run_step(turn, announce);
			if (!wave_turn_is_open(turn))
				run_step(turn, forget_filter);
		}
		if (turn->error != NULL)
			wave_write(turn, "failed", turn->wave_failed ? gig->wanted : 0, 0, -1, -1,
					   describe_error(turn->error));
		wave_turn_finish(turn, due);
	}

	space_leave(&scope);
	return true;
}

GigOutcome
wave_take_turn(Oid space, const char *name, Oid owner, int64 gig_id,
			   const BatchedGig *found)
{
	GigTurn		turn = {0};
	GigOutcome	outcome;
	ErrorData  *failure;

	turn.space = space;
	turn.owner = owner;
	turn.gig_id = gig_id;
	turn.found = found;
	turn.began = GetCurrentTimestamp();
	turn.now = cirro_now();

	/* All memory of the turn hangs off this connection. */
	SPI_connect();
	if (run_isolated(take_turn, &turn, &failure) != ISOLATED_FAILED)
		outcome = turn.error != NULL ? GIG_FAILED :
			turn.claimed ? GIG_DONE : GIG_SKIPPED;
	else if (failure->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
		outcome = GIG_LOCKED;
	else if (error_is_transient(failure))
		outcome = GIG_SKIPPED;
	else
	{
		ErrorData  *second;

		outcome = GIG_FAILED;
		turn.error = failure;
		turn.waved = false;
		turn.wave_id = 0;
		turn.searched = InvalidFullTransactionId;
		if (run_isolated(take_turn, &turn, &second) == ISOLATED_FAILED &&
			trouble_is_new(space, failure->sqlerrcode))
			ereport(WARNING,
					(errcode(failure->sqlerrcode),
					 errmsg("gig " INT64_FORMAT " of Space \"%s\" failed, and that could not be recorded",
							gig_id, name),
					 errdetail("It failed with: %s. Recording it failed with: %s.",
							   error_summary(failure), error_summary(second))));
	}
	if (outcome == GIG_FAILED && error_is_lack_of_resources(turn.error))
		outcome = GIG_LACKS_RESOURCES;
	SPI_finish();
	return outcome;
}
