/*-------------------------------------------------------------------------
 * src/index/profile_key_io.h
 *
 * Keys as people read them.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_INDEX_PROFILE_KEY_IO_H
#define CIRRO_INDEX_PROFILE_KEY_IO_H

#include "postgres.h"
#include "lib/stringinfo.h"

#include "index/profile_key.h"

/* Append the path of a key, or its value; any bytes are shown as something. */
extern void profile_key_show_path(StringInfo buf, const char *key, int len);
extern void profile_key_show_value(StringInfo buf, const char *key, int len);

#endif							/* CIRRO_INDEX_PROFILE_KEY_IO_H */
