/* SPDX-License-Identifier: MIT */
/* heap.h: the one struct that is the heap, and how its parts lie in it.
 *
 *     malloc ── mcache ── mcentral ── mheap ── arena ── os
 *               thread    size class  page     address
 *               no lock   a lock      runs     space
 *
 *     arena:  | meta | leaf map | head map | span records |           pages …                |
 *             one reservation; the pages grow towards the end, the tables along with them
 *
 *     address -> leaf   (address - base) >> 12      leaf map: state of the leaf, one byte
 *             -> page   (address - base) >> 16      head map: first page of its span, four bytes
 *             -> span   spans[head]                 record: class, capacity, allocation bits
 *             -> object (offset in span) / size     a multiplication (base/bits.h)
 *
 * Locks, in the order in which they may be taken together:
 *     scavenge_lock -> caches.lock -> a central's lock -> pages.lock -> meta.lock
 *
 * There is one heap in a process (runtime/runtime.h), but nothing here knows that.
 */
#ifndef UL_HEAP_HEAP_H
#define UL_HEAP_HEAP_H

#include "heap/hooks.h"
#include "heap/leaf.h"
#include "heap/mcache.h"
#include "heap/mcentral.h"
#include "heap/meta.h"
#include "heap/mheap.h"
#include "heap/mspan.h"
#include "os/asleep.h"

struct ul_heap {
  /* Read by every malloc and free, written at the start or seldom. */
  uintptr_t     base;       /* address of page 0, aligned to the largest span */
  size_t        leaf_count; /* leaves in use by the arena; addresses beyond are not ours */
  uint8_t      *leaf_state; /* the leaf map */
  uint64_t      key;        /* secret of the cookies, odd */
  ul_size_table sizes;      /* what new caches copy; for threads without one */

  uint32_t *head_of_page; /* page + 1 of the span's first page; 0: none */
  ul_mspan *spans;        /* indexed by first page */
  size_t    os_page_bytes;
  size_t    reserved_pages;  /* pages the reservation has room for */
  size_t    committed_pages; /* pages that may be touched: leaf_count / UL_LEAVES_PER_PAGE */
  uint64_t  tables_bytes;    /* committed for the three tables */
  uintptr_t tables_end[3];   /* commit frontier of the leaf map, the head map, the records */

  uint64_t resident_leaves; /* atomic: leaves with memory behind them, as far as we know */
  uint64_t peak_leaves;     /* atomic: highest resident_leaves */
  uint64_t transfer_bytes;  /* atomic: in all transfer stacks */
  uint64_t returned_bytes;  /* atomic: given back since the start */
  uint64_t gate_leaves;     /* atomic: above this, whoever needs more asks hooks.crowded first */
  bool     return_memory;   /* give memory back in the background */

  ul_code_range fast_code; /* where malloc and free work on caches without a lock; empty: unknown */

  ul_hooks        hooks;
  ul_lock         scavenge_lock; /* one scavenger at a time; held, nothing is half given back */
  ul_link         zones;         /* private heaps (zone.h); guarded by caches.lock */
  ul_meta         meta;
  ul_mheap        pages;
  ul_mcache_table caches;
  ul_mcentral     central[UL_CLASS_END];
};

/* Calls the hook for growth when the arena has grown since. Context: no lock held. */
UL_INLINE void ul_hooks_run(ul_heap *heap) {
  if (UL_LIKELY(!ul_load(&heap->hooks.grown_pending))) return;
  ul_store(&heap->hooks.grown_pending, false);
  if (heap->hooks.grown) {
    heap->hooks.grown(heap, (uint64_t)ul_load(&heap->committed_pages) << UL_PAGE_SHIFT);
  }
}

/* Memory has come behind so many leaves. */
UL_INLINE void ul_heap_backed(ul_heap *heap, uint64_t leaves) {
  uint64_t now = ul_add(&heap->resident_leaves, leaves) + leaves;
  if (now > ul_load(&heap->peak_leaves)) ul_store(&heap->peak_leaves, now);
}

/* May `leaves` more come behind the heap without asking anybody? */
UL_INLINE bool ul_heap_has_room(const ul_heap *heap, uint64_t leaves) {
  return UL_LIKELY(ul_load(&heap->resident_leaves) + leaves <= ul_load(&heap->gate_leaves));
}

/* Asks for more when there is no room, for a request of so many bytes; may wait some milliseconds.
 * Context: no lock held. */
UL_INLINE bool ul_heap_ask(ul_heap *heap, uint64_t bytes) {
  uint64_t leaves = (bytes + UL_LEAF_BYTES - 1) >> UL_LEAF_SHIFT;
  return !heap->hooks.crowded || heap->hooks.crowded(heap, leaves << UL_LEAF_SHIFT);
}

/* Reserves address space and makes the heap usable. 0 or -UL_E_NOMEM.
 * `reserve_bytes`: how much to try for; less is taken where a limit forbids it. */
UL_MUST_USE int ul_heap_init(ul_heap *heap, size_t reserve_bytes, uint64_t key);

/* Grows the arena by at least `pages` pages. 0 or -UL_E_NOMEM.
 * The new pages are a clean run whose first page is *ret_page. Context: locked(pages). */
UL_MUST_USE int ul_arena_grow(ul_heap *heap, size_t pages, size_t *ret_page, size_t *ret_pages);

UL_INLINE uintptr_t ul_page_address(const ul_heap *heap, size_t page) {
  return heap->base + (page << UL_PAGE_SHIFT);
}

UL_INLINE size_t ul_leaf_of(const ul_heap *heap, uintptr_t address) {
  return (address - heap->base) >> UL_LEAF_SHIFT;
}

UL_INLINE uint64_t ul_cookie(const ul_heap *heap, const void *object) {
  return (uint64_t)(uintptr_t)object ^ heap->key;
}

/* Adds what private heaps hold. Takes caches.lock. */
void ul_heap_add_zones(ul_heap *heap, uint64_t *objects, uint64_t *bytes);

/* Aborts when an invariant does not hold. Slow. Context: no other thread uses the heap. */
void ul_heap_check(ul_heap *heap);

/* Fork in a threaded program: everything is stopped in `before`, let go in `parent`; in the child
 * only the calling thread is left, and the caches of the others become orphans (mcache.h). */
void ul_heap_fork_before(ul_heap *heap);
void ul_heap_fork_parent(ul_heap *heap);
void ul_heap_fork_child(ul_heap *heap);

#endif
