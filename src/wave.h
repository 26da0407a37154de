/*-------------------------------------------------------------------------
 * src/wave.h
 *
 * One gig's turn: what is due for it, its wave first of all.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_H
#define CIRRO_WAVE_H

#include "postgres.h"

/* What came of a gig's turn. */
typedef enum GigOutcome
{
	GIG_DONE,
	GIG_SKIPPED,				/* it is gone, paused, or another works on it */
	GIG_FAILED,					/* recorded in the Space */
	GIG_LACKS_RESOURCES			/* failed as the Space's next gig will, too */
} GigOutcome;

/*
 * Does all that is due for a gig in the current transaction, in
 * subtransactions of its own; errors end up in the Space's table wave. What
 * could not even be recorded is a WARNING. The caller has no Space entered;
 * the rows touched stay locked until it commits.
 */
extern GigOutcome work_gig(Oid space, const char *name, Oid owner, int64 gig_id);

/*
 * Who can be invited (wave_match.c).
 *
 * The answers of a search are ids in the order in which a wave takes them: by
 * the gig's sort_query, then by lot from a start that gig and wave number
 * decide. The caller is connected to SPI and has the Space entered; ids are
 * in the current memory context, which must outlive SPI's results.
 */
typedef struct CandidateSearch
{
	Oid			space;
	int64		gig_id;
	int			number;			/* of the wave */
	Datum		filter;			/* gig.filter_query, jsonb */
	Datum		sort;			/* gig.sort_query, json */
	bool		has_sort;
	int			max_pending;	/* setting.max_pending, 0: no limit */
} CandidateSearch;

/*
 * At most "limit" workers that were never invited to the gig, locked FOR KEY
 * SHARE; workers that another transaction is deleting are left out.
 */
extern int	find_candidates(const CandidateSearch *search, int limit, Datum *ids);

/*
 * At most "limit" invitations of the gig that only expired because its seats
 * were filled, locked FOR NO KEY UPDATE; locked ones are left out.
 */
extern int	find_reopenable(const CandidateSearch *search, int limit, Datum *ids);

/* How many workers setting.max_pending alone keeps from being found. */
extern int64 count_held_back(const CandidateSearch *search);

#endif							/* CIRRO_WAVE_H */
