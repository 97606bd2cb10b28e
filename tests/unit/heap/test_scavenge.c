/* SPDX-License-Identifier: MIT */
/* test_scavenge.c: what goes back to the system, and when. Looks are made by hand, so no clock and
 * no thread is involved.
 *
 * What is left is judged twice: by the leaf map, and by asking the system which pages it still
 * holds. A page of the system's may stay when it holds a live object, and for no other reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "heap/heap.h"
#include "heap/large.h"
#include "heap/object.h"
#include "heap/scavenge.h"

enum { OBJECTS = 12000, LOOKS = 8 };

static ul_heap heap;
static void   *objects[OBJECTS];

/* Without a cache, so that where each object waits is known, transfer or span, unless a test makes
 * one. */
static int new_heap(void **state) {
  (void)state;
  memset(&heap, 0, sizeof heap);
  ul_mcache_current = &ul_mcache_none;
  return ul_heap_init(&heap, UL_GIB, 0x13579bdf);
}

static size_t look(bool *ret_more) {
  return ul_scavenge_idle(&heap, ret_more);
}

static void *alloc(size_t bytes) {
  unsigned size_class = ul_size_class(&heap.sizes, bytes);
  char    *object = ul_mcache_get(ul_mcache_current, size_class);
  if (!object) object = ul_mcache_refill(&heap, size_class, false);
  assert_non_null(object);
  memset(object, 0x5a, bytes);
  return object;
}

static void give(void *object) {
  unsigned size_class = ul_mspan_of(&heap, (uintptr_t)object)->central->size_class;
  if (ul_mcache_put(ul_mcache_current, size_class, object, ul_cookie(&heap, object))) return;
  ul_mcache_put_slow(&heap, size_class, object);
}

static void *alloc_large(size_t bytes) {
  void *object = ul_large_alloc(&heap, bytes, 1, false);
  assert_non_null(object);
  return memset(object, 0x5a, bytes);
}

static void give_large(void *object) {
  assert_true(ul_large_free(&heap, ul_mspan_of(&heap, (uintptr_t)object)));
}

static uint64_t resident(void) {
  uint64_t leaves = 0;
  for (size_t i = 0; i < heap.leaf_count; i++) leaves += heap.leaf_state[i] != UL_LEAF_CLEAN;
  assert_int_equal(leaves, heap.resident_leaves);
  return leaves << UL_LEAF_SHIFT;
}

/* CLEAN leaves have no memory behind them: the system says so. */
static void check_with_the_system(void) {
  static unsigned char present[UL_GIB >> 12];
  size_t               page_bytes = (size_t)sysconf(_SC_PAGESIZE);
  size_t bytes = heap.leaf_count << UL_LEAF_SHIFT, leaves = page_bytes >> UL_LEAF_SHIFT;
  assert_int_equal(mincore((void *)heap.base, bytes, present), 0);
  for (size_t page = 0; page < bytes / page_bytes; page++) {
    bool clean = true;
    for (size_t i = 0; i < leaves; i++)
      clean &= heap.leaf_state[page * leaves + i] == UL_LEAF_CLEAN;
    if (clean) assert_int_equal(present[page] & 1, 0);
  }
  ul_lock_take(&heap.pages.lock);
  ul_mheap_check(&heap);
  ul_lock_drop(&heap.pages.lock);
}

static void mark_page(const ul_object *object, void *pages) {
  for (size_t at = 0; at < object->bytes; at += 8) {
    ((uint8_t *)pages)[(object->base + at - heap.base) / heap.os_page_bytes] = 1;
  }
}

/* Every page of the system's that is kept holds part of a live object. */
static void check_nothing_idle_is_kept(void) {
  static uint8_t holds[UL_GIB >> 12];
  size_t         group = heap.os_page_bytes >> UL_LEAF_SHIFT;
  memset(holds, 0, sizeof holds);
  ul_object_walk(&heap, mark_page, holds);
  for (size_t i = 0; i < heap.leaf_count; i++) {
    if (heap.leaf_state[i] != UL_LEAF_CLEAN && !holds[i / group]) fail_msg("leaf %zu is idle", i);
  }
}

/* Looks until nothing more may go. Returns the bytes. */
static size_t look_until_quiet(void) {
  size_t bytes = 0;
  bool   more = true;
  for (int i = 0; i < LOOKS && more; i++) bytes += look(&more);
  assert_false(more);
  assert_int_equal(look(&more), 0);
  return bytes;
}

