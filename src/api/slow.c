/* SPDX-License-Identifier: MIT */
/* slow.c: see slow.h. */
#include "api/slow.h"

#include <errno.h>
#include <string.h>

#include "api/fast.h"
#include "heap/large.h"
#include "heap/object.h"
#include "heap/scavenge.h"
#include "heap/zone.h"

/* Larger requests than PTRDIFF_MAX have no valid pointer differences inside: always refused. */
#define SIZE_LIMIT ((size_t)PTRDIFF_MAX)

static UL_COLD void *no_memory(void) {
  errno = ENOMEM;
  return NULL;
}

/* A small object of a class, by way of the cache where the thread has one. */
UL_INLINE void *small_of_class(ul_heap *heap, unsigned size_class, bool aligned) {
  void *object = ul_mcache_get(ul_mcache_current, size_class);
  return object ? object : ul_mcache_refill(heap, size_class, aligned);
}

/* The class of a request, as the thread's cache sees it. */
static unsigned class_of(const ul_heap *heap, size_t size) {
  const ul_mcache *cache = ul_mcache_current;
  return ul_size_class(ul_mcache_is_real(cache) ? &cache->sizes : &heap->sizes, size);
}

UL_INLINE void *try_allocate(ul_heap *heap, size_t size, bool zero) {
  if (size > UL_SMALL_MAX_BYTES) return ul_large_alloc(heap, size, 1, zero);
  void *object = small_of_class(heap, class_of(heap, size), false);
  if (object && zero) memset(object, 0, size);
  return object;
}

/* Before it says no, the heap takes back what lies in the caller's cache and in the transfer stacks:
 * where address space is limited those objects keep whole spans from becoming one free run. Not where
 * the budget has refused, which has tried all that already. */
UL_INLINE void *allocate(size_t size, bool zero) {
  ul_heap *heap = &ul_runtime_self.heap;
  uint64_t refusals = ul_load(&ul_runtime_self.budget.refusals);
  if (UL_UNLIKELY(size > SIZE_LIMIT || ul_runtime_enter() != 0)) return NULL;
  void *object = try_allocate(heap, size, zero);
  if (UL_LIKELY(object != NULL)) return object;
  if (size > heap->reserved_pages << UL_PAGE_SHIFT ||
      ul_load(&ul_runtime_self.budget.refusals) != refusals) {
    return NULL;
  }
  ul_scavenge_all(heap);
  return try_allocate(heap, size, zero);
}

UL_FAST_CODE UL_NOINLINE void *ul_api_malloc_slow(size_t size) {
  ul_heap *heap = &ul_runtime_self.heap;
  /* The sizes between 1 KiB and 32 KiB that a cache holds come here too. */
  if (size > UL_STEP_LINEAR_MAX && size <= UL_SMALL_MAX_BYTES) {
    void *object = ul_mcache_get(ul_mcache_current, class_of(heap, size));
    if (object) return object;
  }
  void *object = allocate(size, false);
  return object ? object : no_memory();
}

/* `span` is of a live object that the fast path did not take. */
static void free_checked(ul_heap *heap, const ul_object *found, void *object) {
  ul_mspan *span = found->span;
  if (span->state == UL_MSPAN_LARGE) {
    if (span->zone) {
      ul_zone_free(heap, span, object);
    } else if (!ul_large_free(heap, span)) {
      ul_object_expect(heap, object, "free"); /* two threads freed it at once */
    }
  } else if (span->leaf_value == UL_LEAF_SLOW) {
    ul_zone_free(heap, span, object);
  } else {
    ul_mcache_put_slow(heap, span->leaf_value, object);
  }
}

UL_NOINLINE void ul_api_free_slow(void *object) {
  ul_heap *heap = &ul_runtime_self.heap;
  if (!object) return;
  size_t leaf = ul_leaf_of(heap, (uintptr_t)object);
  if (leaf < ul_load(&heap->leaf_count)) {
    size_t state = ul_load(&heap->leaf_state[leaf]);
    if (ul_mcache_is_full_for(ul_load(&ul_mcache_current), state, object,
                              ul_cookie(heap, object))) {
      ul_mcache_put_slow(heap, (unsigned)state, object);
      ul_hooks_run(heap);
      return;
    }
  }
  ul_object found = ul_object_expect(heap, object, "free");
  if (ul_runtime_enter() != 0) return;
  free_checked(heap, &found, object);
  ul_hooks_run(heap);
}

UL_FAST_CODE void *ul_api_calloc(size_t count, size_t size) {
  size_t bytes;
  if (UL_UNLIKELY(__builtin_mul_overflow(count, size, &bytes))) return no_memory();
  if (UL_LIKELY(bytes <= UL_STEP_LINEAR_MAX)) {
    unsigned size_class = ul_size_class(&ul_mcache_current->sizes, bytes);
    void    *object = ul_mcache_get(ul_mcache_current, size_class);
    if (UL_LIKELY(object != NULL)) return memset(object, 0, bytes);
  }
  void *object = allocate(bytes, true);
  return object ? object : no_memory();
}

