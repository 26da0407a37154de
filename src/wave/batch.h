/*-------------------------------------------------------------------------
 * src/wave/batch.h
 *
 * Candidates for the waves of many gigs, found in one pass over the workers.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_BATCH_H
#define CIRRO_WAVE_BATCH_H

#include "postgres.h"
#include "access/transam.h"
#include "storage/itemptr.h"
#include "utils/timestamp.h"

/* What a pass has found for a gig. */
typedef struct BatchedGig
{
	int64		gig_id;
	int			number;			/* of the wave that this was for */
	uint64		filter_hash;	/* of gig.filter_query and gig.sort_query then */
	uint64		sort_hash;
	bool		complete;		/* these are all that there were */
	FullTransactionId since;	/* of the workers changed in it or later; or none */
	FullTransactionId horizon;	/* all before it had ended by then */
	int			nids;
	int64	   *ids;			/* workers, in the order of the wave */

	/*
	 * Where the table worker had the version that matched, and which transaction
	 * had written it. The place may hold any other row by now. NULL, both, if the
	 * table is no heap of its own.
	 */
	ItemPointer places;
	TransactionId *xmins;
} BatchedGig;

typedef struct WaveBatch
{
	int			covered;		/* so many of the gigs were looked at */
	int			ngigs;
	BatchedGig *gigs;			/* by id */
} WaveBatch;

/* Is told now and then how many workers a pass has looked at. */
typedef void (*WaveBatchReport) (void *arg, int64 workers);

/* The settings cirro.wave_search and cirro.wave_memory. */
extern void wave_batch_init(void);

/*
 * Looks for the candidates of the first of these gigs, as many as memory is
 * for. Everything is allocated in "context". NULL if there are too few of them for
 * that. Takes no locks; whoever uses the ids checks them.
 */
extern WaveBatch *wave_batch(Oid space, Oid owner, const int64 *gigs, int ngigs,
							 TimestampTz now, MemoryContext context,
							 WaveBatchReport report, void *arg);

/* What was found for a gig; NULL if nothing was looked for. */
extern const BatchedGig *wave_batch_find(const WaveBatch *batch, int64 gig_id);

/* As filter_hash and sort_hash; 0 for none. */
extern uint64 wave_batch_hash(Datum query);

#endif							/* CIRRO_WAVE_BATCH_H */
