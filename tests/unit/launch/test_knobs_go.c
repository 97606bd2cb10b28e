/* SPDX-License-Identifier: MIT */
/* test_knobs_go.c: GOMEMLIMIT in words that Go reads, and the user's where they are such. */
#include "knobs_help.h"

static void the_limit_by_the_formula(void **state) {
  static const struct {
    uint64_t    budget, off_heap; /* bytes */
    const char *want;
  } rows[] = {
      {1500 * UL_MIB, 0, "1320MiB"},            /* 0.88 B */
      {1500000000, 0, "1258MiB"},               /* 1500M is 1430.5 MiB: an integer all the same */
      {1500 * UL_MIB, 1, "1319MiB"},            /* as little as a byte is off the heap */
      {1500 * UL_MIB, 100 * UL_MIB, "1220MiB"}, /* 0.88 B - off-heap */
      {100 * UL_MIB, 0, "84MiB"},               /* R is 16 MiB at least */
      {24 * UL_MIB, 0, "8MiB"},
  };
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    begin(UL_RUNTIME_GO, rows[i].budget);
    input.facts.off_heap_bytes = rows[i].off_heap;
    assert_int_equal(make(), 0);
    assert_string_equal(value_of("GOMEMLIMIT"), rows[i].want);
    assert_int_equal(row_of("GOMEMLIMIT")->origin, UL_KNOB_SET);
    assert_int_equal(knobs.warning_count, 0);
  }
}

static void a_limit_of_the_user(void **state) {
  static const struct {
    const char         *own, *want;
    enum ul_knob_origin origin;
    const char         *warning; /* NULL: none */
  } rows[] = {
      {"1200MiB", "1200MiB", UL_KNOB_KEPT, NULL},
      {"1258291200", "1258291200", UL_KNOB_KEPT, NULL},
      {"1258291200B", "1258291200B", UL_KNOB_KEPT, NULL},
      {"2GiB", "2GiB", UL_KNOB_KEPT, "GOMEMLIMIT=2GiB is kept, but it is above 95 %"},
      {"off", "off", UL_KNOB_KEPT, "GOMEMLIMIT=off is kept"},
      {"1200M", "1144MiB", UL_KNOB_CORRECTED, "GOMEMLIMIT=1200M is malformed"},
      {"1200MB", "1144MiB", UL_KNOB_CORRECTED, "1144MiB is set instead"},
      {"1.1GiB", "1126MiB", UL_KNOB_CORRECTED, "malformed"},
      {"900m", "858MiB", UL_KNOB_CORRECTED, "malformed"},
      {"1500M", "1320MiB", UL_KNOB_CORRECTED, "1320MiB is set instead"}, /* more than ours */
      {"plenty", "1320MiB", UL_KNOB_CORRECTED, "malformed"},
      {"-1", "1320MiB", UL_KNOB_CORRECTED, "malformed"},
      {"99999999999999999999", "1320MiB", UL_KNOB_CORRECTED, "malformed"},
      {"9999999999GiB", "1320MiB", UL_KNOB_CORRECTED, "malformed"},
      {"B", "1320MiB", UL_KNOB_CORRECTED, "malformed"},
      {"", "1320MiB", UL_KNOB_SET, NULL}, /* to Go it is not set */
  };
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    char  entry[64];
    char *environment[] = {entry, NULL};
    snprintf(entry, sizeof entry, "GOMEMLIMIT=%s", rows[i].own);
    begin(UL_RUNTIME_GO, 1500 * UL_MIB);
    input.environment = environment;
    assert_int_equal(make(), 0);
    assert_string_equal(value_of("GOMEMLIMIT"), rows[i].want);
    assert_int_equal(row_of("GOMEMLIMIT")->origin, rows[i].origin);
    assert_int_equal(knobs.warning_count, rows[i].warning ? 1 : 0);
    if (rows[i].warning) assert_true(warned(rows[i].warning));
  }
}

static void the_collector_is_left_to_the_limit_where_little_lives(void **state) {
  (void)state;
  begin(UL_RUNTIME_GO, 1500 * UL_MIB);
  assert_int_equal(make(), 0);
  assert_null(row_of("GOGC")); /* unknown */
  input.facts.live_bytes = 791 * UL_MIB;
  assert_int_equal(make(), 0);
  assert_string_equal(value_of("GOGC"), "off");
  input.facts.live_bytes = 793 * UL_MIB;
  assert_int_equal(make(), 0);
  assert_null(row_of("GOGC"));
  char *environment[] = {"GOGC=50", NULL};
  input.environment = environment;
  input.facts.live_bytes = 100 * UL_MIB;
  assert_int_equal(make(), 0);
  assert_true(is_kept("GOGC"));
}

static void processors_follow_a_smaller_quota(void **state) {
  static const struct {
    unsigned    cores, quota;
    const char *want;
  } rows[] = {{2, 0, "(none)"}, {2, 2000, "(none)"}, {8, 8000, "(none)"}, {8, 1500, "2"},
              {8, 1000, "1"},   {24, 200, "1"},      {8, 7001, "(none)"}, {8, 7000, "7"}};
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    begin(UL_RUNTIME_GO, 1500 * UL_MIB);
    input.machine.cores = rows[i].cores;
    input.machine.quota_millicpus = rows[i].quota;
    assert_int_equal(make(), 0);
    assert_string_equal(value_of("GOMAXPROCS"), rows[i].want);
  }
  char *environment[] = {"GOMAXPROCS=4", NULL};
  begin(UL_RUNTIME_GO, 1500 * UL_MIB);
  input.environment = environment;
  assert_int_equal(make(), 0);
  assert_true(is_kept("GOMAXPROCS"));
  assert_true(warned("GOMAXPROCS=4 is kept, but only 2 cores"));
}

static void nearness_has_a_price(void **state) {
  (void)state;
  begin(UL_RUNTIME_GO, 1500 * UL_MIB);
  input.facts.live_bytes = 1110 * UL_MIB;
  assert_int_equal(make(), 0);
  assert_int_equal(knobs.warning_count, 0); /* 84 % of 1320 */
  input.facts.live_bytes = 1130 * UL_MIB;
  assert_int_equal(make(), 0);
  assert_true(warned("more than 85 % of the limit of 1320 MiB"));
  /* The curve of the reference: K = 149 MiB, L0 = 1155 MiB; 10 % at L0 + 9 K = 2496 MiB. */
  input.facts.price_k_bytes = 149 * UL_MIB;
  input.facts.price_l0_bytes = 1155 * UL_MIB;
  assert_int_equal(make(), 0);
  assert_true(warned("47 % of the processor"));
  assert_true(warned("A budget of 2837 MiB would cost 10 %")); /* 2496 / 0.88, rounded up */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_limit_by_the_formula),
      cmocka_unit_test(a_limit_of_the_user),
      cmocka_unit_test(the_collector_is_left_to_the_limit_where_little_lives),
      cmocka_unit_test(processors_follow_a_smaller_quota),
      cmocka_unit_test(nearness_has_a_price),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
