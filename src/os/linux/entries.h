/* SPDX-License-Identifier: MIT */
/* entries.h: the records in which the kernel lists a directory: readdir would allocate. */
#ifndef UL_OS_LINUX_ENTRIES_H
#define UL_OS_LINUX_ENTRIES_H

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ul_linux_entry {
  uint64_t       ino;
  int64_t        offset;
  unsigned short length; /* to the next */
  unsigned char  type;
  char           name[];
};

/* Some more records; their bytes, 0 at the end. `buffer` is aligned to 8. */
static inline long ul_linux_entries(int directory, char *buffer, unsigned long bytes) {
  return syscall(SYS_getdents64, directory, buffer, bytes);
}

#endif
