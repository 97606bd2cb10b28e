/* SPDX-License-Identifier: MIT */
/* agent.h: the one background thread.
 *
 *     sleeps without a timeout  ── freed ──>  every RELEASE_DELAY_MS: gives back what lay idle
 *            ^                                (heap/scavenge.h), updates the page of counters
 *            └────────── nothing came back since, nothing more to wait for ──────────┘
 *
 * It starts when the arena reaches 8 MiB, so that the many small programs of a system have no second
 * thread. A child of a fork starts its own when it grows or has freed a good deal. It never allocates.
 *
 * Where the first thread ends by pthread_exit, the process must end with its last other thread: the
 * agent then looks whether it is alone, and ends.
 */
#ifndef UL_RUNTIME_AGENT_H
#define UL_RUNTIME_AGENT_H

#include "os/lock.h"

#define UL_AGENT_FROM_BYTES ((uint64_t)8 << 20)

typedef struct ul_agent {
  uint32_t state;   /* ul_agent_state */
  uint32_t asleep;  /* 1: waits for `freed`; futex word */
  uint32_t pending; /* something was freed since the last look */
  uint32_t frees;   /* spills since a fork, while there is no agent */
} ul_agent;

enum ul_agent_state { UL_AGENT_NONE = 0, UL_AGENT_STARTING, UL_AGENT_RUNNING, UL_AGENT_ENDED };

/* Starts the thread unless there is one. May allocate. Context: no lock held. */
void ul_agent_start(ul_agent *agent);

/* Something was freed. Returns whether an agent should be started. Context: any lock held. */
bool ul_agent_freed(ul_agent *agent);

void ul_agent_wake(ul_agent *agent);

/* In a forked child: the thread is not there. */
void ul_agent_forget(ul_agent *agent);

#endif
