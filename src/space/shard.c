/*-------------------------------------------------------------------------
 * src/space/shard.c
 *
 * All that is for Citus alone: a Space whose schema it has distributed (not one whose
 * tables are distributed by their rows, which cannot work). Its
 * tables are then shells without rows, on every node; the rows are in shards on one
 * of them, ordinary tables named after the shell with a number behind, with triggers,
 * indexes and keys of their own, but without an identity.
 *
 * On the node with the shards they are named in the place of the tables, so that
 * queries are the same as anywhere: Citus plans none of them, and transition tables
 * and generic plans stay what they are. Elsewhere the names are the shells', and what
 * the functions of a Space call in C is called where the rows are. Decides from the
 * catalogues of Citus alone where that is; must not link with it, nor cost anything
 * where it is not loaded.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_func.h"
#include "parser/parser.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "compat.h"
#include "space/shard.h"

/* ---------------------------------------------------------- the catalogues -- */

/*
 * Only a library that is preloaded can be Citus; so nothing changes that later. Where
 * it is, a database may still have no extension of it.
 */
static bool
citus_is_loaded(void)
{
	static int	loaded = -1;

	if (loaded < 0)
		loaded = GetConfigOption("citus.version", true, false) != NULL ? 1 : 0;
	return loaded > 0;
}

static Oid
citus_catalog(const char *name)
{
	return get_relname_relid(name, PG_CATALOG_NAMESPACE);
}

/*
 * Looks in a catalogue of Citus for the first row with a value in "key" (NULL: any),
 * and reads the column "column" of it. False if there is none.
 */
static bool
look_up(const char *catalog, const char *index, const char *key, RegProcedure equals, Datum value,
		const char *column, Datum *result)
{
	Oid			relid = citus_catalog(catalog);
	Relation	relation;
	ScanKeyData scankey;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		isnull = true;

	if (!OidIsValid(relid))
		return false;
	relation = table_open(relid, AccessShareLock);
	if (key != NULL)
		ScanKeyInit(&scankey, get_attnum(relid, key), BTEqualStrategyNumber, equals, value);
	scan = systable_beginscan(relation, index == NULL ? InvalidOid : citus_catalog(index),
							  index != NULL, NULL, key == NULL ? 0 : 1, &scankey);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		*result = heap_getattr(tuple, get_attnum(relid, column), RelationGetDescr(relation),
							   &isnull);
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return !isnull;
}

/* The number of the one shard of a table; false if the table is not distributed. */
static bool
shard_of(Oid table, int64 *shard)
{
	Datum		value;

	if (!OidIsValid(table) ||
		!look_up("pg_dist_shard", "pg_dist_shard_logical_relid_index", "logicalrelid", F_OIDEQ,
				 ObjectIdGetDatum(table), "shardid", &value))
		return false;
	*shard = DatumGetInt64(value);
	return true;
}

/* The name for the shard of a table that is not distributed, say, is its own. */
static const char *
name_for_shard(Oid table, const char *name)
{
	int64		shard;

	return shard_of(table, &shard) ? psprintf("%s_" INT64_FORMAT, name, shard) : name;
}

/* Is it on this node? What was moved away may still be there for a while. */
static bool
is_placed_here(int64 shard)
{
	Datum		group;
	Datum		here;

	return look_up("pg_dist_placement", "pg_dist_placement_shardid_index", "shardid", F_INT8EQ,
				   Int64GetDatum(shard), "groupid", &group) &&
		look_up("pg_dist_local_group", NULL, NULL, InvalidOid, (Datum) 0, "groupid", &here) &&
		DatumGetInt32(group) == DatumGetInt32(here);
}

static Oid
owner_of(Oid table)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	Oid			owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
		ReleaseSysCache(tuple);
	}
	return owner;
}

/* One that is distributed by its rows, not with its schema, is none of ours. */
static bool
has_one_shard(Oid table)
{
	Datum		method;

	return OidIsValid(table) &&
		look_up("pg_dist_partition", "pg_dist_partition_logical_relid_index", "logicalrelid",
				F_OIDEQ, ObjectIdGetDatum(table), "partmethod", &method) &&
		DatumGetChar(method) == 'n';
}

/* What was found out of the Space asked about last. */
static struct
{
	bool		is_valid;
	Oid			space;
	Oid			place;			/* as shard_place returns it */
	bool		is_here;
	int64		shard;			/* of its workers, as good as any */
	Oid			owner;
}			known;

static void
relation_changed(Datum arg, Oid relid)
{
	known.is_valid = false;
}

