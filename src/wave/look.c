/*-------------------------------------------------------------------------
 * src/wave/look.c
 *
 * Decides which gigs that are asleep a change of workers concerns, and wakes them: the
 * cost follows the changes, not the gigs. Must not invite anybody.
 *
 * The row of look says which snapshot was looked at last. Changed since are the
 * workers whose transaction (changed_in) that snapshot did not see. Why no match is
 * lost: take the first look that sees both a change and a sleep. If the look before saw
 * the sleep, the worker is among those changed since. If not, the gig's search did not
 * see the change, or the worker would have been invited: its transaction is not before
 * gig_state.searched, and for gigs that fell asleep since the last look the workers
 * changed from there on are looked at, too.
 *
 * The snapshot is taken by a transaction that has no id yet, and written by another,
 * whose id is given later: so after a crash, or on a standby that is promoted, no id
 * below its xmax is given once more. Of two looks at once the second to write has found
 * what the first has, or the next will.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "clock.h"
#include "gig/key_match.h"
#include "gig/state.h"
#include "space/query.h"
#include "space/scope.h"
#include "wave/look.h"
#include "wave/seen.h"

/*
 * In microseconds (test/bench/stored.sh): what a wave takes that finds nobody, and
 * what it takes to find the gigs of a worker, by the number of gigs.
 */
#define COST_WAVE				300.0
#define COST_MATCH				100.0
#define COST_MATCH_PER_GIG		0.005

/* No look goes through more workers: then all gigs are woken. */
#define MAX_CHANGED				((int64) (COST_WAVE / COST_MATCH_PER_GIG))

/*
 * What the row of look says, or would: none is as good as one that says nothing. What
 * is longer is no snapshot, and need not be read to the end.
 */
#define PLACE	"coalesce(l.place, 0)::bigint"
#define SEEN	"coalesce(pg_catalog.left(l.seen, " CppAsString2(SEEN_MAX_LENGTH) " + 1), '')::text"

static const SpaceQuery look_query = {
	"SELECT " PLACE ", " SEEN ", coalesce(l.unwoken, '{}')::bigint[],"
	"   pg_catalog.pg_current_snapshot()::text"
	" FROM (VALUES (1)) AS one LEFT JOIN look l ON true LIMIT 1"
};

/* $1 and $2 say which sleep an earlier snapshot did not see. */
static const SpaceQuery newly_asleep_query = {
	"SELECT count(*), coalesce(min(n.searched), 0)::bigint FROM ("
	" SELECT coalesce(s.searched, 0) FROM gig_state s WHERE s.slept_in >= $1"
	" UNION ALL"
	" SELECT coalesce(s.searched, 0) FROM gig_state s WHERE s.slept_in = ANY ($2)) AS n (searched)",
	2, {INT8OID, INT8ARRAYOID}, PLAN_BY_KEY
};

/* From $1 on, but not from $2 on, and in $3. */
#define CHANGED_WORKERS \
	"SELECT w.id::bigint FROM worker w" \
	" WHERE w.active AND w.changed_in >= $1 AND w.changed_in < $2" \
	" UNION ALL" \
	" SELECT w.id::bigint FROM worker w WHERE w.active AND w.changed_in = ANY ($3)"

static const SpaceQuery count_changed_query = {
	"SELECT count(*) FROM (" CHANGED_WORKERS " LIMIT $4) AS few",
	4, {INT8OID, INT8OID, INT8ARRAYOID, INT8OID}, PLAN_BY_KEY
};

static const SpaceQuery changed_query = {
	CHANGED_WORKERS " LIMIT $4",
	4, {INT8OID, INT8OID, INT8ARRAYOID, INT8OID}, PLAN_BY_KEY
};

/*
 * OFFSET 0 keeps this and those below probes of a key: else the index of those that
 * are active, or asleep, would do as well for a plan that is made while there are few,
 * and be read from end to end for each probe when there are many.
 */
static const SpaceQuery profile_query = {
	"SELECT w.profile::jsonb FROM ("
	"   SELECT x.profile, x.active FROM worker x WHERE x.id = $1 OFFSET 0) AS w WHERE w.active",
	1, {INT8OID}, PLAN_BY_KEY
};

static const SpaceQuery count_asleep_query = {
	"SELECT count(*) FROM (SELECT FROM gig_state s WHERE s.slept_in IS NOT NULL LIMIT $1) AS few",
	1, {INT8OID}, PLAN_BY_KEY
};

#define ASLEEP	"SELECT s.gig_id::bigint, s.slept_in::bigint FROM gig_state s WHERE s.slept_in IS NOT NULL"

