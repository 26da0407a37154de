/*-------------------------------------------------------------------------
 * src/wave/batch.c
 *
 * For many due gigs at once: one pass over the Space's active workers, in
 * chunks, instead of a search for each gig; and one over those that have changed,
 * for the gigs that had invited all whom they could. Decides when that is worth it,
 * and which gigs take part. A pass only reads, in one statement's snapshot; waves
 * take what it found as a proposal, and check it when they have the gig.
 *
 * Memory is bounded by the setting cirro.wave_memory, whatever the number of
 * workers: gigs beyond it are left to the next pass.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "filter/bind.h"
#include "filter/eval.h"
#include "filter/io.h"
#include "filter/order.h"
#include "gig/state.h"
#include "isolate.h"
#include "sort/key.h"
#include "space/query.h"
#include "space/scope.h"
#include "space/shard.h"
#include "wave/batch.h"
#include "wave/heap.h"
#include "wave/match.h"
#include "wave/predicate.h"

/* How waves look for workers: the setting cirro.wave_search. */
typedef enum WaveSearchWay
{
	WAVE_SEARCH_AUTO,
	WAVE_SEARCH_BATCH,			/* one pass for all gigs */
	WAVE_SEARCH_SINGLE			/* each gig by a search of its own */
} WaveSearchWay;

static const struct config_enum_entry search_ways[] = {
	{"auto", WAVE_SEARCH_AUTO, false},
	{"batch", WAVE_SEARCH_BATCH, false},
	{"single", WAVE_SEARCH_SINGLE, false},
	{NULL, 0, false}
};

static int	wave_search = WAVE_SEARCH_AUTO;
static int	wave_memory = 131072;	/* kB, of a pass */

/*
 * In microseconds, measured by test/bench/waves.sh with filters of three
 * conditions: what a pass takes for each worker; what the search of a gig takes,
 * and what more by the number of workers, whose root it is at worst (wave/match.c).
 */
#define PASS_COST_PER_WORKER	1.2
#define SEARCH_COST				1000.0
#define SEARCH_COST_PER_ROOT	15.0

/* Bytes of a gig's filter, program and what belongs to it, at the least. */
#define GIG_SIZE				2048

/* Bytes of a candidate, here and as make_batch gives it. */
#define CANDIDATE_SIZE \
	(sizeof(Candidate) + sizeof(int64) + sizeof(ItemPointerData) + sizeof(TransactionId))

/* Bytes of documents at which a chunk ends early. */
#define CHUNK_MEMORY			(8 * 1024 * 1024)

/* For fewer gigs it is not asked what they need, if they do not all need the same. */
#define FEW_GIGS		8

/*
 * Of the changed workers who match, so many more than are wanted are kept: those
 * who are invited already are told from the others only then.
 */
#define MORE_CHANGED	1000

/*
 * Under setting.max_pending or setting.eligible more are kept than are wanted: some will
 * have too many pending invitations, or not be eligible, when the wave asks.
 */
#define LIMITED_TIMES	2
#define MORE_LIMITED	100

/* Pairs of a gig and a worker, unless one gig has more. */
#define PAIRS_AT_ONCE	10000

/* Of the first workers, matches of a gig whose own search ends early. */
#define BROAD_SAMPLE			2048
#define BROAD_FRACTION			0.2

/* Whom a gig looks at: all workers, or those changed since it looked at all. */
typedef enum PassPart
{
	PASS_ALL,
	PASS_CHANGED,
	PASS_PARTS
} PassPart;

typedef struct PassGig
{
	int64		id;
	int			number;
	int32		start;			/* of the lots */
	const FilterQuery *filter;
	const SortQuery *sort;		/* or NULL */
	PassPart	part;
	int			proposed;		/* no more workers than that */
	uint64		filter_hash;
	uint64		sort_hash;
	PredicateProgram *program;
	WaveHeap	heap;
	FullTransactionId since;	/* as BatchedGig's */
	FullTransactionId horizon;
	bool		has_invitations;
	bool		dropped;		/* left to a search of its own */
	int64		matched;
	int64	   *invited;		/* workers that have an invitation, in order */
	int			ninvited;
	int			max_invited;
} PassGig;

StaticAssertDecl(sizeof(PassGig) + sizeof(BatchedGig) < GIG_SIZE / 2,
				 "a gig takes hardly more than its filter and its program");

