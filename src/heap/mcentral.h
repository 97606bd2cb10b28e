/* SPDX-License-Identifier: MIT */
/* mcentral.h: the spans of one size class, and the objects that wait to change threads.
 *
 *     ready[0] … ready[7]   not adopted, with free objects, by how full they are
 *     bare                  not adopted, no free object, but leaves that can be made active
 *     adopted               a cache refills from it
 *     full                  nothing to give
 *
 *     transfer              a ring of pointers to free objects that caches spilled, last in first out:
 *                           what one thread frees another takes without touching bits
 *
 * Refilling takes the cheapest memory first: transfer, the adopted span, the fullest ready span, and
 * only then a leaf that has to be made active, and at last a new span.
 *
 * Invariants  live_objects and free_objects are sums over the class's spans; a span is on exactly
 *             the list that its counts say (ul_mcentral_check). Objects in `transfer` are allocated
 *             and carry their cookies.
 * Threads     one lock for each class. Under it live_objects, free_objects and transfer_count are
 *             written with ul_store: who only wants to know about how much there is reads them
 *             without.
 */
#ifndef UL_HEAP_MCENTRAL_H
#define UL_HEAP_MCENTRAL_H

#include "base/list.h"
#include "heap/mspan.h"
#include "os/lock.h"

#define UL_READY_LISTS   8
#define UL_CENTRAL_LISTS (UL_READY_LISTS + 3)

typedef struct ul_mcentral {
  ul_lock  lock;
  uint8_t  size_class;
  uint8_t  leaf_value; /* what the leaf map says of this central's active leaves */
  uint8_t  refined;
  uint8_t  in_use; /* init done: read without the lock */
  uint32_t object_bytes;
  uint32_t span_bytes;
  uint32_t span_objects;
  uint32_t transfer_count;
  uint32_t transfer_capacity; /* a power of two */
  uint32_t transfer_oldest;   /* index of the one that came first */
  uint32_t transfer_low;      /* lowest transfer_count since the scavenger last looked */
  uint64_t magic;             /* ul_div_magic(object_bytes) */
  uint64_t full_magic;        /* ul_div_magic(span_objects) */
  void   **transfer;
  uint64_t live_objects; /* allocated: handed out or in a cache or in transfer */
  uint64_t free_objects; /* not allocated, memory behind them */
  uint64_t free_low;     /* lowest free_objects since the scavenger last looked */
  uint64_t spans;
  uint64_t dirty_leaves;            /* inactive leaves of its spans that have memory behind them */
  uint64_t dirty_low;               /* lowest dirty_leaves since the scavenger last looked */
  ul_link  lists[UL_CENTRAL_LISTS]; /* ready[0..7], bare, adopted, full */
} UL_ALIGNED(UL_CACHE_LINE) ul_mcentral;

/* Fills in a central on first use. Context: any; takes the lock. */
void ul_mcentral_init(ul_mcentral *central, unsigned size_class, uint8_t leaf_value);

/* The central of a size class, ready for use. */
ul_mcentral *ul_mcentral_of(ul_heap *heap, unsigned size_class);

/* How far a fetch may go. */
typedef enum ul_fetch {
  UL_FETCH_FREE,  /* what has memory behind it already */
  UL_FETCH_GROW,  /* and new memory, while the heap has room for it (ul_heap_has_room) */
  UL_FETCH_ASKED, /* and beyond: the caller has asked for it */
} ul_fetch;

/* Fetches up to `want` objects, which carry their cookies. `adopted`: the caller's span, NULL for
 * none; replaced when it is used up. Returns how many; 0 when `how` does not allow more, or when memory
 * is short. */
uint32_t ul_mcentral_fetch(ul_heap *heap, ul_mcentral *central, ul_mspan **adopted,
                           void **ret_objects, uint32_t want, ul_fetch how);

/* Takes back objects of this class, which carry their cookies. `quick`: they may wait in transfer for
 * whoever wants some next; else they go to their spans. */
void ul_mcentral_return(ul_heap *heap, ul_mcentral *central, void **objects, uint32_t count,
                        bool quick);

/* The cache no longer refills from the span. */
void ul_mcentral_unadopt(ul_heap *heap, ul_mcentral *central, ul_mspan *span);

/* Puts the span on the list that its counts say, or back to mheap when it holds nothing.
 * Context: locked(central). */
void ul_mcentral_relist(ul_heap *heap, ul_mcentral *central, ul_mspan *span);

/* Moves the `count` oldest objects of transfer back into their spans. Context: locked(central). */
void ul_mcentral_drain(ul_heap *heap, ul_mcentral *central, uint32_t count);

/* Aborts when an invariant does not hold. Context: locked(central). */
void ul_mcentral_check(ul_heap *heap, ul_mcentral *central);

#endif
