/*-------------------------------------------------------------------------
 * src/wave/eligible.h
 *
 * A Space's own rule: the function that setting.eligible names.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_ELIGIBLE_H
#define CIRRO_WAVE_ELIGIBLE_H

#include "postgres.h"
#include "utils/hsearch.h"

/* The rule, asked about one gig. */
typedef struct EligibleRule
{
	Oid			space;
	Oid			owner;			/* of the Space; the function has to be his */
	const char *name;			/* setting.eligible */
	int64		gig_id;
	int			may_ask;		/* about so many workers more */
	HTAB	   *answers;		/* those given already; NULL: they are not kept */
} EligibleRule;

/* For a wave that wants so many workers. */
extern void wave_eligible_begin(EligibleRule *rule, Oid space, Oid owner, const char *name,
								int64 gig_id, int wanted);

/* From now on nobody is asked about twice. In the current memory context. */
extern void wave_eligible_keep(EligibleRule *rule);

/* The first lot of so many wanted; each further one is twice the last. */
extern int	wave_eligible_first_lot(int wanted);

/*
 * Who of these workers may be invited: the others count as asked about, too, so that
 * rule->may_ask becomes less; it must not be exceeded. The caller has entered the Space as its
 * owner, in a restricted operation, and is connected to SPI. Raises 42883, 42809 and
 * 42501 if there is no function that may be called, and whatever the function raises,
 * but a serialization failure that can be none as 38000. A function that is being asked
 * is not asked again from within: 55006.
 */
extern void wave_eligible_ask(EligibleRule *rule, const int64 *workers, int nworkers,
							  bool *eligible);

/* Raises 55006 while a rule is being asked: each gig that is due would ask it once more. */
extern void wave_eligible_refuse_waves(void);

#endif							/* CIRRO_WAVE_ELIGIBLE_H */
