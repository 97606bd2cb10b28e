/* SPDX-License-Identifier: MIT */
/* relief.c: see relief.h.
 *
 * Giving memory back that the program is about to use again costs it a fault for each page, so
 * relief gives back no more than brings the level down.
 *
 * Where there are callbacks, two numbers are kept in hand at the critical level:
 *
 *     what is held       not beyond where the level begins: what lies free beyond KEEP goes back
 *     what lies free     not below half of KEEP: the callbacks are asked for the rest
 *
 * so a full cache goes on at its speed: as much is freed as comes in, it is used again and not given
 * back, and the program does not grow while the callbacks work. For that the agent looks every
 * POLL_NS as long as something changes.
 */
#include "budget/relief.h"

#include "base/atomic.h"
#include "budget/budget.h"
#include "heap/drain.h"
#include "heap/scavenge.h"
#include "os/self.h"
#include "os/usage.h"

#define MS ((uint64_t)1000000)

/* A tenth of a processor, and no more often than this. What the callbacks take is the program's own
 * work, which it would do anyway, and does not count. */
#define REST_PER_WORK    9
#define REST_TIGHT_NS    (25 * MS)
#define REST_CRITICAL_NS (2 * MS)
/* Growth that makes another pass worth it: one part in so many of the budget. */
#define STEP_TIGHT    64
#define STEP_CRITICAL 512
/* Caches smaller than this stay with their sleeping threads. */
#define ASLEEP_LEAST_BYTES ((uint64_t)16 << 10)
/* Free memory that a program with callbacks keeps for the next objects: a sixty-fourth of the budget,
 * which lasts a cache that takes in a third of its budget a second for 50 ms. */
#define KEEP_SHARE 64
#define KEEP_LEAST ((uint64_t)256 << 10)
/* What callbacks are asked for is doubled as long as that does not hold the program. */
#define DOUBLES_MOST 4
/* What is missing after a pass is more than so many passes would give. */
#define HOPELESS_PASSES 16
/* How often to look while something changes, and when to stop. */
#define POLL_NS         (4 * MS)
#define POLLS_UNCHANGED 25
/* Beyond the limit it is tried again without growth, more and more seldom where nothing helps. */
#define AGAIN_NS_MOST (1000 * MS)
#define STOP_NS       (1000 * MS)

static uint64_t keep_of(const ul_budget *budget) {
  return UL_MAX(ul_budget_limit(budget) / KEEP_SHARE, KEEP_LEAST);
}

static bool has_callbacks(const ul_budget *budget) {
  return ul_relief_asks(&budget->relief);
}

uint64_t ul_relief_given(const ul_relief *relief) {
  uint64_t bytes = 0;
  for (int i = 0; i < UL_RELIEF_STEPS; i++) bytes += ul_load(&relief->given_bytes[i]);
  return bytes;
}

bool ul_relief_is_worth(const ul_budget *budget, uint64_t now_ns) {
  const ul_relief *relief = &budget->relief;
  int              level = (int)ul_load(&budget->level);
  uint64_t         share = level >= UL_LEVEL_CRITICAL ? STEP_CRITICAL : STEP_TIGHT;
  if (level > ul_load(&relief->level)) return true;
  if (ul_load(&budget->total_bytes) >=
      ul_load(&relief->after_bytes) + ul_budget_limit(budget) / share) {
    return true;
  }
  if (level == UL_LEVEL_OVER && now_ns >= relief->again_ns) return true;
  return level >= UL_LEVEL_CRITICAL && has_callbacks(budget) &&
         ul_scavenge_reusable(budget->heap) < keep_of(budget) / 2;
}

uint64_t ul_relief_look_again_ns(ul_budget *budget, uint64_t now_ns) {
  ul_relief *relief = &budget->relief;
  int        level = (int)ul_load(&budget->level);
  uint64_t   next = UINT64_MAX;
  if (level == UL_LEVEL_OVER && relief->again_ns > now_ns) next = relief->again_ns - now_ns;
  if (level < UL_LEVEL_CRITICAL || !has_callbacks(budget)) return next;
  uint64_t seen = ul_scavenge_reusable(budget->heap) ^ ul_load(&budget->total_bytes) << 1;
  relief->unchanged = seen == relief->seen ? relief->unchanged + 1 : 0;
  relief->seen = seen;
  return relief->unchanged < POLLS_UNCHANGED ? POLL_NS : next;
}

