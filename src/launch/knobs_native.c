/* SPDX-License-Identifier: MIT */
/* knobs_native.c: libullage is told its soft limit.
 *
 * 0.9 B: the heap is not all that a process holds (code, stacks, mappings of its own), and relief
 * begins before the limit. The library counts what it holds, the enclosure counts everything.
 *
 * Where the budget was ordered by the user with --budget or a preset, it comes before a variable
 * that was in the environment, as flags do everywhere. Where the variable is all there is, it is
 * the budget, and the library reads it as it stands. */
#include <string.h>

#include "launch/knobs_rows.h"

static void add_budget(const ul_knob_input *input, ul_knobs *knobs) {
  const char *own = ul_knobs_variable(input, "ULLAGE_BUDGET");
  ul_knob    *knob = ul_knobs_add(knobs, UL_RUNTIME_NATIVE, "ULLAGE_BUDGET", "");
  if (own && !input->budget_is_ordered) {
    knob->origin = UL_KNOB_KEPT;
    ul_knob_value(knob, "%s", own);
    ul_knob_why(knob, "yours: libullage's soft limit, and the budget of the run");
    return;
  }
  ul_knob_value(knob, "%llu", (unsigned long long)(input->budget_bytes / 10 * 9));
  ul_knob_why(knob, "libullage's soft limit, 90 %% of the budget, in bytes%s%.40s%s",
              own ? "; ULLAGE_BUDGET was " : "", own ? own : "",
              own ? ", the order of this run comes first" : "");
}

static void add_on_budget(const ul_knob_input *input, ul_knobs *knobs) {
  const char *own = ul_knobs_variable(input, "ULLAGE_ON_BUDGET");
  if (input->on_budget == UL_ON_BUDGET_DEFAULT && !own) return;
  ul_knob *knob = ul_knobs_add(knobs, UL_RUNTIME_NATIVE, "ULLAGE_ON_BUDGET", "");
  if (input->on_budget == UL_ON_BUDGET_DEFAULT) {
    knob->origin = UL_KNOB_KEPT;
    ul_knob_value(knob, "%s", own);
    ul_knob_why(knob, "yours");
    return;
  }
  ul_knob_value(knob, "%s", ul_on_budget_key(input->on_budget));
  ul_knob_why(knob, "%s",
              input->on_budget == UL_ON_BUDGET_GROW   ? "past its limit the heap grows on"
              : input->on_budget == UL_ON_BUDGET_FAIL ? "past its limit malloc fails"
                                                      : "past its limit it aborts, and says why");
}

void ul_knobs_native(const ul_knob_input *input, ul_knobs *knobs) {
  if (!input->preloads) {
    if (!ul_knobs_for_all(input)) {
      ul_knobs_warn(knobs,
                    "libullage cannot be preloaded into it, so its budget is kept by enclosure "
                    "only: it is not told, and at the wall it is stopped.");
    }
    return;
  }
  add_budget(input, knobs);
  add_on_budget(input, knobs);
}
