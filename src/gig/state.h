/*-------------------------------------------------------------------------
 * src/gig/state.h
 *
 * The one row per gig that decides: reading it, changing it, refusing by it.
 * Callers have entered the Space and are connected to SPI.
 *
 * The lock order of cirro is told here, and only here. Whoever locks several
 * things in a transaction takes them in this order, and within each line in
 * ascending order of id:
 *
 * 1. the table setting: ACCESS SHARE by waves and all who clean up, SHARE
 *	  UPDATE EXCLUSIVE by upgrade_spaces, ACCESS EXCLUSIVE by drop_space
 *	  (space/scope.h)
 * 2. gig rows: FOR KEY SHARE to invite, FOR NO KEY UPDATE to change, to archive
 *	  and for a wave (which skips a gig that is locked), FOR UPDATE to cancel and
 *	  to delete
 *	  The rows of gig_filter and gig_key are their gig's: they are changed under such
 *	  a lock only.
 * 3. the row of setting, by waves while setting.max_pending or setting.eligible is given
 * 4. worker rows: FOR KEY SHARE to invite (waves skip who is locked), FOR UPDATE
 *	  to delete and to erase
 * 5. invitation rows: those that are there, then new ones, which wait for
 *	  another transaction that invites the same worker to the same gig
 * 6. gig_state rows, once the statement has all its other rows
 * 7. after that other invitations of the gig, with SKIP LOCKED only: those that expire
 *	  because the seats are filled, those that are given a seat that is free.
 *	  Likewise, FOR SHARE, workers who wait beside a free seat and are not active; and
 *	  gig and worker of an invitation that the statement itself has made waiting or
 *	  pending, before it is one of these
 *
 * The foreign keys of an invitation lock its gig and worker after it is
 * inserted; so the functions that insert several lock those before. Rows of
 * wave, attempt, event and notification are new, or taken with SKIP LOCKED, or,
 * to confirm and fail notifications, in ascending order and without any other
 * lock; to erase a worker, in ascending order between 5 and 6. The row of look is
 * written by transactions that lock nothing else; they wake gigs before, of whose
 * gig_state they skip what is locked. An accept therefore begins at 5, and two
 * transactions that are one call or one single-row statement each cannot wait for one
 * another in a circle.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_GIG_STATE_H
#define CIRRO_GIG_STATE_H

#include "postgres.h"
#include "access/transam.h"
#include "storage/itemptr.h"
#include "utils/timestamp.h"

#include "compat.h"

/* Why an invitation expires: values of invitation.reason. */
#define GIG_SEATS_FILLED	"seats_filled"
#define GIG_ENDED			"gig_ended"
#define GIG_CANCELLED		"gig_cancelled"
#define GIG_NO_ANSWER		"no_answer"

/* In SQL: transactions as the columns of a Space hold them. */
#define THIS_TRANSACTION	"pg_catalog.pg_current_xact_id()::text::bigint"
#define OLDEST_TRANSACTION	"pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text::bigint"

/*
 * In SQL: does gig_state.searched hold? A worker whom no transaction from it on
 * has changed is none to invite. Void are what was written elsewhere, where
 * transactions have other ids, and what was there before somebody could be
 * invited again. "place" is gig_state_place(). Of a gig whose filter depends on time it
 * says no: there searched_on is of that place and the filter bound (wave/facts.c).
 */
#define STATE_SEARCHED(place) \
	"(s.searched IS NOT NULL AND s.searched_on = " place \
	" AND (s.released IS NULL OR s.released < s.searched))"

/*
 * Where transactions have the ids that they have, and filters match what they
 * match: no copy of a Space has the same, nor has another version.
 */
extern int64 gig_state_place(Oid space);

/* What decides about seats. "capacity" is -1 where there is no limit. */
typedef struct GigState
{
	int32		accepted;
	int32		target;
	int32		capacity;
	bool		expires_rest;
	TimestampTz closes_at;
	bool		has_answer_within;
	Interval	answer_within;
	int32		waiting;		/* workers who would take a seat that comes free */
} GigState;

/* What one statement did to the invitations of one gig. */
typedef struct GigChange
{
	int64		gig_id;
	int64		delta;			/* seats taken less seats freed */
	int64		gained;			/* became accepted */
	int64		opened;			/* became pending or scheduled */
	int64		worker_id;		/* whose invitation became that, or waiting */
	int64		left;			/* accepted, left by the worker */
	int64		answered;		/* accepted or rejected by the worker */
	TimestampTz oldest_answered;	/* earliest invited_at of those pending */
	TimestampTz next_send_at;	/* earliest send_at scheduled, or infinity */
	TimestampTz last_send_at;	/* latest of them, or -infinity */
	int64		released;		/* workers whom a wave may invite again */
	int64		closed;			/* are not pending any more */
	int64		queued;			/* became waiting */
	int64		unqueued;		/* are not waiting any more */
	int64		woken;			/* wait, and their workers have become active */
} GigChange;

