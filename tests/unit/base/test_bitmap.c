/* SPDX-License-Identifier: MIT */
/* test_bitmap.c: ranges of bits beside an array of bool, every range of a small bitmap and random
 * ones of a larger. Words beyond the range hold a pattern: nothing may touch them.
 *
 * Options  --seed N, printed at the start. */
#include "../../stress/stress.h"

#include <setjmp.h>
#include <cmocka.h>

#include "base/bitmap.h"

enum { WORDS = 5, BITS = WORDS * 64 };

static const uint64_t guard = 0x5a5aa5a5c3c33c3cu;
static uint64_t       words[WORDS + 2]; /* words[0] and the last one are guards */
static bool           model[BITS];

static void start_with(uint64_t *random, bool all) {
  words[0] = words[WORDS + 1] = guard;
  for (size_t i = 0; i < BITS; i++) {
    model[i] = random ? stress_random(random) & 1 : all;
    (model[i] ? ul_bitmap_set : ul_bitmap_clear)(words + 1, i);
  }
}

static void compare(void) {
  assert_true(words[0] == guard && words[WORDS + 1] == guard);
  for (size_t i = 0; i < BITS; i++) {
    if (ul_bitmap_get(words + 1, i) != model[i]) fail_msg("bit %zu is not as the model's", i);
  }
}

/* Sets or clears [first, end) in both and compares what is returned. */
static void change(size_t first, size_t end, bool value) {
  uint32_t expected = 0;
  bool     any = false;
  for (size_t i = first; i < end; i++) {
    expected += model[i] != value;
    any |= model[i];
    model[i] = value;
  }
  assert_int_equal(ul_bitmap_any(words + 1, first, end), any);
  uint32_t changed = (value ? ul_bitmap_set_range : ul_bitmap_clear_range)(words + 1, first, end);
  assert_int_equal(changed, expected);
  if (first < end) assert_int_equal(ul_bitmap_any(words + 1, first, end), value);
}

static void test_words(void **state) {
  (void)state;
  assert_int_equal(ul_bitmap_words(0), 0);
  assert_int_equal(ul_bitmap_words(1), 1);
  assert_int_equal(ul_bitmap_words(64), 1);
  assert_int_equal(ul_bitmap_words(65), 2);
  assert_int_equal(ul_bitmap_words(8192), 128);
}

static void test_one_bit_at_a_time(void **state) {
  (void)state;
  start_with(NULL, false);
  for (size_t i = 0; i < BITS; i++) {
    ul_bitmap_set(words + 1, i);
    model[i] = true;
    compare();
    for (size_t first = 0; first < BITS; first += 7) {
      assert_int_equal(ul_bitmap_any(words + 1, first, BITS), first <= i);
      assert_int_equal(ul_bitmap_any(words + 1, 0, first), first > i);
    }
    ul_bitmap_clear(words + 1, i);
    model[i] = false;
  }
  compare();
}

static void test_every_range(void **state) {
  (void)state;
  for (size_t first = 0; first < 130; first++) {
    for (size_t end = first; end <= 130; end++) {
      start_with(NULL, (first + end) % 3 == 0);
      change(first, end, end % 2);
      compare();
    }
  }
}

static void test_random_ranges(void **state) {
  uint64_t random = stress_seed;
  (void)state;
  start_with(&random, false);
  for (int i = 0; i < 20000; i++) {
    size_t first = stress_random(&random) % (BITS + 1);
    size_t end = first + stress_random(&random) % (BITS + 1 - first);
    change(first, end, stress_random(&random) & 1);
    if (i % 16 == 0) compare();
  }
  compare();
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_words),
      cmocka_unit_test(test_one_bit_at_a_time),
      cmocka_unit_test(test_every_range),
      cmocka_unit_test(test_random_ranges),
  };
  if (argc > 2) argc--, argv++; /* --seed N */
  stress_start(argc, argv, 230);
  printf("seed %llu\n", (unsigned long long)stress_seed);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
