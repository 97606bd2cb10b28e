/* SPDX-License-Identifier: MIT */
/* resident.h: how much memory this process holds now, and tables that no allocator holds.
 *
 * For programs that judge an allocator by what stays resident (wave.c): what they keep their
 * pointers in must neither come from malloc nor be touched for the first time while they measure.
 *
 * Threads  Any. The file is opened anew each time: about 2 us. */
#ifndef BENCH_RESIDENT_H
#define BENCH_RESIDENT_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "common.h"

/* Resident bytes of the process. Ends the program when the system does not say. */
static inline uint64_t bench_resident_bytes(void) {
  char               text[128];
  unsigned long long pages = 0;
  int                fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  ssize_t            length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  text[length > 0 ? length : 0] = 0;
  if (sscanf(text, "%*u %llu", &pages) != 1) bench_fail("cannot read /proc/self/statm");
  return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Zeroed and resident from the start. Ends the program when there is no memory. */
static inline void *bench_map(uint64_t bytes) {
  void *memory =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) bench_fail("cannot map a table");
  return memory;
}

#endif
