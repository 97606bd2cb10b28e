/* SPDX-License-Identifier: MIT */
/* tally.h: what the heap holds, by the size of its objects, the largest sums first.
 *
 * For those who must know where memory went when there is none left to look closer: the last words
 * of a program whose budget is used up, and the page that is read from outside when it stands at its
 * wall. Objects in caches count as held. The numbers are read while others allocate: each is right,
 * their sum need not be.
 *
 * Threads any; takes the locks of caches, centrals and pages, one after the other. Context: no lock
 *         held.
 */
#ifndef UL_HEAP_TALLY_H
#define UL_HEAP_TALLY_H

#include "heap/heap.h"

typedef struct ul_tally {
  uint64_t object_bytes; /* of each, at most; 0: these are larger than the largest class */
  uint64_t objects, bytes;
} ul_tally;

/* Fills at most `capacity` rows; returns how many. Rows of one size (colours, private heaps) are one.
 * Sizes whose sum is too small to have a row are left out. */
size_t ul_heap_tally(ul_heap *heap, ul_tally *ret_rows, size_t capacity);

#endif
