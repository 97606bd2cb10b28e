/* SPDX-License-Identifier: MIT */
/* test_knobs_others.c: Node, Python, .NET, native. */
#include "knobs_help.h"

static void node_by_the_formula(void **state) {
  static const struct {
    uint64_t    budget_mib;
    const char *semi, *old;
  } rows[] = {{512, "=4", "=366"},    /* 0.74 B = 378 */
              {1024, "=8", "=733"},   /* 757 */
              {4096, "=32", "=2935"}, /* 3031 */
              {65536, "=64", "=48304"},
              {128, "=1", "=69"}}; /* B - 56 MiB = 72 is less than 0.74 B */
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    begin(UL_RUNTIME_NODE, rows[i].budget_mib * UL_MIB);
    assert_int_equal(make(), 0);
    assert_string_equal(value_of("--max-semi-space-size"), rows[i].semi);
    assert_string_equal(value_of("--max-old-space-size"), rows[i].old);
  }
}

static void nodes_options_of_the_user(void **state) {
  char *environment[] = {"NODE_OPTIONS=--max_semi_space_size=16 --trace-warnings", NULL};
  char *arguments[] = {"node",
                       "-r",
                       "--max-old-space-size=1",
                       "--max-old-space-size=4096",
                       "app.js",
                       "--max-old-space-size=2",
                       NULL};
  (void)state;
  begin(UL_RUNTIME_NODE, 512 * UL_MIB);
  input.environment = environment;
  assert_int_equal(make(), 0);
  assert_true(is_kept("--max-semi-space-size"));
  assert_string_equal(value_of("--max-semi-space-size"), "=16");
  assert_string_equal(value_of("--max-old-space-size"), "=330"); /* 378 - 3 x 16 */
  assert_int_equal(row_of("--max-old-space-size")->origin, UL_KNOB_EXTENDED);
  input.arguments = arguments;
  assert_int_equal(make(), 0);
  assert_true(is_kept("--max-old-space-size"));
  assert_string_equal(value_of("--max-old-space-size"), "=4096");
  assert_true(warned("--max-old-space-size=4096 is kept"));
}

static void dotnet_is_hexadecimal(void **state) {
  char *environment[] = {"DOTNET_GCHeapHardLimit=536870912", NULL};
  (void)state;
  begin(UL_RUNTIME_DOTNET, 512 * UL_MIB);
  assert_int_equal(make(), 0);
  assert_string_equal(value_of("DOTNET_GCHeapHardLimit"), "18000000"); /* 384 MiB */
  begin(UL_RUNTIME_DOTNET, 1500000000);
  assert_int_equal(make(), 0);
  assert_string_equal(value_of("DOTNET_GCHeapHardLimit"), "430E2340"); /* 1125000000 */
  input.environment = environment;
  assert_int_equal(make(), 0);
  assert_true(is_kept("DOTNET_GCHeapHardLimit"));
  assert_true(warned("reads it as hexadecimal"));
  environment[0] = "DOTNET_GCHeapHardLimitPercent=3C";
  assert_int_equal(make(), 0);
  assert_true(is_kept("DOTNET_GCHeapHardLimitPercent"));
  assert_null(row_of("DOTNET_GCHeapHardLimit"));
}

static void python_collects_in_time(void **state) {
  (void)state;
  begin(UL_RUNTIME_PYTHON, 512 * UL_MIB);
  assert_int_equal(make(), 0);
  assert_string_equal(value_of("PYTHONMALLOC"), "malloc");
  assert_string_equal(value_of("PYTHONPATH"), "/share/python");
  assert_string_equal(value_of("ULLAGE_PYTHON_COLLECT_AT"), "375809637"); /* 70 % */
  assert_string_equal(value_of("ULLAGE_BUDGET"), "520093696");            /* 16 MiB less */
  assert_int_equal(knobs.warning_count, 0);
  input.python_directory = NULL;
  assert_int_equal(make(), 0);
  assert_null(row_of("PYTHONPATH"));
  assert_true(warned("was not found beside this command"));
}

