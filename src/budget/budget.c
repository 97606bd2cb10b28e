/* SPDX-License-Identifier: MIT */
/* budget.c: see budget.h. */
#include "budget/budget.h"

#include "heap/scavenge.h"
#include "os/asleep.h"
#include "os/fatal.h"
#include "os/self.h"
#include "os/usage.h"

#define MS ((uint64_t)1000000)

/* Who asks near the budget waits this long at most, and then goes on for GO_ON_NS: a fifth of the time;
 * where relief gives something and is about to be outrun, four fifths. Beyond the limit by more and
 * more, longer and longer: on a busy machine the agent itself may wait so long for a processor, and a
 * wall may stand 3 % beyond. Who holds a lock that a callback wants goes on after that, too. */
#define WAIT_NS       (3 * MS)
#define WAIT_OVER_NS  (12 * MS)
#define WAIT_FAR_NS   (25 * MS) /* by one part in FAR_SHARE of the limit */
#define WAIT_MOST_NS  (60 * MS)
#define FAR_SHARE     256
#define MOST_SHARE    64
#define GO_ON_NS      (3 * MS)
#define CALM_GO_ON_NS (12 * MS) /* after WAIT_NS */
/* Who would be refused waits longer, and tries by himself: a refusal is worse than a pause. */
#define REFUSE_WAIT_NS (10 * MS)
#define REFUSE_REST    10 /* own relief of t at most once in 10 t */
/* The gate's steps beyond the critical level, and the least a process gets that shares. */
#define STEP_SHARE       512
#define STEP_LEAST       ((uint64_t)64 << 10)
#define GRANT_SHARE      128
#define SWEEP_EVERY      (100 * MS)
#define SWEEP_EVERY_CALM (1000 * MS)
/* What the heap writes down about new memory counts, too: at most one part in so many. */
#define RECORDS_SHARE 64
/* Kept until somebody was refused, and then for small requests: error paths need a little. Closed again
 * when so much is free that nobody is about to be refused. */
#define RESERVE_SHARE 128
#define RESERVE_LEAST ((uint64_t)64 << 10)
#define RESERVE_MOST  ((uint64_t)4 << 20)

uint64_t ul_budget_limit(const ul_budget *budget) {
  const ul_tree_page *page = ul_tree_page_of(&budget->tree);
  return page ? ul_load(&page->budget_bytes) : ul_load(&budget->limit_bytes);
}

static uint64_t held_by_heap(const ul_heap *heap) {
  return (ul_load(&heap->resident_leaves) << UL_LEAF_SHIFT) + ul_load(&heap->tables_bytes) +
         ul_load(&heap->meta.used_bytes);
}

static uint64_t reserve_of(uint64_t limit) {
  return UL_MIN(UL_MAX(limit / RESERVE_SHARE, RESERVE_LEAST), RESERVE_MOST);
}

/* What may still be taken without asking, where requests fail. */
static uint64_t left(const ul_budget *budget, uint64_t limit, uint64_t taken) {
  uint64_t most =
      ul_load(&budget->reserve_is_open) ? limit : limit - UL_MIN(reserve_of(limit), limit);
  uint64_t room = most - UL_MIN(taken, most);
  return room - room / RECORDS_SHARE;
}

/* How many bytes may come before somebody must ask again. */
static uint64_t room_until_next(const ul_budget *budget, uint64_t limit, int level,
                                const ul_tree_sum *sum) {
  uint64_t step = UL_MAX(limit / STEP_SHARE, STEP_LEAST), taken = sum->promised_bytes;
  uint64_t next = level < UL_LEVEL_CRITICAL
                      ? ul_level_begins(limit, level + 1, ul_relief_asks(&budget->relief))
                      : sum->held_bytes + step;
  uint64_t room = next > taken ? next - taken : step;
  /* Who shares takes little at a time: what one was granted and does not use nobody else has. */
  if (ul_tree_page_of(&budget->tree)) {
    uint64_t most = UL_MAX(limit / GRANT_SHARE, STEP_LEAST);
    room = UL_MIN(UL_MAX(room / (2 * sum->members), STEP_LEAST), most);
  }
  if (budget->on_budget == UL_ON_BUDGET_GROW) return room;
  return UL_MIN(room, left(budget, limit, taken)); /* not a byte beyond */
}

