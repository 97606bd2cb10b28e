/* SPDX-License-Identifier: MIT */
/* stress_heap.c: heaps that are destroyed as a whole.
 *
 * Objects of a heap are objects like others: free() takes them one by one, from any thread, realloc
 * and malloc_usable_size know them, object_of and the walk see them. ullage_heap_destroy frees all
 * that is left, and only that: ordinary objects beside them keep their contents, and the memory is
 * used again (the resident set stays flat over many heaps). */
#include "stress.h"

#include <malloc.h>
#include <stdatomic.h>
#include <ullage/ullage.h>

enum { ROUNDS = 150, OBJECTS = 3000, THREADS = 3, SHARED_OPS = 30000 };

static void *free_half(void *arg) {
  void **object = arg;
  for (int i = 0; i < OBJECTS; i += 2) free(object[i]);
  return NULL;
}

/* One heap: fill, verify, free half here or elsewhere, destroy; nothing of it stays live. */
static void use_heap(uint64_t *random, int round) {
  static void  *object[OBJECTS];
  static size_t bytes[OBJECTS];
  static void  *ordinary[64];
  ullage_heap  *heap = ullage_heap_new();
  CHECK(heap, "ullage_heap_new gave NULL");
  for (int i = 0; i < OBJECTS; i++) {
    bytes[i] = stress_random_size(random, i % 500 ? 8 * KIB : 300 * KIB);
    object[i] = ullage_heap_malloc(heap, bytes[i]);
    CHECK(object[i], "ullage_heap_malloc(%zu) gave NULL", bytes[i]);
    CHECK(malloc_usable_size(object[i]) >= bytes[i], "too small an object");
    CHECK((uintptr_t)object[i] % (bytes[i] >= 16 ? 16 : 8) == 0, "not aligned: %p", object[i]);
    stress_fill(object[i], bytes[i], (uint64_t)i);
    if (i % 50 == 0 && i / 50 < 64) ordinary[i / 50] = memset(malloc(100), i / 50, 100);
  }
  for (int i = 0; i < OBJECTS; i++) {
    ullage_object found;
    CHECK(stress_holds(object[i], bytes[i], bytes[i], (uint64_t)i), "object of a heap was damaged");
    CHECK(ullage_object_of(object[i], &found) && found.live && found.base == object[i],
          "object_of does not know an object of a heap");
  }
  if (round % 3 == 1)
    stress_join(stress_thread(free_half, object));
  else if (round % 3 == 2)
    free_half(object);
  ullage_heap_destroy(heap);
  for (int i = 0; i < OBJECTS; i++) {
    ullage_object found;
    CHECK(!ullage_object_of(object[i], &found) || !found.live || found.base != object[i],
          "an object of %zu bytes outlived its heap", bytes[i]);
  }
  for (int i = 0; i < 60; i++) {
    unsigned char *one = ordinary[i];
    CHECK(one[0] == i && one[99] == i, "ullage_heap_destroy damaged an ordinary object");
    free(one);
  }
}

typedef struct shared {
  ullage_heap    *heap;
  _Atomic(void *) slot[256];
} shared;

/* Threads allocate from one heap at once and free each other's objects. */
static void *share(void *arg) {
  shared  *all = arg;
  uint64_t random = stress_seed + (uintptr_t)&random;
  for (int i = 0; i < SHARED_OPS; i++) {
    size_t bytes = 16 + stress_random_size(&random, 2 * KIB);
    void  *fresh = i % 2 ? ullage_heap_malloc(all->heap, bytes) : malloc(bytes);
    CHECK(fresh, "allocation of %zu bytes gave NULL", bytes);
    memset(fresh, 7, bytes);
    free(atomic_exchange(&all->slot[stress_random(&random) % 256], fresh));
  }
  return NULL;
}

static void share_heap(void) {
  static shared all;
  pthread_t     thread[THREADS];
  memset(&all, 0, sizeof all);
  CHECK((all.heap = ullage_heap_new()), "ullage_heap_new gave NULL");
  for (int i = 0; i < THREADS; i++) thread[i] = stress_thread(share, &all);
  for (int i = 0; i < THREADS; i++) stress_join(thread[i]);
  for (int i = 0; i < 256; i++) free(all.slot[i]); /* ordinary ones and the heap's alike */
  ullage_heap_destroy(all.heap);
}

int main(int argc, char **argv) {
  uint64_t       random;
  size_t         early = 0, late;
  ullage_stats_t before, after;
  stress_start(argc, argv, 120);
  random = stress_seed;
  use_heap(&random, 0);
  ullage_stats(&before);
  for (int round = 0; round < ROUNDS; round++) {
    use_heap(&random, round);
    if (round == 30) early = stress_rss_bytes();
  }
  late = stress_rss_bytes();
  CHECK(late < early + 32 * MIB, "RSS grew from %zu to %zu MiB over %d heaps", early / MIB,
        late / MIB, ROUNDS);
  ullage_stats(&after);
  CHECK(after.live_bytes < before.live_bytes + 64 * KIB,
        "live_bytes grew from %zu to %zu over heaps that were all destroyed",
        (size_t)before.live_bytes, (size_t)after.live_bytes);
  for (int i = 0; i < 10; i++) share_heap();
  ullage_heap_destroy(ullage_heap_new());
  ullage_heap_destroy(NULL);
  return stress_done("stress_heap", "160 heaps filled, freed in part, shared, destroyed");
}
