/*-------------------------------------------------------------------------
 * src/space/list.c
 *
 * Finds Spaces: decides from the catalogues alone whether a schema is one,
 * whose it is, and whether its tables are what the engine expects. Must not
 * open a relation of a Space: what is in there may run code of its owner.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "cirro.h"
#include "compat.h"
#include "space/list.h"

typedef struct Column
{
	const char *name;
	Oid			type;			/* InvalidOid: any */
} Column;

typedef struct Table
{
	const char *name;
	Column		columns[28];	/* up to the first without a name */
} Table;

/* The columns that the engine reads or writes; others are the Space's own. */
static const Table tables[] = {
	{"setting", {
		{"only_row", BOOLOID}, {"paused", BOOLOID}, {"max_pending", INT4OID},
		{"eligible", TEXTOID}, {"max_attempts", INT4OID}, {"keep_events", INTERVALOID},
		{"keep_notifications", INTERVALOID}, {"keep_waves", INTERVALOID},
		{"keep_attempts", INTERVALOID}, {"keep_gigs", INTERVALOID},
		{"cleaned_at", TIMESTAMPTZOID},
		{"uid", UUIDOID}, {"ddl_version", INT4OID}}},
	{"worker", {
		{"id", INT8OID}, {"ref", InvalidOid}, {"profile", JSONBOID},
		{"active", BOOLOID}, {"lot", INT4OID}, {"changed_in", INT8OID}}},
	{"gig", {
		{"id", INT8OID}, {"ref", InvalidOid}, {"title", TEXTOID},
		{"description", TEXTOID}, {"url", TEXTOID},
		{"start_at", TIMESTAMPTZOID}, {"end_at", TIMESTAMPTZOID},
		{"archive_at", TIMESTAMPTZOID}, {"archived_at", TIMESTAMPTZOID},
		{"cancelled_at", TIMESTAMPTZOID}, {"seats_granted", INT4OID},
		{"invitation_mode", TEXTOID}, {"invitation_multiplier", NUMERICOID},
		{"invitation_frequency", INTERVALOID}, {"pending_max", INT4OID},
		{"answer_within", INTERVALOID}, {"filter_query", JSONBOID},
		{"sort_query", JSONBOID}, {"notification_payload", JSONBOID},
		{"created_at", TIMESTAMPTZOID}}},
	{"gig_filter", {
		{"gig_id", INT8OID}, {"filter", InvalidOid}, {"sort", InvalidOid}}},
	{"gig_key", {
		{"key", BYTEAOID}, {"gig_id", INT8OID}, {"filter", InvalidOid}}},
	{"gig_state", {
		{"gig_id", INT8OID}, {"accepted", INT4OID}, {"target", INT4OID},
		{"capacity", INT4OID}, {"expires_rest", BOOLOID}, {"auto", BOOLOID},
		{"frequency", INTERVALOID}, {"answer_within", INTERVALOID},
		{"starts_at", TIMESTAMPTZOID}, {"closes_at", TIMESTAMPTZOID},
		{"archives_at", TIMESTAMPTZOID}, {"last_due_at", TIMESTAMPTZOID},
		{"next_wave_at", TIMESTAMPTZOID}, {"next_event_at", TIMESTAMPTZOID},
		{"last_wave_at", TIMESTAMPTZOID}, {"waves", INT4OID},
		{"failures", INT4OID}, {"announced", INT2OID}, {"exhausted", BOOLOID},
		{"searched", INT8OID}, {"searched_on", INT8OID}, {"released", INT8OID},
		{"slept_in", INT8OID}, {"awaits_room", BOOLOID}, {"waiting", INT4OID}}},
	{"look", {
		{"only_row", BOOLOID}, {"place", INT8OID}, {"seen", TEXTOID},
		{"unwoken", INT8ARRAYOID}}},
	{"invitation", {
		{"id", INT8OID}, {"gig_id", INT8OID}, {"worker_id", INT8OID},
		{"status", TEXTOID}, {"reason", TEXTOID}, {"origin", TEXTOID},
		{"wave_id", INT8OID}, {"send_at", TIMESTAMPTZOID},
		{"invited_at", TIMESTAMPTZOID}, {"responded_at", TIMESTAMPTZOID},
		{"waiting_since", TIMESTAMPTZOID},
		{"times_invited", INT4OID}, {"revision", INT4OID},
		{"silent", BOOLOID}, {"silenced", BOOLOID},
		{"created_at", TIMESTAMPTZOID}}},
	{"wave", {
		{"id", INT8OID}, {"gig_id", INT8OID}, {"number", INT4OID},
		{"run_at", TIMESTAMPTZOID}, {"target", INT4OID},
		{"accepted", INT4OID}, {"wanted", INT4OID}, {"invited", INT4OID},
		{"matched", INT4OID}, {"held_back", INT4OID}, {"outcome", TEXTOID},
		{"repeats", INT4OID}, {"error", TEXTOID}, {"took", INTERVALOID}}},
	{"attempt", {
		{"id", INT8OID}, {"worker_id", INT8OID}, {"gig_ids", INT8ARRAYOID},
		{"max_amount", INT4OID}, {"outcomes", JSONBOID},
		{"created_at", TIMESTAMPTZOID}}},
	{"event", {
		{"id", INT8OID}, {"at", TIMESTAMPTZOID}, {"kind", TEXTOID},
		{"gig_id", INT8OID}, {"worker_id", INT8OID},
		{"invitation_id", INT8OID}, {"revision", INT4OID},
		{"status", TEXTOID}, {"previous", TEXTOID}, {"payload", JSONBOID}}},
	{"consumer", {
		{"name", TEXTOID}, {"kinds", TEXTARRAYOID}}},
	{"notification", {
		{"id", INT8OID}, {"consumer", TEXTOID}, {"event_id", INT8OID},
		{"due_at", TIMESTAMPTZOID}, {"claim", INT8OID},
		{"attempts", INT4OID}, {"put_off", BOOLOID}, {"outcome", TEXTOID},
		{"delivered_at", TIMESTAMPTZOID}, {"error", TEXTOID}}},
	{"notification_floor", {
		{"consumer", TEXTOID}, {"due_at", TIMESTAMPTZOID}}}
};

