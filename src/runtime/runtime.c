/* SPDX-License-Identifier: MIT */
/* runtime.c: see runtime.h. */
#include "runtime/runtime.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "heap/drain.h"
#include "os/asleep.h"
#include "os/confine.h"
#include "os/fatal.h"
#include "os/pages.h"
#include "os/self.h"
#include "os/thread.h"
#include "runtime/summary.h"

/* Address space to ask for: more than any machine of today has memory, and than sparse programs
 * touch. Sanitizers shadow what is mapped and want less. */
#ifdef ULLAGE_SANITIZED
#define RESERVE_BYTES ((size_t)64 << 30)
#else
#define RESERVE_BYTES ((size_t)1 << 40)
#endif

/* A thread's key destructor is called in up to four rounds. Others' destructors allocate, so the
 * cache is given up in the last. */
#ifdef ULLAGE_SANITIZED
#define LAST_ROUND \
  ((uintptr_t)3) /* in the fourth ThreadSanitizer takes its own record of the thread away */
#else
#define LAST_ROUND ((uintptr_t)4)
#endif

ul_runtime ul_runtime_self;

static void thread_ends(void *round) {
  ul_runtime *runtime = &ul_runtime_self;
  if ((uintptr_t)round < LAST_ROUND) {
    void *next = (void *)((uintptr_t)round + 1);
    if (ul_os_thread_key_set(runtime->thread_key, next) == 0) return;
  }
  ul_mcache_destroy(&runtime->heap);
  if (ul_os_thread_id() == ul_os_pid()) ul_store(&runtime->main_is_gone, true);
  if (ul_load(&runtime->main_is_gone)) ul_agent_wake(&runtime->agent);
}

static int start(ul_runtime *runtime) {
  int error = 0;
  ul_lock_take(&runtime->start_lock);
  if (runtime->state != UL_RUNTIME_READY) {
    error = ul_heap_init(&runtime->heap, RESERVE_BYTES, ul_os_random_key());
    if (!error) {
      runtime->heap.fast_code =
          (ul_code_range){(uintptr_t)__start_ul_fast_code, (uintptr_t)__stop_ul_fast_code};
      ul_os_listen_init(&runtime->agent.listen);
      runtime->budget.heap = &runtime->heap;
      runtime->has_thread_key = ul_os_thread_key_make(thread_ends, &runtime->thread_key) == 0;
      ul_store_release(&runtime->state, (uint32_t)UL_RUNTIME_READY);
    }
  }
  ul_lock_drop(&runtime->start_lock);
  return error;
}

int ul_runtime_enter(void) {
  ul_runtime *runtime = &ul_runtime_self;
  if (UL_UNLIKELY(ul_load_acquire(&runtime->state) != UL_RUNTIME_READY)) {
    int error = start(runtime);
    if (error) return error;
  }
  if (UL_UNLIKELY(ul_mcache_current == &ul_mcache_none && runtime->has_thread_key)) {
    ul_mcache_adopt_orphans(&runtime->heap);
    ul_mcache_create(&runtime->heap);
    /* May allocate; the thread has a cache by now, so it does not come back here. */
    if (ul_mcache_is_real(ul_mcache_current) &&
        ul_os_thread_key_set(runtime->thread_key, (void *)1) != 0) {
      ul_mcache_destroy(&runtime->heap); /* nobody would give it up at the thread's end */
    }
  }
  return 0;
}

void ul_runtime_die(const char *message) {
  ul_fatal(message);
}

static void fork_before(void) {
  ul_lock_take(&ul_runtime_self.start_lock);
  ul_heap_fork_before(&ul_runtime_self.heap);
}

static void fork_parent(void) {
  ul_heap_fork_parent(&ul_runtime_self.heap);
  ul_lock_drop(&ul_runtime_self.start_lock);
}

static void fork_child(void) {
  ul_runtime *runtime = &ul_runtime_self;
  ul_heap_fork_child(&runtime->heap);
  ul_lock_reset(&runtime->start_lock);
  ul_agent_forget(&runtime->agent);
  ul_budget_forked(&runtime->budget);
  ul_live_forget(&runtime->live);
  ul_unaided_forget(&runtime->unaided);
  runtime->main_is_gone = false;
}

