/* SPDX-License-Identifier: MIT */
/* run_html.h: between a run and its page (launch/report_html.h): what is seen during the run is
 * collected here, and the page written from it.
 *
 * Costs nothing where no page was asked for. Of a run with one, the heaps are looked into when a new
 * peak is reached, at most ten times a second.
 */
#ifndef UL_CLI_RUN_HTML_H
#define UL_CLI_RUN_HTML_H

#include "launch/report.h"
#include "launch/report_html.h"

typedef struct ul_run_html {
  bool          wanted;
  ul_timeline   timeline;
  ul_peak_parts parts;
  uint64_t      parts_due_ns;
} ul_run_html;

/* Is a page meant by that name? `path` may be NULL. */
bool ul_run_html_names(const char *path);

void ul_run_html_begin(ul_run_html *html, const char *path, uint64_t budget_bytes);
void ul_run_html_look(ul_run_html *html, const ul_watch *watch);
/* So many collections since the last time. */
void ul_run_html_collections(ul_run_html *html, uint64_t count, uint64_t at_ns);
void ul_run_html_mark(ul_run_html *html, enum ul_mark_kind kind, uint64_t at_ns, uint64_t bytes,
                      const char *text);

/* The price curve that earlier runs gave; not valid where they gave none. */
ul_report_price ul_run_html_price(const ul_knob_facts *facts);

/* The page; the caller frees it. `knobs`, `price` may be NULL. NULL: no memory. */
char *ul_run_html_page(const ul_run_html *html, const ul_run_result *result, char *const *arguments,
                       const ul_knobs *knobs, const ul_report_price *price);

#endif
