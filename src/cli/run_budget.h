/* SPDX-License-Identifier: MIT */
/* run_budget.h: from what was typed to a budget in bytes, and to what the program's runtime is told.
 *
 *     --budget, --preset, --max-budget,     ul_run_budget_read     budget, the machine,
 *     ULLAGE_BUDGET                       -------------------->    notes for the user
 *
 *     the program                           ul_run_budget_tell     knobs (launch/knobs.h)
 *
 * Which budget counts: the flag, then ULLAGE_BUDGET; a preset caps it; the container's limit caps
 * all, because it would act first.
 */
#ifndef UL_CLI_RUN_BUDGET_H
#define UL_CLI_RUN_BUDGET_H

#include "cli/command.h"
#include "launch/knobs.h"

typedef struct ul_run_budget {
  /* as typed */
  const char       *text, *max_text; /* NULL: not given */
  enum ul_preset    preset;
  enum ul_on_budget on_budget;
  bool              no_enclose;
  /* what it means */
  uint64_t   bytes, max_bytes; /* 0: none */
  bool       is_ordered;       /* not only by ULLAGE_BUDGET */
  ul_machine machine;
  char       note[384]; /* a sentence for the user; "" when there is nothing to say */
  ul_knobs   knobs;     /* of a budget: after ul_run_budget_tell */
} ul_run_budget;

/* SIZE, or NN% of the machine's or container's memory. Returns 0, or the exit code of a wrong call,
 * which has been said; `flag` names what was given. */
int ul_run_budget_size(const ul_command *command, const char *flag, const char *text,
                       const ul_machine *machine, uint64_t *ret_bytes);

/* Returns 0, or the exit code of a wrong call, which has been said. */
int ul_run_budget_read(const ul_command *command, ul_run_budget *budget);

/* Without a budget: a ULLAGE_BUDGET that is none is said in the note, where libullage will not be
 * there to say it. */
void ul_run_budget_check_variable(ul_run_budget *budget, const ul_program *program);

/* Fills knobs; call only where there is a budget. `facts`: what earlier runs measured.
 * 0, or negative with *fault: the budget is below what the program needs. */
UL_MUST_USE int ul_run_budget_tell(ul_run_budget *budget, const ul_program *program,
                                   char *const *arguments, char *const *environment,
                                   const ul_knob_facts *facts, ul_fault *fault);

#endif
