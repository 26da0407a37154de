/*-------------------------------------------------------------------------
 * src/wave.c
 *
 * One gig's turn: claims the gig, runs the wave that is due, finishes what
 * has expired, sends what was scheduled, announces, and decides when to look
 * at the gig again. Must not commit, must not touch another gig, and must not
 * count seats or write the workers' notifications: the triggers of
 * invitation do.
 *
 * Locks, in the one order of cirro: the gig row, workers, invitations,
 * gig_state. The wave comes first because its insert is the one statement
 * that can have to wait (for another insert of the same worker), which must
 * not happen with gig_state locked; every later step takes existing
 * invitations with SKIP LOCKED.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "cirro.h"
#include "isolate.h"
#include "plan_cache.h"
#include "space.h"
#include "space_list.h"
#include "wave.h"

PG_FUNCTION_INFO_V1(run_wave);

/* A wave invites no more, whatever the multiplier says. */
#define MAX_WANTED "1000000"

/* Longer errors are cut before they go into the table wave. */
#define MAX_ERROR_LENGTH 1000

#define SPACE_FLAGS (SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS)

/* A gig's turn, and what its rows said when it began. */
typedef struct GigWork
{
	Oid			space;
	Oid			owner;
	int64		gig_id;
	TimestampTz began;			/* wall clock */
	TimestampTz now;
	bool		claimed;

	int			accepted;
	int			target;
	bool		full;			/* at an explicit seats_max */
	bool		automatic;
	Interval   *frequency;
	Interval   *answer_within;	/* NULL: no limit */
	TimestampTz starts_at;
	TimestampTz closes_at;
	TimestampTz archives_at;	/* DT_NOEND: never */
	TimestampTz next_wave_at;	/* DT_NOEND: none */
	int			waves;
	int			failures;
	int			announced;
	int			wanted;
	int			pending_max;	/* 0: no limit */
	bool		paused;
	bool		limits_workers; /* is there a setting.max_pending? */
	bool		sends;			/* is a scheduled invitation due? */
	CandidateSearch search;

	bool		waved;			/* the wave's turn has passed */
	int64		wave_id;		/* its row; 0: none was needed */
	ErrorData  *error;			/* the first step that failed */
} GigWork;

static const CirroQuery claim_query = {
	"SELECT FROM gig WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED",
	1, {INT8OID}
};

static const CirroQuery wait_query = {
	"SELECT FROM gig WHERE id = $1 FOR NO KEY UPDATE",
	1, {INT8OID}
};

/*
 * A statement of its own after the claim: what another wave of this gig has
 * just committed must be seen.
 */
static const CirroQuery read_query = {
	"SELECT s.accepted, s.target, s.expires_rest AND s.accepted >= s.capacity,"
	"   s.auto, s.frequency, s.answer_within, s.starts_at, s.closes_at,"
	"   coalesce(s.archives_at, 'infinity'), coalesce(s.next_wave_at, 'infinity'),"
	"   s.waves, s.failures, s.announced::int,"
	"   least(ceil(greatest(s.target - s.accepted, 0) * g.invitation_multiplier),"
	"     " MAX_WANTED ")::int,"
	"   coalesce(g.pending_max, 0), g.filter_query, g.sort_query,"
	"   coalesce(setting.paused, false), setting.max_pending IS NOT NULL,"
	"   EXISTS (SELECT FROM invitation i"
	"     WHERE i.gig_id = $1 AND i.status = 'scheduled' AND i.send_at <= $2)"
	" FROM gig g JOIN gig_state s ON s.gig_id = g.id LEFT JOIN setting ON true"
	" WHERE g.id = $1",
	2, {INT8OID, TIMESTAMPTZOID}
};

static const CirroQuery count_pending_query = {
	"SELECT count(*) FROM invitation WHERE gig_id = $1 AND status = 'pending'"
	" AND ($2 IS NULL OR cirro.add_interval(invited_at, $2) > $3)",
	3, {INT8OID, INTERVALOID, TIMESTAMPTZOID}
};

/*
 * Two waves of a Space that read the number of a worker's pending invitations
 * at once would both find room for one more. The Space's one setting row is
 * their lock: it goes away with the transaction, shows up in pg_locks as what
 * it is, and clashes with no key of an application.
 */
static const CirroQuery limit_workers_query = {
	"SELECT max_pending FROM setting FOR NO KEY UPDATE",
	0, {InvalidOid}
};

