/*-------------------------------------------------------------------------
 * src/wave/eligible.c
 *
 * Asks a Space's own rule who may be invited: looks up the function that
 * setting.eligible names, anew for each use, since it may have been dropped or given
 * away meanwhile, and calls it by its OID. Decides which function may be called, and
 * what its answer counts for: no more than it was asked about. Must not decide in which
 * order workers are asked about, nor run anything but as the Space's owner in a
 * restricted operation.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "isolate.h"
#include "space/list.h"
#include "space/query.h"
#include "space/row_writer.h"
#include "space/scope.h"
#include "space/shard.h"
#include "wave/eligible.h"

PG_FUNCTION_INFO_V1(eligible_gigs);

/* A wave asks about so many, or so many times those that it wants, if that is more. */
#define MIN_ASKED		1000
#define ASKED_PER_WANTED	20

/* Each call has its price: few are not asked about one by one. */
#define MIN_LOT			16

static const SpaceQuery rule_query = {
	"SELECT t.eligible::text FROM setting t"
};

/* What it said of a worker. */
typedef struct Answer
{
	int64		worker;
	bool		eligible;
} Answer;

/* A worker asked about. */
typedef struct Asked
{
	int64		worker;
	int			place;			/* among those asked about */
} Asked;

void
wave_eligible_begin(EligibleRule *rule, Oid space, Oid owner, const char *name,
					int64 gig_id, int wanted)
{
	rule->space = space;
	rule->owner = owner;
	rule->name = name;
	rule->gig_id = gig_id;
	rule->may_ask = (int) Min(Max((int64) wanted * ASKED_PER_WANTED, MIN_ASKED), PG_INT32_MAX - 1);
	rule->answers = NULL;
}

