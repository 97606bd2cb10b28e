/* SPDX-License-Identifier: MIT */
/* mcache.c: the slow half of mcache.h: filling, spilling, birth and death of caches. */
#include "heap/mcache.h"

#include <string.h>

#include "heap/heap.h"
#include "os/asleep.h"
#include "os/fatal.h"

/* What a thread may hold in all its bins: a share of the heap, so that a small heap is not mostly
 * caches and a burst in a large one finds room (docs/design/heap.md [heap.cache]). One bin may hold a
 * quarter of that. */
#define THREADS_SHARE      48
#define THREAD_BYTES_LEAST ((uint64_t)64 << 10)
#define THREAD_BYTES_MAX   ((uint64_t)4 << 20)
#define BIN_SHARE          4
#define BIN_OBJECTS        2048u
/* A new bin: a quarter of a leaf, at most 16 objects, at least two. */
#define FIRST_BYTES   1024u
#define FIRST_OBJECTS 16u
#define LEAST_OBJECTS 2u

UL_TLS ul_mcache *ul_mcache_current = &ul_mcache_none;
ul_mcache         ul_mcache_none, ul_mcache_gone, ul_mcache_lent;

void ul_mcache_table_init(ul_mcache_table *table) {
  ul_link_init(&table->all);
  ul_link_init(&table->orphans);
}

void ul_mcache_create(ul_heap *heap) {
  ul_mcache_table *table = &heap->caches;
  ul_lock_take(&table->lock);
  ul_mcache *cache = table->idle;
  if (cache) {
    table->idle = cache->next_idle;
  } else {
    cache = ul_meta_alloc(&heap->meta, sizeof *cache);
    if (cache) {
      memset(cache, 0, sizeof *cache);
      cache->colour = table->made++ % UL_COLOURS;
    }
  }
  if (cache) {
    ul_size_table_colour(&cache->sizes, &heap->sizes, cache->colour);
    ul_list_push(&table->all, &cache->link);
    ul_store(&table->count, table->count + 1);
    cache->busy = 0;
    cache->drains = ul_load(&table->drains);
    cache->owner = ul_os_thread_id();
    cache->stack_end = ul_os_thread_stack_end();
    cache->current_at = &ul_mcache_current;
    ul_mcache_current = cache;
  }
  ul_lock_drop(&table->lock);
}

void ul_mcache_refine(ul_heap *heap, unsigned size_class) {
  ul_lock_take(&heap->caches.lock);
  ul_size_table_refine(&heap->sizes, size_class);
  for (ul_link *link = heap->caches.all.next; link != &heap->caches.all; link = link->next) {
    ul_size_table_refine(&UL_CONTAINER_OF(link, ul_mcache, link)->sizes, size_class);
  }
  ul_lock_drop(&heap->caches.lock);
}

static void resize_slots(ul_heap *heap, ul_mcache *cache, unsigned size_class, uint32_t capacity) {
  ul_bin      *bin = &cache->bin[size_class];
  ul_bin_cold *cold = &cache->cold[size_class];
  if (capacity > cold->slots_room) {
    uint32_t room = UL_MAX(capacity, 8u);
    room = 1u << ul_log2_ceil(room);
    void **slots = ul_meta_alloc(&heap->meta, room * sizeof *slots);
    if (!slots) return; /* keep what there is */
    if (bin->count) memcpy(slots, bin->slots, bin->count * sizeof *slots);
    void   **old = bin->slots;
    uint32_t old_room = cold->slots_room;
    bin->slots = slots;
    cold->slots_room = room;
    ul_compiler_fence();
    ul_meta_free(&heap->meta, old, old_room * sizeof *slots);
  }
  cache->capacity_bytes += (uint64_t)capacity * bin->object_bytes;
  cache->capacity_bytes -= (uint64_t)bin->capacity * bin->object_bytes;
  bin->capacity = capacity;
}

/* What the thread may hold now. Counted again only when the heap or the number of threads has changed:
 * a division is dear for those who come here often. */
static uint64_t share_of(ul_heap *heap, ul_mcache *cache) {
  uint64_t pages = ul_load(&heap->committed_pages), threads = ul_load(&heap->caches.count);
  if (UL_LIKELY(pages == cache->share_pages && threads == cache->share_threads)) {
    return cache->share_bytes;
  }
  uint64_t share = (pages << UL_PAGE_SHIFT) / (THREADS_SHARE * UL_MAX(threads, (uint64_t)1));
  cache->share_pages = pages;
  cache->share_threads = threads;
  cache->share_bytes = UL_MAX(UL_MIN(share, THREAD_BYTES_MAX), THREAD_BYTES_LEAST);
  return cache->share_bytes;
}

