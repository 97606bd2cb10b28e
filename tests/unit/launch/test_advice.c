/* SPDX-License-Identifier: MIT */
/* test_advice.c: for each rule a run in which it speaks, and one beside it in which it does not. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "launch/advice.h"

#define SECOND ((uint64_t)1000000000u)

static ul_run_result result;
static ul_timeline   line;
static ul_knobs      knobs;
static ul_advice     advice[UL_ADVICE_MAX];

/* A run of ten seconds that has nothing to be said about. */
static int begin(void **state) {
  (void)state;
  memset(&result, 0, sizeof result);
  memset(&knobs, 0, sizeof knobs);
  result.program.runtime = UL_RUNTIME_NATIVE;
  result.preloaded = true;
  result.wall_ns = 10 * SECOND;
  result.samples = 200;
  result.peak_rss_bytes = 800 * UL_MIB;
  result.budget_bytes = 1000 * UL_MIB;
  result.budget_exceeded_at_ns = UL_UNKNOWN;
  result.live_bytes = UL_UNKNOWN;
  ul_timeline_init(&line, result.budget_bytes);
  return 0;
}

static const ul_advice *find(const char *text, const ul_peak_parts *parts) {
  size_t count = ul_advise_told(&result, &line, parts, &knobs, advice);
  assert_in_range(count, 0, UL_ADVICE_MAX);
  for (size_t i = 0; i < count; i++) {
    assert_true(strlen(advice[i].text) > 20);
    assert_int_equal(advice[i].text[strlen(advice[i].text) - 1], '.'); /* not cut off */
    if (strstr(advice[i].text, text)) return &advice[i];
  }
  return NULL;
}

static void a_good_run_needs_nothing(void **state) {
  (void)state;
  assert_int_equal(ul_advise(&result, &line, NULL, advice), 0);
}

static void the_wall_asks_to_grow(void **state) {
  (void)state;
  result.exit_reason = UL_EXIT_REASON_WALL;
  result.enclose.ended_at_wall = true;
  result.enclose.kind = UL_ENCLOSURE_CGROUP2;
  assert_string_equal(find("nothing more could be reclaimed", NULL)->flags,
                      "--budget 1000Mi --max-budget 2Gi"); /* 2000 MiB, in steps of 64 */
}

static void a_kill_names_whose_limit_it_was(void **state) {
  (void)state;
  result.exit_reason = UL_EXIT_REASON_OOM_KILL;
  assert_non_null(find("ullage doctor", NULL));
  result.oom.group_kills = 1;
  result.oom.limit_bytes = 512 * UL_MIB;
  assert_null(find("ullage doctor", NULL));
  assert_string_equal(find("may hold 512.0 MiB", NULL)->flags, "--budget 480Mi");
}

static void too_much_names_what_is_needed(void **state) {
  (void)state;
  result.peak_rss_bytes = 1500 * UL_MIB;
  assert_string_equal(find("held 1500.0 MiB with a budget of 1000.0 MiB", NULL)->flags,
                      "--budget 1856Mi");
  result.enclose.kind = UL_ENCLOSURE_CGROUP1; /* there the group's count decides */
  result.enclose.peak_bytes = 990 * UL_MIB;
  assert_null(find("with a budget of", NULL));
  assert_non_null(find("with 10.0 MiB to spare", NULL));
}

static void room_is_measured_on_both_sides(void **state) {
  (void)state;
  result.peak_rss_bytes = 200 * UL_MIB;
  assert_string_equal(find("20 % of its budget", NULL)->flags, "--budget 240Mi");
  result.peak_rss_bytes = 980 * UL_MIB;
  assert_null(find("% of its budget", NULL));
  assert_non_null(find("with 20.0 MiB to spare", NULL));
}

static void a_raise_becomes_the_next_budget(void **state) {
  (void)state;
  result.enclose.kind = UL_ENCLOSURE_CGROUP2;
  result.enclose.raised_to_bytes = 1216 * UL_MIB;
  assert_string_equal(find("the budget rose to 1216.0 MiB", NULL)->flags, "--budget 1216Mi");
}