static void heap_grown(ul_heap *heap, uint64_t committed_bytes) {
  ul_runtime *runtime = &ul_runtime_self;
  (void)heap;
  if (!runtime->constructed) return;
  if (committed_bytes >= UL_AGENT_FROM_BYTES && !ul_agent_start(&runtime->agent)) {
    ul_unaided_look(runtime);
  }
  if (runtime->options.LIVE) ul_live_refresh(&runtime->live);
}

static void heap_freed(ul_heap *heap) {
  ul_runtime *runtime = &ul_runtime_self;
  bool        due = ul_agent_is_barred(&runtime->agent) ? ul_unaided_freed(runtime)
                                                        : ul_agent_freed(&runtime->agent);
  if (due) ul_store(&heap->hooks.grown_pending, true);
}

static bool heap_crowded(ul_heap *heap, uint64_t bytes) {
  ul_runtime *runtime = &ul_runtime_self;
  (void)heap;
  if (ul_agent_is_barred(&runtime->agent)) ul_unaided_relieve(runtime);
  return ul_budget_crowded(&runtime->budget, bytes);
}

static void press_agent(void) {
  ul_runtime *runtime = &ul_runtime_self;
  if (runtime->constructed && !ul_agent_start(&runtime->agent)) {
    ul_unaided_relieve(runtime);
  } else {
    ul_agent_press(&runtime->agent);
  }
}

/* The budget belongs to the tree that the environment names, or to a new one that it names from here
 * on. The entry is replaced where it stands, so that main's own list of the environment has it too. */
static void share_budget(ul_runtime *runtime) {
  static char own[UL_TREE_NAME_MAX + 40] = "ULLAGE_BUDGET=";
  ul_budget  *budget = &runtime->budget;
  const char *value = ul_os_environment("ULLAGE_BUDGET");
  const char *name = value ? strchr(value, '@') : NULL;
  if (runtime->options.BUDGET == 0 || (name && ul_tree_join(&budget->tree, name + 1) == 0)) return;
  if (ul_tree_make(&budget->tree, runtime->options.BUDGET, ul_os_random_key()) != 0) return;
  char    tree_name[UL_TREE_NAME_MAX];
  ul_text text = ul_text_init(own, sizeof own);
  ul_tree_name(&budget->tree, tree_name);
  ul_text_add(&text, "ULLAGE_BUDGET=");
  ul_text_add_u64(&text, runtime->options.BUDGET);
  ul_text_add(&text, tree_name);
  ul_os_environment_replace("ULLAGE_BUDGET", own);
}

__attribute__((constructor(101))) static void construct(void) {
  ul_runtime *runtime = &ul_runtime_self;
  if (ul_runtime_enter() != 0) return; /* malloc will say ENOMEM */
  ul_options_read(&runtime->options);
  ul_options *options = &runtime->options;
  ul_budget_init(&runtime->budget, &runtime->heap, options->BUDGET, options->ON_BUDGET,
                 options->BUDGET_OTHER != 0);
  runtime->budget.wake = press_agent;
  ul_agent_init(&runtime->agent);
  share_budget(runtime);
  runtime->heap.return_memory = options->RELEASE != 0;
  ul_os_at_fork(fork_before, fork_parent, fork_child);
  runtime->heap.hooks.grown = heap_grown;
  runtime->heap.hooks.freed = heap_freed;
  runtime->heap.hooks.crowded = heap_crowded;
  runtime->constructed = true;
  if (options->BUDGET) ul_budget_count(&runtime->budget);
  if (options->LIVE) ul_live_update(&runtime->live);
  if (!options->AGENT)
    ul_runtime_sandboxed(false); /* a filter may be there that we did not hear of */
  heap_grown(&runtime->heap, runtime->heap.committed_pages << UL_PAGE_SHIFT);
}

__attribute__((destructor(101))) static void destruct(void) {
  ul_runtime *runtime = &ul_runtime_self;
  if (runtime->options.LIVE) ul_live_update(&runtime->live);
  if (runtime->options.STATS) ul_summary_print();
  ul_agent_done(&runtime->agent);
  ul_budget_done(&runtime->budget);
}