static int count_locked(ul_budget *budget) {
  ul_heap    *heap = budget->heap;
  uint64_t    limit = ul_budget_limit(budget);
  uint64_t    held = held_by_heap(heap) + ul_load(&budget->other_bytes);
  uint64_t    leaves = ul_load(&heap->resident_leaves);
  ul_tree_sum sum;
  ul_tree_add_up(&budget->tree, held, &sum);
  int level = ul_level_next((int)ul_load(&budget->level), limit, sum.held_bytes,
                            ul_relief_asks(&budget->relief));
  ul_store(&budget->held_bytes, held);
  ul_store(&budget->total_bytes, sum.held_bytes);
  ul_store(&budget->promised_bytes, sum.promised_bytes);
  ul_store(&budget->members, sum.members);
  ul_store(&budget->level, (uint32_t)level);
  ul_mcache_set_thrifty(heap, level >= UL_LEVEL_TIGHT);
  uint64_t gate = UINT64_MAX;
  if (limit > 0) {
    uint64_t reserve = 4 * reserve_of(limit);
    if (limit > reserve && sum.promised_bytes <= limit - reserve) {
      ul_store(&budget->reserve_is_open, 0u);
    }
    uint64_t room = room_until_next(budget, limit, level, &sum);
    ul_tree_grant(&budget->tree, room);
    /* Two may have given themselves the same room just now. Each has said so by here, so at least
     * one of them sees it, and takes no more than the other left. */
    if (budget->on_budget != UL_ON_BUDGET_GROW && sum.members > 1) {
      ul_tree_add_up(&budget->tree, held, &sum);
      room = UL_MIN(room, left(budget, limit, sum.promised_bytes));
      ul_tree_grant(&budget->tree, room);
    }
    gate = leaves + (room >> UL_LEAF_SHIFT);
  }
  ul_store(&heap->gate_leaves, gate);
  return level;
}

/* Do all who claim memory still have it? Near the limit it pays to look often; else only who reads the
 * numbers would be misled. */
static void sweep_locked(ul_budget *budget, int level) {
  uint64_t now_ns = ul_os_now_ns();
  uint64_t every = level >= UL_LEVEL_TIGHT ? SWEEP_EVERY : SWEEP_EVERY_CALM;
  if (now_ns - budget->swept_ns < every) return;
  budget->swept_ns = now_ns;
  ul_tree_sweep(&budget->tree);
}

int ul_budget_count(ul_budget *budget) {
  ul_lock_take(&budget->lock);
  if (budget->counts_other) {
    uint64_t all = ul_os_anonymous_bytes(), ours = held_by_heap(budget->heap);
    ul_store(&budget->other_bytes, all - UL_MIN(all, ours));
  }
  int level = count_locked(budget);
  if (ul_load(&budget->members) > 1) {
    sweep_locked(budget, level);
    level = count_locked(budget);
  }
  ul_lock_drop(&budget->lock);
  return level;
}

void ul_budget_init(ul_budget *budget, ul_heap *heap, uint64_t limit_bytes, uint64_t on_budget,
                    bool counts_other) {
  budget->heap = heap;
  budget->on_budget = on_budget;
  budget->counts_other = counts_other;
  ul_store(&budget->limit_bytes, limit_bytes);
}

void ul_budget_set(ul_budget *budget, uint64_t limit_bytes) {
  ul_lock_take(&budget->lock);
  ul_store(&budget->limit_bytes, limit_bytes);
  /* Children that are forked from here on share it. Where that cannot be, it is this process's. */
  if (limit_bytes && !ul_tree_page_of(&budget->tree)) {
    (void)ul_tree_make(&budget->tree, limit_bytes, ul_os_random_key());
  }
  ul_tree_page *page = ul_tree_page_of(&budget->tree);
  if (page) ul_store(&page->budget_bytes, limit_bytes);
  ul_lock_drop(&budget->lock);
  ul_store(&budget->relief.after_bytes, (uint64_t)0); /* another limit: look at once */
  ul_store(&budget->relief.level, (int)UL_LEVEL_CALM);
  if (ul_budget_count(budget) >= UL_LEVEL_TIGHT && budget->wake) budget->wake();
}

