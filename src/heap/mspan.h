/* SPDX-License-Identifier: MIT */
/* mspan.h: a run of pages, and what is known of it.
 *
 *     small    | object | object | object | … | object | tail |     of one size class
 *     large    | object ………………………………………………… | slack |            one object, from mheap
 *     free     | …………………………………………………………………… |               in mheap's tree
 *
 * A small span is aligned to its size, a power of two, so that an object's place in it is the low
 * bits of its address. Its allocation bits lie outside it: free objects hold no links, and a leaf
 * that holds only free ones can go back to the system.
 *
 * A bit is clear when the object can be handed out. It is set when the object is *allocated* (handed
 * out, or on its way in a cache) or *parked* (one of its leaves is not active, so there may be no
 * memory behind it). A new span is all parked; leaves are made active one by one, lowest first, when
 * nothing else is left, so a span costs the memory that its objects need and no more.
 *
 * Invariants  live + parked + free == capacity, where free counts the clear bits and live the
 *             allocated ones                                                  (ul_mspan_check)
 *             an allocated object's leaves are all active
 * Threads     Fields are guarded by the central's lock (small) or mheap's (others); state,
 *             first_page, pages, object_bytes and magic may be read without it and are checked by
 *             who does. Records are never unmapped.
 * Source      Free index and allocation bits as in Go's runtime.
 */
#ifndef UL_HEAP_MSPAN_H
#define UL_HEAP_MSPAN_H

#include "base/list.h"
#include "heap/hooks.h"
#include "heap/leaf.h"

enum ul_mspan_state {
  UL_MSPAN_NONE = 0, /* not the first page of anything */
  UL_MSPAN_FREE,     /* in mheap's tree */
  UL_MSPAN_BUSY,     /* free, but being given back: in no tree, not merged */
  UL_MSPAN_SMALL,
  UL_MSPAN_LARGE,
};

typedef struct ul_mspan {
  ul_link  link;       /* small: a list of its central; free: mheap's list of dirty runs */
  uint32_t first_page; /* index */
  uint32_t pages;
  uint8_t  state;      /* ul_mspan_state */
  uint8_t  leaf_value; /* small: what the leaf map says of active leaves */
  uint8_t  adopted;    /* small: a cache refills from it; nobody else does */
  uint8_t  releasing;  /* small: the scavenger gives leaves of it back; leave it alone */
  uint8_t  changed;    /* small: objects came back since the scavenger last looked */
  uint8_t  list;       /* small: which list of its central it is on (mcentral.c) */
  uint8_t  moved_up;   /* small: it changed since it was put on that list, and stands at its head */
  uint8_t  reserved[1];
  uint32_t
      former_pages; /* pages and object size of the last span that started here: tells a second */
  size_t   former_bytes; /* free from a foreign address after the span is gone; 0: none */
  uint32_t capacity;     /* small: objects */
  uint32_t live;         /* small: allocated, cached ones included */
  uint32_t parked;       /* small: not allocated, not usable before a leaf is made active */
  uint32_t hint;         /* small: no clear bit lies in a word before this one */
  uint32_t dirty;        /* free: leaves that are not clean; small: inactive ones that are not */
  size_t   object_bytes; /* small: the class's size; large: usable bytes */
  uint64_t magic;        /* small: ul_div_magic(object_bytes) */
  union {
    uint64_t        *bits; /* small */
    struct ul_mspan *left; /* free: in the tree */
  };
  union {
    struct ul_mcentral *central; /* small */
    struct ul_mspan    *right;   /* free */
  };
  struct ul_zone *zone; /* large: the private heap it belongs to, NULL for none */
} UL_ALIGNED(128) ul_mspan;

_Static_assert(sizeof(ul_mspan) == 128, "span records are indexed by page; two cache lines each");

UL_INLINE uint32_t ul_mspan_free_objects(const ul_mspan *span) {
  return span->capacity - span->live - span->parked;
}

/* The span whose pages hold `address`, NULL when it is no address of the heap or lies in no span.
 * The span may be of any state but NONE. Context: any; the answer may be outdated when read. */
ul_mspan *ul_mspan_of(const ul_heap *heap, uintptr_t address);

/* Cuts `span` into objects, all parked. `bits` has room for them. Context: owner of the run. */
void ul_mspan_init_small(ul_heap *heap, ul_mspan *span, struct ul_mcentral *central,
                         uint64_t *bits);

/* Takes up to `want` free objects: those of the lowest addresses, the lowest last, since what is last
 * in a bin leaves it first. Returns how many. Context: locked(central). */
uint32_t ul_mspan_take(ul_heap *heap, ul_mspan *span, void **ret_objects, uint32_t want);

/* Puts allocated objects back, as many of the first of `count` as are the span's, at least one. They
 * carry their cookies. Returns how many. Context: locked(central). */
uint32_t ul_mspan_put(ul_heap *heap, ul_mspan *span, void **objects, uint32_t count);

/* Makes leaves active, lowest first, until an object becomes usable. Returns how many did; 0 when
 * no leaf is left. Context: locked(central). */
uint32_t ul_mspan_activate(ul_heap *heap, ul_mspan *span);

/* Parks up to `most` active leaves that hold no allocated object, and any number of inactive ones
 * that still have memory; marks them BUSY and lists them (leaf numbers, ascending; room for
 * UL_MSPAN_LEAVES_MAX). Returns how many. Context: locked(central). */
uint32_t ul_mspan_park(ul_heap *heap, ul_mspan *span, uint32_t *ret_leaves, uint32_t most);
#define UL_MSPAN_LEAVES_MAX 64

/* Is the object allocated, by the allocation bits? (A cached one is.) Context: locked(central). */
bool ul_mspan_is_allocated(const ul_heap *heap, const ul_mspan *span, uint32_t index);

/* Aborts when an invariant does not hold. Context: locked(central). */
void ul_mspan_check(const ul_heap *heap, const ul_mspan *span);

#endif
