/*-------------------------------------------------------------------------
 * src/json/number.h
 *
 * Bytes that memcmp puts in the order of the numbers.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_JSON_NUMBER_H
#define CIRRO_JSON_NUMBER_H

#include "postgres.h"

/* Bytes before the first group, and bytes of a group of four digits. */
#define JSON_NUMBER_HEAD		3
#define JSON_NUMBER_GROUP		2

/*
 * Writes the bytes of a Numeric: its sign, its weight and at most max_groups
 * groups of four digits, without needless zeros; zero is one byte. Returns
 * their number and in *sign -1, 0 or 1. *cut tells whether groups were left
 * out. The buffer has room for JSON_NUMBER_HEAD + max_groups groups.
 *
 * Of two numbers with the same beginning the longer one is further from zero,
 * so for negative ones something greater than any group has to end the bytes.
 */
extern int	json_number_bytes(char *buf, const char *number, int max_groups,
							  int *sign, bool *cut);

/* The number that bytes of json_number_bytes stand for, nearly. */
extern double json_number_value(const char *bytes, int len);

#endif							/* CIRRO_JSON_NUMBER_H */
