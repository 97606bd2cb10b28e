/* SPDX-License-Identifier: MIT */
/* report_file.c: the file of report.h.
 *
 *     FILE.json.ullage-<pid>   made before the run: 0600, must not exist, no link is followed
 *     FILE.json                takes its place in one step, when the report is whole
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch/report.h"

int ul_report_file_open(const char *path, ul_report_file *ret_file, ul_fault *fault) {
  ul_report_file file = {.fd = -1, .path = path};
  struct stat    there;
  if (stat(path, &there) == 0 && !S_ISREG(there.st_mode)) {
    file.in_place = true;
    file.fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
  } else if (snprintf(file.temporary, sizeof file.temporary, "%s.ullage-%d", path, (int)getpid()) <
             PATH_MAX) {
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    file.fd = open(file.temporary, flags, 0600);
    if (file.fd < 0 && errno == EEXIST) { /* left by a killed run that had our number */
      unlink(file.temporary);
      file.fd = open(file.temporary, flags, 0600);
    }
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

int ul_report_file_finish(ul_report_file *file, const char *text, ul_fault *fault) {
  int error = write_all(file->fd, text, strlen(text));
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
  if (!file->in_place) unlink(file->temporary);
  file->fd = -1;
}