/* ---- Near the limit --------------------------------------------------------------------------- */

static uint64_t longest_wait_ns(const ul_budget *budget) {
  uint64_t limit = ul_budget_limit(budget), total = ul_load(&budget->total_bytes);
  uint64_t beyond = total > limit ? total - limit : 0;
  bool     over = beyond > 0 || ul_load(&budget->level) == UL_LEVEL_OVER;
  if (ul_load(&budget->relief.futile)) return WAIT_NS;
  if (beyond > limit / MOST_SHARE) return WAIT_MOST_NS;
  if (beyond > limit / FAR_SHARE) return WAIT_FAR_NS;
  /* Callbacks are due, and the agent has not even had its first pass: it waits for a processor. */
  if (ul_relief_asks(&budget->relief) && ul_load(&budget->level) >= UL_LEVEL_CRITICAL &&
      ul_load(&budget->relief.level) < UL_LEVEL_CRITICAL) {
    return WAIT_OVER_NS;
  }
  /* Callbacks keep some free memory in hand, so below the limit there is no hurry yet. */
  bool hurry = over || !ul_relief_asks(&budget->relief);
  return hurry && ul_load(&budget->relief.helps) ? WAIT_OVER_NS : WAIT_NS;
}

/* True for the threads that may wait now, and until when. */
static bool may_wait(ul_budget *budget, uint64_t now_ns, uint64_t *ret_until_ns) {
  uint64_t from = ul_load(&budget->wait_from_ns), wait_ns = longest_wait_ns(budget);
  uint64_t go_on_ns = wait_ns == WAIT_NS ? CALM_GO_ON_NS : GO_ON_NS;
  if (now_ns - from >= wait_ns + go_on_ns) {
    if (__atomic_compare_exchange_n(&budget->wait_from_ns, &from, now_ns, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED)) {
      from = now_ns;
    }
  }
  *ret_until_ns = from + wait_ns;
  return now_ns < *ret_until_ns;
}

/* Until a pass of relief has ended, at most until then. */
static void wait_for_pass(ul_budget *budget, uint64_t now_ns, uint64_t until_ns) {
  uint32_t pass = ul_load_acquire(&budget->passes);
  if (until_ns <= now_ns) return;
  ul_add(&budget->waits, (uint64_t)1);
  ul_os_wait(&budget->passes, pass, until_ns - now_ns);
}

/* Does a request for so many bytes fit? */
static bool fits(const ul_budget *budget, uint64_t bytes) {
  uint64_t limit = ul_budget_limit(budget), total = ul_load(&budget->promised_bytes);
  bool     open = bytes <= UL_LEAF_BYTES && ul_load(&budget->reserve_is_open);
  uint64_t kept = open ? 0 : reserve_of(limit);
  uint64_t records = bytes / RECORDS_SHARE + UL_LEAF_BYTES;
  return limit == 0 || (bytes <= limit && total + bytes + records + kept <= limit);
}

/* The caller gives back what it can, unless somebody did so just now and found nothing. */
static void relieve_here(ul_budget *budget) {
  uint64_t begin_ns = ul_os_now_ns();
  ul_lock_take(&budget->lock);
  bool mine = begin_ns >= budget->own_relief_ns;
  if (mine) budget->own_relief_ns = UINT64_MAX;
  ul_lock_drop(&budget->lock);
  if (!mine) return;
  uint64_t given = ul_load(&budget->heap->returned_bytes);
  ul_scavenge_all(budget->heap);
  uint64_t end_ns = ul_os_now_ns();
  bool     gave = ul_load(&budget->heap->returned_bytes) > given;
  ul_lock_take(&budget->lock);
  budget->own_relief_ns = gave ? end_ns : end_ns + (end_ns - begin_ns) * REFUSE_REST;
  ul_lock_drop(&budget->lock);
}

