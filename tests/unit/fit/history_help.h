/* SPDX-License-Identifier: MIT */
/* history_help.h: what the tests of the history share: a directory of their own, runs, sinks. */
#ifndef TESTS_UNIT_FIT_HISTORY_HELP_H
#define TESTS_UNIT_FIT_HISTORY_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "fit/history.h"

#define SEC ((uint64_t)1000000000)

static char            directory[] = "/tmp/ullage-history-XXXXXX";
static char            path[64];
static ul_history_note note;

static UL_UNUSED void clean(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s/*", directory);
  assert_int_equal(system(command), 0);
}

static UL_UNUSED int each(void **state) {
  (void)state;
  clean();
  setenv("XDG_DATA_HOME", directory, 1);
  snprintf(path, sizeof path, "%s/h.db", directory);
  memset(&note, 0, sizeof note);
  return 0;
}

static UL_UNUSED int open_it(bool writes, uint64_t most_bytes, ul_history **ret) {
  ul_history_order order = {.path = path, .writes = writes, .most_bytes = most_bytes};
  return ul_history_open(&order, ret, &note);
}

static UL_UNUSED ul_history_run a_run(const char *identity) {
  ul_history_run run;
  ul_history_run_init(&run);
  run.identity = identity;
  run.program = "/usr/bin/service";
  run.command = "service -p 80";
  run.runtime = "go";
  run.started_unix_ns = 1700000000 * SEC;
  run.budget_bytes = 1500 * UL_MIB;
  return run;
}

/* A whole run with `samples` of them, four a second. */
static UL_UNUSED void record(ul_history *history, const char *identity, unsigned samples) {
  ul_history_run run = a_run(identity);
  assert_int_equal(ul_history_begin(history, &run, &note), 0);
  for (unsigned i = 0; i < samples; i++) {
    ul_history_sample(history, i * (SEC / 4), i % 100 * UL_MIB, UL_MIB, &note);
    assert_string_equal(note.text, "");
  }
  run.exit_code = 0;
  run.exit_reason = "normal";
  run.peak_rss_bytes = 99 * UL_MIB;
  run.budget_kept = 1;
  assert_int_equal(ul_history_finish(history, &run, &note), 0);
}

/* What a reading found. */
struct found {
  unsigned       count, finished, unfinished, running;
  ul_history_run last;
  char           texts[128];
  uint64_t       highest, metaspace, classes;
};

static UL_UNUSED void on_run(const ul_history_run *run, void *arg) {
  struct found *found = arg;
  found->count++;
  found->finished += run->state == UL_HISTORY_FINISHED;
  found->unfinished += run->state == UL_HISTORY_UNFINISHED;
  found->running += run->state == UL_HISTORY_RUNNING;
  found->last = *run;
  snprintf(found->texts, sizeof found->texts, "%s|%s|%s", run->program, run->command, run->runtime);
}

static UL_UNUSED void on_sample(uint64_t at_ns, uint64_t rss_bytes, uint64_t live_bytes,
                                void *arg) {
  struct found *found = arg;
  (void)at_ns;
  (void)live_bytes;
  found->count++;
  found->highest = UL_MAX(found->highest, rss_bytes);
}

static UL_UNUSED void on_mark(uint64_t at_ns, const char *kind, uint64_t bytes, const char *text,
                              void *arg) {
  struct found *found = arg;
  found->count++;
  snprintf(found->texts, sizeof found->texts, "%llu %s %llu %s", (unsigned long long)at_ns, kind,
           (unsigned long long)bytes, text);
}

static UL_UNUSED void on_fact(const char *name, uint64_t value, void *arg) {
  struct found *found = arg;
  found->count++;
  if (strcmp(name, "metaspace_bytes") == 0) found->metaspace = value;
  if (strcmp(name, "classes") == 0) found->classes = value;
}

static UL_UNUSED struct found list(ul_history *history, ul_history_query query) {
  struct found found = {0};
  int          error = ul_history_list(history, &query, on_run, &found, &note);
  if (error != -UL_E_NOTFOUND) assert_int_equal(error, 0);
  assert_int_equal(error == -UL_E_NOTFOUND, found.count == 0);
  return found;
}

static UL_UNUSED void write_file(const char *where, const char *bytes, size_t length) {
  FILE *file = fopen(where, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, length, file), length);
  assert_int_equal(fclose(file), 0);
}

static UL_UNUSED int run_here(const struct CMUnitTest *tests, size_t count) {
  if (!mkdtemp(directory)) return 1;
  int failed = _cmocka_run_group_tests("history", tests, count, NULL, NULL);
  clean();
  (void)rmdir(directory);
  return failed;
}

#endif
