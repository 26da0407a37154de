/*-------------------------------------------------------------------------
 * src/gig/key.h
 *
 * Gigs by the keys of their filters: the table gig_key.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_GIG_KEY_H
#define CIRRO_GIG_KEY_H

#include "postgres.h"
#include "utils/jsonb.h"

/*
 * The open gigs whose filter the document matches, in ascending order; palloc'd. The
 * caller is connected to SPI and has the Space entered.
 */
extern int64 *gig_key_match(Oid space, Jsonb *document, int *n);

#endif							/* CIRRO_GIG_KEY_H */
