/* SPDX-License-Identifier: MIT */
/* report.h: what a run used, for people and for programs.
 *
 * The page fits one screen of 80 columns. The document is described in
 * docs/reference/report-format.md; keys are only ever added.
 */
#ifndef UL_LAUNCH_REPORT_H
#define UL_LAUNCH_REPORT_H

#include <stdio.h>

#include "launch/supervise.h"

/* Writes the page. `arguments` as they were given to the run. */
void ul_report_page(FILE *out, const ul_run_result *result, char *const *arguments);

/* What to do next, where it may have ended at a limit of its runtime's or the library's. */
void ul_report_next(FILE *out, const ul_run_result *result, const ul_knobs *knobs);

/* Was the command built with a JSON writer? */
bool ul_report_has_json(void);

/* The document, ended by a newline; the caller frees it. NULL: no memory, or built without. */
char *ul_report_json(const ul_run_result *result, char *const *arguments);

/* The most that was held, as the budget counts it: in an enclosure by the system's count, since the
 * resident set also has pages that others brought into memory. Where a program left its enclosure,
 * the highest of what was seen of the whole tree. UL_UNKNOWN: nobody could see. */
uint64_t ul_report_used(const ul_run_result *result);

/* Did it stay inside its budget? */
bool ul_report_budget_kept(const ul_run_result *result);

const char *ul_exit_reason_key(enum ul_exit_reason reason); /* "normal", "code", … */

/* ---- A report in a file ----------------------------------------------------------------------- */

/* Written beside its final place and moved there when it is whole, so that a reader sees the old
 * report or the new one, never half of one, and where we are killed, nothing is left of it. What is
 * not a regular file (a pipe, /dev/stdout) is written to directly. */
typedef struct ul_report_file {
  int         fd;
  bool        in_place;
  bool        is_unnamed; /* it has no name yet, and is gone with us */
  const char *path;
  char        temporary[PATH_MAX + 32];
} ul_report_file;

/* Before the run, so that a path that cannot be written costs no run. 0, or *fault with 125. */
UL_MUST_USE int ul_report_file_open(const char *path, ul_report_file *ret_file, ul_fault *fault);
/* 0, or *fault: the report was not written, and no half of it is left. */
UL_MUST_USE int ul_report_file_finish(ul_report_file *file, const char *text, ul_fault *fault);
/* Instead of finishing: nothing is left behind. */
void ul_report_file_abandon(ul_report_file *file);

#endif