static const SpaceQuery all_asleep_query = {
	ASLEEP, 0, {InvalidOid}, PLAN_BY_KEY
};

static const SpaceQuery newly_asleep_gigs_query = {
	ASLEEP " AND s.slept_in >= $1 UNION ALL " ASLEEP " AND s.slept_in = ANY ($2)",
	2, {INT8OID, INT8ARRAYOID}, PLAN_BY_KEY
};

/* The state of each gig in "ids" that is asleep. */
#define PROBE_ASLEEP(ids) \
	"SELECT s.gig_id::bigint, s.slept_in::bigint FROM " ids " CROSS JOIN LATERAL (" \
	"   SELECT x.gig_id, x.slept_in FROM gig_state x WHERE x.gig_id = u.id OFFSET 0) AS s" \
	" WHERE s.slept_in IS NOT NULL"

static const SpaceQuery unwoken_query = {
	PROBE_ASLEEP("pg_catalog.unnest($1) AS u (id)"),
	1, {INT8ARRAYOID}, PLAN_BY_KEY
};

/*
 * Of gigs that the worker matches, those asleep that could invite him. All whom he
 * matches have invited him, as a rule: so it begins with his invitations. EXCEPT, as
 * NOT IN would compare each with each if many invitations of a worker were expected. A
 * filter that depends on time is asked about the profile $3 as it is at $4: the keys
 * know it weakened.
 */
static const SpaceQuery concerned_query = {
	PROBE_ASLEEP("(SELECT m.id FROM pg_catalog.unnest($1) AS m (id)"
				 "   EXCEPT SELECT i.gig_id FROM invitation i WHERE i.worker_id = $2"
				 "   AND (i.status <> 'expired' OR i.reason IS DISTINCT FROM '" GIG_SEATS_FILLED "')) AS u (id)")
	" AND NOT EXISTS (SELECT FROM gig g JOIN gig_filter f ON f.gig_id = g.id WHERE g.id = s.gig_id"
	"   AND NOT ($3 OPERATOR(cirro.@@) cirro.bind_gig(f.filter, g.filter_query, $4,"
	"     g.created_at, g.start_at)) OFFSET 0)",
	4, {INT8ARRAYOID, INT8OID, JSONBOID, TIMESTAMPTZOID}, PLAN_BY_KEY
};

/*
 * A row that somebody has locked is passed over; so is a gig that has slept anew. IS
 * NOT DISTINCT FROM, as no index serves it: many may have fallen asleep in one
 * transaction.
 */
static const SpaceQuery wake_query = {
	"UPDATE gig_state s SET slept_in = NULL,"
	"   next_wave_at = least(s.next_wave_at,"
	"     greatest($3, cirro.add_interval(s.last_due_at, s.frequency))),"
	"   next_event_at = least(s.next_event_at,"
	"     greatest($3, cirro.add_interval(s.last_due_at, s.frequency)))"
	" WHERE s.gig_id = ANY (ARRAY(SELECT l.gig_id"
	"   FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS u (id, slept_in)"
	"   CROSS JOIN LATERAL (SELECT x.gig_id FROM gig_state x"
	"     WHERE x.gig_id = u.id AND x.slept_in IS NOT DISTINCT FROM u.slept_in"
	"     FOR NO KEY UPDATE SKIP LOCKED) AS l))",
	3, {INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID}, PLAN_BY_KEY
};

static const SpaceQuery still_asleep_query = {
	"SELECT s.gig_id::bigint"
	" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS u (id, slept_in)"
	" CROSS JOIN LATERAL (SELECT x.gig_id, x.slept_in FROM gig_state x"
	"   WHERE x.gig_id = u.id OFFSET 0) AS s"
	" WHERE s.slept_in = u.slept_in",
	2, {INT8ARRAYOID, INT8ARRAYOID}, PLAN_BY_KEY
};

/* If the row is as it was: $4 and $5. */
static const SpaceQuery advance_query = {
	"INSERT INTO look AS l (place, seen, unwoken) VALUES ($1, $2, $3)"
	" ON CONFLICT (only_row) DO UPDATE"
	" SET place = excluded.place, seen = excluded.seen, unwoken = excluded.unwoken"
	" WHERE " PLACE " = $4 AND " SEEN " = $5",
	5, {INT8OID, TEXTOID, INT8ARRAYOID, INT8OID, TEXTOID}, PLAN_BY_KEY
};

/* So many gigs that cannot be woken are passed over; then it has another reason. */
#define MAX_FAILED	1000

/* --------------------------------------------------------- a list of gigs -- */

