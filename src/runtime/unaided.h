/* SPDX-License-Identifier: MIT */
/* unaided.h: what those who allocate do where there is no agent.
 *
 *     agent (agent.h)                              unaided
 *     looks when the delay is over, also while     looks in a slow path of malloc or free: when the
 *     the program sleeps                           delay is over, and when much has been freed
 *     what lay idle since the last look goes       that, and what is free beyond as much as lives: after
 *                                                  the last free nobody looks again
 *     relief, while who allocates waits            relief by who allocates, who then needs not wait
 *     calls the program's callbacks                does not: inside malloc they could take no lock
 *     empties caches of sleeping threads           cannot: the system may not be asked about them
 *     answers requests                             nobody does
 *
 * It costs the fast path nothing: heap/hooks.h calls from the same places that start the agent.
 *
 * Threads  any, one at a time; who finds another at it goes on.
 */
#ifndef UL_RUNTIME_UNAIDED_H
#define UL_RUNTIME_UNAIDED_H

#include "base/base.h"

typedef struct ul_runtime ul_runtime;

typedef struct ul_unaided {
  uint32_t busy;        /* somebody is at it; guards the times */
  uint32_t frees;       /* atomic: spills so far */
  uint64_t seen_leaves; /* atomic: resident leaves of free runs after the last look */
  uint64_t look_ns;     /* the next look, not before */
  uint64_t relief_ns;   /* the next relief, not before */
} ul_unaided;

/* Something was freed. Returns whether ul_unaided_look is due. Context: any lock held. */
bool ul_unaided_freed(ul_runtime *runtime);

/* Gives back what may go. Context: no lock held. */
void ul_unaided_look(ul_runtime *runtime);

/* The heap is about to grow near the budget: makes room. Context: no lock held. */
void ul_unaided_relieve(ul_runtime *runtime);

/* In a forked child: whoever was at it is not there. */
void ul_unaided_forget(ul_unaided *unaided);

#endif
