/* SPDX-License-Identifier: MIT */
/* test_figures.c: the figures of invented runs, on an invented clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "launch/figures.h"

#define MS  ((uint64_t)1000000)
#define SEC ((uint64_t)1000000000)
#define MIB ((uint64_t)1 << 20)

static ul_figures figures; /* 60 KiB: not on the stack */

static void nothing_seen(void **state) {
  uint64_t bytes = 7;
  (void)state;
  ul_figures_init(&figures, 0);
  assert_int_equal(ul_figures_p99(&figures), 0);
  assert_false(ul_figures_startup_peak(&figures, SEC, &bytes));
  assert_false(ul_figures_floor(&figures, SEC, &bytes));
  assert_int_equal(bytes, 7);
  assert_int_equal(ul_figures_growth(&figures), 0);
  ul_figures_raise_peak(&figures, 3 * MIB); /* what the kernel remembers of a short program */
  assert_int_equal(figures.peak_bytes, 3 * MIB);
  assert_int_equal(ul_figures_p99(&figures), 3 * MIB);
}

/* 100 s: a start-up of 4 s with 300 MiB, then 100 MiB, and half a second at 500 MiB. */
static void a_service(void **state) {
  uint64_t bytes;
  (void)state;
  ul_figures_init(&figures, 400 * MIB);
  for (uint64_t at = 0; at < 100 * SEC; at += 50 * MS) {
    uint64_t now = at < 4 * SEC ? 300 * MIB : 100 * MIB;
    if (at >= 60 * SEC && at < 60 * SEC + 500 * MS) now = 500 * MIB;
    ul_figures_add(&figures, at, now);
  }
  assert_int_equal(figures.samples, 2000);
  assert_int_equal(figures.peak_bytes, 500 * MIB);
  assert_int_equal(figures.peak_at_ns, 60 * SEC);
  assert_int_equal(figures.exceeded_at_ns, 60 * SEC);
  assert_true(ul_figures_startup_peak(&figures, 100 * SEC, &bytes));
  assert_int_equal(bytes, 300 * MIB);
  assert_true(ul_figures_floor(&figures, 100 * SEC, &bytes));
  assert_int_equal(bytes, 100 * MIB);
  /* Half a second of a hundred is less than a hundredth: p99 is the level of the start-up. */
  assert_in_range(ul_figures_p99(&figures), 300 * MIB, 300 * MIB + 300 * MIB / 250);
}

/* Time counts, not the number of looks: many looks in a short burst do not move p99. */
static void looks_weigh_by_time(void **state) {
  (void)state;
  ul_figures_init(&figures, 0);
  for (uint64_t i = 1; i <= 500; i++) ul_figures_add(&figures, i * MS / 10, 900 * MIB);
  for (uint64_t i = 1; i <= 100; i++) ul_figures_add(&figures, i * SEC, 100 * MIB);
  assert_in_range(ul_figures_p99(&figures), 100 * MIB, 101 * MIB);
  assert_int_equal(figures.peak_bytes, 900 * MIB);
}

static void a_short_run_has_a_short_start(void **state) {
  uint64_t bytes;
  (void)state;
  ul_figures_init(&figures, 0);
  for (uint64_t at = 0; at < 2 * SEC; at += 10 * MS) {
    ul_figures_add(&figures, at, at < 200 * MS ? 10 * MIB : 40 * MIB);
  }
  assert_true(ul_figures_startup_peak(&figures, 2 * SEC, &bytes)); /* a tenth of two seconds */
  assert_int_equal(bytes, 10 * MIB);
  assert_true(ul_figures_floor(&figures, 2 * SEC, &bytes));
  assert_int_equal(bytes, 40 * MIB);
}

static void one_low_look_is_no_floor(void **state) {
  uint64_t bytes;
  (void)state;
  ul_figures_init(&figures, 0);
  for (uint64_t i = 0; i < 200; i++) {
    ul_figures_add(&figures, i * 50 * MS, i == 150 ? MIB : 50 * MIB); /* an exec */
  }
  assert_true(ul_figures_floor(&figures, 10 * SEC, &bytes));
  assert_int_equal(bytes, 50 * MIB);
}

