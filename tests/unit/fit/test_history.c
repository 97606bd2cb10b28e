/* SPDX-License-Identifier: MIT */
/* test_history.c: what was recorded is found again, in real files in a directory of our own. */
#ifdef ULLAGE_WITH_SQLITE

#include "history_help.h"

#include <sqlite3.h>

static void a_run_is_found_again(void **state) {
  ul_history *history;
  struct stat facts;
  (void)state;
  assert_int_equal(open_it(true, 0, &history), 0);
  assert_int_equal(stat(path, &facts), 0);
  assert_int_equal(facts.st_mode & 0777, 0600);
  ul_history_run run = a_run("a");
  assert_int_equal(ul_history_begin(history, &run, &note), 0);
  struct found found = list(history, (ul_history_query){0});
  assert_int_equal(found.running, 1);
  /* Nearer than 250 ms: the higher counts. */
  for (unsigned i = 0; i < 100; i++) {
    ul_history_sample(history, i * SEC / 20, (i == 33 ? 500 : 100) * UL_MIB, 7, &note);
  }
  ul_history_mark(history, 5, "raised", 77, "because");
  ul_history_fact(history, UL_HISTORY_FACT_metaspace_bytes, 30);
  ul_history_fact(history, UL_HISTORY_FACT_metaspace_bytes, 20);
  ul_history_fact(history, UL_HISTORY_FACT_classes, UL_HISTORY_UNKNOWN);
  ul_history_point(history, 1425, 0.358);
  run.peak_rss_bytes = UINT64_MAX - 1; /* more than the file can hold is as unknown */
  run.exit_code = 3;
  run.wall_ns = 5 * SEC;
  assert_int_equal(ul_history_finish(history, &run, &note), 0);
  ul_history_close(history);

  assert_int_equal(open_it(false, 0, &history), 0);
  found = list(history, (ul_history_query){0});
  assert_int_equal(found.finished, 1);
  assert_string_equal(found.texts, "/usr/bin/service|service -p 80|go");
  assert_true(found.last.peak_rss_bytes == UL_HISTORY_UNKNOWN);
  assert_int_equal(found.last.exit_code, 3);
  assert_int_equal(found.last.wall_ns, 5 * SEC);
  assert_true(found.last.p99_rss_bytes == UL_HISTORY_UNKNOWN);
  int64_t id = found.last.id;
  found = (struct found){0};
  assert_int_equal(ul_history_samples(history, id, on_sample, &found, &note), 0);
  assert_int_equal(found.count, 20);
  assert_int_equal(found.highest, 500 * UL_MIB);
  found = (struct found){0};
  assert_int_equal(ul_history_marks(history, id, on_mark, &found, &note), 0);
  assert_string_equal(found.texts, "5 raised 77 because");
  assert_int_equal(found.count, 1);
  found = (struct found){0};
  assert_int_equal(ul_history_facts(history, id, on_fact, &found, &note), 0);
  assert_int_equal(found.count, 1);
  assert_int_equal(found.metaspace, 30);
  ul_history_close(history);
}

static void asking_for_some(void **state) {
  ul_history *history;
  (void)state;
  assert_int_equal(open_it(true, 0, &history), 0);
  for (unsigned i = 0; i < 5; i++) record(history, "a", 2);
  assert_int_equal(list(history, (ul_history_query){.last = 2}).count, 2);
  assert_int_equal(list(history, (ul_history_query){.last = 2}).last.id, 4); /* newest first */
  assert_int_equal(list(history, (ul_history_query){.id = 3}).last.id, 3);
  assert_int_equal(list(history, (ul_history_query){.id = 99}).count, 0);
  assert_int_equal(list(history, (ul_history_query){.program = "service"}).count, 5);
  assert_int_equal(list(history, (ul_history_query){.program = "/usr/bin/service"}).count, 5);
  assert_int_equal(list(history, (ul_history_query){.program = "ervice"}).count, 0);
  assert_int_equal(list(history, (ul_history_query){.program = "%"}).count, 0);
  record(history, "/usr/bin/service /srv/app.py", 2);
  assert_int_equal(list(history, (ul_history_query){.program = "app.py"}).count, 1);
  assert_int_equal(list(history, (ul_history_query){.program = "/srv/app.py"}).count, 1);
  assert_int_equal(list(history, (ul_history_query){.program = "service"}).count, 6);
  ul_history_close(history);
}

