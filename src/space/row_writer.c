/*-------------------------------------------------------------------------
 * src/space/row_writer.c
 *
 * Writes rows of a Space's tables through the table access method and the
 * indexes, without parsing, planning and executor. Decides for which tables and
 * moments that is the same as the statement: the same rows, locks, WAL, counters
 * and errors. What it does not know is an objection, and the statement's. Must not
 * know what a row means, nor decide between the ways again once it has begun.
 *
 * A statement is needed where somebody else has a say in the row: triggers and
 * rules that are not the caller's to stand in for, defaults that are no constants,
 * generated columns, domains, functions that are neither core's nor cirro's in a
 * check, an index or a default, exclusion and deferrable constraints, other foreign
 * keys, inheritance, partitions, other access methods; row security; a role without
 * the right; modules that check rights (pgaudit, sepgsql) or may have moved the rows
 * elsewhere (Citus); replicas, where triggers rest; and, for UPDATE, snapshots that
 * outlive the statement.
 *
 * What is found out about a table is kept for the session, with its compiled checks
 * and index expressions, until the table or any function changes. If an error ends
 * the use of it, it is made anew: nothing that was half done is used again, no
 * pinned buffer, no state of a function.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "storage/bufmgr.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "clock.h"
#include "compat.h"
#include "space/row_writer.h"

/* So many rows are written at a time. */
#define BATCH_ROWS	64

/* What one session keeps of the tables of thousands of Spaces. */
#define MAX_WRITERS	256

/* Where the value of a column comes from that is not given. */
typedef enum ColumnDefault
{
	DEFAULT_CONSTANT,			/* NULL included */
	DEFAULT_NOW,				/* cirro.now() */
	DEFAULT_CLOCK				/* clock_timestamp() */
} ColumnDefault;

typedef struct RowIndex
{
	Oid			oid;
	Relation	rel;			/* while in use */
	IndexInfo  *info;
} RowIndex;

typedef struct WriterKey
{
	const RowTable *table;
	Oid			relid;
} WriterKey;

struct RowWriter
{
	WriterKey	key;
	dlist_node	node;			/* in recently_used */
	MemoryContext context;		/* of all below; NULL: nothing is known yet */
	bool		is_valid;		/* nothing has changed since */
	const char *objection;		/* why a statement is needed, or NULL */
	TupleDesc	desc;			/* a copy, which slots may outlive the relation with */
	AttrNumber	attnum[ROW_MAX_COLUMNS];
	ColumnDefault *defaults;	/* by attnum - 1 */
	Datum	   *values;			/* the constants */
	bool	   *nulls;
	Oid			sequence;		/* of the key, where rows are inserted */
	int			nindexes;
	RowIndex   *indexes;
	int			primary;		/* the index that finds a key, or -1 */
	Oid			referenced[ROW_MAX_REFERENCES];	/* the tables of kept references */
	EState	   *estate;
	ResultRelInfo *result;
	MemoryContext scratch;		/* while in use */

	/* In use, by the subtransaction that is still active. */
	bool		in_use;
	LocalTransactionId lxid;
	SubTransactionId subid;
	Relation	rel;
	TableScanDesc scan;
	BlockNumber nblocks;		/* or InvalidBlockNumber */
	bool		has_written;
	int			nrows;
	TupleTableSlot *rows[BATCH_ROWS];	/* made when first needed */
	TupleTableSlot *found;
	bool		is_set;			/* rows[0] has the changes of "found" */
};

static bool direct_writes = true;

static HTAB *writers = NULL;
static dlist_head recently_used = DLIST_STATIC_INIT(recently_used);

void
row_writer_init(void)
{
	DefineCustomBoolVariable("cirro.direct_writes",
							 "Whether cirro writes rows of a Space past the executor.",
							 "It does so where that is the same; off: by statements always.",
							 &direct_writes,
							 true,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);
}

/*
 * ---- What is kept
 */

static void
relation_changed(Datum arg, Oid relid)
{
	dlist_iter	iter;

	dlist_foreach(iter, &recently_used)
	{
		RowWriter  *writer = dlist_container(RowWriter, node, iter.cur);
		bool		concerns = !OidIsValid(relid) || writer->key.relid == relid;

		for (int i = 0; !concerns && i < writer->nindexes; i++)
			concerns = writer->indexes[i].oid == relid;
		/* One that is renamed may leave its name to another. */
		for (int i = 0; i < ROW_MAX_REFERENCES; i++)
			concerns |= writer->referenced[i] == relid;
		if (concerns)
			writer->is_valid = false;
	}
}

static void
function_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	relation_changed(arg, InvalidOid);
}

static void
make_cache(void)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(WriterKey);
	ctl.entrysize = sizeof(RowWriter);
	ctl.hcxt = CacheMemoryContext;
	writers = hash_create("cirro row writers", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, function_changed, (Datum) 0);
}

