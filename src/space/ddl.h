/*-------------------------------------------------------------------------
 * src/space/ddl.h
 *
 * The text of install/space.sql, and what it makes.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_SPACE_DDL_H
#define CIRRO_SPACE_DDL_H

#include "space/list.h"

/* The DDL version that this library writes, and the oldest that it serves. */
#define CIRRO_DDL_VERSION		1
#define CIRRO_DDL_VERSION_MIN	1

/* Stands for the type of the application's ids in space.sql. */
#define SPACE_REF_TYPE "@ref_type@"

/* What space.sql makes, for checking that names are free and for dropping. */
#define SPACE_TABLES	14
#define SPACE_VIEWS		3
#define SPACE_FUNCTIONS	21

/*
 * Arguments tell a function from overloads that are not cirro's; they are written as
 * oidvectortypes() does.
 */
typedef struct SpaceFunction
{
	const char *name;
	const char *arguments;
} SpaceFunction;

extern const char *const space_tables[SPACE_TABLES];
extern const char *const space_views[SPACE_VIEWS];
extern const SpaceFunction space_functions[SPACE_FUNCTIONS];

/* The arguments of one, in parentheses, in a Space with ids of that type. */
extern const char *space_arguments(const SpaceFunction *function, const char *ref_type);

/*
 * One part of space.sql ("space_tables", "space_code"), with the type of the
 * application's ids filled in. The caller is connected to SPI.
 */
extern char *space_ddl(const char *part, const char *ref_type);

/*
 * Runs the commands of a text, one by one, so that an error shows the command
 * that failed and not all of them. The caller is connected to SPI.
 */
extern void space_run(const char *text);

/*
 * Runs what brings a Space that is there to the DDL of the two parts: of the
 * tables' text the triggers that are missing, of the code's text everything,
 * but a GRANT on a view only if the view was missing. What the owner has made
 * of triggers and rights since stays, and tables are locked for a trigger that
 * is missing only. The caller is connected to SPI.
 */
extern void space_run_again(const char *tables, const char *code, Oid space);

/* The type of the application's ids in a Space; 55000 if it is none of ours. */
extern const char *space_ref_type(const SpaceInfo *info);

#endif							/* CIRRO_SPACE_DDL_H */
