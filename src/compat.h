/*-------------------------------------------------------------------------
 * src/compat.h
 *
 * Every PG_VERSION_NUM test of the project. Names are the newest server's;
 * below are their equivalents for older ones (15 to 18 are supported).
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_COMPAT_H
#define CIRRO_COMPAT_H

#include "postgres.h"
#include "fmgr.h"

#if PG_VERSION_NUM < 150000
#error "cirro needs PostgreSQL 15 or later"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#include "nodes/miscnodes.h"
#else
/* Soft errors came with 16; before, every error is thrown. */
#define ereturn(context, value, ...) \
	do { (void) (context); ereport(ERROR, __VA_ARGS__); return (value); } while (0)
#endif

/*
 * Libraries show their SQL functions alone. Since 16 PGXS hides all the rest,
 * and PG_FUNCTION_INFO_V1 and PG_MODULE_MAGIC say what not to hide.
 */
#if PG_VERSION_NUM < 160000
#undef PGDLLEXPORT
#define PGDLLEXPORT	__attribute__((visibility("default")))
#undef PG_FUNCTION_INFO_V1
#define PG_FUNCTION_INFO_V1(funcname) \
extern PGDLLEXPORT Datum funcname(PG_FUNCTION_ARGS); \
extern PGDLLEXPORT const Pg_finfo_record *CppConcat(pg_finfo_, funcname) (void); \
const Pg_finfo_record * \
CppConcat(pg_finfo_, funcname) (void) \
{ \
	static const Pg_finfo_record my_finfo = {1}; \
	return &my_finfo; \
} \
extern int	no_such_variable
#endif

/* Whether a role may SET ROLE to another: a right of its own since 16. */
#if PG_VERSION_NUM >= 160000
#define cirro_may_become(member, role)	member_can_set_role(member, role)
#else
#define cirro_may_become(member, role)	is_member_of_role(member, role)
#endif

/* The checks of rights became one function each in 16. */
#if PG_VERSION_NUM >= 160000
#define cirro_schema_aclcheck(schema, role, mode) \
	object_aclcheck(NamespaceRelationId, schema, role, mode)
#define cirro_function_ownercheck(function, role) \
	object_ownercheck(ProcedureRelationId, function, role)
#else
#define cirro_schema_aclcheck(schema, role, mode) \
	pg_namespace_aclcheck(schema, role, mode)
#define cirro_function_ownercheck(function, role) \
	pg_proc_ownercheck(function, role)
#endif

/* Until 15 the memory of settings came from malloc; since, it may not. */
#if PG_VERSION_NUM < 160000
#define guc_malloc(elevel, size)	malloc(size)
#define guc_free(ptr)	free(ptr)
#endif

/* Says since 16 what is wrong with the text, too. */
#if PG_VERSION_NUM >= 160000
#define cirro_decode_datetime(field, ftype, nf, dtype, tm, fsec, tz) \
	DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tz, &(DateTimeErrorExtra) {0})
#else
#define cirro_decode_datetime(field, ftype, nf, dtype, tm, fsec, tz) \
	DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tz)
#endif

/* The statistics target of what ANALYZE looks at moved out of the column in 17. */
#if PG_VERSION_NUM >= 170000
#define cirro_stats_target(stats)	((stats)->attstattarget)
#else
#define cirro_stats_target(stats)	((stats)->attr->attstattarget)
#endif

/* What names meant when a plan was made: a list until 16. */
#if PG_VERSION_NUM >= 170000
#define cirro_search_path_matches(path)	SearchPathMatchesCurrentEnvironment(path)
#else
#define cirro_search_path_matches(path)	OverrideSearchPathMatchesCurrent(path)
#endif

/* What shared memory says of a session: numbered anew in 16, and again in 17. */
#if PG_VERSION_NUM >= 160000
#define cirro_session_status(number)	pgstat_get_local_beentry_by_index(number)
#else
#define cirro_session_status(number)	pgstat_fetch_stat_local_beentry(number)
#endif
#if PG_VERSION_NUM >= 170000
#define cirro_vxid_proc(vxid_) \
	((vxid_).procNumber == INVALID_PROC_NUMBER ? NULL : ProcNumberGetProc((vxid_).procNumber))
#define cirro_proc_lxid(proc)	((proc)->vxid.lxid)
#else
#define cirro_vxid_proc(vxid_) \
	((vxid_).backendId == InvalidBackendId ? NULL : BackendIdGetProc((vxid_).backendId))
#define cirro_proc_lxid(proc)	((proc)->lxid)
#endif

/* What a session waits for has a name of its own since 17; WaitLatch's argument. */
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 170000
static inline uint32
cirro_wait_event(const char *name)
{
	static uint32 event = 0;

	if (event == 0)
		event = WaitEventExtensionNew(name);
	return event;
}
#else
#define cirro_wait_event(name)	PG_WAIT_EXTENSION
#endif

/* Scans of an index count their searches since 18. */
#if PG_VERSION_NUM >= 180000
#define cirro_index_beginscan(table, index, snapshot, nkeys) \
	index_beginscan(table, index, snapshot, NULL, nkeys, 0)
#define cirro_index_beginscan_bitmap(index, snapshot, nkeys) \
	index_beginscan_bitmap(index, snapshot, NULL, nkeys)
#else
#define cirro_index_beginscan(table, index, snapshot, nkeys) \
	index_beginscan(table, index, snapshot, nkeys, 0)
#define cirro_index_beginscan_bitmap(index, snapshot, nkeys) \
	index_beginscan_bitmap(index, snapshot, nkeys)
#endif

/* An identity's sequence is found by its table since 17. */
#if PG_VERSION_NUM >= 170000
#define cirro_identity_sequence(table, attnum) getIdentitySequence(table, attnum, false)
#else
#define cirro_identity_sequence(table, attnum) \
	getIdentitySequence(RelationGetRelid(table), attnum, false)
#endif

/* Whether an update has to reach the indexes: since 16, or those that summarize alone. */
#if PG_VERSION_NUM >= 160000
#define CirroUpdateIndexes	TU_UpdateIndexes
#define cirro_updates_indexes(which)	((which) != TU_None)
#define cirro_updates_summaries(which)	((which) == TU_Summarizing)
#define cirro_is_summarizing(index)	((index)->rd_indam->amsummarizing)
#else
#define CirroUpdateIndexes	bool
#define cirro_updates_indexes(which)	(which)
#define cirro_updates_summaries(which)	false
#define cirro_is_summarizing(index)	false
#endif

/* What an index keeps between the rows of an insert it gives back since 17. */
#if PG_VERSION_NUM >= 170000
#define cirro_index_insert_cleanup(index, info)	index_insert_cleanup(index, info)
#else
#define cirro_index_insert_cleanup(index, info)	((void) 0)
#endif

/* Stands before a declaration since 18. */
#ifndef pg_noreturn
#define pg_noreturn	pg_attribute_noreturn()
#endif

#endif							/* CIRRO_COMPAT_H */
