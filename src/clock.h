/*-------------------------------------------------------------------------
 * src/clock.h
 *
 * The one clock: what time it is for all that cirro does and shows.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_CLOCK_H
#define CIRRO_CLOCK_H

#include "postgres.h"
#include "fmgr.h"
#include "utils/timestamp.h"

/* The later of statement start and transaction start, or the setting cirro.clock. */
extern TimestampTz cirro_now(void);

/* cirro.now() */
extern Datum cirro_sql_now(PG_FUNCTION_ARGS);

/*
 * For gates that may have waited for a lock: the wall clock (never before
 * cirro_now), or cirro.clock.
 */
extern TimestampTz cirro_gate_now(void);

/* Saturates at infinity instead of raising. */
extern TimestampTz cirro_add_interval(TimestampTz at, const Interval *span);

/* Defines the setting; called once, when the library is loaded. */
extern void cirro_clock_init(void);

#endif							/* CIRRO_CLOCK_H */
