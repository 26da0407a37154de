/*-------------------------------------------------------------------------
 * src/wave/facts.c
 *
 * What a turn goes by: claims the gig, and reads what its rows say, in one
 * snapshot. Row by row where that is the same (space/row_writer.c), for a new
 * session would plan a join of four tables; else by statements. Must not decide what
 * is done about it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "compat.h"
#include "filter/bind.h"
#include "filter/io.h"
#include "gig/state.h"
#include "space/query.h"
#include "space/row_writer.h"
#include "wave/facts.h"

PG_FUNCTION_INFO_V1(wave_wanted);

/* A wave invites no more than that. */
#define MAX_WANTED	1000000

static const SpaceQuery claim_query = {
	"SELECT FROM gig g WHERE g.id = $1 FOR NO KEY UPDATE SKIP LOCKED",
	1, {INT8OID}, PLAN_BY_KEY
};

static const SpaceQuery wait_query = {
	"SELECT FROM gig g WHERE g.id = $1 FOR NO KEY UPDATE",
	1, {INT8OID}
};

static const SpaceQuery read_query = {
	"SELECT s.accepted::int, s.target::int, coalesce(s.accepted >= s.capacity, false)::bool,"
	"   s.expires_rest::bool, s.auto::bool, s.frequency::interval, s.answer_within::interval,"
	"   s.starts_at::timestamptz, s.closes_at::timestamptz, s.archives_at::timestamptz,"
	"   s.next_wave_at::timestamptz, s.waves::int, s.failures::int, s.announced::int, s.exhausted::bool,"
	"   cirro.wave_wanted(s.target::int, s.accepted::int, g.invitation_multiplier::numeric),"
	"   g.pending_max::int, g.filter_query::jsonb, f.filter::cirro.filter_query, g.sort_query::jsonb,"
	"   t.paused::bool, t.max_pending IS NOT NULL OR t.eligible IS NOT NULL,"
	"   s.searched::bigint, s.searched_on::bigint, s.released::bigint, g.created_at::timestamptz,"
	"   " OLDEST_TRANSACTION
	" FROM gig g JOIN gig_state s ON s.gig_id = g.id LEFT JOIN gig_filter f ON f.gig_id = g.id"
	"   LEFT JOIN setting t ON true"
	" WHERE g.id = $1",
	1, {INT8OID}, PLAN_BY_KEY
};

static const SpaceQuery sends_query = {
	"SELECT min(i.send_at) FROM invitation i WHERE i.gig_id = $1 AND i.status = 'scheduled'",
	1, {INT8OID}, PLAN_BY_KEY
};

enum
{
	GIG_ID, GIG_MULTIPLIER, GIG_PENDING_MAX, GIG_FILTER, GIG_SORT, GIG_CREATED_AT, NGIG_COLUMNS
};

static const RowTable gig_rows = {
	.name = "gig",
	.operation = CMD_SELECT,
	.locks = true,
	.ncolumns = NGIG_COLUMNS,
	.columns = {
		[GIG_ID] = {"id", INT8OID, true},
		[GIG_MULTIPLIER] = {"invitation_multiplier", NUMERICOID, true},
		[GIG_PENDING_MAX] = {"pending_max", INT4OID, true},
		[GIG_FILTER] = {"filter_query", JSONBOID, true},
		[GIG_SORT] = {"sort_query", JSONBOID, true},
		[GIG_CREATED_AT] = {"created_at", TIMESTAMPTZOID, true}
	}
};

enum
{
	STATE_GIG_ID, STATE_ACCEPTED, STATE_TARGET, STATE_CAPACITY, STATE_EXPIRES_REST, STATE_AUTO,
	STATE_FREQUENCY, STATE_ANSWER_WITHIN, STATE_STARTS_AT, STATE_CLOSES_AT, STATE_ARCHIVES_AT,
	STATE_NEXT_WAVE_AT, STATE_WAVES, STATE_FAILURES, STATE_ANNOUNCED, STATE_EXHAUSTED,
	STATE_SINCE, STATE_SINCE_ON, STATE_RELEASED, NSTATE_COLUMNS
};