/*
 * The functions whose triggers keep invitations and gigs; without them no wave,
 * which would invite by what gig_state and gig_filter once were.
 */
typedef struct Guard
{
	const char *function;
	const char *table;
} Guard;

static const Guard guards[] = {
	{"invitation_check", "invitation"}, {"invitation_inserted", "invitation"},
	{"invitation_updated", "invitation"}, {"invitation_deleted", "invitation"},
	{"gig_check", "gig"}, {"gig_inserted", "gig"}, {"gig_updated", "gig"},
	{"gig_deleted", "gig"}
};

/* What there is of guards. */
typedef struct Guarded
{
	bool		any;
	bool		enabled[lengthof(guards)];
	char	   *disabled[lengthof(guards)]; /* the trigger's name */
} Guarded;

/*
 * Adds what there is on a table, of that name; with "only_any" no more than
 * whether there is any.
 */
static void
find_guards(Oid relation, const char *table, bool only_any, Guarded *guarded)
{
	Oid			code = get_namespace_oid("cirro", true);
	Relation	catalog = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relation));
	scan = systable_beginscan(catalog, TriggerRelidNameIndexId, true,
							  NULL, 1, &key);
	while (!(guarded->any && only_any) && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);
		char	   *name;

		if (trigger->tgisinternal ||
			!OidIsValid(code) || get_func_namespace(trigger->tgfoid) != code)
			continue;
		name = get_func_name(trigger->tgfoid);
		for (int i = 0; i < lengthof(guards); i++)
		{
			if (name == NULL || strcmp(name, guards[i].function) != 0 ||
				strcmp(table, guards[i].table) != 0)
				continue;
			guarded->any = true;
			if (trigger->tgenabled == TRIGGER_FIRES_ON_ORIGIN ||
				trigger->tgenabled == TRIGGER_FIRES_ALWAYS)
				guarded->enabled[i] = true;
			else
				guarded->disabled[i] = pstrdup(NameStr(trigger->tgname));
		}
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

