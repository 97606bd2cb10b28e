/* SPDX-License-Identifier: MIT */
/* mheap.c: see mheap.h. */
#include "heap/mheap.h"

#include <string.h>

#include "base/bitmap.h"
#include "heap/heap.h"
#include "heap/run_tree.h"
#include "os/fatal.h"

void ul_mheap_init(ul_mheap *pages) {
  ul_link_init(&pages->dirty_runs);
}

static void set_head(ul_heap *heap, size_t page, const ul_mspan *span) {
  ul_store_release(&heap->head_of_page[page], span->first_page + 1);
}

static uint32_t count_dirty(const ul_heap *heap, size_t page, size_t pages) {
  const uint8_t *leaves = heap->leaf_state + page * UL_LEAVES_PER_PAGE;
  uint32_t       dirty = 0;
  for (size_t i = 0; i < pages * UL_LEAVES_PER_PAGE; i++) dirty += leaves[i] != UL_LEAF_CLEAN;
  return dirty;
}

static ul_mspan *make_run(ul_heap *heap, size_t page, size_t pages, uint32_t dirty) {
  ul_mspan *run = &heap->spans[page];
  ul_store(&run->first_page, (uint32_t)page);
  ul_store(&run->pages, (uint32_t)pages);
  run->dirty = dirty;
  ul_link_init(&run->link);
  return run;
}

/* Puts a run that touches no free one into the tree. */
static void tree_add(ul_heap *heap, ul_mspan *run) {
  ul_mheap *pages = &heap->pages;
  ul_store_release(&run->state, (uint8_t)UL_MSPAN_FREE);
  set_head(heap, run->first_page, run);
  set_head(heap, (size_t)run->first_page + run->pages - 1, run);
  ul_run_tree_insert(&pages->root, run);
  pages->free_pages += run->pages;
  pages->dirty_leaves += run->dirty;
  if (run->dirty) ul_list_push(&pages->dirty_runs, &run->link);
}

static void tree_take(ul_heap *heap, ul_mspan *run) {
  ul_mheap *pages = &heap->pages;
  ul_run_tree_remove(&pages->root, run);
  ul_list_remove(&run->link);
  pages->free_pages -= run->pages;
  pages->dirty_leaves -= run->dirty;
  ul_store(&run->state, (uint8_t)UL_MSPAN_NONE);
}

static ul_mspan *free_run_at(ul_heap *heap, size_t page) {
  if (page >= heap->committed_pages || heap->head_of_page[page] == 0) return NULL;
  ul_mspan *run = &heap->spans[heap->head_of_page[page] - 1];
  bool      contains = run->first_page <= page && page - run->first_page < run->pages;
  return contains && ul_load(&run->state) == UL_MSPAN_FREE ? run : NULL;
}

/* Adds [page, page + pages) to the free runs, merged with its neighbours. */
static void add_free(ul_heap *heap, size_t page, size_t pages, uint32_t dirty) {
  ul_mspan *before = page > 0 ? free_run_at(heap, page - 1) : NULL;
  ul_mspan *after = free_run_at(heap, page + pages);
  if (before) {
    tree_take(heap, before);
    page = before->first_page;
    pages += before->pages;
    dirty += before->dirty;
  }
  if (after) {
    tree_take(heap, after);
    pages += after->pages;
    dirty += after->dirty;
  }
  tree_add(heap, make_run(heap, page, pages, dirty));
}

/* Dirty runs to look at when the best fit is clean. */
#define DIRTY_LOOKS 32

/* Best fit that has room for an aligned run. A few candidates are tried; one with room for any
 * alignment always fits. */
static ul_mspan *find_run(ul_heap *heap, size_t pages, size_t align_pages, size_t *ret_page) {
  ul_mspan *run = ul_run_tree_at_least(heap->pages.root, pages, 0);
  for (int tries = 0; run; tries++) {
    size_t page = ul_round_up(run->first_page, align_pages);
    if (page + pages <= (size_t)run->first_page + run->pages) {
      *ret_page = page;
      return run;
    }
    run = tries < 8 ? ul_run_tree_at_least(heap->pages.root, run->pages, run->first_page + 1u)
                    : ul_run_tree_at_least(heap->pages.root, pages + align_pages - 1, 0);
  }
  return NULL;
}

/* The smallest of the runs freed last that has memory behind it and room: a better fit that has none
 * would add to what the process holds. */
