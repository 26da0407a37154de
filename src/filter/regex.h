/*-------------------------------------------------------------------------
 * src/filter/regex.h
 *
 * Regular expressions of filters; "options" are bits of FILTER_REGEX_I and so on.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_FILTER_REGEX_H
#define CIRRO_FILTER_REGEX_H

#include "postgres.h"

#include "json/walk.h"

/*
 * For FilterParser.check_pattern: can this pattern be stored? If not, writes
 * what is wrong with it.
 */
extern bool filter_regex_check(void *arg, const char *pattern, size_t len, int options,
							   char *wrong, size_t wrong_size);

/*
 * Is the pattern found in the string? What the engine gives up on (the stack
 * or memory is used up) is not found.
 */
extern bool filter_regex_matches(JsonView pattern, int options, JsonView subject);

/*
 * What every string begins with that the pattern finds; its length, 0 if that
 * cannot be told. "text" has room for FILTER_MAX_PATTERN bytes, which it may fill
 * whatever the pattern's length. *all says whether any string that begins so is
 * found.
 */
extern uint32 filter_regex_beginning(JsonView pattern, int options, char *text, bool *all);

#endif							/* CIRRO_FILTER_REGEX_H */
