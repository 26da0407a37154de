/*-------------------------------------------------------------------------
 * src/space/floor.c
 *
 * The floor of a consumer: a time below which it has no open notification, nor
 * ever will have, so that claims need not read again what was due before, which
 * stays in the index while vacuum may not remove it. Decides how far it may be
 * raised; must not hand out or change a notification.
 *
 * Why nothing is left below it. Every due_at is taken from the clock by the
 * statement that writes the row, once its transaction has the table locked for
 * writing; what gives another (an UPDATE by hand) is put right by the trigger
 * cirro_check. Claims and failures take it a little before, for rows that are open
 * and locked: they are due no earlier than they were, or the trigger puts them
 * right, and their old versions are open until the new ones are seen.
 *
 * To raise the floor is to look, in this order: (1) at the starts of
 * all transactions that hold such a lock, our own included; the earliest is c.
 * (2) with a snapshot taken after that, at the first open row from the old floor
 * on; its due_at is m. The new floor is the earlier of c and m. Take any version of a
 * row that is open and due before that. Its writer is not in the snapshot, or the
 * version would be m; nor was it among the holders of (1), or it would have begun
 * before c, and no due_at is before its transaction's start. Had it let go of its
 * lock before (1), it would be in the snapshot, since a commit is seen before its
 * locks are released; so it took the lock after (1), and the clock from which it
 * has due_at was past c. There is no such version.
 *
 * So a transaction that commits late holds the floor back at its start, however
 * long it takes. A prepared one has no start that could be known: while it is
 * there nothing is raised. A claim that is not committed still leaves the old
 * version of its rows open to the snapshot, and what is rolled back to a savepoint
 * takes the floor that it raised along, whose row is in the same subtransaction or
 * one below it. A transaction in REPEATABLE READ raises nothing, as its snapshot
 * is older than its look at the locks; but its claims may use any floor that it
 * sees: who sees a floor sees what its raiser saw. That holds after a crash, on a
 * standby and in a dump as well, where commits come in the order of the WAL or are
 * all in one snapshot. Rights do not matter: this looks as the Space's owner, past
 * row policies.
 *
 * What it trusts is the clock. Where that is set back, or a standby with a slower
 * one is promoted, a claim finds the floor ahead of the clock; then it reads from
 * the beginning and has the floor removed here. What escapes even so, because
 * nobody claimed meanwhile, or because triggers were off, is found within the hour:
 * the tick removes every floor that has something open below it (wave/retention.c).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/sinvaladt.h"
#include "utils/acl.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "cirro.h"
#include "compat.h"
#include "space/floor.h"
#include "space/list.h"
#include "space/query.h"
#include "space/scope.h"
#include "space/shard.h"

PG_FUNCTION_INFO_V1(raise_floor);

/* When a session's transaction began, as the status of sessions says; 0: it does not. */
static TimestampTz
status_xact_start(int pid)
{
	int			nsessions = pgstat_fetch_stat_numbackends();

	for (int i = 1; i <= nsessions; i++)
	{
		LocalPgBackendStatus *session = cirro_session_status(i);

		if (session != NULL && session->backendStatus.st_procpid == pid)
			return session->backendStatus.st_xact_start_timestamp;
	}
	return 0;
}

/*
 * When a running transaction began, or earlier; 0 if that cannot be known. The
 * status may be older than the transaction, whose start is later then; it is not
 * younger, as the transaction is still its session's when that was read.
 */
static TimestampTz
xact_start(VirtualTransactionId vxid)
{
	PGPROC	   *proc = cirro_vxid_proc(vxid);
	TimestampTz start;

	if (proc == NULL || proc->pid == 0)
		return 0;
	start = status_xact_start(proc->pid);
	pg_read_barrier();
	return cirro_proc_lxid(proc) == vxid.localTransactionId ? start : 0;
}

bool
writers_since(Oid relation, TimestampTz none, TimestampTz *since)
{
	LOCKTAG		tag;
	VirtualTransactionId *writers;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relation);
	writers = GetLockConflicts(&tag, ShareLock, NULL);

	*since = none;
	for (; VirtualTransactionIdIsValid(*writers); writers++)
	{
		TimestampTz start = xact_start(*writers);

		if (start == 0)
			return false;
		*since = Min(*since, start);
	}
	return true;
}

