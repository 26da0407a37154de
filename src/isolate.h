/*-------------------------------------------------------------------------
 * src/isolate.h
 *
 * Work whose failure must not take the rest with it.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_ISOLATE_H
#define CIRRO_ISOLATE_H

#include "postgres.h"

typedef enum IsolatedResult
{
	ISOLATED_DONE,				/* kept */
	ISOLATED_GIVEN_UP,			/* undone, because the work returned false */
	ISOLATED_FAILED				/* undone, because of an error */
} IsolatedResult;

typedef bool (*IsolatedWork) (void *arg);

/*
 * Runs work(arg) in a subtransaction of its own. The error of a failure is
 * given back in the caller's memory context; the user, the security context
 * and all settings are then what they were before. A cancel is never held
 * back: it is thrown on.
 */
extern IsolatedResult run_isolated(IsolatedWork work, void *arg,
								   ErrorData **error);

/* Longer ones are cut, in bytes. */
#define ERROR_SUMMARY_LENGTH	1000

/*
 * The message of an error, for a message of ours: in a Space an owner wrote it,
 * who may have made it longer than any message can be.
 */
extern char *error_summary(const ErrorData *error);

/* Whether the same work may well succeed if it is simply done again. */
extern bool error_is_transient(const ErrorData *error);

/* Whether whatever comes next would most likely fail alike. */
extern bool error_is_lack_of_resources(const ErrorData *error);

#endif							/* CIRRO_ISOLATE_H */
