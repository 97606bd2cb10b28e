/* SPDX-License-Identifier: MIT */
/* tally.c: see tally.h.
 *
 * Only the plain classes are told apart while adding (the others have the sizes of plain ones), so a
 * small table on the stack holds them all: this runs on the agent's thread and in a program's last
 * moments, and must not allocate. */
#include "heap/tally.h"

#include "heap/zone.h"

/* The plain class of the same size. */
static unsigned plain_of(unsigned size_class) {
  if (size_class < UL_CLASS_PLAIN) return size_class;
  return UL_CLASS_FIRST + (size_class - UL_CLASS_PLAIN) % UL_COLOUR_CLASSES;
}

static uint64_t objects_of(ul_mcentral *central) {
  ul_lock_take(&central->lock);
  uint64_t objects = central->live_objects;
  ul_lock_drop(&central->lock);
  return objects;
}

static void add_zones(ul_heap *heap, uint64_t *objects) {
  ul_lock_take(&heap->caches.lock);
  for (ul_link *link = heap->zones.next; link != &heap->zones; link = link->next) {
    ul_zone *zone = UL_CONTAINER_OF(link, ul_zone, link);
    for (unsigned c = 0; c < UL_CLASS_COARSE; c++) {
      objects[UL_CLASS_FIRST + c] += objects_of(&zone->central[c]);
    }
  }
  ul_lock_drop(&heap->caches.lock);
}

/* The rows stay sorted; what falls out at the end is lost. */
static size_t insert(ul_tally *rows, size_t count, size_t capacity, ul_tally new) {
  size_t at = count;
  if (new.bytes == 0) return count;
  while (at > 0 && rows[at - 1].bytes < new.bytes) {
    if (at < capacity) rows[at] = rows[at - 1];
    at--;
  }
  if (at >= capacity) return count;
  rows[at] = new;
  return UL_MIN(count + 1, capacity);
}

size_t ul_heap_tally(ul_heap *heap, ul_tally *ret_rows, size_t capacity) {
  uint64_t objects[UL_CLASS_PLAIN] = {0};
  size_t   count = 0;
  for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_END; c++) {
    ul_mcentral *central = &heap->central[c];
    if (!ul_load_acquire(&central->in_use)) continue;
    objects[plain_of(c)] += objects_of(central);
  }
  add_zones(heap, objects);
  for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_PLAIN; c++) {
    uint64_t bytes = ul_size_class_bytes(c);
    count = insert(ret_rows, count, capacity, (ul_tally){bytes, objects[c], objects[c] * bytes});
  }
  ul_lock_take(&heap->pages.lock);
  ul_tally large = {0, heap->pages.large_objects, heap->pages.large_bytes};
  ul_lock_drop(&heap->pages.lock);
  return insert(ret_rows, count, capacity, large);
}