/* The highest of the newest ten runs; a run of eleven ago is forgotten. */
static void what_is_known_of_earlier_runs(void **state) {
  static ul_history_known known;
  ul_history             *history;
  (void)state;
  assert_int_equal(open_it(true, 0, &history), 0);
  for (unsigned i = 0; i < 12; i++) {
    ul_history_run run = a_run(i == 5 ? "other" : "same");
    assert_int_equal(ul_history_begin(history, &run, &note), 0);
    ul_history_fact(history, UL_HISTORY_FACT_metaspace_bytes, 100 - i);
    ul_history_fact(history, UL_HISTORY_FACT_classes, i == 5 ? 9999 : i);
    ul_history_point(history, 5, 0.9); /* a later one takes its place */
    ul_history_point(history, 1000 + i, 0.5 / (i + 1));
    assert_int_equal(ul_history_finish(history, &run, &note), 0);
  }
  ul_history_run run = a_run("same"); /* its own do not count */
  assert_int_equal(ul_history_begin(history, &run, &note), 0);
  ul_history_fact(history, UL_HISTORY_FACT_metaspace_bytes, 7777);
  ul_history_sample(history, 6 * SEC, 1, 1, &note);
  assert_int_equal(ul_history_known_of(history, "same", &known, &note), 0);
  assert_int_equal(known.runs, 10);
  assert_int_equal(known.value[UL_HISTORY_FACT_metaspace_bytes], 99);
  assert_int_equal(known.value[UL_HISTORY_FACT_classes], 11);
  assert_int_equal(known.value[UL_HISTORY_FACT_direct_bytes], 0);
  assert_int_equal(known.point_count, 10);
  assert_int_equal(known.points[0].limit_bytes, 1011); /* the newest first */
  assert_true(known.points[0].share == 0.5 / 12);
  assert_int_equal(ul_history_known_of(history, "nobody", &known, &note), 0);
  assert_true(known.runs == 0 && known.point_count == 0 && known.value[0] == 0);
  ul_history_close(history);
  /* Cut off: what was measured until then counts for the next. */
  assert_int_equal(open_it(true, 0, &history), 0);
  assert_int_equal(ul_history_known_of(history, "same", &known, &note), 0);
  assert_int_equal(known.value[UL_HISTORY_FACT_metaspace_bytes], 7777);
  ul_history_close(history);
}

static void identity_of(const char *program, const char *runtime, char *const *arguments,
                        char ret_identity[UL_HISTORY_TEXT_MAX]) {
  ul_history_program told = {.path = program,
                             .runtime = runtime,
                             .arguments = arguments,
                             .directory = "/d",
                             .class_path = "c.jar:/x"};
  ul_history_identity(&told, ret_identity);
}

