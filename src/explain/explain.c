/*-------------------------------------------------------------------------
 * src/explain/explain.c
 *
 * cirro.explain_match(): each condition of a filter, what it wanted, what the
 * document has there, and whether it holds. Must not decide that itself: each
 * condition becomes a filter of its own, which the evaluator answers. Only how
 * $and, $or and $nor put the answers together is done here, to tell which of
 * them the whole result comes from.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "clock.h"
#include "compat.h"
#include "explain/tree.h"
#include "filter/bind.h"
#include "filter/eval.h"
#include "filter/io.h"
#include "filter/parse.h"
#include "json/glue.h"

PG_FUNCTION_INFO_V1(filter_explain_match);

/* Of the values that a path leads to no more are shown, but for the first. */
#define MAX_FOUND			1000
#define MAX_FOUND_BYTES		(1024 * 1024)

typedef enum PartKind
{
	PART_CONDITION,
	PART_AND,
	PART_OR,
	PART_NOR
} PartKind;

/* A part of the filter; parts come in preorder, like FilterNodes. */
typedef struct Part
{
	PartKind	kind;
	uint32		nparts;			/* of this one, itself included */
	bool		matched;
	bool		decides;
	const JsonTree *field;		/* of a condition: the member with its path, */
	const JsonTree *operand;	/* the member with its operator, or again the field */
	const JsonTree *options;	/* $options beside it, or NULL */
	uint32		field_at;		/* where the key of the field begins in the text */
	uint32		operand_at;
	FilterGigField gig;			/* it is about the gig, not the document */
} Part;

typedef struct Explanation
{
	const char *text;			/* the canonical text of the filter */
	const JsonbContainer *document;
	FilterMoment moment;
	MemoryContext scratch;
	Part	   *parts;
	uint32		nparts;
	uint32		max_parts;
} Explanation;

/*
 * ---- The filters of the conditions
 */

static void
put_member(StringInfo buf, const Explanation *x, uint32 key_at, const JsonTree *member)
{
	appendBinaryStringInfo(buf, x->text + key_at,
						   member->written_at + member->written_len - key_at);
}

/*
 * The condition as a filter. It is a part of the whole one, and no longer,
 * deeper or otherwise larger, so it passes every check that that one has passed.
 */
static FilterQuery *
filter_of(const Explanation *x, const Part *part)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	if (part->operand == part->field)
		put_member(&buf, x, part->field_at, part->field);
	else
	{
		appendBinaryStringInfo(&buf, x->text + part->field_at,
							   part->field->written_at - part->field_at);
		appendStringInfoChar(&buf, '{');
		put_member(&buf, x, part->operand_at, part->operand);
		if (part->options != NULL)
		{
			appendStringInfoString(&buf, ", \"$options\": ");
			put_member(&buf, x, part->options->written_at, part->options);
		}
		appendStringInfoChar(&buf, '}');
	}
	appendStringInfoChar(&buf, '}');
	return filter_query_from_text(buf.data, buf.len);
}

static bool
condition_matches(const Explanation *x, const Part *part)
{
	MemoryContext old = MemoryContextSwitchTo(x->scratch);
	bool		result = filter_matches(filter_of(x, part), x->document);

	MemoryContextSwitchTo(old);
	MemoryContextReset(x->scratch);
	return result;
}

/*
 * ---- The parts
 */

static uint32
begin_part(Explanation *x, PartKind kind)
{
	Part	   *part;

	if (x->nparts == x->max_parts)
	{
		x->max_parts = Max(16, x->max_parts * 2);
		x->parts = x->parts == NULL ? palloc(x->max_parts * sizeof(Part)) :
			repalloc(x->parts, x->max_parts * sizeof(Part));
	}
	part = &x->parts[x->nparts];
	memset(part, 0, sizeof(Part));
	part->kind = kind;
	return x->nparts++;
}

/* Closes a part with others in it, and puts their answers together. */
static void
end_part(Explanation *x, uint32 number)
{
	Part	   *part = &x->parts[number];
	bool		any = false;
	bool		all = true;

	part->nparts = x->nparts - number;
	for (uint32 i = number + 1; i < x->nparts; i += x->parts[i].nparts)
	{
		any |= x->parts[i].matched;
		all &= x->parts[i].matched;
	}
	part->matched = part->kind == PART_AND ? all : part->kind == PART_OR ? any : !any;
}

static void
add_condition(Explanation *x, const JsonTree *field, uint32 field_at,
			  const JsonTree *operand, uint32 operand_at)
{
	uint32		number = begin_part(x, PART_CONDITION);
	Part	   *part = &x->parts[number];

	part->nparts = 1;
	part->field = field;
	part->field_at = field_at;
	part->operand = operand;
	part->operand_at = operand_at;
	part->gig = filter_gig_field(field);
	if (operand != field && json_tree_key_is(operand, "$regex"))
		part->options = json_tree_member(field, "$options");
	part->matched = part->gig != FILTER_GIG_NONE ?
		filter_gig_holds(part->gig, operand, &x->moment) : condition_matches(x, part);
}