typedef struct Pass
{
	/* What it is about. */
	Oid			space;
	Oid			owner;
	const int64 *ids;
	int			nids;
	TimestampTz now;
	WaveBatchReport report;
	void	   *report_arg;
	MemoryContext context;		/* for all of it */

	/* What is to be done for them. */
	int			need[PASS_PARTS];	/* gigs that need it */
	bool		worthwhile[PASS_PARTS];
	FullTransactionId first_since;	/* of those in PASS_CHANGED */
	FullTransactionId median_since;
	FullTransactionId changed_since;	/* gigs with an earlier one are left out */

	PassGig    *gigs;			/* by id */
	int			ngigs;
	int			covered;
	int64		memory;			/* what gigs want and filters take */
	int64		base;			/* allocated before the first gig */
	bool		is_full;		/* of gigs */
	PredicateSet *predicates[PASS_PARTS];
	StringInfoData key;
	bool		has_places;		/* does a place tell a worker's row? */

	/* The chunk at hand. */
	PassPart	part;
	MemoryContext chunk;
	int			nrows;
	int64		worker[CHUNK_ROWS];
	int32		lot[CHUNK_ROWS];
	const Jsonb *profile[CHUNK_ROWS];
	ItemPointerData place[CHUNK_ROWS];
	TransactionId xmin[CHUNK_ROWS];
	int64		changed_in[CHUNK_ROWS]; /* in PASS_CHANGED */
	int64		seen;
} Pass;

/* A receiver of rows for a Pass. */
typedef struct PassReceiver
{
	DestReceiver pub;
	Pass	   *pass;
	PassGig    *gig;			/* of the last row of load_invited */
} PassReceiver;

/*
 * $1 gigs, $2 now, $3 gig_state_place: those that will look for workers. One with as
 * many pending invitations as pending_max allows does not. A gig of a Space with
 * setting.max_pending or setting.eligible looks at all: who had too many then may have
 * room now.
 */
#define LOOKING_GIGS \
	" FROM pg_catalog.unnest($1) WITH ORDINALITY AS due (id, place)" \
	" JOIN gig g ON g.id = due.id JOIN gig_state s ON s.gig_id = g.id"
#define LOOK_FOR_WORKERS \
	" WHERE s.auto AND s.accepted < s.target AND s.closes_at > $2 AND s.next_wave_at <= $2" \
	" AND (g.pending_max IS NULL OR g.pending_max > (" COUNT_PENDING("g.id", "s.answer_within", "$2") "))"
#define LIMITS_WORKERS \
	"EXISTS (SELECT FROM setting t WHERE t.max_pending IS NOT NULL OR t.eligible IS NOT NULL)"
#define SINCE \
	"CASE WHEN " STATE_SEARCHED("$3") " AND NOT " LIMITS_WORKERS " THEN s.searched END::bigint"

static const SpaceQuery needs_query = {
	"SELECT count(*) FILTER (WHERE n.since IS NULL)::int, count(n.since)::int, min(n.since)::bigint,"
	"   pg_catalog.percentile_disc(0.5) WITHIN GROUP (ORDER BY n.since)::bigint"
	" FROM (SELECT " SINCE " AS since" LOOKING_GIGS LOOK_FOR_WORKERS ") AS n",
	3, {INT8ARRAYOID, TIMESTAMPTZOID, INT8OID}, PLAN_BY_KEY
};

static const SpaceQuery gigs_query = {
	"SELECT g.id::bigint, (s.waves + 1)::int,"
	"   cirro.wave_wanted(s.target::int, s.accepted::int, g.invitation_multiplier::numeric),"
	"   f.filter::cirro.filter_query, f.sort::cirro.sort_query,"
	"   g.filter_query::jsonb, g.sort_query::jsonb,"
	"   EXISTS (SELECT FROM invitation i WHERE i.gig_id = g.id),"
	"   " SINCE ", " LIMITS_WORKERS ", " OLDEST_TRANSACTION ","
	"   g.created_at::timestamptz, g.start_at::timestamptz"
	LOOKING_GIGS " JOIN gig_filter f ON f.gig_id = g.id" LOOK_FOR_WORKERS
	" ORDER BY due.place",
	3, {INT8ARRAYOID, TIMESTAMPTZOID, INT8OID}, PLAN_BY_KEY
};

static const SpaceQuery invited_query = {
	"SELECT i.gig_id::bigint, i.worker_id::bigint FROM invitation i WHERE i.gig_id = ANY ($1)"
	" ORDER BY i.gig_id, i.worker_id",
	1, {INT8ARRAYOID}, PLAN_BY_KEY
};

/* Of these pairs of a gig and a worker. OFFSET 0 as in wave/match.c. */
static const SpaceQuery invited_of_query = {
	"SELECT p.gig_id, p.worker_id FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS p (gig_id, worker_id)"
	" WHERE EXISTS (SELECT FROM invitation i"
	"   WHERE i.gig_id = p.gig_id AND i.worker_id = p.worker_id OFFSET 0)"
	" ORDER BY p.gig_id, p.worker_id",
	2, {INT8ARRAYOID, INT8ARRAYOID}, PLAN_BY_KEY
};

