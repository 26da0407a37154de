/*-------------------------------------------------------------------------
 * src/space/ddl.c
 *
 * The DDL of a Space as C sees it: its text, how it is run, and the names of
 * what it makes. What a Space consists of is decided by install/space.sql,
 * with which the lists here must agree.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parse_type.h"
#include "parser/parser.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/evtcache.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "space/ddl.h"
#include "space/shard.h"

const char *const space_tables[SPACE_TABLES] = {
	"notification_floor", "notification", "consumer", "event", "attempt", "wave",
	"invitation", "gig_state", "look", "gig_key", "gig_filter", "gig", "worker", "setting"
};
const char *const space_views[SPACE_VIEWS] = {
	"worker_invitation", "worker_gig", "gig_status"
};

const SpaceFunction space_functions[SPACE_FUNCTIONS] = {
	{"accept", "(bigint)"},
	{"reject", "(bigint, text)"},
	{"leave", "(bigint, text)"},
	{"expire", "(bigint, text)"},
	{"reset", "(bigint, boolean)"},
	{"try_accept", "(bigint, boolean)"},
	{"invite", "(bigint, bigint[], timestamp with time zone, boolean)"},
	{"attempt_invitations", "(bigint, bigint[], integer)"},
	{"archive", "(bigint, timestamp with time zone)"},
	{"cancel", "(bigint)"},
	{"run_wave", "(bigint)"},
	{"worker_id", "(" SPACE_REF_TYPE ")"},
	{"gig_id", "(" SPACE_REF_TYPE ")"},
	{"preview", "(cirro.filter_text, cirro.sort_query, integer)"},
	{"explain_invitation", "(bigint, bigint)"},
	{"claim_notifications", "(integer, interval, text)"},
	{"confirm_notifications", "(bigint, bigint[], text)"},
	{"fail_notifications", "(bigint, bigint[], text, timestamp with time zone)"},
	{"erase_worker", "(bigint)"},
	{"check_consistency", "()"},
	{"rebuild_state", "()"},
};

/*
 * To look at the body of a function PL/pgSQL compiles it, and keeps what that makes
 * for the session: 1 MB for the functions of a Space. They are tested.
 */
