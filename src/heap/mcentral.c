/* SPDX-License-Identifier: MIT */
/* mcentral.c: see mcentral.h. */
#include "heap/mcentral.h"

#include <string.h>

#include "heap/heap.h"
#include "os/fatal.h"

/* The transfer stack of a class: as much as two full caches spill (mcache.c), at least a few; and all
 * of them together at most a sixty-fourth of the heap, since what waits there pins its leaves. */
#define TRANSFER_BYTES   (128 * 1024u)
#define TRANSFER_OBJECTS 2048u
#define TRANSFER_LEAST   8u /* these two are powers of two */
#define TRANSFER_SHARE   64

void ul_mcentral_init(ul_mcentral *central, unsigned size_class, uint8_t leaf_value) {
  ul_lock_take(&central->lock);
  if (!central->in_use) {
    central->size_class = (uint8_t)size_class;
    central->leaf_value = leaf_value;
    central->object_bytes = ul_size_class_bytes(size_class);
    central->span_bytes = ul_size_class_span_bytes(size_class);
    central->span_objects = central->span_bytes / central->object_bytes;
    central->magic = ul_div_magic(central->object_bytes);
    central->full_magic = ul_div_magic(central->span_objects);
    for (int i = 0; i < UL_CENTRAL_LISTS; i++) ul_link_init(&central->lists[i]);
    ul_store_release(&central->in_use, (uint8_t)1);
  }
  ul_lock_drop(&central->lock);
}

ul_mcentral *ul_mcentral_of(ul_heap *heap, unsigned size_class) {
  ul_mcentral *central = &heap->central[size_class];
  if (UL_UNLIKELY(!ul_load_acquire(&central->in_use))) {
    ul_lock_take(&heap->caches.lock); /* not while another thread forks (fork.c) */
    ul_mcentral_init(central, size_class, (uint8_t)size_class);
    ul_lock_drop(&heap->caches.lock);
  }
  return central;
}

static ul_mspan *first_of(ul_link *list) {
  return ul_list_empty(list) ? NULL : UL_CONTAINER_OF(list->next, ul_mspan, link);
}

/* Lists by number, so that a span knows the one it is on: ready ones first. */
enum { LIST_BARE = UL_READY_LISTS, LIST_ADOPTED, LIST_FULL, LIST_NONE };

static uint8_t list_of(const ul_mspan *span) {
  uint32_t free_objects = ul_mspan_free_objects(span);
  if (span->adopted) return LIST_ADOPTED;
  if (free_objects == 0) return span->parked > 0 ? LIST_BARE : LIST_FULL;
  return (uint8_t)ul_div_quotient((uint64_t)span->live * UL_READY_LISTS, span->central->full_magic);
}

void ul_mcentral_relist(ul_heap *heap, ul_mcentral *central, ul_mspan *span) {
  if (span->releasing) { /* the scavenger lists it again */
    ul_list_remove(&span->link);
    span->list = LIST_NONE;
    return;
  }
  if (span->live == 0 && !span->adopted) {
    ul_list_remove(&span->link);
    central->spans--;
    ul_store(&central->free_objects, central->free_objects - ul_mspan_free_objects(span));
    central->dirty_leaves -= span->dirty;
    ul_mheap_free_small(heap, span);
    return;
  }
  /* Most of the time nothing moves, and the neighbours' records stay untouched. */
  uint8_t list = list_of(span);
  if (list == span->list && span->moved_up == span->changed) return;
  ul_list_remove(&span->link);
  if (span->changed) {
    ul_list_push(&central->lists[list], &span->link);
  } else {
    ul_list_append(&central->lists[list], &span->link); /* the scavenger looks at the head */
  }
  span->list = list;
  span->moved_up = span->changed;
}

/* The span to refill from when the adopted one has no free object left: the fullest that has. */
static ul_mspan *next_ready(ul_mcentral *central) {
  for (int i = UL_READY_LISTS - 1; i >= 0; i--) {
    ul_mspan *span = first_of(&central->lists[i]);
    if (span) return span;
  }
  return NULL;
}

static void adopt(ul_heap *heap, ul_mcentral *central, ul_mspan **adopted, ul_mspan *span) {
  ul_mspan *old = *adopted;
  if (old) {
    old->adopted = 0;
    ul_mcentral_relist(heap, central, old);
  }
  span->adopted = 1;
  ul_mcentral_relist(heap, central, span);
  *adopted = span;
}