/* Used by a command that has not ended? An error ends it without a word. */
static bool
is_busy(const RowWriter *writer)
{
	return writer->in_use && writer->lxid == cirro_proc_lxid(MyProc) &&
		SubTransactionIsActive(writer->subid);
}

static void
forget(RowWriter *writer)
{
	MemoryContext context = writer->context;

	writer->context = NULL;
	writer->nindexes = 0;
	memset(writer->referenced, 0, sizeof(writer->referenced));
	writer->is_valid = writer->in_use = false;
	if (context != NULL)
		MemoryContextDelete(context);
}

/* Forgets a writer that was used longest ago. */
static void
shrink_cache(void)
{
	dlist_node *node = dlist_tail_node(&recently_used);

	while (is_busy(dlist_container(RowWriter, node, node)))
	{
		if (!dlist_has_prev(&recently_used, node))
			return;
		node = dlist_prev_node(&recently_used, node);
	}
	forget(dlist_container(RowWriter, node, node));
	dlist_delete(node);
	hash_search(writers, &dlist_container(RowWriter, node, node)->key, HASH_REMOVE, NULL);
}

static RowWriter *
get_writer(const RowTable *table, Oid relid)
{
	WriterKey	key;
	RowWriter  *writer;
	bool		found;

	if (writers == NULL)
		make_cache();
	memset(&key, 0, sizeof(key));
	key.table = table;
	key.relid = relid;
	writer = hash_search(writers, &key, HASH_FIND, NULL);
	if (writer != NULL)
	{
		dlist_move_head(&recently_used, &writer->node);
		return writer;
	}
	if (hash_get_num_entries(writers) >= MAX_WRITERS)
		shrink_cache();
	writer = hash_search(writers, &key, HASH_ENTER, &found);
	memset((char *) writer + sizeof(key), 0, sizeof(RowWriter) - sizeof(key));
	dlist_push_head(&recently_used, &writer->node);
	return writer;
}

/*
 * ---- Objections
 */

/* Of somebody who might do anything in it, and find this table in use. */
static bool
is_foreign_function(Oid function, void *arg)
{
	return function >= FirstNormalObjectId &&
		get_func_namespace(function) != get_namespace_oid("cirro", true);
}

static bool
calls_foreign(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	/* Checks of a domain are not in the expression. */
	if (IsA(node, CoerceToDomain) || check_functions_in_node(node, is_foreign_function, arg))
		return true;
	return expression_tree_walker(node, calls_foreign, arg);
}

/* Is it cirro.now(), and that what the library has? */
static bool
is_cirro_now(const Node *node)
{
	const FuncExpr *call = (const FuncExpr *) node;
	FmgrInfo	function;

	if (!IsA(node, FuncExpr) || call->args != NIL ||
		get_func_namespace(call->funcid) != get_namespace_oid("cirro", true))
		return false;
	fmgr_info(call->funcid, &function);
	return function.fn_addr == cirro_sql_now;
}

/* The value of a column where none is given. */
static const char *
find_default(RowWriter *writer, Relation rel, Form_pg_attribute att)
{
	int			i = att->attnum - 1;
	Node	   *expression = build_column_default(rel, att->attnum);

	writer->defaults[i] = DEFAULT_CONSTANT;
	writer->nulls[i] = true;
	if (expression == NULL)
		return NULL;
	if (is_cirro_now(expression))
	{
		writer->defaults[i] = DEFAULT_NOW;
		writer->nulls[i] = false;
	}
	else if (IsA(expression, FuncExpr) && ((FuncExpr *) expression)->funcid == F_CLOCK_TIMESTAMP)
	{
		writer->defaults[i] = DEFAULT_CLOCK;
		writer->nulls[i] = false;
	}
	else
	{
		const Const *constant;

		if (calls_foreign(expression, NULL))
			return "a default calls a function";
		constant = (const Const *) expression_planner((Expr *) expression);
		if (!IsA(constant, Const))
			return "a default is not constant";
		if (!constant->constisnull)
			writer->values[i] = datumCopy(constant->constvalue, constant->constbyval,
										  constant->constlen);
		writer->nulls[i] = constant->constisnull;
	}
	return NULL;
}

