/* SPDX-License-Identifier: MIT */
/* report_html.h: the report that one looks at: a page that is one file.
 *
 *     headline       kept, exceeded or ended at the wall, and by how much
 *     timeline       resident and live bytes against the budget, with what happened
 *     memory         what the peak was made of; what was written down at the wall
 *     next           advice.h
 *     settings       what the runtime was told, and why
 *     price          what other budgets would cost in garbage collection, where two runs tell
 *     measured       the command line, and how the figures came about
 *
 * It needs no network and says so to the browser (a policy that permits nothing else); it is whole
 * without JavaScript, which adds only the readout of a moment; it is light or dark as the reader's
 * system is, can be printed, and each picture has its figures as text beside it.
 *
 * What comes from outside goes through html_text.h, without exception.
 * Documented in docs/reference/report-html.md.
 */
#ifndef UL_LAUNCH_REPORT_HTML_H
#define UL_LAUNCH_REPORT_HTML_H

#include "launch/advice.h"
#include "launch/knobs.h"
#include "launch/price.h"
#include "launch/supervise.h"
#include "launch/timeline.h"

/* The price curve, and the runs that it rests on. */
typedef struct ul_report_price {
  bool                  valid;
  ul_price              price;
  const ul_price_point *points;
  size_t                count;
  uint64_t              limit_bytes; /* of the heap in this run; 0: not known */
} ul_report_price;

typedef struct ul_report_view {
  const ul_run_result   *result;
  char *const           *arguments;
  const ul_timeline     *timeline;
  const ul_peak_parts   *parts; /* NULL or not valid: the heap could not be looked into */
  const ul_knobs        *knobs; /* NULL: no budget, so nothing was set */
  const ul_report_price *price; /* NULL or not valid: no two runs to go by */
} ul_report_view;

/* The page; the caller frees it. NULL: no memory. */
char *ul_report_html(const ul_report_view *view);

#endif
