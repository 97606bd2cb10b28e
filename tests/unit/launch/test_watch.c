/* SPDX-License-Identifier: MIT */
/* test_watch.c: a real tree of processes, looked at. What is waited for has a generous end and no
 * time is asserted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "launch/watch.h"
#include "os/self.h"

#define BLOCK_BYTES ((size_t)32 << 20)

/* A chain of processes, each with its block of memory; never returns. */
static void touch_and_wait(int children) {
  do {
    char *block =
        mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(block, 1, BLOCK_BYTES);
  } while (children-- > 0 && fork() == 0);
  for (;;) pause();
}

/* Looks until the tree has `count` members or ten seconds are over. */
static void look_until(ul_watch *watch, size_t count, uint64_t bytes) {
  for (int i = 0; i < 1000; i++) {
    uint64_t now_ns = ul_os_now_ns();
    if (ul_watch_wait_ns(watch, now_ns) == 0) ul_watch_tick(watch, now_ns);
    if (watch->count == count && watch->figures.now_bytes >= bytes) return;
    nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
  }
}

static void a_tree_of_three(void **state) {
  static ul_watch watch;
  ul_watch_totals totals;
  pid_t           root = fork();
  (void)state;
  if (root == 0) touch_and_wait(2);
  ul_watch_init(&watch, root, -1, false, BLOCK_BYTES, ul_os_now_ns());
  look_until(&watch, 3, 3 * BLOCK_BYTES);
  assert_int_equal(watch.count, 3);
  assert_true(watch.figures.now_bytes >= 3 * BLOCK_BYTES);
  assert_true(watch.figures.exceeded_at_ns != UINT64_MAX);
  assert_int_equal(watch.processes_peak, 3);
  ul_watch_refresh(&watch);
  ul_watch_running_totals(&watch, &totals);
  assert_true(totals.minor_faults > 0);

  pid_t last = watch.members[2].process.pid, middle = watch.members[1].process.pid;
  assert_true(last != middle && middle != root);
  kill(last, SIGKILL); /* a zombie of the middle one: gone or without memory */
  kill(middle, SIGKILL);
  kill(root, SIGKILL);
  waitpid(root, NULL, 0);
  ul_watch_forget(&watch, root);
  for (size_t i = 0; i < watch.count; i++) assert_true(watch.members[i].process.pid != root);
  ul_watch_done(&watch);
}

static void a_program_that_has_ended(void **state) {
  static ul_watch watch;
  pid_t           root = fork();
  (void)state;
  if (root == 0) _exit(0);
  waitpid(root, NULL, 0);
  ul_watch_init(&watch, root, -1, false, 0, ul_os_now_ns());
  assert_int_equal(watch.count, 0);
  ul_watch_tick(&watch, ul_os_now_ns());
  assert_int_equal(watch.figures.samples, 0);
  ul_watch_done(&watch);
}

/* Processes that are not of the tree, however they come and go, are not counted. */
static void strangers_do_not_count(void **state) {
  static ul_watch watch;
  pid_t           stranger = fork();
  (void)state;
  if (stranger == 0) touch_and_wait(0);
  pid_t root = fork();
  if (root == 0) touch_and_wait(0);
  ul_watch_init(&watch, root, stranger, false, 0, ul_os_now_ns());
  look_until(&watch, 1, BLOCK_BYTES);
  ul_watch_refresh(&watch);
  assert_int_equal(watch.count, 1);
  assert_int_equal(watch.members[0].process.pid, root);
  kill(stranger, SIGKILL);
  kill(root, SIGKILL);
  waitpid(stranger, NULL, 0);
  waitpid(root, NULL, 0);
  ul_watch_done(&watch);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_tree_of_three),
      cmocka_unit_test(a_program_that_has_ended),
      cmocka_unit_test(strangers_do_not_count),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
