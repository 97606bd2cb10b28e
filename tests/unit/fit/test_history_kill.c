/* SPDX-License-Identifier: MIT */
/* test_history_kill.c: the history stays below its bound, and is whole after 200 kills at random
 * moments.
 *
 *     unit_fit_test_history_kill [--seed N]
 */
#ifdef ULLAGE_WITH_SQLITE

#include "history_help.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

static uint64_t seed;

static uint64_t size_of_it(void) {
  struct stat facts;
  assert_int_equal(stat(path, &facts), 0);
  return (uint64_t)facts.st_size;
}

/* Old samples thin, peaks stay; old runs go; the file never passes its most. */
static void it_stays_bounded(void **state) {
  const uint64_t most = UL_MIB / 2;
  ul_history    *history;
  struct found   found;
  (void)state;
  assert_int_equal(open_it(true, most, &history), 0);
  for (unsigned i = 0; i < 12; i++) record(history, "a", 4000);
  found = (struct found){0};
  assert_int_equal(ul_history_samples(history, 1, on_sample, &found, &note), 0);
  assert_in_range(found.count, 1, 1000); /* thinned, and there */
  assert_int_equal(found.highest, 99 * UL_MIB);
  for (unsigned i = 0; i < 100; i++) record(history, "a", 4000);
  found = (struct found){0};
  assert_int_equal(ul_history_samples(history, 1, on_sample, &found, &note), 0);
  assert_int_equal(found.count, 0); /* gone; but the run is still listed */
  assert_int_equal(list(history, (ul_history_query){.id = 1}).count, 1);
  assert_int_equal(list(history, (ul_history_query){.id = 112}).finished, 1);
  for (unsigned i = 0; i < 4000; i++) record(history, "a", 1);
  assert_int_equal(list(history, (ul_history_query){.id = 1}).count, 0);
  assert_int_equal(list(history, (ul_history_query){.id = 4112}).finished, 1);
  found = list(history, (ul_history_query){0});
  assert_in_range(found.finished, 500, 4000);
  ul_history_close(history);
  assert_true(size_of_it() <= most);
  /* One run alone that is longer than all there is room for. */
  assert_int_equal(open_it(true, most, &history), 0);
  record(history, "a", 200000);
  ul_history_close(history);
  assert_true(size_of_it() <= most);
}

/* ---- Killed ----------------------------------------------------------------------------------- */

/* Records runs until it is killed; tells the id of each that is finished, after it is. */
static void write_for_ever(uint64_t most_bytes, int tell) {
  ul_history *history;
  for (;;) {
    if (open_it(true, most_bytes, &history) < 0) _exit(3);
    for (unsigned i = 0; i < 5; i++) {
      ul_history_run run = a_run("k");
      if (ul_history_begin(history, &run, &note) < 0) _exit(4);
      for (unsigned k = 0; k < 100; k++) {
        ul_history_sample(history, k * SEC / 4, k, k, &note);
        if (note.text[0]) _exit(5);
      }
      int64_t id = ul_history_run_id(history);
      if (ul_history_finish(history, &run, &note) < 0) _exit(6);
      if (write(tell, &id, sizeof id) != sizeof id) _exit(7);
    }
    ul_history_close(history);
  }
}

static unsigned next_random(unsigned below) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(seed >> 33) % below;
}

static int on_integrity(void *arg, int columns, char **values, char **names) {
  (void)columns;
  (void)names;
  *(bool *)arg = strcmp(values[0], "ok") == 0;
  return 0;
}

static bool is_whole(void) {
  sqlite3 *db;
  bool     whole = false;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  (void)sqlite3_exec(db, "PRAGMA integrity_check", on_integrity, &whole, NULL);
  sqlite3_close(db);
  return whole;
}

/* Was the run of that id recorded to its end? */
static bool is_finished(int64_t id) {
  ul_history *history;
  assert_int_equal(open_it(false, 0, &history), 0);
  struct found found = list(history, (ul_history_query){.id = id});
  ul_history_close(history);
  return found.finished == 1;
}

/* One writer, killed less than 20 ms after it told of a random number of runs: time alone would say
 * nothing on a busy machine, where a writer may not even begin in it. Returns how many runs it
 * finished. */
static unsigned kill_one(uint64_t most_bytes, int64_t *newest) {
  int             ends[2], status;
  int64_t         id;
  unsigned        told = 0;
  unsigned        wanted = next_random(4);
  struct timespec moment = {0, (long)next_random(20000) * 1000};
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) write_for_ever(most_bytes, ends[1]);
  close(ends[1]);
  while (told < wanted && read(ends[0], &id, sizeof id) == sizeof id) {
    *newest = id;
    told++;
  }
  nanosleep(&moment, NULL);
  kill(child, SIGKILL);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status)); /* it did not give up by itself */
  while (read(ends[0], &id, sizeof id) == sizeof id) {
    *newest = id;
    told++;
  }
  close(ends[0]);
  return told;
}

/* `before`: runs that were there already. */
static void killed(unsigned kills, uint64_t most_bytes, unsigned before) {
  uint64_t    told = 0, first = seed;
  int64_t     newest = 0;
  ul_history *history;
  print_message("seed %llu\n", (unsigned long long)first);
  assert_int_equal(open_it(true, most_bytes, &history), 0);
  for (unsigned i = 0; i < before; i++) record(history, "a", 1);
  ul_history_close(history);
  for (unsigned i = 0; i < kills; i++) {
    told += kill_one(most_bytes, &newest);
    if (!is_whole() || (newest > 0 && !is_finished(newest))) {
      fail_msg("not whole after kill %u (seed %llu)", i, (unsigned long long)first);
    }
  }
  assert_int_equal(open_it(false, 0, &history), 0);
  struct found found = list(history, (ul_history_query){0});
  ul_history_close(history);
  print_message("%llu runs told; %u finished and %u unfinished kept\n", (unsigned long long)told,
                found.finished, found.unfinished);
  assert_true(told > kills);
  assert_int_equal(found.running, 0);
  assert_true(found.unfinished > 0);
  if (before == 0) { /* the last may have been written, and its writer killed before it told */
    assert_in_range(found.finished, told, told + kills);
  } else {
    assert_true(found.finished < told + before && size_of_it() <= most_bytes);
  }
}

static void all_is_there_after_kills(void **state) {
  (void)state;
  killed(120, 0, 0);
}

/* The same while old runs are thinned and go. */
static void kills_while_room_is_made(void **state) {
  (void)state;
  killed(80, UL_MIB / 4, 2000);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(it_stays_bounded, each),
      cmocka_unit_test_setup(all_is_there_after_kills, each),
      cmocka_unit_test_setup(kills_while_room_is_made, each),
  };
  seed = (uint64_t)time(NULL);
  if (argc == 3 && strcmp(argv[1], "--seed") == 0) seed = strtoull(argv[2], NULL, 10);
  return run_here(tests, UL_ARRAY_LEN(tests));
}

#else

#include <stdio.h>

int main(void) {
  puts("built without SQLite");
  return 77;
}

#endif