static const char *
find_columns(RowWriter *writer, Relation rel)
{
	const RowTable *table = writer->key.table;
	TupleDesc	desc = writer->desc;

	writer->defaults = palloc0(desc->natts * sizeof(ColumnDefault));
	writer->values = palloc0(desc->natts * sizeof(Datum));
	writer->nulls = palloc(desc->natts * sizeof(bool));
	memset(writer->nulls, true, desc->natts * sizeof(bool));

	for (int col = 0; col < table->ncolumns; col++)
	{
		int			i = 0;

		while (i < desc->natts &&
			   (TupleDescAttr(desc, i)->attisdropped ||
				strcmp(NameStr(TupleDescAttr(desc, i)->attname), table->columns[col].name) != 0))
			i++;
		if (i == desc->natts)
			return "a column is missing";
		if (OidIsValid(table->columns[col].type) &&
			(TupleDescAttr(desc, i)->atttypid != table->columns[col].type ||
			 TupleDescAttr(desc, i)->atttypmod != -1))
			return "a column has another type";
		if (OidIsValid(table->columns[col].type) &&
			TupleDescAttr(desc, i)->attcollation != get_typcollation(table->columns[col].type))
			return "a column has another collation";
		/* One that is virtual is not in the row. */
		if (TupleDescAttr(desc, i)->attgenerated != '\0')
			return "a column is generated";
		writer->attnum[col] = i + 1;
	}
	if (table->operation == CMD_SELECT)
		return NULL;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		const char *objection = NULL;

		if (att->attisdropped)
			continue;
		if (att->attgenerated != '\0')
			return "a column is generated";
		if (get_typtype(att->atttypid) == TYPTYPE_DOMAIN)
			return "a column has a domain";
		if (table->operation == CMD_INSERT && att->attnum != writer->attnum[0])
			objection = find_default(writer, rel, att);
		if (objection != NULL)
			return objection;
	}
	if (table->operation == CMD_INSERT)
	{
		Form_pg_attribute key = TupleDescAttr(desc, writer->attnum[0] - 1);

		if (key->attidentity != ATTRIBUTE_IDENTITY_BY_DEFAULT)
			return "its key is not an identity";
		writer->sequence = cirro_identity_sequence(rel, writer->attnum[0]);
	}
	return NULL;
}

/* Does the foreign key of a trigger refer to a row that the caller has locked? */
static bool
is_kept_reference(RowWriter *writer, Relation rel, const Trigger *trigger)
{
	const RowTable *table = writer->key.table;
	/* The list itself goes away when the catalogs are read. */
	List	   *keys = copyObject(RelationGetFKeyList(rel));
	ListCell   *cell;

	foreach(cell, keys)
	{
		const ForeignKeyCacheInfo *key = lfirst(cell);

		if (key->conoid != trigger->tgconstraint || key->nkeys != 1)
			continue;
		for (int i = 0; i < table->nreferences; i++)
			if (key->conkey[0] == writer->attnum[table->references[i].column] &&
				key->confrelid == get_relname_relid(table->references[i].table,
													RelationGetNamespace(rel)) &&
				key->confkey[0] == get_attnum(key->confrelid, "id") &&
				get_opcode(key->conpfeqop[0]) == F_INT8EQ)
			{
				writer->referenced[i] = key->confrelid;
				return true;
			}
	}
	return false;
}

/* Is one of the columns of an index written? */
static bool
writes_index(const RowWriter *writer, Oid index)
{
	const RowTable *table = writer->key.table;
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	bool		writes = !HeapTupleIsValid(tuple);

	if (writes)
		return true;
	for (int col = 0; col < table->ncolumns; col++)
	{
		const int2vector *keys = &((Form_pg_index) GETSTRUCT(tuple))->indkey;

		for (int i = 0; i < keys->dim1; i++)
			writes |= !table->columns[col].read_only &&
				(keys->values[i] == 0 || keys->values[i] == writer->attnum[col]);
	}
	ReleaseSysCache(tuple);
	return writes;
}

/* Whether a foreign key's trigger has nothing to do. */
static bool
is_idle_reference(RowWriter *writer, Relation rel, const Trigger *trigger)
{
	const RowTable *table = writer->key.table;
	ListCell   *cell;

	if (trigger->tgdeferrable)
		return false;
	if (RI_FKey_trigger_type(trigger->tgfoid) == RI_TRIGGER_PK)
		return !writes_index(writer, trigger->tgconstrindid);
	if (RI_FKey_trigger_type(trigger->tgfoid) != RI_TRIGGER_FK)
		return false;
	if (table->operation == CMD_INSERT)
		return is_kept_reference(writer, rel, trigger);
	foreach(cell, RelationGetFKeyList(rel))
	{
		const ForeignKeyCacheInfo *key = lfirst(cell);

		for (int i = 0; key->conoid == trigger->tgconstraint && i < key->nkeys; i++)
			for (int col = 0; col < table->ncolumns; col++)
				if (!table->columns[col].read_only && key->conkey[i] == writer->attnum[col])
					return false;
	}
	return true;
}

