/* SPDX-License-Identifier: MIT */
/* wall_file.c: the file of wall.h.
 *
 * It names a program and what it held, so it is the user's alone: 0600, in a directory of 0700 that
 * must be theirs, made anew (O_EXCL), through no link.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "wire/live.h"
#include "launch/wall_text.h"

static const ul_wall_detail whole = {.processes = 1000, .mappings = 40, .sizes = UL_LIVE_SIZES};

#define FILE_MOST ((size_t)256 * 1024)
#define NAME_END  ".txt"

void ul_wall_add(ul_wall_page *page, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(page->text + page->length, page->capacity - page->length, format, args);
  va_end(args);
  if (n > 0) page->length = UL_MIN(page->length + (size_t)n, page->capacity - 1);
}

/* Makes the directories that are missing on the way. */
static void make_directories(char *path) {
  for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
    *at = 0;
    (void)mkdir(path, 0700);
    *at = '/';
  }
  (void)mkdir(path, 0700);
}

/* Opens the directory; -1: there is none that is ours alone to write. */
static int open_directory(char path[PATH_MAX]) {
  const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
  struct stat facts;
  int         length;
  if (state && state[0] == '/') {
    length = snprintf(path, PATH_MAX, "%s/ullage/walls", state);
  } else if (home && home[0] == '/') {
    length = snprintf(path, PATH_MAX, "%s/.local/state/ullage/walls", home);
  } else {
    return -1;
  }
  if (length >= PATH_MAX) return -1;
  make_directories(path);
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0 && (fstat(fd, &facts) < 0 || facts.st_uid != geteuid() || facts.st_mode & 022)) {
    close(fd);
    return -1;
  }
  return fd;
}

static int is_note(const struct dirent *entry) {
  size_t length = strlen(entry->d_name);
  return length > strlen(NAME_END) &&
         strcmp(entry->d_name + length - strlen(NAME_END), NAME_END) == 0;
}

/* Names begin with the time, so their order is that of their age. */
static void drop_oldest(int directory, const char *path) {
  struct dirent **entries;
  int             count = scandir(path, &entries, is_note, alphasort);
  for (int i = 0; i < count; i++) {
    if (i < count - UL_WALLS_KEPT) (void)unlinkat(directory, entries[i]->d_name, 0);
    free(entries[i]);
  }
  if (count >= 0) free(entries);
}

static bool write_all(int fd, const char *text, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t n = write(fd, text + done, length - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    done += (size_t)n;
  }
  return true;
}

/* "20261124T103000Z-redis-server-4711.txt" */
static void make_name(const ul_watch *watch, ul_wall_page *page, char name[64]) {
  char      program[16], when[32], shown[32];
  time_t    now = time(NULL);
  struct tm parts;
  gmtime_r(&now, &parts);
  strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &parts);
  strftime(shown, sizeof shown, "%Y-%m-%d %H:%M:%S UTC", &parts);
  ul_process_name(watch->root_pid, program);
  for (char *at = program; *at; at++) {
    if (*at == '/' || (unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f) *at = '_';
  }
  snprintf(name, 64, "%s-%s-%d" NAME_END, when, program, (int)getpid());
  ul_wall_add(page, "%s (%d), %s\n", program, watch->root_pid, shown);
}

bool ul_wall_save(const ul_enclosure *group, const ul_watch *watch, char *ret_path,
                  size_t capacity) {
  char         path[PATH_MAX], name[64];
  ul_wall_page page = {.text = malloc(FILE_MOST), .capacity = FILE_MOST};
  int          directory = page.text ? open_directory(path) : -1;
  bool         saved = false;
  if (directory < 0) {
    free(page.text);
    return false;
  }
  make_name(watch, &page, name);
  ul_wall_write(group, watch, &whole, &page);
  int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd >= 0) {
    saved = write_all(fd, page.text, page.length);
    saved = close(fd) == 0 && saved;
    if (!saved) (void)unlinkat(directory, name, 0); /* half a note says the wrong thing */
    drop_oldest(directory, path);
  }
  if (saved && snprintf(ret_path, capacity, "%s/%s", path, name) >= (int)capacity) saved = false;
  close(directory);
  free(page.text);
  return saved;
}
