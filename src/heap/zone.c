/* SPDX-License-Identifier: MIT */
/* zone.c: see zone.h. */
#include "heap/zone.h"

#include <string.h>

#include "heap/heap.h"
#include "heap/large.h"
#include "os/fatal.h"

_Static_assert(sizeof(ul_zone) <= (size_t)1 << UL_META_SHIFT_MAX, "a zone is one block of meta");

ul_zone *ul_zone_new(ul_heap *heap) {
  ul_zone *zone = ul_meta_alloc(&heap->meta, sizeof *zone);
  if (!zone) return NULL;
  memset(zone, 0, sizeof *zone);
  zone->heap = heap;
  ul_link_init(&zone->large);
  for (unsigned c = 0; c < UL_CLASS_COARSE; c++) {
    ul_mcentral_init(&zone->central[c], UL_CLASS_FIRST + c, UL_LEAF_SLOW);
  }
  ul_lock_take(&heap->caches.lock);
  ul_list_push(&heap->zones, &zone->link);
  ul_lock_drop(&heap->caches.lock);
  return zone;
}

static void *alloc_large(ul_zone *zone, size_t bytes) {
  void *object = ul_large_alloc(zone->heap, bytes, 1, false);
  if (!object) return NULL;
  ul_mspan *span = ul_mspan_of(zone->heap, (uintptr_t)object);
  ul_lock_take(&zone->lock);
  span->zone = zone;
  ul_list_push(&zone->large, &span->link);
  ul_lock_drop(&zone->lock);
  return object;
}

void *ul_zone_alloc(ul_zone *zone, size_t bytes) {
  unsigned low = 0, high = UL_CLASS_COARSE - 1;
  if (bytes > UL_SMALL_MAX_BYTES) return alloc_large(zone, bytes);
  while (low < high) {
    unsigned middle = (low + high) / 2;
    if (ul_size_class_bytes(UL_CLASS_FIRST + middle) < bytes) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  ul_mcentral *central = &zone->central[low];
  ul_mspan    *adopted = NULL;
  void        *object = NULL;
  uint32_t     got = ul_mcentral_fetch(zone->heap, central, &adopted, &object, 1, UL_FETCH_GROW);
  if (got == 0 && (ul_heap_has_room(zone->heap, 1) || ul_heap_ask(zone->heap, bytes))) {
    got = ul_mcentral_fetch(zone->heap, central, &adopted, &object, 1, UL_FETCH_ASKED);
  }
  if (got == 0) return NULL;
  if (adopted) ul_mcentral_unadopt(zone->heap, central, adopted);
  *(uint64_t *)object = 0;
  ul_hooks_run(zone->heap);
  return object;
}

void ul_zone_free(ul_heap *heap, ul_mspan *span, void *object) {
  if (span->state == UL_MSPAN_LARGE) {
    ul_zone *zone = span->zone;
    ul_lock_take(&zone->lock);
    ul_list_remove(&span->link);
    span->zone = NULL;
    ul_lock_drop(&zone->lock);
    ul_large_free(heap, span);
    return;
  }
  *(uint64_t *)object = ul_cookie(heap, object);
  ul_mcentral_return(heap, span->central, &object, 1, UL_FETCH_ASKED);
}

static void free_spans(ul_heap *heap, ul_mcentral *central, ul_link *list) {
  while (!ul_list_empty(list)) {
    ul_mspan *span = UL_CONTAINER_OF(list->next, ul_mspan, link);
    span->live = 0;
    span->changed = 0;
    central->free_objects = UL_MAX(central->free_objects, ul_mspan_free_objects(span));
    ul_mcentral_relist(heap, central, span);
  }
}

void ul_zone_destroy(ul_zone *zone) {
  ul_heap *heap = zone->heap;
  ul_lock_take(&heap->scavenge_lock); /* nobody walks over the zone's spans meanwhile */
  ul_lock_take(&heap->caches.lock);
  ul_list_remove(&zone->link);
  ul_lock_drop(&heap->caches.lock);
  for (unsigned c = 0; c < UL_CLASS_COARSE; c++) {
    ul_mcentral *central = &zone->central[c];
    ul_lock_take(&central->lock);
    for (int i = 0; i < UL_CENTRAL_LISTS; i++) free_spans(heap, central, &central->lists[i]);
    ul_lock_drop(&central->lock);
  }
  while (!ul_list_empty(&zone->large)) {
    ul_mspan *span = UL_CONTAINER_OF(zone->large.next, ul_mspan, link);
    ul_list_remove(&span->link);
    span->zone = NULL;
    ul_large_free(heap, span);
  }
  ul_lock_drop(&heap->scavenge_lock);
  ul_meta_free(&heap->meta, zone, sizeof *zone);
}

void ul_heap_add_zones(ul_heap *heap, uint64_t *objects, uint64_t *bytes) {
  ul_lock_take(&heap->caches.lock);
  for (ul_link *link = heap->zones.next; link != &heap->zones; link = link->next) {
    ul_zone *zone = UL_CONTAINER_OF(link, ul_zone, link);
    for (unsigned c = 0; c < UL_CLASS_COARSE; c++) {
      ul_mcentral *central = &zone->central[c];
      ul_lock_take(&central->lock);
      *objects += central->live_objects;
      *bytes += central->live_objects * central->object_bytes;
      ul_lock_drop(&central->lock);
    }
  }
  ul_lock_drop(&heap->caches.lock);
}
