/* SPDX-License-Identifier: MIT */
/* zone.h: a private heap, destroyed as a whole.
 *
 * The same mechanism with centrals of its own: its spans hold nobody else's objects. Its leaves say
 * SLOW, so that free leaves the thread's cache out and puts the object straight back here; no cache
 * ever holds an object that ul_zone_destroy takes away.
 *
 * Threads     any; the lock of each central, and one for the list of large objects.
 */
#ifndef UL_HEAP_ZONE_H
#define UL_HEAP_ZONE_H

#include "heap/mcentral.h"

typedef struct ul_zone {
  ul_link     link; /* heap->zones */
  ul_lock     lock; /* large objects */
  ul_heap    *heap;
  ul_link     large; /* headers of large objects: ul_zone_large */
  ul_mcentral central[UL_CLASS_COARSE];
} ul_zone;

ul_zone *ul_zone_new(ul_heap *heap);
void    *ul_zone_alloc(ul_zone *zone, size_t bytes);
void     ul_zone_destroy(ul_zone *zone);

/* Frees an object of a private heap's span. It is live. Context: no lock held. */
void ul_zone_free(ul_heap *heap, ul_mspan *span, void *object);

#endif
