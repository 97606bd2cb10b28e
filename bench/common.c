/* SPDX-License-Identifier: MIT */
/* common.c: the parts of common.h that no benchmark has on its hot path. */
#include "common.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MAX_THREADS = 256 };

uint64_t bench_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void bench_fail(const char *what) {
  fprintf(stderr, "bench: %s\n", what);
  exit(1);
}

static void usage(const bench_args *args, const char *what, FILE *out) {
  fprintf(out,
          "bench_%s: %s\n"
          "  --threads N  worker threads (%u)\n"
          "  --ops N      operations in all (%" PRIu64 ")\n"
          "  --live N     size of the working set (%" PRIu64 ")\n"
          "  --seed N     start of the random numbers (%" PRIu64 ")\n"
          "  --scale F    multiplies the operations (1)\n",
          args->name, what, args->threads, args->ops, args->live, args->seed);
}

static double number(const bench_args *args, const char *what, const char *flag, const char *text) {
  char *end = NULL;
  errno = 0;
  double value = text ? strtod(text, &end) : -1;
  if (!text || errno || end == text || *end || value < 0) {
    fprintf(stderr, "bench_%s: %s wants a number, got '%s'\n", args->name, flag, text ? text : "");
    usage(args, what, stderr);
    exit(2);
  }
  return value;
}

void bench_args_read(bench_args *args, int argc, char **argv, const char *what) {
  const bench_args defaults = *args;
  double           scale = 1;
  for (int i = 1; i < argc; i += 2) {
    const char *flag = argv[i];
    if (!strcmp(flag, "-h") || !strcmp(flag, "--help")) {
      usage(&defaults, what, stdout);
      exit(0);
    }
    double value = number(&defaults, what, flag, argv[i + 1]);
    if (!strcmp(flag, "--threads") && value >= 1 && value <= MAX_THREADS) {
      args->threads = (unsigned)value;
    } else if (!strcmp(flag, "--ops")) {
      args->ops = (uint64_t)value;
    } else if (!strcmp(flag, "--live") && value >= 1) {
      args->live = (uint64_t)value;
    } else if (!strcmp(flag, "--seed")) {
      args->seed = (uint64_t)value;
    } else if (!strcmp(flag, "--scale")) {
      scale = value;
    } else {
      fprintf(stderr, "bench_%s: cannot take %s %s\n", args->name, flag, argv[i + 1]);
      usage(&defaults, what, stderr);
      exit(2);
    }
  }
  args->ops = (uint64_t)((double)args->ops * scale);
  args->start_ns = bench_now_ns();
}

void bench_report(const bench_args *args, uint64_t checksum) {
  double seconds = (double)(bench_now_ns() - args->start_ns) / 1e9;
  printf("%s threads=%u ops=%" PRIu64 " live=%" PRIu64 " seed=%" PRIu64, args->name, args->threads,
         args->ops, args->live, args->seed);
  if (checksum) printf(" checksum=%016" PRIx64, checksum);
  printf(" seconds=%.3f\n", seconds);
}

void bench_threads_run(unsigned threads, void *(*work)(void *), void *contexts,
                       size_t context_bytes) {
  if (threads == 1) {
    work(contexts);
    return;
  }
  pthread_t handles[MAX_THREADS];
  for (unsigned i = 0; i < threads; i++) {
    if (pthread_create(&handles[i], NULL, work, (char *)contexts + i * context_bytes))
      bench_fail("cannot create a thread");
  }
  for (unsigned i = 0; i < threads; i++) pthread_join(handles[i], NULL);
}

/* The standard normal quantile by bisection on erfc: slow and short, run 4096 times at the
 * start. */
static double normal_quantile(double probability) {
  double low = -8, high = 8;
  for (int i = 0; i < 40; i++) {
    double middle = (low + high) / 2;
    if (0.5 * erfc(-middle / sqrt(2)) < probability)
      low = middle;
    else
      high = middle;
  }
  return (low + high) / 2;
}

void bench_sizes_init(bench_sizes *sizes, double median_bytes, double sigma, uint32_t min_bytes,
                      uint32_t max_bytes) {
  for (int i = 0; i < BENCH_SIZES; i++) {
    double size = median_bytes * exp(sigma * normal_quantile((i + 0.5) / BENCH_SIZES));
    size = fmin(fmax(size, min_bytes), max_bytes);
    sizes->of[i] = (uint32_t)size;
  }
}

void bench_sizes_init_log_uniform(bench_sizes *sizes, uint32_t min_bytes, uint32_t max_bytes) {
  double doublings = log2((double)max_bytes / min_bytes);
  for (int i = 0; i < BENCH_SIZES; i++)
    sizes->of[i] = (uint32_t)(min_bytes * exp2(doublings * (i + 0.5) / BENCH_SIZES));
}