/* What is to go so that the level falls. */
static uint64_t excess(const ul_budget *budget, int level) {
  uint64_t total = ul_load(&budget->total_bytes);
  uint64_t goal = ul_level_falls(ul_budget_limit(budget), level, has_callbacks(budget));
  return total > goal ? total - goal : 0;
}

/* The same, less what is better kept for the program to use again. */
static uint64_t to_release(const ul_budget *budget, int level) {
  uint64_t want = excess(budget, level);
  if (!has_callbacks(budget)) return want;
  uint64_t reusable = ul_scavenge_reusable(budget->heap), keep = keep_of(budget);
  return reusable > keep ? UL_MIN(want, reusable - keep) : 0;
}

static void do_step(ul_heap *heap, enum ul_relief_step which, uint64_t want) {
  switch (which) {
  case UL_RELIEF_RUNS: ul_scavenge_runs(heap, want); break;
  case UL_RELIEF_SPANS: ul_scavenge_spans(heap, want); break;
  case UL_RELIEF_ASLEEP:
    ul_drain_asleep(heap, ASLEEP_LEAST_BYTES);
    ul_scavenge_spans(heap, want);
    break;
  case UL_RELIEF_CACHES:
    ul_drain_ask(heap);
    ul_mcache_flush(heap);
    ul_mcache_adopt_orphans(heap);
    ul_scavenge_spans(heap, want);
    ul_scavenge_runs(heap, want);
    break;
  default: break;
  }
}

/* Does it, notes what it gave, counts. Returns whether the level has fallen below `level`. */
static bool step(ul_budget *budget, enum ul_relief_step which, int level) {
  uint64_t *returned = &budget->heap->returned_bytes, before = ul_load(returned);
  uint64_t  want = to_release(budget, level);
  if (want > 0) do_step(budget->heap, which, want);
  ul_add(&budget->relief.given_bytes[which], ul_load(returned) - before);
  return ul_budget_count(budget) < level;
}

/* What is missing: to where the level begins, and to what is kept. */
static uint64_t wanted(const ul_budget *budget) {
  uint64_t limit = ul_budget_limit(budget), total = ul_load(&budget->total_bytes);
  uint64_t begins = ul_level_begins(limit, UL_LEVEL_CRITICAL, true), keep = keep_of(budget);
  uint64_t reusable = ul_scavenge_reusable(budget->heap);
  uint64_t want = (total > begins ? total - begins : 0) + (keep > reusable ? keep - reusable : 0);
  want = UL_MAX(want, keep / 4) << budget->relief.doubles;
  return UL_MIN(want, limit / 4);
}

/* What they free goes into this thread's cache first, and from there where all can have it. */
static void call_back(ul_budget *budget) {
  ul_relief *relief = &budget->relief;
  for (uint32_t i = 0; i < UL_PRESSURE_MAX; i++) {
    ul_lock_take(&relief->lock);
    ul_pressure pressure = i < relief->pressures ? relief->pressure[i] : (ul_pressure){0};
    ul_store(&relief->running, pressure.relieve ? 1u : 0u);
    ul_lock_drop(&relief->lock);
    if (!pressure.relieve) break;
    uint64_t before = ul_scavenge_reusable(budget->heap);
    uint64_t want = wanted(budget);
    pressure.relieve((int)ul_load(&budget->level), want, pressure.arg);
    ul_add(&relief->calls, (uint64_t)1);
    ul_store_release(&relief->running, 0u);
    ul_os_wake_all(&relief->running);
    ul_mcache_flush(budget->heap);
    uint64_t after = ul_scavenge_reusable(budget->heap);
    if (after > before) {
      ul_add(&relief->given_bytes[UL_RELIEF_CALLBACKS], after - before);
      ul_store(&relief->helps, true);
      if (after - before >= want / 2) break; /* enough for now; the next may be spared */
    }
  }
}

static void take_steps(ul_budget *budget) {
  int level = ul_budget_count(budget), until = UL_MIN(level, (int)UL_LEVEL_CRITICAL);
  if (level < UL_LEVEL_TIGHT) return;
  if (step(budget, UL_RELIEF_RUNS, until)) return;
  if (step(budget, UL_RELIEF_SPANS, until)) return;
  if (level < UL_LEVEL_CRITICAL) return;
  if (step(budget, UL_RELIEF_ASLEEP, until)) return;
  if (step(budget, UL_RELIEF_CACHES, until)) return;
}

