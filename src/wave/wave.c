/*-------------------------------------------------------------------------
 * src/wave/wave.c
 *
 * One wave of one gig: how many workers it wants, inviting them, and its row
 * in the table wave. Who they are is decided by wave/match.c, when waves run
 * by wave/turn.c. Must not count seats or write the workers' notifications: the
 * triggers of invitation do.
 *
 * Locks in the order of gig/state.h; the caller holds the gig row. Only the
 * insert may have to wait, for another insert of the same worker; so gig_state
 * must not be locked before it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "cirro.h"
#include "gig/event.h"
#include "gig/state.h"
#include "space/query.h"
#include "space/row_writer.h"
#include "wave/batch.h"
#include "wave/eligible.h"
#include "wave/invite.h"
#include "wave/match.h"
#include "wave/wave.h"

static const SpaceQuery count_pending_query = {
	COUNT_PENDING("$1", "$2", "$3"),
	3, {INT8OID, INTERVALOID, TIMESTAMPTZOID}, PLAN_BY_KEY
};

/* In no order: nothing waits, and by the order of ids all invitations might be read. */
static const SpaceQuery lock_pending_query = {
	"SELECT count(*) FROM (SELECT FROM invitation p WHERE " IS_PENDING("$1", "$2", "$3")
	" LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED) AS locked",
	4, {INT8OID, INTERVALOID, TIMESTAMPTZOID, INT4OID}, PLAN_BY_KEY
};

/*
 * Two waves of a Space that read the number of a worker's pending invitations
 * at once would both find room for one more, and so would a rule of the Space's own. The
 * Space's one setting row is their lock: it goes away with the transaction, shows up in
 * pg_locks as what it is, and clashes with no key of an application.
 */
static const SpaceQuery limit_workers_query = {
	"SELECT t.max_pending::int, t.eligible::text FROM setting t FOR NO KEY UPDATE",
	0, {InvalidOid}
};

static const SpaceQuery reserve_query = {
	"SELECT pg_catalog.nextval(pg_catalog.pg_get_serial_sequence('wave', 'id'))"
};

/*
 * What is asked of workers once more: the filter as it is in gig_filter; or $4, what it
 * was bound to, if it depends on time.
 */
typedef SpaceQuery Invite[2];

#define INVITES(invite) \
	{{invite("f.filter"), 3, {INT8OID, INT8ARRAYOID, INT8OID}, PLAN_BY_KEY}, \
	{invite("$4::cirro.filter_query"), 4, {INT8OID, INT8ARRAYOID, INT8OID, JSONBOID}, PLAN_BY_KEY}}

#define INVITE_LOCKED(filter) \
	"INSERT INTO invitation (gig_id, worker_id, origin, wave_id)" \
	" SELECT f.gig_id, w.id, 'wave', $3" \
	" FROM gig_filter f, pg_catalog.unnest($2) AS found (id) JOIN worker w ON w.id = found.id" \
	" WHERE f.gig_id = $1 AND w.active AND w.profile OPERATOR(cirro.@@) " filter \
	" ORDER BY w.id" \
	" ON CONFLICT (gig_id, worker_id) DO NOTHING"
static const Invite invite_query = INVITES(INVITE_LOCKED);

/*
 * The same for what a pass over the workers has found, which nobody has locked
 * yet.
 */
#define INVITE_FOUND(filter) \
	"INSERT INTO invitation (gig_id, worker_id, origin, wave_id)" \
	" SELECT $1, found.id, 'wave', $3 FROM (" \
	"   SELECT w.id FROM gig_filter f, pg_catalog.unnest($2) AS proposed (id)" \
	"     JOIN worker w ON w.id = proposed.id" \
	"   WHERE f.gig_id = $1 AND w.active AND w.profile OPERATOR(cirro.@@) " filter \
	"   FOR KEY SHARE OF w SKIP LOCKED) AS found" \
	" ORDER BY found.id" \
	" ON CONFLICT (gig_id, worker_id) DO NOTHING"