#define WORKER	"SELECT w.id::bigint, w.lot::int, w.profile::jsonb"
#define PLACE	", w.ctid, w.xmin"
#define ACTIVE	" FROM worker w WHERE w.active"
#define CHANGED	" AND w.changed_in >= $1 AND w.changed_in < $2"

/* With places, and without: of each part. */
static const SpaceQuery workers_query[PASS_PARTS][2] = {
	[PASS_ALL] = {
		{WORKER ACTIVE},
		{WORKER PLACE ACTIVE}
	},
	[PASS_CHANGED] = {
		{WORKER ", w.changed_in::bigint" ACTIVE CHANGED, 2, {INT8OID, INT8OID}, PLAN_EACH_TIME},
		{WORKER ", w.changed_in::bigint" PLACE ACTIVE CHANGED, 2, {INT8OID, INT8OID}, PLAN_EACH_TIME}
	}
};

/* No more of them than $3. */
static const SpaceQuery changed_query = {
	"SELECT count(*) FROM (SELECT" ACTIVE CHANGED " LIMIT $3) AS few",
	3, {INT8OID, INT8OID, INT8OID}, PLAN_BY_KEY
};

void
wave_batch_init(void)
{
	DefineCustomEnumVariable("cirro.wave_search",
							 "How waves look for workers.",
							 "batch: in one pass over the workers for all due gigs; single: for each gig by itself; auto: as costs less. All find the same.",
							 &wave_search,
							 WAVE_SEARCH_AUTO,
							 search_ways,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);
	DefineCustomIntVariable("cirro.wave_memory",
							"Memory of a pass over the workers.",
							"Gigs for which it does not suffice are left to another pass.",
							&wave_memory,
							131072, 64, MAX_KILOBYTES,
							PGC_USERSET,
							GUC_UNIT_KB,
							NULL, NULL, NULL);
}

/*
 * ---- Receiving rows
 */

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
receiver_done(DestReceiver *self)
{
}

static void
receive_rows(Pass *pass, const QueryArgs *args,
			 bool (*receive) (TupleTableSlot *slot, DestReceiver *self))
{
	PassReceiver receiver = {
		.pub = {
			.receiveSlot = receive,
			.rStartup = receiver_startup,
			.rShutdown = receiver_done,
			.rDestroy = receiver_done,
			.mydest = DestTuplestore
		},
		.pass = pass
	};

	query_run_into(pass->space, args, (DestReceiver *) &receiver);
}

/*
 * ---- Gigs
 */

