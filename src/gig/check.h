/*-------------------------------------------------------------------------
 * src/gig/check.h
 *
 * What is asked of gigs after the statement that inserted them.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_GIG_CHECK_H
#define CIRRO_GIG_CHECK_H

#include "postgres.h"
#include "commands/trigger.h"

/*
 * For an AFTER INSERT STATEMENT trigger of gig: refuses, with 23514, gigs that
 * have ended already, and tells of those without an upper limit of seats. A row
 * that ON CONFLICT drops is none of them.
 */
extern void gig_check_inserted(TriggerData *trigdata);

#endif							/* CIRRO_GIG_CHECK_H */