/* What is wrong with the columns of a table; NULL if nothing is. */
static char *
find_column_defect(Relation attributes, Oid relation, const Table *table)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		seen[lengthof(table->columns)] = {false};
	char	   *defect = NULL;

	ScanKeyInit(&key, Anum_pg_attribute_attrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relation));
	scan = systable_beginscan(attributes, AttributeRelidNumIndexId, true,
							  NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_attribute attribute = (Form_pg_attribute) GETSTRUCT(tuple);

		for (int i = 0; table->columns[i].name != NULL; i++)
		{
			const Column *column = &table->columns[i];

			if (strcmp(NameStr(attribute->attname), column->name) != 0)
				continue;
			seen[i] = true;
			if (OidIsValid(column->type) &&
				column->type != attribute->atttypid && defect == NULL)
				defect = psprintf("Column \"%s\" of its table \"%s\" has type %s.",
								  column->name, table->name,
								  format_type_be(attribute->atttypid));
		}
	}
	systable_endscan(scan);

	for (int i = 0; table->columns[i].name != NULL && defect == NULL; i++)
		if (!seen[i])
			defect = psprintf("Its table \"%s\" has no column \"%s\".",
							  table->name, table->columns[i].name);
	return defect;
}

/* What is missing of the triggers on a table; NULL if nothing is. */
static char *
guard_defect(const char *table, const Guarded *guarded)
{
	for (int i = 0; i < lengthof(guards); i++)
	{
		if (guarded->enabled[i] || strcmp(table, guards[i].table) != 0)
			continue;
		if (guarded->disabled[i] != NULL)
			return psprintf("Trigger \"%s\" of its table \"%s\" is disabled.",
							guarded->disabled[i], table);
		return psprintf("Its table \"%s\" has no trigger for cirro.%s().",
						table, guards[i].function);
	}
	return NULL;
}

/*
 * What is wrong with a relation that is no ordinary table. A key of a partitioned table
 * holds the columns that it is partitioned by.
 */
static char *
kind_defect(const char *table, char kind)
{
	const char *second_key = NULL;

	if (kind != RELKIND_PARTITIONED_TABLE)
		return psprintf("Its \"%s\" is not an ordinary table.", table);
	if (strcmp(table, "invitation") == 0)
		second_key = "gig_id, worker_id";
	else if (strcmp(table, "worker") == 0 || strcmp(table, "gig") == 0)
		second_key = "ref";
	if (second_key == NULL)
		return psprintf("Its table \"%s\" is partitioned, which no table of a Space can be.", table);
	return psprintf("Its table \"%s\" is partitioned; its keys (id) and (%s) have no column in common that it could be partitioned by.",
					table, second_key);
}

/* What is wrong with the tables of a Space; NULL if nothing is. */
static char *
find_table_defect(Oid space, Oid owner)
{
	Relation	attributes = table_open(AttributeRelationId, AccessShareLock);
	char	   *defect = NULL;

	for (int i = 0; i < lengthof(tables) && defect == NULL; i++)
	{
		HeapTuple	tuple = SearchSysCache2(RELNAMENSP,
											CStringGetDatum(tables[i].name),
											ObjectIdGetDatum(space));
		Form_pg_class class;

		if (!HeapTupleIsValid(tuple))
		{
			defect = psprintf("It has no table \"%s\".", tables[i].name);
			break;
		}
		class = (Form_pg_class) GETSTRUCT(tuple);
		if (class->relkind != RELKIND_RELATION ||
			class->relpersistence != RELPERSISTENCE_PERMANENT)
			defect = kind_defect(tables[i].name, class->relkind);
		else if (class->relowner != owner)
			defect = psprintf("Its tables \"invitation\" and \"%s\" have different owners.",
							  tables[i].name);
		else
			defect = find_column_defect(attributes, class->oid, &tables[i]);
		ReleaseSysCache(tuple);
	}
	table_close(attributes, AccessShareLock);
	return defect;
}

