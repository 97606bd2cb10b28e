/* SPDX-License-Identifier: MIT */
/* test_large.c: objects of more than 32 KiB: random allocation, resizing and freeing with contents
 * checked, zeroes where zeroes were asked for, and the leaf map as large.c draws it.
 *
 * Options  --seed N, printed at the start. */
#include "../../stress/stress.h"

#include <setjmp.h>
#include <cmocka.h>

#include "heap/heap.h"
#include "heap/large.h"

enum { OBJECTS = 24, STEPS = 1500 };

typedef struct object {
  char    *base;
  size_t   bytes; /* asked for */
  uint64_t tag;
} object;

static ul_heap heap;
static object  objects[OBJECTS];

static int new_heap(void **state) {
  (void)state;
  memset(&heap, 0, sizeof heap);
  memset(objects, 0, sizeof objects);
  return ul_heap_init(&heap, UL_GIB, 0x77777);
}

static void check(void) {
  uint64_t count = 0, bytes = 0;
  for (int i = 0; i < OBJECTS; i++) {
    if (!objects[i].base) continue;
    count++;
    bytes += ul_round_up(objects[i].bytes, heap.os_page_bytes);
  }
  assert_int_equal(heap.pages.large_objects, count);
  assert_int_equal(heap.pages.large_bytes, bytes);
  ul_lock_take(&heap.pages.lock);
  ul_mheap_check(&heap);
  ul_lock_drop(&heap.pages.lock);
}

static ul_mspan *span_of(const void *base) {
  ul_mspan *span = ul_mspan_of(&heap, (uintptr_t)base);
  assert_non_null(span);
  assert_int_equal(span->state, UL_MSPAN_LARGE);
  assert_int_equal(ul_page_address(&heap, span->first_page), (uintptr_t)base);
  return span;
}

/* SLOW as far as the object reaches, and no further. */
static void check_leaves(const ul_mspan *span, size_t bytes) {
  const uint8_t *leaves = heap.leaf_state + (size_t)span->first_page * UL_LEAVES_PER_PAGE;
  size_t         used = ul_round_up(bytes, heap.os_page_bytes) >> UL_LEAF_SHIFT;
  assert_int_equal(span->object_bytes, used << UL_LEAF_SHIFT);
  assert_true(span->pages * UL_LEAVES_PER_PAGE - used < UL_LEAVES_PER_PAGE);
  for (size_t i = 0; i < span->pages * UL_LEAVES_PER_PAGE; i++) {
    assert_int_equal(leaves[i] == UL_LEAF_SLOW, i < used);
  }
}

static void allocate(object *o, size_t bytes, size_t alignment, bool zero, uint64_t tag) {
  char *base = ul_large_alloc(&heap, bytes, alignment, zero);
  assert_non_null(base);
  assert_int_equal((uintptr_t)base % UL_MAX(alignment, UL_PAGE_BYTES), 0);
  if (zero) assert_true(stress_is_zero(base, bytes));
  *o = (object){.base = base, .bytes = bytes, .tag = tag};
  check_leaves(span_of(base), bytes);
  stress_fill(base, bytes, tag);
}

static void release(object *o) {
  ul_mspan *span = span_of(o->base);
  assert_true(stress_holds(o->base, o->bytes, o->bytes, o->tag));
  assert_true(ul_large_free(&heap, span));
  assert_false(ul_large_free(&heap, span));
  o->base = NULL;
}

static bool resize(object *o, size_t bytes) {
  size_t kept = UL_MIN(o->bytes, bytes);
  char  *base = ul_large_resize(&heap, span_of(o->base), bytes);
  if (!base) { /* unchanged */
    assert_int_equal(span_of(o->base)->object_bytes, ul_round_up(o->bytes, heap.os_page_bytes));
    assert_true(stress_holds(o->base, o->bytes, o->bytes, o->tag));
    return false;
  }
  assert_true(stress_holds(base, kept, o->bytes, o->tag));
  o->base = base;
  o->bytes = bytes;
  check_leaves(span_of(base), bytes);
  stress_fill(base, bytes, o->tag);
  return true;
}

static size_t random_bytes(uint64_t *random) {
  size_t most = (size_t)1 << (17 + stress_random(random) % 6); /* 128 KiB to 4 MiB */
  return UL_SMALL_MAX_BYTES + 1 + stress_random(random) % (most - UL_SMALL_MAX_BYTES);
}