/* What was not enough once is no advice for the next time. */
static void a_raise_that_was_not_enough_is_no_budget(void **state) {
  (void)state;
  result.enclose.kind = UL_ENCLOSURE_CGROUP2;
  result.budget_bytes = 60 * UL_MIB;
  result.enclose.raised_to_bytes = 80 * UL_MIB;
  result.enclose.ended_at_wall = true;
  result.exit_reason = UL_EXIT_REASON_WALL;
  assert_string_equal(find("let it grow", NULL)->flags, "--budget 60Mi --max-budget 160Mi");
  assert_null(find("the budget rose to", NULL));
}

/* A budget below the least is refused with 125. */
static void nothing_below_the_least_is_advised(void **state) {
  (void)state;
  result.peak_rss_bytes = 12 * UL_MIB;
  assert_string_equal(find("smaller budget", NULL)->flags, "--budget 15Mi");
  knobs.least_bytes = 75 * UL_MIB;
  assert_string_equal(find("smaller budget", NULL)->flags, "--budget 80Mi");
  knobs.least_bytes = 0; /* a launcher needs little itself, and what it starts was told, too */
  knobs.told_least_bytes = 90 * UL_MIB;
  assert_string_equal(find("smaller budget", NULL)->flags, "--budget 96Mi");
  result.budget_bytes = 80 * UL_MIB;
  assert_null(find("smaller budget", NULL));
  result.exit_reason = UL_EXIT_REASON_OOM_KILL;
  result.oom.group_kills = 1;
  result.oom.limit_bytes = 64 * UL_MIB;
  assert_string_equal(find("may hold 64.0 MiB", NULL)->flags, "");
}

/* Without a budget nothing was told, and node's least is that of a budget it could have. */
static void the_least_is_known_without_a_budget(void **state) {
  (void)state;
  result.program.runtime = UL_RUNTIME_NODE;
  result.preloaded = false;
  result.budget_bytes = 0;
  result.peak_rss_bytes = 40 * UL_MIB;
  assert_int_equal(ul_advise(&result, &line, NULL, advice), 1);
  assert_string_equal(advice[0].flags, "--budget 80Mi"); /* 75 in steps of 16 */
}

static void end_with(enum ul_exit_reason reason, int number) {
  result.exit_reason = reason;
  result.exit_code = reason == UL_EXIT_REASON_CODE ? number : -1;
  result.exit_signal = reason == UL_EXIT_REASON_SIGNAL ? number : 0;
}

static void a_failure_is_never_told_that_all_is_well(void **state) {
  (void)state;
  result.peak_rss_bytes = 50 * UL_MIB;
  assert_non_null(find("smaller budget", NULL));
  end_with(UL_EXIT_REASON_CODE, 7);
  assert_null(find("smaller budget", NULL));
  assert_non_null(find("ended with exit code 7, and nothing that was seen", NULL));
  end_with(UL_EXIT_REASON_SIGNAL, SIGSEGV);
  assert_non_null(find("ended by signal 11, and nothing that was seen", NULL));
  result.told_to_end = SIGTERM;
  assert_non_null(find("was told to end", NULL));
  assert_null(find("smaller", NULL));
}

static void tell(enum ul_runtime runtime, const char *option, const char *value, const char *why) {
  ul_knob *knob = &knobs.rows[knobs.count++];
  *knob = (ul_knob){.runtime = runtime, .variable = option[0] == '-' ? "OPTIONS" : option};
  if (option[0] == '-') snprintf(knob->option, sizeof knob->option, "%s", option);
  snprintf(knob->value, sizeof knob->value, "%s", value);
  snprintf(knob->why, sizeof knob->why, "%s", why);
}

static void be_jvm(const char *heap) {
  result.program.runtime = UL_RUNTIME_JVM;
  result.preloaded = false;
  if (heap) tell(UL_RUNTIME_JVM, "-Xmx", heap, "what the budget leaves");
  tell(UL_RUNTIME_JVM, "-XX:MaxMetaspaceSize=", "48m", "classes: measured x 1.3");
  tell(UL_RUNTIME_JVM, "-XX:MaxDirectMemorySize=", "154m", "until it is measured");
  tell(UL_RUNTIME_JVM, "-XX:+ExitOnOutOfMemoryError", "", "");
}

