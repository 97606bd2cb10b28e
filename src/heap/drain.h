/* SPDX-License-Identifier: MIT */
/* drain.h: takes the objects out of the caches of threads, also of threads that sleep.
 *
 * A cache belongs to its thread, which uses it without a lock. Two ways to empty one all the same:
 *
 *     asked     the thread empties it itself when it next comes to the slow half of mcache.c
 *     asleep    1. its ul_mcache_current is set to ul_mcache_lent, which holds and takes nothing
 *               2. a fence on all processors: what the thread does from here on, it does with that
 *               3. it is asleep outside of our code (os/asleep.h) and not `busy`: it is not in the
 *                  middle of anything it began before
 *               4. the cache is emptied, and given back
 *               A thread that wakes up meanwhile simply does without a cache.
 *
 * Nothing of this costs the fast path an instruction.
 */
#ifndef UL_HEAP_DRAIN_H
#define UL_HEAP_DRAIN_H

#include "heap/hooks.h"

/* Every function that works on a cache without a lock carries this: it is the code a thread must not
 * be in. The linker knows where the section begins and ends. */
#define UL_FAST_CODE UL_SECTION("ul_fast_code")
UL_HIDDEN extern const char __start_ul_fast_code[], __stop_ul_fast_code[];

/* Empties the caches of threads that are asleep and hold at least `least_bytes`. Returns the bytes
 * that went back into spans. Context: no lock held. */
uint64_t ul_drain_asleep(ul_heap *heap, uint64_t least_bytes);

/* Asks all threads to empty theirs. */
void ul_drain_ask(ul_heap *heap);

#endif
