/* SPDX-License-Identifier: MIT */
/* test_prepare.c: what a program is started with. The library is not beside this test, so preloading
 * itself is tests/cli's; here: everything that does not depend on it, and that nothing leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch/prepare.h"

static const char *value_of(const ul_plan *plan, const char *name) {
  size_t length = strlen(name);
  for (char **at = plan->environment; *at; at++) {
    if (strncmp(*at, name, length) == 0 && (*at)[length] == '=') return *at + length + 1;
  }
  return NULL;
}

static char *arguments[] = {"dir/prog", "-x", "y z", NULL};
static char *environment[] = {"A=1", "PATH=/bin", "ULLAGE_RUN=outer", "EMPTY=", NULL};

static void the_environment_is_kept(void **state) {
  static ul_program program = {.path = "/dir/prog",
                               .runtime = UL_RUNTIME_GO,
                               .is_static = true,
                               .preload = UL_PRELOAD_NOT_THIS_RUNTIME};
  static ul_plan    plan;
  (void)state;
  assert_int_equal(ul_plan_make(&program, arguments, environment, 0, "inner", NULL, &plan), 0);
  assert_false(plan.preloaded);
  assert_string_equal(plan.path, "/dir/prog");
  assert_string_equal(value_of(&plan, "A"), "1");
  assert_string_equal(value_of(&plan, "EMPTY"), "");
  assert_string_equal(value_of(&plan, "ULLAGE_RUN"), "inner:outer"); /* a run inside a run */
  assert_null(value_of(&plan, "LD_PRELOAD"));
  assert_null(value_of(&plan, "ULLAGE_BUDGET"));
  assert_null(value_of(&plan, "PYTHONMALLOC"));
  for (size_t i = 0; i < 4; i++) assert_ptr_equal(plan.arguments[i], arguments[i]);
  assert_string_equal(
      plan.sentence, "prog: Go, static; run and watched only (its runtime manages its own memory)");
  ul_plan_done(&plan);
}

static void text_without_a_first_line_goes_to_the_shell(void **state) {
  static ul_program program = {.path = "/dir/prog",
                               .interpreter = "/bin/sh",
                               .is_script = true,
                               .needs_shell = true,
                               .runtime = UL_RUNTIME_NATIVE,
                               .preload = UL_PRELOAD_SECURE};
  static ul_plan    plan;
  (void)state;
  assert_int_equal(ul_plan_make(&program, arguments, environment, 0, NULL, NULL, &plan), 0);
  assert_string_equal(plan.path, "/bin/sh");
  assert_string_equal(plan.arguments[0], "/bin/sh");
  assert_string_equal(plan.arguments[1], "/dir/prog");
  assert_string_equal(plan.arguments[2], "-x");
  assert_string_equal(plan.arguments[3], "y z");
  assert_null(plan.arguments[4]);
  assert_string_equal(value_of(&plan, "ULLAGE_RUN"), "outer");
  ul_plan_done(&plan);
}

static void each_reason_is_said(void **state) {
  static const struct {
    enum ul_preload preload;
    const char     *words;
  } rows[] = {
      {UL_PRELOAD_SECURE, "raises its privileges"},
      {UL_PRELOAD_OTHER_MACHINE, "for another machine"},
      {UL_PRELOAD_OTHER_LIBC, "does not use glibc"},
      {UL_PRELOAD_SANITIZER, "sanitizer"},
      {UL_PRELOAD_YES, "not found beside this command"},
  };
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    static ul_program program = {.path = "/dir/prog", .runtime = UL_RUNTIME_NATIVE};
    static ul_plan    plan;
    program.preload = rows[i].preload;
    assert_int_equal(ul_plan_make(&program, arguments, environment, 100u << 20, NULL, NULL, &plan),
                     0);
    if (!plan.preloaded) {
      assert_non_null(strstr(plan.sentence, rows[i].words));
      assert_non_null(strstr(plan.sentence, ", budget 100.0 MiB"));
    }
    ul_plan_done(&plan);
  }
}

static void knobs_extend_what_is_there(void **state) {
  static ul_program program = {
      .path = "/dir/prog", .runtime = UL_RUNTIME_JVM, .preload = UL_PRELOAD_NOT_THIS_RUNTIME};
  static ul_knobs knobs = {
      .rows = {{.join = UL_KNOB_WORDS, .variable = "OPTIONS", .option = "-a", .value = "1"},
               {.join = UL_KNOB_WORDS, .variable = "OPTIONS", .option = "-b", .value = "=2"},
               {.join = UL_KNOB_WORDS,
                .origin = UL_KNOB_KEPT,
                .variable = "OPTIONS",
                .option = "-c",
                .value = "3"},
               {.join = UL_KNOB_WORDS, .variable = "NEW", .option = "-d", .value = ""},
               {.join = UL_KNOB_PATHS, .variable = "PATHS", .value = "/ours"},
               {.join = UL_KNOB_PATHS, .variable = "THERE", .value = "/ours"},
               {.join = UL_KNOB_WHOLE, .variable = "LIMIT", .value = "10MiB"},
               {.join = UL_KNOB_WHOLE, .origin = UL_KNOB_KEPT, .variable = "", .value = "x"}},
      .count = 8};
  static char   *before[] = {"OPTIONS=-c3 -x", "PATHS=/a:/b", "THERE=/a:/ours", "LIMIT=1M", NULL};
  static ul_plan plan;
  (void)state;
  assert_int_equal(ul_plan_make(&program, arguments, before, 100u << 20, NULL, &knobs, &plan), 0);
  assert_string_equal(value_of(&plan, "OPTIONS"), "-a1 -b=2 -c3 -x"); /* the user's win: last */
  assert_string_equal(value_of(&plan, "NEW"), "-d");
  assert_string_equal(value_of(&plan, "PATHS"), "/ours:/a:/b");
  assert_string_equal(value_of(&plan, "THERE"), "/a:/ours"); /* a run inside a run */
  assert_string_equal(value_of(&plan, "LIMIT"), "10MiB");
  assert_null(value_of(&plan, ""));
  assert_string_equal(plan.sentence, "prog: JVM; told its budget of 100.0 MiB");
  ul_plan_done(&plan);
}

static void the_library_is_looked_for_by_place(void **state) {
  char directory[] = "/tmp/ullage-prepare-XXXXXX", path[200], found[PATH_MAX] = "", command[300];
  (void)state;
  assert_non_null(mkdtemp(directory));
  snprintf(path, sizeof path, "%s/bin/ullage", directory);
  assert_false(ul_plan_find_library(path, found));
  assert_false(ul_plan_find_library("", found));
  snprintf(command, sizeof command,
           "cd %s && mkdir -p bin lib/machine && touch lib/machine/libullage.so.0", directory);
  assert_int_equal(system(command), 0);
  assert_true(ul_plan_find_library(path, found));
  assert_non_null(strstr(found, "/lib/machine/libullage.so.0"));
  snprintf(command, sizeof command, "touch %s/bin/libullage.so.0", directory);
  assert_int_equal(system(command), 0);
  assert_true(ul_plan_find_library(path, found));
  assert_non_null(strstr(found, "/bin/libullage.so.0")); /* beside the command comes first */
  snprintf(command, sizeof command, "rm -r %s", directory);
  assert_int_equal(system(command), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_environment_is_kept),
      cmocka_unit_test(text_without_a_first_line_goes_to_the_shell),
      cmocka_unit_test(each_reason_is_said),
      cmocka_unit_test(knobs_extend_what_is_there),
      cmocka_unit_test(the_library_is_looked_for_by_place),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
