/* SPDX-License-Identifier: MIT */
/* test_mcentral.c: one class's central: what it hands out is nobody else's, what comes back is
 * handed out again in the order its head promises, and when all is back nothing is left.
 *
 * Options  --seed N, printed at the start. */
#include "../../stress/stress.h"

#include <setjmp.h>
#include <cmocka.h>

#include "heap/heap.h"
#include "heap/large.h"

enum { OBJECTS = 20000, CACHES = 3 };

static ul_heap   heap;
static void     *held[OBJECTS];
static uint32_t  held_count;
static ul_mspan *adopted[CACHES];

static int new_heap(void **state) {
  (void)state;
  memset(&heap, 0, sizeof heap);
  memset(adopted, 0, sizeof adopted);
  held_count = 0;
  return ul_heap_init(&heap, UL_GIB, 0xabcdef);
}

static void check(ul_mcentral *central) {
  ul_lock_take(&central->lock);
  ul_mcentral_check(&heap, central);
  ul_lock_drop(&central->lock);
  assert_int_equal(heap.transfer_bytes, (uint64_t)central->transfer_count * central->object_bytes);
  assert_int_equal(central->live_objects, held_count + central->transfer_count);
}

/* Marks the objects as somebody's: a second owner would see the mark. */
static uint32_t fetch(ul_mcentral *central, int cache, uint32_t want) {
  void   **into = held + held_count;
  uint32_t got = ul_mcentral_fetch(&heap, central, &adopted[cache], into, want, UL_FETCH_GROW);
  assert_true(got <= want);
  for (uint32_t i = 0; i < got; i++) {
    assert_true(*(uint64_t *)into[i] == ul_cookie(&heap, into[i]));
    *(uint64_t *)into[i] = 1;
  }
  held_count += got;
  return got;
}

static void give_back(ul_mcentral *central, void **objects, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    assert_true(*(uint64_t *)objects[i] == 1);
    *(uint64_t *)objects[i] = ul_cookie(&heap, objects[i]);
  }
  held_count -= count;
  ul_mcentral_return(&heap, central, objects, count, true);
}

static void drain(ul_mcentral *central) {
  ul_lock_take(&central->lock);
  ul_mcentral_drain(&heap, central, central->transfer_count);
  ul_lock_drop(&central->lock);
}

static void leave_nothing(ul_mcentral *central) {
  give_back(central, held, held_count);
  for (int i = 0; i < CACHES; i++) {
    if (adopted[i]) ul_mcentral_unadopt(&heap, central, adopted[i]);
  }
  drain(central);
  check(central);
  assert_int_equal(central->live_objects, 0);
  assert_int_equal(central->free_objects, 0);
  assert_int_equal(central->dirty_leaves, 0);
  assert_int_equal(central->spans, 0);
  assert_int_equal(heap.pages.small_spans, 0);
  assert_int_equal(heap.pages.free_pages, heap.committed_pages);
  memset(adopted, 0, sizeof adopted);
}

static ul_mcentral *central_of(size_t bytes) {
  return ul_mcentral_of(&heap, ul_size_class_aligned(bytes, 8));
}

static void test_random_use(void **state) {
  static const size_t sizes[] = {8, 48, 240, 1152, 8192, 32768};
  uint64_t            random = stress_seed;
  (void)state;
  for (size_t s = 0; s < UL_ARRAY_LEN(sizes); s++) {
    ul_mcentral *central = central_of(sizes[s]);
    uint32_t     most = (uint32_t)UL_MIN((4 << 20) / sizes[s], (size_t)OBJECTS - 100);
    for (int n = 0; n < 600; n++) {
      uint32_t count = (uint32_t)(1 + stress_random(&random) % UL_MAX(most / 100, 2));
      int      cache = (int)(stress_random(&random) % CACHES);
      if (stress_random(&random) % 16 == 0 && adopted[cache]) {
        ul_mcentral_unadopt(&heap, central, adopted[cache]);
        adopted[cache] = NULL;
      } else if (held_count + count < most && (n / 150 % 2 ? n % 3 == 0 : n % 3 != 0)) {
        assert_true(fetch(central, cache, count) > 0);
      } else {
        count = UL_MIN(count, held_count);
        for (uint32_t i = 0; i < count; i++) { /* any of those held */
          uint32_t other = (uint32_t)(stress_random(&random) % held_count),
                   last = held_count - 1 - i;
          void *swap = held[last];
          if (other > last) other = last;
          held[last] = held[other];
          held[other] = swap;
        }
        give_back(central, held + held_count - count, count);
      }
      if (n % 4 == 0) check(central);
    }
    leave_nothing(central);
  }
}

static void test_last_returned_first(void **state) {
  ul_mcentral *central = central_of(64);
  void        *objects[2];
  (void)state;
  assert_int_equal(fetch(central, 0, 8), 8);
  memcpy(objects, held + 6, sizeof objects);
  give_back(central, held + 6, 2);
  assert_int_equal(central->transfer_count, 2);
  assert_int_equal(fetch(central, 1, 1), 1);
  assert_ptr_equal(held[6], objects[1]);
  assert_int_equal(fetch(central, 1, 1), 1);
  assert_ptr_equal(held[7], objects[0]);
  leave_nothing(central);
}