static const Invite invite_found_query = INVITES(INVITE_FOUND);

static const SpaceQuery filter_query = {
	"SELECT FROM gig_filter f WHERE f.gig_id = $1",
	1, {INT8OID}, PLAN_BY_KEY
};

#define REOPEN(filter) \
	"UPDATE invitation i SET status = 'pending', reason = NULL, origin = 'wave', wave_id = $3" \
	" FROM gig_filter f, worker w" \
	" WHERE f.gig_id = $1 AND i.id = ANY ($2) AND w.id = i.worker_id" \
	" AND i.status = 'expired'" \
	" AND w.active AND w.profile OPERATOR(cirro.@@) " filter
static const Invite reopen_query = INVITES(REOPEN);

static const SpaceQuery insert_wave_query = {
	"INSERT INTO wave (gig_id, number, run_at, target, accepted, wanted, invited,"
	"   matched, held_back, outcome, error, took, id)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
	13, {INT8OID, INT4OID, TIMESTAMPTZOID, INT4OID, INT4OID, INT4OID, INT4OID,
	INT4OID, INT4OID, TEXTOID, TEXTOID, INTERVALOID, INT8OID}, PLAN_BY_KEY
};

static const SpaceQuery repeat_wave_query = {
	"UPDATE wave v SET repeats = v.repeats + 1, run_at = $2, target = $3, accepted = $4,"
	"   wanted = $5, matched = $6, held_back = $7, took = $10"
	" WHERE v.id = (SELECT l.id FROM wave l WHERE l.gig_id = $1"
	"   ORDER BY l.number DESC, l.id DESC LIMIT 1)"
	" AND v.outcome = $8 AND v.error IS NOT DISTINCT FROM $9"
	" RETURNING v.id::bigint",
	10, {INT8OID, TIMESTAMPTZOID, INT4OID, INT4OID, INT4OID, INT4OID, INT4OID,
	TEXTOID, TEXTOID, INTERVALOID}, PLAN_BY_KEY
};

enum
{
	WAVE_ROW_ID, WAVE_GIG_ID, WAVE_NUMBER, WAVE_RUN_AT, WAVE_TARGET, WAVE_ACCEPTED, WAVE_WANTED,
	WAVE_INVITED, WAVE_MATCHED, WAVE_HELD_BACK, WAVE_OUTCOME, WAVE_ERROR, WAVE_TOOK, NWAVE_COLUMNS
};

static const RowTable wave_rows = {
	.name = "wave",
	.operation = CMD_INSERT,
	.ncolumns = NWAVE_COLUMNS,
	.columns = {
		[WAVE_ROW_ID] = {"id", INT8OID},
		[WAVE_GIG_ID] = {"gig_id", INT8OID},
		[WAVE_NUMBER] = {"number", INT4OID},
		[WAVE_RUN_AT] = {"run_at", TIMESTAMPTZOID},
		[WAVE_TARGET] = {"target", INT4OID},
		[WAVE_ACCEPTED] = {"accepted", INT4OID},
		[WAVE_WANTED] = {"wanted", INT4OID},
		[WAVE_INVITED] = {"invited", INT4OID},
		[WAVE_MATCHED] = {"matched", INT4OID},
		[WAVE_HELD_BACK] = {"held_back", INT4OID},
		[WAVE_OUTCOME] = {"outcome", TEXTOID},
		[WAVE_ERROR] = {"error", TEXTOID},
		[WAVE_TOOK] = {"took", INTERVALOID}
	}
};

static int64
reserve_wave_id(const GigTurn *turn)
{
	RowWriter  *rows;
	QueryArgs	args = {&reserve_query};
	ResultRow	row;
	int64		id = 0;

	row_writer_push_snapshot();
	rows = row_writer_begin(turn->space, &wave_rows);
	if (rows != NULL)
	{
		id = row_writer_next_id(rows);
		row_writer_end(rows);
	}
	PopActiveSnapshot();
	if (rows != NULL)
		return id;
	query_run(turn->space, &args);
	row = result_row(0);
	id = result_int64(&row);
	result_end(&row);
	return id;
}