static void test_large_burst(void **state) {
  bool more;
  (void)state;
  give_large(alloc_large(8 * UL_MIB));
  assert_int_equal(look(&more), 0); /* it lay free for no time yet */
  assert_true(more);
  assert_int_equal(look(&more), 8 * UL_MIB);
  assert_int_equal(look(&more), 0);
  assert_false(more);
  assert_int_equal(resident(), 0);
  assert_int_equal(heap.returned_bytes, 8 * UL_MIB);
  check_with_the_system();
}

/* Freed and taken again between looks, all the time: nothing of it ever goes. */
static void test_bursts_are_left_alone(void **state) {
  bool more;
  (void)state;
  for (int burst = 0; burst < 20; burst++) {
    void *large = alloc_large(4 * UL_MIB);
    for (int i = 0; i < 2000; i++) objects[i] = alloc(240);
    for (int i = 0; i < 2000; i++) give(objects[i]);
    give_large(large);
    assert_int_equal(look(&more), 0);
    assert_true(more);
  }
}

/* A program that has shrunk but goes on using a little: what it does not use goes. */
static void test_the_difference_goes(void **state) {
  bool   more;
  size_t bytes = 0;
  (void)state;
  void *stays = alloc_large(64 * 1024);
  void *burst = alloc_large(16 * UL_MIB);
  give_large(alloc_large(1 * UL_MIB));
  give_large(burst);
  for (int i = 0; i < LOOKS; i++) {
    give_large(alloc_large(1 * UL_MIB));
    bytes += look(&more);
  }
  assert_true(bytes >= 15 * UL_MIB);
  give_large(stays);
}

static void test_small_burst(void **state) {
  bool more;
  (void)state;
  for (int i = 0; i < OBJECTS; i++) objects[i] = alloc(240);
  for (int i = 0; i < OBJECTS; i++) {
    if (i % 1000) give(objects[i]); /* one here and there stays, and keeps its span */
  }
  uint64_t before = resident();
  assert_int_equal(look(&more), 0);
  assert_true(more);
  size_t bytes = look_until_quiet();
  assert_int_equal(before - resident(), bytes);
  assert_true(bytes > UL_MIB);
  check_nothing_idle_is_kept();
  check_with_the_system();
  for (int i = 0; i < OBJECTS; i += 1000) {
    for (int at = 0; at < 240; at++) assert_int_equal(((char *)objects[i])[at], 0x5a);
    give(objects[i]);
  }
  look_until_quiet();
  assert_int_equal(resident(), 0);
  assert_int_equal(heap.pages.small_spans, 0);
}

/* Classes whose objects span leaves, or leave a tail. */
static void test_all_at_once(void **state) {
  static const size_t sizes[] = {8, 48, 1008, 3072, 5000, 20480, 32768};
  size_t              bytes_before, count = 0;
  (void)state;
  for (size_t s = 0; s < UL_ARRAY_LEN(sizes); s++) {
    for (size_t i = 0; i < 2 * UL_MIB / sizes[s] && i < 1600; i++)
      objects[count++] = alloc(sizes[s]);
  }
  void *large = alloc_large(3 * UL_MIB + 5);
  for (size_t i = 0; i < count; i++) {
    if (i % 97) give(objects[i]);
  }
  give_large(alloc_large(2 * UL_MIB));
  bytes_before = resident();
  size_t given = ul_scavenge_all(&heap); /* also what was freed just now */
  assert_int_equal(bytes_before - resident(), given);
  assert_int_equal(heap.returned_bytes, given);
  check_nothing_idle_is_kept();
  check_with_the_system();
  assert_int_equal(ul_scavenge_all(&heap), 0);
  for (size_t i = 0; i < count; i += 97) give(objects[i]);
  give_large(large);
  ul_scavenge_all(&heap);
  assert_int_equal(resident(), 0);
  assert_int_equal(heap.transfer_bytes, 0);
}

static void test_all_empties_the_own_cache(void **state) {
  (void)state;
  ul_mcache_create(&heap);
  for (int i = 0; i < 2000; i++) objects[i] = alloc(64);
  for (int i = 0; i < 2000; i++) give(objects[i]);
  assert_true(resident() > 0);
  ul_scavenge_all(&heap);
  assert_int_equal(resident(), 0);
  ul_mcache_destroy(&heap);
}