/* What is wrong with the triggers of a Space; NULL if nothing is. */
static char *
find_trigger_defect(Oid space, Oid invitation)
{
	Guarded		guarded = {0};
	char	   *defect;

	find_guards(invitation, "invitation", false, &guarded);
	defect = guard_defect("invitation", &guarded);
	if (defect != NULL)
		return defect;
	find_guards(get_relname_relid("gig", space), "gig", false, &guarded);
	return guard_defect("gig", &guarded);
}

/* The Space in that schema, or NULL if there is none; no defect is looked for. */
static SpaceInfo *
describe(Oid space, const char *name)
{
	HeapTuple	tuple = SearchSysCache2(RELNAMENSP,
										CStringGetDatum("invitation"),
										ObjectIdGetDatum(space));
	SpaceInfo  *info;
	Oid			relation;
	Oid			owner;
	Guarded		guarded = {0};

	if (!HeapTupleIsValid(tuple))
		return NULL;
	relation = ((Form_pg_class) GETSTRUCT(tuple))->oid;
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);

	find_guards(relation, "invitation", true, &guarded);
	if (!guarded.any)
		return NULL;

	info = palloc0(sizeof(SpaceInfo));
	info->space = space;
	info->name = pstrdup(name);
	info->owner = owner;
	info->invitation = relation;
	return info;
}

void
space_examine(SpaceInfo *info)
{
	info->defect = find_table_defect(info->space, info->owner);
	info->has_tables = info->defect == NULL;
	if (info->has_tables)
		info->defect = find_trigger_defect(info->space, info->invitation);
}

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(((SpaceInfo *) lfirst(a))->name,
				  ((SpaceInfo *) lfirst(b))->name);
}

List *
space_list_unexamined(void)
{
	Relation	catalog = table_open(NamespaceRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false,
										  NULL, 0, NULL);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_namespace schema = (Form_pg_namespace) GETSTRUCT(tuple);
		SpaceInfo  *info = describe(schema->oid, NameStr(schema->nspname));

		if (info != NULL)
			result = lappend(result, info);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);

	list_sort(result, compare_names);
	return result;
}

List *
space_list(void)
{
	List	   *result = space_list_unexamined();
	ListCell   *lc;

	foreach(lc, result)
		space_examine(lfirst(lc));
	return result;
}

SpaceInfo *
space_find(const char *name)
{
	Oid			space = get_namespace_oid(name, true);
	SpaceInfo  *info = OidIsValid(space) ? describe(space, name) : NULL;

	if (info != NULL)
		space_examine(info);
	return info;
}

pg_noreturn static void
refuse_damaged(const char *name, const char *defect, bool has_tables)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("Space \"%s\" is damaged", name),
			 errdetail_internal("%s", defect),
			 has_tables ?
			 errhint("Enable its triggers; CALL cirro.upgrade_spaces() makes those that are missing. Then call rebuild_state() in it.")
			 : errhint("Bring its tables back to what cirro.create_space() makes.")));
}

static SpaceInfo *
get_space(const char *name, bool needs_triggers)
{
	SpaceInfo  *info = space_find(name);

	if (info == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CIRRO_UNKNOWN_SPACE),
				 errmsg("Space \"%s\" does not exist", name),
				 errdetail("No schema of that name has the tables and triggers of a Space."),
				 errhint("cirro.spaces() lists the Spaces of this database.")));
	if (!info->has_tables || (needs_triggers && info->defect != NULL))
		refuse_damaged(name, info->defect, info->has_tables);
	return info;
}

SpaceInfo *
space_get(const char *name)
{
	return get_space(name, true);
}

