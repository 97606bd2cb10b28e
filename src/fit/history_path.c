/* SPDX-License-Identifier: MIT */
/* history_path.c: where the history is, and whether that place can be trusted.
 *
 * The file is looked at before SQLite opens it: made with 0600 and without following a link, and
 * refused when it is not a regular file of this user. SQLite then gets a path whose directory has
 * no links left (realpath), with NOFOLLOW, and opens its log beside it with O_NOFOLLOW as well. A
 * directory that everybody may write to must be sticky, or somebody could exchange the file between
 * our look and SQLite's.
 *
 * Source  XDG Base Directory Specification 0.8: the place, 0700, and that a relative one is ignored.
 */
#include "fit/history_inner.h"

#ifdef ULLAGE_WITH_SQLITE

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int say(ul_history_note *note, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int say(ul_history_note *note, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(note->text, sizeof note->text, format, arguments);
  va_end(arguments);
  return -UL_E_SYSTEM;
}

bool ul_history_default_path(char ret_path[PATH_MAX], ul_history_note *note) {
  const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
  int         length;
  if (data && data[0] == '/') {
    length = snprintf(ret_path, PATH_MAX, "%s/ullage/history.db", data);
  } else if (home && home[0] == '/') {
    length = snprintf(ret_path, PATH_MAX, "%s/.local/share/ullage/history.db", home);
  } else {
    say(note, "neither XDG_DATA_HOME nor HOME says where to keep the history of runs; name a file "
              "with --record");
    return false;
  }
  if (length >= PATH_MAX) {
    say(note, "the path of the history of runs is too long; name a shorter one with --record");
    return false;
  }
  return true;
}

/* Makes the directory and those above it. 0, or why the first that is not there cannot be made. */
static int make_directories(const char *directory) {
  char path[PATH_MAX];
  int  error = 0;
  snprintf(path, sizeof path, "%s", directory);
  for (char *slash = path; slash && !error;) {
    slash = strchr(slash + 1, '/');
    if (slash) *slash = 0;
    if (mkdir(path, 0700) < 0) error = errno;
    if (error && access(path, F_OK) == 0) error = 0;
    if (slash) *slash = '/';
  }
  return error;
}

/* `make_error`: why the default's directory could not be made; 0 where it is not ours to make. */
static int no_directory(const char *directory, int make_error, ul_history_note *note) {
  if (make_error) {
    return say(note,
               "the directory %s of the history cannot be made: %s; name a file with --record, or "
               "set ULLAGE_HISTORY=off to keep none",
               directory, strerror(make_error));
  }
  return say(note, "there is no directory %s to keep the history in; make it, or name another file",
             directory);
}

static int check_directory(const char *directory, bool is_default, ul_history_note *note) {
  struct stat facts;
  mode_t      others = is_default ? S_IWGRP | S_IWOTH : S_IWOTH;
  if (stat(directory, &facts) < 0) {
    return say(note, "cannot look at %s: %s; the history of runs is kept there", directory,
               strerror(errno));
  }
  if (is_default && facts.st_uid != geteuid()) {
    return say(note,
               "the directory %s belongs to another user (%u), so the history of runs is not kept "
               "there; name a file of your own with --record",
               directory, facts.st_uid);
  }
  if ((facts.st_mode & others) && !(facts.st_mode & S_ISVTX)) {
    return say(note,
               "others may write to the directory %s and could exchange the history of runs; keep "
               "it elsewhere, or take that right away: chmod go-w %s",
               directory, directory);
  }
  return 0;
}

static int check_file(int fd, const ul_history_order *order, ul_history_file *file,
                      ul_history_note *note) {
  struct stat   facts;
  unsigned char header[72] = {0};
  if (fstat(fd, &facts) < 0) return say(note, "cannot look at %s", file->path);
  if (!S_ISREG(facts.st_mode)) {
    return say(note, "%s is not a regular file, so no history of runs is %s; name another one",
               file->path, order->writes ? "kept there" : "read from it");
  }
  if (facts.st_uid != geteuid()) {
    return say(note,
               "%s belongs to another user (%u), so it is not trusted; name a history of your own "
               "with --record",
               file->path, facts.st_uid);
  }
  if (facts.st_mode & (S_IWGRP | S_IWOTH)) {
    return say(note,
               "others may write to %s, so it is not trusted; take that right away: chmod 600 %s",
               file->path, file->path);
  }
  if (file->is_default && (facts.st_mode & 077)) (void)fchmod(fd, 0600); /* as it was made */
  if (facts.st_nlink != 1) {
    return say(note, "%s has a second name (a hard link), under which others may hold it; copy it",
               file->path);
  }
  if (facts.st_mode & 022) {
    return say(note,
               "others may write %s, so it is not trusted; take that right away: chmod go-w %s",
               file->path, file->path);
  }
  /* It holds command lines, so the default is the owner's alone whatever made it; a file that the
   * user named keeps its mode. */
  if (file->is_default && (facts.st_mode & 077)) (void)fchmod(fd, 0600);
  file->device = facts.st_dev;
  file->inode = facts.st_ino;
  file->is_empty = facts.st_size == 0;
  /* SQLite's file format: 16 bytes of magic; the application's mark at 68, big-endian. */
  if (pread(fd, header, sizeof header, 0) == (ssize_t)sizeof header) {
    uint32_t mark = (uint32_t)header[68] << 24 | (uint32_t)header[69] << 16 |
                    (uint32_t)header[70] << 8 | header[71];
    file->is_marked = mark == UL_HISTORY_APPLICATION;
  }
  return 0;
}

static int cannot_open(const char *path, bool writes, ul_history_note *note) {
  if (errno == ENOENT) {
    say(note, "there is no history of runs in %s", path);
    return -UL_E_NOTFOUND;
  }
  if (errno == ELOOP) {
    return say(note, "%s is a symbolic link, which is not followed; name the file itself", path);
  }
  return say(note, "cannot open the history of runs %s%s: %s", path, writes ? " for writing" : "",
             strerror(errno));
}

int ul_history_file_find(const ul_history_order *order, ul_history_file *ret_file,
                         ul_history_note *note) {
  char            typed[PATH_MAX], directory[PATH_MAX];
  ul_history_file file = {.is_default = order->path == NULL};
  struct stat     facts;
  if (!order->path && !ul_history_default_path(typed, note)) return -UL_E_SYSTEM;
  if (order->path && snprintf(typed, sizeof typed, "%s", order->path) >= PATH_MAX) {
    return say(note, "the path of the history is too long");
  }
  char       *slash = strrchr(typed, '/');
  const char *name = slash ? slash + 1 : typed;
  if (!name[0]) return say(note, "'%s' names no file to keep the history of runs in", typed);
  snprintf(directory, sizeof directory, "%.*s",
           slash ? (int)UL_MAX(slash - typed, (ptrdiff_t)1) : 1, slash ? typed : ".");
  int make_error = file.is_default && order->writes ? make_directories(directory) : 0;
  if (file.is_default && lstat(directory, &facts) == 0 && S_ISLNK(facts.st_mode)) {
    return say(note, "%s is a symbolic link, which is not followed; name a history with --record",
               directory);
  }
  char *real = realpath(directory, NULL);
  if (!real && order->writes && (make_error || errno == ENOENT)) {
    return no_directory(directory, make_error, note);
  }
  if (!real) return cannot_open(typed, order->writes, note);
  int length = snprintf(file.path, sizeof file.path, "%s/%s", strcmp(real, "/") ? real : "", name);
  int error = length < PATH_MAX - 64 ? check_directory(real, file.is_default, note)
                                     : say(note, "the path of the history is too long");
  free(real);
  if (error < 0) return error;
  /* NONBLOCK: a pipe of that name must not hold us up. */
  int how = (order->writes ? O_RDWR | O_CREAT : O_RDONLY) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  int fd = open(file.path, how, 0600);
  if (fd < 0) return cannot_open(file.path, order->writes, note);
  error = check_file(fd, order, &file, note);
  close(fd);
  if (error < 0) return error;
  *ret_file = file;
  return 0;
}

bool ul_history_file_put_aside(const ul_history_file *file, char ret_aside[PATH_MAX]) {
  struct stat facts;
  char        from[PATH_MAX + 8], to[PATH_MAX + 8];
  /* Whoever came first has moved it: then what lies there now is new and whole. */
  if (lstat(file->path, &facts) < 0 || facts.st_dev != file->device ||
      facts.st_ino != file->inode) {
    return false;
  }
  /* One is kept, the latest: a disk that damages files is not filled with them. */
  int length = snprintf(ret_aside, PATH_MAX, "%s.damaged", file->path);
  if (length >= PATH_MAX || rename(file->path, ret_aside) < 0) return false;
  snprintf(from, sizeof from, "%s-wal", file->path);
  snprintf(to, sizeof to, "%s-wal", ret_aside);
  (void)rename(from, to); /* with it, what was not yet in the file can be rescued */
  snprintf(from, sizeof from, "%s-shm", file->path);
  (void)unlink(from); /* only an index of the log */
  return true;
}

#endif
