/*-------------------------------------------------------------------------
 * src/wave/batch.c
 *
 * For many due gigs at once: one pass over the Space's active workers, in
 * chunks, instead of a search for each gig. Decides when that is worth it, and
 * which gigs take part. A pass only reads, in one statement's snapshot; waves
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

#include "filter/eval.h"
#include "filter/io.h"
#include "filter/order.h"
#include "gig/state.h"
#include "isolate.h"
#include "sort/key.h"
#include "space/query.h"
#include "space/scope.h"
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
#define GIG_SIZE				4096

/* Bytes of a candidate, here and as make_batch gives it. */
#define CANDIDATE_SIZE \
	(sizeof(Candidate) + sizeof(int64) + sizeof(ItemPointerData) + sizeof(TransactionId))

/* Bytes of documents at which a chunk ends early. */
#define CHUNK_MEMORY			(8 * 1024 * 1024)

/* As many workers cost a gig about as much as its part in a pass. */
#define FEW_CHANGED				"1000"

/* Of the first workers, matches of a gig whose own search ends early. */
#define BROAD_SAMPLE			2048
#define BROAD_FRACTION			0.2

typedef struct PassGig
{
	int64		id;
	int			number;
	int32		start;			/* of the lots */
	const FilterQuery *filter;
	const SortQuery *sort;		/* or NULL */
	uint64		filter_hash;
	uint64		sort_hash;
	PredicateProgram *program;
	WaveHeap	heap;
	FullTransactionId horizon;	/* as BatchedGig's */
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

	PassGig    *gigs;			/* by id */
	int			ngigs;
	int			covered;
	int64		memory;			/* what gigs want and filters take */
	int64		base;			/* allocated before the first gig */
	bool		is_full;		/* of gigs */
	PredicateSet *predicates;
	StringInfoData key;
	bool		has_places;		/* does a place tell a worker's row? */

	/* The chunk at hand. */
	MemoryContext chunk;
	int			nrows;
	int64		worker[CHUNK_ROWS];
	int32		lot[CHUNK_ROWS];
	const Jsonb *profile[CHUNK_ROWS];
	ItemPointerData place[CHUNK_ROWS];
	TransactionId xmin[CHUNK_ROWS];
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
 * A gig of a Space with setting.max_pending has to ask it for each worker. One
 * that has nothing to look at but a few changed workers does that alone.
 */
static const SpaceQuery gigs_query = {
	"SELECT g.id::bigint, (s.waves + 1)::int,"
	"   cirro.wave_wanted(s.target::int, s.accepted::int, g.invitation_multiplier::numeric),"
	"   f.filter::cirro.filter_query, f.sort::cirro.sort_query,"
	"   g.filter_query::jsonb, g.sort_query::jsonb,"
	"   EXISTS (SELECT FROM invitation i WHERE i.gig_id = g.id),"
	"   " OLDEST_TRANSACTION
	" FROM pg_catalog.unnest($1) WITH ORDINALITY AS due (id, place)"
	" JOIN gig g ON g.id = due.id JOIN gig_state s ON s.gig_id = g.id"
	" JOIN gig_filter f ON f.gig_id = g.id"
	" WHERE s.auto AND s.accepted < s.target AND s.closes_at > $2 AND s.next_wave_at <= $2"
	" AND NOT EXISTS (SELECT FROM setting t WHERE t.max_pending IS NOT NULL)"
	" AND (NOT coalesce(" STATE_SEARCHED("$3") ", false)"
	"   OR EXISTS (SELECT FROM worker w WHERE w.active AND w.changed_in >= s.searched"
	"     AND w.changed_in < $4 OFFSET " FEW_CHANGED "))"
	" ORDER BY due.place",
	4, {INT8ARRAYOID, TIMESTAMPTZOID, INT8OID, INT8OID}, PLAN_BY_KEY
};

static const SpaceQuery invited_query = {
	"SELECT i.gig_id::bigint, i.worker_id::bigint FROM invitation i WHERE i.gig_id = ANY ($1)"
	" ORDER BY i.gig_id, i.worker_id",
	1, {INT8ARRAYOID}, PLAN_BY_KEY
};

static const SpaceQuery workers_query = {
	"SELECT w.id::bigint, w.lot::int, w.profile::jsonb FROM worker w WHERE w.active"
};

static const SpaceQuery placed_workers_query = {
	"SELECT w.id::bigint, w.lot::int, w.profile::jsonb, w.ctid, w.xmin FROM worker w WHERE w.active"
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
	return Max((int64) pass->ngigs * GIG_SIZE,
			   (int64) MemoryContextMemAllocated(pass->context, true) - pass->base +
			   (int64) wave_predicates_words(pass->predicates));
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
	int64		size;

	/* Without its primary keys a Space may have several rows of a gig. */
	if (pass->ngigs == pass->nids)
		return false;
	id = result_int64(&row);
	number = result_int32(&row);
	wanted = result_int32(&row);
	if (wanted <= 0)
		return true;
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
	gig->heap.limit = wanted;
	gig->start = wave_lot_start(gig->id, gig->number);
	filter = result_datum(&row, InvalidOid);
	gig->filter = filter_query_reordered(DatumGetFilterQuery(filter));
	sort = result_null(&row) ? (Datum) 0 : result_datum(&row, InvalidOid);
	if (sort != 0)
		gig->sort = DatumGetSortQueryCopy(sort);
	gig->filter_hash = wave_batch_hash(result_datum(&row, JSONBOID));
	gig->sort_hash = wave_batch_hash(result_null(&row) ? (Datum) 0 : result_datum(&row, JSONBOID));
	gig->has_invitations = result_bool(&row);
	gig->horizon = result_transaction(&row);
	result_end(&row);
	gig->program = wave_predicates_add(pass->predicates, gig->filter);
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

static void
load_gigs(Pass *pass)
{
	QueryArgs	args = {&gigs_query};
	int64	   *with;
	int			nwith = 0;

	pass->gigs = MemoryContextAllocHuge(pass->context, mul_size(pass->nids, sizeof(PassGig)));
	pass->base = MemoryContextMemAllocated(pass->context, true);
	arg_int64_array(&args, pass->ids, pass->nids);
	arg_timestamptz(&args, pass->now);
	arg_int64(&args, gig_state_place(pass->space));
	arg_transaction(&args, ReadNextFullTransactionId());
	receive_rows(pass, &args, receive_gig);
	pass->memory += filters_memory(pass);

	/* What was not taken in for want of memory comes behind what was. */
	pass->covered = pass->nids;
	if (pass->is_full)
		for (pass->covered = 0; pass->covered < pass->nids; pass->covered++)
			if (pass->ids[pass->covered] == pass->gigs[pass->ngigs - 1].id)
			{
				pass->covered++;
				break;
			}

	qsort(pass->gigs, pass->ngigs, sizeof(PassGig), compare_gigs);
	with = palloc(mul_size((Size) pass->ngigs + 1, sizeof(int64)));
	for (int i = 0; i < pass->ngigs; i++)
		if (pass->gigs[i].has_invitations)
			with[nwith++] = pass->gigs[i].id;
	if (nwith > 0)
	{
		QueryArgs	of_gigs = {&invited_query};

		arg_int64_array(&of_gigs, with, nwith);
		receive_rows(pass, &of_gigs, receive_invited);
	}
	pfree(with);
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

/* A worker of the chunk who may match. */
static void
consider(Pass *pass, PassGig *gig, int row)
{
	Candidate	candidate = {
		.turn = wave_lot_turn(pass->lot[row], gig->start),
		.id = pass->worker[row],
		.place = pass->place[row],
		.xmin = pass->xmin[row]
	};

	if (gig->sort == NULL && wave_heap_refuses_turn(&gig->heap, candidate.turn))
	{
		gig->heap.overflown = true;
		return;
	}
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
	pass->memory -= gig->heap.key_space;
	wave_heap_keep(&gig->heap, &candidate);
	pass->memory += gig->heap.key_space;
	if (gig->sort != NULL && pass->memory > wave_memory * INT64CONST(1024))
	{
		pass->memory -= gig->heap.key_space;
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
	MemoryContext old = MemoryContextSwitchTo(pass->context);

	wave_predicates_finish(pass->predicates);
	for (int i = 0; i < pass->ngigs; i++)
	{
		PassGig    *gig = &pass->gigs[i];
		uint64		words[CHUNK_WORDS];

		if (gig->dropped)
			continue;
		if (i % 64 == 0)
			CHECK_FOR_INTERRUPTS();
		wave_predicates_evaluate(pass->predicates, gig->program, words);
		for (int w = 0; w * 64 < pass->nrows; w++)
		{
			uint64		word = words[w];

			if (pass->nrows - w * 64 < 64)
				word &= (UINT64CONST(1) << (pass->nrows - w * 64)) - 1;
			while (word != 0)
			{
				int			row = w * 64 + pg_rightmost_one_pos64(word);

				word &= word - 1;
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
		wave_search == WAVE_SEARCH_AUTO)
	{
		pass->seen += pass->nrows;
		drop_broad(pass);
	}
	else
		pass->seen += pass->nrows;
	pass->report(pass->report_arg, pass->seen);
	pass->nrows = 0;
	MemoryContextReset(pass->chunk);
	wave_predicates_clear(pass->predicates);
	MemoryContextSwitchTo(old);
}

static bool
receive_worker(TupleTableSlot *slot, DestReceiver *self)
{
	Pass	   *pass = ((PassReceiver *) self)->pass;
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
	if (pass->has_places)
	{
		pass->place[pass->nrows] = *(ItemPointer) DatumGetPointer(slot->tts_values[3]);
		pass->xmin[pass->nrows] = DatumGetTransactionId(slot->tts_values[4]);
	}
	wave_predicates_document(pass->predicates, pass->nrows, &profile->root);
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
	HeapTuple	tuple = SearchSysCache2(RELNAMENSP, CStringGetDatum("worker"),
										ObjectIdGetDatum(space));
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

/* An IsolatedWork: everything that touches the Space. */
static bool
run_pass(void *arg)
{
	Pass	   *pass = arg;
	SpaceScope	scope;

	if (!space_visit(&scope, pass->space, pass->owner, true))
		return false;
	load_gigs(pass);
	if (pass->ngigs > 0)
	{
		QueryArgs	workers = {&workers_query};

		pass->has_places = has_places(pass->space);
		if (pass->has_places)
			workers.query = &placed_workers_query;
		wave_predicates_clear(pass->predicates);
		receive_rows(pass, &workers, receive_worker);
		finish_chunk(pass);
		/* A table that inherits from it may have been made until the statement began. */
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

static bool
is_worthwhile(Oid space, int ngigs)
{
	double		workers = wave_workers_expected(space);

	if (wave_search != WAVE_SEARCH_AUTO)
		return wave_search == WAVE_SEARCH_BATCH;
	return workers >= 0 && ngigs > 1 &&
		ngigs * (SEARCH_COST + sqrt(workers) * SEARCH_COST_PER_ROOT) >
		workers * PASS_COST_PER_WORKER;
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
	{
		PassGig    *gig = &pass->gigs[i];
		BatchedGig *found = &batch->gigs[batch->ngigs];

		if (gig->dropped)
			continue;
		found->gig_id = gig->id;
		found->number = gig->number;
		found->filter_hash = gig->filter_hash;
		found->sort_hash = gig->sort_hash;
		found->horizon = gig->horizon;
		found->complete = !gig->heap.overflown;
		found->nids = gig->heap.size;
		found->ids = palloc(mul_size((Size) gig->heap.size + 1, sizeof(int64)));
		if (pass->has_places)
		{
			found->places = palloc(mul_size((Size) gig->heap.size + 1, sizeof(ItemPointerData)));
			found->xmins = palloc(mul_size((Size) gig->heap.size + 1, sizeof(TransactionId)));
		}
		else
		{
			found->places = NULL;
			found->xmins = NULL;
		}
		wave_heap_finish(&gig->heap, found->ids, found->places, found->xmins);
		batch->ngigs++;
	}
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
	if (ngigs == 0 || !is_worthwhile(space, ngigs))
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
	pass->predicates = wave_predicates_make();
	initStringInfo(&pass->key);
	MemoryContextSwitchTo(old);

	if (run_isolated(run_pass, pass, &error) == ISOLATED_DONE)
	{
		batch = make_batch(pass, context);
		ereport(DEBUG1,
				(errmsg_internal("looked for workers of %d gigs in one pass over " INT64_FORMAT " workers",
								 batch->ngigs, pass->seen)));
	}
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
