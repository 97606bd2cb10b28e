/* SPDX-License-Identifier: MIT */
/* broken.c: allocators that are wrong on purpose, for `run.py --self-test`.
 *
 * A comparison that finds nothing is worth what it would have found. Each BROKEN is one fault that a real
 * allocator could have; run.py must fail perl (or redis, for its own malloc) under every one of them, with the reason
 * named beside it. They wrap the C library's malloc (dlsym), so that the one fault is all that is wrong.
 *
 *   1  defines no malloc at all: the preload does not take          "preload did not take"
 *   2  calloc's memory is not zero: the program's output changes    "differs" or a crash
 *   3  hangs in the 20,000th malloc                                 "hang"
 *   4  aborts in the 20,000th malloc                                "killed by SIGABRT"
 *   5  prints a line on stderr when loaded                          "stderr differs"
 *   6  leaves a process behind                                      "behind"                          */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAULT_AT 20000

#if BROKEN == 1
int ullage_broken_has_no_malloc;
#else
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void  __libc_free(void *memory);

static atomic_int calls;

void *malloc(size_t bytes) {
  if (atomic_fetch_add(&calls, 1) == FAULT_AT) {
#if BROKEN == 3
    for (;;) {
      pause();
    }
#elif BROKEN == 4
    abort();
#endif
  }
  return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes) {
  void *memory = __libc_calloc(count, bytes);
#if BROKEN == 2
  if (memory != NULL && atomic_fetch_add(&calls, 1) > FAULT_AT) {
    memset(memory, 1, count * bytes);
  }
#endif
  return memory;
}

void free(void *memory) {
  __libc_free(memory);
}

__attribute__((constructor)) static void start(void) {
#if BROKEN == 5
  static const char line[] = "broken: hello\n";
  ssize_t           written = write(2, line, sizeof line - 1);
  (void)written;
#elif BROKEN == 6
  if (fork() == 0) {
    sleep(60);
    _exit(0);
  }
#endif
}
#endif
