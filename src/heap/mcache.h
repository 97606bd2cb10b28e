/* SPDX-License-Identifier: MIT */
/* mcache.h: each thread's own stock of free objects.
 *
 *     bin of a class:   slots | p | p | p | p | . | . |        malloc takes the last,
 *                                       count ^   ^ capacity   free appends
 *
 * malloc and free on a hit touch the thread's cache, one byte of the leaf map and the object: no
 * lock, no atomic read-modify-write, no other thread's line. Everything unusual (an empty bin, a
 * full one, an address that is not ours, a large object, a second free) falls out of the comparisons
 * that the usual case needs anyway and is sorted out in the slow path.
 *
 * Near the budget the heap is *thrifty*: then a bin takes nothing back. What is freed goes to its span,
 * a few at a time, and what is handed out next comes from the fullest spans. Handing out what was
 * freed last is fast, but puts a new object into every leaf that empties: a cache of 600 MB whose
 * objects change size, oldest first, holds 965 MB that way and 719 MB thrifty.
 *
 * Capacity starts small and doubles each time a bin runs empty or full, up to what
 * the thread may hold, a share of the heap: who allocates little holds little. When that is used up, a
 * bin grows by what others that nobody uses any more have.
 *
 * A thread without a cache (too early, too late, no memory for one) has `ul_mcache_none`, whose bins
 * hold nothing and take nothing: its every call goes the slow way.
 *
 * Invariants  count <= capacity; every slot below count holds an allocated object of the class that
 *             carries its cookie (ul_mcache_check)
 * Threads     owner only. Others read counts for statistics, and slots after a fork.
 */
#ifndef UL_HEAP_MCACHE_H
#define UL_HEAP_MCACHE_H

#include "base/list.h"
#include "heap/hooks.h"
#include "heap/leaf.h"
#include "os/lock.h"

typedef struct ul_bin {
  void   **slots;
  uint32_t count;
  uint32_t capacity;
  uint64_t magic;       /* ul_div_magic(object bytes) */
  uint32_t offset_mask; /* span bytes - 1 */
  uint32_t object_bytes;
} ul_bin;

_Static_assert(sizeof(ul_bin) == 32, "two bins to a cache line");

/* What a bin needs on its slow path only. */
typedef struct ul_bin_cold {
  struct ul_mspan *adopted;
  uint32_t         slots_room; /* slots the array has */
  uint32_t         capacity;   /* thrifty: what the bin's was; else 0 */
  uint32_t         leaving;    /* thrifty: objects on their way to their spans */
  uint32_t         seen;       /* the bin's count when `hand` was here last */
  uint16_t         unused;     /* how often in a row it looked unused */
  bool             missed;     /* it ran empty or full since */
  void           **out;        /* UL_OUT_OBJECTS of them */
} ul_bin_cold;

#define UL_OUT_OBJECTS 32u

typedef struct ul_mcache {
  ul_size_table     sizes; /* all zero in ul_mcache_none: leads to bin 0, which is empty */
  ul_bin            bin[UL_CLASS_END]; /* the first four belong to leaf states and stay empty */
  ul_bin_cold       cold[UL_CLASS_END];
  ul_link           link;      /* in ul_mcache_table.all */
  struct ul_mcache *next_idle; /* in ul_mcache_table.idle */
  unsigned          colour;
  uint8_t           used[UL_CLASS_END]; /* classes whose bins are set up */
  uint32_t          used_count;
  uint32_t          hand; /* index in `used`: the bin to look at next for what it does not need */
  uint64_t          capacity_bytes;             /* sum over bins of capacity * object_bytes */
  uint64_t          share_bytes;                /* what that may come to, while the heap has */
  uint64_t          share_pages, share_threads; /* so many pages, and so many threads a cache */
  /* What draining by others needs (drain.h). */
  uint32_t           busy;       /* the owner is in the slow half of this file */
  uint32_t           drains;     /* ul_mcache_table.drains when it was last emptied */
  uint32_t           owner;      /* number of the thread */
  struct ul_mcache **current_at; /* the owner's ul_mcache_current */
  uintptr_t          stack_end;  /* above all frames of the owner */
} ul_mcache;

typedef struct ul_mcache_table {
  ul_lock    lock;
  ul_link    all;     /* caches of running threads */
  ul_mcache *idle;    /* empty ones, for the next thread */
  ul_link    orphans; /* of threads that a fork left behind, still filled */
  uint64_t   count;   /* in `all` */
  unsigned   made;    /* ever; gives each its colour */
  bool       thrifty; /* atomic */
  uint32_t   drains;  /* atomic: how often all threads were asked to empty their caches */
} ul_mcache_table;