/* No time at all, where each of a timestamp may be one: none can have this value. */
#define NO_TIME		(PG_INT64_MAX - 1)

/* Which version of a row of gig_state; "place" may be invalid. */
typedef struct GigStateVersion
{
	ItemPointerData place;
	TransactionId xmin;
} GigStateVersion;

/* What the tick's turn with a gig has come to. NO_TIME is NULL. */
typedef struct GigTurnEnd
{
	TimestampTz now;
	bool		waved;			/* a wave was due ... */
	TimestampTz due;			/* ... at this time */
	TimestampTz next_due;		/* the next is, if one is needed */
	bool		ran;			/* and it left a row */
	int			waves;
	int			failures;
	int			announced;
	bool		exhausted;
	TimestampTz retry_at;		/* after a failure */
	FullTransactionId searched; /* or none */
	uint64		bound_hash;		/* of what its filter was bound to; 0: it knows no time */
	TimestampTz changes_at;		/* it will be another filter */
	bool		nobody_left;	/* the wave found nobody, "searched" says of whom */
	bool		awaits_room;	/* it had no room below pending_max */

	/*
	 * The earliest send_at of an invitation that is scheduled, as it was when gig_state
	 * was in this version, and none was sent since.
	 */
	bool		knows_sends;
	TimestampTz next_send;
	GigStateVersion version;
} GigTurnEnd;

/* Reads without a lock; false if the gig has no state (it is gone). */
extern bool gig_state_read(Oid space, int64 gig_id, GigState *state);

/* The same, locked until the end of the transaction. */
extern bool gig_state_lock(Oid space, int64 gig_id, GigState *state);

/*
 * Counts "changes", one per gig in ascending order, into gig_state, which it
 * locks in that order unless a change cannot concern it, and raises UG010,
 * UG011, UG012 or 22023 if the statement may not stand, 55000 if a gig has no
 * state. Seats that are free then go to those who wait (gig/waiting.h). When an
 * explicit seats_max is reached the other invitations expire.
 *
 * A row that stays as it is is written all the same if it is the only one, so that
 * whoever goes by an older snapshot notices; unless the caller writes it later. Of a
 * gig that somebody waits for, or does no longer, it is always written: a transaction
 * with a snapshot from before would else free a seat beside him.
 */
extern void gig_state_apply(Oid space, const GigChange *changes, size_t n,
							bool is_written_later);

/*
 * Gives the free seats of a gig whose gig_state is locked to those who wait for one,
 * if it is open, in the order in which they came, and has the tick come back if one is
 * left over. "state" is what is so afterwards.
 */
extern void gig_state_seat(Oid space, int64 gig_id, GigState *state);

/*
 * Writes what a turn has come to, and when to look at the gig again. Locks the row,
 * and gives free seats to those who wait, as somebody may have held them locked. A
 * gig that waves can do nothing for goes to sleep: until a worker is added or changes
 * (wave/look.h), if nobody is left, or its filter becomes another, and until then
 * something about it changes.
 */
extern void gig_state_finish(Oid space, int64 gig_id, const GigTurnEnd *end);

/*
 * Expires the pending and scheduled invitations of a gig that nobody else
 * holds locked; the tick finishes the others.
 */
extern void gig_state_expire_rest(Oid space, int64 gig_id);

/*
 * Until when an invitation of that time can be answered; NULL: until the gig
 * closes, DT_NOEND.
 */
extern TimestampTz gig_answer_by(TimestampTz invited_at, const Interval *answer_within);

/*
 * Why an invitation that is still open counts as expired by now, or NULL. Time to
 * answer that ended before the gig did comes first, whenever one looks. "filled":
 * an explicit seats_max is reached.
 */
extern const char *gig_expired_reason(TimestampTz answer_by, TimestampTz closes_at,
									  bool filled, TimestampTz now);

extern bool gig_state_is_full(const GigState *state);

/* Are as many accepted as a gig wants, where it takes no more or has no limit? */
extern bool gig_state_is_filled(const GigState *state);

/*
 * Tells that a gig has become filled or has a seat again, if that it is filled has
 * changed and it is open. Its gig_state is locked.
 */
extern void gig_state_tell_seats(Oid space, int64 gig_id, TimestampTz closes_at,
								 bool was_filled, bool is_filled);

/* Is there something left for a wave to do? */
extern bool gig_state_wants_wave(const GigState *state, TimestampTz now);

/*
 * Raise UG010 or UG011. "space" is that whose table invitation was written, which
 * the error then names; or invalid.
 */
pg_noreturn extern void gig_state_refuse_closed(Oid space, int64 gig_id, const GigState *state);
pg_noreturn extern void gig_state_refuse_filled(Oid space, int64 gig_id, const GigState *state);

/* Raises 55000: the gig is there, its state is not. "space" as above. */
pg_noreturn extern void gig_state_refuse_missing(Oid space, int64 gig_id);

#endif							/* CIRRO_GIG_STATE_H */
