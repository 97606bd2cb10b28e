/* SPDX-License-Identifier: MIT */
/* test_wall.c: what is written at the wall, of this very process, and where it is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch/wall.h"

static char         place[] = "/tmp/ullage-test-wall-XXXXXX";
static ul_watch     watch;
static ul_enclosure group;
static ul_watched   own;
static char         own_name[16]; /* what the kernel keeps of it */

static int begin(void **state) {
  (void)state;
  ul_enclosure_init(&group);
  group.limit_bytes = 100 * UL_MIB;
  ul_process_name(getpid(), own_name);
  ul_process_open(getpid(), false, &own.process); /* a watch leaves its own process out */
  watch = (ul_watch){.root_pid = getpid(), .members = &own, .count = 1};
  return mkdtemp(place) ? 0 : -1;
}

static int finish(void **state) {
  char command[100];
  (void)state;
  ul_process_close(&own.process);
  snprintf(command, sizeof command, "rm -rf %s", place);
  return system(command);
}

static size_t lines_of(const char *text) {
  size_t count = 0;
  for (; *text; text++) count += *text == '\n';
  return count;
}

static void says_who_holds_what(void **state) {
  char   text[UL_WALL_TEXT_MAX];
  size_t bytes = 32 * UL_MIB;
  char  *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  (void)state;
  assert_ptr_not_equal(block, MAP_FAILED);
  memset(block, 1, bytes);
  ul_wall_describe(&group, &watch, text);
  assert_non_null(strstr(text, "At the wall of 100.0 MiB, 1 process held:\n"));
  assert_non_null(strstr(text, own_name));
  assert_non_null(strstr(text, " anonymous, "));
  assert_non_null(strstr(text, "(its largest mappings)"));
  assert_null(strstr(text, "The group as a whole")); /* there is no group */
  assert_true(lines_of(text) <= 20);                 /* one screen, with the rest of a report */
  munmap(block, bytes);
}

/* Many processes: one screen all the same, and never more than fits. */
static void one_screen_for_many(void **state) {
  static ul_watch   many;
  static ul_watched members[500];
  char              text[UL_WALL_TEXT_MAX];
  (void)state;
  many.members = members;
  many.count = UL_ARRAY_LEN(members);
  for (size_t i = 0; i < many.count; i++) {
    ul_process_open(getpid(), false, &members[i].process);
    members[i].rss_bytes = i;
  }
  ul_wall_describe(&group, &many, text);
  assert_non_null(strstr(text, "500 processes held"));
  assert_non_null(strstr(text, "  and 492 more\n"));
  assert_true(lines_of(text) <= 20);
}

static void of_nobody(void **state) {
  static ul_watch nobody;
  char            text[UL_WALL_TEXT_MAX];
  (void)state;
  ul_wall_describe(&group, &nobody, text);
  assert_string_equal(text, "At the wall of 100.0 MiB, 0 processes held:\n");
}

/* ---- The file --------------------------------------------------------------------------------- */

static size_t count_notes(const char *directory) {
  size_t count = 0;
  DIR   *open = opendir(directory);
  for (struct dirent *entry; open && (entry = readdir(open)) != NULL;) {
    count += entry->d_name[0] != '.';
  }
  if (open) closedir(open);
  return count;
}

static void kept_for_the_user_alone(void **state) {
  char        path[PATH_MAX] = "", line[256];
  struct stat facts;
  (void)state;
  setenv("XDG_STATE_HOME", place, 1);
  assert_true(ul_wall_save(&group, &watch, path, sizeof path));
  assert_int_equal(strncmp(path, place, strlen(place)), 0);
  assert_int_equal(stat(path, &facts), 0);
  assert_int_equal(facts.st_mode & 07777, 0600);
  FILE *file = fopen(path, "re");
  assert_non_null(file);
  assert_non_null(fgets(line, sizeof line, file));
  assert_non_null(strstr(line, own_name));
  assert_non_null(fgets(line, sizeof line, file));
  assert_string_equal(line, "At the wall of 100.0 MiB, 1 process held:\n");
  fclose(file);
  *strrchr(path, '/') = 0;
  assert_int_equal(stat(path, &facts), 0);
  assert_int_equal(facts.st_mode & 07777, 0700);
}

static void only_the_newest_stay(void **state) {
  char path[PATH_MAX], walls[PATH_MAX / 2], old[PATH_MAX];
  (void)state;
  setenv("XDG_STATE_HOME", place, 1);
  snprintf(walls, sizeof walls, "%s/ullage/walls", place);
  for (int i = 0; i < 40; i++) {
    snprintf(old, sizeof old, "%s/20010101T0000%02dZ-old-1.txt", walls, i);
    FILE *file = fopen(old, "we");
    assert_non_null(file);
    fclose(file);
  }
  snprintf(path, sizeof path, "%s/20010101T000000Z-someone-1.note", walls); /* not one of ours */
  fclose(fopen(path, "we"));
  for (int i = 0; i < 100; i++) { /* in the same second there is one already */
    if (ul_wall_save(&group, &watch, path, sizeof path)) break;
    usleep(20 * 1000);
  }
  assert_int_equal(count_notes(walls), UL_WALLS_KEPT + 1);
  assert_int_equal(access(path, R_OK), 0); /* the new one is among them */
}

static void not_where_others_may_write(void **state) {
  char other[PATH_MAX / 4], walls[PATH_MAX / 2], path[PATH_MAX] = "untouched";
  (void)state;
  snprintf(other, sizeof other, "%s/open", place);
  setenv("XDG_STATE_HOME", other, 1);
  snprintf(walls, sizeof walls, "%s/ullage/walls", other);
  assert_int_equal(mkdir(other, 0700), 0);
  snprintf(path, sizeof path, "%s/ullage", other);
  assert_int_equal(mkdir(path, 0700), 0);
  assert_int_equal(mkdir(walls, 0700), 0);
  assert_int_equal(chmod(walls, 0777), 0);
  assert_false(ul_wall_save(&group, &watch, path, sizeof path));
  assert_int_equal(rmdir(walls), 0);
  assert_int_equal(symlink("/tmp", walls), 0); /* nor through a link */
  assert_false(ul_wall_save(&group, &watch, path, sizeof path));
  setenv("XDG_STATE_HOME", "relative", 1);
  unsetenv("HOME");
  assert_false(ul_wall_save(&group, &watch, path, sizeof path));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(says_who_holds_what),
      cmocka_unit_test(one_screen_for_many),
      cmocka_unit_test(of_nobody),
      cmocka_unit_test(kept_for_the_user_alone),
      cmocka_unit_test(only_the_newest_stay),
      cmocka_unit_test(not_where_others_may_write),
  };
  return cmocka_run_group_tests(tests, begin, finish);
}