static void growth_is_a_slope(void **state) {
  (void)state;
  ul_figures_init(&figures, 0);
  for (uint64_t i = 0; i <= 400; i++) ul_figures_add(&figures, i * 50 * MS, 100 * MIB + i * MIB);
  assert_in_range(ul_figures_growth(&figures), 20 * MIB - 64, 20 * MIB + 64); /* 1 MiB in 50 ms */
  for (uint64_t i = 401; i <= 800; i++) {
    ul_figures_add(&figures, i * 50 * MS, 900 * MIB - i * MIB);
  }
  assert_true(ul_figures_growth(&figures) < -(int64_t)(19 * MIB));
}

static void growth_that_has_ended_is_not_told(void **state) {
  (void)state;
  ul_figures_init(&figures, 0);
  for (uint64_t i = 0; i <= 100; i++) ul_figures_add(&figures, i * 50 * MS, 100 * MIB + i * MIB);
  for (uint64_t i = 101; i <= 126; i++) ul_figures_add(&figures, i * 50 * MS, 200 * MIB);
  assert_int_equal(ul_figures_growth(&figures), 0); /* 1.3 s after it ended at 5 s */
  for (uint64_t i = 0; i < 10; i++) {               /* one look a second, where the tree is large */
    ul_figures_add(&figures, 10 * SEC + i * SEC, 200 * MIB + i * 7 * MIB);
  }
  assert_int_equal(ul_figures_growth(&figures), 7 * MIB);
}

/* Months in one bucket: weights are halved instead of overflowing, and the shares stay. */
static void a_long_run(void **state) {
  (void)state;
  ul_figures_init(&figures, 0);
  uint64_t at = 0;
  for (int day = 0; day < 200; day++) {
    for (int hour = 0; hour < 24; hour++) {
      at += 3600 * SEC;
      ul_figures_add(&figures, at, hour == 0 ? 800 * MIB : 100 * MIB);
    }
  }
  assert_in_range(ul_figures_p99(&figures), 800 * MIB, 804 * MIB); /* 1/24 of the time */
  assert_true(figures.weight_shift > 0);
}

static void the_kernel_may_know_of_more(void **state) {
  (void)state;
  ul_figures_init(&figures, 100 * MIB);
  ul_figures_add(&figures, SEC, 90 * MIB);
  ul_figures_raise_peak(&figures, 80 * MIB);
  assert_int_equal(figures.peak_bytes, 90 * MIB);
  assert_int_equal(figures.peak_at_ns, SEC);
  ul_figures_raise_peak(&figures, 110 * MIB);
  assert_int_equal(figures.peak_bytes, 110 * MIB);
  assert_int_equal(figures.peak_at_ns, UINT64_MAX);
  assert_int_equal(figures.exceeded_at_ns, UINT64_MAX); /* exceeded, but nobody saw when */
}

static void extreme_values(void **state) {
  (void)state;
  ul_figures_init(&figures, 0);
  ul_figures_add(&figures, 0, 0);
  ul_figures_add(&figures, 1, UINT64_MAX);
  ul_figures_add(&figures, 2, 255);
  ul_figures_add(&figures, 3, 256);
  assert_int_equal(figures.peak_bytes, UINT64_MAX);
  assert_int_equal(ul_figures_p99(&figures), UINT64_MAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_seen),
      cmocka_unit_test(a_service),
      cmocka_unit_test(looks_weigh_by_time),
      cmocka_unit_test(a_short_run_has_a_short_start),
      cmocka_unit_test(one_low_look_is_no_floor),
      cmocka_unit_test(growth_is_a_slope),
      cmocka_unit_test(growth_that_has_ended_is_not_told),
      cmocka_unit_test(a_long_run),
      cmocka_unit_test(the_kernel_may_know_of_more),
      cmocka_unit_test(extreme_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