/* What a run is called, whatever else stands on its command line. */
static void who_is_the_same(void **state) {
  static const struct {
    const char *runtime, *arguments[8], *identity;
  } cases[] = {
      {"go", {"svc", "-p", "80"}, "/bin/p"},
      {"native", {"svc", "script"}, "/bin/p"},
      {NULL, {"svc", "script"}, "/bin/p"},
      {"jvm", {"java", "-Xmx1g", "-cp", "a:b", "-ea", "Main", "x"}, "/bin/p -cp /d/a:/d/b Main"},
      {"jvm", {"java", "--class-path=a:", "Main"}, "/bin/p -cp /d/a:/d Main"},
      {"jvm", {"java", "Main", "7"}, "/bin/p -cp /d/c.jar:/x Main"},
      {"jvm", {"java", "-jar", "gone.jar", "x"}, "/bin/p /d/gone.jar"},
      {"jvm", {"java", "-p", "m", "-m", "a/b.C"}, "/bin/p -cp /d/m -m a/b.C"},
      {"jvm", {"java", "--module=a/b.C"}, "/bin/p -cp /d -m a/b.C"},
      {"jvm", {"java", "Gone.java", "x"}, "/bin/p /d/Gone.java"},
      {"jvm", {"java", "--source", "17", "Gone"}, "/bin/p /d/Gone"},
      {"jvm", {"java", "@opt", "Main"}, "/bin/p @/d java @opt Main"},
      {"jvm", {"java", "-version"}, "/bin/p @/d java -version"},
      {"python", {"python3", "-u", "-W", "error", "gone.py", "-c"}, "/bin/p /d/gone.py"},
      {"python", {"python3", "-m", "http.server", "80"}, "/bin/p @/d -m http.server"},
      {"python", {"python3", "-Bmhttp.server", "80"}, "/bin/p @/d -m http.server"},
      {"python", {"/x/python3", "-c", "print(1)", "5"}, "/bin/p @/d python3 -c 'print(1)' 5"},
      {"python", {"python3", "-Bc", "a", "5"}, "/bin/p @/d python3 -Bc a 5"},
      {"python", {"python3", "-"}, "/bin/p @/d python3 -"},
      {"python", {"python3"}, "/bin/p @/d python3"},
      {"python", {"python3", "-m"}, "/bin/p @/d python3 -m"},
      {"node", {"node", "--max-old-space-size=4", "-r", "x.js", "gone.js"}, "/bin/p /d/gone.js"},
      {"node", {"node", "--", "/gone.js", "5"}, "/bin/p /gone.js"},
      {"node", {"node", "-e", "f()", "5"}, "/bin/p @/d node -e 'f()' 5"},
      {"node", {"node", "--eval=f()"}, "/bin/p @/d node '--eval=f()'"},
      {"dotnet", {"dotnet", "--fx-version", "8", "gone.dll", "5"}, "/bin/p /d/gone.dll"},
      {"dotnet", {"dotnet", "run", "5"}, "/bin/p @/d dotnet run 5"},
      {"python", {"python3", "/bin/../bin/sh"}, NULL},
  };
  char identity[UL_HISTORY_TEXT_MAX], *real = realpath("/bin/sh", NULL), through[PATH_MAX + 8];
  (void)state;
  assert_non_null(real);
  snprintf(through, sizeof through, "/bin/p %s", real);
  free(real);
  for (size_t i = 0; i < UL_ARRAY_LEN(cases); i++) {
    identity_of("/bin/p", cases[i].runtime, (char *const *)cases[i].arguments, identity);
    assert_string_equal(identity, cases[i].identity ? cases[i].identity : through);
  }
}

/* sh, npm, env: what they start is on the command line, or in the directory. */
static void a_launcher_is_what_it_starts(void **state) {
  char               one[UL_HISTORY_TEXT_MAX], other[UL_HISTORY_TEXT_MAX];
  ul_history_program told = {.path = "/bin/p",
                             .runtime = "native",
                             .is_launcher = true,
                             .arguments = (char *const[]){"/x/sh", "-c", "node a.js", NULL},
                             .directory = "/d"};
  (void)state;
  ul_history_identity(&told, one);
  assert_string_equal(one, "/bin/p @/d sh -c 'node a.js'");
  told.arguments = (char *const[]){"sh", "-c", "node", "a.js", NULL};
  ul_history_identity(&told, other);
  assert_string_equal(other, "/bin/p @/d sh -c node a.js");
  told.directory = NULL;
  ul_history_identity(&told, other);
  assert_string_equal(other, "/bin/p @? sh -c node a.js");
  /* A command that a package installed: its runtime's words are not looked at. */
  told.runtime = "node";
  told.is_script = true;
  told.directory = "/e";
  told.arguments = (char *const[]){"npm", "start", NULL};
  ul_history_identity(&told, other);
  assert_string_equal(other, "/bin/p @/e npm start");
}

/* ./app.py 7: the file says which interpreter, and 7 is its own. A link leads to the file. */
static void a_script_has_arguments_of_its_own(void **state) {
  char               identity[UL_HISTORY_TEXT_MAX], script[80], linked[80];
  ul_history_program told = {.path = script,
                             .runtime = "python",
                             .is_script = true,
                             .arguments = (char *const[]){"app.py", "7", NULL}};
  (void)state;
  snprintf(script, sizeof script, "%s/app.py", directory);
  snprintf(linked, sizeof linked, "%s/link", directory);
  write_file(script, "#!/usr/bin/python3\n", 19);
  assert_int_equal(symlink(script, linked), 0);
  ul_history_identity(&told, identity);
  assert_string_equal(identity, script);
  told.path = linked;
  ul_history_identity(&told, identity);
  assert_string_equal(identity, script);
}