static const CirroQuery invite_query = {
	"INSERT INTO invitation (gig_id, worker_id, origin, wave_id)"
	" SELECT g.id, w.id, 'wave', $3"
	" FROM gig g, unnest($2) AS found (id) JOIN worker w ON w.id = found.id"
	" WHERE g.id = $1 AND w.active AND w.profile OPERATOR(cirro.@@) g.filter"
	" ORDER BY w.id"
	" ON CONFLICT DO NOTHING",
	3, {INT8OID, INT8ARRAYOID, INT8OID}
};

static const CirroQuery reopen_query = {
	"UPDATE invitation SET status = 'pending', reason = NULL, origin = 'wave', wave_id = $3"
	" FROM gig g, worker w"
	" WHERE g.id = $1 AND invitation.id = ANY ($2) AND w.id = invitation.worker_id"
	" AND invitation.status = 'expired'"
	" AND w.active AND w.profile OPERATOR(cirro.@@) g.filter",
	3, {INT8OID, INT8ARRAYOID, INT8OID}
};

static const CirroQuery lock_state_query = {
	"SELECT accepted, target, closes_at FROM gig_state WHERE gig_id = $1 FOR NO KEY UPDATE",
	1, {INT8OID}
};

static const CirroQuery insert_wave_query = {
	"INSERT INTO wave (gig_id, number, run_at, target, accepted, wanted, invited,"
	"   matched, held_back, outcome, error, took)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id",
	12, {INT8OID, INT4OID, TIMESTAMPTZOID, INT4OID, INT4OID, INT4OID, INT4OID,
	INT4OID, INT4OID, TEXTOID, TEXTOID, INTERVALOID}
};

static const CirroQuery repeat_wave_query = {
	"UPDATE wave SET repeats = repeats + 1, run_at = $2, target = $3, accepted = $4,"
	"   wanted = $5, matched = $6, held_back = $7, took = $10"
	" WHERE id = (SELECT id FROM wave WHERE gig_id = $1 ORDER BY number DESC, id DESC LIMIT 1)"
	" AND outcome = $8 AND error IS NOT DISTINCT FROM $9"
	" RETURNING id",
	10, {INT8OID, TIMESTAMPTZOID, INT4OID, INT4OID, INT4OID, INT4OID, INT4OID,
	TEXTOID, TEXTOID, INTERVALOID}
};

static const CirroQuery mend_wave_query = {
	"UPDATE wave SET invited = $2, took = $3 WHERE id = $1",
	3, {INT8OID, INT4OID, INTERVALOID}
};

static const CirroQuery delete_wave_query = {
	"DELETE FROM wave WHERE id = $1",
	1, {INT8OID}
};

static const CirroQuery expire_open_query = {
	"UPDATE invitation SET status = 'expired', reason = $2"
	" WHERE id = ANY (ARRAY("
	"   SELECT id FROM invitation WHERE gig_id = $1 AND status IN ('pending', 'scheduled')"
	"   ORDER BY id FOR NO KEY UPDATE SKIP LOCKED))"
	" AND status IN ('pending', 'scheduled')",
	2, {INT8OID, TEXTOID}
};

static const CirroQuery expire_unanswered_query = {
	"UPDATE invitation SET status = 'expired', reason = 'no_answer'"
	" WHERE id = ANY (ARRAY("
	"   SELECT id FROM invitation WHERE gig_id = $1 AND status = 'pending'"
	"   AND cirro.add_interval(invited_at, $2) <= $3"
	"   ORDER BY id FOR NO KEY UPDATE SKIP LOCKED))"
	" AND status = 'pending'",
	3, {INT8OID, INTERVALOID, TIMESTAMPTZOID}
};

#define SEND_DUE(is_active) \
	" WHERE id = ANY (ARRAY(" \
	"   SELECT i.id FROM invitation i JOIN worker w ON w.id = i.worker_id" \
	"   WHERE i.gig_id = $1 AND i.status = 'scheduled' AND i.send_at <= $2" \
	"   AND " is_active \
	"   ORDER BY i.id FOR NO KEY UPDATE OF i SKIP LOCKED))" \
	" AND status = 'scheduled'"

static const CirroQuery send_query = {
	"UPDATE invitation SET status = 'pending'" SEND_DUE("w.active"),
	2, {INT8OID, TIMESTAMPTZOID}
};

static const CirroQuery drop_inactive_query = {
	"UPDATE invitation SET status = 'expired', reason = 'worker_inactive'"
	SEND_DUE("NOT w.active"),
	2, {INT8OID, TIMESTAMPTZOID}
};

