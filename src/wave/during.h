/*-------------------------------------------------------------------------
 * src/wave/during.h
 *
 * How long a call of run_waves goes on.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_DURING_H
#define CIRRO_WAVE_DURING_H

#include "postgres.h"
#include "utils/timestamp.h"

/*
 * The argument "during" in microseconds. Raises 22023 if it is negative or
 * longer than a day.
 */
extern int64 wave_during(const Interval *during);

/*
 * When nine tenths of this statement's statement_timeout are over; DT_NOEND if
 * it has none.
 */
extern TimestampTz wave_deadline(void);

/*
 * Waits so many microseconds, or until a cancel, which it raises. The caller has
 * begun a transaction in which nothing was read or locked.
 */
extern void wave_wait(int64 duration);

#endif							/* CIRRO_WAVE_DURING_H */
