/* SPDX-License-Identifier: MIT */
/* hooks.h: what the heap calls upwards.
 *
 * The heap knows no room above it. Where something up there must learn of an event, the heap calls
 * a pointer that runtime filled in; NULL means nobody cares.
 */
#ifndef UL_HEAP_HOOKS_H
#define UL_HEAP_HOOKS_H

#include "base/base.h"

typedef struct ul_heap ul_heap;

typedef struct ul_hooks {
  /* The arena has grown to this many bytes. Called without any lock, from an allocating thread. */
  void (*grown)(ul_heap *heap, uint64_t committed_bytes);
  /* Memory was freed that the scavenger may want to give back. Called under locks: must only set a
   * flag and wake a thread. */
  void (*freed)(ul_heap *heap);
  /* The heap is about to need `bytes` more and has passed its gate. Relieves it, waits a little, sets
   * the gate anew; false: the request is to fail. Called without any lock, from an allocating
   * thread. */
  bool (*crowded)(ul_heap *heap, uint64_t bytes);
  bool grown_pending; /* set under pages.lock, taken by the next slow path that holds none */
} ul_hooks;

#endif