SpaceInfo *
space_get_tables(const char *name)
{
	return get_space(name, false);
}

bool
space_may_run(const SpaceInfo *info)
{
	return cirro_may_become(GetUserId(), info->owner);
}

void
space_check_run(const SpaceInfo *info)
{
	if (!space_may_run(info))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for Space \"%s\"", info->name),
				 errdetail("Only its owner \"%s\" and roles that may become it run it.",
						   GetUserNameFromId(info->owner, false)),
				 errhint("SET ROLE, or be granted membership in that role.")));
}

bool
space_check_run_any(const List *spaces, int elevel)
{
	ListCell   *lc;

	if (superuser())
		return true;
	foreach(lc, spaces)
	{
		if (space_may_run(lfirst(lc)))
			return true;
	}
	ereport(elevel,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("role \"%s\" may run no Space of this database",
					GetUserNameFromId(GetUserId(), false)),
			 spaces == NIL ?
			 errdetail("There is none yet.") :
			 errdetail("Only a Space's owner and roles that may become it run it."),
			 spaces == NIL ?
			 errhint("Make one by cirro.create_space().") :
			 errhint("SET ROLE to the owner of a Space, or be granted membership in that role; cirro.spaces() tells who it is.")));
	return false;
}

static void
check_usage(Oid space, const char *name)
{
	if (cirro_schema_aclcheck(space, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for Space \"%s\"", name),
				 errdetail("The right to use its schema is needed."),
				 errhint("GRANT USAGE ON that schema.")));
}

/* What is wrong with a table for whoever asks it with rights of his own; NULL: nothing. */
static char *
find_danger(Oid space, const Table *table)
{
	Oid			relation = get_relname_relid(table->name, space);

	if (!OidIsValid(relation))
		return psprintf("It has no table \"%s\".", table->name);
	if (get_rel_relkind(relation) != RELKIND_RELATION)
		return kind_defect(table->name, get_rel_relkind(relation));
	for (int i = 0; table->columns[i].name != NULL; i++)
	{
		const Column *column = &table->columns[i];
		AttrNumber	attnum = get_attnum(relation, column->name);
		Oid			type = attnum == InvalidAttrNumber ? InvalidOid : get_atttype(relation, attnum);
		HeapTuple	tuple;
		bool		is_right = type == column->type;

		if (!OidIsValid(type))
			return psprintf("Its table \"%s\" has no column \"%s\".", table->name, column->name);
		if (!OidIsValid(column->type))
		{
			tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
			is_right = HeapTupleIsValid(tuple) && ((Form_pg_type) GETSTRUCT(tuple))->typnamespace ==
				get_namespace_oid("cirro", true);
			if (HeapTupleIsValid(tuple))
				ReleaseSysCache(tuple);
		}
		if (!is_right)
			return psprintf("Column \"%s\" of its table \"%s\" has type %s.",
							column->name, table->name, format_type_be(type));
	}
	return NULL;
}

Oid
space_get_to_ask(const char *name, const char *const *names, int ntables)
{
	Oid			space = get_namespace_oid(name, true);
	char	   *danger = NULL;

	if (!OidIsValid(space))
		space = space_get(name)->space;
	check_usage(space, name);
	for (int i = 0; i < lengthof(tables); i++)
		for (int j = 0; j < ntables && danger == NULL; j++)
			if (strcmp(tables[i].name, names[j]) == 0)
				danger = find_danger(space, &tables[i]);
	if (danger != NULL)
	{
		/* It may be no Space at all. */
		(void) space_get(name);
		refuse_damaged(name, danger, false);
	}
	return space;
}

void
space_check_invite(const SpaceInfo *info)
{
	check_usage(info->space, info->name);
	if (pg_class_aclcheck(info->invitation, GetUserId(), ACL_INSERT) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for Space \"%s\"", info->name),
				 errdetail("The right to INSERT into its table \"invitation\" is needed."),
				 errhint("GRANT INSERT ON that table.")));
}
