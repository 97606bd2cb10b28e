/* SPDX-License-Identifier: MIT */
/* mheap.h: runs of pages, free and used.
 *
 *     | span | free run      | span | span | free run | span |  … frontier → arena_grow
 *              ^ in the tree by (pages, address), merged with free neighbours at once
 *
 * Allocation is best fit, lowest address first among equals, O(log n) in a treap whose nodes are the
 * records of the free runs. Freed pages keep their memory until the scavenger takes it; which leaves
 * of a run are zero is known one by one (the leaf map), so a run may be half clean and calloc clears
 * the other half only.
 *
 * Invariants  no two free runs touch; head map says so at a free run's first and last page, and at
 *             every page of a span in use; `dirty` of a run counts its leaves that are not clean
 *             (ul_mheap_check)
 * Threads     one lock.
 */
#ifndef UL_HEAP_MHEAP_H
#define UL_HEAP_MHEAP_H

#include "heap/mspan.h"
#include "os/lock.h"

typedef struct ul_mheap {
  ul_lock   lock;
  ul_mspan *root;          /* treap of free runs */
  ul_link   dirty_runs;    /* free runs with dirty > 0, last freed first */
  uint64_t  free_pages;    /* in free runs */
  uint64_t  dirty_leaves;  /* in free runs */
  uint64_t  dirty_low;     /* lowest dirty_leaves since the scavenger last looked */
  uint64_t  large_objects; /* live */
  uint64_t  large_bytes;   /* their usable bytes */
  uint64_t  small_spans;
} ul_mheap;

void ul_mheap_init(ul_mheap *pages);

/* Takes a run of `pages`, its first page a multiple of `align_pages` (a power of two).
 * Returns its record, state NONE, all its pages pointing to it in the head map; NULL when memory is
 * short. The leaf map still tells which leaves are clean. Context: locked(pages). */
ul_mspan *ul_mheap_alloc(ul_heap *heap, size_t pages, size_t align_pages);

/* Gives a run back; the leaf map says which of its leaves are clean. Context: locked(pages). */
void ul_mheap_free(ul_heap *heap, ul_mspan *span);

/* Gives back the pages of `span` from `keep_pages` on. Context: locked(pages). */
void ul_mheap_shrink(ul_heap *heap, ul_mspan *span, size_t keep_pages);

/* Appends free pages that follow `span` until it has `pages`. false: not there.
 * Context: locked(pages). */
bool ul_mheap_extend(ul_heap *heap, ul_mspan *span, size_t pages);

/* Takes up to `most_pages` of a dirty free run, from its first dirty page on, out of the tree for the
 * scavenger, and back. What is held nobody can allocate, so it is little at a time: otherwise the
 * program has to spread into memory it has not touched. Context: locked(pages). */
ul_mspan *ul_mheap_hold(ul_heap *heap, ul_mspan *run, size_t most_pages);
void      ul_mheap_release_held(ul_heap *heap, ul_mspan *run);

/* A span for a size class; frees one whose objects are all free. Context: locked(central). */
ul_mspan *ul_mheap_alloc_small(ul_heap *heap, struct ul_mcentral *central);
void      ul_mheap_free_small(ul_heap *heap, ul_mspan *span);

/* Aborts when an invariant does not hold. Context: locked(pages). */
void ul_mheap_check(ul_heap *heap);

#endif