/* A number that may not be known. */
static void
arg_count(QueryArgs *args, int count)
{
	if (count < 0)
		arg_null(args);
	else
		arg_int32(args, count);
}

/*
 * A wave that came to the same bad end as the last one is counted in that one's
 * row. False if it did not.
 */
static bool
repeat_wave(GigTurn *turn, const char *outcome, int wanted, int matched,
			int held_back, const char *error, const Interval *took)
{
	QueryArgs	args = {&repeat_wave_query};
	ResultRow	row;

	arg_int64(&args, turn->gig_id);
	arg_timestamptz(&args, turn->now);
	arg_int32(&args, turn->gig.target);
	arg_int32(&args, turn->gig.accepted);
	arg_int32(&args, wanted);
	arg_count(&args, matched);
	arg_count(&args, held_back);
	arg_text(&args, outcome);
	arg_text(&args, error);
	arg_interval(&args, took);
	if (query_run(turn->space, &args) == 0)
		return false;
	row = result_row(0);
	turn->wave_id = result_int64(&row);
	result_end(&row);
	return true;
}

/* The row whose id is turn->wave_id. False if a statement has to write it. */
static bool
write_row(const GigTurn *turn, const char *outcome, int wanted, int invited, int matched,
		  int held_back, const char *error, const Interval *took)
{
	RowWriter  *rows;

	row_writer_push_snapshot();
	rows = row_writer_begin(turn->space, &wave_rows);
	if (rows != NULL)
	{
		Datum		values[NWAVE_COLUMNS] = {
			[WAVE_ROW_ID] = Int64GetDatum(turn->wave_id),
			[WAVE_GIG_ID] = Int64GetDatum(turn->gig_id),
			[WAVE_NUMBER] = Int32GetDatum(turn->gig.waves + 1),
			[WAVE_RUN_AT] = TimestampTzGetDatum(turn->now),
			[WAVE_TARGET] = Int32GetDatum(turn->gig.target),
			[WAVE_ACCEPTED] = Int32GetDatum(turn->gig.accepted),
			[WAVE_WANTED] = Int32GetDatum(wanted),
			[WAVE_INVITED] = Int32GetDatum(invited),
			[WAVE_MATCHED] = Int32GetDatum(matched),
			[WAVE_HELD_BACK] = Int32GetDatum(held_back),
			[WAVE_OUTCOME] = CStringGetTextDatum(outcome),
			[WAVE_ERROR] = error == NULL ? (Datum) 0 : CStringGetTextDatum(error),
			[WAVE_TOOK] = IntervalPGetDatum(took)
		};
		bool		nulls[NWAVE_COLUMNS] = {
			[WAVE_MATCHED] = matched < 0,
			[WAVE_HELD_BACK] = held_back < 0,
			[WAVE_ERROR] = error == NULL
		};

		row_writer_put(rows, values, nulls);
		row_writer_end(rows);
	}
	PopActiveSnapshot();
	return rows != NULL;
}

void
wave_write(GigTurn *turn, const char *outcome, int wanted, int invited,
		   int matched, int held_back, const char *error)
{
	Interval	took = {.time = GetCurrentTimestamp() - turn->began};
	QueryArgs	args = {&insert_wave_query};

	if (invited == 0 &&
		repeat_wave(turn, outcome, wanted, matched, held_back, error, &took))
		return;

	if (invited == 0 || turn->wave_id == 0)
		turn->wave_id = reserve_wave_id(turn);
	if (write_row(turn, outcome, wanted, invited, matched, held_back, error, &took))
		return;
	arg_int64(&args, turn->gig_id);
	arg_int32(&args, turn->gig.waves + 1);
	arg_timestamptz(&args, turn->now);
	arg_int32(&args, turn->gig.target);
	arg_int32(&args, turn->gig.accepted);
	arg_int32(&args, wanted);
	arg_int32(&args, invited);
	arg_count(&args, matched);
	arg_count(&args, held_back);
	arg_text(&args, outcome);
	arg_text(&args, error);
	arg_interval(&args, &took);
	arg_int64(&args, turn->wave_id);
	query_run(turn->space, &args);
}

