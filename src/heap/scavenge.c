/* SPDX-License-Identifier: MIT */
/* scavenge.c: see scavenge.h.
 *
 * A leaf goes in three steps, so that no lock is held during the system call:
 *
 *     locked     the leaf holds no allocated object: park its objects, mark it BUSY
 *     unlocked   madvise
 *     locked     mark it CLEAN (or DIRTY, where the system refused), list the span again
 *
 * Meanwhile `releasing` keeps others from activating leaves of the span, and a held run is in no
 * tree.
 */
#include "heap/scavenge.h"

#include "heap/heap.h"
#include "heap/zone.h"
#include "os/fatal.h"
#include "os/pages.h"

/* Pages of a free run to give back at a time, 1 MiB: a tenth of a millisecond. */
#define HOLD_PAGES 16

/* Gives back leaves [first, first + count) of the heap, all BUSY or in a held run. */
static size_t release_stretch(ul_heap *heap, size_t first, size_t count, uint64_t backed) {
  /* Where the system's page is larger, its leaves were chosen together. */
  size_t group = heap->os_page_bytes >> UL_LEAF_SHIFT;
  size_t start = ul_round_down(first, group);
  size_t end = ul_round_up(first + count, group);
  void  *at = (void *)(heap->base + (start << UL_LEAF_SHIFT));
  bool   done = ul_os_release(at, (end - start) << UL_LEAF_SHIFT) == 0;
  for (size_t i = first; i < first + count; i++) {
    ul_store_release(&heap->leaf_state[i], (uint8_t)(done ? UL_LEAF_CLEAN : UL_LEAF_DIRTY));
  }
  if (!done) return 0;
  ul_sub(&heap->resident_leaves, backed);
  ul_add(&heap->returned_bytes, backed << UL_LEAF_SHIFT);
  return (size_t)backed << UL_LEAF_SHIFT;
}

/* Idle leaves of several spans of one class, which go together: one system call for up to
 * UL_OS_STRETCHES stretches costs a third of as many calls. */
#define BATCH_SPANS  32
#define BATCH_LEAVES (4 * UL_MSPAN_LEAVES_MAX)

struct batch {
  ul_mspan     *span[BATCH_SPANS];
  uint32_t      end[BATCH_SPANS]; /* leaves of this span and of those before */
  uint32_t      leaves[BATCH_LEAVES];
  ul_os_stretch stretch[UL_OS_STRETCHES];
  uint32_t      count; /* spans */
};

static uint32_t leaves_in(const struct batch *batch) {
  return batch->count ? batch->end[batch->count - 1] : 0;
}

static bool has_room(const struct batch *batch) {
  return batch->count < BATCH_SPANS && leaves_in(batch) + UL_MSPAN_LEAVES_MAX <= BATCH_LEAVES;
}

/* Parks idle leaves of one span, at most *want of its active ones, and lowers *want by those.
 * Context: locked(central). */
static void add_to_batch(ul_heap *heap, ul_mcentral *central, ul_mspan *span, struct batch *batch,
                         uint64_t *want) {
  uint32_t begin = leaves_in(batch);
  uint32_t most = (uint32_t)UL_MIN(*want, (uint64_t)UL_MSPAN_LEAVES_MAX);
  uint32_t before = ul_mspan_free_objects(span);
  uint32_t count = ul_mspan_park(heap, span, batch->leaves + begin, most);

  *want -= UL_MIN(*want, count);
  span->changed = *want < heap->os_page_bytes >> UL_LEAF_SHIFT;
  ul_store(&central->free_objects, central->free_objects - (before - ul_mspan_free_objects(span)));
  span->releasing = 1;
  ul_mcentral_relist(heap, central, span);
  batch->span[batch->count] = span;
  batch->end[batch->count] = begin + count;
  batch->count++;
}

/* Gives the stretches back and marks their leaves. Returns the bytes. */
static size_t release_stretches(ul_heap *heap, ul_os_stretch *stretches, uint32_t count) {
  size_t bytes = 0;
  ul_os_release_many(stretches, count);
  for (uint32_t i = 0; i < count; i++) {
    size_t first = ul_leaf_of(heap, (uintptr_t)stretches[i].start);
    size_t leaves = stretches[i].bytes >> UL_LEAF_SHIFT;
    for (size_t leaf = first; leaf < first + leaves; leaf++) {
      ul_store_release(&heap->leaf_state[leaf],
                       (uint8_t)(stretches[i].done ? UL_LEAF_CLEAN : UL_LEAF_DIRTY));
    }
    if (stretches[i].done) bytes += stretches[i].bytes;
  }
  ul_sub(&heap->resident_leaves, (uint64_t)(bytes >> UL_LEAF_SHIFT));
  ul_add(&heap->returned_bytes, (uint64_t)bytes);
  return bytes;
}

