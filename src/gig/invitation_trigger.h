/*-------------------------------------------------------------------------
 * src/gig/invitation_trigger.h
 *
 * The law of a row of invitations, for those who write rows past its trigger.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_GIG_INVITATION_TRIGGER_H
#define CIRRO_GIG_INVITATION_TRIGGER_H

#include "postgres.h"

#include "gig/trigger.h"

/*
 * What BEFORE INSERT makes of a row: checks it and fills in the columns that cirro
 * keeps. Errors: UG013, 23502, 23514.
 */
extern void invitation_check_new(TriggerRow *row);

/*
 * What BEFORE UPDATE makes of a row that a worker answers: accepts or rejects while it
 * is pending, or leaves. False, and nothing is done, if it is anything else. Errors:
 * 23502, 23514.
 */
extern bool invitation_check_answer(TriggerRow *old, TriggerRow *row);

#endif							/* CIRRO_GIG_INVITATION_TRIGGER_H */
