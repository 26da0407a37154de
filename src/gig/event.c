/*-------------------------------------------------------------------------
 * src/gig/event.c
 *
 * Writes what has happened, once, and for each consumer whose kinds include it
 * that it has yet to hear of it: one statement for both tables, in the
 * transaction of what it tells. It knows the kinds of events. Must not decide
 * that something has happened, and must not lock anything but what
 * event_of_workers says.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "gig/event.h"
#include "space/query.h"
#include "space/row_writer.h"

PG_FUNCTION_INFO_V1(event_kinds);

/* ---------------------------------------------------------------- kinds -- */

/* Here and nowhere else: checks of the tables ask event_kinds(). */
static const char *const kinds[] = {
	"invitation.created", "invitation.updated",
	"gig.started", "gig.ended", "gig.archived", "gig.filled", "gig.reopened",
	"gig.exhausted", "gig.changed", "gig.deleted", "gig.cancelled"
};

bool
event_is_kind(const char *name, size_t length)
{
	for (int i = 0; i < (int) lengthof(kinds); i++)
		if (strlen(kinds[i]) == length && memcmp(kinds[i], name, length) == 0)
			return true;
	return false;
}

char *
event_kinds_listed(void)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < (int) lengthof(kinds); i++)
		appendStringInfo(&text, i == 0 ? "%s" : ", %s", kinds[i]);
	return text.data;
}

