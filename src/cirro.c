/*-------------------------------------------------------------------------
 * src/cirro.c
 *
 * Loads the library: its magic block and its settings. No logic here.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "cirro.h"
#include "compat.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(cirro_is_active);

void		_PG_init(void);

bool		cirro_active = true;

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
	cirro_clock_init();

	MarkGUCPrefixReserved("cirro");
}

/* cirro.is_active() returns boolean: the setting cirro.active */
Datum
cirro_is_active(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(cirro_active);
}
