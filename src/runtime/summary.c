/* SPDX-License-Identifier: MIT */
/* summary.c: see summary.h. */
#include "runtime/summary.h"

#include "base/text.h"
#include "os/fatal.h"
#include "os/self.h"
#include "runtime/runtime.h"

static void say_bytes(const char *label, uint64_t bytes, const char *rest) {
  char    line[160];
  ul_text text = ul_text_init(line, sizeof line);
  ul_text_add(&text, label);
  ul_text_add_size(&text, bytes);
  ul_text_add(&text, rest);
  ul_say(line);
}

/* What each step of relief gave. */
static void say_relief(void) {
  static const char *const names[UL_RELIEF_STEPS] = {"page runs ", ", spans ", ", sleeping caches ",
                                                     ", all caches ", ", freed by callbacks "};
  const ul_relief         *relief = &ul_runtime_self.budget.relief;
  char                     line[320];
  ul_text                  text = ul_text_init(line, sizeof line);
  ul_text_add(&text, "  relief     ");
  for (int i = 0; i < UL_RELIEF_STEPS; i++) {
    ul_text_add(&text, names[i]);
    ul_text_add_size(&text, ul_load(&relief->given_bytes[i]));
  }
  ul_text_add(&text, "; ");
  ul_text_add_u64(&text, ul_load(&relief->spent_ns) / 1000000);
  ul_text_add(&text, " ms of processor");
  ul_say(line);
}

void ul_summary_print(void) {
  ullage_stats_t stats;
  char           line[160];
  ul_text        text = ul_text_init(line, sizeof line);
  ul_runtime_stats(&stats);
  ul_text_add(&text, "heap of process ");
  ul_text_add_u64(&text, ul_os_pid());
  ul_text_add(&text, ", ");
  ul_text_add_u64(&text, stats.live_objects);
  ul_text_add(&text, " live objects");
  ul_say(line);
  say_bytes("  live       ", stats.live_bytes, "");
  say_bytes("  cached     ", stats.cached_bytes, "   free, in caches of threads and classes");
  say_bytes("  free       ", stats.free_bytes, "   in spans and page runs, resident or not");
  say_bytes("  resident   ", stats.resident_bytes, "   backed by memory");
  say_bytes("  peak       ", stats.peak_bytes, "   highest resident seen");
  say_bytes("  returned   ", stats.returned_bytes, "   given back to the system since the start");
  say_bytes("  metadata   ", stats.metadata_bytes, "   address space of the heap's own records");
  if (stats.budget_bytes) {
    say_bytes("  budget     ", stats.budget_bytes,
              stats.peak_bytes > stats.budget_bytes ? "   exceeded" : "   kept");
    say_relief();
  }
}