static void test_what_went_comes_back(void **state) {
  (void)state;
  for (int i = 0; i < 4000; i++) objects[i] = alloc(1008);
  for (int i = 0; i < 4000; i++) {
    if (i % 50) give(objects[i]);
  }
  ul_scavenge_all(&heap);
  for (int i = 0; i < 4000; i++) {
    if (i % 50) objects[i] = alloc(1008);
    ((char *)objects[i])[1007] = (char)i;
  }
  for (int i = 0; i < 4000; i++) assert_int_equal(((char *)objects[i])[1007], (char)i);
  resident();
  ul_mcentral *central = ul_mspan_of(&heap, (uintptr_t)objects[0])->central;
  ul_lock_take(&central->lock);
  ul_mcentral_check(&heap, central);
  ul_lock_drop(&central->lock);
}

static void drain(ul_mcentral *central) {
  ul_lock_take(&central->lock);
  ul_mcentral_drain(&heap, central, central->transfer_count);
  ul_lock_drop(&central->lock);
}

/* What waits for another thread goes back to its spans only by as much as nobody fetched. */
static void test_transfer_has_a_low_water(void **state) {
  ul_mcentral *central = ul_mcentral_of(&heap, ul_size_class_aligned(240, 8));
  bool         more;
  (void)state;
  for (uint32_t i = 0; i < 300; i++) objects[i] = alloc(240);
  for (uint32_t i = 0; i < 100; i++) give(objects[i]);
  assert_int_equal(central->transfer_count, 100);
  look(&more);
  assert_int_equal(central->transfer_count, 100);
  for (uint32_t i = 0; i < 30; i++) objects[i] = alloc(240);
  for (uint32_t i = 0; i < 30; i++) give(objects[i]);
  assert_int_equal(central->transfer_count, 100);
  look(&more);
  assert_int_equal(central->transfer_count, 30);
  look(&more);
  assert_int_equal(central->transfer_count, 0);
  assert_true(more);
}

/* The low water lets one idle stretch of two go: the other must go at a later look, also where the
 * system's page is larger than what was left to give. */
static void test_what_had_to_wait_is_not_forgotten(void **state) {
  ul_mcentral *central = ul_mcentral_of(&heap, ul_size_class_aligned(1152, 8));
  uint32_t     n = central->span_objects, stretch = (uint32_t)(UL_PAGE_BYTES / 1152) + 1;
  bool         more;
  (void)state;
  for (uint32_t i = 0; i < 2 * n; i++) objects[i] = alloc(1152);
  for (uint32_t i = 0; i < stretch; i++) { /* the first 64 KiB of two spans */
    give(objects[i]);
    give(objects[n + i]);
  }
  drain(central);
  look(&more);
  for (uint32_t i = 0; i < 42; i++) objects[i] = alloc(1152); /* 72 of 114 lay free: 20 leaves */
  for (uint32_t i = 0; i < 42; i++) give(objects[i]);
  drain(central);
  assert_true(look(&more) > 0);
  assert_true(more);
  look_until_quiet();
  check_nothing_idle_is_kept();
}

/* Locked memory is refused by the system: it stays, the scavenger ends, and later it goes. By
 * system call, because sanitizers make mlock do nothing. */
static void test_locked_memory_stays(void **state) {
  (void)state;
  char *large = alloc_large(2 * UL_MIB);
  char *locked = large + UL_MIB;
  if (syscall(SYS_mlock, locked, heap.os_page_bytes) != 0) skip();
  give_large(large);
  ul_scavenge_all(&heap);
  assert_true(resident() >= heap.os_page_bytes);
  check_with_the_system();
  assert_int_equal(syscall(SYS_munlock, locked, heap.os_page_bytes), 0);
  ul_scavenge_all(&heap);
  assert_int_equal(resident(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(test_large_burst, new_heap),
      cmocka_unit_test_setup(test_bursts_are_left_alone, new_heap),
      cmocka_unit_test_setup(test_the_difference_goes, new_heap),
      cmocka_unit_test_setup(test_small_burst, new_heap),
      cmocka_unit_test_setup(test_all_at_once, new_heap),
      cmocka_unit_test_setup(test_all_empties_the_own_cache, new_heap),
      cmocka_unit_test_setup(test_what_went_comes_back, new_heap),
      cmocka_unit_test_setup(test_transfer_has_a_low_water, new_heap),
      cmocka_unit_test_setup(test_what_had_to_wait_is_not_forgotten, new_heap),
      cmocka_unit_test_setup(test_locked_memory_stays, new_heap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
