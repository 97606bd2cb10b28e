/* SPDX-License-Identifier: MIT */
/* test_live_line.c: the text of the line for invented moments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "cli/live_line.h"

#define MIB  ((uint64_t)1 << 20)
#define WIDE 200

static ul_watch watch;

static void without_a_budget(void **state) {
  char text[320];
  (void)state;
  memset(&watch, 0, sizeof watch);
  ul_figures_init(&watch.figures, 0);
  ul_figures_add(&watch.figures, 1, 12 * MIB);
  ul_figures_add(&watch.figures, 2, 10 * MIB);
  ul_live_line_text(text, sizeof text, &watch, WIDE, true);
  assert_string_equal(text, "now 10.0 MiB  peak 12.0 MiB  +0.0 MiB/s");
}

static void with_a_budget(void **state) {
  char text[320];
  (void)state;
  memset(&watch, 0, sizeof watch);
  ul_figures_init(&watch.figures, 100 * MIB);
  for (uint64_t i = 0; i <= 40; i++)
    ul_figures_add(&watch.figures, i * 100000000u, (55 + i / 2) * MIB);
  watch.live_now_bytes = 50 * MIB;
  ul_live_line_text(text, sizeof text, &watch, WIDE, false);
  assert_string_equal(text, "now 75.0 MiB  peak 75.0 MiB  [###############-----] 75 % of 100.0 MiB"
                            "  live 50.0 MiB  +5.0 MiB/s");
}

static void above_the_budget(void **state) {
  char text[320];
  (void)state;
  memset(&watch, 0, sizeof watch);
  ul_figures_init(&watch.figures, 100 * MIB);
  ul_figures_add(&watch.figures, 1, 130 * MIB);
  ul_live_line_text(text, sizeof text, &watch, WIDE, true);
  assert_non_null(strstr(text, "\033[31m####################\033[0m] 130 %"));
}

static void some_gib(void) {
  memset(&watch, 0, sizeof watch);
  ul_figures_init(&watch.figures, 1500 * MIB);
  for (uint64_t i = 0; i <= 40; i++)
    ul_figures_add(&watch.figures, i * 100000000u, (1322 + 2 * i) * MIB);
  watch.live_now_bytes = 1230 * MIB;
}

/* On fewer and fewer columns. */
static void a_narrow_terminal_gets_fewer_figures(void **state) {
  static const struct {
    size_t      width;
    const char *text;
  } rows[] = {
      {104, "now 1402.0 MiB  peak 1402.0 MiB  [##################--] 93 % of 1500.0 MiB"
            "  live 1230.0 MiB  +20.0 MiB/s"},
      {89, "now 1402.0 MiB  peak 1402.0 MiB  [####-] 93 % of 1500.0 MiB"
           "  live 1230.0 MiB  +20.0 MiB/s"},
      {88, "now 1402.0 MiB  peak 1402.0 MiB  93 % of 1500.0 MiB  live 1230.0 MiB  +20.0 MiB/s"},
      {79, "now 1402.0 MiB  peak 1402.0 MiB  [###########-] 93 % of 1500.0 MiB  +20.0 MiB/s"},
      {63, "now 1402.0 MiB  peak 1402.0 MiB  [########-] 93 % of 1500.0 MiB"},
      {51, "now 1402.0 MiB  peak 1402.0 MiB  93 % of 1500.0 MiB"},
      {50, "now 1402.0 MiB  [############-] 93 % of 1500.0 MiB"},
      {34, "now 1402.0 MiB  93 % of 1500.0 MiB"},
      {33, "now 1402.0 MiB"},
      {13, ""},
  };
  char text[320];
  (void)state;
  some_gib();
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    ul_live_line_text(text, sizeof text, &watch, rows[i].width, false);
    assert_string_equal(text, rows[i].text);
  }
}

/* Whatever the width: no more columns than there are, and every figure with its unit. */
static void every_width_is_kept(void **state) {
  char text[320], plain[320];
  (void)state;
  some_gib();
  for (size_t width = 0; width < 130; width++) {
    size_t columns = 0;
    ul_live_line_text(text, sizeof text, &watch, width, true);
    for (const char *at = text; *at; at++) {
      if (*at == '\033')
        at += strcspn(at, "m");
      else
        plain[columns++] = *at;
    }
    plain[columns] = 0;
    assert_true(columns <= width);
    for (const char *at = plain; (at = strchr(at, '.')) != NULL; at++) {
      assert_memory_equal(at, ".0 MiB", 6);
    }
  }
}

static void a_short_buffer_is_kept(void **state) {
  char text[24];
  (void)state;
  ul_live_line_text(text, sizeof text, &watch, WIDE, true);
  assert_int_equal(strlen(text), sizeof text - 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_a_budget),    cmocka_unit_test(with_a_budget),
      cmocka_unit_test(above_the_budget),    cmocka_unit_test(a_narrow_terminal_gets_fewer_figures),
      cmocka_unit_test(every_width_is_kept), cmocka_unit_test(a_short_buffer_is_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