static ul_mspan *find_dirty_run(ul_heap *heap, size_t pages, size_t align_pages, size_t *ret_page) {
  ul_link  *list = &heap->pages.dirty_runs;
  ul_mspan *best = NULL;
  int       looks = 0;
  for (ul_link *link = list->next; link != list && looks < DIRTY_LOOKS;
       link = link->next, looks++) {
    ul_mspan *run = UL_CONTAINER_OF(link, ul_mspan, link);
    size_t    page = ul_round_up(run->first_page, align_pages);
    if (page + pages > (size_t)run->first_page + run->pages) continue;
    if (best && best->pages <= run->pages) continue;
    best = run;
    *ret_page = page;
  }
  return best;
}

ul_mspan *ul_mheap_alloc(ul_heap *heap, size_t pages, size_t align_pages) {
  size_t    page;
  ul_mspan *run = find_run(heap, pages, align_pages, &page);
  if (run && run->dirty == 0 && heap->pages.dirty_leaves >= pages * UL_LEAVES_PER_PAGE / 2) {
    size_t    dirty_page;
    ul_mspan *dirty_run = find_dirty_run(heap, pages, align_pages, &dirty_page);
    if (dirty_run) {
      run = dirty_run;
      page = dirty_page;
    }
  }
  if (!run) {
    size_t    new_page, new_pages;
    ul_mspan *last = heap->committed_pages ? free_run_at(heap, heap->committed_pages - 1) : NULL;
    size_t    need = pages + align_pages - 1;
    if (last) need = need > last->pages ? need - last->pages : 1;
    if (need > UINT32_MAX / 2 || ul_arena_grow(heap, need, &new_page, &new_pages) != 0) return NULL;
    add_free(heap, new_page, new_pages, 0);
    run = find_run(heap, pages, align_pages, &page);
    UL_CHECK(run != NULL);
  }

  size_t   first = run->first_page, count = run->pages;
  uint32_t dirty = run->dirty;
  size_t   before = page - first, after = first + count - page - pages;
  tree_take(heap, run);
  if (before) {
    uint32_t part = dirty ? count_dirty(heap, first, before) : 0;
    tree_add(heap, make_run(heap, first, before, part));
  }
  if (after) {
    uint32_t part = dirty ? count_dirty(heap, page + pages, after) : 0;
    tree_add(heap, make_run(heap, page + pages, after, part));
  }
  ul_mspan *span = make_run(heap, page, pages, dirty ? count_dirty(heap, page, pages) : 0);
  heap->pages.dirty_low = UL_MIN(heap->pages.dirty_low, heap->pages.dirty_leaves);
  span->former_bytes = 0;
  for (size_t i = 0; i < pages; i++) set_head(heap, page + i, span);
  return span;
}

void ul_mheap_free(ul_heap *heap, ul_mspan *span) {
  ul_store(&span->state, (uint8_t)UL_MSPAN_NONE);
  add_free(heap, span->first_page, span->pages, count_dirty(heap, span->first_page, span->pages));
  if (heap->hooks.freed) heap->hooks.freed(heap);
}

void ul_mheap_shrink(ul_heap *heap, ul_mspan *span, size_t keep_pages) {
  size_t page = span->first_page + keep_pages, pages = span->pages - keep_pages;
  if (pages == 0) return;
  ul_store(&span->pages, (uint32_t)keep_pages);
  add_free(heap, page, pages, count_dirty(heap, page, pages));
  if (heap->hooks.freed) heap->hooks.freed(heap);
}

bool ul_mheap_extend(ul_heap *heap, ul_mspan *span, size_t pages) {
  size_t    end = (size_t)span->first_page + span->pages;
  size_t    more = pages - span->pages;
  ul_mspan *run = free_run_at(heap, end);
  size_t    have = run ? run->pages : 0;
  if (have < more) {
    size_t new_page, new_pages;
    if (end + have != heap->committed_pages) return false;
    if (ul_arena_grow(heap, more - have, &new_page, &new_pages) != 0) return false;
    add_free(heap, new_page, new_pages, 0);
    run = free_run_at(heap, end);
  }
  size_t   count = run->pages;
  uint32_t dirty = run->dirty;
  tree_take(heap, run);
  if (count > more) {
    uint32_t part = dirty ? count_dirty(heap, end + more, count - more) : 0;
    tree_add(heap, make_run(heap, end + more, count - more, part));
  }
  heap->pages.dirty_low = UL_MIN(heap->pages.dirty_low, heap->pages.dirty_leaves);
  for (size_t i = 0; i < more; i++) set_head(heap, end + i, span);
  ul_store(&span->pages, (uint32_t)pages);
  return true;
}

