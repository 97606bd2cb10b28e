/* SPDX-License-Identifier: MIT */
/* test_price.c: the price curve, against a Go service that was measured at seven limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "launch/price.h"

static char why[UL_PRICE_WHY_MAX];

/* 1.23 GB live in a Go cache: share of the processor that collection took at GOMEMLIMIT. The first
 * is where Go stops itself at half of the processor. */
static const ul_price_point measured[] = {
    {1300 * UL_MIB, .472}, {1350 * UL_MIB, .434}, {1425 * UL_MIB, .358}, {1500 * UL_MIB, .305},
    {1650 * UL_MIB, .228}, {1800 * UL_MIB, .187}, {2100 * UL_MIB, .137},
};

static double distance(double a, double b) {
  return a > b ? a - b : b - a;
}

/* From each two limits at least 150 MiB apart, every third within 2 points; where it is above what is
 * foretold, the answer is that it is. */
static void two_limits_foretell_the_others(void **state) {
  unsigned pairs = 0, thirds = 0;
  (void)state;
  for (size_t i = 1; i < UL_ARRAY_LEN(measured); i++) {
    for (size_t j = i + 1; j < UL_ARRAY_LEN(measured); j++) {
      ul_price_point two[] = {measured[j], measured[i]};
      ul_price       price;
      if (measured[j].limit_bytes - measured[i].limit_bytes < 150 * UL_MIB) continue;
      assert_int_equal(ul_price_fit(two, 2, &price, why), 0);
      assert_true(price.worst_miss < 1e-6);
      pairs++;
      for (size_t k = 0; k < UL_ARRAY_LEN(measured); k++) {
        double share = ul_price_share(&price, measured[k].limit_bytes);
        double known = UL_MIN(measured[k].share, UL_PRICE_SHARE_MOST);
        if (distance(share, known) > .02) {
          fail_msg("from %zu and %zu: %.3f at %zu instead of %.3f", i, j, share, k, known);
        }
        thirds += k != i && k != j;
      }
    }
  }
  assert_int_equal(pairs, 13);
  assert_int_equal(thirds, 65);
}

static void more_points_are_fitted(void **state) {
  ul_price price;
  (void)state;
  assert_int_equal(ul_price_fit(measured, UL_ARRAY_LEN(measured), &price, why), 0);
  assert_int_equal(price.points, 6); /* that at 47 % is left out */
  assert_in_range((uint64_t)(price.k_bytes / (double)UL_MIB), 145, 156);
  assert_in_range((uint64_t)(price.l0_bytes / (double)UL_MIB), 1140, 1160);
  assert_true(price.worst_miss < .01);
  /* What 10 % costs: where the curve says so, it also leads back. */
  uint64_t cheap = ul_price_limit(&price, UL_PRICE_CHEAP);
  assert_in_range(cheap / UL_MIB, 2450, 2550);
  assert_true(distance(ul_price_share(&price, cheap), UL_PRICE_CHEAP) < 1e-6);
}

/* The curve itself, at sizes from a MiB to a TiB: found again. */
static void an_exact_curve_is_found(void **state) {
  (void)state;
  for (double unit = (double)UL_MIB; unit <= (double)UL_MIB * 1024 * 1024; unit *= 1024) {
    ul_price       truth = {.k_bytes = 100 * unit, .l0_bytes = 900 * unit}, price;
    ul_price_point points[4];
    for (unsigned i = 0; i < 4; i++) {
      points[i].limit_bytes = (uint64_t)((1100 + 200 * i) * unit);
      points[i].share = ul_price_share(&truth, points[i].limit_bytes);
    }
    assert_int_equal(ul_price_fit(points, 4, &price, why), 0);
    assert_true(distance(price.k_bytes / unit, 100) < 1e-3);
    assert_true(distance(price.l0_bytes / unit, 900) < 1e-3);
  }
}

static void refused(const ul_price_point *points, size_t count, const char *reason) {
  ul_price price = {.points = 77};
  assert_true(ul_price_fit(points, count, &price, why) < 0);
  assert_int_equal(price.points, 77);
  if (!strstr(why, reason)) fail_msg("'%s' does not say '%s'", why, reason);
}

/* A run that did nothing but collect says nothing of the curve, and does not spoil what others say. */
static void a_choked_run_is_left_out(void **state) {
  const ul_price_point points[] = {
      {1300 * UL_MIB, 1}, {1500 * UL_MIB, .25}, {1900 * UL_MIB, .14}, {2400 * UL_MIB, .09}};
  ul_price price;
  (void)state;
  assert_int_equal(ul_price_fit(points, 4, &price, why), 0);
  assert_int_equal(price.points, 3);
}

static void what_cannot_be_is_refused(void **state) {
  static const ul_price_point one[] = {{UL_GIB, .3}};
  static const ul_price_point same[] = {{UL_GIB, .3}, {UL_GIB, .2}};
  static const ul_price_point near[] = {{1000 * UL_MIB, .3}, {1030 * UL_MIB, .29}};
  static const ul_price_point upside_down[] = {{UL_GIB, .2}, {2 * UL_GIB, .3}};
  static const ul_price_point flat[] = {{UL_GIB, .30}, {4 * UL_GIB, .29}};
  static const ul_price_point choked[] = {{UL_GIB, .48}, {2 * UL_GIB, .2}};
  static const ul_price_point free_of[] = {{UL_GIB, 0}, {2 * UL_GIB, .2}};
  static const ul_price_point no_limit[] = {{0, .3}, {UL_GIB, .2}};
  static const ul_price_point negative[] = {{UL_GIB, -.1}, {2 * UL_GIB, .2}};
  static const ul_price_point all[] = {{UL_GIB, 1.1}, {2 * UL_GIB, .2}};
  static const ul_price_point contradicting[] = {
      {1300 * UL_MIB, .40}, {1500 * UL_MIB, .10}, {1700 * UL_MIB, .30}, {2000 * UL_MIB, .08}};
  const ul_price_point no_number[] = {{UL_GIB, (double)__builtin_nanf("")}, {2 * UL_GIB, .2}};
  (void)state;
  refused(NULL, 0, "two runs");
  refused(one, 1, "two runs");
  refused(same, 2, "within 5 %");
  refused(near, 2, "within 5 %");
  refused(upside_down, 2, "did not make collection cheaper");
  refused(flat, 2, "something else");
  refused(choked, 2, "less than 45 %");
  refused(free_of, 2, "more than nothing");
  refused(no_limit, 2, "no limit");
  refused(negative, 2, "between 0 and 1");
  refused(all, 2, "between 0 and 1");
  refused(no_number, 2, "between 0 and 1");
  refused(contradicting, 4, "contradict");
}

static void at_the_edges(void **state) {
  const ul_price price = {.k_bytes = 100, .l0_bytes = 1000};
  (void)state;
  assert_true(ul_price_share(&price, 0) == UL_PRICE_SHARE_MOST);
  assert_true(ul_price_share(&price, 1000) == UL_PRICE_SHARE_MOST);
  assert_true(ul_price_share(&price, UINT64_MAX) < 1e-9);
  assert_true(ul_price_limit(&price, 0) == UINT64_MAX);
  assert_true(ul_price_limit(&price, 1e-300) == UINT64_MAX);
  assert_int_equal(ul_price_limit(&price, .5), 1100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_limits_foretell_the_others), cmocka_unit_test(more_points_are_fitted),
      cmocka_unit_test(an_exact_curve_is_found),        cmocka_unit_test(a_choked_run_is_left_out),
      cmocka_unit_test(what_cannot_be_is_refused),      cmocka_unit_test(at_the_edges),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
