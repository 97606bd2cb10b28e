/* SPDX-License-Identifier: MIT */
/* asleep.h: is another thread of this process surely not inside a piece of our code?
 *
 * For taking objects out of the cache of a thread that sleeps, without a single instruction more in
 * the fast path (heap/drain.h). A thread is *asleep elsewhere* when
 *
 *     it waits inside a system call               (not for a page, not stopped, not merely preempted)
 *     that it did not make from our code          (its program counter)
 *     and no signal handler it may be in has      (no word on its stack, from the stack pointer to
 *     interrupted our code                         the stack's end, points into our code: a signal
 *                                                  leaves the interrupted address there)
 *
 * Any doubt (another stack, a call that lends the memory to a child, a kernel that does not tell)
 * is answered with no.
 */
#ifndef UL_OS_ASLEEP_H
#define UL_OS_ASLEEP_H

#include "base/base.h"

/* After this, what any thread of the process stored before is seen by us, and what we stored before
 * is seen by every thread. False: this system cannot. */
bool ul_os_fence_all_threads(void);

typedef struct ul_code_range {
  uintptr_t start, end;
} ul_code_range;

/* `stack_end`: an address above all frames of that thread. Tens of microseconds. */
bool ul_os_thread_is_asleep(uint32_t tid, uintptr_t stack_end, ul_code_range code);

/* The number of the calling thread (0: confined, os/confine.h), and an address above all its frames. */
uint32_t  ul_os_thread_id(void);
uintptr_t ul_os_thread_stack_end(void);

#endif