ul_mspan *ul_mheap_hold(ul_heap *heap, ul_mspan *run, size_t most_pages) {
  size_t   page = run->first_page, end = page + run->pages, first = page;
  uint32_t dirty = run->dirty;
  while (count_dirty(heap, page, 1) == 0) page++;
  size_t pages = UL_MIN(end - page, most_pages);

  tree_take(heap, run);
  if (page > first) tree_add(heap, make_run(heap, first, page - first, 0));
  ul_mspan *held = make_run(heap, page, pages, count_dirty(heap, page, pages));
  if (page + pages < end) {
    tree_add(heap, make_run(heap, page + pages, end - page - pages, dirty - held->dirty));
  }
  set_head(heap, page, held);
  set_head(heap, page + pages - 1, held);
  ul_store(&held->state, (uint8_t)UL_MSPAN_BUSY);
  return held;
}

void ul_mheap_release_held(ul_heap *heap, ul_mspan *run) {
  ul_store(&run->state, (uint8_t)UL_MSPAN_NONE);
  add_free(heap, run->first_page, run->pages, count_dirty(heap, run->first_page, run->pages));
}

ul_mspan *ul_mheap_alloc_small(ul_heap *heap, ul_mcentral *central) {
  size_t    pages = central->span_bytes >> UL_PAGE_SHIFT;
  uint64_t *bits =
      ul_meta_alloc(&heap->meta, ul_bitmap_words(central->span_objects) * sizeof *bits);
  if (!bits) return NULL;
  ul_lock_take(&heap->pages.lock);
  ul_mspan *span = ul_mheap_alloc(heap, pages, pages);
  if (span) {
    ul_mspan_init_small(heap, span, central, bits);
    heap->pages.small_spans++;
  }
  ul_lock_drop(&heap->pages.lock);
  if (!span) ul_meta_free(&heap->meta, bits, ul_bitmap_words(central->span_objects) * sizeof *bits);
  return span;
}

void ul_mheap_free_small(ul_heap *heap, ul_mspan *span) {
  uint64_t *bits = span->bits;
  size_t    bits_bytes = ul_bitmap_words(span->capacity) * sizeof *bits;
  uint8_t  *leaves = heap->leaf_state + (size_t)span->first_page * UL_LEAVES_PER_PAGE;
  UL_ASSERT(span->live == 0 && !span->adopted && !span->releasing);
  span->former_pages = span->pages;
  span->former_bytes = span->object_bytes;
  for (size_t i = 0; i < span->pages * UL_LEAVES_PER_PAGE; i++) {
    if (leaves[i] != UL_LEAF_CLEAN) ul_store(&leaves[i], (uint8_t)UL_LEAF_DIRTY);
  }
  ul_lock_take(&heap->pages.lock);
  heap->pages.small_spans--;
  ul_mheap_free(heap, span);
  ul_lock_drop(&heap->pages.lock);
  ul_meta_free(&heap->meta, bits, bits_bytes);
}

void ul_mheap_check(ul_heap *heap) {
  uint64_t free_pages = 0, dirty_leaves = 0;
  bool     last_was_free = false;
  for (size_t page = 0; page < heap->committed_pages;) {
    uint32_t head = heap->head_of_page[page];
    UL_CHECK(head == page + 1);
    ul_mspan *span = &heap->spans[page];
    UL_CHECK(span->first_page == page && span->pages > 0);
    UL_CHECK(span->state != UL_MSPAN_NONE);
    if (span->state == UL_MSPAN_FREE) {
      UL_CHECK(!last_was_free);
      UL_CHECK(heap->head_of_page[page + span->pages - 1] == head);
      UL_CHECK(span->dirty == count_dirty(heap, page, span->pages));
      UL_CHECK(ul_run_tree_at_least(heap->pages.root, span->pages, page) == span);
      free_pages += span->pages;
      dirty_leaves += span->dirty;
    } else if (span->state != UL_MSPAN_BUSY) {
      for (size_t i = 0; i < span->pages; i++) UL_CHECK(heap->head_of_page[page + i] == head);
    }
    last_was_free = span->state == UL_MSPAN_FREE;
    page += span->pages;
  }
  UL_CHECK(free_pages == heap->pages.free_pages);
  UL_CHECK(dirty_leaves == heap->pages.dirty_leaves);
}
