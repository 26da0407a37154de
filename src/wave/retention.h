/*-------------------------------------------------------------------------
 * src/wave/retention.h
 *
 * Removing what a Space no longer needs to remember.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_RETENTION_H
#define CIRRO_WAVE_RETENTION_H

#include "postgres.h"

#include "isolate.h"
#include "space/list.h"

typedef struct Retention
{
	const SpaceInfo *info;
	int			step;			/* which of the tables is being cleaned */
	int64		last_id;		/* the last row looked at there */
	int64		event_id;		/* events from this one on are told of yet */
	TimestampTz cutoff[4];		/* for notifications, events, waves and attempts */

	/* Gigs come after the tables, one by one. */
	bool		gigs_done;		/* none is to go, or none is left */
	int			failures;
	char		failure[ERROR_SUMMARY_LENGTH + 32];	/* the first */
} Retention;

/*
 * Claims the hourly cleaning of a Space: false if it is not due. Otherwise
 * call retention_step until it returns false. Each is work for one
 * transaction; the caller commits in between. Neither needs the Space entered;
 * errors are warnings.
 */
extern bool retention_begin(Retention *retention, const SpaceInfo *info);
extern bool retention_step(Retention *retention);

#endif							/* CIRRO_WAVE_RETENTION_H */