/* Gives the batch's leaves back. Where the system's page is larger, the leaves of one were parked
 * together, so stretches are of whole pages. Context: no lock held. */
static size_t release_batch(ul_heap *heap, struct batch *batch) {
  uint32_t total = leaves_in(batch), count = 0;
  size_t   bytes = 0;
  for (uint32_t i = 0; i < total;) {
    uint32_t stop = i + 1;
    while (stop < total && batch->leaves[stop] == batch->leaves[stop - 1] + 1) stop++;
    batch->stretch[count++] = (ul_os_stretch){
        .start = (void *)(heap->base + ((uintptr_t)batch->leaves[i] << UL_LEAF_SHIFT)),
        .bytes = (size_t)(stop - i) << UL_LEAF_SHIFT};
    if (count == UL_OS_STRETCHES || stop == total) {
      bytes += release_stretches(heap, batch->stretch, count);
      count = 0;
    }
    i = stop;
  }
  return bytes;
}

/* The spans are listed again; what the system refused (memory that is locked) stays dirty.
 * Context: locked(central). */
static void end_batch(ul_heap *heap, ul_mcentral *central, struct batch *batch) {
  uint32_t at = 0;
  for (uint32_t i = 0; i < batch->count; i++) {
    ul_mspan *span = batch->span[i];
    uint32_t  kept = 0;
    for (; at < batch->end[i]; at++) kept += heap->leaf_state[batch->leaves[at]] == UL_LEAF_DIRTY;
    span->dirty += kept;
    central->dirty_leaves += kept;
    if (kept) span->changed = 0;
    span->releasing = 0;
    ul_mcentral_relist(heap, central, span);
  }
  batch->count = 0;
}

/* Drops the central's lock and takes it again. */
static size_t flush_batch(ul_heap *heap, ul_mcentral *central, struct batch *batch) {
  if (batch->count == 0) return 0;
  ul_lock_drop(&central->lock);
  size_t bytes = release_batch(heap, batch);
  ul_lock_take(&central->lock);
  end_batch(heap, central, batch);
  return bytes;
}

/* Gives back up to `want` idle leaves of the spans of a class, emptiest spans first. Spans that
 * changed stand before those that did not (ul_mcentral_relist). Others may list spans meanwhile, so
 * the number of looks is bounded by what there was. Context: locked(central), with pauses. */
static size_t release_from_central(ul_heap *heap, ul_mcentral *central, uint64_t want) {
  struct batch batch;
  size_t       bytes = 0;
  batch.count = 0;
  for (int i = 0; i < UL_CENTRAL_LISTS; i++) {
    ul_link *list = &central->lists[i];
    for (uint64_t looks = central->spans; looks > 0 && want > 0; looks--) {
      if (!has_room(&batch)) bytes += flush_batch(heap, central, &batch);
      if (ul_list_empty(list)) break;
      ul_mspan *span = UL_CONTAINER_OF(list->next, ul_mspan, link);
      if (!span->changed) break;
      add_to_batch(heap, central, span, &batch, &want);
    }
  }
  return bytes + flush_batch(heap, central, &batch);
}

/* `most` 0: what lay idle since the last look; else so many leaves, whatever they did meanwhile. */
static size_t scavenge_central(ul_heap *heap, ul_mcentral *central, uint64_t most, bool *ret_more) {
  size_t bytes = 0;
  ul_lock_take(&central->lock);
  uint32_t drain = most ? central->transfer_count : central->transfer_low;
  if (drain) ul_mcentral_drain(heap, central, drain);
  uint64_t free_low = central->free_low, had = central->free_objects;
  uint64_t want = free_low * central->object_bytes / UL_LEAF_BYTES + central->dirty_low;
  if (free_low == had && central->dirty_low == central->dirty_leaves) want = UINT64_MAX;
  if (most) want = most;
  if (want > 0) bytes = release_from_central(heap, central, want);
  central->transfer_low = central->transfer_count;
  /* What drained just now lay idle long enough: it may go at the next look. */
  if (ret_more &&
      (central->transfer_count || had > free_low || central->dirty_leaves > central->dirty_low)) {
    *ret_more = true;
  }
  central->free_low = central->free_objects;
  central->dirty_low = central->dirty_leaves;
  ul_lock_drop(&central->lock);
  return bytes;
}

