/* SPDX-License-Identifier: MIT */
/* knobs_dotnet.c: .NET's heap gets three quarters of the budget, as it would take of a container.
 *
 * The variable is read as hexadecimal, with or without 0x: 536870912 would be 1.2 TB.
 *
 * Written from Microsoft's documentation of the runtime's settings; no .NET was at hand to run it. */
#include <stdio.h>
#include <stdlib.h>

#include "launch/knobs_rows.h"

/* What .NET itself takes as the least in a container. */
#define HEAP_LEAST_BYTES ((uint64_t)20 * UL_MIB)

/* Each of them sets the limit of the heap already. */
static const char *const own_limits[] = {"DOTNET_GCHeapHardLimit", "COMPlus_GCHeapHardLimit",
                                         "DOTNET_GCHeapHardLimitPercent",
                                         "COMPlus_GCHeapHardLimitPercent"};

static bool keep_own(const ul_knob_input *input, uint64_t ours, ul_knobs *knobs) {
  for (size_t i = 0; i < UL_ARRAY_LEN(own_limits); i++) {
    const char *own = ul_knobs_variable(input, own_limits[i]);
    if (!own) continue;
    ul_knob *knob = ul_knobs_add(knobs, UL_RUNTIME_DOTNET, own_limits[i], "");
    knob->origin = UL_KNOB_KEPT;
    ul_knob_value(knob, "%s", own);
    ul_knob_why(knob, "yours, hexadecimal; it would be a limit of %llX", (unsigned long long)ours);
    if (i < 2 && strtoull(own, NULL, 16) > input->budget_bytes) {
      ul_knobs_warn(
          knobs,
          "%s=%.40s is kept, but .NET reads it as hexadecimal, %llu MiB, which is more than "
          "the budget. Unset it, or give it %llX.",
          own_limits[i], own, strtoull(own, NULL, 16) / (unsigned long long)UL_MIB,
          (unsigned long long)ours);
    }
    return true;
  }
  return false;
}

void ul_knobs_dotnet(const ul_knob_input *input, ul_knobs *knobs) {
  uint64_t limit = input->budget_bytes / 4 * 3;
  ul_knobs_least(knobs, HEAP_LEAST_BYTES / 3 * 4 + 1,
                 "its heap gets three quarters, and .NET wants 20 MiB at least");
  if (keep_own(input, limit, knobs)) return;
  ul_knob *knob = ul_knobs_add(knobs, UL_RUNTIME_DOTNET, "DOTNET_GCHeapHardLimit", "");
  ul_knob_value(knob, "%llX", (unsigned long long)limit);
  ul_knob_why(knob, "75 %% of the budget in hexadecimal: %llu MiB",
              (unsigned long long)limit / UL_MIB);
}
