/* SPDX-License-Identifier: MIT */
/* knobs_native.c: libullage is told its soft limit.
 *
 * B less the reserve (3 %, at least 16 MiB, at most a quarter): what the enclosure counts and the
 * library cannot see, page tables and the kernel's buffers. Other anonymous memory of the process it
 * measures and counts (ULLAGE_BUDGET_OTHER). Measured with a cache that fills its budget: nine tenths
 * left 13 % unused; the library holds a program 1 to 2 % above its critical level, 96 %.
 *
 * Where the budget was ordered by the user with --budget or a preset, it comes before a variable
 * that was in the environment, as flags do everywhere. Where the variable is all there is, it is
 * the budget, and the library reads it as it stands. */
#include <string.h>

#include "base/size_text.h"
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
  uint64_t budget = input->budget_bytes, reserve = UL_MIN(ul_knobs_reserve(budget), budget / 4);
  char     mib[UL_SIZE_TEXT_MAX];
  ul_knob_value(knob, "%llu", (unsigned long long)(budget - reserve));
  ul_knob_why(knob, "libullage's soft limit in bytes: the budget less %s reserve%s%.40s%s",
              ul_size_mib(mib, reserve), own ? "; ULLAGE_BUDGET was " : "", own ? own : "",
              own ? ", the order of this run comes first" : "");
  if (ul_knobs_variable(input, "ULLAGE_BUDGET_OTHER")) return;
  knob = ul_knobs_add(knobs, UL_RUNTIME_NATIVE, "ULLAGE_BUDGET_OTHER", "");
  ul_knob_value(knob, "1");
  ul_knob_why(knob, "memory of the process that is not the heap's counts, too");
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

void ul_knobs_warn_on_budget(const ul_knob_input *input, ul_knobs *knobs) {
  if (input->preloads) return;
  if (input->on_budget != UL_ON_BUDGET_FAIL && input->on_budget != UL_ON_BUDGET_ABORT) return;
  ul_knobs_warn(knobs,
                "--on-budget %s has no effect here: libullage, which would do that, cannot be "
                "preloaded into this program. What ends it is its own runtime, or the wall of the "
                "enclosure.",
                ul_on_budget_key(input->on_budget));
}

void ul_knobs_native(const ul_knob_input *input, ul_knobs *knobs) {
  if (!input->preloads) {
    if (!ul_knobs_for_all(input)) {
      ul_knobs_warn(knobs,
                    "libullage cannot be preloaded into it, so its budget is kept by enclosure "
                    "only: it is not told, an enclosure stops it at the wall, and without one it "
                    "is only watched.");
    }
    if (!input->for_children) ul_knobs_warn_on_budget(input, knobs);
    return;
  }
  add_budget(input, knobs);
  add_on_budget(input, knobs);
}
