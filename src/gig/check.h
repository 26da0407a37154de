/*-------------------------------------------------------------------------
 * src/gig/check.h
 *
 * What is asked of gigs after the statement that inserted them, and how long an
 * archived one is kept.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_GIG_CHECK_H
#define CIRRO_GIG_CHECK_H

#include "postgres.h"
#include "commands/trigger.h"
#include "utils/timestamp.h"

/*
 * For an AFTER INSERT STATEMENT trigger of gig: refuses, with 23514, gigs that
 * have ended already, and tells of those without an upper limit of seats. A row
 * that ON CONFLICT drops is none of them.
 */
extern void gig_check_inserted(TriggerData *trigdata);

/*
 * Until when setting.keep_gigs keeps a gig that was archived at that time;
 * DT_NOEND: for ever. The caller has entered the Space and is connected to SPI.
 */
extern TimestampTz gig_kept_until(Oid space, TimestampTz archives_at);

#endif							/* CIRRO_GIG_CHECK_H */
