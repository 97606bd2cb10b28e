/* SPDX-License-Identifier: MIT */
/* fork.c: the heap across fork, and the check of the whole.
 *
 * Before the fork every lock is taken, so that the child finds nothing half done; after it the
 * parent drops them and the child, where their holders are gone, resets them. Locks of centrals
 * never used are left alone: taking one writes to its page, which the child then has to copy.
 */
#include "heap/heap.h"
#include "heap/object.h"
#include "heap/zone.h"
#include "os/asleep.h"
#include "os/fatal.h"

/* All locks below caches.lock. While that is held no zone comes or goes and no class is used for the
 * first time (ul_mcentral_of), so `in_use` and the list of zones stand still. */
static void for_inner_locks(ul_heap *heap, void (*act)(ul_lock *lock)) {
  for (ul_link *link = heap->zones.next; link != &heap->zones; link = link->next) {
    ul_zone *zone = UL_CONTAINER_OF(link, ul_zone, link);
    act(&zone->lock);
    for (unsigned c = 0; c < UL_CLASS_COARSE; c++) act(&zone->central[c].lock);
  }
  for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_END; c++) {
    if (heap->central[c].in_use) act(&heap->central[c].lock);
  }
  act(&heap->pages.lock);
  act(&heap->meta.lock);
}

static void take(ul_lock *lock) {
  ul_lock_take(lock);
}

static void drop(ul_lock *lock) {
  ul_lock_drop(lock);
}

void ul_heap_fork_before(ul_heap *heap) {
  ul_lock_take(&heap->scavenge_lock);
  ul_lock_take(&heap->caches.lock);
  for_inner_locks(heap, take);
}

void ul_heap_fork_parent(ul_heap *heap) {
  for_inner_locks(heap, drop);
  ul_lock_drop(&heap->caches.lock);
  ul_lock_drop(&heap->scavenge_lock);
}

void ul_heap_fork_child(ul_heap *heap) {
  ul_mcache_table *table = &heap->caches;
  for_inner_locks(heap, ul_lock_reset);
  for (ul_link *link = table->all.next; link != &table->all;) {
    ul_mcache *cache = UL_CONTAINER_OF(link, ul_mcache, link);
    link = link->next;
    if (cache == ul_mcache_current) {
      cache->owner = ul_os_thread_id(); /* the stack stays where it was */
      continue;
    }
    ul_list_remove(&cache->link);
    ul_list_push(&table->orphans, &cache->link);
    table->count--;
  }
  ul_lock_reset(&heap->caches.lock);
  ul_lock_reset(&heap->scavenge_lock);
}

void ul_heap_check(ul_heap *heap) {
  ul_mheap_check(heap);
  for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_END; c++) {
    if (heap->central[c].in_use) ul_mcentral_check(heap, &heap->central[c]);
  }
  for (ul_link *link = heap->caches.all.next; link != &heap->caches.all; link = link->next) {
    ul_mcache_check(heap, UL_CONTAINER_OF(link, ul_mcache, link));
  }
}
