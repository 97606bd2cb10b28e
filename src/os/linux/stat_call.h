/* SPDX-License-Identifier: MIT */
/* stat_call.h: fstat and stat as system calls: glibc 2.33 gave the functions new versions, and the
 * library is to load on 2.28. The kernel's record is libc's on the processors we build for. */
#ifndef UL_OS_LINUX_STAT_CALL_H
#define UL_OS_LINUX_STAT_CALL_H

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int ul_linux_fstat(int fd, struct stat *ret_facts) {
  return (int)syscall(SYS_newfstatat, fd, "", ret_facts, AT_EMPTY_PATH);
}

static inline int ul_linux_stat(const char *path, struct stat *ret_facts) {
  return (int)syscall(SYS_newfstatat, AT_FDCWD, path, ret_facts, 0);
}

#endif
