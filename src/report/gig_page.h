/*-------------------------------------------------------------------------
 * src/report/gig_page.h
 *
 * The page of a gig.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_REPORT_GIG_PAGE_H
#define CIRRO_REPORT_GIG_PAGE_H

#include "report/page.h"

/* The caller is connected to SPI. Raises UG002 for a gig that it does not see. */
extern void gig_page(Report *report, int64 gig_id);

#endif							/* CIRRO_REPORT_GIG_PAGE_H */
