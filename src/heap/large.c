/* SPDX-License-Identifier: MIT */
/* large.c: see large.h.
 *
 *     | leaf | leaf | … | leaf |  slack: leaves beyond usable_bytes, clean or dirty  |
 *       SLOW   SLOW       SLOW
 *
 * usable_bytes is the request rounded up to the system's page. Leaves of the slack keep their state,
 * so the scavenger finds the dirty ones when the run is free, and growing in place knows which are
 * zero.
 */
#include "heap/large.h"

#include <string.h>

#include "heap/heap.h"
#include "os/fatal.h"
#include "os/pages.h"

/* From here on giving pages back and faulting them in again beats clearing them, and does not hold
 * memory the program may never touch. */
#define CLEAR_BY_RELEASE_LEAVES (((size_t)1 << 20) >> UL_LEAF_SHIFT)

/* From here on moving page tables beats copying. Copying a page costs about 0.3 µs, moving it 0.1 µs
 * and, since what it leaves behind is empty, a fault of 0.7 µs when that is used again: below, memory
 * that is there already is worth more. Above, it is the double residency that hurts. */
#define MOVE_BYTES ((size_t)4 << 20)

static uint8_t *leaves_of(ul_heap *heap, const ul_mspan *span) {
  return heap->leaf_state + (size_t)span->first_page * UL_LEAVES_PER_PAGE;
}

/* Clears what is dirty in leaves [first, end) of the span. */
static void clear_leaves(ul_heap *heap, ul_mspan *span, size_t first, size_t end) {
  uint8_t  *leaves = leaves_of(heap, span);
  uintptr_t start = ul_page_address(heap, span->first_page);
  while (first < end) {
    size_t stop = first;
    if (leaves[first] == UL_LEAF_CLEAN) {
      first++;
      continue;
    }
    while (stop < end && leaves[stop] != UL_LEAF_CLEAN) stop++;
    void  *at = (void *)(start + (first << UL_LEAF_SHIFT));
    size_t bytes = (stop - first) << UL_LEAF_SHIFT;
    bool   whole = ((uintptr_t)at | bytes) % heap->os_page_bytes == 0;
    if (stop - first < CLEAR_BY_RELEASE_LEAVES || !whole || ul_os_release(at, bytes) != 0) {
      memset(at, 0, bytes);
    }
    first = stop;
  }
}

static uint64_t count_clean(ul_heap *heap, ul_mspan *span, size_t first, size_t end) {
  const uint8_t *leaves = leaves_of(heap, span);
  uint64_t       clean = 0;
  for (size_t i = first; i < end; i++) clean += leaves[i] == UL_LEAF_CLEAN;
  return clean;
}

/* May leaves [first, end) come behind the object? Context: no lock held; the span is ours alone. */
static bool may_claim(ul_heap *heap, ul_mspan *span, size_t first, size_t end) {
  if (ul_heap_has_room(heap, end - first)) return true;
  uint64_t clean = count_clean(heap, span, first, end);
  return ul_heap_has_room(heap, clean) || ul_heap_ask(heap, clean << UL_LEAF_SHIFT);
}

/* Leaves [first, end) become part of the object. */
static void claim_leaves(ul_heap *heap, ul_mspan *span, size_t first, size_t end) {
  uint64_t clean = count_clean(heap, span, first, end);
  memset(leaves_of(heap, span) + first, UL_LEAF_SLOW, end - first);
  ul_heap_backed(heap, clean); /* the program is going to touch them */
}

static void drop_leaves(ul_heap *heap, ul_mspan *span, size_t first, size_t end) {
  memset(leaves_of(heap, span) + first, UL_LEAF_DIRTY, end - first);
}

static size_t usable_of(const ul_heap *heap, size_t bytes) {
  return ul_round_up(bytes, heap->os_page_bytes);
}

/* Where a small object began before, its cookie is still there. A program that never writes to this
 * object may still move it by realloc, and what was its first word becomes another's: in time that of a
 * small object at this very address, which would then look free (leaf.h). */
static void forget_cookie(void *object) {
  *(uint64_t *)object = 0;
}