static void
take_bodies_as_they_are(void)
{
	(void) set_config_option("check_function_bodies", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

const char *
space_arguments(const SpaceFunction *function, const char *ref_type)
{
	return strcmp(function->arguments, "(" SPACE_REF_TYPE ")") == 0 ?
		psprintf("(%s)", ref_type) : function->arguments;
}

/* The function of that signature; InvalidOid if there is none. */
static Oid
find_function(const ObjectWithArgs *signature)
{
	char	   *name;
	Oid			schema = QualifiedNameGetCreationNamespace(signature->objname, &name);
	Oid			types[FUNC_MAX_ARGS];
	int			ntypes = 0;
	ListCell   *cell;

	Assert(list_length(signature->objargs) <= FUNC_MAX_ARGS);
	foreach(cell, signature->objargs)
		types[ntypes++] = typenameTypeId(NULL, lfirst_node(TypeName, cell));
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
						   PointerGetDatum(buildoidvector(types, ntypes)),
						   ObjectIdGetDatum(schema));
}

/* Does anybody want to hear of DDL? The command alone tells him. */
static bool
has_event_triggers(void)
{
	return EventCacheLookup(EVT_DDLCommandStart) != NIL ||
		EventCacheLookup(EVT_DDLCommandEnd) != NIL || EventCacheLookup(EVT_SQLDrop) != NIL;
}

/*
 * Does what core would, if it is to comment on or to drop a function of the current
 * user. Core looks for it among all functions of that name, and each Space has one;
 * what is not there, no function, or somebody else's, is core's to tell of.
 */
static bool
run_by_signature(const Node *statement)
{
	const ObjectWithArgs *signature;
	ObjectAddress function = {.classId = ProcedureRelationId};

	if (IsA(statement, CommentStmt) &&
		castNode(CommentStmt, statement)->objtype == OBJECT_FUNCTION)
		signature = castNode(ObjectWithArgs, castNode(CommentStmt, statement)->object);
	else if (IsA(statement, DropStmt) &&
			 castNode(DropStmt, statement)->removeType == OBJECT_FUNCTION)
		signature = linitial_node(ObjectWithArgs, castNode(DropStmt, statement)->objects);
	else
		return false;
	if (signature->args_unspecified || has_event_triggers())
		return false;

	function.objectId = find_function(signature);
	if (!OidIsValid(function.objectId) ||
		get_func_prokind(function.objectId) != PROKIND_FUNCTION ||
		!cirro_function_ownercheck(function.objectId, GetUserId()))
		return false;
	/* Citus has to see what is to be done on other nodes as well. */
	if (OidIsValid(shard_place(get_func_namespace(function.objectId))))
		return false;
	LockDatabaseObject(ProcedureRelationId, function.objectId, 0,
					   IsA(statement, DropStmt) ? AccessExclusiveLock : ShareUpdateExclusiveLock);
	/* Who held the lock may have dropped it. */
	if (find_function(signature) != function.objectId)
		return false;
	PushActiveSnapshot(GetTransactionSnapshot());
	if (IsA(statement, CommentStmt))
		CreateComments(function.objectId, function.classId, 0,
					   castNode(CommentStmt, statement)->comment);
	else
		performDeletion(&function, DROP_RESTRICT, 0);
	PopActiveSnapshot();
	CommandCounterIncrement();
	return true;
}

static void
run_statement(const char *text, const RawStmt *statement)
{
	const char *start = text + statement->stmt_location;
	char	   *command;
	int			level;
	int			result;

	if (run_by_signature(statement->stmt))
		return;
	command = statement->stmt_len > 0 ? pnstrdup(start, statement->stmt_len) : pstrdup(start);
	level = NewGUCNestLevel();
	if (IsA(statement->stmt, CreateFunctionStmt))
		take_bodies_as_they_are();
	result = SPI_execute(command, false, 0);
	AtEOXact_GUC(true, level);
	if (result < 0)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
	pfree(command);
}

void
space_run(const char *text)
{
	ListCell   *cell;

	foreach(cell, raw_parser(text, RAW_PARSE_DEFAULT))
		run_statement(text, lfirst_node(RawStmt, cell));
}

void
space_run_again(const char *tables, const char *code, Oid space)
{
	List	   *made = NIL;
	ListCell   *cell;

	foreach(cell, raw_parser(tables, RAW_PARSE_DEFAULT))
	{
		RawStmt    *statement = lfirst_node(RawStmt, cell);
		CreateTrigStmt *trigger;

		if (!IsA(statement->stmt, CreateTrigStmt))
			continue;
		trigger = castNode(CreateTrigStmt, statement->stmt);
		if (!OidIsValid(get_trigger_oid(get_relname_relid(trigger->relation->relname, space),
										trigger->trigname, true)))
			run_statement(tables, statement);
	}

	foreach(cell, raw_parser(code, RAW_PARSE_DEFAULT))
	{
		RawStmt    *statement = lfirst_node(RawStmt, cell);

		if (IsA(statement->stmt, ViewStmt))
		{
			char	   *name = castNode(ViewStmt, statement->stmt)->view->relname;

			if (!OidIsValid(get_relname_relid(name, space)))
				made = lappend(made, makeString(name));
		}
		else if (IsA(statement->stmt, GrantStmt))
		{
			GrantStmt  *grant = castNode(GrantStmt, statement->stmt);
			RangeVar   *view = linitial_node(RangeVar, grant->objects);

			if (!list_member(made, makeString(view->relname)))
				continue;
		}
		run_statement(code, statement);
	}
}

char *
space_ddl(const char *part, const char *ref_type)
{
	static const char placeholder[] = SPACE_REF_TYPE;
	char	   *query = psprintf("SELECT cirro.%s()", part);
	const char *text;
	StringInfoData ddl;

	if (SPI_execute(query, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read the DDL of a Space");
	text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);

	initStringInfo(&ddl);
	for (;;)
	{
		const char *found = strstr(text, placeholder);

		if (found == NULL)
			break;
		appendBinaryStringInfo(&ddl, text, found - text);
		appendStringInfoString(&ddl, ref_type);
		text = found + strlen(placeholder);
	}
	appendStringInfoString(&ddl, text);
	return ddl.data;
}

const char *
space_ref_type(const SpaceInfo *info)
{
	Oid			relid = get_relname_relid("worker", info->space);
	Oid			type = get_atttype(relid, get_attnum(relid, "ref"));

	if (type != TEXTOID && type != UUIDOID && type != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("Space \"%s\" has no usable column worker.ref", info->name),
				 errdetail("It must be of type text, uuid or bigint."),
				 errhint("Restore the column as create_space made it.")));
	return format_type_be(type);
}
