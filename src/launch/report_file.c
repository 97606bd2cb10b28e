/* SPDX-License-Identifier: MIT */
/* report_file.c: the file of report.h.
 *
 *     without a name           made before the run, with 0600: whatever ends us, nothing is left
 *     FILE.json.ullage-<pid>   its name for a moment, when the report is whole. From the beginning
 *                              where the file system has no files without a name: it must not exist
 *                              then, and no link is followed
 *     FILE.json                takes its place in one step
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch/report.h"

static int open_named(const ul_report_file *file) {
  int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  int fd = open(file->temporary, flags, 0600);
  if (fd >= 0 || errno != EEXIST) return fd;
  unlink(file->temporary); /* left by a killed run that had our number */
  return open(file->temporary, flags, 0600);
}

/* Fills fd and is_unnamed; fd is -1, with errno, where there can be no file. */
static void open_beside(ul_report_file *file) {
  struct stat there;
  const char *slash = strrchr(file->path, '/');
  char       *directory = strndup(file->path, slash ? (size_t)(slash - file->path) + 1 : 0);
  /* A name that is too long, or a way that does not lead there, would show in the end only. */
  if (!directory || (lstat(file->temporary, &there) < 0 && errno != ENOENT)) {
    free(directory);
    return;
  }
  file->fd = open(directory[0] ? directory : ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  file->is_unnamed = file->fd >= 0;
  /* EISDIR: of a system that does not know the flag. */
  if (file->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
    file->fd = open_named(file);
  }
  free(directory);
}

int ul_report_file_open(const char *path, ul_report_file *ret_file, ul_fault *fault) {
  ul_report_file file = {.fd = -1, .path = path};
  struct stat    there;
  if (stat(path, &there) == 0 && !S_ISREG(there.st_mode)) {
    file.in_place = true;
    file.fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
  } else if (snprintf(file.temporary, sizeof file.temporary, "%s.ullage-%d", path, (int)getpid()) <
             PATH_MAX) {
    open_beside(&file);
  } else {
    errno = ENAMETOOLONG;
  }
  if (file.fd < 0) {
    return ul_fault_set(fault, UL_EXIT_OURS,
                        "cannot write the report to %s: %s; nothing was started. Name a file in a "
                        "directory that exists and may be written",
                        path, strerror(errno));
  }
  *ret_file = file;
  return 0;
}

static int write_all(int fd, const char *text, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t n = write(fd, text + done, length - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    done += (size_t)n;
  }
  return 0;
}

/* Gives the file its name for a moment. 0 or errno. */
static int name_it(const ul_report_file *file) {
  char self[40];
  snprintf(self, sizeof self, "/proc/self/fd/%d", file->fd);
  for (int round = 0; round < 2; round++) {
    if (linkat(AT_FDCWD, self, AT_FDCWD, file->temporary, AT_SYMLINK_FOLLOW) == 0) return 0;
    if (errno != EEXIST) break;
    unlink(file->temporary);
  }
  return errno;
}

/* Writes it under a name. 0 or errno. */
static int write_beside(ul_report_file *file, const char *text) {
  int error = write_all(file->fd, text, strlen(text));
  if (error || !file->is_unnamed || (error = name_it(file)) == 0) return error;
  if (error != ENOENT) return error;
  /* No /proc here: then once more, with a name from the beginning. */
  int fd = open_named(file);
  if (fd < 0) return errno;
  close(file->fd);
  file->fd = fd;
  return write_all(fd, text, strlen(text));
}

int ul_report_file_finish(ul_report_file *file, const char *text, ul_fault *fault) {
  int error = file->in_place ? write_all(file->fd, text, strlen(text)) : write_beside(file, text);
  if (close(file->fd) < 0 && error == 0) error = errno;
  file->fd = -1;
  if (file->in_place) {
    if (error == EPIPE) error = 0; /* nobody reads any more: silence */
  } else if (error == 0 && rename(file->temporary, file->path) < 0) {
    error = errno;
  }
  if (error == 0) return 0;
  if (!file->in_place) unlink(file->temporary);
  return ul_fault_set(
      fault, UL_EXIT_OURS,
      "the report was not written to %s: %s; the program has run, and its exit code "
      "is kept",
      file->path, strerror(error));
}

void ul_report_file_abandon(ul_report_file *file) {
  if (file->fd < 0) return;
  close(file->fd);
  if (!file->in_place && !file->is_unnamed) unlink(file->temporary);
  file->fd = -1;
}