void *ul_large_alloc(ul_heap *heap, size_t bytes, size_t alignment, bool zero) {
  size_t usable_bytes = usable_of(heap, bytes);
  size_t pages = ul_round_up(usable_bytes, UL_PAGE_BYTES) >> UL_PAGE_SHIFT;
  size_t align_pages = UL_MAX(alignment >> UL_PAGE_SHIFT, (size_t)1);
  if (usable_bytes < bytes || pages > heap->reserved_pages || align_pages > heap->reserved_pages)
    return NULL;

  /* The base is aligned to 2 MiB; beyond that alignment is counted from address 0. */
  ul_lock_take(&heap->pages.lock);
  ul_mspan *span = NULL;
  if (alignment <= ((size_t)2 << 20)) {
    span = ul_mheap_alloc(heap, pages, align_pages);
  } else if ((span = ul_mheap_alloc(heap, pages + align_pages, 1)) != NULL) {
    uintptr_t start = ul_page_address(heap, span->first_page);
    size_t    skip = (ul_round_up(start, alignment) - start) >> UL_PAGE_SHIFT;
    size_t    first = span->first_page + skip;
    if (skip > 0) {
      ul_mspan *aligned = &heap->spans[first];
      ul_store(&aligned->first_page, (uint32_t)first);
      ul_store(&aligned->pages, (uint32_t)(span->pages - skip));
      ul_link_init(&aligned->link);
      for (size_t i = 0; i < aligned->pages; i++) {
        ul_store_release(&heap->head_of_page[first + i], (uint32_t)first + 1);
      }
      ul_store(&span->pages, (uint32_t)skip);
      ul_mheap_free(heap, span);
      span = aligned;
    }
    ul_mheap_shrink(heap, span, pages);
  }
  if (span) {
    ul_store(&span->object_bytes, usable_bytes);
    heap->pages.large_objects++;
    heap->pages.large_bytes += usable_bytes;
  }
  ul_lock_drop(&heap->pages.lock);
  if (!span) return NULL;

  /* The run is ours alone: the map and the bytes need no lock. */
  if (!may_claim(heap, span, 0, usable_bytes >> UL_LEAF_SHIFT)) {
    ul_lock_take(&heap->pages.lock);
    heap->pages.large_objects--;
    heap->pages.large_bytes -= usable_bytes;
    ul_mheap_free(heap, span);
    ul_lock_drop(&heap->pages.lock);
    return NULL;
  }
  void *object = (void *)ul_page_address(heap, span->first_page);
  if (zero) {
    clear_leaves(heap, span, 0, usable_bytes >> UL_LEAF_SHIFT);
  } else if (*leaves_of(heap, span) != UL_LEAF_CLEAN) {
    forget_cookie(object);
  }
  claim_leaves(heap, span, 0, usable_bytes >> UL_LEAF_SHIFT);
  ul_store_release(&span->state, (uint8_t)UL_MSPAN_LARGE);
  ul_hooks_run(heap);
  return object;
}

bool ul_large_free(ul_heap *heap, ul_mspan *span) {
  ul_lock_take(&heap->pages.lock);
  bool still = span->state == UL_MSPAN_LARGE;
  if (still) {
    drop_leaves(heap, span, 0, span->object_bytes >> UL_LEAF_SHIFT);
    span->former_pages = 1;
    span->former_bytes = span->object_bytes;
    heap->pages.large_objects--;
    heap->pages.large_bytes -= span->object_bytes;
    ul_mheap_free(heap, span);
  }
  ul_lock_drop(&heap->pages.lock);
  return still;
}

static bool resize_in_place(ul_heap *heap, ul_mspan *span, size_t usable_bytes) {
  size_t old_bytes = span->object_bytes;
  size_t pages = ul_round_up(usable_bytes, UL_PAGE_BYTES) >> UL_PAGE_SHIFT;
  size_t before = span->pages;
  bool   fits = true;
  ul_lock_take(&heap->pages.lock);
  if (usable_bytes < old_bytes) {
    drop_leaves(heap, span, usable_bytes >> UL_LEAF_SHIFT, old_bytes >> UL_LEAF_SHIFT);
    ul_mheap_shrink(heap, span, pages);
  } else {
    fits = pages <= span->pages || ul_mheap_extend(heap, span, pages);
  }
  if (fits) {
    heap->pages.large_bytes += usable_bytes - old_bytes;
    ul_store(&span->object_bytes, usable_bytes);
  }
  ul_lock_drop(&heap->pages.lock);
  if (!fits || usable_bytes <= old_bytes) return fits;
  if (may_claim(heap, span, old_bytes >> UL_LEAF_SHIFT, usable_bytes >> UL_LEAF_SHIFT)) {
    claim_leaves(heap, span, old_bytes >> UL_LEAF_SHIFT, usable_bytes >> UL_LEAF_SHIFT);
    return true;
  }
  ul_lock_take(&heap->pages.lock);
  heap->pages.large_bytes -= usable_bytes - old_bytes;
  ul_store(&span->object_bytes, old_bytes);
  if (span->pages > before) ul_mheap_shrink(heap, span, before);
  ul_lock_drop(&heap->pages.lock);
  return false;
}

/* The memory of `from` moved behind the start of a new object. */
static void *move(ul_heap *heap, ul_mspan *from, size_t bytes) {
  size_t old_bytes = from->object_bytes;
  void  *start = (void *)ul_page_address(heap, from->first_page);
  void  *to = ul_large_alloc(heap, bytes, 1, false);
  if (!to) return NULL;
  if (ul_os_move(to, start, old_bytes) != 0) {
    memcpy(to, start, UL_MIN(old_bytes, bytes));
    ul_large_free(heap, from);
    return to;
  }
  /* What is left behind has no memory any more. */
  ul_lock_take(&heap->pages.lock);
  memset(leaves_of(heap, from), UL_LEAF_CLEAN, old_bytes >> UL_LEAF_SHIFT);
  ul_sub(&heap->resident_leaves, old_bytes >> UL_LEAF_SHIFT);
  heap->pages.large_objects--;
  heap->pages.large_bytes -= old_bytes;
  ul_mheap_free(heap, from);
  ul_lock_drop(&heap->pages.lock);
  return to;
}

void *ul_large_resize(ul_heap *heap, ul_mspan *span, size_t bytes) {
  size_t usable_bytes = usable_of(heap, bytes);
  void  *object = (void *)ul_page_address(heap, span->first_page);
  if (usable_bytes < bytes || usable_bytes >> UL_PAGE_SHIFT > heap->reserved_pages) return NULL;
  if (usable_bytes == span->object_bytes) return object;
  if (resize_in_place(heap, span, usable_bytes)) {
    ul_hooks_run(heap);
    return object;
  }
  return span->object_bytes >= MOVE_BYTES ? move(heap, span, bytes) : NULL;
}
