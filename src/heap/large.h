/* SPDX-License-Identifier: MIT */
/* large.h: objects of more than 32 KiB, each a span of its own. */
#ifndef UL_HEAP_LARGE_H
#define UL_HEAP_LARGE_H

#include "heap/mspan.h"

/* A large object, aligned to `alignment` (a power of two). `zero`: its bytes read as zero, at the
 * price of clearing only those leaves that hold old bytes. NULL when memory is short. */
void *ul_large_alloc(ul_heap *heap, size_t bytes, size_t alignment, bool zero);

/* `span` has been checked: state LARGE, its object starts at the freed address. false when it was
 * freed meanwhile. */
bool ul_large_free(ul_heap *heap, ul_mspan *span);

/* Resizes in place, or moves the memory without copying it where that pays and the system can.
 * NULL when neither is possible: the object is unchanged. */
void *ul_large_resize(ul_heap *heap, ul_mspan *span, size_t bytes);

#endif
