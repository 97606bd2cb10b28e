/* SPDX-License-Identifier: MIT */
/* unaided.c: see unaided.h.
 *
 * A thread that has just freed a lot may not come here again for hours, so a look may not say "wait
 * whether it is needed again", as the agent's does. It keeps free as much as lives and lets the rest go:
 * a program that fills its heap and empties it over and over pays a fault for each second page at most,
 * and one that shrinks for good keeps at most twice what it uses.
 */
#include "runtime/unaided.h"

#include "heap/drain.h"
#include "heap/scavenge.h"
#include "os/confine.h"
#include "os/self.h"
#include "runtime/runtime.h"

#define MS ((uint64_t)1000000)

/* Spills after which it pays to look at the clock: as with the agent of a forked child. */
#define FREES_PER_LOOK 256
/* Free runs that came since the last look and are worth another; and what a heap may always keep. */
#define LOOK_LEAVES ((uint64_t)4 * UL_MIB >> UL_LEAF_SHIFT)
#define KEEP_BYTES  ((uint64_t)4 * UL_MIB)
/* As the agent's: a look takes at most a tenth of the time, and is not put off for longer than this. */
#define PAUSE_PER_LOOK 10
#define PAUSE_NS_MOST  (500 * MS)
/* Relief rests nine times as long as it took, as relief.c's; where it gave something no longer than it
 * took: nobody else holds the program back. */
#define REST_PER_WORK 9
#define REST_NS_LEAST (2 * MS)

static bool begin(ul_unaided *unaided) {
  return !ul_os_is_sealed() && ul_cas_u32(&unaided->busy, 0, 1);
}

static void end(ul_unaided *unaided) {
  ul_store_release(&unaided->busy, 0u);
}

bool ul_unaided_freed(ul_runtime *runtime) {
  ul_unaided *unaided = &runtime->unaided;
  uint32_t    frees = ul_load(&unaided->frees) + 1;
  ul_store(&unaided->frees, frees);
  if (frees % FREES_PER_LOOK == 0) return true;
  return ul_load(&runtime->heap.pages.dirty_leaves) >= ul_load(&unaided->seen_leaves) + LOOK_LEAVES;
}

/* ---- Idle memory ------------------------------------------------------------------------------ */

/* Free memory beyond as much as lives. */
static uint64_t excess(ul_heap *heap) {
  uint64_t resident = ul_load(&heap->resident_leaves) << UL_LEAF_SHIFT;
  uint64_t reusable = UL_MIN(ul_scavenge_reusable(heap), resident);
  uint64_t keep = UL_MAX(resident - reusable, KEEP_BYTES);
  return reusable > keep ? reusable - keep : 0;
}

static void give_back(ul_runtime *runtime) {
  ul_unaided *unaided = &runtime->unaided;
  ul_heap    *heap = &runtime->heap;
  uint64_t    begin_ns = ul_os_now_ns();
  if (begin_ns >= unaided->look_ns) {
    bool more;
    ul_scavenge_idle(heap, &more);
    uint64_t now_ns = ul_os_now_ns(), pause_ns = (now_ns - begin_ns) * PAUSE_PER_LOOK;
    unaided->look_ns =
        now_ns + UL_MAX(runtime->options.RELEASE_DELAY_MS * MS, UL_MIN(pause_ns, PAUSE_NS_MOST));
  }
  uint64_t beyond = excess(heap);
  if (beyond > 0) ul_scavenge_runs(heap, beyond);
  beyond = excess(heap);
  if (beyond > 0) ul_scavenge_spans(heap, beyond);
  ul_store(&unaided->seen_leaves, ul_load(&heap->pages.dirty_leaves));
}

/* ---- The budget ------------------------------------------------------------------------------- */

/* What is to go so that the level falls below `level`; counts. */
static uint64_t missing(ul_budget *budget, int level) {
  if (ul_budget_count(budget) < level) return 0;
  uint64_t total = ul_load(&budget->total_bytes);
  uint64_t goal = ul_level_falls(ul_budget_limit(budget), level, ul_relief_asks(&budget->relief));
  return total > goal ? total - goal : 0;
}

/* The steps of relief.h but those that need the agent, in its order. */
static void take_steps(ul_runtime *runtime, int level) {
  ul_budget *budget = &runtime->budget;
  ul_heap   *heap = &runtime->heap;
  int        until = UL_MIN(level, (int)UL_LEVEL_CRITICAL);
  uint64_t  *given = budget->relief.given_bytes;
  uint64_t   want = missing(budget, until);
  if (want > 0) ul_add(&given[UL_RELIEF_RUNS], (uint64_t)ul_scavenge_runs(heap, want));
  want = missing(budget, until);
  if (want > 0) ul_add(&given[UL_RELIEF_SPANS], (uint64_t)ul_scavenge_spans(heap, want));
  want = missing(budget, until);
  if (want == 0 || level < UL_LEVEL_CRITICAL) return;
  ul_drain_ask(heap);
  ul_mcache_flush(heap);
  ul_mcache_adopt_orphans(heap);
  uint64_t bytes = ul_scavenge_spans(heap, want);
  bytes += ul_scavenge_runs(heap, want);
  ul_add(&given[UL_RELIEF_CACHES], bytes);
  (void)ul_budget_count(budget);
}

static void relieve(ul_runtime *runtime) {
  ul_unaided *unaided = &runtime->unaided;
  uint64_t    begin_ns = ul_os_now_ns(), before = ul_load(&runtime->heap.returned_bytes);
  int         level = ul_budget_count(&runtime->budget);
  if (level < UL_LEVEL_TIGHT || begin_ns < unaided->relief_ns) return;
  take_steps(runtime, level);
  bool     gave = ul_load(&runtime->heap.returned_bytes) > before;
  uint64_t now_ns = ul_os_now_ns(), took_ns = now_ns - begin_ns;
  ul_add(&runtime->budget.relief.spent_ns, took_ns);
  unaided->relief_ns = now_ns + (gave ? took_ns : UL_MAX(took_ns * REST_PER_WORK, REST_NS_LEAST));
}

/* ---- Who calls -------------------------------------------------------------------------------- */

void ul_unaided_look(ul_runtime *runtime) {
  if (!begin(&runtime->unaided)) return;
  if (runtime->heap.return_memory) give_back(runtime);
  if (ul_budget_limit(&runtime->budget) > 0) relieve(runtime);
  end(&runtime->unaided);
}

void ul_unaided_relieve(ul_runtime *runtime) {
  if (ul_budget_limit(&runtime->budget) == 0 || !begin(&runtime->unaided)) return;
  relieve(runtime);
  end(&runtime->unaided);
}

void ul_unaided_forget(ul_unaided *unaided) {
  *unaided = (ul_unaided){.frees = unaided->frees};
}
