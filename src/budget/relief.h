/* SPDX-License-Identifier: MIT */
/* relief.h: what is taken back near the budget, in which order, and how often.
 *
 *     step       what                                        from level
 *     runs       free page runs                              tight
 *     spans      whole free leaves inside used spans         tight
 *     asleep     caches of threads that sleep                critical
 *     caches     caches of all: each empties its own when    critical
 *                it next runs into it
 *     callbacks  the program's own, told how much            critical
 *
 * After each step it is counted again, and relief stops where the numbers allow. What a step gave is
 * kept. Relief takes at most a tenth of one processor: after a pass of t it rests for 9 t. It begins
 * only where something has changed since the last pass: the program has grown or the level has risen.
 * So nothing spirals: a heap that is full of live objects and does not grow is left alone.
 *
 * Threads  the agent's, but for registering.
 */
#ifndef UL_BUDGET_RELIEF_H
#define UL_BUDGET_RELIEF_H

#include "base/base.h"
#include "os/lock.h"

struct ul_budget;

enum ul_relief_step {
  UL_RELIEF_RUNS = 0,
  UL_RELIEF_SPANS,
  UL_RELIEF_ASLEEP,
  UL_RELIEF_CACHES,
  UL_RELIEF_CALLBACKS,
  UL_RELIEF_STEPS
};

#define UL_PRESSURE_MAX 16

typedef struct ul_pressure {
  void (*relieve)(int level, size_t want_bytes, void *arg);
  void *arg;
} ul_pressure;

typedef struct ul_relief {
  uint64_t due_ns;                  /* not before */
  uint64_t after_bytes;             /* atomic: total after the last pass */
  int      level;                   /* atomic: at the end of the last pass */
  uint32_t doubles;                 /* how often what callbacks are asked for was doubled */
  uint64_t again_ns, again_wait_ns; /* beyond the limit, without growth */
  uint64_t seen;                    /* what it looked like at the last poll */
  uint32_t unchanged;               /* polls since it looked different */
  bool     helps;  /* atomic: the last pass freed or gave back enough to wait for the next */
  bool     futile; /* atomic: it did not; changes only at the end of a pass */

  uint64_t given_bytes[UL_RELIEF_STEPS]; /* atomic: what steps gave back, and callbacks freed */
  uint64_t spent_ns;                     /* atomic: processor time */
  uint64_t calls;                        /* atomic: of callbacks */

  ul_lock     lock; /* of what follows */
  ul_pressure pressure[UL_PRESSURE_MAX];
  uint32_t    pressures; /* read without the lock, too */
  uint32_t    running;   /* a callback runs: who unregisters waits for it; futex word */
} ul_relief;

/* Are there callbacks to be asked? */
UL_INLINE bool ul_relief_asks(const ul_relief *relief) {
  return ul_load(&relief->pressures) > 0;
}

/* Bytes that all steps gave so far. */
uint64_t ul_relief_given(const ul_relief *relief);

/* Has anything changed since the last pass that makes another worth it? */
bool ul_relief_is_worth(const struct ul_budget *budget, uint64_t now_ns);

/* In how many ns to look whether it is, though nobody wakes the agent; UINT64_MAX: not at all. */
uint64_t ul_relief_look_again_ns(struct ul_budget *budget, uint64_t now_ns);

/* One pass. Context: the agent, no lock held. */
void ul_relief_pass(struct ul_budget *budget);

/* 0, or -UL_E_RANGE when UL_PRESSURE_MAX are registered. */
UL_MUST_USE int ul_relief_register(ul_relief *relief, ul_pressure pressure);
/* 0, or -UL_E_NOTFOUND. After it the callback does not run any more. */
int ul_relief_unregister(ul_relief *relief, ul_pressure pressure, uint32_t own_thread,
                         uint32_t agent_thread);

/* No callback runs after this, so that none looks at what exit handlers have taken apart. Waits for
 * one that runs, but a second at most: it may want a lock that the caller holds. */
void ul_relief_stop(ul_relief *relief, bool is_agent);

#endif