static const CirroQuery announce_query = {
	"INSERT INTO notification (consumer, kind, gig_id)"
	" SELECT consumer, kind, $1"
	" FROM (VALUES (1, 'gig.started'), (2, 'gig.ended'), (3, 'gig.archived'))"
	"     AS news (rank, kind)"
	"   CROSS JOIN unnest(coalesce((SELECT consumers FROM setting), '{default}'))"
	"     AS consumer"
	" WHERE rank > $2 AND rank <= $3"
	" ORDER BY rank",
	3, {INT8OID, INT4OID, INT4OID}
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
	"   next_event_at = coalesce($9, least("
	"     CASE WHEN n.wave_at < n.closes_at THEN n.wave_at END,"
	"     CASE WHEN n.over AND EXISTS (SELECT FROM invitation i"
	"         WHERE i.gig_id = $1 AND i.status IN ('pending', 'scheduled'))"
	"       THEN $2 END,"
	"     (SELECT min(i.send_at) FROM invitation i"
	"       WHERE i.gig_id = $1 AND i.status = 'scheduled'),"
	"     CASE WHEN n.answer_within IS NOT NULL"
	"       THEN (SELECT cirro.add_interval(min(i.invited_at), n.answer_within)"
	"         FROM invitation i WHERE i.gig_id = $1 AND i.status = 'pending') END,"
	"     CASE WHEN $8 < 1 THEN n.starts_at END,"
	"     CASE WHEN $8 < 2 THEN n.closes_at END,"
	"     CASE WHEN $8 < 3 THEN n.archives_at END))"
	" FROM (SELECT *, closes_at <= $2 OR (expires_rest AND accepted >= capacity) AS over,"
	"     CASE WHEN auto AND accepted < target THEN coalesce($4, next_wave_at) END AS wave_at"
	"   FROM gig_state WHERE gig_id = $1) n"
	" WHERE s.gig_id = n.gig_id",
	9, {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
	INT4OID, INT4OID, INT4OID, TIMESTAMPTZOID}
};

static const CirroQuery wave_row_query = {
	"SELECT to_jsonb(wave) FROM wave WHERE id = $1",
	1, {INT8OID}
};

