/* SPDX-License-Identifier: MIT */
/* test_knobs_jvm.c: the sum of a JVM's parts, the user's options in every place they may stand, and
 * what would keep a JVM from starting. That a real one starts is tests/cli/budget.bats'. */
#include "knobs_help.h"

static void the_sum_by_the_formula(void **state) {
  (void)state;
  begin(UL_RUNTIME_JVM, 512 * UL_MIB);
  assert_int_equal(make(), 0);
  /* 512 - 16 - 48 - 48 - 10 - 8 - 24 = 358; / 1.01 */
  assert_string_equal(value_of("-Xmx"), "354m");
  assert_string_equal(value_of("-XX:MaxMetaspaceSize="), "48m");
  assert_string_equal(value_of("-XX:ReservedCodeCacheSize="), "48m");
  /* 0.3 B; 10 of them are in the sum, and the heap makes room for more. */
  assert_string_equal(value_of("-XX:MaxDirectMemorySize="), "154m");
  assert_string_equal(value_of("-Xms"), "88m");
  assert_string_equal(value_of("-XX:MinHeapFreeRatio="), "10");
  assert_string_equal(value_of("-XX:MaxHeapFreeRatio="), "25");
  assert_string_equal(value_of("-Xss"), "512k");
  assert_non_null(row_of("-XX:+UseSerialGC"));
  assert_non_null(row_of("-XX:+ExitOnOutOfMemoryError"));
  assert_non_null(row_of("-XX:+HeapDumpOnOutOfMemoryError"));
  assert_string_equal(value_of("-XX:HeapDumpPath="), "/var/tmp");
  assert_null(row_of("-XX:G1HeapRegionSize="));
  assert_int_equal(knobs.warning_count, 0);
}

static void what_was_measured_is_used(void **state) {
  (void)state;
  begin(UL_RUNTIME_JVM, 512 * UL_MIB);
  input.facts = (ul_knob_facts){.metaspace_bytes = 10 * UL_MIB,
                                .code_cache_bytes = 20 * UL_MIB,
                                .direct_bytes = 150 * UL_MIB,
                                .threads = 20};
  assert_int_equal(make(), 0);
  /* In the sum 13 and 30 MiB; as limits what an unknown program would get. */
  assert_string_equal(value_of("-XX:MaxMetaspaceSize="), "48m");
  assert_string_equal(value_of("-XX:ReservedCodeCacheSize="), "48m");
  assert_string_equal(value_of("-XX:MaxDirectMemorySize="), "195m");
  /* 512 - 16 - 13 - 30 - 195 - 5 - 24 = 229; / 1.01 */
  assert_string_equal(value_of("-Xmx"), "226m");
  input.facts.live_bytes = 200 * UL_MIB;
  assert_int_equal(make(), 0);
  assert_true(warned("more than 85 % of the heap of 226 MiB"));
  input.facts = (ul_knob_facts){.classes = 5000};
  assert_int_equal(make(), 0);
  /* 14 MB + 10.15 MB; 512 - 16 - 24 - 48 - 10 - 8 - 24 = 382; / 1.01 */
  assert_string_equal(value_of("-Xmx"), "378m");
  input.facts.metaspace_bytes = 100 * UL_MIB;
  assert_int_equal(make(), 0);
  assert_string_equal(value_of("-XX:MaxMetaspaceSize="), "130m");
}

/* Once they are measured the heap is fixed, and the limit stays loose: one that is reached is an
 * error of which nobody outside learns. */
static void direct_buffers_are_learned(void **state) {
  char *arguments[] = {"java", "-XX:MinHeapFreeRatio=30", "Main", NULL};
  (void)state;
  begin(UL_RUNTIME_JVM, 512 * UL_MIB);
  input.facts.direct_bytes = 1;
  assert_int_equal(make(), 0);
  assert_string_equal(value_of("-XX:MaxDirectMemorySize="), "154m");
  assert_string_equal(value_of("-Xmx"), "354m");
  assert_string_equal(value_of("-Xms"), "354m");
  assert_null(row_of("-XX:MaxHeapFreeRatio="));
  /* The user's ratio stays alone: one of ours could contradict it, and then no JVM starts. */
  input.facts.direct_bytes = 0;
  input.arguments = arguments;
  assert_int_equal(make(), 0);
  assert_true(is_kept("-XX:MinHeapFreeRatio="));
  assert_null(row_of("-XX:MaxHeapFreeRatio="));
  /* Fixed from the start: then a sixteenth is counted at once. */
  begin(UL_RUNTIME_JVM, 1024 * UL_MIB);
  input.preset = UL_PRESET_PROD;
  assert_int_equal(make(), 0);
  /* 1024 - 30.7 - 48 - 64 - 64 - 8 - 24 = 785; / 1.01 */
  assert_string_equal(value_of("-Xmx"), "777m");
  assert_string_equal(value_of("-Xms"), "777m");
  assert_string_equal(value_of("-XX:MaxDirectMemorySize="), "308m");
}

