/*-------------------------------------------------------------------------
 * src/wave/cron.c
 *
 * Gives the waves a pg_cron job. pg_cron need not be there: it is looked for
 * when a function is called, and if it cannot be used from this database the
 * error says what to run where. Must not decide what a schedule means.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#include "cirro.h"
#include "space/list.h"
#include "space/query.h"
#include "wave/during.h"

PG_FUNCTION_INFO_V1(schedule_waves);
PG_FUNCTION_INFO_V1(unschedule_waves);

#define DEFAULT_SCHEDULE "* * * * *"

/* Of the job of all Spaces on that schedule: until shortly before the next call. */
#define DEFAULT_DURING	"58 seconds"

/*
 * The job's name: one for each database and Space ("space" NULL: all), the
 * same in every call. pg_cron cuts names off at NAMEDATALEN, so long ones end
 * in a hash of the whole.
 */
static char *
job_name(const char *space)
{
	const char *database = get_database_name(MyDatabaseId);
	char	   *name = space == NULL ?
		psprintf("cirro waves: %s", database) :
		psprintf("cirro waves: %s, %s", database, space);
	int			length = strlen(name);

	if (length >= NAMEDATALEN)
	{
		uint32		hash = hash_bytes((const unsigned char *) name, length);

		length = pg_mbcliplen(name, length, NAMEDATALEN - 10);
		name = psprintf("%.*s %08x", length, name, hash);
	}
	return name;
}

/* The call: "during" is as it stands in it, or NULL. */
static char *
job_command(const char *space, const char *during)
{
	StringInfoData command;

	initStringInfo(&command);
	appendStringInfoString(&command, "CALL cirro.run_waves(");
	if (space != NULL)
		appendStringInfoString(&command, quote_literal_cstr(space));
	if (during != NULL)
		appendStringInfo(&command, "%sduring => '%s'", space != NULL ? ", " : "", during);
	appendStringInfoChar(&command, ')');
	return command.data;
}

/* A length of time as it means the same in every session. */
static char *
seconds(int64 length)
{
	int			fraction = length % USECS_PER_SEC;

	return fraction == 0 ? psprintf("%lld seconds", (long long) (length / USECS_PER_SEC)) :
		psprintf("%lld.%06d seconds", (long long) (length / USECS_PER_SEC), fraction);
}

/*
 * Raises UG031 unless pg_cron is in this database. "elsewhere" is the
 * statement to run in the database that has it.
 */
static void
check_pg_cron(const char *elsewhere)
{
	const char *home;

	if (OidIsValid(get_extension_oid("pg_cron", true)))
		return;

	home = GetConfigOption("cron.database_name", true, false);
	if (home == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CIRRO_NO_PG_CRON),
				 errmsg("pg_cron is not running on this server"),
				 errdetail("It is not in shared_preload_libraries."),
				 errhint("Add pg_cron to shared_preload_libraries, set cron.database_name to '%s', restart, and CREATE EXTENSION pg_cron; or let any other scheduler CALL cirro.run_waves().",
						 get_database_name(MyDatabaseId))));
	if (strcmp(home, get_database_name(MyDatabaseId)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_CIRRO_NO_PG_CRON),
				 errmsg("extension pg_cron is not installed in this database"),
				 errdetail("The server runs pg_cron for this database, but its functions are missing."),
				 errhint("Run: CREATE EXTENSION pg_cron;")));
	ereport(ERROR,
			(errcode(ERRCODE_CIRRO_NO_PG_CRON),
			 errmsg("pg_cron lives in another database"),
			 errdetail("The setting cron.database_name is \"%s\".", home),
			 errhint("Run there: %s", elsewhere)));
}

/*
 * The Space to schedule, or NULL for all. Raises 42501 if the current user, as
 * whom the job will run, may not run it, or none of all.
 */
static const char *
space_argument(FunctionCallInfo fcinfo)
{
	const char *name;
	SpaceInfo  *info;

	if (PG_ARGISNULL(0))
	{
		space_check_run_any(space_list_unexamined(), ERROR);
		return NULL;
	}
	name = NameStr(*PG_GETARG_NAME(0));
	info = space_find(name);
	if (info == NULL)
		info = space_get(name);	/* raises */
	space_check_run(info);
	return info->name;
}

static const SpaceQuery schedule_query = {
	"SELECT cron.schedule($1, $2, $3)::pg_catalog.int8",
	3, {TEXTOID, TEXTOID, TEXTOID}
};

static const SpaceQuery host_query = {
	"SELECT j.nodename::pg_catalog.text FROM cron.job j WHERE j.jobid OPERATOR(pg_catalog.=) $1",
	1, {INT8OID}
};

