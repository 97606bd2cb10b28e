/* SPDX-License-Identifier: MIT */
/* test_knobs.c: presets, launchers, faults, words; and that whatever comes in, the sums hold. */
#include "knobs_help.h"

#include <time.h>

#include "launch/knobs_rows.h"

static void words_are_cut_as_runtimes_cut_them(void **state) {
  const char *at = "  -Xmx1g \t\"-Dx=a b\" -Dy='c \"d'e\n";
  char        word[32];
  (void)state;
  assert_true(ul_words_next(&at, word, sizeof word));
  assert_string_equal(word, "-Xmx1g");
  assert_true(ul_words_next(&at, word, sizeof word));
  assert_string_equal(word, "-Dx=a b");
  assert_true(ul_words_next(&at, word, sizeof word));
  assert_string_equal(word, "-Dy=c \"de");
  assert_false(ul_words_next(&at, word, sizeof word));
  at = "12345678901 x";
  assert_true(ul_words_next(&at, word, 5));
  assert_string_equal(word, "1234"); /* cut off, not run over */
  assert_true(ul_words_next(&at, word, 5));
  assert_string_equal(word, "x");
  assert_string_equal(ul_words_match("--max_old_space_size=4", "--max-old-space-size", true), "=4");
  assert_null(ul_words_match("--max_old_space_size=4", "--max-old-space-size", false));
  assert_null(ul_words_match("-X", "-Xmx", false));
}

static void presets_mean_sizes(void **state) {
  static const struct {
    enum ul_preset preset;
    uint64_t       given, memory, limit, want; /* MiB */
  } rows[] = {
      {UL_PRESET_DEV, 0, 24576, 0, 1024},          {UL_PRESET_DEV, 512, 24576, 0, 512},
      {UL_PRESET_DEV, 4096, 24576, 0, 1024},       {UL_PRESET_DEV, 0, 24576, 300, 300},
      {UL_PRESET_PROD, 0, 24576, 0, 4096},         {UL_PRESET_PROD, 0, 8192, 0, 2048},
      {UL_PRESET_PROD, 0, 2048, 0, 1024},          {UL_PRESET_PROD, 0, 800, 0, 800},
      {UL_PRESET_PROD, 512, 24576, 0, 512},        {UL_PRESET_PROD, 3000, 24576, 0, 3000},
      {UL_PRESET_PROD, 9000, 24576, 0, 4096},      {UL_PRESET_PROD, 0, 24576, 2000, 1024},
      {UL_PRESET_CONTAINER, 0, 24576, 512, 512},   {UL_PRESET_CONTAINER, 0, 24576, 0, 0},
      {UL_PRESET_CONTAINER, 256, 24576, 512, 256}, {UL_PRESET_NONE, 100, 24576, 512, 100},
  };
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    ul_machine machine = {
        .cores = 2, .memory_bytes = rows[i].memory * UL_MIB, .limit_bytes = rows[i].limit * UL_MIB};
    assert_int_equal(ul_preset_budget(rows[i].preset, rows[i].given * UL_MIB, &machine) / UL_MIB,
                     rows[i].want);
  }
}

static void preset_and_policy_are_read_back(void **state) {
  enum ul_preset    preset;
  enum ul_on_budget on_budget;
  (void)state;
  assert_true(ul_preset_parse("prod", &preset));
  assert_string_equal(ul_preset_key(preset), "prod");
  assert_false(ul_preset_parse("", &preset));
  assert_false(ul_preset_parse("production", &preset));
  assert_true(ul_on_budget_parse("abort", &on_budget));
  assert_string_equal(ul_on_budget_key(on_budget), "abort");
  assert_false(ul_on_budget_parse("die", &on_budget));
}