/* Is the Space distributed? Then "known" says where it is. */
static bool
is_distributed(Oid space)
{
	static bool is_registered = false;
	Oid			shell;
	Oid			table;

	if (!citus_is_loaded())
		return false;
	if (known.is_valid && known.space == space)
		return OidIsValid(known.place);
	if (!is_registered)
	{
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
		is_registered = true;
	}
	/* From here on a change is noticed. */
	known.is_valid = true;
	known.space = space;
	known.place = InvalidOid;
	known.is_here = false;
	shell = get_relname_relid("worker", space);
	if (!has_one_shard(shell) || !shard_of(shell, &known.shard))
		return false;
	known.place = shell;
	known.owner = owner_of(shell);
	if (is_placed_here(known.shard))
	{
		table = get_relname_relid(name_for_shard(shell, "worker"), space);
		known.is_here = OidIsValid(table);
		known.place = known.is_here ? table : shell;
	}
	return true;
}

Oid
shard_place(Oid space)
{
	return is_distributed(space) ? known.place : InvalidOid;
}

bool
shard_is_elsewhere(Oid space)
{
	return is_distributed(space) && !known.is_here;
}

const char *
shard_name(Oid space, const char *table, const char *name)
{
	if (!is_distributed(space) || !known.is_here)
		return name;
	return name_for_shard(get_relname_relid(table, space), name);
}

Oid
shard_relation(Oid space, const char *name)
{
	Oid			relation = get_relname_relid(name, space);
	Oid			table = relation;
	Oid			local;

	if (!is_distributed(space) || !known.is_here || !OidIsValid(relation))
		return relation;
	if (get_rel_relkind(relation) == RELKIND_INDEX)
		table = IndexGetRelation(relation, true);
	local = get_relname_relid(name_for_shard(table, name), space);
	return OidIsValid(local) ? local : relation;
}

Oid
shard_id_sequence(Oid space, const char *table)
{
	Oid			relid = get_relname_relid(table, space);
	Relation	relation;
	AttrNumber	id;
	Oid			sequence = InvalidOid;

	if (!OidIsValid(relid))
		return InvalidOid;
	relation = table_open(relid, AccessShareLock);
	id = get_attnum(relid, "id");
	if (id != InvalidAttrNumber &&
		TupleDescAttr(RelationGetDescr(relation), id - 1)->attidentity != '\0')
		sequence = cirro_identity_sequence(relation, id);
	table_close(relation, NoLock);
	return sequence;
}

bool
shard_next_id(Oid space, const char *table, int64 *id)
{
	Oid			sequence;

	if (!is_distributed(space) || !known.is_here)
		return false;
	sequence = shard_id_sequence(space, table);
	if (!OidIsValid(sequence))
		return false;
	*id = nextval_internal(sequence, false);
	return true;
}

/* -------------------------------------------------------------- query texts -- */

/* In a text: so many bytes are replaced. */
typedef struct Edit
{
	int			at;
	int			length;
	const char *text;
} Edit;

typedef struct Rewriting
{
	Oid			space;
	const char *text;
	List	   *edits;
} Rewriting;

static void
edit(Rewriting *rewriting, int at, int length, const char *text)
{
	Edit	   *new = palloc(sizeof(Edit));

	*new = (Edit) {at, length, text};
	rewriting->edits = lappend(rewriting->edits, new);
}

static int
compare_edits(const ListCell *a, const ListCell *b)
{
	return ((const Edit *) lfirst(a))->at - ((const Edit *) lfirst(b))->at;
}

/*
 * An INSERT that leaves the id to the table, which a shard does not know. Those of
 * invitations, which others than the owner insert, are given by their trigger.
 */
static void
give_id(Rewriting *rewriting, const InsertStmt *insert)
{
	const SelectStmt *select = (const SelectStmt *) insert->selectStmt;
	Oid			sequence = shard_id_sequence(rewriting->space, insert->relation->relname);
	const Node *first;
	ListCell   *cell;

	if (!OidIsValid(sequence) || strcmp(insert->relation->relname, "invitation") == 0)
		return;
	foreach(cell, insert->cols)
		if (strcmp(lfirst_node(ResTarget, cell)->name, "id") == 0)
			return;
	first = select->valuesLists != NIL ? linitial(linitial(select->valuesLists)) :
		linitial(select->targetList);
	edit(rewriting, linitial_node(ResTarget, insert->cols)->location, 0, "id, ");
	edit(rewriting, exprLocation(first), 0,
		 psprintf("pg_catalog.nextval('%u'::pg_catalog.regclass), ", sequence));
}

static bool
rewrite(Node *node, void *arg)
{
	Rewriting  *rewriting = arg;

	/* What it names are aliases. */
	if (node == NULL || IsA(node, LockingClause))
		return false;
	if (IsA(node, RangeVar))
	{
		const RangeVar *table = (const RangeVar *) node;
		Oid			shell = get_relname_relid(table->relname, rewriting->space);
		Oid			local = table->schemaname != NULL ? InvalidOid :
			shard_relation(rewriting->space, table->relname);

		if (!OidIsValid(local) || local == shell)
			return false;
		if (strncmp(rewriting->text + table->location, table->relname, strlen(table->relname)) != 0)
			elog(ERROR, "table \"%s\" is not where it should be in: %s",
				 table->relname, rewriting->text);
		edit(rewriting, table->location, strlen(table->relname),
			 table->alias != NULL ? quote_identifier(get_rel_name(local)) :
			 psprintf("%s AS %s", quote_identifier(get_rel_name(local)),
					  quote_identifier(table->relname)));
		return false;
	}
	if (IsA(node, InsertStmt) && ((InsertStmt *) node)->relation->schemaname == NULL)
		give_id(rewriting, (InsertStmt *) node);
	return raw_expression_tree_walker(node, rewrite, arg);
}

