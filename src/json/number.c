/*-------------------------------------------------------------------------
 * src/json/number.c
 *
 * Decides the bytes that stand for a number where bytes are compared: in sort
 * keys and in index keys. Reads the binary format of numeric, which is public,
 * and must not look into its stored form.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "utils/fmgrprotos.h"

#include "compat.h"
#include "json/number.h"

int
json_number_bytes(char *buf, const char *number, int max_groups, int *sign, bool *cut)
{
	bytea	   *sent = DatumGetByteaPP(DirectFunctionCall1(numeric_send, PointerGetDatum(number)));
	const unsigned char *words = (const unsigned char *) VARDATA_ANY(sent);
	char	   *out = buf;
	uint16		weight;
	int			ngroups;
	char		flip;

#define WORD(i) ((uint16) (words[2 * (i)] << 8 | words[2 * (i) + 1]))

	ngroups = WORD(0);
	while (ngroups > 0 && WORD(4 + ngroups - 1) == 0)
		ngroups--;
	*cut = ngroups > max_groups;
	if (ngroups == 0)
	{
		*sign = 0;
		*out++ = 1;
		pfree(sent);
		return 1;
	}
	*sign = WORD(2) != 0 ? -1 : 1;
	*out++ = *sign < 0 ? 0 : 2;
	flip = *sign < 0 ? (char) 0xFF : 0;
	weight = (uint16) ((int16) WORD(1) + 32768);
	*out++ = (char) (weight >> 8) ^ flip;
	*out++ = (char) (weight & 0xFF) ^ flip;
	for (int i = 0; i < Min(ngroups, max_groups); i++)
	{
		/* They count from 1, so that a 0 can end them. */
		uint16		group = WORD(4 + i) + 1;

		*out++ = (char) (group >> 8) ^ flip;
		*out++ = (char) (group & 0xFF) ^ flip;
	}
	pfree(sent);
	return out - buf;
#undef WORD
}

double
json_number_value(const char *bytes, int len)
{
	const unsigned char *b = (const unsigned char *) bytes;
	unsigned char flip;
	int			weight;
	double		value = 0;

	if (len < JSON_NUMBER_HEAD || b[0] == 1)
		return 0;
	flip = b[0] == 0 ? 0xFF : 0;
	weight = ((b[1] ^ flip) << 8 | (b[2] ^ flip)) - 32768;
	for (int i = JSON_NUMBER_HEAD; i + 1 < len; i += JSON_NUMBER_GROUP)
	{
		int			group = ((b[i] ^ flip) << 8 | (b[i + 1] ^ flip)) - 1;

		if (group >= 0)
			value += group * pow(10000, weight);
		weight--;
	}
	return b[0] == 0 ? -value : value;
}