/* Reads what the turn needs to know; false if the gig or its state is gone. */
static bool
read_gig(GigWork *work)
{
	Datum		values[2] = {
		Int64GetDatum(work->gig_id), TimestampTzGetDatum(work->now)
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
	work->frequency = DatumGetIntervalP(cirro_result(0, 5, &isnull));
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
	work->search.space = work->space;
	work->search.gig_id = work->gig_id;
	work->search.number = work->waves + 1;
	work->search.filter = cirro_result(0, 16, &isnull);
	work->search.sort = cirro_result(0, 17, &isnull);
	work->search.has_sort = !isnull;
	work->search.max_pending = 0;
	work->paused = DatumGetBool(cirro_result(0, 18, &isnull));
	work->limits_workers = DatumGetBool(cirro_result(0, 19, &isnull));
	work->sends = DatumGetBool(cirro_result(0, 20, &isnull));
	return true;
}

static bool
is_open(const GigWork *work)
{
	return work->now < work->closes_at;
}

/* How long the turn has taken so far, as the value of an interval. */
static Datum
took(const GigWork *work)
{
	Interval   *result = palloc0(sizeof(Interval));

	result->time = GetCurrentTimestamp() - work->began;
	return IntervalPGetDatum(result);
}

/*
 * Writes a wave's row and returns its id. A wave that came to the same bad end
 * as the last one is counted in that one's row. "matched" and "held_back" of
 * -1 are not known; "error" may be NULL.
 */
static int64
write_wave(const GigWork *work, const char *outcome, int wanted, int invited,
		   int matched, int held_back, const char *error)
{
	Datum		values[12] = {
		Int64GetDatum(work->gig_id),
		Int32GetDatum(work->search.number),
		TimestampTzGetDatum(work->now),
		Int32GetDatum(work->target),
		Int32GetDatum(work->accepted),
		Int32GetDatum(wanted),
		Int32GetDatum(invited),
		Int32GetDatum(matched),
		Int32GetDatum(held_back),
		CStringGetTextDatum(outcome),
		error != NULL ? CStringGetTextDatum(error) : (Datum) 0,
		took(work)
	};
	char		nulls[] = "            ";
	bool		isnull;

	if (matched < 0)
		nulls[7] = 'n';
	if (held_back < 0)
		nulls[8] = 'n';
	if (error == NULL)
		nulls[10] = 'n';

	if (invited == 0)
	{
		Datum		again[10] = {
			values[0], values[2], values[3], values[4], values[5],
			values[7], values[8], values[9], values[10], values[11]
		};
		char		again_nulls[] = {
			' ', ' ', ' ', ' ', ' ',
			nulls[7], nulls[8], nulls[9], nulls[10], ' '
		};

		if (cirro_execute(work->space, &repeat_wave_query, again, again_nulls) > 0)
			return DatumGetInt64(cirro_result(0, 1, &isnull));
	}

	cirro_execute(work->space, &insert_wave_query, values, nulls);
	return DatumGetInt64(cirro_result(0, 1, &isnull));
}

/* Invites the workers found; returns how many rows that made or changed. */
static int
invite(const GigWork *work, const CirroQuery *query, Datum *ids, int count,
	   int64 wave_id)
{
	Datum		values[3] = {
		Int64GetDatum(work->gig_id),
		PointerGetDatum(construct_array(ids, count, INT8OID, sizeof(int64),
										FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)),
		Int64GetDatum(wave_id)
	};

	if (count == 0)
		return 0;
	return cirro_execute(work->space, query, values, NULL);
}

/* How many of the wanted workers pending_max leaves room for. */
static int
heed_pending_max(const GigWork *work)
{
	Datum		values[3] = {
		Int64GetDatum(work->gig_id),
		IntervalPGetDatum(work->answer_within),
		TimestampTzGetDatum(work->now)
	};
	bool		isnull;
	int64		room;

	if (work->pending_max == 0)
		return work->wanted;
	cirro_execute(work->space, &count_pending_query, values,
				  work->answer_within == NULL ? " n " : NULL);
	room = work->pending_max - DatumGetInt64(cirro_result(0, 1, &isnull));
	return (int) Max(0, Min(work->wanted, room));
}

/* Locks gig_state. Must the wave be given up, going by what it says now? */
static bool
must_stop(const GigWork *work)
{
	Datum		id = Int64GetDatum(work->gig_id);
	bool		isnull;

	if (cirro_execute(work->space, &lock_state_query, &id, NULL) == 0)
		return true;
	return DatumGetInt32(cirro_result(0, 1, &isnull)) >= DatumGetInt32(cirro_result(0, 2, &isnull)) ||
		cirro_gate_now() >= DatumGetTimestampTz(cirro_result(0, 3, &isnull));
}

/*
 * The wave itself. Returns false to be undone: the gig closed or reached its
 * target meanwhile. Sets work->wave_id, to 0 if pending_max left no room.
 */
static bool
run_one_wave(void *arg)
{
	GigWork    *work = arg;
	int			wanted = heed_pending_max(work);
	Datum	   *fresh;
	Datum	   *again;
	int			nfresh;
	int			nagain = 0;
	int			invited = 0;
	int			matched = -1;
	int			held_back = -1;

	if (wanted == 0)
		return !must_stop(work);

	if (work->limits_workers &&
		cirro_execute(work->space, &limit_workers_query, NULL, NULL) > 0)
	{
		bool		isnull;
		Datum		limit = cirro_result(0, 1, &isnull);

		work->search.max_pending = isnull ? 0 : DatumGetInt32(limit);
	}

	fresh = palloc(sizeof(Datum) * wanted);
	nfresh = find_candidates(&work->search, wanted, fresh);
	again = palloc(sizeof(Datum) * wanted);
	if (nfresh < wanted)
	{
		nagain = find_reopenable(&work->search, wanted - nfresh, again);
		matched = nfresh + nagain;
		if (work->search.max_pending > 0)
			held_back = (int) Min(count_held_back(&work->search), PG_INT32_MAX);
	}

	if (nfresh + nagain > 0)
	{
		work->wave_id = write_wave(work, "invited", wanted, nfresh + nagain,
								   matched, held_back, NULL);
		invited = invite(work, &invite_query, fresh, nfresh, work->wave_id) +
			invite(work, &reopen_query, again, nagain, work->wave_id);
	}

	if (must_stop(work))
		return false;

	if (invited == 0)
	{
		if (work->wave_id != 0)
		{
			Datum		id = Int64GetDatum(work->wave_id);

			cirro_execute(work->space, &delete_wave_query, &id, NULL);
		}
		work->wave_id = write_wave(work, "exhausted", wanted, 0,
								   Max(matched, 0), held_back, NULL);
	}
	else
	{
		Datum		values[3] = {
			Int64GetDatum(work->wave_id),
			Int32GetDatum(invited),
			took(work)
		};

		cirro_execute(work->space, &mend_wave_query, values, NULL);
	}
	return true;
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
	if (!is_open(work) || work->full)
	{
		values[1] = CStringGetTextDatum(is_open(work) ? "seats_filled" : "gig_ended");
		cirro_execute(work->space, &expire_open_query, values, NULL);
	}
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

/*
 * A gig that fails is tried again after its frequency, then twice that, and
 * so on, but not (much) less than hourly.
 */
static TimestampTz
retry_at(const GigWork *work)
{
	double		frequency = span(work->frequency);
	double		delay = ldexp(frequency, Min(work->failures, 100));

	delay = Min(delay, Max(frequency, USECS_PER_HOUR));
	return after(work->now, Max(delay, USECS_PER_SEC));
}

/* The error as the table wave keeps it. */
static const char *
describe_error(const ErrorData *error)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, error->message != NULL ? error->message : "unknown error");
	if (error->detail != NULL)
		appendStringInfo(&text, " (%s)", error->detail);
	if (error->message_id != NULL &&
		strstr(error->message_id, "deferred trigger") != NULL)
		appendStringInfoString(&text, " (constraints and triggers of a Space's tables cannot be deferred while waves write to them)");
	if (text.len > MAX_ERROR_LENGTH)
		text.data[pg_mbcliplen(text.data, text.len, MAX_ERROR_LENGTH)] = '\0';
	return text.data;
}

