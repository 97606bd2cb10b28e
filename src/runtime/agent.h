/* SPDX-License-Identifier: MIT */
/* agent.h: the one background thread.
 *
 *     idle     sleeps without a timeout  ── freed, urgent, a request ──┐
 *       ^                                                              v
 *       │                                              gives back what lay idle (heap/scavenge.h)
 *       │                                              relief near the budget (budget/budget.h)
 *       │                                              updates the page of counters
 *       │                                              answers requests (control.h)
 *       │                                                              │
 *       └── nothing came back since, nothing to wait for ──  pausing   <── RELEASE_DELAY_MS, or less
 *                                                              where relief is due sooner
 *
 * It starts when the arena reaches 8 MiB, or near the budget, so that the many small programs of a
 * system have no second thread. A child of a fork starts its own when it grows or has freed a good
 * deal. It never allocates; the program's pressure callbacks, which it runs, may.
 *
 * *Barred* there is none, for the rest of the process's life and in its forked children: the program is
 * about to forbid itself system calls, or ULLAGE_AGENT=0 says that it may have (os/confine.h). Then, and where the system
 * gives no thread, those who allocate do what they can of its work (unaided.h).
 *
 * Where the first thread ends by pthread_exit, the process must end with its last other thread: the
 * agent then looks whether it is alone, and ends.
 */
#ifndef UL_RUNTIME_AGENT_H
#define UL_RUNTIME_AGENT_H

#include "os/listen.h"
#include "os/lock.h"

#define UL_AGENT_FROM_BYTES ((uint64_t)8 << 20)

typedef struct ul_agent {
  uint32_t     state;   /* ul_agent_state; futex word */
  uint32_t     barred;  /* there must be none */
  uint32_t     thread;  /* its number */
  uint64_t     pid;     /* of the process that all this is about */
  uint32_t     asleep;  /* ul_agent_sleep; futex word */
  uint32_t     pending; /* something was freed since the last look */
  uint32_t     urgent;  /* relief is wanted */
  uint32_t     frees;   /* spills since a fork, while there is no agent */
  ul_os_listen listen;  /* the agent's; others only wake it */
} ul_agent;

enum ul_agent_state { UL_AGENT_NONE = 0, UL_AGENT_STARTING, UL_AGENT_RUNNING, UL_AGENT_ENDED };
enum ul_agent_sleep { UL_AGENT_AWAKE = 0, UL_AGENT_PAUSING, UL_AGENT_IDLE };

/* The process has begun, or is a child of a fork, in which the thread is not there. */
void ul_agent_init(ul_agent *agent);
void ul_agent_forget(ul_agent *agent);

/* Starts the thread unless there is one. False: there is none to be had. May allocate. Context: no lock
 * held. */
bool ul_agent_start(ul_agent *agent);

/* No agent from here on. Where there is one it is told to end, and waited for until the system has
 * forgotten it, five seconds at most: it may be in a callback of the program's, or want a lock that the
 * caller holds. Context: any, also a signal handler or the agent itself. */
void ul_agent_bar(ul_agent *agent);
bool ul_agent_is_barred(const ul_agent *agent);

/* Something was freed. Returns whether an agent should be started. Context: any lock held. */
bool ul_agent_freed(ul_agent *agent);

/* Wakes it from idleness. / Wakes it from whatever sleep: relief is wanted. */
void ul_agent_wake(ul_agent *agent);
void ul_agent_press(ul_agent *agent);

/* The process ends: the socket's name goes. */
void ul_agent_done(ul_agent *agent);

#endif