static void a_launcher_gets_all_that_cannot_clash(void **state) {
  (void)state;
  begin(UL_RUNTIME_NATIVE, 512 * UL_MIB);
  program.is_launcher = true;
  assert_int_equal(make(), 0);
  assert_string_equal(value_of("GOMEMLIMIT"), "450MiB");
  assert_string_equal(value_of("-XX:MaxRAM="), "536870912");
  assert_string_equal(value_of("--max-old-space-size"), "=366");
  assert_string_equal(value_of("DOTNET_GCHeapHardLimit"), "18000000");
  assert_string_equal(value_of("PYTHONPATH"), "/share/python");
  assert_string_equal(value_of("ULLAGE_BUDGET"), "520093696");
  assert_null(row_of("-Xmx"));
  assert_null(row_of("-Xms"));
  assert_null(row_of("-XX:+UseSerialGC"));
  assert_int_equal(knobs.warning_count, 0);
}

static void a_launcher_may_have_less_than_a_runtime_needs(void **state) {
  (void)state;
  begin(UL_RUNTIME_NATIVE, 100 * UL_MIB);
  program.is_launcher = true;
  assert_int_equal(make(), 0);
  assert_null(row_of("-XX:MaxRAM="));
  assert_string_equal(value_of("GOMEMLIMIT"), "84MiB");
  assert_int_equal(knobs.least_bytes, 0);
}

static void too_little_is_said_with_the_least_and_why(void **state) {
  static const struct {
    enum ul_runtime runtime;
    uint64_t        least_mib;
    const char     *why;
  } rows[] = {
      {UL_RUNTIME_GO, 24, "the smallest limit worth setting is 8 MiB"},
      {UL_RUNTIME_JVM, 171, "48 MiB for classes"},
      {UL_RUNTIME_NODE, 75, "Node itself takes 56 MiB"},
      {UL_RUNTIME_PYTHON, 16, "the interpreter alone takes some 10 MiB"},
      {UL_RUNTIME_DOTNET, 27, ".NET wants 20 MiB at least"},
  };
  char least[32];
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    begin(rows[i].runtime, 10 * UL_MIB);
    assert_true(make() < 0);
    assert_int_equal(fault.exit_code, UL_EXIT_OURS);
    assert_non_null(strstr(fault.text, rows[i].why));
    assert_non_null(strstr(fault.text, "a budget of 10.0 MiB is less than "));
    snprintf(least, sizeof least, "--budget %lluMi ", (unsigned long long)rows[i].least_mib);
    assert_non_null(strstr(fault.text, least));
    begin(rows[i].runtime, rows[i].least_mib * UL_MIB); /* what it says is enough */
    assert_int_equal(make(), 0);
    begin(rows[i].runtime, (rows[i].least_mib - 1) * UL_MIB);
    assert_true(make() < 0);
  }
}

static void what_is_set_is_one_line(void **state) {
  char line[2048];
  (void)state;
  begin(UL_RUNTIME_GO, 1500 * UL_MIB);
  input.machine = (ul_machine){.cores = 8, .quota_millicpus = 1500, .memory_bytes = 8 * UL_GIB};
  assert_int_equal(make(), 0);
  ul_knobs_line(&knobs, false, line, sizeof line);
  assert_string_equal(line, "GOMEMLIMIT=1320MiB GOMAXPROCS=2");
  ul_knobs_line(&knobs, true, line, sizeof line);
  assert_string_equal(line, "GOMEMLIMIT GOMAXPROCS");
}

/* ---- Whatever comes in ------------------------------------------------------------------------ */

static uint64_t seed;

static uint64_t random_below(uint64_t n) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed % n;
}

static uint64_t number_in(const char *name, uint64_t unit) {
  const char *value = value_of(name);
  return strtoull(value + (*value == '='), NULL, 10) * unit;
}

/* What a limit of the JVM's has in the sum: less than itself where its reason says so. */
static uint64_t part_of(const char *option) {
  const ul_knob *row = row_of(option);
  assert_non_null(row);
  const char *counted = row ? strstr(row->why, "of which ") : NULL;
  return counted ? strtoull(counted + 9, NULL, 10) * UL_MIB : number_in(option, UL_MIB);
}

