/*-------------------------------------------------------------------------
 * src/gig/invitation.c
 *
 * The words and the columns of an invitation. Must not say what may become of
 * one: gig/invitation_trigger.c does.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "gig/invitation.h"
#include "gig/state.h"

PG_FUNCTION_INFO_V1(cirro_expired_reason);

const char *const invitation_statuses[NSTATUSES] = {
	[SCHEDULED] = "scheduled",
	[PENDING] = "pending",
	[WAITING] = "waiting",
	[ACCEPTED] = "accepted",
	[REJECTED] = "rejected",
	[EXPIRED] = "expired",
	[LEFT] = "left",
};

#define TRIGGER_COLUMN(place, name, type, is_kept) [place] = {name, type},

const TriggerColumn invitation_columns[NCOLUMNS] = {
	INVITATION_COLUMNS(TRIGGER_COLUMN)
};

StaticAssertDecl(NCOLUMNS <= TRIGGER_MAX_COLUMNS, "too many columns for a TriggerRow");

/*
 * An owner's reasons are of any length, and a statement may have many: one that is
 * as long as the text alone is looked at.
 */
static bool
text_is(Datum value, const char *text)
{
	size_t		len = strlen(text);
	struct varlena *packed;
	bool		result;

	if (toast_raw_datum_size(value) != VARHDRSZ + len)
		return false;
	packed = PG_DETOAST_DATUM_PACKED(value);
	result = memcmp(VARDATA_ANY(packed), text, len) == 0;
	if (packed != (struct varlena *) DatumGetPointer(value))
		pfree(packed);
	return result;
}

InvitationStatus
invitation_status(Relation rel, Datum name)
{
	for (int i = 0; i < NSTATUSES; i++)
		if (text_is(name, invitation_statuses[i]))
			return (InvitationStatus) i;

	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("\"%s\" is not a status of an invitation", TextDatumGetCString(name)),
			 errhint("It is one of " INVITATION_STATUSES_LISTED "."),
			 invitation_errcolumn(rel, STATUS, "invitation_status_check")));
}

/*
 * cirro.expired_reason(status text, invited_at timestamptz, closes_at timestamptz,
 * answer_within interval, filled boolean) returns text
 *
 * gig_expired_reason() of an invitation with that status; NULL if it is not open.
 * Who waits does so until the gig closes, and because it is filled. What is null is
 * not there, or not so.
 */
Datum
cirro_expired_reason(PG_FUNCTION_ARGS)
{
	TimestampTz answer_by = DT_NOEND;
	const char *reason;
	bool		is_pending;
	bool		is_waiting;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	is_pending = text_is(PG_GETARG_DATUM(0), invitation_statuses[PENDING]);
	is_waiting = text_is(PG_GETARG_DATUM(0), invitation_statuses[WAITING]);
	if (!is_pending && !is_waiting &&
		!text_is(PG_GETARG_DATUM(0), invitation_statuses[SCHEDULED]))
		PG_RETURN_NULL();
	if (is_pending && !PG_ARGISNULL(1) && !PG_ARGISNULL(3))
		answer_by = gig_answer_by(PG_GETARG_TIMESTAMPTZ(1), PG_GETARG_INTERVAL_P(3));
	reason = gig_expired_reason(answer_by, PG_ARGISNULL(2) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(2),
								!is_waiting && !PG_ARGISNULL(4) && PG_GETARG_BOOL(4),
								cirro_now());
	if (reason == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(reason));
}

bool
invitation_expired_by_seats(int status, Datum reason, bool isnull)
{
	return status == EXPIRED && !isnull && text_is(reason, GIG_SEATS_FILLED);
}

int
invitation_errcolumn(Relation rel, int col, const char *constraint)
{
	return trigger_errcolumn(rel, invitation_columns[col].name, constraint);
}
