/*-------------------------------------------------------------------------
 * src/wave/match.h
 *
 * Who can be invited.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_MATCH_H
#define CIRRO_WAVE_MATCH_H

#include "postgres.h"
#include "access/transam.h"

#include "wave/eligible.h"

/*
 * In SQL: how many pending invitations of a gig can be answered yet, by their time
 * to answer.
 */
#define COUNT_PENDING(gig_id, answer_within, now) \
	"SELECT count(*) FROM invitation p WHERE " IS_PENDING(gig_id, answer_within, now)
#define IS_PENDING(gig_id, answer_within, now) \
	"p.gig_id = " gig_id " AND p.status = 'pending'" \
	" AND (" answer_within " IS NULL OR cirro.answer_by(p.invited_at, " answer_within ") > " now ")"

/*
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
	Datum		filter;			/* gig.filter_query, jsonb, bound if it depends on time */
	bool		is_bound;		/* it was: gig_filter has another */
	Datum		sort;			/* gig.sort_query, jsonb; 0: none */
	int			max_pending;	/* setting.max_pending, 0: no limit */
	EligibleRule *rule;			/* setting.eligible; NULL: there is none */
	FullTransactionId since;	/* only workers changed in it or later; or none */

	/* The answer: there are no others, locked or not. Never known of a rule. */
	bool		complete;

	/* Known of the gig once it was looked for. */
	bool		unchanged;		/* no worker has changed since */
	bool		none_reopenable;	/* nothing could be opened again */
} CandidateSearch;

/*
 * Where among the lots a wave begins. Users can compute it themselves: it is
 * the low half of hashint8extended(gig_id, number).
 */
extern int32 wave_lot_start(int64 gig_id, int number);

/* How many workers there are, as far as is known; -1 if it is not. */
extern double wave_workers_expected(Oid space);

/*
 * At most "limit" workers that were never invited to the gig, locked FOR KEY
 * SHARE; workers that another transaction is deleting are left out (then some
 * more may be locked).
 */
extern int	wave_find_candidates(CandidateSearch *search, int limit, int64 *ids);

/*
 * At most "limit" invitations of the gig that only expired because its seats
 * were filled, locked FOR NO KEY UPDATE; locked ones are left out.
 */
extern int	wave_find_reopenable(CandidateSearch *search, int limit, int64 *ids);

/*
 * Of workers who matched and had no invitation: which still do, and have room for
 * one by search->max_pending, which the caller has locked. Asks the first of them
 * until "limit" have, or a few more; "found" are their places in ids, ascending, and
 * has room for all. So many of those asked lack nothing but room.
 */
extern int	wave_find_room(const CandidateSearch *search, const int64 *ids, int nids,
						   int limit, int *found, int *held_back, int *asked);

/* How many workers setting.max_pending alone keeps from being found. */
extern int64 wave_count_held_back(const CandidateSearch *search);

#endif							/* CIRRO_WAVE_MATCH_H */
