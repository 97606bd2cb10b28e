/* SPDX-License-Identifier: MIT */
/* test_gowork.c: eleven sums found by what must come out of them.
 *
 *     unit_launch_test_gowork [--seed N]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "launch/gowork.h"

#define WORDS 32768

static uint64_t words[WORDS], seed;

/* As read from a Go 1.26 program in the middle of a collection: the pauses are ahead of the sum. */
static const uint64_t seen[UL_GOWORK_SUMS] = {127416822,  444214186,  441757482, 29822493,
                                              1043210983, 59544,      331,       59875,
                                              227957536,  7726142677, 8992712662};

static uint64_t next_random(void) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return seed >> 11;
}

static void the_times_of_a_program(void **state) {
  uint64_t gc_ns, busy_ns, sums[UL_GOWORK_SUMS];
  (void)state;
  assert_true(ul_gowork_times(seen, &gc_ns, &busy_ns));
  assert_int_equal(gc_ns, 127416822 + 444214186 + 29822493);
  assert_int_equal(busy_ns, gc_ns + 59875 + 7726142677);
  /* Each of them changed by 1, but those that no sum but the last holds (it may miss some). */
  for (unsigned i = 0; i < UL_GOWORK_SUMS; i++) {
    memcpy(sums, seen, sizeof sums);
    sums[i]++;
    assert_int_equal(ul_gowork_times(sums, &gc_ns, &busy_ns), i >= 8);
  }
  memcpy(sums, seen, sizeof sums);
  sums[9] += 29822493; /* more than the pauses can explain */
  assert_false(ul_gowork_times(sums, &gc_ns, &busy_ns));
  memset(sums, 0, sizeof sums); /* nothing was collected yet: zeros come out, too */
  assert_false(ul_gowork_times(sums, &gc_ns, &busy_ns));
  memset(sums, 0xff, sizeof sums);
  assert_false(ul_gowork_times(sums, &gc_ns, &busy_ns));
}

/* What lies before the sums in workType, as Go 1.26 has it; each field that cannot be is refused. */
static void the_last_cycle(void **state) {
  struct {
    uint32_t cycles;
    int32_t  stop, most, padding;
    int64_t  times[5]; /* sweep end, mark, mark end, end, pause */
    uint64_t heap[3];
  } good = {14, 2, 2, 0, {100, 110, 150, 151, 30}, {1246 << 20, 1371 << 20, 1245 << 20}}, bad;
  uint64_t cycles = 7, live = 7;
  (void)state;
  assert_int_equal(sizeof good, UL_GOWORK_CYCLE_BYTES);
  assert_true(ul_gowork_cycle(&good, &cycles, &live));
  assert_int_equal(cycles, 14);
  assert_int_equal(live, 1120 << 20); /* 125 were allocated meanwhile */
  bad = good;                         /* the next one has begun, with another heap */
  bad.times[0] = 200, bad.times[1] = 210, bad.heap[0] = 1400 << 20;
  assert_true(ul_gowork_cycle(&bad, &cycles, &live));
  assert_int_equal(live, 0);
  for (unsigned i = 0; i < 7; i++) {
    bad = good;
    switch (i) {
    case 0: bad.cycles = 0; break;
    case 1: bad.most = 0; break;
    case 2: bad.most = -1; break;
    case 3: bad.times[0] = 0; break;
    case 4: bad.times[1] = 99; break;
    case 5: bad.heap[2] = bad.heap[1] + 1; break;
    case 6: bad.heap[2] = 0; break;
    }
    assert_false(ul_gowork_cycle(&bad, &cycles, &live));
  }
}

static void they_are_found_anywhere(void **state) {
  (void)state;
  for (unsigned round = 0; round < 50; round++) {
    ul_gowork work = {0};
    /* Noise of small and large numbers, with runs of zeros, as variables are. */
    for (size_t i = 0; i < WORDS; i++) {
      uint64_t kind = next_random() % 4;
      words[i] = kind == 0 ? 0 : next_random() >> (kind * 14);
    }
    size_t first = next_random() % (WORDS / 2 - 16), second = WORDS - UL_GOWORK_SUMS;
    memcpy(&words[first], seen, sizeof seen);
    memcpy(&words[second], seen, sizeof seen); /* the last that fit */
    ul_gowork_search(&work, words, sizeof words, 0x1000);
    if (work.count != 2) fail_msg("%zu found in round %u", work.count, round);
    assert_int_equal(work.address[0], 0x1000 + first * 8);
    assert_int_equal(work.address[1], 0x1000 + second * 8);
  }
}

static void too_many_and_too_few(void **state) {
  ul_gowork work = {0};
  (void)state;
  ul_gowork_search(&work, seen, sizeof seen - 1, 0);
  ul_gowork_search(&work, seen, 0, 0);
  assert_int_equal(work.count, 0);
  for (unsigned i = 0; i < 10; i++) ul_gowork_search(&work, seen, sizeof seen, i);
  assert_int_equal(work.count, UL_GOWORK_MOST);
}

static void limits_as_go_reads_them(void **state) {
  static const struct {
    const char *text;
    uint64_t    bytes; /* 0: none */
  } cases[] = {
      {"1500MiB", 1500 * UL_MIB},
      {"1GiB", UL_GIB},
      {"2TiB", 2048 * UL_GIB},
      {"512KiB", 512 * UL_KIB},
      {"1073741824", UL_GIB},
      {"77B", 77},
      {"off", 0},
      {"", 0},
      {"1500M", 0},
      {"1.5GiB", 0},
      {"-1", 0},
      {"MiB", 0},
      {"9223372036854775807", 0},
      {"8388608TiB", 0},
      {"99999999999999999999B", 0},
      {"1 GiB", 0},
  };
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(cases); i++) {
    uint64_t bytes = 0;
    bool     is = ul_gowork_limit(cases[i].text, &bytes);
    if (is != (cases[i].bytes != 0) || (is && bytes != cases[i].bytes)) {
      fail_msg("'%s' is read as %llu", cases[i].text, (unsigned long long)bytes);
    }
  }
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_times_of_a_program),  cmocka_unit_test(the_last_cycle),
      cmocka_unit_test(they_are_found_anywhere), cmocka_unit_test(too_many_and_too_few),
      cmocka_unit_test(limits_as_go_reads_them),
  };
  seed = (uint64_t)time(NULL);
  if (argc == 3 && strcmp(argv[1], "--seed") == 0) seed = strtoull(argv[2], NULL, 10);
  print_message("seed %llu\n", (unsigned long long)seed);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
