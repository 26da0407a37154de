/*-------------------------------------------------------------------------
 * src/wave/match.c
 *
 * Finds the workers that a wave can invite, and decides their order and in which
 * of two ways they are looked for. It locks what it finds but changes nothing,
 * and must not wait for a lock. Where a Space has a rule of its own (wave/eligible.c),
 * only those are locked whom it lets pass.
 *
 * The filter goes into each query as a constant (a plan for every search).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/syscache.h"

#include "gig/state.h"
#include "space/query.h"
#include "space/shard.h"
#include "wave/match.h"

/*
 * $1 gig, $2 filter, $3 start of the lots, $4 max_pending, $5 limit, $6 sort,
 * $7 since, $8 the next transaction
 */
#define SEARCH_ARGS \
	8, {INT8OID, JSONBOID, INT4OID, INT4OID, INT8OID, JSONBOID, INT8OID, INT8OID}, \
	PLAN_EACH_TIME

/*
 * An index search leaves common conditions to the recheck: of test/bench/waves.sh's
 * filters of three, it finds four to five times as many as match.
 */
#define READ_PER_MATCH	5

#define MATCHES \
	" w.active AND w.profile OPERATOR(cirro.@@) $2::cirro.filter_query"
/* The same, in a form that no index on profiles serves. */
#define MATCHES_IF_LOOKED_AT \
	" w.active AND (w.profile OPERATOR(cirro.@@) $2::cirro.filter_query) IS TRUE"
/* Since here, that is: ids that no transaction has had yet came with a dump. */
#define CHANGED \
	" AND ($7 IS NULL OR (w.changed_in >= $7 AND w.changed_in < $8))"
/*
 * OFFSET 0 keeps it a probe of the key's index. As a join it would be planned by
 * how many the gig was thought to have invited, which is what waves change: with
 * none, each worker found was compared with each invitation.
 */
#define NEVER_INVITED \
	" AND NOT EXISTS (SELECT FROM invitation i" \
	"   WHERE i.gig_id = $1 AND i.worker_id = w.id OFFSET 0)"
/*
 * As of now: what has expired by the clock leaves room. Of a worker, not of the
 * Space: with the status in WHERE an index on open ones, all of them, would serve as
 * well, and does where few are thought to be open.
 */
#define PENDING_OF_WORKER \
	"(SELECT count(*) FILTER (WHERE p.status = 'pending' AND (" \
	"     SELECT cirro.expired_reason(p.status, p.invited_at, s.closes_at, s.answer_within," \
	"       s.expires_rest AND s.accepted >= s.capacity) IS NULL" \
	"     FROM gig_state s WHERE s.gig_id = p.gig_id))" \
	"   FROM invitation p WHERE p.worker_id = w.id)"
#define NOT_HELD_BACK \
	" AND " PENDING_OF_WORKER " < $4"
#define IN_ORDER \
	" ORDER BY CASE WHEN $6::jsonb IS NOT NULL" \
	"     THEN cirro.sort_key(w.profile, $6::cirro.sort_query) END," \
	"   w.lot < $3, w.lot, w.id LIMIT $5"

/* Each row is locked once it is known to be one of those asked for. */
#define LOCK_WORKER(id) \
	"EXISTS (SELECT FROM worker l WHERE l.id = " id " FOR KEY SHARE SKIP LOCKED)"
#define LOCK_INVITATION(id) \
	"EXISTS (SELECT FROM invitation l WHERE l.id = " id " AND l.status = 'expired'" \
	" FOR NO KEY UPDATE SKIP LOCKED)"
#define LOCKED(lock, search)	"SELECT found.id, " lock("found.id") " FROM (" search ") AS found"

/*
 * The searches of Spaces without a limit, and with one: what is not asked need not be
 * parsed, which takes a new session longer than to find few. The same of those with a
 * rule, which lock nobody but have the worker beside what is found.
 */
typedef struct Search
{
	SpaceQuery	find[2];
	SpaceQuery	propose[2];
	SpaceQuery	lock;
} Search;

#define SEARCH(search, lock, worker) \
	{{{LOCKED(lock, search("", "")), SEARCH_ARGS}, \
	 {LOCKED(lock, search("", NOT_HELD_BACK)), SEARCH_ARGS}}, \
	{{search(worker, ""), SEARCH_ARGS}, {search(worker, NOT_HELD_BACK), SEARCH_ARGS}}, \
	{"SELECT " lock("p.id") " FROM pg_catalog.unnest($1) WITH ORDINALITY AS p (id, place)" \
		" ORDER BY p.place", 1, {INT8ARRAYOID}, PLAN_BY_KEY}}