/* Sends the `count` objects that lie in the bin longest to the central. Until they are gone the bin looks
 * empty: a child of a fork in between must not find objects here that are there already; it loses the
 * rest. */
static void spill(ul_heap *heap, unsigned size_class, ul_bin *bin, uint32_t count) {
  uint32_t kept = bin->count - count;
  bin->count = 0;
  ul_compiler_fence();
  ul_mcentral_return(heap, &heap->central[size_class], bin->slots, count, true);
  memmove(bin->slots, bin->slots + count, kept * sizeof *bin->slots);
  ul_compiler_fence();
  bin->count = kept;
}

/* After so many looks in a row at which it was unused, a bin gives half of its capacity up. */
#define UNUSED_LOOKS 32

/* Looks at one bin, for another that cannot grow: was it used since the last look? It was when it ran
 * empty or full, or holds another number of objects. A bin in use may hold the same number by chance, so
 * one look says little. */
static void look_for_unused(ul_heap *heap, ul_mcache *cache) {
  cache->hand = cache->hand + 1 < cache->used_count ? cache->hand + 1 : 0;
  unsigned     size_class = cache->used[cache->hand];
  ul_bin      *bin = &cache->bin[size_class];
  ul_bin_cold *cold = &cache->cold[size_class];
  bool         used = cold->missed || cold->seen != bin->count;
  cold->missed = false;
  cold->seen = bin->count;
  cold->unused = used ? 0 : (uint16_t)(cold->unused + 1);
  if (cold->unused < UNUSED_LOOKS || bin->capacity <= LEAST_OBJECTS) return;
  uint32_t capacity = UL_MAX(bin->capacity / 2, LEAST_OBJECTS);
  cache->capacity_bytes -= (uint64_t)(bin->capacity - capacity) * bin->object_bytes;
  bin->capacity = capacity;
  if (bin->count > capacity) spill(heap, size_class, bin, bin->count - capacity);
  cold->seen = bin->count;
  cold->unused = 0;
}

/* Sets a bin up on first use, or doubles its capacity where limits allow. */
static void grow_bin(ul_heap *heap, ul_mcache *cache, ul_mcentral *central) {
  ul_bin  *bin = &cache->bin[central->size_class];
  uint32_t capacity = bin->capacity * 2;
  if (bin->object_bytes == 0) {
    bin->object_bytes = central->object_bytes;
    bin->offset_mask = central->span_bytes - 1;
    bin->magic = central->magic;
    cache->used[cache->used_count++] = central->size_class;
  }
  cache->cold[central->size_class].missed = true;
  if (capacity == 0) {
    capacity = UL_MAX(UL_MIN(FIRST_BYTES / bin->object_bytes, FIRST_OBJECTS), LEAST_OBJECTS);
  } else {
    uint64_t share = share_of(heap, cache);
    uint32_t most = UL_MIN(ul_div_quotient(share / BIN_SHARE, bin->magic), BIN_OBJECTS);
    capacity = UL_MIN(capacity, UL_MAX(most, LEAST_OBJECTS));
    if (capacity <= bin->capacity) return;
    uint64_t more = (uint64_t)(capacity - bin->capacity) * bin->object_bytes;
    if (cache->capacity_bytes + more > share) look_for_unused(heap, cache);
    if (cache->capacity_bytes + more > share) return;
  }
  resize_slots(heap, cache, central->size_class, capacity);
}

/* The calling thread's cache for the slow half; one of the empty ones when it has none or somebody
 * drains it just now. Until `leave` nobody else takes anything out of it: either they see `busy`, or
 * we see what they put into ul_mcache_current (drain.c). */
static ul_mcache *enter(ul_heap *heap) {
  ul_mcache *cache = ul_load(&ul_mcache_current);
  if (!ul_mcache_is_real(cache)) return cache;
  ul_store(&cache->busy, cache->busy + 1);
  ul_compiler_fence();
  if (UL_UNLIKELY(ul_load(&ul_mcache_current) != cache)) {
    ul_store(&cache->busy, cache->busy - 1);
    return &ul_mcache_lent;
  }
  if (UL_UNLIKELY(cache->drains != ul_load(&heap->caches.drains))) {
    cache->drains = ul_load(&heap->caches.drains);
    ul_mcache_empty(heap, cache);
  }
  return cache;
}

