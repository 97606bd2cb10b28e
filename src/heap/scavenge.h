/* SPDX-License-Identifier: MIT */
/* scavenge.h: gives memory that nothing uses back to the system.
 *
 *     free page runs               whole stretches of leaves
 *     partly used spans            leaves that hold no allocated object
 *     transfer stacks              objects go back to their spans, which may empty leaves
 *
 * What may go is decided by *low water*: the least that lay free since the last look was not needed
 * during all that time. A program that frees and allocates again in bursts has a low water near
 * zero and is left alone; one that has shrunk loses the difference after one interval, whether it
 * calls the allocator or not.
 *
 * Threads     one scavenger at a time (scavenge_lock), with all others running.
 */
#ifndef UL_HEAP_SCAVENGE_H
#define UL_HEAP_SCAVENGE_H

#include "heap/hooks.h"

/* Looks once: gives back what lay free since the last look. Returns the bytes given back.
 * *ret_more: something may become free to go by waiting. Context: no lock held. */
size_t ul_scavenge_idle(ul_heap *heap, bool *ret_more);

/* Gives back all that can be: also what was freed just now. Returns the bytes. */
size_t ul_scavenge_all(ul_heap *heap);

/* Parts of the same, for who wants to know what each gives: free runs; leaves of spans that hold no
 * allocated object, transfer stacks included. At most about `want_bytes`. */
size_t ul_scavenge_runs(ul_heap *heap, uint64_t want_bytes);
size_t ul_scavenge_spans(ul_heap *heap, uint64_t want_bytes);

/* Bytes that have memory behind them and are not allocated: what the program can use again without
 * growing. A snapshot. Context: any. */
uint64_t ul_scavenge_reusable(ul_heap *heap);

#endif