static const SpaceQuery floor_query = {
	"SELECT coalesce(max(f.due_at), '-infinity') FROM notification_floor f WHERE f.consumer = $1",
	1, {TEXTOID}, PLAN_BY_KEY
};

/* Those that another transaction removes already are not waited for. */
static const SpaceQuery lower_query = {
	"DELETE FROM notification_floor f WHERE f.consumer = $1 AND f.due_at > $2"
	" AND f.ctid = ANY (ARRAY(SELECT l.ctid FROM notification_floor l"
	"     WHERE l.consumer = $1 AND l.due_at > $2 FOR UPDATE SKIP LOCKED))",
	2, {TEXTOID, TIMESTAMPTZOID}, PLAN_BY_KEY
};

/* From the floor $2 to $3, or the first open row if that comes before. */
static const SpaceQuery raise_query = {
	"INSERT INTO notification_floor AS f (consumer, due_at)"
	" SELECT $1, r.due_at FROM (SELECT least($3,"
	"     (SELECT n.due_at FROM notification n"
	"      WHERE n.consumer = $1 AND n.outcome IS NULL AND n.due_at >= $2"
	"      ORDER BY n.due_at, n.id LIMIT 1)) AS due_at) r"
	" WHERE r.due_at > $2 ON CONFLICT DO NOTHING",
	3, {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID}, PLAN_BY_KEY
};

static TimestampTz
read_floor(Oid space, const char *consumer)
{
	QueryArgs	args = {&floor_query};
	ResultRow	row;
	TimestampTz floor;

	arg_text(&args, consumer);
	query_run(space, &args);
	row = result_row(0);
	floor = result_timestamptz(&row);
	result_end(&row);
	return floor;
}

static void
move_floor(Oid space, const char *consumer, TimestampTz since)
{
	TimestampTz floor = read_floor(space, consumer);
	TimestampTz now = GetCurrentTimestamp();
	bool		is_ahead = floor > now;
	QueryArgs	args = {is_ahead ? &lower_query : &raise_query};

	if (!is_ahead && floor >= since)
		return;
	arg_text(&args, consumer);
	arg_timestamptz(&args, is_ahead ? now : floor);
	if (!is_ahead)
		arg_timestamptz(&args, since);
	query_run(space, &args);
}

/*
 * cirro.raise_floor(space name, consumer text) returns void
 *
 * Raises the floor of a consumer as far as it can, or removes it where it is ahead
 * of the clock; as the owner, for whoever may update notifications. Does nothing
 * in a transaction that keeps its snapshot, nor in a damaged Space. Safe at any
 * time. Errors: UG001, 42501.
 */
Datum
raise_floor(PG_FUNCTION_ARGS)
{
	const char *name = NameStr(*PG_GETARG_NAME(0));
	SpaceInfo  *info = space_find(name);
	char	   *consumer = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Oid			notification;
	SpaceScope	scope;
	TimestampTz since;
	Datum		result;

	if (info == NULL)
		info = space_get(name); /* says so */
	if (IsolationUsesXactSnapshot() || info->defect != NULL)
		PG_RETURN_VOID();
	if (shard_call(fcinfo, info->space, NULL, &result))
		return result;

	notification = shard_relation(info->space, "notification");
	/* Claims need no more than some of its columns. */
	if (cirro_schema_aclcheck(info->space, GetUserId(), ACL_USAGE) != ACLCHECK_OK ||
		(pg_class_aclcheck(notification, GetUserId(), ACL_UPDATE) != ACLCHECK_OK &&
		 pg_attribute_aclcheck_all(notification, GetUserId(), ACL_UPDATE,
								   ACLMASK_ANY) != ACLCHECK_OK))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for Space \"%s\"", info->name),
				 errdetail("The right to UPDATE its table \"notification\" is needed."),
				 errhint("GRANT UPDATE ON that table.")));

	SPI_connect();
	space_visit(&scope, info->space, info->owner, false);
	/* Held by now: it is the Space's notification that was looked at. */
	if (writers_since(shard_relation(info->space, "notification"),
					  GetCurrentTransactionStartTimestamp(), &since))
		move_floor(info->space, consumer, since);
	space_leave(&scope);
	SPI_finish();
	PG_RETURN_VOID();
}
