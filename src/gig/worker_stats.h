/*-------------------------------------------------------------------------
 * src/gig/worker_stats.h
 *
 * What ANALYZE has found of the profiles of a Space's workers, without the planner.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_GIG_WORKER_STATS_H
#define CIRRO_GIG_WORKER_STATS_H

#include "postgres.h"

#include "index/profile_stats.h"

/* NULL if there is nothing. It stays until this is called again. */
extern const ProfileStats *worker_stats_get(Oid space);

#endif							/* CIRRO_GIG_WORKER_STATS_H */