void ul_runtime_sandboxed(bool sealed) {
  ul_runtime *runtime = &ul_runtime_self;
  if (!ul_os_is_confined()) {
    ul_agent_bar(&runtime->agent);
    /* What else the process holds cannot be asked for any more: the last figure stays. */
    ul_store(&runtime->budget.counts_other, false);
    /* Confined, all threads have the number 0: each is the agent, and waits for nobody. */
    ul_store(&runtime->budget.agent, 0u);
  }
  ul_os_confine(sealed ? UL_OS_SEALED : UL_OS_CONFINED);
}

static void stop_callbacks(void) {
  ul_budget *budget = &ul_runtime_self.budget;
  ul_relief_stop(&budget->relief, ul_load(&budget->agent) == ul_os_thread_id());
}

/* Exit handlers run in the opposite order: what the program set up before it registered, such as the
 * cache itself, is taken apart after ours. */
int ul_runtime_pressure_register(ul_pressure pressure) {
  static uint32_t once;
  if (ul_cas_u32(&once, 0, 1)) (void)atexit(stop_callbacks);
  return ul_relief_register(&ul_runtime_self.budget.relief, pressure);
}

static void add_central(ul_mcentral *central, ullage_stats_t *stats) {
  if (!ul_load_acquire(&central->in_use)) return;
  ul_lock_take(&central->lock);
  uint64_t cached = central->transfer_count;
  stats->live_objects += central->live_objects - cached;
  stats->live_bytes += (central->live_objects - cached) * central->object_bytes;
  stats->cached_bytes += cached * central->object_bytes;
  ul_lock_drop(&central->lock);
}

static void add_budget(ul_budget *budget, ullage_stats_t *stats) {
  stats->budget_bytes = ul_budget_limit(budget);
  if (stats->budget_bytes) ul_budget_count(budget);
  stats->level = ul_load(&budget->level);
  stats->held_bytes = stats->resident_bytes + stats->metadata_bytes + ul_load(&budget->other_bytes);
  stats->relief_bytes = ul_relief_given(&budget->relief);
  stats->relief_ns = ul_load(&budget->relief.spent_ns);
  stats->pressure_calls = ul_load(&budget->relief.calls);
  stats->waits = ul_load(&budget->waits);
  stats->refusals = ul_load(&budget->refusals);
  stats->tree_held_bytes = stats->budget_bytes ? ul_load(&budget->total_bytes) : 0;
  stats->tree_members = stats->budget_bytes ? ul_load(&budget->members) : 0;
}

void ul_runtime_stats(ullage_stats_t *ret_stats) {
  ul_heap       *heap = &ul_runtime_self.heap;
  ullage_stats_t stats = {0};
  uint64_t       cached_objects;
  for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_END; c++) add_central(&heap->central[c], &stats);
  ul_heap_add_zones(heap, &stats.live_objects, &stats.live_bytes);
  uint64_t cached_bytes = ul_mcache_total_bytes(heap, &cached_objects);
  stats.live_objects -= UL_MIN(cached_objects, stats.live_objects);
  stats.live_bytes -= UL_MIN(cached_bytes, stats.live_bytes);
  stats.cached_bytes += cached_bytes;

  ul_lock_take(&heap->pages.lock);
  stats.live_objects += heap->pages.large_objects;
  stats.live_bytes += heap->pages.large_bytes;
  stats.committed_bytes = (uint64_t)heap->committed_pages << UL_PAGE_SHIFT;
  stats.metadata_bytes = heap->tables_bytes;
  ul_lock_drop(&heap->pages.lock);
  uint64_t used = stats.live_bytes + stats.cached_bytes;
  stats.free_bytes = stats.committed_bytes > used ? stats.committed_bytes - used : 0;
  stats.resident_bytes = ul_load(&heap->resident_leaves) << UL_LEAF_SHIFT;
  stats.peak_bytes = ul_load(&heap->peak_leaves) << UL_LEAF_SHIFT;
  stats.returned_bytes = ul_load(&heap->returned_bytes);
  stats.metadata_bytes += ul_load(&heap->meta.used_bytes) + sizeof ul_runtime_self;
  add_budget(&ul_runtime_self.budget, &stats);
  stats.threads = ul_load(&heap->caches.count);
  *ret_stats = stats;
}
