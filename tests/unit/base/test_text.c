/* SPDX-License-Identifier: MIT */
/* test_text.c: what is written, and that a line which does not fit is cut off where the buffer ends
 * and nowhere behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"

static void test_numbers(void **state) {
  static const uint64_t numbers[] = {0,         1, 9, 10, 99, 100, 4096, 1234567890, UINT64_MAX - 1,
                                     UINT64_MAX};
  char                  buffer[64], expected[64];
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(numbers); i++) {
    ul_text text = ul_text_init(buffer, sizeof buffer);
    ul_text_add_u64(&text, numbers[i]);
    ul_text_add(&text, " ");
    ul_text_add_hex(&text, numbers[i]);
    snprintf(expected, sizeof expected, "%llu 0x%llx", (unsigned long long)numbers[i],
             (unsigned long long)numbers[i]);
    assert_string_equal(buffer, expected);
    assert_int_equal(text.length, strlen(expected));
  }
}

/* Tenths are cut, not rounded: what is shown is never more than what there is. */
static void test_mib(void **state) {
  static const struct {
    uint64_t    bytes;
    const char *expected;
  } rows[] = {
      {0, "0.0 MiB"},
      {104857, "0.0 MiB"},
      {104858, "0.1 MiB"},
      {UL_MIB - 1, "0.9 MiB"},
      {UL_MIB, "1.0 MiB"},
      {UL_MIB * 12 + UL_MIB / 2, "12.5 MiB"},
      {UINT64_MAX, "17592186044415.9 MiB"},
  };
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    char    buffer[64];
    ul_text text = ul_text_init(buffer, sizeof buffer);
    ul_text_add_mib(&text, rows[i].bytes);
    assert_string_equal(buffer, rows[i].expected);
  }
}

static void test_size_in_what_fits(void **state) {
  static const struct {
    uint64_t    bytes;
    const char *expected;
  } rows[] = {
      {0, "0 bytes"},          {1, "1 byte"},
      {1023, "1023 bytes"},    {1024, "1.0 KiB"},
      {1024 + 511, "1.4 KiB"}, {UL_MIB - 1, "1023.9 KiB"},
      {UL_MIB, "1.0 MiB"},     {UINT64_MAX, "17592186044415.9 MiB"},
  };
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    char    buffer[64];
    ul_text text = ul_text_init(buffer, sizeof buffer);
    ul_text_add_size(&text, rows[i].bytes);
    assert_string_equal(buffer, rows[i].expected);
  }
}

static void test_cut_off_at_every_capacity(void **state) {
  static const char whole[] = "at 18446744073709551615 is 0xffff and 1.0 MiB";
  (void)state;
  for (size_t capacity = 1; capacity <= sizeof whole + 2; capacity++) {
    char buffer[sizeof whole + 8], expected[sizeof whole + 8];
    memset(buffer, '#', sizeof buffer);
    ul_text text = ul_text_init(buffer, capacity);
    ul_text_add(&text, "at ");
    ul_text_add_u64(&text, UINT64_MAX);
    ul_text_add(&text, " is ");
    ul_text_add_hex(&text, 0xffff);
    ul_text_add(&text, " and ");
    ul_text_add_mib(&text, UL_MIB);
    snprintf(expected, capacity, "%s", whole);
    assert_string_equal(buffer, expected);
    assert_int_equal(text.length, strlen(expected));
    for (size_t i = capacity; i < sizeof buffer; i++) assert_int_equal(buffer[i], '#');
  }
}

static void test_nothing_is_a_text_too(void **state) {
  char    buffer[8] = "old";
  ul_text text = ul_text_init(buffer, sizeof buffer);
  (void)state;
  assert_string_equal(buffer, "");
  ul_text_add(&text, "");
  assert_string_equal(buffer, "");
  assert_int_equal(text.length, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_numbers),
      cmocka_unit_test(test_mib),
      cmocka_unit_test(test_size_in_what_fits),
      cmocka_unit_test(test_cut_off_at_every_capacity),
      cmocka_unit_test(test_nothing_is_a_text_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