/* Makes objects usable that need a leaf made active. Leaves the span that has them adopted. */
static bool activate(ul_heap *heap, ul_mcentral *central, ul_mspan **adopted, ul_fetch how) {
  if (how == UL_FETCH_FREE) return false;
  if (how == UL_FETCH_GROW && UL_UNLIKELY(!ul_heap_has_room(heap, 1))) return false;
  for (;;) {
    ul_mspan *span = *adopted;
    if (span && span->parked > 0 && !span->releasing) {
      uint32_t gained = ul_mspan_activate(heap, span);
      ul_store(&central->free_objects, central->free_objects + gained);
      if (gained) return true;
    }
    span = first_of(&central->lists[LIST_BARE]);
    if (span) {
      /* A bare span whose last leaves are being given back gains nothing: it was relisted only
       * after that, so it does gain. */
      adopt(heap, central, adopted, span);
      continue;
    }
    span = ul_mheap_alloc_small(heap, central);
    if (!span) return false;
    central->spans++;
    central->dirty_leaves += span->dirty;
    adopt(heap, central, adopted, span);
  }
}

/* Has the class come to hold so much that it is worth refining? True once. */
static bool should_refine(const ul_heap *heap, ul_mcentral *central) {
  if (central->refined || central->leaf_value != central->size_class) return false;
  if (!ul_size_class_is_coarse(central->size_class)) return false;
  if (central->live_objects * central->object_bytes <= UL_REFINE_BYTES) return false;
  if (ul_load(&heap->committed_pages) << UL_PAGE_SHIFT < UL_REFINE_HEAP_BYTES) return false;
  central->refined = 1;
  return true;
}

/* The newest `count` leave the ring. */
static void take_newest(ul_mcentral *central, void **ret_objects, uint32_t count) {
  uint32_t capacity = central->transfer_capacity;
  uint32_t start = (central->transfer_oldest + central->transfer_count - count) & (capacity - 1);
  uint32_t part = UL_MIN(count, capacity - start);
  memcpy(ret_objects, central->transfer + start, part * sizeof *ret_objects);
  memcpy(ret_objects + part, central->transfer, (count - part) * sizeof *ret_objects);
  ul_store(&central->transfer_count, central->transfer_count - count);
  central->transfer_low = UL_MIN(central->transfer_low, central->transfer_count);
}

/* There is room for them. */
static void add_newest(ul_mcentral *central, void **objects, uint32_t count) {
  uint32_t capacity = central->transfer_capacity;
  uint32_t start = (central->transfer_oldest + central->transfer_count) & (capacity - 1);
  uint32_t part = UL_MIN(count, capacity - start);
  memcpy(central->transfer + start, objects, part * sizeof *objects);
  memcpy(central->transfer, objects + part, (count - part) * sizeof *objects);
  ul_store(&central->transfer_count, central->transfer_count + count);
}

uint32_t ul_mcentral_fetch(ul_heap *heap, ul_mcentral *central, ul_mspan **adopted,
                           void **ret_objects, uint32_t want, ul_fetch how) {
  uint32_t got = 0;
  ul_lock_take(&central->lock);
  if (central->transfer_count > 0) {
    got = UL_MIN(want, central->transfer_count);
    take_newest(central, ret_objects, got);
    ul_sub(&heap->transfer_bytes, (uint64_t)got * central->object_bytes);
  }
  while (got < want) {
    ul_mspan *span = *adopted;
    if (!span || span->releasing || ul_mspan_free_objects(span) == 0) {
      span = next_ready(central);
      if (span) {
        adopt(heap, central, adopted, span);
      } else if (got > 0 || !activate(heap, central, adopted, how)) {
        break; /* something is better than memory nobody may need */
      }
      continue;
    }
    uint32_t taken = ul_mspan_take(heap, span, ret_objects + got, want - got);
    got += taken;
    ul_store(&central->live_objects, central->live_objects + taken);
    ul_store(&central->free_objects, central->free_objects - taken);
  }
  central->free_low = UL_MIN(central->free_low, central->free_objects);
  central->dirty_low = UL_MIN(central->dirty_low, central->dirty_leaves);
  bool refine = should_refine(heap, central);
#if ULLAGE_INVARIANTS >= 2
  ul_mcentral_check(heap, central);
#endif
  ul_lock_drop(&central->lock);
  if (UL_UNLIKELY(refine)) ul_mcache_refine(heap, central->size_class);
  return got;
}

/* Spans of a class are aligned to their size: no look at the head map. */
UL_INLINE ul_mspan *span_of(const ul_heap *heap, const ul_mcentral *central, const void *object) {
  uintptr_t offset = (uintptr_t)object - heap->base;
  return &heap->spans[ul_round_down(offset, central->span_bytes) >> UL_PAGE_SHIFT];
}

