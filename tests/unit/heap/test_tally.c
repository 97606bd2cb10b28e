/* SPDX-License-Identifier: MIT */
/* test_tally.c: what the heap holds by size, against sums kept beside it.
 *
 * Options  --seed N, printed at the start. */
#include "../../stress/stress.h"

#include <setjmp.h>
#include <cmocka.h>

#include "heap/heap.h"
#include "heap/tally.h"
#include "heap/zone.h"

enum { OBJECTS = 4000, ROWS = UL_CLASS_PLAIN + 1 };

static ul_heap heap;

static int new_heap(void **state) {
  (void)state;
  memset(&heap, 0, sizeof heap);
  return ul_heap_init(&heap, UL_GIB, 0x2468ace);
}

static ul_tally row_of(const ul_tally *rows, size_t count, uint64_t object_bytes) {
  ul_tally found = {0};
  for (size_t i = 0; i < count; i++) {
    if (rows[i].object_bytes != object_bytes) continue;
    assert_int_equal(found.objects, 0); /* a size has one row */
    found = rows[i];
  }
  return found;
}

static void an_empty_heap_has_no_rows(void **state) {
  ul_tally rows[ROWS];
  (void)state;
  assert_int_equal(ul_heap_tally(&heap, rows, ROWS), 0);
}

/* Two private heaps, so that each size comes from two places; sizes by chance, some of them large. */
static void rows_are_what_is_held(void **state) {
  ul_zone *zones[2] = {ul_zone_new(&heap), ul_zone_new(&heap)};
  uint64_t random = stress_seed, objects = 0, small_bytes = 0;
  uint64_t held[UL_SMALL_MAX_BYTES + 1] = {0}, large = 0;
  ul_tally rows[ROWS];
  (void)state;
  for (int i = 0; i < OBJECTS; i++) {
    size_t wanted = stress_random(&random) % (i % 50 ? 3000 : 100000);
    void  *object = ul_zone_alloc(zones[i % 2], wanted);
    assert_non_null(object);
    if (wanted > UL_SMALL_MAX_BYTES) {
      large++;
    } else {
      held[ul_mspan_of(&heap, (uintptr_t)object)->object_bytes]++;
    }
  }
  size_t count = ul_heap_tally(&heap, rows, ROWS);
  for (size_t i = 0; i < count; i++) {
    assert_true(i == 0 || rows[i].bytes <= rows[i - 1].bytes);
    objects += rows[i].objects;
    if (rows[i].object_bytes) small_bytes += rows[i].objects * rows[i].object_bytes;
  }
  assert_int_equal(objects, OBJECTS);
  for (uint64_t bytes = 1; bytes <= UL_SMALL_MAX_BYTES; bytes++) {
    assert_int_equal(row_of(rows, count, bytes).objects, held[bytes]);
    assert_int_equal(row_of(rows, count, bytes).bytes, held[bytes] * bytes);
  }
  assert_int_equal(row_of(rows, count, 0).objects, large);
  assert_true(small_bytes > 0 && row_of(rows, count, 0).bytes == heap.pages.large_bytes);

  /* Where there is little room, the first of the same. */
  ul_tally few[4] = {{0}};
  assert_int_equal(ul_heap_tally(&heap, few, 3), 3);
  for (int i = 0; i < 3; i++) assert_int_equal(few[i].bytes, rows[i].bytes);
  assert_int_equal(few[3].bytes, 0);
  assert_int_equal(ul_heap_tally(&heap, few, 0), 0);
  ul_zone_destroy(zones[0]);
  ul_zone_destroy(zones[1]);
  assert_int_equal(ul_heap_tally(&heap, rows, ROWS), 0);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(an_empty_heap_has_no_rows, new_heap),
      cmocka_unit_test_setup(rows_are_what_is_held, new_heap),
  };
  if (argc > 2) argc--, argv++; /* --seed N */
  stress_start(argc, argv, 230);
  printf("seed %llu\n", (unsigned long long)stress_seed);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