/* Callbacks, where releasing was not enough; and what they freed beyond what is kept goes. */
static void take_callbacks(ul_budget *budget, bool grew) {
  ul_relief *relief = &budget->relief;
  ul_store(&relief->helps, false);
  if (ul_load(&budget->level) < UL_LEVEL_CRITICAL || !has_callbacks(budget)) return;
  relief->doubles = grew ? UL_MIN(relief->doubles + 1, (uint32_t)DOUBLES_MOST) : 0;
  call_back(budget);
  (void)step(budget, UL_RELIEF_SPANS, UL_LEVEL_CRITICAL);
}

void ul_relief_pass(ul_budget *budget) {
  ul_relief *relief = &budget->relief;
  uint64_t   cpu_ns = ul_os_thread_cpu_ns(), given = ul_load(&budget->heap->returned_bytes);
  int        level = (int)ul_load(&budget->level);
  bool       stayed = level == ul_load(&relief->level);
  bool       grew = stayed && ul_load(&budget->total_bytes) > ul_load(&relief->after_bytes);
  take_steps(budget);
  cpu_ns = ul_os_thread_cpu_ns() - cpu_ns;
  ul_add(&relief->spent_ns, cpu_ns);
  take_callbacks(budget, grew);
  given = ul_load(&budget->heap->returned_bytes) - given;
  bool helped = ul_load(&relief->helps) || given > 0;
  /* Worth waiting for, too: who goes on meanwhile outruns what is given back. Not where the program
   * needs so much more than its budget that no number of passes brings it there. */
  uint64_t limit = ul_budget_limit(budget), total = ul_load(&budget->total_bytes);
  bool     hopeless = total > limit && total - limit > given * HOPELESS_PASSES;
  if (given > limit / STEP_CRITICAL && !hopeless) ul_store(&relief->helps, true);
  /* A pass that was not to try everything says nothing of what everything would give. */
  ul_store(&relief->futile, level >= UL_LEVEL_CRITICAL && !ul_load(&relief->helps));
  ul_store(&relief->level, (int)ul_load(&budget->level));
  ul_store(&relief->after_bytes, ul_load(&budget->total_bytes));
  uint64_t least = relief->level >= UL_LEVEL_CRITICAL ? REST_CRITICAL_NS : REST_TIGHT_NS;
  uint64_t now_ns = ul_os_now_ns();
  relief->due_ns = now_ns + UL_MAX(cpu_ns * REST_PER_WORK, least);
  relief->again_wait_ns = helped ? least : UL_MIN(relief->again_wait_ns * 2 + least, AGAIN_NS_MOST);
  relief->again_ns = now_ns + relief->again_wait_ns;
}

int ul_relief_register(ul_relief *relief, ul_pressure pressure) {
  int error = 0;
  ul_lock_take(&relief->lock);
  if (relief->pressures < UL_PRESSURE_MAX) {
    relief->pressure[relief->pressures] = pressure;
    ul_store(&relief->pressures, relief->pressures + 1);
  } else {
    error = -UL_E_RANGE;
  }
  ul_lock_drop(&relief->lock);
  return error;
}

int ul_relief_unregister(ul_relief *relief, ul_pressure pressure, uint32_t own_thread,
                         uint32_t agent_thread) {
  bool found = false;
  ul_lock_take(&relief->lock);
  for (uint32_t i = 0; i < relief->pressures; i++) {
    if (found) {
      relief->pressure[i - 1] = relief->pressure[i];
    } else {
      found = relief->pressure[i].relieve == pressure.relieve &&
              relief->pressure[i].arg == pressure.arg;
    }
  }
  if (found) ul_store(&relief->pressures, relief->pressures - 1);
  ul_lock_drop(&relief->lock);
  /* A callback that unregisters itself does not wait for its own end. */
  while (own_thread != agent_thread && ul_load_acquire(&relief->running)) {
    ul_os_wait(&relief->running, 1, UINT64_MAX);
  }
  return found ? 0 : -UL_E_NOTFOUND;
}

void ul_relief_stop(ul_relief *relief, bool is_agent) {
  ul_lock_take(&relief->lock);
  ul_store(&relief->pressures, 0u);
  ul_lock_drop(&relief->lock);
  uint64_t until_ns = ul_os_now_ns() + STOP_NS, now_ns;
  while (!is_agent && ul_load_acquire(&relief->running) && (now_ns = ul_os_now_ns()) < until_ns) {
    ul_os_wait(&relief->running, 1, until_ns - now_ns);
  }
}
