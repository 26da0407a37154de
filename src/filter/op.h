/*-------------------------------------------------------------------------
 * src/filter/op.h
 *
 * The operators that a filter consists of once it is parsed, by the codes with
 * which they are stored: never change one, only add. Plain C like json/tree.h.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_FILTER_OP_H
#define CIRRO_FILTER_OP_H

/*
 * What a node asks. Operators without a code of their own are written with
 * others: $ne is NOT EQ, $nin NOT IN, $nor NOT OR, $all AND of EQ,
 * {"$exists": false} NOT EXISTS; $gte and $lte null are EQ null.
 */
typedef enum FilterOp
{
	FILTER_AND = 1,				/* every child */
	FILTER_OR = 2,				/* any child; without children: never */
	FILTER_NOT = 3,				/* not its one child */
	FILTER_EQ = 10,
	FILTER_GT = 11,
	FILTER_GTE = 12,
	FILTER_LT = 13,
	FILTER_LTE = 14,
	FILTER_IN = 15,
	FILTER_EXISTS = 20,
	FILTER_TYPE = 21,
	FILTER_SIZE = 22,
	FILTER_MOD = 23,
	FILTER_REGEX = 24,
	FILTER_ELEM_VALUE = 30,		/* an element meets the child */
	FILTER_ELEM_OBJECT = 31		/* an object or array among them does */
} FilterOp;

/* Bits of FILTER_TYPE. */
#define FILTER_TYPE_NULL	0x01
#define FILTER_TYPE_NUMBER	0x02
#define FILTER_TYPE_STRING	0x04
#define FILTER_TYPE_OBJECT	0x08
#define FILTER_TYPE_ARRAY	0x10
#define FILTER_TYPE_BOOL	0x20

/* Options of FILTER_REGEX. */
#define FILTER_REGEX_I		0x01	/* ignore case */
#define FILTER_REGEX_M		0x02	/* ^ and $ match at lines */
#define FILTER_REGEX_S		0x04	/* . matches a line break */
#define FILTER_REGEX_X		0x08	/* blanks and comments in the pattern */

#endif							/* CIRRO_FILTER_OP_H */
