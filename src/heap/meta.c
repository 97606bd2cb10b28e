/* SPDX-License-Identifier: MIT */
/* meta.c: see meta.h. */
#include "heap/meta.h"

#include "base/bits.h"
#include "os/fatal.h"
#include "os/pages.h"

/* Commit in steps: a small program needs about 40 KiB in all, a system call costs half a
 * microsecond. Untouched pages cost nothing either way. */
#define STEP_BYTES ((size_t)256 * 1024)

void ul_meta_init(ul_meta *meta, uintptr_t start, size_t bytes) {
  meta->next = meta->committed = start;
  meta->end = start + bytes;
}

static unsigned size_index(size_t bytes) {
  unsigned shift = ul_log2_ceil(bytes);
  return shift <= UL_META_SHIFT_MIN ? 0 : shift - UL_META_SHIFT_MIN;
}

void *ul_meta_alloc(ul_meta *meta, size_t bytes) {
  unsigned index = size_index(bytes);
  size_t   block_bytes = (size_t)1 << (index + UL_META_SHIFT_MIN);
  void    *block = NULL;

  UL_CHECK(bytes <= (size_t)1 << UL_META_SHIFT_MAX);
  ul_lock_take(&meta->lock);
  if (meta->free[index]) {
    block = meta->free[index];
    meta->free[index] = *(void **)block;
  } else if (meta->end - meta->next >= block_bytes) {
    if (meta->committed - meta->next < block_bytes) {
      size_t step = UL_MIN(STEP_BYTES, meta->end - meta->committed);
      if (ul_os_commit((void *)meta->committed, step) == 0) meta->committed += step;
    }
    if (meta->committed - meta->next >= block_bytes) {
      block = (void *)meta->next;
      meta->next += block_bytes;
    }
  }
  if (block) ul_store(&meta->used_bytes, meta->used_bytes + block_bytes);
  ul_lock_drop(&meta->lock);
  return block;
}

void ul_meta_free(ul_meta *meta, void *block, size_t bytes) {
  if (!block) return;
  unsigned index = size_index(bytes);
  ul_lock_take(&meta->lock);
  *(void **)block = meta->free[index];
  meta->free[index] = block;
  ul_store(&meta->used_bytes, meta->used_bytes - ((uint64_t)1 << (index + UL_META_SHIFT_MIN)));
  ul_lock_drop(&meta->lock);
}