static void g1_where_the_heap_pays(void **state) {
  (void)state;
  begin(UL_RUNTIME_JVM, 4 * UL_GIB);
  assert_int_equal(make(), 0);
  assert_string_equal(value_of("-Xmx"), "3276m"); /* 0.8 B */
  assert_non_null(row_of("-XX:+UseG1GC"));
  assert_string_equal(value_of("-XX:MaxGCPauseMillis="), "200");
  assert_string_equal(value_of("-XX:G1HeapRegionSize="), "16m");
  input.machine.cores = 1;
  assert_int_equal(make(), 0);
  assert_non_null(row_of("-XX:+UseSerialGC"));
  begin(UL_RUNTIME_JVM, 1024 * UL_MIB);
  assert_int_equal(make(), 0);
  assert_non_null(row_of("-XX:+UseSerialGC"));
}

static void dev_starts_small(void **state) {
  (void)state;
  begin(UL_RUNTIME_JVM, 1024 * UL_MIB);
  input.preset = UL_PRESET_DEV;
  assert_int_equal(make(), 0);
  assert_string_equal(value_of("-Xms"), "256m");
  input.preset = UL_PRESET_PROD;
  assert_int_equal(make(), 0);
  assert_string_equal(value_of("-Xms"), value_of("-Xmx"));
}

/* Each place where an option may stand, from what wins least to what wins. */
static void the_users_options_win_wherever_they_stand(void **state) {
  char *environment[] = {"JAVA_TOOL_OPTIONS=-Xmx100m -Dx=y", "JDK_JAVA_OPTIONS=-Xmx200m",
                         "_JAVA_OPTIONS=-Xmx300m", NULL};
  char *arguments[] = {"java", "-cp", "a.jar", "-Xmx250m", "Main", "-Xmx999m", NULL};
  (void)state;
  begin(UL_RUNTIME_JVM, 512 * UL_MIB);
  input.environment = environment;
  input.arguments = arguments;
  assert_int_equal(make(), 0);
  assert_true(is_kept("-Xmx"));
  assert_string_equal(value_of("-Xmx"), "300m");
  assert_string_equal(row_of("-Xmx")->variable, "_JAVA_OPTIONS");
  assert_null(row_of("-Xms")); /* it could be above theirs */
  environment[2] = NULL;
  assert_int_equal(make(), 0);
  assert_string_equal(value_of("-Xmx"), "250m");
  assert_string_equal(row_of("-Xmx")->variable, "");
  arguments[3] = "-Da=b";
  assert_int_equal(make(), 0);
  assert_string_equal(value_of("-Xmx"), "200m");
  environment[1] = NULL;
  assert_int_equal(make(), 0);
  assert_string_equal(value_of("-Xmx"), "100m");
  /* The variable was there: what is added to it extends it. */
  assert_int_equal(row_of("-XX:+UseSerialGC")->origin, UL_KNOB_EXTENDED);
  environment[0] = NULL;
  assert_int_equal(make(), 0);
  assert_string_equal(value_of("-Xmx"), "354m"); /* an argument of Main is none of the JVM's */
  assert_int_equal(row_of("-XX:+UseSerialGC")->origin, UL_KNOB_SET);
}

