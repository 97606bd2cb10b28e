/* SPDX-License-Identifier: MIT */
/* test_machine.c: this machine, and what is taken for its memory. Quotas and limits of real groups are
 * tests/cli's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>

#include "launch/machine.h"

static void this_machine(void **state) {
  ul_machine machine;
  cpu_set_t  before, one;
  (void)state;
  ul_machine_read(&machine);
  assert_true(machine.cores >= 1);
  assert_true(machine.memory_bytes > 64 * UL_MIB);
  if (sched_getaffinity(0, sizeof before, &before) < 0) skip();
  CPU_ZERO(&one);
  for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++) {
    if (CPU_ISSET(i, &before)) CPU_SET(i, &one);
  }
  assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
  ul_machine_read(&machine);
  assert_int_equal(machine.cores, 1); /* what it may use, not what there is */
  assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

static void memory_is_the_smaller(void **state) {
  static const struct {
    uint64_t memory, limit, want;
  } rows[] = {{8, 0, 8}, {8, 2, 2}, {2, 8, 2}, {0, 2, 2}, {0, 0, 0}};
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    ul_machine machine = {.memory_bytes = rows[i].memory, .limit_bytes = rows[i].limit};
    assert_int_equal(ul_machine_memory(&machine), rows[i].want);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(this_machine),
      cmocka_unit_test(memory_is_the_smaller),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
