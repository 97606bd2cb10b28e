/* SPDX-License-Identifier: MIT */
/* test_enclose.c: groups, raising, sampling, with real groups where one may be made. What happens to
 * programs at the wall is tests/cli/enclose.bats' and, for version 2, tests/vm's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/enclose.h"
#include "os/self.h"

#define LIMIT (64 * UL_MIB)

struct marks {
  unsigned count[UL_MARK_COUNT];
  uint64_t bytes[UL_MARK_COUNT]; /* of the last */
};

static void note(enum ul_mark_kind kind, uint64_t bytes, const char *text, void *arg) {
  struct marks *marks = arg;
  assert_non_null(text);
  marks->count[kind]++;
  marks->bytes[kind] = bytes;
}

static char announced[512]; /* the last directory that was */

/* It is told before it is there. */
static void announce(const char *directory, void *arg) {
  assert_null(arg);
  strcpy(announced, directory);
}

static uint64_t number_in(const char *group, const char *file) {
  char               path[700];
  unsigned long long number = 0;
  snprintf(path, sizeof path, "%s/%s", group, file);
  FILE *open = fopen(path, "re");
  if (!open) return 0;
  if (fscanf(open, "%llu", &number) != 1) number = UINT64_MAX;
  fclose(open);
  return number;
}

static uint64_t limit_of(const ul_enclose *enclose) {
  return number_in(enclose->path,
                   enclose->kind == UL_ENCLOSURE_CGROUP1 ? "memory.limit_in_bytes" : "memory.max");
}

/* A group of LIMIT; skips the test, with the reason, where none may be made. */
static void start_or_skip(ul_enclose *enclose, uint64_t max_bytes) {
  ul_enclose_start(enclose, true, LIMIT, max_bytes, announce, NULL);
  if (enclose->kind != UL_ENCLOSURE_NONE) return;
  assert_true(enclose->why_not[0] != 0);
  print_message("no group here: %s\n", enclose->why_not);
  skip();
}