const char *
shard_query_text(Oid space, const char *text)
{
	Rewriting	rewriting = {space, text, NIL};
	StringInfoData result;
	ListCell   *cell;
	int			at = 0;

	if (!is_distributed(space) || !known.is_here)
		return text;
	foreach(cell, raw_parser(text, RAW_PARSE_DEFAULT))
		(void) rewrite(lfirst_node(RawStmt, cell)->stmt, &rewriting);
	list_sort(rewriting.edits, compare_edits);
	initStringInfo(&result);
	foreach(cell, rewriting.edits)
	{
		const Edit *next = lfirst(cell);

		appendBinaryStringInfo(&result, text + at, next->at - at);
		appendStringInfoString(&result, next->text);
		at = next->at + next->length;
	}
	appendStringInfoString(&result, text + at);
	return result.data;
}

const char *
shard_query_text_on_path(const char *text)
{
	List	   *path;
	ListCell   *cell;

	if (!citus_is_loaded())
		return text;
	path = fetch_search_path(false);
	foreach(cell, path)
		if (lfirst_oid(cell) != PG_CATALOG_NAMESPACE)
			return shard_query_text(lfirst_oid(cell), text);
	return text;
}

/* -------------------------------------------------------------------- moves -- */

/*
 * A move waits, before its last step, for the statements that Citus has planned, which
 * hold this lock; so what it has not planned holds it as well. Only the owner may ask.
 */
bool
shard_stay(Oid space)
{
	Oid			argtypes[] = {INT4OID, INT8ARRAYOID};
	Oid			function;
	Oid			caller;
	int			sec_context;
	Datum		shard;

	if (!is_distributed(space) || !known.is_here)
		return true;
	shard = Int64GetDatum(known.shard);
	function = LookupFuncName(list_make2(makeString("pg_catalog"),
										 makeString("lock_shard_metadata")),
							  lengthof(argtypes), argtypes, false);
	GetUserIdAndSecContext(&caller, &sec_context);
	SetUserIdAndSecContext(known.owner, sec_context | SECURITY_LOCAL_USERID_CHANGE);
	OidFunctionCall2(function, Int32GetDatum(ShareLock),
					 PointerGetDatum(construct_array(&shard, 1, INT8OID, sizeof(int64),
													 FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)));
	SetUserIdAndSecContext(caller, sec_context);
	AcceptInvalidationMessages();
	return is_distributed(space) && known.is_here;
}

/* -------------------------------------------------------------------- calls -- */

/* From an aggregate, so that there is a row whatever there is in the table. */
bool
shard_call(FunctionCallInfo fcinfo, Oid space, const char *row, Datum *result)
{
	Oid			function = fcinfo->flinfo->fn_oid;
	StringInfoData query;
	Oid		   *argtypes;
	int			nargs;
	Oid			type;
	const char *schema;
	Datum		values[FUNC_MAX_ARGS];
	char		nulls[FUNC_MAX_ARGS + 1];

	if (!shard_is_elsewhere(space))
		return false;
	type = get_func_signature(function, &argtypes, &nargs);
	schema = quote_identifier(get_namespace_name(space));
	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT ");
	if (row != NULL)
		appendStringInfo(&query, "pg_catalog.jsonb_populate_record(NULL::%s.%s, pg_catalog.to_jsonb(",
						 schema, row);
	appendStringInfo(&query, "%s.%s(",
					 quote_identifier(get_namespace_name(get_func_namespace(function))),
					 quote_identifier(get_func_name(function)));
	for (int i = 0; i < nargs; i++)
	{
		appendStringInfo(&query, "%s$%d", i == 0 ? "" : ", ", i + 1);
		values[i] = fcinfo->args[i].value;
		nulls[i] = fcinfo->args[i].isnull ? 'n' : ' ';
	}
	appendStringInfo(&query, ")%s FROM (SELECT count(*) FROM %s.setting) AS there",
					 row != NULL ? "))" : "", schema);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args(query.data, nargs, argtypes, values, nulls, false,
							  0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "a call of %s was not answered", get_func_name(function));
	*result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &fcinfo->isnull);
	if (!fcinfo->isnull && type != VOIDOID)
		*result = SPI_datumTransfer(*result, get_typbyval(type), get_typlen(type));
	SPI_finish();
	return true;
}

void
shard_make_local(void)
{
	if (GetConfigOption("citus.enable_schema_based_sharding", true, false) != NULL)
		(void) set_config_option("citus.enable_schema_based_sharding", "off", PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}
