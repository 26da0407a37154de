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
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "cirro.h"
#include "gig/state.h"
#include "wave/turn.h"
#include "isolate.h"
#include "space/plan_cache.h"
#include "space/space.h"
#include "space/list.h"
#include "wave/wave.h"

PG_FUNCTION_INFO_V1(run_wave);

static const CirroQuery wait_query = {
	"SELECT FROM gig WHERE id = $1 FOR NO KEY UPDATE",
	1, {INT8OID}
};

static const CirroQuery wave_row_query = {
	"SELECT pg_catalog.to_jsonb(w.*) FROM wave w WHERE w.id = $1",
	1, {INT8OID}
};

static void
raise_not_open(const GigWork *work)
{
	GigState	state = {.closes_at = work->closes_at};

	gig_state_refuse_closed(InvalidOid, work->gig_id, &state);
}

static void
raise_unknown_gig(const char *id)
{
	ereport(ERROR,
			(errcode(ERRCODE_CIRRO_UNKNOWN_GIG),
			 errmsg("gig %s does not exist", id),
			 errdetail("There is no such row in the table gig."),
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
				 errmsg("space cannot be null"),
				 errdetail("A wave belongs to a gig, and a gig to a Space."),
				 errhint("Call run_wave() of the Space.")));
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
	space_visit(&scope, work.space, work.owner, false);

	/* A gig that is there again under the id of one just deleted is not locked. */
	if (cirro_execute(work.space, &wait_query, &id, NULL) == 0)
		raise_unknown_gig(psprintf(INT64_FORMAT, work.gig_id));
	work.now = cirro_gate_now();
	if (!gig_read(&work))
		raise_unknown_gig(psprintf(INT64_FORMAT, work.gig_id));
	if (work.paused)
		raise_paused(psprintf("Space \"%s\" is paused.", info->name),
					 "Set \"paused\" to false in its table \"setting\".");
	if (!gig_is_open(&work))
		raise_not_open(&work);

	if (work.accepted < work.target)
		switch (run_isolated(run_one_wave, &work, &error))
		{
			case ISOLATED_FAILED:
				if ((error->sqlerrcode != ERRCODE_CIRRO_NOT_OPEN &&
					 error->sqlerrcode != ERRCODE_CIRRO_FILLED) || !must_stop(&work))
					ReThrowError(error);
				/* It closed or filled up while the wave was inviting. */
				/* FALLTHROUGH */
			case ISOLATED_GIVEN_UP:
				if (cirro_gate_now() >= work.closes_at)
					raise_not_open(&work);
				break;
			case ISOLATED_DONE:
				work.waved = work.state_locked = true;
				gig_update_state(&work, work.now);
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