/*
 * The fair order by lots: from the wave's start up, and from below up to it, so
 * that the index on lots can be read until enough are found.
 */
#define FROM_START(worker, not_held_back) \
	"SELECT w.id::bigint" worker " FROM worker w WHERE" MATCHES_IF_LOOKED_AT \
	" AND w.lot >= $3" NEVER_INVITED not_held_back \
	" ORDER BY w.lot, w.id LIMIT $5"
static const Search from_start = SEARCH(FROM_START, LOCK_WORKER, ", w.id::bigint");

#define UP_TO_START(worker, not_held_back) \
	"SELECT w.id::bigint" worker " FROM worker w WHERE" MATCHES_IF_LOOKED_AT \
	" AND w.lot < $3" NEVER_INVITED not_held_back \
	" ORDER BY w.lot, w.id LIMIT $5"
static const Search up_to_start = SEARCH(UP_TO_START, LOCK_WORKER, ", w.id::bigint");

/* All who match, then the first of them. */
#define BY_FILTER(worker, not_held_back) \
	"SELECT w.id::bigint" worker " FROM worker w WHERE" MATCHES CHANGED \
	NEVER_INVITED not_held_back IN_ORDER
static const Search by_filter = SEARCH(BY_FILTER, LOCK_WORKER, ", w.id::bigint");

#define REOPENABLE(worker, not_held_back) \
	"SELECT i.id::bigint" worker " FROM invitation i JOIN worker w ON w.id = i.worker_id WHERE" \
	MATCHES CHANGED \
	" AND i.gig_id = $1 AND i.status = 'expired' AND i.reason = '" GIG_SEATS_FILLED "'" \
	not_held_back IN_ORDER
static const Search reopenable = SEARCH(REOPENABLE, LOCK_INVITATION, ", w.id::bigint");

/*
 * To plan a search takes longer than to see that it is for nothing. "Few" are read
 * in less time than that.
 */
static const SpaceQuery changed_query = {
	"SELECT FROM worker w WHERE w.active AND w.changed_in >= $1 AND w.changed_in < $2 LIMIT 1",
	2, {INT8OID, INT8OID}, PLAN_BY_KEY
};

static const SpaceQuery may_reopen_query = {
	"SELECT coalesce(count(*) = 500 OR bool_or(f.status = 'expired' AND f.reason = '" GIG_SEATS_FILLED "'), false)"
	" FROM (SELECT i.status, i.reason FROM invitation i WHERE i.gig_id = $1 LIMIT 500) AS f",
	1, {INT8OID}, PLAN_BY_KEY
};

/* How many that would be; no index need be weighed for it. */
static const SpaceQuery matches_query = {
	"SELECT FROM worker w WHERE" MATCHES_IF_LOOKED_AT,
	2, {INT8OID, JSONBOID}, PLAN_EACH_TIME
};

/* Of workers found, in their order, those who still match and are not invited. */
#define WITH_ROOM(filter) \
	"SELECT p.place::int, " PENDING_OF_WORKER " < $3" \
	" FROM pg_catalog.unnest($2) WITH ORDINALITY AS p (id, place)" \
	" JOIN worker w ON w.id = p.id, gig_filter f" \
	" WHERE f.gig_id = $1 AND w.active AND w.profile OPERATOR(cirro.@@) " filter NEVER_INVITED \
	" ORDER BY p.place"
static const SpaceQuery with_room_query[] = {
	{WITH_ROOM("f.filter"), 3, {INT8OID, INT8ARRAYOID, INT4OID}, PLAN_BY_KEY},
	{WITH_ROOM("$4::cirro.filter_query"), 4, {INT8OID, INT8ARRAYOID, INT4OID, JSONBOID}, PLAN_BY_KEY}
};

static const SpaceQuery held_back_query = {
	"SELECT count(*) FROM worker w WHERE" MATCHES
	" AND NOT EXISTS (SELECT FROM invitation i"
	"   WHERE i.gig_id = $1 AND i.worker_id = w.id"
	"     AND (i.status <> 'expired' OR i.reason IS DISTINCT FROM '" GIG_SEATS_FILLED "'))"
	" AND " PENDING_OF_WORKER " >= $3",
	3, {INT8OID, JSONBOID, INT4OID}, PLAN_EACH_TIME
};

int32
wave_lot_start(int64 gig_id, int number)
{
	uint64		hash = DatumGetUInt64(DirectFunctionCall2(hashint8extended,
														  Int64GetDatum(gig_id),
														  Int64GetDatum(number)));

	return (int32) (uint32) hash;
}