static int
compare_gigs(const void *a, const void *b)
{
	const PassGig *x = a;
	const PassGig *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static PassGig *
find_gig(Pass *pass, int64 id)
{
	PassGig		key = {.id = id};

	return bsearch(&key, pass->gigs, pass->ngigs, sizeof(PassGig), compare_gigs);
}

uint64
wave_batch_hash(Datum query)
{
	struct varlena *value;
	uint64		hash;

	if (query == 0)
		return 0;
	value = PG_DETOAST_DATUM_PACKED(query);
	hash = hash_bytes_extended((const unsigned char *) VARDATA_ANY(value),
							   VARSIZE_ANY_EXHDR(value), 0);
	if (value != (struct varlena *) DatumGetPointer(query))
		pfree(value);
	return hash;
}

/* Lists may make a filter large: what counts is what is allocated. */
static int64
filters_memory(const Pass *pass)
{
	int64		allocated = (int64) MemoryContextMemAllocated(pass->context, true) - pass->base;

	for (int part = 0; part < PASS_PARTS; part++)
		allocated += wave_predicates_words(pass->predicates[part]);
	return Max((int64) pass->ngigs * GIG_SIZE, allocated);
}

/* A gig joins, if there is memory for what it wants. */
static bool
receive_gig(TupleTableSlot *slot, DestReceiver *self)
{
	Pass	   *pass = ((PassReceiver *) self)->pass;
	ResultRow	row = result_slot(slot);
	MemoryContext old;
	PassGig    *gig;
	int64		id;
	int			number;
	int			wanted;
	Datum		filter;
	Datum		sort;
	Datum		filter_query;
	Datum		sort_query;
	bool		has_invitations;
	FullTransactionId since;
	FullTransactionId horizon;
	bool		limited;
	FilterMoment moment = {.at = pass->now};
	PassPart	part;
	int64		size;

	/* Without its primary keys a Space may have several rows of a gig. */
	if (pass->ngigs == pass->nids)
		return false;
	id = result_int64(&row);
	number = result_int32(&row);
	wanted = result_int32(&row);
	filter = result_datum(&row, InvalidOid);
	sort = result_null(&row) ? (Datum) 0 : result_datum(&row, InvalidOid);
	filter_query = result_datum(&row, JSONBOID);
	sort_query = result_null(&row) ? (Datum) 0 : result_datum(&row, JSONBOID);
	has_invitations = result_bool(&row);
	since = result_null(&row) ? InvalidFullTransactionId : result_transaction(&row);
	limited = result_bool(&row);
	horizon = result_transaction(&row);
	moment.created_at = result_null(&row) ? pass->now : result_timestamptz(&row);
	moment.start_at = result_timestamptz(&row);
	result_end(&row);
	part = FullTransactionIdIsValid(since) ? PASS_CHANGED : PASS_ALL;
	if (wanted <= 0 || !pass->worthwhile[part])
		return true;
	if (part == PASS_CHANGED && FullTransactionIdPrecedes(since, pass->changed_since))
		return true;
	if (limited)
		wanted = (int) Min((int64) wanted * LIMITED_TIMES + MORE_LIMITED, PG_INT32_MAX);
	size = (int64) wanted * CANDIDATE_SIZE;
	/* Half of it is for who is invited already. */
	if (pass->ngigs > 0 &&
		pass->memory + filters_memory(pass) + size > wave_memory * INT64CONST(512))
	{
		pass->is_full = true;
		return false;
	}
	pass->memory += size;

	old = MemoryContextSwitchTo(pass->context);
	gig = &pass->gigs[pass->ngigs++];
	memset(gig, 0, sizeof(PassGig));
	gig->id = id;
	gig->number = number;
	gig->part = part;
	gig->proposed = gig->heap.limit = wanted;
	/* Only afterwards is it asked who of them is invited. */
	if (part == PASS_CHANGED)
		gig->heap.limit = (int) Min((int64) wanted + MORE_CHANGED, PG_INT32_MAX);
	gig->start = wave_lot_start(gig->id, gig->number);
	/* As the turn will have it, unless it means something else by then. */
	if (filter_jsonb_may_depend_on_time(filter_query))
	{
		FilterQuery *bound = filter_bind_jsonb(DatumGetJsonbP(filter_query), &moment, NULL);

		filter = PointerGetDatum(bound);
		filter_query = PointerGetDatum(filter_query_to_jsonb(bound));
	}
	gig->filter = filter_query_reordered(DatumGetFilterQuery(filter));
	if (sort != 0)
		gig->sort = DatumGetSortQueryCopy(sort);
	gig->filter_hash = wave_batch_hash(filter_query);
	gig->sort_hash = wave_batch_hash(sort_query);
	gig->has_invitations = has_invitations;
	gig->since = since;
	gig->horizon = horizon;
	gig->program = wave_predicates_add(pass->predicates[part], gig->filter);
	MemoryContextSwitchTo(old);
	return true;
}

/* Who has an invitation. Gigs for which memory does not suffice drop out. */
static bool
receive_invited(TupleTableSlot *slot, DestReceiver *self)
{
	PassReceiver *receiver = (PassReceiver *) self;
	Pass	   *pass = receiver->pass;
	PassGig    *gig = receiver->gig;
	ResultRow	row = result_slot(slot);
	int64		id = result_int64(&row);
	int64		worker_id = result_int64(&row);

	result_end(&row);
	if (gig == NULL || gig->id != id)
		gig = receiver->gig = find_gig(pass, id);
	if (gig == NULL || gig->dropped)
		return true;
	if (gig->ninvited == gig->max_invited)
	{
		int			grown = Max(64, gig->max_invited * 2);

		pass->memory += (int64) (grown - gig->max_invited) * sizeof(int64);
		if (pass->memory > wave_memory * INT64CONST(1024))
		{
			pass->memory -= (int64) grown * sizeof(int64);
			if (gig->invited != NULL)
				pfree(gig->invited);
			gig->invited = NULL;
			gig->dropped = true;
			return true;
		}
		gig->max_invited = grown;
		gig->invited = gig->invited == NULL ?
			MemoryContextAlloc(pass->context, mul_size(grown, sizeof(int64))) :
			repalloc_huge(gig->invited, mul_size(grown, sizeof(int64)));
	}
	gig->invited[gig->ninvited++] = worker_id;
	return true;
}

/* What the gigs need: which of them look for workers, and for whom. */
static void
count_needs(Pass *pass)
{
	QueryArgs	args = {&needs_query};
	ResultRow	row;

	arg_int64_array(&args, pass->ids, pass->nids);
	arg_timestamptz(&args, pass->now);
	arg_int64(&args, gig_state_place(pass->space));
	query_run(pass->space, &args);
	row = result_row(0);
	pass->need[PASS_ALL] = result_int32(&row);
	pass->need[PASS_CHANGED] = result_int32(&row);
	if (pass->need[PASS_CHANGED] > 0)
	{
		pass->first_since = result_transaction(&row);
		pass->median_since = result_transaction(&row);
	}
	query_free();
}

/* How many workers have changed since; more than "limit" are not counted. */
static int64
count_changed(Pass *pass, FullTransactionId since, double limit)
{
	QueryArgs	args = {&changed_query};
	ResultRow	row;
	int64		count;

	arg_transaction(&args, since);
	arg_transaction(&args, ReadNextFullTransactionId());
	arg_int64(&args, (int64) Min(limit, PG_INT32_MAX) + 1);
	query_run(pass->space, &args);
	row = result_row(0);
	count = result_int64(&row);
	result_end(&row);
	query_free();
	return count;
}

static void
load_gigs(Pass *pass)
{
	QueryArgs	args = {&gigs_query};

	pass->gigs = MemoryContextAllocHuge(pass->context, mul_size(pass->nids, sizeof(PassGig)));
	pass->base = MemoryContextMemAllocated(pass->context, true);
	arg_int64_array(&args, pass->ids, pass->nids);
	arg_timestamptz(&args, pass->now);
	arg_int64(&args, gig_state_place(pass->space));
	receive_rows(pass, &args, receive_gig);
	pass->memory += filters_memory(pass);

	/* What was not taken in for want of memory comes behind what was. */
	if (pass->is_full)
		for (pass->covered = 0; pass->covered < pass->nids; pass->covered++)
			if (pass->ids[pass->covered] == pass->gigs[pass->ngigs - 1].id)
			{
				pass->covered++;
				break;
			}

	qsort(pass->gigs, pass->ngigs, sizeof(PassGig), compare_gigs);
}

/* Who is invited already, to gigs that look at all workers. */
static void
load_invited(Pass *pass)
{
	int64	   *with = palloc(mul_size((Size) pass->ngigs + 1, sizeof(int64)));
	int			nwith = 0;

	for (int i = 0; i < pass->ngigs; i++)
		if (pass->gigs[i].has_invitations && pass->gigs[i].part == PASS_ALL)
			with[nwith++] = pass->gigs[i].id;
	if (nwith > 0)
	{
		QueryArgs	args = {&invited_query};

		arg_int64_array(&args, with, nwith);
		receive_rows(pass, &args, receive_invited);
	}
	pfree(with);
}

/* Who is, of some of the changed workers found. */
static void
load_invited_pairs(Pass *pass, const int64 *gigs, const int64 *workers, int npairs)
{
	QueryArgs	args = {&invited_of_query};

	if (npairs == 0)
		return;
	arg_int64_array(&args, gigs, npairs);
	arg_int64_array(&args, workers, npairs);
	receive_rows(pass, &args, receive_invited);
}

/* Who is, of all of them: those of a gig at once, which keeps them in order. */
static void
load_invited_of_changed(Pass *pass)
{
	int64	   *gigs = NULL;
	int64	   *workers = NULL;
	int			max_pairs = 0;
	int			npairs = 0;

	for (int i = 0; i < pass->ngigs; i++)
	{
		PassGig    *gig = &pass->gigs[i];

		if (gig->part != PASS_CHANGED || !gig->has_invitations || gig->heap.size == 0)
			continue;
		if (npairs + gig->heap.size > Max(max_pairs, PAIRS_AT_ONCE))
		{
			load_invited_pairs(pass, gigs, workers, npairs);
			npairs = 0;
		}
		if (npairs + gig->heap.size > max_pairs)
		{
			max_pairs = Max(gig->heap.size, PAIRS_AT_ONCE);
			gigs = gigs == NULL ? palloc(mul_size(max_pairs, sizeof(int64))) :
				repalloc(gigs, mul_size(max_pairs, sizeof(int64)));
			workers = workers == NULL ? palloc(mul_size(max_pairs, sizeof(int64))) :
				repalloc(workers, mul_size(max_pairs, sizeof(int64)));
		}
		for (int c = 0; c < gig->heap.size; c++)
		{
			gigs[npairs] = gig->id;
			workers[npairs++] = gig->heap.candidates[c].id;
		}
	}
	load_invited_pairs(pass, gigs, workers, npairs);
}

/*
 * ---- Workers
 */

static bool
is_invited(const PassGig *gig, int64 worker)
{
	int			low = 0;
	int			high = gig->ninvited;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (gig->invited[middle] == worker)
			return true;
		if (gig->invited[middle] < worker)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* Bytes of the heap that its limit at first did not count. */
static int64
heap_memory(const PassGig *gig)
{
	return gig->heap.key_space +
		Max(gig->heap.allocated - gig->proposed, 0) * (int64) CANDIDATE_SIZE;
}

/* A worker of the chunk who may match. */
static void
consider(Pass *pass, PassGig *gig, int row)
{
	uint32		turn = wave_lot_turn(pass->lot[row], gig->start);
	Candidate	candidate = {NULL};

	if (gig->sort == NULL && wave_heap_refuses_turn(&gig->heap, turn))
	{
		gig->heap.overflown = true;
		return;
	}
	candidate.turn = turn;
	candidate.id = pass->worker[row];
	candidate.place = pass->place[row];
	candidate.xmin = pass->xmin[row];
	if (gig->sort != NULL)
	{
		resetStringInfo(&pass->key);
		sort_key_append(&pass->key, gig->sort, &pass->profile[row]->root);
		candidate.key = pass->key.data;
		candidate.key_len = pass->key.len;
	}
	if (!wave_heap_accepts(&gig->heap, &candidate))
	{
		gig->heap.overflown = true;
		return;
	}
	if ((!wave_predicates_exact(gig->program) &&
		 !filter_matches(gig->filter, &pass->profile[row]->root)) ||
		is_invited(gig, pass->worker[row]))
		return;
	pass->memory -= heap_memory(gig);
	wave_heap_keep(&gig->heap, &candidate);
	pass->memory += heap_memory(gig);
	if (heap_memory(gig) > 0 && pass->memory > wave_memory * INT64CONST(1024))
	{
		pass->memory -= heap_memory(gig);
		wave_heap_forget(&gig->heap);
		gig->dropped = true;
	}
}

/* Where so many match, the first of them by lot are found at once. */
static void
drop_broad(Pass *pass)
{
	for (int i = 0; i < pass->ngigs; i++)
		if (pass->gigs[i].sort == NULL && !pass->gigs[i].dropped &&
			pass->gigs[i].matched > pass->seen * BROAD_FRACTION)
			pass->gigs[i].dropped = true;
}

static void
finish_chunk(Pass *pass)
{
	PredicateSet *predicates = pass->predicates[pass->part];
	MemoryContext old = MemoryContextSwitchTo(pass->context);

	wave_predicates_finish(predicates);
	for (int i = 0; i < pass->ngigs; i++)
	{
		PassGig    *gig = &pass->gigs[i];
		int64		gig_since = (int64) U64FromFullTransactionId(gig->since);
		uint64		words[CHUNK_WORDS];

		if (gig->dropped || gig->part != pass->part)
			continue;
		if (i % 64 == 0)
			CHECK_FOR_INTERRUPTS();
		wave_predicates_evaluate(predicates, gig->program, words);
		for (int w = 0; w * 64 < pass->nrows; w++)
		{
			uint64		word = words[w];

			if (pass->nrows - w * 64 < 64)
				word &= (UINT64CONST(1) << (pass->nrows - w * 64)) - 1;
			while (word != 0)
			{
				int			row = w * 64 + pg_rightmost_one_pos64(word);

				word &= word - 1;
				if (pass->part == PASS_CHANGED && pass->changed_in[row] < gig_since)
					continue;
				gig->matched++;
				consider(pass, gig, row);
				if (gig->dropped)
					break;
			}
			if (gig->dropped)
				break;
		}
	}
	if (pass->seen < BROAD_SAMPLE && pass->seen + pass->nrows >= BROAD_SAMPLE &&
		wave_search == WAVE_SEARCH_AUTO && pass->part == PASS_ALL)
	{
		pass->seen += pass->nrows;
		drop_broad(pass);
	}
	else
		pass->seen += pass->nrows;
	pass->report(pass->report_arg, pass->seen);
	pass->nrows = 0;
	MemoryContextReset(pass->chunk);
	wave_predicates_clear(predicates);
	MemoryContextSwitchTo(old);
}

static bool
receive_worker(TupleTableSlot *slot, DestReceiver *self)
{
	Pass	   *pass = ((PassReceiver *) self)->pass;
	int			column = 3;
	MemoryContext old;
	Jsonb	   *profile;

	slot_getallattrs(slot);
	if (slot->tts_isnull[0] || slot->tts_isnull[1] || slot->tts_isnull[2])
		return true;
	old = MemoryContextSwitchTo(pass->chunk);
	profile = (Jsonb *) PG_DETOAST_DATUM_COPY(slot->tts_values[2]);
	pass->worker[pass->nrows] = DatumGetInt64(slot->tts_values[0]);
	pass->lot[pass->nrows] = DatumGetInt32(slot->tts_values[1]);
	pass->profile[pass->nrows] = profile;
	/* It is compared in the query. */
	if (pass->part == PASS_CHANGED)
		pass->changed_in[pass->nrows] = DatumGetInt64(slot->tts_values[column++]);
	if (pass->has_places)
	{
		pass->place[pass->nrows] = *(ItemPointer) DatumGetPointer(slot->tts_values[column++]);
		pass->xmin[pass->nrows] = DatumGetTransactionId(slot->tts_values[column]);
	}
	wave_predicates_document(pass->predicates[pass->part], pass->nrows, &profile->root);
	MemoryContextSwitchTo(old);
	if (++pass->nrows == CHUNK_ROWS ||
		MemoryContextMemAllocated(pass->chunk, false) > CHUNK_MEMORY)
		finish_chunk(pass);
	return true;
}

/*
 * ---- The pass
 */

/* Is the table worker, which this transaction holds, a heap and one table only? */
static bool
has_places(Oid space)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(shard_relation(space, "worker")));
	Form_pg_class class;
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	class = (Form_pg_class) GETSTRUCT(tuple);
	result = class->relkind == RELKIND_RELATION && class->relam == HEAP_TABLE_AM_OID &&
		!class->relhassubclass;
	ReleaseSysCache(tuple);
	return result;
}

