/* SPDX-License-Identifier: MIT */
/* atomic.h: the orders we use, by name.
 *
 * Most shared fields are guarded by a lock. These are for the few that are read without it: the
 * bytes of the leaf map, counters for people, flags of the agent.
 */
#ifndef UL_BASE_ATOMIC_H
#define UL_BASE_ATOMIC_H

#include "base/base.h"

/* No order: the value is whole, nothing else is promised. */
#define ul_load(p)     __atomic_load_n((p), __ATOMIC_RELAXED)
#define ul_store(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define ul_add(p, v)   __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
#define ul_sub(p, v)   __atomic_fetch_sub((p), (v), __ATOMIC_RELAXED)

/* Who loads with acquire sees all that was written before the store with release. */
#define ul_load_acquire(p)     __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define ul_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define ul_swap(p, v)          __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)

/* Of two threads that each store with this and then load what the other stored, one sees it. */
#define ul_load_ordered(p)     __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define ul_store_ordered(p, v) __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)

UL_INLINE bool ul_cas_u32(uint32_t *p, uint32_t expected, uint32_t desired) {
  return __atomic_compare_exchange_n(p, &expected, desired, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED);
}

/* Keeps the compiler from moving a store over another: fork may copy the memory in between. */
#define ul_compiler_fence() __atomic_signal_fence(__ATOMIC_SEQ_CST)

#endif