static void leave(ul_mcache *cache) {
  if (!ul_mcache_is_real(cache)) return;
  ul_compiler_fence();
  ul_store(&cache->busy, cache->busy - 1);
}

void ul_mcache_set_thrifty(ul_heap *heap, bool thrifty) {
  ul_store(&heap->caches.thrifty, thrifty);
}

/* Sends what is leaving to its spans. Until it is gone it is not here: see put. */
static void send_off(ul_heap *heap, ul_mcentral *central, ul_bin_cold *cold) {
  uint32_t count = cold->leaving;
  cold->leaving = 0;
  ul_compiler_fence();
  if (count) ul_mcentral_return(heap, central, cold->out, count, false);
}

/* The bin takes nothing back any more; what it holds goes. False: no memory for that. */
static bool become_thrifty(ul_heap *heap, ul_mcentral *central, ul_bin *bin, ul_bin_cold *cold) {
  if (!cold->out) cold->out = ul_meta_alloc(&heap->meta, UL_OUT_OBJECTS * sizeof *cold->out);
  if (!cold->out) return false;
  uint32_t count = bin->count;
  bin->count = 0;
  ul_compiler_fence();
  cold->capacity = bin->capacity;
  bin->capacity = 0;
  if (count) ul_mcentral_return(heap, central, bin->slots, count, false);
  return true;
}

static void become_generous(ul_heap *heap, ul_mcentral *central, ul_bin *bin, ul_bin_cold *cold) {
  send_off(heap, central, cold);
  bin->capacity = cold->capacity;
  cold->capacity = 0;
}

/* Objects of that size and more borrow. From EAGER_BYTES on, in a heap too small for fine classes, from
 * whoever has one free; else from who has more than a share of its live ones free: what lies free in a
 * class that only grows is about to be used. */
#define BORROW_BYTES 64u
#define EAGER_BYTES  1024u
#define FREE_SHARE   16

static bool is_eager(const ul_heap *heap, uint32_t object_bytes) {
  uint64_t heap_bytes = (uint64_t)ul_load(&heap->committed_pages) << UL_PAGE_SHIFT;
  return object_bytes >= EAGER_BYTES && heap_bytes < UL_REFINE_HEAP_BYTES;
}

/* Most likely, as seen without the lock. */
static bool has_nothing(const ul_mcentral *central) {
  return ul_load(&central->free_objects) == 0 && ul_load(&central->transfer_count) == 0;
}

/* An object of a larger class that is free and has memory behind it, when the class itself has none: new
 * memory would cost the program more than the bytes that stay unused, an eighth or, eager, a quarter. How
 * much of a class is live wanders up and down, and what it is short of another has too much of. NULL:
 * none. */
static void *borrow(ul_heap *heap, ul_mcache *cache, uint32_t object_bytes, bool eager) {
  uint32_t most = object_bytes + object_bytes / (eager ? 4 : 8);
  most = UL_MIN(most, (uint32_t)UL_SMALL_MAX_BYTES);
  while (object_bytes < most) {
    unsigned     larger = ul_size_class(&cache->sizes, object_bytes + 1);
    ul_bin      *bin = &cache->bin[larger];
    ul_mcentral *central = &heap->central[larger];
    object_bytes = ul_size_class_bytes(larger);
    if (object_bytes > most) break;
    if (bin->capacity == 0) continue; /* not in use in this thread */
    if (!eager && ul_load(&central->free_objects) * FREE_SHARE < ul_load(&central->live_objects)) {
      continue;
    }
    void *object = ul_mcache_get(cache, larger);
    if (object) return object;
    uint32_t want = eager ? 1 : UL_MAX(bin->capacity / 2, 1u);
    uint32_t got = ul_mcentral_fetch(heap, central, &cache->cold[larger].adopted, bin->slots, want,
                                     UL_FETCH_FREE);
    if (got == 0) continue;
    ul_compiler_fence();
    bin->count = got - 1;
    return bin->slots[got - 1];
  }
  return NULL;
}