/* Is the object's class right for `size`, or not so much too large that moving it pays? */
static bool fits_class(const ul_heap *heap, size_t object_bytes, size_t size) {
  if (size > object_bytes) return false;
  if (size >= object_bytes - object_bytes / 4) return true;
  return ul_size_class_bytes(class_of(heap, size)) >= object_bytes;
}

/* The private heap of a live object, NULL for none. What its owner destroys must go with it, so an
 * object that is moved stays in its heap. */
static ul_zone *zone_of(const ul_mspan *span) {
  if (span->state == UL_MSPAN_LARGE) return span->zone;
  if (UL_LIKELY(span->leaf_value != UL_LEAF_SLOW)) return NULL;
  ul_mcentral *central = span->central, *first = central - (central->size_class - UL_CLASS_FIRST);
  return UL_CONTAINER_OF(first, ul_zone, central[0]);
}

/* A large object of a private heap is not resized in place; it stays where it is until it would be
 * less than half full. */
static bool fits_zone(size_t object_bytes, size_t size) {
  return size <= object_bytes && size >= object_bytes / 2;
}

UL_FAST_CODE void *ul_api_realloc(void *object, size_t size) {
  ul_heap *heap = &ul_runtime_self.heap;
  if (!object) return ul_api_malloc(size);
  ul_object found = ul_object_expect(heap, object, "realloc");
  if (size == 0) { /* as glibc does */
    ul_api_free(object);
    return NULL;
  }
  if (UL_UNLIKELY(size > SIZE_LIMIT)) return no_memory();
  ul_zone *zone = zone_of(found.span);
  if (found.bytes <= UL_SMALL_MAX_BYTES) {
    if (fits_class(heap, found.bytes, size)) return object;
  } else if (zone) {
    if (fits_zone(found.bytes, size)) return object;
  } else if (size > UL_SMALL_MAX_BYTES) {
    void *resized = ul_large_resize(heap, found.span, size);
    if (resized) return resized;
  }
  void *moved = zone ? ul_zone_alloc(zone, size) : ul_api_malloc(size);
  if (!moved) return no_memory();
  memcpy(moved, object, UL_MIN(size, found.bytes));
  ul_api_free(object);
  return moved;
}

void *ul_api_reallocarray(void *object, size_t count, size_t size) {
  size_t bytes;
  if (UL_UNLIKELY(__builtin_mul_overflow(count, size, &bytes))) return no_memory();
  return ul_api_realloc(object, bytes);
}

UL_FAST_CODE void *ul_api_aligned(size_t alignment, size_t size) {
  ul_heap *heap = &ul_runtime_self.heap;
  if (UL_UNLIKELY(size > SIZE_LIMIT || alignment > SIZE_LIMIT)) return NULL;
  if (UL_UNLIKELY(ul_runtime_enter() != 0)) return NULL;
  if (size == 0) size = 1;
  if (size > UL_SMALL_MAX_BYTES || alignment > UL_LEAF_BYTES) {
    return ul_large_alloc(heap, UL_MAX(size, UL_SMALL_MAX_BYTES + 1), alignment, false);
  }
  /* Spans are aligned to more than a leaf, so an object is aligned to what divides its size. */
  unsigned size_class = class_of(heap, ul_round_up(size, alignment));
  if (ul_size_class_bytes(size_class) % alignment != 0) {
    size_class = ul_size_class_aligned(size, alignment);
  }
  return small_of_class(heap, size_class, alignment > 16);
}

int ul_api_posix_memalign(void **ret_object, size_t alignment, size_t size) {
  if (!ul_is_power_of_two(alignment) || alignment % sizeof(void *) != 0) return EINVAL;
  void *object = ul_api_aligned(alignment, size);
  if (!object) return ENOMEM;
  *ret_object = object;
  return 0;
}

void *ul_api_memalign(size_t alignment, size_t size) {
  if (alignment > SIZE_LIMIT) {
    errno = EINVAL;
    return NULL;
  }
  size_t power = 16;
  while (power < alignment) power *= 2;
  void *object = ul_api_aligned(power, size);
  return object ? object : no_memory();
}

void *ul_api_aligned_alloc(size_t alignment, size_t size) {
  if (!ul_is_power_of_two(alignment)) {
    errno = EINVAL;
    return NULL;
  }
  return ul_api_memalign(alignment, size);
}

void *ul_api_valloc(size_t size) {
  if (ul_runtime_enter() != 0) return no_memory();
  return ul_api_memalign(ul_runtime_self.heap.os_page_bytes, size);
}

void *ul_api_pvalloc(size_t size) {
  if (ul_runtime_enter() != 0) return no_memory();
  size_t page_bytes = ul_runtime_self.heap.os_page_bytes;
  if (size > SIZE_LIMIT) return no_memory();
  return ul_api_memalign(page_bytes, ul_round_up(UL_MAX(size, (size_t)1), page_bytes));
}

size_t ul_api_usable_size(const void *object) {
  if (!object) return 0;
  return ul_object_expect(&ul_runtime_self.heap, object, "malloc_usable_size").bytes;
}

size_t ul_api_trim(void) {
  if (ul_runtime_enter() != 0) return 0;
  return ul_scavenge_all(&ul_runtime_self.heap);
}
