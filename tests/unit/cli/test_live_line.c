/* SPDX-License-Identifier: MIT */
/* test_live_line.c: the text of the line for invented moments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "cli/live_line.h"

#define MIB ((uint64_t)1 << 20)

static ul_watch watch;

static void without_a_budget(void **state) {
  char text[320];
  (void)state;
  memset(&watch, 0, sizeof watch);
  ul_figures_init(&watch.figures, 0);
  ul_figures_add(&watch.figures, 1, 12 * MIB);
  ul_figures_add(&watch.figures, 2, 10 * MIB);
  ul_live_line_text(text, sizeof text, &watch, true);
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
  ul_live_line_text(text, sizeof text, &watch, false);
  assert_string_equal(text, "now 75.0 MiB  peak 75.0 MiB  [###############-----] 75 % of 100.0 MiB"
                            "  live 50.0 MiB  +5.0 MiB/s");
}

static void above_the_budget(void **state) {
  char text[320];
  (void)state;
  memset(&watch, 0, sizeof watch);
  ul_figures_init(&watch.figures, 100 * MIB);
  ul_figures_add(&watch.figures, 1, 130 * MIB);
  ul_live_line_text(text, sizeof text, &watch, true);
  assert_non_null(strstr(text, "\033[31m####################\033[0m] 130 %"));
}

static void a_short_buffer_is_kept(void **state) {
  char text[24];
  (void)state;
  ul_live_line_text(text, sizeof text, &watch, true);
  assert_int_equal(strlen(text), sizeof text - 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_a_budget),
      cmocka_unit_test(with_a_budget),
      cmocka_unit_test(above_the_budget),
      cmocka_unit_test(a_short_buffer_is_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
