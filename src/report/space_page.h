/*-------------------------------------------------------------------------
 * src/report/space_page.h
 *
 * The page of a Space.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_REPORT_SPACE_PAGE_H
#define CIRRO_REPORT_SPACE_PAGE_H

#include "report/page.h"

/* The caller is connected to SPI. */
extern void space_page(Report *report);

#endif							/* CIRRO_REPORT_SPACE_PAGE_H */
