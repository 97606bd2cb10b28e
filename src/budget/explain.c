/* SPDX-License-Identifier: MIT */
/* explain.c: what the heap holds, by size class, on one screen: the last words of a program whose
 * budget is used up and that was to end then. */
#include "base/text.h"
#include "budget/budget.h"
#include "heap/tally.h"
#include "os/fatal.h"

#define CLASSES_SHOWN 12

static void say_amount(const char *label, uint64_t bytes, const char *rest) {
  char    line[160];
  ul_text text = ul_text_init(line, sizeof line);
  ul_text_add(&text, label);
  ul_text_add_mib(&text, bytes);
  ul_text_add(&text, rest);
  ul_say(line);
}

static void say_row(ul_tally row) {
  char    line[160];
  ul_text text = ul_text_init(line, sizeof line);
  ul_text_add(&text, "  ");
  ul_text_add_mib(&text, row.bytes);
  ul_text_add(&text, " in ");
  ul_text_add_u64(&text, row.objects);
  ul_text_add(&text, row.object_bytes ? " objects of up to " : " objects larger than 32 KiB");
  if (row.object_bytes) {
    ul_text_add_u64(&text, row.object_bytes);
    ul_text_add(&text, " bytes");
  }
  ul_say(line);
}

void ul_budget_explain(ul_budget *budget) {
  ul_heap *heap = budget->heap;
  ul_tally rows[CLASSES_SHOWN];
  size_t   count = ul_heap_tally(heap, rows, CLASSES_SHOWN);
  say_amount("the budget is ", ul_budget_limit(budget), "");
  say_amount("  held by this process   ", ul_load(&budget->held_bytes), "");
  if (ul_load(&budget->members) > 1) {
    say_amount("  held by all that share ", ul_load(&budget->total_bytes), "");
  }
  say_amount("  given back by relief   ", ul_relief_given(&budget->relief),
             "   since the start; nothing more is idle");
  ul_say("  what is allocated, by size:");
  for (size_t i = 0; i < count; i++) say_row(rows[i]);
  ul_say("  raise ULLAGE_BUDGET, free earlier (ullage_pressure_register), or set "
         "ULLAGE_ON_BUDGET=grow or fail");
}
