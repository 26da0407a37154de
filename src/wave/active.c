/*-------------------------------------------------------------------------
 * src/wave/active.c
 *
 * The setting cirro.active, for copies of production: off, nobody is invited or
 * notified by them. Must not stop an answer: those keep working.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "compat.h"
#include "wave/active.h"

PG_FUNCTION_INFO_V1(cirro_is_active);

bool		wave_active = true;

void
wave_active_init(void)
{
	DefineCustomBoolVariable("cirro.active",
							 "Whether cirro does work of its own accord in this database.",
							 "Off: no waves, sends, announcements or claims; answers keep working. For copies of production.",
							 &wave_active,
							 true,
							 PGC_SUSET,
							 0,
							 NULL, NULL, NULL);
}

/* cirro.is_active() returns boolean: the setting cirro.active */
Datum
cirro_is_active(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(wave_active);
}
