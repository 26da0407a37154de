/*-------------------------------------------------------------------------
 * src/gig/consumer.c
 *
 * Who may be told of events, and of which: refuses names and kinds that nobody
 * could mean. It looks at the row alone and locks nothing.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "cirro.h"
#include "gig/event.h"
#include "gig/trigger.h"

PG_FUNCTION_INFO_V1(consumer_check);

/* The longest name, in bytes. It is a key of each notification. */
#define MAX_NAME_LENGTH 255

enum
{
	NAME, KINDS, CREATED_AT, NCOLUMNS
};

static const TriggerColumn columns[NCOLUMNS] = {
	[NAME] = {"name", TEXTOID},
	[KINDS] = {"kinds", TEXTARRAYOID},
	[CREATED_AT] = {"created_at", TIMESTAMPTZOID},
};

static void
check_name(const TriggerRow *row)
{
	text	   *name;
	int			length;

	if (row_isnull(row, NAME))
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("the name of a consumer cannot be null"),
				 errhint("Give the name that claim_notifications() is to be called with."),
				 trigger_errcolumn(row->rel, columns[NAME].name, NULL)));

	name = DatumGetTextPP(row_value(row, NAME));
	length = VARSIZE_ANY_EXHDR(name);
	if (length == 0)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("the name of a consumer cannot be empty"),
				 errhint("Give the name that claim_notifications() is to be called with."),
				 trigger_errcolumn(row->rel, columns[NAME].name, "consumer_name_check")));
	if (length > MAX_NAME_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("the name of a consumer is too long"),
				 errdetail("It has %d bytes; at most %d are allowed.", length, MAX_NAME_LENGTH),
				 errhint("Give a shorter name; it is stored with each notification."),
				 trigger_errcolumn(row->rel, columns[NAME].name, "consumer_name_check")));
}

static void
check_kinds(const TriggerRow *row)
{
	Datum	   *kinds;
	bool	   *nulls;
	int			nkinds;

	if (row_isnull(row, KINDS))
		return;
	deconstruct_array(DatumGetArrayTypeP(row_value(row, KINDS)),
					  TEXTOID, -1, false, TYPALIGN_INT, &kinds, &nulls, &nkinds);
	for (int i = 0; i < nkinds; i++)
	{
		text	   *kind = nulls[i] ? NULL : DatumGetTextPP(kinds[i]);

		if (kind == NULL || !event_is_kind(VARDATA_ANY(kind), VARSIZE_ANY_EXHDR(kind)))
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("consumer \"%s\" is to hear of an unknown kind of event",
							TextDatumGetCString(row_value(row, NAME))),
					 kind == NULL ? errdetail("One of its kinds is NULL.")
					 : errdetail("There is no kind \"%.*s\".",
								 pg_mbcliplen(VARDATA_ANY(kind), VARSIZE_ANY_EXHDR(kind),
											  MAX_NAME_LENGTH), VARDATA_ANY(kind)),
					 errhint("The kinds are %s; NULL in place of the array stands for all.",
							 event_kinds_listed()),
					 trigger_errcolumn(row->rel, columns[KINDS].name, "consumer_kinds_check")));
	}
}

/*
 * consumer, BEFORE INSERT OR UPDATE, row. Errors: 23502, 23514.
 */
Datum
consumer_check(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_data(fcinfo, "consumer_check",
										 TRIGGER_EVENT_BEFORE | TRIGGER_EVENT_ROW,
										 TRIGGER_ON(TRIGGER_EVENT_INSERT) |
										 TRIGGER_ON(TRIGGER_EVENT_UPDATE));
	TriggerRow	row;

	trigger_row_init(&row, trigdata->tg_relation,
					 TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event) ? trigdata->tg_newtuple
					 : trigdata->tg_trigtuple,
					 columns, NCOLUMNS);
	check_name(&row);
	check_kinds(&row);
	if (row_isnull(&row, CREATED_AT))
		trigger_row_set(&row, CREATED_AT, TimestampTzGetDatum(cirro_now()));
	return PointerGetDatum(trigger_row_tuple(&row));
}
