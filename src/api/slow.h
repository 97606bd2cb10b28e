/* SPDX-License-Identifier: MIT */
/* slow.h: what the fast path leaves, and the rest of the malloc family, for every name it has.
 *
 * These set errno (ENOMEM, EINVAL) where the standard or glibc does; none touches it on success.
 */
#ifndef UL_API_SLOW_H
#define UL_API_SLOW_H

#include "base/base.h"

void  *ul_api_malloc_slow(size_t size);
void   ul_api_free_slow(void *object); /* NULL, large, foreign, freed before, bin full … */
void  *ul_api_calloc(size_t count, size_t size);
void  *ul_api_realloc(void *object, size_t size);
void  *ul_api_reallocarray(void *object, size_t count, size_t size);
int    ul_api_posix_memalign(void **ret_object, size_t alignment, size_t size);
void  *ul_api_memalign(size_t alignment, size_t size);      /* glibc: rounds alignment up */
void  *ul_api_aligned_alloc(size_t alignment, size_t size); /* C17: alignment a power of two */
void  *ul_api_valloc(size_t size);
void  *ul_api_pvalloc(size_t size);
size_t ul_api_usable_size(const void *object);
size_t ul_api_trim(void);

/* For operator new: `alignment` is a power of two; errno is not set. */
void *ul_api_aligned(size_t alignment, size_t size);

#endif