double
wave_workers_expected(Oid space)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(shard_relation(space, "worker")));
	double		workers;

	if (!HeapTupleIsValid(tuple))
		return -1;
	workers = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
	ReleaseSysCache(tuple);
	return workers;
}

/* The parameters of one of two queries, without a limit and with one. */
static QueryArgs
search_args(const CandidateSearch *search, const SpaceQuery *queries, int64 limit)
{
	QueryArgs	args = {&queries[search->max_pending == 0 ? 0 : 1]};

	arg_int64(&args, search->gig_id);
	arg_datum(&args, JSONBOID, search->filter, false);
	arg_int32(&args, wave_lot_start(search->gig_id, search->number));
	if (search->max_pending == 0)
		arg_null(&args);
	else
		arg_int32(&args, search->max_pending);
	arg_int64(&args, limit);
	arg_datum(&args, JSONBOID, search->sort, search->sort == 0);
	arg_transaction(&args, search->since);
	arg_transaction(&args, ReadNextFullTransactionId());
	return args;
}

/* Locks the first of these, until there are "limit"; those locked are appended to "ids". */
static int
lock_first(const CandidateSearch *search, const Search *queries, const int64 *proposed,
		   int nproposed, int limit, int64 *ids, int found)
{
	for (int next = 0; next < nproposed && found < limit;)
	{
		QueryArgs	args = {&queries->lock};
		int			n = Min(nproposed - next, limit - found);

		arg_int64_array(&args, proposed + next, n);
		query_run(search->space, &args);
		for (int i = 0; i < n; i++)
		{
			ResultRow	row = result_row(i);

			if (result_bool(&row))
				ids[found++] = proposed[next + i];
			result_end(&row);
		}
		query_free();
		next += n;
	}
	return found;
}

/*
 * The same as collect under a rule, which is asked about those found in lots, each
 * twice as large as the last, until there are enough, or it was asked about too many.
 */
static int
collect_eligible(CandidateSearch *search, const Search *queries, int limit, int64 *ids, int found)
{
	EligibleRule *rule = search->rule;
	int64		known = rule->answers == NULL ? 0 : hash_get_num_entries(rule->answers);
	QueryArgs	args = search_args(search, queries->propose, rule->may_ask + known);
	int64		lot = wave_eligible_first_lot(limit - found);
	int64	   *proposed = NULL;
	int64	   *workers = NULL;
	bool	   *eligible = NULL;
	QueryCursor cursor;

	search->complete = false;
	if (rule->may_ask == 0)
		return found;
	query_open(&cursor, search->space, &args);
	while (found < limit && rule->may_ask > 0)
	{
		ResultRow	row;
		int			nasked = 0;
		int			neligible = 0;

		CHECK_FOR_INTERRUPTS();
		lot = Min(lot, rule->may_ask);
		if (proposed != NULL)
		{
			pfree(proposed);
			pfree(workers);
			pfree(eligible);
		}
		proposed = palloc_extended(mul_size(lot, sizeof(int64)), MCXT_ALLOC_HUGE);
		workers = palloc_extended(mul_size(lot, sizeof(int64)), MCXT_ALLOC_HUGE);
		eligible = palloc_extended(mul_size(lot, sizeof(bool)), MCXT_ALLOC_HUGE);
		cursor.at_once = lot;
		while (nasked < lot && query_next(&cursor, &row))
		{
			proposed[nasked] = result_int64(&row);
			workers[nasked++] = result_int64(&row);
			result_end(&row);
		}
		if (nasked == 0)
			break;
		wave_eligible_ask(rule, workers, nasked, eligible);
		for (int i = 0; i < nasked; i++)
			if (eligible[i])
				proposed[neligible++] = proposed[i];
		found = lock_first(search, queries, proposed, neligible, limit, ids, found);
		lot *= 2;
	}
	query_close(&cursor);
	return found;
}

/*
 * Runs one of the searches above; ids are appended behind the "found" first. Rows
 * that others have locked are passed over: then it looks for as many beyond them.
 */
static int
collect(CandidateSearch *search, const Search *queries,
		int limit, int64 *ids, int found)
{
	int			wanted = limit - found;
	int64		passed_over = 0;
	int64		asked;
	int64		rows;
	int			n;

	if (search->rule != NULL)
		return collect_eligible(search, queries, limit, ids, found);
	do
	{
		QueryArgs	args;

		CHECK_FOR_INTERRUPTS();
		asked = wanted + passed_over;
		args = search_args(search, queries->find, asked);
		rows = query_run(search->space, &args);
		n = 0;
		for (int64 i = 0; i < rows && n < wanted; i++)
		{
			ResultRow	row = result_row(i);
			int64		id = result_int64(&row);

			if (result_bool(&row))
				ids[found + n++] = id;
			else
				passed_over++;
			result_end(&row);
		}
		query_free();
	} while (n < wanted && rows == asked);

	search->complete = rows < asked && passed_over == 0;
	return found + n;
}