static void test_random_use(void **state) {
  uint64_t random = stress_seed;
  (void)state;
  for (uint64_t n = 1; n <= STEPS; n++) {
    object *o = &objects[stress_random(&random) % OBJECTS];
    size_t  alignment = (size_t)1 << (stress_random(&random) % 4 ? 4 : stress_random(&random) % 25);
    if (!o->base) {
      allocate(o, random_bytes(&random), alignment, n & 1, n);
    } else if (stress_random(&random) % 2) {
      resize(o, random_bytes(&random));
    } else {
      release(o);
    }
    check();
  }
  for (int i = 0; i < OBJECTS; i++) {
    if (objects[i].base) release(&objects[i]);
  }
  check();
  assert_int_equal(heap.pages.free_pages, heap.committed_pages);
}

static void test_every_alignment(void **state) {
  (void)state;
  for (size_t alignment = 1, i = 0; alignment <= 64 * UL_MIB; alignment *= 4, i++) {
    allocate(&objects[i], 100000, alignment, true, i);
    check();
  }
}

static void test_resize_in_place(void **state) {
  object *o = &objects[0];
  (void)state;
  allocate(o, 200000, 1, false, 1);
  char *base = o->base;
  assert_true(resize(o, 3000000)); /* what lies behind is free */
  assert_ptr_equal(o->base, base);
  assert_true(resize(o, 40 * UL_MIB)); /* and then the arena grows */
  assert_ptr_equal(o->base, base);
  assert_true(resize(o, 40000));
  assert_ptr_equal(o->base, base);
  assert_true(resize(o, 40001));
  assert_ptr_equal(o->base, base);
  check();
  allocate(&objects[1], 65536, 1, true, 2); /* takes pages the shrinking gave back */
  assert_int_equal((uintptr_t)objects[1].base - (uintptr_t)base, 65536);
  check();
}

static void test_below_the_move_only_in_place(void **state) {
  object *o = &objects[0];
  (void)state;
  allocate(o, 65536, 1, false, 1);
  allocate(&objects[1], 65536, 1, false, 2);
  assert_false(resize(o, 65537)); /* the caller copies */
  check();
}

static void test_moves_what_is_dear_to_copy(void **state) {
  object *o = &objects[0];
  (void)state;
  allocate(o, 8 * UL_MIB, 1, false, 1);
  allocate(&objects[1], 65536, 1, false, 2);
  char *old = o->base;
  assert_true(resize(o, 9 * UL_MIB + 5));
  assert_ptr_not_equal(o->base, old);
  check();
  const ul_mspan *left = ul_mspan_of(&heap, (uintptr_t)old);
  assert_true(!left || left->state == UL_MSPAN_FREE);
  allocate(&objects[2], 8 * UL_MIB, 1, true, 3); /* zero there, whichever way it moved */
  assert_true(stress_holds(o->base, o->bytes, o->bytes, o->tag));
  check();
}

/* A small object that began here left its cookie. Whoever moves this one by realloc, never written to,
 * must not carry it on. */
static void test_no_cookie_is_left_in_it(void **state) {
  (void)state;
  for (int round = 0; round < 8; round++) {
    uint64_t *base = ul_large_alloc(&heap, 300 * 1024, 1, false);
    assert_non_null(base);
    assert_true(*base != ul_cookie(&heap, base));
    *base = ul_cookie(&heap, base);
    assert_true(ul_large_free(&heap, ul_mspan_of(&heap, (uintptr_t)base)));
  }
}

static void test_the_impossible(void **state) {
  object *o = &objects[0];
  (void)state;
  assert_null(ul_large_alloc(&heap, (size_t)PTRDIFF_MAX, 1, false));
  assert_null(ul_large_alloc(&heap, 2 * UL_GIB, 1, true));
  assert_null(ul_large_alloc(&heap, 65536, (size_t)1 << 40, false));
  allocate(o, 65536, 1, false, 1);
  assert_null(ul_large_resize(&heap, span_of(o->base), SIZE_MAX));
  assert_null(ul_large_resize(&heap, span_of(o->base), (size_t)PTRDIFF_MAX));
  assert_null(ul_large_resize(&heap, span_of(o->base), 2 * UL_GIB));
  check();
  release(o);
  check();
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(test_random_use, new_heap),
      cmocka_unit_test_setup(test_every_alignment, new_heap),
      cmocka_unit_test_setup(test_resize_in_place, new_heap),
      cmocka_unit_test_setup(test_below_the_move_only_in_place, new_heap),
      cmocka_unit_test_setup(test_moves_what_is_dear_to_copy, new_heap),
      cmocka_unit_test_setup(test_no_cookie_is_left_in_it, new_heap),
      cmocka_unit_test_setup(test_the_impossible, new_heap),
  };
  if (argc > 2) argc--, argv++; /* --seed N */
  stress_start(argc, argv, 230);
  printf("seed %llu\n", (unsigned long long)stress_seed);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
