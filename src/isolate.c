/*-------------------------------------------------------------------------
 * src/isolate.c
 *
 * Runs work in a subtransaction and decides which errors may be kept there.
 * Must not decide what becomes of a failure: that is the caller's.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "isolate.h"

/*
 * Was this error the server's own request to stop? The SQLSTATE alone does
 * not tell: a trigger of a Space may raise it too, and must not be able to
 * stop the waves of the others by it.
 */
static bool
is_cancel(const ErrorData *error)
{
	return error->elevel > ERROR ||
		(ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION &&
		 error->funcname != NULL &&
		 strcmp(error->funcname, "ProcessInterrupts") == 0);
}

IsolatedResult
run_isolated(IsolatedWork work, void *arg, ErrorData **error)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner resources = CurrentResourceOwner;
	volatile IsolatedResult result = ISOLATED_FAILED;

	*error = NULL;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);

	PG_TRY();
	{
		if (work(arg))
		{
			ReleaseCurrentSubTransaction();
			result = ISOLATED_DONE;
		}
		else
		{
			RollbackAndReleaseCurrentSubTransaction();
			result = ISOLATED_GIVEN_UP;
		}
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = resources;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		*error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = resources;

		if (is_cancel(*error))
			ReThrowError(*error);
	}
	PG_END_TRY();

	return result;
}

char *
error_summary(const ErrorData *error)
{
	const char *message = error->message != NULL ? error->message : "unknown error";

	return pnstrdup(message, pg_mbcliplen(message, strlen(message), ERROR_SUMMARY_LENGTH));
}

bool
error_is_transient(const ErrorData *error)
{
	return ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK ||
		error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
}

bool
error_is_lack_of_resources(const ErrorData *error)
{
	int			category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	return category == ERRCODE_INSUFFICIENT_RESOURCES ||
		category == ERRCODE_TO_CATEGORY(ERRCODE_IO_ERROR);
}