static void a_jvm_at_its_limit_is_named_with_ours(void **state) {
  const ul_advice *found;
  (void)state;
  be_jvm("354m");
  result.peak_rss_bytes = 80 * UL_MIB;
  end_with(UL_EXIT_REASON_CODE, 3);
  found = find("as -XX:+ExitOnOutOfMemoryError makes a JVM do", NULL);
  assert_non_null(found);
  assert_non_null(strstr(found->text,
                         "in MiB: heap 354, metaspace 48 (measured), direct buffers 154; measured "
                         "is what earlier runs showed (ullage runs)."));
  assert_non_null(strstr(found->text, "-XX:MaxMetaspaceSize=96m"));
  assert_string_equal(found->flags, "--budget 2Gi");
  assert_null(find("smaller budget", NULL));
  assert_null(find("nothing that was seen", NULL));
  end_with(UL_EXIT_REASON_CODE, 1); /* what Java code throws */
  assert_non_null(find("Where stderr names an OutOfMemoryError", NULL));
  end_with(UL_EXIT_REASON_CODE, 2);
  assert_null(find("OutOfMemoryError", NULL));
  assert_non_null(find("nothing that was seen", NULL));
  end_with(UL_EXIT_REASON_CODE, 3);
  knobs.count--; /* a JVM that was not told to end so */
  assert_null(find("OutOfMemoryError", NULL));
}

static void a_jvm_behind_a_launcher_is_named_as_possible(void **state) {
  const ul_advice *found;
  (void)state;
  be_jvm(NULL);
  tell(UL_RUNTIME_JVM, "-XX:MaxRAM=", "536870912", "");
  tell(UL_RUNTIME_JVM, "-XX:MaxRAMPercentage=", "50.00", "");
  result.program.runtime = UL_RUNTIME_NATIVE;
  result.program.is_launcher = true;
  end_with(UL_EXIT_REASON_CODE, 3);
  found = find("If what it started is a JVM", NULL);
  assert_non_null(found);
  assert_non_null(strstr(found->text, "heap 256, metaspace 48"));
  end_with(UL_EXIT_REASON_CODE, 1);
  assert_null(find("JVM", NULL));
}

static void limits_of_the_users_are_not_ours(void **state) {
  char text[UL_ADVICE_LIMITS_MAX];
  (void)state;
  assert_false(ul_advice_limits(NULL, UL_RUNTIME_JVM, text));
  be_jvm("354m");
  assert_true(ul_advice_limits(&knobs, UL_RUNTIME_JVM, text));
  assert_false(ul_advice_limits(&knobs, UL_RUNTIME_NODE, text));
  for (size_t i = 0; i < knobs.count; i++) knobs.rows[i].origin = UL_KNOB_KEPT;
  assert_false(ul_advice_limits(&knobs, UL_RUNTIME_JVM, text));
  end_with(UL_EXIT_REASON_CODE, 3);
  assert_null(find("Ullage set these", NULL));
}

static void node_at_its_limit_is_named(void **state) {
  const ul_advice *found;
  (void)state;
  result.program.runtime = UL_RUNTIME_NODE;
  result.preloaded = false;
  tell(UL_RUNTIME_NODE, "--max-old-space-size", "=379", "MiB");
  end_with(UL_EXIT_REASON_SIGNAL, SIGABRT);
  found = find("as Node does when its heap is full", NULL);
  assert_non_null(found);
  assert_non_null(strstr(found->text, "limited to 379 MiB, which ullage set"));
  assert_string_equal(found->flags, "--budget 2Gi");
  knobs.rows[0].origin = UL_KNOB_KEPT;
  found = find("which you set", NULL);
  assert_string_equal(found->flags, "");
  result.program.is_launcher = true; /* npm start */
  end_with(UL_EXIT_REASON_CODE, 134);
  assert_non_null(find("What it started aborted, as Node does", NULL));
  result.program.is_launcher = false;
  result.program.runtime = UL_RUNTIME_NATIVE;
  assert_null(find("Node", NULL));
}

static void what_on_budget_asked_for_is_named(void **state) {
  (void)state;
  tell(UL_RUNTIME_NATIVE, "ULLAGE_BUDGET", "1031798784", "");
  tell(UL_RUNTIME_NATIVE, "ULLAGE_ON_BUDGET", "abort", "");
  end_with(UL_EXIT_REASON_CODE, 1);
  assert_null(find("--on-budget", NULL));
  end_with(UL_EXIT_REASON_SIGNAL, SIGABRT);
  assert_non_null(find("It aborted. With --on-budget abort", NULL));
  assert_non_null(find("limit, here 984.0 MiB", NULL));
  result.preloaded = false;
  assert_null(find("--on-budget", NULL));
  result.preloaded = true;
  strcpy(knobs.rows[1].value, "fail");
  end_with(UL_EXIT_REASON_CODE, 1);
  assert_non_null(find("failed in a run with --on-budget fail", NULL));
}