static void *refill(ul_heap *heap, ul_mcache *cache, unsigned size_class, bool aligned,
                    ul_fetch how) {
  ul_mcentral *central = ul_mcentral_of(heap, size_class);
  ul_bin      *bin = &cache->bin[size_class];
  ul_bin_cold *cold = &cache->cold[size_class];
  void        *object = NULL;

  if (cold->capacity && !ul_load(&heap->caches.thrifty)) become_generous(heap, central, bin, cold);
  if (ul_mcache_is_real(cache) && !cold->capacity) grow_bin(heap, cache, central);
  if (bin->capacity == 0 && cold->capacity == 0) {
    ul_mspan *adopted = NULL;
    if (ul_mcentral_fetch(heap, central, &adopted, &object, 1, how) == 0) return NULL;
    if (adopted) ul_mcentral_unadopt(heap, central, adopted);
  } else {
    uint32_t want = UL_MAX((bin->capacity + cold->capacity) / 2, 1u), got = 0;
    bool     may_borrow = central->object_bytes >= BORROW_BYTES && !aligned;
    bool     eager = may_borrow && is_eager(heap, central->object_bytes);
    if (eager)
      got = ul_mcentral_fetch(heap, central, &cold->adopted, bin->slots, want, UL_FETCH_FREE);
    if (got == 0 && may_borrow && (eager || has_nothing(central))) {
      object = borrow(heap, cache, central->object_bytes, eager);
    }
    if (!object) {
      if (got == 0) got = ul_mcentral_fetch(heap, central, &cold->adopted, bin->slots, want, how);
      if (got == 0) return NULL;
      object = bin->slots[got - 1];
      ul_compiler_fence();
      bin->count = got - 1;
    }
  }
  *(uint64_t *)object = 0;
  return object;
}

void *ul_mcache_refill(ul_heap *heap, unsigned size_class, bool aligned) {
  ul_mcache *cache = enter(heap);
  void      *object = refill(heap, cache, size_class, aligned, UL_FETCH_GROW);
  leave(cache);
  /* Room may have come since: then nobody needs to be asked. */
  if (UL_UNLIKELY(!object) &&
      (ul_heap_has_room(heap, 1) || ul_heap_ask(heap, ul_size_class_bytes(size_class)))) {
    cache = enter(heap);
    object = refill(heap, cache, size_class, aligned, UL_FETCH_ASKED);
    leave(cache);
  }
  ul_hooks_run(heap);
  return object;
}

static void put(ul_heap *heap, ul_mcache *cache, unsigned size_class, void *object) {
  ul_mcentral *central = ul_mcentral_of(heap, size_class);
  ul_bin      *bin = &cache->bin[size_class];

  *(uint64_t *)object = ul_cookie(heap, object);
  if (ul_mcache_is_real(cache) && !cache->cold[size_class].capacity) grow_bin(heap, cache, central);
  ul_bin_cold *cold = &cache->cold[size_class];
  if (ul_load(&heap->caches.thrifty) && bin->capacity) {
    (void)become_thrifty(heap, central, bin, cold);
  }
  if (cold->capacity) {
    cold->out[cold->leaving] = object;
    ul_compiler_fence();
    if (++cold->leaving == UL_OUT_OBJECTS) send_off(heap, central, cold);
    return;
  }
  if (bin->capacity == 0) {
    ul_mcentral_return(heap, central, &object, 1, true);
    return;
  }
  if (bin->count >= bin->capacity) {
    spill(heap, size_class, bin, UL_MAX(bin->count / 2, 1u)); /* still full */
  }
  bin->slots[bin->count] = object;
  ul_compiler_fence();
  bin->count++;
}

void ul_mcache_put_slow(ul_heap *heap, unsigned size_class, void *object) {
  ul_mcache *cache = enter(heap);
  put(heap, cache, size_class, object);
  leave(cache);
}

/* Empties a bin into its spans and gives its slots back. The bin is blank before anything of it goes
 * (see put): a child of a fork in between must not give the same away again; it loses it. */
static void drop_bin(ul_heap *heap, ul_mcache *cache, unsigned size_class) {
  ul_mcentral *central = &heap->central[size_class];
  ul_bin       bin = cache->bin[size_class];
  ul_bin_cold  cold = cache->cold[size_class];
  if (bin.object_bytes == 0) return;
  cache->bin[size_class] = (ul_bin){0};
  cache->cold[size_class] = (ul_bin_cold){0};
  cache->capacity_bytes -= (uint64_t)(bin.capacity + cold.capacity) * bin.object_bytes;
  ul_compiler_fence();
  if (bin.count) ul_mcentral_return(heap, central, bin.slots, bin.count, true);
  if (cold.leaving) ul_mcentral_return(heap, central, cold.out, cold.leaving, true);
  if (cold.adopted) ul_mcentral_unadopt(heap, central, cold.adopted);
  ul_meta_free(&heap->meta, bin.slots, cold.slots_room * sizeof *bin.slots);
  if (cold.out) ul_meta_free(&heap->meta, cold.out, UL_OUT_OBJECTS * sizeof *cold.out);
}

