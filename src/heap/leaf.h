/* SPDX-License-Identifier: MIT */
/* leaf.h: the two units of the heap, and one byte of state for each leaf.
 *
 *     page   64 KiB   what mheap hands out; a span is a run of pages
 *     leaf    4 KiB   what the system can take back; sixteen to a page
 *
 * On a system with larger pages several leaves go back together; nothing else changes.
 *
 * The leaf map says of every leaf of the heap, in one byte:
 *
 *     CLEAN   in no object, reads as zero, no memory behind it
 *     DIRTY   in no object, holds old bytes, memory behind it
 *     BUSY    being given back by the scavenger, which alone may touch it
 *     SLOW    in an object that the fast path of free does not handle: large, or of a private heap
 *     class   *active*: cut into objects of that size class, memory behind it
 *
 * A free object whose first leaf is active carries a *cookie* in its first word, the object's
 * address mixed with a secret. malloc wipes it, free writes it, making a leaf active writes it into
 * every object that starts there. Hence the rule on which the whole product stands:
 *
 *     an object is live  <=>  its first leaf is active (or SLOW) and its first word is not its cookie
 *
 * which one load of a byte and one of a word decide, for any object, in constant time. A program
 * cannot make up the cookie; that it holds it by chance has probability 2^-64.
 *
 * Threads     A byte is written under the lock of the span's central (or of mheap), and read by
 *             free without any: the thread that frees owns the object, so its byte stands still.
 */
#ifndef UL_HEAP_LEAF_H
#define UL_HEAP_LEAF_H

#include "base/atomic.h"
#include "heap/size_class.h"

#define UL_PAGE_SHIFT      16
#define UL_PAGE_BYTES      ((size_t)1 << UL_PAGE_SHIFT)
#define UL_LEAF_SHIFT      12
#define UL_LEAF_BYTES      ((size_t)1 << UL_LEAF_SHIFT)
#define UL_LEAVES_PER_PAGE (UL_PAGE_BYTES / UL_LEAF_BYTES)

enum ul_leaf_state {
  UL_LEAF_CLEAN = 0,
  UL_LEAF_DIRTY = 1,
  UL_LEAF_BUSY = 2,
  UL_LEAF_SLOW = 3,
  /* UL_CLASS_FIRST … UL_CLASS_END - 1: active, of that class */
};

#endif
