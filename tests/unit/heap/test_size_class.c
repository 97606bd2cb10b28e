/* SPDX-License-Identifier: MIT */
/* test_size_class.c: every size from 0 to 32768 in the coarse table, in the table with everything
 * refined and in the tables of the colours; every class and what its spans leave over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "heap/leaf.h"
#include "heap/size_class.h"

static ul_size_table coarse, refined;

static int make_tables(void **state) {
  (void)state;
  ul_size_table_init(&coarse);
  ul_size_table_init(&refined);
  for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_END; c++) {
    if (ul_size_class_is_coarse(c)) ul_size_table_refine(&refined, c);
  }
  return 0;
}

static uint32_t bytes_of(const ul_size_table *table, size_t size) {
  return ul_size_class_bytes(ul_size_class(table, size));
}

static void test_steps_are_monotone(void **state) {
  (void)state;
  assert_int_equal(ul_size_step(0), 0);
  assert_int_equal(ul_size_step(UL_SMALL_MAX_BYTES), UL_STEPS - 1);
  for (size_t size = 1; size <= UL_SMALL_MAX_BYTES; size++) {
    size_t step = ul_size_step(size), before = ul_size_step(size - 1);
    assert_true(step == before || step == before + 1);
  }
  for (size_t step = 0; step < UL_STEPS; step++) {
    size_t largest = ul_size_step_bytes(step);
    assert_int_equal(ul_size_step(largest), step);
    if (step + 1 < UL_STEPS) assert_int_equal(ul_size_step(largest + 1), step + 1);
  }
}

/* Above `from` bytes an object of n bytes may waste n / most_waste. */
static void check_table(const ul_size_table *table, size_t from, size_t most_waste) {
  for (size_t size = 0; size <= UL_SMALL_MAX_BYTES; size++) {
    unsigned size_class = ul_size_class(table, size);
    assert_in_range(size_class, UL_CLASS_FIRST, UL_CLASS_PLAIN - 1);
    size_t bytes = ul_size_class_bytes(size_class);
    assert_true(bytes >= size && bytes <= UL_SMALL_MAX_BYTES);
    assert_true(bytes % (bytes == 8 ? 8 : 16) == 0);
    if (size > 0) assert_true(bytes >= bytes_of(table, size - 1));
    if (size > 0 && size <= 128) assert_true(bytes - size <= 15);
    if (size > 128) assert_true((bytes - size) * 8 <= bytes); /* 12.5 %, whatever else holds */
    if (size > from) assert_true((bytes - size) * most_waste <= bytes);
  }
}

static void test_every_size_coarse(void **state) {
  (void)state;
  check_table(&coarse, 128, 9);
}

static void test_every_size_refined(void **state) {
  (void)state;
  check_table(&refined, 128, 9);
  check_table(&refined, 512, 33);
}

/* Refining one class changes its own sizes only, and never for the worse. */
static void test_refining_one_by_one(void **state) {
  unsigned changed_classes = 0;
  (void)state;
  for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_FIRST + UL_CLASS_COARSE; c++) {
    ul_size_table table = coarse;
    bool          changed = false;
    ul_size_table_refine(&table, c);
    for (size_t size = 0; size <= UL_SMALL_MAX_BYTES; size++) {
      unsigned before = ul_size_class(&coarse, size), after = ul_size_class(&table, size);
      if (before == after) continue;
      changed = true;
      assert_int_equal(before, c);
      assert_in_range(after, UL_CLASS_FIRST + UL_CLASS_COARSE, UL_CLASS_PLAIN - 1);
      assert_in_range(ul_size_class_bytes(after), size, ul_size_class_bytes(before) - 1);
    }
    assert_int_equal(changed, ul_size_class_is_coarse(c));
    assert_int_equal(ul_size_class(&table, ul_size_class_bytes(c)), c);
    changed_classes += changed;
  }
  assert_true(changed_classes > 50);
}

