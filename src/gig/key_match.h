/*-------------------------------------------------------------------------
 * src/gig/key_match.h
 *
 * Which gigs a profile matches, found by its keys (gig/key.h).
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_GIG_KEY_MATCH_H
#define CIRRO_GIG_KEY_MATCH_H

#include "postgres.h"
#include "utils/jsonb.h"

/*
 * The ids of gigs in gig_filter whose filter the document matches, ascending, none
 * twice, in the current context; "n" is how many. Sees what a statement would that
 * begins now. Callers have entered the Space and are connected to SPI; the rows of
 * their last query are gone.
 */
extern int64 *gig_key_match(Oid space, Jsonb *document, int *n);

#endif							/* CIRRO_GIG_KEY_MATCH_H */
