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

#include "gig/state.h"
#include "wave/batch.h"

/* What the rows of a gig, its Space's settings and its invitations said. */
typedef struct GigFacts
{
	int			accepted;
	int			target;
	bool		filled;			/* capacity is reached */
	bool		expires_rest;	/* ... and is an explicit seats_max */
	bool		automatic;
	const Interval *frequency;
	const Interval *answer_within;	/* NULL: no limit */
	TimestampTz starts_at;
	TimestampTz closes_at;
	TimestampTz archives_at;	/* DT_NOEND: never */
	TimestampTz next_wave_at;	/* DT_NOEND: none */
	int			waves;
	int			failures;
	int			announced;
	bool		exhausted;		/* the last wave found nobody */
	int			wanted;			/* by a wave, pending_max aside */
	int			pending_max;	/* 0: no limit */
	Datum		filter;			/* filter_query, jsonb; bound to turn->now */
	Datum		compiled;		/* the same, compiled; 0: there is none in gig_filter */
	uint64		bound_hash;		/* of the filter, if it depends on time; else 0 */
	TimestampTz changes_at;		/* then it will be another; NO_TIME: never */
	Datum		sort;			/* sort_query, jsonb; 0: none */
	bool		paused;
	bool		limits_workers; /* is there a setting.max_pending or setting.eligible? */
	GigStateVersion version;	/* the row of gig_state */
	FullTransactionId searched; /* gig_state.searched, if it holds; or none */
	FullTransactionId horizon;	/* all before it had ended when this was read */
	bool		knows_sends;	/* by wave_turn_sends: */
	TimestampTz next_send;		/* of what is scheduled, or NO_TIME */
} GigFacts;

/* A gig's turn: what it is about, and how far it is. */
typedef struct GigTurn
{
	Oid			space;
	Oid			owner;
	int64		gig_id;
	TimestampTz began;			/* wall clock */
	TimestampTz now;
	const BatchedGig *found;	/* candidates of a pass, or NULL */
	GigFacts	gig;			/* once it is claimed */

	bool		claimed;
	bool		by_statements;	/* rows are not to be written one by one */
	bool		wrote_rows;		/* they were, in this try */
	bool		fell_short;		/* "found" was not enough: to be run without */
	bool		no_room;		/* the wave had none below pending_max */
	bool		waved;			/* a wave was due, and has had its turn */
	bool		wave_failed;
	int64		wave_id;		/* its row; 0: none was needed */
	FullTransactionId searched; /* what gig_state.searched becomes; or none */
	int			announced;		/* what gig_state.announced becomes */
	bool		exhausted;		/* what gig_state.exhausted becomes */
	ErrorData  *error;			/* the first step that failed */
} GigTurn;

/* Below, the caller is connected to SPI and has the Space entered. */

/*
 * Runs the wave that the gig needs now; an IsolatedWork. The caller holds the
 * gig row. Returns false to be undone: the gig closed or reached its target
 * meanwhile, or turn->fell_short. Sets turn->wave_id and turn->exhausted, unless
 * pending_max left no room (turn->no_room), and turn->searched, if nobody is left to invite. If it
 * returns true, gig_state is locked.
 */
extern bool wave_run(void *turn);

/*
 * Is there no room below pending_max, for certain? Whose invitation is being answered
 * does not count, and who answers later waits for this transaction: the pending rows
 * that leave no room are locked. The caller has locked gig_state. Never certain where
 * a transaction sees one snapshot all the time.
 */
extern bool wave_has_no_room(const GigTurn *turn);

/*
 * Writes a wave's row and sets turn->wave_id. "matched" and "held_back" of -1
 * are not known; "error" may be NULL.
 */
extern void wave_write(GigTurn *turn, const char *outcome, int wanted,
					   int invited, int matched, int held_back,
					   const char *error);

#endif							/* CIRRO_WAVE_WAVE_H */