/* Of names that may be NULL. */
static bool
is_same_name(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The place of a trigger among those of the table's, as space.sql has it, or -1. */
static int
known_trigger(const RowTable *table, const Trigger *trigger)
{
	if (trigger->tgenabled != TRIGGER_FIRES_ON_ORIGIN || trigger->tgqual != NULL ||
		trigger->tgnattr != 0 || trigger->tgnargs != 0 ||
		get_func_namespace(trigger->tgfoid) != get_namespace_oid("cirro", true))
		return -1;
	for (int i = 0; i < table->ntriggers; i++)
	{
		const RowTrigger *known = &table->triggers[i];

		if (strcmp(trigger->tgname, known->name) == 0 && trigger->tgtype == known->type &&
			strcmp(get_func_name(trigger->tgfoid), known->function) == 0 &&
			is_same_name(trigger->tgoldtable, known->old_table) &&
			is_same_name(trigger->tgnewtable, known->new_table))
			return i;
	}
	return -1;
}

static const char *
check_triggers(RowWriter *writer, Relation rel)
{
	const RowTable *table = writer->key.table;
	/* That of the relation goes away when the catalogs are read. */
	const TriggerDesc *triggers = writer->result->ri_TrigDesc;
	int			seen = 0;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];
		int			known;

		if (!(table->operation == CMD_INSERT ? TRIGGER_FOR_INSERT(trigger->tgtype) :
			  TRIGGER_FOR_UPDATE(trigger->tgtype)))
			continue;
		if (OidIsValid(trigger->tgconstraint))
		{
			if (!is_idle_reference(writer, rel, trigger))
				return "it has a foreign key or a constraint trigger";
			continue;
		}
		known = known_trigger(table, trigger);
		if (known < 0)
			return "it has a trigger";
		seen |= 1 << known;
	}
	if (seen != (1 << table->ntriggers) - 1)
		return "a trigger of cirro is missing or disabled";
	return NULL;
}

static const char *
check_constraints(const RowWriter *writer)
{
	const TupleConstr *constr = writer->desc->constr;

	for (int i = 0; constr != NULL && i < constr->num_check; i++)
		if (calls_foreign(stringToNode(constr->check[i].ccbin), NULL))
			return "a check calls a function";
	return NULL;
}

/* Finds a row by the key as the planner would: a B-tree of the integers, and usable. */
static bool
is_primary(const RowWriter *writer, Relation index)
{
	Form_pg_index form = index->rd_index;

	return form->indisprimary && form->indisvalid && form->indimmediate &&
		index->rd_rel->relam == BTREE_AM_OID && form->indnkeyatts == 1 &&
		form->indkey.values[0] == writer->attnum[0] &&
		index->rd_opfamily[0] == INTEGER_BTREE_FAM_OID &&
		(!form->indcheckxmin ||
		 TransactionIdPrecedes(HeapTupleHeaderGetXmin(index->rd_indextuple->t_data),
							   TransactionXmin));
}

/* Is it the index that ON CONFLICT of the table's unique columns would take? */
static bool
tells_rows_apart(const RowWriter *writer, Relation index, const IndexInfo *info)
{
	const RowTable *table = writer->key.table;
	Form_pg_index form = index->rd_index;

	if (!form->indisunique || !form->indimmediate || !form->indisvalid ||
		info->ii_Predicate != NIL || form->indnkeyatts != table->nunique)
		return false;
	for (int col = 0; col < table->nunique; col++)
	{
		int			i = 0;

		while (i < form->indnkeyatts &&
			   form->indkey.values[i] != writer->attnum[table->unique[col]])
			i++;
		if (i == form->indnkeyatts)
			return false;
	}
	return true;
}

static const char *
find_indexes(RowWriter *writer, Relation rel)
{
	List	   *oids = RelationGetIndexList(rel);
	ListCell   *cell;
	const char *objection = NULL;
	bool		is_unique = writer->key.table->nunique == 0;

	writer->indexes = palloc0(Max(list_length(oids), 1) * sizeof(RowIndex));
	foreach(cell, oids)
	{
		RowIndex   *index = &writer->indexes[writer->nindexes];
		Relation	opened;

		/* Who only reads needs none of the others, nor what they call. */
		if (writer->key.table->operation == CMD_SELECT && lfirst_oid(cell) != rel->rd_pkindex)
			continue;
		opened = index_open(lfirst_oid(cell), writer->key.table->operation == CMD_SELECT ?
							AccessShareLock : RowExclusiveLock);
		index->oid = lfirst_oid(cell);
		index->info = BuildIndexInfo(opened);
		if (is_primary(writer, opened))
			writer->primary = writer->nindexes;
		is_unique |= tells_rows_apart(writer, opened, index->info);
		writer->nindexes++;
		if (opened->rd_index->indisexclusion)
			objection = "it has an exclusion constraint";
		else if (!opened->rd_index->indimmediate)
			objection = "it has a deferrable constraint";
		else if (calls_foreign((Node *) index->info->ii_Expressions, NULL) ||
				 calls_foreign((Node *) index->info->ii_Predicate, NULL))
			objection = "an index calls a function";
		index_close(opened, NoLock);
	}
	/* By a key of another type no row is looked for. */
	if (objection == NULL && writer->primary < 0 && writer->key.table->operation != CMD_INSERT &&
		writer->key.table->columns[0].type == INT8OID)
		objection = "its primary key is missing or altered";
	if (objection == NULL && !is_unique)
		objection = "a unique constraint is missing";
	return objection;
}

