/* SPDX-License-Identifier: MIT */
/* ullage.h: the whole public interface of libullage.
 *
 * libullage is a malloc that can say, for any address and in constant time, which object the
 * address belongs to, how big that object is and whether it is live. A program gets it by
 * preloading libullage.so or by linking it; it then needs nothing from this header. The header is
 * for programs that want to ask (ullage_object_of, ullage_walk, ullage_stats), to set a budget, or
 * to call the allocator under names of its own.
 *
 * Everything here may be called from any thread, before main and after exit handlers. Nothing here
 * may be called from a signal handler that interrupted malloc, free or another function of this
 * header. Sizes are bytes.
 *
 * C99 and C++17 clean.
 */
#ifndef ULLAGE_ULLAGE_H
#define ULLAGE_ULLAGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ULLAGE_VERSION_MAJOR 0
#define ULLAGE_VERSION_MINOR 1
#define ULLAGE_VERSION_PATCH 0

/* "0.1.0": the version of the library that is loaded, which may differ from the header's. */
const char *ullage_version(void);

/* ---- The malloc family under its own names -------------------------------------------------
 * Same contracts as the C standard, POSIX and glibc state for the names without the prefix; memory
 * from either name may be freed by either. On failure: NULL and errno ENOMEM (or EINVAL). */

void  *ullage_malloc(size_t size);
void  *ullage_calloc(size_t count, size_t size);
void  *ullage_realloc(void *object, size_t size);
void  *ullage_reallocarray(void *object, size_t count, size_t size);
void   ullage_free(void *object);
void   ullage_free_sized(void *object, size_t size);
void   ullage_free_aligned_sized(void *object, size_t alignment, size_t size);
void  *ullage_memalign(size_t alignment, size_t size);
int    ullage_posix_memalign(void **ret_object, size_t alignment, size_t size);
void  *ullage_aligned_alloc(size_t alignment, size_t size);
void  *ullage_valloc(size_t size);
void  *ullage_pvalloc(size_t size);
size_t ullage_malloc_usable_size(const void *object);

/* ---- Asking the heap ------------------------------------------------------------------------ */

typedef struct ullage_object {
  void  *base;         /* the address malloc returned, or would return */
  size_t usable_bytes; /* what malloc_usable_size says of it */
  int    live;         /* 1: handed out and not freed; 0: free */
} ullage_object;

/* Which object does `address` lie in? Interior addresses count.
 * Returns 1 and fills *ret_object when the address is in memory that holds an object of ours, live
 * or free; 0 for every other address (stack, static data, unmapped, the tail of a span), leaving
 * *ret_object untouched. Constant time. Never crashes, whatever the address. */
int ullage_object_of(const void *address, ullage_object *ret_object);

/* Calls `visit` for every live object, in no particular order.
 * Objects that exist during the whole walk are visited exactly once; objects made or freed by
 * other threads meanwhile may or may not be. `visit` may call anything here, malloc and free
 * included. */
void ullage_walk(void (*visit)(const ullage_object *object, void *arg), void *arg);

typedef struct ullage_stats_t {
  uint64_t live_objects;    /* handed out and not freed */
  uint64_t live_bytes;      /* their usable bytes */
  uint64_t cached_bytes;    /* free, held by thread and transfer caches */
  uint64_t free_bytes;      /* free inside spans and in free page runs, resident or not */
  uint64_t resident_bytes;  /* memory of the heap that the system backs, as far as we know */
  uint64_t returned_bytes;  /* given back to the system since the start */
  uint64_t committed_bytes; /* address space in use by the heap */
  uint64_t metadata_bytes;  /* what the heap keeps about all this */
  uint64_t peak_bytes;      /* highest resident_bytes seen */
  uint64_t budget_bytes;    /* 0: no budget */
  uint64_t threads;         /* threads that hold a cache */
  uint64_t held_bytes;      /* what counts against the budget: resident, metadata, other if asked */
  uint64_t level;           /* how near the budget: 0 calm, 1 tight, 2 critical, 3 over */
  uint64_t relief_bytes;    /* given back by relief since the start */
  uint64_t relief_ns;       /* processor time spent on relief */
  uint64_t pressure_calls;  /* calls of the program's pressure callbacks */
  uint64_t waits;           /* allocations that waited for relief */
  uint64_t refusals;        /* allocations refused because the budget was used up */
  uint64_t tree_held_bytes; /* what all processes that share the budget hold */
  uint64_t tree_members;    /* processes that share the budget, this one included; 0: no budget */
} ullage_stats_t;

/* Fills *ret_stats. Costs microseconds plus a little for each thread. */
void ullage_stats(ullage_stats_t *ret_stats);

/* ---- Budget ----------------------------------------------------------------------------------- */

/* Sets the soft limit for everything the process holds through libullage: live objects, free memory
 * that is resident, and the heap's own records; 0: no budget. Where the budget is shared by a tree
 * of processes (it came through ULLAGE_BUDGET), it is set for all of them.
 * Returns 0, or -1 when there is no heap. */
int      ullage_budget_set(uint64_t bytes);
uint64_t ullage_budget_get(void);

/* Registers a callback that gives memory back when the budget is nearly used up: a cache evicts, a
 * buffer shrinks. It is called on a thread of libullage's, never inside somebody's malloc, so it may
 * take the program's locks, and malloc and free; at most one runs at a time. Threads that allocate
 * meanwhile wait a few milliseconds at most, also for one that takes longer.
 *     level        2 critical (94 % of the budget), 3 over
 *     want_bytes   what is missing; freeing less is allowed, and it is called again when the program
 *                  grows further
 * Returns 0, or -1: sixteen are registered already. */
int ullage_pressure_register(void (*relieve)(int level, size_t want_bytes, void *arg), void *arg);

/* Takes it away again; it has returned and is not called any more after this. -1: there is none. */
int ullage_pressure_unregister(void (*relieve)(int level, size_t want_bytes, void *arg), void *arg);

/* Gives idle memory back to the system now. Returns the bytes given back. */
size_t ullage_trim(void);

/* ---- Heaps that are destroyed as a whole ------------------------------------------------------ */

typedef struct ullage_heap ullage_heap;

/* A heap whose objects can be freed one by one with free(), or all at once by ullage_heap_destroy.
 * An object that realloc() moves stays in its heap. NULL when memory is short. One lock per heap:
 * meant for the lifetime, not for speed. */
ullage_heap *ullage_heap_new(void);
void        *ullage_heap_malloc(ullage_heap *heap, size_t size);
void         ullage_heap_destroy(ullage_heap *heap);

#ifdef __cplusplus
}
#endif
#endif