typedef struct SleepingGigs
{
	SleepingGig *gigs;
	int			n;
	int			max;
} SleepingGigs;

static int
compare_gigs(const void *a, const void *b)
{
	const SleepingGig *x = a;
	const SleepingGig *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->slept_in < y->slept_in ? -1 : x->slept_in > y->slept_in;
}

/* Sorts it, and leaves each gig once. */
static void
sort_gigs(SleepingGigs *list)
{
	int			n = 0;

	if (list->n > 0)
		qsort(list->gigs, list->n, sizeof(SleepingGig), compare_gigs);
	for (int i = 0; i < list->n; i++)
		if (n == 0 || compare_gigs(&list->gigs[n - 1], &list->gigs[i]) != 0)
			list->gigs[n++] = list->gigs[i];
	list->n = n;
}

static void
add_gig(WaveLook *look, SleepingGigs *list, ResultRow *row)
{
	/* Many workers wake the same gigs. */
	if (list->n == list->max)
	{
		sort_gigs(list);
		if (list->n >= list->max / 2)
		{
			list->max = mul_size(Max(list->max, 32), 2);
			list->gigs = list->gigs == NULL ?
				MemoryContextAllocHuge(look->context, mul_size(list->max, sizeof(SleepingGig))) :
				repalloc_huge(list->gigs, mul_size(list->max, sizeof(SleepingGig)));
		}
	}
	list->gigs[list->n].id = result_int64(row);
	list->gigs[list->n++].slept_in = result_int64(row);
	result_end(row);
}

/* ---------------------------------------------------------------- finding -- */

typedef struct Finding
{
	WaveLook   *look;
	SleepingGigs gigs;
	SeenSnapshot old;
	int64		newly_asleep;	/* gigs whose sleep the old snapshot did not see */
	int64		searched;		/* the first of what they have searched */
} Finding;

static int64
count_rows(Oid space, const QueryArgs *args)
{
	ResultRow	row;
	int64		count;

	query_run(space, args);
	row = result_row(0);
	count = result_int64(&row);
	result_end(&row);
	query_free();
	return count;
}

/*
 * Reads the row of look and takes this look's snapshot. False if there is no row of
 * this place.
 */
static bool
read_look(Finding *finding, ArrayType **unwoken)
{
	WaveLook   *look = finding->look;
	MemoryContext old;
	QueryArgs	args = {&look_query};
	ResultRow	row;

	query_run(look->space, &args);
	row = result_row(0);
	old = MemoryContextSwitchTo(look->context);
	look->old_place = result_int64(&row);
	look->old_seen = TextDatumGetCString(result_datum(&row, TEXTOID));
	*unwoken = DatumGetArrayTypePCopy(result_datum(&row, INT8ARRAYOID));
	look->seen = TextDatumGetCString(result_datum(&row, TEXTOID));
	MemoryContextSwitchTo(old);
	result_end(&row);
	query_free();
	return look->old_place == gig_state_place(look->space) &&
		seen_parse(look->old_seen, &finding->old) && !array_contains_nulls(*unwoken);
}

static void
arg_below(QueryArgs *args, const SeenSnapshot *seen, int64 id)
{
	arg_int64_array(args, seen->xip, seen_below(seen, id));
}

static void
find_newly_asleep(Finding *finding)
{
	QueryArgs	args = {&newly_asleep_query};
	ResultRow	row;

	arg_int64(&args, finding->old.xmax);
	arg_below(&args, &finding->old, finding->old.xmax);
	query_run(finding->look->space, &args);
	row = result_row(0);
	finding->newly_asleep = result_int64(&row);
	finding->searched = result_int64(&row);
	result_end(&row);
	query_free();
}

/* Appends the gigs that are asleep: all, or those that the old snapshot did not see. */
static void
add_asleep(Finding *finding, bool newly)
{
	QueryArgs	args = {newly ? &newly_asleep_gigs_query : &all_asleep_query};
	QueryCursor cursor;
	ResultRow	row;

	if (newly)
	{
		arg_int64(&args, finding->old.xmax);
		arg_below(&args, &finding->old, finding->old.xmax);
	}
	query_open(&cursor, finding->look->space, &args);
	while (query_next(&cursor, &row))
	{
		CHECK_FOR_INTERRUPTS();
		add_gig(finding->look, &finding->gigs, &row);
	}
	query_close(&cursor);
}

/* Appends the rows of the last query. */
static void
add_rows(Finding *finding, uint64 rows)
{
	for (uint64 i = 0; i < rows; i++)
	{
		ResultRow	row = result_row(i);

		add_gig(finding->look, &finding->gigs, &row);
	}
	query_free();
}

