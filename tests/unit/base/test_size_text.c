/* SPDX-License-Identifier: MIT */
/* test_size_text.c: sizes as people write them, and the texts that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/size_text.h"

static void reads(void **state) {
  static const struct {
    const char *text;
    uint64_t    bytes;
  } rows[] = {
      {"0", 0},
      {"1", 1},
      {"65536", 65536},
      {"1500M", 1500000000},
      {"1.5Gi", 1610612736},
      {"1k", 1000},
      {"1K", 1000},
      {"1ki", 1024},
      {"1Ki", 1024},
      {"2G", 2000000000},
      {"3T", 3000000000000},
      {"1Ti", 1099511627776},
      {"0.5Ki", 512},
      {"1.9", 1},
      {"0.1M", 100000},
      {"1.0000000000000000000000000001k", 1000},
      {"007k", 7000},
      {"18446744073709551615", UINT64_MAX},
      {"16777215.99999999Ti", 18446744073709540620u},
  };
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    uint64_t bytes = 42;
    assert_int_equal(ul_size_parse(rows[i].text, &bytes), 0);
    assert_int_equal(bytes, rows[i].bytes);
  }
}

static void refuses(void **state) {
  static const char *const wrong[] = {
      "",    " ",    "M",   "1500MB", "1500MiB", "1 M",   " 1M",  "1M ",  "-1",  "+1",  "1m",
      "1mi", "1g",   "1.",  ".5",     "1..5",    "1.5.5", "1,5M", "0x10", "1e9", "1KI", "1Kii",
      "50%", "auto", "off", "1M\n",   "nan",     "inf",   "1i",   "1kk",  "M1",
  };
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(wrong); i++) {
    uint64_t bytes = 42;
    assert_int_equal(ul_size_parse(wrong[i], &bytes), -UL_E_INVAL);
    assert_int_equal(bytes, 42);
  }
}

static void tells_too_large(void **state) {
  static const char *const large[] = {
      "18446744073709551616",
      "16777216Ti",
      "99999999999999999999999999999999999999999999999999",
      "340282366920938463463374607431768211456",
      "18446744073709551615k",
  };
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(large); i++) {
    uint64_t bytes = 42;
    assert_int_equal(ul_size_parse(large[i], &bytes), -UL_E_RANGE);
    assert_int_equal(bytes, 42);
  }
}

static void writes_mib(void **state) {
  char text[UL_SIZE_TEXT_MAX];
  (void)state;
  assert_string_equal(ul_size_mib(text, 0), "0.0 MiB");
  assert_string_equal(ul_size_mib(text, 1500000000), "1430.5 MiB");
  assert_string_equal(ul_size_mib(text, (uint64_t)1500 << 20), "1500.0 MiB");
  assert_string_equal(ul_size_mib(text, (1u << 20) - 1), "1.0 MiB"); /* carries */
  assert_string_equal(ul_size_mib(text, 52428), "0.0 MiB");          /* just below 0.05 */
  assert_string_equal(ul_size_mib(text, 52429), "0.1 MiB");          /* just above */
  assert_string_equal(ul_size_mib(text, UINT64_MAX), "17592186044416.0 MiB");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads),
      cmocka_unit_test(refuses),
      cmocka_unit_test(tells_too_large),
      cmocka_unit_test(writes_mib),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