/* What so many searches take, each of a gig alone, in workers of a pass. */
static double
searches_cost(int ngigs, double workers)
{
	return ngigs * (SEARCH_COST + sqrt(Max(workers, 0)) * SEARCH_COST_PER_ROOT) /
		PASS_COST_PER_WORKER;
}

static bool
is_worthwhile(int ngigs, double workers)
{
	if (wave_search != WAVE_SEARCH_AUTO)
		return wave_search == WAVE_SEARCH_BATCH && ngigs > 0;
	return workers >= 0 && ngigs > 1 && searches_cost(ngigs, workers) > workers;
}

/*
 * The same for the gigs that look at changed workers: if nobody has, they need none.
 * One that has not looked for long shall not have all of them look at many: then
 * those that have looked last, half of them, have a pass of their own.
 */
static bool
is_worthwhile_for_changed(Pass *pass, double workers)
{
	int			ngigs = pass->need[PASS_CHANGED];
	double		few = ngigs * SEARCH_COST / PASS_COST_PER_WORKER;
	double		many = searches_cost(ngigs, workers);
	int64		changed;
	int64		recently;

	pass->changed_since = pass->first_since;
	if (wave_search != WAVE_SEARCH_AUTO || ngigs <= 1)
		return wave_search == WAVE_SEARCH_BATCH && ngigs > 0 &&
			count_changed(pass, pass->first_since, 0) > 0;

	changed = count_changed(pass, pass->first_since, many);
	if (changed <= few)
		return changed > 0;
	recently = count_changed(pass, pass->median_since, few / 2);
	if (recently <= few / 2)
	{
		pass->changed_since = pass->median_since;
		return recently > 0;
	}
	return changed <= many;
}

