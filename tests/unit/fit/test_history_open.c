/* SPDX-License-Identifier: MIT */
/* test_history_open.c: which files are made, refused, moved aside; and when the disk or a lock says
 * no. */
#ifdef ULLAGE_WITH_SQLITE

#include "history_help.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

static void refused(const char *reason) {
  ul_history *history = NULL;
  assert_int_equal(open_it(true, 0, &history), -UL_E_SYSTEM);
  if (!strstr(note.text, reason)) fail_msg("'%s' does not say '%s'", note.text, reason);
}

static void what_may_not_be_trusted_is_refused(void **state) {
  char        other[80], text[8] = "";
  sqlite3    *db;
  ul_history *history;
  (void)state;
  assert_int_equal(open_it(false, 0, &history), -UL_E_NOTFOUND);
  assert_true(access(path, F_OK) < 0); /* reading makes nothing */
  snprintf(other, sizeof other, "%s/other", directory);
  write_file(other, "", 0);
  assert_int_equal(symlink(other, path), 0);
  refused("is a symbolic link");
  unlink(path);
  assert_int_equal(link(other, path), 0);
  refused("second name");
  unlink(path);
  assert_int_equal(mkfifo(path, 0600), 0);
  refused("is not a regular file");
  unlink(path);
  write_file(path, "", 0);
  assert_int_equal(chmod(path, 0666), 0);
  refused("others may write");
  if (geteuid() == 0) {
    assert_int_equal(chown(path, 12345, 12345) | chmod(path, 0600), 0);
    refused("belongs to another user");
  }
  unlink(path);
  /* A file that the user named by mistake stays as it is. */
  write_file(path, "my notes\n", 9);
  refused("is not a history of runs");
  FILE *file = fopen(path, "r");
  assert_int_equal(fread(text, 1, 8, file), 8);
  fclose(file);
  assert_memory_equal(text, "my notes", 8);
  unlink(path);
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "CREATE TABLE mine(x)", 0, 0, 0), SQLITE_OK);
  sqlite3_close(db);
  chmod(path, 0600);
  refused("something else");
  unlink(path);
  assert_int_equal(open_it(true, 0, &history), 0);
  ul_history_close(history);
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 2", 0, 0, 0), SQLITE_OK);
  sqlite3_close(db);
  refused("newer");
}

static void the_default_place(void **state) {
  char             where[PATH_MAX], home[64];
  struct stat      facts;
  ul_history      *history;
  ul_history_order order = {.writes = true};
  (void)state;
  assert_true(ul_history_default_path(where, &note));
  assert_int_equal(ul_history_open(&order, &history, &note), 0);
  ul_history_close(history);
  assert_int_equal(stat(where, &facts), 0);
  assert_int_equal(facts.st_mode & 0777, 0600);
  *strrchr(where, '/') = 0;
  assert_int_equal(stat(where, &facts), 0);
  assert_int_equal(facts.st_mode & 0777, 0700);
  assert_int_equal(chmod(where, 0777), 0);
  assert_int_equal(ul_history_open(&order, &history, &note), -UL_E_SYSTEM);
  assert_non_null(strstr(note.text, "others may write"));
  clean();
  assert_int_equal(symlink("/tmp", where), 0);
  assert_int_equal(ul_history_open(&order, &history, &note), -UL_E_SYSTEM);
  assert_non_null(strstr(note.text, "is a symbolic link"));
  clean();
  /* A relative XDG_DATA_HOME does not count; nothing at all: said. */
  snprintf(home, sizeof home, "%s/home", directory);
  setenv("XDG_DATA_HOME", "relative", 1);
  setenv("HOME", home, 1);
  assert_int_equal(ul_history_open(&order, &history, &note), 0);
  ul_history_close(history);
  assert_true(ul_history_default_path(where, &note));
  assert_non_null(strstr(where, "/home/.local/share/ullage/history.db"));
  unsetenv("HOME");
  assert_int_equal(ul_history_open(&order, &history, &note), -UL_E_SYSTEM);
  assert_non_null(strstr(note.text, "neither XDG_DATA_HOME nor HOME"));
}

/* It is said what cannot be made or is not there, not that there is no history yet. */
static void a_directory_that_cannot_be_there(void **state) {
  char             file[80], named[96];
  ul_history      *history;
  ul_history_order order = {.writes = true};
  (void)state;
  snprintf(file, sizeof file, "%s/file", directory);
  snprintf(named, sizeof named, "%s/none/h.db", directory);
  write_file(file, "", 0);
  setenv("XDG_DATA_HOME", file, 1);
  assert_int_equal(ul_history_open(&order, &history, &note), -UL_E_SYSTEM);
  assert_non_null(strstr(note.text, "/file/ullage of the history cannot be made: Not a directory"));
  assert_non_null(strstr(note.text, "ULLAGE_HISTORY=off"));
  order.path = named;
  assert_int_equal(ul_history_open(&order, &history, &note), -UL_E_SYSTEM);
  assert_non_null(strstr(note.text, "there is no directory "));
  assert_non_null(strstr(note.text, "/none to keep the history in"));
  order.writes = false; /* to a reader it is just empty */
  assert_int_equal(ul_history_open(&order, &history, &note), -UL_E_NOTFOUND);
}