static const char *
find_objection(RowWriter *writer, Relation rel)
{
	const char *objection;

	if (rel->rd_rel->relkind != RELKIND_RELATION || rel->rd_rel->relispartition ||
		rel->rd_rel->relhassubclass || rel->rd_tableam != GetHeapamTableAmRoutine())
		return "it is not a table of its own";
	/* Its tables look like ordinary ones, but the rows are in others, or elsewhere. */
	if (OidIsValid(get_extension_oid("citus", true)))
		return "Citus may have distributed it";
	objection = find_columns(writer, rel);
	if (objection == NULL)
		objection = find_indexes(writer, rel);
	if (objection != NULL || writer->key.table->operation == CMD_SELECT)
		return objection;
	if (rel->rd_rules != NULL)
		return "it has a rule";
	objection = check_triggers(writer, rel);
	return objection != NULL ? objection : check_constraints(writer);
}

/* Until this is taken back an error makes what is kept void. */
static void
take(RowWriter *writer)
{
	writer->in_use = true;
	writer->lxid = cirro_proc_lxid(MyProc);
	writer->subid = GetCurrentSubTransactionId();
}

/* Finds out all about the table, which is open. */
static void
learn(RowWriter *writer, Relation rel)
{
	MemoryContext old;

	forget(writer);
	take(writer);
	writer->context = AllocSetContextCreate(CacheMemoryContext, "cirro row writer",
											ALLOCSET_SMALL_SIZES);
	MemoryContextSetIdentifier(writer->context, writer->key.table->name);
	old = MemoryContextSwitchTo(writer->context);

	/* From here on a change is noticed. */
	writer->is_valid = true;
	writer->primary = -1;
	writer->desc = CreateTupleDescCopyConstr(RelationGetDescr(rel));
	writer->result = makeNode(ResultRelInfo);
	InitResultRelInfo(writer->result, rel, 0, NULL, 0);
	writer->objection = find_objection(writer, rel);
	writer->scratch = AllocSetContextCreate(writer->context, "cirro rows", ALLOCSET_DEFAULT_SIZES);
	writer->estate = CreateExecutorState();
	writer->found = MakeSingleTupleTableSlot(writer->desc, &TTSOpsBufferHeapTuple);
	memset(writer->rows, 0, sizeof(writer->rows));
	MemoryContextSwitchTo(old);
	writer->in_use = false;
}

/*
 * ---- Beginning and end
 */

/* What this moment, whatever the table, asks a statement for. */
static const char *
object_to_moment(const RowTable *table)
{
	if (ExecutorCheckPerms_hook != NULL)
		return "a module checks rights";
	if (XactReadOnly || IsInParallelMode())
		return table->operation == CMD_SELECT && !table->locks ? NULL : "nothing may be written";
	if ((table->operation == CMD_UPDATE || table->locks) && IsolationUsesXactSnapshot())
		return "the snapshot outlives the statement";
	if (table->operation == CMD_SELECT)
		return NULL;
	if (SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA)
		return "triggers rest on a replica";
	return NULL;
}

/* Who may do nothing of the kind must not get a lock by asking. */
static bool
may_lock(const RowTable *table, Oid relid)
{
	AclMode		needed = table->operation == CMD_INSERT ? ACL_INSERT :
		table->operation == CMD_UPDATE || table->locks ? ACL_UPDATE : ACL_SELECT;
	bool		is_missing = false;

	return pg_class_aclcheck_ext(relid, GetUserId(), needed, &is_missing) == ACLCHECK_OK &&
		!is_missing;
}

/* What the current user asks a statement for, to be refused by it, or shown less. */
static const char *
object_to_user(const RowTable *table, Relation rel)
{
	AclMode		needed = table->operation == CMD_INSERT ? ACL_SELECT | ACL_INSERT :
		table->operation == CMD_UPDATE || table->locks ? ACL_SELECT | ACL_UPDATE : ACL_SELECT;

	if (pg_class_aclmask(RelationGetRelid(rel), GetUserId(), needed, ACLMASK_ALL) != needed)
		return "the role has no right to all of it";
	if (rel->rd_rel->relrowsecurity &&
		check_enable_rls(RelationGetRelid(rel), InvalidOid, true) == RLS_ENABLED)
		return "it has row security";
	return NULL;
}

/* The table, locked; or NULL or not, and an objection. */
static Relation
open_table(Oid space, const RowTable *table, LOCKMODE lock, const char **objection)
{
	Oid			relid = get_relname_relid(table->name, space);
	Relation	rel = NULL;

	if (!OidIsValid(relid))
		*objection = "it is not there";
	else if (!may_lock(table, relid))
		*objection = "the role has no right to all of it";
	else if ((rel = try_table_open(relid, lock)) == NULL)
		*objection = "it is not there";
	/* Who held the lock may have given the name to another. */
	else if (get_relname_relid(table->name, space) != relid)
		*objection = "it has another name";
	return rel;
}

void
row_writer_push_snapshot(void)
{
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
}

