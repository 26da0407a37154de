/*-------------------------------------------------------------------------
 * src/wave/during.c
 *
 * How long a call of run_waves goes on, and how it waits. Must not read a
 * catalogue: that would take a snapshot, which keeps vacuum from its work.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "wave/during.h"

static char *
show_interval(const Interval *interval)
{
	return DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(interval)));
}

int64
wave_during(const Interval *during)
{
	/* In double precision no interval overflows, "infinity" included. */
	double		length = ((double) during->month * DAYS_PER_MONTH + during->day) * USECS_PER_DAY +
		during->time;

	if (length < 0 || length > USECS_PER_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 length < 0 ?
				 errmsg("during cannot be negative") :
				 errmsg("during cannot be longer than a day"),
				 errdetail("It is %s.", show_interval(during)),
				 errhint("Give '58 seconds', for example; without it a call looks once.")));
	return (int64) length;
}

TimestampTz
wave_deadline(void)
{
	TimestampTz end;

	if (!get_timeout_active(STATEMENT_TIMEOUT))
		return DT_NOEND;
	end = get_timeout_finish_time(STATEMENT_TIMEOUT);
	return end - Max(end - get_timeout_start_time(STATEMENT_TIMEOUT), 0) / 10;
}

void
wave_wait(int64 duration)
{
	instr_time	began;

	INSTR_TIME_SET_CURRENT(began);
	/* Nothing has been read in this transaction, and so it has to stay. */
	InvalidateCatalogSnapshot();
	for (;;)
	{
		instr_time	passed;
		double		left;

		CHECK_FOR_INTERRUPTS();
		INSTR_TIME_SET_CURRENT(passed);
		INSTR_TIME_SUBTRACT(passed, began);
		left = duration / 1000.0 - INSTR_TIME_GET_MILLISEC(passed);
		if (left <= 0)
			break;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 (long) ceil(left), cirro_wait_event("CirroWaves"));
		ResetLatch(MyLatch);
	}
}
