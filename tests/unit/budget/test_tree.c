/* SPDX-License-Identifier: MIT */
/* test_tree.c: one account for several processes: real ones, forked here. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "budget/tree.h"
#include "os/segment.h"

#define BUDGET ((uint64_t)100 << 20)
#define MIB    ((uint64_t)1 << 20)

static ul_tree tree;

static uint64_t total(ul_tree *of, uint64_t held_bytes, uint64_t *ret_members) {
  ul_tree_sum sum;
  ul_tree_add_up(of, held_bytes, &sum);
  *ret_members = sum.members;
  return sum.held_bytes;
}

static int make(void **state) {
  (void)state;
  tree = (ul_tree){0};
  return ul_tree_make(&tree, BUDGET, 0x1234abcd5678ef01);
}

static int drop(void **state) {
  (void)state;
  ul_tree_leave(&tree);
  ul_os_segment_drop(tree.page);
  return 0;
}

/* Runs `act` in a child and waits for its verdict. */
static void in_child(void (*act)(void)) {
  int   status;
  pid_t pid = fork();
  if (pid == 0) {
    act();
    _exit(0);
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
}

static void alone_it_is_what_one_holds(void **state) {
  uint64_t members;
  (void)state;
  assert_int_equal(total(&tree, 7 * MIB, &members), 7 * MIB);
  assert_int_equal(members, 1);
  ul_tree none = {0};
  assert_int_equal(total(&none, 9 * MIB, &members), 9 * MIB);
  assert_int_equal(members, 1);
}

static char name[UL_TREE_NAME_MAX];

static void join_by_name_and_hold_5(void) {
  ul_tree  joined = {0};
  uint64_t members;
  if (ul_tree_join(&joined, name + 1) != 0) _exit(1);
  if (joined.page->budget_bytes != BUDGET) _exit(2);
  if (total(&joined, 5 * MIB, &members) != 12 * MIB || members != 2) _exit(3);
  ul_tree_leave(&joined);
}

static void another_process_joins_by_name(void **state) {
  uint64_t members;
  (void)state;
  total(&tree, 7 * MIB, &members);
  ul_tree_name(&tree, name);
  assert_int_equal(name[0], '@');
  in_child(join_by_name_and_hold_5);
  assert_int_equal(total(&tree, 7 * MIB, &members), 7 * MIB);
  assert_int_equal(members, 1);
}

static void names_that_lead_nowhere_are_refused(void **state) {
  (void)state;
  char                     wrong[64];
  ul_tree                  other = {0};
  static const char *const names[] = {"",
                                      ":",
                                      "1",
                                      "1:",
                                      ":1",
                                      "x:1",
                                      "-1:1",
                                      "99999999999999999999:1",
                                      "1:g",
                                      "1:12345678901234567",
                                      "2147483647:1",
                                      "12:34 "};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    assert_int_not_equal(ul_tree_join(&other, names[i]), 0);
  }
  snprintf(wrong, sizeof wrong, "%d:%x", tree.id, 1); /* the number, but not the token */
  assert_int_not_equal(ul_tree_join(&other, wrong), 0);
  int   id;
  void *foreign = ul_os_segment_make(sizeof(ul_tree_page), &id); /* a segment, but no tree */
  assert_non_null(foreign);
  snprintf(wrong, sizeof wrong, "%d:0", id);
  assert_int_not_equal(ul_tree_join(&other, wrong), 0);
  void *small = ul_os_segment_make(4096, &id);
  snprintf(wrong, sizeof wrong, "%d:0", id);
  assert_int_not_equal(ul_tree_join(&other, wrong), 0);
  ul_os_segment_drop(foreign);
  ul_os_segment_drop(small);
  assert_null(other.page);
}

static void hold_what_was_inherited_and_3(void) {
  uint64_t members;
  ul_tree_forked(&tree, 7 * MIB);
  if (total(&tree, 10 * MIB, &members) != 10 * MIB || members != 2) _exit(1);
  if (total(&tree, 2 * MIB, &members) != 7 * MIB) _exit(2); /* never below zero */
  ul_tree_leave(&tree);
}

static void a_forked_child_counts_what_it_adds(void **state) {
  uint64_t members;
  (void)state;
  total(&tree, 7 * MIB, &members);
  in_child(hold_what_was_inherited_and_3);
}

static void a_killed_process_is_swept(void **state) {
  uint64_t members;
  int      status;
  (void)state;
  total(&tree, MIB, &members);
  pid_t pid = fork();
  if (pid == 0) {
    ul_tree_forked(&tree, 0);
    total(&tree, MIB / 4, &members);
    kill(getpid(), SIGKILL);
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(total(&tree, MIB, &members), MIB + MIB / 4);
  ul_tree_sweep(&tree);
  assert_int_equal(total(&tree, MIB, &members), MIB);
  assert_int_equal(members, 1);
}

static void nobody_claims_more_than_he_has(void **state) {
  uint64_t members;
  int      status, ready[2];
  char     byte;
  (void)state;
  assert_int_equal(pipe(ready), 0);
  total(&tree, MIB, &members);
  pid_t pid = fork();
  if (pid == 0) { /* claims, then becomes a program that knows nothing of us */
    ul_tree_forked(&tree, 0);
    total(&tree, 5000 * MIB, &members);
    (void)!write(ready[1], "x", 1);
    pause();
  }
  assert_int_equal(read(ready[0], &byte, 1), 1);
  ul_tree_sweep(&tree);
  assert_true(total(&tree, MIB, &members) < 1000 * MIB);
  kill(pid, SIGKILL);
  waitpid(pid, &status, 0);
  close(ready[0]);
  close(ready[1]);
}

static void a_page_full_of_nonsense_does_no_harm(void **state) {
  uint64_t members;
  (void)state;
  memset((char *)tree.page + offsetof(ul_tree_page, used), 0xff,
         sizeof *tree.page - offsetof(ul_tree_page, used));
  (void)total(&tree, MIB, &members); /* no slot is free, sums overflow */
  ul_tree_sweep(&tree);
  ul_tree_leave(&tree);
}

static void hold_nothing_and_see_40_promised(void) {
  ul_tree_sum sum;
  ul_tree_forked(&tree, 0);
  ul_tree_add_up(&tree, 0, &sum);
  if (sum.held_bytes != 10 * MIB || sum.promised_bytes != 40 * MIB) _exit(1);
  ul_tree_leave(&tree);
}

static void what_is_granted_is_taken(void **state) {
  uint64_t members;
  (void)state;
  total(&tree, 10 * MIB, &members);
  ul_tree_grant(&tree, 30 * MIB);
  in_child(hold_nothing_and_see_40_promised);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(alone_it_is_what_one_holds),
      TEST(another_process_joins_by_name),
      TEST(names_that_lead_nowhere_are_refused),
      TEST(a_forked_child_counts_what_it_adds),
      TEST(what_is_granted_is_taken),
      TEST(a_killed_process_is_swept),
      TEST(nobody_claims_more_than_he_has),
      TEST(a_page_full_of_nonsense_does_no_harm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
