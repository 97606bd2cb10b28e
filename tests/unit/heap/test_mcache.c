/* SPDX-License-Identifier: MIT */
/* test_mcache.c: one thread's cache, call by call: what a bin hands out is nobody else's, how it grows,
 * what it does when it is full or empty, and from whom it borrows. Calls are made as api makes them:
 * the fast half first, then the slow one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "heap/heap.h"
#include "heap/object.h"

enum { OBJECTS = 6000 };

static ul_heap heap;
static void   *objects[OBJECTS];

static int new_cache(void **state) {
  (void)state;
  memset(&heap, 0, sizeof heap);
  ul_mcache_current = &ul_mcache_none;
  if (ul_heap_init(&heap, UL_GIB, 0x2468ace1) != 0) return -1;
  ul_mcache_create(&heap);
  return ul_mcache_is_real(ul_mcache_current) ? 0 : -1;
}

static int end_cache(void **state) {
  (void)state;
  ul_mcache_destroy(&heap);
  assert_ptr_equal(ul_mcache_current, &ul_mcache_gone);
  return 0;
}

static unsigned class_of(size_t bytes) {
  return ul_size_class(&heap.sizes, bytes);
}

static ul_bin *bin_of(size_t bytes) {
  return &ul_mcache_current->bin[class_of(bytes)];
}

static unsigned class_of_object(const void *object) {
  return heap.leaf_state[ul_leaf_of(&heap, (uintptr_t)object)];
}

static void *get(size_t bytes) {
  void *object = ul_mcache_get(ul_mcache_current, class_of(bytes));
  if (!object) object = ul_mcache_refill(&heap, class_of(bytes), false);
  assert_non_null(object);
  assert_int_equal(*(uint64_t *)object, 0);
  memset(object, 0x5a, bytes);
  ul_mcache_check(&heap, ul_mcache_current);
  return object;
}

static void put(void *object) {
  unsigned size_class = class_of_object(object);
  uint64_t cookie = ul_cookie(&heap, object);
  if (!ul_mcache_put(ul_mcache_current, size_class, object, cookie)) {
    assert_true(ul_mcache_is_full_for(ul_mcache_current, size_class, object, cookie));
    ul_mcache_put_slow(&heap, size_class, object);
  }
  ul_object found;
  assert_true(ul_object_find(&heap, (uintptr_t)object, &found));
  assert_false(found.live);
  ul_mcache_check(&heap, ul_mcache_current);
}

static void test_last_freed_is_next(void **state) {
  (void)state;
  void *a = get(100), *b = get(100);
  put(a);
  put(b);
  assert_ptr_equal(get(100), b);
  assert_ptr_equal(get(100), a);
}

/* What is taken from a span comes with the lowest address first, as it lies in memory. */
static void test_fresh_objects_ascend(void **state) {
  (void)state;
  for (int i = 0; i < 500; i++) {
    objects[i] = get(64);
    if (i) assert_true(objects[i] > objects[i - 1]);
  }
}

static void test_no_object_twice(void **state) {
  (void)state;
  for (int round = 0; round < 3; round++) {
    for (uint64_t i = 0; i < OBJECTS; i++) {
      objects[i] = get(48);
      *(uint64_t *)objects[i] = i;
    }
    for (uint64_t i = 0; i < OBJECTS; i++) assert_int_equal(*(uint64_t *)objects[i], i);
    for (int i = 0; i < OBJECTS; i++) put(objects[round == 1 ? OBJECTS - 1 - i : i]);
  }
}

/* A bin starts small and doubles as it is needed, inside the thread's share. */
static void test_bins_grow_within_the_share(void **state) {
  (void)state;
  put(get(64));
  uint32_t first = bin_of(64)->capacity;
  assert_true(first >= 2 && first <= 16);
  for (int i = 0; i < OBJECTS; i++) objects[i] = get(64);
  for (int i = 0; i < OBJECTS; i++) put(objects[i]);
  assert_true(bin_of(64)->capacity > first);
  uint64_t bytes = 0;
  for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_END; c++) {
    const ul_bin *bin = &ul_mcache_current->bin[c];
    bytes += (uint64_t)bin->capacity * bin->object_bytes;
  }
  assert_int_equal(bytes, ul_mcache_current->capacity_bytes);
  assert_true(bytes <= ul_mcache_current->share_bytes);
}