static void a_kill_of_a_child_is_named(void **state) {
  (void)state;
  end_with(UL_EXIT_REASON_CODE, 137);
  assert_non_null(find("no kill was counted in its group", NULL));
  result.oom.group_kills = 1;
  assert_string_equal(find("A process of it was killed for memory", NULL)->flags,
                      "--budget 1000Mi --max-budget 2Gi");
  result.budget_bytes = 0;
  assert_string_equal(find("A process of it was killed for memory", NULL)->flags, "");
  end_with(UL_EXIT_REASON_SIGNAL, SIGKILL);
  result.told_to_end = SIGTERM;
  assert_null(find("killed", NULL));
}

static void no_budget_is_offered_one(void **state) {
  (void)state;
  result.budget_bytes = 0;
  assert_string_equal(find("without a budget", NULL)->flags, "--budget 960Mi");
  result.peak_rss_bytes = UL_MIB; /* as small as a shell: not worth one */
  assert_null(find("without a budget", NULL));
}

static void free_and_foreign_memory_are_told_apart(void **state) {
  ul_peak_parts parts = {.valid = true,
                         .resident_bytes = 800 * UL_MIB,
                         .live_bytes = 400 * UL_MIB,
                         .free_bytes = 300 * UL_MIB};
  (void)state;
  assert_non_null(find("300.0 MiB of the heap were free", &parts));
  assert_null(find("were not this heap", &parts));
  parts.live_bytes = 100 * UL_MIB;
  parts.free_bytes = 10 * UL_MIB;
  assert_null(find("of the heap were free", &parts));
  assert_non_null(find("690.0 MiB of the peak were not this heap", &parts));
  parts.valid = false;
  assert_null(find("heap", &parts));
}

static void run_with(uint64_t (*bytes)(uint64_t second)) {
  ul_timeline_init(&line, 0);
  for (uint64_t i = 0; i <= 100; i++) {
    ul_timeline_look look = {.at_ns = i * SECOND, .resident_bytes = bytes(i)};
    ul_timeline_add(&line, &look);
  }
}

static uint64_t grows(uint64_t second) {
  return (100 + 5 * second) * UL_MIB;
}

static uint64_t levels_off(uint64_t second) {
  return (second < 40 ? 100 + 5 * second : 300) * UL_MIB;
}

static void growth_is_seen_only_where_it_goes_on(void **state) {
  (void)state;
  run_with(grows);
  assert_non_null(find("still growing", NULL));
  run_with(levels_off);
  assert_null(find("still growing", NULL));
}

static void what_was_not_done_is_said(void **state) {
  (void)state;
  strcpy(result.enclose.why_not, "<b>no right to make a cgroup");
  assert_non_null(find("watched, not enclosed: <b>no right", NULL));
  result.enclose.moved_out = true;
  assert_non_null(find("left its group", NULL));
  result.preloaded = false;
  result.program.is_static = true;
  assert_non_null(find("linked statically", NULL));
  result.wall_ns = SECOND / 10;
  result.samples = 1;
  assert_non_null(find("looked at 1 time.", NULL));
  result.major_faults = 100000;
  assert_non_null(find("waited for the disk", NULL));
}

static void look(uint64_t at_ns, uint64_t bytes) {
  ul_timeline_look one = {
      .at_ns = at_ns, .resident_bytes = bytes, .live_bytes = UL_TIMELINE_NO_LIVE};
  ul_timeline_add(&line, &one);
}

static void a_start_that_needs_most_is_named(void **state) {
  (void)state;
  result.wall_ns = 100 * SECOND;
  result.startup_peak_rss_bytes = 800 * UL_MIB;
  for (uint64_t at = 0; at < 100; at++) look(at * SECOND, (at < 4 ? 800 : 400) * UL_MIB);
  assert_non_null(find("800.0 MiB then, and never more than 400.0 MiB after", NULL));
  look(100 * SECOND, 700 * UL_MIB);
  assert_null(find("Its start-up decides", NULL));
}