/* Where the key of a member begins: behind the brace, or what stands before. */
static uint32
key_at(const JsonTree *object, const JsonTree *before)
{
	if (before == NULL)
		return object->written_at + 1;
	return before->written_at + before->written_len + 2;
}

static void
read_filter(Explanation *x, const JsonTree *object)
{
	uint32		part = begin_part(x, PART_AND);
	const JsonTree *before = NULL;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	for (const JsonTree *m = object->child; m != NULL; before = m, m = m->next)
	{
		if (filter_is_operator_key(m) && filter_gig_field(m) == FILTER_GIG_NONE)
		{
			uint32		logical = begin_part(x, json_tree_key_is(m, "$and") ? PART_AND :
											 json_tree_key_is(m, "$or") ? PART_OR : PART_NOR);

			for (const JsonTree *c = m->child; c != NULL; c = c->next)
				read_filter(x, c);
			end_part(x, logical);
		}
		else if (filter_is_operators(m))
		{
			const JsonTree *before_operator = NULL;

			for (const JsonTree *o = m->child; o != NULL; before_operator = o, o = o->next)
				if (!json_tree_key_is(o, "$options"))
					add_condition(x, m, key_at(object, before), o, key_at(m, before_operator));
		}
		else
			add_condition(x, m, key_at(object, before), m, 0);
	}
	end_part(x, part);
}

/*
 * Marks what a part's answer comes from: of an $and that fails those that
 * fail, of an $or that holds those that hold, of a $nor that fails those that
 * hold; else all of them.
 */
static void
mark_deciding(Explanation *x, uint32 number)
{
	Part	   *part = &x->parts[number];
	uint32		end = number + part->nparts;

	check_stack_depth();
	for (uint32 i = number + 1; i < end; i += x->parts[i].nparts)
	{
		bool		matched = x->parts[i].matched;

		x->parts[i].decides = part->decides &&
			(part->kind == PART_AND ? part->matched || !matched :
			 part->kind == PART_OR ? !part->matched || matched :
			 part->matched || matched);
		mark_deciding(x, i);
	}
}

/*
 * ---- What the document has there
 */

typedef struct Found
{
	JsonView	views[MAX_FOUND];
	uint32		count;
	uint32		bytes;
} Found;

/* Bytes of an object or array: entries, and data up to the end of the last. */
static uint32
container_size(JsonView view)
{
	const JsonbContainer *container = (const JsonbContainer *) view.data;
	uint32		entries = JsonContainerSize(container) * (view.type == JSON_VIEW_OBJECT ? 2 : 1);

	return offsetof(JsonbContainer, children) + entries * sizeof(JEntry) +
		getJsonbOffset(container, entries);
}

static uint32
view_size(JsonView view)
{
	switch (view.type)
	{
		case JSON_VIEW_NUMBER:
			return VARSIZE_ANY(view.data);
		case JSON_VIEW_STRING:
			return view.len;
		case JSON_VIEW_OBJECT:
		case JSON_VIEW_ARRAY:
			return container_size(view);
		default:
			return 0;
	}
}

static bool
visit_found(void *arg, JsonView value, bool open)
{
	Found	   *found = arg;
	uint32		size = view_size(value);

	if (value.type == JSON_VIEW_MISSING)
		return false;
	if (found->count == MAX_FOUND ||
		(found->count > 0 && found->bytes + size > MAX_FOUND_BYTES))
		return true;
	found->views[found->count++] = value;
	found->bytes += size;
	return false;
}

/*
 * An array of the views; or the one view, if "scalar" is set, as jsonb keeps
 * it. The functions of jsonb.h recurse, and a document may be deep enough for
 * them to fail: what is in one already is copied as it is.
 */
static Jsonb *
jsonb_of_views(const JsonView *views, uint32 count, bool scalar)
{
	static const JEntry kinds[] = {
		[JSON_VIEW_NULL] = JENTRY_ISNULL,
		[JSON_VIEW_NUMBER] = JENTRY_ISNUMERIC,
		[JSON_VIEW_STRING] = JENTRY_ISSTRING,
		[JSON_VIEW_OBJECT] = JENTRY_ISCONTAINER,
		[JSON_VIEW_ARRAY] = JENTRY_ISCONTAINER,
		[JSON_VIEW_FALSE] = JENTRY_ISBOOL_FALSE,
		[JSON_VIEW_TRUE] = JENTRY_ISBOOL_TRUE
	};
	StringInfoData buf;
	uint32		header = offsetof(Jsonb, root) + offsetof(JsonbContainer, children) +
		count * sizeof(JEntry);
	JsonbContainer *root;

	initStringInfo(&buf);
	enlargeStringInfo(&buf, header);
	memset(buf.data, 0, header);
	buf.len = header;
	for (uint32 i = 0; i < count; i++)
	{
		uint32		start = buf.len;
		JEntry		entry = kinds[views[i].type];

		/* Padding counts to the value behind it. */
		if (entry == JENTRY_ISNUMERIC || entry == JENTRY_ISCONTAINER)
			json_glue_align(&buf);
		if (views[i].data != NULL)
			appendBinaryStringInfo(&buf, views[i].data, view_size(views[i]));
		/* Every so often there is the offset of the end instead of the length. */
		entry |= i % JB_OFFSET_STRIDE == 0 ? JENTRY_HAS_OFF | (buf.len - header) : buf.len - start;
		((Jsonb *) buf.data)->root.children[i] = entry;
	}
	root = &((Jsonb *) buf.data)->root;
	root->header = count | JB_FARRAY | (scalar ? JB_FSCALAR : 0);
	SET_VARSIZE(buf.data, buf.len);
	return (Jsonb *) buf.data;
}

