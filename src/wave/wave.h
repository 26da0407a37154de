/*-------------------------------------------------------------------------
 * src/wave/wave.h
 *
 * One gig at work, and its wave.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_WAVE_H
#define CIRRO_WAVE_WAVE_H

#include "postgres.h"
#include "access/transam.h"
#include "utils/timestamp.h"

/* A wave invites no more, whatever the multiplier says. */
#define WAVE_MAX_WANTED "1000000"

/* A gig's turn, and what its rows said when it began. */
typedef struct GigWork
{
	Oid			space;
	Oid			owner;
	int64		gig_id;
	TimestampTz began;			/* wall clock */
	TimestampTz now;
	bool		claimed;

	int			accepted;
	int			target;
	bool		full;			/* at an explicit seats_max */
	bool		automatic;
	Interval   *frequency;
	Interval   *answer_within;	/* NULL: no limit */
	TimestampTz starts_at;
	TimestampTz closes_at;
	TimestampTz archives_at;	/* DT_NOEND: never */
	TimestampTz next_wave_at;	/* DT_NOEND: none */
	int			waves;
	int			failures;
	int			announced;
	int			wanted;
	int			pending_max;	/* 0: no limit */
	bool		paused;
	Datum		filter;			/* filter_query, jsonb */
	Datum		sort;			/* sort_query, json; 0: none */
	bool		limits_workers; /* is there a setting.max_pending? */
	FullTransactionId searched; /* gig_state.searched, if it holds; or none */
	FullTransactionId horizon;	/* all before it had ended when this was read */
	bool		sends;			/* is a scheduled invitation due? */
	const struct BatchedGig *found; /* candidates of a pass, or NULL */

	bool		state_locked;	/* gig_state is locked by this turn */
	bool		waved;			/* a wave was due, and has had its turn */
	bool		wave_failed;
	FullTransactionId searched_now; /* what gig_state.searched becomes; or none */
	int64		wave_id;		/* its row; 0: none was needed */
	ErrorData  *error;			/* the first step that failed */
} GigWork;

/* Below, the caller is connected to SPI and has the Space entered. */

/*
 * Runs the wave of work->wanted workers that the gig needs now; an
 * IsolatedWork. The caller holds the gig row. Returns false to be undone: the
 * gig closed or reached its target meanwhile. Sets work->wave_id, unless
 * pending_max left no room, and work->searched_now, if nobody is left to invite.
 * If it returns true, gig_state is locked.
 */
extern bool run_one_wave(void *arg);

/*
 * Writes a wave's row and sets work->wave_id. "matched" and "held_back" of -1
 * are not known; "error" may be NULL.
 */
extern void write_wave(GigWork *work, const char *outcome, int wanted,
					   int invited, int matched, int held_back,
					   const char *error);

/*
 * Locks gig_state. Is there nothing left for a wave to do, going by what it
 * says now?
 */
extern bool must_stop(const GigWork *work);

#endif							/* CIRRO_WAVE_WAVE_H */