/*
 * Ends the turn: writes when to look at the gig again. "due" is when the wave
 * that has run was due; it counts if work->waved.
 */
static void
update_state(GigWork *work, TimestampTz due)
{
	TimestampTz retry = work->error != NULL ? retry_at(work) : 0;
	bool		ran = work->waved && (work->wave_id != 0 || work->error != NULL);
	Datum		values[9] = {
		Int64GetDatum(work->gig_id),
		TimestampTzGetDatum(work->now),
		TimestampTzGetDatum(due),
		TimestampTzGetDatum(work->error != NULL ? retry : next_due(work, due)),
		TimestampTzGetDatum(work->now),
		Int32GetDatum(work->waves + (ran ? 1 : 0)),
		Int32GetDatum(work->error != NULL ? work->failures + 1 :
					  work->waved ? 0 : work->failures),
		Int32GetDatum(work->announced),
		TimestampTzGetDatum(retry)
	};
	char		nulls[] = "         ";

	if (!work->waved)
		nulls[2] = nulls[3] = 'n';
	if (!ran)
		nulls[4] = 'n';
	if (work->error == NULL)
		nulls[8] = 'n';

	/* Locks gig_state before the statement whose snapshot decides. */
	(void) must_stop(work);
	cirro_execute(work->space, &update_state_query, values, nulls);
}

/* When the wave counts as due: a late one starts the cadence anew. */
static TimestampTz
due_time(const GigWork *work)
{
	double		grace = Max(span(work->frequency) / 2, USECS_PER_MINUTE);

	return work->now > after(work->next_wave_at, grace) ? work->now : work->next_wave_at;
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

	space_enter(&scope, work->space, work->owner, SPACE_FLAGS);

	work->claimed = cirro_execute(work->space, &claim_query, &id, NULL) > 0 &&
		read_gig(work) && !work->paused;
	if (work->claimed)
	{
		bool		wave_is_due = work->automatic && is_open(work) &&
			work->accepted < work->target && work->next_wave_at <= work->now;

		if (wave_is_due)
			due = due_time(work);
		if (work->error != NULL)
			work->waved = wave_is_due;
		else
		{
			if (wave_is_due)
			{
				IsolatedResult result = run_step(work, run_one_wave);

				work->waved = result != ISOLATED_GIVEN_UP;
				if (result != ISOLATED_DONE)
					work->wave_id = 0;
			}
			run_step(work, finish_expired);
			if (work->sends && is_open(work) && !work->full)
				run_step(work, send_scheduled);
			if (news(work) > work->announced)
				run_step(work, announce);
		}
		if (work->error != NULL)
			write_wave(work, "failed", work->waved ? work->wanted : 0, 0, -1, -1,
					   describe_error(work->error));
		update_state(work, due);
	}

	space_leave(&scope);
	return true;
}