/* A child that sleeps, in the group or not. */
static int start_child(const ul_enclose *enclose) {
  char path[600];
  int  ready[2];
  char byte = 0;
  ul_enclosure_join_file(&enclose->group, path);
  assert_int_equal(pipe(ready), 0);
  int pid = fork();
  if (pid == 0) {
    FILE *file = enclose->kind != UL_ENCLOSURE_NONE ? fopen(path, "we") : NULL;
    if (file) fputs("0", file);
    if (file && fclose(file) != 0) _exit(1);
    if (write(ready[1], &byte, 1) == 1) pause();
    _exit(1);
  }
  close(ready[1]);
  assert_int_equal(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  return pid;
}

static void end_child(int pid) {
  kill(pid, SIGKILL);
  assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* ---- Groups ----------------------------------------------------------------------------------- */

static void not_wanted(void **state) {
  ul_enclose enclose;
  char       text[UL_ENCLOSE_TEXT_MAX];
  (void)state;
  ul_enclose_start(&enclose, false, LIMIT, 0, announce, NULL);
  assert_int_equal(enclose.kind, UL_ENCLOSURE_NONE);
  ul_enclose_sentence(&enclose, text);
  assert_string_equal(text, "not enclosed, so nothing stops it at its budget");
  assert_true(ul_enclose_check(&enclose, getpid()));
  ul_enclose_end(&enclose);
  assert_false(enclose.left_behind);
}

static void made_and_taken_away(void **state) {
  ul_enclose enclose;
  char       text[UL_ENCLOSE_TEXT_MAX];
  (void)state;
  start_or_skip(&enclose, 0);
  assert_string_equal(announced, enclose.path);
  assert_int_equal(limit_of(&enclose), LIMIT);
  ul_enclose_sentence(&enclose, text);
  assert_non_null(strstr(text, "enclosed in a cgroup (version "));
  assert_non_null(strstr(text, "of 64.0 MiB"));
  ul_enclose_end(&enclose);
  assert_false(enclose.left_behind);
  assert_int_not_equal(access(enclose.path, F_OK), 0);
}

static void who_is_in_it(void **state) {
  ul_enclose enclose, none;
  (void)state;
  ul_enclose_start(&none, false, LIMIT, 0, announce, NULL);
  start_or_skip(&enclose, 0);
  int in = start_child(&enclose), out = start_child(&none);
  assert_true(ul_enclose_check(&enclose, in));
  assert_int_not_equal(enclose.kind, UL_ENCLOSURE_NONE);
  end_child(in);
  assert_false(ul_enclose_check(&enclose, out));
  end_child(out);
  assert_int_equal(enclose.kind, UL_ENCLOSURE_NONE);
  assert_true(enclose.why_not[0] != 0);
}

static void who_stays_has_no_limit(void **state) {
  ul_enclose enclose, next;
  char       path[sizeof enclose.path];
  (void)state;
  start_or_skip(&enclose, 0);
  int pid = start_child(&enclose);
  strcpy(path, enclose.path);
  ul_enclose_end(&enclose);
  assert_true(enclose.left_behind);
  assert_int_equal(access(path, F_OK), 0);
  enclose.kind = strstr(path, "/memory/") ? UL_ENCLOSURE_CGROUP1 : UL_ENCLOSURE_CGROUP2;
  assert_true(limit_of(&enclose) > (uint64_t)1 << 60); /* version 2: "max", which is no number */
  end_child(pid);
  start_or_skip(&next, 0); /* the same process and so the same name: it is taken over */
  ul_enclose_end(&next);
  assert_int_not_equal(access(path, F_OK), 0);
}

/* Leftovers of runs that are gone, one of a run that goes on, and one of somebody else. */
static void leftovers_go(void **state) {
  static const char *const names[] = {"ullage-run-999999999-1", "ullage-run-1-999999999999",
                                      "ullage-run-mine", "other-run-999999999-1"};
  ul_enclose               enclose;
  char                     paths[4][800], *slash;
  (void)state;
  start_or_skip(&enclose, 0);
  slash = strrchr(enclose.path, '/');
  for (size_t i = 0; i < UL_ARRAY_LEN(names); i++) {
    snprintf(paths[i], sizeof paths[i], "%.*s/%s", (int)(slash - enclose.path), enclose.path,
             names[i]);
    assert_int_equal(mkdir(paths[i], 0755), 0);
  }
  strcat(paths[0], "/below"); /* a group that the program had made */
  assert_int_equal(mkdir(paths[0], 0755), 0);
  ul_enclose_end(&enclose);
  start_or_skip(&enclose, 0);
  ul_enclose_end(&enclose);
  *strrchr(paths[0], '/') = 0;
  assert_int_not_equal(access(paths[0], F_OK), 0); /* no such process */
  assert_int_not_equal(access(paths[1], F_OK), 0); /* another one has its number */
  assert_int_equal(rmdir(paths[2]), 0);
  assert_int_equal(rmdir(paths[3]), 0);
}

/* ---- Raising ---------------------------------------------------------------------------------- */

static void near_is_a_share(void **state) {
  static const struct {
    uint64_t limit, near;
  } rows[] = {
      {2048 * UL_MIB, 16 * UL_MIB},
      {1024 * UL_MIB, 8 * UL_MIB},
      {128 * UL_MIB, 4 * UL_MIB}, /* the least */
      {16 * UL_MIB, UL_MIB},      /* but never much of it */
  };
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    assert_int_equal(ul_enclosure_near_bytes(rows[i].limit), rows[i].near);
  }
}

static void raised_on_the_system(void **state) {
  ul_enclose enclose;
  (void)state;
  start_or_skip(&enclose, 0);
  assert_int_equal(ul_enclosure_raise(&enclose.group, 2 * LIMIT), 0);
  assert_int_equal(limit_of(&enclose), 2 * LIMIT);
  assert_int_equal(enclose.group.limit_bytes, 2 * LIMIT);
  ul_enclose_end(&enclose);
  assert_int_not_equal(access(enclose.path, F_OK), 0);
}

/* ---- Without a group -------------------------------------------------------------------------- */

static void sampled_tripwires(void **state) {
  static const struct {
    uint64_t resident;
    unsigned at_80, at_90;
  } rows[] = {{10, 0, 0}, {79, 0, 0}, {81, 1, 0}, {70, 1, 0}, {85, 1, 0}, {95, 1, 1}, {120, 1, 1}};
  static ul_watch watch;
  struct marks    marks = {0};
  ul_enclose      enclose;
  (void)state;
  ul_enclose_start(&enclose, false, 100 * UL_MIB, 0, announce, NULL);
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    watch.figures.now_bytes = rows[i].resident * UL_MIB;
    ul_enclose_sample(&enclose, &watch, note, &marks);
    assert_int_equal(marks.count[UL_MARK_TRIPWIRE_80], rows[i].at_80);
    assert_int_equal(marks.count[UL_MARK_TRIPWIRE_90], rows[i].at_90);
  }
  assert_int_equal(marks.bytes[UL_MARK_TRIPWIRE_90], 95 * UL_MIB);
  assert_int_equal(marks.count[UL_MARK_WALL], 0);
}

static void no_budget_no_tripwires(void **state) {
  static ul_watch watch;
  struct marks    marks = {0};
  ul_enclose      enclose;
  (void)state;
  ul_enclose_start(&enclose, true, 0, 0, announce, NULL);
  assert_int_equal(enclose.kind, UL_ENCLOSURE_NONE);
  watch.figures.now_bytes = UL_GIB;
  ul_enclose_sample(&enclose, &watch, note, &marks);
  for (int i = 0; i < UL_MARK_COUNT; i++) assert_int_equal(marks.count[i], 0);
}

static void moving_out_is_seen(void **state) {
  static ul_watch watch;
  ul_enclose      enclose;
  struct marks    marks = {0};
  (void)state;
  start_or_skip(&enclose, 0);
  char *group = enclose.kind == UL_ENCLOSURE_CGROUP1 ? watch.oom.group_v1 : watch.oom.group_v2;
  strcpy(group, enclose.path);
  strcat(group, "/below");
  ul_enclose_sample(&enclose, &watch, note, &marks);
  assert_false(enclose.moved_out);
  strcpy(group, "/elsewhere");
  ul_enclose_sample(&enclose, &watch, note, &marks);
  assert_true(enclose.moved_out);
  ul_enclose_end(&enclose);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(not_wanted),
      cmocka_unit_test(made_and_taken_away),
      cmocka_unit_test(who_is_in_it),
      cmocka_unit_test(who_stays_has_no_limit),
      cmocka_unit_test(leftovers_go),
      cmocka_unit_test(near_is_a_share),
      cmocka_unit_test(raised_on_the_system),
      cmocka_unit_test(sampled_tripwires),
      cmocka_unit_test(no_budget_no_tripwires),
      cmocka_unit_test(moving_out_is_seen),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