static const RowTable state_rows = {
	.name = "gig_state",
	.operation = CMD_SELECT,
	.ncolumns = NSTATE_COLUMNS,
	.columns = {
		[STATE_GIG_ID] = {"gig_id", INT8OID, true},
		[STATE_ACCEPTED] = {"accepted", INT4OID, true},
		[STATE_TARGET] = {"target", INT4OID, true},
		[STATE_CAPACITY] = {"capacity", INT4OID, true},
		[STATE_EXPIRES_REST] = {"expires_rest", BOOLOID, true},
		[STATE_AUTO] = {"auto", BOOLOID, true},
		[STATE_FREQUENCY] = {"frequency", INTERVALOID, true},
		[STATE_ANSWER_WITHIN] = {"answer_within", INTERVALOID, true},
		[STATE_STARTS_AT] = {"starts_at", TIMESTAMPTZOID, true},
		[STATE_CLOSES_AT] = {"closes_at", TIMESTAMPTZOID, true},
		[STATE_ARCHIVES_AT] = {"archives_at", TIMESTAMPTZOID, true},
		[STATE_NEXT_WAVE_AT] = {"next_wave_at", TIMESTAMPTZOID, true},
		[STATE_WAVES] = {"waves", INT4OID, true},
		[STATE_FAILURES] = {"failures", INT4OID, true},
		[STATE_ANNOUNCED] = {"announced", INT2OID, true},
		[STATE_EXHAUSTED] = {"exhausted", BOOLOID, true},
		[STATE_SINCE] = {"searched", INT8OID, true},
		[STATE_SINCE_ON] = {"searched_on", INT8OID, true},
		[STATE_RELEASED] = {"released", INT8OID, true}
	}
};

enum
{
	FILTER_GIG_ID, FILTER_COMPILED, NFILTER_COLUMNS
};

static const RowTable filter_rows = {
	.name = "gig_filter",
	.operation = CMD_SELECT,
	.ncolumns = NFILTER_COLUMNS,
	.columns = {
		[FILTER_GIG_ID] = {"gig_id", INT8OID, true},
		[FILTER_COMPILED] = {"filter", InvalidOid, true}
	}
};

enum
{
	SETTING_ONLY_ROW, SETTING_PAUSED, SETTING_MAX_PENDING, SETTING_ELIGIBLE, NSETTING_COLUMNS
};

static const RowTable setting_rows = {
	.name = "setting",
	.operation = CMD_SELECT,
	.ncolumns = NSETTING_COLUMNS,
	.columns = {
		[SETTING_ONLY_ROW] = {"only_row", BOOLOID, true},
		[SETTING_PAUSED] = {"paused", BOOLOID, true},
		[SETTING_MAX_PENDING] = {"max_pending", INT4OID, true},
		[SETTING_ELIGIBLE] = {"eligible", TEXTOID, true}
	}
};

/* ---------------------------------------------------------------- claim -- */

/* Locks the gig's row. True if it is locked now; if statements have to, "known" is false. */
static bool
lock_row(const GigTurn *turn, bool wait, bool *known)
{
	RowWriter  *gigs;
	bool		locked = false;

	/* A row that is newer than the snapshot is an error, which the statement raises. */
	*known = false;
	if (IsolationUsesXactSnapshot())
		return false;
	row_writer_push_snapshot();
	gigs = row_writer_begin(turn->space, &gig_rows);
	if (gigs != NULL)
	{
		*known = true;
		if (row_writer_find(gigs, turn->gig_id))
		{
			RowResult	result = row_writer_lock(gigs, false, !wait);

			locked = result == ROW_DONE || result == ROW_CHANGED;
		}
		row_writer_end(gigs);
	}
	PopActiveSnapshot();
	return locked;
}

bool
wave_claim(const GigTurn *turn, bool wait)
{
	QueryArgs	args = {wait ? &wait_query : &claim_query};
	bool		known;
	bool		locked = lock_row(turn, wait, &known);

	if (known)
		return locked;
	arg_int64(&args, turn->gig_id);
	return query_run(turn->space, &args) > 0;
}

/* ----------------------------------------------------------------- rows -- */

/* A column that has a value; "sound" becomes false if it has none. */
static Datum
value_of(RowWriter *rows, int column, bool *sound)
{
	bool		isnull;
	Datum		value = row_writer_value(rows, column, &isnull);

	*sound &= !isnull;
	return value;
}

