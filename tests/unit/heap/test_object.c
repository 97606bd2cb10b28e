/* SPDX-License-Identifier: MIT */
/* test_object.c: every byte of a span to its object, and the bytes that belong to none: tails,
 * slack, what was freed, what was never ours. The walk; the last words of those who misuse an
 * address. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "heap/heap.h"
#include "heap/large.h"
#include "heap/object.h"

enum { OBJECTS = 8192 };

static ul_heap   heap;
static void     *objects[OBJECTS];
static uint32_t  count;
static ul_mspan *adopted;

static int new_heap(void **state) {
  (void)state;
  memset(&heap, 0, sizeof heap);
  count = 0;
  adopted = NULL;
  return ul_heap_init(&heap, UL_GIB, 0xfedcba987654321u);
}

static ul_mcentral *central_of(size_t bytes) {
  return ul_mcentral_of(&heap, ul_size_class_aligned(bytes, 8));
}

static int by_address(const void *a, const void *b) {
  const void *const *one = a, *const *other = b;
  return (*one > *other) - (*one < *other);
}

/* `want` objects into `objects`, by address, all still with their cookies: allocated, not live. */
static void fetch(ul_mcentral *central, uint32_t want) {
  while (count < want) {
    uint32_t got =
        ul_mcentral_fetch(&heap, central, &adopted, objects + count, want - count, UL_FETCH_GROW);
    assert_true(got > 0);
    count += got;
  }
  qsort(objects, count, sizeof *objects, by_address);
}

static void set_live(void *object, bool live) {
  *(uint64_t *)object = live ? 42 : ul_cookie(&heap, object);
}

static bool find_live(const void *address) {
  ul_object object;
  assert_true(ul_object_find(&heap, (uintptr_t)address, &object));
  return object.live;
}

static void test_every_byte_of_a_small_span(void **state) {
  static const size_t sizes[] = {8, 16, 48, 144, 1008, 1152, 3072, 20480, 32768};
  (void)state;
  for (size_t s = 0; s < UL_ARRAY_LEN(sizes); s++) {
    new_heap(state);
    ul_mcentral *central = central_of(sizes[s]);
    fetch(central, central->span_objects);
    for (uint32_t i = 0; i < count; i++) set_live(objects[i], i % 3 == 0);
    uintptr_t start = (uintptr_t)objects[0], end = start + central->span_bytes;
    assert_int_equal(start % central->span_bytes, 0);
    for (uintptr_t at = start; at < end; at++) {
      ul_object object = {0};
      size_t    index = (at - start) / sizes[s];
      bool      found = ul_object_find(&heap, at, &object);
      if (index >= central->span_objects) {
        assert_false(found); /* from the byte right behind the last object to the end of the span */
        continue;
      }
      bool right = found && object.base == start + index * sizes[s] && object.bytes == sizes[s] &&
                   object.live == (index % 3 == 0) && object.span == ul_mspan_of(&heap, start);
      if (!right) fail_msg("byte %zu of a span of %zu", (size_t)(at - start), sizes[s]);
    }
    ul_object object;
    assert_false(ul_object_find(&heap, end, &object)); /* free pages follow */
  }
}

/* Objects whose leaves are not active have no memory: told without touching it. */
static void test_objects_without_memory(void **state) {
  ul_mcentral *central = central_of(1024);
  (void)state;
  fetch(central, 4);
  for (uint32_t i = 0; i < central->span_objects; i++) {
    assert_false(find_live((char *)objects[0] + i * 1024 + 5));
  }
  size_t leaf = ul_leaf_of(&heap, (uintptr_t)objects[0]);
  for (size_t i = UL_LEAF_BYTES / 1024; i < UL_LEAVES_PER_PAGE; i++) {
    if (i > 0) assert_int_equal(heap.leaf_state[leaf + i], UL_LEAF_CLEAN);
  }
}

static void test_every_byte_of_a_large_span(void **state) {
  size_t    bytes = 100000;
  ul_object object;
  (void)state;
  char *base = ul_large_alloc(&heap, bytes, 1, false);
  assert_non_null(base);
  size_t usable = ul_round_up(bytes, heap.os_page_bytes);
  for (size_t i = 0; i < usable; i++) {
    bool found = ul_object_find(&heap, (uintptr_t)base + i, &object);
    if (!found || object.base != (uintptr_t)base || object.bytes != usable || !object.live) {
      fail_msg("byte %zu of a large object", i);
    }
  }
  for (size_t i = usable; i <= 2 * UL_PAGE_BYTES; i++) { /* the slack, and the free page behind */
    assert_false(ul_object_find(&heap, (uintptr_t)base + i, &object));
  }
  assert_true(ul_large_free(&heap, ul_mspan_of(&heap, (uintptr_t)base)));
  assert_false(ul_object_find(&heap, (uintptr_t)base, &object));
}

static void test_not_ours(void **state) {
  static int      somewhere;
  ul_object       object = {.base = 1, .bytes = 2};
  const uintptr_t end = heap.base + UL_GIB;
  void           *of_libc = malloc(10);
  (void)state;
  assert_false(ul_object_find(&heap, heap.base, &object)); /* nothing is committed yet */
  fetch(central_of(64), 1);
  uintptr_t others[] = {0,
                        1,
                        4096,
                        (uintptr_t)&somewhere,
                        (uintptr_t)&object,
                        (uintptr_t)of_libc,
                        heap.base - 1,
                        heap.base + (heap.leaf_count << UL_LEAF_SHIFT),
                        end,
                        end + 1,
                        (uintptr_t)heap.leaf_state,
                        (uintptr_t)heap.spans,
                        (uintptr_t)1 << 47,
                        (uintptr_t)1 << 63,
                        UINTPTR_MAX};
  for (size_t i = 0; i < UL_ARRAY_LEN(others); i++) {
    assert_false(ul_object_find(&heap, others[i], &object));
    assert_true(object.base == 1 && object.bytes == 2); /* untouched */
  }
  free(of_libc);
}