GigOutcome
work_gig(Oid space, const char *name, Oid owner, int64 gig_id)
{
	GigWork		work = {0};
	GigOutcome	outcome;
	ErrorData  *failure;

	work.space = space;
	work.owner = owner;
	work.gig_id = gig_id;
	work.began = GetCurrentTimestamp();
	work.now = cirro_now();

	/* All memory of the turn hangs off this connection. */
	SPI_connect();
	if (run_isolated(take_turn, &work, &failure) != ISOLATED_FAILED)
		outcome = work.error != NULL ? GIG_FAILED :
			work.claimed ? GIG_DONE : GIG_SKIPPED;
	else if (error_is_transient(failure))
		outcome = GIG_SKIPPED;
	else
	{
		ErrorData  *second;

		outcome = GIG_FAILED;
		work.error = failure;
		work.waved = false;
		work.wave_id = 0;
		if (run_isolated(take_turn, &work, &second) == ISOLATED_FAILED)
			ereport(WARNING,
					(errcode(failure->sqlerrcode),
					 errmsg("gig " INT64_FORMAT " of Space \"%s\" failed, and that could not be recorded",
							gig_id, name),
					 errdetail("It failed with: %s. Recording it failed with: %s.",
							   failure->message, second->message)));
	}
	if (outcome == GIG_FAILED && error_is_lack_of_resources(work.error))
		outcome = GIG_LACKS_RESOURCES;
	SPI_finish();
	return outcome;
}

static void
raise_not_open(const GigWork *work)
{
	ereport(ERROR,
			(errcode(ERRCODE_CIRRO_NOT_OPEN),
			 errmsg("gig " INT64_FORMAT " is not open", work->gig_id),
			 errdetail("It ended at %s.", timestamptz_to_str(work->closes_at)),
			 errhint("Waves run until a gig's end_at.")));
}

static void
raise_unknown_gig(const char *id)
{
	ereport(ERROR,
			(errcode(ERRCODE_CIRRO_UNKNOWN_GIG),
			 errmsg("gig %s does not exist", id)));
}

static void
raise_paused(const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_CIRRO_PAUSED),
			 errmsg("waves are paused"),
			 errdetail("%s", detail), errhint("%s", hint)));
}

/*
 * cirro.run_wave(space name, gig_id bigint) returns jsonb: the wave's row
 *
 * One wave now, in the caller's transaction, as the Space's owner, whatever
 * the cadence and the mode say. NULL if no wave is needed: the target is
 * reached, or pending_max leaves no room. Waits for the gig row; errors are
 * the caller's.
 */
Datum
run_wave(PG_FUNCTION_ARGS)
{
	SpaceInfo  *info;
	SpaceScope	scope;
	GigWork		work = {0};
	Datum		id;
	Datum		result = 0;
	ErrorData  *error;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("space must not be null")));
	info = space_get(NameStr(*PG_GETARG_NAME(0)));
	space_check_invite(info);
	if (!cirro_active)
		raise_paused("The setting cirro.active is off in this database.",
					 "It is meant for copies of production, which must not invite anybody.");
	if (PG_ARGISNULL(1))
		raise_unknown_gig("null");

	work.space = info->space;
	work.owner = info->owner;
	work.gig_id = PG_GETARG_INT64(1);
	work.began = GetCurrentTimestamp();
	id = Int64GetDatum(work.gig_id);

	SPI_connect();
	space_enter(&scope, work.space, work.owner, SPACE_FLAGS);

	cirro_execute(work.space, &wait_query, &id, NULL);
	work.now = cirro_gate_now();
	if (!read_gig(&work))
		raise_unknown_gig(psprintf(INT64_FORMAT, work.gig_id));
	if (work.paused)
		raise_paused(psprintf("Space \"%s\" is paused.", info->name),
					 "Set \"paused\" to false in its table \"setting\".");
	if (!is_open(&work))
		raise_not_open(&work);

	if (work.accepted < work.target)
		switch (run_isolated(run_one_wave, &work, &error))
		{
			case ISOLATED_FAILED:
				ReThrowError(error);
				break;
			case ISOLATED_GIVEN_UP:
				if (cirro_gate_now() >= work.closes_at)
					raise_not_open(&work);
				break;
			case ISOLATED_DONE:
				work.waved = true;
				update_state(&work, work.now);
				break;
		}

	if (work.waved && work.wave_id != 0)
	{
		bool		isnull;

		id = Int64GetDatum(work.wave_id);
		cirro_execute(work.space, &wave_row_query, &id, NULL);
		result = SPI_datumTransfer(cirro_result(0, 1, &isnull), false, -1);
	}

	space_leave(&scope);
	SPI_finish();

	if (result == 0)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}