/* Invites the workers found; returns how many rows that made or changed. */
static int
invite(const GigTurn *turn, const SpaceQuery *queries, const int64 *ids, int count)
{
	bool		is_bound = turn->gig.bound_hash != 0;
	QueryArgs	args = {&queries[is_bound ? 1 : 0]};

	if (count == 0)
		return 0;
	arg_int64(&args, turn->gig_id);
	arg_int64_array(&args, ids, count);
	arg_int64(&args, turn->wave_id);
	if (is_bound)
		arg_datum(&args, JSONBOID, turn->gig.filter, false);
	return query_run(turn->space, &args);
}

/* The same for workers without an invitation, row by row if that can be. */
static int
invite_found(GigTurn *turn, const SpaceQuery *queries, const Proposals *found)
{
	int			invited = -1;

	if (found->count == 0)
		return 0;
	/* Without its row in gig_filter nobody matches. */
	if (!turn->by_statements && turn->gig.compiled != (Datum) 0)
	{
		turn->wrote_rows = true;
		invited = wave_invite(turn->space, turn->gig_id, turn->wave_id, turn->gig.compiled, found);
	}
	return invited < 0 ? invite(turn, queries, found->ids, found->count) : invited;
}

/* Raises 55000 if those found were not invited because the gig's filter is gone. */
static void
check_filter(const GigTurn *turn)
{
	QueryArgs	args = {&filter_query};

	arg_int64(&args, turn->gig_id);
	if (query_run(turn->space, &args) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("gig " INT64_FORMAT " has no row in gig_filter", turn->gig_id),
				 errdetail("The row was removed, or the clock was set back to before the gig's end."),
				 errhint("Call rebuild_state() in the Space.")));
}

/* How many of the wanted workers pending_max leaves room for. */
static int
heed_pending_max(const GigTurn *turn)
{
	QueryArgs	args = {&count_pending_query};
	ResultRow	row;
	int64		room;

	if (turn->gig.pending_max == 0)
		return turn->gig.wanted;
	arg_int64(&args, turn->gig_id);
	arg_interval(&args, turn->gig.answer_within);
	arg_timestamptz(&args, turn->now);
	query_run(turn->space, &args);
	row = result_row(0);
	room = turn->gig.pending_max - result_int64(&row);
	result_end(&row);
	return (int) Max(0, Min(turn->gig.wanted, room));
}

/*
 * Locks the limits of the Space's waves, and has the search heed them; they may be gone by
 * now. See limit_workers_query.
 */
static void
lock_limits(const GigTurn *turn, CandidateSearch *search, EligibleRule *rule, int wanted)
{
	QueryArgs	args = {&limit_workers_query};
	ResultRow	row;

	if (query_run(turn->space, &args) == 0)
		return;
	row = result_row(0);
	if (!result_null(&row))
		search->max_pending = result_int32(&row);
	if (!result_null(&row))
	{
		wave_eligible_begin(rule, turn->space, turn->owner,
							TextDatumGetCString(result_datum(&row, TEXTOID)),
							turn->gig_id, wanted);
		search->rule = rule;
	}
	result_end(&row);
	query_free();
}

/* Locks gig_state. Is there still something for a wave to do? */
static bool
lock_state(const GigTurn *turn)
{
	GigState	state;

	return gig_state_lock(turn->space, turn->gig_id, &state) &&
		gig_state_wants_wave(&state, cirro_gate_now());
}

/*
 * Is what a pass has found still what this wave looks for? Of changed workers alone
 * it is, as long as the others are none to invite.
 */