/* What differs beyond the room that there is still differs. */
static void long_commands_stay_apart(void **state) {
  char  one[UL_HISTORY_TEXT_MAX], other[UL_HISTORY_TEXT_MAX], text[5000];
  char *words[] = {"python3", "-c", text, NULL};
  (void)state;
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = 0;
  identity_of("/bin/p", "python", words, one);
  identity_of("/bin/p", "python", words, other);
  assert_string_equal(one, other);
  assert_int_equal(strlen(one), UL_HISTORY_TEXT_MAX - 1);
  text[4500] = 'y';
  identity_of("/bin/p", "python", words, other);
  assert_string_not_equal(one, other);
  assert_memory_equal(one, other, UL_HISTORY_TEXT_MAX - 20);
}

/* Whatever the length of the words, a terminated text. */
static void long_words_are_cut(void **state) {
  char  text[UL_HISTORY_TEXT_MAX], *word = malloc(10000);
  char *quoted[] = {"a b", "it's", "", word, NULL};
  (void)state;
  assert_non_null(word);
  for (size_t length = UL_HISTORY_TEXT_MAX - 40; length < UL_HISTORY_TEXT_MAX + 40; length++) {
    memset(word, 'x', length);
    word[length] = 0;
    identity_of("/bin/p", "python", (char *const[]){"python3", word, NULL}, text);
    assert_true(memchr(text, 0, sizeof text) != NULL);
    identity_of(word, "python", (char *const[]){"python3", "s.py", NULL}, text);
    assert_true(memchr(text, 0, sizeof text) != NULL);
    ul_history_command(quoted, text);
    assert_true(memchr(text, 0, sizeof text) != NULL);
    assert_memory_equal(text, "'a b' 'it'\\''s' '' xxx", 21);
  }
  assert_non_null(strstr(text, "…"));
  memset(word, '\'', 9000);
  word[9000] = 0;
  ul_history_command(quoted, text);
  assert_true(memchr(text, 0, sizeof text) != NULL);
  free(word);
}

/* An hour four times a second, then further apart: three days are bounded, and no peak is lost. */
static void a_long_run_is_thinned_as_it_goes(void **state) {
  ul_history *history;
  (void)state;
  assert_int_equal(open_it(true, 0, &history), 0);
  ul_history_run run = a_run("long");
  assert_int_equal(ul_history_begin(history, &run, &note), 0);
  for (uint64_t at = 0; at < 72 * 3600 * SEC; at += SEC) {
    ul_history_sample(history, at, (at == 200000 * SEC ? 999 : 5) * UL_MIB, UL_HISTORY_UNKNOWN,
                      &note);
  }
  assert_int_equal(ul_history_finish(history, &run, &note), 0);
  struct found found = {0};
  assert_int_equal(ul_history_samples(history, 1, on_sample, &found, &note), 0);
  assert_in_range(found.count, 20000, 80000);
  assert_int_equal(found.highest, 999 * UL_MIB);
  ul_history_close(history);
}

/* A history of before some column was invented. */
static void an_older_one_gets_what_it_lacks(void **state) {
  ul_history *history;
  sqlite3    *db;
  (void)state;
  assert_int_equal(open_it(true, 0, &history), 0);
  record(history, "a", 2);
  ul_history_close(history);
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "ALTER TABLE runs DROP COLUMN paused_ns", 0, 0, 0), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  assert_int_equal(open_it(false, 0, &history), 0);
  struct found found = list(history, (ul_history_query){0});
  assert_int_equal(found.finished, 1);
  assert_true(found.last.paused_ns == UL_HISTORY_UNKNOWN);
  ul_history_close(history);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(a_run_is_found_again, each),
      cmocka_unit_test_setup(asking_for_some, each),
      cmocka_unit_test_setup(what_is_known_of_earlier_runs, each),
      cmocka_unit_test_setup(who_is_the_same, each),
      cmocka_unit_test_setup(a_launcher_is_what_it_starts, each),
      cmocka_unit_test_setup(long_commands_stay_apart, each),
      cmocka_unit_test_setup(a_script_has_arguments_of_its_own, each),
      cmocka_unit_test_setup(long_words_are_cut, each),
      cmocka_unit_test_setup(a_long_run_is_thinned_as_it_goes, each),
      cmocka_unit_test_setup(an_older_one_gets_what_it_lacks, each),
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
