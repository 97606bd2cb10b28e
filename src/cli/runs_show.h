/* SPDX-License-Identifier: MIT */
/* runs_show.h: recorded runs as a table, one run as a page, both as JSON.
 *
 * Everything goes to stdout. Texts come from a file that anybody may have written: control bytes
 * never reach the terminal.
 */
#ifndef UL_CLI_RUNS_SHOW_H
#define UL_CLI_RUNS_SHOW_H

#include "fit/history.h"

/* Callbacks of ul_history_list; `arg` of the first two points to a count of the rows so far. */
void ul_runs_row(const ul_history_run *run, void *arg);
void ul_runs_row_json(const ul_history_run *run, void *arg);

/* One run with all that is known of it: `arg` points to a ul_runs_one. */
typedef struct ul_runs_one {
  ul_history     *history;
  int             error; /* reading more of it failed, see note */
  ul_history_note note;
} ul_runs_one;

void ul_runs_page(const ul_history_run *run, void *arg);
void ul_runs_page_json(const ul_history_run *run, void *arg);

#endif
