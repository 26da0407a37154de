/*-------------------------------------------------------------------------
 * src/wave/seen.h
 *
 * A snapshot that is kept as text (pg_snapshot): which transactions had ended.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_SEEN_H
#define CIRRO_WAVE_SEEN_H

#include "postgres.h"

/* All ids below xmax had ended but those in xip, in ascending order. */
typedef struct SeenSnapshot
{
	int64		xmax;
	int			nxip;
	int64	   *xip;
} SeenSnapshot;

/* No server has as many transactions at once as would take more characters. */
#define SEEN_MAX_LENGTH		8388608

/* In the current context; false if the text is no snapshot of this server. */
extern bool seen_parse(const char *text, SeenSnapshot *seen);

/* Those of xip that are below an id come first: how many? */
extern int	seen_below(const SeenSnapshot *seen, int64 id);

#endif							/* CIRRO_WAVE_SEEN_H */
