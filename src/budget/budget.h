/* SPDX-License-Identifier: MIT */
/* budget.h: a soft limit for what this process, or its whole tree, holds through the heap.
 *
 *     held  =  memory behind the heap (live, and free but resident)  +  the heap's own records
 *              [+ what else of this process is anonymous, when asked: ULLAGE_BUDGET_OTHER=1]
 *     total =  held by all processes of the tree (tree.h)
 *
 *     an allocation needs memory          the agent's thread
 *     ──────────────────────────          ──────────────────
 *     heap->gate not reached: go on
 *     reached: ul_budget_crowded ──wakes──>  ul_budget_tick: level, relief in order (relief.h)
 *              waits a few ms     <──done──  sets the gate anew
 *              over: grow | fail | abort
 *
 * The gate is all that the heap knows: so many leaves may come before somebody must ask. It stands at
 * the next level, nearer where several processes share the room, so that no two use the same twice.
 *
 * Waiting is bounded: some milliseconds in each fifteen, however many threads ask, so that a thread
 * that holds a lock which a callback wants goes on soon.
 *
 * Threads  any; numbers are guarded by `lock`, relief is the agent's.
 */
#ifndef UL_BUDGET_BUDGET_H
#define UL_BUDGET_BUDGET_H

#include "budget/level.h"
#include "budget/relief.h"
#include "budget/tree.h"
#include "heap/heap.h"
#include "os/lock.h"

enum ul_on_budget { UL_ON_BUDGET_GROW = 0, UL_ON_BUDGET_FAIL, UL_ON_BUDGET_ABORT };

typedef struct ul_budget {
  ul_heap *heap;
  ul_lock  lock;
  uint64_t limit_bytes; /* atomic; where there is a tree its page has the word */
  uint64_t on_budget;   /* ul_on_budget */
  bool     counts_other;
  ul_tree  tree;
  /* as last counted */
  uint64_t held_bytes, total_bytes, promised_bytes, members, other_bytes; /* atomic */
  uint32_t level;                                                         /* atomic */
  /* the agent and those who wait for it */
  void (*wake)(void); /* starts or wakes the agent; NULL: there is none to be had */
  ul_relief relief;
  uint32_t  passes; /* of relief; futex word */
  uint32_t  agent;  /* atomic: number of the thread that does relief; it never waits for itself */
  uint64_t  wait_from_ns;
  uint64_t  swept_ns, own_relief_ns; /* when last; guarded by lock */
  uint64_t  waits, refusals;         /* atomic */
  uint32_t  reserve_is_open;         /* atomic; somebody was refused */
} ul_budget;

/* `limit_bytes` 0: none until ul_budget_set. */
void ul_budget_init(ul_budget *budget, ul_heap *heap, uint64_t limit_bytes, uint64_t on_budget,
                    bool counts_other);

/* Changes the limit, for the whole tree. */
void     ul_budget_set(ul_budget *budget, uint64_t limit_bytes);
uint64_t ul_budget_limit(const ul_budget *budget);

/* Counts anew, and sets level and gate. Returns the level. Context: no lock held. */
int ul_budget_count(ul_budget *budget);

/* The heap's hook: see ul_hooks.crowded. */
bool ul_budget_crowded(ul_budget *budget, uint64_t bytes);

/* The agent's part: counts, and does relief where it is due. Returns in how many ns it wants to be
 * called again; UINT64_MAX: when it is woken. Context: the agent. */
uint64_t ul_budget_tick(ul_budget *budget, uint64_t now_ns);

/* In a forked child; `ul_heap_fork_child` is done. */
void ul_budget_forked(ul_budget *budget);

/* The process ends. */
void ul_budget_done(ul_budget *budget);

/* Says on stderr what the heap holds, by class, on one screen. Context: no lock held. */
void ul_budget_explain(ul_budget *budget);

#endif