/* Gives back up to `want` dirty leaves of free runs, those freed longest ago first. */
static size_t scavenge_runs(ul_heap *heap, uint64_t want) {
  size_t bytes = 0;
  while (want > 0) {
    ul_lock_take(&heap->scavenge_lock);
    ul_lock_take(&heap->pages.lock);
    if (ul_list_empty(&heap->pages.dirty_runs)) {
      ul_lock_drop(&heap->pages.lock);
      ul_lock_drop(&heap->scavenge_lock);
      break;
    }
    ul_mspan *run = UL_CONTAINER_OF(heap->pages.dirty_runs.prev, ul_mspan, link);
    run = ul_mheap_hold(heap, run, HOLD_PAGES);
    ul_lock_drop(&heap->pages.lock);

    size_t   at = (size_t)run->first_page * UL_LEAVES_PER_PAGE;
    size_t   end = at + run->pages * UL_LEAVES_PER_PAGE;
    uint64_t before = want;
    bool     refused = false;
    while (at < end && want > 0) {
      size_t stop = at;
      if (heap->leaf_state[at] == UL_LEAF_CLEAN) {
        at++;
        continue;
      }
      while (stop < end && heap->leaf_state[stop] != UL_LEAF_CLEAN && stop - at < want) stop++;
      size_t group = heap->os_page_bytes >> UL_LEAF_SHIFT;
      size_t first = ul_round_down(at, group);
      stop = ul_round_up(stop, group);
      uint64_t backed = 0;
      for (size_t i = first; i < stop; i++) backed += heap->leaf_state[i] != UL_LEAF_CLEAN;
      size_t given = release_stretch(heap, first, stop - first, backed);
      if (given == 0) refused = true;
      bytes += given;
      want -= UL_MIN(want, backed);
      at = stop;
    }
    ul_lock_take(&heap->pages.lock);
    ul_mheap_release_held(heap, run);
    ul_lock_drop(&heap->pages.lock);
    ul_lock_drop(&heap->scavenge_lock);
    if (refused || want == before) break; /* locked memory: trying again would not end */
  }
  return bytes;
}

static size_t scavenge_centrals(ul_heap *heap, uint64_t most, bool *ret_more) {
  size_t bytes = 0;
  for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_END; c++) {
    uint64_t given = bytes >> UL_LEAF_SHIFT;
    if (!ul_load_acquire(&heap->central[c].in_use)) continue;
    if (most && given >= most) break;
    ul_lock_take(&heap->scavenge_lock);
    bytes += scavenge_central(heap, &heap->central[c], most ? most - given : 0, ret_more);
    ul_lock_drop(&heap->scavenge_lock);
  }
  return bytes;
}

size_t ul_scavenge_idle(ul_heap *heap, bool *ret_more) {
  bool   more = false;
  size_t bytes = scavenge_centrals(heap, 0, &more);
  ul_lock_take(&heap->pages.lock);
  uint64_t want = heap->pages.dirty_low;
  ul_lock_drop(&heap->pages.lock);
  bytes += scavenge_runs(heap, want);
  ul_lock_take(&heap->pages.lock);
  heap->pages.dirty_low = heap->pages.dirty_leaves;
  more |= heap->pages.dirty_leaves > 0;
  ul_lock_drop(&heap->pages.lock);
  *ret_more = more;
  return bytes;
}

static uint64_t leaves_of(uint64_t bytes) {
  return UL_MAX(bytes >> UL_LEAF_SHIFT, (uint64_t)1);
}

size_t ul_scavenge_runs(ul_heap *heap, uint64_t want_bytes) {
  return scavenge_runs(heap, leaves_of(want_bytes));
}

size_t ul_scavenge_spans(ul_heap *heap, uint64_t want_bytes) {
  return scavenge_centrals(heap, leaves_of(want_bytes), NULL);
}

uint64_t ul_scavenge_reusable(ul_heap *heap) {
  uint64_t bytes = ul_load(&heap->pages.dirty_leaves) << UL_LEAF_SHIFT;
  for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_END; c++) {
    ul_mcentral *central = &heap->central[c];
    if (!ul_load_acquire(&central->in_use)) continue;
    uint64_t objects = ul_load(&central->free_objects) + ul_load(&central->transfer_count);
    bytes += objects * central->object_bytes;
    bytes += ul_load(&central->dirty_leaves) << UL_LEAF_SHIFT;
  }
  return bytes;
}

size_t ul_scavenge_all(ul_heap *heap) {
  ul_mcache_flush(heap);
  ul_mcache_adopt_orphans(heap);
  size_t bytes = ul_scavenge_spans(heap, UINT64_MAX);
  return bytes + ul_scavenge_runs(heap, UINT64_MAX);
}
