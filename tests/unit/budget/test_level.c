/* SPDX-License-Identifier: MIT */
/* test_level.c: the levels, as numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "budget/level.h"

#define LIMIT  ((uint64_t)1000 << 20)
#define PCT(n) (LIMIT / 100 * (n))

static void levels_begin_where_the_page_says(void **state) {
  (void)state;
  assert_int_equal(ul_level_next(UL_LEVEL_CALM, LIMIT, 0, false), UL_LEVEL_CALM);
  assert_int_equal(ul_level_next(UL_LEVEL_CALM, LIMIT, PCT(85) - 1, false), UL_LEVEL_CALM);
  assert_int_equal(ul_level_next(UL_LEVEL_CALM, LIMIT, PCT(85), false), UL_LEVEL_TIGHT);
  assert_int_equal(ul_level_next(UL_LEVEL_TIGHT, LIMIT, PCT(96) - 1, false), UL_LEVEL_TIGHT);
  assert_int_equal(ul_level_next(UL_LEVEL_CALM, LIMIT, PCT(96), false), UL_LEVEL_CRITICAL);
  assert_int_equal(ul_level_next(UL_LEVEL_CALM, LIMIT, LIMIT, false), UL_LEVEL_CRITICAL);
  assert_int_equal(ul_level_next(UL_LEVEL_CALM, LIMIT, LIMIT + 1, false), UL_LEVEL_OVER);
  assert_int_equal(ul_level_next(UL_LEVEL_CALM, UINT64_MAX, LIMIT, false), UL_LEVEL_CALM);
}

/* Callbacks take their time, and are asked earlier; nothing else moves. */
static void callbacks_are_asked_earlier(void **state) {
  (void)state;
  assert_int_equal(ul_level_begins(LIMIT, UL_LEVEL_TIGHT, true), PCT(85));
  assert_int_equal(ul_level_begins(LIMIT, UL_LEVEL_CRITICAL, true), PCT(94));
  assert_int_equal(ul_level_begins(LIMIT, UL_LEVEL_OVER, true), LIMIT);
  assert_int_equal(ul_level_next(UL_LEVEL_TIGHT, LIMIT, PCT(94), true), UL_LEVEL_CRITICAL);
  assert_int_equal(ul_level_next(UL_LEVEL_TIGHT, LIMIT, PCT(94), false), UL_LEVEL_TIGHT);
  assert_int_equal(ul_level_falls(LIMIT, UL_LEVEL_CRITICAL, true), PCT(92));
}

static void a_level_falls_later_than_it_rose(void **state) {
  (void)state;
  for (int level = UL_LEVEL_TIGHT; level <= UL_LEVEL_OVER; level++) {
    uint64_t begins = ul_level_begins(LIMIT, level, false),
             falls = ul_level_falls(LIMIT, level, false);
    assert_int_equal(begins - falls, PCT(2));
    assert_int_equal(ul_level_next(level, LIMIT, falls, false), level);
    assert_int_equal(ul_level_next(level, LIMIT, falls - 1, false), level - 1);
  }
}

static void it_falls_through_several_at_once(void **state) {
  (void)state;
  assert_int_equal(ul_level_next(UL_LEVEL_OVER, LIMIT, PCT(10), false), UL_LEVEL_CALM);
  assert_int_equal(ul_level_next(UL_LEVEL_OVER, LIMIT, PCT(84), false), UL_LEVEL_TIGHT);
}

static void without_a_budget_everything_is_calm(void **state) {
  (void)state;
  assert_int_equal(ul_level_next(UL_LEVEL_OVER, 0, UINT64_MAX, false), UL_LEVEL_CALM);
  assert_true(ul_level_begins(0, UL_LEVEL_TIGHT, false) == UINT64_MAX);
}

static void small_budgets_leave_room(void **state) {
  (void)state;
  uint64_t limit = (uint64_t)8 << 20;
  assert_true(limit - ul_level_begins(limit, UL_LEVEL_CRITICAL, false) >= (uint64_t)1 << 20);
  assert_true(ul_level_begins(limit, UL_LEVEL_TIGHT, false) <=
              ul_level_begins(limit, UL_LEVEL_CRITICAL, false));
  /* And the smallest still have levels in order. */
  for (limit = 1; limit < (uint64_t)4 << 20; limit = limit * 3 + 1) {
    uint64_t tight = ul_level_begins(limit, UL_LEVEL_TIGHT, false);
    uint64_t critical = ul_level_begins(limit, UL_LEVEL_CRITICAL, false);
    assert_true(tight <= critical && critical <= limit);
  }
}

static void huge_budgets_do_not_overflow(void **state) {
  (void)state;
  uint64_t limit = UINT64_MAX - 1;
  assert_true(ul_level_begins(limit, UL_LEVEL_TIGHT, false) <
              ul_level_begins(limit, UL_LEVEL_CRITICAL, false));
  assert_int_equal(ul_level_next(UL_LEVEL_CALM, limit, (uint64_t)1 << 40, false), UL_LEVEL_CALM);
}

static void every_level_has_a_name(void **state) {
  (void)state;
  assert_string_equal(ul_level_name(UL_LEVEL_CALM), "calm");
  assert_string_equal(ul_level_name(UL_LEVEL_OVER), "over");
  assert_string_equal(ul_level_name(-1), "unknown");
  assert_string_equal(ul_level_name(7), "unknown");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(levels_begin_where_the_page_says),
      cmocka_unit_test(callbacks_are_asked_earlier),
      cmocka_unit_test(a_level_falls_later_than_it_rose),
      cmocka_unit_test(it_falls_through_several_at_once),
      cmocka_unit_test(without_a_budget_everything_is_calm),
      cmocka_unit_test(small_budgets_leave_room),
      cmocka_unit_test(huge_budgets_do_not_overflow),
      cmocka_unit_test(every_level_has_a_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
