/* SPDX-License-Identifier: MIT */
/* test_report_page.c: what the page says of the budget, and of limits that were ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "launch/report.h"

static ul_run_result result;
static ul_knobs      knobs;
static char          page[4096];

static int begin(void **state) {
  (void)state;
  memset(&result, 0, sizeof result);
  memset(&knobs, 0, sizeof knobs);
  result.peak_rss_bytes = 150 * UL_MIB;
  result.budget_bytes = 100 * UL_MIB;
  result.budget_exceeded_at_ns = result.peak_pss_bytes = result.live_bytes = UL_UNKNOWN;
  return 0;
}

/* The page (`of_next`: its last lines) as text. */
static const char *page_of(bool of_next) {
  FILE *out = fmemopen(page, sizeof page, "w");
  assert_non_null(out);
  memset(page, 0, sizeof page);
  if (of_next) {
    ul_report_next(out, &result, &knobs);
  } else {
    ul_report_page(out, &result, (char *const[]){"sh", NULL});
  }
  fclose(out);
  return page;
}

/* Pages that others brought into memory are in the resident set, not in the count of the group. */
static void in_its_group_the_groups_count_decides(void **state) {
  (void)state;
  result.enclose.kind = UL_ENCLOSURE_CGROUP1;
  result.enclose.peak_bytes = 90 * UL_MIB;
  assert_int_equal(ul_report_used(&result), 90 * UL_MIB);
  assert_true(ul_report_budget_kept(&result));
  assert_non_null(strstr(page_of(false), "kept, with 10.0 MiB (10.0 %) to spare"));
}

/* What went to another group is not in that count: 0.5 MiB stayed, 150 were held. */
static void who_left_his_group_is_judged_by_what_was_seen(void **state) {
  (void)state;
  result.enclose.kind = UL_ENCLOSURE_CGROUP1;
  result.enclose.peak_bytes = UL_MIB / 2;
  result.enclose.moved_out = true;
  assert_int_equal(ul_report_used(&result), 150 * UL_MIB);
  assert_false(ul_report_budget_kept(&result));
  assert_non_null(strstr(page_of(false), "EXCEEDED by 50.0 MiB (50.0 %)"));
  assert_null(strstr(page, "to spare"));
  result.peak_rss_bytes = 99 * UL_MIB;
  assert_true(ul_report_budget_kept(&result));
  assert_non_null(strstr(page_of(false), "kept, with 1.0 MiB"));
  result.peak_rss_bytes = UL_UNKNOWN;
  assert_int_equal(ul_report_used(&result), UL_MIB / 2);
}

static void limits_that_were_ours_are_named_at_such_an_end(void **state) {
  (void)state;
  knobs.rows[0] = (ul_knob){.option = "-Xmx", .value = "354m"};
  knobs.rows[1] = (ul_knob){.option = "-XX:MaxDirectMemorySize=", .value = "10m"};
  strcpy(knobs.rows[1].why, "direct buffers: measured x 1.3, at least 10");
  knobs.rows[2] = (ul_knob){.option = "-XX:+ExitOnOutOfMemoryError"};
  knobs.count = 3;
  result.program.runtime = UL_RUNTIME_JVM;
  assert_string_equal(page_of(true), "");
  result.exit_reason = UL_EXIT_REASON_CODE;
  for (result.exit_code = 1; result.exit_code <= 3; result.exit_code += 2) {
    page_of(true);
    for (char *at = page, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
      assert_true(end - at <= 79 && strncmp(at, "  ", 2) == 0); /* a terminal shows it whole */
    }
    for (char *at = page; *at; at++) *at = *at == '\n' ? ' ' : *at;
    assert_non_null(strstr(page, "heap 354,"));
  }
  result.exit_code = 2;
  assert_string_equal(page_of(true), "");
  result.exit_code = 3;
  result.program.runtime = UL_RUNTIME_GO;
  assert_string_equal(page_of(true), "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(in_its_group_the_groups_count_decides, begin),
      cmocka_unit_test_setup(who_left_his_group_is_judged_by_what_was_seen, begin),
      cmocka_unit_test_setup(limits_that_were_ours_are_named_at_such_an_end, begin),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
