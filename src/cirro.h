/*-------------------------------------------------------------------------
 * src/cirro.h
 *
 * What more than one file of cirro needs: the SQLSTATEs of class UG, the
 * settings and the clock. It decides nothing; each module's contract is in its
 * own header.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_H
#define CIRRO_H

#include "postgres.h"

#include "clock.h"
#include "compat.h"

/* Unknown Space, gig, invitation, worker, consumer. */
#define ERRCODE_CIRRO_UNKNOWN_SPACE			MAKE_SQLSTATE('U','G','0','0','1')
#define ERRCODE_CIRRO_UNKNOWN_GIG			MAKE_SQLSTATE('U','G','0','0','2')
#define ERRCODE_CIRRO_UNKNOWN_INVITATION	MAKE_SQLSTATE('U','G','0','0','3')
#define ERRCODE_CIRRO_UNKNOWN_WORKER		MAKE_SQLSTATE('U','G','0','0','4')
#define ERRCODE_CIRRO_UNKNOWN_CONSUMER		MAKE_SQLSTATE('U','G','0','0','5')
/* An answer or an invitation that comes too late, or makes no sense. */
#define ERRCODE_CIRRO_NOT_OPEN				MAKE_SQLSTATE('U','G','0','1','0')
#define ERRCODE_CIRRO_FILLED				MAKE_SQLSTATE('U','G','0','1','1')
#define ERRCODE_CIRRO_NO_LONGER_PENDING		MAKE_SQLSTATE('U','G','0','1','2')
#define ERRCODE_CIRRO_INVALID_TRANSITION	MAKE_SQLSTATE('U','G','0','1','3')
/* A trigger of the Space's owner kept the row as it is. */
#define ERRCODE_CIRRO_VETOED				MAKE_SQLSTATE('U','G','0','1','4')
/* A gig that may not change like this any more. */
#define ERRCODE_CIRRO_FROZEN				MAKE_SQLSTATE('U','G','0','2','0')
#define ERRCODE_CIRRO_GIG_STARTED			MAKE_SQLSTATE('U','G','0','2','1')
#define ERRCODE_CIRRO_GIG_ARCHIVED			MAKE_SQLSTATE('U','G','0','2','2')
/* The engine is told to stand still, or has no engine to run it. */
#define ERRCODE_CIRRO_PAUSED				MAKE_SQLSTATE('U','G','0','3','0')
#define ERRCODE_CIRRO_NO_PG_CRON			MAKE_SQLSTATE('U','G','0','3','1')

#endif							/* CIRRO_H */
