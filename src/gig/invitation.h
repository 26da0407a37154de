/*-------------------------------------------------------------------------
 * src/gig/invitation.h
 *
 * The words and the columns of an invitation.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_GIG_INVITATION_H
#define CIRRO_GIG_INVITATION_H

#include "postgres.h"
#include "utils/relcache.h"

#include "gig/trigger.h"

typedef enum InvitationStatus
{
	SCHEDULED,
	PENDING,
	WAITING,
	ACCEPTED,
	REJECTED,
	EXPIRED,
	LEFT
} InvitationStatus;

#define NSTATUSES	(LEFT + 1)

enum
{
	ID, GIG_ID, WORKER_ID, STATUS, REASON, ORIGIN, WAVE_ID, SEND_AT,
	INVITED_AT, RESPONDED_AT, WAITING_SINCE, TIMES_INVITED, REVISION, SILENT, SILENCED,
	CREATED_AT, NCOLUMNS
};

/* The same with names and types, and whether an answer leaves the column as it is. */
#define INVITATION_COLUMNS(COLUMN) \
	COLUMN(ID, "id", INT8OID, true) \
	COLUMN(GIG_ID, "gig_id", INT8OID, true) \
	COLUMN(WORKER_ID, "worker_id", INT8OID, true) \
	COLUMN(STATUS, "status", TEXTOID, false) \
	COLUMN(REASON, "reason", TEXTOID, false) \
	COLUMN(ORIGIN, "origin", TEXTOID, true) \
	COLUMN(WAVE_ID, "wave_id", INT8OID, true) \
	COLUMN(SEND_AT, "send_at", TIMESTAMPTZOID, true) \
	COLUMN(INVITED_AT, "invited_at", TIMESTAMPTZOID, true) \
	COLUMN(RESPONDED_AT, "responded_at", TIMESTAMPTZOID, false) \
	COLUMN(WAITING_SINCE, "waiting_since", TIMESTAMPTZOID, true) \
	COLUMN(TIMES_INVITED, "times_invited", INT4OID, true) \
	COLUMN(REVISION, "revision", INT4OID, false) \
	COLUMN(SILENT, "silent", BOOLOID, false) \
	COLUMN(SILENCED, "silenced", BOOLOID, false) \
	COLUMN(CREATED_AT, "created_at", TIMESTAMPTZOID, true)

/* For a HINT. */
#define INVITATION_STATUSES_LISTED \
	"scheduled, pending, waiting, accepted, rejected, expired, left"

extern const char *const invitation_statuses[NSTATUSES];
extern const TriggerColumn invitation_columns[NCOLUMNS];

/*
 * The status that a text of a row of "rel" names; raises 23514 for a text that is
 * none.
 */
extern InvitationStatus invitation_status(Relation rel, Datum name);

/*
 * Did it expire because the seats were filled? Then a wave may invite the worker
 * again, and the worker may still decline or wait for a seat. "reason" is looked at if
 * it is not null.
 */
extern bool invitation_expired_by_seats(int status, Datum reason, bool isnull);

/* In an ereport: the column of "rel" that the error is about. */
extern int	invitation_errcolumn(Relation rel, int col, const char *constraint);

#endif							/* CIRRO_GIG_INVITATION_H */
