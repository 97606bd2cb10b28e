/* SPDX-License-Identifier: MIT */
/* meta.h: memory for the heap's own records: bitmaps, caches, lists of pointers.
 *
 * Blocks of powers of two from 64 bytes to 64 KiB, carved one after the other from a stretch of its
 * own and kept on a free list by size when dropped. Never given back: records may be looked at by
 * threads that hold no lock (ullage_object_of), so the memory behind them must stay.
 *
 * Threads     any; one lock, last in the order (heap.h).
 */
#ifndef UL_HEAP_META_H
#define UL_HEAP_META_H

#include "os/lock.h"

#define UL_META_SHIFT_MIN 6
#define UL_META_SHIFT_MAX 16

typedef struct ul_meta {
  ul_lock   lock;
  uintptr_t next;      /* first byte never handed out */
  uintptr_t committed; /* end of what may be touched */
  uintptr_t end;       /* end of the reservation */
  uint64_t  used_bytes;
  void     *free[UL_META_SHIFT_MAX - UL_META_SHIFT_MIN + 1];
} ul_meta;

void ul_meta_init(ul_meta *meta, uintptr_t start, size_t bytes);

/* A block of at least `bytes` (<= 64 KiB), aligned to 64. Its contents are arbitrary.
 * NULL when memory is short. */
void *ul_meta_alloc(ul_meta *meta, size_t bytes);

/* `bytes` as it was asked for. NULL is ignored. */
void ul_meta_free(ul_meta *meta, void *block, size_t bytes);

#endif