/* cirro.event_kinds() returns text[] */
Datum
event_kinds(PG_FUNCTION_ARGS)
{
	Datum		names[lengthof(kinds)];

	for (int i = 0; i < (int) lengthof(kinds); i++)
		names[i] = CStringGetTextDatum(kinds[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(names, lengthof(kinds), TEXTOID, -1, false,
										  TYPALIGN_INT));
}

/* -------------------------------------------------------------- queries -- */

/* Who is to hear of what an INSERT INTO event AS e writes: of one row, or in its order. */
#define TELL(insert) \
	"WITH happened AS (" insert " RETURNING e.id, e.kind) " \
	"INSERT INTO notification (consumer, event_id) " \
	"SELECT c.name, h.id FROM happened AS h CROSS JOIN consumer AS c " \
	"WHERE c.kinds IS NULL OR h.kind = ANY (c.kinds)"
#define TELL_IN_ORDER(insert) TELL(insert) " ORDER BY h.id, c.name"

/* Most statements change one row, and arrays would cost them more than the rest. */
#define ONE_INVITATION \
	"INSERT INTO event AS e (kind, gig_id, worker_id, invitation_id, revision, status, previous) " \
	"VALUES ($1, $2, $3, $4, $5, $6, $7)"
#define ONE_INVITATION_ARGS \
	7, {TEXTOID, INT8OID, INT8OID, INT8OID, INT4OID, TEXTOID, TEXTOID}

#define MANY_INVITATIONS \
	"INSERT INTO event AS e (kind, gig_id, worker_id, invitation_id, revision, status, previous) " \
	"SELECT CASE WHEN n.is_new THEN 'invitation.created' ELSE 'invitation.updated' END, " \
	"  n.gig_id, n.worker_id, n.invitation_id, n.revision, n.status, n.previous " \
	"FROM (SELECT pg_catalog.unnest($1) AS is_new, pg_catalog.unnest($2) AS gig_id, " \
	"    pg_catalog.unnest($3) AS worker_id, pg_catalog.unnest($4) AS invitation_id, " \
	"    pg_catalog.unnest($5) AS revision, pg_catalog.unnest($6) AS status, " \
	"    pg_catalog.unnest($7) AS previous) AS n " \
	"ORDER BY n.invitation_id"
#define MANY_INVITATIONS_ARGS \
	7, {BOOLARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT4ARRAYOID, TEXTARRAYOID, \
	TEXTARRAYOID}

static const SpaceQuery one_invitation = {TELL(ONE_INVITATION), ONE_INVITATION_ARGS};
static const SpaceQuery one_silent_invitation = {ONE_INVITATION, ONE_INVITATION_ARGS};
static const SpaceQuery many_invitations = {TELL_IN_ORDER(MANY_INVITATIONS), MANY_INVITATIONS_ARGS};
static const SpaceQuery many_silent_invitations = {MANY_INVITATIONS, MANY_INVITATIONS_ARGS};

static const SpaceQuery one_gig = {
	TELL("INSERT INTO event AS e (kind, gig_id, payload) VALUES ($1, $2, $3)"),
	3, {TEXTOID, INT8OID, JSONBOID}
};

static const SpaceQuery many_gigs = {
	TELL_IN_ORDER("INSERT INTO event AS e (kind, gig_id) "
				  "SELECT $1, g.id FROM pg_catalog.unnest($2) AS u (id) JOIN gig AS g ON g.id = u.id "
				  "ORDER BY g.id"),
	2, {TEXTOID, INT8ARRAYOID}, PLAN_BY_KEY
};

/* A query of its own holds the locks: a condition on the status must not enter it. */
static const SpaceQuery workers_of_gig = {
	"WITH locked AS MATERIALIZED ("
	"  SELECT i.id, i.gig_id, i.worker_id, i.revision, i.status, i.reason, i.origin "
	"  FROM invitation AS i WHERE i.gig_id = $2 ORDER BY i.id FOR UPDATE), "
	"happened AS (INSERT INTO event AS e (kind, gig_id, worker_id, invitation_id, "
	"    revision, status, payload) "
	"  SELECT $1, l.gig_id, l.worker_id, l.id, l.revision, l.status, "
	"    $3 || pg_catalog.jsonb_build_object('invitation', pg_catalog.jsonb_build_object("
	"      'id', l.id, 'status', l.status, 'previous', NULL, 'reason', l.reason, "
	"      'origin', l.origin, 'answer_by', NULL)) "
	"  FROM locked AS l WHERE l.status IN ('pending', 'waiting', 'accepted') ORDER BY l.id "
	"  RETURNING e.id, e.kind) "
	"INSERT INTO notification (consumer, event_id) "
	"SELECT c.name, h.id FROM happened AS h CROSS JOIN consumer AS c "
	"WHERE c.kinds IS NULL OR h.kind = ANY (c.kinds) ORDER BY h.id, c.name",
	3, {TEXTOID, INT8OID, JSONBOID}
};

/* ---------------------------------------------------------------- rows -- */

enum
{
	EVENT_ID, EVENT_KIND, EVENT_GIG_ID, EVENT_WORKER_ID, EVENT_INVITATION_ID, EVENT_REVISION,
	EVENT_STATUS, EVENT_PREVIOUS, EVENT_PAYLOAD, EVENT_COLUMNS
};

static const RowTable event_rows = {
	.name = "event",
	.operation = CMD_INSERT,
	.ncolumns = EVENT_COLUMNS,
	.columns = {
		[EVENT_ID] = {"id", INT8OID},
		[EVENT_KIND] = {"kind", TEXTOID},
		[EVENT_GIG_ID] = {"gig_id", INT8OID},
		[EVENT_WORKER_ID] = {"worker_id", INT8OID},
		[EVENT_INVITATION_ID] = {"invitation_id", INT8OID},
		[EVENT_REVISION] = {"revision", INT4OID},
		[EVENT_STATUS] = {"status", TEXTOID},
		[EVENT_PREVIOUS] = {"previous", TEXTOID},
		[EVENT_PAYLOAD] = {"payload", JSONBOID}
	}
};

static const RowTable notification_rows = {
	.name = "notification",
	.operation = CMD_INSERT,
	.ncolumns = 3,
	.columns = {{"id", INT8OID}, {"consumer", TEXTOID}, {"event_id", INT8OID}}
};

static const RowTable consumer_rows = {
	.name = "consumer",
	.operation = CMD_SELECT,
	.ncolumns = 2,
	.columns = {{"name", TEXTOID}, {"kinds", TEXTARRAYOID}}
};

typedef struct Consumer
{
	Datum		name;
	bool		hears_all;
	Datum	   *kinds;
	bool	   *nulls;
	int			nkinds;
} Consumer;

/* Both tables, open for rows. All memory is the caller's. */
typedef struct Telling
{
	RowWriter  *events;
	RowWriter  *notifications;
	int			nconsumers;
	Consumer   *consumers;
	const char *last_kind;		/* asked for, and what consumers said to it */
	bool	   *hear;
} Telling;

static int
compare_consumers(const void *a, const void *b)
{
	return DatumGetInt32(DirectFunctionCall2Coll(bttextcmp, DEFAULT_COLLATION_OID,
												 ((const Consumer *) a)->name,
												 ((const Consumer *) b)->name));
}

static bool
read_consumers(Oid space, Telling *telling, bool in_order)
{
	RowWriter  *rows = row_writer_begin(space, &consumer_rows);
	int			allocated = 4;

	if (rows == NULL)
		return false;
	telling->consumers = palloc(allocated * sizeof(Consumer));
	row_writer_scan(rows);
	while (row_writer_scan_next(rows))
	{
		Consumer   *consumer;
		bool		isnull;
		Datum		name = row_writer_value(rows, 0, &isnull);
		Datum		kinds;

		if (isnull)
			continue;
		if (telling->nconsumers == allocated)
			telling->consumers = repalloc(telling->consumers,
										  (allocated *= 2) * sizeof(Consumer));
		consumer = &telling->consumers[telling->nconsumers++];
		consumer->name = PointerGetDatum(PG_DETOAST_DATUM_COPY(name));
		kinds = row_writer_value(rows, 1, &consumer->hears_all);
		if (!consumer->hears_all)
			deconstruct_array(DatumGetArrayTypePCopy(kinds), TEXTOID, -1, false, TYPALIGN_INT,
							  &consumer->kinds, &consumer->nulls, &consumer->nkinds);
	}
	row_writer_end(rows);
	if (in_order)
		qsort(telling->consumers, telling->nconsumers, sizeof(Consumer), compare_consumers);
	telling->hear = palloc(telling->nconsumers * sizeof(bool));
	return true;
}

/*
 * Opens the tables; false if statements have to write. Consumers are those that the
 * active snapshot shows, by name if "in_order".
 */
static bool
begin_telling(Oid space, Telling *telling, bool in_order)
{
	memset(telling, 0, sizeof(*telling));
	if (!read_consumers(space, telling, in_order) ||
		(telling->events = row_writer_begin(space, &event_rows)) == NULL)
		return false;
	telling->notifications = row_writer_begin(space, &notification_rows);
	if (telling->notifications == NULL)
		row_writer_end(telling->events);
	return telling->notifications != NULL;
}

static void
end_telling(Telling *telling)
{
	row_writer_end(telling->notifications);
	row_writer_end(telling->events);
}

static bool
hears(const Consumer *consumer, const char *kind)
{
	size_t		len = strlen(kind);

	for (int i = 0; !consumer->hears_all && i < consumer->nkinds; i++)
		if (!consumer->nulls[i] &&
			VARSIZE_ANY_EXHDR(DatumGetPointer(consumer->kinds[i])) == len &&
			memcmp(VARDATA_ANY(DatumGetPointer(consumer->kinds[i])), kind, len) == 0)
			return true;
	return consumer->hears_all;
}

/* Writes an event, its id excepted, of "kind", and unless "silent" who is to hear of it. */
static void
tell(Telling *telling, const char *kind, Datum *values, const bool *nulls, bool silent)
{
	int64		id = row_writer_next_id(telling->events);

	values[EVENT_ID] = Int64GetDatum(id);
	row_writer_put(telling->events, values, nulls);
	if (silent)
		return;
	if (telling->last_kind != kind)
	{
		for (int i = 0; i < telling->nconsumers; i++)
			telling->hear[i] = hears(&telling->consumers[i], kind);
		telling->last_kind = kind;
	}
	for (int i = 0; i < telling->nconsumers; i++)
		if (telling->hear[i])
		{
			Datum		row[] = {
				Int64GetDatum(row_writer_next_id(telling->notifications)),
				telling->consumers[i].name, Int64GetDatum(id)
			};

			row_writer_put(telling->notifications, row, (const bool[3]) {false});
		}
}

/* The Datum of a constant; the one before is often the same. */
typedef struct TextConstant
{
	const char *text;
	Datum		value;
} TextConstant;

static Datum
text_datum(TextConstant *last, const char *text)
{
	if (last->text != text)
	{
		last->text = text;
		last->value = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
	}
	return last->value;
}

/* Of those that are silent, or of those that are not. */
static void
tell_invitations(Telling *telling, const InvitationEvent *const *events, int n, bool silent)
{
	TextConstant kind = {NULL};
	TextConstant status = {NULL};
	TextConstant previous = {NULL};
	Datum		values[EVENT_COLUMNS];
	bool		nulls[EVENT_COLUMNS];

	/* The payload stays what it is by default. */
	row_writer_defaults(telling->events, values, nulls);
	memset(nulls, false, EVENT_PAYLOAD * sizeof(bool));
	for (int i = 0; i < n; i++)
	{
		const InvitationEvent *event = events[i];
		const char *kind_text = event->is_new ? kinds[0] : kinds[1];

		if (event->silent != silent)
			continue;
		values[EVENT_KIND] = text_datum(&kind, kind_text);
		values[EVENT_GIG_ID] = Int64GetDatum(event->gig_id);
		values[EVENT_WORKER_ID] = Int64GetDatum(event->worker_id);
		values[EVENT_INVITATION_ID] = Int64GetDatum(event->id);
		values[EVENT_REVISION] = Int32GetDatum(event->revision);
		values[EVENT_STATUS] = text_datum(&status, event->status);
		nulls[EVENT_STATUS] = event->status == NULL;
		values[EVENT_PREVIOUS] = text_datum(&previous, event->previous);
		nulls[EVENT_PREVIOUS] = event->previous == NULL;
		tell(telling, kind_text, values, nulls, silent);
	}
}

static int
compare_invitations(const void *a, const void *b)
{
	int64		left = (*(const InvitationEvent *const *) a)->id;
	int64		right = (*(const InvitationEvent *const *) b)->id;

	return left < right ? -1 : left > right;
}

/* As the statements do, in the order of the invitations; false if they have to. */
static bool
write_invitations(Oid space, const InvitationEvent *events, int n)
{
	const InvitationEvent **in_order = palloc(n * sizeof(InvitationEvent *));
	bool		is_sorted = true;
	Telling		telling;
	bool		begun;

	for (int i = 0; i < n; i++)
	{
		in_order[i] = &events[i];
		is_sorted &= i == 0 || events[i - 1].id <= events[i].id;
	}
	if (!is_sorted)
		qsort(in_order, n, sizeof(InvitationEvent *), compare_invitations);

	row_writer_push_snapshot();
	begun = begin_telling(space, &telling, n > 1);
	if (begun)
	{
		tell_invitations(&telling, in_order, n, false);
		tell_invitations(&telling, in_order, n, true);
		end_telling(&telling);
	}
	PopActiveSnapshot();
	return begun;
}

/* ---------------------------------------------------------- invitations -- */

static void
event_of_one(Oid space, const InvitationEvent *event)
{
	QueryArgs	args = {event->silent ? &one_silent_invitation : &one_invitation};

	arg_text(&args, event->is_new ? "invitation.created" : "invitation.updated");
	arg_int64(&args, event->gig_id);
	arg_int64(&args, event->worker_id);
	arg_int64(&args, event->id);
	arg_int32(&args, event->revision);
	arg_text(&args, event->status);
	arg_text(&args, event->previous);
	query_run(space, &args);
}

/* Of constants, which often follow on themselves. NULLs are nulls. */
static Datum
text_array(const char *const *texts, int n)
{
	Datum	   *elements = palloc(n * sizeof(Datum));
	bool	   *nulls = palloc(n * sizeof(bool));
	int			lower = 1;

	for (int i = 0; i < n; i++)
	{
		nulls[i] = texts[i] == NULL;
		if (i > 0 && texts[i] == texts[i - 1])
			elements[i] = elements[i - 1];
		else
			elements[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(texts[i]);
	}
	return PointerGetDatum(construct_md_array(elements, nulls, 1, &n, &lower,
											  TEXTOID, -1, false, TYPALIGN_INT));
}

/* Of those that are silent, or of those that are not. */
static void
event_of_many(Oid space, const InvitationEvent *events, int n, bool silent)
{
	QueryArgs	args = {silent ? &many_silent_invitations : &many_invitations};
	bool	   *is_new = palloc(n * sizeof(bool));
	int64	   *gig_id = palloc(n * sizeof(int64));
	int64	   *worker_id = palloc(n * sizeof(int64));
	int64	   *id = palloc(n * sizeof(int64));
	int32	   *revision = palloc(n * sizeof(int32));
	const char **status = palloc(n * sizeof(char *));
	const char **previous = palloc(n * sizeof(char *));
	int			count = 0;

	for (int i = 0; i < n; i++)
	{
		if (events[i].silent != silent)
			continue;
		is_new[count] = events[i].is_new;
		gig_id[count] = events[i].gig_id;
		worker_id[count] = events[i].worker_id;
		id[count] = events[i].id;
		revision[count] = events[i].revision;
		status[count] = events[i].status;
		previous[count] = events[i].previous;
		count++;
	}
	if (count == 0)
		return;
	arg_bool_array(&args, is_new, count);
	arg_int64_array(&args, gig_id, count);
	arg_int64_array(&args, worker_id, count);
	arg_int64_array(&args, id, count);
	arg_int32_array(&args, revision, count);
	arg_datum(&args, TEXTARRAYOID, text_array(status, count), false);
	arg_datum(&args, TEXTARRAYOID, text_array(previous, count), false);
	query_run(space, &args);
}

void
event_of_invitations(Oid space, const InvitationEvent *events, int n)
{
	MemoryContext scratch;
	MemoryContext caller;

	if (n == 0)
		return;
	scratch = AllocSetContextCreate(CurrentMemoryContext, "cirro events",
									ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(scratch);
	if (!write_invitations(space, events, n))
	{
		if (n == 1)
			event_of_one(space, events);
		else
		{
			event_of_many(space, events, n, false);
			event_of_many(space, events, n, true);
		}
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
}

/* ----------------------------------------------------------------- gigs -- */

static bool
write_gig(Oid space, int64 gig_id, const char *kind, Datum payload)
{
	Datum		values[EVENT_COLUMNS];
	bool		nulls[EVENT_COLUMNS];
	Telling		telling;
	bool		begun;

	row_writer_push_snapshot();
	begun = begin_telling(space, &telling, false);
	if (begun)
	{
		row_writer_defaults(telling.events, values, nulls);
		values[EVENT_KIND] = CStringGetTextDatum(kind);
		values[EVENT_GIG_ID] = Int64GetDatum(gig_id);
		values[EVENT_PAYLOAD] = payload;
		nulls[EVENT_ID] = nulls[EVENT_KIND] = nulls[EVENT_GIG_ID] = false;
		nulls[EVENT_PAYLOAD] = payload == (Datum) 0;
		tell(&telling, kind, values, nulls, false);
		end_telling(&telling);
	}
	PopActiveSnapshot();
	return begun;
}

void
event_of_gig(Oid space, int64 gig_id, const char *kind, Datum payload)
{
	QueryArgs	args = {&one_gig};

	if (write_gig(space, gig_id, kind, payload))
		return;
	arg_text(&args, kind);
	arg_int64(&args, gig_id);
	arg_datum(&args, JSONBOID, payload, payload == (Datum) 0);
	query_run(space, &args);
}

void
event_of_gigs(Oid space, const int64 *gig_ids, int n, const char *kind)
{
	QueryArgs	args = {&many_gigs};

	if (n == 0)
		return;
	arg_text(&args, kind);
	arg_int64_array(&args, gig_ids, n);
	query_run(space, &args);
}

void
event_of_workers(Oid space, int64 gig_id, const char *kind, Datum payload)
{
	QueryArgs	args = {&workers_of_gig};

	arg_text(&args, kind);
	arg_int64(&args, gig_id);
	arg_datum(&args, JSONBOID, payload, payload == (Datum) 0);
	query_run(space, &args);
}