/* Two spans with room: the fuller one serves, so that the emptier one can become empty. */
static void test_fullest_span_first(void **state) {
  ul_mcentral *central = central_of(1024);
  uint32_t     n = central->span_objects;
  (void)state;
  while (held_count < 2 * n) fetch(central, 0, 2 * n - held_count);
  ul_mcentral_unadopt(&heap, central, adopted[0]);
  adopted[0] = NULL;
  uintptr_t full = (uintptr_t)held[n] / central->span_bytes;
  assert_int_not_equal((uintptr_t)held[n - 1] / central->span_bytes, full);
  give_back(central, held + 2 * n - 4, 4); /* the second keeps all but four */
  drain(central);
  held_count = 2 * n - 4;
  void *emptied[64];
  memcpy(emptied, held, (n - 4) * sizeof *held);
  memmove(held, held + n - 4, n * sizeof *held);
  give_back(central, emptied, n - 4); /* the first keeps four */
  drain(central);
  check(central);
  assert_int_equal(fetch(central, 0, 1), 1);
  assert_int_equal((uintptr_t)held[held_count - 1] / central->span_bytes, full);
  leave_nothing(central);
}

/* No new memory while there is old: a fetch that has something makes no leaf active for more. */
static void test_something_is_better_than_new_memory(void **state) {
  ul_mcentral *central = central_of(1024);
  (void)state;
  assert_int_equal(fetch(central, 0, 100), UL_LEAF_BYTES / 1024);
  assert_int_equal(fetch(central, 0, 1), 1);
  assert_int_equal(fetch(central, 0, 100), UL_LEAF_BYTES / 1024 - 1);
  assert_int_equal(central->spans, 1);
  leave_nothing(central);
}

static void test_refines_a_large_class(void **state) {
  unsigned     size_class = ul_size_class(&heap.sizes, 1040);
  ul_mcentral *central = ul_mcentral_of(&heap, size_class);
  (void)state;
  while (central->live_objects * central->object_bytes <= UL_REFINE_BYTES) fetch(central, 0, 500);
  fetch(central, 0, 500);
  assert_int_equal(central->refined, 0); /* a large class in a small heap stays coarse */
  assert_int_equal(ul_size_class(&heap.sizes, 1040), size_class);
  void *large = ul_large_alloc(&heap, UL_REFINE_HEAP_BYTES, 1, false);
  assert_non_null(large);
  fetch(central, 0, 1);
  assert_int_equal(central->refined, 1);
  assert_true(ul_size_class_bytes(ul_size_class(&heap.sizes, 1040)) < central->object_bytes);
  assert_int_equal(ul_size_class(&heap.sizes, central->object_bytes), size_class);
  assert_true(ul_large_free(&heap, ul_mspan_of(&heap, (uintptr_t)large)));
  leave_nothing(central);
}

static void test_without_a_cache_nothing_waits(void **state) {
  static ul_mcentral private_central;
  (void)state;
  memset(&private_central, 0, sizeof private_central);
  ul_mcentral_init(&private_central, ul_size_class_aligned(64, 8), UL_LEAF_SLOW);
  assert_int_equal(fetch(&private_central, 0, 3), 3);
  assert_int_equal(heap.leaf_state[ul_leaf_of(&heap, (uintptr_t)held[0])], UL_LEAF_SLOW);
  give_back(&private_central, held, 2);
  held[0] = held[2];
  assert_int_equal(private_central.transfer_count, 0);
  assert_int_equal(private_central.live_objects, 1);
  leave_nothing(&private_central);
}

static void test_memory_is_short(void **state) {
  (void)state;
  memset(&heap, 0, sizeof heap);
  assert_int_equal(ul_heap_init(&heap, 16 * UL_MIB, 0xabcdef), 0);
  ul_mcentral *central = central_of(32768);
  while (fetch(central, 0, 7) > 0) continue;
  assert_int_equal(held_count, 16 * UL_MIB / 32768);
  check(central);
  leave_nothing(central);
  assert_int_equal(fetch(central, 0, 1), 1);
  leave_nothing(central);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(test_random_use, new_heap),
      cmocka_unit_test_setup(test_last_returned_first, new_heap),
      cmocka_unit_test_setup(test_fullest_span_first, new_heap),
      cmocka_unit_test_setup(test_something_is_better_than_new_memory, new_heap),
      cmocka_unit_test_setup(test_refines_a_large_class, new_heap),
      cmocka_unit_test_setup(test_without_a_cache_nothing_waits, new_heap),
      cmocka_unit_test_setup(test_memory_is_short, new_heap),
  };
  if (argc > 2) argc--, argv++; /* --seed N */
  stress_start(argc, argv, 230);
  printf("seed %llu\n", (unsigned long long)stress_seed);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
