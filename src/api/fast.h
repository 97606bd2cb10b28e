/* SPDX-License-Identifier: MIT */
/* fast.h: malloc and free as they are when nothing is unusual.
 *
 * In a header, because each name a program may call (malloc, ullage_malloc, operator new) is to be
 * this code and not a jump to it. Whatever is unusual goes to slow.c. errno is set there only.
 */
#ifndef UL_API_FAST_H
#define UL_API_FAST_H

#include "api/slow.h"
#include "heap/drain.h"
#include "runtime/runtime.h"

/* What a program calls. Whatever has the fast path inlined must lie in that section. */
#define UL_API UL_EXPORT UL_FAST_CODE

UL_INLINE void *ul_api_malloc(size_t size) {
  if (UL_LIKELY(size <= UL_STEP_LINEAR_MAX)) {
    ul_mcache *cache = ul_load(&ul_mcache_current); /* others may lend it (heap/drain.h) */
    size_t     size_class = ul_load(&cache->sizes.class_of_step[(size + 7) / 8]);
    void      *object = ul_mcache_get(cache, size_class);
    if (UL_LIKELY(object != NULL)) return object;
  }
  return ul_api_malloc_slow(size);
}

UL_INLINE void ul_api_free(void *object) {
  const ul_heap *heap = &ul_runtime_self.heap;
  uintptr_t      address = (uintptr_t)object;
  size_t         leaf = ul_leaf_of(heap, address);
  if (UL_LIKELY(leaf < ul_load(&heap->leaf_count))) {
    size_t state = ul_load(&heap->leaf_state[leaf]);
    if (UL_LIKELY(ul_mcache_put(ul_load(&ul_mcache_current), state, object, address ^ heap->key)))
      return;
  }
  ul_api_free_slow(object);
}

#endif