/* The article's service: 30.5 % at 1500 MiB; the curve says where 10 % is. */
static void the_price_names_a_budget(void **state) {
  ul_price  price = {.k_bytes = 149.0 * UL_MIB, .l0_bytes = 1155.0 * UL_MIB, .points = 2};
  ul_advice one;
  (void)state;
  result.budget_bytes = 1600 * UL_MIB;
  assert_true(ul_advise_price(&result, &price, 1500 * UL_MIB, &one));
  assert_non_null(strstr(one.text, "some 30 % of the processor time"));
  assert_string_equal(one.flags, "--budget 2688Mi"); /* 1600 x 2496 / 1500, in steps of 64 */
  assert_true(ul_advise_price(&result, &price, 1200 * UL_MIB, &one));
  assert_non_null(strstr(one.text, "takes 40 % or more of"));
  assert_true(ul_advise_price(&result, &price, 6000 * UL_MIB, &one)); /* far more than it needs */
  assert_non_null(strstr(one.text, "is cheap enough"));
  knobs.least_bytes = 1280 * UL_MIB;
  assert_true(ul_advise_price_told(&result, &price, 6000 * UL_MIB, &knobs, &one));
  assert_string_equal(one.flags, "--budget 1280Mi");
  end_with(UL_EXIT_REASON_CODE, 1); /* what failed is not told to do with less */
  assert_false(ul_advise_price(&result, &price, 6000 * UL_MIB, &one));
  end_with(UL_EXIT_REASON_NORMAL, 0);
  assert_false(ul_advise_price(&result, &price, 2500 * UL_MIB, &one)); /* about right */
  assert_false(ul_advise_price(&result, &price, 0, &one));
}

static void budgets_are_written_as_one_types_them(void **state) {
  static const struct {
    uint64_t    bytes;
    const char *text;
  } rows[] = {{1, "1Mi"},
              {20 * UL_MIB + 1, "21Mi"},
              {100 * UL_MIB, "112Mi"},
              {112 * UL_MIB, "112Mi"},
              {1000 * UL_MIB, "1008Mi"},
              {1500 * UL_MIB, "1536Mi"},
              {2 * UL_GIB, "2Gi"},
              {20 * UL_GIB + 1, "20736Mi"}};
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    char text[24];
    ul_advice_budget(rows[i].bytes, text);
    assert_string_equal(text, rows[i].text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(a_good_run_needs_nothing, begin),
      cmocka_unit_test_setup(the_wall_asks_to_grow, begin),
      cmocka_unit_test_setup(a_kill_names_whose_limit_it_was, begin),
      cmocka_unit_test_setup(too_much_names_what_is_needed, begin),
      cmocka_unit_test_setup(room_is_measured_on_both_sides, begin),
      cmocka_unit_test_setup(a_raise_becomes_the_next_budget, begin),
      cmocka_unit_test_setup(no_budget_is_offered_one, begin),
      cmocka_unit_test_setup(a_raise_that_was_not_enough_is_no_budget, begin),
      cmocka_unit_test_setup(nothing_below_the_least_is_advised, begin),
      cmocka_unit_test_setup(the_least_is_known_without_a_budget, begin),
      cmocka_unit_test_setup(a_failure_is_never_told_that_all_is_well, begin),
      cmocka_unit_test_setup(a_jvm_at_its_limit_is_named_with_ours, begin),
      cmocka_unit_test_setup(a_jvm_behind_a_launcher_is_named_as_possible, begin),
      cmocka_unit_test_setup(limits_of_the_users_are_not_ours, begin),
      cmocka_unit_test_setup(node_at_its_limit_is_named, begin),
      cmocka_unit_test_setup(what_on_budget_asked_for_is_named, begin),
      cmocka_unit_test_setup(a_kill_of_a_child_is_named, begin),
      cmocka_unit_test_setup(free_and_foreign_memory_are_told_apart, begin),
      cmocka_unit_test_setup(growth_is_seen_only_where_it_goes_on, begin),
      cmocka_unit_test_setup(what_was_not_done_is_said, begin),
      cmocka_unit_test_setup(a_start_that_needs_most_is_named, begin),
      cmocka_unit_test_setup(the_price_names_a_budget, begin),
      cmocka_unit_test_setup(budgets_are_written_as_one_types_them, begin),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
