/* SPDX-License-Identifier: MIT */
/* test_bits.c: rounding, logarithms, and that the multiplication divides exactly for every divisor
 * and every offset that a span can have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/bits.h"

static void test_rounding(void **state) {
  (void)state;
  for (unsigned shift = 0; shift < 63; shift++) {
    size_t power = (size_t)1 << shift;
    assert_int_equal(ul_round_up(0, power), 0);
    assert_int_equal(ul_round_up(1, power), power);
    assert_int_equal(ul_round_up(power, power), power);
    assert_int_equal(ul_round_down(power, power), power);
    assert_int_equal(ul_round_down(power - 1, power), 0);
    if (shift == 0) continue;
    assert_int_equal(ul_round_up(power + 1, power), 2 * power);
    assert_int_equal(ul_round_down(power + 1, power), power);
  }
}

static void test_powers_and_logarithms(void **state) {
  (void)state;
  assert_false(ul_is_power_of_two(0));
  assert_int_equal(ul_log2_floor(1), 0);
  assert_int_equal(ul_log2_ceil(1), 0);
  for (unsigned shift = 1; shift < 64; shift++) {
    size_t power = (size_t)1 << shift;
    assert_true(ul_is_power_of_two(power));
    assert_int_equal(ul_is_power_of_two(power + 1), false);
    assert_int_equal(ul_is_power_of_two(power - 1), shift == 1);
    assert_int_equal(ul_log2_floor(power), shift);
    assert_int_equal(ul_log2_floor(power + 1), shift);
    assert_int_equal(ul_log2_floor(power - 1), shift - 1);
    assert_int_equal(ul_log2_ceil(power), shift);
    assert_int_equal(ul_log2_ceil(power - 1), shift == 1 ? 0 : shift);
    if (shift < 63) assert_int_equal(ul_log2_ceil(power + 1), shift + 1);
  }
  assert_int_equal(ul_log2_floor(SIZE_MAX), 63);
  assert_int_equal(ul_log2_ceil(SIZE_MAX), 64);
}

static void check_division(uint64_t x, uint32_t divisor) {
  uint64_t magic = ul_div_magic(divisor);
  if (ul_div_quotient(x, magic) != x / divisor || ul_div_exact(x, magic) != (x % divisor == 0)) {
    fail_msg("%llu by %u: quotient %u, exact %d", (unsigned long long)x, divisor,
             ul_div_quotient(x, magic), ul_div_exact(x, magic));
  }
}

/* Divisors of 2 and more: 2^64 / 1 is no magic number, and no object has one byte. */
static void test_division_around_multiples(void **state) {
  (void)state;
  for (uint32_t divisor = 2; divisor <= 32768; divisor++) {
    uint64_t       last = ((uint64_t)1 << 32) / divisor; /* quotients have 32 bits */
    const uint64_t times[] = {1, 2, 3, 63, 64, 255, 8191, last / 3, last - 1};
    check_division(0, divisor);
    for (size_t i = 0; i < UL_ARRAY_LEN(times); i++) {
      uint64_t multiple = times[i] * divisor;
      if (multiple * divisor >> 63) continue; /* beyond what bits.h promises */
      if (multiple > 0) check_division(multiple - 1, divisor);
      check_division(multiple, divisor);
      check_division(multiple + 1, divisor);
    }
  }
}

static void test_division_of_every_offset(void **state) {
  static const uint32_t divisors[] = {8,   16,   48,   80,    112,   144,
                                      272, 1008, 1152, 20480, 28672, 32768};
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(divisors); i++) {
    for (uint64_t x = 0; x <= 256 * 1024; x++) check_division(x, divisors[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rounding),
      cmocka_unit_test(test_powers_and_logarithms),
      cmocka_unit_test(test_division_around_multiples),
      cmocka_unit_test(test_division_of_every_offset),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