/* May a pass be worthwhile, whatever they need? */
static bool
may_be_worthwhile(int ngigs, double workers)
{
	return wave_search == WAVE_SEARCH_AUTO && ngigs >= FEW_GIGS ?
		true : is_worthwhile(ngigs, workers);
}

static void
look_at_workers(Pass *pass, PassPart part)
{
	QueryArgs	args = {&workers_query[part][pass->has_places]};
	int			ngigs = 0;

	for (int i = 0; i < pass->ngigs; i++)
		ngigs += pass->gigs[i].part == part;
	if (ngigs == 0)
		return;
	pass->part = part;
	pass->seen = 0;
	/* As of now: whoever changes later has an id beyond the horizon of the gigs. */
	if (part == PASS_CHANGED)
	{
		arg_transaction(&args, pass->changed_since);
		arg_transaction(&args, ReadNextFullTransactionId());
	}
	wave_predicates_clear(pass->predicates[part]);
	receive_rows(pass, &args, receive_worker);
	finish_chunk(pass);
	ereport(DEBUG1,
			(errmsg_internal("looked for workers of %d gigs in one pass over " INT64_FORMAT " %s",
							 ngigs, pass->seen,
							 part == PASS_CHANGED ? "changed workers" : "workers")));
}

/* An IsolatedWork: everything that touches the Space. */
static bool
run_pass(void *arg)
{
	Pass	   *pass = arg;
	double		workers = wave_workers_expected(pass->space);
	SpaceScope	scope;

	if (!space_visit(&scope, pass->space, pass->owner, true))
		return false;
	count_needs(pass);
	pass->worthwhile[PASS_ALL] = is_worthwhile(pass->need[PASS_ALL], workers);
	pass->worthwhile[PASS_CHANGED] = is_worthwhile_for_changed(pass, workers);
	pass->covered = pass->nids;
	if (pass->worthwhile[PASS_ALL] || pass->worthwhile[PASS_CHANGED])
	{
		load_gigs(pass);
		load_invited(pass);
		pass->has_places = has_places(pass->space);
		for (PassPart part = 0; part < PASS_PARTS; part++)
			look_at_workers(pass, part);
		load_invited_of_changed(pass);
		/* A table that inherits from it may have been made until the statements began. */
		pass->has_places = pass->has_places && has_places(pass->space);
	}
	space_leave(&scope);
	return true;
}

