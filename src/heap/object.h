/* SPDX-License-Identifier: MIT */
/* object.h: any address -> object; every object -> visitor; the end of those who misuse one.
 *
 * This is the one idea of the product: everything outside the allocator that asks about memory asks
 * here.
 */
#ifndef UL_HEAP_OBJECT_H
#define UL_HEAP_OBJECT_H

#include "heap/mspan.h"

typedef struct ul_object {
  uintptr_t base;
  size_t    bytes; /* usable */
  bool      live;
  ul_mspan *span;
} ul_object;

/* The object `address` lies in. false: in none. Constant time, no lock, never faults.
 * Context: any. */
bool ul_object_find(const ul_heap *heap, uintptr_t address, ul_object *ret_object);

/* Calls `visit` for every live object. Objects that live during the whole walk are visited exactly
 * once. No lock is held during `visit`, which may allocate and free. */
void ul_object_walk(ul_heap *heap, void (*visit)(const ul_object *object, void *arg), void *arg);

/* `address` was given to `function` and must be the start of a live object. Returns it, or ends the
 * process with one line that says what is wrong. */
ul_object ul_object_expect(const ul_heap *heap, const void *address, const char *function);

#endif