static bool
found_is_current(const GigTurn *turn)
{
	const BatchedGig *found = turn->found;
	const GigFacts *gig = &turn->gig;

	return found != NULL && found->number == gig->waves + 1 &&
		(!FullTransactionIdIsValid(found->since) ||
		 (!gig->limits_workers && FullTransactionIdIsValid(gig->searched) &&
		  FullTransactionIdFollowsOrEquals(gig->searched, found->since))) &&
		found->filter_hash == wave_batch_hash(gig->filter) &&
		found->sort_hash == wave_batch_hash(gig->sort);
}

/*
 * Of these places of what a pass has found, the first that the Space's rule lets pass,
 * until so many do, or a few more. Returns how many they are; "asked" is how many it
 * took.
 */
static int
heed_rule(EligibleRule *rule, const BatchedGig *found, int wanted, int *places, int nplaces,
		  int *asked)
{
	int64	   *workers = palloc(mul_size((Size) nplaces + 1, sizeof(int64)));
	bool	   *eligible = palloc(mul_size((Size) nplaces + 1, sizeof(bool)));
	int64		lot = wave_eligible_first_lot(wanted);
	int			n = 0;

	for (int i = 0; i < nplaces; i++)
		workers[i] = found->ids[places[i]];
	*asked = 0;
	while (n < wanted && *asked < nplaces && rule->may_ask > 0)
	{
		int			first = *asked;

		CHECK_FOR_INTERRUPTS();
		lot = Min(lot, Min(nplaces - first, rule->may_ask));
		wave_eligible_ask(rule, workers + first, (int) lot, eligible + first);
		*asked += (int) lot;
		for (int i = first; i < *asked; i++)
			if (eligible[i])
				places[n++] = places[i];
		lot *= 2;
	}
	pfree(workers);
	pfree(eligible);
	return n;
}

/*
 * Of what a pass has found, the first whom setting.max_pending leaves room for now, and
 * whom setting.eligible lets pass: as many as are wanted or more, if there are. If they
 * are complete, so is the number of those held back.
 */
static BatchedGig
heed_limits(const CandidateSearch *search, const BatchedGig *found, int wanted,
			int *held_back)
{
	BatchedGig	result = *found;
	int		   *places = palloc(mul_size((Size) found->nids + 1, sizeof(int)));
	int			asked = found->nids;

	if (search->max_pending > 0)
		result.nids = wave_find_room(search, found->ids, found->nids,
									 search->rule == NULL ? wanted : found->nids,
									 places, held_back, &asked);
	else
		for (int i = 0; i < found->nids; i++)
			places[i] = i;
	result.complete = found->complete && asked == found->nids;
	if (search->rule != NULL)
	{
		int			nplaces = result.nids;

		/* If it was not enough, the search comes by them again. */
		if (!result.complete)
			wave_eligible_keep(search->rule);
		result.nids = heed_rule(search->rule, found, wanted, places, nplaces, &asked);
		result.complete = result.complete && asked == nplaces;
	}
	result.ids = palloc(mul_size((Size) found->nids + 1, sizeof(int64)));
	if (found->places != NULL)
	{
		result.places = palloc(mul_size((Size) found->nids + 1, sizeof(ItemPointerData)));
		result.xmins = palloc(mul_size((Size) found->nids + 1, sizeof(TransactionId)));
	}
	for (int i = 0; i < result.nids; i++)
	{
		result.ids[i] = found->ids[places[i]];
		if (found->places != NULL)
		{
			result.places[i] = found->places[places[i]];
			result.xmins[i] = found->xmins[places[i]];
		}
	}
	return result;
}

bool
wave_has_no_room(const GigTurn *turn)
{
	QueryArgs	args = {&lock_pending_query};
	ResultRow	row;
	int64		count;

	if (IsolationUsesXactSnapshot())
		return false;
	arg_int64(&args, turn->gig_id);
	arg_interval(&args, turn->gig.answer_within);
	arg_timestamptz(&args, turn->now);
	arg_int32(&args, turn->gig.pending_max);
	query_run(turn->space, &args);
	row = result_row(0);
	count = result_int64(&row);
	result_end(&row);
	query_free();
	return count >= turn->gig.pending_max;
}

/*
 * The id of the wave's row comes first, because invitations carry it; the row
 * comes last, when it is known what it says.
 */