static bool refuse(ul_budget *budget, uint64_t bytes, bool is_agent) {
  bool can_fit = bytes <= ul_budget_limit(budget); /* else nothing would help */
  if (!is_agent && can_fit) {
    uint64_t now_ns = ul_os_now_ns();
    wait_for_pass(budget, now_ns, now_ns + REFUSE_WAIT_NS);
  }
  ul_budget_count(budget);
  if (fits(budget, bytes)) return false;
  if (can_fit) relieve_here(budget);
  ul_budget_count(budget);
  if (fits(budget, bytes)) return false;
  ul_add(&budget->refusals, (uint64_t)1);
  ul_store(&budget->reserve_is_open, 1u);
  if (budget->on_budget == UL_ON_BUDGET_ABORT) {
    ul_budget_explain(budget);
    ul_fatal("the budget is used up and ULLAGE_ON_BUDGET=abort");
  }
  return true;
}

bool ul_budget_crowded(ul_budget *budget, uint64_t bytes) {
  int      level = ul_budget_count(budget);
  uint64_t limit = ul_budget_limit(budget), until_ns;
  bool     near = ul_load(&budget->total_bytes) + bytes >=
              ul_level_begins(limit, UL_LEVEL_CRITICAL, ul_relief_asks(&budget->relief));
  bool is_agent = ul_load(&budget->agent) == ul_os_thread_id();
  if (limit == 0) return true;
  if (level >= UL_LEVEL_TIGHT || near) {
    if (budget->wake && !is_agent) budget->wake();
  }
  if (!near) return true;
  if (!is_agent && budget->wake) {
    /* Below the limit one pass is enough, whatever it gave. */
    for (uint64_t now_ns = ul_os_now_ns(); may_wait(budget, now_ns, &until_ns);
         now_ns = ul_os_now_ns()) {
      wait_for_pass(budget, now_ns, until_ns);
      if (ul_budget_count(budget) < UL_LEVEL_OVER || ul_load(&budget->relief.futile)) break;
    }
  }
  if (budget->on_budget == UL_ON_BUDGET_GROW || fits(budget, bytes)) return true;
  return !refuse(budget, bytes, is_agent);
}

/* ---- The agent -------------------------------------------------------------------------------- */

static void let_go(ul_budget *budget) {
  ul_add(&budget->passes, 1u);
  ul_os_wake_all(&budget->passes);
}

uint64_t ul_budget_tick(ul_budget *budget, uint64_t now_ns) {
  ul_relief *relief = &budget->relief;
  if (ul_budget_limit(budget) == 0) return UINT64_MAX;
  ul_store(&budget->agent, ul_os_thread_id());
  if (ul_budget_count(budget) < UL_LEVEL_TIGHT) {
    ul_store(&relief->level, (int)UL_LEVEL_CALM);
    ul_store(&relief->after_bytes, (uint64_t)0);
    let_go(budget);
    return UINT64_MAX;
  }
  if (!ul_relief_is_worth(budget, now_ns)) {
    let_go(budget);
    return ul_relief_look_again_ns(budget, now_ns); /* the gate wakes us when it grows */
  }
  if (now_ns < relief->due_ns) return relief->due_ns - now_ns;
  ul_relief_pass(budget);
  let_go(budget);
  return ul_relief_look_again_ns(budget, ul_os_now_ns());
}

/* ---- Fork and end ----------------------------------------------------------------------------- */

void ul_budget_forked(ul_budget *budget) {
  ul_lock_reset(&budget->lock);
  ul_lock_reset(&budget->relief.lock);
  ul_store(&budget->relief.running, 0u);
  ul_store(&budget->agent, 0u);
  budget->own_relief_ns = 0;
  if (!budget->heap) return;
  ul_tree_forked(&budget->tree, held_by_heap(budget->heap) + ul_load(&budget->other_bytes));
  /* Most children exec at once: its slot is claimed when it grows by a little. */
  if (ul_budget_limit(budget) > 0) {
    ul_store(&budget->heap->gate_leaves,
             ul_load(&budget->heap->resident_leaves) + (STEP_LEAST >> UL_LEAF_SHIFT));
  }
}

void ul_budget_done(ul_budget *budget) {
  ul_tree_leave(&budget->tree);
}
