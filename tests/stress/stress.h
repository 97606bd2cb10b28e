/* SPDX-License-Identifier: MIT */
/* stress.h: what every stress and model program shares.
 *
 * A stress program is an ordinary program: it calls malloc, and libullage answers because it is
 * linked in. It prints one line and returns 0, or says on stderr which promise broke, with the seed
 * that shows it again, and aborts. It never hangs: an alarm ends it.
 *
 * The helpers use neither malloc nor stdio on the way, so that a test sees only the memory it asked
 * for itself: tables come from mmap, facts from /proc by read(2).
 *
 * Random   splitmix64 (Steele, Lea, Flood 2014): eight lines, any seed is good.
 */
#ifndef STRESS_H
#define STRESS_H

/* First include of every program: memalign, mallinfo2, dladdr and the like are not in ISO C. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define STRESS_UNUSED __attribute__((unused))
#define KIB           ((size_t)1024)
#define MIB           (KIB * 1024)

static uint64_t stress_seed;

/* Says what broke and ends the program. One write, from the stack: the heap may be what is
 * broken. */
static STRESS_UNUSED __attribute__((noinline, noreturn, format(printf, 3, 4))) void
stress_fail(const char *file, int line, const char *format, ...) {
  char    text[600];
  va_list args;
  int     at = snprintf(text, sizeof text, "%s:%d: seed %llu: ", file, line,
                        (unsigned long long)stress_seed);
  va_start(args, format);
  at += vsnprintf(text + at, sizeof text - (size_t)at, format, args);
  va_end(args);
  if (at > (int)sizeof text - 2) at = (int)sizeof text - 2;
  text[at++] = '\n';
  (void)!write(2, text, (size_t)at);
  abort();
}

/* The promise `condition`, and what its breach means. */
#define CHECK(condition, ...)                                       \
  do {                                                              \
    if (!(condition)) stress_fail(__FILE__, __LINE__, __VA_ARGS__); \
  } while (0)

static STRESS_UNUSED uint64_t stress_random(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

/* A size as programs ask for them: mostly small, now and then up to `max_bytes`; every power of two
 * is about as likely as the next, so small and large classes all get their share. */
static STRESS_UNUSED size_t stress_random_size(uint64_t *state, size_t max_bytes) {
  unsigned log = (unsigned)(stress_random(state) % 24);
  size_t   size = (size_t)(stress_random(state) & (((uint64_t)1 << log) - 1));
  return size > max_bytes ? size % (max_bytes + 1) : size;
}

/* First call of main: takes the seed (argument 1, or the clock) and arms the alarm. On an emulated
 * processor STRESS_PATIENCE makes it wait so many times longer. */
static STRESS_UNUSED void stress_start(int argc, char **argv, unsigned limit_s) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  stress_seed = (uint64_t)now.tv_sec * 1000003u ^ (uint64_t)now.tv_nsec;
  if (argc > 1) stress_seed = strtoull(argv[1], NULL, 0);
  const char *patience = getenv("STRESS_PATIENCE");
  alarm(limit_s * (patience ? (unsigned)strtoul(patience, NULL, 10) : 1));
}

static STRESS_UNUSED int stress_done(const char *name, const char *what) {
  printf("%s: ok, %s (seed %llu)\n", name, what, (unsigned long long)stress_seed);
  return 0;
}

/* ---- Contents: a pattern made of a tag and the position -------------------------------------- */

static STRESS_UNUSED uint64_t stress_word(uint64_t tag, size_t index) {
  return (tag + index) * 0x9e3779b97f4a7c15ull ^ tag;
}

static STRESS_UNUSED void stress_fill(void *object, size_t bytes, uint64_t tag) {
  unsigned char *at = (unsigned char *)object;
  size_t         i;
  for (i = 0; i + 8 <= bytes; i += 8) {
    uint64_t word = stress_word(tag, i);
    memcpy(at + i, &word, 8);
  }
  for (; i < bytes; i++) at[i] = (unsigned char)(tag + i);
}

/* Whether the first `bytes` are as stress_fill of `filled_bytes` left them. */
static STRESS_UNUSED int stress_holds(const void *object, size_t bytes, size_t filled_bytes,
                                      uint64_t tag) {
  const unsigned char *at = (const unsigned char *)object;
  size_t               words_end = filled_bytes / 8 * 8;
  for (size_t i = 0; i < bytes; i++) {
    if (i % 8 == 0 && i + 8 <= bytes && i + 8 <= words_end) {
      uint64_t word = stress_word(tag, i);
      if (memcmp(at + i, &word, 8)) return 0;
      i += 7;
    } else if (i < words_end) {
      uint64_t word = stress_word(tag, i / 8 * 8);
      if (at[i] != ((unsigned char *)&word)[i % 8]) return 0;
    } else if (at[i] != (unsigned char)(tag + i)) {
      return 0;
    }
  }
  return 1;
}

static STRESS_UNUSED int stress_is_zero(const void *object, size_t bytes) {
  const unsigned char *at = (const unsigned char *)object;
  return bytes == 0 || (at[0] == 0 && memcmp(at, at + 1, bytes - 1) == 0);
}

/* ---- The system, without malloc -------------------------------------------------------------- */

/* Zeroed memory that is not the heap's. */
static STRESS_UNUSED void *stress_map(size_t bytes) {
  void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(at != MAP_FAILED, "mmap of %zu bytes for the test itself: %s", bytes, strerror(errno));
  return at;
}

/* Field `field` (0: size, 1: resident) of /proc/self/statm, in bytes. */
static STRESS_UNUSED size_t stress_statm(int field) {
  char    text[128];
  int     fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  char   *at = text;
  CHECK(got > 0, "/proc/self/statm does not read: is /proc mounted?");
  close(fd);
  text[got] = 0;
  for (int i = 0; i < field; i++) at = strchr(at, ' ') + 1;
  return strtoul(at, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

/* The page that the heap counts in: the system's, or the larger one that a test build pretends.
 * Large objects are rounded up to it; 66,000 rounds differently for each. */
static STRESS_UNUSED size_t stress_heap_page_bytes(void) {
  void  *probe = malloc(66000);
  size_t usable = malloc_usable_size(probe), page = (size_t)sysconf(_SC_PAGESIZE);
  free(probe);
  while (page < 64 * KIB && (66000 + page - 1) / page * page != usable) page *= 2;
  return page;
}

static STRESS_UNUSED size_t stress_rss_bytes(void) {
  return stress_statm(1);
}

static STRESS_UNUSED void stress_sleep_ms(unsigned ms) {
  struct timespec wait = {ms / 1000, (long)(ms % 1000) * 1000000};
  while (nanosleep(&wait, &wait) && errno == EINTR) {
  }
}

static STRESS_UNUSED pthread_t stress_thread(void *(*run)(void *), void *arg) {
  pthread_t thread;
  int       error = pthread_create(&thread, NULL, run, arg);
  CHECK(error == 0, "pthread_create: %s", strerror(error));
  return thread;
}

static STRESS_UNUSED void stress_join(pthread_t thread) {
  int error = pthread_join(thread, NULL);
  CHECK(error == 0, "pthread_join: %s", strerror(error));
}

#endif
