/* SPDX-License-Identifier: MIT */
/* test_options.c: what ULLAGE_* variables mean, and that a bad one keeps the default and says one
 * line. Each row runs in a forked child whose stderr is a pipe, so that one environment does not
 * leak into the next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "os/self.h"
#include "runtime/options.h"

typedef struct answer {
  ul_options options;
  char       said[4096]; /* all of stderr */
  int        lines;
} answer;

static const char *const names[] = {
#define UL_OPTION(name, type, default_value, help) "ULLAGE_" #name,
#include "wire/options.def"
#undef UL_OPTION
};

static const ul_options defaults = {
#define UL_OPTION(name, type, default_value, help) .name = (default_value),
#include "wire/options.def"
#undef UL_OPTION
};

static size_t read_all(int fd, void *buffer, size_t room) {
  size_t  length = 0;
  ssize_t n;
  while (length < room && (n = read(fd, (char *)buffer + length, room - length)) > 0) {
    length += (size_t)n;
  }
  close(fd);
  return length;
}

/* ul_options_read with exactly these variables set: "NAME=value", NULL at the end. */
static answer ask(const char *const *variables) {
  answer result = {0};
  int    said[2], read_options[2], status;
  assert_int_equal(pipe(said), 0);
  assert_int_equal(pipe(read_options), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    ul_options options;
    memset(&options, 0xee, sizeof options);
    for (size_t i = 0; i < UL_ARRAY_LEN(names); i++) unsetenv(names[i]);
    for (; *variables; variables++) putenv((char *)(uintptr_t)*variables);
    dup2(said[1], STDERR_FILENO);
    ul_options_read(&options);
    bool written = write(read_options[1], &options, sizeof options) == (ssize_t)sizeof options;
    _exit(written ? 0 : 1);
  }
  close(said[1]);
  close(read_options[1]);
  size_t length = read_all(said[0], result.said, sizeof result.said - 1);
  size_t got = read_all(read_options[0], &result.options, sizeof result.options);
  assert_int_equal(got, sizeof result.options);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  for (size_t i = 0; i < length; i++) result.lines += result.said[i] == '\n';
  if (length > 0) assert_int_equal(result.said[length - 1], '\n');
  return result;
}

static answer ask_one(const char *variable) {
  const char *const variables[] = {variable, NULL};
  return ask(variables);
}

static void test_defaults_without_variables(void **state) {
  answer got = ask((const char *const[]){NULL});
  (void)state;
  assert_memory_equal(&got.options, &defaults, sizeof defaults);
  assert_string_equal(got.said, "");
}

static void test_good_values(void **state) {
  uint64_t memory_bytes = ul_os_memory_bytes();
  const struct {
    const char *variable;
    size_t      offset;
    uint64_t    expected;
  } rows[] = {
      {"ULLAGE_BUDGET=1500M", offsetof(ul_options, BUDGET), 1500000000},
      {"ULLAGE_BUDGET=1.5Gi", offsetof(ul_options, BUDGET), 1610612736},
      {"ULLAGE_BUDGET=0", offsetof(ul_options, BUDGET), 0},
      {"ULLAGE_BUDGET=off", offsetof(ul_options, BUDGET), 0},
      {"ULLAGE_BUDGET=auto", offsetof(ul_options, BUDGET), 0},
      {"ULLAGE_BUDGET=1%", offsetof(ul_options, BUDGET), memory_bytes / 100},
      {"ULLAGE_BUDGET=100%", offsetof(ul_options, BUDGET), memory_bytes / 100 * 100},
      {"ULLAGE_RELEASE=0", offsetof(ul_options, RELEASE), 0},
      {"ULLAGE_RELEASE=1", offsetof(ul_options, RELEASE), 1},
      {"ULLAGE_STATS=1", offsetof(ul_options, STATS), 1},
      {"ULLAGE_LIVE=1", offsetof(ul_options, LIVE), 1},
      {"ULLAGE_RELEASE_DELAY_MS=0", offsetof(ul_options, RELEASE_DELAY_MS), 0},
      {"ULLAGE_RELEASE_DELAY_MS=0250", offsetof(ul_options, RELEASE_DELAY_MS), 250},
      {"ULLAGE_RELEASE_DELAY_MS=86400000", offsetof(ul_options, RELEASE_DELAY_MS), 86400000},
  };
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    ul_options expected = defaults;
    answer     got = ask_one(rows[i].variable);
    memcpy((char *)&expected + rows[i].offset, &rows[i].expected, sizeof rows[i].expected);
    assert_memory_equal(&got.options, &expected, sizeof expected);
    assert_string_equal(got.said, "");
  }
}

