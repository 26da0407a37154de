/*-------------------------------------------------------------------------
 * src/gig/key.c
 *
 * Finds gigs by their filters.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "gig/key.h"
#include "space/query.h"

static const SpaceQuery match_query = {
	"SELECT f.gig_id::bigint FROM gig_filter f WHERE $1 OPERATOR(cirro.@@) f.filter ORDER BY f.gig_id",
	1, {JSONBOID}
};

int64 *
gig_key_match(Oid space, Jsonb *document, int *n)
{
	QueryArgs	args = {&match_query};
	int64	   *gigs;

	arg_datum(&args, JSONBOID, JsonbPGetDatum(document), false);
	*n = (int) query_run(space, &args);
	gigs = palloc(mul_size((Size) *n + 1, sizeof(int64)));
	for (int i = 0; i < *n; i++)
	{
		ResultRow	row = result_row(i);

		gigs[i] = result_int64(&row);
		result_end(&row);
	}
	query_free();
	return gigs;
}
