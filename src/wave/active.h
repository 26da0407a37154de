/*-------------------------------------------------------------------------
 * src/wave/active.h
 *
 * Whether cirro does work of its own accord in this database.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_WAVE_ACTIVE_H
#define CIRRO_WAVE_ACTIVE_H

#include "postgres.h"

/* The setting cirro.active. */
extern bool wave_active;

extern void wave_active_init(void);

#endif							/* CIRRO_WAVE_ACTIVE_H */