/* What the share allows is taken by classes of which nobody asks for more: they give it up. */
static void test_unused_bins_make_room(void **state) {
  static const size_t former[] = {64, 128, 256, 512};
  (void)state;
  for (int f = 0; f < 4; f++) {
    for (int i = 0; i < 1000; i++) objects[i] = get(former[f]);
    for (int i = 0; i < 1000; i++) put(objects[i]);
  }
  uint32_t before[4], shrunk = 0;
  for (int f = 0; f < 4; f++) before[f] = bin_of(former[f])->capacity;
  for (int round = 0; round < 2000; round++) {
    for (int i = 0; i < 12; i++) objects[i] = get(1024);
    for (int i = 0; i < 12; i++) put(objects[i]);
  }
  assert_true(ul_mcache_current->capacity_bytes <= ul_mcache_current->share_bytes);
  assert_true(bin_of(1024)->capacity >= 12);
  for (int f = 0; f < 4; f++) {
    shrunk += bin_of(former[f])->capacity < before[f];
    assert_true(bin_of(former[f])->capacity >= 2); /* it is used again some day */
  }
  assert_true(shrunk > 0);
}

static void test_a_full_bin_spills_its_oldest(void **state) {
  uint32_t i = 0;
  (void)state;
  for (int k = 0; k < OBJECTS; k++) objects[k] = get(64);
  while (bin_of(64)->count < bin_of(64)->capacity) put(objects[i++]);
  uint32_t capacity = bin_of(64)->capacity;
  do put(objects[i++]);
  while (bin_of(64)->capacity > capacity && (capacity = bin_of(64)->capacity));
  while (bin_of(64)->count < bin_of(64)->capacity) put(objects[i++]);
  put(objects[i]);
  assert_in_range(bin_of(64)->count, 1, bin_of(64)->capacity);
  assert_ptr_equal(bin_of(64)->slots[bin_of(64)->count - 1], objects[i]);
  assert_true(ul_mcentral_of(&heap, class_of(64))->transfer_count > 0);
}

/* What is not as usual is not taken by the fast half, and not for a full bin either. */
static void test_full_is_only_that(void **state) {
  (void)state;
  char    *object = get(96);
  unsigned size_class = class_of_object(object);
  uint64_t cookie = ul_cookie(&heap, object);
  assert_true(ul_mcache_is_full_for(ul_mcache_current, size_class, object, cookie));
  assert_false(ul_mcache_is_full_for(ul_mcache_current, size_class, object + 16, cookie));
  assert_false(ul_mcache_is_full_for(ul_mcache_current, UL_LEAF_SLOW, object, cookie));
  assert_false(ul_mcache_is_full_for(&ul_mcache_none, size_class, object, cookie));
  put(object);
  assert_false(ul_mcache_is_full_for(ul_mcache_current, size_class, object, cookie));
}

/* The class has nothing free, the next larger one has: no new memory is taken. */
static void test_borrows_from_the_next_larger(void **state) {
  size_t larger = ul_size_class_bytes(class_of(2049)),
         largest = ul_size_class_bytes(class_of(larger + 1));
  (void)state;
  (void)get(2000);
  while (bin_of(2000)->count) (void)get(2000);
  void *one = get(larger), *other = get(largest);
  while (bin_of(larger)->count) (void)get(larger);
  while (bin_of(largest)->count) (void)get(largest);
  ul_mcentral *own = ul_mcentral_of(&heap, class_of(2000));
  while (own->free_objects) (void)get(2000);
  put(one);
  uint64_t leaves = heap.resident_leaves;
  assert_ptr_equal(get(2000), one);
  put(other); /* two classes up, in a small heap */
  assert_ptr_equal(get(2000), other);
  assert_int_equal(heap.resident_leaves, leaves);
  put(one);
  assert_ptr_equal(get(larger), one); /* it is freed as what it is */
}