/* Of so many gigs, those that memory is for at the very most. */
static int
limit_gigs(int ngigs)
{
	return (int) Min(ngigs, wave_memory * INT64CONST(512) / GIG_SIZE + 1);
}

/* Puts what was found for a gig in order, without those who are invited. */
static void
finish_gig(const Pass *pass, PassGig *gig, BatchedGig *found)
{
	Size		size = (Size) gig->heap.size + 1;
	int			n = 0;

	found->gig_id = gig->id;
	found->number = gig->number;
	found->filter_hash = gig->filter_hash;
	found->sort_hash = gig->sort_hash;
	found->since = gig->since;
	found->horizon = gig->horizon;
	found->complete = !gig->heap.overflown;
	found->ids = palloc(mul_size(size, sizeof(int64)));
	found->places = pass->has_places ? palloc(mul_size(size, sizeof(ItemPointerData))) : NULL;
	found->xmins = pass->has_places ? palloc(mul_size(size, sizeof(TransactionId))) : NULL;
	wave_heap_finish(&gig->heap, found->ids, found->places, found->xmins);
	for (int i = 0; i < gig->heap.size; i++)
	{
		if (gig->part == PASS_CHANGED && is_invited(gig, found->ids[i]))
			continue;
		if (n == gig->proposed)
		{
			found->complete = false;
			break;
		}
		found->ids[n] = found->ids[i];
		if (pass->has_places)
		{
			found->places[n] = found->places[i];
			found->xmins[n] = found->xmins[i];
		}
		n++;
	}
	found->nids = n;
}