/*
 * The workers changed from an id on: some of them the next look sees as well. Ids that
 * no transaction has had yet came with a dump.
 */
static void
arg_changed(QueryArgs *args, const Finding *finding, int64 from)
{
	arg_int64(args, from);
	arg_transaction(args, ReadNextFullTransactionId());
	arg_below(args, &finding->old, from);
	arg_int64(args, MAX_CHANGED);
}

static int64
count_changed(const Finding *finding, int64 from)
{
	QueryArgs	args = {&count_changed_query};

	arg_changed(&args, finding, from);
	return count_rows(finding->look->space, &args);
}

/* Are no more gigs than that asleep? */
static bool
are_few_asleep(const Finding *finding, double gigs)
{
	QueryArgs	args = {&count_asleep_query};

	arg_int64(&args, (int64) gigs + 1);
	return count_rows(finding->look->space, &args) <= gigs;
}

/* Is it cheaper to wake all than to ask so many workers? */
static bool
are_too_many(const Finding *finding, int64 changed)
{
	if (changed >= MAX_CHANGED)
		return true;
	/* Of so many, or fewer: gigs * COST_WAVE < changed * (COST_MATCH + gigs * ...). */
	return are_few_asleep(finding, changed * COST_MATCH /
						  (COST_WAVE - changed * COST_MATCH_PER_GIG));
}

/* Appends the gigs that a worker concerns. */
static void
add_concerned(Finding *finding, int64 worker_id)
{
	WaveLook   *look = finding->look;
	QueryArgs	profile = {&profile_query};
	QueryArgs	args = {&concerned_query};
	int64	   *matching = NULL;
	int			nmatching = 0;
	Jsonb	   *document = NULL;

	arg_int64(&profile, worker_id);
	if (query_run(look->space, &profile) > 0)
	{
		ResultRow	row = result_row(0);

		document = DatumGetJsonbPCopy(result_datum(&row, JSONBOID));
		result_end(&row);
		query_free();
		matching = gig_key_match(look->space, document, &nmatching);
	}
	else
		query_free();
	if (nmatching == 0)
		return;
	arg_int64_array(&args, matching, nmatching);
	arg_int64(&args, worker_id);
	arg_datum(&args, JSONBOID, PointerGetDatum(document), false);
	/* Not before any turn whose sleep is seen here: what it means later brings a wave. */
	arg_timestamptz(&args, cirro_gate_now());
	add_rows(finding, query_run(look->space, &args));
}

/*
 * Is it time to wake all instead? Filters that match many take longer than was
 * supposed: it must not take longer than the waves, nor keep other Spaces waiting.
 */
static bool
takes_too_long(const Finding *finding, TimestampTz began, int64 *asked_at)
{
	TimestampTz now = GetCurrentTimestamp();

	if (now >= finding->look->until)
		return true;
	if (now - began < *asked_at)
		return false;
	*asked_at = (now - began) * 2;
	return are_few_asleep(finding, (now - began) / COST_WAVE);
}

