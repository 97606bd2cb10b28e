/* SPDX-License-Identifier: MIT */
/* test_html_text.c: nothing that comes through here is markup, or other than UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "launch/html_text.h"
#include "launch/json_text.h"
#include "launch/time_text.h"

static char written[8192];

static const char *text_of(const char *text, bool keeps_lines) {
  written[0] = 0;
  FILE *out = fmemopen(written, sizeof written, "w");
  ul_html_text(out, text, keeps_lines);
  fclose(out);
  return written;
}

static const char *argument_of(const char *text) {
  written[0] = 0;
  FILE *out = fmemopen(written, sizeof written, "w");
  ul_html_argument(out, text);
  fclose(out);
  return written;
}

static void markup_becomes_text(void **state) {
  (void)state;
  assert_string_equal(text_of("<script>&\"'</script>", false),
                      "&lt;script&gt;&amp;&quot;&#39;&lt;/script&gt;");
  assert_string_equal(text_of("", false), "");
  assert_string_equal(text_of("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", false),
                      "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void controls_are_seen(void **state) {
  (void)state;
  assert_string_equal(text_of("a\x1b[31m\n\x7f", false),
                      "a\xe2\x90\x9b[31m\xe2\x90\x8a\xe2\x90\xa1");
  assert_string_equal(text_of("a\n\tb", true), "a\n\tb");
  assert_string_equal(text_of("\xc2\x85", false), "\xef\xbf\xbd"); /* NEL */
  assert_string_equal(text_of("\xe2\x80\xae"
                              "x",
                              false),
                      "\xef\xbf\xbd"
                      "x"); /* turns around */
}

static void broken_utf8_is_replaced(void **state) {
  static const char *const broken[] = {
      "\xff",         "\xc3",         "\xe2\x82",         "\xf0\x9f\x98", "\xc0\xaf",
      "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"};
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(broken); i++) {
    text_of(broken[i], false);
    assert_true(ul_json_is_utf8(written));
    assert_non_null(strstr(written, "\xef\xbf\xbd"));
  }
}

static void arguments_are_as_typed(void **state) {
  (void)state;
  assert_string_equal(argument_of("--seconds=5"), "--seconds=5");
  assert_string_equal(argument_of(""), "&#39;&#39;");
  assert_string_equal(argument_of("a b"), "&#39;a b&#39;");
  assert_string_equal(argument_of("it's"), "&#39;it&#39;\\&#39;&#39;s&#39;");
  assert_string_equal(argument_of("$(rm)"), "&#39;$(rm)&#39;");
  /* Bytes that have no picture of their own are written, so that the line can be typed again. */
  assert_string_equal(argument_of("\x1b[31m"), "$&#39;\\x1b[31m&#39;");
  assert_string_equal(argument_of("a\nb\t'c\\"), "$&#39;a\\nb\\t\\&#39;c\\\\&#39;");
  assert_string_equal(argument_of("\xff<\xc3\xbc"), "$&#39;\\xff&lt;\xc3\xbc&#39;");
  assert_string_equal(argument_of("\xe2\x80\xae"), "$&#39;\\xe2\\x80\\xae&#39;");
}

/* A long argument is cut into pieces inside; no character may be cut with it. */
static void long_arguments_stay_whole(void **state) {
  char text[1200], expected[1300];
  (void)state;
  for (size_t shift = 0; shift < 4; shift++) {
    memset(text, ' ', shift);
    for (size_t at = shift; at + 3 < sizeof text; at += 3) memcpy(text + at, "\xe2\x82\xac", 4);
    snprintf(expected, sizeof expected, "&#39;%s&#39;", text);
    assert_string_equal(argument_of(text), expected);
  }
}

/* Any bytes: UTF-8 comes out, without a character that means something to a browser. */
static void any_bytes(void **state) {
  const char *given = getenv("SEED");
  unsigned    seed = given ? (unsigned)atoi(given) : 20;
  char        bytes[200];
  (void)state;
  print_message("seed %u (SEED=N repeats it)\n", seed);
  for (int round = 0; round < 5000; round++) {
    size_t n = (size_t)(rand_r(&seed) % (int)sizeof bytes);
    for (size_t i = 0; i < n; i++) {
      static const char hard[] = "<>&\"'\x1b\xc2\x80\xe2\xed\xf0\xf4\xff";
      bytes[i] = rand_r(&seed) % 2 ? hard[rand_r(&seed) % (int)(sizeof hard - 1)]
                                   : (char)(1 + rand_r(&seed) % 255);
    }
    bytes[n < sizeof bytes ? n : n - 1] = 0;
    argument_of(bytes);
    assert_true(ul_json_is_utf8(written));
    assert_null(strpbrk(written, "<>\"'\x1b\n\r"));
  }
}

static void times_fit_their_length(void **state) {
  char buffer[UL_TIME_TEXT_MAX];
  (void)state;
  assert_string_equal(ul_time_text(buffer, 3100000), "3.1 ms");
  assert_string_equal(ul_time_text(buffer, 420000000), "420 ms");
  assert_string_equal(ul_time_text(buffer, 1420000000), "1.42 s");
  assert_string_equal(ul_time_text(buffer, 200000000000), "3 min 20 s");
  assert_string_equal(ul_time_text(buffer, UINT64_MAX), "5124095 h 34 min");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(markup_becomes_text),       cmocka_unit_test(controls_are_seen),
      cmocka_unit_test(broken_utf8_is_replaced),   cmocka_unit_test(arguments_are_as_typed),
      cmocka_unit_test(long_arguments_stay_whole), cmocka_unit_test(any_bytes),
      cmocka_unit_test(times_fit_their_length),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
