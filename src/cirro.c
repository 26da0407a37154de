/*-------------------------------------------------------------------------
 * src/cirro.c
 *
 * Loads the library: its magic block and its settings. No logic here.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "fmgr.h"
#include "utils/guc.h"

#include "cirro.h"
#include "compat.h"
#include "wave/batch.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(cirro_is_active);

extern PGDLLEXPORT void _PG_init(void);

bool		cirro_active = true;

static const struct config_enum_entry wave_search_options[] = {
	{"auto", WAVE_SEARCH_AUTO, false},
	{"batch", WAVE_SEARCH_BATCH, false},
	{"single", WAVE_SEARCH_SINGLE, false},
	{NULL, 0, false}
};

void
_PG_init(void)
{
	DefineCustomBoolVariable("cirro.active",
							 "Whether cirro does work of its own accord in this database.",
							 "Off: no waves, sends, announcements or claims; answers keep working. For copies of production.",
							 &cirro_active,
							 true,
							 PGC_SUSET,
							 0,
							 NULL, NULL, NULL);
	DefineCustomEnumVariable("cirro.wave_search",
							 "How waves look for workers.",
							 "batch: in one pass over the workers for all due gigs; single: for each gig by itself; auto: as costs less. All find the same.",
							 &cirro_wave_search,
							 WAVE_SEARCH_AUTO,
							 wave_search_options,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);
	DefineCustomIntVariable("cirro.wave_memory",
							"Memory of a pass over the workers.",
							"Gigs for which it does not suffice are left to another pass.",
							&cirro_wave_memory,
							131072, 64, MAX_KILOBYTES,
							PGC_USERSET,
							GUC_UNIT_KB,
							NULL, NULL, NULL);
	cirro_clock_init();

	MarkGUCPrefixReserved("cirro");
}

/* cirro.is_active() returns boolean: the setting cirro.active */
Datum
cirro_is_active(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(cirro_active);
}
