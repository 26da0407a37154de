/*-------------------------------------------------------------------------
 * src/gig/invitation_write.c
 *
 * Invitations written row by row where space/row_writer.h allows: the row, then
 * what the AFTER STATEMENT triggers do, in their order. Must not have a rule of its
 * own: what is in a row says invitation_trigger.c, what it means for a gig state.c.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "gig/event.h"
#include "gig/invitation.h"
#include "gig/invitation_change.h"
#include "gig/invitation_trigger.h"
#include "gig/invitation_write.h"
#include "gig/state.h"
#include "space/row_writer.h"

PG_FUNCTION_INFO_V1(answer_row);

#define CIRRO_CHECK \
	{"cirro_check", "invitation_check", \
	TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_ROW | TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE}

#define NEW_COLUMN(place, name, type, is_kept) [place] = {name, type},
#define ANSWERED_COLUMN(place, name, type, is_kept) [place] = {name, type, is_kept},

static const RowTable new_rows = {
	.name = "invitation",
	.operation = CMD_INSERT,
	.ncolumns = NCOLUMNS,
	.columns = {INVITATION_COLUMNS(NEW_COLUMN)},
	.ntriggers = 2,
	.triggers = {
		CIRRO_CHECK,
		{"cirro_inserted", "invitation_inserted", TRIGGER_TYPE_INSERT, NULL, "new_rows"}
	},
	.nreferences = 2,
	.references = {{GIG_ID, "gig"}, {WORKER_ID, "worker"}},
	.nunique = 2,
	.unique = {GIG_ID, WORKER_ID}
};

/* What an answer writes. */
static const RowTable answered_rows = {
	.name = "invitation",
	.operation = CMD_UPDATE,
	.ncolumns = NCOLUMNS,
	.columns = {INVITATION_COLUMNS(ANSWERED_COLUMN)},
	.ntriggers = 2,
	.triggers = {
		CIRRO_CHECK,
		{"cirro_updated", "invitation_updated", TRIGGER_TYPE_UPDATE, "old_rows", "new_rows"}
	}
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

/*
 * Writes the answer into the row, whose id is given. False if there is nothing to
 * write, or a statement has to: then the row may be locked.
 */
static bool
write_answer(RowWriter *rows, int64 id, Datum status, Datum reason, bool has_reason)
{
	TriggerRow	old;
	TriggerRow	new;
	HeapTuple	tuple;

	if (!row_writer_find(rows, id))
		return false;
	tuple = ExecFetchSlotHeapTuple(row_writer_found(rows), false, NULL);
	trigger_row_init(&old, row_writer_relation(rows), tuple, invitation_columns, NCOLUMNS);
	trigger_row_init(&new, row_writer_relation(rows), tuple, invitation_columns, NCOLUMNS);
	trigger_row_set(&new, STATUS, status);
	if (has_reason)
		trigger_row_set(&new, REASON, reason);
	if (!invitation_check_answer(&old, &new))
		return false;
	for (int col = 0; col < NCOLUMNS; col++)
		if (!answered_rows.columns[col].read_only && new.changed[new.attnum[col] - 1])
			row_writer_set(rows, col, row_value(&new, col), row_isnull(&new, col));
	return row_writer_update(rows) == ROW_DONE;
}

/*
 * cirro.answer_row(space name, invitation_id bigint, status text, reason text) returns record
 *
 * A worker's answer, written as UPDATE invitation SET status would be, and reason if it
 * is not null, with the rights of the caller. Returns the row; NULL, with nothing done
 * but perhaps the row locked, where the statement has to: to write it, to say what is
 * wrong, or because nothing is to be answered. Locks and errors as its triggers have
 * them.
 */
Datum
answer_row(PG_FUNCTION_ARGS)
{
	Oid			space;
	Oid			relid = InvalidOid;
	RowWriter  *rows;
	InvitationChanges done;
	Datum		result = (Datum) 0;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	space = get_namespace_oid(NameStr(*PG_GETARG_NAME(0)), true);
	if (!OidIsValid(space) ||
		cirro_schema_aclcheck(space, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
		PG_RETURN_NULL();

	row_writer_push_snapshot();
	rows = row_writer_begin(space, &answered_rows);
	if (rows != NULL)
	{
		if (write_answer(rows, PG_GETARG_INT64(1), PG_GETARG_DATUM(2),
						 PG_ARGISNULL(3) ? (Datum) 0 : PG_GETARG_DATUM(3), !PG_ARGISNULL(3)))
		{
			relid = RelationGetRelid(row_writer_relation(rows));
			invitation_changes_of_row(&done, row_writer_relation(rows),
									  row_writer_found(rows), row_writer_written(rows));
			result = ExecFetchSlotHeapTupleDatum(row_writer_written(rows));
		}
		row_writer_end(rows);
	}
	PopActiveSnapshot();

	if (OidIsValid(relid))
	{
		/* It is locked. */
		Relation	rel = table_open(relid, NoLock);
		SpaceScope	scope;

		trigger_enter_untriggered(rel, &scope);
		event_of_invitations(space, done.news, done.nnews);
		gig_state_apply(space, done.changes, done.nchanges, false);
		trigger_leave(&scope);
		table_close(rel, NoLock);
	}
	if (result == (Datum) 0)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}
