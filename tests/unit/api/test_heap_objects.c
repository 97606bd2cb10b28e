/* SPDX-License-Identifier: MIT */
/* test_heap_objects.c: ullage_heap_new, _malloc, _destroy; and the two calls about the whole heap
 * that need no threads: ullage_trim and the budget's set and get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <ullage/ullage.h>

enum { OBJECTS = 500 };

static size_t size_of(int i) {
  return i % 50 ? (size_t)i * 7 : (size_t)i * 1000;
}

static void test_destroy_frees_all(void **state) {
  ullage_heap  *heap = ullage_heap_new();
  void         *object[OBJECTS], *ordinary = ullage_malloc(100);
  ullage_object found;
  (void)state;
  assert_non_null(heap);
  for (int i = 0; i < OBJECTS; i++) {
    object[i] = ullage_heap_malloc(heap, size_of(i));
    assert_non_null(object[i]);
    assert_true(ullage_malloc_usable_size(object[i]) >= size_of(i));
    memset(object[i], i, size_of(i));
  }
  for (int i = 0; i < OBJECTS; i++) {
    assert_int_equal(ullage_object_of(object[i], &found), 1);
    assert_int_equal(found.live, 1);
    assert_ptr_equal(found.base, object[i]);
  }
  ullage_heap_destroy(heap);
  for (int i = 0; i < OBJECTS; i++)
    if (ullage_object_of(object[i], &found)) assert_int_equal(found.live, 0);
  assert_int_equal(ullage_object_of(ordinary, &found), 1);
  assert_int_equal(found.live, 1);
  ullage_free(ordinary);
}

static void test_free_single_objects(void **state) {
  ullage_heap  *heap = ullage_heap_new();
  void         *object[OBJECTS];
  ullage_object found;
  (void)state;
  for (int round = 0; round < 20; round++) {
    for (int i = 0; i < OBJECTS; i++)
      memset(object[i] = ullage_heap_malloc(heap, size_of(i)), round, size_of(i));
    for (int i = 0; i < OBJECTS; i++) {
      ullage_free(object[i]);
      if (ullage_object_of(object[i], &found)) assert_int_equal(found.live, 0);
    }
  }
  ullage_heap_destroy(heap);
}

/* From each size to each, small and large: contents are kept, and the object stays in its heap. */
static void test_realloc_stays_in_its_heap(void **state) {
  static const size_t sizes[] = {0, 8, 100, 1000, 5000, 32768, 32769, 100000, 3000000, 20000000};
  ullage_stats_t      before, after;
  ullage_object       found;
  (void)state;
  ullage_stats(&before);
  for (size_t i = 1; i < sizeof sizes / sizeof *sizes; i++) {
    for (size_t k = 1; k < sizeof sizes / sizeof *sizes; k++) {
      ullage_heap *heap = ullage_heap_new();
      size_t       kept = sizes[i] < sizes[k] ? sizes[i] : sizes[k];
      char        *neighbour = memset(ullage_heap_malloc(heap, sizes[i]), 1, sizes[i]);
      char        *object = memset(ullage_heap_malloc(heap, sizes[i]), 2, sizes[i]);
      object = ullage_realloc(object, sizes[k]);
      assert_non_null(object);
      assert_true(object[0] == 2 && object[kept - 1] == 2);
      memset(object, 3, sizes[k]);
      assert_true(neighbour[0] == 1 && neighbour[sizes[i] - 1] == 1);
      ullage_heap_destroy(heap);
      if (ullage_object_of(object, &found)) assert_int_equal(found.live, 0);
    }
  }
  ullage_stats(&after);
  assert_int_equal(after.live_objects, before.live_objects);
}

/* What shrinks gives its memory back. */
static void test_realloc_of_a_heap_shrinks(void **state) {
  ullage_heap *heap = ullage_heap_new();
  (void)state;
  void *object = ullage_heap_malloc(heap, 20000000);
  object = ullage_realloc(object, 11000000);
  assert_non_null(object);
  object = ullage_realloc(object, 100000);
  assert_in_range(ullage_malloc_usable_size(object), 100000, 200000);
  object = ullage_realloc(object, 100);
  assert_in_range(ullage_malloc_usable_size(object), 100, 128);
  assert_null(ullage_realloc(object, SIZE_MAX));
  assert_null(ullage_realloc(object, 0)); /* freed */
  ullage_heap_destroy(heap);
}

static void test_two_heaps_are_apart(void **state) {
  ullage_heap *first = ullage_heap_new(), *second = ullage_heap_new();
  char        *stays[OBJECTS];
  (void)state;
  for (int i = 0; i < OBJECTS; i++) {
    memset(ullage_heap_malloc(first, 64), 1, 64);
    stays[i] = memset(ullage_heap_malloc(second, 64), 2, 64);
  }
  ullage_heap_destroy(first);
  for (int i = 0; i < OBJECTS; i++)
    memset(ullage_malloc(64), 3, 64); /* takes the places that became free; left to the leak */
  for (int i = 0; i < OBJECTS; i++) assert_true(stays[i][0] == 2 && stays[i][63] == 2);
  ullage_heap_destroy(second);
}

static void test_heap_refuses_the_impossible(void **state) {
  ullage_heap *heap = ullage_heap_new();
  (void)state;
  assert_null(ullage_heap_malloc(heap, (size_t)PTRDIFF_MAX + 1));
  assert_null(ullage_heap_malloc(heap, SIZE_MAX));
  assert_non_null(ullage_heap_malloc(heap, 0));
  ullage_heap_destroy(heap);
  ullage_heap_destroy(NULL);
}

static void test_trim_counts_what_it_returns(void **state) {
  ullage_stats_t before, after;
  void          *object[200];
  (void)state;
  for (int i = 0; i < 200; i++) object[i] = memset(ullage_malloc(100000), 1, 100000);
  for (int i = 0; i < 200; i++) ullage_free(object[i]);
  ullage_stats(&before);
  size_t given = ullage_trim();
  ullage_stats(&after);
  /* Background work may have been first with some of it: together they returned most of 20 MB. */
  assert_true(after.returned_bytes >= before.returned_bytes + given);
  assert_true(after.returned_bytes >= 10000000);
}

static void test_budget_is_kept(void **state) {
  (void)state;
  uint64_t before = ullage_budget_get();
  assert_int_equal(ullage_budget_set((uint64_t)3 << 30), 0);
  assert_int_equal(ullage_budget_get(), (uint64_t)3 << 30);
  assert_int_equal(ullage_budget_set(0), 0);
  assert_int_equal(ullage_budget_get(), 0);
  assert_int_equal(ullage_budget_set(before), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_destroy_frees_all),
      cmocka_unit_test(test_free_single_objects),
      cmocka_unit_test(test_realloc_stays_in_its_heap),
      cmocka_unit_test(test_realloc_of_a_heap_shrinks),
      cmocka_unit_test(test_two_heaps_are_apart),
      cmocka_unit_test(test_heap_refuses_the_impossible),
      cmocka_unit_test(test_trim_counts_what_it_returns),
      cmocka_unit_test(test_budget_is_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
