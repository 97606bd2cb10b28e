/* SPDX-License-Identifier: MIT */
/* runtime.h: the one global, and the order in which things begin and end.
 *
 *     first malloc        the heap starts (the loader may call before any constructor has run)
 *     constructor         options, fork handlers, page of counters
 *     a thread's first    its cache; given up by the last round of the thread's key destructors
 *     8 MiB               the agent: one background thread (agent.h)
 *     fork                heap stopped before, let go after; the child has no agent until it needs one
 *     sandbox             the program forbids itself system calls: no agent, no page, no socket, and
 *                         memory goes back all the same (unaided.h)
 *     exit                summary, last update of the page; the heap itself never ends, since
 *                         others' exit handlers go on allocating
 */
#ifndef UL_RUNTIME_RUNTIME_H
#define UL_RUNTIME_RUNTIME_H

#include "budget/budget.h"
#include "heap/heap.h"
#include "runtime/agent.h"
#include "runtime/live.h"
#include "runtime/options.h"
#include "runtime/unaided.h"
#include "ullage/ullage.h"

typedef struct ul_runtime {
  ul_heap    heap;  /* first: malloc and free read its first line */
  uint32_t   state; /* ul_runtime_state */
  ul_lock    start_lock;
  uint32_t   thread_key; /* pthread key whose destructor ends a thread's cache */
  bool       has_thread_key;
  bool       constructed;  /* the constructor has run: threads may be started */
  bool       main_is_gone; /* the first thread has ended before the process */
  ul_options options;
  ul_budget  budget;
  ul_agent   agent;
  ul_live    live;
  ul_unaided unaided;
} ul_runtime;

enum ul_runtime_state { UL_RUNTIME_NEW = 0, UL_RUNTIME_READY };

/* One of the two globals inside; the other is the thread's cache (heap/mcache.h). */
extern ul_runtime ul_runtime_self;

/* Makes the heap ready and gives the calling thread a cache where it can have one.
 * 0 or -UL_E_NOMEM: the system gives no address space at all. Context: slow paths, no lock held. */
UL_MUST_USE int ul_runtime_enter(void);

/* Ends the process with one line. */
UL_NORETURN void ul_runtime_die(const char *message);

/* The process is about to forbid itself system calls. When this returns no thread of ours runs any more
 * (ul_agent_bar says when it might), and from here on none is made, nor any call beyond those that
 * memory needs (os/confine.h). `sealed`: no memory is to be had either.
 * Context: any, also a signal handler, and before the runtime has started. */
void ul_runtime_sandboxed(bool sealed);

/* What the process holds, now. Context: takes locks of the heap one by one. */
void ul_runtime_stats(ullage_stats_t *ret_stats);

/* Registers a pressure callback, and sees to it that none runs when exit handlers that were there
 * before have begun. 0 or -UL_E_RANGE. */
UL_MUST_USE int ul_runtime_pressure_register(ul_pressure pressure);

#endif
