/*-------------------------------------------------------------------------
 * src/index/scatter.h
 *
 * In which order ANALYZE looks at the rows of its sample where it may stop
 * before it has seen all: they come in the order of the table, and what stands
 * together there is often alike.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_INDEX_SCATTER_H
#define CIRRO_INDEX_SCATTER_H

#include "postgres.h"

/* A step that comes by each of n rows before it comes by one again. */
static inline int
scattering_step(int n)
{
	int			step = (int) (n * 0.618) | 1;

	for (;; step++)
	{
		int			a = n;
		int			b = step;

		while (b != 0)
		{
			int			rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1)
			return step;
	}
}

#endif							/* CIRRO_INDEX_SCATTER_H */
