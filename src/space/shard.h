/*-------------------------------------------------------------------------
 * src/space/shard.h
 *
 * Where the rows of a Space's tables are. In PostgreSQL as it comes they are in
 * the tables; where Citus has distributed the Space's schema, they are in tables
 * of a longer name (shards), all on one node, which may be this one.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_SPACE_SHARD_H
#define CIRRO_SPACE_SHARD_H

#include "postgres.h"
#include "fmgr.h"

/*
 * What tells apart the places of a Space's rows: the table or shard of "worker" they
 * are in, if this is here; InvalidOid where Citus has nothing to do with it.
 */
extern Oid	shard_place(Oid space);

/* Are its rows on another node? Then queries on its tables are for Citus to plan. */
extern bool shard_is_elsewhere(Oid space);

/*
 * The table or index that has the rows of that of this name: itself, or its shard that
 * is here. Without a shard here it is the table, which has no rows. InvalidOid if there
 * is none of that name.
 */
extern Oid	shard_relation(Oid space, const char *name);

/* The name of something that belongs to a table, as its shard here has it, if it has one. */
extern const char *shard_name(Oid space, const char *table, const char *name);

/*
 * The text of a query with the names of shards that are here in place of those of the
 * Space's tables; ids that are the table's to give, which a shard cannot, are given. The
 * same text where nothing is to be replaced, else one in the current memory context.
 */
extern const char *shard_query_text(Oid space, const char *text);

/* The sequence that gives the ids of a table, wherever its rows are, or InvalidOid. */
extern Oid	shard_id_sequence(Oid space, const char *table);

/*
 * The next id of a table whose rows are in a shard that is here. False elsewhere, where
 * the table gives it. No right is asked for.
 */
extern bool shard_next_id(Oid space, const char *table, int64 *id);

/* The same for the Space that is on the search path, if one is. */
extern const char *shard_query_text_on_path(const char *text);

/*
 * For work on shards that are here, which Citus does not see: they stay until the end of
 * the transaction. False if they have been moved away. Raises 55P03 after lock_timeout.
 */
extern bool shard_stay(Oid space);

/*
 * If the rows of the Space are elsewhere, calls the function there instead, with the
 * rights of the caller: true, and its result in *result and fcinfo->isnull. "row" is the
 * table of the Space a row of which it returns as a record, or NULL.
 */
extern bool shard_call(FunctionCallInfo fcinfo, Oid space, const char *row, Datum *result);

/* Schemas made until the GUC nest level ends are not distributed as they are made. */
extern void shard_make_local(void);

#endif							/* CIRRO_SPACE_SHARD_H */
