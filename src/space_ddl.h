/*-------------------------------------------------------------------------
 * src/space_ddl.h
 *
 * The text of install/space.sql, and what it makes.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_SPACE_DDL_H
#define CIRRO_SPACE_DDL_H

#include "space_list.h"

/* Stands for the type of the application's ids in space.sql. */
#define SPACE_REF_TYPE "@ref_type@"

/* What space.sql makes, for checking that names are free and for dropping. */
#define SPACE_TABLES	8
#define SPACE_VIEWS		3
#define SPACE_FUNCTIONS	19

/* Arguments tell a function from overloads that are not cirro's. */
typedef struct SpaceFunction
{
	const char *name;
	const char *arguments;
} SpaceFunction;

extern const char *const space_tables[SPACE_TABLES];
extern const char *const space_views[SPACE_VIEWS];
extern const SpaceFunction space_functions[SPACE_FUNCTIONS];

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

/* The type of the application's ids in a Space; 55000 if it is none of ours. */
extern const char *space_ref_type(const SpaceInfo *info);

#endif							/* CIRRO_SPACE_DDL_H */
