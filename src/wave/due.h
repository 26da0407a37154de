/*-------------------------------------------------------------------------
 * src/wave/due.h
 *
 * What there is to do in a Space.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_DUE_H
#define CIRRO_WAVE_DUE_H

#include "postgres.h"
#include "utils/timestamp.h"

#include "space/list.h"

typedef struct DueWork
{
	/* What is asked. */
	const SpaceInfo *info;
	TimestampTz now;
	int			limit;			/* of gigs */

	/* What is answered, by wave_due_read. */
	bool		paused;
	int			ddl_version;	/* 0: this library's */
	bool		clean;			/* may old rows have to go? */
	bool		may_wake;		/* may there be gigs to wake (wave/look.h)? */
	int			ngigs;
	const int64 *gigs;			/* in the order in which they became due */

	bool		is_idle;		/* by wave_due_peek */
} DueWork;

/*
 * Both are work for run_isolated, given a DueWork.
 *
 * wave_due_peek finds out with next to no work, and without any code of the Space,
 * whether it is idle for certain: nothing due, or paused. It needs nothing of the
 * Space but its name and owner, and takes no lock that it would have to wait for.
 * Always false, so that the locks go.
 *
 * wave_due_read asks the Space; the caller has seen to it that it has no defect, and
 * is connected to SPI, in whose memory the gigs are. It holds the tables until the end
 * of the transaction. False if the Space is gone.
 */
extern bool wave_due_peek(void *arg);
extern bool wave_due_read(void *arg);

#endif							/* CIRRO_WAVE_DUE_H */