/* Has a worker changed since? True if it is all of them that are looked at. */
static bool
has_changed(CandidateSearch *search)
{
	QueryArgs	args = {&changed_query};

	if (!FullTransactionIdIsValid(search->since))
		return true;
	if (!search->unchanged)
	{
		arg_transaction(&args, search->since);
		arg_transaction(&args, ReadNextFullTransactionId());
		search->unchanged = query_run(search->space, &args) == 0;
	}
	return !search->unchanged;
}

/* May there be an invitation of the gig to be opened again? */
static bool
may_reopen(const CandidateSearch *search)
{
	QueryArgs	args = {&may_reopen_query};
	ResultRow	row;
	bool		result;

	arg_int64(&args, search->gig_id);
	query_run(search->space, &args);
	row = result_row(0);
	result = result_bool(&row);
	result_end(&row);
	query_free();
	return result;
}

/*
 * To find "limit" of "workers" by lot one reads limit * workers / matches of them;
 * the other way READ_PER_MATCH * matches, and each costs about the same.
 */
static bool
is_rare(const CandidateSearch *search, int limit)
{
	double		workers = wave_workers_expected(search->space);
	QueryArgs	args = {&matches_query};

	arg_int64(&args, search->gig_id);
	arg_datum(&args, JSONBOID, search->filter, false);
	return workers > 0 && query_estimate(search->space, &args) <
		sqrt(limit * workers / READ_PER_MATCH);
}

int
wave_find_candidates(CandidateSearch *search, int limit, int64 *ids)
{
	bool		complete;
	int			found;

	search->complete = true;
	if (!has_changed(search))
		return 0;
	ereport(DEBUG1,
			(errmsg_internal("looking for workers of gig " INT64_FORMAT " alone",
							 search->gig_id)));
	if (search->sort != 0 || FullTransactionIdIsValid(search->since) || is_rare(search, limit))
		return collect(search, &by_filter, limit, ids, 0);

	found = collect(search, &from_start, limit, ids, 0);
	complete = search->complete;
	if (found < limit)
	{
		found = collect(search, &up_to_start, limit, ids, found);
		search->complete &= complete;
	}
	return found;
}

int
wave_find_reopenable(CandidateSearch *search, int limit, int64 *ids)
{
	search->complete = true;
	if (!has_changed(search))
		return 0;
	search->none_reopenable = !may_reopen(search);
	if (search->none_reopenable)
		return 0;
	ereport(DEBUG1,
			(errmsg_internal("looking for what to open again of gig " INT64_FORMAT,
							 search->gig_id)));
	return collect(search, &reopenable, limit, ids, 0);
}

/* As many of them are asked at a time as are wanted yet, but not one by one. */
#define ROOM_AT_ONCE	16

int
wave_find_room(const CandidateSearch *search, const int64 *ids, int nids, int limit,
			   int *found, int *held_back, int *asked)
{
	int			nfound = 0;

	*held_back = *asked = 0;
	while (nfound < limit && *asked < nids)
	{
		int			n = Min(nids - *asked, Max(limit - nfound, ROOM_AT_ONCE));
		QueryArgs	args = {&with_room_query[search->is_bound ? 1 : 0]};
		uint64		rows;

		arg_int64(&args, search->gig_id);
		arg_int64_array(&args, ids + *asked, n);
		arg_int32(&args, search->max_pending);
		if (search->is_bound)
			arg_datum(&args, JSONBOID, search->filter, false);
		rows = query_run(search->space, &args);
		/* Without its primary key there may be several rows of a worker. */
		for (uint64 i = 0; i < rows && nfound < nids; i++)
		{
			ResultRow	row = result_row(i);
			int			place = *asked + result_int32(&row) - 1;

			if (result_bool(&row))
				found[nfound++] = place;
			else
				(*held_back)++;
			result_end(&row);
		}
		query_free();
		*asked += n;
	}
	return nfound;
}

int64
wave_count_held_back(const CandidateSearch *search)
{
	QueryArgs	args = {&held_back_query};
	ResultRow	row;
	int64		count;

	arg_int64(&args, search->gig_id);
	arg_datum(&args, JSONBOID, search->filter, false);
	arg_int32(&args, search->max_pending);
	query_run(search->space, &args);
	row = result_row(0);
	count = result_int64(&row);
	result_end(&row);
	return count;
}