RowWriter *
row_writer_begin(Oid space, const RowTable *table)
{
	LOCKMODE	lock = table->operation != CMD_SELECT ? RowExclusiveLock :
		table->locks ? RowShareLock : AccessShareLock;
	const char *objection;
	RowWriter  *writer = NULL;
	Relation	rel = NULL;

	if (!direct_writes)
		return NULL;
	objection = object_to_moment(table);
	if (objection == NULL)
		rel = open_table(space, table, lock, &objection);
	if (objection == NULL)
	{
		writer = get_writer(table, RelationGetRelid(rel));
		if (is_busy(writer))
			objection = "it is being written";
		else
		{
			/* In use all the same: then an error has ended it. */
			if (!writer->is_valid || writer->in_use)
				learn(writer, rel);
			objection = writer->objection;
		}
	}
	if (objection == NULL)
		objection = object_to_user(table, rel);
	if (objection != NULL)
	{
		if (rel != NULL)
			table_close(rel, NoLock);
		ereport(DEBUG1,
				(errmsg_internal("table \"%s\" is left to statements: %s",
								 table->name, objection)));
		return NULL;
	}

	take(writer);
	writer->rel = rel;
	writer->result->ri_RelationDesc = rel;
	writer->scan = NULL;
	writer->nblocks = InvalidBlockNumber;
	writer->has_written = writer->is_set = false;
	writer->nrows = 0;
	for (int i = 0; i < writer->nindexes; i++)
	{
		RowIndex   *index = &writer->indexes[i];

		index->rel = table->operation != CMD_SELECT || i == writer->primary ?
			index_open(index->oid, lock) : NULL;
		/* Of what it keeps between rows nothing is to outlast them. */
		index->info->ii_Context = writer->scratch;
		index->info->ii_AmCache = NULL;
	}
	return writer;
}

/*
 * ---- Writing
 */

/* A row to be written. */
static TupleTableSlot *
row_slot(RowWriter *writer, int number)
{
	if (writer->rows[number] == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(writer->context);

		writer->rows[number] = MakeSingleTupleTableSlot(writer->desc, &TTSOpsVirtual);
		MemoryContextSwitchTo(old);
	}
	return ExecClearTuple(writer->rows[number]);
}

/* Raises 23502 or 23514. */
static void
check_row(RowWriter *writer, TupleTableSlot *row)
{
	row->tts_tableOid = RelationGetRelid(writer->rel);
	if (writer->rel->rd_att->constr != NULL)
	{
		ExecConstraints(writer->result, row, writer->estate);
		ResetPerTupleExprContext(writer->estate);
	}
}

/* Has an update left the columns of an index as they were? Then it may tidy up first. */
static bool
is_index_unchanged(const RowWriter *writer, const RowIndex *index, TupleTableSlot *row)
{
	for (int i = 0; i < index->info->ii_NumIndexKeyAttrs; i++)
	{
		AttrNumber	attnum = index->info->ii_IndexAttrNumbers[i];
		Form_pg_attribute att;
		bool		was_null;
		bool		is_null;
		Datum		before;
		Datum		after;

		if (attnum <= 0)
			return false;
		att = TupleDescAttr(writer->desc, attnum - 1);
		before = slot_getattr(writer->found, attnum, &was_null);
		after = slot_getattr(row, attnum, &is_null);
		if (was_null != is_null ||
			(!is_null && !datumIsEqual(before, after, att->attbyval, att->attlen)))
			return false;
	}
	return true;
}

/* "is_update": of the row that was found. Raises 23505. */
static void
insert_into_index(RowWriter *writer, RowIndex *index, TupleTableSlot *row, bool is_update)
{
	IndexInfo  *info = index->info;
	ExprContext *econtext = GetPerTupleExprContext(writer->estate);
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];

	econtext->ecxt_scantuple = row;
	if (info->ii_Predicate != NIL)
	{
		if (info->ii_PredicateState == NULL)
			info->ii_PredicateState = ExecPrepareQual(info->ii_Predicate, writer->estate);
		if (!ExecQual(info->ii_PredicateState, econtext))
		{
			ResetExprContext(econtext);
			return;
		}
	}
	FormIndexDatum(info, row, writer->estate, values, nulls);
	index_insert(index->rel, values, nulls, &row->tts_tid, writer->rel,
				 index->rel->rd_index->indisunique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO,
				 is_update && is_index_unchanged(writer, index, row), info);
	ResetExprContext(econtext);
}

/* Index by index: the pages of one stay at hand. */
static void
insert_into_indexes(RowWriter *writer, int nrows, bool is_update, bool only_summaries)
{
	for (int i = 0; i < writer->nindexes; i++)
	{
		RowIndex   *index = &writer->indexes[i];

		if (!index->info->ii_ReadyForInserts ||
			(only_summaries && !cirro_is_summarizing(index->rel)))
			continue;
		for (int row = 0; row < nrows; row++)
			insert_into_index(writer, index, writer->rows[row], is_update);
		cirro_index_insert_cleanup(index->rel, index->info);
		index->info->ii_AmCache = NULL;
	}
}