/* A class that hands out what it has borrows only from one with much to spare. */
static void test_small_objects_borrow_what_is_idle(void **state) {
  size_t larger = ul_size_class_bytes(class_of(513));
  (void)state;
  for (int i = 0; i < 400; i++) objects[i] = get(larger);
  (void)get(512);
  while (bin_of(512)->count || ul_mcentral_of(&heap, class_of(512))->free_objects) (void)get(512);
  put(objects[0]);
  assert_int_equal(class_of_object(get(512)), class_of(512)); /* not for one of 400 */
  while (bin_of(512)->count || ul_mcentral_of(&heap, class_of(512))->free_objects) (void)get(512);
  for (int i = 1; i < 400; i++) {
    if (i % 4) put(objects[i]);
  }
  ul_mcentral *central = ul_mcentral_of(&heap, class_of(larger));
  ul_lock_take(&central->lock);
  ul_mcentral_drain(&heap, central, central->transfer_count);
  ul_lock_drop(&central->lock);
  uint64_t leaves = heap.resident_leaves;
  for (int i = 0; i < 100; i++) assert_int_equal(class_of_object(get(512)), class_of(larger));
  assert_int_equal(heap.resident_leaves, leaves);
}

/* Who asks for an alignment gets the class that has it. */
static void test_aligned_objects_are_not_borrowed(void **state) {
  (void)state;
  (void)get(2048);
  void *larger = get(2049);
  while (bin_of(2048)->count || ul_mcentral_of(&heap, class_of(2048))->free_objects)
    (void)get(2048);
  put(larger);
  void *aligned = ul_mcache_refill(&heap, class_of(2048), true);
  assert_int_equal((uintptr_t)aligned % 2048, 0);
  assert_int_equal(class_of_object(aligned), class_of(2048));
}

/* Thrifty: what comes back goes to its span, not into the bin. */
static void test_thrifty_keeps_nothing(void **state) {
  (void)state;
  for (int i = 0; i < OBJECTS; i++) objects[i] = get(64);
  ul_mcache_set_thrifty(&heap, true);
  for (int i = 0; i < OBJECTS; i++) put(objects[i]);
  assert_int_equal(bin_of(64)->count, 0);
  assert_int_equal(bin_of(64)->capacity, 0);
  uint64_t waiting;
  (void)ul_mcache_bytes(ul_mcache_current, &waiting);
  assert_true(waiting < UL_OUT_OBJECTS);
  ul_mcache_set_thrifty(&heap, false);
  for (int i = 0; i < 200; i++) objects[i] = get(64);
  for (int i = 0; i < 200; i++) put(objects[i]);
  assert_true(bin_of(64)->capacity > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_last_freed_is_next, new_cache, end_cache),
      cmocka_unit_test_setup_teardown(test_fresh_objects_ascend, new_cache, end_cache),
      cmocka_unit_test_setup_teardown(test_no_object_twice, new_cache, end_cache),
      cmocka_unit_test_setup_teardown(test_bins_grow_within_the_share, new_cache, end_cache),
      cmocka_unit_test_setup_teardown(test_unused_bins_make_room, new_cache, end_cache),
      cmocka_unit_test_setup_teardown(test_a_full_bin_spills_its_oldest, new_cache, end_cache),
      cmocka_unit_test_setup_teardown(test_full_is_only_that, new_cache, end_cache),
      cmocka_unit_test_setup_teardown(test_borrows_from_the_next_larger, new_cache, end_cache),
      cmocka_unit_test_setup_teardown(test_small_objects_borrow_what_is_idle, new_cache, end_cache),
      cmocka_unit_test_setup_teardown(test_aligned_objects_are_not_borrowed, new_cache, end_cache),
      cmocka_unit_test_setup_teardown(test_thrifty_keeps_nothing, new_cache, end_cache),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