static uint8_t visits[OBJECTS + 2];
static char   *large[2];
static void   *made_meanwhile;

static void visit(const ul_object *object, void *arg) {
  ul_mcentral *central = arg;
  assert_true(object->live);
  for (int i = 0; i < 2; i++) {
    if (object->base == (uintptr_t)large[i]) visits[OBJECTS + i]++;
  }
  for (uint32_t i = 0; i < count; i++) {
    if (object->base == (uintptr_t)objects[i]) visits[i]++;
  }
  /* No lock is held: the visitor may allocate and free. */
  void     *own;
  ul_mspan *span = NULL;
  assert_int_equal(ul_mcentral_fetch(&heap, central, &span, &own, 1, UL_FETCH_GROW), 1);
  if (span) ul_mcentral_unadopt(&heap, central, span);
  ul_mcentral_return(&heap, central, &own, 1, true);
  made_meanwhile = own;
}

static void test_walk_visits_each_once(void **state) {
  ul_mcentral *central = central_of(240);
  (void)state;
  memset(visits, 0, sizeof visits);
  large[0] = ul_large_alloc(&heap, 50000, 1, false);
  fetch(central, 2000);
  for (uint32_t i = 0; i < count; i++) set_live(objects[i], i % 5 != 0);
  large[1] = ul_large_alloc(&heap, 5000000, 1, false);
  ul_object_walk(&heap, visit, central);
  assert_non_null(made_meanwhile);
  for (uint32_t i = 0; i < count; i++) assert_int_equal(visits[i], i % 5 != 0);
  assert_int_equal(visits[OBJECTS], 1);
  assert_int_equal(visits[OBJECTS + 1], 1);
}

/* ul_object_expect in a child, and the last words it dies with; "" when it lives. */
static const char *last_words(const void *address) {
  static char said[512];
  int         tube[2], status;
  size_t      length = 0;
  ssize_t     n;
  assert_int_equal(pipe(tube), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    dup2(tube[1], STDERR_FILENO);
    signal(SIGABRT, SIG_DFL);
    ul_object_expect(&heap, address, "free");
    _exit(0);
  }
  close(tube[1]);
  while ((n = read(tube[0], said + length, sizeof said - 1 - length)) > 0) length += (size_t)n;
  said[length] = 0;
  close(tube[0]);
  assert_int_equal(waitpid(child, &status, 0), child);
  if (length) assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  return said;
}

static void expect_words(const void *address, const char *format, const void *other) {
  char expected[512];
  int  at = snprintf(expected, sizeof expected, "ullage: fatal: free(%p): ", address);
  snprintf(expected + at, sizeof expected - (size_t)at, format, other);
  assert_string_equal(last_words(address), expected);
}

static const char *const freed_64 =
    "this object of 64 bytes was freed before; it is freed twice or used after free\n";
static const char *const foreign =
    "not an address of this allocator; it was never returned by malloc, "
    "or comes from another allocator\n";

static void test_last_words(void **state) {
  static int   somewhere;
  ul_mcentral *central = central_of(64);
  (void)state;
  fetch(central, 2);
  set_live(objects[0], true);
  assert_string_equal(last_words(objects[0]), "");
  assert_int_equal(ul_object_expect(&heap, objects[0], "free").bytes, 64);
  expect_words(objects[1], freed_64, NULL);
  expect_words((char *)objects[0] + 8,
               "inside an object of 64 bytes that starts at %p; pass the address malloc returned\n",
               objects[0]);
  expect_words(&somewhere, foreign, NULL);
  /* Behind the last object: in the heap, but nobody's. */
  new_heap(state);
  central = central_of(48);
  fetch(central, central->span_objects);
  expect_words((char *)objects[0] + central->span_objects * 48, foreign, NULL);
}

/* The span is gone, and its pages are free: still told from an address that was never ours. */
static void test_last_words_when_the_span_is_gone(void **state) {
  ul_mcentral *central = central_of(64);
  (void)state;
  fetch(central, 3);
  ul_mcentral_return(&heap, central, objects, 3, true);
  ul_mcentral_unadopt(&heap, central, adopted);
  ul_lock_take(&central->lock);
  ul_mcentral_drain(&heap, central, central->transfer_count);
  ul_lock_drop(&central->lock);
  assert_int_equal(central->spans, 0);
  expect_words(objects[2], freed_64, NULL);
  expect_words((char *)objects[2] + 8, foreign, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(test_every_byte_of_a_small_span, new_heap),
      cmocka_unit_test_setup(test_objects_without_memory, new_heap),
      cmocka_unit_test_setup(test_every_byte_of_a_large_span, new_heap),
      cmocka_unit_test_setup(test_not_ours, new_heap),
      cmocka_unit_test_setup(test_walk_visits_each_once, new_heap),
      cmocka_unit_test_setup(test_last_words, new_heap),
      cmocka_unit_test_setup(test_last_words_when_the_span_is_gone, new_heap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
