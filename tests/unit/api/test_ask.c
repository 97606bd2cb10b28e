/* SPDX-License-Identifier: MIT */
/* test_ask.c: what one can ask the heap: object_of, walk, stats, version. One thread, small
 * numbers; threads and quantities are the business of tests/stress. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <ullage/ullage.h>

static const size_t sizes[] = {0, 1, 8, 24, 100, 1000, 5000, 32768, 32769, 200000, 5000000};
#define SIZES (sizeof sizes / sizeof *sizes)

static void test_object_of_live(void **state) {
  (void)state;
  for (size_t i = 0; i < SIZES; i++) {
    char  *object = ullage_malloc(sizes[i]);
    size_t usable = ullage_malloc_usable_size(object);
    for (size_t at = 0; at < usable; at += at < 64 ? 1 : usable / 7 + 1) {
      ullage_object found = {0};
      assert_int_equal(ullage_object_of(object + at, &found), 1);
      assert_ptr_equal(found.base, object);
      assert_int_equal(found.usable_bytes, usable);
      assert_int_equal(found.live, 1);
    }
    ullage_free(object);
  }
}

static void test_object_of_freed(void **state) {
  (void)state;
  for (size_t i = 0; i < SIZES; i++) {
    void *object = ullage_malloc(sizes[i]), *neighbour = ullage_malloc(sizes[i]);
    ullage_free(object);
    ullage_object found = {0};
    if (ullage_object_of(object, &found)) assert_int_equal(found.live, 0);
    assert_int_equal(ullage_object_of(neighbour, &found), 1);
    assert_int_equal(found.live, 1);
    ullage_free(neighbour);
  }
}

static int static_data[16];

static void test_object_of_foreign(void **state) {
  int         on_stack = 0;
  const void *foreign[] = {NULL,
                           &on_stack,
                           static_data,
                           (void *)1,
                           (void *)UINTPTR_MAX,
                           (void *)((uintptr_t)1 << 47),
                           (void *)((uintptr_t)1 << 63)};
  (void)state;
  for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
    ullage_object found = {&on_stack, 4711, 4711};
    assert_int_equal(ullage_object_of(foreign[i], &found), 0);
    assert_ptr_equal(found.base, &on_stack);
    assert_int_equal(found.usable_bytes, 4711);
    assert_int_equal(found.live, 4711);
  }
}

typedef struct seen {
  void  *object[SIZES];
  int    visits[SIZES];
  size_t others;
} seen;

static void visit(const ullage_object *object, void *arg) {
  seen *all = arg;
  assert_int_equal(object->live, 1);
  for (size_t i = 0; i < SIZES; i++)
    if (all->object[i] == object->base) {
      assert_int_equal(object->usable_bytes, ullage_malloc_usable_size(object->base));
      all->visits[i]++;
      return;
    }
  all->others++;
}

static void test_walk(void **state) {
  seen before, during, after;
  (void)state;
  memset(&before, 0, sizeof before);
  memset(&during, 0, sizeof during);
  memset(&after, 0, sizeof after);
  ullage_walk(visit, &before);
  for (size_t i = 0; i < SIZES; i++) during.object[i] = ullage_malloc(sizes[i]);
  ullage_walk(visit, &during);
  for (size_t i = 0; i < SIZES; i++) {
    assert_int_equal(during.visits[i], 1);
    ullage_free(during.object[i]);
  }
  assert_int_equal(during.others, before.others);
  ullage_walk(visit, &after);
  assert_int_equal(after.others, before.others);
}

static void visit_and_allocate(const ullage_object *object, void *arg) {
  (void)object;
  ++*(int *)arg;
  ullage_free(ullage_malloc(40));
}

static void test_walk_visitor_may_allocate(void **state) {
  void *object[100];
  int   visits = 0;
  (void)state;
  for (int i = 0; i < 100; i++) object[i] = ullage_malloc(40);
  ullage_walk(visit_and_allocate, &visits);
  assert_true(visits >= 100);
  for (int i = 0; i < 100; i++) ullage_free(object[i]);
}

static void test_stats(void **state) {
  ullage_stats_t before, during, after;
  void          *object[SIZES];
  size_t         usable = 0;
  (void)state;
  ullage_free(ullage_malloc(1)); /* this thread has a cache from here on */
  ullage_stats(&before);
  for (size_t i = 0; i < SIZES; i++) {
    object[i] = ullage_malloc(sizes[i]);
    usable += ullage_malloc_usable_size(object[i]);
  }
  ullage_stats(&during);
  assert_int_equal(during.live_objects - before.live_objects, SIZES);
  assert_int_equal(during.live_bytes - before.live_bytes, usable);
  assert_true(during.committed_bytes >= during.live_bytes);
  assert_true(during.peak_bytes >= during.resident_bytes);
  assert_true(during.metadata_bytes > 0);
  assert_true(during.threads >= 1);
  for (size_t i = 0; i < SIZES; i++) ullage_free(object[i]);
  ullage_stats(&after);
  assert_int_equal(after.live_objects, before.live_objects);
  assert_int_equal(after.live_bytes, before.live_bytes);
}

static void test_version(void **state) {
  char expected[32];
  (void)state;
  snprintf(expected, sizeof expected, "%d.%d.%d", ULLAGE_VERSION_MAJOR, ULLAGE_VERSION_MINOR,
           ULLAGE_VERSION_PATCH);
  assert_string_equal(ullage_version(), expected);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_object_of_live),
      cmocka_unit_test(test_object_of_freed),
      cmocka_unit_test(test_object_of_foreign),
      cmocka_unit_test(test_walk),
      cmocka_unit_test(test_walk_visitor_may_allocate),
      cmocka_unit_test(test_stats),
      cmocka_unit_test(test_version),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