static WaveBatch *
make_batch(const Pass *pass, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	WaveBatch  *batch = palloc0(sizeof(WaveBatch));

	batch->covered = pass->covered;
	batch->gigs = MemoryContextAllocHuge(context,
										 mul_size((Size) pass->ngigs + 1, sizeof(BatchedGig)));
	for (int i = 0; i < pass->ngigs; i++)
		if (!pass->gigs[i].dropped)
			finish_gig(pass, &pass->gigs[i], &batch->gigs[batch->ngigs++]);
	MemoryContextSwitchTo(old);
	return batch;
}

WaveBatch *
wave_batch(Oid space, Oid owner, const int64 *gigs, int ngigs, TimestampTz now,
		   MemoryContext context, WaveBatchReport report, void *arg)
{
	MemoryContext pass_context;
	MemoryContext old;
	Pass	   *pass;
	WaveBatch  *batch = NULL;
	ErrorData  *error;

	ngigs = limit_gigs(ngigs);
	if (!may_be_worthwhile(ngigs, wave_workers_expected(space)))
		return NULL;

	SPI_connect();
	pass_context = AllocSetContextCreate(CurrentMemoryContext, "cirro wave pass",
										 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(pass_context);
	pass = palloc0(sizeof(Pass));
	pass->space = space;
	pass->owner = owner;
	pass->ids = gigs;
	pass->nids = ngigs;
	pass->now = now;
	pass->report = report;
	pass->report_arg = arg;
	pass->context = pass_context;
	pass->chunk = GenerationContextCreate(pass_context, "cirro chunk", 64 * 1024, 1024 * 1024,
										  8 * 1024 * 1024);
	for (int part = 0; part < PASS_PARTS; part++)
		pass->predicates[part] = wave_predicates_make();
	initStringInfo(&pass->key);
	MemoryContextSwitchTo(old);

	if (run_isolated(run_pass, pass, &error) == ISOLATED_DONE)
		batch = make_batch(pass, context);
	else if (error != NULL)
		ereport(DEBUG1,
				(errmsg_internal("a pass over the workers failed: %s", error_summary(error))));
	MemoryContextDelete(pass_context);
	SPI_finish();
	return batch;
}

const BatchedGig *
wave_batch_find(const WaveBatch *batch, int64 gig_id)
{
	int			low = 0;
	int			high = batch == NULL ? 0 : batch->ngigs;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (batch->gigs[middle].gig_id == gig_id)
			return &batch->gigs[middle];
		if (batch->gigs[middle].gig_id < gig_id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
