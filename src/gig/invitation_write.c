/*-------------------------------------------------------------------------
 * src/gig/invitation_write.c
 *
 * Invitations written row by row where space/row_writer.h allows: the row, then
 * what the AFTER STATEMENT triggers do, in their order. Must not have a rule of its
 * own: what is in a row says invitation_trigger.c, what it means for a gig state.c.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "gig/event.h"
#include "gig/invitation.h"
#include "gig/invitation_change.h"
#include "gig/invitation_trigger.h"
#include "gig/invitation_write.h"
#include "gig/state.h"
#include "space/row_writer.h"

static const RowTable new_rows = {
	.name = "invitation",
	.operation = CMD_INSERT,
	.ncolumns = NCOLUMNS,
	.columns = {
		[ID] = {"id", INT8OID},
		[GIG_ID] = {"gig_id", INT8OID},
		[WORKER_ID] = {"worker_id", INT8OID},
		[STATUS] = {"status", TEXTOID},
		[REASON] = {"reason", TEXTOID},
		[ORIGIN] = {"origin", TEXTOID},
		[WAVE_ID] = {"wave_id", INT8OID},
		[SEND_AT] = {"send_at", TIMESTAMPTZOID},
		[INVITED_AT] = {"invited_at", TIMESTAMPTZOID},
		[RESPONDED_AT] = {"responded_at", TIMESTAMPTZOID},
		[TIMES_INVITED] = {"times_invited", INT4OID},
		[REVISION] = {"revision", INT4OID},
		[SILENT] = {"silent", BOOLOID},
		[SILENCED] = {"silenced", BOOLOID},
		[CREATED_AT] = {"created_at", TIMESTAMPTZOID},
	},
	.ntriggers = 2,
	.triggers = {
		{"cirro_check", "invitation_check",
		TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_ROW | TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE},
		{"cirro_inserted", "invitation_inserted", TRIGGER_TYPE_INSERT, "new_rows"}
	},
	.nreferences = 2,
	.references = {{GIG_ID, "gig"}, {WORKER_ID, "worker"}}
};

/* The columns of a row, each where invitation_columns has it. */
typedef struct InvitationRow
{
	TriggerRow	row;
	Datum		values[NCOLUMNS];
	bool		nulls[NCOLUMNS];
	bool		changed[NCOLUMNS];
} InvitationRow;

static void
init_row(InvitationRow *row, Relation rel)
{
	memset(row, 0, sizeof(*row));
	row->row.rel = rel;
	row->row.values = row->values;
	row->row.nulls = row->nulls;
	row->row.changed = row->changed;
	for (int col = 0; col < NCOLUMNS; col++)
		row->row.attnum[col] = col + 1;
}

bool
invitation_write(Oid space, int64 gig_id, int64 wave_id, const int64 *workers, int n)
{
	GigChange	change = {
		.gig_id = gig_id,
		.opened = n,
		.oldest_answered = DT_NOEND,
		.next_send_at = DT_NOEND,
		.last_send_at = DT_NOBEGIN
	};
	InvitationRow new;
	InvitationEvent *news;
	RowWriter  *rows;

	row_writer_push_snapshot();
	rows = row_writer_begin(space, &new_rows);
	if (rows == NULL)
	{
		PopActiveSnapshot();
		return false;
	}
	init_row(&new, row_writer_relation(rows));
	row_writer_defaults(rows, new.values, new.nulls);
	trigger_row_set(&new.row, GIG_ID, Int64GetDatum(gig_id));
	trigger_row_set(&new.row, WORKER_ID, Int64GetDatum(workers[0]));
	trigger_row_set(&new.row, ORIGIN, CStringGetTextDatum("wave"));
	trigger_row_set(&new.row, WAVE_ID, Int64GetDatum(wave_id));
	new.nulls[ID] = false;
	/* Nothing that it looks at is different from row to row. */
	invitation_check_new(&new.row);
	if (invitation_status(new.row.rel, new.values[STATUS]) != PENDING)
	{
		/* By an owner's default; others of them go with it, or do not. */
		row_writer_end(rows);
		PopActiveSnapshot();
		return false;
	}

	news = palloc_extended(mul_size(n, sizeof(InvitationEvent)), MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
	{
		int64		id = row_writer_next_id(rows);

		new.values[ID] = Int64GetDatum(id);
		new.values[WORKER_ID] = Int64GetDatum(workers[i]);
		row_writer_put(rows, new.values, new.nulls);
		news[i] = (InvitationEvent) {
			.id = id,
			.gig_id = gig_id,
			.worker_id = workers[i],
			.revision = DatumGetInt32(new.values[REVISION]),
			.is_new = true,
			.silent = DatumGetBool(new.values[SILENCED]),
			.status = invitation_statuses[PENDING]
		};
	}
	row_writer_end(rows);
	PopActiveSnapshot();

	for (int i = 0; i < n; i += INVITATION_NEWS_MAX)
		event_of_invitations(space, news + i, Min(n - i, INVITATION_NEWS_MAX));
	gig_state_apply(space, &change, 1, true);
	pfree(news);
	return true;
}
