/* SPDX-License-Identifier: MIT */
/* explain.c: what the heap holds, by size class, on one screen: the last words of a program whose
 * budget is used up and that was to end then. */
#include "base/text.h"
#include "budget/budget.h"
#include "os/fatal.h"

#define CLASSES_SHOWN 12

struct row {
  uint64_t objects, bytes;
  uint32_t object_bytes;
};

static void say_amount(const char *label, uint64_t bytes, const char *rest) {
  char    line[160];
  ul_text text = ul_text_init(line, sizeof line);
  ul_text_add(&text, label);
  ul_text_add_mib(&text, bytes);
  ul_text_add(&text, rest);
  ul_say(line);
}

/* The largest first; `rows` stays sorted. */
static void insert(struct row *rows, struct row new) {
  for (int i = 0; i < CLASSES_SHOWN; i++) {
    if (new.bytes <= rows[i].bytes) continue;
    struct row swap = rows[i];
    rows[i] = new;
    new = swap;
  }
}

static void say_row(struct row row) {
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
  ul_heap   *heap = budget->heap;
  struct row rows[CLASSES_SHOWN] = {{0}};
  for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_END; c++) {
    ul_mcentral *central = &heap->central[c];
    if (!ul_load_acquire(&central->in_use)) continue;
    uint64_t objects = ul_load(&central->live_objects);
    insert(rows, (struct row){objects, objects * central->object_bytes, central->object_bytes});
  }
  uint64_t large = ul_load(&heap->pages.large_objects);
  insert(rows, (struct row){large, ul_load(&heap->pages.large_bytes), 0});
  say_amount("the budget is ", ul_budget_limit(budget), "");
  say_amount("  held by this process   ", ul_load(&budget->held_bytes), "");
  if (ul_load(&budget->members) > 1) {
    say_amount("  held by all that share ", ul_load(&budget->total_bytes), "");
  }
  say_amount("  given back by relief   ", ul_load(&heap->returned_bytes),
             "   since the start; nothing more is idle");
  ul_say("  what is allocated, by size:");
  for (int i = 0; i < CLASSES_SHOWN && rows[i].bytes > 0; i++) say_row(rows[i]);
  ul_say("  raise ULLAGE_BUDGET, free earlier (ullage_pressure_register), or set "
         "ULLAGE_ON_BUDGET=grow or fail");
}
