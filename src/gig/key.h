/*-------------------------------------------------------------------------
 * src/gig/key.h
 *
 * The table gig_key: which keys a profile has to have one of to match the filter of
 * a gig. Callers have entered the Space and are connected to SPI.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_GIG_KEY_H
#define CIRRO_GIG_KEY_H

#include "postgres.h"

#include "index/stored_key.h"
#include "space/query.h"

/*
 * Brings the keys of gigs in line with their rows in gig_filter, of which some may be
 * missing: then there are none. "is_new": there are none so far. Whoever calls it
 * holds the gigs.
 */
extern void gig_key_write(Oid space, const int64 *gigs, int n, bool is_new);

/* Removes the keys of gigs. */
extern void gig_key_forget(Oid space, const int64 *gigs, int n);

/* The next parameter of a query: keys as an array of bytea, in the current context. */
extern void gig_key_arg(QueryArgs *args, const StoredKey *keys, int n);

#endif							/* CIRRO_GIG_KEY_H */