void ul_mcache_empty(ul_heap *heap, ul_mcache *cache) {
  for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_END; c++) drop_bin(heap, cache, c);
  cache->used_count = cache->hand = 0;
}

void ul_mcache_flush(ul_heap *heap) {
  ul_mcache *cache = enter(heap);
  if (!ul_mcache_is_real(cache)) return;
  ul_mcache_empty(heap, cache);
  leave(cache);
}

void ul_mcache_destroy(ul_heap *heap) {
  ul_mcache_table *table = &heap->caches;
  ul_lock_take(&table->lock); /* whoever drains us has given the cache back after this */
  ul_mcache *cache = ul_mcache_current;
  if (ul_mcache_is_real(cache)) ul_store(&cache->busy, cache->busy + 1);
  ul_lock_drop(&table->lock);
  if (!ul_mcache_is_real(cache)) return;
  ul_mcache_empty(heap, cache);
  ul_lock_take(&table->lock);
  ul_mcache_current = &ul_mcache_gone;
  ul_list_remove(&cache->link);
  ul_store(&table->count, table->count - 1);
  cache->next_idle = table->idle;
  table->idle = cache;
  ul_lock_drop(&table->lock);
}

/* Of what was leaving, only what carries its cookie is free. */
static void keep_free(ul_heap *heap, ul_bin_cold *cold) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < cold->leaving; i++) {
    void *object = cold->out[i];
    if (*(uint64_t *)object == ul_cookie(heap, object)) cold->out[kept++] = object;
  }
  cold->leaving = kept;
}

void ul_mcache_adopt_orphans(ul_heap *heap) {
  ul_mcache_table *table = &heap->caches;
  for (;;) {
    ul_lock_take(&table->lock);
    ul_mcache *cache = NULL;
    if (!ul_list_empty(&table->orphans)) {
      cache = UL_CONTAINER_OF(table->orphans.next, ul_mcache, link);
      ul_list_remove(&cache->link);
    }
    ul_lock_drop(&table->lock);
    if (!cache) return;
    for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_END; c++) {
      /* Its thread may have stood between two stores: what has no cookie is not free. */
      ul_bin  *bin = &cache->bin[c];
      uint32_t kept = 0;
      for (uint32_t i = 0; i < bin->count; i++) {
        void *object = bin->slots[i];
        if (*(uint64_t *)object == ul_cookie(heap, object)) bin->slots[kept++] = object;
      }
      bin->count = kept;
      keep_free(heap, &cache->cold[c]);
      drop_bin(heap, cache, c);
    }
    cache->capacity_bytes = 0;
    cache->used_count = cache->hand = 0;
    ul_lock_take(&table->lock);
    cache->next_idle = table->idle;
    table->idle = cache;
    ul_lock_drop(&table->lock);
  }
}

UL_NO_TSAN uint64_t ul_mcache_bytes(const ul_mcache *cache, uint64_t *ret_objects) {
  uint64_t bytes = 0, objects = 0;
  for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_END; c++) {
    uint64_t count = cache->bin[c].count + cache->cold[c].leaving;
    bytes += count * cache->bin[c].object_bytes;
    objects += count;
  }
  *ret_objects = objects;
  return bytes;
}

uint64_t ul_mcache_total_bytes(ul_heap *heap, uint64_t *ret_objects) {
  uint64_t bytes = 0, objects = 0, more;
  ul_lock_take(&heap->caches.lock);
  for (ul_link *link = heap->caches.all.next; link != &heap->caches.all; link = link->next) {
    bytes += ul_mcache_bytes(UL_CONTAINER_OF(link, ul_mcache, link), &more);
    objects += more;
  }
  ul_lock_drop(&heap->caches.lock);
  *ret_objects = objects;
  return bytes;
}

void ul_mcache_check(ul_heap *heap, const ul_mcache *cache) {
  for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_END; c++) {
    const ul_bin *bin = &cache->bin[c];
    UL_CHECK(bin->count <= bin->capacity + cache->cold[c].capacity);
    UL_CHECK(bin->capacity + cache->cold[c].capacity <= cache->cold[c].slots_room);
    for (uint32_t i = 0; i < bin->count; i++) {
      UL_CHECK(*(uint64_t *)bin->slots[i] == ul_cookie(heap, bin->slots[i]));
    }
  }
}