static void
add_concerned_by_changed(Finding *finding, int64 from)
{
	WaveLook   *look = finding->look;
	QueryArgs	args = {&changed_query};
	TimestampTz began = GetCurrentTimestamp();
	int64		asked_at = 100 * COST_WAVE;
	MemoryContext scratch;
	MemoryContext old;
	int64	   *workers;
	int64		n;
	int64		next = 0;

	arg_changed(&args, finding, from);
	n = query_run(look->space, &args);
	workers = palloc(mul_size(n + 1, sizeof(int64)));
	for (int64 i = 0; i < n; i++)
	{
		ResultRow	row = result_row(i);

		workers[i] = result_int64(&row);
		result_end(&row);
	}
	query_free();

	scratch = AllocSetContextCreate(CurrentMemoryContext, "cirro changed worker",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	while (next < n && !takes_too_long(finding, began, &asked_at))
	{
		CHECK_FOR_INTERRUPTS();
		add_concerned(finding, workers[next++]);
		MemoryContextReset(scratch);
		look->report(look->report_arg, next, n);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	/* There may be more of them by now. */
	if (next < n || n >= MAX_CHANGED)
		add_asleep(finding, false);
}

/*
 * Appends what the changes since the old snapshot concern, and what those concern that
 * gigs newly asleep have not seen.
 */
static void
add_woken_by_changes(Finding *finding)
{
	int64		from = finding->old.xmax;
	int64		changed;

	find_newly_asleep(finding);
	if (finding->newly_asleep > 0)
		from = Min(from, finding->searched);
	changed = count_changed(finding, from);
	if (changed > 0 && finding->newly_asleep > 0 && are_too_many(finding, changed))
	{
		/* They may have searched long ago, where a transaction is long. */
		add_asleep(finding, true);
		from = finding->old.xmax;
		changed = count_changed(finding, from);
	}
	finding->look->is_new = changed > 0 || finding->newly_asleep > 0;
	if (changed == 0)
		return;
	if (are_too_many(finding, changed))
		add_asleep(finding, false);
	else
		add_concerned_by_changed(finding, from);
}

static void
add_unwoken(Finding *finding, ArrayType *unwoken)
{
	QueryArgs	args = {&unwoken_query};

	if (ArrayGetNItems(ARR_NDIM(unwoken), ARR_DIMS(unwoken)) == 0)
		return;
	finding->look->is_new = true;
	arg_datum(&args, INT8ARRAYOID, PointerGetDatum(unwoken), false);
	add_rows(finding, query_run(finding->look->space, &args));
}

bool
wave_look_find(void *arg)
{
	WaveLook   *look = arg;
	Finding		finding = {.look = look};
	ArrayType  *unwoken;
	SpaceScope	scope;

	if (!space_visit(&scope, look->space, look->owner, true))
		return false;
	if (read_look(&finding, &unwoken) && !look->all)
	{
		add_woken_by_changes(&finding);
		add_unwoken(&finding, unwoken);
	}
	else
	{
		look->is_new = true;
		add_asleep(&finding, false);
	}
	sort_gigs(&finding.gigs);
	look->gigs = finding.gigs.gigs;
	look->ngigs = finding.gigs.n;
	look->unwoken = MemoryContextAllocHuge(look->context,
										   mul_size((Size) look->ngigs + 1, sizeof(int64)));
	space_leave(&scope);
	return true;
}

/* ----------------------------------------------------------------- waking -- */

static void
arg_gigs(QueryArgs *args, const SleepingGig *gigs, int n)
{
	int64	   *ids = palloc(n * sizeof(int64));
	int64	   *slept_in = palloc(n * sizeof(int64));

	for (int i = 0; i < n; i++)
	{
		ids[i] = gigs[i].id;
		slept_in[i] = gigs[i].slept_in;
	}
	arg_int64_array(args, ids, n);
	arg_int64_array(args, slept_in, n);
}

bool
wave_look_wake(void *arg)
{
	WaveLook   *look = arg;
	const SleepingGig *gigs = look->gigs + look->next;
	int			n = look->next < look->singly_until ? 1 :
		Min(look->ngigs - look->next, GIGS_PER_WAKE);
	QueryArgs	wake = {&wake_query};
	QueryArgs	rest = {&still_asleep_query};
	SpaceScope	scope;
	uint64		nrest;
	int			woken;
	int			nunwoken = look->nunwoken;

	if (!space_visit(&scope, look->space, look->owner, true))
		return false;
	arg_gigs(&wake, gigs, n);
	arg_timestamptz(&wake, look->now);
	woken = (int) query_run(look->space, &wake);
	arg_gigs(&rest, gigs, n);
	nrest = query_run(look->space, &rest);
	/* Without its primary key there may be several rows of a gig. */
	for (uint64 i = 0; i < nrest && nunwoken < look->ngigs; i++)
	{
		ResultRow	row = result_row(i);

		look->unwoken[nunwoken++] = result_int64(&row);
		result_end(&row);
	}
	query_free();
	space_leave(&scope);
	look->nunwoken = nunwoken;
	look->woken += woken;
	look->next += n;
	return true;
}

bool
wave_look_pass_over(WaveLook *look)
{
	if (look->next >= look->singly_until)
	{
		look->singly_until = Min(look->ngigs, look->next + GIGS_PER_WAKE);
		return true;
	}
	if (look->nunwoken < look->ngigs)
		look->unwoken[look->nunwoken++] = look->gigs[look->next].id;
	look->next++;
	return ++look->failed <= MAX_FAILED;
}

bool
wave_look_advance(void *arg)
{
	WaveLook   *look = arg;
	QueryArgs	args = {&advance_query};
	SpaceScope	scope;

	if (!look->is_new)
		return true;
	if (!space_visit(&scope, look->space, look->owner, true))
		return false;
	arg_int64(&args, gig_state_place(look->space));
	arg_text(&args, look->seen);
	arg_int64_array(&args, look->unwoken, look->nunwoken);
	arg_int64(&args, look->old_place);
	arg_text(&args, look->old_seen);
	query_run(look->space, &args);
	space_leave(&scope);
	return true;
}