static TimestampTz
time_or_never(RowWriter *rows, int column)
{
	bool		isnull;
	Datum		value = row_writer_value(rows, column, &isnull);

	return isnull ? DT_NOEND : DatumGetTimestampTz(value);
}

/* A copy that outlives the row; 0 if there is no value. */
static Datum
copy_of(RowWriter *rows, int column)
{
	bool		isnull;
	Datum		value = row_writer_value(rows, column, &isnull);

	return isnull ? (Datum) 0 : PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
}

static const Interval *
interval_of(RowWriter *rows, int column)
{
	bool		isnull;
	Datum		value = row_writer_value(rows, column, &isnull);

	return isnull ? NULL :
		memcpy(palloc(sizeof(Interval)), DatumGetIntervalP(value), sizeof(Interval));
}

/* How many workers a wave invites. */
static int32
count_wanted(int32 target, int32 accepted, Datum multiplier, bool isnull)
{
	Datum		most = NumericGetDatum(int64_to_numeric(MAX_WANTED));
	int64		seats = Max((int64) target - accepted, 0);
	Datum		wanted = isnull ? most : DirectFunctionCall2(numeric_smaller, multiplier, most);

	wanted = DirectFunctionCall2(numeric_mul, NumericGetDatum(int64_to_numeric(seats)), wanted);
	wanted = DirectFunctionCall2(numeric_smaller, DirectFunctionCall1(numeric_ceil, wanted), most);
	return DatumGetInt32(DirectFunctionCall1(numeric_int4, wanted));
}

/* cirro.wave_wanted(target int, accepted int, multiplier numeric) returns int */
Datum
wave_wanted(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_INT32(0);
	PG_RETURN_INT32(count_wanted(PG_GETARG_INT32(0), PG_GETARG_INT32(1),
								 PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2),
								 PG_ARGISNULL(2)));
}

/* What gig_state says of a search; 0 is NULL. */
typedef struct Searched
{
	int64		since;
	int64		on;
	int64		released;
} Searched;

/*
 * As STATE_SEARCHED, but that what was searched by a filter that depends on time holds
 * for as long as that is bound to the same. After the filter.
 */
static FullTransactionId
searched_of(const GigTurn *turn, const Searched *searched)
{
	int64		place = gig_state_place(turn->space) ^ (int64) turn->gig.bound_hash;

	if (searched->since == 0 || searched->on != place ||
		(searched->released != 0 && searched->released >= searched->since))
		return InvalidFullTransactionId;
	return FullTransactionIdFromU64((uint64) searched->since);
}

/*
 * Binds the filter to the turn's time. What does not depend on time was compiled when it
 * was written. After the state.
 */
static void
bind_filter(GigTurn *turn, TimestampTz created_at)
{
	GigFacts   *gig = &turn->gig;
	FilterMoment moment = {turn->now, created_at, gig->starts_at};
	FilterQuery *query;

	gig->bound_hash = 0;
	gig->changes_at = NO_TIME;
	/* Nor is it looked at where an error is only to be recorded: it may be its own. */
	if (gig->compiled == (Datum) 0 || turn->error != NULL ||
		!filter_jsonb_may_depend_on_time(gig->filter))
		return;
	query = filter_bind_jsonb(DatumGetJsonbP(gig->filter), &moment, &gig->changes_at);
	if (TIMESTAMP_IS_NOEND(gig->changes_at))
		gig->changes_at = NO_TIME;
	gig->compiled = PointerGetDatum(query);
	gig->filter = PointerGetDatum(filter_query_to_jsonb(query));
	gig->bound_hash = filter_query_hash64(query);
}

