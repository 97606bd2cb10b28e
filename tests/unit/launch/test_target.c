/* SPDX-License-Identifier: MIT */
/* test_target.c: pages of counters as no program should publish them, read from a real process; and
 * a target that ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/counters.h"
#include "launch/target.h"
#include "os/self.h"

/* A child that shares a page with us under the library's name, so that we can write it. */
static pid_t         child;
static ul_live_page *page;

static int start_child(void **state) {
  (void)state;
  page = ul_os_shared_page(UL_LIVE_NAME, 4096);
  assert_non_null(page);
  /* A fork does not get the page itself (os/self.h); its memory is looked at all the same. */
  assert_int_equal(madvise(page, 4096, MADV_DOFORK), 0);
  child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  memset(page, 0, 4096);
  page->magic = UL_LIVE_MAGIC;
  page->version = UL_LIVE_VERSION;
  page->count = UL_COUNTER_COUNT;
  page->updated_ns = ul_os_now_ns();
  page->pid = (uint64_t)child;
  page->value[UL_COUNTER_live_bytes] = 4711;
  page->value[UL_COUNTER_tree_members] = 8;
  return 0;
}

static int end_child(void **state) {
  (void)state;
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  ul_os_shared_page_drop(page, 4096);
  return 0;
}

static int read_it(ul_counters *ret_counters) {
  uint64_t address;
  int      error = ul_counters_find(child, &address);
  return error < 0 ? error : ul_counters_read(child, address, ret_counters);
}

static void a_page_as_it_should_be(void **state) {
  ul_counters counters;
  (void)state;
  assert_int_equal(read_it(&counters), 0);
  assert_int_equal(counters.count, UL_COUNTER_COUNT);
  assert_int_equal(counters.value[UL_COUNTER_live_bytes], 4711);
  assert_int_equal(counters.value[UL_COUNTER_tree_members], 8);
}

static void an_older_program_knows_fewer_rows(void **state) {
  ul_counters counters;
  (void)state;
  page->count = UL_COUNTER_held_bytes;
  assert_int_equal(read_it(&counters), 0);
  assert_int_equal(counters.count, UL_COUNTER_held_bytes);
  assert_int_equal(counters.value[UL_COUNTER_live_bytes], 4711);
  assert_int_equal(counters.value[UL_COUNTER_tree_members], 0); /* what lies there is no counter */
}

static void a_later_program_knows_more(void **state) {
  ul_counters counters;
  (void)state;
  page->count = UINT32_MAX;
  assert_int_equal(read_it(&counters), 0);
  assert_int_equal(counters.count, UL_COUNTER_COUNT);
}

static void what_is_no_page(void **state) {
  ul_counters counters;
  (void)state;
  page->magic++;
  assert_int_equal(read_it(&counters), -UL_E_NOTFOUND);
  page->magic--;
  page->pid++;
  assert_int_equal(read_it(&counters), -UL_E_NOTFOUND); /* of the parent it was forked from */
  page->pid--;
  page->count = 0;
  assert_int_equal(read_it(&counters), -UL_E_NOTFOUND);
  page->count = UL_COUNTER_COUNT;
  page->version++;
  assert_int_equal(read_it(&counters), -UL_E_RANGE);
  page->version--;
  assert_int_equal(read_it(&counters), 0);
  assert_int_equal(ul_counters_read(child, 0, &counters), -UL_E_NOTFOUND);
  assert_int_equal(ul_counters_read(child, UINT64_MAX - 8, &counters), -UL_E_NOTFOUND);
}

static void a_page_that_stays_half_written(void **state) {
  ul_counters counters;
  ul_target   target;
  ul_fault    fault;
  char        number[16];
  (void)state;
  page->sequence = 1;
  assert_int_equal(read_it(&counters), -UL_E_SYSTEM);
  snprintf(number, sizeof number, "%d", (int)child);
  assert_int_equal(ul_target_find(number, &target, &fault), 0);
  assert_true(ul_target_counters(&target, &counters, &fault) < 0);
  assert_int_equal(fault.exit_code, 2);
  assert_non_null(strstr(fault.text, "cannot be read now"));
  page->sequence = 2;
  assert_int_equal(ul_target_counters(&target, &counters, &fault), 0);
}

static void a_target_that_ends(void **state) {
  ul_counters counters;
  ul_target   target;
  ul_fault    fault;
  uint64_t    value;
  char        number[16];
  (void)state;
  snprintf(number, sizeof number, "%d", (int)child);
  assert_int_equal(ul_target_find(number, &target, &fault), 0);
  assert_true(ul_target_runs(&target));
  /* The number in another process's hands. */
  ul_target other = target;
  other.start++;
  assert_false(ul_target_runs(&other));
  assert_true(ul_target_counters(&other, &counters, &fault) < 0);
  assert_true(ul_target_ask(&other, UL_CONTROL_TRIM, 0, &value, &fault) < 0);
  assert_non_null(strstr(fault.text, "any more"));
  kill(child, SIGKILL);
  siginfo_t ended;
  assert_int_equal(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT), 0); /* a zombie now */
  assert_false(ul_target_runs(&target));
  assert_true(ul_target_counters(&target, &counters, &fault) < 0);
  assert_non_null(strstr(fault.text, "any more"));
  assert_true(ul_target_find(number, &target, &fault) < 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_page_as_it_should_be, start_child, end_child),
      cmocka_unit_test_setup_teardown(an_older_program_knows_fewer_rows, start_child, end_child),
      cmocka_unit_test_setup_teardown(a_later_program_knows_more, start_child, end_child),
      cmocka_unit_test_setup_teardown(what_is_no_page, start_child, end_child),
      cmocka_unit_test_setup_teardown(a_page_that_stays_half_written, start_child, end_child),
      cmocka_unit_test_setup_teardown(a_target_that_ends, start_child, end_child),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
