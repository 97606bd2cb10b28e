/* SPDX-License-Identifier: MIT */
/* smoke.c: does a preloaded allocator serve this program, and does what it hands out hold?
 *
 * bench/peers.py builds each peer from sources that nobody here has tried with this compiler and
 * this libc; a peer that is not really in use, or that answers wrongly, would be measured all the
 * same and believed. So this runs once under each new library: `smoke LIBRARY` fails unless every
 * function of the family comes from that file, and unless the memory is apart, aligned, large
 * enough, zero where it must be, and survives realloc, threads that free each other's objects, and
 * fork. It is a check of a build, not a test of an allocator: one second, no load, and nothing that
 * the benchmark programs do not rely on: rpmalloc, say, refuses to align to 64 KiB, and its calloc
 * as built by default does not see that a product overflows.
 *
 * The functions are looked up by dlsym in the order in which the linker binds a program's calls. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition, ...)                 \
  do {                                        \
    if (!(condition)) {                       \
      fprintf(stderr, "smoke: " __VA_ARGS__); \
      fputc('\n', stderr);                    \
      exit(1);                                \
    }                                         \
  } while (0)

/* C's family, then operator new and delete, plain and for arrays, with size and alignment. */
static const char *const names[] = {
    "malloc",
    "free",
    "calloc",
    "realloc",
    "memalign",
    "posix_memalign",
    "aligned_alloc",
    "valloc",
    "malloc_usable_size",
    "_Znwm",
    "_Znam",
    "_ZdlPv",
    "_ZdaPv",
    "_ZdlPvm",
    "_ZnwmSt11align_val_t",
    "_ZdlPvSt11align_val_t",
};

/* malloc in use is the library's: the whole family or nothing, or one frees what another made. */
static void check_origin(const char *library) {
  char *wanted = realpath(library, NULL);
  CHECK(wanted, "there is no file %s", library);
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    void   *function = dlsym(RTLD_DEFAULT, names[i]);
    Dl_info info;
    CHECK(function && dladdr(function, &info), "%s is not there", names[i]);
    char *found = realpath(info.dli_fname, NULL);
    CHECK(found && strcmp(found, wanted) == 0, "%s comes from %s", names[i], info.dli_fname);
    free(found);
  }
  free(wanted);
}

static void check_new(void) {
  void *(*make)(size_t) = (void *(*)(size_t))dlsym(RTLD_DEFAULT, "_Znwm");
  void (*end)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "_ZdlPv");
  for (size_t size = 1; size < 100000; size = size * 2 + 1) {
    char *p = make(size);
    memset(p, 0x5a, size);
    end(p);
  }
}

static void check_sizes(void) {
  for (size_t size = 0; size < 3000000; size = size + size / 3 + 1) {
    unsigned char *p = malloc(size);
    CHECK(p, "malloc(%zu) answered NULL", size);
    CHECK(malloc_usable_size(p) >= size, "%zu bytes are usable of %zu", malloc_usable_size(p),
          size);
    CHECK((uintptr_t)p % (size >= 16 ? 16 : 8) == 0, "malloc(%zu) answered %p", size, (void *)p);
    memset(p, 0xa5, malloc_usable_size(p));
    p = realloc(p, size * 2 + 1);
    CHECK(p, "realloc to %zu answered NULL", size * 2 + 1);
    for (size_t i = 0; i < size; i++) CHECK(p[i] == 0xa5, "realloc lost byte %zu of %zu", i, size);
    free(p);
    p = calloc(1, size + 1);
    for (size_t i = 0; i <= size; i++) CHECK(p[i] == 0, "calloc(%zu): byte %zu set", size + 1, i);
    free(p);
  }
}

static void check_alignment(void) {
  for (size_t align = 16; align <= 1 << 15; align *= 2) {
    for (size_t size = 1; size < 300000; size = size * 3 + 5) {
      void *p = aligned_alloc(align, (size + align - 1) / align * align);
      void *q = memalign(align, size);
      void *r = NULL;
      CHECK(posix_memalign(&r, align, size) == 0, "posix_memalign(%zu, %zu) failed", align, size);
      CHECK(p && q && r, "no memory for %zu bytes at %zu", size, align);
      CHECK(((uintptr_t)p | (uintptr_t)q | (uintptr_t)r) % align == 0,
            "%p, %p or %p is not aligned to %zu (%zu bytes)", p, q, r, align, size);
      memset(p, 1, size);
      memset(q, 2, size);
      memset(r, 3, size);
      CHECK(*(char *)p == 1 && *(char *)q == 2, "objects of %zu bytes at %zu overlap", size, align);
      free(p);
      free(q);
      free(r);
    }
  }
}

enum { SLOTS = 512, THREADS = 4, STEPS = 200000 };
static unsigned char *_Atomic slots[SLOTS];

/* Exchanges objects through shared slots: most are freed by a thread that did not make them. */
static void *trade(void *argument) {
  uint32_t random = (uint32_t)(uintptr_t)argument * 2654435761u + 1;
  for (int i = 0; i < STEPS; i++) {
    random = random * 1664525u + 1013904223u;
    uint32_t       size = 8 + (random >> 8) % 2000;
    unsigned char *fresh = malloc(size);
    CHECK(fresh, "malloc(%u) answered NULL in a thread", size);
    memset(fresh, (int)(size & 0xff), size);
    memcpy(fresh, &size, sizeof(size));
    unsigned char *old =
        __atomic_exchange_n(&slots[(random >> 20) % SLOTS], fresh, __ATOMIC_ACQ_REL);
    if (!old) continue;
    memcpy(&size, old, sizeof(size));
    CHECK(size >= 8 && size < 2008, "an object from another thread was overwritten");
    for (uint32_t k = sizeof(size); k < size; k++)
      CHECK(old[k] == (size & 0xff), "an object from another thread was overwritten");
    free(old);
  }
  return NULL;
}

static void check_threads(void) {
  pthread_t threads[THREADS];
  for (uintptr_t i = 0; i < THREADS; i++)
    CHECK(pthread_create(&threads[i], NULL, trade, (void *)(i + 1)) == 0, "no thread");
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < SLOTS; i++) free(slots[i]);
}

static void check_fork(void) {
  pid_t child = fork();
  CHECK(child >= 0, "cannot fork");
  if (child == 0) {
    for (size_t size = 1; size < 100000; size *= 2) free(malloc(size));
    _exit(7);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7,
        "a forked child that allocates ended with status %#x", status);
}

int main(int argc, char **argv) {
  CHECK(argc == 2, "usage: LD_PRELOAD=LIBRARY smoke LIBRARY");
  check_origin(argv[1]);
  check_new();
  check_sizes();
  check_alignment();
  check_threads();
  check_fork();
  puts("ok");
  return 0;
}