/* The value that a field's path leads to, an array if they are several. */
static Jsonb *
found_at(const Explanation *x, const Part *part)
{
	MemoryContext old = MemoryContextSwitchTo(x->scratch);
	Found	   *found = palloc(sizeof(Found));
	FilterQuery *query;
	StringInfoData buf;
	Jsonb	   *result = NULL;

	if (part->gig != FILTER_GIG_NONE)
	{
		char	   *text = psprintf("\"%s\"", filter_gig_found(part->gig, &x->moment));

		MemoryContextSwitchTo(old);
		return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	}
	found->count = found->bytes = 0;
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	appendBinaryStringInfo(&buf, x->text + part->field_at,
						   part->field->written_at - part->field_at);
	appendStringInfoString(&buf, "{\"$exists\": true}}");
	query = filter_query_from_text(buf.data, buf.len);
	for (uint32 i = 0; i < query->nnodes; i++)
		if (query->nodes[i].op == FILTER_EXISTS)
			json_walk(json_view_root(x->document), filter_node_path(query, &query->nodes[i]),
					  visit_found, found);

	MemoryContextSwitchTo(old);
	if (found->count == 1 &&
		(found->views[0].type == JSON_VIEW_OBJECT || found->views[0].type == JSON_VIEW_ARRAY))
	{
		uint32		size = container_size(found->views[0]);

		result = palloc(VARHDRSZ + size);
		memcpy(&result->root, found->views[0].data, size);
		SET_VARSIZE(result, VARHDRSZ + size);
	}
	else if (found->count > 0)
		result = jsonb_of_views(found->views, found->count, found->count == 1);
	MemoryContextReset(x->scratch);
	return result;
}

/*
 * ---- The rows
 */

/* The operand; of $regex with $options both. */
static Datum
wanted_by(const Explanation *x, const Part *part)
{
	char	   *text = pnstrdup(x->text + part->operand->written_at, part->operand->written_len);

	if (part->options != NULL)
		text = psprintf("{\"$regex\": %s, \"$options\": %.*s}", text,
						(int) part->options->written_len,
						x->text + part->options->written_at);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
}

static void
put_row(const Explanation *x, ReturnSetInfo *rsinfo, const Part *part, Jsonb *found)
{
	MemoryContext old = MemoryContextSwitchTo(x->scratch);
	char		at[512];
	Datum		values[7];
	bool		nulls[7] = {false};

	json_tree_path(at, sizeof(at), part->operand);
	values[0] = PointerGetDatum(cstring_to_text_with_len(part->field->key, part->field->key_len));
	values[1] = part->operand == part->field ? CStringGetTextDatum("$eq") :
		PointerGetDatum(cstring_to_text_with_len(part->operand->key, part->operand->key_len));
	values[2] = wanted_by(x, part);
	values[3] = PointerGetDatum(found);
	nulls[3] = found == NULL;
	values[4] = BoolGetDatum(part->matched);
	values[5] = CStringGetTextDatum(at);
	values[6] = BoolGetDatum(part->decides);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(x->scratch);
}

/*
 * explain_match(profile jsonb, filter filter_text, moment timestamptz, gig_created_at
 * timestamptz, gig_start_at timestamptz) returns setof (path, operator, wanted,
 * found, matched, at, decides)
 */
Datum
filter_explain_match(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext context;
	MemoryContext old;
	Explanation x = {0};
	const JsonTree *field = NULL;
	Jsonb	   *found = NULL;

	/* The other way to a descriptor leaves memory with the query, for each call. */
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	context = AllocSetContextCreate(CurrentMemoryContext, "cirro explain_match",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	x.document = &PG_GETARG_JSONB_P(0)->root;
	x.scratch = AllocSetContextCreate(context, "cirro explain_match condition",
									  ALLOCSET_DEFAULT_SIZES);

	x.moment = filter_moment_of(fcinfo, 2);
	read_filter(&x, explain_tree(PG_GETARG_TEXT_PP(1), &x.moment, &x.text));
	x.parts[0].decides = true;
	mark_deciding(&x, 0);
	for (uint32 i = 0; i < x.nparts; i++)
	{
		const Part *part = &x.parts[i];

		CHECK_FOR_INTERRUPTS();
		if (part->kind != PART_CONDITION)
			continue;
		if (part->field != field)
		{
			if (found != NULL)
				pfree(found);
			field = part->field;
			found = found_at(&x, part);
		}
		put_row(&x, rsinfo, part, found);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}
