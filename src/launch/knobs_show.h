/* SPDX-License-Identifier: MIT */
/* knobs_show.h: a plan for people and for programs, before or without a run.
 *
 * The table and the document hold the same: what the program is, what there is to share out, each
 * setting with its value, whose it is and why. The document is described in
 * docs/reference/run-plan.md; keys are only ever added.
 */
#ifndef UL_LAUNCH_KNOBS_SHOW_H
#define UL_LAUNCH_KNOBS_SHOW_H

#include <stdio.h>

#include "launch/knobs.h"
#include "launch/prepare.h"

typedef struct ul_plan_view {
  const ul_program *program;
  const ul_plan    *plan;  /* made, not yet done with */
  const ul_knobs   *knobs; /* NULL: no budget, so nothing is set */
  const ul_machine *machine;
  char *const      *arguments;
  uint64_t          max_budget_bytes; /* 0: none */
  enum ul_on_budget on_budget;
  bool              no_enclose;
} ul_plan_view;

/* The table; each line starts with `prefix`. */
void ul_plan_show(FILE *out, const ul_plan_view *view, const char *prefix);

/* The document "ullage.run-plan/1", ended by a newline; the caller frees it. NULL: no memory, or
 * built without a JSON writer (ul_report_has_json). */
char *ul_plan_json(const ul_plan_view *view);

#endif
