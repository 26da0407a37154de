/*-------------------------------------------------------------------------
 * src/wave/run_wave.c
 *
 * One wave by hand. It skips the cadence and the mode, never the stop rule.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/timestamp.h"

#include "cirro.h"
#include "gig/state.h"
#include "isolate.h"
#include "space/list.h"
#include "space/query.h"
#include "space/scope.h"
#include "space/shard.h"
#include "wave/active.h"
#include "wave/facts.h"
#include "wave/turn.h"
#include "wave/wave.h"

PG_FUNCTION_INFO_V1(run_wave);

static const SpaceQuery wave_row_query = {
	"SELECT ROW(w.*)::wave FROM wave w WHERE w.id = $1",
	1, {INT8OID}
};

static void
raise_not_open(const GigTurn *turn)
{
	GigState	state = {.closes_at = turn->gig.closes_at};

	gig_state_refuse_closed(InvalidOid, turn->gig_id, &state);
}

static void
raise_unknown_gig(const char *id)
{
	ereport(ERROR,
			(errcode(ERRCODE_CIRRO_UNKNOWN_GIG),
			 errmsg("gig %s does not exist", id),
			 errhint("Give the id of a gig of this Space.")));
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
 * cirro.run_wave(space name, gig_id bigint) returns record: the wave's row
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
	GigTurn		turn = {0};
	Datum		result = 0;
	ErrorData  *error;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("space cannot be null"),
				 errdetail("A wave belongs to a gig, and a gig to a Space."),
				 errhint("Call run_wave() of the Space.")));
	info = space_get(NameStr(*PG_GETARG_NAME(0)));
	if (shard_call(fcinfo, info->space, "wave", &result))
		return result;
	space_check_invite(info);
	if (!wave_active)
		raise_paused("The setting cirro.active is off in this database.",
					 "It is meant for copies of production, which must not invite anybody.");
	if (PG_ARGISNULL(1))
		raise_unknown_gig("null");

	turn.space = info->space;
	turn.owner = info->owner;
	turn.gig_id = PG_GETARG_INT64(1);
	turn.began = GetCurrentTimestamp();

	SPI_connect();
	space_visit(&scope, turn.space, turn.owner, false);

	/* A gig that is there again under the id of one just deleted is not locked. */
	if (!wave_claim(&turn, true))
		raise_unknown_gig(psprintf(INT64_FORMAT, turn.gig_id));
	turn.now = cirro_gate_now();
	if (!wave_turn_read(&turn))
		gig_state_refuse_missing(InvalidOid, turn.gig_id);
	if (turn.gig.paused)
		raise_paused(psprintf("Space \"%s\" is paused.", info->name),
					 "Set \"paused\" to false in its table \"setting\".");
	if (!wave_turn_is_open(&turn))
		raise_not_open(&turn);

	if (turn.gig.accepted < turn.gig.target)
		switch (wave_turn_try(&turn, wave_run, &error))
		{
			case ISOLATED_FAILED:
				ReThrowError(error);
				break;
			case ISOLATED_GIVEN_UP:
				if (cirro_gate_now() >= turn.gig.closes_at)
					raise_not_open(&turn);
				break;
			case ISOLATED_DONE:
				turn.waved = true;
				wave_turn_finish(&turn, turn.now);
				break;
		}

	if (turn.waved && turn.wave_id != 0)
	{
		QueryArgs	args = {&wave_row_query};
		ResultRow	row;

		arg_int64(&args, turn.wave_id);
		query_run(turn.space, &args);
		row = result_row(0);
		result = SPI_datumTransfer(result_datum(&row, InvalidOid), false, -1);
		result_end(&row);
	}

	space_leave(&scope);
	SPI_finish();

	if (result == 0)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}