static int64
transaction_of(RowWriter *rows, int column)
{
	bool		isnull;
	Datum		value = row_writer_value(rows, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

static bool
read_state(GigTurn *turn, RowWriter *states)
{
	GigFacts   *gig = &turn->gig;
	bool		sound = true;
	bool		unlimited;
	int32		capacity = DatumGetInt32(row_writer_value(states, STATE_CAPACITY, &unlimited));

	gig->accepted = DatumGetInt32(value_of(states, STATE_ACCEPTED, &sound));
	gig->target = DatumGetInt32(value_of(states, STATE_TARGET, &sound));
	gig->filled = !unlimited && gig->accepted >= capacity;
	gig->expires_rest = DatumGetBool(value_of(states, STATE_EXPIRES_REST, &sound));
	gig->automatic = DatumGetBool(value_of(states, STATE_AUTO, &sound));
	gig->frequency = interval_of(states, STATE_FREQUENCY);
	gig->answer_within = interval_of(states, STATE_ANSWER_WITHIN);
	gig->starts_at = DatumGetTimestampTz(value_of(states, STATE_STARTS_AT, &sound));
	gig->closes_at = DatumGetTimestampTz(value_of(states, STATE_CLOSES_AT, &sound));
	gig->archives_at = time_or_never(states, STATE_ARCHIVES_AT);
	gig->next_wave_at = time_or_never(states, STATE_NEXT_WAVE_AT);
	gig->waves = DatumGetInt32(value_of(states, STATE_WAVES, &sound));
	gig->failures = DatumGetInt32(value_of(states, STATE_FAILURES, &sound));
	gig->announced = DatumGetInt16(value_of(states, STATE_ANNOUNCED, &sound));
	gig->exhausted = DatumGetBool(value_of(states, STATE_EXHAUSTED, &sound));
	gig->version.place = *row_writer_place(states);
	gig->version.xmin = row_writer_xmin(states);
	return sound && gig->frequency != NULL;
}

/* After the state. */
static bool
read_gig(GigTurn *turn, RowWriter *gigs, TimestampTz *created_at)
{
	GigFacts   *gig = &turn->gig;
	bool		isnull;
	Datum		value = row_writer_value(gigs, GIG_MULTIPLIER, &isnull);

	gig->wanted = count_wanted(gig->target, gig->accepted, value, isnull);
	value = row_writer_value(gigs, GIG_PENDING_MAX, &isnull);
	gig->pending_max = isnull ? 0 : DatumGetInt32(value);
	gig->filter = copy_of(gigs, GIG_FILTER);
	gig->sort = copy_of(gigs, GIG_SORT);
	value = row_writer_value(gigs, GIG_CREATED_AT, &isnull);
	*created_at = isnull ? turn->now : DatumGetTimestampTz(value);
	return gig->filter != (Datum) 0;
}

static bool
read_filter(GigTurn *turn, RowWriter *filters)
{
	Oid			schema = get_namespace_oid("cirro", true);

	if (row_writer_type(filters, FILTER_COMPILED) !=
		GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("filter_query"),
						ObjectIdGetDatum(schema)))
		return false;
	turn->gig.compiled = row_writer_find(filters, turn->gig_id) ?
		copy_of(filters, FILTER_COMPILED) : (Datum) 0;
	return true;
}

static void
read_setting(GigTurn *turn, RowWriter *settings)
{
	GigFacts   *gig = &turn->gig;
	bool		isnull;
	bool		no_rule;
	Datum		value;

	gig->paused = gig->limits_workers = false;
	row_writer_scan(settings);
	if (!row_writer_scan_next(settings))
		return;
	value = row_writer_value(settings, SETTING_PAUSED, &isnull);
	gig->paused = !isnull && DatumGetBool(value);
	(void) row_writer_value(settings, SETTING_MAX_PENDING, &isnull);
	(void) row_writer_value(settings, SETTING_ELIGIBLE, &no_rule);
	gig->limits_workers = !isnull || !no_rule;
}

/* All before it have ended: what OLDEST_TRANSACTION says. */
static FullTransactionId
oldest_transaction(void)
{
	Datum		snapshot = OidFunctionCall0(F_PG_CURRENT_SNAPSHOT);

	return DatumGetFullTransactionId(DirectFunctionCall1(pg_snapshot_xmin, snapshot));
}

/* False if statements have to; else "is_there" tells whether the gig and its state are. */
static bool
read_rows(GigTurn *turn, bool *is_there)
{
	static const RowTable *const tables[] = {&gig_rows, &state_rows, &filter_rows, &setting_rows};
	RowWriter  *rows[lengthof(tables)];
	int			n = 0;
	bool		known;

	row_writer_push_snapshot();
	while (n < lengthof(tables) && (rows[n] = row_writer_begin(turn->space, tables[n])) != NULL)
		n++;
	known = n == lengthof(tables);
	if (known)
	{
		*is_there = row_writer_find(rows[0], turn->gig_id) &&
			row_writer_find(rows[1], turn->gig_id);
		if (*is_there)
		{
			TimestampTz created_at;

			known = read_state(turn, rows[1]) && read_gig(turn, rows[0], &created_at) &&
				read_filter(turn, rows[2]);
			if (known)
			{
				Searched	searched = {
					transaction_of(rows[1], STATE_SINCE),
					transaction_of(rows[1], STATE_SINCE_ON),
					transaction_of(rows[1], STATE_RELEASED)
				};

				bind_filter(turn, created_at);
				turn->gig.searched = searched_of(turn, &searched);
			}
			read_setting(turn, rows[3]);
			turn->gig.horizon = oldest_transaction();
		}
	}
	while (n > 0)
		row_writer_end(rows[--n]);
	PopActiveSnapshot();
	return known;
}

/* ------------------------------------------------------------ statement -- */

static bool
read_by_statement(GigTurn *turn)
{
	GigFacts   *gig = &turn->gig;
	QueryArgs	args = {&read_query};
	ResultRow	row;
	Searched	searched;
	TimestampTz created_at;

	arg_int64(&args, turn->gig_id);
	if (query_run(turn->space, &args) == 0)
		return false;

	row = result_row(0);
	ItemPointerSetInvalid(&gig->version.place);
	gig->accepted = result_int32(&row);
	gig->target = result_int32(&row);
	gig->filled = result_bool(&row);
	gig->expires_rest = result_bool(&row);
	gig->automatic = result_bool(&row);
	gig->frequency = result_interval(&row);
	gig->answer_within = result_null(&row) ? NULL : result_interval(&row);
	gig->starts_at = result_timestamptz(&row);
	gig->closes_at = result_timestamptz(&row);
	gig->archives_at = result_null(&row) ? DT_NOEND : result_timestamptz(&row);
	gig->next_wave_at = result_null(&row) ? DT_NOEND : result_timestamptz(&row);
	gig->waves = result_int32(&row);
	gig->failures = result_int32(&row);
	gig->announced = result_int32(&row);
	gig->exhausted = result_bool(&row);
	gig->wanted = result_int32(&row);
	gig->pending_max = result_null(&row) ? 0 : result_int32(&row);
	gig->filter = result_datum(&row, JSONBOID);
	gig->compiled = result_null(&row) ? (Datum) 0 : result_datum(&row, InvalidOid);
	gig->sort = result_null(&row) ? (Datum) 0 : result_datum(&row, JSONBOID);
	gig->paused = !result_null(&row) && result_bool(&row);
	gig->limits_workers = result_bool(&row);
	searched.since = result_null(&row) ? 0 : result_int64(&row);
	searched.on = result_null(&row) ? 0 : result_int64(&row);
	searched.released = result_null(&row) ? 0 : result_int64(&row);
	created_at = result_null(&row) ? turn->now : result_timestamptz(&row);
	gig->horizon = result_transaction(&row);
	result_end(&row);
	bind_filter(turn, created_at);
	gig->searched = searched_of(turn, &searched);
	return true;
}

bool
wave_turn_read(GigTurn *turn)
{
	bool		is_there;

	turn->gig.knows_sends = false;
	if (!read_rows(turn, &is_there))
		is_there = read_by_statement(turn);
	if (is_there)
	{
		turn->announced = turn->gig.announced;
		turn->exhausted = turn->gig.exhausted;
	}
	return is_there;
}

bool
wave_turn_sends(GigTurn *turn)
{
	GigFacts   *gig = &turn->gig;
	QueryArgs	args = {&sends_query};
	ResultRow	row;

	arg_int64(&args, turn->gig_id);
	query_run(turn->space, &args);
	row = result_row(0);
	gig->next_send = result_null(&row) ? NO_TIME : result_timestamptz(&row);
	gig->knows_sends = true;
	result_end(&row);
	return gig->next_send <= turn->now;
}