static const SpaceQuery unschedule_query = {
	"SELECT cron.unschedule(j.jobid) FROM cron.job j"
	" WHERE j.jobname::pg_catalog.text OPERATOR(pg_catalog.=) $1"
	" AND j.username::pg_catalog.text"
	"   OPERATOR(pg_catalog.=) current_user::pg_catalog.text",
	1, {TEXTOID}
};

/* May the current user log in, as pg_cron does to run its jobs, either way? */
static bool
may_log_in(void)
{
	HeapTuple	role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
	bool		result = HeapTupleIsValid(role) && ((Form_pg_authid) GETSTRUCT(role))->rolcanlogin;

	if (HeapTupleIsValid(role))
		ReleaseSysCache(role);
	return result;
}

/*
 * Tells what later only cron.job_run_details would, run after run: that the
 * job cannot start, or whom pg_hba.conf has to let in for it. The host is the
 * job's own, for a job that is replaced keeps what it was made with. Needs SPI.
 */
static void
tell_how_it_connects(int64 job)
{
	const char *workers = GetConfigOption("cron.use_background_workers", true, false);
	const char *role = GetUserNameFromId(GetUserId(), false);
	const char *host;
	QueryArgs	args = {&host_query};
	ResultRow	row;

	if (!may_log_in())
	{
		ereport(WARNING,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("role \"%s\" may not log in, so that each run of its job will fail", role),
				 errhint("Remove this job with cirro.unschedule_waves, and schedule one as a role with LOGIN that may become \"%s\".",
						 role)));
		return;
	}
	if (workers != NULL && strcmp(workers, "on") == 0)
		return;
	arg_int64(&args, job);
	if (query_run_once(&args, false) == 0)
		return;
	/* Not within ereport, which looks at nothing that nobody is told. */
	row = result_row(0);
	host = TextDatumGetCString(result_datum(&row, TEXTOID));
	result_end(&row);
	ereport(NOTICE,
			(errmsg("pg_cron will connect to host \"%s\" as role \"%s\" to run this job", host, role),
			 errhint("If it is not let in, each run fails with \"connection failed\", which only cron.job_run_details tells. With the setting cron.use_background_workers = on it need not be let in.")));
}

/*
 * cirro.schedule_waves(space name, schedule text, during interval) returns
 * bigint: pg_cron's id of the job
 *
 * The job runs as the current user. Called again it replaces the job.
 */
Datum
schedule_waves(PG_FUNCTION_ARGS)
{
	const char *space = space_argument(fcinfo);
	const char *schedule = PG_ARGISNULL(1) ? DEFAULT_SCHEDULE :
		text_to_cstring(PG_GETARG_TEXT_PP(1));
	const char *during = !PG_ARGISNULL(2) ? seconds(wave_during(PG_GETARG_INTERVAL_P(2))) :
		space == NULL && strcmp(schedule, DEFAULT_SCHEDULE) == 0 ? DEFAULT_DURING : NULL;
	char	   *name = job_name(space);
	char	   *command = job_command(space, during);
	QueryArgs	args = {&schedule_query};
	ResultRow	row;
	int64		job;

	check_pg_cron(psprintf("SELECT cron.schedule_in_database(%s, %s, %s, %s);",
						   quote_literal_cstr(name),
						   quote_literal_cstr(schedule),
						   quote_literal_cstr(command),
						   quote_literal_cstr(get_database_name(MyDatabaseId))));

	arg_text(&args, name);
	arg_text(&args, schedule);
	arg_text(&args, command);

	SPI_connect();
	query_run_once(&args, false);
	row = result_row(0);
	job = result_int64(&row);
	result_end(&row);
	tell_how_it_connects(job);
	SPI_finish();

	PG_RETURN_INT64(job);
}

/*
 * cirro.unschedule_waves(space name) returns boolean: was there a job?
 *
 * The Space may be gone by now, so it is not looked up. A role sees and
 * removes its own job alone.
 */
Datum
unschedule_waves(PG_FUNCTION_ARGS)
{
	char	   *name = job_name(PG_ARGISNULL(0) ? NULL :
								NameStr(*PG_GETARG_NAME(0)));
	QueryArgs	args = {&unschedule_query};
	bool		found;

	check_pg_cron(psprintf("SELECT cron.unschedule(%s);",
						   quote_literal_cstr(name)));

	arg_text(&args, name);

	SPI_connect();
	found = query_run_once(&args, false) > 0;
	SPI_finish();

	PG_RETURN_BOOL(found);
}
