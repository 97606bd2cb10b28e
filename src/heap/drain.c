/* SPDX-License-Identifier: MIT */
/* drain.c: see drain.h. */
#include "heap/drain.h"

#include "heap/heap.h"

/* Caches looked at under one hold of the lock; a thread costs some tens of microseconds. */
#define BATCH 64

/* The table's lock keeps owners from ending and from being born; they may run. */
static uint64_t drain_batch(ul_heap *heap, ul_mcache **caches, int count) {
  uint64_t bytes = 0, objects;
  if (!ul_os_fence_all_threads()) return 0;
  for (int i = 0; i < count; i++) {
    ul_mcache *cache = caches[i];
    if (ul_load(&cache->busy) != 0) continue;
    if (!ul_os_thread_is_asleep(cache->owner, cache->stack_end, heap->fast_code)) continue;
    bytes += ul_mcache_bytes(cache, &objects);
    ul_mcache_empty(heap, cache);
  }
  return bytes;
}

uint64_t ul_drain_asleep(ul_heap *heap, uint64_t least_bytes) {
  ul_mcache_table *table = &heap->caches;
  uint64_t         bytes = 0, objects;
  if (heap->fast_code.end <= heap->fast_code.start) return 0;
  ul_lock_take(&table->lock);
  ul_link *link = table->all.next;
  while (link != &table->all) {
    ul_mcache *caches[BATCH];
    int        count = 0;
    for (; link != &table->all && count < BATCH; link = link->next) {
      ul_mcache *cache = UL_CONTAINER_OF(link, ul_mcache, link);
      if (cache == ul_mcache_current || ul_mcache_bytes(cache, &objects) < least_bytes) continue;
      ul_store(cache->current_at, &ul_mcache_lent);
      caches[count++] = cache;
    }
    if (count) bytes += drain_batch(heap, caches, count);
    for (int i = 0; i < count; i++) ul_store_release(caches[i]->current_at, caches[i]);
  }
  ul_lock_drop(&table->lock);
  return bytes;
}

void ul_drain_ask(ul_heap *heap) {
  ul_add(&heap->caches.drains, 1u);
}
