/*-------------------------------------------------------------------------
 * src/wave/predicate.h
 *
 * Many filters against many documents: each different condition is asked of a
 * document once, however many filters have it.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_PREDICATE_H
#define CIRRO_WAVE_PREDICATE_H

#include "postgres.h"

#include "filter/query.h"
#include "wave/range.h"

typedef struct PredicateSet PredicateSet;

/* A filter as it is asked with others: what has to hold of its predicates. */
typedef struct PredicateProgram PredicateProgram;

/* All memory is of the context that is current in make. */
extern PredicateSet *wave_predicates_make(void);
extern PredicateProgram *wave_predicates_add(PredicateSet *set, const FilterQuery *query);

/* Bytes that the first wave_predicates_clear allocates. */
extern Size wave_predicates_words(const PredicateSet *set);

/* Do all documents match that wave_predicates_evaluate says may? */
extern bool wave_predicates_exact(const PredicateProgram *program);

/*
 * Forgets the last chunk; each document of this, 0 to CHUNK_ROWS - 1; its end. What
 * is kept of documents until then is in the context that is current in document.
 */
extern void wave_predicates_clear(PredicateSet *set);
extern void wave_predicates_document(PredicateSet *set, int row, const JsonbContainer *document);
extern void wave_predicates_finish(PredicateSet *set);

/*
 * Sets the bits of the documents of the chunk that may match: all that do, and
 * others.
 */
extern void wave_predicates_evaluate(const PredicateSet *set, const PredicateProgram *program,
									 uint64 *words);

#endif							/* CIRRO_WAVE_PREDICATE_H */