/* A damaged file of ours makes way for a new one, and is kept beside it. */
static void a_damaged_one_is_moved_aside(void **state) {
  char        aside[96];
  ul_history *history;
  (void)state;
  snprintf(aside, sizeof aside, "%s.damaged", path);
  assert_int_equal(open_it(true, 0, &history), 0);
  record(history, "a", 400);
  ul_history_close(history);
  FILE *file = fopen(path, "r+");
  assert_non_null(file);
  fseek(file, 100, SEEK_SET); /* behind the header: the schema */
  for (unsigned i = 0; i < 20000; i++) fputc((int)(i * 37 % 251), file);
  fclose(file);
  assert_int_equal(open_it(false, 0, &history), -UL_E_SYSTEM); /* a reader moves nothing */
  assert_non_null(strstr(note.text, "damaged"));
  assert_int_equal(open_it(true, 0, &history), 0);
  assert_non_null(strstr(note.text, aside));
  assert_int_equal(access(aside, F_OK), 0);
  note.text[0] = 0;
  record(history, "a", 4);
  assert_int_equal(list(history, (ul_history_query){0}).finished, 1);
  ul_history_close(history);
}

static void a_locked_one_is_said_and_left(void **state) {
  sqlite3    *db;
  ul_history *history;
  (void)state;
  assert_int_equal(open_it(true, 0, &history), 0);
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  ul_history_run run = a_run("a");
  assert_int_equal(ul_history_begin(history, &run, &note), 0);
  assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", 0, 0, 0), SQLITE_OK);
  for (unsigned i = 0; i < 200; i++) ul_history_sample(history, i * SEC / 4, i, i, &note);
  assert_string_equal(note.text, ""); /* they wait */
  assert_int_equal(ul_history_finish(history, &run, &note), -UL_E_SYSTEM);
  assert_non_null(strstr(note.text, "locked"));
  ul_history_close(history);
  assert_int_equal(open_it(true, 0, &history), 0); /* which writes nothing */
  assert_int_equal(ul_history_begin(history, &run, &note), -UL_E_SYSTEM);
  assert_non_null(strstr(note.text, "locked"));
  assert_int_equal(list(history, (ul_history_query){0}).running, 1); /* reading goes on */
  ul_history_close(history);
  assert_int_equal(sqlite3_exec(db, "ROLLBACK", 0, 0, 0), SQLITE_OK);
  sqlite3_close(db);
  assert_int_equal(open_it(true, 0, &history), 0);
  ul_history_close(history);
}

/* The header and the schema are fine, what is behind them is not: found by the first write to it. */
static void damage_found_while_writing(void **state) {
  ul_history *history;
  char        aside[96];
  (void)state;
  snprintf(aside, sizeof aside, "%s.damaged", path);
  assert_int_equal(open_it(true, 0, &history), 0);
  record(history, "a", 400);
  ul_history_close(history);
  FILE *file = fopen(path, "r+");
  assert_non_null(file);
  for (long page = 1; page < 30; page++) { /* the schema is in the first */
    fseek(file, page * 4096, SEEK_SET);
    for (unsigned i = 0; i < 64; i++) fputc(0xa5, file);
  }
  fclose(file);
  assert_int_equal(open_it(true, 0, &history), 0);
  ul_history_run run = a_run("b");
  assert_int_equal(ul_history_begin(history, &run, &note), -UL_E_SYSTEM);
  assert_non_null(strstr(note.text, "damaged"));
  ul_history_sample(history, 9 * SEC, 1, 1, &note); /* nothing more is written, nor said */
  assert_string_equal(note.text, "");
  assert_int_equal(ul_history_finish(history, &run, &note), 0);
  ul_history_close(history);
  assert_int_equal(access(aside, F_OK), 0);
  assert_int_equal(open_it(true, 0, &history), 0);
  record(history, "a", 4);
  ul_history_close(history);
}

/* A limit on the size of files stands for a full disk: the same error reaches SQLite. */
static void a_full_disk_is_said_once(void **state) {
  ul_history   *history;
  struct rlimit before, small;
  unsigned      said = 0;
  (void)state;
  assert_int_equal(open_it(true, 0, &history), 0);
  ul_history_run run = a_run("a");
  assert_int_equal(ul_history_begin(history, &run, &note), 0);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  small = before;
  small.rlim_cur = 200000;
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  for (unsigned i = 0; i < 20000; i++) {
    ul_history_sample(history, i * (SEC / 4), i, i, &note);
    said += note.text[0] != 0;
  }
  int error = ul_history_finish(history, &run, &note);
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  ul_history_close(history);
  assert_int_equal(said, 1);
  assert_int_equal(error, 0);
  /* What was written before is there. */
  assert_int_equal(open_it(true, 0, &history), 0);
  struct found found = list(history, (ul_history_query){0});
  assert_int_equal(found.count, 1);
  assert_int_equal(found.finished, 0);
  found = (struct found){0};
  assert_int_equal(ul_history_samples(history, 1, on_sample, &found, &note), 0);
  assert_true(found.count > 100);
  ul_history_close(history);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(what_may_not_be_trusted_is_refused, each),
      cmocka_unit_test_setup(the_default_place, each),
      cmocka_unit_test_setup(a_directory_that_cannot_be_there, each),
      cmocka_unit_test_setup(a_damaged_one_is_moved_aside, each),
      cmocka_unit_test_setup(damage_found_while_writing, each),
      cmocka_unit_test_setup(a_locked_one_is_said_and_left, each),
      cmocka_unit_test_setup(a_full_disk_is_said_once, each),
  };
  return run_here(tests, UL_ARRAY_LEN(tests));
}

#else

#include <stdio.h>

int main(void) {
  puts("built without SQLite");
  return 77;
}

#endif
