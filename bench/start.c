/* SPDX-License-Identifier: MIT */
/* start.c: what an allocator costs before it has done anything.
 *
 *     bench_start spawn N NAME=LIBRARY... -- PROG [ARG...]
 *         runs PROG N times with each library preloaded (nothing after '=': libc's own), in random
 *         order within each of the N turns, and prints for each the median of the time from before
 *         the child exists to after it is reaped, and of its peak resident memory
 *     bench_start thread N
 *         creates N threads one after another; prints how long each one's first malloc took
 *     bench_start tiny [say]
 *         one malloc, one free: the smallest program that has an allocator; with `say` it prints
 *         its peak resident memory itself, as it may lie below this parent's
 *
 * The parent is small and starts children without copying itself (posix_spawn): a large one, or an
 * interpreter, would add its own time and spread, and its own high-water mark to theirs
 * (measure.c says why). It never loads the libraries itself.
 *
 * Threads  Those of `thread` live one at a time. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common.h"

enum { MAX_LIBRARIES = 32, MAX_TIMES = 100000, FIRST_BYTES = 64 };

extern char **environ;

typedef struct candidate {
  const char *name;
  char      **environment;
  double     *wall_us, *rss_kib;
} candidate;

static int by_value(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

/* Sorts. `share` 0.5 is the median. */
static double quantile(double *values, size_t count, double share) {
  qsort(values, count, sizeof *values, by_value);
  size_t at = (size_t)(share * (double)count);
  return values[at < count ? at : count - 1];
}

/* The caller's environment with LD_PRELOAD replaced. */
static char **environment_with(const char *library) {
  size_t count = 0, kept = 0;
  while (environ[count]) count++;
  char **copy = bench_array(count + 2, sizeof *copy);
  for (size_t i = 0; i < count; i++) {
    if (strncmp(environ[i], "LD_PRELOAD=", strlen("LD_PRELOAD="))) copy[kept++] = environ[i];
  }
  if (*library) {
    size_t bytes = strlen("LD_PRELOAD=") + strlen(library) + 1;
    copy[kept] = bench_array(bytes, 1);
    snprintf(copy[kept], bytes, "LD_PRELOAD=%s", library);
  }
  return copy;
}

static void spawn_once(const candidate *with, char **command, double *ret_us, double *ret_kib) {
  posix_spawn_file_actions_t actions;
  pid_t                      child;
  int                        status;
  struct rusage              used;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  uint64_t start_ns = bench_now_ns();
  int      error = posix_spawnp(&child, command[0], &actions, NULL, command, with->environment);
  if (error) {
    fprintf(stderr, "bench_start: cannot run %s: %s\n", command[0], strerror(error));
    exit(2);
  }
  while (wait4(child, &status, 0, &used) < 0) {
    if (errno != EINTR) bench_fail("a child was lost");
  }
  *ret_us = (double)(bench_now_ns() - start_ns) / 1e3;
  *ret_kib = (double)used.ru_maxrss;
  posix_spawn_file_actions_destroy(&actions);
  if (!WIFEXITED(status) || WEXITSTATUS(status)) {
    fprintf(stderr, "bench_start: %s under %s ended with status 0x%x\n", command[0], with->name,
            (unsigned)status);
    exit(1);
  }
}

static int spawn(size_t turns, int argc, char **argv) {
  candidate all[MAX_LIBRARIES];
  size_t    count = 0;
  int       at = 0;
  for (; at < argc && strcmp(argv[at], "--"); at++) {
    char *library = strchr(argv[at], '=');
    if (!library || count == MAX_LIBRARIES) bench_fail("spawn wants at most 32 NAME=LIBRARY");
    *library++ = 0;
    all[count++] =
        (candidate){argv[at], environment_with(library), bench_array(turns, sizeof(double)),
                    bench_array(turns, sizeof(double))};
  }
  char **command = argv + at + 1;
  if (at + 1 >= argc || !count) bench_fail("spawn wants NAME=LIBRARY... -- PROG [ARG...]");
  bench_random random = {bench_now_ns()};
  double       us, kib;
  for (size_t i = 0; i < count; i++)
    spawn_once(&all[i], command, &us, &kib); /* files into memory */
  for (size_t turn = 0; turn < turns; turn++) {
    size_t order[MAX_LIBRARIES];
    for (size_t i = 0; i < count; i++) { /* a shuffle that grows */
      size_t place = bench_random_below(&random, i + 1);
      order[i] = order[place];
      order[place] = i;
    }
    for (size_t i = 0; i < count; i++) {
      candidate *with = &all[order[i]];
      spawn_once(with, command, &with->wall_us[turn], &with->rss_kib[turn]);
    }
  }
  for (size_t i = 0; i < count; i++) {
    double tenth = quantile(all[i].wall_us, turns, 0.1),
           middle = quantile(all[i].wall_us, turns, 0.5);
    printf("%s wall_us=%.1f tenth_us=%.1f rss_kib=%.0f\n", all[i].name, middle, tenth,
           quantile(all[i].rss_kib, turns, 0.5));
  }
  return 0;
}

static void *first_malloc(void *arg) {
  double  *ret_us = arg;
  uint64_t start_ns = bench_now_ns();
  char    *object = malloc(FIRST_BYTES);
  uint64_t end_ns = bench_now_ns();
  if (!object) bench_fail("malloc returned NULL");
  object[0] = 1;
  free(object);
  *ret_us = (double)(end_ns - start_ns) / 1e3;
  return NULL;
}

static int thread(size_t count) {
  double *first_us = bench_array(count, sizeof *first_us);
  double *life_us = bench_array(count, sizeof *life_us);
  for (size_t i = 0; i < count; i++) {
    pthread_t handle;
    uint64_t  start_ns = bench_now_ns();
    if (pthread_create(&handle, NULL, first_malloc, &first_us[i]))
      bench_fail("cannot create a thread");
    pthread_join(handle, NULL);
    life_us[i] = (double)(bench_now_ns() - start_ns) / 1e3;
  }
  printf("thread first_us=%.2f p99_us=%.2f life_us=%.1f\n", quantile(first_us, count, 0.5),
         quantile(first_us, count, 0.99), quantile(life_us, count, 0.5));
  free(first_us);
  free(life_us);
  return 0;
}

static int tiny(int say) {
  char *volatile object = malloc(FIRST_BYTES);
  if (!object) return 1;
  object[0] = 1;
  free(object);
  if (!say) return 0;
  static char text[4096]; /* no stdio before the figure is read: its buffer would be in it */
  int         fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  ssize_t     length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  char       *line = length > 0 ? strstr(text, "VmHWM:") : NULL;
  if (!line) bench_fail("cannot read /proc/self/status");
  printf("tiny rss_kib=%lu\n", strtoul(line + strlen("VmHWM:"), NULL, 10));
  return 0;
}

int main(int argc, char **argv) {
  const char *which = argc > 1 ? argv[1] : "";
  size_t      count = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
  int         counted = count >= 1 && count <= MAX_TIMES;
  if (!strcmp(which, "tiny")) return tiny(argc > 2 && !strcmp(argv[2], "say"));
  if (!strcmp(which, "spawn") && counted) return spawn(count, argc - 3, argv + 3);
  if (!strcmp(which, "thread") && counted) return thread(count);
  fprintf(stderr, "usage: bench_start spawn N NAME=LIBRARY... -- PROG [ARG...]\n"
                  "       bench_start thread N\n"
                  "       bench_start tiny          (N: 1 to 100000)\n");
  return 2;
}
