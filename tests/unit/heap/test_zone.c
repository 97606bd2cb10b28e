/* SPDX-License-Identifier: MIT */
/* test_zone.c: private heaps: random allocation and freeing in three at once, destroyed one by one;
 * what the others hold stays, and at the end nothing is left, no page and no record.
 *
 * Options  --seed N, printed at the start. */
#include "../../stress/stress.h"

#include <setjmp.h>
#include <cmocka.h>

#include "heap/heap.h"
#include "heap/object.h"
#include "heap/zone.h"

enum { ZONES = 3, OBJECTS = 1500 };

typedef struct held {
  char    *base;
  size_t   bytes;
  uint64_t tag;
} held;

static ul_heap  heap;
static ul_zone *zones[ZONES];
static held     objects[ZONES][OBJECTS];

static int new_heap(void **state) {
  (void)state;
  memset(&heap, 0, sizeof heap);
  memset(objects, 0, sizeof objects);
  if (ul_heap_init(&heap, UL_GIB, 0x2468ace) != 0) return -1;
  for (int z = 0; z < ZONES; z++) {
    zones[z] = ul_zone_new(&heap);
    if (!zones[z]) return -1;
  }
  return 0;
}

static void check_pages(void) {
  ul_lock_take(&heap.pages.lock);
  ul_mheap_check(&heap);
  ul_lock_drop(&heap.pages.lock);
}

static void allocate(int zone, held *o, size_t bytes, uint64_t tag) {
  ul_object found;
  char     *base = ul_zone_alloc(zones[zone], bytes);
  assert_non_null(base);
  assert_true(ul_object_find(&heap, (uintptr_t)base, &found));
  assert_true(found.live && found.base == (uintptr_t)base && found.bytes >= bytes);
  assert_int_equal((uintptr_t)base % (bytes > 8 ? 16 : 8), 0);
  /* The fast path of free leaves it alone, so that no cache ever holds it. */
  assert_int_equal(heap.leaf_state[ul_leaf_of(&heap, (uintptr_t)base)], UL_LEAF_SLOW);
  *o = (held){.base = base, .bytes = bytes, .tag = tag};
  stress_fill(base, bytes, tag);
}

static void check_contents(const held *o) {
  assert_true(stress_holds(o->base, o->bytes, o->bytes, o->tag));
}

static void release(held *o) {
  ul_object found;
  check_contents(o);
  ul_zone_free(&heap, ul_mspan_of(&heap, (uintptr_t)o->base), o->base);
  if (ul_object_find(&heap, (uintptr_t)o->base, &found)) assert_false(found.live);
  o->base = NULL;
}

/* Small objects of all zones, as the statistics count them. */
static void check_counts(void) {
  uint64_t small = 0, large = 0, counted = 0, bytes = 0, least = 0;
  for (int z = 0; z < ZONES; z++) {
    for (int i = 0; i < OBJECTS; i++) {
      const held *o = &objects[z][i];
      if (!o->base) continue;
      large += o->bytes > UL_SMALL_MAX_BYTES;
      small += o->bytes <= UL_SMALL_MAX_BYTES;
      if (o->bytes <= UL_SMALL_MAX_BYTES) least += o->bytes;
    }
  }
  ul_heap_add_zones(&heap, &counted, &bytes);
  assert_int_equal(counted, small);
  assert_true(bytes >= least && bytes <= least + least / 8 + small * 16);
  assert_int_equal(heap.pages.large_objects, large);
}

static void destroy(int zone) {
  ul_object found;
  ul_zone_destroy(zones[zone]);
  for (int i = 0; i < OBJECTS; i++) {
    held *o = &objects[zone][i];
    if (o->base && ul_object_find(&heap, (uintptr_t)o->base, &found)) assert_false(found.live);
    o->base = NULL;
  }
  check_pages();
}

static void test_random_use(void **state) {
  uint64_t random = stress_seed;
  (void)state;
  for (uint64_t n = 1; n <= 20000; n++) {
    int   zone = (int)(stress_random(&random) % ZONES);
    held *o = &objects[zone][stress_random(&random) % OBJECTS];
    if (o->base) {
      release(o);
    } else {
      size_t most = stress_random(&random) % 40 ? 2000 : 200000;
      allocate(zone, o, stress_random(&random) % most, n);
    }
    if (n % 1000 == 0) check_counts();
  }
  check_pages();
  for (int z = 0; z < ZONES; z++) {
    destroy(z);
    for (int other = z + 1; other < ZONES; other++) {
      for (int i = 0; i < OBJECTS; i++) {
        if (objects[other][i].base) check_contents(&objects[other][i]);
      }
    }
    check_counts(); /* of those that are left */
  }
  assert_int_equal(heap.pages.small_spans, 0);
  assert_int_equal(heap.pages.large_objects, 0);
  assert_int_equal(heap.pages.free_pages, heap.committed_pages);
  assert_int_equal(heap.meta.used_bytes, 0);
  assert_true(ul_list_empty(&heap.zones));
}

static void test_every_class(void **state) {
  (void)state;
  for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_FIRST + UL_CLASS_COARSE; c++) {
    held     exact = {0}, more = {0};
    uint32_t bytes = ul_size_class_bytes(c);
    allocate(0, &exact, bytes, c);
    allocate(0, &more, bytes + 1, c); /* the last one is large */
    assert_int_equal(ul_mspan_of(&heap, (uintptr_t)exact.base)->object_bytes, bytes);
    assert_true(ul_mspan_of(&heap, (uintptr_t)more.base)->object_bytes > bytes);
    release(&exact);
    release(&more);
  }
  check_counts();
  check_pages();
}

static void test_zones_share_no_span(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++) {
    for (int z = 0; z < ZONES; z++) allocate(z, &objects[z][i], 64, (uint64_t)i);
  }
  for (int z = 1; z < ZONES; z++) {
    for (int i = 0; i < 100; i++) {
      assert_ptr_not_equal(ul_mspan_of(&heap, (uintptr_t)objects[z][i].base),
                           ul_mspan_of(&heap, (uintptr_t)objects[0][i].base));
    }
  }
}

static void test_more_than_there_is(void **state) {
  (void)state;
  assert_null(ul_zone_alloc(zones[0], (size_t)PTRDIFF_MAX));
  assert_null(ul_zone_alloc(zones[0], 2 * UL_GIB));
  assert_non_null(ul_zone_alloc(zones[0], 0));
  check_pages();
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(test_random_use, new_heap),
      cmocka_unit_test_setup(test_every_class, new_heap),
      cmocka_unit_test_setup(test_zones_share_no_span, new_heap),
      cmocka_unit_test_setup(test_more_than_there_is, new_heap),
  };
  if (argc > 2) argc--, argv++; /* --seed N */
  stress_start(argc, argv, 230);
  printf("seed %llu\n", (unsigned long long)stress_seed);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