void
wave_eligible_keep(EligibleRule *rule)
{
	HASHCTL		control = {
		.keysize = sizeof(int64),
		.entrysize = sizeof(Answer),
		.hcxt = CurrentMemoryContext
	};

	rule->answers = hash_create("cirro eligible", 256, &control,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

int
wave_eligible_first_lot(int wanted)
{
	return Max(wanted, MIN_LOT);
}

/* --------------------------------------------------------------- lookup -- */

/* What is told of a function that is not to be called. */
pg_noreturn static void
refuse(const EligibleRule *rule, int sqlerrcode, const char *what)
{
	const char *name = quote_identifier(rule->name);

	ereport(ERROR,
			(errcode(sqlerrcode),
			 errmsg("setting.eligible names no function to ask: \"%s\"", rule->name),
			 errdetail_internal("%s", what),
			 errhint("As the owner of the Space, CREATE FUNCTION %s.%s(gig_id bigint, worker_ids bigint[]) RETURNS bigint[]; or set eligible to NULL. It is the function's name alone, without schema and quotes.",
					 quote_identifier(get_namespace_name(rule->space)), name)));
}

/* The function to be asked now. */
static Oid
find_function(const EligibleRule *rule)
{
	static const Oid types[] = {INT8OID, INT8ARRAYOID};
	HeapTuple	tuple = NULL;
	Form_pg_proc proc;
	Oid			function;

	/* A longer name is none, for it would be cut. */
	if (strlen(rule->name) < NAMEDATALEN)
		tuple = SearchSysCache3(PROCNAMEARGSNSP, CStringGetDatum(rule->name),
								PointerGetDatum(buildoidvector(types, lengthof(types))),
								ObjectIdGetDatum(rule->space));
	if (!HeapTupleIsValid(tuple))
		refuse(rule, ERRCODE_UNDEFINED_FUNCTION,
			   psprintf("Schema \"%s\" has no function of that name that takes bigint and bigint[].",
						get_namespace_name(rule->space)));
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	function = proc->oid;
	if (proc->proowner != rule->owner)
		refuse(rule, ERRCODE_INSUFFICIENT_PRIVILEGE,
			   psprintf("The function belongs to role \"%s\", the Space to \"%s\".",
						GetUserNameFromId(proc->proowner, true),
						GetUserNameFromId(rule->owner, true)));
	if (proc->prokind != PROKIND_FUNCTION || proc->proretset ||
		proc->prorettype != INT8ARRAYOID)
		refuse(rule, ERRCODE_WRONG_OBJECT_TYPE,
			   proc->prokind != PROKIND_FUNCTION ? "It is no plain function." :
			   psprintf("It returns %s%s, not bigint[].", proc->proretset ? "SETOF " : "",
						format_type_be(proc->prorettype)));
	ReleaseSysCache(tuple);
	return function;
}

/* ----------------------------------------------------------------- call -- */

/* The rules that are being asked, the innermost first. */
typedef struct Asking
{
	Oid			space;
	const struct Asking *outer;
} Asking;

static const Asking *asking = NULL;

/* In an ereport: what may not be done by a function that is being asked. */
static int
errnested(void)
{
	errcode(ERRCODE_OBJECT_IN_USE);
	errdetail("That would ask it in turn, and so on.");
	return errhint("Such a function reads the tables of the Space; let others call run_waves(), run_wave(), attempts and explain_invitation().");
}

void
wave_eligible_refuse_waves(void)
{
	if (asking != NULL)
		ereport(ERROR,
				(errmsg("waves are not run by a function of setting.eligible"), errnested()));
}

static void
refuse_nested(const EligibleRule *rule)
{
	for (const Asking *outer = asking; outer != NULL; outer = outer->outer)
		if (outer->space == rule->space)
			ereport(ERROR,
					(errmsg("function \"%s\" of setting.eligible is being asked already", rule->name),
					 errnested()));
}

/* As a statement would call it that begins now. */
static Datum
call(Oid function, int64 gig_id, Datum workers, bool *isnull)
{
	LOCAL_FCINFO(fcinfo, 2);
	FmgrInfo	info;
	PgStat_FunctionCallUsage usage;
	Datum		result;

	fmgr_info(function, &info);
	InitFunctionCallInfoData(*fcinfo, &info, 2, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = Int64GetDatum(gig_id);
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = workers;
	fcinfo->args[1].isnull = false;
	row_writer_push_snapshot();
	pgstat_init_function_usage(fcinfo, &usage);
	result = FunctionCallInvoke(fcinfo);
	pgstat_end_function_usage(&usage, true);
	PopActiveSnapshot();
	*isnull = fcinfo->isnull;
	return result;
}

/*
 * Says in whose function the error is. A serialization failure where no transaction
 * has a snapshot of its own was only called so: tried again it would come again, and
 * nobody would hear of it.
 */
static void
rethrow(const EligibleRule *rule, MemoryContext context)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	/* Also a cancel, which is told by what it says. */
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		PG_RE_THROW();
	FlushErrorState();
	error->message = psprintf("function \"%s\" of setting.eligible failed: %s",
							  rule->name, error_summary(error));
	if (error->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE && !IsolationUsesXactSnapshot())
		error->sqlerrcode = ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
	ReThrowError(error);
}

static int
compare_asked(const void *a, const void *b)
{
	int64		left = ((const Asked *) a)->worker;
	int64		right = ((const Asked *) b)->worker;

	return left < right ? -1 : left > right;
}

/* Marks those that are in the answer, which may hold anything. */
static void
mark(ArrayType *answer, const int64 *workers, int nworkers, bool *eligible)
{
	Asked	   *asked = palloc_extended(mul_size(nworkers, sizeof(Asked)), MCXT_ALLOC_HUGE);
	ArrayIterator iterator = array_create_iterator(answer, 0, NULL);
	Datum		value;
	bool		isnull;
	int			n = 0;

	for (int i = 0; i < nworkers; i++)
		asked[i] = (Asked) {workers[i], i};
	qsort(asked, nworkers, sizeof(Asked), compare_asked);
	while (array_iterate(iterator, &value, &isnull))
	{
		int64		worker = isnull ? 0 : DatumGetInt64(value);
		int			low = 0;
		int			high = nworkers;

		if (++n % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (isnull)
			continue;
		while (low < high)
		{
			int			middle = low + (high - low) / 2;

			if (asked[middle].worker < worker)
				low = middle + 1;
			else
				high = middle;
		}
		for (; low < nworkers && asked[low].worker == worker; low++)
			eligible[asked[low].place] = true;
	}
	array_free_iterator(iterator);
}

static void
ask(const EligibleRule *rule, const int64 *workers, int nworkers, bool *eligible)
{
	Oid			function = find_function(rule);
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "cirro eligible", ALLOCSET_DEFAULT_SIZES);
	Datum	   *ids;
	Datum		answer = (Datum) 0;
	bool		isnull = true;
	int			level;
	const Asking *outer = asking;
	Asking		inner = {rule->space, outer};

	refuse_nested(rule);
	memset(eligible, 0, nworkers * sizeof(bool));
	MemoryContextSwitchTo(context);
	ids = palloc_extended(mul_size(nworkers, sizeof(Datum)), MCXT_ALLOC_HUGE);
	for (int i = 0; i < nworkers; i++)
		ids[i] = Int64GetDatum(workers[i]);

	/* What it does to settings is undone, so that the search path stays. */
	level = NewGUCNestLevel();
	PG_TRY();
	{
		asking = &inner;
		answer = call(function, rule->gig_id,
					  PointerGetDatum(construct_array(ids, nworkers, INT8OID, sizeof(int64),
													  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)),
					  &isnull);
	}
	PG_CATCH();
	{
		asking = outer;
		rethrow(rule, context);
	}
	PG_END_TRY();
	asking = outer;
	AtEOXact_GUC(false, level);
	MemoryContextSwitchTo(context);
	if (!isnull)
		mark(DatumGetArrayTypeP(answer), workers, nworkers, eligible);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

void
wave_eligible_ask(EligibleRule *rule, const int64 *workers, int nworkers, bool *eligible)
{
	int64	   *unknown;
	int		   *places;
	bool	   *answers;
	int			n = 0;

	Assert(nworkers <= rule->may_ask);
	if (nworkers == 0)
		return;
	if (rule->answers == NULL)
	{
		rule->may_ask -= nworkers;
		ask(rule, workers, nworkers, eligible);
		return;
	}

	unknown = palloc_extended(mul_size(nworkers, sizeof(int64)), MCXT_ALLOC_HUGE);
	places = palloc_extended(mul_size(nworkers, sizeof(int)), MCXT_ALLOC_HUGE);
	answers = palloc_extended(mul_size(nworkers, sizeof(bool)), MCXT_ALLOC_HUGE);
	for (int i = 0; i < nworkers; i++)
	{
		const Answer *known = hash_search(rule->answers, &workers[i], HASH_FIND, NULL);

		if (known != NULL)
			eligible[i] = known->eligible;
		else
		{
			unknown[n] = workers[i];
			places[n++] = i;
		}
	}
	if (n > 0)
		ask(rule, unknown, n, answers);
	rule->may_ask -= n;
	for (int i = 0; i < n; i++)
	{
		Answer	   *answer = hash_search(rule->answers, &unknown[i], HASH_ENTER, NULL);

		eligible[places[i]] = answer->eligible = answers[i];
	}
	pfree(unknown);
	pfree(places);
	pfree(answers);
}

/* ------------------------------------------------------------- attempts -- */

/* setting.eligible, in the current memory context; NULL if there is no rule. */
static char *
read_rule(Oid space)
{
	QueryArgs	args = {&rule_query};
	ResultRow	row;
	char	   *name = NULL;

	if (query_run(space, &args) == 0)
		return NULL;
	row = result_row(0);
	if (!result_null(&row))
		name = TextDatumGetCString(result_datum(&row, TEXTOID));
	query_free();
	return name;
}

/*
 * cirro.eligible_gigs(space name, worker_id bigint, gig_ids bigint[]) returns bigint[]
 *
 * Those of the gigs to which setting.eligible lets the worker be invited now, in the
 * order given; NULL if there is no such rule. Works as the owner, for whoever may insert
 * invitations. A null id is left out; NULL for all of them is NULL.
 */
Datum
eligible_gigs(PG_FUNCTION_ARGS)
{
	SpaceInfo  *info;
	SpaceScope	scope;
	int64		worker_id;
	Datum	   *gigs;
	bool	   *nulls;
	int			ngigs;
	int			n = 0;
	char	   *name;
	Datum		result;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("space and worker_id cannot be null"),
				 errdetail("Only the ids of gigs may be null: then none is asked about."),
				 errhint("The functions of a Space call it.")));
	if (PG_ARGISNULL(2))
		PG_RETURN_NULL();
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &gigs, &nulls, &ngigs);
	worker_id = PG_GETARG_INT64(1);
	info = space_get(NameStr(*PG_GETARG_NAME(0)));
	if (shard_call(fcinfo, info->space, NULL, &result))
		return result;
	space_check_invite(info);

	SPI_connect();
	space_visit(&scope, info->space, info->owner, false);
	name = read_rule(info->space);
	for (int i = 0; i < ngigs && name != NULL; i++)
	{
		EligibleRule rule;
		bool		eligible = !nulls[i];

		CHECK_FOR_INTERRUPTS();
		if (eligible)
		{
			wave_eligible_begin(&rule, info->space, info->owner, name, DatumGetInt64(gigs[i]), 1);
			wave_eligible_ask(&rule, &worker_id, 1, &eligible);
		}
		if (eligible)
			gigs[n++] = gigs[i];
	}
	space_leave(&scope);
	SPI_finish();

	if (name == NULL)
		PG_RETURN_NULL();
	PG_RETURN_ARRAYTYPE_P(construct_array(gigs, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
										  TYPALIGN_DOUBLE));
}
