/*-------------------------------------------------------------------------
 * src/wave/look.h
 *
 * Looks which gigs that are asleep a change of workers concerns, and wakes them.
 *
 * A look is three steps, each with transactions of its own, which the caller ends:
 * wave_look_find, then wave_look_wake until it says that none is left, then
 * wave_look_advance, unless all of it is one transaction. All are work for
 * run_isolated, given a WaveLook, for a caller who is connected to SPI.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_LOOK_H
#define CIRRO_WAVE_LOOK_H

#include "postgres.h"
#include "utils/timestamp.h"

/* A gig that is asleep, and since which transaction. */
typedef struct SleepingGig
{
	int64		id;
	int64		slept_in;
} SleepingGig;

/* Told how many changed workers of how many are done with. */
typedef void (*WaveLookReport) (void *arg, int64 done, int64 workers);

typedef struct WaveLook
{
	/* Given. */
	Oid			space;
	Oid			owner;
	TimestampTz now;
	TimestampTz until;			/* no longer are workers asked; then all gigs are woken */
	MemoryContext context;		/* outlives the steps */
	WaveLookReport report;
	void	   *report_arg;
	bool		all;			/* wake all, whoever has changed */

	/* Found. */
	bool		is_new;			/* there is something to advance */
	char	   *old_seen;		/* the row of look as it was */
	int64		old_place;
	char	   *seen;			/* the snapshot of this look */
	SleepingGig *gigs;			/* to wake, in ascending order */
	int			ngigs;

	/* Woken, or tried. */
	int			next;
	int			singly_until;	/* each by itself up to here */
	int			woken;
	int			failed;
	int64	   *unwoken;		/* they were locked, or failed */
	int			nunwoken;
} WaveLook;

extern bool wave_look_find(void *look);

/* Of so many at a time; all are tried once look->next is look->ngigs. */
#define GIGS_PER_WAKE	100

extern bool wave_look_wake(void *look);

/*
 * What follows a step of it that has failed: its gigs are tried each by itself, or the
 * one is left to the next look. False if that is to be the end.
 */
extern bool wave_look_pass_over(WaveLook *look);

extern bool wave_look_advance(void *look);

#endif							/* CIRRO_WAVE_LOOK_H */
