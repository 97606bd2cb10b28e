/* SPDX-License-Identifier: MIT */
/* test_summary.c: the summary of a small heap says something: no row of a few kilobytes is 0.0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/runtime.h"
#include "runtime/summary.h"

/* What ul_summary_print says on stderr, which fits into a pipe. */
static void read_summary(char *text, size_t capacity) {
  int pipes[2], stderr_before = dup(STDERR_FILENO);
  assert_int_equal(pipe(pipes), 0);
  dup2(pipes[1], STDERR_FILENO);
  close(pipes[1]);
  ul_summary_print();
  dup2(stderr_before, STDERR_FILENO);
  close(stderr_before);
  size_t length = 0;
  for (ssize_t got; (got = read(pipes[0], text + length, capacity - 1 - length)) > 0;) {
    length += (size_t)got;
  }
  close(pipes[0]);
  text[length] = 0;
}

static void test_small_heap_in_kib(void **state) {
  char  text[2048];
  void *object = ullage_malloc(5000); /* 5120 bytes: 5.0 KiB */
  (void)state;
  assert_non_null(object);
  read_summary(text, sizeof text);
  assert_non_null(strstr(text, ", 1 live objects\n"));
  assert_non_null(strstr(text, "  live       5.0 KiB\n"));
  assert_null(strstr(text, " 0.0 "));
  ullage_free(object);
  read_summary(text, sizeof text);
  assert_non_null(strstr(text, "  live       0 bytes\n"));
}

static void test_larger_heap_in_mib(void **state) {
  char  text[2048];
  void *object = ullage_malloc(5 * UL_MIB);
  (void)state;
  assert_non_null(object);
  read_summary(text, sizeof text);
  assert_non_null(strstr(text, "  live       5.0 MiB\n"));
  ullage_free(object);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_small_heap_in_kib),
      cmocka_unit_test(test_larger_heap_in_mib),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