bool
wave_run(void *arg)
{
	GigTurn    *turn = arg;
	const GigFacts *gig = &turn->gig;
	int			wanted = heed_pending_max(turn);
	CandidateSearch search = {
		.space = turn->space,
		.gig_id = turn->gig_id,
		.number = gig->waves + 1,
		.filter = gig->filter,
		.is_bound = gig->bound_hash != 0,
		.sort = gig->sort
	};
	EligibleRule rule;
	int64	   *fresh;
	int64	   *again;
	int			nfresh = 0;
	int			nagain = 0;
	int			invited = 0;
	bool		searched = false;
	bool		everyone = false;	/* who could be invited was, or is now */
	FullTransactionId horizon = gig->horizon;
	int			matched = -1;
	int			held_back = -1;
	int			found_held_back = 0;

	/* It may be another try. */
	turn->wave_id = 0;
	turn->exhausted = gig->exhausted;
	turn->searched = InvalidFullTransactionId;
	turn->fell_short = false;
	turn->no_room = wanted == 0 && gig->pending_max > 0;
	if (wanted == 0)
		return lock_state(turn);

	if (gig->limits_workers)
		lock_limits(turn, &search, &rule, wanted);
	else
		search.since = gig->searched;

	if (found_is_current(turn))
	{
		BatchedGig	found = *turn->found;
		bool		limited = search.max_pending > 0 || search.rule != NULL;
		int			count;

		if (limited)
			found = heed_limits(&search, turn->found, wanted, &found_held_back);
		count = Min(wanted, found.nids);
		/* Whom it has left out may have room, where others have none. */
		if (limited && count < wanted && !found.complete)
			count = 0;
		if (count > 0)
			turn->wave_id = reserve_wave_id(turn);
		invited = invite_found(turn, invite_found_query,
							   &(Proposals) {count, found.ids, found.places, found.xmins});
		searched = found.complete && count == found.nids;
		everyone = searched && invited == count;
		horizon = found.horizon;

		/* gig_state is locked now: another insert might wait for who waits for it. */
		turn->fell_short = invited > 0 && invited < wanted && !searched;
		if (turn->fell_short)
			return false;
	}

	fresh = palloc(mul_size(sizeof(int64), wanted));
	if (invited < wanted && !searched)
	{
		nfresh = wave_find_candidates(&search, wanted - invited, fresh);
		everyone = search.complete;
		horizon = gig->horizon;
	}
	again = palloc(mul_size(sizeof(int64), wanted));
	if (invited + nfresh < wanted)
	{
		nagain = wave_find_reopenable(&search, wanted - invited - nfresh, again);
		everyone &= search.complete;
		/* Who would match and was not asked about is not known. */
		if (search.rule == NULL)
			matched = invited + nfresh + nagain;
		if (search.max_pending > 0)
			held_back = searched && search.none_reopenable ? found_held_back :
				(int) Min(wave_count_held_back(&search), PG_INT32_MAX);
	}
	else
		everyone = false;

	if (nfresh + nagain > 0)
	{
		int			n;

		if (turn->wave_id == 0)
			turn->wave_id = reserve_wave_id(turn);
		n = invite_found(turn, invite_query, &(Proposals) {nfresh, fresh}) +
			invite(turn, reopen_query, again, nagain);
		if (n == 0)
			check_filter(turn);
		everyone &= n == nfresh + nagain;
		invited += n;
	}
	if (everyone && !gig->limits_workers)
		turn->searched = horizon;

	if (!lock_state(turn))
		return false;

	turn->exhausted = invited == 0;
	if (turn->exhausted && !gig->exhausted)
		event_of_gig(turn->space, turn->gig_id, "gig.exhausted", (Datum) 0);
	if (invited > 0)
		wave_write(turn, "invited", wanted, invited, matched, held_back, NULL);
	else
		wave_write(turn, "exhausted", wanted, 0, search.rule == NULL ? Max(matched, 0) : -1,
				   held_back, NULL);
	return true;
}