/* Objects to look ahead: a record's miss costs about as much as putting four objects back. */
#define AHEAD 4

/* Puts objects back into their spans. Neighbours in `objects` are often of one span: it is moved
 * between lists once for them all. */
static void put_all(ul_heap *heap, ul_mcentral *central, void **objects, uint32_t count) {
  for (uint32_t i = 0; i < count;) {
    ul_mspan *span = span_of(heap, central, objects[i]);
    UL_ASSERT(span->central == central);
    if (i + AHEAD < count) __builtin_prefetch(span_of(heap, central, objects[i + AHEAD]));
    i += ul_mspan_put(heap, span, objects + i, count - i);
    ul_mcentral_relist(heap, central, span);
  }
  ul_store(&central->live_objects, central->live_objects - count);
  ul_store(&central->free_objects, central->free_objects + count);
}

static bool make_transfer(ul_heap *heap, ul_mcentral *central) {
  uint32_t capacity = TRANSFER_BYTES / central->object_bytes;
  capacity = UL_MAX(UL_MIN(capacity, TRANSFER_OBJECTS), TRANSFER_LEAST);
  capacity = 1u << ul_log2_floor(capacity);
  if (central->leaf_value != central->size_class) return false; /* a private heap: no caches */
  central->transfer = ul_meta_alloc(&heap->meta, capacity * sizeof *central->transfer);
  if (!central->transfer) return false;
  central->transfer_capacity = capacity;
  return true;
}

void ul_mcentral_drain(ul_heap *heap, ul_mcentral *central, uint32_t count) {
  UL_CHECK(count <= central->transfer_count);
  if (count == 0) return;
  ul_sub(&heap->transfer_bytes, (uint64_t)count * central->object_bytes);
  while (count > 0) {
    uint32_t part = UL_MIN(count, central->transfer_capacity - central->transfer_oldest);
    put_all(heap, central, central->transfer + central->transfer_oldest, part);
    central->transfer_oldest = (central->transfer_oldest + part) & (central->transfer_capacity - 1);
    ul_store(&central->transfer_count, central->transfer_count - part);
    count -= part;
  }
  central->transfer_low = UL_MIN(central->transfer_low, central->transfer_count);
}

void ul_mcentral_return(ul_heap *heap, ul_mcentral *central, void **objects, uint32_t count,
                        bool quick) {
  ul_lock_take(&central->lock);
  if (quick && (central->transfer || make_transfer(heap, central))) {
    uint32_t room = central->transfer_capacity - central->transfer_count;
    if (room < count && central->transfer_count >= count) {
      /* Make room by dropping the oldest: what was freed last is what the cores still hold. */
      ul_mcentral_drain(heap, central, UL_MIN(central->transfer_count, count - room));
      room = central->transfer_capacity - central->transfer_count;
    }
    uint64_t most = ((uint64_t)ul_load(&heap->committed_pages) << UL_PAGE_SHIFT) / TRANSFER_SHARE;
    if (ul_load(&heap->transfer_bytes) > most) room = 0;
    uint32_t moved = UL_MIN(room, count);
    ul_add(&heap->transfer_bytes, (uint64_t)moved * central->object_bytes);
    add_newest(central, objects, moved);
    objects += moved;
    count -= moved;
  }
  put_all(heap, central, objects, count);
#if ULLAGE_INVARIANTS >= 2
  ul_mcentral_check(heap, central);
#endif
  ul_lock_drop(&central->lock);
  if (heap->hooks.freed) heap->hooks.freed(heap);
}

void ul_mcentral_unadopt(ul_heap *heap, ul_mcentral *central, ul_mspan *span) {
  ul_lock_take(&central->lock);
  span->adopted = 0;
  ul_mcentral_relist(heap, central, span);
  ul_lock_drop(&central->lock);
}

void ul_mcentral_check(ul_heap *heap, ul_mcentral *central) {
  uint64_t free_objects = 0;
  for (int i = 0; i < UL_CENTRAL_LISTS; i++) {
    ul_link *list = &central->lists[i];
    for (ul_link *link = list->next; link != list; link = link->next) {
      ul_mspan *span = UL_CONTAINER_OF(link, ul_mspan, link);
      UL_CHECK(span->central == central);
      UL_CHECK(!span->releasing);
      UL_CHECK(span->list == i && list_of(span) == i);
      ul_mspan_check(heap, span);
      free_objects += ul_mspan_free_objects(span);
    }
  }
  UL_CHECK(free_objects <= central->free_objects); /* spans being released are on no list */
  UL_CHECK(central->transfer_count <= central->transfer_capacity);
}