static void python_shut_against_us_is_said(void **state) {
  static const struct {
    const char *option, *warning; /* NULL: none */
  } rows[] = {{"-I", "-E or -I"},   {"-E", "-E or -I"},  {"-sE", "-E or -I"}, {"-uI", "-E or -I"},
              {"-S", "told by -S"}, {"-u", NULL},        {"-cI", NULL},       {"-WE", NULL},
              {"-XS", NULL},        {"--version", NULL}, {"I.py", NULL}};
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    char *arguments[] = {"python3", (char *)rows[i].option, "x.py", "-I", NULL};
    begin(UL_RUNTIME_PYTHON, 512 * UL_MIB);
    input.arguments = arguments;
    assert_int_equal(make(), 0);
    assert_int_equal(knobs.warning_count, rows[i].warning ? 1 : 0);
    if (rows[i].warning) assert_true(warned(rows[i].warning));
  }
  /* #!/usr/bin/python3 -I: what follows the script is the script's. */
  char *arguments[] = {"tool", "-E", NULL};
  begin(UL_RUNTIME_PYTHON, 512 * UL_MIB);
  program.is_script = true;
  input.arguments = arguments;
  assert_int_equal(make(), 0);
  assert_int_equal(knobs.warning_count, 0);
  strcpy(program.interpreter_option, "-Is");
  assert_int_equal(make(), 0);
  assert_true(warned("-E or -I"));
}

static void native_is_told_the_budget_less_a_reserve(void **state) {
  char *environment[] = {"ULLAGE_BUDGET=200M", "ULLAGE_ON_BUDGET=grow", NULL};
  (void)state;
  begin(UL_RUNTIME_NATIVE, 1500000000);
  assert_int_equal(make(), 0);
  assert_string_equal(value_of("ULLAGE_BUDGET"), "1455000000");
  assert_null(row_of("ULLAGE_ON_BUDGET"));
  input.on_budget = UL_ON_BUDGET_FAIL;
  assert_int_equal(make(), 0);
  assert_string_equal(value_of("ULLAGE_ON_BUDGET"), "fail");
  /* A flag comes before the variable; alone, the variable stays as it is. */
  input.environment = environment;
  assert_int_equal(make(), 0);
  assert_string_equal(value_of("ULLAGE_BUDGET"), "1455000000");
  assert_non_null(strstr(row_of("ULLAGE_BUDGET")->why, "ULLAGE_BUDGET was 200M"));
  assert_string_equal(value_of("ULLAGE_ON_BUDGET"), "fail");
  input.budget_is_ordered = false;
  input.on_budget = UL_ON_BUDGET_DEFAULT;
  assert_int_equal(make(), 0);
  assert_true(is_kept("ULLAGE_BUDGET"));
  assert_true(is_kept("ULLAGE_ON_BUDGET"));
}

static void what_cannot_be_preloaded_is_enclosed_only(void **state) {
  (void)state;
  begin(UL_RUNTIME_NATIVE, 512 * UL_MIB);
  input.preloads = false;
  assert_int_equal(make(), 0);
  assert_int_equal(ul_knobs_own_count(&knobs), 0);
  assert_true(warned("kept by enclosure only"));
}

/* A lock, a recorder, a wrapper in C: whatever it is, the Go program or the JVM that it starts finds
 * its settings, and nothing is said of them. */
static void whatever_it_starts_is_told(void **state) {
  (void)state;
  begin(UL_RUNTIME_NATIVE, 512 * UL_MIB);
  input.preloads = true;
  assert_int_equal(make(), 0);
  assert_int_equal(ul_knobs_own_count(&knobs), 2); /* ULLAGE_BUDGET, ULLAGE_BUDGET_OTHER */
  assert_string_equal(value_of("GOMEMLIMIT"), "450MiB");
  assert_string_equal(value_of("PYTHONMALLOC"), "malloc");
  assert_string_equal(row_of("-XX:MaxRAM=")->variable, "JAVA_TOOL_OPTIONS");
  assert_null(row_of("-Xmx")); /* it could clash with one that is passed on */
  assert_int_equal(knobs.warning_count, 0);
  begin(UL_RUNTIME_GO, 100 * UL_MIB); /* less than a JVM needs, which this is not */
  assert_int_equal(make(), 0);
  assert_null(row_of("-XX:MaxRAM="));
  assert_non_null(row_of("--max-old-space-size"));
  assert_int_equal(knobs.warning_count, 0);
}

static void a_launcher_says_who_has_too_little(void **state) {
  (void)state;
  begin(UL_RUNTIME_NATIVE, 60 * UL_MIB);
  program.is_launcher = true;
  assert_int_equal(make(), 0);
  assert_true(warned("told nothing: JVM (1"));
  assert_true(warned("Node (75 MiB)"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(node_by_the_formula),
      cmocka_unit_test(nodes_options_of_the_user),
      cmocka_unit_test(dotnet_is_hexadecimal),
      cmocka_unit_test(python_collects_in_time),
      cmocka_unit_test(python_shut_against_us_is_said),
      cmocka_unit_test(native_is_told_the_budget_less_a_reserve),
      cmocka_unit_test(what_cannot_be_preloaded_is_enclosed_only),
      cmocka_unit_test(whatever_it_starts_is_told),
      cmocka_unit_test(a_launcher_says_who_has_too_little),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