static void
flush(RowWriter *writer)
{
	MemoryContext old;

	if (writer->nrows == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	old = MemoryContextSwitchTo(writer->scratch);
	if (writer->nrows == 1)
		table_tuple_insert(writer->rel, writer->rows[0], GetCurrentCommandId(true), 0, NULL);
	else
		table_multi_insert(writer->rel, writer->rows, writer->nrows,
						   GetCurrentCommandId(true), 0, NULL);
	writer->has_written = true;
	insert_into_indexes(writer, writer->nrows, false, false);
	MemoryContextSwitchTo(old);
	MemoryContextReset(writer->scratch);
	/* What they say is not kept for the session. */
	for (int i = 0; i < writer->nrows; i++)
		ExecClearTuple(writer->rows[i]);
	writer->nrows = 0;
}

Relation
row_writer_relation(RowWriter *writer)
{
	return writer->rel;
}

int64
row_writer_next_id(RowWriter *writer)
{
	return nextval_internal(writer->sequence, false);
}

static Datum
default_value(const RowWriter *writer, int i)
{
	switch (writer->defaults[i])
	{
		case DEFAULT_NOW:
			return TimestampTzGetDatum(cirro_now());
		case DEFAULT_CLOCK:
			return TimestampTzGetDatum(GetCurrentTimestamp());
		case DEFAULT_CONSTANT:
			break;
	}
	return writer->values[i];
}

void
row_writer_defaults(RowWriter *writer, Datum *values, bool *nulls)
{
	for (int col = 0; col < writer->key.table->ncolumns; col++)
	{
		values[col] = default_value(writer, writer->attnum[col] - 1);
		nulls[col] = writer->nulls[writer->attnum[col] - 1];
	}
}

void
row_writer_put(RowWriter *writer, const Datum *values, const bool *nulls)
{
	const RowTable *table = writer->key.table;
	TupleTableSlot *row = row_slot(writer, writer->nrows);

	Assert(table->operation == CMD_INSERT);
	for (int i = 0; i < writer->desc->natts; i++)
	{
		row->tts_values[i] = default_value(writer, i);
		row->tts_isnull[i] = writer->nulls[i];
	}
	for (int col = 0; col < table->ncolumns; col++)
	{
		row->tts_values[writer->attnum[col] - 1] = values[col];
		row->tts_isnull[writer->attnum[col] - 1] = nulls[col];
	}
	ExecStoreVirtualTuple(row);
	check_row(writer, row);
	if (++writer->nrows == BATCH_ROWS)
		flush(writer);
}

void
row_writer_end(RowWriter *writer)
{
	flush(writer);
	if (writer->scan != NULL)
		table_endscan(writer->scan);
	ExecClearTuple(writer->found);
	if (writer->rows[0] != NULL)
		ExecClearTuple(writer->rows[0]);
	for (int i = 0; i < writer->nindexes; i++)
		if (writer->indexes[i].rel != NULL)
			index_close(writer->indexes[i].rel, NoLock);
	table_close(writer->rel, NoLock);
	MemoryContextReset(writer->scratch);
	writer->in_use = false;
	if (writer->has_written)
		CommandCounterIncrement();
}

/*
 * ---- Reading and updating
 */

bool
row_writer_find(RowWriter *writer, int64 key)
{
	IndexScanDesc scan;
	ScanKeyData equal;
	bool		found;

	writer->is_set = false;
	ScanKeyInit(&equal, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(key));
	scan = cirro_index_beginscan(writer->rel, writer->indexes[writer->primary].rel,
								 GetActiveSnapshot(), 1);
	index_rescan(scan, &equal, 1, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, writer->found);
	index_endscan(scan);
	return found;
}

bool
row_writer_find_at(RowWriter *writer, ItemPointer place)
{
	writer->is_set = false;
	/* While the table is locked it does not become shorter. */
	if (writer->nblocks == InvalidBlockNumber)
		writer->nblocks = RelationGetNumberOfBlocks(writer->rel);
	return ItemPointerIsValid(place) && ItemPointerGetBlockNumber(place) < writer->nblocks &&
		table_tuple_fetch_row_version(writer->rel, place, GetActiveSnapshot(), writer->found);
}

void
row_writer_scan(RowWriter *writer)
{
	writer->scan = table_beginscan(writer->rel, GetActiveSnapshot(), 0, NULL);
}

bool
row_writer_scan_next(RowWriter *writer)
{
	return table_scan_getnextslot(writer->scan, ForwardScanDirection, writer->found);
}

Datum
row_writer_value(RowWriter *writer, int column, bool *isnull)
{
	return slot_getattr(writer->found, writer->attnum[column], isnull);
}

Oid
row_writer_type(RowWriter *writer, int column)
{
	return TupleDescAttr(writer->desc, writer->attnum[column] - 1)->atttypid;
}

ItemPointer
row_writer_place(RowWriter *writer)
{
	return &writer->found->tts_tid;
}

TransactionId
row_writer_xmin(RowWriter *writer)
{
	bool		isnull;

	return DatumGetTransactionId(slot_getsysattr(writer->found, MinTransactionIdAttributeNumber,
												 &isnull));
}

pg_noreturn static void
refuse_modified(RowWriter *writer)
{
	ereport(ERROR,
			(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			 errmsg("a row of table \"%s\" was changed while it was being written",
					RelationGetRelationName(writer->rel)),
			 errdetail("A check or an index of the table calls what changes it."),
			 errtable(writer->rel)));
}

/* Locks the latest version of the row that was found, which has the same key. */
static RowResult
lock_found(RowWriter *writer, LockTupleMode mode, LockWaitPolicy wait, uint8 flags)
{
	ItemPointerData place = writer->found->tts_tid;
	TM_FailureData failure;
	bool		isnull;
	int64		key = DatumGetInt64(row_writer_value(writer, 0, &isnull));
	bool		was_updated;

	ExecClearTuple(writer->found);
	switch (table_tuple_lock(writer->rel, &place, GetActiveSnapshot(), writer->found,
							 GetCurrentCommandId(false), mode, wait,
							 flags | TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure))
	{
		case TM_Ok:
			was_updated = failure.traversed;
			if (DatumGetInt64(row_writer_value(writer, 0, &isnull)) != key || isnull)
				return ROW_GONE;
			return was_updated ? ROW_CHANGED : ROW_DONE;
		case TM_WouldBlock:
			return ROW_LOCKED;
		case TM_Deleted:
			return ROW_GONE;
		default:
			refuse_modified(writer);
	}
}

RowResult
row_writer_lock(RowWriter *writer, bool key_share, bool skip_locked)
{
	return lock_found(writer, key_share ? LockTupleKeyShare : LockTupleNoKeyExclusive,
					  skip_locked ? LockWaitSkip : LockWaitBlock,
					  TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS);
}

void
row_writer_set(RowWriter *writer, int column, Datum value, bool isnull)
{
	TupleTableSlot *row = writer->rows[0];

	if (!writer->is_set)
	{
		row = row_slot(writer, 0);
		slot_getallattrs(writer->found);
		memcpy(row->tts_values, writer->found->tts_values, writer->desc->natts * sizeof(Datum));
		memcpy(row->tts_isnull, writer->found->tts_isnull, writer->desc->natts * sizeof(bool));
		for (int i = 0; i < writer->desc->natts; i++)
			row->tts_isnull[i] |= TupleDescAttr(writer->desc, i)->attisdropped;
		ExecStoreVirtualTuple(row);
		writer->is_set = true;
	}
	row->tts_values[writer->attnum[column] - 1] = value;
	row->tts_isnull[writer->attnum[column] - 1] = isnull;
}

/* Does the row that was found have an updater, who may have to be waited for? */
static bool
is_being_replaced(RowWriter *writer)
{
	uint16		infomask = ExecFetchSlotHeapTuple(writer->found, false, NULL)->t_data->t_infomask;

	return (infomask & HEAP_XMAX_INVALID) == 0 && !HEAP_XMAX_IS_LOCKED_ONLY(infomask);
}

RowResult
row_writer_update(RowWriter *writer)
{
	TupleTableSlot *row = writer->rows[0];
	/* Before the checks: what they write to the row is not to be written over. */
	CommandId	command = GetCurrentCommandId(true);
	MemoryContext old;
	TM_FailureData failure;
	LockTupleMode mode;
	CirroUpdateIndexes indexes;
	TM_Result	result;

	Assert(writer->is_set);
	writer->is_set = false;
	CheckCmdReplicaIdentity(writer->rel, CMD_UPDATE);
	/* What is made of a row that is no more must not fail a check. */
	if (is_being_replaced(writer))
	{
		RowResult	locked;

		ExecMaterializeSlot(row);
		locked = lock_found(writer, LockTupleNoKeyExclusive, LockWaitBlock, 0);
		if (locked != ROW_DONE)
			return locked;
	}
	check_row(writer, row);
	old = MemoryContextSwitchTo(writer->scratch);
	result = table_tuple_update(writer->rel, &writer->found->tts_tid, row, command,
								GetActiveSnapshot(), InvalidSnapshot, true, &failure, &mode,
								&indexes);
	if (result == TM_Ok)
	{
		writer->has_written = true;
		if (cirro_updates_indexes(indexes))
			insert_into_indexes(writer, 1, true, cirro_updates_summaries(indexes));
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(writer->scratch);
	switch (result)
	{
		case TM_Ok:
			return ROW_DONE;
		case TM_Updated:
			/* Of whatever was locked the latest version is there. */
			return lock_found(writer, mode, LockWaitBlock, 0) == ROW_GONE ? ROW_GONE : ROW_CHANGED;
		case TM_Deleted:
			return ROW_GONE;
		default:
			refuse_modified(writer);
	}
}

TupleTableSlot *
row_writer_found(RowWriter *writer)
{
	return writer->found;
}

TupleTableSlot *
row_writer_written(RowWriter *writer)
{
	return writer->rows[0];
}
