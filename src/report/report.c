/*-------------------------------------------------------------------------
 * src/report/report.c
 *
 * report(): a Space, or a gig, as a page that can be saved and sent. Decides who
 * reads, and of what moment: the caller, with the caller's rights and row
 * policies, all in the snapshot of the statement that asks; for a superuser, who
 * has all rights, the Space's owner. Must not know what is on a page, nor show
 * what the caller may not read.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_namespace.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "cirro.h"
#include "compat.h"
#include "report/gig_page.h"
#include "report/page.h"
#include "report/space_page.h"
#include "space/list.h"
#include "space/scope.h"
#include "space/shard.h"

PG_FUNCTION_INFO_V1(report);

/* All of a table; who may read some columns alone is not served. */
static bool
reads(Oid space, const char *table)
{
	Oid			relation = get_relname_relid(table, space);

	return OidIsValid(relation) &&
		pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

/*
 * cirro.report(space name, gig_id bigint DEFAULT NULL) returns text: the page of
 * the Space, or of that gig. Errors: 22004, UG001, UG002, 42501 for who may not
 * read gig and invitation; without rights on event, notification or wave the page
 * says so in their place.
 */
Datum
report(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	StringInfoData page;
	Report		report = {.page = &page,.reader = GetUserId(),.now = cirro_now()};
	SpaceInfo  *info;
	SpaceScope	scope;
	text	   *result;
	Datum		there;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("space cannot be null"),
				 errhint("SELECT * FROM cirro.spaces() lists the Spaces.")));
	info = space_get_tables(NameStr(*PG_GETARG_NAME(0)));
	report.name = info->name;
	if (cirro_schema_aclcheck(info->space, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA, info->name);
	if (!reads(info->space, "gig"))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, "gig");
	if (!reads(info->space, "invitation"))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, "invitation");

	if (shard_call(fcinfo, info->space, NULL, &there))
		return there;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	initStringInfo(&page);
	report.reads_event = reads(info->space, "event");
	report.reads_notification = reads(info->space, "notification");
	report.reads_wave = reads(info->space, "wave");
	/* What the owner has planted, in an index's expression say, runs as the owner. */
	if (superuser())
		(void) space_visit(&scope, info->space, info->owner, false);
	else
		space_enter(&scope, info->space, GetUserId(), 0);
	/* A query of a page runs once: compiling would take longer than it saves. */
	(void) set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	if (PG_ARGISNULL(1))
		space_page(&report);
	else
		gig_page(&report, PG_GETARG_INT64(1));
	space_leave(&scope);

	result = (text *) MemoryContextAlloc(caller, VARHDRSZ + page.len);
	SET_VARSIZE(result, VARHDRSZ + page.len);
	memcpy(VARDATA(result), page.data, page.len);
	SPI_finish();
	PG_RETURN_TEXT_P(result);
}