/* Each class is reached by its own size, so no class is dead and no two have the same size. */
static void test_every_class_is_used(void **state) {
  (void)state;
  for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_PLAIN; c++) {
    bool is_first = c < UL_CLASS_FIRST + UL_CLASS_COARSE;
    assert_int_equal(ul_size_class(is_first ? &coarse : &refined, ul_size_class_bytes(c)), c);
  }
}

static void test_refined_is_never_larger(void **state) {
  (void)state;
  for (size_t size = 0; size <= UL_SMALL_MAX_BYTES; size++) {
    assert_true(bytes_of(&refined, size) <= bytes_of(&coarse, size));
  }
}

static void test_aligned_classes(void **state) {
  (void)state;
  for (size_t alignment = 8; alignment <= 4096; alignment *= 2) {
    for (size_t size = 1; size <= UL_SMALL_MAX_BYTES; size += size < 600 ? 1 : 61) {
      unsigned size_class = ul_size_class_aligned(size, alignment);
      uint32_t bytes = ul_size_class_bytes(size_class);
      assert_in_range(size_class, UL_CLASS_FIRST, UL_CLASS_PLAIN - 1);
      assert_true(bytes >= size && bytes % alignment == 0);
      if (size % 32 != 0) continue; /* the smallest of its kind: said by looking at all */
      for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_PLAIN; c++) {
        uint32_t other = ul_size_class_bytes(c);
        assert_false(other >= size && other % alignment == 0 && other < bytes);
      }
    }
  }
  assert_int_equal(ul_size_class_bytes(ul_size_class_aligned(32768, 32768)), 32768);
  assert_int_equal(ul_size_class_bytes(ul_size_class_aligned(1, 16384)), 16384);
}

static void test_coloured_classes(void **state) {
  bool seen[UL_CLASS_END] = {false};
  (void)state;
  for (unsigned colour = 0; colour < UL_COLOURS; colour++) {
    ul_size_table table;
    ul_size_table_colour(&table, &refined, colour);
    for (size_t size = 0; size <= UL_SMALL_MAX_BYTES; size++) {
      unsigned own = ul_size_class(&table, size), plain = ul_size_class(&refined, size);
      if (size > 48 || colour == 0) {
        assert_int_equal(own, plain);
        continue;
      }
      assert_in_range(own, UL_CLASS_PLAIN, UL_CLASS_END - 1);
      assert_int_equal(ul_size_class_bytes(own), ul_size_class_bytes(plain));
      if (size == ul_size_class_bytes(own)) {
        assert_false(seen[own]); /* no other colour has this number */
        seen[own] = true;
      }
    }
  }
  for (unsigned c = UL_CLASS_PLAIN; c < UL_CLASS_END; c++) assert_true(seen[c]);
  assert_true(UL_CLASS_END <= 256); /* a number fits the leaf map's byte */
}

static void test_spans(void **state) {
  (void)state;
  for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_END; c++) {
    size_t bytes = ul_size_class_bytes(c), span_bytes = ul_size_class_span_bytes(c);
    size_t tail = span_bytes % bytes;
    assert_true(ul_is_power_of_two(span_bytes) && span_bytes % UL_PAGE_BYTES == 0);
    assert_true(span_bytes / bytes >= 8); /* a span holds several objects of any class */
    if (bytes <= 1024) assert_true(tail < span_bytes / 64);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_steps_are_monotone),
      cmocka_unit_test(test_every_size_coarse),
      cmocka_unit_test(test_every_size_refined),
      cmocka_unit_test(test_refining_one_by_one),
      cmocka_unit_test(test_every_class_is_used),
      cmocka_unit_test(test_refined_is_never_larger),
      cmocka_unit_test(test_aligned_classes),
      cmocka_unit_test(test_coloured_classes),
      cmocka_unit_test(test_spans),
  };
  return cmocka_run_group_tests(tests, make_tables, NULL);
}
