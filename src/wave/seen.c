/*-------------------------------------------------------------------------
 * src/wave/seen.c
 *
 * Reads a snapshot in the form that core writes, xmin:xmax:xip,...: it stands in a
 * table that its owner may have written anything into. Must not decide what is done
 * about it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"

#include "wave/seen.h"

/* A number, and what stands behind it. */
static bool
read_id(const char **text, int64 *id)
{
	char	   *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*id = strtoll(*text, &end, 10);
	*text = end;
	return errno == 0;
}

bool
seen_parse(const char *text, SeenSnapshot *seen)
{
	int64		xmin;
	int			max = 1;

	seen->nxip = 0;
	if (strlen(text) > SEEN_MAX_LENGTH ||
		!read_id(&text, &xmin) || *text++ != ':' ||
		!read_id(&text, &seen->xmax) || *text++ != ':')
		return false;
	for (const char *c = text; *c != '\0'; c++)
		max += *c == ',';
	seen->xip = palloc(max * sizeof(int64));
	/* Of transactions to come it cannot tell. */
	if ((uint64) seen->xmax > U64FromFullTransactionId(ReadNextFullTransactionId()))
		return false;
	while (*text != '\0')
	{
		int64		id;

		if (!read_id(&text, &id) || id >= seen->xmax ||
			(seen->nxip > 0 && id <= seen->xip[seen->nxip - 1]) ||
			(*text != '\0' && *text++ != ','))
			return false;
		seen->xip[seen->nxip++] = id;
	}
	return true;
}

int
seen_below(const SeenSnapshot *seen, int64 id)
{
	int			n = 0;

	while (n < seen->nxip && seen->xip[n] < id)
		n++;
	return n;
}