static void a_part_of_the_users_enters_the_sum(void **state) {
  char *arguments[] = {"java",
                       "-XX:MaxMetaspaceSize=24M",
                       "-XX:MaxDirectMemorySize=160m",
                       "-XX:ReservedCodeCacheSize=16m",
                       "-jar",
                       "a.jar",
                       NULL};
  (void)state;
  begin(UL_RUNTIME_JVM, 512 * UL_MIB);
  input.arguments = arguments;
  assert_int_equal(make(), 0);
  /* 512 - 16 - 24 - 16 - 160 - 8 - 24 = 264; / 1.01 */
  assert_string_equal(value_of("-Xmx"), "261m");
  input.budget_bytes = 300 * UL_MIB;
  arguments[2] = "-Da=b";
  assert_int_equal(make(), 0);
  assert_int_equal(knobs.least_bytes / UL_MIB, 114); /* 98 + 16.2, rounded down */
}

static void contradictions_are_named(void **state) {
  char *arguments[] = {"java", "-Xmx1g", "Main", NULL};
  (void)state;
  begin(UL_RUNTIME_JVM, 512 * UL_MIB);
  input.arguments = arguments;
  assert_int_equal(make(), 0);
  assert_true(warned("-Xmx1g is kept, but with 149 MiB for what is not heap"));
  assert_true(warned("give it 354m"));
  arguments[1] = "-Xmx360m"; /* above ours, but it fits */
  assert_int_equal(make(), 0);
  assert_int_equal(knobs.warning_count, 0);
  arguments[1] = "-XX:MaxRAMPercentage=95.0";
  assert_int_equal(make(), 0);
  assert_true(is_kept("-XX:MaxRAMPercentage="));
  assert_true(warned("-XX:MaxRAMPercentage=95.0 is kept"));
}

/* A JVM with two collectors, or with -Xms above -Xmx, does not start. */
static void nothing_clashes(void **state) {
  char *arguments[] = {"java", "-XX:+UseParallelGC", "-Xms600m", "Main", NULL};
  (void)state;
  begin(UL_RUNTIME_JVM, 512 * UL_MIB);
  input.arguments = arguments;
  assert_int_equal(make(), 0);
  assert_null(row_of("-XX:+UseSerialGC"));
  assert_true(is_kept("-XX:+UseParallelGC"));
  assert_string_equal(value_of("-Xmx"), "600m");
  assert_true(warned("-Xms600m is kept"));
  arguments[1] = "@options";
  arguments[2] = "-Da=b";
  assert_int_equal(make(), 0);
  assert_null(row_of("-XX:+UseSerialGC"));
  assert_null(row_of("-Xmx"));
  assert_non_null(row_of("-XX:MaxRAMPercentage="));
  assert_true(warned("options in an @file"));
}

static void what_a_script_will_pass_on_is_named(void **state) {
  char *environment[] = {"CATALINA_OPTS=-Xmx2g -XX:+UseG1GC", NULL};
  (void)state;
  begin(UL_RUNTIME_NATIVE, 512 * UL_MIB);
  program.is_launcher = true;
  input.environment = environment;
  assert_int_equal(make(), 0);
  assert_true(is_kept("-Xmx"));
  assert_string_equal(row_of("-Xmx")->variable, "CATALINA_OPTS");
  assert_true(warned("-Xmx2g is kept"));
}

static void the_dump_goes_where_it_may(void **state) {
  char *environment[] = {"ULLAGE_DUMP_DIR=/dumps", NULL};
  (void)state;
  begin(UL_RUNTIME_JVM, 512 * UL_MIB);
  input.environment = environment;
  assert_int_equal(make(), 0);
  assert_string_equal(value_of("-XX:HeapDumpPath="), "/dumps");
  environment[0] = "ULLAGE_DUMP_DIR=/my dumps"; /* it would be two words */
  assert_int_equal(make(), 0);
  assert_string_equal(value_of("-XX:HeapDumpPath="), "/var/tmp");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_sum_by_the_formula),
      cmocka_unit_test(what_was_measured_is_used),
      cmocka_unit_test(direct_buffers_are_learned),
      cmocka_unit_test(g1_where_the_heap_pays),
      cmocka_unit_test(dev_starts_small),
      cmocka_unit_test(the_users_options_win_wherever_they_stand),
      cmocka_unit_test(a_part_of_the_users_enters_the_sum),
      cmocka_unit_test(contradictions_are_named),
      cmocka_unit_test(nothing_clashes),
      cmocka_unit_test(what_a_script_will_pass_on_is_named),
      cmocka_unit_test(the_dump_goes_where_it_may),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
