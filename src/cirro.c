/*-------------------------------------------------------------------------
 * src/cirro.c
 *
 * Loads the library: its magic block, and the settings that the rooms define. No
 * logic here.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "clock.h"
#include "compat.h"
#include "space/row_writer.h"
#include "wave/active.h"
#include "wave/batch.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	cirro_clock_init();
	row_writer_init();
	wave_active_init();
	wave_batch_init();

	MarkGUCPrefixReserved("cirro");
}