static void test_bad_values_keep_the_default(void **state) {
  static const char *const bad[] = {
      "ULLAGE_BUDGET=lots",
      "ULLAGE_BUDGET=-1",
      "ULLAGE_BUDGET=1500MB",
      "ULLAGE_BUDGET=1m",
      "ULLAGE_BUDGET= 1M",
      "ULLAGE_BUDGET=%",
      "ULLAGE_BUDGET=0%",
      "ULLAGE_BUDGET=101%",
      "ULLAGE_BUDGET=5.5%",
      "ULLAGE_BUDGET=99999999999999999999%",
      "ULLAGE_BUDGET=18446744073709551616",
      "ULLAGE_BUDGET=AUTO",
      "ULLAGE_RELEASE=2",
      "ULLAGE_RELEASE=01",
      "ULLAGE_RELEASE=yes",
      "ULLAGE_STATS=true",
      "ULLAGE_LIVE= 1",
      "ULLAGE_RELEASE_DELAY_MS=1.5",
      "ULLAGE_RELEASE_DELAY_MS=-1",
      "ULLAGE_RELEASE_DELAY_MS=100ms",
      "ULLAGE_RELEASE_DELAY_MS=86400001",
      "ULLAGE_RELEASE_DELAY_MS=18446744073709551617",
  };
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(bad); i++) {
    char   start[256] = "ullage: ";
    answer got = ask_one(bad[i]);
    strcat(strcat(start, bad[i]), " is not understood and is ignored: ");
    assert_memory_equal(&got.options, &defaults, sizeof defaults);
    assert_int_equal(got.lines, 1);
    assert_memory_equal(got.said, start, strlen(start));
    assert_true(strlen(got.said) > strlen(start) + 10); /* and what to write instead */
  }
}

static void test_an_empty_value_is_none(void **state) {
  const char *const empty[] = {
      "ULLAGE_BUDGET=", "ULLAGE_RELEASE=", "ULLAGE_RELEASE_DELAY_MS=", NULL};
  answer got = ask(empty);
  (void)state;
  assert_memory_equal(&got.options, &defaults, sizeof defaults);
  assert_string_equal(got.said, "");
}

static void test_each_bad_value_has_its_line(void **state) {
  const char *const mixed[] = {"ULLAGE_BUDGET=lots", "ULLAGE_STATS=maybe", "ULLAGE_LIVE=1",
                               "ULLAGE_RELEASE_DELAY_MS=soon", NULL};
  answer            got = ask(mixed);
  ul_options        expected = defaults;
  (void)state;
  expected.LIVE = 1;
  assert_memory_equal(&got.options, &expected, sizeof expected);
  assert_int_equal(got.lines, 3);
  assert_non_null(strstr(got.said, "ULLAGE_BUDGET=lots"));
  assert_non_null(strstr(got.said, "ULLAGE_STATS=maybe"));
  assert_non_null(strstr(got.said, "ULLAGE_RELEASE_DELAY_MS=soon"));
}

/* A value longer than the line has no room for the advice, but is still one line. */
static void test_a_very_long_value(void **state) {
  static char variable[3000] = "ULLAGE_BUDGET=";
  (void)state;
  memset(variable + strlen(variable), '9', sizeof variable - strlen(variable) - 1);
  answer got = ask_one(variable);
  assert_memory_equal(&got.options, &defaults, sizeof defaults);
  assert_int_equal(got.lines, 1);
  assert_memory_equal(got.said, "ullage: ULLAGE_BUDGET=999", 25);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_defaults_without_variables),
      cmocka_unit_test(test_good_values),
      cmocka_unit_test(test_bad_values_keep_the_default),
      cmocka_unit_test(test_an_empty_value_is_none),
      cmocka_unit_test(test_each_bad_value_has_its_line),
      cmocka_unit_test(test_a_very_long_value),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