static void check_sums(void) {
  uint64_t budget = input.budget_bytes;
  assert_true(knobs.count > 0 && knobs.count < UL_KNOBS_MAX);
  for (size_t i = 0; i < knobs.count; i++) {
    assert_non_null(knobs.rows[i].variable);
    assert_true(knobs.rows[i].why[0] != 0);
  }
  switch (program.runtime) {
  case UL_RUNTIME_GO:
    assert_true(number_in("GOMEMLIMIT", UL_MIB) >= 8 * UL_MIB);
    assert_true(number_in("GOMEMLIMIT", UL_MIB) <= budget / 100 * 95 + 100);
    break;
  case UL_RUNTIME_JVM:
    assert_true(number_in("-Xmx", UL_MIB) >= 16 * UL_MIB);
    assert_true(number_in("-Xms", UL_MIB) <= number_in("-Xmx", UL_MIB));
    assert_true(number_in("-Xmx", UL_MIB) + part_of("-XX:MaxMetaspaceSize=") +
                    part_of("-XX:ReservedCodeCacheSize=") + part_of("-XX:MaxDirectMemorySize=") +
                    24 * UL_MIB <
                budget);
    break;
  case UL_RUNTIME_NODE:
    assert_true(number_in("--max-old-space-size", UL_MIB) +
                    3 * number_in("--max-semi-space-size", UL_MIB) <=
                budget / 100 * 74);
    break;
  default: break;
  }
}

static void sums_hold_for_any_budget(void **state) {
  static const enum ul_runtime runtimes[] = {UL_RUNTIME_GO,     UL_RUNTIME_JVM,
                                             UL_RUNTIME_NODE,   UL_RUNTIME_PYTHON,
                                             UL_RUNTIME_DOTNET, UL_RUNTIME_NATIVE};
  unsigned                     kept = 0;
  (void)state;
  print_message("seed %llu; TEST_SEED repeats it\n", (unsigned long long)seed);
  for (unsigned round = 0; round < 20000; round++) {
    begin(runtimes[random_below(UL_ARRAY_LEN(runtimes))],
          UL_MIB + random_below((uint64_t)1 << (21 + random_below(19))));
    program.is_launcher = random_below(8) == 0;
    input.preset = (enum ul_preset)random_below(4);
    input.machine.cores = 1 + (unsigned)random_below(64);
    input.machine.quota_millicpus = (unsigned)random_below(3) * 700;
    if (random_below(2)) {
      input.facts = (ul_knob_facts){.live_bytes = random_below(2 * input.budget_bytes),
                                    .off_heap_bytes = random_below(input.budget_bytes / 4),
                                    .metaspace_bytes = random_below(200 * UL_MIB),
                                    .code_cache_bytes = random_below(300 * UL_MIB),
                                    .direct_bytes = random_below(400 * UL_MIB),
                                    .threads = random_below(500),
                                    .price_k_bytes = random_below(400 * UL_MIB),
                                    .price_l0_bytes = random_below(input.budget_bytes)};
    }
    if (make() < 0) {
      assert_true(knobs.least_bytes > input.budget_bytes);
      continue;
    }
    if (!program.is_launcher) check_sums();
    kept++;
  }
  assert_true(kept > 5000);
}

int main(void) {
  const char *text = getenv("TEST_SEED");
  seed = text ? strtoull(text, NULL, 10) : (uint64_t)time(NULL) * 2654435761u + 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_are_cut_as_runtimes_cut_them),
      cmocka_unit_test(presets_mean_sizes),
      cmocka_unit_test(preset_and_policy_are_read_back),
      cmocka_unit_test(a_launcher_gets_all_that_cannot_clash),
      cmocka_unit_test(a_launcher_may_have_less_than_a_runtime_needs),
      cmocka_unit_test(too_little_is_said_with_the_least_and_why),
      cmocka_unit_test(what_is_set_is_one_line),
      cmocka_unit_test(sums_hold_for_any_budget),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