/* The calling thread's cache. One of the two globals inside; the other is the runtime. */
extern UL_TLS ul_mcache *ul_mcache_current;
extern ul_mcache         ul_mcache_none; /* no cache yet */
extern ul_mcache         ul_mcache_gone; /* the same for a thread that has given its cache up */
extern ul_mcache         ul_mcache_lent; /* the same while somebody else empties it (drain.h) */

UL_INLINE bool ul_mcache_is_real(const ul_mcache *cache) {
  return cache != &ul_mcache_none && cache != &ul_mcache_gone && cache != &ul_mcache_lent;
}

void ul_mcache_table_init(ul_mcache_table *table);

/* Gives the thread a cache, or leaves ul_mcache_none in place when memory is short. / Takes it away,
 * its objects going back to their spans, and puts ul_mcache_gone in its place. */
void ul_mcache_create(ul_heap *heap);
void ul_mcache_destroy(ul_heap *heap);

/* Puts the objects of the calling thread's cache back into their spans. */
void ul_mcache_flush(ul_heap *heap);

/* The same with a cache of another thread that is kept from using it. Context: locked(caches). */
void ul_mcache_empty(ul_heap *heap, ul_mcache *cache);

/* Bytes of the objects in one cache; a snapshot while its thread runs. */
uint64_t ul_mcache_bytes(const ul_mcache *cache, uint64_t *ret_objects);

/* In a forked child: takes in what the caches of threads that exist no more hold. Done when the
 * child first needs it, not at fork: most children exec at once. */
void ul_mcache_adopt_orphans(ul_heap *heap);

/* An object of a class for a bin that is empty; fills the bin. The object's first word is zero.
 * `aligned`: it must be of this very class; else one of a larger class may come, which lies as malloc's
 * do, but maybe not as multiples of this class's size do. NULL when memory is short. Works without a
 * cache. */
void *ul_mcache_refill(ul_heap *heap, unsigned size_class, bool aligned);

/* Thrifty or not, from here on. Bins follow when their threads next come to the slow half. */
void ul_mcache_set_thrifty(ul_heap *heap, bool thrifty);

/* Takes back an object that the fast path could not take: its bin is full, or there is no cache.
 * The object has been checked and does not carry its cookie yet. */
void ul_mcache_put_slow(ul_heap *heap, unsigned size_class, void *object);

/* Bytes in the caches of all threads; a snapshot while they run. Context: takes caches.lock. */
uint64_t ul_mcache_total_bytes(ul_heap *heap, uint64_t *ret_objects);

/* Makes the fine classes below a coarse one known to every cache. Takes caches.lock. */
void ul_mcache_refine(ul_heap *heap, unsigned size_class);

void ul_mcache_check(ul_heap *heap, const ul_mcache *cache);

/* ---- The fast path: what follows is the whole of it. ---- */

/* An object of `size_class`, its first word zero, NULL when the bin is empty. */
UL_INLINE void *ul_mcache_get(ul_mcache *cache, size_t size_class) {
  ul_bin  *bin = &cache->bin[size_class];
  uint32_t count = bin->count;
  if (UL_UNLIKELY(count == 0)) return NULL;
  void *object = bin->slots[count - 1];
  bin->count = count - 1;
  ul_compiler_fence();     /* a fork in between loses the object; it must not be in two places */
  *(uint64_t *)object = 0; /* wipes the cookie: live from here */
  return object;
}

/* Is `object` one that the thread's bin for `state` only lacks the room for? The rest of what ul_mcache_put
 * looks at; a cache that is not real has no such bin. */
UL_INLINE bool ul_mcache_is_full_for(const ul_mcache *cache, size_t state, const void *object,
                                     uint64_t cookie) {
  const ul_bin *bin = &cache->bin[state];
  uint64_t      offset = (uint32_t)(uintptr_t)object & bin->offset_mask;
  return bin->object_bytes != 0 && ul_div_exact(offset, bin->magic) &&
         *(const uint64_t *)object != cookie;
}

/* Puts `object` into the bin of `state`, what the leaf map says of its leaf. false when anything is
 * not as usual: not a class, no room, not the start of an object, free already. */
UL_INLINE bool ul_mcache_put(ul_mcache *cache, size_t state, void *object, uint64_t cookie) {
  ul_bin  *bin = &cache->bin[state];
  uint32_t count = bin->count;
  if (UL_UNLIKELY(count >= bin->capacity)) return false;
  uint64_t offset = (uint32_t)(uintptr_t)object & bin->offset_mask;
  if (UL_UNLIKELY(!ul_div_exact(offset, bin->magic))) return false;
  if (UL_UNLIKELY(*(uint64_t *)object == cookie)) return false;
  *(uint64_t *)object = cookie; /* free from here */
  bin->slots[count] = object;
  ul_compiler_fence();
  bin->count = count + 1;
  return true;
}

#endif
